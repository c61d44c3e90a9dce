/* ut_config_desc.c - the tables against what Kafka says and against the contract. */
#include "broker/config/config.h"
#include "broker/config/topic_config.h"
#include "tests/unit/config/golden.h"

static struct arena arena;

static const char *or_null(const char *text)
{
	return text == NULL ? "null" : *text ? text : "\"\"";
}

static const char *importance(enum config_importance i)
{
	static const char *const names[] = { "HIGH", "MEDIUM", "LOW" };
	return names[i];
}

/* Kafka explains this limit in a sentence; ours is the contract's "-1 or [1,...]". */
static bool limit_is_a_sentence(const char *limit)
{
	return strncmp(limit, "The default value of -1", 23) == 0;
}

static void check_broker_row(char *column[GOLDEN_COLUMNS])
{
	const struct config_desc *d = config_find(column[1]);
	if (!d) {
		same_text("row", NULL, column[1]);
		return;
	}
	same_text(d->name, config_type_name(d->type), column[2]);
	same_text(d->name, or_null(d->default_text), column[3]);
	same_text(d->name, importance(d->importance), column[4]);
	if (!limit_is_a_sentence(column[5]))
		same_text(d->name, config_limit_text(&arena, &d->limit), column[5]);
	same_text(d->name, d->origin == ORIGIN_INTERNAL ? "true" : "false", column[6]);
}

static void check_topic_row(char *column[GOLDEN_COLUMNS])
{
	const struct topic_desc *d = topic_find(column[1]);
	if (!d) {
		same_text("row", NULL, column[1]);
		return;
	}
	same_text(d->name, config_type_name(d->type), column[2]);
	same_text(d->name, or_null(d->default_text), column[3]);
	same_text(d->name, importance(d->importance), column[4]);
	same_text(d->name, config_limit_text(&arena, &d->limit), column[5]);
}

static void rows_are_kafka_s(void)
{
	size_t n;
	int broker = 0, topic = 0, own = 0;
	char *text = golden_read("tests/golden/config/configdef.tsv", &n), *rest = text,
	     *column[GOLDEN_COLUMNS];
	arena_init(&arena, 1 << 20);
	while (golden_line(&rest, column)) {
		bool is_broker = strcmp(column[0], "broker") == 0;
		(is_broker ? check_broker_row : check_topic_row)(column);
		*(is_broker ? &broker : &topic) += 1;
	}
	for (int i = 0; i < CONFIG_KEYS; i++)
		own += config_descs[i].origin == ORIGIN_SAMSA || config_descs[i].origin == ORIGIN_DYNAMIC;
	CU_ASSERT_EQUAL(broker, CONFIG_KEYS - own); /* and nothing that Kafka does not know */
	CU_ASSERT_EQUAL(topic, TOPIC_KEYS);
	arena_free(&arena);
	free(text);
}

static const char *scope(const struct config_desc *d)
{
	static const char *const names[] = { "read-only", "per-broker", "cluster-wide" };
	return d->origin == ORIGIN_DYNAMIC
		       ? "dynamic only (per-broker or cluster-wide, never in the properties file)"
		       : names[d->scope];
}

/* A comma-separated word of the comment on keys without effect. */
static int check_comment(const char *line)
{
	static const char head[] = "# read but without effect";
	int n = 0;
	if (strncmp(line, head, sizeof head - 1) != 0)
		return 0;
	char name[128];
	for (const char *p = strchr(line, ':'); p && sscanf(p, "%*[:, ]%127[^, ]", name) == 1;
		p = strchr(p + 1, ','))
		if (config_find(name))
			n++;
		else
			same_text("row", NULL, name);
	return n;
}

