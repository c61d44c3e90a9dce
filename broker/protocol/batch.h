/* batch.h - record batches: the same bytes on the wire and on disk. Read, checked, stamped and built.
 *
 * Magic 2, a batch of records (all integers big-endian):
 *
 *	offset	size	field
 *	 0	8	base offset			written by the leader; outside the CRC
 *	 8	4	length: bytes after this field
 *	12	4	partition leader epoch		written by the leader; outside the CRC
 *	16	1	magic: 2
 *	17	4	CRC-32C of everything from 21 on
 *	21	2	attributes: enum batch_attribute; only the low byte means something
 *	23	4	last offset delta
 *	27	8	base timestamp (ms), or the delete horizon with BATCH_DELETE_HORIZON
 *	35	8	max timestamp (ms)
 *	43	8	producer id, -1 none
 *	51	2	producer epoch, -1 none
 *	53	4	base sequence, -1 none
 *	57	4	count of records; 0 when compaction has emptied it
 *	61	..	records, as one compressed stream if there is a codec
 *
 * A record: length varint; attributes int8; timestamp delta varlong; offset delta varint; key length varint
 * (-1 null), key; value length varint (-1 null), value; count of headers varint, each: key length varint,
 * key, value length varint (-1 null), value. Varints are zigzag.
 *
 * Magic 0 and 1, a message (each is a batch of its own here; a compressed one wraps a set of messages in its
 * value):
 *
 *	 0	8	offset: its own; of a wrapper that of its last message
 *	 8	4	size: bytes after this field
 *	12	4	CRC-32 of everything from 16 on
 *	16	1	magic
 *	17	1	attributes: codec, and for magic 1 BATCH_LOG_APPEND_TIME
 *	18	8	timestamp (magic 1 only)
 *	..	4	key size (-1 null), key; value size (-1 null), value
 *
 * Sources: Kafka 3.9 DefaultRecordBatch, DefaultRecord, LegacyRecord, AbstractLegacyRecordBatch,
 * LogValidator, UnifiedLog. Where Samsa is stricter than those: doc/records.md. Nothing here belongs to a
 * core; every object belongs to its caller.
 */
#ifndef SAMSA_PROTOCOL_BATCH_H
#define SAMSA_PROTOCOL_BATCH_H

#include "broker/base/arena.h"
#include "broker/base/buf.h"
#include "broker/base/bytes.h"
#include "broker/base/compress.h"
#include "broker/base/kerr.h"
#include "broker/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BATCH_BASE_OFFSET_AT = 0,
	BATCH_LENGTH_AT = 8,
	BATCH_LEADER_EPOCH_AT = 12,
	BATCH_MAGIC_AT = 16,
	BATCH_CRC_AT = 17,
	BATCH_ATTRIBUTES_AT = 21, /* the CRC begins here */
	BATCH_LAST_OFFSET_DELTA_AT = 23,
	BATCH_BASE_TIMESTAMP_AT = 27,
	BATCH_MAX_TIMESTAMP_AT = 35,
	BATCH_PRODUCER_ID_AT = 43,
	BATCH_PRODUCER_EPOCH_AT = 51,
	BATCH_BASE_SEQUENCE_AT = 53,
	BATCH_COUNT_AT = 57,
	BATCH_HEADER_BYTES = 61,

	BATCH_OVERHEAD_BYTES = 12,	/* offset and length, which the length does not count */
	BATCH_PEEK_BYTES = 17,		/* enough to know size and magic */
	BATCH_LENGTH_MIN = 14,		/* what a message of magic 0 without key and value has */

	MESSAGE_CRC_AT = 12,
	MESSAGE_CRC_FROM = 16,
	MESSAGE_ATTRIBUTES_AT = 17,
	MESSAGE_TIMESTAMP_AT = 18,	/* magic 1 */
	MESSAGE_V0_HEADER_BYTES = 18,	/* up to the key size */
	MESSAGE_V1_HEADER_BYTES = 26,
	MESSAGE_V0_BYTES_MIN = 26,
	MESSAGE_V1_BYTES_MIN = 34,

	BATCH_BAD_RECORDS_MAX = 1000,	/* how many bad records of one batch are named to the producer */
};

