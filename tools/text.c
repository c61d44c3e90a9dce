/* text.c - see text.h */
#include "tools/text.h"

#include "broker/base/must.h"
#include "broker/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_FIRST_BYTES = 512 };

/* Room for `n` bytes and the zero. */
static char *room_for(struct text *t, size_t n)
{
	if (t->room - t->n <= n) {
		t->room = max_of(max_of(t->room * 2, t->n + n + 1), (size_t)TEXT_FIRST_BYTES);
		t->s = mem_realloc(t->s, t->room);
	}
	return t->s + t->n;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list ap, again;
	va_start(ap, format);
	va_copy(again, ap);
	char *at = room_for(t, 1);
	int n = vsnprintf(at, t->room - t->n, format, ap);
	must(n >= 0);
	if ((size_t)n >= t->room - t->n)
		vsnprintf(room_for(t, (size_t)n), (size_t)n + 1, format, again);
	t->n += (size_t)n;
	va_end(again);
	va_end(ap);
}

void text_bytes(struct text *t, struct slice bytes)
{
	char *at = room_for(t, bytes.n);
	if (bytes.n)
		memcpy(at, bytes.p, bytes.n);
	at[bytes.n] = 0;
	t->n += bytes.n;
}

void text_utf8(struct text *t, struct slice bytes)
{
	for (uint32_t i = 0; i < bytes.n;) {
		uint32_t good = i;
		unsigned width;
		while (good < bytes.n && (width = utf8_width(bytes.p + good, bytes.n - good)) > 0)
			good += width;
		text_bytes(t, slice_of(bytes.p + i, good - i));
		i = good;
		if (i < bytes.n) {
			text_add(t, UTF8_REPLACEMENT);
			i++;
		}
	}
}

void text_clear(struct text *t)
{
	t->n = 0;
	if (t->s)
		t->s[0] = 0;
}

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

struct slice text_slice(const struct text *t)
{
	return t->s ? slice_of(t->s, t->n) : SLICE_LIT("");
}
