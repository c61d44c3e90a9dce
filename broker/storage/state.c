/* state.c - producer state on disk: snapshots, and reading it anew from the log (see log_priv.h). */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/storage/scan.h"

#include <errno.h>

#define LOGGER "kafka.log.ProducerStateManager"

int state_note(struct segment *s, const char *dir, struct producers *ps, const struct batch *b)
{
	struct producer_marker marker;
	struct producer_ended ended;
	bool is_marker = batch_is_control(b) && producer_marker_of(b, &marker);
	producers_append(ps, b, is_marker ? &marker : NULL, &ended);
	if (!s || !ended.aborted)
		return 0;
	struct aborted_txn txn = { .producer_id = ended.producer_id, .first_offset = ended.first_offset,
		.last_offset = ended.last_offset, .last_stable_offset = ended.last_stable_offset };
	return txn_index_append(&s->aborted, path_of(dir, s->base, TXN_INDEX_SUFFIX).s, &txn);
}

int state_snapshot(struct log *log, const struct producers *ps)
{
	if (ps->end <= max_of(log->snapshot_offset, log->start))
		return 0;
	size_t n;
	uint8_t *bytes = producers_snapshot(ps, &n);
	int error = file_write(path_of(log->dir, ps->end, SNAPSHOT_SUFFIX).s, bytes, n);
	free(bytes);
	if (!error)
		log->snapshot_offset = ps->end;
	return error;
}

/* ---- what snapshots there are ---- */

struct offsets {
	int64_t *v;
	size_t n, room;
};

static int add_snapshot(void *arg, const char *name, bool is_dir)
{
	struct offsets *list = arg;
	int64_t offset;
	const char *suffix;
	if (is_dir || !path_split(name, &offset, &suffix) || strcmp(suffix, SNAPSHOT_SUFFIX) != 0)
		return 0;
	if (list->n == list->room) {
		list->room = list->room ? list->room * 2 : 8;
		list->v = mem_realloc(list->v, list->room * sizeof *list->v);
	}
	list->v[list->n++] = offset;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return order_of(*y, *x);
}

/* Newest first; the caller frees list->v. */
static int list_snapshots(const struct log *log, struct offsets *list)
{
	*list = (struct offsets){ 0 };
	int error = sys_list_dir(log->dir, add_snapshot, list);
	order_sort(list->v, list->n, sizeof *list->v, newest_first);
	return error;
}

/* Snapshots belong to segment bases; only the newest may stand at a clean end. */
static bool belongs(const struct log *log, int64_t offset)
{
	uint32_t i = log_segment_at(log, offset);
	bool is_base = i < log->n_segments && log->segments[i]->base == offset;
	return is_base || (log->snapshot_offset < 0 && offset >= log_active(log)->base);
}

int state_drop_above(struct log *log, int64_t offset)
{
	struct offsets list;
	int error = list_snapshots(log, &list);
	for (size_t i = 0; i < list.n && !error && list.v[i] > offset; i++)
		error = file_remove(path_of(log->dir, list.v[i], SNAPSHOT_SUFFIX).s);
	free(list.v);
	log->snapshot_offset = min_of(log->snapshot_offset, offset);
	return error;
}

int state_sweep(struct log *log, int64_t start, int64_t end)
{
	struct offsets list;
	int error = list_snapshots(log, &list);
	log->snapshot_offset = -1;
	for (size_t i = 0; i < list.n && !error; i++) {
		int64_t offset = list.v[i];
		if (offset <= end && offset > start && belongs(log, offset))
			log->snapshot_offset = max_of(log->snapshot_offset, offset);
		else
			error = file_remove(path_of(log->dir, offset, SNAPSHOT_SUFFIX).s);
	}
	free(list.v);
	return error;
}

/* ---- reading it anew ---- */

/* 1: taken; 0: damaged, and removed. */
static int take_snapshot(struct log *log, struct producers *ps, int64_t offset, int64_t now_ms)
{
	struct path path = path_of(log->dir, offset, SNAPSHOT_SUFFIX);
	char *bytes;
	size_t n;
	int error = file_read(path.s, SNAPSHOT_BYTES_MAX, &bytes, &n);
	if (error)
		return error;
	error = producers_restore(ps, (const uint8_t *)bytes, n, now_ms, log->producer_expiration_ms);
	free(bytes);
	if (!error) {
		ps->end = offset;
		return 1;
	}
	log_warn(LOGGER, "[ProducerStateManager partition=%s] The snapshot %s is damaged and is removed",
		log_name(log), path.s);
	return min_of(file_remove(path.s), 0);
}

