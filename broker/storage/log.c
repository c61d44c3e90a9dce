/* log.c - a log's life, its numbers and its end by a failed disk (see log.h, log_priv.h). */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <string.h>

/* ---- life ---- */

struct log *log_new(const struct log_open *op)
{
	struct log *log;
	ALLOC_OBJ(log, LOG_MAGIC);
	log->state = LOG_LOOSE;
	log->dir = mem_strdup(op->dir);
	log->config = op->config;
	log->producer_expiration_ms = op->producer_expiration_ms;
	log->start = op->start_offset;
	log->producers = producers_new();
	log->snapshot_offset = -1;
	log->first_unstable = INT64_MAX;
	log->cleaned = -1;
	log->turn.run = log_turn;
	list_init(&log->queue);
	list_init(&log->settled);
	list_init(&log->unflushed);
	list_init(&log->flush_waiters);
	list_init(&log->changes);
	list_init(&log->deletions);
	return log;
}

void log_free(struct log **log_p)
{
	struct log *log;
	TAKE_OBJ_NOTNULL(log, log_p, LOG_MAGIC);
	must(log->state == LOG_LOOSE && !log->cleaning);
	must(list_empty(&log->queue) && list_empty(&log->settled) && list_empty(&log->unflushed));
	while (!list_empty(&log->deletions))
		free(list_entry(list_pop_front(&log->deletions), struct log_deletion, link));
	for (uint32_t i = 0; i < log->n_segments; i++)
		segment_free(&log->segments[i]);
	free(log->segments);
	producers_free(&log->producers);
	epochs_free(&log->epochs);
	free(log->recent);
	free(log->flush);
	free(log->dir);
	FREE_OBJ(log);
}

void log_must_be_home(const struct log *log)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state != LOG_LOOSE);
	reactor_must_be_here(log->home);
}

/* An epoch without a record so far need not be on disk: every opening drops it, and there is one in each log
 * after each start. It is written before its first record counts as flushed. */
static bool epochs_want_flush(const struct log *log)
{
	const struct epochs *e = &log->epochs;
	return e->urgent || (e->dirty && e->n > 0 && e->entries[e->n - 1].start < log->end);
}

bool log_wants_flush(const struct log *log)
{
	return log->flush_wanted > log->recovery_point || epochs_want_flush(log) || log->topic_id_dirty;
}

void log_attach(struct log *log, struct reactor *home, struct log_owner *owner)
{
	CHECK_OBJ_NOTNULL(log, LOG_MAGIC);
	must(log->state == LOG_LOOSE);
	must(home != NULL);
	log->home = home;
	log->owner = owner;
	log->state = LOG_HOME;
	log->flush_time_ns = reactor_now_ns(home);
	if (log_wants_flush(log))
		reactor_defer(home, &log->turn);
}

void log_detach(struct log *log, struct log_wait *w)
{
	log_must_be_home(log);
	must(!log->leaving && w->done != NULL);
	log->leaving = w;
	log_stop_cleaning(log);
	reactor_defer(log->home, &log->turn);
}

/* Whether anything of this log is still under way. */
static bool is_quiet(const struct log *log)
{
	return list_empty(&log->queue) && list_empty(&log->settled) && list_empty(&log->unflushed) &&
		list_empty(&log->flush_waiters) && list_empty(&log->changes) && !log->busy &&
		log->reads == 0 && log->unlinks == 0 && !log->cleaning;
}

static void leave(struct log *log)
{
	struct log_wait *w = log->leaving;
	struct reactor *home = log->home;
	log_pause_deletions(log);
	timer_cancel(home, &log->idle);
	reactor_undefer(home, &log->turn);
	log->leaving = NULL;
	log->home = NULL;
	log->owner = NULL;
	log->state = LOG_LOOSE;
	w->error = log->error;
	w->done(w);
}

void log_go_on(struct log *log)
{
	bool free_to = !log->busy && !log->error;
	if (free_to && !list_empty(&log->changes))
		log_start_change(log);
	else if (free_to && clean_start_swap(log))
		return;
	else if (free_to && log_wants_flush(log))
		log_start_flush(log);
	if (log->leaving && is_quiet(log))
		leave(log);
}

/* ---- failure ---- */

