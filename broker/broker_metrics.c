/* broker_metrics.c - see broker_metrics.h. In the order of metric.tbl. */
#include "broker/broker_metrics.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/broker_priv.h"
#include "broker/group/group.h"
#include "broker/metrics/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BROKER_METRICS_MAGIC 0xb7e7a1c5u

enum { NUMBER_BYTES = 16 };

/* CPU time of each data core at a moment, and how long each listener had kept peers waiting. */
struct moment {
	int64_t at_ns;
	int64_t *cpu_ns;
	struct blocked {
		char *listener;
		int64_t ns;
	} blocked[NET_LISTENERS_MAX];
	int n_blocked;
};

struct broker_metrics {
	unsigned magic;
	const struct broker *b;
	int64_t started_ms; /* wall clock */
	struct report *report;
	int n_cores;
	struct moment older, newer;
};

struct broker_metrics *broker_metrics_new(const struct broker *b)
{
	struct broker_metrics *m;
	ALLOC_OBJ(m, BROKER_METRICS_MAGIC);
	m->b = b;
	m->started_ms = sys_wall_ms();
	m->n_cores = b->n_cores;
	m->older = m->newer = (struct moment){ .at_ns = sys_mono_ns() };
	m->older.cpu_ns = mem_zalloc((size_t)m->n_cores * sizeof *m->older.cpu_ns);
	m->newer.cpu_ns = mem_zalloc((size_t)m->n_cores * sizeof *m->newer.cpu_ns);
	m->report = report_new(b->metrics, m->newer.at_ns / 1000000);
	return m;
}

static void moment_clear(struct moment *t)
{
	while (t->n_blocked > 0)
		free(t->blocked[--t->n_blocked].listener);
}

void broker_metrics_free(struct broker_metrics *m)
{
	CHECK_OBJ_NOTNULL(m, BROKER_METRICS_MAGIC);
	report_free(m->report);
	moment_clear(&m->older);
	moment_clear(&m->newer);
	free(m->older.cpu_ns);
	free(m->newer.cpu_ns);
	FREE_OBJ(m);
}

static void put(struct page *p, enum metric metric, uint64_t value)
{
	page_head(p, metric);
	page_whole(p, metric, NO_LABELS, value);
}

static void put_real(struct page *p, enum metric metric, double value)
{
	page_head(p, metric);
	page_real(p, metric, NO_LABELS, value);
}

struct number {
	char text[NUMBER_BYTES];
};

static struct number number(int n)
{
	struct number out;
	snprintf(out.text, sizeof out.text, "%d", n);
	return out;
}

/* ---- what the cores count ---- */

static void put_counted(struct broker_metrics *m, const struct census *c, struct page *p)
{
	size_t n = 0, topics = c ? (size_t)meta_topics(c->meta) : 0;
	struct report_topic *counted = mem_alloc(topics * sizeof *counted + 1);
	for (size_t i = 0; i < topics; i++) {
		const struct meta_topic *t = meta_topic_at(c->meta, (int)i);
		if (t->counts)
			counted[n++] = (struct report_topic){ t->name, t->counts };
	}
	report_all(m->report, p, counted, n, sys_mono_ns() / 1000000);
	free(counted);
}

/* ---- requests and connections ---- */

static int compare_clients(const void *a, const void *b)
{
	const struct kind *const *one = a, *const *other = b;
	int order = strcmp((*one)->first, (*other)->first);
	return order ? order : strcmp((*one)->second, (*other)->second);
}

/* Clients of one name and version, on whatever core and listener. */
static void put_deprecated_of(const struct broker_metrics *m, struct page *p, struct kind *const *same,
			      size_t n)
{
	int request, version;
	for (int row = 0; deprecated_pair(row, &request, &version); row++) {
		uint64_t sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += same[i]->deprecated[row];
		if (sum > 0)
			page_whole(p, METRIC_DEPRECATED,
				   LABELS(metrics_request_name(m->b->metrics, request), number(version).text,
					  same[0]->first, same[0]->second), sum);
	}
}

