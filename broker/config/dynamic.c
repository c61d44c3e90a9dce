/* dynamic.c - see dynamic.h. */
#include "broker/config/dynamic.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/dynamic_priv.h"
#include "broker/config/topic_config.h"

#include <stdio.h>

#define LOGGER "kafka.server.DynamicBrokerConfig"

enum { DYNAMIC_MAGIC = 0x0d1a3c05, LAYER_ARENA_BYTES = 16 << 20 };

/* The settings of one entity, in memory of their own. */
struct kept {
	struct arena *arena;
	struct config_layer layer;
};

struct dynamic {
	unsigned magic;
	struct config_state state;
	struct kept kept[2]; /* by enum dynamic_entity */
	const struct dynamic_rooms *rooms;
};

/* ---- who is concerned ---- */

unsigned dynamic_appliers(enum config_key key)
{
	static const unsigned appliers[CONFIG_KEYS] = {
#define X(field, who) [CK_##field] = who,
#include "broker/config/dynamic.tbl"
#undef X
	};
	unsigned bits = appliers[key];
	if (config_descs[key].scope == SCOPE_READ_ONLY)
		return 0;
	for (int i = 0; i < TOPIC_KEYS; i++)
		if (topic_descs[i].broker_key == key)
			bits |= APPLY_TOPICS;
	return bits;
}

bool dynamic_key_differs(const struct config *a, const struct config *b, enum config_key key)
{
	const char *one = a->given[key].text, *other = b->given[key].text;
	return one && other ? strcmp(one, other) != 0 : one != other;
}

/* Adds who is concerned by the keys in which two views differ; whether there are any. */
static bool compare(const struct config *a, const struct config *b, unsigned *appliers)
{
	bool differs = false;
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (dynamic_key_differs(a, b, (enum config_key)key)) {
			differs = true;
			*appliers |= dynamic_appliers((enum config_key)key);
		}
	return differs;
}

/* The same, and the listeners that both have. */
static bool compare_all(const struct config *a, const struct config *b, unsigned *appliers)
{
	bool differs = compare(a, b, appliers);
	for (uint32_t i = 0; i < a->listening.n; i++) {
		const struct listener *l = &a->listening.v[i];
		const struct listener *same = listeners_find(&b->listening, l->name);
		if (same && compare(config_for_listener(a, l), config_for_listener(b, same), appliers))
			differs = true;
	}
	return differs;
}

/* ---- layers ---- */

static void kept_free(struct kept *k)
{
	if (k->arena)
		arena_free(k->arena);
	free(k->arena);
	*k = (struct kept){ 0 };
}

/* What can be used of the settings, in memory of their own. */
static struct kept keep(enum dynamic_entity entity, const struct config_layer *settings)
{
	struct kept k = { .arena = mem_alloc(sizeof *k.arena) };
	arena_init(k.arena, LAYER_ARENA_BYTES);
	struct config_setting *v = arena_array(k.arena, settings->n, sizeof *v);
	size_t n = 0;
	for (size_t i = 0; v && i < settings->n; i++) {
		const struct config_setting *s = &settings->v[i];
		if (s->value && dynamic_is_usable(entity, s))
			v[n++] = (struct config_setting){ arena_strdup(k.arena, slice_str(s->name)),
				arena_strdup(k.arena, slice_str(s->value)) };
	}
	if (arena_overflowed(k.arena)) {
		log_error(LOGGER, "The dynamic configs of %s are too large, and none of them counts.",
			entity == DYNAMIC_BROKER ? "this broker" : "the cluster");
		n = 0;
	}
	k.layer = (struct config_layer){ v, n };
	return k;
}

static struct config_layers layers_with(const struct dynamic *d, enum dynamic_entity entity,
	const struct config_layer *layer)
{
	struct config_layers layers = d->state.layers;
	*(entity == DYNAMIC_BROKER ? &layers.broker : &layers.cluster) = *layer;
	return layers;
}

/* ---- a change ---- */

/* As the client of a broker is told of what a part of it will not go on with
 * (DynamicBrokerConfig.processReconfiguration). */
static void wrap(char why[DYNAMIC_WHY_BYTES])
{
	char cause[DYNAMIC_WHY_BYTES];
	snprintf(cause, sizeof cause, "%s", why);
	snprintf(why, DYNAMIC_WHY_BYTES,
		"Invalid value org.apache.kafka.common.config.ConfigException: %.*s for configuration "
		"Invalid dynamic configuration",
		DYNAMIC_WHY_BYTES / 2, cause);
}