void log_fail(struct log *log, int error, const char *what)
{
	must(error < 0);
	if (log->error)
		return;
	log->error = error;
	log_error(LOGGER_LOG, "Error while %s %s in dir %s: %s", what, log_name(log), log->dir,
		strerror(-error));
	if (log->state == LOG_LOOSE)
		return;
	log_stop_cleaning(log);
	reactor_defer(log->home, &log->turn);
}

void log_give_up(struct log *log, int error)
{
	log_must_be_home(log);
	must(error < 0);
	if (!log->error)
		log->error = error;
	log_stop_cleaning(log);
	reactor_defer(log->home, &log->turn);
}

enum kerr log_refuses(const struct log *log)
{
	if (log->error)
		return KERR_KAFKA_STORAGE_ERROR;
	return log->state == LOG_HOME && !log->leaving && list_empty(&log->changes) ? KERR_NONE :
		KERR_NOT_LEADER_OR_FOLLOWER;
}

bool log_failed(const struct log *log)
{
	return log->error != 0;
}

/* ---- segments ---- */

static void make_room_for_segments(struct log *log, uint32_t n)
{
	if (n <= log->room_segments)
		return;
	log->room_segments = max_of(n, max_of(log->room_segments * 2, 2u));
	log->segments = mem_realloc(log->segments, log->room_segments * sizeof(struct segment *));
}

void log_add_segment(struct log *log, struct segment *s)
{
	must(log->n_segments == 0 || log_active(log)->base < s->base);
	make_room_for_segments(log, log->n_segments + 1);
	log->segments[log->n_segments++] = s;
}

void log_replace_segments(struct log *log, uint32_t at, uint32_t n, struct segment *const *by, uint32_t n_by)
{
	must(at + n <= log->n_segments);
	make_room_for_segments(log, log->n_segments - n + n_by);
	memmove(log->segments + at + n_by, log->segments + at + n,
		(log->n_segments - at - n) * sizeof(struct segment *));
	for (uint32_t i = 0; i < n_by; i++)
		log->segments[at + i] = by[i];
	log->n_segments += n_by - n;
}

void log_forget_segments(struct log *log, uint32_t from, uint32_t n)
{
	log_replace_segments(log, from, n, NULL, 0);
}

uint32_t log_segment_at(const struct log *log, int64_t offset)
{
	uint32_t low = 0, high = log->n_segments; /* the first with base > offset */
	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		bool below = log->segments[at]->base <= offset;
		low = below ? at + 1 : low;
		high = below ? high : at;
	}
	return low ? low - 1 : log->n_segments;
}

int64_t log_segment_end(const struct log *log, uint32_t i)
{
	return i + 1 < log->n_segments ? log->segments[i + 1]->base : log->end;
}

/* ---- idle files ---- */

static void close_idle(struct reactor *here, struct timer *t)
{
	struct log *log = container_of(t, struct log, idle);
	log_must_be_home(log);
	bool any = false;
	if (log->state != LOG_CHANGING)
		for (uint32_t i = 0; i < log->n_segments; i++) {
			struct segment *s = log->segments[i];
			if (s->files && !s->used)
				segment_close(s);
			any |= s->files != NULL;
			s->used = false;
		}
	if (any || log->state == LOG_CHANGING)
		timer_arm(here, t, LOG_IDLE_CHECK_MS);
}

void log_watch_idle(struct log *log)
{
	if (log->home && !timer_armed(&log->idle)) {
		log->idle.fire = close_idle;
		timer_arm(log->home, &log->idle, LOG_IDLE_CHECK_MS);
	}
}

/* ---- where it stands ---- */

int64_t log_start_offset(const struct log *log)
{
	must(log_is(log));
	return log->start;
}

int64_t log_end_offset(const struct log *log)
{
	must(log_is(log));
	return log->end;
}

int64_t log_settled_offset(const struct log *log)
{
	must(log_is(log));
	if (list_empty(&log->unflushed))
		return log->end;
	return list_entry(log->unflushed.next, struct log_append, link)->base_offset;
}

int64_t log_next_offset(const struct log *log)
{
	must(log_is(log));
	return log->next;
}

int64_t log_recovery_point(const struct log *log)
{
	must(log_is(log));
	return log->recovery_point;
}

void log_note_unstable(struct log *log)
{
	/* A transaction may have begun before what retention has left. */
	int64_t first = producers_first_unstable(log->producers);
	log->first_unstable = first == INT64_MAX ? first : max_of(first, log->start);
}

