/* ut_explain.c - what facts about a partition come to: leaders, replicas, readers, retention; and numbers
 * that no clock or disk ever has.
 */
#include "tests/unit/ut.h"
#include "tools/explain_priv.h"
#include "tools/table.h"

#include <string.h>

enum { REPLICAS = 3, BROKERS = 3 };
#define HOUR INT64_C(3600000)
#define NOW (1000 * HOUR)

/* A topic of one partition on three brokers, all well; each case then breaks something. */
struct world {
	struct arena arena;
	struct explained e;
	struct explained_broker brokers[BROKERS];
	struct explained_topic t;
	struct explained_partition p;
	struct explained_replica replicas[REPLICAS];
	struct findings found;
};

static void set(struct world *w, enum explained_key key, const char *value)
{
	char *end;
	int64_t number = strtoll(value, &end, 10);
	w->t.settings[key] = (struct explained_setting){ value, "default", *end ? UNKNOWN : number };
}

static struct world *world(void)
{
	struct world *w = calloc(1, sizeof *w);
	must(w != NULL);
	arena_init(&w->arena, 1 << 24);
	w->e = (struct explained){ .now_ms = NOW, .brokers = w->brokers, .n_brokers = BROKERS };
	w->t = (struct explained_topic){ .partitions = &w->p, .n_partitions = 1, .settings_known = true };
	w->p = (struct explained_partition){ .leader = 1,
		.has_leader = true,
		.replicas = w->replicas,
		.n_replicas = REPLICAS,
		.n_isr = REPLICAS,
		.end = 100,
		.high = 100,
		.stable = 100,
		.first_ms = NOW - 2 * HOUR,
		.newest_ms = NOW - HOUR };
	for (int i = 0; i < REPLICAS; i++) {
		w->replicas[i] = (struct explained_replica){ .broker = i + 1,
			.alive = true,
			.in_isr = true,
			.end = 100,
			.here = { "/d", 1000, 0 },
			.future = { NULL, UNKNOWN, UNKNOWN } };
		w->brokers[i] = (struct explained_broker){
			.id = i + 1, .settings_known = true, .cleaner_on = true, .check_ms = 300000
		};
	}
	set(w, KEY_CLEANUP_POLICY, "delete");
	set(w, KEY_MIN_ISR, "1");
	set(w, KEY_UNCLEAN, "false");
	return w;
}

/* The words of the n-th finding of a kind; "" when there is none. Asks anew each time. */
static const char *nth(struct world *w, enum finding_kind kind, unsigned n)
{
	w->found = (struct findings){ 0 };
	explain_why(&w->arena, &w->e, &w->t, &w->p, &w->found);
	for (unsigned i = 0; i < w->found.n; i++)
		if (w->found.v[i].kind == kind && n-- == 0)
			return w->found.v[i].words;
	return "";
}

static const char *says(struct world *w, enum finding_kind kind)
{
	return nth(w, kind, 0);
}

static void end(struct world *w)
{
	arena_free(&w->arena);
	free(w);
}

#define SAYS(w, kind, part) CU_ASSERT_PTR_NOT_NULL(strstr(says(w, FINDING_##kind), part))
#define SILENT(w, kind) CU_ASSERT_STRING_EQUAL(says(w, FINDING_##kind), "")

static void nothing_is_wrong(void)
{
	struct world *w = world();
	SILENT(w, NO_LEADER);
	CU_ASSERT_EQUAL(w->found.n, 0);
	end(w);
}

static void leaders(void)
{
	struct world *w = world();
	w->p.leader = 2;
	SAYS(w, NOT_PREFERRED, "Broker 2 leads in place of the preferred 1, which is in sync");
	w->replicas[0].in_isr = false;
	SAYS(w, NOT_PREFERRED, "which is not in sync");
	w->replicas[0].alive = false;
	SAYS(w, NOT_PREFERRED, "which is not alive");
	w->brokers[1].silent = "why";
	SAYS(w, LEADER_SILENT, "broker 2, does not answer");
	w->p.has_leader = false;
	SAYS(w, NO_LEADER, "although 2, 3 could lead");
	w->replicas[1].alive = w->replicas[2].in_isr = false;
	SAYS(w, NO_LEADER, "none that was in sync (2) is alive. 3 is alive but was not in sync, and "
			   "unclean.leader.election.enable=false");
	set(w, KEY_UNCLEAN, "true");
	SAYS(w, NO_LEADER, "unclean.leader.election.enable=true allows 3 to lead");
	w->t.settings[KEY_UNCLEAN].value = NULL;
	SAYS(w, NO_LEADER, "is not known");
	w->replicas[2].alive = false;
	SAYS(w, NO_LEADER, "none of the brokers that have it (1, 2, 3) is alive. In sync last: 2;");
	w->p.n_replicas = 0;
	SAYS(w, NO_LEADER, "(none)");
	end(w);
}

