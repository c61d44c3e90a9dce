/* ut_commit.c - commits: who may, what is in memory and in the log afterwards, and what a failure leaves. */
#include "broker/group/commit.h"
#include "tests/unit/group/group_test.h"

#include <string.h>

enum { PARTS_MAX = 3, LONGEST = 4096 };

/* One commit, as a handler keeps it. */
struct commit_test {
	struct commit commit;
	struct commit_part parts[PARTS_MAX];
	bool done;
};

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

static void committed(struct commit *c)
{
	struct commit_test *x = container_of(c, struct commit_test, commit);
	CU_ASSERT(!x->done);
	x->done = true;
}

/* Of partition 0 and so on of topic "t", at `offset`. */
static struct commit_test commit_of(const char *group, int64_t offset, int32_t n)
{
	struct commit_test x = { .commit = { .group_id = slice_str(group), .partition = 3, .generation = -1,
					     .member_id = SLICE_LIT(""), .n_parts = n, .done = committed } };
	for (int32_t i = 0; i < n; i++)
		x.parts[i] = (struct commit_part){ .topic = SLICE_LIT("t"), .partition = i,
						   .offset = { offset, -1, SLICE_LIT(""), 1000, -1 } };
	return x;
}

static void start(struct group_test *t, struct commit_test *x)
{
	x->commit.parts = x->parts;
	coordinator_commit(t->coordinator, &x->commit);
}

/* The error of the first part. */
static enum kerr run(struct group_test *t, struct commit_test *x)
{
	start(t, x);
	gt_turn_until(t, &x->done);
	return x->parts[0].error;
}

static enum kerr simple(struct group_test *t, const char *group, int64_t offset, int32_t n)
{
	struct commit_test x = commit_of(group, offset, n);
	return run(t, &x);
}

static int64_t found(const struct group_test *t, const char *group, int32_t partition)
{
	struct offset_commit c;
	const struct group *g = coordinator_group(t->at, slice_str(group));
	return g && offsets_get(g->offsets, SLICE_LIT("t"), partition, &c) ? c.offset : -1;
}

static void load_again(struct group_test *t)
{
	gt_follow(t, t->partition->role.leader_epoch + 1);
	gt_lead(t, t->partition->role.leader_epoch + 1);
	gt_wait_active(t);
}

/* ---- cases ---- */

static void a_commit_is_in_memory_and_in_the_log(void)
{
	struct group_test t;
	begin(&t);
	CU_ASSERT_EQUAL(simple(&t, "g", 5, 3), KERR_NONE);
	CU_ASSERT_EQUAL(found(&t, "g", 2), 5);
	CU_ASSERT_EQUAL(log_end_offset(t.log.log), 3);
	load_again(&t);
	CU_ASSERT_EQUAL(found(&t, "g", 0), 5);
	CU_ASSERT_EQUAL(found(&t, "g", 2), 5);
	end(&t);
}

static void what_is_on_its_way_is_unstable(void)
{
	struct group_test t;
	begin(&t);
	struct commit_test x = commit_of("g", 5, 1);
	start(&t, &x);
	const struct group *g = coordinator_group(t.at, SLICE_LIT("g"));
	CU_ASSERT(!x.done && offsets_is_unstable(g->offsets, SLICE_LIT("t"), 0));
	CU_ASSERT_EQUAL(found(&t, "g", 0), -1);
	gt_turn_until(&t, &x.done);
	CU_ASSERT(!offsets_is_unstable(g->offsets, SLICE_LIT("t"), 0));
	end(&t);
}

static void a_long_text_is_refused_for_its_partition_alone(void)
{
	struct group_test t;
	static char text[LONGEST + 1];
	memset(text, 'm', sizeof text);
	begin(&t);
	struct commit_test x = commit_of("g", 5, 2);
	x.parts[0].offset.metadata = slice_of(text, sizeof text);
	CU_ASSERT_EQUAL(run(&t, &x), KERR_OFFSET_METADATA_TOO_LARGE);
	CU_ASSERT_EQUAL(x.parts[1].error, KERR_NONE);
	CU_ASSERT_EQUAL(found(&t, "g", 0), -1);
	CU_ASSERT_EQUAL(found(&t, "g", 1), 5);
	x = commit_of("h", 5, 1);
	x.parts[0].offset.metadata = slice_of(text, sizeof text);
	CU_ASSERT_EQUAL(run(&t, &x), KERR_OFFSET_METADATA_TOO_LARGE);
	end(&t);
}

static void texts_are_measured_as_java_does(void)
{
	CU_ASSERT(commit_metadata_fits(SLICE_LIT("abc"), 3));
	CU_ASSERT(!commit_metadata_fits(SLICE_LIT("abcd"), 3));
	CU_ASSERT(commit_metadata_fits(SLICE_LIT("äöü"), 3));
	CU_ASSERT(commit_metadata_fits(SLICE_LIT("€€€"), 3));
	CU_ASSERT(commit_metadata_fits(SLICE_LIT("😀"), 2)); /* two units */
	CU_ASSERT(!commit_metadata_fits(SLICE_LIT("😀a"), 2));
	CU_ASSERT(commit_metadata_fits(SLICE_LIT(""), 0));
}

/* A group with one member, in a state. */
static struct group *with_member(struct group_test *t, enum group_state state)
{
	const struct group_protocol protocol = { SLICE_LIT("range"), SLICE_LIT("") };
	const struct member_spec spec = { .id = SLICE_LIT("m"), .instance_id = SLICE_LIT("i"),
					  .client_id = SLICE_LIT(""), .client_host = SLICE_LIT(""),
					  .protocol_type = SLICE_LIT("consumer"), .session_timeout_ms = 60000,
					  .rebalance_timeout_ms = 60000, .protocols = &protocol,
					  .n_protocols = 1 };
	struct group *g = coordinator_group_make(t->at, SLICE_LIT("g"));
	must(group_add(g, &spec));
	g->generation = 7;
	group_set_protocol_name(g, SLICE_LIT("range"));
	group_set_state(g, state);
	return g;
}

