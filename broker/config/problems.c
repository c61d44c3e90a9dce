/* problems.c - see problems.h. */
#include "broker/config/problems.h"

#include "broker/base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void problems_init(struct problems *p)
{
	*p = (struct problems){ .magic = PROBLEMS_MAGIC };
	p->last = &p->first;
}

void problems_add(struct problems *p, enum problem_level level, const char *format, ...)
{
	va_list args;

	CHECK_OBJ_NOTNULL(p, PROBLEMS_MAGIC);
	*(level == PROBLEM_ERROR ? &p->errors : &p->warnings) += 1;
	if (p->kept >= PROBLEMS_MAX)
		return;
	p->kept++;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	must(n >= 0);
	struct problem *one = mem_alloc(sizeof *one + (size_t)n + 1);
	one->next = NULL;
	one->level = level;
	va_start(args, format);
	vsnprintf(one->text, (size_t)n + 1, format, args);
	va_end(args);
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
