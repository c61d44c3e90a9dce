/* ut_list_offsets.c - offsets by time and by name. Facts: handleListOffsetRequest of KafkaApis,
 * fetchOffsetByTimestamp and legacyFetchOffsetsBefore of UnifiedLog of 3.9. */
#include "tests/unit/api/api_test.h"

#include "list_offsets.kmsg.h"

AT_ENCODER(list_offsets)

enum { NEWEST = 9, LATEST = -1, EARLIEST = -2, MAX = -3, EARLIEST_LOCAL = -4, TIERED = -5 };

static const struct uuid id = { { 1, 2, 3 } };

static void write_records(struct api_test *t, int64_t timestamp, uint32_t value_bytes)
{
	at_write(t, "topic", 0, &(struct st_batch){ .records = 3, .timestamp = timestamp,
						    .value_bytes = value_bytes });
}

/* Records of the times 1000, 1001, 1002, 5000, 5001, 5002 and 3000, 3001, 3002. */
static void begin(struct api_test *t)
{
	at_begin(t);
	at_topic(t, "topic", &id, 1, NULL, 0);
	write_records(t, 1000, 10);
	write_records(t, 5000, 10);
	write_records(t, 3000, 10);
}

static const struct list_offsets_response_partition *
send(struct api_test *t, int version, struct list_offsets_request *ask,
     struct list_offsets_request_partition *p, int32_t n)
{
	static struct list_offsets_response got;
	struct list_offsets_request_topic topic = { slice_str("topic"), p, n };
	ask->topics = &topic;
	ask->n_topics = 1;
	if (!AT_ASK(t, list_offsets, LIST_OFFSETS, version, ask, &got))
		return NULL;
	CU_ASSERT_EQUAL_FATAL(got.n_topics, 1);
	CU_ASSERT_EQUAL_FATAL(got.topics[0].n_partitions, n);
	return got.topics[0].partitions;
}

static const struct list_offsets_response_partition *at(struct api_test *t, int version, int64_t timestamp)
{
	struct list_offsets_request ask = { .replica_id = -1 };
	struct list_offsets_request_partition p;
	list_offsets_request_partition_defaults(&p);
	p.timestamp = timestamp;
	return send(t, version, &ask, &p, 1);
}

static void by_time(void)
{
	static const struct {
		int64_t timestamp, offset, found;
	} rows[] = { { 0, 0, 1000 },  { 1000, 0, 1000 }, { 1001, 1, 1001 }, { 1003, 3, 5000 },
		     { 3000, 3, 5000 }, { 5002, 5, 5002 }, { 5003, -1, -1 } };
	struct api_test t;
	begin(&t);
	for (int version = 1; version <= NEWEST; version++)
		for (size_t i = 0; i < countof(rows); i++) {
			const struct list_offsets_response_partition *p = at(&t, version, rows[i].timestamp);
			CU_ASSERT_EQUAL(p->error_code, KERR_NONE);
			CU_ASSERT_EQUAL(p->offset, rows[i].offset);
			CU_ASSERT_EQUAL(p->timestamp, rows[i].found);
			if (version >= 4)
				CU_ASSERT_EQUAL(p->leader_epoch, rows[i].offset < 0 ? -1 : AT_EPOCH);
		}
	at_end(&t);
}

static void by_name(void)
{
	static const struct {
		int64_t timestamp;
		int since;
		int64_t offset;
	} rows[] = { { LATEST, 1, 9 },         { EARLIEST, 1, 0 }, { MAX, 7, 5 },
		     { EARLIEST_LOCAL, 8, 0 }, { TIERED, 9, -1 },  { -6, NEWEST + 1, -1 } };
	struct api_test t;
	begin(&t);
	for (int version = 1; version <= NEWEST; version++)
		for (size_t i = 0; i < countof(rows); i++) {
			const struct list_offsets_response_partition *p = at(&t, version, rows[i].timestamp);
			bool known = version >= rows[i].since;
			CU_ASSERT_EQUAL(p->error_code, known ? KERR_NONE : KERR_UNSUPPORTED_VERSION);
			CU_ASSERT_EQUAL(p->offset, known ? rows[i].offset : -1);
		}
	at_end(&t);
}

