/* ut_join.c - who may join: ids, votes, a group that is full, and static members in every state. */
#include "tests/unit/group/group_world.h"

#include <string.h>

static bool is_uuid_of(const char *id, const char *name)
{
	static const char shape[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
	size_t n = strlen(name);
	if (strncmp(id, name, n) != 0 || id[n] != '-' || strlen(id + n + 1) != sizeof shape - 1)
		return false;
	for (size_t i = 0; i < sizeof shape - 1; i++) {
		char c = id[n + 1 + i];
		const char *of = shape[i] == 'x' ? "0123456789abcdef" : "89ab";
		if (shape[i] == 'x' || shape[i] == 'y' ? !strchr(of, c) : c != shape[i])
			return false;
	}
	return true;
}

static void ids(void)
{
	struct group_world w;
	struct gw_client old = { .version = 3 }, dynamic = { .group = "h" };
	struct gw_client fixed = { .instance = "I", .group = "i" };
	gw_begin(&w, "", NULL, NULL);
	gw_join(&w, &old); /* before version 4 no id is asked for */
	gw_join(&w, &dynamic);
	CU_ASSERT_EQUAL(dynamic.error, KERR_MEMBER_ID_REQUIRED);
	CU_ASSERT_TRUE(is_uuid_of(dynamic.id, "client"));
	gw_join(&w, &fixed);
	sim_run_ms(2 * GW_DELAY_MS + 100);
	CU_ASSERT_EQUAL(old.generation, 1);
	CU_ASSERT_TRUE(is_uuid_of(old.id, "client"));
	CU_ASSERT_TRUE(is_uuid_of(fixed.id, "I"));
	gw_end(&w);
}

static void bounds_of_sessions(void)
{
	struct group_world w;
	gw_begin(&w, "group.min.session.timeout.ms=6000\ngroup.max.session.timeout.ms=7000\n", NULL, NULL);
	for (int ms = 5999; ms <= 7001; ms++) {
		struct gw_client c = { .session_ms = ms };
		gw_join(&w, &c);
		bool good = ms >= 6000 && ms <= 7000;
		must(c.error == (good ? KERR_MEMBER_ID_REQUIRED : KERR_INVALID_SESSION_TIMEOUT));
		ms += ms == 6000 ? 998 : 0;
	}
	struct gw_client no_group = { .group = "", .session_ms = 1 };
	gw_join(&w, &no_group);
	CU_ASSERT_EQUAL(no_group.error, KERR_INVALID_GROUP_ID);
	gw_end(&w);
}

static void protocols_and_votes(void)
{
	struct group_world w;
	struct gw_client all[] = { { .protocols = "x,y,z" }, { .protocols = "y,x" },
				   { .protocols = "y,w,x" } };
	struct gw_client none = { .protocols = "" }, kindless = { .kind = "" };
	gw_begin(&w, "", NULL, NULL);
	gw_join(&w, &none);
	CU_ASSERT_EQUAL(none.error, KERR_INCONSISTENT_GROUP_PROTOCOL);
	gw_join(&w, &kindless);
	CU_ASSERT_EQUAL(kindless.error, KERR_INCONSISTENT_GROUP_PROTOCOL);
	gw_stable(&w, all, 3);
	CU_ASSERT_STRING_EQUAL(all[0].protocol, "y");
	struct gw_client wrong[] = { { .protocols = "z" }, { .protocols = "w,z" }, { .protocols = "" },
				     { .protocols = "x", .kind = "connect" } };
	for (size_t i = 0; i < countof(wrong); i++) {
		gw_join(&w, &wrong[i]);
		CU_ASSERT_EQUAL(wrong[i].error, KERR_INCONSISTENT_GROUP_PROTOCOL);
		CU_ASSERT_STRING_EQUAL(wrong[i].told_id, "");
	}
	/* One that is there may not forget what all know. */
	all[2].protocols = "w";
	gw_join(&w, &all[2]);
	CU_ASSERT_EQUAL(all[2].error, KERR_INCONSISTENT_GROUP_PROTOCOL);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_STABLE);
	/* When the one has left that did not know it, it counts. */
	CU_ASSERT_EQUAL(gw_leave(&w, &all[1]), KERR_NONE);
	CU_ASSERT_EQUAL(gw_leave(&w, &all[0]), KERR_NONE);
	all[2].protocols = "w";
	gw_join(&w, &all[2]);
	CU_ASSERT_EQUAL(all[2].error, KERR_NONE);
	CU_ASSERT_STRING_EQUAL(all[2].protocol, "w");
	gw_end(&w);
}

/* A name that is given twice counts once. */
static void a_protocol_twice(void)
{
	struct group_world w;
	struct gw_client c[] = { { .protocols = "x,x" }, { .protocols = "y,x,y,x" } };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	CU_ASSERT_STRING_EQUAL(c[1].protocol, "x");
	CU_ASSERT_EQUAL(gw_leave(&w, &c[1]), KERR_NONE);
	gw_join(&w, &c[0]);
	CU_ASSERT_EQUAL(c[0].error, KERR_NONE);
	gw_end(&w);
}

