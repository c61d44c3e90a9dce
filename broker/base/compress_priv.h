/* compress_priv.h - what compress.c (contexts, writing) and decompress.c (reading) share. */
#ifndef SAMSA_BASE_COMPRESS_PRIV_H
#define SAMSA_BASE_COMPRESS_PRIV_H

#include "broker/base/compress.h"

#include <lz4frame.h>
#include <stdbool.h>
#include <zlib.h>
#include <zstd.h>

struct codecs {
	unsigned magic;
#define CODECS_MAGIC 0xc0dec5a1u
	/* For writing; each is made at its first use. */
	z_stream gzip;
	int gzip_level;
	bool gzip_ready;
	LZ4F_cctx *lz4;
	ZSTD_CCtx *zstd;
	/* For reading: streams that are closed and wait for the next use. */
	struct decompress *spare[CODEC_COUNT][COMPRESS_SPARE_STREAMS];
};

/* The context that writes lz4 frames, made when it is not there; NULL without memory. */
LZ4F_cctx *codecs_lz4(struct codecs *c);
/* Frees a stream that is not in the pool (decompress.c). */
void decompress_destroy(struct decompress *d);

#endif
