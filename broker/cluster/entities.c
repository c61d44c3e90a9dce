/* entities.c - see entities.h. */
#include "broker/cluster/entities.h"

#include "broker/base/must.h"

/* ---- reading ---- */

static bool take_settings(struct arena *a, const struct znode_config *z, struct entity *out)
{
	struct config_setting *v = arena_array(a, z->n, sizeof *v);
	for (unsigned i = 0; v && i < z->n; i++)
		v[i] = (struct config_setting){ z->entries[i].key, z->entries[i].value };
	out->settings = (struct config_layer){ v, v ? z->n : 0 };
	return v != NULL;
}

static void take_answer(struct arena *a, const struct zk_req *req, struct entity_reading *out)
{
	struct znode_config z = { 0 };
	struct znode_why problem;
	out->entity = (struct entity){ .exists = req->err == ZK_OK, .version = req->stat.version };
	out->err = req->err == ZK_NONODE ? ZK_OK : req->err;
	out->why = NULL;
	if (out->err != ZK_OK) {
		out->why = arena_printf(a, "%s cannot be read: %s", req->path, zk_err_text(out->err));
	} else if (out->entity.exists && (znode_config_decode(a, req->data, &z, &problem) != 0 ||
						 !take_settings(a, &z, &out->entity))) {
		out->why = arena_printf(a, "%s cannot be read: %s", req->path,
					arena_overflowed(a) ? "it is too large" : problem.s);
		out->err = ZK_MARSHALLING;
	}
	if (out->err != ZK_OK && !out->why)
		out->why = "an entity of /config is too large";
}

/* CLOSING is that of a session that has expired, unless all is to end. */
static bool ended_with_session(const struct zkc *zkc, enum zk_err err)
{
	return err == ZK_SESSION_EXPIRED || (err == ZK_CLOSING && !zkc_is_closing(zkc));
}

/* A read that ended with its session is made again over the next one. */
static void call_all(struct zkc *zkc, struct zk_req *reqs, size_t n)
{
	zkc_call_all(zkc, reqs, n);
	for (size_t i = 0; i < n; i++)
		while (ended_with_session(zkc, reqs[i].err)) {
			zk_req_forget(&reqs[i]);
			zkc_call(zkc, &reqs[i]);
		}
}

void entity_read_all(struct zkc *zkc, struct arena *a, struct entity_reading *v, size_t n)
{
	struct zk_req *reqs = arena_array(a, n, sizeof *reqs);
	size_t made = 0;
	for (const char *path; reqs && made < n && (path = znode_config_path(a, v[made].name)); made++)
		zk_req_get(&reqs[made], path, false);
	call_all(zkc, reqs, made);
	for (size_t i = 0; i < made; i++) {
		take_answer(a, &reqs[i], &v[i]);
		zk_req_fini(&reqs[i]);
	}
	for (size_t i = made; i < n; i++) { /* the arena is full */
		v[i].entity = (struct entity){ .exists = false };
		v[i].err = ZK_TOO_BIG;
		v[i].why = "the names of entities are too long";
	}
}

enum zk_err entity_read(struct zkc *zkc, struct arena *a, const char *name, struct entity *out,
	const char **why)
{
	struct entity_reading one = { .name = name };
	entity_read_all(zkc, a, &one, 1);
	*out = one.entity;
	*why = one.why;
	return one.err;
}

/* ---- writing ---- */

/* The version of /controller, which a write is guarded by. A KRaft controller is on its way to take the
 * cluster away from ZooKeeper: nobody writes any more. */
static enum zk_err controller_version(struct zkc *zkc, struct arena *a, int32_t *version)
{
	struct zk_req req;
	struct znode_controller z = { .kraft_epoch = -1 };
	struct znode_why why;
	zk_req_get(&req, znode_path(ZNODE_CONTROLLER), false);
	enum zk_err err = zkc_call(zkc, &req);
	*version = req.stat.version;
	if (err == ZK_OK && znode_controller_decode(a, req.data, &z, &why) == 0 && z.kraft_epoch > 0)
		err = ZK_FENCED;
	zk_req_fini(&req);
	return err == ZK_NONODE ? ZK_FENCED : err;
}

static enum zk_err write_over(struct zkc *zkc, struct arena *a, const char *path, struct slice json,
	int32_t expected)
{
	struct zk_req req;
	int32_t version;
	enum zk_err err = controller_version(zkc, a, &version);
	if (err != ZK_OK)
		return err;
	zk_req_write(&req, zk_op_set(path, json, expected));
	zk_req_guard(&req, znode_path(ZNODE_CONTROLLER), version);
	err = zkc_call(zkc, &req);
	zk_req_fini(&req);
	return err;
}

/* The node's contents; ZK_TOO_BIG, or ZK_BAD_ARGUMENTS for what is no text. */
static enum zk_err encode(struct arena *a, const struct config_layer *settings, struct slice *json)
{
	struct znode_config z = { arena_array(a, settings->n, sizeof *z.entries), (unsigned)settings->n };
	for (size_t i = 0; z.entries && i < settings->n; i++)
		z.entries[i] = (struct znode_entry){ settings->v[i].name, settings->v[i].value };
	*json = z.entries ? znode_config_encode(a, &z) : SLICE_NULL;
	if (arena_overflowed(a) || json->n > ENTITY_BYTES_MAX)
		return ZK_TOO_BIG;
	return slice_is_null(*json) ? ZK_BAD_ARGUMENTS : ZK_OK;
}

enum zk_err entity_write(struct zkc *zkc, struct arena *a, const char *name,
	const struct config_layer *settings, const struct entity *before)
{
	struct slice json;
	const char *path = znode_config_path(a, name);
	enum zk_err err = encode(a, settings, &json);
	if (err != ZK_OK)
		return err;
	bool any = !before || !before->exists;
	err = write_over(zkc, a, path, json, any ? ZK_ANY_VERSION : before->version);
	if (err != ZK_NONODE)
		return err;
	/* Somebody else may be quicker, and a lost connection may hide our own success. */
	err = zkc_create(zkc, path, json);
	return err == ZK_NODEEXISTS ? ZK_BADVERSION : err;
}

enum zk_err entity_rewrite(struct zkc *zkc, struct arena *a, const char *name,
	const struct config_layer *settings, const struct entity *before)
{
	struct slice json;
	struct zk_req req;
	const char *path = znode_config_path(a, name);
	enum zk_err err = encode(a, settings, &json);
	must(before->exists);
	if (err != ZK_OK)
		return err;
	zk_req_write(&req, zk_op_set(path, json, before->version));
	err = zkc_call(zkc, &req);
	zk_req_fini(&req);
	return err;
}

enum zk_err entity_announce(struct zkc *zkc, struct arena *a, const char *name)
{
	struct zk_req req;
	struct slice json = znode_config_change_encode(a, name);
	if (slice_is_null(json))
		return ZK_TOO_BIG;
	zk_req_write(&req, zk_op_create(znode_path(ZNODE_CONFIG_CHANGE), json, ZK_PERSISTENT_SEQUENTIAL));
	enum zk_err err = zkc_call(zkc, &req);
	zk_req_fini(&req);
	return err;
}
