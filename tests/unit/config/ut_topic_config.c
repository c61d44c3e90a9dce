/* ut_topic_config.c - settings of one topic over those of the broker. */
#include "broker/config/topic_config.h"
#include "tests/unit/config/golden.h"
#include "tests/unit/ut_config.h"

static struct arena arena;

static struct config *broker_of(const char *text)
{
	char *whole = mem_printf("zookeeper.connect=zk:2181\n%s\n", text);
	struct config *c = ut_config(whole, NULL, 0);
	free(whole);
	return c;
}

/* One setting each, as Kafka judged it in CreateTopics. */
static void judges_as_kafka_does(void)
{
	size_t n;
	int rows = 0;
	char *text = golden_read("tests/golden/config/topics.tsv", &n), *rest = text, *column[GOLDEN_COLUMNS];
	struct config *c = broker_of("");
	while (golden_line(&rest, column)) {
		struct config_setting one = { column[0], column[1] };
		arena_init(&arena, 1 << 20);
		const char *said = topic_config_check(&arena, c, NULL, 0, &one, 1);
		same_text(column[0], said ? said : "ok", column[2]);
		arena_free(&arena);
		rows++;
	}
	CU_ASSERT_EQUAL(rows, 45);
	config_free(c);
	free(text);
}

static void judges_them_together(void)
{
	static const struct config_setting lag[] = { { "min.compaction.lag.ms", "10" },
		{ "max.compaction.lag.ms", "5" } };
	static const struct config_setting nulls[] = { { "retention.ms", NULL }, { "segment.ms", "1000" },
		{ "x", NULL } };
	static const struct config_setting remote[] = { { "remote.storage.enable", "true" } };
	static const struct config_setting twice[] = { { "retention.ms", "x" }, { "retention.ms", "1" } };
	struct config *c = broker_of("log.cleaner.max.compaction.lag.ms=7");
	arena_init(&arena, 1 << 20);
	same_text("lag", topic_config_check(&arena, c, NULL, 0, lag, 2),
		"conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
	same_text("lag below the broker's", topic_config_check(&arena, c, NULL, 0, lag, 1),
		"conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (7)");
	same_text("nulls", topic_config_check(&arena, c, NULL, 0, nulls, 3),
		"Null value not supported for topic configs: retention.ms,x");
	CU_ASSERT_PTR_NOT_NULL(strstr(topic_config_check(&arena, c, remote, 1, NULL, 0),
		"It is invalid to disable remote storage"));
	CU_ASSERT_PTR_NULL(topic_config_check(&arena, c, NULL, 0, twice, 2));
	CU_ASSERT_PTR_NULL(topic_config_check(&arena, c, NULL, 0, NULL, 0));
	arena_free(&arena);
	config_free(c);
}

/* However little memory there is, nothing is taken for good that was not looked at. */
static void judges_nothing_unseen(void)
{
	static const struct config_setting own[] = { { "cleanup.policy", "compact,delete" },
		{ "leader.replication.throttled.replicas", "0:1,1:1,2:1" } };
	struct config *c = broker_of("");
	bool full = true;
	for (size_t cap = 0; full && cap < 1 << 20; cap += 16) {
		arena_init(&arena, cap);
		const char *said = topic_config_check(&arena, c, NULL, 0, own, countof(own));
		full = arena_overflowed(&arena);
		CU_ASSERT_EQUAL(said != NULL, full);
		for (int i = 0; i < TOPIC_KEYS; i++)
			topic_config_text(&arena, c, (enum topic_key)i, own, countof(own));
		arena_free(&arena);
	}
	CU_ASSERT_FALSE(full);
	config_free(c);
}

static void inherits_from_the_broker(void)
{
	struct config *c = broker_of(
		"log.retention.minutes=1\nlog.roll.hours=2\nlog.segment.bytes=1000\n"
		"log.cleanup.policy=compact\ncompression.type=lz4\nlog.message.timestamp.type=LogAppendTime\n"
		"log.message.timestamp.difference.max.ms=5\nmessage.max.bytes=99\nlog.preallocate=true\n"
		"log.cleaner.min.cleanable.ratio=0.25\nlog.flush.scheduler.interval.ms=8\nmin.insync."
		"replicas=3\n");
	struct topic_config *t = topic_config_new(c, "t", NULL, 0);
	CU_ASSERT_EQUAL(t->retention_ms, 60000);
	CU_ASSERT_EQUAL(t->segment_ms, 7200000);
	CU_ASSERT_EQUAL(t->segment_bytes, 1000);
	CU_ASSERT_EQUAL(t->flush_ms, 8);
	CU_ASSERT_EQUAL(t->max_message_bytes, 99);
	CU_ASSERT_EQUAL(t->min_insync_replicas, 3);
	CU_ASSERT_TRUE(t->preallocate);
	CU_ASSERT_TRUE(t->compact && !t->delete_old && t->log_append_time);
	CU_ASSERT_EQUAL(t->compression, COMPRESSION_LZ4);
	CU_ASSERT_EQUAL(t->message_timestamp_before_max_ms, 5);
	CU_ASSERT_DOUBLE_EQUAL(t->min_cleanable_dirty_ratio, 0.25, 0);
	topic_config_free(t);
	config_free(c);
}

static void own_settings_win(void)
{
	static const struct config_setting own[] = {
		{ "retention.ms", " 7 " },
		{ "cleanup.policy", "compact, delete" },
		{ "compression.type", "zstd" },
		{ "compression.zstd.level", "-5" },
		{ "message.timestamp.difference.max.ms", "9" },
		{ "message.timestamp.after.max.ms", "3" },
		{ "unclean.leader.election.enable", "true" },
	};
	struct config *c = broker_of("log.retention.ms=1");
	struct topic_config *t = topic_config_new(c, "t", own, countof(own));
	CU_ASSERT_EQUAL(t->retention_ms, 7);
	CU_ASSERT_TRUE(t->compact && t->delete_old);
	CU_ASSERT_EQUAL(t->compression, COMPRESSION_ZSTD);
	CU_ASSERT_EQUAL(t->compression_zstd_level, -5);
	CU_ASSERT_EQUAL(t->message_timestamp_before_max_ms, 9);
	CU_ASSERT_EQUAL(t->message_timestamp_after_max_ms, 3);
	CU_ASSERT_TRUE(t->unclean_leader_election_enable);
	topic_config_free(t);
	config_free(c);
}

/* A znode may hold what we cannot read; the topic is served all the same. */
static void survives_what_it_cannot_read(void)
{
	static const struct config_setting own[] = { { "retention.ms", "soon" },
		{ "compression.type", "brotli" }, { "of.a.newer.broker", "1" }, { "segment.ms", NULL } };
	struct config *c = broker_of("log.retention.ms=5");
	struct topic_config *t = topic_config_new(c, "t", own, countof(own));
	CU_ASSERT_EQUAL(t->retention_ms, 5);
	CU_ASSERT_EQUAL(t->compression, COMPRESSION_PRODUCER);
	topic_config_free(t);
	config_free(c);
}

static const struct ut_case cases[] = {
	UT(judges_as_kafka_does),
	UT(judges_them_together), UT(judges_nothing_unseen),
	UT(inherits_from_the_broker),
	UT(own_settings_win),
	UT(survives_what_it_cannot_read),
};

int main(void)
{
	return ut_run("topic_config", cases, countof(cases));
}