static void replicas(void)
{
	struct world *w = world();
	w->replicas[1].in_isr = false;
	w->replicas[1].end = 40;
	w->p.n_isr = 2;
	SAYS(w, UNDER_REPLICATED, "2 is not in the ISR: its broker is alive and it is 60 records behind");
	w->brokers[1].silent = "why";
	SAYS(w, UNDER_REPLICATED, "its broker is registered as alive but does not answer");
	w->brokers[1].silent = NULL;
	w->replicas[1].end = UNKNOWN;
	SAYS(w, UNDER_REPLICATED, "how far it is is not known");
	w->replicas[1].offline = true;
	SAYS(w, UNDER_REPLICATED, "log directory is offline");
	SILENT(w, AT_MIN_ISR);
	set(w, KEY_MIN_ISR, "2");
	SAYS(w, AT_MIN_ISR, "Just min.insync.replicas=2");
	set(w, KEY_MIN_ISR, "3");
	SAYS(w, UNDER_MIN_ISR, "Fewer in sync (2) than min.insync.replicas=3");
	set(w, KEY_MIN_ISR, "4");
	SAYS(w, MIN_ISR_TOO_HIGH, "more than there are replicas (3)");
	CU_ASSERT_EQUAL(finding_weight(w->found.v[0].kind), WRONG);
	w->p.moving = w->replicas[1].adding = w->replicas[2].leaving = true;
	SAYS(w, REASSIGNING, "adds 2, removes 3");
	CU_ASSERT_PTR_NOT_NULL(strstr(nth(w, FINDING_REASSIGNING, 1), "It waits for 2"));
	SILENT(w, UNDER_REPLICATED);
	w->replicas[0].future = (struct explained_copy){ "/other", 512, 7 };
	SAYS(w, COPYING, "Broker 1 copies its replica from /d to /other: 512 bytes of 1000 bytes, 7 records");
	end(w);
}

static void what_holds_back(void)
{
	struct world *w = world();
	struct explained_producer x[2] = { { .id = 7, .txn_start = -1 },
		{ .id = 8, .epoch = 3, .txn_start = 60, .last_ms = NOW - 5000, .timeout_ms = UNKNOWN,
			.started_ms = UNKNOWN } };
	w->p.high = w->p.stable = 90;
	w->replicas[2].end = 90;
	SAYS(w, UNCOMMITTED, "The last 10 records (from 90) are not committed: replica 3 is in the ISR");
	w->brokers[1].silent = "why";
	SAYS(w, UNCOMMITTED, "replica 2 is in the ISR, and its broker does not answer");
	set(w, KEY_MIN_ISR, "5");
	SAYS(w, UNCOMMITTED, "fewer than min.insync.replicas");
	w->p.high = 100;
	SILENT(w, UNCOMMITTED);
	w->p.stable = 60;
	SAYS(w, OPEN_TRANSACTION, "of whom is not known");
	w->p.producers = x;
	w->p.n_producers = 2;
	SAYS(w, OPEN_TRANSACTION, "stop at 60, 40 before the others: producer 8 (epoch 3) has a "
				  "transaction open from 60 on, and wrote last 5 s ago. Its transaction's "
				  "coordinator has not told");
	for (int i = 0; i < BROKERS; i++)
		w->brokers[i].listed_transactions = true;
	SAYS(w, OPEN_TRANSACTION, "it hangs");
	x[1].transactional_id = "id";
	x[1].state = "Ongoing";
	x[1].timeout_ms = 60000;
	x[1].started_ms = 0;
	SAYS(w, OPEN_TRANSACTION, "id 'id' is Ongoing since 1970-01-01T00:00:00Z, and times out after "
				  "1 min.");
	end(w);
}

