/* segment_find.c - see segment.h: where an offset or a time is in a segment. */
#include "broker/storage/segment.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"
#include "broker/storage/scan.h"

#include <errno.h>

#define LOGGER "kafka.log.LogSegment"

struct segment_view segment_view(const struct segment *s, const char *dir)
{
	CHECK_OBJ_NOTNULL(s, SEGMENT_MAGIC);
	return (struct segment_view){ .dir = dir, .base = s->base, .size = s->size, .files = s->files,
		.index_fd = s->files ? s->files->index_fd : -1, .offsets = s->offsets, .times = s->times };
}

static void keep_tail(struct index *ix)
{
	ix->tail = ix->tail_n ? mem_dup(ix->tail, (size_t)ix->tail_n * ix->entry_bytes) : NULL;
}

struct segment_view segment_view_keep(const struct segment *s, const char *dir)
{
	struct segment_view v = segment_view(s, dir);
	if (v.files)
		hold_get(&v.files->hold);
	keep_tail(&v.offsets);
	keep_tail(&v.times);
	return v;
}

void segment_view_drop(struct segment_view *v)
{
	if (v->index_fd >= 0 && (!v->files || v->index_fd != v->files->index_fd))
		sys_close(v->index_fd);
	if (v->files)
		hold_put(&v->files->hold);
	free(v->offsets.tail);
	free(v->times.tail);
	*v = (struct segment_view){ .index_fd = -1 };
}

static void tell(const struct scanned *at, struct segment_found *out)
{
	*out = (struct segment_found){ .position = at->position, .n = at->b.n,
		.base_offset = batch_base_offset(&at->b), .last_offset = batch_last_offset(&at->b),
		.max_timestamp = batch_max_timestamp(&at->b), .leader_epoch = batch_leader_epoch(&at->b) };
}

/* Where the index says to begin, and the largest last offset that the batch there may have. */
struct begin {
	int64_t position;
	int64_t last_offset_max;
};

static int begin_at(const struct segment_view *v, int64_t offset, bool wait, struct begin *out)
{
	struct index_entry e;
	int rc = index_floor(&v->offsets, v->index_fd, wait, offset - v->base, &e);
	if (rc < 0 && rc != -EBADMSG)
		return rc;
	*out = (struct begin){ .position = 0, .last_offset_max = INT64_MAX };
	if (rc == 1 && e.value >= 0 && e.value < v->size)
		*out = (struct begin){ .position = e.value, .last_offset_max = v->base + e.key };
	return 0;
}

/* -EBADMSG also where the index points to what is not the batch that it names. */
static int find_from(const struct segment_view *v, const struct begin *begin, int64_t offset, bool wait,
	struct segment_found *out)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned at;
	int rc;
	scan_headers(&scan, v->files->log_fd, wait, begin->position, v->size, window);
	while ((rc = scan_next(&scan, &at)) == 1) {
		int64_t last = batch_last_offset(&at.b);
		if (at.position == begin->position && last > begin->last_offset_max)
			return -EBADMSG;
		if (last >= offset) {
			tell(&at, out);
			return 1;
		}
		if (!wait && scan.reads > SEGMENT_READS_MAX)
			return -EAGAIN;
	}
	return rc;
}

int segment_find(const struct segment_view *v, int64_t offset, bool wait, struct segment_found *out)
{
	if (v->size == 0)
		return 0;
	if (!v->files)
		return -EAGAIN;
	struct begin begin;
	int rc = begin_at(v, offset, wait, &begin);
	if (rc)
		return rc;
	rc = find_from(v, &begin, offset, wait, out);
	if (rc != -EBADMSG || begin.position == 0)
		return rc;
	/* The log is what counts; an index may be damaged without harm but for time. */
	if (!wait)
		return -EAGAIN;
	log_warn(LOGGER, "The offset index %s/%020lld.index is wrong at offset %lld: reading the log instead",
		v->dir, (long long)v->base, (long long)offset);
	begin = (struct begin){ .position = 0, .last_offset_max = INT64_MAX };
	return find_from(v, &begin, offset, wait, out);
}

/* ---- by time ---- */

/* The first record of the batch that is late enough: 1, 0, -EBADMSG. */
static int find_record(const struct scanned *at, struct codecs *codecs, int64_t timestamp, int64_t from,
	struct segment_record *out)
{
	struct records records;
	struct record r;
	bool found = false;
	records_open(&records, &at->b, codecs, SEGMENT_INFLATED_MAX);
	while (!found && records_next(&records, &r))
		found = r.timestamp >= timestamp && r.offset >= from;
	if (found)
		*out = (struct segment_record){ .offset = r.offset, .timestamp = r.timestamp,
			.leader_epoch = batch_leader_epoch(&at->b) };
	bool broken = !found && records.error != KERR_NONE;
	records_close(&records);
	return broken ? -EBADMSG : found;
}

static int scan_for_time(struct scan *scan, struct codecs *codecs, int64_t timestamp, int64_t from,
	struct segment_record *out)
{
	struct scanned at;
	int rc;
	while ((rc = scan_next(scan, &at)) == 1) {
		if (batch_max_timestamp(&at.b) < timestamp || batch_last_offset(&at.b) < from)
			continue;
		rc = scan_whole(scan, &at);
		if (!rc)
			rc = find_record(&at, codecs, timestamp, from, out);
		if (rc)
			return rc;
	}
	return rc;
}

/* The offset from which on records may be late enough: all before the entry are at or before its time. */
static int64_t offset_before(const struct segment_view *v, int64_t timestamp)
{
	struct index_entry e;
	int fd = -1;
	if (v->times.stored > 0)
		fd = sys_open(path_of(v->dir, v->base, TIME_INDEX_SUFFIX).s, SYS_READ);
	int rc = index_floor(&v->times, fd, true, timestamp, &e);
	if (fd >= 0)
		sys_close(fd);
	return rc == 1 ? v->base + e.value : v->base;
}

int segment_find_time(const struct segment_view *v, int64_t timestamp, int64_t from,
	struct segment_record *out)
{
	must(v->files != NULL);
	struct begin begin;
	int rc = begin_at(v, max_of(offset_before(v, timestamp), from), true, &begin);
	if (rc)
		return rc;
	struct codecs *codecs = codecs_new();
	struct scan scan;
	scan_open(&scan, v->files->log_fd, begin.position, v->size);
	rc = scan_for_time(&scan, codecs, timestamp, from, out);
	scan_close(&scan);
	codecs_free(&codecs);
	return rc;
}
