/* batch_check.c - the leader's check of what a producer sent, where the bytes arrived, and the stamp it gets
 * at home.
 *
 * One pass for the CRC and one over the records. The faults of a batch (its frame, header, or the build of a
 * record) end the check at once. The faults of a record (no key, a timestamp out of range) are gathered, so
 * that the producer learns all of them.
 *
 * Messages of magic 0 and 1 come as a set: as many as there are, or one wrapper. They become one batch
 * (batch_rebuild()), since Kafka stores magic 2 alone from inter.broker.protocol.version 3.0 on, whatever
 * message.format.version says.
 */
#include "broker/protocol/batch_priv.h"

#include "broker/base/must.h"

#include <inttypes.h>

enum {
	PRODUCE_VERSION_BATCHES = 3,	/* since then only magic 2, and exactly one batch */
	PRODUCE_VERSION_ZSTD = 7,
};

struct check {
	const struct batch_rules *rules;
	struct batch_checked *out;
	struct arena *arena;
	int64_t now;
	int64_t base_timestamp, max_timestamp;	/* of the batch as it came */
	bool log_append_time;			/* what the batch says of itself */
	bool negative_timestamp;		/* some record has one that is not -1 */
	bool timestamp_is_bad;			/* some record was refused for its timestamp */
};

static enum kerr refuse(struct batch_checked *out, enum kerr error, const char *why)
{
	out->why = why;
	return error;
}

/* The same for a fault that is counted. */
static enum kerr refuse_fault(struct batch_checked *out, enum batch_fault fault, const char *why)
{
	out->faults[fault]++;
	return refuse(out, fault == BATCH_FAULT_CRC ? KERR_CORRUPT_MESSAGE : KERR_INVALID_RECORD, why);
}

/* ---- One record ---------------------------------------------------------------------------------------- */

static void record_is_bad(struct check *c, int32_t index, const char *why)
{
	struct batch_checked *out = c->out;

	if (!out->bad)
		out->bad = arena_array(c->arena, BATCH_BAD_RECORDS_MAX, sizeof *out->bad);
	if (out->bad && out->bad_count < BATCH_BAD_RECORDS_MAX)
		out->bad[out->bad_count++] = (struct batch_bad_record){ index, why };
}

static void timestamp_is_bad(struct check *c, int32_t index, int64_t timestamp)
{
	const char *why = c->log_append_time ?
		"a producer may not mark its batch with LogAppendTime" :
		arena_printf(c->arena, "timestamp %" PRId64 " is out of the topic's range: from %"
			PRId64 " ms before to %" PRId64 " ms after the broker's clock, which is at %" PRId64,
			timestamp, c->rules->before_max_ms, c->rules->after_max_ms, c->now);

	c->timestamp_is_bad = true;
	record_is_bad(c, index, why);
}

static inline bool timestamp_is_allowed(const struct check *c, int64_t timestamp)
{
	if (c->rules->log_append_time || timestamp == -1)
		return !c->log_append_time;
	int64_t age = sub_wrapping(c->now, timestamp);
	return age <= c->rules->before_max_ms && sub_wrapping(0, age) <= c->rules->after_max_ms;
}

static void key_is_missing(struct check *c, int32_t index)
{
	c->out->faults[BATCH_FAULT_NO_KEY]++;
	record_is_bad(c, index, "a compacted topic takes no record without a key");
}

/* What the topic demands of each record, and what the append must know of all of them. */
static inline void judge(struct check *c, int32_t index, bool has_key, int64_t timestamp)
{
	if (__builtin_expect(c->rules->compacted && !has_key, 0))
		key_is_missing(c, index);
	else if (__builtin_expect(!timestamp_is_allowed(c, timestamp), 0))
		timestamp_is_bad(c, index, timestamp);
	if (timestamp > c->out->max_timestamp) {
		c->out->max_timestamp = timestamp;
		c->out->max_timestamp_delta = index;
	}
	c->negative_timestamp |= timestamp < -1;
}

/* ---- All records --------------------------------------------------------------------------------------- */

static enum kerr bad_delta(struct batch_checked *out)
{
	return refuse_fault(out, BATCH_FAULT_OFFSET, "the offset deltas of the records do not run 0, 1, 2");
}

static enum kerr check_by_reader(struct check *c, struct codecs *codecs)
{
	enum kerr error = KERR_NONE;
	struct records records;
	struct record r;
	int32_t index = 0;

