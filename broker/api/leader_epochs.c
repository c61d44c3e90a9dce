/* leader_epochs.c - where an epoch ended: what a consumer or a follower asks to find out whether its records
 * are still the leader's. Facts: ReplicaManager.lastOffsetForLeaderEpoch of 3.9. */
#include "broker/api/handlers.h"
#include "broker/api/hops.h"
#include "broker/api/leaders.h"

#include "broker/base/must.h"

#include "offset_for_leader_epoch.kmsg.h"

struct part {
	struct hop_part hop;
	const struct offset_for_leader_epoch_request_topic *topic;
	const struct offset_for_leader_epoch_request_partition *from;
	enum kerr error;
	int32_t epoch;
	int64_t end;
};

struct leader_epochs {
	struct offset_for_leader_epoch_request msg;
	struct part *parts;
	int n_parts;
	struct hops hops;
};

/* ---- accepting core ---- */

static void fill_partition(const struct part *p, struct offset_for_leader_epoch_response_partition *out)
{
	offset_for_leader_epoch_response_partition_defaults(out);
	out->error_code = (int16_t)p->error;
	out->partition = p->from->partition;
	out->leader_epoch = p->epoch;
	out->end_offset = p->end;
}

static void respond(struct request *req)
{
	struct leader_epochs *s = req->state;
	struct offset_for_leader_epoch_response out;
	offset_for_leader_epoch_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *out.topics);
	struct offset_for_leader_epoch_response_partition *all =
		arena_array(&req->arena, (size_t)s->n_parts, sizeof *all);
	if (!out.topics || !all) {
		request_refuse_large(req);
		return;
	}
	out.n_topics = s->msg.n_topics;
	for (int32_t t = 0, i = 0; t < out.n_topics; t++) {
		int32_t n = s->msg.topics[t].n_partitions;
		out.topics[t] = (struct offset_for_leader_epoch_response_topic){ s->msg.topics[t].topic,
										 all + i, n };
		for (int32_t k = 0; k < n; k++, i++)
			fill_partition(&s->parts[i], &all[i]);
	}
	offset_for_leader_epoch_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- home core ---- */

static void look(struct hop_part *hop)
{
	struct part *p = container_of(hop, struct part, hop);
	const struct partition *at = replicas_find(hop_core(hop)->replicas, p->topic->topic,
						   p->from->partition);
	p->error = at ? leader_check(at, p->from->current_leader_epoch) : KERR_NOT_LEADER_OR_FOLLOWER;
	if (!p->error)
		log_epoch_end_offset(at->log, p->from->leader_epoch, &p->epoch, &p->end);
	hop_done(hop);
}

/* ---- accepting core ---- */

static bool collect(struct request *req, struct leader_epochs *s)
{
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		s->n_parts += s->msg.topics[t].n_partitions;
	s->parts = arena_array(&req->arena, (size_t)s->n_parts, sizeof *s->parts);
	if (!s->parts || !hops_init(&s->hops, req, look, respond))
		return false;
	struct part *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		for (int32_t i = 0; i < s->msg.topics[t].n_partitions; i++, p++)
			*p = (struct part){ .topic = &s->msg.topics[t],
					    .from = &s->msg.topics[t].partitions[i], .epoch = -1, .end = -1 };
	return true;
}

void handle_offset_for_leader_epoch(struct request *req)
{
	struct leader_epochs *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, offset_for_leader_epoch_request_decode(&req->body, req->version,
									   &s->msg)))
		return;
	if (!collect(req, s)) {
		request_refuse_large(req);
		return;
	}
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		if (meta_partition(req->core->meta, p->topic->topic, p->from->partition))
			hops_add(&s->hops, &p->hop, p->topic->topic, p->from->partition);
		else
			p->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	}
	hops_send(&s->hops);
}
