/* reassign_ask.c - what samsa-reassign-partitions asks of the cluster: moves, directories, throttles. */
#include "alter_partition_reassignments.kmsg.h"
#include "alter_replica_log_dirs.kmsg.h"
#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/reactor/fiber.h"
#include "describe_log_dirs.kmsg.h"
#include "tools/cluster.h"
#include "tools/out.h"
#include "tools/reassign_priv.h"
#include "tools/settings.h"

#include <stdlib.h>

enum { AGAIN_MS = 100 };

/* ---- moves ---- */

int moves_list(struct tool *t, struct admin *a, struct moves *out)
{
	struct list_partition_reassignments_request request;
	list_partition_reassignments_request_defaults(&request);
	request.n_topics = -1;
	admin_begin(a, "listPartitionReassignments", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_LIST_PARTITION_REASSIGNMENTS, &request, &out->m) < 0)
			return -1;
	} while (admin_moved(a, out->m.error_code));
	return out->m.error_code ? tool_fail_code(t, out->m.error_code, out->m.error_message) : 0;
}

const struct list_partition_reassignments_response_partition *moves_find(
	const struct moves *m, struct slice topic, int32_t partition)
{
	for (int32_t i = 0; i < m->m.n_topics; i++)
		for (int32_t k = 0; slice_eq(m->m.topics[i].name, topic) && k < m->m.topics[i].n_partitions;
			k++)
			if (m->m.topics[i].partitions[k].partition_index == partition)
				return &m->m.topics[i].partitions[k];
	return NULL;
}

bool moves_any(const struct moves *m)
{
	for (int32_t i = 0; i < m->m.n_topics; i++)
		if (m->m.topics[i].n_partitions > 0)
			return true;
	return false;
}

static void add_topic(struct tool *t, const struct metadata_response_topic *topic, struct plan *out)
{
	struct placed *more = tool_alloc(t, (out->n + (size_t)topic->n_partitions) * sizeof *more);
	for (unsigned i = 0; i < out->n; i++)
		more[i] = out->v[i];
	for (int32_t i = 0; i < topic->n_partitions; i++) {
		const struct metadata_response_partition *p = &topic->partitions[i];
		more[out->n++] = (struct placed){ .topic = topic->name,
			.partition = p->partition_index,
			.replicas = p->replica_nodes,
			.n = p->n_replica_nodes };
	}
	out->v = more;
}

int placed_now(struct tool *t, struct admin *a, const struct slice *topics, unsigned n, bool missing,
	struct plan *out)
{
	*out = (struct plan){ NULL, 0 };
	for (unsigned i = 0; i < n; i++) {
		struct metadata_response m;
		admin_begin(a, "describeTopics", 0);
		if (cluster_describe(a, t, &topics[i], 1, &m) == 0) {
			if (m.n_topics == 1)
				add_topic(t, &m.topics[0], out);
			continue;
		}
		if (t->failure.code != KERR_UNKNOWN_TOPIC_OR_PARTITION)
			return -1;
		if (!missing) {
			t->failure.words = tool_printf(t, "Topic %.*s not found.", SLICE_ARGS(topics[i]));
			return -1;
		}
		t->failure = (struct failure){ 0 };
	}
	plan_sort(out);
	return 0;
}

static void collect_errors(struct tool *t, const struct alter_partition_reassignments_response *m,
	const char **errors, unsigned *n)
{
	*errors = NULL;
	*n = 0;
	for (int32_t i = 0; i < m->n_responses; i++)
		for (int32_t k = 0; k < m->responses[i].n_partitions; k++) {
			const struct alter_partition_reassignments_response_partition *p =
				&m->responses[i].partitions[k];
			if (!p->error_code)
				continue;
			const char *words = failure_of_code(t, p->error_code, p->error_message).words;
			*errors = tool_printf(t, "%s%s%.*s-%d: %s", *errors ? *errors : "",
				*errors ? "\n" : "", SLICE_ARGS(m->responses[i].name), p->partition_index,
				words);
			++*n;
		}
}

int moves_start(struct tool *t, struct admin *a, const struct plan *p, bool cancel, const char **errors,
	unsigned *n_errors)
{
	struct alter_partition_reassignments_request request;
	struct alter_partition_reassignments_response m;
	struct alter_partition_reassignments_request_topic *topic = NULL;
	alter_partition_reassignments_request_defaults(&request);
	request.topics = tool_alloc(t, p->n * sizeof *request.topics);
	struct alter_partition_reassignments_request_partition *partitions = tool_alloc(
		t, p->n * sizeof *partitions);
	for (unsigned i = 0; i < p->n; i++) {
		if (!topic || !slice_eq(topic->name, p->v[i].topic)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct alter_partition_reassignments_request_topic){ p->v[i].topic,
				&partitions[i], 0 };
		}
		partitions[i] = (struct alter_partition_reassignments_request_partition){ p->v[i].partition,
			cancel ? NULL : p->v[i].replicas, cancel ? -1 : p->v[i].n };
		topic->n_partitions++;
	}
	admin_begin(a, "alterPartitionReassignments", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_ALTER_PARTITION_REASSIGNMENTS, &request, &m) < 0)
			return -1;
	} while (admin_moved(a, m.error_code));
	if (m.error_code)
		return tool_fail_code(t, m.error_code, m.error_message);
	collect_errors(t, &m, errors, n_errors);
	return 0;
}

