/* ut_properties.c - Java's properties files. */
#include "broker/config/properties.h"
#include "tests/unit/config/golden.h"

static struct arena arena;
static struct properties props;

static enum properties_error read_text(const char *text, size_t n, uint32_t *line)
{
	arena_init(&arena, 8 << 20);
	props = (struct properties){ 0 };
	return properties_read(&props, &arena, "f", slice_of(text, n), line);
}

static void done(void)
{
	properties_free(&props);
	arena_free(&arena);
}

/* As tests/golden/config/odd.tsv writes a text. */
static const char *escaped(const char *s)
{
	static char out[1024];
	char *p = out;
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		p += c > 32 && c < 127 && c != '%' ? sprintf(p, "%c", c) : sprintf(p, "%%%02x", c);
	}
	*p = '\0';
	return out;
}

static void reads_as_java_does(void)
{
	size_t n, n_expected;
	char *text = golden_read("tests/golden/config/odd.properties", &n);
	char *expected = golden_read("tests/golden/config/odd.tsv", &n_expected), *rest = expected;
	char *column[GOLDEN_COLUMNS];
	uint32_t line, rows = 0;
	CU_ASSERT_EQUAL(read_text(text, n, &line), PROPERTIES_OK);
	while (golden_line(&rest, column)) {
		const char *found = NULL;
		rows++;
		for (uint32_t i = 0; i < props.n; i++)
			if (strcmp(escaped(props.v[i].name), column[0]) == 0)
				found = props.v[i].value;
		same_text(column[0], found ? escaped(found) : NULL, column[1]);
	}
	CU_ASSERT_EQUAL(props.n, rows + 2); /* dup and the empty key stand twice */
	done();
	free(text);
	free(expected);
}

static void tells_lines(void)
{
	static const char text[] = "a=1\n\n# c\nb=2\\\n  3\r\nc=4\r\r\nd=5";
	uint32_t line;
	CU_ASSERT_EQUAL(read_text(text, sizeof text - 1, &line), PROPERTIES_OK);
	CU_ASSERT_EQUAL(props.n, 4);
	CU_ASSERT_EQUAL(properties_find(&props, "a")->line, 1);
	CU_ASSERT_EQUAL(properties_find(&props, "b")->line, 4);
	CU_ASSERT_STRING_EQUAL(properties_find(&props, "b")->value, "23");
	CU_ASSERT_EQUAL(properties_find(&props, "c")->line, 6);
	CU_ASSERT_EQUAL(properties_find(&props, "d")->line, 8);
	CU_ASSERT_STRING_EQUAL(properties_find(&props, "d")->file, "f");
	done();
}

static void last_wins(void)
{
	static const char text[] = "a=1\na=2\n";
	uint32_t line;
	read_text(text, sizeof text - 1, &line);
	properties_add(&props, &arena, "b", "x", "--override", 0);
	CU_ASSERT_STRING_EQUAL(properties_find(&props, "a")->value, "2");
	CU_ASSERT_STRING_EQUAL(properties_find(&props, "b")->file, "--override");
	CU_ASSERT_PTR_NULL(properties_find(&props, "c"));
	done();
}

static void refuses_what_is_no_text(void)
{
	static const struct {
		const char *text;
		size_t n;
		enum properties_error error;
		uint32_t line;
	} bad[] = {
		{ "a=1\nb=\\u12g4\n", 13, PROPERTIES_BAD_ESCAPE, 2 },
		{ "a=\\u12", 6, PROPERTIES_BAD_ESCAPE, 1 },
		{ "\n\na=\\u0000", 10, PROPERTIES_NUL, 3 },
		{ "a\0b=1", 5, PROPERTIES_NUL, 1 },
		{ "a=\\\0", 4, PROPERTIES_NUL, 1 },
	};
	for (size_t i = 0; i < countof(bad); i++) {
		uint32_t line = 0;
		CU_ASSERT_EQUAL(read_text(bad[i].text, bad[i].n, &line), bad[i].error);
		CU_ASSERT_EQUAL(line, bad[i].line);
		CU_ASSERT_TRUE(strlen(properties_error_text(bad[i].error)) > 10);
		done();
	}
}

/* Every prefix of the odd file is read without touching a byte past its end. */
static void reads_every_prefix(void)
{
	size_t n;
	char *text = golden_read("tests/golden/config/odd.properties", &n);
	for (size_t i = 0; i <= n; i++) {
		char *part = mem_alloc(i + 1); /* exact, so that AddressSanitizer sees an overrun */
		uint32_t line;
		memcpy(part, text, i);
		part = mem_realloc(part, i ? i : 1);
		read_text(part, i, &line);
		CU_ASSERT_TRUE(line >= 1);
		done();
		free(part);
	}
	free(text);
}

static void stops_at_its_memory(void)
{
	char text[4096];
	uint32_t line;
	for (size_t i = 0; i < sizeof text; i += 4)
		memcpy(text + i, "a=b\n", 4);
	arena_init(&arena, 256);
	props = (struct properties){ 0 };
	CU_ASSERT_EQUAL(properties_read(&props, &arena, "f", slice_of(text, sizeof text), &line),
		PROPERTIES_TOO_LARGE);
	done();
}

static void stops_at_its_limit(void)
{
	enum { LINES = PROPERTIES_MAX + 5 };
	char *text = mem_alloc(LINES * 2 + 1);
	uint32_t line;
	for (int i = 0; i < LINES; i++)
		memcpy(text + i * 2, "a\n", 2);
	CU_ASSERT_EQUAL(read_text(text, LINES * 2, &line), PROPERTIES_TOO_LARGE);
	CU_ASSERT_EQUAL(props.n, PROPERTIES_MAX);
	CU_ASSERT_EQUAL(line, PROPERTIES_MAX + 1);
	done();
	free(text);
}

static const struct ut_case cases[] = {
	UT(reads_as_java_does),
	UT(tells_lines),
	UT(last_wins),
	UT(refuses_what_is_no_text),
	UT(reads_every_prefix),
	UT(stops_at_its_memory),
	UT(stops_at_its_limit),
};

int main(void)
{
	return ut_run("properties", cases, countof(cases));
}
