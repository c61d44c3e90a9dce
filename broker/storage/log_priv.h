/* log_priv.h - a log from within: who may touch what, and what one file of it asks of another.
 *
 *	log.c		attach, detach, where it stands, failure
 *	append.c	checks, offsets, the queue of a turn and its one write
 *	flush.c		fsync on a helper, durable acknowledgements, the recovery point
 *	roll.c		new segments; retention
 *	read.c		ranges, on the core or by a helper; look-up by time
 *	truncate.c	truncation on a helper
 *	move.c		a log that is written by who has it, and takes another one's place
 *	open.c		a directory becomes a log: sweep.c, recover.c
 *	state.c		producer state: snapshots and replay; used by recovery and truncation
 *	close.c		the ends of a log
 *	clean*.c	compaction (clean_priv.h); dirt.c: what there is to clean
 *
 * States:
 *
 *	LOOSE --attach--> HOME --truncate--> CHANGING --done--> HOME --detach, all quiet--> LOOSE
 *
 *	LOOSE		no reactor; whoever opens or closes it has it
 *	HOME		its core has all of it
 *	CHANGING	a helper has segments and producers; the core keeps the numbers (start, end, ...)
 *
 * One background task at a time, flush or change or the swap of a cleaning, so that they need not know of
 * each other.
 */
#ifndef SAMSA_STORAGE_LOG_PRIV_H
#define SAMSA_STORAGE_LOG_PRIV_H

#include "broker/config/topic_config.h"
#include "broker/storage/epoch.h"
#include "broker/storage/file.h"
#include "broker/storage/log.h"
#include "broker/storage/producer.h"
#include "broker/storage/segment.h"

#define LOGGER_LOG "kafka.log.UnifiedLog"

enum {
	LOG_RECENT_BATCHES = 32,  /* whose positions are remembered */
	LOG_WRITE_IOVS = 256,     /* batches of one write */
	LOG_FLUSH_SEGMENTS = 4,   /* of one round of a flush; more go in further rounds */
	LOG_IDLE_CHECK_MS = 30000, /* files not used between two checks are closed */
};

enum log_state { LOG_LOOSE, LOG_HOME, LOG_CHANGING };

struct recent {
	int64_t base_offset, last_offset;
	int64_t position;
	uint32_t n;
};

/* A segment's part of a flush. */
struct flush_item {
	struct segment_files *files; /* held; NULL: by name */
	int64_t base;
	bool sealed;                 /* its indexes, too */
	bool has_next;
	int64_t next_base;           /* whose snapshot was taken when it was sealed */
};

struct log_flush {
	struct job job;
	struct log *log;
	const char *dir;
	int64_t upto;
	bool sync_dir, sync_entry;
	char *epochs;     /* text to write, or NULL */
	size_t epochs_n;
	struct uuid topic_id; /* to write, or zero */
	uint32_t n;
	int error;
	int64_t took_ns;
	struct flush_item items[LOG_FLUSH_SEGMENTS];
};

/* Files renamed to .deleted that wait for their end. */
struct log_deletion {
	unsigned magic;
#define LOG_DELETION_MAGIC 0x4c44454cU
	struct list link;
	struct timer timer;
	struct job job;
	struct log *log;
	const char *dir;
	uint32_t n;
	int64_t bases[];
};

struct log {
	unsigned magic;
#define LOG_MAGIC 0x4c4f4731U
	enum log_state state;
	struct reactor *home;
	struct log_owner *owner;
	char *dir;
	const struct topic_config *config;

	/* The numbers. */
	int64_t start, end, next;       /* next: of the next append; end follows when the turn is written */
	int64_t recovery_point, high_watermark;
	int64_t first_unstable;         /* of producers; kept here because a change has these */
	uint64_t bytes;                 /* of all .log files */
	int error;                      /* that took it offline */
	bool told_owner;

	struct segment **segments;      /* by base; the last is the active one */
	uint32_t n_segments, room_segments;
	struct producers *producers;
	int64_t producer_expiration_ms;
	int64_t snapshot_offset;        /* of the newest snapshot; -1 none */
	struct epochs epochs;
	struct uuid topic_id;
	bool topic_id_dirty;            /* not in partition.metadata yet */

	/* Appends: queue -> (written) settled -> (where durable) unflushed -> done. */
	struct list queue, settled, unflushed;
	int64_t queued_bytes;
	struct deferred turn;
	struct recent *recent;          /* ring, of the active segment; NULL before an append */
	uint32_t recent_n, recent_first;

	/* Background. */
	bool busy;                      /* a flush or a change is on a helper */
	bool dir_dirty;                 /* files may have been made since the directory was flushed */
	bool entry_dirty;               /* nor was the directory that holds it, in this process */
	int64_t flush_wanted;           /* flush up to here */
	int64_t flush_time_ns;          /* when everything was flushed last */
	struct list flush_waiters, changes;
	struct log_flush *flush;        /* made at the first one */
	struct log_wait *leaving;
	uint32_t reads;                 /* on helpers */
	uint32_t generation;            /* of the file positions: a change makes those of before worthless */
	struct list deletions;
	uint32_t unlinks;               /* on helpers */
	struct timer idle;

	/* Compaction. */
	struct cleaning *cleaning;      /* the one under way */
	int64_t cleaned;                /* clean up to here; -1: never */
	int64_t clean_after_ns;         /* one had no room: others come first until then */
	bool uncleanable;
	bool cleaning_held;             /* a copy of it is being made */
	bool learns_times;              /* of segments, on a helper */
};

static inline struct segment *log_active(const struct log *log)
{
	must(log->n_segments > 0);
	return log->segments[log->n_segments - 1];
}

static inline bool log_is(const struct log *log)
{
	return log && log->magic == LOG_MAGIC;
}

