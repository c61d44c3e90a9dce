/* ut_slice.c - borrowed bytes: null is not empty. */
#include "broker/base/slice.h"

#include "tests/unit/ut.h"

static void null_is_not_empty(void)
{
	CU_ASSERT_TRUE(slice_is_null(SLICE_NULL));
	CU_ASSERT_FALSE(slice_is_null(slice_of("", 0)));
	CU_ASSERT_FALSE(slice_eq(SLICE_NULL, slice_of("", 0)));
	CU_ASSERT_TRUE(slice_eq(SLICE_NULL, SLICE_NULL));
	CU_ASSERT_TRUE(slice_is_null(slice_str(NULL)));
	CU_ASSERT_FALSE(slice_is(SLICE_NULL, ""));
	CU_ASSERT_TRUE(slice_is(slice_of("", 0), ""));
}

static void equality_is_of_bytes(void)
{
	CU_ASSERT_TRUE(slice_eq(SLICE_LIT("a\0b"), slice_of("a\0b", 3)));
	CU_ASSERT_FALSE(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	CU_ASSERT_FALSE(slice_eq(SLICE_LIT("ab"), SLICE_LIT("abc")));
	CU_ASSERT_TRUE(slice_is(slice_str("topic"), "topic"));
	CU_ASSERT_FALSE(slice_is(SLICE_LIT("topi"), "topic"));
}

static void printing(void)
{
	char out[16];

	snprintf(out, sizeof out, "%.*s.", SLICE_ARGS(slice_of("topics", 5)));
	CU_ASSERT_STRING_EQUAL(out, "topic.");
	snprintf(out, sizeof out, "%.*s.", SLICE_ARGS(SLICE_NULL));
	CU_ASSERT_STRING_EQUAL(out, ".");
}

static void order(void)
{
	static const char *const ordered[] = { "", "a", "ab", "abc", "b", "\xff" };
	for (int i = 0; i < (int)countof(ordered); i++)
		for (int k = 0; k < (int)countof(ordered); k++) {
			int is = slice_compare(slice_str(ordered[i]), slice_str(ordered[k]));
			CU_ASSERT_EQUAL((is > 0) - (is < 0), (i > k) - (i < k));
		}
	CU_ASSERT_EQUAL(slice_compare(SLICE_NULL, slice_str("")), 0);
}

static const struct ut_case cases[] = {
	UT(order),
	UT(null_is_not_empty),
	UT(equality_is_of_bytes),
	UT(printing),
};

int main(void)
{
	return ut_run("slice", cases, countof(cases));
}
