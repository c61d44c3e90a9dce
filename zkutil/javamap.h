/* javamap.h - in what order Java and Scala write out a map, so that our JSON is theirs byte for byte. */
#ifndef SAMSA_ZKUTIL_JAVAMAP_H
#define SAMSA_ZKUTIL_JAVAMAP_H

#include <stdint.h>

enum javamap {
	JAVAMAP_SCALA,      /* scala.collection.mutable.HashMap of 2.13: partitions of a topic */
	JAVAMAP_PROPERTIES, /* java.util.Properties: configs; exact up to 11 keys, then nearly */
};

struct javamap_slot {
	const char *key; /* ASCII; what the caller fills in, in the order of insertion */
	unsigned index;  /* the caller's too: what the key belongs to */
	uint32_t bin;
	int32_t hash;
	unsigned order;
};

/* Sorts the slots. */
void javamap_sort(enum javamap kind, struct javamap_slot *slots, unsigned n);

#endif