/* ---- directories ---- */

int dirs_find(struct tool *t, struct admin *a, int32_t broker, struct slice topic, int32_t partition,
	struct dirs_of *out)
{
	struct describe_log_dirs_request_topic one = { topic, &partition, 1 };
	struct describe_log_dirs_request request = { &one, 1 };
	struct describe_log_dirs_response m;
	*out = (struct dirs_of){ NULL, NULL };
	admin_begin(a, "describeReplicaLogDirs", 0);
	if (admin_call(a, broker, KAPI_DESCRIBE_LOG_DIRS, &request, &m) < 0)
		return -1;
	if (m.error_code)
		return tool_fail_code(t, m.error_code, SLICE_NULL);
	for (int32_t i = 0; i < m.n_results; i++)
		for (int32_t k = 0; k < m.results[i].n_topics; k++)
			for (int32_t j = 0; j < m.results[i].topics[k].n_partitions; j++) {
				const struct describe_log_dirs_response_partition *p =
					&m.results[i].topics[k].partitions[j];
				const char *dir = tool_text(t, m.results[i].log_dir);
				if (!slice_eq(m.results[i].topics[k].name, topic) ||
					p->partition_index != partition)
					continue;
				if (p->is_future_key)
					out->future = dir;
				else
					out->current = dir;
			}
	return 0;
}

/* 0: it has begun; 1: the replica is not there yet. */
static int move_one(struct tool *t, struct admin *a, const struct placed *p, int32_t broker, const char *dir)
{
	int32_t partition = p->partition;
	struct alter_replica_log_dirs_request_topic topic = { p->topic, &partition, 1 };
	struct alter_replica_log_dirs_request_dir one = { slice_str(dir), &topic, 1 };
	struct alter_replica_log_dirs_request request = { &one, 1 };
	struct alter_replica_log_dirs_response m;
	admin_begin(a, "alterReplicaLogDirs", 0);
	if (admin_call(a, broker, KAPI_ALTER_REPLICA_LOG_DIRS, &request, &m) < 0)
		return -1;
	int code = m.n_results == 1 && m.results[0].n_partitions == 1 ? m.results[0].partitions[0].error_code
								      : KERR_UNKNOWN_SERVER_ERROR;
	if (code == KERR_REPLICA_NOT_AVAILABLE)
		return 1;
	if (code)
		return tool_fail(t, "AdminCommandFailedException", "Failed to alter dir for %.*s-%d-%d",
			SLICE_ARGS(p->topic), p->partition, broker);
	if (reassign_as_json(t))
		say_json_replica(p->topic, p->partition,
			json_pack("{s:i, s:s, s:s}", "broker", broker, "state", "started", "log_dir", dir));
	else
		say("Successfully started moving log directory to %s for replica %.*s-%d with broker %d \n",
			dir, SLICE_ARGS(p->topic), p->partition, broker);
	return 0;
}

static int too_late(struct tool *t, const struct plan *p, unsigned pending)
{
	const char *all = "";
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 0; k < p->v[i].n; k++)
			if (p->v[i].dirs && p->v[i].dirs[k])
				all = tool_printf(t, "%s%s%.*s-%d-%d", all, all[0] ? "," : "",
					SLICE_ARGS(p->v[i].topic), p->v[i].partition, p->v[i].replicas[k]);
	return tool_fail(t, "TerseException",
		"Timed out before log directory move%s could be started for: %s", pending == 1 ? "" : "s",
		all);
}

int dirs_move(struct tool *t, struct admin *a, const struct plan *p, int64_t timeout_ms)
{
	int64_t end_ms = sys_wall_ms() + timeout_ms;
	for (;;) {
		unsigned pending = 0;
		for (unsigned i = 0; i < p->n; i++)
			for (int32_t k = 0; k < p->v[i].n; k++) {
				if (!p->v[i].dirs || !p->v[i].dirs[k])
					continue;
				int rc = move_one(t, a, &p->v[i], p->v[i].replicas[k], p->v[i].dirs[k]);
				if (rc < 0)
					return -1;
				if (rc == 0)
					p->v[i].dirs[k] = NULL;
				pending += rc > 0;
			}
		if (pending == 0)
			return 0;
		if (sys_wall_ms() >= end_ms)
			return too_late(t, p, pending);
		fiber_sleep(t->reactor, AGAIN_MS);
	}
}

