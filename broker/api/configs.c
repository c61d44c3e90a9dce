/* configs.c - DescribeConfigs for topics, brokers and loggers. Facts: kafka.server.ConfigHelper of 3.9. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"
#include "broker/api/resources.h"

#include "broker/base/must.h"
#include "broker/cluster/entities.h"
#include "broker/cluster/names.h"
#include "broker/config/describe.h"

#include "describe_configs.kmsg.h"

/* ConfigType of the response is one above the order of config_type. */
static int8_t type_code(enum config_type type)
{
	static const int8_t codes[] = {
		[CONFIG_BOOLEAN] = 1, [CONFIG_STRING] = 2, [CONFIG_INT] = 3,
		[CONFIG_SHORT] = 4,   [CONFIG_LONG] = 5,   [CONFIG_DOUBLE] = 6,
		[CONFIG_LIST] = 7,    [CONFIG_CLASS] = 8,  [CONFIG_PASSWORD] = 9,
	};
	return codes[type];
}

static bool fill_synonyms(struct request *req, const struct describe_entry *e,
			  struct describe_configs_response_config *out)
{
	out->synonyms = arena_array(&req->arena, e->n_synonyms, sizeof *out->synonyms);
	for (uint32_t i = 0; out->synonyms && i < e->n_synonyms; i++)
		out->synonyms[out->n_synonyms++] = (struct describe_configs_response_synonym){
			slice_str(e->synonyms[i].name), slice_str(e->synonyms[i].value),
			(int8_t)e->synonyms[i].source };
	return out->synonyms != NULL;
}

static enum kerr fill(struct request *req, const struct describe_configs_request *msg,
		      const struct describe_result *all, struct describe_configs_response_result *out)
{
	out->configs = arena_array(&req->arena, all->n, sizeof *out->configs);
	if (!out->configs)
		return KERR_UNKNOWN_SERVER_ERROR;
	for (uint32_t i = 0; i < all->n; i++) {
		const struct describe_entry *e = &all->v[i];
		struct describe_configs_response_config *c = &out->configs[out->n_configs++];
		*c = (struct describe_configs_response_config){
			.name = slice_str(e->name), .value = slice_str(e->value), .read_only = e->read_only,
			.is_sensitive = e->sensitive };
		if (req->version == 0)
			c->is_default = e->is_default;
		else
			c->config_source = (int8_t)e->source;
		if (req->version >= 1 && msg->include_synonyms && !fill_synonyms(req, e, c))
			return KERR_UNKNOWN_SERVER_ERROR;
		if (req->version >= 3)
			c->config_type = type_code(e->type);
		if (req->version >= 3 && msg->include_documentation)
			c->documentation = slice_str(e->documentation);
	}
	return KERR_NONE;
}

/* A resource of the request: what had to be waited for to describe it. */
struct asked {
	struct entity own; /* a topic's settings */
	enum kerr error;
	const char *why;
};

static void read_topic(struct request *req, struct slice name, struct asked *out)
{
	struct api *api = req->core->api;
	const char *problem = name_problem(name), *entity;
	if (problem) {
		out->why = arena_printf(&req->arena, "Topic name is invalid: %s", problem);
		out->error = KERR_INVALID_TOPIC_EXCEPTION;
	} else if (!meta_topic(metastore_now(api->topics.metastore), name)) {
		out->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	} else {
		entity = arena_printf(&req->arena, "topics/%.*s", SLICE_ARGS(name));
		if (!entity ||
		    entity_read(api->topics.zkc, &req->arena, entity, &out->own, &out->why) != ZK_OK)
			out->error = KERR_UNKNOWN_SERVER_ERROR;
	}
}

static enum kerr describe_one_topic(struct request *req, const struct asked *asked,
				    const struct describe_wanted *wanted, struct describe_result *all,
				    const char **why)
{
	*why = asked->why;
	if (asked->error)
		return asked->error;
	int error = describe_topic(&req->arena, dynamic_state(req->core->api->dynamic), asked->own.settings.v,
				   asked->own.settings.n, wanted, all);
	return error ? KERR_UNKNOWN_SERVER_ERROR : KERR_NONE;
}

static enum kerr describe_one_broker(struct request *req, struct slice name,
				     const struct describe_wanted *wanted, struct describe_result *all,
				     const char **why)
{
	struct api *api = req->core->api;
	const struct config_state *state = dynamic_state(api->dynamic);
	int error;
	int32_t id;
	if (name.n == 0) {
		error = describe_cluster_default(&req->arena, state, wanted, all);
		return error ? KERR_UNKNOWN_SERVER_ERROR : KERR_NONE;
	}
	if (!resource_broker_id(name, &id)) {
		*why = arena_printf(&req->arena, "Broker id must be an integer, but it is: %.*s",
				    SLICE_ARGS(name));
		return KERR_INVALID_REQUEST;
	}
	if (id != api->broker_id) {
		*why = arena_printf(&req->arena, "Unexpected broker id, expected %d or empty string, but "
				    "received %.*s", api->broker_id, SLICE_ARGS(name));
		return KERR_INVALID_REQUEST;
	}
	error = describe_broker(&req->arena, state, wanted, all);
	return error ? KERR_UNKNOWN_SERVER_ERROR : KERR_NONE;
}

