/* kmsg.h - what the generated message code stands on: a cursor that reads, a writer, and a dump.
 *
 * The messages themselves are written in schema/NAME.kmsg; gen.py makes NAME.kmsg.h and NAME.kmsg.c of each.
 * For a message X there are
 *	struct X            every field of every version; see README for how C sees each type
 *	X_decode(d, v, m)   0 or an enum kdec_error; slices live as long as the frame, arrays in the arena
 *	X_encode(e, v, m)   asserts that no field is set that the version lacks, but those called ignorable
 *	X_dump(k, v, m)     the JSON that Kafka's own converter prints
 *	X_defaults(m)       zero, but for the fields whose default is another
 * Nothing here is shared between cores.
 */
#ifndef SAMSA_PROTOCOL_KMSG_H
#define SAMSA_PROTOCOL_KMSG_H

#include "broker/base/arena.h"
#include "broker/base/buf.h"
#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KMSG_ARRAY_MAX = 1000000, /* elements of an array whose schema names no `max` */
	KMSG_STRING_MAX = 32767,  /* bytes of a string, in every version */
	KENC_FIRST_BYTES = 1024,  /* room of a writer's first buffer */
	KENC_PIECE_BYTES = 65536, /* and of the largest that it asks for on its own account */
	KDUMP_MAX_BYTES = 64 << 20,
};

/* Record batches: borrowed bytes when read; when written, bytes that are copied or a chain that is moved. */
struct krecords {
	struct slice bytes;  /* p == NULL and no links: null */
	struct chain *links; /* emptied by the encoder, which looks at it before `bytes` */
};

static inline struct krecords krecords_of(struct slice bytes)
{
	return (struct krecords){ .bytes = bytes };
}

/* Why a message was refused. The first reason stays. */
enum kdec_error {
	KDEC_OK,
	KDEC_SHORT,    /* ends before its last field */
	KDEC_TRAILING, /* goes on after its last field */
	KDEC_NULL,     /* null where it may not be */
	KDEC_VARINT,   /* longer than it need be, or above 32 bits */
	KDEC_STRING,   /* above KMSG_STRING_MAX */
	KDEC_COUNT,    /* more elements than the bytes that remain could hold, or than the schema allows */
	KDEC_TAG,      /* a tag that this version lacks, or whose length is not that of its content */
	KDEC_VERSION,  /* no such version of the message */
	KDEC_MEMORY,   /* the arena's cap is reached */
};

const char *kdec_error_text(int error);

/* Reading. After an error the cursor stands at its end: whatever is read yields zero, empty or
 * null. So the generated code has no error branches, and X_decode() asks once. */
struct kdec {
	const uint8_t *p, *end;
	struct arena *arena; /* for arrays and structs that may be null */
	enum kdec_error error;
	bool flexible; /* of the message being read */
};

/* Walks the tagged fields of one struct. */
struct ktag {
	uint32_t left;      /* tags not yet seen */
	uint32_t tag;
	const uint8_t *end; /* of the content of `tag` */
};

void kdec_init(struct kdec *d, struct slice frame, struct arena *arena);
void kdec_fail(struct kdec *d, enum kdec_error why);

static inline size_t kdec_left(const struct kdec *d)
{
	return (size_t)(d->end - d->p);
}

/* `n` bytes of the frame, or NULL. */
static inline const uint8_t *kdec_take(struct kdec *d, size_t n)
{
	if (__builtin_expect(kdec_left(d) < n, 0)) {
		kdec_fail(d, KDEC_SHORT);
		return NULL;
	}
	const uint8_t *p = d->p;
	d->p += n;
	return p;
}

static inline int8_t kdec_i8(struct kdec *d)
{
	const uint8_t *p = kdec_take(d, 1);
	return p ? (int8_t)*p : 0;
}

static inline bool kdec_bool(struct kdec *d)
{
	return kdec_i8(d) != 0;
}

static inline uint16_t kdec_u16(struct kdec *d)
{
	const uint8_t *p = kdec_take(d, 2);
	return p ? get_be16(p) : 0;
}

static inline int16_t kdec_i16(struct kdec *d)
{
	return (int16_t)kdec_u16(d);
}

static inline uint32_t kdec_u32(struct kdec *d)
{
	const uint8_t *p = kdec_take(d, 4);
	return p ? get_be32(p) : 0;
}

static inline int32_t kdec_i32(struct kdec *d)
{
	return (int32_t)kdec_u32(d);
}

static inline int64_t kdec_i64(struct kdec *d)
{
	const uint8_t *p = kdec_take(d, 8);
	return p ? (int64_t)get_be64(p) : 0;
}

double kdec_f64(struct kdec *d);
struct uuid kdec_uuid(struct kdec *d);
uint32_t kdec_uvarint(struct kdec *d);

