/* ut_java_time.c - times and durations as Java reads them. The values are what Kafka's commands made of them.
 */
#include "tools/java_time.h"
#include "tests/unit/ut.h"

static void times(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01T00:00:00.000", 0 },
		{ "1970-01-01T00:00:00.001Z", 1 },
		{ "2000-02-29T23:59:59.999", 951868799999 },
		{ "2024-01-01T00:00:00.000+05:30", 1704047400000 },
		{ "2024-01-01T00:00:00.000-01:30", 1704072600000 },
		{ "2024-01-01T00:00:00.000+02", 1704060000000 },
		{ "1969-12-31T23:59:59.000", -1000 },
	};
	for (size_t i = 0; i < countof(good); i++) {
		int64_t ms = -1;
		CU_ASSERT_PTR_NULL(java_datetime(good[i].text, &ms));
		CU_ASSERT_EQUAL(ms, good[i].ms);
	}
}

static void no_times(void)
{
	static const char *const bad[] = { "", "T", "2024-01-01", "2024-01-01T", "2024-01-01T00:00:00",
		"2023-02-29T00:00:00.000", "2024-13-01T00:00:00.000", "2024-01-01T24:00:00.000",
		"2024-01-01T00:00:00.000x", "2024-01-01T00:00:00.000+2", "2024-01-01T00:00:00.000+24:00",
		"2024-01-01T00:00:00.000-0130", "x-01-01T00:00:00.000" };
	for (size_t i = 0; i < countof(bad); i++) {
		int64_t ms;
		CU_ASSERT_PTR_NOT_NULL(java_datetime(bad[i], &ms));
	}
	CU_ASSERT_TRUE(java_datetime_has_zone("2024-01-01T00:00:00.000-01"));
	CU_ASSERT_FALSE(java_datetime_has_zone("2024-01-01T00:00:00.000"));
	CU_ASSERT_FALSE(java_datetime_has_zone("2024-01-01"));
}

static void durations(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "PT0S", 0 },
		{ "P1D", 86400000 },
		{ "PT1H30M", 5400000 },
		{ "P2DT3H4M5S", 183845000 },
		{ "PT1.5S", 1500 },
		{ "-PT1M", -60000 },
		{ "PT-1M", -60000 },
		{ "pt2s", 2000 },
	};
	static const char *const bad[] = { "", "P", "PT", "1D", "P1", "P1H", "PT1D", "P1DT", "PT1S1M",
		"PT1.5H", "P1D1D", "PTS", "P1DX", "PT99999999999S" };
	for (size_t i = 0; i < countof(good); i++) {
		int64_t ms = -1;
		CU_ASSERT_EQUAL(java_duration(good[i].text, &ms), 0);
		CU_ASSERT_EQUAL(ms, good[i].ms);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		int64_t ms;
		CU_ASSERT_TRUE(java_duration(bad[i], &ms) < 0);
	}
}

static const struct ut_case cases[] = { UT(times), UT(no_times), UT(durations) };

int main(void)
{
	return ut_run("java_time", cases, countof(cases));
}
