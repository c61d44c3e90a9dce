/* ut_batch.c - building, checking, stamping and rebuilding of batches, beyond what the golden rows show. */
#include "tests/unit/ut.h"

#include "broker/protocol/batch.h"

enum { INFLATED_MAX = 1 << 20, ARENA_BYTES = 1 << 20, RECORDS = 300, NOW = 5000 };

static struct codecs *codecs;

static struct batch_rules any_rules(void)
{
	return (struct batch_rules){
		.codec = BATCH_CODEC_KEEP,
		.level = CODEC_LEVEL_DEFAULT,
		.before_max_ms = INT64_MAX,
		.after_max_ms = INT64_MAX,
		.max_message_bytes = INT32_MAX,
		.inflated_max = INFLATED_MAX,
	};
}

/* The value of record `i`: long enough that lengths of two and three bytes occur. */
static struct slice value_of(int i, uint8_t *room)
{
	uint32_t n = (uint32_t)(i % 7 == 0 ? 10000 : i * 3 % 200);

	memset(room, 'a' + i % 26, n);
	return slice_of(room, n);
}

static struct buf *build(enum codec codec, int records)
{
	static const uint8_t headers[] = { 2, 'h', 4, 'x', 'y', 2, 'n', 1 };
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	uint8_t room[10000];

	settings.codec = codec;
	batch_builder_init(&b, codecs, &settings, INFLATED_MAX);
	for (int i = 0; i < records; i++)
		CU_ASSERT_TRUE(batch_builder_add(&b, 1000 + i % 50 * 1000,
			i % 3 ? slice_str("key") : SLICE_NULL, i % 5 ? value_of(i, room) : SLICE_NULL,
			slice_of(headers, sizeof headers), 2));
	return batch_builder_finish(&b);
}

static void check_built(const struct buf *buf, enum codec codec, int count)
{
	struct batch b = { buf->bytes, buf->used };
	struct record_header h;
	struct records records;
	struct record r;
	uint8_t room[10000];
	int i = 0;

	CU_ASSERT_TRUE(batch_crc_is_good(&b));
	CU_ASSERT_EQUAL(batch_codec(&b), codec);
	CU_ASSERT_EQUAL(batch_count(&b), count);
	CU_ASSERT_EQUAL(batch_last_offset(&b), count - 1);
	CU_ASSERT_EQUAL(batch_base_timestamp(&b), 1000);
	records_open(&records, &b, codecs, INFLATED_MAX);
	for (; records_next(&records, &r); i++) {
		CU_ASSERT_EQUAL(r.offset, i);
		CU_ASSERT_EQUAL(r.timestamp, 1000 + i % 50 * 1000);
		CU_ASSERT_TRUE(slice_eq(r.key, i % 3 ? slice_str("key") : SLICE_NULL));
		CU_ASSERT_TRUE(slice_eq(r.value, i % 5 ? value_of(i, room) : SLICE_NULL));
		CU_ASSERT_TRUE(record_header_next(&r, &h) && slice_is(h.key, "h") && slice_is(h.value, "xy"));
		CU_ASSERT_TRUE(record_header_next(&r, &h) && slice_is(h.key, "n") && slice_is_null(h.value));
		CU_ASSERT_FALSE(record_header_next(&r, &h));
	}
	CU_ASSERT_EQUAL(records.error, KERR_NONE);
	CU_ASSERT_EQUAL(i, count);
	records_close(&records);
}

static void what_is_built_reads_back(void)
{
	for (enum codec codec = CODEC_NONE; codec < CODEC_COUNT; codec++)
		for (int records = 1; records <= RECORDS; records += RECORDS - 1) {
			struct buf *buf = build(codec, records);
			check_built(buf, codec, records);
			buf_put(buf);
		}
}

