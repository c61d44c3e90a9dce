/* admin.c - see admin.h.
 *
 * A call finds its broker, its connection and its version, and is sent. Whatever fails on the way because
 * nobody is there is tried again after a while, by bootstrap with the next address, until the time of
 * admin_begin() is up: Kafka's admin client does the same (KafkaAdminClient.Call).
 */
#include "tools/admin.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/net/tlsctx.h"
#include "metadata.kmsg.h"
#include "tools/link_priv.h"
#include "tools/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	ADMIN_MAGIC = 0xad317001,
	BOOTSTRAP_MAX = 64,
	NS_IN_MS = 1000000,
	ADDRESSES_MAX = 1,
	PORT_MAX = 65535
};
enum { FIRST_BOOTSTRAP_ID = -1 };

struct admin {
	unsigned magic;
	struct tool *tool;
	struct client_settings settings;
	struct properties properties;
	struct link_to_broker **links; /* the bootstrap list first */
	unsigned n_links, n_bootstrap, next_bootstrap;
	struct admin_broker *brokers;
	unsigned n_brokers;
	bool looked; /* brokers and controller were asked for */
	int32_t controller;
	const char *cluster_id;
	const char *call;
	int64_t deadline_ns;
	int64_t backoff_ms; /* before the next try */
};

/* ---- the beginning and the end ---- */

static void add_link(struct admin *a, int32_t id, const char *host, uint16_t port)
{
	a->links = mem_realloc(a->links, (a->n_links + 1) * sizeof(struct link_to_broker *));
	a->links[a->n_links++] = link_new(a->tool, &a->settings, id, host, port);
}

