/* describe_producers.c - who writes to a partition (KIP-664); any replica knows, not the leader alone. Facts:
 * handleDescribeProducersRequest of KafkaApis, activeProducers of UnifiedLog of 3.9. */
#include "broker/api/handlers.h"
#include "broker/api/hops.h"

#include "broker/base/must.h"
#include "broker/cluster/names.h"

#include "describe_producers.kmsg.h"

#include <stdlib.h>

enum { PRODUCERS_TOLD_MAX = 1000000 }; /* to one request by one core */

struct part {
	struct hop_part hop;
	struct slice topic;
	int32_t index;
	enum kerr error;
	const char *why;
	struct describe_producers_response_active_producer *producers; /* free() them */
	int32_t n_producers, room;
	bool too_much;
};

struct describe_producers {
	struct describe_producers_request msg;
	struct part *parts;
	int n_parts;
	struct hops hops;
	uint32_t *told; /* producers, by each core */
};

/* ---- accepting core ---- */

static void fill_partition(const struct part *p, struct describe_producers_response_partition *out)
{
	*out = (struct describe_producers_response_partition){
		.partition_index = p->index,
		.error_code = (int16_t)p->error,
		.error_message = slice_str(p->why),
		.active_producers = p->producers,
		.n_active_producers = p->n_producers,
	};
}

static bool fill(struct request *req, const struct describe_producers *s,
		 struct describe_producers_response *out)
{
	describe_producers_response_defaults(out);
	out->topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *out->topics);
	struct describe_producers_response_partition *all =
		arena_array(&req->arena, (size_t)s->n_parts, sizeof *all);
	if (!out->topics || !all)
		return false;
	out->n_topics = s->msg.n_topics;
	for (int32_t t = 0, i = 0; t < out->n_topics; t++) {
		int32_t n = s->msg.topics[t].n_partition_indexes;
		out->topics[t] = (struct describe_producers_response_topic){ s->msg.topics[t].name, all + i,
									     n };
		for (int32_t k = 0; k < n; k++, i++)
			fill_partition(&s->parts[i], &all[i]);
	}
	return true;
}

static bool is_too_much(const struct describe_producers *s)
{
	for (int i = 0; i < s->n_parts; i++)
		if (s->parts[i].too_much)
			return true;
	return false;
}

static void respond(struct request *req)
{
	struct describe_producers *s = req->state;
	struct describe_producers_response out;
	bool fits = !is_too_much(s) && fill(req, s, &out);
	if (fits)
		describe_producers_response_encode(response_begin(req), req->version, &out);
	for (int i = 0; i < s->n_parts; i++)
		free(s->parts[i].producers);
	if (fits)
		response_send(req);
	else
		request_refuse(req, "more producers are asked for than one answer takes");
}

/* ---- home core ---- */

static void add(void *arg, int64_t id, const struct producer_view *producer)
{
	struct part *p = arg;
	must(p->n_producers < p->room);
	p->producers[p->n_producers++] = (struct describe_producers_response_active_producer){
		.producer_id = id,
		.producer_epoch = producer->epoch,
		.last_sequence = producer->last_sequence,
		.last_timestamp = producer->last_timestamp,
		.coordinator_epoch = producer->coordinator_epoch,
		.current_txn_start_offset = producer->txn_first_offset,
	};
}

/* Whether the partition's producers fit into what this core may still tell. */
static bool takes(struct part *p, uint32_t producers)
{
	const struct describe_producers *s = hop_request(&p->hop)->state;
	uint32_t *told = &s->told[hop_core(&p->hop)->core];
	if (producers > PRODUCERS_TOLD_MAX - *told)
		return false;
	*told += producers;
	return true;
}

static void list(struct part *p, struct log *log)
{
	uint32_t n = log_producers(log);
	p->too_much = !takes(p, n);
	if (p->too_much || n == 0)
		return;
	p->room = (int32_t)n;
	p->producers = mem_alloc(n * sizeof *p->producers);
	log_each_producer(log, add, p);
}

static void look(struct hop_part *hop)
{
	struct part *p = container_of(hop, struct part, hop);
	const struct partition *at = replicas_find(hop_core(hop)->replicas, p->topic, p->index);
	if (!at || !at->has_role)
		p->error = KERR_NOT_LEADER_OR_FOLLOWER;
	else if (log_failed(at->log))
		p->error = KERR_KAFKA_STORAGE_ERROR;
	else
		list(p, at->log);
	hop_done(hop);
}

/* ---- accepting core ---- */

static enum kerr check_topic(const struct request *req, struct slice topic, const char **why)
{
	*why = name_problem(topic);
	if (*why)
		return KERR_INVALID_TOPIC_EXCEPTION;
	if (meta_topic(req->core->meta, topic))
		return KERR_NONE;
	*why = "This server does not host this topic.";
	return KERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool collect(struct request *req, struct describe_producers *s)
{
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		s->n_parts += s->msg.topics[t].n_partition_indexes;
	s->parts = arena_array(&req->arena, (size_t)s->n_parts, sizeof *s->parts);
	s->told = arena_array(&req->arena, (size_t)req->core->api->n_cores, sizeof *s->told);
	if (!s->parts || !s->told || !hops_init(&s->hops, req, look, respond))
		return false;
	struct part *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topics; t++) {
		const struct describe_producers_request_topic *topic = &s->msg.topics[t];
		const char *why;
		enum kerr error = check_topic(req, topic->name, &why);
		for (int32_t i = 0; i < topic->n_partition_indexes; i++, p++)
			*p = (struct part){ .topic = topic->name, .index = topic->partition_indexes[i],
					    .error = error, .why = why };
	}
	return true;
}

void handle_describe_producers(struct request *req)
{
	struct describe_producers *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, describe_producers_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!collect(req, s)) {
		request_refuse_large(req);
		return;
	}
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		if (!p->error && !meta_partition(req->core->meta, p->topic, p->index))
			p->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		if (!p->error)
			hops_add(&s->hops, &p->hop, p->topic, p->index);
	}
	hops_send(&s->hops);
}
