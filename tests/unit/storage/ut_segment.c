/* ut_segment.c - one segment: entries as Kafka writes them, look-up with and without waiting, truncation,
 * deletion. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "broker/storage/scan.h"
#include "broker/storage/segment.h"

#include <errno.h>
#include <string.h>

enum { BASE = 1000, N = 200, INTERVAL = 300 };

/* A segment of N batches of two records, timestamps rising by ten. */
static struct segment *make(const char *dir)
{
	struct segment *s = segment_new(BASE, ST_NOW_MS);
	CU_ASSERT_EQUAL(segment_create(s, dir, 0), 0);
	for (int i = 0; i < N; i++) {
		struct st_batch spec = { .base_offset = BASE + i * 2, .records = 2,
		.timestamp = ST_NOW_MS + i * 10 };
		struct buf *bytes = st_make(&spec);
		struct batch b = { bytes->bytes, bytes->used };
		struct iovec iov = { bytes->bytes, bytes->used };
		CU_ASSERT_EQUAL(segment_note(s, dir, &b, s->size, INTERVAL), 0);
		CU_ASSERT_EQUAL(sys_pwritev(s->files->log_fd, &iov, 1, s->size), 0);
		s->size += bytes->used;
		buf_put(bytes);
	}
	return s;
}

static void entries_are_kafkas(void)
{
	const char *dir = st_dir("entries-0");
	struct segment *s = make(dir);
	/* Batches from one entry to the next. */
	uint32_t one = (uint32_t)s->size / N, each = INTERVAL / one + 1;
	CU_ASSERT_EQUAL(segment_seal(s, dir), 0);
	char *bytes;
	size_t n;
	CU_ASSERT_EQUAL(file_read(path_of(dir, BASE, ".index").s, 1 << 20, &bytes, &n), 0);
	CU_ASSERT_EQUAL(n / 8, (N - 1) / each);
	for (uint32_t i = 0; i < n / 8; i++) {
		uint32_t batch = (i + 1) * each;
		CU_ASSERT_EQUAL(get_be32(bytes + i * 8), batch * 2 + 1);
		CU_ASSERT_EQUAL(get_be32(bytes + i * 8 + 4), batch * one);
	}
	size_t entries = n / 8;
	free(bytes);
	CU_ASSERT_EQUAL(file_read(path_of(dir, BASE, ".timeindex").s, 1 << 20, &bytes, &n), 0);
	CU_ASSERT(n / 12 == entries || n / 12 == entries + 1);
	CU_ASSERT_EQUAL(get_be64(bytes + n - 12), ST_NOW_MS + (N - 1) * 10 + 1);
	CU_ASSERT_EQUAL(get_be32(bytes + n - 4), N * 2 - 1);
	free(bytes);
	segment_free(&s);
}

static void look_everywhere(const struct segment_view *v)
{
	struct segment_found found;
	for (int64_t offset = BASE - 5; offset < BASE + N * 2; offset++) {
		CU_ASSERT_EQUAL(segment_find(v, offset, true, &found), 1);
		int64_t base = offset < BASE ? BASE : offset - offset % 2;
		CU_ASSERT_EQUAL(found.base_offset, base);
		CU_ASSERT_EQUAL(found.position, (base - BASE) / 2 * found.n);
	}
	CU_ASSERT_EQUAL(segment_find(v, BASE + N * 2, true, &found), 0);
}

static void finds_offsets(void)
{
	const char *dir = st_dir("find-0");
	struct segment *s = make(dir);
	struct segment_view v = segment_view(s, dir);
	struct segment_found found;
	look_everywhere(&v); /* entries in memory */
	CU_ASSERT_EQUAL(segment_seal(s, dir), 0);
	v = segment_view(s, dir);
	CU_ASSERT_EQUAL(segment_find(&v, BASE + 300, false, &found), -EAGAIN); /* the index is not open */
	v = segment_view_keep(s, dir);
	CU_ASSERT_EQUAL(segment_view_open(&v), 0);
	look_everywhere(&v);
	segment_view_drop(&v);
	/* As found at start. */
	segment_free(&s);
	s = segment_new(BASE, ST_NOW_MS);
	CU_ASSERT_EQUAL(segment_load(s, dir), 0);
	CU_ASSERT_EQUAL(s->max_timestamp, ST_NOW_MS + (N - 1) * 10 + 1);
	v = segment_view_keep(s, dir);
	CU_ASSERT_EQUAL(segment_find(&v, BASE, false, &found), -EAGAIN);
	CU_ASSERT_EQUAL(segment_view_open(&v), 0);
	look_everywhere(&v);
	segment_view_drop(&v);
	segment_free(&s);
}

static void a_view_outlives_its_segment(void)
{
	const char *dir = st_dir("view-0");
	struct segment *s = make(dir);
	struct segment_view v = segment_view_keep(s, dir);
	segment_free(&s);
	CU_ASSERT_EQUAL(segment_unlink(dir, BASE), 0);
	look_everywhere(&v);
	segment_view_drop(&v);
}

