/* producer_perf_test.c - how fast records can be sent; org.apache.kafka.tools.ProducerPerformance. */
#define _GNU_SOURCE /* memmem */
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "tools/kafka.h"
#include "tools/kafka_wait.h"
#include "tools/in.h"
#include "tools/out.h"
#include "tools/perf_stats.h"
#include "tools/kafka_words.h"

#include <inttypes.h>
#include <stdio.h>

enum { PATH_BYTES = 4096, TAG_BYTES_BITS = 32 };

enum {
	TOPIC, NUM_RECORDS, PAYLOAD_DELIMITER, THROUGHPUT, PRODUCER_PROPS, PRODUCER_CONFIG,
	PRINT_METRICS, TRANSACTIONAL_ID, TRANSACTION_DURATION, RECORD_SIZE, PAYLOAD_FILE,
	PAYLOAD_MONOTONIC, JSON,
};

static const struct opt options[] = {
	[TOPIC] = { "topic", OPT_TEXT, "TOPIC",
		"REQUIRED: The topic to send to." },
	[NUM_RECORDS] = { "num-records", OPT_LONG, "NUM-RECORDS",
		"REQUIRED: How many records to send." },
	[PAYLOAD_DELIMITER] = { "payload-delimiter", OPT_TEXT, "PAYLOAD-DELIMITER",
		"What parts the values in --payload-file.", .fallback = "\\n" },
	[THROUGHPUT] = { "throughput", OPT_TEXT, "THROUGHPUT",
		"REQUIRED: The most records in a second, about; -1 for as many as go." },
	[PRODUCER_PROPS] = { "producer-props", OPT_TEXTS, "PROP-NAME=PROP-VALUE",
		"Settings of the producer, one or more words; they win over --producer.config." },
	[PRODUCER_CONFIG] = { "producer.config", OPT_FILE, "CONFIG-FILE",
		"A file with settings of the producer." },
	[PRINT_METRICS] = { "print-metrics", OPT_FLAG, NULL,
		"Print the client's own numbers at the end." },
	[TRANSACTIONAL_ID] = { "transactional-id", OPT_TEXT, "TRANSACTIONAL-ID",
		"With --transaction-duration-ms, whose transactions they are.",
		.fallback = "performance-producer-default-transactional-id" },
	[TRANSACTION_DURATION] = { "transaction-duration-ms", OPT_LONG, "TRANSACTION-DURATION",
		"Send in transactions, each of which is ended after this time.", .fallback = "0" },
	[RECORD_SIZE] = { "record-size", OPT_INT, "RECORD-SIZE",
		"Values of so many bytes. Give one of --record-size, --payload-file and "
		"--payload-monotonic." },
	[PAYLOAD_FILE] = { "payload-file", OPT_FILE, "PAYLOAD-FILE",
		"Values are taken at random from this text file." },
	[PAYLOAD_MONOTONIC] = { "payload-monotonic", OPT_FLAG, NULL,
		"Values are rising numbers." },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print the final figures as JSON; other lines go to standard error.", .own = true },
};

/* ---- values ---- */

struct payloads {
	struct slice *v; /* of the file */
	uint32_t n;
	uint8_t *bytes;  /* of a record, to be filled */
	int32_t size;    /* -1: numbers */
	uint64_t state;
};

/* xorshift: the same values in every run. */
static uint64_t next_number(struct payloads *p)
{
	p->state ^= p->state << 13;
	p->state ^= p->state >> 7;
	p->state ^= p->state << 17;
	return p->state;
}

static struct slice next_payload(struct payloads *p, uint64_t nth, char number[24])
{
	if (p->n)
		return p->v[next_number(p) % p->n];
	if (p->size < 0)
		return slice_of(number, (size_t)snprintf(number, 24, "%" PRIu64, nth));
	for (int32_t i = 0; i < p->size; i += 8) {
		uint64_t x = next_number(p);
		for (int32_t j = i; j < min_of(p->size, i + 8); j++, x >>= 8)
			p->bytes[j] = (uint8_t)('A' + (x & 0xff) % 26);
	}
	return slice_of(p->bytes, (size_t)p->size);
}

/* Parts that are empty at the end are none, as for Java's split(). */
static void split_payloads(struct tool *t, struct payloads *p, struct slice text, struct slice delimiter)
{
	uint32_t room = 0, filled = 0;
	for (const uint8_t *at = text.p, *end = text.p + text.n; at <= end;) {
		const uint8_t *next = memmem(at, (size_t)(end - at), delimiter.p, delimiter.n);
		if (p->n == room) {
			struct slice *more = tool_alloc(t, (room ? room * 2 : 1024) * sizeof *more);
			if (room)
				memcpy(more, p->v, room * sizeof *more);
			room = room ? room * 2 : 1024;
			p->v = more;
		}
		p->v[p->n++] = slice_of(at, (size_t)((next ? next : end) - at));
		filled = p->v[p->n - 1].n ? p->n : filled;
		at = next ? next + delimiter.n : end + 1;
	}
	p->n = filled;
}

