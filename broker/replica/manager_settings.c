/* manager_settings.c - topics' settings: a topic's own, over what /config/brokers gives all of them, over the
 * file. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/cluster/entities.h"

#include <string.h>

enum { SETTINGS_ARENA_BYTES = 16 << 20 };

struct manager_topic *manager_topic_find(const struct manager *m, struct slice topic)
{
	struct manager_topic *t;
	unsigned hash = hash_key(&m->seed, topic.p, topic.n);
	HASH_FIND_BYHASHVALUE(hh, m->topics, topic.p, topic.n, hash, t);
	return t;
}

/* ---- reading ---- */

/* What an entity has: nothing, with a line in the log, when it cannot be read. */
static struct config_layer read_entity(struct manager *m, struct arena *arena, const char *name)
{
	struct entity entity;
	const char *why;
	if (entity_read(m->c.zkc, arena, name, &entity, &why) != ZK_OK)
		log_error(MANAGER_LOGGER, "%s, and counts as empty.", why);
	return entity.settings;
}

static struct topic_settings *read_settings(struct manager *m, const char *topic)
{
	struct arena arena;
	arena_init(&arena, SETTINGS_ARENA_BYTES);
	char *entity = mem_printf("topics/%s", topic);
	struct config_layer own = read_entity(m, &arena, entity);
	struct topic_settings *settings =
		topic_settings_new(topic_config_new(m->config, topic, own.v, own.n));
	free(entity);
	arena_free(&arena);
	return settings;
}

/* ---- what is known ---- */

struct topic_settings *manager_settings(struct manager *m, struct slice topic)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	struct manager_topic *t = manager_topic_find(m, topic);
	if (t)
		return t->settings;
	char *name = mem_printf("%.*s", SLICE_ARGS(topic));
	struct topic_settings *settings = read_settings(m, name);
	free(name);
	t = manager_topic_find(m, topic);
	if (t) { /* another fiber was quicker */
		topic_settings_put(settings);
		return t->settings;
	}
	t = mem_zalloc(sizeof *t + topic.n);
	t->settings = settings;
	t->name_bytes = topic.n;
	memcpy(t->name, topic.p, topic.n);
	unsigned hash = hash_key(&m->seed, topic.p, topic.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->topics, t->name, t->name_bytes, hash, t);
	return settings;
}

static void topic_free(struct manager *m, struct manager_topic *t)
{
	HASH_DEL(m->topics, t);
	topic_settings_put(t->settings);
	free(t);
}

void manager_forget_settings(struct manager *m, struct slice topic)
{
	struct manager_topic *t = manager_topic_find(m, topic);
	if (t)
		topic_free(m, t);
}

struct resetting {
	struct replicas *replicas;
	struct slice topic;
	struct topic_settings *settings;
};

static void reset_one(void *arg, struct partition *p)
{
	struct resetting *s = arg;
	if (slice_eq(s->topic, slice_of(p->topic, p->topic_bytes)))
		partition_set_settings(p, topic_settings_get(s->settings));
}

static void reset_on_core(struct reactor *there, struct call *c)
{
	struct resetting *s = c->arg;
	replicas_each(s->replicas, reset_one, s);
	call_done(there, c);
}

void manager_topic_settings_changed(struct manager *m, const char *topic)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	struct slice name = slice_str(topic);
	if (!manager_topic_find(m, name))
		return;
	struct topic_settings *settings = read_settings(m, topic);
	struct manager_topic *t = manager_topic_find(m, name);
	if (!t) {
		topic_settings_put(settings);
		return;
	}
	topic_settings_put(t->settings);
	t->settings = settings;
	struct resetting *cores = mem_zalloc((size_t)m->c.n_cores * sizeof *cores);
	for (int i = 0; i < m->c.n_cores; i++)
		cores[i] = (struct resetting){ m->c.replicas[i], name, settings };
	call_run_all(m->c.control, m->c.reactors, m->c.n_cores, reset_on_core, cores, sizeof *cores);
	metastore_set_settings(m->c.metastore, name, topic_settings_get(settings));
	free(cores);
}

void manager_set_config(struct manager *m, const struct config *now)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	const struct config *old = m->config;
	m->config = config_get(now);
	if (now->producer_id_expiration_ms != old->producer_id_expiration_ms)
		log_info(MANAGER_LOGGER, "Reconfigure producer.id.expiration.ms from %d to %d",
			 old->producer_id_expiration_ms, now->producer_id_expiration_ms);
	config_put(old);
	/* Names first: topics come and go while settings are read. */
	size_t n = 0;
	char **names = mem_zalloc((HASH_COUNT(m->topics) + 1) * sizeof *names);
	for (const struct manager_topic *t = m->topics; t; t = t->hh.next)
		names[n++] = mem_printf("%.*s", (int)t->name_bytes, t->name);
	for (size_t i = 0; i < n; i++) {
		manager_topic_settings_changed(m, names[i]);
		free(names[i]);
	}
	free(names);
	manager_wake_cleaner(m);
}

void manager_settings_free(struct manager *m)
{
	struct manager_topic *t, *next;
	HASH_ITER(hh, m->topics, t, next)
		topic_free(m, t);
}
