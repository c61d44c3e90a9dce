/* topics.c - topics made, shown, given more partitions, deleted; org.apache.kafka.tools.TopicCommand. */
#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "create_partitions.kmsg.h"
#include "create_topics.kmsg.h"
#include "delete_topics.kmsg.h"
#include "tools/cluster.h"
#include "tools/explain.h"
#include "tools/out.h"
#include "tools/settings.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
	BOOTSTRAP,
	COMMAND_CONFIG,
	LIST,
	CREATE,
	DELETE,
	ALTER,
	DESCRIBE,
	EXPLAIN,
	TOPIC,
	TOPIC_ID,
	CONFIG,
	DELETE_CONFIG,
	PARTITIONS,
	REPLICATION_FACTOR,
	REPLICA_ASSIGNMENT,
	UNDER_REPLICATED,
	UNAVAILABLE,
	UNDER_MIN_ISR,
	AT_MIN_ISR,
	WITH_OVERRIDES,
	IF_EXISTS,
	IF_NOT_EXISTS,
	EXCLUDE_INTERNAL,
	PARTITION_SIZE_LIMIT,
	JSON,
};

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[LIST] = { "list", OPT_FLAG, NULL, "List all topics." },
	[CREATE] = { "create", OPT_FLAG, NULL, "Create a topic." },
	[DELETE] = { "delete", OPT_FLAG, NULL, "Delete topics." },
	[ALTER] = { "alter", OPT_FLAG, NULL,
		"Give topics more partitions. Settings are changed by samsa-configs." },
	[DESCRIBE] = { "describe", OPT_FLAG, NULL,
		"Show topics: their settings and each partition's replicas." },
	[EXPLAIN] = { "explain", OPT_FLAG, NULL,
		"Explain why the topic's partitions are as they are: see samsa-explain.", .own = true },
	[TOPIC] = { "topic", OPT_TEXT, "topic",
		"The topic; but for --create a regular expression, in which commas part alternatives." },
	[TOPIC_ID] = { "topic-id", OPT_TEXT, "topic-id", "The id of the topic to describe." },
	[CONFIG] = { "config", OPT_TEXTS, "name=value",
		"With --create, a setting of the topic; may be given many times. The keys are in "
		"samsa-broker.properties(5)." },
	[DELETE_CONFIG] = { "delete-config", OPT_TEXTS, "name", "Of no use any more: see samsa-configs." },
	[PARTITIONS] = { "partitions", OPT_INT, "# of partitions",
		"How many partitions the topic shall have. More of them change which partition a key belongs "
		"to. "
		"Without it a new topic has as many as the broker's default says." },
	[REPLICATION_FACTOR] = { "replication-factor", OPT_INT, "replication factor",
		"How many replicas each partition of a new topic has; without it the broker's default." },
	[REPLICA_ASSIGNMENT] = { "replica-assignment", OPT_TEXT,
		"broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , ...",
		"Which brokers have the replicas, a partition after the other." },
	[UNDER_REPLICATED] = { "under-replicated-partitions", OPT_FLAG, NULL,
		"With --describe, only partitions that lack in-sync replicas." },
	[UNAVAILABLE] = { "unavailable-partitions", OPT_FLAG, NULL,
		"With --describe, only partitions without a leader that is there." },
	[UNDER_MIN_ISR] = { "under-min-isr-partitions", OPT_FLAG, NULL,
		"With --describe, only partitions with fewer in-sync replicas than min.insync.replicas." },
	[AT_MIN_ISR] = { "at-min-isr-partitions", OPT_FLAG, NULL,
		"With --describe, only partitions with just min.insync.replicas." },
	[WITH_OVERRIDES] = { "topics-with-overrides", OPT_FLAG, NULL,
		"With --describe, only topics that have settings of their own, without their partitions." },
	[IF_EXISTS] = { "if-exists", OPT_FLAG, NULL,
		"With --alter, --delete or --describe: a topic that is not there is no error." },
	[IF_NOT_EXISTS] = { "if-not-exists", OPT_FLAG, NULL,
		"With --create: a topic that is there already is no error." },
	[EXCLUDE_INTERNAL] = { "exclude-internal", OPT_FLAG, NULL,
		"With --list or --describe, leave out topics of the brokers' own." },
	[PARTITION_SIZE_LIMIT] = { "partition-size-limit-per-response", OPT_INT,
		"maximum number of partitions in one response.",
		"Taken and without effect: an answer holds all partitions." },
	[JSON] = { "json", OPT_FLAG, NULL, "With --list, --describe or --explain, print JSON.", .own = true },
};

