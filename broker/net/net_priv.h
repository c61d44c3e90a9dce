/* net_priv.h - the net object, for net.c and change.c. */
#ifndef SAMSA_NET_NET_PRIV_H
#define SAMSA_NET_NET_PRIV_H

#include "broker/net/door_priv.h"
#include "broker/net/net.h"
#include "broker/reactor/fiber.h"

struct net {
	unsigned magic;
	struct net_config config; /* what cannot change of it */
	struct reactor **cores;
	int n_cores;
	struct lane **lanes;      /* of each core */
	struct door *door;
	/* Where the listeners are bound; with whoever changes them. */
	struct sys_addr places[NET_LISTENERS_MAX];
	bool changing;
	struct fiber_event changed; /* set, and begun anew, at the end of each change */
	struct msg open, shut, shut_now;
	struct reactor *closer;   /* who waits for `closed` */
	struct msg *closed;
};

#endif
