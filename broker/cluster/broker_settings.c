/* broker_settings.c - see broker_settings.h. */
#include "broker/cluster/broker_settings.h"

#include "broker/base/log.h"
#include "broker/config/password.h"
#include "broker/config/providers.h"
#include "broker/reactor/sys.h"

#include <stdio.h>

#define LOGGER "kafka.server.DynamicBrokerConfig"

enum { SETTINGS_ARENA_BYTES = 16 << 20 };

void broker_settings_name(enum dynamic_entity of, int32_t broker_id, char name[BROKER_ENTITY_BYTES])
{
	if (of == DYNAMIC_CLUSTER)
		snprintf(name, BROKER_ENTITY_BYTES, "brokers/<default>");
	else
		snprintf(name, BROKER_ENTITY_BYTES, "brokers/%d", broker_id);
}

/* ---- one setting after the other, on a helper ---- */

struct mapping {
	struct arena *arena;
	const struct config *file;
	const struct config_layer *from;
	/* What becomes of a value; NULL: the setting is left out. */
	const char *(*map)(struct mapping *m, const struct config_setting *s);
	struct config_setting *v;
	size_t n;
	const char *why; /* the first thing that went wrong */
	bool changed;
};

static void map_all(void *arg)
{
	struct mapping *m = arg;
	for (size_t i = 0; i < m->from->n; i++) {
		const struct config_setting *s = &m->from->v[i];
		const char *value = s->value ? m->map(m, s) : NULL;
		if (value)
			m->v[m->n++] = (struct config_setting){ s->name, value };
	}
}

/* False when there is no room for it. */
static bool run(const struct broker_settings *b, struct mapping *m, const char *reason)
{
	m->file = b->file;
	m->v = arena_array(m->arena, m->from->n, sizeof *m->v);
	if (m->v)
		fiber_offload(b->control, map_all, m, reason);
	return !arena_overflowed(m->arena);
}

static void say(struct mapping *m, const char *why)
{
	if (!m->why)
		m->why = arena_printf(m->arena, "%s", why);
}

/* ---- passwords ---- */

static struct password_encoder encoder_of(const struct config *file)
{
	return (struct password_encoder){
		.secret = file->password_encoder_secret,
		.keyfactory = file->password_encoder_keyfactory_algorithm,
		.cipher = file->password_encoder_cipher_algorithm,
		.key_length = file->password_encoder_key_length,
		.iterations = file->password_encoder_iterations,
	};
}

static const char *in_clear(struct mapping *m, const struct config_setting *s)
{
	char why[PASSWORD_WHY_BYTES] = "password.encoder.secret is not set";
	const char *secret = m->file->password_encoder_secret, *old = m->file->password_encoder_old_secret;
	char why_old[PASSWORD_WHY_BYTES];
	if (!dynamic_is_password(s->name))
		return s->value;
	const char *clear = secret ? password_decode(m->arena, secret, s->value, why) : NULL;
	if (!clear && old)
		clear = password_decode(m->arena, old, s->value, why_old);
	if (!clear)
		log_error(LOGGER, "Dynamic password config %s could not be decoded, ignoring: %s.",
			  log_safe(slice_str(s->name)).s, why);
	return clear;
}

static const char *encode(struct mapping *m, const char *clear)
{
	char why[PASSWORD_WHY_BYTES];
	struct password_random random;
	struct password_encoder e = encoder_of(m->file);
	if (!e.secret) {
		say(m, "Password encoder secret not configured");
		return NULL;
	}
	sys_random(&random, sizeof random);
	const char *text = password_encode(m->arena, &e, &random, clear, why);
	if (!text)
		say(m, why);
	return text;
}

static const char *sealed(struct mapping *m, const struct config_setting *s)
{
	return dynamic_is_password(s->name) ? encode(m, s->value) : s->value;
}

