/* rebalance.c - see rebalance.h. */
#include "broker/group/rebalance.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "broker/group/coordinator.h"
#include "broker/group/membership.h"
#include "broker/group/store.h"

#include <stdarg.h>
#include <stdio.h>

enum { REASON_BYTES = 1024 };

static const struct config *config_of(const struct group *g)
{
	return g->home->home->config;
}

const char *reason_text(struct slice reason, struct log_text *room)
{
	if (slice_is_null(reason))
		return "not provided";
	*room = log_safe(reason);
	return room->s;
}

/* ---- who waits ---- */

void join_fail(struct join *j, enum kerr error, struct slice member_id)
{
	j->error = error;
	j->generation = -1;
	j->answer_protocol_type = j->answer_protocol_name = SLICE_NULL;
	j->leader = slice_of("", 0);
	j->answer_member_id = member_id;
	j->skip_assignment = false;
	j->tell_members = NULL;
	j->done(j);
}

void join_tell(struct join *j, const struct member *m)
{
	const struct group *g = m->group;
	bool leads = g->leader == m;
	must(g->leader != NULL);
	j->error = KERR_NONE;
	j->generation = g->generation;
	j->answer_protocol_type = g->protocol_type;
	j->answer_protocol_name = g->protocol_name;
	j->leader = g->leader->id;
	j->answer_member_id = m->id;
	j->skip_assignment = false;
	j->tell_members = leads ? g : NULL;
	j->done(j);
}

struct join *member_unpark_join(struct member *m)
{
	struct join *j = m->join;
	m->join = NULL;
	m->group->n_joining -= j != NULL;
	must(m->group->n_joining >= 0);
	return j;
}

void member_park_join(struct member *m, struct join *j)
{
	struct join *old = member_unpark_join(m);
	m->join = j;
	m->group->n_joining++;
	if (old)
		join_fail(old, KERR_REBALANCE_IN_PROGRESS, m->id);
}

/* With the generation. */
static void answer_join(struct member *m)
{
	struct join *j = member_unpark_join(m);
	if (j)
		join_tell(j, m);
}

void member_answer_join_error(struct member *m, enum kerr error, struct slice member_id)
{
	struct join *j = member_unpark_join(m);
	if (j)
		join_fail(j, error, member_id);
}

static void sync_answer(struct sync *s, enum kerr error, const struct member *m)
{
	bool good = error == KERR_NONE;
	s->error = error;
	s->answer_protocol_type = good ? m->group->protocol_type : SLICE_NULL;
	s->answer_protocol_name = good ? m->group->protocol_name : SLICE_NULL;
	s->assignment = good ? m->assignment : slice_of("", 0);
	s->done(s);
}

bool member_answer_sync(struct member *m, enum kerr error)
{
	struct sync *s = m->sync;
	m->sync = NULL;
	if (s)
		sync_answer(s, error, m);
	return s != NULL;
}

void member_park_sync(struct member *m, struct sync *s)
{
	member_answer_sync(m, KERR_REBALANCE_IN_PROGRESS);
	m->sync = s;
}

void member_synced(struct member *m)
{
	struct group *g = m->group;
	if (!m->owes_sync)
		return;
	m->owes_sync = false;
	if (--g->n_owing_sync == 0 && g->state != GROUP_PREPARING)
		timer_cancel(group_reactor(g), &g->clock);
}

void member_heard(struct member *m)
{
	int32_t ms = m->is_new ? GROUP_NEW_MEMBER_MS : m->session_timeout_ms;
	timer_arm(group_reactor(m->group), &m->session, max_of(ms, 0));
}

/* ---- PREPARING ---- */

/* Kafka counts on, into numbers below 0, which mean that there is none. */
static void next_generation(struct group *g)
{
	g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
}

static void tell_assignment_error(struct group *g, enum kerr error)
{
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next) {
		member_set_assignment(m, SLICE_NULL);
		if (member_answer_sync(m, error))
			member_heard(m);
	}
}

static void forget_owed_syncs(struct group *g)
{
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next)
		member_synced(m);
}

static void wait_for_joins(struct group *g)
{
	timer_arm(group_reactor(g), &g->clock, group_rebalance_timeout_ms(g));
}

/* More members may be about to come to a group that nobody is in. */
static void wait_for_more(struct group *g)
{
	g->initial_ms = config_of(g)->group_initial_rebalance_delay_ms;
	g->initial_left_ms = max_of(group_rebalance_timeout_ms(g) - g->initial_ms, 0);
	timer_arm(group_reactor(g), &g->clock, g->initial_ms);
}