static void put_deprecated(const struct broker_metrics *m, const struct census *c, struct page *p)
{
	size_t n = 0;
	struct kind **all = mem_alloc((size_t)c->n_cores * (KINDS_MAX + 1) * sizeof(struct kind *));
	for (int core = 0; core < c->n_cores; core++)
		for (int i = 0; i < c->cores[core].clients.n; i++)
			if (c->cores[core].clients.v[i].deprecated)
				all[n++] = &c->cores[core].clients.v[i];
	order_sort(all, n, sizeof(struct kind *), compare_clients);
	page_head(p, METRIC_DEPRECATED);
	for (size_t i = 0, same; i < n; i += same) {
		for (same = 1; i + same < n && compare_clients(&all[i], &all[i + same]) == 0; same++)
			;
		put_deprecated_of(m, p, &all[i], same);
	}
	free(all);
}

/* A label that is empty is none, to Prometheus. */
static void put_connections_of(const struct kinds_copy *kinds, int core, bool by_cipher, struct page *p)
{
	const struct number at = number(core);
	for (int i = 0; i < kinds->n; i++) {
		const struct kind *k = &kinds->v[i];
		const char *const *labels = by_cipher ?
			LABELS(k->listener, at.text, "", "", k->first, k->second) :
			LABELS(k->listener, at.text, k->first, k->second);
		if (k->connections > 0)
			page_whole(p, METRIC_CONNECTIONS_BY, labels, k->connections);
	}
}

static void put_connections(const struct census *c, struct page *p)
{
	page_head(p, METRIC_CONNECTIONS_BY);
	for (int core = 0; core < c->n_cores; core++) {
		put_connections_of(&c->cores[core].clients, core, false, p);
		put_connections_of(&c->cores[core].ciphers, core, true, p);
	}
}

static void put_sessions(const struct census *c, struct page *p)
{
	uint64_t sessions = 0, partitions = 0, evicted = 0;
	for (int i = 0; i < c->n_cores; i++) {
		sessions += (uint64_t)c->cores[i].sessions;
		partitions += (uint64_t)c->cores[i].session_partitions;
		evicted += c->cores[i].sessions_evicted;
	}
	put(p, METRIC_FETCH_SESSIONS, sessions);
	put(p, METRIC_FETCH_SESSION_PARTITIONS, partitions);
	put(p, METRIC_FETCH_SESSIONS_EVICTED, evicted);
	put(p, METRIC_REQUEST_QUEUE, c->requests_in_line);
}

static void put_states(const struct census *c, struct page *p)
{
	static const enum metric by_state[GROUP_STATES] = {
		[GROUP_EMPTY] = METRIC_GROUPS_EMPTY, [GROUP_PREPARING] = METRIC_GROUPS_PREPARING,
		[GROUP_COMPLETING] = METRIC_GROUPS_COMPLETING, [GROUP_STABLE] = METRIC_GROUPS_STABLE,
		[GROUP_DEAD] = METRIC_GROUPS_DEAD };
	uint64_t offsets = 0, groups = 0, of_state[GROUP_STATES] = { 0 };
	for (int i = 0; i < c->n_cores; i++) {
		offsets += c->groups[i].offsets;
		for (int state = 0; state < GROUP_STATES; state++) {
			of_state[state] += c->groups[i].groups[state];
			groups += c->groups[i].groups[state];
		}
	}
	put(p, METRIC_GROUP_OFFSETS, offsets);
	put(p, METRIC_GROUPS, groups);
	for (int state = 0; state < GROUP_STATES; state++)
		put(p, by_state[state], of_state[state]);
}

static void put_loads(const struct census *c, struct page *p)
{
	int64_t sum_ms = 0, max_ms = 0;
	int n = 0;
	for (int i = 0; i < c->n_cores; i++) {
		n += c->groups[i].loads;
		sum_ms += c->groups[i].loads_sum_ms;
		max_ms = max_of(max_ms, c->groups[i].loads_max_ms);
	}
	put_real(p, METRIC_LOAD_TIME_MAX, n > 0 ? (double)max_ms : (double)NAN);
	put_real(p, METRIC_LOAD_TIME_AVG, n > 0 ? (double)sum_ms / n : (double)NAN);
}

