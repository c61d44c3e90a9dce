/* zkc.c - see zkc.h. Sessions of one zkc:
 *
 *	[closing what was left behind] -> opening -> open -> expired -> opening -> ... -> closing
 */
#include "broker/cluster/zkc.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "zkutil/connect.h"

#include <string.h>

#define ZKC_MAGIC 0x2c117e47u
#define LOGGER "kafka.zookeeper.ZooKeeperClient"

enum {
	STATES = ZK_CLOSED + 1,
	WAITING_SAY_MS = 10 * 1000, /* how often a long wait for ZooKeeper is told */
};

/* One handle of the client library: the main session, or a short one before it. */
struct era {
	struct zkc *z;
	struct zk *zk;
	bool main;
};

struct zkc {
	unsigned magic;
	struct reactor *control;
	struct zkc_config config;
	struct era *era;     /* the main session's; NULL while there is none to call */
	enum zk_state state; /* of the era that was opened last */
	bool had_session;    /* on_session is for the sessions after the first */
	bool closing;
	bool starting;       /* see zkc_started() */
	bool heard;          /* a server was there when it began to close */
	int64_t session_id;  /* of the last CONNECTED, to tell a new session from a new connection */
	struct list listeners, watches;
	struct fiber_event changed; /* set, and begun anew, at each change of state */
	uint64_t changes[STATES];   /* how often each state was reached */
};

/* ---- from the client's threads to the control reactor ---- */

struct delivery {
	struct msg msg;
	struct era *era;
	struct zk_event *event;
};

static void deliver(struct reactor *here, struct msg *m)
{
	struct delivery *d = container_of(m, struct delivery, msg);
	reactor_must_be_here(here);
	zk_deliver(d->era->zk, d->event);
	free(d);
}

/* Any thread. */
static void post(void *ctx, struct zk_event *event)
{
	struct era *era = ctx;
	struct delivery *d = mem_alloc(sizeof *d);
	*d = (struct delivery){ .msg.run = deliver, .era = era, .event = event };
	reactor_post_foreign(era->z->control, &d->msg);
}

/* ---- sessions ---- */

static void tell_changed(struct zkc *z)
{
	fiber_event_set(&z->changed);
	fiber_event_init(&z->changed);
}

static bool open_era(struct zkc *z, bool main, bool no_chroot, const struct zk_session *resume);

static void on_connected(struct zkc *z, struct era *era)
{
	const struct zk_session *session = zk_session(era->zk);
	log_info(LOGGER, "[ZooKeeperClient Kafka server] Connected.");
	if (!era->main || session->id == z->session_id)
		return;
	z->session_id = session->id;
	if (z->config.keep)
		z->config.keep(z->config.arg, session);
	if (z->had_session)
		list_for_each_safe(it, &z->listeners) {
			struct zkc_listener *l = list_entry(it, struct zkc_listener, link);
			if (l->on_session)
				l->on_session(l);
		}
	z->had_session = true;
}

static void on_lost(struct zkc *z, struct era *era, enum zk_state state)
{
	if (era->main) {
		log_warn(LOGGER, "[ZooKeeperClient Kafka server] Session %s; a new one is opened.",
			 state == ZK_EXPIRED ? "expired" : "failed to authenticate");
		z->era = NULL;
		list_for_each_safe(it, &z->listeners) {
			struct zkc_listener *l = list_entry(it, struct zkc_listener, link);
			if (l->on_expired)
				l->on_expired(l);
		}
	}
	zk_close(era->zk);
}

static void on_closed(struct zkc *z, struct era *era)
{
	bool again = era->main && !z->closing;
	if (z->era == era)
		z->era = NULL;
	free(era);
	if (again)
		must(open_era(z, true, false, NULL));
}

static void on_state(void *ctx, enum zk_state state)
{
	struct era *era = ctx;
	struct zkc *z = era->z;
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	z->state = state;
	z->changes[state]++;
	if (state == ZK_CONNECTED)
		on_connected(z, era);
	else if (state == ZK_DISCONNECTED)
		log_warn(LOGGER, "[ZooKeeperClient Kafka server] Disconnected; serving goes on.");
	else if (state == ZK_EXPIRED || state == ZK_AUTH_FAILED)
		on_lost(z, era, state);
	else if (state == ZK_CLOSED)
		on_closed(z, era);
	tell_changed(z);
}

