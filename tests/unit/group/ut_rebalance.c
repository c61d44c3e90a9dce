/* ut_rebalance.c - the state machine of a group and its timers: the contract's table, cell by cell. */
#include "tests/unit/group/group_world.h"

enum { AS_LONG = GW_DELAY_MS + 50 };

static void first_rebalance_waits_for_more(void)
{
	struct group_world w;
	struct gw_client a = { 0 }, b = { 0 }, c = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_enter(&w, &a);
	CU_ASSERT_TRUE(gw_waits(&a));
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	sim_run_ms(GW_DELAY_MS - 500);
	gw_enter(&w, &b);
	sim_run_ms(1000); /* the delay is over, but somebody has come meanwhile */
	CU_ASSERT_TRUE(gw_waits(&a) && gw_waits(&b));
	sim_run_ms(GW_DELAY_MS);
	CU_ASSERT_FALSE(gw_waits(&a) || gw_waits(&b));
	CU_ASSERT_EQUAL(a.generation, 1);
	CU_ASSERT_EQUAL(a.told, 2);
	CU_ASSERT_EQUAL(b.told, 0);
	CU_ASSERT_STRING_EQUAL(b.leader, a.id);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_COMPLETING);
	gw_enter(&w, &c);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_end(&w);
}

/* At most for the longest rebalance timeout. */
static void prolonging_has_an_end(void)
{
	struct group_world w;
	struct gw_client c[4] = { 0 };
	gw_begin(&w, "", NULL, NULL);
	for (int i = 0; i < 4; i++) {
		c[i].patience_ms = 7000;
		gw_enter(&w, &c[i]);
		CU_ASSERT_TRUE(gw_waits(&c[0]));
		sim_run_ms(2000);
	}
	CU_ASSERT_FALSE(gw_waits(&c[0])); /* 8 s */
	CU_ASSERT_EQUAL(c[0].told, 4);
	gw_end(&w);
}

static void every_cell_of_the_table(void)
{
	struct group_world w;
	struct gw_client a = { 0 }, b = { 0 }, stranger = { .id = "stranger", .generation = 1 };
	gw_begin(&w, "", NULL, NULL);
	/* no group */
	CU_ASSERT_EQUAL(gw_beat(&w, &stranger), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_leave(&w, &stranger), KERR_UNKNOWN_MEMBER_ID);
	gw_join(&w, &stranger);
	CU_ASSERT_EQUAL(stranger.error, KERR_UNKNOWN_MEMBER_ID);
	gw_sync(&w, &stranger);
	CU_ASSERT_EQUAL(stranger.error, KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_PTR_NULL(gw_group(&w, "g"));
	/* EMPTY: an id alone does not fill it */
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_MEMBER_ID_REQUIRED);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_EMPTY);
	gw_join(&w, &stranger);
	CU_ASSERT_EQUAL(stranger.error, KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_beat(&w, &stranger), KERR_UNKNOWN_MEMBER_ID);
	/* PREPARING */
	gw_join(&w, &a);
	a.generation = 0;
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_REBALANCE_IN_PROGRESS);
	gw_sync(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_REBALANCE_IN_PROGRESS);
	sim_run_ms(AS_LONG * 2);
	/* COMPLETING */
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_NONE);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_NONE);
	CU_ASSERT_EQUAL(a.told, 1);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_COMPLETING);
	gw_enter(&w, &b);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_join(&w, &a);
	CU_ASSERT_FALSE(gw_waits(&a) || gw_waits(&b));
	CU_ASSERT_EQUAL(a.generation, 2);
	gw_sync(&w, &b);
	CU_ASSERT_TRUE(gw_waits(&b));
	a.generation = 1;
	gw_sync(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_ILLEGAL_GENERATION);
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_ILLEGAL_GENERATION);
	a.generation = 2;
	gw_assign(&w, &a, &b, 1);
	/* STABLE */
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_STABLE);
	CU_ASSERT_STRING_EQUAL(b.assignment, "work-0");
	CU_ASSERT_STRING_EQUAL(a.assignment, "");
	gw_sync(&w, &b);
	CU_ASSERT_STRING_EQUAL(b.assignment, "work-0");
	gw_join(&w, &b); /* nothing new */
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_STABLE);
	CU_ASSERT_EQUAL(b.generation, 2);
	b.word = "other";
	gw_join(&w, &b);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.generation, 3);
	/* COMPLETING, with other metadata */
	b.word = "third";
	gw_join(&w, &b);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_join(&w, &a);
	gw_assign(&w, &a, &b, 1);
	gw_join(&w, &a); /* the leader's is always a rebalance */
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_end(&w);
}

