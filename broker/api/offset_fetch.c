/* offset_fetch.c - OffsetFetch. Facts: KafkaApis.handleOffsetFetchRequest, OffsetFetchResponse and
 * GroupMetadataManager.getOffsets of 3.9. Version 0 reads from ZooKeeper: zk_offsets.c. */
#include "broker/api/group_tour.h"
#include "broker/api/handlers.h"
#include "broker/api/zk_offsets.h"

#include "broker/base/must.h"
#include "broker/group/coordinator.h"
#include "broker/group/group.h"
#include "broker/group/offsets.h"

#include "offset_fetch.kmsg.h"

enum {
	VERSION_ZOOKEEPER = 0,
	VERSION_TOP_LEVEL_ERROR = 2, /* before, each partition tells the error */
	VERSION_SEVERAL_GROUPS = 8,
};

struct offset_fetch {
	struct group_tour tour;
	struct offset_fetch_request msg;
	struct offset_fetch_request_group *asked; /* one, before version 8 */
	struct offset_fetch_response_group *found;
};

/* ---- the answer, on the last core ---- */

/* Before version 8: the one group is the answer. */
static bool flatten(struct request *req, const struct offset_fetch_response_group *g,
		    struct offset_fetch_response *out)
{
	out->error_code = g->error_code;
	out->topics = arena_array(&req->arena, (size_t)g->n_topics, sizeof *out->topics);
	if (!out->topics)
		return false;
	for (int32_t t = 0; t < g->n_topics; t++) {
		const struct offset_fetch_response_group_topic *from = &g->topics[t];
		struct offset_fetch_response_topic *to = &out->topics[out->n_topics++];
		to->name = from->name;
		to->partitions = arena_array(&req->arena, (size_t)from->n_partitions, sizeof *to->partitions);
		if (!to->partitions)
			return false;
		for (int32_t i = 0; i < from->n_partitions; i++) {
			const struct offset_fetch_response_group_partition *p = &from->partitions[i];
			to->partitions[to->n_partitions++] = (struct offset_fetch_response_partition){
				p->partition_index, p->committed_offset, p->committed_leader_epoch,
				p->metadata, p->error_code };
		}
	}
	return true;
}

