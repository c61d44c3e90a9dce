/* reactor.h - the loop of one core.
 *
 * A reactor is one thread's event loop. It owns connections, partitions, timers; nobody else touches them.
 * Others send it messages. One turn of the loop, in this order (the order is the design: input first, then
 * what input caused, then output, so that many small things become one write or one send):
 *
 *	1. messages of other reactors and threads
 *	2. sockets that became ready
 *	3. timers that are due
 *	4. deferred work, first in, first out, until none is left: appends of this turn become one write for
 *	   each log, answers of this turn one send for each connection
 *	5. outgoing messages are handed over, one wake for each reactor that sleeps
 *	6. sleep until something comes; no spinning when idle
 *
 * The data reactors are pinned, one to a core; the control reactor is the same loop on an unpinned thread.
 * All functions run on the reactor's own thread unless they say otherwise.
 */
#ifndef SAMSA_REACTOR_REACTOR_H
#define SAMSA_REACTOR_REACTOR_H

#include "broker/base/list.h"
#include "broker/reactor/sys.h"

#include <stdbool.h>
#include <stdint.h>

struct reactor;
struct metrics_core; /* metrics/metrics.h */

/* Data core 0..n-1, or the control reactor. */
enum { REACTOR_CONTROL = -1 };

/* `helpers` may be NULL where nothing is offloaded. The caller may arm, watch, defer and post on it until
 * another thread turns it; from then on it is that thread's. */
struct reactor *reactor_new(int core, struct sys_helpers *helpers);
/* Turns until reactor_stop(). */
void reactor_run(struct reactor *r);
/* One turn; waits at most `wait_ns` (-1 as long as timers allow). True when anything was done. The
 * simulator's way. The turn begins with the wait, as what it finds is the turn's work: step 6 of one turn is
 * where the next begins. */
bool reactor_turn(struct reactor *r, int64_t wait_ns);
/* Ends reactor_run() after this turn. Any thread. */
void reactor_stop(struct reactor *r);
/* After its last turn, when nobody posts to it any more (the other reactors and the helpers are stopped).
 * Messages not yet run are dropped; descriptors still watched are the owner's to close. */
void reactor_free(struct reactor *r);

int reactor_core(const struct reactor *r);
/* Where what happens on this core is counted; before it turns. NULL, as it is at first: nowhere. */
void reactor_set_metrics(struct reactor *r, struct metrics_core *metrics);
struct metrics_core *reactor_metrics(const struct reactor *r);
/* Turns so far. Any thread. */
uint64_t reactor_turns(const struct reactor *r);
/* The time when this turn began: monotonic, and wall clock. Reading them costs nothing. */
int64_t reactor_now_ns(const struct reactor *r);
int64_t reactor_wall_ms(const struct reactor *r);
/* When this reactor is next due to turn by itself (INT64_MAX: only when something comes). Simulator,
 * watchdog. */
int64_t reactor_next_ns(struct reactor *r);
/* Asserts that the caller is on `r`'s thread. In the simulated world each reactor counts as a thread. */
void reactor_must_be_here(const struct reactor *r);

/* ---- messages ----
 * Embedded in what they serve; posting allocates nothing and cannot fail. A message is run
 * once for each post and may be posted again from its own run (or freed there), but not while it is under
 * way: `next` is NULL when it is free to be posted, as in zeroed memory, and that is asserted. From one
 * sender to one receiver order is kept. */
struct msg {
	struct msg *next;
	void (*run)(struct reactor *here, struct msg *m);
};

/* `from` is the caller's reactor: handed over at the end of its turn. To itself: run at the next turn. */
void reactor_post(struct reactor *from, struct reactor *to, struct msg *m);
/* From a thread that is no reactor (helpers, the ZooKeeper client): handed over at once. */
void reactor_post_foreign(struct reactor *to, struct msg *m);

/* ---- deferred work: once, later in this same turn. Deferring what is deferred already does nothing. Zeroed
 * before first use, but for `run`; so are timers and struct io. ---- */
struct deferred {
	struct list link;
	void (*run)(struct reactor *here, struct deferred *d);
};

void reactor_defer(struct reactor *r, struct deferred *d);
void reactor_undefer(struct reactor *r, struct deferred *d);

/* ---- timers: a wheel of 1 ms ticks, arm and cancel in O(1). Counted from the time when this turn began;
 * never early, at most two ticks late while the core is free. Disarmed before `fire` is called, which may arm
 * it again. ---- */
struct timer {
	struct list link;
	int64_t due_ns;
	void (*fire)(struct reactor *here, struct timer *t);
};

void timer_arm(struct reactor *r, struct timer *t, int64_t after_ms); /* moves it when it is armed already */
void timer_cancel(struct reactor *r, struct timer *t);                /* nothing when it is not armed */
bool timer_armed(const struct timer *t);

/* ---- descriptors ---- */
struct io {
	int fd;
	uint32_t events; /* asked for */
	bool watched;
	/* Called with what was asked for, and with SYS_HANGUP whether asked for or not (also when nothing
	 * is): the connection is dead in both directions and will be reported each turn until it is
	 * unwatched. */
	void (*ready)(struct reactor *here, struct io *io, uint32_t events);
};

/* Changes what is asked for when watched already; 0 events keeps it watched and asks for nothing (costs a
 * system call only when something changes). 0, or -errno. */
int io_watch(struct reactor *r, struct io *io, uint32_t events);
/* After it `ready` is not called any more, not even for what this turn's poll has found. Before the
 * descriptor is closed. Nothing when it is not watched. */
void io_unwatch(struct reactor *r, struct io *io);

/* ---- jobs: what may block or takes long leaves the core ---- */
struct job {
	struct sys_job sys;
	struct msg msg;
	struct reactor *home;
	/* The caller sets these two. */
	void (*work)(struct job *job); /* on a helper; owns nothing but what the job holds */
	void (*done)(struct reactor *here, struct job *job); /* back home */
};

void reactor_offload(struct reactor *r, struct job *job, const char *reason);

/* ---- watchdog ---- */
/* A reactor that has not turned for `stuck_ms` is reported with its stack (logger kafka.server.KafkaServer),
 * once for each time it gets stuck. Runs on a thread of the seam; `beat` is counted by each turn. */
struct watchdog;
struct watchdog *watchdog_start(struct reactor **reactors, int n, int64_t stuck_ms);
void watchdog_stop(struct watchdog *w);
/* How many reactors are stuck now. Any thread. */
int watchdog_stuck(const struct watchdog *w);

#endif
