/* ut_offsets.c - the committed offsets of a group: which commit wins, what is unstable, what expires, and
 * what an offset costs. */
#include "broker/group/offsets.h"
#include "tests/unit/ut.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static const struct slice topic_a = SLICE_LIT("a"), topic_b = SLICE_LIT("b");

static struct offset_commit commit_at(int64_t offset)
{
	return (struct offset_commit){ .offset = offset, .leader_epoch = -1, .metadata = SLICE_LIT(""),
				       .commit_ms = 1000, .expire_ms = -1 };
}

/* -1: nothing is committed. */
static int64_t committed(const struct offsets *o, struct slice topic, int32_t partition)
{
	struct offset_commit c;
	return offsets_get(o, topic, partition, &c) ? c.offset : -1;
}

static void put(struct offsets *o, struct slice topic, int32_t partition, int64_t offset, int64_t log_offset)
{
	struct offset_commit c = commit_at(offset);
	offsets_put(o, topic, partition, &c, log_offset);
}

/* ---- reading and writing ---- */

static void nothing_is_there(void)
{
	CU_ASSERT(offsets_empty(NULL));
	CU_ASSERT_EQUAL(offsets_count(NULL), 0);
	CU_ASSERT(!offsets_is_unstable(NULL, topic_a, 0));
	CU_ASSERT_EQUAL(committed(NULL, topic_a, 0), -1);
	struct offsets *o = offsets_new();
	CU_ASSERT(offsets_empty(o));
	CU_ASSERT(!offsets_remove(o, topic_a, 0));
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), -1);
	offsets_free(o);
	offsets_free(NULL);
}

static void all_fields_are_kept(void)
{
	struct offsets *o = offsets_new();
	char text[] = "where I am";
	struct offset_commit c = { 42, 7, slice_str(text), 1234, 5678 }, got;
	offsets_put(o, topic_a, 3, &c, 10);
	text[0] = 'x'; /* it was copied */
	CU_ASSERT(offsets_get(o, topic_a, 3, &got));
	CU_ASSERT_EQUAL(got.offset, 42);
	CU_ASSERT_EQUAL(got.leader_epoch, 7);
	CU_ASSERT(slice_is(got.metadata, "where I am"));
	CU_ASSERT_EQUAL(got.commit_ms, 1234);
	CU_ASSERT_EQUAL(got.expire_ms, 5678);
	put(o, topic_a, 3, 43, 11); /* no metadata now */
	CU_ASSERT(offsets_get(o, topic_a, 3, &got));
	CU_ASSERT(slice_is(got.metadata, ""));
	CU_ASSERT_EQUAL(offsets_count(o), 1);
	offsets_free(o);
}

struct seen {
	char text[256];
};

static void see(void *arg, struct slice topic, int32_t partition, const struct offset_commit *c)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof s->text - n, "%.*s%d=%lld ", SLICE_ARGS(topic), partition,
		 (long long)c->offset);
}

/* Of one that is removed only its place is told. */
static void see_place(void *arg, struct slice topic, int32_t partition, const struct offset_commit *c)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);
	CU_ASSERT(c == NULL);
	snprintf(s->text + n, sizeof s->text - n, "%.*s%d ", SLICE_ARGS(topic), partition);
}

static void they_come_in_order(void)
{
	struct offsets *o = offsets_new();
	struct seen s = { "" };
	put(o, topic_b, 2, 1, 0);
	put(o, topic_a, 9, 2, 1);
	put(o, topic_b, 0, 3, 2);
	put(o, SLICE_LIT("aa"), 0, 4, 3);
	put(o, topic_a, 1, 5, 4);
	put(o, topic_b, 1, 6, 5);
	offsets_each(o, see, &s);
	CU_ASSERT_STRING_EQUAL(s.text, "a1=5 a9=2 aa0=4 b0=3 b1=6 b2=1 ");
	CU_ASSERT(offsets_remove(o, topic_b, 1));
	CU_ASSERT(offsets_remove(o, SLICE_LIT("aa"), 0));
	s.text[0] = 0;
	offsets_each(o, see, &s);
	CU_ASSERT_STRING_EQUAL(s.text, "a1=5 a9=2 b0=3 b2=1 ");
	CU_ASSERT_EQUAL(offsets_count(o), 4);
	offsets_free(o);
}

