/* ut_recover.c - what a crash may leave: torn tails at every byte, zeros, garbage, flipped bits, half-done
 * replacements, damaged indexes, snapshots and checkpoints. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"

#include <errno.h>

enum { BATCHES = 12, RECORDS = 2 };

/* A log of BATCHES batches of an idempotent producer, closed; where each ends in the last segment's file. */
struct made {
	const char *dir;
	int64_t ends[BATCHES];
	int64_t size;
};

static struct made make(const char *name, int32_t segment_bytes)
{
	struct st_log s = { .config = st_config() };
	struct made m = { .dir = st_dir(name) };
	s.config.segment_bytes = segment_bytes;
	s.config.index_interval_bytes = 100;
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), 0);
	for (int i = 0; i < BATCHES; i++) {
		struct st_batch b = { .records = RECORDS, .timestamp = ST_NOW_MS + i, .producer_id = 77,
			.sequence = i * RECORDS, .leader_epoch = i / 4 };
		CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
		m.ends[i] = (int64_t)log_size_bytes(s.log);
	}
	m.size = m.ends[BATCHES - 1];
	st_close(&s);
	return m;
}

static void cut_file(const char *dir, int64_t base, int64_t size)
{
	int fd = sys_open(path_of(dir, base, ".log").s, SYS_WRITE);
	must(fd >= 0 && sys_truncate(fd, size) == 0);
	sys_close(fd);
}

static void flip(const char *path, int64_t at, uint8_t mask)
{
	uint8_t byte;
	int fd = sys_open(path, SYS_READ | SYS_WRITE);
	struct iovec iov = { &byte, 1 };
	must(fd >= 0 && sys_pread(fd, &byte, 1, at) == 1);
	byte ^= mask;
	must(sys_pwritev(fd, &iov, 1, at) == 0);
	sys_close(fd);
}

/* Opens after a crash: `batches` are left, the producer goes on where they end, and all is clean
 * afterwards. */
static struct log_repair check(const char *dir, enum log_stop stop, int64_t recovery_point, int batches)
{
	struct st_log s = { .config = st_config() };
	s.config.index_interval_bytes = 100;
	uint32_t found;
	CU_ASSERT_EQUAL(st_open(&s, dir, stop, recovery_point, 0), 0);
	struct log_repair repair = s.repair;
	CU_ASSERT_EQUAL(log_end_offset(s.log), batches * RECORDS);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), min_of(recovery_point, batches * RECORDS));
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), batches ? (batches - 1) / 4 : -1);
	st_walk(&s, &found);
	CU_ASSERT_EQUAL((int)found, batches);
	struct st_batch b = { .records = 1, .timestamp = ST_NOW_MS, .producer_id = 77,
		.sequence = batches * RECORDS + 1, .leader_epoch = 3 };
	if (batches > 0)
		CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b.sequence--;
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
	CU_ASSERT_EQUAL(st_close(&s), batches * RECORDS + 1);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(s.repair.segments_scanned, 0);
	CU_ASSERT_EQUAL(log_end_offset(s.log), batches * RECORDS + 1);
	st_close(&s);
	return repair;
}

static void cut_at_every_byte(void)
{
	struct made m = make("cut-0", 1 << 20);
	const char *work = st_dir("work-0");
	for (int64_t size = m.ends[BATCHES - 4]; size <= m.size; size++) {
		int whole = 0;
		while (whole < BATCHES && m.ends[whole] <= size)
			whole++;
		st_copy_dir(m.dir, work);
		cut_file(work, 0, size);
		struct log_repair r = check(work, size % 2 ? LOG_STOP_CRASHED : LOG_STOP_KILLED, 0, whole);
		CU_ASSERT(!r.damaged);
		CU_ASSERT_EQUAL((int64_t)r.bytes_cut, size - m.ends[whole - 1]);
	}
}

static void cut_to_nothing(void)
{
	struct made m = make("nothing-0", 1 << 20);
	const char *work = st_dir("work-0");
	for (int64_t size = 0; size < m.ends[0]; size += 7) {
		st_copy_dir(m.dir, work);
		cut_file(work, 0, size);
		check(work, LOG_STOP_CRASHED, 0, 0);
	}
}

