/* ut_kerr.c - the table of error codes: names, what a client may try again. */
#include "broker/base/kerr.h"

#include "tests/unit/ut.h"

static void names_and_numbers(void)
{
	CU_ASSERT_EQUAL(KERR_UNKNOWN_SERVER_ERROR, -1);
	CU_ASSERT_EQUAL(KERR_NONE, 0);
	CU_ASSERT_EQUAL(KERR_CORRUPT_MESSAGE, 2);
	CU_ASSERT_EQUAL(KERR_NOT_LEADER_OR_FOLLOWER, 6);
	CU_ASSERT_EQUAL(KERR_INVALID_RECORD, 87);
	CU_ASSERT_STRING_EQUAL(kerr_name(-1), "UNKNOWN_SERVER_ERROR");
	CU_ASSERT_STRING_EQUAL(kerr_name(6), "NOT_LEADER_OR_FOLLOWER");
	CU_ASSERT_STRING_EQUAL(kerr_name(87), "INVALID_RECORD");
}

static void other_numbers_are_unknown(void)
{
	CU_ASSERT_STRING_EQUAL(kerr_name(-2), "UNKNOWN");
	CU_ASSERT_STRING_EQUAL(kerr_name(9999), "UNKNOWN");
	CU_ASSERT_FALSE(kerr_is_retriable(9999));
}

static void names_are_in_the_table_once(void)
{
	for (int a = -1; a < 200; a++)
		for (int b = a + 1; b < 200 && strcmp(kerr_name(a), "UNKNOWN") != 0; b++)
			CU_ASSERT_STRING_NOT_EQUAL(kerr_name(a), kerr_name(b));
}

static void retriable(void)
{
	CU_ASSERT_TRUE(kerr_is_retriable(KERR_NOT_LEADER_OR_FOLLOWER));
	CU_ASSERT_TRUE(kerr_is_retriable(KERR_CORRUPT_MESSAGE));
	CU_ASSERT_FALSE(kerr_is_retriable(KERR_INVALID_RECORD));
	CU_ASSERT_FALSE(kerr_is_retriable(KERR_NONE));
}

static const struct ut_case cases[] = {
	UT(names_and_numbers),
	UT(other_numbers_are_unknown),
	UT(names_are_in_the_table_once),
	UT(retriable),
};

int main(void)
{
	return ut_run("kerr", cases, countof(cases));
}
