/* storage_test.h - what the storage room's tests share: a scratch directory, batches, a log on a reactor. */
#ifndef SAMSA_TESTS_STORAGE_TEST_H
#define SAMSA_TESTS_STORAGE_TEST_H

#include "broker/base/bytes.h"
#include "broker/config/topic_config.h"
#include "broker/protocol/batch.h"
#include "broker/storage/file.h"
#include "broker/storage/log.h"
#include "tests/unit/ut.h"

enum { ST_NOW_MS = 1700000000, ST_EXPIRATION_MS = 86400000 };
#define ST_GOLDEN_NOW_MS 1795252200000 /* when Kafka wrote tests/golden/disk */

/* An empty directory below the working directory; removed by st_clean(). */
const char *st_dir(const char *name);
void st_clean(void);
/* Before the first st_dir(): where flushing costs nothing, for tests that do it hundreds of times. */
void st_in_memory(void);

/* Kafka's defaults, to be changed. */
struct topic_config st_config(void);

struct st_batch {
	int64_t base_offset;
	int32_t records;       /* 0: one */
	int32_t leader_epoch;
	int64_t timestamp;     /* of the first record; each next is 1 later */
	int64_t producer_id;   /* 0: none */
	int16_t producer_epoch;
	int32_t sequence;
	bool transactional;
	uint32_t value_bytes;  /* 0: 10 */
};

/* On the heap: whole, with a right CRC. */
struct buf *st_make(const struct st_batch *spec);
struct buf *st_marker(int64_t offset, int64_t producer_id, int16_t epoch, enum control_type type,
	int32_t coordinator);
/* Writes a file from its start. */
void st_write(const char *path, const void *bytes, size_t n);
/* Its size, -1 when it is missing. */
int64_t st_size(const char *path);
void st_append_file(const char *path, const void *bytes, size_t n);
void st_copy_dir(const char *from, const char *to);
/* tests/golden/disk/<name>.tar.gz into a directory. */
void st_unpack(const char *name, const char *to);
/* tests/golden/disk/<name>.dump.txt.gz into a file. */
void st_gunzip(const char *name, const char *to);
/* The partition directories in a log directory, but for those that wait for their deletion. */
enum { ST_PARTITIONS_MAX = 64, ST_NAME_MAX_BYTES = 256 };
struct st_partitions {
	char names[ST_PARTITIONS_MAX][ST_NAME_MAX_BYTES];
	int n;
};
void st_partitions(const char *dir, struct st_partitions *out);
/* What a checkpoint file of a log directory says of a partition directory; 0 when nothing. */
int64_t st_checkpointed(const char *dir, const char *file, const char *name);
/* Number of files whose names end so. */
int st_count(const char *dir, const char *suffix);

/* How many files of a partition differ from those that Kafka left in `java`, whose log has this start and
 * end. Entries of snapshots may stand in another order; what waits for its deletion does not count. */
int st_differences(const char *dir, const char *java, int64_t start, int64_t end);

/* A log on a reactor that the test turns. */
struct st_log {
	struct log *log;
	struct reactor *reactor;
	struct sys_helpers *helpers;
	struct topic_config config;
	struct log_owner owner;
	int64_t now_ms;        /* of opening; 0: ST_NOW_MS */
	int64_t cleaned;       /* what the cleaner's checkpoint says; 0: nothing */
	int failed;            /* error of the owner's failed() */
	struct log_repair repair;
};

/* Opens `dir` with s->config; the stop and recovery point as given. */
int st_open(struct st_log *s, const char *dir, enum log_stop stop, int64_t recovery_point, int64_t start);
void st_turn(struct st_log *s);
/* Detaches and closes; the recovery point, or the error. */
int64_t st_close(struct st_log *s);
/* As kill -9: nothing is flushed or closed. */
void st_kill(struct st_log *s);
/* Appends and waits; the error. *base may be NULL. */
enum kerr st_append(struct st_log *s, const struct st_batch *spec, int64_t *base);
enum kerr st_append_buf(struct st_log *s, struct buf *b, enum log_origin origin, int32_t epoch,
	int64_t *base);
enum kerr st_follow(struct st_log *s, const void *bytes, size_t n);
/* Reads and waits. *bytes on the heap. */
enum kerr st_read(struct st_log *s, int64_t offset, int64_t upper, uint32_t max, bool min_one,
	struct slice *bytes, int64_t *first);
/* The offsets of the batches in [from, end), read one by one; the sum of (base * 31 + last) to compare. */
uint64_t st_walk(struct st_log *s, uint32_t *batches);
int st_wait(struct st_log *s, void (*start)(struct log *log, struct log_wait *w));
int st_truncate(struct st_log *s, int64_t offset, bool fully);
/* Cleans the log and waits, with room for all keys unless `map_bytes` says how much; the error. */
struct log_clean;
int st_clean_log(struct st_log *s, int64_t now_ms, size_t map_bytes, struct log_clean *out);

#endif
