/* ut_compress.c - each codec there and back, its levels, its cap, and what a damaged stream may not do. */
#include "broker/base/compress.h"

#include "tests/unit/ut.h"

#include <errno.h>
#include <zstd.h>

enum { TEXT_BYTES = 300000, CAP = 8 << 20 };

static struct codecs *codecs;
static uint8_t text[TEXT_BYTES];

static void write_text(void)
{
	uint32_t seed = 7;

	for (size_t i = 0; i < sizeof text; i++) {
		seed = seed * 1664525 + 1013904223;
		text[i] = i % 64 < 48 ? (uint8_t)"a line that compresses "[i % 23] : (uint8_t)(seed >> 24);
	}
}

static uint8_t *pack(enum codec codec, int level, struct slice in, size_t *n)
{
	size_t room = codec_bound(codec, in.n);
	uint8_t *out = mem_alloc(room);
	int64_t rc = codec_compress(codecs, codec, level, in, out, room);

	CU_ASSERT_TRUE(rc >= 0 && (size_t)rc <= room);
	*n = rc > 0 ? (size_t)rc : 0;
	return out;
}

/* Reads a stream to its end in steps of `step`; how much came, and how it ended. */
static size_t drain(enum codec codec, struct slice in, size_t cap, size_t step, struct slice expected,
	int *error)
{
	struct decompress *d = decompress_open(codecs, codec, 2, in, cap);
	size_t done = 0, n;
	const uint8_t *p;

	while ((n = decompress_peek(d, step, &p)) > 0) {
		n = min_of(n, step);
		if (expected.p)
			CU_ASSERT_TRUE(done + n <= expected.n && memcmp(p, expected.p + done, n) == 0);
		decompress_skip(d, n);
		done += n;
	}
	*error = decompress_error(d);
	decompress_close(&d);
	return done;
}

static void there_and_back(void)
{
	static const size_t sizes[] = { 0, 1, 100, 32768, 65536, 65537, TEXT_BYTES };
	size_t n;
	int error;

	for (enum codec codec = CODEC_NONE; codec < CODEC_COUNT; codec++)
		for (size_t i = 0; i < countof(sizes); i++) {
			struct slice in = slice_of(text, sizes[i]);
			uint8_t *packed = pack(codec, CODEC_LEVEL_DEFAULT, in, &n);
			CU_ASSERT_EQUAL(drain(codec, slice_of(packed, n), CAP, 1000, in, &error), sizes[i]);
			CU_ASSERT_EQUAL(error, 0);
			CU_ASSERT_EQUAL(drain(codec, slice_of(packed, n), CAP, 200000, in, &error), sizes[i]);
			CU_ASSERT_EQUAL(error, 0);
			free(packed);
		}
}

static void levels_matter(void)
{
	static const struct {
		enum codec codec;
		int low, high;
	} levels[] = {
		{ CODEC_GZIP, 1, 9 }, { CODEC_LZ4, 9, 17 }, { CODEC_LZ4, 9, 1 }, { CODEC_ZSTD, -100, 19 },
	};
	struct slice in = slice_of(text, sizeof text);
	size_t low, high;
	int error;

	for (size_t i = 0; i < countof(levels); i++) {
		uint8_t *a = pack(levels[i].codec, levels[i].low, in, &low);
		uint8_t *b = pack(levels[i].codec, levels[i].high, in, &high);
		CU_ASSERT_TRUE(high < low);
		CU_ASSERT_EQUAL(drain(levels[i].codec, slice_of(b, high), CAP, 4096, in, &error), in.n);
		CU_ASSERT_EQUAL(error, 0);
		free(a);
		free(b);
	}
}

/* A bomb ends at the cap. */
static void cap_is_kept(void)
{
	enum { BOMB_BYTES = 4 << 20, BOMB_CAP = 1 << 20 };
	uint8_t *zeros = mem_zalloc(BOMB_BYTES);
	struct slice none = SLICE_NULL;
	size_t n, whole;
	int error;

	for (enum codec codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
		uint8_t *packed = pack(codec, CODEC_LEVEL_DEFAULT, slice_of(zeros, BOMB_BYTES), &n);
		whole = drain(codec, slice_of(packed, n), BOMB_CAP, BOMB_BYTES, none, &error);
		CU_ASSERT_TRUE(whole <= BOMB_CAP);
		CU_ASSERT_EQUAL(error, -EFBIG);
		CU_ASSERT_TRUE(drain(codec, slice_of(packed, n), BOMB_CAP, 999, none, &error) <= BOMB_CAP);
		CU_ASSERT_EQUAL(error, -EFBIG);
		CU_ASSERT_EQUAL(drain(codec, slice_of(packed, n), BOMB_BYTES, 999, none, &error), BOMB_BYTES);
		CU_ASSERT_EQUAL(error, 0);
		free(packed);
	}
	free(zeros);
}

