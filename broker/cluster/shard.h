/* shard.h - which core is a partition's home: one answer for every room.
 *
 * The home is a hash of topic name and partition, the same for the life of the process. Everything that
 * belongs to the partition (its log, its leader state, who waits on it) lives there. See
 * doc/adr/0001-home-core.md.
 */
#ifndef SAMSA_CLUSTER_SHARD_H
#define SAMSA_CLUSTER_SHARD_H

#include "broker/base/slice.h"

/* 0 .. cores - 1. Partitions of one topic go to neighbouring cores, so that a topic with as many partitions
 * as there are cores uses each of them once. */
static inline int shard_home(struct slice topic, int32_t partition, int cores)
{
	uint32_t h = 2166136261u; /* FNV-1a: spreads names; nothing is gained by aiming at it */
	for (uint32_t i = 0; i < topic.n; i++)
		h = (h ^ topic.p[i]) * 16777619u;
	return (int)((h + (uint32_t)partition) % (uint32_t)cores);
}

#endif
