/* wheel.c - see wheel.h.
 *
 * A timer due at tick d lies at the level whose reach covers d - now, in the slot that is d's digit of that
 * level (base 64). When the present tick reaches the beginning of such a slot, its timers are placed anew and
 * come to rest lower. At level 0 the beginning of the slot is the due tick itself.
 */
#include "broker/reactor/wheel.h"

#include "broker/base/must.h"

enum { SLOT_MASK = WHEEL_SLOTS - 1 };

static int64_t tick_at_or_after(int64_t ns)
{
	return ns / WHEEL_TICK_NS + (ns % WHEEL_TICK_NS > 0);
}

/* How many ticks one slot of `level` spans. */
static int64_t slot_ticks(int level)
{
	return (int64_t)1 << (level * WHEEL_SLOT_BITS);
}

static int slot_of(int64_t tick, int level)
{
	return (int)(tick >> (level * WHEEL_SLOT_BITS)) & SLOT_MASK;
}

void wheel_init(struct wheel *w, int64_t now_ns)
{
	must(now_ns >= 0);
	w->tick = now_ns / WHEEL_TICK_NS;
	for (int level = 0; level < WHEEL_LEVELS; level++) {
		w->occupied[level] = 0;
		for (int slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&w->slots[level][slot]);
	}
}

void wheel_add(struct wheel *w, struct timer *t)
{
	int level = 0;
	int64_t due = max_of(tick_at_or_after(t->due_ns), w->tick + 1);
	must(!list_linked(&t->link));
	while (level < WHEEL_LEVELS - 1 && due - w->tick >= slot_ticks(level + 1))
		level++;
	due = min_of(due, w->tick + slot_ticks(WHEEL_LEVELS) - 1);
	int slot = slot_of(due, level);
	list_push_back(&w->slots[level][slot], &t->link);
	w->occupied[level] |= UINT64_C(1) << slot;
}

/* The tick at which the first occupied slot of `level` begins. The search starts one slot after the present
 * one, which itself comes last: what lies there is a whole round away. A cancelled timer leaves its slot's
 * bit; it goes here. */
static int64_t level_next(struct wheel *w, int level)
{
	int64_t present = w->tick >> (level * WHEEL_SLOT_BITS);
	int first = (int)(present + 1) & SLOT_MASK;
	while (w->occupied[level] != 0) {
		uint64_t bits = w->occupied[level];
		uint64_t rotated = first == 0 ? bits : bits >> first | bits << (WHEEL_SLOTS - first);
		int ahead = __builtin_ctzll(rotated);
		int slot = (first + ahead) & SLOT_MASK;
		if (!list_empty(&w->slots[level][slot]))
			return (present + 1 + ahead) << (level * WHEEL_SLOT_BITS);
		w->occupied[level] &= ~(UINT64_C(1) << slot);
	}
	return INT64_MAX;
}

static int64_t next_tick(struct wheel *w)
{
	int64_t next = INT64_MAX;
	for (int level = 0; level < WHEEL_LEVELS; level++)
		next = min_of(next, level_next(w, level));
	return next;
}

int64_t wheel_next_ns(struct wheel *w)
{
	int64_t next = next_tick(w);
	return next == INT64_MAX ? INT64_MAX : next * WHEEL_TICK_NS;
}

static void take_slot(struct wheel *w, int level, struct list *out)
{
	int slot = slot_of(w->tick, level);
	list_splice_back(out, &w->slots[level][slot]);
	w->occupied[level] &= ~(UINT64_C(1) << slot);
}

/* The present tick begins: gives out what is due in it, places anew what lies in slots of higher levels that
 * begin. */
static void begin_tick(struct wheel *w, struct list *due)
{
	for (int level = WHEEL_LEVELS - 1; level > 0; level--) {
		struct list again, *l;
		if (w->tick & (slot_ticks(level) - 1))
			continue;
		list_init(&again);
		take_slot(w, level, &again);
		while ((l = list_pop_front(&again)) != NULL) {
			struct timer *t = list_entry(l, struct timer, link);
			if (tick_at_or_after(t->due_ns) <= w->tick)
				list_push_back(due, l);
			else
				wheel_add(w, t);
		}
	}
	take_slot(w, 0, due);
}

void wheel_advance(struct wheel *w, int64_t now_ns, struct list *due)
{
	int64_t now = now_ns / WHEEL_TICK_NS, next;
	while (w->tick < now && (next = next_tick(w)) <= now) {
		must(next > w->tick);
		w->tick = next;
		begin_tick(w, due);
	}
	w->tick = max_of(w->tick, now);
}
