/* zjson.h - reading a node's JSON with an error that sticks: the first field that is missing or of another
 * type is told in words, everything read after it is zero, and zj_end() gives the verdict once. */
#ifndef SAMSA_ZKUTIL_ZJSON_H
#define SAMSA_ZKUTIL_ZJSON_H

#include "broker/base/arena.h"
#include "zkutil/znode.h"

#include <jansson.h>

struct zjson {
	const char *what; /* "broker registration" */
	struct znode_why *why;
	struct arena *arena; /* of what is kept; may be NULL where nothing is */
	json_t *root;
	int err;
};

/* Parses an object. After a failure the rest may be called all the same. */
void zj_begin(struct zjson *z, const char *what, struct arena *a, struct slice json, struct znode_why *why);
/* Frees the JSON; 0, -EINVAL or -ENOMEM. */
int zj_end(struct zjson *z);
void zj_fail(struct zjson *z, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A field that has to be there and in range. */
int64_t zj_number(struct zjson *z, const json_t *object, const char *key, int64_t least, int64_t most);
int32_t zj_int(struct zjson *z, const json_t *object, const char *key);
int64_t zj_long(struct zjson *z, const json_t *object, const char *key);
/* A whole number in a string, as Kafka writes times and producer ids. */
int64_t zj_long_text(struct zjson *z, const json_t *object, const char *key);
/* In the arena. */
char *zj_copy(struct zjson *z, const char *text);
const char *zj_text(struct zjson *z, const json_t *object, const char *key);
json_t *zj_object(struct zjson *z, const json_t *object, const char *key);
json_t *zj_array(struct zjson *z, const json_t *object, const char *key);
/* One that may be missing or null. */
bool zj_has(const struct zjson *z, const json_t *object, const char *key);

/* Values of arrays and maps; `key` names them in an error. */
char *zj_value_text(struct zjson *z, const json_t *value, const char *key);
json_t *zj_value_object(struct zjson *z, json_t *value, const char *key);
struct znode_ints zj_value_ints(struct zjson *z, const json_t *value, const char *key);
/* How many elements an array or object has, at most `most`, else an error. */
unsigned zj_count(struct zjson *z, const json_t *collection, const char *key, unsigned most);
/* Room for `n` things in the arena; NULL after an error. */
void *zj_room(struct zjson *z, unsigned n, size_t size);

/* A decimal number without sign (but '-'), leading zeros or spaces. */
bool zj_parse_long(const char *text, int64_t *out);

/* ---- writing ---- */

json_t *zj_new_ints(struct znode_ints ints);
json_t *zj_new_long_text(int64_t v);
/* Compact, into the arena; takes over `root`, which is NULL when some part could not be made (text that is no
 * UTF-8). */
struct slice zj_dump(struct arena *a, json_t *root);

#endif