static const uint64_t actions = ARGS_SET(LIST) | ARGS_SET(CREATE) | ARGS_SET(DELETE) | ARGS_SET(ALTER) |
	ARGS_SET(DESCRIBE) | ARGS_SET(EXPLAIN);
static const uint64_t reports = ARGS_SET(UNDER_REPLICATED) | ARGS_SET(UNAVAILABLE) | ARGS_SET(UNDER_MIN_ISR) |
	ARGS_SET(AT_MIN_ISR);

/* ---- what the options ask for ---- */

struct assignment {
	int32_t n_partitions, replicas;
	int32_t *brokers; /* of partition after partition */
};

static int one_partition(struct tool *t, struct assignment *as, int32_t partition, const char *text)
{
	unsigned n;
	char **ids = split_text(t, text, ':', &n);
	if (partition == 0) {
		as->replicas = (int32_t)n;
		as->brokers = tool_alloc(t, (size_t)as->n_partitions * n * sizeof *as->brokers);
	}
	int32_t *brokers = tool_alloc(t, n * sizeof *brokers);
	for (unsigned i = 0; i < n; i++)
		if (parse_int(t, trimmed(ids[i]), &brokers[i]) < 0)
			return -1;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k < n; k++)
			if (brokers[i] == brokers[k])
				return tool_fail(t, "AdminCommandFailedException",
					"Partition replica lists may not contain duplicate entries: %d",
					brokers[i]);
	if ((int32_t)n != as->replicas) {
		char *list = tool_printf(t, "%d", brokers[0]);
		for (unsigned i = 1; i < n; i++)
			list = tool_printf(t, "%s, %d", list, brokers[i]);
		return tool_fail(t, "AdminOperationException",
			"Partition %d has different replication factor: [%s]", partition, list);
	}
	memcpy(as->brokers + partition * as->replicas, brokers, n * sizeof *brokers);
	return 0;
}

/* "1:2,2:1"; no partitions when there is none. */
static int parse_assignment(struct tool *t, struct assignment *as)
{
	const char *text = args_text(&t->args, REPLICA_ASSIGNMENT);
	*as = (struct assignment){ 0 };
	if (!text || !text[0])
		return 0;
	unsigned n;
	char **lists = split_text(t, text, ',', &n);
	as->n_partitions = (int32_t)n;
	for (unsigned i = 0; i < n; i++)
		if (one_partition(t, as, (int32_t)i, lists[i]) < 0)
			return -1;
	return 0;
}

/* What --config says; of a name that is given twice the last counts. */
static int parse_settings(struct tool *t, struct create_topics_request_topic *topic)
{
	unsigned n = args_count_of(&t->args, CONFIG);
	topic->configs = tool_alloc(t, n * sizeof *topic->configs);
	for (unsigned i = 0; i < n; i++) {
		char *name = tool_text(t, slice_str(args_nth(&t->args, CONFIG, i)));
		char *value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		if (!value || !trimmed(value)[0] || strchr(value, '='))
			return tool_fail(t, "IllegalArgumentException",
				"requirement failed: Invalid topic config: all configs to be added must be "
				"in "
				"the format \"key=val\".");
		struct slice key = slice_str(trimmed(name));
		int32_t at = 0;
		while (at < topic->n_configs && !slice_eq(topic->configs[at].name, key))
			at++;
		topic->configs[at] = (struct create_topics_request_config){ key, slice_str(trimmed(value)) };
		topic->n_configs = max_of(topic->n_configs, at + 1);
	}
	return 0;
}

