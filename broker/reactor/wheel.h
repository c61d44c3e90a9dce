/* wheel.h - timers by time: a hierarchical wheel with ticks of 1 ms.
 *
 * Five wheels of 64 slots: the first holds what is due within 64 ms, the next within 4 s, then 4 min, 4.6 h,
 * 12 days; what lies beyond waits in the last and is placed anew each time its slot comes up. Arm and cancel
 * are O(1). A bit for each slot says that something may be in it, so that the next due time is found without
 * walking the slots, and a wheel that slept for hours catches up without walking the ticks between. Knows no
 * clock: the reactor tells the time, a test any time it likes.
 */
#ifndef SAMSA_REACTOR_WHEEL_H
#define SAMSA_REACTOR_WHEEL_H

#include "broker/reactor/reactor.h"

enum {
	WHEEL_LEVELS = 5,
	WHEEL_SLOT_BITS = 6,
	WHEEL_SLOTS = 1 << WHEEL_SLOT_BITS,
	WHEEL_TICK_NS = 1000000,
};

struct wheel {
	int64_t tick; /* all that was due up to here has been given out */
	uint64_t occupied[WHEEL_LEVELS];
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, int64_t now_ns);
/* `t` is due in the first tick that begins at or after t->due_ns and after the present one. It must not be
 * armed. */
void wheel_add(struct wheel *w, struct timer *t);
/* Moves what is due at `now_ns` to the end of `due`, earlier ticks first, within a tick as they were
 * placed. */
void wheel_advance(struct wheel *w, int64_t now_ns, struct list *due);
/* When to advance next: never later than the first timer is due, at times earlier (to move far timers
 * nearer). INT64_MAX: nothing is armed. */
int64_t wheel_next_ns(struct wheel *w);

#endif
