/* broker_priv.h - inside the broker object: broker.c has the order, broker_zk.c what ZooKeeper has to do with
 * it, broker_listen.c the listeners, broker_banner.c what a person is told at the start, census*.c what the
 * rooms tell for metrics, broker_http.c who tells it. */
#ifndef SAMSA_BROKER_PRIV_H
#define SAMSA_BROKER_PRIV_H

#include "broker/broker.h"
#include "config.h"

#include <stdatomic.h>

#define BROKER_MAGIC 0xb70ce700u

enum {
	HELPERS = 4,                     /* threads for what blocks: fsync, cold reads, recovery */
	NET_FINISH_MS = 10 * 1000,       /* how long connections may finish what they have begun */
};

struct broker {
	unsigned magic;
	const struct config *config; /* as the file has it: for keys that cannot change */
	struct dynamic *dynamic;     /* what is in force */
	struct dynamic_rooms rooms;
	int32_t id;
	char *cluster_id;
	atomic_int state;

	int n_cores;
	struct sys_helpers *helpers;
	struct reactor *control;
	struct reactor **reactors;
	struct replicas **replicas;
	struct coordinator **coordinators; /* of groups; beside the cores */

	struct logdirs *logdirs;
	struct zkc *zkc;
	struct metastore *metastore;
	struct manager *manager;
	struct net *net;
	struct controller *controller;
	struct producer_ids *producer_ids;
	struct api api;
	struct config_watch *configs;
	struct fiber_event configs_settled; /* set when its fiber ends while the broker goes down */
	bool settling_configs;
	struct metrics *metrics;
	const struct config *registered_as; /* a hold: what that znode says of listeners; NULL: none yet */
	int64_t registered;       /* the ZooKeeper session that holds this broker's znode; 0: none yet */

	bool start_over, stop_asked, hurry, going_down;
	bool net_up, manager_up, controller_up;
	struct msg net_closed;
	struct fiber_event net_is_closed;
	char *session_text;              /* to be saved, the newest */
	bool saving_session;
	struct fiber_event session_saved;

	char why[1024];
	int error, status;
	void (*ended)(void *arg, int status);
	void *ended_arg;
};

/* ---- broker_zk.c: in fibers of the control reactor; false after one line in the log ---- */
bool broker_open_zookeeper(struct broker *b);
bool broker_make_roots(struct broker *b);
bool broker_find_cluster_id(struct broker *b);
bool broker_find_id(struct broker *b);
/* Puts /brokers/ids/<id> there; its czxid is the new broker epoch. */
enum zk_err broker_register(struct broker *b);
/* The znode has the listeners that are in force. */
void broker_renew_registration(struct broker *b);
/* Before registering: whether no other broker is the controller. */
bool broker_leads_itself(struct broker *b);
/* The session ended in order: there is nothing to take back. Blocks for a moment. */
void broker_forget_session(struct broker *b);
/* Until no helper writes the session's file. */
void broker_settle_session(struct broker *b);

/* ---- broker_configs.c ---- */
/* Follows /config/changes: topics' settings take effect when somebody writes them. */
void broker_watch_configs(struct broker *b);
void broker_unwatch_configs(struct broker *b);
/* After it, when no call to ZooKeeper waits any more: until what it has begun is over. */
void broker_settle_configs(struct broker *b);

/* ---- broker_dynamic.c ---- */
/* What ZooKeeper has of this broker's settings and of all brokers': read and in force. In a fiber. */
void broker_read_settings(struct broker *b);
/* Somebody has changed those of one of the two, or says so. */
void broker_settings_changed(struct broker *b, enum dynamic_entity entity);
/* Before it: passwords that are kept under password.encoder.old.secret. */
void broker_renew_passwords(struct broker *b);
/* From now on the rooms are told of changes. */
void broker_follow_settings(struct broker *b);

/* ---- broker_listen.c ---- */
/* Makes b->net; blocks. NULL there and a line in b->why when a listener cannot be. */
void broker_bind(void *arg);
/* While it runs, in fibers; false with a line in `why`, and nothing has changed: whether it could listen
 * as `fresh` says, and that it does so. */
bool broker_may_listen(struct broker *b, const struct config *fresh, char why[TLS_ERROR_BYTES]);
bool broker_listen_anew(struct broker *b, const struct config *fresh, char why[TLS_ERROR_BYTES]);

/* What the frames of one core may take: its share of queued.max.request.bytes, -1 when that is not set. */
int64_t broker_frames_bytes(const struct broker *b);
/* max.connections, or fewer where this process may not open so many files. */
int64_t broker_connections_max(const struct broker *b);

/* ---- broker_banner.c: when id and cluster are known ---- */
void broker_banner(const struct broker *b);

#endif
