/* dispatch.c - from a frame to a handler and from its answer to the connection. */
#include "broker/api/api.h"
#include "broker/api/client_info.h"
#include "broker/api/handlers.h"
#include "broker/api/request_log.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/net/net.h"

#include "headers.kmsg.h"

#include <string.h>

#define API_CORE_MAGIC 0xa91c07e5u
#define REQUEST_MAGIC 0x7e90e575u
#define LOGGER "kafka.network.Processor"

enum { BAD_FRAME_SAY_MS = 1000 };

const struct api_row api_rows[] = {
#define CORE false
#define CONTROL true
#define A(key, name, min, max, where) { KAPI_##key, min, max, where, handle_##name },
#include "broker/api/api.tbl"
#undef A
#undef CORE
#undef CONTROL
};
const size_t api_rows_count = countof(api_rows);

const struct api_row *api_row_find(int key)
{
	for (size_t i = 0; i < countof(api_rows); i++)
		if (api_rows[i].key == key)
			return &api_rows[i];
	return NULL;
}

/* ---- cores ---- */

struct api_core *api_core_new(struct api *api, int core, struct reactor *reactor, struct replicas *replicas)
{
	struct api_core *c;
	struct hash_seed seed;
	ALLOC_OBJ(c, API_CORE_MAGIC);
	c->api = api;
	c->core = core;
	c->reactor = reactor;
	c->replicas = replicas;
	c->metrics = reactor_metrics(reactor);
	tally_init(&c->tally, reactor);
	c->meta = meta_empty();
	sys_random(&seed, sizeof seed);
	sys_random(&c->random, sizeof c->random);
	int slots = api->config->max_incremental_fetch_session_cache_slots;
	c->sessions = sessions_new(core, api->n_cores, max_of(slots / api->n_cores, slots > 0), &seed);
	c->codecs = codecs_new();
	list_init(&c->spare);
	kinds_init(&c->clients);
	kinds_init(&c->ciphers);
	return c;
}

void api_core_free(struct api_core *c)
{
	CHECK_OBJ_NOTNULL(c, API_CORE_MAGIC);
	struct list *it;
	while ((it = list_pop_front(&c->spare))) {
		struct request *req = list_entry(it, struct request, link);
		arena_free(&req->arena);
		free(req);
	}
	kinds_fini(&c->clients);
	kinds_fini(&c->ciphers);
	sessions_free(c->sessions);
	codecs_free(&c->codecs);
	meta_put(c->meta);
	FREE_OBJ(c);
}

/* The part of the core that a connection belongs to. */
static struct api_core *core_of(const struct conn *conn)
{
	const struct api *api = conn_listener(conn)->user;
	int core = reactor_core(conn_reactor(conn));
	must(core >= 0 && core < api->n_cores);
	struct api_core *c = api->cores[core];
	CHECK_OBJ_NOTNULL(c, API_CORE_MAGIC);
	return c;
}

/* xorshift64*: for ids that need to differ, not to be secret. */
uint32_t api_random(struct api_core *c)
{
	c->random |= 1;
	c->random ^= c->random >> 12;
	c->random ^= c->random << 25;
	c->random ^= c->random >> 27;
	return (uint32_t)((c->random * 0x2545f4914f6cdd1du) >> 32);
}

/* ---- requests ---- */

static void request_closed(struct conn_slot *slot)
{
	struct request *req = container_of(slot, struct request, slot);
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	struct api_core *c = req->core;
	tally_forget(&req->times);
	buf_put(req->holder);
	req->holder = NULL;
	arena_reset(&req->arena);
	if (c->n_spare < REQUESTS_SPARE) {
		list_push_back(&c->spare, &req->link);
		c->n_spare++;
		return;
	}
	arena_free(&req->arena);
	FREE_OBJ(req);
}

static struct request *request_new(struct api_core *c, struct conn *conn, struct buf *holder,
				   struct slice frame)
{
	struct request *req;
	struct list *spare = list_pop_front(&c->spare);
	if (spare) {
		req = list_entry(spare, struct request, link);
		c->n_spare--;
	} else {
		ALLOC_OBJ(req, REQUEST_MAGIC);
		arena_init(&req->arena, REQUEST_ARENA_BYTES);
	}
	CHECK_OBJ(req, REQUEST_MAGIC);
	req->core = c;
	req->conn = conn;
	req->holder = buf_get(holder);
	tally_arrived(&c->tally, &req->times);
	req->frame = frame;
	req->also = TALLY_NONE;
	req->converted = (struct tally_conversion){ 0 };
	req->state = NULL;
	req->row = NULL;
	req->at = c->reactor;
	chain_init(&req->answer);
	req->slot = (struct conn_slot){ .closed = request_closed };
	conn_slot_open(conn, &req->slot);
	return req;
}

