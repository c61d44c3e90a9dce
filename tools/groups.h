/* groups.h - consumer groups as their coordinators tell and change them. */
#ifndef SAMSA_TOOLS_GROUPS_H
#define SAMSA_TOOLS_GROUPS_H

#include "tools/admin.h"

struct group_listing {
	struct slice id, state, type; /* state and type null: the broker is too old to tell */
};

struct group_partition {
	struct slice topic;
	int32_t partition;
	int64_t offset; /* -1: none */
	struct failure failure;
};

struct group_member {
	struct slice id, instance, client_id, host; /* instance null: a dynamic member */
	struct group_partition *partitions;
	unsigned n_partitions;
};

struct group_description {
	struct slice id, state, assignor;
	const struct admin_broker *coordinator;
	struct group_member *members;
	unsigned n_members;
};

/* The groups of consumers on all brokers, by name. Filters as Kafka spells states and types; n 0: all. */
int groups_list(struct admin *a, struct tool *t, struct slice *states, unsigned n_states, struct slice *types,
	unsigned n_types, struct group_listing **out, unsigned *n);
int groups_describe(struct admin *a, struct tool *t, struct slice group, struct group_description *out);
/* Its committed offsets, by topic and partition. */
int groups_offsets(
	struct admin *a, struct tool *t, struct slice group, struct group_partition **out, unsigned *n);
int groups_commit(struct admin *a, struct tool *t, struct slice group, struct group_partition *v, unsigned n);
/* *code is the answer's error for the group as a whole; each partition has its own failure. -1 only where
 * there is no answer. */
int groups_delete_offsets(struct admin *a, struct tool *t, struct slice group, struct group_partition *v,
	unsigned n, int *code);
int groups_delete(struct admin *a, struct tool *t, struct slice group);
int group_partitions_order(const void *a, const void *b);

#endif
