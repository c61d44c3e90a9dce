/* meta.c - see meta.h. A snapshot is a sorted array of counted topics and an array of brokers. */
#include "broker/cluster/meta.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <string.h>

#define METADATA_MAGIC 0x3e7ad47au
#define META_EDIT_MAGIC 0x3e7aed17u

struct metadata {
	unsigned magic;
	struct hold hold;
	int32_t controller;
	int n_brokers;
	struct meta_broker *brokers; /* by id */
	int n_topics;
	struct meta_topic **topics;  /* by name */
	struct meta_topic **by_id;   /* by topic id */
};

/* An edit is a snapshot under construction: topics of `m` with `fresh` set belong to the edit alone. */
struct meta_edit {
	unsigned magic;
	struct metadata *m;
	bool *fresh; /* beside m->topics */
	int room;    /* of m->topics and fresh */
};

/* ---- brokers ---- */

static void broker_clear(struct meta_broker *b)
{
	for (int i = 0; i < b->n_endpoints; i++) {
		free(b->endpoints[i].listener);
		free(b->endpoints[i].host);
	}
	free(b->endpoints);
	free(b->rack);
}

static struct meta_broker broker_copy(const struct meta_broker *from)
{
	struct meta_broker b = *from;
	b.rack = from->rack ? mem_strdup(from->rack) : NULL;
	b.endpoints = mem_dup(from->endpoints, (size_t)from->n_endpoints * sizeof *b.endpoints);
	for (int i = 0; i < b.n_endpoints; i++) {
		b.endpoints[i].listener = mem_strdup(from->endpoints[i].listener);
		b.endpoints[i].host = mem_strdup(from->endpoints[i].host);
	}
	return b;
}

static int compare_brokers(const void *a, const void *b)
{
	int32_t x = ((const struct meta_broker *)a)->id, y = ((const struct meta_broker *)b)->id;
	return order_of(x, y);
}

static void set_brokers(struct metadata *m, const struct meta_broker *brokers, int n)
{
	m->n_brokers = n;
	m->brokers = mem_alloc((size_t)n * sizeof *m->brokers);
	for (int i = 0; i < n; i++)
		m->brokers[i] = broker_copy(&brokers[i]);
	order_sort(m->brokers, (size_t)n, sizeof *m->brokers, compare_brokers);
}

static void clear_brokers(struct metadata *m)
{
	for (int i = 0; i < m->n_brokers; i++)
		broker_clear(&m->brokers[i]);
	free(m->brokers);
}

/* ---- topics ---- */

static struct meta_ids ids_copy(struct meta_ids from)
{
	return (struct meta_ids){ mem_dup(from.ids, (size_t)from.n * sizeof *from.ids), from.n };
}

static struct meta_partition partition_copy(const struct meta_partition *from)
{
	struct meta_partition p = *from;
	p.isr = ids_copy(from->isr);
	p.replicas = ids_copy(from->replicas);
	p.offline = ids_copy(from->offline);
	p.known = true;
	return p;
}

static void partition_clear(struct meta_partition *p)
{
	free(p->isr.ids);
	free(p->replicas.ids);
	free(p->offline.ids);
	*p = (struct meta_partition){ .leader = META_NO_LEADER };
}

static void topic_drop(struct hold *h)
{
	struct meta_topic *t = container_of(h, struct meta_topic, hold);
	for (int i = 0; i < t->n_partitions; i++)
		partition_clear(&t->partitions[i]);
	topic_settings_put(t->settings);
	topic_counts_put(t->counts);
	free(t->partitions);
	free(t->name);
	free(t);
}

static struct meta_topic *topic_new(struct slice name)
{
	struct meta_topic *t = mem_zalloc(sizeof *t);
	atomic_init(&t->hold.count, 1);
	t->hold.drop = topic_drop;
	t->name = mem_alloc((size_t)name.n + 1);
	memcpy(t->name, name.p, name.n);
	t->name[name.n] = 0;
	t->name_bytes = name.n;
	return t;
}

static struct meta_topic *topic_copy(const struct meta_topic *from)
{
	struct meta_topic *t = topic_new(slice_of(from->name, from->name_bytes));
	t->id = from->id;
	t->settings = from->settings ? topic_settings_get(from->settings) : NULL;
	t->counts = from->counts ? topic_counts_get(from->counts) : NULL;
	t->n_partitions = from->n_partitions;
	t->partitions = mem_zalloc((size_t)t->n_partitions * sizeof *t->partitions);
	for (int i = 0; i < t->n_partitions; i++) {
		if (from->partitions[i].known)
			t->partitions[i] = partition_copy(&from->partitions[i]);
		else
			t->partitions[i] = (struct meta_partition){ .leader = META_NO_LEADER };
	}
	return t;
}

