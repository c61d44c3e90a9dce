/* ut_kmsg.c - the runtime below the generated messages: what it refuses, what it asks memory for, and the
 * links it makes. */
#include "broker/protocol/kapi.h"
#include "alter_user_scram_credentials.kmsg.h"
#include "create_topics.kmsg.h"
#include "fetch.kmsg.h"
#include "metadata.kmsg.h"
#include "produce.kmsg.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAP = 1 << 20 };

/* Reads `frame` with `read` and returns the error. */
static int try_metadata(struct slice frame, int version, struct arena *arena)
{
	struct metadata_request m;
	struct kdec d;
	kdec_init(&d, frame, arena);
	return metadata_request_decode(&d, version, &m);
}

#define FRAME(...) slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ })

static void a_count_is_not_believed(void)
{
	struct arena a;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0x7f, 0xff, 0xff, 0xff), 0, &a), KDEC_COUNT);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 2, 0, 1, 'x'), 0, &a), KDEC_COUNT);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0), 9, &a), KDEC_COUNT);
	CU_ASSERT_EQUAL(a.used, 0);
	CU_ASSERT_PTR_NULL(a.blocks);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 1, 0, 1, 'x'), 0, &a), KDEC_OK);
	arena_free(&a);
}

static void the_arena_has_a_cap(void)
{
	struct arena a;
	arena_init(&a, 16);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 1, 0, 1, 'x'), 0, &a), KDEC_MEMORY);
	arena_free(&a);
}

static void null_is_refused_where_it_may_not_be(void)
{
	struct arena a;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0xff, 0xff, 0xff, 0xff), 0, &a), KDEC_NULL);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0xff, 0xff, 0xff, 0xff), 1, &a), KDEC_OK);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 1, 0xff, 0xff), 1, &a), KDEC_NULL);
	arena_free(&a);
}

static void null_and_empty_arrays_differ(void)
{
	struct metadata_request m;
	struct arena a;
	struct kdec d;
	arena_init(&a, CAP);
	kdec_init(&d, FRAME(0xff, 0xff, 0xff, 0xff), &a);
	CU_ASSERT_EQUAL(metadata_request_decode(&d, 1, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.n_topics, -1);
	kdec_init(&d, FRAME(0, 0, 0, 0), &a);
	CU_ASSERT_EQUAL(metadata_request_decode(&d, 1, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.n_topics, 0);
	CU_ASSERT_TRUE(m.allow_auto_topic_creation);
	arena_free(&a);
}

static void a_version_that_is_not_is_refused(void)
{
	struct arena a;
	arena_init(&a, CAP);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 0), 13, &a), KDEC_VERSION);
	CU_ASSERT_EQUAL(try_metadata(FRAME(0, 0, 0, 0), -1, &a), KDEC_VERSION);
	arena_free(&a);
}

static uint32_t uvarint(struct slice bytes, enum kdec_error *ret_error)
{
	struct arena a;
	struct kdec d;
	arena_init(&a, CAP);
	kdec_init(&d, bytes, &a);
	uint32_t x = kdec_uvarint(&d);
	*ret_error = d.error;
	return x;
}

static void varints_are_as_short_as_can_be(void)
{
	enum kdec_error error;
	CU_ASSERT_EQUAL(uvarint(FRAME(0x00), &error), 0);
	CU_ASSERT_EQUAL(error, KDEC_OK);
	CU_ASSERT_EQUAL(uvarint(FRAME(0x80, 0x01), &error), 128);
	CU_ASSERT_EQUAL(uvarint(FRAME(0xff, 0xff, 0xff, 0xff, 0x0f), &error), UINT32_MAX);
	CU_ASSERT_EQUAL(error, KDEC_OK);
	uvarint(FRAME(0xff, 0xff, 0xff, 0xff, 0x1f), &error);
	CU_ASSERT_EQUAL(error, KDEC_VARINT);
	uvarint(FRAME(0x80, 0x80, 0x80, 0x80, 0x80, 0x01), &error);
	CU_ASSERT_EQUAL(error, KDEC_VARINT);
	uvarint(FRAME(0x81, 0x00), &error);
	CU_ASSERT_EQUAL(error, KDEC_VARINT);
	uvarint(FRAME(0x80), &error);
	CU_ASSERT_EQUAL(error, KDEC_SHORT);
}

