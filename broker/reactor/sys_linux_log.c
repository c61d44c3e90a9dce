/* sys_linux_log.c - the seam to the kernel: where log lines go, and which are wanted. */
#include "config.h"

#include "broker/reactor/sys.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOGGERS_MAX = 256, LOGGER_NAME_BYTES = 160, LOG_HEAD_BYTES = 64 };

/* A logger's level holds for it and for all below it ("kafka.server" for "kafka.server.KafkaServer"), unless
 * a longer name says otherwise. Rows are only added, and filled before they are counted, so that readers need
 * no lock. */
struct logger_level {
	char name[LOGGER_NAME_BYTES];
	atomic_int level; /* SYS_LOG_INHERIT: none of its own */
};

static struct {
	pthread_mutex_t lock; /* writers */
	atomic_int root, least;
	atomic_int n;
	struct logger_level rows[LOGGERS_MAX];
	atomic_int fd;
} logs = { .lock = PTHREAD_MUTEX_INITIALIZER, .root = LOG_INFO, .least = LOG_INFO, .fd = STDOUT_FILENO };

static void find_least(void)
{
	int least = logs.root;
	for (int i = 0; i < logs.n; i++)
		if (logs.rows[i].level != SYS_LOG_INHERIT)
			least = min_of(least, (int)logs.rows[i].level);
	logs.least = least;
}

void sys_log_set_level(const char *logger, int level)
{
	must((level >= LOG_TRACE || (logger && level == SYS_LOG_INHERIT)) && level <= LOG_LEVELS);
	pthread_mutex_lock(&logs.lock);
	int i = 0;
	while (logger && i < logs.n && strcmp(logs.rows[i].name, logger) != 0)
		i++;
	if (!logger) {
		logs.root = level;
	} else if (i < LOGGERS_MAX) {
		snprintf(logs.rows[i].name, LOGGER_NAME_BYTES, "%s", logger);
		logs.rows[i].level = level;
		logs.n = max_of((int)logs.n, i + 1);
	}
	find_least();
	pthread_mutex_unlock(&logs.lock);
}

/* The length of `name` if it is `logger` or one of those it lies under, else 0. */
static size_t covers(const char *name, const char *logger)
{
	size_t n = strlen(name);
	return strncmp(name, logger, n) == 0 && (logger[n] == 0 || logger[n] == '.') ? n : 0;
}

int sys_log_level(const char *logger)
{
	int level = logs.root, n = logger ? (int)logs.n : 0;
	size_t longest = 0;
	for (int i = 0; i < n; i++) {
		size_t k = covers(logs.rows[i].name, logger);
		if (k > longest && logs.rows[i].level != SYS_LOG_INHERIT) {
			longest = k;
			level = logs.rows[i].level;
		}
	}
	return level;
}

bool log_enabled(enum log_level level, const char *logger)
{
	if ((int)level < atomic_load_explicit(&logs.least, memory_order_relaxed))
		return false;
	return (int)level >= sys_log_level(logger);
}

void sys_log_to(int fd)
{
	logs.fd = fd < 0 ? STDOUT_FILENO : fd;
}

/* One write for each line, so that lines of several threads do not mix. A log that cannot be written is no
 * reason to stop the broker. */
static void write_line(const char *line, size_t n)
{
	while (n > 0) {
		ssize_t k = write(logs.fd, line, n);
		if (k < 0 && errno != EINTR)
			return;
		if (k > 0) {
			line += k;
			n -= (size_t)k;
		}
	}
}

void log_sink(enum log_level level, const char *logger, const char *message, size_t n)
{
	char here[LOG_HEAD_BYTES + LOG_LINE_BYTES + LOGGER_NAME_BYTES], when[32], *line = here;
	size_t room = sizeof here;
	if (n > LOG_LINE_BYTES) {
		room += n - LOG_LINE_BYTES;
		line = mem_alloc(room);
	}
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
	int k = snprintf(line, room, "[%s,%03ld] %s %.*s (%s)\n", when, now.tv_nsec / 1000000,
			 log_level_name(level), (int)n, message, logger);
	must(k > 0);
	if ((size_t)k >= room) {
		k = (int)room - 1;
		line[k - 1] = '\n';
	}
	write_line(line, (size_t)k);
	if (line != here)
		free(line);
}
