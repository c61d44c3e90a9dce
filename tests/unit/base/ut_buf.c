/* ut_buf.c - counted memory, and the chain whose links keep it alive until their last byte has left. */
#include "broker/base/buf.h"

#include "tests/unit/ut.h"

struct watched {
	struct hold hold;
	int drops;
};

static void watched_drop(struct hold *h)
{
	container_of(h, struct watched, hold)->drops++;
}

static void watch(struct watched *w)
{
	atomic_init(&w->hold.count, 1);
	w->hold.drop = watched_drop;
	w->drops = 0;
}

static void dropped_with_the_last_hold(void)
{
	struct watched w;

	watch(&w);
	hold_get(&w.hold);
	hold_put(&w.hold);
	CU_ASSERT_EQUAL(w.drops, 0);
	hold_put(&w.hold);
	CU_ASSERT_EQUAL(w.drops, 1);
	hold_put(NULL);
}

static void a_buffer_is_mine_alone(void)
{
	struct buf *b = buf_new(100);

	CU_ASSERT_EQUAL(b->size, 100);
	CU_ASSERT_EQUAL(b->used, 0);
	CU_ASSERT_TRUE(buf_is_mine(b));
	CU_ASSERT_PTR_EQUAL(buf_get(b), b);
	CU_ASSERT_FALSE(buf_is_mine(b));
	buf_put(b);
	CU_ASSERT_TRUE(buf_is_mine(b));
	buf_put(b);
	buf_put(NULL);
}

static void consuming_in_any_steps(void)
{
	static const char bytes[] = "0123456789";

	for (uint64_t step = 1; step <= 17; step++) {
		struct watched memory, file;
		struct chain c;
		chain_init(&c);
		watch(&memory);
		watch(&file);
		chain_add_mem(&c, bytes, 10, &memory.hold);
		chain_add_file(&c, 3, 1000, 7, &file.hold);
		CU_ASSERT_EQUAL(c.bytes, 17);
		for (uint64_t gone = 0; gone < 17;) {
			uint64_t n = min_of(step, 17 - gone);
			chain_consume(&c, n);
			gone += n;
			CU_ASSERT_EQUAL(c.bytes, 17 - gone);
			CU_ASSERT_EQUAL(memory.drops, gone >= 10);
			CU_ASSERT_EQUAL(file.drops, gone == 17);
			if (gone < 10) {
				CU_ASSERT_EQUAL(c.first->p[0], '0' + gone);
			} else if (gone < 17) {
				CU_ASSERT_EQUAL(c.first->offset, (int64_t)(1000 + gone - 10));
			}
		}
		CU_ASSERT_PTR_NULL(c.first);
	}
}

static void nothing_is_no_link(void)
{
	struct watched w;
	struct chain c;

	chain_init(&c);
	watch(&w);
	chain_add_mem(&c, "", 0, &w.hold);
	CU_ASSERT_PTR_NULL(c.first);
	CU_ASSERT_EQUAL(w.drops, 1);
	chain_add_mem(&c, "x", 1, NULL);
	chain_consume(&c, 1);
	CU_ASSERT_PTR_NULL(c.first);
}

static void appending_moves_links(void)
{
	struct watched w[3];
	struct chain a, b;

	chain_init(&a);
	chain_init(&b);
	for (int i = 0; i < 3; i++) {
		watch(&w[i]);
		chain_add_mem(i == 0 ? &a : &b, "abc", 3, &w[i].hold);
	}
	chain_append(&a, &b);
	CU_ASSERT_EQUAL(a.bytes, 9);
	CU_ASSERT_TRUE(b.first == NULL && b.bytes == 0);
	chain_append(&a, &b);
	chain_add_mem(&a, "d", 1, NULL);
	CU_ASSERT_EQUAL(a.bytes, 10);
	chain_consume(&a, 4);
	CU_ASSERT_EQUAL(w[0].drops, 1);
	chain_clear(&a);
	CU_ASSERT_EQUAL(w[1].drops + w[2].drops, 2);
	CU_ASSERT_EQUAL(a.bytes, 0);
}

static const struct ut_case cases[] = {
	UT(dropped_with_the_last_hold),
	UT(a_buffer_is_mine_alone),
	UT(consuming_in_any_steps),
	UT(nothing_is_no_link),
	UT(appending_moves_links),
};

int main(void)
{
	return ut_run("buf", cases, countof(cases));
}