enum batch_attribute {
	BATCH_CODEC_MASK = 0x07,
	BATCH_LOG_APPEND_TIME = 0x08,
	BATCH_TRANSACTIONAL = 0x10,
	BATCH_CONTROL = 0x20,
	BATCH_DELETE_HORIZON = 0x40,
};

/* ---- A batch in memory, and walking from one to the next ----------------------------------------------- */

/* Borrowed bytes of one whole batch; only batch_next() makes one, so every field of its header is there. */
struct batch {
	const uint8_t *p;
	uint32_t n;
};

/* What the bytes at p begin with. KERR_NONE: *size is the size of the batch, which may be more than n, or
 * 0 when fewer than BATCH_PEEK_BYTES are there. Otherwise why it can be no batch: CORRUPT_MESSAGE, or
 * UNKNOWN_SERVER_ERROR for a length that overflows in Java; *why says it in words. */
enum kerr batch_frame(const uint8_t *p, size_t n, uint32_t *size, const char **why);

struct batch_walk {
	const uint8_t *p, *end;	/* p: the first byte that is not yet part of a whole batch */
	enum kerr error;	/* why the walk ended, KERR_NONE: nothing or an incomplete batch is left */
	const char *why;
};

void batch_walk_init(struct batch_walk *w, struct slice bytes);
/* The next whole batch. False at the end, at an incomplete batch, or at an error. */
bool batch_next(struct batch_walk *w, struct batch *b);

static inline int batch_magic(const struct batch *b)
{
	return (int8_t)b->p[BATCH_MAGIC_AT];
}

static inline bool batch_is_legacy(const struct batch *b)
{
	return batch_magic(b) < 2;
}

static inline unsigned batch_attributes(const struct batch *b)
{
	return batch_is_legacy(b) ? b->p[MESSAGE_ATTRIBUTES_AT] : b->p[BATCH_ATTRIBUTES_AT + 1];
}

/* enum codec, or 5 to 7 for a number that Kafka does not know. */
static inline unsigned batch_codec(const struct batch *b)
{
	return batch_attributes(b) & BATCH_CODEC_MASK;
}

static inline uint32_t batch_stored_crc(const struct batch *b)
{
	return get_be32(b->p + (batch_is_legacy(b) ? MESSAGE_CRC_AT : BATCH_CRC_AT));
}

uint32_t batch_computed_crc(const struct batch *b);

static inline bool batch_crc_is_good(const struct batch *b)
{
	return batch_stored_crc(b) == batch_computed_crc(b);
}

/* Of a wrapper of magic 0 or 1 this is the offset of its last message: its first is known only by
 * records_next(). */
static inline int64_t batch_base_offset(const struct batch *b)
{
	return (int64_t)get_be64(b->p + BATCH_BASE_OFFSET_AT);
}

static inline int32_t batch_last_offset_delta(const struct batch *b)
{
	return batch_is_legacy(b) ? 0 : (int32_t)get_be32(b->p + BATCH_LAST_OFFSET_DELTA_AT);
}

static inline int64_t batch_last_offset(const struct batch *b)
{
	return (int64_t)((uint64_t)batch_base_offset(b) + (uint64_t)(int64_t)batch_last_offset_delta(b));
}

static inline int32_t batch_leader_epoch(const struct batch *b)
{
	return batch_is_legacy(b) ? -1 : (int32_t)get_be32(b->p + BATCH_LEADER_EPOCH_AT);
}

