/* broker_settings.h - the settings of brokers as ZooKeeper keeps them, /config/brokers/<id> and
 * /config/brokers/<default>: passwords are encrypted there, and values may stand elsewhere (providers.h).
 *
 * In fibers of the control reactor; deriving keys and reading files is done on a helper. Facts:
 * kafka.server.DynamicBrokerConfig of 3.9 (fromPersistentProps, toPersistentProps, maybeReEncodePasswords).
 */
#ifndef SAMSA_CLUSTER_BROKER_SETTINGS_H
#define SAMSA_CLUSTER_BROKER_SETTINGS_H

#include "broker/cluster/entities.h"
#include "broker/config/dynamic.h"

enum { BROKER_ENTITY_BYTES = 32 };

struct broker_settings {
	struct reactor *control;
	struct zkc *zkc;
	const struct config *file; /* password.encoder.*, config.providers */
};

/* "brokers/1", "brokers/<default>" */
void broker_settings_name(enum dynamic_entity of, int32_t broker_id, char name[BROKER_ENTITY_BYTES]);

/* As entity_read(), passwords in clear; one that cannot be decoded is told in the log and left out. */
enum zk_err broker_settings_read(const struct broker_settings *b, struct arena *a, const char *name,
	struct entity *out, const char **why);
/* The settings with all variables replaced, fit for dynamic_check() and dynamic_put(). Where a provider
 * fails: false, the setting is left out, and `why` says the first reason. */
bool broker_settings_resolve(const struct broker_settings *b, struct arena *a,
	const struct config_layer *settings, struct config_layer *out, const char **why);
/* The settings as they are to be written, each password encoded anew. False, with Kafka's words, when that
 * cannot be. */
bool broker_settings_seal(const struct broker_settings *b, struct arena *a, enum dynamic_entity of,
	const struct config_layer *settings, struct config_layer *out, const char **why);
/* At the start: passwords that password.encoder.old.secret decodes are encoded by the secret of now. */
void broker_settings_renew(const struct broker_settings *b, int32_t broker_id);

#endif
