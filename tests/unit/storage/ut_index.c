/* ut_index.c - offset, time and transaction index: entries in memory and in files, look-up, truncation,
 * padding. */
#include "tests/unit/storage/storage_test.h"

#include "broker/storage/index.h"
#include "broker/storage/txn_index.h"

#include <errno.h>

enum { ENTRIES = 3000 }; /* several blocks of the look-up, many tails */

static struct path new_file(void)
{
	return path_in(st_dir("index"), "00000000000000000000.index");
}

/* Keys 10, 20, 30 ...; values their number. Writes tails when they are full. */
static void fill(struct index *ix, const char *path, int n)
{
	for (int i = 1; i <= n; i++) {
		index_push(ix, (struct index_entry){ .key = i * 10, .value = i });
		if (index_tail_full(ix))
			CU_ASSERT_EQUAL(index_append_tail(ix, path), 0);
	}
}

static void check_floors(const struct index *ix, const char *path, int n)
{
	int fd = sys_open(path, SYS_READ);
	struct index_entry e = { 0 };
	CU_ASSERT_EQUAL(index_floor(ix, fd, true, 9, &e), 0);
	for (int i = 1; i <= n; i += 7) {
		CU_ASSERT_EQUAL(index_floor(ix, fd, true, i * 10, &e), 1);
		CU_ASSERT_EQUAL(e.value, i);
		CU_ASSERT_EQUAL(index_floor(ix, fd, true, i * 10 + 9, &e), 1);
		CU_ASSERT_EQUAL(e.value, i);
	}
	CU_ASSERT_EQUAL(index_floor(ix, fd, true, INT32_MAX, &e), 1);
	CU_ASSERT_EQUAL(e.value, n);
	sys_close(fd);
}

static void finds(unsigned entry_bytes)
{
	struct path path = new_file();
	struct index ix, back;
	index_init(&ix, entry_bytes);
	index_init(&back, entry_bytes);
	CU_ASSERT_EQUAL(index_reset(&ix, path.s), 0);
	fill(&ix, path.s, ENTRIES);
	CU_ASSERT(ix.tail_n > 0 && ix.stored > 0);
	check_floors(&ix, path.s, ENTRIES);
	CU_ASSERT_EQUAL(index_store(&ix, path.s), 0);
	CU_ASSERT_EQUAL(st_size(path.s), (int64_t)ENTRIES * entry_bytes);
	check_floors(&ix, path.s, ENTRIES);
	CU_ASSERT_EQUAL(index_load(&back, path.s), 0);
	CU_ASSERT_EQUAL(index_entries(&back), ENTRIES);
	CU_ASSERT_EQUAL(back.last.key, ENTRIES * 10);
	check_floors(&back, path.s, ENTRIES);
	index_free(&ix);
	index_free(&back);
}

static void finds_offsets(void) { finds(INDEX_OFFSET_BYTES); }
static void finds_times(void) { finds(INDEX_TIME_BYTES); }

static void does_not_wait_when_told(void)
{
	struct path path = new_file();
	struct index ix;
	struct index_entry e;
	index_init(&ix, INDEX_OFFSET_BYTES);
	CU_ASSERT_EQUAL(index_floor(&ix, -1, false, 5, &e), 0); /* nothing at all */
	fill(&ix, path.s, INDEX_TAIL_MAX + 5);
	CU_ASSERT_EQUAL(index_floor(&ix, -1, false, (INDEX_TAIL_MAX + 3) * 10, &e), 1); /* in memory */
	CU_ASSERT_EQUAL(index_floor(&ix, -1, false, 50, &e), -EAGAIN);
	index_free(&ix);
}

static void ignores_padding(unsigned entry_bytes)
{
	static const uint8_t zeros[5000];
	struct path path = new_file();
	for (int n = 0; n < 40; n++) {
		struct index ix, back;
		index_init(&ix, entry_bytes);
		index_init(&back, entry_bytes);
		CU_ASSERT_EQUAL(index_reset(&ix, path.s), 0);
		fill(&ix, path.s, n);
		CU_ASSERT_EQUAL(index_store(&ix, path.s), 0);
		st_append_file(path.s, zeros, (size_t)(n * 97));
		CU_ASSERT_EQUAL(index_load(&back, path.s), 0);
		CU_ASSERT_EQUAL((int)index_entries(&back), n);
		CU_ASSERT_EQUAL(index_store(&back, path.s), 0);
		CU_ASSERT_EQUAL(st_size(path.s), (int64_t)n * entry_bytes);
		index_free(&ix);
		index_free(&back);
	}
}