/* Something is to be done at the end of this turn; a log without a reactor has none. */
static inline void log_want_turn(struct log *log)
{
	if (log->home)
		reactor_defer(log->home, &log->turn);
}

static inline int64_t log_wall_ms(const struct log *log)
{
	return log->home ? reactor_wall_ms(log->home) : sys_wall_ms();
}

/* The last part of the directory's path: <topic>-<partition>. */
const char *log_name(const struct log *log);
/* Asserts that the caller is on the log's core. */
void log_must_be_home(const struct log *log);
/* Neither is for others than open and close. */
struct log *log_new(const struct log_open *op);
void log_free(struct log **log);
/* Why appends and reads are refused, or NONE. */
enum kerr log_refuses(const struct log *log);
/* A write failed: offline for good. Tells the owner later in this turn. */
void log_fail(struct log *log, int error, const char *what);
/* After anything that may have let a background task, a change or the leaving begin. */
void log_go_on(struct log *log);

void log_add_segment(struct log *log, struct segment *s);
/* Takes the first `n` (or all behind the first `keep`) segments out of the row without freeing them. */
void log_forget_segments(struct log *log, uint32_t from, uint32_t n);
/* `n` segments, which the caller has freed, make room for others. */
void log_replace_segments(struct log *log, uint32_t at, uint32_t n, struct segment *const *by, uint32_t n_by);
/* The segment that holds `offset`: the last with base <= offset; n_segments when it is before the first. */
uint32_t log_segment_at(const struct log *log, int64_t offset);
/* Where the segment ends: the base of the next or the log's end. */
int64_t log_segment_end(const struct log *log, uint32_t i);
/* No offset of the segment is at or above it; INT64_MAX for the last. */
static inline int64_t log_segment_limit(const struct log *log, uint32_t i)
{
	return i + 1 < log->n_segments ? log->segments[i + 1]->base : INT64_MAX;
}
void log_note_unstable(struct log *log);
/* A segment is used: it is closed again when it is not for some time. */
void log_watch_idle(struct log *log);

/* append.c */
/* A follower's row of whole batches gets its place; it is neither queued nor written yet. */
enum kerr log_place_row(struct log *log, struct log_append *op);
/* Writes the queue; where it fails the log does. */
void log_write_queue(struct log *log);
/* The end of a turn: writes, answers, begins what waits in the background. */
void log_turn(struct reactor *here, struct deferred *d);
/* Answers them all. Nothing of the log may be relied on afterwards but the log itself. */
void log_answer(struct list *ops, enum kerr error);
void log_wake(struct list *waits, int error);
void log_forget_recent(struct log *log);
/* The batch that holds `offset`, or the next, if it is one of the last appended. */
bool log_recent_at(const struct log *log, int64_t offset, struct recent *out);

/* flush.c */
/* Whether anything waits for a flush. */
bool log_wants_flush(const struct log *log);
void log_start_flush(struct log *log);
void log_want_flush(struct log *log, int64_t upto);
/* Answers who waited for what is flushed now. */
void log_answer_durable(struct log *log);
int log_write_epochs(struct log *log); /* blocks */
int log_write_topic_id(struct log *log); /* blocks */

/* roll.c */
/* Ends the active segment and begins one at `base`. */
int log_roll_to(struct log *log, int64_t base);
/* `config` tells about preallocation and jitter; NULL: none. */
int log_new_segment(struct log *log, int64_t base, int64_t now_ms, const struct topic_config *config);
/* Files that were renamed to .deleted are unlinked file.delete.delay.ms from now. */
void log_delete_later(struct log *log, const int64_t *bases, uint32_t n);
/* Stops the timers of what waits to be unlinked; log_close() does it. */
void log_pause_deletions(struct log *log);

/* The start is at `offset` from now on, if that is higher; the caller knows that it may be. */
void log_move_start(struct log *log, int64_t offset);

/* clean.c */
/* A cleaning waits to put its segments in place: it begins to. */
bool clean_start_swap(struct log *log);
/* Gives up the one under way, which ends in a moment. */
void log_stop_cleaning(struct log *log);

/* truncate.c */
void log_start_change(struct log *log);

/* state.c: these block; for who has segments and producers. */
/* Writes what is known at ps->end, unless there is a snapshot of it. */
int state_snapshot(struct log *log, const struct producers *ps);
/* Removes snapshots above `end`, at or below `start`, and those that belong to no segment. */
int state_sweep(struct log *log, int64_t start, int64_t end);
int state_drop_above(struct log *log, int64_t offset);
/* The newest usable snapshot that is not above `end`; without one `ps` is empty and ends at `start`.
 * Damaged ones are removed. */
int state_restore(struct log *log, struct producers *ps, int64_t start, int64_t end, int64_t now_ms);
/* Reads the batches of [ps->end, end) into `ps`. */
int state_replay(struct log *log, struct producers *ps, int64_t end);
/* All of that. */
int state_rebuild(struct log *log, struct producers *ps, int64_t start, int64_t end, int64_t now_ms);
/* Adds the batches before the last of each producer, which no snapshot has, from the end of the log: who did
 * not hear an answer sends them all again. (3.9 takes that for a gap, and its producer writes them twice.) */
int state_recall(struct log *log, struct producers *ps);
/* A batch is in the log: tells `ps`, and the transaction index of `s` (NULL: it knows). Needs the whole
 * batch when that is a control batch. */
int state_note(struct segment *s, const char *dir, struct producers *ps, const struct batch *b);

/* topic_id.c: partition.metadata */
int topic_id_read(const char *dir, struct uuid *id); /* -ENOENT */
int topic_id_write(const char *dir, const struct uuid *id);

#endif
