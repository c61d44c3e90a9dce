/* ut_golden_validator.c - the leader's check, conversion and stamp against Kafka's LogValidator: every row of
 * validator.tsv. Same answer, same bytes; the records of a batch that was compressed anew are compared
 * without their codec, since two libraries need not write the same stream.
 */
#include "tests/unit/protocol/golden_json.h"
#include "tests/unit/ut.h"

#include "broker/protocol/batch.h"

enum { INFLATED_MAX = 64 << 20, NEXT_OFFSET = 1000, LEADER_EPOCH = 7, ARENA_BYTES = 1 << 20 };

/* Kafka appends these as they are: it looks neither at the offset deltas of an uncompressed batch nor at
 * the record lengths of a compressed one that keeps its codec. We refuse them with INVALID_RECORD
 * (doc/records.md). */
static const char *const stricter[] = {
	"bad/v2/record/offset_delta_1_instead_of_0", "bad/v2/record/offset_delta_minus_1",
	"bad/v2/record/offset_deltas_0_0", "bad/v2/record/offset_deltas_1_0",
	"bad/v2/gzip/offset_deltas_0_0", "bad/v2/gzip/offset_deltas_1_0",
	"bad/v2/gzip/record_length_0", "bad/v2/gzip/record_length_huge",
	/* The damage is in a record's length, and only then in the stream's checksum. */
	"bad/v2/gzip/stream_bit_flipped",
	/* Key or value pass the end of a message: Java says only that it cannot. */
	"bad/v0/key_size_-2", "bad/v0/key_size_0", "bad/v0/key_size_1000", "bad/v0/key_size_2147483647",
	"bad/v0/value_size_2_instead_of_1", "bad/v0/value_size_1000_instead_of_1",
	"bad/v1/key_size_-2", "bad/v1/key_size_0", "bad/v1/key_size_1000", "bad/v1/key_size_2147483647",
	"bad/v1/value_size_2_instead_of_1", "bad/v1/value_size_1000_instead_of_1", NULL,
};

/* Headers are copied into a rebuilt batch as they came. Java writes them anew: the length -2 of a null
 * value becomes -1, and what is not UTF-8 in a key becomes replacement characters. */
static const char *const headers_as_they_came[] = {
	"bad/v2/record/header_value_minus_2", "bad/v2/record/header_key_not_utf8", NULL,
};
static const char *const not_utf8[] = { "bad/v2/record/header_key_not_utf8", NULL };

static struct codecs *codecs;
static struct arena arena;
static const char *row;

static void tell(const char *what, int64_t ours, int64_t kafkas)
{
	if (ours != kafkas)
		fprintf(stderr, "%s: %s is %lld, Kafka has %lld\n", row, what, (long long)ours,
			(long long)kafkas);
	CU_ASSERT_EQUAL(ours, kafkas);
}

static int codec_of(const char *name)
{
	if (strcmp(name, "producer") == 0)
		return BATCH_CODEC_KEEP;
	for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++)
		if (strcmp(name, codec_name((unsigned)codec)) == 0)
			return codec;
	return CODEC_NONE;
}

static struct batch_rules rules_of(json_t *topic)
{
	const char *timestamp_type = golden_string(topic, "message.timestamp.type");

	return (struct batch_rules){
		.codec = codec_of(golden_string(topic, "compression.type")),
		.level = CODEC_LEVEL_DEFAULT,
		.log_append_time = strcmp(timestamp_type, "LogAppendTime") == 0,
		.compacted = golden_int(topic, "compacted", 0),
		.before_max_ms = golden_int(topic, "before.max.ms", 0),
		.after_max_ms = golden_int(topic, "after.max.ms", 0),
		.max_message_bytes = INT32_MAX,
		.inflated_max = INFLATED_MAX,
	};
}

static enum kerr error_of(json_t *result)
{
	const char *name = golden_string(result, "error");

	for (int code = KERR_UNKNOWN_SERVER_ERROR; code < 128; code++)
		if (strcmp(name, kerr_name(code)) == 0)
			return (enum kerr)code;
	return KERR_NONE;
}

/* The same header (but for length and CRC) and the same records. */
static void same_after_decompression(const struct batch *ours, const struct batch *kafkas)
{
	struct records a, b;
	struct record ra, rb;
	struct record_header ha, hb;
	bool more;

	CU_ASSERT_EQUAL(memcmp(ours->p, kafkas->p, BATCH_LENGTH_AT), 0);
	CU_ASSERT_EQUAL(memcmp(ours->p + BATCH_LEADER_EPOCH_AT, kafkas->p + BATCH_LEADER_EPOCH_AT,
		BATCH_CRC_AT - BATCH_LEADER_EPOCH_AT), 0);
	CU_ASSERT_EQUAL(memcmp(ours->p + BATCH_ATTRIBUTES_AT, kafkas->p + BATCH_ATTRIBUTES_AT,
		BATCH_HEADER_BYTES - BATCH_ATTRIBUTES_AT), 0);
	CU_ASSERT_TRUE(batch_crc_is_good(ours));
	records_open(&a, ours, codecs, INFLATED_MAX);
	records_open(&b, kafkas, codecs, INFLATED_MAX);
	while ((more = records_next(&a, &ra)) == records_next(&b, &rb) && more) {
		CU_ASSERT_EQUAL(ra.offset, rb.offset);
		CU_ASSERT_EQUAL(ra.timestamp, rb.timestamp);
		CU_ASSERT_TRUE(slice_eq(ra.key, rb.key) && slice_eq(ra.value, rb.value));
		while ((more = record_header_next(&ra, &ha)) == record_header_next(&rb, &hb) && more)
			CU_ASSERT_TRUE(slice_eq(ha.value, hb.value) &&
				(slice_eq(ha.key, hb.key) || golden_is_listed(row, not_utf8)));
		CU_ASSERT_FALSE(more);
	}
	CU_ASSERT_FALSE(more);
	CU_ASSERT_EQUAL(a.error, KERR_NONE);
	CU_ASSERT_EQUAL(b.error, KERR_NONE);
	records_close(&a);
	records_close(&b);
}

