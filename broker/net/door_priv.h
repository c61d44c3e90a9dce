/* door_priv.h - the door: listening sockets, and every count that a limit on connections is about.
 *
 * Lives on the first core. Others never look at its counts: a guest carries what it needs to know, and comes
 * back as a message when its connection is gone.
 */
#ifndef SAMSA_NET_DOOR_PRIV_H
#define SAMSA_NET_DOOR_PRIV_H

#include "broker/net/conn_priv.h"
#include "broker/net/ip_table_priv.h"

enum {
	DOOR_BATCH = 64,        /* accepted from one listener in one turn */
	DOOR_PAUSE_MS = 100,    /* when the process is out of descriptors or memory */
};

struct door;
struct gate;

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

/* Binds all sockets; `config`, `cores` and `ports` (core i's begin at i * NET_LISTENERS_MAX) are borrowed for
 * its life. NULL, and one line in `error`. Blocks. */
struct door *door_new(const struct net_config *config, struct reactor **cores, int n_cores,
		      struct port *ports, char error[TLS_ERROR_BYTES]);
const struct sys_addr *door_address(const struct door *d, int listener);
void door_free(struct door *d);

/* ---- on the door's core ---- */
void door_open(struct door *d);
void door_shut(struct door *d);
/* `run(arg)` once no guest is left, at once or later. */
void door_when_empty(struct door *d, void (*run)(void *arg), void *arg);
void door_reload(struct door *d);

/* ---- on a guest's core ---- */
/* Its connection is gone. */
void guest_leaves(struct guest *g, struct reactor *here);

/* Any thread. */
struct door_counters {
	uint64_t accepted, refused;
};
void door_count(const struct door *d, struct door_counters *out);

#endif
