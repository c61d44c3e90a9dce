/* perf_stats.c - see perf_stats.h */
#include "tools/perf_stats.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <inttypes.h>

#define SECOND_NS INT64_C(1000000000)
enum { MEGABYTE = 1 << 20, SLEEP_LEAST_NS = 2000000 };

void perf_stats_init(struct perf_stats *s, uint64_t records, int64_t now_ms)
{
	must(records > 0);
	*s = (struct perf_stats){ .all.begun_ms = now_ms, .window.begun_ms = now_ms };
	s->sampling = records / min_of(records, (uint64_t)PERF_SAMPLES_MAX);
	s->latencies = mem_zalloc((records / s->sampling + 1) * sizeof *s->latencies);
}

void perf_stats_free(struct perf_stats *s)
{
	free(s->latencies);
	s->latencies = NULL;
}

static void count(struct perf_sum *sum, int64_t latency_ms, uint32_t bytes)
{
	sum->count++;
	sum->bytes += bytes;
	sum->latency_sum += latency_ms;
	sum->latency_max = max_of(sum->latency_max, latency_ms);
}

/* Java says NaN where C says nan. */
static void add_average(struct text *out, const struct perf_sum *sum, int digits)
{
	if (sum->count == 0)
		text_add(out, "NaN");
	else
		text_add(out, "%.*f", digits, (double)sum->latency_sum / (double)sum->count);
}

static double rate(double amount, int64_t elapsed_ms)
{
	return elapsed_ms > 0 ? 1000.0 * amount / (double)elapsed_ms : 0;
}

bool perf_stats_record(struct perf_stats *s, int64_t latency_ms, uint32_t bytes, int64_t now_ms,
	struct text *out)
{
	if (s->all.count % s->sampling == 0)
		s->latencies[s->n++] = (int32_t)latency_ms;
	count(&s->all, latency_ms, bytes);
	count(&s->window, latency_ms, bytes);
	int64_t elapsed = now_ms - s->window.begun_ms;
	if (elapsed < PERF_WINDOW_MS)
		return false;
	const struct perf_sum *w = &s->window;
	text_add(out, "%" PRIu64 " records sent, %.1f records/sec (%.2f MB/sec), ", w->count,
		rate((double)w->count, elapsed), rate((double)w->bytes / MEGABYTE, elapsed));
	add_average(out, w, 1);
	text_add(out, " ms avg latency, %.1f ms max latency.\n", (double)w->latency_max);
	s->window = (struct perf_sum){ .begun_ms = now_ms };
	return true;
}

static int by_size(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return order_of(x, y);
}

static const struct {
	double part;
	const char *words, *name;
} quantiles[] = {
	{ 0.5, "50th", "latency_p50_ms" },
	{ 0.95, "95th", "latency_p95_ms" },
	{ 0.99, "99th", "latency_p99_ms" },
	{ 0.999, "99.9th", "latency_p999_ms" },
};

static int32_t quantile(const struct perf_stats *s, size_t i)
{
	return s->latencies[(size_t)(quantiles[i].part * s->n)];
}

void perf_stats_total(struct perf_stats *s, int64_t now_ms, struct text *out)
{
	int64_t elapsed = now_ms - s->all.begun_ms;
	order_sort(s->latencies, s->n, sizeof *s->latencies, by_size);
	text_add(out, "%" PRIu64 " records sent, %f records/sec (%.2f MB/sec), ", s->all.count,
		rate((double)s->all.count, elapsed), rate((double)s->all.bytes / MEGABYTE, elapsed));
	add_average(out, &s->all, 2);
	text_add(out, " ms avg latency, %.2f ms max latency", (double)s->all.latency_max);
	for (size_t i = 0; i < countof(quantiles); i++)
		text_add(out, ", %d ms %s", quantile(s, i), quantiles[i].words);
	text_add(out, ".\n");
}

json_t *perf_stats_json(struct perf_stats *s, int64_t now_ms)
{
	int64_t elapsed = now_ms - s->all.begun_ms;
	const struct perf_sum *all = &s->all;
	order_sort(s->latencies, s->n, sizeof *s->latencies, by_size);
	json_t *figures = json_pack("{s:I, s:I, s:I, s:f, s:f, s:o, s:I}", "records", (json_int_t)all->count,
		"bytes", (json_int_t)all->bytes, "elapsed_ms", (json_int_t)elapsed, "records_per_second",
		rate((double)all->count, elapsed), "mb_per_second",
		rate((double)all->bytes / MEGABYTE, elapsed), "latency_avg_ms",
		all->count ? json_real((double)all->latency_sum / (double)all->count) : json_null(),
		"latency_max_ms", (json_int_t)all->latency_max);
	for (size_t i = 0; i < countof(quantiles); i++)
		json_object_set_new(figures, quantiles[i].name, json_integer(quantile(s, i)));
	return figures;
}

int64_t throttle_ns(struct throttle *t, uint64_t nth, int64_t sent_ns)
{
	double seconds = (double)(sent_ns - t->begun_ns) / (double)SECOND_NS;
	if (t->per_second < 0 || seconds <= 0 || (double)nth / seconds <= t->per_second)
		return 0;
	if (t->per_second == 0)
		return INT64_MAX;
	t->deficit_ns += (int64_t)((double)SECOND_NS / t->per_second);
	if (t->deficit_ns < SLEEP_LEAST_NS)
		return 0;
	int64_t ns = t->deficit_ns;
	t->deficit_ns = 0;
	return ns;
}
