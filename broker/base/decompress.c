/* decompress.c - the reading side of the codecs: a window that is filled as it is looked at.
 *
 *	window	|  spent  |  unread  |  room  |
 *		0         at         end      size
 *
 * Each codec brings open() and pull(); pull() takes some of the input and puts what comes out into the room.
 * It must get on at every call: take input, give output, end or fail.
 */
#include "broker/base/compress_priv.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"

#include <errno.h>
#include <snappy-c.h>
#include <zstd_errors.h>

enum {
	CONTEXT_KEEP_BYTES = 4 << 20,	/* a zstd context with a larger window is not kept */

	GZIP_WINDOW_BITS = 15 + 16,	/* largest window, gzip's wrapper and no other */
	GZIP_MEMBER_BYTES_MIN = 18,	/* header and trailer */

	XERIAL_HEADER_BYTES = 16,
	XERIAL_MAGIC_BYTES = 8,
	XERIAL_LENGTH_BYTES = 4,
	XERIAL_MAGIC_HEAD = (int)0x82534e41, /* read as a length it says: another stream begins */
	SNAPPY_EXPANSION_MAX = 22,	/* a copy of 64 bytes takes 3 */

	LZ4_FLAGS_AT = 4,
	LZ4_BLOCK_SIZE_AT = 5,
	LZ4_CONTENT_SIZE_AT = 6,
	LZ4_HEADER_BYTES_MIN = 7,
	LZ4_FLAG_DICTIONARY = 0x01,
	LZ4_FLAG_RESERVED = 0x02,
	LZ4_FLAG_CONTENT_CHECKSUM = 0x04,
	LZ4_FLAG_CONTENT_SIZE = 0x08,
	LZ4_FLAG_BLOCK_CHECKSUM = 0x10,
	LZ4_FLAG_INDEPENDENT = 0x20,
};

struct decompress {
	unsigned magic;
#define DECOMPRESS_MAGIC 0xdec04e55u
	struct codecs *owner;
	enum codec codec;
	struct slice in;	/* what is not yet taken */
	uint8_t *window;
	size_t at, end, size;
	size_t total, cap;	/* bytes that came out, and how many may */
	int error;
	bool ended;
	bool framed;		/* snappy: in xerial's blocks */
	bool inflate_ready;
	z_stream gzip;
	LZ4F_dctx *lz4;
	ZSTD_DCtx *zstd;
};

static void fail(struct decompress *d, int error)
{
	d->error = error;
}

static void take(struct decompress *d, size_t n)
{
	must(n <= d->in.n);
	d->in.p += n;
	d->in.n -= (uint32_t)n;
}

/* ---- The window ---------------------------------------------------------------------------------------- */

/* Room for at least `want` more bytes, at d->window + d->end. How much there is, never past one byte over
 * the cap (that one tells the cap was passed); 0 without memory. */
static size_t make_room(struct decompress *d, size_t want)
{
	size_t allowed = d->cap - d->total + 1;

	if (d->at == d->end)
		d->at = d->end = 0;
	if (d->at > 0 && d->size - d->end < want) {
		memmove(d->window, d->window + d->at, d->end - d->at);
		d->end -= d->at;
		d->at = 0;
	}
	if (d->size - d->end < want) {
		size_t size = max_of(d->size, (size_t)COMPRESS_WINDOW_BYTES);
		while (size - d->end < want)
			size *= 2;
		size = max_of(min_of(size, d->cap + 1), d->end + want);
		uint8_t *window = mem_try(size);
		if (!window) {
			fail(d, -ENOMEM);
			return 0;
		}
		if (d->end > 0)
			memcpy(window, d->window, d->end);
		free(d->window);
		d->window = window;
		d->size = size;
	}
	return min_of(d->size - d->end, allowed);
}

/* `n` bytes have been put into the room. */
static void came_out(struct decompress *d, size_t n)
{
	must(n <= d->size - d->end);
	d->end += n;
	d->total += n;
	if (d->total > d->cap) {
		d->end -= d->total - d->cap;
		d->total = d->cap;
		fail(d, -EFBIG);
	}
}

/* ---- gzip ---------------------------------------------------------------------------------------------- */

