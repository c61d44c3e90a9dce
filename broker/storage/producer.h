/* producer.h - what a log knows of its producers: sequences, epochs, open transactions.
 *
 * Belongs to its log's home core; recovery and truncation build a fresh one on the thread that reads the
 * log. Facts: ProducerStateManager, ProducerAppendInfo, ProducerStateEntry of 3.9; KIP-98, KIP-360.
 *
 * Snapshot file, big-endian:
 *
 *	 0	2	version: 1
 *	 2	4	CRC-32C of all from offset 6 on
 *	 6	4	count of entries, then each (46 bytes):
 *	 0	8	producer id
 *	 8	2	producer epoch
 *	10	4	last sequence, -1 none
 *	14	8	last offset, -1 none
 *	22	4	offset delta: last offset - first offset of the last batch
 *	26	8	timestamp
 *	34	4	coordinator epoch, -1 none
 *	38	8	first offset of the open transaction, -1 none
 */
#ifndef SAMSA_STORAGE_PRODUCER_H
#define SAMSA_STORAGE_PRODUCER_H

#include "broker/base/kerr.h"
#include "broker/base/list.h"
#include "broker/protocol/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PRODUCER_BATCHES = 5, /* kept of each: an idempotent client has no more in flight */
	SNAPSHOT_HEADER_BYTES = 10,
	SNAPSHOT_ENTRY_BYTES = 46,
	SNAPSHOT_BYTES_MAX = 1 << 30,
};

struct producer;
struct producer_txn;

struct producers {
	unsigned magic;
#define PRODUCERS_MAGIC 0x5052444cU
	struct producer *table; /* uthash by producer id, keyed */
	uint32_t count;
	uint64_t seed[2];
	/* Transactions by first offset: open ones, and ended ones whose marker is not below the high
	 * watermark. */
	struct list txns;
	int64_t end;            /* the log up to here is known */
};

struct producers *producers_new(void);
void producers_free(struct producers **ps);

/* Who appends decides what is checked. */
enum producer_check {
	PRODUCER_CHECK_ALL,   /* epoch and sequence: a client */
	PRODUCER_CHECK_EPOCH, /* a coordinator: its batches carry no sequence of their own */
	PRODUCER_CHECK_NONE,  /* replication and recovery: it was accepted by a leader */
};

/* A batch that was appended before. */
struct producer_duplicate {
	bool found;
	int64_t base_offset, last_offset;
	int64_t timestamp;
};

/* The end of a transaction that a control batch holds. */
struct producer_marker {
	enum control_type type;
	int32_t coordinator_epoch;
	int64_t timestamp;
};

/* What the marker ended; for the transaction index when it was aborted. */
struct producer_ended {
	bool any;
	bool aborted;
	int64_t producer_id;
	int64_t first_offset, last_offset; /* last: of the marker */
	int64_t last_stable_offset;        /* after it */
};

/* Whether a control batch ends a transaction. Needs the whole batch. */
bool producer_marker_of(const struct batch *b, struct producer_marker *marker);

/* May this batch be appended? `marker` is NULL for data. OUT_OF_ORDER_SEQUENCE_NUMBER,
 * INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED. The batch has a producer id;
 * its offsets are not looked at. */
enum kerr producers_check(const struct producers *ps, const struct batch *b,
	const struct producer_marker *marker, enum producer_check how, struct producer_duplicate *duplicate);
/* The batch is in the log, with the offsets and timestamps that stand in it. */
void producers_append(struct producers *ps, const struct batch *b, const struct producer_marker *marker,
	struct producer_ended *ended);

/* A snapshot keeps only the last batch of each producer: those before it come back from `seen`, which was
 * told of the end of the log alone. */
void producers_recall(struct producers *ps, const struct producers *seen);

/* The high watermark or the log start moved: forgets ended transactions whose marker is below it. */
void producers_settle(struct producers *ps, int64_t below);
int64_t producers_first_unstable(const struct producers *ps); /* INT64_MAX when there is none */
bool producers_txn_open(const struct producers *ps, int64_t producer_id);
/* Forgets who was quiet for `expiration_ms` and has no open transaction; returns how many. */
uint32_t producers_expire(struct producers *ps, int64_t now_ms, int64_t expiration_ms);

/* The bytes of a snapshot, to be freed. */
uint8_t *producers_snapshot(const struct producers *ps, size_t *n);
/* Takes what a snapshot says over what is known. -EBADMSG: it is damaged; nothing was taken. Expired
 * producers are left out. */
int producers_restore(struct producers *ps, const uint8_t *bytes, size_t n, int64_t now_ms,
	int64_t expiration_ms);

/* How a producer stands. */
struct producer_view {
	int16_t epoch;
	int32_t coordinator_epoch;
	int32_t last_sequence;
	int64_t last_offset, last_timestamp, txn_first_offset;
	uint32_t batches;
};
void producers_each(const struct producers *ps,
		    void (*each)(void *arg, int64_t id, const struct producer_view *view), void *arg);
/* For tests and tools. False when nothing is known of producer `id`. */
bool producers_find(const struct producers *ps, int64_t id, struct producer_view *view);

#endif
