/* ip_table.c - see ip_table_priv.h. */
#include "broker/net/ip_table_priv.h"

#include "broker/base/must.h"

#include <string.h>

/* Addresses are chosen by peers, so the hash has a key: nobody can aim at one bucket. `table_key` is a local
 * of every function that uses the table. */
#define HASH_FUNCTION(bytes, n, hash) ((hash) = hash_bytes((bytes), (n), table_key))
#define uthash_fatal(message) must_not_reach(message)
#include <uthash.h>

enum { IP_TABLE_MAGIC = 0x1bad0e5c, IP_COUNT_MAGIC = 0x1bc027ed };

struct ip_key {
	uint8_t raw[16];
	uint64_t len;
};

struct ip_count {
	unsigned magic;
	int64_t n;
	struct ip_key key;
	UT_hash_handle hh;
};

struct ip_table {
	unsigned magic;
	uint64_t key[2];
	struct ip_count *all;
};

/* Multiply and fold, 8 bytes at a time; a key's length is a multiple of 8. */
static unsigned hash_bytes(const void *bytes, size_t n, const uint64_t key[2])
{
	uint64_t h = key[0];
	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, (const uint8_t *)bytes + i, sizeof word);
		unsigned __int128 m = (unsigned __int128)(h ^ word) * (key[1] | 1);
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	return (unsigned)(h ^ (h >> 32));
}

struct ip_table *ip_table_new(void)
{
	struct ip_table *t;
	ALLOC_OBJ(t, IP_TABLE_MAGIC);
	sys_random(t->key, sizeof t->key);
	return t;
}

void ip_table_free(struct ip_table *t)
{
	CHECK_OBJ_NOTNULL(t, IP_TABLE_MAGIC);
	must(t->all == NULL);
	FREE_OBJ(t);
}

struct ip_count *ip_table_add(struct ip_table *t, const struct sys_addr *addr, int64_t max)
{
	CHECK_OBJ_NOTNULL(t, IP_TABLE_MAGIC);
	must(addr->len <= sizeof addr->raw);
	const uint64_t *table_key = t->key;
	struct ip_key key = { .len = addr->len };
	struct ip_count *c;
	memcpy(key.raw, addr->raw, addr->len);
	HASH_FIND(hh, t->all, &key, sizeof key, c);
	if (max >= 0 && (c ? c->n : 0) >= max)
		return NULL;
	if (!c) {
		ALLOC_OBJ(c, IP_COUNT_MAGIC);
		c->key = key;
		HASH_ADD(hh, t->all, key, sizeof key, c);
	}
	c->n++;
	return c;
}

void ip_table_remove(struct ip_table *t, struct ip_count *c)
{
	CHECK_OBJ_NOTNULL(t, IP_TABLE_MAGIC);
	CHECK_OBJ_NOTNULL(c, IP_COUNT_MAGIC);
	must(c->n > 0);
	if (--c->n > 0)
		return;
	HASH_DELETE(hh, t->all, c);
	FREE_OBJ(c);
}
