/* zk_client.h - a ZooKeeper client in a test, the loop that delivers its events, and the cases that every
 * server must pass, the real one (ut_zk.c) and the simulated one (ut_zk_sim.c). Waits are for events,
 * bounded by a limit that only a failure reaches.
 */
#ifndef SAMSA_TESTS_ZK_CLIENT_H
#define SAMSA_TESTS_ZK_CLIENT_H

#include "zkutil/zk.h"

#include "broker/base/must.h"

#include <stdio.h>
#include <string.h>

enum { ZK_CASES_SESSION_MS = 10000 };

/* zk_cases.c: with a server that runs and knows nothing yet. The exit status. */
int zk_cases_run(const char *suite);

/* ---- what the world gives, and how it waits ---- */

const char *world_connect(void);       /* "host:port" */
void world_server_start(void);
void world_server_freeze(void);        /* no answers until it is killed */
void world_server_kill(void);

/* One lock for all clients, as one thread turns them. world_wait() is called with it; false when the
 * limit came first. */
void world_lock(void);
void world_unlock(void);
void world_wake(void);
bool world_wait(bool (*until)(void *arg), void *arg);

/* ---- a client and its loop ---- */

struct queued {
	struct queued *next;
};

struct client {
	struct zk *zk;
	struct queued *first, **last;
	unsigned states[ZK_CLOSED + 1];    /* how often each was told */
	unsigned changes[ZK_CHILDREN_CHANGED + 1];
	char changed[64];                  /* the path of the last */
	struct zk_session session;         /* kept beyond the client */
	void (*on_watch)(void *arg, enum zk_change change, const char *path);
	void *watch_arg;
};

static void client_post(void *ctx, struct zk_event *ev)
{
	struct client *c = ctx;
	struct queued *q = (struct queued *)(void *)ev->room;
	world_lock();
	q->next = NULL;
	*c->last = q;
	c->last = &q->next;
	world_wake();
	world_unlock();
}

static void client_state(void *ctx, enum zk_state state)
{
	struct client *c = ctx;
	c->states[state]++;
	if (state == ZK_CONNECTED)
		c->session = *zk_session(c->zk);
	if (state == ZK_CLOSED)
		c->zk = NULL;
}

static void client_watch(void *ctx, enum zk_change change, const char *path)
{
	struct client *c = ctx;
	c->changes[change]++;
	snprintf(c->changed, sizeof c->changed, "%s", path);
	if (c->on_watch)
		c->on_watch(c->watch_arg, change, path);
}

static bool client_has_event(void *arg)
{
	const struct client *c = arg;
	return c->first != NULL;
}

/* Delivers the next event; false when none came in time. */
static inline bool client_turn(struct client *c)
{
	world_lock();
	bool any = world_wait(client_has_event, c);
	struct queued *q = c->first;
	if (q && !(c->first = q->next))
		c->last = &c->first;
	world_unlock();
	if (any)
		zk_deliver(c->zk, container_of((void *)q, struct zk_event, room));
	return any;
}

static inline void client_open_at(struct client *c, const char *connect, const struct zk_session *resume,
	bool no_chroot)
{
	*c = (struct client){ .zk = NULL };
	c->last = &c->first;
	struct zk_config config = { .connect = connect, .no_chroot = no_chroot,
		.session_timeout_ms = ZK_CASES_SESSION_MS, .ctx = c, .post = client_post,
		.on_state = client_state, .on_watch = client_watch };
	if (resume)
		config.resume = *resume;
	must(zk_open(&c->zk, &config) == 0);
}

static inline void client_open(struct client *c, const struct zk_session *resume)
{
	client_open_at(c, world_connect(), resume, false);
}

/* Until `state` was told once more than `before` times. */
static inline bool client_wait(struct client *c, enum zk_state state, unsigned before)
{
	while (c->states[state] <= before)
		if (!client_turn(c))
			return false;
	return true;
}

static inline void client_drain(struct client *c)
{
	must(client_wait(c, ZK_CLOSED, 0));
	must(!c->first);
}

static inline void client_close(struct client *c)
{
	zk_close(c->zk);
	client_drain(c);
}

/* ---- a request that counts its own end ---- */

struct zk_job {
	struct zk_req r;
	unsigned done;
};

static void job_done(struct zk_req *r)
{
	struct zk_job *j = r->ctx;
	must(r == &j->r);
	j->done++;
}

static inline void job_send(struct client *c, struct zk_job *j)
{
	j->done = 0;
	zk_send(c->zk, &j->r, job_done, j);
	must(j->done == 0);
}

static inline enum zk_err job_wait(struct client *c, struct zk_job *j)
{
	while (!j->done)
		must(client_turn(c));
	return j->r.err;
}

static inline enum zk_err job_run(struct client *c, struct zk_job *j)
{
	job_send(c, j);
	return job_wait(c, j);
}

/* For those whose answer is their error alone. */
static inline enum zk_err write_one(struct client *c, struct zk_op op)
{
	struct zk_job j;
	zk_req_write(&j.r, op);
	enum zk_err err = job_run(c, &j);
	zk_req_fini(&j.r);
	return err;
}

static inline enum zk_err create(struct client *c, const char *path, struct slice data, enum zk_mode mode)
{
	return write_one(c, zk_op_create(path, data, mode));
}

static inline enum zk_err exists(struct client *c, const char *path)
{
	struct zk_job j;
	zk_req_exists(&j.r, path, false);
	enum zk_err err = job_run(c, &j);
	zk_req_fini(&j.r);
	return err;
}

#endif
