/* offsets.c - OffsetCommit and OffsetDelete. Facts: KafkaApis.handleOffsetCommitRequest,
 * handleOffsetDeleteRequest and GroupCoordinatorAdapter of 3.9. OffsetCommit version 0 writes to ZooKeeper:
 * zk_offsets.c.
 *
 *	accepting core: decode; what is no partition of the cluster has its error
 *	home core:      the request whole goes there, commits the rest, and is encoded there
 *	accepting core: sent
 */
#include "broker/api/offsets.h"
#include "broker/api/group_home.h"
#include "broker/api/handlers.h"
#include "broker/api/zk_offsets.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/group/cleanup.h"
#include "broker/group/commit.h"

#include "offset_delete.kmsg.h"

enum {
	VERSION_ZOOKEEPER = 0,
	NOT_SAID = -1, /* commit timestamp, retention time */
};

/* ---- which partitions are asked for ---- */

static int by_place(const void *a, const void *b)
{
	const struct named_partition *x = *(struct named_partition *const *)a;
	const struct named_partition *y = *(struct named_partition *const *)b;
	int order = slice_compare(x->topic, y->topic);
	if (order == 0)
		order = order_of(x->partition, y->partition);
	return order ? order : (x > y) - (x < y);
}

/* UNKNOWN_TOPIC_OR_PARTITION for what is not in the metadata; finds what is replaced. On the accepting core.
 * False: the request's arena has no room. */
static bool check_named(struct request *req, struct named_partition *v, int32_t n)
{
	struct named_partition **sorted = arena_array(&req->arena, (size_t)n, sizeof *sorted);
	if (!sorted)
		return false;
	for (int32_t i = 0; i < n; i++) {
		if (!v[i].error && !meta_partition(req->core->meta, v[i].topic, v[i].partition))
			v[i].error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		sorted[i] = &v[i];
	}
	order_sort(sorted, (size_t)n, sizeof(struct named_partition *), by_place);
	for (int32_t i = 1; i < n; i++) {
		struct named_partition *one = sorted[i - 1], *next = sorted[i];
		one->is_replaced = one->partition == next->partition && slice_eq(one->topic, next->topic);
	}
	return true;
}

/* How many have no error and are not replaced. */
static int32_t count_fine(const struct named_partition *v, int32_t n)
{
	int32_t fine = 0;
	for (int32_t i = 0; i < n; i++)
		fine += !v[i].error && !v[i].is_replaced;
	return fine;
}

/* ---- OffsetCommit: the answer ---- */

void offset_commit_respond(struct request *req)
{
	struct offset_commit_state *s = req->state;
	struct offset_commit_response out;
	offset_commit_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *out.topics);
	struct offset_commit_response_partition *all = arena_array(&req->arena, (size_t)s->n, sizeof *all);
	if (!out.topics || !all) {
		request_refuse_large(req);
		return;
	}
	for (int32_t t = 0, i = 0; t < s->msg.n_topics; t++) {
		struct offset_commit_response_topic *to = &out.topics[out.n_topics++];
		to->name = s->msg.topics[t].name;
		to->partitions = all + i;
		for (int32_t k = 0; k < s->msg.topics[t].n_partitions; k++, i++)
			if (!s->parts[i].is_replaced)
				to->partitions[to->n_partitions++] =
					(struct offset_commit_response_partition){
						s->parts[i].partition, (int16_t)s->parts[i].error };
	}
	offset_commit_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- OffsetCommit: on the group's home core ---- */

struct commit_state {
	struct offset_commit_state named; /* first: what the answer is made of */
	struct request *req;
	struct api_core *home;
	struct commit commit;
};

static void committed(struct commit *c)
{
	struct commit_state *s = container_of(c, struct commit_state, commit);
	struct offset_commit_state *named = &s->named;
	for (int32_t i = 0, k = 0; i < named->n; i++)
		if (!named->parts[i].error && !named->parts[i].is_replaced)
			named->parts[i].error = c->parts[k++].error;
	offset_commit_respond(s->req);
}

static void commit_at_home(struct request *req)
{
	struct commit_state *s = req->state;
	coordinator_commit(s->home->coordinator, &s->commit);
}

/* ---- OffsetCommit: on the accepting core ---- */

static struct offset_commit commit_of(const struct offset_commit_request *msg,
				      const struct offset_commit_request_partition *from, int64_t now_ms)
{
	struct slice text = from->committed_metadata;
	struct offset_commit c = {
		.offset = from->committed_offset,
		.leader_epoch = from->committed_leader_epoch,
		.metadata = slice_is_null(text) ? SLICE_LIT("") : text,
		.commit_ms = from->commit_timestamp == NOT_SAID ? now_ms : from->commit_timestamp,
		.expire_ms = NOT_SAID,
	};
	if (msg->retention_time_ms != NOT_SAID) /* overflows as in Java */
		c.expire_ms = (int64_t)((uint64_t)now_ms + (uint64_t)msg->retention_time_ms);
	return c;
}

static bool name_partitions(struct request *req, struct offset_commit_state *s)
{
	enum kerr all = group_may_be_static(req, s->msg.group_instance_id) ? KERR_NONE
									   : KERR_UNSUPPORTED_VERSION;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		s->n += s->msg.topics[t].n_partitions;
	s->parts = arena_array(&req->arena, (size_t)s->n, sizeof *s->parts);
	if (!s->parts)
		return false;
	struct named_partition *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		for (int32_t i = 0; i < s->msg.topics[t].n_partitions; i++, p++)
			*p = (struct named_partition){
				.topic = s->msg.topics[t].name,
				.partition = s->msg.topics[t].partitions[i].partition_index,
				.from = &s->msg.topics[t].partitions[i], .error = all };
	return check_named(req, s->parts, s->n);
}

