/* ut_names.c - what may be a topic's name. */
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "tests/unit/ut.h"

#include <string.h>

static void good_and_bad(void)
{
	char longest[TOPIC_NAME_MAX + 2];
	memset(longest, 'x', sizeof longest);
	CU_ASSERT_PTR_NULL(name_problem(slice_of(longest, TOPIC_NAME_MAX)));
	CU_ASSERT_PTR_NOT_NULL(name_problem(slice_of(longest, TOPIC_NAME_MAX + 1)));
	CU_ASSERT_PTR_NULL(name_problem(slice_str("a.b_c-D9")));
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "\xc3\xa4", "a,b", "a\n" };
	for (size_t i = 0; i < countof(bad); i++)
		CU_ASSERT_PTR_NOT_NULL(name_problem(slice_str(bad[i])));
	CU_ASSERT_PTR_NOT_NULL(name_problem(slice_of("a\0b", 3)));
}

static void collisions_and_internal(void)
{
	CU_ASSERT_TRUE(name_collides(slice_str("a.b"), slice_str("a_b")));
	CU_ASSERT_FALSE(name_collides(slice_str("a.b"), slice_str("a-b")));
	CU_ASSERT_FALSE(name_collides(slice_str("a.b"), slice_str("a_bc")));
	CU_ASSERT_TRUE(name_compare_collision(slice_str("a.b"), slice_str("a_b")) == 0);
	CU_ASSERT_TRUE(name_compare_collision(slice_str("a_b"), slice_str("a.bc")) < 0);
	CU_ASSERT_TRUE(name_compare_collision(slice_str("b.b"), slice_str("a_bc")) > 0);
	CU_ASSERT_TRUE(name_is_internal(slice_str(TOPIC_OFFSETS)));
	CU_ASSERT_FALSE(name_is_internal(slice_str("__consumer_offset")));
}

static const struct ut_case cases[] = { UT(good_and_bad), UT(collisions_and_internal) };

int main(void)
{
	return ut_run("names", cases, countof(cases));
}
