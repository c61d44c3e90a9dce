/* ut_move.c - a copy of a log takes its place: nothing is missing, who waited for the old one is answered by
 * the new one, a crash leaves a copy that goes on. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/must.h"

#include <errno.h>

enum { BATCHES = 30, RECORDS = 5, ROW_BYTES = 3000 };

/* A log of three segments in `from`, and an empty copy in `to`. */
struct moving {
	struct st_log s;
	struct log *copy;
	const char *from, *to;
	int32_t epoch;
};

static void append(struct moving *v, int64_t n)
{
	struct st_batch spec = { .records = RECORDS, .timestamp = ST_NOW_MS + n, .value_bytes = 30,
				 .producer_id = 7, .sequence = (int32_t)n * RECORDS,
				 .leader_epoch = v->epoch };
	CU_ASSERT_EQUAL(st_append(&v->s, &spec, NULL), KERR_NONE);
}

static struct log *open_copy(struct moving *v, enum log_stop stop)
{
	struct log_open op = { .dir = v->to, .config = &v->s.config, .stop = stop, .now_ms = ST_NOW_MS,
			       .producer_expiration_ms = ST_EXPIRATION_MS };
	CU_ASSERT_EQUAL_FATAL(log_open(&op), 0);
	return op.log;
}

static void begin(struct moving *v)
{
	*v = (struct moving){ .s.config = st_config(), .epoch = 2 };
	v->s.config.segment_bytes = 3000;
	v->from = st_dir("a/topic-0");
	v->to = st_dir("b/topic-0.0123456789abcdef0123456789abcdef-future");
	CU_ASSERT_EQUAL_FATAL(st_open(&v->s, v->from, LOG_STOP_CLEAN, 0, 0), 0);
	for (int64_t n = 0; n < BATCHES; n++)
		append(v, n);
	v->copy = open_copy(v, LOG_STOP_CLEAN);
}

/* Copies up to `end`, or all. */
static void copy(struct moving *v, int64_t end)
{
	struct slice bytes;
	int64_t first;
	while (log_end_offset(v->copy) < min_of(end, log_end_offset(v->s.log))) {
		int64_t from = max_of(log_end_offset(v->copy), log_start_offset(v->s.log));
		CU_ASSERT_EQUAL_FATAL(st_read(&v->s, from, end, ROW_BYTES, true, &bytes, &first), KERR_NONE);
		CU_ASSERT_EQUAL_FATAL(log_extend(v->copy, (uint8_t *)bytes.p, bytes.n), KERR_NONE);
		free((void *)bytes.p);
	}
}

struct detaching {
	struct log_wait wait;
	bool done;
};

static void detached(struct log_wait *w)
{
	container_of(w, struct detaching, wait)->done = true;
}

/* The old one goes, the new one is v->s.log. */
static void swap(struct moving *v)
{
	struct detaching d = { .wait.done = detached };
	int64_t recovery_point;
	struct log *old = v->s.log;
	log_detach(old, &d.wait);
	while (!d.done)
		st_turn(&v->s);
	CU_ASSERT_EQUAL(log_close(old, &recovery_point), 0);
	v->s.log = v->copy;
}

static void takes_the_place(void)
{
	struct moving v;
	uint32_t before, after;
	begin(&v);
	uint64_t sum = st_walk(&v.s, &before);
	copy(&v, INT64_MAX);
	CU_ASSERT_EQUAL(log_flush_now(v.copy), 0);
	CU_ASSERT_EQUAL(log_recovery_point(v.copy), BATCHES * RECORDS);
	append(&v, BATCHES);
	append(&v, BATCHES + 1);
	v.epoch = 4;
	log_assign_epoch(v.s.log, v.epoch, log_end_offset(v.s.log)); /* without a record so far */
	const char *dir = st_dir("b/topic-0");
	sys_rmdir(dir);
	CU_ASSERT_EQUAL_FATAL(log_take_over(v.copy, v.s.log, dir), 0);
	swap(&v);
	CU_ASSERT_STRING_EQUAL(log_dir(v.s.log), dir);
	CU_ASSERT_EQUAL(log_end_offset(v.s.log), (BATCHES + 2) * RECORDS);
	CU_ASSERT_EQUAL(log_latest_epoch(v.s.log), 4);
	CU_ASSERT_EQUAL(log_producers(v.s.log), 1);
	append(&v, BATCHES + 2); /* in sequence */
	CU_ASSERT(st_walk(&v.s, &after) != sum && after == before + 3);
	CU_ASSERT(log_segments(v.s.log) > 2);
	CU_ASSERT_EQUAL(st_close(&v.s), (BATCHES + 3) * RECORDS);
	CU_ASSERT_EQUAL(st_open(&v.s, dir, LOG_STOP_CLEAN, 0, 0), 0);
	CU_ASSERT_EQUAL(log_end_offset(v.s.log), (BATCHES + 3) * RECORDS);
	CU_ASSERT_EQUAL(log_latest_epoch(v.s.log), 4);
	st_close(&v.s);
	st_clean();
}

