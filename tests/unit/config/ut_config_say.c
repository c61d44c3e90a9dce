/* ut_config_say.c - what the log says about the configuration; this program has a log_sink of its own. */
#include "broker/base/log.h"
#include "broker/config/config.h"
#include "tests/unit/ut.h"

#include <string.h>

enum { SAID_MAX = 1000 };

static struct {
	enum log_level level;
	char text[512];
} said[SAID_MAX];
static int n_said;

bool log_enabled(enum log_level level, const char *logger)
{
	(void)level;
	return strcmp(logger, "kafka.server.KafkaConfig") == 0;
}

void log_sink(enum log_level level, const char *logger, const char *message, size_t n)
{
	(void)logger;
	must(n_said < SAID_MAX);
	said[n_said].level = level;
	snprintf(said[n_said].text, sizeof said[0].text, "%.*s", (int)n, message);
	n_said++;
}

static bool was_said(enum log_level level, const char *text)
{
	for (int i = 0; i < n_said; i++)
		if (said[i].level == level && strcmp(said[i].text, text) == 0)
			return true;
	fprintf(stderr, "nobody said [%s]\n", text);
	return false;
}

static struct config *load(const char *text, struct problems *problems)
{
	struct config_source source = { "f", slice_str(text), NULL };
	problems_init(problems);
	n_said = 0;
	return config_load(&source, NULL, 0, problems);
}

static void says_what_is_without_effect(void)
{
	struct problems problems;
	struct config *c = load("zookeeper.connect=z\nnum.io.threads=8\nnum.network.threads=5\n"
				"delegation.token.secret.key=verysecret\nnum.partitions=2\n",
		&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	config_report_unhonoured(c);
	CU_ASSERT_EQUAL(n_said, 3);
	CU_ASSERT_TRUE(was_said(LOG_INFO, "num.io.threads=8 (f:2) is accepted without effect: there are no "
					  "pools of threads here; num.cores "
					  "says how many cores serve"));
	CU_ASSERT_TRUE(was_said(LOG_WARN,
		"num.network.threads=5 (f:3) is accepted without effect: there are no pools of threads here; "
		"num.cores says how many cores serve"));
	CU_ASSERT_TRUE(was_said(LOG_WARN, "delegation.token.secret.key=[hidden] (f:4) is accepted without "
					  "effect: delegation tokens are not served yet"));
	config_free(c);
	problems_free(&problems);
}

static void lists_values_without_secrets(void)
{
	struct problems problems;
	struct config *c =
		load("zookeeper.connect=z\nssl.key.password=verysecret\nbroker.rack=r\n", &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	config_log_values(c);
	CU_ASSERT_TRUE(was_said(LOG_INFO, "KafkaConfig values:"));
	CU_ASSERT_TRUE(was_said(LOG_INFO, "\tbroker.rack = r"));
	CU_ASSERT_TRUE(was_said(LOG_INFO, "\tssl.key.password = [hidden]"));
	CU_ASSERT_TRUE(was_said(LOG_INFO, "\tadvertised.listeners = null"));
	CU_ASSERT_TRUE(was_said(LOG_INFO, "\tssl.enabled.protocols = [TLSv1.2, TLSv1.3]"));
	CU_ASSERT_TRUE(was_said(LOG_INFO, "\tssl.keystore.password = null"));
	for (int i = 0; i < n_said; i++)
		CU_ASSERT_PTR_NULL(strstr(said[i].text, "verysecret"));
	config_free(c);
	problems_free(&problems);
}

static void says_problems_at_their_level(void)
{
	struct problems problems;
	CU_ASSERT_PTR_NULL(load("x.y=1\n", &problems));
	config_log_problems(&problems);
	CU_ASSERT_EQUAL(n_said, 2);
	CU_ASSERT_TRUE(was_said(LOG_WARN, "f:1: x.y is not known and has no effect"));
	CU_ASSERT_EQUAL(said[1].level, LOG_ERROR);
	problems_free(&problems);
}

static const struct ut_case cases[] = {
	UT(says_what_is_without_effect),
	UT(lists_values_without_secrets),
	UT(says_problems_at_their_level),
};

int main(void)
{
	return ut_run("config in the log", cases, countof(cases));
}
