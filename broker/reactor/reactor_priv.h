/* reactor_priv.h - what a reactor is made of. For the files of this room. */
#ifndef SAMSA_REACTOR_PRIV_H
#define SAMSA_REACTOR_PRIV_H

#include "broker/reactor/context.h"
#include "broker/reactor/mailbox.h"
#include "broker/reactor/reactor.h"
#include "broker/reactor/wheel.h"

enum {
	REACTOR_MAGIC = 0x4e8d03b1,
	REACTOR_CORES_MAX = 1024,
	FIBER_SPARES_MAX = 16, /* stacks kept for the next fibers */
	READY_MAX = 256, /* descriptors looked at in one turn; the others are found by the next */
};

/* Messages of this turn to one other reactor. */
struct outbox {
	struct reactor *to;
	struct msg_chain chain;
	struct outbox *next_used;
};

/* The fibers of one reactor (fiber.c). */
struct fibers {
	struct fiber *running;      /* NULL: the loop itself */
	struct list all;
	int n;
	struct context loop;        /* the loop itself, while a fiber runs */
	struct sys_stack *spares[FIBER_SPARES_MAX];
	int spares_n;
};

void fibers_init(struct fibers *fs);
/* Fibers that have not ended are given up where they are parked. */
void fibers_fini(struct fibers *fs);

struct reactor {
	unsigned magic;
	int core;
	struct sys_helpers *helpers;
	struct metrics_core *metrics;
	struct sys_poller *poller;
	int64_t now_ns, wall_ms; /* when this turn began */
	struct list deferred;
	struct wheel wheel;
	struct outbox **outboxes; /* by core of the receiver, control first; made when first used */
	int outboxes_n;
	struct outbox *used;      /* those that hold something, newest first */
	struct fibers fibers;
	struct sys_ready ready[READY_MAX];
	int ready_at, ready_n;    /* of which these are still to be looked at */
	/* From here on others look or write. */
	struct mailbox mailbox;
	atomic_bool stopping;
	_Atomic uint64_t thread;  /* that turned it last, or made it */
	atomic_ulong beat;        /* odd during a turn, even while it waits */
};

#endif
