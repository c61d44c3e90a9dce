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

enum zk_err entity_read(struct zkc *zkc, struct arena *a, const char *name, struct entity *out,
	const char **why)
{
	struct zk_req req;
	struct znode_config z = { 0 };
	struct znode_why problem;
	const char *path = znode_config_path(a, name);
	*out = (struct entity){ .exists = false };
	*why = NULL;
	if (!path) {
		*why = "the entity's name is too long";
		return ZK_TOO_BIG;
	}
	zk_req_get(&req, path, false);
	enum zk_err err = zkc_call(zkc, &req);
	out->exists = err == ZK_OK;
	out->version = req.stat.version;
	if (err == ZK_NONODE) {
		err = ZK_OK;
	} else if (err != ZK_OK) {
		*why = arena_printf(a, "%s cannot be read: %s", path, zk_err_text(err));
	} else if (znode_config_decode(a, req.data, &z, &problem) != 0 || !take_settings(a, &z, out)) {
		*why = arena_printf(a, "%s cannot be read: %s", path,
				    arena_overflowed(a) ? "it is too large" : problem.s);
		err = ZK_MARSHALLING;
	}
	zk_req_fini(&req);
	return err;
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
