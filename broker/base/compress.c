/* compress.c - the contexts of a core, and the writing side of the codecs. */
#include "broker/base/compress_priv.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"

#include <errno.h>
#include <snappy-c.h>

enum {
	GZIP_WINDOW_BITS = 15 + 16,	/* largest window, gzip's wrapper */
	GZIP_MEMORY_LEVEL = 8,
	GZIP_WRAPPER_BYTES = 32,	/* header and trailer, rounded up */

	XERIAL_BLOCK_BYTES = 32 * 1024,	/* as xerial's SnappyOutputStream cuts its input */
	XERIAL_HEADER_BYTES = 16,
	XERIAL_LENGTH_BYTES = 4,

	LZ4_KAFKA_DEFAULT_LEVEL = 9,	/* the fast compressor; all other levels are of the high one */
	LZ4_HC_LEVEL_MIN = 3,		/* below it the frame API would take the fast one */
};

static const uint8_t xerial_header[XERIAL_HEADER_BYTES] = {
	0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
};

const char *codec_name(unsigned codec)
{
	static const char *const names[CODEC_COUNT] = { "none", "gzip", "snappy", "lz4", "zstd" };
	return codec < CODEC_COUNT ? names[codec] : "unknown";
}

struct codecs *codecs_new(void)
{
	struct codecs *c;
	ALLOC_OBJ(c, CODECS_MAGIC);
	return c;
}

void codecs_free(struct codecs **cp)
{
	struct codecs *c;

	TAKE_OBJ_NOTNULL(c, cp, CODECS_MAGIC);
	for (int codec = 0; codec < CODEC_COUNT; codec++)
		for (int i = 0; i < COMPRESS_SPARE_STREAMS; i++)
			if (c->spare[codec][i])
				decompress_destroy(c->spare[codec][i]);
	if (c->gzip_ready)
		deflateEnd(&c->gzip);
	LZ4F_freeCompressionContext(c->lz4);
	ZSTD_freeCCtx(c->zstd);
	FREE_OBJ(c);
}

LZ4F_cctx *codecs_lz4(struct codecs *c)
{
	if (!c->lz4 && LZ4F_isError(LZ4F_createCompressionContext(&c->lz4, LZ4F_VERSION)))
		c->lz4 = NULL;
	return c->lz4;
}

static LZ4F_preferences_t lz4_preferences(int level)
{
	LZ4F_preferences_t preferences = {
		.frameInfo = { .blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent },
		.autoFlush = 1,
	};
	if (level != CODEC_LEVEL_DEFAULT && level != LZ4_KAFKA_DEFAULT_LEVEL)
		preferences.compressionLevel = max_of(level, LZ4_HC_LEVEL_MIN);
	return preferences;
}

size_t codec_bound(enum codec codec, size_t n)
{
	LZ4F_preferences_t lz4;
	size_t block;

	switch (codec) {
	case CODEC_NONE:
		return n;
	case CODEC_GZIP:
		return compressBound(n) + GZIP_WRAPPER_BYTES;
	case CODEC_SNAPPY:
		block = XERIAL_LENGTH_BYTES + snappy_max_compressed_length(XERIAL_BLOCK_BYTES);
		return XERIAL_HEADER_BYTES + (n / XERIAL_BLOCK_BYTES + 1) * block;
	case CODEC_LZ4:
		lz4 = lz4_preferences(CODEC_LEVEL_DEFAULT);
		return LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(n, &lz4);
	case CODEC_ZSTD:
		return ZSTD_compressBound(n);
	case CODEC_COUNT:
		break;
	}
	must_not_reach("a codec that is none");
}

