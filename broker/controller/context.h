/* context.h - what the controller knows: brokers, topics, partitions, and in which state each is.
 *
 * Filled from ZooKeeper when this broker becomes controller, changed only by the controller's event fiber,
 * emptied when it resigns. Nothing here waits or writes. Facts: kafka.controller.ControllerContext of 3.9.
 */
#ifndef SAMSA_CONTROLLER_CONTEXT_H
#define SAMSA_CONTROLLER_CONTEXT_H

#include "broker/base/hash.h"
#include "broker/base/list.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"
#include "zkutil/znode.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CTL_NO_LEADER = -1,
	/* of one partition; a topic with more is left alone, with an error in the log */
	CTL_REPLICAS_MAX = 64,
	CTL_PARTITIONS_MAX = 200000, /* of one topic */
};

/* NonExistent -> New -> Online <-> Offline -> NonExistent */
enum ctl_partition_state { PARTITION_NONEXISTENT, PARTITION_NEW, PARTITION_ONLINE, PARTITION_OFFLINE };

/* NonExistent -> New -> Online <-> Offline -> DeletionStarted -> DeletionSuccessful -> NonExistent, and
 * Offline or DeletionStarted -> DeletionIneligible -> Online or Offline */
enum ctl_replica_state {
	REPLICA_NONEXISTENT,
	REPLICA_NEW,
	REPLICA_ONLINE,
	REPLICA_OFFLINE,
	REPLICA_DELETION_STARTED,
	REPLICA_DELETION_SUCCESSFUL,
	REPLICA_DELETION_INELIGIBLE,
	REPLICA_STATES,
};

const char *ctl_partition_state_name(enum ctl_partition_state s);
const char *ctl_replica_state_name(enum ctl_replica_state s);

struct ctl_ids {
	int n;
	int32_t v[CTL_REPLICAS_MAX];
};

bool ctl_ids_has(const struct ctl_ids *ids, int32_t id);
void ctl_ids_remove(struct ctl_ids *ids, int32_t id);

/* Who leads, as the state znode has it. */
struct ctl_leadership {
	int32_t leader, leader_epoch, controller_epoch;
	int32_t partition_epoch; /* zkVersion of the state znode */
	bool recovering;
	struct ctl_ids isr;
};

struct ctl_replica {
	int32_t broker;
	enum ctl_replica_state state;
	bool failed_dir;         /* the broker has said KAFKA_STORAGE_ERROR for it */
	/* While the partition is reassigned: comes with it; goes with it. */
	bool adding, removing;
};

struct ctl_partition {
	struct ctl_topic *topic;
	int32_t index;
	enum ctl_partition_state state;
	bool has_leadership;
	struct ctl_leadership lead;
	int n_replicas;
	struct ctl_replica *replicas; /* in the order of the assignment */
	struct list moving;           /* ctl_context.moving, while it is reassigned */
};

struct ctl_topic {
	unsigned magic;
	UT_hash_handle hh;
	char *name;
	struct uuid id;            /* zero until it has one */
	bool id_is_written;        /* its znode has it */
	bool deleting;             /* queued in /admin/delete_topics */
	bool deletion_begun;       /* brokers have been told that it goes */
	int n_moving;              /* partitions that are reassigned: it is not deleted before the end */
	int n_partitions;          /* slots; a slot may be NULL */
	struct ctl_partition **partitions;
	void *watch;               /* the controller's, on the topic's znode */
};

struct ctl_broker {
	unsigned magic;
	UT_hash_handle hh;
	int32_t id;
	int64_t epoch;             /* czxid of its znode */
	bool shutting_down;
	bool reached;              /* this controller can tell it what it leads */
	struct arena arena;        /* of info */
	struct znode_broker info;
	struct sender *sender;
	void *watch;               /* the controller's, on the broker's znode */
};

struct ctl_context {
	struct hash_seed seed;
	struct list moving;        /* partitions that are reassigned */
	struct ctl_topic *topics;
	struct ctl_broker *brokers;
};

void ctl_context_init(struct ctl_context *ctx);

/* Registered, and so the leader of what it leads. */
bool ctl_is_registered(const struct ctl_context *ctx, int32_t broker);
/* Registered, within reach and not shutting down: may be made a leader. */
bool ctl_is_live(const struct ctl_context *ctx, int32_t broker);
struct ctl_broker *ctl_broker(const struct ctl_context *ctx, int32_t id);
/* Takes over `arena` and what `info` points to in it. */
struct ctl_broker *ctl_broker_add(struct ctl_context *ctx, int32_t id, int64_t epoch, struct arena *arena,
				  const struct znode_broker *info);
void ctl_broker_remove(struct ctl_context *ctx, struct ctl_broker *b);

struct ctl_topic *ctl_topic(const struct ctl_context *ctx, const char *name);
struct ctl_topic *ctl_topic_named(const struct ctl_context *ctx, struct slice name);
struct ctl_topic *ctl_topic_add(struct ctl_context *ctx, const char *name);
void ctl_topic_remove(struct ctl_context *ctx, struct ctl_topic *t);

/* NULL when there is none. */
struct ctl_partition *ctl_partition(const struct ctl_topic *t, int32_t index);
struct ctl_partition *ctl_partition_add(struct ctl_topic *t, int32_t index,
					const struct znode_ints *replicas);
/* Puts other replicas in place of the partition's; `v` may not be its own. */
void ctl_partition_place(struct ctl_context *ctx, struct ctl_partition *p, const struct ctl_replica *v,
			 int n);
static inline bool ctl_partition_is_moving(const struct ctl_partition *p)
{
	return list_linked(&p->moving);
}
struct ctl_replica *ctl_replica(struct ctl_partition *p, int32_t broker);
/* Live, and its disk has not failed. */
bool ctl_replica_is_online(const struct ctl_context *ctx, const struct ctl_replica *r);
void ctl_context_clear(struct ctl_context *ctx);

/* For every partition of every topic; the body is `ctl_partition *p`. */
#define ctl_each_topic(t, ctx) for (struct ctl_topic *t = (ctx)->topics; t; t = t->hh.next)
#define ctl_each_partition(p, t)                                                          \
	for (int p##_i = 0; p##_i < (t)->n_partitions; p##_i++)                           \
		for (struct ctl_partition *p = (t)->partitions[p##_i]; p; p = NULL)
#define ctl_each_broker(b, ctx) for (struct ctl_broker *b = (ctx)->brokers; b; b = b->hh.next)

#endif