static void a_tail_of_zeros(void)
{
	static const uint8_t zeros[300000];
	struct made m = make("zeros-0", 1 << 20);
	st_append_file(path_of(m.dir, 0, ".log").s, zeros, sizeof zeros);
	struct log_repair r = check(m.dir, LOG_STOP_CRASHED, 5, BATCHES);
	CU_ASSERT_EQUAL(r.bytes_cut, sizeof zeros);
	CU_ASSERT(!r.damaged);
}

static void a_tail_of_garbage(void)
{
	uint8_t garbage[20000];
	uint32_t x = 12345;
	for (size_t i = 0; i < sizeof garbage; i++)
		garbage[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t n = 1; n < sizeof garbage; n = n * 3 + 1) {
		struct made m = make("garbage-0", 1 << 20);
		st_append_file(path_of(m.dir, 0, ".log").s, garbage, n);
		struct log_repair r = check(m.dir, LOG_STOP_CRASHED, 0, BATCHES);
		CU_ASSERT_EQUAL(r.bytes_cut, n);
		CU_ASSERT(!r.damaged);
	}
}

/* A bit flipped anywhere in the last batch is a torn tail; before it, it is damage, and nothing is thrown
 * away. */
static void flipped_bits(void)
{
	struct made m = make("flip-0", 1 << 20);
	const char *work = st_dir("work-0");
	for (int64_t at = m.ends[BATCHES - 3]; at < m.size; at++) {
		int64_t in_batch = at < m.ends[BATCHES - 2] ?
		at - m.ends[BATCHES - 3] : at - m.ends[BATCHES - 2];
		if (in_batch >= BATCH_LEADER_EPOCH_AT && in_batch < BATCH_MAGIC_AT)
			continue; /* not in the CRC, and any epoch may follow any */
		int whole = at < m.ends[BATCHES - 2] ? BATCHES - 2 : BATCHES - 1;
		st_copy_dir(m.dir, work);
		flip(path_of(work, 0, ".log").s, at, (uint8_t)(1 << at % 8));
		struct st_log s = { .config = st_config() };
		CU_ASSERT_EQUAL(st_open(&s, work, LOG_STOP_CRASHED, 0, 0), 0);
		bool base_offset = in_batch < BATCH_LENGTH_AT;
		if (!base_offset) { /* a larger offset is a gap like any other */
			CU_ASSERT_EQUAL(log_end_offset(s.log), whole * RECORDS);
			CU_ASSERT_EQUAL(s.repair.damaged, whole == BATCHES - 2);
		}
		if (s.repair.damaged) {
			CU_ASSERT_EQUAL(s.repair.damaged_from, log_end_offset(s.log));
			CU_ASSERT_EQUAL(s.repair.damaged_to, BATCHES * RECORDS);
			CU_ASSERT_EQUAL(st_size(path_of(work, s.repair.damaged_from, ".log.corrupt").s),
				(int64_t)s.repair.bytes_cut);
		}
		st_close(&s);
	}
}

static void damage_in_an_earlier_segment(void)
{
	struct made m = make("early-0", 500);
	int segments = st_count(m.dir, ".log");
	CU_ASSERT(segments >= 3);
	flip(path_of(m.dir, 0, ".log").s, 70, 1);
	struct st_log s = { .config = st_config() };
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CRASHED, 0, 0), 0);
	CU_ASSERT(s.repair.damaged);
	CU_ASSERT_EQUAL(s.repair.damaged_from, 0);
	CU_ASSERT_EQUAL(s.repair.damaged_to, BATCHES * RECORDS);
	CU_ASSERT_EQUAL((int)s.repair.segments_dropped, segments - 1);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 0);
	CU_ASSERT_EQUAL(st_count(m.dir, ".log.corrupt"), segments);
	CU_ASSERT_EQUAL(st_count(m.dir, ".log"), 1);
	st_close(&s);
}

/* Below the recovery point nothing is scanned. */
static void what_was_flushed_is_not_scanned(void)
{
	struct made m = make("flushed-0", 500);
	struct st_log s = { .config = st_config() };
	uint32_t all = (uint32_t)st_count(m.dir, ".log");
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CRASHED, BATCHES * RECORDS, 0), 0);
	CU_ASSERT_EQUAL(s.repair.segments_scanned, 1);
	CU_ASSERT_EQUAL(log_recovery_point(s.log), BATCHES * RECORDS);
	st_close(&s);
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CRASHED, 0, 0), 0);
	CU_ASSERT_EQUAL(s.repair.segments_scanned, all);
	st_close(&s);
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_KILLED, 0, 0), 0);
	CU_ASSERT_EQUAL(s.repair.segments_scanned, 1);
	st_close(&s);
}

