/* ut_limit.c - what a value may be, said as Kafka says it. */
#include "broker/config/limit.h"
#include "tests/unit/config/golden.h"

#include <math.h>

static const struct config_limit any = { LIMIT_NONE, 0, 0, NULL };

static void doubles_are_java_s(void)
{
	size_t n;
	char *text = golden_read("tests/golden/config/doubles.tsv", &n), *rest = text,
	     *column[GOLDEN_COLUMNS];
	struct arena a;
	arena_init(&a, 1 << 20);
	while (golden_line(&rest, column)) {
		struct config_value v;
		char why[LIMIT_WHY_BYTES];
		int e = config_value_parse(&a, "k", CONFIG_DOUBLE, &any, column[0], &v, why);
		same_text(column[0], e ? "!" : config_value_text(&a, CONFIG_DOUBLE, &v), column[1]);
	}
	arena_free(&a);
	free(text);
}

/* What each text becomes; NULL is refused. */
static void parses_each_type(void)
{
	static const struct {
		enum config_type type;
		const char *text, *becomes;
	} rows[] = {
		{ CONFIG_INT, "007", "7" },
		{ CONFIG_INT, " +7\t", "7" },
		{ CONFIG_INT, "-2147483648", "-2147483648" },
		{ CONFIG_INT, "2147483648", NULL },
		{ CONFIG_INT, "-2147483649", NULL },
		{ CONFIG_INT, "", NULL },
		{ CONFIG_INT, "-", NULL },
		{ CONFIG_INT, "1 2", NULL },
		{ CONFIG_INT, "1.0", NULL },
		{ CONFIG_SHORT, "32767", "32767" },
		{ CONFIG_SHORT, "32768", NULL },
		{ CONFIG_LONG, "9223372036854775807", "9223372036854775807" },
		{ CONFIG_LONG, "9223372036854775808", NULL },
		{ CONFIG_LONG, "-9223372036854775808", "-9223372036854775808" },
		{ CONFIG_LONG, "99999999999999999999999", NULL },
		{ CONFIG_BOOLEAN, " TRUE ", "true" },
		{ CONFIG_BOOLEAN, "False", "false" },
		{ CONFIG_BOOLEAN, "yes", NULL },
		{ CONFIG_STRING, "  a b  ", "a b" },
		{ CONFIG_STRING, "", "" },
		{ CONFIG_LIST, " a , b,,c ", "a,b,,c" },
		{ CONFIG_LIST, "   ", "" },
		{ CONFIG_LIST, ",", "," },
		{ CONFIG_CLASS, " org.x.Y ", "org.x.Y" },
	};
	struct arena a;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < countof(rows); i++) {
		struct config_value v;
		char why[LIMIT_WHY_BYTES];
		int e = config_value_parse(&a, "k", rows[i].type, &any, rows[i].text, &v, why);
		same_text(rows[i].text, e ? NULL : config_value_text(&a, rows[i].type, &v), rows[i].becomes);
	}
	arena_free(&a);
}

static void says_kafka_s_words(void)
{
	static const struct {
		enum config_type type;
		struct config_limit limit;
		const char *text, *why;
	} rows[] = {
		{ CONFIG_INT, { LIMIT_RANGE, 1, (double)INFINITY, NULL }, "0",
			"Invalid value 0 for configuration k: Value must be at least 1" },
		{ CONFIG_INT, { LIMIT_RANGE, 1, 17, NULL }, "018",
			"Invalid value 18 for configuration k: Value must be no more than 17" },
		{ CONFIG_DOUBLE, { LIMIT_RANGE, 0, 0.5, NULL }, "0.75",
			"Invalid value 0.75 for configuration k: Value must be no more than 0.5" },
		{ CONFIG_INT, { LIMIT_RANGE, 1, (double)INFINITY, NULL }, NULL,
			"Invalid value null for configuration k: Value must be non-null" },
		{ CONFIG_STRING, { LIMIT_NAMES, 0, 0, "ab, c" }, "a",
			"Invalid value a for configuration k: String must be one of: ab, c" },
		{ CONFIG_STRING, { LIMIT_NAMES_FOLD, 0, 0, "AB, C" }, "d",
			"Invalid value d for configuration k: String must be one of (case insensitive): AB, "
			"C" },
		{ CONFIG_STRING, { LIMIT_NOT_EMPTY, 0, 0, NULL }, " ",
			"Invalid value  for configuration k: String must be non-empty" },
		{ CONFIG_STRING, { LIMIT_NOT_NULL, 0, 0, NULL }, NULL,
			"Invalid value null for configuration k: entry must be non null" },
		{ CONFIG_INT, { LIMIT_POOL_SIZE, 0, 0, NULL }, "0",
			"Invalid value 0 for configuration k: Value can be -1 or greater than 0" },
		{ CONFIG_STRING, { LIMIT_IBP, 0, 0, NULL }, "9.9",
			"Invalid value 9.9 for configuration k: Version 9.9 is not a valid version" },
		{ CONFIG_LONG, { LIMIT_NONE, 0, 0, NULL }, " x",
			"Invalid value  x for configuration k: Not a number of type LONG" },
	};
	struct arena a;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < countof(rows); i++) {
		struct config_value v;
		char why[LIMIT_WHY_BYTES] = "";
		CU_ASSERT_EQUAL(config_value_parse(&a, "k", rows[i].type, &rows[i].limit, rows[i].text, &v,
					why),
			-1);
		same_text(rows[i].text ? rows[i].text : "null", why, rows[i].why);
	}
	arena_free(&a);
}

