/* lease.c - see lease.h.
 *
 * What comes back is pushed on a stack of its class by compare-and-swap, from any core. The owner takes the
 * whole stack at once when its own list is empty, so no element can be popped twice and the stack has no ABA.
 */
#include "broker/net/lease.h"

#include "broker/base/must.h"

enum { POOL_MAGIC = 0x7c1e55a1, LEASE_MAGIC = 0x1ea5eb0f, NO_CLASS = -1 };

struct lease {
	unsigned magic;
	int class;
	struct lease_pool *pool;
	struct lease *next;
	struct buf buf; /* last: its bytes follow */
};

struct lease_pool {
	unsigned magic;
	int64_t budget;
	struct lease *own[LEASE_CLASSES];
	_Atomic(struct lease *) returned[LEASE_CLASSES];
	atomic_llong out;  /* bytes */
	atomic_llong kept; /* bytes, in both lists */
	atomic_llong pins; /* leases out, and the owner */
};

struct lease_pool *lease_pool_new(int64_t budget_bytes)
{
	struct lease_pool *pool;
	ALLOC_OBJ(pool, POOL_MAGIC);
	must(budget_bytes > 0);
	pool->budget = budget_bytes;
	atomic_init(&pool->pins, 1);
	return pool;
}

static void free_all(struct lease *l)
{
	while (l) {
		struct lease *next = l->next;
		free(l);
		l = next;
	}
}

static void unpin(struct lease_pool *pool)
{
	if (atomic_fetch_sub_explicit(&pool->pins, 1, memory_order_acq_rel) != 1)
		return;
	for (int i = 0; i < LEASE_CLASSES; i++) {
		free_all(pool->own[i]);
		free_all(atomic_load(&pool->returned[i]));
	}
	FREE_OBJ(pool);
}

void lease_pool_free(struct lease_pool *pool)
{
	CHECK_OBJ_NOTNULL(pool, POOL_MAGIC);
	unpin(pool);
}

static size_t class_bytes(int class)
{
	return ((size_t)LEASE_CLASS_BYTES << class) + LEASE_SLACK_BYTES;
}

static int class_of(size_t bytes)
{
	if (bytes <= LEASE_SMALL_BYTES)
		return NO_CLASS;
	for (int i = 0; i < LEASE_CLASSES; i++)
		if (bytes <= class_bytes(i))
			return i;
	return NO_CLASS;
}

/* Under the address sanitizer nothing is kept, so that a use after the last hold is seen. */
static bool keeps(struct lease_pool *pool, const struct lease *l)
{
#ifdef __SANITIZE_ADDRESS__
	return false;
#endif
	return l->class != NO_CLASS &&
	       atomic_load_explicit(&pool->kept, memory_order_relaxed) + l->buf.size <= LEASE_KEPT_MAX_BYTES;
}

static void lease_drop(struct hold *h)
{
	struct lease *l = container_of(h, struct lease, buf.hold);
	struct lease_pool *pool = l->pool;
	CHECK_OBJ(l, LEASE_MAGIC);
	atomic_fetch_sub_explicit(&pool->out, l->buf.size, memory_order_relaxed);
	if (keeps(pool, l)) {
		_Atomic(struct lease *) *stack = &pool->returned[l->class];
		atomic_fetch_add_explicit(&pool->kept, l->buf.size, memory_order_relaxed);
		l->next = atomic_load_explicit(stack, memory_order_relaxed);
		while (!atomic_compare_exchange_weak_explicit(stack, &l->next, l, memory_order_release,
							      memory_order_relaxed))
			;
	} else {
		l->magic = 0;
		free(l);
	}
	unpin(pool);
}

static struct lease *reuse(struct lease_pool *pool, int class)
{
	if (!pool->own[class])
		pool->own[class] = atomic_exchange_explicit(&pool->returned[class], NULL,
							    memory_order_acquire);
	struct lease *l = pool->own[class];
	if (!l)
		return NULL;
	pool->own[class] = l->next;
	atomic_fetch_sub_explicit(&pool->kept, l->buf.size, memory_order_relaxed);
	return l;
}

static struct buf *take(struct lease_pool *pool, size_t bytes)
{
	CHECK_OBJ_NOTNULL(pool, POOL_MAGIC);
	must(bytes > 0 && bytes <= UINT32_MAX);
	int class = class_of(bytes);
	size_t size = class == NO_CLASS ? bytes : class_bytes(class);
	struct lease *l = class == NO_CLASS ? NULL : reuse(pool, class);
	if (!l) {
		l = mem_try(sizeof *l + size);
		if (!l)
			return NULL;
		*l = (struct lease){ .magic = LEASE_MAGIC, .class = class, .pool = pool };
		l->buf.hold.drop = lease_drop;
		l->buf.size = (uint32_t)size;
	}
	l->buf.used = 0;
	atomic_store_explicit(&l->buf.hold.count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&pool->out, (long long)size, memory_order_relaxed);
	atomic_fetch_add_explicit(&pool->pins, 1, memory_order_relaxed);
	return &l->buf;
}

struct buf *lease_take(struct lease_pool *pool, size_t bytes)
{
	return lease_spent(pool) ? NULL : take(pool, bytes);
}

struct buf *lease_take_anyway(struct lease_pool *pool, size_t bytes)
{
	return take(pool, bytes);
}

bool lease_spent(const struct lease_pool *pool)
{
	return lease_out_bytes(pool) >= pool->budget;
}

int64_t lease_out_bytes(const struct lease_pool *pool)
{
	CHECK_OBJ_NOTNULL(pool, POOL_MAGIC);
	return atomic_load_explicit(&pool->out, memory_order_relaxed);
}

int64_t lease_free_bytes(const struct lease_pool *pool)
{
	return max_of(pool->budget - lease_out_bytes(pool), (int64_t)0);
}
