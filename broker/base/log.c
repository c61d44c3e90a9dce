/* log.c - see log.h. */
#include "broker/base/log.h"

#include "broker/base/must.h"

#include <stdarg.h>
#include <stdio.h>

const char *log_level_name(enum log_level level)
{
	static const char *const names[LOG_LEVELS] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
	must(level < LOG_LEVELS);
	return names[level];
}

const char *const log_loggers[] = {
#define L(name) name,
#include "broker/base/loggers.tbl"
#undef L
};
const size_t log_loggers_count = countof(log_loggers);

bool log_logger_exists(struct slice name)
{
	for (size_t i = 0; i < log_loggers_count; i++)
		if (slice_is(name, log_loggers[i]))
			return true;
	return false;
}

void log_write(enum log_level level, const char *logger, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;
	if (!log_enabled(level, logger))
		return;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	must(n >= 0);
	log_sink(level, logger, line, min_of((size_t)n, sizeof line - 1));
}

void log_text(enum log_level level, const char *logger, const char *head, const char *text)
{
	size_t n_head = strlen(head), n = min_of(strlen(text), LOG_TEXT_BYTES - n_head);
	char *line = mem_alloc(n_head + n);
	memcpy(line, head, n_head);
	memcpy(line + n_head, text, n);
	log_sink(level, logger, line, n_head + n);
	free(line);
}

struct log_text log_safe(struct slice s)
{
	struct log_text t;
	size_t n = 0;
	uint32_t i = 0;
	for (; i < s.n && n < LOG_SAFE_BYTES - 4; i++) {
		uint8_t c = s.p[i];
		if (c >= 0x20 && c != 0x7f && c != '\\')
			t.s[n++] = (char)c;
		else
			n += (size_t)snprintf(t.s + n, 5, "\\x%02x", c);
	}
	if (i < s.n)
		n += (size_t)snprintf(t.s + n, 4, "...");
	t.s[n] = 0;
	if (slice_is_null(s))
		snprintf(t.s, sizeof t.s, "null");
	return t;
}

bool log_limited(struct log_limit *l, int64_t now_ms, int64_t every_ms)
{
	if (now_ms < l->next_ms) {
		l->dropped++;
		return false;
	}
	l->next_ms = now_ms + every_ms;
	return true;
}
