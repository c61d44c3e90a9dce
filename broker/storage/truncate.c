/* truncate.c - truncation: segments and producers go to a helper and come back (see log.h, log_priv.h).
 *
 * The numbers are right from the start; while a helper has the rest, appends and reads are refused.
 */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

struct log_change {
	unsigned magic;
#define LOG_CHANGE_MAGIC 0x4c434847U
	struct job job;
	struct log *log;
	struct log_wait *wait;
	int64_t offset;
	int64_t now_ms;
	struct producers *producers; /* read anew */
	bool fully;
	int error;
};

/* ---- on the helper ---- */

/* Removes segments from the last on, down to `keep` of them: a crash meanwhile leaves a log that ends
 * earlier. */
static int unlink_tail(struct log *log, uint32_t keep)
{
	int error = 0;
	while (log->n_segments > keep && !error) {
		struct segment *s = log_active(log);
		error = segment_unlink(log->dir, s->base);
		log_forget_segments(log, log->n_segments - 1, 1);
		segment_free(&s);
	}
	return error;
}

static int cut(struct log_change *c)
{
	struct log *log = c->log;
	uint32_t at = log_segment_at(log, c->offset);
	must(at < log->n_segments);
	int error = unlink_tail(log, at + 1);
	if (!error)
		error = segment_truncate(log_active(log), log->dir, c->offset);
	if (!error)
		error = state_rebuild(log, c->producers, log->start, c->offset, c->now_ms);
	return error ? error : state_recall(log, c->producers);
}

static int start_anew(struct log_change *c)
{
	struct log *log = c->log;
	int error = unlink_tail(log, 0);
	if (!error)
		error = log_new_segment(log, c->offset, c->now_ms, NULL);
	c->producers->end = c->offset;
	return error ? error : state_sweep(log, c->offset, c->offset);
}

static void change_work(struct job *job)
{
	struct log_change *c = container_of(job, struct log_change, job);
	c->error = c->fully ? start_anew(c) : cut(c);
}

static uint64_t bytes_of(const struct log *log)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < log->n_segments; i++)
		bytes += (uint64_t)log->segments[i]->size;
	return bytes;
}

/* What the work has come to. */
static void end(struct log_change *c)
{
	struct log *log = c->log;
	producers_free(&log->producers);
	log->producers = c->producers;
	producers_settle(log->producers, max_of(log->start, log->high_watermark));
	log_note_unstable(log);
	log->bytes = bytes_of(log);
	log_forget_recent(log);
	if (c->error)
		log_fail(log, c->error, "truncating");
}

/* ---- at home ---- */

static void change_done(struct reactor *here, struct job *job)
{
	struct log_change *c = container_of(job, struct log_change, job);
	CHECK_OBJ(c, LOG_CHANGE_MAGIC);
	struct log *log = c->log;
	struct log_wait *w = c->wait;
	log_must_be_home(log);
	must(log->state == LOG_CHANGING && log->busy);
	log->state = LOG_HOME;
	log->busy = false;
	end(c);
	log_watch_idle(log);
	w->error = c->error;
	FREE_OBJ(c);
	reactor_defer(here, &log->turn);
	w->done(w);
}

static void move_numbers(struct log *log, int64_t offset, bool fully)
{
	log->end = log->next = offset;
	log->recovery_point = min_of(log->recovery_point, offset);
	log->flush_wanted = min_of(log->flush_wanted, offset);
	log->high_watermark = min_of(log->high_watermark, offset);
	log->cleaned = min_of(log->cleaned, offset);
	log->start = fully ? offset : min_of(log->start, offset);
	if (fully) {
		log->recovery_point = log->flush_wanted = log->high_watermark = offset;
		epochs_clear(&log->epochs);
	} else {
		epochs_truncate_end(&log->epochs, offset);
	}
	log->generation++;
}

static struct log_change *begin(struct log *log, int64_t offset, bool fully)
{
	struct log_change *c;
	ALLOC_OBJ(c, LOG_CHANGE_MAGIC);
	c->log = log;
	c->offset = offset;
	c->fully = fully;
	c->now_ms = log_wall_ms(log);
	c->producers = producers_new();
	move_numbers(log, offset, fully);
	return c;
}

int log_cut(struct log *log, int64_t offset, bool fully)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	if (!fully && offset >= log->end)
		return log->error;
	struct log_change *c = begin(log, offset, fully || offset < log->segments[0]->base);
	change_work(&c->job);
	end(c);
	FREE_OBJ(c);
	return log->error;
}

/* Appends that wait for a flush may be cut away now; nobody may believe in them. */
static void refuse_unflushed(struct log *log)
{
	struct list ops;
	list_init(&ops);
	list_splice_back(&ops, &log->unflushed);
	log_answer(&ops, KERR_NOT_LEADER_OR_FOLLOWER);
}

void log_start_change(struct log *log)
{
	must(!log->busy && log->state == LOG_HOME);
	must(list_empty(&log->queue) && list_empty(&log->settled));
	struct log_wait *w = list_entry(log->changes.next, struct log_wait, link);
	list_remove(&w->link);
	bool fully = w->fully || w->offset < log->segments[0]->base;
	log_info(LOGGER_LOG, "Truncating %s to offset %lld%s", log_name(log), (long long)w->offset,
		fully ? " and starting anew there" : "");
	reactor_defer(log->home, &log->turn);
	if (!fully && w->offset >= log->end) {
		epochs_truncate_end(&log->epochs, w->offset);
		w->error = 0;
		w->done(w);
		return;
	}
	struct log_change *c = begin(log, w->offset, fully);
	c->wait = w;
	c->job.work = change_work;
	c->job.done = change_done;
	log_stop_cleaning(log);
	log->state = LOG_CHANGING;
	log->busy = true;
	reactor_offload(log->home, &c->job, "truncate");
	refuse_unflushed(log);
}

static void want_change(struct log *log, int64_t offset, bool fully, struct log_wait *w)
{
	log_must_be_home(log);
	must(offset >= 0 && w->done != NULL);
	w->offset = offset;
	w->fully = fully;
	list_push_back(&log->changes, &w->link);
	reactor_defer(log->home, &log->turn);
}

void log_truncate(struct log *log, int64_t offset, struct log_wait *w)
{
	want_change(log, offset, false, w);
}

void log_truncate_fully(struct log *log, int64_t offset, struct log_wait *w)
{
	want_change(log, offset, true, w);
}
