/* batch_read.c - from bytes to batches, and from a batch of magic 2 to its records. */
#include "broker/protocol/batch_priv.h"

#include "broker/base/crc32c.h"
#include "broker/base/must.h"

#include <errno.h>

/* ---- Framing ------------------------------------------------------------------------------------------- */

enum kerr batch_frame(const uint8_t *p, size_t n, uint32_t *size, const char **why)
{
	static const uint32_t least[] = { MESSAGE_V0_BYTES_MIN, MESSAGE_V1_BYTES_MIN, BATCH_HEADER_BYTES };

	*size = 0;
	*why = NULL;
	if (n < BATCH_OVERHEAD_BYTES)
		return KERR_NONE;
	int32_t length = (int32_t)get_be32(p + BATCH_LENGTH_AT);
	if (length < BATCH_LENGTH_MIN) {
		*why = "the length of the batch is below that of the smallest message";
		return KERR_CORRUPT_MESSAGE;
	}
	if (length > INT32_MAX - BATCH_OVERHEAD_BYTES) {
		*why = "the length of the batch is beyond what a broker can address";
		return KERR_UNKNOWN_SERVER_ERROR;
	}
	if (n < BATCH_PEEK_BYTES)
		return KERR_NONE;
	uint8_t magic = p[BATCH_MAGIC_AT];
	if (magic > 2) {
		*why = "the magic number of the batch is not 0, 1 or 2";
		return KERR_CORRUPT_MESSAGE;
	}
	*size = (uint32_t)length + BATCH_OVERHEAD_BYTES;
	if (*size <= n && *size < least[magic]) {
		*why = "the batch is shorter than its own header";
		return KERR_CORRUPT_MESSAGE;
	}
	return KERR_NONE;
}

void batch_walk_init(struct batch_walk *w, struct slice bytes)
{
	const uint8_t *p = bytes.p ? bytes.p : (const uint8_t *)"";

	*w = (struct batch_walk){ .p = p, .end = p + bytes.n };
}

bool batch_next(struct batch_walk *w, struct batch *b)
{
	size_t n = (size_t)(w->end - w->p);
	uint32_t size;

	if (w->error != KERR_NONE)
		return false;
	w->error = batch_frame(w->p, n, &size, &w->why);
	if (w->error != KERR_NONE || size == 0 || size > n)
		return false;
	*b = (struct batch){ w->p, size };
	w->p += size;
	return true;
}

uint32_t batch_computed_crc(const struct batch *b)
{
	if (batch_is_legacy(b))
		return crc32_zlib(b->p + MESSAGE_CRC_FROM, b->n - MESSAGE_CRC_FROM);
	return crc32c(b->p + BATCH_ATTRIBUTES_AT, b->n - BATCH_ATTRIBUTES_AT);
}

/* ---- Varints ------------------------------------------------------------------------------------------- */

const uint8_t *varint_long_way(const uint8_t *p, const uint8_t *end, int32_t *v)
{
	uint32_t raw = 0;

	for (int i = 0; i < VARINT_BYTES_MAX && p + i < end; i++) {
		raw |= (uint32_t)(p[i] & 0x7f) << (7 * i); /* bits past the 32nd fall off, as in Java */
		if (p[i] < 0x80) {
			*v = (int32_t)(raw >> 1) ^ -(int32_t)(raw & 1);
			return p + i + 1;
		}
	}
	return NULL;
}

const uint8_t *varlong_long_way(const uint8_t *p, const uint8_t *end, int64_t *v)
{
	uint64_t raw = 0;

	for (int i = 0; i < VARLONG_BYTES_MAX && p + i < end; i++) {
		raw |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			*v = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
			return p + i + 1;
		}
	}
	return NULL;
}

/* ---- Headers ------------------------------------------------------------------------------------------- */

