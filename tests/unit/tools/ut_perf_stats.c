/* ut_perf_stats.c - the lines of the perf test, the throttle, and times by Java's patterns. */
#include "tests/unit/ut.h"
#include "tools/date_format.h"
#include "tools/perf_stats.h"

#include <time.h>

static void a_window_and_the_total(void)
{
	struct perf_stats s;
	struct text out = { 0 };
	perf_stats_init(&s, 4, 1000);
	CU_ASSERT(!perf_stats_record(&s, 10, 1 << 20, 2000, &out));
	CU_ASSERT(perf_stats_record(&s, 30, 1 << 20, 6000, &out));
	CU_ASSERT_STRING_EQUAL(out.s, "2 records sent, 0.4 records/sec (0.40 MB/sec), 20.0 ms avg latency, "
		"30.0 ms max latency.\n");
	text_clear(&out);
	perf_stats_record(&s, 1, 0, 6001, &out);
	perf_stats_record(&s, 2, 0, 6002, &out);
	perf_stats_total(&s, 11000, &out);
	CU_ASSERT_STRING_EQUAL(out.s, "4 records sent, 0.400000 records/sec (0.20 MB/sec), 10.75 ms avg "
		"latency, 30.00 ms max latency, 10 ms 50th, 30 ms 95th, 30 ms 99th, 30 ms 99.9th.\n");
	json_t *figures = perf_stats_json(&s, 11000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(figures, "records")), 4);
	CU_ASSERT_EQUAL(json_real_value(json_object_get(figures, "latency_avg_ms")), 10.75);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(figures, "latency_p95_ms")), 30);
	json_decref(figures);
	perf_stats_free(&s);
	text_free(&out);
}

static void nothing_was_sent(void)
{
	struct perf_stats s;
	struct text out = { 0 };
	perf_stats_init(&s, 1, 0);
	perf_stats_total(&s, 1000, &out);
	CU_ASSERT(out.s && strstr(out.s, "0 records sent, 0.000000 records/sec (0.00 MB/sec), NaN ms "
		"avg") == out.s);
	json_t *figures = perf_stats_json(&s, 1000);
	CU_ASSERT(json_is_null(json_object_get(figures, "latency_avg_ms")));
	json_decref(figures);
	perf_stats_free(&s);
	text_free(&out);
}

static void the_throttle_holds_the_rate(void)
{
	struct throttle t = { .per_second = 100, .begun_ns = 0 };
	int64_t now = 1;
	for (uint64_t i = 0; i < 200; i++)
		now += 1000 + throttle_ns(&t, i, now);
	CU_ASSERT(now > INT64_C(1900000000) && now < INT64_C(2100000000));
	CU_ASSERT_EQUAL(throttle_ns(&(struct throttle){ .per_second = -1 }, 9, 1), 0);
	CU_ASSERT_EQUAL(throttle_ns(&(struct throttle){ .per_second = 0 }, 1, 1), INT64_MAX);
}

static void times_by_patterns(void)
{
	struct tm tm = { .tm_year = 126, .tm_mon = 10, .tm_mday = 1, .tm_hour = 15, .tm_min = 4,
		.tm_sec = 5 };
	const struct { const char *pattern, *says; } each[] = {
		{ "yyyy-MM-dd HH:mm:ss:SSS", "2026-11-01 15:04:05:007" },
		{ "d.M.yy h:mm a", "1.11.26 3:04 PM" },
		{ "MMM d 'o''clock' H", "Nov 1 o'clock 15" },
		{ "''", "'" },
	};
	for (size_t i = 0; i < countof(each); i++) {
		struct text out = { 0 };
		CU_ASSERT(date_format(&out, each[i].pattern, &tm, 7));
		CU_ASSERT_STRING_EQUAL(out.s, each[i].says);
		text_free(&out);
	}
	struct text out = { 0 };
	CU_ASSERT(!date_format(&out, "b", &tm, 0));
	text_free(&out);
}

static const struct ut_case cases[] = {
	UT(a_window_and_the_total),
	UT(nothing_was_sent),
	UT(the_throttle_holds_the_rate),
	UT(times_by_patterns),
};

int main(void)
{
	return ut_run("tools/perf_stats", cases, countof(cases));
}
