/* recover.c - the scan of a segment, and the cut where it ends (see recover.h).
 *
 * A torn tail is what a crash leaves: the last write in part, zeros, or pages that never came to disk, and
 * nothing good behind. It is cut, as Kafka does. Where good batches follow, bytes were damaged that had
 * been written: Kafka cuts there too and loses what follows. We cut as well, for a log must not have a
 * hole that nobody knows of, but keep the bytes aside and tell, so that the replica can be fetched anew
 * from one that is whole, and nothing is gone if there is none.
 */
#include "broker/storage/recover.h"

#include "broker/base/bytes.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/storage/scan.h"

#include <errno.h>

#define LOGGER "kafka.log.LogLoader"

enum {
	SEARCH_BYTES = 256 * 1024,
	PROGRESS_BYTES = 64 << 20, /* between two reports */
};

/* ---- the scan ---- */

/* NULL, or why the batch cannot stand here. */
static const char *fault(const struct recovery *r, const struct segment *s, const struct batch *b)
{
	if (r->verify && !batch_crc_is_good(b))
		return "its CRC does not match";
	if (batch_last_offset(b) <= r->last_offset)
		return "its offset is not above that of the batch before";
	if (batch_base_offset(b) > batch_last_offset(b) || batch_last_offset(b) < s->base)
		return "its offset is not one of this segment";
	return NULL;
}

/* Whether a good batch is too far from the segment's base for its indexes: what brokers before 1.1 have left
 * (KAFKA-6264). The segment is to be split before it. */
static bool overflows(const struct recovery *r, const struct segment *s, const struct batch *b)
{
	return !segment_fits_offset(s, batch_last_offset(b)) && batch_crc_is_good(b) &&
		batch_last_offset(b) < log_segment_limit(r->log, log_segment_at(r->log, s->base));
}

static int take_batch(struct recovery *r, struct segment *s, const struct scanned *at)
{
	const char *dir = r->log->dir;
	int error = segment_note(s, dir, &at->b, at->position, r->log->config->index_interval_bytes);
	if (error)
		return error;
	int32_t epoch = batch_leader_epoch(&at->b);
	if (epoch >= 0 && epoch > epochs_latest(&r->log->epochs))
		epochs_assign(&r->log->epochs, epoch, batch_base_offset(&at->b));
	r->last_offset = batch_last_offset(&at->b);
	return state_note(s, dir, r->producers, &at->b);
}

static void report(struct recovery *r, uint64_t before, uint64_t n)
{
	struct log_open *op = r->op;
	op->repair.bytes_scanned = before + n;
	if (op->progress && op->repair.bytes_scanned / PROGRESS_BYTES != before / PROGRESS_BYTES)
		op->progress(op->progress_arg, op->dir, op->repair.bytes_scanned, r->bytes_all);
}

/* Takes batches as long as they are good: 1 a bad one (`why`), 0 the end, or negative errno. *position:
 * behind the last good one. r->split_at: it has ended at a
 * good one that needs a segment of its own. */
static int scan_good(struct recovery *r, struct segment *s, struct scan *scan, int64_t *position,
	const char **why)
{
	struct scanned at;
	int rc;
	*position = 0;
	while ((rc = scan_next(scan, &at)) == 1) {
		bool fits = segment_fits_offset(s, batch_last_offset(&at.b));
		if (r->verify || batch_is_control(&at.b) || !fits)
			rc = scan_whole(scan, &at);
		if (rc < 0)
			return rc;
		*why = fault(r, s, &at.b);
		if (!*why && overflows(r, s, &at.b)) {
			r->split_at = segment_base_for(&at.b, r->last_offset);
			return 0;
		}
		if (!*why && !fits)
			*why = "its offset is not one of this segment";
		if (*why)
			return 1;
		rc = take_batch(r, s, &at);
		if (rc < 0)
			return rc;
		report(r, r->op->repair.bytes_scanned, at.b.n);
		*position = scan->position;
	}
	*why = rc == -EBADMSG ? scan->why : "it is not whole";
	return rc == -EBADMSG ? 1 : rc;
}

static int cut(struct recovery *r, uint32_t i, int64_t position, const char *why);
static int copy_cleaned(const struct segment *s, const char *dir, int64_t base, int64_t from, int64_t to)
{
	struct path path = path_of(dir, base, LOG_SUFFIX), cleaned = path_plus(&path, CLEANED_SUFFIX);
	int error = file_copy_part(s->files->log_fd, cleaned.s, from, to);
	return error ? error : sys_set_mtime(cleaned.s, s->mtime_ms);
}

/* The row has one more segment: what lies from `position` on. Both become files of their own, so that a crash
 * leaves the old one or the two; the open one has lost its name. */
