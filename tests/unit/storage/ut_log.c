/* ut_log.c - a partition's log on a reactor: append, read, roll, truncate, retention, flush, the ends. */
#include "broker/base/log.h"
#include "tests/unit/storage/storage_test.h"

#include <string.h>
#include <sys/stat.h>

static struct st_batch plain(int32_t records, int64_t timestamp)
{
	return (struct st_batch){ .records = records, .timestamp = timestamp };
}

static void append_n(struct st_log *s, int n, int32_t records)
{
	for (int i = 0; i < n; i++) {
		struct st_batch b = plain(records, ST_NOW_MS + i);
		int64_t base, expected = log_end_offset(s->log);
		CU_ASSERT_EQUAL(st_append(s, &b, &base), KERR_NONE);
		CU_ASSERT_EQUAL(base, expected);
	}
}

static void appends_and_reads_back(void)
{
	struct st_log s = { .config = st_config() };
	CU_ASSERT_EQUAL(st_open(&s, st_dir("a-0"), LOG_STOP_CLEAN, 0, 0), 0);
	append_n(&s, 100, 3);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 300);
	uint32_t batches;
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, 100);
	struct slice bytes;
	int64_t first;
	/* In the middle of a batch: the whole batch comes. */
	CU_ASSERT_EQUAL(st_read(&s, 298, 300, 1 << 20, true, &bytes, &first), KERR_NONE);
	CU_ASSERT_EQUAL(first, 297);
	CU_ASSERT(bytes.n > 0);
	free((void *)(uintptr_t)bytes.p);
	CU_ASSERT_EQUAL(st_read(&s, 300, 300, 1 << 20, true, &bytes, &first), KERR_NONE);
	CU_ASSERT_EQUAL(bytes.n, 0);
	CU_ASSERT_EQUAL(st_read(&s, 301, 300, 1 << 20, true, &bytes, &first), KERR_OFFSET_OUT_OF_RANGE);
	CU_ASSERT_EQUAL(st_close(&s), 300);
}

static void upper_and_max_bytes_bound_a_read(void)
{
	struct st_log s = { .config = st_config() };
	st_open(&s, st_dir("b-0"), LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 100, 1);
	struct slice all, some;
	st_read(&s, 0, 100, 1 << 20, true, &all, NULL);
	uint32_t one = all.n / 100;
	st_read(&s, 10, 20, 1 << 20, true, &some, NULL);
	CU_ASSERT_EQUAL(some.n, 10 * one);
	free((void *)(uintptr_t)some.p);
	st_read(&s, 90, 95, 1 << 20, true, &some, NULL);
	CU_ASSERT_EQUAL(some.n, 5 * one);
	free((void *)(uintptr_t)some.p);
	st_read(&s, 90, 100, one + 5, true, &some, NULL);
	CU_ASSERT_EQUAL(some.n, one + 5);
	free((void *)(uintptr_t)some.p);
	st_read(&s, 90, 100, 5, true, &some, NULL);
	CU_ASSERT_EQUAL(some.n, one);
	free((void *)(uintptr_t)some.p);
	st_read(&s, 90, 100, 5, false, &some, NULL);
	CU_ASSERT_EQUAL(some.n, 0);
	free((void *)(uintptr_t)all.p);
	st_close(&s);
}

static int64_t done_count, done_last;

static void count_done(struct log_append *op)
{
	CU_ASSERT_EQUAL(op->error, KERR_NONE);
	CU_ASSERT(done_count == 0 || op->base_offset > done_last);
	done_last = op->base_offset;
	done_count++;
}

