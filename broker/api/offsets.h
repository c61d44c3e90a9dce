/* offsets.h - the partitions that a request about offsets names, and OffsetCommit as its ZooKeeper version
 * sees it. */
#ifndef SAMSA_API_OFFSETS_H
#define SAMSA_API_OFFSETS_H

#include "broker/api/api.h"

#include "offset_commit.kmsg.h"

struct named_partition {
	struct slice topic;
	int32_t partition;
	enum kerr error;
	bool is_replaced; /* named again later in the request: the last one counts, and is answered */
	const struct offset_commit_request_partition *from; /* OffsetCommit */
};

/* The first member of the handler's state (request.state). */
struct offset_commit_state {
	struct offset_commit_request msg;
	struct named_partition *parts; /* in the request's order */
	int32_t n;
};

/* Encodes what parts tell, wherever the request is. */
void offset_commit_respond(struct request *req);

#endif
