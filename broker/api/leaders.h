/* leaders.h - who leads: whether it is this broker, as the client believes, and what a client is told that
 * asked another one (KIP-951). */
#ifndef SAMSA_API_LEADERS_H
#define SAMSA_API_LEADERS_H

#include "broker/api/api.h"

/* partition_check_leader() for requests to which only an epoch of -1 says nothing: one below it is older than
 * any. */
enum kerr leader_check(const struct partition *at, int32_t client_epoch);

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
