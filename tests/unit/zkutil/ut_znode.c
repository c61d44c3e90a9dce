/* ut_znode.c - znodes against what Apache Kafka 3.9.2 wrote (tests/golden/znodes/contents.tsv) and what it
 * never would. */
#include "zkutil/znode.h"

#include "tests/unit/ut.h"

#include <errno.h>

enum { CAP = 64 * 1024 * 1024, LINE_BYTES = 65536 };

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *s, const char *suffix)
{
	return strlen(s) >= strlen(suffix) && strcmp(s + strlen(s) - strlen(suffix), suffix) == 0;
}

/* ---- every golden content is read, and written again to the same bytes ---- */

#define ROUND(what, type)                                                                              \
	static struct slice round_##what(struct arena *a, struct slice json, struct znode_why *why)    \
	{                                                                                              \
		type v;                                                                                \
		return znode_##what##_decode(a, json, &v, why) ? SLICE_NULL : znode_##what##_encode(a, &v); \
	}

ROUND(broker, struct znode_broker)
ROUND(topic, struct znode_topic)
ROUND(state, struct znode_state)
ROUND(controller, struct znode_controller)
ROUND(config, struct znode_config)
ROUND(features, struct znode_features)
ROUND(partitions, struct znode_partitions)
ROUND(reassign, struct znode_partitions)

static struct slice round_controller_epoch(struct arena *a, struct slice json, struct znode_why *why)
{
	int32_t v;
	int rc = znode_controller_epoch_decode(json, &v, why);
	return rc ? SLICE_NULL : znode_controller_epoch_encode(a, v);
}

static struct slice round_cluster_id(struct arena *a, struct slice json, struct znode_why *why)
{
	const char *v;
	return znode_cluster_id_decode(a, json, &v, why) ? SLICE_NULL : znode_cluster_id_encode(a, v);
}

static struct slice round_change(struct arena *a, struct slice json, struct znode_why *why)
{
	const char *v;
	return znode_config_change_decode(a, json, &v, why) ? SLICE_NULL : znode_config_change_encode(a, v);
}

static struct slice round_log_dir(struct arena *a, struct slice json, struct znode_why *why)
{
	int32_t v;
	return znode_log_dir_event_decode(json, &v, why) ? SLICE_NULL : znode_log_dir_event_encode(a, v);
}

static struct slice round_producer_ids(struct arena *a, struct slice json, struct znode_why *why)
{
	struct znode_producer_ids v;
	return znode_producer_ids_decode(json, &v, why) ? SLICE_NULL : znode_producer_ids_encode(a, &v);
}

struct codec {
	const char *prefix, *suffix;
	struct slice (*round)(struct arena *a, struct slice json, struct znode_why *why);
	unsigned seen;
};

static const struct codec codecs[] = {
	{ "/cluster/id", "", round_cluster_id, 0 },
	{ "/brokers/ids/", "", round_broker, 0 },
	{ "/brokers/topics/", "/state", round_state, 0 },
	{ "/brokers/topics/", "", round_topic, 0 },
	{ "/controller_epoch", "", round_controller_epoch, 0 },
	{ "/controller", "", round_controller, 0 },
	{ "/config/changes/", "", round_change, 0 },
	{ "/config/", "", round_config, 0 },
	{ "/feature", "", round_features, 0 },
	{ "/isr_change_notification/", "", round_partitions, 0 },
	{ "/admin/preferred_replica_election", "", round_partitions, 0 },
	{ "/admin/reassign_partitions", "", round_reassign, 0 },
	{ "/log_dir_event_notification/", "", round_log_dir, 0 },
	{ "/latest_producer_id_block", "", round_producer_ids, 0 },
};

static bool is_for(const struct codec *codec, const char *path)
{
	return starts(path, codec->prefix) && ends(path, codec->suffix);
}

/* Whether `json` comes back as it was; says what differs. */
static bool comes_back(const struct codec *codec, const char *path, const char *json)
{
	struct arena a;
	struct znode_why why = { "" };
	arena_init(&a, CAP);
	struct slice again = codec->round(&a, slice_str(json), &why);
	bool same = slice_is(again, json);
	if (!same)
		printf("\n%s: %s\n  is  %s\n  not %.*s\n", path, why.s, json, SLICE_ARGS(again));
	arena_free(&a);
	return same;
}

