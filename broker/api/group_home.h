/* group_home.h - where a group is to be asked for, and what all of its requests are asked first. */
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

/* Whether the member that is named may be static, if it is (KIP-345): other brokers of a cluster before 2.3
 * would drop its instance id when they take the group over. */
bool group_may_be_static(const struct request *req, struct slice instance_id);

#endif
