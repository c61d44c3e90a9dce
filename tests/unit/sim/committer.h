/* committer.h - a consumer in the simulated world, as far as groups see it: it joins a group, takes its
 * assignment, commits one offset after the other, as a member and for a group without members, and joins anew
 * when it must.
 *
 * What must hold: whatever was acknowledged can be fetched again, with its metadata, or something that was
 * sent after it; but for what a loss of power took, where nothing is flushed. A commit whose answer did not
 * come may still be on its way when the next one is made on another connection, and be the last one then.
 */
#ifndef SAMSA_TESTS_COMMITTER_H
#define SAMSA_TESTS_COMMITTER_H

#include "tests/unit/sim/kclient.h"

enum {
	COMMITTER_PARTITIONS_MAX = 3,
	COMMITTER_GROUPS = 2,
	COMMITTER_ASTRAY_MAX = 32,
	COMMITTER_ID_BYTES = 64,
};

/* Of a partition in a group. */
struct committed {
	int64_t sent, acked; /* 0: none */
	int power_losses;    /* before the connection on which that was acknowledged */
	int64_t astray[COMMITTER_ASTRAY_MAX]; /* sent, and never answered: the last of them */
	int n_astray;
};

struct committer {
	struct kclient client;
	const char *topic;
	int partitions;
	const int *power_losses;   /* so far, in this world */
	bool power_takes;          /* what was acknowledged, too */
	void (*fail)(const char *format, ...) __attribute__((format(printf, 1, 2)));
	/* private */
	int connected_after;       /* losses of power */
	char id[COMMITTER_ID_BYTES];
	int32_t generation;        /* -1: it has to join */
	struct committed of[COMMITTER_GROUPS][COMMITTER_PARTITIONS_MAX];
	int generations, commits;  /* that it saw */
};

/* The first members are set; then kclient_init(). */
void committer_init(struct committer *c);
/* In a fiber: one step more, which may be in vain. */
void committer_step(struct committer *c);
/* In a fiber: everything that was acknowledged is looked for. False: to be tried again. */
bool committer_check(struct committer *c);

#endif
