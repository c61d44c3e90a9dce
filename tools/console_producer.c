/* console_producer.c - lines of standard input as records; kafka.tools.ConsoleProducer. */
#include "broker/base/must.h"
#include "tools/kafka.h"
#include "tools/in.h"
#include "tools/line_reader.h"
#include "tools/out.h"
#include "tools/kafka_words.h"

#include <errno.h>

enum {
	TOPIC, BROKER_LIST, BOOTSTRAP, SYNC, CODEC, BATCH, RETRIES, BACKOFF, LINGER, ACKS,
	REQUEST_TIMEOUT, METADATA_AGE, MAX_BLOCK, MEMORY, PARTITION_MEMORY, READER, SOCKET_BUFFER,
	PROPERTY, READER_CONFIG, PRODUCER_PROPERTY, PRODUCER_CONFIG,
};

static const char line_reader_class[] = "kafka.tools.ConsoleProducer$LineMessageReader";

static const struct opt options[] = {
	[TOPIC] = { "topic", OPT_TEXT, "topic",
		"REQUIRED: The topic to send to." },
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "broker-list",
		"DEPRECATED, use --bootstrap-server instead." },
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "server to connect to",
		"REQUIRED unless --broker-list is given: The brokers to begin with, host:port,..." },
	[SYNC] = { "sync", OPT_FLAG, NULL,
		"Send a record only when the one before it has ended." },
	[CODEC] = { "compression-codec", OPT_TEXT, "compression-codec",
		"How records are compressed: 'none', 'gzip', 'snappy', 'lz4' or 'zstd'; 'gzip' when "
		"no value follows.", .may_lack_value = true },
	[BATCH] = { "batch-size", OPT_INT, "size",
		"The most bytes of a batch, unless --max-partition-memory-bytes says it.",
		.fallback = "16384" },
	[RETRIES] = { "message-send-max-retries", OPT_INT, "Integer",
		"How often a record is tried again: retries of the producer.", .fallback = "3" },
	[BACKOFF] = { "retry-backoff-ms", OPT_LONG, "Long",
		"How long to wait before that.", .fallback = "100" },
	[LINGER] = { "timeout", OPT_LONG, "timeout_ms",
		"How long a record waits for others to go with it: linger.ms of the producer.",
		.fallback = "1000" },
	[ACKS] = { "request-required-acks", OPT_TEXT, "request required acks",
		"Which replicas must have a record: -1 or all, 0, 1.", .fallback = "-1" },
	[REQUEST_TIMEOUT] = { "request-timeout-ms", OPT_INT, "request timeout ms",
		"How long a broker may wait for the replicas.", .fallback = "1500" },
	[METADATA_AGE] = { "metadata-expiry-ms", OPT_LONG, "metadata expiration interval",
		"When what is known of the cluster is asked for anew.", .fallback = "300000" },
	[MAX_BLOCK] = { "max-block-ms", OPT_LONG, "max block on send",
		"How long to wait for room in the producer's memory.", .fallback = "60000" },
	[MEMORY] = { "max-memory-bytes", OPT_LONG, "total memory in bytes",
		"The producer's memory for records on their way.", .fallback = "33554432" },
	[PARTITION_MEMORY] = { "max-partition-memory-bytes", OPT_INT, "memory in bytes per partition",
		"The most bytes of a batch.", .fallback = "16384" },
	[READER] = { "line-reader", OPT_TEXT, "reader_class",
		"Only Kafka's own reader of lines is known here.",
		.fallback = "kafka.tools.ConsoleProducer$LineMessageReader" },
	[SOCKET_BUFFER] = { "socket-buffer-size", OPT_INT, "size",
		"The size of the socket's buffer for sending.", .fallback = "102400" },
	[PROPERTY] = { "property", OPT_TEXTS, "prop", "How lines are read, key=value: parse.key=true|false, "
	"parse.headers=true|false, ignore.error=true|false, key.separator, headers.delimiter, "
	"headers.separator, headers.key.separator, null.marker. A line is \"h1:v1,h2:v2<TAB>key<TAB>value\" "
	"with headers and key." },
	[READER_CONFIG] = { "reader-config", OPT_FILE, "config file",
		"A properties file that says how lines are read; --property wins." },
	[PRODUCER_PROPERTY] = { "producer-property", OPT_TEXTS, "producer_prop",
		"A setting of the producer, key=value." },
	[PRODUCER_CONFIG] = { "producer.config", OPT_FILE, "config file",
		"A file with settings of the producer; --producer-property wins." },
};

/* ---- settings ---- */

static const struct { const char *name; unsigned opt; } merged[] = {
	{ "linger.ms", LINGER }, { "acks", ACKS }, { "request.timeout.ms", REQUEST_TIMEOUT },
	{ "retries", RETRIES }, { "retry.backoff.ms", BACKOFF },
	{ "send.buffer.bytes", SOCKET_BUFFER }, { "buffer.memory", MEMORY },
	{ "batch.size", BATCH }, { "batch.size", PARTITION_MEMORY },
	{ "metadata.max.age.ms", METADATA_AGE }, { "max.block.ms", MAX_BLOCK },
};

