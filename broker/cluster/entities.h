/* entities.h - the settings that ZooKeeper keeps for an entity: /config/topics/<name>,
 * /config/brokers/<id>, and so on. Read, written, and announced, so that every broker acts upon them. In
 * fibers of the control reactor.
 *
 * An entity is named as in an announcement: "topics/orders", "brokers/1", "brokers/<default>". Facts:
 * kafka.zk.KafkaZkClient.setOrCreateEntityConfigs and AdminZkClient.changeEntityConfig of 3.9; contract:
 * zk_schema, rows 9 and 11. What 3.9 lacks: a write may name the version it was made from, so that of
 * two changes at a time none is lost.
 */
#ifndef SAMSA_CLUSTER_ENTITIES_H
#define SAMSA_CLUSTER_ENTITIES_H

#include "broker/cluster/zkc.h"
#include "broker/config/config.h"
#include "zkutil/znode.h"

/* What the JSON of one entity may have: with its path it has to fit what a ZooKeeper server takes by
 * default. */
enum { ENTITY_BYTES_MAX = ZK_SERVER_BUFFER_BYTES - 64 * 1024 };

struct entity {
	struct config_layer settings; /* in the arena */
	bool exists;
	int32_t version; /* of the node */
};

/* One of many that are read. */
struct entity_reading {
	const char *name;
	/* the answer, as entity_read() gives it */
	struct entity entity;
	enum zk_err err;
	const char *why;
};

/* OK, also when there is no node; another error is told in `why`, in the arena too. A node that cannot
 * be read is ZK_MARSHALLING. Outlives the end of a session. */
enum zk_err entity_read(struct zkc *zkc, struct arena *a, const char *name, struct entity *out,
	const char **why);
/* All at once, pipelined. */
void entity_read_all(struct zkc *zkc, struct arena *a, struct entity_reading *v, size_t n);
/* Writes all settings. A node that is there is written over in one transaction with a check of
 * /controller: ZK_FENCED when that changed, is absent, or belongs to KRaft. `before`, unless NULL, is
 * what the settings were made from: ZK_BADVERSION when the node is another by now. ZK_TOO_BIG: more than
 * ENTITY_BYTES_MAX. ZK_BAD_ARGUMENTS: a name or value is no UTF-8. */
enum zk_err entity_write(struct zkc *zkc, struct arena *a, const char *name,
	const struct config_layer *settings, const struct entity *before);
/* Writes the same settings in another form over the node that `before` is of, with no look at /controller:
 * for the start, when there may be none yet. */
enum zk_err entity_rewrite(struct zkc *zkc, struct arena *a, const char *name,
	const struct config_layer *settings, const struct entity *before);
/* Tells all brokers. */
enum zk_err entity_announce(struct zkc *zkc, struct arena *a, const char *name);

#endif
