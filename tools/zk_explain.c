/* zk_explain.c - see zk_explain.h */
#include "tools/zk_explain.h"

#include "broker/base/must.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { EXPLAIN_ISO_BYTES = 32, SECOND_MS = 1000, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

/* ---- which node it is ---- */

/* `$` in a pattern is one part of a path, or all that is left of it; `#` is a number; a pattern that ends in
 * _ goes on with the number that ZooKeeper gave. */
static bool take_name(const char **pattern, const char **path, struct slice *name, bool all)
{
	bool number = **pattern == '#';
	size_t n = all ? strlen(*path) : strcspn(*path, "/");
	*name = slice_of(*path, n);
	*path += n;
	++*pattern;
	return n > 0 && (!number || strspn((const char *)name->p, "0123456789") >= n);
}

static bool matches(const char *pattern, const char *path, struct slice names[ZK_NAMES_MAX], bool all)
{
	unsigned n = 0;
	for (; *pattern; ) {
		if (*pattern == '$' || *pattern == '#') {
			must(n < ZK_NAMES_MAX);
			if (!take_name(&pattern, &path, &names[n++], all))
				return false;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	if (pattern[-1] == '_')
		return *path && path[strspn(path, "0123456789")] == 0;
	return *path == 0;
}

struct zk_place zk_place_of(const char *path)
{
	struct zk_place place = { .row = 0 };
	for (; place.row < ZNODE_ROWS; place.row++) {
		if (place.row != ZNODE_CONFIG && matches(znode_path(place.row), path, place.names, false))
			return place;
	}
	if (matches(znode_path(ZNODE_CONFIG), path, place.names, true)) /* the widest pattern last */
		place.row = ZNODE_CONFIG;
	return place;
}

const char *zk_place_words(const struct zk_place *place)
{
	static const char *const words[] = {
#define Z(ident, path, life, written, oldest, newest, content) content,
#include "zkutil/znode.tbl"
#undef Z
	};
	return place->row < ZNODE_ROWS ? words[place->row] : "no node of Kafka that is known here";
}

/* ---- words ---- */

__attribute__((format(printf, 3, 4)))
static void line(struct text *out, const char *name, const char *format, ...)
{
	char value[ZNODE_PATH_BYTES * 2];
	va_list ap;
	va_start(ap, format);
	vsnprintf(value, sizeof value, format, ap);
	va_end(ap);
	text_add(out, "  %-20s %s\n", name, value);
}

static void ago(struct text *out, int64_t ms)
{
	static const struct { int64_t seconds; const char *one, *many; } units[] = {
		{ DAY_S, "day", "days" }, { HOUR_S, "hour", "hours" }, { MINUTE_S, "minute", "minutes" }, { 1,
			"second", "seconds" },
	};
	int64_t seconds = ms / SECOND_MS;
	if (seconds < 0) {
		text_add(out, "in the future");
		return;
	}
	for (size_t i = 0; i < countof(units); i++) {
		int64_t n = seconds / units[i].seconds;
		if (n || i + 1 == countof(units)) {
			text_add(out, "%" PRId64 " %s ago", n, n == 1 ? units[i].one : units[i].many);
			return;
		}
	}
}

/* "2026-11-21 18:00:01 UTC (5 minutes ago)" */
static void explain_time(struct text *out, int64_t ms, int64_t now_ms)
{
	char iso[EXPLAIN_ISO_BYTES];
	time_t seconds = (time_t)(ms / SECOND_MS);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(iso, sizeof iso, "%Y-%m-%d %H:%M:%S UTC", &tm)) {
		text_add(out, "%" PRId64, ms);
		return;
	}
	text_add(out, "%s (", iso);
	ago(out, now_ms - ms);
	text_add(out, ")");
}

static void time_line(struct text *out, const char *name, int64_t ms, int64_t now_ms)
{
	text_add(out, "  %-20s ", name);
	explain_time(out, ms, now_ms);
	text_add(out, "\n");
}

static void add_ints(struct text *out, struct znode_ints ints)
{
	text_add(out, "[");
	for (unsigned i = 0; i < ints.n; i++)
		text_add(out, "%s%d", i ? ", " : "", ints.v[i]);
	text_add(out, "]");
}

/* ---- each kind of node ----
 * What they share: the data that is being explained, and the time. */

struct view {
	struct text *out;
	struct arena *arena;
	const struct zoo_node *node;
	struct znode_why why;
	int64_t now_ms;
};

static int broker(struct view *v)
{
	struct znode_broker b;
	if (znode_broker_decode(v->arena, v->node->data, &b, &v->why) != 0)
		return -1;
	for (unsigned i = 0; i < b.n_endpoints; i++)
		line(v->out, "listener", "%s at %s:%d, %s", b.endpoints[i].listener, b.endpoints[i].host,
			b.endpoints[i].port, b.endpoints[i].protocol);
	line(v->out, "rack", "%s", b.rack ? b.rack : "none");
	if (b.jmx_port >= 0)
		line(v->out, "JMX port", "%d", b.jmx_port);
	time_line(v->out, "registered", b.timestamp_ms, v->now_ms);
	line(v->out, "broker epoch", "%" PRId64 " (czxid: a restart gives another)", v->node->stat.czxid);
	line(v->out, "format", "version %d", b.version);
	return 0;
}

static int topic(struct view *v)
{
	struct znode_topic t;
	if (znode_topic_decode(v->arena, v->node->data, &t, &v->why) != 0)
		return -1;
	line(v->out, "topic id", "%s", t.has_id ? uuid_format(&t.id).s : "none yet: the controller gives "
		"one");
	line(v->out, "partitions", "%u", t.n_partitions);
	for (unsigned i = 0; i < t.n_partitions; i++) {
		const struct znode_replicas *r = &t.partitions[i];
		text_add(v->out, "  partition %-10d on brokers ", r->partition);
		add_ints(v->out, r->replicas);
		if (r->replicas.n)
			text_add(v->out, ", %d is preferred as leader", r->replicas.v[0]);
		if (r->adding.n || r->removing.n) {
			text_add(v->out, "; moving: adding ");
			add_ints(v->out, r->adding);
			text_add(v->out, ", removing ");
			add_ints(v->out, r->removing);
		}
		text_add(v->out, "\n");
	}
	return 0;
}

static int state(struct view *v)
{
	struct znode_state s;
	if (znode_state_decode(v->arena, v->node->data, &s, &v->why) != 0)
		return -1;
	if (s.leader < 0)
		line(v->out, "leader", "none: the partition is offline");
	else
		line(v->out, "leader", "broker %d", s.leader);
	line(v->out, "leader epoch", "%d", s.leader_epoch);
	text_add(v->out, "  %-20s ", "in sync");
	add_ints(v->out, s.isr);
	text_add(v->out, "\n");
	line(v->out, "controller epoch", "%d: of the controller that wrote it", s.controller_epoch);
	line(v->out, "partition epoch", "%d (the node's version)", v->node->stat.version);
	if (s.recovering)
		line(v->out, "recovering", "the leader was elected uncleanly and has not caught up yet");
	return 0;
}

static int controller(struct view *v)
{
	struct znode_controller c;
	if (znode_controller_decode(v->arena, v->node->data, &c, &v->why) != 0)
		return -1;
	line(v->out, "controller", "broker %d", c.broker);
	time_line(v->out, "elected", c.timestamp_ms, v->now_ms);
	if (c.kraft_epoch >= 0)
		line(v->out, "KRaft", "a KRaft controller of epoch %d has taken over in a migration",
			c.kraft_epoch);
	return 0;
}

static int controller_epoch(struct view *v)
{
	int32_t epoch;
	if (znode_controller_epoch_decode(v->node->data, &epoch, &v->why) != 0)
		return -1;
	line(v->out, "epoch", "%d: how often a controller was elected; it fences the ones before", epoch);
	return 0;
}

static int cluster_id(struct view *v)
{
	const char *id;
	if (znode_cluster_id_decode(v->arena, v->node->data, &id, &v->why) != 0)
		return -1;
	line(v->out, "cluster id", "%s", id);
	return 0;
}

static int config(struct view *v)
{
	struct znode_config c;
	if (znode_config_decode(v->arena, v->node->data, &c, &v->why) != 0)
		return -1;
	if (c.n == 0)
		line(v->out, "settings", "none");
	for (unsigned i = 0; i < c.n; i++) {
		bool secret = strstr(c.entries[i].key, "password") || strncmp(c.entries[i].key, "SCRAM-",
			6) == 0;
		line(v->out, c.entries[i].key, "%s", secret ? "(hidden; --raw shows it)" :
			c.entries[i].value);
	}
	return 0;
}

static int config_change(struct view *v)
{
	const char *entity;
	if (znode_config_change_decode(v->arena, v->node->data, &entity, &v->why) != 0)
		return -1;
	line(v->out, "changed", "/config/%s: every broker reads it anew", entity);
	return 0;
}

static void add_partitions(struct view *v, const struct znode_partitions *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		text_add(v->out, "  %s-%d", p->v[i].topic, p->v[i].partition);
		if (p->v[i].replicas.n) {
			text_add(v->out, " to brokers ");
			add_ints(v->out, p->v[i].replicas);
		}
		text_add(v->out, "\n");
	}
}

