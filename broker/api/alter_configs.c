/* alter_configs.c - AlterConfigs, IncrementalAlterConfigs: settings of topics, brokers and loggers changed by
 * request, in a fiber of the control reactor.
 *
 *	request -> for each resource: read what it has -> the steps -> checked -> written -> announced
 *
 * Facts: kafka.server.ConfigAdminManager and ZkAdminManager of 3.9, and their words, because clients show and
 * test them. Better than there: of two changes to one resource at a time none is lost; what ZooKeeper would
 * choke on is refused, and so is a listener whose place is not free: 3.9 takes it, goes on without it, and
 * does not come up again. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"
#include "broker/api/resources.h"

#include "broker/base/order.h"
#include "broker/cluster/broker_settings.h"
#include "broker/cluster/names.h"
#include "broker/config/alter.h"

#include "alter_configs.kmsg.h"
#include "incremental_alter_configs.kmsg.h"

#define LOGGER "kafka.server.ZkAdminManager"

enum {
	ALTER_ARENA_BYTES = 32 << 20, /* of one resource */
	ALTER_STEPS_MAX = 1000,       /* of one resource: several times what there are keys */
	ALTER_TRIES_MAX = 100,        /* when others change the same resource meanwhile */
};

/* One resource of either request. */
struct alteration {
	struct api *api;
	struct arena *arena;
	int type;
	struct slice name;
	const struct alter_step *steps;
	size_t n;
	bool whole;            /* the steps are all that it has from now on */
	bool validate_only;
	const char *entity;    /* "topics/orders" */
	enum dynamic_entity of; /* of a broker */
	const char *why;
};

static enum kerr refuse(struct alteration *x, enum kerr error, const char *why)
{
	x->why = why;
	return error;
}

/* As ZkAdminManager puts the words of a ConfigException. */
static enum kerr refuse_value(struct alteration *x, const char *why)
{
	return refuse(x, KERR_INVALID_CONFIG,
		      arena_printf(x->arena, "Invalid config value for resource %s: %s",
				   resource_text(x->arena, x->type, x->name), why));
}

/* ---- ZooKeeper ---- */

static enum kerr refuse_size(struct alteration *x)
{
	return refuse(x, KERR_INVALID_CONFIG,
		      arena_printf(x->arena, "The settings of %s would take more than the %d bytes that "
				   "ZooKeeper keeps of them", resource_text(x->arena, x->type, x->name),
				   ENTITY_BYTES_MAX));
}

static enum kerr of_zk(struct alteration *x, enum zk_err err)
{
	switch (err) {
	case ZK_OK:
		return KERR_NONE;
	case ZK_FENCED:
		return refuse(x, KERR_STALE_CONTROLLER_EPOCH, "The controller has changed in between.");
	case ZK_TOO_BIG:
		return refuse_size(x);
	case ZK_BAD_ARGUMENTS:
		return refuse(x, KERR_INVALID_REQUEST, "A name or value is not UTF-8.");
	case ZK_BADVERSION:
		return refuse(x, KERR_REQUEST_TIMED_OUT, "Others change the same settings all the time.");
	case ZK_SESSION_EXPIRED:
	case ZK_CLOSING:
		return refuse(x, KERR_REQUEST_TIMED_OUT,
			      "The ZooKeeper session ended while the settings were written: they may be.");
	default:
		return refuse(x, KERR_UNKNOWN_SERVER_ERROR, zk_err_text(err));
	}
}

/* ---- topics ---- */

static enum kerr read_topic(struct alteration *x, struct entity *before)
{
	*before = (struct entity){ .exists = false };
	if (name_problem(x->name)) /* no such path; that there is no such topic is said later, as in 3.9 */
		return KERR_NONE;
	enum zk_err err = entity_read(x->api->topics.zkc, x->arena, x->entity, before, &x->why);
	return err == ZK_OK ? KERR_NONE : KERR_UNKNOWN_SERVER_ERROR;
}

static enum kerr check_topic(struct alteration *x, const struct config_layer *settings)
{
	if (!meta_topic(metastore_now(x->api->topics.metastore), x->name))
		return refuse(x, KERR_UNKNOWN_TOPIC_OR_PARTITION,
			      arena_printf(x->arena, "The topic '%.*s' does not exist.",
					   SLICE_ARGS(x->name)));
	const char *why = topic_config_check(x->arena, dynamic_now(x->api->dynamic), NULL, 0, settings->v,
					     settings->n);
	if (!why)
		return KERR_NONE;
	return topic_config_refuses_value(why) ? refuse_value(x, why) : refuse(x, KERR_INVALID_CONFIG, why);
}

static enum kerr seal_topic(struct alteration *x, struct config_layer *settings)
{
	log_info(LOGGER, "Updating topic %.*s with %zu configs of its own", SLICE_ARGS(x->name), settings->n);
	return KERR_NONE;
}

