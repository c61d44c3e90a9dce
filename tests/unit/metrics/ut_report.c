/* ut_report.c - what was counted, as a page: totals and topics, requests by version, quantiles of late. */
#include "broker/metrics/report.h"
#include "tests/unit/ut.h"

#include <string.h>

enum { CORES = 2, PRODUCE = 0, FETCH = 2 };

static struct metrics *make_metrics(void)
{
	struct metrics *m = metrics_new(CORES);
	metrics_name_request(m, PRODUCE, "Produce");
	metrics_name_request(m, FETCH, "Fetch");
	return m;
}

static void has(const struct page *p, const char *line)
{
	size_t n = strlen(line);
	const char *at = strstr(p->text, line);
	while (at && (at[n] != '\n' || (at > p->text && at[-1] != '\n')))
		at = strstr(at + 1, line);
	if (!at)
		fprintf(stderr, "missing: %s\n", line);
	CU_ASSERT_PTR_NOT_NULL(at);
}

static void has_not(const struct page *p, const char *part)
{
	CU_ASSERT_PTR_NULL(strstr(p->text, part));
}

static void make(struct report *r, struct page *p, const struct report_topic *topics, size_t n,
		 int64_t now_ms)
{
	page_init(p);
	report_all(r, p, topics, n, now_ms);
	CU_ASSERT_FALSE(page_overflowed(p));
}

static void counters(void)
{
	struct metrics *m = make_metrics();
	struct report *r = report_new(m, 0);
	struct topic_counts *words = topic_counts_new(CORES);
	struct report_topic topics[] = { { "words", words } };
	struct page p;
	metric_add_topic(metrics_core(m, 0), words, METRIC_MESSAGES_IN, 3);
	metric_add_topic(metrics_core(m, 1), words, METRIC_MESSAGES_IN, 4);
	metric_add_topic(metrics_core(m, 1), NULL, METRIC_MESSAGES_IN, 5);
	metric_add(metrics_core(m, 1), METRIC_REPLICATION_BYTES_OUT, 6);
	metric_add_request(metrics_core(m, 0), PRODUCE, 9);
	metric_add_request(metrics_core(m, 1), PRODUCE, 9);
	metric_add_request(metrics_core(m, 1), PRODUCE, 11);
	make(r, &p, topics, 1, 0);
	has(&p, "# TYPE kafka_server_brokertopicmetrics_messagesin_total counter");
	has(&p, "kafka_server_brokertopicmetrics_messagesin_total 12");
	has(&p, "kafka_server_brokertopicmetrics_messagesin_total{topic=\"words\"} 7");
	has(&p, "kafka_server_brokertopicmetrics_bytesin_total{topic=\"words\"} 0");
	has(&p, "kafka_server_brokertopicmetrics_replicationbytesout_total 6");
	has(&p, "kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"9\"} 2");
	has(&p, "kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"11\"} 1");
	has_not(&p, "request=\"Fetch\"");
	has_not(&p, "totaltimems{");
	page_free(&p);
	topic_counts_put(words);
	report_free(r);
	metrics_free(m);
}

static void record(struct metrics *m, int n, uint64_t us)
{
	for (int i = 0; i < n; i++)
		histogram_record(metrics_core(m, i % CORES), METRIC_TOTAL_TIME, FETCH, us);
}

/* Microseconds in, milliseconds out; what is older than two windows counts in count and sum only. */
static void quantiles_forget(void)
{
	struct metrics *m = make_metrics();
	struct report *r = report_new(m, 0);
	struct page p;
	const char *count = "kafka_network_requestmetrics_totaltimems_count{request=\"Fetch\"}";
	char line[128];
	record(m, 10, 4000000);
	make(r, &p, NULL, 0, 1000);
	has(&p, "kafka_network_requestmetrics_totaltimems_sum{request=\"Fetch\"} 40000");
	page_free(&p);
	for (int window = 1; window <= 2; window++) {
		record(m, 1, 4);
		make(r, &p, NULL, 0, window * (int64_t)REPORT_WINDOW_MS);
		CU_ASSERT_EQUAL(window == 1, strstr(p.text, "quantile=\"0.50\"} 0.00") == NULL);
		snprintf(line, sizeof line, "%s %d", count, 10 + window);
		has(&p, line);
		page_free(&p);
	}
	make(r, &p, NULL, 0, 3 * (int64_t)REPORT_WINDOW_MS);
	page_free(&p);
	make(r, &p, NULL, 0, 4 * (int64_t)REPORT_WINDOW_MS);
	has(&p, "kafka_network_requestmetrics_totaltimems{request=\"Fetch\",quantile=\"0.50\"} NaN");
	page_free(&p);
	report_free(r);
	metrics_free(m);
}

/* What is of no request has no label but the quantile, and is told before it has happened; bytes stay
 * bytes. */
static void other_summaries(void)
{
	struct metrics *m = make_metrics();
	struct report *r = report_new(m, 0);
	struct page p;
	make(r, &p, NULL, 0, 0);
	has(&p, "kafka_log_logflushstats_logflushrateandtimems{quantile=\"0.50\"} NaN");
	has(&p, "kafka_log_logflushstats_logflushrateandtimems_count 0");
	page_free(&p);
	histogram_record(metrics_core(m, 0), METRIC_LOG_FLUSH_TIME, 0, 2500);
	histogram_record(metrics_core(m, 0), METRIC_REQUEST_BYTES, PRODUCE, 512);
	make(r, &p, NULL, 0, 0);
	has(&p, "kafka_log_logflushstats_logflushrateandtimems_sum 2.5");
	has(&p, "kafka_log_logflushstats_logflushrateandtimems_count 1");
	has(&p, "kafka_network_requestmetrics_requestbytes_sum{request=\"Produce\"} 512");
	page_free(&p);
	report_free(r);
	metrics_free(m);
}

int main(void)
{
	static const struct ut_case cases[] = { UT(counters), UT(quantiles_forget), UT(other_summaries) };
	return ut_run("report", cases, countof(cases));
}
