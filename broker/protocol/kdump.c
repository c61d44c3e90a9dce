/* kdump.c - messages as JSON text; see kmsg.h. */
#include "broker/protocol/kmsg.h"

#include "broker/base/utf8.h"

#include <math.h>
#include <stdio.h>

enum { FIRST_ROOM = 512 };

void kdump_init(struct kdump *k, size_t max)
{
	must(max > 0 && max <= KDUMP_MAX_BYTES);
	*k = (struct kdump){ .max = max, .room = FIRST_ROOM, .text = mem_alloc(FIRST_ROOM) };
	k->text[0] = 0;
}

void kdump_free(struct kdump *k)
{
	free(k->text);
	*k = (struct kdump){ 0 };
}

static void put(struct kdump *k, const void *bytes, size_t n)
{
	n = min_of(n, k->max - k->n);
	if (k->n + n + 1 > k->room) {
		k->room = max_of(k->room * 2, k->n + n + 1);
		k->text = mem_realloc(k->text, k->room);
	}
	if (n)
		memcpy(k->text + k->n, bytes, n);
	k->n += n;
	k->text[k->n] = 0;
}

static void put_text(struct kdump *k, const char *s)
{
	put(k, s, strlen(s));
}

/* What stands before a value. */
static void put_name(struct kdump *k, const char *name)
{
	if (k->comma)
		put(k, ",", 1);
	k->comma = true;
	if (name) {
		put(k, "\"", 1);
		put_text(k, name);
		put(k, "\":", 2);
	}
}

void kdump_name(struct kdump *k, const char *name)
{
	put_name(k, name);
	k->comma = false;
}

void kdump_begin(struct kdump *k, const char *name)
{
	put_name(k, name);
	put(k, "{", 1);
	k->comma = false;
}

void kdump_end(struct kdump *k)
{
	put(k, "}", 1);
	k->comma = true;
}

void kdump_null(struct kdump *k, const char *name)
{
	put_name(k, name);
	put_text(k, "null");
}

void kdump_array(struct kdump *k, const char *name, int32_t n)
{
	if (n < 0) {
		kdump_null(k, name);
		return;
	}
	put_name(k, name);
	put(k, "[", 1);
	k->comma = false;
}

void kdump_array_end(struct kdump *k, int32_t n)
{
	if (n >= 0)
		put(k, "]", 1);
	k->comma = true;
}

void kdump_int(struct kdump *k, const char *name, int64_t x)
{
	char digits[24];
	put_name(k, name);
	put(k, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)x));
}

void kdump_bool(struct kdump *k, const char *name, bool x)
{
	put_name(k, name);
	put_text(k, x ? "true" : "false");
}

/* JSON has no word for what is not a number; Kafka's converter writes it as a string. */
void kdump_f64(struct kdump *k, const char *name, double x)
{
	char digits[40];
	put_name(k, name);
	if (isnan(x) || isinf(x)) {
		put_text(k, isnan(x) ? "\"NaN\"" : x > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	/* No more digits than give the same number again: 15 often do, 17 always. */
	for (int n = 15; n <= 17; n++) {
		snprintf(digits, sizeof digits, "%.*g", n, x);
		if (strtod(digits, NULL) == x)
			break;
	}
	put_text(k, digits);
	if (!strpbrk(digits, ".e"))
		put_text(k, ".0");
}

void kdump_uuid(struct kdump *k, const char *name, struct uuid x)
{
	put_name(k, name);
	put(k, "\"", 1);
	put_text(k, uuid_format(&x).s);
	put(k, "\"", 1);
}

/* Jackson's escapes (com.fasterxml.jackson.core.io.CharTypes). */
static void put_character(struct kdump *k, const uint8_t *s, unsigned width)
{
	static const char short_escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	char escape[8];
	const char *known = width == 1 && *s ? strchr(short_escapes, *s) : NULL;
	if (width == 0)
		put_text(k, UTF8_REPLACEMENT);
	else if (known && (*s < 0x20 || *s == '"' || *s == '\\'))
		put(k, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", known[1]));
	else if (*s < 0x20)
		put(k, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04X", *s));
	else
		put(k, s, width);
}

void kdump_string(struct kdump *k, const char *name, struct slice x)
{
	put_name(k, name);
	put(k, "\"", 1);
	for (uint32_t i = 0; i < x.n;) {
		unsigned width = utf8_width(x.p + i, x.n - i);
		put_character(k, x.p + i, width);
		i += width ? width : 1;
	}
	put(k, "\"", 1);
}

void kdump_nullable_string(struct kdump *k, const char *name, struct slice x)
{
	if (slice_is_null(x))
		kdump_null(k, name);
	else
		kdump_string(k, name, x);
}

static void put_base64(struct kdump *k, struct slice x)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (uint32_t i = 0; i < x.n; i += 3) {
		uint32_t left = x.n - i, bits = (uint32_t)x.p[i] << 16;
		bits |= left > 1 ? (uint32_t)x.p[i + 1] << 8 : 0;
		bits |= left > 2 ? x.p[i + 2] : 0;
		char four[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
			left > 1 ? alphabet[bits >> 6 & 63] : '=', left > 2 ? alphabet[bits & 63] : '=' };
		put(k, four, sizeof four);
	}
}

void kdump_bytes(struct kdump *k, const char *name, struct slice x)
{
	if (k->explain && k->explain(k, name, x))
		return;
	put_name(k, name);
	put(k, "\"", 1);
	put_base64(k, x);
	put(k, "\"", 1);
}

void kdump_nullable_bytes(struct kdump *k, const char *name, struct slice x)
{
	if (slice_is_null(x))
		kdump_null(k, name);
	else
		kdump_bytes(k, name, x);
}

bool kdump_secret(struct kdump *k, const char *name)
{
	if (!k->secrets)
		kdump_string(k, name, SLICE_LIT("***"));
	return k->secrets;
}

void kdump_records(struct kdump *k, const char *name, struct krecords x)
{
	char size_name[80];
	if (!x.links && (k->whole_records || slice_is_null(x.bytes))) {
		kdump_nullable_bytes(k, name, x.bytes);
		return;
	}
	snprintf(size_name, sizeof size_name, "%sSizeInBytes", name);
	kdump_int(k, size_name, x.links ? (int64_t)x.links->bytes : (int64_t)x.bytes.n);
}

void kdump_i32s(struct kdump *k, const char *name, const int32_t *x, int32_t n)
{
	kdump_array(k, name, n);
	for (int32_t i = 0; i < n; i++)
		kdump_int(k, NULL, x[i]);
	kdump_array_end(k, n);
}

void kdump_i64s(struct kdump *k, const char *name, const int64_t *x, int32_t n)
{
	kdump_array(k, name, n);
	for (int32_t i = 0; i < n; i++)
		kdump_int(k, NULL, x[i]);
	kdump_array_end(k, n);
}

void kdump_strings(struct kdump *k, const char *name, const struct slice *x, int32_t n)
{
	kdump_array(k, name, n);
	for (int32_t i = 0; i < n; i++)
		kdump_string(k, NULL, x[i]);
	kdump_array_end(k, n);
}
