/* close.c - the ends of a log: closed cleanly, or its directory set aside to be removed (see log.h). */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int sync_segments(struct log *log)
{
	int error = 0;
	for (uint32_t i = 0; i < log->n_segments && !error; i++)
		if (log_segment_end(log, i) > log->recovery_point)
			error = segment_sync(log->dir, log->segments[i]->base, -1);
	return error;
}

static void unlink_deletions(struct log *log)
{
	list_for_each(it, &log->deletions) {
		const struct log_deletion *d = list_entry(it, struct log_deletion, link);
		for (uint32_t i = 0; i < d->n; i++)
			segment_unlink_deleted(log->dir, d->bases[i]);
	}
}

/* Whether an opening makes of the checkpoint what is in memory, but for an epoch that has no record yet: that
 * is dropped by every opening, and there is one in each of thousands of logs that nobody writes to. */
static bool epochs_are_stored(const struct log *log)
{
	struct epochs stored = { 0 };
	const struct epochs *e = &log->epochs;
	bool same = epochs_load(&stored, path_in(log->dir, EPOCH_FILE).s) == 0;
	epochs_truncate_end(&stored, log->end);
	epochs_truncate_start(&stored, log->start);
	uint32_t n = e->n - (e->n > 0 && e->entries[e->n - 1].start >= log->end);
	same &= stored.n == n;
	for (uint32_t i = 0; i < n && same; i++)
		same = stored.entries[i].epoch == e->entries[i].epoch &&
			stored.entries[i].start == e->entries[i].start;
	epochs_free(&stored);
	return same;
}

static int settle_snapshot(struct log *log)
{
	int64_t before = log->snapshot_offset;
	log->producers->end = log->end;
	int error = state_snapshot(log, log->producers);
	log->dir_dirty |= log->snapshot_offset != before;
	if (!error && log->snapshot_offset >= 0)
		error = file_sync(path_of(log->dir, log->snapshot_offset, SNAPSHOT_SUFFIX).s);
	return error;
}

/* All that was kept in memory goes to the files, and the files to disk; where nothing has changed nothing is
 * waited for. */
static int settle(struct log *log)
{
	struct segment *s = log_active(log);
	int error = segment_open(s, log->dir);
	if (!error)
		error = segment_seal(s, log->dir);
	if (!error)
		error = settle_snapshot(log);
	if (!error)
		error = log_write_topic_id(log);
	if (!error && log->epochs.dirty && !epochs_are_stored(log))
		error = log_write_epochs(log);
	if (!error)
		error = sync_segments(log);
	return error || !log->dir_dirty ? error : sys_sync_dir(log->dir);
}

int log_close(struct log *log, int64_t *recovery_point)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	int error = log->error;
	unlink_deletions(log);
	if (!error)
		error = settle(log);
	if (error)
		log_error(LOGGER_LOG, "Error while closing %s: %s", log->dir, strerror(-error));
	else
		log->recovery_point = log->end;
	*recovery_point = log->recovery_point;
	log_free(&log);
	return error;
}

/* ---- delete ---- */

/* <topic>-<partition>.<uuid>-delete, the topic cut where the name would be too long. */
static void deleted_name(const char *name, char out[LOG_DIR_NAME_MAX + 1])
{
	char hex[PATH_RANDOM_BYTES], tail[LOG_DIR_NAME_MAX + 1];
	path_random(hex);
	size_t n = strlen(name);
	const char *dot = strrchr(name, '.');
	if (dot && n > strlen("-future") && strcmp(name + n - strlen("-future"), "-future") == 0)
		n = (size_t)(dot - name);
	size_t dash = n;
	while (dash > 0 && name[dash - 1] != '-')
		dash--;
	must(dash > 0);
	int length = snprintf(tail, sizeof tail, "-%.*s.%s-delete", (int)(n - dash), name + dash, hex);
	must(length > 0 && length < LOG_DIR_NAME_MAX);
	size_t topic = min_of(dash - 1, (size_t)(LOG_DIR_NAME_MAX - length));
	memcpy(out, name, topic);
	memcpy(out + topic, tail, (size_t)length + 1);
}

int log_discard(struct log *log, char *path, size_t path_size)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	char name[LOG_DIR_NAME_MAX + 1];
	deleted_name(log_name(log), name);
	int n = snprintf(path, path_size, "%.*s%s", (int)(log_name(log) - log->dir), log->dir, name);
	must(n > 0 && (size_t)n < path_size);
	int error = sys_rename(log->dir, path);
	if (!error)
		error = file_sync_parent(path);
	log_free(&log);
	return error;
}

void log_abandon(struct log *log)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	log_free(&log);
}

static int remove_entry(void *arg, const char *name, bool is_dir)
{
	return is_dir ? -EISDIR : file_remove(path_in(arg, name).s);
}

int log_remove_dir(const char *path)
{
	struct path dir;
	must(strlen(path) < sizeof dir.s);
	memcpy(dir.s, path, strlen(path) + 1);
	int error = sys_list_dir(path, remove_entry, dir.s);
	if (!error)
		error = sys_rmdir(path);
	return error == -ENOENT ? 0 : error;
}
