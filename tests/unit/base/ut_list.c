/* ut_list.c - the intrusive ring. */
#include "broker/base/list.h"

#include "tests/unit/ut.h"

struct item {
	int number;
	struct list link;
};

static struct list head, other;
static struct item items[6];

static void fresh(void)
{
	list_init(&head);
	list_init(&other);
	for (int i = 0; i < 6; i++)
		items[i] = (struct item){ .number = i };
}

/* The numbers in the ring, as digits, forwards; backwards they must be the same. */
static int digits(struct list *l)
{
	int n = 0, back = 0, unit = 1;

	list_for_each(it, l)
		n = n * 10 + list_entry(it, struct item, link)->number;
	for (struct list *it = l->prev; it != l; it = it->prev, unit *= 10)
		back += unit * list_entry(it, struct item, link)->number;
	CU_ASSERT_EQUAL(n, back);
	return n;
}

static void pushing_at_both_ends(void)
{
	fresh();
	CU_ASSERT_TRUE(list_empty(&head));
	CU_ASSERT_FALSE(list_linked(&items[1].link));
	list_push_back(&head, &items[2].link);
	list_push_back(&head, &items[3].link);
	list_push_front(&head, &items[1].link);
	list_insert(&items[3].link, &items[4].link);
	CU_ASSERT_EQUAL(digits(&head), 1234);
	CU_ASSERT_TRUE(list_linked(&items[1].link));
}

static void popping(void)
{
	pushing_at_both_ends();
	CU_ASSERT_PTR_EQUAL(list_pop_front(&head), &items[1].link);
	CU_ASSERT_FALSE(list_linked(&items[1].link));
	list_remove(&items[3].link);
	CU_ASSERT_EQUAL(digits(&head), 24);
	list_pop_front(&head);
	list_pop_front(&head);
	CU_ASSERT_PTR_NULL(list_pop_front(&head));
	CU_ASSERT_TRUE(list_empty(&head));
}

static void removing_while_walking(void)
{
	pushing_at_both_ends();
	list_for_each_safe(it, &head)
		if (list_entry(it, struct item, link)->number % 2)
			list_remove(it);
	CU_ASSERT_EQUAL(digits(&head), 24);
}

static void splicing(void)
{
	pushing_at_both_ends();
	list_splice_back(&head, &other);
	CU_ASSERT_EQUAL(digits(&head), 1234);
	list_push_back(&other, &items[5].link);
	list_splice_back(&other, &head);
	CU_ASSERT_EQUAL(digits(&other), 51234);
	CU_ASSERT_TRUE(list_empty(&head));
}

static const struct ut_case cases[] = {
	UT(pushing_at_both_ends),
	UT(popping),
	UT(removing_while_walking),
	UT(splicing),
};

int main(void)
{
	return ut_run("list", cases, countof(cases));
}
