/* json_read.h - the JSON files that Kafka's commands take, with the complaints of its DecodeJson. */
#ifndef SAMSA_TOOLS_JSON_READ_H
#define SAMSA_TOOLS_JSON_READ_H

#include "tools/command.h"

#include <jansson.h>

/* NULL when the text is none: the caller knows what is said then. json_decref() it. */
json_t *json_read(struct slice text);
/* Each gives -1 and the failure when the field is not there or is something else. Text is copied. */
int json_read_text(struct tool *t, json_t *object, const char *name, struct slice *out);
int json_read_int(struct tool *t, json_t *object, const char *name, int32_t *out);
int json_read_long(struct tool *t, json_t *object, const char *name, int64_t *out);
/* An element as such. */
int json_as_int(struct tool *t, json_t *value, int32_t *out);
int json_as_text(struct tool *t, json_t *value, struct slice *out);
/* NULL and the failure unless it is one. */
json_t *json_as_object(struct tool *t, json_t *value);
json_t *json_as_array(struct tool *t, json_t *value);
/* The field, which must be there. */
json_t *json_field(struct tool *t, json_t *object, const char *name);

#endif
