/* request_log.c - see request_log.h. The line is that of kafka.network.RequestChannel and
 * RequestConvertToJson of 3.9. */
#include "broker/api/request_log.h"

#include "broker/api/client_info.h"

#include "broker/base/must.h"
#include "broker/net/net.h"

#include "fetch.kmsg.h"
#include "headers.kmsg.h"

#include <string.h>

enum {
	LINE_BYTES = 3 * REQUEST_LOG_MESSAGE_BYTES,
	API_NAME_BYTES = 64,
	CLIENT_ID_BYTES = 1024, /* a longer one is cut */
};

/* ---- messages ---- */

static void dump_client(struct kdump *k, struct conn *conn)
{
	kdump_begin(k, "clientInformation");
	kdump_string(k, "softwareName", slice_str(client_name(conn)));
	kdump_string(k, "softwareVersion", slice_str(client_version(conn)));
	kdump_end(k);
}

/* Nothing is shown of a message that cannot be read, and none by halves. */
static void dump_message(struct kdump *k, const char *name, const struct kmsg *m, int version, struct kdec *d)
{
	const struct kdump before = *k;
	void *body = arena_alloc(d->arena, m->size);
	int error = body ? m->decode(d, version, body) : KDEC_MEMORY;
	if (error != KDEC_OK && error != KDEC_TRAILING) {
		kdump_string(k, name, SLICE_LIT(""));
		return;
	}
	k->max = min_of(k->n + REQUEST_LOG_MESSAGE_BYTES, before.max);
	kdump_name(k, name);
	m->dump(k, version, body);
	bool is_whole = k->n < k->max;
	k->max = before.max;
	if (is_whole)
		return;
	k->n = before.n;
	k->comma = before.comma;
	kdump_string(k, name, SLICE_LIT("(too large to be shown)"));
}

/* "ApiVersions" as "API_VERSIONS". */
static struct slice enum_name(const char *name, char out[API_NAME_BYTES])
{
	uint32_t n = 0;
	for (const char *s = name; *s; s++) {
		bool is_upper = *s >= 'A' && *s <= 'Z';
		must(n + 2 < API_NAME_BYTES);
		if (is_upper && s > name)
			out[n++] = '_';
		out[n++] = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;
	}
	return slice_of(out, n);
}

/* A name is the peer's, and each of its bytes may become six. */
static struct slice cut(struct slice client_id)
{
	client_id.n = min_of(client_id.n, (uint32_t)CLIENT_ID_BYTES);
	return client_id;
}

static void dump_header(struct kdump *k, const struct kapi *api, const struct request_header *h)
{
	char name[API_NAME_BYTES];
	kdump_begin(k, "requestHeader");
	kdump_int(k, "requestApiKey", h->request_api_key);
	kdump_int(k, "requestApiVersion", h->request_api_version);
	kdump_int(k, "correlationId", h->correlation_id);
	kdump_nullable_string(k, "clientId", cut(h->client_id));
	kdump_string(k, "requestApiKeyName", enum_name(api->name, name));
	kdump_end(k);
}

/* The frame is as it came, but for batches, of which only the size is told. */
static void dump_request(struct kdump *k, const struct request *req, const struct kapi *api, struct arena *a)
{
	struct kdec d;
	struct request_header header;
	kdec_init(&d, req->frame, a);
	must(kdec_left(&d) >= 4);
	int version = get_be16(d.p + 2);
	request_header_decode(&d, kapi_request_header(api, version), &header);
	dump_header(k, api, &header);
	dump_message(k, "request", api->request, version, &d);
}

/* What stands in files is records: nobody reads it for this, and zeroes stand for it. */
static struct slice flat(const struct chain *answer, struct arena *a)
{
	uint8_t *bytes = arena_alloc(a, answer->bytes), *at = bytes;
	must(bytes != NULL);
	for (const struct link *l = answer->first; l; l = l->next) {
		if (l->kind == LINK_MEM)
			memcpy(at, l->p, l->n);
		at += l->n;
	}
	return slice_of(bytes, (uint32_t)answer->bytes);
}

static void dump_response(struct kdump *k, const struct request *req, const struct kapi *api,
			  struct arena *a)
{
	struct kdec d;
	struct response_header header;
	if (req->answer.bytes == 0 || req->answer.bytes > REQUEST_LOG_ANSWER_BYTES) {
		kdump_string(k, "response", req->answer.bytes ? SLICE_LIT("(too large to be shown)") :
								SLICE_LIT(""));
		return;
	}
	kdec_init(&d, flat(&req->answer, a), a);
	must(kdec_i32(&d) >= 4); /* the frame's length */
	response_header_decode(&d, kapi_response_header(api, req->version), &header);
	dump_message(k, "response", api->response, req->version, &d);
}

