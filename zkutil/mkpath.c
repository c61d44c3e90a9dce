/* mkpath.c - see mkpath.h.
 *
 * The leaf is tried first, for most often the parents are there. NONODE means one step up, any other answer
 * to a parent one step down again:
 *
 *	leaf --NONODE--> parent --NONODE--> its parent ...
 *	leaf <---------- parent <---------- OK or NODEEXISTS
 */
#include "zkutil/mkpath.h"

#include "broker/base/must.h"

static void step(struct mkpath *m);

static void finish(struct mkpath *m, enum zk_err err)
{
	free(m->path);
	m->path = NULL;
	m->err = err;
	m->magic = 0;
	m->done(m);
}

/* The length of the parent of what is being created; 0 at the top. */
static size_t up(const struct mkpath *m)
{
	size_t n = m->length;
	while (n > 0 && m->path[n - 1] != '/')
		n--;
	return n > 0 ? n - 1 : 0;
}

/* One name more than what was created. */
static size_t down(const struct mkpath *m)
{
	return m->length + 1 + strcspn(m->leaf.path + m->length + 1, "/");
}

static void cut(struct mkpath *m, size_t length)
{
	memcpy(m->path, m->leaf.path, length);
	m->path[length] = 0;
	m->length = length;
}

static void answered(struct zk_req *r)
{
	struct mkpath *m = r->ctx;
	CHECK_OBJ_NOTNULL(m, MKPATH_MAGIC);
	enum zk_err err = r->err;
	bool is_leaf = !m->leaf.path[m->length];
	if (is_leaf && err == ZK_OK)
		m->created = mem_strdup(zk_req_created(r));
	zk_req_fini(r);
	if (err == ZK_NONODE && up(m) > 0)
		cut(m, up(m));
	else if (is_leaf || (err != ZK_OK && err != ZK_NODEEXISTS))
		return finish(m, err);
	else
		cut(m, down(m));
	step(m);
}

static void step(struct mkpath *m)
{
	bool is_leaf = !m->leaf.path[m->length];
	zk_req_write(&m->req, is_leaf ? m->leaf : zk_op_create(m->path, SLICE_NULL, ZK_PERSISTENT));
	zk_send(m->zk, &m->req, answered, m);
}

void mkpath_start(struct mkpath *m, struct zk *zk, const char *path, struct slice data, enum zk_mode mode,
	void (*done)(struct mkpath *m), void *ctx)
{
	*m = (struct mkpath){ .magic = MKPATH_MAGIC, .zk = zk, .leaf = zk_op_create(path, data, mode),
		.done = done,
		.ctx = ctx };
	m->path = mem_strdup(path);
	m->length = strlen(path);
	step(m);
}
