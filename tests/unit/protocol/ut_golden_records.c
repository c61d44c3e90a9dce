/* ut_golden_records.c - every batch of vectors.tsv reads as Kafka read it: header, CRC, records, and what is
 * wrong.
 *
 * Kafka's verdict names Java exceptions; expected_error() says which of our codes stands for each.
 */
#include "tests/unit/protocol/golden_json.h"
#include "tests/unit/ut.h"

#include "broker/base/crc32c.h"
#include "broker/protocol/batch.h"

enum { LISTED_MAX = 12, INFLATED_MAX = 64 << 20 };

/* A batch shorter than its own header: Kafka walks on and finds the fault at the CRC, or at the bytes that
 * follow. We stop there. */
static const char *const shorter_than_header[] = {
	"bad/v2/length_14_smallest_legacy", "bad/v2/length_48_below_header",
	"bad/v1/size_14", "bad/v1/size_15", NULL,
};

/* A header key that is not UTF-8: Java shows the replacement character, we the bytes. */
static const char *const not_utf8[] = { "bad/v2/record/header_key_not_utf8", NULL };

/* Java reads ahead into the damage and loses the records before it, which we hand out. The error is the
 * same. */
static const char *const records_before_damage[] = {
	"bad/v2/snappy/garbage_after_stream", "bad/v2/snappy/zeros_after_stream",
	"bad/v2/lz4/stream_cut", "bad/v2/lz4/stream_cut_half", NULL,
};

static struct codecs *codecs;
static const char *row;

#define SAME(ours, kafkas) same((int64_t)(ours), (int64_t)(kafkas), #ours)

static void same(int64_t ours, int64_t kafkas, const char *what)
{
	if (ours != kafkas)
		fprintf(stderr, "%s: %s is %lld, Kafka has %lld\n", row, what, (long long)ours,
			(long long)kafkas);
	CU_ASSERT_EQUAL(ours, kafkas);
}

static void same_text(const char *ours, const char *kafkas)
{
	if (strcmp(ours, kafkas) != 0)
		fprintf(stderr, "%s: %s, Kafka has %s\n", row, ours, kafkas);
	CU_ASSERT_STRING_EQUAL(ours, kafkas);
}

/* The bytes themselves, or length and CRC of long ones. */
static void same_bytes(struct slice ours, json_t *record, const char *name)
{
	char length[32], crc[32];

	snprintf(length, sizeof length, "%sLength", name);
	snprintf(crc, sizeof crc, "%sCrc32c", name);
	if (json_object_get(record, length)) {
		SAME(ours.n, golden_int(record, length, -1));
		SAME(crc32c(ours.p, ours.n), golden_int(record, crc, -1));
		return;
	}
	SAME(slice_eq(ours, golden_base64(json_object_get(record, name))), true);
}

static void same_headers(struct record *r, json_t *kafkas)
{
	struct record_header h;
	size_t i = 0;

	for (; record_header_next(r, &h); i++) {
		json_t *pair = json_array_get(kafkas, i);
		json_t *key = json_array_get(pair, 0);
		struct slice name = slice_of(json_string_value(key), json_string_length(key));
		if (!golden_is_listed(row, not_utf8))
			SAME(slice_eq(h.key, name), true);
		SAME(slice_eq(h.value, golden_base64(json_array_get(pair, 1))), true);
	}
	SAME(i, json_array_size(kafkas));
}

static void same_record(struct record *r, json_t *kafkas)
{
	SAME(r->offset, golden_int(kafkas, "offset", -1));
	SAME(r->timestamp, golden_int(kafkas, "timestamp", -1));
	SAME(r->sequence, golden_int(kafkas, "sequence", -1));
	same_bytes(r->key, kafkas, "key");
	same_bytes(r->value, kafkas, "value");
	SAME(r->magic, golden_int(kafkas, "innerMagic", 2));
	same_headers(r, json_object_get(kafkas, "headers"));
}

