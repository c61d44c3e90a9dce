/* zk_check.c - see zk_check.h
 *
 * What must agree: contract of Kafka's controller and brokers with their nodes (kafka.zk.ZkData,
 * KafkaController, PartitionStateMachine of 3.9).
 */
#include "tools/zk_check.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "zkutil/znode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct broker {
	int32_t id;
	int64_t session;
	struct znode_broker it;
};

/* What was read so far. */
struct world {
	struct zk_check *check;
	struct broker *brokers;
	unsigned n_brokers;
	bool has_controller;
	int32_t controller_epoch; /* -1 unknown */
};

__attribute__((format(printf, 3, 4)))
static void fault(struct world *w, const char *path, const char *format, ...)
{
	char words[ZNODE_PATH_BYTES * 2];
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	w->check->faults++;
	w->check->fault(w->check->arg, path, words);
}

static struct arena *arena_of(struct world *w)
{
	return &w->check->tool->arena;
}

static const struct zoo_node *find(struct world *w, const char *path)
{
	return zoo_find(w->check->tree, path);
}

static const struct broker *broker_of(const struct world *w, int32_t id)
{
	for (unsigned i = 0; i < w->n_brokers; i++) {
		if (w->brokers[i].id == id)
			return &w->brokers[i];
	}
	return NULL;
}

/* The name of a direct child of `parent`; NULL for what lies deeper. */
static const char *child_name(const struct zoo_node *node, const char *parent)
{
	const char *name = node->path + strlen(parent) + 1;
	return strchr(name, '/') ? NULL : name;
}

static bool number_of(const char *name, int32_t *out)
{
	char *end;
	long long n = strtoll(name, &end, 10);
	*out = (int32_t)n;
	return end != name && *end == 0 && n >= 0 && n <= INT32_MAX;
}

static bool has(struct znode_ints ints, int32_t x)
{
	for (unsigned i = 0; i < ints.n; i++) {
		if (ints.v[i] == x)
			return true;
	}
	return false;
}

static const char *ints_text(struct world *w, struct znode_ints ints)
{
	const char *text = "";
	for (unsigned i = 0; i < ints.n; i++)
		text = tool_printf(w->check->tool, "%s%s%d", text, i ? "," : "", ints.v[i]);
	return text;
}

/* Of what length Kafka names topics; longer ones are told. */
static bool is_topic_name(struct world *w, const struct zoo_node *node, const char *name)
{
	enum { NAME_MAX_BYTES = 249 };
	if (strlen(name) <= NAME_MAX_BYTES)
		return true;
	fault(w, node->path, "a topic's name has %d characters at most", NAME_MAX_BYTES);
	return false;
}

/* ---- brokers ---- */

static void same_endpoints(struct world *w, const struct broker *a, const struct broker *b, const char *path)
{
	for (unsigned i = 0; i < a->it.n_endpoints; i++) {
		for (unsigned j = 0; j < b->it.n_endpoints; j++) {
			const struct znode_endpoint *x = &a->it.endpoints[i], *y = &b->it.endpoints[j];
			if (x->port == y->port && strcmp(x->host, y->host) == 0)
				fault(w, path, "broker %d is at %s:%d, where broker %d says that it is",
					b->id, y->host, y->port, a->id);
		}
	}
}

static void add_broker(struct world *w, const struct zoo_node *node, const char *name)
{
	struct broker *b = &w->brokers[w->n_brokers];
	struct znode_why why;
	if (!number_of(name, &b->id))
		fault(w, node->path, "'%s' is no broker id", name);
	else if (znode_broker_decode(arena_of(w), node->data, &b->it, &why) != 0)
		fault(w, node->path, "cannot be read: %s", why.s);
	if (!node->stat.ephemeral_owner)
		fault(w, node->path, "is persistent: it stays when its broker has gone");
	b->session = node->stat.ephemeral_owner;
	for (unsigned i = 0; i < w->n_brokers; i++)
		same_endpoints(w, &w->brokers[i], b, node->path);
	w->n_brokers++;
}

