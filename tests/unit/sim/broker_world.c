/* broker_world.c - see broker_world.h. An idempotent producer (acks=all, up to five requests under way)
 * writes numbered records into the partitions of a topic, and a consumer follows it, while the broker is
 * killed, loses power, is told to end, and loses ZooKeeper or its client. Which of this, and when, is
 * drawn from the seed. An administrator meanwhile changes settings of the broker: a listener comes and goes,
 * limits change. His last word must come true. A member of a consumer group commits offsets (committer.h);
 * those that were acknowledged must be there.
 *
 * What must hold depends on the world's promise:
 *
 *	PROMISE_KILL     no power is lost. Every record is there once, in order: record n at offset n
 *	PROMISE_FLUSHED  flush.messages=1, and power may be lost: the same
 *	PROMISE_POWER    nothing is flushed, and power may be lost: what is there is in order and there once,
 *	                 and what was acknowledged after the last loss of power is where it was said to be
 *
 * In a compacted world records have few keys, and of each key only the last has to be there; so
 * PROMISE_POWER, which may lose that one, is not for it.
 *
 * In the end the broker stops in order, with status 0.
 */
#include "tests/unit/sim/broker_world.h"

#include "broker/base/compress.h"
#include "broker/base/kerr.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/process.h"
#include "broker/protocol/batch.h"
#include "tests/sim/zk_sim.h"
#include "tests/unit/sim/committer.h"
#include "tests/unit/sim/kclient.h"
#include "tests/unit/ut_config.h"

#include "create_topics.kmsg.h"
#include "describe_cluster.kmsg.h"
#include "fetch.kmsg.h"
#include "incremental_alter_configs.kmsg.h"
#include "init_producer_id.kmsg.h"
#include "produce.kmsg.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	PORT = 9092,
	SIDE_PORT = 9093,          /* of the listener that comes and goes */
	PARTITIONS_MAX = 3,
	BATCHES = 60,              /* of all partitions */
	BATCH_RECORDS_MAX = 8,
	VALUE_BYTES_MAX = 300,
	IN_FLIGHT_MAX = 5,
	RECORDS_MAX = BATCHES * BATCH_RECORDS_MAX,
	MISFORTUNES_MAX = 6,
	CALL_MS = 5000,            /* a client gives a request up after it */
	AGAIN_MS = 100,
	WORLD_MS_MAX = 900 * 1000, /* after which it is stuck */
	STOP_MS_MAX = 60 * 1000,
	SESSION_MS = 6000,         /* of ZooKeeper */
	INFLATED_MAX = 1 << 20,
	SEGMENT_BYTES_MIN = 4000,  /* a batch must fit */
	COMMITS_MIN = 10,
	KEYS = 11,                 /* of a compacted topic */

	PRODUCE_VERSION = 9,
	FETCH_VERSION = 12,
	DESCRIBE_CLUSTER_VERSION = 0,
	ALTER_VERSION = 1,
	RESOURCE_BROKER = 4,
	ALTER_SET = 0,
	ALTER_DELETE = 1,
	CREATE_TOPICS_VERSION = 7,
	INIT_PRODUCER_ID_VERSION = 4,
};

enum { OFFSET_UNKNOWN = -1 }; /* of what was there already */

enum promise { PROMISE_KILL, PROMISE_FLUSHED, PROMISE_POWER };

#define TOPIC "sim.topic"

struct sent {
	int partition;
	int64_t first; /* the number of its first record */
	int count;
	int32_t correlation;
};

struct acked {
	int partition;
	int64_t first, offset;
	int count;
	int power_losses; /* before the connection that it was said on */
};

static struct {
	uint64_t seed;
	bool held;
	enum promise promise;
	bool compacted;
	struct sim_host *zoo, *broker, *client;
	struct reactor *reactor; /* the client's */
	char config[1024], segment_bytes[16];
	enum codec codec;
	int partitions, power_losses;
	struct codecs *codecs;
	bool produced, consumed, settled, committed, read_back;

