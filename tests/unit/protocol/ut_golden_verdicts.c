/* ut_golden_verdicts.c - what a real broker answered to each row of vectors.tsv, sent as Produce v2 and v8 to
 * a topic of CreateTime (ct), of LogAppendTime (at) and to a compacted one (co): produce_verdicts.tsv. Here
 * the part of the answer that the bytes decide; sequence numbers are the partition's affair.
 */
#include "tests/unit/protocol/golden_json.h"
#include "tests/unit/ut.h"

#include "broker/protocol/batch.h"

enum {
	INFLATED_MAX = 64 << 20,
	ARENA_BYTES = 1 << 20,
	ROWS_FOR_EACH_VECTOR = 6,	/* three topics, two versions */
	CT_MAX_MESSAGE_BYTES = 20000000,
	MAX_MESSAGE_BYTES = 1048588,	/* Kafka's default */
};

static const int64_t now_ms = 1760000000000;

/* As in ut_golden_validator.c: Kafka appends these (or, of offset deltas in a compressed batch, fails with
 * -1). */
static const char *const stricter[] = {
	"bad/v2/record/offset_delta_1_instead_of_0", "bad/v2/record/offset_delta_minus_1",
	"bad/v2/record/offset_deltas_0_0", "bad/v2/record/offset_deltas_1_0",
	"bad/v2/gzip/offset_deltas_0_0", "bad/v2/gzip/offset_deltas_1_0",
	"bad/v2/gzip/record_length_0", "bad/v2/gzip/record_length_huge",
	"bad/v2/gzip/stream_bit_flipped", NULL,
};

/* Key or value pass the end of a message of magic 0 or 1, where Java says only that it cannot (-1). */
static const char *const stricter_of_messages[] = {
	"bad/v0/key_size_-2", "bad/v0/key_size_0", "bad/v0/key_size_1000", "bad/v0/key_size_2147483647",
	"bad/v0/value_size_2_instead_of_1", "bad/v0/value_size_1000_instead_of_1",
	"bad/v1/key_size_-2", "bad/v1/key_size_0", "bad/v1/key_size_1000", "bad/v1/key_size_2147483647",
	"bad/v1/value_size_2_instead_of_1", "bad/v1/value_size_1000_instead_of_1", NULL,
};

/* Shorter than its own header: Kafka answers -1 to v2, and sees only the magic number of a message with
 * v8. */
static const char *const shorter_than_header[] = {
	"bad/v2/length_14_smallest_legacy", "bad/v1/size_14", "bad/v1/size_15", NULL,
};

static struct codecs *codecs;
static struct arena arena;
static int checked_rows;

static struct batch_rules rules_of(const char *topic)
{
	return (struct batch_rules){
		.codec = BATCH_CODEC_KEEP,
		.log_append_time = strcmp(topic, "at") == 0,
		.compacted = strcmp(topic, "co") == 0,
		.before_max_ms = INT64_MAX,
		.after_max_ms = INT64_MAX,
		.max_message_bytes = strcmp(topic, "ct") == 0 ? CT_MAX_MESSAGE_BYTES : MAX_MESSAGE_BYTES,
		.inflated_max = INFLATED_MAX,
	};
}

/* The request handler's look at the first batch, then the check. No request here has a transactional id. */
static enum kerr answer(int version, struct slice bytes, const struct batch_rules *rules,
	struct batch_checked *checked)
{
	bool transactional, idempotent;
	const char *why;
	enum kerr error = batch_first_flags(bytes, &transactional, &idempotent, &why);

	*checked = (struct batch_checked){ 0 };
	if (error != KERR_NONE)
		return error;
	if (transactional)
		return KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	return batch_check(codecs, &arena, version, bytes, rules, now_ms, checked);
}

static int count_of_errors(const char *column)
{
	int n = *column != '\0';

	for (const char *at = column; (at = strstr(at, " | ")); at++)
		n++;
	return n;
}

static void same_record_errors(const struct batch_checked *checked, const char *column)
{
	const char *at = column;

	CU_ASSERT_EQUAL((int)checked->bad_count, count_of_errors(column));
	for (uint32_t i = 0; i < checked->bad_count && at; i++) {
		CU_ASSERT_EQUAL(checked->bad[i].index, atoi(at));
		at = strstr(at, " | ");
		at = at ? at + strlen(" | ") : NULL;
	}
}

static void check_row(struct slice bytes, char *columns[])
{
	const char *name = columns[0];
	struct batch_rules rules = rules_of(columns[1]);
	int version = atoi(columns[2]), expected = atoi(columns[4]);
	struct batch_checked checked;
	enum kerr error = answer(version, bytes, &rules, &checked);

	if (expected == KERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
		expected = KERR_NONE; /* of another row before it, or of none */
	if (golden_is_listed(name, stricter) || golden_is_listed(name, stricter_of_messages))
		expected = KERR_INVALID_RECORD;
	if (golden_is_listed(name, shorter_than_header))
		expected = KERR_CORRUPT_MESSAGE;
	if ((int)error != expected)
		fprintf(stderr, "%s, topic %s, v%d: %s (%s), Kafka has %s\n", name, columns[1], version,
			kerr_name(error), checked.why ? checked.why : "", kerr_name(expected));
	CU_ASSERT_EQUAL((int)error, expected);
	if (version >= 8)
		same_record_errors(&checked, columns[8]);
	arena_reset(&arena);
	checked_rows++;
}

static void answers_as_a_broker_did(void)
{
	struct golden vectors = golden_open("tests/golden/records/vectors.tsv.zst");
	struct golden verdicts = golden_open("tests/golden/records/produce_verdicts.tsv.zst");

	while (golden_row(&vectors)) {
		uint32_t n;
		uint8_t *bytes = golden_bytes(vectors.column[1], &n);
		for (int i = 0; i < ROWS_FOR_EACH_VECTOR; i++) {
			CU_ASSERT_TRUE(golden_row(&verdicts));
			CU_ASSERT_STRING_EQUAL(vectors.column[0], verdicts.column[0]);
			check_row(slice_of(bytes, n), verdicts.column);
		}
		free(bytes);
	}
	CU_ASSERT_FALSE(golden_row(&verdicts));
	CU_ASSERT_EQUAL(checked_rows, 2952);
	golden_close(&vectors);
	golden_close(&verdicts);
}

static const struct ut_case cases[] = {
	UT(answers_as_a_broker_did),
};

int main(void)
{
	codecs = codecs_new();
	arena_init(&arena, ARENA_BYTES);
	int rc = ut_run("golden verdicts", cases, countof(cases));
	arena_free(&arena);
	codecs_free(&codecs);
	return rc;
}
