/* consumer_perf_test.c - how fast records can be read; org.apache.kafka.tools.ConsumerPerformance. */
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "tools/kafka.h"
#include "tools/kafka_wait.h"
#include "tools/date_format.h"
#include "tools/in.h"
#include "tools/out.h"
#include "tools/kafka_words.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

enum { RANDOM_GROUPS = 100000, MEGABYTE = 1 << 20 };

enum {
	BROKER_LIST, BOOTSTRAP, TOPIC, GROUP, FETCH_SIZE, FROM_LATEST, SOCKET_BUFFER, THREADS, FETCHERS,
	CONSUMER_CONFIG, PRINT_METRICS, DETAILED, TIMEOUT, MESSAGES, INTERVAL, DATE_FORMAT, HIDE_HEADER,
	JSON,
};

static const struct opt options[] = {
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "broker-list",
		"DEPRECATED, use --bootstrap-server instead." },
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "server to connect to",
		"REQUIRED unless --broker-list is given: The brokers to begin with, host:port,..." },
	[TOPIC] = { "topic", OPT_TEXT, "topic",
		"REQUIRED: The topic to read." },
	[GROUP] = { "group", OPT_TEXT, "gid",
		"The consumer group; one with a random name by default." },
	[FETCH_SIZE] = { "fetch-size", OPT_INT, "size",
		"The most bytes of a partition in one answer.", .fallback = "1048576" },
	[FROM_LATEST] = { "from-latest", OPT_FLAG, NULL,
		"Begin with the latest record where the group has no offset yet, in place of the "
		"earliest." },
	[SOCKET_BUFFER] = { "socket-buffer-size", OPT_INT, "size",
		"The size of the socket's buffer for receiving.", .fallback = "2097152" },
	[THREADS] = { "threads", OPT_INT, "count",
		"DEPRECATED AND IGNORED", .fallback = "10" },
	[FETCHERS] = { "num-fetch-threads", OPT_INT, "count",
		"DEPRECATED AND IGNORED", .fallback = "1" },
	[CONSUMER_CONFIG] = { "consumer.config", OPT_FILE, "config file",
		"A file with settings of the consumer." },
	[PRINT_METRICS] = { "print-metrics", OPT_FLAG, NULL,
		"Print the client's own numbers at the end." },
	[DETAILED] = { "show-detailed-stats", OPT_FLAG, NULL,
		"Print a line for each --reporting-interval." },
	[TIMEOUT] = { "timeout", OPT_LONG, "milliseconds",
		"End when no record has come for so long.",
		.fallback = "10000", .may_lack_value = true },
	[MESSAGES] = { "messages", OPT_LONG, "count",
		"REQUIRED: How many records to read." },
	[INTERVAL] = { "reporting-interval", OPT_LONG, "interval_ms",
		"The time between two lines.", .fallback = "5000" },
	[DATE_FORMAT] = { "date-format", OPT_TEXT, "date format",
		"How times are written: a pattern of Java's SimpleDateFormat.",
		.fallback = "yyyy-MM-dd HH:mm:ss:SSS" },
	[HIDE_HEADER] = { "hide-header", OPT_FLAG, NULL,
		"Do not print the names of the columns." },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print the final figures as JSON; other words go to standard error.", .own = true },
};

struct read {
	int64_t ms;
	uint64_t records, bytes;
};

struct test {
	struct tool *tool;
	struct kafka *client;
	struct text out;
	struct read begun, reported, now;
	int64_t join_begun_ms, join_ms, join_round_ms; /* time in which the group was made anew */
};

static void assigned(void *arg, const struct kafka_place *places, unsigned n)
{
	struct test *x = arg;
	(void)places, (void)n;
	int64_t took = sys_wall_ms() - x->join_begun_ms;
	x->join_ms += took;
	x->join_round_ms += took;
}

static void revoked(void *arg, const struct kafka_place *places, unsigned n)
{
	struct test *x = arg;
	(void)places, (void)n;
	x->join_begun_ms = sys_wall_ms();
}

/* ---- lines ---- */

static void add_date(struct test *x, int64_t ms)
{
	struct tm tm;
	in_local_time(ms, &tm);
	must(date_format(&x->out, args_text(&x->tool->args, DATE_FORMAT), &tm, (int)(ms % 1000)));
}

/* Java's words for what is no number. */
static void add_rate(struct test *x, double amount, double ms)
{
	double rate = amount * 1000.0 / ms;
	if (isnan(rate) || isinf(rate))
		text_add(&x->out, ", %s", isnan(rate) ? "NaN" : rate > 0 ? "Infinity" : "-Infinity");
	else
		text_add(&x->out, ", %.4f", rate);
}

