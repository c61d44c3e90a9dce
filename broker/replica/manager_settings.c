/* manager_settings.c - topics' settings: a topic's own, over what /config/brokers gives all of them, over the
 * file. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/cluster/entities.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_ENTITIES "topics/"

enum {
	READ_AT_ONCE = 32,                /* topics, pipelined */
	SETTINGS_ARENA_BYTES = 128 << 20, /* of so many, each as large as ZooKeeper keeps it */
};

struct manager_topic *manager_topic_find(const struct manager *m, struct slice topic)
{
	struct manager_topic *t;
	unsigned hash = hash_key(&m->seed, topic.p, topic.n);
	HASH_FIND_BYHASHVALUE(hh, m->topics, topic.p, topic.n, hash, t);
	return t;
}

/* ---- reading ---- */

/* A topic whose settings are read. */
struct reading {
	char *entity;                    /* "topics/orders" */
	struct topic_settings *settings; /* NULL: they cannot be read */
};

static const char *topic_of(const struct reading *r)
{
	return r->entity + sizeof TOPIC_ENTITIES - 1;
}

/* A few of them, in memory of their own. */
static void read_some(struct manager *m, struct reading *v, size_t n)
{
	struct entity_reading entities[READ_AT_ONCE] = { 0 };
	struct arena arena;
	must(n <= READ_AT_ONCE);
	arena_init(&arena, SETTINGS_ARENA_BYTES);
	for (size_t i = 0; i < n; i++)
		entities[i].name = v[i].entity;
	entity_read_all(m->c.zkc, &arena, entities, n);
	for (size_t i = 0; i < n; i++) {
		const struct config_layer *own = &entities[i].entity.settings;
		if (entities[i].err == ZK_OK)
			v[i].settings = topic_settings_new(
				topic_config_new(m->config, topic_of(&v[i]), own->v, own->n));
		else
			log_error(MANAGER_LOGGER, "%s.", entities[i].why);
	}
	arena_free(&arena);
}

/* ---- what is known ---- */

/* What cannot be read counts as empty where nothing is known yet. */
static struct topic_settings *read_first(struct manager *m, struct slice topic)
{
	struct reading r = { .entity = mem_printf(TOPIC_ENTITIES "%.*s", SLICE_ARGS(topic)) };
	read_some(m, &r, 1);
	if (!r.settings)
		r.settings = topic_settings_new(topic_config_new(m->config, topic_of(&r), NULL, 0));
	free(r.entity);
	return r.settings;
}

struct topic_settings *manager_settings(struct manager *m, struct slice topic)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	struct manager_topic *t = manager_topic_find(m, topic);
	if (t)
		return t->settings;
	struct topic_settings *settings = read_first(m, topic);
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

/* ---- a change ---- */

static int compare_topics(const void *a, const void *b)
{
	const struct topic_new_settings *x = a, *y = b;
	return slice_compare(x->topic, y->topic);
}

/* What a core's partitions get: `v` in the order of topics. */
struct resetting {
	struct replicas *replicas;
	const struct topic_new_settings *v;
	size_t n;
};

static void reset_one(void *arg, struct partition *p)
{
	const struct resetting *s = arg;
	struct topic_new_settings key = { slice_of(p->topic, p->topic_bytes), NULL };
	const struct topic_new_settings *found = order_find(&key, s->v, s->n, sizeof key, compare_topics);
	if (found)
		partition_set_settings(p, topic_settings_get(found->settings));
}

static void reset_on_core(struct reactor *there, struct call *c)
{
	struct resetting *s = c->arg;
	replicas_each(s->replicas, reset_one, s);
	call_done(there, c);
}

/* One sweep of the partitions and one snapshot, however many topics. */
static void put_in_force(struct manager *m, struct topic_new_settings *v, size_t n)
{
	struct resetting *cores = mem_zalloc((size_t)m->c.n_cores * sizeof *cores);
	order_sort(v, n, sizeof *v, compare_topics);
	for (int i = 0; i < m->c.n_cores; i++)
		cores[i] = (struct resetting){ m->c.replicas[i], v, n };
	call_run_all(m->c.control, m->c.reactors, m->c.n_cores, reset_on_core, cores, sizeof *cores);
	metastore_set_settings(m->c.metastore, v, n);
	free(cores);
}

/* What was read takes the place of what was known; topics that went meanwhile are left out. */
static size_t keep(struct manager *m, const struct reading *readings, size_t n,
		   struct topic_new_settings *v)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct topic_settings *settings = readings[i].settings;
		struct slice topic = slice_str(topic_of(&readings[i]));
		struct manager_topic *t = manager_topic_find(m, topic);
		if (settings && t) {
			topic_settings_put(t->settings);
			t->settings = topic_settings_get(settings);
			v[kept++] = (struct topic_new_settings){ topic, settings };
		} else {
			topic_settings_put(settings);
		}
	}
	return kept;
}

/* Ends the readings' names. */
static void reread(struct manager *m, struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i += READ_AT_ONCE)
		read_some(m, readings + i, min_of(n - i, (size_t)READ_AT_ONCE));
	struct topic_new_settings *v = mem_zalloc((n + 1) * sizeof *v);
	size_t kept = keep(m, readings, n, v);
	if (kept > 0)
		put_in_force(m, v, kept);
	for (size_t i = 0; i < kept; i++)
		topic_settings_put(v[i].settings);
	for (size_t i = 0; i < n; i++)
		free(readings[i].entity);
	free(v);
}

void manager_topics_settings_changed(struct manager *m, const char *const *topics, size_t n)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	struct reading *readings = mem_zalloc((n + 1) * sizeof *readings);
	size_t known = 0;
	for (size_t i = 0; i < n; i++)
		if (manager_topic_find(m, slice_str(topics[i])))
			readings[known++].entity = mem_printf(TOPIC_ENTITIES "%s", topics[i]);
	reread(m, readings, known);
	free(readings);
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
	struct reading *readings = mem_zalloc((HASH_COUNT(m->topics) + 1) * sizeof *readings);
	for (const struct manager_topic *t = m->topics; t; t = t->hh.next)
		readings[n++].entity = mem_printf(TOPIC_ENTITIES "%.*s", (int)t->name_bytes, t->name);
	reread(m, readings, n);
	free(readings);
	manager_wake_cleaner(m);
}

void manager_settings_free(struct manager *m)
{
	struct manager_topic *t, *next;
	HASH_ITER(hh, m->topics, t, next)
		topic_free(m, t);
}
