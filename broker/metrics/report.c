/* report.c - see report.h. */
#include "broker/metrics/report.h"

#include "broker/base/kerr.h"

#include <stdio.h>

#define REPORT_MAGIC 0x3e707c11u

/* What the histograms of one summary were at two moments: `older` is subtracted, `newer` is the next to be.
 * NULL where nothing had been recorded. */
struct window {
	struct histogram_sum *older[METRICS_REQUESTS_MAX], *newer[METRICS_REQUESTS_MAX];
};

struct report {
	unsigned magic;
	const struct metrics *metrics;
	int64_t moved_ms; /* when the windows were moved last */
	struct window windows[METRICS_SUMMARIES];
};

struct report *report_new(const struct metrics *m, int64_t now_ms)
{
	struct report *r;
	ALLOC_OBJ(r, REPORT_MAGIC);
	r->metrics = m;
	r->moved_ms = now_ms;
	return r;
}

void report_free(struct report *r)
{
	CHECK_OBJ_NOTNULL(r, REPORT_MAGIC);
	for (int i = 0; i < METRICS_SUMMARIES; i++)
		for (int k = 0; k < METRICS_REQUESTS_MAX; k++) {
			free(r->windows[i].older[k]);
			free(r->windows[i].newer[k]);
		}
	FREE_OBJ(r);
}

/* ---- counters ---- */

static void report_counter(struct report *r, struct page *p, enum metric which)
{
	page_head(p, which);
	page_whole(p, which, NO_LABELS, metrics_counter(r->metrics, which));
}

static void report_topics(struct report *r, struct page *p, enum metric which,
			  const struct report_topic *topics, size_t n)
{
	report_counter(r, p, which);
	for (size_t i = 0; i < n; i++)
		page_whole(p, which, LABELS(topics[i].name), topic_counts_sum(topics[i].counts, which));
}

static void report_versions(struct report *r, struct page *p, int request)
{
	const char *name = metrics_request_name(r->metrics, request);
	char text[16];
	for (int version = 0; version < METRICS_VERSIONS_MAX; version++) {
		uint64_t n = metrics_requests(r->metrics, request, version);
		if (n == 0)
			continue;
		snprintf(text, sizeof text, "%d", version);
		page_whole(p, METRIC_REQUESTS, LABELS(name, text), n);
	}
}

static void report_requests(struct report *r, struct page *p)
{
	page_head(p, METRIC_REQUESTS);
	for (int request = 0; request < METRICS_REQUESTS_MAX; request++)
		if (metrics_request_name(r->metrics, request))
			report_versions(r, p, request);
}

static void report_errors(struct report *r, struct page *p)
{
	page_head(p, METRIC_ERRORS);
	for (int request = 0; request < METRICS_REQUESTS_MAX; request++) {
		const char *name = metrics_request_name(r->metrics, request);
		for (int code = -1; name && code + 1 < METRICS_ERRORS_MAX; code++) {
			uint64_t n = metrics_errors(r->metrics, request, code);
			if (n > 0)
				page_whole(p, METRIC_ERRORS, LABELS(name, kerr_name(code)), n);
		}
	}
}

/* ---- summaries ---- */

static bool is_of_requests(enum metric which)
{
	return metric_descs[which].labels[0] != 0;
}

static int kinds_of(enum metric which)
{
	return is_of_requests(which) ? METRICS_REQUESTS_MAX : 1;
}

/* Times are recorded in microseconds and told, as Kafka does, in milliseconds. */
static double scale_of(enum metric which)
{
	return which == METRIC_REQUEST_BYTES || which == METRIC_CONVERSION_BYTES ? 1 : 1000;
}

static void one_summary(struct page *p, enum metric which, const char *const *labels,
			const struct histogram_sum *all, const struct histogram_sum *lately)
{
	static const struct {
		const char *text;
		double q;
	} told[] = { { "0.50", 0.5 },  { "0.75", 0.75 }, { "0.95", 0.95 },
		     { "0.98", 0.98 }, { "0.99", 0.99 }, { "0.999", 0.999 } };
	struct page_quantile quantiles[countof(told)];
	double scale = scale_of(which);
	for (size_t i = 0; i < countof(told); i++)
		quantiles[i] =
			(struct page_quantile){ told[i].text, histogram_quantile(lately, told[i].q) / scale };
	page_summary(p, which, labels, quantiles, countof(quantiles), all->count, (double)all->sum / scale);
}

static void report_summary(struct report *r, struct page *p, enum metric which)
{
	struct window *w = &r->windows[which - METRICS_OF_CORES];
	struct histogram_sum all, lately;
	page_head(p, which);
	for (int i = 0; i < kinds_of(which); i++) {
		metrics_summary(r->metrics, which, i, &all);
		if (all.count == 0 && is_of_requests(which))
			continue;
		lately = all;
		if (w->older[i])
			histogram_subtract(&lately, w->older[i]);
		const char *request = is_of_requests(which) ? metrics_request_name(r->metrics, i) : NULL;
		one_summary(p, which, LABELS(request), &all, &lately);
	}
}

/* A window's time is over: what was the newer moment becomes the older, and now is the newer. */
static void move_window(struct report *r, enum metric which)
{
	struct window *w = &r->windows[which - METRICS_OF_CORES];
	struct histogram_sum now;
	for (int i = 0; i < kinds_of(which); i++) {
		metrics_summary(r->metrics, which, i, &now);
		free(w->older[i]);
		w->older[i] = w->newer[i];
		w->newer[i] = now.count ? mem_dup(&now, sizeof now) : NULL;
	}
}

static void move_windows(struct report *r, int64_t now_ms)
{
	if (now_ms - r->moved_ms < REPORT_WINDOW_MS)
		return;
	r->moved_ms = now_ms;
	for (enum metric i = METRICS_OF_CORES; i < METRICS_COUNTED; i++)
		move_window(r, i);
}

/* ---- all ---- */

void report_all(struct report *r, struct page *p, const struct report_topic *topics, size_t n, int64_t now_ms)
{
	CHECK_OBJ_NOTNULL(r, REPORT_MAGIC);
	move_windows(r, now_ms);
	for (enum metric i = 0; i < METRICS_OF_TOPICS; i++)
		report_topics(r, p, i, topics, n);
	for (enum metric i = METRICS_OF_TOPICS; i < METRICS_OF_CORES; i++)
		report_counter(r, p, i);
	report_requests(r, p);
	report_errors(r, p);
	for (enum metric i = METRICS_OF_CORES; i < METRICS_COUNTED; i++)
		report_summary(r, p, i);
}