static void refusals(void)
{
	struct api_test t;
	struct list_offsets_request ask = { .replica_id = -1 };
	struct list_offsets_request_partition p[2];
	begin(&t);
	for (int i = 0; i < 2; i++) {
		list_offsets_request_partition_defaults(&p[i]);
		p[i].timestamp = LATEST;
	}
	/* Twice the same partition. */
	const struct list_offsets_response_partition *got = send(&t, 5, &ask, p, 2);
	CU_ASSERT(got[0].error_code == KERR_INVALID_REQUEST && got[1].error_code == KERR_INVALID_REQUEST);
	got = send(&t, 0, &ask, p, 2);
	CU_ASSERT(got[0].error_code == KERR_NONE && got[1].error_code == KERR_NONE);
	/* Another partition, and epochs. */
	p[1].partition_index = 1;
	CU_ASSERT_EQUAL(send(&t, 5, &ask, p, 2)[1].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	static const struct {
		int32_t epoch;
		enum kerr error;
	} rows[] = { { AT_EPOCH, KERR_NONE }, { AT_EPOCH - 1, KERR_FENCED_LEADER_EPOCH },
		     { AT_EPOCH + 1, KERR_UNKNOWN_LEADER_EPOCH }, { -1, KERR_NONE },
		     { -2, KERR_FENCED_LEADER_EPOCH } };
	for (size_t i = 0; i < countof(rows); i++) {
		p[0].current_leader_epoch = rows[i].epoch;
		CU_ASSERT_EQUAL(send(&t, 5, &ask, p, 1)->error_code, rows[i].error);
	}
	p[0].current_leader_epoch = -1;
	ask.isolation_level = 5;
	CU_ASSERT_EQUAL(send(&t, 5, &ask, p, 1)->error_code, KERR_UNKNOWN_SERVER_ERROR);
	at_end(&t);
}

/* v0 lists where segments begin, and the end, the newest first. */
static void segments(void)
{
	static const struct config_setting settings[] = { { "segment.bytes", "1000" } };
	struct api_test t;
	struct list_offsets_request ask = { .replica_id = -1 };
	struct list_offsets_request_partition p;
	int64_t before = sys_wall_ms();
	at_begin(&t);
	at_topic(&t, "topic", &id, 1, settings, countof(settings));
	for (int i = 0; i < 3; i++)
		write_records(&t, 1000, 300);
	list_offsets_request_partition_defaults(&p);
	static const struct {
		int64_t timestamp;
		int32_t max, n;
		int64_t first;
	} rows[] = { { LATEST, 1, 1, 9 },  { LATEST, 2, 2, 9 },    { LATEST, 10, 4, 9 }, { LATEST, 0, 0, 0 },
		     { EARLIEST, 5, 1, 0 }, { INT64_MAX, 10, 4, 9 } };
	for (size_t i = 0; i < countof(rows); i++) {
		p.timestamp = rows[i].timestamp;
		p.max_num_offsets = rows[i].max;
		const struct list_offsets_response_partition *got = send(&t, 0, &ask, &p, 1);
		CU_ASSERT_EQUAL(got->error_code, KERR_NONE);
		CU_ASSERT_EQUAL_FATAL(got->n_old_style_offsets, rows[i].n);
		for (int32_t k = 0; k < rows[i].n; k++)
			CU_ASSERT_EQUAL(got->old_style_offsets[k], rows[i].first - 3 * k);
	}
	p.timestamp = before - 1; /* nothing was written by then */
	p.max_num_offsets = 5;
	CU_ASSERT_EQUAL(send(&t, 0, &ask, &p, 1)->n_old_style_offsets, 0);
	p.max_num_offsets = -1;
	CU_ASSERT_EQUAL(send(&t, 0, &ask, &p, 1)->error_code, KERR_UNKNOWN_SERVER_ERROR);
	at_end(&t);
}

static const struct ut_case cases[] = { UT(by_time), UT(by_name), UT(refusals), UT(segments) };

int main(void)
{
	return ut_run("list offsets", cases, countof(cases));
}
