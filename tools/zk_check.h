/* zk_check.h - nodes that contradict each other. */
#ifndef SAMSA_TOOLS_ZK_CHECK_H
#define SAMSA_TOOLS_ZK_CHECK_H

#include "tools/zoo.h"

#include <stdint.h>

enum {
	ZK_CHECK_REQUEST_MS = 60 * 1000, /* what a controller is asked for by a node it has seen to by then */
};

struct zk_check {
	struct tool *tool;
	const struct zoo_tree *tree; /* of "/" */
	int64_t now_ms;
	/* Told of each: the node, and what is wrong with it. */
	void (*fault)(void *arg, const char *path, const char *words);
	void *arg;
	unsigned faults;
};

/* How many there are. */
unsigned zk_check(struct zk_check *c);

#endif
