/* key_map.c - see key_map.h. Open addressing, one slot after the other. */
#include "broker/storage/key_map.h"

#include "broker/base/hash.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"

struct slot {
	struct hash_wide hash;
	int64_t after; /* the offset + 1; 0: a free slot */
};

struct key_map {
	unsigned magic;
#define KEY_MAP_MAGIC 0x6b65794dU
	struct hash_seed seed;
	size_t n_slots, keys_max, count;
	struct slot slots[];
};

struct key_map *key_map_new(size_t bytes, double load, uint64_t keys_max)
{
	_Static_assert(sizeof(struct slot) == KEY_MAP_ENTRY_BYTES, "what fits is part of the contract");
	must(load > 0);
	size_t n = min_of(bytes, (size_t)KEY_MAP_BYTES_MAX) / sizeof(struct slot);
	load = min_of(load, 1.0);
	if ((double)n * load <= 1)
		return NULL;
	if ((double)keys_max < (double)n * load)
		n = (size_t)((double)keys_max / load) + 1;
	/* Zeros from the kernel: pages that no key falls into are never there. */
	struct key_map *m = calloc(1, sizeof *m + n * sizeof *m->slots);
	if (!m)
		return NULL;
	m->magic = KEY_MAP_MAGIC;
	m->n_slots = n;
	m->keys_max = min_of((size_t)((double)n * load), (size_t)min_of(keys_max, (uint64_t)n));
	sys_random(&m->seed, sizeof m->seed);
	return m;
}

void key_map_free(struct key_map **m_p)
{
	struct key_map *m;
	TAKE_OBJ_NOTNULL(m, m_p, KEY_MAP_MAGIC);
	FREE_OBJ(m);
}

/* The slot of this hash, or the free one where it would be; NULL: there is neither. */
static struct slot *find(const struct key_map *m, const struct hash_wide *hash)
{
	size_t at = (size_t)(((unsigned __int128)hash->low * m->n_slots) >> 64);
	for (size_t i = 0; i < m->n_slots; i++) {
		const struct slot *s = &m->slots[at];
		if (s->after == 0 || (s->hash.low == hash->low && s->hash.high == hash->high))
			return (struct slot *)(uintptr_t)s;
		at = at + 1 == m->n_slots ? 0 : at + 1;
	}
	return NULL;
}

bool key_map_put(struct key_map *m, struct slice key, int64_t offset)
{
	CHECK_OBJ_NOTNULL(m, KEY_MAP_MAGIC);
	must(offset >= 0);
	/* As in Kafka a full map takes no record at all, not even one of a key that it knows. */
	if (m->count >= m->keys_max)
		return false;
	struct hash_wide hash = hash_bytes_wide(&m->seed, key.p, key.n);
	struct slot *s = find(m, &hash);
	must(s != NULL);
	m->count += s->after == 0;
	*s = (struct slot){ hash, offset + 1 };
	return true;
}

int64_t key_map_get(const struct key_map *m, struct slice key)
{
	CHECK_OBJ_NOTNULL(m, KEY_MAP_MAGIC);
	struct hash_wide hash = hash_bytes_wide(&m->seed, key.p, key.n);
	const struct slot *s = find(m, &hash);
	return s ? s->after - 1 : -1;
}

size_t key_map_count(const struct key_map *m)
{
	CHECK_OBJ_NOTNULL(m, KEY_MAP_MAGIC);
	return m->count;
}

double key_map_fill(const struct key_map *m)
{
	CHECK_OBJ_NOTNULL(m, KEY_MAP_MAGIC);
	return (double)m->count / (double)m->n_slots;
}
