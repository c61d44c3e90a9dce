/* append.c - from a checked batch to bytes in the file (see log.h, log_priv.h).
 *
 * Within a turn appends queue up: each gets its offset, its place in the file and in the indexes at once,
 * so that the next one sees it; the bytes of all leave in one write at the end of the turn, and then all
 * are answered. Readers do not see what is queued: log->end moves with the write.
 */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

/* ---- positions of the last batches ---- */

void log_forget_recent(struct log *log)
{
	log->recent_n = log->recent_first = 0;
}

static void remember(struct log *log, const struct batch *b, int64_t position)
{
	if (!log->recent)
		log->recent = mem_alloc(LOG_RECENT_BATCHES * sizeof *log->recent);
	uint32_t at = (log->recent_first + log->recent_n) % LOG_RECENT_BATCHES;
	log->recent[at] = (struct recent){ .base_offset = batch_base_offset(b),
		.last_offset = batch_last_offset(b), .position = position, .n = b->n };
	if (log->recent_n < LOG_RECENT_BATCHES)
		log->recent_n++;
	else
		log->recent_first = (log->recent_first + 1) % LOG_RECENT_BATCHES;
}

static const struct recent *recent(const struct log *log, uint32_t i)
{
	return &log->recent[(log->recent_first + i) % LOG_RECENT_BATCHES];
}

bool log_recent_at(const struct log *log, int64_t offset, struct recent *out)
{
	if (log->recent_n == 0 || offset < recent(log, 0)->base_offset || offset >= log->end)
		return false;
	uint32_t low = 1, high = log->recent_n; /* the first with base > offset */
	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		bool below = recent(log, at)->base_offset <= offset;
		low = below ? at + 1 : low;
		high = below ? high : at;
	}
	/* Between two batches may be a gap that compaction has left. */
	low -= recent(log, low - 1)->last_offset >= offset;
	must(low < log->recent_n);
	*out = *recent(log, low);
	return true;
}

/* ---- into the queue ---- */

static int64_t segment_ms(const struct topic_config *c)
{
	return c->compact ? min_of(c->segment_ms, c->max_compaction_lag_ms) : c->segment_ms;
}

/* What an append is for the segment: one batch, or a follower's row of them, which stays together. */
struct extent {
	int64_t first_offset, last_offset, max_timestamp;
	uint32_t n;
};

static bool needs_roll(const struct log *log, const struct extent *e)
{
	const struct segment *s = log_active(log);
	const struct topic_config *c = log->config;
	int64_t size = s->size + log->queued_bytes;
	if (!segment_fits_offset(s, e->last_offset))
		return true;
	if (size == 0)
		return false;
	int64_t age = s->first_timestamp >= 0 ? e->max_timestamp - s->first_timestamp :
		log_wall_ms(log) - s->created_ms;
	return size > (int64_t)c->segment_bytes - e->n || age > segment_ms(c) - s->jitter_ms ||
		segment_indexes_full(s, c->segment_index_bytes);
}

/* A segment that is open and has room. */
static int make_room(struct log *log, const struct extent *e)
{
	int error = segment_open(log_active(log), log->dir);
	if (!error && needs_roll(log, e))
		error = log_roll_to(log, e->first_offset);
	return error;
}

/* The batch gets its place behind what is written and queued. */
static int place(struct log *log, const struct batch *b)
{
	struct segment *s = log_active(log);
	int64_t position = s->size + log->queued_bytes;
	int32_t epoch = batch_leader_epoch(b);
	int error = segment_note(s, log->dir, b, position, log->config->index_interval_bytes);
	if (!error)
		error = state_note(s, log->dir, log->producers, b);
	if (error)
		return error;
	if (epoch >= 0)
		epochs_assign(&log->epochs, epoch, batch_base_offset(b));
	remember(log, b, position);
	log_note_unstable(log);
	log->queued_bytes += b->n;
	log->next = batch_last_offset(b) + 1;
	return 0;
}

static enum kerr disk_failed(struct log *log, int error)
{
	log_fail(log, error, "appending records to");
	return KERR_KAFKA_STORAGE_ERROR;
}

static void enqueue(struct log *log, struct log_append *op)
{
	op->error = KERR_NONE;
	op->durable_at = 0;
	list_push_back(&log->queue, &op->link);
	reactor_defer(log->home, &log->turn);
	log_watch_idle(log);
}

/* ---- leader ---- */