static void a_killed_broker_loses_nothing_written(void)
{
	struct st_log s = { .config = st_config() };
	const char *dir = st_dir("killed-0");
	s.config.segment_bytes = 700;
	s.config.index_interval_bytes = 100;
	st_open(&s, dir, LOG_STOP_CLEAN, 0, 0);
	for (int i = 0; i < 40; i++) {
		struct st_batch b = { .records = 3, .timestamp = ST_NOW_MS + i, .producer_id = 5,
		.sequence = i * 3 };
		st_append(&s, &b, NULL);
	}
	uint32_t batches;
	uint64_t sum = st_walk(&s, &batches);
	for (int i = 0; i < 2; i++) {
		st_kill(&s);
		CU_ASSERT_EQUAL(st_open(&s, dir, i ? LOG_STOP_CRASHED : LOG_STOP_KILLED, 0, 0), 0);
		CU_ASSERT_EQUAL(st_walk(&s, &batches), sum);
		CU_ASSERT_EQUAL(batches, 40);
		struct st_batch b = { .records = 3, .timestamp = ST_NOW_MS, .producer_id = 5,
			.sequence = 39 * 3 };
		int64_t base;
		CU_ASSERT_EQUAL(st_append(&s, &b, &base), KERR_NONE);
		CU_ASSERT_EQUAL(base, 39 * 3);
	}
	st_close(&s);
}

static void missing_and_damaged_indexes(void)
{
	struct made m = make("index-0", 500);
	const char *work = st_dir("work-0");
	struct st_log s = { .config = st_config() };
	static const char *const suffixes[] = { ".index", ".timeindex" };
	uint32_t batches;
	st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0);
	uint64_t sum = st_walk(&s, &batches);
	st_close(&s);
	for (size_t i = 0; i < countof(suffixes); i++) {
		st_copy_dir(m.dir, work);
		CU_ASSERT_EQUAL(sys_unlink(path_of(work, 0, suffixes[i]).s), 0);
		CU_ASSERT_EQUAL(st_open(&s, work, LOG_STOP_CLEAN, 0, 0), 0);
		CU_ASSERT_EQUAL(st_walk(&s, &batches), sum);
		st_close(&s);
		for (int64_t at = 0; at < st_size(path_of(m.dir, 0, suffixes[i]).s); at++) {
			st_copy_dir(m.dir, work);
			flip(path_of(work, 0, suffixes[i]).s, at, (uint8_t)(1 << at % 8));
			CU_ASSERT_EQUAL(st_open(&s, work, LOG_STOP_CLEAN, 0, 0), 0);
			CU_ASSERT_EQUAL(st_walk(&s, &batches), sum);
			CU_ASSERT_EQUAL(batches, BATCHES);
			st_close(&s);
		}
	}
	/* Only zeros, as an index that was allotted and never written. */
	st_copy_dir(m.dir, work);
	static const uint8_t zeros[4096];
	st_write(path_of(work, 0, ".index").s, zeros, sizeof zeros);
	CU_ASSERT_EQUAL(st_open(&s, work, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(st_walk(&s, &batches), sum);
	st_close(&s);
}

static void a_damaged_snapshot_gives_way_to_an_older_one(void)
{
	struct made m = make("snapshot-0", 500);
	int64_t newest = BATCHES * RECORDS;
	flip(path_of(m.dir, newest, ".snapshot").s, 20, 1);
	struct st_log s = { .config = st_config() };
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), 0);
	struct st_batch b = { .records = 1, .timestamp = ST_NOW_MS, .producer_id = 77,
		.sequence = BATCHES * RECORDS };
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_NONE);
	b.sequence += 2;
	CU_ASSERT_EQUAL(st_append(&s, &b, NULL), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	st_close(&s);
}

static void a_damaged_epoch_checkpoint_is_read_from_the_log(void)
{
	struct made m = make("epoch-0", 500);
	st_write(path_in(m.dir, "leader-epoch-checkpoint").s, "0\n1\n0 zero\n", 11);
	struct st_log s = { .config = st_config() };
	int32_t epoch;
	int64_t end;
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), 2);
	log_epoch_end_offset(s.log, 0, &epoch, &end);
	CU_ASSERT_EQUAL(end, 8);
	st_close(&s);
}