struct slice kdec_string(struct kdec *d);
struct slice kdec_nullable_string(struct kdec *d);
struct slice kdec_plain_nullable_string(struct kdec *d); /* two bytes of length in every version */
struct slice kdec_bytes(struct kdec *d);
struct slice kdec_nullable_bytes(struct kdec *d);
struct krecords kdec_records(struct kdec *d);
struct krecords kdec_nullable_records(struct kdec *d);

/* Zeroed room for `*ret_n` elements, each of `size` bytes here and of at least `least` bytes in the frame: a
 * count that the rest of the frame cannot hold is refused before the arena is asked. A null array has n ==
 * -1. */
void *kdec_array(struct kdec *d, int32_t *ret_n, size_t size, uint32_t least, uint32_t max);
void *kdec_nullable_array(struct kdec *d, int32_t *ret_n, size_t size, uint32_t least, uint32_t max);
/* Zeroed room for a struct. One that may be null has a byte before it, -1 or 1; in a tagged field 0 or 1. */
void *kdec_struct(struct kdec *d, size_t size);
void *kdec_nullable_struct(struct kdec *d, size_t size);
void *kdec_tagged_struct(struct kdec *d, size_t size);

int32_t *kdec_i32s(struct kdec *d, int32_t *ret_n, uint32_t max);
int32_t *kdec_nullable_i32s(struct kdec *d, int32_t *ret_n, uint32_t max);
int64_t *kdec_i64s(struct kdec *d, int32_t *ret_n, uint32_t max);
struct slice *kdec_strings(struct kdec *d, int32_t *ret_n, uint32_t max);
struct slice *kdec_nullable_strings(struct kdec *d, int32_t *ret_n, uint32_t max);

/* Tags come in any order and the last of two equal ones counts, as in Kafka. */
struct ktag kdec_tags(struct kdec *d);
bool kdec_tag(struct kdec *d, struct ktag *t);
void kdec_skip_tag(struct kdec *d, const struct ktag *t);
/* All tags of a struct that knows none. */
void kdec_skip_tags(struct kdec *d);

bool kdec_begin(struct kdec *d, int version, int min, int max, int first_flexible);
/* `open`: other bytes may follow, as after a header. */
int kdec_end(struct kdec *d, bool open);

/* How often each error code was written, of an answer whose writer is asked to count. */
enum { KENC_ERRORS_MAX = 7 };
struct kenc_errors {
	uint32_t none;     /* code 0 */
	uint32_t others_n;
	/* The first so many different ones; any further one is counted as the last of them. */
	struct {
		int16_t code;
		uint32_t n;
	} others[KENC_ERRORS_MAX];
};

/* Writing. Appends to buffers that grow, up to `max` bytes in all; past it, and without memory, the
 * writer drops what it is given and kenc_finish() says so. With a chain, buffers become links as they fill,
 * and records are links of their own; without one, everything is one buffer. */
struct kenc {
	uint8_t *at, *end;     /* where the next byte goes; end of the room in `piece` */
	uint8_t *from;         /* first byte not yet in the chain */
	struct buf *piece;
	struct chain *chain;   /* NULL: one contiguous buffer */
	uint8_t *frame_length; /* where kenc_frame_end() writes */
	size_t before;         /* bytes in the chain, all written before `from` */
	size_t frame_start;
	size_t max;
	struct kenc_errors *errors; /* NULL: nobody counts them; set after kenc_init() */
	unsigned open_tags;    /* their bytes must stay together until their length is known */
	int error;             /* 0, -EMSGSIZE, -ENOMEM */
	bool flexible;         /* of the message being written */
};

void kenc_init(struct kenc *e, struct chain *chain, size_t max);
/* What was written is in the chain. On an error the chain is emptied. */
int kenc_finish(struct kenc *e);
/* For a writer without chain: the buffer, the caller's to put, or NULL after an error. */
struct buf *kenc_finish_buf(struct kenc *e);
/* Bytes written so far. */
size_t kenc_bytes_written(const struct kenc *e);

/* Four bytes of length, filled in by the end, for the frame of a request or response. */
void kenc_frame_begin(struct kenc *e);
void kenc_frame_end(struct kenc *e);

uint8_t *kenc_room_slow(struct kenc *e, size_t n);

/* `n` bytes to fill, or NULL. */
static inline uint8_t *kenc_room(struct kenc *e, size_t n)
{
	if (__builtin_expect((size_t)(e->end - e->at) < n, 0))
		return kenc_room_slow(e, n);
	uint8_t *p = e->at;
	e->at += n;
	return p;
}

static inline void kenc_i8(struct kenc *e, int8_t x)
{
	uint8_t *p = kenc_room(e, 1);
	if (p)
		*p = (uint8_t)x;
}

static inline void kenc_bool(struct kenc *e, bool x)
{
	kenc_i8(e, x);
}

static inline void kenc_u16(struct kenc *e, uint16_t x)
{
	uint8_t *p = kenc_room(e, 2);
	if (p)
		put_be16(p, x);
}

