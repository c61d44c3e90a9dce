/* dump_decode.c - see dump_decode.h
 *
 * Facts: DumpLogSegments.OffsetsMessageParser, CoordinatorRecordSerde, TransactionLog.formatRecordKeyAndValue
 * of 3.9.
 */
#include "tools/dump_decode.h"

#include "broker/base/must.h"
#include "broker/protocol/kapi.h"
#include "consumer_protocol.kmsg.h"
#include "group_log.kmsg.h"
#include "tools/txn_partitions.h"
#include "transaction_log.kmsg.h"

#include <inttypes.h>

enum { DECODE_ARENA_BYTES = 64 << 20, VERSION_BYTES = 2 };

bool decoder_by_class(const char *name, enum decoder_kind *out)
{
	static const struct { const char *name; enum decoder_kind kind; } known[] = {
		{ "StringDecoder", DECODER_STRING }, { "LongDecoder", DECODER_LONG },
		{ "IntegerDecoder", DECODER_INTEGER }, { "DefaultDecoder", DECODER_BYTES },
	};
	static const char *const packages[] = { "org.apache.kafka.tools.api.", "kafka.serializer." };
	for (size_t p = 0; p < countof(packages); p++) {
		size_t n = strlen(packages[p]);
		for (size_t i = 0; strncmp(name, packages[p], n) == 0 && i < countof(known); i++) {
			*out = known[i].kind;
			if (strcmp(name + n, known[i].name) == 0)
				return true;
		}
	}
	return false;
}

/* ---- plain ---- */

static bool plain(struct text *out, struct slice bytes, enum decoder_kind kind)
{
	switch (kind) {
	case DECODER_LONG:
		if (bytes.n == sizeof(int64_t))
			text_add(out, "%" PRId64, (int64_t)get_be64(bytes.p));
		return bytes.n == sizeof(int64_t);
	case DECODER_INTEGER:
		if (bytes.n == sizeof(int32_t))
			text_add(out, "%d", (int32_t)get_be32(bytes.p));
		return bytes.n == sizeof(int32_t);
	case DECODER_BYTES:
		for (uint32_t i = 0; i < bytes.n; i++)
			text_add(out, "%02x", bytes.p[i]);
		return true;
	default:
		text_utf8(out, bytes);
		return true;
	}
}

static bool decode_plain(struct decoded *out, const struct record *r, enum decoder_kind key_kind,
	enum decoder_kind value_kind, const char **why)
{
	out->has_key = r->key.p != NULL;
	out->has_value = r->value.p != NULL;
	if ((out->has_key && !plain(&out->key, r->key, key_kind)) ||
		(out->has_value && !plain(&out->value, r->value, value_kind))) {
		*why = "key or value has not the length that its decoder wants";
		return false;
	}
	return true;
}

/* ---- __consumer_offsets ---- */

enum { CONSUMER_PROTOCOL_VERSION_MAX = 3 };

/* Kafka leaves what it cannot read as it was. */
static bool explain(struct kdump *k, const char *name, struct slice bytes)
{
	bool subscription = strcmp(name, "subscription") == 0;
	const struct kmsg *m = kmsg_find(subscription ? "ConsumerProtocolSubscription" :
		"ConsumerProtocolAssignment");
	if ((!subscription && strcmp(name, "assignment") != 0) || bytes.n < VERSION_BYTES)
		return false;
	int version = (int16_t)get_be16(bytes.p);
	if (version < 0 || version > CONSUMER_PROTOCOL_VERSION_MAX)
		return false;
	struct arena arena;
	struct kdec d;
	arena_init(&arena, DECODE_ARENA_BYTES);
	kdec_init(&d, slice_of(bytes.p + VERSION_BYTES, bytes.n - VERSION_BYTES), &arena);
	void *content = mem_zalloc(m->size);
	bool good = m->decode(&d, version, content) == 0;
	if (good) {
		bool (*outer)(struct kdump *, const char *, struct slice) = k->explain;
		k->explain = NULL;
		kdump_name(k, name);
		m->dump(k, version, content);
		k->explain = outer;
	}
	free(content);
	arena_free(&arena);
	return good;
}

/* One half of a record: {"type":"2","data":{...}}. NULL, or why not. */
static const char *message(struct text *out, const char *kmsg, struct slice bytes, bool is_key)
{
	const struct kmsg *m = kmsg_find(kmsg);
	must(m != NULL);
	int version = (int16_t)get_be16(bytes.p);
	struct arena arena;
	struct kdec d;
	struct kdump k;
	arena_init(&arena, DECODE_ARENA_BYTES);
	kdec_init(&d, slice_of(bytes.p + VERSION_BYTES, bytes.n - VERSION_BYTES), &arena);
	void *content = mem_zalloc(m->size);
	int error = m->decode(&d, version, content);
	if (error == 0) {
		kdump_init(&k, KDUMP_MAX_BYTES);
		bool consumer = strcmp(kmsg, "GroupMetadataValue") == 0 &&
			slice_is(((struct group_metadata_value *)content)->protocol_type, "consumer");
		k.explain = consumer ? explain : NULL;
		m->dump(&k, version, content);
		text_add(out, "{\"%s\":\"%d\",\"data\":", is_key ? "type" : "version", version);
		text_bytes(out, slice_of(k.text, k.n));
		text_add(out, "}");
		kdump_free(&k);
	}
	free(content);
	arena_free(&arena);
	return error == 0 ? NULL : kdec_error_text(error);
}

