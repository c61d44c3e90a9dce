/* console_consumer.c - records to standard output; org.apache.kafka.tools.consumer.ConsoleConsumer. */
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "tools/kafka.h"
#include "tools/message_format.h"
#include "tools/out.h"
#include "tools/kafka_words.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

enum { RANDOM_GROUPS = 100000 };

enum {
	TOPIC, WHITELIST, INCLUDE, PARTITION, OFFSET, CONSUMER_PROPERTY, CONSUMER_CONFIG, FORMATTER,
	PROPERTY, FORMATTER_CONFIG, FROM_BEGINNING, MAX_MESSAGES, TIMEOUT, SKIP_ON_ERROR, BOOTSTRAP,
	KEY_DESERIALIZER, VALUE_DESERIALIZER, SYSTEST, ISOLATION, GROUP, JSON,
};

static const struct opt options[] = {
	[TOPIC] = { "topic", OPT_TEXT, "topic",
		"The topic to read." },
	[WHITELIST] = { "whitelist", OPT_TEXT, "Java regex (String)",
		"DEPRECATED, use --include instead." },
	[INCLUDE] = { "include", OPT_TEXT, "Java regex (String)",
		"A regular expression: all topics whose whole name it matches are read." },
	[PARTITION] = { "partition", OPT_INT, "partition",
		"The one partition to read, from its end unless --offset says otherwise." },
	[OFFSET] = { "offset", OPT_TEXT, "consume offset",
		"Where to begin: an offset, or 'earliest', or 'latest'.", .fallback = "latest" },
	[CONSUMER_PROPERTY] = { "consumer-property", OPT_TEXTS, "consumer_prop",
		"A setting of the consumer, key=value." },
	[CONSUMER_CONFIG] = { "consumer.config", OPT_FILE, "config file",
		"A file with settings of the consumer; --consumer-property wins." },
	[FORMATTER] = { "formatter", OPT_TEXT, "class",
		"How records are shown, by the name of Kafka's class: "
		"org.apache.kafka.tools.consumer.DefaultMessageFormatter, LoggingMessageFormatter, "
		"NoOpMessageFormatter; for __consumer_offsets OffsetsMessageFormatter and "
		"GroupMetadataMessageFormatter, for __transaction_state "
		"TransactionLogMessageFormatter.",
		.fallback = "org.apache.kafka.tools.consumer.DefaultMessageFormatter" },
	[PROPERTY] = { "property", OPT_TEXTS, "prop",
		"How records are shown, key=value: print.timestamp, print.key, print.offset, "
		"print.partition, print.headers, print.value, each true or false; key.separator, "
		"line.separator, headers.separator, null.literal; key.deserializer, "
		"value.deserializer, headers.deserializer." },
	[FORMATTER_CONFIG] = { "formatter-config", OPT_FILE, "config file",
		"A properties file that says how records are shown; --property wins." },
	[FROM_BEGINNING] = { "from-beginning", OPT_FLAG, NULL,
		"Begin with the earliest record where the group has no offset yet." },
	[MAX_MESSAGES] = { "max-messages", OPT_INT, "num_messages",
		"End after so many records." },
	[TIMEOUT] = { "timeout-ms", OPT_LONG, "timeout_ms",
		"End when no record has come for so long." },
	[SKIP_ON_ERROR] = { "skip-message-on-error", OPT_FLAG, NULL,
		"Pass over a record that cannot be shown, in place of ending." },
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "server to connect to",
		"REQUIRED: The brokers to begin with, host:port,..." },
	[KEY_DESERIALIZER] = { "key-deserializer", OPT_TEXT, "deserializer for key",
		"What keys are, by the name of Kafka's class: "
		"org.apache.kafka.common.serialization.LongDeserializer and so on." },
	[VALUE_DESERIALIZER] = { "value-deserializer", OPT_TEXT, "deserializer for values",
		"What values are, likewise." },
	[SYSTEST] = { "enable-systest-events", OPT_FLAG, NULL,
		"Say shutdown_complete at the end." },
	[ISOLATION] = { "isolation-level", OPT_TEXT, "String",
		"read_committed leaves out the records of transactions that did not commit.",
		.fallback = "read_uncommitted" },
	[GROUP] = { "group", OPT_TEXT, "consumer group id",
		"The consumer group." },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print JSON, a line for each record: topic, partition, offset, timestamp, timestamp_type, "
		"key, value, headers; what is no UTF-8 as key_base64 or value_base64. In place of a "
		"formatter.",
		.own = true },
};

