/* problems.h - what is wrong with a configuration: every complaint is kept, so that a person mends them in
 * one go. */
#ifndef SAMSA_CONFIG_PROBLEMS_H
#define SAMSA_CONFIG_PROBLEMS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROBLEMS_MAX = 1000 }; /* further ones are only counted */

enum problem_level { PROBLEM_WARNING, PROBLEM_ERROR };

struct problem {
	struct problem *next;
	enum problem_level level;
	char text[];
};

struct problems {
	unsigned magic;
#define PROBLEMS_MAGIC 0x50524f42U
	struct problem *first, **last;
	uint32_t errors, warnings; /* all, kept or not */
	uint32_t kept;
	/* set by the caller: sentences as Kafka tells them to a client, without place and value */
	bool plain;
};

void problems_init(struct problems *p);
void problems_add(struct problems *p, enum problem_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void problems_free(struct problems *p);

#define problem_error(p, ...) problems_add((p), PROBLEM_ERROR, __VA_ARGS__)
#define problem_warning(p, ...) problems_add((p), PROBLEM_WARNING, __VA_ARGS__)

#endif
