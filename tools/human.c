/* human.c - see human.h */
#include "tools/human.h"

#include "broker/base/must.h"
#include "broker/base/utf8.h"
#include "tools/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { TIME_BYTES = 64, MS_IN_S = 1000, UTF8_LEAD_MASK = 0xc0, UTF8_FOLLOWS = 0x80 };

char *human_vprintf(struct arena *a, const char *format, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	must(n >= 0);
	char *s = arena_alloc(a, (size_t)n + 1);
	must(s != NULL);
	vsnprintf(s, (size_t)n + 1, format, ap);
	return s;
}

char *human_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *s = human_vprintf(a, format, ap);
	va_end(ap);
	return s;
}

const char *human_bytes(struct arena *a, int64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes / 1024;
	unsigned unit = 0;
	if (bytes > -1024 && bytes < 1024)
		return human_printf(a, "%" PRId64 " bytes", bytes);
	while ((n >= 1024 || n <= -1024) && unit + 1 < countof(units)) {
		n /= 1024;
		unit++;
	}
	return human_printf(a, "%.1f %s", n, units[unit]);
}

const char *human_span(struct arena *a, int64_t ms)
{
	static const struct {
		const char *one, *many;
		int64_t ms;
	} units[] = {
		{ " day", " days", 86400000 },
		{ " h", " h", 3600000 },
		{ " min", " min", 60000 },
		{ " s", " s", 1000 },
		{ " ms", " ms", 1 },
	};
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	const char *sign = ms < 0 ? "-" : "";
	unsigned i = 0;
	while (i + 1 < countof(units) && left < (uint64_t)units[i].ms)
		i++;
	uint64_t first = left / (uint64_t)units[i].ms;
	const char *text = human_printf(
		a, "%s%" PRIu64 "%s", sign, first, first == 1 ? units[i].one : units[i].many);
	left %= (uint64_t)units[i].ms;
	/* Below a second nobody asks, unless there is nothing else. */
	if (i + 2 < countof(units) && left >= (uint64_t)units[i + 1].ms)
		text = human_printf(
			a, "%s %" PRIu64 "%s", text, left / (uint64_t)units[i + 1].ms, units[i + 1].many);
	return text;
}

const char *human_time(struct arena *a, int64_t ms)
{
	char s[TIME_BYTES];
	struct tm tm;
	time_t seconds = (time_t)(ms / MS_IN_S - (ms % MS_IN_S < 0));
	if (!gmtime_r(&seconds, &tm) || strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return human_printf(a, "%" PRId64 " ms", ms);
	return human_printf(a, "%s", s);
}

/* C0, DEL, and C1 as two bytes. */
static bool controls(const uint8_t *s, unsigned width)
{
	return (width == 1 && (s[0] < ' ' || s[0] == 0x7f)) || (width == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

const char *human_text(struct arena *a, struct slice s)
{
	struct text text = { 0 };
	for (uint32_t i = 0; i < s.n;) {
		unsigned width = utf8_width(s.p + i, s.n - i);
		if (width == 0 || controls(s.p + i, width))
			text_add(&text, UTF8_REPLACEMENT);
		else
			text_bytes(&text, slice_of(s.p + i, width));
		i += width ? width : 1;
	}
	const char *out = human_printf(a, "%s", text.s ? text.s : "");
	text_free(&text);
	return out;
}

unsigned human_width(const char *s)
{
	unsigned n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & UTF8_LEAD_MASK) != UTF8_FOLLOWS;
	return n;
}
