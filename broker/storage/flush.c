/* flush.c - what was written comes to disk: on a helper, one flush of a log at a time (see log_priv.h).
 *
 * While one is under way, appends that must be durable gather; the next flush covers them all. A flush
 * writes leader epochs and topic id first, then flushes segments, snapshots and the directory; only then
 * the recovery point moves: recovery starts there and must find all before it.
 */
#include "broker/storage/log_priv.h"

#include "broker/base/must.h"
#include "broker/metrics/metrics.h"

int log_write_epochs(struct log *log)
{
	if (!log->epochs.dirty)
		return 0;
	size_t n;
	char *text = epochs_text(&log->epochs, &n);
	int error = file_replace(path_in(log->dir, EPOCH_FILE).s, text, n);
	free(text);
	return error;
}

int log_write_topic_id(struct log *log)
{
	int error = log->topic_id_dirty ? topic_id_write(log->dir, &log->topic_id) : 0;
	log->topic_id_dirty = log->topic_id_dirty && error;
	return error;
}

/* ---- on the helper ---- */

static int flush_item(const char *dir, const struct flush_item *item)
{
	int fd = item->files ? item->files->log_fd : -1;
	int error;
	if (item->sealed)
		error = segment_sync(dir, item->base, fd);
	else
		error = fd >= 0 ? sys_datasync(fd) : file_sync(path_of(dir, item->base, LOG_SUFFIX).s);
	if (!error && item->has_next)
		error = file_sync(path_of(dir, item->next_base, SNAPSHOT_SUFFIX).s);
	return error;
}

static void flush_work(struct job *job)
{
	struct log_flush *f = container_of(job, struct log_flush, job);
	int64_t begun_ns = sys_mono_ns();
	int error = 0;
	if (!uuid_is_zero(&f->topic_id))
		error = topic_id_write(f->dir, &f->topic_id);
	if (!error && f->epochs)
		error = file_replace(path_in(f->dir, EPOCH_FILE).s, f->epochs, f->epochs_n);
	for (uint32_t i = 0; i < f->n && !error; i++)
		error = flush_item(f->dir, &f->items[i]);
	if (!error && f->sync_dir)
		error = sys_sync_dir(f->dir);
	if (!error && f->sync_entry)
		error = file_sync_parent(f->dir);
	f->error = error;
	f->took_ns = sys_mono_ns() - begun_ns;
}

/* ---- at home ---- */

static void count(const struct log *log)
{
	struct metrics_core *m = reactor_metrics(log->home);
	if (m)
		histogram_record(m, METRIC_LOG_FLUSH_TIME, 0, (uint64_t)log->flush->took_ns / 1000);
}

static void add_item(struct log *log, uint32_t i)
{
	struct segment *s = log->segments[i];
	bool has_next = i + 1 < log->n_segments;
	if (s->files)
		hold_get(&s->files->hold);
	log->flush->items[log->flush->n++] = (struct flush_item){ .files = s->files, .base = s->base,
		.sealed = has_next, .has_next = has_next, .next_base = log_segment_end(log, i) };
}

/* Segments with bytes in [recovery point, flush_wanted), as many as one round takes. What retention has
 * deleted meanwhile needs no flush. */
static void choose(struct log *log)
{
	struct log_flush *f = log->flush;
	f->n = 0;
	f->upto = log->flush_wanted;
	for (uint32_t i = 0; i < log->n_segments; i++) {
		int64_t end = log_segment_end(log, i);
		if (end <= log->recovery_point || log->segments[i]->base >= log->flush_wanted)
			continue;
		if (f->n == LOG_FLUSH_SEGMENTS) {
			f->upto = log->segments[i]->base;
			break;
		}
		add_item(log, i);
		f->upto = max_of(f->upto, end);
	}
}

/* In the order of the appends: the first that is not durable stops it. */
static void take_durable(struct log *log, struct list *ready)
{
	while (!list_empty(&log->unflushed)) {
		struct log_append *op = list_entry(log->unflushed.next, struct log_append, link);
		if (op->durable_at > log->recovery_point)
			break;
		list_remove(&op->link);
		list_push_back(ready, &op->link);
	}
}

static void take_waiters(struct log *log, struct list *ready)
{
	list_for_each_safe(it, &log->flush_waiters) {
		if (list_entry(it, struct log_wait, link)->offset > log->recovery_point)
			continue;
		list_remove(it);
		list_push_back(ready, it);
	}
}

void log_answer_durable(struct log *log)
{
	struct list ops, waits;
	list_init(&ops);
	list_init(&waits);
	take_durable(log, &ops);
	take_waiters(log, &waits);
	log_answer(&ops, KERR_NONE);
	log_wake(&waits, 0);
}

/* What the work has come to. */
static void end(struct log *log)
{
	struct log_flush *f = log->flush;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->items[i].files)
			hold_put(&f->items[i].files->hold);
	free(f->epochs);
	f->epochs = NULL;
	if (f->error) {
		log_fail(log, f->error, "flushing");
		return;
	}
	log->recovery_point = max_of(log->recovery_point, f->upto);
	log->flush_wanted = max_of(log->flush_wanted, log->recovery_point);
}

static void flush_done(struct reactor *here, struct job *job)
{
	struct log *log = container_of(job, struct log_flush, job)->log;
	log_must_be_home(log);
	must(log->busy && here == log->home);
	log->busy = false;
	end(log);
	count(log);
	if (log->recovery_point == log->end)
		log->flush_time_ns = reactor_now_ns(here);
	reactor_defer(here, &log->turn);
}

static void begin(struct log *log)
{
	if (!log->flush)
		log->flush = mem_zalloc(sizeof *log->flush);
	struct log_flush *f = log->flush;
	f->log = log;
	f->dir = log->dir;
	choose(log);
	if (log->epochs.dirty)
		f->epochs = epochs_text(&log->epochs, &f->epochs_n);
	f->topic_id = log->topic_id_dirty ? log->topic_id : (struct uuid){ 0 };
	log->topic_id_dirty = false;
	f->sync_dir = f->n > 0 && log->dir_dirty;
	f->sync_entry = f->n > 0 && log->entry_dirty;
	if (f->n > 0)
		log->dir_dirty = log->entry_dirty = false;
}

void log_start_flush(struct log *log)
{
	must(!log->busy);
	begin(log);
	log->flush->job.work = flush_work;
	log->flush->job.done = flush_done;
	log->busy = true;
	reactor_offload(log->home, &log->flush->job, "flush");
}

int log_flush_now(struct log *log)
{
	must(log->state == LOG_LOOSE);
	log_want_flush(log, log->end);
	while (!log->error && log_wants_flush(log)) {
		begin(log);
		flush_work(&log->flush->job);
		end(log);
	}
	return log->error;
}

void log_want_flush(struct log *log, int64_t upto)
{
	log->flush_wanted = max_of(log->flush_wanted, upto);
}

void log_flush(struct log *log, struct log_wait *w)
{
	log_must_be_home(log);
	must(w->done != NULL);
	w->offset = log->next;
	list_push_back(&log->flush_waiters, &w->link);
	log_want_flush(log, log->next);
	reactor_defer(log->home, &log->turn);
}

void log_flush_if_due(struct log *log)
{
	log_must_be_home(log);
	int64_t since_ms = (reactor_now_ns(log->home) - log->flush_time_ns) / 1000000;
	if (log_refuses(log) || log->recovery_point == log->end || since_ms < log->config->flush_ms)
		return;
	log_want_flush(log, log->end);
	reactor_defer(log->home, &log->turn);
}
