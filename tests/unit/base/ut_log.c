/* ut_log.c - a peer's bytes made fit for a line, and lines that a peer can cause. */
#include "broker/base/log.h"

#include "tests/unit/ut.h"

static void plain_text_stays(void)
{
	CU_ASSERT_STRING_EQUAL(log_safe(SLICE_LIT("my-topic_1.x")).s, "my-topic_1.x");
	CU_ASSERT_STRING_EQUAL(log_safe(SLICE_LIT("тема")).s, "тема");
	CU_ASSERT_STRING_EQUAL(log_safe(slice_of("", 0)).s, "");
	CU_ASSERT_STRING_EQUAL(log_safe(SLICE_NULL).s, "null");
}

static void control_bytes_are_escaped(void)
{
	CU_ASSERT_STRING_EQUAL(log_safe(SLICE_LIT("a\nb\x1b[1m\x7f\0z")).s,
		"a\\x0ab\\x1b[1m\\x7f\\x00z");
	CU_ASSERT_STRING_EQUAL(log_safe(SLICE_LIT("\\n")).s, "\\x5cn");
}

/* However it is made, it is cut, says so, and ends. */
static void long_text_is_cut(void)
{
	for (uint32_t n = LOG_SAFE_BYTES - 8; n < LOG_SAFE_BYTES + 8; n++)
		for (int c = '\n'; c <= 'x'; c += 'x' - '\n') {
			uint8_t bytes[LOG_SAFE_BYTES + 8];
			memset(bytes, c, n);
			struct log_text t = log_safe(slice_of(bytes, n));
			size_t length = strlen(t.s);
			bool whole = length == (c == 'x' ? n : 4 * n);
			CU_ASSERT_TRUE(length < sizeof t.s);
			CU_ASSERT_TRUE(whole || strcmp(t.s + length - 3, "...") == 0);
		}
}

static void one_line_each_while(void)
{
	struct log_limit l = { 0 };

	CU_ASSERT_TRUE(log_limited(&l, 1000, 500));
	CU_ASSERT_FALSE(log_limited(&l, 1499, 500));
	CU_ASSERT_EQUAL(l.dropped, 1);
	CU_ASSERT_TRUE(log_limited(&l, 1500, 500));
}

static void level_names(void)
{
	CU_ASSERT_STRING_EQUAL(log_level_name(LOG_TRACE), "TRACE");
	CU_ASSERT_STRING_EQUAL(log_level_name(LOG_FATAL), "FATAL");
}

static const struct ut_case cases[] = {
	UT(plain_text_stays),
	UT(control_bytes_are_escaped),
	UT(long_text_is_cut),
	UT(one_line_each_while),
	UT(level_names),
};

int main(void)
{
	return ut_run("log", cases, countof(cases));
}