/* ---- create ---- */

static int parse_new_topic(struct tool *t, struct create_topics_request_topic *topic)
{
	const struct args *args = &t->args;
	struct assignment as;
	*topic = (struct create_topics_request_topic){
		.name = slice_str(args_text(args, TOPIC)), .num_partitions = -1, .replication_factor = -1
	};
	if (args_check_values(&t->args))
		return tool_fail(t, "OptionException", "%s", args->refused);
	if (parse_assignment(t, &as) < 0 || parse_settings(t, topic) < 0)
		return -1;
	if (strpbrk(args_text(args, TOPIC), "._"))
		say("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore "
		    "('_') "
		    "could collide. To avoid issues it is best to use either, but not both.\n");
	int64_t replicas = args_has(args, REPLICATION_FACTOR) ? args_int(args, REPLICATION_FACTOR) : 1;
	if (replicas > INT16_MAX || replicas < 1)
		return tool_fail(t, "IllegalArgumentException",
			"The replication factor must be between 1 and %d inclusive", INT16_MAX);
	if (args_has(args, PARTITIONS) && args_int(args, PARTITIONS) < 1)
		return tool_fail(t, "IllegalArgumentException", "The partitions must be greater than 0");
	topic->assignments = tool_alloc(t, (size_t)as.n_partitions * sizeof *topic->assignments);
	topic->n_assignments = as.n_partitions;
	for (int32_t i = 0; i < as.n_partitions; i++)
		topic->assignments[i] = (struct create_topics_request_assignment){ i,
			as.brokers + i * as.replicas, as.replicas };
	if (as.n_partitions == 0 && args_has(args, PARTITIONS))
		topic->num_partitions = (int32_t)args_int(args, PARTITIONS);
	if (as.n_partitions == 0 && args_has(args, REPLICATION_FACTOR))
		topic->replication_factor = (int16_t)replicas;
	return 0;
}

static int create(struct tool *t, struct admin *a)
{
	struct create_topics_request_topic topic;
	struct create_topics_request request;
	struct create_topics_response response;
	if (parse_new_topic(t, &topic) < 0)
		return -1;
	if (topic.name.n == 0)
		return tool_fail(t, "InvalidTopicException",
			"The given topic name '' cannot be represented in a request.");
	create_topics_request_defaults(&request);
	request.topics = &topic;
	request.n_topics = 1;
	admin_begin(a, "createTopics", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_CREATE_TOPICS, &request, &response) < 0)
			return -1;
		if (response.n_topics != 1)
			return tool_fail_code(t, KERR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
	} while (admin_moved(a, response.topics[0].error_code));
	int code = response.topics[0].error_code;
	if (code == KERR_TOPIC_ALREADY_EXISTS && args_has(&t->args, IF_NOT_EXISTS))
		return 0;
	if (code)
		return tool_fail_code(t, code, response.topics[0].error_message);
	say("Created topic %.*s.\n", SLICE_ARGS(topic.name));
	return 0;
}

/* ---- which topics ---- */

/* The names that --topic means, in order. */
static int find_topics(struct tool *t, struct admin *a, struct slice **names, unsigned *n)
{
	const char *text = args_text(&t->args, TOPIC);
	struct metadata_response all;
	struct topic_filter filter = { NULL };
	*n = 0;
	admin_begin(a, "listTopics", 0);
	if (cluster_topics(a, &all) < 0 || (text && topic_filter_init(&filter, t, text) < 0))
		return -1;
	*names = tool_alloc(t, (size_t)all.n_topics * sizeof **names);
	for (int32_t i = 0; i < all.n_topics; i++) {
		struct slice name = all.topics[i].name;
		bool internal = all.topics[i].is_internal || cluster_is_internal(name);
		if (!(internal && args_has(&t->args, EXCLUDE_INTERNAL)) &&
			(!text || topic_filter_matches(&filter, name)))
			(*names)[(*n)++] = name;
	}
	if (text)
		topic_filter_free(&filter);
	return 0;
}