static int partitions(struct view *v)
{
	struct znode_partitions p;
	if (znode_partitions_decode(v->arena, v->node->data, &p, &v->why) != 0)
		return -1;
	add_partitions(v, &p);
	return 0;
}

static int reassign(struct view *v)
{
	struct znode_partitions p;
	if (znode_reassign_decode(v->arena, v->node->data, &p, &v->why) != 0)
		return -1;
	add_partitions(v, &p);
	return 0;
}

static int log_dir_event(struct view *v)
{
	int32_t id;
	if (znode_log_dir_event_decode(v->node->data, &id, &v->why) != 0)
		return -1;
	line(v->out, "broker", "%d has lost a log directory", id);
	return 0;
}

static int producer_ids(struct view *v)
{
	struct znode_producer_ids p;
	if (slice_is_null(v->node->data)) {
		line(v->out, "block", "none was given yet");
		return 0;
	}
	if (znode_producer_ids_decode(v->node->data, &p, &v->why) != 0)
		return -1;
	line(v->out, "block", "%" PRId64 " to %" PRId64 ", given to broker %d", p.first, p.last, p.broker);
	return 0;
}

static int features(struct view *v)
{
	struct znode_features f;
	if (znode_features_decode(v->arena, v->node->data, &f, &v->why) != 0)
		return -1;
	line(v->out, "status", "%s, format version %d", f.enabled ? "enabled" : "disabled", f.version);
	line(v->out, "features epoch", "%d (the node's version)", v->node->stat.version);
	for (unsigned i = 0; i < f.n; i++)
		line(v->out, f.features[i].name, "%d to %d", f.features[i].min, f.features[i].max);
	return 0;
}

