/* ut_broker_loggers.c - levels of loggers by request: all or nothing; and numbers as Java reads them. */
#include "broker/api/resources.h"
#include "broker/config/alter.h"
#include "broker/reactor/sys.h"
#include "tests/unit/ut.h"

enum { ID = 7 };

static const char *why;

static enum kerr alter(const char *name, const struct alter_step *steps, size_t n, bool validate_only)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	enum kerr error =
		broker_loggers_alter(&a, ID, slice_str(name), steps, n, validate_only, &why);
	CU_ASSERT_EQUAL(error == KERR_NONE, why == NULL);
	arena_free(&a);
	return error;
}

static enum kerr alter_one(int op, const char *logger, const char *level)
{
	return alter("7", &(struct alter_step){ logger, level, op }, 1, false);
}

static void set_and_taken_away(void)
{
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "kafka.server", "ERROR"), KERR_NONE);
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.server.KafkaServer"), "ERROR");
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.log"), "INFO");
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "root", "FATAL"), KERR_NONE);
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.log"), "FATAL");
	CU_ASSERT_STRING_EQUAL(broker_logger_level("root"), "FATAL");
	CU_ASSERT_EQUAL(alter_one(ALTER_DELETE, "kafka.server", NULL), KERR_NONE);
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.server.KafkaServer"), "FATAL");
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "root", "INFO"), KERR_NONE);
}

static void refused(void)
{
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "no.such", "INFO"), KERR_INVALID_CONFIG);
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "kafka.server", "info"), KERR_INVALID_CONFIG);
	CU_ASSERT_EQUAL(alter_one(ALTER_SET, "kafka.server", "OFF"), KERR_INVALID_CONFIG);
	CU_ASSERT_EQUAL(alter_one(ALTER_DELETE, "root", NULL), KERR_INVALID_REQUEST);
	CU_ASSERT_EQUAL(alter_one(ALTER_APPEND, "kafka.server", "INFO"), KERR_INVALID_REQUEST);
	CU_ASSERT_EQUAL(alter_one(9, "kafka.server", "INFO"), KERR_INVALID_REQUEST);
	CU_ASSERT_EQUAL(alter("8", NULL, 0, false), KERR_INVALID_REQUEST);
	CU_ASSERT_EQUAL(alter("", NULL, 0, false), KERR_INVALID_REQUEST);
	CU_ASSERT_EQUAL(alter("7", NULL, 0, false), KERR_NONE);
}

static void all_or_nothing(void)
{
	const struct alter_step steps[] = {
		{ "kafka.server", "WARN", ALTER_SET },
		{ "no.such", "WARN", ALTER_SET },
	};
	CU_ASSERT_EQUAL(alter("7", steps, 2, false), KERR_INVALID_CONFIG);
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.server"), "INFO");
	CU_ASSERT_EQUAL(alter("7", steps, 1, true), KERR_NONE);
	CU_ASSERT_STRING_EQUAL(broker_logger_level("kafka.server"), "INFO");
}

static void numbers_of_java(void)
{
	static const struct {
		const char *text;
		int32_t id;
	} fine[] = { { "0", 0 }, { "01", 1 }, { "+1", 1 }, { "-1", -1 }, { "2147483647", INT32_MAX },
		{ "-2147483648", INT32_MIN } };
	static const char *const bad[] = { "", "+", "-", " 1", "1 ", "0x1", "2147483648", "-2147483649",
		"99999999999999999999", "1.0", "--1" };
	int32_t id;
	for (size_t i = 0; i < countof(fine); i++) {
		CU_ASSERT_TRUE(resource_broker_id(slice_str(fine[i].text), &id));
		CU_ASSERT_EQUAL(id, fine[i].id);
	}
	for (size_t i = 0; i < countof(bad); i++)
		CU_ASSERT_FALSE(resource_broker_id(slice_str(bad[i]), &id));
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(set_and_taken_away),
		UT(refused),
		UT(all_or_nothing),
		UT(numbers_of_java),
	};
	return ut_run("broker_loggers", cases, countof(cases));
}
