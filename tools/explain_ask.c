/* explain_ask.c - the facts that samsa-explain stands on, asked of the brokers that have them.
 *
 * The topics come from any broker; what a replica is like comes from its own broker, what the log holds
 * from the leader. Each question is put once to each broker, for all partitions in one, so that the number
 * of questions grows with the brokers and not with the partitions. A question that fails is noted and the
 * rest goes on: an explanation is needed most while something is broken.
 *
 * Ends are asked for before the high watermark, and that before the last stable offset. Records that
 * arrive meanwhile then make none of them look held back (where the end seems to be before the high
 * watermark, it is at it).
 */
#include "tools/explain_priv.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "describe_log_dirs.kmsg.h"
#include "describe_producers.kmsg.h"
#include "describe_transactions.kmsg.h"
#include "list_transactions.kmsg.h"
#include "tools/cluster.h"
#include "tools/leaders.h"
#include "tools/out.h"
#include "tools/settings.h"

#include <stdlib.h>
#include <string.h>

enum { NOTES_FIRST = 8, TRANSACTIONS_MAX = 1000 };

void explained_note(struct tool *t, struct explained *e, const char *what)
{
	must(t->failure.words != NULL);
	if (e->n_notes == e->notes_room) {
		unsigned room = max_of(e->notes_room * 2, (unsigned)NOTES_FIRST);
		const char **more = tool_alloc(t, room * sizeof *more);
		if (e->n_notes)
			memcpy(more, e->notes, e->n_notes * sizeof *more);
		e->notes = more;
		e->notes_room = room;
	}
	e->notes[e->n_notes++] = human_text(&t->arena,
		slice_str(tool_printf(t, "%s: %s: %s", what, t->failure.class, t->failure.words)));
	t->failure = (struct failure){ 0 };
}

const struct explained_broker *explained_broker_of(const struct explained *e, int32_t id)
{
	for (unsigned i = 0; i < e->n_brokers; i++)
		if (e->brokers[i].id == id)
			return &e->brokers[i];
	return NULL;
}

/* A broker has failed to answer: who does not answer at all is not asked again, that would only take time. */
static void note_broker(struct tool *t, struct explained *e, struct explained_broker *b, const char *what)
{
	bool silent = strcmp(t->failure.class, "TimeoutException") == 0 ||
		strcmp(t->failure.class, "SslAuthenticationException") == 0;
	explained_note(t, e, tool_printf(t, "%s of broker %d", what, b->id));
	if (silent)
		b->silent = e->notes[e->n_notes - 1];
}

/* ---- topics ---- */

