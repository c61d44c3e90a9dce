/* ut_args.c - what a command line says: Kafka's spelling of options, and its checks. */
#include "tools/args.h"
#include "tests/unit/ut.h"

enum { TOPIC, LIST, PARTITIONS, CONFIG, STATE, OFFSET };

static const struct opt options[] = {
	[TOPIC] = { .name = "topic", .kind = OPT_TEXT, .letter = 't' },
	[LIST] = { .name = "list", .kind = OPT_FLAG },
	[PARTITIONS] = { .name = "partitions", .kind = OPT_INT, .fallback = "7" },
	[CONFIG] = { .name = "config", .kind = OPT_TEXTS },
	[STATE] = { .name = "state", .kind = OPT_TEXT, .may_lack_value = true },
	[OFFSET] = { .name = "to-offset", .kind = OPT_LONG },
};

enum { WORDS_MAX = 16 };

/* Parses words that are parted by blanks. */
struct line {
	char text[200];
	char *words[WORDS_MAX];
	struct args args;
};

static struct args *parse(struct line *l, const char *text, const char *const *verbs)
{
	int n = 0;
	snprintf(l->text, sizeof l->text, "%s", text);
	for (char *rest = NULL, *w = strtok_r(l->text, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		l->words[n++] = w;
	args_parse(&l->args, options, countof(options), verbs, n, l->words);
	return &l->args;
}

static void refused(const char *text, const char *words)
{
	struct line l;
	struct args *a = parse(&l, text, NULL);
	args_check_values(a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a->refused);
	CU_ASSERT_STRING_EQUAL(a->refused, words);
	args_free(a);
}

static void spellings(void)
{
	static const char *const same[] = { "--topic a --list", "--topic=a --list", "-topic a -list",
		"-t a --list", "-topic=a x --list y" };
	for (size_t i = 0; i < countof(same); i++) {
		struct line l;
		struct args *a = parse(&l, same[i], NULL);
		CU_ASSERT_PTR_NULL(a->refused);
		CU_ASSERT_STRING_EQUAL(args_text(a, TOPIC), "a");
		CU_ASSERT_TRUE(args_has(a, LIST));
		CU_ASSERT_FALSE(args_has(a, CONFIG));
		args_free(a);
	}
}

static void values(void)
{
	struct line l;
	struct args *a = parse(
		&l, "--config a=b --topic --list --config c --to-offset -3 --topic= --state", NULL);
	CU_ASSERT_STRING_EQUAL(args_nth(a, CONFIG, 0), "a=b");
	CU_ASSERT_STRING_EQUAL(args_nth(a, CONFIG, 1), "c");
	CU_ASSERT_PTR_NULL(args_nth(a, CONFIG, 2));
	CU_ASSERT_STRING_EQUAL(args_text(a, TOPIC), "--list"); /* a value is the next word, whatever it is */
	CU_ASSERT_FALSE(args_has(a, LIST));
	CU_ASSERT_EQUAL(args_int(a, OFFSET), -3);
	CU_ASSERT_EQUAL(args_int(a, PARTITIONS), 7);
	CU_ASSERT_TRUE(args_has(a, STATE));
	CU_ASSERT_PTR_NULL(args_text(a, STATE));
	args_free(a);
	a = parse(&l, "--state --list --state=x -- --topic b", NULL);
	CU_ASSERT_TRUE(args_has(a, LIST));
	CU_ASSERT_PTR_NULL(args_nth(a, STATE, 0));
	CU_ASSERT_STRING_EQUAL(args_nth(a, STATE, 1), "x");
	CU_ASSERT_EQUAL(a->n_operands, 2);
	CU_ASSERT_FALSE(args_has(a, TOPIC));
	args_free(a);
}

static void refusals(void)
{
	refused("--nosuch", "nosuch is not a recognized option");
	refused("--nosuch=3", "nosuch is not a recognized option");
	refused("--top a", "top is not a recognized option"); /* Kafka's commands know no abbreviations */
	refused("--list --topic", "Option topic requires an argument");
	refused("--partitions x", "Cannot parse argument 'x' of option partitions");
	refused("--partitions 3000000000", "Cannot parse argument '3000000000' of option partitions");
	refused("--topic a --topic b",
		"Found multiple arguments for option topic, but you asked for only one");
}

static void checks(void)
{
	struct line l;
	struct args *a = parse(&l, "--topic a --list", NULL);
	CU_ASSERT_EQUAL(args_count(a, ARGS_SET(TOPIC) | ARGS_SET(LIST) | ARGS_SET(CONFIG)), 2);
	args_require(a, TOPIC);
	args_exclude(a, CONFIG, ARGS_SET(LIST));
	CU_ASSERT_PTR_NULL(a->refused);
	args_exclude(a, TOPIC, ARGS_SET(CONFIG) | ARGS_SET(LIST));
	CU_ASSERT_STRING_EQUAL(a->refused, "Option \"[topic]\" can't be used with option \"[list]\"");
	args_require(a, CONFIG); /* the first one stays */
	CU_ASSERT_STRING_EQUAL(a->refused, "Option \"[topic]\" can't be used with option \"[list]\"");
	args_free(a);
	a = parse(&l, "--list", NULL);
	args_require(a, CONFIG);
	CU_ASSERT_STRING_EQUAL(a->refused, "Missing required argument \"[config]\"");
	args_free(a);
}

static void verbs(void)
{
	static const char *const known[] = { "describe", "upgrade", NULL };
	struct line l;
	struct args *a = parse(&l, "--topic a upgrade --list", known);
	CU_ASSERT_STRING_EQUAL(a->verb, "upgrade");
	args_free(a);
	a = parse(&l, "--topic a", known);
	CU_ASSERT_PTR_NULL(a->verb);
	CU_ASSERT_PTR_NULL(a->refused);
	args_free(a);
	a = parse(&l, "downgrade", known);
	CU_ASSERT_STRING_EQUAL(a->refused, "invalid choice: 'downgrade'");
	args_free(a);
}

static const struct ut_case cases[] = { UT(spellings), UT(values), UT(refusals), UT(checks), UT(verbs) };

int main(void)
{
	return ut_run("args", cases, countof(cases));
}
