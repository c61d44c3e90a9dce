/* log_dirs.c - the log directories of this broker. Facts: handleDescribeLogDirsRequest of KafkaApis. */
#include "broker/api/handlers.h"

#include "broker/api/api.h"
#include "broker/base/must.h"
#include "broker/replica/manager.h"

#include "describe_log_dirs.kmsg.h"

#include <stdlib.h>

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
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
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
	qsort(out->v, out->n, sizeof *out->v, by_partition);
	return true;
}

static bool is_wanted(const struct wish *wish, const struct manager_replica *r)
{
	struct wanted key = { slice_str(r->topic), r->partition };
	return wish->all || bsearch(&key, wish->v, wish->n, sizeof *wish->v, by_partition);
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
		request_refuse(req, "the request needs more than REQUEST_ARENA_BYTES");
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
		request_refuse(req, "the answer needs more than REQUEST_ARENA_BYTES");
}
