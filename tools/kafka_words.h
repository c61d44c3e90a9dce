/* kafka_words.h - the settings of a client as Kafka's commands gather them: from a file, from key=value
 * words, from options. A later one wins. */
#ifndef SAMSA_TOOLS_KAFKA_WORDS_H
#define SAMSA_TOOLS_KAFKA_WORDS_H

#include "broker/config/properties.h"
#include "tools/command.h"

void words_put(struct tool *t, struct properties *p, const char *name, const char *value);
/* NULL when it is not set. */
const char *words_get(const struct properties *p, const char *name);
bool words_truth(const struct properties *p, const char *name, bool fallback);
/* Adds a properties file, when the option names one. 0, or -1 and the failure is set. */
int words_file(struct tool *t, struct properties *p, unsigned opt);
/* Adds the key=value words of an option that may be given many times. */
void words_list(struct tool *t, struct properties *p, unsigned opt);
/* The option's value when it is given; else its fallback, unless the setting is there already. */
void words_merge(struct tool *t, struct properties *p, const char *name, unsigned opt);
/* Whether a list is one of host:port, by Kafka's ToolsUtils.validatePortOrDie. */
bool words_hosts(const char *list);

/* A line on standard error with the time, as the logger of Kafka's commands writes it. */
void words_log(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
