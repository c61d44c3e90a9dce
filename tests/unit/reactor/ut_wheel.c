/* ut_wheel.c - the timer wheel under a time of our own. */
#include "broker/reactor/wheel.h"
#include "tests/unit/ut.h"

enum { MS = 1000000, MANY = 4000 };

static struct wheel wheel;

static int64_t tick_of(int64_t ns)
{
	return (ns + MS - 1) / MS;
}

static int count_due(int64_t now_ns)
{
	struct list due;
	int n = 0;
	list_init(&due);
	wheel_advance(&wheel, now_ns, &due);
	while (list_pop_front(&due))
		n++;
	return n;
}

static void an_empty_wheel_is_never_due(void)
{
	wheel_init(&wheel, 12345);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), INT64_MAX);
	CU_ASSERT_EQUAL(count_due(INT64_C(1) << 60), 0);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), INT64_MAX);
}

static void due_in_the_tick_it_names_and_not_before(void)
{
	struct timer t = { .due_ns = 5 * MS - 1 };
	wheel_init(&wheel, 0);
	wheel_add(&wheel, &t);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), 5 * MS);
	CU_ASSERT_EQUAL(count_due(5 * MS - 1), 0);
	CU_ASSERT_EQUAL(count_due(5 * MS), 1);
	CU_ASSERT_FALSE(timer_armed(&t));
}

static void what_is_past_is_due_next_tick(void)
{
	struct timer t = { .due_ns = 3 * MS };
	wheel_init(&wheel, 100 * MS);
	wheel_add(&wheel, &t);
	CU_ASSERT_EQUAL(count_due(100 * MS), 0);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), 101 * MS);
	CU_ASSERT_EQUAL(count_due(101 * MS), 1);
}

static void a_cancelled_timer_is_forgotten(void)
{
	struct timer a = { .due_ns = 10 * MS }, b = { .due_ns = 70 * MS };
	wheel_init(&wheel, 0);
	wheel_add(&wheel, &a);
	wheel_add(&wheel, &b);
	list_remove(&a.link);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), 64 * MS); /* where b comes nearer */
	CU_ASSERT_EQUAL(count_due(64 * MS), 0);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), 70 * MS);
	list_remove(&b.link);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), INT64_MAX);
}

static void the_order_is_that_of_ticks_then_of_arming(void)
{
	struct timer t[6];
	const int64_t due_ms[6] = { 300, 5, 300, 5, 64, 5000 };
	const int expected[6] = { 1, 3, 4, 0, 2, 5 };
	struct list due, *l;
	wheel_init(&wheel, 0);
	for (int i = 0; i < 6; i++) {
		t[i] = (struct timer){ .due_ns = due_ms[i] * MS };
		wheel_add(&wheel, &t[i]);
	}
	list_init(&due);
	wheel_advance(&wheel, 6000 * INT64_C(1000000), &due);
	for (int i = 0; i < 6; i++) {
		l = list_pop_front(&due);
		CU_ASSERT_PTR_EQUAL(l, &t[expected[i]].link);
	}
	CU_ASSERT_TRUE(list_empty(&due));
}

static void beyond_the_last_wheel(void)
{
	const int64_t far = (INT64_C(3) << 30) * MS + 7;
	struct timer t = { .due_ns = far };
	int wakes = 0;
	wheel_init(&wheel, 0);
	wheel_add(&wheel, &t);
	while (timer_armed(&t) && wakes < 100) {
		int64_t next = wheel_next_ns(&wheel);
		int n = count_due(next);
		CU_ASSERT_EQUAL(n, next >= far);
		wakes++;
	}
	CU_ASSERT_EQUAL(tick_of(far) * MS, wheel.tick * MS);
	CU_ASSERT_TRUE(wakes <= 16);
}

static uint64_t seed;

static uint64_t dice(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any number of timers at any distance, some cancelled, time going on by any step: each fires in the first
 * advance at or after its tick, and sleeping until wheel_next_ns() never misses one. */
static void like_a_sorted_list(void)
{
	static struct timer t[MANY];
	int64_t now = 777 * INT64_C(1000003);
	int left = 0, fired = 0;
	seed = 88172645463325252u;
	wheel_init(&wheel, now);
	for (int i = 0; i < MANY; i++) {
		uint64_t furthest = UINT64_C(1) << (20 + dice() % 32);
		t[i] = (struct timer){ .due_ns = now + (int64_t)(dice() % furthest) };
		wheel_add(&wheel, &t[i]);
		left++;
	}
	for (int i = 0; i < MANY; i += 7) {
		list_remove(&t[i].link);
		left--;
	}
	while (left > 0) {
		struct list due, *l;
		int64_t next = wheel_next_ns(&wheel), first = INT64_MAX, last_tick = 0;
		for (int i = 0; i < MANY; i++)
			if (timer_armed(&t[i]))
				first = min_of(first, tick_of(t[i].due_ns) * MS);
		CU_ASSERT_TRUE(next <= max_of(first, (now / MS + 1) * MS));
		now = dice() % 2 ? next : next + (int64_t)(dice() % (UINT64_C(1) << (dice() % 40)));
		list_init(&due);
		wheel_advance(&wheel, now, &due);
		while ((l = list_pop_front(&due)) != NULL) {
			struct timer *one = list_entry(l, struct timer, link);
			CU_ASSERT_TRUE(one->due_ns <= now && tick_of(one->due_ns) >= last_tick);
			last_tick = tick_of(one->due_ns);
			left--;
			fired++;
		}
		for (int i = 0; i < MANY; i++)
			CU_ASSERT_FALSE(timer_armed(&t[i]) && t[i].due_ns < now - MS);
	}
	CU_ASSERT_EQUAL(fired, MANY - (MANY + 6) / 7);
}

static const struct ut_case cases[] = {
	UT(an_empty_wheel_is_never_due),
	UT(due_in_the_tick_it_names_and_not_before),
	UT(what_is_past_is_due_next_tick),
	UT(a_cancelled_timer_is_forgotten),
	UT(the_order_is_that_of_ticks_then_of_arming),
	UT(beyond_the_last_wheel),
	UT(like_a_sorted_list),
};

int main(void)
{
	return ut_run("wheel", cases, countof(cases));
}
