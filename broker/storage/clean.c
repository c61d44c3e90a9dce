/* clean.c - a cleaning at home: begin, go on, put in place, end (see clean.h, clean_priv.h). */
#include "broker/storage/clean_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOGGER "kafka.log.LogCleaner"

static void go_on(struct cleaning *c);

/* ---- how fast ---- */

int64_t clean_rate_left(const struct clean_rate *rate, int64_t now_ns)
{
	return max_of(atomic_load_explicit(&rate->free_ns, memory_order_relaxed) - now_ns, INT64_C(0));
}

static void set_free(struct clean_rate *rate, int64_t now_ns, double times, int64_t more_ns)
{
	int64_t before = atomic_load_explicit(&rate->free_ns, memory_order_relaxed), after;
	do
		after = now_ns + (int64_t)((double)max_of(before - now_ns, INT64_C(0)) * times) + more_ns;
	while (!atomic_compare_exchange_weak_explicit(&rate->free_ns, &before, after, memory_order_relaxed,
		memory_order_relaxed));
}

void clean_rate_set(struct clean_rate *rate, int64_t bytes_per_s, int64_t now_ns)
{
	int64_t old = atomic_exchange_explicit(&rate->bytes_per_s, bytes_per_s, memory_order_relaxed);
	if (old != bytes_per_s)
		set_free(rate, now_ns, bytes_per_s > 0 ? (double)old / (double)bytes_per_s : 0, 0);
}

int64_t clean_rate_take(struct clean_rate *rate, uint64_t n, int64_t now_ns)
{
	int64_t per_s = atomic_load_explicit(&rate->bytes_per_s, memory_order_relaxed);
	if (per_s > 0)
		set_free(rate, now_ns, 1, (int64_t)((double)n * 1e9 / (double)per_s));
	return clean_rate_left(rate, now_ns);
}

/* ---- on the helper ---- */

/* The point of no return: whole on disk under names that recovery will finish. From the last on, for
 * recovery takes a .swap above a .cleaned for a part of what is not complete (sweep.c). */
static int to_swap(const struct cleaning *c)
{
	int error = 0;
	for (uint32_t i = c->n_made; i-- > 0 && !error;) {
		c->made[i]->cleaned = false;
		error = segment_rename(c->dir, c->made[i]->base, CLEANED_SUFFIX, SWAP_SUFFIX);
	}
	return error ? error : sys_sync_dir(c->dir);
}

/* What was not put in place goes; but what a failed SWAP has left is for recovery to judge. */
static void tidy(struct cleaning *c)
{
	clean_close_source(c);
	int error = clean_drop_made(c);
	if (!error && c->sync_dir)
		error = sys_sync_dir(c->dir);
	c->error = c->error ? c->error : error;
	if (c->map)
		key_map_free(&c->map);
	if (c->txns)
		clean_txns_free(&c->txns);
	if (c->codecs)
		codecs_free(&c->codecs);
	filter_free(&c->filtered);
	free(c->out);
	c->out = NULL;
	c->phase = CLEAN_OVER;
}

static void slice_work(struct job *job)
{
	struct cleaning *c = container_of(job, struct cleaning, job);
	c->slice_until_ns = sys_mono_ns() + CLEAN_SLICE_NS;
	c->slice_bytes = 0;
	switch (c->phase) {
	case CLEAN_MAP:
		c->error = clean_map_slice(c);
		break;
	case CLEAN_FILTER:
		c->error = clean_group_slice(c);
		break;
	case CLEAN_SWAP:
		c->error = to_swap(c);
		break;
	case CLEAN_END:
		tidy(c);
		break;
	case CLEAN_READY:
	case CLEAN_OVER:
		must_not_reach("nothing to do for a helper");
	}
}

/* ---- at home ---- */

static void note_producer(void *arg, int64_t id, const struct producer_view *view)
{
	struct cleaning *c = arg;
	c->producers[c->n_producers++] = (struct clean_producer){ .id = id, .epoch = view->epoch,
		.last_data_offset = view->last_offset };
}