static int must_exist(struct tool *t, unsigned n)
{
	const char *text = args_text(&t->args, TOPIC);
	if (text && text[0] && n == 0 && !args_has(&t->args, IF_EXISTS))
		return tool_fail(t, "IllegalArgumentException",
			"Topic 'Optional[%s]' does not exist as expected", text);
	return 0;
}

static int list(struct tool *t, struct admin *a)
{
	struct slice *names;
	unsigned n;
	if (find_topics(t, a, &names, &n) < 0)
		return -1;
	if (args_has(&t->args, JSON)) {
		json_t *all = json_array();
		for (unsigned i = 0; i < n; i++)
			json_array_append_new(all, json_stringn((const char *)names[i].p, names[i].n));
		out_json(all);
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		say("%.*s\n", SLICE_ARGS(names[i]));
	if (n == 0)
		say("\n"); /* as Kafka's: a line that is empty */
	return 0;
}

/* ---- alter, delete ---- */

static int ask_for_partitions(struct tool *t, struct admin *a, struct create_partitions_request *request)
{
	struct create_partitions_response response;
	int code = 0;
	struct slice words = SLICE_NULL;
	admin_begin(a, "createPartitions", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_CREATE_PARTITIONS, request, &response) < 0)
			return -1;
		code = 0;
		for (int32_t i = 0; i < response.n_results && !code; i++) {
			code = response.results[i].error_code;
			words = response.results[i].error_message;
		}
	} while (admin_moved(a, code));
	return code ? tool_fail_code(t, code, words) : 0;
}

/* What an assignment says of partitions that are there already is passed over, as in Kafka. */
static int fill_partitions(struct tool *t, const struct metadata_response *m, const struct assignment *as,
	struct create_partitions_request *request)
{
	request->topics = tool_alloc(t, (size_t)m->n_topics * sizeof *request->topics);
	request->n_topics = m->n_topics;
	for (int32_t i = 0; i < m->n_topics; i++) {
		struct create_partitions_request_topic *topic = &request->topics[i];
		*topic = (struct create_partitions_request_topic){ .name = m->topics[i].name,
			.count = (int32_t)args_int(&t->args, PARTITIONS),
			.n_assignments = -1 };
		if (as->n_partitions == 0)
			continue;
		int32_t first = min_of(m->topics[i].n_partitions, as->n_partitions);
		topic->n_assignments = as->n_partitions - first;
		topic->assignments = tool_alloc(t, (size_t)topic->n_assignments * sizeof *topic->assignments);
		for (int32_t k = 0; k < topic->n_assignments; k++)
			topic->assignments[k] = (struct create_partitions_request_assignment){
				as->brokers + (first + k) * as->replicas, as->replicas
			};
	}
	return 0;
}

static int alter(struct tool *t, struct admin *a)
{
	struct create_partitions_request request = { .timeout_ms = 60000 };
	struct metadata_response m;
	struct assignment as;
	struct slice *names;
	unsigned n;
	if (args_check_values(&t->args))
		return tool_fail(t, "OptionException", "%s", t->args.refused);
	if (parse_assignment(t, &as) < 0 || find_topics(t, a, &names, &n) < 0 || must_exist(t, n) < 0)
		return -1;
	if (n == 0)
		return 0;
	admin_begin(a, "describeTopics", 0);
	if (cluster_describe(a, t, names, n, &m) < 0 || fill_partitions(t, &m, &as, &request) < 0)
		return -1;
	return ask_for_partitions(t, a, &request);
}

