/* options.h - the broker's command line: samsa-broker FILE [--override k=v]... [--check-config] [--version].
 */
#ifndef SAMSA_CONFIG_OPTIONS_H
#define SAMSA_CONFIG_OPTIONS_H

#include "broker/config/config.h"

#include <stdio.h>

enum { OPTIONS_OVERRIDES_MAX = 1000 };

enum options_verdict {
	OPTIONS_RUN,   /* load `file` and serve */
	OPTIONS_CHECK, /* --check-config: load, options_report, exit with what that returns */
	OPTIONS_DONE,  /* --help, --version: has been printed, exit 0 */
	OPTIONS_WRONG, /* has been told on standard error, exit 1, as Kafka does */
};

struct options {
	enum options_verdict verdict;
	const char *file;
	const char *overrides[OPTIONS_OVERRIDES_MAX]; /* "key=value" */
	size_t n_overrides;
};

/* The strings are argv's. */
enum options_verdict options_parse(int argc, char **argv, struct options *out);
/* --check-config: says what config_load found (`c` NULL when there were errors), and what is known without
 * effect. Returns the exit status: 0, or 1 where there were errors. */
int options_report(FILE *out, const struct options *o, const struct config *c,
	const struct problems *problems);

#endif
