/* reassign.c - samsa-reassign-partitions: plans moves of replicas, starts, verifies, cancels and lists them;
 * org.apache.kafka.tools.reassign.ReassignPartitionsCommand.
 */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/controller/assign.h"
#include "tools/cluster.h"
#include "tools/json_read.h"
#include "tools/out.h"
#include "tools/reassign_priv.h"

#include <string.h>

enum {
	VERIFY,
	GENERATE,
	EXECUTE,
	CANCEL,
	LIST,
	BOOTSTRAP,
	COMMAND_CONFIG,
	PLAN_FILE,
	TOPICS_FILE,
	BROKER_LIST,
	DISABLE_RACK_AWARE,
	THROTTLE,
	DIR_THROTTLE,
	TIMEOUT,
	ADDITIONAL,
	PRESERVE_THROTTLES,
	JSON,
};

static const struct opt options[] = {
	[VERIFY] = { "verify", OPT_FLAG, NULL,
		"Tell whether the moves of --reassignment-json-file are done; if all are, take throttles "
		"away." },
	[GENERATE] = { "generate", OPT_FLAG, NULL,
		"Work out a plan that spreads the topics of --topics-to-move-json-file over --broker-list. "
		"Nothing is "
		"moved." },
	[EXECUTE] = { "execute", OPT_FLAG, NULL, "Start the moves of --reassignment-json-file." },
	[CANCEL] = { "cancel", OPT_FLAG, NULL,
		"End the moves of --reassignment-json-file that are under way." },
	[LIST] = { "list", OPT_FLAG, NULL, "List all moves that are under way." },
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[PLAN_FILE] = { "reassignment-json-file", OPT_FILE, "manual assignment json file path",
		"The plan: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"replicas\": [1,2,3], "
		"\"log_dirs\": "
		"[\"dir1\",\"any\",\"any\"]}], \"version\": 1}. log_dirs may be left out; any leaves a "
		"replica where it is." },
	[TOPICS_FILE] = { "topics-to-move-json-file", OPT_FILE, "topics to reassign json file path",
		"Topics to plan for: {\"topics\": [{\"topic\": \"foo\"}], \"version\": 1}." },
	[BROKER_LIST] = { "broker-list", OPT_TEXT, "brokerlist",
		"With --generate: the brokers to use: 0,1,2." },
	[DISABLE_RACK_AWARE] = { "disable-rack-aware", OPT_FLAG, NULL,
		"With --generate: whatever racks they are in." },
	[THROTTLE] = { "throttle", OPT_LONG, "throttle",
		"With --execute: bytes a second for moves between brokers. Run --verify afterwards to take "
		"it away.",
		.fallback = "-1" },
	[DIR_THROTTLE] = { "replica-alter-log-dirs-throttle", OPT_LONG, "replicaAlterLogDirsThrottle",
		"With --execute: bytes a second for moves between directories of a broker.",
		.fallback = "-1" },
	[TIMEOUT] = { "timeout", OPT_LONG, "timeout",
		"How many ms moves between directories may take to begin.", .fallback = "10000" },
	[ADDITIONAL] = { "additional", OPT_FLAG, NULL, "With --execute: beside moves that are under way." },
	[PRESERVE_THROTTLES] = { "preserve-throttles", OPT_FLAG, NULL, "Leave throttles as they are." },
	[JSON] = { "json", OPT_FLAG, NULL, "Print JSON, a line for each partition or replica.", .own = true },
};

/* ---- JSON ---- */

bool reassign_as_json(const struct tool *t)
{
	return args_has(&t->args, JSON);
}

static json_t *json_ids(const int32_t *ids, int32_t n)
{
	json_t *all = json_array();
	for (int32_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(ids[i]));
	return all;
}

void say_json_replica(struct slice topic, int32_t partition, json_t *more)
{
	json_t *line = json_pack("{s:s%, s:i}", "topic", topic.p, (size_t)topic.n, "partition", partition);
	json_object_update(line, more);
	json_decref(more);
	out_json(line);
}

/* ---- verify ---- */

static bool same_ids(const struct placed *a, const struct placed *b)
{
	return a && a->n == b->n && memcmp(a->replicas, b->replicas, (size_t)a->n * sizeof *a->replicas) == 0;
}

