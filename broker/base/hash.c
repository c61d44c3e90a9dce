/* hash.c - see hash.h. */
#include "broker/base/hash.h"

#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static struct sip sip_begin(const struct hash_seed *seed)
{
	return (struct sip){ seed->k0 ^ 0x736f6d6570736575u, seed->k1 ^ 0x646f72616e646f6du,
			     seed->k0 ^ 0x6c7967656e657261u, seed->k1 ^ 0x7465646279746573u };
}

/* The last word: what is left of the bytes, and how many they were. */
static uint64_t last_word(const unsigned char *bytes, size_t n)
{
	uint64_t last = (uint64_t)n << 56;
	for (size_t i = 0; i < n % 8; i++)
		last |= (uint64_t)bytes[(n & ~(size_t)7) + i] << (8 * i);
	return last;
}

uint64_t hash_bytes(const struct hash_seed *seed, const void *p, size_t n)
{
	struct sip s = sip_begin(seed);
	const unsigned char *bytes = p;
	uint64_t word;
	for (size_t i = 0; i + 8 <= n; i += 8) {
		memcpy(&word, bytes + i, 8);
		sip_word(&s, word);
	}
	sip_word(&s, last_word(bytes, n));
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* Two rounds for each word, four at each end. */
static inline void sip_word_twice(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static uint64_t sip_half(struct sip *s)
{
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct hash_wide hash_bytes_wide(const struct hash_seed *seed, const void *p, size_t n)
{
	struct sip s = sip_begin(seed);
	struct hash_wide wide;
	const unsigned char *bytes = p;
	uint64_t word;
	s.v1 ^= 0xee;
	for (size_t i = 0; i + 8 <= n; i += 8) {
		memcpy(&word, bytes + i, 8);
		sip_word_twice(&s, word);
	}
	sip_word_twice(&s, last_word(bytes, n));
	s.v2 ^= 0xee;
	wide.low = sip_half(&s);
	s.v1 ^= 0xdd;
	wide.high = sip_half(&s);
	return wide;
}
