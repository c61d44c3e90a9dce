/* controller_priv.h - inside the controller's room: the object, its events, and how the files of the room
 * divide it.
 *
 *	controller.c     election, resigning, failover, brokers that come and go
 *	topics_sm.c      topics that come, grow and go (watches on /brokers/topics and /admin/delete_topics)
 *	partition_sm.c   the partition state machine, and its writes to the state znodes
 *	replica_sm.c     the replica state machine
 *	failed_dirs.c    log directories that fail under a living broker
 *	reassign.c       replicas that move
 *	asked.c          what admins ask for, by request
 *	unclean.c        settings that change: unclean elections that are allowed of a sudden
 *	legacy.c         elections and reassignments asked for by znode
 *	figures.c        what metrics tell of it
 *	push.c           requests to brokers, gathered over one event, and a sender for each broker
 */
#ifndef SAMSA_CONTROLLER_CONTROLLER_PRIV_H
#define SAMSA_CONTROLLER_CONTROLLER_PRIV_H

#include "broker/base/log.h"
#include "broker/controller/context.h"
#include "broker/controller/controller.h"
#include "broker/controller/elect.h"

#define CONTROLLER_MAGIC 0xc0a17011u
#define CTL_LOGGER "kafka.controller.KafkaController"
#define CTL_STATE_LOGGER "state.change.logger"

enum {
	/* waiting; one more is a bug, for events of a kind are not queued twice */
	CTL_EVENTS_MAX = 100000,
	CTL_ARENA_BYTES = 256 << 20,  /* of one event */
	CTL_SENDER_RETRY_MS = 100,
	CTL_STOP_MS = 5 * 1000,       /* how long the event under way may take when the broker goes down */
	CTL_ELECT_AGAIN_MS = 1000,    /* after an error that no watch will tell the end of */
};

struct ctl_ask;

/* What a broker has said about one of its replicas. */
struct ctl_answer {
	const char *topic;
	int32_t partition;
	bool failed;
};

/* Something to be decided. Runs in the event fiber; freed after. */
struct ctl_event {
	struct list link;
	const char *name;
	int state;           /* Kafka's number for it, for metrics */
	int64_t queued_ns, since_ns; /* monotonic: when it was queued, and when its turn came */
	void (*run)(struct controller *c, struct ctl_event *e);
	int32_t broker;
	char *topic;         /* freed with the event */
	struct arena arena;  /* of the answers */
	int n_answers;
	struct ctl_answer *answers;
	struct ctl_ask *ask; /* somebody waits for its end */
};

/* A watch that turns into an event. */
struct ctl_watch {
	struct zkc_watch zkc;
	struct controller *c;
	char *path;
	const char *event_name;
	void (*run)(struct controller *c, struct ctl_event *e);
	int32_t broker;
	char *topic;
};

struct controller {
	unsigned magic;
	struct reactor *control;
	struct zkc *zkc;
	const struct config *config; /* in force; a hold */
	int32_t broker_id;
	struct controller_ports ports;

	bool active, stopping;
	int32_t epoch;            /* of this controller, when active; of its last one, when not */
	int32_t epoch_version;    /* of /controller_epoch: the fence */
	int32_t known;            /* broker in /controller, -1 */
	struct ctl_context ctx;

	struct list events;
	int n_events;
	int state;                /* of the event that runs; 0: none */
	uint64_t unclean_elections;
	struct fiber *worker;
	bool worker_waits;
	struct fiber_event first_election, stopped;
	struct zkc_listener session;
	struct ctl_watch *watch_controller;
	struct ctl_watch *watch_brokers, *watch_topics, *watch_deletions, *watch_preferred, *watch_reassign;
	struct ctl_watch *watch_log_dirs;

	/* What this event has gathered for the brokers (push.c). */
	struct push *push;
	int senders;               /* fibers that still run */
	struct fiber_event senders_ended; /* when stopping */
};

/* Some partitions, to be freed with ctl_partitions_free(). */
struct ctl_partitions {
	struct ctl_partition **v;
	int n, room;
};

/* ---- controller.c ---- */
struct ctl_event *ctl_event_new(const char *name, void (*run)(struct controller *c, struct ctl_event *e));
/* Takes the event. */
void ctl_enqueue(struct controller *c, struct ctl_event *e);
struct ctl_watch *ctl_watch_new(struct controller *c, const char *path, bool children, const char *event_name,
				void (*run)(struct controller *c, struct ctl_event *e));
void ctl_watch_free(struct controller *c, struct ctl_watch *w);
/* A write fenced by the controller epoch. ZK_FENCED: another controller is there, and this one has
 * resigned. */
enum zk_err ctl_write(struct controller *c, struct zk_op op, struct zk_req *req);
/* A guard has failed: resigns, and takes part in the next election. */
void ctl_fenced(struct controller *c);
/* As many, pipelined; each req->err tells. False when one was fenced. */
bool ctl_write_all(struct controller *c, struct zk_req *reqs, size_t n);
/* Those with a replica on the broker; to be freed. */
struct ctl_partitions ctl_partitions_on(struct controller *c, int32_t broker);
/* Replicas that can be used no more, for their broker or its disk has gone: what they led is led by others
 * that can, they leave the in-sync replicas, and a deletion waits for them. */
void ctl_replicas_went(struct controller *c, int32_t broker, const struct ctl_partitions *with);

