/* zoo.c - see zoo.h */
#include "tools/zoo.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/reactor/fiber.h"
#include "broker/reactor/reactor.h"
#include "tools/out.h"
#include "zkutil/connect.h"

#include <string.h>

#define ZOO_MAGIC 0x20074001u
enum { SESSION_MS = 18000, CLOSE_MS = 5000, CHANGES_MAX = 1000 };

struct zoo_change {
	struct list link;
	enum zk_change change;
	char *path;
};

struct zoo {
	unsigned magic;
	struct tool *tool;
	struct zk *zk;              /* NULL: closed */
	enum zk_state state;
	struct fiber_event turned;  /* set, and begun anew, at each change of state and each watch */
	struct list changes;
	unsigned n_changes;
};

/* ---- from the client's threads ---- */

struct delivery {
	struct msg msg;
	struct zoo *zoo;
	struct zk_event *event;
};

static void deliver(struct reactor *here, struct msg *m)
{
	struct delivery *d = container_of(m, struct delivery, msg);
	reactor_must_be_here(here);
	zk_deliver(d->zoo->zk, d->event);
	free(d);
}

/* Any thread. */
static void post(void *ctx, struct zk_event *event)
{
	struct zoo *z = ctx;
	struct delivery *d = mem_alloc(sizeof *d);
	*d = (struct delivery){ .msg.run = deliver, .zoo = z, .event = event };
	reactor_post_foreign(z->tool->reactor, &d->msg);
}

static void turn(struct zoo *z)
{
	fiber_event_set(&z->turned);
	fiber_event_init(&z->turned);
}

static void on_state(void *ctx, enum zk_state state)
{
	struct zoo *z = ctx;
	CHECK_OBJ_NOTNULL(z, ZOO_MAGIC);
	z->state = state;
	turn(z);
}

static void on_watch(void *ctx, enum zk_change change, const char *path)
{
	struct zoo *z = ctx;
	CHECK_OBJ_NOTNULL(z, ZOO_MAGIC);
	if (z->n_changes == CHANGES_MAX)
		return; /* who waits reads the node anew all the same */
	struct zoo_change *c = mem_alloc(sizeof *c);
	*c = (struct zoo_change){ .change = change, .path = mem_strdup(path) };
	list_push_back(&z->changes, &c->link);
	z->n_changes++;
	turn(z);
}

/* ---- the session ---- */

struct zoo *zoo_open(struct tool *t, const char *connect, int timeout_ms)
{
	struct zk_connect at;
	char why[ZK_WHY_BYTES];
	struct zoo *z;
	if (zk_connect_parse(&at, connect, why) != 0) {
		tool_fail(t, "IllegalArgumentException", "%s: %s", connect, why);
		return NULL;
	}
	ALLOC_OBJ(z, ZOO_MAGIC);
	z->tool = t;
	list_init(&z->changes);
	fiber_event_init(&z->turned);
	const struct zk_config config = { .connect = connect, .session_timeout_ms = SESSION_MS,
		.max_in_flight = ZOO_BATCH, .ctx = z, .post = post, .on_state = on_state,
		.on_watch = on_watch };
	z->state = ZK_CONNECTING;
	must(zk_open(&z->zk, &config) == 0);
	fiber_wait_ms(t->reactor, &z->turned, timeout_ms);
	if (z->state == ZK_CONNECTED)
		return z;
	tool_fail(t, "ZooKeeperClientTimeoutException", "Timed out waiting for connection while in state: "
		"%s: no server of %s was reached in %d ms", zk_state_name(z->state), connect, timeout_ms);
	zoo_close(z);
	return NULL;
}

static void free_change(struct zoo *z, struct zoo_change *c)
{
	list_remove(&c->link);
	z->n_changes--;
	free(c->path);
	free(c);
}

void zoo_close(struct zoo *z)
{
	if (!z)
		return;
	CHECK_OBJ(z, ZOO_MAGIC);
	if (z->state != ZK_CLOSED)
		zk_close(z->zk);
	while (z->state != ZK_CLOSED)
		fiber_wait(z->tool->reactor, &z->turned);
	while (!list_empty(&z->changes))
		free_change(z, list_entry(z->changes.next, struct zoo_change, link));
	FREE_OBJ(z);
}

