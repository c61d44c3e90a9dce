/* arena.h - memory that lives as long as one request and is freed at once.
 *
 * Bump allocation in blocks, capped: past the cap arena_alloc() returns NULL and the arena remembers it
 * (arena_overflowed), so that a decoder checks once. Under AddressSanitizer each allocation is a malloc of
 * its own, so that an overrun is seen. Not shared between cores at one time.
 */
#ifndef SAMSA_BASE_ARENA_H
#define SAMSA_BASE_ARENA_H

#include "broker/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARENA_BLOCK_BYTES = 4096 };

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;                /* bytes handed out */
	size_t cap;                 /* most bytes it hands out */
	bool overflowed;
};

void arena_init(struct arena *a, size_t cap);
/* Zeroed, aligned to 16; NULL past the cap. */
void *arena_alloc(struct arena *a, size_t n);
/* `count` elements of `size` bytes; NULL on overflow of the product or of the arena. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A zero-terminated copy; NULL past the cap or when `s` is null. */
char *arena_strdup(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees everything handed out; keeps one block for the next user. */
void arena_reset(struct arena *a);
/* Frees the arena's last block too. */
void arena_free(struct arena *a);

static inline bool arena_overflowed(const struct arena *a)
{
	return a->overflowed;
}

#endif
