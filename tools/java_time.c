/* java_time.c - see java_time.h. */
#include "tools/java_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MS = 1000, MINUTE = 60, HOUR = 3600, DAY = 86400, YEAR_MAX = 9999, NUMBER_MAX = 1000000000 };

bool java_datetime_has_zone(const char *text)
{
	const char *time = strchr(text, 'T');
	return time && strpbrk(time + 1, "+-Z");
}

/* The zone's distance from UTC in seconds; -1 when it is none. */
static int zone(const char *s, int *seconds)
{
	int hours = 0, minutes = 0, n = 0;
	*seconds = 0;
	if (strcmp(s, "Z") == 0)
		return 0;
	if (s[0] != '+' && s[0] != '-')
		return -1;
	bool read = (sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &n) == 2 && s[1 + n] == '\0') ||
		(sscanf(s + 1, "%2d%n", &hours, &n) == 1 && n == 2 && s[1 + n] == '\0');
	if (!read || hours > 23 || minutes > 59)
		return -1;
	*seconds = (hours * HOUR + minutes * MINUTE) * (s[0] == '-' ? -1 : 1);
	return 0;
}

const char *java_datetime(const char *text, int64_t *ms)
{
	struct tm tm = { 0 };
	int milli, n = 0, offset = 0;
	if (!strchr(text, 'T') || !strchr(text, 'T')[1])
		return "T";
	if (sscanf(text, "%d-%d-%dT%d:%d:%d.%d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		    &tm.tm_min, &tm.tm_sec, &milli, &n) != 7)
		return "%";
	if (text[n] && zone(text + n, &offset) < 0)
		return "%";
	if (tm.tm_year < 1 || tm.tm_year > YEAR_MAX || milli < 0 || milli >= MS)
		return "%";
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	struct tm same = tm;
	int64_t seconds = timegm(&same);
	/* Not lenient: the 31st of June is no date. */
	if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
		same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return "%";
	*ms = (seconds - offset) * MS + milli;
	return NULL;
}

/* One number with its letter, out of those that may still come. */
static int unit(const char **s, const char **letters, double *seconds)
{
	static const struct {
		char letter;
		int seconds;
	} units[] = { { 'D', DAY }, { 'H', HOUR }, { 'M', MINUTE }, { 'S', 1 } };
	char *end;
	if (!isdigit((unsigned char)(*s)[0]) && !isdigit((unsigned char)(*s)[1]))
		return -EINVAL;
	double n = strtod(*s, &end);
	char letter = (char)toupper((unsigned char)*end);
	const char *at = letter ? strchr(*letters, letter) : NULL;
	bool whole = !memchr(*s, '.', (size_t)(end - *s));
	if (!at || (!whole && letter != 'S') || n > NUMBER_MAX || n < -NUMBER_MAX)
		return -EINVAL;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].letter == letter)
			*seconds += n * units[i].seconds;
	*letters = at + 1;
	*s = end + 1;
	return 0;
}

int java_duration(const char *text, int64_t *ms)
{
	double seconds = 0;
	const char *s = text, *letters = "D";
	bool minus = s[0] == '-', any = false;
	if (s[0] == '-' || s[0] == '+')
		s++;
	if (toupper((unsigned char)*s++) != 'P')
		return -EINVAL;
	if (toupper((unsigned char)*s) != 'T' && *s) {
		if (unit(&s, &letters, &seconds) < 0)
			return -EINVAL;
		any = true;
	}
	if (toupper((unsigned char)*s) == 'T') {
		s++;
		any = false;
		letters = "HMS";
		for (; *s; any = true)
			if (unit(&s, &letters, &seconds) < 0)
				return -EINVAL;
	}
	if (!any || *s)
		return -EINVAL;
	*ms = (int64_t)(seconds * MS) * (minus ? -1 : 1);
	return 0;
}
