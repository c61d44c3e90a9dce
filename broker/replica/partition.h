/* partition.h - the replicas that this broker has, each on its home core: leader state, high watermark, who
 * waits.
 *
 * A struct replicas is one core's table of them. Everything here runs on that core. What it is told (leader,
 * epochs, in-sync replicas) comes from a controller's LeaderAndIsr by way of the control reactor (manager.h).
 *
 * Life of a partition:
 *
 *	replicas_add(log) -> (no role) -> leader or follower, as often as the controller says
 *	-> replicas_remove -> log
 *
 * The high watermark is the smallest log end among the in-sync replicas; it never goes back while this broker
 * leads. Facts: kafka.cluster.Partition of 3.9; contract: coordination, section 5.
 */
#ifndef SAMSA_REPLICA_PARTITION_H
#define SAMSA_REPLICA_PARTITION_H

#include "broker/base/hash.h"
#include "broker/base/kerr.h"
#include "broker/base/list.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"
#include "broker/cluster/meta.h"
#include "broker/cluster/settings.h"
#include "broker/storage/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { PARTITION_REPLICAS_MAX = 64 }; /* of one partition; more are refused */

/* What a controller says of a partition. */
struct partition_role {
	int32_t leader;
	int32_t leader_epoch;
	int32_t controller_epoch;
	int32_t partition_epoch;
	int32_t n_isr, n_replicas;
	int32_t isr[PARTITION_REPLICAS_MAX], replicas[PARTITION_REPLICAS_MAX];
	bool moving;                    /* replicas come or go */
};

struct partition {
	unsigned magic;
	UT_hash_handle hh;
	struct replicas *home;
	struct log *log;
	struct topic_settings *settings;
	struct uuid topic_id;
	bool has_role;
	struct partition_role role;
	int64_t epoch_start;            /* log end when this leader epoch began */
	int64_t high_watermark;
	/* beside role.replicas; -1: not known. This broker's is unused */
	int64_t follower_end[PARTITION_REPLICAS_MAX], follower_start[PARTITION_REPLICAS_MAX];
	struct list acks;               /* appends that wait for the high watermark, by offset */
	struct list readers, deleters;  /* struct partition_wait */
	int32_t index;
	uint32_t topic_bytes;
	char topic[];                   /* zero-terminated */
};

struct replicas;

struct replicas *replicas_new(struct reactor *home, int32_t broker_id, const struct hash_seed *seed,
			      struct log_owner *log_owner);
/* All partitions must be gone. */
void replicas_free(struct replicas *r);

/* NULL when this broker has no such replica (or it has another home). */
struct partition *replicas_find(const struct replicas *r, struct slice topic, int32_t index);
/* Takes the log (it is attached to this core) and a hold on the settings. */
struct partition *replicas_add(struct replicas *r, struct slice topic, int32_t index, struct log *log,
			       struct topic_settings *settings, int64_t high_watermark);
/* Forgets it: who waits is told NOT_LEADER_OR_FOLLOWER. The log, still attached, is the caller's. */
struct log *replicas_remove(struct partition *p);
void replicas_each(struct replicas *r, void (*each)(void *arg, struct partition *p), void *arg);

/* ---- roles ---- */

/* Told whenever a partition of this core gets a role, loses it or fails, before who waits is: what is built
 * upon partitions (coordinators) comes and goes with them. */
struct replicas_listener {
	struct list link;
	void (*changed)(struct replicas_listener *l, struct partition *p);
};

/* They are told in the order in which they came. */
void replicas_listen(struct replicas *r, struct replicas_listener *l);
/* Before replicas_free(). */
void replicas_unlisten(struct replicas_listener *l);

/* STALE_CONTROLLER_EPOCH for a leader epoch that is not newer (contract: coordination, section 4),
 * UNKNOWN_TOPIC_OR_PARTITION when this broker is not among the replicas, INCONSISTENT_TOPIC_ID. */
enum kerr partition_set_role(struct partition *p, const struct partition_role *role,
			     const struct uuid *topic_id);
/* Neither leads nor follows any more, until the next role; who waits is told. */
void partition_drop_role(struct partition *p);
/* Its log directory has failed: KAFKA_STORAGE_ERROR from now on, also for who waits. */
void partition_fail(struct partition *p, int error);
void partition_set_settings(struct partition *p, struct topic_settings *settings);

bool partition_is_leader(const struct partition *p);
/* Whether requests that need the leader may go on here; `client_epoch` -1: the client does not say.
 * NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR. */
enum kerr partition_check_leader(const struct partition *p, int32_t client_epoch);

/* ---- append ---- */

struct partition_append {
	struct log_append op;
	bool all;               /* acks=all: done when the high watermark has passed it */
	struct partition *partition;
	struct list link;       /* partition.acks */
	/* On the home core, once: op.error, op.base_offset and so on tell. After partition_append() returned
	 * NONE. */
	void (*done)(struct partition_append *a);
};

/* As log_append(), for the leader. NOT_ENOUGH_REPLICAS before anything is written. */
enum kerr partition_append(struct partition *p, struct partition_append *a);
/* Stops waiting for the high watermark (a timeout); false when it was not waiting. `done` is not called. */
bool partition_append_abandon(struct partition_append *a);

/* ---- read ---- */

enum partition_isolation { READ_UNCOMMITTED, READ_COMMITTED, READ_AS_FOLLOWER };

int64_t partition_last_stable(const struct partition *p);
/* Where reading ends for whom. */
int64_t partition_read_limit(const struct partition *p, enum partition_isolation isolation);

/* Somebody who wants to know when there may be more to read, or when this broker leads no more. Told once. */
struct partition_wait {
	struct list link;
	void (*wake)(struct partition_wait *w);
};

void partition_wait(struct partition *p, struct partition_wait *w);
/* Harmless when it was woken already. */
void partition_unwait(struct partition_wait *w);

/* A follower has asked for `fetch_offset`: it has everything from `start_offset` (-1: it does not say) up to
 * there. */
enum kerr partition_follower_has(struct partition *p, int32_t broker_id, int64_t start_offset,
				 int64_t fetch_offset);

/* ---- to another log directory ---- */

/* `copy` takes the place of the log, as log_take_over() says; the log is then the caller's, to be
 * detached. */
int partition_replace_log(struct partition *p, struct log *copy, const char *dir);

/* ---- deletion by clients ---- */

/* DeleteRecords: the log begins at `*offset` from now on; -1 is the high watermark, and becomes its number.
 * OFFSET_OUT_OF_RANGE, POLICY_VIOLATION, and as partition_check_leader(). */
enum kerr partition_delete_records(struct partition *p, int64_t *offset);
/* Below it no replica has anything: the smallest log start of those whose broker is there. */
int64_t partition_low_watermark(const struct partition *p, const struct metadata *meta);
/* Wakes `w` once, when the low watermark may have moved, or this broker leads no more. */
void partition_wait_deletion(struct partition *p, struct partition_wait *w);

#endif