	/* The producer. */
	struct kclient out;
	int64_t producer_id;
	int16_t producer_epoch;
	int power_losses_seen;                /* when the producer's id was given */
	int connected_after;                  /* losses of power */
	int64_t made[PARTITIONS_MAX];         /* records */
	int64_t sequence_from[PARTITIONS_MAX]; /* the record that has sequence 0 */
	int batches;
	struct sent sent[IN_FLIGHT_MAX];      /* oldest first */
	int n_sent, n_under_way;              /* the first of them are on the connection */
	struct acked acked[BATCHES];
	int n_acked;

	/* The consumer. */
	struct kclient in;
	int64_t position[PARTITIONS_MAX], high_watermark[PARTITIONS_MAX];
	int64_t number_at[PARTITIONS_MAX][RECORDS_MAX]; /* of the record with that offset */

	struct committer committer;

	/* The administrator, by either listener. */
	struct kclient by_main, by_side;
	char broker_id[16];
} w;

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
	static const char *const promises[] = { "kill", "flushed", "power" };
	va_list args;
	va_start(args, format);
	fprintf(stderr, "seed %llu, promise %s: ", (unsigned long long)w.seed, promises[w.promise]);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	w.held = false;
}

/* ---- records ---- */

static struct slice value_of(int partition, int64_t number, uint8_t bytes[VALUE_BYTES_MAX])
{
	size_t n = (size_t)(number * 7919 + partition * 31) % VALUE_BYTES_MAX;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(number + (int64_t)i / 7 + partition);
	return slice_of(bytes, n);
}

static uint64_t key_of(int64_t number)
{
	return (uint64_t)(w.compacted ? number % KEYS : number);
}

static struct buf *build_batch(const struct sent *s)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	struct batch_builder b;
	uint8_t key[8], value[VALUE_BYTES_MAX];
	settings.codec = w.codec;
	settings.producer_id = w.producer_id;
	settings.producer_epoch = w.producer_epoch;
	settings.base_sequence = (int32_t)(s->first - w.sequence_from[s->partition]);
	batch_builder_init(&b, w.codecs, &settings, INFLATED_MAX);
	for (int i = 0; i < s->count; i++) {
		put_be64(key, key_of(s->first + i));
		bool fits = batch_builder_add(&b, sys_wall_ms(), slice_of(key, sizeof key),
			value_of(s->partition, s->first + i, value), slice_of("", 0), 0);
		must(fits);
	}
	struct buf *buf = batch_builder_finish(&b);
	must(buf != NULL);
	return buf;
}

/* ---- the producer ---- */

static void create_topic(void)
{
	struct create_topics_request_config configs[4] = {
		{ slice_str("segment.bytes"), slice_str(w.segment_bytes) },
	};
	int n = 1;
	if (w.promise == PROMISE_FLUSHED)
		configs[n++] = (struct create_topics_request_config){ slice_str("flush.messages"),
			slice_str("1") };
	if (w.compacted) {
		configs[n++] = (struct create_topics_request_config){ slice_str("cleanup.policy"),
			slice_str("compact") };
		configs[n++] = (struct create_topics_request_config){
			slice_str("min.cleanable.dirty.ratio"), slice_str("0.01") };
	}
	struct create_topics_request_topic topic = { .name = slice_str(TOPIC), .num_partitions = w.partitions,
		.replication_factor = 1, .configs = configs, .n_configs = n };
	struct create_topics_request request = { .topics = &topic, .n_topics = 1, .timeout_ms = CALL_MS };
	struct create_topics_response response;
	for (;;) {
		if (w.out.fd < 0 && kclient_connect(&w.out, CALL_MS) < 0) {
			fiber_sleep(w.reactor, AGAIN_MS);
			continue;
		}
		if (kclient_call(&w.out, KAPI_CREATE_TOPICS, CREATE_TOPICS_VERSION, &request, &response,
			    2 * CALL_MS) < 0)
			continue;
		int error = response.topics[0].error_code;
		if (error == KERR_NONE || error == KERR_TOPIC_ALREADY_EXISTS)
			return;
		/* While its session is lost the broker knows of no broker, itself included. */
		if (!kerr_is_retriable(error) && error != KERR_INVALID_REPLICATION_FACTOR)
			fail("the topic is refused: %s", kerr_name(error));
		fiber_sleep(w.reactor, AGAIN_MS);
	}
}