static double megabytes(uint64_t bytes)
{
	return (double)bytes / MEGABYTE;
}

static void print_out(struct test *x)
{
	text_add(&x->out, "\n");
	say_bytes(text_slice(&x->out));
	text_clear(&x->out);
	out_flush();
}

static void print_progress(struct test *x)
{
	double elapsed = (double)(x->now.ms - x->reported.ms),
		mb = megabytes(x->now.bytes - x->reported.bytes);
	double records = (double)(x->now.records - x->reported.records);
	int64_t fetch_ms = x->now.ms - x->reported.ms - x->join_round_ms;
	add_date(x, x->now.ms);
	text_add(&x->out, ", 0, %.4f", megabytes(x->now.bytes));
	add_rate(x, mb, elapsed);
	text_add(&x->out, ", %" PRIu64, x->now.records);
	add_rate(x, records, elapsed);
	text_add(&x->out, ", %" PRId64 ", %" PRId64, x->join_round_ms, fetch_ms);
	add_rate(x, fetch_ms <= 0 ? 0 : mb, fetch_ms <= 0 ? 1 : (double)fetch_ms);
	add_rate(x, fetch_ms <= 0 ? 0 : records, fetch_ms <= 0 ? 1 : (double)fetch_ms);
	print_out(x);
}

static void print_total(struct test *x, int64_t end_ms)
{
	double elapsed = (double)(end_ms - x->begun.ms), mb = megabytes(x->now.bytes);
	int64_t fetch_ms = end_ms - x->begun.ms - x->join_ms;
	add_date(x, x->begun.ms);
	text_add(&x->out, ", ");
	add_date(x, end_ms);
	text_add(&x->out, ", %.4f", mb);
	add_rate(x, mb, elapsed);
	text_add(&x->out, ", %" PRIu64, x->now.records);
	add_rate(x, (double)x->now.records, elapsed);
	text_add(&x->out, ", %" PRId64 ", %" PRId64, x->join_ms, fetch_ms);
	add_rate(x, mb, (double)fetch_ms);
	add_rate(x, (double)x->now.records, (double)fetch_ms);
	print_out(x);
}

/* A rate over no time is null. */
static json_t *json_rate(double amount, double ms)
{
	double rate = amount * 1000.0 / ms;
	return isnan(rate) || isinf(rate) ? json_null() : json_real(rate);
}

static void print_json(struct test *x, int64_t end_ms)
{
	int64_t elapsed = end_ms - x->begun.ms, fetch_ms = elapsed - x->join_ms;
	double mb = megabytes(x->now.bytes), records = (double)x->now.records;
	json_t *figures = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "start_ms",
		(json_int_t)x->begun.ms, "end_ms", (json_int_t)end_ms, "records", (json_int_t)x->now.records,
		"bytes", (json_int_t)x->now.bytes, "rebalance_ms", (json_int_t)x->join_ms, "fetch_ms",
		(json_int_t)fetch_ms, "mb_per_second", json_rate(mb, (double)elapsed), "records_per_second",
		json_rate(records, (double)elapsed), "fetch_mb_per_second", json_rate(mb, (double)fetch_ms),
		"fetch_records_per_second", json_rate(records, (double)fetch_ms));
	if (args_has(&x->tool->args, PRINT_METRICS))
		json_object_set_new(figures, "metrics", kafka_statistics_json(x->client));
	out_json(figures);
}

static void print_header(bool detailed)
{
	say("%s, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
		"fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n", detailed ? "time, threadId" :
		"start.time, end.time");
}

/* ---- reading ---- */

static void count(struct test *x, const struct kafka_record *r)
{
	x->now.records++;
	x->now.bytes += r->key.n + r->value.n;
	if (x->now.ms - x->reported.ms < args_int(&x->tool->args, INTERVAL))
		return;
	if (args_has(&x->tool->args, DETAILED))
		print_progress(x);
	x->join_round_ms = 0;
	x->reported = x->now;
}

/* 0, or -1 and the failure is set. */
static int read_all(struct test *x)
{
	const struct args *a = &x->tool->args;
	struct kafka_record record;
	uint64_t wanted = (uint64_t)args_int(a, MESSAGES);
	int64_t timeout = args_int(a, TIMEOUT), last_ms = x->begun.ms;
	int rc = 0;
	while (rc >= 0 && x->now.records < wanted && x->now.ms - last_ms <= timeout &&
		!kafka_interrupted(x->client)) {
		rc = kafka_receive(x->client, KAFKA_POLL_MS, &record);
		x->now.ms = sys_wall_ms();
		if (rc > 0) {
			last_ms = x->now.ms;
			count(x, &record);
		}
	}
	if (rc >= 0 && x->now.records < wanted && !kafka_interrupted(x->client))
		remark(args_has(a, JSON), "WARNING: Exiting before consuming the expected number of "
			"messages: timeout (%" PRId64 " ms) exceeded. You can use the --timeout option to "
			"increase the timeout.\n", timeout);
	return rc < 0 ? -1 : 0;
}