/* -1 for magic 0, which has no timestamps. */
static inline int64_t batch_max_timestamp(const struct batch *b)
{
	if (batch_is_legacy(b))
		return batch_magic(b) == 0 ? -1 : (int64_t)get_be64(b->p + MESSAGE_TIMESTAMP_AT);
	return (int64_t)get_be64(b->p + BATCH_MAX_TIMESTAMP_AT);
}

/* Magic 2 only. */
static inline int64_t batch_base_timestamp(const struct batch *b)
{
	return (int64_t)get_be64(b->p + BATCH_BASE_TIMESTAMP_AT);
}

static inline bool batch_is_log_append_time(const struct batch *b)
{
	return batch_magic(b) > 0 && batch_attributes(b) & BATCH_LOG_APPEND_TIME;
}

static inline bool batch_is_transactional(const struct batch *b)
{
	return !batch_is_legacy(b) && batch_attributes(b) & BATCH_TRANSACTIONAL;
}

static inline bool batch_is_control(const struct batch *b)
{
	return !batch_is_legacy(b) && batch_attributes(b) & BATCH_CONTROL;
}

static inline bool batch_has_delete_horizon(const struct batch *b)
{
	return !batch_is_legacy(b) && batch_attributes(b) & BATCH_DELETE_HORIZON;
}

static inline int64_t batch_producer_id(const struct batch *b)
{
	return batch_is_legacy(b) ? -1 : (int64_t)get_be64(b->p + BATCH_PRODUCER_ID_AT);
}

static inline bool batch_has_producer_id(const struct batch *b)
{
	return batch_producer_id(b) >= 0;
}

static inline int16_t batch_producer_epoch(const struct batch *b)
{
	return batch_is_legacy(b) ? -1 : (int16_t)get_be16(b->p + BATCH_PRODUCER_EPOCH_AT);
}

static inline int32_t batch_base_sequence(const struct batch *b)
{
	return batch_is_legacy(b) ? -1 : (int32_t)get_be32(b->p + BATCH_BASE_SEQUENCE_AT);
}

/* Sequences run from 0 to INT32_MAX and then from 0 again. */
static inline int32_t batch_sequence_add(int32_t sequence, int32_t increment)
{
	return (int32_t)(((uint32_t)sequence + (uint32_t)increment) & INT32_MAX);
}

/* -1 without a sequence. */
static inline int32_t batch_last_sequence(const struct batch *b)
{
	int32_t base = batch_base_sequence(b);
	return base == -1 ? -1 : batch_sequence_add(base, batch_last_offset_delta(b));
}

/* Records in the batch; -1 for magic 0 and 1, which do not say. */
static inline int32_t batch_count(const struct batch *b)
{
	return batch_is_legacy(b) ? -1 : (int32_t)get_be32(b->p + BATCH_COUNT_AT);
}

/* ---- The records of a batch ---------------------------------------------------------------------------- */

struct record {
	int64_t offset;
	int64_t timestamp; /* -1 none */
	int32_t sequence;  /* -1 none */
	int32_t offset_delta;
	struct slice key, value; /* p == NULL: null */
	struct slice headers;    /* for record_header_next() */
	struct slice message;    /* of magic 0 and 1: the message whole */
	uint32_t header_count;
	uint8_t magic;
};

struct record_header {
	struct slice key, value;
};

/* The next of r->headers, which it shortens. False after the last. */
bool record_header_next(struct record *r, struct record_header *h);

/* Walks the records of one batch of any magic, in any codec. Slices live until the next call of
 * records_next(). */
struct records {
	unsigned magic;
#define RECORDS_MAGIC 0x7ec04d51u
	struct batch batch;
	int32_t left;			/* magic 2: records still to come */
	struct decompress *stream;	/* where a compressed batch comes from, else NULL */
	const uint8_t *p, *end;		/* what is left; with a stream of magic 2 the last record */
	int64_t inner_base;		/* magic 1 wrapper: add to an inner offset */
	bool done;
	/* INVALID_RECORD; CORRUPT_MESSAGE; UNKNOWN_SERVER_ERROR for a stream that cannot be decompressed;
	 * MESSAGE_TOO_LARGE for one over inflated_max */
	enum kerr error;
	const char *why;
};

