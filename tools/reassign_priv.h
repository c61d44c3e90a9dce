/* reassign_priv.h - what the parts of samsa-reassign-partitions share: plans, and what the cluster says and
 * does. */
#ifndef SAMSA_TOOLS_REASSIGN_PRIV_H
#define SAMSA_TOOLS_REASSIGN_PRIV_H

#include "list_partition_reassignments.kmsg.h"
#include "tools/admin.h"

#include <jansson.h>

/* A partition and where it is, or where it is to be. */
struct placed {
	struct slice topic;
	int32_t partition;
	int32_t *replicas;
	const char **dirs; /* of each replica, NULL: any */
	int32_t n;
};

/* By topic and partition. */
struct plan {
	struct placed *v;
	unsigned n;
};

/* --json: standard output is for that alone. */
bool reassign_as_json(const struct tool *t);
/* One line: {"topic", "partition"} and what `more`, an object, has; takes it over. */
void say_json_replica(struct slice topic, int32_t partition, json_t *more);

/* What the cluster is about. */
struct moves {
	struct list_partition_reassignments_response m;
};

/* ---- plans; reassign_plan.c ---- */

/* A file with "partitions", or with "topics"; 0, or -1 and the failure is set. */
int plan_read(struct tool *t, const char *path, struct plan *out);
int plan_read_topics(struct tool *t, const char *path, struct slice **topics, unsigned *n);
/* Whether it can be carried out at all: not empty, nothing twice. */
int plan_check(struct tool *t, const struct plan *p);
/* One line of JSON that plan_read() reads. */
const char *plan_json(struct tool *t, const struct plan *p);
void plan_sort(struct plan *p);
const struct placed *plan_find(const struct plan *p, struct slice topic, int32_t partition);
/* "1,2,3" */
const char *ids_text(struct tool *t, const int32_t *ids, int32_t n);
bool ids_hold(const int32_t *ids, int32_t n, int32_t id);
/* Each topic of the plan once. */
struct slice *plan_topics(struct tool *t, const struct plan *p, unsigned *n);

/* ---- the cluster; reassign_ask.c ---- */

/* All that are on their way. */
int moves_list(struct tool *t, struct admin *a, struct moves *out);
const struct list_partition_reassignments_response_partition *moves_find(
	const struct moves *m, struct slice topic, int32_t partition);
bool moves_any(const struct moves *m);
/* Where the partitions of these topics are; a topic that is not there fails, or with `missing` is left out.
 */
int placed_now(struct tool *t, struct admin *a, const struct slice *topics, unsigned n, bool missing,
	struct plan *out);
/* Starts moves, or with `cancel` ends them. What is wrong about single partitions is in *errors, lines of
 * "partition: words"; NULL when nothing is. */
int moves_start(struct tool *t, struct admin *a, const struct plan *p, bool cancel, const char **errors,
	unsigned *n_errors);

/* Where one replica lies: NULL, not there. */
struct dirs_of {
	const char *current, *future;
};
int dirs_find(struct tool *t, struct admin *a, int32_t broker, struct slice topic, int32_t partition,
	struct dirs_of *out);
/* Moves replicas to other directories until all have begun or the time is up. Each replica of `p` that has a
 * directory. */
int dirs_move(struct tool *t, struct admin *a, const struct plan *p, int64_t timeout_ms);

/* ---- throttles ---- */

int throttles_clear(struct tool *t, struct admin *a, const struct plan *p);
int throttles_set(struct tool *t, struct admin *a, const struct moves *now, const struct plan *wanted,
	const struct plan *current, int64_t bytes_per_second);
int throttles_set_dirs(struct tool *t, struct admin *a, const struct plan *p, int64_t bytes_per_second);

#endif