static void a_full_group(void)
{
	struct group_world w;
	struct gw_client c[3] = { 0 }, more = { 0 }, late = { 0 };
	gw_begin(&w, "group.max.size=3\n", NULL, NULL);
	gw_stable(&w, c, 3);
	gw_join(&w, &more);
	CU_ASSERT_EQUAL(more.error, KERR_GROUP_MAX_SIZE_REACHED);
	CU_ASSERT_STRING_EQUAL(more.told_id, "");
	gw_leave(&w, &c[1]);
	/* PREPARING: who has joined counts */
	gw_enter(&w, &more);
	CU_ASSERT_TRUE(gw_waits(&more));
	gw_enter(&w, &late);
	CU_ASSERT_TRUE(gw_waits(&late));
	gw_join(&w, &c[2]);
	CU_ASSERT_TRUE(gw_waits(&c[2]));
	gw_join(&w, &c[0]); /* was there before, and is too late: it goes, and the others go on */
	CU_ASSERT_EQUAL(c[0].error, KERR_GROUP_MAX_SIZE_REACHED);
	CU_ASSERT_FALSE(gw_waits(&more) || gw_waits(&late) || gw_waits(&c[2]));
	CU_ASSERT_EQUAL(group_size(gw_group(&w, "g")), 3);
	CU_ASSERT_EQUAL(more.error, KERR_NONE);
	gw_end(&w);
}

/* ---- static members ---- */

static void a_static_member_comes_again(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A" }, { .instance = "B" } };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	int64_t end = gw_log_end(&w);
	struct gw_client b = { .instance = "B" };
	gw_join(&w, &b);
	CU_ASSERT_EQUAL(b.error, KERR_NONE);
	CU_ASSERT_EQUAL(b.generation, 1);
	CU_ASSERT_STRING_EQUAL(b.leader, c[0].id);
	CU_ASSERT_FALSE(b.skip_assignment);
	CU_ASSERT_EQUAL(b.told, 0);
	CU_ASSERT_EQUAL(gw_log_end(&w), end + 1); /* its new id is written down */
	gw_sync(&w, &b);
	CU_ASSERT_STRING_EQUAL(b.assignment, "work-1");
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_FENCED_INSTANCE_ID);
	gw_sync(&w, &c[1]);
	CU_ASSERT_EQUAL(c[1].error, KERR_FENCED_INSTANCE_ID);
	gw_join(&w, &c[1]);
	CU_ASSERT_EQUAL(c[1].error, KERR_FENCED_INSTANCE_ID);
	CU_ASSERT_EQUAL(gw_leave(&w, &c[1]), KERR_FENCED_INSTANCE_ID);
	/* the leader, in new versions and old */
	struct gw_client new_a = { .instance = "A" }, old_a = { .instance = "A", .version = 8 };
	gw_join(&w, &new_a);
	CU_ASSERT_TRUE(new_a.skip_assignment);
	CU_ASSERT_STRING_EQUAL(new_a.leader, new_a.id);
	CU_ASSERT_EQUAL(new_a.told, 2);
	gw_join(&w, &old_a);
	CU_ASSERT_FALSE(old_a.skip_assignment);
	CU_ASSERT_STRING_EQUAL(old_a.leader, new_a.id);
	CU_ASSERT_EQUAL(old_a.told, 0);
	struct group *g = gw_group(&w, "g");
	CU_ASSERT_PTR_EQUAL(g->leader, group_static_member(g, slice_str("A")));
	/* Its session runs, although nobody has told it so. */
	for (int i = 0; i < 2; i++) {
		sim_run_ms(GW_SESSION_MS - 1000);
		gw_beat(&w, &b);
	}
	CU_ASSERT_EQUAL(gw_beat(&w, &old_a), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_beat(&w, &b), KERR_REBALANCE_IN_PROGRESS);
	gw_end(&w);
}

static void a_static_member_with_another_vote(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A", .protocols = "x,y" },
				  { .instance = "B", .protocols = "x,y" } };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	CU_ASSERT_STRING_EQUAL(c[0].protocol, "x");
	struct gw_client b = { .instance = "B", .protocols = "y" };
	gw_join(&w, &b);
	CU_ASSERT_TRUE(gw_waits(&b));
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_join(&w, &c[0]);
	CU_ASSERT_STRING_EQUAL(b.protocol, "y");
	CU_ASSERT_EQUAL(b.generation, 2);
	gw_end(&w);
}

static void a_static_member_in_a_rebalance(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A" }, { .instance = "B" } };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_join(&w, &c[0]); /* the leader: a rebalance */
	struct gw_client a = { .instance = "A" };
	gw_join(&w, &a); /* PREPARING: the one that waits is fenced */
	CU_ASSERT_FALSE(gw_waits(&c[0]));
	CU_ASSERT_EQUAL(c[0].error, KERR_FENCED_INSTANCE_ID);
	CU_ASSERT_STRING_EQUAL(c[0].told_id, c[0].id);
	gw_join(&w, &c[1]);
	CU_ASSERT_EQUAL(a.generation, 2);
	CU_ASSERT_EQUAL(a.told, 2);
	gw_sync(&w, &c[1]);
	struct gw_client b = { .instance = "B" };
	gw_join(&w, &b); /* COMPLETING: the sync that waits is fenced, and a rebalance starts */
	CU_ASSERT_EQUAL(c[1].error, KERR_FENCED_INSTANCE_ID);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(b.generation, 3);
	gw_end(&w);
}

