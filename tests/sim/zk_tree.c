/* zk_tree.c - see zk_tree.h. The nodes lie in one array by path, so that the same calls always give the
 * same order. */
#include "tests/sim/zk_tree.h"

#include "broker/base/must.h"

#include <stdio.h>
#include <string.h>

/* ---- nodes ---- */

static size_t place_of(const struct zk_tree *t, const char *path)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (strcmp(t->v[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct zk_node *find(const struct zk_tree *t, const char *path)
{
	size_t i = place_of(t, path);
	return i < t->n && strcmp(t->v[i].path, path) == 0 ? &t->v[i] : NULL;
}

const struct zk_node *zk_tree_find(const struct zk_tree *t, const char *path)
{
	return find(t, path);
}

static struct slice copy_of(struct slice data)
{
	if (slice_is_null(data))
		return data;
	uint8_t *p = mem_alloc(data.n + 1);
	if (data.n > 0)
		memcpy(p, data.p, data.n);
	return slice_of(p, data.n);
}

static void node_clear(struct zk_node *node)
{
	free(node->path);
	free((void *)(uintptr_t)node->data.p);
}

static struct zk_node node_copy(const struct zk_node *node)
{
	struct zk_node copy = *node;
	copy.path = mem_strdup(node->path);
	copy.data = copy_of(node->data);
	return copy;
}

/* Takes what `node` points to. */
static void insert(struct zk_tree *t, struct zk_node node)
{
	size_t i = place_of(t, node.path);
	if (t->n == t->room) {
		t->room = 64 + 2 * t->room;
		t->v = mem_realloc(t->v, t->room * sizeof *t->v);
	}
	memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof *t->v);
	t->v[i] = node;
	t->n++;
}

static void drop(struct zk_tree *t, struct zk_node *node)
{
	size_t i = (size_t)(node - t->v);
	node_clear(node);
	t->n--;
	memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof *t->v);
}

static char *parent_path(const char *path)
{
	char *parent = mem_strdup(path), *slash = strrchr(parent, '/');
	slash[slash == parent] = 0;
	return parent;
}

static bool is_child(const char *path, const char *parent)
{
	size_t n = strlen(parent);
	if (n == 1)
		n = 0; /* the root */
	return strncmp(path, parent, n) == 0 && path[n] == '/' && path[n + 1] && !strchr(path + n + 1, '/');
}

const struct zk_node *zk_tree_child(const struct zk_tree *t, const char *path, const struct zk_node *last)
{
	size_t i = last ? (size_t)(last - t->v) + 1 : place_of(t, path);
	for (size_t n = strlen(path); i < t->n && strncmp(t->v[i].path, path, n) == 0; i++)
		if (is_child(t->v[i].path, path))
			return &t->v[i];
	return NULL;
}

struct zk_stat zk_node_stat(const struct zk_node *node)
{
	struct zk_stat stat = node->stat;
	stat.data_bytes = (int32_t)node->data.n;
	/* creates and deletes, as clients have always seen it */
	stat.cversion = 2 * node->creates - stat.children;
	return stat;
}

/* ---- a transaction: what it has changed, so that it can be taken back ---- */

struct before {
	char *path;
	bool was;
	struct zk_node node;
};

struct txn {
	struct zk_tree *tree;
	int64_t session, now_ms;
	struct before *before;
	size_t n_before;
	struct zk_news_list *news;
	size_t first_news;
};

static void remember(struct txn *x, const char *path)
{
	const struct zk_node *node = find(x->tree, path);
	x->before = mem_realloc(x->before, (x->n_before + 1) * sizeof *x->before);
	struct before *b = &x->before[x->n_before++];
	*b = (struct before){ .path = mem_strdup(path), .was = node != NULL };
	if (node)
		b->node = node_copy(node);
}

static void tell(struct txn *x, enum zk_change change, const char *path)
{
	struct zk_news_list *news = x->news;
	news->v = mem_realloc(news->v, (news->n + 1) * sizeof *news->v);
	news->v[news->n++] = (struct zk_news){ change, mem_strdup(path) };
}

static void forget_news(struct zk_news_list *news, size_t from)
{
	while (news->n > from)
		free(news->v[--news->n].path);
}

void zk_news_free(struct zk_news_list *news)
{
	forget_news(news, 0);
	free(news->v);
}

static void take_back(struct txn *x)
{
	for (size_t i = x->n_before; i-- > 0;) {
		struct before *b = &x->before[i];
		struct zk_node *now = find(x->tree, b->path);
		if (now)
			drop(x->tree, now);
		if (b->was)
			insert(x->tree, node_copy(&b->node));
	}
	forget_news(x->news, x->first_news);
}

static struct txn begin(struct zk_tree *t, int64_t session, int64_t now_ms, struct zk_news_list *news)
{
	t->zxid++; /* also for one that fails */
	return (struct txn){ t, session, now_ms, NULL, 0, news, news->n };
}

static void end(struct txn *x)
{
	for (size_t i = 0; i < x->n_before; i++) {
		free(x->before[i].path);
		if (x->before[i].was)
			node_clear(&x->before[i].node);
	}
	free(x->before);
}

/* ---- operations ---- */

static bool is_sequential(enum zk_mode mode)
{
	return mode == ZK_PERSISTENT_SEQUENTIAL || mode == ZK_EPHEMERAL_SEQUENTIAL;
}

static bool is_ephemeral(enum zk_mode mode)
{
	return mode == ZK_EPHEMERAL || mode == ZK_EPHEMERAL_SEQUENTIAL;
}

static enum zk_err do_create(struct txn *x, struct zk_op *op, const char *parent_name)
{
	struct zk_node *parent = find(x->tree, parent_name);
	int64_t zxid = x->tree->zxid;
	if (!parent)
		return ZK_NONODE;
	bool numbered = is_sequential(op->mode), leaf = parent->stat.ephemeral_owner != 0;
	char *path = numbered ? mem_printf("%s%010d", op->path, parent->creates) : mem_strdup(op->path);
	if (leaf || find(x->tree, path)) {
		free(path);
		return leaf ? ZK_NO_CHILDREN : ZK_NODEEXISTS;
	}
	remember(x, parent_name);
	remember(x, path);
	parent->creates++;
	parent->stat.children++;
	parent->stat.pzxid = zxid;
	struct zk_node node = { .path = path, .data = copy_of(op->data) };
	node.stat = (struct zk_stat){ .czxid = zxid, .mzxid = zxid, .pzxid = zxid, .ctime_ms = x->now_ms,
		.mtime_ms = x->now_ms, .ephemeral_owner = is_ephemeral(op->mode) ? x->session : 0 };
	insert(x->tree, node);
	op->created = mem_strdup(path);
	tell(x, ZK_NODE_CREATED, path);
	tell(x, ZK_CHILDREN_CHANGED, parent_name);
	return ZK_OK;
}

static enum zk_err check(const struct zk_node *node, int32_t version)
{
	if (!node)
		return ZK_NONODE;
	return version != ZK_ANY_VERSION && version != node->stat.version ? ZK_BADVERSION : ZK_OK;
}

static enum zk_err do_set(struct txn *x, struct zk_op *op)
{
	struct zk_node *node = find(x->tree, op->path);
	enum zk_err err = check(node, op->version);
	if (err != ZK_OK)
		return err;
	remember(x, op->path);
	free((void *)(uintptr_t)node->data.p);
	node->data = copy_of(op->data);
	node->stat.version++;
	node->stat.mzxid = x->tree->zxid;
	node->stat.mtime_ms = x->now_ms;
	op->stat = zk_node_stat(node);
	tell(x, ZK_NODE_CHANGED, op->path);
	return ZK_OK;
}

static enum zk_err do_delete(struct txn *x, const char *path, int32_t version, const char *parent_name)
{
	struct zk_node *node = find(x->tree, path), *parent = find(x->tree, parent_name);
	if (strcmp(path, "/") == 0 || strcmp(path, "/zookeeper") == 0)
		return ZK_BAD_ARGUMENTS;
	enum zk_err err = check(node, version);
	if (err == ZK_OK && node->stat.children > 0)
		err = ZK_NOTEMPTY;
	if (err != ZK_OK)
		return err;
	remember(x, parent_name);
	remember(x, path);
	parent->stat.children--;
	parent->stat.pzxid = x->tree->zxid;
	drop(x->tree, node);
	tell(x, ZK_NODE_DELETED, path);
	tell(x, ZK_CHILDREN_CHANGED, parent_name);
	return ZK_OK;
}

static enum zk_err do_op(struct txn *x, struct zk_op *op)
{
	char *parent = parent_path(op->path);
	enum zk_err err = ZK_OK;
	switch (op->kind) {
	case ZK_OP_CREATE:
		err = do_create(x, op, parent);
		break;
	case ZK_OP_SET:
		err = do_set(x, op);
		break;
	case ZK_OP_DELETE:
		err = do_delete(x, op->path, op->version, parent);
		break;
	case ZK_OP_CHECK:
		err = check(find(x->tree, op->path), op->version);
		break;
	}
	free(parent);
	return err;
}

enum zk_err zk_tree_apply(struct zk_tree *t, struct zk_op *ops, unsigned n, int64_t session, int64_t now_ms,
			  struct zk_news_list *news)
{
	struct txn x = begin(t, session, now_ms, news);
	enum zk_err first = ZK_OK;
	for (unsigned i = 0; i < n; i++) {
		ops[i].err = first == ZK_OK ? do_op(&x, &ops[i]) : ZK_ROLLED_BACK;
		if (first == ZK_OK)
			first = ops[i].err;
	}
	if (first != ZK_OK)
		take_back(&x);
	for (unsigned i = 0; i < n && first != ZK_OK; i++) {
		free(ops[i].created);
		ops[i].created = NULL;
	}
	end(&x);
	return first;
}

void zk_tree_end_session(struct zk_tree *t, int64_t session, struct zk_news_list *news)
{
	struct txn x = begin(t, session, 0, news);
	for (size_t i = t->n; i-- > 0;) {
		if (t->v[i].stat.ephemeral_owner != session)
			continue;
		char *path = mem_strdup(t->v[i].path), *parent = parent_path(path);
		enum zk_err err = do_delete(&x, path, ZK_ANY_VERSION, parent);
		must(err == ZK_OK);
		free(parent);
		free(path);
	}
	end(&x);
}

void zk_tree_init(struct zk_tree *t, int64_t now_ms)
{
	static const char *const first[] = { "/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota" };
	*t = (struct zk_tree){ .n = 0 };
	for (size_t i = 0; i < countof(first); i++) {
		struct zk_node node = { .path = mem_strdup(first[i]), .data = copy_of(slice_of("", 0)) };
		node.stat.ctime_ms = node.stat.mtime_ms = now_ms;
		node.stat.children = i == 0 ? 1 : i == 1 ? 2 : 0;
		insert(t, node);
	}
}

void zk_tree_free(struct zk_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		node_clear(&t->v[i]);
	free(t->v);
	*t = (struct zk_tree){ .n = 0 };
}