static void gzip_open(struct decompress *d)
{
	int rc = d->inflate_ready ? inflateReset(&d->gzip) : inflateInit2(&d->gzip, GZIP_WINDOW_BITS);

	if (rc != Z_OK)
		fail(d, -ENOMEM);
	else
		d->inflate_ready = true;
}

/* Java looks for another member, and takes what does not look like one for padding. */
static bool gzip_member_follows(struct slice in)
{
	return in.n >= GZIP_MEMBER_BYTES_MIN && in.p[0] == 0x1f && in.p[1] == 0x8b && in.p[2] == Z_DEFLATED;
}

static void gzip_pull(struct decompress *d)
{
	size_t room = make_room(d, 1);

	if (room == 0)
		return;
	d->gzip.next_in = (Bytef *)(uintptr_t)d->in.p;
	d->gzip.avail_in = d->in.n;
	d->gzip.next_out = d->window + d->end;
	d->gzip.avail_out = (uInt)min_of(room, (size_t)INT32_MAX);
	int rc = inflate(&d->gzip, Z_NO_FLUSH);
	take(d, d->in.n - d->gzip.avail_in);
	came_out(d, (size_t)(d->gzip.next_out - (d->window + d->end)));
	if (rc == Z_STREAM_END && gzip_member_follows(d->in))
		inflateReset(&d->gzip);
	else if (rc == Z_STREAM_END)
		d->ended = true;
	else if (rc != Z_OK && !d->error) /* Z_BUF_ERROR: there is room, so the input has ended too early */
		fail(d, rc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG);
}

/* ---- snappy -------------------------------------------------------------------------------------------- */

static bool snappy_header_is_xerial(struct slice in)
{
	static const uint8_t xerial_magic[XERIAL_MAGIC_BYTES] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

	return in.n >= XERIAL_HEADER_BYTES && memcmp(in.p, xerial_magic, XERIAL_MAGIC_BYTES) == 0;
}

static void snappy_open(struct decompress *d)
{
	d->framed = snappy_header_is_xerial(d->in);
	if (d->framed)
		take(d, XERIAL_HEADER_BYTES); /* any version */
	else if (d->in.n == 0)
		fail(d, -EBADMSG);
}

static void snappy_block(struct decompress *d, uint32_t n)
{
	size_t inflated;

	if (snappy_uncompressed_length((const char *)d->in.p, n, &inflated) != SNAPPY_OK ||
		inflated / SNAPPY_EXPANSION_MAX > n)
		return fail(d, -EBADMSG);
	if (inflated > d->cap - d->total)
		return fail(d, -EFBIG);
	if (inflated > 0 && make_room(d, inflated) == 0)
		return;
	char none, *out = inflated > 0 ? (char *)d->window + d->end : &none;
	if (snappy_uncompress((const char *)d->in.p, n, out, &inflated) != SNAPPY_OK)
		return fail(d, -EBADMSG);
	take(d, n);
	came_out(d, inflated);
}

static void snappy_pull(struct decompress *d)
{
	if (!d->framed) {
		snappy_block(d, d->in.n);
		d->ended = !d->error;
		return;
	}
	if (d->in.n < XERIAL_LENGTH_BYTES) { /* xerial reads these as the end, too */
		d->ended = true;
		return;
	}
	uint32_t length = get_be32(d->in.p);
	if (length == (uint32_t)XERIAL_MAGIC_HEAD) {
		if (!snappy_header_is_xerial(d->in))
			return fail(d, -EBADMSG);
		return take(d, XERIAL_HEADER_BYTES);
	}
	take(d, XERIAL_LENGTH_BYTES);
	if (length > d->in.n)
		return fail(d, -EBADMSG);
	snappy_block(d, length);
}

/* ---- lz4 ----------------------------------------------------------------------------------------------- */

/* Old clients made the header checksum of a message of magic 0 over the wrong bytes, and Kafka never looks
 * at it there. The library does look, so it is given the header that should have been. */
