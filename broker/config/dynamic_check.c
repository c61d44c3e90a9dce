/* dynamic_check.c - what may be set at run time, where, and after what. Sentences are those of 3.9, from
 * the classes that each function names. */
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/dynamic_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LOGGER "kafka.server.DynamicBrokerConfig"

enum { CHECK_ARENA_BYTES = 16 << 20, NAMES_BYTES = DYNAMIC_WHY_BYTES / 2 };

/* ---- names ---- */

static bool is_row(const struct config_desc *d, enum config_key key)
{
	return d == &config_descs[key];
}

/* SslConfigs.RECONFIGURABLE_CONFIGS */
static bool is_security(const struct config_desc *d)
{
	static const enum config_key keys[] = {
		CK_ssl_keystore_type, CK_ssl_keystore_location, CK_ssl_keystore_password, CK_ssl_key_password,
		CK_ssl_truststore_type, CK_ssl_truststore_location, CK_ssl_truststore_password,
		CK_ssl_keystore_certificate_chain, CK_ssl_keystore_key, CK_ssl_truststore_certificates,
	};
	for (size_t i = 0; i < countof(keys); i++)
		if (is_row(d, keys[i]))
			return true;
	return false;
}

/* DynamicBrokerConfig.ClusterLevelListenerConfigs */
static bool may_prefix_for_all(const struct config_desc *d)
{
	return d && (is_row(d, CK_max_connections) || is_row(d, CK_max_connection_creation_rate) ||
			    is_row(d, CK_num_network_threads));
}

static bool is_dynamic(const struct config_desc *d)
{
	return d && d->scope != SCOPE_READ_ONLY;
}

static bool is_fixed_at_start(enum dynamic_entity entity, const char *name)
{
	const struct config_desc *d = config_find(name);
	(void)entity;
	return d && !is_dynamic(d);
}

static bool lacks_prefix(enum dynamic_entity entity, const char *name)
{
	const struct config_desc *d = config_find(name);
	(void)entity;
	return d && is_security(d);
}

static bool is_of_one_broker(enum dynamic_entity entity, const char *name)
{
	const struct config_desc *d = config_find(name);
	const char *rest = config_behind_prefix(name);
	if (entity != DYNAMIC_CLUSTER)
		return false;
	return rest ? !may_prefix_for_all(config_find(rest)) : d && d->scope == SCOPE_PER_BROKER;
}

bool dynamic_is_password(const char *name)
{
	size_t n = strlen(name);
	for (int key = 0; key < CONFIG_KEYS; key++) {
		const struct config_desc *d = &config_descs[key];
		size_t length = strlen(d->name);
		if (d->type == CONFIG_PASSWORD && is_dynamic(d) && length <= n &&
			strcmp(name + n - length, d->name) == 0)
			return true;
	}
	return false;
}

/* Where a setting may not stand; `set` is what Scala calls the set of such names. */
static const struct place_rule {
	bool (*broken)(enum dynamic_entity entity, const char *name);
	const char *refused, *set, *left_out;
} place_rules[] = {
	{ is_fixed_at_start, "Cannot update these configs dynamically", "Set",
		"Non-dynamic configs configured in ZooKeeper will be ignored" },
	{ lacks_prefix,
		"These security configs can be dynamically updated only per-listener using the listener "
		"prefix",
		"HashSet",
		"Security configs can be dynamically updated only using listener prefix, base configs will "
		"be ignored" },
	{ is_of_one_broker,
		"Cannot update these configs at default cluster level, broker id must be specified", "Set",
		"Per-broker configs defined at default cluster level will be ignored" },
};
enum { RULE_ONE_BROKER = countof(place_rules) - 1 }; /* asked after the types */

/* ---- types ---- */

/* The value is one that the key's type and limits take; what is not a dynamic key is not looked at
 * (DynamicBrokerConfig.validateConfigTypes). */
static int check_type(const struct config_setting *s, char why[DYNAMIC_WHY_BYTES])
{
	const char *rest = config_behind_prefix(s->name);
	const struct config_desc *d = config_find(rest ? rest : s->name);
	struct config_value v;
	struct arena a;
	if (!is_dynamic(d) || !s->value)
		return 0;
	arena_init(&a, CHECK_ARENA_BYTES);
	int rc = config_value_parse(&a, d->name, d->type, &d->limit, s->value, &v, why);
	arena_free(&a);
	return rc;
}

