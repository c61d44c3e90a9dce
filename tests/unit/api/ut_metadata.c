/* ut_metadata.c - Metadata and DescribeCluster from a core's snapshot. Facts: handleTopicMetadataRequest of
 * 3.9. */
#include "tests/unit/api/api_test.h"

#include "describe_cluster.kmsg.h"
#include "metadata.kmsg.h"

AT_ENCODER(metadata)
AT_ENCODER(describe_cluster)

enum { NEWEST = 12 };

static const struct uuid id = { { 1, 2, 3 } }, other_id = { { 9 } };

static void begin(struct api_test *t)
{
	at_begin(t);
	at_topic(t, "topic", &id, 3, NULL, 0);
}

static bool ask(struct api_test *t, int version, const struct metadata_request_topic *topics, int32_t n,
		struct metadata_response *got)
{
	struct metadata_request m = { .topics = (struct metadata_request_topic *)topics, .n_topics = n };
	m.allow_auto_topic_creation = version < 4;
	return AT_ASK(t, metadata, METADATA, version, &m, got);
}

static void in_every_version(void)
{
	struct api_test t;
	struct metadata_response got;
	const struct metadata_request_topic topics[] = { { .name = SLICE_LIT("topic") } };
	begin(&t);
	for (int version = 0; version <= NEWEST; version++) {
		CU_ASSERT_FATAL(ask(&t, version, topics, 1, &got));
		CU_ASSERT_EQUAL(got.n_brokers, 2);
		CU_ASSERT_EQUAL_FATAL(got.n_topics, 1);
		CU_ASSERT_EQUAL(got.topics[0].error_code, KERR_NONE);
		CU_ASSERT_EQUAL_FATAL(got.topics[0].n_partitions, 3);
		CU_ASSERT_EQUAL(got.topics[0].partitions[2].leader_id, AT_BROKER);
		if (version >= 1)
			CU_ASSERT_EQUAL(got.controller_id, AT_BROKER);
		if (version >= 2)
			CU_ASSERT(slice_is(got.cluster_id, "unit-cluster"));
		if (version >= 7)
			CU_ASSERT_EQUAL(got.topics[0].partitions[0].leader_epoch, AT_EPOCH);
		if (version >= 10)
			CU_ASSERT(uuid_eq(&got.topics[0].topic_id, &id));
	}
	at_end(&t);
}

static void all_and_none(void)
{
	struct api_test t;
	struct metadata_response got;
	begin(&t);
	CU_ASSERT(ask(&t, 0, NULL, 0, &got));
	CU_ASSERT_EQUAL(got.n_topics, 1);
	CU_ASSERT(ask(&t, 1, NULL, 0, &got));
	CU_ASSERT_EQUAL(got.n_topics, 0);
	CU_ASSERT(ask(&t, 1, NULL, -1, &got));
	CU_ASSERT_EQUAL(got.n_topics, 1);
	at_end(&t);
}

static void by_id_or_by_name(void)
{
	struct api_test t;
	struct metadata_response got;
	const struct metadata_request_topic ids[] = { { .topic_id = id }, { .topic_id = other_id },
						      { .name = SLICE_LIT("topic") } };
	const struct metadata_request_topic both[] = { { .topic_id = other_id, .name = SLICE_LIT("topic") } };
	begin(&t);
	/* Where one has an id, names count for nothing. */
	CU_ASSERT_FATAL(ask(&t, 12, ids, 3, &got));
	CU_ASSERT_EQUAL_FATAL(got.n_topics, 2);
	CU_ASSERT(got.topics[0].error_code == KERR_NONE && slice_is(got.topics[0].name, "topic"));
	CU_ASSERT(got.topics[1].error_code == KERR_UNKNOWN_TOPIC_ID && slice_is_null(got.topics[1].name));
	CU_ASSERT_FATAL(ask(&t, 12, both, 1, &got));
	CU_ASSERT_EQUAL_FATAL(got.n_topics, 1);
	CU_ASSERT(got.topics[0].error_code == KERR_UNKNOWN_TOPIC_ID && slice_is_null(got.topics[0].name));
	for (int version = 10; version < 12; version++) {
		CU_ASSERT_FATAL(ask(&t, version, both, 1, &got));
		CU_ASSERT_EQUAL(got.topics[0].error_code, KERR_INVALID_REQUEST);
	}
	at_end(&t);
}

