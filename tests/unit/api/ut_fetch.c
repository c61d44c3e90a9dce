/* ut_fetch.c - records out: limits, waiting, errors, sessions. Facts: handleFetchRequest, DelayedFetch and
 * KIP-227. */
#include "tests/unit/api/api_test.h"

#include "fetch.kmsg.h"

AT_ENCODER(fetch)

enum { OLDEST = 4, BY_ID = 13, NEWEST = 17, PARTS_MAX = 4 };

static const struct uuid id = { { 1, 2, 3 } }, other_id = { { 9 } };
static const char *const topics[] = { "topic" };

/* A request for partitions of one topic, and the answer. */
struct asked {
	struct fetch_request_partition parts[PARTS_MAX];
	struct fetch_request_topic topic;
	struct fetch_request request;
	struct fetch_response got;
};

static void ask_for(struct asked *a, int32_t partition, int64_t offset)
{
	struct fetch_request_partition *p = &a->parts[a->topic.n_partitions++];
	fetch_request_partition_defaults(p);
	p->partition = partition;
	p->fetch_offset = offset;
	p->partition_max_bytes = 1 << 20;
}

static void ask_begin(struct asked *a)
{
	*a = (struct asked){ .topic = { .topic = slice_str(topics[0]), .topic_id = id } };
	fetch_request_defaults(&a->request);
	a->request.max_bytes = 1 << 20;
	a->request.min_bytes = 1;
	a->topic.partitions = a->parts;
	a->request.topics = &a->topic;
	a->request.n_topics = 1;
}

static bool send(struct api_test *t, int version, struct asked *a)
{
	return AT_ASK(t, fetch, FETCH, version, &a->request, &a->got);
}

static const struct fetch_response_partition *part(const struct asked *a, int32_t index)
{
	for (int32_t t = 0; t < a->got.n_responses; t++)
		for (int32_t i = 0; i < a->got.responses[t].n_partitions; i++)
			if (a->got.responses[t].partitions[i].partition_index == index)
				return &a->got.responses[t].partitions[i];
	return NULL;
}

static void write_records(struct api_test *t, int32_t partition, int32_t records)
{
	at_write(t, topics[0], partition,
		 &(struct st_batch){ .records = records, .timestamp = sys_wall_ms() });
}

static void begin(struct api_test *t)
{
	at_begin(t);
	at_topic(t, topics[0], &id, 3, NULL, 0);
	write_records(t, 0, 2);
	write_records(t, 1, 5);
}

static void in_every_version(void)
{
	struct api_test t;
	begin(&t);
	for (int version = OLDEST; version <= NEWEST; version++) {
		struct asked a;
		ask_begin(&a);
		ask_for(&a, 0, 0);
		ask_for(&a, 1, 3); /* amid a batch: the whole batch comes */
		ask_for(&a, 2, 0);
		CU_ASSERT_FATAL(send(&t, version, &a));
		for (int i = 0; i < 3; i++)
			CU_ASSERT_EQUAL(part(&a, i)->error_code, KERR_NONE);
		CU_ASSERT_EQUAL(part(&a, 0)->high_watermark, 2);
		CU_ASSERT_EQUAL(part(&a, 1)->high_watermark, 5);
		CU_ASSERT_EQUAL(get_be64(part(&a, 1)->records.bytes.p), 0);
		CU_ASSERT_EQUAL(part(&a, 2)->records.bytes.n, 0);
		CU_ASSERT_FALSE(slice_is_null(part(&a, 2)->records.bytes));
	}
	at_end(&t);
}