static void on_watch(void *ctx, enum zk_change change, const char *path)
{
	struct era *era = ctx;
	struct zkc *z = era->z;
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	list_for_each_safe(it, &z->watches) {
		struct zkc_watch *w = list_entry(it, struct zkc_watch, link);
		bool of_children = change == ZK_CHILDREN_CHANGED;
		bool is_meant = w->children == of_children || change == ZK_NODE_DELETED;
		if (is_meant && strcmp(w->path, path) == 0)
			w->changed(w, change);
	}
}

/* False when zookeeper.connect cannot be parsed. */
static bool open_era(struct zkc *z, bool main, bool no_chroot, const struct zk_session *resume)
{
	struct era *era = mem_zalloc(sizeof *era);
	*era = (struct era){ .z = z, .main = main };
	struct zk_config config = {
		.connect = z->config.connect,
		.no_chroot = no_chroot,
		.session_timeout_ms = z->config.session_timeout_ms,
		.max_in_flight = z->config.max_in_flight,
		.resume = resume ? *resume : (struct zk_session){ 0 },
		.ctx = era,
		.post = post,
		.on_state = on_state,
		.on_watch = on_watch,
	};
	if (zk_open(&era->zk, &config) != 0) {
		free(era);
		return false;
	}
	z->era = era;
	z->state = ZK_CONNECTING;
	return true;
}

static void say_waiting(const struct zkc *z, int64_t waited_ms)
{
	if (waited_ms == z->config.connection_timeout_ms)
		log_error(LOGGER, "[ZooKeeperClient Kafka server] No server of %s was reached within "
			  "zookeeper.connection.timeout.ms=%d. Where Kafka ends, this broker waits on: is "
			  "ZooKeeper up, and is zookeeper.connect right?", z->config.connect,
			  z->config.connection_timeout_ms);
	else
		log_warn(LOGGER, "[ZooKeeperClient Kafka server] Still waiting for ZooKeeper at %s (%lld s).",
			 z->config.connect, (long long)(waited_ms / 1000));
}

/* Waits, as long as it takes, until the session opened last is connected or lost. */
static void wait_connected(struct zkc *z)
{
	int64_t waited_ms = 0, limit_ms = z->config.connection_timeout_ms;
	while (z->state == ZK_CONNECTING) {
		int64_t step_ms = WAITING_SAY_MS;
		if (waited_ms < limit_ms)
			step_ms = min_of(step_ms, limit_ms - waited_ms);
		if (fiber_wait_ms(z->control, &z->changed, step_ms) || z->state != ZK_CONNECTING)
			continue;
		waited_ms += step_ms;
		say_waiting(z, waited_ms);
	}
}

/* A session that was lost is being closed already. */
static void close_era(struct zkc *z)
{
	if (z->state != ZK_EXPIRED && z->state != ZK_AUTH_FAILED && z->state != ZK_CLOSED)
		zk_close(z->era->zk);
}

static void wait_closed(struct zkc *z)
{
	while (z->state != ZK_CLOSED)
		fiber_wait(z->control, &z->changed);
}

static void close_and_wait(struct zkc *z)
{
	close_era(z);
	wait_closed(z);
}

/* Takes back the session of a broker that was killed, and ends it, so that its ephemeral nodes go now. */
static void end_left_behind(struct zkc *z)
{
	if (z->config.left_behind.id == 0 || !open_era(z, false, false, &z->config.left_behind))
		return;
	log_info(LOGGER, "[ZooKeeperClient Kafka server] Ending the session 0x%llx that was left behind.",
		 (unsigned long long)z->config.left_behind.id);
	wait_connected(z);
	close_and_wait(z);
}

static bool ended_with_session(enum zk_err err)
{
	return err == ZK_SESSION_EXPIRED || err == ZK_CLOSING;
}

/* The root that all paths are relative to is made by whoever needs it first. */
static bool make_chroot(struct zkc *z)
{
	struct zk_connect at;
	char why[ZK_WHY_BYTES];
	if (zk_connect_parse(&at, z->config.connect, why) != 0) {
		log_fatal(LOGGER, "zookeeper.connect=%s: %s", z->config.connect, why);
		return false;
	}
	if (at.chroot[0] == 0)
		return true;
	enum zk_err err;
	do {
		must(open_era(z, false, true, NULL));
		wait_connected(z);
		err = zkc_make_path(z, at.chroot);
		close_and_wait(z);
	} while (ended_with_session(err) && !z->closing);
	if (err != ZK_OK)
		log_fatal(LOGGER, "The chroot %s of zookeeper.connect cannot be made: %s.", at.chroot,
			  zk_err_text(err));
	return err == ZK_OK;
}