static void many_in_a_turn_are_one_write(void)
{
	enum { N = 600 };
	struct st_log s = { .config = st_config() };
	st_open(&s, st_dir("c-0"), LOG_STOP_CLEAN, 0, 0);
	static struct log_append ops[N];
	static struct buf *bufs[N];
	struct st_batch spec = plain(1, ST_NOW_MS);
	done_count = 0;
	for (int i = 0; i < N; i++) {
		bufs[i] = st_make(&spec);
		ops[i] = (struct log_append){ .bytes = bufs[i]->bytes, .n = bufs[i]->used,
			.max_timestamp = ST_NOW_MS, .done = count_done };
		CU_ASSERT_EQUAL(log_append(s.log, &ops[i]), KERR_NONE);
	}
	CU_ASSERT_EQUAL(log_next_offset(s.log), N);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 0);
	st_turn(&s);
	CU_ASSERT_EQUAL(log_end_offset(s.log), N);
	CU_ASSERT_EQUAL(done_count, N);
	for (int i = 0; i < N; i++) {
		CU_ASSERT_EQUAL(ops[i].base_offset, i);
		buf_put(bufs[i]);
	}
	uint32_t batches;
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, N);
	st_close(&s);
}

static void rolls_by_size_and_reads_across(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 1000;
	s.config.index_interval_bytes = 100;
	const char *dir = st_dir("d-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 100, 2);
	CU_ASSERT(log_segments(s.log) > 5);
	uint32_t segments = log_segments(s.log), batches;
	uint64_t sum = st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, 100);
	uint64_t size = log_size_bytes(s.log);
	CU_ASSERT_EQUAL(st_close(&s), 200);
	CU_ASSERT_EQUAL((uint32_t)st_count(dir, ".log"), segments);
	CU_ASSERT_EQUAL((uint32_t)st_count(dir, ".index"), segments);
	CU_ASSERT_EQUAL((uint32_t)st_count(dir, ".timeindex"), segments);
	CU_ASSERT_EQUAL((uint32_t)st_count(dir, ".snapshot"), segments);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CLEAN, 200, 0), 0);
	CU_ASSERT_EQUAL(s.repair.segments_scanned, 0);
	CU_ASSERT_EQUAL(log_size_bytes(s.log), size);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 200);
	CU_ASSERT_EQUAL(st_walk(&s, &batches), sum);
	append_n(&s, 10, 2);
	st_close(&s);
}

static void rolls_by_time(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_ms = 100;
	st_open(&s, st_dir("e-0"), LOG_STOP_CLEAN, 0, 0);
	struct st_batch b = plain(1, ST_NOW_MS);
	st_append(&s, &b, NULL);
	b.timestamp = ST_NOW_MS + 100;
	st_append(&s, &b, NULL);
	CU_ASSERT_EQUAL(log_segments(s.log), 1);
	b.timestamp = ST_NOW_MS + 101;
	st_append(&s, &b, NULL);
	CU_ASSERT_EQUAL(log_segments(s.log), 2);
	CU_ASSERT_EQUAL(log_active_base(s.log), 2);
	st_close(&s);
}

static void rolls_within_a_turn(void)
{
	enum { N = 20 };
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 300;
	st_open(&s, st_dir("f-0"), LOG_STOP_CLEAN, 0, 0);
	struct log_append ops[N];
	struct buf *bufs[N];
	struct st_batch spec = plain(1, ST_NOW_MS);
	done_count = 0;
	for (int i = 0; i < N; i++) {
		bufs[i] = st_make(&spec);
		ops[i] = (struct log_append){ .bytes = bufs[i]->bytes, .n = bufs[i]->used,
			.max_timestamp = ST_NOW_MS, .done = count_done };
		CU_ASSERT_EQUAL(log_append(s.log, &ops[i]), KERR_NONE);
	}
	CU_ASSERT_EQUAL(done_count, 0);
	st_turn(&s);
	CU_ASSERT_EQUAL(done_count, N);
	CU_ASSERT_EQUAL(log_segments(s.log), N / 3 + 1);
	for (int i = 0; i < N; i++)
		buf_put(bufs[i]);
	uint32_t batches;
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, N);
	st_close(&s);
}