static void readers(void)
{
	struct world *w = world();
	struct explained_group g = { .id = SLICE_LIT("a\033b"), .described = true,
		.state = SLICE_LIT("Stable") };
	struct explained_reader r = { .group = &g, .committed = true, .offset = 50, .lag = 50 }, *v = &r;
	w->p.readers = &v;
	w->p.n_readers = 1;
	SAYS(w, GROUP_IDLE, "are behind: 'a\xef\xbf\xbd" "b' by 50.");
	g.n_members = 2;
	SAYS(w, GROUP_UNASSIGNED, "none of its 2 members has this partition (it is Stable)");
	w->p.start = 51;
	SAYS(w, GROUP_LOST, "stands at 50, before the first record there is (51)");
	r.offset = 200;
	r.lag = -100;
	SAYS(w, GROUP_BEYOND, "stands at 200, past the end (100)");
	g.described = false;
	r.lag = 5;
	SILENT(w, GROUP_IDLE);
	end(w);
}

static void by_age(void)
{
	struct world *w = world();
	set(w, KEY_RETENTION_MS, "10800000");
	set(w, KEY_SEGMENT_MS, "604800000");
	SAYS(w, RETENTION_TIME, "goes between 1970-02-11T17:00:00Z (in 1 h) and 1970-02-11T18:00:00Z");
	set(w, KEY_SEGMENT_MS, "600000");
	SAYS(w, RETENTION_TIME, "and 1970-02-11T17:10:00Z");
	set(w, KEY_RETENTION_MS, "7200000");
	SAYS(w, RETENTION_TIME, "by 1970-02-11T16:10:00Z at the latest (in 10 min)");
	set(w, KEY_RETENTION_MS, "3600000");
	SAYS(w, RETENTION_TIME, "is due and goes when its broker looks next (every 5 min)");
	set(w, KEY_RETENTION_MS, "10800000");
	w->p.newest_ms = w->p.first_ms;
	SAYS(w, RETENTION_TIME, "goes at 1970-02-11T17:00:00Z (in 1 h)");
	w->p.first_ms = -1;
	SAYS(w, RETENTION_TIME, "is not known");
	set(w, KEY_RETENTION_MS, "-1");
	SAYS(w, RETENTION_NONE, "Nothing is ever deleted: retention.ms=-1");
	SILENT(w, RETENTION_TIME);
	w->p.high = w->p.end = 0;
	SAYS(w, RETENTION_NONE, "It has no records");
	end(w);
}

static void by_size(void)
{
	struct world *w = world();
	set(w, KEY_RETENTION_BYTES, "2000");
	set(w, KEY_SEGMENT_BYTES, "500");
	SAYS(w, RETENTION_SIZE, "nothing goes before 1000 bytes more have come, about 1 h at the rate");
	set(w, KEY_RETENTION_BYTES, "600");
	SAYS(w, RETENTION_SIZE, "not larger than the 400 bytes too much (it has at most segment.bytes, 500 "
		"bytes)");
	set(w, KEY_RETENTION_BYTES, "500");
	SAYS(w, RETENTION_SIZE, "the oldest segment is due");
	w->replicas[0].here.dir = NULL;
	SAYS(w, RETENTION_SIZE, "its size is not known");
	end(w);
}

static void compaction(void)
{
	struct world *w = world();
	set(w, KEY_CLEANUP_POLICY, "compact,delete");
	set(w, KEY_RETENTION_MS, "3600000");
	set(w, KEY_DIRTY_RATIO, "0.5");
	set(w, KEY_MAX_COMPACTION_LAG, "9223372036854775807");
	SAYS(w, COMPACTION, "Compacted when 0.5 of it is new since the last time "
		"(min.cleanable.dirty.ratio).");
	CU_ASSERT_STRING_EQUAL(nth(w, FINDING_COMPACTION, 1), "");
	SAYS(w, RETENTION_TIME, "is due");
	set(w, KEY_MAX_COMPACTION_LAG, "60000");
	set(w, KEY_MIN_COMPACTION_LAG, "1000");
	SAYS(w, COMPACTION, "has waited 1 min, but never what is younger than 1 s.");
	set(w, KEY_SEGMENT_MS, "7200000");
	set(w, KEY_SEGMENT_BYTES, "4096");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(nth(w, FINDING_COMPACTION, 1), "after 1970-02-11T16:00:00Z (segment.ms), or at 4.0 "
			"KiB"));
	w->brokers[0].cleaner_on = false;
	SAYS(w, CLEANER_OFF, "it only grows");
	set(w, KEY_CLEANUP_POLICY, "none");
	SAYS(w, RETENTION_NONE, "cleanup.policy is 'none'");
	end(w);
}