static void same_header(const struct batch *b, json_t *kafkas)
{
	SAME(batch_magic(b), golden_int(kafkas, "magic", -1));
	SAME(b->n, golden_int(kafkas, "sizeInBytes", -1));
	SAME(batch_crc_is_good(b), golden_int(kafkas, "valid", -1));
	SAME(batch_stored_crc(b), golden_int(kafkas, "crc", -1));
	if (json_object_get(kafkas, "codec"))
		same_text(codec_name(batch_codec(b)), golden_string(kafkas, "codec"));
	same_text(batch_magic(b) == 0 ? "NoTimestampType" : batch_is_log_append_time(b) ? "LogAppendTime" :
		"CreateTime", golden_string(kafkas, "timestampType"));
	SAME(batch_last_offset(b), golden_int(kafkas, "lastOffset", -2));
	SAME(batch_max_timestamp(b), golden_int(kafkas, "maxTimestamp", -2));
	if (batch_is_legacy(b))
		return;
	SAME(batch_base_offset(b), golden_int(kafkas, "baseOffset", -2));
	SAME(batch_base_timestamp(b),
		golden_int(kafkas, "baseTimestamp", golden_int(kafkas, "deleteHorizonMs", -2)));
	SAME(batch_leader_epoch(b), golden_int(kafkas, "leaderEpoch", -2));
	SAME(batch_producer_id(b), golden_int(kafkas, "producerId", -3));
	SAME(batch_producer_epoch(b), golden_int(kafkas, "producerEpoch", -2));
	SAME(batch_base_sequence(b), golden_int(kafkas, "baseSequence", -2));
	SAME(batch_last_sequence(b), golden_int(kafkas, "lastSequence", -2));
	SAME(batch_is_transactional(b), golden_int(kafkas, "transactional", -2));
	SAME(batch_is_control(b), golden_int(kafkas, "control", -2));
	SAME(batch_count(b), golden_int(kafkas, "count", -2));
	SAME(batch_has_delete_horizon(b), json_object_get(kafkas, "deleteHorizonMs") != NULL);
}

/* The code that stands for the exception at `text`. */
static enum kerr expected_error(const char *text)
{
	static const struct {
		const char *begins;
		enum kerr error;
	} names[] = {
		{ "InvalidRecordException", KERR_INVALID_RECORD },
		{ "CorruptRecordException", KERR_CORRUPT_MESSAGE },
		{ "KafkaException", KERR_UNKNOWN_SERVER_ERROR },
		{ "SnappyError", KERR_UNKNOWN_SERVER_ERROR },
		{ "IllegalArgumentException(Unknown compression type", KERR_UNKNOWN_SERVER_ERROR },
		{ "IllegalArgumentException(Varint is too long", KERR_UNKNOWN_SERVER_ERROR },
		{ "IllegalArgumentException(newLimit < 0", KERR_UNKNOWN_SERVER_ERROR },
		/* Key or value of a message of magic 0 or 1 pass its end. */
		{ "IllegalArgumentException(newLimit > capacity", KERR_INVALID_RECORD },
		{ "IndexOutOfBoundsException", KERR_INVALID_RECORD },
		/* A record's length is a lie of 2 GiB: Java asks for that much. */
		{ "OutOfMemoryError", KERR_INVALID_RECORD },
	};

	for (size_t i = 0; i < countof(names); i++)
		if (strncmp(text, names[i].begins, strlen(names[i].begins)) == 0)
			return names[i].error;
	fprintf(stderr, "%s: no code for %s\n", row, text);
	CU_FAIL("an exception without a code");
	return KERR_NONE;
}

static enum kerr expected_of_records(const char *verdict)
{
	const char *at = strstr(verdict, "records: after ");

	return at ? expected_error(strchr(at + strlen("records: after "), ':') + 2) : KERR_NONE;
}

/* Only the last batch of a row has records that cannot be read. */
static void check_records(const struct batch *b, json_t *kafkas, const char *verdict, bool last)
{
	json_t *listed = json_object_get(kafkas, "records");
	int64_t expected = golden_int(kafkas, "recordsRead", -1), n = 0;
	enum kerr error = last ? expected_of_records(verdict) : KERR_NONE;
	struct records records;
	struct record r;

	if (batch_is_legacy(b) && error != KERR_NONE)
		expected = (int64_t)json_array_size(listed); /* Java counts it before it looks inside */
	records_open(&records, b, codecs, INFLATED_MAX);
	for (; records_next(&records, &r); n++)
		if (n < LISTED_MAX && !golden_is_listed(row, records_before_damage))
			same_record(&r, json_array_get(listed, (size_t)n));
	if (golden_is_listed(row, records_before_damage)) {
		CU_ASSERT_TRUE(n > expected);
	} else {
		SAME(n, expected);
	}
	SAME(records.error, error);
	CU_ASSERT_EQUAL(records.error != KERR_NONE, records.why != NULL);
	CU_ASSERT_FALSE(records_next(&records, &r));
	records_close(&records);
}