static bool fill_commit(struct request *req, struct commit_state *s, int32_t n)
{
	const struct offset_commit_request *msg = &s->named.msg;
	struct group_home home = group_home(req, msg->group_id);
	int64_t now_ms = reactor_wall_ms(req->core->reactor);
	s->req = req;
	s->home = home.core;
	s->commit = (struct commit){
		.group_id = msg->group_id,
		.partition = home.partition,
		.generation = msg->generation_id_or_member_epoch,
		.member_id = msg->member_id,
		.instance_id = msg->group_instance_id,
		.parts = arena_array(&req->arena, (size_t)n, sizeof *s->commit.parts),
		.done = committed,
	};
	if (!s->commit.parts)
		return false;
	for (int32_t i = 0; i < s->named.n; i++) {
		const struct named_partition *p = &s->named.parts[i];
		if (!p->error && !p->is_replaced)
			s->commit.parts[s->commit.n_parts++] = (struct commit_part){
				.topic = p->topic, .partition = p->partition,
				.offset = commit_of(msg, p->from, now_ms) };
	}
	return true;
}

void handle_offset_commit(struct request *req)
{
	struct commit_state *s = request_state(req, sizeof *s);
	struct offset_commit_state *named = &s->named;
	if (!request_decode_ok(req, offset_commit_request_decode(&req->body, req->version, &named->msg)))
		return;
	if (!name_partitions(req, named)) {
		request_refuse_large(req);
		return;
	}
	int32_t n = count_fine(named->parts, named->n);
	if (n == 0)
		offset_commit_respond(req);
	else if (req->version == VERSION_ZOOKEEPER)
		request_to_control(req, zk_offsets_commit);
	else if (fill_commit(req, s, n))
		request_to_home(req, s->home, commit_at_home);
	else
		request_refuse_large(req);
}

/* ---- OffsetDelete ---- */

struct delete_state {
	struct offset_delete_request msg;
	struct group_home home;
	struct named_partition *parts; /* in the request's order */
	struct delete_part *asked;
	int32_t n, n_asked;
};

static void delete_respond(struct request *req, enum kerr error)
{
	struct delete_state *s = req->state;
	struct offset_delete_response out;
	offset_delete_response_defaults(&out);
	out.error_code = (int16_t)error;
	int32_t topics = error ? 0 : s->msg.n_topics; /* an error of the group is all that is told */
	out.topics = arena_array(&req->arena, (size_t)topics, sizeof *out.topics);
	struct offset_delete_response_partition *all = arena_array(&req->arena, (size_t)s->n, sizeof *all);
	if (!out.topics || !all) {
		request_refuse_large(req);
		return;
	}
	for (int32_t t = 0, i = 0; t < topics; t++) {
		struct offset_delete_response_topic *to = &out.topics[out.n_topics++];
		to->name = s->msg.topics[t].name;
		to->partitions = all + i;
		for (int32_t k = 0; k < s->msg.topics[t].n_partitions; k++, i++)
			if (!s->parts[i].is_replaced)
				to->partitions[to->n_partitions++] =
					(struct offset_delete_response_partition){
						s->parts[i].partition, (int16_t)s->parts[i].error };
	}
	offset_delete_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static void delete_at_home(struct request *req)
{
	struct delete_state *s = req->state;
	enum kerr error = coordinator_delete_offsets(s->home.core->coordinator, s->msg.group_id,
						     s->home.partition, s->asked, s->n_asked);
	for (int32_t i = 0, k = 0; i < s->n; i++)
		if (!s->parts[i].error && !s->parts[i].is_replaced)
			s->parts[i].error = s->asked[k++].error;
	delete_respond(req, error);
}

static bool name_deleted(struct request *req, struct delete_state *s)
{
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		s->n += s->msg.topics[t].n_partitions;
	s->parts = arena_array(&req->arena, (size_t)s->n, sizeof *s->parts);
	s->asked = arena_array(&req->arena, (size_t)s->n, sizeof *s->asked);
	if (!s->parts || !s->asked)
		return false;
	struct named_partition *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topics; t++)
		for (int32_t i = 0; i < s->msg.topics[t].n_partitions; i++, p++)
			*p = (struct named_partition){
				.topic = s->msg.topics[t].name,
				.partition = s->msg.topics[t].partitions[i].partition_index };
	if (!check_named(req, s->parts, s->n))
		return false;
	for (int32_t i = 0; i < s->n; i++)
		if (!s->parts[i].error && !s->parts[i].is_replaced)
			s->asked[s->n_asked++] = (struct delete_part){ .topic = s->parts[i].topic,
								       .partition = s->parts[i].partition };
	return true;
}

/* A group is looked for even when no partition is left to delete: it has errors of its own. */
void handle_offset_delete(struct request *req)
{
	struct delete_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, offset_delete_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!name_deleted(req, s)) {
		request_refuse_large(req);
		return;
	}
	s->home = group_home(req, s->msg.group_id);
	request_to_home(req, s->home.core, delete_at_home);
}
