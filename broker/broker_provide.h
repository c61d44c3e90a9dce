/* broker_provide.h - what config.providers look at: files and the environment, by the seam. */
#ifndef SAMSA_BROKER_PROVIDE_H
#define SAMSA_BROKER_PROVIDE_H

#include "broker/config/providers.h"

/* Any thread; reading blocks. */
extern const struct provider_reader broker_provider_reader;

#endif
