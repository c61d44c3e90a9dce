/* fiber.h - control code that reads top to bottom.
 *
 * A fiber is a small stack switched by the loop of its reactor. What waits many times (a controller event, a
 * load, a start sequence) runs in one, so that zk_multi(...) or rpc_call(...) looks like a call while the
 * core goes on. A fiber never leaves its core, runs only between other work of that core's turn, and must not
 * be used on the data path. Its stack is FIBER_STACK_BYTES with a guard page: no large arrays on it.
 */
#ifndef SAMSA_REACTOR_FIBER_H
#define SAMSA_REACTOR_FIBER_H

#include "broker/reactor/reactor.h"

enum {
	FIBER_STACK_BYTES = 128 * 1024,
	FIBERS_MAX = 4096, /* on one reactor */
	FIBERS_EACH_MAX = FIBERS_MAX / 2, /* past it fiber_each() starts none: others must run */
};

struct fiber;

/* Starts `run(arg)` in a new fiber; it runs before this turn ends. Freed when run returns. NULL past
 * FIBERS_MAX. */
struct fiber *fiber_start(struct reactor *r, const char *name, void (*run)(void *arg), void *arg);
/* The fiber that is running on `r`, or NULL when the loop itself is. */
struct fiber *fiber_self(struct reactor *r);
/* Gives the core back until somebody calls fiber_resume() on this fiber. A resume that came first is not
 * lost. */
void fiber_suspend(struct reactor *r);
/* Makes it run again later in this turn. On the fiber's reactor. */
void fiber_resume(struct fiber *f);
void fiber_sleep(struct reactor *r, int64_t ms);

/* Something that happens once and that fibers of one reactor may wait for. */
struct fiber_event {
	struct list waiters;
	bool happened;
};

void fiber_event_init(struct fiber_event *e);
void fiber_event_set(struct fiber_event *e);
void fiber_wait(struct reactor *r, struct fiber_event *e);
/* False when `timeout_ms` went by first. */
bool fiber_wait_ms(struct reactor *r, struct fiber_event *e, int64_t timeout_ms);
/* Runs run(arg, i) for each i below `n`, in their order but up to `at_once` of them at the same time, in
 * fibers of their own; waits for the last one's end. With FIBERS_EACH_MAX reached it is fewer of them. */
void fiber_each(struct reactor *r, int32_t n, int32_t at_once, void (*run)(void *arg, int32_t i), void *arg);
/* Runs `work(arg)` on a helper and waits for its end. */
void fiber_offload(struct reactor *r, void (*work)(void *arg), void *arg, const char *reason);

#endif