static void a_damaged_topic_id_is_refused(void)
{
	struct made m = make("topicid-0", 500);
	st_write(path_in(m.dir, "partition.metadata").s, "version: 1\ntopic_id: x", 22);
	struct st_log s = { .config = st_config() };
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), -EBADMSG);
}

static void start_above_the_end(void)
{
	struct made m = make("above-0", 500);
	struct st_log s = { .config = st_config() };
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CRASHED, 0, 1000), 0);
	CU_ASSERT_EQUAL(log_start_offset(s.log), 1000);
	CU_ASSERT_EQUAL(log_end_offset(s.log), 1000);
	CU_ASSERT_EQUAL(log_latest_epoch(s.log), -1);
	CU_ASSERT_EQUAL(st_count(m.dir, ".log"), 1);
	st_close(&s);
}

/* ---- what was half done ---- */

static void rename_in(const char *dir, int64_t base, const char *from, const char *to)
{
	CU_ASSERT_EQUAL(sys_rename(path_of(dir, base, from).s, path_of(dir, base, to).s), 0);
}

static void leftovers_are_swept(void)
{
	struct made m = make("left-0", 500);
	struct st_log s = { .config = st_config() };
	st_write(path_of(m.dir, 900, ".log.deleted").s, "x", 1);
	st_write(path_of(m.dir, 900, ".snapshot.deleted").s, "x", 1);
	st_write(path_of(m.dir, 900, ".log.cleaned").s, "x", 1);
	st_write(path_of(m.dir, 950, ".log.swap").s, "x", 1); /* of a split that is not complete */
	st_write(path_of(m.dir, 990, ".index").s, "", 0);     /* without a .log */
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(s.repair.files_removed, 5);
	CU_ASSERT_EQUAL(log_end_offset(s.log), BATCHES * RECORDS);
	CU_ASSERT_EQUAL(st_size(path_of(m.dir, 990, ".index").s), -1);
	st_close(&s);
	CU_ASSERT_EQUAL(st_count(m.dir, ".deleted") + st_count(m.dir, ".cleaned") + st_count(m.dir, ".swap"),
		0);
}

