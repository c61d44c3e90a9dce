/* ut_metrics.c - counting by cores, adding up, histograms and their quantiles. */
#include "broker/metrics/metrics.h"
#include "tests/unit/ut.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { CORES = 3, TIMES = 200000, MBEANS = 246, LINE_BYTES = 2000 };

/* Rows that are numbered by their place are of the kind that their place says. */
static void table_is_in_order(void)
{
	for (enum metric i = 0; i < METRICS; i++) {
		const struct metric_desc *d = &metric_descs[i];
		bool of_topics = i < METRICS_OF_TOPICS, of_cores = i < METRICS_OF_CORES;
		bool summary = !of_cores && i < METRICS_COUNTED;
		CU_ASSERT_EQUAL(of_topics, of_cores && strcmp(d->labels, "topic") == 0);
		CU_ASSERT_TRUE(!of_cores || d->kind == METRIC_IS_COUNTER);
		CU_ASSERT_EQUAL(summary, d->kind == METRIC_IS_SUMMARY);
	}
}

/* A counter's name ends in _total, or in _count where Kafka's attribute does; no other one's does in _total;
 * no name is there twice. */
static void names_are_as_they_should_be(void)
{
	for (int i = 0; i < METRICS; i++) {
		const struct metric_desc *d = &metric_descs[i];
		size_t n = strlen(d->name);
		bool total = n > 6 && strcmp(d->name + n - 6, "_total") == 0;
		bool count = n > 6 && strcmp(d->name + n - 6, "_count") == 0;
		CU_ASSERT_TRUE(d->kind == METRIC_IS_COUNTER ? total || count : !total);
		CU_ASSERT_EQUAL(strspn(d->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), n);
		CU_ASSERT_TRUE(d->help[0] != 0 && d->help[strlen(d->help) - 1] == '.');
		for (int k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(d->name, metric_descs[k].name);
	}
}

static int metric_named(const char *name)
{
	for (int i = 0; i < METRICS; i++)
		if (strcmp(metric_descs[i].name, name) == 0)
			return i;
	return -1;
}

/* One line: MBean, the names that tell it, or why none does. Notes which metrics were named. */
static void look_at_mbean(char *line, bool *told)
{
	char *mbean = strsep(&line, "\t"), *names = strsep(&line, "\t"), *why = strsep(&line, "\n");
	CU_ASSERT_FATAL(mbean[0] != 0 && names && why);
	CU_ASSERT_NOT_EQUAL(names[0] != 0, why[0] != 0);
	while (names && names[0]) {
		int i = metric_named(strsep(&names, ","));
		CU_ASSERT_FATAL(i >= 0);
		told[i] = true;
	}
}

/* What Kafka 3.9 has is told here, or there is a reason; and what is told here by an MBean is Kafka's. */
static void each_mbean_is_told_or_has_its_reason(void)
{
	char line[LINE_BYTES];
	bool told[METRICS] = { false };
	int n = 0;
	FILE *f = fopen(ut_path("tests/golden/metrics/mbeans.tsv"), "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof line, f))
		if (line[0] != '#') {
			look_at_mbean(line, told);
			n++;
		}
	fclose(f);
	CU_ASSERT_EQUAL(n, MBEANS);
	for (int i = 0; i < METRICS; i++)
		CU_ASSERT_TRUE(told[i] || metric_descs[i].mbean[0] == 0);
}

static void cores_are_added_up(void)
{
	struct metrics *m = metrics_new(CORES);
	metrics_name_request(m, 0, "Produce");
	for (int i = 0; i < CORES; i++) {
		struct metrics_core *c = metrics_core(m, i);
		metric_add(c, METRIC_REPLICATION_BYTES_OUT, 10);
		metric_add_topic(c, NULL, METRIC_BYTES_IN, 7);
		metric_add_request(c, 0, 9);
		metric_add_request(c, 0, METRICS_VERSIONS_MAX + 5);
	}
	struct histogram_sum zookeeper;
	histogram_record(metrics_control(m), METRIC_ZK_LATENCY, 0, 5);
	metrics_summary(m, METRIC_ZK_LATENCY, 0, &zookeeper);
	CU_ASSERT_EQUAL(zookeeper.count, 1);
	CU_ASSERT_EQUAL(metrics_counter(m, METRIC_REPLICATION_BYTES_OUT), 30);
	CU_ASSERT_EQUAL(metrics_counter(m, METRIC_BYTES_IN), 21);
	CU_ASSERT_EQUAL(metrics_counter(m, METRIC_BYTES_OUT), 0);
	CU_ASSERT_EQUAL(metrics_requests(m, 0, 9), 3);
	metric_add_errors(metrics_core(m, 0), 5, -1, 1);
	metric_add_errors(metrics_core(m, 0), 5, 30000, 2);
	metric_add_errors(metrics_core(m, 0), 5, 0, 4);
	CU_ASSERT_EQUAL(metrics_errors(m, 5, -1), 3);
	CU_ASSERT_EQUAL(metrics_errors(m, 5, 0), 4);
	CU_ASSERT_EQUAL(metrics_requests(m, 0, METRICS_VERSIONS_MAX - 1), 3);
	CU_ASSERT_STRING_EQUAL(metrics_request_name(m, 0), "Produce");
	CU_ASSERT_PTR_NULL(metrics_request_name(m, 1));
	metrics_free(m);
}

/* A topic's counters outlive the one who made them for as long as somebody holds them. */
static void topics_are_counted_apart(void)
{
	struct metrics *m = metrics_new(CORES);
	struct topic_counts *t = topic_counts_new(CORES), *again = topic_counts_get(t);
	topic_counts_put(t);
	for (int i = 0; i < CORES; i++) {
		metric_add_topic(metrics_core(m, i), again, METRIC_MESSAGES_IN, (uint64_t)i + 1);
		metric_add_topic(metrics_core(m, i), NULL, METRIC_MESSAGES_IN, 100);
	}
	CU_ASSERT_EQUAL(topic_counts_sum(again, METRIC_MESSAGES_IN), 6);
	CU_ASSERT_EQUAL(topic_counts_sum(again, METRIC_BYTES_IN), 0);
	CU_ASSERT_EQUAL(metrics_counter(m, METRIC_MESSAGES_IN), 306);
	topic_counts_put(again);
	topic_counts_put(NULL);
	metrics_free(m);
}

/* ---- histograms ---- */

static void buckets_rise_and_join(void)
{
	unsigned before = 0;
	for (uint64_t v = 0; v < 100000; v++) {
		unsigned b = histogram_bucket(v);
		CU_ASSERT_TRUE(b == before || b == before + 1);
		before = b;
	}
	CU_ASSERT_EQUAL(histogram_bucket(0), 0);
	CU_ASSERT_EQUAL(histogram_bucket(7), 7);
	CU_ASSERT_EQUAL(histogram_bucket((UINT64_C(1) << HISTOGRAM_BITS) - 1), HISTOGRAM_BUCKETS - 1);
	CU_ASSERT_EQUAL(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void quantile_is_near(const struct histogram_sum *h, double q, double expected)
{
	double got = histogram_quantile(h, q);
	CU_ASSERT_TRUE(fabs(got - expected) <= expected / HISTOGRAM_FINE);
}

static void quantiles_are_within_an_eighth(void)
{
	struct metrics *m = metrics_new(CORES);
	struct histogram_sum h, before;
	metrics_summary(m, METRIC_TOTAL_TIME, 0, &before);
	CU_ASSERT_TRUE(isnan(histogram_quantile(&before, 0.5)));
	for (uint64_t v = 1; v <= 9999; v++)
		histogram_record(metrics_core(m, (int)(v % CORES)), METRIC_TOTAL_TIME, 0, v);
	metrics_summary(m, METRIC_TOTAL_TIME, 0, &h);
	CU_ASSERT_EQUAL(h.count, 9999);
	CU_ASSERT_EQUAL(h.sum, 9999 * 5000);
	quantile_is_near(&h, 0.5, 5000);
	quantile_is_near(&h, 0.99, 9900);
	quantile_is_near(&h, 0.999, 9990);
	metrics_summary(m, METRIC_REQUEST_BYTES, 0, &before);
	CU_ASSERT_EQUAL(before.count, 0);
	metrics_free(m);
}

static void what_was_lately(void)
{
	struct metrics *m = metrics_new(1);
	struct histogram_sum before, after;
	for (int i = 0; i < 1000; i++)
		histogram_record(metrics_core(m, 0), METRIC_LOG_FLUSH_TIME, 0, 10);
	metrics_summary(m, METRIC_LOG_FLUSH_TIME, 0, &before);
	for (int i = 0; i < 10; i++)
		histogram_record(metrics_core(m, 0), METRIC_LOG_FLUSH_TIME, 0, 100000);
	metrics_summary(m, METRIC_LOG_FLUSH_TIME, 0, &after);
	quantile_is_near(&after, 0.5, 10);
	histogram_subtract(&after, &before);
	CU_ASSERT_EQUAL(after.count, 10);
	CU_ASSERT_EQUAL(after.sum, 1000000);
	quantile_is_near(&after, 0.5, 100000);
	metrics_free(m);
}

/* ---- threads: each core's own, and one who reads ---- */

static void *count(void *arg)
{
	struct metrics_core *c = arg;
	for (int i = 0; i < TIMES; i++) {
		metric_add_topic(c, NULL, METRIC_MESSAGES_IN, 1);
		histogram_record(c, METRIC_TOTAL_TIME, 0, 3);
	}
	return NULL;
}

static void a_reader_sees_numbers_rise(void)
{
	struct metrics *m = metrics_new(CORES);
	pthread_t threads[CORES];
	struct histogram_sum h;
	for (int i = 0; i < CORES; i++)
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, count, metrics_core(m, i)), 0);
	for (uint64_t n = 0, seen = 0; n < (uint64_t)CORES * TIMES; seen = n) {
		n = metrics_counter(m, METRIC_MESSAGES_IN);
		CU_ASSERT_TRUE_FATAL(n >= seen);
		metrics_summary(m, METRIC_TOTAL_TIME, 0, &h);
	}
	for (int i = 0; i < CORES; i++)
		pthread_join(threads[i], NULL);
	metrics_summary(m, METRIC_TOTAL_TIME, 0, &h);
	CU_ASSERT_EQUAL(h.count, (uint64_t)CORES * TIMES);
	metrics_free(m);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(table_is_in_order),
		UT(names_are_as_they_should_be),
		UT(each_mbean_is_told_or_has_its_reason),
		UT(cores_are_added_up),
		UT(topics_are_counted_apart),
		UT(buckets_rise_and_join),
		UT(quantiles_are_within_an_eighth),
		UT(what_was_lately),
		UT(a_reader_sees_numbers_rise),
	};
	return ut_run("metrics", cases, countof(cases));
}
