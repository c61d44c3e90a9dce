/* configs_zookeeper.c - samsa-configs --zookeeper: what has to stand in ZooKeeper before brokers start, which
 * are settings of brokers that are down, their passwords encrypted, and SCRAM credentials of users. Facts:
 * kafka.admin.ConfigCommand (alterConfigWithZk, describeConfigWithZk), kafka.zk.AdminZkClient of 3.9.
 *
 * A change: the node is read, changed, written under the version that it was read with, and announced. When
 * somebody was quicker it begins again, so that no change is lost; Kafka's command writes over the other's.
 */
#include "broker/base/must.h"
#include "broker/config/dynamic.h"
#include "broker/config/password.h"
#include "tools/client_config.h"
#include "tools/configs_priv.h"
#include "tools/out.h"
#include "tools/zoo.h"
#include "zkutil/javamap.h"
#include "zkutil/znode.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define ENCODER "password.encoder."
#define DEFAULT_ENTITY "<default>"

enum { WAIT_MS = 30000, ROUNDS_MAX = 100, SALT_BYTES = 32, HASH_MAX = 64 };

/* A user, a broker, or the default of either. */
struct entity {
	bool is_user, is_default;
	const char *node;  /* below /config: "users/J%C3%B6rg", "brokers/<default>" */
	const char *words; /* "user-principal 'Jörg'", "default brokers" */
	const char *name;  /* "" is the default */
};

/* A node of settings, as it was read. */
struct stored {
	bool exists;
	int32_t version, children;
	struct znode_config config;
};

/* ---- words ---- */

static bool is_secret(const char *name)
{
	return is_scram(name) || dynamic_is_password(name) || strncmp(name, ENCODER, strlen(ENCODER)) == 0;
}

/* As java.util.Properties shows them, or Kafka's command; secrets that come from the command line are not
 * repeated. */
static const char *joined(struct tool *t, const struct znode_entry *v, unsigned n, const char *between,
	bool hides)
{
	struct javamap_slot *slots = tool_alloc(t, (n + 1) * sizeof *slots);
	const char *all = "";
	for (unsigned i = 0; i < n; i++)
		slots[i] = (struct javamap_slot){ .key = v[i].key, .index = i };
	javamap_sort(JAVAMAP_PROPERTIES, slots, n);
	for (unsigned i = 0; i < n; i++) {
		const struct znode_entry *e = &v[slots[i].index];
		all = tool_printf(t, "%s%s%s=%s", all, i ? between : "", e->key,
			hides && is_secret(e->key) ? "[hidden]" : e->value);
	}
	return all;
}

static const char *joined_names(struct tool *t, const char *const *names, unsigned n)
{
	const char *all = "";
	for (unsigned i = 0; i < n; i++)
		all = tool_printf(t, "%s%s%s", all, i ? ", " : "", names[i]);
	return all;
}

/* How each refusal of a change begins. */
static const char *refusal(struct tool *t, const struct entity *x, const struct changes *c)
{
	struct znode_entry *add = tool_alloc(t, (c->n_add + 1) * sizeof *add);
	for (unsigned i = 0; i < c->n_add; i++)
		add[i] = (struct znode_entry){ c->add[i].name, c->add[i].value };
	return tool_printf(t, "requirement failed: --bootstrap-server option must be specified to update %s "
		"configs: {add: {%s}, delete: %s(%s)}", x->is_user ? "users" : "brokers",
		joined(t, add, c->n_add, ", ", true), c->n_remove ? "ArrayBuffer" : "List",
		joined_names(t, c->remove, c->n_remove));
}

/* ---- entities ---- */

/* `sanitized` is the name as it stands in the path. */
static struct entity entity_of(struct tool *t, bool is_user, const char *sanitized)
{
	const char *what = is_user ? "user-principal" : "brokers";
	struct entity x = { .is_user = is_user, .is_default = strcmp(sanitized, DEFAULT_ENTITY) == 0 };
	struct slice name = is_user ? znode_desanitize(&t->arena, sanitized) : slice_str(sanitized);
	x.node = tool_printf(t, "%s/%s", is_user ? "users" : "brokers", sanitized);
	x.name = x.is_default ? "" : tool_text(t, slice_is_null(name) ? slice_str(sanitized) : name);
	x.words = x.is_default ? tool_printf(t, "default %s", what) : tool_printf(t, "%s '%s'", what, x.name);
	return x;
}