static int read_payloads(struct tool *t, struct payloads *p)
{
	char cwd[PATH_BYTES];
	struct slice text;
	const char *path = args_text(&t->args, PAYLOAD_FILE), *delimiter = args_text(&t->args,
		PAYLOAD_DELIMITER);
	bool aside = args_has(&t->args, JSON);
	remark(aside, "Reading payloads from: %s%s%s\n", path[0] == '/' ? "" : in_cwd(cwd, sizeof cwd),
		path[0] == '/' ? "" : "/", path);
	if (tool_read_file(t, path, &text) < 0 || text.n == 0) {
		t->failure = (struct failure){ 0 };
		return tool_fail(t, "IllegalArgumentException", "File does not exist or empty file "
			"provided.");
	}
	if (strcmp(delimiter, "\\n") == 0)
		delimiter = "\n";
	if (*delimiter == 0)
		return tool_fail(t, "IllegalArgumentException", "The payload delimiter is empty.");
	split_payloads(t, p, text, slice_str(delimiter));
	remark(aside, "Number of messages read: %u\n", p->n);
	return p->n ? 0 : tool_fail(t, "IllegalArgumentException", "bound must be positive");
}

static int prepare_payloads(struct tool *t, struct payloads *p)
{
	*p = (struct payloads){ .size = -1, .state = UINT64_C(88172645463325252) };
	if (args_has(&t->args, RECORD_SIZE)) {
		p->size = (int32_t)args_int(&t->args, RECORD_SIZE);
		if (p->size < 0)
			return tool_fail(t, "NegativeArraySizeException", "%d", p->size);
		p->bytes = tool_alloc(t, (size_t)p->size + 8);
	}
	return args_has(&t->args, PAYLOAD_FILE) ? read_payloads(t, p) : 0;
}

/* ---- sending ---- */

struct test {
	struct tool *tool;
	struct kafka *client;
	struct perf_stats stats;
	struct throttle throttle;
	struct payloads payloads;
	int64_t begun_ms;
	struct text out;
};

/* When a record was sent and how long it is, in the word that comes back with it. */
static void *tag_of(const struct test *x, int64_t now_ms, uint32_t bytes)
{
	return (void *)((uintptr_t)(now_ms - x->begun_ms) << TAG_BYTES_BITS | bytes);
}

static void sent(void *arg, void *tag, const struct kafka_place *place, const char *class, const char *error)
{
	struct test *x = arg;
	(void)place;
	if (error) {
		complain("org.apache.kafka.common.errors.%s: %s\n", class, error);
		return;
	}
	int64_t now = sys_wall_ms(), then = x->begun_ms + (int64_t)((uintptr_t)tag >> TAG_BYTES_BITS);
	text_clear(&x->out);
	if (perf_stats_record(&x->stats, now - then, (uint32_t)(uintptr_t)tag, now, &x->out)) {
		if (args_has(&x->tool->args, JSON))
			complain_bytes(text_slice(&x->out));
		else
			say_bytes(text_slice(&x->out));
		out_flush();
	}
}

/* One record, and what comes before and behind it. */
static int send_one(struct test *x, uint64_t nth, int64_t *transaction_ms)
{
	int64_t duration = args_int(&x->tool->args, TRANSACTION_DURATION), now = sys_wall_ms();
	char number[24];
	struct slice value = next_payload(&x->payloads, nth, number);
	if (duration > 0 && *transaction_ms < 0) {
		if (kafka_begin_transaction(x->client) < 0)
			return -1;
		*transaction_ms = now;
	}
	kafka_send(x->client, &(struct kafka_record){ .place = { args_text(&x->tool->args, TOPIC), -1, 0 },
		.value = value }, tag_of(x, now, value.n));
	kafka_poll(x->client, 0);
	if (duration > 0 && duration <= now - *transaction_ms) {
		*transaction_ms = -1;
		if (kafka_commit_transaction(x->client) < 0)
			return -1;
	}
	kafka_wait(x->client, throttle_ns(&x->throttle, nth, sys_mono_ns()));
	return 0;
}

static int send_all(struct test *x)
{
	uint64_t n = (uint64_t)args_int(&x->tool->args, NUM_RECORDS);
	int64_t transaction_ms = -1;
	int rc = args_int(&x->tool->args, TRANSACTION_DURATION) > 0 ? kafka_begin_transactions(x->client) :
		0;
	x->begun_ms = sys_wall_ms();
	x->throttle.begun_ns = sys_mono_ns();
	perf_stats_init(&x->stats, n, x->begun_ms);
	for (uint64_t i = 0; rc == 0 && i < n && !kafka_interrupted(x->client); i++)
		rc = send_one(x, i, &transaction_ms);
	if (rc == 0 && transaction_ms >= 0)
		rc = kafka_commit_transaction(x->client);
	kafka_flush(x->client);
	return rc;
}

