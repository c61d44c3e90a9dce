/* ut_golden_messages.c - every message as Apache Kafka 3.9.2 wrote it (tests/golden/messages), and what
 * clients and brokers said to each other (tests/golden/wire): read, written again, and shown as JSON. */
#include "broker/protocol/kapi.h"
#include "headers.kmsg.h"
#include "tests/unit/protocol/golden.h"

#include <jansson.h>

enum {
	ARENA_CAP = 64 << 20,
	ENCODED_MAX = 64 << 20,
	/* No struct is this many times larger in memory than the least it can be in a frame. */
	MEMORY_PER_BYTE = 256,
};

/* One row of vectors.tsv. */
struct vector {
	const char *name, *label, *json;
	const struct kmsg *kmsg;
	int version;
	uint8_t *memory;
	struct slice bytes; /* without the version that some data has in front */
};

/* What each test needs to go through the vectors. */
struct bench {
	struct golden table;
	struct arena arena;
	void *m; /* room for any message */
};

static void complain(const struct vector *x, const char *what)
{
	fprintf(stderr, "%s v%d %s: %s\n", x->name, x->version, x->label, what);
	CU_FAIL("see above");
}

static struct bench bench_open(const char *table)
{
	struct bench b = { .table = golden_open(table) };
	size_t n = 0;
	for (size_t i = 0; i < kmsgs_count; i++)
		n = max_of(n, kmsgs[i].size);
	b.m = mem_alloc(n);
	arena_init(&b.arena, ARENA_CAP);
	return b;
}

static void bench_close(struct bench *b)
{
	arena_free(&b->arena);
	free(b->m);
	golden_close(&b->table);
}

static const char vectors[] = "tests/golden/messages/vectors.tsv.zst";

static bool next_vector(struct bench *b, struct vector *ret)
{
	struct golden *g = &b->table;
	if (!golden_row(g))
		return false;
	must(g->columns == 7);
	*ret = (struct vector){ .name = g->column[1], .label = g->column[4], .json = g->column[6] };
	ret->kmsg = kmsg_find(ret->name);
	must(ret->kmsg != NULL);
	ret->version = atoi(g->column[3]);
	ret->memory = golden_bytes(g->column[5], &ret->bytes.n);
	ret->bytes.p = ret->memory;
	if (strstr(ret->label, "+version")) {
		must(get_be16(ret->memory) == ret->version);
		ret->bytes = slice_of(ret->memory + 2, ret->bytes.n - 2);
	}
	return true;
}

static int read_message(struct bench *b, const struct vector *x, struct slice frame)
{
	struct kdec d;
	arena_reset(&b->arena);
	kdec_init(&d, frame, &b->arena);
	int error = x->kmsg->decode(&d, x->version, b->m);
	if (!error && d.p != d.end)
		error = KDEC_TRAILING;
	return error;
}

static bool json_agrees(const char *ours, const char *theirs)
{
	json_t *a = json_loads(ours, JSON_ALLOW_NUL, NULL), *b = json_loads(theirs, JSON_ALLOW_NUL, NULL);
	bool agrees = a && b && json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return agrees;
}

/* What a decoded message becomes: bytes and text. */
struct again {
	struct buf *buf;
	struct slice bytes;
	struct kdump dump;
};

static struct again write_again(const struct kmsg *kmsg, int version, const void *m, bool whole_records)
{
	struct again a;
	struct kenc e;
	kenc_init(&e, NULL, ENCODED_MAX);
	kmsg->encode(&e, version, m);
	a.buf = kenc_finish_buf(&e);
	must(a.buf != NULL);
	a.bytes = slice_of(a.buf->bytes, a.buf->used);
	kdump_init(&a.dump, KDUMP_MAX_BYTES);
	a.dump.whole_records = whole_records;
	a.dump.secrets = true;
	kmsg->dump(&a.dump, version, m);
	return a;
}

