/* clean_group.c - a group of segments becomes one, without what is superseded (see clean_priv.h). */
#include "broker/storage/clean_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"

#include <errno.h>

/* ---- groups ---- */

/* Cleaner.groupSegmentsBySize: as many as fit into one segment, so that segments do not become ever
 * smaller. */
static uint32_t group_end(const struct cleaning *c, uint32_t first, uint32_t all)
{
	struct clean_source sum = c->sources[first];
	uint32_t i = first + 1;
	for (; i < all && i - first < CLEAN_GROUP_SEGMENTS; i++) {
		const struct clean_source *s = &c->sources[i];
		bool fits = sum.size + s->size <= c->segment_bytes &&
			sum.index_bytes + s->index_bytes <= c->segment_index_bytes &&
			sum.time_bytes + s->time_bytes <= c->segment_index_bytes;
		if (!fits || (s->size > 0 && s->end - 1 - sum.base > INT32_MAX))
			break;
		sum.size += s->size;
		sum.index_bytes += s->index_bytes;
		sum.time_bytes += s->time_bytes;
	}
	return i;
}

/* Segments that begin below the end of the map. */
static uint32_t to_clean(const struct cleaning *c)
{
	uint32_t n = 0;
	while (n < c->n_sources && c->sources[n].base < c->map_end)
		n++;
	return n;
}

/* One more segment, behind those that the group has. */
static int add_made(struct cleaning *c, int64_t base)
{
	c->made = mem_realloc(c->made, (c->n_made + 1) * sizeof(struct segment *));
	struct segment *s = segment_new(base, c->now_ms);
	s->cleaned = true;
	c->made[c->n_made++] = s;
	return segment_create(s, c->dir, 0);
}

/* 1: there is no group left. */
static int begin_group(struct cleaning *c)
{
	uint32_t all = to_clean(c);
	if (c->source >= all)
		return 1;
	if (c->sync_dir) {
		/* Of two groups half in place recovery would take what lies between for replaced. */
		int error = sys_sync_dir(c->dir);
		if (error)
			return error;
		c->sync_dir = false;
	}
	c->group_first = c->source;
	c->group_end = group_end(c, c->source, all);
	c->changed = c->group_end - c->group_first > 1;
	c->out_n = 0;
	c->written_offset = -1;
	if (!c->out)
		c->out = mem_alloc(c->io_bytes);
	return add_made(c, c->sources[c->group_first].base);
}

/* ---- writing ---- */

static int write_bytes(struct cleaning *c, const void *bytes, size_t n)
{
	struct segment *dest = clean_dest(c);
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	int error = n ? sys_pwritev(dest->files->log_fd, &iov, 1, dest->size) : 0;
	if (!error)
		dest->size += (int64_t)n;
	return error;
}

static int write_out(struct cleaning *c)
{
	int error = write_bytes(c, c->out, c->out_n);
	c->out_n = 0;
	return error;
}

/* All of it on disk, as old as what it was made of. */
static int finish_made(struct cleaning *c)
{
	struct segment *dest = clean_dest(c);
	const struct clean_source *last = &c->sources[c->group_end - 1];
	struct path path = path_of(c->dir, dest->base, LOG_SUFFIX);
	int error = write_out(c);
	if (!error)
		error = segment_seal(dest, c->dir);
	if (!error)
		error = sys_set_mtime(path_plus(&path, CLEANED_SUFFIX).s, last->mtime_ms);
	if (!error)
		error = segment_sync_cleaned(dest, c->dir);
	dest->mtime_ms = last->mtime_ms;
	return error;
}

static bool fits(const struct cleaning *c, const struct batch *b)
{
	const struct segment *dest = clean_dest(c);
	return dest->size + (int64_t)c->out_n + b->n <= INT32_MAX &&
		segment_fits_offset(dest, batch_last_offset(b));
}

/* The batch needs a segment of its own (3.9 splits the source, and tries it all again). */
static int begin_next(struct cleaning *c, const struct batch *b)
{
	int64_t base = segment_base_for(b, c->written_offset);
	int error = finish_made(c);
	c->changed = true;
	return error ? error : add_made(c, base);
}

static int append(struct cleaning *c, struct slice bytes)
{
	struct batch b = { bytes.p, bytes.n };
	if (batch_last_offset(&b) <= c->written_offset) {
		c->why = "its segments overlap";
		return -EBADMSG;
	}
	int error = fits(c, &b) ? 0 : begin_next(c, &b);
	if (error)
		return error;
	struct segment *dest = clean_dest(c);
	c->written_offset = batch_last_offset(&b);
	error = segment_note(dest, c->dir, &b, dest->size + (int64_t)c->out_n, c->index_interval_bytes);
	if (!error && c->out_n + bytes.n > c->io_bytes)
		error = write_out(c);
	if (error || bytes.n > c->io_bytes)
		return error ? error : write_bytes(c, bytes.p, bytes.n);
	memcpy(c->out + c->out_n, bytes.p, bytes.n);
	c->out_n += bytes.n;
	return 0;
}

/* ---- what stays ---- */

static int by_id(const void *key, const void *element)
{
	int64_t id = *(const int64_t *)key, other = ((const struct clean_producer *)element)->id;
	return id < other ? -1 : id > other;
}

