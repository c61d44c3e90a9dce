/* znode.c - the contents of znode.h.
 *
 * Keys are written in the order in which Kafka 3.9 writes them, which is the order of Scala's and Java's hash
 * tables: fixed for a fixed set of keys, computed by javamap.c where the keys are data.
 */
#include "zkutil/znode.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "zkutil/javamap.h"
#include "zkutil/zjson.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct row {
	int written, oldest, newest;
} rows[ZNODE_ROWS] = {
#define Z(ident, path, life, written, oldest, newest, content) [ZNODE_##ident] = { written, oldest, newest },
#include "zkutil/znode.tbl"
#undef Z
};

/* The version of a node whose version Kafka reads. */
static int32_t version(struct zjson *z, enum znode row)
{
	const struct row *r = &rows[row];
	must(r->oldest > 0);
	int32_t v = zj_int(z, z->root, "version");
	if (!z->err && (v < r->oldest || (r->newest && v > r->newest)))
		zj_fail(z, "version %" PRId32 " is not supported (supported: %d to %d)", v, r->oldest,
			r->newest ? r->newest : r->written);
	return v;
}

/* ---- broker registration ---- */

static bool is_protocol(const char *name)
{
	static const char *const names[] = { "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL" };
	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void to_upper(char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
}

/* org.apache.kafka.common.utils.Utils.formatAddress: IPv6 in brackets. */
static json_t *endpoint_json(const struct znode_endpoint *e)
{
	const char *open = strchr(e->host, ':') ? "[" : "", *close = open[0] ? "]" : "";
	return json_sprintf("%s://%s%s%s:%" PRId32, e->listener, open, e->host, close, e->port);
}

static json_t *protocol_map_json(const struct znode_broker *b)
{
	json_t *map = json_object();
	for (unsigned i = 0; i < b->n_endpoints; i++)
		json_object_set_new(map, b->endpoints[i].listener, json_string(b->endpoints[i].protocol));
	return map;
}

static json_t *broker_features_json(const struct znode_broker *b)
{
	json_t *map = json_object();
	for (unsigned i = 0; i < b->n_features; i++)
		json_object_set_new(map, b->features[i].name,
			json_pack("{s:i, s:i}", "min_version", b->features[i].min, "max_version",
				b->features[i].max));
	return map;
}

struct slice znode_broker_encode(struct arena *a, const struct znode_broker *b)
{
	const struct znode_endpoint *plain = NULL;
	json_t *endpoints = json_array();
	for (unsigned i = 0; i < b->n_endpoints; i++) {
		json_array_append_new(endpoints, endpoint_json(&b->endpoints[i]));
		if (!plain && strcmp(b->endpoints[i].protocol, "PLAINTEXT") == 0)
			plain = &b->endpoints[i];
	}
	return zj_dump(a, json_pack("{s:o*, s:o*, s:o, s:s*, s:i, s:i, s:s?, s:i, s:o}",
		"features", b->version >= 5 ? broker_features_json(b) : NULL,
		"listener_security_protocol_map", b->version >= 4 ? protocol_map_json(b) : NULL,
		"endpoints", endpoints,
		"rack", b->version >= 3 ? b->rack : NULL,
		"jmx_port", b->jmx_port,
		"port", plain ? plain->port : -1,
		"host", plain && plain->host[0] ? plain->host : NULL,
		"version", b->version,
		"timestamp", zj_new_long_text(b->timestamp_ms)));
}

/* The host of an endpoint, brackets dropped; NULL when it has characters that none has. */
static char *read_host(char *host)
{
	size_t n = strlen(host);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		host++;
	}
	return host[strspn(host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-%._:")]
		? NULL : host;
}

/* "NAME://host:port", as kafka.network.SocketServerConfigs reads it: the name in upper case, brackets
 * dropped. */
static void read_endpoint(struct zjson *z, struct znode_endpoint *e, const json_t *protocols,
	const json_t *value)
{
	char *text = zj_room(z, (unsigned)json_string_length(value) + 1, 1);
	if (!json_is_string(value))
		zj_fail(z, "field endpoints holds something else than strings");
	if (z->err)
		return;
	memcpy(text, json_string_value(value), json_string_length(value));
	char *host = strstr(text, "://");
	char *port = strrchr(text, ':');
	int64_t number;
	bool whole = host && host > text && port > host && zj_parse_long(port + 1, &number);
	if (whole)
		*host = *port = 0;
	host = whole ? read_host(host + 3) : NULL;
	if (!host || number < -1 || number > UINT16_MAX) {
		zj_fail(z, "endpoint is not NAME://host:port");
		return;
	}
	to_upper(text);
	*e = (struct znode_endpoint){ .listener = text, .host = host, .port = (int32_t)number,
		.protocol = text };
	if (protocols) {
		const json_t *protocol = json_object_get(protocols, e->listener);
		char *name = protocol ? zj_value_text(z, protocol, "listener_security_protocol_map") : NULL;
		if (name)
			to_upper(name);
		e->protocol = name ? name : "";
	}
	if (!is_protocol(e->protocol))
		zj_fail(z, "no security protocol known for a listener");
}

/* Version 1 knew one plaintext listener. */
static void read_endpoint_v1(struct zjson *z, struct znode_broker *out)
{
	out->n_endpoints = 1;
	out->endpoints = zj_room(z, 1, sizeof *out->endpoints);
	const char *host = zj_text(z, z->root, "host");
	int32_t port = (int32_t)zj_number(z, z->root, "port", -1, UINT16_MAX);
	if (!z->err)
		*out->endpoints = (struct znode_endpoint){ "PLAINTEXT", "PLAINTEXT", host, port };
}

static void read_endpoints(struct zjson *z, struct znode_broker *out)
{
	static const char key[] = "listener_security_protocol_map";
	const json_t *protocols = zj_has(z, z->root, key) ? zj_object(z, z->root, key) : NULL;
	const json_t *list = zj_array(z, z->root, "endpoints");
	out->n_endpoints = zj_count(z, list, "endpoints", ZNODE_LISTENERS_MAX);
	out->endpoints = zj_room(z, out->n_endpoints, sizeof *out->endpoints);
	for (unsigned i = 0; i < out->n_endpoints && !z->err; i++)
		read_endpoint(z, &out->endpoints[i], protocols, json_array_get(list, i));
}

static void read_broker_features(struct zjson *z, struct znode_broker *out)
{
	json_t *map = zj_has(z, z->root, "features") ? zj_object(z, z->root, "features") : NULL;
	out->n_features = map ? zj_count(z, map, "features", ZNODE_FEATURES_MAX) : 0;
	out->features = zj_room(z, out->n_features, sizeof *out->features);
	const char *name;
	json_t *range;
	struct znode_feature *f = out->features;
	json_object_foreach(map, name, range) {
		if (!zj_value_object(z, range, "features"))
			return;
		f->name = zj_copy(z, name);
		f->min = zj_int(z, range, "min_version");
		f->max = zj_int(z, range, "max_version");
		f++;
	}
}

int znode_broker_decode(struct arena *a, struct slice json, struct znode_broker *out, struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_broker){ .port = -1 };
	zj_begin(&z, "broker registration", a, json, why);
	out->version = version(&z, ZNODE_BROKER);
	out->jmx_port = zj_int(&z, z.root, "jmx_port");
	if (out->version == 1)
		read_endpoint_v1(&z, out);
	else
		read_endpoints(&z, out);
	if (zj_has(&z, z.root, "host"))
		out->host = zj_text(&z, z.root, "host");
	if (zj_has(&z, z.root, "port"))
		out->port = zj_int(&z, z.root, "port");
	if (zj_has(&z, z.root, "timestamp"))
		out->timestamp_ms = zj_long_text(&z, z.root, "timestamp");
	if (zj_has(&z, z.root, "rack"))
		out->rack = zj_text(&z, z.root, "rack");
	read_broker_features(&z, out);
	return zj_end(&z);
}

/* ---- topic ---- */

static const struct znode_ints *pick_replicas(const struct znode_replicas *r)
{
	return &r->replicas;
}

static const struct znode_ints *pick_adding(const struct znode_replicas *r)
{
	return &r->adding;
}

static const struct znode_ints *pick_removing(const struct znode_replicas *r)
{
	return &r->removing;
}

enum { DECIMAL_BYTES = 12 };

/* {"0":[1,2],"1":[2,3]}: the partitions whose list is not empty, or all. */
static json_t *replicas_json(const struct znode_topic *t,
	const struct znode_ints *(*pick)(const struct znode_replicas *), bool all)
{
	unsigned n = 0;
	struct javamap_slot *slots = mem_alloc((t->n_partitions + 1) * sizeof *slots);
	char (*keys)[DECIMAL_BYTES] = mem_alloc((t->n_partitions + 1) * sizeof *keys);
	for (unsigned i = 0; i < t->n_partitions; i++) {
		if (!all && pick(&t->partitions[i])->n == 0)
			continue;
		snprintf(keys[n], sizeof keys[n], "%" PRId32, t->partitions[i].partition);
		slots[n] = (struct javamap_slot){ .key = keys[n], .index = i };
		n++;
	}
	javamap_sort(JAVAMAP_SCALA, slots, n);
	json_t *map = json_object();
	for (unsigned i = 0; i < n; i++)
		json_object_set_new(map, slots[i].key, zj_new_ints(*pick(&t->partitions[slots[i].index])));
	free(slots);
	free(keys);
	return map;
}

struct slice znode_topic_encode(struct arena *a, const struct znode_topic *t)
{
	struct uuid_text id = uuid_format(&t->id);
	return zj_dump(a, json_pack("{s:o, s:s*, s:o, s:o, s:i}",
		"partitions", replicas_json(t, pick_replicas, true),
		"topic_id", t->has_id ? id.s : NULL,
		"adding_replicas", replicas_json(t, pick_adding, false),
		"removing_replicas", replicas_json(t, pick_removing, false),
		"version", rows[ZNODE_TOPIC].written));
}

static int by_partition(const void *a, const void *b)
{
	const struct znode_replicas *x = a, *y = b;
	return order_of(x->partition, y->partition);
}

static struct znode_ints replicas_of(struct zjson *z, const json_t *map, const char *partition)
{
	const json_t *list = map ? json_object_get(map, partition) : NULL;
	return list ? zj_value_ints(z, list, partition) : (struct znode_ints){ 0 };
}

static json_t *optional_object(struct zjson *z, const char *key)
{
	return zj_has(z, z->root, key) ? zj_object(z, z->root, key) : NULL;
}

static void read_partitions(struct zjson *z, struct znode_topic *out)
{
	json_t *partitions = optional_object(z, "partitions");
	const json_t *adding = optional_object(z, "adding_replicas");
	const json_t *removing = optional_object(z, "removing_replicas");
	out->n_partitions = partitions ? zj_count(z, partitions, "partitions", ZNODE_PARTITIONS_MAX) : 0;
	out->partitions = zj_room(z, out->n_partitions, sizeof *out->partitions);
	const char *key;
	json_t *list;
	struct znode_replicas *r = out->partitions;
	json_object_foreach(partitions, key, list) {
		int64_t number;
		if (!zj_parse_long(key, &number) || number < 0 || number > INT32_MAX)
			zj_fail(z, "a partition is not a number");
		if (z->err)
			return;
		r->partition = (int32_t)number;
		r->replicas = zj_value_ints(z, list, "partitions");
		r->adding = replicas_of(z, adding, key);
		r->removing = replicas_of(z, removing, key);
		r++;
	}
	order_sort(out->partitions, out->n_partitions, sizeof *out->partitions, by_partition);
}

int znode_topic_decode(struct arena *a, struct slice json, struct znode_topic *out, struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_topic){ 0 };
	zj_begin(&z, "topic assignment", a, json, why);
	out->has_id = zj_has(&z, z.root, "topic_id");
	if (out->has_id) {
		const char *id = zj_text(&z, z.root, "topic_id");
		if (id && uuid_parse(&out->id, slice_str(id)) != 0)
			zj_fail(&z, "field topic_id is not a uuid");
	}
	read_partitions(&z, out);
	return zj_end(&z);
}

