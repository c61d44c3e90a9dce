/* event.h - what the verifiable commands tell: one JSON object in a line, with the time and a name first. */
#ifndef SAMSA_TOOLS_EVENT_H
#define SAMSA_TOOLS_EVENT_H

#include "broker/protocol/kmsg.h"

void event_begin(struct kdump *k, const char *name);
/* Prints it at once. */
void event_end(struct kdump *k);
/* One without anything else. */
void event_say(const char *name);

#endif