/* ---- brokers ---- */

static struct broker_settings settings_of(const struct alteration *x)
{
	return (struct broker_settings){ x->api->control, x->api->topics.zkc, x->api->config };
}

/* What can be used of what is stored, passwords in clear: the rest goes with the next write, as in 3.9. */
static enum kerr read_broker(struct alteration *x, struct entity *before)
{
	const struct broker_settings at = settings_of(x);
	if (broker_settings_read(&at, x->arena, x->entity, before, &x->why) != ZK_OK)
		return KERR_UNKNOWN_SERVER_ERROR;
	struct config_setting *v = arena_array(x->arena, before->settings.n, sizeof *v);
	size_t n = 0;
	for (size_t i = 0; v && i < before->settings.n; i++)
		if (dynamic_is_usable(x->of, &before->settings.v[i]))
			v[n++] = before->settings.v[i];
	before->settings = (struct config_layer){ v, n };
	return v ? KERR_NONE : refuse_size(x);
}

static enum kerr check_broker(struct alteration *x, const struct config_layer *settings)
{
	const struct broker_settings at = settings_of(x);
	struct config_layer all;
	char why[DYNAMIC_WHY_BYTES];
	if (!broker_settings_resolve(&at, x->arena, settings, &all, &x->why))
		return KERR_INVALID_REQUEST;
	if (dynamic_check(x->api->dynamic, x->of, &all, why) == 0)
		return KERR_NONE;
	return refuse(x, KERR_INVALID_REQUEST, arena_printf(x->arena, "%s", why));
}

static enum kerr seal_broker(struct alteration *x, struct config_layer *settings)
{
	const struct broker_settings at = settings_of(x);
	const struct config_layer clear = *settings;
	const char *why;
	log_info(LOGGER, "Updating %s with %zu dynamic configs", x->entity, settings->n);
	if (broker_settings_seal(&at, x->arena, x->of, &clear, settings, &why))
		return KERR_NONE;
	return refuse_value(x, why);
}

/* ---- either ---- */

/* What the two kinds of resource do each in its way. */
struct resource_kind {
	enum kerr (*read)(struct alteration *x, struct entity *before);
	enum kerr (*check)(struct alteration *x, const struct config_layer *settings);
	enum kerr (*seal)(struct alteration *x, struct config_layer *settings);
};

static const struct resource_kind topics = { read_topic, check_topic, seal_topic };
static const struct resource_kind brokers = { read_broker, check_broker, seal_broker };

static enum kerr of_verdict(struct alteration *x, enum alter_verdict verdict, const char *why)
{
	switch (verdict) {
	case ALTER_FINE:
		return KERR_NONE;
	case ALTER_NO_SUCH_OP:
		return refuse(x, KERR_INVALID_REQUEST, why);
	case ALTER_NOT_POSSIBLE:
		return refuse(x, KERR_INVALID_CONFIG, why);
	case ALTER_TOO_LARGE:
	default:
		return refuse_size(x);
	}
}

/* One try; `*again` when somebody else has changed the same in between. */
static enum kerr alter_once(struct alteration *x, const struct resource_kind *kind, bool *again)
{
	struct zkc *zkc = x->api->topics.zkc;
	struct entity before = { .exists = false };
	const char *why;
	*again = false;
	enum kerr error = x->whole ? KERR_NONE : kind->read(x, &before);
	if (error)
		return error;
	struct config_layer settings = before.settings;
	alter_key_find *find = kind == &topics ? alter_key_of_topic : alter_key_of_broker;
	enum alter_verdict verdict = alter_settings(x->arena, find, x->steps, x->n, &settings, &why);
	error = of_verdict(x, verdict, why);
	if (!error)
		error = kind->check(x, &settings);
	if (error || x->validate_only)
		return error;
	error = kind->seal(x, &settings);
	if (error)
		return error;
	enum zk_err err = entity_write(zkc, x->arena, x->entity, &settings, x->whole ? NULL : &before);
	*again = err == ZK_BADVERSION;
	if (err == ZK_OK)
		err = entity_announce(zkc, x->arena, x->entity);
	return of_zk(x, err);
}

static enum kerr alter(struct alteration *x, const struct resource_kind *kind)
{
	bool again = true;
	enum kerr error = KERR_NONE;
	for (int i = 0; again && i < ALTER_TRIES_MAX; i++) {
		x->why = NULL;
		error = alter_once(x, kind, &again);
	}
	return error;
}

static enum kerr alter_topic(struct alteration *x)
{
	if (x->name.n == 0)
		return refuse(x, KERR_INVALID_REQUEST, "Default topic resources are not allowed.");
	x->entity = arena_printf(x->arena, "topics/%.*s", SLICE_ARGS(x->name));
	return x->entity ? alter(x, &topics) : refuse_size(x);
}

