/* open.c - a partition directory becomes a log (log_open in log.h). */
#include "broker/storage/recover.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/storage/scan.h"

#include <errno.h>

#define LOGGER "kafka.log.LogLoader"

/* ---- what is there ---- */

/* Loads the segments; those whose indexes are bad are marked by an empty offset index and counted. */
static int load_segments(struct log_open *op, struct log *log, const struct sweep *found, bool **bad)
{
	int error = 0;
	*bad = mem_zalloc(found->n + 1);
	for (uint32_t i = 0; i < found->n && !error; i++) {
		struct segment *s = segment_new(found->bases[i], op->now_ms);
		log_add_segment(log, s);
		error = segment_load(s, log->dir);
		(*bad)[i] = error == -EBADMSG;
		if (error == -EBADMSG)
			error = 0;
	}
	return error;
}

static int rebuild_alone(struct log_open *op, struct log *log, uint32_t i)
{
	struct segment *s = log->segments[i];
	log_warn(LOGGER, "The indexes of segment %020lld of %s are missing or damaged: rebuilding them",
		(long long)s->base, log_name(log));
	struct recovery r = { .op = op, .log = log, .producers = producers_new(), .verify = true,
		.alone = true, .last_offset = s->base - 1, .bytes_all = (uint64_t)s->size };
	int error = state_restore(log, r.producers, 0, s->base, op->now_ms);
	if (!error)
		error = state_replay(log, r.producers, s->base);
	do
		error = error < 0 ? error : recover_segment(&r, log->segments[i++]);
	while (error >= 0 && r.split_at >= 0);
	producers_free(&r.producers);
	return min_of(error, 0);
}

/* From the last on: one that is split makes those behind it move up. *first: of what is scanned anyhow. */
static int rebuild_bad(struct log_open *op, struct log *log, const bool *bad, uint32_t *first)
{
	uint32_t before = log->n_segments;
	int error = 0;
	for (uint32_t i = *first; i-- > 0 && !error;)
		error = bad[i] ? rebuild_alone(op, log, i) : 0;
	*first += log->n_segments - before;
	return error;
}

/* Epochs as the batches tell them. */
static int rebuild_epochs(struct log *log)
{
	log_error(LOGGER, "The leader epoch checkpoint of %s is damaged: reading the epochs from the log",
		log_name(log));
	uint8_t window[SCAN_WINDOW_BYTES];
	int rc = 0;
	epochs_clear(&log->epochs);
	for (uint32_t i = 0; i < log->n_segments && rc >= 0; i++) {
		struct segment *s = log->segments[i];
		struct scan scan;
		struct scanned at;
		rc = segment_open(s, log->dir);
		if (rc)
			break;
		scan_headers(&scan, s->files->log_fd, true, 0, s->size, window);
		while ((rc = scan_next(&scan, &at)) == 1) {
			int32_t epoch = batch_leader_epoch(&at.b);
			if (epoch > epochs_latest(&log->epochs))
				epochs_assign(&log->epochs, epoch, batch_base_offset(&at.b));
		}
		rc = rc == -EBADMSG ? 0 : rc;
		segment_close(s);
	}
	log->epochs.dirty = log->epochs.urgent = true;
	return rc;
}

/* ---- recovery ---- */

/* From which segment on batches must be looked at; n_segments when none. */
static uint32_t first_unflushed(const struct log_open *op, const struct log *log)
{
	switch (op->stop) {
	case LOG_STOP_CLEAN:
		return log->n_segments;
	case LOG_STOP_KILLED:
		/* The kernel has what was written; segments behind which another was made were complete. */
		return log->n_segments ? log->n_segments - 1 : 0;
	case LOG_STOP_CRASHED:
		break;
	}
	uint32_t at = log_segment_at(log, op->recovery_point);
	return at < log->n_segments ? at : 0;
}

static uint64_t bytes_from(const struct log *log, uint32_t i)
{
	uint64_t bytes = 0;
	for (; i < log->n_segments; i++)
		bytes += (uint64_t)log->segments[i]->size;
	return bytes;
}

/* Scans segments `first` and on; log->producers and log->end are right afterwards. */
static int recover_from(struct log_open *op, struct log *log, uint32_t first)
{
	struct recovery r = { .op = op, .log = log, .producers = log->producers,
		.verify = op->stop != LOG_STOP_KILLED, .last_offset = log->segments[first]->base - 1,
		.bytes_all = bytes_from(log, first) };
	int64_t base = log->segments[first]->base;
	uint32_t all = log->n_segments - first;
	/* What snapshots above say may have been cut away; they are taken again. */
	int error = state_drop_above(log, base);
	if (!error)
		error = state_restore(log, r.producers, op->start_offset, base, op->now_ms);
	if (!error)
		error = state_replay(log, r.producers, base);
	for (uint32_t i = first; i < log->n_segments && !error && !r.cut; i++) {
		struct segment *s = log->segments[i];
		log_info(LOGGER, "Recovering unflushed segment %lld. %u/%u recovered for %s.",
			(long long)s->base, i - first, all, log_name(log));
		r.producers->end = max_of(r.producers->end, s->base);
		error = state_snapshot(log, r.producers);
		if (!error)
			error = min_of(recover_segment(&r, s), 0);
	}
	log->end = max_of(r.last_offset + 1, log->n_segments ? log_active(log)->base : 0);
	r.producers->end = log->end;
	return error;
}