static int split(struct recovery *r, struct segment *s, int64_t position)
{
	struct log *log = r->log;
	int64_t base = r->split_at;
	log_warn(LOGGER, "Segment %lld of %s has offsets that its index cannot hold: splitting it at %lld",
		(long long)s->base, log_name(log), (long long)base);
	int error = copy_cleaned(s, log->dir, s->base, 0, position);
	if (!error)
		error = copy_cleaned(s, log->dir, base, position, s->size);
	if (!error)
		error = segment_rename(log->dir, base, CLEANED_SUFFIX, SWAP_SUFFIX);
	if (!error)
		error = segment_rename(log->dir, s->base, CLEANED_SUFFIX, SWAP_SUFFIX);
	if (!error)
		error = sys_sync_dir(log->dir);
	if (!error)
		error = segment_rename(log->dir, s->base, SWAP_SUFFIX, "");
	if (!error)
		error = segment_rename(log->dir, base, SWAP_SUFFIX, "");
	if (error)
		return error;
	struct segment *rest = segment_new(base, r->op->now_ms);
	rest->size = s->size - position;
	rest->mtime_ms = s->mtime_ms;
	log_replace_segments(log, log_segment_at(log, s->base) + 1, 0, &rest, 1);
	s->size = position;
	segment_close(s);
	return sys_sync_dir(log->dir);
}

int recover_segment(struct recovery *r, struct segment *s)
{
	struct scan scan;
	const char *why;
	int64_t position;
	r->split_at = -1;
	int rc = segment_open(s, r->log->dir);
	if (!rc)
		rc = segment_reset_indexes(s, r->log->dir);
	if (rc)
		return rc;
	r->op->repair.segments_scanned++;
	scan_open(&scan, s->files->log_fd, 0, s->size);
	rc = scan_good(r, s, &scan, &position, &why);
	scan_close(&scan);
	if (rc == 0 && r->split_at >= 0)
		rc = split(r, s, position);
	r->cut = rc >= 0 && position < s->size;
	if (r->cut)
		rc = cut(r, log_segment_at(r->log, s->base), position, why);
	if (rc >= 0)
		rc = segment_seal(s, r->log->dir);
	segment_close(s);
	return rc;
}

/* ---- torn or damaged ---- */

/* What may be a batch, seen from its first 17 bytes. */
static bool is_likely(const uint8_t *p, int64_t left, int64_t offset)
{
	uint32_t length = get_be32(p + BATCH_LENGTH_AT);
	if (length < BATCH_LENGTH_MIN || (int64_t)length + BATCH_OVERHEAD_BYTES > left)
		return false;
	if (p[BATCH_MAGIC_AT] > 2)
		return false;
	int64_t base = (int64_t)get_be64(p);
	return base >= offset && base - offset <= INT32_MAX;
}

/* Follows good batches from `position` on; 1 when there was one. */
static int follow_good(int fd, int64_t position, int64_t size, int64_t *end_offset)
{
	struct scan scan;
	struct scanned at;
	int rc, found = 0;
	scan_open(&scan, fd, position, size);
	while ((rc = scan_next(&scan, &at)) == 1) {
		rc = scan_whole(&scan, &at);
		if (rc < 0 || !batch_crc_is_good(&at.b))
			break;
		*end_offset = batch_last_offset(&at.b) + 1;
		found = 1;
	}
	scan_close(&scan);
	return rc < 0 && rc != -EBADMSG ? rc : found;
}

/* Whether a whole, good batch begins anywhere in [from, size) with an offset in [offset, offset + 2^31): 1
 * and where the good ones end, 0, or negative errno. */
static int find_good(int fd, int64_t from, int64_t size, int64_t offset, int64_t *end_offset)
{
	uint8_t *window = mem_alloc(SEARCH_BYTES);
	int rc = 0;
	while (rc == 0 && size - from >= BATCH_PEEK_BYTES) {
		ssize_t n = sys_pread(fd, window, (size_t)min_of(size - from, (int64_t)SEARCH_BYTES), from);
		if (n < BATCH_PEEK_BYTES) {
			rc = (int)min_of(n, 0);
			break;
		}
		int64_t places = n - BATCH_PEEK_BYTES + 1;
		for (int64_t i = 0; i < places && rc == 0; i++)
			if (is_likely(window + i, size - from - i, offset))
				rc = follow_good(fd, from + i, size, end_offset);
		from += places;
	}
	free(window);
	return rc;
}

