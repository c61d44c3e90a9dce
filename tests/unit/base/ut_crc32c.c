/* ut_crc32c.c - the checksums against published check values, and ISA-L against zlib and against itself in
 * pieces. */
#include "broker/base/crc32c.h"

#include "tests/unit/ut.h"

#include <string.h>
#include <zlib.h>

static void fill(uint8_t *p, size_t n)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

/* RFC 3720, B.4, and the check value "123456789" of the catalogue of CRCs. */
static void published_values(void)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	memset(ones, 0xff, sizeof ones);
	for (size_t i = 0; i < sizeof up; i++)
		up[i] = (uint8_t)i;
	CU_ASSERT_EQUAL(crc32c("123456789", 9), 0xe3069283u);
	CU_ASSERT_EQUAL(crc32c(zeros, sizeof zeros), 0x8a9136aau);
	CU_ASSERT_EQUAL(crc32c(ones, sizeof ones), 0x62a8ab43u);
	CU_ASSERT_EQUAL(crc32c(up, sizeof up), 0x46dd794eu);
	CU_ASSERT_EQUAL(crc32_zlib("123456789", 9), 0xcbf43926u);
}

static void nothing_has_the_crc_0(void)
{
	CU_ASSERT_EQUAL(crc32c(NULL, 0), 0);
	CU_ASSERT_EQUAL(crc32_zlib(NULL, 0), 0);
	CU_ASSERT_EQUAL(crc32c_more(0x1234u, NULL, 0), 0x1234u);
}

static void pieces_are_as_the_whole(void)
{
	uint8_t bytes[1000];

	fill(bytes, sizeof bytes);
	uint32_t whole = crc32c(bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut += 37)
		CU_ASSERT_EQUAL(crc32c_more(crc32c(bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}

/* Every length and alignment that the wide paths treat apart. */
static void agrees_with_zlib(void)
{
	uint8_t bytes[600];

	fill(bytes, sizeof bytes);
	for (size_t from = 0; from < 16; from++)
		for (size_t n = 0; n < 550; n++)
			CU_ASSERT_EQUAL(crc32_zlib(bytes + from, n),
				(uint32_t)crc32(0, bytes + from, (uInt)n));
}

static const struct ut_case cases[] = {
	UT(published_values),
	UT(nothing_has_the_crc_0),
	UT(pieces_are_as_the_whole),
	UT(agrees_with_zlib),
};

int main(void)
{
	return ut_run("crc32c", cases, countof(cases));
}
