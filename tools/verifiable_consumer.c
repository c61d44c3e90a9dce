/* verifiable_consumer.c - what a member of a group sees, as JSON; org.apache.kafka.tools.VerifiableConsumer.
 * */
#include "broker/base/must.h"
#include "tools/kafka.h"
#include "tools/event.h"
#include "tools/kafka_words.h"

enum { BATCH_RECORDS = 500 /* max.poll.records of Java */, BATCH_PARTITIONS = 500 };

enum {
	BOOTSTRAP, BROKER_LIST, TOPIC, GROUP_PROTOCOL, REMOTE_ASSIGNOR, GROUP_ID, INSTANCE_ID,
	MAX_MESSAGES, SESSION_TIMEOUT, VERBOSE, AUTOCOMMIT, RESET_POLICY, STRATEGY, CONSUMER_CONFIG,
};

static const struct opt options[] = {
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "HOST1:PORT1[,HOST2:PORT2[...]]",
		"REQUIRED unless --broker-list is given: The brokers to begin with." },
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "HOST1:PORT1[,HOST2:PORT2[...]]",
		"DEPRECATED, use --bootstrap-server instead." },
	[TOPIC] = { "topic", OPT_TEXT, "TOPIC",
		"REQUIRED: The topic to read." },
	[GROUP_PROTOCOL] = { "group-protocol", OPT_TEXT, "GROUP_PROTOCOL",
		"Only classic is there in a cluster with ZooKeeper.", .fallback = "classic" },
	[REMOTE_ASSIGNOR] = { "group-remote-assignor", OPT_TEXT, "GROUP_REMOTE_ASSIGNOR",
		"Only for the group protocol consumer." },
	[GROUP_ID] = { "group-id", OPT_TEXT, "GROUP_ID",
		"REQUIRED: The consumer group." },
	[INSTANCE_ID] = { "group-instance-id", OPT_TEXT, "GROUP_INSTANCE_ID",
		"The member's own name, which makes it a static member." },
	[MAX_MESSAGES] = { "max-messages", OPT_INT, "MAX-MESSAGES",
		"Read so many records; -1 until interrupted.", .fallback = "-1" },
	[SESSION_TIMEOUT] = { "session-timeout", OPT_INT, "TIMEOUT_MS",
		"When the group gives the member up.", .fallback = "30000" },
	[VERBOSE] = { "verbose", OPT_FLAG, NULL,
		"Tell each record." },
	[AUTOCOMMIT] = { "enable-autocommit", OPT_FLAG, NULL,
		"Let the consumer commit by itself." },
	[RESET_POLICY] = { "reset-policy", OPT_TEXT, "RESETPOLICY",
		"Where to begin without an offset: earliest, latest or none.", .fallback = "earliest" },
	[STRATEGY] = { "assignment-strategy", OPT_TEXT, "ASSIGNMENTSTRATEGY",
		"How partitions are parted among the members: the name of Kafka's class.",
		.fallback = "org.apache.kafka.clients.consumer.RangeAssignor" },
	[CONSUMER_CONFIG] = { "consumer.config", OPT_FILE, "CONFIG_FILE",
		"A file with settings of the consumer; options win." },
};

/* Records of one partition that came together. */
struct summary {
	char *topic;
	int32_t partition;
	int64_t count, least, most;
};

struct test {
	struct tool *tool;
	struct kafka *client;
	struct summary summaries[BATCH_PARTITIONS];
	unsigned n_summaries;
	int64_t count, consumed;
};

/* ---- events ---- */

static void add_place(struct kdump *k, const char *topic, int32_t partition)
{
	kdump_begin(k, NULL);
	kdump_string(k, "topic", slice_str(topic));
	kdump_int(k, "partition", partition);
}

