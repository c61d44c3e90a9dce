/* in.h - what a command finds: lines of standard input, the folder it was called in, the local time. */
#ifndef SAMSA_TOOLS_IN_H
#define SAMSA_TOOLS_IN_H

#include "tools/text.h"

#include <stdbool.h>
#include <stdint.h>

struct tm;

enum { IN_LINE_MAX = 1 << 30 };

/* The next line without its end, which is \n, \r or \r\n as for Java's BufferedReader. 1; 0 after the last;
 * -EINTR when `stop`, a descriptor or -1, has become readable; -EFBIG, -errno. Blocks. */
int in_line(struct text *line, int stop);
bool in_is_terminal(void);
/* "" when it is not known. */
const char *in_cwd(char *room, size_t n);
void in_local_time(int64_t ms, struct tm *out);

#endif
