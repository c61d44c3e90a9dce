/* ut_cleanup.c - what makes offsets and groups go, and what they leave in the log. */
#include "broker/group/cleanup.h"
#include "broker/cluster/meta.h"
#include "tests/unit/group/group_test.h"

enum { MANY = 3000, DAY_MS = 24 * 3600 * 1000 };

/* Reached by a failure only. */
static const int64_t GIVE_UP_NS = INT64_C(30000000000);

static const struct slice topic_a = SLICE_LIT("a"), topic_b = SLICE_LIT("b");

static struct group_test *begin(struct group_test *t)
{
	gt_begin(t, st_dir("__consumer_offsets-3"), 3, NULL, 0);
	gt_lead(t, GT_EPOCH);
	gt_wait_active(t);
	return t;
}

static void end(struct group_test *t)
{
	gt_end(t);
	st_clean();
}

static struct group *group_of(struct group_test *t, const char *id)
{
	struct group *g = coordinator_group_make(t->at, slice_str(id));
	if (!g->offsets)
		g->offsets = offsets_new();
	return g;
}

/* As if it had been committed so long ago; it is in memory alone. */
static void put(struct group *g, struct slice topic, int32_t partition, int64_t age_ms)
{
	struct offset_commit c = { 1, -1, SLICE_LIT(""), reactor_wall_ms(group_reactor(g)) - age_ms, -1 };
	offsets_put(g->offsets, topic, partition, &c, 0);
}

static void add_member(struct group *g, const char *kind, const char *metadata, size_t n)
{
	const struct group_protocol protocol = { SLICE_LIT("range"), slice_of(metadata, n) };
	const struct member_spec spec = { .id = SLICE_LIT("m"), .client_id = SLICE_LIT(""),
					  .client_host = SLICE_LIT(""), .protocol_type = slice_str(kind),
					  .session_timeout_ms = 60000, .rebalance_timeout_ms = 60000,
					  .protocols = &protocol, .n_protocols = 1 };
	must(group_add(g, &spec));
	group_set_protocol_name(g, SLICE_LIT("range"));
	group_read_topics(g);
}

/* Reads topic "a". */
static const char subscription[] = "\0\0\0\0\0\1\0\1a\xff\xff\xff\xff";

/* ---- retention ---- */

static void what_may_expire(void)
{
	static const struct {
		const char *kind, *metadata;
		size_t n;
		enum group_state state;
		bool may, since_state, keeps_a, keeps_b;
	} rows[] = {
		{ NULL, NULL, 0, GROUP_EMPTY, true, false, false, false },      /* simple consumers */
		{ "consumer", NULL, 0, GROUP_EMPTY, true, true, false, false }, /* all have left */
		{ "connect", NULL, 0, GROUP_EMPTY, true, true, false, false },
		{ "consumer", subscription, 13, GROUP_STABLE, true, false, true, false },
		{ "consumer", subscription, 13, GROUP_PREPARING, false, false, true, false },
		{ "consumer", subscription, 13, GROUP_COMPLETING, false, false, true, false },
		{ "consumer", "\0", 1, GROUP_STABLE, false, false, true, true }, /* not understood */
		{ "connect", "\0", 1, GROUP_STABLE, false, false, true, true },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct group_test t;
		struct offsets_expiry x;
		begin(&t);
		struct group *g = group_of(&t, "g");
		if (rows[i].metadata)
			add_member(g, rows[i].kind, rows[i].metadata, rows[i].n);
		else if (rows[i].kind)
			group_set_protocol_type(g, slice_str(rows[i].kind));
		group_set_state(g, rows[i].state);
		bool may = cleanup_expiry(g, 5000, 100, &x);
		if (may != rows[i].may)
			fprintf(stderr, "row %zu\n", i);
		CU_ASSERT_EQUAL(may, rows[i].may);
		CU_ASSERT(!may || (x.since_ms == g->state_since_ms) == rows[i].since_state);
		CU_ASSERT(!may || (x.keeps_topic && x.keeps_topic(x.arg, topic_a)) == rows[i].keeps_a);
		CU_ASSERT(!may || (x.keeps_topic && x.keeps_topic(x.arg, topic_b)) == rows[i].keeps_b);
		end(&t);
	}
}

