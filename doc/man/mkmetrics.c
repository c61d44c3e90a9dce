/* mkmetrics.c - writes the manual page of all metrics from the table of broker/metrics. */
#include "broker/metrics/metrics.h"
#include "doc/man/roff.h"

#include <stdio.h>

static const char head[] =
	".TH SAMSA\\-BROKER.METRICS 7 \"\" \"Samsa\" \"Samsa\"\n"
	".SH NAME\n"
	"samsa\\-broker.metrics \\- what a Samsa broker tells of itself\n"
	".SH DESCRIPTION\n"
	"With metrics.port set,\n"
	".BR samsa\\-broker (8)\n"
	"serves /metrics over HTTP in the text format of Prometheus, version 0.0.4. Each metric has the\n"
	"name that the Prometheus JMX exporter gives to Kafka\\(aqs MBean with its kafka\\-2_0_0.yml, so\n"
	"that dashboards and alerts made for Kafka find it. What has no like in Kafka is samsa_*, and\n"
	"process_* is what every client of Prometheus has.\n"
	".PP\n"
	"A counter with the label topic is told for each topic of which the broker has a replica, and\n"
	"without a label for all topics together. The quantiles of a summary are of the last five to ten\n"
	"minutes; its _sum and _count are of all time. What is not known, as what the controller knows\n"
	"before there is one, is left out.\n"
	".SH METRICS\n"
	".ad l\n";

static const char tail[] =
	".SH SEE ALSO\n"
	".BR samsa\\-broker (8),\n"
	".BR samsa\\-broker.properties (5)\n";

static void row(const struct metric_desc *d)
{
	static const char *const kinds[] = {
		[METRIC_IS_COUNTER] = "Counter",
		[METRIC_IS_GAUGE] = "Gauge",
		[METRIC_IS_SUMMARY] = "Summary",
	};
	printf(".TP\n.B ");
	put(d->name);
	if (d->labels[0] || d->kind == METRIC_IS_SUMMARY) {
		printf("\n{");
		put(d->labels);
		if (d->kind == METRIC_IS_SUMMARY)
			printf("%squantile", d->labels[0] ? "," : "");
		printf("}\n.br");
	}
	printf("\n%s. ", kinds[d->kind]);
	put(d->help);
	if (d->mbean[0]) {
		printf("\n.br\n");
		put(d->mbean);
	}
	printf("\n");
}

int main(void)
{
	fputs(head, stdout);
	for (int i = 0; i < METRICS; i++)
		row(&metric_descs[i]);
	fputs(tail, stdout);
	return ferror(stdout) != 0;
}