/* What waits in each of Kafka's purgatories. */
static void put_waiting(const struct census *c, struct page *p)
{
	enum { PRODUCE, FETCH, DELETE_RECORDS, HEARTBEAT, REBALANCE, TOPIC, ELECT_LEADER, PURGATORIES };
	static const char *const names[PURGATORIES] = { "Produce",   "Fetch", "DeleteRecords", "Heartbeat",
							"Rebalance", "topic", "ElectLeader" };
	uint64_t n[PURGATORIES] = { [TOPIC] = c->topics_awaited, [ELECT_LEADER] = c->elections_awaited };
	for (int i = 0; i < c->n_cores; i++) {
		n[PRODUCE] += c->cores[i].waits.produce;
		n[FETCH] += c->cores[i].waits.fetch;
		n[DELETE_RECORDS] += c->cores[i].waits.delete_records;
		n[HEARTBEAT] += c->groups[i].sessions;
		n[REBALANCE] += c->groups[i].rebalances;
	}
	for (enum metric i = METRIC_PURGATORY_SIZE; i <= METRIC_DELAYED_OPERATIONS; i++) {
		page_head(p, i);
		for (int k = 0; k < PURGATORIES; k++)
			page_whole(p, i, LABELS(names[k]), n[k]);
	}
}

static void put_expired(const struct census *c, struct page *p)
{
	struct api_waits all = { 0 };
	for (int i = 0; i < c->n_cores; i++) {
		all.produce_expired += c->cores[i].waits.produce_expired;
		all.consumer_expired += c->cores[i].waits.consumer_expired;
		all.follower_expired += c->cores[i].waits.follower_expired;
		all.delete_expired += c->cores[i].waits.delete_expired;
	}
	put(p, METRIC_PRODUCE_EXPIRED, all.produce_expired);
	page_head(p, METRIC_FETCH_EXPIRED);
	page_whole(p, METRIC_FETCH_EXPIRED, LABELS("consumer"), all.consumer_expired);
	page_whole(p, METRIC_FETCH_EXPIRED, LABELS("follower"), all.follower_expired);
	put(p, METRIC_DELETE_EXPIRED, all.delete_expired);
}

static int64_t of_commit(enum metric metric, const struct census_commit *commit)
{
	return metric == METRIC_GROUP_OFFSET ? commit->offset : commit->lag;
}

static void put_commits(const struct census *c, struct page *p, enum metric metric)
{
	page_head(p, metric);
	for (int core = 0; core < c->n_cores; core++)
		for (int i = 0; i < c->groups[core].n_commits; i++) {
			const struct census_commit *commit = &c->groups[core].commits[i];
			const struct census_partition *at = &c->partitions[commit->partition];
			const struct number index = number(at->index);
			const char *const *labels = LABELS(commit->group, at->topic->name, index.text);
			if (metric != METRIC_GROUP_BEHIND)
				page_whole(p, metric, labels, (uint64_t)of_commit(metric, commit));
			else if (commit->behind_ms >= 0)
				page_real(p, metric, labels, (double)commit->behind_ms / 1e3);
		}
}

static void put_groups(const struct census *c, struct page *p)
{
	uint64_t cut = 0;
	put_states(c, p);
	put_loads(c, p);
	put_waiting(c, p);
	put_expired(c, p);
	for (enum metric i = METRIC_GROUP_OFFSET; i <= METRIC_GROUP_BEHIND; i++)
		put_commits(c, p, i);
	for (int core = 0; core < c->n_cores; core++)
		cut += c->groups[core].cut;
	put(p, METRIC_GROUPS_CUT, cut);
}

static uint64_t of_traffic(enum metric metric, const struct net_traffic *n)
{
	switch ((int)metric) {
	case METRIC_CONNECTIONS: return n->connections;
	case METRIC_CONNECTIONS_MADE: return n->connections + n->closed;
	case METRIC_CONNECTIONS_CLOSED: return n->closed;
	case METRIC_HANDSHAKES: return n->handshakes;
	case METRIC_HANDSHAKES_FAILED: return n->handshakes_failed;
	case METRIC_SOCKET_BYTES_IN: return n->bytes_in;
	case METRIC_SOCKET_BYTES_OUT: return n->bytes_out;
	case METRIC_FRAMES: return n->frames;
	}
	must_not_reach("a metric of a listener");
}

