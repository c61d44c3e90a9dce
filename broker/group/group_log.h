/* group_log.h - the records of __consumer_offsets, as 3.9 writes and reads them.
 * Facts: GroupMetadataManager.groupMetadataKey, groupMetadataValue, offsetCommitKey, offsetCommitValue;
 * contract: disk_format. The messages are schema/group_log.kmsg. */
#ifndef SAMSA_GROUP_GROUP_LOG_H
#define SAMSA_GROUP_GROUP_LOG_H

#include "broker/group/group.h"
#include "broker/protocol/batch.h"

/* Adds the group as it is now, with its members and their assignments. False without memory. */
bool group_log_add_group(struct batch_builder *b, const struct group *g, int64_t now_ms);
/* The group is gone. */
bool group_log_add_group_tombstone(struct batch_builder *b, struct slice group_id, int64_t now_ms);

#endif
