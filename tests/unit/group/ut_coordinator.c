/* ut_coordinator.c - elections: loading, unloading, who is told what; assignments that are not stored. */
#include "broker/group/walk.h"
#include "tests/unit/group/group_world.h"

#include <stdio.h>

/* A group of two whose assignment waits in vain to be stored. */
static void begin_unstored(struct group_world *w, struct gw_client c[2])
{
	gw_begin(w, "offsets.commit.timeout.ms=2000\n", NULL, NULL);
	gw_enter(w, &c[0]);
	gw_enter(w, &c[1]);
	sim_run_ms(2 * GW_DELAY_MS + 100);
	gw_role(w, true, 1); /* a follower that never fetches */
}

static void stores_that_fail(void)
{
	struct group_world w;
	struct gw_client c[2] = { 0 };
	begin_unstored(&w, c);
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

/* What members are told is what is stored. */
static void the_leader_says_it_twice(void)
{
	struct group_world w;
	struct gw_client c[2] = { 0 };
	begin_unstored(&w, c);
	gw_assign(&w, &c[0], c, 2);
	int64_t end = gw_log_end(&w);
	gw_assign(&w, &c[0], c, 1);
	CU_ASSERT_EQUAL(gw_log_end(&w), end);
	CU_ASSERT_TRUE(gw_waits(&c[0]));
	CU_ASSERT_EQUAL(gw_group(&w, "g")->members->assignment.n, strlen("work-0"));
	CU_ASSERT_EQUAL(((const struct member *)gw_group(&w, "g")->members->hh.next)->assignment.n,
			strlen("work-1"));
	sim_run_ms(2100);
	CU_ASSERT_FALSE(gw_waits(&c[0]));
	/* The next generation is assigned anew. */
	gw_role(&w, true, 0);
	gw_join(&w, &c[0]);
	gw_join(&w, &c[1]);
	gw_assign(&w, &c[0], c, 2);
	CU_ASSERT_EQUAL(c[0].error, KERR_NONE);
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

/* ---- all groups in steps ---- */

enum { MANY = 3 * WALK_A_TURN };

struct stroll {
	struct group_walk walk;
	int seen;
	bool removes; /* each group that it visits, */
	bool gone[MANY + 1]; /* or may not see these */
};

static struct group *nth_group(struct group_world *w, int n, bool make)
{
	char id[GW_TEXT];
	struct coordinated *at = w->coordinator->partitions;
	snprintf(id, sizeof id, "%d", n);
	return make ? coordinator_group_make(at, slice_str(id)) : coordinator_group(at, slice_str(id));
}

static void make_many(struct group_world *w, void *arg)
{
	must(!arg);
	for (int i = 0; i < MANY; i++)
		must(nth_group(w, i, true));
}

static int look(void *arg, struct group *g)
{
	struct stroll *s = arg;
	int n = atoi(log_safe(g->id).s);
	CU_ASSERT(n <= MANY && !s->gone[n]);
	s->seen++;
	if (s->removes)
		coordinator_group_remove(g, KERR_NOT_COORDINATOR);
	return 1;
}

static void walk(struct group_world *w, void *arg)
{
	struct stroll s = { 0 };
	must(!arg);
	group_walk_begin(&s.walk, w->coordinator);
	CU_ASSERT_TRUE(group_walk_on(&s.walk, look, &s));
	CU_ASSERT_EQUAL(s.seen, WALK_A_TURN);
	/* Those that it has seen go, those that come next, and one in the middle of the rest; one comes. */
	for (int i = WALK_A_TURN - 2; i < WALK_A_TURN + 3; i++) {
		s.gone[i] = true;
		coordinator_group_remove(nth_group(w, i, false), KERR_NOT_COORDINATOR);
	}
	s.gone[2 * WALK_A_TURN] = true;
	coordinator_group_remove(nth_group(w, 2 * WALK_A_TURN, false), KERR_NOT_COORDINATOR);
	must(nth_group(w, MANY, true));
	while (group_walk_on(&s.walk, look, &s))
		;
	CU_ASSERT_EQUAL(s.seen, MANY - 4 + 1);
	CU_ASSERT(list_empty(&w->coordinator->walks));
}

static void walk_and_stop(struct group_world *w, void *arg)
{
	struct stroll s = { 0 };
	must(!arg);
	group_walk_begin(&s.walk, w->coordinator);
	CU_ASSERT_TRUE(group_walk_on(&s.walk, look, &s));
	w->coordinator->stopped = true;
	group_walks_end(w->coordinator);
	CU_ASSERT_FALSE(group_walk_on(&s.walk, look, &s));
	CU_ASSERT_EQUAL(s.seen, WALK_A_TURN);
	group_walk_begin(&s.walk, w->coordinator);
	CU_ASSERT(list_empty(&w->coordinator->walks));
	CU_ASSERT_FALSE(group_walk_on(&s.walk, look, &s));
	w->coordinator->stopped = false;
}

static void walk_and_remove(struct group_world *w, void *arg)
{
	struct stroll s = { .removes = true }, other = { 0 };
	must(!arg);
	group_walk_begin(&s.walk, w->coordinator);
	group_walk_begin(&other.walk, w->coordinator);
	while (group_walk_on(&s.walk, look, &s))
		;
	CU_ASSERT_EQUAL(s.seen, MANY - 5);
	CU_ASSERT_FALSE(group_walk_on(&other.walk, look, &other));
	CU_ASSERT_EQUAL(other.seen, 0);
	group_walk_end(&other.walk);
}

static void groups_in_steps(void)
{
	struct group_world w;
	gw_begin(&w, "", NULL, NULL);
	gw_do(&w, make_many, NULL);
	gw_do(&w, walk, NULL);
	gw_do(&w, walk_and_stop, NULL);
	gw_do(&w, walk_and_remove, NULL);
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
	UT(the_leader_says_it_twice),
	UT(the_role_is_lost),
	UT(the_role_is_lost_while_a_record_is_stored),
	UT(loading),
	UT(groups_in_steps),
	UT(partitions_of_groups),
	UT(several_listeners),
};

int main(void)
{
	return ut_run("group/coordinator", cases, countof(cases));
}
