/* ut_mkpath.c - creating a node and its parents, over a ZooKeeper that is a list of paths. */
#include "zkutil/mkpath.h"

#include "tests/unit/ut.h"

enum { NODES_MAX = 16, LOG_BYTES = 256 };

struct zk {
	const char *nodes[NODES_MAX]; /* that exist */
	const char *forbidden;
	char made[LOG_BYTES];         /* each attempt, with its outcome */
	struct zk_req *asked;
};

static bool has(const struct zk *zk, const char *path, size_t n)
{
	for (int i = 0; zk->nodes[i]; i++)
		if (strlen(zk->nodes[i]) == n && strncmp(zk->nodes[i], path, n) == 0)
			return true;
	return n == 0;
}

void zk_send(struct zk *zk, struct zk_req *r, void (*done)(struct zk_req *req), void *ctx)
{
	r->done = done;
	r->ctx = ctx;
	zk->asked = r;
}

static enum zk_err try_create(struct zk *zk, struct zk_op *op)
{
	int n = 0;
	if (zk->forbidden && strcmp(op->path, zk->forbidden) == 0)
		return ZK_NOAUTH;
	if (!has(zk, op->path, (size_t)(strrchr(op->path, '/') - op->path)))
		return ZK_NONODE;
	if (has(zk, op->path, strlen(op->path)))
		return ZK_NODEEXISTS;
	while (zk->nodes[n])
		n++;
	must(n + 1 < NODES_MAX);
	zk->nodes[n] = mem_strdup(op->path);
	op->created = mem_strdup(op->path);
	return ZK_OK;
}

static void serve(struct zk *zk)
{
	while (zk->asked) {
		struct zk_req *r = zk->asked;
		zk->asked = NULL;
		r->err = try_create(zk, &r->ops[0]);
		CU_ASSERT_EQUAL(slice_is_null(r->ops[0].data), strcmp(r->ops[0].path, "/a/b/c") != 0);
		size_t n = strlen(zk->made);
		snprintf(zk->made + n, sizeof zk->made - n, "%s %s, ", r->ops[0].path, zk_err_name(r->err));
		r->done(r);
	}
}

static unsigned ended;

static void done(struct mkpath *m)
{
	(void)m;
	ended++;
}

/* Makes /a/b/c in `zk`. */
static enum zk_err make(struct zk *zk)
{
	struct mkpath m;
	ended = 0;
	mkpath_start(&m, zk, "/a/b/c", SLICE_LIT("x"), ZK_PERSISTENT, done, NULL);
	serve(zk);
	CU_ASSERT_EQUAL(ended, 1);
	CU_ASSERT_EQUAL(m.created != NULL, m.err == ZK_OK);
	free(m.created);
	return m.err;
}

static void free_made(struct zk *zk, int given)
{
	for (int i = given; zk->nodes[i]; i++)
		free((char *)(uintptr_t)zk->nodes[i]);
}

static void parents_first_only_when_missing(void)
{
	struct zk zk = { .nodes = { "/a", "/a/b" } };
	CU_ASSERT_EQUAL(make(&zk), ZK_OK);
	CU_ASSERT_STRING_EQUAL(zk.made, "/a/b/c OK, ");
	free_made(&zk, 2);
	struct zk empty = { .nodes = { NULL } };
	CU_ASSERT_EQUAL(make(&empty), ZK_OK);
	CU_ASSERT_STRING_EQUAL(empty.made, "/a/b/c NONODE, /a/b NONODE, /a OK, /a/b OK, /a/b/c OK, ");
	free_made(&empty, 0);
}

static void what_exists_is_told(void)
{
	struct zk zk = { .nodes = { "/a", "/a/b", "/a/b/c" } };
	CU_ASSERT_EQUAL(make(&zk), ZK_NODEEXISTS);
}

static void an_error_ends_it(void)
{
	struct zk zk = { .nodes = { NULL }, .forbidden = "/a/b" };
	CU_ASSERT_EQUAL(make(&zk), ZK_NOAUTH);
	CU_ASSERT_STRING_EQUAL(zk.made, "/a/b/c NONODE, /a/b NOAUTH, ");
}

/* A chroot that is missing: nothing that this client can name would help. */
static void no_parent_left(void)
{
	struct zk zk = { .nodes = { NULL } };
	struct mkpath m;
	mkpath_start(&m, &zk, "/a", SLICE_NULL, ZK_PERSISTENT, done, NULL);
	zk.asked->err = ZK_NONODE;
	zk.asked->done(zk.asked);
	CU_ASSERT_EQUAL(m.err, ZK_NONODE);
}

static const struct ut_case cases[] = {
	UT(parents_first_only_when_missing),
	UT(what_exists_is_told),
	UT(an_error_ends_it),
	UT(no_parent_left),
};

int main(void)
{
	return ut_run("mkpath", cases, countof(cases));
}
