/* ibp.c - see ibp.h. */
#include "broker/config/ibp.h"

#include "broker/base/must.h"

#include <string.h>

static const struct {
	const char *name, *release;
} versions[IBP_COUNT] = {
#define X(symbol, name, release) { name, release },
#include "broker/config/ibp.tbl"
#undef X
};

/* How much of the text counts: two numbers, or three where the version begins with 0. ("3.9.2" is "3.9"). */
static size_t counted(const char *text)
{
	int dots = strncmp(text, "0.", 2) == 0 ? 3 : 2;
	const char *p = text;
	for (; *p; p++)
		if (*p == '.' && --dots == 0)
			break;
	return (size_t)(p - text);
}

int ibp_parse(const char *text)
{
	size_t n = counted(text);
	for (int v = IBP_COUNT - 1; v >= 0; v--) {
		const char *name = versions[v].name, *release = versions[v].release;
		if (strlen(name) == n && memcmp(name, text, n) == 0)
			return v;
		if (strlen(release) == n && memcmp(release, text, n) == 0)
			return v;
	}
	return -1;
}

const char *ibp_name(enum ibp v)
{
	must((int)v >= 0 && v < IBP_COUNT);
	return versions[v].name;
}

const char *ibp_release(enum ibp v)
{
	must((int)v >= 0 && v < IBP_COUNT);
	return versions[v].release;
}

int ibp_record_format(enum ibp v)
{
	return v >= IBP_0_11_0_IV0 ? 2 : v >= IBP_0_10_0_IV0 ? 1 : 0;
}

const char *ibp_for_record_format(int format)
{
	return format >= 2 ? "0.11.0" : format == 1 ? "0.10.0" : "0.8.0";
}
