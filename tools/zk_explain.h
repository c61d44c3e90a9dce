/* zk_explain.h - what Kafka's nodes in ZooKeeper mean, in words (zkutil/znode.tbl). */
#ifndef SAMSA_TOOLS_ZK_EXPLAIN_H
#define SAMSA_TOOLS_ZK_EXPLAIN_H

#include "tools/text.h"
#include "tools/zoo.h"
#include "zkutil/znode.h"

enum { ZK_NAMES_MAX = 4 /* placeholders in a path */ };

/* What a path names. */
struct zk_place {
	enum znode row;     /* ZNODE_ROWS: none of Kafka's that is known here */
	struct slice names[ZK_NAMES_MAX]; /* of the path: {"topic", "0"} */
};

struct zk_place zk_place_of(const char *path);
/* The row's words: "registration of a broker"; for what is no row, that. */
const char *zk_place_words(const struct zk_place *place);
/* Lines "  name  value" of what is in the node, and of the node itself. `now_ms` tells how long ago. */
void zk_explain(struct text *out, struct arena *a, const struct zoo_node *node, int64_t now_ms);

#endif
