/* in.h - what a command finds: lines of standard input, the folder it was called in. */
#ifndef SAMSA_TOOLS_IN_H
#define SAMSA_TOOLS_IN_H

#include "tools/text.h"

#include <stdbool.h>

enum { IN_LINE_MAX = 1 << 30 };

/* The next line without its end, which is \n, \r or \r\n as for Java's BufferedReader. 1; 0 after the last;
 * -EFBIG, -errno. Blocks. */
int in_line(struct text *line);
bool in_is_terminal(void);
/* "" when it is not known. */
const char *in_cwd(char *room, size_t n);

#endif