int state_restore(struct log *log, struct producers *ps, int64_t start, int64_t end, int64_t now_ms)
{
	struct offsets list;
	int rc = list_snapshots(log, &list);
	ps->end = start;
	log->snapshot_offset = -1;
	for (size_t i = 0; i < list.n && rc == 0; i++)
		if (list.v[i] <= end && list.v[i] > start)
			rc = take_snapshot(log, ps, list.v[i], now_ms);
	free(list.v);
	if (rc == 1)
		log->snapshot_offset = ps->end;
	return min_of(rc, 0);
}

/* From where in the segment batches matter. */
static int find_position(struct segment *s, const char *dir, int64_t offset, int64_t *position)
{
	struct segment_view v = segment_view_keep(s, dir);
	struct segment_found found;
	int rc = segment_view_open(&v);
	if (!rc)
		rc = segment_find(&v, offset, true, &found);
	segment_view_drop(&v);
	*position = rc == 1 ? found.position : s->size;
	return min_of(rc, 0);
}

static int replay_segment(struct segment *s, const char *dir, struct producers *ps, int64_t end)
{
	int64_t position = 0;
	bool was_open = s->files != NULL;
	int rc = segment_open(s, dir);
	if (!rc && ps->end > s->base)
		rc = find_position(s, dir, ps->end, &position);
	if (rc)
		return rc;
	struct scan scan;
	struct scanned at;
	scan_open(&scan, s->files->log_fd, position, s->size);
	while ((rc = scan_next(&scan, &at)) == 1 && batch_base_offset(&at.b) < end) {
		if (batch_is_control(&at.b))
			rc = scan_whole(&scan, &at);
		if (rc >= 0)
			rc = state_note(NULL, dir, ps, &at.b);
		if (rc < 0)
			break;
	}
	scan_close(&scan);
	if (!was_open)
		segment_close(s);
	return rc == -EBADMSG ? 0 : min_of(rc, 0);
}

int state_replay(struct log *log, struct producers *ps, int64_t end)
{
	int error = 0;
	for (uint32_t i = 0; i < log->n_segments && !error && ps->end < end; i++) {
		struct segment *s = log->segments[i];
		if (log_segment_end(log, i) <= ps->end || s->base >= end)
			continue;
		if (ps->end <= s->base) {
			ps->end = s->base;
			/* What is asked for most after a truncation. */
			if (i + 2 >= log->n_segments && s->base > 0)
				error = state_snapshot(log, ps);
		}
		if (!error)
			error = replay_segment(s, log->dir, ps, end);
	}
	ps->end = end;
	return error;
}

int state_rebuild(struct log *log, struct producers *ps, int64_t start, int64_t end, int64_t now_ms)
{
	int error = state_sweep(log, start, end);
	if (!error)
		error = state_restore(log, ps, start, end, now_ms);
	if (!error)
		error = state_replay(log, ps, end);
	return error ? error : state_snapshot(log, ps);
}

/* ---- what snapshots leave out ---- */

/* A producer has at most five batches under way: what does not lie here was answered long ago, or is
 * large. */
enum { RECALL_BYTES = 1 << 20 };

static int recall_segment(struct log *log, uint32_t i, int64_t skip, struct producers *seen)
{
	struct segment *s = log->segments[i];
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned at;
	struct producer_ended ended;
	int64_t position = 0, offsets = log_segment_end(log, i) - s->base;
	bool was_open = s->files != NULL;
	int rc = segment_open(s, log->dir);
	if (!rc && skip > 0) /* about there */
		rc = find_position(s, log->dir,
			s->base + (int64_t)((double)offsets * (double)skip / (double)s->size), &position);
	if (rc)
		return rc;
	scan_headers(&scan, s->files->log_fd, true, position, s->size, window);
	while ((rc = scan_next(&scan, &at)) == 1)
		if (batch_has_producer_id(&at.b) && !batch_is_control(&at.b))
			producers_append(seen, &at.b, NULL, &ended);
	if (!was_open)
		segment_close(s);
	return rc == -EBADMSG ? 0 : rc;
}

int state_recall(struct log *log, struct producers *ps)
{
	uint32_t i = log->n_segments;
	int64_t bytes = 0;
	int error = 0;
	if (ps->count == 0)
		return 0;
	struct producers *seen = producers_new();
	while (i > 0 && bytes < RECALL_BYTES)
		bytes += log->segments[--i]->size;
	for (; i < log->n_segments && !error; i++) {
		error = recall_segment(log, i, max_of(bytes - RECALL_BYTES, (int64_t)0), seen);
		bytes = 0;
	}
	if (!error)
		producers_recall(ps, seen);
	producers_free(&seen);
	return error;
}
