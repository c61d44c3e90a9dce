/* date_format.c - see date_format.h. Facts: java.text.SimpleDateFormat, in English. */
#include "tools/date_format.h"

#include <ctype.h>
#include <time.h>

enum { TM_YEAR_0 = 1900, WORD_BYTES = 64 };

static void number(struct text *out, int value, int digits)
{
	text_add(out, "%0*d", digits, value);
}

/* Names, by strftime() so that they are those of the C locale. */
static void name(struct text *out, char letter, int n, const struct tm *tm)
{
	char s[WORD_BYTES];
	size_t length = letter == 'z' ? strftime(s, sizeof s, "%Z", tm) :
		letter == 'Z' ? strftime(s, sizeof s, "%z", tm) :
		letter == 'M' && n == 3 ? strftime(s, sizeof s, "%b", tm) :
		letter == 'M' ? strftime(s, sizeof s, "%B", tm) :
		n < 4 ? strftime(s, sizeof s, "%a", tm) : strftime(s, sizeof s, "%A", tm);
	text_bytes(out, slice_of(s, length));
}

static int hour_of_12(const struct tm *tm)
{
	return tm->tm_hour % 12;
}

/* `n` letters of one kind. */
static bool field(struct text *out, char letter, int n, const struct tm *tm, int ms)
{
	switch (letter) {
	case 'y':
		if (n == 2)
			number(out, tm->tm_year % 100, 2);
		else
			number(out, tm->tm_year + TM_YEAR_0, n);
		return true;
	case 'M':
		if (n > 2)
			name(out, letter, n, tm);
		else
			number(out, tm->tm_mon + 1, n);
		return true;
	case 'E':
		name(out, letter, n, tm);
		return true;
	case 'a':
		text_add(out, tm->tm_hour < 12 ? "AM" : "PM");
		return true;
	case 'z':
	case 'Z':
		name(out, letter, n, tm);
		return true;
	default:
		break;
	}
	const struct { char letter; int value; } numbers[] = {
		{ 'd', tm->tm_mday }, { 'D', tm->tm_yday + 1 }, { 'H', tm->tm_hour }, { 'k', tm->tm_hour ?
			tm->tm_hour : 24 },
		{ 'K', hour_of_12(tm) }, { 'h', hour_of_12(tm) ? hour_of_12(tm) : 12 }, { 'm', tm->tm_min },
		{ 's', tm->tm_sec }, { 'S', ms }, { 'u', tm->tm_wday ? tm->tm_wday : 7 },
	};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].letter == letter) {
			number(out, numbers[i].value, n);
			return true;
		}
	}
	return false;
}

/* What stands between apostrophes, as it is; two of them are one. The first byte behind it. */
static const char *quoted(struct text *out, const char *p)
{
	if (p[1] == '\'') {
		text_add(out, "'");
		return p + 2;
	}
	for (p++; *p; p++) {
		if (*p == '\'' && p[1] != '\'')
			return p + 1;
		p += *p == '\'';
		text_add(out, "%c", *p);
	}
	return p;
}

bool date_format(struct text *out, const char *pattern, const struct tm *tm, int ms)
{
	for (const char *p = pattern; *p;) {
		int n = 1;
		if (*p == '\'') {
			p = quoted(out, p);
			continue;
		}
		if (!isalpha((unsigned char)*p)) {
			text_add(out, "%c", *p++);
			continue;
		}
		while (p[n] == *p)
			n++;
		if (!field(out, *p, n, tm, ms))
			return false;
		p += n;
	}
	return true;
}
