/* get_offsets.c - offsets of partitions, by time; org.apache.kafka.tools.GetOffsetShell. */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "tools/cluster.h"
#include "tools/leaders.h"
#include "tools/out.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
	BROKER_LIST,
	BOOTSTRAP,
	TOPIC_PARTITIONS,
	TOPIC,
	PARTITIONS,
	TIME,
	COMMAND_CONFIG,
	EXCLUDE_INTERNAL,
	JSON
};

static const struct opt options[] = {
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "HOST1:PORT1,...,HOST3:PORT3",
		"The old name of --bootstrap-server, which counts where both are given." },
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "HOST1:PORT1,...,HOST3:PORT3",
		"REQUIRED. The brokers to begin with." },
	[TOPIC_PARTITIONS] = { "topic-partitions", OPT_TEXT, "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
		"Which partitions: for each topic, a regular expression, a number, a range (the upper end is "
		"not in it), "
		"or all." },
	[TOPIC] = { "topic", OPT_TEXT, "topic",
		"The topic, a regular expression; without it all. Not beside --topic-partitions." },
	[PARTITIONS] = { "partitions", OPT_TEXT, "partition ids",
		"Numbers of partitions, parted by commas; without it all. Not beside --topic-partitions." },
	[TIME] = { "time", OPT_TEXT,
		"<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / "
		"-5 or "
		"latest-tiered",
		"Which offset: of the first record from that time on (in ms since 1970), or a special one. "
		"Partitions "
		"that have no such record are left out.",
		.fallback = "latest" },
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[EXCLUDE_INTERNAL] = { "exclude-internal-topics", OPT_FLAG, NULL,
		"Leave out topics of the brokers' own." },
	[JSON] = { "json", OPT_FLAG, NULL, "Print JSON, a line for each partition.", .own = true },
};

/* ---- which partitions ---- */

struct rule {
	struct topic_filter topics;
	int32_t from, to; /* `to` is not in it */
	const int32_t *ids;
	unsigned n_ids; /* 0: the range counts */
};

struct rules {
	struct rule *v;
	unsigned n;
};

static void rules_free(struct rules *r)
{
	for (unsigned i = 0; i < r->n; i++)
		topic_filter_free(&r->v[i].topics);
}

static bool rule_has(const struct rule *r, struct slice topic, int32_t partition)
{
	bool in = r->n_ids == 0 && partition >= r->from && partition < r->to;
	for (unsigned i = 0; i < r->n_ids; i++)
		in |= r->ids[i] == partition;
	return in && topic_filter_matches(&r->topics, topic);
}