/* A header's key may not be null. */
static const uint8_t *get_header(const uint8_t *p, const uint8_t *end, struct record_header *h)
{
	p = get_bytes(p, end, &h->key);
	if (!p || slice_is_null(h->key))
		return NULL;
	return get_bytes(p, end, &h->value);
}

bool headers_are_whole(const uint8_t *p, const uint8_t *end, int32_t count)
{
	struct record_header ignored;

	if (count < 0 || count > end - p)
		return false;
	for (int32_t i = 0; i < count && p; i++)
		p = get_header(p, end, &ignored);
	return p == end;
}

bool record_header_next(struct record *r, struct record_header *h)
{
	const uint8_t *end = r->headers.p + r->headers.n, *p;

	if (r->header_count == 0)
		return false;
	p = get_header(r->headers.p, end, h);
	must(p != NULL); /* records_next() has seen that they are whole */
	r->header_count--;
	r->headers = (struct slice){ p, (uint32_t)(end - p) };
	return true;
}

/* ---- The records of a batch ---------------------------------------------------------------------------- */

bool records_fail(struct records *r, enum kerr error, const char *why)
{
	r->error = error;
	r->why = why;
	r->done = true;
	return false;
}

bool records_fail_stream(struct records *r)
{
	switch (decompress_error(r->stream)) {
	case 0:
		return records_fail(r, KERR_INVALID_RECORD, "the batch has fewer records than it says");
	case -EFBIG:
		return records_fail(r, KERR_MESSAGE_TOO_LARGE, "the batch decompresses to too many bytes");
	case -ENOMEM:
		return records_fail(r, KERR_UNKNOWN_SERVER_ERROR, "no memory to decompress the batch");
	default:
		return records_fail(r, KERR_UNKNOWN_SERVER_ERROR, "the batch cannot be decompressed");
	}
}

void records_open(struct records *r, const struct batch *b, struct codecs *codecs, size_t inflated_max)
{
	unsigned codec = batch_codec(b);
	struct slice payload;

	*r = (struct records){ .magic = RECORDS_MAGIC, .batch = *b, .left = batch_count(b) };
	if (codec >= CODEC_COUNT) {
		records_fail(r, KERR_UNKNOWN_SERVER_ERROR, "the batch has a codec that is not known");
		return;
	}
	if (batch_is_legacy(b)) {
		legacy_open(r, codecs, inflated_max);
		return;
	}
	if (r->left < 0) {
		records_fail(r, KERR_INVALID_RECORD, "the batch has a negative count of records");
		return;
	}
	payload = slice_of(b->p + BATCH_HEADER_BYTES, b->n - BATCH_HEADER_BYTES);
	if (codec != CODEC_NONE) {
		r->stream = decompress_open(codecs, (enum codec)codec, 2, payload, inflated_max);
	} else {
		r->p = payload.p;
		r->end = payload.p + payload.n;
	}
}

/* Where the body of the next record is, and that nothing follows the last. Compressed: the window shows
 * the record whole, and of the last one also what follows. */
static bool find_in_stream(struct records *r, const uint8_t **body, const uint8_t **body_end)
{
	const uint8_t *p, *after;
	int32_t length;
	size_t have, size;

	decompress_skip(r->stream, (size_t)(r->end - r->p)); /* the record before */
	r->p = r->end = NULL;
	have = decompress_peek(r->stream, VARINT_BYTES_MAX, &p);
	after = get_varint(p, p + have, &length);
	if (!after)
		return records_fail_stream(r);
	if (length < 0)
		return records_fail(r, KERR_INVALID_RECORD, "a record has a negative length");
	size = (size_t)(after - p) + (size_t)length;
	have = decompress_peek(r->stream, size + (r->left == 1), &p);
	if (have < size)
		return records_fail_stream(r);
	*body_end = p + size;
	*body = *body_end - length;
	r->p = p;
	r->end = *body_end;
	return true;
}

