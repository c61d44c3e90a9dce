/* config_desc.c - the rows of the tables as data, and finding one by its name. */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/config/config.h"
#include "broker/config/row_priv.h"

#include <stddef.h>

const struct config_desc config_descs[CONFIG_KEYS] = {
#define X(kind, field, text, default_value, limits, when, rank, from, how, why, words) \
	[CK_##field] = {                                                               \
		.name = text,                                                          \
		.type = CONFIG_##kind,                                                 \
		.default_text = default_value,                                         \
		.limit = limits,                                                       \
		.scope = SCOPE_##when,                                                 \
		.importance = IMPORTANCE_##rank,                                       \
		.origin = ORIGIN_##from,                                               \
		.status = STATUS_##how,                                                \
		.meaning = why,                                                        \
		.doc = words,                                                          \
		.offset = offsetof(struct config, field),                              \
	},
#include "broker/config/keys.tbl"
#undef X
};

/* Where the rows of kraft.tbl begin; each table is in order by itself. */
enum { KRAFT_FIRST = CK_broker_heartbeat_interval_ms };

static int compare_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct config_desc *)row)->name);
}

static const struct config_desc *find_within(const char *name, size_t from, size_t to)
{
	return order_find(name, config_descs + from, to - from, sizeof config_descs[0], compare_name);
}

const struct config_desc *config_find(const char *name)
{
	const struct config_desc *d = find_within(name, 0, KRAFT_FIRST);
	return d ? d : find_within(name, KRAFT_FIRST, CONFIG_KEYS);
}

int config_synonyms(enum config_key key, enum config_key out[CONFIG_SYNONYMS_MAX])
{
	static const enum config_key groups[][CONFIG_SYNONYMS_MAX] = {
		{ CK_log_retention_ms, CK_log_retention_minutes, CK_log_retention_hours },
		{ CK_log_roll_ms, CK_log_roll_hours, CK_NONE },
		{ CK_log_roll_jitter_ms, CK_log_roll_jitter_hours, CK_NONE },
	};
	for (size_t i = 0; i < countof(groups); i++)
		for (int j = 0; j < CONFIG_SYNONYMS_MAX; j++)
			if (groups[i][j] == key) {
				memcpy(out, groups[i], sizeof groups[i]);
				return out[2] == CK_NONE ? 2 : 3;
			}
	out[0] = key;
	out[1] = CK_log_flush_scheduler_interval_ms; /* its fallback, but not the other way round */
	return key == CK_log_flush_interval_ms ? 2 : 1;
}

const char *config_behind_prefix(const char *name)
{
	static const char prefix[] = "listener.name.";
	if (strncmp(name, prefix, sizeof prefix - 1) != 0)
		return NULL;
	const char *dot = strchr(name + sizeof prefix - 1, '.');
	return dot ? dot + 1 : NULL;
}

/* The keys that may have a SASL mechanism between prefix and name
 * (DynamicBrokerConfig.ListenerMechanismConfigs). */
static bool is_mechanism_key(const char *name)
{
	static const enum config_key keys[] = {
		CK_sasl_jaas_config,
		CK_sasl_login_callback_handler_class,
		CK_sasl_login_class,
		CK_sasl_server_callback_handler_class,
		CK_connections_max_reauth_ms,
	};
	for (size_t i = 0; i < countof(keys); i++)
		if (strcmp(config_descs[keys[i]].name, name) == 0)
			return true;
	return false;
}

const struct config_desc *config_find_prefixed(const char *name)
{
	const char *rest = config_behind_prefix(name);
	if (!rest)
		return NULL;
	const struct config_desc *d = config_find(rest);
	const char *dot = strchr(rest, '.');
	if (!d && dot && is_mechanism_key(dot + 1))
		d = config_find(dot + 1);
	return d;
}