static void golden_contents_come_back(void)
{
	FILE *f = fopen(ut_path("tests/golden/znodes/contents.tsv"), "r");
	static char line[LINE_BYTES];
	unsigned seen[countof(codecs)] = { 0 };
	CU_ASSERT_PTR_NOT_NULL(f);
	while (f && fgets(line, sizeof line, f)) {
		char *json = strchr(line, '\t');
		if (line[0] == '#' || !json)
			continue;
		*json++ = 0;
		json[strcspn(json, "\n")] = 0;
		size_t i = 0;
		while (i < countof(codecs) && !is_for(&codecs[i], line))
			i++;
		CU_ASSERT_TRUE(i < countof(codecs) && comes_back(&codecs[i], line, json));
		seen[min_of(i, countof(codecs) - 1)]++;
	}
	for (size_t i = 0; i < countof(codecs); i++)
		CU_ASSERT_TRUE(seen[i] > 0);
	if (f)
		fclose(f);
}

/* ---- what the golden files do not show; the orders were printed by Scala 2.13 and JDK 17 ---- */

static void many_partitions_in_scala_order(void)
{
	static const char *const order = "22 23 10 11 12 13 14 15 16 17 18 19 0 1 2 3 4 5 6 7 8 9 20 21";
	struct arena a;
	arena_init(&a, CAP);
	struct znode_replicas r[24];
	int32_t one = 1;
	for (int i = 0; i < 24; i++)
		r[i] = (struct znode_replicas){ .partition = i, .replicas = { &one, 1 } };
	struct znode_topic t = { .partitions = r, .n_partitions = countof(r) };
	struct slice json = znode_topic_encode(&a, &t);
	const char *at = (const char *)json.p + strlen("{\"partitions\":{");
	for (const char *p = order; p && *p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
		char key[16];
		snprintf(key, sizeof key, "\"%d\":[1]", atoi(p));
		const char *found = strstr(at, key);
		CU_ASSERT_PTR_NOT_NULL(found);
		CU_ASSERT_TRUE(found - at <= 8);
		at = found ? found + 1 : at;
	}
	struct znode_why why;
	CU_ASSERT_EQUAL(znode_topic_decode(&a, json, &t, &why), 0);
	CU_ASSERT_EQUAL(t.n_partitions, 24);
	for (int i = 0; i < 24; i++)
		CU_ASSERT_EQUAL(t.partitions[i].partition, i);
	arena_free(&a);
}

static void config_in_the_order_of_properties(void)
{
	struct arena a;
	arena_init(&a, CAP);
	struct znode_entry e[] = { { "k4434.606", "1" }, { "k39978.748", "1" }, { "k36569.473", "1" },
		{ "k40317.263", "1" }, { "k45562.234", "1" }, { "k85592.262", "1" }, { "k68596.189", "1" },
		{ "k25376.332", "1" } };
	struct slice json = znode_config_encode(&a, &(struct znode_config){ e, countof(e) });
	CU_ASSERT_TRUE(slice_is(json, "{\"version\":1,\"config\":{\"k36569.473\":\"1\",\"k39978.748\":\"1\","
		"\"k45562.234\":\"1\",\"k68596.189\":\"1\",\"k40317.263\":\"1\",\"k85592.262\":\"1\","
		"\"k25376.332\":\"1\",\"k4434.606\":\"1\"}}"));
	arena_free(&a);
}

static void a_recovering_partition(void)
{
	struct arena a;
	struct znode_why why;
	struct znode_state s;
	int32_t isr[] = { 3 };
	arena_init(&a, CAP);
	struct slice json = znode_state_encode(&a, &(struct znode_state){ .leader = 3, .leader_epoch = 8,
		.controller_epoch = 2, .isr = { isr, 1 }, .recovering = true });
	CU_ASSERT_TRUE(slice_is(json,
		"{\"controller_epoch\":2,\"leader\":3,\"version\":1,\"leader_recovery_state\":1,"
		"\"leader_epoch\":8,\"isr\":[3]}"));
	CU_ASSERT_EQUAL(znode_state_decode(&a, json, &s, &why), 0);
	CU_ASSERT_TRUE(s.recovering);
	CU_ASSERT_EQUAL(znode_state_decode(&a, SLICE_LIT("{\"leader\":1,\"leader_epoch\":0,\"isr\":[1],"
		"\"controller_epoch\":1,\"leader_recovery_state\":2}"), &s, &why), -EINVAL);
	arena_free(&a);
}