/* Cut anywhere, a stream ends with an error and never gives what was not in it. */
static void cuts_are_told(void)
{
	struct slice in = slice_of(text, 3000);
	size_t n;
	int error;

	for (enum codec codec = CODEC_GZIP; codec < CODEC_COUNT; codec++) {
		uint8_t *packed = pack(codec, CODEC_LEVEL_DEFAULT, in, &n);
		for (size_t cut = 1; cut < n; cut++) {
			uint8_t *copy = mem_dup(packed, cut);
			size_t got = drain(codec, slice_of(copy, cut), CAP, 100, in, &error);
			CU_ASSERT_TRUE(got <= in.n);
			/* Before its first block a framed snappy stream is empty, and whole. */
			if (codec != CODEC_SNAPPY || cut > 19)
				CU_ASSERT_EQUAL(error, -EBADMSG);
			free(copy);
		}
		free(packed);
	}
}

static void any_flipped_bit_is_harmless(void)
{
	struct slice in = slice_of(text, 600);
	size_t n;
	int error;

	for (enum codec codec = CODEC_GZIP; codec < CODEC_COUNT; codec++) {
		uint8_t *packed = pack(codec, CODEC_LEVEL_DEFAULT, in, &n);
		for (size_t bit = 0; bit < n * 8; bit++) {
			packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			struct slice in_bits = slice_of(packed, n);
			CU_ASSERT_TRUE(drain(codec, in_bits, CAP, 100, SLICE_NULL, &error) <= CAP);
			packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(packed);
	}
}

static void large_zstd_window_is_refused(void)
{
	size_t room = ZSTD_compressBound(sizeof text), n;
	uint8_t *packed = mem_alloc(room);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = { text, sizeof text, 0 };
	ZSTD_outBuffer out = { packed, room, 0 };
	int error;

	/* A stream of unknown length keeps the window that was asked for. */
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, COMPRESS_ZSTD_WINDOW_LOG_MAX + 1);
	ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, 0);
	ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
	n = ZSTD_compressStream2(c, &out, &in, ZSTD_e_end);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_EQUAL(drain(CODEC_ZSTD, slice_of(packed, out.pos), CAP, 100, SLICE_NULL, &error), 0);
	CU_ASSERT_EQUAL(error, -EBADMSG);
	ZSTD_freeCCtx(c);
	free(packed);
}

/* liblz4 1.9.4 carries the content size of an unfinished stream over into the next. */
static void unfinished_stream_leaves_no_trace(void)
{
	static const uint8_t sized[] = { /* 65536 bytes are promised */
		0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	};
	struct slice in = slice_of(text, 1000);
	size_t n;
	int error;

	uint8_t *packed = pack(CODEC_LZ4, CODEC_LEVEL_DEFAULT, in, &n);
	struct decompress *d = decompress_open(codecs, CODEC_LZ4, 0, slice_of(sized, sizeof sized), CAP);
	decompress_close(&d);
	CU_ASSERT_EQUAL(drain(CODEC_LZ4, slice_of(packed, n), CAP, 100, in, &error), in.n);
	CU_ASSERT_EQUAL(error, 0);
	free(packed);
}

static void several_streams_at_one_time(void)
{
	enum { MANY = COMPRESS_SPARE_STREAMS + 2 };
	struct decompress *d[MANY];
	struct slice in = slice_of(text, sizeof text);
	const uint8_t *p;
	size_t n;

	for (enum codec codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
		uint8_t *packed = pack(codec, CODEC_LEVEL_DEFAULT, in, &n);
		for (int i = 0; i < MANY; i++)
			d[i] = decompress_open(codecs, codec, 2, slice_of(packed, n), CAP);
		for (size_t at = 0; at + 5000 <= sizeof text; at += 5000)
			for (int i = 0; i < MANY; i++) {
				CU_ASSERT_TRUE(decompress_peek(d[i], 5000, &p) >= 5000);
				CU_ASSERT_EQUAL(memcmp(p, text + at, 5000), 0);
				decompress_skip(d[i], 5000);
			}
		for (int i = 0; i < MANY; i++)
			decompress_close(&d[i]);
		free(packed);
	}
}

static void names(void)
{
	CU_ASSERT_STRING_EQUAL(codec_name(CODEC_ZSTD), "zstd");
	CU_ASSERT_STRING_EQUAL(codec_name(7), "unknown");
}

static const struct ut_case cases[] = {
	UT(there_and_back),
	UT(levels_matter),
	UT(cap_is_kept),
	UT(cuts_are_told),
	UT(any_flipped_bit_is_harmless),
	UT(large_zstd_window_is_refused),
	UT(unfinished_stream_leaves_no_trace),
	UT(several_streams_at_one_time),
	UT(names),
};

int main(void)
{
	codecs = codecs_new();
	write_text();
	int rc = ut_run("compress", cases, countof(cases));
	codecs_free(&codecs);
	return rc;
}