/* Bytes are equal wherever the copy begins, segment by segment. */
static void begins_where_it_is_told(void)
{
	struct moving v;
	uint32_t n;
	begin(&v);
	log_set_high_watermark(v.s.log, log_end_offset(v.s.log));
	CU_ASSERT_EQUAL(log_increase_start(v.s.log, 62), KERR_NONE); /* amid the batch from 60 on */
	CU_ASSERT_EQUAL(log_cut(v.copy, 60, true), 0);
	copy(&v, INT64_MAX);
	log_follow_start(v.copy, 62);
	CU_ASSERT_EQUAL(log_start_offset(v.copy), 62);
	const char *dir = st_dir("b/topic-0");
	sys_rmdir(dir);
	CU_ASSERT_EQUAL_FATAL(log_take_over(v.copy, v.s.log, dir), 0);
	swap(&v);
	st_walk(&v.s, &n);
	CU_ASSERT_EQUAL(n, BATCHES - 12);
	st_close(&v.s);
	st_clean();
}

static void cuts(void)
{
	struct moving v;
	begin(&v);
	copy(&v, INT64_MAX);
	for (int64_t offset = BATCHES * RECORDS; offset >= 0; offset -= 7) {
		CU_ASSERT_EQUAL(log_cut(v.copy, offset, false), 0);
		CU_ASSERT(log_end_offset(v.copy) <= offset && log_end_offset(v.copy) > offset - RECORDS);
		CU_ASSERT_EQUAL(log_cut(v.copy, log_end_offset(v.copy) / RECORDS * RECORDS, false), 0);
		if (offset % 2)
			copy(&v, INT64_MAX);
	}
	int64_t recovery_point;
	CU_ASSERT_EQUAL(log_close(v.copy, &recovery_point), 0);
	st_close(&v.s);
	st_clean();
}

static void not_now(void)
{
	struct moving v;
	begin(&v);
	v.s.config.segment_bytes = 1 << 20;
	CU_ASSERT_EQUAL(log_take_over(v.copy, v.s.log, "elsewhere"), -EAGAIN); /* segments are missing */
	copy(&v, INT64_MAX);
	for (int64_t n = 0; log_size_bytes(v.s.log) < log_size_bytes(v.copy) + LOG_TAKE_OVER_BYTES + 1; n++)
		append(&v, BATCHES + n);
	CU_ASSERT_EQUAL(log_take_over(v.copy, v.s.log, "elsewhere"), -EAGAIN); /* too much is */
	copy(&v, INT64_MAX);
	CU_ASSERT_EQUAL(log_take_over(v.copy, v.s.log, "/no/such/directory"), -ENOENT);
	CU_ASSERT_FALSE(log_failed(v.s.log));
	append(&v, log_end_offset(v.s.log) / RECORDS); /* it goes on */
	int64_t recovery_point;
	CU_ASSERT_EQUAL(log_close(v.copy, &recovery_point), 0);
	st_close(&v.s);
	st_clean();
}

struct pending {
	struct log_append op;
	bool done;
};

static void appended(struct log_append *op)
{
	container_of(op, struct pending, op)->done = true;
}

/* An append of this turn, to be flushed before it is answered: the new log flushes it. */
static void waits_go_along(void)
{
	struct moving v;
	struct pending p = { .op = { .origin = LOG_FROM_CLIENT, .max_timestamp = 5, .done = appended } };
	struct detaching flushed = { .wait.done = detached };
	struct buf *b = st_make(&(struct st_batch){ .records = RECORDS });
	begin(&v);
	copy(&v, INT64_MAX);
	v.s.config.flush_messages = 1;
	p.op.bytes = b->bytes;
	p.op.n = b->used;
	CU_ASSERT_EQUAL_FATAL(log_append(v.s.log, &p.op), KERR_NONE);
	log_flush(v.s.log, &flushed.wait);
	const char *dir = st_dir("b/topic-0");
	sys_rmdir(dir);
	CU_ASSERT_EQUAL_FATAL(log_take_over(v.copy, v.s.log, dir), 0);
	CU_ASSERT_FALSE(p.done);
	swap(&v);
	while (!p.done || !flushed.done)
		st_turn(&v.s);
	CU_ASSERT(p.op.error == KERR_NONE && p.op.base_offset == BATCHES * RECORDS);
	CU_ASSERT_EQUAL(log_recovery_point(v.s.log), (BATCHES + 1) * RECORDS);
	buf_put(b);
	st_close(&v.s);
	st_clean();
}

/* Killed while it is copied: it goes on from what is there. */
static void goes_on_after_a_kill(void)
{
	struct moving v;
	begin(&v);
	CU_ASSERT_EQUAL(log_mark_moved(v.to), 0);
	copy(&v, 70);
	char *left = mem_strdup(st_dir("c/topic-0"));
	st_copy_dir(v.to, left);
	CU_ASSERT_TRUE(log_is_marked_moved(left));
	struct log *first = v.copy;
	v.to = left;
	v.copy = open_copy(&v, LOG_STOP_KILLED);
	CU_ASSERT_EQUAL(log_end_offset(v.copy), log_end_offset(first));
	copy(&v, INT64_MAX);
	CU_ASSERT_EQUAL(log_end_offset(v.copy), BATCHES * RECORDS);
	CU_ASSERT_EQUAL(log_unmark_moved(left), 0);
	CU_ASSERT_FALSE(log_is_marked_moved(left));
	int64_t recovery_point;
	CU_ASSERT_EQUAL(log_close(v.copy, &recovery_point), 0);
	CU_ASSERT_EQUAL(log_close(first, &recovery_point), 0);
	free(left);
	st_close(&v.s);
	st_clean();
}

static const struct ut_case cases[] = { UT(takes_the_place), UT(begins_where_it_is_told), UT(cuts),
					UT(not_now), UT(waits_go_along), UT(goes_on_after_a_kill) };

int main(void)
{
	return ut_run("move", cases, countof(cases));
}
