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

/* ---- stages ---- */

/* Clocks of several cores, read at the begin of a turn or in its midst: a stage never ends before the one
 * before it, nor after the whole. */
void tally_stages(const struct tally_times *times, int64_t now_ns, int64_t out_ns[STAGES])
{
	bool on_control = times->started_ns != 0;
	int64_t made_ns = times->made_ns ? times->made_ns : times->given_ns;
	const int64_t ends[STAGES] = {
		[STAGE_QUEUE] = times->started_ns,
		[STAGE_LOCAL] = on_control ? made_ns : times->left_ns,
		[STAGE_REMOTE] = made_ns,
		[STAGE_ANSWER_QUEUE] = times->given_ns,
		[STAGE_SEND] = now_ns,
	};
	int64_t at = min_of(times->received_ns, now_ns);
	for (int i = 0; i < STAGES; i++) {
		int64_t end = min_of(max_of(ends[i], at), now_ns);
		out_ns[i] = end - at;
		at = end;
	}
}

void tally_arrived(struct tally *t, struct tally_times *times)
{
	must(!list_linked(&times->fresh));
	times->received_ns = reactor_now_ns(t->reactor);
	times->started_ns = times->made_ns = times->given_ns = 0;
	times->left_ns = INT64_MAX;
	if (list_empty(&t->fresh))
		reactor_defer(t->reactor, &t->turn_over);
	list_push_back(&t->fresh, &times->fresh);
}

void tally_forget(struct tally_times *times)
{
	if (list_linked(&times->fresh))
		list_remove(&times->fresh);
}

/* Those that are answered by this turn's own work, such as a write that was put off to its end, are not left
 * behind: that work goes first. */
static void turn_over_run(struct reactor *here, struct deferred *d)
{
	struct tally *t = container_of(d, struct tally, turn_over);
	must(here == t->reactor);
	if (list_empty(&t->fresh)) {
		t->after_the_rest = false;
		return;
	}
	t->after_the_rest = !t->after_the_rest;
	if (t->after_the_rest) {
		reactor_defer(here, d);
		return;
	}
	int64_t now_ns = sys_mono_ns();
	struct list *l;
	while ((l = list_pop_front(&t->fresh)))
		list_entry(l, struct tally_times, fresh)->left_ns = now_ns;
}

/* ---- counting ---- */

static void record(struct tally *t, int kind, const struct tally_entry *e, int64_t now_ns)
{
	static const enum metric stages[STAGES] = {
		[STAGE_QUEUE] = METRIC_QUEUE_TIME,
		[STAGE_LOCAL] = METRIC_LOCAL_TIME,
		[STAGE_REMOTE] = METRIC_REMOTE_TIME,
		[STAGE_ANSWER_QUEUE] = METRIC_ANSWER_QUEUE_TIME,
		[STAGE_SEND] = METRIC_SEND_TIME,
	};
	int64_t ns[STAGES];
	int64_t us = max_of(now_ns - e->times.received_ns, (int64_t)0) / 1000;
	metric_add_request(t->metrics, kind, e->version);
	histogram_record(t->metrics, METRIC_REQUEST_BYTES, kind, e->bytes);
	histogram_record(t->metrics, METRIC_TOTAL_TIME, kind, (uint64_t)us);
	tally_stages(&e->times, now_ns, ns);
	for (int i = 0; i < STAGES; i++)
		histogram_record(t->metrics, stages[i], kind, (uint64_t)(ns[i] / 1000));
}

/* Kafka tells it of these two, under the API's own name only. */
static void record_conversion(struct tally *t, const struct tally_entry *e)
{
	if (e->kind != KAPI_PRODUCE && e->kind != KAPI_FETCH)
		return;
	histogram_record(t->metrics, METRIC_CONVERSION_TIME, e->kind, (uint64_t)(e->converted.ns / 1000));
	histogram_record(t->metrics, METRIC_CONVERSION_BYTES, e->kind, e->converted.bytes);
}

static void settle(struct tally *t)
{
	int64_t now_ns = sys_mono_ns();
	for (int i = 0; i < t->n; i++) {
		const struct tally_entry *e = &t->answered[i];
		record(t, e->kind, e, now_ns);
		record_conversion(t, e);
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
	t->turn_over.run = turn_over_run;
	list_init(&t->fresh);
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
