/* broker_configs.c - follows /config/changes: what somebody writes below /config and announces there takes
 * effect. Facts: kafka.common.ZkNodeChangeNotificationListener and kafka.server.ZkConfigManager of 3.9;
 * contract: zk_schema, row 11.
 *
 *	a child appears, or a session begins -> all children listed -> those that were not acted upon are
 *	read, at once -> each topic that they name is read anew once, each broker's settings once -> those
 *	that are old are deleted
 *
 * So a burst of changes costs one look at each thing that has changed, and topics get theirs in one sweep. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/cluster/broker_settings.h"
#include "zkutil/znode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGGER "kafka.server.ZkConfigManager"
#define TOPICS "topics/"

enum {
	CHANGES_ARENA_BYTES = 16 << 20,
	CHANGE_LIFE_MS = 15 * 60 * 1000, /* of an announcement */
	CHANGES_AT_ONCE = 1000,          /* read, pipelined */
	CHANGE_NAME_BYTES = 32,          /* config_change_ and ten digits */
};

/* An announcement, and when it was made, once that is known. */
struct announced {
	int64_t at_ms;
	char child[CHANGE_NAME_BYTES];
	bool is_there; /* while the children are compared */
};

struct config_watch {
	struct broker *b;
	struct zkc_watch zkc;
	struct zkc_listener session;
	struct announced *seen;    /* all that were acted upon and may be there still, by name */
	size_t n_seen;
	bool caught_up, running, again, stopping;
	bool anew;                 /* the parent may be another one: names tell nothing of what was seen */
};

/* What announcements name, each once. */
struct touched {
	bool entity[2];            /* by enum dynamic_entity */
	char **topics;
	size_t n;
};

/* ---- reading ---- */

static struct znode_path path_of(const struct announced *a)
{
	struct znode_path path;
	snprintf(path.s, sizeof path.s, "%s/%s", znode_path(ZNODE_CONFIG_CHANGES), a->child);
	return path;
}

static void touch(struct config_watch *w, const char *entity, struct touched *t)
{
	char own[BROKER_ENTITY_BYTES];
	broker_settings_name(DYNAMIC_BROKER, w->b->id, own);
	if (strncmp(entity, TOPICS, sizeof TOPICS - 1) == 0)
		t->topics[t->n++] = mem_strdup(entity + sizeof TOPICS - 1);
	else if (strcmp(entity, "brokers/<default>") == 0)
		t->entity[DYNAMIC_CLUSTER] = true;
	else if (strcmp(entity, own) == 0)
		t->entity[DYNAMIC_BROKER] = true;
}

static void take(struct config_watch *w, const struct zk_req *req, struct announced *a, struct touched *t)
{
	struct arena arena;
	struct znode_why why;
	const char *entity;
	if (req->err != ZK_OK && req->err != ZK_NONODE)
		log_error(LOGGER, "%s cannot be read: %s.", req->path, zk_err_text(req->err));
	a->at_ms = req->err == ZK_OK ? req->stat.ctime_ms : sys_wall_ms(); /* not old: others may read it */
	if (req->err != ZK_OK)
		return;
	arena_init(&arena, CHANGES_ARENA_BYTES);
	if (znode_config_change_decode(&arena, req->data, &entity, &why) != 0)
		log_error(LOGGER, "%s cannot be read: %s.", req->path, why.s);
	else
		touch(w, entity, t);
	arena_free(&arena);
}

/* Reads some announcements; false when the session ended meanwhile: the next one begins with a look. */
static bool read_some(struct config_watch *w, struct announced *v, size_t n, struct touched *t)
{
	struct zk_req *reqs = mem_zalloc(n * sizeof *reqs);
	struct znode_path *paths = mem_zalloc(n * sizeof *paths);
	bool fine = true;
	for (size_t i = 0; i < n; i++) {
		paths[i] = path_of(&v[i]);
		zk_req_get(&reqs[i], paths[i].s, false);
	}
	zkc_call_all(w->b->zkc, reqs, n);
	for (size_t i = 0; i < n; i++) {
		fine = fine && reqs[i].err != ZK_SESSION_EXPIRED && reqs[i].err != ZK_CLOSING;
		take(w, &reqs[i], &v[i], t);
		zk_req_fini(&reqs[i]);
	}
	free(paths);
	free(reqs);
	return fine;
}