/* The bytes of a Fetch request v12 or v15 before its tags: all zero, no topics. */
#define FETCH_12 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1
#define FETCH_15 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1

static int try_fetch(struct slice frame, int version, struct fetch_request *m)
{
	struct arena a;
	struct kdec d;
	arena_init(&a, CAP);
	kdec_init(&d, frame, &a);
	int error = fetch_request_decode(&d, version, m);
	arena_free(&a);
	return error;
}

static void tags_are_read_as_kafka_reads_them(void)
{
	struct fetch_request m;
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_12, 0), 12, &m), KDEC_OK);
	CU_ASSERT_PTR_NULL(m.cluster_id.p);
	/* An unknown one before a known one, and the known one twice: the last counts. */
	struct slice twice = FRAME(FETCH_12, 3, 9, 2, 7, 7, 0, 2, 2, 'a', 0, 2, 2, 'b');
	CU_ASSERT_EQUAL(try_fetch(twice, 12, &m), KDEC_OK);
	CU_ASSERT_TRUE(slice_is(m.cluster_id, "b"));
	/* A length that is not that of the content. */
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_12, 1, 0, 3, 2, 'a', 0), 12, &m), KDEC_TAG);
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_12, 1, 0, 1, 2, 'a'), 12, &m), KDEC_TAG);
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_12, 1, 9, 4, 1, 2), 12, &m), KDEC_SHORT);
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_12, 0xff, 0xff, 0xff, 0xff, 0x0f), 12, &m), KDEC_SHORT);
	/* replica_state came with v15. */
	struct slice early = FRAME(FETCH_12, 1, 1, 13, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0);
	struct slice right = FRAME(FETCH_15, 1, 1, 13, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0);
	CU_ASSERT_EQUAL(try_fetch(early, 12, &m), KDEC_TAG);
	CU_ASSERT_EQUAL(try_fetch(right, 15, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.replica_state.replica_id, 7);
	CU_ASSERT_EQUAL(m.replica_state.replica_epoch, 9);
}

