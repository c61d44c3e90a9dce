/* leader_election.c - has the controller elect leaders; org.apache.kafka.tools.LeaderElectionCommand. */
#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "elect_leaders.kmsg.h"
#include "tools/cluster.h"
#include "tools/json_read.h"
#include "tools/out.h"

#include <string.h>
#include <strings.h>

enum { BOOTSTRAP, ADMIN_CONFIG, ELECTION_TYPE, TOPIC, PARTITION, JSON_FILE, ALL_PARTITIONS, JSON };
enum { PREFERRED, UNCLEAN };
enum { TIMEOUT_MS = 30000 };

static const struct opt options[] = {
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "host:port",
		"REQUIRED: The brokers to begin with, host:port,..." },
	[ADMIN_CONFIG] = { "admin.config", OPT_FILE, "config file", "A file with settings of the client." },
	[ELECTION_TYPE] = { "election-type", OPT_TEXT, "election type",
		"REQUIRED: preferred gives the lead back to the first replica; unclean gives a partition "
		"without a leader "
		"to a replica that may lack records, which are then lost." },
	[TOPIC] = { "topic", OPT_TEXT, "topic name", "The topic of one partition." },
	[PARTITION] = { "partition", OPT_INT, "partition id", "With --topic, the partition." },
	[JSON_FILE] = { "path-to-json-file", OPT_FILE, "Path to JSON file",
		"A file that names partitions: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1}]}." },
	[ALL_PARTITIONS] = { "all-topic-partitions", OPT_FLAG, NULL,
		"All partitions for which it makes sense." },
	[JSON] = { "json", OPT_FLAG, NULL, "Print JSON, a line for each partition.", .own = true },
};

/* ---- which partitions ---- */

struct wanted {
	struct elect_leaders_request_topic *v; /* each with one partition */
	int32_t n;
};

static int read_array(struct tool *t, json_t *root, struct wanted *out)
{
	json_t *array, *o;
	size_t i;
	if (!json_as_object(t, root))
		return -1;
	if (!json_object_get(root, "partitions"))
		return tool_fail(t, "AdminOperationException",
			"Replica election data is missing \"partitions\" field");
	if (!(array = json_as_array(t, json_object_get(root, "partitions"))))
		return -1;
	out->v = tool_alloc(t, json_array_size(array) * sizeof *out->v);
	out->n = 0;
	json_array_foreach(array, i, o)
	{
		int32_t *partition = tool_alloc(t, sizeof *partition);
		struct slice topic;
		if (!json_as_object(t, o) || json_read_text(t, o, "topic", &topic) < 0 ||
			json_read_int(t, o, "partition", partition) < 0)
			return -1;
		for (int32_t k = 0; k < out->n; k++)
			if (slice_eq(out->v[k].topic, topic) && out->v[k].partitions[0] == *partition)
				return tool_fail(t, "AdminOperationException",
					"Replica election data contains duplicate partitions: [%.*s-%d]",
					SLICE_ARGS(topic), *partition);
		out->v[out->n++] = (struct elect_leaders_request_topic){ topic, partition, 1 };
	}
	return 0;
}

/* n -1: all. */
static int read_partitions(struct tool *t, struct wanted *out)
{
	const struct args *args = &t->args;
	*out = (struct wanted){ NULL, -1 };
	if (args_has(args, TOPIC)) {
		int32_t *partition = tool_alloc(t, sizeof *partition);
		*partition = (int32_t)args_int(args, PARTITION);
		out->v = tool_alloc(t, sizeof *out->v);
		out->v[0] = (struct elect_leaders_request_topic){ slice_str(args_text(args, TOPIC)),
			partition, 1 };
		out->n = 1;
	}
	if (args_has(args, JSON_FILE)) {
		struct slice text;
		if (tool_read_file(t, args_text(args, JSON_FILE), &text) < 0)
			return -1;
		json_t *root = json_read(text);
		if (!root)
			return tool_fail(t, "AdminOperationException", "Replica election data is empty");
		int rc = read_array(t, root, out);
		json_decref(root);
		return rc;
	}
	return 0;
}

/* ---- what came of it ---- */

struct outcome {
	const char *partition; /* "topic-0" */
	int code;
	struct slice words;
};

static int by_partition(const void *a, const void *b)
{
	return strcmp(((const struct outcome *)a)->partition, ((const struct outcome *)b)->partition);
}

static unsigned collect(struct tool *t, const struct elect_leaders_response *m, struct outcome **out)
{
	unsigned n = 0, room = 0;
	for (int32_t i = 0; i < m->n_replica_election_results; i++)
		room += (unsigned)m->replica_election_results[i].n_partition_result;
	*out = tool_alloc(t, room * sizeof **out);
	for (int32_t i = 0; i < m->n_replica_election_results; i++) {
		const struct elect_leaders_response_topic *topic = &m->replica_election_results[i];
		for (int32_t k = 0; k < topic->n_partition_result; k++)
			(*out)[n++] = (struct outcome){ tool_printf(t, "%.*s-%d", SLICE_ARGS(topic->topic),
								topic->partition_result[k].partition_id),
				topic->partition_result[k].error_code,
				topic->partition_result[k].error_message };
	}
	order_sort(*out, n, sizeof **out, by_partition);
	return n;
}