/* False when it did not work this time. */
static bool get_producer_id(void)
{
	struct init_producer_id_request request;
	struct init_producer_id_response response;
	init_producer_id_request_defaults(&request);
	request.transactional_id = SLICE_NULL;
	request.transaction_timeout_ms = INT32_MAX;
	w.power_losses_seen = w.power_losses;
	if (kclient_call(&w.out, KAPI_INIT_PRODUCER_ID, INIT_PRODUCER_ID_VERSION, &request, &response,
		    CALL_MS) < 0)
		return false;
	if (response.error_code != KERR_NONE) {
		fiber_sleep(w.reactor, AGAIN_MS);
		return false;
	}
	w.producer_id = response.producer_id;
	w.producer_epoch = response.producer_epoch;
	for (int p = 0; p < w.partitions; p++)
		w.sequence_from[p] = w.made[p];
	for (int i = w.n_sent - 1; i >= 0; i--)
		w.sequence_from[w.sent[i].partition] = w.sent[i].first;
	return true;
}

static void make_batch(void)
{
	struct sent *s = &w.sent[w.n_sent++];
	int p = (int)sim_dice((uint64_t)w.partitions);
	*s = (struct sent){ .partition = p, .first = w.made[p] };
	s->count = 1 + (int)sim_dice(BATCH_RECORDS_MAX);
	w.made[p] += s->count;
	w.batches++;
}

static int send_batch(struct sent *s)
{
	struct buf *records = build_batch(s);
	struct produce_request_partition partition = { s->partition,
		krecords_of(slice_of(records->bytes, records->used)) };
	struct produce_request_topic topic = { slice_str(TOPIC), &partition, 1 };
	struct produce_request request = { .transactional_id = SLICE_NULL, .acks = -1, .timeout_ms = CALL_MS,
		.topic_data = &topic, .n_topic_data = 1 };
	int rc = kclient_send(&w.out, KAPI_PRODUCE, PRODUCE_VERSION, &request, &s->correlation, CALL_MS);
	buf_put(records);
	return rc;
}

static void acknowledge(int64_t offset)
{
	const struct sent *s = &w.sent[0];
	if (w.promise != PROMISE_POWER && offset != s->first && offset != OFFSET_UNKNOWN)
		fail("partition %d, record %lld is said to be at offset %lld", s->partition,
			(long long)s->first, (long long)offset);
	w.acked[w.n_acked++] = (struct acked){ s->partition, s->first, offset, s->count, w.connected_after };
	w.n_sent--;
	w.n_under_way--;
	memmove(&w.sent[0], &w.sent[1], (size_t)w.n_sent * sizeof w.sent[0]);
}

/* The oldest batch was refused. All are sent again on another connection, as those behind it will be refused
 * too. */
static void refused(int error)
{
	bool gap = error == KERR_OUT_OF_ORDER_SEQUENCE_NUMBER || error == KERR_UNKNOWN_PRODUCER_ID;
	kclient_close(&w.out);
	if (gap && w.promise == PROMISE_POWER && w.power_losses_seen < w.power_losses)
		w.producer_id = -1; /* what came before it is lost, so it begins anew */
	else if (!kerr_is_retriable(error) || gap)
		fail("partition %d, record %lld is refused: %s", w.sent[0].partition,
			(long long)w.sent[0].first, kerr_name(error));
	fiber_sleep(w.reactor, AGAIN_MS);
}

static void receive_one(void)
{
	struct produce_response response;
	if (kclient_receive(&w.out, KAPI_PRODUCE, PRODUCE_VERSION, w.sent[0].correlation, &response,
		    CALL_MS) < 0)
		return;
	const struct produce_response_partition *p = &response.responses[0].partition_responses[0];
	must(p->index == w.sent[0].partition);
	if (p->error_code == KERR_NONE || p->error_code == KERR_DUPLICATE_SEQUENCE_NUMBER)
		acknowledge(p->error_code ? OFFSET_UNKNOWN : p->base_offset);
	else
		refused(p->error_code);
}