static void what_is_not_there(void)
{
	static const struct {
		const char *name;
		enum kerr error;
	} rows[] = { { "nowhere", KERR_UNKNOWN_TOPIC_OR_PARTITION }, { "a b", KERR_INVALID_TOPIC_EXCEPTION },
		     { "", KERR_INVALID_TOPIC_EXCEPTION }, { "..", KERR_INVALID_TOPIC_EXCEPTION } };
	struct api_test t;
	struct metadata_response got;
	begin(&t);
	for (size_t i = 0; i < countof(rows); i++) {
		struct metadata_request_topic topic = { .name = slice_str(rows[i].name) };
		struct metadata_request m = { .topics = &topic, .n_topics = 1,
					      .include_topic_authorized_operations = true };
		CU_ASSERT_FATAL(AT_ASK(&t, metadata, METADATA, 9, &m, &got));
		CU_ASSERT_EQUAL(got.topics[0].error_code, rows[i].error);
		CU_ASSERT_EQUAL(got.topics[0].topic_authorized_operations, 3576);
	}
	at_end(&t);
}

static void a_leader_that_is_gone(void)
{
	struct api_test t;
	struct metadata_response got;
	const struct metadata_request_topic topics[] = { { .name = SLICE_LIT("topic") } };
	begin(&t);
	at_move(&t, "topic", 1, 99);
	CU_ASSERT_FATAL(ask(&t, 5, topics, 1, &got));
	const struct metadata_response_partition *p = &got.topics[0].partitions[1];
	CU_ASSERT(p->error_code == KERR_LEADER_NOT_AVAILABLE && p->leader_id == -1);
	CU_ASSERT(p->n_offline_replicas == 1 && p->offline_replicas[0] == 99);
	CU_ASSERT_EQUAL(got.topics[0].partitions[0].error_code, KERR_NONE);
	at_end(&t);
}

static void the_cluster(void)
{
	struct api_test t;
	struct describe_cluster_response got;
	struct describe_cluster_request m = { .include_cluster_authorized_operations = true,
					      .endpoint_type = 1 };
	begin(&t);
	CU_ASSERT_FATAL(AT_ASK(&t, describe_cluster, DESCRIBE_CLUSTER, 1, &m, &got));
	CU_ASSERT(got.error_code == KERR_NONE && got.n_brokers == 2 && got.controller_id == AT_BROKER);
	CU_ASSERT(got.cluster_authorized_operations > 0);
	m.endpoint_type = 2; /* controllers: not by a broker */
	CU_ASSERT_FATAL(AT_ASK(&t, describe_cluster, DESCRIBE_CLUSTER, 1, &m, &got));
	CU_ASSERT(got.error_code == KERR_MISMATCHED_ENDPOINT_TYPE && got.n_brokers == 0);
	m.endpoint_type = 3;
	CU_ASSERT_FATAL(AT_ASK(&t, describe_cluster, DESCRIBE_CLUSTER, 1, &m, &got));
	CU_ASSERT_EQUAL(got.error_code, KERR_UNSUPPORTED_ENDPOINT_TYPE);
	at_end(&t);
}

static const struct ut_case cases[] = {
	UT(in_every_version),  UT(all_and_none),          UT(by_id_or_by_name),
	UT(what_is_not_there), UT(a_leader_that_is_gone), UT(the_cluster),
};

int main(void)
{
	return ut_run("metadata", cases, countof(cases));
}
