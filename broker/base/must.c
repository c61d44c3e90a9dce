/* must.c - the end of a process that found a bug in itself, and memory that is never refused. */
#include "broker/base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Noreturn void must_failed(const char *what, const char *file, int line, const char *func)
{
	fprintf(stderr, "PANIC: %s:%d: %s: must(%s)\n", file, line, func, what);
	fflush(stderr);
	abort();
}

void *mem_try(size_t n)
{
	return malloc(n ? n : 1);
}

void *mem_alloc(size_t n)
{
	void *p = mem_try(n);
	must(p != NULL);
	return p;
}

void *mem_zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	must(p != NULL);
	return p;
}

void *mem_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	must(p != NULL);
	return p;
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	must(n >= 0);
	char *s = mem_alloc((size_t)n + 1);
	va_start(args, format);
	vsnprintf(s, (size_t)n + 1, format, args);
	va_end(args);
	return s;
}
