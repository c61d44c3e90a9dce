/* metadata.c - Metadata and DescribeCluster, answered from the snapshot that this core holds.
 * Facts: KafkaApis.handleTopicMetadataRequest and ZkMetadataCache of 3.9. */
#include "broker/api/api.h"
#include "broker/api/auto_create.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"
#include "broker/cluster/names.h"

#include "describe_cluster.kmsg.h"
#include "metadata.kmsg.h"

enum {
	VERSION_NULL_IS_ALL = 1,
	VERSION_AUTO_CREATION = 4, /* before it creation is always wanted */
	VERSION_LISTENER_ERROR = 6,
	VERSION_TOPIC_ID = 10,
	VERSION_BY_ID = 12,
	/* Bits of the operations that a resource knows (AclEntry.supportedOperations), all allowed without an
	 * authorizer. */
	CLUSTER_OPERATIONS = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12,
	TOPIC_OPERATIONS = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11,
	ENDPOINT_BROKERS = 1,
};

struct metadata_state {
	struct metadata_request msg;
	bool by_id;         /* some topic has an id: then names count for nothing */
	enum kerr *created; /* beside msg.topics: what became of the creation of a topic that was not there */
};

/* ---- brokers ---- */

static bool is_alive(const struct metadata *meta, int32_t id)
{
	return meta_broker(meta, id) != NULL;
}

static const struct meta_endpoint *endpoint_of(const struct request *req, int32_t broker)
{
	const struct meta_broker *b = meta_broker(req->core->meta, broker);
	return b ? meta_endpoint(b, request_listener(req)) : NULL;
}

static bool fill_brokers(struct request *req, struct metadata_response *out)
{
	const struct metadata *meta = req->core->meta;
	out->brokers = arena_array(&req->arena, (size_t)meta_brokers(meta), sizeof *out->brokers);
	for (int i = 0; out->brokers && i < meta_brokers(meta); i++) {
		const struct meta_broker *b = meta_broker_at(meta, i);
		const struct meta_endpoint *at = meta_endpoint(b, request_listener(req));
		if (at)
			out->brokers[out->n_brokers++] = (struct metadata_response_broker){
				b->id, slice_str(at->host), at->port, slice_str(b->rack) };
	}
	return out->brokers != NULL;
}

/* ---- partitions ---- */

/* Ids of `from` that are alive, or that are not. */
static int32_t *filter_ids(struct request *req, struct meta_ids from, bool alive, int32_t *ret_n)
{
	int32_t *ids = arena_array(&req->arena, (size_t)from.n, sizeof *ids);
	*ret_n = 0;
	for (int i = 0; ids && i < from.n; i++)
		if (is_alive(req->core->meta, from.ids[i]) == alive)
			ids[(*ret_n)++] = from.ids[i];
	return ids;
}

static enum kerr partition_error(const struct request *req, const struct meta_partition *p)
{
	if (endpoint_of(req, p->leader))
		return KERR_NONE;
	if (is_alive(req->core->meta, p->leader) && req->version >= VERSION_LISTENER_ERROR)
		return KERR_LISTENER_NOT_FOUND;
	return KERR_LEADER_NOT_AVAILABLE;
}

static void fill_partition(struct request *req, const struct meta_partition *p, int32_t index,
			   struct metadata_response_partition *out)
{
	*out = (struct metadata_response_partition){
		.error_code = (int16_t)partition_error(req, p),
		.partition_index = index,
		.leader_id = p->leader,
		.leader_epoch = p->leader_epoch,
		.replica_nodes = p->replicas.ids,
		.n_replica_nodes = p->replicas.n,
		.isr_nodes = p->isr.ids,
		.n_isr_nodes = p->isr.n,
	};
	if (out->error_code && !is_alive(req->core->meta, p->leader))
		out->leader_id = -1;
	if (req->version > 0) {
		out->offline_replicas = filter_ids(req, p->replicas, false, &out->n_offline_replicas);
		return;
	}
	/* v0 knows only replicas that can be reached, and says so where some cannot. */
	out->replica_nodes = filter_ids(req, p->replicas, true, &out->n_replica_nodes);
	out->isr_nodes = filter_ids(req, p->isr, true, &out->n_isr_nodes);
	if (!out->error_code && (out->n_replica_nodes < p->replicas.n || out->n_isr_nodes < p->isr.n))
		out->error_code = KERR_REPLICA_NOT_AVAILABLE;
}

/* ---- topics ---- */

