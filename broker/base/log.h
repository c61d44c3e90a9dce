/* log.h - what the broker says, in Kafka's layout: [time] LEVEL message (logger).
 *
 * `logger` is the Java class whose line an operator would look for, such as "kafka.server.KafkaServer".
 * Text that came from a peer goes through log_safe(): control bytes escaped, cut to LOG_SAFE_BYTES.
 * Any thread may log. The seam keeps the levels and writes the line (log_sink, log_enabled).
 */
#ifndef SAMSA_BASE_LOG_H
#define SAMSA_BASE_LOG_H

#include "broker/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL, LOG_LEVELS };

enum {
	LOG_LINE_BYTES = 4096, /* a longer line is cut */
	LOG_SAFE_BYTES = 256,
	LOG_TEXT_BYTES = 256 * 1024, /* of log_text(): likewise */
};

const char *log_level_name(enum log_level level);

/* The loggers that there are (loggers.tbl), by name. */
extern const char *const log_loggers[];
extern const size_t log_loggers_count;
bool log_logger_exists(struct slice name);

void log_write(enum log_level level, const char *logger, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A line whose level the caller has asked of, of `text` behind `head`; it may be longer. */
void log_text(enum log_level level, const char *logger, const char *head, const char *text);

#define log_debug(logger, ...) log_write(LOG_DEBUG, logger, __VA_ARGS__)
#define log_info(logger, ...) log_write(LOG_INFO, logger, __VA_ARGS__)
#define log_warn(logger, ...) log_write(LOG_WARN, logger, __VA_ARGS__)
#define log_error(logger, ...) log_write(LOG_ERROR, logger, __VA_ARGS__)
#define log_fatal(logger, ...) log_write(LOG_FATAL, logger, __VA_ARGS__)

struct log_text {
	char s[LOG_SAFE_BYTES + 8];
};
/* Bytes of a peer, made fit for a line. Use: log_safe(name).s */
struct log_text log_safe(struct slice s);

/* A token bucket for lines that a peer can cause: true at most `burst` times and then once each
 * `every_ms`. */
struct log_limit {
	int64_t next_ms;
	uint64_t dropped;
};
bool log_limited(struct log_limit *l, int64_t now_ms, int64_t every_ms);

/* The seam's part (reactor/sys_linux.c; tests/sim/sys_sim.c). */
bool log_enabled(enum log_level level, const char *logger);
void log_sink(enum log_level level, const char *logger, const char *message, size_t n);

#endif