static void absent_fields_have_their_default(void)
{
	struct fetch_request m;
	CU_ASSERT_EQUAL(try_fetch(FRAME(FETCH_15, 0), 15, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.replica_id, -1);
	CU_ASSERT_EQUAL(m.replica_state.replica_id, -1);
	uint8_t v0[16] = { 0 };
	CU_ASSERT_EQUAL(try_fetch(slice_of(v0, sizeof v0), 0, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.max_bytes, INT32_MAX);
	CU_ASSERT_EQUAL(m.session_epoch, -1);
	CU_ASSERT_TRUE(slice_is(m.rack_id, ""));
	fetch_request_defaults(&m);
	CU_ASSERT_EQUAL(m.session_epoch, -1);
}

/* ---- writing ---- */

static size_t links_of(const struct chain *c, char *ret_bytes, size_t room)
{
	size_t links = 0, n = 0;
	for (struct link *l = c->first; l; l = l->next, links++) {
		must(n + l->n <= room);
		if (l->kind == LINK_MEM)
			memcpy(ret_bytes + n, l->p, l->n);
		else
			memset(ret_bytes + n, 'F', l->n);
		n += l->n;
	}
	must(n == c->bytes);
	return links;
}

static void records_are_links_between_small_pieces(void)
{
	struct chain from_file, from_memory, out;
	chain_init(&from_file);
	chain_init(&from_memory);
	chain_init(&out);
	chain_add_file(&from_file, 0, 4096, 1000, NULL);
	chain_add_mem(&from_memory, "batch", 5, NULL);
	struct fetch_response_partition partitions[3];
	for (size_t i = 0; i < countof(partitions); i++)
		fetch_response_partition_defaults(&partitions[i]);
	partitions[0].records.links = &from_file;
	partitions[1].records.links = &from_memory;
	partitions[2].records.bytes = SLICE_LIT("slice");
	struct fetch_response_topic topic = { .topic = SLICE_LIT("t"), .n_partitions = 3 };
	topic.partitions = partitions;
	struct fetch_response m = { .responses = &topic, .n_responses = 1 };
	struct kenc e;
	kenc_init(&e, &out, CAP);
	kenc_frame_begin(&e);
	fetch_response_encode(&e, 12, &m);
	kenc_frame_end(&e);
	CU_ASSERT_EQUAL(kenc_finish(&e), 0);

	char *bytes = mem_alloc(CAP);
	CU_ASSERT_EQUAL(links_of(&out, bytes, CAP), 5); /* head, file, head, memory, head and slice */
	CU_ASSERT_EQUAL(get_be32(bytes), out.bytes - 4);
	CU_ASSERT_PTR_NULL(from_file.first);
	struct arena a;
	struct kdec d;
	arena_init(&a, CAP);
	kdec_init(&d, slice_of(bytes + 4, out.bytes - 4), &a);
	CU_ASSERT_EQUAL(fetch_response_decode(&d, 12, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.responses[0].partitions[0].records.bytes.n, 1000);
	CU_ASSERT_TRUE(slice_is(m.responses[0].partitions[1].records.bytes, "batch"));
	CU_ASSERT_TRUE(slice_is(m.responses[0].partitions[2].records.bytes, "slice"));
	arena_free(&a);
	chain_clear(&out);
	free(bytes);
}

/* Many topics, so that buffers fill up; both kinds of writer write the same. */
static void a_long_message_is_the_same_in_one_buffer_and_in_many(void)
{
	enum { TOPICS = 20000 };
	struct metadata_response_topic *topics = mem_zalloc(TOPICS * sizeof *topics);
	for (int i = 0; i < TOPICS; i++) {
		metadata_response_topic_defaults(&topics[i]);
		topics[i].name = SLICE_LIT("a-topic-with-a-name");
		topics[i].error_code = (int16_t)i;
	}
	struct metadata_response m;
	metadata_response_defaults(&m);
	m.topics = topics;
	m.n_topics = TOPICS;
	struct chain out;
	struct kenc one, many;
	chain_init(&out);
	kenc_init(&one, NULL, 8 * CAP);
	kenc_init(&many, &out, 8 * CAP);
	metadata_response_encode(&one, 12, &m);
	metadata_response_encode(&many, 12, &m);
	CU_ASSERT_EQUAL(kenc_bytes_written(&one), kenc_bytes_written(&many));
	struct buf *b = kenc_finish_buf(&one);
	CU_ASSERT_EQUAL(kenc_finish(&many), 0);
	char *bytes = mem_alloc(8 * CAP);
	CU_ASSERT(links_of(&out, bytes, 8 * CAP) > 5);
	CU_ASSERT(b->used == out.bytes && memcmp(b->bytes, bytes, out.bytes) == 0);
	buf_put(b);
	chain_clear(&out);
	free(bytes);
	free(topics);
}

/* A tag whose content outgrows buffer after buffer stays together, and its length is put before it. */
static void a_tag_may_be_longer_than_a_buffer(void)
{
	enum { NODES = 9000 };
	struct produce_response_node_endpoint *nodes = mem_zalloc(NODES * sizeof *nodes);
	for (int i = 0; i < NODES; i++) {
		nodes[i].node_id = i;
		nodes[i].host = SLICE_LIT("host.example");
	}
	struct produce_response m = { .node_endpoints = nodes, .n_node_endpoints = NODES };
	struct chain out;
	struct kenc e;
	chain_init(&out);
	kenc_init(&e, &out, CAP);
	kenc_frame_begin(&e);
	produce_response_encode(&e, 10, &m);
	kenc_frame_end(&e);
	CU_ASSERT_EQUAL(kenc_finish(&e), 0);
	char *bytes = mem_alloc(CAP);
	links_of(&out, bytes, CAP);
	CU_ASSERT_EQUAL(get_be32(bytes), out.bytes - 4);
	struct arena a;
	struct kdec d;
	arena_init(&a, CAP);
	kdec_init(&d, slice_of(bytes + 4, out.bytes - 4), &a);
	CU_ASSERT_EQUAL(produce_response_decode(&d, 10, &m), KDEC_OK);
	CU_ASSERT_EQUAL(m.n_node_endpoints, NODES);
	CU_ASSERT_EQUAL(m.node_endpoints[NODES - 1].node_id, NODES - 1);
	arena_free(&a);
	chain_clear(&out);
	free(bytes);
	free(nodes);
}

static void a_message_above_its_max_is_dropped_whole(void)
{
	struct chain out, links;
	struct kenc e;
	chain_init(&out);
	chain_init(&links);
	kenc_init(&e, &out, 100);
	for (int i = 0; i < 200; i++)
		kenc_i8(&e, 1);
	CU_ASSERT_EQUAL(kenc_finish(&e), -EMSGSIZE);
	CU_ASSERT_PTR_NULL(out.first);

	chain_add_file(&links, 0, 0, 90, NULL);
	kenc_init(&e, &out, 100);
	kenc_i32(&e, 1);
	kenc_nullable_records(&e, (struct krecords){ .links = &links });
	kenc_i32(&e, 1);
	CU_ASSERT_EQUAL(kenc_finish(&e), -EMSGSIZE);
	CU_ASSERT_PTR_NULL(out.first);
	CU_ASSERT_PTR_NULL(links.first);

	kenc_init(&e, NULL, 10);
	kenc_raw(&e, "01234567890", 11);
	CU_ASSERT_PTR_NULL(kenc_finish_buf(&e));
}

static void a_string_too_long_fails_the_message(void)
{
	struct create_topics_response_topic topic = { .name = SLICE_LIT("t") };
	struct create_topics_response m = { .topics = &topic, .n_topics = 1 };
	char *text = mem_zalloc(KMSG_STRING_MAX + 1);
	struct chain out;
	struct kenc e;
	chain_init(&out);
	create_topics_response_topic_defaults(&topic);
	topic.error_message = slice_of(text, KMSG_STRING_MAX);
	kenc_init(&e, &out, CAP);
	create_topics_response_encode(&e, 7, &m);
	CU_ASSERT_EQUAL(kenc_finish(&e), 0);
	chain_clear(&out);
	topic.error_message.n++;
	kenc_init(&e, &out, CAP);
	create_topics_response_encode(&e, 7, &m);
	CU_ASSERT_EQUAL(kenc_finish(&e), -EMSGSIZE);
	free(text);
}

/* Whether writing `m` in `version` ends the process. */
static bool asserts(int version, const struct fetch_response *m)
{
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		struct kenc e;
		fclose(stderr);
		kenc_init(&e, NULL, CAP);
		fetch_response_encode(&e, version, m);
		_exit(0);
	}
	int status = 0;
	must(waitpid(child, &status, 0) == child);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void a_field_that_the_version_lacks_must_not_be_set(void)
{
	struct fetch_response m = { .throttle_time_ms = 5 };
	CU_ASSERT_FALSE(asserts(0, &m)); /* ignorable */
	m.session_id = 1;
	CU_ASSERT_TRUE(asserts(6, &m));
	CU_ASSERT_FALSE(asserts(7, &m));
	CU_ASSERT_TRUE(asserts(18, &m));
}

/* ---- error codes ---- */

static void error_codes_are_counted(void)
{
	struct chain chain;
	struct kenc e;
	struct kenc_errors errors = { 0 };
	chain_init(&chain);
	kenc_init(&e, &chain, 1000);
	kenc_error(&e, 3); /* nobody counts yet */
	e.errors = &errors;
	kenc_error(&e, 0);
	kenc_error(&e, 0);
	kenc_error(&e, -1);
	for (int16_t code = 10; code < 10 + KENC_ERRORS_MAX; code++)
		kenc_error(&e, code);
	kenc_error(&e, -1);
	CU_ASSERT_EQUAL(errors.none, 2);
	CU_ASSERT_EQUAL(errors.others_n, KENC_ERRORS_MAX);
	CU_ASSERT(errors.others[0].code == -1 && errors.others[0].n == 2);
	CU_ASSERT(errors.others[1].code == 10 && errors.others[1].n == 1);
	CU_ASSERT_EQUAL(errors.others[KENC_ERRORS_MAX - 1].n, 2);
	CU_ASSERT_EQUAL(kenc_finish(&e), 0);
	CU_ASSERT_EQUAL(chain.bytes, 2 * (5 + KENC_ERRORS_MAX));
	chain_clear(&chain);
}

/* ---- dump ---- */

static void a_dump_is_json_whatever_the_bytes(void)
{
	struct kdump k;
	kdump_init(&k, 1000);
	kdump_begin(&k, NULL);
	kdump_string(&k, "a", SLICE_LIT("q\"\\\x01\xff\xed\xa0\x80\xc3\xa9"));
	kdump_f64(&k, "b", 2);
	kdump_f64(&k, "c", -1.0 / 0.0);
	kdump_f64(&k, "f", 0.123);
	kdump_f64(&k, "g", 1.0 / 3);
	kdump_bytes(&k, "d", SLICE_LIT("ab"));
	kdump_uuid(&k, "e", (struct uuid){ { 0 } });
	kdump_end(&k);
	CU_ASSERT_STRING_EQUAL(k.text, "{\"a\":\"q\\\"\\\\\\u0001\uFFFD\uFFFD\uFFFD\uFFFD\u00e9\",\"b\":2.0,"
	                               "\"c\":\"-Infinity\",\"f\":0.123,\"g\":0.3333333333333333,"
	                               "\"d\":\"YWI=\","
	                               "\"e\":\"AAAAAAAAAAAAAAAAAAAAAA\"}");
	kdump_free(&k);
}

static void a_dump_has_a_max(void)
{
	struct kdump k;
	kdump_init(&k, 20);
	for (int i = 0; i < 100; i++)
		kdump_int(&k, NULL, i);
	CU_ASSERT_EQUAL(k.n, 20);
	CU_ASSERT_EQUAL(strlen(k.text), 20);
	kdump_free(&k);
}

static void secrets_are_not_shown(void)
{
	struct alter_user_scram_credentials_request_upsertion u = {
		.name = SLICE_LIT("joe"),
		.salt = SLICE_LIT("salt"),
		.salted_password = SLICE_LIT("password"),
	};
	struct alter_user_scram_credentials_request m = { .upsertions = &u, .n_upsertions = 1 };
	struct kdump k;
	kdump_init(&k, 1000);
	alter_user_scram_credentials_request_dump(&k, 0, &m);
	CU_ASSERT_PTR_NOT_NULL(strstr(k.text, "\"saltedPassword\":\"***\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(k.text, "joe"));
	kdump_free(&k);
}

static void apis_are_found(void)
{
	CU_ASSERT_STRING_EQUAL(kapi_find(KAPI_FETCH)->name, "Fetch");
	CU_ASSERT_STRING_EQUAL(kapi_find(KAPI_CONSUMER_GROUP_DESCRIBE)->name, "ConsumerGroupDescribe");
	CU_ASSERT_STRING_EQUAL(kapi_find(KAPI_DESCRIBE_CLUSTER)->request->name, "DescribeClusterRequest");
	CU_ASSERT_PTR_NULL(kapi_find(52));
	CU_ASSERT_PTR_NULL(kapi_find(-1));
	CU_ASSERT_PTR_NULL(kapi_find(1000));
	CU_ASSERT_EQUAL(kapi_response_header(kapi_find(KAPI_API_VERSIONS), 99), 0);
	CU_ASSERT_PTR_NULL(kmsg_find("NoSuchRequest"));
}

static const struct ut_case cases[] = {
	UT(a_count_is_not_believed),
	UT(the_arena_has_a_cap),
	UT(null_is_refused_where_it_may_not_be),
	UT(null_and_empty_arrays_differ),
	UT(a_version_that_is_not_is_refused),
	UT(varints_are_as_short_as_can_be),
	UT(tags_are_read_as_kafka_reads_them),
	UT(absent_fields_have_their_default),
	UT(records_are_links_between_small_pieces),
	UT(a_long_message_is_the_same_in_one_buffer_and_in_many),
	UT(a_tag_may_be_longer_than_a_buffer),
	UT(a_message_above_its_max_is_dropped_whole),
	UT(a_string_too_long_fails_the_message),
	UT(a_field_that_the_version_lacks_must_not_be_set),
	UT(error_codes_are_counted),
	UT(a_dump_is_json_whatever_the_bytes),
	UT(a_dump_has_a_max),
	UT(secrets_are_not_shown),
	UT(apis_are_found),
};

int main(void)
{
	return ut_run("kmsg", cases, countof(cases));
}