static void duplicates_and_gaps_of_a_producer(void)
{
	struct st_log s = { .config = st_config() };
	const char *dir = st_dir("g-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	struct st_batch b = { .records = 2, .timestamp = ST_NOW_MS, .producer_id = 7, .producer_epoch = 1 };
	int64_t base;
	b.sequence = 2; /* the batch before it was refused and is on its way again */
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_UNKNOWN_PRODUCER_ID);
	for (int i = 0; i < 7; i++) {
		b.sequence = i * 2;
		CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
		CU_ASSERT_EQUAL(base, i * 2);
	}
	b.sequence = 4; /* the fifth last */
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
	CU_ASSERT_EQUAL(base, 4);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 14);
	b.sequence = 2;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b.sequence = 16;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b.producer_epoch = 0;
	b.sequence = 14;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_INVALID_PRODUCER_EPOCH);
	st_close(&s);
	/* A snapshot has the last batch alone; those before it come back from the log. */
	st_open(&s, dir, LOG_STOP_CLEAN, 14, 0);
	b.producer_epoch = 1;
	b.sequence = 12;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
	CU_ASSERT_EQUAL(base, 12);
	b.sequence = 4;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
	CU_ASSERT_EQUAL(base, 4);
	b.sequence = 2;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b.sequence = 14;
	CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
	CU_ASSERT_EQUAL(base, 14);
	st_close(&s);
}

static void transactions_hold_the_stable_offset(void)
{
	struct st_log s = { .config = st_config() };
	st_open(&s, st_dir("h-0"), LOG_STOP_CLEAN, 0, 0);
	struct st_batch t = { .timestamp = ST_NOW_MS, .producer_id = 9, .transactional = true };
	append_n(&s, 1, 1);
	CU_ASSERT_EQUAL(log_first_unstable_offset(s.log), INT64_MAX);
	CU_ASSERT_EQUAL(st_append(&s, &t, NULL), KERR_NONE);
	append_n(&s, 1, 1);
	CU_ASSERT_EQUAL(log_first_unstable_offset(s.log), 1);
	CU_ASSERT(log_txn_open(s.log, 9));
	struct buf *marker = st_marker(0, 9, 0, CONTROL_ABORT, 3);
	CU_ASSERT_EQUAL(st_append_buf(&s, marker, LOG_FROM_COORDINATOR, 0, NULL), KERR_NONE);
	CU_ASSERT(!log_txn_open(s.log, 9));
	CU_ASSERT_EQUAL(log_first_unstable_offset(s.log), 1);
	log_set_high_watermark(s.log, 3);
	CU_ASSERT_EQUAL(log_first_unstable_offset(s.log), 1);
	log_set_high_watermark(s.log, 4);
	CU_ASSERT_EQUAL(log_first_unstable_offset(s.log), INT64_MAX);
	marker = st_marker(0, 9, 0, CONTROL_ABORT, 2);
	CU_ASSERT_EQUAL(st_append_buf(&s, marker, LOG_FROM_COORDINATOR, 0, NULL),
		KERR_TRANSACTION_COORDINATOR_FENCED);
	struct log_read op = { .offset = 0, .upper = 4, .max_bytes = 1 << 20, .min_one = true,
		.want_aborted = true, .done = (void (*)(struct log_read *))1 };
	CU_ASSERT(log_read(s.log, &op));
	CU_ASSERT_EQUAL(op.n_aborted, 1);
	CU_ASSERT_EQUAL(op.aborted[0].producer_id, 9);
	CU_ASSERT_EQUAL(op.aborted[0].first_offset, 1);
	free(op.aborted);
	hold_put(op.slice.hold);
	st_close(&s);
}

static void truncates(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 1000;
	s.config.index_interval_bytes = 100;
	const char *dir = st_dir("i-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	struct st_batch b = { .timestamp = ST_NOW_MS, .producer_id = 5 };
	for (int i = 0; i < 100; i++) {
		b.sequence = i;
		b.leader_epoch = i / 10;
		st_append(&s, &b, NULL);
	}
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 9);
	CU_ASSERT_EQUAL(st_truncate(&s, 55, false), 0);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 55);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 5);
	uint32_t batches;
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, 55);
	b.sequence = 60;
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b.sequence = 55;
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 56);
	CU_ASSERT_EQUAL(st_truncate(&s, 100, false), 0);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 56);
	CU_ASSERT_EQUAL(st_truncate(&s, 500, true), 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 500);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 500);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), -1);
	CU_ASSERT_EQUAL(log_size_bytes(s.log), 0);
	append_n(&s, 3, 1);
	CU_ASSERT_EQUAL(st_close(&s), 503);
	CU_ASSERT_EQUAL(st_count(dir, ".log"), 1);
	CU_ASSERT_EQUAL(st_count(dir, ".snapshot"), 1);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CLEAN, 503, 500), 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 500);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 503);
	st_close(&s);
}

