/* push.c - requests to brokers. What one event decides is gathered and sent as one LeaderAndIsr, one
 * UpdateMetadata and one StopReplica for each broker, in this order. Each broker has a sender: a fiber with a
 * queue, one request under way, tried until the broker answers or is gone. Facts: ControllerChannelManager
 * and AbstractControllerBrokerRequestBatch of 3.9; contract: coordination, section 4.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

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

/* One partition for one broker; `broker` EVERY_BROKER in the metadata. */
struct push_row {
	int32_t broker;
	struct ctl_partition *p;
	bool flag; /* is new; to be deleted */
};

enum { EVERY_BROKER = -1 };

/* In the order of what was gathered until rows_sort(). */
struct push_rows {
	struct push_row *v;
	int n, room;
};

struct push {
	struct push_rows leaders, stops, metadata;
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
	free(push->metadata.v);
	free(push);
}

static void add_row(struct push_rows *rows, int32_t broker, struct ctl_partition *p, bool flag)
{
	if (rows->n == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 16;
		rows->v = mem_realloc(rows->v, (size_t)rows->room * sizeof *rows->v);
	}
	rows->v[rows->n++] = (struct push_row){ broker, p, flag };
}

static int compare_rows(const void *a, const void *b)
{
	const struct push_row *x = a, *y = b;
	if (x->broker != y->broker)
		return order_of(x->broker, y->broker);
	if (x->p->topic != y->p->topic)
		return strcmp(x->p->topic->name, y->p->topic->name);
	return order_of(x->p->index, y->p->index);
}

/* By broker, topic and partition, each once: what is said of a partition is what holds when the event ends,
 * but a replica that was new, or was to be deleted, still is. */
static void rows_sort(struct push_rows *rows)
{
	int kept = 0;
	if (rows->n == 0)
		return;
	order_sort(rows->v, (size_t)rows->n, sizeof *rows->v, compare_rows);
	for (int i = 1; i < rows->n; i++)
		if (compare_rows(&rows->v[kept], &rows->v[i]) == 0)
			rows->v[kept].flag |= rows->v[i].flag;
		else
			rows->v[++kept] = rows->v[i];
	rows->n = kept + 1;
}

