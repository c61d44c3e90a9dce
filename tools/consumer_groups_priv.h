/* consumer_groups_priv.h - what the parts of samsa-consumer-groups share: its options and how they fail. */
#ifndef SAMSA_TOOLS_CONSUMER_GROUPS_PRIV_H
#define SAMSA_TOOLS_CONSUMER_GROUPS_PRIV_H

#include "tools/groups.h"
#include "tools/leaders.h"

#include <jansson.h>

enum consumer_groups_option {
	BOOTSTRAP,
	COMMAND_CONFIG,
	GROUP,
	ALL_GROUPS,
	TOPIC,
	ALL_TOPICS,
	LIST,
	DESCRIBE,
	DELETE,
	RESET_OFFSETS,
	DELETE_OFFSETS,
	TIMEOUT,
	DRY_RUN,
	EXECUTE,
	EXPORT,
	TO_OFFSET,
	FROM_FILE,
	TO_DATETIME,
	BY_DURATION,
	TO_EARLIEST,
	TO_LATEST,
	TO_CURRENT,
	SHIFT_BY,
	MEMBERS,
	VERBOSE,
	OFFSETS,
	STATE,
	TYPE,
	JSON,
};

/* The last of what these do is 0; WRONG_USAGE, with args->refused set; or -1 and the failure is set. */
enum { WRONG_USAGE = 1 };

int groups_reset(struct tool *t, struct admin *a);
int groups_forget(struct tool *t, struct admin *a); /* --delete-offsets */

/* The groups that --group and --all-groups name. */
int groups_named(struct tool *t, struct admin *a, struct slice **out, unsigned *n);
/* Turns the failure into the words that Java's wrapping gives it: as the cause of an ExecutionException,
 * whose message names the class of its cause, and that once more wrapped in a RuntimeException. Gives -1. */
int as_runtime(struct tool *t);
/* Why nothing was done to a group: "Error: ...", or its line of JSON. */
void say_group_error(struct tool *t, struct slice group, const char *words);
/* With --json: a partition of a group, and what stands behind it in the line; takes `value` over. */
void say_json_partition(struct slice group, struct slice topic, int32_t partition, const char *name,
	json_t *value, const char *error);

#endif
