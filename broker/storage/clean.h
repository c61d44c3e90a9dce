/* clean.h - compaction of one log: of each key only the last record stays.
 *
 * A log is clean up to an offset (cleaner-offset-checkpoint) and dirty from there on. A cleaning reads the
 * dirty part for the last offset of each key, then writes all segments up to there anew without what is
 * superseded, group by group, and puts each group in the place of the segments that it was made of. Offsets
 * never change.
 *
 * What reads and writes is done on helpers in slices; the home core says from where to where, and swaps
 * segments. Truncation, deletion, a failed disk and the broker's end give a cleaning up at any time:
 * nothing but its own .cleaned files has changed by then, but for whole groups that are done.
 *
 * Facts: LogCleaner, LogCleanerManager and Cleaner of 3.9; contract: coordination 14, disk_format 11.
 */
#ifndef SAMSA_STORAGE_CLEAN_H
#define SAMSA_STORAGE_CLEAN_H

#include "broker/storage/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- how dirty a log is; on its home core ---- */

struct log_dirt {
	int64_t first_dirty, uncleanable;      /* offsets: what lies between may be cleaned */
	uint64_t clean_bytes, cleanable_bytes; /* of whole segments before, and between */
	int64_t overdue_ms;                    /* by max.compaction.lag.ms; 0: it is not */
};

/* False: there is nothing to clean here at all: not compacted, empty, being cleaned already, given up on. */
bool log_measure_dirt(struct log *log, struct log_dirt *out);
/* The share that is dirty, 0 to 1. */
double log_dirt_ratio(const struct log_dirt *dirt);
/* By its topic's settings it is time. */
bool log_dirt_is_due(const struct log *log, const struct log_dirt *dirt);

/* Clean up to here; -1: it was never cleaned. */
int64_t log_cleaned_offset(const struct log *log);
/* What the checkpoint says, before log_attach(). */
void log_set_cleaned_offset(struct log *log, int64_t offset);
/* A cleaning found what it cannot handle: the log stays as it is until the broker starts anew. */
bool log_is_uncleanable(const struct log *log);
/* What it would have to clean. */
uint64_t log_uncleanable_bytes(struct log *log);

/* ---- cleaning ---- */

/* Bytes a second for all cleanings together: what one takes the next waits for. Any thread. */
struct clean_rate {
	_Atomic int64_t bytes_per_s; /* 0: no limit */
	_Atomic int64_t free_ns;     /* monotonic: what was taken is paid for then */
};
/* Changes it: what is owed is paid at the new rate. One thread at a time. */
void clean_rate_set(struct clean_rate *rate, int64_t bytes_per_s, int64_t now_ns);
/* Takes `n` bytes; ns to wait before the next, as clean_rate_left() says from then on. */
int64_t clean_rate_take(struct clean_rate *rate, uint64_t n, int64_t now_ns);
int64_t clean_rate_left(const struct clean_rate *rate, int64_t now_ns);

struct clean_stats {
	uint64_t bytes_read, bytes_written, map_bytes_read;
	uint64_t messages_read, messages_written, map_messages_read;
	uint64_t invalid_messages;   /* without a key */
	int64_t map_ns, took_ns;
	double map_fill;
};

struct log_clean {
	/* in */
	int64_t now_ms;              /* wall clock: which tombstones may go */
	size_t map_bytes;            /* log.cleaner.dedupe.buffer.size of one cleaner */
	double map_load;             /* log.cleaner.io.buffer.load.factor */
	size_t io_bytes;             /* of each of two buffers; they grow for a larger batch */
	struct clean_rate *rate;     /* outlives it */
	const atomic_bool *stop;     /* set: all cleanings are to end */
	void (*done)(struct log_clean *op); /* on the home core */
	/* out */
	/* 0; -ECANCELED: given up; -ENOSPC, -EMFILE, -ENOMEM: there was no room; to be tried again. A
	 * failed disk takes the log offline as always. */
	int error;
	bool uncleanable;            /* the log cannot be cleaned, as `why` says */
	char why[256];
	int64_t from, to;            /* the part that was dirty and is clean now */
	struct clean_stats stats;
};

/* False: it cannot begin now. Otherwise `done` follows. */
bool log_clean(struct log *log, struct log_clean *op);
bool log_is_cleaning(const struct log *log);
/* While a copy of the log is made (move.c) nothing is cleaned: what the copy has could be hidden by a
 * tombstone or a marker that goes before it is copied. A cleaning under way is given up, and ends in a
 * moment. */
void log_hold_cleaning(struct log *log, bool held);

#endif
