/* json_read.c - see json_read.h. org.apache.kafka.server.util.Json and DecodeJson. */
#include "tools/json_read.h"

#include <stdlib.h>

enum { DEPTH_OF_TEXT = JSON_ENCODE_ANY | JSON_COMPACT };

json_t *json_read(struct slice text)
{
	return json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
}

static int refuse(struct tool *t, const char *expected, const json_t *value)
{
	char *text = json_dumps(value, DEPTH_OF_TEXT);
	tool_fail(t, "JsonMappingException", "Expected %s, received %s", expected, text ? text : "null");
	free(text);
	return -1;
}

json_t *json_as_object(struct tool *t, json_t *value)
{
	if (!json_is_object(value))
		refuse(t, "JSON object", value);
	return json_is_object(value) ? value : NULL;
}

json_t *json_as_array(struct tool *t, json_t *value)
{
	if (!json_is_array(value))
		refuse(t, "JSON array", value);
	return json_is_array(value) ? value : NULL;
}

json_t *json_field(struct tool *t, json_t *object, const char *name)
{
	json_t *value = json_as_object(t, object) ? json_object_get(object, name) : NULL;
	if (!value)
		tool_fail(t, "JsonMappingException", "No such field exists: `%s`", name);
	return value;
}

int json_as_int(struct tool *t, json_t *value, int32_t *out)
{
	json_int_t n = json_integer_value(value);
	if (!json_is_integer(value) || n != (int32_t)n)
		return refuse(t, "`Integer` value", value);
	*out = (int32_t)n;
	return 0;
}

int json_as_text(struct tool *t, json_t *value, struct slice *out)
{
	if (!json_is_string(value))
		return refuse(t, "`String` value", value);
	*out = slice_of(json_string_value(value), json_string_length(value));
	out->p = (const uint8_t *)tool_text(t, *out);
	return 0;
}

int json_read_text(struct tool *t, json_t *object, const char *name, struct slice *out)
{
	json_t *value = json_field(t, object, name);
	return value ? json_as_text(t, value, out) : -1;
}

int json_read_int(struct tool *t, json_t *object, const char *name, int32_t *out)
{
	json_t *value = json_field(t, object, name);
	return value ? json_as_int(t, value, out) : -1;
}

int json_read_long(struct tool *t, json_t *object, const char *name, int64_t *out)
{
	json_t *value = json_field(t, object, name);
	if (!value)
		return -1;
	if (!json_is_integer(value))
		return refuse(t, "`Long` value", value);
	*out = json_integer_value(value);
	return 0;
}