/* ---- what the words say ---- */

static const char *pattern_of(const struct args *a)
{
	return args_text(a, args_has(a, INCLUDE) ? INCLUDE : WHITELIST);
}

static void check_topic(struct args *a)
{
	if (args_has(a, TOPIC) == (pattern_of(a) != NULL))
		args_refuse(a, "Exactly one of --include/--topic is required. %s", args_has(a, WHITELIST) ?
			"--whitelist is DEPRECATED use --include instead; ignored if --include specified." :
			"");
	if (args_has(a, PARTITION)) {
		if (!args_has(a, TOPIC))
			args_refuse(a, "The topic is required when partition is specified.");
		if (args_has(a, FROM_BEGINNING) && args_has(a, OFFSET))
			args_refuse(a, "Options from-beginning and offset cannot be specified together.");
	} else if (args_has(a, OFFSET)) {
		args_refuse(a, "The partition is required when offset is specified.");
	}
	args_require(a, BOOTSTRAP);
	args_exclude(a, JSON, ARGS_SET(FORMATTER) | ARGS_SET(FORMATTER_CONFIG) | ARGS_SET(PROPERTY) |
		ARGS_SET(KEY_DESERIALIZER) | ARGS_SET(VALUE_DESERIALIZER) | ARGS_SET(SYSTEST));
}

/* The group, which all that name one must agree on; NULL without. */
static const char *group_of(struct tool *t, const struct properties *file, const struct properties *words)
{
	struct args *a = &t->args;
	const char *said[] = { args_text(a, GROUP), words_get(file, "group.id"), words_get(words,
		"group.id") };
	const char *group = NULL, *list = "";
	bool differ = false;
	for (size_t i = 0; i < countof(said); i++) {
		if (!said[i] || (group && strcmp(group, said[i]) == 0))
			continue;
		differ = differ || group;
		list = tool_printf(t, "%s%s'%s'", list, group ? ", " : "", said[i]);
		group = said[i];
	}
	if (differ)
		args_refuse(a, "The group ids provided in different places (directly using '--group', via "
			"'--consumer-property', or via '--consumer.config') do not match. Detected group "
			"ids: %s", list);
	if (group && args_has(a, PARTITION))
		args_refuse(a, "Options group and partition cannot be specified together.");
	return group;
}

static int64_t offset_of(struct args *a)
{
	const char *s = args_text(a, OFFSET);
	char *end;
	if (!args_has(a, OFFSET))
		return args_has(a, FROM_BEGINNING) ? KAFKA_EARLIEST : KAFKA_LATEST;
	if (strcasecmp(s, "earliest") == 0 || strcasecmp(s, "latest") == 0)
		return strcasecmp(s, "latest") == 0 ? KAFKA_LATEST : KAFKA_EARLIEST;
	errno = 0;
	int64_t offset = strtoll(s, &end, 10);
	if (end == s || *end || errno || offset < 0)
		args_refuse(a, "The provided offset value '%s' is incorrect. Valid values are 'earliest', "
			"'latest', or a non-negative long.", s);
	return offset;
}

/* 0, or -1 when --from-beginning is contradicted. */
static int reset_of(struct tool *t, struct properties *p)
{
	const char *set = words_get(p, "auto.offset.reset");
	bool beginning = args_has(&t->args, FROM_BEGINNING);
	if (!set) {
		words_put(t, p, "auto.offset.reset", beginning ? "earliest" : "latest");
		return 0;
	}
	if (!beginning || strcmp(set, "earliest") == 0)
		return 0;
	complain("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove "
		"one option\n", set);
	return -1;
}