static void print_total(struct test *x)
{
	const struct args *a = &x->tool->args;
	int64_t now = sys_wall_ms();
	if (args_has(a, JSON)) {
		json_t *figures = perf_stats_json(&x->stats, now);
		if (args_has(a, PRINT_METRICS))
			json_object_set_new(figures, "metrics", kafka_statistics_json(x->client));
		out_json(figures);
		return;
	}
	text_clear(&x->out);
	perf_stats_total(&x->stats, now, &x->out);
	say_bytes(text_slice(&x->out));
	if (args_has(a, PRINT_METRICS))
		kafka_print_statistics(x->client);
}

static int produce(struct tool *t, struct test *x, const struct properties *settings)
{
	const struct kafka_events events = { .arg = x, .sent = sent };
	x->client = kafka_open(t, KAFKA_PRODUCER, settings, &events);
	if (!x->client)
		return -1;
	int rc = send_all(x);
	int signal = kafka_interrupted(x->client);
	if (rc == 0)
		print_total(x);
	kafka_close(x->client);
	perf_stats_free(&x->stats);
	return rc < 0 ? rc : signal ? 128 + signal : 0;
}

/* ---- the command ---- */

static int add_prop(struct tool *t, struct properties *p, const char *word)
{
	size_t n = strcspn(word, "=");
	if (!word[n] || !word[n + 1] || strchr(word + n + 1, '='))
		return tool_fail(t, "IllegalArgumentException", "Invalid property: %s", word);
	words_put(t, p, tool_text(t, slice_of(word, n)), word + n + 1);
	return 0;
}

/* The words behind the first one of --producer-props are no options of their own. */
static int producer_settings(struct tool *t, struct properties *p)
{
	const struct args *a = &t->args;
	const char *word;
	if (words_file(t, p, PRODUCER_CONFIG) < 0)
		return -1;
	for (unsigned i = 0; (word = args_nth(a, PRODUCER_PROPS, i)); i++) {
		if (add_prop(t, p, word) < 0)
			return -1;
	}
	for (unsigned i = 0; i < a->n_operands; i++) {
		if (add_prop(t, p, a->operands[i]) < 0)
			return -1;
	}
	if (args_int(a, TRANSACTION_DURATION) > 0)
		words_put(t, p, "transactional.id", args_text(a, TRANSACTIONAL_ID));
	if (!words_get(p, "client.id"))
		words_put(t, p, "client.id", "perf-producer-client");
	if (args_has(a, PRINT_METRICS))
		words_put(t, p, "statistics.interval.ms", "100");
	return 0;
}

static void check(struct tool *t, double *throughput)
{
	static const unsigned required[] = { TOPIC, NUM_RECORDS, THROUGHPUT };
	struct args *a = &t->args;
	char *end;
	for (size_t i = 0; i < countof(required); i++) {
		if (!args_has(a, required[i]))
			args_refuse(a, "argument --%s is required", options[required[i]].name);
	}
	unsigned payloads = args_count(a,
		ARGS_SET(RECORD_SIZE) | ARGS_SET(PAYLOAD_FILE) | ARGS_SET(PAYLOAD_MONOTONIC));
	if (payloads == 0)
		args_refuse(a, "one of the arguments --record-size --payload-file --payload-monotonic is "
			"required");
	else if (payloads > 1)
		args_refuse(a, "only one of --record-size, --payload-file and --payload-monotonic is "
			"allowed");
	if (!args_has(a, PRODUCER_PROPS) && !args_has(a, PRODUCER_CONFIG))
		args_refuse(a, "Either --producer-props or --producer.config must be specified.");
	const char *text = args_has(a, THROUGHPUT) ? args_text(a, THROUGHPUT) : "0";
	*throughput = strtod(text, &end);
	if (end == text || *end)
		args_refuse(a, "argument --throughput: could not convert '%s' to Double (64 bit floating "
			"point)", text);
	args_check_values(a);
	if (!a->refused && args_int(a, NUM_RECORDS) < 1)
		args_refuse(a, "argument --num-records: there must be one at least");
}

static int run(struct tool *t)
{
	struct test *x = tool_alloc(t, sizeof *x);
	struct properties settings = { 0 };
	x->tool = t;
	check(t, &x->throttle.per_second);
	if (t->args.refused)
		return tool_usage(t, "%s: error: %s", t->name, t->args.refused);
	int status = prepare_payloads(t, &x->payloads) < 0 || producer_settings(t, &settings) < 0 ? -1 :
		produce(t, x, &settings);
	text_free(&x->out);
	properties_free(&settings);
	return status < 0 ? tool_complain(t) : status;
}

const struct command command_producer_perf_test = {
	.about = "This tool is used to verify the producer performance.",
	.operands = "[PROP-NAME=PROP-VALUE]...",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
