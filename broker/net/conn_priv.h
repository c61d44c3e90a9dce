/* conn_priv.h - how connections come to a core and leave it again; for net.c and door.c. */
#ifndef SAMSA_NET_CONN_PRIV_H
#define SAMSA_NET_CONN_PRIV_H

#include "broker/base/log.h"
#include "broker/net/conn.h"
#include "broker/net/net.h"
#include "broker/net/traffic_priv.h"

/* how long connections of a listener that was removed may finish what is in flight */
enum { PORT_LEAVE_MS = 5 * 1000 };

struct gate;
struct guest;
struct lane;

/* One core's end of one gate: the connections that came by it and live on this core. */
struct port {
	unsigned magic;
	struct gate *gate;
	const struct net_listener *listener;
	const struct sys_addr *address; /* where the listener is bound */
	const struct principal_rules *principals;
	const struct conn_events *events;
	struct lane *lane;
	bool tls;
	uint32_t frame_max;             /* that a connection begins with */
	int64_t handshake_ms;
	struct list opening;            /* in their TLS handshake, oldest first */
	struct list conns;              /* least recently active first */
	struct traffic traffic;
	struct timer timer;             /* the earliest end of a handshake or of idleness */
	unsigned next_id;
	struct log_limit log;           /* lines about peers that do not speak Kafka, or no TLS */
	size_t pins;                    /* connections whose memory is there, and what goes on with it */
	struct msg finish, close;       /* at the end of the net object */
	/* When the gate is taken down: */
	struct msg taken_down, emptied;
	struct reactor *door;           /* who hears when it is empty; there before `leaving` */
	bool leaving;
	int64_t leave_by_ns;            /* what is then still in flight is given up */
};

void port_init(struct port *p, const struct net_config *config, struct gate *gate, struct lane *lane);
/* Makes a connection of what the door has let in; it is the port's from now on. */
void port_admit(struct port *p, struct guest *guest);
/* Closes the least recently active one, in favour of others. */
void port_evict(struct port *p);

/* Any thread may ask. */
void port_count(const struct port *p, struct net_traffic *out);

/* ---- on the door's core; each does its work on the port's ---- */
/* Lets all finish, or closes them. Once each. */
void port_finish(struct port *p, struct reactor *door);
void port_close(struct port *p, struct reactor *door);
/* Lets them finish for PORT_LEAVE_MS, and posts `emptied` to the door when their memory has gone. */
void port_take_down(struct port *p, struct reactor *door,
		    void (*emptied)(struct reactor *here, struct msg *m));

#endif
