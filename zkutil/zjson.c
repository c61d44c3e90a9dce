/* zjson.c - see zjson.h. */
#include "zkutil/zjson.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void zj_fail(struct zjson *z, const char *format, ...)
{
	if (z->err)
		return;
	z->err = -EINVAL;
	int n = snprintf(z->why->s, sizeof z->why->s, "%s: ", z->what);
	must(n > 0 && (size_t)n < sizeof z->why->s);
	va_list args;
	va_start(args, format);
	vsnprintf(z->why->s + n, sizeof z->why->s - (size_t)n, format, args);
	va_end(args);
}

/* jansson parses by recursion, and a fiber's stack is small. */
static bool is_shallow(struct slice json)
{
	int depth = 0;
	bool in_string = false;
	for (uint32_t i = 0; i < json.n && depth <= ZNODE_DEPTH_MAX; i++) {
		uint8_t c = json.p[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string)
			depth += (c == '{' || c == '[') - (c == '}' || c == ']');
	}
	return depth <= ZNODE_DEPTH_MAX;
}

void zj_begin(struct zjson *z, const char *what, struct arena *a, struct slice json, struct znode_why *why)
{
	*z = (struct zjson){ .what = what, .why = why, .arena = a };
	if (slice_is_null(json) || json.n > ZNODE_MAX_BYTES) {
		zj_fail(z, slice_is_null(json) ? "null data" : "more than %d bytes", ZNODE_MAX_BYTES);
		return;
	}
	if (!is_shallow(json)) {
		zj_fail(z, "nested deeper than %d", ZNODE_DEPTH_MAX);
		return;
	}
	json_error_t error;
	z->root = json_loadb((const char *)json.p, json.n, 0, &error);
	if (!z->root)
		zj_fail(z, "not JSON: %s", log_safe(slice_str(error.text)).s);
	else if (!json_is_object(z->root))
		zj_fail(z, "not a JSON object");
}

int zj_end(struct zjson *z)
{
	json_decref(z->root);
	z->root = NULL;
	return z->err;
}

static json_t *field(struct zjson *z, const json_t *object, const char *key)
{
	if (z->err)
		return NULL;
	json_t *v = json_object_get(object, key);
	if (!v)
		zj_fail(z, "field %s is missing", key);
	return v;
}

bool zj_has(const struct zjson *z, const json_t *object, const char *key)
{
	const json_t *v = z->err ? NULL : json_object_get(object, key);
	return v && !json_is_null(v);
}

int64_t zj_number(struct zjson *z, const json_t *object, const char *key, int64_t least, int64_t most)
{
	const json_t *v = field(z, object, key);
	if (v && !json_is_integer(v))
		zj_fail(z, "field %s is not a whole number", key);
	int64_t n = v ? json_integer_value(v) : 0;
	if (!z->err && (n < least || n > most))
		zj_fail(z, "field %s is out of range: %" PRId64, key, n);
	return z->err ? 0 : n;
}

int32_t zj_int(struct zjson *z, const json_t *object, const char *key)
{
	return (int32_t)zj_number(z, object, key, INT32_MIN, INT32_MAX);
}

int64_t zj_long(struct zjson *z, const json_t *object, const char *key)
{
	return zj_number(z, object, key, INT64_MIN, INT64_MAX);
}

bool zj_parse_long(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-');
	size_t n = strspn(digits, "0123456789");
	if (n == 0 || digits[n] || (digits[0] == '0' && text[1]))
		return false;
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}

int64_t zj_long_text(struct zjson *z, const json_t *object, const char *key)
{
	const json_t *v = field(z, object, key);
	int64_t n = 0;
	if (v && (!json_is_string(v) || !zj_parse_long(json_string_value(v), &n)))
		zj_fail(z, "field %s is not a number in a string", key);
	return z->err ? 0 : n;
}

char *zj_copy(struct zjson *z, const char *text)
{
	char *s = z->err ? NULL : arena_strdup(z->arena, slice_str(text));
	if (!s && !z->err)
		z->err = -ENOMEM;
	return s;
}

char *zj_value_text(struct zjson *z, const json_t *value, const char *key)
{
	if (z->err)
		return NULL;
	if (!json_is_string(value)) {
		zj_fail(z, "field %s is not a string", key);
		return NULL;
	}
	return zj_copy(z, json_string_value(value));
}

const char *zj_text(struct zjson *z, const json_t *object, const char *key)
{
	return zj_value_text(z, field(z, object, key), key);
}

json_t *zj_value_object(struct zjson *z, json_t *value, const char *key)
{
	if (!z->err && !json_is_object(value))
		zj_fail(z, "field %s is not an object", key);
	return z->err ? NULL : value;
}

json_t *zj_object(struct zjson *z, const json_t *object, const char *key)
{
	return zj_value_object(z, field(z, object, key), key);
}

json_t *zj_array(struct zjson *z, const json_t *object, const char *key)
{
	json_t *v = field(z, object, key);
	if (v && !json_is_array(v))
		zj_fail(z, "field %s is not an array", key);
	return z->err ? NULL : v;
}

unsigned zj_count(struct zjson *z, const json_t *collection, const char *key, unsigned most)
{
	if (z->err)
		return 0;
	size_t n = json_is_array(collection) ? json_array_size(collection) : json_object_size(collection);
	if (n > most)
		zj_fail(z, "field %s has more than %u elements", key, most);
	return z->err ? 0 : (unsigned)n;
}

void *zj_room(struct zjson *z, unsigned n, size_t size)
{
	void *p = z->err ? NULL : arena_array(z->arena, n ? n : 1, size);
	if (!p && !z->err)
		z->err = -ENOMEM;
	return p;
}

struct znode_ints zj_value_ints(struct zjson *z, const json_t *value, const char *key)
{
	if (!z->err && !json_is_array(value))
		zj_fail(z, "field %s is not an array", key);
	struct znode_ints out = { .n = zj_count(z, value, key, ZNODE_REPLICAS_MAX) };
	out.v = zj_room(z, out.n, sizeof *out.v);
	for (unsigned i = 0; i < out.n && !z->err; i++) {
		const json_t *v = json_array_get(value, i);
		json_int_t n = json_integer_value(v);
		if (!json_is_integer(v) || n < INT32_MIN || n > INT32_MAX)
			zj_fail(z, "field %s holds something else than integers", key);
		else
			out.v[i] = (int32_t)n;
	}
	return z->err ? (struct znode_ints){ 0 } : out;
}

json_t *zj_new_ints(struct znode_ints ints)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < ints.n; i++)
		json_array_append_new(array, json_integer(ints.v[i]));
	return array;
}

json_t *zj_new_long_text(int64_t v)
{
	return json_sprintf("%" PRId64, v);
}

struct slice zj_dump(struct arena *a, json_t *root)
{
	if (!root)
		return SLICE_NULL;
	size_t n = json_dumpb(root, NULL, 0, JSON_COMPACT);
	must(n > 0);
	char *bytes = arena_alloc(a, n + 1);
	if (bytes)
		json_dumpb(root, bytes, n, JSON_COMPACT);
	json_decref(root);
	return slice_of(bytes, bytes ? n : 0);
}
