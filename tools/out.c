/* out.c - see out.h. Part of the seam: the C library's streams keep what is to be written. */
#include "tools/out.h"

#include "broker/base/slice.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Whether a line of progress() stands on the terminal, which the next word takes away. */
static bool progress_stands;

static void end_progress(void)
{
	if (!progress_stands)
		return;
	progress_stands = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

void say(const char *format, ...)
{
	va_list ap;
	end_progress();
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 0)))
static void to(FILE *where, const char *format, va_list ap)
{
	end_progress();
	fflush(stdout);
	vfprintf(where, format, ap);
}

void complain(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	to(stderr, format, ap);
	va_end(ap);
}

void remark(bool aside, const char *format, ...)
{
	va_list ap;
	end_progress();
	va_start(ap, format);
	if (aside)
		to(stderr, format, ap);
	else
		vprintf(format, ap);
	va_end(ap);
}

void say_bytes(struct slice bytes)
{
	end_progress();
	fwrite(bytes.p, 1, bytes.n, stdout);
}

void complain_bytes(struct slice bytes)
{
	end_progress();
	fflush(stdout);
	fwrite(bytes.p, 1, bytes.n, stderr);
}

bool out_is_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

void progress(const char *format, ...)
{
	va_list ap;
	if (!out_is_terminal() || isatty(STDERR_FILENO) != 1)
		return;
	va_start(ap, format);
	to(stderr, format, ap);
	va_end(ap);
	fflush(stderr);
	progress_stands = true;
}

void out_json(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	say("%s\n", text ? text : "null");
	free(text);
	json_decref(value);
}

int out_flush(void)
{
	end_progress();
	if (fflush(stdout) != 0)
		return errno ? -errno : -EIO;
	return ferror(stdout) ? -EIO : 0;
}
