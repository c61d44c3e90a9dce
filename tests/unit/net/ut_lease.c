/* ut_lease.c - buffers that are taken on one core and come back from any. */
#include "broker/net/lease.h"
#include "tests/unit/ut.h"

#include "broker/reactor/sys.h"

#include <stdatomic.h>

enum { THREADS = 3, ROUNDS = 3000, SHARED = 16 };

static void sizes(void)
{
	static const size_t wanted[] = { 1, 4096, LEASE_SMALL_BYTES, LEASE_SMALL_BYTES + 1, LEASE_CLASS_BYTES,
					 LEASE_CLASS_BYTES + LEASE_SLACK_BYTES + 1, 1048700, 10 << 20 };
	struct lease_pool *pool = lease_pool_new(1 << 30);
	for (unsigned i = 0; i < countof(wanted); i++) {
		struct buf *b = lease_take(pool, wanted[i]);
		CU_ASSERT(b->size >= wanted[i] && b->used == 0);
		CU_ASSERT_EQUAL(lease_out_bytes(pool), b->size);
		CU_ASSERT_EQUAL(lease_free_bytes(pool), (1 << 30) - (int64_t)b->size);
		memset(b->bytes, 0xab, b->size);
		buf_put(b);
		CU_ASSERT_EQUAL(lease_out_bytes(pool), 0);
	}
	lease_pool_free(pool);
}

static void budget(void)
{
	struct lease_pool *pool = lease_pool_new(100000);
	struct buf *a = lease_take(pool, 90000), *b = lease_take(pool, 90000);
	CU_ASSERT_PTR_NOT_NULL(a);
	CU_ASSERT(b == NULL || lease_spent(pool)); /* overdrawn by one at most */
	CU_ASSERT_PTR_NULL(lease_take(pool, 1));
	struct buf *c = lease_take_anyway(pool, 50000);
	CU_ASSERT_PTR_NOT_NULL(c);
	buf_put(a);
	buf_put(b);
	buf_put(c);
	CU_ASSERT_FALSE(lease_spent(pool));
	lease_pool_free(pool);
}

/* A lease outlives the pool's owner. */
static void outlives(void)
{
	struct lease_pool *pool = lease_pool_new(1 << 20);
	struct buf *b = lease_take(pool, 100000);
	lease_pool_free(pool);
	memset(b->bytes, 1, 100000);
	buf_put(b);
}

static struct buf *_Atomic shared[SHARED];
static atomic_int running;

static void give_back(void *arg)
{
	(void)arg;
	while (atomic_load(&running))
		for (int i = 0; i < SHARED; i++)
			buf_put(atomic_exchange(&shared[i], NULL));
}

static void from_other_threads(void)
{
	struct lease_pool *pool = lease_pool_new(1 << 30);
	struct sys_thread *threads[THREADS];
	atomic_store(&running, 1);
	for (int i = 0; i < THREADS; i++)
		threads[i] = sys_thread_start("giver", -1, give_back, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		struct buf *b = lease_take(pool, LEASE_CLASS_BYTES);
		CU_ASSERT(buf_is_mine(b));
		b->bytes[0] = b->bytes[b->size - 1] = (uint8_t)i;
		buf_put(atomic_exchange(&shared[i % SHARED], b));
	}
	atomic_store(&running, 0);
	for (int i = 0; i < THREADS; i++)
		sys_thread_join(threads[i]);
	for (int i = 0; i < SHARED; i++)
		buf_put(atomic_exchange(&shared[i], NULL));
	CU_ASSERT_EQUAL(lease_out_bytes(pool), 0);
	lease_pool_free(pool);
}

static const struct ut_case cases[] = {
	UT(sizes),
	UT(budget),
	UT(outlives),
	UT(from_other_threads),
};

int main(void)
{
	return ut_run("lease", cases, countof(cases));
}
