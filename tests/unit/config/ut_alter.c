/* ut_alter.c - SET, DELETE, APPEND and SUBTRACT, as ConfigAdminManager does them. */
#include "broker/config/alter.h"
#include "tests/unit/config/golden.h"
#include "tests/unit/ut.h"

enum { ARENA_BYTES = 16 << 20 };

static struct arena arena;
static const char *why;

/* What comes of `old` (NULL: not set) of a topic's key; "!verdict words" when it is refused. */
static const char *altered(const char *key, const char *old, int op, const char *value)
{
	struct config_setting had[] = { { key, old } };
	struct config_layer layer = { had, old ? 1 : 0 };
	struct alter_step step = { key, value, op };
	enum alter_verdict verdict = alter_settings(&arena, alter_key_of_topic, &step, 1, &layer, &why);
	if (verdict)
		return arena_printf(&arena, "!%d %s", verdict, why);
	const struct config_setting *s = config_setting_find(layer.v, layer.n, key);
	return s ? s->value : NULL;
}

static void becomes(const char *old, int op, const char *value, const char *expected)
{
	arena_init(&arena, ARENA_BYTES);
	same_text(value, altered("cleanup.policy", old, op, value), expected);
	arena_free(&arena);
}

static void set_and_delete(void)
{
	becomes(NULL, ALTER_SET, "compact", "compact");
	becomes("delete", ALTER_SET, "compact", "compact");
	becomes("delete", ALTER_SET, "", "");
	becomes("delete", ALTER_DELETE, NULL, NULL);
	becomes("delete", ALTER_DELETE, "whatever", NULL);
	becomes(NULL, ALTER_DELETE, NULL, NULL);
}

/* The default stands in for what is not set; nothing is added that is there; white space stays. */
static void append(void)
{
	becomes(NULL, ALTER_APPEND, "compact", "delete,compact");
	becomes("compact", ALTER_APPEND, "delete", "compact,delete");
	becomes("compact", ALTER_APPEND, "compact", "compact");
	becomes("compact", ALTER_APPEND, "delete,compact,delete", "compact,delete,delete");
	becomes("", ALTER_APPEND, "delete", "delete");
	becomes("compact", ALTER_APPEND, "", "compact,");
	becomes("compact", ALTER_APPEND, " compact", "compact, compact");
	becomes("compact", ALTER_APPEND, "a,,b,,", "compact,a,,b");
	becomes("compact", ALTER_APPEND, ",", "compact");
	becomes("a,,", ALTER_APPEND, "b", "a,b");
}

static void subtract(void)
{
	becomes(NULL, ALTER_SUBTRACT, "delete", "");
	becomes("compact,delete", ALTER_SUBTRACT, "compact", "delete");
	becomes("compact,delete", ALTER_SUBTRACT, "delete,compact", "");
	becomes("compact", ALTER_SUBTRACT, "absent", "compact");
	becomes("a,b,a,a", ALTER_SUBTRACT, "a", "b,a,a");
	becomes("a,b,a,a", ALTER_SUBTRACT, "a,a", "b,a");
	becomes("a,b", ALTER_SUBTRACT, " a", "a,b");
	becomes("", ALTER_SUBTRACT, "a", "");
	becomes("a", ALTER_SUBTRACT, "", "a");
	becomes("c,b,a", ALTER_SUBTRACT, "b,x,b", "c,a");
}

static void what_is_refused(void)
{
	arena_init(&arena, ARENA_BYTES);
	same_text("append", altered("retention.ms", "1", ALTER_APPEND, "2"),
		"!2 Config value append is not allowed for config key: retention.ms");
	same_text("subtract", altered("retention.ms", "1", ALTER_SUBTRACT, "2"),
		"!2 Config value subtract is not allowed for config key: retention.ms");
	same_text("unknown", altered("no.such", "1", ALTER_APPEND, "2"), "!2 Unknown config name: no.such");
	same_text("op", altered("retention.ms", "1", 4, "2"), "!1 Unknown operations type 4");
	same_text("op", altered("retention.ms", "1", -1, "2"), "!1 Unknown operations type -1");
	same_text("set unknown", altered("no.such", NULL, ALTER_SET, "2"), "2");
	arena_free(&arena);
}

/* A broker's keys have the types of their rows, with a listener's prefix too. */
static void brokers(void)
{
	struct config_layer layer = { NULL, 0 };
	struct alter_step steps[] = {
		{ "log.cleanup.policy", "compact", ALTER_APPEND },
		{ "listener.name.x.ssl.cipher.suites", "A", ALTER_APPEND },
		{ "a.key.of.a.plugin", "1", ALTER_SET },
		{ "listener.name.x.ssl.cipher.suites", "B", ALTER_APPEND },
	};
	arena_init(&arena, ARENA_BYTES);
	CU_ASSERT_EQUAL(alter_settings(&arena, alter_key_of_broker, steps, countof(steps), &layer, &why),
		ALTER_FINE);
	CU_ASSERT_EQUAL(layer.n, 3);
	same_text("policy", config_setting_find(layer.v, layer.n, steps[0].name)->value, "delete,compact");
	same_text("suites", config_setting_find(layer.v, layer.n, steps[1].name)->value, "A,B");
	arena_free(&arena);
}

/* A request may bring lists of hundreds of thousands of elements: that takes no long time, and no more
 * memory than the arena has. */
static void long_lists(void)
{
	enum { BYTES = 1 << 20 };
	char *old = mem_alloc(BYTES + 1), *value = mem_alloc(BYTES + 1);
	for (int i = 0; i < BYTES; i++) {
		old[i] = (char)(i % 2 ? ',' : 'a' + i / 2 % 26);
		value[i] = (char)(i % 2 ? ',' : 'A' + i / 2 % 32);
	}
	old[BYTES] = value[BYTES] = 0;
	arena_init(&arena, 256 << 20);
	const char *all = altered("cleanup.policy", old, ALTER_APPEND, value);
	CU_ASSERT_EQUAL(strlen(all), 2 * BYTES - 1);
	CU_ASSERT_EQUAL(strlen(altered("cleanup.policy", old, ALTER_SUBTRACT, old)), 0);
	arena_free(&arena);
	arena_init(&arena, 1 << 20);
	CU_ASSERT_STRING_EQUAL(altered("retention.ms", NULL, ALTER_SET, "1"), "1");
	struct config_layer layer = { NULL, 0 };
	struct alter_step step = { "cleanup.policy", value, ALTER_APPEND };
	CU_ASSERT_EQUAL(alter_settings(&arena, alter_key_of_topic, &step, 1, &layer, &why), ALTER_TOO_LARGE);
	CU_ASSERT_EQUAL(layer.n, 0);
	arena_free(&arena);
	free(old);
	free(value);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(set_and_delete), UT(append), UT(subtract),
		UT(what_is_refused), UT(brokers), UT(long_lists),
	};
	return ut_run("alter", cases, countof(cases));
}