static void a_broker_without_plaintext_has_no_host(void)
{
	struct arena a;
	arena_init(&a, CAP);
	struct znode_endpoint e[] = { { "SSL", "SSL", "::1", 9093 }, { "IN", "SASL_SSL", "", 9094 } };
	struct znode_broker b = { .version = 5, .jmx_port = 9999, .timestamp_ms = 7, .endpoints = e,
		.n_endpoints = 2 };
	CU_ASSERT_TRUE(slice_is(znode_broker_encode(&a, &b),
		"{\"features\":{},\"listener_security_protocol_map\":"
		"{\"SSL\":\"SSL\",\"IN\":\"SASL_SSL\"},\"endpoints\":[\"SSL://[::1]:9093\",\"IN://:9094\"],"
		"\"jmx_port\":9999,\"port\":-1,\"host\":null,\"version\":5,\"timestamp\":\"7\"}"));
	b.version = 2;
	b.n_endpoints = 1;
	b.rack = "r";
	CU_ASSERT_TRUE(slice_is(znode_broker_encode(&a, &b),
		"{\"endpoints\":[\"SSL://[::1]:9093\"],\"jmx_port\":9999,"
		"\"port\":-1,\"host\":null,\"version\":2,\"timestamp\":\"7\"}"));
	arena_free(&a);
}

static void broker_registrations_of_all_ages(void)
{
	struct arena a;
	struct znode_why why;
	struct znode_broker b;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(znode_broker_decode(&a,
		SLICE_LIT("{\"version\":1,\"host\":\"h\",\"port\":9092,\"jmx_port\":-1,"
		"\"timestamp\":\"2233345666\"}"), &b, &why), 0);
	CU_ASSERT_EQUAL(b.n_endpoints, 1);
	CU_ASSERT_STRING_EQUAL(b.endpoints[0].host, "h");
	CU_ASSERT_STRING_EQUAL(b.endpoints[0].protocol, "PLAINTEXT");
	CU_ASSERT_EQUAL(znode_broker_decode(&a,
		SLICE_LIT("{\"version\":3,\"host\":\"h\",\"port\":9092,\"jmx_port\":9999,"
		"\"endpoints\":[\"plaintext://h:9092\",\"SSL://[fe80::1%eth0]:9093\"],\"rack\":\"dc1\"}"),
		&b, &why), 0);
	CU_ASSERT_STRING_EQUAL(b.rack, "dc1");
	CU_ASSERT_STRING_EQUAL(b.endpoints[0].listener, "PLAINTEXT");
	CU_ASSERT_STRING_EQUAL(b.endpoints[1].protocol, "SSL");
	CU_ASSERT_STRING_EQUAL(b.endpoints[1].host, "fe80::1%eth0");
	CU_ASSERT_EQUAL(b.endpoints[1].port, 9093);
	/* a later version, with what nobody knows yet */
	CU_ASSERT_EQUAL(znode_broker_decode(&a,
		SLICE_LIT("{\"version\":6,\"jmx_port\":-1,\"endpoints\":[\"CLIENT://h:1\"],"
		"\"listener_security_protocol_map\":{\"CLIENT\":\"sasl_ssl\"},\"rack\":null,\"new\":[{}],"
		"\"features\":{\"f\":{\"min_version\":1,\"max_version\":3}}}"), &b, &why), 0);
	CU_ASSERT_PTR_NULL(b.rack);
	CU_ASSERT_STRING_EQUAL(b.endpoints[0].protocol, "SASL_SSL");
	CU_ASSERT_EQUAL(b.features[0].max, 3);
	arena_free(&a);
}