static void takes_what_fits(void)
{
	static const struct {
		enum config_type type;
		struct config_limit limit;
		const char *text;
	} rows[] = {
		{ CONFIG_STRING, { LIMIT_NAMES, 0, 0, "ab, c" }, "c" },
		{ CONFIG_STRING, { LIMIT_NAMES_FOLD, 0, 0, "AB, C" }, "aB" },
		{ CONFIG_LIST, { LIMIT_LIST_NAMES, 0, 0, "ab, c" }, "c, ab" },
		{ CONFIG_LIST, { LIMIT_LIST_NAMES, 0, 0, "ab, c" }, "" },
		{ CONFIG_INT, { LIMIT_GZIP_LEVEL, 0, 0, NULL }, "-1" },
		{ CONFIG_INT, { LIMIT_GZIP_LEVEL, 0, 0, NULL }, "9" },
		{ CONFIG_LIST, { LIMIT_REPLICAS, 0, 0, NULL }, "0:1, 2:30" },
		{ CONFIG_LIST, { LIMIT_REPLICAS, 0, 0, NULL }, "*" },
		{ CONFIG_DOUBLE, { LIMIT_RANGE, 0, 1, NULL }, "NaN" }, /* Java compares, and NaN is never less
									*/
		{ CONFIG_STRING, { LIMIT_NOT_EMPTY, 0, 0, NULL }, NULL },
	};
	struct arena a;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < countof(rows); i++) {
		struct config_value v;
		char why[LIMIT_WHY_BYTES];
		CU_ASSERT_EQUAL(config_value_parse(&a, "k", rows[i].type, &rows[i].limit, rows[i].text, &v,
					why),
			0);
	}
	arena_free(&a);
}

/* A peer's value may be as large as its request: the sentence is cut, and a full arena is an error. */
static void bounds_what_a_peer_sends(void)
{
	enum { LONG = 100000 };
	static const struct config_limit replicas = { LIMIT_REPLICAS, 0, 0, NULL };
	char *text = mem_alloc(LONG + 1), why[LIMIT_WHY_BYTES];
	struct config_value v;
	struct arena a;
	memset(text, ',', LONG);
	memcpy(text, "bad", 3);
	text[LONG] = '\0';
	arena_init(&a, 8 << 20);
	CU_ASSERT_EQUAL(config_value_parse(&a, "k", CONFIG_LIST, &replicas, text, &v, why), -1);
	CU_ASSERT_EQUAL(strncmp(why, "Invalid value [bad, , ", 22), 0);
	arena_free(&a);
	arena_init(&a, 1 << 10);
	CU_ASSERT_EQUAL(config_value_parse(&a, "k", CONFIG_LIST, &replicas, text, &v, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "The value of configuration k is too large");
	arena_free(&a);
	free(text);
}

static const struct ut_case cases[] = {
	UT(doubles_are_java_s),
	UT(parses_each_type),
	UT(says_kafka_s_words),
	UT(takes_what_fits),
	UT(bounds_what_a_peer_sends),
};

int main(void)
{
	return ut_run("limit", cases, countof(cases));
}