static void print_end(struct test *x, int64_t end_ms)
{
	const struct args *a = &x->tool->args;
	if (args_has(a, JSON)) {
		print_json(x, end_ms);
		return;
	}
	if (!args_has(a, DETAILED))
		print_total(x, end_ms);
	if (args_has(a, PRINT_METRICS))
		kafka_print_statistics(x->client);
}

static int consume(struct tool *t, struct test *x, const struct properties *settings)
{
	const struct kafka_events events = { .arg = x, .assigned = assigned, .revoked = revoked };
	if (!args_has(&t->args, HIDE_HEADER) && !args_has(&t->args, JSON))
		print_header(args_has(&t->args, DETAILED));
	x->client = kafka_open(t, KAFKA_CONSUMER, settings, &events);
	if (!x->client)
		return -1;
	x->begun.ms = x->reported.ms = x->now.ms = x->join_begun_ms = sys_wall_ms();
	int rc = kafka_subscribe(x->client, args_text(&t->args, TOPIC));
	if (rc == 0)
		rc = read_all(x);
	int signal = kafka_interrupted(x->client);
	int64_t end_ms = sys_wall_ms();
	if (rc == 0)
		print_end(x, end_ms);
	kafka_close(x->client);
	return rc < 0 ? rc : signal ? 128 + signal : 0;
}

/* ---- the command ---- */

static int consumer_settings(struct tool *t, struct properties *p)
{
	const struct args *a = &t->args;
	uint32_t x;
	sys_random(&x, sizeof x);
	if (words_file(t, p, CONSUMER_CONFIG) < 0)
		return -1;
	words_put(t, p, "bootstrap.servers", args_text(a, args_has(a, BOOTSTRAP) ? BOOTSTRAP :
		BROKER_LIST));
	words_put(t, p, "group.id", args_has(a, GROUP) ? args_text(a, GROUP) :
		tool_printf(t, "perf-consumer-%u", x % RANDOM_GROUPS));
	words_put(t, p, "receive.buffer.bytes", args_text(a, SOCKET_BUFFER));
	words_put(t, p, "max.partition.fetch.bytes", args_text(a, FETCH_SIZE));
	words_put(t, p, "auto.offset.reset", args_has(a, FROM_LATEST) ? "latest" : "earliest");
	words_put(t, p, "check.crcs", "false");
	if (!words_get(p, "client.id"))
		words_put(t, p, "client.id", "perf-consumer-client");
	if (args_has(a, PRINT_METRICS))
		words_put(t, p, "statistics.interval.ms", "100");
	return 0;
}

static int check(struct tool *t)
{
	struct args *a = &t->args;
	struct text ignored = { 0 };
	struct tm tm = { 0 };
	if (!args_has(a, BOOTSTRAP) && !args_has(a, BROKER_LIST))
		args_refuse(a, "Missing required option(s) [bootstrap-server]");
	if (args_has(a, THREADS) || args_has(a, FETCHERS))
		remark(args_has(a, JSON), "WARNING: option [threads] and [num-fetch-threads] have been "
			"deprecated and will be ignored by the test\n");
	args_require(a, TOPIC);
	args_require(a, MESSAGES);
	args_exclude(a, JSON, ARGS_SET(DETAILED) | ARGS_SET(DATE_FORMAT));
	if (a->refused || args_check_values(a))
		return tool_usage(t, "%s", a->refused);
	bool good = date_format(&ignored, args_text(a, DATE_FORMAT), &tm, 0);
	text_free(&ignored);
	if (args_int(a, INTERVAL) <= 0)
		tool_fail(t, "IllegalArgumentException", "Reporting interval must be greater than 0.");
	else if (!good)
		tool_fail(t, "IllegalArgumentException", "Illegal pattern of --date-format: %s", args_text(a,
			DATE_FORMAT));
	return t->failure.words ? tool_complain(t) : 0;
}

static int run(struct tool *t)
{
	struct test *x = tool_alloc(t, sizeof *x);
	struct properties settings = { 0 };
	int status = check(t);
	if (status)
		return status;
	x->tool = t;
	status = consumer_settings(t, &settings) < 0 ? -1 : consume(t, x, &settings);
	text_free(&x->out);
	properties_free(&settings);
	return status < 0 ? tool_complain(t) : status;
}

const struct command command_consumer_perf_test = {
	.about = "This tool is used to verify the consumer performance.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