/* "host:port", "[::1]:port" and with "PROTOCOL://" before (org.apache.kafka.common.utils.Utils.getHost). */
static int split(struct tool *t, char *url, const char **host, uint16_t *port)
{
	char *scheme = strstr(url, "://");
	char *begin = scheme ? scheme + 3 : url;
	char *colon = strrchr(begin, ':'), *end = NULL;
	long n = colon ? strtol(colon + 1, &end, 10) : 0;
	if (!colon || colon == begin || end == colon + 1 || *end || n < 1 || n > PORT_MAX)
		return tool_fail(t, "ConfigException", "Invalid url in bootstrap.servers: %s", url);
	*colon = '\0';
	if (begin[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		begin++;
	}
	*host = begin;
	*port = (uint16_t)n;
	return 0;
}

struct resolving {
	const char *host;
	uint16_t port;
	int found;
};

static void resolve(void *arg)
{
	struct resolving *r = arg;
	struct sys_addr address;
	r->found = sys_resolve(r->host, r->port, &address, ADDRESSES_MAX);
}

/* Kafka refuses at once when no name of the list has an address. */
static int take_bootstrap(struct admin *a, const char *list)
{
	char *text = tool_text(a->tool, slice_str(list)), *rest = NULL;
	bool any = false;
	for (char *url = strtok_r(text, ", ", &rest); url; url = strtok_r(NULL, ", ", &rest)) {
		struct resolving r = { 0 };
		if (split(a->tool, url, &r.host, &r.port) < 0)
			return -1;
		if (a->n_links == BOOTSTRAP_MAX)
			return tool_fail(
				a->tool, "ConfigException", "more than %d bootstrap servers", BOOTSTRAP_MAX);
		fiber_offload(a->tool->reactor, resolve, &r, "DNS");
		any |= r.found > 0;
		if (r.found <= 0)
			complain("Couldn't resolve server %s from bootstrap.servers as DNS resolution failed "
				 "for %s\n",
				url, r.host);
		add_link(a, FIRST_BOOTSTRAP_ID - (int32_t)a->n_links, r.host, r.port);
	}
	a->n_bootstrap = a->n_links;
	return any ? 0
		   : tool_fail(a->tool, "ConfigException",
			     "No resolvable bootstrap urls given in bootstrap.servers");
}

struct admin *admin_open(struct tool *t, const char *bootstrap, const char *config_path)
{
	struct admin *a;
	must(t->reactor != NULL && bootstrap != NULL);
	ALLOC_OBJ(a, ADMIN_MAGIC);
	a->tool = t;
	a->controller = -1;
	if (client_properties(t, config_path, &a->properties) < 0 ||
		client_settings(t, &a->properties, &a->settings) < 0 || take_bootstrap(a, bootstrap) < 0) {
		admin_close(a);
		return NULL;
	}
	admin_begin(a, "fetchMetadata", 0);
	return a;
}

void admin_close(struct admin *a)
{
	if (!a)
		return;
	CHECK_OBJ(a, ADMIN_MAGIC);
	for (unsigned i = 0; i < a->n_links; i++)
		link_free(a->links[i]);
	free(a->links);
	if (a->settings.tls)
		tlsctx_put(a->settings.tls);
	properties_free(&a->properties);
	FREE_OBJ(a);
}

void admin_set_timeout(struct admin *a, int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(a, ADMIN_MAGIC);
	a->settings.api_timeout_ms = timeout_ms;
}

void admin_begin(struct admin *a, const char *call, int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(a, ADMIN_MAGIC);
	a->call = call;
	a->deadline_ns = sys_mono_ns() +
		(timeout_ms > 0 ? timeout_ms : a->settings.api_timeout_ms) * NS_IN_MS;
	a->backoff_ms = a->settings.backoff_ms;
}

static int64_t left_ms(const struct admin *a)
{
	return max_of((a->deadline_ns - sys_mono_ns()) / NS_IN_MS, (int64_t)0);
}

/* Waits before the next try, each time twice as long; false when time is up. */
static bool wait_a_while(struct admin *a)
{
	if (left_ms(a) <= 0)
		return false;
	fiber_sleep(a->tool->reactor, min_of(a->backoff_ms, left_ms(a)));
	a->backoff_ms = min_of(a->backoff_ms * 2, a->settings.backoff_max_ms);
	return true;
}

/* ---- who is there ---- */

const struct admin_broker *admin_brokers(const struct admin *a, unsigned *n)
{
	*n = a->n_brokers;
	return a->brokers;
}

const struct admin_broker *admin_broker_of(const struct admin *a, int32_t id)
{
	for (unsigned i = 0; i < a->n_brokers; i++)
		if (a->brokers[i].id == id)
			return &a->brokers[i];
	return NULL;
}

const char *admin_cluster_id(const struct admin *a)
{
	return a->cluster_id;
}

static void take_cluster(struct admin *a, const struct metadata_response *m)
{
	struct tool *t = a->tool;
	a->n_brokers = (unsigned)m->n_brokers;
	a->brokers = tool_alloc(t, a->n_brokers * sizeof *a->brokers);
	for (unsigned i = 0; i < a->n_brokers; i++)
		a->brokers[i] = (struct admin_broker){
			.id = m->brokers[i].node_id,
			.host = tool_text(t, m->brokers[i].host),
			.port = m->brokers[i].port,
			.rack = slice_is_null(m->brokers[i].rack) ? NULL : tool_text(t, m->brokers[i].rack),
		};
	a->controller = m->controller_id;
	a->cluster_id = slice_is_null(m->cluster_id) ? NULL : tool_text(t, m->cluster_id);
	a->looked = true;
}

int admin_look(struct admin *a)
{
	struct metadata_request_topic none;
	struct metadata_request request;
	struct metadata_response response;
	metadata_request_defaults(&request);
	request.topics = &none;
	request.n_topics = 0;
	request.allow_auto_topic_creation = true; /* there is no topic; v0 to v3 do not have the field */
	if (admin_call(a, ADMIN_ANY, KAPI_METADATA, &request, &response) < 0)
		return -1;
	take_cluster(a, &response);
	return 0;
}

/* ---- connections ---- */

static struct link_to_broker *link_of_broker(struct admin *a, const struct admin_broker *b)
{
	for (unsigned i = a->n_bootstrap; i < a->n_links; i++) {
		struct link_to_broker *l = a->links[i];
		if (l->id == b->id && l->port == (uint16_t)b->port && strcmp(l->host, b->host) == 0)
			return l;
	}
	add_link(a, b->id, b->host, (uint16_t)b->port);
	return a->links[a->n_links - 1];
}

/* One that is open, or the next of the bootstrap list. */
static struct link_to_broker *any_link(struct admin *a)
{
	for (unsigned i = 0; i < a->n_links; i++)
		if (a->links[i]->open)
			return a->links[i];
	return a->links[a->next_bootstrap++ % a->n_bootstrap];
}

/* NULL while nobody knows such a broker. */
static struct link_to_broker *choose(struct admin *a, int32_t node)
{
	if (node == ADMIN_ANY)
		return any_link(a);
	if (!a->looked && admin_look(a) < 0)
		return NULL;
	const struct admin_broker *b = admin_broker_of(a, node == ADMIN_CONTROLLER ? a->controller : node);
	return b ? link_of_broker(a, b) : NULL;
}

static void tell_unreachable(const struct link_to_broker *l, int error)
{
	complain("WARN [AdminClient clientId=%s] Connection to node %" PRId32
		 " (%s:%u) could not be established: %s "
		 "(%s)\n",
		l->settings->client_id, l->id, l->host, l->port, l->why[0] ? l->why : "no answer",
		strerror(-error));
}

static int no_time(struct admin *a, const struct link_to_broker *l)
{
	if (!l || l->id <= FIRST_BOOTSTRAP_ID)
		return tool_fail(a->tool, "TimeoutException",
			"Timed out waiting for a node assignment. Call: %s", a->call);
	return tool_fail(
		a->tool, "TimeoutException", "Timed out waiting to send the call. Call: %s", a->call);
}

/* Who refuses a certificate will refuse it again: no reason to wait for the end of time. */
static bool is_refused(const struct link_to_broker *l, int error)
{
	return l->settings->tls && error == -EPROTO && strncmp(l->why, "SSL handshake failed", 20) == 0;
}

/* A connection that is open to whom the call is for. */
static struct link_to_broker *reach(struct admin *a, int32_t node)
{
	for (;;) {
		struct link_to_broker *l = choose(a, node);
		if (!l && a->tool->failure.words)
			return NULL;
		int rc = l ? link_open(l, max_of(left_ms(a), (int64_t)1)) : -ENOENT;
		if (rc == 0)
			return l;
		if (l)
			tell_unreachable(l, rc);
		if (l && is_refused(l, rc)) {
			tool_fail(a->tool, "SslAuthenticationException", "SSL handshake failed");
			return NULL;
		}
		if (!wait_a_while(a)) {
			no_time(a, l);
			return NULL;
		}
		if (!l && admin_look(a) < 0)
			return NULL;
	}
}

static int version_of(struct admin *a, const struct link_to_broker *l, const struct kapi *api)
{
	int lowest, highest, version = link_version(l, api, &lowest, &highest);
	if (version >= 0)
		return version;
	if (highest < 0)
		return tool_fail(
			a->tool, "UnsupportedVersionException", "The node does not support %s", api->name);
	return tool_fail(a->tool, "UnsupportedVersionException",
		"The node does not support %s with version in range [%d,%d]. The supported range is [%d,%d].",
		api->name, api->min, api->max, lowest, highest);
}

int admin_version(struct admin *a, int32_t node, int key)
{
	struct link_to_broker *l = reach(a, node);
	return l ? version_of(a, l, kapi_find(key)) : -1;
}

bool admin_serves(struct admin *a, int32_t node, int key)
{
	int lowest, highest;
	struct link_to_broker *l = reach(a, node);
	return l && link_version(l, kapi_find(key), &lowest, &highest) >= 0;
}

const struct api_versions_response *admin_served(struct admin *a, int32_t node)
{
	struct link_to_broker *l = reach(a, node);
	return l ? &l->served : NULL;
}

/* ---- calls ---- */

int admin_call(struct admin *a, int32_t node, int key, const void *request, void *response)
{
	const struct kapi *api = kapi_find(key);
	CHECK_OBJ_NOTNULL(a, ADMIN_MAGIC);
	must(api != NULL);
	for (;;) {
		struct link_to_broker *l = reach(a, node);
		int version = l ? version_of(a, l, api) : -1;
		if (version < 0)
			return -1;
		int64_t time = max_of(min_of(left_ms(a), a->settings.request_timeout_ms), (int64_t)1);
		int rc = link_call(l, api, version, request, response, time);
		if (rc == 0)
			return 0;
		if (rc == -ENOMEM)
			return tool_fail(a->tool, "KafkaException",
				"the answers of the brokers are larger than this command can hold");
		if (rc == -EBADMSG || rc == -EMSGSIZE)
			return tool_fail(a->tool, "KafkaException", "%s",
				rc == -EBADMSG ? l->why : "the request is too large");
		if (!wait_a_while(a))
			return tool_fail(a->tool, "TimeoutException", "Call(callName=%s) timed out: %s",
				a->call, rc == -ETIMEDOUT ? "no answer came" : "the connection ended");
	}
}

bool admin_again(struct admin *a, int code)
{
	CHECK_OBJ_NOTNULL(a, ADMIN_MAGIC);
	if (code == KERR_NONE || !(kerr_is_retriable(code) || code == KERR_NOT_CONTROLLER))
		return false;
	if (!wait_a_while(a))
		return false;
	return admin_look(a) == 0;
}

bool admin_moved(struct admin *a, int code)
{
	return code == KERR_NOT_CONTROLLER && admin_again(a, code);
}
