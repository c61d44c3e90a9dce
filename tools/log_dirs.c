/* log_dirs.c - what lies in the brokers' log directories; org.apache.kafka.tools.LogDirsCommand. */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "describe_log_dirs.kmsg.h"
#include "tools/cluster.h"
#include "tools/out.h"

#include <jansson.h>

enum { BOOTSTRAP, COMMAND_CONFIG, DESCRIBE, TOPIC_LIST, BROKER_LIST, JSON };

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[DESCRIBE] = { "describe", OPT_FLAG, NULL, "REQUIRED: Show the log directories." },
	[TOPIC_LIST] = { "topic-list", OPT_TEXT, "Topic list", "Only these topics, parted by commas.",
		.fallback = "" },
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "Broker list",
		"Only these brokers, by their ids, parted by commas.", .fallback = "" },
	[JSON] = { "json", OPT_FLAG, NULL, "Print the JSON without the lines before it.", .own = true },
};

struct ids {
	int32_t *v;
	unsigned n;
};

static const char *joined(struct tool *t, const struct ids *ids)
{
	const char *all = "";
	for (unsigned i = 0; i < ids->n; i++)
		all = tool_printf(t, "%s%s%d", all, i ? "," : "", ids->v[i]);
	return all;
}

static bool holds(const struct ids *ids, int32_t id)
{
	for (unsigned i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return order_of(x, y);
}

/* All brokers, by id. */
static int look(struct tool *t, struct admin *a, struct ids *out)
{
	admin_begin(a, "describeCluster", 0);
	if (admin_look(a) < 0)
		return -1;
	const struct admin_broker *brokers = admin_brokers(a, &out->n);
	out->v = tool_alloc(t, out->n * sizeof *out->v);
	for (unsigned i = 0; i < out->n; i++)
		out->v[i] = brokers[i].id;
	order_sort(out->v, out->n, sizeof *out->v, compare);
	return 0;
}

/* Those that are asked for, which must be there; all when none are. */
static int choose(struct tool *t, const struct ids *there, struct ids *out)
{
	unsigned n;
	struct ids missing = { NULL, 0 };
	char **texts = split_text(t, args_text(&t->args, BROKER_LIST), ',', &n);
	out->v = tool_alloc(t, n * sizeof *out->v);
	missing.v = tool_alloc(t, n * sizeof *missing.v);
	out->n = 0;
	for (unsigned i = 0; i < n; i++) {
		int32_t id;
		if (!texts[i][0])
			continue;
		if (parse_int(t, texts[i], &id) < 0)
			return -1;
		struct ids *to = holds(there, id) ? out : &missing;
		if (!holds(to, id))
			to->v[to->n++] = id;
	}
	if (missing.n)
		return tool_fail(t, "TerseException",
			"ERROR: The given brokers do not exist from --broker-list: %s. Current existent "
			"brokers: %s",
			joined(t, &missing), joined(t, there));
	if (out->n == 0)
		*out = *there;
	order_sort(out->v, out->n, sizeof *out->v, compare);
	return 0;
}

static bool is_wanted(struct tool *t, struct slice topic)
{
	unsigned n;
	bool any = false;
	char **names = split_text(t, args_text(&t->args, TOPIC_LIST), ',', &n);
	for (unsigned i = 0; i < n; i++) {
		if (slice_is(topic, names[i]))
			return true;
		any |= names[i][0] != '\0';
	}
	return !any;
}

static json_t *json_dir(struct tool *t, const struct describe_log_dirs_response_dir *dir)
{
	json_t *partitions = json_array();
	for (int32_t i = 0; i < dir->n_topics; i++) {
		const struct describe_log_dirs_response_topic *topic = &dir->topics[i];
		if (!is_wanted(t, topic->name))
			continue;
		for (int32_t k = 0; k < topic->n_partitions; k++) {
			const struct describe_log_dirs_response_partition *p = &topic->partitions[k];
			json_array_append_new(partitions,
				json_pack("{s:s, s:I, s:I, s:b}", "partition",
					tool_printf(
						t, "%.*s-%d", SLICE_ARGS(topic->name), p->partition_index),
					"size", (json_int_t)p->partition_size, "offsetLag",
					(json_int_t)p->offset_lag, "isFuture", p->is_future_key));
		}
	}
	struct failure f = failure_of_code(t, dir->error_code, SLICE_NULL);
	return json_pack("{s:o, s:o, s:s%}", "partitions", partitions, "error",
		dir->error_code ? json_string(tool_printf(t, "org.apache.kafka.common.errors.%s", f.class))
				: json_null(),
		"logDir", dir->log_dir.p, (size_t)dir->log_dir.n);
}

static json_t *json_broker(struct tool *t, struct admin *a, int32_t id)
{
	struct describe_log_dirs_request request = { .n_topics = -1 };
	struct describe_log_dirs_response m;
	admin_begin(a, "describeLogDirs", 0);
	if (admin_call(a, id, KAPI_DESCRIBE_LOG_DIRS, &request, &m) < 0)
		return NULL;
	if (m.error_code) {
		tool_fail_code(t, m.error_code, SLICE_NULL);
		return NULL;
	}
	json_t *dirs = json_array();
	for (int32_t i = 0; i < m.n_results; i++)
		json_array_append_new(dirs, json_dir(t, &m.results[i]));
	return json_pack("{s:i, s:o}", "broker", id, "logDirs", dirs);
}

static int describe(struct tool *t, struct admin *a)
{
	struct ids there, asked;
	bool words = !args_has(&t->args, JSON);
	if (look(t, a, &there) < 0 || choose(t, &there, &asked) < 0)
		return -1;
	if (words)
		say("Querying brokers for log directories information\n");
	json_t *brokers = json_array();
	for (unsigned i = 0; i < asked.n; i++) {
		json_t *one = json_broker(t, a, asked.v[i]);
		if (!one) {
			json_decref(brokers);
			return -1;
		}
		json_array_append_new(brokers, one);
	}
	if (words)
		say("Received log directory information from brokers %s\n", joined(t, &asked));
	out_json(json_pack("{s:o, s:i}", "brokers", brokers, "version", 1));
	return 0;
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	args_require(args, BOOTSTRAP);
	args_require(args, DESCRIBE);
	if (args->refused || args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	int rc = a ? describe(t, a) : -1;
	admin_close(a);
	if (rc == 0)
		return 0;
	complain("%s\n", t->failure.words);
	return 1;
}

const struct command command_log_dirs = {
	.about = "This tool helps to query log directory usage on the specified brokers.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
