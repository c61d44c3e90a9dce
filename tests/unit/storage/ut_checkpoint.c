/* ut_checkpoint.c - Kafka's text checkpoint files: read, refused, written; and files replaced whole. */
#include "tests/unit/storage/storage_test.h"

#include "broker/storage/checkpoint.h"

#include <errno.h>
#include <string.h>

struct seen {
	struct checkpoint_offsets offsets;
	int n;
	int64_t sum;
	char last[256];
};

static int see(struct checkpoint_offsets *here, struct slice topic, int32_t partition, int64_t offset)
{
	struct seen *s = container_of(here, struct seen, offsets);
	snprintf(s->last, sizeof s->last, "%.*s", SLICE_ARGS(topic));
	s->n++;
	s->sum += partition + offset;
	return 0;
}

static int read_text(const char *text, struct seen *s)
{
	struct path path = path_in(st_dir("checkpoint"), "x");
	st_write(path.s, text, strlen(text));
	*s = (struct seen){ .offsets.entry = see };
	return checkpoint_read_offsets(path.s, &s->offsets);
}

static void reads(void)
{
	struct seen s;
	CU_ASSERT_EQUAL(read_text("0\n2\na.b-c 0 10\nother 3 4294967296\n", &s), 0);
	CU_ASSERT_EQUAL(s.n, 2);
	CU_ASSERT_EQUAL(s.sum, 10 + 3 + 4294967296);
	CU_ASSERT_STRING_EQUAL(s.last, "other");
	CU_ASSERT_EQUAL(read_text("", &s), 0);
	CU_ASSERT_EQUAL(read_text("0\n0\n", &s), 0);
	CU_ASSERT_EQUAL(read_text("0\n1\nt\t 7   9", &s), 0);
	CU_ASSERT_EQUAL(s.sum, 16);
	CU_ASSERT_EQUAL(read_text("0\r\n1\r\nt 7 9\r\n", &s), 0);
	CU_ASSERT_EQUAL(checkpoint_read_offsets("/nowhere/at/all", &s.offsets), -ENOENT);
}

static void refuses(void)
{
	static const char *const bad[] = {
		"1\n0\n", "x\n0\n", "0\n", "0\nx\n", "0\n2\nt 0 1\n", "0\n1\nt 0 1\nt 1 1\n", "0\n1\nt 0\n",
		"0\n1\nt 0 1 2\n", "0\n1\nt zero 1\n", "0\n1\nt 0 1x\n", "0\n1\nt -1 1\n", "0\n1\n\n",
		"0\n1\nt 4294967296 1\n", "0\n1\nt 0 9223372036854775808\n", "0\n1\nt 0 -\n", "\n\n",
	};
	for (size_t i = 0; i < countof(bad); i++) {
		struct seen s;
		CU_ASSERT_EQUAL(read_text(bad[i], &s), -EBADMSG);
	}
}

static void writes_what_it_reads(void)
{
	struct path path = path_in(st_dir("checkpoint"), "many");
	struct checkpoint c;
	checkpoint_begin(&c);
	for (int i = 0; i < 1000; i++)
		checkpoint_add_offset(&c, SLICE_LIT("a-topic-with-a-name"), i, i * 1000000007LL);
	CU_ASSERT_EQUAL(checkpoint_write(&c, path.s), 0);
	struct seen s = { .offsets.entry = see };
	CU_ASSERT_EQUAL(checkpoint_read_offsets(path.s, &s.offsets), 0);
	CU_ASSERT_EQUAL(s.n, 1000);
	CU_ASSERT_EQUAL(s.sum, 999 * 500 + 999 * 500 * 1000000007LL);
	size_t n;
	checkpoint_begin(&c);
	checkpoint_add_offset(&c, SLICE_LIT("t"), 4, 5);
	char *text = checkpoint_text(&c, &n);
	CU_ASSERT(n == 10 && memcmp(text, "0\n1\nt 4 5\n", n) == 0);
	free(text);
}

static void splits_names(void)
{
	int64_t offset;
	const char *suffix;
	CU_ASSERT(path_split("00000000000000000042.log.swap", &offset, &suffix));
	CU_ASSERT_EQUAL(offset, 42);
	CU_ASSERT_STRING_EQUAL(suffix, ".log.swap");
	CU_ASSERT(path_split("09223372036854775807.log", &offset, &suffix));
	CU_ASSERT_EQUAL(offset, INT64_MAX);
	CU_ASSERT(!path_split("09223372036854775808.log", &offset, &suffix));
	CU_ASSERT(!path_split("99999999999999999999.log", &offset, &suffix));
	CU_ASSERT(!path_split("0000000000000000042.log", &offset, &suffix));
	CU_ASSERT(!path_split("00000000000000000042", &offset, &suffix));
	CU_ASSERT(!path_split("leader-epoch-checkpoint", &offset, &suffix));
	CU_ASSERT(!path_split("", &offset, &suffix));
}

static const struct ut_case cases[] = { UT(reads), UT(refuses), UT(writes_what_it_reads), UT(splits_names) };

int main(void)
{
	int status = ut_run("storage/checkpoint", cases, countof(cases));
	st_clean();
	return status;
}