static size_t cleanup_all(struct group_test *t, int64_t ms_later)
{
	struct group *g, *next;
	size_t n = 0;
	HASH_ITER(hh, t->at->groups, g, next)
		n += cleanup_group(g, reactor_wall_ms(t->log.reactor) + ms_later);
	return n;
}

static void load_again(struct group_test *t)
{
	gt_follow(t, t->partition->role.leader_epoch + 1);
	gt_lead(t, t->partition->role.leader_epoch + 1);
	gt_wait_active(t);
}

static void what_has_expired_leaves_tombstones(void)
{
	struct group_test t;
	begin(&t);
	struct group *g = group_of(&t, "g");
	put(g, topic_a, 0, 8 * (int64_t)DAY_MS);
	put(g, topic_a, 1, 6 * (int64_t)DAY_MS);
	put(group_of(&t, "h"), topic_a, 0, 8 * (int64_t)DAY_MS);
	CU_ASSERT_EQUAL(cleanup_all(&t, 0), 2);
	CU_ASSERT_EQUAL(offsets_count(g->offsets), 1);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 1); /* h has gone with its last offset */
	gt_turns(&t, 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 2); /* it had no generation: no record of its own */
	g->generation = 3;
	CU_ASSERT_EQUAL(cleanup_all(&t, 2 * (int64_t)DAY_MS), 1);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 0);
	gt_turns(&t, 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 4);
	load_again(&t);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 0);
	end(&t);
}

static void the_clock_does_it(void)
{
	static const char *const often[] = { "offsets.retention.check.interval.ms=1" };
	struct group_test t;
	gt_begin(&t, st_dir("__consumer_offsets-3"), 3, often, 1);
	gt_lead(&t, GT_EPOCH);
	gt_wait_active(&t);
	put(group_of(&t, "g"), topic_a, 0, 8 * (int64_t)DAY_MS);
	for (int64_t until_ns = sys_mono_ns() + GIVE_UP_NS; t.at->groups && sys_mono_ns() < until_ns;)
		gt_turns(&t, 1);
	CU_ASSERT(t.at->groups == NULL);
	end(&t);
}

static void a_group_that_is_about_to_be_joined_stays(void)
{
	struct group_test t;
	begin(&t);
	struct group *g = group_of(&t, "g");
	must(group_add_pending(g, SLICE_LIT("id"), 60000));
	CU_ASSERT_EQUAL(cleanup_all(&t, 0), 0);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 1);
	CU_ASSERT_EQUAL(coordinator_delete_group(t.coordinator, SLICE_LIT("g"), 3), KERR_NONE);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 0);
	end(&t);
}

/* ---- admins ---- */

static enum kerr delete_group(struct group_test *t, const char *id)
{
	return coordinator_delete_group(t->coordinator, slice_str(id), 3);
}

static void groups_are_deleted(void)
{
	struct group_test t;
	begin(&t);
	CU_ASSERT_EQUAL(delete_group(&t, "g"), KERR_GROUP_ID_NOT_FOUND);
	CU_ASSERT_EQUAL(coordinator_delete_group(t.coordinator, SLICE_LIT("g"), 4), KERR_NOT_COORDINATOR);
	add_member(group_of(&t, "g"), "consumer", subscription, 13);
	for (enum group_state state = GROUP_PREPARING; state <= GROUP_STABLE; state++) {
		group_set_state(group_of(&t, "g"), state);
		CU_ASSERT_EQUAL(delete_group(&t, "g"), KERR_NON_EMPTY_GROUP);
	}
	put(group_of(&t, "h"), topic_a, 0, 0);
	CU_ASSERT_EQUAL(delete_group(&t, "h"), KERR_NONE);
	CU_ASSERT_EQUAL(delete_group(&t, "h"), KERR_GROUP_ID_NOT_FOUND);
	gt_turns(&t, 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 1);
	end(&t);
}

static void many_tombstones_are_several_batches(void)
{
	struct group_test t;
	begin(&t);
	struct group *g = group_of(&t, "g");
	for (int32_t i = 0; i < MANY; i++)
		put(g, topic_a, i, 0);
	g->generation = 1;
	CU_ASSERT_EQUAL(delete_group(&t, "g"), KERR_NONE);
	for (int i = 0; i < 1000 && log_end_offset(t.log.log) <= MANY; i++)
		gt_turns(&t, 1);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), MANY + 1);
	CU_ASSERT_EQUAL(log_largest_timestamp(t.log.log) > 0, true);
	load_again(&t);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 0);
	end(&t);
}

