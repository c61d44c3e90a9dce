/* znode.h - what Kafka keeps in ZooKeeper: paths and their contents. The table is znode.tbl.
 *
 * Encoders give the very bytes that Kafka 3.9 writes for the same values, the order of keys too. Decoders
 * take what Kafka takes: unknown fields are ignored, a missing or mistyped one is an error with words for the
 * log, and nothing that a node may hold can do harm. Everything decoded lies in the caller's arena. Runs
 * anywhere.
 */
#ifndef SAMSA_ZKUTIL_ZNODE_H
#define SAMSA_ZKUTIL_ZNODE_H

#include "broker/base/arena.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	ZNODE_PATH_BYTES = 512,          /* of a path without entity names of users' choice */
	ZNODE_WHY_BYTES = 200,
	ZNODE_MAX_BYTES = 4 * 1024 * 1024, /* larger contents are refused unread */
	ZNODE_PARTITIONS_MAX = 1000000,
	ZNODE_REPLICAS_MAX = 10000,
	ZNODE_LISTENERS_MAX = 1000,
	ZNODE_FEATURES_MAX = 1000,
	ZNODE_CONFIGS_MAX = 10000,
	ZNODE_DEPTH_MAX = 16,            /* of nested objects and arrays */
	ZNODE_BROKER_VERSION = 5,
	ZNODE_BROKER_VERSION_IBP_0_10_0 = 4, /* written below inter.broker.protocol.version 2.7 */
	ZNODE_BROKER_VERSION_IBP_0_9_0 = 2,  /* and below 0.10.0-IV1 */
};

enum znode {
#define Z(ident, path, life, written, oldest, newest, content) ZNODE_##ident,
#include "zkutil/znode.tbl"
#undef Z
	ZNODE_ROWS,
	ZNODE_CONTAINERS = ZNODE_CONFIG_IPS + 1, /* the first rows: what a broker makes when it starts */
};

/* ---- paths ---- */

struct znode_path {
	char s[ZNODE_PATH_BYTES];
};

/* Rows without a placeholder; the others' pattern. */
const char *znode_path(enum znode row);
struct znode_path znode_broker_path(int32_t id);
struct znode_path znode_topic_path(const char *topic);
struct znode_path znode_partitions_path(const char *topic);
struct znode_path znode_partition_path(const char *topic, int32_t partition);
struct znode_path znode_state_path(const char *topic, int32_t partition);
struct znode_path znode_delete_topic_path(const char *topic);
/* A child of a row, such as "/isr_change_notification" and "isr_change_0000000007". NULL: too long for the
 * arena. */
const char *znode_child_path(struct arena *a, enum znode parent, const char *child);
/* The group's name may be anything that a client sends: NULL when it, or the topic's, cannot be part of a
 * path, or when the path is too long for the arena. */
const char *znode_consumer_offset_path(struct arena *a, struct slice group, struct slice topic,
				       int32_t partition);
/* The number of a sequential child, -1 when `child` does not begin with the row's prefix and end in one. */
int64_t znode_sequence(enum znode row, const char *child);

/* Below /config; `entity` as in a change notification: "topics/t", "users/<default>/clients/a%20b". NULL: too
 * long for the arena. */
const char *znode_config_path(struct arena *a, const char *entity);
/* An entity by name: {"topics", "t"}, {"users", "alice", .has_client = true, .client = "c1"}. A null name or
 * client is the default entity. */
struct znode_entity {
	const char *type; /* topics, clients, users, brokers, ips */
	const char *name;
	bool has_client; /* with users only */
	const char *client;
};

/* "users/alice/clients/c1", "brokers/<default>": user and client names are sanitized as Kafka does. NULL: too
 * long for the arena. */
const char *znode_entity(struct arena *a, const struct znode_entity *e);
/* org.apache.kafka.common.utils.Sanitizer: URL-encoded, space as %20 and * as %2A. */
const char *znode_sanitize(struct arena *a, struct slice name);
/* Null slice for text that is no encoding. */
struct slice znode_desanitize(struct arena *a, const char *sanitized);

/* ---- contents ----
 * Encoders: a null slice when the arena is full or a text is not UTF-8. Decoders: 0, -EINVAL with the reason
 * in `why`, -ENOMEM when the arena is full. Text is UTF-8 and ends in zero. */

struct znode_why {
	char s[ZNODE_WHY_BYTES];
};

struct znode_endpoint {
	const char *listener; /* "PLAINTEXT", "INTERNAL" */
	const char *protocol; /* PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL */
	const char *host;     /* "" where the endpoint names none; IPv6 without brackets */
	int32_t port;
};

struct znode_feature {
	const char *name;
	int32_t min, max;
};

