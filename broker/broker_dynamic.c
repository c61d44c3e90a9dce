/* broker_dynamic.c - settings that change while the broker runs: from ZooKeeper to what is in force, and
 * from there to the rooms. Facts: kafka.server.DynamicBrokerConfig of 3.9; contract: coordination section
 * 15. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/entities.h"
#include "broker/config/password.h"

#include <stdio.h>

#define LOGGER "kafka.server.DynamicBrokerConfig"

enum { SETTINGS_ARENA_BYTES = 16 << 20 };

/* ---- from ZooKeeper ---- */

/* Passwords of one entity, in clear; on a helper, as deriving keys takes its time. */
struct decoding {
	struct arena *arena;
	const char *secret;
	const struct config_layer *stored;
	struct config_setting *v;
	size_t n;
};

static void decode_one(struct decoding *d, const struct config_setting *s)
{
	char why[PASSWORD_WHY_BYTES] = "password.encoder.secret is not set";
	const char *clear = d->secret ? password_decode(d->arena, d->secret, s->value, why) : NULL;
	if (clear)
		d->v[d->n++] = (struct config_setting){ s->name, clear };
	else
		log_error(LOGGER, "Dynamic password config %s could not be decoded, ignoring: %s.",
			  log_safe(slice_str(s->name)).s, why);
}

static void decode_work(void *arg)
{
	struct decoding *d = arg;
	for (size_t i = 0; i < d->stored->n; i++) {
		const struct config_setting *s = &d->stored->v[i];
		if (s->value && dynamic_is_password(s->name))
			decode_one(d, s);
		else
			d->v[d->n++] = *s;
	}
}

static struct config_layer decode(struct broker *b, struct arena *arena, const struct config_layer *stored)
{
	struct decoding d = { arena, b->config->password_encoder_secret, stored,
			      arena_array(arena, stored->n, sizeof *d.v), 0 };
	must(d.v != NULL);
	fiber_offload(b->control, decode_work, &d, "passwords");
	return (struct config_layer){ d.v, d.n };
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
	const char *why;
	bool changed = false;
	char name[32] = "brokers/<default>";
	if (of == DYNAMIC_BROKER)
		snprintf(name, sizeof name, "brokers/%d", b->id);
	arena_init(&arena, SETTINGS_ARENA_BYTES);
	if (entity_read(b->zkc, &arena, name, &entity, &why) == ZK_OK) {
		struct config_layer clear = decode(b, &arena, &entity.settings);
		if (entity.exists)
			say_processed(name, &entity.settings);
		changed = dynamic_put(b->dynamic, of, &clear);
	} else {
		log_error(LOGGER, "%s, and changes nothing.", why);
	}
	arena_free(&arena);
	if (changed)
		broker_renew_registration(b);
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

/* ---- to the rooms ---- */

static int prove(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return appliers & APPLY_NET && !broker_may_listen(b, fresh, why) ? -1 : 0;
}

/* What can fail comes first. */
static int apply(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	if (appliers & APPLY_NET && !broker_listen_anew(b, fresh, why))
		return -1;
	if (appliers & (APPLY_TOPICS | APPLY_PRODUCERS | APPLY_CLEANER))
		manager_set_config(b->manager, fresh);
	if (appliers & APPLY_ELECTIONS)
		controller_set_config(b->controller, fresh);
	return 0;
}

void broker_follow_settings(struct broker *b)
{
	b->rooms = (struct dynamic_rooms){ b, prove, apply };
	dynamic_set_rooms(b->dynamic, &b->rooms);
}
