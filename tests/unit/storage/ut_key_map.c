/* ut_key_map.c - the last offset of each key, and the end of the room. */
#include "broker/storage/key_map.h"
#include "tests/unit/ut.h"

static struct slice key_of(uint32_t i)
{
	static char text[16];
	return slice_of(text, (uint32_t)snprintf(text, sizeof text, "key-%u", i));
}

static void last_offset_wins(void)
{
	struct key_map *m = key_map_new(1 << 20, 0.9, UINT64_MAX);
	CU_ASSERT_EQUAL(key_map_get(m, slice_str("a")), -1);
	CU_ASSERT(key_map_put(m, slice_str("a"), 0));
	CU_ASSERT(key_map_put(m, slice_str(""), 1));
	CU_ASSERT(key_map_put(m, slice_str("a"), 7));
	CU_ASSERT_EQUAL(key_map_get(m, slice_str("a")), 7);
	CU_ASSERT_EQUAL(key_map_get(m, slice_str("")), 1);
	CU_ASSERT_EQUAL(key_map_count(m), 2);
	key_map_free(&m);
}

static void room_ends(void)
{
	enum { SLOTS = 1000, KEYS = 900 };
	struct key_map *m = key_map_new(SLOTS * KEY_MAP_ENTRY_BYTES, 0.9, UINT64_MAX);
	for (uint32_t i = 0; i < KEYS; i++)
		CU_ASSERT(key_map_put(m, key_of(i), i));
	CU_ASSERT(!key_map_put(m, key_of(KEYS), KEYS));
	CU_ASSERT(!key_map_put(m, key_of(0), KEYS));
	CU_ASSERT_DOUBLE_EQUAL(key_map_fill(m), 0.9, 0.001);
	for (uint32_t i = 0; i < KEYS; i++)
		CU_ASSERT_EQUAL(key_map_get(m, key_of(i)), i);
	for (uint32_t i = KEYS; i < 2 * KEYS; i++)
		CU_ASSERT_EQUAL(key_map_get(m, key_of(i)), -1);
	key_map_free(&m);
}

static void full_to_the_last_slot(void)
{
	enum { SLOTS = 64 };
	struct key_map *m = key_map_new(SLOTS * KEY_MAP_ENTRY_BYTES, 1.0, UINT64_MAX);
	for (uint32_t i = 0; i < SLOTS; i++)
		CU_ASSERT(key_map_put(m, key_of(i), i));
	CU_ASSERT(!key_map_put(m, key_of(SLOTS), SLOTS));
	CU_ASSERT_EQUAL(key_map_get(m, key_of(SLOTS)), -1);
	CU_ASSERT_EQUAL(key_map_get(m, key_of(SLOTS - 1)), SLOTS - 1);
	key_map_free(&m);
}

static void no_more_than_needed(void)
{
	struct key_map *m = key_map_new(1 << 30, 0.9, 3);
	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT(key_map_put(m, key_of(i), i));
	CU_ASSERT(key_map_fill(m) > 0.5);
	key_map_free(&m);
	CU_ASSERT_PTR_NULL(key_map_new(KEY_MAP_ENTRY_BYTES, 0.9, UINT64_MAX));
	CU_ASSERT_PTR_NULL(key_map_new(0, 0.9, UINT64_MAX));
}

static const struct ut_case cases[] = {
	UT(last_offset_wins), UT(room_ends), UT(full_to_the_last_slot), UT(no_more_than_needed),
};

int main(void)
{
	return ut_run("storage/key_map", cases, countof(cases));
}