/* What was not sent on this connection yet, and new batches while few are under way. */
static bool send_some(void)
{
	while (w.n_sent < IN_FLIGHT_MAX && w.batches < BATCHES && (w.n_sent == 0 || sim_dice(3) > 0))
		make_batch();
	while (w.n_under_way < w.n_sent) {
		if (send_batch(&w.sent[w.n_under_way]) < 0)
			return false;
		w.n_under_way++;
		if (sim_dice(4) == 0)
			fiber_sleep(w.reactor, (int64_t)sim_dice(50));
	}
	return true;
}

static void produce(void *arg)
{
	(void)arg;
	create_topic();
	while (w.held && (w.batches < BATCHES || w.n_sent > 0)) {
		if (w.out.fd < 0) {
			w.n_under_way = 0;
			w.connected_after = w.power_losses;
			if (kclient_connect(&w.out, CALL_MS) < 0)
				fiber_sleep(w.reactor, AGAIN_MS);
			continue;
		}
		if (w.producer_id < 0 && !get_producer_id())
			continue;
		if (send_some())
			receive_one();
	}
	kclient_close(&w.out);
	w.produced = true;
}

/* ---- the consumer ---- */

static void look_at_record(int p, const struct record *r)
{
	uint8_t bytes[VALUE_BYTES_MAX];
	if (r->offset < w.position[p])
		return; /* a batch comes whole */
	/* Where nothing was flushed a whole segment may be missing; compaction leaves gaps. */
	bool gap = r->offset > w.position[p] && w.promise != PROMISE_POWER && !w.compacted;
	if (gap || r->offset >= RECORDS_MAX || r->key.n != 8) {
		fail("partition %d: offset %lld follows %lld", p, (long long)r->offset,
			(long long)w.position[p] - 1);
		return;
	}
	int64_t number = w.compacted ? r->offset : (int64_t)get_be64(r->key.p);
	int64_t before = w.position[p] ? w.number_at[p][w.position[p] - 1] : -1;
	while (w.position[p] < r->offset)
		w.number_at[p][w.position[p]++] = w.compacted ? -1 : before;
	struct slice value = value_of(p, number, bytes);
	if (value.n != r->value.n || memcmp(value.p, r->value.p, value.n) != 0 ||
	    get_be64(r->key.p) != key_of(number))
		fail("partition %d, offset %lld: not what was written", p, (long long)r->offset);
	if (w.promise == PROMISE_POWER ? number <= before : number != r->offset)
		fail("partition %d, offset %lld: record %lld after %lld", p, (long long)r->offset,
			(long long)number, (long long)before);
	w.number_at[p][r->offset] = number;
	w.position[p]++;
}

/* The end of a batch, of whose records compaction may have dropped the last. */
static void pass_over(int p, int64_t offset)
{
	while (w.compacted && w.position[p] < offset && w.position[p] < RECORDS_MAX)
		w.number_at[p][w.position[p]++] = -1;
}

static void look_at_records(int p, struct slice bytes)
{
	struct batch_walk walk;
	struct batch batch;
	struct records records;
	struct record record;
	batch_walk_init(&walk, bytes);
	while (w.held && batch_next(&walk, &batch)) {
		if (!batch_crc_is_good(&batch))
			fail("partition %d, offset %lld: wrong CRC", p, (long long)batch_base_offset(&batch));
		records_open(&records, &batch, w.codecs, INFLATED_MAX);
		while (w.held && records_next(&records, &record))
			look_at_record(p, &record);
		if (records.error != KERR_NONE)
			fail("partition %d: %s", p, records.why ? records.why : kerr_name(records.error));
		records_close(&records);
		pass_over(p, batch_last_offset(&batch) + 1);
	}
	if (walk.error != KERR_NONE)
		fail("partition %d: %s", p, walk.why);
}

static void look_at_partition(const struct fetch_response_partition *r)
{
	int p = r->partition_index;
	must(p >= 0 && p < w.partitions);
	if (r->error_code == KERR_NONE) {
		w.high_watermark[p] = r->high_watermark;
		look_at_records(p, r->records.bytes);
	} else if (r->error_code == KERR_OFFSET_OUT_OF_RANGE || !kerr_is_retriable(r->error_code)) {
		fail("partition %d: a fetch from offset %lld is answered with %s", p,
			(long long)w.position[p], kerr_name(r->error_code));
	}
}

