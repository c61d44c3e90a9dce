/* ut_coordinator.c - elections: loading, unloading, who is told what; assignments that are not stored. */
#include "tests/unit/group/group_world.h"

#include <string.h>

static void stores_that_fail(void)
{
	struct group_world w;
	struct gw_client c[2] = { 0 };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_enter(&w, &c[0]);
	gw_enter(&w, &c[1]);
	sim_run_ms(2 * GW_DELAY_MS + 100);
	gw_role(&w, true, 1); /* a follower that never fetches */
	gw_sync(&w, &c[1]);
	gw_assign(&w, &c[0], c, 2);
	CU_ASSERT_TRUE(gw_waits(&c[0]) && gw_waits(&c[1]));
	sim_run_ms(2100);
	CU_ASSERT_FALSE(gw_waits(&c[0]) || gw_waits(&c[1]));
	CU_ASSERT_EQUAL(c[0].error, KERR_REBALANCE_IN_PROGRESS);
	CU_ASSERT_EQUAL(c[1].error, KERR_REBALANCE_IN_PROGRESS);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_PREPARING);
	gw_end(&w);
}

static void too_few_replicas(void)
{
	struct group_world w;
	struct gw_client a = { 0 };
	gw_begin(&w, "", "min.insync.replicas", "2");
	gw_enter(&w, &a);
	sim_run_ms(GW_DELAY_MS + 100);
	gw_sync(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_COORDINATOR_NOT_AVAILABLE);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_NONE);
	CU_ASSERT_EQUAL(a.generation, 2);
	gw_end(&w);
}

static void records_that_are_too_large(void)
{
	struct group_world w;
	struct gw_client a = { 0 };
	gw_begin(&w, "", "max.message.bytes", "100");
	gw_enter(&w, &a);
	sim_run_ms(GW_DELAY_MS + 100);
	gw_sync(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_UNKNOWN_SERVER_ERROR);
	gw_end(&w);
}

/* The group has moved on when its record is stored. */
static void a_store_that_comes_too_late(void)
{
	struct group_world w;
	struct gw_client c[2] = { 0 };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_enter(&w, &c[0]);
	sim_run_ms(GW_DELAY_MS + 100);
	gw_role(&w, true, 1);
	gw_sync(&w, &c[0]);
	gw_enter(&w, &c[1]);
	CU_ASSERT_EQUAL(c[0].error, KERR_REBALANCE_IN_PROGRESS);
	gw_join(&w, &c[0]);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_COMPLETING);
	sim_run_ms(2100);
	CU_ASSERT_EQUAL(gw_state(&w, "g"), GROUP_COMPLETING);
	CU_ASSERT_EQUAL(c[0].synced, 1);
	gw_end(&w);
}

/* ---- elections ---- */

static void the_role_is_lost(void)
{
	struct group_world w;
	struct gw_client c[2] = { 0 }, b = { .group = "other" }, p = { .group = "pending" };
	gw_begin(&w, "", NULL, NULL);
	gw_stable(&w, c, 2);
	gw_join(&w, &c[0]);
	gw_enter(&w, &b);
	gw_join(&w, &p);
	CU_ASSERT_TRUE(gw_waits(&c[0]) && gw_waits(&b));
	gw_role(&w, false, 0);
	CU_ASSERT_FALSE(gw_waits(&c[0]) || gw_waits(&b));
	CU_ASSERT_EQUAL(c[0].error, KERR_NOT_COORDINATOR);
	CU_ASSERT_EQUAL(b.error, KERR_NOT_COORDINATOR);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_NOT_COORDINATOR);
	CU_ASSERT_EQUAL(gw_leave(&w, &c[1]), KERR_NOT_COORDINATOR);
	gw_sync(&w, &c[1]);
	CU_ASSERT_EQUAL(c[1].error, KERR_NOT_COORDINATOR);
	sim_run_ms(GROUP_NEW_MEMBER_MS); /* no timer is left */
	gw_role(&w, true, 0);
	CU_ASSERT_EQUAL(w.loads, 2);
	CU_ASSERT_EQUAL(gw_beat(&w, &c[1]), KERR_UNKNOWN_MEMBER_ID);
	gw_end(&w);
}

