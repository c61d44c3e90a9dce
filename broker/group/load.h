/* load.h - reading a partition of __consumer_offsets after its election.
 *
 * A load reads the log from its start to its end without blocking the core, and keeps what it has read to
 * itself. At its end, if it was not cancelled, it gives it to the partition: groups (coordinator_group_make,
 * group_add, ...) and their offsets. Then, cancelled or not, it calls coordinator_load_over() once, never
 * from within start() or cancel().
 * Facts: GroupMetadataManager.doLoadGroupsAndOffsets of 3.9.
 */
#ifndef SAMSA_GROUP_LOAD_H
#define SAMSA_GROUP_LOAD_H

#include "broker/group/coordinator.h"

extern const struct coordinator_loader load_loader;

#endif