/* One request for all partitions. False when it did not work this time. */
static bool fetch_some(int max_wait_ms)
{
	struct fetch_request_partition partitions[PARTITIONS_MAX];
	struct fetch_request_topic topic = { .topic = slice_str(TOPIC), .partitions = partitions,
		.n_partitions = w.partitions };
	struct fetch_request request;
	struct fetch_response response;
	if (w.in.fd < 0 && kclient_connect(&w.in, CALL_MS) < 0)
		return false;
	fetch_request_defaults(&request);
	request.replica_id = -1;
	request.max_wait_ms = max_wait_ms;
	request.min_bytes = 1;
	request.max_bytes = 1 + (int32_t)sim_dice(100000);
	request.session_epoch = -1;
	request.rack_id = slice_str("");
	request.topics = &topic;
	request.n_topics = 1;
	for (int p = 0; p < w.partitions; p++) {
		fetch_request_partition_defaults(&partitions[p]);
		partitions[p].partition = p;
		partitions[p].fetch_offset = w.position[p];
		partitions[p].partition_max_bytes = 1 + (int32_t)sim_dice(20000);
	}
	if (kclient_call(&w.in, KAPI_FETCH, FETCH_VERSION, &request, &response, CALL_MS) < 0)
		return false;
	if (response.error_code != KERR_NONE)
		fail("a fetch is answered with %s", kerr_name(response.error_code));
	bool fine = true;
	for (int i = 0; w.held && i < response.n_responses; i++)
		for (int k = 0; k < response.responses[i].n_partitions; k++) {
			look_at_partition(&response.responses[i].partitions[k]);
			fine = fine && response.responses[i].partitions[k].error_code == KERR_NONE;
		}
	return fine;
}

static bool is_at_end(void)
{
	for (int p = 0; p < w.partitions; p++)
		if (w.position[p] < w.made[p])
			return false;
	return true;
}

/* Follows the producer; without a promise about what is read, it waits for the end. */
static void consume(void *arg)
{
	(void)arg;
	while (w.held && w.promise != PROMISE_POWER && !(w.produced && is_at_end()))
		if (!fetch_some((int)sim_dice(500)))
			fiber_sleep(w.reactor, AGAIN_MS);
	kclient_close(&w.in);
	w.consumed = true;
}

/* ---- the administrator ---- */

struct wish {
	bool of_all; /* brokers; else of this one */
	const char *name, *value; /* NULL: taken back */
};

/* The broker's id may have been generated. */
static bool find_id(struct kclient *by)
{
	struct describe_cluster_request request;
	struct describe_cluster_response response;
	describe_cluster_request_defaults(&request);
	if (by->fd < 0 && kclient_connect(by, CALL_MS) < 0)
		return false;
	if (kclient_call(by, KAPI_DESCRIBE_CLUSTER, DESCRIBE_CLUSTER_VERSION, &request, &response,
		    CALL_MS) < 0 ||
		response.n_brokers == 0)
		return false;
	snprintf(w.broker_id, sizeof w.broker_id, "%d", response.brokers[0].broker_id);
	return true;
}

/* Whether it was answered that it will be so. */
static bool alter(struct kclient *by, const struct wish *wishes, int n)
{
	struct incremental_alter_configs_request_config configs[3];
	must(n <= (int)countof(configs));
	if (!find_id(by))
		return false;
	struct incremental_alter_configs_request_resource resource = { .resource_type = RESOURCE_BROKER,
		.resource_name = slice_str(wishes[0].of_all ? "" : w.broker_id), .configs = configs,
		.n_configs = n };
	struct incremental_alter_configs_request request = { .resources = &resource, .n_resources = 1 };
	struct incremental_alter_configs_response response;
	for (int i = 0; i < n; i++)
		configs[i] = (struct incremental_alter_configs_request_config){ slice_str(wishes[i].name),
			wishes[i].value ? ALTER_SET : ALTER_DELETE, slice_str(wishes[i].value) };
	return kclient_call(by, KAPI_INCREMENTAL_ALTER_CONFIGS, ALTER_VERSION, &request, &response,
		       2 * CALL_MS) == 0 &&
	       response.responses[0].error_code == KERR_NONE;
}