static void topics_of_all_ages(void)
{
	struct arena a;
	struct znode_why why;
	struct znode_topic t;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(znode_topic_decode(&a,
		SLICE_LIT("{\"version\":1,\"partitions\":{\"1\":[2,3],\"0\":[1]}}"), &t, &why), 0);
	CU_ASSERT_FALSE(t.has_id);
	CU_ASSERT_EQUAL(t.n_partitions, 2);
	CU_ASSERT_EQUAL(t.partitions[1].replicas.v[1], 3);
	CU_ASSERT_EQUAL(znode_topic_decode(&a, SLICE_LIT("{\"version\":2,\"partitions\":{\"0\":[1,2]},"
		"\"adding_replicas\":{\"0\":[2]},\"removing_replicas\":{}}"), &t, &why), 0);
	CU_ASSERT_EQUAL(t.partitions[0].adding.n, 1);
	CU_ASSERT_EQUAL(t.partitions[0].removing.n, 0);
	arena_free(&a);
}

static void old_notifications_and_controllers(void)
{
	struct arena a;
	struct znode_why why;
	const char *entity;
	struct znode_controller c;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(znode_config_change_decode(&a, SLICE_LIT("{\"version\":1,\"entity_type\":\"topics\","
		"\"entity_name\":\"t\"}"), &entity, &why), 0);
	CU_ASSERT_STRING_EQUAL(entity, "topics/t");
	CU_ASSERT_EQUAL(znode_config_change_decode(&a, SLICE_LIT("{\"version\":1,\"entity_type\":\"users\","
		"\"entity_name\":\"t\"}"), &entity, &why), -EINVAL);
	CU_ASSERT_EQUAL(znode_controller_decode(&a,
		SLICE_LIT("{\"version\":1,\"brokerid\":4,\"timestamp\":\"5\"}"), &c, &why), 0);
	CU_ASSERT_EQUAL(c.broker, 4);
	CU_ASSERT_EQUAL(c.kraft_epoch, -1);
	CU_ASSERT_EQUAL(c.timestamp_ms, 5);
	arena_free(&a);
}

static void null_config_is_empty(void)
{
	struct znode_config c;
	struct znode_why why;
	CU_ASSERT_EQUAL(znode_config_decode(NULL, SLICE_NULL, &c, &why), 0);
	CU_ASSERT_EQUAL(c.n, 0);
}

static void migration(void)
{
	struct znode_migration m;
	struct znode_why why;
	CU_ASSERT_EQUAL(znode_migration_decode(
		SLICE_LIT("{\"version\":0,\"kraft_metadata_offset\":9000000000,"
		"\"kraft_controller_id\":3000,\"kraft_metadata_epoch\":2,\"kraft_controller_epoch\":1}"),
		&m, &why), 0);
	CU_ASSERT_EQUAL(m.kraft_controller, 3000);
	CU_ASSERT_EQUAL(m.metadata_offset, 9000000000);
	CU_ASSERT_EQUAL(znode_migration_decode(SLICE_LIT("{\"version\":1}"), &m, &why), -EINVAL);
}

/* ---- hostile contents: an error in words, never more ---- */

struct hostile {
	const char *prefix; /* of the codec */
	const char *json;
	const char *said;
};

