/* broker_priv.h - inside the broker object: broker.c has the order, broker_zk.c what ZooKeeper has to do with
 * it, broker_listen.c the listeners, broker_banner.c what a person is told at the start, census.c what the
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

	struct logdirs *logdirs;
	struct zkc *zkc;
	struct metastore *metastore;
	struct manager *manager;
	struct net *net;
	struct net_listener *listeners;
	struct tls_config *tls;
	struct principal_rules **principals; /* of each listener */
	struct net_ip_limit *ip_limits;
	struct controller *controller;
	struct producer_ids *producer_ids;
	struct api api;
	struct config_watch *configs;
	struct metrics *metrics;
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

void broker_set_state(struct broker *b, enum broker_state state);

/* ---- broker_zk.c: in fibers of the control reactor; false after one line in the log ---- */
bool broker_open_zookeeper(struct broker *b);
bool broker_make_roots(struct broker *b);
bool broker_find_cluster_id(struct broker *b);
bool broker_find_id(struct broker *b);
/* Puts /brokers/ids/<id> there; its czxid is the new broker epoch. */
enum zk_err broker_register(struct broker *b);
/* Before registering: whether no other broker is the controller. */
bool broker_leads_itself(struct broker *b);
/* The session ended in order: there is nothing to take back. Blocks for a moment. */
void broker_forget_session(struct broker *b);
/* Until no helper writes the session's file. */
void broker_settle_session(struct broker *b);
/* Follows /config/changes: topics' settings take effect when somebody writes them. */
void broker_watch_configs(struct broker *b);
void broker_unwatch_configs(struct broker *b);

/* ---- broker_dynamic.c ---- */
/* What ZooKeeper has of this broker's settings and of all brokers': read and in force. In a fiber. */
void broker_read_settings(struct broker *b);
/* From now on the rooms are told of changes. */
void broker_follow_settings(struct broker *b);

/* ---- broker_listen.c ---- */
/* Makes b->net; blocks. NULL there and a line in b->why when a listener cannot be. */
void broker_bind(void *arg);
/* Frees what broker_bind made, whole or in part. */
void broker_unbind(struct broker *b);

/* What the frames of one core may take: its share of queued.max.request.bytes, -1 when that is not set. */
int64_t broker_frames_bytes(const struct broker *b);
/* max.connections, or fewer where this process may not open so many files. */
int64_t broker_connections_max(const struct broker *b);

/* ---- broker_banner.c: when id and cluster are known ---- */
void broker_banner(const struct broker *b);

#endif
