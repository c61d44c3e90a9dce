/* batch_priv.h - the inside of a record of magic 2, and what the batch files share. */
#ifndef SAMSA_PROTOCOL_BATCH_PRIV_H
#define SAMSA_PROTOCOL_BATCH_PRIV_H

#include "broker/protocol/batch.h"

enum {
	VARINT_BYTES_MAX = 5,
	VARLONG_BYTES_MAX = 10,
};

/* A varint of more than two bytes. NULL when it is cut or too long: too long if VARINT_BYTES_MAX bytes are
 * there. */
const uint8_t *varint_long_way(const uint8_t *p, const uint8_t *end, int32_t *v);
const uint8_t *varlong_long_way(const uint8_t *p, const uint8_t *end, int64_t *v);

/* Lengths and deltas mostly take one byte or two: those are read without a call. */
static inline const uint8_t *get_varint(const uint8_t *p, const uint8_t *end, int32_t *v)
{
	if (__builtin_expect(p < end && p[0] < 0x80, 1)) {
		*v = (p[0] >> 1) ^ -(p[0] & 1);
		return p + 1;
	}
	if (__builtin_expect(end - p >= 2 && p[1] < 0x80, 1)) {
		int32_t raw = (p[0] & 0x7f) | p[1] << 7;
		*v = (raw >> 1) ^ -(raw & 1);
		return p + 2;
	}
	return varint_long_way(p, end, v);
}

static inline const uint8_t *get_varlong(const uint8_t *p, const uint8_t *end, int64_t *v)
{
	int32_t small;

	if (__builtin_expect(p < end && (p[0] < 0x80 || (end - p >= 2 && p[1] < 0x80)), 1)) {
		p = get_varint(p, end, &small);
		*v = small;
		return p;
	}
	return varlong_long_way(p, end, v);
}

/* What stands in a record, as it stands there. */
struct record_fields {
	int64_t timestamp_delta;
	int32_t offset_delta;
	int32_t header_count;
	struct slice key, value, headers;
};

/* A length and as many bytes; a negative length is null. NULL when they pass the end. */
static inline const uint8_t *get_bytes(const uint8_t *p, const uint8_t *end, struct slice *s)
{
	int32_t n;

	p = get_varint(p, end, &n);
	if (!p || n > end - p)
		return NULL;
	*s = n < 0 ? SLICE_NULL : (struct slice){ p, (uint32_t)n };
	return n < 0 ? p : p + n;
}

/* Whether `count` headers fill the bytes from p to end exactly. */
bool headers_are_whole(const uint8_t *p, const uint8_t *end, int32_t count);

/* Reads the body of a record, which begins after its length and ends exactly at `end`. */
static inline bool get_record(const uint8_t *p, const uint8_t *end, struct record_fields *f)
{
	if (p == end)
		return false;
	p++; /* attributes: none is defined, and Kafka takes any */
	if (!(p = get_varlong(p, end, &f->timestamp_delta)) || !(p = get_varint(p, end, &f->offset_delta)) ||
		!(p = get_bytes(p, end, &f->key)) || !(p = get_bytes(p, end, &f->value)) ||
		!(p = get_varint(p, end, &f->header_count)))
		return false;
	f->headers = (struct slice){ p, (uint32_t)(end - p) };
	return f->header_count == 0 ? p == end : headers_are_whole(p, end, f->header_count);
}

/* As Java counts: past the end it begins again at the other. */
static inline int64_t add_wrapping(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t sub_wrapping(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Ends a walk of records with an error. */
bool records_fail(struct records *r, enum kerr error, const char *why);
/* The same for what has gone wrong in its stream. */
bool records_fail_stream(struct records *r);

/* Magic 0 and 1 (batch_legacy.c). */
void legacy_open(struct records *r, struct codecs *codecs, size_t inflated_max);
bool legacy_next(struct records *r, struct record *out);

#endif
