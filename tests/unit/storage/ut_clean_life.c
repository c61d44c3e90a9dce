/* ut_clean_life.c - what goes on beside a cleaning: a map too small, truncation, the end of the log, readers,
 * damage, crashes at every step of a swap; and when a log is due. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "broker/storage/clean.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 7, PER_BATCH = 3, SEGMENT_BYTES = 2000, BATCHES = 120, NOW_MS = ST_NOW_MS + 1000 };

static struct topic_config config_of(void)
{
	struct topic_config config = st_config();
	config.compact = true;
	config.delete_old = false;
	config.segment_bytes = SEGMENT_BYTES;
	config.index_interval_bytes = 200;
	config.delete_retention_ms = 86400000;
	config.min_cleanable_dirty_ratio = 0.5;
	config.file_delete_delay_ms = 1;
	return config;
}

/* Record i has key i % KEYS and a value that names i; every 50th is a tombstone. */
static struct buf *keyed(int64_t base, enum codec codec, int64_t producer, int32_t sequence)
{
	static struct codecs *codecs;
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder builder;
	codecs = codecs ? codecs : codecs_new();
	settings.codec = codec;
	settings.base_offset = base;
	if (producer > 0) {
		settings.producer_id = producer;
		settings.producer_epoch = 0;
		settings.base_sequence = sequence;
	}
	batch_builder_init(&builder, codecs, &settings, 1 << 20);
	for (int64_t i = base; i < base + PER_BATCH; i++) {
		char key[24], value[64];
		snprintf(key, sizeof key, "key-%lld", (long long)(i % KEYS));
		snprintf(value, sizeof value, "%lld-and-some-more-bytes-to-fill-it", (long long)i);
		must(batch_builder_add(&builder, ST_NOW_MS + i, slice_str(key),
			i % 50 == 49 ? SLICE_NULL : slice_str(value), SLICE_NULL, 0));
	}
	return batch_builder_finish(&builder);
}

static void fill_with(struct st_log *s, int batches, enum codec codec)
{
	for (int i = 0; i < batches; i++) {
		struct buf *b = keyed(log_next_offset(s->log), codec, 0, 0);
		must(st_append_buf(s, b, LOG_FROM_CLIENT, 0, NULL) == KERR_NONE);
	}
	log_set_high_watermark(s->log, log_end_offset(s->log));
}

static struct st_log *opened(const char *name)
{
	static struct st_log s;
	s = (struct st_log){ .config = config_of() };
	must(st_open(&s, st_dir(name), LOG_STOP_CLEAN, 0, 0) == 0);
	fill_with(&s, BATCHES, CODEC_NONE);
	return &s;
}

/* ---- what has to be ---- */

struct seen {
	int64_t last[KEYS]; /* the last offset of each key; -1 */
	uint32_t records;
	uint32_t repeated;  /* records below `cleaned` that are not the last below it */
};

static void see_batch(struct seen *seen, const struct batch *b, int64_t cleaned)
{
	static struct codecs *codecs;
	struct records records;
	struct record r;
	codecs = codecs ? codecs : codecs_new();
	records_open(&records, b, codecs, 1 << 20);
	while (records_next(&records, &r)) {
		int64_t key = r.offset % KEYS;
		char text[32];
		int n = snprintf(text, sizeof text, "%lld-", (long long)r.offset);
		must(slice_is_null(r.value) || memcmp(r.value.p, text, (size_t)n) == 0);
		seen->repeated += seen->last[key] >= 0 && r.offset < cleaned;
		seen->last[key] = r.offset;
		seen->records++;
	}
	must(records.error == KERR_NONE);
	records_close(&records);
}

