/* ut_group_log.c - the records of __consumer_offsets: what Apache Kafka 3.9.2 wrote (tests/golden) is read,
 * and written again to the same bytes. */
#include "broker/group/group_log.h"
#include "tests/unit/protocol/golden.h"
#include "tests/unit/storage/storage_test.h"

#include <string.h>

enum { ARENA_CAP = 1 << 20, BATCH_MAX = 1 << 20, INFLATED_MAX = 1 << 24, PARTITIONS = 3 };

static const struct slice some_group = SLICE_LIT("g");

/* ---- whole batches of a broker's disk ---- */

/* Writes the record again as the broker would. */
static bool write_again(struct batch_builder *b, struct arena *arena, const struct record *r)
{
	struct group_key key;
	struct offset_commit_value offset;
	struct group_metadata_value group;
	must(group_log_read_key(r->key, &key) == 0);
	if (key.of == GROUP_RECORD_OFFSET) {
		struct offset_commit_key k = { key.group, key.topic, key.partition };
		if (slice_is_null(r->value))
			return group_log_add_offset_tombstone(b, &k, r->timestamp);
		must(group_log_read_offset(r->value, &offset) == 0);
		return group_log_add_offset(b, IBP_LATEST, &k, &offset, r->timestamp);
	}
	must(key.of == GROUP_RECORD_GROUP);
	if (slice_is_null(r->value))
		return group_log_add_group_tombstone(b, key.group, r->timestamp);
	must(group_log_read_group(r->value, arena, &group) == 0);
	return group_log_add_group_value(b, IBP_LATEST, key.group, &group, r->timestamp);
}

static void batch_again(struct codecs *codecs, struct arena *arena, const struct batch *from)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	struct records records;
	struct record r;
	settings.base_offset = batch_base_offset(from);
	settings.leader_epoch = batch_leader_epoch(from);
	settings.producer_id = batch_producer_id(from);
	settings.producer_epoch = batch_producer_epoch(from);
	settings.base_sequence = batch_base_sequence(from);
	settings.attributes = batch_attributes(from) & BATCH_TRANSACTIONAL;
	batch_builder_init(&b, codecs, &settings, BATCH_MAX);
	records_open(&records, from, codecs, INFLATED_MAX);
	while (records_next(&records, &r))
		CU_ASSERT(write_again(&b, arena, &r));
	CU_ASSERT_EQUAL(records.error, KERR_NONE);
	records_close(&records);
	struct buf *again = batch_builder_finish(&b);
	CU_ASSERT(slice_eq(slice_of(again->bytes, again->used), slice_of(from->p, from->n)));
	buf_put(again);
	batch_builder_free(&b);
}

static uint32_t batches_again(const char *path)
{
	char *bytes = NULL;
	size_t n = 0;
	uint32_t batches = 0;
	struct batch_walk walk;
	struct batch batch;
	struct arena arena;
	struct codecs *codecs = codecs_new();
	arena_init(&arena, ARENA_CAP);
	must(file_read(path, 1 << 28, &bytes, &n) == 0);
	batch_walk_init(&walk, slice_of(bytes, n));
	while (batch_next(&walk, &batch)) {
		if (batch_is_control(&batch))
			continue;
		batch_again(codecs, &arena, &batch);
		arena_reset(&arena);
		batches++;
	}
	CU_ASSERT_EQUAL(walk.error, KERR_NONE);
	free(bytes);
	arena_free(&arena);
	codecs_free(&codecs);
	return batches;
}

static void a_brokers_batches_are_written_again(void)
{
	const char *dir = st_dir("group_log");
	uint32_t batches = 0;
	st_unpack("txn-open-killed", dir);
	for (int i = 0; i < PARTITIONS; i++) {
		char name[64];
		snprintf(name, sizeof name, "__consumer_offsets-%d/00000000000000000000.log", i);
		batches += batches_again(path_in(dir, name).s);
	}
	CU_ASSERT_EQUAL(batches, 101); /* as its dump says */
	st_clean();
}

/* ---- Kafka's messages, every version ---- */

static void check_key(const char *name, struct slice bytes)
{
	struct group_key key;
	CU_ASSERT_EQUAL(group_log_read_key(bytes, &key), 0);
	CU_ASSERT_EQUAL(key.of, strcmp(name, "OffsetCommitKey") == 0    ? GROUP_RECORD_OFFSET
				: strcmp(name, "GroupMetadataKey") == 0 ? GROUP_RECORD_GROUP
									: GROUP_RECORD_UNKNOWN);
	CU_ASSERT_EQUAL(key.version, (int16_t)get_be16(bytes.p));
}