static enum kerr by(struct group_test *t, const char *member, const char *instance, int32_t generation)
{
	struct commit_test x = commit_of("g", 1, 1);
	x.commit.member_id = slice_str(member);
	x.commit.instance_id = slice_str(instance);
	x.commit.generation = generation;
	return run(t, &x);
}

static void who_may_commit(void)
{
	static const struct {
		enum group_state state;
		const char *member, *instance;
		int32_t generation;
		enum kerr error;
	} rows[] = {
		{ GROUP_STABLE, "m", NULL, 7, KERR_NONE },
		{ GROUP_PREPARING, "m", NULL, 7, KERR_NONE },
		{ GROUP_COMPLETING, "m", NULL, 7, KERR_REBALANCE_IN_PROGRESS },
		{ GROUP_STABLE, "m", "i", 7, KERR_NONE },
		{ GROUP_STABLE, "m", NULL, 6, KERR_ILLEGAL_GENERATION },
		{ GROUP_STABLE, "m", NULL, -1, KERR_ILLEGAL_GENERATION },
		{ GROUP_STABLE, "x", NULL, 7, KERR_UNKNOWN_MEMBER_ID },
		{ GROUP_STABLE, "x", "i", 7, KERR_FENCED_INSTANCE_ID },
		{ GROUP_STABLE, "m", "j", 7, KERR_UNKNOWN_MEMBER_ID },
		{ GROUP_STABLE, "", NULL, -1, KERR_UNKNOWN_MEMBER_ID },
		{ GROUP_STABLE, "", NULL, 7, KERR_UNKNOWN_MEMBER_ID },
		{ GROUP_COMPLETING, "", NULL, -1, KERR_UNKNOWN_MEMBER_ID },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct group_test t;
		begin(&t);
		struct group *g = with_member(&t, rows[i].state);
		enum kerr error = by(&t, rows[i].member, rows[i].instance, rows[i].generation);
		if (error != rows[i].error)
			fprintf(stderr, "row %zu: %s\n", i, kerr_name(error));
		CU_ASSERT_EQUAL(error, rows[i].error);
		/* who commits is heard */
		CU_ASSERT_EQUAL(timer_armed(&g->members->session), error == KERR_NONE);
		end(&t);
	}
}

static void of_groups_that_are_not_there(void)
{
	struct group_test t;
	begin(&t);
	CU_ASSERT_EQUAL(by(&t, "m", NULL, 0), KERR_ILLEGAL_GENERATION);
	CU_ASSERT(coordinator_group(t.at, SLICE_LIT("g")) == NULL);
	CU_ASSERT_EQUAL(by(&t, "m", "i", -1), KERR_NONE); /* nobody is in it who could object */
	CU_ASSERT_EQUAL(simple(&t, "", 5, 1), KERR_NONE);
	struct commit_test x = commit_of("g", 1, 1);
	x.commit.partition = 4; /* not led here */
	CU_ASSERT_EQUAL(run(&t, &x), KERR_NOT_COORDINATOR);
	gt_follow(&t, GT_EPOCH + 1);
	CU_ASSERT_EQUAL(simple(&t, "g", 5, 1), KERR_NOT_COORDINATOR);
	gt_lead(&t, GT_EPOCH + 2);
	CU_ASSERT_EQUAL(simple(&t, "g", 5, 1), KERR_COORDINATOR_LOAD_IN_PROGRESS);
	gt_wait_active(&t);
	end(&t);
}

static void a_batch_that_is_too_large(void)
{
	struct group_test t;
	begin(&t);
	CU_ASSERT_EQUAL(simple(&t, "g", 1, 1), KERR_NONE);
	t.settings->config->max_message_bytes = 20;
	CU_ASSERT_EQUAL(simple(&t, "g", 2, 1), KERR_INVALID_COMMIT_OFFSET_SIZE);
	CU_ASSERT_EQUAL(found(&t, "g", 0), 1);
	const struct group *g = coordinator_group(t.at, SLICE_LIT("g"));
	CU_ASSERT(!offsets_is_unstable(g->offsets, SLICE_LIT("t"), 0));
	end(&t);
}

/* The partition is lost before the append has ended: the group is gone, the commit is told. */
static void the_partition_is_lost_meanwhile(void)
{
	struct group_test t;
	begin(&t);
	struct commit_test x = commit_of("g", 5, 2);
	start(&t, &x);
	gt_follow(&t, GT_EPOCH + 1);
	CU_ASSERT(t.at->groups == NULL);
	gt_turn_until(&t, &x.done);
	CU_ASSERT(x.parts[0].error == KERR_NONE || x.parts[0].error == KERR_NOT_COORDINATOR);
	CU_ASSERT_EQUAL(x.parts[0].error, x.parts[1].error);
	end(&t);
}

static const struct ut_case cases[] = {
	UT(a_commit_is_in_memory_and_in_the_log),
	UT(what_is_on_its_way_is_unstable),
	UT(a_long_text_is_refused_for_its_partition_alone),
	UT(texts_are_measured_as_java_does),
	UT(who_may_commit),
	UT(of_groups_that_are_not_there),
	UT(a_batch_that_is_too_large),
	UT(the_partition_is_lost_meanwhile),
};

int main(void)
{
	return ut_run("commit", cases, countof(cases));
}