struct znode_broker {
	int32_t version;
	const char *host; /* null when no endpoint is PLAINTEXT */
	int32_t port;     /* -1 likewise */
	int32_t jmx_port;
	int64_t timestamp_ms;
	const char *rack; /* may be null */
	struct znode_endpoint *endpoints;
	unsigned n_endpoints;
	struct znode_feature *features;
	unsigned n_features;
};

/* host and port are set from the first PLAINTEXT endpoint, whatever `b` says. */
struct slice znode_broker_encode(struct arena *a, const struct znode_broker *b);
int znode_broker_decode(struct arena *a, struct slice json, struct znode_broker *out, struct znode_why *why);

struct znode_ints {
	int32_t *v;
	unsigned n;
};

struct znode_replicas {
	int32_t partition;
	struct znode_ints replicas, adding, removing;
};

struct znode_topic {
	bool has_id;
	struct uuid id;
	struct znode_replicas *partitions; /* decoded: by number */
	unsigned n_partitions;
};

struct slice znode_topic_encode(struct arena *a, const struct znode_topic *t);
int znode_topic_decode(struct arena *a, struct slice json, struct znode_topic *out, struct znode_why *why);

struct znode_state {
	int32_t leader; /* -1: none */
	int32_t leader_epoch;
	int32_t controller_epoch;
	struct znode_ints isr;
	bool recovering; /* after an unclean election */
};

struct slice znode_state_encode(struct arena *a, const struct znode_state *s);
int znode_state_decode(struct arena *a, struct slice json, struct znode_state *out, struct znode_why *why);

struct znode_controller {
	int32_t broker;
	int64_t timestamp_ms;
	int32_t kraft_epoch; /* -1: a ZooKeeper controller */
};

struct slice znode_controller_encode(struct arena *a, const struct znode_controller *c);
int znode_controller_decode(struct arena *a, struct slice json, struct znode_controller *out,
	struct znode_why *why);

struct slice znode_controller_epoch_encode(struct arena *a, int32_t epoch);
int znode_controller_epoch_decode(struct slice text, int32_t *epoch, struct znode_why *why);

struct slice znode_cluster_id_encode(struct arena *a, const char *id);
int znode_cluster_id_decode(struct arena *a, struct slice json, const char **id, struct znode_why *why);

struct znode_entry {
	const char *key, *value;
};

struct znode_config {
	struct znode_entry *entries;
	unsigned n;
};

struct slice znode_config_encode(struct arena *a, const struct znode_config *c);
/* Null data is an empty config. */
int znode_config_decode(struct arena *a, struct slice json, struct znode_config *out, struct znode_why *why);

/* The entity as znode_config_path() takes it. */
struct slice znode_config_change_encode(struct arena *a, const char *entity);
int znode_config_change_decode(struct arena *a, struct slice json, const char **entity,
	struct znode_why *why);

struct znode_features {
	int32_t version; /* 2; 1 below inter.broker.protocol.version 3.3 */
	bool enabled;
	struct znode_feature *features;
	unsigned n;
};

struct slice znode_features_encode(struct arena *a, const struct znode_features *f);
int znode_features_decode(struct arena *a, struct slice json, struct znode_features *out,
	struct znode_why *why);

struct znode_partition {
	const char *topic;
	int32_t partition;
	struct znode_ints replicas; /* reassign_partitions only */
};

struct znode_partitions {
	struct znode_partition *v;
	unsigned n;
};

/* isr_change_* and preferred_replica_election. */
struct slice znode_partitions_encode(struct arena *a, const struct znode_partitions *p);
int znode_partitions_decode(struct arena *a, struct slice json, struct znode_partitions *out,
	struct znode_why *why);
/* reassign_partitions. */
struct slice znode_reassign_encode(struct arena *a, const struct znode_partitions *p);
int znode_reassign_decode(struct arena *a, struct slice json, struct znode_partitions *out,
	struct znode_why *why);

enum { ZNODE_LOG_DIR_FAILURE = 1 };

struct slice znode_log_dir_event_encode(struct arena *a, int32_t broker);
int znode_log_dir_event_decode(struct slice json, int32_t *broker, struct znode_why *why);

struct znode_producer_ids {
	int32_t broker;
	int64_t first, last; /* both inside */
};

struct slice znode_producer_ids_encode(struct arena *a, const struct znode_producer_ids *p);
int znode_producer_ids_decode(struct slice json, struct znode_producer_ids *out, struct znode_why *why);

struct znode_migration {
	int32_t kraft_controller; /* -1: the node was made but no migration has begun */
	int32_t kraft_controller_epoch;
	int64_t metadata_offset;
	int32_t metadata_epoch;
};

/* Read only: a ZooKeeper broker never writes it. */
int znode_migration_decode(struct slice json, struct znode_migration *out, struct znode_why *why);

#endif
