/* ut_hash.c - the wide hash against the vectors of its authors (vectors_128 of SipHash-2-4). */
#include "broker/base/hash.h"
#include "tests/unit/ut.h"

#include <string.h>

static void wide_vectors(void)
{
	/* Key 00 01 .. 0f; of the bytes 00 01 .. as many as the place says. */
	static const struct {
		size_t n;
		uint8_t hash[16];
	} vectors[] = {
		{ 0, { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
			0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 } },
		{ 1, { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
			0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 } },
		{ 8, { 0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61,
			0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97, 0xb4 } },
		{ 15, { 0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11,
			0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3, 0xd9 } },
	};
	struct hash_seed seed = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	uint8_t bytes[32], found[16];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < countof(vectors); i++) {
		struct hash_wide wide = hash_bytes_wide(&seed, bytes, vectors[i].n);
		for (int k = 0; k < 8; k++) {
			found[k] = (uint8_t)(wide.low >> (8 * k));
			found[k + 8] = (uint8_t)(wide.high >> (8 * k));
		}
		CU_ASSERT_EQUAL(memcmp(found, vectors[i].hash, sizeof found), 0);
	}
}

static void seeds_differ(void)
{
	struct hash_seed one = { 1, 2 }, other = { 1, 3 };
	struct hash_wide a = hash_bytes_wide(&one, "key", 3), b = hash_bytes_wide(&other, "key", 3);
	CU_ASSERT(a.low != b.low && a.high != b.high);
	CU_ASSERT(hash_bytes(&one, "key", 3) != hash_bytes(&other, "key", 3));
}

static const struct ut_case cases[] = { UT(wide_vectors), UT(seeds_differ) };

int main(void)
{
	return ut_run("base/hash", cases, countof(cases));
}
