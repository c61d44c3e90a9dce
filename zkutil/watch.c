/* watch.c - see watch.h.
 *
 *	IDLE --read--> READING --answer--> ARMED --event--> READING
 *	                  | event              (changed() was called)
 *	                  v
 *	                STALE --answer--> READING
 */
#include "zkutil/watch.h"

#include "broker/base/must.h"

static void answered(struct zk_req *r);

void watches_init(struct watches *s)
{
	*s = (struct watches){ .magic = WATCHES_MAGIC };
	list_init(&s->all);
}

static void read_as(struct watch *w, enum watch_kind kind)
{
	must(w->home->zk && w->state != WATCH_STALE);
	if (kind == WATCH_DATA)
		zk_req_get(&w->req, w->path, true);
	else if (kind == WATCH_CHILDREN)
		zk_req_children(&w->req, w->path, true);
	else
		zk_req_exists(&w->req, w->path, true);
	w->state = WATCH_READING;
	zk_send(w->home->zk, &w->req, answered, w);
}

static void free_of(struct watch *w)
{
	list_remove(&w->link);
	w->magic = 0;
	if (w->gone)
		w->gone(w);
}

/* What is read leaves no watch on a node that is not there; only exists does, and it may find that it is
 * there now. */
static bool needs_exists(const struct watch *w)
{
	return w->req.kind != ZK_REQ_EXISTS && w->req.err == ZK_NONODE;
}

static bool has_come(const struct watch *w)
{
	return w->kind != WATCH_EXISTS && w->req.kind == ZK_REQ_EXISTS && w->req.err == ZK_OK;
}

static void read_again(struct watch *w, enum watch_kind kind)
{
	zk_req_fini(&w->req);
	w->state = WATCH_IDLE;
	read_as(w, kind);
}

static void tell(struct watch *w)
{
	enum zk_err err = w->req.err;
	w->state = err == ZK_OK || err == ZK_NONODE ? WATCH_ARMED : WATCH_IDLE;
	/* changed() may remove the watch and free it, so the answer is taken out first */
	struct zk_req answer = w->req;
	list_init(&answer.link);
	if (err != ZK_SESSION_EXPIRED && err != ZK_NOT_AUTHENTICATED && err != ZK_CLOSING)
		w->changed(w, &answer);
	zk_req_fini(&answer);
}

static void answered(struct zk_req *r)
{
	struct watch *w = r->ctx;
	CHECK_OBJ_NOTNULL(w, WATCH_MAGIC);
	must(w->state == WATCH_READING || w->state == WATCH_STALE);
	if (w->leaving) {
		zk_req_fini(r);
		free_of(w);
	} else if (w->home->zk && (w->state == WATCH_STALE || has_come(w))) {
		read_again(w, w->kind);
	} else if (w->home->zk && needs_exists(w)) {
		read_again(w, WATCH_EXISTS);
	} else {
		tell(w);
	}
}

/* Whether it can have been this watch's. A watch on children waits for a missing node as exists does. */
static bool concerns(const struct watch *w, enum zk_change change)
{
	switch (change) {
	case ZK_NODE_CREATED:
	case ZK_NODE_DELETED:
		return true;
	case ZK_NODE_CHANGED:
		return w->kind != WATCH_CHILDREN;
	case ZK_CHILDREN_CHANGED:
		return w->kind == WATCH_CHILDREN;
	}
	must_not_reach("no such change");
}

/* Reads now, or once more after the read that is on its way. */
static void refresh(struct watch *w)
{
	if (w->state == WATCH_READING || w->state == WATCH_STALE)
		w->state = WATCH_STALE;
	else
		read_as(w, w->kind);
}

void watches_session(struct watches *s, struct zk *zk)
{
	CHECK_OBJ_NOTNULL(s, WATCHES_MAGIC);
	s->zk = zk;
	if (zk)
		list_for_each(l, &s->all)
			refresh(list_entry(l, struct watch, link));
}

void watches_event(struct watches *s, enum zk_change change, const char *path)
{
	CHECK_OBJ_NOTNULL(s, WATCHES_MAGIC);
	list_for_each(l, &s->all) {
		struct watch *w = list_entry(l, struct watch, link);
		if (s->zk && !w->leaving && concerns(w, change) && strcmp(w->path, path) == 0)
			refresh(w);
	}
}

void watch_add(struct watches *s, struct watch *w)
{
	CHECK_OBJ_NOTNULL(s, WATCHES_MAGIC);
	must(w->path && w->changed);
	w->magic = WATCH_MAGIC;
	w->home = s;
	w->state = WATCH_IDLE;
	w->leaving = false;
	list_push_back(&s->all, &w->link);
	if (s->zk)
		read_as(w, w->kind);
}

void watch_remove(struct watch *w)
{
	CHECK_OBJ_NOTNULL(w, WATCH_MAGIC);
	must(!w->leaving);
	if (w->state == WATCH_READING || w->state == WATCH_STALE)
		w->leaving = true;
	else
		free_of(w);
}
