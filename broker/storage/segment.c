/* segment.c - see segment.h: life and files of a segment. Look-ups are in segment_find.c. */
#include "broker/storage/segment.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"
#include "broker/storage/scan.h"

#include <errno.h>

/* What belongs to a segment. .log comes first where files are removed: indexes without it are swept up at
 * load. */
static const char *const suffixes[] = {
	LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, SNAPSHOT_SUFFIX,
};
enum { OWN_FILES = countof(suffixes) - 1 }; /* the snapshot tells of what is before the segment */

struct segment *segment_new(int64_t base, int64_t now_ms)
{
	must(base >= 0);
	struct segment *s;
	ALLOC_OBJ(s, SEGMENT_MAGIC);
	s->base = base;
	index_init(&s->offsets, INDEX_OFFSET_BYTES);
	index_init(&s->times, INDEX_TIME_BYTES);
	s->max_timestamp = s->max_timestamp_offset = s->first_timestamp = -1;
	s->created_ms = s->mtime_ms = now_ms;
	return s;
}

void segment_free(struct segment **s_p)
{
	struct segment *s;
	TAKE_OBJ_NOTNULL(s, s_p, SEGMENT_MAGIC);
	segment_close(s);
	index_free(&s->offsets);
	index_free(&s->times);
	txn_index_free(&s->aborted);
	FREE_OBJ(s);
}

/* Where a file of it is now. */
static struct path file_of(const struct segment *s, const char *dir, const char *suffix)
{
	struct path path = path_of(dir, s->base, suffix);
	return s->cleaned ? path_plus(&path, CLEANED_SUFFIX) : path;
}

/* ---- open files ---- */

static void drop_files(struct hold *hold)
{
	struct segment_files *f = container_of(hold, struct segment_files, hold);
	CHECK_OBJ(f, SEGMENT_FILES_MAGIC);
	sys_close(f->log_fd);
	if (f->index_fd >= 0)
		sys_close(f->index_fd);
	FREE_OBJ(f);
}

static struct segment_files *new_files(int log_fd)
{
	must(log_fd >= 0);
	struct segment_files *f;
	ALLOC_OBJ(f, SEGMENT_FILES_MAGIC);
	atomic_init(&f->hold.count, 1);
	f->hold.drop = drop_files;
	f->log_fd = log_fd;
	f->index_fd = -1;
	return f;
}

/* segment.ms counts from the first batch. */
static int read_first_timestamp(struct segment *s)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned first;
	scan_headers(&scan, s->files->log_fd, true, 0, s->size, window);
	int rc = scan_next(&scan, &first);
	if (rc == 1)
		s->first_timestamp = batch_max_timestamp(&first.b);
	return rc == -EBADMSG ? 0 : min_of(rc, 0);
}

int segment_open(struct segment *s, const char *dir)
{
	CHECK_OBJ_NOTNULL(s, SEGMENT_MAGIC);
	s->used = true;
	if (s->files)
		return 0;
	int fd = sys_open(path_of(dir, s->base, LOG_SUFFIX).s, SYS_READ | SYS_WRITE);
	if (fd < 0)
		return fd;
	s->files = new_files(fd);
	return s->size > 0 && s->first_timestamp < 0 ? read_first_timestamp(s) : 0;
}

void segment_close(struct segment *s)
{
	CHECK_OBJ_NOTNULL(s, SEGMENT_MAGIC);
	if (s->files)
		hold_put(&s->files->hold);
	s->files = NULL;
}

int segment_view_open(struct segment_view *v)
{
	if (!v->files) {
		int fd = sys_open(path_of(v->dir, v->base, LOG_SUFFIX).s, SYS_READ | SYS_WRITE);
		if (fd < 0)
			return fd;
		v->files = new_files(fd);
	}
	if (v->index_fd >= 0 || v->offsets.stored == 0)
		return 0;
	int fd = sys_open(path_of(v->dir, v->base, INDEX_SUFFIX).s, SYS_READ);
	if (fd == -ENOENT)
		v->offsets.stored = 0; /* slower, not wrong */
	else if (fd < 0)
		return fd;
	else
		v->index_fd = fd;
	return 0;
}

/* ---- load, make, end ---- */

int segment_create(struct segment *s, const char *dir, int64_t preallocate)
{
	must(s->size == 0 && !s->files);
	int fd = sys_open(file_of(s, dir, LOG_SUFFIX).s,
		SYS_READ | SYS_WRITE | SYS_CREATE | SYS_TRUNCATE);
	if (fd < 0)
		return fd;
	s->files = new_files(fd);
	int error = preallocate > 0 ? sys_preallocate(fd, preallocate) : 0;
	s->allotted = preallocate > 0;
	/* Kafka takes a segment without .index for a damaged one. */
	return error ? error : segment_reset_indexes(s, dir);
}