static int producer_settings(struct tool *t, struct properties *p)
{
	const struct args *a = &t->args;
	if (words_file(t, p, PRODUCER_CONFIG) < 0)
		return -1;
	words_list(t, p, PRODUCER_PROPERTY);
	words_put(t, p, "bootstrap.servers", args_text(a, args_has(a, BOOTSTRAP) ? BOOTSTRAP :
		BROKER_LIST));
	const char *codec = args_text(a, CODEC);
	words_put(t, p, "compression.type", !args_has(a, CODEC) ? "none" : codec && *codec ? codec :
		"gzip");
	if (!words_get(p, "client.id"))
		words_put(t, p, "client.id", "console-producer");
	for (size_t i = 0; i < countof(merged); i++)
		words_merge(t, p, merged[i].name, merged[i].opt);
	return 0;
}

static int reader_settings(struct tool *t, struct properties *p)
{
	if (words_file(t, p, READER_CONFIG) < 0)
		return -1;
	words_list(t, p, PROPERTY);
	return strcmp(args_text(&t->args, READER), line_reader_class) == 0 ? 0 :
		tool_fail(t, "ClassNotFoundException", "%s", args_text(&t->args, READER));
}

/* ---- sending ---- */

struct sending {
	struct tool *tool;
	bool sync;
	bool ended, failed; /* of the record that --sync waits for */
};

static void sent(void *arg, void *tag, const struct kafka_place *place, const char *class, const char *error)
{
	struct sending *s = arg;
	(void)tag;
	s->ended = true;
	if (!error)
		return;
	s->failed = true;
	if (s->sync)
		tool_fail(s->tool, class, "%s", error);
	else
		words_log("ERROR", "Error when sending message to topic %s with error: %s: %s",
			place->topic, class, error);
}

/* 0; the number of the signal that ended it; -1 and the failure is set. */
static int send_lines(struct tool *t, struct kafka *c, struct line_reader *reader, struct sending *s)
{
	struct text line = { 0 };
	struct kafka_record record;
	int rc = 0, there;
	bool prompt = in_is_terminal() && out_is_terminal();
	for (;;) {
		if (prompt) {
			say(">");
			out_flush();
		}
		there = in_line(&line, kafka_signals(c));
		if (there <= 0 || (rc = line_reader_record(t, reader, text_slice(&line), &record)) < 0)
			break;
		s->ended = false;
		kafka_send(c, &record, NULL);
		kafka_poll(c, 0);
		while (s->sync && !s->ended && !kafka_interrupted(c))
			kafka_poll(c, KAFKA_POLL_MS);
		if (s->sync && s->failed && (rc = -1))
			break;
	}
	if (there < 0 && there != -EINTR)
		rc = tool_fail(t, "IOException", "standard input: %s", strerror(-there));
	text_free(&line);
	return rc;
}

static int produce(struct tool *t, const struct properties *settings, const struct properties *reading)
{
	struct sending s = { .tool = t, .sync = args_has(&t->args, SYNC) };
	const struct kafka_events events = { .arg = &s, .sent = sent };
	struct line_reader *reader = tool_alloc(t, sizeof *reader);
	struct kafka *c = kafka_open(t, KAFKA_PRODUCER, settings, &events);
	if (!c)
		return tool_complain(t);
	int rc = line_reader_init(t, reader, args_text(&t->args, TOPIC), reading);
	if (rc == 0)
		rc = send_lines(t, c, reader, &s);
	kafka_flush(c);
	int signal = kafka_interrupted(c);
	kafka_close(c);
	return rc < 0 ? tool_complain(t) : signal ? 128 + signal : 0;
}

static int run(struct tool *t)
{
	struct args *a = &t->args;
	struct properties settings = { 0 }, reading = { 0 };
	if (!args_has(a, BOOTSTRAP) && !args_has(a, BROKER_LIST))
		args_refuse(a, "Missing required option(s) [bootstrap-server]");
	args_require(a, TOPIC);
	if (!a->refused && !words_hosts(args_text(a, args_has(a, BOOTSTRAP) ? BOOTSTRAP : BROKER_LIST)))
		args_refuse(a, "Please provide valid host:port like host1:9091,host2:9092\n ");
	if (a->refused || args_check_values(a))
		return tool_usage(t, "%s", a->refused);
	int status = producer_settings(t, &settings) < 0 || reader_settings(t, &reading) < 0 ?
		tool_complain(t) : produce(t, &settings, &reading);
	properties_free(&settings);
	properties_free(&reading);
	return status;
}

const struct command command_console_producer = {
	.about = "This tool helps to read data from standard input and publish it to Kafka.",
	.more = "Each line is a record. As with Kafka's command a record that could not be sent is told on "
	"standard error "
		"and the status is 0 nevertheless, but with --sync, where the first one ends the command "
		"with 1. An interrupt sends what was read before it ends.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
