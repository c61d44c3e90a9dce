/* ut_arena.c - memory of one request: zeroed, aligned, capped, gone at once. */
#include "broker/base/arena.h"

#include "tests/unit/ut.h"

#include <string.h>

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static void zeroed_and_aligned(void)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t n = 0; n < 300; n++) {
		uint8_t *p = arena_alloc(&a, n);
		CU_ASSERT_PTR_NOT_NULL(p);
		CU_ASSERT_EQUAL((uintptr_t)p % 16, 0);
		CU_ASSERT_TRUE(is_zero(p, n));
		memset(p, 0xff, n);
	}
	arena_reset(&a);
	CU_ASSERT_EQUAL(a.used, 0);
	CU_ASSERT_TRUE(is_zero(arena_alloc(&a, 1000), 1000));
	arena_free(&a);
}

static void cap_is_remembered(void)
{
	struct arena a;

	arena_init(&a, 1000);
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 900));
	CU_ASSERT_FALSE(arena_overflowed(&a));
	CU_ASSERT_PTR_NULL(arena_alloc(&a, 101));
	CU_ASSERT_TRUE(arena_overflowed(&a));
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 16));
	CU_ASSERT_TRUE(arena_overflowed(&a));
	arena_reset(&a);
	CU_ASSERT_FALSE(arena_overflowed(&a));
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 900));
	arena_free(&a);
}

static void sizes_that_overflow_are_refused(void)
{
	struct arena a;

	arena_init(&a, SIZE_MAX);
	CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX - 3));
	arena_reset(&a);
	CU_ASSERT_PTR_NULL(arena_array(&a, SIZE_MAX / 4, 8));
	CU_ASSERT_TRUE(arena_overflowed(&a));
	arena_free(&a);
}

static void larger_than_a_block(void)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	uint8_t *small = arena_alloc(&a, 10), *large = arena_alloc(&a, 3 * ARENA_BLOCK_BYTES);
	uint8_t *after = arena_alloc(&a, 10);
	memset(large, 1, 3 * ARENA_BLOCK_BYTES);
	CU_ASSERT_TRUE(is_zero(small, 10) && is_zero(after, 10));
	arena_free(&a);
}

static void texts(void)
{
	struct arena a;

	arena_init(&a, 1 << 10);
	CU_ASSERT_STRING_EQUAL(arena_strdup(&a, SLICE_LIT("topic")), "topic");
	CU_ASSERT_STRING_EQUAL(arena_strdup(&a, slice_of("", 0)), "");
	CU_ASSERT_PTR_NULL(arena_strdup(&a, SLICE_NULL));
	CU_ASSERT_STRING_EQUAL(arena_printf(&a, "%s-%d", "topic", 7), "topic-7");
	CU_ASSERT_PTR_NULL(arena_printf(&a, "%2000d", 7));
	arena_free(&a);
}

static const struct ut_case cases[] = {
	UT(zeroed_and_aligned),
	UT(cap_is_remembered),
	UT(sizes_that_overflow_are_refused),
	UT(larger_than_a_block),
	UT(texts),
};

int main(void)
{
	return ut_run("arena", cases, countof(cases));
}
