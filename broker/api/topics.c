/* topics.c - CreateTopics, DeleteTopics, CreatePartitions: served by the active controller, in a fiber of the
 * control reactor. Facts: KafkaApis.handleCreateTopicsRequest and its neighbours of 3.9. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/cluster/names.h"
#include "broker/config/describe.h"

#include "create_partitions.kmsg.h"
#include "create_topics.kmsg.h"
#include "delete_topics.kmsg.h"

enum {
	CREATE_VERSION_TELLS_CONFIG = 5,
	DELETE_VERSION_DISABLED = 3, /* TOPIC_DELETION_DISABLED; INVALID_REQUEST before it */
	DELETE_VERSION_BY_ID = 6,
	TOPICS_AT_ONCE = 32, /* of one request; ZooKeeper writes down together what comes together */
};

static struct slice words(const char *why)
{
	return why ? slice_str(why) : SLICE_NULL;
}

/* ---- names that come twice in a request ---- */

struct named {
	struct slice name;
	int32_t at;     /* in the request */
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	return slice_compare(x->name, y->name);
}

/* Names that collide stand together, in the order of the request. */
static int compare_collision(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = name_compare_collision(x->name, y->name);
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* For each name of the request whether it is there twice; the names are sorted here. NULL: no memory. */
static bool *find_twice(struct arena *arena, struct named *names, int32_t n)
{
	bool *twice = names ? arena_array(arena, (size_t)n, sizeof *twice) : NULL;
	if (!twice)
		return NULL;
	order_sort(names, (size_t)n, sizeof *names, compare_named);
	for (int32_t i = 0; i < n; i++)
		twice[names[i].at] = (i > 0 && slice_eq(names[i - 1].name, names[i].name)) ||
				     (i + 1 < n && slice_eq(names[i].name, names[i + 1].name));
	return twice;
}

/* The same, but whether one before it in the request has a name that it collides with. */
static bool *find_late(struct arena *arena, struct named *names, int32_t n)
{
	bool *late = names ? arena_array(arena, (size_t)n, sizeof *late) : NULL;
	if (!late)
		return NULL;
	order_sort(names, (size_t)n, sizeof *names, compare_collision);
	for (int32_t i = 0; i < n; i++)
		late[names[i].at] = i > 0 && name_collides(names[i - 1].name, names[i].name);
	return late;
}

/* ---- CreateTopics ---- */

static bool take_spec(struct request *req, const struct create_topics_request_topic *from,
		      struct topic_spec *spec)
{
	struct arena *a = &req->arena;
	struct topic_assignment *assignments = arena_array(a, (size_t)from->n_assignments,
							   sizeof *assignments);
	struct config_setting *settings = arena_array(a, (size_t)from->n_configs, sizeof *settings);
	if (!assignments || !settings)
		return false;
	for (int32_t i = 0; i < from->n_assignments; i++)
		assignments[i] = (struct topic_assignment){ from->assignments[i].partition_index,
							    from->assignments[i].broker_ids,
							    from->assignments[i].n_broker_ids };
	for (int32_t i = 0; i < from->n_configs; i++)
		settings[i] = (struct config_setting){ arena_strdup(a, from->configs[i].name),
						      arena_strdup(a, from->configs[i].value) };
	*spec = (struct topic_spec){ from->name, from->num_partitions, from->replication_factor, assignments,
				     from->n_assignments, settings, (size_t)from->n_configs };
	return !arena_overflowed(a);
}

/* v5 tells what the topic's settings are now, borrowed from what is in force: encoded in the same turn. */
static void tell_settings(struct request *req, const struct topic_spec *spec,
			  struct create_topics_response_topic *out)
{
	struct describe_result all;
	struct describe_wanted wanted = { 0 };
	if (req->version < CREATE_VERSION_TELLS_CONFIG ||
	    describe_topic(&req->arena, dynamic_state(req->core->api->dynamic), spec->settings,
			   spec->n_settings, &wanted, &all) != 0)
		return;
	out->configs = arena_array(&req->arena, all.n, sizeof *out->configs);
	for (uint32_t i = 0; out->configs && i < all.n; i++)
		out->configs[i] = (struct create_topics_response_config){
			slice_str(all.v[i].name), slice_str(all.v[i].value), all.v[i].read_only,
			(int8_t)all.v[i].source, all.v[i].sensitive };
	out->n_configs = out->configs ? (int32_t)all.n : 0;
}

struct creating {
	struct request *req;
	const struct create_topics_request *msg;
	struct create_topics_response *out;
	struct topic_spec *specs;        /* for each topic of the request, so are these */
	const bool *twice, *late;
};

static void create_one(struct creating *c, int32_t i)
{
	struct request *req = c->req;
	struct create_topics_response_topic *out = &c->out->topics[i];
	struct topic_made made;
	const char *why = NULL;
	enum kerr error = KERR_UNKNOWN_SERVER_ERROR;
	if (slice_is(c->msg->topics[i].name, TOPIC_METADATA_LOG)) {
		error = KERR_INVALID_REQUEST;
		why = "The name is reserved for brokers without ZooKeeper.";
	} else if (c->twice[i]) {
		error = KERR_INVALID_REQUEST;
		why = "The request names this topic more than once.";
	} else if (take_spec(req, &c->msg->topics[i], &c->specs[i])) {
		error = topics_create(&req->core->api->topics, &c->specs[i], c->msg->validate_only,
				      &req->arena, &made, &why);
	}
	out->error_code = (int16_t)error;
	out->error_message = words(why);
	if (!error) {
		out->num_partitions = made.partitions;
		out->replication_factor = made.replication_factor;
		out->topic_id = made.id;
	}
}

static void create_unless_late(void *arg, int32_t i)
{
	struct creating *c = arg;
	if (!c->late[i])
		create_one(c, i);
}

/* Who is late finds in ZooKeeper what its name collides with. */
static void create_all(struct creating *c)
{
	fiber_each(c->req->core->api->topics.control, c->msg->n_topics, TOPICS_AT_ONCE, create_unless_late,
		   c);
	for (int32_t i = 0; i < c->msg->n_topics; i++)
		if (c->late[i])
			create_one(c, i);
}

/* Topics that were made have their leaders in this broker's metadata before the answer, or time out. */
static void wait_created(struct request *req, const struct create_topics_request *msg,
			 struct create_topics_response *out)
{
	struct api *api = req->core->api;
	int64_t until_ns = sys_mono_ns() + (int64_t)msg->timeout_ms * 1000000;
	api->topics_awaited++;
	for (int32_t i = 0; i < out->n_topics; i++) {
		struct create_topics_response_topic *t = &out->topics[i];
		int64_t left_ms = max_of((until_ns - sys_mono_ns()) / 1000000, (int64_t)0);
		if (t->error_code || topics_wait_leaders(&api->topics, t->name, t->num_partitions, left_ms))
			continue;
		t->error_code = KERR_REQUEST_TIMED_OUT;
		t->num_partitions = -1;
		t->replication_factor = -1;
	}
	api->topics_awaited--;
}

void handle_create_topics(struct request *req)
{
	struct create_topics_request msg;
	struct create_topics_response out;
	if (!request_decode_ok(req, create_topics_request_decode(&req->body, req->version, &msg)))
		return;
	create_topics_response_defaults(&out);
	out.topics = arena_array(&req->arena, (size_t)msg.n_topics, sizeof *out.topics);
	struct named *names = arena_array(&req->arena, (size_t)msg.n_topics, sizeof *names);
	for (int32_t i = 0; names && i < msg.n_topics; i++)
		names[i] = (struct named){ msg.topics[i].name, i };
	bool *twice = find_twice(&req->arena, names, msg.n_topics);
	bool *late = find_late(&req->arena, names, msg.n_topics);
	struct topic_spec *specs = arena_array(&req->arena, (size_t)msg.n_topics, sizeof *specs);
	if (!out.topics || !twice || !late || !specs) {
		request_refuse_large(req);
		return;
	}
	bool active = controller_is_active(req->core->api->controller);
	for (int32_t i = 0; i < msg.n_topics; i++) {
		struct create_topics_response_topic *t = &out.topics[out.n_topics++];
		create_topics_response_topic_defaults(t);
		t->name = msg.topics[i].name;
		t->error_code = KERR_NOT_CONTROLLER;
	}
	if (active)
		create_all(&(struct creating){ req, &msg, &out, specs, twice, late });
	if (active && !msg.validate_only)
		wait_created(req, &msg, &out);
	for (int32_t i = 0; i < msg.n_topics; i++)
		if (!out.topics[i].error_code)
			tell_settings(req, &specs[i], &out.topics[i]);
	create_topics_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- DeleteTopics ---- */

/* The topic that is meant: by name, or by an id whose name is then told, too. */
static enum kerr find_doomed(struct request *req, struct delete_topics_response_topic *t)
{
	struct api *api = req->core->api;
	const struct metadata *now = metastore_now(api->topics.metastore);
	if (!controller_is_active(api->controller))
		return KERR_NOT_CONTROLLER;
	if (!api->config->delete_topic_enable)
		return req->version < DELETE_VERSION_DISABLED ? KERR_INVALID_REQUEST
			: KERR_TOPIC_DELETION_DISABLED;
	if (!slice_is_null(t->name))
		return meta_topic(now, t->name) ? KERR_NONE : KERR_UNKNOWN_TOPIC_OR_PARTITION;
	const struct meta_topic *known = meta_topic_by_id(now, &t->topic_id);
	if (!known)
		return KERR_UNKNOWN_TOPIC_ID;
	struct slice name = slice_of(known->name, known->name_bytes);
	t->name = slice_of(arena_strdup(&req->arena, name), name.n);
	return t->name.p ? KERR_NONE : KERR_UNKNOWN_SERVER_ERROR;
}

/* A topic with a name and an id ends the whole request. */
static bool is_named_twice(const struct delete_topics_request *msg)
{
	for (int32_t i = 0; i < msg->n_topics; i++)
		if (!slice_is_null(msg->topics[i].name) && !uuid_is_zero(&msg->topics[i].topic_id))
			return true;
	return false;
}

struct deleting {
	struct request *req;
	struct delete_topics_response *out;
};

static void delete_one(void *arg, int32_t i)
{
	const struct deleting *d = arg;
	struct delete_topics_response_topic *t = &d->out->responses[i];
	if (!t->error_code)
		t->error_code = (int16_t)topics_delete(&d->req->core->api->topics, t->name);
}

/* All topics are found before the first goes. */
static void delete_all(struct request *req, const struct delete_topics_request *msg,
		       struct delete_topics_response *out)
{
	bool by_id = req->version >= DELETE_VERSION_BY_ID;
	bool refused = by_id && is_named_twice(msg);
	for (int32_t i = 0; i < out->n_responses; i++) {
		struct delete_topics_response_topic *t = &out->responses[i];
		delete_topics_response_topic_defaults(t);
		t->name = by_id ? msg->topics[i].name : msg->topic_names[i];
		if (by_id)
			t->topic_id = msg->topics[i].topic_id;
		t->error_code = (int16_t)(refused ? KERR_INVALID_REQUEST : find_doomed(req, t));
		if (refused)
			t->error_message = SLICE_LIT("A topic of the request has both a name and an id.");
	}
	fiber_each(req->core->api->topics.control, out->n_responses, TOPICS_AT_ONCE, delete_one,
		   &(struct deleting){ req, out });
}

static void wait_deleted(struct request *req, int32_t timeout_ms, struct delete_topics_response *out)
{
	struct api *api = req->core->api;
	int64_t until_ns = sys_mono_ns() + (int64_t)timeout_ms * 1000000;
	api->topics_awaited++;
	for (int32_t i = 0; i < out->n_responses; i++) {
		struct delete_topics_response_topic *t = &out->responses[i];
		int64_t left_ms = max_of((until_ns - sys_mono_ns()) / 1000000, (int64_t)0);
		if (!t->error_code && !topics_wait_gone(&api->topics, t->name, left_ms))
			t->error_code = KERR_REQUEST_TIMED_OUT;
	}
	api->topics_awaited--;
}

void handle_delete_topics(struct request *req)
{
	struct delete_topics_request msg;
	struct delete_topics_response out;
	if (!request_decode_ok(req, delete_topics_request_decode(&req->body, req->version, &msg)))
		return;
	bool by_id = req->version >= DELETE_VERSION_BY_ID;
	int32_t n = by_id ? msg.n_topics : msg.n_topic_names;
	delete_topics_response_defaults(&out);
	out.responses = arena_array(&req->arena, (size_t)n, sizeof *out.responses);
	if (!out.responses) {
		request_refuse_large(req);
		return;
	}
	out.n_responses = n;
	delete_all(req, &msg, &out);
	wait_deleted(req, msg.timeout_ms, &out);
	delete_topics_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* ---- CreatePartitions ---- */

static enum kerr grow_one(struct request *req, const struct create_partitions_request *msg, int32_t i,
			  bool twice, const char **why)
{
	const struct create_partitions_request_topic *t = &msg->topics[i];
	struct topic_assignment *assignments = NULL;
	if (!controller_is_active(req->core->api->controller))
		return KERR_NOT_CONTROLLER;
	if (twice) {
		*why = "Duplicate topic in request.";
		return KERR_INVALID_REQUEST;
	}
	if (t->n_assignments >= 0) {
		const struct meta_topic *known = meta_topic(metastore_now(req->core->api->topics.metastore),
							    t->name);
		int32_t so_far = known ? known->n_partitions : 0;
		assignments = arena_array(&req->arena, (size_t)t->n_assignments, sizeof *assignments);
		if (!assignments)
			return KERR_UNKNOWN_SERVER_ERROR;
		for (int32_t k = 0; k < t->n_assignments; k++)
			assignments[k] = (struct topic_assignment){ so_far + k, t->assignments[k].broker_ids,
								    t->assignments[k].n_broker_ids };
	}
	return topics_grow(&req->core->api->topics, t->name, t->count, assignments, t->n_assignments,
			   msg->validate_only, &req->arena, why);
}

void handle_create_partitions(struct request *req)
{
	struct create_partitions_request msg;
	struct create_partitions_response out;
	if (!request_decode_ok(req, create_partitions_request_decode(&req->body, req->version, &msg)))
		return;
	create_partitions_response_defaults(&out);
	out.results = arena_array(&req->arena, (size_t)msg.n_topics, sizeof *out.results);
	struct named *names = arena_array(&req->arena, (size_t)msg.n_topics, sizeof *names);
	for (int32_t i = 0; names && i < msg.n_topics; i++)
		names[i] = (struct named){ msg.topics[i].name, i };
	bool *twice = find_twice(&req->arena, names, msg.n_topics);
	if (!out.results || !twice) {
		request_refuse_large(req);
		return;
	}
	for (int32_t i = 0; i < msg.n_topics; i++) {
		const char *why = NULL;
		enum kerr error = grow_one(req, &msg, i, twice[i], &why);
		out.results[out.n_results++] = (struct create_partitions_response_result){
			msg.topics[i].name, (int16_t)error, words(why) };
	}
	int64_t until_ns = sys_mono_ns() + (int64_t)msg.timeout_ms * 1000000;
	req->core->api->topics_awaited++;
	for (int32_t i = 0; !msg.validate_only && i < msg.n_topics; i++) {
		int64_t left_ms = max_of((until_ns - sys_mono_ns()) / 1000000, (int64_t)0);
		if (!out.results[i].error_code &&
		    !topics_wait_leaders(&req->core->api->topics, msg.topics[i].name, msg.topics[i].count,
					 left_ms))
			out.results[i].error_code = KERR_REQUEST_TIMED_OUT;
	}
	req->core->api->topics_awaited--;
	create_partitions_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