static int migration(struct view *v)
{
	struct znode_migration m;
	if (znode_migration_decode(v->node->data, &m, &v->why) != 0)
		return -1;
	if (m.kraft_controller < 0)
		line(v->out, "migration", "none has begun");
	else
		line(v->out, "migration", "to KRaft: controller %d of epoch %d, metadata up to %" PRId64,
			m.kraft_controller, m.kraft_controller_epoch, m.metadata_offset);
	return 0;
}

static int sequence_of_ids(struct view *v)
{
	line(v->out, "next broker id", "reserved.broker.max.id + %d (the node's version, and 1)",
		v->node->stat.version + 1);
	return 0;
}

static int deletion(struct view *v)
{
	time_line(v->out, "asked for", v->node->stat.ctime_ms, v->now_ms);
	return 0;
}

static int (*const explainers[ZNODE_ROWS])(struct view *v) = {
	[ZNODE_BROKER] = broker, [ZNODE_TOPIC] = topic, [ZNODE_PARTITION_STATE] = state,
		[ZNODE_CONTROLLER] = controller,
	[ZNODE_CONTROLLER_EPOCH] = controller_epoch, [ZNODE_CLUSTER_ID] = cluster_id, [ZNODE_CONFIG] = config,
	[ZNODE_CONFIG_CHANGE] = config_change, [ZNODE_ISR_CHANGE] = partitions,
	[ZNODE_PREFERRED_ELECTION] = partitions,
	[ZNODE_REASSIGN] = reassign, [ZNODE_LOG_DIR_EVENT] = log_dir_event,
	[ZNODE_PRODUCER_IDS] = producer_ids,
	[ZNODE_FEATURE] = features, [ZNODE_MIGRATION] = migration, [ZNODE_BROKER_SEQID] = sequence_of_ids,
	[ZNODE_DELETE_TOPIC] = deletion,
};

static void data_line(struct text *out, struct slice data)
{
	if (slice_is_null(data))
		return;
	text_add(out, "  %-20s ", "data");
	text_utf8(out, data);
	text_add(out, "\n");
}

static void stat_lines(struct view *v)
{
	const struct zk_stat *s = &v->node->stat;
	if (s->children)
		line(v->out, "children", "%d", s->children);
	if (s->ephemeral_owner)
		line(v->out, "goes with session", "0x%" PRIx64, s->ephemeral_owner);
	line(v->out, "version", "%d", s->version);
	time_line(v->out, "made", s->ctime_ms, v->now_ms);
	if (s->version > 0)
		time_line(v->out, "changed last", s->mtime_ms, v->now_ms);
}

void zk_explain(struct text *out, struct arena *a, const struct zoo_node *node, int64_t now_ms)
{
	struct view v = { .out = out, .arena = a, .node = node, .now_ms = now_ms };
	struct zk_place place = zk_place_of(node->path);
	text_add(out, "%s: %s\n", node->path, zk_place_words(&place));
	int (*explain)(struct view *) = place.row < ZNODE_ROWS ? explainers[place.row] : NULL;
	if (!explain) {
		data_line(out, node->data);
	} else if (explain(&v) < 0) {
		line(out, "cannot be read", "%s", v.why.s);
		data_line(out, node->data);
	}
	stat_lines(&v);
}
