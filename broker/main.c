/* main.c - the table of contents: config, cores, rooms up in order, rooms down in reverse. */
#include "config.h"

#include <stdio.h>

int main(void)
{
	puts("samsa-broker " PACKAGE_VERSION);
	return 0;
}
