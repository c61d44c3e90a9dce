/* zk_req.c - what is the same for every implementation of zk.h: requests as their callers build them. */
#include "zkutil/zk_link.h"

#include "broker/base/must.h"

static const char *const errors[] = {
#define X(name, code, text) text,
#include "zkutil/zk_err.tbl"
#undef X
};

const char *zk_err_text(enum zk_err err)
{
	must(err < countof(errors));
	return errors[err];
}

const char *zk_state_name(enum zk_state state)
{
	static const char *const names[] = { "CONNECTING", "CONNECTED", "DISCONNECTED", "EXPIRED",
		"AUTH_FAILED", "CLOSED" };
	must(state < countof(names));
	return names[state];
}

struct zk_op zk_op_create(const char *path, struct slice data, enum zk_mode mode)
{
	must(path);
	return (struct zk_op){ .kind = ZK_OP_CREATE, .path = path, .data = data, .mode = mode };
}

struct zk_op zk_op_set(const char *path, struct slice data, int32_t version)
{
	must(path);
	return (struct zk_op){ .kind = ZK_OP_SET, .path = path, .data = data, .version = version };
}

struct zk_op zk_op_delete(const char *path, int32_t version)
{
	must(path);
	return (struct zk_op){ .kind = ZK_OP_DELETE, .path = path, .version = version };
}

struct zk_op zk_op_check(const char *path, int32_t version)
{
	must(path);
	return (struct zk_op){ .kind = ZK_OP_CHECK, .path = path, .version = version };
}

static void begin(struct zk_req *r, enum zk_req_kind kind)
{
	*r = (struct zk_req){ .magic = ZK_REQ_MAGIC, .kind = kind };
}

static void begin_read(struct zk_req *r, enum zk_req_kind kind, const char *path, bool watch)
{
	must(path);
	begin(r, kind);
	r->path = path;
	r->watch = watch;
}

void zk_req_get(struct zk_req *r, const char *path, bool watch)
{
	begin_read(r, ZK_REQ_GET, path, watch);
}

void zk_req_exists(struct zk_req *r, const char *path, bool watch)
{
	begin_read(r, ZK_REQ_EXISTS, path, watch);
}

void zk_req_children(struct zk_req *r, const char *path, bool watch)
{
	begin_read(r, ZK_REQ_CHILDREN, path, watch);
}

void zk_req_write(struct zk_req *r, struct zk_op op)
{
	must(op.kind != ZK_OP_CHECK); /* the protocol has it inside a multi only */
	begin(r, ZK_REQ_WRITE);
	r->own[1] = op;
	r->ops = &r->own[1];
	r->n_ops = 1;
}

void zk_req_multi(struct zk_req *r, struct zk_op *ops, unsigned n)
{
	must(n > 0 && n <= ZK_MULTI_MAX);
	begin(r, ZK_REQ_MULTI);
	r->ops = ops;
	r->n_ops = n;
}

void zk_req_guard(struct zk_req *r, const char *path, int32_t version)
{
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	must(r->kind == ZK_REQ_WRITE && !r->guarded);
	r->own[0] = zk_op_check(path, version);
	r->ops = r->own;
	r->n_ops = 2;
	r->guarded = true;
}

const char *zk_req_created(const struct zk_req *r)
{
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	must(r->kind == ZK_REQ_WRITE);
	return r->own[1].created;
}

void zk_req_forget(struct zk_req *r)
{
	for (unsigned i = 0; i < r->n_ops; i++) {
		free(r->ops[i].created);
		r->ops[i].created = NULL;
		r->ops[i].err = ZK_OK;
	}
	free(r->memory);
	r->memory = NULL;
	r->data = SLICE_NULL;
	r->children = NULL;
	r->n_children = 0;
	r->err = ZK_OK;
}

void zk_req_fini(struct zk_req *r)
{
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	must(!list_linked(&r->link));
	zk_req_forget(r);
	r->magic = 0;
}

void zk_req_settle(struct zk_req *r)
{
	if (r->kind == ZK_REQ_WRITE)
		r->stat = r->own[1].stat;
	if (!r->guarded || r->err == ZK_OK)
		return;
	if (r->own[0].err == ZK_BADVERSION || r->own[0].err == ZK_NONODE)
		r->err = ZK_FENCED;
	else if (r->own[1].err != ZK_OK && r->own[1].err != ZK_ROLLED_BACK)
		r->err = r->own[1].err;
}

uint32_t zk_req_bytes(const struct zk_req *r)
{
	uint64_t n = r->path ? strlen(r->path) : 0;
	for (unsigned i = 0; i < r->n_ops; i++)
		n += strlen(r->ops[i].path) + r->ops[i].data.n;
	return (uint32_t)min_of(n, UINT32_MAX);
}
