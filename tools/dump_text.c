/* dump_text.c - see dump_text.h */
#include "tools/dump_text.h"

#include "broker/base/must.h"
#include "broker/protocol/kmsg.h"

#include <inttypes.h>

/* org.apache.kafka.common.record.ControlRecordType; the type is the second half of the key. */
enum { CONTROL_TYPE_AT = 2, CONTROL_KEY_BYTES = 4 };

/* Kafka's name of the timestamp's type. */
static const char *timestamp_name(const struct batch *b)
{
	return batch_magic(b) == 0 ? "NoTimestampType" :
		batch_is_log_append_time(b) ? "LogAppendTime" : "CreateTime";
}

static const char *truth(bool is)
{
	return is ? "true" : "false";
}

static void modern_batch(struct text *out, const struct batch *b)
{
	text_add(out, "baseOffset: %" PRId64 " lastOffset: %" PRId64 " count: %d baseSequence: %d "
		"lastSequence: %d", batch_base_offset(b), batch_last_offset(b), batch_count(b),
		batch_base_sequence(b), batch_last_sequence(b));
	text_add(out, " producerId: %" PRId64 " producerEpoch: %d partitionLeaderEpoch: %d isTransactional: "
		"%s", batch_producer_id(b), batch_producer_epoch(b), batch_leader_epoch(b),
		truth(batch_is_transactional(b)));
	text_add(out, " isControl: %s deleteHorizonMs: OptionalLong", truth(batch_is_control(b)));
	if (batch_has_delete_horizon(b))
		text_add(out, "[%" PRId64 "]", batch_base_timestamp(b));
	else
		text_add(out, ".empty");
}

void dump_batch_text(struct text *out, const struct batch *b, int64_t position)
{
	if (batch_is_legacy(b))
		text_add(out, "offset: %" PRId64, batch_base_offset(b));
	else
		modern_batch(out, b);
	text_add(out, " position: %" PRId64 " %s: %" PRId64 " size: %u magic: %d compresscodec: %s crc: %u"
		" isvalid: %s\n", position, timestamp_name(b), batch_max_timestamp(b), b->n,
		batch_magic(b), codec_name(batch_codec(b)), batch_stored_crc(b), truth(batch_crc_is_good(b)));
}

static int64_t length(struct slice s)
{
	return s.p ? (int64_t)s.n : -1;
}

static void header_keys(struct text *out, struct record *r)
{
	struct record_header h;
	const char *comma = "";
	text_add(out, " sequence: %d headerKeys: [", r->sequence);
	while (record_header_next(r, &h)) {
		text_add(out, "%s", comma);
		text_utf8(out, h.key);
		comma = ",";
	}
	text_add(out, "]");
}

static const char *control_name(int type)
{
	static const char *const names[] = { "ABORT", "COMMIT", "LEADER_CHANGE", "SNAPSHOT_HEADER",
		"SNAPSHOT_FOOTER", "KRAFT_VERSION", "KRAFT_VOTERS" };
	return type >= 0 && type < (int)countof(names) ? names[type] : "UNKNOWN";
}

static bool control(struct text *out, const struct record *r)
{
	enum control_type type;
	int32_t epoch;
	if (record_end_marker(r, &type, &epoch)) {
		text_add(out, " endTxnMarker: %s coordinatorEpoch: %d", control_name((int)type), epoch);
		return true;
	}
	if (r->key.n < CONTROL_KEY_BYTES)
		return false;
	int number = (int16_t)get_be16(r->key.p + CONTROL_TYPE_AT);
	text_add(out, " controlType: %s(%d)", control_name(number), number);
	return number > CONTROL_COMMIT; /* the others are markers, and this one is none */
}

/* The brace is Kafka's. */
static void legacy_checksum(struct text *out, const struct record *r)
{
	struct batch message = { r->message.p, r->message.n };
	text_add(out, " isValid: %s crc: %u}", truth(batch_crc_is_good(&message)),
		batch_stored_crc(&message));
}

