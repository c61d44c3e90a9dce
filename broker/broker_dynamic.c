/* broker_dynamic.c - settings that change while the broker runs: from ZooKeeper to what is in force, and
 * from there to the rooms. Facts: kafka.server.DynamicBrokerConfig of 3.9; contract: coordination section
 * 15. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/broker_settings.h"

#include <stdio.h>

#define LOGGER "kafka.server.DynamicBrokerConfig"

enum { SETTINGS_ARENA_BYTES = 16 << 20 };

/* ---- from ZooKeeper ---- */

static struct broker_settings settings_of(const struct broker *b)
{
	return (struct broker_settings){ b->control, b->zkc, b->config };
}

static const char *shown(const struct config_setting *s)
{
	return dynamic_is_password(s->name) ? "[hidden]" : s->value;
}

static void say_processed(const char *name, const struct config_layer *stored)
{
	char text[LOG_SAFE_BYTES] = "";
	for (size_t i = 0, at = 0; i < stored->n && at < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s -> %s", i > 0 ? ", " : "",
				       stored->v[i].name, shown(&stored->v[i]));
	log_info("kafka.server.ZkConfigManager",
		 "Processing override for entityPath: %s with config: Map(%s)", name,
		 log_safe(slice_str(text)).s);
}

/* What cannot be read leaves what is in force as it is. True when that has changed. */
static bool read_entity(struct broker *b, enum dynamic_entity of)
{
	struct arena arena;
	struct entity entity;
	struct config_layer clear;
	const char *why;
	char name[BROKER_ENTITY_BYTES];
	const struct broker_settings at = settings_of(b);
	bool changed = false;
	broker_settings_name(of, b->id, name);
	arena_init(&arena, SETTINGS_ARENA_BYTES);
	if (broker_settings_read(&at, &arena, name, &entity, &why) == ZK_OK) {
		if (entity.exists)
			say_processed(name, &entity.settings);
		if (!broker_settings_resolve(&at, &arena, &entity.settings, &clear, &why))
			log_error(LOGGER, "/config/%s: %s; that setting is ignored.", name,
				  log_safe(slice_str(why)).s);
		changed = dynamic_put(b->dynamic, of, &clear);
	} else {
		log_error(LOGGER, "%s, and changes nothing.", log_safe(slice_str(why)).s);
	}
	arena_free(&arena);
	return changed;
}

void broker_read_settings(struct broker *b)
{
	read_entity(b, DYNAMIC_CLUSTER);
	read_entity(b, DYNAMIC_BROKER);
}

/* Who sets the same location of a key store again has changed the file (3.9 does so when it is asked to
 * alter the settings: DynamicBrokerConfig.reloadUpdatedFilesWithoutConfigChange). */
void broker_settings_changed(struct broker *b, enum dynamic_entity entity)
{
	if (!read_entity(b, entity) && entity == DYNAMIC_BROKER)
		net_reload(b->net, b->control);
}

void broker_renew_passwords(struct broker *b)
{
	const struct broker_settings at = settings_of(b);
	broker_settings_renew(&at, b->id);
}

/* ---- to the rooms ---- */

static int prove(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return appliers & APPLY_NET && !broker_may_listen(b, fresh, why) ? -1 : 0;
}

static int change(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return appliers & APPLY_NET && !broker_listen_anew(b, fresh, why) ? -1 : 0;
}

static void follow(void *arg, const struct config *now, unsigned appliers)
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	broker_renew_registration(b);
	if (appliers & (APPLY_TOPICS | APPLY_PRODUCERS | APPLY_CLEANER | APPLY_MOVES))
		manager_set_config(b->manager, now);
	if (appliers & APPLY_REQUEST_LOG)
		api_set_config(&b->api, now);
	if (appliers & APPLY_ELECTIONS)
		controller_set_config(b->controller, now);
}

void broker_follow_settings(struct broker *b)
{
	b->rooms = (struct dynamic_rooms){ b, prove, change, follow };
	dynamic_set_rooms(b->dynamic, &b->rooms);
}