static void ignores_padding_of_both(void)
{
	ignores_padding(INDEX_OFFSET_BYTES);
	ignores_padding(INDEX_TIME_BYTES);
}

static void truncates(void)
{
	struct path path = new_file();
	for (int64_t to = 0; to < 400; to += 3) {
		struct index ix;
		index_init(&ix, INDEX_OFFSET_BYTES);
		CU_ASSERT_EQUAL(index_reset(&ix, path.s), 0);
		fill(&ix, path.s, 30);
		CU_ASSERT_EQUAL(index_truncate(&ix, path.s, to), 0);
		int64_t left = min_of((to + 9) / 10 - 1, 30);
		CU_ASSERT_EQUAL(index_entries(&ix), max_of(left, 0));
		if (left > 0)
			CU_ASSERT_EQUAL(ix.last.value, left);
		index_push(&ix, (struct index_entry){ .key = 1000, .value = 1 });
		CU_ASSERT_EQUAL(index_store(&ix, path.s), 0);
		index_free(&ix);
	}
}

static void truncates_times_by_offset(void)
{
	struct path path = new_file();
	struct index ix;
	index_init(&ix, INDEX_TIME_BYTES);
	CU_ASSERT_EQUAL(index_reset(&ix, path.s), 0);
	fill(&ix, path.s, 30);
	CU_ASSERT_EQUAL(index_truncate(&ix, path.s, 12), 0);
	CU_ASSERT_EQUAL(index_entries(&ix), 11);
	CU_ASSERT_EQUAL(ix.last.key, 110);
	index_free(&ix);
}

static void collect(void *arg, const struct aborted_txn *txn)
{
	*(int64_t *)arg += txn->producer_id;
}

static int64_t collected(const struct txn_index *t, int64_t from, int64_t upper, bool *more)
{
	int64_t sum = 0;
	*more = txn_index_collect(t, from, upper, collect, &sum);
	return sum;
}

static void aborted_transactions(void)
{
	struct path path = new_file();
	static const struct aborted_txn txns[] = {
		{ .producer_id = 1, .first_offset = 0, .last_offset = 10, .last_stable_offset = 5 },
		{ .producer_id = 10, .first_offset = 5, .last_offset = 20, .last_stable_offset = 21 },
		{ .producer_id = 100, .first_offset = 30, .last_offset = 40, .last_stable_offset = 41 },
	};
	struct txn_index t = { 0 }, back = { 0 };
	bool more;
	for (size_t i = 0; i < countof(txns); i++)
		CU_ASSERT_EQUAL(txn_index_append(&t, path.s, &txns[i]), 0);
	CU_ASSERT_EQUAL(st_size(path.s), 3 * TXN_INDEX_ENTRY_BYTES);
	CU_ASSERT_EQUAL(txn_index_load(&back, path.s, 0), 0);
	CU_ASSERT_EQUAL(collected(&back, 0, 100, &more), 111);
	CU_ASSERT(more);
	CU_ASSERT_EQUAL(collected(&back, 11, 30, &more), 10);
	CU_ASSERT(!more);
	CU_ASSERT_EQUAL(collected(&back, 0, 5, &more), 1);
	CU_ASSERT(!more);
	CU_ASSERT_EQUAL(collected(&back, 41, 100, &more), 0);
	CU_ASSERT(more);
	CU_ASSERT_EQUAL(txn_index_truncate(&back, path.s, 40), 0);
	CU_ASSERT_EQUAL(back.n, 2);
	txn_index_free(&back);
	CU_ASSERT_EQUAL(txn_index_load(&back, path.s, 0), 0);
	CU_ASSERT_EQUAL(back.n, 2);
	txn_index_free(&back);
	CU_ASSERT_EQUAL(txn_index_load(&back, path.s, 11), -EBADMSG);
	txn_index_free(&back);
	st_append_file(path.s, "x", 1);
	CU_ASSERT_EQUAL(txn_index_load(&back, path.s, 0), -EBADMSG);
	CU_ASSERT_EQUAL(txn_index_reset(&back, path.s), 0);
	CU_ASSERT_EQUAL(txn_index_load(&back, path.s, 0), 0);
	CU_ASSERT_EQUAL(back.n, 0);
	txn_index_free(&t);
	txn_index_free(&back);
}

static const struct ut_case cases[] = { UT(finds_offsets), UT(finds_times), UT(does_not_wait_when_told),
	UT(ignores_padding_of_both), UT(truncates), UT(truncates_times_by_offset), UT(aborted_transactions) };

int main(void)
{
	int status = ut_run("storage/index", cases, countof(cases));
	st_clean();
	return status;
}
