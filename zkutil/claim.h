/* claim.h - the two transactions by which a broker takes an ephemeral node. What their failures mean is in
 * zk_schema's conditional rules, which the controller room follows. */
#ifndef SAMSA_ZKUTIL_CLAIM_H
#define SAMSA_ZKUTIL_CLAIM_H

#include "zkutil/zk.h"
#include "zkutil/znode.h"

enum { CLAIM_OPS = 2 };

/* Registration: born with null data and then set, so that its version is 1. After success ops[1].stat.czxid
 * is the broker epoch. NODEEXISTS: somebody has this id, perhaps an earlier session of ours. */
static inline void claim_broker(struct zk_op ops[CLAIM_OPS], const char *path, struct slice json)
{
	ops[0] = zk_op_create(path, SLICE_NULL, ZK_EPHEMERAL);
	ops[1] = zk_op_set(path, json, 0);
}

/* Election: /controller and the next epoch, or neither. `epoch_version` is that of the epoch node which the
 * new epoch was counted from; after success ops[1].stat.version is the one that guards every write of this
 * controller. NODEEXISTS or BADVERSION: lost, or won with a lost answer; read both nodes back. */
static inline void claim_controller(struct zk_op ops[CLAIM_OPS], struct slice json, struct slice epoch,
	int32_t epoch_version)
{
	ops[0] = zk_op_create(znode_path(ZNODE_CONTROLLER), json, ZK_EPHEMERAL);
	ops[1] = zk_op_set(znode_path(ZNODE_CONTROLLER_EPOCH), epoch, epoch_version);
}

#endif