static void say_state(struct tool *t, const struct placed *wanted, const struct placed *now, bool moving)
{
	const char *name = tool_printf(t, "%.*s-%d", SLICE_ARGS(wanted->topic), wanted->partition);
	if (reassign_as_json(t))
		say_json_replica(wanted->topic, wanted->partition,
			json_pack("{s:s, s:o, s:o}", "state",
				moving ? "in progress" : same_ids(now, wanted) ? "completed" : "not moving",
				"replicas", now ? json_ids(now->replicas, now->n) : json_null(), "wanted",
				json_ids(wanted->replicas, wanted->n)));
	else if (moving)
		say("Reassignment of partition %s is still in progress.\n", name);
	else if (same_ids(now, wanted))
		say("Reassignment of partition %s is completed.\n", name);
	else
		say("There is no active reassignment of partition %s, but replica set is %s rather than "
		    "%s.\n",
			name, now ? ids_text(t, now->replicas, now->n) : "",
			ids_text(t, wanted->replicas, wanted->n));
}

static void json_dir_state(
	const struct placed *p, int32_t broker, const char *wanted, const struct dirs_of *d)
{
	const char *state = !d->current ? "offline"
		: d->future		 ? "in progress"
		: strcmp(d->current, wanted) == 0 ? "completed"
						  : "not moving";
	say_json_replica(p->topic, p->partition,
		json_pack("{s:i, s:s, s:s?, s:s?, s:s}", "broker", broker, "state", state, "log_dir",
			d->current, "moves_to", d->future, "wanted", wanted));
}

/* The line about one replica's directory. */
static void say_dir_state(const struct placed *p, int32_t broker, const char *wanted, const struct dirs_of *d)
{
	if (!d->current)
		say("Partition %.*s-%d is not found in any live log dir on broker %d. There is likely an "
		    "offline log "
		    "directory on the broker.\n",
			SLICE_ARGS(p->topic), p->partition, broker);
	else if (d->future && strcmp(d->future, wanted) == 0)
		say("Reassignment of replica %.*s-%d-%d is still in progress.\n", SLICE_ARGS(p->topic),
			p->partition, broker);
	else if (d->future)
		say("Partition %.*s-%d on broker %d is being moved to log dir %s instead of %s.\n",
			SLICE_ARGS(p->topic), p->partition, broker, d->future, wanted);
	else if (strcmp(d->current, wanted) == 0)
		say("Reassignment of replica %.*s-%d-%d completed successfully.\n", SLICE_ARGS(p->topic),
			p->partition, broker);
	else
		say("Partition %.*s-%d on broker %d is not being moved from log dir %s to %s.\n",
			SLICE_ARGS(p->topic), p->partition, broker, d->current, wanted);
}

static int verify_dirs(struct tool *t, struct admin *a, const struct plan *p, bool *moving)
{
	bool any = false, json = reassign_as_json(t);
	*moving = false;
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 0; k < p->v[i].n; k++) {
			struct dirs_of d;
			if (!p->v[i].dirs[k])
				continue;
			if (dirs_find(t, a, p->v[i].replicas[k], p->v[i].topic, p->v[i].partition, &d) < 0)
				return -1;
			(json ? json_dir_state : say_dir_state)(&p->v[i], p->v[i].replicas[k],
				p->v[i].dirs[k], &d);
			*moving |= d.future != NULL;
			any = true;
		}
	if (!any && !json)
		say("\n");
	return 0;
}

static int verify(struct tool *t, struct admin *a)
{
	struct plan wanted, now;
	struct moves moves;
	bool dirs_moving;
	unsigned n;
	if (plan_read(t, args_text(&t->args, PLAN_FILE), &wanted) < 0 || moves_list(t, a, &moves) < 0)
		return -1;
	struct slice *topics = plan_topics(t, &wanted, &n);
	if (placed_now(t, a, topics, n, true, &now) < 0)
		return -1;
	if (!reassign_as_json(t))
		say("Status of partition reassignment:\n");
	for (unsigned i = 0; i < wanted.n; i++)
		say_state(t, &wanted.v[i], plan_find(&now, wanted.v[i].topic, wanted.v[i].partition),
			moves_find(&moves, wanted.v[i].topic, wanted.v[i].partition) != NULL);
	if (verify_dirs(t, a, &wanted, &dirs_moving) < 0)
		return -1;
	if (moves_any(&moves) || dirs_moving || args_has(&t->args, PRESERVE_THROTTLES))
		return 0;
	return throttles_clear(t, a, &wanted);
}