static void truncates_at_every_offset(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 1000;
	s.config.index_interval_bytes = 100;
	const char *dir = st_dir("j-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 30, 2);
	for (int64_t offset = 59; offset >= 0; offset--) {
		CU_ASSERT_EQUAL(st_truncate(&s, offset, false), 0);
		CU_ASSERT_EQUAL(log_end_offset(s.log), offset);
		uint32_t batches;
		st_walk(&s, &batches);
		CU_ASSERT_EQUAL(batches, offset / 2);
	}
	append_n(&s, 1, 1);
	st_close(&s);
}

static void retention_by_size_time_and_start(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 400;
	s.config.file_delete_delay_ms = 0;
	const char *dir = st_dir("k-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 50, 1);
	uint32_t segments = log_segments(s.log);
	s.config.retention_bytes = 800;
	CU_ASSERT_EQUAL(log_retain(s.log), 0); /* nothing below the high watermark */
	log_set_high_watermark(s.log, 20);
	CU_ASSERT(log_retain(s.log) > 0);
	int64_t start = log_start_offset(s.log);
	CU_ASSERT(start > 15 && start <= 20);
	log_set_high_watermark(s.log, 50);
	CU_ASSERT(log_retain(s.log) > 0);
	CU_ASSERT(log_size_bytes(s.log) >= 800 && log_size_bytes(s.log) < 800 + 400);
	CU_ASSERT(log_segments(s.log) < segments);
	s.config.retention_bytes = -1;
	CU_ASSERT_EQUAL(log_increase_start(s.log, 51), KERR_OFFSET_OUT_OF_RANGE);
	CU_ASSERT_EQUAL(log_increase_start(s.log, 49), KERR_NONE);
	CU_ASSERT(log_retain(s.log) > 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 49);
	s.config.retention_ms = 1000;
	CU_ASSERT(log_retain(s.log) > 0);
	CU_ASSERT_EQUAL(log_size_bytes(s.log), 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 50);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 50);
	for (int i = 0; i < 1000 && st_count(dir, ".deleted") > 0; i++)
		st_turn(&s);
	CU_ASSERT_EQUAL(st_count(dir, ".deleted"), 0);
	CU_ASSERT_EQUAL(st_count(dir, ".log"), 1);
	CU_ASSERT_EQUAL(st_close(&s), 50);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CLEAN, 50, 49), 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 50);
	st_close(&s);
}

static void a_slice_outlives_its_segment(void)
{
	struct st_log s = { .config = st_config() };
	s.config.file_delete_delay_ms = 0;
	st_open(&s, st_dir("l-0"), LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 5, 1);
	struct log_read op = { .offset = 0, .upper = 5, .max_bytes = 1 << 20,
		.done = (void (*)(struct log_read *))1 };
	CU_ASSERT(log_read(s.log, &op));
	log_set_high_watermark(s.log, 5);
	s.config.retention_ms = 0;
	CU_ASSERT_EQUAL(log_retain(s.log), 1);
	st_close(&s);
	uint8_t bytes[BATCH_HEADER_BYTES];
	CU_ASSERT_EQUAL(sys_pread(op.slice.fd, bytes, sizeof bytes, op.slice.position), BATCH_HEADER_BYTES);
	CU_ASSERT_EQUAL(bytes[BATCH_MAGIC_AT], 2);
	hold_put(op.slice.hold);
}

