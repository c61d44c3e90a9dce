/* conn_priv.h - how connections come to a core and leave it again; for net.c and door.c. */
#ifndef SAMSA_NET_CONN_PRIV_H
#define SAMSA_NET_CONN_PRIV_H

#include "broker/base/log.h"
#include "broker/net/conn.h"
#include "broker/net/net.h"

struct guest;
struct lane;

/* One core's end of one listener: the connections that came by it and live on this core. */
struct port {
	unsigned magic;
	const struct net_listener *listener;
	const struct sys_addr *address; /* where the listener is bound */
	const struct conn_events *events;
	struct lane *lane;
	uint32_t frame_max;             /* that a connection begins with */
	int64_t handshake_ms;
	struct list opening;            /* in their TLS handshake, oldest first */
	struct list conns;              /* least recently active first */
	struct timer timer;             /* the earliest end of a handshake or of idleness */
	unsigned next_id;
	struct log_limit log;           /* lines about peers that do not speak Kafka, or no TLS */
};

void port_init(struct port *p, const struct net_config *config, const struct net_listener *listener,
	       const struct sys_addr *address, struct lane *lane);
/* Makes a connection of what the door has let in; it is the port's from now on. */
void port_admit(struct port *p, struct guest *guest);
/* Lets all finish, or closes them. */
void port_finish(struct port *p);
void port_close(struct port *p);
/* Closes the least recently active one, in favour of others. */
void port_evict(struct port *p);

#endif