static uint32_t random_number(uint32_t below)
{
	uint32_t x;
	sys_random(&x, sizeof x);
	return x % below;
}

static void group_settings(struct tool *t, struct properties *p, const char *group)
{
	if (group) {
		words_put(t, p, "group.id", group);
		return;
	}
	words_put(t, p, "group.id", tool_printf(t, "console-consumer-%u", random_number(RANDOM_GROUPS)));
	if (!words_get(p, "enable.auto.commit")) /* nobody comes back to this group */
		words_put(t, p, "enable.auto.commit", "false");
}

/* 0; 1 and it was said what is wrong; -1 and the failure is set. */
static int consumer_settings(struct tool *t, struct properties *p)
{
	struct properties words = { 0 };
	if (words_file(t, p, CONSUMER_CONFIG) < 0)
		return -1;
	words_list(t, &words, CONSUMER_PROPERTY);
	const char *group = group_of(t, p, &words);
	for (uint32_t i = 0; i < words.n; i++)
		words_put(t, p, words.v[i].name, words.v[i].value);
	properties_free(&words);
	if (t->args.refused)
		return tool_usage(t, "%s", t->args.refused);
	if (reset_of(t, p) < 0)
		return 1;
	words_put(t, p, "bootstrap.servers", args_text(&t->args, BOOTSTRAP));
	if (!words_get(p, "client.id"))
		words_put(t, p, "client.id", "console-consumer");
	words_merge(t, p, "isolation.level", ISOLATION);
	group_settings(t, p, group);
	return 0;
}

/* Wrong words for the formatter are wrong usage. */
static int formatter(struct tool *t, struct message_format *f)
{
	struct properties p = { 0 };
	*f = (struct message_format){ .kind = FORMAT_JSON };
	if (args_has(&t->args, JSON))
		return 0;
	if (words_file(t, &p, FORMATTER_CONFIG) < 0)
		return tool_complain(t);
	if (args_text(&t->args, KEY_DESERIALIZER))
		words_put(t, &p, "key.deserializer", args_text(&t->args, KEY_DESERIALIZER));
	if (args_text(&t->args, VALUE_DESERIALIZER))
		words_put(t, &p, "value.deserializer", args_text(&t->args, VALUE_DESERIALIZER));
	words_list(t, &p, PROPERTY);
	int rc = message_format_init(t, f, args_text(&t->args, FORMATTER), &p);
	properties_free(&p);
	return rc < 0 ? tool_usage(t, "%s", t->failure.words) : 0;
}

/* ---- reading ---- */

struct reading {
	struct tool *tool;
	struct kafka *client;
	struct message_format format;
	int64_t max, timeout_ms; /* negative: none */
	uint64_t count;
	bool closed;             /* nobody reads what is printed */
	struct text out;
};

/* What has come already, else what comes while there is time: 1 a record, 0 none. Records that come one
 * behind the other are printed together, and before anything is waited for. */
static int receive_or_wait(struct reading *r, struct kafka_record *record, int64_t ms)
{
	int rc = kafka_receive(r->client, 0, record);
	if (rc != 0)
		return rc;
	if (out_flush() < 0) {
		complain("Unable to write to standard out, closing consumer.\n");
		r->closed = true;
		return 0;
	}
	return kafka_receive(r->client, (int)max_of(min_of(ms, (int64_t)KAFKA_POLL_MS), (int64_t)0),
		record);
}

