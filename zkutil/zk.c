/* zk.c - the session and its queue, as the owner sees them, the same over every link (zk_link.h).
 *
 * A request:
 *
 *	zk_send -> waiting -> sent -> done
 *	              ^         |
 *	              +---------+  its connection was lost
 *
 * waiting -> sent when there is a connection and fewer than max_in_flight are sent. Both end at once when the
 * session does. Requests keep the order of zk_send() while they wait, also those that come back.
 */
#include "zkutil/zk_link.h"

#include "broker/base/must.h"

int zk_open(struct zk **out, const struct zk_config *c)
{
	char why[ZK_WHY_BYTES];
	struct zk *zk;
	must(c->post && c->on_state && c->on_watch);
	ALLOC_OBJ(zk, ZK_MAGIC);
	zk->config = *c;
	zk->config.connect = NULL;
	if (!zk->config.max_in_flight)
		zk->config.max_in_flight = ZK_IN_FLIGHT_DEFAULT;
	list_init(&zk->waiting);
	list_init(&zk->sent);
	int rc = zk_connect_parse(&zk->connect, c->connect, why);
	if (rc == 0 && c->no_chroot)
		zk->connect.chroot[0] = 0;
	if (rc == 0)
		rc = zk_link_start(zk);
	if (rc != 0)
		FREE_OBJ(zk);
	*out = zk;
	return rc;
}

static void leave(struct zk *zk, enum zk_order order)
{
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	must(!zk->leaving);
	zk->leaving = true;
	zk_link_order(zk, order);
}

void zk_close(struct zk *zk)
{
	leave(zk, ZK_LEAVE);
}

void zk_abandon(struct zk *zk)
{
	leave(zk, ZK_VANISH);
}

enum zk_state zk_state(const struct zk *zk)
{
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	return zk->state;
}

const struct zk_session *zk_session(const struct zk *zk)
{
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	return &zk->session;
}

void zk_deliver(struct zk *zk, struct zk_event *ev)
{
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	must(ev->run);
	ev->run(zk, ev);
}

/* ---- requests ---- */

static bool is_over(const struct zk *zk)
{
	return zk->state == ZK_EXPIRED || zk->state == ZK_AUTH_FAILED;
}

static enum zk_err over_error(const struct zk *zk)
{
	return zk->state == ZK_AUTH_FAILED ? ZK_NOT_AUTHENTICATED : ZK_SESSION_EXPIRED;
}

static void finish(struct zk_req *r, enum zk_err err)
{
	r->err = err;
	zk_req_settle(r);
	r->done(r);
}

static void put_sent(struct zk *zk, struct zk_req *r)
{
	list_push_back(&zk->sent, &r->link);
	zk->n_sent++;
}

/* Ends by an event, as every request does, so that zk_send() never calls done(). */
static void refuse(struct zk *zk, struct zk_req *r, enum zk_err err)
{
	put_sent(zk, r);
	zk_post_request(r, err);
}

/* By number; one that comes back is older than those that wait, so its place is near the front. */
static void put_waiting(struct zk *zk, struct zk_req *r)
{
	struct list *after = &zk->waiting;
	if (list_empty(&zk->waiting) || list_entry(zk->waiting.prev, struct zk_req, link)->number < r->number)
		after = zk->waiting.prev;
	else
		while (list_entry(after->next, struct zk_req, link)->number < r->number)
			after = after->next;
	list_insert(after, &r->link);
	zk->n_waiting++;
}

static struct zk_req *pop_waiting(struct zk *zk)
{
	struct list *l = list_pop_front(&zk->waiting);
	if (!l)
		return NULL;
	must(zk->n_waiting > 0);
	zk->n_waiting--;
	return list_entry(l, struct zk_req, link);
}

static void on_request(struct zk *zk, struct zk_event *ev);

void zk_post_request(struct zk_req *r, enum zk_err err)
{
	r->err = err;
	r->zk->config.post(r->zk->config.ctx, &r->event);
}

static void send_waiting(struct zk *zk)
{
	while (!zk->leaving && zk->state == ZK_CONNECTED && zk->n_sent < zk->config.max_in_flight) {
		struct zk_req *r = pop_waiting(zk);
		if (!r)
			return;
		put_sent(zk, r);
		enum zk_err err = zk_call_start(zk, r);
		if (err != ZK_OK)
			zk_post_request(r, err);
	}
}