static void put_traffic(const struct census *c, struct page *p)
{
	for (enum metric i = METRIC_CONNECTIONS; i <= METRIC_FRAMES; i++) {
		page_head(p, i);
		for (int k = 0; k < c->n_listeners; k++)
			for (int core = 0; core < c->n_cores; core++)
				page_whole(p, i, LABELS(c->listeners[k].name, number(core).text),
					   of_traffic(i, &c->listeners[k].cores[core]));
	}
}

static uint64_t of_net(enum metric metric, const struct net_counters *n)
{
	switch ((int)metric) {
	case METRIC_CONNECTIONS_ACCEPTED: return n->accepted;
	case METRIC_CONNECTIONS_REFUSED: return n->refused;
	case METRIC_FRAME_BYTES: return n->frame_bytes;
	case METRIC_FRAME_BYTES_FREE: return n->frame_bytes_free;
	}
	must_not_reach("a metric of the network");
}

static void put_net(const struct census *c, struct page *p)
{
	put_traffic(c, p);
	for (enum metric i = METRIC_CONNECTIONS_ACCEPTED; i <= METRIC_FRAME_BYTES_FREE; i++) {
		uint64_t all = 0;
		for (int core = 0; core < c->n_cores; core++)
			all += of_net(i, &c->cores[core].net);
		put(p, i, all);
	}
}

/* ---- cores and listeners ---- */

/* Of the time since the older moment, when somebody was kept waiting. A listener that has come since, maybe
 * in the place of one of its name, began with nothing. */
static double blocked_share(const struct broker_metrics *m, const struct net_listener_counters *now,
			    int64_t now_ns)
{
	double had = (double)(now_ns - m->older.at_ns);
	int64_t before = 0;
	for (int i = 0; i < m->older.n_blocked; i++)
		if (strcmp(m->older.blocked[i].listener, now->name) == 0)
			before = m->older.blocked[i].ns;
	int64_t ns = now->blocked_ns >= before ? now->blocked_ns - before : now->blocked_ns;
	return had > 0 ? min_of((double)ns / had, 1.0) : 0;
}

static void put_blocked(const struct broker_metrics *m, const struct census *c, struct page *p)
{
	int64_t now_ns = sys_mono_ns();
	page_head(p, METRIC_ACCEPTOR_BLOCKED);
	for (int i = 0; i < c->n_listeners; i++)
		page_real(p, METRIC_ACCEPTOR_BLOCKED, LABELS(c->listeners[i].name),
			  blocked_share(m, &c->listeners[i], now_ns));
}

/* Of the time since the older moment, what a data core has not used. */
static double idle_share(const struct broker_metrics *m, const struct census *c, int core, int64_t now_ns)
{
	double had = (double)(now_ns - m->older.at_ns);
	double used = (double)(c->cores[core].cpu_ns - m->older.cpu_ns[core]);
	return had > 0 ? max_of(1 - used / had, 0.0) : 1;
}

static void move_window(struct broker_metrics *m, const struct census *c, int64_t now_ns)
{
	if (now_ns - m->newer.at_ns < IDLE_WINDOW_MS * INT64_C(1000000))
		return;
	struct moment oldest = m->older;
	m->older = m->newer;
	moment_clear(&oldest);
	m->newer = (struct moment){ .at_ns = now_ns, .cpu_ns = oldest.cpu_ns };
	for (int i = 0; i < c->n_listeners; i++)
		m->newer.blocked[m->newer.n_blocked++] =
			(struct blocked){ mem_strdup(c->listeners[i].name), c->listeners[i].blocked_ns };
	for (int i = 0; i < m->n_cores; i++)
		m->newer.cpu_ns[i] = c->cores[i].cpu_ns;
}

