/* message_log.h - records of Kafka's own topics, shown one by one: the formatters of console-consumer for
 * them. */
#ifndef SAMSA_TOOLS_MESSAGE_LOG_H
#define SAMSA_TOOLS_MESSAGE_LOG_H

#include "tools/message_format.h"

/* FORMAT_OFFSETS and those behind it. 0, or -1 and the failure is set. */
int message_log_add(struct tool *t, enum format_kind kind, struct text *out, const struct kafka_record *r);

#endif
