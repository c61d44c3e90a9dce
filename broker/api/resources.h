/* resources.h - what AlterConfigs, IncrementalAlterConfigs and DescribeConfigs speak of.
 * Facts: org.apache.kafka.common.config.ConfigResource, kafka.server.ConfigAdminManager of 3.9. */
#ifndef SAMSA_API_RESOURCES_H
#define SAMSA_API_RESOURCES_H

#include "broker/api/api.h"

enum resource_type {
	RESOURCE_TOPIC = 2,
	RESOURCE_BROKER = 4,
	RESOURCE_BROKER_LOGGER = 8,
	RESOURCE_CLIENT_METRICS = 16,
};

/* "ConfigResource(type=TOPIC, name='orders')" */
const char *resource_text(struct arena *a, int type, struct slice name);
/* Whether `name` is a number, as Java reads one ("+1", "01"). */
bool resource_broker_id(struct slice name, int32_t *id);

/* ---- broker loggers (broker_loggers.c) ---- */

struct alter_step;

/* Sets levels, all or none; INVALID_REQUEST or INVALID_CONFIG with Kafka's words. */
enum kerr broker_loggers_alter(struct arena *a, int32_t broker_id, struct slice name,
			       const struct alter_step *steps, size_t n, bool validate_only,
			       const char **why);
/* What Kafka calls the one above all. */
#define BROKER_LOGGER_ROOT "root"

/* The level that a logger has, or the one above it. */
const char *broker_logger_level(const char *logger);

#endif