static int delete_topics(struct tool *t, struct admin *a)
{
	struct delete_topics_request request = { .timeout_ms = 60000 };
	struct delete_topics_response response;
	struct slice *names;
	unsigned n;
	int code;
	if (find_topics(t, a, &names, &n) < 0 || must_exist(t, n) < 0)
		return -1;
	if (n == 0)
		return 0;
	admin_begin(a, "deleteTopics", 0);
	int version = admin_version(a, ADMIN_CONTROLLER, KAPI_DELETE_TOPICS);
	if (version >= 6) {
		request.n_topics = (int32_t)n;
		request.topics = tool_alloc(t, n * sizeof *request.topics);
		for (unsigned i = 0; i < n; i++)
			request.topics[i].name = names[i];
	} else {
		request.topic_names = names;
		request.n_topic_names = (int32_t)n;
	}
	struct slice words = SLICE_NULL;
	do {
		if (version < 0 ||
			admin_call(a, ADMIN_CONTROLLER, KAPI_DELETE_TOPICS, &request, &response) < 0)
			return -1;
		code = 0;
		for (int32_t i = 0; i < response.n_responses && !code; i++) {
			code = response.responses[i].error_code;
			words = response.responses[i].error_message;
		}
	} while (admin_moved(a, code));
	return code ? tool_fail_code(t, code, words) : 0;
}

/* ---- describe ---- */

struct description {
	struct metadata_response m;
	struct describe_configs_response settings;
	struct list_partition_reassignments_response moving;
};

