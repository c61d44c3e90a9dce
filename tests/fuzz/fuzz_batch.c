/* fuzz_batch.c - any bytes as the records of a Produce request, and as a segment: what is taken can be read,
 * stamped and rebuilt; what is not taken does no harm.
 *
 * Input: what the topic demands, what is put right before (length and CRC of the first batch), the bytes.
 */
#include "tests/fuzz/fuzz_records.h"

#include "broker/base/must.h"
#include "broker/protocol/batch.h"

enum {
	INFLATED_MAX = 1 << 20,
	ARENA_BYTES = 1 << 20,
	PRODUCE_VERSION = 9,
	PRODUCE_VERSION_OF_OLD = 2,	/* for messages of magic 0 and 1 */
	NOW = 1700000100,

	TOPIC_CODEC_BITS = 0x07,	/* 6 and 7: producer */
	TOPIC_LOG_APPEND_TIME = 0x08,
	TOPIC_COMPACTED = 0x10,
	TOPIC_NARROW_TIME = 0x20,

	FIX_LENGTH = 0x01,
	FIX_CRC = 0x02,
};

static struct batch_rules rules_of(uint8_t bits)
{
	int codec = bits & TOPIC_CODEC_BITS;

	return (struct batch_rules){
		.codec = codec < CODEC_COUNT ? codec : BATCH_CODEC_KEEP,
		.level = CODEC_LEVEL_DEFAULT,
		.log_append_time = bits & TOPIC_LOG_APPEND_TIME,
		.compacted = bits & TOPIC_COMPACTED,
		.before_max_ms = bits & TOPIC_NARROW_TIME ? 1000 : INT64_MAX,
		.after_max_ms = bits & TOPIC_NARROW_TIME ? 1000 : INT64_MAX,
		.max_message_bytes = INT32_MAX,
		.inflated_max = INFLATED_MAX,
	};
}

/* A length that is wrong or a CRC would hide everything else that is. */
static void put_right(uint8_t *bytes, size_t n, uint8_t bits)
{
	struct batch_walk walk;
	struct batch b;

	if (bits & FIX_LENGTH && n >= BATCH_HEADER_BYTES)
		put_be32(bytes + BATCH_LENGTH_AT, (uint32_t)n - BATCH_OVERHEAD_BYTES);
	if (!(bits & FIX_CRC))
		return;
	batch_walk_init(&walk, slice_of(bytes, n));
	while (batch_next(&walk, &b))
		put_be32(bytes + (b.p - bytes) + (batch_is_legacy(&b) ? MESSAGE_CRC_AT : BATCH_CRC_AT),
			batch_computed_crc(&b));
}

/* As after a restart: every batch of any magic, its records, their headers. */
static void read_all(struct codecs *codecs, struct slice bytes)
{
	struct record_header h;
	struct batch_walk walk;
	struct records records;
	struct record r;
	struct batch b;

	batch_walk_init(&walk, bytes);
	while (batch_next(&walk, &b)) {
		(void)batch_crc_is_good(&b);
		records_open(&records, &b, codecs, INFLATED_MAX);
		while (records_next(&records, &r))
			while (record_header_next(&r, &h))
				must(h.key.n <= INFLATED_MAX + bytes.n);
		records_close(&records);
	}
}

/* A batch that was taken has as many records as it says, one after the other. */
static void taken_batch_reads(struct codecs *codecs, const struct batch *b, int64_t base)
{
	struct records records;
	struct record r;
	int32_t n = 0;

	must(batch_crc_is_good(b));
	records_open(&records, b, codecs, INFLATED_MAX * 2);
	for (; records_next(&records, &r); n++)
		must(r.offset == base + n);
	must(records.error == KERR_NONE && n == batch_count(b));
	records_close(&records);
}

static void append(struct codecs *codecs, struct batch_checked *checked, const struct batch_rules *rules)
{
	struct batch_stamp stamp = { 1000, 7, rules->log_append_time, checked->max_timestamp };
	uint8_t *p = (uint8_t *)(uintptr_t)checked->batch.p;
	size_t n = checked->batch.n;
	struct buf *buf = NULL;
	const char *why;

	if (checked->rebuild) {
		must(batch_rebuild(codecs, checked, rules, NOW, &buf, &why) == KERR_NONE);
		p = buf->bytes;
		n = buf->used;
	}
	batch_assign(p, n, &stamp);
	taken_batch_reads(codecs, &(struct batch){ p, (uint32_t)n }, stamp.base_offset);
	buf_put(buf);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct batch_checked checked;
	struct codecs *codecs;
	struct arena arena;
	uint8_t *bytes;

	if (n < FUZZ_HEAD_BYTES || n > INFLATED_MAX)
		return 0;
	struct batch_rules rules = rules_of(input[0]);
	struct slice in = slice_of(bytes = mem_dup(input + FUZZ_HEAD_BYTES, n - FUZZ_HEAD_BYTES),
		n - FUZZ_HEAD_BYTES);
	codecs = codecs_new();
	arena_init(&arena, ARENA_BYTES);
	put_right(bytes, in.n, input[1]);
	read_all(codecs, in);
	bool old = in.n >= BATCH_PEEK_BYTES && bytes[BATCH_MAGIC_AT] < 2;
	enum kerr error = batch_check(codecs, &arena, old ? PRODUCE_VERSION_OF_OLD : PRODUCE_VERSION, in,
		&rules, NOW, &checked);
	must((error == KERR_NONE) == (checked.why == NULL));
	if (error == KERR_NONE && checked.batch.n > 0)
		append(codecs, &checked, &rules);
	arena_free(&arena);
	codecs_free(&codecs);
	free(bytes);
	return 0;
}

size_t fuzz_input_of(const uint8_t *batch, size_t n, uint8_t *out)
{
	out[0] = (uint8_t)n; /* some rules or other */
	out[1] = FIX_CRC;
	memcpy(out + FUZZ_HEAD_BYTES, batch, n);
	return n + FUZZ_HEAD_BYTES;
}