static void every_version_is_read(void)
{
	struct golden table = golden_open("tests/golden/messages/vectors.tsv.zst");
	struct arena arena;
	int keys = 0, values = 0;
	arena_init(&arena, ARENA_CAP);
	while (golden_row(&table)) {
		const char *name = table.column[1];
		struct slice bytes;
		if (strcmp(table.column[2], "data") != 0 || !strstr(table.column[4], "+version"))
			continue;
		uint8_t *memory = golden_bytes(table.column[5], &bytes.n);
		bytes.p = memory;
		struct offset_commit_value offset;
		struct group_metadata_value group;
		if (strcmp(name, "OffsetCommitValue") == 0 && ++values)
			CU_ASSERT_EQUAL(group_log_read_offset(bytes, &offset), 0);
		if (strcmp(name, "GroupMetadataValue") == 0 && ++values)
			CU_ASSERT_EQUAL(group_log_read_group(bytes, &arena, &group), 0);
		if ((strncmp(name, "ConsumerGroup", 13) == 0 || strncmp(name, "GroupMetadata", 13) == 0 ||
		     strncmp(name, "OffsetCommit", 12) == 0) &&
		    strcmp(name + strlen(name) - 3, "Key") == 0 && ++keys)
			check_key(name, bytes);
		free(memory);
	}
	CU_ASSERT(keys >= 16 && values >= 20);
	arena_free(&arena);
	golden_close(&table);
}

/* ---- versions that are written ---- */

static struct slice only_value(struct buf *batch, struct codecs *codecs, uint8_t out[], size_t room)
{
	struct batch_walk walk;
	struct batch b;
	struct records records;
	struct record r;
	batch_walk_init(&walk, slice_of(batch->bytes, batch->used));
	must(batch_next(&walk, &b));
	records_open(&records, &b, codecs, INFLATED_MAX);
	must(records_next(&records, &r) && r.value.n <= room);
	memcpy(out, r.value.p, r.value.n);
	struct slice value = slice_of(out, r.value.n);
	records_close(&records);
	buf_put(batch);
	return value;
}

static int written_offset_version(enum ibp ibp, int64_t expire_ms)
{
	struct codecs *codecs = codecs_new();
	struct batch_settings plain = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	uint8_t out[256];
	const struct offset_commit_key key = { some_group, SLICE_LIT("t"), 7 };
	const struct offset_commit_value value = { 5, 2, SLICE_LIT("m"), 1000, expire_ms };
	struct offset_commit_value read;
	batch_builder_init(&b, codecs, &plain, BATCH_MAX);
	CU_ASSERT(group_log_add_offset(&b, ibp, &key, &value, 1));
	struct slice bytes = only_value(batch_builder_finish(&b), codecs, out, sizeof out);
	int version = get_be16(bytes.p);
	CU_ASSERT_EQUAL(group_log_read_offset(bytes, &read), 0);
	CU_ASSERT_EQUAL(read.offset, 5);
	CU_ASSERT(slice_is(read.metadata, "m"));
	CU_ASSERT_EQUAL(read.commit_timestamp, 1000);
	CU_ASSERT_EQUAL(read.leader_epoch, version == 3 ? 2 : -1);
	CU_ASSERT_EQUAL(read.expire_timestamp, version == 1 ? expire_ms : -1);
	batch_builder_free(&b);
	codecs_free(&codecs);
	return version;
}

static int written_group_version(enum ibp ibp)
{
	struct codecs *codecs = codecs_new();
	struct batch_settings plain = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	struct arena arena;
	uint8_t out[256];
	struct group_metadata_value_member member = {
		SLICE_LIT("id"), SLICE_LIT("static"), SLICE_LIT("c"), SLICE_LIT("/h"), 20, 10, SLICE_LIT("s"),
		SLICE_LIT("a")
	};
	const struct group_metadata_value value = { SLICE_LIT("consumer"), 3, SLICE_LIT("range"),
						    SLICE_LIT("id"), 77, &member, 1 };
	struct group_metadata_value read;
	arena_init(&arena, ARENA_CAP);
	batch_builder_init(&b, codecs, &plain, BATCH_MAX);
	CU_ASSERT(group_log_add_group_value(&b, ibp, some_group, &value, 1));
	struct slice bytes = only_value(batch_builder_finish(&b), codecs, out, sizeof out);
	int version = get_be16(bytes.p);
	CU_ASSERT_EQUAL(group_log_read_group(bytes, &arena, &read), 0);
	CU_ASSERT_EQUAL(read.n_members, 1);
	CU_ASSERT_EQUAL(read.members[0].rebalance_timeout, version == 0 ? 10 : 20);
	CU_ASSERT_EQUAL(read.current_state_timestamp, version >= 2 ? 77 : -1);
	CU_ASSERT_EQUAL(slice_is_null(read.members[0].group_instance_id), version < 3);
	batch_builder_free(&b);
	arena_free(&arena);
	codecs_free(&codecs);
	return version;
}

