/* push.c - requests to brokers. What one event decides is gathered and sent as one LeaderAndIsr, one
 * UpdateMetadata and one StopReplica for each broker, in this order. Each broker has a sender: a fiber with a
 * queue, one request under way, tried until the broker answers or is gone. Facts: ControllerChannelManager
 * and AbstractControllerBrokerRequestBatch of 3.9; contract: coordination, section 4.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

#include "leader_and_isr.kmsg.h"
#include "stop_replica.kmsg.h"
#include "update_metadata.kmsg.h"

#include <string.h>

#define SENDER_MAGIC 0xc7153ad7u

enum {
	SENDER_ARENA_BYTES = 256 << 20, /* of one request */
	LEADER_DELETED = -2,            /* in UpdateMetadata: the topic goes */
	EPOCH_DELETED = -2,             /* in StopReplica: likewise */
};

/* One partition for one broker. */
struct push_row {
	int32_t broker;
	struct ctl_partition *p;
	bool flag; /* is new; to be deleted */
};

struct push_rows {
	struct push_row *v;
	int n, room;
};

struct push {
	struct push_rows leaders, stops;
	struct ctl_partitions metadata; /* to every broker */
	bool brokers_changed;
};

enum push_kind { PUSH_LEADER_AND_ISR, PUSH_UPDATE_METADATA, PUSH_STOP_REPLICA };

struct push_request {
	struct list link;
	enum push_kind kind;
	struct arena arena; /* of the request and, later, its response */
	union {
		struct leader_and_isr_request leader_and_isr;
		struct update_metadata_request update_metadata;
		struct stop_replica_request stop_replica;
	};
};

struct sender {
	unsigned magic;
	struct controller *c;
	int32_t broker;
	int64_t broker_epoch;
	struct list queue;
	struct fiber *fiber;
	bool waits, stopped;
};

/* ---- gathering ---- */

struct push *push_new(void)
{
	return mem_zalloc(sizeof(struct push));
}

static void clear(struct push *push)
{
	push->leaders.n = push->stops.n = push->metadata.n = 0;
	push->brokers_changed = false;
}

void push_free(struct push *push)
{
	free(push->leaders.v);
	free(push->stops.v);
	ctl_partitions_free(&push->metadata);
	free(push);
}

/* A later word about a partition replaces an earlier one, but a new replica stays new. */
static void add_row(struct push_rows *rows, int32_t broker, struct ctl_partition *p, bool flag)
{
	for (int i = 0; i < rows->n; i++)
		if (rows->v[i].broker == broker && rows->v[i].p == p) {
			rows->v[i].flag |= flag;
			return;
		}
	if (rows->n == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 16;
		rows->v = mem_realloc(rows->v, (size_t)rows->room * sizeof *rows->v);
	}
	rows->v[rows->n++] = (struct push_row){ broker, p, flag };
}

void push_metadata(struct controller *c, struct ctl_partition *p)
{
	ctl_partitions_add(&c->push->metadata, p);
}

void push_leader_and_isr(struct controller *c, int32_t broker, struct ctl_partition *p, bool is_new)
{
	must(p->has_leadership);
	add_row(&c->push->leaders, broker, p, is_new);
	push_metadata(c, p);
}

void push_partition(struct controller *c, struct ctl_partition *p, bool is_new)
{
	for (int i = 0; i < p->n_replicas; i++)
		if (ctl_is_live(&c->ctx, p->replicas[i].broker))
			push_leader_and_isr(c, p->replicas[i].broker, p, is_new);
	push_metadata(c, p);
}

void push_brokers(struct controller *c)
{
	c->push->brokers_changed = true;
}

void push_stop_replica(struct controller *c, int32_t broker, struct ctl_partition *p, bool delete_it)
{
	add_row(&c->push->stops, broker, p, delete_it);
}

/* ---- requests ---- */

static int32_t *copy_ids(struct arena *a, const int32_t *from, int n)
{
	int32_t *ids = arena_array(a, (size_t)n, sizeof *ids);
	must(ids != NULL);
	memcpy(ids, from, (size_t)n * sizeof *ids);
	return ids;
}

static int32_t *replica_ids(struct arena *a, const struct ctl_partition *p,
			    const struct ctl_context *only_offline, int32_t *ret_n)
{
	int32_t *ids = arena_array(a, (size_t)p->n_replicas, sizeof *ids);
	must(ids != NULL);
	*ret_n = 0;
	for (int i = 0; i < p->n_replicas; i++)
		if (!only_offline || !ctl_replica_is_online(only_offline, &p->replicas[i]))
			ids[(*ret_n)++] = p->replicas[i].broker;
	return ids;
}