static int compare_name(struct slice name, const struct meta_topic *t)
{
	return slice_compare(name, slice_of(t->name, t->name_bytes));
}

/* Where `name` is or would be. */
static int topic_place(const struct metadata *m, struct slice name, bool *found)
{
	int low = 0, high = m->n_topics;
	*found = false;
	while (low < high && !*found) {
		int middle = (low + high) / 2, order = compare_name(name, m->topics[middle]);
		if (order > 0)
			low = middle + 1;
		else if (order < 0)
			high = middle;
		else
			*found = true, low = middle;
	}
	return low;
}

static int compare_id(const void *id, const void *topic)
{
	const struct meta_topic *const *t = topic;
	return memcmp(id, (*t)->id.b, sizeof (*t)->id.b);
}

static int compare_ids(const void *a, const void *b)
{
	const struct meta_topic *const *x = a;
	return compare_id(&(*x)->id, b);
}

/* ---- snapshots ---- */

static void metadata_drop(struct hold *h)
{
	struct metadata *m = container_of(h, struct metadata, hold);
	CHECK_OBJ(m, METADATA_MAGIC);
	for (int i = 0; i < m->n_topics; i++)
		hold_put(&m->topics[i]->hold);
	clear_brokers(m);
	free(m->topics);
	free(m->by_id);
	FREE_OBJ(m);
}

struct metadata *meta_empty(void)
{
	struct metadata *m;
	ALLOC_OBJ(m, METADATA_MAGIC);
	atomic_init(&m->hold.count, 1);
	m->hold.drop = metadata_drop;
	m->controller = -1;
	return m;
}

struct metadata *meta_get(struct metadata *m)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	hold_get(&m->hold);
	return m;
}

void meta_put(struct metadata *m)
{
	if (!m)
		return;
	CHECK_OBJ(m, METADATA_MAGIC);
	hold_put(&m->hold);
}

const struct meta_topic *meta_topic(const struct metadata *m, struct slice name)
{
	bool found;
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	if (slice_is_null(name))
		return NULL;
	int i = topic_place(m, name, &found);
	return found ? m->topics[i] : NULL;
}

const struct meta_topic *meta_topic_by_id(const struct metadata *m, const struct uuid *id)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	struct meta_topic *const *found = order_find(id, m->by_id, (size_t)m->n_topics, sizeof *m->by_id,
						     compare_id);
	return found ? *found : NULL;
}

const struct meta_partition *meta_topic_partition(const struct meta_topic *t, int32_t index)
{
	if (!t || index < 0 || index >= t->n_partitions || !t->partitions[index].known)
		return NULL;
	return &t->partitions[index];
}

const struct meta_partition *meta_partition(const struct metadata *m, struct slice topic, int32_t index)
{
	return meta_topic_partition(meta_topic(m, topic), index);
}

int meta_topics(const struct metadata *m)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	return m->n_topics;
}

const struct meta_topic *meta_topic_at(const struct metadata *m, int i)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	must(i >= 0 && i < m->n_topics);
	return m->topics[i];
}

int meta_brokers(const struct metadata *m)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	return m->n_brokers;
}

const struct meta_broker *meta_broker_at(const struct metadata *m, int i)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	must(i >= 0 && i < m->n_brokers);
	return &m->brokers[i];
}

const struct meta_broker *meta_broker(const struct metadata *m, int32_t id)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	struct meta_broker key = { .id = id };
	return order_find(&key, m->brokers, (size_t)m->n_brokers, sizeof key, compare_brokers);
}

const struct meta_endpoint *meta_endpoint(const struct meta_broker *b, const char *listener)
{
	for (int i = 0; i < b->n_endpoints; i++)
		if (strcmp(b->endpoints[i].listener, listener) == 0)
			return &b->endpoints[i];
	return NULL;
}

int32_t meta_controller(const struct metadata *m)
{
	CHECK_OBJ_NOTNULL(m, METADATA_MAGIC);
	return m->controller;
}

/* ---- editing ---- */

struct meta_edit *meta_edit_begin(struct metadata *from)
{
	CHECK_OBJ_NOTNULL(from, METADATA_MAGIC);
	struct meta_edit *e;
	ALLOC_OBJ(e, META_EDIT_MAGIC);
	e->m = meta_empty();
	e->m->controller = from->controller;
	set_brokers(e->m, from->brokers, from->n_brokers);
	e->room = from->n_topics + 8;
	e->m->n_topics = from->n_topics;
	e->m->topics = mem_alloc((size_t)e->room * sizeof *e->m->topics);
	e->fresh = mem_zalloc((size_t)e->room * sizeof *e->fresh);
	for (int i = 0; i < from->n_topics; i++) {
		hold_get(&from->topics[i]->hold);
		e->m->topics[i] = from->topics[i];
	}
	return e;
}

