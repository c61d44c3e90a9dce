/* controller.h - the one broker that decides who leads: elected through ZooKeeper, fenced by its epoch.
 *
 * Every broker has one of these; at most one of the cluster is active. It lives on the control reactor: one
 * fiber works off a queue of events, so that only one thing is decided at a time. All its writes to ZooKeeper
 * are guarded by the version of /controller_epoch that it got when it was elected. What it decides is written
 * to the partitions' state znodes and sent to the brokers as LeaderAndIsr, UpdateMetadata and StopReplica.
 *
 * It never rests without being the controller or watching a /controller that existed when the watch was set:
 * 3.9.2 can, when /controller is deleted twice in quick succession. Facts: kafka.controller.KafkaController
 * of 3.9; contract: zk_schema section 3, coordination sections 2 to 4 and 7.
 */
#ifndef SAMSA_CONTROLLER_CONTROLLER_H
#define SAMSA_CONTROLLER_CONTROLLER_H

#include "broker/base/kerr.h"
#include "broker/base/slice.h"
#include "broker/cluster/zkc.h"
#include "broker/config/config.h"
#include "broker/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct controller;
struct leader_and_isr_request;
struct leader_and_isr_response;
struct update_metadata_request;
struct stop_replica_request;
struct stop_replica_response;
struct arena;

/* How the controller reaches a broker; main registers it. In a fiber of that broker's sender: each waits
 * until the broker has done what it was told. 0, or negative errno when the broker could not be reached: it
 * is tried again. Responses lie in the arena. */
struct controller_ports {
	void *arg;
	struct metrics_core *metrics; /* the control reactor's; NULL: nothing is counted */
	/* Whether this broker can be told anything. One that cannot keeps what it leads and is given no
	 * more. */
	bool (*reaches)(void *arg, int32_t broker);
	int (*leader_and_isr)(void *arg, int32_t broker, const struct leader_and_isr_request *req,
			      struct leader_and_isr_response *resp, struct arena *arena);
	int (*update_metadata)(void *arg, int32_t broker, const struct update_metadata_request *req);
	int (*stop_replica)(void *arg, int32_t broker, const struct stop_replica_request *req,
			    struct stop_replica_response *resp, struct arena *arena);
	/* Puts this broker's znode back after a session has expired; gives the new broker epoch. In a
	 * fiber. */
	enum zk_err (*register_broker)(void *arg);
};

struct controller *controller_new(struct reactor *control, struct zkc *zkc, const struct config *config,
				  int32_t broker_id, const struct controller_ports *ports);
/* The broker's settings are these from now on. Where unclean elections are allowed of a sudden, they are
 * held. */
void controller_set_config(struct controller *c, const struct config *now);
/* The same of one topic's own. */
void controller_topic_settings_changed(struct controller *c, const char *topic);
/* Takes part in the election from now on. In a fiber; returns when the first election is over. */
void controller_start(struct controller *c);
/* Resigns and stops. In a fiber. */
void controller_stop(struct controller *c);
void controller_free(struct controller *c);

bool controller_is_active(const struct controller *c);

/* ---- what admins ask for ----
 * In a fiber of the control reactor; each waits for its turn among the controller's events. NOT_CONTROLLER:
 * this broker is not the active one, or has resigned meanwhile; then nothing is said of the partitions. */

/* A partition, named at most once, and what came of it. */
struct controller_asked {
	struct slice topic;
	int32_t partition;
	const int32_t *target;  /* where its replicas shall be */
	int32_t n_target;       /* -1: where they were before */
	enum kerr error;
	const char *why;        /* or NULL */
	int32_t leader;         /* who leads after an election */
};

/* Preferred leaders; or, `unclean`, any that live where there is no leader at all. */
enum kerr controller_elect(struct controller *c, bool unclean, struct controller_asked *v, int32_t n);
/* Sends replicas on their way, which may take longer than this. `why` may lie in the arena. */
enum kerr controller_reassign(struct controller *c, struct controller_asked *v, int32_t n,
			      struct arena *arena);

/* A partition whose replicas are on their way. */
struct controller_move {
	const char *topic;
	int32_t partition;
	int32_t *replicas, *adding, *removing;
	int32_t n_replicas, n_adding, n_removing;
};

/* Those among `v`, or all when it is NULL; in the arena. */
enum kerr controller_moves(struct controller *c, struct controller_asked *v, int32_t n, struct arena *arena,
			   struct controller_move **out, int32_t *n_out);

/* ---- for metrics ---- */
struct controller_figures {
	bool active;
	int32_t epoch;
	int topics, partitions, offline_partitions, brokers, queued_events;
	int not_preferred;         /* partitions led by another than their first replica */
	int deleting_topics, deleting_replicas; /* not yet deleted */
	int stuck_topics, stuck_replicas;       /* of those: what waits for a broker, a disk or a move */
	int state;                 /* Kafka's number for the event that runs; 0: none */
	uint64_t unclean_elections; /* since the start of the process */
};
void controller_figures(const struct controller *c, struct controller_figures *out);

#endif