static int64_t gzip_compress(struct codecs *c, int level, struct slice in, uint8_t *out, size_t room)
{
	if (level == CODEC_LEVEL_DEFAULT)
		level = Z_DEFAULT_COMPRESSION;
	if (c->gzip_ready && c->gzip_level != level) {
		deflateEnd(&c->gzip);
		c->gzip_ready = false;
	}
	if (c->gzip_ready) {
		deflateReset(&c->gzip);
	} else {
		memset(&c->gzip, 0, sizeof c->gzip);
		if (deflateInit2(&c->gzip, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
			    Z_DEFAULT_STRATEGY) != Z_OK)
			return -ENOMEM;
		c->gzip_ready = true;
		c->gzip_level = level;
	}
	c->gzip.next_in = (Bytef *)(uintptr_t)in.p;
	c->gzip.avail_in = in.n;
	c->gzip.next_out = out;
	c->gzip.avail_out = (uInt)min_of(room, (size_t)UINT32_MAX);
	must(deflate(&c->gzip, Z_FINISH) == Z_STREAM_END);
	return c->gzip.next_out - out;
}

static int64_t snappy_compress_framed(struct slice in, uint8_t *out, size_t room)
{
	size_t at = XERIAL_HEADER_BYTES;

	must(room >= codec_bound(CODEC_SNAPPY, in.n));
	memcpy(out, xerial_header, XERIAL_HEADER_BYTES);
	for (uint32_t done = 0; done < in.n;) {
		uint32_t piece = min_of(in.n - done, (uint32_t)XERIAL_BLOCK_BYTES);
		size_t n = room - at - XERIAL_LENGTH_BYTES;
		must(snappy_compress((const char *)in.p + done, piece, (char *)out + at + XERIAL_LENGTH_BYTES,
			     &n) == SNAPPY_OK);
		put_be32(out + at, (uint32_t)n);
		at += XERIAL_LENGTH_BYTES + n;
		done += piece;
	}
	return (int64_t)at;
}

/* By the steps of the frame API, not LZ4F_compressFrame(): that one takes 16 KiB of stack, more than a
 * fiber has to spare. */
static int64_t lz4_compress(struct codecs *c, int level, struct slice in, uint8_t *out, size_t room)
{
	LZ4F_preferences_t preferences = lz4_preferences(level);
	LZ4F_cctx *lz4 = codecs_lz4(c);
	size_t at, n;

	if (!lz4)
		return -ENOMEM;
	at = LZ4F_compressBegin(lz4, out, room, &preferences);
	if (LZ4F_isError(at))
		return -ENOMEM; /* its only other error is a room too small, which codec_bound() excludes */
	n = LZ4F_compressUpdate(lz4, out + at, room - at, in.p, in.n, NULL);
	must(!LZ4F_isError(n));
	at += n;
	n = LZ4F_compressEnd(lz4, out + at, room - at, NULL);
	must(!LZ4F_isError(n));
	return (int64_t)(at + n);
}

static int64_t zstd_compress(struct codecs *c, int level, struct slice in, uint8_t *out, size_t room)
{
	size_t n;

	if (!c->zstd && !(c->zstd = ZSTD_createCCtx()))
		return -ENOMEM;
	if (level == CODEC_LEVEL_DEFAULT)
		level = ZSTD_CLEVEL_DEFAULT;
	ZSTD_CCtx_reset(c->zstd, ZSTD_reset_session_and_parameters);
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level)));
	/* A frame that tells its size makes some decoders ask for a window of that size. */
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_contentSizeFlag, 0)));
	n = ZSTD_compress2(c->zstd, out, room, in.p, in.n);
	return ZSTD_isError(n) ? -ENOMEM : (int64_t)n;
}

int64_t codec_compress(struct codecs *c, enum codec codec, int level, struct slice in, uint8_t *out,
	size_t room)
{
	CHECK_OBJ_NOTNULL(c, CODECS_MAGIC);
	must(in.p != NULL && room >= codec_bound(codec, in.n));
	switch (codec) {
	case CODEC_NONE:
		memcpy(out, in.p, in.n);
		return in.n;
	case CODEC_GZIP:
		return gzip_compress(c, level, in, out, room);
	case CODEC_SNAPPY:
		return snappy_compress_framed(in, out, room);
	case CODEC_LZ4:
		return lz4_compress(c, level, in, out, room);
	case CODEC_ZSTD:
		return zstd_compress(c, level, in, out, room);
	case CODEC_COUNT:
		break;
	}
	must_not_reach("a codec that is none");
}
