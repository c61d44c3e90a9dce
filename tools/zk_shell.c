/* zk_shell.c - the nodes of a cluster in ZooKeeper, and what they mean: samsa-zk. */
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "tools/out.h"
#include "tools/zk_check.h"
#include "tools/zk_explain.h"
#include "tools/zk_lines.h"
#include "tools/zoo.h"
#include "zkutil/connect.h"

#include <jansson.h>

enum { TREE_DEPTH_MAX = 64 };

enum { ZOOKEEPER, TIMEOUT, RAW, JSON, RECURSIVE, NODE_VERSION, YES };

static const char *const verbs[] = { "ls", "get", "tree", "set", "create", "delete", "watch", "check",
	"shell", NULL };

static const struct opt options[] = {
	[ZOOKEEPER] = { "zookeeper", OPT_TEXT, "host:port,.../chroot",
		"The servers of ZooKeeper and the root of the cluster, as zookeeper.connect has them.",
		.fallback = "localhost:2181" },
	[TIMEOUT] = { "timeout", OPT_INT, "ms",
		"How long to wait for a server.", .fallback = "10000" },
	[RAW] = { "raw", OPT_FLAG, NULL,
		"get: only the bytes that are in the node." },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print JSON, a line for each node or contradiction." },
	[RECURSIVE] = { "recursive", OPT_FLAG, NULL,
		"delete: the nodes below too." },
	[NODE_VERSION] = { "node-version", OPT_INT, "version",
		"set, delete: only when the node has this version." },
	[YES] = { "yes", OPT_FLAG, NULL,
		"set, create, delete: do it. Without, they only say what they would do." },
};

/* ---- showing ---- */

static json_t *text_json(struct tool *t, struct slice data)
{
	struct text shown = { 0 };
	text_utf8(&shown, data);
	json_t *json = json_string(tool_text(t, text_slice(&shown)));
	text_free(&shown);
	return json;
}

/* The data as the JSON that it is, else as text. */
static json_t *data_json(struct tool *t, struct slice data)
{
	json_t *json = data.p ? json_loadb((const char *)data.p, data.n, JSON_DECODE_ANY, NULL) : json_null();
	return json ? json : text_json(t, data);
}

static void show_json(struct tool *t, const struct zoo_node *node)
{
	struct zk_place place = zk_place_of(node->path);
	const struct zk_stat *s = &node->stat;
	out_json(json_pack("{s:o, s:s, s:o, s:i, s:I, s:I, s:I, s:i}", "path", text_json(t,
		slice_str(node->path)), "is", zk_place_words(&place), "data", data_json(t, node->data),
		"version", s->version, "czxid", (json_int_t)s->czxid, "createdMs", (json_int_t)s->ctime_ms,
		"ephemeralOwner", (json_int_t)s->ephemeral_owner, "children", s->children));
}

static void show(struct tool *t, const struct zoo_node *node)
{
	struct text out = { 0 };
	if (args_has(&t->args, RAW)) {
		say_bytes(node->data);
		if (out_is_terminal())
			say("\n");
	} else if (args_has(&t->args, JSON)) {
		show_json(t, node);
	} else {
		zk_explain(&out, &t->arena, node, sys_wall_ms());
		say_bytes(text_slice(&out));
	}
	text_free(&out);
}

/* ---- verbs: 0 or 1 as the status; -1 and the failure is set ---- */

struct shell {
	struct tool *tool;
	struct zoo *zoo;
	const char *path;
	const char *data; /* of set and create; NULL: none was given */
};

static int list(struct shell *s)
{
	const char **names;
	unsigned n;
	if (zoo_children(s->zoo, s->path, &names, &n) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (args_has(&s->tool->args, JSON))
			out_json(text_json(s->tool, slice_str(names[i])));
		else
			say("%s\n", names[i]);
	}
	return 0;
}

static int get(struct shell *s)
{
	struct zoo_node node;
	if (zoo_get(s->zoo, s->path, &node) < 0)
		return -1;
	show(s->tool, &node);
	return 0;
}

/* How deep below the root of the tree. */
static int depth(const char *root, const char *path)
{
	int n = 0;
	for (const char *p = path + (strcmp(root, "/") == 0 ? 0 : strlen(root)); *p; p++)
		n += *p == '/' && p[1];
	return n;
}

static void tree_line(const char *root, const struct zoo_node *node)
{
	struct text line = { 0 };
	int n = depth(root, node->path);
	const char *name = n ? strrchr(node->path, '/') + 1 : node->path;
	text_add(&line, "%*s", n * 2, "");
	text_utf8(&line, slice_str(name));
	if (node->stat.ephemeral_owner)
		text_add(&line, " (ephemeral)");
	if (node->data.n) {
		text_add(&line, "  ");
		text_utf8(&line, node->data);
	}
	text_add(&line, "\n");
	say_bytes(text_slice(&line));
	text_free(&line);
}

