/* filter.h - what compaction keeps of one batch, byte for byte as Kafka's MemoryRecords.filterTo of 3.9.
 *
 * A batch all of whose records are kept stays as it is. One that loses records is written anew in its own
 * codec and keeps base offset, last offset, producer, sequence and epochs; one that loses all goes, or stays
 * as a header alone, where it is the last that is known of a producer. The first time that a batch of magic 2
 * is seen to hold a tombstone (or the marker of a transaction without data) it is told when that may go:
 * its delete horizon stands where the base timestamp was (KIP-534).
 *
 * Pure: no file, no clock. Which records stay is the caller's to say.
 */
#ifndef SAMSA_STORAGE_FILTER_H
#define SAMSA_STORAGE_FILTER_H

#include "broker/protocol/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a batch before its records are looked at (RecordFilter.BatchRetention). */
enum filter_verdict {
	FILTER_DELETE,       /* goes, whatever it holds */
	FILTER_RETAIN_EMPTY, /* stays, if need be without a record */
	FILTER_DELETE_EMPTY, /* stays if a record of it does */
};

struct filter_rules {
	struct codecs *codecs;
	size_t inflated_max;          /* most bytes that a batch may decompress to */
	int64_t now_ms;
	int64_t delete_retention_ms;
	bool (*keeps)(void *arg, const struct batch *b, const struct record *r);
	void *arg;
};

/* What is left of a batch. Zeroed before first use; the bytes live until the next call or filter_free(). */
struct filtered {
	struct slice bytes;           /* no bytes: it goes */
	bool whole;                   /* the bytes are the batch's own */
	uint32_t read, kept;          /* records */
	/* private */
	struct buf *buf;
	uint8_t empty[BATCH_HEADER_BYTES];
	uint8_t *keep;                /* a bit for each record */
	size_t keep_bytes;
};

/* `empty_txn_marker`: it is the marker of a transaction whose data is gone. 0; -EBADMSG: the batch is damaged
 * (`why`); -EFBIG: the batch that it would become is too large; -ENOMEM. */
int filter_batch(const struct filter_rules *rules, const struct batch *b, enum filter_verdict verdict,
	bool empty_txn_marker, struct filtered *out, const char **why);
void filter_free(struct filtered *f);

#endif
