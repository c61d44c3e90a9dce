/* commit.h - what OffsetCommit does, on the core of the group's partition.
 *
 * Who may commit: a member of the present generation, whose session begins anew by it; anybody without a
 * generation, as long as the group has no members (simple consumers and tools). The offsets of one request
 * are one batch in the log; they can be read when it is appended as offsets.commit.required.acks says.
 * Facts: GroupCoordinator.handleCommitOffsets, GroupMetadataManager.storeOffsets of 3.9.
 */
#ifndef SAMSA_GROUP_COMMIT_H
#define SAMSA_GROUP_COMMIT_H

#include "broker/group/coordinator.h"
#include "broker/group/offsets.h"
#include "broker/group/store.h"

struct commit_part {
	struct slice topic;
	int32_t partition;
	struct offset_commit offset;
	enum kerr error; /* out */
};

/* Embedded in what the handler keeps for its request; slices live until done(). */
struct commit {
	/* in */
	struct slice group_id;
	int32_t partition; /* of __consumer_offsets */
	int32_t generation; /* below 0: none */
	struct slice member_id, instance_id;
	struct commit_part *parts; /* each partition once */
	int32_t n_parts;
	/* Once, at once or later, on this core: each part has its error. */
	void (*done)(struct commit *c);
	/* private */
	struct store store;
	struct group *group;
	uint32_t round;
};

void coordinator_commit(struct coordinator *co, struct commit *c);

/* Whether the text is at most offset.metadata.max.bytes long: counted, as Kafka does, in UTF-16 units. */
bool commit_metadata_fits(struct slice metadata, int32_t max);

#endif
