/* kenc.c - writing; see kmsg.h.
 *
 *	chain:  [link] [link] ... | piece:  linked already | from ... at | room ... end
 *
 * A buffer that fills up becomes a link and another is begun, so nothing written is copied; only the content
 * of an open tag moves along, because its length has yet to be put before it. Without a chain all of it
 * moves.
 */
#include "broker/protocol/kmsg.h"

#include <errno.h>

void kenc_init(struct kenc *e, struct chain *chain, size_t max)
{
	must(max > 0);
	*e = (struct kenc){ .chain = chain, .max = max };
}

static size_t pending(const struct kenc *e)
{
	return (size_t)(e->at - e->from);
}

size_t kenc_bytes_written(const struct kenc *e)
{
	return e->before + pending(e);
}

static void fail(struct kenc *e, int error)
{
	if (!e->error)
		e->error = error;
	e->end = e->at;
}

static void link_pending(struct kenc *e)
{
	size_t n = pending(e);
	if (n == 0)
		return;
	chain_add_mem(e->chain, e->from, n, &buf_get(e->piece)->hold);
	e->before += n;
	e->from = e->at;
}

/* Moves what is pending to the start of a buffer of `size` bytes. */
static bool new_piece(struct kenc *e, size_t size)
{
	size_t n = pending(e);
	struct buf *b = size <= UINT32_MAX ? buf_new(size) : NULL;
	if (!b)
		return false;
	if (n)
		memcpy(b->bytes, e->from, n);
	if (e->frame_length && e->frame_start >= e->before)
		e->frame_length = b->bytes + (e->frame_start - e->before);
	buf_put(e->piece);
	e->piece = b;
	e->from = b->bytes;
	e->at = b->bytes + n;
	e->end = b->bytes + size;
	return true;
}

uint8_t *kenc_room_slow(struct kenc *e, size_t n)
{
	if (e->error)
		return NULL;
	size_t left = e->max - kenc_bytes_written(e);
	if (n > left) {
		fail(e, -EMSGSIZE);
		return NULL;
	}
	if (e->chain && e->open_tags == 0)
		link_pending(e);
	size_t size = e->piece ? (size_t)e->piece->size * 2 : KENC_FIRST_BYTES;
	if (e->chain)
		size = min_of(size, (size_t)KENC_PIECE_BYTES);
	size = max_of(size, pending(e) + n);
	size = min_of(size, pending(e) + left);
	if (!new_piece(e, size)) {
		fail(e, -ENOMEM);
		return NULL;
	}
	return kenc_room(e, n);
}

int kenc_finish(struct kenc *e)
{
	must(e->chain != NULL && e->open_tags == 0);
	if (e->error)
		chain_clear(e->chain);
	else
		link_pending(e);
	buf_put(e->piece);
	e->piece = NULL;
	e->at = e->end = e->from = NULL;
	return e->error;
}

struct buf *kenc_finish_buf(struct kenc *e)
{
	must(e->chain == NULL && e->open_tags == 0);
	if (!e->piece && !e->error)
		kenc_room_slow(e, 0);
	struct buf *b = e->piece;
	if (e->error) {
		buf_put(b);
		b = NULL;
	} else {
		b->used = (uint32_t)pending(e);
	}
	e->piece = NULL;
	e->at = e->end = e->from = NULL;
	return b;
}

void kenc_count_error(struct kenc_errors *errors, int16_t code)
{
	if (code == 0) {
		errors->none++;
		return;
	}
	uint32_t i = 0;
	while (i < errors->others_n && errors->others[i].code != code)
		i++;
	if (i == errors->others_n && i < KENC_ERRORS_MAX) {
		errors->others[i].code = code;
		errors->others[i].n = 0;
		errors->others_n++;
	}
	errors->others[min_of(i, KENC_ERRORS_MAX - 1u)].n++;
}

void kenc_frame_begin(struct kenc *e)
{
	e->frame_start = kenc_bytes_written(e);
	e->frame_length = kenc_room(e, 4);
}

void kenc_frame_end(struct kenc *e)
{
	if (e->error)
		return;
	must(e->frame_length != NULL);
	put_be32(e->frame_length, (uint32_t)(kenc_bytes_written(e) - e->frame_start - 4));
	e->frame_length = NULL;
}

void kenc_raw(struct kenc *e, const void *p, size_t n)
{
	if (n == 0)
		return;
	uint8_t *to = kenc_room(e, n);
	if (to)
		memcpy(to, p, n);
}

void kenc_f64(struct kenc *e, double x)
{
	int64_t bits;
	memcpy(&bits, &x, sizeof bits);
	kenc_i64(e, bits);
}

void kenc_uuid(struct kenc *e, struct uuid x)
{
	kenc_raw(e, x.b, sizeof x.b);
}

static unsigned put_uvarint(uint8_t to[5], uint32_t x)
{
	unsigned n = 0;
	for (; x >= 0x80; x >>= 7)
		to[n++] = (uint8_t)(x | 0x80);
	to[n++] = (uint8_t)x;
	return n;
}

void kenc_uvarint(struct kenc *e, uint32_t x)
{
	uint8_t bytes[5];
	kenc_raw(e, bytes, put_uvarint(bytes, x));
}

/* -1 is null. */
static void put_length16(struct kenc *e, int32_t n)
{
	if (e->flexible)
		kenc_uvarint(e, (uint32_t)(n + 1));
	else
		kenc_i16(e, (int16_t)n);
}