static void errors_tell_nothing_else(void)
{
	static const struct {
		int32_t partition;
		int64_t offset;
		int32_t epoch;
		enum kerr error;
	} rows[] = {
		{ 0, 3, -1, KERR_OFFSET_OUT_OF_RANGE },         { 0, -1, -1, KERR_OFFSET_OUT_OF_RANGE },
		{ 7, 0, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION },
		{ 0, 0, AT_EPOCH - 1, KERR_FENCED_LEADER_EPOCH },
		{ 0, 0, AT_EPOCH + 1, KERR_UNKNOWN_LEADER_EPOCH },
	};
	struct api_test t;
	begin(&t);
	for (size_t i = 0; i < countof(rows); i++) {
		struct asked a;
		ask_begin(&a);
		ask_for(&a, rows[i].partition, rows[i].offset);
		a.parts[0].current_leader_epoch = rows[i].epoch;
		a.request.max_wait_ms = 60000; /* an error does not wait */
		CU_ASSERT_FATAL(send(&t, 16, &a));
		const struct fetch_response_partition *p = part(&a, rows[i].partition);
		CU_ASSERT_EQUAL(p->error_code, rows[i].error);
		CU_ASSERT_EQUAL(p->high_watermark, -1);
		CU_ASSERT_EQUAL(p->last_stable_offset, -1);
		CU_ASSERT_EQUAL(p->log_start_offset, -1);
		bool fenced = rows[i].error == KERR_FENCED_LEADER_EPOCH;
		CU_ASSERT_EQUAL(p->current_leader.leader_id, fenced ? AT_BROKER : -1);
		CU_ASSERT_EQUAL(a.got.n_node_endpoints, fenced ? 1 : 0);
	}
	at_end(&t);
}

static void ids_and_moves(void)
{
	struct api_test t;
	struct asked a;
	begin(&t);
	ask_begin(&a);
	ask_for(&a, 0, 0);
	a.topic.topic_id = other_id;
	CU_ASSERT(send(&t, NEWEST, &a));
	CU_ASSERT_EQUAL(part(&a, 0)->error_code, KERR_UNKNOWN_TOPIC_ID);
	at_move(&t, topics[0], 0, AT_BROKER + 1);
	a.topic.topic_id = id;
	CU_ASSERT(send(&t, NEWEST, &a));
	CU_ASSERT_EQUAL(part(&a, 0)->error_code, KERR_NOT_LEADER_OR_FOLLOWER);
	CU_ASSERT_EQUAL(part(&a, 0)->current_leader.leader_id, AT_BROKER + 1);
	CU_ASSERT_EQUAL_FATAL(a.got.n_node_endpoints, 1);
	CU_ASSERT(slice_is(a.got.node_endpoints[0].rack, "r2"));
	at_end(&t);
}

static void the_first_batch_comes_whole(void)
{
	struct api_test t;
	struct asked a;
	begin(&t);
	ask_begin(&a);
	ask_for(&a, 0, 0);
	ask_for(&a, 1, 0);
	a.request.max_bytes = 1;
	a.request.min_bytes = 1 << 20;   /* no more than max_bytes is waited for */
	a.request.max_wait_ms = 60000;
	CU_ASSERT_FATAL(send(&t, 12, &a));
	CU_ASSERT((part(&a, 0)->records.bytes.n > 0) != (part(&a, 1)->records.bytes.n > 0));
	/* Likewise where it is the partitions that may give no more, on different home cores. */
	a.request.max_bytes = 1 << 20;
	a.request.min_bytes = 1;
	a.parts[0].partition_max_bytes = a.parts[1].partition_max_bytes = 1;
	CU_ASSERT_FATAL(send(&t, 12, &a));
	CU_ASSERT((part(&a, 0)->records.bytes.n > 0) != (part(&a, 1)->records.bytes.n > 0));
	at_end(&t);
}

static void a_version_without_such_an_isolation(void)
{
	struct api_test t;
	begin(&t);
	for (int version = OLDEST; version <= NEWEST; version++) {
		struct asked a;
		ask_begin(&a);
		ask_for(&a, 0, 0);
		a.request.isolation_level = 7;
		CU_ASSERT_FATAL(send(&t, version, &a));
		CU_ASSERT_EQUAL(a.got.n_responses, version < BY_ID);
		if (version < BY_ID)
			CU_ASSERT_EQUAL(part(&a, 0)->error_code, KERR_UNKNOWN_SERVER_ERROR);
		if (version >= 7)
			CU_ASSERT_EQUAL(a.got.error_code, KERR_UNKNOWN_SERVER_ERROR);
	}
	at_end(&t);
}

static void formats_of_old_are_not_made(void)
{
	struct api_test t;
	begin(&t);
	for (int version = 0; version < OLDEST; version++) {
		struct asked a;
		ask_begin(&a);
		ask_for(&a, 0, 0);
		ask_for(&a, 2, 0);
		CU_ASSERT_FATAL(send(&t, version, &a));
		CU_ASSERT_EQUAL(part(&a, 0)->error_code, KERR_UNSUPPORTED_VERSION);
		CU_ASSERT_EQUAL(part(&a, 2)->error_code, KERR_NONE); /* it is empty */
	}
	at_end(&t);
}

