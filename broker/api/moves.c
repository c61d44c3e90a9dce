/* moves.c - what admins ask of the controller for partitions: ElectLeaders, AlterPartitionReassignments,
 * ListPartitionReassignments. In fibers of the control reactor. Facts: KafkaApis and
 * ReplicaManager.electLeaders of 3.9; contract: coordination, sections 3 and 8. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include "alter_partition_reassignments.kmsg.h"
#include "elect_leaders.kmsg.h"
#include "list_partition_reassignments.kmsg.h"

/* ---- partitions of a request, each once, by topic ---- */

struct asked {
	struct controller_asked *v;
	int32_t n;
};

static int compare(const void *a, const void *b)
{
	const struct controller_asked *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

static int32_t same_topic(const struct asked *all, int32_t at)
{
	int32_t n = 1;
	while (at + n < all->n && slice_eq(all->v[at + n].topic, all->v[at].topic))
		n++;
	return n;
}

/* One that is named more than once is asked for once. */
static void sort(struct asked *all)
{
	int32_t kept = 0;
	if (all->n == 0)
		return;
	order_sort(all->v, (size_t)all->n, sizeof *all->v, compare);
	for (int32_t i = 1; i < all->n; i++)
		if (compare(&all->v[i], &all->v[kept]) != 0)
			all->v[++kept] = all->v[i];
	all->n = kept + 1;
}

/* ---- ElectLeaders ---- */

enum { ELECTION_PREFERRED = 0, ELECTION_UNCLEAN = 1 };

static bool take_named(struct request *req, const struct elect_leaders_request *msg, struct asked *all)
{
	size_t n = 0;
	for (int32_t t = 0; t < msg->n_topic_partitions; t++)
		n += (size_t)msg->topic_partitions[t].n_partitions;
	all->v = arena_array(&req->arena, n, sizeof *all->v);
	for (int32_t t = 0; all->v && t < msg->n_topic_partitions; t++)
		for (int32_t i = 0; i < msg->topic_partitions[t].n_partitions; i++)
			all->v[all->n++] = (struct controller_asked){
				.topic = msg->topic_partitions[t].topic,
				.partition = msg->topic_partitions[t].partitions[i] };
	return all->v != NULL;
}

static bool take_every(struct request *req, struct asked *all)
{
	const struct metadata *now = metastore_now(req->core->api->topics.metastore);
	size_t n = 0;
	for (int t = 0; t < meta_topics(now); t++)
		n += (size_t)meta_topic_at(now, t)->n_partitions;
	all->v = arena_array(&req->arena, n, sizeof *all->v);
	for (int t = 0; all->v && t < meta_topics(now); t++) {
		const struct meta_topic *topic = meta_topic_at(now, t);
		struct slice name = slice_of(topic->name, topic->name_bytes);
		const char *copy = arena_strdup(&req->arena, name);
		if (!copy)
			return false;
		for (int i = 0; i < topic->n_partitions; i++)
			if (topic->partitions[i].known)
				all->v[all->n++] = (struct controller_asked){
					.topic = slice_of(copy, name.n), .partition = i };
	}
	return all->v != NULL;
}

static bool has_leader(void *arg, const struct metadata *m)
{
	const struct controller_asked *one = arg;
	const struct meta_partition *p = meta_partition(m, one->topic, one->partition);
	return p && p->leader == one->leader;
}

/* Who was elected is in this broker's metadata before the answer, or time is out. */
static void wait_elected(struct request *req, struct asked *all, int32_t timeout_ms)
{
	struct api *api = req->core->api;
	struct metastore *store = api->topics.metastore;
	int64_t until_ns = sys_mono_ns() + (int64_t)timeout_ms * 1000000;
	api->elections_awaited++;
	for (int32_t i = 0; i < all->n; i++) {
		int64_t left_ms = max_of((until_ns - sys_mono_ns()) / 1000000, (int64_t)0);
		if (!all->v[i].error && !metastore_wait(store, has_leader, &all->v[i], left_ms))
			all->v[i].error = KERR_REQUEST_TIMED_OUT;
	}
	api->elections_awaited--;
}

/* Of all partitions only those are told that were elected, or could not be. */
static bool fill_elected(struct request *req, const struct asked *all, bool every,
			 struct elect_leaders_response *out)
{
	struct elect_leaders_response_partition *row = arena_array(&req->arena, (size_t)all->n, sizeof *row);
	out->replica_election_results = arena_array(&req->arena, (size_t)all->n,
						    sizeof *out->replica_election_results);
	if (!row || !out->replica_election_results)
		return false;
	for (int32_t at = 0, n; at < all->n; at += n) {
		struct elect_leaders_response_topic t = { .topic = all->v[at].topic,
							  .partition_result = row };
		n = same_topic(all, at);
		for (int32_t i = at; i < at + n; i++) {
			const struct controller_asked *one = &all->v[i];
			if (every && one->error == KERR_ELECTION_NOT_NEEDED)
				continue;
			row[t.n_partition_result++] = (struct elect_leaders_response_partition){
				one->partition, (int16_t)one->error, slice_str(one->why) };
		}
		row += t.n_partition_result;
		if (t.n_partition_result > 0)
			out->replica_election_results[out->n_replica_election_results++] = t;
	}
	return true;
}

static enum kerr elect(struct request *req, const struct elect_leaders_request *msg, struct asked *all)
{
	if (msg->election_type != ELECTION_PREFERRED && msg->election_type != ELECTION_UNCLEAN)
		return KERR_UNKNOWN_SERVER_ERROR; /* as 3.9 */
	enum kerr error = controller_elect(req->core->api->controller,
					   msg->election_type == ELECTION_UNCLEAN, all->v, all->n);
	for (int32_t i = 0; error && i < all->n; i++)
		all->v[i].error = error;
	if (!error)
		wait_elected(req, all, msg->timeout_ms);
	return KERR_NONE;
}

void handle_elect_leaders(struct request *req)
{
	struct elect_leaders_request msg;
	struct elect_leaders_response out;
	struct asked all = { 0 };
	if (!request_decode_ok(req, elect_leaders_request_decode(&req->body, req->version, &msg)))
		return;
	elect_leaders_response_defaults(&out);
	bool every = msg.n_topic_partitions < 0;
	bool fine = every ? take_every(req, &all) : take_named(req, &msg, &all);
	if (fine) {
		sort(&all);
		out.error_code = (int16_t)elect(req, &msg, &all);
		for (int32_t i = 0; out.error_code && i < all.n; i++)
			all.v[i].error = (enum kerr)out.error_code;
		fine = fill_elected(req, &all, every, &out);
	}
	if (!fine) {
		request_refuse_large(req);
		return;
	}
	elect_leaders_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- AlterPartitionReassignments ---- */

static bool take_moves(struct request *req, const struct alter_partition_reassignments_request *msg,
		       struct asked *all)
{
	size_t n = 0;
	for (int32_t t = 0; t < msg->n_topics; t++)
		n += (size_t)msg->topics[t].n_partitions;
	all->v = arena_array(&req->arena, n, sizeof *all->v);
	for (int32_t t = 0; all->v && t < msg->n_topics; t++)
		for (int32_t i = 0; i < msg->topics[t].n_partitions; i++) {
			const struct alter_partition_reassignments_request_partition *p =
				&msg->topics[t].partitions[i];
			all->v[all->n++] = (struct controller_asked){
				.topic = msg->topics[t].name, .partition = p->partition_index,
				.target = p->replicas, .n_target = p->n_replicas };
		}
	return all->v != NULL;
}

static bool fill_moved(struct request *req, const struct asked *all,
		       struct alter_partition_reassignments_response *out)
{
	struct alter_partition_reassignments_response_partition *row =
		arena_array(&req->arena, (size_t)all->n, sizeof *row);
	out->responses = arena_array(&req->arena, (size_t)all->n, sizeof *out->responses);
	if (!row || !out->responses)
		return false;
	for (int32_t at = 0, n; at < all->n; at += n) {
		n = same_topic(all, at);
		out->responses[out->n_responses++] = (struct alter_partition_reassignments_response_topic){
			.name = all->v[at].topic, .partitions = row, .n_partitions = n };
		for (int32_t i = at; i < at + n; i++)
			*row++ = (struct alter_partition_reassignments_response_partition){
				all->v[i].partition, (int16_t)all->v[i].error, slice_str(all->v[i].why) };
	}
	return true;
}

void handle_alter_partition_reassignments(struct request *req)
{
	struct alter_partition_reassignments_request msg;
	struct alter_partition_reassignments_response out;
	struct asked all = { 0 };
	if (!request_decode_ok(req, alter_partition_reassignments_request_decode(&req->body, req->version,
										 &msg)))
		return;
	alter_partition_reassignments_response_defaults(&out);
	bool fine = take_moves(req, &msg, &all);
	if (fine) {
		sort(&all);
		out.error_code = (int16_t)controller_reassign(req->core->api->controller, all.v, all.n,
							      &req->arena);
		fine = out.error_code || fill_moved(req, &all, &out);
	}
	if (!fine) {
		request_refuse_large(req);
		return;
	}
	alter_partition_reassignments_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- ListPartitionReassignments ---- */

static bool take_listed(struct request *req, const struct list_partition_reassignments_request *msg,
			struct asked *all)
{
	size_t n = 0;
	for (int32_t t = 0; t < msg->n_topics; t++)
		n += (size_t)msg->topics[t].n_partition_indexes;
	all->v = arena_array(&req->arena, n, sizeof *all->v);
	for (int32_t t = 0; all->v && t < msg->n_topics; t++)
		for (int32_t i = 0; i < msg->topics[t].n_partition_indexes; i++)
			all->v[all->n++] = (struct controller_asked){
				.topic = msg->topics[t].name,
				.partition = msg->topics[t].partition_indexes[i] };
	return all->v != NULL;
}

static int compare_moving(const void *a, const void *b)
{
	const struct controller_move *x = a, *y = b;
	int order = slice_compare(slice_str(x->topic), slice_str(y->topic));
	return order ? order : order_of(x->partition, y->partition);
}

static bool fill_moving(struct request *req, struct controller_move *moves, int32_t n,
			struct list_partition_reassignments_response *out)
{
	struct list_partition_reassignments_response_partition *row =
		arena_array(&req->arena, (size_t)n, sizeof *row);
	out->topics = arena_array(&req->arena, (size_t)n, sizeof *out->topics);
	if (!row || !out->topics)
		return false;
	order_sort(moves, (size_t)n, sizeof *moves, compare_moving);
	for (int32_t i = 0; i < n; i++) {
		const struct controller_move *m = &moves[i];
		struct slice name = slice_str(m->topic);
		if (i == 0 || !slice_eq(out->topics[out->n_topics - 1].name, name))
			out->topics[out->n_topics++] = (struct list_partition_reassignments_response_topic){
				.name = name, .partitions = &row[i] };
		out->topics[out->n_topics - 1].n_partitions++;
		row[i] = (struct list_partition_reassignments_response_partition){
			.partition_index = m->partition, .replicas = m->replicas, .n_replicas = m->n_replicas,
			.adding_replicas = m->adding, .n_adding_replicas = m->n_adding,
			.removing_replicas = m->removing, .n_removing_replicas = m->n_removing };
	}
	return true;
}

void handle_list_partition_reassignments(struct request *req)
{
	struct list_partition_reassignments_request msg;
	struct list_partition_reassignments_response out;
	struct asked all = { 0 };
	struct controller_move *moves;
	int32_t n;
	if (!request_decode_ok(req, list_partition_reassignments_request_decode(&req->body, req->version,
										&msg)))
		return;
	list_partition_reassignments_response_defaults(&out);
	bool fine = msg.n_topics < 0 || take_listed(req, &msg, &all);
	if (fine) {
		sort(&all);
		out.error_code = (int16_t)controller_moves(req->core->api->controller, all.v, all.n,
							   &req->arena, &moves, &n);
		fine = out.error_code || fill_moving(req, moves, n, &out);
	}
	if (!fine) {
		request_refuse_large(req);
		return;
	}
	list_partition_reassignments_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
