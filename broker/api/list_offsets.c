/* list_offsets.c - offsets by time and by name. Facts: KafkaApis.handleListOffsetRequest,
 * UnifiedLog.fetchOffsetByTimestamp. */
#include "broker/api/handlers.h"
#include "broker/api/hops.h"
#include "broker/api/leaders.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include "list_offsets.kmsg.h"

#include <stdlib.h>

enum {
	TIMESTAMP_LATEST = -1,
	TIMESTAMP_EARLIEST = -2,
	TIMESTAMP_MAX = -3,
	TIMESTAMP_EARLIEST_LOCAL = -4,
	TIMESTAMP_LATEST_TIERED = -5,
	VERSION_OLD_STYLE = 0,     /* a list of segment starts */
	VERSION_MAX = 7,
	VERSION_EARLIEST_LOCAL = 8,
	VERSION_LATEST_TIERED = 9,
	CONSUMER_REPLICA = -1,
	DEBUGGING_REPLICA = -2,
};

struct part {
	struct hop_part hop;
	const struct list_offsets_request_topic *topic;
	const struct list_offsets_request_partition *from;
	struct log_time search;
	int64_t limit;             /* of what the asker may read */
	bool is_twice;             /* in the request */
	enum kerr error;
	int64_t timestamp, offset;
	int32_t leader_epoch;
	int64_t *old_style;        /* v0: many offsets; free() them */
	uint32_t n_old_style;
};

struct list_offsets {
	struct list_offsets_request msg;
	struct part *parts;
	int n_parts;
	struct hops hops;
};

/* ---- the answer: accepting core ---- */

static void fill_partition(struct request *req, const struct part *p,
			   struct list_offsets_response_partition *out)
{
	list_offsets_response_partition_defaults(out);
	out->partition_index = p->from->partition_index;
	out->error_code = (int16_t)p->error;
	if (req->version == VERSION_OLD_STYLE) {
		out->old_style_offsets = p->old_style;
		out->n_old_style_offsets = (int32_t)p->n_old_style;
		return;
	}
	out->timestamp = p->timestamp;
	out->offset = p->offset;
	if (req->version >= 4)
		out->leader_epoch = p->leader_epoch;
}

static void free_old_style(struct list_offsets *s)
{
	for (int i = 0; i < s->n_parts; i++)
		free(s->parts[i].old_style);
}

static void respond(struct request *req)
{
	struct list_offsets *s = req->state;
	struct list_offsets_response out;
	list_offsets_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *out.topics);
	struct list_offsets_response_partition *all = arena_array(&req->arena, (size_t)s->n_parts,
		sizeof *all);
	if (!out.topics || !all) {
		free_old_style(s);
		request_refuse_large(req);
		return;
	}
	out.n_topics = s->msg.n_topics;
	for (int32_t t = 0, i = 0; t < out.n_topics; t++) {
		int32_t n = s->msg.topics[t].n_partitions;
		out.topics[t] = (struct list_offsets_response_topic){ s->msg.topics[t].name, all + i, n };
		for (int32_t k = 0; k < n; k++, i++)
			fill_partition(req, &s->parts[i], &all[i]);
	}
	list_offsets_response_encode(response_begin(req), req->version, &out);
	free_old_style(s);
	response_send(req);
}

/* ---- looking: home core ---- */

static void searched(struct log_time *search)
{
	struct part *p = container_of(search, struct part, search);
	p->error = search->error;
	/* What lies above the limit is not there yet for this reader. */
	if (!p->error && search->offset >= 0 && search->offset < p->limit) {
		p->offset = search->offset;
		p->timestamp = search->found_timestamp;
		p->leader_epoch = search->leader_epoch;
	}
	hop_done(&p->hop);
}

/* The special timestamps; false when the log must be searched. */
static bool answer_special(struct part *p, const struct partition *at)
{
	switch (p->from->timestamp) {
	case TIMESTAMP_LATEST:
		p->offset = p->limit;
		p->leader_epoch = at->role.leader_epoch;
		return true;
	case TIMESTAMP_EARLIEST:
	case TIMESTAMP_EARLIEST_LOCAL:
		p->offset = log_start_offset(at->log);
		p->leader_epoch = log_epoch_at(at->log, p->offset);
		return true;
	case TIMESTAMP_LATEST_TIERED:
		return true; /* there is no remote storage: no offset */
	default:
		return false;
	}
}

static enum partition_isolation isolation_of(const struct list_offsets_request *msg)
{
	if (msg->replica_id >= 0 || msg->replica_id == DEBUGGING_REPLICA)
		return READ_AS_FOLLOWER;
	return msg->isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;
}

