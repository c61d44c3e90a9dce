/* ut_tally.c - requests are counted at the end of the turn in which they were answered, or when many were. */
#include "broker/api/tally.h"
#include "broker/protocol/kapi.h"
#include "tests/unit/ut.h"

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
	struct tally_entry e = { { .received_ns = received_ns, .left_ns = INT64_MAX }, { 0 }, 100,
				 KAPI_FETCH, (int16_t)also, 11 };
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

static void converted(const struct fixture *f, int kind, uint64_t n, uint64_t us, uint64_t bytes)
{
	struct histogram_sum h;
	metrics_summary(f->metrics, METRIC_CONVERSION_TIME, kind, &h);
	CU_ASSERT_EQUAL(h.count, n);
	CU_ASSERT_EQUAL(h.sum, us);
	metrics_summary(f->metrics, METRIC_CONVERSION_BYTES, kind, &h);
	CU_ASSERT_EQUAL(h.count, n);
	CU_ASSERT_EQUAL(h.sum, bytes);
}

/* Told of each Produce and Fetch, whether anything was converted or not, and of no other. */
static void conversions(void)
{
	struct fixture f;
	make(&f);
	struct tally_entry e = { .kind = KAPI_PRODUCE, .also = TALLY_NONE, .converted = { 7000, 90 } };
	tally_answered(&f.tally, &e);
	e.converted = (struct tally_conversion){ 0 };
	tally_answered(&f.tally, &e);
	e.kind = KAPI_METADATA;
	tally_answered(&f.tally, &e);
	answered(&f, 0, TALLY_FETCH_CONSUMER);
	reactor_turn(f.reactor, 0);
	converted(&f, KAPI_PRODUCE, 2, 7, 90);
	converted(&f, KAPI_FETCH, 1, 0, 0);
	converted(&f, TALLY_FETCH_CONSUMER, 0, 0, 0);
	converted(&f, KAPI_METADATA, 0, 0, 0);
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

static void expect_stages(const struct tally_times *times, int64_t now_ns, const int64_t want[STAGES])
{
	int64_t got[STAGES], sum = 0;
	tally_stages(times, now_ns, got);
	for (int i = 0; i < STAGES; i++) {
		CU_ASSERT_EQUAL(got[i], want[i]);
		sum += got[i];
	}
	CU_ASSERT_EQUAL(sum, now_ns - times->received_ns);
}

static void stages_are_together_the_whole(void)
{
	const struct tally_times in_turn = { .received_ns = 100, .left_ns = INT64_MAX, .given_ns = 100 };
	expect_stages(&in_turn, 150, (int64_t[STAGES]){ 0, 50, 0, 0, 0 });
	const struct tally_times waited = { .received_ns = 100, .left_ns = 120, .given_ns = 500 };
	expect_stages(&waited, 530, (int64_t[STAGES]){ 0, 20, 380, 0, 30 });
	const struct tally_times other_core = { .received_ns = 100, .left_ns = 120, .made_ns = 400,
						.given_ns = 500 };
	expect_stages(&other_core, 530, (int64_t[STAGES]){ 0, 20, 280, 100, 30 });
	const struct tally_times control = { .received_ns = 100, .started_ns = 200, .left_ns = 120,
					     .made_ns = 400, .given_ns = 500 };
	expect_stages(&control, 530, (int64_t[STAGES]){ 100, 200, 0, 100, 30 });
}

/* The turn that takes the answer may have begun before the answer was made. */
static void stages_are_never_negative(void)
{
	const struct tally_times early = { .received_ns = 100, .started_ns = 90, .left_ns = 120,
					   .made_ns = 400, .given_ns = 380 };
	expect_stages(&early, 390, (int64_t[STAGES]){ 0, 290, 0, 0, 0 });
}

/* Work that a request left to the end of the turn, and that answers it. */
struct put_off {
	struct deferred deferred;
	struct tally_times times;
};

static void put_off_run(struct reactor *here, struct deferred *d)
{
	struct put_off *w = container_of(d, struct put_off, deferred);
	CU_ASSERT_TRUE(w->times.received_ns <= reactor_now_ns(here));
	tally_forget(&w->times);
}

/* Who stays behind when the turn ends is stamped; who is answered by the turn's last work is not. */
static void only_what_waits_is_stamped(void)
{
	struct fixture f;
	struct tally_times waits = { 0 };
	struct put_off work = { .deferred.run = put_off_run };
	make(&f);
	tally_arrived(&f.tally, &work.times);
	reactor_defer(f.reactor, &work.deferred);
	reactor_turn(f.reactor, 0);
	CU_ASSERT_EQUAL(work.times.left_ns, INT64_MAX);
	for (int i = 0; i < 2; i++) {
		tally_arrived(&f.tally, &waits);
		CU_ASSERT_EQUAL(waits.left_ns, INT64_MAX);
		reactor_turn(f.reactor, 0);
		CU_ASSERT_TRUE(waits.left_ns >= waits.received_ns && waits.left_ns < INT64_MAX);
	}
	tally_forget(&waits);
	unmake(&f);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(kinds_have_names),
		UT(a_turn_is_counted_at_its_end),
		UT(conversions),
		UT(many_are_counted_at_once),
		UT(time_is_never_negative),
		UT(stages_are_together_the_whole),
		UT(stages_are_never_negative),
		UT(only_what_waits_is_stamped),
	};
	return ut_run("tally", cases, countof(cases));
}