static enum kerr alter_broker(struct alteration *x)
{
	char entity[BROKER_ENTITY_BYTES];
	int32_t id = 0;
	x->of = x->name.n == 0 ? DYNAMIC_CLUSTER : DYNAMIC_BROKER;
	if (x->name.n > 0 && !resource_broker_id(x->name, &id))
		return refuse(x, KERR_INVALID_REQUEST,
			      arena_printf(x->arena, "Node id must be an integer, but it is: %.*s",
					   SLICE_ARGS(x->name)));
	if (x->name.n > 0 && id != x->api->broker_id)
		return refuse(x, KERR_INVALID_REQUEST,
			      arena_printf(x->arena, "Unexpected broker id, expected %d, but received %.*s",
					   x->api->broker_id, SLICE_ARGS(x->name)));
	broker_settings_name(x->of, id, entity);
	x->entity = entity;
	return alter(x, &brokers);
}

/* ---- what every resource must keep to ---- */

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

static bool has_twice(struct alteration *x)
{
	const char **names = arena_array(x->arena, x->n, sizeof *names);
	bool twice = false;
	for (size_t i = 0; names && i < x->n; i++)
		names[i] = x->steps[i].name;
	if (names)
		order_sort(names, x->n, sizeof *names, compare_names);
	for (size_t i = 1; names && i < x->n; i++)
		twice |= strcmp(names[i - 1], names[i]) == 0;
	return twice;
}

static enum kerr check_nulls(struct alteration *x)
{
	const char *text = NULL;
	for (size_t i = 0; i < x->n; i++)
		if (!x->steps[i].value && (x->whole || x->steps[i].op != ALTER_DELETE))
			text = arena_printf(x->arena, "%s%s%s", text ? text : "", text ? ", " : "",
					    x->steps[i].name);
	if (!text)
		return KERR_NONE;
	return refuse(x, KERR_INVALID_REQUEST,
		      arena_printf(x->arena, "Null value not supported for : %s", text));
}

static enum kerr alter_checked(struct alteration *x)
{
	if (x->n > ALTER_STEPS_MAX)
		return refuse(x, KERR_INVALID_REQUEST,
			      arena_printf(x->arena, "More than %d configs at once", ALTER_STEPS_MAX));
	if (has_twice(x))
		return refuse(x, KERR_INVALID_REQUEST, "Error due to duplicate config keys");
	enum kerr error = check_nulls(x);
	if (error)
		return error;
	if (x->type == RESOURCE_TOPIC)
		return alter_topic(x);
	if (x->type == RESOURCE_BROKER)
		return alter_broker(x);
	if (x->type == RESOURCE_BROKER_LOGGER && !x->whole)
		return broker_loggers_alter(x->arena, x->api->broker_id, x->name, x->steps, x->n,
					    x->validate_only, &x->why);
	if (x->type == RESOURCE_CLIENT_METRICS)
		return refuse(x, KERR_INVALID_REQUEST, "AlterConfigs is only supported for topics and "
			      "brokers, but resource type is CLIENT_METRICS");
	return refuse(x, KERR_INVALID_REQUEST, arena_printf(x->arena, "Unknown resource type %d", x->type));
}

/* ---- the requests ---- */

/* One resource as it came. */
struct asked {
	int8_t type;
	struct slice name;
	bool twice;
	struct alter_step *steps; /* NULL: a name or value holds a zero byte */
	int32_t n;
};

struct answered {
	enum kerr error;
	const char *why;
};

static int compare_asked(const void *a, const void *b)
{
	const struct asked *x = *(struct asked *const *)a, *y = *(struct asked *const *)b;
	return x->type != y->type ? x->type - y->type : slice_compare(x->name, y->name);
}

/* Marks those that stand twice in the request; false when there is no room for it. */
static bool mark_twice(struct arena *a, struct asked *all, int32_t n)
{
	struct asked **sorted = arena_array(a, (size_t)n, sizeof *sorted);
	for (int32_t i = 0; sorted && i < n; i++)
		sorted[i] = &all[i];
	if (!sorted)
		return false;
	order_sort(sorted, (size_t)n, sizeof *sorted, compare_asked);
	for (int32_t i = 1; i < n; i++)
		if (compare_asked(&sorted[i - 1], &sorted[i]) == 0)
			sorted[i - 1]->twice = sorted[i]->twice = true;
	return true;
}

/* A name or value as C text; false when it cannot be. */
static bool take_text(struct arena *a, struct slice from, const char **to)
{
	*to = arena_strdup(a, from);
	return !from.p || !memchr(from.p, 0, from.n);
}

