/* log_dirs.c - the log directories of this broker: what is in them, and moves between them. Facts:
 * handleDescribeLogDirsRequest and handleAlterReplicaLogDirsRequest of KafkaApis. In a fiber of the control
 * reactor. */
#include "broker/api/handlers.h"

#include "broker/api/api.h"
#include "broker/base/order.h"
#include "broker/replica/manager.h"

#include "alter_replica_log_dirs.kmsg.h"
#include "describe_log_dirs.kmsg.h"

/* ---- DescribeLogDirs ---- */

/* A partition that is asked about. */
struct wanted {
	struct slice topic;
	int32_t partition;
};

struct wish {
	bool all;
	struct wanted *v; /* sorted */
	size_t n;
};

static int by_partition(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

static bool collect(struct arena *arena, const struct describe_log_dirs_request *msg, struct wish *out)
{
	size_t n = 0;
	*out = (struct wish){ .all = msg->n_topics < 0 };
	for (int32_t t = 0; t < msg->n_topics; t++)
		n += (size_t)msg->topics[t].n_partitions;
	out->v = arena_array(arena, n, sizeof *out->v);
	if (!out->v)
		return false;
	for (int32_t t = 0; t < msg->n_topics; t++)
		for (int32_t i = 0; i < msg->topics[t].n_partitions; i++)
			out->v[out->n++] = (struct wanted){ msg->topics[t].topic,
							    msg->topics[t].partitions[i] };
	order_sort(out->v, out->n, sizeof *out->v, by_partition);
	return true;
}

static bool is_wanted(const struct wish *wish, const struct manager_replica *r)
{
	struct wanted key = { slice_str(r->topic), r->partition };
	return wish->all || order_find(&key, wish->v, wish->n, sizeof *wish->v, by_partition);
}

/* The answer's arrays, as long as they can become. */
struct room {
	struct describe_log_dirs_response_topic *topics;
	struct describe_log_dirs_response_partition *partitions;
	int32_t n_topics, n_partitions;
};

static void fill_replica(struct describe_log_dirs_response_dir *dir, struct room *room,
			 const struct manager_replica *r)
{
	struct slice topic = slice_str(r->topic);
	if (dir->n_topics == 0)
		dir->topics = &room->topics[room->n_topics];
	if (dir->n_topics == 0 || !slice_eq(dir->topics[dir->n_topics - 1].name, topic)) {
		room->topics[room->n_topics++] = (struct describe_log_dirs_response_topic){
			.name = topic, .partitions = &room->partitions[room->n_partitions] };
		dir->n_topics++;
	}
	dir->topics[dir->n_topics - 1].n_partitions++;
	room->partitions[room->n_partitions++] = (struct describe_log_dirs_response_partition){
		.partition_index = r->partition, .partition_size = r->size, .offset_lag = r->lag,
		.is_future_key = r->future };
}

static void fill_dir(struct describe_log_dirs_response_dir *out, const struct manager_dir *d)
{
	describe_log_dirs_response_dir_defaults(out);
	out->log_dir = slice_str(d->name);
	out->error_code = d->offline ? KERR_KAFKA_STORAGE_ERROR : KERR_NONE;
	out->total_bytes = d->space.total;
	out->usable_bytes = d->space.usable;
}

static bool fill(struct arena *arena, const struct manager_dirs *dirs, const struct wish *wish,
		 struct describe_log_dirs_response *out)
{
	struct room room = { .topics = arena_array(arena, dirs->n, sizeof *room.topics),
			     .partitions = arena_array(arena, dirs->n, sizeof *room.partitions) };
	describe_log_dirs_response_defaults(out);
	out->results = arena_array(arena, (size_t)dirs->n_dirs, sizeof *out->results);
	if (!out->results || !room.topics || !room.partitions)
		return false;
	out->n_results = dirs->n_dirs;
	for (int i = 0; i < dirs->n_dirs; i++)
		fill_dir(&out->results[i], &dirs->dirs[i]);
	for (size_t i = 0; i < dirs->n; i++) {
		const struct manager_replica *r = &dirs->replicas[i];
		if (is_wanted(wish, r) && !dirs->dirs[r->dir].offline)
			fill_replica(&out->results[r->dir], &room, r);
	}
	return true;
}

void handle_describe_log_dirs(struct request *req)
{
	struct describe_log_dirs_request msg;
	struct describe_log_dirs_response out;
	struct manager_dirs dirs;
	struct wish wish;
	if (!request_decode_ok(req, describe_log_dirs_request_decode(&req->body, req->version, &msg)))
		return;
	if (!collect(&req->arena, &msg, &wish)) {
		request_refuse_large(req);
		return;
	}
	manager_describe_dirs(req->core->api->manager, &dirs);
	bool fits = fill(&req->arena, &dirs, &wish, &out);
	if (fits)
		describe_log_dirs_response_encode(response_begin(req), req->version, &out);
	manager_dirs_free(&dirs);
	if (fits)
		response_send(req);
	else
		request_refuse_large(req);
}

/* ---- AlterReplicaLogDirs ---- */

/* A replica that is to move. */
struct mover {
	struct slice topic;
	int32_t partition;
	int32_t order;     /* in the request */
	struct slice dir;
};

static int by_replica(const void *a, const void *b)
{
	const struct mover *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	if (!order)
		order = order_of(x->partition, y->partition);
	return order ? order : x->order - y->order;
}

/* Sorted; of a replica that is named more than once the last wish counts, as in 3.9. */
static size_t sort(struct mover *v, size_t n)
{
	size_t kept = 0;
	order_sort(v, n, sizeof *v, by_replica);
	for (size_t i = 0; i < n; i++) {
		bool again = i + 1 < n && v[i + 1].partition == v[i].partition &&
			slice_eq(v[i + 1].topic, v[i].topic);
		if (!again)
			v[kept++] = v[i];
	}
	return kept;
}

static struct mover *movers(struct arena *arena, const struct alter_replica_log_dirs_request *msg, size_t *n)
{
	*n = 0;
	for (int32_t d = 0; d < msg->n_dirs; d++)
		for (int32_t t = 0; t < msg->dirs[d].n_topics; t++)
			*n += (size_t)msg->dirs[d].topics[t].n_partitions;
	struct mover *v = arena_array(arena, *n, sizeof *v), *at = v;
	for (int32_t d = 0; v && d < msg->n_dirs; d++)
		for (int32_t t = 0; t < msg->dirs[d].n_topics; t++) {
			const struct alter_replica_log_dirs_request_topic *topic = &msg->dirs[d].topics[t];
			for (int32_t i = 0; i < topic->n_partitions; i++, at++)
				*at = (struct mover){ topic->name, topic->partitions[i], (int32_t)(at - v),
						      msg->dirs[d].path };
		}
	if (v)
		*n = sort(v, *n);
	return v;
}

static bool move_all(struct request *req, const struct mover *v, size_t n,
		     struct alter_replica_log_dirs_response *out)
{
	alter_replica_log_dirs_response_defaults(out);
	out->results = arena_array(&req->arena, n, sizeof *out->results);
	struct alter_replica_log_dirs_response_partition *all = arena_array(&req->arena, n, sizeof *all);
	if (!out->results || !all)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !slice_eq(v[i].topic, v[i - 1].topic))
			out->results[out->n_results++] = (struct alter_replica_log_dirs_response_result){
				v[i].topic, &all[i], 0 };
		out->results[out->n_results - 1].n_partitions++;
		all[i].partition_index = v[i].partition;
		all[i].error_code = (int16_t)manager_move(req->core->api->manager, v[i].topic,
							  v[i].partition, v[i].dir);
	}
	return true;
}

void handle_alter_replica_log_dirs(struct request *req)
{
	struct alter_replica_log_dirs_request msg;
	struct alter_replica_log_dirs_response out;
	size_t n;
	if (!request_decode_ok(req, alter_replica_log_dirs_request_decode(&req->body, req->version, &msg)))
		return;
	struct mover *v = movers(&req->arena, &msg, &n);
	if (!v || !move_all(req, v, n, &out)) {
		request_refuse_large(req);
		return;
	}
	alter_replica_log_dirs_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
