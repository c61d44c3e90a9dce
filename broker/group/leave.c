/* leave.c - Heartbeat and LeaveGroup. */
#include "broker/group/membership.h"

#include "broker/base/log.h"
#include "broker/group/rebalance.h"

#include <stdio.h>

enum { REASON_BYTES = 1024 };

/* ---- Heartbeat ---- */

static enum kerr heartbeat_in(struct group *g, const struct heartbeat *h)
{
	enum kerr error = group_check_member(g, h->member_id, h->instance_id, "heartbeat");
	if (error)
		return error;
	if (h->generation != g->generation)
		return KERR_ILLEGAL_GENERATION;
	if (g->state == GROUP_EMPTY)
		return KERR_UNKNOWN_MEMBER_ID;
	member_heard(group_member(g, h->member_id));
	return g->state == GROUP_PREPARING ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

enum kerr coordinator_heartbeat(struct coordinator *co, const struct heartbeat *h)
{
	struct coordinated *at;
	enum kerr error = coordinator_check(co, h->group_id, h->partition, GROUP_ID_NOT_EMPTY, &at);
	if (error == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		return KERR_NONE; /* sessions begin when it is loaded */
	if (error)
		return error;
	struct group *g = coordinator_group(at, h->group_id);
	return g ? heartbeat_in(g, h) : KERR_UNKNOWN_MEMBER_ID;
}

/* ---- LeaveGroup ---- */

static void remove_member(struct member *m, const struct leaving *l)
{
	const struct group *g = m->group;
	struct log_text room;
	const char *said = reason_text(l->reason, &room);
	char why[REASON_BYTES];
	group_info(g, "Member %s has left group %s through explicit `LeaveGroup`; client reason: %s",
		   log_safe(m->id).s, log_safe(g->id).s, said);
	snprintf(why, sizeof why, "Removing member %s on LeaveGroup; client reason: %s", log_safe(m->id).s,
		 said);
	rebalance_member_gone(m, why);
}

/* An admin names a static member by its instance id alone. */
static enum kerr leave_by_instance(struct group *g, const struct leaving *l)
{
	struct member *m = slice_is_null(l->instance_id) ? NULL : group_static_member(g, l->instance_id);
	if (!m)
		return KERR_UNKNOWN_MEMBER_ID;
	remove_member(m, l);
	return KERR_NONE;
}

static enum kerr leave_one(struct group *g, const struct leaving *l)
{
	if (l->member_id.n == 0)
		return leave_by_instance(g, l);
	if (group_is_pending(g, l->member_id)) {
		group_info(g, "Pending member with memberId=%s has left group %s through explicit "
			   "`LeaveGroup` request", log_safe(l->member_id).s, log_safe(g->id).s);
		rebalance_pending_gone(g, l->member_id);
		return KERR_NONE;
	}
	enum kerr error = group_check_member(g, l->member_id, l->instance_id, "leave-group");
	if (!error)
		remove_member(group_member(g, l->member_id), l);
	return error;
}

enum kerr coordinator_leave(struct coordinator *co, struct slice group_id, int32_t partition,
			    struct leaving *leaving, int32_t n)
{
	struct coordinated *at;
	enum kerr error = coordinator_check(co, group_id, partition, GROUP_ID_NOT_EMPTY, &at);
	if (error)
		return error;
	struct group *g = coordinator_group(at, group_id);
	for (int32_t i = 0; i < n; i++)
		leaving[i].error = g ? leave_one(g, &leaving[i]) : KERR_UNKNOWN_MEMBER_ID;
	return KERR_NONE;
}
