/* topic_config.c - a topic's settings over the broker's. */
#include "broker/config/topic_config.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/row_priv.h"

#include <inttypes.h>
#include <stddef.h>

#define OFFSET_BOOLEAN(field) offsetof(struct topic_config, field)
#define OFFSET_INT(field) offsetof(struct topic_config, field)
#define OFFSET_LONG(field) offsetof(struct topic_config, field)
#define OFFSET_DOUBLE(field) offsetof(struct topic_config, field)
#define OFFSET_STRING(field) 0
#define OFFSET_LIST(field) 0

const struct topic_desc topic_descs[TOPIC_KEYS] = {
#define T(kind, field, text, default_value, limits, rank, broker, how, why, words) \
	[TK_##field] = {                                                           \
		.name = text,                                                      \
		.type = CONFIG_##kind,                                             \
		.default_text = default_value,                                     \
		.limit = limits,                                                   \
		.importance = IMPORTANCE_##rank,                                   \
		.status = STATUS_##how,                                            \
		.broker_key = CK_##broker,                                         \
		.meaning = why,                                                    \
		.doc = words,                                                      \
		.offset = OFFSET_##kind(field),                                    \
	},
#include "broker/config/topic.tbl"
#undef T
};

const struct topic_desc *topic_find(const char *name)
{
	for (size_t i = 0; i < TOPIC_KEYS; i++)
		if (strcmp(topic_descs[i].name, name) == 0)
			return &topic_descs[i];
	return NULL;
}

/* All settings, typed; parsing needs an arena for lists and strings. */
struct parsed {
	struct config_value v[TOPIC_KEYS];
};

/* What the topic has when it says nothing itself. */
static struct config_value inherited(struct arena *a, const struct config *broker, enum topic_key key)
{
	const struct topic_desc *d = &topic_descs[key];
	struct config_value v;
	char why[LIMIT_WHY_BYTES];
	if (key == TK_message_format_version)
		return (struct config_value){ .s = ibp_name(broker->message_format) };
	if (d->broker_key != CK_NONE)
		return config_value_of(broker, d->broker_key);
	if (config_value_parse(a, d->name, d->type, &d->limit, d->default_text, &v, why) == 0)
		return v;
	must(arena_overflowed(a)); /* our own default is sound */
	return (struct config_value){ .null = true };
}

/* One setting. On an error `out` is what is inherited, and Kafka's sentence is in `why`. */
static int take(struct arena *a, const struct config *broker, enum topic_key key,
	const struct config_setting *own, struct config_value *out, char *why)
{
	const struct topic_desc *d = &topic_descs[key];
	if (own && own->value &&
		config_value_parse(a, d->name, d->type, &d->limit, own->value, out, why) == 0)
		return 0;
	*out = inherited(a, broker, key);
	return own && own->value ? -1 : 0;
}

const char *topic_config_text(struct arena *a, const struct config *broker, enum topic_key key,
	const struct config_setting *v, size_t n)
{
	const struct topic_desc *d = &topic_descs[key];
	struct config_value value;
	char why[LIMIT_WHY_BYTES];
	take(a, broker, key, config_setting_find(v, n, d->name), &value, why);
	return config_value_text(a, d->type, &value);
}

/* ---- what a client asks for ---- */

static const char *check_nulls(struct arena *a, const struct config_setting *v, size_t n)
{
	const char *text = NULL;
	for (size_t i = 0; i < n && !arena_overflowed(a); i++)
		if (!v[i].value)
			text = arena_printf(a, "%s%s%s", text ? text : "", text ? "," : "", v[i].name);
	return text ? arena_printf(a, "Null value not supported for topic configs: %s", text) : NULL;
}

static const char *check_names(struct arena *a, const struct config_setting *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!topic_find(v[i].name))
			return arena_printf(a, "Unknown topic config name: %s", v[i].name);
	return NULL;
}

static const char no_tiers[] = "Tiered Storage functionality is disabled in the broker. Topic cannot be "
			       "configured with remote log storage.";

/* Tiered storage is not possible in ZooKeeper mode without the broker's own switch, which must be off here.
 */
static const char *check_remote(const struct parsed *p, bool was_remote)
{
	if (p->v[TK_remote_log_delete_on_disable].b || p->v[TK_remote_log_copy_disable].b)
		return "It is invalid to set `remote.log.delete.on.disable` or `remote.log.copy.disable` "
		       "under Zookeeper's mode.";
	if (p->v[TK_remote_storage_enable].b)
		return no_tiers;
	if (was_remote)
		return "It is invalid to disable remote storage without deleting remote data. If you want to "
		       "keep the remote data and turn to read only, please set "
		       "`remote.storage.enable=true,remote.log.copy.disable=true`. If you want to disable "
		       "remote storage and delete all remote data, please set "
		       "`remote.storage.enable=false,remote.log.delete.on.disable=true`.";
	return NULL;
}

