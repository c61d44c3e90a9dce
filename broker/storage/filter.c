/* filter.c - see filter.h */
#include "broker/storage/filter.h"

#include "broker/base/crc32c.h"
#include "broker/base/must.h"

#include <errno.h>
#include <string.h>

enum { SET_FIRST_BYTES = 4096 };

/* What a first walk over the records has found. */
struct tally {
	uint32_t n, kept;
	bool tombstone; /* among those that are kept */
	bool mixed;     /* a record has not the batch's magic (KAFKA-4298) */
};

static int records_error(const struct records *r, const char **why)
{
	if (r->error == KERR_NONE)
		return 0;
	*why = r->why;
	return r->error == KERR_MESSAGE_TOO_LARGE ? -EFBIG : -EBADMSG;
}

static void set_bit(struct filtered *f, uint32_t i, bool on)
{
	if (i / 8 >= f->keep_bytes) {
		size_t larger = max_of(f->keep_bytes * 2, (size_t)64);
		f->keep = mem_realloc(f->keep, larger);
		memset(f->keep + f->keep_bytes, 0, larger - f->keep_bytes);
		f->keep_bytes = larger;
	}
	uint8_t bit = (uint8_t)(1u << i % 8);
	f->keep[i / 8] = on ? f->keep[i / 8] | bit : f->keep[i / 8] & (uint8_t)~bit;
}

static bool get_bit(const struct filtered *f, uint32_t i)
{
	return f->keep[i / 8] >> i % 8 & 1;
}

static int ask(const struct filter_rules *rules, const struct batch *b, struct filtered *out,
	struct tally *t, const char **why)
{
	struct records records;
	struct record r;
	*t = (struct tally){ 0 };
	records_open(&records, b, rules->codecs, rules->inflated_max);
	while (records_next(&records, &r)) {
		bool keep = rules->keeps(rules->arg, b, &r);
		set_bit(out, t->n++, keep);
		t->kept += keep;
		t->tombstone |= keep && slice_is_null(r.value);
		t->mixed |= r.magic != batch_magic(b);
	}
	int error = records_error(&records, why);
	records_close(&records);
	return error;
}

/* DefaultRecordBatch.writeEmptyHeader */
static struct slice header_alone(const struct batch *b, uint8_t out[BATCH_HEADER_BYTES])
{
	unsigned kept = BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL;
	memcpy(out, b->p, BATCH_HEADER_BYTES);
	put_be32(out + BATCH_LENGTH_AT, BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES);
	put_be16(out + BATCH_ATTRIBUTES_AT, (uint16_t)(batch_attributes(b) & kept));
	put_be64(out + BATCH_BASE_TIMESTAMP_AT, (uint64_t)-1);
	put_be32(out + BATCH_COUNT_AT, 0);
	put_be32(out + BATCH_CRC_AT,
		crc32c(out + BATCH_ATTRIBUTES_AT, BATCH_HEADER_BYTES - BATCH_ATTRIBUTES_AT));
	return slice_of(out, BATCH_HEADER_BYTES);
}

static struct batch_settings settings_of(const struct filter_rules *rules, const struct batch *b,
	bool new_horizon)
{
	unsigned kept = BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL | BATCH_DELETE_HORIZON;
	return (struct batch_settings){
		.codec = (enum codec)batch_codec(b),
		.level = CODEC_LEVEL_DEFAULT,
		.attributes = (batch_attributes(b) & kept) | (new_horizon ? BATCH_DELETE_HORIZON : 0),
		.base_offset = batch_base_offset(b),
		.leader_epoch = batch_leader_epoch(b),
		.producer_id = batch_producer_id(b),
		.producer_epoch = batch_producer_epoch(b),
		.base_sequence = batch_base_sequence(b),
		.log_append_time = batch_max_timestamp(b),
		.delete_horizon = new_horizon ? rules->now_ms + rules->delete_retention_ms :
			batch_base_timestamp(b),
	};
}

/* Writes those that ask() has marked. */
static int copy_kept(struct records *from, const struct filtered *marks, struct batch_builder *to,
	const char **why)
{
	struct record r;
	for (uint32_t i = 0; records_next(from, &r); i++)
		if (get_bit(marks, i) && !batch_builder_add_at(to, r.offset_delta, r.timestamp, r.key,
			r.value, r.headers, r.header_count)) {
			*why = "the batch becomes too large";
			return -EFBIG;
		}
	return records_error(from, why);
}