static void builder_keeps_its_limit(void)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	uint8_t value[100] = { 0 };
	size_t full;

	batch_builder_init(&b, codecs, &settings, 500);
	CU_ASSERT_EQUAL(batch_builder_bytes(&b), BATCH_HEADER_BYTES);
	while (batch_builder_add(&b, 1, SLICE_NULL, slice_of(value, sizeof value), SLICE_NULL, 0))
		CU_ASSERT_TRUE(batch_builder_bytes(&b) <= 500);
	full = batch_builder_bytes(&b);
	CU_ASSERT_EQUAL(b.count, 4);
	struct buf *buf = batch_builder_finish(&b);
	CU_ASSERT_EQUAL(buf->used, full);
	buf_put(buf);
	batch_builder_free(&b);
}

static void end_marker_says_its_type(void)
{
	struct buf *buf = batch_end_marker(4711, 3, NOW, CONTROL_COMMIT, 12, 5);
	struct batch b = { buf->bytes, buf->used };
	enum control_type type;
	struct records records;
	struct record r;
	int32_t epoch;

	CU_ASSERT_TRUE(batch_is_control(&b) && batch_is_transactional(&b) && batch_crc_is_good(&b));
	CU_ASSERT_EQUAL(batch_producer_id(&b), 4711);
	CU_ASSERT_EQUAL(batch_leader_epoch(&b), 5);
	CU_ASSERT_EQUAL(batch_last_sequence(&b), -1);
	records_open(&records, &b, codecs, INFLATED_MAX);
	CU_ASSERT_TRUE(records_next(&records, &r));
	CU_ASSERT_TRUE(record_end_marker(&r, &type, &epoch));
	CU_ASSERT_EQUAL(type, CONTROL_COMMIT);
	CU_ASSERT_EQUAL(epoch, 12);
	r.key.n = 3;
	CU_ASSERT_FALSE(record_end_marker(&r, &type, &epoch));
	CU_ASSERT_FALSE(records_next(&records, &r));
	records_close(&records);
	buf_put(buf);
}

static enum kerr check(const struct buf *buf, const struct batch_rules *rules, int version,
	struct batch_checked *checked, struct arena *arena)
{
	return batch_check(codecs, arena, version, slice_of(buf->bytes, buf->used), rules, NOW, checked);
}

static void stamp_changes_only_what_it_must(void)
{
	struct buf *buf = build(CODEC_NONE, RECORDS);
	struct batch b = { buf->bytes, buf->used };
	struct batch_stamp stamp = { 1LL << 40, 9, false, batch_max_timestamp(&b) };
	uint32_t crc = batch_stored_crc(&b);

	batch_assign(buf->bytes, buf->used, &stamp);
	CU_ASSERT_EQUAL(batch_base_offset(&b), 1LL << 40);
	CU_ASSERT_EQUAL(batch_last_offset(&b), (1LL << 40) + RECORDS - 1);
	CU_ASSERT_EQUAL(batch_leader_epoch(&b), 9);
	CU_ASSERT_EQUAL(batch_stored_crc(&b), crc);
	stamp.log_append_time = true;
	stamp.max_timestamp = NOW;
	batch_assign(buf->bytes, buf->used, &stamp);
	CU_ASSERT_TRUE(batch_is_log_append_time(&b));
	CU_ASSERT_EQUAL(batch_max_timestamp(&b), NOW);
	CU_ASSERT_TRUE(batch_crc_is_good(&b));
	CU_ASSERT_NOT_EQUAL(batch_stored_crc(&b), crc);
	buf_put(buf);
}

static void facts_of_a_good_batch(void)
{
	struct buf *buf = build(CODEC_LZ4, RECORDS);
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_NONE);
	CU_ASSERT_EQUAL(checked.count, RECORDS);
	CU_ASSERT_EQUAL(checked.max_timestamp, 50000);
	CU_ASSERT_EQUAL(checked.max_timestamp_delta, 49);
	CU_ASSERT_FALSE(checked.rebuild);
	CU_ASSERT_EQUAL(arena.used, 0);
	rules.log_append_time = true;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_NONE);
	CU_ASSERT_EQUAL(checked.max_timestamp, NOW);
	CU_ASSERT_EQUAL(checked.max_timestamp_delta, RECORDS - 1);
	arena_free(&arena);
	buf_put(buf);
}