	records_open(&records, &c->out->batch, codecs, c->rules->inflated_max);
	for (; error == KERR_NONE && records_next(&records, &r); index++) {
		if (r.offset_delta != index)
			error = bad_delta(c->out);
		judge(c, index, !slice_is_null(r.key), r.timestamp);
	}
	if (records.error != KERR_NONE)
		error = refuse(c->out, records.error, records.why);
	records_close(&records);
	return error;
}

/* The hot path, for what is not compressed. What it refuses is read once more by the reader, which says
 * why. */
static enum kerr check_plain(struct check *c, struct codecs *codecs)
{
	const struct batch *b = &c->out->batch;
	const uint8_t *p = b->p + BATCH_HEADER_BYTES, *end = b->p + b->n;
	int32_t length, count = c->out->count;
	int64_t timestamp = c->max_timestamp;
	struct record_fields f;

	for (int32_t i = 0; i < count; i++) {
		p = get_varint(p, end, &length);
		if (!p || length < 0 || length > end - p || !get_record(p, p + length, &f) ||
			f.offset_delta != i)
			return check_by_reader(c, codecs);
		p += length;
		if (!c->log_append_time)
			timestamp = add_wrapping(c->base_timestamp, f.timestamp_delta);
		judge(c, i, !slice_is_null(f.key), timestamp);
	}
	return p == end ? KERR_NONE : check_by_reader(c, codecs);
}

/* What a batch must have before it can be written again with a header of our own. Kafka trips over these
 * while it does so. */
static enum kerr check_rebuild(struct check *c)
{
	const struct batch *b = &c->out->batch;
	bool has_id = batch_producer_id(b) != -1;

	if (!c->out->rebuild)
		return KERR_NONE;
	if (c->negative_timestamp)
		return refuse(c->out, KERR_UNKNOWN_SERVER_ERROR,
			"a timestamp below -1, and the batch must be rewritten");
	if ((batch_is_transactional(b) && !has_id) ||
		(has_id && (batch_producer_epoch(b) == -1 || batch_base_sequence(b) < 0)))
		return refuse(c->out, KERR_UNKNOWN_SERVER_ERROR,
			"producer id, epoch and sequence of a batch to rewrite do not fit together");
	return KERR_NONE;
}

/* What comes of a walk over records: its own error, or that of what was gathered. */
static enum kerr sum_up(struct check *c, enum kerr error)
{
	struct batch_checked *out = c->out;

	if (error != KERR_NONE) {
		out->bad_count = out->faults[BATCH_FAULT_NO_KEY] = 0; /* the batch itself is at fault */
		return error;
	}
	if (out->bad_count > 0)
		return refuse(out, c->timestamp_is_bad ? KERR_INVALID_TIMESTAMP : KERR_INVALID_RECORD,
			c->timestamp_is_bad ? "the timestamps of some records are not allowed" :
			"some records are not allowed in this topic");
	return KERR_NONE;
}

/* ---- The messages of a set of magic 0 or 1 ------------------------------------------------------------- */

/* The CRC of a message that is its own batch was looked at with the batch. */
static bool inner_crc_is_good(const struct record *r)
{
	struct batch message = { r->message.p, r->message.n };

	return batch_crc_is_good(&message);
}

static void magic_is_other(struct check *c, int32_t index)
{
	c->out->faults[BATCH_FAULT_MAGIC]++;
	record_is_bad(c, index, "an inner message has another magic than its wrapper");
}

/* One message, or those in one wrapper: their indexes count from 0, and their faults end the check. */
static enum kerr check_messages(struct check *c, const struct batch *b, struct codecs *codecs)
{
	enum kerr error = KERR_NONE;
	struct records records;
	struct record r;
	int32_t index = 0;

	c->log_append_time = batch_is_log_append_time(b);
	records_open(&records, b, codecs, c->rules->inflated_max);
	for (; error == KERR_NONE && records_next(&records, &r); index++) {
		if (r.magic != batch_magic(b))
			magic_is_other(c, index);
		else if (batch_codec(b) != CODEC_NONE && !inner_crc_is_good(&r))
			error = refuse_fault(c->out, BATCH_FAULT_CRC, "the CRC of an inner message is wrong");
		else
			judge(c, index, !slice_is_null(r.key), r.timestamp);
	}
	if (records.error != KERR_NONE)
		error = refuse(c->out, records.error, records.why);
	records_close(&records);
	c->out->count += index;
	return sum_up(c, error);
}