struct zkc *zkc_open(struct reactor *control, const struct zkc_config *config)
{
	struct zkc *z;
	ALLOC_OBJ(z, ZKC_MAGIC);
	z->control = control;
	z->config = *config;
	list_init(&z->listeners);
	list_init(&z->watches);
	fiber_event_init(&z->changed);
	log_info(LOGGER, "[ZooKeeperClient Kafka server] Initializing a new session to %s.", config->connect);
	if (!make_chroot(z)) {
		FREE_OBJ(z);
		return NULL;
	}
	end_left_behind(z);
	z->starting = true;
	must(open_era(z, true, false, NULL));
	wait_connected(z);
	return z;
}

void zkc_shut(struct zkc *z)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	reactor_must_be_here(z->control);
	if (z->closing)
		return;
	z->heard = z->state != ZK_CONNECTING && z->state != ZK_DISCONNECTED;
	z->closing = true;
	close_era(z);
	tell_changed(z);
}

bool zkc_close(struct zkc *z)
{
	zkc_shut(z);
	wait_closed(z);
	log_info(LOGGER, "[ZooKeeperClient Kafka server] Closed.");
	return z->heard;
}

void zkc_free(struct zkc *z)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	must(z->closing && z->state == ZK_CLOSED);
	FREE_OBJ(z);
}

void zkc_listen(struct zkc *z, struct zkc_listener *l)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	list_push_back(&z->listeners, &l->link);
}

void zkc_unlisten(struct zkc *z, struct zkc_listener *l)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	list_remove(&l->link);
}

void zkc_watch(struct zkc *z, struct zkc_watch *w)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	list_push_back(&z->watches, &w->link);
}

void zkc_unwatch(struct zkc *z, struct zkc_watch *w)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	list_remove(&w->link);
}

bool zkc_is_closing(const struct zkc *z)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	return z->closing;
}

bool zkc_connected(const struct zkc *z)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	return z->era && z->state == ZK_CONNECTED;
}

const struct zk_session *zkc_session(const struct zkc *z)
{
	static const struct zk_session none;
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	return z->era ? zk_session(z->era->zk) : &none;
}

void zkc_figures(const struct zkc *z, struct zkc_figures *out)
{
	static const char *const names[STATES] = {
		[ZK_CONNECTING] = "CONNECTING", [ZK_CONNECTED] = "CONNECTED",
		[ZK_DISCONNECTED] = "CONNECTING", [ZK_EXPIRED] = "CLOSED",
		[ZK_AUTH_FAILED] = "AUTH_FAILED", [ZK_CLOSED] = "CLOSED",
	};
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	*out = (struct zkc_figures){ names[z->state], z->changes[ZK_CONNECTED], z->changes[ZK_DISCONNECTED],
				     z->changes[ZK_EXPIRED], z->changes[ZK_AUTH_FAILED] };
}

/* ---- calls ---- */

/* A fiber that waits for a number of answers. */
struct caller {
	struct fiber_event answered;
	size_t left;
	struct metrics_core *metrics;
	int64_t sent_ns;
};

static void answered(struct zk_req *req)
{
	struct caller *c = req->ctx;
	must(c->left > 0);
	if (c->metrics)
		histogram_record(c->metrics, METRIC_ZK_LATENCY, 0,
				 (uint64_t)(sys_mono_ns() - c->sent_ns) / 1000);
	if (--c->left == 0)
		fiber_event_set(&c->answered);
}

static void call_all_once(struct zkc *z, struct zk_req *reqs, size_t n)
{
	struct caller c = { .left = n, .metrics = z->config.metrics };
	while (!z->era && !z->closing)
		fiber_wait(z->control, &z->changed);
	if (!z->era) {
		for (size_t i = 0; i < n; i++)
			reqs[i].err = ZK_CLOSING;
		return;
	}
	fiber_event_init(&c.answered);
	c.sent_ns = sys_mono_ns();
	for (size_t i = 0; i < n; i++)
		zk_send(z->era->zk, &reqs[i], answered, &c);
	fiber_wait(z->control, &c.answered);
}

