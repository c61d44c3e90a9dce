/* problems.c - see problems.h. */
#include "broker/config/problems.h"

#include "broker/base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void problems_init(struct problems *p)
{
	*p = (struct problems){ .magic = PROBLEMS_MAGIC };
	p->last = &p->first;
}

/* A key that is wrong for the broker is wrong in the view of each listener too: it is told once. */
static bool is_told(const struct problems *p, const struct problem *one)
{
	for (const struct problem *at = p->first; at; at = at->next)
		if (at->level == one->level && strcmp(at->text, one->text) == 0)
			return true;
	return false;
}

__attribute__((format(printf, 2, 0)))
static struct problem *problem_new(enum problem_level level, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	must(n >= 0);
	struct problem *one = mem_alloc(sizeof *one + (size_t)n + 1);
	one->next = NULL;
	one->level = level;
	vsnprintf(one->text, (size_t)n + 1, format, args);
	return one;
}

void problems_add(struct problems *p, enum problem_level level, const char *format, ...)
{
	va_list args;
	CHECK_OBJ_NOTNULL(p, PROBLEMS_MAGIC);
	va_start(args, format);
	struct problem *one = problem_new(level, format, args);
	va_end(args);
	bool told = is_told(p, one), room = p->kept < PROBLEMS_MAX;
	if (!told)
		*(level == PROBLEM_ERROR ? &p->errors : &p->warnings) += 1;
	if (told || !room) {
		free(one);
		return;
	}
	p->kept++;
	*p->last = one;
	p->last = &one->next;
}

void problems_free(struct problems *p)
{
	CHECK_OBJ_NOTNULL(p, PROBLEMS_MAGIC);
	while (p->first) {
		struct problem *one = p->first;
		p->first = one->next;
		free(one);
	}
	p->magic = 0;
}
