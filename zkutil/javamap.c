/* javamap.c - see javamap.h.
 *
 * Both maps are tables of bins that double when three quarters full, from 16 on, and are walked bin by bin.
 * Inside a bin Scala keeps the keys by hash, Java by insertion (and turns parts of a bin round when the table
 * doubles).
 */
#include "zkutil/javamap.h"

#include "broker/base/order.h"

#include <string.h>

enum { FIRST_TABLE = 16 };

uint32_t javamap_hash(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint32_t h = 0;
	for (size_t i = 0; i < n; i++)
		h = h * 31 + p[i];
	return h;
}

/* The upper half mixed into the lower, as both maps do. */
static uint32_t spread_hash(const struct javamap_slot *slot)
{
	uint32_t h = slot->key ? javamap_hash(slot->key, strlen(slot->key)) : slot->java_hash;
	return h ^ h >> 16;
}

static int compare(const void *a, const void *b)
{
	const struct javamap_slot *x = a, *y = b;
	if (x->bin != y->bin)
		return order_of(x->bin, y->bin);
	if (x->hash != y->hash)
		return order_of(x->hash, y->hash);
	return order_of(x->order, y->order);
}

void javamap_sort(enum javamap kind, struct javamap_slot *slots, unsigned n)
{
	uint64_t table = FIRST_TABLE;
	while (n >= table / 4 * 3)
		table *= 2;
	for (unsigned i = 0; i < n; i++) {
		uint32_t h = spread_hash(&slots[i]);
		slots[i].bin = (uint32_t)(h & (table - 1));
		slots[i].hash = kind == JAVAMAP_SCALA ? (int32_t)h : 0;
		slots[i].order = i;
	}
	order_sort(slots, n, sizeof *slots, compare);
}
