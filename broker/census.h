/* census.h - what the rooms of a broker tell of themselves, gathered for one page of metrics.
 *
 * Each room is asked on the reactor that owns it. The partitions are asked for in rounds, some hundred of
 * each core at a time, so that no core is kept from its work for longer than a request takes.
 */
#ifndef SAMSA_CENSUS_H
#define SAMSA_CENSUS_H

#include "broker/cluster/meta.h"
#include "broker/cluster/zkc.h"
#include "broker/controller/controller.h"
#include "broker/group/coordinator.h"
#include "broker/net/net.h"
#include "broker/replica/manager.h"

enum {
	CENSUS_ROUND = 256,   /* partitions of each core that are asked for at a time */
	CENSUS_WHY_BYTES = 256,
};

/* One partition of a topic of which this broker has replicas. Figures are set when it has this one. */
struct census_partition {
	const struct meta_topic *topic; /* of the census' snapshot */
	int32_t index;
	int home;
	bool here, leader, failed;
	bool under_replicated, under_min_isr, at_min_isr;
	int isr, replicas;
	int64_t start, end, stable_lag;
	uint64_t size;
	uint32_t segments;
};

/* Of one core; the control reactor has the first two. */
struct census_core {
	int64_t cpu_ns;
	uint64_t turns;
	int sessions;                /* of fetches */
	int64_t session_partitions;
	struct coordinator_figures groups;
	bool more_groups;            /* while it is asked */
	struct net_counters net;
};

struct census_dir {
	const char *path; /* the configuration's */
	bool offline;
	int uncleanable;  /* partitions that compaction has given up on */
};

struct census {
	bool whole;       /* asked for all; else only for what readiness needs */
	char not_ready[CENSUS_WHY_BYTES]; /* "": it is ready */
	int n_cores;
	struct census_core *cores, control;
	bool has_rooms;   /* the logs are open: there are partitions, directories and sessions */
	bool has_net;
	struct metadata *meta;
	struct census_partition *partitions;
	int n_partitions;
	struct census_dir *dirs;
	int n_dirs;
	struct manager_cleaner_figures cleaner; /* zero: it is switched off */
	bool has_controller;
	struct controller_figures controller;
	bool has_zk;
	struct zkc_figures zk;
	int32_t broker_id;
	const char *cluster_id; /* the broker's; NULL while it is not known */
};

struct broker;

/* In a fiber of the control reactor; `c` is empty, but for `whole`. */
void census_take(struct broker *b, struct census *c);
/* Frees what it holds. Any thread. */
void census_clear(struct census *c);

#endif
