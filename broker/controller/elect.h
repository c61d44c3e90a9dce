/* elect.h - who leads: pure choices over what the controller knows.
 * Facts: kafka.controller.PartitionLeaderElectionAlgorithms of 3.9; contract: coordination, section 3. */
#ifndef SAMSA_CONTROLLER_ELECT_H
#define SAMSA_CONTROLLER_ELECT_H

#include "broker/controller/context.h"

enum elect_strategy {
	ELECT_OFFLINE,   /* the leader is gone, or there was none */
	ELECT_UNCLEAN,   /* the same, and an admin allows one that is not in sync */
	ELECT_PREFERRED, /* the first of the assignment, if it is live and in sync */
	ELECT_MOVED,     /* a reassignment ends: the first of those that stay, if it is live and in sync */
};

/* What an election ends in. Not found: leader CTL_NO_LEADER and the ISR as it was (offline), or nothing to
 * do. */
struct election {
	bool found;
	bool unclean;        /* a leader that was not in sync: records may be lost */
	int32_t leader;
	struct ctl_ids isr;
};

/* The first leadership of a partition: leads the first live replica, all live ones are in sync. */
struct election elect_first(const struct ctl_context *ctx, const struct ctl_partition *p);
/* `unclean_allowed`: unclean.leader.election.enable of the topic. */
struct election elect(const struct ctl_context *ctx, const struct ctl_partition *p,
		      enum elect_strategy strategy, bool unclean_allowed);

#endif