static void rows_are_the_contract_s(void)
{
	size_t n;
	int rows = 0, without_effect = 0;
	char *text = golden_read("tests/golden/contract/broker_configs.tsv", &n), *rest = text,
	     *column[GOLDEN_COLUMNS];
	arena_init(&arena, 1 << 20);
	while (golden_line(&rest, column)) {
		const struct config_desc *d = config_find(column[0]);
		without_effect += check_comment(column[0]);
		if (column[0][0] == '#' || strcmp(column[0], "name") == 0)
			continue;
		rows++;
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		same_text(d->name, config_type_name(d->type), column[1]);
		same_text(d->name, or_null(d->default_text), column[2]);
		same_text(d->name, scope(d), column[3]);
		same_text(d->name, importance(d->importance), column[4]);
		if (d->limit.kind != LIMIT_IBP) /* the contract points to its list of versions */
			same_text(d->name, config_limit_text(&arena, &d->limit), column[5]);
	}
	CU_ASSERT_EQUAL(rows, 274);
	CU_ASSERT_EQUAL(without_effect, 57);
	arena_free(&arena);
	free(text);
}

static const char *synonyms_text(const struct topic_desc *d)
{
	enum config_key keys[CONFIG_SYNONYMS_MAX];
	const char *text = "-";
	int n = d->broker_key == CK_NONE ? 0 : config_synonyms(d->broker_key, keys);
	for (int i = 0; i < n; i++)
		text = arena_printf(&arena, "%s%s%s", i ? text : "", i ? "," : "",
			config_descs[keys[i]].name);
	return text;
}

static void topic_rows_are_the_contract_s(void)
{
	size_t n;
	int rows = 0;
	char *text = golden_read("tests/golden/contract/topic_configs.tsv", &n), *rest = text,
	     *column[GOLDEN_COLUMNS];
	arena_init(&arena, 1 << 20);
	while (golden_line(&rest, column)) {
		const struct topic_desc *d = topic_find(column[0]);
		if (strcmp(column[0], "name") == 0)
			continue;
		rows++;
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		same_text(d->name, config_type_name(d->type), column[1]);
		same_text(d->name, or_null(d->default_text), column[2]);
		same_text(d->name, synonyms_text(d), column[3]);
		same_text(d->name, importance(d->importance), column[4]);
		same_text(d->name, config_limit_text(&arena, &d->limit), column[5]);
	}
	CU_ASSERT_EQUAL(rows, TOPIC_KEYS);
	arena_free(&arena);
	free(text);
}

/* Every row explains itself; one that is not honoured says what that means. Defaults pass their own limits.
 */
static void rows_are_whole(void)
{
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_desc *d = &config_descs[i];
		struct config_value v;
		char why[LIMIT_WHY_BYTES] = "";
		arena_init(&arena, 1 << 20);
		CU_ASSERT_EQUAL((d->status == STATUS_HONOURED), (d->meaning == NULL));
		CU_ASSERT_TRUE(strlen(d->doc) > 10 && d->doc[strlen(d->doc) - 1] == '.');
		CU_ASSERT_TRUE(strlen(d->name) > 3);
		CU_ASSERT_PTR_EQUAL(config_find(d->name), d);
		CU_ASSERT_EQUAL(config_value_parse(&arena, d->name, d->type, &d->limit, d->default_text, &v,
					why),
			0);
		same_text(d->name, config_value_text(&arena, d->type, &v), d->default_text);
		arena_free(&arena);
	}
}

static void finds_through_prefixes(void)
{
	CU_ASSERT_PTR_EQUAL(config_find_prefixed("listener.name.in.ssl.client.auth"),
		&config_descs[CK_ssl_client_auth]);
	CU_ASSERT_PTR_EQUAL(config_find_prefixed("listener.name.in.plain.sasl.jaas.config"),
		&config_descs[CK_sasl_jaas_config]);
	CU_ASSERT_PTR_NULL(config_find_prefixed("listener.name.in.plain.ssl.client.auth"));
	CU_ASSERT_PTR_NULL(config_find_prefixed("listener.name.in"));
	CU_ASSERT_PTR_NULL(config_find_prefixed("ssl.client.auth"));
	CU_ASSERT_PTR_NULL(config_find("listener.name.in.ssl.client.auth"));
}

static const struct ut_case cases[] = {
	UT(rows_are_kafka_s),
	UT(rows_are_the_contract_s),
	UT(topic_rows_are_the_contract_s),
	UT(rows_are_whole),
	UT(finds_through_prefixes),
};

int main(void)
{
	return ut_run("config tables", cases, countof(cases));
}