static int rebuild(const struct filter_rules *rules, const struct batch *b, bool new_horizon,
	struct filtered *out, const char **why)
{
	struct batch_settings settings = settings_of(rules, b, new_horizon);
	struct batch_builder builder;
	struct records records;
	batch_builder_init(&builder, rules->codecs, &settings, INT32_MAX);
	records_open(&records, b, rules->codecs, rules->inflated_max);
	int error = copy_kept(&records, out, &builder, why);
	records_close(&records);
	if (!error) {
		/* The last sequence of the producer is reckoned from the last offset: it stays. */
		batch_builder_end_at(&builder, batch_last_offset_delta(b));
		out->buf = batch_builder_finish(&builder);
		error = out->buf ? 0 : -ENOMEM;
	}
	batch_builder_free(&builder);
	if (out->buf)
		out->bytes = slice_of(out->buf->bytes, out->buf->used);
	return error;
}

/* ---- magic 0 and 1 ---- */

struct set {
	struct buf *buf;
	unsigned attributes;   /* of the messages in it */
	int magic;
	int64_t first_offset, last_offset, max_timestamp;
};

static bool make_room(struct set *set, uint64_t n)
{
	uint64_t need = set->buf->used + n, size = set->buf->size;
	if (need <= size)
		return true;
	while (size < need)
		size *= 2;
	struct buf *larger = size <= INT32_MAX ? buf_new(size) : NULL;
	if (!larger)
		return false;
	memcpy(larger->bytes, set->buf->bytes, set->buf->used);
	larger->used = set->buf->used;
	buf_put(set->buf);
	set->buf = larger;
	return true;
}

static uint8_t *put_sized(uint8_t *p, struct slice s)
{
	put_be32(p, slice_is_null(s) ? UINT32_MAX : s.n);
	if (s.n > 0)
		memcpy(p + 4, s.p, s.n);
	return p + 4 + s.n;
}

/* The header of a message of `n` bytes at `p`; its CRC too, so its key and value stand there already. */
static void put_message(uint8_t *p, uint32_t n, int magic, int64_t offset, unsigned attributes,
	int64_t timestamp)
{
	put_be64(p, (uint64_t)offset);
	put_be32(p + BATCH_LENGTH_AT, n - BATCH_OVERHEAD_BYTES);
	p[BATCH_MAGIC_AT] = (uint8_t)magic;
	p[MESSAGE_ATTRIBUTES_AT] = (uint8_t)attributes;
	if (magic == 1)
		put_be64(p + MESSAGE_TIMESTAMP_AT, (uint64_t)timestamp);
	put_be32(p + MESSAGE_CRC_AT, crc32_zlib(p + MESSAGE_CRC_FROM, n - MESSAGE_CRC_FROM));
}

static uint32_t message_header(int magic)
{
	return magic == 0 ? MESSAGE_V0_HEADER_BYTES : MESSAGE_V1_HEADER_BYTES;
}

/* Inner offsets of magic 1 count from the first that is kept, those of magic 0 are as they are. */
static bool add_message(struct set *set, const struct record *r)
{
	uint64_t n = (uint64_t)message_header(set->magic) + 8 + r->key.n + r->value.n;
	if (n > INT32_MAX || !make_room(set, n))
		return false;
	uint8_t *p = set->buf->bytes + set->buf->used;
	if (set->buf->used == 0)
		set->first_offset = r->offset;
	put_sized(put_sized(p + message_header(set->magic), r->key), r->value);
	put_message(p, (uint32_t)n, set->magic, set->magic == 1 ? r->offset - set->first_offset : r->offset,
		set->attributes, r->timestamp);
	set->buf->used += (uint32_t)n;
	set->last_offset = r->offset;
	set->max_timestamp = max_of(set->max_timestamp, r->timestamp);
	return true;
}

/* The set in the value of a message of its own. (lz4 gets the right header checksum in magic 0, too: readers
 * of Kafka take any there.) */
