/* ut_dispatch.c - frames that are requests and frames that are not; what is said of what is served. */
#include "broker/api/request_log.h"
#include "tests/unit/api/api_test.h"

#include "api_versions.kmsg.h"
#include "metadata.kmsg.h"

#include <stdio.h>
#include <string.h>

AT_ENCODER(api_versions)
AT_ENCODER(metadata)

static void what_is_served_is_told(void)
{
	struct api_test t;
	at_begin(&t);
	for (int version = 0; version <= 4; version++) {
		struct api_versions_request ask = { slice_str("unit-test"), slice_str("1.0") };
		struct api_versions_response got;
		CU_ASSERT(AT_ASK(&t, api_versions, API_VERSIONS, version, &ask, &got));
		CU_ASSERT_EQUAL(got.error_code, KERR_NONE);
		CU_ASSERT_EQUAL(got.n_api_keys, (int32_t)api_rows_count);
		for (int32_t i = 0; i < got.n_api_keys; i++) {
			const struct api_row *row = api_row_find(got.api_keys[i].api_key);
			CU_ASSERT_FATAL(row != NULL);
			CU_ASSERT_EQUAL(got.api_keys[i].min_version, row->min);
			CU_ASSERT_EQUAL(got.api_keys[i].max_version, row->max);
		}
	}
	at_end(&t);
}

static void a_client_names_itself(void)
{
	static const struct {
		const char *name, *version;
		enum kerr error;
	} cases[] = {
		{ "librdkafka", "2.0.2", KERR_NONE },  { "a", "1", KERR_NONE },
		{ "a-b.c", "1-2", KERR_NONE },         { "", "1", KERR_INVALID_REQUEST },
		{ "-a", "1", KERR_INVALID_REQUEST },   { "a.", "1", KERR_INVALID_REQUEST },
		{ "a b", "1", KERR_INVALID_REQUEST },  { "a", "", KERR_INVALID_REQUEST },
		{ "a", "\xc3\xa4", KERR_INVALID_REQUEST },
	};
	struct api_test t;
	at_begin(&t);
	for (size_t i = 0; i < countof(cases); i++) {
		struct api_versions_request ask = { slice_str(cases[i].name), slice_str(cases[i].version) };
		struct api_versions_response got;
		CU_ASSERT(AT_ASK(&t, api_versions, API_VERSIONS, 3, &ask, &got));
		CU_ASSERT_EQUAL(got.error_code, cases[i].error);
	}
	at_end(&t);
}

/* A version of ApiVersions that is to come is answered in the oldest, with the row that helps (KIP-511). */
static void a_newer_client_learns_what_we_speak(void)
{
	static const uint8_t frame[] = { 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0 };
	struct api_test t;
	struct api_versions_response got;
	at_begin(&t);
	CU_ASSERT(at_raw(&t, frame, sizeof frame, 7));
	CU_ASSERT_EQUAL(api_versions_response_decode(&t.answer, 0, &got), 0);
	CU_ASSERT_EQUAL(got.error_code, KERR_UNSUPPORTED_VERSION);
	CU_ASSERT_EQUAL_FATAL(got.n_api_keys, 1);
	CU_ASSERT(got.api_keys[0].api_key == 18 && got.api_keys[0].max_version == 4);
	at_end(&t);
}

static void what_is_no_request_ends_the_connection(void)
{
	static const struct {
		uint8_t bytes[16];
		size_t n;
	} frames[] = {
		{ { 3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff }, 10 },                   /* no such API */
		{ { 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff }, 10 },                     /* no such version */
		{ { 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff }, 10 },                /* version -1 */
		{ { 0, 3, 0 }, 3 },                                                  /* no header */
		{ { 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 5 }, 14 },          /* five topics */
		{ { 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff }, 14 }, /* a lie */
	};
	struct api_test t;
	at_begin(&t);
	for (size_t i = 0; i < countof(frames); i++) {
		CU_ASSERT_FALSE(at_raw(&t, frames[i].bytes, frames[i].n, 1));
		CU_ASSERT_PTR_NULL(t.client);
	}
	at_end(&t);
}

static void bytes_after_the_last_field_are_ignored(void)
{
	static const uint8_t frame[] = { 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 9 };
	struct api_test t;
	struct metadata_response got;
	at_begin(&t);
	CU_ASSERT(at_raw(&t, frame, sizeof frame, 1));
	CU_ASSERT_EQUAL(metadata_response_decode(&t.answer, 1, &got), 0);
	at_end(&t);
}

static void requests_are_kept_for_reuse(void)
{
	struct api_test t;
	struct metadata_request ask = { .n_topics = -1 };
	struct metadata_response got;
	at_begin(&t);
	for (int i = 0; i < 50; i++) {
		CU_ASSERT(AT_ASK(&t, metadata, METADATA, 5, &ask, &got));
		CU_ASSERT_EQUAL(got.n_brokers, 2);
	}
	at_turns(&t, 3);
	CU_ASSERT(t.cores[0]->n_spare + t.cores[1]->n_spare >= 1);
	CU_ASSERT(t.cores[0]->n_spare + t.cores[1]->n_spare <= 2);
	at_end(&t);
}

/* Metadata of no topic, version 1, from a client of this name. */
static const uint8_t *long_name_frame(const uint8_t *name, size_t n)
{
	static uint8_t frame[10 + KMSG_STRING_MAX + 4] = { 0, 3, 0, 1, 0, 0, 0, 7 };
	put_be16(frame + 8, (uint16_t)n);
	memcpy(frame + 10, name, n);
	return frame;
}

/* A name as long as may be, each byte of which is six in JSON, and more topics than are shown. */
static void the_request_log_stays_whole(void)
{
	static uint8_t name[KMSG_STRING_MAX];
	static struct metadata_request_topic topics[500];
	struct api_test t;
	struct metadata_request ask = { .topics = topics, .n_topics = countof(topics) };
	struct metadata_response got;
	FILE *file = tmpfile();
	char *line = mem_alloc(LOG_TEXT_BYTES * 2);
	CU_ASSERT_FATAL(file != NULL);
	sys_log_to(fileno(file));
	sys_log_set_level(REQUEST_LOGGER, LOG_DEBUG);
	memset(name, 1, sizeof name);
	for (size_t i = 0; i < countof(topics); i++)
		topics[i].name = slice_of(name, 249);
	at_begin(&t);
	CU_ASSERT(AT_ASK(&t, metadata, METADATA, 5, &ask, &got));
	CU_ASSERT(at_raw(&t, long_name_frame(name, sizeof name), 10 + sizeof name + 4, 7));
	at_end(&t);
	sys_log_set_level(REQUEST_LOGGER, SYS_LOG_INHERIT);
	sys_log_to(-1);
	rewind(file);
	size_t n = fread(line, 1, LOG_TEXT_BYTES * 2 - 1, file);
	line[n] = 0;
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"request\":\"(too large to be shown)\",\"response\":"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"softwareVersion\":\"unknown\"}} (kafka.request.logger)\n"));
	fclose(file);
	free(line);
}

static const struct ut_case cases[] = {
	UT(what_is_served_is_told),
	UT(a_client_names_itself),
	UT(a_newer_client_learns_what_we_speak),
	UT(what_is_no_request_ends_the_connection),
	UT(bytes_after_the_last_field_are_ignored),
	UT(requests_are_kept_for_reuse),
	UT(the_request_log_stays_whole),
};

int main(void)
{
	return ut_run("dispatch", cases, countof(cases));
}