/* The first two segments were replaced by one, whose .swap files have not all got their names. */
static void a_complete_swap_takes_its_place(void)
{
	struct made m = make("swap-0", 500);
	struct st_log s = { .config = st_config() };
	const char *one = st_dir("one-0");
	uint32_t batches;
	/* What compaction would have written: both segments in one file. */
	char *bytes, *more;
	size_t n, k;
	CU_ASSERT_EQUAL(file_read(path_of(m.dir, 0, ".log").s, 1 << 20, &bytes, &n), 0);
	int64_t second = 0;
	for (int64_t base = 1; base < BATCHES * RECORDS && !second; base++)
		if (st_size(path_of(m.dir, base, ".log").s) >= 0)
			second = base;
	CU_ASSERT(second > 0);
	CU_ASSERT_EQUAL(file_read(path_of(m.dir, second, ".log").s, 1 << 20, &more, &k), 0);
	st_write(path_of(one, 0, ".log").s, bytes, n);
	st_append_file(path_of(one, 0, ".log").s, more, k);
	CU_ASSERT_EQUAL(st_open(&s, one, LOG_STOP_CRASHED, 0, 0), 0);
	st_close(&s);
	static const char *const suffixes[] = { ".log", ".index", ".timeindex" };
	for (size_t i = 0; i < countof(suffixes); i++) {
		char *to = mem_printf("%s.swap", suffixes[i]);
		CU_ASSERT_EQUAL(sys_rename(path_of(one, 0, suffixes[i]).s, path_of(m.dir, 0, to).s), 0);
		free(to);
	}
	rename_in(m.dir, 0, ".index.swap", ".index"); /* one is done already */
	CU_ASSERT_EQUAL(st_open(&s, m.dir, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(log_end_offset(s.log), BATCHES * RECORDS);
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, BATCHES);
	st_close(&s);
	CU_ASSERT_EQUAL(st_size(path_of(m.dir, 0, ".log").s), (int64_t)(n + k));
	CU_ASSERT_EQUAL(st_size(path_of(m.dir, second, ".log").s), -1);
	free(bytes);
	free(more);
}

/* ---- offsets that an index cannot hold, as brokers before 1.1 have left them in one segment ---- */

#define FAR (INT64_C(5) << 31)

static const int64_t wide[] = { 0, 10, FAR, FAR + 10, 3 * FAR, 3 * FAR + 10 };
enum { IN_ONE = 5 }; /* of them; the last is alone in a segment */

static void put(const char *dir, int64_t base, int first, int n)
{
	struct path log = path_of(dir, base, LOG_SUFFIX);
	st_write(log.s, "", 0);
	for (int i = first; i < first + n; i++) {
		struct buf *b = st_make(&(struct st_batch){ .base_offset = wide[i], .timestamp = ST_NOW_MS });
		st_append_file(log.s, b->bytes, b->used);
		buf_put(b);
	}
}

static const char *make_wide(bool with_index)
{
	const char *dir = st_dir("wide");
	put(dir, 0, 0, IN_ONE);
	put(dir, wide[IN_ONE], IN_ONE, 1);
	st_write(path_of(dir, wide[IN_ONE], INDEX_SUFFIX).s, "", 0);
	if (with_index)
		st_write(path_of(dir, 0, INDEX_SUFFIX).s, "", 0);
	return dir;
}

static void check_wide(const char *dir, enum log_stop stop)
{
	struct st_log s = { .config = st_config() };
	uint32_t found;
	CU_ASSERT_EQUAL_FATAL(st_open(&s, dir, stop, 0, 0), 0);
	CU_ASSERT(!s.repair.damaged && s.repair.bytes_cut == 0);
	CU_ASSERT_EQUAL(log_segments(s.log), 4);
	CU_ASSERT_EQUAL(log_end_offset(s.log), wide[IN_ONE] + 1);
	st_walk(&s, &found);
	CU_ASSERT_EQUAL(found, countof(wide));
	st_close(&s);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CRASHED, 0, 0), 0);
	CU_ASSERT(log_segments(s.log) == 4 && s.repair.bytes_cut == 0);
	st_close(&s);
	CU_ASSERT_EQUAL(st_count(dir, CLEANED_SUFFIX) + st_count(dir, SWAP_SUFFIX), 0);
	CU_ASSERT_EQUAL(st_count(dir, CORRUPT_SUFFIX), 0);
}

static void wide_segments_are_split(void)
{
	check_wide(make_wide(true), LOG_STOP_CRASHED);
	check_wide(make_wide(false), LOG_STOP_CLEAN); /* only its index is made anew */
}

/* As a crash amid the split leaves it. */
static void half_split(void)
{
	for (int step = 0; step < 4; step++) {
		const char *dir = make_wide(true);
		struct path head = path_of(dir, 0, LOG_SUFFIX), tail = path_of(dir, wide[2], LOG_SUFFIX);
		put(dir, wide[2], 2, IN_ONE - 2);
		sys_rename(tail.s, path_plus(&tail, step == 0 ? CLEANED_SUFFIX : SWAP_SUFFIX).s);
		struct path kept = path_plus(&head, ".kept");
		sys_rename(head.s, kept.s);
		put(dir, 0, 0, 2);
		if (step < 3) {
			sys_rename(head.s, path_plus(&head, step < 2 ? CLEANED_SUFFIX : SWAP_SUFFIX).s);
			sys_rename(kept.s, head.s);
		} else {
			sys_unlink(kept.s);
		}
		check_wide(dir, LOG_STOP_CRASHED);
	}
}

static const struct ut_case cases[] = {
	UT(cut_at_every_byte), UT(cut_to_nothing), UT(a_tail_of_zeros), UT(a_tail_of_garbage),
	UT(flipped_bits),
	UT(damage_in_an_earlier_segment), UT(what_was_flushed_is_not_scanned),
	UT(a_killed_broker_loses_nothing_written), UT(missing_and_damaged_indexes),
	UT(a_damaged_snapshot_gives_way_to_an_older_one), UT(a_damaged_epoch_checkpoint_is_read_from_the_log),
	UT(a_damaged_topic_id_is_refused), UT(start_above_the_end), UT(leftovers_are_swept),
	UT(a_complete_swap_takes_its_place), UT(wide_segments_are_split), UT(half_split),
};

int main(void)
{
	sys_log_set_level(NULL, LOG_FATAL);
	st_in_memory();
	int status = ut_run("storage/recover", cases, countof(cases));
	st_clean();
	return status;
}
