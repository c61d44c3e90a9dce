/* delete_records.c - the start of a log moves up at a client's wish. Facts: handleDeleteRecordsRequest of
 * KafkaApis, deleteRecords of ReplicaManager, DelayedDeleteRecords of 3.9.
 *
 *	accepting core: decode, check, group by home core
 *	home core:      the log's start is raised; then wait, at most timeout_ms, until no live replica has
 *	                more
 *	control:        the new starts are written to the checkpoint: what was deleted does not come back
 *	                after a crash (in 3.9 it may, for log.flush.start.offset.checkpoint.interval.ms)
 *	                -> the answer
 */
#include "broker/api/handlers.h"
#include "broker/api/hops.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/cluster/names.h"
#include "broker/replica/manager.h"

#include "delete_records.kmsg.h"

struct part {
	struct hop_part hop;
	struct slice topic;
	int32_t index;
	int32_t order;           /* in the request */
	int64_t offset;
	enum kerr error;
	int64_t low_watermark;
	struct partition *partition;
	struct partition_wait wait;
	struct timer timeout;
};

struct delete_records {
	struct delete_records_request msg;
	struct part *parts;
	int n_parts;
	struct hops hops;
};

/* ---- the answer ---- */

/* Parts are in the order of topics: each is told once. */
static void respond(struct request *req)
{
	struct delete_records *s = req->state;
	struct delete_records_response out;
	delete_records_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)s->n_parts, sizeof *out.topics);
	struct delete_records_response_partition *all = arena_array(&req->arena, (size_t)s->n_parts,
								    sizeof *all);
	if (!out.topics || !all) {
		request_refuse_large(req);
		return;
	}
	for (int i = 0; i < s->n_parts; i++) {
		const struct part *p = &s->parts[i];
		if (i == 0 || !slice_eq(p->topic, s->parts[i - 1].topic))
			out.topics[out.n_topics++] = (struct delete_records_response_topic){ p->topic,
											     &all[i], 0 };
		out.topics[out.n_topics - 1].n_partitions++;
		all[i] = (struct delete_records_response_partition){ p->index, p->low_watermark,
								     (int16_t)p->error };
	}
	delete_records_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* In a fiber of the control reactor. */
static void save(struct request *req)
{
	manager_save_start_offsets(req->core->api->manager);
	respond(req);
}

static void answer(struct request *req)
{
	const struct delete_records *s = req->state;
	bool deleted = false;
	for (int i = 0; i < s->n_parts; i++)
		deleted |= !s->parts[i].error || s->parts[i].error == KERR_REQUEST_TIMED_OUT;
	if (deleted && req->core->api->manager)
		request_to_control(req, save);
	else
		respond(req);
}

/* ---- home core ---- */

static void fail(struct part *p, enum kerr error)
{
	p->error = error;
	p->low_watermark = -1;
}

/* True: there is nothing to wait for, or no more. */
static bool is_done(struct part *p)
{
	enum kerr error = partition_check_leader(p->partition, -1);
	int64_t low = partition_low_watermark(p->partition, hop_core(&p->hop)->meta);
	if (error)
		fail(p, error);
	else
		p->low_watermark = low;
	return error || low >= p->offset;
}

static void woken(struct partition_wait *w)
{
	struct part *p = container_of(w, struct part, wait);
	if (!is_done(p)) {
		partition_wait_deletion(p->partition, &p->wait);
		return;
	}
	timer_cancel(hop_core(&p->hop)->reactor, &p->timeout);
	hop_core(&p->hop)->waits.delete_records--;
	hop_done(&p->hop);
}

static void timed_out(struct reactor *here, struct timer *t)
{
	struct part *p = container_of(t, struct part, timeout);
	must(here == hop_core(&p->hop)->reactor);
	partition_unwait(&p->wait);
	p->error = KERR_REQUEST_TIMED_OUT;
	hop_core(&p->hop)->waits.delete_records--;
	hop_core(&p->hop)->waits.delete_expired++;
	hop_done(&p->hop);
}

static void delete(struct hop_part *hop)
{
	struct part *p = container_of(hop, struct part, hop);
	const struct delete_records *s = hop_request(hop)->state;
	p->partition = replicas_find(hop_core(hop)->replicas, p->topic, p->index);
	p->error = p->partition ? partition_delete_records(p->partition, &p->offset) :
		KERR_NOT_LEADER_OR_FOLLOWER;
	if (p->error || is_done(p)) {
		hop_done(hop);
		return;
	}
	p->wait = (struct partition_wait){ .wake = woken };
	partition_wait_deletion(p->partition, &p->wait);
	p->timeout.fire = timed_out;
	hop_core(hop)->waits.delete_records++;
	timer_arm(hop_core(hop)->reactor, &p->timeout, max_of(s->msg.timeout_ms, 0));
}

/* ---- the request: accepting core ---- */

static int by_partition(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	if (order == 0)
		order = order_of(x->index, y->index);
	return order ? order : x->order - y->order;
}

static void sort(struct delete_records *s)
{
	struct part *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		for (int32_t i = 0; i < s->msg.topics[t].n_partitions; i++, p++)
			*p = (struct part){ .topic = s->msg.topics[t].name, .order = (int32_t)(p - s->parts),
					    .index = s->msg.topics[t].partitions[i].partition_index,
					    .offset = s->msg.topics[t].partitions[i].offset,
					    .low_watermark = -1 };
	order_sort(s->parts, (size_t)s->n_parts, sizeof *s->parts, by_partition);
	/* Of a partition that is named more than once the last wish counts, as in 3.9. */
	int n = 0;
	for (int i = 0; i < s->n_parts; i++) {
		const struct part *next = i + 1 < s->n_parts ? &s->parts[i + 1] : NULL;
		if (!next || next->index != s->parts[i].index || !slice_eq(next->topic, s->parts[i].topic))
			s->parts[n++] = s->parts[i];
	}
	s->n_parts = n;
}

static enum kerr check(const struct request *req, const struct part *p)
{
	if (!meta_partition(req->core->meta, p->topic, p->index))
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	return name_is_internal(p->topic) ? KERR_INVALID_TOPIC_EXCEPTION : KERR_NONE;
}

void handle_delete_records(struct request *req)
{
	struct delete_records *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, delete_records_request_decode(&req->body, req->version, &s->msg)))
		return;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		s->n_parts += s->msg.topics[t].n_partitions;
	s->parts = arena_array(&req->arena, (size_t)s->n_parts, sizeof *s->parts);
	if (!s->parts || !hops_init(&s->hops, req, delete, answer)) {
		request_refuse_large(req);
		return;
	}
	sort(s);
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		p->error = check(req, p);
		if (!p->error)
			hops_add(&s->hops, &p->hop, p->topic, p->index);
	}
	hops_send(&s->hops);
}