static struct buf *wrap(const struct filter_rules *rules, const struct batch *b, const struct set *set)
{
	enum codec codec = (enum codec)batch_codec(b);
	uint32_t header = message_header(set->magic) + 8;
	size_t room = codec_bound(codec, set->buf->used);
	struct buf *out = buf_new(header + room);
	if (!out)
		return NULL;
	int64_t n = codec_compress(rules->codecs, codec, CODEC_LEVEL_DEFAULT,
		slice_of(set->buf->bytes, set->buf->used), out->bytes + header, room);
	if (n < 0) {
		buf_put(out);
		return NULL;
	}
	put_be32(out->bytes + header - 8, UINT32_MAX);
	put_be32(out->bytes + header - 4, (uint32_t)n);
	out->used = header + (uint32_t)n;
	put_message(out->bytes, out->used, set->magic, set->last_offset, batch_attributes(b),
		batch_is_log_append_time(b) ? batch_max_timestamp(b) : set->max_timestamp);
	return out;
}

/* Only a wrapper can lose a part of what it holds. */
static int rebuild_set(const struct filter_rules *rules, const struct batch *b, struct filtered *out,
	const char **why)
{
	struct set set = { .buf = buf_new(SET_FIRST_BYTES), .magic = batch_magic(b), .max_timestamp = -1,
		.attributes = batch_attributes(b) & BATCH_LOG_APPEND_TIME };
	struct records records;
	struct record r;
	int error = set.buf ? 0 : -ENOMEM;
	must(batch_codec(b) != CODEC_NONE);
	records_open(&records, b, rules->codecs, rules->inflated_max);
	for (uint32_t i = 0; !error && records_next(&records, &r); i++)
		if (get_bit(out, i) && !add_message(&set, &r))
			error = -ENOMEM;
	if (!error)
		error = records_error(&records, why);
	records_close(&records);
	if (!error)
		out->buf = wrap(rules, b, &set);
	buf_put(set.buf);
	if (!error && !out->buf)
		error = -ENOMEM;
	if (out->buf)
		out->bytes = slice_of(out->buf->bytes, out->buf->used);
	return error;
}

/* ---- the whole ---- */

/* Whether it has to be told now when its tombstones, or the marker that it is, may go. */
static bool needs_horizon(const struct filter_rules *rules, const struct batch *b, bool may_go)
{
	int64_t horizon;
	bool never = __builtin_add_overflow(rules->now_ms, rules->delete_retention_ms, &horizon);
	return may_go && !never && !batch_is_legacy(b) && !batch_has_delete_horizon(b);
}

static void keep_whole(const struct batch *b, struct filtered *out)
{
	out->bytes = slice_of(b->p, b->n);
	out->whole = true;
}

static void keep_header(const struct batch *b, struct filtered *out)
{
	must(!batch_is_legacy(b));
	out->bytes = header_alone(b, out->empty);
	out->whole = b->n == BATCH_HEADER_BYTES && memcmp(b->p, out->empty, b->n) == 0;
}

static void begin(struct filtered *out)
{
	buf_put(out->buf);
	out->buf = NULL;
	out->bytes = SLICE_NULL;
	out->whole = false;
	out->read = out->kept = 0;
}

int filter_batch(const struct filter_rules *rules, const struct batch *b, enum filter_verdict verdict,
	bool empty_txn_marker, struct filtered *out, const char **why)
{
	struct tally t;
	begin(out);
	if (verdict == FILTER_DELETE)
		return 0;
	int error = ask(rules, b, out, &t, why);
	if (error)
		return error;
	out->read = t.n;
	out->kept = t.kept;
	bool new_horizon = t.kept > 0 && needs_horizon(rules, b, t.tombstone || empty_txn_marker);
	bool whole = t.kept > 0 && t.kept == t.n && !t.mixed && !new_horizon;
	if (whole)
		keep_whole(b, out);
	if (whole || (t.kept == 0 && verdict == FILTER_DELETE_EMPTY))
		return 0;
	/* What is written anew gets a good CRC: damage must not get it too. */
	if (!batch_crc_is_good(b)) {
		*why = "its CRC is wrong";
		return -EBADMSG;
	}
	if (t.kept > 0)
		return batch_is_legacy(b) ? rebuild_set(rules, b, out, why) :
			rebuild(rules, b, new_horizon, out, why);
	keep_header(b, out);
	return 0;
}

void filter_free(struct filtered *f)
{
	buf_put(f->buf);
	free(f->keep);
	*f = (struct filtered){ 0 };
}
