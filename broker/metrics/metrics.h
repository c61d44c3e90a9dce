/* metrics.h - what the cores count, for whoever asks later.
 *
 * Each core has a copy of its own and is its only writer, so counting is an addition: no lock, no locked
 * instruction, nothing allocated. Whoever asks, on any thread, adds the copies up; it sees each number as it
 * is or was a moment ago, and two numbers not of the same moment.
 *
 * What exists is metric.tbl. It begins with what is counted here.
 */
#ifndef SAMSA_METRICS_METRICS_H
#define SAMSA_METRICS_METRICS_H

#include "broker/base/buf.h"
#include "broker/base/must.h"

#include <stdatomic.h>
#include <stdint.h>

enum metric {
#define M(id, ...) METRIC_##id,
#include "broker/metrics/metric.tbl"
#undef M
	METRICS,
	/* Where the parts of the table end. */
	METRICS_OF_TOPICS = METRIC_BAD_OFFSET + 1,           /* counters of all topics and of each */
	METRICS_OF_CORES = METRIC_REBALANCES + 1,            /* other counters */
	METRICS_COUNTED = METRIC_ZK_LATENCY + 1,             /* histograms */
};

enum {
	METRICS_SUMMARIES = METRICS_COUNTED - METRICS_OF_CORES,
	METRICS_REQUESTS_MAX = 128, /* kinds of requests */
	METRICS_ERRORS_MAX = 160,   /* codes from -1 on; others are counted as -1, UNKNOWN_SERVER_ERROR */
	METRICS_VERSIONS_MAX = 32,  /* of an API; higher ones are counted as the highest */
};

enum metric_kind { METRIC_IS_COUNTER, METRIC_IS_GAUGE, METRIC_IS_SUMMARY };

struct metric_desc {
	const char *name;
	enum metric_kind kind;
	const char *labels; /* names, with commas between */
	const char *mbean;  /* Kafka's, or "" */
	const char *help;
};
extern const struct metric_desc metric_descs[METRICS];

/* ---- histograms: eight buckets for each power of two, so a value is known within 1 in 8 ---- */

enum {
	HISTOGRAM_FINE_BITS = 3,
	HISTOGRAM_FINE = 1 << HISTOGRAM_FINE_BITS,
	HISTOGRAM_BITS = 36, /* values from 2^36 on are counted as the largest: in microseconds, 19 hours */
	HISTOGRAM_BUCKETS = (HISTOGRAM_BITS - HISTOGRAM_FINE_BITS + 1) * HISTOGRAM_FINE,
};

struct histogram {
	_Atomic uint64_t sum;
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Values below HISTOGRAM_FINE have a bucket each. Above, the bits behind the highest choose among eight. */
static inline unsigned histogram_bucket(uint64_t value)
{
	if (value < HISTOGRAM_FINE)
		return (unsigned)value;
	unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_FINE_BITS;
	uint64_t bucket = shift * (uint64_t)HISTOGRAM_FINE + (value >> shift);
	return (unsigned)min_of(bucket, (uint64_t)HISTOGRAM_BUCKETS - 1);
}

/* ---- counting: the core's own thread ---- */

/* One core's copy. Memory of kinds of requests that never come is never touched. */
struct metrics_core {
	unsigned magic;
	int core;
	_Atomic uint64_t counters[METRICS_OF_CORES]; /* those of topics: over all of them */
	_Atomic uint64_t requests[METRICS_REQUESTS_MAX][METRICS_VERSIONS_MAX];
	_Atomic uint64_t errors[METRICS_REQUESTS_MAX][METRICS_ERRORS_MAX]; /* by code + 1 */
	struct histogram summaries[METRICS_SUMMARIES][METRICS_REQUESTS_MAX];
};

/* What is counted of one topic: a line of memory for each core. Held by each snapshot of the cluster that has
 * the topic. */
struct topic_counts {
	struct hold hold;
	int cores;
	struct topic_counts_core {
		_Alignas(64) _Atomic uint64_t n[METRICS_OF_TOPICS];
	} of[];
};

static inline void metric_bump(_Atomic uint64_t *n, uint64_t by)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline void metric_add(struct metrics_core *c, enum metric which, uint64_t n)
{
	must(which < METRICS_OF_CORES);
	metric_bump(&c->counters[which], n);
}

/* Counts it for all topics and, where `counts` is not NULL, for the one. */
static inline void metric_add_topic(struct metrics_core *c, struct topic_counts *counts, enum metric which,
				    uint64_t n)
{
	must(which < METRICS_OF_TOPICS);
	metric_bump(&c->counters[which], n);
	if (counts)
		metric_bump(&counts->of[c->core].n[which], n);
}

static inline void metric_add_request(struct metrics_core *c, int request, int version)
{
	must(request >= 0 && request < METRICS_REQUESTS_MAX && version >= 0);
	metric_bump(&c->requests[request][min_of(version, METRICS_VERSIONS_MAX - 1)], 1);
}

static inline void metric_add_errors(struct metrics_core *c, int request, int code, uint64_t n)
{
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	bool is_known = code >= -1 && code + 1 < METRICS_ERRORS_MAX;
	metric_bump(&c->errors[request][is_known ? code + 1 : 0], n);
}

/* `request` is 0 for a summary that is not of requests. Times are recorded in microseconds. */
static inline void histogram_record(struct metrics_core *c, enum metric which, int request, uint64_t value)
{
	must(which >= METRICS_OF_CORES && which < METRICS_COUNTED);
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	struct histogram *h = &c->summaries[which - METRICS_OF_CORES][request];
	metric_bump(&h->sum, value);
	metric_bump(&h->buckets[histogram_bucket(value)], 1);
}

/* ---- the whole ---- */

struct metrics;

struct metrics *metrics_new(int cores);
/* Gives a kind of request its name, a literal. Before the cores count. */
void metrics_name_request(struct metrics *m, int request, const char *name);
/* The cores count no more. */
void metrics_free(struct metrics *m);
struct metrics_core *metrics_core(const struct metrics *m, int core);
/* The control reactor's own: for what is not of topics. */
struct metrics_core *metrics_control(const struct metrics *m);

/* With one hold. */
struct topic_counts *topic_counts_new(int cores);
static inline struct topic_counts *topic_counts_get(struct topic_counts *t)
{
	hold_get(&t->hold);
	return t;
}
static inline void topic_counts_put(struct topic_counts *t)
{
	if (t)
		hold_put(&t->hold);
}

/* ---- adding up: any thread ---- */

struct histogram_sum {
	uint64_t count, sum;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

const char *metrics_request_name(const struct metrics *m, int request); /* NULL: there is none */
uint64_t metrics_counter(const struct metrics *m, enum metric which);
uint64_t metrics_requests(const struct metrics *m, int request, int version);
uint64_t metrics_errors(const struct metrics *m, int request, int code);
uint64_t topic_counts_sum(const struct topic_counts *t, enum metric which);
void metrics_summary(const struct metrics *m, enum metric which, int request, struct histogram_sum *out);
/* What `from` has counted that `before` had not. */
void histogram_subtract(struct histogram_sum *from, const struct histogram_sum *before);
/* The value below which the share `q` (0 to 1) of what was recorded lies; NAN when nothing was. */
double histogram_quantile(const struct histogram_sum *h, double q);

#endif
