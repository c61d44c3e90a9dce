/* human.h - sizes, times and foreign text as a person reads them. Everything is in the arena, which must not
 * run dry.
 */
#ifndef SAMSA_TOOLS_HUMAN_H
#define SAMSA_TOOLS_HUMAN_H

#include "broker/base/arena.h"

#include <stdarg.h>
#include <stdint.h>

char *human_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *human_vprintf(struct arena *a, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
/* "512 bytes", "1.2 GiB" */
const char *human_bytes(struct arena *a, int64_t bytes);
/* Its two largest units: "2 days 3 h", "45 s", "120 ms" */
const char *human_span(struct arena *a, int64_t ms);
/* "2026-11-21T21:10:59Z"; a time that no calendar has is told in ms. */
const char *human_time(struct arena *a, int64_t ms);
/* What clients have named so, safe on a terminal: U+FFFD for each byte that is no UTF-8 or would control
 * it. */
const char *human_text(struct arena *a, struct slice s);
/* How many columns it takes, if each character takes one. */
unsigned human_width(const char *s);

/* Times and sizes of others may be any number: what is too large stays the largest. */
static inline int64_t sum_of(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static inline int64_t difference_of(int64_t a, int64_t b)
{
	int64_t difference;
	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return difference;
}

#endif