/* At most `inflated_max` bytes are decompressed. The batch's bytes must outlive the walk; its CRC is not
 * looked at. */
void records_open(struct records *r, const struct batch *b, struct codecs *codecs, size_t inflated_max);
/* False at the end or at an error. */
bool records_next(struct records *r, struct record *out);
void records_close(struct records *r);

/* Control records: what a transaction's end says. False when key or value are not those of an end marker. */
enum control_type { CONTROL_ABORT = 0, CONTROL_COMMIT = 1 };
bool record_end_marker(const struct record *r, enum control_type *type, int32_t *coordinator_epoch);

/* ---- The leader's check of what a producer sent -------------------------------------------------------- */

enum { BATCH_CODEC_KEEP = -1 }; /* compression.type=producer */

struct batch_rules {
	int codec;			/* compression.type: enum codec, or BATCH_CODEC_KEEP */
	int level;			/* compression.<codec>.level, or CODEC_LEVEL_DEFAULT */
	bool log_append_time;		/* message.timestamp.type */
	bool compacted;			/* cleanup.policy has compact: every record needs a key */
	int64_t before_max_ms;		/* message.timestamp.before.max.ms */
	int64_t after_max_ms;		/* message.timestamp.after.max.ms */
	int32_t max_message_bytes;	/* max.message.bytes */
	size_t inflated_max;		/* most bytes that one batch may decompress to */
};

struct batch_bad_record {
	int32_t index;
	const char *why;
};

/* Faults that are counted apart, as LogValidator.MetricsRecorder of 3.9 tells them apart. */
enum batch_fault {
	BATCH_FAULT_NO_KEY,		/* of a record, in a compacted topic */
	BATCH_FAULT_MAGIC,		/* of a message: another than its set's or its wrapper's */
	BATCH_FAULT_CRC,
	BATCH_FAULT_OFFSET,		/* offsets or sequences; a client's control batch */
	BATCH_FAULTS,
};

struct batch_checked {
	struct batch batch;		/* the first, of magic 2 the only one; n == 0: nothing to append
					 * (only before v3) */
	struct slice set;		/* of a good check: all to append; of magic 0 and 1 maybe many */
	bool framed;			/* what the version allows is there; faults beyond are the log's */
	bool rebuild;			/* magic 0 or 1, or the topic wants another codec: batch_rebuild()
					 * before the append */
	enum codec codec;		/* that it is appended in */
	int32_t count;
	int64_t max_timestamp;		/* real maximum of the records; now for LogAppendTime */
	int32_t max_timestamp_delta;	/* the first record's that has it; the last's for LogAppendTime. Of
					 * magic 0 and 1 it means nothing */
	/* When refused: */
	const char *why;		/* in the arena or static; NULL: nothing to add to the code */
	struct batch_bad_record *bad;	/* in the arena, at most BATCH_BAD_RECORDS_MAX */
	uint32_t bad_count;
	uint32_t faults[BATCH_FAULTS];	/* how many of each; more than bad_count where not all are named */
};

/* What must be known before a produce request is taken apart (a request with a transactional batch needs its
 * transactional id authorized; one whose first batch cannot be framed is refused whole). */
enum kerr batch_first_flags(struct slice records, bool *transactional, bool *idempotent, const char **why);

/* Checks the records field of one partition of a Produce request of `version`, where the bytes arrived.
 * Allocates nothing when an uncompressed batch is good; texts and lists of what is bad come from `arena`. */
enum kerr batch_check(struct codecs *codecs, struct arena *arena, int version, struct slice records,
	const struct batch_rules *rules, int64_t now_ms, struct batch_checked *out);

