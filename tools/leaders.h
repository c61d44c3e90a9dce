/* leaders.h - work on partitions, each asked of its leader; tried again when the leader is another. */
#ifndef SAMSA_TOOLS_LEADERS_H
#define SAMSA_TOOLS_LEADERS_H

#include "tools/admin.h"

/* One partition: what is asked, and what came of it. */
struct at_leader {
	struct slice topic;
	int32_t partition;
	int64_t asked;  /* ListOffsets: a time, or OFFSETS_*; DeleteRecords: an offset */
	int64_t offset; /* the answer; -1 where there is none */
	int64_t timestamp;
	int32_t leader_epoch;   /* -1: not told */
	struct failure failure; /* words NULL: none */
	/* Of leaders.c: who leads now; the error that passes, for which it is asked again. */
	int32_t leader;
	int waits_for;
	bool done;
};

/* The special times of ListOffsets. */
enum {
	OFFSETS_LATEST = -1,
	OFFSETS_EARLIEST = -2,
	OFFSETS_MAX_TIMESTAMP = -3,
	OFFSETS_EARLIEST_LOCAL = -4,
	OFFSETS_LATEST_TIERED = -5,
};

/* Who asks for offsets, and so what the end is (kafka.server.ReplicaManager.fetchOffsetForTimestamp): to a
 * consumer the high watermark, or the last stable offset with committed_only; to the debugger the end of
 * the log, and any replica answers, not the leader alone. */
enum { OFFSETS_CONSUMER = -1, OFFSETS_DEBUGGER = -2 };
struct offsets_as {
	int32_t replica;
	bool committed_only;
};

/* Asks that broker, and once: what would pass with time is the item's failure too. */
int leaders_offsets_once(struct admin *a, struct tool *t, int32_t node, const struct offsets_as *as,
	struct at_leader *v, unsigned n);
/* Each item is done or has a failure; only what concerns all of them is -1. */
int leaders_list_offsets(struct admin *a, struct tool *t, struct at_leader *v, unsigned n);
int leaders_delete_records(struct admin *a, struct tool *t, struct at_leader *v, unsigned n);

#endif
