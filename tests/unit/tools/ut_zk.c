/* ut_zk.c - what samsa-zk knows of Kafka's nodes: their words, and what contradicts what. */
#include "tests/unit/ut.h"
#include "tools/zk_check.h"
#include "tools/zk_explain.h"
#include "tools/zk_lines.h"

#include <stdio.h>
#include <string.h>

#define NOW_MS INT64_C(1795252200000)
enum { SESSION = 0x77, LONG_AGO_MS = 3600000 };

/* A cluster of one broker and one topic, in the order of paths. */
static const struct {
	const char *path, *data;
	bool ephemeral;
} sound[] = {
	{ "/", NULL, false },
	{ "/admin", NULL, false },
	{ "/admin/delete_topics", NULL, false },
	{ "/brokers", NULL, false },
	{ "/brokers/ids", NULL, false },
	{ "/brokers/ids/1",
	"{\"version\":5,\"host\":\"h\",\"port\":9092,\"jmx_port\":-1,\"timestamp\":\"1795252100000\","
		"\"endpoints\":[\"PLAINTEXT://h:9092\"],"
		"\"listener_security_protocol_map\":{\"PLAINTEXT\":\"PLAINTEXT\"},"
		"\"features\":{}}", true },
	{ "/brokers/topics", NULL, false },
	{ "/brokers/topics/t",
	"{\"version\":3,\"topic_id\":\"AAAAAAAAAAAAAAAAAAAAAQ\",\"partitions\":{\"0\":[1]},"
		"\"adding_replicas\":{},\"removing_replicas\":{}}", false },
	{ "/brokers/topics/t/partitions", NULL, false },
	{ "/brokers/topics/t/partitions/0", NULL, false },
	{ "/brokers/topics/t/partitions/0/state", "{\"version\":1,\"leader\":1,\"leader_epoch\":0,"
		"\"controller_epoch\":1,\"isr\":[1]}", false },
	{ "/cluster", NULL, false },
	{ "/cluster/id", "{\"version\":\"1\",\"id\":\"abc\"}", false },
	{ "/config", NULL, false },
	{ "/config/topics", NULL, false },
	{ "/config/topics/t", "{\"version\":1,\"config\":{}}", false },
	{ "/controller",
	"{\"version\":2,\"brokerid\":1,\"timestamp\":\"1795252100000\",\"kraftControllerEpoch\":-1}", true },
	{ "/controller_epoch", "1", false },
};

enum { NODES_MAX = countof(sound) + 4 };

struct bench {
	struct tool tool;
	struct zoo_node nodes[NODES_MAX];
	struct zoo_tree tree;
	struct text said;
};

static struct zoo_node node(const char *path, const char *data, bool ephemeral)
{
	return (struct zoo_node){ .path = path, .data = slice_str(data),
		.stat = { .ctime_ms = NOW_MS - LONG_AGO_MS, .mtime_ms = NOW_MS - LONG_AGO_MS,
			.ephemeral_owner = ephemeral ? SESSION : 0 } };
}

static struct bench *bench_new(void)
{
	struct bench *b = mem_zalloc(sizeof *b);
	arena_init(&b->tool.arena, 1 << 20);
	b->tree.nodes = b->nodes;
	for (size_t i = 0; i < countof(sound); i++)
		b->nodes[b->tree.n++] = node(sound[i].path, sound[i].data, sound[i].ephemeral);
	return b;
}

static void bench_free(struct bench *b)
{
	text_free(&b->said);
	arena_free(&b->tool.arena);
	free(b);
}

static int by_path(const void *x, const void *y)
{
	return strcmp(((const struct zoo_node *)x)->path, ((const struct zoo_node *)y)->path);
}

/* Puts another content in a node, or a node that was not there; NULL data takes it away. */
static void put(struct bench *b, const char *path, const char *data, bool ephemeral)
{
	struct zoo_node *found = (struct zoo_node *)(uintptr_t)zoo_find(&b->tree, path);
	if (found && !data)
		*found = b->nodes[--b->tree.n];
	else if (found)
		*found = node(path, data, ephemeral);
	else
		b->nodes[b->tree.n++] = node(path, data, ephemeral);
	qsort(b->nodes, b->tree.n, sizeof *b->nodes, by_path);
}

static void fault(void *arg, const char *path, const char *words)
{
	text_add(arg, "%s: %s\n", path, words);
}

static unsigned faults(struct bench *b)
{
	struct zk_check c = { .tool = &b->tool, .tree = &b->tree, .now_ms = NOW_MS, .fault = fault,
		.arg = &b->said };
	text_clear(&b->said);
	return zk_check(&c);
}