static void check_brokers(struct world *w)
{
	size_t n;
	const char *parent = znode_path(ZNODE_BROKER_IDS);
	const struct zoo_node *nodes = zoo_below(w->check->tree, parent, &n);
	w->brokers = tool_alloc(w->check->tool, (n + 1) * sizeof *w->brokers);
	for (size_t i = 0; i < n; i++) {
		const char *name = child_name(&nodes[i], parent);
		if (name)
			add_broker(w, &nodes[i], name);
	}
}

/* ---- the controller ---- */

static void check_controller(struct world *w)
{
	struct znode_controller c;
	struct znode_why why;
	const struct zoo_node *node = find(w, znode_path(ZNODE_CONTROLLER));
	if (!node) {
		if (w->n_brokers)
			fault(w, znode_path(ZNODE_CONTROLLER), "is missing though %u brokers are registered",
				w->n_brokers);
		return;
	}
	if (znode_controller_decode(arena_of(w), node->data, &c, &why) != 0) {
		fault(w, node->path, "cannot be read: %s", why.s);
		return;
	}
	const struct broker *b = broker_of(w, c.broker);
	w->has_controller = true;
	if (c.kraft_epoch >= 0)
		return; /* no broker */
	if (!node->stat.ephemeral_owner)
		fault(w, node->path, "is persistent: no other broker can become the controller");
	if (!b)
		fault(w, node->path, "points to broker %d, which is not registered", c.broker);
	else if (b->session != node->stat.ephemeral_owner)
		fault(w, node->path, "belongs to session 0x%" PRIx64 ", but broker %d has session 0x%" PRIx64,
			node->stat.ephemeral_owner, c.broker, b->session);
}

static void check_epoch(struct world *w)
{
	struct znode_why why;
	const struct zoo_node *node = find(w, znode_path(ZNODE_CONTROLLER_EPOCH));
	w->controller_epoch = -1;
	if (node && znode_controller_epoch_decode(node->data, &w->controller_epoch, &why) != 0)
		fault(w, node->path, "cannot be read: %s", why.s);
	else if (!node && find(w, znode_path(ZNODE_CONTROLLER)))
		fault(w, znode_path(ZNODE_CONTROLLER_EPOCH), "is missing though there is a controller");
}

static void check_cluster(struct world *w)
{
	struct znode_why why;
	struct znode_migration m;
	const char *id;
	const struct zoo_node *node = find(w, znode_path(ZNODE_CLUSTER_ID));
	const struct zoo_node *migration = find(w, znode_path(ZNODE_MIGRATION));
	if (!node)
		fault(w, znode_path(ZNODE_CLUSTER_ID), "is missing: is this the root that the brokers use?");
	else if (znode_cluster_id_decode(arena_of(w), node->data, &id, &why) != 0)
		fault(w, node->path, "cannot be read: %s", why.s);
	if (migration && znode_migration_decode(migration->data, &m, &why) == 0 && m.kraft_controller >= 0)
		fault(w, migration->path, "a migration to KRaft has begun: its controller %d owns what is "
			"here", m.kraft_controller);
}

/* ---- topics ---- */

static void check_assignment(struct world *w, const struct zoo_node *node, const struct znode_topic *t)
{
	for (unsigned i = 0; i < t->n_partitions; i++) {
		const struct znode_replicas *r = &t->partitions[i];
		if (r->partition != (int32_t)i)
			fault(w, node->path, "partition %u is missing", i);
		if (r->replicas.n == 0)
			fault(w, node->path, "partition %d has no replica", r->partition);
		for (unsigned j = 0; j < r->replicas.n; j++) {
			struct znode_ints before = { r->replicas.v, j };
			if (has(before, r->replicas.v[j]))
				fault(w, node->path, "partition %d has broker %d twice", r->partition,
					r->replicas.v[j]);
		}
		for (unsigned j = 0; j < r->adding.n; j++) {
			if (!has(r->replicas, r->adding.v[j]))
				fault(w, node->path, "partition %d adds broker %d, which is none of its "
					"replicas", r->partition, r->adding.v[j]);
		}
	}
}

