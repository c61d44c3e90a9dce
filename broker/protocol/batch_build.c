/* batch_build.c - writing batches of magic 2: our own, and a producer's in another codec or format. */
#include "broker/protocol/batch_priv.h"

#include "broker/base/crc32c.h"
#include "broker/base/must.h"

enum {
	BUILDER_FIRST_BYTES = 1024,	/* the buffer doubles from here */
	END_MARKER_KEY_BYTES = 4,
	END_MARKER_VALUE_BYTES = 6,
};

/* ---- Varints ------------------------------------------------------------------------------------------- */

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static uint8_t *put_varlong(uint8_t *p, int64_t v)
{
	uint64_t raw = zigzag(v);

	for (; raw >= 0x80; raw >>= 7)
		*p++ = (uint8_t)(raw | 0x80);
	*p++ = (uint8_t)raw;
	return p;
}

static uint32_t varlong_bytes(int64_t v)
{
	uint32_t n = 1;

	for (uint64_t raw = zigzag(v); raw >= 0x80; raw >>= 7)
		n++;
	return n;
}

static int32_t slice_length(struct slice s)
{
	return slice_is_null(s) ? -1 : (int32_t)s.n;
}

static uint64_t bytes_bytes(struct slice s)
{
	return (uint64_t)varlong_bytes(slice_length(s)) + s.n;
}