static void a_sound_cluster_has_none(void)
{
	struct bench *b = bench_new();
	CU_ASSERT_EQUAL(faults(b), 0);
	bench_free(b);
}

#define STATE "/brokers/topics/t/partitions/0/state"

static void each_contradiction_is_found(void)
{
	static const struct { const char *path, *data; bool ephemeral; const char *says; } each[] = {
		{ "/brokers/ids/1", NULL, false, "/controller: points to broker 1, which is not registered\n"
			STATE ": the leader is broker 1, which is not registered\n" },
		{ "/controller", NULL, false, "/controller: is missing though 1 brokers are registered\n" },
		{ "/controller",
		"{\"version\":2,\"brokerid\":1,\"timestamp\":\"1\",\"kraftControllerEpoch\":-1}", false,
			"/controller: is persistent: no other broker can become the controller\n"
			"/controller: belongs to session 0x0, but broker 1 has session 0x77\n" },
		{ "/controller", "{", true, "/controller: cannot be read" },
		{ "/controller_epoch", "0", false, STATE ": was written by a controller of epoch 1, but "
		"/controller_epoch is 0\n" }, { STATE,
		"{\"version\":1,\"leader\":1,\"leader_epoch\":0,\"controller_epoch\":1,\"isr\":[2]}", false,
			STATE ": the leader is broker 1, which is not in sync [2]\n" STATE
			": broker 2 is in sync but none of the replicas [1]\n" },
		{ STATE, "{\"version\":1,\"leader\":-1,\"leader_epoch\":0,\"controller_epoch\":1,\"isr\":[]}",
		false,
			STATE ": no replica is in sync: nobody can become the leader\n" },
		{ STATE, NULL, false, STATE ": is missing: the controller has not taken the partition up\n" },
		{ "/brokers/topics/t", "{\"version\":1,\"partitions\":{\"0\":[1,1]}}", false,
			"/brokers/topics/t: has no topic id\n/brokers/topics/t: partition 0 has broker 1 "
			"twice\n" },
		{ "/brokers/topics/u",
		"{\"version\":3,\"topic_id\":\"AAAAAAAAAAAAAAAAAAAAAQ\",\"partitions\":{},"
			"\"adding_replicas\":{},\"removing_replicas\":{}}", false,
			"/brokers/topics/u: has the topic id of /brokers/topics/t\n" },
		{ "/brokers/topics/t/partitions/7", "", false, "/brokers/topics/t/partitions/7: the topic "
		"has 1 partitions\n" }, { "/config/topics/gone", "{\"version\":1,\"config\":{}}", false,
		"/config/topics/gone: there is no such topic\n" }, { "/config/topics/t",
		"{\"version\":1,\"config\":7}", false, "/config/topics/t: cannot be read" },
		{ "/admin/delete_topics/gone", "", false, "/admin/delete_topics/gone: there is no such "
		"topic\n" }, { "/admin/delete_topics/t", "", false, "/admin/delete_topics/t: the deletion "
		"waits since 3600 s" }, { "/admin/reassign_partitions", "{}", false,
		"/admin/reassign_partitions: a reassignment that a tool asked for "
			"waits since 3600 s\n" },
		{ "/isr_change_notification/isr_change_0000000001", "{}", false,
			"/isr_change_notification/isr_change_0000000001: waits for a controller since 3600 "
			"s\n" },
		{ "/brokers/ids/2",
		"{\"version\":5,\"host\":\"h\",\"port\":9092,\"jmx_port\":-1,\"timestamp\":\"1\","
			"\"endpoints\":[\"PLAINTEXT://h:9092\"],"
			"\"listener_security_protocol_map\":{\"PLAINTEXT\":"
			"\"PLAINTEXT\"},\"features\":{}}", true, "/brokers/ids/2: broker 2 is at h:9092, "
			"where broker 1 says" },
		{ "/cluster/id", NULL, false, "/cluster/id: is missing" },
		{ "/latest_producer_id_block",
		"{\"version\":1,\"broker\":1,\"block_start\":\"9\",\"block_end\":\"3\"}", false,
			"/latest_producer_id_block: cannot be read" },
	};
	for (size_t i = 0; i < countof(each); i++) {
		struct bench *b = bench_new();
		put(b, each[i].path, each[i].data, each[i].ephemeral);
		bool found = faults(b) > 0 && strncmp(b->said.s, each[i].says, strlen(each[i].says)) == 0;
		CU_ASSERT(found);
		if (!found)
			printf("%s: says %s\n", each[i].says, b->said.s ? b->said.s : "nothing");
		bench_free(b);
	}
}

