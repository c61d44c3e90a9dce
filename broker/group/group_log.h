/* group_log.h - the records of __consumer_offsets, byte for byte as 3.9 writes them, and read from whatever
 * is in the log.
 *
 * A key says by its version what the record is of: 0 and 1 an offset, 2 a group; those above belong to the
 * newer group protocol of KRaft brokers. A record without a value removes what its key names.
 *
 *	value		written						read
 *	offset		3; 1 with an expiry of its own; IBP < 2.1: 1, 2	0 to 4
 *	group		3; IBP < 2.3: 2, 1, 0				0 to 4
 *
 * Facts: GroupMetadataManager.groupMetadataKey, groupMetadataValue, offsetCommitKey, offsetCommitValue,
 * readMessageKey, readOffsetMessageValue, readGroupMessageValue of 3.9; contract: disk_format. The messages
 * are schema/group_log.kmsg. Nothing here belongs to a core.
 */
#ifndef SAMSA_GROUP_GROUP_LOG_H
#define SAMSA_GROUP_GROUP_LOG_H

#include "broker/base/arena.h"
#include "broker/base/slice.h"
#include "broker/config/ibp.h"
#include "broker/protocol/batch.h"

#include "group_log.kmsg.h"

#include <stdbool.h>
#include <stdint.h>

struct group;

/* ---- writing: each adds one record to a batch; false without memory, or at the batch's limit ---- */

/* The group as it is now, with its members and their assignments. */
bool group_log_add_group(struct batch_builder *b, const struct group *g, int64_t now_ms);
/* The group is gone. */
bool group_log_add_group_tombstone(struct batch_builder *b, struct slice group_id, int64_t now_ms);
bool group_log_add_offset(struct batch_builder *b, enum ibp ibp, const struct offset_commit_key *key,
			  const struct offset_commit_value *value, int64_t now_ms);
bool group_log_add_offset_tombstone(struct batch_builder *b, const struct offset_commit_key *key,
				    int64_t now_ms);
/* As group_log_add_group(), of what it is made of. */
bool group_log_add_group_value(struct batch_builder *b, enum ibp ibp, struct slice group_id,
			       const struct group_metadata_value *value, int64_t now_ms);

/* ---- reading: 0, or an enum kdec_error. Slices live as long as what they were read from; more bytes behind
 * the message are passed over, as Kafka does ---- */

enum group_record {
	GROUP_RECORD_OFFSET,
	GROUP_RECORD_GROUP,
	GROUP_RECORD_UNKNOWN, /* only its version is known */
};

struct group_key {
	enum group_record of;
	int16_t version;
	struct slice group, topic; /* topic and partition: of an offset */
	int32_t partition;
};

int group_log_read_key(struct slice key, struct group_key *ret_key);
/* KDEC_VERSION for a version that 3.9 does not know. */
int group_log_read_offset(struct slice value, struct offset_commit_value *ret_value);
int group_log_read_group(struct slice value, struct arena *arena, struct group_metadata_value *ret_value);

#endif
