/* golden_records.h - the rows that Apache Kafka 3.9.2 wrote about record batches: tests/golden/records. */
#ifndef SAMSA_TESTS_GOLDEN_RECORDS_H
#define SAMSA_TESTS_GOLDEN_RECORDS_H

#include "broker/base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { GOLDEN_COLUMNS_MAX = 10, GOLDEN_INFLATED_MAX = 64 << 20 };

/* A table of tab-separated columns, unpacked in memory; its first line names them. */
struct golden {
	char *text, *at;
};

/* Ends the program when the file is not there. `name`: "vectors.tsv.zst". */
void golden_open(struct golden *g, const char *name);
/* The next row, cut into its columns in place; columns that are not there are "". */
bool golden_row(struct golden *g, char *columns[GOLDEN_COLUMNS_MAX]);
void golden_close(struct golden *g);

/* Decode in place. */
struct slice golden_hex(char *hex);
struct slice golden_base64(json_t *string);

/* A JSON column; ends the program when it is none. */
json_t *golden_json(const char *text);
int64_t golden_int(json_t *object, const char *key, int64_t otherwise);
const char *golden_string(json_t *object, const char *key);

/* Whether `name` is in the list, which ends with NULL. */
bool golden_is_listed(const char *name, const char *const *list);

#endif
