/* load.h - reading a partition of __consumer_offsets after its election.
 *
 * A load reads the log from its start to its end without blocking the core, and keeps what it has read to
 * itself. At its end, if it was not cancelled, it gives it to the partition: groups (coordinator_group_make,
 * group_add, ...) and their offsets. Then, cancelled or not, it calls coordinator_load_over() once.
 * Facts: GroupMetadataManager.doLoadGroupsAndOffsets of 3.9.
 */
#ifndef SAMSA_GROUP_LOAD_H
#define SAMSA_GROUP_LOAD_H

struct coordinated;
struct load;

struct load *load_start(struct coordinated *at);
/* The partition was lost: the load ends as soon as it can, and touches no group. */
void load_cancel(struct load *l);

#endif
