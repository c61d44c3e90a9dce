/* replay.h - what the records of a partition of __consumer_offsets say: later ones win, those of a
 * transaction count with its marker.
 *
 * Belongs to one load, which calls it from helpers, never two at a time. Batches come in the log's order.
 *
 * What cannot be read is told in the log and passed over: a batch whose checksum is wrong or whose
 * compression is damaged, a record whose key or value makes no sense. 3.9 gives up the whole partition then
 * and serves it as if it were empty, so that consumers fall back to auto.offset.reset; an older commit, where
 * there is one, only lets them read some records again. Only where the next batch cannot be found reading
 * ends.
 *
 * Facts: GroupMetadataManager.doLoadGroupsAndOffsets of 3.9.
 */
#ifndef SAMSA_GROUP_REPLAY_H
#define SAMSA_GROUP_REPLAY_H

#include "broker/base/arena.h"
#include "broker/base/compress.h"
#include "broker/base/hash.h"
#include "broker/base/slice.h"

#include "group_log.kmsg.h"

#include <stdbool.h>
#include <stdint.h>

struct offsets;

enum {
	REPLAY_INFLATED_MAX = 512 * 1024 * 1024, /* most bytes that one compressed batch may come to */
	REPLAY_GROUP_MAX = 256 * 1024 * 1024,    /* most memory that one group's record may ask for */
};

/* A group, as far as the log has been read. */
struct replay_group {
	UT_hash_handle hh;
	uint8_t *record;         /* the value of its last record; NULL: none, or a tombstone */
	uint32_t record_bytes;
	struct offsets *offsets; /* NULL: none */
	uint32_t id_bytes;
	uint8_t id[];
};

struct replay {
	unsigned magic;
	const char *name;        /* of the partition, for the log */
	struct hash_seed seed;
	struct codecs *codecs;
	struct arena arena;
	struct replay_group *groups;
	struct replay_txn *txns; /* open ones: which groups they commit for */
	int64_t next_offset;     /* behind the last batch */
	bool damaged;            /* what follows cannot be read */
	/* passed over */
	uint64_t bad_batches, bad_records, unknown_records;
};

/* `name` lives as long as it. */
struct replay *replay_new(const char *name, const struct hash_seed *seed, int64_t start_offset);
void replay_free(struct replay *r);
/* Whole batches, perhaps with a cut one behind them. How many batches were whole. */
uint32_t replay_add(struct replay *r, struct slice bytes);
/* The group's last record; it lives until the next call. False when it has none. */
bool replay_read_group(struct replay *r, const struct replay_group *g,
		       struct group_metadata_value *ret_value);

static inline struct slice replay_group_id(const struct replay_group *g)
{
	return slice_of(g->id, g->id_bytes);
}

#endif
