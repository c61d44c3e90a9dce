/* membership.h - what JoinGroup, SyncGroup, Heartbeat and LeaveGroup do, on the core of the group's
 * partition.
 *
 * A join or sync is embedded in what the handler keeps for its request. It may be answered at once, or be
 * parked until the group has come that far; done() is called once. What it answers with lies in the group and
 * lives only while done() runs: it encodes there.
 * Facts: kafka.coordinator.group.GroupCoordinator of 3.9.
 */
#ifndef SAMSA_GROUP_MEMBERSHIP_H
#define SAMSA_GROUP_MEMBERSHIP_H

#include "broker/group/coordinator.h"
#include "broker/group/group.h"

struct join {
	/* in; slices live until done() */
	struct slice group_id;
	int32_t partition;
	struct slice member_id, instance_id, client_id, client_host, protocol_type;
	struct slice reason;            /* null: not said */
	int32_t rebalance_timeout_ms, session_timeout_ms;
	const struct group_protocol *protocols;
	int32_t n_protocols;
	bool needs_known_id;            /* v4+: a dynamic member joins twice, with an id the second time */
	bool may_skip_assignment;       /* v9+ */
	void (*done)(struct join *j);
	/* out */
	enum kerr error;
	int32_t generation;
	struct slice answer_protocol_type, answer_protocol_name; /* null: none */
	struct slice leader, answer_member_id;
	bool skip_assignment;
	const struct group *tell_members; /* the answer lists this group's members; NULL: none */
};

void coordinator_join(struct coordinator *co, struct join *j);

struct sync_assignment {
	struct slice member_id, assignment;
};

struct sync {
	/* in */
	struct slice group_id;
	int32_t partition;
	int32_t generation;
	struct slice member_id, instance_id;
	struct slice protocol_type, protocol_name; /* null: not said */
	const struct sync_assignment *assignments;
	int32_t n_assignments;
	void (*done)(struct sync *s);
	/* out */
	enum kerr error;
	struct slice answer_protocol_type, answer_protocol_name, assignment;
};

void coordinator_sync(struct coordinator *co, struct sync *s);

struct heartbeat {
	struct slice group_id;
	int32_t partition;
	int32_t generation;
	struct slice member_id, instance_id;
};

enum kerr coordinator_heartbeat(struct coordinator *co, const struct heartbeat *h);

struct leaving {
	/* in */
	struct slice member_id, instance_id, reason;
	/* out */
	enum kerr error;
};

/* What is wrong with the request as a whole; NONE: each has its own error. */
enum kerr coordinator_leave(struct coordinator *co, struct slice group_id, int32_t partition,
			    struct leaving *leaving, int32_t n);

#endif