bool dump_record_text(struct text *out, const struct batch *b, struct record *r)
{
	text_add(out, "| offset: %" PRId64 " %s: %" PRId64 " keySize: %" PRId64 " valueSize: %" PRId64,
		r->offset, timestamp_name(b), r->timestamp, length(r->key), length(r->value));
	if (r->magic >= 2)
		header_keys(out, r);
	else
		legacy_checksum(out, r);
	return !batch_is_control(b) || control(out, r);
}

/* ---- JSON ---- */

static void begin(struct kdump *k, const char *file, const char *type)
{
	kdump_init(k, KDUMP_MAX_BYTES);
	kdump_begin(k, NULL);
	kdump_string(k, "file", slice_str(file));
	kdump_string(k, "type", slice_str(type));
}

static void end(struct kdump *k, struct text *out)
{
	kdump_end(k);
	text_bytes(out, slice_of(k->text, k->n));
	text_add(out, "\n");
	kdump_free(k);
}

void dump_batch_json(struct text *out, const struct batch *b, const char *file, int64_t position)
{
	struct kdump k;
	begin(&k, file, "batch");
	kdump_int(&k, "position", position);
	kdump_int(&k, "size", b->n);
	kdump_int(&k, "magic", batch_magic(b));
	if (!batch_is_legacy(b))
		kdump_int(&k, "baseOffset", batch_base_offset(b));
	kdump_int(&k, "lastOffset", batch_last_offset(b));
	if (!batch_is_legacy(b)) {
		kdump_int(&k, "count", batch_count(b));
		kdump_int(&k, "baseSequence", batch_base_sequence(b));
		kdump_int(&k, "producerId", batch_producer_id(b));
		kdump_int(&k, "producerEpoch", batch_producer_epoch(b));
		kdump_int(&k, "partitionLeaderEpoch", batch_leader_epoch(b));
		kdump_bool(&k, "isTransactional", batch_is_transactional(b));
		kdump_bool(&k, "isControl", batch_is_control(b));
		if (batch_has_delete_horizon(b))
			kdump_int(&k, "deleteHorizonMs", batch_base_timestamp(b));
	}
	kdump_string(&k, "timestampType", slice_str(timestamp_name(b)));
	kdump_int(&k, "maxTimestamp", batch_max_timestamp(b));
	kdump_string(&k, "codec", slice_str(codec_name(batch_codec(b))));
	kdump_int(&k, "crc", batch_stored_crc(b));
	kdump_bool(&k, "isValid", batch_crc_is_good(b));
	end(&k, out);
}

static void headers_json(struct kdump *k, struct record *r)
{
	struct record_header h;
	int32_t count = (int32_t)r->header_count;
	kdump_array(k, "headers", count);
	while (record_header_next(r, &h)) {
		kdump_begin(k, NULL);
		kdump_string(k, "key", h.key);
		kdump_nullable_string(k, "value", h.value);
		kdump_end(k);
	}
	kdump_array_end(k, count);
}

void dump_record_json(struct text *out, const struct batch *b, struct record *r, const char *file,
	struct slice key, struct slice value)
{
	struct kdump k;
	enum control_type type;
	int32_t epoch;
	begin(&k, file, "record");
	kdump_int(&k, "offset", r->offset);
	kdump_int(&k, "timestamp", r->timestamp);
	kdump_int(&k, "keySize", length(r->key));
	kdump_int(&k, "valueSize", length(r->value));
	if (r->magic >= 2) {
		kdump_int(&k, "sequence", r->sequence);
		headers_json(&k, r);
	}
	if (batch_is_control(b) && record_end_marker(r, &type, &epoch)) {
		kdump_string(&k, "endTxnMarker", slice_str(control_name((int)type)));
		kdump_int(&k, "coordinatorEpoch", epoch);
	} else if (!batch_is_control(b)) {
		kdump_nullable_string(&k, "key", key);
		kdump_nullable_string(&k, "payload", value);
	}
	end(&k, out);
}