static void tell_partitions(const char *name, const struct kafka_place *places, unsigned n)
{
	struct kdump k;
	event_begin(&k, name);
	kdump_array(&k, "partitions", (int32_t)n);
	for (unsigned i = 0; i < n; i++) {
		add_place(&k, places[i].topic, places[i].partition);
		kdump_end(&k);
	}
	kdump_array_end(&k, (int32_t)n);
	event_end(&k);
}

static void assigned(void *arg, const struct kafka_place *places, unsigned n)
{
	(void)arg;
	tell_partitions("partitions_assigned", places, n);
}

static void revoked(void *arg, const struct kafka_place *places, unsigned n)
{
	(void)arg;
	tell_partitions("partitions_revoked", places, n);
}

static void tell_record(const struct kafka_record *r)
{
	struct kdump k;
	event_begin(&k, "record_data");
	kdump_nullable_string(&k, "key", r->key);
	kdump_nullable_string(&k, "value", r->value);
	kdump_string(&k, "topic", slice_str(r->place.topic));
	kdump_int(&k, "partition", r->place.partition);
	kdump_int(&k, "offset", r->place.offset);
	event_end(&k);
}

static void tell_consumed(const struct test *x)
{
	struct kdump k;
	event_begin(&k, "records_consumed");
	kdump_int(&k, "count", x->count);
	kdump_array(&k, "partitions", (int32_t)x->n_summaries);
	for (unsigned i = 0; i < x->n_summaries; i++) {
		const struct summary *s = &x->summaries[i];
		add_place(&k, s->topic, s->partition);
		kdump_int(&k, "count", s->count);
		kdump_int(&k, "minOffset", s->least);
		kdump_int(&k, "maxOffset", s->most);
		kdump_end(&k);
	}
	kdump_array_end(&k, (int32_t)x->n_summaries);
	event_end(&k);
}

static void tell_committed(const struct kafka_place *places, unsigned n, const char *error)
{
	struct kdump k;
	event_begin(&k, "offsets_committed");
	kdump_array(&k, "offsets", (int32_t)n);
	for (unsigned i = 0; i < n; i++) {
		add_place(&k, places[i].topic, places[i].partition);
		kdump_int(&k, "offset", places[i].offset);
		kdump_end(&k);
	}
	kdump_array_end(&k, (int32_t)n);
	if (error)
		kdump_string(&k, "error", slice_str(error));
	kdump_bool(&k, "success", !error);
	event_end(&k);
}

/* ---- batches ---- */

static void add_record(struct test *x, const struct kafka_record *r)
{
	unsigned i = 0;
	while (i < x->n_summaries && (x->summaries[i].partition != r->place.partition ||
		strcmp(x->summaries[i].topic, r->place.topic) != 0))
		i++;
	if (i == x->n_summaries)
		x->summaries[x->n_summaries++] = (struct summary){ mem_strdup(r->place.topic),
			r->place.partition, 0, r->place.offset, r->place.offset };
	x->summaries[i].count++;
	x->summaries[i].most = r->place.offset;
	x->count++;
	x->consumed++;
	if (args_has(&x->tool->args, VERBOSE))
		tell_record(r);
}

static bool is_finished(const struct test *x)
{
	int64_t max = args_int(&x->tool->args, MAX_MESSAGES);
	return max >= 0 && x->consumed >= max;
}

/* 0, or -1 and the failure is set: the member was fenced. */
static int commit(struct test *x)
{
	struct kafka_place places[BATCH_PARTITIONS];
	for (unsigned i = 0; i < x->n_summaries; i++)
		places[i] = (struct kafka_place){ x->summaries[i].topic, x->summaries[i].partition,
			x->summaries[i].most + 1 };
	if (kafka_commit(x->client, places, x->n_summaries) == 0) {
		tell_committed(places, x->n_summaries, NULL);
		return 0;
	}
	struct failure f = x->tool->failure;
	if (f.class && strcmp(f.class, "FencedInstanceIdException") == 0)
		return -1;
	tell_committed(places, x->n_summaries, f.words);
	x->tool->failure = (struct failure){ 0 };
	return 0;
}

