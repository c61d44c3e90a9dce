/* ut_elect.c - who leads. Facts: contract coordination, section 3 (election strategies). */
#include "broker/base/must.h"
#include "broker/controller/elect.h"
#include "tests/unit/ut.h"

/* Brokers 1 to 4 exist; `live` has a bit for each. One partition with replicas 1, 2, 3. */
struct world {
	struct ctl_context ctx;
	struct ctl_partition *p;
};

static void world_init(struct world *w, unsigned live, struct ctl_ids isr, int32_t leader)
{
	static int32_t replicas[] = { 1, 2, 3 };
	*w = (struct world){ 0 };
	ctl_context_init(&w->ctx);
	for (int32_t id = 1; id <= 4; id++) {
		struct arena arena;
		struct znode_broker info = { 0 };
		arena_init(&arena, 4096);
		if (live >> id & 1)
			ctl_broker_add(&w->ctx, id, 1, &arena, &info)->reached = true;
	}
	struct ctl_topic *t = ctl_topic_add(&w->ctx, "t");
	w->p = ctl_partition_add(t, 0, &(struct znode_ints){ replicas, 3 });
	w->p->has_leadership = true;
	w->p->lead.isr = isr;
	w->p->lead.leader = leader;
}

static const unsigned all = 1u << 1 | 1u << 2 | 1u << 3;

static void the_first_live_replica_leads_first(void)
{
	struct world w;
	world_init(&w, 1u << 2 | 1u << 3, (struct ctl_ids){ 0 }, -1);
	struct election e = elect_first(&w.ctx, w.p);
	CU_ASSERT_TRUE(e.found);
	CU_ASSERT_EQUAL(e.leader, 2);
	CU_ASSERT_EQUAL(e.isr.n, 2);
	ctl_context_clear(&w.ctx);
	world_init(&w, 1u << 4, (struct ctl_ids){ 0 }, -1);
	CU_ASSERT_FALSE(elect_first(&w.ctx, w.p).found);
	ctl_context_clear(&w.ctx);
}

static void offline_takes_the_first_in_sync_that_lives(void)
{
	struct world w;
	world_init(&w, all & ~(1u << 1), (struct ctl_ids){ 3, { 3, 1, 2 } }, 1);
	struct election e = elect(&w.ctx, w.p, ELECT_OFFLINE, true);
	CU_ASSERT_EQUAL(e.leader, 2); /* in the order of the assignment, not of the ISR */
	CU_ASSERT_FALSE(e.unclean);
	CU_ASSERT_EQUAL(e.isr.n, 2);
	CU_ASSERT_EQUAL(e.isr.v[0], 3); /* the ISR keeps its order */
	ctl_context_clear(&w.ctx);
}

static void unclean_only_where_allowed(void)
{
	struct world w;
	world_init(&w, 1u << 3, (struct ctl_ids){ 1, { 1 } }, 1);
	struct election e = elect(&w.ctx, w.p, ELECT_OFFLINE, false);
	CU_ASSERT_FALSE(e.found);
	CU_ASSERT_EQUAL(e.leader, CTL_NO_LEADER);
	CU_ASSERT_EQUAL(e.isr.n, 1);
	CU_ASSERT_EQUAL(e.isr.v[0], 1);
	e = elect(&w.ctx, w.p, ELECT_OFFLINE, true);
	CU_ASSERT_TRUE(e.found && e.unclean);
	CU_ASSERT_EQUAL(e.leader, 3);
	CU_ASSERT_EQUAL(e.isr.n, 1);
	CU_ASSERT_EQUAL(e.isr.v[0], 3);
	ctl_context_clear(&w.ctx);
}

static void preferred_needs_to_be_in_sync(void)
{
	struct world w;
	world_init(&w, all, (struct ctl_ids){ 2, { 2, 3 } }, 2);
	CU_ASSERT_FALSE(elect(&w.ctx, w.p, ELECT_PREFERRED, false).found);
	w.p->lead.isr = (struct ctl_ids){ 3, { 2, 3, 1 } };
	CU_ASSERT_EQUAL(elect(&w.ctx, w.p, ELECT_PREFERRED, false).leader, 1);
	w.p->replicas[0].failed_dir = true;
	CU_ASSERT_FALSE(elect(&w.ctx, w.p, ELECT_PREFERRED, false).found);
	ctl_context_clear(&w.ctx);
}

static void after_a_move_one_leads_that_stays(void)
{
	struct world w;
	world_init(&w, all, (struct ctl_ids){ 3, { 1, 2, 3 } }, 1);
	w.p->replicas[0].removing = true;
	w.p->replicas[1].failed_dir = true;
	struct election e = elect(&w.ctx, w.p, ELECT_MOVED, false);
	CU_ASSERT_EQUAL(e.leader, 3);
	CU_ASSERT_EQUAL(e.isr.n, 3);
	w.p->lead.isr = (struct ctl_ids){ 2, { 1, 2 } };
	CU_ASSERT_FALSE(elect(&w.ctx, w.p, ELECT_MOVED, false).found);
	ctl_context_clear(&w.ctx);
}

static void an_admin_may_allow_an_unclean_leader(void)
{
	struct world w;
	world_init(&w, 1u << 3, (struct ctl_ids){ 1, { 1 } }, -1);
	CU_ASSERT_FALSE(elect(&w.ctx, w.p, ELECT_OFFLINE, false).found);
	struct election e = elect(&w.ctx, w.p, ELECT_UNCLEAN, false);
	CU_ASSERT_TRUE(e.found && e.unclean);
	CU_ASSERT_EQUAL(e.leader, 3);
	ctl_context_clear(&w.ctx);
}

static const struct ut_case cases[] = {
	UT(the_first_live_replica_leads_first), UT(offline_takes_the_first_in_sync_that_lives),
	UT(unclean_only_where_allowed), UT(preferred_needs_to_be_in_sync),
	UT(after_a_move_one_leads_that_stays), UT(an_admin_may_allow_an_unclean_leader),
};

int main(void)
{
	return ut_run("elect", cases, countof(cases));
}