/* ---- generate ---- */

static int by_id(const void *a, const void *b)
{
	const struct assign_broker *x = a, *y = b;
	return order_of(x->id, y->id);
}

/* Those of --broker-list that are there. */
static int read_brokers(struct tool *t, struct admin *a, struct assign_broker **out, unsigned *n)
{
	unsigned count, racks = 0;
	char **texts = split_text(t, args_text(&t->args, BROKER_LIST), ',', &count);
	int32_t *ids = tool_alloc(t, count * sizeof *ids);
	for (unsigned i = 0; i < count; i++) {
		if (parse_int(t, texts[i], &ids[i]) < 0)
			return -1;
		if (ids_hold(ids, (int32_t)i, ids[i]))
			return tool_fail(t, "AdminCommandFailedException",
				"Broker list contains duplicate entries: [%d]", ids[i]);
	}
	*out = tool_alloc(t, count * sizeof **out);
	*n = 0;
	admin_begin(a, "describeCluster", 0);
	if (admin_look(a) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		const struct admin_broker *b = admin_broker_of(a, ids[i]);
		bool aware = !args_has(&t->args, DISABLE_RACK_AWARE);
		if (b)
			(*out)[(*n)++] = (struct assign_broker){ b->id, aware ? b->rack : NULL };
		racks += b && aware && b->rack;
	}
	if (racks && racks != *n)
		return tool_fail(t, "AdminOperationException",
			"Not all brokers have rack information. Add "
			"--disable-rack-aware in command line to make replica assignment without rack "
			"information.");
	order_sort(*out, *n, sizeof **out, by_id);
	return 0;
}

/* New places for one topic's partitions, which lie in a row from `first`. */
static int spread(
	struct tool *t, struct assign_broker *brokers, unsigned n, struct placed *first, int32_t partitions)
{
	uint32_t random[2];
	int32_t replicas = first->n;
	if (n == 0 || replicas > (int32_t)n)
		return tool_fail(t, "InvalidReplicationFactorException",
			"Replication factor: %d larger than available brokers: %u.", replicas, n);
	int32_t *ids = tool_alloc(t, (size_t)partitions * (size_t)replicas * sizeof *ids);
	sys_random(random, sizeof random);
	if (!assign_replicas(brokers, (int)n, 0, partitions, replicas, random[0] % n, random[1] % n, ids))
		return tool_fail(t, "AdminOperationException",
			"Not all brokers have rack information for replica rack aware assignment.");
	for (int32_t i = 0; i < partitions; i++)
		first[i] = (struct placed){
			.topic = first->topic, .partition = i, .replicas = ids + i * replicas, .n = replicas
		};
	return 0;
}

static int generate(struct tool *t, struct admin *a)
{
	struct assign_broker *brokers = NULL;
	struct slice *topics = NULL;
	struct plan now, proposed;
	unsigned n_brokers = 0, n_topics = 0;
	if (read_brokers(t, a, &brokers, &n_brokers) < 0 ||
		plan_read_topics(t, args_text(&t->args, TOPICS_FILE), &topics, &n_topics) < 0 ||
		placed_now(t, a, topics, n_topics, false, &now) < 0)
		return -1;
	proposed = (struct plan){ tool_alloc(t, now.n * sizeof *now.v), now.n };
	memcpy(proposed.v, now.v, now.n * sizeof *now.v);
	for (unsigned i = 0, next; i < now.n; i = next) {
		for (next = i; next < now.n && slice_eq(now.v[next].topic, now.v[i].topic);)
			next++;
		if (spread(t, brokers, n_brokers, &proposed.v[i], (int32_t)(next - i)) < 0)
			return -1;
	}
	if (reassign_as_json(t)) {
		say("{\"current\":%s,\"proposed\":%s}\n", plan_json(t, &now), plan_json(t, &proposed));
		return 0;
	}
	say("Current partition replica assignment\n%s\n\n", plan_json(t, &now));
	say("Proposed partition reassignment configuration\n%s\n", plan_json(t, &proposed));
	return 0;
}

