/* ut_listeners.c - listeners, their names, protocols and advertised addresses. */
#include "broker/config/listeners.h"
#include "tests/unit/ut.h"

#include <string.h>

static struct arena arena;
static struct problems problems;
static struct listener_map map;
static struct listeners found;

static void begin(const char *map_text)
{
	arena_init(&arena, 1 << 20);
	problems_init(&problems);
	CU_ASSERT_EQUAL(listener_map_parse(&arena, map_text, &map, &problems), 0);
}

static void end(void)
{
	problems_free(&problems);
	arena_free(&arena);
}

static const char defaults[] = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";

static void reads_a_list(void)
{
	begin(" internal : plaintext , OUT:SSL,");
	CU_ASSERT_EQUAL(listeners_parse(&arena, " Internal://:9092 , OUT://[::1]:9093,,out2://h-1.example:0",
				&map, true, &found, &problems),
		-1); /* out2 has no protocol */
	CU_ASSERT_EQUAL(problems.errors, 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(problems.first->text, "No security protocol defined for listener OUT2"));
	CU_ASSERT_EQUAL(found.n, 2);
	CU_ASSERT_STRING_EQUAL(found.v[0].name, "INTERNAL");
	CU_ASSERT_EQUAL(found.v[0].protocol, LISTENER_PLAINTEXT);
	CU_ASSERT_PTR_NULL(found.v[0].host);
	CU_ASSERT_EQUAL(found.v[0].port, 9092);
	CU_ASSERT_STRING_EQUAL(found.v[1].host, "::1");
	CU_ASSERT_TRUE(listener_is_tls(&found.v[1]));
	CU_ASSERT_PTR_EQUAL(listeners_find(&found, "out"), &found.v[1]);
	CU_ASSERT_STRING_EQUAL(listener_text(&arena, &found.v[0]), "INTERNAL://:9092");
	CU_ASSERT_STRING_EQUAL(listener_text(&arena, &found.v[1]), "OUT://[::1]:9093");
	end();
}

static void refuses_bad_ones(void)
{
	static const char *const bad[] = {
		"PLAINTEXT",
		"PLAINTEXT:9092",
		"://h:1",
		"PLAINTEXT://h",
		"PLAINTEXT://h:",
		"PLAINTEXT://h:-1",
		"PLAINTEXT://h:65536",
		"PLAINTEXT://h:9x",
		"PLAINTEXT://h h:1",
		"PLAINTEXT://h/p:1",
		"PLAINTEXT://a:1,PLAINTEXT://b:2", /* one name twice */
		"PLAINTEXT://a:1,SSL://b:1",       /* one port twice */
		"PLAINTEXT://127.0.0.1:1,SSL://:1",
		"PLAINTEXT://[::1]:1,SSL://[::2]:1",
	};
	for (size_t i = 0; i < countof(bad); i++) {
		begin(defaults);
		CU_ASSERT_EQUAL(listeners_parse(&arena, bad[i], &map, true, &found, &problems), -1);
		CU_ASSERT_EQUAL(problems.errors, 1);
		end();
	}
}

static void shares_ports_where_it_may(void)
{
	begin(defaults);
	CU_ASSERT_EQUAL(listeners_parse(&arena, "PLAINTEXT://127.0.0.1:9092,SSL://[::1]:9092", &map, true,
				&found, &problems),
		0);
	CU_ASSERT_EQUAL(listeners_parse(&arena, "PLAINTEXT://a:0,SSL://b:0", &map, true, &found, &problems),
		0);
	/* what is advertised may be behind one proxy */
	CU_ASSERT_EQUAL(listeners_parse(&arena, "PLAINTEXT://a:9092,SSL://a:9092", &map, false, &found,
				&problems),
		0);
	end();
}

static void reads_maps(void)
{
	begin("A:SSL,a:PLAINTEXT");
	CU_ASSERT_EQUAL(map.n, 1);
	CU_ASSERT_EQUAL(listener_map_find(&map, "A"), LISTENER_PLAINTEXT);
	CU_ASSERT_EQUAL(listener_map_find(&map, "B"), -1);
	CU_ASSERT_EQUAL(listener_map_parse(&arena, "A:TLS", &map, &problems), -1);
	CU_ASSERT_EQUAL(listener_map_parse(&arena, "A", &map, &problems), -1);
	CU_ASSERT_EQUAL(listener_map_parse(&arena, ":SSL", &map, &problems), -1);
	CU_ASSERT_EQUAL(problems.errors, 3);
	end();
}

static void has_a_limit(void)
{
	char text[64 * 32] = "", *p = text;
	begin(defaults);
	for (int i = 0; i <= LISTENERS_MAX; i++)
		p += sprintf(p, "L%d:SSL,", i);
	CU_ASSERT_EQUAL(listener_map_parse(&arena, text, &map, &problems), -1);
	CU_ASSERT_EQUAL(map.n, LISTENERS_MAX);
	end();
}

static const struct ut_case cases[] = {
	UT(reads_a_list),
	UT(refuses_bad_ones),
	UT(shares_ports_where_it_may),
	UT(reads_maps),
	UT(has_a_limit),
};

int main(void)
{
	return ut_run("listeners", cases, countof(cases));
}
