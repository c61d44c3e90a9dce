/* offsets.h - the committed offsets of one group.
 *
 * A plain commit takes two steps, for it counts only when its record is in the log: offsets_prepare() before
 * the append, then offsets_commit() or offsets_give_up(). Between them the partition is unstable: who asks
 * for stable offsets is told to wait. Whichever record lies later in the log wins, so the order in which
 * appends end does not matter. A removal between the two undoes the commit as well.
 *
 * Commits of a transaction are kept by producer until its marker; offsets_txn_end() takes them over or drops
 * them.
 *
 *	offsets -> topics, sorted by name -> partitions, sorted
 *
 * A committed offset costs 56 bytes and the room that its array keeps (at most half as much again), a topic
 * its name and about 50; metadata, seldom there, its length and about 20. So groups with ten partitions of a
 * topic cost some 70 bytes for each offset.
 *
 * Owner core: the group's, or the helper that loads it. Facts: GroupMetadata of 3.9 (offsets,
 * pendingOffsetCommits, pendingTransactionalOffsetCommits, removeExpiredOffsets).
 */
#ifndef SAMSA_GROUP_OFFSETS_H
#define SAMSA_GROUP_OFFSETS_H

#include "broker/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OFFSET_NONE = -1 };

/* What was committed for a partition. */
struct offset_commit {
	int64_t offset;
	int32_t leader_epoch;  /* -1: not said */
	struct slice metadata; /* never null */
	int64_t commit_ms;
	int64_t expire_ms;     /* -1: when the group's retention says */
};

struct offsets;

struct offsets *offsets_new(void);
void offsets_free(struct offsets *o); /* NULL is fine */

/* ---- reading; `o` may be NULL: nothing was ever committed ---- */

/* The slice lives until the next change. */
bool offsets_get(const struct offsets *o, struct slice topic, int32_t partition,
		 struct offset_commit *ret_commit);
/* A commit is on its way, or is part of a transaction that has not ended. */
bool offsets_is_unstable(const struct offsets *o, struct slice topic, int32_t partition);
size_t offsets_count(const struct offsets *o); /* committed ones */
/* Nothing is committed, on its way, or in a transaction. */
bool offsets_empty(const struct offsets *o);
typedef void offsets_visit(void *arg, struct slice topic, int32_t partition,
			   const struct offset_commit *commit);
/* The committed ones, by topic and partition. */
void offsets_each(const struct offsets *o, offsets_visit *visit, void *arg);

/* ---- plain commits ---- */

/* Names a commit of several partitions for what follows. */
uint32_t offsets_begin(struct offsets *o);
void offsets_prepare(struct offsets *o, uint32_t round, struct slice topic, int32_t partition);
/* Its record is in the log, at `log_offset`. */
void offsets_commit(struct offsets *o, uint32_t round, struct slice topic, int32_t partition,
		    const struct offset_commit *commit, int64_t log_offset);
void offsets_give_up(struct offsets *o, uint32_t round, struct slice topic, int32_t partition);

/* As read from the log, whatever there was. */
void offsets_put(struct offsets *o, struct slice topic, int32_t partition, const struct offset_commit *commit,
		 int64_t log_offset);

/* ---- removal; commits on their way, and those in transactions, are undone too ---- */

/* True when it needs a tombstone: its record is in the log, or on its way there (3.9 forgets the latter). */
bool offsets_remove(struct offsets *o, struct slice topic, int32_t partition);
/* `gone` hears before of each that needs a tombstone; its commit is not to be looked at. Return how many. */
size_t offsets_remove_topic(struct offsets *o, struct slice topic, offsets_visit *gone, void *arg);
size_t offsets_remove_all(struct offsets *o, offsets_visit *gone, void *arg);
bool offsets_has_topic(const struct offsets *o, struct slice topic); /* anything of it, to be removed */

/* ---- commits in transactions ---- */

void offsets_txn_put(struct offsets *o, int64_t producer_id, struct slice topic, int32_t partition,
		     const struct offset_commit *commit, int64_t log_offset);
void offsets_txn_remove(struct offsets *o, int64_t producer_id, struct slice topic, int32_t partition);
void offsets_txn_end(struct offsets *o, int64_t producer_id, bool committed);

/* ---- expiry ---- */

struct offsets_expiry {
	int64_t now_ms, retention_ms;
	int64_t since_ms; /* retention counts from here; -1: from the commit */
	bool (*keeps_topic)(const void *arg, struct slice topic); /* NULL: every topic's offsets may go */
	const void *arg;
};

/* A pure function of time; what is on its way is never expired, the caller knows. */
bool offset_has_expired(const struct offset_commit *commit, const struct offsets_expiry *expiry);
/* Removes what has expired; `gone` hears of each before. Returns how many. */
size_t offsets_expire(struct offsets *o, const struct offsets_expiry *expiry, offsets_visit *gone, void *arg);

#endif
