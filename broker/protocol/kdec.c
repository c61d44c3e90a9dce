/* kdec.c - reading; see kmsg.h. */
#include "broker/protocol/kmsg.h"

static const char *const error_texts[] = {
	[KDEC_OK] = "no error",
	[KDEC_SHORT] = "ends before its last field",
	[KDEC_TRAILING] = "goes on after its last field",
	[KDEC_NULL] = "null in a field that may not be null",
	[KDEC_VARINT] = "a variable-length integer is too long",
	[KDEC_STRING] = "a string is too long",
	[KDEC_COUNT] = "an array has more elements than its bytes can hold",
	[KDEC_TAG] = "a tagged field does not belong here or has a wrong length",
	[KDEC_VERSION] = "no such version of this message",
	[KDEC_MEMORY] = "needs more memory than one request may have",
};

const char *kdec_error_text(int error)
{
	must(error >= 0 && error < (int)countof(error_texts));
	return error_texts[error];
}

void kdec_init(struct kdec *d, struct slice frame, struct arena *arena)
{
	must(arena != NULL);
	if (slice_is_null(frame))
		frame = SLICE_LIT("");
	*d = (struct kdec){ .p = frame.p, .end = frame.p + frame.n, .arena = arena };
}

void kdec_fail(struct kdec *d, enum kdec_error why)
{
	must(why != KDEC_OK);
	if (!d->error)
		d->error = why;
	d->p = d->end;
}

