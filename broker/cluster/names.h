/* names.h - what may be a topic's name. Facts: org.apache.kafka.common.internals.Topic of 3.9. */
#ifndef SAMSA_CLUSTER_NAMES_H
#define SAMSA_CLUSTER_NAMES_H

#include "broker/base/slice.h"

#include <stdbool.h>

enum { TOPIC_NAME_MAX = 249 };

#define TOPIC_OFFSETS "__consumer_offsets"
#define TOPIC_TRANSACTIONS "__transaction_state"
#define TOPIC_METADATA_LOG "__cluster_metadata" /* of KRaft */

/* NULL for a valid name, else Kafka's words for what is wrong, to follow "Topic name is invalid: ". */
const char *name_problem(struct slice name);
bool name_is_internal(struct slice name);
/* Whether the two differ only in '.' and '_', which metrics do not tell apart. Equal names do, too. */
bool name_collides(struct slice a, struct slice b);
/* An order in which names that collide are equal. */
int name_compare_collision(struct slice a, struct slice b);

#endif
