/* ut_produce.c - records in: what is appended, what is refused, and what is told of it. Facts:
 * handleProduceRequest and ReplicaManager.appendRecords of 3.9. */
#include "tests/unit/api/api_test.h"

#include "produce.kmsg.h"

#include <string.h>

AT_ENCODER(produce)

enum { NEWEST = 11 };

static const struct uuid id = { { 1, 2, 3 } };

/* One partition of one topic. */
struct one {
	struct produce_request_partition partition;
	struct produce_request_topic topic;
	struct produce_request request;
};

static const struct produce_request *request_of(struct one *o, const char *topic, int32_t partition,
						int16_t acks, struct slice records)
{
	o->partition = (struct produce_request_partition){ .index = partition, .records.bytes = records };
	o->topic = (struct produce_request_topic){ slice_str(topic), &o->partition, 1 };
	o->request = (struct produce_request){ .acks = acks, .timeout_ms = 5000, .topic_data = &o->topic,
					       .n_topic_data = 1 };
	return &o->request;
}

static struct slice bytes_of(const struct buf *b)
{
	return slice_of(b->bytes, b->used);
}

/* The answer for the one partition. */
static const struct produce_response_partition *send(struct api_test *t, int version, const char *topic,
						     int32_t partition, int16_t acks, struct slice records)
{
	static struct produce_response got;
	struct one o;
	if (!AT_ASK(t, produce, PRODUCE, version, request_of(&o, topic, partition, acks, records), &got))
		return NULL;
	CU_ASSERT_EQUAL_FATAL(got.n_responses, 1);
	CU_ASSERT_EQUAL_FATAL(got.responses[0].n_partition_responses, 1);
	return &got.responses[0].partition_responses[0];
}

static struct buf *batch_at(int64_t timestamp, int32_t records)
{
	return st_make(&(struct st_batch){ .records = records, .timestamp = timestamp });
}

static void in_every_version(void)
{
	struct api_test t;
	struct buf *batch = batch_at(sys_wall_ms(), 3);
	int64_t expected[2] = { 0, 0 };
	at_begin(&t);
	at_topic(&t, "topic", &id, 2, NULL, 0);
	for (int version = 0; version <= NEWEST; version++)
		for (int32_t partition = 0; partition < 2; partition++) {
			const struct produce_response_partition *p =
				send(&t, version, "topic", partition, -1, bytes_of(batch));
			CU_ASSERT_FATAL(p != NULL);
			CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
			CU_ASSERT_EQUAL(p->base_offset, expected[partition]);
			CU_ASSERT_EQUAL(p->log_append_time_ms, -1);
			expected[partition] += 3;
		}
	buf_put(batch);
	at_end(&t);
}