/* ---- execute ---- */

/* Where the partitions of the plan are now; all must be there, and all brokers that it names. */
static int find_current(struct tool *t, struct admin *a, const struct plan *wanted, struct plan *out)
{
	struct plan all;
	unsigned n;
	for (unsigned i = 0; i < wanted->n; i++)
		for (int32_t k = 0; k < wanted->v[i].n; k++)
			if (!admin_broker_of(a, wanted->v[i].replicas[k]))
				return tool_fail(t, "AdminCommandFailedException", "Unknown broker id %d",
					wanted->v[i].replicas[k]);
	struct slice *topics = plan_topics(t, wanted, &n);
	if (placed_now(t, a, topics, n, false, &all) < 0)
		return -1;
	*out = (struct plan){ tool_alloc(t, wanted->n * sizeof *out->v), 0 };
	for (unsigned i = 0; i < wanted->n; i++) {
		const struct placed *p = plan_find(&all, wanted->v[i].topic, wanted->v[i].partition);
		if (!p)
			return tool_fail(t, "org.apache.kafka.common.errors.UnknownTopicOrPartitionException",
				"Unable to find partition: %.*s-%d", SLICE_ARGS(wanted->v[i].topic),
				wanted->v[i].partition);
		out->v[out->n++] = *p;
	}
	return 0;
}

static int set_throttles(struct tool *t, struct admin *a, const struct moves *moves,
	const struct plan *wanted, const struct plan *current)
{
	int64_t between = args_int(&t->args, THROTTLE), dirs = args_int(&t->args, DIR_THROTTLE);
	if (between < 0 && dirs < 0)
		return 0;
	remark(reassign_as_json(t),
		"Warning: You must run --verify periodically, until the reassignment completes, to ensure "
		"the throttle is removed.\n");
	if (between >= 0 && throttles_set(t, a, moves, wanted, current, between) < 0)
		return -1;
	return dirs >= 0 ? throttles_set_dirs(t, a, wanted, dirs) : 0;
}

static void say_names(const struct plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		say("%s%.*s-%d", i ? "," : "", SLICE_ARGS(p->v[i].topic), p->v[i].partition);
	say("\n");
}

/* What the partitions were, for the way back; told before anything is asked for, even if that fails. */
static void say_before(struct tool *t, const struct plan *current)
{
	if (!reassign_as_json(t))
		say("Current partition replica assignment\n\n%s\n\nSave this to use as the "
		    "--reassignment-json-file option during rollback\n",
			plan_json(t, current));
	else
		say("{\"current\":%s}\n", plan_json(t, current));
}

static void say_started(struct tool *t, const struct plan *wanted)
{
	if (reassign_as_json(t)) {
		for (unsigned i = 0; i < wanted->n; i++)
			say_json_replica(wanted->v[i].topic, wanted->v[i].partition,
				json_pack("{s:s, s:o}", "state", "started", "replicas",
					json_ids(wanted->v[i].replicas, wanted->v[i].n)));
		return;
	}
	say("Successfully started partition reassignment%s for ", wanted->n == 1 ? "" : "s");
	say_names(wanted);
}

static int execute(struct tool *t, struct admin *a)
{
	struct plan wanted, current;
	struct moves moves;
	const char *errors;
	unsigned n_errors;
	if (plan_read(t, args_text(&t->args, PLAN_FILE), &wanted) < 0 || plan_check(t, &wanted) < 0 ||
		moves_list(t, a, &moves) < 0)
		return -1;
	if (moves_any(&moves) && !args_has(&t->args, ADDITIONAL))
		return tool_fail(t, "TerseException",
			"Cannot execute because there is an existing partition assignment.  "
			"Use --additional to override this and create a new partition assignment in addition "
			"to the existing "
			"one. The --additional flag can also be used to change the throttle by resubmitting "
			"the current "
			"reassignment.");
	if (find_current(t, a, &wanted, &current) < 0)
		return -1;
	say_before(t, &current);
	if (set_throttles(t, a, &moves, &wanted, &current) < 0 ||
		moves_start(t, a, &wanted, false, &errors, &n_errors) < 0)
		return -1;
	if (errors)
		return tool_fail(t, "TerseException", "Error reassigning partition(s):\n%s", errors);
	say_started(t, &wanted);
	return dirs_move(t, a, &wanted, args_int(&t->args, TIMEOUT));
}

