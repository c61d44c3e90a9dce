/* config.h - the broker's configuration: an immutable snapshot of every key, typed.
 *
 * Every key is one row of config.tbl or kraft.tbl (name, type, default, limits, scope, status, words); the
 * struct, the parser, the checks, DescribeConfigs and the manual page all read those rows. A field is the key
 * with dots as underscores: cfg->num_partitions. Who owns it: whoever loaded it; after that it never changes
 * and any core reads it. Facts: KafkaConfig of 3.9 (types, defaults, limits, cross-checks).
 */
#ifndef SAMSA_CONFIG_CONFIG_H
#define SAMSA_CONFIG_CONFIG_H

#include "broker/base/arena.h"
#include "broker/base/buf.h"
#include "broker/base/slice.h"
#include "broker/config/ibp.h"
#include "broker/config/limit.h"
#include "broker/config/listeners.h"
#include "broker/config/problems.h"
#include "broker/config/properties.h"
#include "broker/config/providers.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CONFIG_FILE_BYTES = 1 << 20,   /* largest properties file */
	CONFIG_ARENA_BYTES = 64 << 20, /* many times what a file of that size can ask for */
	CONFIG_DIRS_MAX = 256,
};

enum config_key {
#define X(type, field, ...) CK_##field,
#include "broker/config/keys.tbl"
#undef X
	CONFIG_KEYS,
	CK_NONE = CONFIG_KEYS,
};

enum config_scope { SCOPE_READ_ONLY, SCOPE_PER_BROKER, SCOPE_CLUSTER_WIDE };
enum config_importance { IMPORTANCE_HIGH, IMPORTANCE_MEDIUM, IMPORTANCE_LOW };

enum config_origin {
	ORIGIN_KAFKA,
	ORIGIN_INTERNAL, /* Kafka's, undocumented: DescribeConfigs shows it only when it was set */
	ORIGIN_DYNAMIC,  /* Kafka's, never in the file: only through kafka-configs */
	ORIGIN_SAMSA,
};

enum config_status {
	STATUS_HONOURED,
	STATUS_KNOWN, /* accepted, without effect: `meaning` says what that means here */
	STATUS_FIXED, /* only the default is taken: to go on without it would be unsafe; `meaning` says why */
};

struct config_desc {
	const char *name;
	enum config_type type;
	const char *default_text; /* NULL is null */
	struct config_limit limit;
	enum config_scope scope;
	enum config_importance importance;
	enum config_origin origin;
	enum config_status status;
	const char *meaning; /* NULL where honoured */
	const char *doc;
	size_t offset; /* of the field in struct config */
};

#define CONFIG_FIELD_BOOLEAN bool
#define CONFIG_FIELD_STRING const char *
#define CONFIG_FIELD_CLASS const char *
#define CONFIG_FIELD_PASSWORD const char *
#define CONFIG_FIELD_INT int32_t
#define CONFIG_FIELD_SHORT int16_t
#define CONFIG_FIELD_LONG int64_t
#define CONFIG_FIELD_DOUBLE double
#define CONFIG_FIELD_LIST struct config_list

/* Where a value came from. */
struct config_given {
	const struct property *property; /* NULL: the default */
	const char *text;                /* as Kafka prints the value; NULL is null */
};

struct config {
	unsigned magic;
#define CONFIG_MAGIC 0x434f4e46U
	struct hold hold;
	/* One for each row. A number whose default is null holds what null falls back to (log_retention_ms:
	 * the minutes or hours), or 0 where Kafka has no fallback. Strings that are null are NULL. */
#define X(type, field, ...) CONFIG_FIELD_##type field;
#include "broker/config/keys.tbl"
#undef X

	/* Worked out of several keys. */
	struct listeners listening;           /* listeners */
	struct listeners advertising;         /* advertised.listeners, else the same */
	const struct listener *inter_broker;  /* of advertising */
	const struct listener *control_plane; /* of advertising; NULL without control.plane.listener.name */
	struct config_list data_dirs;         /* log.dirs, else log.dir */
	enum ibp ibp;                         /* inter.broker.protocol.version */
	enum ibp message_format; /* log.message.format.version, or 3.0 where the former makes it moot */
	struct config_list ip_limit_hosts; /* max.connections.per.ip.overrides: host i may open ... */
	const int32_t *ip_limit_counts;    /* ... this many */
	const struct providers *providers; /* of the file; NULL: it names none */

