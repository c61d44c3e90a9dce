/* client.c - see client.h.
 *
 *	RESOLVING --helper is back--> CONNECTING --stream is open--> OPEN
 *	    |                          |   ^ |                         |
 *	    |                          |   +-+ the next address        |
 *	    +------- error, deadline, client_close(), peer ------------+--> CLOSED
 *
 * Freed when it is CLOSED and nobody holds it any more: the helper that resolves, or the stream.
 */
#include "broker/net/client.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/net/stream_priv.h"

#include <errno.h>

enum { CLIENT_MAGIC = 0x0c11e27d, CALL_MAGIC = 0x0ca110fe };
enum { ADDRESSES_MAX = 4, NS_IN_MS = 1000000, CORRELATION_BYTES = 4 };

enum client_state { CLIENT_RESOLVING, CLIENT_CONNECTING, CLIENT_OPEN, CLIENT_CLOSED };

struct client {
	unsigned magic;
	enum client_state state;
	struct client_config config;
	char *host;
	struct lane *lane;
	struct stream stream;  /* while CONNECTING and OPEN, and until it is released */
	struct list calls;     /* under way, in the order of their responses */
	unsigned in_flight;
	int32_t next_correlation;
	struct timer deadline; /* of connecting, then of the call that is due first */
	struct job resolve;
	int n_addresses, next_address;
	struct sys_addr addresses[ADDRESSES_MAX];
};

static void connect_next(struct client *c);

static struct client *client_of(const struct stream *s)
{
	struct client *c = container_of(s, struct client, stream);
	CHECK_OBJ(c, CLIENT_MAGIC);
	return c;
}

/* ---- the end ---- */

static void client_free(struct client *c)
{
	must(c->state == CLIENT_CLOSED && list_empty(&c->calls));
	if (c->config.tls)
		tlsctx_put(c->config.tls);
	free(c->host);
	FREE_OBJ(c);
}

/* All that wait are told, then the owner. Memory goes later. */
static void end(struct client *c, int error, const char *why)
{
	if (c->state == CLIENT_CLOSED)
		return;
	c->state = CLIENT_CLOSED;
	timer_cancel(c->lane->reactor, &c->deadline);
	while (!list_empty(&c->calls)) {
		struct client_call *call = list_entry(list_pop_front(&c->calls), struct client_call, link);
		c->in_flight--;
		call->magic = 0;
		call->done(call, error ? error : -ECONNRESET, SLICE_NULL, NULL);
	}
	c->config.on_close(c, c->config.arg, error == -ECANCELED ? 0 : error, why);
}

/* Ends it from above: the stream too, when there is one. */
static void end_all(struct client *c, int error, const char *why)
{
	bool has_stream = c->state == CLIENT_CONNECTING || c->state == CLIENT_OPEN;
	end(c, error, why);
	if (has_stream)
		stream_close(&c->stream, error == -ECANCELED ? 0 : error, why);
}

void client_close(struct client *c)
{
	CHECK_OBJ_NOTNULL(c, CLIENT_MAGIC);
	end_all(c, -ECANCELED, "closed by us");
}

/* ---- time ---- */

static void arm(struct client *c, int64_t due_ns)
{
	struct reactor *r = c->lane->reactor;
	if (!timer_armed(&c->deadline) || c->deadline.due_ns > due_ns)
		timer_arm(r, &c->deadline, max_of((due_ns - reactor_now_ns(r)) / NS_IN_MS, (int64_t)0));
}

static int64_t first_due_ns(const struct client *c)
{
	int64_t due = INT64_MAX;
	list_for_each(it, &c->calls)
		due = min_of(due, list_entry(it, struct client_call, link)->deadline_ns);
	return due;
}

/* Responses that came in time leave the timer as it is; here it is found out whether anybody still waits. */
static void deadline(struct reactor *here, struct timer *t)
{
	struct client *c = container_of(t, struct client, deadline);
	CHECK_OBJ(c, CLIENT_MAGIC);
	int64_t due = c->state == CLIENT_OPEN ? first_due_ns(c) : 0;
	if (due > reactor_now_ns(here)) {
		if (due != INT64_MAX)
			arm(c, due);
		return;
	}
	end_all(c, -ETIMEDOUT, c->state == CLIENT_OPEN ? "a request was not answered in time"
						       : "the connection did not come about in time");
}

/* ---- the stream's events ---- */

static void opened(struct stream *s)
{
	struct client *c = client_of(s);
	c->state = CLIENT_OPEN;
	timer_cancel(c->lane->reactor, &c->deadline);
	c->config.on_open(c, c->config.arg);
}

static void frame(struct stream *s, struct slice bytes, struct buf *holder)
{
	struct client *c = client_of(s);
	struct client_call *call = NULL;
	if (!list_empty(&c->calls))
		call = list_entry(c->calls.next, struct client_call, link);
	if (!call || bytes.n < CORRELATION_BYTES || (int32_t)get_be32(bytes.p) != call->correlation_id) {
		end_all(c, -EPROTO, "the response is to no request of ours");
		return;
	}
	must(call->magic == CALL_MAGIC);
	list_remove(&call->link);
	c->in_flight--;
	call->magic = 0;
	call->done(call, 0, bytes, holder);
}