/* The next record: 1; 0 it is time to end, and that was told. */
static int receive(struct reading *r, struct kafka_record *record)
{
	int64_t begun = sys_mono_ns() / 1000000, waited = 0;
	int rc = 0;
	while (rc == 0 && !r->closed && !kafka_interrupted(r->client) && (r->timeout_ms < 0 ||
		waited <= r->timeout_ms)) {
		rc = receive_or_wait(r, record, r->timeout_ms < 0 ? KAFKA_POLL_MS :
			r->timeout_ms - waited + 1);
		waited = sys_mono_ns() / 1000000 - begun;
	}
	if (rc < 0)
		words_log("ERROR", "Error processing message, terminating consumer process: \n"
			"org.apache.kafka.common.errors.%s: %s", r->tool->failure.class,
			r->tool->failure.words);
	else if (rc == 0 && !r->closed && !kafka_interrupted(r->client))
		words_log("ERROR", "Error processing message, terminating consumer process: \n"
			"org.apache.kafka.common.errors.TimeoutException");
	if (rc < 0)
		r->tool->failure = (struct failure){ 0 };
	return rc > 0;
}

/* 0, or -1 and the failure is set. */
static int show(struct reading *r, const struct kafka_record *record)
{
	text_clear(&r->out);
	int rc = message_format_add(r->tool, &r->format, &r->out, record);
	if (rc < 0 && args_has(&r->tool->args, SKIP_ON_ERROR)) {
		words_log("ERROR", "Error processing message, skipping this message: %s: %s",
			r->tool->failure.class, r->tool->failure.words);
		r->tool->failure = (struct failure){ 0 };
		rc = 0;
	} else if (rc == 0) {
		say_bytes(text_slice(&r->out));
	}
	return rc;
}

/* 0, or -1 and the failure is set: a record cannot be shown. */
static int read_all(struct reading *r)
{
	struct kafka_record record;
	int rc = 0;
	while (rc == 0 && (r->max < 0 || r->count < (uint64_t)r->max) && receive(r, &record)) {
		r->count++;
		rc = show(r, &record);
	}
	return rc;
}

static int consume(struct tool *t, struct reading *r, const struct kafka_place *place)
{
	int rc = place->partition >= 0 ? kafka_assign(r->client, place) :
		place->topic ? kafka_subscribe(r->client, place->topic) :
		kafka_subscribe_matching(r->client, pattern_of(&t->args));
	if (rc == 0)
		rc = read_all(r);
	int signal = kafka_interrupted(r->client);
	kafka_close(r->client);
	complain("Processed a total of %" PRIu64 " messages\n", r->count);
	if (args_has(&t->args, SYSTEST))
		say("shutdown_complete\n");
	if (rc < 0) {
		words_log("ERROR", "Unknown error when running consumer: ");
		return tool_complain(t);
	}
	return signal ? 128 + signal : 0;
}

static int run(struct tool *t)
{
	struct args *a = &t->args;
	struct properties settings = { 0 };
	struct reading r = { .tool = t, .max = -1, .timeout_ms = -1 };
	check_topic(a);
	if (a->refused || args_check_values(a))
		return tool_usage(t, "%s", a->refused);
	struct kafka_place place = { args_text(a, TOPIC), args_has(a, PARTITION) ? (int32_t)args_int(a,
		PARTITION) : -1, offset_of(a) };
	if (args_has(a, MAX_MESSAGES))
		r.max = args_int(a, MAX_MESSAGES);
	if (args_has(a, TIMEOUT))
		r.timeout_ms = args_int(a, TIMEOUT);
	int status = a->refused ? tool_usage(t, "%s", a->refused) : consumer_settings(t, &settings);
	if (status == 0)
		status = formatter(t, &r.format);
	if (status == 0 && (r.client = kafka_open(t, KAFKA_CONSUMER, &settings, NULL)))
		status = consume(t, &r, &place);
	else if (status < 0 || t->failure.words)
		status = tool_complain(t);
	text_free(&r.out);
	properties_free(&settings);
	return status;
}

const struct command command_console_consumer = {
	.about = "This tool helps to read data from Kafka topics and outputs it to standard output.",
	.more = "It goes on until interrupted, unless --max-messages or --timeout-ms ends it. How many "
	"records it has shown "
		"is its last line, on standard error.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
