/* topic_config.h - the settings of one topic: its own over the broker's over Kafka's defaults.
 *
 * Every key is one row of topic.tbl. Facts: LogConfig, ServerTopicConfigSynonyms and KafkaConfig.extractLogConfigMap of
 * 3.9; error texts are Kafka's, because clients show and test them.
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
	const char *synonyms; /* broker keys that give the default, first wins, separated by ','; "" for none */
	const char *meaning, *doc;
	size_t offset;
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

struct topic_config {
	unsigned magic;
#define TOPIC_CONFIG_MAGIC 0x54434647U
#define T(type, field, ...) CONFIG_FIELD_##type field;
#include "broker/config/topic.tbl"
#undef T
	/* Worked out. */
	bool compact, delete_old; /* cleanup.policy */
	bool log_append_time;     /* message.timestamp.type */
	enum topic_compression compression;
	/* message.timestamp.{before,after}.max.ms are already those that count: the deprecated
	 * message.timestamp.difference.max.ms stands in where they are at their default. */
	const char *text[TOPIC_KEYS]; /* as Kafka prints the value */
	struct arena arena;
};

/* A topic's own settings, as its znode or a request has them. */
struct topic_setting {
	const char *name, *value; /* value NULL is null */
};

extern const struct topic_desc topic_descs[TOPIC_KEYS];
const struct topic_desc *topic_find(const char *name);

/* Checks what a client asks for, as CreateTopics and AlterConfigs do: NULL when all is well, else Kafka's error message
 * (INVALID_CONFIG, KERR 40), which lives in the arena. `before`: the topic's settings so far (may be NULL, n 0). */
const char *topic_config_check(struct arena *a, const struct config *broker, const struct topic_setting *before,
	size_t n_before, const struct topic_setting *v, size_t n);

/* The effective settings. What cannot be used (a znode written by a newer broker) falls back to the broker's, with a
 * warning in the log; `topic` is for that line. Never NULL. */
struct topic_config *topic_config_new(const struct config *broker, const char *topic, const struct topic_setting *v,
	size_t n);
void topic_config_free(struct topic_config *t);

#endif