static void refused_for_its_size(void)
{
	struct buf *buf = build(CODEC_ZSTD, RECORDS);
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	rules.max_message_bytes = (int32_t)buf->used;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_NONE);
	rules.max_message_bytes--;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_MESSAGE_TOO_LARGE);
	rules = any_rules();
	rules.inflated_max = 100000; /* the records take more */
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_MESSAGE_TOO_LARGE);
	CU_ASSERT_PTR_NOT_NULL(checked.why);
	arena_free(&arena);
	buf_put(buf);
}

static void rebuilt_batch_is_measured_again(void)
{
	struct buf *buf = build(CODEC_ZSTD, RECORDS), *out = NULL;
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct arena arena;
	const char *why;

	arena_init(&arena, ARENA_BYTES);
	rules.codec = CODEC_NONE;
	rules.max_message_bytes = 200000;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_NONE);
	CU_ASSERT_TRUE(checked.rebuild);
	CU_ASSERT_EQUAL(batch_rebuild(codecs, &checked, &rules, NOW, &out, &why), KERR_MESSAGE_TOO_LARGE);
	CU_ASSERT_PTR_NULL(out);
	rules.max_message_bytes = INT32_MAX;
	CU_ASSERT_EQUAL(batch_rebuild(codecs, &checked, &rules, NOW, &out, &why), KERR_NONE);
	check_built(out, CODEC_NONE, RECORDS);
	buf_put(out);
	arena_free(&arena);
	buf_put(buf);
}

static void zstd_needs_version_7(void)
{
	struct buf *buf = build(CODEC_ZSTD, 1);
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	CU_ASSERT_EQUAL(check(buf, &rules, 6, &checked, &arena), KERR_UNSUPPORTED_COMPRESSION_TYPE);
	CU_ASSERT_EQUAL(check(buf, &rules, 7, &checked, &arena), KERR_NONE);
	arena_free(&arena);
	buf_put(buf);
}

static void bad_records_are_named_up_to_a_limit(void)
{
	enum { MANY = BATCH_BAD_RECORDS_MAX + 500 };
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct batch_builder b;
	struct arena arena;

	batch_builder_init(&b, codecs, &settings, INFLATED_MAX);
	for (int i = 0; i < MANY; i++)
		CU_ASSERT_TRUE(batch_builder_add(&b, NOW + i, SLICE_NULL, SLICE_NULL, SLICE_NULL, 0));
	struct buf *buf = batch_builder_finish(&b);
	arena_init(&arena, ARENA_BYTES);
	rules.compacted = true;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(checked.bad_count, BATCH_BAD_RECORDS_MAX);
	CU_ASSERT_EQUAL(checked.faults[BATCH_FAULT_NO_KEY], MANY);
	rules.compacted = false;
	rules.after_max_ms = 1000;
	CU_ASSERT_EQUAL(check(buf, &rules, 9, &checked, &arena), KERR_INVALID_TIMESTAMP);
	CU_ASSERT_EQUAL(checked.bad[0].index, 1001);
	CU_ASSERT_EQUAL(checked.bad_count, MANY - 1001);
	arena_free(&arena);
	buf_put(buf);
}

/* A message of magic 0 without a key; `attributes` may be a codec, whose wrapper it then is. */
static struct buf *old_message(unsigned attributes, struct slice value)
{
	uint32_t n = MESSAGE_V0_BYTES_MIN + value.n;
	struct buf *buf = buf_new(n);
	struct batch b = { buf->bytes, n };
	uint8_t *key = buf->bytes + MESSAGE_V0_HEADER_BYTES;