static const struct hostile hostile[] = {
	{ "/brokers/ids/", "", "not JSON" },
	{ "/brokers/ids/", "7", "not" },
	{ "/brokers/ids/", "[]", "not a JSON object" },
	{ "/brokers/ids/", "{\"version\":0,\"jmx_port\":1,\"endpoints\":[]}", "version 0" },
	{ "/brokers/ids/", "{\"version\":\"5\",\"jmx_port\":1,\"endpoints\":[]}", "whole number" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1}", "endpoints is missing" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":{}}", "not an array" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[7]}", "endpoints" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"\"]}", "endpoint" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"://h:1\"]}", "endpoint" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"A://\"]}", "endpoint" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"SSL://h:99999\"]}", "endpoint" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"A://h:1\"]}", "protocol" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[\"A://h:1\"],"
		"\"listener_security_protocol_map\":{\"A\":7}}", "listener_security_protocol_map" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":99999999999,\"endpoints\":[]}", "range" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":99999999999999999999999,\"endpoints\":[]}",
		"not JSON" },
	{ "/brokers/ids/", "{\"version\":5,\"jmx_port\":1,\"endpoints\":[],\"features\":{\"a\":1}}",
		"features" },
	{ "/brokers/topics/t", "{\"partitions\":{\"x\":[1]}}", "number" },
	{ "/brokers/topics/t", "{\"partitions\":{\"-1\":[1]}}", "number" },
	{ "/brokers/topics/t", "{\"partitions\":{\"01\":[1]}}", "number" },
	{ "/brokers/topics/t", "{\"partitions\":{\"2147483648\":[1]}}", "number" },
	{ "/brokers/topics/t", "{\"partitions\":{\"0\":[\"1\"]}}", "integers" },
	{ "/brokers/topics/t", "{\"partitions\":{\"0\":[1.5]}}", "integers" },
	{ "/brokers/topics/t", "{\"partitions\":{\"0\":[4294967296]}}", "integers" },
	{ "/brokers/topics/t", "{\"partitions\":{\"0\":7}}", "array" },
	{ "/brokers/topics/t", "{\"partitions\":[]}", "object" },
	{ "/brokers/topics/t", "{\"partitions\":{},\"topic_id\":\"short\"}", "uuid" },
	{ "/brokers/topics/t", "{\"partitions\":{\"0\":[1]},\"adding_replicas\":{\"0\":null}}", "array" },
	{ "/controller", "{\"brokerid\":null}", "brokerid" },
	{ "/controller", "{\"brokerid\":1,\"timestamp\":12}", "timestamp" },
	{ "/controller_epoch", "", "number" },
	{ "/controller_epoch", "x", "number" },
	{ "/controller_epoch", "99999999999", "number" },
	{ "/controller_epoch", "999999999999999999999", "number" },
	{ "/cluster/id", "{\"version\":\"1\"}", "id is missing" },
	{ "/cluster/id", "{\"version\":\"1\",\"id\":7}", "string" },
	{ "/config/", "{\"version\":1,\"config\":{\"k\":7}}", "string" },
	{ "/config/", "{\"version\":1,\"config\":[]}", "object" },
	{ "/config/", "{\"version\":1,\"config\":{\"k\":\"a\\u0000b\"}}", "not JSON" },
	{ "/config/", "{\"version\":1,\"config\":{\"k\":\"\xff\"}}", "not JSON" },
	{ "/config/changes/", "{\"version\":3,\"entity_path\":\"topics/t\"}", "version 3" },
	{ "/config/changes/", "{\"version\":2}", "entity_path" },
	{ "/feature", "{\"version\":3,\"status\":1,\"features\":{}}", "version 3" },
	{ "/feature", "{\"version\":2,\"status\":2,\"features\":{}}", "status" },
	{ "/feature", "{\"version\":2,\"status\":1}", "features" },
	{ "/feature", "{\"version\":2,\"status\":1,\"features\":{\"f\":{\"max_version_level\":0}}}",
		"range" },
	{ "/feature", "{\"version\":1,\"status\":1,\"features\":{\"f\":{\"max_version_level\":1}}}",
		"min_version" },
	{ "/admin/reassign_partitions", "{\"version\":1,\"partitions\":[{\"topic\":\"t\",\"partition\":0}]}",
		"replicas" },
	{ "/admin/reassign_partitions", "{\"version\":1,\"partitions\":[7]}", "object" },
	{ "/latest_producer_id_block", "{\"broker\":1,\"block_start\":\"5\",\"block_end\":\"4\"}",
		"no block" },
	{ "/latest_producer_id_block", "{\"broker\":1,\"block_start\":\"x\",\"block_end\":\"4\"}", "number" },
	{ "/latest_producer_id_block",
		"{\"broker\":1,\"block_start\":\"0\",\"block_end\":\"9223372036854775808\"}",
		"number" },
};

static void hostile_contents_are_told(void)
{
	for (size_t i = 0; i < countof(hostile); i++) {
		struct arena a;
		struct znode_why why = { "" };
		size_t c = 0;
		arena_init(&a, CAP);
		while (strcmp(codecs[c].prefix, hostile[i].prefix) != 0 &&
			!(starts(hostile[i].prefix, codecs[c].prefix) && codecs[c].round == round_topic))
			c++;
		CU_ASSERT_TRUE(slice_is_null(codecs[c].round(&a, slice_str(hostile[i].json), &why)));
		if (!strstr(why.s, hostile[i].said))
			printf("\n%s: %s\n", hostile[i].json, why.s);
		CU_ASSERT_PTR_NOT_NULL(strstr(why.s, hostile[i].said));
		arena_free(&a);
	}
}