/* Below a node come those below it, though a sibling's name may sort between them. */
static void show_tree(struct shell *s, const struct zoo_tree *tree, const struct zoo_node *node)
{
	size_t n;
	if (depth(s->path, node->path) > TREE_DEPTH_MAX)
		return; /* Kafka's are seven deep at most */
	if (args_has(&s->tool->args, JSON))
		show_json(s->tool, node);
	else
		tree_line(s->path, node);
	const char *path = strcmp(node->path, "/") == 0 ? "" : node->path;
	const struct zoo_node *below = zoo_below(tree, path, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = below[i].path + strlen(path) + 1;
		if (*name && !strchr(name, '/'))
			show_tree(s, tree, &below[i]);
	}
}

static int tree(struct shell *s)
{
	struct zoo_tree all;
	if (zoo_tree(s->zoo, s->path, &all) < 0)
		return -1;
	show_tree(s, &all, zoo_find(&all, s->path));
	return 0;
}

/* Whether to go on: without --yes it is only said what would be done. */
static bool is_meant(struct shell *s, const char *what)
{
	if (args_has(&s->tool->args, YES))
		return true;
	say("Would %s %s. Add --yes to do it: brokers act at once on what changes here.\n", what, s->path);
	return false;
}

static int write_one(struct shell *s, struct zk_op op)
{
	struct zk_req req;
	zk_req_write(&req, op);
	enum zk_err err = zoo_call(s->zoo, &req);
	if (err == ZK_OK && op.kind == ZK_OP_CREATE)
		say("%s\n", zk_req_created(&req));
	zk_req_fini(&req);
	return err == ZK_OK ? 0 : zoo_fail(s->tool, err, op.path);
}

static int32_t wanted_version(const struct tool *t)
{
	return args_has(&t->args, NODE_VERSION) ? (int32_t)args_int(&t->args, NODE_VERSION) : ZK_ANY_VERSION;
}

static int set(struct shell *s)
{
	struct zoo_node node;
	if (!s->data)
		return tool_fail(s->tool, "IllegalArgumentException", "set needs a path and the data");
	if (zoo_get(s->zoo, s->path, &node) < 0)
		return -1;
	if (!is_meant(s, tool_printf(s->tool, "write %zu bytes over the %u bytes of", strlen(s->data),
		node.data.n)))
		return 1;
	return write_one(s, zk_op_set(s->path, slice_str(s->data), wanted_version(s->tool)));
}

static int create(struct shell *s)
{
	if (!is_meant(s, "create"))
		return 1;
	return write_one(s, zk_op_create(s->path, slice_str(s->data), ZK_PERSISTENT));
}

static int delete(struct shell *s)
{
	struct zoo_tree all;
	if (zoo_tree(s->zoo, s->path, &all) < 0)
		return -1;
	bool recursive = args_has(&s->tool->args, RECURSIVE);
	if (all.n > 1 && !recursive)
		return tool_fail(s->tool, "NotEmptyException", "%s: it has %zu nodes below; --recursive "
			"deletes them too", s->path, all.n - 1);
	if (strcmp(s->path, "/") == 0)
		return tool_fail(s->tool, "IllegalArgumentException", "the root cannot be deleted");
	if (!is_meant(s, tool_printf(s->tool, "delete %zu node%s:", all.n, all.n == 1 ? "" : "s")))
		return 1;
	for (size_t i = all.n; i > 0; i--) { /* a node comes before those below it */
		progress("%zu nodes to delete", i);
		int32_t version = i == 1 ? wanted_version(s->tool) : ZK_ANY_VERSION;
		if (write_one(s, zk_op_delete(all.nodes[i - 1].path, version)) < 0)
			return -1;
	}
	return 0;
}

/* Leaves a watch on the node and on its children, and shows the node as it is now. */
static void look_and_watch(struct shell *s)
{
	struct zk_req get, children;
	struct zoo_node node;
	zk_req_exists(&get, s->path, true);
	enum zk_err err = zoo_call(s->zoo, &get);
	zk_req_fini(&get);
	if (err != ZK_OK) {
		say("%s: %s\n", s->path, zk_err_text(err));
	} else if (zoo_get(s->zoo, s->path, &node) == 0) {
		zk_req_children(&children, s->path, true);
		zoo_call(s->zoo, &children);
		zk_req_fini(&children);
		show(s->tool, &node);
	}
	s->tool->failure = (struct failure){ 0 };
	out_flush();
}

