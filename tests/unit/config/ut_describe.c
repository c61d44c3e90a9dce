/* ut_describe.c - DescribeConfigs against what a 3.9.2 broker answered from the same properties file. */
#include "broker/config/describe.h"
#include "tests/unit/config/golden.h"
#include "tests/unit/ut_config.h"

#include <errno.h>

static const struct config_setting over_settings[] = {
	{ "flush.messages", "10" },
	{ "message.format.version", "2.0" },
	{ "max.message.bytes", "+2000" },
	{ "retention.ms", "3600000" },
	{ "message.timestamp.type", "LogAppendTime" },
	{ "cleanup.policy", "compact, delete" },
	{ "leader.replication.throttled.replicas", "0:0,1:0" },
	{ "min.cleanable.dirty.ratio", "0.25" },
	{ "compression.type", "zstd" },
	{ "segment.bytes", " 0512000 " },
};
/* What was set through kafka-configs for the labels "dyn-". */
static const struct config_setting broker_layer[] = {
	{ "max.connections", "500" },
	{ "listener.name.inside.max.connections", "77" },
	{ "message.max.bytes", "3000000" },
};
static const struct config_setting cluster_layer[] = {
	{ "message.max.bytes", "2000000" },
	{ "leader.replication.throttled.rate", "1000" },
	{ "log.cleaner.threads", "2" },
	{ "log.retention.ms", "7200000" },
	{ "num.io.threads", "6" },
};
static const struct config_layers layers = { { broker_layer, countof(broker_layer) },
	{ cluster_layer, countof(cluster_layer) } };

static struct config *load(const char *path)
{
	size_t n;
	char *text = golden_read(path, &n);
	struct config *c = ut_config(text, NULL, 0);
	free(text);
	return c;
}

static const struct config *overlay(const struct config *c, const struct config_layers *l)
{
	struct problems problems;
	problems_init(&problems);
	struct config *now = config_overlay(c, l, &problems);
	must(now);
	problems_free(&problems);
	return now;
}

/* What is described points into the snapshots: they are let go at the end of a case. */
static const struct config *kept[64];
static size_t n_kept;

static void keep(const struct config *c)
{
	must(n_kept < countof(kept));
	kept[n_kept++] = c;
}

static void drop_kept(void)
{
	while (n_kept > 0)
		config_put(kept[--n_kept]);
}

static int describe(struct arena *a, const struct config *c, const char *label,
	const struct describe_wanted *wanted, struct describe_result *out)
{
	bool dynamic = strncmp(label, "dyn-", 4) == 0;
	struct config_state state = { .file = c };
	if (dynamic)
		state.layers = layers;
	const char *what = dynamic ? label + 4 : label;
	state.now = overlay(c, &state.layers);
	int rc;
	bool over = strcmp(what, "over") == 0;
	if (strcmp(what, "broker") == 0)
		rc = describe_broker(a, &state, wanted, out);
	else if (strcmp(what, "cluster") == 0)
		rc = describe_cluster_default(a, &state, wanted, out);
	else
		rc = describe_topic(a, &state, over_settings, over ? countof(over_settings) : 0, wanted, out);
	keep(state.now);
	return rc;
}

static const char *source_name(enum describe_source s)
{
	static const char *const names[] = {
		"UNKNOWN",
		"DYNAMIC_TOPIC_CONFIG",
		"DYNAMIC_BROKER_CONFIG",
		"DYNAMIC_DEFAULT_BROKER_CONFIG",
		"STATIC_BROKER_CONFIG",
		"DEFAULT_CONFIG",
	};
	return names[s];
}

/* "source:name=value | source:name=value" */
static const char *synonyms_text(struct arena *a, const struct describe_entry *e)
{
	const char *text = "";
	for (uint32_t i = 0; i < e->n_synonyms; i++) {
		const struct describe_synonym *s = &e->synonyms[i];
		text = arena_printf(a, "%s%s%s:%s=%s", text, i ? " | " : "", source_name(s->source), s->name,
			s->value ? s->value : "null");
	}
	return text;
}

static const struct describe_entry *entry_of(const struct describe_result *r, const char *name)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	return NULL;
}

static void check_entry(struct arena *a, const struct describe_result *r, char *column[GOLDEN_COLUMNS])
{
	const struct describe_entry *e = entry_of(r, column[1]);
	if (!e) {
		same_text(column[0], NULL, column[1]);
		return;
	}
	same_text(e->name, e->value ? e->value : "null", column[2]);
	same_text(e->name, config_type_name(e->type), column[3]);
	same_text(e->name, source_name(e->source), column[4]);
	same_text(e->name, e->read_only ? "ro" : "rw", column[5]);
	same_text(e->name, e->sensitive ? "sensitive" : "-", column[6]);
	same_text(e->name, synonyms_text(a, e), column[7]);
	CU_ASSERT_EQUAL(e->is_default, (e->source == SOURCE_DEFAULT));
}