static struct slice copy_name(struct arena *a, const char *name)
{
	struct slice s = slice_str(name);
	const char *copy = arena_strdup(a, s);
	must(copy != NULL);
	return slice_of(copy, s.n);
}

static struct push_request *request_new(struct sender *s, enum push_kind kind)
{
	struct push_request *r = mem_zalloc(sizeof *r);
	r->kind = kind;
	arena_init(&r->arena, SENDER_ARENA_BYTES);
	list_push_back(&s->queue, &r->link);
	return r;
}

static struct leader_and_isr_request_partition leader_row(struct arena *a, const struct push_row *row)
{
	const struct ctl_partition *p = row->p;
	struct leader_and_isr_request_partition out = {
		.partition_index = p->index,
		.controller_epoch = p->lead.controller_epoch,
		.leader = p->lead.leader,
		.leader_epoch = p->lead.leader_epoch,
		.isr = copy_ids(a, p->lead.isr.v, p->lead.isr.n),
		.n_isr = p->lead.isr.n,
		.partition_epoch = p->lead.partition_epoch,
		.is_new = row->flag,
		.leader_recovery_state = p->lead.recovering,
	};
	out.replicas = replica_ids(a, p, NULL, &out.n_replicas);
	return out;
}

/* Rows of one broker, topic by topic: `next` is the first row not yet taken. */
static int count_rows(const struct push_rows *rows, int32_t broker, const struct ctl_topic *topic)
{
	int n = 0;
	for (int i = 0; i < rows->n; i++)
		n += rows->v[i].broker == broker && (!topic || rows->v[i].p->topic == topic);
	return n;
}

static bool is_first_of_topic(const struct push_rows *rows, int at)
{
	for (int i = 0; i < at; i++)
		if (rows->v[i].broker == rows->v[at].broker && rows->v[i].p->topic == rows->v[at].p->topic)
			return false;
	return true;
}

static void make_leader_and_isr(struct controller *c, struct sender *s)
{
	const struct push_rows *rows = &c->push->leaders;
	int n = count_rows(rows, s->broker, NULL);
	if (n == 0)
		return;
	struct push_request *r = request_new(s, PUSH_LEADER_AND_ISR);
	struct leader_and_isr_request *out = &r->leader_and_isr;
	leader_and_isr_request_defaults(out);
	out->controller_id = c->broker_id;
	out->controller_epoch = c->epoch;
	out->broker_epoch = s->broker_epoch;
	out->topic_states = arena_array(&r->arena, (size_t)n, sizeof *out->topic_states);
	must(out->topic_states != NULL);
	for (int i = 0; i < rows->n; i++) {
		const struct ctl_topic *topic = rows->v[i].p->topic;
		if (rows->v[i].broker != s->broker || !is_first_of_topic(rows, i))
			continue;
		struct leader_and_isr_request_topic *t = &out->topic_states[out->n_topic_states++];
		t->topic_name = copy_name(&r->arena, topic->name);
		t->topic_id = topic->id;
		t->partition_states = arena_array(&r->arena, (size_t)count_rows(rows, s->broker, topic),
						  sizeof *t->partition_states);
		must(t->partition_states != NULL);
		for (int k = i; k < rows->n; k++)
			if (rows->v[k].broker == s->broker && rows->v[k].p->topic == topic)
				t->partition_states[t->n_partition_states++] = leader_row(&r->arena,
					&rows->v[k]);
	}
}

static struct update_metadata_request_broker broker_row(struct arena *a, const struct ctl_broker *b)
{
	struct update_metadata_request_broker out = { .id = b->id };
	if (b->info.rack)
		out.rack = copy_name(a, b->info.rack);
	out.endpoints = arena_array(a, b->info.n_endpoints, sizeof *out.endpoints);
	must(out.endpoints != NULL);
	static const char *const protocols[] = { "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL" };
	for (unsigned i = 0; i < b->info.n_endpoints; i++) {
		const struct znode_endpoint *e = &b->info.endpoints[i];
		int16_t protocol = 0;
		for (int16_t k = 0; k < (int16_t)countof(protocols); k++)
			if (strcmp(protocols[k], e->protocol) == 0)
				protocol = k;
		out.endpoints[out.n_endpoints++] = (struct update_metadata_request_endpoint){
			e->port, copy_name(a, e->host), copy_name(a, e->listener), protocol };
	}
	return out;
}

