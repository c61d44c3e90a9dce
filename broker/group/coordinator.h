/* coordinator.h - one core's part of the group coordinator: the partitions of __consumer_offsets that are led
 * here, and the groups in them.
 *
 * Everything runs on that core. A partition's state, as elections come and go:
 *
 *	          elected                  load over
 *	NONE -----------------> LOADING -----------------> ACTIVE
 *	  ^                        |                          |
 *	  +------ resigned --------+-------- resigned --------+
 *
 * Elections come from the replica room (coordinator_role_changed), in the order in which the roles change, so
 * a load and its end need no epochs to be told apart: a load that was cancelled is no longer `load`.
 * Facts: kafka.coordinator.group.GroupCoordinator, GroupMetadataManager of 3.9.
 */
#ifndef SAMSA_GROUP_COORDINATOR_H
#define SAMSA_GROUP_COORDINATOR_H

#include "broker/base/hash.h"
#include "broker/base/kerr.h"
#include "broker/base/list.h"
#include "broker/base/log.h"
#include "broker/base/slice.h"
#include "broker/config/config.h"
#include "broker/metrics/metrics.h"
#include "broker/reactor/call.h"
#include "broker/replica/partition.h"

#include <stdbool.h>
#include <stdint.h>

struct cleanup;
struct codecs;
struct group;
struct load;

enum {
	COORDINATOR_GROUPS_MAX = 1000 * 1000, /* on one core */
};

#define GROUP_LOGGER "kafka.coordinator.group.GroupCoordinator"
#define GROUP_METADATA_LOGGER "kafka.coordinator.group.GroupMetadataManager"

/* Lines of the log as Kafka has them. */
#define coordinator_log(level, co, format, ...) \
	log_write((level), GROUP_LOGGER, "[GroupCoordinator %d]: " format, (co)->broker_id, __VA_ARGS__)
#define coordinator_info(co, ...) coordinator_log(LOG_INFO, (co), __VA_ARGS__)
#define group_debug(g, ...) coordinator_log(LOG_DEBUG, (g)->home->home, __VA_ARGS__)
#define group_info(g, ...) coordinator_log(LOG_INFO, (g)->home->home, __VA_ARGS__)
#define group_warn(g, ...) coordinator_log(LOG_WARN, (g)->home->home, __VA_ARGS__)
#define group_error(g, ...) coordinator_log(LOG_ERROR, (g)->home->home, __VA_ARGS__)

enum coordinated_state { COORDINATED_NONE, COORDINATED_LOADING, COORDINATED_ACTIVE };

/* A partition of __consumer_offsets; once made it lives as long as the coordinator. */
struct coordinated {
	unsigned magic;
	UT_hash_handle hh;
	struct coordinator *home;
	int32_t index;
	int32_t epoch;         /* of the leader: the coordinator epoch */
	enum coordinated_state state;
	struct load *load;     /* LOADING: the one under way */
	struct group *groups;  /* by id */
};

/* Loads that ended in one half minute. */
struct load_times {
	int64_t since_ns;
	int n;
	int64_t sum_ms, max_ms;
};

struct coordinator {
	unsigned magic;
	struct reactor *home;
	struct replicas *replicas;
	struct replicas_listener listener; /* elects and resigns with the partitions' roles */
	const struct config *config;
	const struct coordinator_loader *loader;
	int32_t broker_id;
	struct codecs *codecs;
	struct hash_seed seed;
	struct coordinated *partitions; /* by index */
	int n_groups;
	int n_loading;
	bool stopped;
	struct load *loads_waiting; /* load.c: those that wait for their turn, */
	bool loads_run;        /* and whether somebody takes them */
	struct list walks;     /* walk.h: those under way */
	struct cleanup *cleanup; /* cleanup.c; NULL before the first election */
	struct load_times load_times[2]; /* of this half minute, and of the one before */
	int loads;             /* not over yet, cancelled ones included */
	struct call *stopping; /* waits for them */
};

/* load.h; another one in tests of what is not about loading. */
struct coordinator_loader {
	struct load *(*start)(struct coordinated *at);
	/* The partition was lost: the load ends as soon as it can, and touches no group. */
	void (*cancel)(struct load *load);
};

/* Listens to the roles of the partitions from now on. */
struct coordinator *coordinator_new(struct reactor *home, struct replicas *replicas,
				    const struct config *config, int32_t broker_id,
				    const struct coordinator_loader *loader);
/* After coordinator_stop(), when the core's partitions are gone. */
void coordinator_free(struct coordinator *co);
/* The broker goes down: who waits is told NOT_COORDINATOR, who comes later COORDINATOR_NOT_AVAILABLE. `done`
 * is answered when no load runs any more. */
void coordinator_stop(struct coordinator *co, struct call *done);

/* A load has ended, cancelled or not: what it read is in place if `at->load` is still it. */
void coordinator_load_over(struct coordinated *at, struct load *load);

/* A load took so long. */
void coordinator_load_took(struct coordinator *co, int64_t ms);
/* Those that ended lately, all together. */
struct load_times coordinator_load_times(const struct coordinator *co);
/* Counts what metric.tbl has of groups. */
void coordinator_count(const struct coordinator *co, enum metric which, uint64_t n);

/* ---- where a group is ---- */

/* The partition of a group: abs(hash) % partitions. */
int32_t coordinator_partition_of(struct slice group, int32_t partitions);

enum group_id_rule {
	GROUP_ID_NOT_EMPTY,
	GROUP_ID_MAY_BE_EMPTY, /* OffsetCommit, OffsetFetch, DescribeGroups, DeleteGroups */
};

/* What every request is asked first, in this order: INVALID_GROUP_ID, COORDINATOR_NOT_AVAILABLE (stopped),
 * COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR. NONE: *at is the partition. */
enum kerr coordinator_check(struct coordinator *co, struct slice group, int32_t partition,
			    enum group_id_rule rule, struct coordinated **at);
/* NULL: there is none. */
struct group *coordinator_group(const struct coordinated *at, struct slice id);
/* The one there is, or a new EMPTY one. NULL at COORDINATOR_GROUPS_MAX. */
struct group *coordinator_group_make(struct coordinated *at, struct slice id);
/* The group is DEAD and found no more; freed by the last group_drop(). Who waits is told `why`. */
void coordinator_group_remove(struct group *g, enum kerr why);
/* All groups of the core at once (walk.h: in steps), in partitions that are ACTIVE. `each` may remove the
 * group it is given. */
void coordinator_groups_each(struct coordinator *co, void (*each)(void *arg, struct group *g), void *arg);

static inline bool coordinator_is_loading(const struct coordinator *co)
{
	return co->n_loading > 0;
}

#endif