static bool holds(const int32_t *ids, int32_t n, int32_t id)
{
	for (int32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Those that are being added do not count, as long as the move goes on. */
static int32_t replication_factor(const struct metadata_response_partition *p,
	const struct list_partition_reassignments_response_partition *move)
{
	bool goes_on = false;
	for (int32_t i = 0; move && i < p->n_replica_nodes; i++)
		goes_on |= holds(move->adding_replicas, move->n_adding_replicas, p->replica_nodes[i]) ||
			holds(move->removing_replicas, move->n_removing_replicas, p->replica_nodes[i]);
	return goes_on ? move->n_replicas - move->n_adding_replicas : p->n_replica_nodes;
}

/* The one topic that has the id that is asked for. */
static int gather_by_id(struct tool *t, struct admin *a, struct uuid id, struct description *d)
{
	admin_begin(a, "listTopics", 0);
	if (cluster_topics(a, &d->m) < 0)
		return -1;
	int32_t n = d->m.n_topics;
	d->m.n_topics = 0;
	for (int32_t i = 0; i < n; i++)
		if (uuid_eq(&d->m.topics[i].topic_id, &id)) {
			d->m.topics += i;
			d->m.n_topics = 1;
			return 0;
		}
	return args_has(&t->args, IF_EXISTS)
		? 0
		: tool_fail(t, "IllegalArgumentException", "TopicId '%s' does not exist as expected",
			  uuid_format(&id).s);
}

/* The topics in question; none when none match. */
static int gather(struct tool *t, struct admin *a, struct description *d)
{
	const char *text = args_text(&t->args, TOPIC_ID);
	struct uuid id = { { 0 } };
	struct slice *names;
	unsigned n;
	if (text && uuid_parse(&id, slice_str(text)) < 0)
		return tool_fail(t, "IllegalArgumentException",
			"Input string `%s` decoded as an id is not 16 bytes", text);
	if (!uuid_is_zero(&id))
		return gather_by_id(t, a, id, d);
	if (find_topics(t, a, &names, &n) < 0 || must_exist(t, n) < 0)
		return -1;
	admin_begin(a, "describeTopics", 0);
	return n > 0 ? cluster_describe(a, t, names, n, &d->m) : 0;
}

/* Who may not see them is shown none, as by Kafka's command. */
static int moves(struct tool *t, struct admin *a, struct description *d)
{
	if (cluster_moves(a, t, &d->m, &d->moving) == 0)
		return 0;
	if (t->failure.code != KERR_CLUSTER_AUTHORIZATION_FAILED)
		return -1;
	t->failure = (struct failure){ 0 };
	d->moving.n_topics = 0;
	return 0;
}

static void say_ids(const char *label, const int32_t *ids, int32_t n)
{
	say("%s", label);
	for (int32_t i = 0; i < n; i++)
		say("%s%d", i ? "," : "", ids[i]);
}

static void print_topic(const struct description *d, const struct metadata_response_topic *topic,
	const struct describe_configs_response_result *settings)
{
	const struct metadata_response_partition *first = &topic->partitions[0];
	bool any = false;
	say("Topic: %.*s", SLICE_ARGS(topic->name));
	if (!uuid_is_zero(&topic->topic_id))
		say("\tTopicId: %s", uuid_format(&topic->topic_id).s);
	say("\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: ", topic->n_partitions,
		replication_factor(first, cluster_move_of(&d->moving, topic->name, first->partition_index)));
	for (int32_t i = 0; settings && i < settings->n_configs; i++) {
		const struct describe_configs_response_config *c = &settings->configs[i];
		if (setting_is_default(c))
			continue;
		say("%s%.*s=%.*s", any ? "," : "", SLICE_ARGS(c->name),
			SLICE_ARGS(slice_is_null(c->value) ? SLICE_LIT("null") : c->value));
		any = true;
	}
	say("\n");
}

static bool has_leader(const struct description *d, const struct metadata_response_partition *p)
{
	return p->leader_id >= 0 && cluster_has_broker(&d->m, p->leader_id);
}

/* Whether one of the reports that are asked for has it; without one all do. */
static bool is_reported(const struct tool *t, const struct description *d,
	const struct metadata_response_partition *p,
	const struct list_partition_reassignments_response_partition *move, int32_t min_isr)
{
	const struct args *args = &t->args;
	bool leader = has_leader(d, p);
	if (args_count(args, reports) == 0)
		return true;
	return (args_has(args, UNDER_REPLICATED) && replication_factor(p, move) > p->n_isr_nodes) ||
		(args_has(args, UNAVAILABLE) && !leader) ||
		(args_has(args, UNDER_MIN_ISR) && (!leader || p->n_isr_nodes < min_isr)) ||
		(args_has(args, AT_MIN_ISR) && p->n_isr_nodes == min_isr);
}

static void print_partition(const struct description *d, struct slice topic,
	const struct metadata_response_partition *p,
	const struct list_partition_reassignments_response_partition *move)
{
	say("\tTopic: %.*s\tPartition: %d\tLeader: ", SLICE_ARGS(topic), p->partition_index);
	if (has_leader(d, p))
		say("%d", p->leader_id);
	else
		say("none");
	say_ids("\tReplicas: ", p->replica_nodes, p->n_replica_nodes);
	say_ids("\tIsr: ", p->isr_nodes, p->n_isr_nodes);
	if (move) {
		say_ids("\tAdding Replicas: ", move->adding_replicas, move->n_adding_replicas);
		say_ids("\tRemoving Replicas: ", move->removing_replicas, move->n_removing_replicas);
	}
	say("\tElr: N/A\tLastKnownElr: N/A\n");
}

static json_t *json_ids(const int32_t *ids, int32_t n)
{
	json_t *all = json_array();
	for (int32_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(ids[i]));
	return all;
}

static json_t *json_partition(const struct description *d, const struct metadata_response_partition *p,
	const struct list_partition_reassignments_response_partition *move)
{
	json_t *o = json_pack("{s:i, s:o, s:o, s:o, s:i}", "partition", p->partition_index, "leader",
		has_leader(d, p) ? json_integer(p->leader_id) : json_null(), "replicas",
		json_ids(p->replica_nodes, p->n_replica_nodes), "isr", json_ids(p->isr_nodes, p->n_isr_nodes),
		"leader_epoch", p->leader_epoch);
	if (move) {
		json_object_set_new(o, "adding", json_ids(move->adding_replicas, move->n_adding_replicas));
		json_object_set_new(
			o, "removing", json_ids(move->removing_replicas, move->n_removing_replicas));
	}
	return o;
}

static json_t *json_topic(
	const struct metadata_response_topic *topic, const struct describe_configs_response_result *settings)
{
	json_t *configs = json_object();
	for (int32_t i = 0; settings && i < settings->n_configs; i++) {
		const struct describe_configs_response_config *c = &settings->configs[i];
		if (!setting_is_default(c))
			json_object_setn_new(configs, (const char *)c->name.p, c->name.n,
				slice_is_null(c->value) ? json_null()
							: json_stringn((const char *)c->value.p, c->value.n));
	}
	return json_pack("{s:s%, s:s, s:b, s:o}", "topic", topic->name.p, (size_t)topic->name.n, "id",
		uuid_format(&topic->topic_id).s, "internal", topic->is_internal, "configs", configs);
}

static void show_topic(
	struct tool *t, const struct description *d, const struct metadata_response_topic *topic, json_t *all)
{
	const struct describe_configs_response_result *settings = settings_of(&d->settings, topic->name);
	const struct describe_configs_response_config *c = setting(settings, "min.insync.replicas");
	int32_t min_isr = c && c->value.n ? (int32_t)strtol(tool_text(t, c->value), NULL, 10) : 1;
	bool overrides = args_has(&t->args, WITH_OVERRIDES), own = false;
	json_t *partitions = all ? json_array() : NULL;
	for (int32_t i = 0; settings && i < settings->n_configs; i++)
		own |= !setting_is_default(&settings->configs[i]);
	bool head = args_count(&t->args, reports) == 0 && (!overrides || own) && topic->n_partitions > 0;
	if (head && !all)
		print_topic(d, topic, settings);
	for (int32_t i = 0; !overrides && i < topic->n_partitions; i++) {
		const struct metadata_response_partition *p = &topic->partitions[i];
		const struct list_partition_reassignments_response_partition *move =
			cluster_move_of(&d->moving, topic->name, p->partition_index);
		if (!is_reported(t, d, p, move, min_isr))
			continue;
		if (all)
			json_array_append_new(partitions, json_partition(d, p, move));
		else
			print_partition(d, topic->name, p, move);
	}
	if (all && (head || json_array_size(partitions) > 0)) {
		json_t *o = json_topic(topic, settings);
		json_object_set(o, "partitions", partitions);
		json_array_append_new(all, o);
	}
	json_decref(partitions);
}

static int describe(struct tool *t, struct admin *a)
{
	struct description d = { .m.n_topics = 0 };
	if (args_check_values(&t->args))
		return tool_fail(t, "OptionException", "%s", t->args.refused);
	if (gather(t, a, &d) < 0)
		return -1;
	struct slice *names = tool_alloc(t, (size_t)d.m.n_topics * sizeof *names);
	for (int32_t i = 0; i < d.m.n_topics; i++)
		names[i] = d.m.topics[i].name;
	if (d.m.n_topics > 0) {
		if (settings_describe(a, t, ADMIN_ANY, SETTINGS_TOPIC, names, (unsigned)d.m.n_topics,
			    &d.settings) < 0 ||
			moves(t, a, &d) < 0)
			return -1;
	}
	json_t *all = args_has(&t->args, JSON) ? json_array() : NULL;
	for (int32_t i = 0; i < d.settings.n_results; i++)
		settings_as_java(t, &d.settings.results[i]);
	for (int32_t i = 0; i < d.m.n_topics; i++)
		show_topic(t, &d, &d.m.topics[i], all);
	if (all)
		out_json(all);
	return 0;
}

/* ---- explain ---- */

static int explain(struct tool *t, struct admin *a)
{
	const struct explain_options how = { .json = args_has(&t->args, JSON), .groups = EXPLAIN_GROUPS };
	struct slice *names;
	unsigned n;
	if (find_topics(t, a, &names, &n) < 0 || must_exist(t, n) < 0)
		return -1;
	return explain_topics(t, a, names, n, &how);
}

/* ---- the command ---- */

static void check_required(struct args *args)
{
	static const char hint[] =
		" (the kafka-configs CLI supports altering topic configs with a --bootstrap-server option)";
	if (args_has(args, DESCRIBE) && args_has(args, IF_EXISTS) && !args_has(args, TOPIC) &&
		!args_has(args, TOPIC_ID))
		args_refuse(args, "--topic or --topic-id is required to describe a topic");
	if (!args_has(args, LIST) && !args_has(args, DESCRIBE))
		args_require(args, TOPIC);
	if (args_has(args, ALTER) && args_has(args, CONFIG))
		args_refuse(args,
			"Option combination \"[[bootstrap-server], [config]]\" can't be used with option "
			"\"[alter]\"%s",
			hint);
	if (args_has(args, ALTER))
		args_require(args, PARTITIONS);
}

static void check_exclusive(struct args *args)
{
	const uint64_t overrides = ARGS_SET(WITH_OVERRIDES);
	args_exclude(args, CONFIG, actions & ~(ARGS_SET(ALTER) | ARGS_SET(CREATE)));
	args_exclude(args, DELETE_CONFIG, actions & ~ARGS_SET(ALTER));
	args_exclude(args, DELETE_CONFIG, ARGS_SET(BOOTSTRAP));
	args_exclude(args, PARTITIONS, actions & ~(ARGS_SET(ALTER) | ARGS_SET(CREATE)));
	args_exclude(args, REPLICATION_FACTOR, actions & ~ARGS_SET(CREATE));
	args_exclude(args, REPLICA_ASSIGNMENT, actions & ~(ARGS_SET(ALTER) | ARGS_SET(CREATE)));
	if (args_has(args, CREATE))
		args_exclude(args, REPLICA_ASSIGNMENT, ARGS_SET(PARTITIONS) | ARGS_SET(REPLICATION_FACTOR));
	for (unsigned report = UNDER_REPLICATED; report <= AT_MIN_ISR; report++)
		args_exclude(args, report, (actions & ~ARGS_SET(DESCRIBE)) | overrides);
	args_exclude(args, WITH_OVERRIDES, (actions & ~ARGS_SET(DESCRIBE)) | reports);
	args_exclude(args, IF_EXISTS, actions & ~(ARGS_SET(ALTER) | ARGS_SET(DELETE) | ARGS_SET(DESCRIBE)));
	args_exclude(args, IF_NOT_EXISTS, actions & ~ARGS_SET(CREATE));
	args_exclude(args, EXCLUDE_INTERNAL, actions & ~(ARGS_SET(LIST) | ARGS_SET(DESCRIBE)));
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	if (args_count(args, actions) != 1)
		return tool_usage(t,
			"Command must include exactly one action: --list, --describe, --create, --alter "
			"or --delete");
	if (!args_has(args, BOOTSTRAP)) {
		tool_fail(t, "IllegalArgumentException", "--bootstrap-server must be specified");
		return tool_complain(t);
	}
	check_required(args);
	check_exclusive(args);
	if (args->refused)
		return tool_usage(t, "%s", args->refused);
	if (args_has(args, DESCRIBE) && args_has(args, IF_EXISTS) && args_has(args, TOPIC) &&
		args_has(args, TOPIC_ID))
		say("Only topic id will be used when both --topic and --topic-id are specified and topicId "
		    "is not "
		    "Uuid.ZERO_UUID\n");
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	if (!a)
		return tool_complain(t);
	int rc = args_has(args, CREATE)  ? create(t, a)
		: args_has(args, ALTER)  ? alter(t, a)
		: args_has(args, LIST)   ? list(t, a)
		: args_has(args, DELETE) ? delete_topics(t, a)
		: args_has(args, EXPLAIN) ? explain(t, a)
					  : describe(t, a);
	admin_close(a);
	if (rc == 0)
		return 0;
	say("Error while executing topic command : %s\n", t->failure.words);
	return tool_trace(t);
}

const struct command command_topics = {
	.about = "This tool helps to create, delete, describe, or change a topic.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