static void answer(struct request *req)
{
	const struct offset_fetch *s = req->state;
	struct offset_fetch_response out;
	offset_fetch_response_defaults(&out);
	if (req->version >= VERSION_SEVERAL_GROUPS) {
		out.groups = s->found;
		out.n_groups = s->tour.n;
	} else if (!flatten(req, &s->found[0], &out)) {
		request_refuse_large(req);
		return;
	}
	offset_fetch_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- looking, on the group's home core ---- */

static void fill(struct request *req, const struct offsets *o, struct slice topic, int32_t partition,
		 struct offset_fetch_response_group_partition *out)
{
	const struct offset_fetch *s = req->state;
	struct offset_commit c;
	offset_fetch_response_group_partition_defaults(out);
	out->partition_index = partition;
	out->committed_offset = OFFSET_NONE;
	out->metadata = SLICE_LIT("");
	if (s->msg.require_stable && offsets_is_unstable(o, topic, partition)) {
		out->error_code = KERR_UNSTABLE_OFFSET_COMMIT;
		return;
	}
	if (!offsets_get(o, topic, partition, &c))
		return;
	out->committed_offset = c.offset;
	out->committed_leader_epoch = c.leader_epoch;
	out->metadata = request_copy(req, c.metadata);
}

static struct offset_fetch_response_group_topic *add_topic(struct request *req,
	struct offset_fetch_response_group *out, struct slice name, int32_t partitions)
{
	struct offset_fetch_response_group_topic *t = &out->topics[out->n_topics];
	t->name = name;
	t->partitions = arena_array(&req->arena, (size_t)partitions, sizeof *t->partitions);
	if (!t->partitions)
		return NULL;
	out->n_topics++;
	return t;
}

static void find_asked(struct request *req, const struct offsets *o,
		       const struct offset_fetch_request_group *asked,
		       struct offset_fetch_response_group *out)
{
	out->topics = arena_array(&req->arena, (size_t)asked->n_topics, sizeof *out->topics);
	for (int32_t t = 0; out->topics && t < asked->n_topics; t++) {
		const struct offset_fetch_request_group_topic *from = &asked->topics[t];
		struct offset_fetch_response_group_topic *to =
			add_topic(req, out, from->name, from->n_partition_indexes);
		for (int32_t i = 0; to && i < from->n_partition_indexes; i++)
			fill(req, o, from->name, from->partition_indexes[i],
			     &to->partitions[to->n_partitions++]);
	}
}

/* All that a group has committed: first counted, then copied. */
struct listing {
	struct request *req;
	const struct offsets *offsets;
	struct offset_fetch_response_group *out;
	struct slice topic;
	int32_t *counts; /* of partitions, beside the topics; NULL: counting topics */
	int32_t topics;
};

static void count(void *arg, struct slice topic, int32_t partition, const struct offset_commit *c)
{
	struct listing *l = arg;
	must(partition >= INT32_MIN && c != NULL);
	if (l->topics == 0 || !slice_eq(l->topic, topic))
		l->topics++;
	l->topic = topic;
	if (l->counts)
		l->counts[l->topics - 1]++;
}

static void list(void *arg, struct slice topic, int32_t partition, const struct offset_commit *c)
{
	struct listing *l = arg;
	struct offset_fetch_response_group *out = l->out;
	must(c != NULL);
	bool is_new = out->n_topics == 0 || !slice_eq(l->topic, topic);
	if (arena_overflowed(&l->req->arena))
		return;
	l->topic = topic;
	if (is_new && !add_topic(l->req, out, request_copy(l->req, topic), l->counts[out->n_topics]))
		return;
	struct offset_fetch_response_group_topic *t = &out->topics[out->n_topics - 1];
	fill(l->req, l->offsets, topic, partition, &t->partitions[t->n_partitions++]);
}

static void find_all(struct request *req, const struct offsets *o, struct offset_fetch_response_group *out)
{
	struct listing l = { .req = req, .offsets = o, .out = out };
	offsets_each(o, count, &l);
	out->topics = arena_array(&req->arena, (size_t)l.topics, sizeof *out->topics);
	l.counts = arena_array(&req->arena, (size_t)l.topics, sizeof *l.counts);
	if (!out->topics || !l.counts)
		return;
	l.topics = 0;
	offsets_each(o, count, &l);
	offsets_each(o, list, &l);
}

/* Before there was a top-level error. 3.9 tells such old clients of no partition and so of no error. */
static void tell_partitions(struct request *req, enum kerr error, struct offset_fetch_response_group *out)
{
	if (req->version >= VERSION_TOP_LEVEL_ERROR)
		return;
	for (int32_t t = 0; t < out->n_topics; t++)
		for (int32_t i = 0; i < out->topics[t].n_partitions; i++)
			out->topics[t].partitions[i].error_code = (int16_t)error;
}

static bool find(struct request *req, struct coordinator *here, int32_t i)
{
	struct offset_fetch *s = req->state;
	const struct group_stop *stop = &s->tour.stops[i];
	const struct offset_fetch_request_group *asked = &s->asked[i];
	struct offset_fetch_response_group *out = &s->found[i];
	struct coordinated *at;
	enum kerr error = coordinator_check(here, stop->group, stop->partition, GROUP_ID_MAY_BE_EMPTY, &at);
	out->error_code = (int16_t)error;
	const struct group *g = error ? NULL : coordinator_group(at, stop->group);
	const struct offsets *o = g ? g->offsets : NULL;
	if (error && req->version >= VERSION_TOP_LEVEL_ERROR)
		return true;
	if (asked->n_topics < 0)
		find_all(req, o, out);
	else
		find_asked(req, o, asked, out);
	if (error)
		tell_partitions(req, error, out);
	return true;
}

/* ---- the request, on the core that accepted it ---- */

/* Before version 8 the request names one group; its lists are those of that group. */
static bool one_group(struct request *req, struct offset_fetch *s)
{
	struct offset_fetch_request_group *g = arena_alloc(&req->arena, sizeof *g);
	if (!g)
		return false;
	offset_fetch_request_group_defaults(g);
	g->group_id = s->msg.group_id;
	g->n_topics = s->msg.n_topics;
	if (g->n_topics > 0)
		g->topics = arena_array(&req->arena, (size_t)g->n_topics, sizeof *g->topics);
	for (int32_t t = 0; g->topics && t < g->n_topics; t++)
		g->topics[t] = (struct offset_fetch_request_group_topic){
			s->msg.topics[t].name, s->msg.topics[t].partition_indexes,
			s->msg.topics[t].n_partition_indexes };
	s->asked = g;
	s->tour.n = 1;
	return g->topics || g->n_topics <= 0;
}

static bool prepare(struct request *req, struct offset_fetch *s)
{
	s->asked = s->msg.groups;
	s->tour.n = s->msg.n_groups;
	if (req->version < VERSION_SEVERAL_GROUPS && !one_group(req, s))
		return false;
	int32_t n = s->tour.n;
	struct slice *names = arena_array(&req->arena, (size_t)n, sizeof *names);
	s->found = arena_array(&req->arena, (size_t)n, sizeof *s->found);
	if (!names || !s->found)
		return false;
	for (int32_t i = 0; i < n; i++) {
		names[i] = s->asked[i].group_id;
		s->found[i].group_id = names[i];
	}
	return group_tour_init(req, &s->tour, names, n);
}

void handle_offset_fetch(struct request *req)
{
	if (req->version == VERSION_ZOOKEEPER) {
		zk_offsets_fetch(req);
		return;
	}
	struct offset_fetch *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, offset_fetch_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (prepare(req, s))
		group_tour_start(req, find, answer);
	else
		request_refuse_large(req);
}
