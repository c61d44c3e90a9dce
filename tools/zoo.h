/* zoo.h - a session with ZooKeeper for one command: calls that its fiber waits in (zkutil/zk.h below it), and
 * the tree of nodes as it is at one time.
 *
 * Everything belongs to the command's reactor; what is read lies in the tool's arena.
 */
#ifndef SAMSA_TOOLS_ZOO_H
#define SAMSA_TOOLS_ZOO_H

#include "tools/command.h"
#include "zkutil/zk.h"

#include <stdbool.h>

enum { ZOO_NODES_MAX = 4000000, ZOO_BATCH = 512 /* requests that are sent before one is waited for */ };

struct zoo;

/* NULL and the failure is set: the words are wrong, or no server was reached in `timeout_ms`. */
struct zoo *zoo_open(struct tool *t, const char *connect, int timeout_ms);
void zoo_close(struct zoo *z); /* NULL: nothing */

/* Sends the request and waits for its answer. */
enum zk_err zoo_call(struct zoo *z, struct zk_req *req);
/* -1 with the failure: what the error means for `path`. */
int zoo_fail(struct tool *t, enum zk_err err, const char *path);

struct zoo_node {
	const char *path;
	struct slice data;   /* null data is SLICE_NULL */
	struct zk_stat stat;
};

/* 0, or -1 and the failure is set. */
int zoo_get(struct zoo *z, const char *path, struct zoo_node *out);
/* The names of the children in their order. */
int zoo_children(struct zoo *z, const char *path, const char ***names, unsigned *n);

/* A node and all below, by path. */
struct zoo_tree {
	struct zoo_node *nodes;
	size_t n;
};

/* Nodes that go while it is read are left out. */
int zoo_tree(struct zoo *z, const char *path, struct zoo_tree *out);
/* NULL: there is none. */
const struct zoo_node *zoo_find(const struct zoo_tree *tree, const char *path);
/* The nodes below `path`, itself not among them, in order: the first, and how many. */
const struct zoo_node *zoo_below(const struct zoo_tree *tree, const char *path, size_t *n);

/* Waits until a node that was read with `watch` has changed. 0, or -1 and the failure is set: the session is
 * over. */
int zoo_wait_change(struct zoo *z, enum zk_change *change, const char **path);

#endif