/* ---- plain commits ---- */

static void a_commit_counts_when_it_is_in_the_log(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(5);
	uint32_t round = offsets_begin(o);
	offsets_prepare(o, round, topic_a, 0);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), -1);
	CU_ASSERT(offsets_is_unstable(o, topic_a, 0));
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 1));
	CU_ASSERT(!offsets_empty(o));
	CU_ASSERT_EQUAL(offsets_count(o), 0);
	offsets_commit(o, round, topic_a, 0, &c, 100);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 5);
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	CU_ASSERT_EQUAL(offsets_count(o), 1);
	offsets_free(o);
}

static void what_lies_later_in_the_log_wins(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit first = commit_at(1), second = commit_at(2);
	uint32_t one = offsets_begin(o), two = offsets_begin(o);
	offsets_prepare(o, one, topic_a, 0);
	offsets_prepare(o, two, topic_a, 0);
	offsets_commit(o, two, topic_a, 0, &second, 11);
	CU_ASSERT(offsets_is_unstable(o, topic_a, 0));
	offsets_commit(o, one, topic_a, 0, &first, 10);
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 2);
	offsets_free(o);
}

static void a_commit_that_fails_leaves_nothing(void)
{
	struct offsets *o = offsets_new();
	uint32_t round = offsets_begin(o);
	offsets_prepare(o, round, topic_a, 0);
	offsets_give_up(o, round, topic_a, 0);
	CU_ASSERT(offsets_empty(o));
	put(o, topic_a, 0, 1, 1);
	round = offsets_begin(o);
	offsets_prepare(o, round, topic_a, 0);
	offsets_give_up(o, round, topic_a, 0);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 1);
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	offsets_free(o);
}

/* 3.9 forgets the first one, which was acknowledged. */
static void the_failure_of_a_later_commit_spares_the_earlier(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit first = commit_at(1);
	uint32_t one = offsets_begin(o), two = offsets_begin(o);
	offsets_prepare(o, one, topic_a, 0);
	offsets_prepare(o, two, topic_a, 0);
	offsets_give_up(o, two, topic_a, 0);
	CU_ASSERT(offsets_is_unstable(o, topic_a, 0));
	offsets_commit(o, one, topic_a, 0, &first, 10);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 1);
	offsets_free(o);
}

static void a_removal_undoes_what_is_on_its_way(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit old = commit_at(1), new = commit_at(2);
	uint32_t one = offsets_begin(o);
	offsets_prepare(o, one, topic_a, 0);
	CU_ASSERT(offsets_remove(o, topic_a, 0)); /* its record will be in the log */
	offsets_commit(o, one, topic_a, 0, &old, 10);
	CU_ASSERT(offsets_empty(o));
	/* and a commit that is begun after it is not taken for the one before */
	one = offsets_begin(o);
	offsets_prepare(o, one, topic_a, 0);
	CU_ASSERT(offsets_remove(o, topic_a, 0));
	uint32_t two = offsets_begin(o);
	offsets_prepare(o, two, topic_a, 0);
	offsets_commit(o, one, topic_a, 0, &old, 10);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), -1);
	CU_ASSERT(offsets_is_unstable(o, topic_a, 0));
	offsets_commit(o, two, topic_a, 0, &new, 11);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 2);
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	offsets_free(o);
}

