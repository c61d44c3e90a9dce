/* ut_load.c - partitions of __consumer_offsets are loaded: what Apache Kafka 3.9.2 left (tests/golden/disk)
 * becomes the groups and offsets of its dump; what is damaged is passed over; loads are overtaken. */
#include "broker/group/group_log.h"
#include "broker/group/load.h"
#include "broker/group/offsets.h"
#include "tests/unit/group/group_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_MAX = 1 << 20 };

static void expect(struct group_test *t, const char *expected)
{
	struct gt_text room;
	const char *text = gt_dump(t, &room);
	if (strcmp(text, expected) != 0)
		fprintf(stderr, "%s\ninstead of\n%s\n", text, expected);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

/* ---- a Java broker's disk ---- */

static const char *const golden[] = {
	/* its members come back, the static ones of a broker that was stopped in between */
	"group-b: Stable, generation 1, type consumer, protocol range, since 1795252328557\n"
	"  *static-1-2c09da66-285c-4cdd-bc61-6920ce8fab60 (static-1) client-1/127.0.0.1 45000 300000 "
	"metadata 31 assignment 10\n"
	"  static-0-248a36a3-267a-497f-a600-127914f2c3a6 (static-0) client-0/127.0.0.1 45000 300000 "
	"metadata 31 assignment 37\n"
	"  src-0 offset 5 epoch 0 metadata 'metadata ünï' at 1795252332594\n"
	"  src2-0 offset 20 epoch 0 metadata '' at 1795252332588\n",
	/* 7 was committed with its transaction; 9 was aborted */
	"grüppe-ü: Empty, generation 2, type consumer, protocol , since 1795252337054\n"
	"  src-0 offset 5 epoch 0 metadata 'metadata ünï' at 1795252336959\n"
	"  src2-0 offset 20 epoch 0 metadata '' at 1795252336953\n"
	"txn-group: Empty, generation 2, type consumer, protocol , since 1795252324033\n"
	"  src-0 offset 7 epoch 0 metadata 'in txn' at 1795252323490\n",
	"group-a: Empty, generation 3, type consumer, protocol , since 1795252328468\n"
	"  src-0 offset 5 epoch 0 metadata 'metadata ünï' at 1795252328390\n"
	"  src2-0 offset 20 epoch 0 metadata '' at 1795252328378\n"
	"simple-consumer: Empty, generation 0, type , protocol , since -1\n"
	"  src-0 offset 11 epoch -1 metadata '' at 1795252337082\n",
};

static void a_brokers_groups_are_loaded(void)
{
	const char *dir = st_dir("load");
	st_unpack("txn-groups-clean", dir);
	for (int32_t i = 0; i < (int32_t)countof(golden); i++) {
		char name[64];
		struct group_test t;
		snprintf(name, sizeof name, "__consumer_offsets-%d", i);
		gt_begin(&t, path_in(dir, name).s, i, NULL, 0);
		gt_lead(&t, GT_EPOCH);
		gt_wait_active(&t);
		expect(&t, golden[i]);
		gt_end(&t);
	}
	st_clean();
}

/* The same with a buffer that holds hardly a batch. */
static void a_small_buffer_will_do(void)
{
	static const char *const small[] = { "offsets.load.buffer.size=1" };
	const char *dir = st_dir("load");
	struct group_test t;
	st_unpack("txn-groups-clean", dir);
	gt_begin(&t, path_in(dir, "__consumer_offsets-1").s, 1, small, 1);
	gt_lead(&t, GT_EPOCH);
	gt_wait_active(&t);
	expect(&t, golden[1]);
	gt_end(&t);
	st_clean();
}

static void an_open_transaction_stays_pending(void)
{
	const char *dir = st_dir("load");
	struct group_test t;
	st_unpack("txn-open-killed", dir);
	gt_begin(&t, path_in(dir, "__consumer_offsets-0").s, 0, NULL, 0);
	gt_lead(&t, GT_EPOCH);
	gt_wait_active(&t);
	const struct group *g = coordinator_group(t.at, SLICE_LIT("pending-group"));
	CU_ASSERT(g != NULL && offsets_is_unstable(g->offsets, SLICE_LIT("src2"), 0));
	CU_ASSERT(g != NULL && offsets_count(g->offsets) == 0);
	gt_end(&t);
	st_clean();
}

/* ---- batches of our own ---- */

static struct group_test *begin(struct group_test *t)
{
	gt_begin(t, st_dir("__consumer_offsets-7"), 7, NULL, 0);
	return t;
}

static struct batch_builder builder(struct codecs *codecs, enum codec codec, int64_t producer_id)
{
	struct batch_builder b;
	struct batch_settings s = BATCH_SETTINGS_PLAIN;
	s.codec = codec;
	s.base_sequence = 0;
	if (producer_id >= 0) {
		s.producer_id = producer_id;
		s.producer_epoch = 0;
		s.attributes = BATCH_TRANSACTIONAL;
	}
	batch_builder_init(&b, codecs, &s, BATCH_MAX);
	return b;
}

static void add_offset(struct batch_builder *b, const char *group, int32_t partition, int64_t offset)
{
	const struct offset_commit_key key = { slice_str(group), SLICE_LIT("t"), partition };
	const struct offset_commit_value value = { offset, -1, SLICE_LIT(""), 1000, -1 };
	must(group_log_add_offset(b, IBP_LATEST, &key, &value, 1));
}

static void append_offset(struct group_test *t, const char *group, int32_t partition, int64_t offset)
{
	struct codecs *codecs = codecs_new();
	struct batch_builder b = builder(codecs, CODEC_NONE, -1);
	add_offset(&b, group, partition, offset);
	gt_append(t, batch_builder_finish(&b));
	batch_builder_free(&b);
	codecs_free(&codecs);
}

/* Leads, appends nothing more, and loads again. */
static void load_again(struct group_test *t)
{
	gt_follow(t, t->partition->role.leader_epoch + 1);
	CU_ASSERT(t->at == NULL || t->at->groups == NULL);
	gt_lead(t, t->partition->role.leader_epoch + 1);
	gt_wait_active(t);
}

static void every_codec_is_read(void)
{
	struct group_test t;
	struct codecs *codecs = codecs_new();
	begin(&t);
	gt_lead(&t, GT_EPOCH);
	for (int codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
		struct batch_builder b = builder(codecs, (enum codec)codec, -1);
		for (int32_t i = 0; i < 2; i++)
			add_offset(&b, "g", codec * 2 + i, codec);
		gt_append(&t, batch_builder_finish(&b));
		batch_builder_free(&b);
	}
	load_again(&t);
	expect(&t, "g: Empty, generation 0, type , protocol , since -1\n"
		   "  t-0 offset 0 epoch -1 metadata '' at 1000\n"
		   "  t-1 offset 0 epoch -1 metadata '' at 1000\n"
		   "  t-2 offset 1 epoch -1 metadata '' at 1000\n"
		   "  t-3 offset 1 epoch -1 metadata '' at 1000\n"
		   "  t-4 offset 2 epoch -1 metadata '' at 1000\n"
		   "  t-5 offset 2 epoch -1 metadata '' at 1000\n"
		   "  t-6 offset 3 epoch -1 metadata '' at 1000\n"
		   "  t-7 offset 3 epoch -1 metadata '' at 1000\n"
		   "  t-8 offset 4 epoch -1 metadata '' at 1000\n"
		   "  t-9 offset 4 epoch -1 metadata '' at 1000\n");
	codecs_free(&codecs);
	gt_end(&t);
	st_clean();
}

static void append_record(struct group_test *t, struct slice key, struct slice value)
{
	struct codecs *codecs = codecs_new();
	struct batch_builder b = builder(codecs, CODEC_NONE, -1);
	must(batch_builder_add(&b, 1, key, value, SLICE_NULL, 0));
	gt_append(t, batch_builder_finish(&b));
	batch_builder_free(&b);
	codecs_free(&codecs);
}

static void what_makes_no_sense_is_passed_over(void)
{
	static const uint8_t newer_key[] = { 0, 5, 0, 1, 'x' }, newer_value[] = { 0, 9 };
	static const uint8_t offset_key[] = { 0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 0 };
	static const uint8_t group_key[] = { 0, 2, 0, 1, 'g' };
	/* members, but no protocol */
	static const uint8_t group_value[] = { 0, 0, 0, 1, 'c', 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0,
					       1, 0, 1, 'm', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct group_test t;
	begin(&t);
	gt_lead(&t, GT_EPOCH);
	append_offset(&t, "g", 0, 1);
	append_record(&t, slice_of(newer_key, sizeof newer_key), SLICE_LIT("x"));
	append_record(&t, SLICE_NULL, SLICE_LIT("x"));
	append_record(&t, SLICE_LIT(""), SLICE_LIT("x"));
	append_record(&t, SLICE_LIT("\0\1\0\7g"), SLICE_LIT("x"));
	append_record(&t, slice_of(offset_key, sizeof offset_key), slice_of(newer_value, sizeof newer_value));
	append_record(&t, slice_of(group_key, sizeof group_key), slice_of(newer_value, sizeof newer_value));
	append_record(&t, slice_of(group_key, sizeof group_key), slice_of(group_value, sizeof group_value));
	append_offset(&t, "g", 1, 2);
	load_again(&t);
	expect(&t, "g: Empty, generation 0, type , protocol , since -1\n"
		   "  t-0 offset 1 epoch -1 metadata '' at 1000\n"
		   "  t-1 offset 2 epoch -1 metadata '' at 1000\n");
	gt_end(&t);
	st_clean();
}

/* A disk that has changed what was written: the second of four batches. */
static void damaged(uint32_t at, const char *bytes, size_t n, int buffer, bool finds_the_rest)
{
	char setting[64];
	const char *settings[] = { setting };
	const char *dir = st_dir("__consumer_offsets-7");
	struct path file = path_in(dir, "00000000000000000000.log");
	struct group_test t;
	snprintf(setting, sizeof setting, "offsets.load.buffer.size=%d", buffer);
	gt_begin(&t, dir, 7, settings, 1);
	gt_lead(&t, GT_EPOCH);
	for (int32_t i = 0; i < 4; i++)
		append_offset(&t, "g", i, i);
	int fd = open(file.s, O_WRONLY);
	uint32_t batch = (uint32_t)(log_size_bytes(t.log.log) / 4);
	must(fd >= 0 && pwrite(fd, bytes, n, batch + at) == (ssize_t)n);
	close(fd);
	load_again(&t);
	expect(&t, finds_the_rest ? "g: Empty, generation 0, type , protocol , since -1\n"
				    "  t-0 offset 0 epoch -1 metadata '' at 1000\n"
				    "  t-2 offset 2 epoch -1 metadata '' at 1000\n"
				    "  t-3 offset 3 epoch -1 metadata '' at 1000\n"
				  : "g: Empty, generation 0, type , protocol , since -1\n"
				    "  t-0 offset 0 epoch -1 metadata '' at 1000\n");
	gt_end(&t);
	st_clean();
}

static void a_damaged_batch_is_passed_over(void)
{
	enum { LENGTH_AT = 8, LAST_DELTA_AT = 23, TIME_AT = 27 };
	for (int buffer = 1; buffer <= 1 << 20; buffer <<= 10) {
		damaged(TIME_AT, "x", 1, buffer, true);
		damaged(LAST_DELTA_AT, "\0\0\0\2", 4, buffer, buffer > 1); /* it hides those that it claims */
		damaged(LAST_DELTA_AT, "\x7f\xff\xff\xff", 4, buffer, buffer > 1);
		damaged(LAST_DELTA_AT, "\xff\xff\xff\xff", 4, buffer, true);
		damaged(LENGTH_AT, "\x7f\0\0\0", 4, buffer, false);
	}
}

static void members_that_make_no_sense_leave_the_offsets(void)
{
	struct codecs *codecs = codecs_new();
	struct batch_builder b = builder(codecs, CODEC_NONE, -1);
	const struct group_metadata_value_member m = { .member_id = SLICE_LIT("m"), .session_timeout = 1 };
	struct group_metadata_value_member twice[2] = { m, m };
	const struct group_metadata_value value = { SLICE_LIT("consumer"), 3, SLICE_LIT("range"),
						    SLICE_LIT("m"), 77, twice, 2 };
	struct group_test t;
	begin(&t);
	gt_lead(&t, GT_EPOCH);
	append_offset(&t, "g", 0, 1);
	must(group_log_add_group_value(&b, IBP_LATEST, SLICE_LIT("g"), &value, 1));
	gt_append(&t, batch_builder_finish(&b));
	load_again(&t);
	expect(&t, "g: Empty, generation 0, type , protocol , since -1\n"
		   "  t-0 offset 1 epoch -1 metadata '' at 1000\n");
	batch_builder_free(&b);
	codecs_free(&codecs);
	gt_end(&t);
	st_clean();
}

static void tombstones_remove(void)
{
	const struct offset_commit_key key = { SLICE_LIT("g"), SLICE_LIT("t"), 0 };
	struct codecs *codecs = codecs_new();
	struct group_test t;
	begin(&t);
	gt_lead(&t, GT_EPOCH);
	append_offset(&t, "g", 0, 1);
	append_offset(&t, "h", 0, 2);
	struct batch_builder b = builder(codecs, CODEC_NONE, -1);
	must(group_log_add_offset_tombstone(&b, &key, 1) &&
	     group_log_add_group_tombstone(&b, SLICE_LIT("g"), 1));
	gt_append(&t, batch_builder_finish(&b));
	load_again(&t);
	expect(&t, "h: Empty, generation 0, type , protocol , since -1\n"
		   "  t-0 offset 2 epoch -1 metadata '' at 1000\n");
	batch_builder_free(&b);
	codecs_free(&codecs);
	gt_end(&t);
	st_clean();
}

/* ---- elections while a load runs ---- */

static void a_load_that_is_overtaken_is_dropped(void)
{
	struct group_test t;
	begin(&t);
	gt_lead(&t, GT_EPOCH);
	append_offset(&t, "g", 0, 1);
	for (int turns = 0; turns < 8; turns++) {
		int32_t epoch = t.partition->role.leader_epoch;
		gt_follow(&t, epoch + 1);
		gt_lead(&t, epoch + 2);
		gt_turns(&t, turns);
		gt_follow(&t, epoch + 3);
		HASH_FIND_INT(t.coordinator->partitions, &t.partition->index, t.at);
		CU_ASSERT(t.at->state == COORDINATED_NONE && t.at->groups == NULL);
		gt_turns(&t, 3);
		CU_ASSERT(t.at->state == COORDINATED_NONE && t.at->groups == NULL);
		gt_lead(&t, epoch + 4);
	}
	gt_wait_active(&t);
	CU_ASSERT_EQUAL(HASH_COUNT(t.at->groups), 1);
	gt_end(&t);
	st_clean();
}

static void the_broker_stops_while_a_load_runs(void)
{
	for (int turns = 0; turns < 4; turns++) {
		struct group_test t;
		begin(&t);
		gt_lead(&t, GT_EPOCH);
		append_offset(&t, "g", 0, 1);
		load_again(&t);
		gt_follow(&t, t.partition->role.leader_epoch + 1);
		gt_lead(&t, t.partition->role.leader_epoch + 1);
		gt_turns(&t, turns);
		gt_end(&t);
	}
	CU_PASS("nothing is left behind");
	st_clean();
}

static const struct ut_case cases[] = {
	UT(a_brokers_groups_are_loaded),
	UT(a_small_buffer_will_do),
	UT(an_open_transaction_stays_pending),
	UT(every_codec_is_read),
	UT(what_makes_no_sense_is_passed_over),
	UT(a_damaged_batch_is_passed_over),
	UT(members_that_make_no_sense_leave_the_offsets),
	UT(tombstones_remove),
	UT(a_load_that_is_overtaken_is_dropped),
	UT(the_broker_stops_while_a_load_runs),
};

int main(void)
{
	return ut_run("load", cases, countof(cases));
}