/* ---- throttles ---- */

static const char *const broker_throttles[] = { "leader.replication.throttled.rate",
	"follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second" };
static const char *const topic_throttles[] = { "leader.replication.throttled.replicas",
	"follower.replication.throttled.replicas" };

/* Changes some keys of one broker or topic; a NULL value takes the key back. */
static int set(struct tool *t, struct admin *a, enum settings_kind kind, const char *name,
	const char *const *keys, size_t n, const char *const *values)
{
	struct incremental_alter_configs_request_config *configs = tool_alloc(t, n * sizeof *configs);
	struct incremental_alter_configs_request_resource r = { .resource_type = (int8_t)kind,
		.resource_name = slice_str(name),
		.configs = configs,
		.n_configs = (int32_t)n };
	for (size_t i = 0; i < n; i++)
		configs[i] = (struct incremental_alter_configs_request_config){ slice_str(keys[i]),
			values ? OP_SET : OP_DELETE, values ? slice_str(values[i]) : SLICE_NULL };
	int32_t node = kind == SETTINGS_BROKER ? (int32_t)strtol(name, NULL, 10) : ADMIN_ANY;
	return settings_alter(a, t, node, &r, 1);
}

struct ids {
	int32_t *v;
	int32_t n;
};

static void add_id(struct tool *t, struct ids *ids, int32_t id)
{
	if (ids_hold(ids->v, ids->n, id))
		return;
	int32_t *more = tool_alloc(t, ((size_t)ids->n + 1) * sizeof *more);
	int32_t at = 0;
	for (; at < ids->n && ids->v[at] < id; at++)
		more[at] = ids->v[at];
	more[at] = id;
	for (; at < ids->n; at++)
		more[at + 1] = ids->v[at];
	ids->v = more;
	ids->n++;
}

int throttles_clear(struct tool *t, struct admin *a, const struct plan *p)
{
	struct ids brokers = { NULL, 0 };
	unsigned n, n_topics;
	const struct admin_broker *there = admin_brokers(a, &n);
	for (unsigned i = 0; i < n; i++)
		add_id(t, &brokers, there[i].id);
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 0; k < p->v[i].n; k++)
			add_id(t, &brokers, p->v[i].replicas[k]);
	bool aside = reassign_as_json(t);
	remark(aside, "Clearing broker-level throttles on broker%s %s\n", brokers.n == 1 ? "" : "s",
		ids_text(t, brokers.v, brokers.n));
	for (int32_t i = 0; i < brokers.n; i++)
		if (set(t, a, SETTINGS_BROKER, tool_printf(t, "%d", brokers.v[i]), broker_throttles,
			    countof(broker_throttles), NULL) < 0)
			return -1;
	struct slice *topics = plan_topics(t, p, &n_topics);
	remark(aside, "Clearing topic-level throttles on topic%s ", n_topics == 1 ? "" : "s");
	for (unsigned i = 0; i < n_topics; i++)
		remark(aside, "%s%.*s", i ? "," : "", SLICE_ARGS(topics[i]));
	remark(aside, "\n");
	for (unsigned i = 0; i < n_topics; i++)
		if (set(t, a, SETTINGS_TOPIC, tool_text(t, topics[i]), topic_throttles,
			    countof(topic_throttles), NULL) < 0)
			return -1;
	return 0;
}

/* Which replicas of a topic send and which receive, as "partition:broker,...", each list sorted as text. */
struct throttled {
	const char **leaders, **followers;
	unsigned n_leaders, n_followers;
	struct ids brokers;
};

static void note(struct tool *t, const char ***list, unsigned *n, int32_t partition, int32_t broker)
{
	const char *text = tool_printf(t, "%d:%d", partition, broker),
		   **more = tool_alloc(t, (*n + 1) * sizeof *more);
	unsigned at = 0;
	for (; at < *n && strcmp((*list)[at], text) < 0; at++)
		more[at] = (*list)[at];
	bool twice = at < *n && strcmp((*list)[at], text) == 0;
	more[at] = text;
	for (unsigned i = at + twice; i < *n; i++)
		more[i + !twice] = (*list)[i];
	*n += !twice;
	*list = more;
}

/* One partition on its way from where it is to where it shall be. */
static void note_move(
	struct tool *t, struct throttled *th, int32_t partition, const struct ids *from, const struct ids *to)
{
	for (int32_t i = 0; i < from->n; i++) {
		note(t, &th->leaders, &th->n_leaders, partition, from->v[i]);
		add_id(t, &th->brokers, from->v[i]);
	}
	for (int32_t i = 0; i < to->n; i++)
		if (!ids_hold(from->v, from->n, to->v[i])) {
			note(t, &th->followers, &th->n_followers, partition, to->v[i]);
			add_id(t, &th->brokers, to->v[i]);
		}
}