static inline void kenc_i16(struct kenc *e, int16_t x)
{
	kenc_u16(e, (uint16_t)x);
}

static inline void kenc_u32(struct kenc *e, uint32_t x)
{
	uint8_t *p = kenc_room(e, 4);
	if (p)
		put_be32(p, x);
}

static inline void kenc_i32(struct kenc *e, int32_t x)
{
	kenc_u32(e, (uint32_t)x);
}

static inline void kenc_i64(struct kenc *e, int64_t x)
{
	uint8_t *p = kenc_room(e, 8);
	if (p)
		put_be64(p, (uint64_t)x);
}

void kenc_count_error(struct kenc_errors *errors, int16_t code);

/* A field that is an error code. */
static inline void kenc_error(struct kenc *e, int16_t code)
{
	if (e->errors)
		kenc_count_error(e->errors, code);
	kenc_i16(e, code);
}

void kenc_f64(struct kenc *e, double x);
void kenc_uuid(struct kenc *e, struct uuid x);
void kenc_uvarint(struct kenc *e, uint32_t x);
void kenc_raw(struct kenc *e, const void *p, size_t n);

/* A null slice in a field that may not be null is written as empty. */
void kenc_string(struct kenc *e, struct slice x);
void kenc_nullable_string(struct kenc *e, struct slice x);
void kenc_plain_nullable_string(struct kenc *e, struct slice x);
void kenc_bytes(struct kenc *e, struct slice x);
void kenc_nullable_bytes(struct kenc *e, struct slice x);
void kenc_records(struct kenc *e, struct krecords x);
void kenc_nullable_records(struct kenc *e, struct krecords x);

/* The count of an array; the elements follow. */
void kenc_array(struct kenc *e, int32_t n);
void kenc_nullable_array(struct kenc *e, int32_t n);
/* Whether the struct is there; it follows when it is. */
bool kenc_nullable_struct(struct kenc *e, const void *x);
bool kenc_tagged_struct(struct kenc *e, const void *x);
void kenc_i32s(struct kenc *e, const int32_t *x, int32_t n);
void kenc_nullable_i32s(struct kenc *e, const int32_t *x, int32_t n);
void kenc_i64s(struct kenc *e, const int64_t *x, int32_t n);
void kenc_strings(struct kenc *e, const struct slice *x, int32_t n);
void kenc_nullable_strings(struct kenc *e, const struct slice *x, int32_t n);

/* How many tagged fields follow; nothing in a version that has none. */
void kenc_tags(struct kenc *e, unsigned n);
/* The content is written between the two; the length then moves in before it. */
size_t kenc_tag_begin(struct kenc *e, uint32_t tag);
void kenc_tag_end(struct kenc *e, size_t begin);

void kenc_begin(struct kenc *e, int version, int min, int max, int first_flexible);

/* Dump. JSON text for logs and tools. As Kafka's converter: bytes in base64, uuids in base64url,
 * records by size unless `whole_records`, tagged fields left out at their default. Fields that the schema
 * calls secret are shown only with `secrets`. */
struct kdump {
	char *text; /* zero-terminated */
	size_t n, room;
	size_t max; /* text past it is cut */
	bool whole_records;
	bool secrets;
	bool comma; /* the next key or element follows another */
	/* NULL, or what may show bytes as what it knows them to be; false leaves them to base64. */
	bool (*explain)(struct kdump *k, const char *name, struct slice bytes);
};

void kdump_init(struct kdump *k, size_t max);
void kdump_free(struct kdump *k);

/* The name of a value that follows without one. */
void kdump_name(struct kdump *k, const char *name);
/* A NULL name: an element of an array. */
void kdump_begin(struct kdump *k, const char *name);
void kdump_end(struct kdump *k);
void kdump_array(struct kdump *k, const char *name, int32_t n);
void kdump_array_end(struct kdump *k, int32_t n);
void kdump_null(struct kdump *k, const char *name);
void kdump_int(struct kdump *k, const char *name, int64_t x);
void kdump_bool(struct kdump *k, const char *name, bool x);
void kdump_f64(struct kdump *k, const char *name, double x);
void kdump_uuid(struct kdump *k, const char *name, struct uuid x);
void kdump_string(struct kdump *k, const char *name, struct slice x);
void kdump_nullable_string(struct kdump *k, const char *name, struct slice x);
void kdump_bytes(struct kdump *k, const char *name, struct slice x);
void kdump_nullable_bytes(struct kdump *k, const char *name, struct slice x);
/* Whether a secret field may be shown; if not, it is shown as "***". */
bool kdump_secret(struct kdump *k, const char *name);
void kdump_records(struct kdump *k, const char *name, struct krecords x);
void kdump_i32s(struct kdump *k, const char *name, const int32_t *x, int32_t n);
void kdump_i64s(struct kdump *k, const char *name, const int64_t *x, int32_t n);
void kdump_strings(struct kdump *k, const char *name, const struct slice *x, int32_t n);

#endif