static bool is_number(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* "topic", "topic:3", "topic:3-5", "topic:3-", "topic:-5", each without the topic too. */
static int read_rule(struct tool *t, const char *text, struct rule *r)
{
	char *topic = tool_text(t, slice_str(text)), *range = strchr(topic, ':');
	*r = (struct rule){ .to = INT32_MAX };
	if (range)
		*range++ = '\0';
	char *dash = range ? strchr(range, '-') : NULL;
	size_t n = range ? (dash ? (size_t)(dash - range) : strlen(range)) : 0;
	if (range && (!is_number(range, n) || (dash && !is_number(dash + 1, strlen(dash + 1)))))
		return tool_fail(t, "TerseException",
			"org.apache.kafka.tools.TerseException: Invalid rule specification: %s", text);
	if (dash)
		*dash++ = '\0';
	if (n > 0 && parse_int(t, range, &r->from) < 0)
		return -1;
	if (n > 0 && !dash)
		r->to = r->from == INT32_MAX ? INT32_MAX : r->from + 1;
	if (dash && dash[0] && parse_int(t, dash, &r->to) < 0)
		return -1;
	return topic_filter_init(&r->topics, t, topic[0] ? topic : ".*");
}

static int read_rules(struct tool *t, struct rules *out)
{
	unsigned n;
	char **texts = split_text(t, args_text(&t->args, TOPIC_PARTITIONS), ',', &n);
	out->v = tool_alloc(t, n * sizeof *out->v);
	for (out->n = 0; out->n < n; out->n++)
		if (read_rule(t, texts[out->n], &out->v[out->n]) < 0)
			return -1;
	return 0;
}

static int read_ids(struct tool *t, const char *text, struct rule *r)
{
	unsigned n;
	char **texts = split_text(t, text, ',', &n);
	int32_t *ids = tool_alloc(t, n * sizeof *ids);
	for (unsigned i = 0; i < n; i++)
		if (parse_int(t, texts[i], &ids[i]) < 0) {
			t->failure = (struct failure){ 0 };
			return tool_fail(t, "TerseException",
				"--partitions expects a comma separated list of numeric "
				"partition ids, but received: %s",
				text);
		}
	r->ids = ids;
	r->n_ids = n;
	return 0;
}

static int read_filters(struct tool *t, struct rules *out)
{
	const struct args *args = &t->args;
	const char *ids = args_text(args, PARTITIONS), *topic = args_text(args, TOPIC);
	if (args_has(args, TOPIC_PARTITIONS))
		return read_rules(t, out);
	out->v = tool_alloc(t, sizeof *out->v);
	out->v[0] = (struct rule){ .to = INT32_MAX };
	if (topic_filter_init(&out->v[0].topics, t, topic ? topic : ".*") < 0)
		return -1;
	out->n = 1;
	return ids && ids[0] ? read_ids(t, ids, &out->v[0]) : 0;
}

static int read_time(struct tool *t, int64_t *when)
{
	static const char *const names[] = { "latest", "earliest", "max-timestamp", "earliest-local",
		"latest-tiered" };
	const char *text = args_text(&t->args, TIME);
	for (unsigned i = 0; i < countof(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*when = OFFSETS_LATEST - (int64_t)i;
			return 0;
		}
	if (parse_long(t, text, when) == 0)
		return 0;
	t->failure = (struct failure){ 0 };
	return tool_fail(t, "TerseException",
		"Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 or max-timestamp "
		"/ -4 or "
		"earliest-local / -5 or latest-tiered, or a specified long format timestamp",
		text);
}

static int find_partitions(struct tool *t, struct admin *a, const struct rules *rules, int64_t when,
	struct at_leader **v, unsigned *n)
{
	struct metadata_response m;
	unsigned room = 0;
	if (cluster_topics(a, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_topics; i++)
		room += (unsigned)m.topics[i].n_partitions;
	*v = tool_alloc(t, room * sizeof **v);
	*n = 0;
	for (int32_t i = 0; i < m.n_topics; i++) {
		const struct metadata_response_topic *topic = &m.topics[i];
		if (args_has(&t->args, EXCLUDE_INTERNAL) && topic->is_internal)
			continue;
		for (int32_t k = 0; k < topic->n_partitions; k++) {
			int32_t id = topic->partitions[k].partition_index;
			bool in = false;
			for (unsigned r = 0; r < rules->n && !in; r++)
				in = rule_has(&rules->v[r], topic->name, id);
			if (in)
				(*v)[(*n)++] = (struct at_leader){
					.topic = topic->name, .partition = id, .asked = when
				};
		}
	}
	return *n > 0 ? 0
		      : tool_fail(t, "TerseException",
				"Could not match any topic-partitions with the specified filters");
}

/* ---- what is shown ---- */

/* As text, so that t-10 comes before t-2: Kafka sorts TopicPartition.toString(). */
static int as_text(const void *a, const void *b)
{
	const struct at_leader *x = a, *y = b;
	char *one = mem_printf("%.*s-%d", SLICE_ARGS(x->topic), x->partition);
	char *other = mem_printf("%.*s-%d", SLICE_ARGS(y->topic), y->partition);
	int order = strcmp(one, other);
	free(one);
	free(other);
	return order;
}

static void show(struct tool *t, const struct at_leader *p)
{
	if (p->failure.words)
		complain("Skip getting offsets for topic-partition %.*s-%d due to error: %s\n",
			SLICE_ARGS(p->topic), p->partition, failure_text(t, &p->failure));
	else if (p->offset >= 0 && args_has(&t->args, JSON))
		out_json(json_pack("{s:s%, s:i, s:I, s:I}", "topic", p->topic.p, (size_t)p->topic.n,
			"partition", p->partition, "offset", (json_int_t)p->offset, "timestamp",
			(json_int_t)p->timestamp));
	else if (p->offset >= 0)
		say("%.*s:%d:%lld\n", SLICE_ARGS(p->topic), p->partition, (long long)p->offset);
}

static int get(struct tool *t, struct admin *a, const struct rules *rules, int64_t when)
{
	struct at_leader *v;
	unsigned n;
	admin_begin(a, "listTopics", 0);
	if (find_partitions(t, a, rules, when, &v, &n) < 0 || leaders_list_offsets(a, t, v, n) < 0)
		return -1;
	order_sort(v, n, sizeof *v, as_text);
	for (unsigned i = 0; i < n; i++)
		show(t, &v[i]);
	return 0;
}

static int filtered(struct tool *t, const char *bootstrap)
{
	struct args *args = &t->args;
	struct rules rules = { NULL, 0 };
	int64_t when;
	if (args_has(args, TOPIC_PARTITIONS) && (args_has(args, TOPIC) || args_has(args, PARTITIONS)))
		return tool_fail(t, "TerseException",
			"--topic-partitions cannot be used with --topic or --partitions");
	int rc = read_time(t, &when);
	if (rc == 0)
		rc = read_filters(t, &rules);
	struct admin *a = rc == 0 ? admin_open(t, bootstrap, args_text(args, COMMAND_CONFIG)) : NULL;
	rc = a ? get(t, a, &rules, when) : -1;
	admin_close(a);
	rules_free(&rules);
	return rc;
}

/* Whether each part of the list ends with a port (org.apache.kafka.tools.ToolsUtils). */
static bool has_ports(struct tool *t, const char *list)
{
	unsigned n;
	char **parts = split_text(t, list, ',', &n);
	for (unsigned i = 0; i < n; i++) {
		const char *colon = strrchr(parts[i], ':');
		if (!colon || !colon[1] || !is_number(colon + 1, strlen(colon + 1)))
			return false;
	}
	return true;
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	const char *bootstrap = args_text(args, args_has(args, BOOTSTRAP) ? BOOTSTRAP : BROKER_LIST);
	if (!bootstrap)
		args_refuse(args, "Missing required option(s) [bootstrap-server]");
	if (args->refused || args_check_values(args)) {
		complain("%s%s\n", t->command->terse, args->refused);
		return 1;
	}
	if (!has_ports(t, bootstrap))
		return tool_usage(t, "Please provide valid host:port like host1:9091,host2:9092\n");
	if (filtered(t, bootstrap) == 0)
		return 0;
	complain("%s%s\n", t->command->terse, t->failure.words);
	return 1;
}

const struct command command_get_offsets = {
	.about = "An interactive shell for getting topic-partition offsets.",
	.more = "Prints a line topic:partition:offset for each partition.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
	.terse = "Error occurred: ",
};