static void check_framing(const struct batch_walk *walk, const char *verdict)
{
	const char *at = strstr(verdict, "framing: ");
	int64_t left = walk->end - walk->p;

	if (at && at[strlen("framing: ")] >= '0' && at[strlen("framing: ")] <= '9') {
		SAME(walk->error, KERR_NONE);
		SAME(left, atoll(at + strlen("framing: ")));
	} else if (at) {
		SAME(walk->error, expected_error(at + strlen("framing: ")));
	} else {
		SAME(walk->error, KERR_NONE);
		SAME(left, 0);
	}
}

static void check_row(struct slice bytes, json_t *kafkas, const char *verdict)
{
	struct batch_walk walk;
	struct batch b;
	size_t n = 0;

	batch_walk_init(&walk, bytes);
	for (; batch_next(&walk, &b); n++) {
		same_header(&b, json_array_get(kafkas, n));
		check_records(&b, json_array_get(kafkas, n), verdict, n + 1 == json_array_size(kafkas));
	}
	if (golden_is_listed(row, shorter_than_header)) {
		SAME(walk.error, KERR_CORRUPT_MESSAGE);
		SAME(n, 0);
		return;
	}
	SAME(n, json_array_size(kafkas));
	check_framing(&walk, verdict);
}

static void reads_as_kafka_did(void)
{
	struct golden g = golden_open("tests/golden/records/vectors.tsv.zst");
	int rows = 0;

	for (; golden_row(&g); rows++) {
		json_t *kafkas = golden_json(g.column[2]);
		uint32_t n;
		uint8_t *bytes = golden_bytes(g.column[1], &n);
		row = g.column[0];
		check_row(slice_of(bytes, n), kafkas, g.column[3]);
		free(bytes);
		json_decref(kafkas);
	}
	CU_ASSERT_EQUAL(rows, 492);
	golden_close(&g);
}

/* Reads whatever the bytes hold; the sanitizers watch that nothing else is read. */
static void read_all(const uint8_t *bytes, uint32_t n)
{
	struct batch_walk walk;
	struct records records;
	struct record r;
	struct batch b;

	batch_walk_init(&walk, slice_of(bytes, n));
	while (batch_next(&walk, &b)) {
		records_open(&records, &b, codecs, INFLATED_MAX);
		while (records_next(&records, &r))
			CU_ASSERT_TRUE(r.key.n <= INFLATED_MAX && r.value.n <= INFLATED_MAX);
		records_close(&records);
	}
}

/* Cuts a row at every byte: once as it is, once with the length of its first batch made to fit, so that
 * what is cut is a record or its stream. */
static void cuts_are_harmless(void)
{
	enum { LONG_ROW_BYTES = 400 };
	struct golden g = golden_open("tests/golden/records/vectors.tsv.zst");
	uint32_t whole;

	while (golden_row(&g)) {
		uint8_t *bytes = golden_bytes(g.column[1], &whole);
		bool long_one = whole > LONG_ROW_BYTES || strstr(g.column[0], "8_MiB");
		for (uint32_t n = 0; n < whole && !long_one; n++) {
			uint8_t *copy = mem_dup(bytes, n);
			read_all(copy, n);
			if (n > BATCH_OVERHEAD_BYTES) {
				put_be32(copy + BATCH_LENGTH_AT, n - BATCH_OVERHEAD_BYTES);
				read_all(copy, n);
			}
			free(copy);
		}
		free(bytes);
	}
	golden_close(&g);
}

static const struct ut_case cases[] = {
	UT(reads_as_kafka_did),
	UT(cuts_are_harmless),
};

int main(void)
{
	codecs = codecs_new();
	int rc = ut_run("golden records", cases, countof(cases));
	codecs_free(&codecs);
	return rc;
}