static const char *check_together(struct arena *a, const struct parsed *p, bool was_remote)
{
	int64_t min = p->v[TK_min_compaction_lag_ms].i, max = p->v[TK_max_compaction_lag_ms].i;
	if (min > max)
		return arena_printf(a,
			"conflict topic config setting min.compaction.lag.ms (%" PRId64
			") > max.compaction.lag.ms (%" PRId64 ")",
			min, max);
	return check_remote(p, was_remote);
}

static const char *check(struct arena *a, const struct config *broker, const struct config_setting *before,
	size_t n_before, const struct config_setting *v, size_t n)
{
	struct parsed p;
	char why[LIMIT_WHY_BYTES];
	const char *wrong = check_nulls(a, v, n);
	if (!wrong)
		wrong = check_names(a, v, n);
	if (wrong)
		return wrong;
	for (int i = 0; i < TOPIC_KEYS; i++) {
		enum topic_key key = (enum topic_key)i;
		if (take(a, broker, key, config_setting_find(v, n, topic_descs[i].name), &p.v[i], why) != 0)
			return arena_printf(a, "%s", why);
	}
	const struct config_setting *remote = config_setting_find(before, n_before, "remote.storage.enable");
	bool was_remote = remote && remote->value && strcmp(remote->value, "true") == 0;
	return check_together(a, &p, was_remote);
}

const char *topic_config_check(struct arena *a, const struct config *broker,
	const struct config_setting *before, size_t n_before, const struct config_setting *v, size_t n)
{
	CHECK_OBJ_NOTNULL(broker, CONFIG_MAGIC);
	const char *wrong = check(a, broker, before, n_before, v, n);
	/* What could not be looked at for want of memory is not fine. */
	return arena_overflowed(a) ? "The request is too large to be checked." : wrong;
}

bool topic_config_refuses_value(const char *why)
{
	static const char value[] = "Invalid value ";
	return strcmp(why, no_tiers) == 0 || strncmp(why, value, sizeof value - 1) == 0;
}

/* ---- the effective settings ---- */

static void store(struct topic_config *t, enum topic_key key, const struct config_value *v)
{
	char *field = (char *)t + topic_descs[key].offset;
	int32_t i = (int32_t)v->i;
	must(!v->null);
	if (topic_descs[key].type == CONFIG_BOOLEAN)
		memcpy(field, &v->b, sizeof v->b);
	else if (topic_descs[key].type == CONFIG_INT)
		memcpy(field, &i, sizeof i);
	else if (topic_descs[key].type == CONFIG_LONG)
		memcpy(field, &v->i, sizeof v->i);
	else if (topic_descs[key].type == CONFIG_DOUBLE)
		memcpy(field, &v->d, sizeof v->d);
}

static bool list_has(const struct config_list *list, const char *word)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

static enum topic_compression compression_of(const char *name)
{
	static const char *const names[] = {
		[COMPRESSION_NONE] = "uncompressed",
		[COMPRESSION_GZIP] = "gzip",
		[COMPRESSION_SNAPPY] = "snappy",
		[COMPRESSION_LZ4] = "lz4",
		[COMPRESSION_ZSTD] = "zstd",
		[COMPRESSION_PRODUCER] = "producer",
	};
	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum topic_compression)i;
	must_not_reach("compression.type has a limit");
}

static void work_out(struct topic_config *t, const struct parsed *p)
{
	t->compact = list_has(&p->v[TK_cleanup_policy].list, "compact");
	t->delete_old = list_has(&p->v[TK_cleanup_policy].list, "delete");
	t->log_append_time = strcmp(p->v[TK_message_timestamp_type].s, "LogAppendTime") == 0;
	t->compression = compression_of(p->v[TK_compression_type].s);
	if (t->message_timestamp_before_max_ms == INT64_MAX)
		t->message_timestamp_before_max_ms = t->message_timestamp_difference_max_ms;
	if (t->message_timestamp_after_max_ms == INT64_MAX)
		t->message_timestamp_after_max_ms = t->message_timestamp_difference_max_ms;
}

struct topic_config *topic_config_new(const struct config *broker, const char *topic,
	const struct config_setting *v, size_t n)
{
	struct topic_config *t;
	struct parsed p;
	struct arena a;
	char why[LIMIT_WHY_BYTES];

	CHECK_OBJ_NOTNULL(broker, CONFIG_MAGIC);
	ALLOC_OBJ(t, TOPIC_CONFIG_MAGIC);
	arena_init(&a, CONFIG_ARENA_BYTES);
	for (int i = 0; i < TOPIC_KEYS; i++) {
		const struct config_setting *own = config_setting_find(v, n, topic_descs[i].name);
		if (take(&a, broker, (enum topic_key)i, own, &p.v[i], why) != 0)
			log_warn("kafka.server.TopicConfigHandler",
				"Topic %s: %s; the broker's own setting counts", topic,
				log_safe(slice_str(why)).s);
		store(t, (enum topic_key)i, &p.v[i]);
	}
	work_out(t, &p);
	arena_free(&a);
	return t;
}

void topic_config_free(struct topic_config *t)
{
	if (!t)
		return;
	CHECK_OBJ(t, TOPIC_CONFIG_MAGIC);
	FREE_OBJ(t);
}
