/* leaders.h - where the leader of a partition is, told to a client that asked another broker (KIP-951). */
#ifndef SAMSA_API_LEADERS_H
#define SAMSA_API_LEADERS_H

#include "broker/api/api.h"

struct told_leader {
	int32_t id, epoch;
};

/* As the metadata of this core has it; false when it does not know the partition. */
bool told_leader(const struct request *req, struct slice topic, int32_t partition, struct told_leader *out);

struct told_endpoint {
	int32_t id;
	struct slice host;
	int32_t port;
	struct slice rack;
};

/* Each leader that an answer names, once. Begins as { .req = req }; lives in the request's arena, and its
 * text in the metadata of this core. */
struct told_endpoints {
	struct request *req;
	struct told_endpoint *v;
	int n;
};

/* Does nothing when the broker is not there, or has no endpoint at the listener that the request came by. */
void told_endpoints_add(struct told_endpoints *told, int32_t leader);

#endif