static void finds_times(void)
{
	const char *dir = st_dir("time-0");
	struct segment *s = make(dir);
	for (int sealed = 0; sealed < 2; sealed++) {
		struct segment_view v = segment_view_keep(s, dir);
		struct segment_record r;
		CU_ASSERT_EQUAL(segment_view_open(&v), 0);
		for (int i = 0; i < N; i++) {
			CU_ASSERT_EQUAL(segment_find_time(&v, ST_NOW_MS + i * 10 - 3, BASE, &r), 1);
			CU_ASSERT_EQUAL(r.offset, BASE + i * 2);
			CU_ASSERT_EQUAL(segment_find_time(&v, ST_NOW_MS + i * 10 + 1, BASE, &r), 1);
			CU_ASSERT_EQUAL(r.offset, BASE + i * 2 + 1);
		}
		CU_ASSERT_EQUAL(segment_find_time(&v, 0, BASE + 101, &r), 1);
		CU_ASSERT_EQUAL(r.offset, BASE + 101);
		CU_ASSERT_EQUAL(segment_find_time(&v, ST_NOW_MS + N * 10, BASE, &r), 0);
		segment_view_drop(&v);
		CU_ASSERT_EQUAL(segment_seal(s, dir), 0);
	}
	segment_free(&s);
}

static void truncates(void)
{
	const char *dir = st_dir("cut-0");
	struct segment *s = make(dir);
	uint32_t one = (uint32_t)s->size / N;
	for (int64_t offset = BASE + N * 2 + 5; offset >= BASE; offset -= 13) {
		CU_ASSERT_EQUAL(segment_truncate(s, dir, offset), 0);
		int64_t batches = min_of((offset - BASE) / 2, (int64_t)N);
		CU_ASSERT_EQUAL(s->size, batches * one);
		CU_ASSERT_EQUAL(s->max_timestamp, batches ? ST_NOW_MS + (batches - 1) * 10 + 1 : -1);
		CU_ASSERT_EQUAL(st_size(path_of(dir, BASE, ".log").s), s->size);
		CU_ASSERT(index_entries(&s->offsets) == 0 || s->offsets.last.value < s->size);
	}
	segment_free(&s);
}

static void goes_by_rename(void)
{
	const char *dir = st_dir("gone-0");
	struct segment *s = make(dir);
	segment_free(&s);
	CU_ASSERT_EQUAL(segment_mark_deleted(dir, BASE), 0);
	CU_ASSERT_EQUAL(st_count(dir, ".deleted"), 3);
	CU_ASSERT_EQUAL(st_count(dir, ".log"), 0);
	CU_ASSERT_EQUAL(segment_unlink_deleted(dir, BASE), 0);
	CU_ASSERT_EQUAL(st_count(dir, ""), 0);
}

static void scans_stop_at_what_is_no_batch(void)
{
	const char *dir = st_dir("scan-0");
	struct path path = path_of(dir, 0, ".log");
	struct st_batch spec = { .records = 1, .timestamp = 1, .value_bytes = 10000 };
	struct buf *b = st_make(&spec);
	struct scan scan;
	struct scanned at;
	uint8_t window[SCAN_WINDOW_BYTES];
	st_write(path.s, b->bytes, b->used);
	st_append_file(path.s, b->bytes, 50);
	int fd = sys_open(path.s, SYS_READ);
	scan_headers(&scan, fd, true, 0, b->used + 50, window);
	CU_ASSERT_EQUAL(scan_next(&scan, &at), 1);
	CU_ASSERT_EQUAL(at.b.n, b->used);
	CU_ASSERT_EQUAL(scan_next(&scan, &at), 0);
	CU_ASSERT_EQUAL(scan.position, b->used);
	/* Told of more than there is. */
	scan_headers(&scan, fd, true, 0, 1 << 20, window);
	CU_ASSERT_EQUAL(scan_next(&scan, &at), 1);
	CU_ASSERT_EQUAL(scan_next(&scan, &at), -EIO);
	sys_close(fd);
	memset(b->bytes + BATCH_LENGTH_AT, 0xff, 4);
	st_write(path.s, b->bytes, b->used);
	fd = sys_open(path.s, SYS_READ);
	scan_headers(&scan, fd, true, 0, b->used, window);
	CU_ASSERT_EQUAL(scan_next(&scan, &at), -EBADMSG);
	CU_ASSERT_EQUAL(scan.position, 0);
	sys_close(fd);
	buf_put(b);
}

static const struct ut_case cases[] = { UT(entries_are_kafkas), UT(finds_offsets),
	UT(a_view_outlives_its_segment),
	UT(finds_times), UT(truncates), UT(goes_by_rename), UT(scans_stop_at_what_is_no_batch) };

int main(void)
{
	sys_log_set_level(NULL, LOG_ERROR);
	int status = ut_run("storage/segment", cases, countof(cases));
	st_clean();
	return status;
}