static void active(struct stream *s)
{
	(void)s;
}

static bool owes(const struct stream *s)
{
	(void)s;
	return false;
}

static void closed(struct stream *s, int error, const char *why)
{
	struct client *c = client_of(s);
	const char *tls = c->config.tls ? filter_tls_error(s->top) : "";
	bool more = c->state == CLIENT_CONNECTING && error != 0 && !tls[0] &&
		c->next_address < c->n_addresses;
	if (!more)
		end(c, error, tls[0] ? tls : why);
}

static void release(struct stream *s)
{
	struct client *c = client_of(s);
	if (c->state == CLIENT_CLOSED)
		client_free(c);
	else
		connect_next(c);
}

static const struct stream_ops client_stream_ops = {
	.out_high = UINT64_MAX, /* what goes out is the owner's to bound */
	.opened = opened,
	.frame = frame,
	.active = active,
	.owes = owes,
	.closed = closed,
	.release = release,
};

/* ---- the beginning ---- */

static void connect_next(struct client *c)
{
	int fd = -ENOENT;
	while (fd < 0 && c->next_address < c->n_addresses)
		fd = sys_connect(&c->addresses[c->next_address++]);
	if (fd < 0) {
		end(c, fd, "no address can be connected to");
		client_free(c);
		return;
	}
	sys_socket_buffers(fd, c->config.send_buffer_bytes, c->config.receive_buffer_bytes);
	struct filter *top = filter_tcp_new(c->lane, NULL, fd, true);
	if (c->config.tls)
		top = filter_tls_new(c->lane, top, c->config.tls, c->host);
	c->state = CLIENT_CONNECTING;
	stream_start(&c->stream, &client_stream_ops, c->lane, top, fd, c->config.response_max_bytes);
}

static void resolve_work(struct job *job)
{
	struct client *c = container_of(job, struct client, resolve);
	c->n_addresses = sys_resolve(c->host, c->config.port, c->addresses, ADDRESSES_MAX);
}

static void resolved(struct reactor *here, struct job *job)
{
	struct client *c = container_of(job, struct client, resolve);
	CHECK_OBJ(c, CLIENT_MAGIC);
	reactor_must_be_here(here);
	if (c->state == CLIENT_CLOSED) {
		client_free(c);
	} else if (c->n_addresses <= 0) {
		end(c, c->n_addresses < 0 ? c->n_addresses : -ENOENT, "the name has no address");
		client_free(c);
	} else {
		connect_next(c);
	}
}

struct client *client_open(struct lane *lane, const struct client_config *config)
{
	struct client *c;
	must(config->on_open && config->on_close && config->host);
	reactor_must_be_here(lane->reactor);
	ALLOC_OBJ(c, CLIENT_MAGIC);
	c->config = *config;
	c->host = mem_strdup(config->host);
	c->config.host = c->host;
	if (config->tls)
		tlsctx_get(config->tls);
	c->lane = lane;
	c->deadline.fire = deadline;
	c->resolve.work = resolve_work;
	c->resolve.done = resolved;
	list_init(&c->calls);
	timer_arm(lane->reactor, &c->deadline, config->connect_ms);
	reactor_offload(lane->reactor, &c->resolve, "DNS");
	return c;
}

/* ---- calls ---- */

int32_t client_next_correlation(struct client *c)
{
	CHECK_OBJ_NOTNULL(c, CLIENT_MAGIC);
	c->next_correlation = c->next_correlation == INT32_MAX ? 0 : c->next_correlation + 1;
	return c->next_correlation;
}

int client_send_only(struct client *c, struct chain *request)
{
	CHECK_OBJ_NOTNULL(c, CLIENT_MAGIC);
	if (c->state != CLIENT_OPEN)
		return -ENOTCONN;
	stream_send(&c->stream, request);
	return 0;
}

int client_send(struct client *c, struct client_call *call, struct chain *request, int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(c, CLIENT_MAGIC);
	must(call->done != NULL && timeout_ms >= 0);
	if (c->state == CLIENT_OPEN && c->in_flight >= CLIENT_IN_FLIGHT_MAX)
		return -EAGAIN;
	int rc = client_send_only(c, request);
	if (rc < 0)
		return rc;
	call->magic = CALL_MAGIC;
	call->deadline_ns = reactor_now_ns(c->lane->reactor) + timeout_ms * NS_IN_MS;
	list_push_back(&c->calls, &call->link);
	c->in_flight++;
	arm(c, call->deadline_ns);
	return 0;
}

unsigned client_in_flight(const struct client *c)
{
	CHECK_OBJ_NOTNULL(c, CLIENT_MAGIC);
	return c->in_flight;
}