/* ---- acting ---- */

static int compare_texts(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

static void act_on_topics(struct broker *b, struct touched *t)
{
	size_t n = 0;
	order_sort(t->topics, t->n, sizeof *t->topics, compare_texts);
	for (size_t i = 0; i < t->n; i++)
		if (n > 0 && strcmp(t->topics[n - 1], t->topics[i]) == 0)
			free(t->topics[i]);
		else
			t->topics[n++] = t->topics[i];
	t->n = n;
	if (n > 0)
		manager_topics_settings_changed(b->manager, (const char *const *)t->topics, n);
	for (size_t i = 0; i < n; i++)
		controller_topic_settings_changed(b->controller, t->topics[i]);
}

static void act_on_brokers(struct config_watch *w, const struct touched *t)
{
	if (!w->caught_up) { /* what was written while nobody watched */
		broker_read_settings(w->b);
		return;
	}
	for (int i = 0; i < (int)countof(t->entity); i++)
		if (t->entity[i])
			broker_settings_changed(w->b, (enum dynamic_entity)i);
}

/* ---- announcements that are old ---- */

static void delete_old(struct config_watch *w)
{
	int64_t now_ms = sys_wall_ms();
	size_t n = 0, kept = 0;
	struct zk_req *reqs = mem_zalloc((CHANGES_AT_ONCE + 1) * sizeof *reqs);
	struct znode_path *paths = mem_zalloc((CHANGES_AT_ONCE + 1) * sizeof *paths);
	for (size_t i = 0; i < w->n_seen; i++) {
		if (n == CHANGES_AT_ONCE || now_ms - w->seen[i].at_ms <= CHANGE_LIFE_MS) {
			w->seen[kept++] = w->seen[i];
			continue;
		}
		paths[n] = path_of(&w->seen[i]);
		zk_req_write(&reqs[n], zk_op_delete(paths[n].s, ZK_ANY_VERSION));
		n++;
	}
	w->n_seen = kept;
	zkc_call_all(w->b->zkc, reqs, n); /* one that is gone already was another broker's */
	for (size_t i = 0; i < n; i++)
		zk_req_fini(&reqs[i]);
	free(paths);
	free(reqs);
}

/* ---- looking ---- */

static int compare_announced(const void *a, const void *b)
{
	const struct announced *x = a, *y = b;
	return strcmp(x->child, y->child);
}

static void forget_those_gone(struct config_watch *w)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->n_seen; i++) {
		if (!w->seen[i].is_there)
			continue;
		w->seen[kept] = w->seen[i];
		w->seen[kept++].is_there = false;
	}
	w->n_seen = kept;
}

/* The children, and a watch for more: a parent that somebody has deleted is made again. */
static enum zk_err list_children(struct config_watch *w, struct zk_req *req)
{
	zk_req_children(req, znode_path(ZNODE_CONFIG_CHANGES), true);
	enum zk_err err = zkc_call(w->b->zkc, req);
	if (err != ZK_NONODE)
		return err;
	err = zkc_make_path(w->b->zkc, znode_path(ZNODE_CONFIG_CHANGES));
	if (err != ZK_OK)
		return err;
	zk_req_forget(req);
	return zkc_call(w->b->zkc, req);
}

/* The announcements that were not acted upon; NULL when they cannot be listed. Not by their numbers, as in
 * 3.9: these begin anew when somebody deletes the parent, and one too high would hide all that follow. */