static void paths_have_their_meaning(void)
{
	static const struct { const char *path; enum znode row; const char *name; } each[] = {
		{ "/brokers/ids/1", ZNODE_BROKER, "1" }, { "/brokers/topics/t", ZNODE_TOPIC, "t" },
		{ "/brokers/topics/t/partitions/3/state", ZNODE_PARTITION_STATE, "t" },
		{ "/config/users/a/clients/b", ZNODE_CONFIG, "users/a/clients/b" },
		{ "/config/changes/config_change_0000000007", ZNODE_CONFIG_CHANGE, NULL },
		{ "/brokers/ids/x", ZNODE_ROWS, NULL }, { "/zookeeper", ZNODE_ROWS, NULL }, { "/", ZNODE_ROWS,
		NULL },
	};
	for (size_t i = 0; i < countof(each); i++) {
		struct zk_place place = zk_place_of(each[i].path);
		CU_ASSERT_EQUAL(place.row, each[i].row);
		CU_ASSERT(!each[i].name || slice_is(place.names[0], each[i].name));
	}
}

static void nodes_are_explained(void)
{
	struct bench *b = bench_new();
	struct text out = { 0 };
	zk_explain(&out, &b->tool.arena, zoo_find(&b->tree, "/brokers/ids/1"), NOW_MS);
	CU_ASSERT(strstr(out.s, "/brokers/ids/1: registration of a broker\n") == out.s);
	CU_ASSERT(strstr(out.s, "PLAINTEXT at h:9092, PLAINTEXT") != NULL);
	CU_ASSERT(strstr(out.s, "2026-11-21 09:08:20 UTC (1 minute ago)") != NULL);
	text_clear(&out);
	struct zoo_node secret = node("/config/users/a",
		"{\"version\":1,\"config\":{\"SCRAM-SHA-256\":\"salt=x\"}}", false);
	zk_explain(&out, &b->tool.arena, &secret, NOW_MS);
	CU_ASSERT(strstr(out.s, "salt") == NULL && strstr(out.s, "hidden") != NULL);
	text_clear(&out);
	struct zoo_node damaged = node(STATE, "{\"version\":1}", false);
	zk_explain(&out, &b->tool.arena, &damaged, NOW_MS);
	CU_ASSERT(strstr(out.s, "cannot be read") != NULL && strstr(out.s, "{\"version\":1}") != NULL);
	text_free(&out);
	bench_free(b);
}

static void lines_become_words(void)
{
	static const struct { const char *line, *words[5]; } each[] = {
		{ "", { NULL } },
		{ " \t ", { NULL } },
		{ "ls", { "ls" } },
		{ " get\t/a/b  --raw ", { "get", "/a/b", "--raw" } },
		{ "set /a '{\"b\": \"c d\"}' --yes", { "set", "/a", "{\"b\": \"c d\"}", "--yes" } },
		{ "set /a \"a \\\"quote\\\" and \\\\ \\n\"", { "set", "/a", "a \"quote\" and \\ \\n" } },
		{ "a\\ b c'd 'e\"f\"", { "a b", "cd ef" } },
		{ "set /a ''", { "set", "/a", "" } },
		{ "behind\\", { "behind\\" } },
	};
	char line[64], *words[5];
	const char *wrong;
	for (size_t i = 0; i < countof(each); i++) {
		int n = 0;
		while (each[i].words[n])
			n++;
		snprintf(line, sizeof line, "%s", each[i].line);
		CU_ASSERT_EQUAL(zk_words(line, words, countof(words), &wrong), n);
		for (int k = 0; k < n; k++)
			CU_ASSERT_STRING_EQUAL(words[k], each[i].words[k]);
	}
	static const char *const refused[] = { "get 'open", "get \"open", "get \"open\\\"", "1 2 3 4 5 6" };
	for (size_t i = 0; i < countof(refused); i++) {
		snprintf(line, sizeof line, "%s", refused[i]);
		wrong = NULL;
		CU_ASSERT_EQUAL(zk_words(line, words, countof(words), &wrong), -1);
		CU_ASSERT(wrong != NULL);
	}
}

static const struct ut_case cases[] = {
	UT(lines_become_words),
	UT(a_sound_cluster_has_none),
	UT(each_contradiction_is_found),
	UT(paths_have_their_meaning),
	UT(nodes_are_explained),
};

int main(void)
{
	return ut_run("tools/zk", cases, countof(cases));
}