/* Reads all of the log, and holds that every key's last record is there with its value. */
static struct seen see(struct st_log *s)
{
	struct seen seen = { .records = 0 };
	int64_t end = log_end_offset(s->log), cleaned = log_cleaned_offset(s->log), offset = 0, first;
	memset(seen.last, 0xff, sizeof seen.last);
	while (offset < end) {
		struct slice bytes;
		struct batch_walk walk;
		struct batch b;
		must(st_read(s, offset, end, 4096, true, &bytes, &first) == KERR_NONE);
		if (bytes.n == 0)
			break;
		batch_walk_init(&walk, bytes);
		while (batch_next(&walk, &b)) {
			see_batch(&seen, &b, cleaned);
			offset = batch_last_offset(&b) + 1;
		}
		free((void *)(uintptr_t)bytes.p);
	}
	for (int64_t i = end - KEYS; i < end; i++)
		CU_ASSERT_EQUAL(seen.last[i % KEYS], i);
	return seen;
}

static void nothing_half_done(struct st_log *s)
{
	CU_ASSERT_EQUAL(st_count(log_dir(s->log), CLEANED_SUFFIX), 0);
	CU_ASSERT_EQUAL(st_count(log_dir(s->log), SWAP_SUFFIX), 0);
}

static void whole_range(void)
{
	struct st_log *s = opened("whole-0");
	struct log_clean op;
	uint64_t bytes = log_size_bytes(s->log);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, &op), 0);
	CU_ASSERT_EQUAL(op.to, log_active_base(s->log));
	CU_ASSERT(log_size_bytes(s->log) < bytes);
	CU_ASSERT_EQUAL(see(s).repeated, 0);
	nothing_half_done(s);
	/* Nothing is dirty now; with more there is. */
	struct log_dirt dirt;
	CU_ASSERT(log_measure_dirt(s->log, &dirt) && !log_dirt_is_due(s->log, &dirt));
	fill_with(s, BATCHES, CODEC_ZSTD);
	CU_ASSERT(log_measure_dirt(s->log, &dirt) && log_dirt_is_due(s->log, &dirt));
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, &op), 0);
	CU_ASSERT_EQUAL(see(s).repeated, 0);
	int64_t end = log_end_offset(s->log);
	CU_ASSERT_EQUAL(st_close(s), end);
}

static void small_map(void)
{
	struct st_log *s = opened("small-0");
	struct log_clean op;
	/* Three keys: then the first of the fourth key ends the round. */
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 4 * 24, &op), 0);
	CU_ASSERT(op.to > 0 && op.to < log_active_base(s->log));
	see(s);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, &op), 0);
	CU_ASSERT_EQUAL(op.to, log_active_base(s->log));
	CU_ASSERT_EQUAL(see(s).repeated, 0);
	fill_with(s, BATCHES, CODEC_NONE);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 24, &op), -ENOMEM);
	CU_ASSERT(!op.uncleanable && strstr(op.why, "dedupe.buffer") != NULL);
	struct log_dirt dirt; /* others come first now */
	CU_ASSERT(log_measure_dirt(s->log, &dirt) && !log_dirt_is_due(s->log, &dirt));
	see(s);
	st_close(s);
}

static struct buf *without_key(void)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder builder;
	batch_builder_init(&builder, NULL, &settings, 1 << 20);
	must(batch_builder_add(&builder, ST_NOW_MS, SLICE_NULL, slice_str("some bytes to fill it with"),
		SLICE_NULL, 0));
	return batch_builder_finish(&builder);
}

/* Of what has no key nothing stays but the header of the last batch, which says where the round has ended. */
static void end_is_told(void)
{
	struct st_log s = { .config = config_of() };
	struct log_clean op;
	uint32_t batches;
	must(st_open(&s, st_dir("end-0"), LOG_STOP_CLEAN, 0, 0) == 0);
	while (log_segments(s.log) < 4)
		must(st_append_buf(&s, without_key(), LOG_FROM_CLIENT, 0, NULL) == KERR_NONE);
	s.config.segment_bytes = 1 << 20;
	int64_t end = log_end_offset(s.log), active = log_active_base(s.log);
	log_set_high_watermark(s.log, end);
	CU_ASSERT_EQUAL(st_clean_log(&s, NOW_MS, 0, &op), 0);
	CU_ASSERT(op.stats.messages_written == 0 && op.to == active && log_segments(s.log) == 2);
	CU_ASSERT_EQUAL(st_size(path_of(log_dir(s.log), 0, LOG_SUFFIX).s), BATCH_HEADER_BYTES);
	st_walk(&s, &batches);
	CU_ASSERT_EQUAL(batches, 1 + end - active);
	CU_ASSERT_EQUAL(st_close(&s), end);
}