static void same_output(const uint8_t *p, size_t n, struct slice kafkas, bool compressed_anew)
{
	struct batch a = { p, (uint32_t)n }, b = { kafkas.p, kafkas.n };

	if (compressed_anew || golden_is_listed(row, headers_as_they_came)) {
		same_after_decompression(&a, &b);
		return;
	}
	if (n != kafkas.n || memcmp(p, kafkas.p, n) != 0)
		fprintf(stderr, "%s: the output differs\n", row);
	CU_ASSERT_TRUE(n == kafkas.n && memcmp(p, kafkas.p, n) == 0);
}

static void append(struct batch_checked *checked, const struct batch_rules *rules, int64_t now,
	json_t *result, struct slice kafkas)
{
	struct batch_stamp stamp = {
		NEXT_OFFSET, LEADER_EPOCH, rules->log_append_time, checked->max_timestamp,
	};
	uint8_t *p = (uint8_t *)(uintptr_t)checked->batch.p;
	size_t n = checked->batch.n;
	struct buf *buf = NULL;
	const char *why = NULL;

	tell("rebuild", checked->rebuild, golden_int(result, "sizeMayHaveChanged", -1));
	tell("max timestamp", checked->max_timestamp, golden_int(result, "maxTimestamp", -2));
	if (checked->rebuild) {
		enum kerr error = batch_rebuild(codecs, checked, rules, now, &buf, &why);
		tell("rebuild's answer", error, KERR_NONE);
		if (!buf)
			return;
		p = buf->bytes;
		n = buf->used;
	}
	batch_assign(p, n, &stamp);
	same_output(p, n, kafkas, checked->rebuild && checked->codec != CODEC_NONE);
	buf_put(buf);
}

static void same_record_errors(const struct batch_checked *checked, json_t *result)
{
	json_t *kafkas = json_object_get(result, "recordErrors");

	tell("bad records", checked->bad_count, (int64_t)json_array_size(kafkas));
	for (size_t i = 0; i < json_array_size(kafkas) && i < checked->bad_count; i++) {
		tell("bad record", checked->bad[i].index,
			golden_int(json_array_get(kafkas, i), "batchIndex", -1));
		CU_ASSERT_PTR_NOT_NULL(checked->bad[i].why);
	}
}

/* LogValidator alone knows no Produce version; 2 leaves out what the request handler checks for later
 * ones. */
static void check_row(json_t *topic, struct slice input, json_t *result, struct slice output)
{
	enum { PRODUCE_VERSION = 2 };
	struct batch_rules rules = rules_of(topic);
	int64_t now = golden_int(topic, "now", 0);
	struct batch_checked checked;
	enum kerr expected = error_of(result);
	enum kerr error = batch_check(codecs, &arena, PRODUCE_VERSION, input, &rules, now, &checked);

	if (golden_is_listed(row, stricter)) {
		tell("the answer", error, KERR_INVALID_RECORD);
		CU_ASSERT_PTR_NOT_NULL(checked.why);
		return;
	}
	tell("the answer", error, expected);
	if (error != KERR_NONE)
		CU_ASSERT_PTR_NOT_NULL(checked.why);
	if (error == KERR_NONE && checked.batch.n == 0)
		CU_ASSERT_STRING_EQUAL(golden_string(result, "result"), "nothing to append");
	if (error == KERR_NONE && checked.batch.n > 0)
		append(&checked, &rules, now, result, output);
	if (error == expected)
		same_record_errors(&checked, result);
}

/* The table leaves out long inputs. */
static bool has_input(const char *hex)
{
	return *hex != '\0' || strcmp(row, "good/empty") == 0;
}

static void check_columns(char *columns[], struct slice input)
{
	json_t *topic = golden_json(columns[1]), *result = golden_json(columns[3]);
	uint32_t n;
	uint8_t *output = golden_bytes(columns[4], &n);

	check_row(topic, input, result, slice_of(output, n));
	free(output);
	json_decref(topic);
	json_decref(result);
	arena_reset(&arena);
}

static void answers_as_kafka_did(void)
{
	struct golden g = golden_open("tests/golden/records/validator.tsv.zst");
	int rows = 0, left_out = 0;

	while (golden_row(&g)) {
		uint32_t n;
		uint8_t *bytes = golden_bytes(g.column[2], &n);
		struct slice input = slice_of(bytes, n);
		row = g.column[0];
		if (!has_input(g.column[2])) {
			left_out++;
		} else {
			check_columns(g.column, input);
			rows++;
		}
		free(bytes);
	}
	golden_close(&g);
	CU_ASSERT_EQUAL(rows, 1698);
	CU_ASSERT_EQUAL(left_out, 6);
}

static const struct ut_case cases[] = {
	UT(answers_as_kafka_did),
};

int main(void)
{
	codecs = codecs_new();
	arena_init(&arena, ARENA_BYTES);
	int rc = ut_run("golden validator", cases, countof(cases));
	arena_free(&arena);
	codecs_free(&codecs);
	return rc;
}