/* ---- partition state ---- */

struct slice znode_state_encode(struct arena *a, const struct znode_state *s)
{
	/* six keys hash into another order than five */
	json_t *root = s->recovering
		? json_pack("{s:i, s:i, s:i, s:i, s:i, s:o}", "controller_epoch", s->controller_epoch,
			"leader", s->leader, "version", rows[ZNODE_PARTITION_STATE].written,
			"leader_recovery_state", 1, "leader_epoch", s->leader_epoch,
			"isr", zj_new_ints(s->isr))
		: json_pack("{s:i, s:i, s:i, s:i, s:o}", "controller_epoch", s->controller_epoch,
			"leader", s->leader, "version", rows[ZNODE_PARTITION_STATE].written,
			"leader_epoch", s->leader_epoch, "isr", zj_new_ints(s->isr));
	return zj_dump(a, root);
}

int znode_state_decode(struct arena *a, struct slice json, struct znode_state *out, struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_state){ .leader = -1 };
	zj_begin(&z, "partition state", a, json, why);
	out->leader = zj_int(&z, z.root, "leader");
	out->leader_epoch = zj_int(&z, z.root, "leader_epoch");
	out->controller_epoch = zj_int(&z, z.root, "controller_epoch");
	out->isr = zj_value_ints(&z, zj_array(&z, z.root, "isr"), "isr");
	if (zj_has(&z, z.root, "leader_recovery_state"))
		out->recovering = zj_number(&z, z.root, "leader_recovery_state", 0, 1) == 1;
	return zj_end(&z);
}

