/* metastore.c - see metastore.h. */
#include "broker/cluster/metastore.h"

#include "broker/base/must.h"

#include "update_metadata.kmsg.h"

#define METASTORE_MAGIC 0x3e7a570eu

struct metastore {
	unsigned magic;
	struct reactor *control;
	int n_cores;
	void (*publish)(void *arg, int core, struct metadata *m);
	void *arg;
	struct metadata *now;
	struct fiber_event changed; /* set, and begun anew, with each snapshot */
	bool closed;                /* nobody waits any more */
};

struct metastore *metastore_new(struct reactor *control, int n_cores,
				void (*publish)(void *arg, int core, struct metadata *m), void *arg)
{
	struct metastore *s;
	ALLOC_OBJ(s, METASTORE_MAGIC);
	s->control = control;
	s->n_cores = n_cores;
	s->publish = publish;
	s->arg = arg;
	s->now = meta_empty();
	fiber_event_init(&s->changed);
	return s;
}

void metastore_free(struct metastore *s)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	meta_put(s->now);
	FREE_OBJ(s);
}

struct metadata *metastore_now(const struct metastore *s)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	return s->now;
}

static void tell_changed(struct metastore *s)
{
	fiber_event_set(&s->changed);
	fiber_event_init(&s->changed);
}

void metastore_end_waits(struct metastore *s)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	s->closed = true;
	tell_changed(s);
}

static void take(struct metastore *s, struct metadata *next)
{
	meta_put(s->now);
	s->now = next;
	for (int core = 0; core < s->n_cores; core++)
		s->publish(s->arg, core, meta_get(next));
	tell_changed(s);
}

/* ---- UpdateMetadata ---- */

static struct meta_ids ids_of(int32_t *ids, int32_t n)
{
	return (struct meta_ids){ ids, n };
}

static void edit_partition(struct meta_edit *e, struct slice topic, const struct uuid *id,
			   const struct update_metadata_request_partition *p)
{
	struct meta_partition to = {
		.leader = p->leader,
		.leader_epoch = p->leader_epoch,
		.controller_epoch = p->controller_epoch,
		.partition_epoch = p->zk_version,
		.isr = ids_of(p->isr, p->n_isr),
		.replicas = ids_of(p->replicas, p->n_replicas),
		.offline = ids_of(p->offline_replicas, p->n_offline_replicas),
	};
	if (p->leader == META_LEADER_DELETED)
		meta_edit_remove_partition(e, topic, p->partition_index);
	else if (p->partition_index >= 0)
		meta_edit_partition(e, topic, id, p->partition_index, &to);
}

static char *copy_text(struct slice s)
{
	return s.p ? mem_printf("%.*s", SLICE_ARGS(s)) : NULL;
}

static void edit_brokers(struct meta_edit *e, const struct update_metadata_request *req)
{
	int n = req->n_live_brokers;
	struct meta_broker *brokers = mem_zalloc((size_t)n * sizeof *brokers);
	for (int i = 0; i < n; i++) {
		const struct update_metadata_request_broker *b = &req->live_brokers[i];
		brokers[i] = (struct meta_broker){ .id = b->id, .rack = copy_text(b->rack),
						   .n_endpoints = b->n_endpoints };
		brokers[i].endpoints = mem_zalloc((size_t)b->n_endpoints * sizeof *brokers[i].endpoints);
		for (int k = 0; k < b->n_endpoints; k++)
			brokers[i].endpoints[k] = (struct meta_endpoint){
				copy_text(b->endpoints[k].listener), copy_text(b->endpoints[k].host),
				b->endpoints[k].port, b->endpoints[k].security_protocol };
	}
	meta_edit_brokers(e, brokers, n);
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < brokers[i].n_endpoints; k++) {
			free(brokers[i].endpoints[k].listener);
			free(brokers[i].endpoints[k].host);
		}
		free(brokers[i].endpoints);
		free(brokers[i].rack);
	}
	free(brokers);
}

/* Partitions of a topic that was not known before bring its settings along. */
static void edit_topic(struct metastore *s, struct meta_edit *e,
		       const struct update_metadata_request_topic *t,
		       struct topic_settings *(*settings_of)(void *arg, struct slice topic), void *arg)
{
	const struct meta_topic *before = meta_topic(s->now, t->topic_name);
	for (int32_t i = 0; i < t->n_partition_states; i++)
		edit_partition(e, t->topic_name, &t->topic_id, &t->partition_states[i]);
	struct topic_settings *settings = before && before->settings ? NULL : settings_of(arg, t->topic_name);
	if (settings)
		meta_edit_settings(e, t->topic_name, settings, s->n_cores);
}

void metastore_update(struct metastore *s, const struct update_metadata_request *req,
		      struct topic_settings *(*settings_of)(void *arg, struct slice topic), void *arg)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	struct meta_edit *e = meta_edit_begin(s->now);
	meta_edit_controller(e, req->controller_id);
	edit_brokers(e, req);
	for (int32_t i = 0; i < req->n_topic_states; i++)
		edit_topic(s, e, &req->topic_states[i], settings_of, arg);
	take(s, meta_edit_finish(e));
}

void metastore_set_settings(struct metastore *s, const struct topic_new_settings *v, size_t n)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	struct meta_edit *e = meta_edit_begin(s->now);
	for (size_t i = 0; i < n; i++)
		meta_edit_settings(e, v[i].topic, topic_settings_get(v[i].settings), s->n_cores);
	take(s, meta_edit_finish(e));
}

bool metastore_wait(struct metastore *s, bool (*holds)(void *arg, const struct metadata *m), void *arg,
		    int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(s, METASTORE_MAGIC);
	int64_t until_ns = sys_mono_ns() + timeout_ms * 1000000;
	bool in_time = true;
	while (!holds(arg, s->now) && in_time && !s->closed) {
		int64_t left_ms = (until_ns - sys_mono_ns()) / 1000000;
		in_time = left_ms > 0 && fiber_wait_ms(s->control, &s->changed, left_ms);
	}
	return holds(arg, s->now);
}
