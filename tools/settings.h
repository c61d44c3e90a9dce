/* settings.h - settings of topics and brokers as DescribeConfigs tells them and IncrementalAlterConfigs takes
 * them. */
#ifndef SAMSA_TOOLS_SETTINGS_H
#define SAMSA_TOOLS_SETTINGS_H

#include "describe_configs.kmsg.h"
#include "incremental_alter_configs.kmsg.h"
#include "tools/admin.h"

/* org.apache.kafka.common.config.ConfigResource.Type */
enum settings_kind {
	SETTINGS_TOPIC = 2,
	SETTINGS_BROKER = 4,
	SETTINGS_BROKER_LOGGER = 8,
	SETTINGS_CLIENT_METRICS = 16,
	SETTINGS_GROUP = 32,
};

/* org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource */
enum settings_source {
	SOURCE_TOPIC = 1,
	SOURCE_DYNAMIC_BROKER = 2,
	SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
	SOURCE_STATIC_BROKER = 4,
	SOURCE_DEFAULT = 5,
	SOURCE_DYNAMIC_BROKER_LOGGER = 6,
};

/* Asks `node` for all settings of these; an error of one is the failure. */
int settings_describe(struct admin *a, struct tool *t, int32_t node, enum settings_kind kind,
	const struct slice *names, unsigned n, struct describe_configs_response *out);
/* NULL: not in the answer. */
const struct describe_configs_response_result *settings_of(
	const struct describe_configs_response *m, struct slice name);
const struct describe_configs_response_config *setting(
	const struct describe_configs_response_result *r, const char *name);
bool setting_is_default(const struct describe_configs_response_config *c);
/* The order in which Java's tools show them where they do not sort: that of a java.util.HashMap. */
void settings_as_java(struct tool *t, struct describe_configs_response_result *r);
/* By name. */
void settings_by_name(struct describe_configs_response_result *r);

/* org.apache.kafka.clients.admin.AlterConfigOp.OpType */
enum settings_op { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };
/* Changes one resource or several; an error of one is the failure. */
int settings_alter(struct admin *a, struct tool *t, int32_t node,
	struct incremental_alter_configs_request_resource *resources, unsigned n);

#endif