/* ---- controller ---- */

struct slice znode_controller_encode(struct arena *a, const struct znode_controller *c)
{
	return zj_dump(a, json_pack("{s:i, s:i, s:o, s:i}", "version", rows[ZNODE_CONTROLLER].written,
		"brokerid", c->broker, "timestamp", zj_new_long_text(c->timestamp_ms),
		"kraftControllerEpoch", c->kraft_epoch));
}

int znode_controller_decode(struct arena *a, struct slice json, struct znode_controller *out,
	struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_controller){ .kraft_epoch = -1 };
	zj_begin(&z, "controller registration", a, json, why);
	out->broker = zj_int(&z, z.root, "brokerid");
	if (zj_has(&z, z.root, "timestamp"))
		out->timestamp_ms = zj_long_text(&z, z.root, "timestamp");
	if (zj_has(&z, z.root, "kraftControllerEpoch"))
		out->kraft_epoch = zj_int(&z, z.root, "kraftControllerEpoch");
	return zj_end(&z);
}

struct slice znode_controller_epoch_encode(struct arena *a, int32_t epoch)
{
	const char *text = arena_printf(a, "%" PRId32, epoch);
	return slice_str(text);
}

int znode_controller_epoch_decode(struct slice text, int32_t *epoch, struct znode_why *why)
{
	char digits[DECIMAL_BYTES] = "";
	int64_t v = 0;
	*epoch = 0;
	if (text.p && text.n < sizeof digits)
		memcpy(digits, text.p, text.n);
	bool whole = strlen(digits) == text.n && zj_parse_long(digits, &v);
	if (!whole || v < INT32_MIN || v > INT32_MAX) {
		snprintf(why->s, sizeof why->s, "controller epoch: not a number");
		return -EINVAL;
	}
	*epoch = (int32_t)v;
	return 0;
}

