/* dynamic.h - settings that change while the broker runs: what kafka-configs may set where, and the
 * snapshot that is in force.
 *
 * Two entities have settings over the file: all brokers together (/config/brokers/<default>) and this one
 * (/config/brokers/<id>), which wins. Whoever has read an entity's settings puts them in place here; what
 * cannot be used is left out and told, and what is left makes a new snapshot, or, when it contradicts
 * itself, none. The rooms that a change concerns (dynamic.tbl) are asked first whether they could go on
 * with it, and then told to.
 *
 * Owner: the control reactor. Facts: kafka.server.DynamicBrokerConfig, DynamicListenerConfig,
 * DynamicThreadPool, DynamicLogConfig, SocketServer, LogCleaner of 3.9; the sentences are theirs, because
 * clients show and test them. */
#ifndef SAMSA_CONFIG_DYNAMIC_H
#define SAMSA_CONFIG_DYNAMIC_H

#include "broker/config/config.h"

enum dynamic_entity { DYNAMIC_CLUSTER, DYNAMIC_BROKER };

enum { DYNAMIC_WHY_BYTES = 2048 };

/* Who must be told when a key changes: bits, as it may concern several. 0: it has no meaning here, and its
 * row in config.tbl says why. */
enum dynamic_applier {
	APPLY_TOPICS = 1 << 0,    /* defaults of topics */
	APPLY_ELECTIONS = 1 << 1, /* the controller */
	APPLY_NET = 1 << 2,       /* listeners, TLS, limits of connections; the registration */
	APPLY_PRODUCERS = 1 << 3, /* expiry of producers */
	APPLY_CLEANER = 1 << 4,   /* compaction */
	APPLY_MOVES = 1 << 5,     /* of replicas between log directories */
	APPLY_REQUEST_LOG = 1 << 7, /* which requests took long */
	APPLY_AT_START = 1 << 6,  /* nobody: it is read at the next start, which is when it matters */
};

/* What the rooms have to say. All are called in a fiber of the control reactor and may wait. */
struct dynamic_rooms {
	void *arg;
	/* Whether they could go on with `fresh`: 0, or -1 and a sentence. Nothing has changed after it. */
	int (*prove)(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES]);
	/* Go on with `fresh`, as far as that can fail: 0, or -1 and a sentence, and then everything is as
	 * before. */
	int (*change)(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES]);
	/* `now` is in force: the others are told. */
	void (*follow)(void *arg, const struct config *now, unsigned appliers);
};

struct dynamic;

/* Nothing is set; `file` is borrowed for its life. */
struct dynamic *dynamic_new(const struct config *file);
void dynamic_free(struct dynamic *d);
/* From now on: until then changes concern nobody, and a number of threads may be any. */
void dynamic_set_rooms(struct dynamic *d, const struct dynamic_rooms *rooms);

/* What is in force; borrowed until the next wait. Hold `now` (config_get) to have it for longer. */
const struct config_state *dynamic_state(const struct dynamic *d);
const struct config *dynamic_now(const struct dynamic *d);

/* What a client asks for, before it is written: whether this broker could go on with `settings`, passwords
 * in clear, as all that `entity` has. 0, or -1 with Kafka's sentence. May wait: in a fiber. */
int dynamic_check(const struct dynamic *d, enum dynamic_entity entity, const struct config_layer *settings,
	char why[DYNAMIC_WHY_BYTES]);
/* What stands in ZooKeeper, passwords in clear, is all that `entity` has from now on. What is wrong with
 * it is in the log. True when that changed the snapshot. May wait: in a fiber, one at a time. */
bool dynamic_put(struct dynamic *d, enum dynamic_entity entity, const struct config_layer *settings);

/* Names, types and scopes of what somebody asks for, passwords in clear or not: 0, or -1 with Kafka's
 * sentence (DynamicBrokerConfig.validateConfigs). */
int dynamic_check_settings(enum dynamic_entity entity, const struct config_layer *settings,
	char why[DYNAMIC_WHY_BYTES]);
/* Whether a setting that is stored already can be used; if not, that is told in the log (DynamicBrokerConfig
 * .fromPersistentProps). */
bool dynamic_is_usable(enum dynamic_entity entity, const struct config_setting *s);
/* Whether a setting is kept encrypted: a password that may be set at run time, listener prefix or not
 * (DynamicBrokerConfig.isPasswordConfig). */
bool dynamic_is_password(const char *name);
/* Who must be told of a key. */
unsigned dynamic_appliers(enum config_key key);

#endif
