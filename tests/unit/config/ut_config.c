/* ut_config.c - a whole configuration: files, overrides, defaults, and what Kafka made of the same. */
#include "broker/config/config.h"
#include "tests/unit/config/golden.h"

static struct problems problems;

static struct config *load(const char *text, const char *const *overrides, size_t n)
{
	struct config_source source = { "f", slice_str(text), NULL };
	problems_init(&problems);
	return config_load(&source, overrides, n, &problems);
}

static void done(struct config *c)
{
	config_free(c);
	problems_free(&problems);
}

/* Whether some problem has all of `text`. */
static bool says(const char *text)
{
	for (const struct problem *p = problems.first; p; p = p->next)
		if (strstr(p->text, text))
			return true;
	fprintf(stderr, "nobody says [%s]\n", text);
	for (const struct problem *p = problems.first; p; p = p->next)
		fprintf(stderr, "\t%s\n", p->text);
	return false;
}

static void defaults_are_typed(void)
{
	struct config *c = load("zookeeper.connect=zk:2181\n", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(problems.warnings, 0);
	CU_ASSERT_EQUAL(c->broker_id, -1);
	CU_ASSERT_EQUAL(c->num_partitions, 1);
	CU_ASSERT_EQUAL(c->log_segment_bytes, 1073741824);
	CU_ASSERT_EQUAL(c->offsets_topic_replication_factor, 3);
	CU_ASSERT_EQUAL(c->log_flush_interval_messages, INT64_MAX);
	CU_ASSERT_TRUE(c->auto_create_topics_enable);
	CU_ASSERT_DOUBLE_EQUAL(c->log_cleaner_min_cleanable_ratio, 0.5, 0);
	CU_ASSERT_STRING_EQUAL(c->compression_type, "producer");
	CU_ASSERT_PTR_NULL(c->broker_rack);
	CU_ASSERT_EQUAL(c->ssl_enabled_protocols.n, 2);
	CU_ASSERT_EQUAL(c->ssl_cipher_suites.n, 0);
	CU_ASSERT_EQUAL(c->metrics_port, 0);
	CU_ASSERT_EQUAL(c->ibp, IBP_3_9_IV0);
	CU_ASSERT_FALSE(config_is_set(c, CK_num_partitions));
	CU_ASSERT_TRUE(config_is_set(c, CK_zookeeper_connect));
	done(c);
}

static void nulls_fall_back(void)
{
	struct config *c =
		load("zookeeper.connect=zk:2181\nlog.retention.minutes=2\nlog.roll.hours=3\n"
		     "log.roll.jitter.hours=1\nlog.flush.scheduler.interval.ms=5\nlog.dirs=/a, /b\n"
		     "log.message.timestamp.difference.max.ms=9\nlog.message.timestamp.after.max.ms=4\n",
			NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->log_retention_ms, 120000);
	CU_ASSERT_EQUAL(c->log_roll_ms, 3 * 3600000);
	CU_ASSERT_EQUAL(c->log_roll_jitter_ms, 3600000);
	CU_ASSERT_EQUAL(c->log_flush_interval_ms, 5);
	CU_ASSERT_EQUAL(c->log_message_timestamp_before_max_ms, 9);
	CU_ASSERT_EQUAL(c->log_message_timestamp_after_max_ms, 4);
	CU_ASSERT_EQUAL(c->zookeeper_connection_timeout_ms, 18000);
	CU_ASSERT_EQUAL(c->num_replica_alter_log_dirs_threads, 2);
	CU_ASSERT_EQUAL(c->data_dirs.n, 2);
	CU_ASSERT_STRING_EQUAL(c->data_dirs.v[1], "/b");
	done(c);
	c = load("zookeeper.connect=zk:2181\nlog.retention.ms=-5\nlog.retention.hours=1\n", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->log_retention_ms, -1);
	CU_ASSERT_STRING_EQUAL(c->data_dirs.v[0], "/tmp/kafka-logs");
	done(c);
}

static void overrides_win(void)
{
	static const char *const overrides[] = { "num.partitions=5", "num.partitions=6", "broker.rack=a=b" };
	struct config *c =
		load("zookeeper.connect=zk:2181\nnum.partitions=4\n", overrides, countof(overrides));
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->num_partitions, 6);
	CU_ASSERT_STRING_EQUAL(c->broker_rack, "a=b");
	CU_ASSERT_STRING_EQUAL(c->given[CK_num_partitions].property->file, "--override");
	done(c);
	static const char *const bad[] = { "num.partitions", "=x", "num.partitions=no" };
	c = load("zookeeper.connect=zk:2181\n", bad, countof(bad));
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_TRUE(says("--override num.partitions: write key=value"));
	CU_ASSERT_TRUE(says("--override =x: write key=value"));
	CU_ASSERT_TRUE(says(
		"--override: Invalid value no for configuration num.partitions: Not a number of type INT; "
		"allowed: INT [1,...], default 1"));
	done(c);
}

