/* ut_logs.c - leader epochs, deletion of records, producers. Facts: lastOffsetForLeaderEpoch, deleteRecords
 * and activeProducerState of ReplicaManager of 3.9; that each answer is Apache Kafka's is shown by
 * tests/it/0210_same_answers.py. */
#include "broker/cluster/shard.h"
#include "tests/unit/api/api_test.h"

#include "delete_records.kmsg.h"
#include "describe_producers.kmsg.h"
#include "offset_for_leader_epoch.kmsg.h"

AT_ENCODER(delete_records)
AT_ENCODER(describe_producers)
AT_ENCODER(offset_for_leader_epoch)

enum { NEWEST_DELETE = 2, NEWEST_EPOCH = 4, FOLLOWER = AT_BROKER + 1, LONG_MS = 20000, SHORT_MS = 20 };

static const struct uuid id = { { 1, 2, 3 } };

/* Offsets 0 to 8 in three batches. */
static void begin(struct api_test *t, const struct config_setting *settings, size_t n)
{
	at_begin(t);
	at_topic(t, "topic", &id, 1, settings, n);
	for (int i = 0; i < 3; i++)
		at_write(t, "topic", 0, &(struct st_batch){ .records = 3, .timestamp = 1000,
							    .producer_id = 70 + i / 2,
							    .sequence = i == 1 ? 3 : 0 });
}

static struct partition *partition(struct api_test *t)
{
	struct slice topic = slice_str("topic");
	return replicas_find(t->replicas[shard_home(topic, 0, AT_CORES)], topic, 0);
}

/* ---- leader epochs ---- */

static const struct offset_for_leader_epoch_response_partition *
end_of(struct api_test *t, int version, int32_t epoch, int32_t current)
{
	static struct offset_for_leader_epoch_response got;
	struct offset_for_leader_epoch_request_partition p = { 0, current, epoch };
	struct offset_for_leader_epoch_request_topic topic = { slice_str("topic"), &p, 1 };
	struct offset_for_leader_epoch_request ask = { -1, &topic, 1 };
	CU_ASSERT_FATAL(AT_ASK(t, offset_for_leader_epoch, OFFSET_FOR_LEADER_EPOCH, version, &ask, &got));
	CU_ASSERT_FATAL(got.n_topics == 1 && got.topics[0].n_partitions == 1);
	return got.topics[0].partitions;
}

static void epochs(void)
{
	static const struct {
		int32_t epoch, found;
		int64_t end;
	} rows[] = { { AT_EPOCH, AT_EPOCH, 9 }, { AT_EPOCH + 1, -1, -1 }, { AT_EPOCH - 1, AT_EPOCH - 1, 0 },
		     { -1, -1, -1 }, { -2, -2, 0 } };
	struct api_test t;
	begin(&t, NULL, 0);
	for (int version = 0; version <= NEWEST_EPOCH; version++)
		for (size_t i = 0; i < countof(rows); i++) {
			const struct offset_for_leader_epoch_response_partition *p =
				end_of(&t, version, rows[i].epoch, -1);
			CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
			CU_ASSERT_EQUAL(p->end_offset, rows[i].end);
			if (version >= 1)
				CU_ASSERT_EQUAL(p->leader_epoch, rows[i].found);
		}
	CU_ASSERT_EQUAL(end_of(&t, 2, AT_EPOCH, AT_EPOCH)->error_code, KERR_NONE);
	CU_ASSERT_EQUAL(end_of(&t, 2, AT_EPOCH, AT_EPOCH - 1)->error_code, KERR_FENCED_LEADER_EPOCH);
	CU_ASSERT_EQUAL(end_of(&t, 2, AT_EPOCH, AT_EPOCH + 1)->error_code, KERR_UNKNOWN_LEADER_EPOCH);
	CU_ASSERT_EQUAL(end_of(&t, 2, AT_EPOCH, -2)->error_code, KERR_FENCED_LEADER_EPOCH);
	at_move(&t, "topic", 0, FOLLOWER);
	CU_ASSERT_EQUAL(end_of(&t, 2, AT_EPOCH, -1)->error_code, KERR_NOT_LEADER_OR_FOLLOWER);
	at_end(&t);
}