/* ---- figures.c ---- */
/* Every event's name is known there. */
int ctl_state_of(const char *event);
/* Count how long it waited, and how long it took. */
void ctl_event_begins(const struct controller *c, struct ctl_event *e);
void ctl_event_ended(const struct controller *c, const struct ctl_event *e);

/* ---- failed_dirs.c ---- */
void ctl_log_dirs_changed(struct controller *c, struct ctl_event *e);
/* A broker's answer to LeaderAndIsr: the disks of these replicas have failed. */
void ctl_replicas_failed(struct controller *c, struct ctl_event *e);

/* ---- asked.c ---- */
/* Whoever has asked goes on: with the answer, or without one when the event was dropped. */
void ctl_ask_answered(struct ctl_ask *ask);

/* ---- reassign.c ---- */
/* A partition, and where its replicas shall be. */
struct ctl_move {
	struct ctl_partition *p;
	struct ctl_ids target;
	bool arrived;            /* the target is in sync and is all there is */
	enum zk_err err;         /* of writing it down; the partition stays as it was */
	struct controller_asked *asked; /* or NULL */
};

/* The replicas that it will have in the end, and those that it had before. */
struct ctl_ids ctl_move_target(const struct ctl_partition *p);
struct ctl_ids ctl_move_origin(const struct ctl_partition *p);
/* Why these cannot be the replicas of the partition, or of one that is not known; NULL: they can. */
const char *ctl_move_problem(const struct ctl_partition *p, const int32_t *ids, int n);
/* Sends each partition on its way as far as it goes today. The moves are sorted by topic and partition, and
 * of those that name the same one only one is left; gives how many are left. */
int ctl_move(struct controller *c, struct ctl_move *moves, int n);
/* Goes on with those under way that wait for this broker. */
void ctl_moves_resume(struct controller *c, int32_t broker);
/* Events: goes on with all; ends those whose target is in sync by now. */
void ctl_moves_resumed(struct controller *c, struct ctl_event *e);
void ctl_moves_arrived(struct controller *c, struct ctl_event *e);

/* ---- legacy.c ---- */
void ctl_preferred_changed(struct controller *c, struct ctl_event *e);
void ctl_reassign_changed(struct controller *c, struct ctl_event *e);
/* Moves, in the order of ctl_move(), that old tools may have asked for and that have ended. */
void ctl_moves_asked_forget(struct controller *c, const struct ctl_move *moves, int n);

/* ---- topics_sm.c ---- */
/* At failover: all topics with their assignments and states. False when ZooKeeper could not be read. */
bool ctl_load_topics(struct controller *c);
void ctl_topics_changed(struct controller *c, struct ctl_event *e);
void ctl_deletions_changed(struct controller *c, struct ctl_event *e);
/* Goes on with deletions as far as replicas allow. */
void ctl_resume_deletions(struct controller *c);
/* A broker's answer to StopReplica: deletions go on. */
void ctl_replicas_stopped(struct controller *c, struct ctl_event *e);
void ctl_topic_forget(struct controller *c, struct ctl_topic *t);

/* ---- partition_sm.c ---- */
void ctl_partitions_add(struct ctl_partitions *ps, struct ctl_partition *p);
void ctl_partitions_free(struct ctl_partitions *ps);
/* New ones are made in ZooKeeper and get their first leader; the others are elected anew by `strategy`. */
void ctl_partitions_online(struct controller *c, const struct ctl_partitions *ps,
			   enum elect_strategy strategy);
void ctl_partitions_set(struct controller *c, const struct ctl_partitions *ps, enum ctl_partition_state to);
/* Elects for all that are New or Offline and not on their way out; `topic` NULL: of all topics. */
void ctl_elect_offline(struct controller *c, const char *topic);
/* The same leader in a new epoch: for its replicas, which are others now. */
void ctl_new_epoch(struct controller *c, struct ctl_partition *p);
/* Writes a leadership; on success it is the partition's, with its new partition epoch. */
enum zk_err ctl_write_leadership(struct controller *c, struct ctl_partition *p,
				 const struct ctl_leadership *lead);

/* ---- replica_sm.c ---- */
/* Every replica of the partition on `broker` (-1: on all) that may go there. */
void ctl_replicas_to(struct controller *c, const struct ctl_partitions *ps, int32_t broker,
		     enum ctl_replica_state to);

/* A broker that is not among the replicas any more stops its replica and deletes it, and leaves the in-sync
 * replicas. */
void ctl_replica_drop(struct controller *c, struct ctl_partition *p, int32_t broker);

/* ---- push.c ---- */
struct push *push_new(void);
void push_free(struct push *push);
void push_leader_and_isr(struct controller *c, int32_t broker, struct ctl_partition *p, bool is_new);
/* To all replicas of the partition that are within reach, and its metadata to every broker. */
void push_partition(struct controller *c, struct ctl_partition *p, bool is_new);
void push_metadata(struct controller *c, struct ctl_partition *p);
/* The list of brokers has changed, or somebody knows nothing yet: UpdateMetadata even without partitions. */
void push_brokers(struct controller *c);
void push_stop_replica(struct controller *c, int32_t broker, struct ctl_partition *p, bool delete_it);
/* Hands what was gathered to the senders. */
void push_flush(struct controller *c);
struct sender *sender_start(struct controller *c, int32_t broker, int64_t broker_epoch);
/* Drops what waits; the fiber ends by itself. */
void sender_stop(struct sender *s);

#endif
