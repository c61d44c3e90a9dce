/* log.h - one partition's log: a row of segments on disk, appended at the end, read anywhere, dropped at
 * the start.
 *
 * Life: log_open() recovers the directory on any thread that may block; log_attach() gives the log to its
 * home core; there it is appended to and read; log_detach() takes it back once nothing is in flight;
 * log_close() or log_discard() ends it, again on any thread that may block.
 *
 * Between attach and detach a log belongs to its reactor and every function asserts it, except those
 * marked "blocks": these belong to open and close and are for a log without a reactor.
 *
 * What is on disk is Kafka's, byte for byte: see README. Errors of the peer are enum kerr; a failed write
 * or fsync takes the log offline for good (log_failed): nothing more is acknowledged or served from it.
 */
#ifndef SAMSA_STORAGE_LOG_H
#define SAMSA_STORAGE_LOG_H

#include "broker/base/buf.h"
#include "broker/base/kerr.h"
#include "broker/base/list.h"
#include "broker/base/uuid.h"
#include "broker/reactor/reactor.h"
#include "broker/storage/producer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topic_config; /* config/topic_config.h */
struct log;

enum {
	LOG_DIR_NAME_MAX = 255,
};

/* ---- open ---- */

/* How the broker that used the directory before has ended. */
enum log_stop {
	LOG_STOP_CLEAN,   /* marker found: everything is on disk, nothing is scanned */
	LOG_STOP_KILLED,  /* no marker, same boot: the page cache is whole, only the last write may be torn */
	LOG_STOP_CRASHED, /* no marker: what was not flushed may be anything */
};

/* What opening did. All zero when the directory was clean. */
struct log_repair {
	uint32_t segments_scanned;
	uint64_t bytes_scanned;
	uint64_t bytes_cut;        /* a torn tail, or zeros of a preallocated file */
	uint32_t segments_dropped; /* whole segments behind a cut */
	uint32_t files_removed;    /* .deleted, .cleaned, strays */
	/* Damage followed by valid batches, which no torn write explains: the log is cut before it as
	 * Kafka does, but the bytes from there on are kept aside as *.corrupt and [damaged_from,
	 * damaged_to) tells which offsets are gone. */
	bool damaged;
	int64_t damaged_from, damaged_to;
};

struct log_open {
	/* in */
	const char *dir;                   /* <log dir>/<topic>-<partition>; made when missing */
	const struct topic_config *config; /* kept: lives until log_set_config() or the log's end */
	enum log_stop stop;
	int64_t recovery_point;            /* of recovery-point-offset-checkpoint; 0 when it has none */
	int64_t start_offset;              /* of log-start-offset-checkpoint; 0 when it has none */
	int64_t now_ms;                    /* wall clock, to expire producers by */
	int64_t producer_expiration_ms;    /* producer.id.expiration.ms */
	/* May be NULL. Called as a long recovery goes on, on the thread that opens. */
	void (*progress)(void *arg, const char *dir, uint64_t bytes_done, uint64_t bytes_all);
	void *progress_arg;
	/* out */
	struct log *log;
	struct log_repair repair;
};

/* Blocks. 0, or the negative errno of the disk (the log directory is to go offline then). */
int log_open(struct log_open *op);

/* Gives the log to its home core. `failed` (may be NULL) is called there when a write or an fsync fails,
 * once: the directory should go offline. Called by the home reactor. */
struct log_owner {
	void (*failed)(struct log_owner *owner, struct log *log, int error);
};
void log_attach(struct log *log, struct reactor *home, struct log_owner *owner);

/* Something that ends later; embedded in what waits for it. `done` runs on the home core, never from
 * within the call that took it. `error` is 0 or negative errno. */
struct log_wait {
	struct list link;
	void (*done)(struct log_wait *w);
	int error;
	/* private */
	int64_t offset;
	bool fully;
};

/* Refuses what comes from now on, writes what is queued, waits for what is in flight, then the log has no
 * reactor. */
void log_detach(struct log *log, struct log_wait *w);

/* Blocks. Flushes, trims, takes a producer snapshot; after it the directory is clean: recovery point = log
 * end. The log is freed even when an error is returned. */
int log_close(struct log *log, int64_t *recovery_point);
/* Blocks. Closes without flushing and renames the directory to <topic>-<partition>.<uuid>-delete, so that
 * a crash finds it as such; writes the new path. The log is freed. */
int log_discard(struct log *log, char *path, size_t path_size);
/* Its disk has failed: it is freed, and its files are left as they are. */
void log_abandon(struct log *log);
/* Blocks. Removes the files of a partition directory and the directory. */
int log_remove_dir(const char *path);

/* ---- append ---- */

enum log_origin {
	LOG_FROM_CLIENT,      /* sequences are checked */
	LOG_FROM_COORDINATOR, /* epochs are checked */
	LOG_FROM_REPLICATION, /* the leader has checked */
};

