/* key_map.h - the last offset of each key, in a memory that does not grow: what compaction goes by.
 *
 * A key is known by 128 bits of a hash alone, as in Kafka (SkimpyOffsetMap), where they are its MD5: two keys
 * with one hash would be one key, and the older record of the two would be lost. For MD5 a producer can make
 * such keys at will. This hash has a seed that is drawn for each map and told to nobody, so that there is
 * nothing to aim at.
 *
 * Belongs to the cleaning that made it, and so to one thread at a time.
 */
#ifndef SAMSA_STORAGE_KEY_MAP_H
#define SAMSA_STORAGE_KEY_MAP_H

#include "broker/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KEY_MAP_ENTRY_BYTES = 24, /* Kafka's too: as many keys find room */
	KEY_MAP_BYTES_MAX = INT32_MAX, /* of one cleaner's map, as in Kafka */
};

struct key_map;

/* Room for as many keys as `bytes` holds when it is `load` full, but for no more than `keys_max`. NULL: not
 * even one key has room, or no memory. */
struct key_map *key_map_new(size_t bytes, double load, uint64_t keys_max);
void key_map_free(struct key_map **m);

/* The key's last offset so far. False: there is no room for another key. */
bool key_map_put(struct key_map *m, struct slice key, int64_t offset);
/* -1: the key is not there. */
int64_t key_map_get(const struct key_map *m, struct slice key);

size_t key_map_count(const struct key_map *m);
/* Of the slots that there are, how many are taken: 0 to 1. */
double key_map_fill(const struct key_map *m);

#endif
