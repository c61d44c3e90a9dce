/* golden_json.h - the columns of golden tables that are JSON as Kafka prints it: bytes are base64. */
#ifndef SAMSA_TESTS_GOLDEN_JSON_H
#define SAMSA_TESTS_GOLDEN_JSON_H

#include "tests/unit/protocol/golden.h"

#include "broker/base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

static inline json_t *golden_json(const char *text)
{
	json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);

	must(json != NULL);
	return json;
}

/* A number, or a boolean as 1 and 0. */
static inline int64_t golden_int(json_t *object, const char *key, int64_t otherwise)
{
	json_t *value = json_object_get(object, key);

	if (json_is_boolean(value))
		return json_is_true(value);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static inline const char *golden_string(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

/* Decodes in place: once for each string. */
static inline struct slice golden_base64(json_t *string)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *text = json_string_value(string);
	uint8_t *out = (uint8_t *)(uintptr_t)text;
	uint32_t group = 0, bits = 0, n = 0;

	if (!text)
		return SLICE_NULL;
	for (; *text && *text != '='; text++) {
		const char *digit = strchr(digits, *text);
		must(digit != NULL);
		group = (group << 6 | (uint32_t)(digit - digits)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(group >> bits);
		}
	}
	return slice_of(out, n);
}

/* Whether `name` is in the list, which ends with NULL. */
static inline bool golden_is_listed(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

#endif