/* The connection that waits is given up, and what it waited for comes by another: both must go well. */
static void a_waiting_client_may_go(void)
{
	struct api_test t;
	struct asked a;
	begin(&t);
	ask_begin(&a);
	ask_for(&a, 2, 0);
	a.request.max_wait_ms = 60000;
	at_post(&t, KAPI_FETCH, 11, at_encode_fetch, &a.request);
	at_turns(&t, 50);
	CU_ASSERT_FALSE(t.answered);
	client_close(t.client);
	write_records(&t, 2, 1);
	CU_ASSERT_FATAL(send(&t, 11, &a));
	CU_ASSERT_EQUAL(part(&a, 2)->high_watermark, 1);
	at_end(&t);
}

static void waits_in_vain(void)
{
	struct api_test t;
	struct asked a;
	begin(&t);
	ask_begin(&a);
	ask_for(&a, 2, 0);
	a.request.max_wait_ms = 30;
	int64_t before = sys_mono_ns();
	CU_ASSERT_FATAL(send(&t, 11, &a));
	CU_ASSERT(sys_mono_ns() - before >= 29000000);
	CU_ASSERT_EQUAL(part(&a, 2)->error_code, KERR_NONE);
	CU_ASSERT_EQUAL(part(&a, 2)->records.bytes.n, 0);
	at_end(&t);
}

static void sessions_tell_only_news(void)
{
	struct api_test t;
	struct asked a;
	begin(&t);
	ask_begin(&a);
	ask_for(&a, 0, 2);
	ask_for(&a, 2, 0);
	a.request.session_epoch = SESSION_EPOCH_INITIAL;
	CU_ASSERT_FATAL(send(&t, NEWEST, &a));
	CU_ASSERT(a.got.session_id != SESSION_NONE && part(&a, 0) && part(&a, 2));
	int32_t session = a.got.session_id;
	for (int32_t epoch = 1; epoch < 4; epoch++) {
		if (epoch == 2)
			write_records(&t, 2, 1);
		ask_begin(&a);
		a.request.n_topics = 0;
		a.request.session_id = session;
		a.request.session_epoch = epoch;
		CU_ASSERT_FATAL(send(&t, NEWEST, &a));
		CU_ASSERT_EQUAL(a.got.error_code, KERR_NONE);
		CU_ASSERT_EQUAL(a.got.session_id, session);
		CU_ASSERT_PTR_NULL(part(&a, 0));
		CU_ASSERT_EQUAL(part(&a, 2) != NULL, epoch >= 2);
	}
	a.request.session_epoch = 9;
	CU_ASSERT(send(&t, NEWEST, &a));
	CU_ASSERT_EQUAL(a.got.error_code, KERR_INVALID_FETCH_SESSION_EPOCH);
	a.request.session_id++;
	CU_ASSERT(send(&t, NEWEST, &a));
	CU_ASSERT_EQUAL(a.got.error_code, KERR_FETCH_SESSION_ID_NOT_FOUND);
	at_end(&t);
}

static void nobody_follows_itself(void)
{
	static const struct {
		int32_t replica;
		enum kerr error;
	} rows[] = { { AT_BROKER, KERR_NOT_LEADER_OR_FOLLOWER },
		     { 77, KERR_NOT_LEADER_OR_FOLLOWER },
		     { -2, KERR_NONE } };
	struct api_test t;
	begin(&t);
	for (size_t i = 0; i < countof(rows); i++) {
		struct asked a;
		ask_begin(&a);
		ask_for(&a, 0, 0);
		a.request.replica_id = rows[i].replica;
		CU_ASSERT_FATAL(send(&t, 12, &a));
		CU_ASSERT_EQUAL(part(&a, 0)->error_code, rows[i].error);
	}
	at_end(&t);
}

static const struct ut_case cases[] = {
	UT(in_every_version),
	UT(errors_tell_nothing_else),
	UT(ids_and_moves),
	UT(the_first_batch_comes_whole),
	UT(a_version_without_such_an_isolation),
	UT(formats_of_old_are_not_made),
	UT(a_waiting_client_may_go),
	UT(waits_in_vain),
	UT(sessions_tell_only_news),
	UT(nobody_follows_itself),
};

int main(void)
{
	return ut_run("fetch", cases, countof(cases));
}
