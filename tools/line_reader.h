/* line_reader.h - lines as records: kafka.tools.ConsoleProducer.LineMessageReader. */
#ifndef SAMSA_TOOLS_LINE_READER_H
#define SAMSA_TOOLS_LINE_READER_H

#include "tools/kafka.h"

struct line_reader {
	const char *topic;
	bool parse_key, parse_headers, ignore_error;
	struct slice key_separator, headers_delimiter, headers_separator, headers_key_separator;
	struct slice null_marker; /* null: there is none */
	uint64_t line_number;
	struct kafka_header headers[KAFKA_HEADERS_MAX];
};

/* 0, or -1 and the failure is set. `settings` are those of --property and --reader-config. */
int line_reader_init(struct tool *t, struct line_reader *r, const char *topic,
	const struct properties *settings);
/* The record of the next line, whose bytes it borrows and changes (a header's key gets its zero). 0, or -1
 * and the failure is set. */
int line_reader_record(struct tool *t, struct line_reader *r, struct slice line, struct kafka_record *out);

#endif