static void lz4_replace_header(struct decompress *d)
{
	uint8_t flags = d->in.p[LZ4_FLAGS_AT], header[LZ4F_HEADER_SIZE_MAX];
	bool sized = flags & LZ4_FLAG_CONTENT_SIZE;
	LZ4F_preferences_t preferences = {
		.frameInfo = {
			.blockSizeID = (LZ4F_blockSizeID_t)(d->in.p[LZ4_BLOCK_SIZE_AT] >> 4 & 7),
			.blockMode = LZ4F_blockIndependent,
			.contentChecksumFlag = (flags & LZ4_FLAG_CONTENT_CHECKSUM) != 0,
			.blockChecksumFlag = (flags & LZ4_FLAG_BLOCK_CHECKSUM) != 0,
		},
	};

	if (d->in.n < LZ4_HEADER_BYTES_MIN + (sized ? sizeof(uint64_t) : 0))
		return fail(d, -EBADMSG);
	if (sized)
		memcpy(&preferences.frameInfo.contentSize, d->in.p + LZ4_CONTENT_SIZE_AT, sizeof(uint64_t));
	if (preferences.frameInfo.blockSizeID < LZ4F_max64KB)
		return fail(d, -EBADMSG);
	LZ4F_cctx *writer = codecs_lz4(d->owner);
	if (!writer)
		return fail(d, -ENOMEM);
	size_t n = LZ4F_compressBegin(writer, header, sizeof header, &preferences), none = 0;
	if (LZ4F_isError(n) || n > d->in.n)
		return fail(d, -EBADMSG);
	take(d, n);
	if (LZ4F_isError(LZ4F_decompress(d->lz4, NULL, &none, header, &n, NULL)))
		fail(d, -EBADMSG);
}

static void lz4_open(struct decompress *d, int magic)
{
	static const uint8_t frame_magic[4] = { 0x04, 0x22, 0x4d, 0x18 };

	if (!d->lz4 && LZ4F_isError(LZ4F_createDecompressionContext(&d->lz4, LZ4F_VERSION)))
		return fail(d, -ENOMEM);
	LZ4F_resetDecompressionContext(d->lz4);
	/* Java's reader knows neither skippable frames nor dictionaries nor linked blocks: its consumers
	 * could not read them. */
	if (d->in.n < LZ4_HEADER_BYTES_MIN || memcmp(d->in.p, frame_magic, sizeof frame_magic) != 0)
		return fail(d, -EBADMSG);
	uint8_t flags = d->in.p[LZ4_FLAGS_AT];
	if (!(flags & LZ4_FLAG_INDEPENDENT) || flags & (LZ4_FLAG_DICTIONARY | LZ4_FLAG_RESERVED))
		return fail(d, -EBADMSG);
	if (magic == 0)
		lz4_replace_header(d);
}

static void lz4_pull(struct decompress *d)
{
	size_t out = make_room(d, 1), in = d->in.n;

	if (out == 0)
		return;
	size_t rc = LZ4F_decompress(d->lz4, d->window + d->end, &out, d->in.p, &in, NULL);
	if (LZ4F_isError(rc))
		return fail(d, -EBADMSG);
	take(d, in);
	came_out(d, out);
	if (d->error)
		return;
	if (rc == 0)
		d->ended = true; /* what follows is ignored */
	else if (in == 0 && out == 0)
		fail(d, -EBADMSG);
}

/* ---- zstd ---------------------------------------------------------------------------------------------- */

static void zstd_open(struct decompress *d)
{
	if (!d->zstd) {
		d->zstd = ZSTD_createDCtx();
		if (!d->zstd)
			return fail(d, -ENOMEM);
		must(!ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
			COMPRESS_ZSTD_WINDOW_LOG_MAX)));
	}
	ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only);
	d->ended = d->in.n == 0; /* zstd-jni finds nothing wrong with no frame at all */
}

static void zstd_pull(struct decompress *d)
{
	size_t room = make_room(d, 1);

	if (room == 0)
		return;
	ZSTD_outBuffer out = { d->window + d->end, room, 0 };
	ZSTD_inBuffer in = { d->in.p, d->in.n, 0 };
	size_t rc = ZSTD_decompressStream(d->zstd, &out, &in);
	if (ZSTD_isError(rc))
		return fail(d, ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG);
	take(d, in.pos);
	came_out(d, out.pos);
	if (d->error)
		return;
	if (rc == 0 && d->in.n == 0)
		d->ended = true;
	else if (in.pos == 0 && out.pos == 0)
		fail(d, -EBADMSG);
}

/* ---- The stream ---------------------------------------------------------------------------------------- */