/* It stays when it does not join again, and leaves by name or by failing. */
static void static_members_stay(void)
{
	struct group_world w;
	struct gw_client c[2] = { { 0 }, { .instance = "B", .session_ms = 200000 } };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_join(&w, &c[0]);
	sim_run_ms(GW_PATIENCE_MS + 100);
	CU_ASSERT_FALSE(gw_waits(&c[0]));
	CU_ASSERT_EQUAL(c[0].told, 2);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_ILLEGAL_GENERATION);
	CU_ASSERT_EQUAL(gw_leave_as(&w, "g", "", "nobody"), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_leave_as(&w, "g", "", NULL), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_leave_as(&w, "g", c[0].id, "B"), KERR_FENCED_INSTANCE_ID);
	CU_ASSERT_EQUAL(gw_leave_as(&w, "g", "", "B"), KERR_NONE);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_UNKNOWN_MEMBER_ID);
	gw_end(&w);
}

/* Nobody joins, but there are static members: the rebalance waits on, until they fail. */
static void only_static_members_are_left(void)
{
	struct group_world w;
	struct gw_client c[2] = { { 0 }, { .instance = "B", .session_ms = 100000, .patience_ms = 20000 } };
	c[0].patience_ms = 20000;
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_leave(&w, &c[0]);
	sim_run_ms(21000);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	CU_ASSERT_EQUAL(group_size(gw_group(&w, "g")), 1);
	sim_run_ms(100000);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_EMPTY);
	gw_end(&w);
}

/* ---- a static member's change that cannot be stored ---- */

static void a_change_that_is_not_stored_is_taken_back(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A" }, { .instance = "B" } };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_role(&w, true, 1); /* a follower that never fetches: nothing is committed */
	struct gw_client b = { .instance = "B", .word = "new", .session_ms = 50000 };
	gw_join(&w, &b);
	CU_ASSERT_TRUE(gw_waits(&b));
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_STABLE);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_NONE);
	sim_run_ms(2100);
	CU_ASSERT_FALSE(gw_waits(&b));
	CU_ASSERT_EQUAL(b.error, KERR_REBALANCE_IN_PROGRESS);
	CU_ASSERT_STRING_EQUAL(b.told_id, "");
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_NONE);
	struct member *m = group_static_member(gw_group(&w, "g"), slice_str("B"));
	CU_ASSERT_TRUE(slice_is(m->protocols->v[0].metadata, "meta"));
	CU_ASSERT_EQUAL(m->session_timeout_ms, GW_SESSION_MS);
	gw_end(&w);
}

/* While the change is on its way a rebalance takes the member over. */
static void a_rebalance_while_the_change_is_stored(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A" }, { .instance = "B" } };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_role(&w, true, 1);
	struct gw_client b = { .instance = "B" };
	gw_join(&w, &b);
	gw_join(&w, &c[0]);
	CU_ASSERT_FALSE(gw_waits(&b) || gw_waits(&c[0]));
	CU_ASSERT_EQUAL(b.error, KERR_NONE);
	CU_ASSERT_EQUAL(b.generation, 2);
	sim_run_ms(2100);
	CU_ASSERT_EQUAL(b.joined, 1);
	CU_ASSERT_EQUAL(gw_beat(&w, &b), KERR_NONE);
	gw_end(&w);
}

/* Or the member goes. */
static void a_member_leaves_while_the_change_is_stored(void)
{
	struct group_world w;
	struct gw_client c[2] = { { .instance = "A" }, { .instance = "B" } }, b = { .instance = "B" };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_role(&w, true, 1);
	gw_join(&w, &b);
	CU_ASSERT_EQUAL(gw_leave_as(&w, "g", "", "B"), KERR_NONE);
	CU_ASSERT_EQUAL(b.error, KERR_UNKNOWN_MEMBER_ID);
	sim_run_ms(2100);
	CU_ASSERT_EQUAL(b.joined, 1);
	gw_end(&w);
}

static const struct ut_case cases[] = {
	UT(ids),
	UT(bounds_of_sessions),
	UT(protocols_and_votes),
	UT(a_protocol_twice),
	UT(a_full_group),
	UT(a_static_member_comes_again),
	UT(a_static_member_with_another_vote),
	UT(a_static_member_in_a_rebalance),
	UT(static_members_stay),
	UT(only_static_members_are_left),
	UT(a_change_that_is_not_stored_is_taken_back),
	UT(a_rebalance_while_the_change_is_stored),
	UT(a_member_leaves_while_the_change_is_stored),
};

int main(void)
{
	return ut_run("group/join", cases, countof(cases));
}
