/* ut_assign.c - replicas over brokers and racks: the examples that AdminUtils of Kafka tells in its comment,
 * and what must hold for all. */
#include "broker/base/must.h"
#include "broker/controller/assign.h"
#include "tests/unit/ut.h"

#include <string.h>

/* Five brokers, ten partitions, three replicas, start 0, shift 0: the table of
 * AdminUtils.assignReplicasToBrokers. */
static void as_kafka_says(void)
{
	static const int32_t expected[10][3] = { { 0, 1, 2 }, { 1, 2, 3 }, { 2, 3, 4 }, { 3, 4, 0 },
						 { 4, 0, 1 }, { 0, 2, 3 }, { 1, 3, 4 }, { 2, 4, 0 },
						 { 3, 0, 1 }, { 4, 1, 2 } };
	struct assign_broker brokers[] = { { 0, NULL }, { 1, NULL }, { 2, NULL }, { 3, NULL }, { 4, NULL } };
	int32_t out[10][3];
	CU_ASSERT_TRUE(assign_replicas(brokers, 5, 0, 10, 3, 0, 0, &out[0][0]));
	CU_ASSERT_EQUAL(memcmp(out, expected, sizeof out), 0);
}

static void one_broker_gets_everything(void)
{
	struct assign_broker only[] = { { 7, NULL } };
	int32_t out[3];
	CU_ASSERT_TRUE(assign_replicas(only, 1, 0, 3, 1, 0, 0, out));
	CU_ASSERT_TRUE(out[0] == 7 && out[1] == 7 && out[2] == 7);
}

static void growth_goes_on_where_it_was(void)
{
	struct assign_broker a[] = { { 0, NULL }, { 1, NULL }, { 2, NULL } },
		b[] = { { 0, NULL }, { 1, NULL }, { 2, NULL } };
	int32_t whole[8 * 2], tail[3 * 2];
	CU_ASSERT_TRUE(assign_replicas(a, 3, 0, 8, 2, 1, 0, whole));
	CU_ASSERT_TRUE(assign_replicas(b, 3, 5, 3, 2, 1, 1, tail));
	CU_ASSERT_EQUAL(tail[0], whole[5 * 2]); /* leaders go round as before */
	CU_ASSERT_EQUAL(tail[2], whole[6 * 2]);
}

/* Six brokers in three racks: no two replicas of a partition share a rack, leaders are spread evenly. */
static void racks_are_spread(void)
{
	static const char *const rack_of[] = { "r1", "r3", "r3", "r2", "r2", "r1" };
	struct assign_broker brokers[6];
	int32_t out[18][3];
	int led[6] = { 0 };
	for (int32_t i = 0; i < 6; i++)
		brokers[i] = (struct assign_broker){ i, rack_of[i] };
	CU_ASSERT_TRUE(assign_replicas(brokers, 6, 0, 18, 3, 2, 1, &out[0][0]));
	for (int i = 0; i < 18; i++) {
		led[out[i][0]]++;
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < j; k++)
				CU_ASSERT_STRING_NOT_EQUAL(rack_of[out[i][j]], rack_of[out[i][k]]);
	}
	for (int i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(led[i], 3);
}

static void some_racks_are_none(void)
{
	struct assign_broker brokers[] = { { 0, "r" }, { 1, NULL } };
	int32_t out[1];
	CU_ASSERT_FALSE(assign_replicas(brokers, 2, 0, 1, 1, 0, 0, out));
}

static const struct ut_case cases[] = {
	UT(as_kafka_says), UT(one_broker_gets_everything), UT(growth_goes_on_where_it_was),
	UT(racks_are_spread),
	UT(some_racks_are_none),
};

int main(void)
{
	return ut_run("assign", cases, countof(cases));
}