static enum kerr check_set(struct check *c, struct codecs *codecs)
{
	enum kerr error = KERR_NONE;
	struct batch_walk walk;
	struct batch b;

	batch_walk_init(&walk, c->out->set);
	while (error == KERR_NONE && batch_next(&walk, &b))
		error = check_messages(c, &b, codecs);
	return error;
}

static enum kerr check_records(struct check *c, struct codecs *codecs)
{
	struct batch_checked *out = c->out;
	enum kerr error;

	out->max_timestamp = -1;
	if (batch_is_legacy(&out->batch))
		error = check_set(c, codecs);
	else if (batch_codec(&out->batch) == CODEC_NONE)
		error = sum_up(c, check_plain(c, codecs));
	else
		error = sum_up(c, check_by_reader(c, codecs));
	if (error != KERR_NONE)
		return error;
	if (c->rules->log_append_time) {
		out->max_timestamp = c->now;
		out->max_timestamp_delta = out->count - 1;
	}
	return check_rebuild(c);
}

/* ---- The batch ----------------------------------------------------------------------------------------- */

/* The one batch of the request, framed; n == 0 when there is none and the version lets that pass. */
static enum kerr find_batch(int version, struct slice records, struct batch_checked *out)
{
	struct batch_walk walk;
	struct batch more;

	batch_walk_init(&walk, records);
	if (!batch_next(&walk, &out->batch)) {
		if (walk.error != KERR_NONE)
			return refuse(out, walk.error, walk.why);
		if (version < PRODUCE_VERSION_BATCHES)
			return KERR_NONE;
		return refuse(out, KERR_INVALID_RECORD, "no whole record batch for the partition");
	}
	if (batch_is_legacy(&out->batch))
		return version < PRODUCE_VERSION_BATCHES ? KERR_NONE : refuse(out, KERR_INVALID_RECORD,
			"messages of magic 0 and 1 are taken before Produce version 3 only");
	if (version >= PRODUCE_VERSION_BATCHES && version < PRODUCE_VERSION_ZSTD &&
		batch_codec(&out->batch) == CODEC_ZSTD)
		return refuse(out, KERR_UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7");
	if (batch_next(&walk, &more))
		return refuse(out, KERR_INVALID_RECORD, "more than one record batch for the partition");
	return refuse(out, walk.error, walk.why);
}

/* Size, checksum and the offsets that a producer must leave to the leader. */
static enum kerr check_envelope(const struct batch_rules *rules, const struct batch *b,
	struct batch_checked *out)
{
	if (!batch_is_legacy(b) && batch_base_offset(b) != 0)
		return refuse(out, KERR_INVALID_RECORD, "the base offset of a produced batch is not 0");
	if (b->n > (uint32_t)max_of(rules->max_message_bytes, 0))
		return refuse(out, KERR_MESSAGE_TOO_LARGE, "the batch is larger than max.message.bytes");
	if (!batch_crc_is_good(b))
		return refuse_fault(out, BATCH_FAULT_CRC, "the CRC of the batch is wrong");
	if (batch_codec(b) >= CODEC_COUNT)
		return refuse(out, KERR_UNKNOWN_SERVER_ERROR, "the batch has a codec that is not known");
	return KERR_NONE;
}

static enum kerr check_header(struct batch_checked *out)
{
	const struct batch *b = &out->batch;
	int64_t offsets = (int64_t)batch_last_offset_delta(b) + 1;

	if (offsets <= 0 || batch_count(b) <= 0 || offsets != batch_count(b))
		return refuse_fault(out, BATCH_FAULT_OFFSET,
			"last offset delta and count of the batch differ");
	if (batch_has_producer_id(b) && batch_base_sequence(b) < 0)
		return refuse_fault(out, BATCH_FAULT_OFFSET, "a batch with a producer id has no sequence");
	if (batch_is_control(b))
		return refuse_fault(out, BATCH_FAULT_OFFSET, "a client may not write control records");
	return KERR_NONE;
}

/* The one batch of magic 2, but for its records. */
static enum kerr check_outside(const struct batch_rules *rules, struct batch_checked *out)
{
	const struct batch *b = &out->batch;
	enum kerr error = check_envelope(rules, b, out);