static struct update_metadata_request_partition metadata_row(struct controller *c, struct arena *a,
							      const struct ctl_partition *p)
{
	const struct ctl_leadership *lead = &p->lead;
	struct update_metadata_request_partition out = {
		.partition_index = p->index,
		.controller_epoch = lead->controller_epoch,
		.leader = p->topic->deletion_begun ? LEADER_DELETED : lead->leader,
		.leader_epoch = lead->leader_epoch,
		.isr = copy_ids(a, lead->isr.v, lead->isr.n),
		.n_isr = lead->isr.n,
		.zk_version = lead->partition_epoch,
	};
	out.replicas = replica_ids(a, p, NULL, &out.n_replicas);
	out.offline_replicas = replica_ids(a, p, &c->ctx, &out.n_offline_replicas);
	return out;
}

static bool seen_before(const struct ctl_partitions *ps, int at)
{
	for (int i = 0; i < at; i++)
		if (ps->v[i] == ps->v[at])
			return true;
	return false;
}

/* One topic for each partition: neighbours of a topic share it. */
static void fill_metadata(struct controller *c, struct arena *a, struct update_metadata_request *out)
{
	const struct ctl_partitions *ps = &c->push->metadata;
	struct update_metadata_request_partition *all = arena_array(a, (size_t)ps->n, sizeof *all);
	out->topic_states = arena_array(a, (size_t)ps->n, sizeof *out->topic_states);
	must(all && out->topic_states);
	const struct ctl_topic *topic = NULL;
	for (int i = 0; i < ps->n; i++) {
		const struct ctl_partition *p = ps->v[i];
		if (!p->has_leadership || (i > 0 && ps->v[i - 1] == p) || (ps->n < 64 && seen_before(ps, i)))
			continue;
		if (p->topic != topic) {
			out->topic_states[out->n_topic_states++] = (struct update_metadata_request_topic){
				.topic_name = copy_name(a, p->topic->name), .topic_id = p->topic->id,
				.partition_states = all };
			topic = p->topic;
		}
		*all++ = metadata_row(c, a, p);
		out->topic_states[out->n_topic_states - 1].n_partition_states++;
	}
}

static void make_update_metadata(struct controller *c, struct sender *s)
{
	if (c->push->metadata.n == 0 && !c->push->brokers_changed)
		return;
	struct push_request *r = request_new(s, PUSH_UPDATE_METADATA);
	struct update_metadata_request *out = &r->update_metadata;
	update_metadata_request_defaults(out);
	out->controller_id = c->broker_id;
	out->controller_epoch = c->epoch;
	out->broker_epoch = s->broker_epoch;
	fill_metadata(c, &r->arena, out);
	out->live_brokers = arena_array(&r->arena, HASH_COUNT(c->ctx.brokers), sizeof *out->live_brokers);
	must(out->live_brokers != NULL);
	ctl_each_broker(b, &c->ctx)
		out->live_brokers[out->n_live_brokers++] = broker_row(&r->arena, b);
}

static void make_stop_replica(struct controller *c, struct sender *s)
{
	const struct push_rows *rows = &c->push->stops;
	int n = count_rows(rows, s->broker, NULL);
	if (n == 0)
		return;
	struct push_request *r = request_new(s, PUSH_STOP_REPLICA);
	struct stop_replica_request *out = &r->stop_replica;
	stop_replica_request_defaults(out);
	out->controller_id = c->broker_id;
	out->controller_epoch = c->epoch;
	out->broker_epoch = s->broker_epoch;
	out->topic_states = arena_array(&r->arena, (size_t)n, sizeof *out->topic_states);
	struct stop_replica_request_partition *all = arena_array(&r->arena, (size_t)n, sizeof *all);
	must(out->topic_states && all);
	for (int i = 0; i < rows->n; i++) {
		const struct ctl_partition *p = rows->v[i].p;
		if (rows->v[i].broker != s->broker)
			continue;
		*all = (struct stop_replica_request_partition){
			p->index, p->topic->deletion_begun ? EPOCH_DELETED : p->lead.leader_epoch,
				rows->v[i].flag };
		out->topic_states[out->n_topic_states++] = (struct stop_replica_request_topic){
			copy_name(&r->arena, p->topic->name), all++, 1 };
	}
}