	struct config_given given[CONFIG_KEYS];
	struct properties properties; /* all that was set, unknown names too */
	struct arena *arena;
	bool is_view; /* a listener's: belongs to the broker's own */
};

/* A file's text, for config_load. The caller reads it: files are behind the seam. */
struct config_source {
	const char *name; /* as in "etc/server.properties:12" */
	struct slice text;
	const struct provider_reader *reader; /* what config.providers look at; may be NULL */
};

/* The snapshot, or NULL when a problem is an error. Problems of every kind are added to `problems`, errors
 * with file, line, key, value and what is allowed. Overrides ("key=value") win over the file. */
struct config *config_load(const struct config_source *source, const char *const *overrides,
	size_t n_overrides, struct problems *problems);
/* Lets go of its maker's hold; NULL is nothing. */
void config_free(struct config *c);
/* Counted, any thread: it goes when the last hold is let go. Not of a listener's view. */
const struct config *config_get(const struct config *c);
void config_put(const struct config *c);

/* A setting from elsewhere: a znode or a request. `value` NULL is null. */
struct config_setting {
	const char *name, *value;
};
/* What came through kafka-configs, passwords already decrypted. */
struct config_layer {
	const struct config_setting *v;
	size_t n;
};
struct config_layers {
	struct config_layer broker;  /* /config/brokers/<id>: wins over ... */
	struct config_layer cluster; /* /config/brokers/<default>, which wins over the file */
};
/* The setting of that name, the last one if there are several; NULL when there is none. */
const struct config_setting *config_setting_find(const struct config_setting *v, size_t n, const char *name);

/* A snapshot of its own: the file with layers over it, checked as a whole, listeners and what else is worked
 * out of several keys included (DynamicBrokerConfig.updateCurrentConfig). NULL when the settings contradict
 * each other; `problems` then has Kafka's sentence, without a place. What a name may be set where is not
 * asked here: dynamic.h. */
struct config *config_overlay(const struct config *file, const struct config_layers *layers,
	struct problems *problems);

/* The settings in force, and what they are made of. */
struct config_state {
	const struct config *file;
	struct config_layers layers;
	const struct config *now;
};

extern const struct config_desc config_descs[CONFIG_KEYS];
/* NULL for an unknown name. A listener.name.<l>. prefix is not looked through. */
const struct config_desc *config_find(const char *name);
/* What stands behind "listener.name.<listener>."; NULL when `name` does not begin so
 * (DynamicBrokerConfig.ListenerConfigRegex). */
const char *config_behind_prefix(const char *name);
/* "listener.name.internal.ssl.keystore.location" -> the row of ssl.keystore.location (the SASL mechanism that
 * may stand between is looked through too); NULL when `name` is not of that form or the rest is unknown. */
const struct config_desc *config_find_prefixed(const char *name);

/* The keys that set the same thing, first wins: log.retention.ms, .minutes, .hours (DynamicBrokerConfig
 * .brokerConfigSynonyms). Most have only themselves. Returns how many. */
enum { CONFIG_SYNONYMS_MAX = 3 };
int config_synonyms(enum config_key key, enum config_key out[CONFIG_SYNONYMS_MAX]);

/* The value that a field of `c` has, in the form of its type. */
struct config_value config_value_of(const struct config *c, enum config_key key);

/* The effective configuration of a listener: its listener.name.<name>. keys over the broker's. */
const struct config *config_for_listener(const struct config *c, const struct listener *l);

/* Whether file or command line set it. */
static inline bool config_is_set(const struct config *c, enum config_key key)
{
	return c->given[key].property != NULL;
}

/* A log line for each problem; for the start, before anything else is up. */
void config_log_problems(const struct problems *problems);
/* One line for each key that was set and is not honoured. */
void config_report_unhonoured(const struct config *c);
/* Kafka's "KafkaConfig values:" at start; passwords are [hidden]. */
void config_log_values(const struct config *c);

#endif
