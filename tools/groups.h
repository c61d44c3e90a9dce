/* groups.h - consumer groups as their coordinators tell and change them. */
#ifndef SAMSA_TOOLS_GROUPS_H
#define SAMSA_TOOLS_GROUPS_H

#include "offset_fetch.kmsg.h"
#include "tools/admin.h"

struct group_listing {
	struct slice id, state, type; /* state and type null: the broker is too old to tell */
	int32_t coordinator;          /* who has told of it */
};

struct group_partition {
	struct slice topic;
	int32_t partition;
	int64_t offset; /* -1: none */
	struct failure failure;
};

struct group_member {
	struct slice id, instance, client_id, host; /* instance null: a dynamic member */
	struct group_partition *partitions; /* what it was given, by topic and partition */
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
/* Those of one broker, in whatever order. */
int groups_list_at(
	struct admin *a, struct tool *t, int32_t node, struct group_listing **out, unsigned *n);
int groups_describe(struct admin *a, struct tool *t, struct slice group, struct group_description *out);
/* Its committed offsets, by topic and partition. */
int groups_offsets(
	struct admin *a, struct tool *t, struct slice group, struct group_partition **out, unsigned *n);

/* Several groups in one question where the broker takes that, without asking again: of the coordinator
 * that has listed them, in the order of their names. A description without a state, offsets with a code:
 * it did not tell. */
struct group_topics {
	struct offset_fetch_request_group_topic *v;
	int32_t n; /* -1: of all topics */
};

struct group_offsets {
	struct group_partition *v; /* by topic and partition */
	unsigned n;
	int code; /* enum kerr */
};

int groups_describe_at(struct admin *a, struct tool *t, int32_t node, bool newer, struct slice *groups,
	unsigned n, struct group_description *out);
int groups_offsets_at(struct admin *a, struct tool *t, int32_t node, const struct slice *groups, unsigned n,
	const struct group_topics *of, struct group_offsets *out);
int groups_commit(struct admin *a, struct tool *t, struct slice group, struct group_partition *v, unsigned n);
/* *code is the answer's error for the group as a whole; each partition has its own failure. -1 only where
 * there is no answer. */
int groups_delete_offsets(struct admin *a, struct tool *t, struct slice group, struct group_partition *v,
	unsigned n, int *code);
int groups_delete(struct admin *a, struct tool *t, struct slice group);
int group_partitions_order(const void *a, const void *b);

#endif
