/* zk_call.c - one request through the C client library: zk_call_start() on the owner's thread, the
 * completions on the library's. A completion copies the answer into the request and posts its event; that
 * gives the request back. */
#include "config.h"

#include "zkutil/zk_lib_priv.h"

#include "broker/base/must.h"

/* Ten digits with a sign, and the end. */
enum { SEQUENCE_BYTES = 12 };

/* What the library fills in for a multi. */
struct call {
	zoo_op_result_t *results;
	struct Stat *stats;
	char **created; /* room for the path of each create */
};

static enum zk_err call_error(int rc)
{
	static const int codes[] = {
#define X(name, code, text) code,
#include "zkutil/zk_err.tbl"
#undef X
	};
	for (size_t i = 0; i < countof(codes); i++)
		if (codes[i] == rc && rc <= 0)
			return (enum zk_err)i;
	return ZK_SYSTEM;
}

/* The library's own when it gives up a connection; the Java client calls them all ConnectionLoss. */
static enum zk_err error_of_request(int rc)
{
	bool lost = rc == ZOPERATIONTIMEOUT || rc == ZRUNTIMEINCONSISTENCY;
	return lost ? ZK_CONNECTION_LOSS : call_error(rc);
}

static void give_back(struct zk_req *r, int rc)
{
	zk_post_request(r, error_of_request(rc));
}

static struct zk_stat stat_of(const struct Stat *s)
{
	return (struct zk_stat){ s->czxid, s->mzxid, s->pzxid, s->ctime, s->mtime, s->ephemeralOwner,
		s->version, s->cversion, s->aversion, s->dataLength, s->numChildren };
}

/* ---- completions, on the library's thread ---- */

static struct zk_req *request_of(const void *data)
{
	struct zk_req *r = (struct zk_req *)(uintptr_t)data;
	CHECK_OBJ_NOTNULL(r, ZK_REQ_MAGIC);
	return r;
}

static void got_data(int rc, const char *value, int n, const struct Stat *stat, const void *data)
{
	struct zk_req *r = request_of(data);
	if (rc == ZOK) {
		r->stat = stat_of(stat);
		if (value && n >= 0) {
			r->memory = mem_alloc((size_t)n + 1);
			memcpy(r->memory, value, (size_t)n);
			r->data = slice_of(r->memory, (size_t)n);
		}
	}
	give_back(r, rc);
}

static void got_stat(int rc, const struct Stat *stat, const void *data)
{
	struct zk_req *r = request_of(data);
	if (rc == ZOK && r->kind == ZK_REQ_WRITE)
		r->own[1].stat = stat_of(stat);
	else if (rc == ZOK)
		r->stat = stat_of(stat);
	give_back(r, rc);
}

static void got_nothing(int rc, const void *data)
{
	give_back(request_of(data), rc);
}

/* The names in one piece of memory: the pointers first, then the text. */
static void copy_names(struct zk_req *r, const struct String_vector *names)
{
	size_t bytes = (size_t)names->count * sizeof(char *);
	for (int i = 0; i < names->count; i++)
		bytes += strlen(names->data[i]) + 1;
	r->memory = mem_alloc(bytes + 1);
	r->children = r->memory;
	r->n_children = (unsigned)names->count;
	char *text = (char *)(r->children + r->n_children);
	for (unsigned i = 0; i < r->n_children; i++) {
		r->children[i] = text;
		text = stpcpy(text, names->data[i]) + 1;
	}
}

static void got_children(int rc, const struct String_vector *names, const struct Stat *stat, const void *data)
{
	struct zk_req *r = request_of(data);
	if (rc == ZOK) {
		r->stat = stat_of(stat);
		copy_names(r, names);
	}
	give_back(r, rc);
}

static char *without_chroot(const struct zk *zk, const char *path)
{
	size_t n = strlen(zk->connect.chroot);
	return mem_strdup(strncmp(path, zk->connect.chroot, n) == 0 ? path + n : path);
}

static void got_path(int rc, const char *path, const void *data)
{
	struct zk_req *r = request_of(data);
	if (rc == ZOK)
		r->own[1].created = without_chroot(r->zk, path);
	give_back(r, rc);
}

static void got_multi(int rc, const void *data)
{
	struct zk_req *r = request_of(data);
	struct call *call = r->call;
	for (unsigned i = 0; i < r->n_ops; i++) {
		struct zk_op *op = &r->ops[i];
		op->err = call_error(call->results[i].err);
		if (rc == ZOK && op->kind == ZK_OP_SET)
			op->stat = stat_of(&call->stats[i]);
		if (rc == ZOK && op->kind == ZK_OP_CREATE)
			op->created = without_chroot(r->zk, call->created[i]);
	}
	free(call);
	r->call = NULL;
	give_back(r, rc);
}

/* ---- sending, on the owner's thread ---- */

/* With the chroot before it; `memory` is the caller's to free. */
struct full_path {
	const char *s;
	char *memory;
};

static struct full_path full_path(const struct zk *zk, const char *path)
{
	const char *chroot = zk->connect.chroot;
	if (!chroot[0])
		return (struct full_path){ path, NULL };
	char *whole = mem_printf("%s%s", chroot, strcmp(path, "/") == 0 ? "" : path);
	return (struct full_path){ whole, whole };
}