static void check_state(struct world *w, const struct zoo_node *node, const struct znode_replicas *r)
{
	struct znode_state s;
	struct znode_why why;
	if (znode_state_decode(arena_of(w), node->data, &s, &why) != 0) {
		fault(w, node->path, "cannot be read: %s", why.s);
		return;
	}
	if (s.leader >= 0 && !broker_of(w, s.leader))
		fault(w, node->path, "the leader is broker %d, which is not registered", s.leader);
	if (s.leader >= 0 && !has(s.isr, s.leader))
		fault(w, node->path, "the leader is broker %d, which is not in sync [%s]", s.leader,
			ints_text(w, s.isr));
	if (s.isr.n == 0)
		fault(w, node->path, "no replica is in sync: nobody can become the leader");
	for (unsigned i = 0; i < s.isr.n; i++) {
		if (!has(r->replicas, s.isr.v[i]))
			fault(w, node->path, "broker %d is in sync but none of the replicas [%s]", s.isr.v[i],
				ints_text(w, r->replicas));
	}
	if (w->controller_epoch >= 0 && s.controller_epoch > w->controller_epoch)
		fault(w, node->path, "was written by a controller of epoch %d, but /controller_epoch is %d",
			s.controller_epoch, w->controller_epoch);
}

static void check_states(struct world *w, const struct zoo_node *node, const char *name,
	const struct znode_topic *t)
{
	bool deleted = find(w, znode_delete_topic_path(name).s) != NULL;
	for (unsigned i = 0; i < t->n_partitions; i++) {
		const char *path = tool_text(w->check->tool, slice_str(znode_state_path(name,
			t->partitions[i].partition).s));
		const struct zoo_node *state = find(w, path);
		if (state)
			check_state(w, state, &t->partitions[i]);
		else if (w->has_controller && !deleted &&
			w->check->now_ms - node->stat.mtime_ms > ZK_CHECK_REQUEST_MS) fault(w, path,
			"is missing: the controller has not taken the partition up");
	}
}

/* Nodes of partitions that the topic does not have. */
static void check_strays(struct world *w, const char *name, const struct znode_topic *t)
{
	size_t n;
	int32_t number;
	const char *parent = tool_text(w->check->tool, slice_str(znode_partitions_path(name).s));
	const struct zoo_node *nodes = zoo_below(w->check->tree, parent, &n);
	for (size_t i = 0; i < n; i++) {
		const char *child = child_name(&nodes[i], parent);
		if (child && (!number_of(child, &number) || number >= (int32_t)t->n_partitions))
			fault(w, nodes[i].path, "the topic has %u partitions", t->n_partitions);
	}
}

struct id {
	struct uuid id;
	const char *path;
};

static int by_id(const void *a, const void *b)
{
	return memcmp(&((const struct id *)a)->id, &((const struct id *)b)->id, sizeof(struct uuid));
}

static void same_ids(struct world *w, struct id *ids, size_t n)
{
	order_sort(ids, n, sizeof *ids, by_id);
	for (size_t i = 1; i < n; i++) {
		if (by_id(&ids[i - 1], &ids[i]) == 0)
			fault(w, ids[i].path, "has the topic id of %s", ids[i - 1].path);
	}
}

static void check_topics(struct world *w)
{
	size_t n, n_ids = 0;
	const char *parent = znode_path(ZNODE_TOPICS);
	const struct zoo_node *nodes = zoo_below(w->check->tree, parent, &n);
	struct id *ids = mem_alloc((n + 1) * sizeof *ids);
	for (size_t i = 0; i < n; i++) {
		struct znode_topic t;
		struct znode_why why;
		const char *name = child_name(&nodes[i], parent);
		if (!name || !is_topic_name(w, &nodes[i], name))
			continue;
		if (znode_topic_decode(arena_of(w), nodes[i].data, &t, &why) != 0) {
			fault(w, nodes[i].path, "cannot be read: %s", why.s);
			continue;
		}
		if (t.has_id)
			ids[n_ids++] = (struct id){ t.id, nodes[i].path };
		else if (w->has_controller && w->check->now_ms - nodes[i].stat.mtime_ms > ZK_CHECK_REQUEST_MS)
			fault(w, nodes[i].path, "has no topic id");
		check_assignment(w, &nodes[i], &t);
		check_states(w, &nodes[i], name, &t);
		check_strays(w, name, &t);
	}
	same_ids(w, ids, n_ids);
	free(ids);
}