/* More offsets in a segment than one can have, as brokers before 1.1 left them: it becomes as many as it
 * needs. */
static void wide_segment(void)
{
	static const int64_t offsets[] = { 0, 3, INT64_C(5) << 31, (INT64_C(5) << 31) + 3, INT64_C(9) << 31 };
	struct st_log s = { .config = config_of() };
	const char *dir = st_dir("wide-0");
	int64_t active = offsets[countof(offsets) - 1];
	for (size_t i = 0; i < countof(offsets); i++) {
		struct buf *b = keyed(offsets[i], CODEC_NONE, 0, 0);
		int64_t base = offsets[i] < active ? 0 : active;
		st_append_file(path_of(dir, base, LOG_SUFFIX).s, b->bytes, b->used);
		st_write(path_of(dir, base, INDEX_SUFFIX).s, "", 0);
		buf_put(b);
	}
	must(st_open(&s, dir, LOG_STOP_CLEAN, 0, 0) == 0);
	must(log_segments(s.log) == 2);
	int64_t end = log_end_offset(s.log);
	log_set_high_watermark(s.log, end);
	struct log_clean op;
	CU_ASSERT_EQUAL(st_clean_log(&s, NOW_MS, 0, &op), 0);
	CU_ASSERT(op.to == active && !log_is_uncleanable(s.log));
	CU_ASSERT_EQUAL(log_segments(s.log), 3);
	CU_ASSERT(st_size(path_of(dir, offsets[2], LOG_SUFFIX).s) > 0);
	CU_ASSERT_EQUAL(st_count(dir, ".log"), 3);
	nothing_half_done(&s);
	uint32_t batches, again;
	uint64_t sum = st_walk(&s, &batches);
	CU_ASSERT_EQUAL(st_close(&s), end);
	CU_ASSERT_EQUAL(st_open(&s, dir, LOG_STOP_CRASHED, 0, 0), 0);
	CU_ASSERT(s.repair.bytes_cut == 0 && st_walk(&s, &again) == sum && again == batches);
	st_close(&s);
}

/* ---- given up ---- */

struct under_way {
	struct log_clean op;
	struct clean_rate rate;
	atomic_bool stop;
	bool done;
};

static void under_way_done(struct log_clean *op)
{
	container_of(op, struct under_way, op)->done = true;
}

/* So slow that it does not end by itself. */
static void begin_slowly(struct st_log *s, struct under_way *u)
{
	*u = (struct under_way){ .op = { .now_ms = NOW_MS, .map_bytes = 1 << 16, .map_load = 0.9,
		.io_bytes = 4096, .done = under_way_done } };
	u->op.rate = &u->rate;
	u->op.stop = &u->stop;
	atomic_store(&u->rate.bytes_per_s, 1000);
	must(log_clean(s->log, &u->op) && log_is_cleaning(s->log));
	for (int i = 0; i < 5; i++)
		st_turn(s);
	CU_ASSERT(!u->done);
	CU_ASSERT(!log_clean(s->log, &u->op)); /* one at a time */
}

static void finish(struct st_log *s, struct under_way *u)
{
	for (int i = 0; i < 10000 && !u->done; i++)
		st_turn(s);
	CU_ASSERT(u->done && u->op.error == -ECANCELED && !u->op.uncleanable);
	CU_ASSERT(!log_is_cleaning(s->log));
	nothing_half_done(s);
}

static void stopped(void)
{
	struct st_log *s = opened("stopped-0");
	struct under_way u;
	begin_slowly(s, &u);
	CU_ASSERT_EQUAL(log_retain(s->log), 0);
	atomic_store(&u.stop, true);
	finish(s, &u);
	CU_ASSERT_EQUAL(see(s).records, BATCHES * PER_BATCH);
	st_close(s);
}