void rebalance_prepare(struct group *g, const char *reason, ...)
{
	char why[REASON_BYTES];
	va_list args;
	must(g->state != GROUP_DEAD && g->state != GROUP_PREPARING);
	va_start(args, reason);
	vsnprintf(why, sizeof why, reason, args);
	va_end(args);
	if (g->state == GROUP_COMPLETING)
		tell_assignment_error(g, KERR_REBALANCE_IN_PROGRESS);
	forget_owed_syncs(g);
	bool was_empty = g->state == GROUP_EMPTY;
	group_set_state(g, GROUP_PREPARING);
	group_info(g, "Preparing to rebalance group %s in state %s with old generation %d (%s-%d) (reason: "
		   "%s)", log_safe(g->id).s, group_state_name(g->state), g->generation, TOPIC_OFFSETS,
		   g->home->index, why);
	if (was_empty) {
		wait_for_more(g);
		return;
	}
	wait_for_joins(g);
	rebalance_try_complete(g);
}

static void remove_who_did_not_join(struct group *g)
{
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next) {
		if (m->join || member_is_static(m))
			continue;
		group_info(g, "Group %s removed dynamic members who haven't joined: %s", log_safe(g->id).s,
			   log_safe(m->id).s);
		group_remove(m, KERR_UNKNOWN_MEMBER_ID);
	}
}

/* False when nobody has joined. */
static bool elect_joined_leader(struct group *g)
{
	struct member *m, *next;
	if (g->leader && g->leader->join)
		return true;
	HASH_ITER(hh, g->members, m, next) {
		if (!m->join)
			continue;
		group_info(g, "Group leader %s of group %s failed to join before rebalance timeout, while "
			   "new leader %s was elected.", log_safe(g->leader ? g->leader->id : SLICE_NULL).s,
			   log_safe(g->id).s, log_safe(m->id).s);
		g->leader = m;
		return true;
	}
	return false;
}

static void empty_stored(struct group_store *s, enum kerr error)
{
	/* After a crash the generation before would be there again, with members that time out. */
	if (error)
		group_warn(s->group, "Failed to write empty metadata for group %s: %s",
			   log_safe(s->group->id).s, kerr_name(error));
}

static void become_empty(struct group *g)
{
	group_set_protocol_name(g, SLICE_NULL);
	group_read_topics(g);
	group_set_state(g, GROUP_EMPTY);
	group_info(g, "Group %s with generation %d is now empty (%s-%d)", log_safe(g->id).s, g->generation,
		   TOPIC_OFFSETS, g->home->index);
	store_group(g, group_store_new(empty_stored));
}

static void become_completing(struct group *g)
{
	group_set_protocol_name(g, group_vote(g));
	group_read_topics(g);
	group_set_state(g, GROUP_COMPLETING);
	g->is_assigned = false;
	group_info(g, "Stabilized group %s generation %d (%s-%d) with %d members", log_safe(g->id).s,
		   g->generation, TOPIC_OFFSETS, g->home->index, group_size(g));
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next) {
		answer_join(m);
		m->is_new = false;
		member_heard(m);
		m->owes_sync = true;
		g->n_owing_sync++;
	}
	timer_arm(group_reactor(g), &g->clock, group_rebalance_timeout_ms(g));
}

static void complete_join(struct group *g)
{
	must(g->state == GROUP_PREPARING);
	timer_cancel(group_reactor(g), &g->clock);
	g->initial_ms = -1;
	remove_who_did_not_join(g);
	if (g->members && !elect_joined_leader(g)) {
		group_error(g, "Group %s could not complete rebalance because no members rejoined",
			    log_safe(g->id).s);
		wait_for_joins(g);
		return;
	}
	next_generation(g);
	if (g->members)
		become_completing(g);
	else
		become_empty(g);
}

void rebalance_try_complete(struct group *g)
{
	bool all_joined = g->n_joining == group_size(g) && group_pending_count(g) == 0;
	if (g->state == GROUP_PREPARING && g->initial_ms < 0 && all_joined)
		complete_join(g);
}

/* ---- COMPLETING and STABLE ---- */

void rebalance_complete(struct group *g)
{
	struct member *m, *next;
	must(g->state == GROUP_COMPLETING);
	group_set_state(g, GROUP_STABLE);
	HASH_ITER(hh, g->members, m, next) {
		if (m->assignment.n == 0)
			group_warn(g, "Sending empty assignment to member %s of %s for generation %d with "
				   "no errors", log_safe(m->id).s, log_safe(g->id).s, g->generation);
		if (member_answer_sync(m, KERR_NONE))
			member_heard(m); /* its session may have run out while it was parked */
	}
}