static int start_read(struct zk *zk, struct zk_req *r)
{
	struct full_path path = full_path(zk, r->path);
	int rc = ZBADARGUMENTS;
	switch (r->kind) {
	case ZK_REQ_GET:
		rc = zoo_aget(zk->link->handle, path.s, r->watch, got_data, r);
		break;
	case ZK_REQ_EXISTS:
		rc = zoo_aexists(zk->link->handle, path.s, r->watch, got_stat, r);
		break;
	case ZK_REQ_CHILDREN:
		rc = zoo_aget_children2(zk->link->handle, path.s, r->watch, got_children, r);
		break;
	case ZK_REQ_WRITE:
	case ZK_REQ_MULTI:
		must_not_reach("not a read");
	}
	free(path.memory);
	return rc;
}

/* For the library null data has no bytes, less than none. */
static int data_bytes(struct slice data)
{
	return slice_is_null(data) ? -1 : (int)data.n;
}

static int create_flags(enum zk_mode mode)
{
	switch (mode) {
	case ZK_PERSISTENT:
		return ZOO_PERSISTENT;
	case ZK_EPHEMERAL:
		return ZOO_EPHEMERAL;
	case ZK_PERSISTENT_SEQUENTIAL:
		return ZOO_PERSISTENT_SEQUENTIAL;
	case ZK_EPHEMERAL_SEQUENTIAL:
		return ZOO_EPHEMERAL_SEQUENTIAL;
	}
	must_not_reach("no such mode");
}

static int start_write(struct zk *zk, struct zk_req *r)
{
	const struct zk_op *op = r->ops;
	struct full_path path = full_path(zk, op->path);
	int rc = ZBADARGUMENTS;
	switch (op->kind) {
	case ZK_OP_CREATE:
		rc = zoo_acreate(zk->link->handle, path.s, (const char *)op->data.p, data_bytes(op->data),
			&ZOO_OPEN_ACL_UNSAFE, create_flags(op->mode), got_path, r);
		break;
	case ZK_OP_SET:
		rc = zoo_aset(zk->link->handle, path.s, (const char *)op->data.p, data_bytes(op->data),
			op->version, got_stat, r);
		break;
	case ZK_OP_DELETE:
		rc = zoo_adelete(zk->link->handle, path.s, op->version, got_nothing, r);
		break;
	case ZK_OP_CHECK:
		must_not_reach("a check is part of a multi");
	}
	free(path.memory);
	return rc;
}

/* One piece of memory for all that a multi's answer needs. */
static struct call *call_new(const struct zk *zk, const struct zk_req *r)
{
	size_t n = r->n_ops, text = 0, chroot = strlen(zk->connect.chroot);
	for (size_t i = 0; i < n; i++)
		text += chroot + strlen(r->ops[i].path) + SEQUENCE_BYTES;
	struct call *call = mem_zalloc(sizeof *call + n * (sizeof *call->results + sizeof *call->stats +
		sizeof *call->created) + text);
	call->results = (void *)(call + 1);
	call->stats = (void *)(call->results + n);
	call->created = (void *)(call->stats + n);
	char *at = (char *)(call->created + n);
	for (size_t i = 0; i < n; i++) {
		call->created[i] = at;
		at += chroot + strlen(r->ops[i].path) + SEQUENCE_BYTES;
	}
	return call;
}

static void fill_op(const struct zk *zk, zoo_op_t *out, const struct zk_op *op, const char *path,
	struct call *call, unsigned i)
{
	switch (op->kind) {
	case ZK_OP_CREATE:
		zoo_create_op_init(out, path, (const char *)op->data.p, data_bytes(op->data),
			&ZOO_OPEN_ACL_UNSAFE, create_flags(op->mode), call->created[i],
			(int)(strlen(zk->connect.chroot) + strlen(op->path)) + SEQUENCE_BYTES);
		break;
	case ZK_OP_SET:
		zoo_set_op_init(out, path, (const char *)op->data.p, data_bytes(op->data), op->version,
			&call->stats[i]);
		break;
	case ZK_OP_DELETE:
		zoo_delete_op_init(out, path, op->version);
		break;
	case ZK_OP_CHECK:
		zoo_check_op_init(out, path, op->version);
		break;
	}
}

static int start_multi(struct zk *zk, struct zk_req *r)
{
	struct call *call = call_new(zk, r);
	zoo_op_t *ops = mem_zalloc(r->n_ops * sizeof *ops);
	struct full_path *paths = mem_zalloc(r->n_ops * sizeof *paths);
	for (unsigned i = 0; i < r->n_ops; i++) {
		paths[i] = full_path(zk, r->ops[i].path);
		fill_op(zk, &ops[i], &r->ops[i], paths[i].s, call, i);
	}
	r->call = call;
	int rc = zoo_amulti(zk->link->handle, (int)r->n_ops, ops, call->results, got_multi, r);
	if (rc != ZOK) {
		r->call = NULL;
		free(call);
	}
	for (unsigned i = 0; i < r->n_ops; i++)
		free(paths[i].memory);
	free(paths);
	free(ops);
	return rc;
}

enum zk_err zk_call_start(struct zk *zk, struct zk_req *r)
{
	int rc;
	CHECK_OBJ_NOTNULL(zk->link, ZK_LINK_MAGIC);
	must(zk->link->handle && r->zk == zk);
	if (r->kind != ZK_REQ_WRITE && r->kind != ZK_REQ_MULTI)
		rc = start_read(zk, r);
	else if (r->kind == ZK_REQ_WRITE && !r->guarded)
		rc = start_write(zk, r);
	else
		rc = start_multi(zk, r);
	/* the library knows that the session is over, its event is on the way */
	return rc == ZINVALIDSTATE ? ZK_SESSION_EXPIRED : call_error(rc);
}
