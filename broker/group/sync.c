/* sync.c - SyncGroup: a member asks for its assignment, and the leader brings everybody's. */
#include "broker/group/membership.h"

#include "broker/base/log.h"
#include "broker/group/rebalance.h"
#include "broker/group/store.h"

static void sync_fail(struct sync *s, enum kerr error)
{
	s->error = error;
	s->answer_protocol_type = s->answer_protocol_name = SLICE_NULL;
	s->assignment = slice_of("", 0);
	s->done(s);
}

static enum kerr check(const struct group *g, const struct sync *s)
{
	enum kerr error = group_check_member(g, s->member_id, s->instance_id, "sync-group");
	if (error)
		return error;
	if (s->generation != g->generation)
		return KERR_ILLEGAL_GENERATION;
	if (!slice_is_null(s->protocol_type) && !slice_eq(s->protocol_type, g->protocol_type))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (!slice_is_null(s->protocol_name) && !slice_eq(s->protocol_name, g->protocol_name))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	return KERR_NONE;
}

static void assignment_stored(struct group_store *store, enum kerr error)
{
	struct group *g = store->group;
	/* Somebody may have joined or left meanwhile: then there will be another assignment. */
	if (g->state != GROUP_COMPLETING || g->generation != store->generation)
		return;
	if (error)
		rebalance_assignment_failed(g, error);
	else
		rebalance_complete(g);
}

/* Each member's own; who is left out gets nothing. False without memory. */
static bool assign(struct group *g, const struct sync *s)
{
	bool good = true;
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next)
		member_set_assignment(m, SLICE_NULL);
	for (int32_t i = 0; i < s->n_assignments && good; i++) {
		m = group_member(g, s->assignments[i].member_id);
		good = !m || member_set_assignment(m, s->assignments[i].assignment);
	}
	HASH_ITER(hh, g->members, m, next)
		if (slice_is_null(m->assignment))
			group_warn(g, "Setting empty assignments for members %s of %s for generation %d",
				   log_safe(m->id).s, log_safe(g->id).s, g->generation);
	return good;
}

static void lead(struct group *g, const struct member *leader, const struct sync *s)
{
	group_info(g, "Assignment received from leader %s for group %s for generation %d. The group has %d "
		   "members, %d of which are static.", log_safe(leader->id).s, log_safe(g->id).s,
		   g->generation, group_size(g), group_static_size(g));
	g->is_assigned = true;
	coordinator_count(g->home->home, METRIC_REBALANCES, 1);
	if (assign(g, s))
		store_group(g, group_store_new(assignment_stored));
	else
		rebalance_assignment_failed(g, KERR_COORDINATOR_NOT_AVAILABLE);
}

static void sync_in(struct group *g, struct sync *s)
{
	enum kerr error = check(g, s);
	if (!error && g->state == GROUP_EMPTY)
		error = KERR_UNKNOWN_MEMBER_ID;
	if (!error && g->state == GROUP_PREPARING)
		error = KERR_REBALANCE_IN_PROGRESS;
	if (error) {
		sync_fail(s, error);
		return;
	}
	struct member *m = group_member(g, s->member_id);
	member_synced(m);
	member_park_sync(m, s);
	if (g->state == GROUP_STABLE) {
		member_answer_sync(m, KERR_NONE);
		member_heard(m);
	} else if (g->leader == m && !g->is_assigned) {
		lead(g, m, s);
	}
}

void coordinator_sync(struct coordinator *co, struct sync *s)
{
	struct coordinated *at;
	enum kerr error = coordinator_check(co, s->group_id, s->partition, GROUP_ID_NOT_EMPTY, &at);
	/* Loading: the rebalance that this belongs to is lost, and clients of old do not know the true error
	 * here. */
	if (error == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		error = KERR_REBALANCE_IN_PROGRESS;
	struct group *g = error ? NULL : coordinator_group(at, s->group_id);
	if (g)
		sync_in(g, s);
	else
		sync_fail(s, error ? error : KERR_UNKNOWN_MEMBER_ID);
}