static void truncated(void)
{
	struct st_log *s = opened("truncated-0");
	struct under_way u;
	begin_slowly(s, &u);
	int64_t half = (int64_t)BATCHES / 2 * PER_BATCH;
	CU_ASSERT_EQUAL(st_truncate(s, half, false), 0);
	finish(s, &u);
	CU_ASSERT_EQUAL(log_end_offset(s->log), half);
	CU_ASSERT_EQUAL(see(s).records, BATCHES / 2 * PER_BATCH);
	log_set_high_watermark(s->log, half);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, NULL), 0);
	int64_t cleaned = log_cleaned_offset(s->log);
	CU_ASSERT_EQUAL(st_truncate(s, 30, false), 0);
	CU_ASSERT(cleaned > 30 && log_cleaned_offset(s->log) == 30);
	st_close(s);
}

/* A truncation takes files away while a helper reads them: nobody takes that for damage, or for a failed
 * disk. Here they are gone before the cleaning is given up, and the helper has time to notice. */
static void torn_away(const char *name, bool whole_file)
{
	struct st_log *s = opened(name);
	struct path first = path_of(log_dir(s->log), 0, LOG_SUFFIX);
	struct under_way u = { .op = { .now_ms = NOW_MS, .map_bytes = 1 << 16, .map_load = 0.9,
		.io_bytes = 4096, .done = under_way_done } };
	u.op.rate = &u.rate;
	must(whole_file ? sys_unlink(first.s) == 0 : truncate(first.s, 100) == 0);
	must(log_clean(s->log, &u.op));
	usleep(20000);
	log_hold_cleaning(s->log, true);
	finish(s, &u);
	CU_ASSERT(!log_is_uncleanable(s->log) && !log_failed(s->log));
	st_kill(s);
}

static void files_torn_away(void)
{
	torn_away("torn-0", true);
	torn_away("torn-1", false);
}

/* Compaction switched off keeps from then on what it would have removed. */
static void switched_off(void)
{
	struct st_log *s = opened("off-0");
	struct topic_config off = s->config;
	struct under_way u;
	off.compact = false;
	off.delete_old = true;
	off.retention_ms = off.retention_bytes = -1;
	begin_slowly(s, &u);
	log_set_config(s->log, &off);
	atomic_store(&u.rate.bytes_per_s, 0);
	finish(s, &u);
	CU_ASSERT_EQUAL(see(s).records, BATCHES * PER_BATCH);
	st_close(s);
}

static void detached(void)
{
	struct st_log *s = opened("detached-0");
	struct under_way u;
	char dir[FILE_PATH_MAX];
	strcpy(dir, log_dir(s->log));
	begin_slowly(s, &u);
	CU_ASSERT_EQUAL(st_close(s), BATCHES * PER_BATCH);
	CU_ASSERT(u.done && u.op.error == -ECANCELED);
	CU_ASSERT_EQUAL(st_count(dir, CLEANED_SUFFIX), 0);
}

static void failed_disk(void)
{
	struct st_log *s = opened("failed-0");
	struct under_way u;
	begin_slowly(s, &u);
	log_give_up(s->log, -EIO);
	finish(s, &u);
	st_wait(s, log_detach);
	sys_helpers_stop(s->helpers);
	reactor_free(s->reactor);
	struct path away;
	CU_ASSERT_EQUAL(log_discard(s->log, away.s, sizeof away.s), 0);
}

/* ---- damage ---- */

