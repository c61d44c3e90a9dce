/* message_format.h - how a consumed record is shown: the formatters of org.apache.kafka.tools.consumer, and
 * those older ones that kafka.coordinator has under their old names. */
#ifndef SAMSA_TOOLS_MESSAGE_FORMAT_H
#define SAMSA_TOOLS_MESSAGE_FORMAT_H

#include "tools/kafka.h"
#include "tools/text.h"

enum format_kind {
	FORMAT_DEFAULT,
	FORMAT_LOGGING,         /* and a line of the log for each record */
	FORMAT_NO_OP,
	FORMAT_OFFSETS,         /* __consumer_offsets as JSON: committed offsets */
	FORMAT_GROUPS,          /* and groups */
	FORMAT_TXNS,            /* __transaction_state */
	FORMAT_OFFSETS_OLD, FORMAT_GROUPS_OLD, FORMAT_TXNS_OLD, /* not as JSON */
	FORMAT_JSON,            /* ours: the whole record */
};

/* What bytes are read as. */
enum format_type {
	FORMAT_BYTES, FORMAT_STRING, FORMAT_INTEGER, FORMAT_LONG, FORMAT_SHORT, FORMAT_DOUBLE, FORMAT_FLOAT,
	FORMAT_BOOLEAN, FORMAT_UUID, FORMAT_VOID,
};

struct message_format {
	enum format_kind kind;
	bool timestamp, key, value, partition, offset, headers;
	struct slice key_separator, line_separator, headers_separator, null_literal;
	enum format_type key_type, value_type, headers_type;
};

/* `class` is the formatter's name, `settings` its properties. 0, or -1 and the failure is set. An old name is
 * warned of. */
int message_format_init(struct tool *t, struct message_format *f, const char *class,
	const struct properties *settings);
/* Adds what the formatter prints of a record. 0, or -1 and the failure is set: it cannot be shown. */
int message_format_add(struct tool *t, const struct message_format *f, struct text *out,
	const struct kafka_record *r);

#endif