int segment_load(struct segment *s, const char *dir)
{
	struct sys_stat st;
	int error = sys_stat(file_of(s, dir, LOG_SUFFIX).s, &st);
	if (error)
		return error;
	if (st.size > INT32_MAX) /* positions of the index end there */
		return -EFBIG;
	s->size = st.size;
	s->mtime_ms = st.mtime_ms;
	error = index_load(&s->times, file_of(s, dir, TIME_INDEX_SUFFIX).s);
	if (error && error != -ENOENT)
		return error;
	if (index_entries(&s->times) > 0) {
		s->max_timestamp = s->times.last.key;
		s->max_timestamp_offset = s->base + s->times.last.value;
	}
	error = index_load(&s->offsets, file_of(s, dir, INDEX_SUFFIX).s);
	if (error)
		return error == -ENOENT ? -EBADMSG : error;
	return txn_index_load(&s->aborted, file_of(s, dir, TXN_INDEX_SUFFIX).s, s->base);
}

int segment_reset_indexes(struct segment *s, const char *dir)
{
	s->max_timestamp = s->max_timestamp_offset = s->first_timestamp = -1;
	s->since_entry = 0;
	int error = index_reset(&s->offsets, file_of(s, dir, INDEX_SUFFIX).s);
	if (!error)
		error = index_reset(&s->times, file_of(s, dir, TIME_INDEX_SUFFIX).s);
	if (!error)
		error = txn_index_reset(&s->aborted, file_of(s, dir, TXN_INDEX_SUFFIX).s);
	return error;
}

static bool is_new_time(const struct segment *s)
{
	return s->max_timestamp >= 0 &&
		(index_entries(&s->times) == 0 || s->max_timestamp > s->times.last.key);
}

static int push_time(struct segment *s, const char *dir)
{
	if (!is_new_time(s))
		return 0;
	index_push(&s->times, (struct index_entry){ .key = s->max_timestamp,
		.value = (int32_t)(s->max_timestamp_offset - s->base) });
	if (!index_tail_full(&s->times))
		return 0;
	return index_append_tail(&s->times, file_of(s, dir, TIME_INDEX_SUFFIX).s);
}

static int push_offset(struct segment *s, const char *dir, int64_t last_offset, int64_t position)
{
	struct index_entry e = { .key = last_offset - s->base, .value = (int32_t)position };
	index_push(&s->offsets, e);
	if (!index_tail_full(&s->offsets))
		return 0;
	return index_append_tail(&s->offsets, file_of(s, dir, INDEX_SUFFIX).s);
}

int segment_seal(struct segment *s, const char *dir)
{
	CHECK_OBJ_NOTNULL(s, SEGMENT_MAGIC);
	int error = push_time(s, dir);
	if (!error)
		error = index_store(&s->times, file_of(s, dir, TIME_INDEX_SUFFIX).s);
	if (!error)
		error = index_store(&s->offsets, file_of(s, dir, INDEX_SUFFIX).s);
	if (!error && s->allotted && s->files)
		error = sys_truncate(s->files->log_fd, s->size);
	s->allotted = false;
	return error;
}

int segment_sync(const char *dir, int64_t base, int log_fd)
{
	int error = log_fd >= 0 ? sys_sync(log_fd) : 0;
	for (size_t i = log_fd >= 0; i < countof(suffixes) && !error; i++)
		error = file_sync(path_of(dir, base, suffixes[i]).s);
	return error;
}

/* ---- truncate, delete ---- */

/* What the time index does not know stands behind its last entry. */
static int scan_max_timestamp(struct segment *s, int64_t from)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned found;
	int rc;
	scan_headers(&scan, s->files->log_fd, true, from, s->size, window);
	while ((rc = scan_next(&scan, &found)) == 1)
		if (batch_max_timestamp(&found.b) > s->max_timestamp) {
			s->max_timestamp = batch_max_timestamp(&found.b);
			s->max_timestamp_offset = batch_last_offset(&found.b);
		}
	return rc == -EBADMSG ? 0 : rc;
}

static int find_max_timestamp(struct segment *s, const char *dir)
{
	struct index_entry at = { 0 };
	bool known = index_entries(&s->times) > 0;
	s->max_timestamp = known ? s->times.last.key : -1;
	s->max_timestamp_offset = known ? s->base + s->times.last.value : -1;
	struct segment_view v = segment_view_keep(s, dir);
	int rc = segment_view_open(&v);
	if (!rc && known)
		rc = index_floor(&v.offsets, v.index_fd, true, s->times.last.value, &at);
	segment_view_drop(&v);
	return rc < 0 ? rc : scan_max_timestamp(s, rc == 1 ? at.value : 0);
}

