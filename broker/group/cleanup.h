/* cleanup.h - what makes offsets and groups go: their retention, an admin, the end of a topic.
 *
 * Each offset that goes leaves a tombstone in the log, and so does a group without members whose last offset
 * has gone. They are written in batches of CLEANUP_BATCH_BYTES; what could not be written is told in the log
 * and comes back with the next load, to go again.
 *
 * On the core of the group's partition. Facts: GroupMetadataManager.cleanupGroupMetadata,
 * GroupMetadata.removeExpiredOffsets, GroupCoordinator.handleDeleteGroups, handleDeleteOffsets,
 * handleDeletedPartitions of 3.9.
 */
#ifndef SAMSA_GROUP_CLEANUP_H
#define SAMSA_GROUP_CLEANUP_H

#include "broker/group/coordinator.h"
#include "broker/group/offsets.h"

enum { CLEANUP_BATCH_BYTES = 64 * 1024 };

struct metadata;

/* Looks for what has expired every offsets.retention.check.interval.ms, from the first election on until
 * coordinator_stop(). */
void cleanup_start(struct coordinator *co);
void cleanup_stop(struct coordinator *co);

/* What of the group's offsets may expire now, and from when on their retention counts; false: nothing may. */
bool cleanup_expiry(const struct group *g, int64_t now_ms, int64_t retention_ms,
		    struct offsets_expiry *ret_expiry);
/* What of the group has expired goes, and the group if nothing is left. Returns how many offsets. */
size_t cleanup_group(struct group *g, int64_t now_ms);

/* NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, and what coordinator_check() says. */
enum kerr coordinator_delete_group(struct coordinator *co, struct slice group_id, int32_t partition);

struct delete_part {
	struct slice topic;
	int32_t partition;
	enum kerr error; /* out: GROUP_SUBSCRIBED_TO_TOPIC */
};

/* What is wrong with the request as a whole; NONE: each part has its own error. */
enum kerr coordinator_delete_offsets(struct coordinator *co, struct slice group_id, int32_t partition,
				     struct delete_part *parts, int32_t n);

/* The cluster has changed: topics that are there no more lose their offsets. */
void coordinator_metadata_changed(struct coordinator *co, const struct metadata *before,
				  const struct metadata *now);

#endif