const char *request_listener(const struct request *req)
{
	return conn_listener(req->conn)->name;
}

static bool is_away(const struct request *req)
{
	return req->at != req->core->reactor;
}

static void refuse_here(struct request *req)
{
	struct api_core *c = req->core;
	struct log_limit *limit = &c->bad_frames;
	const char *why = req->refused_why;
	char id[CONN_ID_BYTES];
	if (log_limited(limit, reactor_now_ns(c->reactor) / 1000000, BAD_FRAME_SAY_MS))
		log_warn(LOGGER, "Closing connection %s: %s (api key %d, version %d, client id %s; %llu more "
			 "unsaid).", conn_id(req->conn, id), why, req->row ? req->row->key : -1, req->version,
			 log_safe(req->client_id).s, (unsigned long long)limit->dropped);
	conn_close(req->conn, why);
	conn_slot_answer(&req->slot, NULL);
}

void request_refuse(struct request *req, const char *why)
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	req->refused_why = why;
	if (is_away(req))
		request_to_core(req, refuse_here);
	else
		refuse_here(req);
}

void request_refuse_large(struct request *req)
{
	request_refuse(req, "the request or its answer needs more than REQUEST_ARENA_BYTES");
}

void *request_state(struct request *req, size_t bytes)
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	req->state = arena_alloc(&req->arena, bytes);
	must(req->state != NULL); /* small, and among the first of its memory */
	return req->state;
}

bool request_decode_ok(struct request *req, int decode_error)
{
	/* What goes on after the last field is ignored, as in 3.9: librdkafka ends its Metadata for all
	 * topics with bytes that version 12 does not have. */
	bool fine = decode_error == KDEC_OK || decode_error == KDEC_TRAILING;
	if (!fine)
		request_refuse(req, kdec_error_text(decode_error));
	return fine;
}

struct kenc *response_begin(struct request *req)
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	const struct kapi *kapi = kapi_find(req->row->key);
	kenc_init(&req->response, &req->answer, RESPONSE_MAX_BYTES);
	req->errors.none = req->errors.others_n = 0;
	req->response.errors = &req->errors;
	kenc_frame_begin(&req->response);
	response_header_encode(&req->response, kapi_response_header(kapi, req->version),
			       &(struct response_header){ req->correlation_id });
	return &req->response;
}

/* As Kafka: under the API's own name only, and nothing of what is not answered. */
static void count_errors(const struct request *req)
{
	struct metrics_core *metrics = req->core->metrics;
	const struct kenc_errors *errors = &req->errors;
	if (req->answer.bytes == 0)
		return;
	metric_add_errors(metrics, req->row->key, KERR_NONE, errors->none);
	for (uint32_t i = 0; i < errors->others_n; i++)
		metric_add_errors(metrics, req->row->key, errors->others[i].code, errors->others[i].n);
}

static void finish(struct request *req)
{
	tally_forget(&req->times);
	req->times.given_ns = reactor_now_ns(req->core->reactor);
	struct tally_entry e = { req->times, req->converted, req->frame.n, req->row->key,
				 (int16_t)req->also, (int16_t)req->version };
	tally_answered(&req->core->tally, &e);
	count_errors(req);
	client_info_answered(req);
	if (request_is_logged(req))
		request_log(req);
}

/* On the core: the answer, encoded wherever, goes to the connection. */
static void answer(struct request *req)
{
	if (req->answer.bytes == 0)
		conn_close(req->conn, "the response could not be encoded");
	finish(req);
	conn_slot_answer(&req->slot, &req->answer);
}

void response_send(struct request *req)
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	kenc_frame_end(&req->response);
	int error = kenc_finish(&req->response);
	if (error)
		log_error(LOGGER, "The response to api key %d, version %d cannot be made: %s.", req->row->key,
			  req->version, strerror(-error));
	if (is_away(req)) {
		req->times.made_ns = sys_mono_ns();
		request_to_core(req, answer);
	} else {
		answer(req);
	}
}

void response_none(struct request *req)
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	finish(req);
	conn_slot_answer(&req->slot, NULL);
}

/* ---- control plane ---- */

void api_init(struct api *api)
{
	list_init(&api->line);
	fiber_event_init(&api->idle);
}

