/* report.h - what the cores have counted, as text: counters, and quantiles of the last minutes.
 *
 * Histograms only grow. Whoever wants to know what was lately keeps what they were some minutes ago and
 * subtracts; that is kept here, with the one who asks, so that counting stays an addition. A report belongs
 * to one thread.
 */
#ifndef SAMSA_METRICS_REPORT_H
#define SAMSA_METRICS_REPORT_H

#include "broker/metrics/page.h"

enum { REPORT_WINDOW_MS = 5 * 60 * 1000 }; /* quantiles are of the last one to two windows */

struct report;

struct report *report_new(const struct metrics *m, int64_t now_ms);
void report_free(struct report *r);

/* A topic with counters of its own. */
struct report_topic {
	const char *name;
	const struct topic_counts *counts;
};

/* All that is counted by cores. `now_ms` is of any clock that never goes back. */
void report_all(struct report *r, struct page *p, const struct report_topic *topics, size_t n,
		int64_t now_ms);

#endif
