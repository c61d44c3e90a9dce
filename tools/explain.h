/* explain.h - why the partitions of a topic are as they are; samsa-explain, and samsa-topics --explain. */
#ifndef SAMSA_TOOLS_EXPLAIN_H
#define SAMSA_TOOLS_EXPLAIN_H

#include "tools/groups.h"

enum { EXPLAIN_ALL_GROUPS = -1, EXPLAIN_GROUPS = 10 };

struct explain_options {
	bool json;
	int32_t groups;            /* how many of a topic's readers are shown, 0: they are not asked for */
	const int32_t *partitions; /* only these; NULL: all */
	unsigned n_partitions;
};

/* Asks the brokers about these topics and prints what comes of it. 0, or -1 and the failure is set. */
int explain_topics(struct tool *t, struct admin *a, const struct slice *names, unsigned n,
	const struct explain_options *options);

#endif