static uint8_t *put_bytes(uint8_t *p, struct slice s)
{
	p = put_varlong(p, slice_length(s));
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

/* ---- The builder --------------------------------------------------------------------------------------- */

void batch_builder_init(struct batch_builder *b, struct codecs *codecs, const struct batch_settings *settings,
	size_t limit)
{
	must(settings->codec < CODEC_COUNT && limit >= BATCH_HEADER_BYTES && limit <= INT32_MAX);
	*b = (struct batch_builder){
		.magic = BATCH_BUILDER_MAGIC,
		.codecs = codecs,
		.settings = *settings,
		.limit = limit,
	};
}

size_t batch_builder_bytes(const struct batch_builder *b)
{
	CHECK_OBJ_NOTNULL(b, BATCH_BUILDER_MAGIC);
	return b->buf ? b->buf->used : BATCH_HEADER_BYTES;
}

/* Room for `n` more bytes of records. */
static bool make_room(struct batch_builder *b, size_t n)
{
	size_t used = batch_builder_bytes(b), size = b->buf ? b->buf->size : BUILDER_FIRST_BYTES;
	struct buf *larger;

	if (n > b->limit - used)
		return false;
	if (b->buf && n <= size - used)
		return true;
	while (size - used < n)
		size *= 2;
	larger = buf_new(min_of(size, b->limit));
	if (!larger)
		return false;
	if (b->buf)
		memcpy(larger->bytes, b->buf->bytes, used);
	larger->used = (uint32_t)used;
	buf_put(b->buf);
	b->buf = larger;
	return true;
}

static int64_t timestamp_delta(const struct batch_builder *b, int64_t timestamp)
{
	if (b->settings.attributes & BATCH_DELETE_HORIZON)
		return sub_wrapping(timestamp, b->settings.delete_horizon);
	return b->count == 0 ? 0 : sub_wrapping(timestamp, b->base_timestamp);
}

bool batch_builder_add_at(struct batch_builder *b, int32_t offset_delta, int64_t timestamp, struct slice key,
	struct slice value, struct slice headers, uint32_t header_count)
{
	int64_t delta = timestamp_delta(b, timestamp);
	uint64_t body = 1 + varlong_bytes(delta) + varlong_bytes(offset_delta) + bytes_bytes(key) +
		bytes_bytes(value) + varlong_bytes(header_count) + headers.n;
	uint8_t *p;

	CHECK_OBJ_NOTNULL(b, BATCH_BUILDER_MAGIC);
	if (body > INT32_MAX || !make_room(b, varlong_bytes((int64_t)body) + body))
		return false;
	p = put_varlong(b->buf->bytes + b->buf->used, (int64_t)body);
	*p++ = 0; /* attributes */
	p = put_varlong(p, delta);
	p = put_varlong(p, offset_delta);
	p = put_bytes(p, key);
	p = put_bytes(p, value);
	p = put_varlong(p, header_count);
	if (headers.n > 0)
		memcpy(p, headers.p, headers.n);
	b->buf->used = (uint32_t)(p + headers.n - b->buf->bytes);
	if (b->count == 0)
		b->base_timestamp = b->max_timestamp = timestamp;
	b->max_timestamp = max_of(b->max_timestamp, timestamp);
	b->last_delta = offset_delta;
	b->count++;
	return true;
}

bool batch_builder_add(struct batch_builder *b, int64_t timestamp, struct slice key, struct slice value,
	struct slice headers, uint32_t header_count)
{
	return batch_builder_add_at(b, b->count, timestamp, key, value, headers, header_count);
}

void batch_builder_end_at(struct batch_builder *b, int32_t last_offset_delta)
{
	CHECK_OBJ_NOTNULL(b, BATCH_BUILDER_MAGIC);
	must(b->count > 0);
	b->last_delta = last_offset_delta;
}

static void put_header(const struct batch_builder *b, struct buf *buf)
{
	const struct batch_settings *s = &b->settings;
	bool append_time = s->attributes & BATCH_LOG_APPEND_TIME;
	int64_t base = s->attributes & BATCH_DELETE_HORIZON ? s->delete_horizon : b->base_timestamp;
	uint8_t *p = buf->bytes;

	put_be64(p + BATCH_BASE_OFFSET_AT, (uint64_t)s->base_offset);
	put_be32(p + BATCH_LENGTH_AT, buf->used - BATCH_OVERHEAD_BYTES);
	put_be32(p + BATCH_LEADER_EPOCH_AT, (uint32_t)s->leader_epoch);
	p[BATCH_MAGIC_AT] = 2;
	put_be16(p + BATCH_ATTRIBUTES_AT, (uint16_t)(s->attributes | s->codec));
	put_be32(p + BATCH_LAST_OFFSET_DELTA_AT, (uint32_t)b->last_delta);
	put_be64(p + BATCH_BASE_TIMESTAMP_AT, (uint64_t)base);
	put_be64(p + BATCH_MAX_TIMESTAMP_AT, (uint64_t)(append_time ? s->log_append_time : b->max_timestamp));
	put_be64(p + BATCH_PRODUCER_ID_AT, (uint64_t)s->producer_id);
	put_be16(p + BATCH_PRODUCER_EPOCH_AT, (uint16_t)s->producer_epoch);
	put_be32(p + BATCH_BASE_SEQUENCE_AT, (uint32_t)s->base_sequence);
	put_be32(p + BATCH_COUNT_AT, (uint32_t)b->count);
	put_be32(p + BATCH_CRC_AT, crc32c(p + BATCH_ATTRIBUTES_AT, buf->used - BATCH_ATTRIBUTES_AT));
}

/* The buffer again, with the records compressed. NULL without memory. */
static struct buf *compressed(struct batch_builder *b)
{
	struct slice records = {
		b->buf->bytes + BATCH_HEADER_BYTES, b->buf->used - BATCH_HEADER_BYTES,
	};
	size_t room = codec_bound(b->settings.codec, records.n);
	struct buf *out = buf_new(BATCH_HEADER_BYTES + room);
	int64_t n;

	if (!out)
		return NULL;
	n = codec_compress(b->codecs, b->settings.codec, b->settings.level, records,
		out->bytes + BATCH_HEADER_BYTES, room);
	if (n < 0) {
		buf_put(out);
		return NULL;
	}
	out->used = BATCH_HEADER_BYTES + (uint32_t)n;
	return out;
}

struct buf *batch_builder_finish(struct batch_builder *b)
{
	struct buf *out;

	CHECK_OBJ_NOTNULL(b, BATCH_BUILDER_MAGIC);
	must(b->count > 0);
	if (b->settings.codec == CODEC_NONE) {
		out = b->buf;
		b->buf = NULL;
	} else {
		out = compressed(b);
	}
	if (out)
		put_header(b, out);
	batch_builder_free(b);
	return out;
}

void batch_builder_free(struct batch_builder *b)
{
	CHECK_OBJ_NOTNULL(b, BATCH_BUILDER_MAGIC);
	buf_put(b->buf);
	b->buf = NULL;
	b->count = 0;
}

/* ---- What is built of them ----------------------------------------------------------------------------- */

struct buf *batch_end_marker(int64_t producer_id, int16_t producer_epoch, int64_t timestamp,
	enum control_type type, int32_t coordinator_epoch, int32_t leader_epoch)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	uint8_t key[END_MARKER_KEY_BYTES] = { 0 }, value[END_MARKER_VALUE_BYTES] = { 0 }; /* versions 0 */
	struct batch_builder b;

	settings.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
	settings.producer_id = producer_id;
	settings.producer_epoch = producer_epoch;
	settings.leader_epoch = leader_epoch;
	put_be16(key + 2, (uint16_t)type);
	put_be32(value + 2, (uint32_t)coordinator_epoch);
	batch_builder_init(&b, NULL, &settings, BUILDER_FIRST_BYTES);
	if (!batch_builder_add(&b, timestamp, slice_of(key, sizeof key), slice_of(value, sizeof value),
		    SLICE_NULL, 0))
		return NULL;
	return batch_builder_finish(&b);
}