enum zk_err broker_settings_read(const struct broker_settings *b, struct arena *a, const char *name,
	struct entity *out, const char **why)
{
	enum zk_err err = entity_read(b->zkc, a, name, out, why);
	const struct config_layer stored = out->settings;
	struct mapping m = { .arena = a, .from = &stored, .map = in_clear };
	if (err != ZK_OK)
		return err;
	if (!run(b, &m, "passwords")) {
		*why = "the settings are too large";
		return ZK_TOO_BIG;
	}
	out->settings = (struct config_layer){ m.v, m.n };
	return ZK_OK;
}

bool broker_settings_seal(const struct broker_settings *b, struct arena *a, enum dynamic_entity of,
	const struct config_layer *settings, struct config_layer *out, const char **why)
{
	struct mapping m = { .arena = a, .from = settings, .map = sealed };
	for (size_t i = 0; of == DYNAMIC_CLUSTER && i < settings->n; i++)
		if (dynamic_is_password(settings->v[i].name)) {
			*why = "Password config can be defined only at broker level";
			return false;
		}
	if (!run(b, &m, "passwords"))
		m.why = "The settings are too large";
	*why = m.why;
	*out = (struct config_layer){ m.v, m.n };
	return !m.why;
}

/* ---- values that stand elsewhere ---- */

static const char *resolved(struct mapping *m, const struct config_setting *s)
{
	struct problems problems;
	problems_init(&problems);
	const char *value = providers_resolve(m->file->providers, m->arena, s->name, s->value, &problems);
	for (const struct problem *p = problems.first; p; p = p->next)
		if (p->level == PROBLEM_ERROR)
			say(m, p->text);
		else
			log_warn(LOGGER, "%s", log_safe(slice_str(p->text)).s);
	problems_free(&problems);
	return value;
}

bool broker_settings_resolve(const struct broker_settings *b, struct arena *a,
	const struct config_layer *settings, struct config_layer *out, const char **why)
{
	struct mapping m = { .arena = a, .from = settings, .map = resolved };
	*out = *settings;
	*why = NULL;
	if (!b->file->providers)
		return true;
	if (!run(b, &m, "config providers"))
		say(&m, "The settings are too large");
	*out = (struct config_layer){ m.v, m.n };
	*why = m.why;
	return !m.why;
}

/* ---- another secret ---- */

/* What the old secret does not decode is left as it is: it may have been renewed already. */
static const char *renewed(struct mapping *m, const struct config_setting *s)
{
	char why[PASSWORD_WHY_BYTES];
	const char *clear = !dynamic_is_password(s->name) ? NULL
		: password_decode(m->arena, m->file->password_encoder_old_secret, s->value, why);
	const char *text = clear ? encode(m, clear) : s->value;
	m->changed |= clear != NULL;
	return text ? text : s->value;
}

static void renew(const struct broker_settings *b, struct arena *a, const char *name)
{
	struct entity entity;
	const char *why;
	enum zk_err err = entity_read(b->zkc, a, name, &entity, &why);
	struct mapping m = { .arena = a, .from = &entity.settings, .map = renewed };
	if (err == ZK_OK && !run(b, &m, "passwords"))
		say(&m, "the settings are too large");
	if (err == ZK_OK && m.changed && !m.why) {
		struct config_layer settings = { m.v, m.n };
		err = entity_rewrite(b->zkc, a, name, &settings, &entity);
		if (err == ZK_OK)
			err = entity_announce(b->zkc, a, name);
		if (err == ZK_OK)
			log_info(LOGGER, "The passwords of /config/%s are encoded by the new "
				 "password.encoder.secret.", name);
		why = zk_err_text(err);
	}
	if (err != ZK_OK || m.why)
		log_error(LOGGER, "The passwords of /config/%s could not be encoded by the new "
			  "password.encoder.secret: %s.", name, m.why ? m.why : why);
}

void broker_settings_renew(const struct broker_settings *b, int32_t broker_id)
{
	struct arena arena;
	char name[BROKER_ENTITY_BYTES];
	if (!b->file->password_encoder_old_secret)
		return;
	arena_init(&arena, SETTINGS_ARENA_BYTES);
	broker_settings_name(DYNAMIC_BROKER, broker_id, name);
	renew(b, &arena, name);
	arena_free(&arena);
}
