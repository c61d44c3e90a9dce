/* order.h - sorting arrays and looking things up in them. Unlike qsort() and bsearch() these take an array of
 * nothing, whose address may be null.
 */
#ifndef SAMSA_BASE_ORDER_H
#define SAMSA_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Below, at or above 0, as `a` is below, at or above `b`. */
typedef int order_compare(const void *a, const void *b);

/* order_compare's answer for two numbers. */
static inline int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Equal elements come in any order. */
void order_sort(void *v, size_t n, size_t size, order_compare *compare);
/* In what is sorted; the key is compare's first argument. NULL: there is none. */
void *order_find(const void *key, const void *v, size_t n, size_t size, order_compare *compare);

#endif
