/* resources.c - see resources.h. */
#include "broker/api/resources.h"

const char *resource_text(struct arena *a, int type, struct slice name)
{
	const char *kind = type == RESOURCE_TOPIC    ? "TOPIC"
			   : type == RESOURCE_BROKER ? "BROKER"
						     : "UNKNOWN";
	return arena_printf(a, "ConfigResource(type=%s, name='%.*s')", kind, SLICE_ARGS(name));
}

bool resource_broker_id(struct slice name, int32_t *id)
{
	int64_t value = 0;
	bool negative = name.n > 0 && name.p[0] == '-';
	uint32_t i = name.n > 0 && (negative || name.p[0] == '+') ? 1 : 0;
	if (i == name.n)
		return false;
	for (; i < name.n; i++) {
		if (name.p[i] < '0' || name.p[i] > '9')
			return false;
		value = value * 10 + (name.p[i] - '0');
		if (value - negative > INT32_MAX)
			return false;
	}
	*id = (int32_t)(negative ? -value : value);
	return true;
}