static const char *joined(struct tool *t, const char *const *list, unsigned n)
{
	const char *all = "";
	for (unsigned i = 0; i < n; i++)
		all = tool_printf(t, "%s%s%s", all, i ? "," : "", list[i]);
	return all;
}

/* Where a partition's records come from: not from replicas that are being added. */
static struct ids sources(struct tool *t, const struct list_partition_reassignments_response_partition *move,
	const struct placed *now)
{
	struct ids out = { NULL, 0 };
	for (int32_t i = 0; move && i < move->n_replicas; i++)
		if (!ids_hold(move->adding_replicas, move->n_adding_replicas, move->replicas[i]))
			add_id(t, &out, move->replicas[i]);
	for (int32_t i = 0; !move && now && i < now->n; i++)
		add_id(t, &out, now->replicas[i]);
	return out;
}

static int throttle_topic(struct tool *t, struct admin *a, struct slice topic, const struct moves *now,
	const struct plan *wanted, const struct plan *current, struct ids *brokers)
{
	struct throttled th = { .leaders = NULL };
	for (int32_t i = 0; i < now->m.n_topics; i++)
		for (int32_t k = 0;
			slice_eq(now->m.topics[i].name, topic) && k < now->m.topics[i].n_partitions; k++) {
			const struct list_partition_reassignments_response_partition *m =
				&now->m.topics[i].partitions[k];
			struct ids from = sources(t, m, NULL),
				   to = { m->adding_replicas, m->n_adding_replicas };
			if (!plan_find(wanted, topic, m->partition_index))
				note_move(t, &th, m->partition_index, &from, &to);
		}
	for (unsigned i = 0; i < wanted->n; i++) {
		const struct placed *w = &wanted->v[i];
		struct ids from = sources(t, moves_find(now, w->topic, w->partition),
			plan_find(current, w->topic, w->partition));
		struct ids to = { w->replicas, w->n };
		if (slice_eq(w->topic, topic))
			note_move(t, &th, w->partition, &from, &to);
	}
	for (int32_t i = 0; i < th.brokers.n; i++)
		add_id(t, brokers, th.brokers.v[i]);
	const char *values[] = { joined(t, th.leaders, th.n_leaders),
		joined(t, th.followers, th.n_followers) };
	return set(
		t, a, SETTINGS_TOPIC, tool_text(t, topic), topic_throttles, countof(topic_throttles), values);
}

int throttles_set(struct tool *t, struct admin *a, const struct moves *now, const struct plan *wanted,
	const struct plan *current, int64_t bytes_per_second)
{
	struct ids brokers = { NULL, 0 };
	unsigned n;
	struct slice *topics = plan_topics(t, wanted, &n);
	for (unsigned i = 0; i < n; i++)
		if (throttle_topic(t, a, topics[i], now, wanted, current, &brokers) < 0)
			return -1;
	for (int32_t i = 0; i < now->m.n_topics; i++) {
		bool named = false;
		for (unsigned k = 0; k < n; k++)
			named |= slice_eq(topics[k], now->m.topics[i].name);
		if (!named && throttle_topic(t, a, now->m.topics[i].name, now, wanted, current, &brokers) < 0)
			return -1;
	}
	const char *rate = tool_printf(t, "%lld", (long long)bytes_per_second), *values[] = { rate, rate };
	for (int32_t i = 0; i < brokers.n; i++)
		if (set(t, a, SETTINGS_BROKER, tool_printf(t, "%d", brokers.v[i]), broker_throttles, 2,
			    values) < 0)
			return -1;
	remark(reassign_as_json(t), "The inter-broker throttle limit was set to %s B/s\n", rate);
	return 0;
}

int throttles_set_dirs(struct tool *t, struct admin *a, const struct plan *p, int64_t bytes_per_second)
{
	struct ids brokers = { NULL, 0 };
	const char *rate = tool_printf(t, "%lld", (long long)bytes_per_second);
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 0; k < p->v[i].n; k++)
			if (p->v[i].dirs && p->v[i].dirs[k])
				add_id(t, &brokers, p->v[i].replicas[k]);
	for (int32_t i = 0; i < brokers.n; i++)
		if (set(t, a, SETTINGS_BROKER, tool_printf(t, "%d", brokers.v[i]), &broker_throttles[2], 1,
			    &rate) < 0)
			return -1;
	remark(reassign_as_json(t), "The replica-alter-dir throttle limit was set to %s B/s\n", rate);
	return 0;
}
