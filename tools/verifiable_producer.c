/* verifiable_producer.c - rising numbers, and what became of each as JSON;
 * org.apache.kafka.tools.VerifiableProducer.
 */
#include "broker/base/must.h"
#include "broker/protocol/kmsg.h"
#include "broker/reactor/sys.h"
#include "tools/kafka.h"
#include "tools/kafka_wait.h"
#include "tools/event.h"
#include "tools/perf_stats.h"
#include "tools/kafka_words.h"

#include <stdio.h>

enum { NO_KEY = 0xffffffffu, KEY_BITS = 32 };

enum {
	TOPIC, BOOTSTRAP, BROKER_LIST, MAX_MESSAGES, THROUGHPUT, ACKS, PRODUCER_CONFIG, CREATE_TIME,
	VALUE_PREFIX, REPEATING_KEYS,
};

static const struct opt options[] = {
	[TOPIC] = { "topic", OPT_TEXT, "TOPIC",
		"REQUIRED: The topic to send to." },
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "HOST1:PORT1[,HOST2:PORT2[...]]",
		"REQUIRED unless --broker-list is given: The brokers to begin with." },
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "HOST1:PORT1[,HOST2:PORT2[...]]",
		"DEPRECATED, use --bootstrap-server instead." },
	[MAX_MESSAGES] = { "max-messages", OPT_INT, "MAX-MESSAGES",
		"Send so many records; -1 until interrupted.", .fallback = "-1" },
	[THROUGHPUT] = { "throughput", OPT_INT, "THROUGHPUT",
		"The most records in a second, about; -1 for as many as go.", .fallback = "-1" },
	[ACKS] = { "acks", OPT_INT, "ACKS",
		"Which replicas must have a record: -1, 0 or 1.", .fallback = "-1" },
	[PRODUCER_CONFIG] = { "producer.config", OPT_FILE, "CONFIG_FILE",
		"A file with settings of the producer." },
	[CREATE_TIME] = { "message-create-time", OPT_LONG, "CREATETIME",
		"The time that the first record bears, in ms since 1970.", .fallback = "-1" },
	[VALUE_PREFIX] = { "value-prefix", OPT_INT, "VALUE-PREFIX",
		"A number and a dot before each value." },
	[REPEATING_KEYS] = { "repeating-keys", OPT_INT, "REPEATING-KEYS",
		"Keys from 0 up to this number, exclusive, again and again." },
};

struct test {
	struct tool *tool;
	struct kafka *client;
	uint64_t sent, acked;
	int64_t begun_ms, create_ms;
	struct throttle throttle;
};

/* ---- one record ---- */

struct numbers {
	uint32_t key, value;
};

static void *tag_of(struct numbers n)
{
	return (void *)((uintptr_t)n.key << KEY_BITS | n.value);
}

static void add_value(struct test *x, uint32_t value, char out[32])
{
	const struct args *a = &x->tool->args;
	if (args_has(a, VALUE_PREFIX))
		snprintf(out, 32, "%d.%u", (int)args_int(a, VALUE_PREFIX), value);
	else
		snprintf(out, 32, "%u", value);
}

static void add_names(struct test *x, struct kdump *k, struct numbers n)
{
	char key[32], value[32];
	snprintf(key, sizeof key, "%u", n.key);
	add_value(x, n.value, value);
	kdump_nullable_string(k, "key", n.key == NO_KEY ? SLICE_NULL : slice_str(key));
	kdump_string(k, "value", slice_str(value));
}

static void sent(void *arg, void *tag, const struct kafka_place *place, const char *class, const char *error)
{
	struct test *x = arg;
	struct numbers n = { (uint32_t)((uintptr_t)tag >> KEY_BITS), (uint32_t)(uintptr_t)tag };
	struct kdump k;
	event_begin(&k, error ? "producer_send_error" : "producer_send_success");
	add_names(x, &k, n);
	kdump_string(&k, "topic", slice_str(args_text(&x->tool->args, TOPIC)));
	if (error) {
		char *java = mem_printf("class org.apache.kafka.common.errors.%s", class);
		kdump_string(&k, "exception", slice_str(java));
		kdump_string(&k, "message", slice_str(error));
		free(java);
	} else {
		x->acked++;
		kdump_int(&k, "partition", place->partition);
		kdump_int(&k, "offset", place->offset);
	}
	event_end(&k);
}