static int watch(struct shell *s)
{
	static const char *const words[] = { [ZK_NODE_CREATED] = "created", [ZK_NODE_DELETED] = "deleted",
		[ZK_NODE_CHANGED] = "changed", [ZK_CHILDREN_CHANGED] = "children changed" };
	enum zk_change change;
	const char *path;
	int rc;
	do {
		look_and_watch(s);
		rc = zoo_wait_change(s->zoo, &change, &path);
		if (rc == 0)
			say("--- %s: %s\n", path, words[change]);
	} while (rc == 0);
	return rc;
}

static void show_fault(void *arg, const char *path, const char *words)
{
	struct shell *s = arg;
	if (args_has(&s->tool->args, JSON))
		out_json(json_pack("{s:o, s:o}", "path", text_json(s->tool, slice_str(path)), "contradiction",
			text_json(s->tool, slice_str(words))));
	else
		say("%s: %s\n", path, words);
}

static int check(struct shell *s)
{
	struct zoo_tree all;
	struct zk_check c = { .tool = s->tool, .tree = &all, .now_ms = sys_wall_ms(), .fault = show_fault,
		.arg = s };
	if (zoo_tree(s->zoo, "/", &all) < 0)
		return -1;
	unsigned n = zk_check(&c);
	if (!args_has(&s->tool->args, JSON))
		say("%zu nodes, %u contradiction%s\n", all.n, n, n == 1 ? "" : "s");
	return n ? 1 : 0;
}

/* ---- the command ---- */

static const struct {
	const char *verb;
	int (*run)(struct shell *s);
	unsigned least, most; /* words behind the verb */
} known[] = {
	{ "ls", list, 0, 1 }, { "get", get, 1, 1 }, { "tree", tree, 0, 1 }, { "set", set, 2, 2 },
	{ "create", create, 1, 2 }, { "delete", delete, 1, 1 }, { "watch", watch, 1, 1 },
	{ "check", check, 0, 0 },
};

/* The words behind the verb. */
static const char *word(const struct args *a, unsigned nth)
{
	return nth + 1 < a->n_operands ? a->operands[nth + 1] : NULL;
}

/* -1: the words are refused, or the failure is set. */
static int run_verb(struct tool *t)
{
	struct args *a = &t->args;
	size_t i = 0;
	while (i < countof(known) && (!a->verb || strcmp(known[i].verb, a->verb) != 0))
		i++;
	if (i == countof(known)) {
		args_refuse(a, "a line begins with one of the others");
		return -1;
	}
	struct shell s = { .tool = t, .path = word(a, 0) ? word(a, 0) : "/", .data = word(a, 1) };
	if ((known[i].least && !word(a, known[i].least - 1)) || word(a, known[i].most))
		args_refuse(a, "%s takes %u to %u words behind it", a->verb, known[i].least, known[i].most);
	const char *wrong = zk_path_check(s.path);
	if (wrong)
		args_refuse(a, "%s is no path: %s", s.path, wrong);
	if (a->refused || args_check_values(a))
		return -1;
	s.zoo = zoo_open(t, args_text(a, ZOOKEEPER), (int)args_int(a, TIMEOUT));
	int status = s.zoo ? known[i].run(&s) : -1;
	zoo_close(s.zoo);
	return status;
}

/* What holds for all lines. Not --yes: each change is meant by itself. */
static const unsigned of_all_lines[] = { ZOOKEEPER, TIMEOUT, RAW, JSON };

static int run_lines(struct tool *t)
{
	if (word(&t->args, 0))
		args_refuse(&t->args, "shell takes no word behind it: its commands are lines of standard "
			"input");
	if (t->args.refused || args_check_values(&t->args))
		return -1;
	return zk_lines(t, of_all_lines, countof(of_all_lines), run_verb);
}

static int run(struct tool *t)
{
	int status = strcmp(t->args.verb, "shell") == 0 ? run_lines(t) : run_verb(t);
	if (t->args.refused)
		return tool_usage(t, "%s", t->args.refused);
	return status < 0 ? tool_complain(t) : status;
}

const struct command command_zk = {
	.about = "This tool shows and changes the nodes of a cluster in ZooKeeper, says what they mean, and "
		"finds those that contradict each other.",
	.verbs = verbs,
	.operands = "[PATH [DATA]]",
	.more = "ls PATH lists the nodes below one; get PATH explains a node; tree [PATH] shows all below "
	"it; watch PATH tells "
		"each change until interrupted; set PATH DATA, create PATH [DATA] and delete PATH change it. "
		"check reads the whole tree and tells what cannot be true at the same time, such as a leader "
		"that is not registered or settings of a topic that does not exist; status 1 when there is "
		"any. shell takes each line of standard input as such a command, with the words split as sh "
		"does, until quit; status 1 when one of them failed. Only what the open ACL allows can be "
		"read and written: the C client of ZooKeeper has neither TLS nor SASL here.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
