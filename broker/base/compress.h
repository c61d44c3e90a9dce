/* compress.h - the four codecs of Kafka's records, each by its own library, with an output cap.
 *
 * A struct codecs belongs to one core (or to one test or tool) and keeps contexts and windows for the next
 * use; several streams may be open on it at one time. What is read and what is refused is what Kafka 3.9
 * reads and refuses (KafkaLZ4BlockInputStream's successor Lz4BlockInputStream, GZIPInputStream, xerial's
 * SnappyInputStream, zstd-jni):
 *
 *	codec	several streams in a row	bytes after the stream	no bytes at all
 *	gzip	read as one			ignored			damaged
 *	snappy	read as one (framed)		damaged (framed)	damaged
 *	lz4	only the first is read		ignored			damaged
 *	zstd	read as one			damaged			an empty stream
 *
 * Bytes are handed out up to the damage, then the damage is told.
 */
#ifndef SAMSA_BASE_COMPRESS_H
#define SAMSA_BASE_COMPRESS_H

#include "broker/base/slice.h"

#include <stddef.h>
#include <stdint.h>

/* The numbers are those of the attribute bits of a batch. */
enum codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

enum {
	COMPRESS_ZSTD_WINDOW_LOG_MAX = 27,	/* as zstd's own decoder: 128 MiB */
	COMPRESS_WINDOW_BYTES = 64 * 1024,	/* a window's first size */
	COMPRESS_WINDOW_KEEP_BYTES = 1 << 20,	/* a larger window is not kept for the next stream */
	COMPRESS_SPARE_STREAMS = 2,		/* of each codec, kept for the next use */

	CODEC_LEVEL_DEFAULT = INT32_MIN,	/* Kafka's default: gzip -1, lz4 9, zstd 3 */
};

/* "none", "gzip", "snappy", "lz4", "zstd"; "unknown" for another number. */
const char *codec_name(unsigned codec);

struct codecs;

struct codecs *codecs_new(void);
void codecs_free(struct codecs **c);

/* The most bytes that codec_compress() writes for `n` bytes. */
size_t codec_bound(enum codec codec, size_t n);
/* Compresses in one go as a Kafka producer would (snappy in xerial's framing, lz4 in independent blocks of
 * 64 KiB). `level` has the range of compression.<codec>.level; snappy has none. Bytes written, or -ENOMEM. */
int64_t codec_compress(struct codecs *c, enum codec codec, int level, struct slice in, uint8_t *out,
	size_t room);

struct decompress;

/* Opens a stream over `in`, which stays the caller's and must outlive the stream. `magic` is that of the
 * batch: lz4 in a message of magic 0 may carry the header checksum of old clients. At most `cap` bytes
 * come out; past them the stream ends with -EFBIG. Never NULL: what cannot be opened tells so in
 * decompress_error(). */
struct decompress *decompress_open(struct codecs *c, enum codec codec, int magic, struct slice in,
	size_t cap);
/* Puts at least `need` of the next bytes in one piece at *p, and says how many are there: fewer only when
 * the stream ends or fails before. Valid until the next call. Memory grows with the bytes that come, not
 * with `need`. */
size_t decompress_peek(struct decompress *d, size_t need, const uint8_t **p);
/* Steps over `n` bytes that decompress_peek() showed. */
void decompress_skip(struct decompress *d, size_t n);
/* 0; -EBADMSG damaged, -EFBIG over the cap, -ENOMEM. Told once the bytes before are read or not. */
int decompress_error(const struct decompress *d);
void decompress_close(struct decompress **d);

#endif