static void topics_are_removed_whole(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(7);
	struct seen s = { "" };
	put(o, topic_a, 0, 1, 1);
	put(o, topic_a, 1, 1, 1);
	put(o, topic_b, 0, 1, 1);
	offsets_txn_put(o, 4711, topic_a, 2, &c, 2);
	CU_ASSERT(offsets_has_topic(o, topic_a));
	CU_ASSERT_EQUAL(offsets_remove_topic(o, topic_a, see_place, &s), 2);
	CU_ASSERT_STRING_EQUAL(s.text, "a0 a1 ");
	CU_ASSERT(!offsets_has_topic(o, topic_a));
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 2));
	CU_ASSERT_EQUAL(offsets_remove_topic(o, topic_a, see_place, &s), 0);
	CU_ASSERT_EQUAL(offsets_count(o), 1);
	offsets_prepare(o, offsets_begin(o), topic_b, 1);
	CU_ASSERT_EQUAL(offsets_remove_all(o, see_place, &s), 2);
	CU_ASSERT_STRING_EQUAL(s.text, "a0 a1 b0 b1 ");
	CU_ASSERT(offsets_empty(o));
	offsets_free(o);
}

/* ---- transactions ---- */

static void a_transaction_counts_with_its_end(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(7);
	put(o, topic_a, 0, 1, 1);
	offsets_txn_put(o, 4711, topic_a, 0, &c, 2);
	offsets_txn_put(o, 4711, topic_b, 0, &c, 2);
	CU_ASSERT(offsets_is_unstable(o, topic_a, 0));
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 1);
	offsets_txn_end(o, 4712, true); /* somebody else's */
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 1);
	offsets_txn_end(o, 4711, true);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 7);
	CU_ASSERT_EQUAL(committed(o, topic_b, 0), 7);
	CU_ASSERT_EQUAL(offsets_count(o), 2);
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	offsets_free(o);
}

static void an_aborted_transaction_leaves_nothing(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(7);
	offsets_txn_put(o, 4711, topic_a, 0, &c, 2);
	CU_ASSERT(!offsets_empty(o));
	offsets_txn_end(o, 4711, false);
	CU_ASSERT(offsets_empty(o));
	offsets_free(o);
}

static void a_later_plain_commit_wins_over_a_transaction(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(7);
	offsets_txn_put(o, 4711, topic_a, 0, &c, 2);
	put(o, topic_a, 0, 8, 3);
	offsets_txn_end(o, 4711, true);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), 8);
	offsets_free(o);
}

static void a_removal_reaches_into_transactions(void)
{
	struct offsets *o = offsets_new();
	struct offset_commit c = commit_at(7);
	offsets_txn_put(o, 1, topic_a, 0, &c, 2);
	offsets_txn_put(o, 2, topic_a, 0, &c, 3);
	offsets_txn_put(o, 2, topic_b, 0, &c, 3);
	offsets_txn_remove(o, 1, topic_b, 0); /* was never in it */
	CU_ASSERT(!offsets_remove(o, topic_a, 0));
	CU_ASSERT(!offsets_is_unstable(o, topic_a, 0));
	CU_ASSERT(offsets_is_unstable(o, topic_b, 0));
	offsets_txn_remove(o, 2, topic_b, 0);
	CU_ASSERT(offsets_empty(o));
	offsets_free(o);
}

/* ---- expiry ---- */

static void an_offset_expires_by_this_table(void)
{
	static const struct {
		int64_t commit_ms, expire_ms, since_ms, now_ms;
		bool expired;
	} rows[] = {
		/* retention is 100; from the commit */
		{ 1000, -1, -1, 1099, false },
		{ 1000, -1, -1, 1100, true },
		/* from when the group became empty */
		{ 1000, -1, 2000, 2099, false },
		{ 1000, -1, 2000, 2100, true },
		{ 3000, -1, 2000, 2100, true }, /* committed since: as 3.9 */
		/* the commit has an expiry of its own, earlier or later */
		{ 1000, 1010, -1, 1009, false },
		{ 1000, 1010, -1, 1010, true },
		{ 1000, 5000, -1, 4999, false },
		{ 1000, 1010, 2000, 1010, true },
		/* a clock that went back, and a client's idea of time */
		{ 2000, -1, -1, 1000, false },
		{ INT64_MIN, -1, -1, 1000, false }, /* overflows as in Java */
		{ INT64_MAX, -1, -1, 1000, false },
		{ 1000, INT64_MIN, -1, 0, true },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct offset_commit c = commit_at(1);
		c.commit_ms = rows[i].commit_ms;
		c.expire_ms = rows[i].expire_ms;
		struct offsets_expiry x = { .now_ms = rows[i].now_ms, .retention_ms = 100,
					    .since_ms = rows[i].since_ms };
		if (offset_has_expired(&c, &x) != rows[i].expired)
			fprintf(stderr, "row %zu\n", i);
		CU_ASSERT_EQUAL(offset_has_expired(&c, &x), rows[i].expired);
	}
}