void zk_send(struct zk *zk, struct zk_req *r, void (*done)(struct zk_req *req), void *ctx)
{
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	must(!list_linked(&r->link));
	r->zk = zk;
	r->done = done;
	r->ctx = ctx;
	r->event.run = on_request;
	r->number = zk->next_number++;
	r->losses = 0;
	r->bytes = zk_req_bytes(r);
	if (r->bytes > ZK_MAX_BUFFER_BYTES)
		refuse(zk, r, ZK_TOO_BIG);
	else if (zk->n_waiting >= ZK_QUEUE_MAX)
		refuse(zk, r, ZK_TOO_MANY);
	else if (is_over(zk) && !zk->leaving)
		refuse(zk, r, over_error(zk));
	else
		put_waiting(zk, r); /* when leaving: until CLOSED */
	send_waiting(zk);
}

/* The C client library also fails what it had not sent yet, with the error that the connection ended in. */
static bool is_lost(const struct zk *zk, const struct zk_req *r)
{
	return r->err == ZK_CONNECTION_LOSS || (r->err == ZK_SYSTEM && zk->state != ZK_CONNECTED);
}

/* A request that its server hangs up on would be sent for ever. */
static bool is_poison(const struct zk_req *r)
{
	return r->bytes > ZK_SERVER_BUFFER_BYTES && r->losses >= ZK_BIG_LOSSES_MAX;
}

static void on_request(struct zk *zk, struct zk_event *ev)
{
	struct zk_req *r = container_of(ev, struct zk_req, event);
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	must(r->zk == zk && zk->n_sent > 0);
	list_remove(&r->link);
	zk->n_sent--;
	if (!is_lost(zk, r)) {
		finish(r, r->err);
	} else if (++r->losses, is_poison(r)) {
		zk_req_forget(r);
		finish(r, ZK_TOO_BIG);
	} else if (is_over(zk) && !zk->leaving) {
		zk_req_forget(r);
		finish(r, over_error(zk));
	} else {
		zk_req_forget(r);
		put_waiting(zk, r);
	}
	send_waiting(zk);
}

static void fail_waiting(struct zk *zk, enum zk_err err)
{
	/* not those that the callbacks send anew */
	for (unsigned n = zk->n_waiting; n > 0; n--)
		finish(pop_waiting(zk), err);
}

/* ---- the session ---- */

struct session_event {
	struct zk_event event;
	enum zk_state state;
	struct zk_session session;
};

static void on_session(struct zk *zk, struct zk_event *ev)
{
	struct session_event *e = container_of(ev, struct session_event, event);
	enum zk_state state = e->state;
	bool news = state != zk->state && !(state == ZK_DISCONNECTED && zk->state == ZK_CONNECTING);
	if (zk->leaving || is_over(zk) || !news) {
		free(e);
		return;
	}
	zk->state = state;
	if (state == ZK_CONNECTED)
		zk->session = e->session;
	free(e);
	zk->config.on_state(zk->config.ctx, state);
	if (is_over(zk) && !zk->leaving)
		fail_waiting(zk, over_error(zk));
	send_waiting(zk);
}

void zk_post_session(struct zk *zk, enum zk_state state, const struct zk_session *session)
{
	struct session_event *e = mem_zalloc(sizeof *e);
	e->event.run = on_session;
	e->state = state;
	if (state == ZK_CONNECTED)
		e->session = *session;
	zk->config.post(zk->config.ctx, &e->event);
}

struct change_event {
	struct zk_event event;
	enum zk_change change;
	char path[];
};

static void on_change(struct zk *zk, struct zk_event *ev)
{
	struct change_event *e = container_of(ev, struct change_event, event);
	size_t n = strlen(zk->connect.chroot);
	if (!zk->leaving && strncmp(e->path, zk->connect.chroot, n) == 0)
		zk->config.on_watch(zk->config.ctx, e->change, e->path[n] ? e->path + n : "/");
	free(e);
}

void zk_post_change(struct zk *zk, enum zk_change change, const char *path)
{
	size_t n = strlen(path) + 1;
	struct change_event *e = mem_zalloc(sizeof *e + n);
	e->event.run = on_change;
	e->change = change;
	memcpy(e->path, path, n);
	zk->config.post(zk->config.ctx, &e->event);
}

/* All that the link posted has been delivered. */
void zk_on_closed(struct zk *zk, struct zk_event *ev)
{
	must(zk->leaving && ev == &zk->closed);
	zk_link_finish(zk);
	for (struct list *l; (l = list_pop_front(&zk->sent));)
		finish(list_entry(l, struct zk_req, link), ZK_CLOSING);
	while (zk->n_waiting > 0)
		finish(pop_waiting(zk), ZK_CLOSING);
	zk->state = ZK_CLOSED;
	zk->config.on_state(zk->config.ctx, ZK_CLOSED);
	FREE_OBJ(zk);
}