/* ---- cluster id ---- */

struct slice znode_cluster_id_encode(struct arena *a, const char *id)
{
	return zj_dump(a, json_pack("{s:s, s:s}", "version", "1", "id", id));
}

int znode_cluster_id_decode(struct arena *a, struct slice json, const char **id, struct znode_why *why)
{
	struct zjson z;
	zj_begin(&z, "cluster id", a, json, why);
	*id = zj_text(&z, z.root, "id");
	return zj_end(&z);
}

/* ---- config ---- */

struct slice znode_config_encode(struct arena *a, const struct znode_config *c)
{
	struct javamap_slot *slots = mem_alloc((c->n + 1) * sizeof *slots);
	for (unsigned i = 0; i < c->n; i++)
		slots[i] = (struct javamap_slot){ .key = c->entries[i].key, .index = i };
	javamap_sort(JAVAMAP_PROPERTIES, slots, c->n);
	json_t *map = json_object();
	bool good = true;
	for (unsigned i = 0; i < c->n; i++) {
		const struct znode_entry *e = &c->entries[slots[i].index];
		good &= json_object_set_new(map, e->key, json_string(e->value)) == 0;
	}
	free(slots);
	if (!good) {
		json_decref(map);
		return SLICE_NULL;
	}
	return zj_dump(a, json_pack("{s:i, s:o}", "version", rows[ZNODE_CONFIG].written, "config", map));
}

