/* javamap.h - in what order Java and Scala write out a map, so that our JSON is theirs byte for byte. */
#ifndef SAMSA_ZKUTIL_JAVAMAP_H
#define SAMSA_ZKUTIL_JAVAMAP_H

#include <stddef.h>
#include <stdint.h>

enum javamap {
	JAVAMAP_SCALA,      /* scala.collection.mutable.HashMap and HashSet of 2.13: partitions of a topic */
	JAVAMAP_PROPERTIES, /* java.util.Properties: configs; exact up to 11 keys, then nearly */
};

struct javamap_slot {
	/* ASCII; what the caller fills in, in the order of insertion. NULL: `java_hash` is */
	const char *key;
	unsigned index;  /* the caller's too: what the key belongs to */
	uint32_t java_hash; /* hashCode() of a key that is no text */
	uint32_t bin;
	int32_t hash;
	unsigned order;
};

/* java.lang.String.hashCode() of `n` ASCII bytes. */
uint32_t javamap_hash(const void *key, size_t n);
/* Sorts the slots. */
void javamap_sort(enum javamap kind, struct javamap_slot *slots, unsigned n);

#endif