/* ---- deletion ---- */

static const struct delete_records_request *wish(int64_t offset, int32_t timeout_ms)
{
	static struct delete_records_request_partition p;
	static struct delete_records_request_topic topic;
	static struct delete_records_request ask;
	p = (struct delete_records_request_partition){ 0, offset };
	topic = (struct delete_records_request_topic){ slice_str("topic"), &p, 1 };
	ask = (struct delete_records_request){ &topic, 1, timeout_ms };
	return &ask;
}

static void expect(const struct delete_records_response *got, enum kerr error, int64_t low_watermark)
{
	CU_ASSERT_FATAL(got->n_topics == 1 && got->topics[0].n_partitions == 1);
	CU_ASSERT_EQUAL(got->topics[0].partitions[0].error_code, error);
	CU_ASSERT_EQUAL(got->topics[0].partitions[0].low_watermark, low_watermark);
}

static void delete(struct api_test *t, int version, int64_t offset, enum kerr error, int64_t low_watermark)
{
	struct delete_records_response got;
	CU_ASSERT_FATAL(AT_ASK(t, delete_records, DELETE_RECORDS, version, wish(offset, SHORT_MS), &got));
	expect(&got, error, low_watermark);
}

static void deletion(void)
{
	struct api_test t;
	begin(&t, NULL, 0);
	for (int version = 0; version <= NEWEST_DELETE; version++) {
		delete(&t, version, 2 + version, KERR_NONE, 2 + version);
		CU_ASSERT_EQUAL(log_start_offset(partition(&t)->log), 2 + version);
		delete(&t, version, 0, KERR_NONE, 2 + version);
		delete(&t, version, 10, KERR_OFFSET_OUT_OF_RANGE, -1);
		delete(&t, version, -2, KERR_OFFSET_OUT_OF_RANGE, -1);
	}
	delete(&t, 2, -1, KERR_NONE, 9);
	at_move(&t, "topic", 0, FOLLOWER);
	delete(&t, 2, -1, KERR_NOT_LEADER_OR_FOLLOWER, -1);
	at_end(&t);
}

static void policy(void)
{
	static const struct config_setting compacted[] = { { "cleanup.policy", "compact" } };
	struct api_test t;
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, compacted, countof(compacted));
	delete(&t, 2, 0, KERR_POLICY_VIOLATION, -1);
	at_end(&t);
}

/* A follower that is not in sync, but alive: what it has is not gone. */
static void add_follower(struct api_test *t)
{
	struct partition *p = partition(t);
	struct partition_role role = p->role;
	role.replicas[role.n_replicas++] = FOLLOWER;
	role.leader_epoch++;
	must(partition_set_role(p, &role, &id) == KERR_NONE);
}

static bool told(struct api_test *t, struct delete_records_response *got)
{
	kdec_i32(&t->answer); /* the correlation id; v0 and v1 have no more of a header */
	return delete_records_response_decode(&t->answer, 1, got) == 0;
}

/* How many DeleteRecords wait for followers, or did so in vain. */
static void waits_are(const struct api_test *t, uint64_t now, uint64_t expired)
{
	uint64_t waits = 0, in_vain = 0;
	for (int i = 0; i < AT_CORES; i++) {
		waits += t->cores[i]->waits.delete_records;
		in_vain += t->cores[i]->waits.delete_expired;
	}
	CU_ASSERT_EQUAL(waits, now);
	CU_ASSERT_EQUAL(in_vain, expired);
}

