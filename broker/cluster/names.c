/* names.c - see names.h. */
#include "broker/cluster/names.h"

#include "broker/base/must.h"

static bool is_legal(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		c == '_' || c == '-';
}

const char *name_problem(struct slice name)
{
	if (name.n == 0)
		return "the empty string is not allowed";
	if (slice_is(name, ".") || slice_is(name, ".."))
		return "'.' or '..' is not allowed";
	if (name.n > TOPIC_NAME_MAX)
		return "the length is longer than the max allowed length 249";
	for (uint32_t i = 0; i < name.n; i++)
		if (!is_legal(name.p[i]))
			return "it contains one or more characters other than ASCII alphanumerics, '.', '_' "
				"and '-'";
	return NULL;
}

bool name_is_internal(struct slice name)
{
	return slice_is(name, TOPIC_OFFSETS) || slice_is(name, TOPIC_TRANSACTIONS);
}

static uint8_t unified(uint8_t c)
{
	return c == '.' ? '_' : c;
}

int name_compare_collision(struct slice a, struct slice b)
{
	for (uint32_t i = 0; i < min_of(a.n, b.n); i++)
		if (unified(a.p[i]) != unified(b.p[i]))
			return unified(a.p[i]) < unified(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

bool name_collides(struct slice a, struct slice b)
{
	return name_compare_collision(a, b) == 0;
}
