/* find_coordinator.c - FindCoordinator: the leader of the partition that a group's offsets are kept in.
 * Facts: KafkaApis.getCoordinator of 3.9. */
#include "broker/api/api.h"
#include "broker/api/auto_create.h"
#include "broker/api/handlers.h"

#include "broker/cluster/names.h"
#include "broker/group/coordinator.h"

#include "find_coordinator.kmsg.h"

enum {
	KEY_GROUP = 0,
	KEY_TRANSACTION = 1,
	KEY_SHARE = 2,
	VERSION_BATCHED = 4,
	VERSION_SHARE = 6,
};

static void find_group(struct request *req, struct slice key,
		       struct find_coordinator_response_coordinator *out)
{
	const struct metadata *now = metastore_now(req->core->api->topics.metastore);
	const struct meta_topic *t = meta_topic(now, SLICE_LIT(TOPIC_OFFSETS));
	out->error_code = KERR_COORDINATOR_NOT_AVAILABLE;
	if (!t)
		return;
	const struct meta_partition *p = &t->partitions[coordinator_partition_of(key, t->n_partitions)];
	const struct meta_broker *b = p->known ? meta_broker(now, p->leader) : NULL;
	const struct meta_endpoint *at = b ? meta_endpoint(b, request_listener(req)) : NULL;
	if (!at)
		return;
	out->error_code = KERR_NONE;
	out->node_id = b->id;
	/* The snapshot stays: nothing is waited for until the answer is made. */
	out->host = slice_str(at->host);
	out->port = at->port;
}

/* Once for all keys of a request: a client may send a million, and the topic may not be to be had. */
static void make_topic(struct request *req)
{
	struct api *api = req->core->api;
	struct slice topic = SLICE_LIT(TOPIC_OFFSETS);
	if (!meta_topic(metastore_now(api->topics.metastore), topic))
		auto_create(api, topic, &req->arena);
}

static void find_one(struct request *req, int8_t type, struct slice key,
		     struct find_coordinator_response_coordinator *out)
{
	out->key = key;
	out->node_id = -1;
	out->host = slice_of("", 0);
	out->port = -1;
	if (type == KEY_GROUP) {
		find_group(req, key, out);
	} else if (type == KEY_TRANSACTION) {
		/* An error that no client takes for a passing one. */
		out->error_code = KERR_UNSUPPORTED_VERSION;
		out->error_message = SLICE_LIT("Transactions are not served by this broker.");
	} else if (type == KEY_SHARE) {
		bool known = req->version >= VERSION_SHARE;
		out->error_code = known ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_INVALID_REQUEST;
		out->error_message = SLICE_LIT("Share groups are not served by this broker.");
	} else {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE_LIT("The type of the coordinator's key is not known.");
	}
}

void handle_find_coordinator(struct request *req)
{
	struct find_coordinator_request msg;
	struct find_coordinator_response out;
	if (!request_decode_ok(req, find_coordinator_request_decode(&req->body, req->version, &msg)))
		return;
	find_coordinator_response_defaults(&out);
	bool batched = req->version >= VERSION_BATCHED;
	int32_t n = batched ? msg.n_coordinator_keys : 1;
	struct find_coordinator_response_coordinator *all = arena_array(&req->arena, (size_t)n, sizeof *all);
	if (!all) {
		request_refuse_large(req);
		return;
	}
	if (msg.key_type == KEY_GROUP && n > 0)
		make_topic(req);
	if (arena_overflowed(&req->arena)) {
		request_refuse_large(req);
		return;
	}
	for (int32_t i = 0; i < n; i++)
		find_one(req, msg.key_type, batched ? msg.coordinator_keys[i] : msg.key, &all[i]);
	if (batched) {
		out.coordinators = all;
		out.n_coordinators = n;
	} else {
		out.error_code = all[0].error_code;
		out.error_message = all[0].error_message;
		out.node_id = all[0].node_id;
		out.host = all[0].host;
		out.port = all[0].port;
	}
	find_coordinator_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