int64_t log_first_unstable_offset(const struct log *log)
{
	must(log_is(log));
	return log->first_unstable;
}

uint64_t log_size_bytes(const struct log *log)
{
	must(log_is(log));
	return log->bytes;
}

uint32_t log_segments(const struct log *log)
{
	must(log_is(log));
	return log->state == LOG_CHANGING ? 0 : log->n_segments;
}

int64_t log_first_base(const struct log *log)
{
	must(log_is(log));
	return log->state == LOG_CHANGING ? log->start : log->segments[0]->base;
}

int64_t log_active_base(const struct log *log)
{
	return log->state == LOG_CHANGING ? log->end : log_active(log)->base;
}

int64_t log_largest_timestamp(const struct log *log)
{
	int64_t largest = -1;
	for (uint32_t i = 0; log->state != LOG_CHANGING && i < log->n_segments; i++)
		largest = max_of(largest, log->segments[i]->max_timestamp);
	return largest;
}

const char *log_dir(const struct log *log)
{
	must(log_is(log));
	return log->dir;
}

const char *log_name(const struct log *log)
{
	const char *slash = strrchr(log->dir, '/');
	return slash ? slash + 1 : log->dir;
}

struct reactor *log_home(const struct log *log)
{
	must(log_is(log));
	return log->home;
}

bool log_txn_open(const struct log *log, int64_t producer_id)
{
	log_must_be_home(log);
	return log->state != LOG_CHANGING && producers_txn_open(log->producers, producer_id);
}

uint32_t log_producers(const struct log *log)
{
	log_must_be_home(log);
	return log->state == LOG_CHANGING ? 0 : log->producers->count;
}

void log_each_producer(const struct log *log,
		       void (*each)(void *arg, int64_t id, const struct producer_view *view), void *arg)
{
	log_must_be_home(log);
	if (log->state != LOG_CHANGING)
		producers_each(log->producers, each, arg);
}

void log_set_high_watermark(struct log *log, int64_t high_watermark)
{
	log_must_be_home(log);
	must(high_watermark >= 0);
	log->high_watermark = min_of(high_watermark, log->end);
	if (log->state == LOG_CHANGING)
		return;
	producers_settle(log->producers, log->high_watermark);
	log_note_unstable(log);
}

void log_set_config(struct log *log, const struct topic_config *config)
{
	must(log_is(log));
	must(config != NULL);
	bool was_compacted = log->config->compact;
	log->config = config;
	/* From now on every record stays. */
	if (was_compacted && !config->compact)
		log_stop_cleaning(log);
}

void log_expire_producers(struct log *log, int64_t expiration_ms)
{
	log_must_be_home(log);
	if (log->state == LOG_CHANGING)
		return;
	log->producer_expiration_ms = expiration_ms;
	producers_expire(log->producers, reactor_wall_ms(log->home), expiration_ms);
}

/* ---- topic id ---- */

bool log_topic_id(const struct log *log, struct uuid *id)
{
	must(log_is(log));
	*id = log->topic_id;
	return !uuid_is_zero(id);
}

enum kerr log_set_topic_id(struct log *log, const struct uuid *id)
{
	must(log_is(log));
	must(!uuid_is_zero(id));
	if (!uuid_is_zero(&log->topic_id))
		return uuid_eq(&log->topic_id, id) ? KERR_NONE : KERR_INCONSISTENT_TOPIC_ID;
	if (log->error)
		return KERR_KAFKA_STORAGE_ERROR;
	log->topic_id = *id;
	log->topic_id_dirty = true;
	if (log->home)
		reactor_defer(log->home, &log->turn);
	return KERR_NONE;
}

/* ---- leader epochs ---- */

void log_assign_epoch(struct log *log, int32_t epoch, int64_t start)
{
	log_must_be_home(log);
	epochs_assign(&log->epochs, epoch, start);
	if (log->epochs.dirty)
		reactor_defer(log->home, &log->turn);
}

int32_t log_latest_epoch(const struct log *log)
{
	must(log_is(log));
	return epochs_latest(&log->epochs);
}

void log_epoch_end_offset(const struct log *log, int32_t epoch, int32_t *found, int64_t *end)
{
	must(log_is(log));
	epochs_end_offset(&log->epochs, epoch, log->end, found, end);
}

int32_t log_epoch_at(const struct log *log, int64_t offset)
{
	must(log_is(log));
	return epochs_at(&log->epochs, offset);
}
