/* ut_meta.c - snapshots share what did not change and never change themselves. */
#include "broker/cluster/meta.h"
#include "broker/cluster/shard.h"
#include "tests/unit/ut.h"

static struct meta_partition led_by(int32_t leader)
{
	static int32_t one[] = { 1 };
	return (struct meta_partition){ .leader = leader, .replicas = { one, 1 }, .isr = { one, 1 } };
}

static struct metadata *with_partition(struct metadata *from, const char *topic, uint8_t id, int32_t index,
				       int32_t leader)
{
	struct meta_edit *e = meta_edit_begin(from);
	struct meta_partition p = led_by(leader);
	struct uuid uuid = { { id } };
	meta_edit_partition(e, slice_str(topic), &uuid, index, &p);
	return meta_edit_finish(e);
}

static void finds_topics_by_name_and_id(void)
{
	struct metadata *m = meta_empty();
	static const char *const names[] = { "m", "a", "z", "ab", "b" };
	for (uint8_t i = 0; i < countof(names); i++) {
		struct metadata *next = with_partition(m, names[i], (uint8_t)(i + 1), 0, i);
		meta_put(m);
		m = next;
	}
	CU_ASSERT_EQUAL(meta_topics(m), 5);
	for (uint8_t i = 0; i < countof(names); i++) {
		struct uuid id = { { (uint8_t)(i + 1) } };
		const struct meta_topic *t = meta_topic(m, slice_str(names[i]));
		CU_ASSERT_PTR_NOT_NULL(t);
		CU_ASSERT_PTR_EQUAL(t, meta_topic_by_id(m, &id));
		CU_ASSERT_EQUAL(meta_partition(m, slice_str(names[i]), 0)->leader, i);
	}
	CU_ASSERT_STRING_EQUAL(meta_topic_at(m, 1)->name, "ab");
	CU_ASSERT_PTR_NULL(meta_topic(m, slice_str("aa")));
	CU_ASSERT_PTR_NULL(meta_topic(m, SLICE_NULL));
	CU_ASSERT_PTR_NULL(meta_partition(m, slice_str("a"), 1));
	CU_ASSERT_PTR_NULL(meta_partition(m, slice_str("a"), -1));
	meta_put(m);
}

static void an_edit_leaves_the_one_before_alone(void)
{
	struct metadata *empty = meta_empty();
	struct metadata *one = with_partition(empty, "t", 7, 2, 1);
	struct metadata *two = with_partition(one, "t", 7, 2, 9);
	struct metadata *three = with_partition(two, "u", 8, 0, 1);
	CU_ASSERT_EQUAL(meta_partition(one, slice_str("t"), 2)->leader, 1);
	CU_ASSERT_EQUAL(meta_partition(two, slice_str("t"), 2)->leader, 9);
	CU_ASSERT_PTR_NULL(meta_partition(one, slice_str("t"), 0));
	CU_ASSERT_PTR_EQUAL(meta_topic(two, slice_str("t")), meta_topic(three, slice_str("t")));
	CU_ASSERT_EQUAL(meta_topics(empty), 0);
	meta_put(empty);
	meta_put(one);
	meta_put(two);
	CU_ASSERT_EQUAL(meta_partition(three, slice_str("t"), 2)->leader, 9);
	meta_put(three);
}

static void a_topic_goes_with_its_last_partition(void)
{
	struct metadata *empty = meta_empty(), *one = with_partition(empty, "t", 7, 1, 1);
	struct meta_edit *e = meta_edit_begin(one);
	meta_edit_remove_partition(e, slice_str("t"), 1);
	meta_edit_remove_partition(e, slice_str("none"), 0);
	struct metadata *none = meta_edit_finish(e);
	CU_ASSERT_EQUAL(meta_topics(none), 0);
	CU_ASSERT_EQUAL(meta_topics(one), 1);
	meta_put(empty);
	meta_put(one);
	meta_put(none);
}

static void brokers_are_replaced_whole(void)
{
	struct meta_endpoint at = { (char *)"PLAINTEXT", (char *)"h", 9092, 0 };
	struct meta_broker both[] = { { 5, NULL, &at, 1 }, { 2, (char *)"rack", &at, 1 } };
	struct metadata *empty = meta_empty();
	struct meta_edit *e = meta_edit_begin(empty);
	meta_edit_brokers(e, both, 2);
	meta_edit_controller(e, 5);
	struct metadata *m = meta_edit_finish(e);
	CU_ASSERT_EQUAL(meta_brokers(m), 2);
	CU_ASSERT_EQUAL(meta_broker_at(m, 0)->id, 2);
	CU_ASSERT_EQUAL(meta_controller(m), 5);
	CU_ASSERT_EQUAL(meta_endpoint(meta_broker(m, 5), "PLAINTEXT")->port, 9092);
	CU_ASSERT_PTR_NULL(meta_endpoint(meta_broker(m, 5), "SSL"));
	CU_ASSERT_PTR_NULL(meta_broker(m, 3));
	e = meta_edit_begin(m);
	meta_edit_brokers(e, both, 1);
	struct metadata *less = meta_edit_finish(e);
	CU_ASSERT_PTR_NULL(meta_broker(less, 2));
	meta_put(empty);
	meta_put(m);
	meta_put(less);
}

static void no_drop(struct hold *h)
{
	CU_ASSERT_PTR_NOT_NULL(h);
}

/* A topic is counted from its first settings on, by the same counters whatever else changes. */
static void counters_come_with_settings_and_stay(void)
{
	enum { CORES = 2 };
	struct topic_settings first = { .hold = { .count = 1, .drop = no_drop } }, second = first;
	struct metadata *empty = meta_empty(), *one = with_partition(empty, "t", 7, 0, 1);
	CU_ASSERT_PTR_NULL(meta_topic(one, slice_str("t"))->counts);
	struct meta_edit *e = meta_edit_begin(one);
	meta_edit_settings(e, slice_str("t"), &first, CORES);
	struct metadata *two = meta_edit_finish(e);
	struct topic_counts *counts = meta_topic(two, slice_str("t"))->counts;
	CU_ASSERT_EQUAL_FATAL(counts->cores, CORES);
	e = meta_edit_begin(two);
	meta_edit_settings(e, slice_str("t"), &second, CORES);
	struct metadata *three = meta_edit_finish(e), *four = with_partition(three, "t", 7, 1, 2);
	CU_ASSERT_PTR_EQUAL(meta_topic(four, slice_str("t"))->settings, &second);
	meta_put(empty);
	meta_put(one);
	meta_put(two);
	meta_put(three);
	CU_ASSERT_PTR_EQUAL(meta_topic(four, slice_str("t"))->counts, counts);
	CU_ASSERT_EQUAL(topic_counts_sum(counts, METRIC_BYTES_IN), 0);
	meta_put(four);
}

static void neighbours_are_different_cores(void)
{
	for (int cores = 1; cores <= 8; cores++) {
		unsigned seen = 0;
		for (int p = 0; p < cores; p++)
			seen |= 1u << shard_home(slice_str("topic"), p, cores);
		CU_ASSERT_EQUAL(seen, (1u << cores) - 1);
	}
}

static const struct ut_case cases[] = {
	UT(finds_topics_by_name_and_id), UT(an_edit_leaves_the_one_before_alone),
	UT(a_topic_goes_with_its_last_partition), UT(brokers_are_replaced_whole),
	UT(counters_come_with_settings_and_stay), UT(neighbours_are_different_cores),
};

int main(void)
{
	return ut_run("meta", cases, countof(cases));
}
