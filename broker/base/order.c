/* order.c - see order.h. */
#include "broker/base/order.h"

#include <stdlib.h>

void order_sort(void *v, size_t n, size_t size, order_compare *compare)
{
	if (n > 1)
		qsort(v, n, size, compare);
}

void *order_find(const void *key, const void *v, size_t n, size_t size, order_compare *compare)
{
	return n > 0 ? bsearch(key, v, n, size, compare) : NULL;
}