/* ---- cancel ---- */

/* Those replicas that are on their way to another directory are told to stay where they are. */
static int cancel_dirs(struct tool *t, struct admin *a, const struct plan *p)
{
	bool any = false;
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 0; k < p->v[i].n; k++) {
			struct dirs_of d;
			if (!p->v[i].dirs[k])
				continue;
			if (dirs_find(t, a, p->v[i].replicas[k], p->v[i].topic, p->v[i].partition, &d) < 0)
				return -1;
			p->v[i].dirs[k] = d.current && d.future ? d.current : NULL;
			any |= p->v[i].dirs[k] != NULL;
		}
	if (any)
		return dirs_move(t, a, p, args_int(&t->args, TIMEOUT));
	if (!reassign_as_json(t))
		say("None of the specified partition moves are active."); /* without an end of the line */
	return 0;
}

static void say_cancelled(struct tool *t, const struct plan *active)
{
	if (reassign_as_json(t)) {
		for (unsigned i = 0; i < active->n; i++)
			say_json_replica(active->v[i].topic, active->v[i].partition,
				json_pack("{s:s}", "state", "cancelled"));
	} else if (active->n) {
		say("Successfully cancelled partition reassignment%s for: ", active->n == 1 ? "" : "s");
		say_names(active);
	} else {
		say("None of the specified partition reassignments are active.\n");
	}
}

static int cancel(struct tool *t, struct admin *a)
{
	struct plan wanted, active;
	struct moves moves;
	const char *errors = NULL;
	unsigned n_errors = 0;
	if (plan_read(t, args_text(&t->args, PLAN_FILE), &wanted) < 0 || moves_list(t, a, &moves) < 0)
		return -1;
	active = (struct plan){ tool_alloc(t, wanted.n * sizeof *active.v), 0 };
	for (unsigned i = 0; i < wanted.n; i++)
		if (moves_find(&moves, wanted.v[i].topic, wanted.v[i].partition))
			active.v[active.n++] = wanted.v[i];
	if (active.n && moves_start(t, a, &active, true, &errors, &n_errors) < 0)
		return -1;
	if (errors)
		return tool_fail(t, "TerseException", "Error cancelling partition reassignment%s for:\n%s",
			n_errors == 1 ? "" : "s", errors);
	say_cancelled(t, &active);
	if (cancel_dirs(t, a, &wanted) < 0)
		return -1;
	return args_has(&t->args, PRESERVE_THROTTLES) ? 0 : throttles_clear(t, a, &wanted);
}

/* ---- list ---- */

static void say_move(
	struct tool *t, struct slice topic, const struct list_partition_reassignments_response_partition *p)
{
	if (args_has(&t->args, JSON)) {
		say_json_replica(topic, p->partition_index,
			json_pack("{s:o, s:o, s:o}", "replicas", json_ids(p->replicas, p->n_replicas),
				"adding", json_ids(p->adding_replicas, p->n_adding_replicas), "removing",
				json_ids(p->removing_replicas, p->n_removing_replicas)));
		return;
	}
	say("%.*s-%d: replicas: %s.", SLICE_ARGS(topic), p->partition_index,
		ids_text(t, p->replicas, p->n_replicas));
	if (p->n_adding_replicas)
		say(" adding: %s.", ids_text(t, p->adding_replicas, p->n_adding_replicas));
	if (p->n_removing_replicas)
		say(" removing: %s.", ids_text(t, p->removing_replicas, p->n_removing_replicas));
	say("\n");
}