static int check_types(const struct config_layer *settings, char why[DYNAMIC_WHY_BYTES])
{
	int rc = 0;
	for (size_t i = 0; i < settings->n && rc == 0; i++)
		rc = check_type(&settings->v[i], why);
	return rc;
}

static int check_place(const struct place_rule *rule, enum dynamic_entity entity,
	const struct config_layer *settings, char why[DYNAMIC_WHY_BYTES])
{
	char names[NAMES_BYTES] = "";
	size_t at = 0;
	for (size_t i = 0; i < settings->n && at < sizeof names; i++)
		if (rule->broken(entity, settings->v[i].name))
			at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "",
				settings->v[i].name);
	if (at > 0)
		snprintf(why, DYNAMIC_WHY_BYTES, "%s: %s(%s)", rule->refused, rule->set, names);
	return at > 0 ? -1 : 0;
}

int dynamic_check_settings(enum dynamic_entity entity, const struct config_layer *settings,
	char why[DYNAMIC_WHY_BYTES])
{
	for (int i = 0; i < RULE_ONE_BROKER; i++)
		if (check_place(&place_rules[i], entity, settings, why) != 0)
			return -1;
	if (check_types(settings, why) != 0)
		return -1;
	return check_place(&place_rules[RULE_ONE_BROKER], entity, settings, why);
}

bool dynamic_is_usable(enum dynamic_entity entity, const struct config_setting *s)
{
	char why[DYNAMIC_WHY_BYTES];
	if (check_type(s, why) != 0) {
		log_error(LOGGER, "Dynamic %s config contains invalid values in: %s, these configs will be "
			"ignored: %s", entity == DYNAMIC_BROKER ? "broker" : "default cluster",
			log_safe(slice_str(s->name)).s, log_safe(slice_str(why)).s);
		return false;
	}
	for (size_t i = 0; i < countof(place_rules); i++)
		if (place_rules[i].broken(entity, s->name)) {
			log_error(LOGGER, "%s: %s", place_rules[i].left_out, log_safe(slice_str(s->name)).s);
			return false;
		}
	return true;
}

/* ---- after what is in force ---- */