static const struct wish with_side[] = {
	{ false, "listeners", "PLAINTEXT://:9092,SIDE://:9093" },
	{ false, "listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,SIDE:PLAINTEXT" },
	{ false, "advertised.listeners", "PLAINTEXT://broker:9092,SIDE://broker:9093" },
};

static void change_something(void)
{
	static const struct wish without_side[] = { { false, "listeners", NULL },
		{ false, "advertised.listeners", NULL } };
	static const struct wish others[] = {
		{ true, "max.connections", "50" },
		{ true, "max.connections", NULL },
		{ true, "log.retention.bytes", "1000000000" },
		{ false, "producer.id.expiration.ms", "80000000" },
		{ false, "listeners", "SIDE://:9093" }, /* cannot be */
		{ true, "max.connections.per.ip.overrides", "client:40" },
	};
	struct kclient *by = sim_chance(30) ? &w.by_side : &w.by_main;
	if (sim_chance(35))
		alter(by, with_side, countof(with_side));
	else if (sim_chance(50))
		alter(by, without_side, countof(without_side));
	else
		alter(by, &others[sim_dice(countof(others))], 1);
}

static void administer(void *arg)
{
	(void)arg;
	while (w.held && !(w.produced && w.consumed)) {
		change_something();
		fiber_sleep(w.reactor, (int64_t)sim_dice(1500));
	}
	kclient_close(&w.by_side);
	while (w.held && !alter(&w.by_main, with_side, countof(with_side)))
		fiber_sleep(w.reactor, AGAIN_MS);
	while (w.held && kclient_connect(&w.by_side, CALL_MS) < 0)
		fiber_sleep(w.reactor, AGAIN_MS);
	kclient_close(&w.by_main);
	kclient_close(&w.by_side);
	w.settled = true;
}

/* ---- the member of a group ---- */

static void commit(void *arg)
{
	(void)arg;
	while (w.held && !(w.produced && w.consumed && w.committer.commits >= COMMITS_MIN)) {
		committer_step(&w.committer);
		if (sim_chance(10))
			committer_check(&w.committer);
	}
	kclient_close(&w.committer.client);
	w.committed = true;
}

/* ---- the end: everything is read from the beginning ---- */

static bool has_read_all(bool answered)
{
	for (int p = 0; p < w.partitions; p++)
		if (!answered || w.position[p] < w.high_watermark[p])
			return false;
	return true;
}

static void check_acknowledged(void)
{
	for (int i = 0; i < w.n_acked; i++) {
		const struct acked *a = &w.acked[i];
		if (w.promise == PROMISE_POWER && a->power_losses < w.power_losses)
			continue;
		if (a->offset == OFFSET_UNKNOWN)
			continue;
		for (int k = 0; k < a->count; k++)
			if (a->offset + k >= w.position[a->partition] ||
			    w.number_at[a->partition][a->offset + k] != a->first + k)
				fail("partition %d: record %lld, said to be at offset %lld, is not there",
					a->partition, (long long)a->first + k, (long long)a->offset + k);
	}
}

static void check_last_of_keys(void)
{
	for (int p = 0; p < w.partitions; p++)
		for (int64_t n = max_of(w.made[p] - KEYS, INT64_C(0)); n < w.made[p]; n++)
			if (w.number_at[p][n] != n)
				fail("partition %d: record %lld, the last of its key, is not there", p,
					(long long)n);
}

static void read_back(void *arg)
{
	(void)arg;
	for (int p = 0; p < w.partitions; p++)
		w.position[p] = w.high_watermark[p] = 0;
	bool answered = false;
	while (w.held && !has_read_all(answered)) {
		answered = fetch_some(0);
		if (!answered)
			fiber_sleep(w.reactor, AGAIN_MS);
	}
	while (w.held && !committer_check(&w.committer))
		;
	kclient_close(&w.committer.client);
	if (w.held && w.promise != PROMISE_POWER && !is_at_end())
		fail("the end of a partition is missing");
	if (w.held && w.compacted)
		check_last_of_keys();
	else if (w.held)
		check_acknowledged();
	kclient_close(&w.in);
	w.read_back = true;
}

/* ---- the broker's process ---- */