static struct entity entity_named(struct tool *t, const struct entities *e)
{
	bool is_user = strcmp(e->types[0], "users") == 0;
	const char *name = e->names[0];
	if (name[0] && !is_user) /* a number that may be written in several ways */
		name = tool_printf(t, "%ld", strtol(name, NULL, 10));
	else if (name[0])
		name = znode_sanitize(&t->arena, slice_str(name));
	must(name != NULL);
	return entity_of(t, is_user, name[0] ? name : DEFAULT_ENTITY);
}

/* ---- nodes ---- */

static const char *path_of(struct tool *t, const struct entity *x)
{
	const char *path = znode_config_path(&t->arena, x->node);
	must(path != NULL);
	return path;
}

/* No node is one without settings. */
static int read_node(struct zoo *z, struct tool *t, const struct entity *x, struct stored *out)
{
	struct zk_req req;
	struct znode_why why;
	const char *path = path_of(t, x);
	zk_req_get(&req, path, false);
	enum zk_err err = zoo_call(z, &req);
	*out = (struct stored){ err == ZK_OK, req.stat.version, req.stat.children, { NULL, 0 } };
	int rc = 0;
	if (err != ZK_OK && err != ZK_NONODE)
		rc = zoo_fail(t, err, path);
	else if (err == ZK_OK && znode_config_decode(&t->arena, req.data, &out->config, &why) != 0)
		rc = tool_fail(t, "IllegalArgumentException", "%s: %s", path, why.s);
	zk_req_fini(&req);
	return rc;
}

static enum zk_err write_one(struct zoo *z, struct zk_op op)
{
	struct zk_req req;
	zk_req_write(&req, op);
	enum zk_err err = zoo_call(z, &req);
	zk_req_fini(&req);
	return err;
}

/* Creates a node, and its parents where they lack. */
static enum zk_err create(struct zoo *z, struct tool *t, const char *path, struct slice data,
	enum zk_mode mode)
{
	enum zk_err err = write_one(z, zk_op_create(path, data, mode));
	if (err != ZK_NONODE)
		return err;
	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		const char *parent = tool_text(t, slice_of(path, (size_t)(at - path)));
		err = write_one(z, zk_op_create(parent, SLICE_NULL, ZK_PERSISTENT));
		if (err != ZK_OK && err != ZK_NODEEXISTS)
			return err;
	}
	return write_one(z, zk_op_create(path, data, mode));
}

/* All settings of an entity: a user's node without any goes, unless there are clients below it. */
static enum zk_err write_node(struct zoo *z, struct tool *t, const struct entity *x,
	const struct stored *before, const struct znode_config *config)
{
	const char *path = path_of(t, x);
	struct slice json = znode_config_encode(&t->arena, config);
	if (slice_is_null(json))
		return ZK_BAD_ARGUMENTS;
	if (config->n == 0 && x->is_user && before->children == 0)
		return before->exists ? write_one(z, zk_op_delete(path, before->version)) : ZK_OK;
	if (before->exists)
		return write_one(z, zk_op_set(path, json, before->version));
	return create(z, t, path, json, ZK_PERSISTENT);
}

static int announce(struct zoo *z, struct tool *t, const struct entity *x)
{
	const char *path = tool_printf(t, "%s/config_change_", znode_path(ZNODE_CONFIG_CHANGES));
	enum zk_err err = create(z, t, path, znode_config_change_encode(&t->arena, x->node),
		ZK_PERSISTENT_SEQUENTIAL);
	return err == ZK_OK ? 0 : zoo_fail(t, err, path);
}

/* ---- brokers must be down ---- */

static int check_not_running(struct zoo *z, struct tool *t, const struct entity *x, const char *begin)
{
	static const char info[] = "Broker configuration operations using ZooKeeper are only supported if "
				   "the affected broker(s) are not running.";
	struct znode_path one = znode_broker_path(x->is_default ? 0 : (int32_t)strtol(x->name, NULL, 10));
	const char *path = x->is_default ? znode_path(ZNODE_BROKER_IDS) : one.s;
	struct zk_req req;
	zk_req_exists(&req, path, false);
	enum zk_err err = zoo_call(z, &req);
	int n = err == ZK_OK ? (x->is_default ? req.stat.children : 1) : 0;
	zk_req_fini(&req);
	if (err != ZK_OK && err != ZK_NONODE)
		return zoo_fail(t, err, path);
	if (n > 0 && x->is_default)
		return refuse(t, "%s - %d brokers are running. %s", begin, n, info);
	return n > 0 ? refuse(t, "%s - broker %s is running. %s", begin, x->name, info) : 0;
}

/* ---- passwords of brokers ---- */

