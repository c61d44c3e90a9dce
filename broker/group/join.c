/* join.c - JoinGroup: new members, members that come again, and static ones that take their own place. */
#include "broker/group/membership.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/group/rebalance.h"
#include "broker/group/store.h"

#include <stdio.h>

/* A uuid as java.util.UUID prints it. */
enum { UUID_JAVA_BYTES = 36 };

/* ---- ids ---- */

/* "name-uuid", with a uuid of version 4; free() it. */
static struct slice make_member_id(struct slice name)
{
	uint8_t r[16];
	sys_random(r, sizeof r);
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	char *id = mem_alloc(name.n + 1 + UUID_JAVA_BYTES + 1);
	if (name.n > 0)
		memcpy(id, name.p, name.n);
	snprintf(id + name.n, 1 + UUID_JAVA_BYTES + 1,
		 "-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
		 r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	return slice_of(id, name.n + 1 + UUID_JAVA_BYTES);
}

/* ---- a member that is added ---- */

static void add_member(struct group *g, struct join *j, struct slice id)
{
	struct log_text said;
	struct member_spec spec = {
		.id = id, .instance_id = j->instance_id, .client_id = j->client_id,
		.client_host = j->client_host, .protocol_type = j->protocol_type,
		.rebalance_timeout_ms = j->rebalance_timeout_ms, .session_timeout_ms = j->session_timeout_ms,
		.protocols = j->protocols, .n_protocols = j->n_protocols };
	group_remove_pending(g, id);
	struct member *m = group_add(g, &spec);
	if (!m) {
		join_fail(j, KERR_COORDINATOR_NOT_AVAILABLE, id);
		return;
	}
	m->is_new = true;
	if (g->state == GROUP_PREPARING && g->generation == 0)
		g->new_member_came = true;
	member_park_join(m, j);
	member_heard(m);
	if (g->state != GROUP_PREPARING)
		rebalance_prepare(g, "Adding new member %s with group instance id %s; client reason: %s",
				  log_safe(m->id).s,
				  member_is_static(m) ? log_safe(m->instance_id).s : "None",
				  reason_text(j->reason, &said));
}

static void give_id(struct group *g, struct join *j, struct slice id)
{
	group_info(g, "Dynamic member with unknown member id joins group %s in %s state. Created a new "
		   "member id %s and request the member to rejoin with this id.", log_safe(g->id).s,
		   group_state_name(g->state), log_safe(id).s);
	if (group_add_pending(g, id, j->session_timeout_ms))
		join_fail(j, KERR_MEMBER_ID_REQUIRED, id);
	else
		join_fail(j, KERR_GROUP_MAX_SIZE_REACHED, slice_of("", 0));
}

/* ---- a static member that has been started anew: it takes the place of its old self ---- */

/* What to go back to when the change cannot be stored. */
struct replacement {
	struct slice old_id, new_id; /* their own */
	struct group_protocols *old_protocols;
	int32_t old_rebalance_ms, old_session_ms;
	bool may_skip_assignment;
	struct join *join; /* to be compared, no more: it may have been answered */
};

static void replacement_free(struct replacement *r)
{
	free((void *)r->old_id.p);
	free((void *)r->new_id.p);
	free(r->old_protocols);
	free(r);
}

/* Where there is no need for a new generation, the leader must not divide the work anew: nobody would be
 * told. Since version 9 it can be told so; before, it is made to believe that its old self still leads. */
static void answer_replaced(struct member *m, const struct replacement *r)
{
	struct join *j = m->join;
	const struct group *g = m->group;
	bool leads = g->leader == m;
	must(j == r->join);
	j->error = KERR_NONE;
	j->generation = g->generation;
	j->answer_protocol_type = g->protocol_type;
	j->answer_protocol_name = g->protocol_name;
	j->answer_member_id = m->id;
	j->leader = leads && !r->may_skip_assignment ? r->old_id : g->leader->id;
	j->skip_assignment = leads && r->may_skip_assignment;
	j->tell_members = j->skip_assignment ? g : NULL;
	member_unpark_join(m);
	j->done(j);
	member_heard(m);
}

static void put_back(struct member *m, struct replacement *r, enum kerr error)
{
	struct join *j = m->join;
	struct group *g = m->group;
	group_warn(g, "Failed to persist metadata for group %s: %s", log_safe(g->id).s, kerr_name(error));
	member_unpark_join(m);
	join_fail(j, error, slice_of("", 0));
	group_restore(m, r->old_protocols);
	r->old_protocols = NULL;
	m->rebalance_timeout_ms = r->old_rebalance_ms;
	m->session_timeout_ms = r->old_session_ms;
	group_rename(m, r->old_id);
	member_heard(m);
}

static void replacement_stored(struct group_store *s, enum kerr error)
{
	struct replacement *r = s->arg;
	struct member *m = group_member(s->group, r->new_id);
	/* If a rebalance has begun meanwhile, it answers, and stores the member with its generation. */
	if (s->group->state == GROUP_STABLE && m && m->join && m->join == r->join) {
		if (error)
			put_back(m, r, error);
		else
			answer_replaced(m, r);
	}
	replacement_free(r);
}

static void replace_in_stable(struct member *m, struct join *j, struct replacement *r)
{
	struct group *g = m->group;
	struct log_text said;
	if (!slice_eq(group_vote(g), g->protocol_name)) {
		replacement_free(r);
		rebalance_prepare(g, "Group's selectedProtocol will change because static member %s with "
				  "instance "
				  "id %s joined with change of protocol; client reason: %s",
				  log_safe(m->id).s, log_safe(m->instance_id).s,
				  reason_text(j->reason, &said));
		return;
	}
	group_info(g, "Static member %s which joins during Stable stage and doesn't affect selectProtocol "
		   "will not trigger rebalance.", log_safe(m->id).s);
	struct group_store *s = group_store_new(replacement_stored);
	s->arg = r;
	store_group(g, s);
}

static void replace_static(struct member *m, struct join *j, struct slice new_id)
{
	struct group *g = m->group;
	struct log_text said;
	struct replacement *r = mem_zalloc(sizeof *r);
	*r = (struct replacement){ .old_id = slice_of(mem_dup(m->id.p, m->id.n), m->id.n),
				   .new_id = slice_of(mem_dup(new_id.p, new_id.n), new_id.n),
				   .old_rebalance_ms = m->rebalance_timeout_ms,
				   .old_session_ms = m->session_timeout_ms,
				   .may_skip_assignment = j->may_skip_assignment, .join = j };
	r->old_protocols = group_exchange(m, j->protocols, j->n_protocols);
	if (!r->old_protocols) {
		replacement_free(r);
		join_fail(j, KERR_COORDINATOR_NOT_AVAILABLE, slice_of("", 0));
		return;
	}
	member_answer_join_error(m, KERR_FENCED_INSTANCE_ID, m->id);
	member_answer_sync(m, KERR_FENCED_INSTANCE_ID);
	group_rename(m, new_id);
	m->rebalance_timeout_ms = j->rebalance_timeout_ms;
	m->session_timeout_ms = j->session_timeout_ms;
	member_heard(m);
	member_park_join(m, j);
	if (g->state == GROUP_STABLE) {
		replace_in_stable(m, j, r);
		return;
	}
	replacement_free(r);
	/* The leader knows its old id only: what it assigns would not reach it. */
	if (g->state == GROUP_COMPLETING)
		rebalance_prepare(g, "Updating metadata for static member %s with instance id %s; client "
				  "reason: "
				  "%s", log_safe(m->id).s, log_safe(m->instance_id).s,
				  reason_text(j->reason, &said));
}

/* ---- who comes without an id ---- */

static void join_static(struct group *g, struct join *j, struct slice new_id)
{
	struct member *m = group_static_member(g, j->instance_id);
	group_info(g, "Static member with groupInstanceId=%s and unknown member id joins group %s in %s "
		   "state. %s %s.", log_safe(j->instance_id).s, log_safe(g->id).s, group_state_name(g->state),
		   m ? "Replacing previously mapped member" : "Created a new member id for it:",
		   log_safe(m ? m->id : new_id).s);
	if (m)
		replace_static(m, j, new_id);
	else
		add_member(g, j, new_id);
}

static void join_as_new(struct group *g, struct join *j)
{
	if (!group_supports(g, j->protocol_type, j->protocols, j->n_protocols)) {
		join_fail(j, KERR_INCONSISTENT_GROUP_PROTOCOL, slice_of("", 0));
		return;
	}
	bool is_static = !slice_is_null(j->instance_id);
	struct slice id = make_member_id(is_static ? j->instance_id : j->client_id);
	if (is_static)
		join_static(g, j, id);
	else if (j->needs_known_id)
		give_id(g, j, id);
	else
		add_member(g, j, id);
	free((void *)id.p);
}

/* ---- who comes with an id ---- */

static void update_and_rebalance(struct member *m, struct join *j, const char *why)
{
	struct group *g = m->group;
	struct log_text said;
	if (!group_update(m, j->protocols, j->n_protocols, j->rebalance_timeout_ms, j->session_timeout_ms)) {
		join_fail(j, KERR_COORDINATOR_NOT_AVAILABLE, m->id);
		return;
	}
	member_park_join(m, j);
	if (g->state != GROUP_PREPARING)
		rebalance_prepare(g, "%s %s during %s; client reason: %s", why, log_safe(m->id).s,
				  group_state_name(g->state), reason_text(j->reason, &said));
}

static void join_again(struct member *m, struct join *j)
{
	const struct group *g = m->group;
	bool same = member_matches(m, j->protocols, j->n_protocols);
	if (g->state == GROUP_PREPARING)
		update_and_rebalance(m, j, "Joining of member");
	else if (g->state == GROUP_STABLE && g->leader == m)
		update_and_rebalance(m, j, "Re-joining of leader"); /* what it divides may have changed */
	else if (!same)
		update_and_rebalance(m, j, "Updating metadata for member");
	else
		join_tell(j, m); /* it has not got the answer to its join, perhaps */
}

static void join_as_known(struct group *g, struct join *j)
{
	if (!group_supports(g, j->protocol_type, j->protocols, j->n_protocols)) {
		join_fail(j, KERR_INCONSISTENT_GROUP_PROTOCOL, j->member_id);
		return;
	}
	if (group_is_pending(g, j->member_id)) {
		/* Ids are given to dynamic members only. */
		if (slice_is_null(j->instance_id))
			add_member(g, j, j->member_id);
		else
			join_fail(j, KERR_UNKNOWN_SERVER_ERROR, j->member_id);
		return;
	}
	enum kerr error = group_check_member(g, j->member_id, j->instance_id, "join-group");
	if (error)
		join_fail(j, error, j->member_id);
	else
		join_again(group_member(g, j->member_id), j);
}

/* ---- the request ---- */

/* Whether there is room. While a rebalance is prepared those count who have joined, so that the last ones of
 * a group that is too large are the ones to go. */
static bool has_room(const struct group *g, struct slice member_id)
{
	int32_t most = g->home->home->config->group_max_size;
	const struct member *m = group_member(g, member_id);
	switch (g->state) {
	case GROUP_PREPARING:
		return (m && m->join) || g->n_joining < most;
	case GROUP_COMPLETING:
	case GROUP_STABLE:
		return m || group_size(g) < most;
	default:
		return true;
	}
}

static void turn_away(struct group *g, struct join *j)
{
	struct member *m = group_member(g, j->member_id);
	if (m)
		group_remove(m, KERR_GROUP_MAX_SIZE_REACHED);
	else
		group_remove_pending(g, j->member_id);
	join_fail(j, KERR_GROUP_MAX_SIZE_REACHED, slice_of("", 0));
}

static enum kerr check(struct coordinator *co, const struct join *j, struct coordinated **at)
{
	enum kerr error = coordinator_check(co, j->group_id, j->partition, GROUP_ID_NOT_EMPTY, at);
	if (error)
		return error;
	if (j->session_timeout_ms < co->config->group_min_session_timeout_ms ||
	    j->session_timeout_ms > co->config->group_max_session_timeout_ms)
		return KERR_INVALID_SESSION_TIMEOUT;
	return KERR_NONE;
}

void coordinator_join(struct coordinator *co, struct join *j)
{
	struct coordinated *at;
	bool is_new = j->member_id.n == 0;
	enum kerr error = check(co, j, &at);
	if (error) {
		join_fail(j, error, j->member_id);
		return;
	}
	struct group *g = is_new ? coordinator_group_make(at, j->group_id)
				 : coordinator_group(at, j->group_id);
	if (!g) {
		join_fail(j, is_new ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_UNKNOWN_MEMBER_ID, j->member_id);
		return;
	}
	if (!has_room(g, j->member_id))
		turn_away(g, j);
	else if (is_new)
		join_as_new(g, j);
	else
		join_as_known(g, j);
	rebalance_try_complete(g);
}