void meta_edit_controller(struct meta_edit *e, int32_t broker_id)
{
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	e->m->controller = broker_id;
}

void meta_edit_brokers(struct meta_edit *e, const struct meta_broker *brokers, int n)
{
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	struct metadata old = *e->m;
	set_brokers(e->m, brokers, n);
	clear_brokers(&old);
}

static void insert_topic(struct meta_edit *e, int at, struct meta_topic *t)
{
	struct metadata *m = e->m;
	if (m->n_topics == e->room) {
		e->room *= 2;
		m->topics = mem_realloc(m->topics, (size_t)e->room * sizeof *m->topics);
		e->fresh = mem_realloc(e->fresh, (size_t)e->room * sizeof *e->fresh);
	}
	size_t behind = (size_t)(m->n_topics - at);
	memmove(&m->topics[at + 1], &m->topics[at], behind * sizeof *m->topics);
	memmove(&e->fresh[at + 1], &e->fresh[at], behind * sizeof *e->fresh);
	m->topics[at] = t;
	e->fresh[at] = true;
	m->n_topics++;
}

static void remove_topic(struct meta_edit *e, int at)
{
	struct metadata *m = e->m;
	hold_put(&m->topics[at]->hold);
	m->n_topics--;
	size_t behind = (size_t)(m->n_topics - at);
	memmove(&m->topics[at], &m->topics[at + 1], behind * sizeof *m->topics);
	memmove(&e->fresh[at], &e->fresh[at + 1], behind * sizeof *e->fresh);
}

/* The topic at `at` as the edit's own, so that it may be written. */
static struct meta_topic *own_topic(struct meta_edit *e, int at)
{
	if (!e->fresh[at]) {
		struct meta_topic *copy = topic_copy(e->m->topics[at]);
		hold_put(&e->m->topics[at]->hold);
		e->m->topics[at] = copy;
		e->fresh[at] = true;
	}
	return e->m->topics[at];
}

static void grow(struct meta_topic *t, int n)
{
	t->partitions = mem_realloc(t->partitions, (size_t)n * sizeof *t->partitions);
	for (int i = t->n_partitions; i < n; i++)
		t->partitions[i] = (struct meta_partition){ .leader = META_NO_LEADER };
	t->n_partitions = n;
}

void meta_edit_partition(struct meta_edit *e, struct slice topic, const struct uuid *id, int32_t index,
			 const struct meta_partition *p)
{
	bool found;
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	must(index >= 0 && !slice_is_null(topic));
	int at = topic_place(e->m, topic, &found);
	if (!found)
		insert_topic(e, at, topic_new(topic));
	struct meta_topic *t = own_topic(e, at);
	if (id)
		t->id = *id;
	if (index >= t->n_partitions)
		grow(t, index + 1);
	partition_clear(&t->partitions[index]);
	t->partitions[index] = partition_copy(p);
}

void meta_edit_settings(struct meta_edit *e, struct slice topic, struct topic_settings *settings, int cores)
{
	bool found;
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	int at = topic_place(e->m, topic, &found);
	if (!found) {
		topic_settings_put(settings);
		return;
	}
	struct meta_topic *t = own_topic(e, at);
	topic_settings_put(t->settings);
	t->settings = settings;
	if (!t->counts)
		t->counts = topic_counts_new(cores);
}

void meta_edit_remove_partition(struct meta_edit *e, struct slice topic, int32_t index)
{
	bool found;
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	int at = topic_place(e->m, topic, &found);
	if (!found || index < 0 || index >= e->m->topics[at]->n_partitions)
		return;
	struct meta_topic *t = own_topic(e, at);
	partition_clear(&t->partitions[index]);
	while (t->n_partitions > 0 && !t->partitions[t->n_partitions - 1].known)
		t->n_partitions--;
	if (t->n_partitions == 0)
		remove_topic(e, at);
}

struct metadata *meta_edit_finish(struct meta_edit *e)
{
	CHECK_OBJ_NOTNULL(e, META_EDIT_MAGIC);
	struct metadata *m = e->m;
	m->by_id = mem_dup(m->topics, (size_t)m->n_topics * sizeof *m->topics);
	order_sort(m->by_id, (size_t)m->n_topics, sizeof *m->by_id, compare_ids);
	free(e->fresh);
	FREE_OBJ(e);
	return m;
}