static void every_prefix_of_good_contents_is_refused(void)
{
	static const char json[] = "{\"partitions\":{\"0\":[1,2]},\"topic_id\":\"xUEhswcFSJWAFt7WIanqHw\","
		"\"adding_replicas\":{\"0\":[2]},\"removing_replicas\":{},\"version\":3}";
	for (size_t n = 0; n < sizeof json - 1; n++) {
		struct arena a;
		struct znode_why why;
		struct znode_topic t;
		arena_init(&a, CAP);
		char *exact = mem_dup(json, n); /* no byte beyond, for the sanitizer to see */
		CU_ASSERT_EQUAL(znode_topic_decode(&a, slice_of(exact, n), &t, &why), -EINVAL);
		free(exact);
		arena_free(&a);
	}
}

static void depth_and_size_are_bounded(void)
{
	struct arena a;
	struct znode_why why;
	struct znode_topic t;
	size_t n = ZNODE_MAX_BYTES + 1;
	char *deep = mem_alloc(n);
	arena_init(&a, CAP);
	memset(deep, '[', n);
	CU_ASSERT_EQUAL(znode_topic_decode(&a, slice_of(deep, n), &t, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.s, "bytes"));
	CU_ASSERT_EQUAL(znode_topic_decode(&a, slice_of(deep, n - 1), &t, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.s, "nested"));
	CU_ASSERT_EQUAL(znode_topic_decode(&a, SLICE_NULL, &t, &why), -EINVAL);
	/* brackets in a string do not nest */
	CU_ASSERT_EQUAL(znode_topic_decode(&a, SLICE_LIT("{\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}"), &t,
		&why), 0);
	free(deep);
	arena_free(&a);
}

static void a_full_arena_is_no_crash(void)
{
	static const char json[] = "{\"partitions\":{\"0\":[1,2],\"1\":[2,3]},"
		"\"topic_id\":\"xUEhswcFSJWAFt7WIanqHw\"}";
	for (size_t cap = 0; cap < 256; cap += 16) {
		struct arena a;
		struct znode_why why;
		struct znode_topic t;
		arena_init(&a, cap);
		int rc = znode_topic_decode(&a, SLICE_LIT(json), &t, &why);
		CU_ASSERT_TRUE(rc == -ENOMEM || (rc == 0 && !arena_overflowed(&a)));
		arena_free(&a);
	}
}

/* ---- paths ---- */

static void the_paths(void)
{
	CU_ASSERT_STRING_EQUAL(znode_path(ZNODE_CONTROLLER_EPOCH), "/controller_epoch");
	CU_ASSERT_STRING_EQUAL(znode_broker_path(1001).s, "/brokers/ids/1001");
	CU_ASSERT_STRING_EQUAL(znode_topic_path("t").s, "/brokers/topics/t");
	CU_ASSERT_STRING_EQUAL(znode_partitions_path("t").s, "/brokers/topics/t/partitions");
	CU_ASSERT_STRING_EQUAL(znode_partition_path("t", 7).s, "/brokers/topics/t/partitions/7");
	CU_ASSERT_STRING_EQUAL(znode_state_path("t", 7).s, "/brokers/topics/t/partitions/7/state");
	CU_ASSERT_STRING_EQUAL(znode_delete_topic_path("t").s, "/admin/delete_topics/t");
	CU_ASSERT_EQUAL(ZNODE_CONTAINERS, 14);
	CU_ASSERT_STRING_EQUAL(znode_path(0), "/consumers");
	CU_ASSERT_STRING_EQUAL(znode_path(ZNODE_CONTAINERS - 1), "/config/ips");
}

static void sequence_numbers(void)
{
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "config_change_0000000039"), 39);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_ISR_CHANGE, "isr_change_2147483647"), 2147483647);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "config_change_"), -1);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "config_change_-000000001"), -1);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "config_change_12x"), -1);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "isr_change_0000000001"), -1);
	CU_ASSERT_EQUAL(znode_sequence(ZNODE_CONFIG_CHANGE, "config_change_99999999999999999999"), -1);
}

