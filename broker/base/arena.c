/* arena.c - see arena.h. */
#include "broker/base/arena.h"

#include "broker/base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_MALLOC_MODE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_MALLOC_MODE 1
#endif
#endif
#ifndef ARENA_MALLOC_MODE
#define ARENA_MALLOC_MODE 0
#endif

enum { ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *older;
	size_t size, used;
	_Alignas(16) unsigned char bytes[];
};

void arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){ .cap = cap };
}

static struct arena_block *block_new(size_t size)
{
	struct arena_block *b = mem_try(sizeof *b + size);
	if (b)
		*b = (struct arena_block){ .size = size };
	return b;
}

/* The block to allocate `n` bytes from: the newest if it has room, else a new one. */
static struct arena_block *block_for(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	if (b && !ARENA_MALLOC_MODE && b->size - b->used >= n)
		return b;
	b = block_new(ARENA_MALLOC_MODE ? n : max_of(n, (size_t)ARENA_BLOCK_BYTES));
	if (b) {
		b->older = a->blocks;
		a->blocks = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t size = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size < n || size > a->cap - a->used) {
		a->overflowed = true;
		return NULL;
	}
	struct arena_block *b = block_for(a, ARENA_MALLOC_MODE ? max_of(n, (size_t)1) : size);
	if (!b) {
		a->overflowed = true;
		return NULL;
	}
	void *p = b->bytes + b->used;
	b->used += ARENA_MALLOC_MODE ? b->size : size;
	a->used += size;
	return memset(p, 0, n);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n)) {
		a->overflowed = true;
		return NULL;
	}
	return arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, struct slice s)
{
	char *copy = s.p ? arena_alloc(a, (size_t)s.n + 1) : NULL;
	if (copy && s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	must(n >= 0);
	char *s = arena_alloc(a, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(args, format);
	vsnprintf(s, (size_t)n + 1, format, args);
	va_end(args);
	return s;
}

static void free_blocks(struct arena_block *b)
{
	while (b) {
		struct arena_block *older = b->older;
		free(b);
		b = older;
	}
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL, *b = a->blocks;
	while (b) {
		struct arena_block *older = b->older;
		if (!older && !ARENA_MALLOC_MODE && b->size == ARENA_BLOCK_BYTES) {
			b->used = 0;
			keep = b;
		} else {
			free(b);
		}
		b = older;
	}
	a->blocks = keep;
	a->used = 0;
	a->overflowed = false;
}

void arena_free(struct arena *a)
{
	free_blocks(a->blocks);
	a->blocks = NULL;
	a->used = 0;
}
