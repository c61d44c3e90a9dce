/* call.h - a fiber asks another reactor to do something, and waits.
 *
 *	struct call c;
 *	call_run(here, there, &c, read_offsets, &question);      in a fiber on `here`
 *
 *	static void read_offsets(struct reactor *there, struct call *c)
 *	{
 *		struct question *q = c->arg;
 *		...                                               at once, or later from any event of `there`
 *		call_done(there, c);
 *	}
 */
#ifndef SAMSA_REACTOR_CALL_H
#define SAMSA_REACTOR_CALL_H

#include "broker/reactor/fiber.h"

struct call {
	struct msg msg;
	struct reactor *from, *to;
	void (*run)(struct reactor *there, struct call *c);
	void *arg;
	size_t *left; /* of a call_run_all() */
	struct fiber_event answered, *all;
};

/* Returns when call_done() was called for it. `there` may be `here`. */
void call_run(struct reactor *here, struct reactor *there, struct call *c,
	      void (*run)(struct reactor *there, struct call *c), void *arg);
/* One call on each of `n` reactors, at once; returns when all are done. `arg` is the same for all, or
 * arg + i * stride. */
void call_run_all(struct reactor *here, struct reactor **there, int n,
		  void (*run)(struct reactor *there, struct call *c), void *arg, size_t stride);
/* On the reactor that was asked. */
void call_done(struct reactor *there, struct call *c);

#endif
