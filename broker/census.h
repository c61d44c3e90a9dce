/* census.h - what the rooms of a broker tell of themselves, gathered for one page of metrics.
 *
 * Each room is asked on the reactor that owns it. The partitions are asked for in rounds, some hundred of
 * each core at a time, so that no core is kept from its work for longer than a request takes.
 */
#ifndef SAMSA_CENSUS_H
#define SAMSA_CENSUS_H

#include "broker/api/api.h"
#include "broker/cluster/meta.h"
#include "broker/cluster/zkc.h"
#include "broker/controller/controller.h"
#include "broker/group/group.h"
#include "broker/net/net.h"
#include "broker/replica/manager.h"

enum {
	CENSUS_ROUND = 256,   /* partitions of each core that are asked for at a time */
	CENSUS_COMMITS = 100000, /* offsets of groups that are told of one core */
	CENSUS_KINDS_BYTES = 1024 * 1024, /* of one core's connections: who they are, how they speak TLS */
	CENSUS_NAMES_BYTES = 64 * 1024 * 1024, /* of one core's groups */
	CENSUS_WHY_BYTES = 256,
};

/* One partition of a topic of which this broker has replicas. Figures are set when it has this one. */
struct census_partition {
	const struct meta_topic *topic; /* of the census' snapshot */
	int32_t index;
	int home;
	bool here, leader, failed;
	bool under_replicated, under_min_isr, at_min_isr, moving;
	int isr, replicas;
	int64_t start, end, stable_lag;
	uint64_t size;
	uint32_t segments, producers;
};

/* Of one core; the control reactor has the first two. */
struct census_core {
	int64_t cpu_ns;
	uint64_t turns;
	int sessions;                /* of fetches */
	int64_t session_partitions;
	uint64_t sessions_evicted;
	struct api_waits waits;
	struct arena texts;          /* of the connections' kinds and of listeners */
	struct kinds_copy clients, ciphers;
	struct net_counters net;
};

struct census_dir {
	const char *path; /* the configuration's */
	bool offline;
	struct manager_uncleanable uncleanable; /* what compaction has given up on */
};

/* What a group has committed for a partition that is led here. */
struct census_commit {
	const char *group;
	int partition;      /* among the census' */
	int64_t offset, lag;
	int64_t behind_ms;  /* how long ago the first record was written that it has not read; -1 not known */
};

/* The groups of one core. */
struct census_groups {
	uint64_t groups[GROUP_STATES], offsets;
	uint64_t sessions, rebalances; /* that wait for time to pass */
	int loads;                     /* that ended lately, */
	int64_t loads_sum_ms, loads_max_ms; /* and how long they took */
	struct arena arena; /* of the names */
	struct census_commit *commits;
	int n_commits, room;
	bool cut;           /* there were more than CENSUS_COMMITS */
};

struct census {
	bool whole;       /* asked for all; else only for what readiness needs */
	char not_ready[CENSUS_WHY_BYTES]; /* "": it is ready */
	int n_cores;
	struct census_core *cores, control;
	bool has_rooms;   /* the logs are open: there are partitions, directories and sessions */
	bool has_net;
	struct net_listener_counters listeners[NET_LISTENERS_MAX];
	int n_listeners;
	struct metadata *meta;
	struct census_partition *partitions;
	int n_partitions;
	struct census_groups *groups; /* of each core */
	struct census_dir *dirs;
	int n_dirs;
	struct manager_cleaner_figures cleaner; /* zero: it is switched off */
	struct manager_move_figures moves;
	uint64_t requests_in_line, topics_awaited, elections_awaited;
	bool has_controller;
	struct controller_figures controller;
	bool has_zk;
	struct zkc_figures zk;
	int32_t broker_id;
	const char *cluster_id; /* the broker's; NULL while it is not known */
};

struct broker;

/* A part of it (census_groups.c), when the partitions are known. */
void census_take_groups(struct broker *b, struct census *c);

/* In a fiber of the control reactor; `c` is empty, but for `whole`. */
void census_take(struct broker *b, struct census *c);
/* Frees what it holds. Any thread. */
void census_clear(struct census *c);

#endif