static void damaged(void)
{
	struct st_log *s = opened("damaged-0");
	struct log_clean op;
	struct log_dirt dirt;
	struct path path = path_of(log_dir(s->log), 0, LOG_SUFFIX);
	char *bytes;
	size_t n;
	must(file_read(path.s, 1 << 20, &bytes, &n) == 0);
	bytes[BATCH_HEADER_BYTES + 20] ^= 1;
	st_write(path.s, bytes, n);
	free(bytes);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, &op), -EBADMSG);
	CU_ASSERT(op.uncleanable && log_is_uncleanable(s->log) && !log_measure_dirt(s->log, &dirt));
	CU_ASSERT(strstr(op.why, "CRC") != NULL);
	nothing_half_done(s);
	CU_ASSERT(!log_failed(s->log));
	st_close(s);
}

/* ---- readers ---- */

struct reading {
	struct log_read op;
	bool done;
};

static void reading_done(struct log_read *op)
{
	container_of(op, struct reading, op)->done = true;
}

static void slices_outlive_it(void)
{
	struct st_log *s = opened("slices-0");
	struct reading r = { .op = { .upper = INT64_MAX, .max_bytes = 500, .min_one = true,
		.done = reading_done } };
	uint8_t before[500], after[500];
	r.done = log_read(s->log, &r.op);
	for (int i = 0; i < 1000 && !r.done; i++)
		st_turn(s);
	must(r.done && r.op.error == KERR_NONE && r.op.slice.n > 0);
	uint32_t n = min_of(r.op.slice.n, (uint32_t)sizeof before);
	CU_ASSERT_EQUAL(sys_pread(r.op.slice.fd, before, n, r.op.slice.position), n);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, NULL), 0);
	CU_ASSERT_EQUAL(sys_pread(r.op.slice.fd, after, n, r.op.slice.position), n);
	CU_ASSERT_EQUAL(memcmp(before, after, n), 0);
	hold_put(r.op.slice.hold);
	see(s);
	st_close(s);
}

/* ---- producers ---- */

