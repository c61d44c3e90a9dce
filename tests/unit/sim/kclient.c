/* kclient.c - see kclient.h. */
#include "tests/unit/sim/kclient.h"

#include "broker/base/must.h"
#include "headers.kmsg.h"

#include <errno.h>

/* ---- waiting ---- */

static void wake(struct kclient *c)
{
	if (c->waits)
		fiber_resume(c->waits);
	c->waits = NULL;
}

static void io_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct kclient *c = container_of(io, struct kclient, io);
	must(here == c->reactor && events != 0);
	io_watch(here, io, 0);
	if (events & SYS_HANGUP)
		io_unwatch(here, io); /* the next call tells why */
	wake(c);
}

static void timer_fired(struct reactor *here, struct timer *t)
{
	struct kclient *c = container_of(t, struct kclient, timer);
	must(here == c->reactor);
	c->timed_out = true;
	wake(c);
}

/* Until the descriptor may be ready, or the timer has fired. */
static int wait_for(struct kclient *c, uint32_t events)
{
	if (c->timed_out)
		return -ETIMEDOUT;
	io_watch(c->reactor, &c->io, events);
	c->waits = fiber_self(c->reactor);
	while (c->waits)
		fiber_suspend(c->reactor);
	return c->timed_out ? -ETIMEDOUT : 0;
}

static void set_timer(struct kclient *c, int64_t ms)
{
	c->timed_out = false;
	timer_arm(c->reactor, &c->timer, ms);
}

static int ended(struct kclient *c, int rc)
{
	timer_cancel(c->reactor, &c->timer);
	if (rc < 0)
		kclient_close(c);
	return rc;
}

/* ---- life ---- */

void kclient_init(struct kclient *c, struct reactor *r, const char *host, uint16_t port)
{
	*c = (struct kclient){ .magic = KCLIENT_MAGIC, .reactor = r, .host = host, .port = port, .fd = -1 };
	c->timer.fire = timer_fired;
	arena_init(&c->arena, KCLIENT_ARENA_BYTES);
}

void kclient_close(struct kclient *c)
{
	CHECK_OBJ_NOTNULL(c, KCLIENT_MAGIC);
	if (c->fd < 0)
		return;
	io_unwatch(c->reactor, &c->io);
	sys_close(c->fd);
	c->fd = -1;
	c->in_n = 0;
}

void kclient_fini(struct kclient *c)
{
	must(c->fd < 0 && !timer_armed(&c->timer));
	arena_free(&c->arena);
	free(c->in);
	c->magic = 0;
}

int kclient_connect(struct kclient *c, int64_t timeout_ms)
{
	struct sys_addr at;
	CHECK_OBJ_NOTNULL(c, KCLIENT_MAGIC);
	must(c->fd < 0);
	int rc = sys_resolve(c->host, c->port, &at, 1);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	c->fd = sys_connect(&at);
	if (c->fd < 0)
		return c->fd;
	c->io = (struct io){ .fd = c->fd, .ready = io_ready };
	set_timer(c, timeout_ms);
	rc = wait_for(c, SYS_WRITABLE);
	return ended(c, rc < 0 ? rc : sys_connected(c->fd));
}

/* ---- requests and answers ---- */

static struct buf *build(struct kclient *c, const struct kapi *api, int version, const void *request)
{
	struct kenc e;
	int header = kapi_request_header(api, version);
	struct request_header h = { .request_api_key = api->key, .request_api_version = (int16_t)version,
		.correlation_id = ++c->correlation, .client_id = slice_str("sim") };
	kenc_init(&e, NULL, KCLIENT_FRAME_MAX);
	kenc_frame_begin(&e);
	request_header_encode(&e, header, &h);
	api->request->encode(&e, version, request);
	kenc_frame_end(&e);
	return kenc_finish_buf(&e);
}

static int send_all(struct kclient *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		struct iovec v = { (void *)(uintptr_t)p, n };
		ssize_t k = sys_sendv(c->fd, &v, 1, false);
		if (k < 0 && k != -EAGAIN)
			return (int)k;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			continue;
		}
		int rc = wait_for(c, SYS_WRITABLE);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int kclient_send(struct kclient *c, enum kapi_key key, int version, const void *request, int32_t *correlation,
	int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(c, KCLIENT_MAGIC);
	if (c->fd < 0)
		return -ENOTCONN;
	struct buf *b = build(c, kapi_find(key), version, request);
	must(b != NULL);
	*correlation = c->correlation;
	set_timer(c, timeout_ms);
	int rc = send_all(c, b->bytes, b->used);
	buf_put(b);
	return ended(c, rc);
}

/* Until `n` bytes are there. */
static int receive(struct kclient *c, size_t n)
{
	if (n > KCLIENT_FRAME_MAX)
		return -EMSGSIZE;
	if (n > c->in_room) {
		c->in_room = n;
		c->in = mem_realloc(c->in, n);
	}
	while (c->in_n < n) {
		ssize_t k = sys_recv(c->fd, c->in + c->in_n, n - c->in_n);
		if (k == 0)
			return -ECONNRESET;
		if (k < 0 && k != -EAGAIN)
			return (int)k;
		if (k > 0) {
			c->in_n += (size_t)k;
			continue;
		}
		int rc = wait_for(c, SYS_READABLE);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int kclient_receive(struct kclient *c, enum kapi_key key, int version, int32_t correlation, void *response,
	int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(c, KCLIENT_MAGIC);
	struct response_header header;
	struct kdec d;
	if (c->fd < 0)
		return -ENOTCONN;
	set_timer(c, timeout_ms);
	int rc = receive(c, 4);
	if (rc == 0)
		rc = receive(c, 4 + (size_t)get_be32(c->in));
	if (rc < 0)
		return ended(c, rc);
	arena_reset(&c->arena);
	kdec_init(&d, slice_of(c->in + 4, c->in_n - 4), &c->arena);
	must(response_header_decode(&d, kapi_response_header(kapi_find(key), version), &header) == 0);
	must(header.correlation_id == correlation);
	must(kapi_find(key)->response->decode(&d, version, response) == 0);
	c->in_n = 0;
	return ended(c, 0);
}

int kclient_call(struct kclient *c, enum kapi_key key, int version, const void *request, void *response,
	int64_t timeout_ms)
{
	int32_t correlation;
	int rc = kclient_send(c, key, version, request, &correlation, timeout_ms);
	return rc < 0 ? rc : kclient_receive(c, key, version, correlation, response, timeout_ms);
}
