/* door_priv.h - the door: listening sockets, and every count that a limit on connections is about.
 *
 * Lives on the first core. Others never look at its counts: a guest carries what it needs to know, and comes
 * back as a message when its connection is gone.
 */
#ifndef SAMSA_NET_DOOR_PRIV_H
#define SAMSA_NET_DOOR_PRIV_H

#include "broker/net/conn_priv.h"
#include "broker/net/gate_priv.h"
#include "broker/net/ip_table_priv.h"

enum {
	DOOR_BATCH = 64,        /* accepted from one listener in one turn */
	DOOR_PAUSE_MS = 100,    /* when the process is out of descriptors or memory */
};

struct door;

/* One connection, as the door sees it. The door's, but while it is under way to a core, or that core's
 * connection. */
struct guest {
	unsigned magic;
	struct msg msg;
	struct gate *gate;
	struct list link;      /* in its gate's guests */
	struct ip_count *ip;
	int core;
	int fd;                /* taken by the connection */
	struct tlsctx *tls;    /* a hold, until the connection has its own; NULL without TLS */
	struct sys_addr peer;
};

/* max.connections.per.ip.overrides, resolved. */
struct ip_maxes {
	struct ip_max {
		struct sys_addr addr;
		int64_t max;
	} *v;
	int n;
};
/* A name may have several addresses: the limit is of each. Blocks. 0, or negative errno and a line. */
int ip_maxes_resolve(struct ip_maxes *out, const struct net_config *config, char error[TLS_ERROR_BYTES]);

/* Binds all sockets; `cores` and `lanes` are borrowed for its life. NULL, and one line in `error`. Blocks. */
struct door *door_new(const struct net_config *config, struct reactor **cores, int n_cores,
		      struct lane **lanes, char error[TLS_ERROR_BYTES]);
/* Of a listener that is there. Before the door is open. */
const struct sys_addr *door_address(struct door *d, const char *name);
void door_free(struct door *d);

/* A change on its way (change.c): surveyed at the door, made ready on a helper, carried out at the door. */
struct door_change_of {
	/* surveyed */
	bool stays;              /* by the gate that is there */
	bool shares_port, same_tls;
	struct tlsctx *old_tls;  /* a hold, of the gate that is there */
	/* made ready */
	struct gate *fresh;
	struct tls_made tls;
	/* carried out */
	struct sys_addr bound;
};
struct door_change {
	const struct net_config *to;
	struct door_change_of of[NET_LISTENERS_MAX];
	struct ip_maxes ip_maxes;
};

/* ---- on the door's core ---- */
void door_open(struct door *d);
/* Stops accepting; connections finish what is in flight. */
void door_shut(struct door *d);
/* After door_shut(), once: ends them. */
void door_close_now(struct door *d);
/* `run(arg)` once no guest is left, at once or later. */
void door_when_empty(struct door *d, void (*run)(void *arg), void *arg);
void door_reload(struct door *d);
void door_survey(struct door *d, struct door_change *change);
/* -ESHUTDOWN, and nothing has changed, when it has been shut. */
int door_change(struct door *d, struct door_change *change);

int door_count_listeners(const struct door *d, struct net_listener_counters out[NET_LISTENERS_MAX],
			 struct arena *arena);

/* ---- on a guest's core ---- */
/* Its connection is gone. */
void guest_leaves(struct guest *g, struct reactor *here);

/* Any thread. */
struct door_counters {
	uint64_t accepted, refused;
};
void door_count(const struct door *d, struct door_counters *out);

#endif
