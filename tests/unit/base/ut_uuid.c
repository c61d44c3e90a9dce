/* ut_uuid.c - uuids as text; the pairs are Kafka's (org.apache.kafka.common.Uuid). */
#include "broker/base/uuid.h"

#include "tests/unit/ut.h"

#include <errno.h>

static void text_and_back(void)
{
	static const char *const texts[] = { "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ",
		"xUEhswcFSJWAFt7WIanqHw", "I_cm8zq_QPSJMIIzdOwH3g", "Hz1H7NQ_RB-DSKj1fjRKbw",
		"_____________________w" };
	for (size_t i = 0; i < countof(texts); i++) {
		struct uuid u;
		CU_ASSERT_EQUAL(uuid_parse(&u, slice_str(texts[i])), 0);
		CU_ASSERT_STRING_EQUAL(uuid_format(&u).s, texts[i]);
	}
	struct uuid one = { .b = { [15] = 1 } };
	CU_ASSERT_STRING_EQUAL(uuid_format(&one).s, "AAAAAAAAAAAAAAAAAAAAAQ");
}

static void padding_is_taken(void)
{
	struct uuid padded, plain;
	CU_ASSERT_EQUAL(uuid_parse(&padded, SLICE_LIT("xUEhswcFSJWAFt7WIanqHw==")), 0);
	CU_ASSERT_EQUAL(uuid_parse(&plain, SLICE_LIT("xUEhswcFSJWAFt7WIanqHw")), 0);
	CU_ASSERT_TRUE(uuid_eq(&padded, &plain));
}

static void nonsense_is_refused(void)
{
	static const char *const texts[] = { "", "xUEhswcFSJWAFt7WIanqH", "xUEhswcFSJWAFt7WIanqHwA",
		"xUEhswcFSJWAFt7WIanqH+", "xUEhswcFSJWAFt7WIanqH=", "xUEhswcFSJ AFt7WIanqHw",
		"xUEhswcFSJWAFt7WIanqHw=", "xUEhswcFSJWAFt7WIanqHwAA" };
	for (size_t i = 0; i < countof(texts); i++) {
		struct uuid u;
		CU_ASSERT_EQUAL(uuid_parse(&u, slice_str(texts[i])), -EINVAL);
	}
	struct uuid u;
	CU_ASSERT_EQUAL(uuid_parse(&u, SLICE_NULL), -EINVAL);
	CU_ASSERT_EQUAL(uuid_parse(&u, slice_of("xUEhswcFSJ\0AFt7WIanqHw", 22)), -EINVAL);
}

static void random_ones_are_version_4_and_never_look_like_an_option(void)
{
	uint8_t bytes[16];
	struct uuid u;
	memset(bytes, 0xff, sizeof bytes);
	CU_ASSERT_TRUE(uuid_from_random(&u, bytes));
	CU_ASSERT_EQUAL(u.b[6], 0x4f);
	CU_ASSERT_EQUAL(u.b[8], 0xbf);
	bytes[0] = 0xf8; /* 111110: '-' */
	CU_ASSERT_FALSE(uuid_from_random(&u, bytes));
	memset(bytes, 0, sizeof bytes);
	CU_ASSERT_TRUE(uuid_from_random(&u, bytes));
	CU_ASSERT_FALSE(uuid_is_zero(&u));
}

static const struct ut_case cases[] = {
	UT(text_and_back),
	UT(padding_is_taken),
	UT(nonsense_is_refused),
	UT(random_ones_are_version_4_and_never_look_like_an_option),
};

int main(void)
{
	return ut_run("uuid", cases, countof(cases));
}