static void again_free(struct again *a)
{
	buf_put(a->buf);
	kdump_free(&a->dump);
}

/* A vector whose unknown tags we drop: what we write instead must mean the same. */
static void check_shorter(struct bench *b, const struct vector *x, const struct again *first)
{
	if (read_message(b, x, first->bytes)) {
		complain(x, "not read back");
		return;
	}
	struct again second = write_again(x->kmsg, x->version, b->m, true);
	if (!slice_eq(first->bytes, second.bytes) || strcmp(first->dump.text, second.dump.text) != 0)
		complain(x, "changed when read back");
	again_free(&second);
}

static void check_vector(struct bench *b, const struct vector *x)
{
	int error = read_message(b, x, x->bytes);
	if (error) {
		complain(x, kdec_error_text(error));
		return;
	}
	struct again a = write_again(x->kmsg, x->version, b->m, true);
	if (!json_agrees(a.dump.text, x->json)) {
		complain(x, "another JSON");
		fprintf(stderr, "%s\n%s\n", a.dump.text, x->json);
	}
	if (strcmp(x->label, "unknown_tags") == 0)
		check_shorter(b, x, &a);
	else if (!slice_eq(a.bytes, x->bytes))
		complain(x, "other bytes");
	again_free(&a);
}

static void every_vector_is_read_written_and_shown(void)
{
	struct bench b = bench_open(vectors);
	struct vector x;
	int rows = 0;
	for (; next_vector(&b, &x); free(x.memory)) {
		check_vector(&b, &x);
		rows++;
	}
	CU_ASSERT_EQUAL(rows, 5200);
	bench_close(&b);
}

/* Each proper beginning of a message, in memory of just that size. */
static void check_cuts(struct bench *b, const struct vector *x)
{
	for (uint32_t n = 0; n < x->bytes.n; n++) {
		uint8_t *part = mem_dup(x->bytes.p, n ? n : 1);
		if (!read_message(b, x, slice_of(part, n)))
			complain(x, "accepted though cut");
		free(part);
	}
}

static void every_cut_is_refused(void)
{
	enum { LONGEST = 2000 };
	struct bench b = bench_open(vectors);
	struct vector x;
	int rows = 0;
	for (; next_vector(&b, &x); free(x.memory)) {
		bool rich = strcmp(x.label, "full") == 0 || strcmp(x.label, "unknown_tags") == 0 ||
		            strcmp(x.label, "nulls") == 0;
		if (!rich || x.bytes.n > LONGEST)
			continue;
		check_cuts(&b, &x);
		rows++;
	}
	CU_ASSERT(rows > 1000);
	bench_close(&b);
}

static void bytes_behind_the_last_field_are_refused(void)
{
	struct bench b = bench_open(vectors);
	struct vector x;
	for (; next_vector(&b, &x); free(x.memory)) {
		uint8_t *longer = mem_alloc(x.bytes.n + 1);
		if (x.bytes.n)
			memcpy(longer, x.bytes.p, x.bytes.n);
		longer[x.bytes.n] = 0;
		if (read_message(&b, &x, slice_of(longer, x.bytes.n + 1)) != KDEC_TRAILING)
			complain(&x, "longer than it is, and not refused for that");
		free(longer);
	}
	bench_close(&b);
}

/* Any byte may lie. What is then believed must stay in proportion, and what is accepted must still be a
 * message. */
static void check_lies(struct bench *b, const struct vector *x)
{
	static const uint8_t lies[] = { 0x00, 0x7f, 0x80, 0xff };
	for (uint32_t i = 0; i < x->bytes.n; i++) {
		uint8_t *at = (uint8_t *)x->bytes.p + i, truth = *at;
		*at = lies[(i + x->bytes.n) % countof(lies)];
		if (!read_message(b, x, x->bytes)) {
			struct again a = write_again(x->kmsg, x->version, b->m, true);
			again_free(&a);
		}
		if (b->arena.used > (size_t)x->bytes.n * MEMORY_PER_BYTE)
			complain(x, "took memory for a lie");
		*at = truth;
	}
}