int znode_config_decode(struct arena *a, struct slice json, struct znode_config *out, struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_config){ 0 };
	if (slice_is_null(json))
		return 0;
	zj_begin(&z, "config", a, json, why);
	json_t *map = optional_object(&z, "config");
	out->n = map ? zj_count(&z, map, "config", ZNODE_CONFIGS_MAX) : 0;
	out->entries = zj_room(&z, out->n, sizeof *out->entries);
	const char *key;
	json_t *value;
	struct znode_entry *e = out->entries;
	json_object_foreach(map, key, value) {
		const char *name = zj_copy(&z, key);
		const char *text = zj_value_text(&z, value, key);
		if (z.err)
			break;
		*e++ = (struct znode_entry){ name, text };
	}
	return zj_end(&z);
}

struct slice znode_config_change_encode(struct arena *a, const char *entity)
{
	return zj_dump(a, json_pack("{s:i, s:s}", "version", rows[ZNODE_CONFIG_CHANGE].written,
		"entity_path", entity));
}

int znode_config_change_decode(struct arena *a, struct slice json, const char **entity, struct znode_why *why)
{
	struct zjson z;
	*entity = NULL;
	zj_begin(&z, "config change notification", a, json, why);
	if (version(&z, ZNODE_CONFIG_CHANGE) == 2) {
		*entity = zj_text(&z, z.root, "entity_path");
		return zj_end(&z);
	}
	const char *type = zj_text(&z, z.root, "entity_type");
	const char *name = zj_text(&z, z.root, "entity_name");
	if (type && strcmp(type, "topics") != 0 && strcmp(type, "clients") != 0)
		zj_fail(&z, "field entity_type of version 1 is neither topics nor clients");
	if (!z.err)
		*entity = arena_printf(a, "%s/%s", type, name);
	if (!z.err && !*entity)
		z.err = -ENOMEM;
	return zj_end(&z);
}

/* ---- features ---- */

struct slice znode_features_encode(struct arena *a, const struct znode_features *f)
{
	json_t *map = json_object();
	for (unsigned i = 0; i < f->n; i++) {
		json_t *levels = json_pack("{s:i}", "max_version_level", f->features[i].max);
		if (f->version == 1)
			json_object_set_new(levels, "min_version_level", json_integer(f->features[i].min));
		json_object_set_new(map, f->features[i].name, levels);
	}
	return zj_dump(a, json_pack("{s:o, s:i, s:i}", "features", map, "version", f->version, "status",
		f->enabled ? 1 : 0));
}

static void read_feature(struct zjson *z, struct znode_feature *f, const char *name, json_t *levels,
	int32_t ver)
{
	if (!zj_value_object(z, levels, "features"))
		return;
	f->name = zj_copy(z, name);
	f->max = (int32_t)zj_number(z, levels, "max_version_level", 1, INT16_MAX);
	f->min = ver == 1 ? (int32_t)zj_number(z, levels, "min_version_level", 1, f->max) : 1;
}

int znode_features_decode(struct arena *a, struct slice json, struct znode_features *out,
	struct znode_why *why)
{
	struct zjson z;
	*out = (struct znode_features){ 0 };
	zj_begin(&z, "feature information", a, json, why);
	out->version = version(&z, ZNODE_FEATURE);
	out->enabled = zj_number(&z, z.root, "status", 0, 1) == 1;
	json_t *map = zj_object(&z, z.root, "features");
	out->n = zj_count(&z, map, "features", ZNODE_FEATURES_MAX);
	out->features = zj_room(&z, out->n, sizeof *out->features);
	const char *name;
	json_t *levels;
	struct znode_feature *f = out->features;
	json_object_foreach(map, name, levels) {
		if (z.err)
			break;
		read_feature(&z, f++, name, levels, out->version);
	}
	return zj_end(&z);
}

/* ---- lists of partitions ---- */

static json_t *partitions_json(const struct znode_partitions *p, bool with_replicas)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < p->n; i++) {
		const struct znode_partition *at = &p->v[i];
		json_t *one = json_pack("{s:s, s:i, s:o*}", "topic", at->topic, "partition", at->partition,
			"replicas", with_replicas ? zj_new_ints(at->replicas) : NULL);
		must(one); /* a topic's name is ASCII */
		json_array_append_new(list, one);
	}
	return list;
}

