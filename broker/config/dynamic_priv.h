/* dynamic_priv.h - what dynamic.c asks of dynamic_check.c. */
#ifndef SAMSA_CONFIG_DYNAMIC_PRIV_H
#define SAMSA_CONFIG_DYNAMIC_PRIV_H

#include "broker/config/dynamic.h"

/* Whether a broker that runs with `now` may go on with `fresh`: 0, or -1 with Kafka's sentence. */
int dynamic_may_follow(const struct config *now, const struct config *fresh, unsigned appliers,
	char why[DYNAMIC_WHY_BYTES]);
/* Whether the texts of a key are not the same. */
bool dynamic_key_differs(const struct config *a, const struct config *b, enum config_key key);
/* Tells of each key that has changed, and of one that means nothing here why. */
void dynamic_log_changes(const struct config *old, const struct config *fresh);

#endif
