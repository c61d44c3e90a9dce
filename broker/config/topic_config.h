/* topic_config.h - the settings of one topic: its own over the broker's over Kafka's defaults.
 *
 * Every key is one row of topic.tbl. Facts: LogConfig, ServerTopicConfigSynonyms and
 * KafkaConfig.extractLogConfigMap of 3.9; error texts are Kafka's, because clients show and test them.
 */
#ifndef SAMSA_CONFIG_TOPIC_CONFIG_H
#define SAMSA_CONFIG_TOPIC_CONFIG_H

#include "broker/config/config.h"

enum topic_key {
#define T(type, field, ...) TK_##field,
#include "broker/config/topic.tbl"
#undef T
	TOPIC_KEYS
};

struct topic_desc {
	const char *name;
	enum config_type type;
	const char *default_text;
	struct config_limit limit;
	enum config_importance importance;
	enum config_status status;
	enum config_key broker_key; /* gives the default; CK_NONE: nobody */
	const char *meaning, *doc;
	size_t offset; /* of a number or boolean in struct topic_config; others are worked out */
};

/* compression.type. The codecs have the numbers of the batch attributes. */
enum topic_compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_SNAPPY,
	COMPRESSION_LZ4,
	COMPRESSION_ZSTD,
	COMPRESSION_PRODUCER, /* as the producer made it */
};

#define TOPIC_FIELD_BOOLEAN(field) bool field;
#define TOPIC_FIELD_INT(field) int32_t field;
#define TOPIC_FIELD_LONG(field) int64_t field;
#define TOPIC_FIELD_DOUBLE(field) double field;
#define TOPIC_FIELD_STRING(field)
#define TOPIC_FIELD_LIST(field)

/* Immutable; whoever made it frees it. */
struct topic_config {
	unsigned magic;
#define TOPIC_CONFIG_MAGIC 0x54434647U
	/* Every number and boolean of topic.tbl. message.timestamp.{before,after}.max.ms are those that
	 * count: the deprecated message.timestamp.difference.max.ms stands in where they are at their
	 * default. */
#define T(type, field, ...) TOPIC_FIELD_##type(field)
#include "broker/config/topic.tbl"
#undef T
	/* The names and lists, worked out. */
	bool compact, delete_old; /* cleanup.policy */
	bool log_append_time;     /* message.timestamp.type */
	enum topic_compression compression;
};

extern const struct topic_desc topic_descs[TOPIC_KEYS];
const struct topic_desc *topic_find(const char *name);

/* One setting as Kafka prints it: the topic's own, else what it has from the broker. NULL: the arena is full.
 */
const char *topic_config_text(struct arena *a, const struct config *broker, enum topic_key key,
	const struct config_setting *v, size_t n);

/* Checks what a client asks for, as CreateTopics and AlterConfigs do: NULL when all is well, else Kafka's
 * error message (INVALID_CONFIG, KERR 40), which lives in the arena; so with an arena that is full. `before`:
 * the topic's settings so far (may be NULL, n 0). */
const char *topic_config_check(struct arena *a, const struct config *broker,
	const struct config_setting *before, size_t n_before, const struct config_setting *v, size_t n);

/* Whether those are the words of a ConfigException, which AlterConfigs passes on inside others; else of an
 * InvalidConfigurationException, which it passes on as they are. */
bool topic_config_refuses_value(const char *why);

/* The effective settings. What cannot be used (a znode written by a newer broker) falls back to the broker's,
 * with a warning in the log; `topic` is for that line. Never NULL. */
struct topic_config *topic_config_new(const struct config *broker, const char *topic,
	const struct config_setting *v, size_t n);
void topic_config_free(struct topic_config *t);

#endif