static struct batch_settings settings_of(const struct batch_checked *checked, const struct batch_rules *rules,
	int64_t now_ms)
{
	const struct batch *b = &checked->batch;
	struct batch_settings s = {
		.codec = checked->codec,
		.level = rules->level,
		.attributes = batch_is_transactional(b) ? BATCH_TRANSACTIONAL : 0,
		.leader_epoch = -1,
		.producer_id = batch_producer_id(b),
		.producer_epoch = batch_producer_epoch(b),
		.base_sequence = batch_base_sequence(b),
		.log_append_time = now_ms,
	};

	if (rules->log_append_time)
		s.attributes |= BATCH_LOG_APPEND_TIME;
	return s;
}

/* Headers are copied as they came. */
static enum kerr copy_records(struct batch_builder *to, struct records *from, const char **why)
{
	struct record r;

	while (records_next(from, &r))
		if (!batch_builder_add(to, r.timestamp, r.key, r.value, r.headers, r.header_count)) {
			*why = "no memory to rebuild the batch";
			return KERR_UNKNOWN_SERVER_ERROR;
		}
	*why = from->why;
	return from->error;
}

/* The records of one batch of magic 2, or of all messages of a set before it. */
static enum kerr copy_all(struct batch_builder *to, const struct batch_checked *checked, size_t inflated_max,
	const char **why)
{
	enum kerr error = KERR_NONE;
	struct batch_walk walk;
	struct records records;
	struct batch b;

	batch_walk_init(&walk, checked->set);
	while (error == KERR_NONE && batch_next(&walk, &b)) {
		records_open(&records, &b, to->codecs, inflated_max);
		error = copy_records(to, &records, why);
		records_close(&records);
	}
	return error;
}

enum kerr batch_rebuild(struct codecs *codecs, const struct batch_checked *checked,
	const struct batch_rules *rules, int64_t now_ms, struct buf **out, const char **why)
{
	struct batch_settings settings = settings_of(checked, rules, now_ms);
	struct batch_builder builder;
	enum kerr error;

	must(checked->rebuild);
	*out = NULL;
	batch_builder_init(&builder, codecs, &settings, INT32_MAX);
	error = copy_all(&builder, checked, rules->inflated_max, why);
	if (error == KERR_NONE)
		*out = batch_builder_finish(&builder);
	batch_builder_free(&builder);
	if (error != KERR_NONE)
		return error;
	if (!*out) {
		*why = "no memory to rebuild the batch";
		return KERR_UNKNOWN_SERVER_ERROR;
	}
	if ((*out)->used <= (uint32_t)max_of(rules->max_message_bytes, 0))
		return KERR_NONE;
	buf_put(*out);
	*out = NULL;
	*why = "the batch is larger than max.message.bytes when it is rebuilt";
	return KERR_MESSAGE_TOO_LARGE;
}