static int refuse(char why[DYNAMIC_WHY_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(char why[DYNAMIC_WHY_BYTES], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, DYNAMIC_WHY_BYTES, format, args);
	va_end(args);
	return -1;
}

/* DynamicThreadPool, DataPlaneAcceptor */
static int check_threads(const char *name, int32_t old, int32_t fresh, char why[DYNAMIC_WHY_BYTES])
{
	static const char failed[] = "Dynamic thread count update validation failed for";
	if (fresh == old)
		return 0;
	if (fresh <= 0)
		return refuse(why, "%s %s=%d, value should be at least 1", failed, name, fresh);
	if (fresh < old / 2)
		return refuse(why, "%s %s=%d, value should be at least half the current value %d", failed,
			name, fresh, old);
	if (fresh > (int64_t)old * 2)
		return refuse(why, "%s %s=%d, value should not be greater than double the current value %d",
			failed, name, fresh, old);
	return 0;
}

static int check_pools(const struct config *now, const struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	static const enum config_key pools[] = { CK_num_io_threads, CK_num_replica_fetchers,
		CK_num_recovery_threads_per_data_dir, CK_background_threads };
	for (size_t i = 0; i < countof(pools); i++)
		if (check_threads(config_descs[pools[i]].name, (int32_t)config_value_of(now, pools[i]).i,
			    (int32_t)config_value_of(fresh, pools[i]).i, why) != 0)
			return -1;
	return 0;
}

/* LogCleaner */
static int check_cleaner(const struct config *now, const struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	int32_t old = now->log_cleaner_threads, n = fresh->log_cleaner_threads;
	if (n < 1)
		return refuse(why, "Log cleaner threads should be at least 1");
	if (n < old / 2)
		return refuse(why,
			"Log cleaner threads cannot be reduced to less than half the current value %d", old);
	if (n > (int64_t)old * 2)
		return refuse(why,
			"Log cleaner threads cannot be increased to more than double the current value %d",
			old);
	return 0;
}

/* DynamicLogConfig: what stays on local disk is part of what stays. */
static int check_local(const char *local_name, int64_t local, const char *name, int64_t all,
	char why[DYNAMIC_WHY_BYTES])
{
	if (all == -1 || local == -2)
		return 0;
	if (local == -1)
		return refuse(why,
			"Invalid value -1 for configuration %s: Value must not be -1 as %s value is set as "
			"%" PRId64 ".",
			local_name, name, all);
	if (local > all)
		return refuse(why,
			"Invalid value %" PRId64 " for configuration %s: Value must not be more than %s "
			"property value: %" PRId64,
			local, local_name, name, all);
	return 0;
}

static int check_topics(const struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	if (check_local("log.local.retention.ms", fresh->log_local_retention_ms, "log.retention.ms",
		    fresh->log_retention_ms, why) != 0)
		return -1;
	return check_local("log.local.retention.bytes", fresh->log_local_retention_bytes,
		"log.retention.bytes", max_of(fresh->log_retention_bytes, INT64_C(-1)), why);
}

/* SocketServer.ListenerConnectionQuota, DynamicListenerConfig */
static int check_listener(const struct listener *old, const struct listener *fresh,
	char why[DYNAMIC_WHY_BYTES])
{
	if (old->protocol != fresh->protocol)
		return refuse(why,
			"Security protocol cannot be updated for existing listener ListenerName(%s)",
			old->name);
	if (fresh->config->max_connections <= 0)
		return refuse(why, "Invalid max.connections %d", fresh->config->max_connections);
	if (fresh->config->max_connection_creation_rate <= 0)
		return refuse(why, "Invalid max.connection.creation.rate %d",
			fresh->config->max_connection_creation_rate);
	return 0;
}

static int check_listeners(const struct config *now, const struct config *fresh, unsigned appliers,
	char why[DYNAMIC_WHY_BYTES])
{
	int rc = 0;
	for (uint32_t i = 0; i < now->listening.n && rc == 0; i++) {
		const struct listener *old = &now->listening.v[i];
		const struct listener *same = listeners_find(&fresh->listening, old->name);
		if (same && (appliers & APPLY_NET))
			rc = check_listener(old, same, why);
		if (same && rc == 0)
			rc = check_threads("num.network.threads", old->config->num_network_threads,
				same->config->num_network_threads, why);
	}
	return rc;
}

int dynamic_may_follow(const struct config *now, const struct config *fresh, unsigned appliers,
	char why[DYNAMIC_WHY_BYTES])
{
	if (check_listeners(now, fresh, appliers, why) != 0 || check_pools(now, fresh, why) != 0)
		return -1;
	if ((appliers & APPLY_CLEANER) && check_cleaner(now, fresh, why) != 0)
		return -1;
	return appliers & APPLY_TOPICS ? check_topics(fresh, why) : 0;
}

/* ---- what has changed, for the log ---- */

static const char *shown(const struct config *c, enum config_key key)
{
	const char *text = c->given[key].text;
	return text && config_descs[key].type == CONFIG_PASSWORD ? "[hidden]" : text ? text : "null";
}

/* `where` is empty, or names a listener. */
static void say_change(const struct config *old, const struct config *fresh, enum config_key key,
	const char *where)
{
	const struct config_desc *d = &config_descs[key];
	if (d->status == STATUS_KNOWN)
		log_warn(LOGGER, "%s=%s%s is accepted without effect: %s", d->name,
			log_safe(slice_str(shown(fresh, key))).s, where, d->meaning);
	else
		log_info(LOGGER, "%s = %s%s from now on, was %s", d->name,
			log_safe(slice_str(shown(fresh, key))).s, where,
			log_safe(slice_str(shown(old, key))).s);
}

static void say_listener(const struct config *old, const struct config *fresh, const struct listener *l)
{
	const struct listener *same = listeners_find(&fresh->listening, l->name);
	char where[LISTENER_NAME_BYTES + 32];
	snprintf(where, sizeof where, " of listener %s", l->name);
	for (int i = 0; i < CONFIG_KEYS && same; i++) {
		enum config_key key = (enum config_key)i;
		bool by_itself = !dynamic_key_differs(old, fresh, key);
		if (by_itself && dynamic_key_differs(l->config, same->config, key))
			say_change(l->config, same->config, key, where);
	}
}

void dynamic_log_changes(const struct config *old, const struct config *fresh)
{
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (dynamic_key_differs(old, fresh, (enum config_key)key))
			say_change(old, fresh, (enum config_key)key, "");
	for (uint32_t i = 0; i < old->listening.n; i++)
		say_listener(old, fresh, &old->listening.v[i]);
}