void push_flush(struct controller *c)
{
	ctl_each_broker(b, &c->ctx) {
		if (!b->sender)
			continue;
		make_leader_and_isr(c, b->sender);
		make_update_metadata(c, b->sender);
		make_stop_replica(c, b->sender);
		if (b->sender->waits && !list_empty(&b->sender->queue))
			fiber_resume(b->sender->fiber);
	}
	clear(c->push);
}

/* ---- senders ---- */

static void request_free(struct push_request *r)
{
	arena_free(&r->arena);
	free(r);
}

static struct ctl_event *answer_event(const struct sender *s, const char *name, struct slice topic,
				      void (*run)(struct controller *c, struct ctl_event *e), int room)
{
	struct ctl_event *e = ctl_event_new(name, run);
	e->broker = s->broker;
	e->topic = mem_printf("%.*s", SLICE_ARGS(topic));
	e->partitions = mem_alloc((size_t)room * sizeof *e->partitions);
	return e;
}

/* Which replicas a broker has deleted, and which it could not: an event for each partition. */
static void deleted(struct sender *s, const struct stop_replica_request *req,
		    const struct stop_replica_response *resp)
{
	for (int32_t i = 0; i < req->n_topic_states; i++) {
		const struct stop_replica_request_topic *t = &req->topic_states[i];
		if (!t->partition_states[0].delete_partition)
			continue;
		struct ctl_event *e = answer_event(s, "TopicDeletionStopReplicaResponseReceived",
						   t->topic_name, ctl_replicas_deleted, 1);
		e->partitions[e->n_partitions++] = t->partition_states[0].partition_index;
		e->failed = resp->error_code != KERR_NONE;
		for (int32_t k = 0; k < resp->n_partition_errors; k++)
			if (slice_eq(resp->partition_errors[k].topic_name, t->topic_name) &&
			    resp->partition_errors[k].partition_index == e->partitions[0])
				e->failed |= resp->partition_errors[k].error_code != KERR_NONE;
		ctl_enqueue(s->c, e);
	}
}

static int send_once(struct sender *s, struct push_request *r)
{
	const struct controller_ports *to = &s->c->ports;
	if (r->kind == PUSH_UPDATE_METADATA)
		return to->update_metadata(to->arg, s->broker, &r->update_metadata);
	if (r->kind == PUSH_LEADER_AND_ISR) {
		struct leader_and_isr_response resp;
		leader_and_isr_response_defaults(&resp);
		return to->leader_and_isr(to->arg, s->broker, &r->leader_and_isr, &resp, &r->arena);
	}
	struct stop_replica_response resp;
	stop_replica_response_defaults(&resp);
	int error = to->stop_replica(to->arg, s->broker, &r->stop_replica, &resp, &r->arena);
	if (error == 0 && !s->stopped)
		deleted(s, &r->stop_replica, &resp);
	return error;
}

static void send_until_done(struct sender *s, struct push_request *r)
{
	while (!s->stopped && send_once(s, r) != 0)
		fiber_sleep(s->c->control, CTL_SENDER_RETRY_MS);
}

static void sender_run(void *arg)
{
	struct sender *s = arg;
	CHECK_OBJ_NOTNULL(s, SENDER_MAGIC);
	while (!s->stopped) {
		struct list *next = list_pop_front(&s->queue);
		if (next) {
			struct push_request *r = list_entry(next, struct push_request, link);
			send_until_done(s, r);
			request_free(r);
			continue;
		}
		s->waits = true;
		fiber_suspend(s->c->control);
		s->waits = false;
	}
	struct list *left;
	while ((left = list_pop_front(&s->queue)))
		request_free(list_entry(left, struct push_request, link));
	FREE_OBJ(s);
}

struct sender *sender_start(struct controller *c, int32_t broker, int64_t broker_epoch)
{
	struct sender *s;
	ALLOC_OBJ(s, SENDER_MAGIC);
	s->c = c;
	s->broker = broker;
	s->broker_epoch = broker_epoch;
	list_init(&s->queue);
	s->fiber = fiber_start(c->control, "sender", sender_run, s);
	must(s->fiber != NULL);
	return s;
}

void sender_stop(struct sender *s)
{
	CHECK_OBJ_NOTNULL(s, SENDER_MAGIC);
	s->stopped = true;
	if (s->waits)
		fiber_resume(s->fiber);
}
