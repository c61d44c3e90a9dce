/* batch_legacy.c - messages of magic 0 and 1, alone or as a compressed set in the value of a wrapper. Only
 * read: what was stored before Kafka 0.11 stays readable.
 *
 * A set is decompressed whole, because a wrapper of magic 1 knows only the offset of its last message, and
 * the messages inside count from 0.
 */
#include "broker/protocol/batch_priv.h"

static int32_t get_size(const uint8_t *p)
{
	return (int32_t)get_be32(p);
}

/* A size and as many bytes; a negative size is null. NULL when they pass the end. */
static const uint8_t *get_sized(const uint8_t *p, const uint8_t *end, struct slice *s)
{
	if (end - p < (ptrdiff_t)sizeof(int32_t))
		return NULL;
	int32_t n = get_size(p);
	p += sizeof(int32_t);
	if (n > end - p)
		return NULL;
	*s = n < 0 ? SLICE_NULL : (struct slice){ p, (uint32_t)n };
	return n < 0 ? p : p + n;
}

/* One message, from its offset on. `wrapper`: the batch it was found in, which may be itself. */
static bool get_message(const uint8_t *p, const uint8_t *end, const struct batch *wrapper, struct record *out)
{
	uint8_t magic = p[BATCH_MAGIC_AT];
	const uint8_t *rest = p + (magic == 0 ? MESSAGE_V0_HEADER_BYTES : MESSAGE_V1_HEADER_BYTES);

	if (magic > 1 || rest > end)
		return false;
	*out = (struct record){ .timestamp = -1, .sequence = -1, .magic = magic,
		.message = { p, (uint32_t)(end - p) } };
	out->offset = (int64_t)get_be64(p);
	if (magic == 1)
		out->timestamp = batch_is_log_append_time(wrapper) ? batch_max_timestamp(wrapper) :
			(int64_t)get_be64(p + MESSAGE_TIMESTAMP_AT);
	rest = get_sized(rest, end, &out->key);
	return rest && get_sized(rest, end, &out->value); /* bytes behind the value are nobody's concern */
}

/* The next message of a set. False at its end, which may be a message that is cut. */
static bool next_entry(struct records *r, const uint8_t *p, const uint8_t **entry_end)
{
	if (r->end - p < BATCH_OVERHEAD_BYTES)
		return false;
	int32_t size = get_size(p + BATCH_LENGTH_AT);
	if (size < BATCH_LENGTH_MIN)
		return records_fail(r, KERR_CORRUPT_MESSAGE, "an inner message is shorter than its header");
	if (size > r->end - p - BATCH_OVERHEAD_BYTES)
		return false;
	*entry_end = p + BATCH_OVERHEAD_BYTES + size;
	return true;
}

/* Looks through the set for the offset that its messages count from. */
static void find_inner_base(struct records *r)
{
	int64_t wrapper_offset = batch_base_offset(&r->batch), last = -1;
	const uint8_t *p = r->p, *entry_end = p;
	int count = 0;

	for (; next_entry(r, p, &entry_end); p = entry_end, count++)
		last = (int64_t)get_be64(p);
	if (r->error != KERR_NONE)
		return;
	r->end = p;
	if (count == 0) {
		records_fail(r, KERR_INVALID_RECORD, "a compressed message set is empty");
		return;
	}
	if (batch_magic(&r->batch) == 0 || wrapper_offset == 0)
		return; /* absolute; and old librdkafka wrote 0 into every wrapper */
	if (wrapper_offset < last)
		records_fail(r, KERR_INVALID_RECORD, "a compressed message set has a wrong offset");
	r->inner_base = wrapper_offset - last;
}

void legacy_open(struct records *r, struct codecs *codecs, size_t inflated_max)
{
	const struct batch *b = &r->batch;
	unsigned codec = batch_codec(b);
	struct record wrapper;

	r->p = b->p;
	r->end = b->p + b->n;
	if (codec == CODEC_NONE)
		return;
	if (codec == CODEC_ZSTD) {
		records_fail(r, KERR_INVALID_RECORD, "zstd in a message set of magic 0 or 1");
		return;
	}
	if (!get_message(b->p, b->p + b->n, b, &wrapper) || slice_is_null(wrapper.value)) {
		records_fail(r, KERR_INVALID_RECORD, "a compressed message set has no value");
		return;
	}
	r->stream = decompress_open(codecs, (enum codec)codec, batch_magic(b), wrapper.value, inflated_max);
	size_t n = decompress_peek(r->stream, inflated_max + 1, &r->p);
	r->end = r->p + n;
	if (decompress_error(r->stream) != 0)
		records_fail_stream(r);
	else
		find_inner_base(r);
}

bool legacy_next(struct records *r, struct record *out)
{
	const uint8_t *entry_end = r->end;

	if (r->p == r->end || !next_entry(r, r->p, &entry_end)) {
		r->done = true;
		return false;
	}
	if (!get_message(r->p, entry_end, &r->batch, out))
		return records_fail(r, KERR_INVALID_RECORD, "key or value of a message pass its end");
	if (r->stream && r->p[MESSAGE_ATTRIBUTES_AT] & BATCH_CODEC_MASK)
		return records_fail(r, KERR_INVALID_RECORD, "an inner message is compressed again");
	out->offset = add_wrapping(out->offset, r->inner_base);
	r->p = entry_end;
	return true;
}