static void durable_appends_wait_for_the_flush(void)
{
	struct st_log s = { .config = st_config() };
	s.config.flush_messages = 1;
	st_open(&s, st_dir("m-0"), LOG_STOP_CLEAN, 0, 0);
	for (int i = 0; i < 20; i++) {
		append_n(&s, 1, 2);
		CU_ASSERT_EQUAL(log_recovery_point(s.log), log_end_offset(s.log));
	}
	s.config.flush_messages = INT64_MAX;
	append_n(&s, 5, 1);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), 40);
	CU_ASSERT_EQUAL(st_wait(&s, log_flush), 0);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), 45);
	CU_ASSERT_EQUAL(st_wait(&s, log_flush), 0);
	s.config.flush_ms = 0;
	append_n(&s, 1, 1);
	log_flush_if_due(s.log);
	for (int i = 0; i < 1000 && log_recovery_point(s.log) < 46; i++)
		st_turn(&s);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), 46);
	st_close(&s);
}

/* Nobody may read what a loss of power could still take back from who asked for more. */
static void what_waits_for_the_flush_is_not_settled(void)
{
	struct st_log s = { .config = st_config() };
	struct st_batch spec = plain(2, ST_NOW_MS);
	struct log_append ops[3];
	struct buf *bufs[3];
	s.config.flush_messages = 1;
	st_open(&s, st_dir("m-1"), LOG_STOP_CLEAN, 0, 0);
	done_count = 0;
	for (int i = 0; i < 3; i++) {
		bufs[i] = st_make(&spec);
		ops[i] = (struct log_append){ .bytes = bufs[i]->bytes, .n = bufs[i]->used,
			.max_timestamp = ST_NOW_MS, .done = count_done };
		CU_ASSERT_EQUAL(log_append(s.log, &ops[i]), KERR_NONE);
		for (int k = 0; k <= i; k++) {
			st_turn(&s);
			CU_ASSERT(log_settled_offset(s.log) <= log_recovery_point(s.log));
		}
	}
	for (int i = 0; i < 1000 && done_count < 3; i++)
		st_turn(&s);
	CU_ASSERT_EQUAL(done_count, 3);
	CU_ASSERT_EQUAL(log_settled_offset(s.log), 6);
	for (int i = 0; i < 3; i++)
		buf_put(bufs[i]);
	st_close(&s);
}

static void a_roll_moves_the_recovery_point(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 300;
	st_open(&s, st_dir("n-0"), LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 100, 1);
	for (int i = 0; i < 1000 && log_recovery_point(s.log) < log_active_base(s.log); i++)
		st_turn(&s);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), log_active_base(s.log));
	st_close(&s);
}

static void a_follower_takes_batches_as_they_are(void)
{
	struct st_log s = { .config = st_config() };
	const char *dir = st_dir("o-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	struct st_batch specs[] = {
		{ .base_offset = 0, .records = 3, .leader_epoch = 1, .timestamp = ST_NOW_MS },
		{ .base_offset = 10, .records = 2, .leader_epoch = 1, .timestamp = ST_NOW_MS }, /* a gap */
		{ .base_offset = 12, .records = 1, .leader_epoch = 4, .timestamp = ST_NOW_MS },
	};
	uint8_t bytes[4096];
	size_t n = 0;
	for (size_t i = 0; i < countof(specs); i++) {
		struct buf *b = st_make(&specs[i]);
		memcpy(bytes + n, b->bytes, b->used);
		n += b->used;
		buf_put(b);
	}
	memset(bytes + n, 0, 10); /* the beginning of a batch that did not fit the answer */
	CU_ASSERT_EQUAL(st_follow(&s, bytes, n + 10), KERR_NONE);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 13);
	CU_ASSERT_EQUAL(log_size_bytes(s.log), n);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 4);
	int32_t epoch;
	int64_t end;
	log_epoch_end_offset(s.log, 1, &epoch, &end);
	CU_ASSERT_EQUAL(end, 12);
	CU_ASSERT_EQUAL(st_follow(&s, bytes, n), KERR_OFFSET_OUT_OF_RANGE);
	struct slice got;
	int64_t first;
	CU_ASSERT_EQUAL(st_read(&s, 5, 13, 1 << 20, true, &got, &first), KERR_NONE);
	CU_ASSERT_EQUAL(first, 10);
	free((void *)(uintptr_t)got.p);
	st_close(&s);
	st_open(&s, dir, LOG_STOP_CLEAN, 13, 0);
	CU_ASSERT_EQUAL(st_read(&s, 5, 13, 1 << 20, true, &got, &first), KERR_NONE);
	CU_ASSERT_EQUAL(first, 10);
	free((void *)(uintptr_t)got.p);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 4);
	st_close(&s);
}