static void all_leave(void)
{
	struct group_world w;
	struct gw_client c[3] = { 0 }, next = { .kind = "connect" };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 3);
	int64_t end = gw_log_end(&w);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(gw_leave(&w, &c[i]), KERR_NONE);
		CU_ASSERT_EQUAL(gw_leave(&w, &c[i]), KERR_UNKNOWN_MEMBER_ID);
	}
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_EMPTY);
	CU_ASSERT_EQUAL(gw_group(&w, "g")->generation, 2);
	CU_ASSERT_EQUAL(gw_log_end(&w), end + 1); /* that it is empty is written down */
	/* A group that is empty takes another kind, after the delay. */
	gw_enter(&w, &next);
	CU_ASSERT_TRUE(gw_waits(&next));
	sim_run_ms(AS_LONG);
	CU_ASSERT_EQUAL(next.generation, 3);
	gw_end(&w);
}

static void members_leave_while_they_wait(void)
{
	struct group_world w;
	struct gw_client a = { 0 }, b = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_enter(&w, &a);
	gw_enter(&w, &b);
	CU_ASSERT_EQUAL(gw_leave(&w, &a), KERR_NONE); /* a parked join */
	CU_ASSERT_FALSE(gw_waits(&a));
	CU_ASSERT_EQUAL(a.error, KERR_UNKNOWN_MEMBER_ID);
	sim_run_ms(2 * AS_LONG);
	CU_ASSERT_STRING_EQUAL(b.leader, b.id);
	a = (struct gw_client){ 0 };
	gw_enter(&w, &a);
	gw_join(&w, &b);
	gw_sync(&w, &a);
	CU_ASSERT_TRUE(gw_waits(&a));
	CU_ASSERT_EQUAL(gw_leave(&w, &a), KERR_NONE); /* a parked sync, which Kafka forgets */
	CU_ASSERT_FALSE(gw_waits(&a));
	CU_ASSERT_EQUAL(a.error, KERR_UNKNOWN_MEMBER_ID);
	gw_end(&w);
}

static void a_second_request_answers_the_first(void)
{
	struct group_world w;
	struct gw_client a = { 0 }, b = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_enter(&w, &a);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.joins - a.joined, 1);
	CU_ASSERT_EQUAL(a.error, KERR_REBALANCE_IN_PROGRESS);
	gw_enter(&w, &b);
	sim_run_ms(2 * AS_LONG);
	CU_ASSERT_EQUAL(a.error, KERR_NONE);
	gw_sync(&w, &b);
	gw_sync(&w, &b);
	CU_ASSERT_EQUAL(b.syncs - b.synced, 1);
	CU_ASSERT_EQUAL(b.error, KERR_REBALANCE_IN_PROGRESS);
	gw_end(&w);
}

/* ---- who fails ---- */

