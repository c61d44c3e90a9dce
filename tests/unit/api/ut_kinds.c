/* ut_kinds.c - connections by who they are: told apart up to a limit; what is deprecated. */
#include "broker/api/kinds.h"
#include "broker/api/tally.h"
#include "broker/protocol/kapi.h"
#include "tests/unit/ut.h"

#include <stdio.h>
#include <string.h>

enum { COPY_BYTES = 1024 * 1024 };

static void counts(void)
{
	struct kinds k;
	kinds_init(&k);
	struct kind *a = kind_enter(&k, "PLAIN", "java", "3.9");
	CU_ASSERT_PTR_EQUAL(kind_enter(&k, "PLAIN", "java", "3.9"), a);
	CU_ASSERT_PTR_NOT_EQUAL(kind_enter(&k, "SSL", "java", "3.9"), a);
	CU_ASSERT_PTR_NOT_EQUAL(kind_enter(&k, "PLAIN", "java", "3.8"), a);
	CU_ASSERT_PTR_NOT_EQUAL(kind_enter(&k, "PLAIN", "rust", "3.9"), a);
	CU_ASSERT_EQUAL(a->connections, 2);
	kind_leave(&k, a);
	CU_ASSERT_STRING_EQUAL(a->first, "java");
	kind_leave(&k, a);
	CU_ASSERT_PTR_NULL(a->listener);
	kinds_fini(&k);
}

/* Whoever makes up names fills the places for as long as it stays, and makes nothing larger. */
static void the_rest_is_one_kind(void)
{
	struct kinds k;
	struct kind *kinds[KINDS_MAX + 20];
	char name[32];
	kinds_init(&k);
	for (int i = 0; i < KINDS_MAX + 20; i++) {
		snprintf(name, sizeof name, "made-up-%d", i);
		kinds[i] = kind_enter(&k, "PLAIN", name, "1");
	}
	struct kind *rest = kinds_rest(&k);
	CU_ASSERT_EQUAL(rest->connections, 20);
	CU_ASSERT_STRING_EQUAL(rest->first, KIND_REST);
	CU_ASSERT_STRING_EQUAL(rest->listener, KIND_REST);
	kind_leave(&k, kinds[7]);
	CU_ASSERT_PTR_EQUAL(kind_enter(&k, "PLAIN", "java", "3.9"), kinds[7]);
	for (int i = KINDS_MAX; i < KINDS_MAX + 20; i++)
		kind_leave(&k, kinds[i]);
	CU_ASSERT_PTR_NULL(rest->listener);
	kinds_fini(&k);
}

static void copies(void)
{
	struct kinds k;
	struct kinds_copy copy;
	struct arena arena;
	kinds_init(&k);
	kind_leave(&k, kind_enter(&k, "PLAIN", "gone", "1"));
	kind_enter(&k, "PLAIN", "java", "3.9");
	kind_count_deprecated(kind_enter(&k, "SSL", "java", "3.9"), 3);
	arena_init(&arena, COPY_BYTES);
	kinds_copy(&k, &arena, &copy);
	kinds_fini(&k);
	CU_ASSERT_EQUAL_FATAL(copy.n, 2);
	CU_ASSERT_STRING_EQUAL(copy.v[1].listener, "SSL");
	CU_ASSERT_PTR_NULL(copy.v[0].deprecated);
	CU_ASSERT_EQUAL(copy.v[1].deprecated[3], 1);
	CU_ASSERT_EQUAL(copy.v[1].connections, 1);
	arena_free(&arena);
	kinds_init(&k);
	kind_enter(&k, "PLAIN", "java", "3.9");
	arena_init(&arena, 64);
	kinds_copy(&k, &arena, &copy);
	CU_ASSERT_EQUAL(copy.n, 0);
	arena_free(&arena);
	kinds_fini(&k);
}

/* A place is kept for what was counted, and found again. */
static void counted_requests_stay(void)
{
	struct kinds k;
	kinds_init(&k);
	struct kind *a = kind_enter(&k, "PLAIN", "old", "0.9");
	kind_count_deprecated(a, 0);
	kind_leave(&k, a);
	CU_ASSERT_PTR_EQUAL(kind_enter(&k, "PLAIN", "old", "0.9"), a);
	kind_count_deprecated(a, 0);
	CU_ASSERT_EQUAL(a->deprecated[0], 2);
	kinds_fini(&k);
}

/* They stay no longer than they can: nobody who has gone keeps those who are here from being told. */
static void counts_give_way(void)
{
	struct kinds k;
	char name[32];
	kinds_init(&k);
	for (int i = 0; i < KINDS_MAX; i++) {
		snprintf(name, sizeof name, "made-up-%d", i);
		struct kind *kind = kind_enter(&k, "PLAIN", name, "1");
		kind_count_deprecated(kind, 5);
		kind_leave(&k, kind);
	}
	struct kind *here = kind_enter(&k, "PLAIN", "java", "3.9");
	CU_ASSERT_STRING_EQUAL(here->first, "java");
	CU_ASSERT_PTR_NULL(here->deprecated);
	CU_ASSERT_STRING_EQUAL(kind_enter(&k, "PLAIN", "rust", "1")->first, "rust");
	CU_ASSERT_EQUAL(kinds_rest(&k)->deprecated[5], 2);
	CU_ASSERT_EQUAL(kinds_rest(&k)->connections, 0);
	kinds_fini(&k);
}

static void deprecated_versions(void)
{
	int row = 0, request, version, fetches = 0;
	CU_ASSERT_EQUAL(deprecated_row(KAPI_PRODUCE, 3), -1);
	CU_ASSERT_EQUAL(deprecated_row(KAPI_FETCH, 4), -1);
	CU_ASSERT_EQUAL(deprecated_row(KAPI_LIST_OFFSETS, 1), -1);
	CU_ASSERT_EQUAL(deprecated_row(KAPI_METADATA, 0), -1);
	struct kinds k;
	kinds_init(&k);
	struct kind *a = kind_enter(&k, "PLAIN", "old", "0.9");
	for (; deprecated_pair(row, &request, &version); row++) {
		CU_ASSERT_EQUAL(deprecated_row(request, version), row);
		kind_count_deprecated(a, row); /* there is room for each */
		fetches += request == KAPI_FETCH || request == TALLY_FETCH_CONSUMER;
	}
	CU_ASSERT_EQUAL(row, 27);
	CU_ASSERT_EQUAL(fetches, 8);
	kinds_fini(&k);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(counts),
		UT(the_rest_is_one_kind),
		UT(copies),
		UT(counted_requests_stay),
		UT(counts_give_way),
		UT(deprecated_versions),
	};
	return ut_run("kinds", cases, countof(cases));
}
