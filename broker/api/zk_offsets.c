/* zk_offsets.c - see zk_offsets.h. */
#include "broker/api/zk_offsets.h"

#include "broker/api/offsets.h"
#include "broker/group/commit.h"
#include "zkutil/znode.h"

#include "offset_fetch.kmsg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { OFFSET_TEXT_BYTES = 24 };

/* ---- OffsetCommit ---- */

/* Sets the node, and makes it where it is missing. What ZooKeeper refuses is no error of Kafka's. */
static enum kerr set_offset(struct zkc *zkc, const char *path, int64_t offset)
{
	struct zk_req req;
	char text[OFFSET_TEXT_BYTES];
	int n = snprintf(text, sizeof text, "%lld", (long long)offset);
	struct slice data = slice_of(text, (size_t)n);
	zk_req_write(&req, zk_op_set(path, data, ZK_ANY_VERSION));
	enum zk_err err = zkc_call(zkc, &req);
	zk_req_fini(&req);
	if (err == ZK_NONODE)
		err = zkc_create(zkc, path, data);
	return err == ZK_OK ? KERR_NONE : KERR_UNKNOWN_SERVER_ERROR;
}

static enum kerr commit(struct request *req, struct slice group, const struct named_partition *p)
{
	const struct api *api = req->core->api;
	if (!commit_metadata_fits(p->from->committed_metadata, api->config->offset_metadata_max_bytes))
		return KERR_OFFSET_METADATA_TOO_LARGE;
	const char *path = znode_consumer_offset_path(&req->arena, group, p->topic, p->partition);
	if (!path)
		return KERR_UNKNOWN_SERVER_ERROR;
	return set_offset(api->topics.zkc, path, p->from->committed_offset);
}

void zk_offsets_commit(struct request *req)
{
	struct offset_commit_state *s = req->state;
	for (int32_t i = 0; i < s->n; i++)
		if (!s->parts[i].error && !s->parts[i].is_replaced)
			s->parts[i].error = commit(req, s->msg.group_id, &s->parts[i]);
	offset_commit_respond(req);
}

/* ---- OffsetFetch ---- */

struct fetch_state {
	struct offset_fetch_request msg;
	struct offset_fetch_response out;
};

static bool parse_offset(struct slice data, int64_t *ret_offset)
{
	char text[OFFSET_TEXT_BYTES], *end;
	if (data.n == 0 || data.n >= sizeof text)
		return false;
	memcpy(text, data.p, data.n);
	text[data.n] = 0;
	errno = 0;
	*ret_offset = strtoll(text, &end, 10);
	return errno == 0 && end == text + data.n;
}

/* A node that is missing is told like a partition that is. */
static enum kerr get_offset(struct request *req, struct slice topic, int32_t partition, int64_t *ret_offset)
{
	const struct fetch_state *s = req->state;
	struct zk_req get;
	const char *path = znode_consumer_offset_path(&req->arena, s->msg.group_id, topic, partition);
	if (!path)
		return KERR_UNKNOWN_SERVER_ERROR;
	zk_req_get(&get, path, false);
	enum zk_err err = zkc_call(req->core->api->topics.zkc, &get);
	enum kerr error = KERR_NONE;
	if (err == ZK_NONODE || (err == ZK_OK && slice_is_null(get.data)))
		error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	else if (err != ZK_OK || !parse_offset(get.data, ret_offset))
		error = KERR_UNKNOWN_SERVER_ERROR;
	zk_req_fini(&get);
	return error;
}

static void fetch_partition(struct request *req, struct slice topic,
			    struct offset_fetch_response_partition *p)
{
	int64_t offset = -1;
	if (!p->error_code)
		p->error_code = (int16_t)get_offset(req, topic, p->partition_index, &offset);
	p->committed_offset = p->error_code ? -1 : offset;
}

static void fetch(struct request *req)
{
	struct fetch_state *s = req->state;
	for (int32_t t = 0; t < s->out.n_topics; t++)
		for (int32_t i = 0; i < s->out.topics[t].n_partitions; i++)
			fetch_partition(req, s->out.topics[t].name, &s->out.topics[t].partitions[i]);
	offset_fetch_response_encode(response_begin(req), req->version, &s->out);
	response_send(req);
}

static bool name_partitions(struct request *req, struct fetch_state *s)
{
	offset_fetch_response_defaults(&s->out);
	s->out.topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *s->out.topics);
	for (int32_t t = 0; s->out.topics && t < s->msg.n_topics; t++) {
		const struct offset_fetch_request_topic *from = &s->msg.topics[t];
		struct offset_fetch_response_topic *to = &s->out.topics[s->out.n_topics++];
		to->name = from->name;
		to->partitions = arena_array(&req->arena, (size_t)from->n_partition_indexes,
					     sizeof *to->partitions);
		if (!to->partitions)
			return false;
		for (int32_t i = 0; i < from->n_partition_indexes; i++) {
			int32_t index = from->partition_indexes[i];
			struct offset_fetch_response_partition *p = &to->partitions[to->n_partitions++];
			offset_fetch_response_partition_defaults(p);
			p->partition_index = index;
			p->metadata = SLICE_LIT("");
			if (!meta_partition(req->core->meta, from->name, index))
				p->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		}
	}
	return s->out.topics != NULL;
}

void zk_offsets_fetch(struct request *req)
{
	struct fetch_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, offset_fetch_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (name_partitions(req, s))
		request_to_control(req, fetch);
	else
		request_refuse_large(req);
}