static void fill_topic(struct request *req, const struct meta_topic *t, struct metadata_response_topic *out)
{
	const struct metadata_state *s = req->state;
	metadata_response_topic_defaults(out);
	out->name = slice_of(t->name, t->name_bytes);
	out->topic_id = t->id;
	out->is_internal = name_is_internal(out->name);
	if (s->msg.include_topic_authorized_operations)
		out->topic_authorized_operations = TOPIC_OPERATIONS;
	out->partitions = arena_array(&req->arena, (size_t)t->n_partitions, sizeof *out->partitions);
	for (int32_t i = 0; out->partitions && i < t->n_partitions; i++)
		if (t->partitions[i].known)
			fill_partition(req, &t->partitions[i], i, &out->partitions[out->n_partitions++]);
}

static bool asks_by_id(const struct metadata_request_topic *asked)
{
	return !uuid_is_zero(&asked->topic_id) || slice_is_null(asked->name);
}

static void fill_unknown(struct request *req, const struct metadata_request_topic *asked, enum kerr error,
			 struct metadata_response_topic *out)
{
	metadata_response_topic_defaults(out);
	out->error_code = (int16_t)error;
	out->name = asked->name;
	out->topic_id = asked->topic_id;
	if (req->version < VERSION_BY_ID && slice_is_null(out->name))
		out->name = slice_of("", 0);
	out->is_internal = !slice_is_null(asked->name) && name_is_internal(asked->name);
	if (asks_by_id(asked))
		return;
	const struct metadata_state *s = req->state;
	if (s->msg.include_topic_authorized_operations)
		out->topic_authorized_operations = TOPIC_OPERATIONS;
}

static bool wants_all(const struct request *req, const struct metadata_request *msg)
{
	return req->version >= VERSION_NULL_IS_ALL ? msg->n_topics < 0 : msg->n_topics == 0;
}

static void fill_by_id(struct request *req, const struct metadata_request_topic *asked,
		       struct metadata_response_topic *out)
{
	const struct meta_topic *t = meta_topic_by_id(req->core->meta, &asked->topic_id);
	if (t) {
		fill_topic(req, t, out);
		return;
	}
	fill_unknown(req, asked, KERR_UNKNOWN_TOPIC_ID, out);
	out->name = SLICE_NULL;
}

static void fill_by_name(struct request *req, int32_t i, struct metadata_response_topic *out)
{
	const struct metadata_state *s = req->state;
	const struct metadata_request_topic *asked = &s->msg.topics[i];
	const struct meta_topic *t = meta_topic(req->core->meta, asked->name);
	if (t)
		fill_topic(req, t, out);
	else
		fill_unknown(req, asked, s->created[i], out);
}

/* One answer for each topic asked for: by_id says whether names or ids are looked at. */
static void fill_asked(struct request *req, struct metadata_response *out)
{
	const struct metadata_state *s = req->state;
	for (int32_t i = 0; i < s->msg.n_topics; i++) {
		if (!s->by_id)
			fill_by_name(req, i, &out->topics[out->n_topics++]);
		else if (asks_by_id(&s->msg.topics[i]))
			fill_by_id(req, &s->msg.topics[i], &out->topics[out->n_topics++]);
	}
}

static bool fill_topics(struct request *req, struct metadata_response *out)
{
	const struct metadata_state *s = req->state;
	const struct metadata *meta = req->core->meta;
	bool all = wants_all(req, &s->msg);
	int32_t n = all ? meta_topics(meta) : s->msg.n_topics;
	out->topics = arena_array(&req->arena, (size_t)n, sizeof *out->topics);
	if (!out->topics)
		return false;
	if (!all)
		fill_asked(req, out);
	for (int32_t i = 0; all && i < n; i++)
		fill_topic(req, meta_topic_at(meta, i), &out->topics[out->n_topics++]);
	return true;
}