static void add_logger(const struct describe_wanted *wanted, const char *name, struct describe_result *all)
{
	bool is_wanted = wanted->n == 0;
	for (size_t i = 0; !is_wanted && i < wanted->n; i++)
		is_wanted = slice_is(wanted->v[i], name);
	if (is_wanted)
		all->v[all->n++] = (struct describe_entry){ .name = name, .value = broker_logger_level(name),
							    .source = SOURCE_BROKER_LOGGER };
}

static enum kerr describe_loggers(struct request *req, struct slice name,
				  const struct describe_wanted *wanted, struct describe_result *all,
				  const char **why)
{
	int32_t id;
	if (name.n == 0)
		*why = "Broker id must not be empty";
	else if (!resource_broker_id(name, &id))
		*why = arena_printf(&req->arena, "Broker id must be an integer, but it is: %.*s",
				    SLICE_ARGS(name));
	else if (id != req->core->api->broker_id)
		*why = arena_printf(&req->arena, "Unexpected broker id, expected %d but received %.*s",
				    req->core->api->broker_id, SLICE_ARGS(name));
	if (*why)
		return KERR_INVALID_REQUEST;
	all->v = arena_array(&req->arena, log_loggers_count + 1, sizeof *all->v);
	if (!all->v)
		return KERR_UNKNOWN_SERVER_ERROR;
	add_logger(wanted, BROKER_LOGGER_ROOT, all);
	for (size_t i = 0; i < log_loggers_count; i++)
		add_logger(wanted, log_loggers[i], all);
	return KERR_NONE;
}

static enum kerr describe_client_metrics(struct slice name, const char **why)
{
	*why = name.n > 0 ? "Config type client-metrics is only supported on KRaft clusters"
			  : "Client metrics subscription name must not be empty";
	return KERR_INVALID_REQUEST;
}

static enum kerr describe_resource(struct request *req, int type, struct slice name,
				   const struct asked *asked, const struct describe_wanted *wanted,
				   struct describe_result *all, const char **why)
{
	switch (type) {
	case RESOURCE_TOPIC:
		return describe_one_topic(req, asked, wanted, all, why);
	case RESOURCE_BROKER:
		return describe_one_broker(req, name, wanted, all, why);
	case RESOURCE_BROKER_LOGGER:
		return describe_loggers(req, name, wanted, all, why);
	case RESOURCE_CLIENT_METRICS:
		return describe_client_metrics(name, why);
	default:
		*why = arena_printf(&req->arena, "Unsupported resource type: %d", type);
		return KERR_INVALID_REQUEST;
	}
}

static void describe_one(struct request *req, const struct describe_configs_request *msg, int32_t i,
			 const struct asked *asked, struct describe_configs_response_result *out)
{
	const struct describe_configs_request_resource *r = &msg->resources[i];
	struct describe_wanted wanted = { r->configuration_keys, (size_t)max_of(r->n_configuration_keys, 0) };
	struct describe_result all = { 0 };
	const char *why = NULL;
	*out = (struct describe_configs_response_result){ .resource_type = r->resource_type,
							  .resource_name = r->resource_name };
	enum kerr error = describe_resource(req, r->resource_type, r->resource_name, asked, &wanted, &all,
					    &why);
	if (!error)
		error = fill(req, msg, &all, out);
	out->error_code = (int16_t)error;
	out->error_message = slice_str(why ? why : ""); /* never null in 3.9 */
}

/* What is described is borrowed from the settings in force until the next wait: all waiting comes first, and
 * the answer is encoded in the turn in which it is put together. */
void handle_describe_configs(struct request *req)
{
	struct describe_configs_request msg;
	struct describe_configs_response out;
	if (!request_decode_ok(req, describe_configs_request_decode(&req->body, req->version, &msg)))
		return;
	describe_configs_response_defaults(&out);
	out.results = arena_array(&req->arena, (size_t)msg.n_resources, sizeof *out.results);
	struct asked *asked = arena_array(&req->arena, (size_t)msg.n_resources, sizeof *asked);
	if (!out.results || !asked) {
		request_refuse_large(req);
		return;
	}
	for (int32_t i = 0; i < msg.n_resources; i++)
		if (msg.resources[i].resource_type == RESOURCE_TOPIC)
			read_topic(req, msg.resources[i].resource_name, &asked[i]);
	for (int32_t i = 0; i < msg.n_resources; i++)
		describe_one(req, &msg, i, &asked[i], &out.results[out.n_results++]);
	describe_configs_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
