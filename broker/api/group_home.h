/* group_home.h - where a group is to be asked for. */
#ifndef SAMSA_API_GROUP_HOME_H
#define SAMSA_API_GROUP_HOME_H

#include "broker/api/api.h"

struct group_home {
	int32_t partition;     /* of __consumer_offsets */
	struct api_core *core;
};

/* On the core that has the request, and as its metadata has it; a topic that is not there yet counts as it
 * will be made. */
struct group_home group_home(const struct request *req, struct slice group);

#endif