static bool is_topic_a(const void *arg, struct slice topic)
{
	return slice_eq(topic, *(const struct slice *)arg);
}

static void what_has_expired_goes(void)
{
	struct offsets *o = offsets_new();
	struct seen s = { "" };
	struct offset_commit late = commit_at(9);
	late.commit_ms = 5000;
	put(o, topic_a, 0, 1, 1);
	put(o, topic_b, 0, 2, 2);
	offsets_put(o, topic_b, 1, &late, 3);
	put(o, topic_b, 2, 3, 4);
	offsets_prepare(o, offsets_begin(o), topic_b, 2); /* on its way: stays */
	struct offsets_expiry x = { .now_ms = 2000, .retention_ms = 1000, .since_ms = -1,
				    .keeps_topic = is_topic_a, .arg = &topic_a };
	CU_ASSERT_EQUAL(offsets_expire(o, &x, see, &s), 1);
	CU_ASSERT_STRING_EQUAL(s.text, "b0=2 ");
	CU_ASSERT_EQUAL(offsets_count(o), 3);
	x.keeps_topic = NULL;
	CU_ASSERT_EQUAL(offsets_expire(o, &x, see, &s), 1);
	CU_ASSERT_STRING_EQUAL(s.text, "b0=2 a0=1 ");
	CU_ASSERT_EQUAL(committed(o, topic_b, 1), 9);
	CU_ASSERT_EQUAL(committed(o, topic_b, 2), 3);
	CU_ASSERT_EQUAL(committed(o, topic_a, 0), -1);
	offsets_free(o);
}

/* ---- memory ---- */

#if defined(__SANITIZE_ADDRESS__)
static void a_million_offsets_are_small(void)
{
	CU_PASS("a sanitizer's allocator counts otherwise");
}
#else
enum { GROUPS = 10000, TOPICS = 10, PARTITIONS = 10, BYTES_MAX = 120 };

static void a_million_offsets_are_small(void)
{
	static struct offsets *all[GROUPS];
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int g = 0; g < GROUPS; g++) {
		all[g] = offsets_new();
		for (int32_t i = 0; i < TOPICS * PARTITIONS; i++) {
			char name[64];
			int n = snprintf(name, sizeof name, "some.topic.of.usual.length-%d", i % TOPICS);
			put(all[g], slice_of(name, (size_t)n), i / TOPICS, i, i);
		}
	}
	size_t each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / (GROUPS * TOPICS * PARTITIONS);
	printf("[%zu bytes each] ", each);
	CU_ASSERT(each < BYTES_MAX);
	for (int g = 0; g < GROUPS; g++)
		offsets_free(all[g]);
}
#endif

static const struct ut_case cases[] = {
	UT(nothing_is_there),
	UT(all_fields_are_kept),
	UT(they_come_in_order),
	UT(a_commit_counts_when_it_is_in_the_log),
	UT(what_lies_later_in_the_log_wins),
	UT(a_commit_that_fails_leaves_nothing),
	UT(the_failure_of_a_later_commit_spares_the_earlier),
	UT(a_removal_undoes_what_is_on_its_way),
	UT(topics_are_removed_whole),
	UT(a_transaction_counts_with_its_end),
	UT(an_aborted_transaction_leaves_nothing),
	UT(a_later_plain_commit_wins_over_a_transaction),
	UT(a_removal_reaches_into_transactions),
	UT(an_offset_expires_by_this_table),
	UT(what_has_expired_goes),
	UT(a_million_offsets_are_small),
};

int main(void)
{
	return ut_run("offsets", cases, countof(cases));
}