static void respond(struct request *req)
{
	struct metadata_state *s = req->state;
	struct metadata_response out;
	metadata_response_defaults(&out);
	bool fits = fill_brokers(req, &out) && fill_topics(req, &out);
	if (!fits || arena_overflowed(&req->arena)) {
		request_refuse_large(req);
		return;
	}
	out.cluster_id = slice_str(req->core->api->cluster_id);
	out.controller_id = meta_controller(req->core->meta);
	if (s->msg.include_cluster_authorized_operations)
		out.cluster_authorized_operations = CLUSTER_OPERATIONS;
	metadata_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- the request ---- */

/* On the control reactor, in a fiber. */
static void create_missing(struct request *req)
{
	struct metadata_state *s = req->state;
	for (int32_t i = 0; i < s->msg.n_topics; i++)
		if (s->created[i] == KERR_LEADER_NOT_AVAILABLE)
			s->created[i] = auto_create(req->core->api, s->msg.topics[i].name, &req->arena);
	request_to_core(req, respond);
}

/* What is asked for and is not there: UNKNOWN_TOPIC_OR_PARTITION, or LEADER_NOT_AVAILABLE where it is to be
 * made. */
static bool find_missing(struct request *req, bool may_create)
{
	struct metadata_state *s = req->state;
	bool missing = false;
	for (int32_t i = 0; i < s->msg.n_topics; i++) {
		const struct metadata_request_topic *asked = &s->msg.topics[i];
		if (s->by_id || meta_topic(req->core->meta, asked->name))
			continue;
		s->created[i] = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		if (name_problem(asked->name))
			s->created[i] = KERR_INVALID_TOPIC_EXCEPTION;
		else if (may_create)
			s->created[i] = KERR_LEADER_NOT_AVAILABLE, missing = true;
	}
	return missing;
}

/* Ids came with v10, asking by them with v12. */
static bool is_valid(const struct request *req, const struct metadata_request *msg)
{
	for (int32_t i = 0; i < msg->n_topics; i++)
		if (req->version < VERSION_BY_ID && asks_by_id(&msg->topics[i]))
			return false;
	return true;
}

/* A topic without name and id is asked for by its id, which nobody has. */
static bool is_by_id(const struct metadata_request *msg)
{
	for (int32_t i = 0; i < msg->n_topics; i++)
		if (asks_by_id(&msg->topics[i]))
			return true;
	return false;
}

static void refuse_ids(struct request *req)
{
	const struct metadata_state *s = req->state;
	struct metadata_response out;
	metadata_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)s->msg.n_topics, sizeof *out.topics);
	for (int32_t i = 0; out.topics && i < s->msg.n_topics; i++)
		fill_unknown(req, &s->msg.topics[i], KERR_INVALID_REQUEST, &out.topics[out.n_topics++]);
	metadata_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

void handle_metadata(struct request *req)
{
	struct metadata_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, metadata_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!is_valid(req, &s->msg)) {
		refuse_ids(req);
		return;
	}
	s->by_id = is_by_id(&s->msg);
	s->created = arena_array(&req->arena, (size_t)max_of(s->msg.n_topics, 0), sizeof *s->created);
	if (!s->created) {
		request_refuse_large(req);
		return;
	}
	bool may_create = req->core->api->config->auto_create_topics_enable &&
			  (req->version < VERSION_AUTO_CREATION || s->msg.allow_auto_topic_creation);
	if (find_missing(req, may_create))
		request_to_control(req, create_missing);
	else
		respond(req);
}

/* ---- DescribeCluster ---- */

void handle_describe_cluster(struct request *req)
{
	struct describe_cluster_request msg;
	struct describe_cluster_response out;
	const struct metadata *meta = req->core->meta;
	if (!request_decode_ok(req, describe_cluster_request_decode(&req->body, req->version, &msg)))
		return;
	describe_cluster_response_defaults(&out);
	out.brokers = arena_array(&req->arena, (size_t)meta_brokers(meta), sizeof *out.brokers);
	out.cluster_id = slice_str(req->core->api->cluster_id);
	if (req->version > 0 && msg.endpoint_type != ENDPOINT_BROKERS) {
		out.error_code = msg.endpoint_type == 2 ? KERR_MISMATCHED_ENDPOINT_TYPE
			: KERR_UNSUPPORTED_ENDPOINT_TYPE;
		out.error_message = SLICE_LIT("The request was sent to an endpoint of the wrong type.");
		out.cluster_id = slice_of("", 0);
	}
	for (int i = 0; !out.error_code && out.brokers && i < meta_brokers(meta); i++) {
		const struct meta_broker *b = meta_broker_at(meta, i);
		const struct meta_endpoint *at = meta_endpoint(b, request_listener(req));
		if (at)
			out.brokers[out.n_brokers++] = (struct describe_cluster_response_broker){
				b->id, slice_str(at->host), at->port, slice_str(b->rack) };
	}
	if (!out.error_code) {
		out.controller_id = meta_controller(meta);
		if (msg.include_cluster_authorized_operations)
			out.cluster_authorized_operations = CLUSTER_OPERATIONS;
	}
	describe_cluster_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