static void the_role_is_lost_while_a_record_is_stored(void)
{
	struct group_world w;
	struct gw_client a = { 0 };
	gw_begin(&w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_enter(&w, &a);
	sim_run_ms(GW_DELAY_MS + 100);
	gw_role(&w, true, 1);
	gw_sync(&w, &a);
	CU_ASSERT_TRUE(gw_waits(&a));
	gw_role(&w, false, 0);
	CU_ASSERT_EQUAL(a.error, KERR_NOT_COORDINATOR);
	CU_ASSERT_EQUAL(a.synced, 1);
	sim_run_ms(5000);
	gw_end(&w);
}

static void loading(void)
{
	struct group_world w;
	struct gw_client a = { .id = "a", .generation = 1 };
	gw_begin(&w, "", NULL, NULL);
	gw_role(&w, false, 0);
	w.holds_loads = true;
	gw_role(&w, true, 0);
	gw_join(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_COORDINATOR_LOAD_IN_PROGRESS);
	gw_sync(&w, &a);
	CU_ASSERT_EQUAL(a.error, KERR_REBALANCE_IN_PROGRESS);
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_NONE);
	CU_ASSERT_EQUAL(gw_leave(&w, &a), KERR_COORDINATOR_LOAD_IN_PROGRESS);
	gw_role(&w, true, 0); /* a newer epoch of ours goes on with the same load */
	CU_ASSERT_EQUAL(w.loads, 2);
	gw_load_over(&w);
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_UNKNOWN_MEMBER_ID);
	gw_role(&w, true, 0);
	CU_ASSERT_EQUAL(w.loads, 2);
	/* lost while it is loaded */
	gw_role(&w, false, 0);
	gw_role(&w, true, 0);
	gw_role(&w, false, 0);
	CU_ASSERT_EQUAL(w.cancelled, 1);
	gw_load_over(&w);
	CU_ASSERT_EQUAL(gw_beat(&w, &a), KERR_NOT_COORDINATOR);
	gw_end(&w);
}

/* ---- the hash ---- */

static void partitions_of_groups(void)
{
	/* java.lang.String.hashCode: "" 0, "a" 97, "hello" 99162322, "polygenelubricants" the least int */
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str(""), 50), 0);
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str("a"), 50), 47);
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str("hello"), 50), 22);
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str("polygenelubricants"), 50), 0);
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str("\xc3\xa4"), 50), 228 % 50);
	CU_ASSERT_EQUAL(coordinator_partition_of(slice_str("\xf0\x9f\x98\x80"), 1000000), 1772899 % 1000000);
}

/* Somebody else who wants to know, told after the coordinator. */
struct onlooker {
	struct replicas_listener listener;
	const struct coordinated *at;
	int told;
	enum coordinated_state seen;
};

static void on_role(struct replicas_listener *l, struct partition *p)
{
	struct onlooker *o = container_of(l, struct onlooker, listener);
	o->told++;
	o->seen = o->at->state;
	CU_ASSERT_EQUAL(p->index, o->at->index);
}

static void several_listeners(void)
{
	struct group_world w;
	struct onlooker o = { .listener = { .changed = on_role } };
	int32_t index = 0;
	gw_begin(&w, "", NULL, NULL);
	HASH_FIND_INT(w.coordinator->partitions, &index, o.at);
	replicas_listen(w.replicas, &o.listener);
	gw_role(&w, false, 0);
	CU_ASSERT_EQUAL(o.told, 1);
	CU_ASSERT_EQUAL(o.seen, COORDINATED_NONE);
	replicas_unlisten(&o.listener);
	gw_role(&w, true, 0);
	CU_ASSERT_EQUAL(o.told, 1);
	gw_end(&w);
}

static const struct ut_case cases[] = {
	UT(stores_that_fail),
	UT(too_few_replicas),
	UT(records_that_are_too_large),
	UT(a_store_that_comes_too_late),
	UT(the_role_is_lost),
	UT(the_role_is_lost_while_a_record_is_stored),
	UT(loading),
	UT(partitions_of_groups),
	UT(several_listeners),
};

int main(void)
{
	return ut_run("group/coordinator", cases, countof(cases));
}