void rebalance_assignment_failed(struct group *g, enum kerr error)
{
	must(g->state == GROUP_COMPLETING);
	tell_assignment_error(g, error);
	rebalance_prepare(g, "Error %s when storing group assignment during SyncGroup (member: %s)",
			  kerr_name(error), log_safe(g->leader->id).s);
}

/* Who has not asked for its assignment in time. */
static void syncs_timed_out(struct group *g)
{
	struct member *m, *next;
	must(g->n_owing_sync > 0);
	int32_t removed = 0;
	HASH_ITER(hh, g->members, m, next) {
		if (!m->owes_sync)
			continue;
		group_debug(g, "Group %s removed members who haven't sent their sync request: %s",
			    log_safe(g->id).s, log_safe(m->id).s);
		group_remove(m, KERR_UNKNOWN_MEMBER_ID);
		removed++;
	}
	rebalance_prepare(g, "Removing %d members on pending sync request expiration", removed);
}

/* ---- timers ---- */

static void initial_delay_over(struct group *g)
{
	if (!g->new_member_came || g->initial_left_ms == 0) {
		complete_join(g);
		return;
	}
	g->new_member_came = false;
	int32_t before = g->initial_ms;
	g->initial_ms = min_of(config_of(g)->group_initial_rebalance_delay_ms, g->initial_left_ms);
	g->initial_left_ms = max_of(g->initial_left_ms - before, 0);
	timer_arm(group_reactor(g), &g->clock, g->initial_ms);
}

static void clock_fired(struct reactor *here, struct timer *t)
{
	struct group *g = container_of(t, struct group, clock);
	must(here == group_reactor(g) && g->state != GROUP_DEAD && g->state != GROUP_EMPTY);
	if (g->state != GROUP_PREPARING)
		syncs_timed_out(g);
	else if (g->initial_ms >= 0)
		initial_delay_over(g);
	else
		complete_join(g);
}

static void session_expired(struct reactor *here, struct timer *t)
{
	struct member *m = container_of(t, struct member, session);
	struct group *g = m->group;
	char why[REASON_BYTES];
	must(here == group_reactor(g) && g->state != GROUP_DEAD);
	/* Who is parked cannot send a heartbeat. Only the first wait of a new member is limited: its client
	 * may have gone and come again under another id. */
	if (!m->is_new && (m->join || m->sync))
		return;
	group_info(g, "Member %s in group %s has failed, removing it from the group", log_safe(m->id).s,
		   log_safe(g->id).s);
	snprintf(why, sizeof why, "removing member %s on heartbeat expiration", log_safe(m->id).s);
	rebalance_member_gone(m, why);
}

void rebalance_member_gone(struct member *m, const char *reason)
{
	struct group *g = m->group;
	member_answer_join_error(m, KERR_UNKNOWN_MEMBER_ID, slice_of("", 0));
	group_remove(m, KERR_UNKNOWN_MEMBER_ID);
	if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
		rebalance_prepare(g, "%s", reason);
	else
		rebalance_try_complete(g);
}

void rebalance_pending_gone(struct group *g, struct slice id)
{
	group_remove_pending(g, id);
	rebalance_try_complete(g);
}

void rebalance_pending_expired(struct group *g, struct slice id)
{
	group_info(g, "Pending member %s in group %s has been removed after session timeout expiration.",
		   log_safe(id).s, log_safe(g->id).s);
	rebalance_pending_gone(g, id);
}

void rebalance_loaded(struct group *g)
{
	struct member *m, *next;
	int32_t most = config_of(g)->group_max_size;
	must(g->state == GROUP_STABLE || g->state == GROUP_EMPTY);
	group_debug(g, "Loading group metadata for %s with generation %d", log_safe(g->id).s, g->generation);
	HASH_ITER(hh, g->members, m, next)
		member_heard(m);
	if (group_size(g) > most)
		rebalance_prepare(g, "Freshly-loaded group is over capacity (%d). Rebalancing in order to "
				  "give a "
				  "chance for consumers to commit offsets", most);
}

void rebalance_init(struct group *g)
{
	g->clock.fire = clock_fired;
}

void rebalance_init_member(struct member *m)
{
	m->session.fire = session_expired;
}
