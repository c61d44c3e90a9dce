/* text.h - text that grows, for what a command prints: a line or a block of them, with any bytes in it. */
#ifndef SAMSA_TOOLS_TEXT_H
#define SAMSA_TOOLS_TEXT_H

#include "broker/base/slice.h"

#include <stddef.h>
#include <stdint.h>

struct text {
	char *s; /* zero-terminated once something was added */
	size_t n, room;
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(struct text *t, struct slice bytes);
/* As Java shows bytes that are read as UTF-8: each one that is none becomes U+FFFD. */
void text_utf8(struct text *t, struct slice bytes);
void text_clear(struct text *t);
void text_free(struct text *t);
struct slice text_slice(const struct text *t);

#endif