/* After a clean stop only the end is looked for; where it is not as it should be, the last segment is
 * scanned. */
static int find_end(struct log_open *op, struct log *log, bool *scanned)
{
	struct segment *s = log_active(log);
	int error = recover_read_end(s, log->dir, &log->end);
	segment_close(s);
	*scanned = error == -EBADMSG;
	if (!*scanned)
		return error;
	log_warn(LOGGER, "The end of %s is not as a clean stop leaves it: recovering the last segment",
		log_name(log));
	return recover_from(op, log, log->n_segments - 1);
}

/* ---- the log as a whole ---- */

static int start_empty(struct log_open *op, struct log *log, int64_t offset)
{
	while (log->n_segments > 0) {
		struct segment *s = log_active(log);
		int error = segment_unlink(log->dir, s->base);
		if (error)
			return error;
		log_forget_segments(log, log->n_segments - 1, 1);
		segment_free(&s);
	}
	epochs_clear(&log->epochs);
	log->end = offset;
	struct producers *fresh = producers_new();
	producers_free(&log->producers);
	log->producers = fresh;
	fresh->end = offset;
	int error = log_new_segment(log, offset, op->now_ms, op->config);
	segment_close(log_active(log));
	return error;
}

static int settle_producers(struct log_open *op, struct log *log, bool scanned)
{
	int error = state_sweep(log, log->start, log->end);
	if (error)
		return error;
	/* A log without any snapshot was written before there were producers to know of: it is not read
	 * through for that. */
	if (scanned || log->snapshot_offset < 0) {
		log->producers->end = log->end;
		return state_snapshot(log, log->producers);
	}
	return state_rebuild(log, log->producers, log->start, log->end, op->now_ms);
}

static int settle(struct log_open *op, struct log *log, bool scanned)
{
	int error = 0;
	if (log->end < op->start_offset) {
		log_warn(LOGGER, "Deleting all segments of %s: its end (%lld) is below its start (%lld)",
			log_name(log), (long long)log->end, (long long)op->start_offset);
		error = start_empty(op, log, op->start_offset);
		scanned = true;
	}
	if (error)
		return error;
	log->start = max_of(op->start_offset, log->segments[0]->base);
	log->next = log->end;
	log->high_watermark = log->start;
	log->recovery_point = op->stop == LOG_STOP_CLEAN && !scanned ? log->end :
		min_of(op->recovery_point, log->end);
	log->flush_wanted = log->recovery_point;
	log->bytes = bytes_from(log, 0);
	epochs_truncate_end(&log->epochs, log->end);
	epochs_truncate_start(&log->epochs, log->start);
	/* A log that was closed in order has only entries at its end to drop, which each opening drops again:
	 * thousands of empty logs need not wait for the disk. The next flush writes, or the close. */
	if (scanned)
		error = log_write_epochs(log);
	log->epochs.urgent = false;
	if (!error)
		error = settle_producers(op, log, scanned);
	if (!error)
		error = state_recall(log, log->producers);
	if (!error)
		producers_settle(log->producers, log->start);
	log_note_unstable(log);
	return error;
}

static int load(struct log_open *op, struct log *log, const struct sweep *found)
{
	bool *bad, scanned = false, any_bad = false;
	op->repair.files_removed = found->removed;
	int error = load_segments(op, log, found, &bad);
	for (uint32_t i = 0; i < found->n; i++)
		any_bad |= bad[i];
	uint32_t first = first_unflushed(op, log);
	if (!error)
		error = rebuild_bad(op, log, bad, &first);
	free(bad);
	if (error)
		return error;
	error = epochs_load(&log->epochs, path_in(log->dir, EPOCH_FILE).s);
	if (error == -EBADMSG)
		error = rebuild_epochs(log);
	if (error)
		return error;
	if (log->n_segments == 0) {
		scanned = true;
		error = start_empty(op, log, op->start_offset);
	} else if (first < log->n_segments) {
		scanned = true;
		error = recover_from(op, log, first);
	} else {
		error = find_end(op, log, &scanned);
	}
	bool changed = scanned || any_bad || found->removed > 0 || log->end < op->start_offset;
	if (!error)
		error = settle(op, log, scanned);
	/* Who closed it in order has flushed the directory, and the one that holds it. */
	if (op->stop == LOG_STOP_CLEAN && !changed)
		log->dir_dirty = log->entry_dirty = false;
	return error;
}

/* Logs of before 2.8 have none. */
static int read_topic_id(const struct log_open *op, struct log *log)
{
	int error = topic_id_read(op->dir, &log->topic_id);
	if (error == -ENOENT)
		return 0;
	if (error)
		log_error(LOGGER, "%s/partition.metadata cannot be read: %s", op->dir, strerror(-error));
	return error;
}

int log_open(struct log_open *op)
{
	must(op->dir && op->config);
	op->repair = (struct log_repair){ 0 };
	op->log = NULL;
	struct log *log = log_new(op);
	struct sweep found = { 0 };
	/* A process before this one may have made it and been killed before it could flush. */
	log->dir_dirty = log->entry_dirty = true;
	int error = sys_mkdir(op->dir);
	if (!error)
		error = read_topic_id(op, log);
	if (!error)
		error = sweep_dir(op->dir, &found);
	if (!error)
		error = load(op, log, &found);
	free(found.bases);
	if (error)
		log_free(&log);
	op->log = log;
	return error;
}