static void put_idle(struct broker_metrics *m, const struct census *c, struct page *p)
{
	int64_t now_ns = sys_mono_ns();
	double sum = 0;
	must(c->n_cores == m->n_cores);
	for (int i = 0; i < c->n_cores; i++)
		sum += idle_share(m, c, i, now_ns);
	put_real(p, METRIC_HANDLERS_IDLE, sum / c->n_cores);
	put_real(p, METRIC_PROCESSORS_IDLE, sum / c->n_cores);
	page_head(p, METRIC_PROCESSOR_IDLE);
	for (int i = 0; i < c->n_cores; i++)
		page_real(p, METRIC_PROCESSOR_IDLE, LABELS(number(i).text), idle_share(m, c, i, now_ns));
	move_window(m, c, now_ns);
}

static void put_cores(struct broker_metrics *m, const struct census *c, struct page *p)
{
	put_idle(m, c, p);
	page_head(p, METRIC_CORE_CPU);
	page_real(p, METRIC_CORE_CPU, LABELS("control"), (double)c->control.cpu_ns / 1e9);
	for (int i = 0; i < c->n_cores; i++)
		page_real(p, METRIC_CORE_CPU, LABELS(number(i).text), (double)c->cores[i].cpu_ns / 1e9);
	page_head(p, METRIC_CORE_TURNS);
	page_whole(p, METRIC_CORE_TURNS, LABELS("control"), c->control.turns);
	for (int i = 0; i < c->n_cores; i++)
		page_whole(p, METRIC_CORE_TURNS, LABELS(number(i).text), c->cores[i].turns);
}

/* ---- logs and replicas ---- */

static uint64_t of_partition(enum metric metric, const struct census_partition *t)
{
	switch ((int)metric) {
	case METRIC_LOG_SIZE: return t->size;
	case METRIC_LOG_START: return (uint64_t)t->start;
	case METRIC_LOG_END: return (uint64_t)t->end;
	case METRIC_LOG_SEGMENTS: return t->segments;
	case METRIC_PARTITION_UNDER_REPLICATED: return t->under_replicated;
	case METRIC_PARTITION_ISR: return (uint64_t)t->isr;
	case METRIC_PARTITION_REPLICAS: return (uint64_t)t->replicas;
	case METRIC_PARTITION_UNDER_MIN_ISR: return t->under_min_isr;
	case METRIC_PARTITION_AT_MIN_ISR: return t->at_min_isr;
	case METRIC_PARTITION_STABLE_LAG: return (uint64_t)t->stable_lag;
	/* These are told as sums. */
	case METRIC_PARTITIONS: return t->here;
	case METRIC_LEADERS: return t->leader;
	case METRIC_OFFLINE_REPLICAS: return t->failed;
	case METRIC_UNDER_REPLICATED: return t->under_replicated;
	case METRIC_UNDER_MIN_ISR: return t->under_min_isr;
	case METRIC_AT_MIN_ISR: return t->at_min_isr;
	case METRIC_PRODUCER_IDS: return t->producers;
	case METRIC_REASSIGNING: return t->moving;
	}
	must_not_reach("a metric of partitions");
}

static void put_each_partition(const struct census *c, struct page *p, enum metric from, enum metric to)
{
	for (enum metric i = from; i <= to; i++) {
		page_head(p, i);
		for (int k = 0; k < c->n_partitions; k++) {
			const struct census_partition *t = &c->partitions[k];
			if (!t->here)
				continue;
			page_whole(p, i, LABELS(t->topic->name, number(t->index).text), of_partition(i, t));
		}
	}
}

static void put_dirs(const struct census *c, struct page *p)
{
	uint64_t offline = 0;
	page_head(p, METRIC_LOG_DIR_OFFLINE);
	for (int i = 0; i < c->n_dirs; i++) {
		page_whole(p, METRIC_LOG_DIR_OFFLINE, LABELS(c->dirs[i].path), c->dirs[i].offline);
		offline += c->dirs[i].offline;
	}
	put(p, METRIC_LOG_DIRS_OFFLINE, offline);
}