/* The record types of __consumer_offsets, 0 to 8: the version of the key. */
static const struct { const char *key, *value; } offset_records[] = {
	{ "OffsetCommitKey", "OffsetCommitValue" },
	{ "OffsetCommitKey", "OffsetCommitValue" },
	{ "GroupMetadataKey", "GroupMetadataValue" },
	{ "ConsumerGroupMetadataKey", "ConsumerGroupMetadataValue" },
	{ "ConsumerGroupPartitionMetadataKey", "ConsumerGroupPartitionMetadataValue" },
	{ "ConsumerGroupMemberMetadataKey", "ConsumerGroupMemberMetadataValue" },
	{ "ConsumerGroupTargetAssignmentMetadataKey", "ConsumerGroupTargetAssignmentMetadataValue" },
	{ "ConsumerGroupTargetAssignmentMemberKey", "ConsumerGroupTargetAssignmentMemberValue" },
	{ "ConsumerGroupCurrentMemberAssignmentKey", "ConsumerGroupCurrentMemberAssignmentValue" },
};

static bool error_at(struct decoded *out, const struct record *r, const char *half, const char *why)
{
	text_clear(&out->key);
	text_clear(&out->value);
	out->has_key = true;
	out->has_value = false;
	text_add(&out->key, "Error at offset %" PRId64 ", skipping. ", r->offset);
	if (!why)
		text_add(&out->key, "Could not read version from %s's buffer.", half);
	else
		text_add(&out->key, "Could not read record with version %d from %s's buffer due to: %s.",
			(int16_t)get_be16(half[0] == 'k' ? r->key.p : r->value.p), half, why);
	return true;
}

static bool decode_offsets(struct decoded *out, const struct record *r, const char **why)
{
	if (!r->key.p) {
		*why = "the message has no key, which the offsets decoder needs";
		return false;
	}
	if (r->key.n < VERSION_BYTES)
		return error_at(out, r, "key", NULL);
	out->has_key = true;
	unsigned type = get_be16(r->key.p);
	if (type >= countof(offset_records)) {
		text_add(&out->key, "Unknown record type %d at offset %" PRId64 ", skipping.", (int16_t)type,
			r->offset);
		return true;
	}
	const char *wrong = message(&out->key, offset_records[type].key, r->key, true);
	if (wrong)
		return error_at(out, r, "key", wrong);
	out->has_value = true;
	if (!r->value.p)
		text_add(&out->value, "<DELETE>");
	else if (r->value.n < VERSION_BYTES)
		return error_at(out, r, "value", NULL);
	else if ((wrong = message(&out->value, offset_records[type].value, r->value, false)))
		return error_at(out, r, "value", wrong);
	return true;
}

/* ---- __transaction_state ---- */

const char *decode_txn_state(int status)
{
	static const char *const names[] = { "Empty", "Ongoing", "PrepareCommit", "PrepareAbort",
		"CompleteCommit",
		"CompleteAbort", "Dead", "PrepareEpochFence" };
	return status >= 0 && status < (int)countof(names) ? names[status] : NULL;
}

static bool txn_value(struct text *out, struct arena *arena, struct slice bytes)
{
	struct transaction_log_value v;
	struct kdec d;
	if (bytes.n < VERSION_BYTES)
		return false;
	kdec_init(&d, slice_of(bytes.p + VERSION_BYTES, bytes.n - VERSION_BYTES), arena);
	if (transaction_log_value_decode(&d, (int16_t)get_be16(bytes.p), &v) != 0 ||
		!decode_txn_state(v.transaction_status))
		return false;
	text_add(out, "producerId:%" PRId64 ",producerEpoch:%d,state=%s,partitions=[", v.producer_id,
		v.producer_epoch, decode_txn_state(v.transaction_status));
	txn_partitions_text(out, &v, ",");
	text_add(out, "],txnLastUpdateTimestamp=%" PRId64 ",txnTimeoutMs=%d",
		v.transaction_last_update_timestamp_ms, v.transaction_timeout_ms);
	return true;
}

static bool txn_record(struct decoded *out, const struct record *r, struct arena *arena)
{
	struct transaction_log_key key;
	struct kdec d;
	if (r->key.n < VERSION_BYTES)
		return false;
	out->has_key = true;
	int version = (int16_t)get_be16(r->key.p);
	if (version != 0) {
		text_add(&out->key, "unknown::version=%d", version);
		return true;
	}
	kdec_init(&d, slice_of(r->key.p + VERSION_BYTES, r->key.n - VERSION_BYTES), arena);
	if (transaction_log_key_decode(&d, version, &key) != 0)
		return false;
	text_add(&out->key, "transaction_metadata::transactionalId=");
	text_utf8(&out->key, key.transactional_id);
	out->has_value = true;
	if (r->value.p)
		return txn_value(&out->value, arena, r->value);
	text_add(&out->value, "<DELETE>");
	return true;
}

static bool decode_txns(struct decoded *out, const struct record *r, const char **why)
{
	struct arena arena;
	arena_init(&arena, DECODE_ARENA_BYTES);
	bool good = txn_record(out, r, &arena);
	arena_free(&arena);
	if (!good)
		*why = "this is no record of the transaction log";
	return good;
}

bool decode_record(struct decoded *out, const struct record *r, enum decoder_kind key_kind,
	enum decoder_kind value_kind, const char **why)
{
	text_clear(&out->key);
	text_clear(&out->value);
	out->has_key = out->has_value = false;
	if (key_kind == DECODER_OFFSETS)
		return decode_offsets(out, r, why);
	if (key_kind == DECODER_TXNS)
		return decode_txns(out, r, why);
	return decode_plain(out, r, key_kind, value_kind, why);
}

void decoded_free(struct decoded *d)
{
	text_free(&d->key);
	text_free(&d->value);
}
