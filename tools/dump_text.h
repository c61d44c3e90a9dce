/* dump_text.h - batches and records in the words of Kafka's dump-log (kafka.tools.DumpLogSegments of 3.9). */
#ifndef SAMSA_TOOLS_DUMP_TEXT_H
#define SAMSA_TOOLS_DUMP_TEXT_H

#include "broker/protocol/batch.h"
#include "tools/text.h"

#include <stdbool.h>
#include <stdint.h>

/* A line. Needs the whole batch. */
void dump_batch_text(struct text *out, const struct batch *b, int64_t position);
/* What a line says of a record before its key: "| offset: 7 CreateTime: ... headerKeys: [a,b]". Takes the
 * record's headers. False: it is a control record that cannot be read. */
bool dump_record_text(struct text *out, const struct batch *b, struct record *r);

/* The same as one JSON object in a line; `file` names where it was found. */
void dump_batch_json(struct text *out, const struct batch *b, const char *file, int64_t position);
/* `key` and `value` are what a decoder made of them; a null slice is null. */
void dump_record_json(struct text *out, const struct batch *b, struct record *r, const char *file,
	struct slice key, struct slice value);

#endif
