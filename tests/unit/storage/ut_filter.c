/* ut_filter.c - what compaction keeps, against Kafka's MemoryRecords.filterTo: every row of filter.tsv, the
 * same bytes. The records of a compressed batch are compared without their codec, since two libraries need
 * not write the same stream. */
#include "tests/unit/protocol/golden_json.h"
#include "tests/unit/ut.h"

#include "broker/storage/filter.h"

#include <errno.h>

enum { INFLATED_MAX = 64 << 20, ROWS = 80 };

static struct codecs *codecs;

static bool keep_all(void *arg, const struct batch *b, const struct record *r)
{
	return !arg && b && r;
}

static bool keep_even(void *arg, const struct batch *b, const struct record *r)
{
	return !arg && b && r->offset % 2 == 0;
}

static bool keep_none(void *arg, const struct batch *b, const struct record *r)
{
	return arg && b && r;
}

static bool keep_valued(void *arg, const struct batch *b, const struct record *r)
{
	return !arg && b && !slice_is_null(r->value);
}

static const struct {
	const char *name;
	bool (*keeps)(void *arg, const struct batch *b, const struct record *r);
} kept[] = {
	{ "all", keep_all }, { "even offsets", keep_even }, { "none", keep_none },
	{ "records with value", keep_valued },
};

static const struct {
	const char *name;
	enum filter_verdict verdict;
} verdicts[] = {
	{ "DELETE", FILTER_DELETE }, { "RETAIN_EMPTY", FILTER_RETAIN_EMPTY },
	{ "DELETE_EMPTY", FILTER_DELETE_EMPTY },
};

static enum filter_verdict verdict_of(const char *name)
{
	for (size_t i = 0; i < countof(verdicts); i++)
		if (strcmp(verdicts[i].name, name) == 0)
			return verdicts[i].verdict;
	must_not_reach("an unknown retention");
}

static struct filter_rules rules_of(json_t *filter)
{
	struct filter_rules rules = { .codecs = codecs, .inflated_max = INFLATED_MAX,
		.now_ms = golden_int(filter, "now", 0),
		.delete_retention_ms = golden_int(filter, "delete.retention.ms", 0) };
	for (size_t i = 0; i < countof(kept); i++)
		if (strcmp(kept[i].name, golden_string(filter, "keep")) == 0)
			rules.keeps = kept[i].keeps;
	must(rules.keeps != NULL);
	return rules;
}

static bool same_record(struct record *a, struct record *b)
{
	return a->offset == b->offset && a->timestamp == b->timestamp && a->sequence == b->sequence &&
		slice_eq(a->key, b->key) && slice_eq(a->value, b->value) &&
		slice_is_null(a->key) == slice_is_null(b->key) && slice_eq(a->headers, b->headers) &&
		slice_is_null(a->value) == slice_is_null(b->value) && a->header_count == b->header_count;
}

/* All but length, CRC and the compressed bytes. */
static bool same_header(const struct batch *a, const struct batch *b)
{
	if (batch_magic(a) != batch_magic(b) || batch_attributes(a) != batch_attributes(b) ||
		batch_base_offset(a) != batch_base_offset(b))
		return false;
	if (batch_is_legacy(a))
		return batch_max_timestamp(a) == batch_max_timestamp(b);
	return batch_leader_epoch(a) == batch_leader_epoch(b) && memcmp(a->p + BATCH_ATTRIBUTES_AT,
		b->p + BATCH_ATTRIBUTES_AT, BATCH_HEADER_BYTES - BATCH_ATTRIBUTES_AT) == 0;
}

static bool same_when_decompressed(const struct batch *a, const struct batch *b)
{
	struct records of_a, of_b;
	struct record ra, rb;
	bool more, same = same_header(a, b) && batch_crc_is_good(a);
	records_open(&of_a, a, codecs, INFLATED_MAX);
	records_open(&of_b, b, codecs, INFLATED_MAX);
	while ((more = records_next(&of_a, &ra)) == records_next(&of_b, &rb) && more)
		same &= same_record(&ra, &rb);
	same &= !more && of_a.error == KERR_NONE && of_b.error == KERR_NONE;
	records_close(&of_a);
	records_close(&of_b);
	return same;
}

static bool same(struct slice ours, struct batch_walk *kafkas)
{
	struct batch_walk walk;
	struct batch a, b;
	batch_walk_init(&walk, ours);
	if (ours.n == 0)
		return true;
	if (!batch_next(&walk, &a) || !batch_next(kafkas, &b) || walk.p != walk.end)
		return false;
	return (a.n == b.n && memcmp(a.p, b.p, a.n) == 0) ||
		(batch_codec(&a) != CODEC_NONE && same_when_decompressed(&a, &b));
}