	buf->used = n;
	memset(buf->bytes, 0, MESSAGE_V0_HEADER_BYTES);
	put_be32(buf->bytes + BATCH_LENGTH_AT, n - BATCH_OVERHEAD_BYTES);
	buf->bytes[MESSAGE_ATTRIBUTES_AT] = (uint8_t)attributes;
	put_be32(key, UINT32_MAX);
	put_be32(key + sizeof(uint32_t), value.n);
	memcpy(key + 2 * sizeof(uint32_t), value.p, value.n);
	put_be32(buf->bytes + MESSAGE_CRC_AT, batch_computed_crc(&b));
	return buf;
}

static struct buf *old_wrapper(const struct buf *message)
{
	uint8_t *room = mem_alloc(codec_bound(CODEC_GZIP, message->used));
	int64_t n = codec_compress(codecs, CODEC_GZIP, CODEC_LEVEL_DEFAULT,
		slice_of(message->bytes, message->used), room, codec_bound(CODEC_GZIP, message->used));

	CU_ASSERT_FATAL(n > 0);
	struct buf *wrapper = old_message(CODEC_GZIP, slice_of(room, (size_t)n));
	free(room);
	return wrapper;
}

/* What is large only inside: the cap holds before the batch is built, max.message.bytes for the batch. */
static void old_wrapper_is_measured_inside(void)
{
	static const uint8_t zeros[INFLATED_MAX];
	struct buf *message = old_message(CODEC_NONE, slice_of(zeros, sizeof zeros / 2));
	struct buf *wrapper = old_wrapper(message), *out = NULL;
	struct batch_rules rules = any_rules();
	struct batch_checked checked;
	struct arena arena;
	const char *why;

	arena_init(&arena, ARENA_BYTES);
	rules.inflated_max = message->used - 1;
	CU_ASSERT_EQUAL(check(wrapper, &rules, 2, &checked, &arena), KERR_MESSAGE_TOO_LARGE);
	rules.inflated_max = message->used;
	rules.max_message_bytes = (int32_t)wrapper->used;
	rules.codec = CODEC_NONE;
	CU_ASSERT_EQUAL(check(wrapper, &rules, 2, &checked, &arena), KERR_NONE);
	CU_ASSERT_EQUAL(checked.count, 1);
	CU_ASSERT_EQUAL(batch_rebuild(codecs, &checked, &rules, NOW, &out, &why), KERR_MESSAGE_TOO_LARGE);
	CU_ASSERT_PTR_NULL(out);
	arena_free(&arena);
	buf_put(message);
	buf_put(wrapper);
}

static void sequences_wrap(void)
{
	CU_ASSERT_EQUAL(batch_sequence_add(5, 3), 8);
	CU_ASSERT_EQUAL(batch_sequence_add(INT32_MAX, 1), 0);
	CU_ASSERT_EQUAL(batch_sequence_add(INT32_MAX - 1, 5), 3);
}

static void nothing_is_a_walk_without_steps(void)
{
	struct batch_walk walk;
	struct batch b;

	batch_walk_init(&walk, SLICE_NULL);
	CU_ASSERT_FALSE(batch_next(&walk, &b));
	CU_ASSERT_EQUAL(walk.error, KERR_NONE);
}

static const struct ut_case cases[] = {
	UT(what_is_built_reads_back),
	UT(builder_keeps_its_limit),
	UT(end_marker_says_its_type),
	UT(stamp_changes_only_what_it_must),
	UT(facts_of_a_good_batch),
	UT(refused_for_its_size),
	UT(rebuilt_batch_is_measured_again),
	UT(zstd_needs_version_7),
	UT(bad_records_are_named_up_to_a_limit),
	UT(old_wrapper_is_measured_inside),
	UT(sequences_wrap),
	UT(nothing_is_a_walk_without_steps),
};

int main(void)
{
	codecs = codecs_new();
	int rc = ut_run("batch", cases, countof(cases));
	codecs_free(&codecs);
	return rc;
}