static void put_cleaner(const struct census *c, struct page *p)
{
	const struct manager_cleaner_figures *f = &c->cleaner;
	uint64_t read = max_of(f->last_bytes_read, UINT64_C(1));
	int64_t since_ms = f->looked_ms ? max_of(sys_wall_ms() - f->looked_ms, INT64_C(0)) : 0;
	page_head(p, METRIC_CLEANER_UNCLEANABLE);
	for (int i = 0; i < c->n_dirs; i++)
		page_whole(p, METRIC_CLEANER_UNCLEANABLE, LABELS(c->dirs[i].path),
			   (uint64_t)c->dirs[i].uncleanable.partitions);
	page_head(p, METRIC_CLEANER_UNCLEANABLE_BYTES);
	for (int i = 0; i < c->n_dirs; i++)
		page_whole(p, METRIC_CLEANER_UNCLEANABLE_BYTES, LABELS(c->dirs[i].path),
			   c->dirs[i].uncleanable.bytes);
	put(p, METRIC_CLEANER_DIRTIEST, (uint64_t)(100 * f->dirtiest));
	put(p, METRIC_CLEANER_SINCE_LAST, (uint64_t)since_ms);
	put(p, METRIC_CLEANER_BUFFER, (uint64_t)(100 * f->last_fill));
	put(p, METRIC_CLEANER_RECOPY, 100 * f->last_bytes_written / read);
	put_real(p, METRIC_CLEANER_TIME, (double)f->last_ns / 1e9);
	put(p, METRIC_CLEANER_DELAY, (uint64_t)(f->delay_ms / 1000));
	put(p, METRIC_CLEANER_DEAD, 0);
	put(p, METRIC_CLEANER_IO, f->io_bytes);
}

static void put_moves(const struct census *c, struct page *p)
{
	const struct {
		enum metric metric;
		uint64_t value;
	} rows[] = {
		{ METRIC_MOVES_LAG, (uint64_t)c->moves.lag_max },
		{ METRIC_MOVES_FAILED, (uint64_t)c->moves.failed },
		{ METRIC_MOVES_DEAD, 0 },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		page_head(p, rows[i].metric);
		page_whole(p, rows[i].metric, LABELS("ReplicaAlterLogDirs"), rows[i].value);
	}
}

static void put_partitions(const struct census *c, struct page *p)
{
	put_each_partition(c, p, METRIC_LOG_SIZE, METRIC_LOG_SEGMENTS);
	put_dirs(c, p);
	put_cleaner(c, p);
	put_moves(c, p);
	for (enum metric i = METRIC_PARTITIONS; i <= METRIC_REASSIGNING; i++) {
		uint64_t sum = 0;
		for (int k = 0; k < c->n_partitions; k++)
			sum += of_partition(i, &c->partitions[k]);
		put(p, i, sum);
	}
	put_each_partition(c, p, METRIC_PARTITION_UNDER_REPLICATED, METRIC_PARTITION_STABLE_LAG);
}

/* ---- controller and ZooKeeper ---- */

/* Only the active one knows; the others say 0, so that a sum over the cluster is right. */
static void put_controller(const struct census *c, struct page *p)
{
	const struct controller_figures *f = &c->controller, none = { 0 };
	const struct controller_figures *known = f->active ? f : &none;
	put(p, METRIC_ACTIVE_CONTROLLER, f->active);
	put(p, METRIC_OFFLINE_PARTITIONS, (uint64_t)known->offline_partitions);
	put(p, METRIC_CLUSTER_TOPICS, (uint64_t)known->topics);
	put(p, METRIC_CLUSTER_PARTITIONS, (uint64_t)known->partitions);
	put(p, METRIC_CLUSTER_BROKERS, (uint64_t)known->brokers);
	put(p, METRIC_TOPICS_TO_DELETE, (uint64_t)known->deleting_topics);
	put(p, METRIC_REPLICAS_TO_DELETE, (uint64_t)known->deleting_replicas);
	put(p, METRIC_TOPICS_STUCK, (uint64_t)known->stuck_topics);
	put(p, METRIC_REPLICAS_STUCK, (uint64_t)known->stuck_replicas);
	put(p, METRIC_NOT_PREFERRED, (uint64_t)known->not_preferred);
	put(p, METRIC_UNCLEAN_ELECTIONS, f->unclean_elections);
	put(p, METRIC_CONTROLLER_STATE, (uint64_t)f->state);
	put(p, METRIC_CONTROLLER_EVENTS, (uint64_t)f->queued_events);
	put_real(p, METRIC_CONTROLLER_ID, meta_controller(c->meta));
	put_real(p, METRIC_CONTROLLER_EPOCH, f->epoch);
}