static void producers_stay_known(void)
{
	struct st_log s = { .config = config_of() };
	char dir[FILE_PATH_MAX];
	strcpy(dir, st_dir("producers-0"));
	must(st_open(&s, dir, LOG_STOP_CLEAN, 0, 0) == 0);
	struct buf *b = keyed(0, CODEC_NONE, 4711, 0);
	must(st_append_buf(&s, b, LOG_FROM_CLIENT, 0, NULL) == KERR_NONE);
	fill_with(&s, BATCHES, CODEC_NONE);
	CU_ASSERT_EQUAL(st_clean_log(&s, NOW_MS, 0, NULL), 0);
	see(&s);
	/* Without snapshots its last sequence must be in the log: a repeated one is known, a gap is seen. */
	st_kill(&s);
	char *command = mem_printf("rm -f '%s'/*.snapshot", dir);
	must(system(command) == 0);
	free(command);
	must(st_open(&s, dir, LOG_STOP_CRASHED, 0, 0) == 0);
	int64_t base = -1;
	b = keyed(0, CODEC_NONE, 4711, 0);
	CU_ASSERT_EQUAL(st_append_buf(&s, b, LOG_FROM_CLIENT, 0, &base), KERR_NONE);
	CU_ASSERT_EQUAL(base, 0);
	b = keyed(log_next_offset(s.log), CODEC_NONE, 4711, PER_BATCH + 1);
	CU_ASSERT_EQUAL(st_append_buf(&s, b, LOG_FROM_CLIENT, 0, &base), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	st_close(&s);
}

/* ---- crashes ---- */

/* What a swap does, one step after the other, as clean.c has it. */
static void swap_steps(const char *dir, int steps)
{
	static const char *const own[] = { LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX };
	int64_t bases[64];
	int n_bases = 0;
	for (int64_t base = 0; base < BATCHES * PER_BATCH; base++)
		if (st_size(path_of(dir, base, LOG_SUFFIX).s) >= 0)
			bases[n_bases++] = base;
	n_bases--; /* the active one */
	for (size_t i = 0; i < countof(own) && steps > 0; i++, steps--) {
		struct path path = path_of(dir, 0, own[i]);
		must(sys_rename(path_plus(&path, CLEANED_SUFFIX).s, path_plus(&path, SWAP_SUFFIX).s) == 0);
	}
	for (int k = 0; k < n_bases; k++)
		for (size_t i = 0; i < countof(own) && steps > 0; i++, steps--) {
			struct path path = path_of(dir, bases[k], own[i]);
			must(sys_rename(path.s, path_plus(&path, DELETED_SUFFIX).s) == 0);
		}
	for (size_t i = 0; i < countof(own) && steps > 0; i++, steps--) {
		struct path path = path_of(dir, 0, own[i]);
		must(sys_rename(path_plus(&path, SWAP_SUFFIX).s, path.s) == 0);
	}
}

static void copy_as_cleaned(const char *from, const char *to)
{
	static const char *const own[] = { LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX };
	for (size_t i = 0; i < countof(own); i++) {
		struct path path = path_of(to, 0, own[i]);
		char *bytes;
		size_t n;
		must(file_read(path_of(from, 0, own[i]).s, 1 << 20, &bytes, &n) == 0);
		st_write(path_plus(&path, CLEANED_SUFFIX).s, bytes, n);
		free(bytes);
	}
}

static void crash_after(const char *before, int steps, enum log_stop stop, uint32_t all, uint32_t left)
{
	struct st_log s = { .config = config_of() };
	const char *dir = st_dir("crash-0");
	st_copy_dir(before, dir);
	swap_steps(dir, steps);
	CU_ASSERT_EQUAL(st_open(&s, dir, stop, 0, 0), 0);
	nothing_half_done(&s);
	CU_ASSERT_EQUAL(st_count(dir, DELETED_SUFFIX), 0);
	struct seen seen = see(&s);
	/* Either it is as it was, or a suffix of the old segments has stayed behind the new one. */
	CU_ASSERT(steps < 3 ? seen.records == all : seen.records <= all && seen.records >= left);
	log_set_high_watermark(s.log, log_end_offset(s.log));
	CU_ASSERT_EQUAL(st_clean_log(&s, NOW_MS, 0, NULL), 0);
	CU_ASSERT_EQUAL(see(&s).records, left);
	st_close(&s);
}

static void every_step(void)
{
	struct st_log *s = opened("steps-0");
	char before[FILE_PATH_MAX];
	strcpy(before, st_dir("before-0"));
	st_copy_dir(log_dir(s->log), before);
	uint32_t segments = log_segments(s->log), all = see(s).records;
	s->config.segment_bytes = 1 << 20;
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, NULL), 0);
	CU_ASSERT_EQUAL(log_segments(s->log), 2);
	copy_as_cleaned(log_dir(s->log), before);
	uint32_t left = see(s).records;
	int steps = 3 + 3 * (int)(segments - 1) + 3;
	for (int i = 0; i <= steps; i++)
		crash_after(before, i, i % 2 ? LOG_STOP_KILLED : LOG_STOP_CRASHED, all, left);
	st_close(s);
}

/* ---- when ---- */

static bool due(struct st_log *s, struct log_dirt *dirt)
{
	return log_measure_dirt(s->log, dirt) && log_dirt_is_due(s->log, dirt);
}

static void bounds(void)
{
	struct st_log *s = opened("bounds-0");
	struct log_dirt dirt;
	int64_t active = log_active_base(s->log);
	CU_ASSERT(due(s, &dirt));
	CU_ASSERT(dirt.first_dirty == 0 && dirt.uncleanable == active && dirt.clean_bytes == 0);
	/* Never past what may still go. */
	log_set_high_watermark(s->log, active / 2);
	CU_ASSERT(due(s, &dirt));
	CU_ASSERT(dirt.uncleanable <= active / 2 && dirt.uncleanable > 0);
	log_set_high_watermark(s->log, 0);
	CU_ASSERT(!due(s, &dirt));
	log_set_high_watermark(s->log, log_end_offset(s->log));
	/* All of it is younger than so long. */
	s->config.min_compaction_lag_ms = INT64_MAX / 2;
	CU_ASSERT(!due(s, &dirt));
	s->config.min_compaction_lag_ms = 1000;
	CU_ASSERT(due(s, &dirt));
	/* The ratio is not above it, but time is over. */
	s->config.min_cleanable_dirty_ratio = 1;
	CU_ASSERT(!due(s, &dirt));
	s->config.max_compaction_lag_ms = 1000;
	CU_ASSERT(due(s, &dirt));
	CU_ASSERT(dirt.overdue_ms > 0);
	s->config.compact = false;
	CU_ASSERT(!log_measure_dirt(s->log, &dirt));
	st_close(s);
}

