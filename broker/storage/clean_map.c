/* clean_map.c - the dirty part of a log is read for the last offset of each key (see clean_priv.h). */
#include "broker/storage/clean_priv.h"

#include "broker/base/must.h"

#include <errno.h>

/* ---- reading ---- */

int clean_open_source(struct cleaning *c, int64_t position)
{
	const struct clean_source *s = &c->sources[c->source];
	must(!c->scanning);
	c->fd = sys_open(path_of(c->dir, s->base, LOG_SUFFIX).s, SYS_READ);
	if (c->fd < 0)
		return c->fd;
	scan_open_room(&c->scan, c->fd, min_of(position, s->size), s->size, c->io_bytes);
	c->scanning = true;
	c->last_offset = s->base - 1;
	return 0;
}

void clean_close_source(struct cleaning *c)
{
	if (!c->scanning)
		return;
	scan_close(&c->scan);
	sys_close(c->fd);
	c->scanning = false;
}

static int damaged(struct cleaning *c, const char *why)
{
	c->why = why;
	return -EBADMSG;
}

int clean_next_batch(struct cleaning *c, struct batch *b)
{
	struct scanned at;
	const struct clean_source *s = &c->sources[c->source];
	int rc = scan_next(&c->scan, &at);
	if (rc == -EBADMSG || (rc == 0 && c->scan.position < s->size))
		return damaged(c, rc ? c->scan.why : "its last batch is cut");
	if (rc == 1)
		rc = scan_whole(&c->scan, &at);
	else if (rc == 0)
		return 0;
	if (rc < 0)
		return rc;
	*b = at.b;
	if (batch_last_offset(b) <= c->last_offset)
		return damaged(c, "its offsets do not rise");
	c->last_offset = batch_last_offset(b);
	c->slice_bytes += b->n;
	return 1;
}

bool clean_slice_is_over(const struct cleaning *c)
{
	return atomic_load_explicit(&c->abort, memory_order_relaxed) ||
		c->slice_bytes >= c->slice_bytes_max || sys_mono_ns() >= c->slice_until_ns;
}

/* ---- the map ---- */

/* 1: the map is full. */
static int map_records(struct cleaning *c, const struct batch *b)
{
	struct records records;
	struct record r;
	int rc = 0;
	if (!batch_crc_is_good(b))
		return damaged(c, "the CRC of a batch is wrong");
	records_open(&records, b, c->codecs, SEGMENT_INFLATED_MAX);
	while (rc == 0 && records_next(&records, &r)) {
		c->stats.map_messages_read++;
		if (slice_is_null(r.key) || r.offset < c->from)
			continue;
		if (key_map_put(c->map, r.key, r.offset))
			c->map_end = r.offset + 1;
		else
			rc = 1;
	}
	if (rc == 0 && records.error != KERR_NONE)
		rc = damaged(c, records.why);
	records_close(&records);
	return rc;
}

/* 1: the map is full. */
static int map_batch(struct cleaning *c, const struct batch *b)
{
	const struct aborted_txn *retained;
	bool has_keys = false;
	if (batch_is_control(b))
		clean_txns_marker(c->txns, b, &retained);
	else
		has_keys = !clean_txns_data(c->txns, b);
	int rc = has_keys ? map_records(c, b) : 0;
	if (rc == 0 && batch_last_offset(b) >= c->from)
		c->map_end = batch_last_offset(b) + 1;
	c->stats.map_bytes_read += b->n;
	return rc;
}

/* Where the dirty part begins in its first segment. */
static int first_position(const struct cleaning *c, int64_t *position)
{
	const struct clean_source *s = &c->sources[c->source];
	*position = 0;
	if (c->from <= s->base || s->size == 0)
		return 0;
	struct segment_view v = { .dir = c->dir, .base = s->base, .size = s->size, .index_fd = -1 };
	struct segment_found found;
	index_init(&v.offsets, INDEX_OFFSET_BYTES);
	index_init(&v.times, INDEX_TIME_BYTES);
	int error = index_load(&v.offsets, path_of(c->dir, s->base, INDEX_SUFFIX).s);
	int rc = error && error != -ENOENT ? error : segment_view_open(&v);
	if (!rc)
		rc = segment_find(&v, c->from, true, &found);
	segment_view_drop(&v);
	if (rc == 1)
		*position = found.position;
	return min_of(rc, 0);
}

static int begin(struct cleaning *c)
{
	uint64_t records = (uint64_t)(c->upper - c->from);
	c->codecs = codecs_new();
	c->txns = clean_txns_new(c->aborted, c->n_aborted);
	c->map = key_map_new(c->op->map_bytes, c->op->map_load, records);
	if (!c->map) {
		c->why = "its map of keys has no room for a single one: raise "
			"log.cleaner.dedupe.buffer.size, or lower log.cleaner.threads";
		return -ENOMEM;
	}
	while (c->sources[c->source].end <= c->from)
		c->source++;
	must(c->source < c->n_sources);
	return 0;
}

static int end(struct cleaning *c)
{
	clean_close_source(c);
	clean_txns_free(&c->txns);
	c->txns = clean_txns_new(c->aborted, c->n_aborted);
	c->stats.map_ns = sys_mono_ns() - c->begun_ns;
	c->stats.map_fill = key_map_fill(c->map);
	c->source = 0;
	c->phase = CLEAN_FILTER;
	return 0;
}

/* A segment was read to its end: what its last offsets lack is not there. */
static void next_source(struct cleaning *c)
{
	c->map_end = max_of(c->map_end, c->sources[c->source].end);
	clean_close_source(c);
	c->source++;
}

int clean_map_slice(struct cleaning *c)
{
	struct batch b;
	int64_t position = 0;
	int rc = c->map ? 0 : begin(c);
	while (rc == 0 && !clean_slice_is_over(c)) {
		if (c->source == c->n_sources)
			return end(c);
		if (!c->scanning)
			rc = first_position(c, &position);
		if (!rc && !c->scanning)
			rc = clean_open_source(c, position);
		int found = rc ? rc : clean_next_batch(c, &b);
		if (found == 0)
			next_source(c);
		else
			rc = found < 0 ? found : map_batch(c, &b);
	}
	return rc == 1 ? end(c) : rc;
}