static void what_is_not_here(void)
{
	struct api_test t;
	struct buf *batch = batch_at(sys_wall_ms(), 1);
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	static const struct {
		const char *topic;
		int32_t partition;
		int16_t acks;
		enum kerr error;
	} rows[] = {
		{ "nowhere", 0, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION },
		{ "topic", 1, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION },
		{ "topic", -1, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION },
		{ "topic", 0, 2, KERR_INVALID_REQUIRED_ACKS },
		{ "topic", 0, -2, KERR_INVALID_REQUIRED_ACKS },
	};
	for (size_t i = 0; i < countof(rows); i++)
		CU_ASSERT_EQUAL(send(&t, 9, rows[i].topic, rows[i].partition, rows[i].acks,
				     bytes_of(batch))->error_code, rows[i].error);
	/* The fault of the request comes before that of its acks. */
	CU_ASSERT_EQUAL(send(&t, 9, "topic", 0, 2, slice_of("", 0))->error_code, KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(send(&t, 2, "topic", 0, -1, slice_of("", 0))->error_code, KERR_NONE);
	buf_put(batch);
	at_end(&t);
}

static void the_new_leader_is_told(void)
{
	struct api_test t;
	struct one o;
	struct produce_response got;
	struct buf *batch = batch_at(sys_wall_ms(), 1);
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	at_move(&t, "topic", 0, AT_BROKER + 1);
	const struct produce_response_partition *p = send(&t, 9, "topic", 0, -1, bytes_of(batch));
	CU_ASSERT_EQUAL(p->error_code, KERR_NOT_LEADER_OR_FOLLOWER);
	CU_ASSERT_EQUAL(p->current_leader.leader_id, -1);
	CU_ASSERT(AT_ASK(&t, produce, PRODUCE, 10, request_of(&o, "topic", 0, 1, bytes_of(batch)), &got));
	p = &got.responses[0].partition_responses[0];
	CU_ASSERT_EQUAL(p->error_code, KERR_NOT_LEADER_OR_FOLLOWER);
	CU_ASSERT_EQUAL(p->current_leader.leader_id, AT_BROKER + 1);
	CU_ASSERT_EQUAL_FATAL(got.n_node_endpoints, 1);
	CU_ASSERT_EQUAL(got.node_endpoints[0].node_id, AT_BROKER + 1);
	CU_ASSERT(slice_is(got.node_endpoints[0].host, "elsewhere"));
	buf_put(batch);
	at_end(&t);
}

static void bad_records(void)
{
	static const struct config_setting compact[] = { { "cleanup.policy", "compact" } };
	static const struct config_setting small[] = { { "max.message.bytes", "50" } };
	struct api_test t;
	struct buf *good = batch_at(sys_wall_ms(), 2), *broken = batch_at(sys_wall_ms(), 2);
	broken->bytes[broken->used - 1] ^= 1;
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	at_topic(&t, "keyed", &id, 1, compact, countof(compact));
	at_topic(&t, "small", &id, 1, small, countof(small));
	CU_ASSERT_EQUAL(send(&t, 9, "topic", 0, -1, bytes_of(broken))->error_code, KERR_CORRUPT_MESSAGE);
	CU_ASSERT_EQUAL(send(&t, 9, "topic", 0, -1, slice_of(good->bytes, good->used - 1))->error_code,
			KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(send(&t, 9, "small", 0, -1, bytes_of(good))->error_code, KERR_MESSAGE_TOO_LARGE);
	CU_ASSERT_EQUAL(send(&t, 9, "small", 0, -1, bytes_of(good))->log_start_offset, -1);
	const struct produce_response_partition *p = send(&t, 9, "keyed", 0, -1, bytes_of(good));
	CU_ASSERT_EQUAL(p->error_code, KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(p->log_start_offset, 0); /* the log itself has refused them */
	CU_ASSERT_EQUAL(p->n_record_errors, 2);
	CU_ASSERT_EQUAL(p->record_errors[1].batch_index, 1);
	buf_put(good);
	buf_put(broken);
	at_end(&t);
}

/* A message of format 0 with neither key nor value. */
static const uint8_t old_message[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 0xa7, 0xec, 0x68, 0x03, 0, 0,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Each set becomes one batch of format 2. */
static void formats_of_old(void)
{
	uint8_t set[2 * sizeof old_message + 5] = { 0 }; /* two, and the beginning of a third */
	struct api_test t;
	memcpy(set, old_message, sizeof old_message);
	memcpy(set + sizeof old_message, old_message, sizeof old_message);
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	for (int version = 0; version < 3; version++) {
		const struct produce_response_partition *p =
			send(&t, version, "topic", 0, -1, slice_of(set, sizeof set));
		CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
		CU_ASSERT_EQUAL(p->base_offset, 2 * version);
		CU_ASSERT_EQUAL(p->log_append_time_ms, -1);
	}
	struct slice one = slice_of(old_message, sizeof old_message);
	CU_ASSERT_EQUAL(send(&t, 2, "topic", 0, 2, one)->error_code, KERR_INVALID_REQUIRED_ACKS);
	CU_ASSERT_EQUAL(send(&t, 3, "topic", 0, -1, one)->error_code, KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(send(&t, 2, "topic", 0, -1, one)->base_offset, 6);
	at_end(&t);
}

/* What the topic demands holds of them, too. A batch with its header is larger than such a message. */
static void rules_for_formats_of_old(void)
{
	static const struct config_setting compact[] = { { "cleanup.policy", "compact" } };
	static const struct config_setting small[] = { { "max.message.bytes", "50" } };
	static const struct config_setting stamped[] = { { "message.timestamp.type", "LogAppendTime" } };
	uint8_t broken[sizeof old_message];
	struct slice one = slice_of(old_message, sizeof old_message);
	int64_t before = sys_wall_ms();
	struct api_test t;
	memcpy(broken, old_message, sizeof broken);
	broken[MESSAGE_CRC_AT] ^= 1;
	at_begin(&t);
	at_topic(&t, "keyed", &id, 1, compact, countof(compact));
	at_topic(&t, "small", &id, 1, small, countof(small));
	at_topic(&t, "stamped", &id, 1, stamped, countof(stamped));
	CU_ASSERT_EQUAL(send(&t, 2, "keyed", 0, -1, one)->error_code, KERR_INVALID_RECORD);
	CU_ASSERT_EQUAL(send(&t, 2, "small", 0, -1, one)->error_code, KERR_MESSAGE_TOO_LARGE);
	CU_ASSERT_EQUAL(send(&t, 2, "stamped", 0, -1, slice_of(broken, sizeof broken))->error_code,
			KERR_CORRUPT_MESSAGE);
	const struct produce_response_partition *p = send(&t, 2, "stamped", 0, -1, one);
	CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
	CU_ASSERT(p->log_append_time_ms >= before && p->log_append_time_ms <= sys_wall_ms());
	at_end(&t);
}

/* Two partitions, one of them good; what the request as a whole is refused for leaves that unwritten, too. */
static void refused_whole(void)
{
	struct api_test t;
	struct buf *good = batch_at(sys_wall_ms(), 1);
	struct buf *open = st_make(&(struct st_batch){ .producer_id = 9, .transactional = true });
	static const uint8_t noise[40];
	struct produce_request_partition parts[] = { { .index = 0, .records.bytes = bytes_of(good) },
						     { .index = 1 } };
	struct produce_request_topic topic = { slice_str("topic"), parts, 2 };
	struct produce_request ask = { .acks = -1, .timeout_ms = 5000, .topic_data = &topic,
				       .n_topic_data = 1 };
	struct produce_response got;
	at_begin(&t);
	at_topic(&t, "topic", &id, 2, NULL, 0);
	parts[1].records.bytes = bytes_of(open);
	CU_ASSERT(AT_ASK(&t, produce, PRODUCE, NEWEST, &ask, &got));
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(got.responses[0].partition_responses[i].error_code,
				KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	parts[1].records.bytes = slice_of(noise, sizeof noise);
	CU_ASSERT(AT_ASK(&t, produce, PRODUCE, NEWEST, &ask, &got));
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(got.responses[0].partition_responses[i].error_code, KERR_CORRUPT_MESSAGE);
	/* With its id only the transactional one is refused: nobody here coordinates its transaction. */
	parts[1].records.bytes = bytes_of(open);
	ask.transactional_id = slice_str("tx");
	CU_ASSERT(AT_ASK(&t, produce, PRODUCE, NEWEST, &ask, &got));
	CU_ASSERT_EQUAL(got.responses[0].partition_responses[0].error_code, KERR_NONE);
	CU_ASSERT_EQUAL(got.responses[0].partition_responses[0].base_offset, 0);
	CU_ASSERT_EQUAL(got.responses[0].partition_responses[1].error_code, KERR_INVALID_TXN_STATE);
	buf_put(good);
	buf_put(open);
	at_end(&t);
}

static void sequences(void)
{
	struct api_test t;
	struct st_batch spec = { .records = 2, .timestamp = sys_wall_ms(), .producer_id = 7 };
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	static const struct {
		int32_t sequence;
		enum kerr error;
		int64_t offset;
	} rows[] = { { 0, KERR_NONE, 0 }, { 2, KERR_NONE, 2 }, { 0, KERR_NONE, 0 } /* again */,
		     { 6, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, -1 }, { 4, KERR_NONE, 4 } };
	for (size_t i = 0; i < countof(rows); i++) {
		spec.sequence = rows[i].sequence;
		struct buf *b = st_make(&spec);
		const struct produce_response_partition *p = send(&t, 9, "topic", 0, -1, bytes_of(b));
		CU_ASSERT_EQUAL(p->error_code, rows[i].error);
		CU_ASSERT_EQUAL(p->base_offset, rows[i].offset);
		buf_put(b);
	}
	at_end(&t);
}

static void internal_topics_are_for_the_broker(void)
{
	struct api_test t;
	struct buf *batch = batch_at(sys_wall_ms(), 1);
	at_begin(&t);
	at_topic(&t, "__consumer_offsets", &id, 1, NULL, 0);
	CU_ASSERT_EQUAL(send(&t, 9, "__consumer_offsets", 0, -1, bytes_of(batch))->error_code,
			KERR_INVALID_TOPIC_EXCEPTION);
	buf_put(batch);
	at_end(&t);
}

static void stamped_with_the_time_of_the_append(void)
{
	static const struct config_setting settings[] = { { "message.timestamp.type", "LogAppendTime" } };
	struct api_test t;
	struct buf *batch = batch_at(1000, 1);
	int64_t before = sys_wall_ms();
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, settings, countof(settings));
	const struct produce_response_partition *p = send(&t, 9, "topic", 0, -1, bytes_of(batch));
	CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
	CU_ASSERT(p->log_append_time_ms >= before && p->log_append_time_ms <= sys_wall_ms());
	buf_put(batch);
	at_end(&t);
}

static void without_an_answer(void)
{
	struct api_test t;
	struct one o;
	struct buf *batch = batch_at(sys_wall_ms(), 1);
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, NULL, 0);
	/* No answer comes, and the record is there. */
	at_post(&t, KAPI_PRODUCE, 9, at_encode_produce, request_of(&o, "topic", 0, 0, bytes_of(batch)));
	at_turns(&t, 30);
	CU_ASSERT_FALSE(t.answered);
	CU_ASSERT_PTR_NOT_NULL(t.client);
	client_close(t.client);
	CU_ASSERT_EQUAL(send(&t, 9, "topic", 0, -1, bytes_of(batch))->base_offset, 1);
	at_post(&t, KAPI_PRODUCE, 9, at_encode_produce, request_of(&o, "nowhere", 0, 0, bytes_of(batch)));
	CU_ASSERT_FALSE(at_wait(&t)); /* hangs up: the only way to say no */
	buf_put(batch);
	at_end(&t);
}

static const struct ut_case cases[] = {
	UT(in_every_version),
	UT(what_is_not_here),
	UT(the_new_leader_is_told),
	UT(bad_records),
	UT(formats_of_old),
	UT(rules_for_formats_of_old),
	UT(refused_whole),
	UT(sequences),
	UT(internal_topics_are_for_the_broker),
	UT(stamped_with_the_time_of_the_append),
	UT(without_an_answer),
};

int main(void)
{
	return ut_run("produce", cases, countof(cases));
}