/* Our answer has the rows of Kafka's and, for the broker, Samsa's own keys. */
static void check_count(const struct describe_result *r, const char *label, uint32_t rows)
{
	uint32_t own = 0;
	for (int i = 0; i < CONFIG_KEYS; i++)
		own += config_descs[i].origin == ORIGIN_SAMSA && entry_of(r, config_descs[i].name) != NULL;
	if (r->n != rows + own)
		fprintf(stderr, "%s: %u entries, expected %u and %u of Samsa's own\n", label, r->n, rows,
			own);
	CU_ASSERT_EQUAL(r->n, rows + own);
}

static void check_golden(const char *properties, const char *golden, int expected_labels)
{
	size_t n;
	struct config *c = load(properties);
	char *text = golden_read(golden, &n), *rest = text, *column[GOLDEN_COLUMNS], label[32] = "";
	struct describe_result r = { 0 };
	struct arena a;
	uint32_t rows = 0;
	int labels = 0;
	arena_init(&a, 64 << 20);
	while (golden_line(&rest, column)) {
		if (strcmp(label, column[0]) != 0) {
			if (*label)
				check_count(&r, label, rows);
			snprintf(label, sizeof label, "%s", column[0]);
			CU_ASSERT_EQUAL(describe(&a, c, label, NULL, &r), 0);
			labels++, rows = 0;
		}
		check_entry(&a, &r, column);
		rows++;
	}
	check_count(&r, label, rows);
	CU_ASSERT_EQUAL(labels, expected_labels);
	arena_free(&a);
	drop_kept();
	config_free(c);
	free(text);
}

static void few_settings(void)
{
	check_golden("tests/golden/config/plain.properties", "tests/golden/config/describe-plain.tsv", 2);
}

static void many_settings_and_layers(void)
{
	check_golden("tests/golden/config/full.properties", "tests/golden/config/describe-full.tsv", 7);
}

static void gives_only_what_is_wanted(void)
{
	static const struct slice names[] = { SLICE_LIT("num.io.threads"), SLICE_LIT("nope"),
		SLICE_LIT("broker.id") };
	struct describe_wanted wanted = { names, countof(names) };
	struct config *c = load("tests/golden/config/full.properties");
	struct describe_result r;
	struct arena a;
	arena_init(&a, 64 << 20);
	CU_ASSERT_EQUAL(describe(&a, c, "broker", &wanted, &r), 0);
	CU_ASSERT_EQUAL(r.n, 2);
	CU_ASSERT_PTR_NOT_NULL(entry_of(&r, "broker.id"));
	CU_ASSERT_PTR_NOT_NULL(entry_of(&r, "broker.id")->documentation);
	CU_ASSERT_EQUAL(describe(&a, c, "topic", &wanted, &r), 0);
	CU_ASSERT_EQUAL(r.n, 0);
	CU_ASSERT_EQUAL(describe(&a, c, "dyn-cluster", &wanted, &r), 0);
	CU_ASSERT_EQUAL(r.n, 1);
	arena_free(&a);
	drop_kept();
	config_free(c);
}

/* Every row with every source: the longest list of synonyms there can be. */
static void retention_from_everywhere(void)
{
	static const struct config_setting all[] = { { "log.retention.ms", "1" },
		{ "log.retention.minutes", "2" }, { "log.retention.hours", "3" } };
	static const struct config_setting own[] = { { "retention.ms", "9" }, { "unknown.here", "1" } };
	struct config_layers both = { { all, 3 }, { all, 3 } };
	struct config *c = ut_config("zookeeper.connect=z\nlog.retention.ms=4\nlog.retention.minutes=5\n"
				     "log.retention.hours=6\n", NULL, 0);
	struct describe_result r;
	struct arena a;
	arena_init(&a, 64 << 20);
	struct config_state state = { c, both, overlay(c, &both) };
	keep(state.now);
	CU_ASSERT_EQUAL(describe_topic(&a, &state, own, countof(own), NULL, &r), 0);
	CU_ASSERT_EQUAL(r.n, TOPIC_KEYS + 1);
	CU_ASSERT_EQUAL(entry_of(&r, "retention.ms")->n_synonyms, 11);
	CU_ASSERT_STRING_EQUAL(entry_of(&r, "retention.ms")->value, "9");
	CU_ASSERT_EQUAL(entry_of(&r, "unknown.here")->type, CONFIG_UNKNOWN);
	CU_ASSERT_PTR_NULL(entry_of(&r, "unknown.here")->value);
	arena_free(&a);
	drop_kept();
	config_free(c);
}

static void fails_when_memory_ends(void)
{
	struct config *c = load("tests/golden/config/full.properties");
	for (size_t cap = 0; cap < 20000; cap += 777) {
		struct describe_result r;
		struct arena a;
		arena_init(&a, cap);
		CU_ASSERT_EQUAL(describe(&a, c, "dyn-broker", NULL, &r), -ENOMEM);
		arena_free(&a);
	}
	drop_kept();
	config_free(c);
}

static const struct ut_case cases[] = {
	UT(few_settings),
	UT(many_settings_and_layers),
	UT(gives_only_what_is_wanted),
	UT(retention_from_everywhere),
	UT(fails_when_memory_ends),
};

int main(void)
{
	return ut_run("describe", cases, countof(cases));
}
