/* slice.h - borrowed bytes. p == NULL is null, which is not the same as empty (p != NULL, n == 0). */
#ifndef SAMSA_BASE_SLICE_H
#define SAMSA_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	uint32_t n; /* bytes */
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
#define SLICE_LIT(literal) ((struct slice){ (const uint8_t *)(literal), sizeof(literal) - 1 })

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){ (const uint8_t *)p, (uint32_t)n };
}

static inline struct slice slice_str(const char *s)
{
	return s ? slice_of(s, strlen(s)) : SLICE_NULL;
}

static inline bool slice_is_null(struct slice s)
{
	return s.p == NULL;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.p == NULL) == (b.p == NULL) && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* By bytes, and a prefix before what it begins: below, at or above 0. */
static inline int slice_compare(struct slice a, struct slice b)
{
	uint32_t common = a.n < b.n ? a.n : b.n;
	int order = common ? memcmp(a.p, b.p, common) : 0;
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_is(struct slice a, const char *s)
{
	return a.p != NULL && a.n == strlen(s) && memcmp(a.p, s, a.n) == 0;
}

/* For printf's "%.*s". */
#define SLICE_ARGS(s) (int)(s).n, (const char *)((s).p ? (s).p : (const uint8_t *)"")

#endif