/* All three nodes of this shape are written in version 1. */
static struct slice list_encode(struct arena *a, const struct znode_partitions *p, bool with_replicas)
{
	json_t *list = partitions_json(p, with_replicas);
	return zj_dump(a, json_pack("{s:i, s:o}", "version", 1, "partitions", list));
}

static int list_decode(struct arena *a, struct slice json, struct znode_partitions *out,
	struct znode_why *why, const char *what, bool with_replicas)
{
	struct zjson z;
	*out = (struct znode_partitions){ 0 };
	zj_begin(&z, what, a, json, why);
	json_t *list = zj_array(&z, z.root, "partitions");
	out->n = zj_count(&z, list, "partitions", ZNODE_PARTITIONS_MAX);
	out->v = zj_room(&z, out->n, sizeof *out->v);
	for (unsigned i = 0; i < out->n && !z.err; i++) {
		json_t *one = zj_value_object(&z, json_array_get(list, i), "partitions");
		out->v[i].topic = zj_text(&z, one, "topic");
		out->v[i].partition = zj_int(&z, one, "partition");
		if (with_replicas)
			out->v[i].replicas = zj_value_ints(&z, zj_array(&z, one, "replicas"), "replicas");
	}
	return zj_end(&z);
}

struct slice znode_partitions_encode(struct arena *a, const struct znode_partitions *p)
{
	return list_encode(a, p, false);
}

int znode_partitions_decode(struct arena *a, struct slice json, struct znode_partitions *out,
	struct znode_why *why)
{
	return list_decode(a, json, out, why, "list of partitions", false);
}

struct slice znode_reassign_encode(struct arena *a, const struct znode_partitions *p)
{
	return list_encode(a, p, true);
}

int znode_reassign_decode(struct arena *a, struct slice json, struct znode_partitions *out,
	struct znode_why *why)
{
	return list_decode(a, json, out, why, "partition reassignment", true);
}

/* ---- the rest ---- */

struct slice znode_log_dir_event_encode(struct arena *a, int32_t broker)
{
	return zj_dump(a, json_pack("{s:i, s:i, s:i}", "version", rows[ZNODE_LOG_DIR_EVENT].written,
		"broker", broker, "event", ZNODE_LOG_DIR_FAILURE));
}

int znode_log_dir_event_decode(struct slice json, int32_t *broker, struct znode_why *why)
{
	struct zjson z;
	zj_begin(&z, "log dir event", NULL, json, why);
	*broker = zj_int(&z, z.root, "broker");
	return zj_end(&z);
}

struct slice znode_producer_ids_encode(struct arena *a, const struct znode_producer_ids *p)
{
	return zj_dump(a, json_pack("{s:i, s:i, s:o, s:o}", "version", rows[ZNODE_PRODUCER_IDS].written,
		"broker", p->broker, "block_start", zj_new_long_text(p->first),
		"block_end", zj_new_long_text(p->last)));
}

int znode_producer_ids_decode(struct slice json, struct znode_producer_ids *out, struct znode_why *why)
{
	struct zjson z;
	zj_begin(&z, "producer id block", NULL, json, why);
	out->broker = zj_int(&z, z.root, "broker");
	out->first = zj_long_text(&z, z.root, "block_start");
	out->last = zj_long_text(&z, z.root, "block_end");
	if (!z.err && (out->first < 0 || out->last < out->first || out->last - out->first >= INT32_MAX))
		zj_fail(&z, "%" PRId64 " to %" PRId64 " is no block", out->first, out->last);
	return zj_end(&z);
}

int znode_migration_decode(struct slice json, struct znode_migration *out, struct znode_why *why)
{
	struct zjson z;
	zj_begin(&z, "migration state", NULL, json, why);
	zj_number(&z, z.root, "version", 0, 0);
	out->kraft_controller = zj_int(&z, z.root, "kraft_controller_id");
	out->kraft_controller_epoch = zj_int(&z, z.root, "kraft_controller_epoch");
	out->metadata_offset = zj_long(&z, z.root, "kraft_metadata_offset");
	out->metadata_epoch = zj_int(&z, z.root, "kraft_metadata_epoch");
	return zj_end(&z);
}
