/* segment.h - one segment of a log: <base>.log with its indexes.
 *
 * A struct segment belongs to its log. Its open files are counted (struct segment_files), for slices of
 * them travel to other cores and outlive deletion; most segments have none open. To look something up on a
 * helper while the log goes on, a struct segment_view is taken along: a copy of all that the look-up
 * needs.
 */
#ifndef SAMSA_STORAGE_SEGMENT_H
#define SAMSA_STORAGE_SEGMENT_H

#include "broker/base/buf.h"
#include "broker/protocol/batch.h"
#include "broker/storage/index.h"
#include "broker/storage/txn_index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Where index and file disagree, or the index is very sparse, a look-up that may not wait gives
	 * up. */
	SEGMENT_READS_MAX = 32,
	SEGMENT_INFLATED_MAX = 1 << 30, /* bytes of one batch, when its records are looked into */
};

struct segment_files {
	struct hold hold;
	unsigned magic;
#define SEGMENT_FILES_MAGIC 0x53464c45U
	int log_fd;
	int index_fd; /* offset index, for look-ups; -1 when not open. Only the log's core sets and uses it */
};

struct segment {
	unsigned magic;
#define SEGMENT_MAGIC 0x53454731U
	bool used;              /* since the last look of who closes idle files */
	bool allotted;          /* .log has disk space ahead of its size */
	bool cleaned;           /* its files are .cleaned still: compaction is writing it */
	uint32_t since_entry;   /* bytes appended since the last entry of the offset index */
	int64_t base;           /* offset */
	int64_t size;           /* bytes of .log that are written */
	struct segment_files *files; /* NULL: closed */
	struct index offsets, times;
	struct txn_index aborted;
	int64_t max_timestamp;  /* of its batches; -1 none */
	int64_t max_timestamp_offset; /* last offset of the first batch that has it */
	int64_t first_timestamp; /* max timestamp of the first batch, for segment.ms; -1 none */
	int64_t created_ms;     /* or loaded; wall clock */
	int64_t mtime_ms;       /* of .log, where a segment without timestamps is as old as its file */
	int64_t jitter_ms;      /* taken off segment.ms */
};

struct segment *segment_new(int64_t base, int64_t now_ms);
/* Drops its hold on the files. */
void segment_free(struct segment **s);

/* ---- files: these block ---- */

/* Makes the files of an empty segment; `preallocate` bytes of .log are taken from the disk at once (0:
 * none). */
int segment_create(struct segment *s, const char *dir, int64_t preallocate);
/* Sizes, last time entry, aborted transactions of a segment that is there. -EBADMSG: the indexes must be
 * rebuilt. */
int segment_load(struct segment *s, const char *dir);
/* Opens .log for reading and writing. */
int segment_open(struct segment *s, const char *dir);
void segment_close(struct segment *s);
/* No more appends: the last time entry is added, indexes are written out, .log is cut to its size. */
int segment_seal(struct segment *s, const char *dir);
/* Flushes what segment_seal() has written, and .log. By name: may run on a helper. */
int segment_sync(const char *dir, int64_t base, int log_fd);
/* The same of one whose files are .cleaned. */
int segment_sync_cleaned(const struct segment *s, const char *dir);
/* Drops the batches from the first that reaches `offset` on, in all files. */
int segment_truncate(struct segment *s, const char *dir, int64_t offset);
/* Empties the indexes, to be rebuilt by segment_note(). */
int segment_reset_indexes(struct segment *s, const char *dir);
/* Gives the files of one extra suffix ("", ".cleaned", ".swap", ".deleted") another, .log first; the snapshot
 * at the base is not among them. */
int segment_rename(const char *dir, int64_t base, const char *from, const char *to);
/* Removes the files of an extra suffix, .log first. */
int segment_remove(const char *dir, int64_t base, const char *extra);
/* Renames the files to .deleted; then, later, removes them. */
int segment_mark_deleted(const char *dir, int64_t base);
int segment_unlink_deleted(const char *dir, int64_t base);
/* Removes the files at once, .log first. */
int segment_unlink(const char *dir, int64_t base);

/* ---- append ---- */

/* Whether an entry for `last_offset` has a place in both indexes of at most `index_bytes`. */
bool segment_indexes_full(const struct segment *s, int64_t index_bytes);
bool segment_fits_offset(const struct segment *s, int64_t last_offset);
/* The base of a segment whose first batch this is; `last` is in the one before. */
int64_t segment_base_for(const struct batch *b, int64_t last);
/* A batch stands (or will) at `position`: timestamps and index entries. Writes index files when their
 * tails are full. */
int segment_note(struct segment *s, const char *dir, const struct batch *b, int64_t position,
	int64_t index_interval_bytes);

/* ---- look-up ---- */

struct segment_view {
	const char *dir;
	int64_t base, size;
	struct segment_files *files; /* NULL: segment_view_open() first */
	int index_fd;                /* as in files, or the view's own; -1 */
	struct index offsets, times;
};

/* Borrows from the segment: for the log's core, at once. */
struct segment_view segment_view(const struct segment *s, const char *dir);
/* Copies and holds: may go to a helper. `dir` must outlive it. */
struct segment_view segment_view_keep(const struct segment *s, const char *dir);
void segment_view_drop(struct segment_view *v);
/* Opens what is not open yet; blocks. */
int segment_view_open(struct segment_view *v);

struct segment_found {
	int64_t position;
	int64_t base_offset, last_offset; /* of the batch there; formats 0 and 1 know only the last */
	int64_t max_timestamp;
	int32_t leader_epoch;
	uint32_t n;                       /* bytes of the batch */
};

/* The first batch whose last offset is at or above `offset`: 1; 0 none. Needs files unless that is known
 * without. `wait` false: -EAGAIN where the disk would have to be waited for. */
int segment_find(const struct segment_view *v, int64_t offset, bool wait, struct segment_found *out);
/* The first record at or after `timestamp` whose offset is not below `from`: 1; 0 none. Blocks. */
struct segment_record {
	int64_t offset, timestamp;
	int32_t leader_epoch;
};
int segment_find_time(const struct segment_view *v, int64_t timestamp, int64_t from,
	struct segment_record *out);

#endif
