/* gate_priv.h - a gate is one listener at the door: its socket, its limits, its TLS, and a port on each
 * core.
 *
 * 	made (bound, reads nothing) -> hung -> taken down -> freed
 *
 * It is made away from the door, for binding may wait, and hung there in one step. One that is taken down
 * has closed its socket and all its connections; its memory goes when their memory has gone on every core,
 * and no helper looks at its certificates any more. Belongs to the door's core from when it is hung. */
#ifndef SAMSA_NET_GATE_PRIV_H
#define SAMSA_NET_GATE_PRIV_H

#include "broker/net/conn_priv.h"
#include "broker/net/tls_watch_priv.h"

struct door;

/* So many a second, and as many at once after a quiet second. */
struct pace {
	int64_t per_s;    /* -1: no limit */
	int64_t next_ns;  /* when the one after those already let in would be due */
};

struct gate {
	unsigned magic;
	struct list link;              /* in the door's gates, or in those that were taken down */
	struct door *door;
	struct net_listener listener;  /* its text is the gate's; `tls` is NULL: see port.tls */
	struct principal_rules *principals;
	struct io io;
	struct sys_addr bound;
	struct timer pause;
	struct list guests;            /* in their order of arrival */
	int64_t count, max_connections;
	struct pace pace;
	/* how long somebody was kept waiting for a slot or by the pace, and since when; 0: nobody is */
	int64_t blocked_ns, blocked_since_ns;
	struct tls_watch tls;          /* when the listener has TLS */
	void (*gone)(struct gate *g);  /* it was taken down, and nobody uses it any more */
	int n_ports, ports_left;
	struct port ports[];           /* of each core */
};

/* What all gates have in common, and where their connections live. */
struct gate_plan {
	const struct net_config *config;
	struct lane **lanes;
	int n_cores;
	bool shares_port; /* with another gate of ours, which will go */
};

/* Whether its place could be bound now; blocks. 0, or negative errno and a line. */
int gate_prove(const struct net_listener *l, const struct gate_plan *plan, char error[TLS_ERROR_BYTES]);
/* Binds and makes the TLS context; blocks. NULL, and a line. */
struct gate *gate_new(const struct net_listener *l, const struct gate_plan *plan,
		      char error[TLS_ERROR_BYTES]);
/* Nobody uses it. */
void gate_free(struct gate *g);
/* Takes no more connections. */
void gate_shut(struct gate *g, struct reactor *door);
/* And loses those it has; then calls `gone`. */
void gate_take_down(struct gate *g, struct reactor *door, void (*gone)(struct gate *g));
/* Whether a listener can go on by this gate: but for limits and the contents of its TLS it is the same. */
bool gate_fits(const struct gate *g, const struct net_listener *l);

#endif