/* A line that names all partitions with this outcome; nothing when there are none. */
static void say_all(const char *words, const struct outcome *v, unsigned n, int code)
{
	const char *before = words;
	for (unsigned i = 0; i < n; i++)
		if (v[i].code == code) {
			say("%s%s", before, v[i].partition);
			before = ", ";
		}
	say(before == words ? "" : "\n");
}

static int show(struct tool *t, const struct outcome *v, unsigned n, int type)
{
	const char *name = type == UNCLEAN ? "UNCLEAN" : "PREFERRED";
	bool json = args_has(&t->args, JSON);
	unsigned failed = 0;
	if (!json) {
		say_all(tool_printf(t, "Successfully completed leader election (%s) for partitions ", name),
			v, n, KERR_NONE);
		say_all("Valid replica already elected for partitions ", v, n, KERR_ELECTION_NOT_NEEDED);
	}
	for (unsigned i = 0; i < n; i++) {
		bool bad = v[i].code && v[i].code != KERR_ELECTION_NOT_NEEDED;
		struct failure f = failure_of_code(t, v[i].code, v[i].words);
		failed += bad;
		if (json)
			out_json(json_pack("{s:s, s:b, s:s?}", "partition", v[i].partition, "elected",
				v[i].code == 0, "error", bad ? failure_text(t, &f) : NULL));
		else if (bad)
			say("Error completing leader election (%s) for partition: %s: %s\n", name,
				v[i].partition, failure_text(t, &f));
	}
	return failed
		? tool_fail(t, "AdminCommandFailedException", "%u replica(s) could not be elected", failed)
		: 0;
}

static int elect(struct tool *t, struct admin *a, const struct wanted *list, int type)
{
	struct elect_leaders_request request;
	struct elect_leaders_response m;
	struct outcome *v;
	elect_leaders_request_defaults(&request);
	request.topic_partitions = list->v;
	request.n_topic_partitions = list->n;
	admin_begin(a, "electLeaders", 0);
	int version = admin_version(a, ADMIN_CONTROLLER, KAPI_ELECT_LEADERS);
	if (version == 0 && type == UNCLEAN)
		return tool_fail(t, "UnsupportedVersionException",
			"API electLeaders with electionType UNCLEAN is not supported by the broker");
	request.election_type = (int8_t)(version >= 1 ? type : 0);
	do {
		if (version < 0 || admin_call(a, ADMIN_CONTROLLER, KAPI_ELECT_LEADERS, &request, &m) < 0)
			return -1;
	} while (admin_moved(a, m.error_code));
	if (m.error_code)
		return tool_fail_code(t, m.error_code, SLICE_NULL);
	unsigned n = collect(t, &m, &v);
	return show(t, v, n, type);
}

/* ---- the command ---- */

static int check(struct tool *t, int *type)
{
	const struct args *args = &t->args;
	const char *name = args_text(args, ELECTION_TYPE);
	if (!args_has(args, BOOTSTRAP) || !name)
		return tool_fail(t, "AdminCommandFailedException", "Missing required option(s): %s%s",
			args_has(args, BOOTSTRAP) ? ""
				: name            ? "bootstrap-server"
						  : "bootstrap-server, ",
			name ? "" : "election-type");
	if (args_count(args, ARGS_SET(TOPIC) | ARGS_SET(ALL_PARTITIONS) | ARGS_SET(JSON_FILE)) != 1)
		return tool_fail(t, "AdminCommandFailedException",
			"One and only one of the following options is "
			"required: topic, all-topic-partitions, path-to-json-file");
	if (args_has(args, TOPIC) && !args_has(args, PARTITION))
		return tool_fail(t, "AdminCommandFailedException", "Missing required option(s): partition");
	if (!args_has(args, TOPIC) && args_has(args, PARTITION))
		return tool_fail(t, "AdminCommandFailedException",
			"Option partition is only allowed if topic is used");
	if (args_check_values(&t->args))
		return tool_fail(t, "OptionException", "%s", args->refused);
	if (strcasecmp(name, "preferred") != 0 && strcasecmp(name, "unclean") != 0)
		return tool_fail(
			t, "OptionException", "Cannot parse argument '%s' of option election-type", name);
	*type = strcasecmp(name, "unclean") == 0 ? UNCLEAN : PREFERRED;
	return 0;
}

/* What Kafka's command says on standard output of those that concern all partitions. */
static void say_failure(const struct failure *f)
{
	if (strcmp(f->class, "TimeoutException") == 0)
		say("Timeout waiting for election results\n");
	else if (f->code == KERR_CLUSTER_AUTHORIZATION_FAILED)
		say("Not authorized to perform leader election\n");
}

static int run(struct tool *t)
{
	struct wanted list;
	int type = PREFERRED;
	if (check(t, &type) < 0 || read_partitions(t, &list) < 0)
		return tool_complain(t);
	struct admin *a = admin_open(t, args_text(&t->args, BOOTSTRAP), args_text(&t->args, ADMIN_CONFIG));
	if (a && !args_has(&t->args, ADMIN_CONFIG))
		admin_set_timeout(a, TIMEOUT_MS);
	int rc = a ? elect(t, a, &list, type) : -1;
	admin_close(a);
	if (rc == 0)
		return 0;
	say_failure(&t->failure);
	return tool_complain(t);
}

const struct command command_leader_election = {
	.about = "This tool attempts to elect a new leader for a set of topic partitions. The type of "
		 "elections supported "
		 "are preferred replicas and unclean replicas.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
	.terse = "",
};