static struct announced *list_new(struct config_watch *w, size_t *n)
{
	struct zk_req req;
	enum zk_err err = list_children(w, &req);
	struct announced *v = err == ZK_OK ? mem_zalloc((req.n_children + 1) * sizeof *v) : NULL;
	*n = 0;
	for (unsigned i = 0; v && i < req.n_children; i++) {
		struct announced *a = &v[*n], *known;
		if (znode_sequence(ZNODE_CONFIG_CHANGE, req.children[i]) < 0 ||
			strlen(req.children[i]) >= sizeof a->child)
			continue;
		snprintf(a->child, sizeof a->child, "%s", req.children[i]);
		known = order_find(a, w->seen, w->n_seen, sizeof *a, compare_announced);
		if (known)
			known->is_there = true;
		else
			++*n;
	}
	zk_req_fini(&req);
	if (v)
		forget_those_gone(w);
	return v;
}

static void remember(struct config_watch *w, const struct announced *v, size_t n)
{
	w->seen = mem_realloc(w->seen, (w->n_seen + n + 1) * sizeof *w->seen);
	memcpy(w->seen + w->n_seen, v, n * sizeof *v);
	w->n_seen += n;
	order_sort(w->seen, w->n_seen, sizeof *w->seen, compare_announced);
}

static void act_on_all(struct config_watch *w)
{
	size_t n;
	if (w->anew)
		w->n_seen = 0;
	w->anew = false;
	struct announced *v = list_new(w, &n);
	struct touched touched = { .n = 0 };
	bool fine = v != NULL;
	touched.topics = mem_zalloc((n + 1) * sizeof *touched.topics);
	for (size_t i = 0; fine && i < n; i += CHANGES_AT_ONCE)
		fine = read_some(w, v + i, min_of(n - i, (size_t)CHANGES_AT_ONCE), &touched);
	if (fine) {
		act_on_topics(w->b, &touched);
		act_on_brokers(w, &touched);
		w->caught_up = true;
		remember(w, v, n);
		delete_old(w);
	}
	for (size_t i = 0; i < touched.n; i++)
		free(touched.topics[i]);
	free(touched.topics);
	free(v);
}

static void watch_free(struct config_watch *w)
{
	free(w->seen);
	free(w);
}

static void watch_fiber(void *arg)
{
	struct config_watch *w = arg;
	struct broker *b = w->b;
	do {
		w->again = false;
		act_on_all(w);
	} while (w->again && !w->stopping);
	w->running = false;
	if (!w->stopping)
		return;
	watch_free(w);
	b->settling_configs = false;
	fiber_event_set(&b->configs_settled);
}

static void look_again(struct config_watch *w)
{
	w->again = true;
	if (w->running)
		return;
	w->running = true;
	must(fiber_start(w->b->control, "configs", watch_fiber, w) != NULL);
}

static void changed(struct zkc_watch *zw, enum zk_change change)
{
	struct config_watch *w = container_of(zw, struct config_watch, zkc);
	must(change == ZK_CHILDREN_CHANGED || change == ZK_NODE_DELETED);
	w->anew |= change == ZK_NODE_DELETED;
	look_again(w);
}

static void on_session(struct zkc_listener *l)
{
	struct config_watch *w = container_of(l, struct config_watch, session);
	w->anew = true;
	look_again(w);
}

void broker_watch_configs(struct broker *b)
{
	struct config_watch *w = mem_zalloc(sizeof *w);
	w->b = b;
	w->zkc = (struct zkc_watch){ .path = znode_path(ZNODE_CONFIG_CHANGES), .children = true,
				     .changed = changed };
	w->session.on_session = on_session;
	zkc_watch(b->zkc, &w->zkc);
	zkc_listen(b->zkc, &w->session);
	b->configs = w;
	look_again(w);
}

void broker_unwatch_configs(struct broker *b)
{
	struct config_watch *w = b->configs;
	if (!w)
		return;
	b->configs = NULL;
	zkc_unwatch(b->zkc, &w->zkc);
	zkc_unlisten(b->zkc, &w->session);
	w->stopping = true;
	b->settling_configs = w->running;
	if (!w->running)
		watch_free(w);
}

void broker_settle_configs(struct broker *b)
{
	if (b->settling_configs)
		fiber_wait(b->control, &b->configs_settled);
}