static const enum producer_check checks[] = {
	[LOG_FROM_CLIENT] = PRODUCER_CHECK_ALL,
	[LOG_FROM_COORDINATOR] = PRODUCER_CHECK_EPOCH,
	[LOG_FROM_REPLICATION] = PRODUCER_CHECK_NONE,
};

static enum kerr check_producer(struct log *log, struct log_append *op, const struct batch *b,
	struct producer_duplicate *duplicate)
{
	struct producer_marker marker;
	bool is_marker = batch_is_control(b) && producer_marker_of(b, &marker);
	*duplicate = (struct producer_duplicate){ 0 };
	if (!batch_has_producer_id(b))
		return KERR_NONE;
	/* A producer of which nothing is known may go on anywhere, as its records may have been deleted.
	 * Where nothing ever was nothing was: the batch before this one was refused and comes again, or the
	 * topic was made anew under the producer's hands, which upon this answer numbers anew. */
	if (log->next == 0 && op->origin == LOG_FROM_CLIENT && batch_base_sequence(b) > 0)
		return KERR_UNKNOWN_PRODUCER_ID;
	return producers_check(log->producers, b, is_marker ? &marker : NULL, checks[op->origin], duplicate);
}

static void tell_duplicate(struct log *log, struct log_append *op, const struct producer_duplicate *d)
{
	op->duplicate = true;
	op->base_offset = d->base_offset;
	op->last_offset = d->last_offset;
	op->timestamp = d->timestamp;
	enqueue(log, op);
}

enum kerr log_append(struct log *log, struct log_append *op)
{
	log_must_be_home(log);
	must(op->done != NULL && op->n >= BATCH_HEADER_BYTES);
	struct batch b = { op->bytes, op->n };
	struct producer_duplicate duplicate;
	enum kerr refused = log_refuses(log);
	if (!refused)
		refused = check_producer(log, op, &b, &duplicate);
	if (refused)
		return refused;
	if (duplicate.found) {
		tell_duplicate(log, op, &duplicate);
		return KERR_NONE;
	}
	if (op->n > (uint32_t)log->config->segment_bytes)
		return KERR_RECORD_LIST_TOO_LARGE;
	struct batch_stamp stamp = { .base_offset = log->next, .leader_epoch = op->leader_epoch,
		.log_append_time = op->log_append_time, .max_timestamp = op->max_timestamp };
	batch_assign(op->bytes, op->n, &stamp);
	struct extent e = { .first_offset = log->next, .last_offset = batch_last_offset(&b),
		.max_timestamp = batch_max_timestamp(&b), .n = op->n };
	int error = make_room(log, &e);
	if (!error)
		error = place(log, &b);
	if (error)
		return disk_failed(log, error);
	op->duplicate = false;
	op->base_offset = e.first_offset;
	op->last_offset = e.last_offset;
	op->timestamp = e.max_timestamp;
	enqueue(log, op);
	return KERR_NONE;
}

/* ---- follower ---- */

/* Whole batches at the front of the bytes, with rising offsets from the log's end on. */
static enum kerr measure(const struct log *log, const struct log_append *op, struct extent *e)
{
	struct batch_walk walk;
	struct batch b;
	*e = (struct extent){ .max_timestamp = -1 };
	int64_t next = log->next;
	batch_walk_init(&walk, slice_of(op->bytes, op->n));
	while (batch_next(&walk, &b)) {
		int64_t base = batch_base_offset(&b), last = batch_last_offset(&b);
		if (base < next || last < base)
			return KERR_OFFSET_OUT_OF_RANGE;
		if (e->n == 0)
			e->first_offset = base;
		e->last_offset = last;
		e->max_timestamp = max_of(e->max_timestamp, batch_max_timestamp(&b));
		e->n += b.n;
		next = last + 1;
	}
	if (walk.error || e->n == 0 || e->last_offset - e->first_offset > INT32_MAX)
		return KERR_CORRUPT_MESSAGE;
	return KERR_NONE;
}

enum kerr log_place_row(struct log *log, struct log_append *op)
{
	struct extent e;
	enum kerr refused = measure(log, op, &e);
	if (refused)
		return refused;
	op->n = e.n; /* an incomplete batch at the end is left out */
	int error = make_room(log, &e);
	struct batch_walk walk;
	struct batch b;
	batch_walk_init(&walk, slice_of(op->bytes, op->n));
	while (!error && batch_next(&walk, &b))
		error = place(log, &b);
	if (error)
		return disk_failed(log, error);
	op->duplicate = false;
	op->base_offset = e.first_offset;
	op->last_offset = e.last_offset;
	op->timestamp = e.max_timestamp;
	return KERR_NONE;
}