static bool holds(const int32_t *ids, int32_t n, int32_t id)
{
	for (int32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static void take_replicas(struct tool *t, const struct explained *e,
	const struct metadata_response_partition *from,
	const struct list_partition_reassignments_response_partition *move, struct explained_partition *p)
{
	p->n_replicas = from->n_replica_nodes;
	p->replicas = tool_alloc(t, (size_t)p->n_replicas * sizeof *p->replicas);
	for (int32_t i = 0; i < p->n_replicas; i++) {
		int32_t id = from->replica_nodes[i];
		p->replicas[i] = (struct explained_replica){ .broker = id,
			.alive = explained_broker_of(e, id) != NULL,
			.in_isr = holds(from->isr_nodes, from->n_isr_nodes, id),
			.offline = holds(from->offline_replicas, from->n_offline_replicas, id),
			.adding = move && holds(move->adding_replicas, move->n_adding_replicas, id),
			.leaving = move && holds(move->removing_replicas, move->n_removing_replicas, id),
			.end = UNKNOWN,
			.here = { NULL, UNKNOWN, UNKNOWN },
			.future = { NULL, UNKNOWN, UNKNOWN } };
	}
}

static void take_partition(struct tool *t, const struct explained *e,
	const struct metadata_response_partition *from,
	const struct list_partition_reassignments_response_partition *move, struct explained_partition *p)
{
	*p = (struct explained_partition){ .id = from->partition_index,
		.leader = from->leader_id,
		.leader_epoch = from->leader_epoch,
		.has_leader = from->leader_id >= 0 && explained_broker_of(e, from->leader_id),
		.n_isr = from->n_isr_nodes,
		.moving = move != NULL,
		.start = UNKNOWN,
		.end = UNKNOWN,
		.high = UNKNOWN,
		.stable = UNKNOWN,
		.first_ms = UNKNOWN,
		.newest_ms = UNKNOWN };
	take_replicas(t, e, from, move, p);
}

static bool has_partition(const struct explained_topic *topic, int32_t id)
{
	for (int32_t i = 0; i < topic->n_partitions; i++)
		if (topic->partitions[i].id == id)
			return true;
	return false;
}

static int take_topic(struct tool *t, const struct explained *e, const struct metadata_response_topic *from,
	const struct list_partition_reassignments_response *moves, const struct explain_options *options,
	struct explained_topic *topic)
{
	*topic = (struct explained_topic){
		.name = from->name, .id = from->topic_id, .internal = from->is_internal
	};
	topic->partitions = tool_alloc(t, (size_t)from->n_partitions * sizeof *topic->partitions);
	for (int32_t i = 0; i < from->n_partitions; i++) {
		int32_t id = from->partitions[i].partition_index;
		if (options->n_partitions && !holds(options->partitions, (int32_t)options->n_partitions, id))
			continue;
		take_partition(t, e, &from->partitions[i], cluster_move_of(moves, from->name, id),
			&topic->partitions[topic->n_partitions++]);
	}
	for (unsigned i = 0; i < options->n_partitions; i++)
		if (!has_partition(topic, options->partitions[i]))
			return tool_fail(t, "UnknownTopicOrPartitionException",
				"Topic '%s' has no partition %d",
				human_text(&t->arena, from->name), options->partitions[i]);
	return 0;
}

static void take_brokers(struct tool *t, const struct metadata_response *m, struct explained *e)
{
	e->n_brokers = (unsigned)m->n_brokers;
	e->brokers = tool_alloc(t, e->n_brokers * sizeof *e->brokers);
	for (unsigned i = 0; i < e->n_brokers; i++)
		e->brokers[i] = (struct explained_broker){ .id = m->brokers[i].node_id, .check_ms = UNKNOWN };
}

static int ask_topics(struct tool *t, struct admin *a, const struct slice *names, unsigned n,
	const struct explain_options *options, struct explained *e)
{
	struct list_partition_reassignments_response moves = { 0 };
	struct metadata_response m;
	admin_begin(a, "describeTopics", 0);
	if (cluster_describe(a, t, names, n, &m) < 0)
		return -1;
	take_brokers(t, &m, e);
	if (cluster_moves(a, t, &m, &moves) < 0) {
		explained_note(t, e, "which replicas are being moved");
		moves.n_topics = 0;
	}
	e->topics = tool_alloc(t, (size_t)m.n_topics * sizeof *e->topics);
	for (int32_t i = 0; i < m.n_topics; i++)
		if (take_topic(t, e, &m.topics[i], &moves, options, &e->topics[e->n_topics++]) < 0)
			return -1;
	return 0;
}

/* ---- settings ---- */

const struct explained_name explained_keys[KEYS] = {
#define SETTING(symbol, name, unit, policy) { name, unit, policy },
#include "tools/explain_settings.tbl"
#undef SETTING
};

/* Where a value comes from: the first of its synonyms is the one that counts. A default has been set by
 * nobody. */
static const char *source_of(struct tool *t, const struct describe_configs_response_config *c)
{
	const char *who = c->config_source == SOURCE_TOPIC             ? "the topic's own"
		: c->config_source == SOURCE_DYNAMIC_BROKER         ? "set for the broker"
		: c->config_source == SOURCE_DYNAMIC_DEFAULT_BROKER ? "set for all brokers"
		: c->config_source == SOURCE_STATIC_BROKER          ? "the broker's configuration"
		: setting_is_default(c)                             ? "default"
								    : "not told";
	if (c->n_synonyms < 1 || setting_is_default(c) || slice_eq(c->synonyms[0].name, c->name))
		return who;
	return tool_printf(t, "%s, %s", who, human_text(&t->arena, c->synonyms[0].name));
}

static void take_settings(
	struct tool *t, const struct describe_configs_response_result *from, struct explained_topic *topic)
{
	for (unsigned i = 0; i < KEYS; i++) {
		const struct describe_configs_response_config *c = setting(from, explained_keys[i].name);
		struct explained_setting *s = &topic->settings[i];
		*s = (struct explained_setting){ .number = UNKNOWN };
		if (!c || slice_is_null(c->value))
			continue;
		char *end, *value = tool_text(t, c->value);
		s->value = human_text(&t->arena, c->value);
		s->from = source_of(t, c);
		int64_t number = strtoll(value, &end, 10);
		if (explained_keys[i].unit != WORD && end != value && *end == '\0')
			s->number = number;
	}
	topic->settings_known = from != NULL;
}

static void ask_settings(
	struct tool *t, struct admin *a, const struct slice *names, unsigned n, struct explained *e)
{
	struct describe_configs_response m;
	if (settings_describe(a, t, ADMIN_ANY, SETTINGS_TOPIC, names, n, &m) < 0) {
		explained_note(t, e, "settings of the topic");
		return;
	}
	for (int32_t i = 0; i < e->n_topics; i++)
		take_settings(t, settings_of(&m, e->topics[i].name), &e->topics[i]);
}

static bool is_true(const struct describe_configs_response_result *r, const char *name)
{
	const struct describe_configs_response_config *c = setting(r, name);
	return c && slice_is(c->value, "true");
}

static void ask_broker_settings(
	struct tool *t, struct admin *a, struct explained *e, struct explained_broker *b)
{
	struct slice name = slice_str(tool_printf(t, "%d", b->id));
	struct describe_configs_response m;
	if (settings_describe(a, t, b->id, SETTINGS_BROKER, &name, 1, &m) < 0) {
		note_broker(t, e, b, "settings");
		return;
	}
	const struct describe_configs_response_result *r = settings_of(&m, name);
	const struct describe_configs_response_config *c = setting(r, "log.retention.check.interval.ms");
	b->settings_known = r != NULL;
	b->cleaner_on = is_true(r, "log.cleaner.enable");
	b->rebalances = is_true(r, "auto.leader.rebalance.enable");
	if (c && c->value.n)
		b->check_ms = strtoll(tool_text(t, c->value), NULL, 10);
}

/* ---- which partitions a broker is asked about ---- */

struct asked {
	struct explained_partition **partitions; /* in the order of topics, and of their numbers */
	const struct explained_topic **topics;
	struct explained_replica **replicas; /* the broker's */
	unsigned n;
};

/* Those of which the broker has a replica, or that it leads. */
static struct asked of_broker(struct tool *t, const struct explained *e, int32_t broker, bool leads)
{
	struct asked of = { 0 };
	size_t room = 0;
	for (int32_t i = 0; i < e->n_topics; i++)
		room += (size_t)e->topics[i].n_partitions;
	of.partitions = tool_alloc(t, room * sizeof(struct explained_partition *));
	of.topics = tool_alloc(t, room * sizeof(struct explained_topic *));
	of.replicas = tool_alloc(t, room * sizeof(struct explained_replica *));
	for (int32_t i = 0; i < e->n_topics; i++)
		for (int32_t k = 0; k < e->topics[i].n_partitions; k++) {
			struct explained_partition *p = &e->topics[i].partitions[k];
			struct explained_replica *own = NULL;
			for (int32_t r = 0; r < p->n_replicas && !own; r++)
				own = p->replicas[r].broker == broker ? &p->replicas[r] : NULL;
			if (leads ? !(p->has_leader && p->leader == broker) : !own)
				continue;
			of.topics[of.n] = &e->topics[i];
			of.replicas[of.n] = own;
			of.partitions[of.n++] = p;
		}
	return of;
}

/* One kind of offset of all of them; NULL: noted. */
static struct at_leader *offsets(struct tool *t, struct admin *a, struct explained *e,
	struct explained_broker *b, const struct asked *of, struct offsets_as as, int64_t when,
	const char *what)
{
	struct at_leader *v = tool_alloc(t, of->n * sizeof *v);
	if (b->silent || of->n == 0)
		return NULL;
	for (unsigned i = 0; i < of->n; i++)
		v[i] = (struct at_leader){
			.topic = of->topics[i]->name, .partition = of->partitions[i]->id, .asked = when
		};
	if (leaders_offsets_once(a, t, b->id, &as, v, of->n) == 0)
		return v;
	note_broker(t, e, b, what);
	return NULL;
}

/* ---- replicas ---- */

static void take_copies(
	const struct describe_log_dirs_response_topic *from, const char *dir, const struct asked *of)
{
	for (unsigned i = 0; i < of->n; i++) {
		if (!slice_eq(of->topics[i]->name, from->name))
			continue;
		for (int32_t k = 0; k < from->n_partitions; k++) {
			const struct describe_log_dirs_response_partition *p = &from->partitions[k];
			if (p->partition_index != of->partitions[i]->id)
				continue;
			struct explained_copy copy = { dir, p->partition_size, p->offset_lag };
			if (p->is_future_key)
				of->replicas[i]->future = copy;
			else
				of->replicas[i]->here = copy;
		}
	}
}

static struct describe_log_dirs_request about(struct tool *t, const struct asked *of)
{
	struct describe_log_dirs_request request = { 0 };
	struct describe_log_dirs_request_topic *topic = NULL;
	int32_t *ids = tool_alloc(t, of->n * sizeof *ids);
	request.topics = tool_alloc(t, of->n * sizeof *request.topics);
	for (unsigned i = 0; i < of->n; i++) {
		if (!topic || !slice_eq(topic->topic, of->topics[i]->name)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct describe_log_dirs_request_topic){ of->topics[i]->name, &ids[i], 0 };
		}
		ids[i] = of->partitions[i]->id;
		topic->n_partitions++;
	}
	return request;
}

static int ask_dirs_of(struct tool *t, struct admin *a, struct explained *e, struct explained_broker *b,
	const struct asked *of)
{
	struct describe_log_dirs_request request = about(t, of);
	struct describe_log_dirs_response m;
	admin_begin(a, "describeLogDirs", 0);
	if (admin_call(a, b->id, KAPI_DESCRIBE_LOG_DIRS, &request, &m) < 0)
		return -1;
	if (m.error_code)
		return tool_fail_code(t, m.error_code, SLICE_NULL);
	if (m.n_results == 0) /* how it refuses before version 3 */
		return tool_fail_code(t, KERR_CLUSTER_AUTHORIZATION_FAILED, SLICE_NULL);
	for (int32_t i = 0; i < m.n_results; i++) {
		const char *dir = human_text(&t->arena, m.results[i].log_dir);
		if (m.results[i].error_code) {
			tool_fail_code(t, m.results[i].error_code, SLICE_NULL);
			explained_note(t, e, tool_printf(t, "what is in %s of broker %d", dir, b->id));
		}
		for (int32_t k = 0; k < m.results[i].n_topics; k++)
			take_copies(&m.results[i].topics[k], dir, of);
	}
	return 0;
}

static void ask_replicas(struct tool *t, struct admin *a, struct explained *e, struct explained_broker *b)
{
	const struct asked of = of_broker(t, e, b->id, false);
	if (of.n == 0)
		return;
	if (ask_dirs_of(t, a, e, b, &of) < 0)
		note_broker(t, e, b, "log directories");
	const struct offsets_as debugger = { .replica = OFFSETS_DEBUGGER };
	const struct at_leader *ends = offsets(t, a, e, b, &of, debugger, OFFSETS_LATEST, "ends of the logs");
	for (unsigned i = 0; ends && i < of.n; i++)
		if (!ends[i].failure.words && ends[i].offset >= 0)
			of.replicas[i]->end = ends[i].offset;
}

/* ---- what the leader knows ---- */

/* In the order of their asking: see above. */
static const struct question {
	struct offsets_as as;
	int64_t when;
	const char *what;
	size_t field;
	bool time; /* of the record, and not its offset */
} questions[] = {
	{ { OFFSETS_CONSUMER, false }, OFFSETS_LATEST, "high watermarks",
		offsetof(struct explained_partition, high), false },
	{ { OFFSETS_CONSUMER, true }, OFFSETS_LATEST, "last stable offsets",
		offsetof(struct explained_partition, stable), false },
	{ { OFFSETS_CONSUMER, false }, OFFSETS_EARLIEST, "log start offsets",
		offsetof(struct explained_partition, start), false },
	{ { OFFSETS_CONSUMER, false }, 0, "times of the oldest records",
		offsetof(struct explained_partition, first_ms), true },
	{ { OFFSETS_CONSUMER, false }, OFFSETS_MAX_TIMESTAMP, "times of the newest records",
		offsetof(struct explained_partition, newest_ms), true },
};

static void take_answer(const struct question *q, const struct at_leader *v, struct explained_partition *p)
{
	int64_t value = q->time ? v->timestamp : v->offset;
	if (v->failure.words)
		p->why_not = v->failure.words;
	else
		memcpy((char *)p + q->field, &value, sizeof value);
}

static void ask_offsets(struct tool *t, struct admin *a, struct explained *e, struct explained_broker *b,
	const struct asked *of)
{
	for (unsigned i = 0; i < countof(questions); i++) {
		const struct question *q = &questions[i];
		const struct at_leader *v = offsets(t, a, e, b, of, q->as, q->when, q->what);
		for (unsigned k = 0; v && k < of->n; k++)
			take_answer(q, &v[k], of->partitions[k]);
	}
	for (unsigned i = 0; i < of->n; i++)
		if (of->replicas[i])
			of->partitions[i]->end = of->replicas[i]->end;
}

/* ---- who writes ---- */

static void take_producers(struct tool *t, const struct describe_producers_response_partition *from,
	struct explained_partition *p)
{
	p->producers_known = true;
	p->n_producers = from->n_active_producers;
	p->producers = tool_alloc(t, (size_t)p->n_producers * sizeof *p->producers);
	for (int32_t i = 0; i < p->n_producers; i++) {
		const struct describe_producers_response_active_producer *one = &from->active_producers[i];
		p->producers[i] = (struct explained_producer){ .id = one->producer_id,
			.epoch = one->producer_epoch,
			.last_ms = one->last_timestamp,
			.txn_start = one->current_txn_start_offset,
			.timeout_ms = UNKNOWN,
			.started_ms = UNKNOWN };
	}
}

static int ask_producers_of(
	struct tool *t, struct admin *a, struct explained_broker *b, const struct asked *of)
{
	struct describe_producers_request request = { 0 };
	struct describe_producers_request_topic *topic = NULL;
	struct describe_producers_response m;
	int refused = 0;
	int32_t *ids = tool_alloc(t, of->n * sizeof *ids);
	request.topics = tool_alloc(t, of->n * sizeof *request.topics);
	for (unsigned i = 0; i < of->n; i++) {
		if (!topic || !slice_eq(topic->name, of->topics[i]->name)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct describe_producers_request_topic){ of->topics[i]->name, &ids[i], 0 };
		}
		ids[i] = of->partitions[i]->id;
		topic->n_partition_indexes++;
	}
	admin_begin(a, "describeProducers", 0);
	if (admin_call(a, b->id, KAPI_DESCRIBE_PRODUCERS, &request, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_topics; i++)
		for (int32_t k = 0; k < m.topics[i].n_partitions; k++) {
			const struct describe_producers_response_partition *p = &m.topics[i].partitions[k];
			if (p->error_code)
				refused = p->error_code;
			for (unsigned j = 0; j < of->n && !p->error_code; j++)
				if (of->partitions[j]->id == p->partition_index &&
					slice_eq(of->topics[j]->name, m.topics[i].name))
					take_producers(t, p, of->partitions[j]);
		}
	return refused ? tool_fail_code(t, refused, SLICE_NULL) : 0;
}

static void ask_leader(struct tool *t, struct admin *a, struct explained *e, struct explained_broker *b)
{
	const struct asked of = of_broker(t, e, b->id, true);
	if (of.n == 0)
		return;
	ask_offsets(t, a, e, b, &of);
	if (!b->silent && ask_producers_of(t, a, b, &of) < 0)
		note_broker(t, e, b, "producers");
	if (!b->silent)
		ask_broker_settings(t, a, e, b);
}

/* ---- transactions ---- */

/* The producers that have a transaction open, as many as are asked about. */
static struct explained_producer **open_ones(struct tool *t, struct explained *e, unsigned *n)
{
	struct explained_producer **open =
		tool_alloc(t, TRANSACTIONS_MAX * sizeof(struct explained_producer *));
	*n = 0;
	for (int32_t i = 0; i < e->n_topics; i++)
		for (int32_t k = 0; k < e->topics[i].n_partitions; k++) {
			struct explained_partition *p = &e->topics[i].partitions[k];
			for (int32_t j = 0; j < p->n_producers; j++)
				if (p->producers[j].txn_start >= 0 && *n < TRANSACTIONS_MAX)
					open[(*n)++] = &p->producers[j];
		}
	return open;
}

static int ask_timeouts(
	struct tool *t, struct admin *a, int32_t node, struct explained_producer **open, unsigned n)
{
	struct describe_transactions_request request = { 0 };
	struct describe_transactions_response m;
	request.transactional_ids = tool_alloc(t, n * sizeof *request.transactional_ids);
	for (unsigned i = 0; i < n; i++)
		if (open[i]->transactional_id && open[i]->timeout_ms == UNKNOWN)
			request.transactional_ids[request.n_transactional_ids++] =
				slice_str(open[i]->transactional_id);
	if (request.n_transactional_ids == 0)
		return 0;
	admin_begin(a, "describeTransactions", 0);
	if (admin_call(a, node, KAPI_DESCRIBE_TRANSACTIONS, &request, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_transaction_states; i++)
		for (unsigned k = 0; k < n && !m.transaction_states[i].error_code; k++)
			if (open[k]->id == m.transaction_states[i].producer_id) {
				open[k]->timeout_ms = m.transaction_states[i].transaction_timeout_ms;
				open[k]->started_ms = m.transaction_states[i].transaction_start_time_ms;
			}
	return 0;
}

/* Each broker coordinates some of the transactions, and tells only of those. */
static int ask_transactions_of(struct tool *t, struct admin *a, struct explained_broker *b,
	struct explained_producer **open, unsigned n)
{
	struct list_transactions_request request;
	struct list_transactions_response m;
	list_transactions_request_defaults(&request);
	request.n_producer_id_filters = (int32_t)n;
	request.producer_id_filters = tool_alloc(t, n * sizeof *request.producer_id_filters);
	for (unsigned i = 0; i < n; i++)
		request.producer_id_filters[i] = open[i]->id;
	admin_begin(a, "listTransactions", 0);
	if (admin_call(a, b->id, KAPI_LIST_TRANSACTIONS, &request, &m) < 0)
		return -1;
	if (m.error_code)
		return tool_fail_code(t, m.error_code, SLICE_NULL);
	b->listed_transactions = true;
	for (int32_t i = 0; i < m.n_transaction_states; i++) {
		const struct list_transactions_response_transaction *x = &m.transaction_states[i];
		for (unsigned k = 0; k < n; k++)
			if (open[k]->id == x->producer_id) {
				open[k]->transactional_id = tool_text(t, x->transactional_id);
				open[k]->state = human_text(&t->arena, x->transaction_state);
			}
	}
	return ask_timeouts(t, a, b->id, open, n);
}

/* Who has those transactions open that hold back what committed readers see. */
static void ask_transactions(struct tool *t, struct admin *a, struct explained *e)
{
	unsigned n;
	struct explained_producer **open = open_ones(t, e, &n);
	for (unsigned i = 0; i < e->n_brokers && n > 0; i++)
		if (!e->brokers[i].silent && ask_transactions_of(t, a, &e->brokers[i], open, n) < 0)
			note_broker(t, e, &e->brokers[i], "transactions");
}

int explain_ask(struct tool *t, struct admin *a, const struct slice *names, unsigned n,
	const struct explain_options *options, struct explained *e)
{
	*e = (struct explained){ .now_ms = sys_wall_ms() };
	if (ask_topics(t, a, names, n, options, e) < 0)
		return -1;
	ask_settings(t, a, names, n, e);
	for (unsigned i = 0; i < e->n_brokers; i++) {
		progress("replicas of broker %d, %u of %u", e->brokers[i].id, i + 1, e->n_brokers);
		ask_replicas(t, a, e, &e->brokers[i]);
	}
	for (unsigned i = 0; i < e->n_brokers; i++) {
		progress("partitions that broker %d leads, %u of %u", e->brokers[i].id, i + 1, e->n_brokers);
		ask_leader(t, a, e, &e->brokers[i]);
	}
	ask_transactions(t, a, e);
	if (options->groups != 0)
		explain_groups(t, a, options, e);
	return 0;
}