static const char *entity(struct arena *a, const char *type, const char *name)
{
	return znode_entity(a, &(struct znode_entity){ .type = type, .name = name });
}

static const char *client_of(struct arena *a, const char *user, const char *client)
{
	return znode_entity(a, &(struct znode_entity){ "users", user, true, client });
}

static void entities(void)
{
	struct arena a;
	arena_init(&a, CAP);
	CU_ASSERT_STRING_EQUAL(entity(&a, "topics", "a.b_c-d"), "topics/a.b_c-d");
	CU_ASSERT_STRING_EQUAL(entity(&a, "brokers", NULL), "brokers/<default>");
	CU_ASSERT_STRING_EQUAL(entity(&a, "ips", "::1"), "ips/::1");
	CU_ASSERT_STRING_EQUAL(entity(&a, "clients", "client.id 1"), "clients/client.id%201");
	CU_ASSERT_STRING_EQUAL(entity(&a, "users", "grüße*+ /x%:@~<default>"),
		"users/gr%C3%BC%C3%9Fe%2A%2B%20%2Fx%25%3A%40%7E%3Cdefault%3E");
	CU_ASSERT_STRING_EQUAL(client_of(&a, NULL, NULL), "users/<default>/clients/<default>");
	CU_ASSERT_STRING_EQUAL(client_of(&a, "a b", "c/d"), "users/a%20b/clients/c%2Fd");
	CU_ASSERT_STRING_EQUAL(znode_config_path(&a, "users/alice/clients/c1"),
		"/config/users/alice/clients/c1");
	arena_free(&a);
}

static void desanitized(void)
{
	struct arena a;
	arena_init(&a, CAP);
	CU_ASSERT_TRUE(slice_is(znode_desanitize(&a, "gr%C3%BC%C3%9Fe%2A%2B%20%2Fx%25%3a%40+%7E"),
		"grüße*+ /x%:@ ~"));
	CU_ASSERT_TRUE(slice_is(znode_desanitize(&a, ""), ""));
	CU_ASSERT_TRUE(slice_is_null(znode_desanitize(&a, "a%")));
	CU_ASSERT_TRUE(slice_is_null(znode_desanitize(&a, "a%4")));
	CU_ASSERT_TRUE(slice_is_null(znode_desanitize(&a, "a%4x")));
	arena_free(&a);
}

static void consumer_offset_paths(void)
{
	static const struct slice topic = SLICE_LIT("t");
	static const char *const bad[] = { "", ".", "..", "a//b", "/a", "a/", "a/../b", "a\nb", "\x7f" };
	struct arena arena;
	arena_init(&arena, 1 << 16);
	CU_ASSERT_STRING_EQUAL(znode_consumer_offset_path(&arena, SLICE_LIT("old-group"), topic, 7),
			       "/consumers/old-group/offsets/t/7");
	CU_ASSERT_STRING_EQUAL(znode_consumer_offset_path(&arena, SLICE_LIT("a/b..c"), topic, 0),
			       "/consumers/a/b..c/offsets/t/0");
	for (size_t i = 0; i < countof(bad); i++)
		CU_ASSERT_PTR_NULL(znode_consumer_offset_path(&arena, slice_str(bad[i]), topic, 0));
	CU_ASSERT_PTR_NULL(znode_consumer_offset_path(&arena, SLICE_LIT("a\0b"), topic, 0));
	arena_free(&arena);
}

static const struct ut_case cases[] = {
	UT(consumer_offset_paths),
	UT(golden_contents_come_back),
	UT(many_partitions_in_scala_order),
	UT(config_in_the_order_of_properties),
	UT(a_recovering_partition),
	UT(a_broker_without_plaintext_has_no_host),
	UT(broker_registrations_of_all_ages),
	UT(topics_of_all_ages),
	UT(old_notifications_and_controllers),
	UT(null_config_is_empty),
	UT(migration),
	UT(hostile_contents_are_told),
	UT(every_prefix_of_good_contents_is_refused),
	UT(depth_and_size_are_bounded),
	UT(a_full_arena_is_no_crash),
	UT(the_paths),
	UT(sequence_numbers),
	UT(entities),
	UT(desanitized),
};

int main(void)
{
	return ut_run("znode", cases, countof(cases));
}
