/* usage.h - what is written for people out of a command's table: --help here, the manual and the completion
 * in manual.c. */
#ifndef SAMSA_TOOLS_USAGE_H
#define SAMSA_TOOLS_USAGE_H

#include "tools/command.h"

enum { USAGE_COLUMNS = 100 };

/* On standard error: how the command is called and what its options are, by name. */
void usage_print(const char *name, const struct command *command);
/* "<String: topic>", as Kafka's help has it, or "" for a flag. */
void usage_value(char *out, size_t n, const struct opt *o);
/* The options' places in the table in the order of their names. */
void usage_order(const struct command *command, unsigned order[ARGS_OPTS_MAX]);

#endif
