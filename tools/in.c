/* in.c - see in.h. Part of the seam: the C library's streams keep what is to be read. */
#include "tools/in.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int in_line(struct text *line)
{
	bool any = false;
	int c;
	text_clear(line);
	while ((c = getc_unlocked(stdin)) != EOF && c != '\n' && c != '\r') {
		uint8_t byte = (uint8_t)c;
		text_bytes(line, slice_of(&byte, 1));
		any = true;
		if (line->n > IN_LINE_MAX)
			return -EFBIG;
	}
	if (c == '\r' && (c = getc_unlocked(stdin)) != '\n' && c != EOF)
		ungetc(c, stdin);
	else if (c == EOF && ferror(stdin))
		return -EIO;
	else if (c == EOF && !any)
		return 0;
	return 1;
}

bool in_is_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

const char *in_cwd(char *room, size_t n)
{
	return getcwd(room, n) ? room : "";
}