static void lies_are_not_believed(void)
{
	enum { LONGEST = 1000 };
	struct bench b = bench_open(vectors);
	struct vector x;
	for (; next_vector(&b, &x); free(x.memory))
		if (strcmp(x.label, "full2") == 0 && x.bytes.n <= LONGEST)
			check_lies(&b, &x);
	bench_close(&b);
}

static void headers_are_as_kafka_says(void)
{
	struct golden g = golden_open("tests/golden/messages/header_versions.tsv");
	int rows = 0;
	for (; golden_row(&g); rows++) {
		const struct kapi *api = kapi_find(atoi(g.column[0]));
		int version = atoi(g.column[2]);
		must(api != NULL);
		CU_ASSERT_STRING_EQUAL(api->name, g.column[1]);
		CU_ASSERT(version >= api->min && version <= api->max);
		CU_ASSERT_EQUAL(kapi_request_header(api, version), atoi(g.column[3]));
		CU_ASSERT_EQUAL(kapi_response_header(api, version), atoi(g.column[4]));
	}
	CU_ASSERT_EQUAL(rows, 286);
	CU_ASSERT_EQUAL(kapis_count, 62);
	golden_close(&g);
}

/* Header or body of a frame, at the cursor. */
static void check_part(struct kdec *d, const struct vector *x, void *m)
{
	int error = x->kmsg->decode(d, x->version, m);
	if (error) {
		complain(x, kdec_error_text(error));
		return;
	}
	struct again a = write_again(x->kmsg, x->version, m, false);
	if (!json_agrees(a.dump.text, x->json)) {
		complain(x, "another JSON");
		fprintf(stderr, "%s\n%s\n", a.dump.text, x->json);
	}
	again_free(&a);
}

/* A version that the broker does not know is an ApiVersions: its request is not read further than the
 * header, and its answer is in version 0. */
static void check_frame(struct bench *b)
{
	char **column = b->table.column;
	bool request = strcmp(column[3], "request") == 0;
	const struct kapi *api = kapi_find(atoi(column[4]));
	must(api != NULL);
	int version = atoi(column[6]);
	struct vector header = { .name = "header", .label = column[0], .json = column[10] };
	header.kmsg = kmsg_find(request ? "RequestHeader" : "ResponseHeader");
	header.version = request ? kapi_request_header(api, version) : kapi_response_header(api, version);
	struct vector body = { .name = api->name, .label = column[0], .json = column[11] };
	body.version = version;
	body.kmsg = request ? api->request : api->response;
	uint32_t n;
	uint8_t *frame = golden_bytes(column[9], &n);
	struct kdec d;
	arena_reset(&b->arena);
	kdec_init(&d, slice_of(frame, n), &b->arena);
	check_part(&d, &header, b->m);
	if (version > api->max)
		body.version = 0;
	if (version <= api->max || !request) {
		check_part(&d, &body, b->m);
		CU_ASSERT(d.p == d.end);
	}
	free(frame);
}

static void every_recorded_frame_is_read(void)
{
	struct bench b = bench_open("tests/golden/wire/frames.tsv.zst");
	int rows = 0;
	for (; golden_row(&b.table); rows++)
		check_frame(&b);
	CU_ASSERT_EQUAL(rows, 2379);
	bench_close(&b);
}

static const struct ut_case cases[] = {
	UT(every_vector_is_read_written_and_shown),
	UT(every_cut_is_refused),
	UT(bytes_behind_the_last_field_are_refused),
	UT(lies_are_not_believed),
	UT(headers_are_as_kafka_says),
	UT(every_recorded_frame_is_read),
};

int main(void)
{
	return ut_run("golden messages", cases, countof(cases));
}