static void with_follower(void)
{
	struct api_test t;
	struct delete_records_response got;
	begin(&t, NULL, 0);
	add_follower(&t);
	delete(&t, 2, 4, KERR_REQUEST_TIMED_OUT, -1);
	CU_ASSERT_EQUAL(log_start_offset(partition(&t)->log), 4);
	partition_follower_has(partition(&t), FOLLOWER, 3, 9);
	delete(&t, 2, 5, KERR_REQUEST_TIMED_OUT, 3);
	partition_follower_has(partition(&t), FOLLOWER, 5, 9);
	delete(&t, 2, 5, KERR_NONE, 5);
	at_post(&t, KAPI_DELETE_RECORDS, 1, at_encode_delete_records, wish(7, LONG_MS));
	at_turns(&t, 20);
	partition_follower_has(partition(&t), FOLLOWER, 6, 9);
	at_turns(&t, 20);
	CU_ASSERT_FALSE(t.answered);
	waits_are(&t, 1, 2);
	partition_follower_has(partition(&t), FOLLOWER, 7, 9);
	CU_ASSERT_FATAL(at_wait(&t) && told(&t, &got));
	waits_are(&t, 0, 2);
	expect(&got, KERR_NONE, 7);
	/* The leader is another one meanwhile. */
	at_post(&t, KAPI_DELETE_RECORDS, 1, at_encode_delete_records, wish(8, LONG_MS));
	at_turns(&t, 20);
	at_move(&t, "topic", 0, FOLLOWER);
	CU_ASSERT_FATAL(at_wait(&t) && told(&t, &got));
	expect(&got, KERR_NOT_LEADER_OR_FOLLOWER, -1);
	at_end(&t);
}

/* ---- producers ---- */

static void producers(void)
{
	struct api_test t;
	struct describe_producers_response got;
	int32_t indexes[] = { 0, 1, 0 };
	struct describe_producers_request_topic topics[] = { { slice_str("topic"), indexes, 3 },
							     { slice_str("bad name"), indexes, 1 },
							     { slice_str("nowhere"), indexes, 1 } };
	struct describe_producers_request ask = { topics, countof(topics) };
	begin(&t, NULL, 0);
	CU_ASSERT_FATAL(AT_ASK(&t, describe_producers, DESCRIBE_PRODUCERS, 0, &ask, &got));
	CU_ASSERT_FATAL(got.n_topics == 3 && got.topics[0].n_partitions == 3);
	CU_ASSERT_EQUAL(got.topics[0].partitions[1].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	CU_ASSERT_EQUAL(got.topics[1].partitions[0].error_code, KERR_INVALID_TOPIC_EXCEPTION);
	CU_ASSERT_EQUAL(got.topics[2].partitions[0].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	for (int i = 0; i < 3; i += 2) {
		const struct describe_producers_response_partition *p = &got.topics[0].partitions[i];
		CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
		CU_ASSERT_EQUAL_FATAL(p->n_active_producers, 2);
		for (int k = 0; k < 2; k++) {
			CU_ASSERT_EQUAL(p->active_producers[k].producer_id, 70 + k);
			CU_ASSERT_EQUAL(p->active_producers[k].last_sequence, k == 0 ? 5 : 2);
			CU_ASSERT_EQUAL(p->active_producers[k].coordinator_epoch, -1);
			CU_ASSERT_EQUAL(p->active_producers[k].current_txn_start_offset, -1);
		}
	}
	at_move(&t, "topic", 0, FOLLOWER); /* any replica knows */
	CU_ASSERT_FATAL(AT_ASK(&t, describe_producers, DESCRIBE_PRODUCERS, 0, &ask, &got));
	CU_ASSERT_EQUAL(got.topics[0].partitions[0].n_active_producers, 2);
	partition_drop_role(partition(&t));
	CU_ASSERT_FATAL(AT_ASK(&t, describe_producers, DESCRIBE_PRODUCERS, 0, &ask, &got));
	CU_ASSERT_EQUAL(got.topics[0].partitions[0].error_code, KERR_NOT_LEADER_OR_FOLLOWER);
	at_end(&t);
}

static const struct ut_case cases[] = { UT(epochs), UT(deletion), UT(policy), UT(with_follower),
					UT(producers) };

int main(void)
{
	return ut_run("logs", cases, countof(cases));
}
