/* settings.h - a topic's effective settings, shared by its partitions and by all cores that check its
 * batches. */
#ifndef SAMSA_CLUSTER_SETTINGS_H
#define SAMSA_CLUSTER_SETTINGS_H

#include "broker/base/buf.h"
#include "broker/config/topic_config.h"

/* Never changed once made; a change of a topic's settings is another one. Any core. */
struct topic_settings {
	struct hold hold;
	struct topic_config *config;
};

/* What a topic has from now on. */
struct topic_new_settings {
	struct slice topic;
	struct topic_settings *settings;
};

/* Takes the config. One hold. */
struct topic_settings *topic_settings_new(struct topic_config *config);

static inline struct topic_settings *topic_settings_get(struct topic_settings *s)
{
	hold_get(&s->hold);
	return s;
}

static inline void topic_settings_put(struct topic_settings *s)
{
	if (s)
		hold_put(&s->hold);
}

#endif
