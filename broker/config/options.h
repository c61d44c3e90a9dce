/* options.h - the broker's command line: samsa-broker FILE [--override k=v]... [--check-config] [--version]. */
#ifndef SAMSA_CONFIG_OPTIONS_H
#define SAMSA_CONFIG_OPTIONS_H

#include "broker/config/config.h"

enum { OPTIONS_OVERRIDES_MAX = 1000 };

enum options_verdict {
	OPTIONS_RUN,   /* load `file` and serve */
	OPTIONS_CHECK, /* --check-config: load, options_report, exit with what that returns */
	OPTIONS_DONE,  /* --help, --version: was printed, exit 0 */
	OPTIONS_WRONG, /* was told on standard error, exit 1 (Kafka's status for a bad command line) */
};

struct options {
	const char *file;
	const char *overrides[OPTIONS_OVERRIDES_MAX];
	size_t n_overrides;
};

enum options_verdict options_parse(int argc, char **argv, struct options *out);
/* Says what config_load found, on standard output for --check-config and else in the log; returns the exit status. */
int options_report(const struct options *o, const struct config *c, const struct problems *problems, bool check);

#endif