static void none_pull(struct decompress *d)
{
	size_t room = make_room(d, 1), n = min_of(room, (size_t)d->in.n);

	if (n > 0) {
		memcpy(d->window + d->end, d->in.p, n);
		take(d, n);
		came_out(d, n);
	}
	if (d->in.n == 0)
		d->ended = true;
}

static void open_codec(struct decompress *d, int magic)
{
	switch (d->codec) {
	case CODEC_NONE:
		return;
	case CODEC_GZIP:
		return gzip_open(d);
	case CODEC_SNAPPY:
		return snappy_open(d);
	case CODEC_LZ4:
		return lz4_open(d, magic);
	case CODEC_ZSTD:
		return zstd_open(d);
	case CODEC_COUNT:
		break;
	}
	must_not_reach("a codec that is none");
}

static void pull(struct decompress *d)
{
	static void (*const pulls[CODEC_COUNT])(struct decompress *) = {
		none_pull, gzip_pull, snappy_pull, lz4_pull, zstd_pull,
	};
	pulls[d->codec](d);
}

struct decompress *decompress_open(struct codecs *c, enum codec codec, int magic, struct slice in, size_t cap)
{
	struct decompress *d = NULL;

	CHECK_OBJ_NOTNULL(c, CODECS_MAGIC);
	must(codec < CODEC_COUNT && cap < SIZE_MAX / 4);
	for (int i = 0; i < COMPRESS_SPARE_STREAMS && !d; i++) {
		d = c->spare[codec][i];
		c->spare[codec][i] = NULL;
	}
	if (!d) {
		ALLOC_OBJ(d, DECOMPRESS_MAGIC);
		d->owner = c;
		d->codec = codec;
	}
	CHECK_OBJ_NOTNULL(d, DECOMPRESS_MAGIC);
	d->in = in;
	d->at = d->end = d->total = 0;
	d->cap = cap;
	d->error = 0;
	d->ended = false;
	open_codec(d, magic);
	return d;
}

size_t decompress_peek(struct decompress *d, size_t need, const uint8_t **p)
{
	CHECK_OBJ_NOTNULL(d, DECOMPRESS_MAGIC);
	while (d->end - d->at < need && !d->ended && !d->error)
		pull(d);
	*p = d->window ? d->window + d->at : (const uint8_t *)"";
	return d->end - d->at;
}

void decompress_skip(struct decompress *d, size_t n)
{
	CHECK_OBJ_NOTNULL(d, DECOMPRESS_MAGIC);
	must(n <= d->end - d->at);
	d->at += n;
}

int decompress_error(const struct decompress *d)
{
	CHECK_OBJ_NOTNULL(d, DECOMPRESS_MAGIC);
	return d->error;
}

void decompress_destroy(struct decompress *d)
{
	CHECK_OBJ_NOTNULL(d, DECOMPRESS_MAGIC);
	if (d->inflate_ready)
		inflateEnd(&d->gzip);
	LZ4F_freeDecompressionContext(d->lz4);
	ZSTD_freeDCtx(d->zstd);
	free(d->window);
	FREE_OBJ(d);
}

/* Gives back what a large stream made grow, and what may not be used again. */
static void clean_up(struct decompress *d)
{
	/* LZ4F_resetDecompressionContext() of liblz4 1.9.4 keeps how many bytes a stream with a content size
	 * still lacked, and then takes the next stream for one that is cut. */
	if (d->lz4 && !d->ended) {
		LZ4F_freeDecompressionContext(d->lz4);
		d->lz4 = NULL;
	}
	if (d->size > COMPRESS_WINDOW_KEEP_BYTES) {
		free(d->window);
		d->window = NULL;
		d->size = 0;
	}
	if (d->zstd && ZSTD_sizeof_DCtx(d->zstd) > CONTEXT_KEEP_BYTES) {
		ZSTD_freeDCtx(d->zstd);
		d->zstd = NULL;
	}
}

void decompress_close(struct decompress **dp)
{
	struct decompress *d;

	TAKE_OBJ_NOTNULL(d, dp, DECOMPRESS_MAGIC);
	clean_up(d);
	for (int i = 0; i < COMPRESS_SPARE_STREAMS; i++)
		if (!d->owner->spare[d->codec][i]) {
			d->owner->spare[d->codec][i] = d;
			return;
		}
	decompress_destroy(d);
}
