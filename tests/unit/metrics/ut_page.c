/* ut_page.c - Prometheus' text format: what a metric is, samples, labels that hold anything, numbers. */
#include "broker/metrics/page.h"
#include "tests/unit/ut.h"

#include <math.h>
#include <string.h>

static void page_is(struct page *p, const char *expected)
{
	CU_ASSERT_STRING_EQUAL(p->text ? p->text : "", expected);
	CU_ASSERT_EQUAL(p->n, strlen(expected));
	CU_ASSERT_FALSE(page_overflowed(p));
	page_free(p);
}

static void heads(void)
{
	struct page p;
	page_init(&p);
	page_head(&p, METRIC_CONNECTIONS);
	page_head(&p, METRIC_TOTAL_TIME);
	const char *help = metric_descs[METRIC_TOTAL_TIME].help;
	char expected[1024];
	snprintf(expected, sizeof expected,
		 "# HELP kafka_server_socket_server_metrics_connection_count Connections that are open.\n"
		 "# TYPE kafka_server_socket_server_metrics_connection_count gauge\n"
		 "# HELP kafka_network_requestmetrics_totaltimems %s\n"
		 "# TYPE kafka_network_requestmetrics_totaltimems summary\n", help);
	page_is(&p, expected);
}

static void labels(void)
{
	struct page p;
	page_init(&p);
	page_whole(&p, METRIC_LOG_SIZE, LABELS("words", "0"), 17);
	page_whole(&p, METRIC_BYTES_IN, NO_LABELS, UINT64_MAX);
	page_whole(&p, METRIC_BUILD_INFO, LABELS("0.1", "1"), 1);
	page_is(&p, "kafka_log_log_size{topic=\"words\",partition=\"0\"} 17\n"
		    "kafka_server_brokertopicmetrics_bytesin_total 18446744073709551615\n"
		    "samsa_build_info{version=\"0.1\",id=\"1\"} 1\n");
}

static void value_of_a_label(const char *value, const char *expected)
{
	struct page p;
	char line[256];
	snprintf(line, sizeof line, "kafka_log_logmanager_logdirectoryoffline{logDirectory=\"%s\"} 0\n",
		 expected);
	page_init(&p);
	page_whole(&p, METRIC_LOG_DIR_OFFLINE, LABELS(value), 0);
	page_is(&p, line);
}

/* Whatever a directory or a topic is called: the page stays one that Prometheus reads. */
static void labels_hold_anything(void)
{
	value_of_a_label("", "");
	value_of_a_label("a\"b\\c\nd", "a\\\"b\\\\c\\nd");
	value_of_a_label("/srv/käse/日本/😀", "/srv/käse/日本/😀");
	value_of_a_label("\xff", "\xef\xbf\xbd");                      /* never in UTF-8 */
	value_of_a_label("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");      /* overlong */
	value_of_a_label("\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	value_of_a_label("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
	value_of_a_label("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	value_of_a_label("a\xe6\x97", "a\xef\xbf\xbd\xef\xbf\xbd");    /* cut */
}

static void numbers(void)
{
	struct page p;
	page_init(&p);
	page_real(&p, METRIC_CONTROLLER_ID, NO_LABELS, -1);
	page_real(&p, METRIC_PROCESSORS_IDLE, NO_LABELS, 0.1);
	page_real(&p, METRIC_PROCESSORS_IDLE, NO_LABELS, 1.0 / 3);
	page_real(&p, METRIC_PROCESSORS_IDLE, NO_LABELS, (double)NAN);
	page_real(&p, METRIC_PROCESS_CPU, NO_LABELS, 1234567.5);
	page_is(&p, "kafka_server_metadataloader_currentcontrollerid -1\n"
		    "kafka_network_socketserver_networkprocessoravgidle_percent 0.1\n"
		    "kafka_network_socketserver_networkprocessoravgidle_percent 0.33333333333333331\n"
		    "kafka_network_socketserver_networkprocessoravgidle_percent NaN\n"
		    "process_cpu_seconds_total 1234567.5\n");
}

static void summaries(void)
{
	struct page p;
	struct page_quantile q[] = { { "0.50", 1.5 }, { "0.99", 20 } };
	page_init(&p);
	page_summary(&p, METRIC_TOTAL_TIME, LABELS("Produce"), q, countof(q), 3, 24.25);
	page_summary(&p, METRIC_LOG_FLUSH_TIME, NO_LABELS, q, 1, 0, 0);
	page_is(&p, "kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.50\"} 1.5\n"
		    "kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.99\"} 20\n"
		    "kafka_network_requestmetrics_totaltimems_sum{request=\"Produce\"} 24.25\n"
		    "kafka_network_requestmetrics_totaltimems_count{request=\"Produce\"} 3\n"
		    "kafka_log_logflushstats_logflushrateandtimems{quantile=\"0.50\"} 1.5\n"
		    "kafka_log_logflushstats_logflushrateandtimems_sum 0\n"
		    "kafka_log_logflushstats_logflushrateandtimems_count 0\n");
}

static void a_page_ends_somewhere(void)
{
	struct page p;
	enum { STEP = 1 << 20 };
	char *text = mem_alloc(STEP + 1);
	memset(text, 'x', STEP);
	text[STEP] = 0;
	page_init(&p);
	for (int i = 0; i < PAGE_MAX_BYTES / STEP - 1; i++)
		page_printf(&p, "%s", text);
	CU_ASSERT_FALSE(page_overflowed(&p));
	size_t n = p.n;
	page_printf(&p, "%s", text);
	CU_ASSERT_TRUE(page_overflowed(&p));
	page_printf(&p, "y"); /* nor anything smaller, so that what is there is whole lines */
	CU_ASSERT_EQUAL(p.n, n);
	page_free(&p);
	free(text);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(heads),   UT(labels),    UT(labels_hold_anything),
		UT(numbers), UT(summaries), UT(a_page_ends_somewhere),
	};
	return ut_run("page", cases, countof(cases));
}
