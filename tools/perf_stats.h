/* perf_stats.h - how fast a producer was, in the words of org.apache.kafka.tools.ProducerPerformance; and how
 * to send no faster than was asked (org.apache.kafka.server.util.ThroughputThrottler). */
#ifndef SAMSA_TOOLS_PERF_STATS_H
#define SAMSA_TOOLS_PERF_STATS_H

#include "tools/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { PERF_SAMPLES_MAX = 500000, PERF_WINDOW_MS = 5000 };

struct perf_sum {
	int64_t begun_ms;
	uint64_t count, bytes;
	int64_t latency_sum, latency_max;
};

struct perf_stats {
	struct perf_sum all, window;
	uint64_t sampling; /* of each so many records the latency is kept */
	int32_t *latencies;
	uint32_t n;
};

void perf_stats_init(struct perf_stats *s, uint64_t records, int64_t now_ms);
void perf_stats_free(struct perf_stats *s);
/* A record that was acknowledged. True: the window's time is over, and its line was added. */
bool perf_stats_record(struct perf_stats *s, int64_t latency_ms, uint32_t bytes, int64_t now_ms,
	struct text *out);
/* The last line. */
void perf_stats_total(struct perf_stats *s, int64_t now_ms, struct text *out);
/* The same figures, which the caller owns; an average of nothing is null. */
json_t *perf_stats_json(struct perf_stats *s, int64_t now_ms);

struct throttle {
	double per_second; /* negative: as fast as it goes; 0: not at all */
	int64_t begun_ns;  /* of sys_mono_ns() */
	int64_t deficit_ns;
};

/* How long to wait behind record `nth`, from 0, which was sent at `sent_ns`; INT64_MAX: for ever. Kafka
 * counts in milliseconds, and lets pass whatever is sent in the first. */
int64_t throttle_ns(struct throttle *t, uint64_t nth, int64_t sent_ns);

#endif
