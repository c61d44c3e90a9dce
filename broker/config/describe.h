/* describe.h - what DescribeConfigs answers for a topic or this broker: values, sources, synonyms.
 *
 * Fact: ConfigHelper and DynamicBrokerConfig.brokerConfigSynonyms of 3.9, oddities included: a synonym list
 * begins with the entry's own name or is empty, so that retention.ms shows no synonym while only
 * log.retention.hours is set. Everything lives in the arena, which is the request's; entries beyond its cap
 * make the call fail.
 */
#ifndef SAMSA_CONFIG_DESCRIBE_H
#define SAMSA_CONFIG_DESCRIBE_H

#include "broker/config/topic_config.h"

/* DescribeConfigsResponse.ConfigSource */
enum describe_source {
	SOURCE_UNKNOWN,
	SOURCE_TOPIC,
	SOURCE_DYNAMIC_BROKER,
	SOURCE_DYNAMIC_DEFAULT_BROKER,
	SOURCE_STATIC_BROKER,
	SOURCE_DEFAULT,
	SOURCE_BROKER_LOGGER,
};

struct describe_synonym {
	const char *name;
	const char *value; /* NULL: null or sensitive */
	enum describe_source source;
};

struct describe_entry {
	const char *name;
	const char *value; /* NULL: null or sensitive */
	enum config_type type;
	enum describe_source source;
	bool read_only, is_default, sensitive;
	const char *documentation;
	const struct describe_synonym *synonyms; /* first wins */
	uint32_t n_synonyms;
};

struct describe_result {
	struct describe_entry *v;
	uint32_t n;
};

/* Which keys were asked for; n == 0: all. */
struct describe_wanted {
	const struct slice *v;
	size_t n;
};

/* Each returns 0, or -ENOMEM when the arena is full. */
/* Resource BROKER with this broker's id. */
int describe_broker(struct arena *a, const struct config_state *state,
	const struct describe_wanted *wanted, struct describe_result *out);
/* Resource BROKER with the empty name: what is set for the whole cluster. */
int describe_cluster_default(struct arena *a, const struct config_state *state,
	const struct describe_wanted *wanted, struct describe_result *out);
/* Resource TOPIC; `v` are the topic's own settings. */
int describe_topic(struct arena *a, const struct config_state *state,
	const struct config_setting *v, size_t n, const struct describe_wanted *wanted,
	struct describe_result *out);

#endif
