/* ut_ibp.c - versions of inter.broker.protocol.version. */
#include "broker/config/ibp.h"
#include "tests/unit/ut.h"

static void parses_names_and_releases(void)
{
	CU_ASSERT_EQUAL(ibp_parse("3.9-IV0"), IBP_3_9_IV0);
	CU_ASSERT_EQUAL(ibp_parse("3.9"), IBP_3_9_IV0);
	CU_ASSERT_EQUAL(ibp_parse("3.9.2"), IBP_3_9_IV0);
	CU_ASSERT_EQUAL(ibp_parse("2.8"), IBP_2_8_IV1);
	CU_ASSERT_EQUAL(ibp_parse("0.10.1"), IBP_0_10_1_IV2);
	CU_ASSERT_EQUAL(ibp_parse("0.10.1.5"), IBP_0_10_1_IV2);
	CU_ASSERT_EQUAL(ibp_parse("0.8.2"), IBP_0_8_2);
	CU_ASSERT_EQUAL(ibp_parse("3.7"), IBP_3_7_IV4);
}

static void refuses_others(void)
{
	static const char *const bad[] = { "", "3", "3.", "9.9", "3.9-IV1", "0.10", "x", "3.9-iv0" };
	for (size_t i = 0; i < countof(bad); i++)
		CU_ASSERT_EQUAL(ibp_parse(bad[i]), -1);
}

static void every_name_is_itself(void)
{
	for (int v = 0; v < IBP_COUNT; v++) {
		CU_ASSERT_EQUAL(ibp_parse(ibp_name((enum ibp)v)), v);
		int release = ibp_parse(ibp_release((enum ibp)v));
		CU_ASSERT_TRUE(release >= v);
	}
}

static void knows_record_formats(void)
{
	CU_ASSERT_EQUAL(ibp_record_format(IBP_0_9_0), 0);
	CU_ASSERT_EQUAL(ibp_record_format(IBP_0_10_0_IV0), 1);
	CU_ASSERT_EQUAL(ibp_record_format(IBP_0_10_2_IV0), 1);
	CU_ASSERT_EQUAL(ibp_record_format(IBP_0_11_0_IV0), 2);
	CU_ASSERT_EQUAL(ibp_record_format(IBP_LATEST), 2);
	CU_ASSERT_STRING_EQUAL(ibp_for_record_format(2), "0.11.0");
}

static const struct ut_case cases[] = {
	UT(parses_names_and_releases),
	UT(refuses_others),
	UT(every_name_is_itself),
	UT(knows_record_formats),
};

int main(void)
{
	return ut_run("ibp", cases, countof(cases));
}