static int read_number(struct tool *t, const char *text, int *out)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (end == text || *end || n < 0 || n > INT32_MAX)
		return refuse(t, "For input string: \"%s\"", text);
	*out = (int)n;
	return 0;
}

/* Takes password.encoder.* out of what is to be stored: it says how passwords are encrypted, and by what. */
static int take_encoder(struct tool *t, struct changes *c, struct password_encoder *e)
{
	unsigned kept = 0;
	*e = (struct password_encoder){ .cipher = "AES/CBC/PKCS5Padding", .key_length = 128,
		.iterations = 4096 };
	for (unsigned i = 0; i < c->n_add; i++) {
		const struct pair *p = &c->add[i];
		bool fine = true;
		if (strcmp(p->name, ENCODER "secret") == 0)
			e->secret = p->value;
		else if (strcmp(p->name, ENCODER "cipher.algorithm") == 0)
			e->cipher = p->value;
		else if (strcmp(p->name, ENCODER "key.length") == 0)
			fine = read_number(t, p->value, &e->key_length) == 0;
		else if (strcmp(p->name, ENCODER "iterations") == 0)
			fine = read_number(t, p->value, &e->iterations) == 0;
		else if (strncmp(p->name, ENCODER, strlen(ENCODER)) != 0)
			c->add[kept++] = *p;
		if (!fine)
			return -1;
	}
	c->n_add = kept;
	return 0;
}

static int encrypt(struct tool *t, struct changes *c, const struct password_encoder *e)
{
	const char **names = tool_alloc(t, (c->n_add + 1) * sizeof *names);
	char why[PASSWORD_WHY_BYTES];
	unsigned n = 0;
	for (unsigned i = 0; i < c->n_add; i++)
		if (dynamic_is_password(c->add[i].name))
			names[n++] = c->add[i].name;
	if (n > 0 && !e->secret)
		return refuse(t, "requirement failed: password.encoder.secret must be specified to update "
			"Set(%s). Other password encoder configs like cipher algorithm and iterations may "
			"also be specified to override the default encoding parameters. Password encoder "
			"configs will not be persisted in ZooKeeper.", joined_names(t, names, n));
	if (n > 0 && !password_encoder_check(e, why))
		return tool_fail(t, "ConfigException", "%s", why);
	for (unsigned i = 0; i < c->n_add; i++) {
		struct password_random random;
		struct pair *p = &c->add[i];
		if (!dynamic_is_password(p->name))
			continue;
		sys_random(&random, sizeof random);
		p->value = password_encode(&t->arena, e, &random, p->value, why);
		if (!p->value)
			return tool_fail(t, "ConfigException", "%s", why);
	}
	return 0;
}

static int check_settings(struct tool *t, const struct entity *x, const struct znode_entry *v, unsigned n)
{
	struct config_setting *all = tool_alloc(t, (n + 1) * sizeof *all);
	const struct config_layer layer = { all, n };
	char why[DYNAMIC_WHY_BYTES];
	for (unsigned i = 0; i < n; i++)
		all[i] = (struct config_setting){ v[i].key, v[i].value };
	if (dynamic_check_settings(x->is_default ? DYNAMIC_CLUSTER : DYNAMIC_BROKER, &layer, why) != 0)
		return tool_fail(t, "ConfigException", "%s", why);
	return 0;
}

static int prepare_broker(struct zoo *z, struct tool *t, const struct entity *x, struct changes *c)
{
	struct password_encoder encoder;
	if (c->n_add + c->n_remove == 0)
		return 0;
	if (check_not_running(z, t, x, refusal(t, x, c)) < 0 || take_encoder(t, c, &encoder) < 0)
		return -1;
	struct znode_entry *add = tool_alloc(t, (c->n_add + 1) * sizeof *add);
	for (unsigned i = 0; i < c->n_add; i++)
		add[i] = (struct znode_entry){ c->add[i].name, c->add[i].value };
	return check_settings(t, x, add, c->n_add) < 0 ? -1 : encrypt(t, c, &encoder);
}

/* ---- credentials of users ---- */