static enum kerr delete_offset(struct group_test *t, const char *id, struct slice topic, enum kerr *ret_part)
{
	struct delete_part part = { .topic = topic };
	enum kerr error = coordinator_delete_offsets(t->coordinator, slice_str(id), 3, &part, 1);
	*ret_part = part.error;
	return error;
}

static void offsets_are_deleted(void)
{
	struct group_test t;
	enum kerr part;
	begin(&t);
	CU_ASSERT_EQUAL(delete_offset(&t, "g", topic_a, &part), KERR_GROUP_ID_NOT_FOUND);
	CU_ASSERT_EQUAL(delete_offset(&t, "", topic_a, &part), KERR_INVALID_GROUP_ID);
	struct group *g = group_of(&t, "g");
	add_member(g, "consumer", subscription, 13);
	group_set_state(g, GROUP_STABLE);
	put(g, topic_a, 0, 0);
	put(g, topic_b, 0, 0);
	CU_ASSERT_EQUAL(delete_offset(&t, "g", topic_a, &part), KERR_NONE);
	CU_ASSERT_EQUAL(part, KERR_GROUP_SUBSCRIBED_TO_TOPIC);
	CU_ASSERT_EQUAL(delete_offset(&t, "g", topic_b, &part), KERR_NONE);
	CU_ASSERT_EQUAL(part, KERR_NONE);
	CU_ASSERT_EQUAL(offsets_count(g->offsets), 1);
	struct group *w = group_of(&t, "w");
	add_member(w, "connect", "x", 1);
	group_set_state(w, GROUP_STABLE);
	CU_ASSERT_EQUAL(delete_offset(&t, "w", topic_b, &part), KERR_NON_EMPTY_GROUP);
	put(group_of(&t, "h"), topic_a, 0, 0);
	CU_ASSERT_EQUAL(delete_offset(&t, "h", topic_a, &part), KERR_NONE);
	CU_ASSERT(coordinator_group(t.at, SLICE_LIT("h")) == NULL);
	gt_turns(&t, 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 2);
	end(&t);
}

/* ---- topics ---- */

static struct metadata *with_topic(struct metadata *from, const char *name)
{
	struct meta_edit *e = meta_edit_begin(from);
	struct uuid id = { 0 };
	struct meta_partition p = { .leader = 1 };
	meta_edit_partition(e, slice_str(name), &id, 0, &p);
	return meta_edit_finish(e);
}

static struct metadata *without_topic(struct metadata *from, const char *name)
{
	struct meta_edit *e = meta_edit_begin(from);
	meta_edit_remove_partition(e, slice_str(name), 0);
	return meta_edit_finish(e);
}

static void a_topic_that_goes_takes_its_offsets(void)
{
	struct group_test t;
	struct metadata *none = meta_empty(), *one = with_topic(none, "b"), *two = with_topic(one, "a");
	struct metadata *without = without_topic(two, "a"), *later = with_topic(without, "c");
	begin(&t);
	struct group *g = group_of(&t, "g");
	put(g, topic_a, 0, 0);
	put(g, topic_a, 1, 0);
	put(g, topic_b, 0, 0);
	put(group_of(&t, "h"), topic_a, 0, 0);
	coordinator_metadata_changed(t.coordinator, one, two);
	CU_ASSERT_EQUAL(offsets_count(g->offsets), 3);
	coordinator_metadata_changed(t.coordinator, two, later);
	CU_ASSERT_EQUAL(offsets_count(g->offsets), 1);
	CU_ASSERT(!offsets_has_topic(g->offsets, topic_a));
	CU_ASSERT(coordinator_group(t.at, SLICE_LIT("h")) == NULL);
	gt_turns(&t, 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 3);
	end(&t);
	struct metadata *all[] = { none, one, two, without, later };
	for (size_t i = 0; i < countof(all); i++)
		meta_put(all[i]);
}

static const struct ut_case cases[] = {
	UT(what_may_expire),
	UT(what_has_expired_leaves_tombstones),
	UT(the_clock_does_it),
	UT(a_group_that_is_about_to_be_joined_stays),
	UT(groups_are_deleted),
	UT(many_tombstones_are_several_batches),
	UT(offsets_are_deleted),
	UT(a_topic_that_goes_takes_its_offsets),
};

int main(void)
{
	return ut_run("cleanup", cases, countof(cases));
}
