/* ut_problems.c - complaints collected, in order, with where they come from. */
#include "broker/config/problems.h"
#include "tests/unit/ut.h"

static void keeps_order_and_level(void)
{
	struct problems p;
	problems_init(&p);
	problem_warning(&p, "first %d", 1);
	problem_error(&p, "second");
	CU_ASSERT_EQUAL(p.errors, 1);
	CU_ASSERT_EQUAL(p.warnings, 1);
	CU_ASSERT_STRING_EQUAL(p.first->text, "first 1");
	CU_ASSERT_EQUAL(p.first->level, PROBLEM_WARNING);
	CU_ASSERT_STRING_EQUAL(p.first->next->text, "second");
	problems_free(&p);
}

static void counts_past_its_limit(void)
{
	struct problems p;
	problems_init(&p);
	for (int i = 0; i < PROBLEMS_MAX + 7; i++)
		problem_error(&p, "number %d", i);
	CU_ASSERT_EQUAL(p.errors, PROBLEMS_MAX + 7);
	CU_ASSERT_EQUAL(p.kept, PROBLEMS_MAX);
	problems_free(&p);
}

static void tells_once(void)
{
	struct problems p;
	problems_init(&p);
	problem_error(&p, "the same");
	problem_warning(&p, "the same");
	problem_error(&p, "the same");
	CU_ASSERT_EQUAL(p.errors, 1);
	CU_ASSERT_EQUAL(p.warnings, 1);
	CU_ASSERT_EQUAL(p.kept, 2);
	problems_free(&p);
}

static const struct ut_case cases[] = {
	UT(keeps_order_and_level), UT(counts_past_its_limit), UT(tells_once),
};

int main(void)
{
	return ut_run("config problems", cases, countof(cases));
}