static const char *base64(struct tool *t, const uint8_t *bytes, size_t n)
{
	char *text = tool_alloc(t, (n + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	return text;
}

/* "salt=...,stored_key=...,server_key=...,iterations=4096" of RFC 5802, as ScramCredentialUtils writes it:
 * whoever reads it can check a password, and does not know it. */
static int credential(struct tool *t, struct pair *p)
{
	const EVP_MD *digest = strcmp(p->name, "SCRAM-SHA-512") == 0 ? EVP_sha512() : EVP_sha256();
	uint8_t salt[SALT_BYTES], salted[HASH_MAX], client[HASH_MAX], stored[HASH_MAX], server[HASH_MAX];
	int n = EVP_MD_get_size(digest);
	struct scram_words words;
	if (scram_read(t, p, SCRAM_NO_DEFAULT, &words) < 0)
		return -1;
	if (!words.password[0]) /* as Java's HMAC says it */
		return refuse(t, "Empty key");
	sys_random(salt, sizeof salt);
	bool fine = PKCS5_PBKDF2_HMAC(words.password, (int)strlen(words.password), salt, sizeof salt,
			    (int)words.iterations, digest, n, salted) == 1 &&
		HMAC(digest, salted, n, (const uint8_t *)"Client Key", 10, client, NULL) != NULL &&
		EVP_Digest(client, (size_t)n, stored, NULL, digest, NULL) == 1 &&
		HMAC(digest, salted, n, (const uint8_t *)"Server Key", 10, server, NULL) != NULL;
	if (!fine)
		return tool_fail(t, "KafkaException", "the password could not be salted");
	p->value = tool_printf(t, "salt=%s,stored_key=%s,server_key=%s,iterations=%ld",
		base64(t, salt, sizeof salt), base64(t, stored, (size_t)n), base64(t, server, (size_t)n),
		words.iterations);
	return 0;
}

static int prepare_user(struct tool *t, const struct entity *x, struct changes *c)
{
	bool fine = true;
	for (unsigned i = 0; i < c->n_add; i++)
		fine = fine && is_scram(c->add[i].name);
	for (unsigned i = 0; i < c->n_remove; i++)
		fine = fine && is_scram(c->remove[i]);
	if (!fine)
		return refuse(t, "%s. User configuration updates using ZooKeeper are only supported for "
			"SCRAM credential updates.", refusal(t, x, c));
	for (unsigned i = 0; i < c->n_add; i++)
		if (credential(t, &c->add[i]) < 0)
			return -1;
	return 0;
}

/* What a user may have, and what all users may have by default. */
static int check_user(struct tool *t, const struct entity *x, const struct znode_config *config)
{
	const char **unknown = tool_alloc(t, (config->n + 1) * sizeof *unknown);
	unsigned n = 0;
	for (unsigned i = 0; i < config->n; i++) {
		const char *key = config->entries[i].key;
		if (!is_client_quota(key) && (x->is_default || !is_scram(key)))
			unknown[n++] = key;
	}
	return n == 0 ? 0 : refuse(t, "requirement failed: Unknown Dynamic Configuration: HashSet(%s).",
		joined_names(t, unknown, n));
}

/* ---- alter ---- */

static unsigned find(const struct znode_config *config, const char *name)
{
	unsigned i = 0;
	while (i < config->n && strcmp(config->entries[i].key, name) != 0)
		i++;
	return i;
}

static int check_removed(struct tool *t, const struct znode_config *now, const struct changes *c)
{
	const char *missing = NULL;
	for (unsigned i = 0; i < c->n_remove; i++)
		if (find(now, c->remove[i]) == now->n)
			missing = missing ? tool_printf(t, "%s,%s", missing, c->remove[i]) : c->remove[i];
	return missing ? refuse(t, "Invalid config(s): %s", missing) : 0;
}

static struct znode_config changed(struct tool *t, const struct znode_config *now, const struct changes *c)
{
	struct znode_config out = { tool_alloc(t, (now->n + c->n_add + 1) * sizeof *out.entries), now->n };
	for (unsigned i = 0; i < now->n; i++)
		out.entries[i] = now->entries[i];
	for (unsigned i = 0; i < c->n_add; i++) {
		unsigned at = find(&out, c->add[i].name);
		out.entries[at] = (struct znode_entry){ c->add[i].name, c->add[i].value };
		out.n = max_of(out.n, at + 1);
	}
	for (unsigned i = 0; i < c->n_remove; i++) {
		unsigned at = find(&out, c->remove[i]);
		if (at < out.n)
			out.entries[at] = out.entries[--out.n];
	}
	return out;
}

/* A write that lost its connection may meet itself: what it took away is then away, and that is fine. */
static int change_node(struct zoo *z, struct tool *t, const struct entity *x, const struct changes *c)
{
	enum zk_err err = ZK_BADVERSION;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct stored now;
		if (read_node(z, t, x, &now) < 0 || (round == 0 && check_removed(t, &now.config, c) < 0))
			return -1;
		struct znode_config fresh = changed(t, &now.config, c);
		int rc = x->is_user ? check_user(t, x, &fresh) : check_settings(t, x, fresh.entries, fresh.n);
		if (rc < 0)
			return -1;
		err = write_node(z, t, x, &now, &fresh);
		if (err != ZK_BADVERSION && err != ZK_NODEEXISTS && err != ZK_NONODE && err != ZK_NOTEMPTY)
			break;
	}
	return err == ZK_OK ? announce(z, t, x) : zoo_fail(t, err, path_of(t, x));
}

static int alter(struct zoo *z, struct tool *t, const struct entities *e)
{
	struct changes c;
	if (configs_read_changes(t, &c) < 0)
		return -1;
	if (strcmp(e->types[0], "users") == 0 && e->n_names != e->n_types)
		return refuse(t, "--entity-name or --entity-default must be specified with each "
			"--entity-type for --alter");
	struct entity x = entity_named(t, e);
	int rc = x.is_user ? prepare_user(t, &x, &c) : prepare_broker(z, t, &x, &c);
	if (rc < 0 || change_node(z, t, &x, &c) < 0)
		return -1;
	say("Completed updating config for entity: %s.\n", x.words);
	return 0;
}

/* ---- describe ---- */

static void print_json(const struct entity *x, const struct znode_config *config)
{
	json_t *settings = json_array();
	for (unsigned i = 0; i < config->n; i++)
		json_array_append_new(settings, json_pack("{s:s, s:s}", "name", config->entries[i].key,
			"value", config->entries[i].value));
	out_json(json_pack("{s:s, s:s, s:o}", "type", x->is_user ? "user" : "broker", "name", x->name,
		"settings", settings));
}

/* With `all`, users that have only clients are passed over. */
static int show(struct zoo *z, struct tool *t, const struct entity *x, bool all)
{
	struct stored now;
	if (read_node(z, t, x, &now) < 0)
		return -1;
	if (all && now.config.n == 0)
		return 0;
	if (args_has(&t->args, JSON))
		print_json(x, &now.config);
	else
		say("Configs for %s are %s\n", x->words,
			joined(t, now.config.entries, now.config.n, ",", false));
	return 0;
}

static int show_each_user(struct zoo *z, struct tool *t)
{
	const char *path = znode_path(ZNODE_CONFIG_USERS);
	const char **names = NULL;
	unsigned n = 0;
	struct zk_req req;
	zk_req_exists(&req, path, false);
	enum zk_err err = zoo_call(z, &req);
	zk_req_fini(&req);
	if (err == ZK_NONODE)
		return 0;
	if (zoo_children(z, path, &names, &n) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		struct entity x = entity_of(t, true, names[i]);
		if (show(z, t, &x, true) < 0)
			return -1;
	}
	return 0;
}

static int describe(struct zoo *z, struct tool *t, const struct entities *e)
{
	bool is_user = strcmp(e->types[0], "users") == 0;
	if (e->n_names == 0 && is_user)
		return show_each_user(z, t);
	if (e->n_names == 0)
		return refuse(t, "Error parsing broker . The broker's Entity Name must be a single integer "
			"value");
	struct entity x = entity_named(t, e);
	if (!is_user && check_not_running(z, t, &x, "requirement failed: --bootstrap-server option must be "
		"specified to describe brokers") < 0)
		return -1;
	return show(z, t, &x, false);
}

/* ---- the session ---- */

/* ZooKeeper's C client library has no TLS here: a file that asks for it is refused, another has no say. */
static int check_tls_file(struct tool *t)
{
	struct properties p;
	if (!args_has(&t->args, ZK_TLS_CONFIG_FILE))
		return 0;
	if (client_properties(t, args_text(&t->args, ZK_TLS_CONFIG_FILE), &p) < 0)
		return -1;
	const struct property *enable = properties_find(&p, "zookeeper.ssl.client.enable");
	bool asks = enable && strcasecmp(enable->value, "true") == 0;
	properties_free(&p);
	return !asks ? 0 :
		refuse(t, "zookeeper.ssl.client.enable=true: this command speaks no TLS to ZooKeeper");
}

int configs_in_zookeeper(struct tool *t, const struct entities *e)
{
	say("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.\n"
	    "Use --bootstrap-server instead to specify a broker to connect to.\n");
	struct zoo *z = check_tls_file(t) == 0 ? zoo_open(t, args_text(&t->args, ZOOKEEPER), WAIT_MS) : NULL;
	if (!z)
		return -1;
	int rc = args_has(&t->args, ALTER) ? alter(z, t, e) : describe(z, t, e);
	zoo_close(z);
	return rc;
}