/* One batch (or, as a follower, several) on its way to disk; embedded in the request. */
struct log_append {
	/* in */
	uint8_t *bytes;                  /* written in place: offset and leader epoch. Must live until done */
	uint32_t n;
	/* Leader only; the stamp of batch_assign(), whose offset the log adds. */
	enum log_origin origin;
	int32_t leader_epoch;
	bool log_append_time;            /* of the topic */
	int64_t max_timestamp;           /* batch_checked.max_timestamp; now, where log_append_time */
	void (*done)(struct log_append *op);
	/* out */
	enum kerr error;
	bool duplicate;                  /* was here before: base_offset is where */
	int64_t base_offset, last_offset;
	int64_t timestamp;               /* largest of the batch; of a duplicate: of the stored one */
	/* private */
	struct list link;
	int64_t durable_at;
};

/* Leader: checks the producer's sequence and epoch, assigns offset and epoch in place, queues. A code
 * other than NONE refuses and `done` will not be called. NONE: `done` is called on the home core after the
 * bytes were written (and flushed, when flush.messages asks for it), later in this turn at the earliest,
 * in the order of the appends; then `error` is NONE or KAFKA_STORAGE_ERROR. All appends of one turn leave
 * in one write. */
enum kerr log_append(struct log *log, struct log_append *op);

/* Follower: whole batches as the leader has them, offsets rising from the log's end (gaps are
 * compaction's); CRCs are checked already. base_offset is that of the first batch. */
enum kerr log_append_as_follower(struct log *log, struct log_append *op);

/* ---- read ---- */

/* A range of a segment's file. The file stays open until the hold is dropped, which any core may do. */
struct log_slice {
	struct hold *hold;    /* NULL when empty */
	int fd;
	int64_t position;
	uint32_t n;
	int64_t first_offset; /* of the batch at `position`; for formats 0 and 1 its last offset */
};

/* An aborted transaction, as Fetch tells it to read_committed consumers. */
struct log_aborted {
	int64_t producer_id;
	int64_t first_offset;
};

struct log_read {
	/* in */
	int64_t offset;       /* the slice starts with the batch that holds it, or the next one */
	int64_t upper;        /* no batch at or above it: high watermark, last stable offset or log end */
	uint32_t max_bytes;   /* the last batch may be cut */
	bool min_one;         /* the first batch comes whole, however large; else nothing when cut */
	bool want_aborted;
	void (*done)(struct log_read *op);
	/* out */
	enum kerr error;      /* OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR */
	struct log_slice slice;
	struct log_aborted *aborted; /* free() it; NULL when there is none */
	uint32_t n_aborted;
	/* private */
	struct log *log;
	struct job job;
	struct log_search *search;
};

/* True: answered, `done` is not called. False: the disk must be asked; a helper does, and `done` follows.
 * At the tail it never is: the positions of recent appends are remembered. */
bool log_read(struct log *log, struct log_read *op);

enum { LOG_TIME_MAX = -3 }; /* ListOffsets: the record with the largest timestamp */

struct log_time {
	/* in */
	int64_t timestamp;    /* the first record at or after it, or LOG_TIME_MAX */
	void (*done)(struct log_time *op);
	/* out */
	enum kerr error;
	int64_t offset;       /* -1: there is none */
	int64_t found_timestamp;
	int32_t leader_epoch; /* -1: not known */
	/* private */
	struct log *log;
	struct job job;
	struct log_search *search;
};

/* Always answers by `done`: records are looked into on a helper. */
void log_offset_for_time(struct log *log, struct log_time *op);

enum { LOG_TIME_LATEST = -1, LOG_TIME_EARLIEST = -2 };

/* ListOffsets of old: where segments begin, and where the log ends, of those that were last written at
 * `timestamp` or before, the newest first. At most `max` go to `out`; returns how many. */
uint32_t log_offsets_by_age(const struct log *log, int64_t timestamp, uint32_t max, int64_t *out);

/* ---- where it stands ---- */

int64_t log_start_offset(const struct log *log);
int64_t log_end_offset(const struct log *log);    /* what is written and may be read ends here */
/* What flush.messages has not yet to be waited for ends here: a consumer that saw more could see it gone. */
int64_t log_settled_offset(const struct log *log);
int64_t log_next_offset(const struct log *log);   /* of the next append; ahead of the end in a turn */
int64_t log_recovery_point(const struct log *log); /* below it everything was flushed */
/* First offset of the earliest transaction that is open or whose marker is not below the high watermark;
 * INT64_MAX when there is none. The last stable offset is the smaller of it and the high watermark. */
int64_t log_first_unstable_offset(const struct log *log);
uint64_t log_size_bytes(const struct log *log);
uint32_t log_segments(const struct log *log);
int64_t log_active_base(const struct log *log);
int64_t log_first_base(const struct log *log);   /* of the first segment: at or below the start */
int64_t log_largest_timestamp(const struct log *log); /* -1 when none */
/* About when the record at `offset` was written: by its batch, or by its segment where the disk would have to
 * be waited for. -1: not known. */
