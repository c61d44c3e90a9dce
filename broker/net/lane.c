/* lane.c - see lane.h. */
#include "broker/net/lane_priv.h"

#include "broker/base/must.h"

enum { LANE_MAGIC = 0x1a5e0c3d, NS_IN_MS = 1000000 };

/* Frames that began long ago and still are not here lose their memory to those who wait for it. */
static void evict(struct lane *lane)
{
	int64_t since = reactor_now_ns(lane->reactor) - (int64_t)LANE_FRAME_STARVED_MS * NS_IN_MS;
	while (!list_empty(&lane->partials)) {
		struct lane_partial *p = list_entry(lane->partials.next, struct lane_partial, link);
		if (p->since_ns > since)
			return;
		p->give_up(p);
		must(lane->partials.next != &p->link);
	}
}

static void fire(struct reactor *here, struct timer *t)
{
	struct lane *lane = container_of(t, struct lane, timer);
	struct list waiters;
	CHECK_OBJ(lane, LANE_MAGIC);
	if (lease_spent(lane->pool))
		evict(lane);
	/* Without a frame under way one more is granted in any case: lane_partial_begin(). */
	if (!lease_spent(lane->pool) || list_empty(&lane->partials)) {
		list_init(&waiters);
		list_splice_back(&waiters, &lane->waiters);
		while (!list_empty(&waiters)) {
			struct lane_waiter *w = list_entry(list_pop_front(&waiters), struct lane_waiter,
							   link);
			w->retry(w);
		}
	}
	if (!list_empty(&lane->waiters))
		timer_arm(here, t, LANE_STARVED_MS);
}

struct lane *lane_new(struct reactor *r, int64_t budget_bytes)
{
	struct lane *lane;
	ALLOC_OBJ(lane, LANE_MAGIC);
	lane->reactor = r;
	lane->pool = lease_pool_new(lane_budget(budget_bytes));
	lane->timer.fire = fire;
	list_init(&lane->waiters);
	list_init(&lane->partials);
	return lane;
}

void lane_free(struct lane *lane)
{
	CHECK_OBJ_NOTNULL(lane, LANE_MAGIC);
	must(list_empty(&lane->waiters) && list_empty(&lane->partials) && !timer_armed(&lane->timer));
	buf_put(lane->arena);
	lease_pool_free(lane->pool);
	FREE_OBJ(lane);
}

void lane_count(const struct lane *lane, struct lane_counters *out)
{
	CHECK_OBJ_NOTNULL(lane, LANE_MAGIC);
	*out = (struct lane_counters){
		.frame_bytes = (uint64_t)lease_out_bytes(lane->pool),
		.frame_bytes_free = (uint64_t)lease_free_bytes(lane->pool),
	};
}

struct buf *lane_arena(struct lane *lane)
{
	CHECK_OBJ(lane, LANE_MAGIC);
	/* When all who held a part of it have let go it is begun anew: it is still in the cache. */
	if (lane->arena && buf_is_mine(lane->arena))
		lane->arena->used = 0;
	if (lane->arena && lane->arena->size - lane->arena->used >= LANE_ARENA_ROOM_MIN_BYTES)
		return lane->arena;
	struct buf *fresh = lease_take(lane->pool, LANE_ARENA_BYTES);
	if (!fresh)
		return NULL;
	buf_put(lane->arena);
	return lane->arena = fresh;
}

struct buf *lane_partial_begin(struct lane *lane, struct lane_partial *partial, size_t bytes)
{
	CHECK_OBJ(lane, LANE_MAGIC);
	must(!list_linked(&partial->link));
	struct buf *b = lease_take(lane->pool, bytes);
	if (!b && list_empty(&lane->partials))
		b = lease_take_anyway(lane->pool, bytes);
	if (!b)
		return NULL;
	partial->since_ns = reactor_now_ns(lane->reactor);
	list_push_back(&lane->partials, &partial->link);
	return b;
}

void lane_partial_end(struct lane_partial *partial)
{
	if (list_linked(&partial->link))
		list_remove(&partial->link);
}

void lane_wait(struct lane *lane, struct lane_waiter *w)
{
	CHECK_OBJ(lane, LANE_MAGIC);
	if (list_linked(&w->link))
		return;
	list_push_back(&lane->waiters, &w->link);
	if (!timer_armed(&lane->timer))
		timer_arm(lane->reactor, &lane->timer, LANE_STARVED_MS);
}

void lane_wait_cancel(struct lane *lane, struct lane_waiter *w)
{
	CHECK_OBJ(lane, LANE_MAGIC);
	if (!list_linked(&w->link))
		return;
	list_remove(&w->link);
	if (list_empty(&lane->waiters))
		timer_cancel(lane->reactor, &lane->timer);
}