static void sessions_run_out(void)
{
	struct group_world w;
	struct gw_client c[3] = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 3);
	for (int i = 0; i < 3; i++) {
		sim_run_ms(GW_SESSION_MS - 1000);
		CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_NONE);
		CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_NONE);
		CU_ASSERT_EQUAL(gw_beat(&w, &c[2]), KERR_NONE);
	}
	sim_run_ms(GW_SESSION_MS - 1000);
	gw_beat(&w, &c[0]);
	gw_beat(&w, &c[1]);
	sim_run_ms(2000);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[2]), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_REBALANCE_IN_PROGRESS);
	gw_join(&w, &c[0]);
	CU_ASSERT_TRUE(gw_waits(&c[0]));
	/* Who is parked does not fail; who only sends heartbeats neither, until the rebalance timeout. */
	for (int i = 0; i < 6; i++) {
		CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_REBALANCE_IN_PROGRESS);
		CU_ASSERT_TRUE(gw_waits(&c[0]));
		sim_run_ms(GW_SESSION_MS - 1000);
	}
	CU_ASSERT_EQUAL(group_size(gw_group(&w, "g")), 2);
	gw_beat(&w, &c[1]);
	sim_run_ms(GW_SESSION_MS - 1000);
	CU_ASSERT_FALSE(gw_waits(&c[0]));
	CU_ASSERT_EQUAL(c[0].told, 1);
	gw_end(&w);
}

/* The leader does not join again: another one leads. */
static void a_leader_is_left_behind(void)
{
	struct group_world w;
	struct gw_client c[3] = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 3);
	CU_ASSERT_EQUAL(gw_leave(&w, &c[0]), KERR_NONE);
	gw_join(&w, &c[1]);
	gw_join(&w, &c[2]);
	CU_ASSERT_STRING_EQUAL(c[2].leader, c[1].id);
	CU_ASSERT_EQUAL(c[1].told, 2);
	gw_assign(&w, &c[1], &c[1], 2);
	gw_sync(&w, &c[2]);
	c[2].word = "new";
	gw_join(&w, &c[2]);
	for (int i = 0; i < 7; i++) {
		sim_run_ms(GW_SESSION_MS - 1000);
		gw_beat(&w, &c[1]); /* alive, and does not join */
	}
	CU_ASSERT_FALSE(gw_waits(&c[2]));
	CU_ASSERT_STRING_EQUAL(c[2].leader, c[2].id);
	gw_end(&w);
}

static void who_does_not_sync_is_removed(void)
{
	struct group_world w;
	struct gw_client c[3] = { 0 };
	gw_begin(&w, "", NULL, NULL);
	for (int i = 0; i < 3; i++)
		gw_enter(&w, &c[i]);
	sim_run_ms(2 * AS_LONG);
	gw_sync(&w, &c[1]);
	for (int i = 0; i < 7; i++) {
		CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_NONE);
		CU_ASSERT_EQUAL(gw_beat(&w, &c[2]), KERR_NONE);
		sim_run_ms(GW_SESSION_MS - 1000);
	}
	CU_ASSERT_EQUAL(c[1].error, KERR_REBALANCE_IN_PROGRESS);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[2]), KERR_UNKNOWN_MEMBER_ID);
	gw_join(&w, &c[1]);
	CU_ASSERT_EQUAL(c[1].told, 1);
	/* and in a group that is STABLE for the others */
	c[0] = c[2] = (struct gw_client){ 0 };
	gw_enter(&w, &c[0]);
	gw_join(&w, &c[1]);
	gw_assign(&w, &c[1], c, 2);
	for (int i = 0; i < 7; i++) {
		gw_beat(&w, &c[0]);
		gw_beat(&w, &c[1]);
		sim_run_ms(GW_SESSION_MS - 1000);
	}
	CU_ASSERT_EQUAL(gw_beat(&w, &c[0]), KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_REBALANCE_IN_PROGRESS);
	gw_end(&w);
}