static void send_one(struct test *x, uint64_t nth)
{
	const struct args *a = &x->tool->args;
	char key[32], value[32];
	int64_t now = sys_wall_ms();
	bool keys = args_has(a, REPEATING_KEYS) && args_int(a, REPEATING_KEYS) > 0;
	struct numbers n = { keys ? (uint32_t)(nth % (uint64_t)args_int(a, REPEATING_KEYS)) : NO_KEY,
		(uint32_t)nth };
	snprintf(key, sizeof key, "%u", n.key);
	add_value(x, n.value, value);
	struct kafka_record r = { .place = { args_text(a, TOPIC), -1, 0 }, .key = keys ? slice_str(key) :
		SLICE_NULL, .value = slice_str(value) };
	if (args_int(a, CREATE_TIME) != -1) {
		r.timestamp = x->create_ms;
		x->create_ms += now - x->begun_ms;
	}
	x->sent++;
	kafka_send(x->client, &r, tag_of(n));
	kafka_poll(x->client, 0);
	kafka_wait(x->client, throttle_ns(&x->throttle, nth, sys_mono_ns()));
}

static void send_all(struct test *x)
{
	int64_t max = args_int(&x->tool->args, MAX_MESSAGES);
	struct kdump k;
	event_say("startup_complete");
	x->throttle = (struct throttle){ .per_second = (double)args_int(&x->tool->args, THROUGHPUT),
		.begun_ns = sys_mono_ns() };
	for (uint64_t i = 0; (max < 0 || i < (uint64_t)max) && !kafka_interrupted(x->client); i++)
		send_one(x, i);
	kafka_flush(x->client);
	event_say("shutdown_complete");
	int64_t elapsed = sys_wall_ms() - x->begun_ms;
	event_begin(&k, "tool_data");
	kdump_int(&k, "sent", (int64_t)x->sent);
	kdump_int(&k, "acked", (int64_t)x->acked);
	kdump_int(&k, "target_throughput", args_int(&x->tool->args, THROUGHPUT));
	kdump_f64(&k, "avg_throughput", 1000.0 * ((double)x->acked / (double)elapsed));
	event_end(&k);
}

/* ---- the command ---- */

static int producer_settings(struct tool *t, struct properties *p)
{
	const struct args *a = &t->args;
	words_put(t, p, "bootstrap.servers", args_text(a, args_has(a, BOOTSTRAP) ? BOOTSTRAP :
		BROKER_LIST));
	words_put(t, p, "acks", args_text(a, ACKS));
	words_put(t, p, "retries", "0");
	return words_file(t, p, PRODUCER_CONFIG);
}

static void check(struct args *a)
{
	if (!args_has(a, TOPIC))
		args_refuse(a, "argument --topic is required");
	if (!args_has(a, BOOTSTRAP) && !args_has(a, BROKER_LIST))
		args_refuse(a, "one of the arguments --bootstrap-server --broker-list is required");
	if (args_has(a, BOOTSTRAP) && args_has(a, BROKER_LIST))
		args_refuse(a, "argument --broker-list: not allowed with argument --bootstrap-server");
	args_check_values(a);
	if (!a->refused && (args_int(a, ACKS) < -1 || args_int(a, ACKS) > 1))
		args_refuse(a, "argument --acks: invalid choice: '%s' (choose from {0,1,-1})", args_text(a,
			ACKS));
}

static int run(struct tool *t)
{
	struct test x = { .tool = t, .begun_ms = sys_wall_ms() };
	const struct kafka_events events = { .arg = &x, .sent = sent };
	struct properties settings = { 0 };
	check(&t->args);
	if (t->args.refused)
		return tool_usage(t, "%s: error: %s", t->name, t->args.refused);
	x.create_ms = args_int(&t->args, CREATE_TIME);
	if (producer_settings(t, &settings) == 0)
		x.client = kafka_open(t, KAFKA_PRODUCER, &settings, &events);
	properties_free(&settings);
	if (!x.client)
		return tool_complain(t);
	send_all(&x);
	int signal = kafka_interrupted(x.client);
	kafka_close(x.client);
	return signal ? 128 + signal : 0;
}

const struct command command_verifiable_producer = {
	.about = "This tool produces increasing integers to the specified topic and prints JSON metadata to "
		"stdout on each \"send\" request, making externally visible which messages have been acked "
		"and which have not.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
