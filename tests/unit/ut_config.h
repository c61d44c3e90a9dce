/* ut_config.h - a broker's configuration for a test, of properties that must be right. */
#ifndef SAMSA_TESTS_UT_CONFIG_H
#define SAMSA_TESTS_UT_CONFIG_H

#include "broker/base/must.h"
#include "broker/config/config.h"
#include "broker/config/problems.h"

#include <stdio.h>

/* `overrides`: as on the command line; NULL and 0 for none. */
static inline struct config *ut_config(const char *properties, const char *const *overrides, size_t n)
{
	struct config_source source = { "test.properties", slice_str(properties), NULL };
	struct problems problems;
	problems_init(&problems);
	struct config *c = config_load(&source, overrides, n, &problems);
	for (const struct problem *p = problems.first; p && !c; p = p->next)
		fprintf(stderr, "%s\n", p->text);
	must(c);
	problems_free(&problems);
	return c;
}

#endif
