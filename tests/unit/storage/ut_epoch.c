/* ut_epoch.c - leader epochs of a log: assigned, truncated at both ends, asked for, read and written. */
#include "tests/unit/storage/storage_test.h"

#include "broker/storage/epoch.h"

#include <errno.h>
#include <string.h>

/* "epoch@start ..." */
static bool is(const struct epochs *e, const char *expected)
{
	char text[256] = "";
	size_t n = 0;
	for (uint32_t i = 0; i < e->n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%d@%lld", i ? " " : "",
			e->entries[i].epoch,
			(long long)e->entries[i].start);
	if (strcmp(text, expected) != 0)
		printf("\n%s, not %s ", text, expected);
	return strcmp(text, expected) == 0;
}

static struct epochs some(void)
{
	struct epochs e = { 0 };
	epochs_assign(&e, 1, 0);
	epochs_assign(&e, 3, 10);
	epochs_assign(&e, 4, 20);
	epochs_assign(&e, 9, 40);
	return e;
}

static void assigns(void)
{
	struct epochs e = some();
	CU_ASSERT(is(&e, "1@0 3@10 4@20 9@40"));
	e.dirty = false;
	epochs_assign(&e, 9, 50);
	CU_ASSERT(!e.dirty);
	epochs_assign(&e, 9, 30);
	CU_ASSERT(is(&e, "1@0 3@10 4@20 9@30"));
	epochs_assign(&e, 10, 30); /* an epoch in which nothing was written goes */
	CU_ASSERT(is(&e, "1@0 3@10 4@20 10@30"));
	epochs_assign(&e, 4, 25);
	CU_ASSERT(is(&e, "1@0 3@10 4@25"));
	epochs_assign(&e, 5, 5);
	CU_ASSERT(is(&e, "1@0 5@5"));
	CU_ASSERT(e.dirty);
	epochs_free(&e);
}

static void truncates_the_end(void)
{
	struct epochs e = some();
	epochs_truncate_end(&e, 41);
	CU_ASSERT(is(&e, "1@0 3@10 4@20 9@40"));
	epochs_truncate_end(&e, 40);
	CU_ASSERT(is(&e, "1@0 3@10 4@20"));
	epochs_truncate_end(&e, 0);
	CU_ASSERT(is(&e, ""));
	epochs_free(&e);
}

static void truncates_the_start(void)
{
	struct epochs e = some();
	e.dirty = false;
	epochs_truncate_start(&e, 0);
	CU_ASSERT(!e.dirty);
	epochs_truncate_start(&e, 5);
	CU_ASSERT(is(&e, "1@5 3@10 4@20 9@40"));
	epochs_truncate_start(&e, 20);
	CU_ASSERT(is(&e, "4@20 9@40"));
	epochs_truncate_start(&e, 100);
	CU_ASSERT(is(&e, "9@100"));
	epochs_free(&e);
}

static void answers(void)
{
	static const struct {
		int32_t asked, found;
		int64_t end;
	} rows[] = {
		{ -1, -1, -1 }, { 0, 0, 0 }, { 1, 1, 10 }, { 2, 1, 10 }, { 3, 3, 20 }, { 4, 4, 40 }, { 8, 4,
		40 },
		{ 9, 9, 77 }, { 10, -1, -1 },
	};
	struct epochs e = some();
	int32_t found;
	int64_t end;
	for (size_t i = 0; i < countof(rows); i++) {
		epochs_end_offset(&e, rows[i].asked, 77, &found, &end);
		CU_ASSERT_EQUAL(found, rows[i].found);
		CU_ASSERT_EQUAL(end, rows[i].end);
	}
	CU_ASSERT_EQUAL(epochs_at(&e, 0), 1);
	CU_ASSERT_EQUAL(epochs_at(&e, 9), 1);
	CU_ASSERT_EQUAL(epochs_at(&e, 10), 3);
	CU_ASSERT_EQUAL(epochs_at(&e, 1000), 9);
	epochs_truncate_start(&e, 5);
	CU_ASSERT_EQUAL(epochs_at(&e, 4), -1);
	epochs_clear(&e);
	epochs_end_offset(&e, 0, 77, &found, &end);
	CU_ASSERT(found == -1 && end == -1);
	epochs_free(&e);
}

static void reads_and_writes(void)
{
	struct path path = path_in(st_dir("epochs"), EPOCH_FILE);
	struct epochs e = some(), back = { 0 };
	size_t n;
	CU_ASSERT_EQUAL(epochs_load(&back, path.s), 0);
	char *text = epochs_text(&e, &n);
	CU_ASSERT(!e.dirty);
	CU_ASSERT(n == strlen("0\n4\n1 0\n3 10\n4 20\n9 40\n") && memcmp(text,
		"0\n4\n1 0\n3 10\n4 20\n9 40\n", n) == 0);
	st_write(path.s, text, n);
	free(text);
	CU_ASSERT_EQUAL(epochs_load(&back, path.s), 0);
	CU_ASSERT(is(&back, "1@0 3@10 4@20 9@40"));
	CU_ASSERT(!back.dirty);
	st_write(path.s, "0\n1\n-1 0\n", 9);
	CU_ASSERT_EQUAL(epochs_load(&back, path.s), -EBADMSG);
	epochs_free(&e);
	epochs_free(&back);
}

static const struct ut_case cases[] = { UT(assigns), UT(truncates_the_end), UT(truncates_the_start),
	UT(answers),
	UT(reads_and_writes) };

int main(void)
{
	int status = ut_run("storage/epoch", cases, countof(cases));
	st_clean();
	return status;
}