/* Of segments that were there at the start the first timestamps are learned by a helper. */
static void times_are_learned(void)
{
	struct st_log *s = opened("times-0");
	struct log_dirt dirt;
	char dir[FILE_PATH_MAX];
	strcpy(dir, log_dir(s->log));
	st_close(s);
	s->config.min_cleanable_dirty_ratio = 1;
	s->config.max_compaction_lag_ms = 1000;
	must(st_open(s, dir, LOG_STOP_CLEAN, 0, 0) == 0);
	log_set_high_watermark(s->log, log_end_offset(s->log));
	bool is_due = due(s, &dirt);
	for (int i = 0; i < 1000 && !is_due; i++) {
		st_turn(s);
		is_due = due(s, &dirt);
	}
	CU_ASSERT(is_due);
	st_close(s);
}

static void wrong_checkpoints(void)
{
	struct st_log *s = opened("checkpoints-0");
	struct log_dirt dirt;
	char dir[FILE_PATH_MAX];
	strcpy(dir, log_dir(s->log));
	st_close(s);
	s->cleaned = 1000000;
	must(st_open(s, dir, LOG_STOP_CLEAN, 0, 0) == 0);
	log_set_high_watermark(s->log, log_end_offset(s->log));
	CU_ASSERT(log_measure_dirt(s->log, &dirt) && dirt.first_dirty == 0);
	CU_ASSERT_EQUAL(log_increase_start(s->log, 40), KERR_NONE);
	CU_ASSERT(log_measure_dirt(s->log, &dirt) && dirt.first_dirty == 40);
	CU_ASSERT_EQUAL(st_clean_log(s, NOW_MS, 0, NULL), 0);
	st_close(s);
}

static void rate(void)
{
	struct clean_rate rate = { 0 };
	CU_ASSERT_EQUAL(clean_rate_take(&rate, 1 << 30, 1), 0);
	clean_rate_set(&rate, 1000, 1000000000);
	CU_ASSERT_EQUAL(clean_rate_take(&rate, 500, 1000000000), 500000000);
	CU_ASSERT_EQUAL(clean_rate_take(&rate, 500, 1000000000), 1000000000); /* the other's, too */
	CU_ASSERT_EQUAL(clean_rate_take(&rate, 1, INT64_C(9000000000)), 1000000);
	/* What a low rate has made wait for is paid at the rate of now. */
	CU_ASSERT_EQUAL(clean_rate_take(&rate, 999, INT64_C(9000000000)), 1000000000);
	clean_rate_set(&rate, 100000, INT64_C(9000000000));
	CU_ASSERT_EQUAL(clean_rate_left(&rate, INT64_C(9000000000)), 10000000);
	clean_rate_set(&rate, 0, INT64_C(9000000000));
	CU_ASSERT_EQUAL(clean_rate_left(&rate, INT64_C(9000000000)), 0);
}

static const struct ut_case cases[] = {
	UT(whole_range), UT(small_map), UT(end_is_told), UT(wide_segment), UT(stopped), UT(truncated),
	UT(files_torn_away), UT(switched_off), UT(detached), UT(failed_disk), UT(damaged),
	UT(slices_outlive_it), UT(producers_stay_known), UT(every_step), UT(bounds), UT(times_are_learned),
	UT(wrong_checkpoints), UT(rate),
};

int main(void)
{
	sys_log_set_level(NULL, LOG_FATAL);
	st_in_memory();
	int status = ut_run("storage/clean_life", cases, countof(cases));
	st_clean();
	return status;
}