/* The snapshot that the layers make; NULL with the reason when they cannot. */
static struct config *make(const struct dynamic *d, const struct config_layers *layers,
	char why[DYNAMIC_WHY_BYTES])
{
	struct problems problems;
	problems_init(&problems);
	struct config *fresh = config_overlay(d->state.file, layers, &problems);
	for (const struct problem *p = problems.first; p && !fresh; p = p->next)
		if (p->level == PROBLEM_ERROR) {
			snprintf(why, DYNAMIC_WHY_BYTES, "%s", p->text);
			break;
		}
	problems_free(&problems);
	return fresh;
}

/* Whether the broker as it runs could go on with it: 0 or -1. */
static int prove(const struct dynamic *d, const struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	unsigned appliers = 0;
	if (!d->rooms || !compare_all(d->state.now, fresh, &appliers))
		return 0;
	const struct config *now = config_get(d->state.now);
	int rc = dynamic_may_follow(now, fresh, appliers, why);
	if (rc == 0)
		rc = d->rooms->prove(d->rooms->arg, fresh, appliers, why);
	config_put(now);
	if (rc != 0)
		wrap(why);
	return rc;
}

int dynamic_check(const struct dynamic *d, enum dynamic_entity entity, const struct config_layer *settings,
	char why[DYNAMIC_WHY_BYTES])
{
	CHECK_OBJ_NOTNULL(d, DYNAMIC_MAGIC);
	if (dynamic_check_settings(entity, settings, why) != 0)
		return -1;
	struct config_layers layers = layers_with(d, entity, settings);
	struct config *fresh = make(d, &layers, why);
	int rc = fresh ? prove(d, fresh, why) : -1;
	config_free(fresh);
	return rc;
}

/* Puts a snapshot in force: 0, or -1 and nothing has changed. */
static int enforce(struct dynamic *d, struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	unsigned appliers = 0;
	compare_all(d->state.now, fresh, &appliers);
	if (d->rooms && dynamic_may_follow(d->state.now, fresh, appliers, why) != 0)
		return -1;
	if (d->rooms && d->rooms->change(d->rooms->arg, fresh, appliers, why) != 0)
		return -1;
	const struct config *old = d->state.now;
	d->state.now = fresh;
	config_log_values(fresh);
	dynamic_log_changes(old, fresh);
	config_put(old);
	if (d->rooms)
		d->rooms->follow(d->rooms->arg, fresh, appliers);
	return 0;
}

/* One snapshot more or none; its hold is taken. */
static bool put(struct dynamic *d, struct config *fresh, char why[DYNAMIC_WHY_BYTES])
{
	unsigned appliers = 0;
	if (!compare_all(d->state.now, fresh, &appliers)) {
		config_free(fresh);
		return false;
	}
	if (enforce(d, fresh, why) == 0)
		return true;
	config_free(fresh);
	return false;
}

bool dynamic_put(struct dynamic *d, enum dynamic_entity entity, const struct config_layer *settings)
{
	CHECK_OBJ_NOTNULL(d, DYNAMIC_MAGIC);
	char why[DYNAMIC_WHY_BYTES] = "";
	struct kept kept = keep(entity, settings), old = d->kept[entity];
	d->kept[entity] = kept;
	d->state.layers = layers_with(d, entity, &kept.layer);
	kept_free(&old);
	struct config *fresh = make(d, &d->state.layers, why);
	bool changed = fresh && put(d, fresh, why);
	if (*why)
		log_error(LOGGER, "%s could not be applied: %s",
			entity == DYNAMIC_BROKER ? "Per-broker configs" : "Cluster default configs",
			log_safe(slice_str(why)).s);
	return changed;
}

/* ---- life ---- */

struct dynamic *dynamic_new(const struct config *file)
{
	struct dynamic *d;
	CHECK_OBJ_NOTNULL(file, CONFIG_MAGIC);
	ALLOC_OBJ(d, DYNAMIC_MAGIC);
	d->state.file = file;
	d->state.now = config_get(file);
	return d;
}

void dynamic_free(struct dynamic *d)
{
	CHECK_OBJ_NOTNULL(d, DYNAMIC_MAGIC);
	config_put(d->state.now);
	kept_free(&d->kept[DYNAMIC_CLUSTER]);
	kept_free(&d->kept[DYNAMIC_BROKER]);
	FREE_OBJ(d);
}

void dynamic_set_rooms(struct dynamic *d, const struct dynamic_rooms *rooms)
{
	CHECK_OBJ_NOTNULL(d, DYNAMIC_MAGIC);
	d->rooms = rooms;
}

const struct config_state *dynamic_state(const struct dynamic *d)
{
	CHECK_OBJ_NOTNULL(d, DYNAMIC_MAGIC);
	return &d->state;
}

const struct config *dynamic_now(const struct dynamic *d)
{
	return dynamic_state(d)->now;
}
