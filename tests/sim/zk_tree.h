/* zk_tree.h - ZooKeeper's nodes in memory, and the transactions that change them: DataTree and
 * PrepRequestProcessor of ZooKeeper 3.8. Belongs to zk_sim.c. Paths are whole, with the chroot, and were
 * checked. */
#ifndef SAMSA_TESTS_ZK_TREE_H
#define SAMSA_TESTS_ZK_TREE_H

#include "zkutil/zk.h"

struct zk_node {
	char *path;
	struct slice data;  /* its own; SLICE_NULL is null data */
	int32_t creates;    /* of children, ever: the next sequential one's number */
	struct zk_stat stat; /* but for what zk_node_stat() works out */
};

struct zk_tree {
	struct zk_node *v; /* by path */
	size_t n, room;
	int64_t zxid;
};

/* What watchers are told of a transaction, once it is done. */
struct zk_news {
	enum zk_change change;
	char *path;
};

struct zk_news_list {
	struct zk_news *v;
	size_t n;
};

void zk_tree_init(struct zk_tree *t, int64_t now_ms);
void zk_tree_free(struct zk_tree *t);
/* NULL when there is none. Until the next change. */
const struct zk_node *zk_tree_find(const struct zk_tree *t, const char *path);
struct zk_stat zk_node_stat(const struct zk_node *node);
/* The next child of `path` after `last` (NULL: the first), by name; NULL after the last one. */
const struct zk_node *zk_tree_child(const struct zk_tree *t, const char *path, const struct zk_node *last);

/* All or nothing, as one transaction of `session`. Fills err, stat and created (not yet without the
 * chroot) of each operation; the error of the first that failed is returned. `news` grows. */
enum zk_err zk_tree_apply(struct zk_tree *t, struct zk_op *ops, unsigned n, int64_t session, int64_t now_ms,
			  struct zk_news_list *news);
/* Deletes the ephemerals of a session that is over, as one transaction. */
void zk_tree_end_session(struct zk_tree *t, int64_t session, struct zk_news_list *news);
void zk_news_free(struct zk_news_list *news);

#endif