static void put_zookeeper(const struct census *c, struct page *p)
{
	page_head(p, METRIC_ZK_STATE);
	page_whole(p, METRIC_ZK_STATE, LABELS(c->zk.state), 1);
	put(p, METRIC_ZK_CONNECTS, c->zk.connects);
	put(p, METRIC_ZK_DISCONNECTS, c->zk.disconnects);
	put(p, METRIC_ZK_EXPIRES, c->zk.expires);
	put(p, METRIC_ZK_AUTH_FAILURES, c->zk.auth_failures);
}

/* ---- the broker and its process ---- */

static uint64_t kafka_state(enum broker_state state)
{
	static const uint64_t kafkas[] = {
		[BROKER_NOT_RUNNING] = 0, [BROKER_STARTING] = 1, [BROKER_RECOVERY] = 2,
		[BROKER_RUNNING] = 3,	  [BROKER_STOPPING] = 7, [BROKER_STOPPED] = 0,
	};
	must((size_t)state < countof(kafkas));
	return kafkas[state];
}

static void put_broker(struct broker_metrics *m, const struct census *c, struct page *p)
{
	put(p, METRIC_BROKER_STATE, kafka_state(broker_state(m->b)));
	put(p, METRIC_RECOVERY_PERCENT, (uint64_t)broker_recovery_percent(m->b));
	if (c) {
		const char *cluster = c->cluster_id ? c->cluster_id : "";
		page_head(p, METRIC_BUILD_INFO);
		page_whole(p, METRIC_BUILD_INFO,
			   LABELS(PACKAGE_VERSION, number(c->broker_id).text, cluster), 1);
	}
	put(p, METRIC_ALL_ANSWERED, c != NULL);
}

static void put_process(const struct broker_metrics *m, struct page *p)
{
	struct sys_process process;
	sys_process(&process);
	put_real(p, METRIC_PROCESS_CPU, (double)process.cpu_ns / 1e9);
	put(p, METRIC_PROCESS_RESIDENT, (uint64_t)process.resident_bytes);
	put(p, METRIC_PROCESS_VIRTUAL, (uint64_t)process.virtual_bytes);
	put(p, METRIC_PROCESS_FDS, (uint64_t)process.fds);
	put(p, METRIC_PROCESS_MAX_FDS, (uint64_t)process.fds_max);
	if (process.disk_read_bytes >= 0) {
		put(p, METRIC_DISK_READ, (uint64_t)process.disk_read_bytes);
		put(p, METRIC_DISK_WRITTEN, (uint64_t)process.disk_written_bytes);
	}
	put_real(p, METRIC_PROCESS_START, (double)m->started_ms / 1e3);
}

void broker_metrics_page(struct broker_metrics *m, const struct census *c, struct page *p)
{
	CHECK_OBJ_NOTNULL(m, BROKER_METRICS_MAGIC);
	put_counted(m, c, p);
	if (c && c->has_rooms) {
		put_deprecated(m, c, p);
		put_sessions(c, p);
		put_groups(c, p);
	}
	if (c && c->has_net) {
		put_net(c, p);
		put_blocked(m, c, p);
	}
	if (c && c->has_rooms)
		put_connections(c, p);
	if (c)
		put_cores(m, c, p);
	if (c && c->has_rooms)
		put_partitions(c, p);
	if (c && c->has_controller)
		put_controller(c, p);
	if (c && c->has_zk)
		put_zookeeper(c, p);
	put_broker(m, c, p);
	put_process(m, p);
}