static int by_id(const void *a, const void *b)
{
	const struct clean_producer *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Who is active now: asked anew for each group, as time goes by between them. */
static void note_producers(struct cleaning *c)
{
	const struct producers *ps = c->log->producers;
	c->n_producers = 0;
	c->producers = mem_realloc(c->producers, (ps->count + 1) * sizeof *c->producers);
	producers_each(ps, note_producer, c);
	must(c->n_producers == ps->count);
	order_sort(c->producers, c->n_producers, sizeof *c->producers, by_id);
}

/* The files of the segments that the group was made of. In rising order: what a crash leaves over is the
 * newest, so no tombstone goes before what it hides. */
static int mark_replaced(struct cleaning *c, const int64_t *bases, uint32_t n)
{
	int error = segment_rename(c->dir, bases[0], "", DELETED_SUFFIX);
	for (uint32_t i = 1; i < n && !error; i++)
		error = segment_mark_deleted(c->dir, bases[i]);
	for (uint32_t i = 0; i < c->n_made && !error; i++)
		error = segment_rename(c->dir, c->made[i]->base, SWAP_SUFFIX, "");
	return error;
}

/* In the row of segments the new ones take the place of those that they were made of; so do their files.
 * Positions that helpers are looking up now are worthless from here on. */
static int put_in_place(struct cleaning *c)
{
	struct log *log = c->log;
	uint32_t n = c->group_end - c->group_first, at = log_segment_at(log, c->made[0]->base);
	must(at + n < log->n_segments && log->segments[at]->base == c->made[0]->base);
	int64_t *bases = mem_alloc(n * sizeof *bases);
	for (uint32_t i = 0; i < n; i++) {
		struct segment *s = log->segments[at + i];
		must(s->base == c->sources[c->group_first + i].base);
		bases[i] = s->base;
		log->bytes -= (uint64_t)s->size;
		segment_free(&s);
	}
	int error = mark_replaced(c, bases, n);
	for (uint32_t i = 0; i < c->n_made; i++)
		log->bytes += (uint64_t)c->made[i]->size;
	log_replace_segments(log, at, n, c->made, c->n_made);
	c->n_made = 0;
	log->generation++;
	log->dir_dirty = true;
	log_delete_later(log, bases, n);
	log_watch_idle(log);
	free(bases);
	c->sync_dir = true;
	return error;
}

static void swapped(struct cleaning *c)
{
	struct log *log = c->log;
	must(log->busy);
	log->busy = false;
	reactor_defer(log->home, &log->turn);
	if (!c->error && !log->error)
		c->error = put_in_place(c);
	if (c->error)
		log_fail(log, c->error, "putting cleaned segments in place in");
	if (!c->error)
		note_producers(c);
	c->phase = CLEAN_FILTER;
}

static bool is_of_the_log(int error)
{
	return error == -EBADMSG || error == -EFBIG;
}

/* A truncation takes away what a helper is reading: files that are not there, shorter (-EIO: see scan.c), or
 * end within a batch say nothing about the log or its disk then. */
static void excuse(struct cleaning *c)
{
	bool aborted = atomic_load_explicit(&c->abort, memory_order_relaxed);
	if (aborted && (is_of_the_log(c->error) || c->error == -ENOENT || c->error == -EIO))
		c->error = -ECANCELED;
}

static void slice_done(struct reactor *here, struct job *job)
{
	struct cleaning *c = container_of(job, struct cleaning, job);
	CHECK_OBJ(c, CLEANING_MAGIC);
	log_must_be_home(c->log);
	if (c->phase == CLEAN_MAP || c->phase == CLEAN_FILTER)
		excuse(c);
	if (c->phase == CLEAN_SWAP)
		swapped(c);
	c->in_hand = false;
	int64_t wait_ms = clean_rate_take(c->op->rate, c->slice_bytes, reactor_now_ns(here)) / 1000000;
	bool between = c->phase == CLEAN_MAP || c->phase == CLEAN_FILTER;
	if (between && wait_ms > 0)
		timer_arm(here, &c->pause, min_of(wait_ms, (int64_t)CLEAN_PAUSE_MS_MAX));
	else
		go_on(c);
}

static void give_to_helper(struct cleaning *c)
{
	int64_t per_s = atomic_load_explicit(&c->op->rate->bytes_per_s, memory_order_relaxed);
	c->slice_bytes_max = per_s > 0 ?
		(uint64_t)max_of(per_s / CLEAN_SLICES_PER_S, (int64_t)CLEAN_SLICE_BYTES_MIN) : UINT64_MAX;
	c->in_hand = true;
	c->job.work = slice_work;
	c->job.done = slice_done;
	reactor_offload(c->log->home, &c->job, "cleaning");
}

static bool is_given_up(const struct cleaning *c)
{
	return atomic_load_explicit(&c->abort, memory_order_relaxed) || c->log->error ||
		(c->op->stop && atomic_load_explicit(c->op->stop, memory_order_relaxed));
}

static bool is_for_later(int error)
{
	return error == -ECANCELED || error == -ENOSPC || error == -EDQUOT || error == -EMFILE ||
		error == -ENFILE || error == -ENOMEM;
}

static void finish(struct cleaning *c)
{
	struct log *log = c->log;
	struct log_clean *op = c->op;
	must(log->cleaning == c && !c->in_hand);
	log->cleaning = NULL;
	/* Given up at the very end: the log may be shorter than what was cleaned. */
	if (!c->error && is_given_up(c))
		c->error = -ECANCELED;
	op->error = c->error;
	op->from = c->from;
	op->to = c->error ? c->from : c->map_end;
	snprintf(op->why, sizeof op->why, "%s", c->why ? c->why : strerror(-c->error));
	c->stats.took_ns = reactor_now_ns(log->home) - c->begun_ns;
	op->stats = c->stats;
	if (!c->error)
		log->cleaned = c->map_end;
	op->uncleanable = is_of_the_log(c->error);
	log->uncleanable |= op->uncleanable;
	if (is_for_later(c->error) && c->error != -ECANCELED)
		log->clean_after_ns = reactor_now_ns(log->home) + CLEAN_RETRY_NS;
	if (c->error && !is_for_later(c->error) && !is_of_the_log(c->error))
		log_fail(log, c->error, "cleaning");
	free(c->sources);
	free(c->made);
	free(c->aborted);
	free(c->producers);
	FREE_OBJ(c);
	reactor_defer(log->home, &log->turn);
	op->done(op);
}

static void go_on(struct cleaning *c)
{
	CHECK_OBJ_NOTNULL(c, CLEANING_MAGIC);
	must(!c->in_hand);
	if (c->phase == CLEAN_OVER) {
		finish(c);
		return;
	}
	if (!c->error && is_given_up(c))
		c->error = -ECANCELED;
	if (c->error)
		c->phase = CLEAN_END;
	if (c->phase == CLEAN_READY)
		reactor_defer(c->log->home, &c->log->turn);
	else
		give_to_helper(c);
}

static void pause_over(struct reactor *here, struct timer *t)
{
	struct cleaning *c = container_of(t, struct cleaning, pause);
	CHECK_OBJ(c, CLEANING_MAGIC);
	int64_t left_ms = clean_rate_left(c->op->rate, reactor_now_ns(here)) / 1000000;
	if (left_ms > 0 && !is_given_up(c))
		timer_arm(here, t, min_of(left_ms, (int64_t)CLEAN_PAUSE_MS_MAX));
	else
		go_on(c);
}

bool clean_start_swap(struct log *log)
{
	struct cleaning *c = log->cleaning;
	if (!c || c->in_hand || c->phase != CLEAN_READY)
		return false;
	must(!log->busy);
	if (is_given_up(c)) {
		go_on(c);
		return false;
	}
	log->busy = true;
	c->phase = CLEAN_SWAP;
	give_to_helper(c);
	return true;
}

void log_stop_cleaning(struct log *log)
{
	struct cleaning *c = log->cleaning;
	if (!c)
		return;
	atomic_store_explicit(&c->abort, true, memory_order_relaxed);
	if (c->in_hand)
		return;
	timer_cancel(log->home, &c->pause);
	go_on(c);
}

/* ---- begin ---- */

static void take_sources(struct cleaning *c)
{
	const struct log *log = c->log;
	c->sources = mem_zalloc(log->n_segments * sizeof *c->sources);
	for (uint32_t i = 0; i + 1 < log->n_segments && log->segments[i]->base < c->upper; i++) {
		const struct segment *s = log->segments[i];
		c->sources[c->n_sources++] = (struct clean_source){ .base = s->base,
			.end = log_segment_end(log, i), .size = s->size, .mtime_ms = s->mtime_ms,
			.index_bytes = (int64_t)index_entries(&s->offsets) * INDEX_OFFSET_BYTES,
			.time_bytes = (int64_t)index_entries(&s->times) * INDEX_TIME_BYTES };
		if (s->base < c->from)
			c->legacy_horizon_ms = s->mtime_ms - c->delete_retention_ms;
	}
	must(c->n_sources > 0 && c->sources[c->n_sources - 1].end == c->upper);
}

static int by_first_offset(const void *a, const void *b)
{
	const struct aborted_txn *x = a, *y = b;
	return x->first_offset < y->first_offset ? -1 : x->first_offset > y->first_offset;
}

/* Aborts are listed with the segment of their marker, which may be a later one. */
static void take_aborted(struct cleaning *c)
{
	const struct log *log = c->log;
	uint32_t all = 0;
	for (uint32_t i = 0; i < log->n_segments; i++)
		all += log->segments[i]->aborted.n;
	c->aborted = mem_alloc((all + 1) * sizeof *c->aborted);
	for (uint32_t i = 0; i < log->n_segments; i++)
		for (uint32_t k = 0; k < log->segments[i]->aborted.n; k++)
			if (log->segments[i]->aborted.entries[k].first_offset < c->upper)
				c->aborted[c->n_aborted++] = log->segments[i]->aborted.entries[k];
	order_sort(c->aborted, c->n_aborted, sizeof *c->aborted, by_first_offset);
}

static struct cleaning *cleaning_new(struct log *log, struct log_clean *op, const struct log_dirt *dirt)
{
	const struct topic_config *config = log->config;
	struct cleaning *c;
	ALLOC_OBJ(c, CLEANING_MAGIC);
	c->log = log;
	c->op = op;
	c->dir = log->dir;
	c->phase = CLEAN_MAP;
	c->pause.fire = pause_over;
	c->from = c->map_end = dirt->first_dirty;
	c->upper = dirt->uncleanable;
	c->now_ms = op->now_ms;
	c->begun_ns = reactor_now_ns(log->home);
	c->delete_retention_ms = config->delete_retention_ms;
	c->segment_bytes = config->segment_bytes;
	c->segment_index_bytes = config->segment_index_bytes;
	c->index_interval_bytes = config->index_interval_bytes;
	c->io_bytes = min_of(max_of(op->io_bytes, (size_t)CLEAN_IO_BYTES_MIN), (size_t)CLEAN_IO_BYTES_MAX);
	take_sources(c);
	take_aborted(c);
	note_producers(c);
	return c;
}

bool log_clean(struct log *log, struct log_clean *op)
{
	struct log_dirt dirt;
	log_must_be_home(log);
	must(op->done != NULL && op->rate != NULL && op->now_ms > 0);
	if (!log_measure_dirt(log, &dirt) || dirt.cleanable_bytes == 0)
		return false;
	must(dirt.first_dirty < dirt.uncleanable);
	log_info(LOGGER, "Beginning cleaning of log %s", log_name(log));
	log->cleaning = cleaning_new(log, op, &dirt);
	log_info(LOGGER, "Building offset map for log %s for offset range [%lld, %lld).", log_name(log),
		(long long)dirt.first_dirty, (long long)dirt.uncleanable);
	give_to_helper(log->cleaning);
	return true;
}

bool log_is_cleaning(const struct log *log)
{
	return log->cleaning != NULL;
}

void log_hold_cleaning(struct log *log, bool held)
{
	log_must_be_home(log);
	log->cleaning_held = held;
	if (held)
		log_stop_cleaning(log);
}
