/* ut_tally.c - requests are counted at the end of the turn in which they were answered, or when many were. */
#include "broker/api/tally.h"
#include "broker/protocol/kapi.h"
#include "tests/unit/ut.h"

#include <string.h>

struct fixture {
	struct metrics *metrics;
	struct reactor *reactor;
	struct tally tally;
};

static void make(struct fixture *f)
{
	f->metrics = metrics_new(1);
	tally_name_requests(f->metrics);
	f->reactor = reactor_new(0, NULL);
	reactor_set_metrics(f->reactor, metrics_core(f->metrics, 0));
	tally_init(&f->tally, f->reactor);
}

static void unmake(struct fixture *f)
{
	reactor_free(f->reactor);
	metrics_free(f->metrics);
}

static void answered(struct fixture *f, int64_t received_ns, int also)
{
	struct tally_entry e = { received_ns, 100, KAPI_FETCH, (int16_t)also, 11 };
	tally_answered(&f->tally, &e);
}

static void kinds_have_names(void)
{
	struct fixture f;
	make(&f);
	CU_ASSERT_STRING_EQUAL(metrics_request_name(f.metrics, KAPI_PRODUCE), "Produce");
	CU_ASSERT_STRING_EQUAL(metrics_request_name(f.metrics, TALLY_FETCH_FOLLOWER), "FetchFollower");
	unmake(&f);
}

static void a_turn_is_counted_at_its_end(void)
{
	struct fixture f;
	struct histogram_sum h;
	make(&f);
	int64_t now_ns = reactor_now_ns(f.reactor);
	answered(&f, now_ns - 50000000, TALLY_FETCH_CONSUMER);
	answered(&f, now_ns - 50000000, TALLY_FETCH_FOLLOWER);
	answered(&f, now_ns - 50000000, TALLY_NONE);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, KAPI_FETCH, 11), 0);
	reactor_turn(f.reactor, 0);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, KAPI_FETCH, 11), 3);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, TALLY_FETCH_CONSUMER, 11), 1);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, TALLY_FETCH_FOLLOWER, 11), 1);
	metrics_summary(f.metrics, METRIC_TOTAL_TIME, KAPI_FETCH, &h);
	CU_ASSERT_EQUAL(h.count, 3);
	CU_ASSERT_TRUE(h.sum >= 3 * 50000);
	metrics_summary(f.metrics, METRIC_REQUEST_BYTES, KAPI_FETCH, &h);
	CU_ASSERT_EQUAL(h.sum, 300);
	reactor_turn(f.reactor, 0);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, KAPI_FETCH, 11), 3);
	unmake(&f);
}

static void many_are_counted_at_once(void)
{
	struct fixture f;
	make(&f);
	for (int i = 0; i < TALLY_MAX + 1; i++)
		answered(&f, reactor_now_ns(f.reactor), TALLY_NONE);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, KAPI_FETCH, 11), TALLY_MAX);
	reactor_turn(f.reactor, 0);
	CU_ASSERT_EQUAL(metrics_requests(f.metrics, KAPI_FETCH, 11), TALLY_MAX + 1);
	unmake(&f);
}

/* Whoever answered "before" it asked, by a clock read at another moment, took no time. */
static void time_is_never_negative(void)
{
	struct fixture f;
	struct histogram_sum h;
	make(&f);
	answered(&f, INT64_MAX / 2, TALLY_NONE);
	reactor_turn(f.reactor, 0);
	metrics_summary(f.metrics, METRIC_TOTAL_TIME, KAPI_FETCH, &h);
	CU_ASSERT_TRUE(h.count == 1 && h.sum == 0);
	unmake(&f);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(kinds_have_names),
		UT(a_turn_is_counted_at_its_end),
		UT(many_are_counted_at_once),
		UT(time_is_never_negative),
	};
	return ut_run("tally", cases, countof(cases));
}