/* The same in memory. Java takes a length of more bytes than a varint may have for a fault of its own. */
static bool find_in_memory(struct records *r, const uint8_t **body, const uint8_t **body_end)
{
	const uint8_t *p;
	int32_t length;

	p = get_varint(r->p, r->end, &length);
	if (!p && r->end - r->p >= VARINT_BYTES_MAX)
		return records_fail(r, KERR_UNKNOWN_SERVER_ERROR, "a record's length has too many bytes");
	if (!p)
		return records_fail(r, KERR_INVALID_RECORD, "the batch has fewer records than it says");
	if (length < 0 || length > r->end - p)
		return records_fail(r, KERR_INVALID_RECORD, "a record's length passes the end of the batch");
	*body = p;
	*body_end = r->p = p + length;
	return true;
}

/* The last record is handed out only when nothing follows it. */
static bool nothing_follows(struct records *r)
{
	const uint8_t *p;
	size_t size = (size_t)(r->end - r->p);

	if (!r->stream)
		return r->p == r->end ||
			records_fail(r, KERR_INVALID_RECORD, "the batch has more records than it says");
	if (decompress_peek(r->stream, size, &p) > size)
		return records_fail(r, KERR_INVALID_RECORD, "the batch has more records than it says");
	return decompress_error(r->stream) == 0 || records_fail_stream(r);
}

static bool next_of_batch(struct records *r, struct record *out)
{
	const struct batch *b = &r->batch;
	const uint8_t *body, *body_end;
	struct record_fields f;
	int32_t sequence = batch_base_sequence(b);

	if (!(r->stream ? find_in_stream(r, &body, &body_end) : find_in_memory(r, &body, &body_end)))
		return false;
	if (!get_record(body, body_end, &f))
		return records_fail(r, KERR_INVALID_RECORD, "a record's parts do not add up to its length");
	if (--r->left == 0 && !nothing_follows(r))
		return false;
	*out = (struct record){
		.offset = add_wrapping(batch_base_offset(b), f.offset_delta),
		.timestamp = batch_is_log_append_time(b) ? batch_max_timestamp(b) :
			add_wrapping(batch_base_timestamp(b), f.timestamp_delta),
		.sequence = sequence < 0 ? -1 : batch_sequence_add(sequence, f.offset_delta),
		.offset_delta = f.offset_delta,
		.key = f.key,
		.value = f.value,
		.headers = f.headers,
		.header_count = (uint32_t)f.header_count,
		.magic = 2,
	};
	return true;
}

bool records_next(struct records *r, struct record *out)
{
	CHECK_OBJ_NOTNULL(r, RECORDS_MAGIC);
	if (r->done)
		return false;
	if (batch_is_legacy(&r->batch))
		return legacy_next(r, out);
	if (r->left == 0) {
		r->done = true;
		return false;
	}
	return next_of_batch(r, out);
}

void records_close(struct records *r)
{
	CHECK_OBJ_NOTNULL(r, RECORDS_MAGIC);
	if (r->stream)
		decompress_close(&r->stream);
	r->magic = 0;
}

bool record_end_marker(const struct record *r, enum control_type *type, int32_t *coordinator_epoch)
{
	enum { VERSION_AT = 0, TYPE_AT = 2, KEY_BYTES = 4, EPOCH_AT = 2, VALUE_BYTES = 6 };

	if (slice_is_null(r->key) || r->key.n < KEY_BYTES || slice_is_null(r->value) ||
		r->value.n < VALUE_BYTES)
		return false;
	uint16_t kind = get_be16(r->key.p + TYPE_AT);
	if ((int16_t)get_be16(r->key.p + VERSION_AT) < 0 || (int16_t)get_be16(r->value.p + VERSION_AT) < 0 ||
		kind > CONTROL_COMMIT)
		return false;
	*type = (enum control_type)kind;
	*coordinator_epoch = (int32_t)get_be32(r->value.p + EPOCH_AT);
	return true;
}
