/* kafka_wait.h - what several of the commands with a client do besides. */
#ifndef SAMSA_TOOLS_KAFKA_WAIT_H
#define SAMSA_TOOLS_KAFKA_WAIT_H

#include "tools/kafka.h"

#include <jansson.h>

/* A producer's pause: what comes back meanwhile is told. Ends when interrupted; INT64_MAX: only then. */
void kafka_wait(struct kafka *c, int64_t ns);
/* The client's own numbers, as Kafka's commands print theirs: a name and a value in each line. */
void kafka_print_statistics(struct kafka *c);
/* As librdkafka has them, waiting a second for the first; null when none came. */
json_t *kafka_statistics_json(struct kafka *c);

#endif
