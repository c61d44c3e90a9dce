/* auto_create.h - topics that come into being because somebody asked for them. In fibers of the control
 * reactor. Facts: kafka.server.AutoTopicCreationManager of 3.9 without forwarding: the broker that was asked
 * writes ZooKeeper. */
#ifndef SAMSA_API_AUTO_CREATE_H
#define SAMSA_API_AUTO_CREATE_H

#include "broker/api/api.h"

enum { AUTO_CREATE_WAIT_MS = 1000 }; /* for the new topic's leaders, so that the asker need not ask again */

/* What Metadata tells of a topic that was not there: LEADER_NOT_AVAILABLE when it was made (the asker asks
 * again, unless the snapshot has it by then), or why it was not. Internal topics get their own counts and
 * settings. */
enum kerr auto_create(struct api *api, struct slice topic, struct arena *arena);

#endif