/* ---- settings ---- */

static void check_configs(struct world *w)
{
	size_t n;
	struct znode_config config;
	struct znode_why why;
	const char *topics = znode_path(ZNODE_CONFIG_TOPICS);
	const struct zoo_node *nodes = zoo_below(w->check->tree, "/config", &n);
	for (size_t i = 0; i < n; i++) {
		bool is_change = strncmp(nodes[i].path, znode_path(ZNODE_CONFIG_CHANGES),
			strlen(znode_path(ZNODE_CONFIG_CHANGES))) == 0;
		if (!is_change && znode_config_decode(arena_of(w), nodes[i].data, &config, &why) != 0)
			fault(w, nodes[i].path, "cannot be read: %s", why.s);
	}
	nodes = zoo_below(w->check->tree, topics, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = child_name(&nodes[i], topics);
		if (name && is_topic_name(w, &nodes[i], name) && !find(w, znode_topic_path(name).s))
			fault(w, nodes[i].path, "there is no such topic");
	}
}

/* ---- what the controller was asked for ---- */

static bool is_old(const struct world *w, const struct zoo_node *node)
{
	return w->check->now_ms - node->stat.ctime_ms > ZK_CHECK_REQUEST_MS;
}

static long long age_s(const struct world *w, const struct zoo_node *node)
{
	return (w->check->now_ms - node->stat.ctime_ms) / 1000;
}

static void check_deletions(struct world *w)
{
	size_t n;
	const char *parent = znode_path(ZNODE_DELETE_TOPICS);
	const struct zoo_node *nodes = zoo_below(w->check->tree, parent, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = child_name(&nodes[i], parent);
		if (!name || !is_topic_name(w, &nodes[i], name))
			continue;
		if (!find(w, znode_topic_path(name).s))
			fault(w, nodes[i].path, "there is no such topic");
		else if (is_old(w, &nodes[i]))
			fault(w, nodes[i].path, "the deletion waits since %lld s: is a broker with a replica "
				"down, or delete.topic.enable off?", age_s(w, &nodes[i]));
	}
}

static void check_left_over(struct world *w, enum znode row, const char *what)
{
	const struct zoo_node *node = find(w, znode_path(row));
	if (node && is_old(w, node))
		fault(w, node->path, "%s waits since %lld s", what, age_s(w, node));
}

/* Notifications that a controller deletes when it has read them. */
static void check_notifications(struct world *w, enum znode parent, enum znode row)
{
	size_t n;
	const struct zoo_node *nodes = zoo_below(w->check->tree, znode_path(parent), &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = child_name(&nodes[i], znode_path(parent));
		if (!name || znode_sequence(row, name) < 0)
			fault(w, nodes[i].path, "is no notification");
		else if (w->has_controller && is_old(w, &nodes[i]))
			fault(w, nodes[i].path, "waits for a controller since %lld s", age_s(w, &nodes[i]));
	}
}

static void check_producer_ids(struct world *w)
{
	struct znode_producer_ids p;
	struct znode_why why;
	const struct zoo_node *node = find(w, znode_path(ZNODE_PRODUCER_IDS));
	if (!node || slice_is_null(node->data))
		return;
	if (znode_producer_ids_decode(node->data, &p, &why) != 0)
		fault(w, node->path, "cannot be read: %s", why.s);
}

unsigned zk_check(struct zk_check *c)
{
	struct world w = { .check = c };
	check_cluster(&w);
	check_brokers(&w);
	check_controller(&w);
	check_epoch(&w);
	check_topics(&w);
	check_configs(&w);
	check_deletions(&w);
	check_left_over(&w, ZNODE_REASSIGN, "a reassignment that a tool asked for");
	check_left_over(&w, ZNODE_PREFERRED_ELECTION, "an election that a tool asked for");
	check_notifications(&w, ZNODE_ISR_CHANGES, ZNODE_ISR_CHANGE);
	check_notifications(&w, ZNODE_LOG_DIR_EVENTS, ZNODE_LOG_DIR_EVENT);
	check_producer_ids(&w);
	return c->faults;
}
