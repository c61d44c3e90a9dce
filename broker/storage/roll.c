/* roll.c - segments come and go: new ones at the end, retention at the start (see log.h, log_priv.h). */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

/* ---- new segments ---- */

static int64_t draw_jitter(const struct topic_config *c)
{
	int64_t most = min_of(c->segment_jitter_ms, c->segment_ms);
	uint64_t random;
	if (most <= 0)
		return 0;
	sys_random(&random, sizeof random);
	return (int64_t)(random % (uint64_t)most);
}

int log_new_segment(struct log *log, int64_t base, int64_t now_ms, const struct topic_config *config)
{
	struct segment *s = segment_new(base, now_ms);
	s->jitter_ms = config ? draw_jitter(config) : 0;
	int error = segment_create(s, log->dir, config && config->preallocate ? config->segment_bytes : 0);
	if (error) {
		segment_free(&s);
		return error;
	}
	log_add_segment(log, s);
	log_forget_recent(log);
	log->dir_dirty = true;
	return 0;
}

int log_roll_to(struct log *log, int64_t base)
{
	struct segment *old = log_active(log);
	int64_t now_ms = log_wall_ms(log);
	must(base > old->base);
	log_write_queue(log);
	if (log->error)
		return log->error;
	old->mtime_ms = now_ms;
	int error = segment_seal(old, log->dir);
	log->producers->end = base;
	if (!error)
		error = state_snapshot(log, log->producers);
	if (!error)
		error = log_new_segment(log, base, now_ms, log->config);
	if (error)
		return error;
	log_info("kafka.log.LocalLog", "Rolled new log segment of %s at offset %lld.", log_name(log),
		(long long)base);
	log_want_flush(log, base);
	log_want_turn(log);
	return 0;
}

/* ---- the start moves ---- */

void log_move_start(struct log *log, int64_t offset)
{
	if (offset <= log->start)
		return;
	log->start = offset;
	epochs_truncate_start(&log->epochs, offset);
	producers_settle(log->producers, offset);
	log_note_unstable(log);
	log_want_turn(log);
}

enum kerr log_increase_start(struct log *log, int64_t offset)
{
	log_must_be_home(log);
	enum kerr refused = log_refuses(log);
	if (refused)
		return refused;
	if (offset > log->high_watermark)
		return KERR_OFFSET_OUT_OF_RANGE;
	log_move_start(log, offset);
	return KERR_NONE;
}

/* ---- files on their way out ---- */

static void unlink_work(struct job *job)
{
	struct log_deletion *d = container_of(job, struct log_deletion, job);
	for (uint32_t i = 0; i < d->n; i++)
		segment_unlink_deleted(d->dir, d->bases[i]); /* what stays is swept up at the next start */
}

static void unlink_done(struct reactor *here, struct job *job)
{
	struct log_deletion *d = container_of(job, struct log_deletion, job);
	struct log *log = d->log;
	CHECK_OBJ(d, LOG_DELETION_MAGIC);
	log_must_be_home(log);
	log->unlinks--;
	FREE_OBJ(d);
	reactor_defer(here, &log->turn);
}

static void unlink_due(struct reactor *here, struct timer *t)
{
	struct log_deletion *d = container_of(t, struct log_deletion, timer);
	CHECK_OBJ(d, LOG_DELETION_MAGIC);
	list_remove(&d->link);
	d->log->unlinks++;
	d->job.work = unlink_work;
	d->job.done = unlink_done;
	reactor_offload(here, &d->job, "unlink");
}

void log_delete_later(struct log *log, const int64_t *bases, uint32_t n)
{
	struct log_deletion *d = mem_zalloc(sizeof *d + n * sizeof *d->bases);
	d->magic = LOG_DELETION_MAGIC;
	d->log = log;
	d->dir = log->dir;
	d->n = n;
	memcpy(d->bases, bases, n * sizeof *d->bases);
	d->timer.fire = unlink_due;
	list_push_back(&log->deletions, &d->link);
	timer_arm(log->home, &d->timer, log->config->file_delete_delay_ms);
}

void log_pause_deletions(struct log *log)
{
	list_for_each(it, &log->deletions)
		timer_cancel(log->home, &list_entry(it, struct log_deletion, link)->timer);
}

/* ---- retention ---- */

enum reason { BY_START, BY_SIZE, BY_TIME, REASONS };

static const char *const reason_text[REASONS] = {
	[BY_START] = "it is below the log start offset",
	[BY_SIZE] = "of log retention size breach",
	[BY_TIME] = "of log retention time breach",
};

struct retention {
	struct log *log;
	int64_t now_ms;
	int64_t over;   /* bytes above retention.bytes, before segment `n` */
	uint32_t n;     /* segments to go, from the first on */
};

static bool applies(struct retention *r, enum reason why, const struct segment *s)
{
	const struct topic_config *c = r->log->config;
	int64_t newest = s->max_timestamp >= 0 ? s->max_timestamp : s->mtime_ms;
	switch (why) {
	case BY_START:
		return r->n + 1 < r->log->n_segments && log_segment_end(r->log, r->n) <= r->log->start;
	case BY_SIZE:
		return c->retention_bytes >= 0 && r->over >= s->size;
	case BY_TIME:
		return c->retention_ms >= 0 && r->now_ms - newest > c->retention_ms;
	default:
		must_not_reach("an unknown reason");
	}
}

static void choose(struct retention *r, enum reason why)
{
	struct log *log = r->log;
	for (; r->n < log->n_segments; r->n++) {
		const struct segment *s = log->segments[r->n];
		bool is_last = r->n + 1 == log->n_segments;
		if (log->high_watermark < log_segment_end(log, r->n) || (is_last && s->size == 0))
			return;
		if (!applies(r, why, s))
			return;
		r->over -= s->size;
		log_info(LOGGER_LOG, "Deleting segment %lld of %s because %s", (long long)s->base,
			log_name(log), reason_text[why]);
	}
}

/* The first `n` segments leave the log; their files are renamed and unlinked later. */
static int drop(struct log *log, uint32_t n)
{
	int64_t *bases = mem_alloc(n * sizeof *bases);
	int error = 0;
	log_move_start(log, log->segments[n]->base);
	for (uint32_t i = 0; i < n; i++) {
		struct segment *s = log->segments[i];
		bases[i] = s->base;
		log->bytes -= (uint64_t)s->size;
		if (!error)
			error = segment_mark_deleted(log->dir, s->base);
		segment_free(&s);
	}
	log_forget_segments(log, 0, n);
	log_delete_later(log, bases, n);
	free(bases);
	return error;
}

uint32_t log_retain(struct log *log)
{
	log_must_be_home(log);
	/* What a cleaning reads stays until it has ended, as in Kafka. */
	if (log_refuses(log) || log->cleaning)
		return 0;
	log_write_queue(log);
	struct retention r = { .log = log, .now_ms = reactor_wall_ms(log->home),
		.over = (int64_t)log->bytes - max_of(log->config->retention_bytes, 0) };
	choose(&r, BY_START);
	if (log->config->delete_old) {
		choose(&r, BY_SIZE);
		choose(&r, BY_TIME);
	}
	if (r.n == 0 || log->error)
		return 0;
	/* There is always an active segment. */
	int error = r.n == log->n_segments ? log_roll_to(log, log->next) : 0;
	if (!error)
		error = drop(log, r.n);
	if (!error)
		return r.n;
	log_fail(log, error, "deleting old segments of");
	return 0;
}