/* Whether a segment behind the cut begins with good batches. */
static int later_good(struct recovery *r, uint32_t i, int64_t *end_offset)
{
	struct log *log = r->log;
	int found = 0, rc = 0;
	for (uint32_t k = i + 1; k < log->n_segments && rc >= 0; k++) {
		struct segment *s = log->segments[k];
		rc = segment_open(s, log->dir);
		if (!rc)
			rc = follow_good(s->files->log_fd, 0, s->size, end_offset);
		segment_close(s);
		found |= rc == 1;
	}
	return rc < 0 ? rc : found;
}

/* Copies the bytes behind the cut into <offset>.log.corrupt. */
static int keep_aside(struct recovery *r, const struct segment *s, int64_t position, int64_t offset)
{
	struct path log_path = path_of(r->log->dir, offset, LOG_SUFFIX);
	struct path path = path_plus(&log_path, CORRUPT_SUFFIX);
	return file_copy_part(s->files->log_fd, path.s, position, s->size);
}

static int drop_later(struct recovery *r, uint32_t i, bool keep)
{
	struct log *log = r->log;
	int error = 0;
	while (log->n_segments > i + 1 && !error) {
		struct segment *s = log_active(log);
		struct path path = path_of(log->dir, s->base, LOG_SUFFIX);
		if (keep && s->size > 0)
			error = sys_rename(path.s, path_plus(&path, CORRUPT_SUFFIX).s);
		if (!error)
			error = segment_unlink(log->dir, s->base);
		r->op->repair.segments_dropped++;
		r->op->repair.bytes_cut += (uint64_t)s->size;
		log_forget_segments(log, log->n_segments - 1, 1);
		segment_free(&s);
	}
	return error ? error : sys_sync_dir(log->dir);
}

static int tell_damage(struct recovery *r, const struct segment *s, int64_t position, const char *why)
{
	const struct log_repair *repair = &r->op->repair;
	log_error(LOGGER, "Corruption found in segment %020lld of %s at byte %lld (%s), although good "
		"batches follow: truncating to offset %lld", (long long)s->base, log_name(r->log),
		(long long)position, why, (long long)repair->damaged_from);
	log_error(LOGGER, "The offsets %lld to %lld of %s are kept in *.corrupt files of its directory; "
		"they should be fetched again from another replica", (long long)repair->damaged_from,
		(long long)repair->damaged_to - 1, log_name(r->log));
	return keep_aside(r, s, position, repair->damaged_from);
}

/* The bytes from `position` on are no whole batch. Whether valid batches follow, in this segment or in a
 * later one (index `i` + 1 and on), tells damage from a torn tail; damaged bytes are kept aside. Cuts
 * `segments[i]` and removes the later ones. */
static int cut(struct recovery *r, uint32_t i, int64_t position, const char *why)
{
	struct segment *s = r->log->segments[i];
	struct log_repair *repair = &r->op->repair;
	int64_t offset = max_of(r->last_offset + 1, s->base), end = offset;
	int found = find_good(s->files->log_fd, position + 1, s->size, offset, &end);
	int later = found < 0 ? found : r->alone ? 0 : later_good(r, i, &end);
	if (later < 0)
		return later;
	int error = 0;
	if (found || later) {
		repair->damaged = true;
		repair->damaged_from = offset;
		repair->damaged_to = end;
		error = tell_damage(r, s, position, why);
	} else {
		log_warn(LOGGER, "Found a torn tail in segment %020lld of %s at byte %lld (%s): "
			"truncating to offset %lld", (long long)s->base, log_name(r->log),
			(long long)position, why, (long long)offset);
	}
	repair->bytes_cut += (uint64_t)(s->size - position);
	if (!error)
		error = sys_truncate(s->files->log_fd, position);
	s->size = position;
	return error || r->alone ? error : drop_later(r, i, found || later);
}

/* ---- after a clean end ---- */

int recover_read_end(struct segment *s, const char *dir, int64_t *end)
{
	*end = s->base;
	if (s->size == 0)
		return 0;
	int rc = segment_open(s, dir);
	if (rc)
		return rc;
	int64_t from = 0, expected = -1;
	if (index_entries(&s->offsets) > 0) {
		from = s->offsets.last.value;
		expected = s->base + s->offsets.last.key;
	}
	if (from < 0 || from >= s->size)
		return -EBADMSG;
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned at;
	scan_headers(&scan, s->files->log_fd, true, from, s->size, window);
	while ((rc = scan_next(&scan, &at)) == 1) {
		*end = batch_last_offset(&at.b) + 1;
		if (at.position == from && expected >= 0 && *end - 1 > expected)
			return -EBADMSG;
	}
	if (rc == 0 && (scan.position != s->size || !segment_fits_offset(s, *end - 1)))
		rc = -EBADMSG;
	return rc;
}