static int end_batch(struct test *x)
{
	tell_consumed(x);
	int rc = args_has(&x->tool->args, AUTOCOMMIT) ? 0 : commit(x);
	for (unsigned i = 0; i < x->n_summaries; i++)
		free(x->summaries[i].topic);
	x->n_summaries = 0;
	x->count = 0;
	return rc;
}

/* What comes together is one batch, as one poll of Java's consumer. */
static int read_all(struct test *x)
{
	struct kafka_record record;
	int rc = 0;
	while (rc >= 0 && !is_finished(x) && !kafka_interrupted(x->client)) {
		rc = kafka_receive(x->client, x->count ? 0 : KAFKA_POLL_MS, &record);
		if (rc > 0)
			add_record(x, &record);
		if (x->count && (rc <= 0 || x->count == BATCH_RECORDS || is_finished(x)))
			rc = end_batch(x) < 0 ? -1 : rc;
	}
	return rc < 0 ? -1 : 0;
}

/* ---- the command ---- */

static int consumer_settings(struct tool *t, struct properties *p)
{
	const struct args *a = &t->args;
	if (words_file(t, p, CONSUMER_CONFIG) < 0)
		return -1;
	words_put(t, p, "group.protocol", args_text(a, GROUP_PROTOCOL));
	words_put(t, p, "partition.assignment.strategy", args_text(a, STRATEGY));
	words_put(t, p, "group.id", args_text(a, GROUP_ID));
	if (args_has(a, INSTANCE_ID))
		words_put(t, p, "group.instance.id", args_text(a, INSTANCE_ID));
	words_put(t, p, "bootstrap.servers", args_text(a, args_has(a, BOOTSTRAP) ? BOOTSTRAP :
		BROKER_LIST));
	words_put(t, p, "enable.auto.commit", args_has(a, AUTOCOMMIT) ? "true" : "false");
	words_put(t, p, "auto.offset.reset", args_text(a, RESET_POLICY));
	words_put(t, p, "session.timeout.ms", args_text(a, SESSION_TIMEOUT));
	return 0;
}

static void check(struct args *a)
{
	if (!args_has(a, TOPIC))
		args_refuse(a, "argument --topic is required");
	if (!args_has(a, GROUP_ID))
		args_refuse(a, "argument --group-id is required");
	if (!args_has(a, BOOTSTRAP) && !args_has(a, BROKER_LIST))
		args_refuse(a, "one of the arguments --bootstrap-server --broker-list is required");
	if (args_has(a, BOOTSTRAP) && args_has(a, BROKER_LIST))
		args_refuse(a, "argument --broker-list: not allowed with argument --bootstrap-server");
	args_check_values(a);
}

static int run(struct tool *t)
{
	struct test *x = tool_alloc(t, sizeof *x);
	const struct kafka_events events = { .arg = x, .assigned = assigned, .revoked = revoked };
	struct properties settings = { 0 };
	x->tool = t;
	check(&t->args);
	if (t->args.refused)
		return tool_usage(t, "%s: error: %s", t->name, t->args.refused);
	if (consumer_settings(t, &settings) == 0)
		x->client = kafka_open(t, KAFKA_CONSUMER, &settings, &events);
	properties_free(&settings);
	if (!x->client)
		return tool_complain(t);
	event_say("startup_complete");
	int rc = kafka_subscribe(x->client, args_text(&t->args, TOPIC));
	if (rc == 0)
		rc = read_all(x);
	if (rc < 0)
		words_log("ERROR", "Error during processing, terminating consumer process: %s: %s",
			t->failure.class, t->failure.words);
	int signal = kafka_interrupted(x->client);
	kafka_close(x->client);
	event_say("shutdown_complete");
	return signal ? 128 + signal : 0;
}

const struct command command_verifiable_consumer = {
	.about = "This tool consumes messages from a specific topic and emits consumer events (e.g. group "
		"rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
};