static void broker_main(void *arg)
{
	must(arg == NULL);
	struct config *config = ut_config(w.config, NULL, 0);
	int status = process_serve(config, NULL);
	config_free(config);
	sys_exit(status);
}

static void start_broker(void)
{
	sim_on(w.broker);
	sys_thread_start("main", -1, broker_main, NULL);
	sim_on(NULL);
}

static bool has_exited(void *arg)
{
	(void)arg;
	return sim_exit_status(w.broker) >= 0;
}

static void end_in_order(void)
{
	sim_signal(w.broker, SIGTERM);
	if (!sim_run_until(has_exited, NULL, STOP_MS_MAX))
		fail("the broker does not end");
	else if (sim_exit_status(w.broker) != 0)
		fail("the broker ends with status %d", sim_exit_status(w.broker));
}

/* ---- misfortune ---- */

static void wait_up_to(int64_t ms)
{
	sim_run_ms((int64_t)sim_dice((uint64_t)ms));
}

static void kill_it(void)
{
	sim_kill(w.broker);
	wait_up_to(1000);
	start_broker();
}

static void end_it(void)
{
	end_in_order();
	sim_kill(w.broker);
	start_broker();
}

static void cut_power(void)
{
	if (w.promise == PROMISE_KILL) {
		kill_it();
		return;
	}
	w.power_losses++;
	sim_crash(w.broker);
	wait_up_to(5000);
	sim_boot(w.broker);
	start_broker();
}

static void lose_zookeeper(void)
{
	zk_sim_hang_up(w.broker);
}

static void expire_session(void)
{
	zk_sim_expire(w.broker);
}

static void stop_zookeeper(void)
{
	zk_sim_stop();
	wait_up_to(20 * 1000);
	zk_sim_start();
}

static void freeze_zookeeper(void)
{
	zk_sim_freeze(true);
	wait_up_to(8000);
	zk_sim_freeze(false);
}

static void cut_off_zookeeper(void)
{
	sim_cut(w.broker, w.zoo, true);
	wait_up_to(15 * 1000);
	sim_cut(w.broker, w.zoo, false);
}

static void cut_off_client(void)
{
	sim_cut(w.broker, w.client, true);
	wait_up_to(8000);
	sim_cut(w.broker, w.client, false);
}

static void (*const misfortunes[])(void) = { kill_it, kill_it, cut_power, cut_power, cut_power, end_it,
	lose_zookeeper, expire_session, stop_zookeeper, freeze_zookeeper, cut_off_zookeeper, cut_off_client };

/* ---- the world ---- */

static void make_config(void)
{
	static const enum codec codecs[] = { CODEC_NONE, CODEC_NONE, CODEC_LZ4, CODEC_ZSTD };
	w.promise = (enum promise)sim_dice(3);
	/* A producer that begins anew because one partition lost records does so for all, and what another
	 * has of it already it has then twice: where that may happen there is one only. */
	w.partitions = w.promise == PROMISE_POWER ? 1 : 1 + (int)sim_dice(PARTITIONS_MAX);
	w.codec = codecs[sim_dice(countof(codecs))];
	snprintf(w.segment_bytes, sizeof w.segment_bytes, "%d", SEGMENT_BYTES_MIN + (int)sim_dice(20000));
	int n = snprintf(w.config, sizeof w.config,
		"broker.id=%d\nlisteners=PLAINTEXT://:%d\nadvertised.listeners=PLAINTEXT://broker:%d\n"
		"zookeeper.connect=zoo:%d%s\nzookeeper.session.timeout.ms=%d\nlog.dirs=%s\nnum.cores=%d\n"
		"log.index.interval.bytes=%d\nlog.flush.offset.checkpoint.interval.ms=%d\n",
		sim_chance(50) ? 1 : -1, PORT, PORT, ZK_PORT, sim_chance(50) ? "/chroot" : "", SESSION_MS,
		sim_chance(50) ? "/data" : "/data/a,/data/b", 1 + (int)sim_dice(4), (int)sim_dice(4096),
		100 + (int)sim_dice(2000));
	must(n > 0 && (size_t)n < sizeof w.config);
	n += snprintf(w.config + n, sizeof w.config - (size_t)n,
		"group.initial.rebalance.delay.ms=%d\noffsets.topic.num.partitions=%d\n"
		"offsets.topic.replication.factor=1\noffsets.load.buffer.size=%d\n%s", (int)sim_dice(500),
		1 + (int)sim_dice(4), 1 + (int)sim_dice(10000),
		w.promise == PROMISE_FLUSHED ? "log.flush.interval.messages=1\n" : "");
	must((size_t)n < sizeof w.config);
	w.compacted = w.promise != PROMISE_POWER && sim_chance(50);
	if (w.compacted)
		n += snprintf(w.config + n, sizeof w.config - (size_t)n,
			"log.cleaner.backoff.ms=%d\nlog.cleaner.threads=%d\nlog.segment.delete.delay.ms=%d\n"
			"log.cleaner.io.max.bytes.per.second=%d\n", 20 + (int)sim_dice(500),
			1 + (int)sim_dice(3), 1 + (int)sim_dice(3000), 20000 + (int)sim_dice(1000000));
	must((size_t)n < sizeof w.config);
}