static int list(struct tool *t, struct admin *a)
{
	struct moves moves;
	if (moves_list(t, a, &moves) < 0)
		return -1;
	struct plan order = { NULL, 0 };
	size_t room = 0;
	for (int32_t i = 0; i < moves.m.n_topics; i++)
		room += (size_t)moves.m.topics[i].n_partitions;
	order.v = tool_alloc(t, room * sizeof *order.v);
	for (int32_t i = 0; i < moves.m.n_topics; i++)
		for (int32_t k = 0; k < moves.m.topics[i].n_partitions; k++)
			order.v[order.n++] = (struct placed){ .topic = moves.m.topics[i].name,
				.partition = moves.m.topics[i].partitions[k].partition_index };
	plan_sort(&order);
	if (!args_has(&t->args, JSON))
		say(order.n ? "Current partition reassignments:\n" : "No partition reassignments found.\n");
	for (unsigned i = 0; i < order.n; i++)
		say_move(t, order.v[i].topic, moves_find(&moves, order.v[i].topic, order.v[i].partition));
	return 0;
}

/* ---- the command ---- */

static const struct {
	unsigned action;
	uint64_t required, permitted;
	int (*run)(struct tool *t, struct admin *a);
} actions[] = {
	{ GENERATE, ARGS_SET(TOPICS_FILE) | ARGS_SET(BROKER_LIST), ARGS_SET(DISABLE_RACK_AWARE), generate },
	{ EXECUTE, ARGS_SET(PLAN_FILE),
		ARGS_SET(ADDITIONAL) | ARGS_SET(THROTTLE) | ARGS_SET(DIR_THROTTLE) | ARGS_SET(TIMEOUT),
		execute },
	{ VERIFY, ARGS_SET(PLAN_FILE), ARGS_SET(PRESERVE_THROTTLES), verify },
	{ CANCEL, ARGS_SET(PLAN_FILE), ARGS_SET(PRESERVE_THROTTLES) | ARGS_SET(TIMEOUT), cancel },
	{ LIST, 0, 0, list },
};

/* The action's place in the table; what is wrong is in args->refused. */
static size_t check(struct args *args)
{
	const uint64_t always = ARGS_SET(BOOTSTRAP) | ARGS_SET(COMMAND_CONFIG) | ARGS_SET(JSON);
	uint64_t all = 0;
	size_t chosen = 0;
	for (size_t i = 0; i < countof(actions); i++) {
		all |= ARGS_SET(actions[i].action);
		if (args_has(args, actions[i].action))
			chosen = i;
	}
	if (args_count(args, all) != 1)
		args_refuse(args,
			"Command must include exactly one action: --generate, --execute, --verify, --cancel, "
			"--list");
	if (!args_has(args, BOOTSTRAP))
		args_refuse(args, "Please specify --bootstrap-server");
	for (unsigned opt = 0; opt < countof(options); opt++)
		if (actions[chosen].required & ARGS_SET(opt))
			args_require(args, opt);
	uint64_t may = always | ARGS_SET(actions[chosen].action) | actions[chosen].required |
		actions[chosen].permitted;
	for (unsigned i = 0; i < args->n_given; i++)
		if (!(may & ARGS_SET(args->given[i].opt)))
			args_refuse(args, "Option \"[%s]\" can't be used with action \"[%s]\"",
				options[args->given[i].opt].name, options[actions[chosen].action].name);
	return chosen;
}

static const char *said_of(struct tool *t)
{
	const struct failure *f = &t->failure;
	if (strcmp(f->class, "TerseException") == 0)
		return f->words;
	bool of_kafka = f->code || strncmp(f->class, "org.", 4) == 0 ||
		strcmp(f->class, "TimeoutException") == 0 ||
		strcmp(f->class, "UnsupportedVersionException") == 0;
	return tool_printf(t, "Error: %s", of_kafka ? failure_text(t, f) : f->words);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	size_t chosen = check(args);
	if (args->refused || args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	int rc = a && admin_look(a) == 0 ? actions[chosen].run(t, a) : -1;
	admin_close(a);
	if (rc == 0)
		return 0;
	if (reassign_as_json(t))
		out_json(json_pack("{s:s}", "error", said_of(t)));
	else
		say("%s\n", said_of(t)); /* on standard output, as Kafka's command */
	return tool_trace(t);
}

const struct command command_reassign_partitions = {
	.about = "This tool helps to move topic partitions between replicas.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