double kdec_f64(struct kdec *d)
{
	int64_t bits = kdec_i64(d);
	double x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

struct uuid kdec_uuid(struct kdec *d)
{
	struct uuid u = { { 0 } };
	const uint8_t *p = kdec_take(d, sizeof u.b);
	if (p)
		memcpy(u.b, p, sizeof u.b);
	return u;
}

/* Seven bits a byte, least first; as many bytes as it needs and no more. */
uint32_t kdec_uvarint(struct kdec *d)
{
	enum { LAST_SHIFT = 28, LAST_BITS = 0x0f };
	uint32_t x = 0;
	for (unsigned shift = 0; shift <= LAST_SHIFT; shift += 7) {
		const uint8_t *p = kdec_take(d, 1);
		if (!p)
			return 0;
		if ((shift == LAST_SHIFT && *p > LAST_BITS) || (shift > 0 && *p == 0))
			break;
		x |= (uint32_t)(*p & 0x7f) << shift;
		if (*p < 0x80)
			return x;
	}
	kdec_fail(d, KDEC_VARINT);
	return 0;
}

/* A length or count: -1 is null, as is, for Kafka, every other negative one. */
static int64_t length16(struct kdec *d)
{
	if (d->flexible)
		return (int64_t)kdec_uvarint(d) - 1;
	return kdec_i16(d);
}

static int64_t length32(struct kdec *d)
{
	if (d->flexible)
		return (int64_t)kdec_uvarint(d) - 1;
	return kdec_i32(d);
}

static struct slice take_slice(struct kdec *d, int64_t n)
{
	if (n < 0 || d->error)
		return SLICE_NULL;
	const uint8_t *p = kdec_take(d, (size_t)n);
	return p ? slice_of(p, (size_t)n) : SLICE_NULL;
}

static struct slice take_string(struct kdec *d, int64_t n)
{
	if (n > KMSG_STRING_MAX) {
		kdec_fail(d, KDEC_STRING);
		return SLICE_NULL;
	}
	return take_slice(d, n);
}

static struct slice not_null(struct kdec *d, struct slice s)
{
	if (slice_is_null(s)) {
		kdec_fail(d, KDEC_NULL);
		return SLICE_LIT("");
	}
	return s;
}

struct slice kdec_nullable_string(struct kdec *d)
{
	return take_string(d, length16(d));
}

struct slice kdec_string(struct kdec *d)
{
	return not_null(d, kdec_nullable_string(d));
}

struct slice kdec_plain_nullable_string(struct kdec *d)
{
	return take_string(d, kdec_i16(d));
}

struct slice kdec_nullable_bytes(struct kdec *d)
{
	return take_slice(d, length32(d));
}

struct slice kdec_bytes(struct kdec *d)
{
	return not_null(d, kdec_nullable_bytes(d));
}

struct krecords kdec_nullable_records(struct kdec *d)
{
	return krecords_of(kdec_nullable_bytes(d));
}

struct krecords kdec_records(struct kdec *d)
{
	return krecords_of(kdec_bytes(d));
}

void *kdec_nullable_array(struct kdec *d, int32_t *ret_n, size_t size, uint32_t least, uint32_t max)
{
	must(size > 0 && max <= INT32_MAX);
	int64_t n = length32(d);
	*ret_n = 0;
	if (d->error || n == 0)
		return NULL;
	if (n < 0) {
		*ret_n = -1;
		return NULL;
	}
	if (n > max || (uint64_t)n * least > kdec_left(d)) {
		kdec_fail(d, KDEC_COUNT);
		return NULL;
	}
	void *elements = arena_array(d->arena, (size_t)n, size);
	if (!elements) {
		kdec_fail(d, KDEC_MEMORY);
		return NULL;
	}
	*ret_n = (int32_t)n;
	return elements;
}

void *kdec_array(struct kdec *d, int32_t *ret_n, size_t size, uint32_t least, uint32_t max)
{
	void *elements = kdec_nullable_array(d, ret_n, size, least, max);
	if (*ret_n < 0) {
		kdec_fail(d, KDEC_NULL);
		*ret_n = 0;
	}
	return elements;
}

void *kdec_struct(struct kdec *d, size_t size)
{
	void *x = d->error ? NULL : arena_alloc(d->arena, size);
	if (!x)
		kdec_fail(d, KDEC_MEMORY);
	return x;
}

void *kdec_nullable_struct(struct kdec *d, size_t size)
{
	return kdec_i8(d) < 0 ? NULL : kdec_struct(d, size);
}

void *kdec_tagged_struct(struct kdec *d, size_t size)
{
	return kdec_uvarint(d) == 0 ? NULL : kdec_struct(d, size);
}

static void read_i32s(struct kdec *d, int32_t *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		x[i] = kdec_i32(d);
}

int32_t *kdec_i32s(struct kdec *d, int32_t *ret_n, uint32_t max)
{
	int32_t *x = kdec_array(d, ret_n, sizeof *x, sizeof *x, max);
	read_i32s(d, x, *ret_n);
	return x;
}

int32_t *kdec_nullable_i32s(struct kdec *d, int32_t *ret_n, uint32_t max)
{
	int32_t *x = kdec_nullable_array(d, ret_n, sizeof *x, sizeof *x, max);
	read_i32s(d, x, *ret_n);
	return x;
}

int64_t *kdec_i64s(struct kdec *d, int32_t *ret_n, uint32_t max)
{
	int64_t *x = kdec_array(d, ret_n, sizeof *x, sizeof *x, max);
	for (int32_t i = 0; i < *ret_n; i++)
		x[i] = kdec_i64(d);
	return x;
}

static void read_strings(struct kdec *d, struct slice *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		x[i] = kdec_string(d);
}

static uint32_t least_string(const struct kdec *d)
{
	return d->flexible ? 1 : 2;
}

struct slice *kdec_strings(struct kdec *d, int32_t *ret_n, uint32_t max)
{
	struct slice *x = kdec_array(d, ret_n, sizeof *x, least_string(d), max);
	read_strings(d, x, *ret_n);
	return x;
}

struct slice *kdec_nullable_strings(struct kdec *d, int32_t *ret_n, uint32_t max)
{
	struct slice *x = kdec_nullable_array(d, ret_n, sizeof *x, least_string(d), max);
	read_strings(d, x, *ret_n);
	return x;
}

struct ktag kdec_tags(struct kdec *d)
{
	return (struct ktag){ .left = d->flexible ? kdec_uvarint(d) : 0 };
}

bool kdec_tag(struct kdec *d, struct ktag *t)
{
	if (t->end && t->end != d->p)
		kdec_fail(d, KDEC_TAG);
	if (d->error || t->left == 0)
		return false;
	t->left--;
	t->tag = kdec_uvarint(d);
	uint32_t n = kdec_uvarint(d);
	if (n > kdec_left(d))
		kdec_fail(d, KDEC_SHORT);
	if (d->error)
		return false;
	t->end = d->p + n;
	return true;
}

void kdec_skip_tag(struct kdec *d, const struct ktag *t)
{
	must(d->p <= t->end);
	d->p = t->end;
}

void kdec_skip_tags(struct kdec *d)
{
	struct ktag t = kdec_tags(d);
	while (kdec_tag(d, &t))
		kdec_skip_tag(d, &t);
}

bool kdec_begin(struct kdec *d, int version, int min, int max, int first_flexible)
{
	if (version < min || version > max)
		kdec_fail(d, KDEC_VERSION);
	d->flexible = version >= first_flexible;
	return !d->error;
}

int kdec_end(struct kdec *d, bool open)
{
	if (!open && d->p != d->end)
		kdec_fail(d, KDEC_TRAILING);
	return d->error;
}