	if (error == KERR_NONE)
		error = check_header(out);
	if (error != KERR_NONE)
		return error;
	out->set = slice_of(b->p, b->n);
	out->count = batch_count(b);
	out->codec = (enum codec)batch_codec(b);
	return KERR_NONE;
}

/* The same of a set of magic 0 or 1, which ends with its last whole message. */
static enum kerr check_outsides(const struct batch_rules *rules, struct slice records,
	struct batch_checked *out)
{
	enum kerr error = KERR_NONE;
	struct batch_walk walk;
	bool mixed = false;
	struct batch b;
	int count = 0;

	batch_walk_init(&walk, records);
	for (; error == KERR_NONE && batch_next(&walk, &b); count++) {
		error = check_envelope(rules, &b, out);
		mixed |= batch_magic(&b) != batch_magic(&out->batch);
		if (batch_codec(&b) != CODEC_NONE)
			out->codec = (enum codec)batch_codec(&b);
	}
	if (error != KERR_NONE)
		return error;
	if (walk.error != KERR_NONE)
		return refuse(out, walk.error, walk.why);
	if (count > 1 && out->codec != CODEC_NONE)
		return refuse(out, KERR_INVALID_RECORD, "a wrapper is not alone in its message set");
	if (mixed)
		return refuse_fault(out, BATCH_FAULT_MAGIC,
			"the messages of a set have not all the same magic");
	out->set = slice_of(records.p, (size_t)(walk.p - records.p));
	return KERR_NONE;
}

static void choose_codec(const struct batch_rules *rules, struct batch_checked *out)
{
	bool other = rules->codec != BATCH_CODEC_KEEP && rules->codec != (int)out->codec;

	out->rebuild = other || batch_is_legacy(&out->batch);
	if (other)
		out->codec = (enum codec)rules->codec;
}

enum kerr batch_first_flags(struct slice records, bool *transactional, bool *idempotent, const char **why)
{
	struct batch_walk walk;
	struct batch b;
	bool found;

	batch_walk_init(&walk, records);
	found = batch_next(&walk, &b);
	*transactional = found && batch_is_transactional(&b);
	*idempotent = found && batch_has_producer_id(&b);
	*why = walk.why;
	return walk.error;
}

enum kerr batch_check(struct codecs *codecs, struct arena *arena, int version, struct slice records,
	const struct batch_rules *rules, int64_t now_ms, struct batch_checked *out)
{
	struct check c = { .rules = rules, .out = out, .arena = arena, .now = now_ms };
	enum kerr error;

	must(rules->codec >= BATCH_CODEC_KEEP && rules->codec < CODEC_COUNT);
	*out = (struct batch_checked){ 0 };
	error = find_batch(version, records, out);
	if (error != KERR_NONE || out->batch.n == 0)
		return error;
	out->framed = true;
	error = batch_is_legacy(&out->batch) ? check_outsides(rules, records, out) :
		check_outside(rules, out);
	if (error != KERR_NONE)
		return error;
	choose_codec(rules, out);
	if (!batch_is_legacy(&out->batch)) {
		c.base_timestamp = batch_base_timestamp(&out->batch);
		c.max_timestamp = batch_max_timestamp(&out->batch);
		c.log_append_time = batch_is_log_append_time(&out->batch);
	}
	return check_records(&c, codecs);
}

/* ---- The stamp ----------------------------------------------------------------------------------------- */

void batch_assign(uint8_t *p, size_t n, const struct batch_stamp *stamp)
{
	enum { KNOWN = BATCH_CODEC_MASK | BATCH_TRANSACTIONAL | BATCH_CONTROL | BATCH_DELETE_HORIZON };
	struct batch b = { p, (uint32_t)n };

	must(n >= BATCH_HEADER_BYTES && batch_magic(&b) == 2);
	put_be64(p + BATCH_BASE_OFFSET_AT, (uint64_t)stamp->base_offset);
	put_be32(p + BATCH_LEADER_EPOCH_AT, (uint32_t)stamp->leader_epoch);
	if (batch_is_log_append_time(&b) == stamp->log_append_time &&
		batch_max_timestamp(&b) == stamp->max_timestamp)
		return;
	unsigned attributes = batch_attributes(&b) & KNOWN;
	if (stamp->log_append_time)
		attributes |= BATCH_LOG_APPEND_TIME;
	put_be16(p + BATCH_ATTRIBUTES_AT, (uint16_t)attributes);
	put_be64(p + BATCH_MAX_TIMESTAMP_AT, (uint64_t)stamp->max_timestamp);
	put_be32(p + BATCH_CRC_AT, batch_computed_crc(&b));
}
