/* recover.h - the scan of one segment after a stop that was not clean (within the storage room).
 *
 * Reads batches from the start, checks them, rebuilds the three indexes, the epochs and the producer
 * state, and cuts the file where the first batch is not whole. Blocks.
 */
#ifndef SAMSA_STORAGE_RECOVER_H
#define SAMSA_STORAGE_RECOVER_H

#include "broker/storage/log_priv.h"

struct recovery {
	struct log_open *op;
	struct log *log;
	struct producers *producers; /* up to the segment's base */
	bool verify;                 /* CRCs too */
	bool alone;                  /* only its indexes were bad: the segments behind it stand */
	int64_t last_offset;         /* of the last good batch so far; -1 none */
	uint64_t bytes_all;          /* to scan, for the progress */
	bool cut;                    /* the segment was cut */
	int64_t split_at;            /* it was split: the next in the row was a part of it; -1 */
};

/* 0 or negative errno of the disk; r->cut tells whether what follows cannot count. */
int recover_segment(struct recovery *r, struct segment *s);

/* The offset after the last batch; -EBADMSG when index or file are not as a clean end leaves them. */
int recover_read_end(struct segment *s, const char *dir, int64_t *end);

/* sweep.c: what was half done in the directory when the broker stopped. Then the segments that are there. */
struct sweep {
	int64_t *bases;   /* of .log files, rising; free() */
	uint32_t n;
	uint32_t removed;
};
int sweep_dir(const char *dir, struct sweep *out);

#endif