static void check_row(const char *row, json_t *filter, struct slice input, struct slice output)
{
	struct filter_rules rules = rules_of(filter);
	enum filter_verdict verdict = verdict_of(golden_string(filter, "batchRetention"));
	bool empty_txn = golden_int(filter, "containsMarkerForEmptyTxn", 0);
	struct filtered f = { 0 };
	struct batch_walk in, kafkas;
	struct batch b;
	const char *why = NULL;
	batch_walk_init(&in, input);
	batch_walk_init(&kafkas, output);
	while (batch_next(&in, &b)) {
		bool good = filter_batch(&rules, &b, verdict, empty_txn, &f, &why) == 0 &&
			same(f.bytes, &kafkas);
		if (!good)
			fprintf(stderr, "%s, %s, %s: differs\n", row, golden_string(filter, "keep"),
				golden_string(filter, "batchRetention"));
		CU_ASSERT_TRUE(good);
	}
	CU_ASSERT_TRUE(kafkas.p == kafkas.end);
	filter_free(&f);
}

static struct slice hex_column(char *hex)
{
	uint32_t n;
	uint8_t *bytes = golden_bytes(hex, &n);
	return slice_of(bytes, n);
}

static void every_row(void)
{
	struct golden g = golden_open("tests/golden/records/filter.tsv.zst");
	int rows = 0;
	for (; golden_row(&g); rows++) {
		json_t *filter = golden_json(g.column[1]);
		struct slice input = hex_column(g.column[2]), output = hex_column(g.column[3]);
		check_row(g.column[0], filter, input, output);
		json_decref(filter);
		free((void *)input.p);
		free((void *)output.p);
	}
	CU_ASSERT_EQUAL(rows, ROWS);
	golden_close(&g);
}

/* ---- what no row has ---- */

static struct buf *two_records(enum codec codec)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder builder;
	settings.codec = codec;
	batch_builder_init(&builder, codecs, &settings, 1 << 20);
	must(batch_builder_add(&builder, 1000, slice_str("a"), slice_str("one"), SLICE_NULL, 0));
	must(batch_builder_add(&builder, 1001, slice_str("b"), slice_str("two"), SLICE_NULL, 0));
	return batch_builder_finish(&builder);
}

static void damage_is_not_blessed(void)
{
	struct filter_rules rules = { .codecs = codecs, .inflated_max = INFLATED_MAX, .keeps = keep_even };
	struct filtered f = { 0 };
	const char *why = NULL;
	struct buf *buf = two_records(CODEC_NONE);
	struct batch b = { buf->bytes, buf->used };
	buf->bytes[buf->used - 2] ^= 1;
	CU_ASSERT_EQUAL(filter_batch(&rules, &b, FILTER_DELETE_EMPTY, false, &f, &why), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(why);
	/* Copied as it is it stays what it is: damaged. */
	rules.keeps = keep_all;
	CU_ASSERT_EQUAL(filter_batch(&rules, &b, FILTER_DELETE_EMPTY, false, &f, &why), 0);
	CU_ASSERT_TRUE(f.whole);
	buf_put(buf);
	filter_free(&f);
}

static void bombs_are_refused(void)
{
	struct filter_rules rules = { .codecs = codecs, .inflated_max = 4, .keeps = keep_all };
	struct filtered f = { 0 };
	const char *why = NULL;
	struct buf *buf = two_records(CODEC_ZSTD);
	struct batch b = { buf->bytes, buf->used };
	CU_ASSERT_EQUAL(filter_batch(&rules, &b, FILTER_DELETE_EMPTY, false, &f, &why), -EFBIG);
	buf_put(buf);
	filter_free(&f);
}

static bool keep_first(void *arg, const struct batch *b, const struct record *r)
{
	return !arg && b && r->offset == 0;
}

static void a_horizon_is_set_once(void)
{
	struct filter_rules rules = { .codecs = codecs, .inflated_max = INFLATED_MAX, .keeps = keep_first,
		.now_ms = 5000, .delete_retention_ms = 100 };
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder builder;
	struct filtered first = { 0 }, second = { 0 };
	const char *why = NULL;
	batch_builder_init(&builder, codecs, &settings, 1 << 20);
	must(batch_builder_add(&builder, 1000, slice_str("a"), SLICE_NULL, SLICE_NULL, 0));
	struct buf *buf = batch_builder_finish(&builder);
	struct batch b = { buf->bytes, buf->used };
	CU_ASSERT_EQUAL(filter_batch(&rules, &b, FILTER_DELETE_EMPTY, false, &first, &why), 0);
	struct batch again = { first.bytes.p, first.bytes.n };
	CU_ASSERT_TRUE(batch_has_delete_horizon(&again) && batch_base_timestamp(&again) == 5100);
	rules.now_ms = 9000;
	CU_ASSERT_EQUAL(filter_batch(&rules, &again, FILTER_DELETE_EMPTY, false, &second, &why), 0);
	CU_ASSERT_TRUE(second.whole);
	/* "Never" is no time. */
	rules.delete_retention_ms = INT64_MAX;
	CU_ASSERT_EQUAL(filter_batch(&rules, &b, FILTER_DELETE_EMPTY, false, &second, &why), 0);
	CU_ASSERT_TRUE(second.whole);
	buf_put(buf);
	filter_free(&first);
	filter_free(&second);
}

static const struct ut_case cases[] = {
	UT(every_row), UT(damage_is_not_blessed), UT(bombs_are_refused), UT(a_horizon_is_set_once),
};

int main(void)
{
	codecs = codecs_new();
	int status = ut_run("storage/filter", cases, countof(cases));
	codecs_free(&codecs);
	return status;
}
