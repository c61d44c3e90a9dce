/* tally.c - see tally.h. */
#include "broker/api/tally.h"

#include "broker/base/must.h"
#include "broker/protocol/kapi.h"

void tally_name_requests(struct metrics *m)
{
	for (size_t i = 0; i < kapis_count; i++) {
		must(kapis[i].key < TALLY_FETCH_CONSUMER);
		metrics_name_request(m, kapis[i].key, kapis[i].name);
	}
	metrics_name_request(m, TALLY_FETCH_CONSUMER, "FetchConsumer");
	metrics_name_request(m, TALLY_FETCH_FOLLOWER, "FetchFollower");
}

static void record(struct tally *t, int kind, const struct tally_entry *e, int64_t now_ns)
{
	int64_t us = max_of(now_ns - e->received_ns, (int64_t)0) / 1000;
	metric_add_request(t->metrics, kind, e->version);
	histogram_record(t->metrics, METRIC_REQUEST_BYTES, kind, e->bytes);
	histogram_record(t->metrics, METRIC_TOTAL_TIME, kind, (uint64_t)us);
}

static void settle(struct tally *t)
{
	int64_t now_ns = sys_mono_ns();
	for (int i = 0; i < t->n; i++) {
		const struct tally_entry *e = &t->answered[i];
		record(t, e->kind, e, now_ns);
		if (e->also != TALLY_NONE)
			record(t, e->also, e, now_ns);
	}
	t->n = 0;
}

static void settle_run(struct reactor *here, struct deferred *d)
{
	struct tally *t = container_of(d, struct tally, settle);
	must(here == t->reactor);
	settle(t);
}

void tally_init(struct tally *t, struct reactor *reactor)
{
	*t = (struct tally){ .reactor = reactor, .metrics = reactor_metrics(reactor) };
	must(t->metrics != NULL);
	t->settle.run = settle_run;
}

void tally_answered(struct tally *t, const struct tally_entry *e)
{
	must(t->n < TALLY_MAX);
	if (t->n == 0)
		reactor_defer(t->reactor, &t->settle);
	t->answered[t->n++] = *e;
	if (t->n == TALLY_MAX)
		settle(t);
}