static void put_length32(struct kenc *e, int32_t n)
{
	if (e->flexible)
		kenc_uvarint(e, (uint32_t)n + 1);
	else
		kenc_i32(e, n);
}

/* Text that a peer made long, as in an error message, must not end the broker: the message fails, no more. */
static bool fits(struct kenc *e, struct slice x, uint32_t max)
{
	if (x.n > max)
		fail(e, -EMSGSIZE);
	return x.n <= max;
}

void kenc_nullable_string(struct kenc *e, struct slice x)
{
	if (!fits(e, x, KMSG_STRING_MAX))
		return;
	put_length16(e, x.p ? (int32_t)x.n : -1);
	kenc_raw(e, x.p, x.n);
}

void kenc_string(struct kenc *e, struct slice x)
{
	if (!fits(e, x, KMSG_STRING_MAX))
		return;
	put_length16(e, (int32_t)x.n);
	kenc_raw(e, x.p, x.n);
}

void kenc_plain_nullable_string(struct kenc *e, struct slice x)
{
	if (!fits(e, x, KMSG_STRING_MAX))
		return;
	kenc_i16(e, x.p ? (int16_t)x.n : -1);
	kenc_raw(e, x.p, x.n);
}

void kenc_nullable_bytes(struct kenc *e, struct slice x)
{
	if (!fits(e, x, INT32_MAX))
		return;
	put_length32(e, x.p ? (int32_t)x.n : -1);
	kenc_raw(e, x.p, x.n);
}

void kenc_bytes(struct kenc *e, struct slice x)
{
	if (!fits(e, x, INT32_MAX))
		return;
	put_length32(e, (int32_t)x.n);
	kenc_raw(e, x.p, x.n);
}

/* The links go behind what is written so far, and the piece goes on behind them. */
static void put_links(struct kenc *e, struct chain *links)
{
	must(e->chain != NULL && e->open_tags == 0);
	size_t n = links->bytes, left = e->max - kenc_bytes_written(e);
	link_pending(e);
	chain_append(e->chain, links);
	if (n > left) {
		fail(e, -EMSGSIZE);
		return;
	}
	e->before += n;
	e->end = e->at + min_of((size_t)(e->end - e->at), left - n);
}

void kenc_nullable_records(struct kenc *e, struct krecords x)
{
	if (!x.links) {
		kenc_nullable_bytes(e, x.bytes);
		return;
	}
	must(x.links->bytes <= INT32_MAX);
	put_length32(e, (int32_t)x.links->bytes);
	put_links(e, x.links);
}

void kenc_records(struct kenc *e, struct krecords x)
{
	if (!x.links && slice_is_null(x.bytes))
		x.bytes = SLICE_LIT("");
	kenc_nullable_records(e, x);
}

void kenc_nullable_array(struct kenc *e, int32_t n)
{
	must(n >= -1);
	put_length32(e, n);
}

void kenc_array(struct kenc *e, int32_t n)
{
	must(n >= 0);
	put_length32(e, n);
}

bool kenc_nullable_struct(struct kenc *e, const void *x)
{
	kenc_i8(e, x ? 1 : -1);
	return x != NULL;
}

bool kenc_tagged_struct(struct kenc *e, const void *x)
{
	kenc_uvarint(e, x ? 1 : 0);
	return x != NULL;
}

static void put_i32s(struct kenc *e, const int32_t *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		kenc_i32(e, x[i]);
}

void kenc_i32s(struct kenc *e, const int32_t *x, int32_t n)
{
	kenc_array(e, n);
	put_i32s(e, x, n);
}

void kenc_nullable_i32s(struct kenc *e, const int32_t *x, int32_t n)
{
	kenc_nullable_array(e, n);
	put_i32s(e, x, n);
}

void kenc_i64s(struct kenc *e, const int64_t *x, int32_t n)
{
	kenc_array(e, n);
	for (int32_t i = 0; i < n; i++)
		kenc_i64(e, x[i]);
}

static void put_strings(struct kenc *e, const struct slice *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		kenc_string(e, x[i]);
}

void kenc_strings(struct kenc *e, const struct slice *x, int32_t n)
{
	kenc_array(e, n);
	put_strings(e, x, n);
}

void kenc_nullable_strings(struct kenc *e, const struct slice *x, int32_t n)
{
	kenc_nullable_array(e, n);
	put_strings(e, x, n);
}

void kenc_tags(struct kenc *e, unsigned n)
{
	must(e->flexible || n == 0);
	if (e->flexible)
		kenc_uvarint(e, n);
}

size_t kenc_tag_begin(struct kenc *e, uint32_t tag)
{
	kenc_uvarint(e, tag);
	e->open_tags++;
	return kenc_bytes_written(e);
}

void kenc_tag_end(struct kenc *e, size_t begin)
{
	must(e->open_tags > 0);
	uint8_t length[5];
	size_t n = kenc_bytes_written(e) - begin;
	unsigned width = put_uvarint(length, (uint32_t)n);
	uint8_t *room = kenc_room(e, width);
	e->open_tags--;
	if (!room)
		return;
	uint8_t *content = e->from + (begin - e->before);
	memmove(content + width, content, n);
	memcpy(content, length, width);
}

void kenc_begin(struct kenc *e, int version, int min, int max, int first_flexible)
{
	must(version >= min && version <= max);
	e->flexible = version >= first_flexible;
}
