/* group_world.h - one core of a simulated broker with a partition of __consumer_offsets and its coordinator,
 * and clients whose requests are made by hand. Time goes on when a test says so.
 */
#ifndef SAMSA_TESTS_GROUP_WORLD_H
#define SAMSA_TESTS_GROUP_WORLD_H

#include "broker/group/coordinator.h"
#include "broker/group/group.h"
#include "broker/group/membership.h"
#include "tests/sim/sim.h"
#include "tests/unit/ut.h"

enum {
	GW_BROKER = 1,
	GW_DELAY_MS = 3000,     /* group.initial.rebalance.delay.ms */
	GW_SESSION_MS = 10000,  /* of clients that say nothing else */
	GW_PATIENCE_MS = 60000, /* their rebalance timeout */
	GW_TEXT = 128,
	GW_MEMBERS = 16,
};

struct group_world {
	struct sim_host *host;
	struct reactor *core;
	struct sys_helpers *helpers;
	struct config *config;
	struct topic_settings *settings;
	struct replicas *replicas;
	struct log *log;
	struct partition *partition;
	struct coordinator *coordinator;
	int32_t epoch;
	/* of the loader */
	bool holds_loads;       /* they wait until gw_load_over() */
	struct coordinated *loading;
	int loads, cancelled;
};

/* `settings`: lines "key=value" of the broker; `topic`: a key of __consumer_offsets with its value, or NULL.
 * The partition is led here, and loaded. */
void gw_begin(struct group_world *w, const char *settings, const char *topic, const char *topic_value);
void gw_end(struct group_world *w);
/* On the core; then until nothing is under way but time. */
void gw_do(struct group_world *w, void (*run)(struct group_world *w, void *arg), void *arg);
/* A new leader epoch: `leads` here or elsewhere; in-sync replicas besides this one that never fetch. */
void gw_role(struct group_world *w, bool leads, int others_in_sync);
void gw_load_over(struct group_world *w);
struct group *gw_group(struct group_world *w, const char *id);
enum group_state gw_state(struct group_world *w, const char *id);
int64_t gw_log_end(struct group_world *w);

/* ---- a client ---- */

struct gw_client {
	/* what it says; NULL and 0: as usual */
	const char *group, *instance, *kind;
	const char *protocols; /* "range,sticky": names, whose metadata are "meta" and `word` */
	const char *word;
	int version;           /* of JoinGroup: what it may be told */
	int32_t session_ms, patience_ms;
	/* what it got last */
	char id[GW_TEXT];
	int32_t generation;
	enum kerr error;
	char leader[GW_TEXT], protocol[GW_TEXT], told_id[GW_TEXT];
	bool skip_assignment;
	int told;              /* members in the answer */
	char assignment[GW_TEXT];
	/* counts of answers, so that a second one to the same request is seen */
	int joins, syncs, joined, synced;
	struct join *join;     /* the last one, while it waits */
	struct sync *sync;
};

/* Sends; the answer is there when c->joined == c->joins. */
void gw_join(struct group_world *w, struct gw_client *c);
/* Both steps of a dynamic member of v4+: its id, and the join that may be parked. */
void gw_enter(struct group_world *w, struct gw_client *c);
bool gw_waits(const struct gw_client *c);
void gw_sync(struct group_world *w, struct gw_client *c);
/* A leader's sync: the i-th gets "work-i". */
void gw_assign(struct group_world *w, struct gw_client *leader, struct gw_client *of, int n);
enum kerr gw_beat(struct group_world *w, struct gw_client *c);
enum kerr gw_leave(struct group_world *w, struct gw_client *c);
enum kerr gw_leave_as(struct group_world *w, const char *group, const char *id, const char *instance);
/* A group of these in its first generation, STABLE; the first leads. */
void gw_stable(struct group_world *w, struct gw_client *c, int n);

#endif
