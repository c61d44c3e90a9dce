/* hash.h - SipHash-1-3: a hash whose collisions a peer cannot aim at, as long as it does not know the seed.
 * For tables keyed by bytes that peers choose (names, client ids). Source: Aumasson and Bernstein, SipHash.
 */
#ifndef SAMSA_BASE_HASH_H
#define SAMSA_BASE_HASH_H

#include "broker/base/must.h"

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
	uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_seed *seed, const void *p, size_t n);

/* SipHash-2-4 of 128 bits: where two keys with one hash would be taken for the same key. */
struct hash_wide {
	uint64_t low, high;
};
struct hash_wide hash_bytes_wide(const struct hash_seed *seed, const void *p, size_t n);

/* uthash with a hash of ours: HASH_FIND_BYHASHVALUE and friends take hash_key()'s result. Out of memory is a
 * panic with a report, not exit(). */
#define uthash_fatal(why) must_not_reach(why)
/* For keys that no peer chooses (HASH_FIND_INT). uthash's own choice has a switch that falls through
 * unsaid. */
#define HASH_FUNCTION(key, n, hash) HASH_FNV(key, n, hash)
#include <uthash.h>

static inline unsigned hash_key(const struct hash_seed *seed, const void *p, size_t n)
{
	return (unsigned)hash_bytes(seed, p, n);
}

#endif