void zkc_call_all(struct zkc *z, struct zk_req *reqs, size_t n)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	if (n > 0)
		call_all_once(z, reqs, n);
	for (size_t i = 0; i < n; i++)
		while (ended_with_session(reqs[i].err) && z->starting && !z->closing) {
			zk_req_forget(&reqs[i]);
			call_all_once(z, &reqs[i], 1);
		}
}

void zkc_started(struct zkc *z)
{
	CHECK_OBJ_NOTNULL(z, ZKC_MAGIC);
	z->starting = false;
}

enum zk_err zkc_call(struct zkc *z, struct zk_req *req)
{
	zkc_call_all(z, req, 1);
	return req->err;
}

static enum zk_err create_once(struct zkc *z, const char *path, struct slice data)
{
	struct zk_req req;
	zk_req_write(&req, zk_op_create(path, data, ZK_PERSISTENT));
	enum zk_err err = zkc_call(z, &req);
	zk_req_fini(&req);
	return err;
}

enum zk_err zkc_create(struct zkc *z, const char *path, struct slice data)
{
	enum zk_err err = create_once(z, path, data);
	if (err != ZK_NONODE)
		return err;
	char *parent = mem_strdup(path);
	*strrchr(parent, '/') = 0;
	err = parent[0] ? zkc_make_path(z, parent) : ZK_NONODE;
	free(parent);
	return err == ZK_OK ? create_once(z, path, data) : err;
}

enum zk_err zkc_make_path(struct zkc *z, const char *path)
{
	enum zk_err err = zkc_create(z, path, SLICE_NULL);
	return err == ZK_NODEEXISTS ? ZK_OK : err;
}

/* ---- trees ---- */

enum { TREE_DEPTH_MAX = 16 };

/* Nodes of the same depth. */
struct level {
	char **paths;
	struct zk_req *reqs;
	size_t n;
};

static void level_free(struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
	free(l->reqs);
}

/* Sends one request for each node, all at once; the first error that is not NONODE. The answers are the
 * caller's. */
static enum zk_err call_level(struct zkc *z, struct level *l)
{
	enum zk_err err = ZK_OK;
	zkc_call_all(z, l->reqs, l->n);
	for (size_t i = 0; i < l->n; i++)
		if (err == ZK_OK && l->reqs[i].err != ZK_NONODE)
			err = l->reqs[i].err;
	return err;
}

static void fini_level(struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		zk_req_fini(&l->reqs[i]);
}

/* What lies one deeper. */
static enum zk_err read_level(struct zkc *z, struct level *l, struct level *below)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		zk_req_children(&l->reqs[i], l->paths[i], false);
	enum zk_err err = call_level(z, l);
	for (size_t i = 0; err == ZK_OK && i < l->n; i++)
		n += l->reqs[i].n_children;
	*below = (struct level){ mem_zalloc((n + 1) * sizeof *below->paths),
				 mem_zalloc((n + 1) * sizeof *below->reqs), 0 };
	for (size_t i = 0; err == ZK_OK && i < l->n; i++)
		for (unsigned k = 0; k < l->reqs[i].n_children; k++)
			below->paths[below->n++] = mem_printf("%s/%s", l->paths[i], l->reqs[i].children[k]);
	fini_level(l);
	return err;
}

static enum zk_err delete_level(struct zkc *z, struct level *l, const char *guard, int32_t guard_version)
{
	for (size_t i = 0; i < l->n; i++) {
		zk_req_write(&l->reqs[i], zk_op_delete(l->paths[i], ZK_ANY_VERSION));
		if (guard)
			zk_req_guard(&l->reqs[i], guard, guard_version);
	}
	enum zk_err err = call_level(z, l);
	fini_level(l);
	return err;
}

enum zk_err zkc_delete_tree(struct zkc *z, const char *path, const char *guard, int32_t guard_version)
{
	struct level levels[TREE_DEPTH_MAX];
	enum zk_err err = ZK_OK;
	int depth = 0;
	levels[0] = (struct level){ mem_zalloc(sizeof(char *)), mem_zalloc(sizeof(struct zk_req)), 1 };
	levels[0].paths[0] = mem_strdup(path);
	while (err == ZK_OK && levels[depth].n > 0 && depth + 1 < TREE_DEPTH_MAX) {
		err = read_level(z, &levels[depth], &levels[depth + 1]);
		depth++;
	}
	for (int i = depth; i >= 0; i--) {
		if (err == ZK_OK)
			err = delete_level(z, &levels[i], guard, guard_version);
		level_free(&levels[i]);
	}
	return err;
}
