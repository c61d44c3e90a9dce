/* lane_priv.h - a lane's inside, for the connections on it. All on the lane's core. */
#ifndef SAMSA_NET_LANE_PRIV_H
#define SAMSA_NET_LANE_PRIV_H

#include "broker/base/list.h"
#include "broker/net/lane.h"
#include "broker/net/lease.h"

/* Somebody who could not go on for want of memory. */
struct lane_waiter {
	struct list link;
	void (*retry)(struct lane_waiter *w);
};

/* A frame that is only partly here and keeps memory for the rest. */
struct lane_partial {
	struct list link;
	int64_t since_ns;
	void (*give_up)(struct lane_partial *p); /* gives the memory back: ends the connection */
};

struct lane {
	unsigned magic;
	struct reactor *reactor;
	struct lease_pool *pool;
	struct buf *arena;
	struct list waiters;
	struct list partials; /* oldest first */
	struct timer timer;   /* runs while somebody waits */
};

/* The shared buffer, with at least LANE_ARENA_ROOM_MIN_BYTES of room behind `used`. Borrowed: hold it to keep
 * what is put there. NULL when the budget is spent. */
struct buf *lane_arena(struct lane *lane);
/* Memory for a frame that is not all here; it is `partial` from now on. NULL: wait, and try again. When no
 * other frame is under way it is given whatever the budget says, so that somebody always gets on. */
struct buf *lane_partial_begin(struct lane *lane, struct lane_partial *partial, size_t bytes);
void lane_partial_end(struct lane_partial *partial);
/* Retried when memory may be there; harmless when it waits already. */
void lane_wait(struct lane *lane, struct lane_waiter *w);
void lane_wait_cancel(struct lane *lane, struct lane_waiter *w);

#endif
