/* ut_order.c - sorting and finding. */
#include "broker/base/order.h"

#include "tests/unit/ut.h"

static int by_number(const void *a, const void *b)
{
	return order_of(*(const int64_t *)a, *(const int64_t *)b);
}

static void numbers_have_an_order(void)
{
	CU_ASSERT_EQUAL(order_of(1, 2), -1);
	CU_ASSERT_EQUAL(order_of(2, 2), 0);
	CU_ASSERT_EQUAL(order_of(2, 1), 1);
	CU_ASSERT_EQUAL(order_of(INT64_MIN, INT64_MAX), -1);
	CU_ASSERT_EQUAL(order_of(INT64_MAX, INT64_MIN), 1);
}

static void what_is_sorted_is_found(void)
{
	int64_t v[] = { 5, INT64_MIN, 3, INT64_MAX, -1 }, missing = 4;
	order_sort(v, 5, sizeof *v, by_number);
	for (int i = 1; i < 5; i++)
		CU_ASSERT_TRUE(v[i - 1] < v[i]);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_PTR_EQUAL(order_find(&v[i], v, 5, sizeof *v, by_number), &v[i]);
	CU_ASSERT_PTR_NULL(order_find(&missing, v, 5, sizeof *v, by_number));
}

static void of_nothing_nothing_is_asked(void)
{
	int64_t key = 1;
	order_sort(NULL, 0, sizeof key, by_number);
	CU_ASSERT_PTR_NULL(order_find(&key, NULL, 0, sizeof key, by_number));
}

static const struct ut_case cases[] = {
	UT(numbers_have_an_order),
	UT(what_is_sorted_is_found),
	UT(of_nothing_nothing_is_asked),
};

int main(void)
{
	return ut_run("order", cases, countof(cases));
}