/* ---- the rest of the line ---- */

static void dump_ms(struct kdump *k, const char *name, int64_t ns)
{
	kdump_f64(k, name, (double)(ns / 1000) / 1000);
}

/* Nothing is throttled yet. */
static void dump_times(struct kdump *k, int64_t total_ns, const int64_t stages[STAGES])
{
	dump_ms(k, "totalTimeMs", total_ns);
	dump_ms(k, "requestQueueTimeMs", stages[STAGE_QUEUE]);
	dump_ms(k, "localTimeMs", stages[STAGE_LOCAL]);
	dump_ms(k, "remoteTimeMs", stages[STAGE_REMOTE]);
	kdump_int(k, "throttleTimeMs", 0);
	dump_ms(k, "responseQueueTimeMs", stages[STAGE_ANSWER_QUEUE]);
	dump_ms(k, "sendTimeMs", stages[STAGE_SEND]);
}

static const char *security_protocol(const struct conn *conn)
{
	bool tls = conn_tls_version(conn) != NULL;
	if (conn_listener(conn)->sasl)
		return tls ? "SASL_SSL" : "SASL_PLAINTEXT";
	return tls ? "SSL" : "PLAINTEXT";
}

static void dump_connection(struct kdump *k, struct conn *conn)
{
	kdump_string(k, "securityProtocol", slice_str(security_protocol(conn)));
	kdump_string(k, "principal", slice_str(conn_principal(conn)));
	kdump_string(k, "listener", slice_str(conn_listener(conn)->name));
	dump_client(k, conn);
}

static void dump_line(struct kdump *k, const struct request *req, int64_t total_ns,
		      const int64_t stages[STAGES])
{
	const struct kapi *api = kapi_find(req->row->key);
	struct arena arena;
	char id[CONN_ID_BYTES];
	arena_init(&arena, REQUEST_ARENA_BYTES);
	kdump_begin(k, NULL);
	kdump_bool(k, "isForwarded", false);
	dump_request(k, req, api, &arena);
	dump_response(k, req, api, &arena);
	kdump_string(k, "connection", slice_str(conn_id(req->conn, id)));
	dump_times(k, total_ns, stages);
	dump_connection(k, req->conn);
	kdump_end(k);
	arena_free(&arena);
}

/* ---- which ---- */

static int64_t fetch_wait_ns(const struct request *req)
{
	struct arena arena;
	struct kdec d;
	struct request_header header;
	struct fetch_request msg = { 0 };
	arena_init(&arena, REQUEST_ARENA_BYTES);
	kdec_init(&d, req->frame, &arena);
	request_header_decode(&d, kapi_request_header(kapi_find(KAPI_FETCH), req->version), &header);
	fetch_request_decode(&d, req->version, &msg);
	arena_free(&arena);
	return max_of(msg.max_wait_ms, 0) * INT64_C(1000000);
}

/* What the client itself is ready to wait for is not slowness: a Fetch for new records, the members of a
 * group for each other. */
static bool is_slow(const struct request *req, int64_t total_ns, const int64_t stages[STAGES])
{
	int64_t slow_ns = atomic_load_explicit(&req->core->api->slow_ns, memory_order_relaxed);
	int64_t wait_ns = 0;
	if (slow_ns == 0 || total_ns < slow_ns)
		return false;
	if (req->row->key == KAPI_FETCH)
		wait_ns = fetch_wait_ns(req);
	else if (req->row->key == KAPI_JOIN_GROUP || req->row->key == KAPI_SYNC_GROUP)
		wait_ns = INT64_MAX;
	return total_ns - min_of(wait_ns, stages[STAGE_REMOTE]) >= slow_ns;
}

void request_log(const struct request *req)
{
	int64_t stages[STAGES], now_ns = sys_mono_ns();
	int64_t total_ns = max_of(now_ns - req->times.received_ns, (int64_t)0);
	struct kdump k;
	tally_stages(&req->times, now_ns, stages);
	bool wanted = log_enabled(LOG_DEBUG, REQUEST_LOGGER), slow = is_slow(req, total_ns, stages);
	if (!conn_is_open(req->conn) || (!wanted && !slow))
		return;
	kdump_init(&k, LINE_BYTES);
	dump_line(&k, req, total_ns, stages);
	if (wanted)
		log_text(LOG_DEBUG, REQUEST_LOGGER, "Completed request:", k.text);
	if (slow)
		log_text(LOG_WARN, REQUEST_LOGGER, "Slow request:", k.text);
	kdump_free(&k);
}