void api_set_config(struct api *api, const struct config *now)
{
	int64_t ms = now->slow_request_log_ms;
	int64_t slow_ns = ms < 0 ? 0 : max_of(min_of(ms, INT64_MAX / 1000000) * 1000000, INT64_C(1));
	atomic_store_explicit(&api->slow_ns, slow_ns, memory_order_relaxed);
}

/* A fiber serves one request after the other, as long as any stand in line. */
static void control_fiber(void *arg)
{
	struct api *api = arg;
	struct list *next;
	while ((next = list_pop_front(&api->line))) {
		struct request *req = list_entry(next, struct request, link);
		CHECK_OBJ(req, REQUEST_MAGIC);
		api->n_line--;
		req->times.started_ns = sys_mono_ns();
		req->next(req);
	}
	if (--api->fibers == 0 && api->draining)
		fiber_event_set(&api->idle);
}

/* However many fibers they start in their turn, there is one for each. */
_Static_assert(API_FIBERS_MAX < FIBERS_MAX - FIBERS_EACH_MAX, "requests find fibers");

static void on_control(struct reactor *here, struct msg *m)
{
	struct request *req = container_of(m, struct request, msg);
	struct api *api = req->core->api;
	must(here == api->control);
	list_push_back(&api->line, &req->link);
	api->n_line++;
	if (api->fibers == API_FIBERS_MAX)
		return;
	must(fiber_start(here, "requests", control_fiber, api) != NULL);
	api->fibers++;
}

void api_drain(struct api *api)
{
	api->draining = true;
	if (api->fibers > 0)
		fiber_wait(api->control, &api->idle);
}

/* ---- from one reactor to another ---- */

static void on_core(struct reactor *here, struct msg *m)
{
	struct request *req = container_of(m, struct request, msg);
	must(here == req->at);
	req->next(req);
}

static void move(struct request *req, struct reactor *to, void (*run)(struct reactor *here, struct msg *m),
		 void (*next)(struct request *req))
{
	CHECK_OBJ_NOTNULL(req, REQUEST_MAGIC);
	struct reactor *from = req->at;
	req->at = to;
	req->next = next;
	req->msg.run = run;
	reactor_post(from, to, &req->msg);
}

void request_to_control(struct request *req, void (*next)(struct request *req))
{
	must(!is_away(req));
	move(req, req->core->api->control, on_control, next);
}

void request_to_home(struct request *req, struct api_core *home, void (*next)(struct request *req))
{
	if (req->at == home->reactor)
		next(req);
	else
		move(req, home->reactor, on_core, next);
}

void request_again(struct request *req, void (*next)(struct request *req))
{
	must(req->at != req->core->api->control);
	move(req, req->at, on_core, next);
}

void request_to_core(struct request *req, void (*next)(struct request *req))
{
	must(is_away(req));
	move(req, req->core->reactor, on_core, next);
}

/* ---- frames ---- */

/* An ApiVersions newer than ours is answered in v0 with what we have (KIP-511). */
static bool is_unknown_api_versions(int key, int version)
{
	return key == KAPI_API_VERSIONS && (version < 0 || version > api_row_find(key)->max);
}

static void dispatch(struct request *req)
{
	kdec_init(&req->body, req->frame, &req->arena);
	struct kdec peek = req->body;
	int key = kdec_i16(&peek), version = kdec_i16(&peek);
	req->correlation_id = kdec_i32(&peek);
	req->row = api_row_find(key);
	req->version = version;
	req->client_id = SLICE_NULL;
	if (peek.error || !req->row) {
		request_refuse(req, "no such API is served here");
		return;
	}
	if (is_unknown_api_versions(key, version)) {
		req->version = 0;
		handle_unknown_api_versions(req);
		return;
	}
	if (version < req->row->min || version > req->row->max) {
		request_refuse(req, "no such version of the API is served here");
		return;
	}
	struct request_header header;
	int error = request_header_decode(&req->body, kapi_request_header(kapi_find(key), version), &header);
	if (!request_decode_ok(req, error))
		return;
	req->client_id = header.client_id;
	if (req->row->on_control)
		request_to_control(req, req->row->handle);
	else
		req->row->handle(req);
}

static void on_frame(struct conn *conn, struct slice frame, struct buf *holder)
{
	dispatch(request_new(core_of(conn), conn, holder, frame));
}

/* Of a connection only its client's name is kept: its requests carry all else. */
static void on_open(struct conn *conn)
{
	client_info_open(core_of(conn), conn);
}

static void on_close(struct conn *conn)
{
	must(!conn_is_open(conn));
	client_info_close(core_of(conn), conn);
}

const struct conn_events api_conn_events = { .on_open = on_open, .on_frame = on_frame, .on_close = on_close };