/* A new member's client may have gone and come again under another id. */
static void new_members_do_not_wait_for_ever(void)
{
	struct group_world w;
	struct gw_client a = { .patience_ms = 1000000, .session_ms = 1000000 }, b = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, &a, 1);
	gw_enter(&w, &b);
	sim_run_ms(GROUP_NEW_MEMBER_MS - 1000);
	CU_ASSERT_TRUE(gw_waits(&b));
	sim_run_ms(2000);
	CU_ASSERT_FALSE(gw_waits(&b));
	CU_ASSERT_EQUAL(b.error, KERR_UNKNOWN_MEMBER_ID);
	CU_ASSERT_STRING_EQUAL(b.told_id, "");
	gw_end(&w);
}

/* ---- members to be ---- */

static void pending_members_are_waited_for(void)
{
	struct group_world w;
	struct gw_client a = { 0 }, b = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, &a, 1);
	gw_join(&w, &b);
	CU_ASSERT_EQUAL(b.error, KERR_MEMBER_ID_REQUIRED);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_STABLE);
	gw_join(&w, &a);
	CU_ASSERT_TRUE(gw_waits(&a));
	gw_join(&w, &b);
	CU_ASSERT_FALSE(gw_waits(&a) || gw_waits(&b));
	/* and when they do not come */
	gw_assign(&w, &a, &a, 1);
	struct gw_client c = { 0 };
	gw_join(&w, &c);
	gw_join(&w, &a);
	gw_join(&w, &b);
	CU_ASSERT_TRUE(gw_waits(&a));
	sim_run_ms(GW_SESSION_MS + 100);
	CU_ASSERT_FALSE(gw_waits(&a));
	gw_join(&w, &c);
	CU_ASSERT_EQUAL(c.error, KERR_UNKNOWN_MEMBER_ID);
	/* or give their id back */
	c = (struct gw_client){ 0 };
	gw_join(&w, &c);
	gw_assign(&w, &a, &a, 1);
	gw_join(&w, &a);
	gw_join(&w, &b);
	CU_ASSERT_TRUE(gw_waits(&a));
	CU_ASSERT_EQUAL(gw_leave(&w, &c), KERR_NONE);
	CU_ASSERT_FALSE(gw_waits(&a));
	gw_end(&w);
}

static void ids_that_are_given_out_are_limited(void)
{
	struct group_world w;
	gw_begin(&w, "", NULL, NULL);
	for (int i = 0; i < GROUP_PENDING_MAX; i++) {
		struct gw_client c = { 0 };
		gw_join(&w, &c);
		must(c.error == KERR_MEMBER_ID_REQUIRED);
	}
	struct gw_client c = { 0 };
	gw_join(&w, &c);
	CU_ASSERT_EQUAL(c.error, KERR_GROUP_MAX_SIZE_REACHED);
	sim_run_ms(GW_SESSION_MS + 100);
	gw_join(&w, &c);
	CU_ASSERT_EQUAL(c.error, KERR_MEMBER_ID_REQUIRED);
	gw_end(&w);
}

/* A group whose generation were 0 would leave no tombstone. */
static void generations_begin_anew(void)
{
	struct group_world w;
	struct gw_client c = { 0 };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, &c, 1);
	gw_group(&w, "g")->generation = INT32_MAX;
	gw_join(&w, &c);
	CU_ASSERT_EQUAL(c.error, KERR_NONE);
	CU_ASSERT_EQUAL(c.generation, 1);
	gw_end(&w);
}

static const struct ut_case cases[] = {
	UT(generations_begin_anew),
	UT(first_rebalance_waits_for_more),
	UT(prolonging_has_an_end),
	UT(every_cell_of_the_table),
	UT(all_leave),
	UT(members_leave_while_they_wait),
	UT(a_second_request_answers_the_first),
	UT(sessions_run_out),
	UT(a_leader_is_left_behind),
	UT(who_does_not_sync_is_removed),
	UT(new_members_do_not_wait_for_ever),
	UT(pending_members_are_waited_for),
	UT(ids_that_are_given_out_are_limited),
};

int main(void)
{
	return ut_run("group/rebalance", cases, countof(cases));
}
