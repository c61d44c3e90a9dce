/* replica_sm.c - the replica state machine; its states and their order are in context.h.
 * Facts: kafka.controller.ZkReplicaStateMachine of 3.9; contract: coordination, section 3.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

static bool is_legal(enum ctl_replica_state from, enum ctl_replica_state to)
{
	const unsigned alive = 1u << REPLICA_NEW | 1u << REPLICA_ONLINE | 1u << REPLICA_OFFLINE |
			       1u << REPLICA_DELETION_INELIGIBLE;
	const unsigned sources[REPLICA_STATES] = {
		[REPLICA_NONEXISTENT] = 1u << REPLICA_DELETION_SUCCESSFUL,
		[REPLICA_NEW] = 1u << REPLICA_NONEXISTENT,
		[REPLICA_ONLINE] = alive,
		[REPLICA_OFFLINE] = alive,
		[REPLICA_DELETION_STARTED] = 1u << REPLICA_OFFLINE,
		[REPLICA_DELETION_SUCCESSFUL] = 1u << REPLICA_DELETION_STARTED,
		[REPLICA_DELETION_INELIGIBLE] = 1u << REPLICA_OFFLINE | 1u << REPLICA_DELETION_STARTED,
	};
	return sources[to] >> from & 1u;
}

/* A replica that goes offline leaves the in-sync replicas, unless it is the last of them; one that led leaves
 * the partition without a leader. The others are told. */
static void leave_isr(struct controller *c, struct ctl_partition *p, int32_t broker)
{
	if (!p->has_leadership || !(ctl_ids_has(&p->lead.isr, broker) || p->lead.leader == broker))
		return;
	struct ctl_leadership lead = p->lead;
	if (lead.leader == broker)
		lead.leader = CTL_NO_LEADER;
	if (lead.isr.n > 1)
		ctl_ids_remove(&lead.isr, broker);
	lead.leader_epoch++;
	lead.controller_epoch = c->epoch;
	enum zk_err err = ctl_write_leadership(c, p, &lead);
	if (err != ZK_OK) {
		log_error(CTL_STATE_LOGGER, "Partition %s-%d: replica %d could not be taken from the ISR: "
			  "%s.", p->topic->name, p->index, broker, zk_err_text(err));
		return;
	}
	if (p->topic->deleting)
		return;
	for (int i = 0; i < p->n_replicas; i++)
		if (p->replicas[i].broker != broker && ctl_is_live(&c->ctx, p->replicas[i].broker))
			push_leader_and_isr(c, p->replicas[i].broker, p, false);
	push_metadata(c, p);
}

static void enter(struct controller *c, struct ctl_partition *p, struct ctl_replica *r,
		  enum ctl_replica_state to)
{
	enum ctl_replica_state from = r->state;
	r->state = to;
	switch (to) {
	case REPLICA_NEW:
		if (p->has_leadership)
			push_leader_and_isr(c, r->broker, p, true);
		break;
	case REPLICA_ONLINE:
		r->failed_dir = false;
		if (from != REPLICA_NEW && p->has_leadership)
			push_leader_and_isr(c, r->broker, p, false);
		break;
	case REPLICA_OFFLINE:
		push_stop_replica(c, r->broker, p, false);
		leave_isr(c, p, r->broker);
		break;
	case REPLICA_DELETION_STARTED:
		push_stop_replica(c, r->broker, p, true);
		break;
	default:
		break; /* only remembered */
	}
}

void ctl_replica_drop(struct controller *c, struct ctl_partition *p, int32_t broker)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	must(!ctl_replica(p, broker));
	push_stop_replica(c, broker, p, true);
	leave_isr(c, p, broker);
}

void ctl_replicas_to(struct controller *c, const struct ctl_partitions *ps, int32_t broker,
		     enum ctl_replica_state to)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	for (int i = 0; c->active && i < ps->n; i++)
		for (int k = 0; c->active && k < ps->v[i]->n_replicas; k++) {
			struct ctl_replica *r = &ps->v[i]->replicas[k];
			if (broker >= 0 && r->broker != broker)
				continue;
			if (is_legal(r->state, to))
				enter(c, ps->v[i], r, to);
			else
				log_error(CTL_STATE_LOGGER, "Replica %d of %s-%d cannot go from %s to %s.",
					  r->broker, ps->v[i]->topic->name, ps->v[i]->index,
					  ctl_replica_state_name(r->state), ctl_replica_state_name(to));
		}
}