enum kerr log_append_as_follower(struct log *log, struct log_append *op)
{
	log_must_be_home(log);
	must(op->done != NULL);
	enum kerr refused = log_refuses(log);
	if (!refused)
		refused = log_place_row(log, op);
	if (!refused)
		enqueue(log, op);
	return refused;
}

/* ---- out of it ---- */

/* As many of the queue, from `op` on, as one write takes; returns the first that is not in it. */
static struct list *gather(struct log *log, struct list *op, struct iovec *iov, int *n, int64_t *bytes)
{
	*n = 0;
	*bytes = 0;
	for (; op != &log->queue && *n < LOG_WRITE_IOVS; op = op->next) {
		const struct log_append *a = list_entry(op, struct log_append, link);
		if (a->duplicate)
			continue;
		iov[(*n)++] = (struct iovec){ a->bytes, a->n };
		*bytes += a->n;
	}
	return op;
}

void log_write_queue(struct log *log)
{
	struct iovec iov[LOG_WRITE_IOVS];
	struct segment *s = log_active(log);
	struct list *op = log->queue.next;
	while (op != &log->queue && !log->error) {
		int n;
		int64_t bytes;
		op = gather(log, op, iov, &n, &bytes);
		int error = n ? sys_pwritev(s->files->log_fd, iov, n, s->size) : 0;
		if (error) {
			log_fail(log, error, "appending records to");
			return;
		}
		s->size += bytes;
		log->bytes += (uint64_t)bytes;
		log->queued_bytes -= bytes;
	}
	must(log->queued_bytes == 0 || log->error);
	log->end = log->next;
	s->used = true;
	s->mtime_ms = log_wall_ms(log);
	list_splice_back(&log->settled, &log->queue);
}

/* Kafka's flush.messages counts offsets since the last flush. A repeated batch waits for the first one's
 * flush. */
static int64_t durable_at(struct log *log, const struct log_append *op)
{
	int64_t end = op->last_offset + 1;
	if (end - log->flush_wanted >= log->config->flush_messages) {
		log_want_flush(log, end);
		return end;
	}
	return op->duplicate && end > log->recovery_point && end <= log->flush_wanted ? end : 0;
}

void log_answer(struct list *ops, enum kerr error)
{
	struct list *it;
	while ((it = list_pop_front(ops)) != NULL) {
		struct log_append *op = list_entry(it, struct log_append, link);
		op->error = error;
		op->done(op);
	}
}

void log_wake(struct list *waits, int error)
{
	struct list *it;
	while ((it = list_pop_front(waits)) != NULL) {
		struct log_wait *w = list_entry(it, struct log_wait, link);
		w->error = error;
		w->done(w);
	}
}

/* Answers keep the order of the appends: behind one that waits for the disk all wait. */
static void settle(struct log *log)
{
	struct list ready;
	struct list *it;
	list_init(&ready);
	while ((it = list_pop_front(&log->settled)) != NULL) {
		struct log_append *op = list_entry(it, struct log_append, link);
		op->durable_at = durable_at(log, op);
		bool waits = op->durable_at > log->recovery_point || !list_empty(&log->unflushed);
		list_push_back(waits ? &log->unflushed : &ready, &op->link);
	}
	log_answer(&ready, KERR_NONE);
}

static void fail_all(struct log *log)
{
	struct list ops, waits;
	list_init(&ops);
	list_init(&waits);
	list_splice_back(&ops, &log->unflushed);
	list_splice_back(&ops, &log->settled);
	list_splice_back(&ops, &log->queue);
	list_splice_back(&waits, &log->flush_waiters);
	list_splice_back(&waits, &log->changes);
	log_answer(&ops, KERR_KAFKA_STORAGE_ERROR);
	log_wake(&waits, log->error);
	if (log->owner && !log->told_owner && log->owner->failed) {
		log->told_owner = true;
		log->owner->failed(log->owner, log, log->error);
	}
}

void log_turn(struct reactor *here, struct deferred *d)
{
	struct log *log = container_of(d, struct log, turn);
	CHECK_OBJ(log, LOG_MAGIC);
	must(here == log->home);
	if (!log->error && !list_empty(&log->queue))
		log_write_queue(log);
	if (log->error)
		fail_all(log);
	else
		settle(log);
	log_answer_durable(log);
	log_go_on(log);
}