static bool time_answered;
static void time_done(struct log_time *op)
{
	(void)op;
	time_answered = true;
}

static int64_t offset_for(struct st_log *s, int64_t timestamp)
{
	struct log_time op = { .timestamp = timestamp, .done = time_done };
	time_answered = false;
	log_offset_for_time(s->log, &op);
	for (int i = 0; i < 10000 && !time_answered; i++)
		st_turn(s);
	CU_ASSERT(time_answered);
	CU_ASSERT_EQUAL(op.error, KERR_NONE);
	return op.offset;
}

static void finds_offsets_by_time(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 1000;
	s.config.index_interval_bytes = 100;
	st_open(&s, st_dir("p-0"), LOG_STOP_CLEAN, 0, 0);
	for (int i = 0; i < 100; i++) {
		struct st_batch b = plain(2, 1000 + i * 10);
		st_append(&s, &b, NULL);
	}
	CU_ASSERT_EQUAL(offset_for(&s, 0), 0);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(offset_for(&s, 1000 + i * 10), i * 2);
		CU_ASSERT_EQUAL(offset_for(&s, 1000 + i * 10 + 1), i * 2 + 1);
		CU_ASSERT_EQUAL(offset_for(&s, 1000 + i * 10 - 5), i * 2);
	}
	CU_ASSERT_EQUAL(offset_for(&s, 1992), -1);
	CU_ASSERT_EQUAL(offset_for(&s, LOG_TIME_MAX), 199);
	struct st_batch late = plain(3, 500);
	st_append(&s, &late, NULL);
	CU_ASSERT_EQUAL(offset_for(&s, LOG_TIME_MAX), 199);
	st_close(&s);
}

static void a_failed_write_takes_it_offline(void)
{
	struct st_log s = { .config = st_config() };
	s.config.segment_bytes = 300;
	const char *dir = st_dir("q-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 3, 1);
	/* The next segment cannot be made: its name is a directory. */
	CU_ASSERT_EQUAL(sys_mkdir(path_of(dir, 3, ".log").s), 0);
	struct st_batch b = plain(1, ST_NOW_MS);
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_KAFKA_STORAGE_ERROR);
	st_turn(&s);
	CU_ASSERT(s.failed < 0);
	CU_ASSERT(log_failed(s.log));
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_KAFKA_STORAGE_ERROR);
	struct slice bytes;
	CU_ASSERT_EQUAL(st_read(&s, 0, 3, 100, true, &bytes, NULL), KERR_KAFKA_STORAGE_ERROR);
	CU_ASSERT(st_close(&s) < 0);
}

