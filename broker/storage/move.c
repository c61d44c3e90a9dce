/* move.c - a log that comes to be in another directory and takes the place of the one it was copied from
 * (see log.h).
 *
 * While it is copied it has no reactor: whoever has it extends it, cuts it, flushes it, and may wait. At
 * last, on the home core of the old one, it gets what is missing, its own name, and all that waits there.
 * The rename is the moment of truth:
 *
 *	<topic>-<p>.<uuid>-future	the old log is the partition's
 *	<topic>-<p>			this one is
 *
 * A file LOG_MOVED_FILE in it says from its first byte on that it is a copy, so that between the rename and
 * the end of the old directory two of one name are no riddle for a broker that starts (3.9 refuses to start
 * then).
 */
#include "broker/storage/log_priv.h"

#include "broker/base/must.h"

#include <errno.h>
#include <stdlib.h>

int log_mark_moved(const char *dir)
{
	static const char text[] = "a copy of a replica that was moved between log directories\n";
	return file_replace(path_in(dir, LOG_MOVED_FILE).s, text, sizeof text - 1);
}

int log_unmark_moved(const char *dir)
{
	return file_remove(path_in(dir, LOG_MOVED_FILE).s);
}

bool log_is_marked_moved(const char *dir)
{
	struct sys_stat st;
	return sys_stat(path_in(dir, LOG_MOVED_FILE).s, &st) == 0;
}

/* ---- without a reactor ---- */

enum kerr log_extend(struct log *log, uint8_t *bytes, uint32_t n)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE && list_empty(&log->queue));
	if (log->error)
		return KERR_KAFKA_STORAGE_ERROR;
	struct log_append op = { .bytes = bytes, .n = n };
	uint32_t segments = log->n_segments;
	enum kerr error = log_place_row(log, &op);
	if (error)
		return error;
	list_push_back(&log->queue, &op.link);
	log_write_queue(log);
	list_remove(&op.link);
	/* Nobody closes the files of a log without a reactor when they are idle. */
	for (uint32_t i = segments - 1; i + 1 < log->n_segments; i++)
		segment_close(log->segments[i]);
	return log->error ? KERR_KAFKA_STORAGE_ERROR : KERR_NONE;
}

int log_skip_to(struct log *log, int64_t offset)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE && offset > log->end);
	if (log->start == log->end)
		return log_cut(log, offset, true);
	int error = log->error ? log->error : log_roll_to(log, offset);
	if (error) {
		log_fail(log, error, "rolling");
		return error;
	}
	log->end = log->next = offset;
	segment_close(log->segments[log->n_segments - 2]);
	return 0;
}

void log_follow_start(struct log *log, int64_t start)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	log_move_start(log, min_of(start, log->end));
}

/* ---- one takes the other's place ---- */

bool log_bytes_are_sound(const uint8_t *bytes, uint32_t n)
{
	struct batch_walk walk;
	struct batch b;
	batch_walk_init(&walk, slice_of(bytes, n));
	while (batch_next(&walk, &b))
		if (!batch_crc_is_good(&b))
			return false;
	return !walk.error;
}

/* What the future log lacks, from the page cache, where the old one has just written it. Damage is found by
 * who copies on when this is refused. */
static int catch_up(struct log *log, struct log *old)
{
	struct segment *s = log_active(old);
	struct segment_found at;
	if (log->end == old->end)
		return 0;
	if (log->end < s->base || log->end > old->end || !s->files)
		return -EAGAIN;
	struct segment_view view = segment_view(s, old->dir);
	int rc = segment_find(&view, log->end, false, &at);
	int64_t n = s->size - at.position;
	if (rc != 1 || n > LOG_TAKE_OVER_BYTES)
		return -EAGAIN;
	uint8_t *bytes = mem_alloc((size_t)n);
	if (sys_pread_cached(s->files->log_fd, bytes, (size_t)n, at.position) == n &&
		log_bytes_are_sound(bytes, (uint32_t)n))
		log_extend(log, bytes, (uint32_t)n);
	free(bytes);
	if (log->error)
		return log->error;
	return log->end == old->end ? 0 : -EAGAIN;
}

static int rename_to(struct log *log, const char *dir)
{
	int error = sys_rename(log->dir, dir);
	if (error)
		return error;
	free(log->dir);
	log->dir = mem_strdup(dir);
	/* The name is durable with the next flush: what is acknowledged as flushed waits for it. */
	log->dir_dirty = log->entry_dirty = true;
	return 0;
}

/* What is known of the past that batches do not tell: epochs without a record, producers whose records are
 * gone. */
static void inherit(struct log *log, struct log *old)
{
	struct epochs epochs = log->epochs;
	log->epochs = old->epochs;
	log->epochs.dirty = log->epochs.urgent = true;
	old->epochs = epochs;
	struct producers *producers = log->producers;
	log->producers = old->producers;
	old->producers = producers;
	log->topic_id = old->topic_id;
	log->topic_id_dirty = true;
	log->producer_expiration_ms = old->producer_expiration_ms;
	log->cleaned = old->cleaned;
	log->uncleanable = old->uncleanable;
	log->high_watermark = old->high_watermark;
	log_move_start(log, old->start);
	log_note_unstable(log);
}

int log_take_over(struct log *log, struct log *old, const char *dir)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	log_must_be_home(old);
	must(log->state == LOG_LOOSE);
	if (log->error)
		return log->error;
	if (log_refuses(old))
		return -EAGAIN;
	log_write_queue(old);
	if (old->error)
		return -EAGAIN;
	int error = catch_up(log, old);
	if (!error)
		error = rename_to(log, dir);
	if (error)
		return error;
	inherit(log, old);
	list_splice_back(&log->settled, &old->settled);
	list_splice_back(&log->unflushed, &old->unflushed);
	list_splice_back(&log->flush_waiters, &old->flush_waiters);
	log_want_flush(log, log->end);
	log_attach(log, old->home, old->owner);
	log_want_turn(log);
	log_watch_idle(log);
	return 0;
}