void push_metadata(struct controller *c, struct ctl_partition *p)
{
	add_row(&c->push->metadata, EVERY_BROKER, p, false);
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

/* Those that come, or those that go. */
static int32_t *moving_ids(struct arena *a, const struct ctl_partition *p, bool coming, int32_t *ret_n)
{
	int32_t *ids = arena_array(a, (size_t)p->n_replicas, sizeof *ids);
	must(ids != NULL);
	*ret_n = 0;
	for (int i = 0; i < p->n_replicas; i++)
		if (coming ? p->replicas[i].adding : p->replicas[i].removing)
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
	out.adding_replicas = moving_ids(a, p, true, &out.n_adding_replicas);
	out.removing_replicas = moving_ids(a, p, false, &out.n_removing_replicas);
	return out;
}

/* One broker's rows among sorted ones. */
static struct push_rows rows_of(const struct push_rows *rows, int32_t broker)
{
	struct push_rows own = { .v = rows->v };
	for (int i = 0; i < rows->n; i++) {
		own.v += own.n == 0 && i > 0 && rows->v[i].broker == broker ? i : 0;
		own.n += rows->v[i].broker == broker;
	}
	return own;
}

/* How many of the rows from `at` on are of one topic. */
static int same_topic(const struct push_rows *rows, int at)
{
	int n = 1;
	while (at + n < rows->n && rows->v[at + n].p->topic == rows->v[at].p->topic)
		n++;
	return n;
}

static void make_leader_and_isr(struct controller *c, struct sender *s)
{
	struct push_rows rows = rows_of(&c->push->leaders, s->broker);
	if (rows.n == 0)
		return;
	struct push_request *r = request_new(s, PUSH_LEADER_AND_ISR);
	struct leader_and_isr_request *out = &r->leader_and_isr;
	leader_and_isr_request_defaults(out);
	out->controller_id = c->broker_id;
	out->controller_epoch = c->epoch;
	out->broker_epoch = s->broker_epoch;
	out->topic_states = arena_array(&r->arena, (size_t)rows.n, sizeof *out->topic_states);
	struct leader_and_isr_request_partition *all = arena_array(&r->arena, (size_t)rows.n, sizeof *all);
	must(out->topic_states && all);
	for (int at = 0, n; at < rows.n; at += n) {
		const struct ctl_topic *topic = rows.v[at].p->topic;
		n = same_topic(&rows, at);
		out->topic_states[out->n_topic_states++] = (struct leader_and_isr_request_topic){
			.topic_name = copy_name(&r->arena, topic->name), .topic_id = topic->id,
			.partition_states = all, .n_partition_states = n };
		for (int i = 0; i < n; i++)
			*all++ = leader_row(&r->arena, &rows.v[at + i]);
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

static void fill_metadata(struct controller *c, struct arena *a, struct update_metadata_request *out)
{
	const struct push_rows *rows = &c->push->metadata;
	struct update_metadata_request_partition *all = arena_array(a, (size_t)rows->n, sizeof *all);
	out->topic_states = arena_array(a, (size_t)rows->n, sizeof *out->topic_states);
	must(all && out->topic_states);
	for (int at = 0, n; at < rows->n; at += n) {
		const struct ctl_topic *topic = rows->v[at].p->topic;
		struct update_metadata_request_topic t = { .topic_name = copy_name(a, topic->name),
							   .topic_id = topic->id, .partition_states = all };
		n = same_topic(rows, at);
		for (int i = at; i < at + n; i++)
			if (rows->v[i].p->has_leadership)
				all[t.n_partition_states++] = metadata_row(c, a, rows->v[i].p);
		all += t.n_partition_states;
		if (t.n_partition_states > 0)
			out->topic_states[out->n_topic_states++] = t;
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
		if (b->sender)
			out->live_brokers[out->n_live_brokers++] = broker_row(&r->arena, b);
}

static void make_stop_replica(struct controller *c, struct sender *s)
{
	struct push_rows rows = rows_of(&c->push->stops, s->broker);
	if (rows.n == 0)
		return;
	struct push_request *r = request_new(s, PUSH_STOP_REPLICA);
	struct stop_replica_request *out = &r->stop_replica;
	stop_replica_request_defaults(out);
	out->controller_id = c->broker_id;
	out->controller_epoch = c->epoch;
	out->broker_epoch = s->broker_epoch;
	out->topic_states = arena_array(&r->arena, (size_t)rows.n, sizeof *out->topic_states);
	struct stop_replica_request_partition *all = arena_array(&r->arena, (size_t)rows.n, sizeof *all);
	must(out->topic_states && all);
	for (int at = 0, n; at < rows.n; at += n) {
		const struct ctl_topic *topic = rows.v[at].p->topic;
		n = same_topic(&rows, at);
		out->topic_states[out->n_topic_states++] = (struct stop_replica_request_topic){
			copy_name(&r->arena, topic->name), all, n };
		for (int i = at; i < at + n; i++) {
			int32_t epoch = rows.v[i].p->lead.leader_epoch;
			*all++ = (struct stop_replica_request_partition){
				rows.v[i].p->index, topic->deletion_begun ? EPOCH_DELETED : epoch,
				rows.v[i].flag };
		}
	}
}

void push_flush(struct controller *c)
{
	rows_sort(&c->push->leaders);
	rows_sort(&c->push->metadata);
	rows_sort(&c->push->stops);
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

/* An event for what a broker has answered of `most` replicas at most. It takes the request's arena. */
static struct ctl_event *answer_event(const struct sender *s, struct push_request *r, const char *name,
				      void (*run)(struct controller *c, struct ctl_event *e), size_t most)
{
	struct ctl_event *e = ctl_event_new(name, run);
	e->broker = s->broker;
	e->arena = r->arena;
	arena_init(&r->arena, SENDER_ARENA_BYTES);
	e->answers = arena_array(&e->arena, most, sizeof *e->answers);
	must(e->answers != NULL);
	return e;
}

static void add_answer(struct ctl_event *e, struct slice topic, int32_t partition, int16_t error)
{
	const char *name = arena_strdup(&e->arena, topic);
	must(name != NULL);
	e->answers[e->n_answers++] = (struct ctl_answer){ name, partition, error != KERR_NONE };
}

/* Which replicas a broker has stopped, and which it could not: all, when it refused the whole request. */
static void tell_stopped(struct sender *s, struct push_request *r, const struct stop_replica_response *resp)
{
	const struct stop_replica_request req = r->stop_replica;
	size_t n = 0;
	for (int32_t t = 0; t < req.n_topic_states; t++)
		n += (size_t)req.topic_states[t].n_partition_states;
	struct ctl_event *e = answer_event(s, r, "TopicDeletionStopReplicaResponseReceived",
					   ctl_replicas_stopped,
					   max_of(n, (size_t)resp->n_partition_errors));
	for (int32_t t = 0; resp->error_code && t < req.n_topic_states; t++)
		for (int32_t i = 0; i < req.topic_states[t].n_partition_states; i++)
			add_answer(e, req.topic_states[t].topic_name,
				   req.topic_states[t].partition_states[i].partition_index, resp->error_code);
	for (int32_t i = 0; !resp->error_code && i < resp->n_partition_errors; i++)
		add_answer(e, resp->partition_errors[i].topic_name, resp->partition_errors[i].partition_index,
			   resp->partition_errors[i].error_code);
	ctl_enqueue(s->c, e);
}

/* Which replicas a broker could not put in their place because their disk has failed. */
static void tell_failed_dirs(struct sender *s, struct push_request *r,
			     const struct leader_and_isr_response *resp)
{
	size_t n = 0;
	for (int32_t t = 0; t < resp->n_topics; t++)
		for (int32_t i = 0; i < resp->topics[t].n_partition_errors; i++)
			n += resp->topics[t].partition_errors[i].error_code == KERR_KAFKA_STORAGE_ERROR;
	if (n == 0)
		return;
	struct ctl_event *e = answer_event(s, r, "LeaderAndIsrResponseReceived", ctl_replicas_failed, n);
	for (int32_t t = 0; t < resp->n_topics; t++)
		for (int32_t i = 0; i < resp->topics[t].n_partition_errors; i++) {
			const struct leader_and_isr_response_partition *p =
				&resp->topics[t].partition_errors[i];
			if (p->error_code == KERR_KAFKA_STORAGE_ERROR)
				add_answer(e, p->topic_name, p->partition_index, p->error_code);
		}
	ctl_enqueue(s->c, e);
}

static int send_once(struct sender *s, struct push_request *r)
{
	const struct controller_ports *to = &s->c->ports;
	int error;
	if (r->kind == PUSH_UPDATE_METADATA) {
		error = to->update_metadata(to->arg, s->broker, &r->update_metadata);
	} else if (r->kind == PUSH_LEADER_AND_ISR) {
		struct leader_and_isr_response resp;
		leader_and_isr_response_defaults(&resp);
		error = to->leader_and_isr(to->arg, s->broker, &r->leader_and_isr, &resp, &r->arena);
		if (error == 0 && !s->stopped)
			tell_failed_dirs(s, r, &resp);
	} else {
		struct stop_replica_response resp;
		stop_replica_response_defaults(&resp);
		error = to->stop_replica(to->arg, s->broker, &r->stop_replica, &resp, &r->arena);
		if (error == 0 && !s->stopped)
			tell_stopped(s, r, &resp);
	}
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
	if (--s->c->senders == 0 && s->c->stopping)
		fiber_event_set(&s->c->senders_ended);
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
	c->senders++;
	return s;
}

void sender_stop(struct sender *s)
{
	CHECK_OBJ_NOTNULL(s, SENDER_MAGIC);
	s->stopped = true;
	if (s->waits)
		fiber_resume(s->fiber);
}