static void preallocates(void)
{
	struct st_log s = { .config = st_config() };
	s.config.preallocate = true;
	s.config.segment_bytes = 1 << 20;
	const char *dir = st_dir("r-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 10, 1);
	int64_t size = (int64_t)log_size_bytes(s.log);
	st_close(&s);
	CU_ASSERT_EQUAL(st_size(path_of(dir, 0, ".log").s), size);
}

static void keeps_its_topic_id(void)
{
	struct st_log s = { .config = st_config() };
	struct uuid id = { { 1, 2, 3 } }, other = { { 9 } }, got;
	const char *dir = st_dir("s-0");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	CU_ASSERT(!log_topic_id(s.log, &got));
	CU_ASSERT_EQUAL(log_set_topic_id(s.log, &id), KERR_NONE);
	CU_ASSERT_EQUAL(log_set_topic_id(s.log, &id), KERR_NONE);
	CU_ASSERT_EQUAL(log_set_topic_id(s.log, &other), KERR_INCONSISTENT_TOPIC_ID);
	append_n(&s, 1, 1);
	CU_ASSERT_EQUAL(st_wait(&s, log_flush), 0);
	CU_ASSERT(st_size(path_in(dir, "partition.metadata").s) > 0);
	st_close(&s);
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	CU_ASSERT(log_topic_id(s.log, &got) && uuid_eq(&got, &id));
	st_close(&s);
}

static void discards(void)
{
	struct st_log s = { .config = st_config() };
	char path[FILE_PATH_MAX];
	const char *dir = st_dir("some.topic-12");
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	append_n(&s, 1, 1);
	st_wait(&s, log_detach);
	sys_helpers_stop(s.helpers);
	reactor_free(s.reactor);
	CU_ASSERT_EQUAL(log_discard(s.log, path, sizeof path), 0);
	CU_ASSERT(strstr(path, "/some.topic-12.") != NULL);
	CU_ASSERT_STRING_EQUAL(path + strlen(path) - 7, "-delete");
	CU_ASSERT_EQUAL(st_count(path, ".log"), 1);
	CU_ASSERT_EQUAL(log_remove_dir(path), 0);
	CU_ASSERT_EQUAL(st_size(path), -1);
}

/* ---- epochs on disk ---- */

static ino_t epoch_file(const char *dir)
{
	struct stat st;
	return stat(path_in(dir, "leader-epoch-checkpoint").s, &st) == 0 ? st.st_ino : 0;
}

/* Each start gives each log an epoch, and most of them never a record in it: that waits for no disk. */
static void epochs_without_records(void)
{
	struct st_log s = { .config = st_config() };
	struct st_batch b = { .records = 2, .timestamp = ST_NOW_MS, .leader_epoch = 1 };
	const char *dir = st_dir("epochs-0");
	CU_ASSERT_EQUAL_FATAL(st_open(&s, dir, LOG_STOP_CLEAN, 0, 0), 0);
	log_assign_epoch(s.log, 1, 0);
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
	st_close(&s);
	ino_t file = epoch_file(dir);
	CU_ASSERT(file != 0);
	for (int32_t epoch = 2; epoch < 4; epoch++) {
		CU_ASSERT_EQUAL_FATAL(st_open(&s, dir, LOG_STOP_CLEAN, 2, 0), 0);
		CU_ASSERT_EQUAL(log_latest_epoch(s.log), 1);
		log_assign_epoch(s.log, epoch, 2);
		for (int i = 0; i < 10; i++)
			st_turn(&s);
		CU_ASSERT_EQUAL(log_latest_epoch(s.log), epoch);
		st_close(&s);
		CU_ASSERT_EQUAL(epoch_file(dir), file);
	}
	CU_ASSERT_EQUAL_FATAL(st_open(&s, dir, LOG_STOP_CLEAN, 2, 0), 0);
	log_assign_epoch(s.log, 5, 2);
	b.leader_epoch = 5;
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
	st_kill(&s);
	CU_ASSERT_EQUAL_FATAL(st_open(&s, dir, LOG_STOP_KILLED, 2, 0), 0);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 5);
	CU_ASSERT_EQUAL(log_epoch_at(s.log, 1), 1);
	st_close(&s);
	CU_ASSERT(epoch_file(dir) != file);
}

static const struct ut_case cases[] = {
	UT(appends_and_reads_back), UT(upper_and_max_bytes_bound_a_read), UT(many_in_a_turn_are_one_write),
	UT(rolls_by_size_and_reads_across), UT(rolls_by_time), UT(rolls_within_a_turn),
	UT(duplicates_and_gaps_of_a_producer), UT(transactions_hold_the_stable_offset), UT(truncates),
	UT(truncates_at_every_offset), UT(retention_by_size_time_and_start), UT(a_slice_outlives_its_segment),
	UT(durable_appends_wait_for_the_flush), UT(what_waits_for_the_flush_is_not_settled),
	UT(a_roll_moves_the_recovery_point),
	UT(a_follower_takes_batches_as_they_are), UT(finds_offsets_by_time),
	UT(a_failed_write_takes_it_offline),
	UT(preallocates), UT(keeps_its_topic_id), UT(discards),
	UT(epochs_without_records),
};

int main(void)
{
	sys_log_set_level(NULL, LOG_FATAL);
	int status = ut_run("storage/log", cases, countof(cases));
	st_clean();
	return status;
}
