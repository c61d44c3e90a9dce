/* properties.h - java.util.Properties' text form.
 *
 * Lines end with \n, \r or \r\n; # and ! begin comments; a backslash at the end continues a line, and the
 * next one loses its leading white space; key and value are parted by the first unescaped '=', ':' or white
 * space; \t \n \r \f \uXXXX and \anything are escapes (java.util.Properties.load). Bytes are UTF-8 and pass
 * through; \uXXXX, surrogate pairs too, becomes UTF-8.
 */
#ifndef SAMSA_CONFIG_PROPERTIES_H
#define SAMSA_CONFIG_PROPERTIES_H

#include "broker/base/arena.h"
#include "broker/base/slice.h"

#include <stdint.h>

enum { PROPERTIES_MAX = 10000 }; /* settings in one file */

struct property {
	const char *name, *value; /* zero-terminated, in the arena; values keep their trailing white space, as
				     in Java */
	const char *file;         /* or "--override" */
	uint32_t line;            /* from 1; 0 where there is none */
};

/* In the order of the file; a name that stands twice is there twice and the last one wins. */
struct properties {
	struct property *v;
	uint32_t n, room;
};

enum properties_error {
	PROPERTIES_OK,
	PROPERTIES_BAD_ESCAPE, /* \u without four hexadecimal digits */
	PROPERTIES_NUL,        /* a zero byte, plain or escaped */
	PROPERTIES_TOO_LARGE,  /* more than PROPERTIES_MAX, or the arena is full */
};

/* Appends what `text` says. On an error *line tells where and nothing more is read. */
enum properties_error properties_read(struct properties *p, struct arena *a, const char *file,
	struct slice text, uint32_t *line);
void properties_add(struct properties *p, struct arena *a, const char *name, const char *value,
	const char *file, uint32_t line);
/* All of that name. */
void properties_remove(struct properties *p, const char *name);
/* The last one of that name, or NULL. */
const struct property *properties_find(const struct properties *p, const char *name);
void properties_free(struct properties *p);
const char *properties_error_text(enum properties_error e);

#endif