int64_t log_timestamp_about(const struct log *log, int64_t offset);
const char *log_dir(const struct log *log);
struct reactor *log_home(const struct log *log);  /* NULL when it has none */
bool log_failed(const struct log *log);           /* offline after a failed write */
/* The disk has failed for another log of the directory: this one is offline too. */
void log_give_up(struct log *log, int error);
/* Whether producer `id` has a transaction open here. */
bool log_txn_open(const struct log *log, int64_t producer_id);
/* Who has written here and is remembered; nobody while the log is truncated. */
uint32_t log_producers(const struct log *log);
void log_each_producer(const struct log *log,
		       void (*each)(void *arg, int64_t id, const struct producer_view *view), void *arg);

/* The replica room says where the high watermark is: what is below it may be deleted, markers below it are
 * settled. */
void log_set_high_watermark(struct log *log, int64_t high_watermark);

/* ---- leader epochs ---- */

/* The epoch begins at `start`; a leader says so when it becomes one. Forgets what contradicts it. */
void log_assign_epoch(struct log *log, int32_t epoch, int64_t start);
int32_t log_latest_epoch(const struct log *log); /* -1 when none */
/* OffsetForLeaderEpoch: the largest epoch not above `epoch` and where it ends; -1, -1 when not known. */
void log_epoch_end_offset(const struct log *log, int32_t epoch, int32_t *found, int64_t *end);
int32_t log_epoch_at(const struct log *log, int64_t offset); /* -1 when not known */

/* ---- change ---- */

void log_set_config(struct log *log, const struct topic_config *config);

/* partition.metadata: written before the first append. INCONSISTENT_TOPIC_ID when the directory has
 * another one. */
enum kerr log_set_topic_id(struct log *log, const struct uuid *id);
bool log_topic_id(const struct log *log, struct uuid *id); /* false: it has none */

/* DeleteRecords, and a follower that learns it from its leader. OFFSET_OUT_OF_RANGE above the high
 * watermark. Never goes back. */
enum kerr log_increase_start(struct log *log, int64_t offset);

/* Drops what is at and above `offset` (a follower whose leader has another history). Runs on a helper, for
 * producer state is read anew: until `done` appends and reads are refused with NOT_LEADER_OR_FOLLOWER. */
void log_truncate(struct log *log, int64_t offset, struct log_wait *w);
/* Drops everything; the log is empty and starts and ends at `offset`. */
void log_truncate_fully(struct log *log, int64_t offset, struct log_wait *w);

/* ---- to another directory: see move.c ----
 * A log without a reactor may be written by whoever has it; these block. */

#define LOG_MOVED_FILE "samsa-moved" /* in the directory of a log that is, or was, copied from another one */
enum { LOG_TAKE_OVER_BYTES = 256 * 1024 }; /* copied on the core, at most */

int log_mark_moved(const char *dir);
int log_unmark_moved(const char *dir);
bool log_is_marked_moved(const char *dir);

/* Whole batches as log_append_as_follower() takes them, written at once. An incomplete one at the end is
 * left out. */
enum kerr log_extend(struct log *log, uint8_t *bytes, uint32_t n);
/* Whether the CRCs of all batches are good. */
bool log_bytes_are_sound(const uint8_t *bytes, uint32_t n);
/* As log_truncate() and log_truncate_fully(). */
int log_cut(struct log *log, int64_t offset, bool fully);
/* The end is at `offset`: up to there the other one has no batch. */
int log_skip_to(struct log *log, int64_t offset);
/* The start is where another one's is, or at the end if that is lower. */
void log_follow_start(struct log *log, int64_t start);
/* Everything is on disk afterwards. */
int log_flush_now(struct log *log);

/* `log`, a copy without a reactor, takes the place of `old`, on whose home core this runs: it is given what
 * it lacks, renamed to `dir`, attached, and has what waited for writes and flushes of `old`. Reads under way
 * end with `old`, which must get nothing more and be detached. -EAGAIN: not now (it lacks more than
 * LOG_TAKE_OVER_BYTES, or `old` is not in order); other errors are of the copy's disk. */
int log_take_over(struct log *log, struct log *old, const char *dir);

/* Everything written so far is on disk when `done` runs. */
void log_flush(struct log *log, struct log_wait *w);
/* For the flush scheduler: flushes in the background when flush.ms has gone by since the last one. */
void log_flush_if_due(struct log *log);

/* Deletes what retention.ms, retention.bytes and the log start offset say; returns how many segments went.
 * Files are renamed at once and unlinked file.delete.delay.ms later, on a helper. */
uint32_t log_retain(struct log *log);

/* Forgets producers that were quiet for so long and have no transaction open. */
void log_expire_producers(struct log *log, int64_t expiration_ms);

#endif