/* ---- calls ---- */

struct call {
	struct fiber_event done;
	unsigned left;
};

static void on_done(struct zk_req *req)
{
	struct call *c = req->ctx;
	if (--c->left == 0)
		fiber_event_set(&c->done);
}

static void call_all(struct zoo *z, struct zk_req *reqs, unsigned n)
{
	struct call c = { .left = n };
	CHECK_OBJ_NOTNULL(z, ZOO_MAGIC);
	fiber_event_init(&c.done);
	for (unsigned i = 0; i < n; i++)
		zk_send(z->zk, &reqs[i], on_done, &c);
	if (n)
		fiber_wait(z->tool->reactor, &c.done);
}

enum zk_err zoo_call(struct zoo *z, struct zk_req *req)
{
	call_all(z, req, 1);
	return req->err;
}

int zoo_fail(struct tool *t, enum zk_err err, const char *path)
{
	static const struct { enum zk_err err; const char *class, *words; } known[] = {
		{ ZK_NONODE, "NoNodeException", "there is no such node" },
		{ ZK_NODEEXISTS, "NodeExistsException", "it is there already" },
		{ ZK_NOTEMPTY, "NotEmptyException", "it has children" },
		{ ZK_BADVERSION, "BadVersionException", "it has changed meanwhile" },
	};
	for (size_t i = 0; i < countof(known); i++) {
		if (known[i].err == err)
			return tool_fail(t, known[i].class, "%s: %s", path, known[i].words);
	}
	return tool_fail(t, "KeeperException", "%s: %s", path, zk_err_text(err));
}

static struct zoo_node node_of(struct tool *t, const char *path, const struct zk_req *req)
{
	struct zoo_node node = { .path = tool_text(t, slice_str(path)), .stat = req->stat };
	if (req->data.p)
		node.data = slice_of(tool_text(t, req->data), req->data.n);
	return node;
}