static void the_version_follows_the_inter_broker_protocol(void)
{
	CU_ASSERT_EQUAL(written_offset_version(IBP_LATEST, -1), 3);
	CU_ASSERT_EQUAL(written_offset_version(IBP_LATEST, 99), 1);
	CU_ASSERT_EQUAL(written_offset_version(IBP_2_1_IV1, -1), 3);
	CU_ASSERT_EQUAL(written_offset_version(IBP_2_1_IV0, -1), 2);
	CU_ASSERT_EQUAL(written_offset_version(IBP_2_0_IV1, -1), 1);
	CU_ASSERT_EQUAL(written_group_version(IBP_LATEST), 3);
	CU_ASSERT_EQUAL(written_group_version(IBP_2_3_IV0), 3);
	CU_ASSERT_EQUAL(written_group_version(IBP_2_2_IV1), 2);
	CU_ASSERT_EQUAL(written_group_version(IBP_2_0_IV1), 1);
	CU_ASSERT_EQUAL(written_group_version(IBP_0_10_0_IV1), 0);
}

/* ---- hostile bytes ---- */

/* On the heap, so that a sanitizer sees a read past the end. */
static int read_key_of(const void *bytes, size_t n)
{
	struct group_key key;
	uint8_t *copy = mem_dup(bytes, n ? n : 1);
	int error = group_log_read_key(slice_of(copy, n), &key);
	free(copy);
	return error;
}

static void damaged_records_are_refused(void)
{
	static const uint8_t key[] = { 0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 7, 'm', 'o', 'r', 'e' };
	static const uint8_t negative[] = { 0, 1, 0xff, 0xff, 0, 1, 't', 0, 0, 0, 7 };
	static const uint8_t value[] = { 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 1, 'm',
					 0, 0, 0, 0, 0, 0, 0, 9 };
	static const uint8_t newer[] = { 0, 5, 0, 0 };
	struct group_key read;
	struct offset_commit_value offset;
	struct group_metadata_value group;
	struct arena arena;
	arena_init(&arena, ARENA_CAP);
	CU_ASSERT_EQUAL(group_log_read_key(SLICE_NULL, &read), KDEC_NULL);
	CU_ASSERT_EQUAL(read_key_of(key, sizeof key), 0); /* what comes behind is passed over, as in Kafka */
	for (size_t n = 0; n < 12; n++)
		CU_ASSERT_EQUAL(read_key_of(key, n), KDEC_SHORT);
	CU_ASSERT_EQUAL(read_key_of(negative, sizeof negative), KDEC_NULL);
	CU_ASSERT_EQUAL(read_key_of(newer, sizeof newer), 0);
	CU_ASSERT_EQUAL(group_log_read_offset(slice_of(newer, sizeof newer), &offset), KDEC_VERSION);
	CU_ASSERT_EQUAL(group_log_read_group(slice_of(newer, sizeof newer), &arena, &group), KDEC_VERSION);
	for (size_t n = 0; n < sizeof value; n++) {
		uint8_t *copy = mem_dup(value, n ? n : 1);
		CU_ASSERT_EQUAL(group_log_read_offset(slice_of(copy, n), &offset), KDEC_SHORT);
		free(copy);
	}
	CU_ASSERT_EQUAL(group_log_read_offset(slice_of(value, sizeof value), &offset), 0);
	CU_ASSERT_EQUAL(offset.offset, 5);
	arena_free(&arena);
}

static const struct ut_case cases[] = {
	UT(a_brokers_batches_are_written_again),
	UT(every_version_is_read),
	UT(the_version_follows_the_inter_broker_protocol),
	UT(damaged_records_are_refused),
};

int main(void)
{
	return ut_run("group_log", cases, countof(cases));
}