/* The set again as one batch of magic 2, as LogValidator would write it; offsets from 0. The result has one
 * hold. MESSAGE_TOO_LARGE when it is now over max_message_bytes. Only for out->rebuild of a good
 * batch_check(). */
enum kerr batch_rebuild(struct codecs *codecs, const struct batch_checked *checked,
	const struct batch_rules *rules, int64_t now_ms, struct buf **out, const char **why);

/* What the leader writes into a checked batch before the append, on the partition's home core. */
struct batch_stamp {
	int64_t base_offset;
	int32_t leader_epoch;
	bool log_append_time;	/* of the topic */
	int64_t max_timestamp;	/* batch_checked.max_timestamp; for LogAppendTime the time of the append */
};

/* Writes in place. The CRC is made anew only when timestamp type or max timestamp change. */
void batch_assign(uint8_t *p, size_t n, const struct batch_stamp *stamp);

/* ---- Building our own batches (magic 2) ---------------------------------------------------------------- */

struct batch_settings {
	enum codec codec;
	int level;			/* or CODEC_LEVEL_DEFAULT */
	unsigned attributes;		/* BATCH_TRANSACTIONAL, BATCH_CONTROL, BATCH_LOG_APPEND_TIME */
	int64_t base_offset;
	int32_t leader_epoch;
	int64_t producer_id;		/* -1 none */
	int16_t producer_epoch;		/* -1 none */
	int32_t base_sequence;		/* -1 none */
	int64_t log_append_time;	/* with BATCH_LOG_APPEND_TIME: the max timestamp */
	int64_t delete_horizon;		/* with BATCH_DELETE_HORIZON: in the place of the base timestamp */
};
#define BATCH_SETTINGS_PLAIN \
	((struct batch_settings){ .level = CODEC_LEVEL_DEFAULT, .leader_epoch = -1, .producer_id = -1, \
		.producer_epoch = -1, .base_sequence = -1 })

struct batch_builder {
	unsigned magic;
#define BATCH_BUILDER_MAGIC 0xb417d7b1u
	struct codecs *codecs;
	struct batch_settings settings;
	struct buf *buf;		/* header and records so far, not compressed */
	size_t limit;			/* most bytes of buf */
	int32_t count;
	int32_t last_delta;		/* of offsets; of the batch */
	int64_t base_timestamp, max_timestamp;
};

/* `limit`: the most bytes that header and records may take before compression. */
void batch_builder_init(struct batch_builder *b, struct codecs *codecs, const struct batch_settings *settings,
	size_t limit);
/* Adds the next record (offset delta = records before it). False when it would pass the limit or memory is
 * short; the batch stays as it was. `headers` are `header_count` headers in their wire form. */
bool batch_builder_add(struct batch_builder *b, int64_t timestamp, struct slice key, struct slice value,
	struct slice headers, uint32_t header_count);
/* The same with an offset delta of its own, above those before: compaction leaves gaps. */
bool batch_builder_add_at(struct batch_builder *b, int32_t offset_delta, int64_t timestamp, struct slice key,
	struct slice value, struct slice headers, uint32_t header_count);
/* The batch ends at an offset behind its last record. */
void batch_builder_end_at(struct batch_builder *b, int32_t last_offset_delta);
/* How large the batch would be without compression. */
size_t batch_builder_bytes(const struct batch_builder *b);
/* Header, compression, CRC. The batch with one hold, or NULL without memory. The builder is empty
 * afterwards. */
struct buf *batch_builder_finish(struct batch_builder *b);
/* Drops what is there; may follow batch_builder_finish(). */
void batch_builder_free(struct batch_builder *b);

/* The marker that ends a transaction: one control batch, offset 0. */
struct buf *batch_end_marker(int64_t producer_id, int16_t producer_epoch, int64_t timestamp,
	enum control_type type, int32_t coordinator_epoch, int32_t leader_epoch);

#endif