int zoo_get(struct zoo *z, const char *path, struct zoo_node *out)
{
	struct zk_req req;
	zk_req_get(&req, path, false);
	enum zk_err err = zoo_call(z, &req);
	if (err == ZK_OK)
		*out = node_of(z->tool, path, &req);
	zk_req_fini(&req);
	return err == ZK_OK ? 0 : zoo_fail(z->tool, err, path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int zoo_children(struct zoo *z, const char *path, const char ***names, unsigned *n)
{
	struct zk_req req;
	zk_req_children(&req, path, false);
	enum zk_err err = zoo_call(z, &req);
	if (err == ZK_OK) {
		*n = req.n_children;
		*names = tool_alloc(z->tool, (*n + 1) * sizeof **names);
		for (unsigned i = 0; i < *n; i++)
			(*names)[i] = tool_text(z->tool, slice_str(req.children[i]));
		order_sort(*names, *n, sizeof **names, by_name);
	}
	zk_req_fini(&req);
	return err == ZK_OK ? 0 : zoo_fail(z->tool, err, path);
}

/* ---- the tree ---- */

/* While it grows: nodes up to `read` have been read, those behind are only named. */
struct growing {
	struct zoo *zoo;
	struct zoo_node *nodes;
	size_t n, room, read;
};

static void grow(struct growing *g, const char *parent, const char *child)
{
	struct tool *t = g->zoo->tool;
	if (g->n == g->room) {
		g->room = g->room ? g->room * 2 : 1024;
		g->nodes = mem_realloc(g->nodes, g->room * sizeof *g->nodes);
	}
	g->nodes[g->n++] = (struct zoo_node){ .path = !child ? tool_text(t, slice_str(parent)) :
		tool_printf(t, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, child) };
}

static void take_answers(struct growing *g, size_t at, struct zk_req *get, struct zk_req *children)
{
	const char *path = g->nodes[at].path;
	if (get->err == ZK_OK)
		g->nodes[at] = node_of(g->zoo->tool, path, get);
	else
		g->nodes[at].path = NULL; /* it has gone meanwhile */
	for (unsigned i = 0; children->err == ZK_OK && i < children->n_children; i++)
		grow(g, path, children->children[i]);
}

/* Reads some of those that are only named. The first error that is not their absence. */
static enum zk_err read_some(struct growing *g)
{
	enum { PAIR = 2 };
	unsigned n = (unsigned)min_of(g->n - g->read, (size_t)ZOO_BATCH / PAIR);
	struct zk_req *reqs = mem_alloc(n * PAIR * sizeof *reqs);
	enum zk_err err = ZK_OK;
	for (unsigned i = 0; i < n; i++) {
		zk_req_get(&reqs[i * PAIR], g->nodes[g->read + i].path, false);
		zk_req_children(&reqs[i * PAIR + 1], g->nodes[g->read + i].path, false);
	}
	call_all(g->zoo, reqs, n * PAIR);
	for (unsigned i = 0; i < n; i++) {
		take_answers(g, g->read + i, &reqs[i * PAIR], &reqs[i * PAIR + 1]);
		for (unsigned j = 0; j < PAIR; j++) {
			if (err == ZK_OK && reqs[i * PAIR + j].err != ZK_NONODE)
				err = reqs[i * PAIR + j].err;
			zk_req_fini(&reqs[i * PAIR + j]);
		}
	}
	g->read += n;
	free(reqs);
	return err;
}

static int by_path(const void *a, const void *b)
{
	const struct zoo_node *x = a, *y = b;
	return strcmp(x->path, y->path);
}

int zoo_tree(struct zoo *z, const char *path, struct zoo_tree *out)
{
	struct growing g = { .zoo = z };
	enum zk_err err = ZK_OK;
	grow(&g, path, NULL);
	while (err == ZK_OK && g.read < g.n && g.n <= ZOO_NODES_MAX) {
		progress("%zu nodes read", g.read);
		err = read_some(&g);
	}
	bool gone = g.nodes[0].path == NULL;
	*out = (struct zoo_tree){ .nodes = tool_alloc(z->tool, g.n * sizeof *out->nodes) };
	for (size_t i = 0; i < g.n; i++) {
		if (g.nodes[i].path)
			out->nodes[out->n++] = g.nodes[i];
	}
	free(g.nodes);
	if (err != ZK_OK || gone)
		return zoo_fail(z->tool, err != ZK_OK ? err : ZK_NONODE, path);
	if (g.n > ZOO_NODES_MAX)
		return tool_fail(z->tool, "IllegalStateException", "%s: there are more than %d nodes", path,
			ZOO_NODES_MAX);
	order_sort(out->nodes, out->n, sizeof *out->nodes, by_path);
	return 0;
}

const struct zoo_node *zoo_find(const struct zoo_tree *tree, const char *path)
{
	const struct zoo_node key = { .path = path };
	return order_find(&key, tree->nodes, tree->n, sizeof key, by_path);
}

const struct zoo_node *zoo_below(const struct zoo_tree *tree, const char *path, size_t *n)
{
	size_t low = 0, high = tree->n, length = strlen(path);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strncmp(tree->nodes[middle].path, path, length);
		if (order < 0 || (order == 0 && tree->nodes[middle].path[length] < '/'))
			low = middle + 1;
		else
			high = middle;
	}
	size_t end = low;
	while (end < tree->n && strncmp(tree->nodes[end].path, path, length) == 0 &&
		tree->nodes[end].path[length] == '/')
		end++;
	*n = end - low;
	return tree->nodes + low;
}

/* ---- watching ---- */

int zoo_wait_change(struct zoo *z, enum zk_change *change, const char **path)
{
	CHECK_OBJ_NOTNULL(z, ZOO_MAGIC);
	while (list_empty(&z->changes) && z->state != ZK_EXPIRED && z->state != ZK_AUTH_FAILED)
		fiber_wait(z->tool->reactor, &z->turned);
	if (list_empty(&z->changes))
		return tool_fail(z->tool, "SessionExpiredException", "the session with ZooKeeper is over");
	struct zoo_change *c = list_entry(z->changes.next, struct zoo_change, link);
	*change = c->change;
	*path = tool_text(z->tool, slice_str(c->path));
	free_change(z, c);
	return 0;
}