static struct answered alter_one(struct request *req, const struct asked *asked, bool whole,
				 bool validate_only)
{
	struct arena arena;
	if (asked->twice)
		return (struct answered){ KERR_INVALID_REQUEST, "Each resource must appear at most once." };
	if (!asked->steps)
		return (struct answered){ KERR_INVALID_REQUEST, "A config name or value holds a zero byte." };
	arena_init(&arena, ALTER_ARENA_BYTES);
	struct alteration x = { .api = req->core->api, .arena = &arena, .type = asked->type,
				.name = asked->name, .steps = asked->steps, .n = (size_t)asked->n,
				.whole = whole, .validate_only = validate_only };
	struct answered out = { alter_checked(&x), NULL };
	if (x.why)
		out.why = arena_printf(&req->arena, "%s", x.why);
	arena_free(&arena);
	return out;
}

/* Does what is asked for, one resource after the other; NULL when the request needs too much memory. */
static struct answered *alter_all(struct request *req, struct asked *all, int32_t n, bool whole,
				  bool validate_only)
{
	struct answered *out = arena_array(&req->arena, (size_t)n, sizeof *out);
	if (!all || !out || arena_overflowed(&req->arena) || !mark_twice(&req->arena, all, n)) {
		request_refuse_large(req);
		return NULL;
	}
	for (int32_t i = 0; i < n; i++)
		out[i] = alter_one(req, &all[i], whole, validate_only);
	return out;
}

static struct asked take_whole(struct arena *a, const struct alter_configs_request_resource *r)
{
	struct asked out = { r->resource_type, r->resource_name, false, NULL, r->n_configs };
	out.steps = arena_array(a, (size_t)r->n_configs, sizeof *out.steps);
	bool fine = out.steps != NULL;
	for (int32_t i = 0; fine && i < r->n_configs; i++) {
		out.steps[i].op = ALTER_SET;
		fine = take_text(a, r->configs[i].name, &out.steps[i].name) &&
		       take_text(a, r->configs[i].value, &out.steps[i].value);
	}
	if (!fine)
		out.steps = NULL;
	return out;
}

void handle_alter_configs(struct request *req)
{
	struct alter_configs_request msg;
	struct alter_configs_response out;
	struct arena *a = &req->arena;
	if (!request_decode_ok(req, alter_configs_request_decode(&req->body, req->version, &msg)))
		return;
	int32_t n = msg.n_resources;
	struct asked *all = arena_array(a, (size_t)n, sizeof *all);
	for (int32_t i = 0; all && i < n; i++)
		all[i] = take_whole(a, &msg.resources[i]);
	alter_configs_response_defaults(&out);
	out.responses = arena_array(a, (size_t)n, sizeof *out.responses);
	struct answered *done = alter_all(req, out.responses ? all : NULL, n, true, msg.validate_only);
	if (!done)
		return;
	for (out.n_responses = 0; out.n_responses < n; out.n_responses++)
		out.responses[out.n_responses] = (struct alter_configs_response_resource){
			(int16_t)done[out.n_responses].error, slice_str(done[out.n_responses].why),
			all[out.n_responses].type, all[out.n_responses].name };
	alter_configs_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static struct asked take_steps(struct arena *a, const struct incremental_alter_configs_request_resource *r)
{
	struct asked out = { r->resource_type, r->resource_name, false, NULL, r->n_configs };
	out.steps = arena_array(a, (size_t)r->n_configs, sizeof *out.steps);
	bool fine = out.steps != NULL;
	for (int32_t i = 0; fine && i < r->n_configs; i++) {
		out.steps[i].op = r->configs[i].config_operation;
		fine = take_text(a, r->configs[i].name, &out.steps[i].name) &&
		       take_text(a, r->configs[i].value, &out.steps[i].value);
	}
	if (!fine)
		out.steps = NULL;
	return out;
}

void handle_incremental_alter_configs(struct request *req)
{
	struct incremental_alter_configs_request msg;
	struct incremental_alter_configs_response out;
	struct arena *a = &req->arena;
	if (!request_decode_ok(req,
			       incremental_alter_configs_request_decode(&req->body, req->version, &msg)))
		return;
	int32_t n = msg.n_resources;
	struct asked *all = arena_array(a, (size_t)n, sizeof *all);
	for (int32_t i = 0; all && i < n; i++)
		all[i] = take_steps(a, &msg.resources[i]);
	incremental_alter_configs_response_defaults(&out);
	out.responses = arena_array(a, (size_t)n, sizeof *out.responses);
	struct answered *done = alter_all(req, out.responses ? all : NULL, n, false, msg.validate_only);
	if (!done)
		return;
	for (out.n_responses = 0; out.n_responses < n; out.n_responses++)
		out.responses[out.n_responses] = (struct incremental_alter_configs_response_resource){
			(int16_t)done[out.n_responses].error, slice_str(done[out.n_responses].why),
			all[out.n_responses].type, all[out.n_responses].name };
	incremental_alter_configs_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
