/* roff.h - what the programs that write manual pages share. */
#ifndef SAMSA_DOC_ROFF_H
#define SAMSA_DOC_ROFF_H

#include <stdio.h>

/* Text for roff: no byte of it is a request. */
static inline void put(const char *s)
{
	for (; *s; s++)
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else if (*s == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(*s);
}

#endif