/* Whatever a broker answers, nothing overflows. */
static void absurd_numbers(void)
{
	static const int64_t all[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, NOW, INT64_MAX - 1, INT64_MAX };
	static const char *const texts[] = { "-9223372036854775808", "-1", "0", "9223372036854775807",
		"soon" };
	struct world *w = world();
	struct explained_producer x = { .txn_start = 0 };
	struct explained_group g = { .described = true };
	struct explained_reader r = { .group = &g, .committed = true }, *v = &r;
	w->p.producers = &x;
	w->p.readers = &v;
	w->p.n_producers = 1;
	w->p.n_readers = 1;
	set(w, KEY_CLEANUP_POLICY, "delete,compact");
	for (unsigned i = 0; i < countof(all) * countof(all) * countof(texts); i++) {
		int64_t a = all[i % countof(all)], b = all[i / countof(all) % countof(all)];
		for (enum explained_key key = KEY_RETENTION_MS; key < KEYS; key++)
			set(w, key, texts[i % countof(texts)]);
		w->p.start = w->p.stable = w->p.first_ms = w->replicas[1].end = x.last_ms = r.lag = a;
		w->p.end = w->p.high = w->p.newest_ms = w->replicas[0].here.size = x.started_ms = b;
		x.timeout_ms = w->brokers[0].check_ms = w->e.now_ms = w->replicas[2].future.size = b;
		r.offset = x.txn_start = a;
		says(w, FINDING_NO_LEADER);
		arena_reset(&w->arena);
	}
	end(w);
}

static void words_for_people(void)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	CU_ASSERT_STRING_EQUAL(human_bytes(&a, 1023), "1023 bytes");
	CU_ASSERT_STRING_EQUAL(human_bytes(&a, 1536), "1.5 KiB");
	CU_ASSERT_STRING_EQUAL(human_bytes(&a, INT64_MAX), "8.0 EiB");
	CU_ASSERT_STRING_EQUAL(human_span(&a, 0), "0 ms");
	CU_ASSERT_STRING_EQUAL(human_span(&a, 59999), "59 s");
	CU_ASSERT_STRING_EQUAL(human_span(&a, 90 * 60000), "1 h 30 min");
	CU_ASSERT_STRING_EQUAL(human_span(&a, 86400000 + HOUR), "1 day 1 h");
	CU_ASSERT_STRING_EQUAL(human_span(&a, -HOUR), "-1 h");
	CU_ASSERT_PTR_NOT_NULL(strstr(human_span(&a, INT64_MIN), " days"));
	CU_ASSERT_STRING_EQUAL(human_time(&a, -1), "1969-12-31T23:59:59Z");
	CU_ASSERT_PTR_NOT_NULL(human_time(&a, INT64_MAX));
	CU_ASSERT_STRING_EQUAL(human_text(&a, SLICE_LIT("a\xff\x7f\xc2\x9b\xc3\xa4")),
		"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4");
	CU_ASSERT_EQUAL(human_width("\xc3\xa4\xef\xbf\xbdz"), 3);
	CU_ASSERT_EQUAL(sum_of(INT64_MIN, -1), INT64_MIN);
	CU_ASSERT_EQUAL(difference_of(-2, INT64_MAX), INT64_MIN);
	arena_free(&a);
}

static void tables(void)
{
	static const char *const headings[] = { "NAME", ">N", "LAST", NULL };
	static const char *const one[] = { "\xc3\xa4", "100", "x" }, *const two[] = { "longer", NULL, "" };
	struct table table;
	struct text out = { 0 };
	struct arena a;
	arena_init(&a, 1 << 20);
	table_init(&table, &a, headings);
	table_row(&table, one);
	table_row(&table, two);
	table_text(&table, 1, &out);
	CU_ASSERT_STRING_EQUAL(out.s, " NAME      N  LAST\n \xc3\xa4       100  x\n longer    -  \n");
	text_clear(&out);
	char long_word[200];
	memset(long_word, 'w', sizeof long_word - 1);
	long_word[sizeof long_word - 1] = 0;
	table_sentence(&out, "! ", 2, human_printf(&a, "one %s two", long_word));
	CU_ASSERT_STRING_EQUAL(out.s, human_printf(&a, "! one\n  %s\n  two\n", long_word));
	text_free(&out);
	arena_free(&a);
}

static const struct ut_case cases[] = {
	UT(nothing_is_wrong),
	UT(leaders),
	UT(replicas),
	UT(what_holds_back),
	UT(readers),
	UT(by_age),
	UT(by_size),
	UT(compaction),
	UT(absurd_numbers),
	UT(words_for_people),
	UT(tables),
};

int main(void)
{
	return ut_run("explain", cases, countof(cases));
}