/* Every mistake is told at once, each with file, line, key, value and what is allowed. */
static void tells_all_mistakes(void)
{
	struct config *c = load("num.partitions=0\nlog.segment.bytes=big\n\ncompression.type=lzma\n"
				"auto.create.topics.enable=maybe\n",
		NULL, 0);
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_EQUAL(problems.errors, 4);
	CU_ASSERT_TRUE(says(
		"f:1: Invalid value 0 for configuration num.partitions: Value must be at least 1; allowed: "
		"INT [1,...], default 1"));
	CU_ASSERT_TRUE(
		says("f:2: Invalid value big for configuration log.segment.bytes: Not a number of type INT; "
		     "allowed: INT [14,...], default 1073741824"));
	CU_ASSERT_TRUE(says("f:4: Invalid value lzma for configuration compression.type"));
	CU_ASSERT_TRUE(says("f:5: Invalid value maybe for configuration auto.create.topics.enable"));
	done(c);
}

static void warns_of_what_has_no_effect(void)
{
	struct config *c =
		load("zookeeper.connect=zk:2181\nnum.partition=3\nnum.partitions=3\nnum.partitions=4\n"
		     "leader.replication.throttled.rate=5\nlistener.name.plaintext.nope=1\n"
		     "listener.name.PLAINTEXT.ssl.client.auth=required\n",
			NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_TRUE(says("f:2: num.partition is not known and has no effect"));
	CU_ASSERT_TRUE(says("f:3: num.partitions is set again at f:4, which wins"));
	CU_ASSERT_TRUE(says("f:5: leader.replication.throttled.rate has no effect in a file"));
	CU_ASSERT_TRUE(says("f:6: listener.name.plaintext.nope is not known"));
	CU_ASSERT_TRUE(says(
		"f:7: listener.name.PLAINTEXT.ssl.client.auth has no effect: no listener has that name"));
	CU_ASSERT_EQUAL(problems.warnings, 5);
	done(c);
}

static void broken_files_are_refused(void)
{
	CU_ASSERT_PTR_NULL(load("a=1\nb=\\uzz\n", NULL, 0));
	CU_ASSERT_TRUE(says("f:2: \\u must be followed"));
	problems_free(&problems);
	char *large = mem_alloc(CONFIG_FILE_BYTES + 2);
	memset(large, '#', CONFIG_FILE_BYTES + 1);
	large[CONFIG_FILE_BYTES + 1] = '\0';
	CU_ASSERT_PTR_NULL(load(large, NULL, 0));
	CU_ASSERT_TRUE(says("f: larger than 1048576 bytes"));
	problems_free(&problems);
	free(large);
}

static void listeners_have_views(void)
{
	struct config *c = load(
		"zookeeper.connect=zk:2181\nlisteners=PLAINTEXT://:9092,Inside://h:9093\n"
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:SSL\nadvertised.listeners=INSIDE:/"
		"/pub:1,"
		"PLAINTEXT://pub:2\nssl.client.auth=none\nlistener.name.inside.ssl.client.auth=required\n"
		"listener.name.inside.ssl.keystore.location=/a\nlistener.name.inside.ssl.keystore.location=/"
		"b\n"
		"listener.name.inside.max.connections=10\n",
		NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	const struct listener *inside = listeners_find(&c->listening, "inside");
	const struct listener *plain = listeners_find(&c->listening, "plaintext");
	const struct listener *told = listeners_find(&c->advertising, "INSIDE");
	CU_ASSERT_PTR_NOT_NULL_FATAL(inside);
	CU_ASSERT_STRING_EQUAL(config_for_listener(c, inside)->ssl_client_auth, "required");
	CU_ASSERT_STRING_EQUAL(config_for_listener(c, inside)->ssl_keystore_location, "/b");
	CU_ASSERT_EQUAL(config_for_listener(c, inside)->max_connections, 10);
	CU_ASSERT_STRING_EQUAL(config_for_listener(c, plain)->ssl_client_auth, "none");
	CU_ASSERT_PTR_NULL(config_for_listener(c, plain)->ssl_keystore_location);
	CU_ASSERT_PTR_EQUAL(config_for_listener(c, told), config_for_listener(c, inside));
	CU_ASSERT_STRING_EQUAL(c->ssl_client_auth, "none");
	CU_ASSERT_STRING_EQUAL(told->host, "pub");
	CU_ASSERT_STRING_EQUAL(c->inter_broker->name, "PLAINTEXT");
	done(c);
	c = load("zookeeper.connect=zk:2181\nlisteners=PLAINTEXT://"
		 ":9092\nlistener.name.plaintext.ssl.client.auth=often\n"
		 "listener.name.plaintext.ssl.engine.factory.class=a.B\n",
		NULL, 0);
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_TRUE(
		says("f:3: Invalid value often for configuration listener.name.plaintext.ssl.client.auth"));
	CU_ASSERT_TRUE(
		says("f:4: listener.name.plaintext.ssl.engine.factory.class=a.B: Java classes cannot run"));
	done(c);
}

static void ids_are_one_number(void)
{
	struct config *c = load("zookeeper.connect=zk:2181\nbroker.id=3\n", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->node_id, 3);
	CU_ASSERT_TRUE(config_is_set(c, CK_node_id));
	done(c);
	c = load("zookeeper.connect=zk:2181\nnode.id=4\n", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->broker_id, 4);
	done(c);
}

static void reads_ip_limits(void)
{
	struct config *c =
		load("zookeeper.connect=zk:2181\nmax.connections.per.ip.overrides=host:3 , ::1:4\n", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->ip_limit_hosts.n, 2);
	CU_ASSERT_STRING_EQUAL(c->ip_limit_hosts.v[1], "::1");
	CU_ASSERT_EQUAL(c->ip_limit_counts[0], 3);
	CU_ASSERT_EQUAL(c->ip_limit_counts[1], 4);
	done(c);
}

/* The file that is installed loads without a word. */
static void shipped_file_is_fine(void)
{
	size_t n;
	char *text = golden_read("etc/server.properties", &n);
	struct config *c = load(text, NULL, 0);
	CU_ASSERT_PTR_NOT_NULL(c);
	CU_ASSERT_EQUAL(problems.warnings, 0);
	if (c) {
		CU_ASSERT_EQUAL(c->broker_id, 0);
		CU_ASSERT_STRING_EQUAL(c->zookeeper_connect, "localhost:2181");
		CU_ASSERT_EQUAL(c->zookeeper_connection_timeout_ms, 18000);
		CU_ASSERT_STRING_EQUAL(c->data_dirs.v[0], "/tmp/kafka-logs");
	}
	done(c);
	free(text);
}

/* So do the samples for TLS, added to it. */
static void shipped_samples_are_fine(void)
{
	static const char *const samples[] = { "etc/ssl/server-pem.properties",
		"etc/ssl/server-pkcs12.properties" };
	for (size_t i = 0; i < countof(samples); i++) {
		size_t n;
		char *text = golden_read("etc/server.properties", &n), *more = golden_read(samples[i], &n);
		char *both = mem_printf("%s\n%s", text, more);
		struct config *c = load(both, NULL, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(problems.warnings, 0);
		CU_ASSERT_TRUE(listener_is_tls(&c->listening.v[1]));
		CU_ASSERT_STRING_EQUAL(c->listening.v[1].config->ssl_client_auth, "required");
		CU_ASSERT_PTR_NOT_NULL(c->listening.v[1].config->ssl_keystore_location);
		done(c);
		free(both);
		free(more);
		free(text);
	}
}

static const struct ut_case cases[] = {
	UT(defaults_are_typed),
	UT(nulls_fall_back),
	UT(overrides_win),
	UT(tells_all_mistakes),
	UT(warns_of_what_has_no_effect),
	UT(broken_files_are_refused),
	UT(listeners_have_views),
	UT(ids_are_one_number),
	UT(reads_ip_limits),
	UT(shipped_file_is_fine),
	UT(shipped_samples_are_fine),
};

int main(void)
{
	return ut_run("config", cases, countof(cases));
}
