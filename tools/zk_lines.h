/* zk_lines.h - samsa-zk shell: lines of standard input, of which each is a command. */
#ifndef SAMSA_TOOLS_ZK_LINES_H
#define SAMSA_TOOLS_ZK_LINES_H

#include "tools/command.h"

/* The words of a line as a POSIX shell splits it: between blanks, but for what stands in '' or "" or behind
 * a \. They lie in the line, which is overwritten, and `words` has room for `most`. How many; -1 and
 * *wrong. */
int zk_words(char *line, char **words, int most, const char **wrong);

/* Runs `one` for each line until the last or `quit`, with the line's own words as the tool's, and what `tool`
 * was asked for with `shared` options before them. It gives 0 or 1, or -1: t->args.refused or t->failure
 * tells why. 0 when every one did. */
int zk_lines(struct tool *t, const unsigned *shared, unsigned n_shared, int (*one)(struct tool *t));

#endif
