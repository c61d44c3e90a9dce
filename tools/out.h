/* out.h - what a command prints. Standard output is what scripts read; everything else goes to standard
 * error. */
#ifndef SAMSA_TOOLS_OUT_H
#define SAMSA_TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct json_t;

struct slice;

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, or with `aside`, where standard output is for JSON alone, as complain(). */
void remark(bool aside, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To standard error, behind what was said so far. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Any bytes, zeros too. */
void say_bytes(struct slice bytes);
void complain_bytes(struct slice bytes);
/* How far long work has come: a line on standard error, when both outputs are terminals, that is gone before
 * whatever is said next. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool out_is_terminal(void);
/* One line of JSON; takes the value over. */
void out_json(struct json_t *value);
/* What was said leaves now; 0, or -errno of the first write that failed. */
int out_flush(void);

#endif