static void begin(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	sim_new(seed);
	w.seed = seed;
	w.held = true;
	w.producer_id = -1;
	w.zoo = sim_host_new("zoo", 1);
	w.broker = sim_host_new("broker", 4);
	w.client = sim_host_new("client", 1);
	zk_sim_new(w.zoo);
	make_config();
	w.codecs = codecs_new();
	w.reactor = sim_reactor(w.client, 0, NULL);
	kclient_init(&w.out, w.reactor, "broker", PORT);
	kclient_init(&w.in, w.reactor, "broker", PORT);
	w.committer = (struct committer){ .topic = TOPIC, .partitions = w.partitions, .fail = fail,
		.power_losses = &w.power_losses, .power_takes = w.promise == PROMISE_POWER };
	committer_init(&w.committer);
	kclient_init(&w.committer.client, w.reactor, "broker", PORT);
	kclient_init(&w.by_main, w.reactor, "broker", PORT);
	kclient_init(&w.by_side, w.reactor, "broker", SIDE_PORT);
	sim_on(w.client);
	fiber_start(w.reactor, "producer", produce, NULL);
	fiber_start(w.reactor, "consumer", consume, NULL);
	fiber_start(w.reactor, "administrator", administer, NULL);
	fiber_start(w.reactor, "committer", commit, NULL);
	start_broker();
}

static void end(void)
{
	sim_reactor_free(w.reactor);
	sim_on(w.client);
	kclient_fini(&w.out);
	kclient_fini(&w.in);
	kclient_fini(&w.committer.client);
	kclient_fini(&w.by_main);
	kclient_fini(&w.by_side);
	codecs_free(&w.codecs);
	zk_sim_free();
	sim_free();
}

static bool is_done(void *arg)
{
	const bool *done = arg;
	return *done || !w.held;
}

static bool is_served(void *arg)
{
	(void)arg;
	return !w.held || (w.produced && w.consumed && w.settled && w.committed);
}

/* The client's next task; its reactor is woken by a message, as it turns already. */
static void begin_reading(struct reactor *here, struct msg *m)
{
	(void)m;
	fiber_start(here, "reader", read_back, NULL);
}

uint64_t broker_world(uint64_t seed, bool *held)
{
	struct msg reading = { .run = begin_reading };
	begin(seed);
	for (uint64_t n = sim_dice(MISFORTUNES_MAX + 1); n > 0 && w.held && !is_served(NULL); n--) {
		wait_up_to(sim_chance(30) ? 6000 : 800);
		misfortunes[sim_dice(countof(misfortunes))]();
		if (has_exited(NULL))
			fail("the broker gave up with status %d", sim_exit_status(w.broker));
	}
	if (w.held && !sim_run_until(is_served, NULL, WORLD_MS_MAX))
		fail("stuck: %d batches acknowledged", w.n_acked);
	if (w.held) {
		reactor_post_foreign(w.reactor, &reading);
		if (!sim_run_until(is_done, &w.read_back, WORLD_MS_MAX))
			fail("stuck while reading");
	}
	if (w.held)
		end_in_order();
	uint64_t trace = sim_trace();
	*held = w.held;
	if (w.held)
		end();
	return trace;
}