static int truncate_indexes(struct segment *s, const char *dir, int64_t offset)
{
	int64_t relative = max_of(offset - s->base, 0);
	int error = index_truncate(&s->offsets, file_of(s, dir, INDEX_SUFFIX).s, relative);
	if (!error)
		error = index_truncate(&s->times, file_of(s, dir, TIME_INDEX_SUFFIX).s, relative);
	if (!error)
		error = txn_index_truncate(&s->aborted, file_of(s, dir, TXN_INDEX_SUFFIX).s, offset);
	s->since_entry = 0;
	return error;
}

int segment_truncate(struct segment *s, const char *dir, int64_t offset)
{
	int error = segment_open(s, dir);
	if (error)
		return error;
	struct segment_view v = segment_view_keep(s, dir);
	struct segment_found found;
	error = segment_view_open(&v);
	int rc = error ? error : segment_find(&v, offset, true, &found);
	segment_view_drop(&v);
	if (rc <= 0)
		return rc;
	error = sys_truncate(s->files->log_fd, found.position);
	if (error)
		return error;
	s->size = found.position;
	s->allotted = false;
	if (s->size == 0)
		s->first_timestamp = -1;
	error = truncate_indexes(s, dir, offset);
	return error ? error : find_max_timestamp(s, dir);
}

int segment_sync_cleaned(const struct segment *s, const char *dir)
{
	must(s->cleaned && s->files);
	int error = sys_sync(s->files->log_fd);
	for (size_t i = 1; i < OWN_FILES && !error; i++)
		error = file_sync(file_of(s, dir, suffixes[i]).s);
	return error;
}

/* The first `sure` of the suffixes must be there. */
static int rename_files(const char *dir, int64_t base, size_t n, size_t sure, const char *from,
	const char *to)
{
	for (size_t i = 0; i < n; i++) {
		struct path path = path_of(dir, base, suffixes[i]);
		int error = sys_rename(path_plus(&path, from).s, path_plus(&path, to).s);
		if (error && (error != -ENOENT || i < sure))
			return error;
	}
	return 0;
}

int segment_rename(const char *dir, int64_t base, const char *from, const char *to)
{
	return rename_files(dir, base, OWN_FILES, 1, from, to);
}

int segment_remove(const char *dir, int64_t base, const char *extra)
{
	int first = 0;
	for (size_t i = 0; i < OWN_FILES; i++) {
		struct path path = path_of(dir, base, suffixes[i]);
		int error = file_remove(path_plus(&path, extra).s);
		first = first ? first : error;
	}
	return first;
}

int segment_mark_deleted(const char *dir, int64_t base)
{
	return rename_files(dir, base, countof(suffixes), 0, "", DELETED_SUFFIX);
}

int segment_unlink_deleted(const char *dir, int64_t base)
{
	int first = 0;
	for (size_t i = 0; i < countof(suffixes); i++) {
		struct path path = path_of(dir, base, suffixes[i]);
		int error = file_remove(path_plus(&path, DELETED_SUFFIX).s);
		first = first ? first : error;
	}
	return first;
}

int segment_unlink(const char *dir, int64_t base)
{
	int first = 0;
	for (size_t i = 0; i < countof(suffixes); i++) {
		int error = file_remove(path_of(dir, base, suffixes[i]).s);
		first = first ? first : error;
	}
	return first;
}

/* ---- append ---- */

bool segment_indexes_full(const struct segment *s, int64_t index_bytes)
{
	/* One place in the time index is kept for the last entry of a segment. */
	return index_entries(&s->offsets) >= index_bytes / INDEX_OFFSET_BYTES ||
		index_entries(&s->times) >= index_bytes / INDEX_TIME_BYTES - 1;
}

bool segment_fits_offset(const struct segment *s, int64_t last_offset)
{
	return last_offset >= s->base && last_offset - s->base <= INT32_MAX;
}

int64_t segment_base_for(const struct batch *b, int64_t last)
{
	/* A message set of magic 0 or 1 does not tell where it begins. */
	int64_t base = batch_is_legacy(b) ? batch_last_offset(b) - INT32_MAX : batch_base_offset(b);
	return max_of(base, last + 1);
}

int segment_note(struct segment *s, const char *dir, const struct batch *b, int64_t position,
	int64_t index_interval_bytes)
{
	CHECK_OBJ_NOTNULL(s, SEGMENT_MAGIC);
	int64_t timestamp = batch_max_timestamp(b), last_offset = batch_last_offset(b);
	must(segment_fits_offset(s, last_offset));
	int error = 0;
	if (position == 0)
		s->first_timestamp = timestamp;
	if (timestamp > s->max_timestamp) {
		s->max_timestamp = timestamp;
		s->max_timestamp_offset = last_offset;
	}
	if (s->since_entry > index_interval_bytes) {
		error = push_offset(s, dir, last_offset, position);
		if (!error)
			error = push_time(s, dir);
		s->since_entry = 0;
	}
	s->since_entry += b->n;
	return error;
}
