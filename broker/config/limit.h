/* limit.h - the types a value may have, what values are allowed, and Kafka's words when one is not.
 *
 * Facts: org.apache.kafka.common.config.ConfigDef (parseType, convertToString and its validators) of 3.9; the
 * type numbers are those of DescribeConfigs.
 */
#ifndef SAMSA_CONFIG_LIMIT_H
#define SAMSA_CONFIG_LIMIT_H

#include "broker/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_UNKNOWN,
	CONFIG_BOOLEAN,
	CONFIG_STRING,
	CONFIG_INT,
	CONFIG_SHORT,
	CONFIG_LONG,
	CONFIG_DOUBLE,
	CONFIG_LIST,
	CONFIG_CLASS,
	CONFIG_PASSWORD,
};

/* A list value; n == 0 both for an empty list and for null. */
struct config_list {
	const char *const *v;
	uint32_t n;
};

/* A value as its type has it. `null` is Kafka's null, which only a default can be; the rest is zero then. */
struct config_value {
	bool null;
	union {
		bool b;
		int64_t i; /* INT, SHORT, LONG */
		double d;
		const char *s; /* STRING, CLASS, PASSWORD */
		struct config_list list;
	};
};

enum config_limit_kind {
	LIMIT_NONE,
	LIMIT_RANGE,      /* min, max */
	LIMIT_NAMES,      /* one of names, separated by ", " */
	LIMIT_NAMES_FOLD, /* the same, upper or lower case */
	LIMIT_LIST_NAMES, /* each element one of names */
	LIMIT_NOT_NULL,
	LIMIT_NOT_EMPTY,
	LIMIT_LIST_NOT_EMPTY, /* shown only: 3.9 takes an empty list there */
	LIMIT_GZIP_LEVEL,
	LIMIT_POOL_SIZE, /* -1 or at least 1 */
	LIMIT_IBP,       /* ibp.h */
	LIMIT_REPLICAS,  /* *, or partition:broker pairs */
};

struct config_limit {
	enum config_limit_kind kind;
	double min, max;
	const char *names;
};

enum { LIMIT_WHY_BYTES = 1024 };

const char *config_type_name(enum config_type type);
/* Parses and checks; 0, or -1 with Kafka's sentence in `why` (LIMIT_WHY_BYTES), of which `name` is part.
 * Strings and lists live in the arena. `text` NULL checks null. */
int config_value_parse(struct arena *a, const char *name, enum config_type type,
	const struct config_limit *limit, const char *text, struct config_value *out, char *why);
/* As Java prints the parsed value; NULL for null. */
const char *config_value_text(struct arena *a, enum config_type type, const struct config_value *v);
/* "[1,...]", "[compact, delete]"; "" where everything goes. */
const char *config_limit_text(struct arena *a, const struct config_limit *limit);

#endif
