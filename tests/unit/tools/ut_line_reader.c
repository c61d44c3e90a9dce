/* ut_line_reader.c - lines become records as Kafka's LineMessageReader makes them. */
#include "tests/unit/ut.h"
#include "tools/line_reader.h"
#include "tools/kafka_words.h"

#include <string.h>

/* A tool as far as the reader needs one. */
struct bench {
	struct tool tool;
	struct line_reader reader;
	char line[200];
	struct kafka_record record;
};

static struct bench *bench_new(const char *const *settings)
{
	struct bench *b = mem_zalloc(sizeof *b);
	struct properties p = { 0 };
	arena_init(&b->tool.arena, 1 << 20);
	for (; *settings; settings += 2)
		words_put(&b->tool, &p, settings[0], settings[1]);
	line_reader_init(&b->tool, &b->reader, "t", &p);
	properties_free(&p);
	return b;
}

static void bench_free(struct bench *b)
{
	arena_free(&b->tool.arena);
	free(b);
}

static int take(struct bench *b, const char *line)
{
	b->tool.failure = (struct failure){ 0 };
	snprintf(b->line, sizeof b->line, "%s", line);
	return line_reader_record(&b->tool, &b->reader, slice_of(b->line, strlen(line)), &b->record);
}

static void a_line_is_a_value(void)
{
	struct bench *b = bench_new((const char *const[]){ NULL });
	CU_ASSERT_EQUAL(take(b, "a\tb"), 0);
	CU_ASSERT(slice_is_null(b->record.key) && slice_is(b->record.value, "a\tb"));
	CU_ASSERT_EQUAL(take(b, ""), 0);
	CU_ASSERT(slice_is(b->record.value, ""));
	bench_free(b);
}

static void keys_and_headers_stand_before(void)
{
	struct bench *b = bench_new((const char *const[]){ "parse.key", "true", "parse.headers", " TRUE ",
		"null.marker", "-", "key.separator", "=>", NULL });
	CU_ASSERT_EQUAL(take(b, "h1:v1,h2:-\tkey=>value=>more"), 0);
	CU_ASSERT(slice_is(b->record.key, "key") && slice_is(b->record.value, "value=>more"));
	CU_ASSERT_EQUAL(b->record.n_headers, 2);
	CU_ASSERT_STRING_EQUAL(b->record.headers[0].key, "h1");
	CU_ASSERT(slice_is(b->record.headers[0].value, "v1"));
	CU_ASSERT_STRING_EQUAL(b->record.headers[1].key, "h2");
	CU_ASSERT(slice_is_null(b->record.headers[1].value));
	CU_ASSERT_EQUAL(take(b, "-\t-=>-"), 0);
	CU_ASSERT(slice_is_null(b->record.key) && slice_is_null(b->record.value) && b->record.n_headers == 0);
	bench_free(b);
}

static void what_is_missing_is_told_with_its_line(void)
{
	struct bench *b = bench_new((const char *const[]){ "parse.key", "true", NULL });
	CU_ASSERT_EQUAL(take(b, "k\tv"), 0);
	CU_ASSERT_EQUAL(take(b, "no key"), -1);
	CU_ASSERT_STRING_EQUAL(b->tool.failure.words, "No key separator found on line number 2: 'no key'");
	bench_free(b);
	b = bench_new((const char *const[]){ "parse.key", "true", "ignore.error", "true", NULL });
	CU_ASSERT_EQUAL(take(b, "no key"), 0);
	CU_ASSERT(slice_is_null(b->record.key) && slice_is(b->record.value, "no key"));
	bench_free(b);
}

static void separators_that_are_equal_are_refused(void)
{
	struct bench *b = bench_new((const char *const[]){ "headers.separator", ":", NULL });
	CU_ASSERT_STRING_EQUAL(b->tool.failure.words,
		"headers.separator and headers.key.separator may not be equal");
	bench_free(b);
}

static const struct ut_case cases[] = {
	UT(a_line_is_a_value),
	UT(keys_and_headers_stand_before),
	UT(what_is_missing_is_told_with_its_line),
	UT(separators_that_are_equal_are_refused),
};

int main(void)
{
	return ut_run("tools/line_reader", cases, countof(cases));
}
