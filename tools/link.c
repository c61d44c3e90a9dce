/* link.c - see link_priv.h. */
#include <config.h> /* the build's */

#include "tools/link_priv.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/net/client.h"
#include "headers.kmsg.h"
#include "tools/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_MAGIC = 0x11a70b20, WAIT_MAGIC = 0x11a70b21, REQUEST_MAX_BYTES = 256 << 20 };
/* In which versions a broker is asked what it serves: 4 tells of features that may be off, 3 is older, and
 * all know 0. */
static const int ask_versions[] = { 4, 3, 0 };

/* A call under way; on the fiber's stack. */
struct waiting {
	unsigned magic;
	struct client_call call;
	struct link_to_broker *link;
	struct fiber_event done;
	int error;
	struct slice frame; /* in the tool's arena */
};

static void on_open(struct client *c, void *arg)
{
	struct link_to_broker *l = arg;
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	must(c != NULL);
	l->open = true;
	fiber_event_set(&l->settled);
}

static void on_close(struct client *c, void *arg, int error, const char *why)
{
	struct link_to_broker *l = arg;
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	must(l->client == c || !l->client);
	l->client = NULL;
	l->open = false;
	l->error = error ? error : -ECONNRESET;
	snprintf(l->why, sizeof l->why, "%s", why);
	fiber_event_set(&l->settled);
}

struct link_to_broker *link_new(
	struct tool *t, const struct client_settings *settings, int32_t id, const char *host, uint16_t port)
{
	struct link_to_broker *l;
	ALLOC_OBJ(l, LINK_MAGIC);
	l->tool = t;
	l->settings = settings;
	l->id = id;
	l->host = mem_strdup(host);
	l->port = port;
	return l;
}

void link_free(struct link_to_broker *l)
{
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	if (l->client)
		client_close(l->client);
	free((char *)l->host);
	FREE_OBJ(l);
}

static int connect_to(struct link_to_broker *l, int64_t timeout_ms)
{
	const struct client_settings *s = l->settings;
	const struct client_config config = {
		.host = l->host,
		.port = l->port,
		.tls = s->tls,
		.response_max_bytes = ADMIN_RESPONSE_MAX_BYTES,
		.send_buffer_bytes = (int)s->send_buffer_bytes,
		.receive_buffer_bytes = (int)s->receive_buffer_bytes,
		.connect_ms = min_of(timeout_ms, s->connect_timeout_ms),
		.on_open = on_open,
		.on_close = on_close,
		.arg = l,
	};
	fiber_event_init(&l->settled);
	l->client = client_open(l->tool->lane, &config);
	fiber_wait(l->tool->reactor, &l->settled);
	return l->open ? 0 : l->error;
}

/* ---- calls ---- */

static void answered(struct client_call *call, int error, struct slice response, struct buf *holder)
{
	struct waiting *w = container_of(call, struct waiting, call);
	CHECK_OBJ(w, WAIT_MAGIC);
	(void)holder;
	w->error = error;
	if (error == 0) {
		uint8_t *copy = arena_alloc(&w->link->tool->arena, response.n);
		if (copy)
			memcpy(copy, response.p, response.n);
		w->frame = slice_of(copy, response.n);
		w->error = copy ? 0 : -ENOMEM;
	}
	fiber_event_set(&w->done);
}

static int encode(struct link_to_broker *l, const struct kapi *api, int version, const void *request,
	int32_t correlation, struct chain *out)
{
	struct kenc e;
	struct request_header header = {
		.request_api_key = api->key,
		.request_api_version = (int16_t)version,
		.correlation_id = correlation,
		.client_id = slice_str(l->settings->client_id),
	};
	int header_version = kapi_request_header(api, version);
	if (header_version == 0)
		header.client_id = SLICE_NULL;
	chain_init(out);
	kenc_init(&e, out, REQUEST_MAX_BYTES);
	kenc_frame_begin(&e);
	request_header_encode(&e, header_version, &header);
	api->request->encode(&e, version, request);
	kenc_frame_end(&e);
	return kenc_finish(&e);
}

static int decode(
	struct link_to_broker *l, const struct kapi *api, int version, struct slice frame, void *response)
{
	struct kdec d;
	struct response_header header;
	int header_version = kapi_response_header(api, version);
	kdec_init(&d, frame, &l->tool->arena);
	int error = response_header_decode(&d, header_version, &header);
	if (!error)
		error = api->response->decode(&d, version, response);
	if (!error)
		return 0;
	snprintf(l->why, sizeof l->why, "%s %d from %s:%u cannot be read: %s", api->response->name, version,
		l->host, l->port, kdec_error_text(error));
	return -EBADMSG;
}

int link_call(struct link_to_broker *l, const struct kapi *api, int version, const void *request,
	void *response, int64_t timeout_ms)
{
	struct chain chain;
	struct waiting w = { .magic = WAIT_MAGIC, .link = l };
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	if (!l->open)
		return -ENOTCONN;
	w.call.done = answered;
	w.call.correlation_id = client_next_correlation(l->client);
	fiber_event_init(&w.done);
	int rc = encode(l, api, version, request, w.call.correlation_id, &chain);
	if (rc == 0)
		rc = client_send(l->client, &w.call, &chain, timeout_ms);
	if (rc == 0) {
		fiber_wait(l->tool->reactor, &w.done);
		rc = w.error;
	}
	chain_clear(&chain);
	return rc ? rc : decode(l, api, version, w.frame, response);
}

/* ---- versions ---- */

/* A broker that does not know the version we ask in answers in v0 and says so. */
static int ask_served(struct link_to_broker *l, int64_t timeout_ms)
{
	const struct kapi *api = kapi_find(KAPI_API_VERSIONS);
	int rc = -EBADMSG;
	for (size_t i = 0; i < countof(ask_versions) && rc == -EBADMSG && l->open; i++) {
		struct api_versions_request request = { .client_software_name = SLICE_NULL };
		if (ask_versions[i] > 0)
			request = (struct api_versions_request){ SLICE_LIT("samsa-tools"),
				SLICE_LIT(PACKAGE_VERSION) };
		rc = link_call(l, api, ask_versions[i], &request, &l->served, timeout_ms);
	}
	if (rc == 0 && l->served.error_code != KERR_NONE) {
		snprintf(l->why, sizeof l->why, "ApiVersions: %s", kerr_name(l->served.error_code));
		return -EPROTO;
	}
	return rc;
}

int link_open(struct link_to_broker *l, int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	if (l->open)
		return 0;
	int rc = connect_to(l, timeout_ms);
	if (rc == 0)
		rc = ask_served(l, min_of(timeout_ms, l->settings->request_timeout_ms));
	if (rc < 0 && l->client)
		client_close(l->client);
	return rc;
}

int link_version(const struct link_to_broker *l, const struct kapi *api, int *lowest, int *highest)
{
	CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
	*lowest = *highest = -1;
	for (int32_t i = 0; i < l->served.n_api_keys; i++) {
		const struct api_versions_response_api_key *k = &l->served.api_keys[i];
		if (k->api_key != api->key)
			continue;
		*lowest = k->min_version;
		*highest = k->max_version;
		int version = min_of(k->max_version, api->max);
		return version >= max_of(k->min_version, api->min) ? version : -1;
	}
	return -1;
}
