/* date_format.h - a time in the local zone by a pattern of Java's SimpleDateFormat. */
#ifndef SAMSA_TOOLS_DATE_FORMAT_H
#define SAMSA_TOOLS_DATE_FORMAT_H

#include "tools/text.h"

#include <stdbool.h>
#include <stdint.h>

struct tm;

/* Adds the time `tm`, with `ms` of its second. False: the pattern has a letter that means nothing here. */
bool date_format(struct text *out, const char *pattern, const struct tm *tm, int ms);

#endif
