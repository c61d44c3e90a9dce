/* page.h - a page of text that grows, and samples of metrics in Prometheus' text format 0.0.4 on it.
 *
 * A page belongs to the thread that fills it. Past PAGE_MAX_BYTES it takes nothing more and says so
 * (page_overflowed).
 */
#ifndef SAMSA_METRICS_PAGE_H
#define SAMSA_METRICS_PAGE_H

#include "broker/metrics/metrics.h"

#include <stdbool.h>
#include <stddef.h>

enum { PAGE_MAX_BYTES = 128 * 1024 * 1024 }; /* some hundred thousand partitions */

struct page {
	char *text; /* NULL while nothing was said */
	size_t n;
	size_t room;
	bool overflowed;
};

void page_init(struct page *p);
void page_free(struct page *p);
void page_printf(struct page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool page_overflowed(const struct page *p)
{
	return p->overflowed;
}

/* The values of a metric's labels, in the order of its row. The last ones may be left out. */
#define LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_LABELS ((const char *const[]){ NULL })

/* What a metric is. All of its samples follow before the next one's head. */
void page_head(struct page *p, enum metric metric);
/* A count, a size. */
void page_whole(struct page *p, enum metric metric, const char *const *labels, uint64_t value);
void page_real(struct page *p, enum metric metric, const char *const *labels, double value);

/* A summary: quantiles of what was recorded of late, count and sum of all. */
struct page_quantile {
	const char *q; /* as the JMX exporter writes it: "0.50" */
	double value;
};
void page_summary(struct page *p, enum metric metric, const char *const *labels,
		  const struct page_quantile *quantiles, size_t n, uint64_t count, double sum);

#endif
