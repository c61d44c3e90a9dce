/* ut_options.c - the command line. */
#include "broker/config/options.h"
#include "tests/unit/ut.h"

enum { ARGS_MAX = 8 };

static enum options_verdict parse(struct options *o, int n, const char *const *words)
{
	char *argv[ARGS_MAX + 2] = { (char[]){ "samsa-broker" } };
	must(n <= ARGS_MAX);
	for (int i = 0; i < n; i++)
		argv[i + 1] = (char *)words[i]; /* argp moves the pointers and leaves the words alone */
	return options_parse(n + 1, argv, o);
}

static void understands(void)
{
	struct options o;
	CU_ASSERT_EQUAL(parse(&o, 1, (const char *[]){ "f" }), OPTIONS_RUN);
	CU_ASSERT_STRING_EQUAL(o.file, "f");
	CU_ASSERT_EQUAL(parse(&o, 4, (const char *[]){ "f", "--override", "a=1", "--override=b=2" }),
		OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.n_overrides, 2);
	CU_ASSERT_STRING_EQUAL(o.overrides[0], "a=1");
	CU_ASSERT_STRING_EQUAL(o.overrides[1], "b=2");
	CU_ASSERT_EQUAL(parse(&o, 2, (const char *[]){ "--check-config", "f" }), OPTIONS_CHECK);
	CU_ASSERT_EQUAL(parse(&o, 1, (const char *[]){ "--version" }), OPTIONS_DONE);
	CU_ASSERT_EQUAL(parse(&o, 1, (const char *[]){ "--help" }), OPTIONS_DONE);
	CU_ASSERT_EQUAL(parse(&o, 2, (const char *[]){ "--usage", "--nope" }), OPTIONS_DONE);
}

static void refuses(void)
{
	struct options o;
	CU_ASSERT_EQUAL(parse(&o, 0, NULL), OPTIONS_WRONG);
	CU_ASSERT_EQUAL(parse(&o, 2, (const char *[]){ "f", "g" }), OPTIONS_WRONG);
	CU_ASSERT_EQUAL(parse(&o, 2, (const char *[]){ "f", "--nope" }), OPTIONS_WRONG);
	CU_ASSERT_EQUAL(parse(&o, 2, (const char *[]){ "f", "--override" }), OPTIONS_WRONG);
}

/* What --check-config prints, in `text`. */
static int report(const char *properties, char *text, size_t n)
{
	struct config_source source = { "f", slice_str(properties), NULL };
	struct options o = { .file = "f" };
	struct problems problems;
	problems_init(&problems);
	struct config *c = config_load(&source, NULL, 0, &problems);
	FILE *out = fmemopen(text, n, "w");
	int status = options_report(out, &o, c, &problems);
	fclose(out);
	config_free(c);
	problems_free(&problems);
	return status;
}

static void reports(void)
{
	char text[2048];
	CU_ASSERT_EQUAL(report("zookeeper.connect=z\nnum.io.threads=4\nx=1\n", text, sizeof text), 0);
	CU_ASSERT_STRING_EQUAL(text,
		"warning: f:3: x is not known and has no effect\n"
		"set, and without effect here:\n"
		"  num.io.threads: there are no pools of threads here; num.cores says how many cores serve\n"
		"f: ok\n");
	CU_ASSERT_EQUAL(report("num.io.threads=x\n", text, sizeof text), 1);
	CU_ASSERT_STRING_EQUAL(text,
		"error:   f:1: Invalid value x for configuration num.io.threads: Not a number of "
		"type INT; allowed: INT [1,...], default 8\nf: 1 error\n");
}

static const struct ut_case cases[] = { UT(understands), UT(refuses), UT(reports) };

int main(void)
{
	return ut_run("options", cases, countof(cases));
}
