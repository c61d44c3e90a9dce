/* topics.h - topics as admins and clients ask for them: checked, assigned to brokers, written to ZooKeeper,
 * where the controller of the cluster sees them. In fibers of the control reactor; no controllership is
 * needed.
 *
 * Facts: kafka.server.ZkAdminManager, kafka.zk.AdminZkClient and AdminUtils of 3.9; contract: coordination,
 * section 7.
 */
#ifndef SAMSA_CONTROLLER_TOPICS_H
#define SAMSA_CONTROLLER_TOPICS_H

#include "broker/base/arena.h"
#include "broker/base/kerr.h"
#include "broker/cluster/metastore.h"
#include "broker/cluster/zkc.h"
#include "broker/config/dynamic.h"
#include "broker/config/topic_config.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TOPICS_DEFAULT = -1,            /* partitions or replication factor: the broker's default */
	TOPICS_PARTITIONS_MAX = 200000, /* of one topic */
};

struct topics {
	struct reactor *control;
	struct zkc *zkc;
	struct metastore *metastore;
	const struct config *config;   /* for keys that cannot change */
	const struct dynamic *dynamic; /* what is in force */
};

/* Replicas of one partition, the preferred leader first. */
struct topic_assignment {
	int32_t partition;
	const int32_t *ids;
	int32_t n;
};

struct topic_spec {
	struct slice name;
	int32_t partitions;
	int16_t replication_factor;
	const struct topic_assignment *assignments; /* in place of the two above; n 0: none */
	int32_t n_assignments;
	const struct config_setting *settings;
	size_t n_settings;
};

struct topic_made {
	struct uuid id;
	int32_t partitions;
	int16_t replication_factor;
};

/* NONE, or the error and Kafka's words in the arena. With `validate_only` nothing is written. */
enum kerr topics_create(const struct topics *t, const struct topic_spec *spec, bool validate_only,
			struct arena *arena, struct topic_made *out, const char **why);
/* Grows a topic to `count` partitions; `assignments` are those of the new ones, or NULL. */
enum kerr topics_grow(const struct topics *t, struct slice name, int32_t count,
		      const struct topic_assignment *assignments, int32_t n_assignments, bool validate_only,
		      struct arena *arena, const char **why);
/* Queues the topic for deletion. */
enum kerr topics_delete(const struct topics *t, struct slice name);

/* All partitions of the topic have a leader in the snapshot in force; -1: at least one partition. */
bool topics_wait_leaders(const struct topics *t, struct slice name, int32_t partitions, int64_t timeout_ms);
bool topics_wait_gone(const struct topics *t, struct slice name, int64_t timeout_ms);

#endif