/* The last data of a producer has its last sequence; a producer without data has its epoch in its marker. */
static bool tells_of_producer(const struct cleaning *c, const struct batch *b)
{
	int64_t id = batch_producer_id(b);
	if (id < 0 || c->n_producers == 0)
		return false;
	const struct clean_producer *p = order_find(&id, c->producers, c->n_producers, sizeof *p, by_id);
	if (!p)
		return false;
	if (p->last_data_offset >= 0)
		return batch_last_offset(b) == p->last_data_offset;
	return batch_is_control(b) && batch_producer_epoch(b) == p->epoch;
}

/* The last batch of the round: a replica that is made anew must learn from it that the offsets up to there
 * are taken (KAFKA-17076). Of magic 0 and 1 there is no header alone; 3.9 fails over one. */
static bool ends_round(const struct cleaning *c, const struct batch *b)
{
	return batch_last_offset(b) + 1 == c->upper && !batch_is_legacy(b);
}

static bool horizon_has_passed(const struct cleaning *c, const struct batch *b)
{
	return batch_has_delete_horizon(b) && batch_base_timestamp(b) <= c->now_ms;
}

/* Cleaner.shouldRetainRecord */
static bool keeps_data(struct cleaning *c, const struct batch *b, const struct record *r)
{
	if (r->offset >= c->map_end)
		return true;
	if (slice_is_null(r->key)) {
		c->stats.invalid_messages++;
		return false;
	}
	if (r->offset < key_map_get(c->map, r->key))
		return false;
	if (!slice_is_null(r->value))
		return true;
	if (batch_is_legacy(b))
		return c->sources[c->source].mtime_ms > c->legacy_horizon_ms;
	return !horizon_has_passed(c, b);
}

static bool keeps(void *arg, const struct batch *b, const struct record *r)
{
	struct cleaning *c = arg;
	return !c->discard && (batch_is_control(b) || keeps_data(c, b, r));
}

/* The abort of what has just been dropped: a reader may hold its records, and must be told. */
static int keep_abort(struct cleaning *c, const struct aborted_txn *txn)
{
	struct segment *dest = clean_dest(c);
	const struct txn_index *t = &dest->aborted;
	if (t->n > 0 && txn->last_offset <= t->entries[t->n - 1].last_offset) {
		c->why = "its transaction index does not rise";
		return -EBADMSG;
	}
	struct path path = path_of(c->dir, dest->base, TXN_INDEX_SUFFIX);
	return txn_index_append(&dest->aborted, path_plus(&path, CLEANED_SUFFIX).s, txn);
}

static int filter(struct cleaning *c, const struct batch *b)
{
	const struct filter_rules rules = { .codecs = c->codecs, .inflated_max = SEGMENT_INFLATED_MAX,
		.now_ms = c->now_ms, .delete_retention_ms = c->delete_retention_ms, .keeps = keeps,
		.arg = c };
	const struct aborted_txn *retained = NULL;
	bool control = batch_is_control(b);
	bool may_go = control ? clean_txns_marker(c->txns, b, &retained) : clean_txns_data(c->txns, b);
	int error = retained ? keep_abort(c, retained) : 0;
	c->discard = may_go && (!control || horizon_has_passed(c, b));
	enum filter_verdict verdict = tells_of_producer(c, b) || ends_round(c, b) ? FILTER_RETAIN_EMPTY :
		c->discard ? FILTER_DELETE : FILTER_DELETE_EMPTY;
	if (!error)
		error = filter_batch(&rules, b, verdict, may_go && control, &c->filtered, &c->why);
	if (!error && c->filtered.bytes.n > 0)
		error = append(c, c->filtered.bytes);
	c->changed |= !c->filtered.whole;
	c->stats.bytes_read += b->n;
	c->stats.bytes_written += c->filtered.bytes.n;
	c->slice_bytes += c->filtered.bytes.n;
	c->stats.messages_read += c->filtered.read;
	c->stats.messages_written += c->filtered.kept;
	return error;
}

/* ---- a group's end ---- */

int clean_drop_made(struct cleaning *c)
{
	int first = 0;
	for (uint32_t i = 0; i < c->n_made; i++) {
		struct segment *s = c->made[i];
		int error = s->cleaned ? segment_remove(c->dir, s->base, CLEANED_SUFFIX) : 0;
		first = first ? first : error;
		segment_free(&s);
	}
	c->n_made = 0;
	return first;
}

/* A segment that has lost nothing stays where it is. */
static int end_group(struct cleaning *c)
{
	if (!c->changed)
		return clean_drop_made(c);
	c->phase = CLEAN_READY;
	return finish_made(c);
}

int clean_group_slice(struct cleaning *c)
{
	struct batch b;
	int rc = 0;
	while (rc == 0 && c->phase == CLEAN_FILTER && !clean_slice_is_over(c)) {
		if (c->n_made == 0)
			rc = begin_group(c);
		else if (c->source == c->group_end)
			rc = end_group(c);
		else if (!c->scanning)
			rc = clean_open_source(c, 0);
		else if ((rc = clean_next_batch(c, &b)) == 1)
			rc = filter(c, &b);
		else if (rc == 0) {
			clean_close_source(c);
			c->source++;
		}
	}
	if (rc == 1)
		c->phase = CLEAN_END;
	return min_of(rc, 0);
}