/* v0: as many as were asked for, none of them above what the asker may read. */
static void answer_old_style(struct part *p, const struct partition *at)
{
	uint32_t max = min_of((uint32_t)p->from->max_num_offsets, log_segments(at->log) + 1);
	p->old_style = mem_alloc((max + 1) * sizeof *p->old_style);
	p->n_old_style = log_offsets_by_age(at->log, p->from->timestamp, max, p->old_style);
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->n_old_style; i++)
		if (p->old_style[i] <= p->limit || n == 0)
			p->old_style[n++] = min_of(p->old_style[i], p->limit);
	p->n_old_style = n;
}

static void look(struct hop_part *hop)
{
	struct part *p = container_of(hop, struct part, hop);
	const struct request *req = hop_request(hop);
	const struct list_offsets *s = req->state;
	struct partition *at = replicas_find(hop_core(hop)->replicas, p->topic->name,
					     p->from->partition_index);
	p->error = at ? leader_check(at, p->from->current_leader_epoch) : KERR_NOT_LEADER_OR_FOLLOWER;
	if (p->error) {
		hop_done(hop);
		return;
	}
	p->limit = partition_read_limit(at, isolation_of(&s->msg));
	if (req->version == VERSION_OLD_STYLE) {
		answer_old_style(p, at);
		hop_done(hop);
		return;
	}
	if (answer_special(p, at)) {
		hop_done(hop);
		return;
	}
	p->search = (struct log_time){ .timestamp = p->from->timestamp, .done = searched };
	if (p->from->timestamp == TIMESTAMP_MAX)
		p->search.timestamp = LOG_TIME_MAX;
	log_offset_for_time(at->log, &p->search);
}

/* ---- the request: accepting core ---- */

/* A special timestamp that the version lacks has no meaning (3.9 answers so for each partition). */
static bool is_known_timestamp(int version, int64_t timestamp)
{
	if (timestamp >= TIMESTAMP_EARLIEST)
		return true;
	if (timestamp == TIMESTAMP_MAX)
		return version >= VERSION_MAX;
	if (timestamp == TIMESTAMP_EARLIEST_LOCAL)
		return version >= VERSION_EARLIEST_LOCAL;
	return timestamp == TIMESTAMP_LATEST_TIERED && version >= VERSION_LATEST_TIERED;
}

static enum kerr check(struct request *req, const struct part *p)
{
	const struct list_offsets *s = req->state;
	if (p->is_twice)
		return KERR_INVALID_REQUEST;
	if (s->msg.replica_id == CONSUMER_REPLICA && s->msg.isolation_level != 0 &&
	    s->msg.isolation_level != 1)
		return KERR_UNKNOWN_SERVER_ERROR; /* as 3.9 */
	if (!meta_partition(req->core->meta, p->topic->name, p->from->partition_index))
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (!is_known_timestamp(req->version, p->from->timestamp))
		return KERR_UNSUPPORTED_VERSION;
	if (req->version == VERSION_OLD_STYLE && p->from->max_num_offsets < 0)
		return KERR_UNKNOWN_SERVER_ERROR; /* as 3.9 */
	return KERR_NONE;
}

static bool collect(struct request *req, struct list_offsets *s)
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
					    .from = &s->msg.topics[t].partitions[i], .timestamp = -1,
					    .offset = -1, .leader_epoch = -1 };
	return true;
}

static int by_partition(const void *a, const void *b)
{
	const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;
	int32_t i = x->from->partition_index, k = y->from->partition_index;
	int order = slice_compare(x->topic->name, y->topic->name);
	return order ? order : order_of(i, k);
}

/* A partition that is named more than once is refused each time; v0 knows no better. */
static bool find_twice(struct request *req, struct list_offsets *s)
{
	if (req->version == VERSION_OLD_STYLE || s->n_parts < 2)
		return true;
	struct part **sorted = arena_array(&req->arena, (size_t)s->n_parts, sizeof *sorted);
	if (!sorted)
		return false;
	for (int i = 0; i < s->n_parts; i++)
		sorted[i] = &s->parts[i];
	order_sort(sorted, (size_t)s->n_parts, sizeof *sorted, by_partition);
	for (int i = 1; i < s->n_parts; i++)
		if (by_partition(&sorted[i - 1], &sorted[i]) == 0)
			sorted[i - 1]->is_twice = sorted[i]->is_twice = true;
	return true;
}

void handle_list_offsets(struct request *req)
{
	struct list_offsets *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, list_offsets_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!collect(req, s) || !find_twice(req, s)) {
		request_refuse_large(req);
		return;
	}
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		p->error = check(req, p);
		if (!p->error)
			hops_add(&s->hops, &p->hop, p->topic->name, p->from->partition_index);
	}
	hops_send(&s->hops);
}
