/* message_log.c - see message_log.h
 *
 * Facts: OffsetsMessageFormatter, GroupMetadataMessageFormatter and TransactionLogMessageFormatter of 3.9,
 * and those of GroupMetadataManager and TransactionLog.
 */
#include "tools/message_log.h"

#include "broker/base/must.h"
#include "broker/protocol/kapi.h"
#include "group_log.kmsg.h"
#include "tools/dump_decode.h"
#include "tools/txn_partitions.h"
#include "transaction_log.kmsg.h"
#include "zkutil/javamap.h"

#include <inttypes.h>

enum { VERSION_BYTES = 2, GROUP_KEY_VERSION = 2, SHOWN_ARENA_BYTES = 64 << 20 };

static int version_of(struct slice bytes)
{
	return (int16_t)get_be16(bytes.p);
}

/* A record that is being shown; all that it is decoded to goes with it. */
struct shown {
	struct tool *tool;
	const struct kafka_record *record;
	struct arena arena;
};

/* The content behind the version; NULL when it cannot be read. */
static void *decode(struct shown *s, const struct kmsg *m, struct slice bytes)
{
	struct kdec d;
	void *content = arena_alloc(&s->arena, m->size);
	kdec_init(&d, slice_of(bytes.p + VERSION_BYTES, bytes.n - VERSION_BYTES), &s->arena);
	return content && m->decode(&d, version_of(bytes), content) == 0 ? content : NULL;
}

static int unreadable(struct shown *s)
{
	const struct kafka_place *place = &s->record->place;
	return tool_fail(s->tool, "SchemaException", "the record at offset %" PRId64 " of %s-%d cannot be "
		"read", place->offset, place->topic, place->partition);
}

/* ---- as JSON ---- */

/* {"version":1,"data":{...}}; a version that is not known has the data "unknown". */
static int add_half(struct shown *s, struct text *out, const char *name, const struct kmsg *m,
	struct slice bytes)
{
	struct kdump k;
	if (!bytes.p) {
		text_add(out, "\"%s\":null", name);
		return 0;
	}
	if (bytes.n < VERSION_BYTES)
		return -1;
	text_add(out, "\"%s\":{\"version\":%d,\"data\":", name, version_of(bytes));
	if (!m || version_of(bytes) < m->min || version_of(bytes) > m->max) {
		text_add(out, "\"unknown\"}");
		return 0;
	}
	const void *content = decode(s, m, bytes);
	if (!content)
		return -1;
	kdump_init(&k, KDUMP_MAX_BYTES);
	m->dump(&k, version_of(bytes), content);
	text_bytes(out, slice_of(k.text, k.n));
	text_add(out, "}");
	kdump_free(&k);
	return 0;
}

struct halves {
	const struct kmsg *key, *value;
	bool skip; /* a record of the other kind */
};

static struct halves halves_of(enum format_kind kind, struct slice key)
{
	if (kind == FORMAT_TXNS)
		return (struct halves){ kmsg_find("TransactionLogKey"), kmsg_find("TransactionLogValue"),
			false };
	bool offsets = kind == FORMAT_OFFSETS;
	int version = key.p && key.n >= VERSION_BYTES ? version_of(key) : -1;
	struct halves h = { .value = kmsg_find(offsets ? "OffsetCommitValue" : "GroupMetadataValue") };
	if (version >= 0 && version <= GROUP_KEY_VERSION) {
		h.skip = (version == GROUP_KEY_VERSION) == offsets;
		h.key = kmsg_find(offsets ? "OffsetCommitKey" : "GroupMetadataKey");
	}
	return h;
}

static int add_json(struct shown *s, enum format_kind kind, struct text *out)
{
	const struct kafka_record *r = s->record;
	struct halves h = halves_of(kind, r->key);
	if (h.skip)
		return 0;
	text_add(out, "{");
	if (add_half(s, out, "key", h.key, r->key) < 0)
		return unreadable(s);
	text_add(out, ",");
	if (add_half(s, out, "value", h.value, r->value) < 0)
		return unreadable(s);
	text_add(out, "}");
	return 0;
}

/* ---- as Scala prints its classes ---- */

static void some(struct text *out, struct slice s)
{
	text_add(out, s.p ? "Some(" : "None");
	if (s.p) {
		text_utf8(out, s);
		text_add(out, ")");
	}
}

static void add_offset_value(struct text *out, int version, const struct offset_commit_value *v)
{
	text_add(out, "OffsetAndMetadata(offset=%" PRId64 ", leaderEpoch=", v->offset);
	if (version >= 3 && v->leader_epoch >= 0)
		text_add(out, "Optional[%d]", v->leader_epoch);
	else
		text_add(out, "Optional.empty");
	text_add(out, ", metadata=");
	text_utf8(out, v->metadata);
	text_add(out, ", commitTimestamp=%" PRId64 ", expireTimestamp=", v->commit_timestamp);
	if (version == 1 && v->expire_timestamp != -1)
		text_add(out, "Some(%" PRId64 "))\n", v->expire_timestamp);
	else
		text_add(out, "None)\n");
}

static int add_old_offset(struct shown *s, struct text *out)
{
	const struct kafka_record *r = s->record;
	const struct offset_commit_key *key = decode(s, kmsg_find("OffsetCommitKey"), r->key);
	const struct offset_commit_value *value = NULL;
	if (!key || (r->value.p && (r->value.n < VERSION_BYTES ||
		!(value = decode(s, kmsg_find("OffsetCommitValue"), r->value)))))
		return unreadable(s);
	text_add(out, "[");
	text_utf8(out, key->group);
	text_add(out, ",");
	text_utf8(out, key->topic);
	text_add(out, ",%d]::", key->partition);
	if (value)
		add_offset_value(out, version_of(r->value), value);
	else
		text_add(out, "NULL\n");
	return 0;
}

static void add_member(struct text *out, const struct group_metadata_value_member *m, int32_t rebalance_ms,
	struct slice protocol)
{
	const struct { const char *name; struct slice value; } fields[] = {
		{ "memberId=", m->member_id }, { ", clientId=", m->client_id },
		{ ", clientHost=", m->client_host },
	};
	text_utf8(out, m->member_id);
	text_add(out, " -> MemberMetadata(");
	for (size_t i = 0; i < countof(fields); i++) {
		text_add(out, "%s", fields[i].name);
		text_utf8(out, fields[i].value);
		if (i == 0) {
			text_add(out, ", groupInstanceId=");
			some(out, m->group_instance_id);
		}
	}
	text_add(out, ", sessionTimeoutMs=%d, rebalanceTimeoutMs=%d, supportedProtocols=List(",
		m->session_timeout, rebalance_ms);
	text_utf8(out, protocol);
	text_add(out, "))");
}

static void add_group_value(struct text *out, int version, struct slice group,
	const struct group_metadata_value *v)
{
	uint32_t n = (uint32_t)v->n_members;
	struct javamap_slot *slots = mem_alloc(((size_t)n + 1) * sizeof *slots);
	for (uint32_t i = 0; i < n; i++)
		slots[i] = (struct javamap_slot){ .index = i,
			.java_hash = javamap_hash(v->members[i].member_id.p, v->members[i].member_id.n) };
	javamap_sort(JAVAMAP_SCALA, slots, n);
	text_utf8(out, group);
	text_add(out, "::GroupMetadata(groupId=");
	text_utf8(out, group);
	text_add(out, ", generation=%d, protocolType=", v->generation);
	some(out, v->protocol_type.n ? v->protocol_type : SLICE_NULL);
	text_add(out, ", currentState=%s, members=HashMap(", n ? "Stable" : "Empty");
	for (uint32_t i = 0; i < n; i++) {
		const struct group_metadata_value_member *m = &v->members[slots[i].index];
		text_add(out, "%s", i ? ", " : "");
		add_member(out, m, version == 0 ? m->session_timeout : m->rebalance_timeout, v->protocol);
	}
	text_add(out, "))\n");
	free(slots);
}

static int add_old_group(struct shown *s, struct text *out)
{
	const struct kafka_record *r = s->record;
	const struct group_metadata_key *key = decode(s, kmsg_find("GroupMetadataKey"), r->key);
	const struct group_metadata_value *value = NULL;
	if (!key || (r->value.p && (r->value.n < VERSION_BYTES ||
		!(value = decode(s, kmsg_find("GroupMetadataValue"), r->value)))))
		return unreadable(s);
	if (value) {
		add_group_value(out, version_of(r->value), key->group, value);
		return 0;
	}
	text_utf8(out, key->group);
	text_add(out, "::NULL\n");
	return 0;
}

static int add_old_txn(struct shown *s, struct text *out)
{
	const struct kafka_record *r = s->record;
	if (version_of(r->key) != 0) {
		text_add(out, "unknown::version=%d\n", version_of(r->key));
		return 0;
	}
	const struct transaction_log_key *key = decode(s, kmsg_find("TransactionLogKey"), r->key);
	const struct transaction_log_value *v = NULL;
	if (!key || (r->value.p && (r->value.n < VERSION_BYTES ||
		!(v = decode(s, kmsg_find("TransactionLogValue"), r->value)) ||
		!decode_txn_state(v->transaction_status)))) return unreadable(s);
	text_utf8(out, key->transactional_id);
	if (!v) {
		text_add(out, "::NULL\n");
		return 0;
	}
	text_add(out, "::TransactionMetadata(transactionalId=");
	text_utf8(out, key->transactional_id);
	text_add(out, ", producerId=%" PRId64 ", producerEpoch=%d, txnTimeoutMs=%d, state=%s, "
		"pendingState=None, topicPartitions=HashSet(", v->producer_id, v->producer_epoch,
		v->transaction_timeout_ms, decode_txn_state(v->transaction_status));
	txn_partitions_text(out, v, ", ");
	text_add(out, "), txnStartTimestamp=%" PRId64 ", txnLastUpdateTimestamp=%" PRId64 ")\n",
		v->transaction_start_timestamp_ms, v->transaction_last_update_timestamp_ms);
	return 0;
}

static int add_old(struct shown *s, enum format_kind kind, struct text *out)
{
	const struct kafka_record *r = s->record;
	if (!r->key.p)
		return 0;
	if (r->key.n < VERSION_BYTES)
		return unreadable(s);
	if (kind == FORMAT_TXNS_OLD)
		return add_old_txn(s, out);
	int version = version_of(r->key);
	if (kind == FORMAT_OFFSETS_OLD && version >= 0 && version < GROUP_KEY_VERSION)
		return add_old_offset(s, out);
	if (kind == FORMAT_GROUPS_OLD && version == GROUP_KEY_VERSION)
		return add_old_group(s, out);
	return 0;
}

int message_log_add(struct tool *t, enum format_kind kind, struct text *out, const struct kafka_record *r)
{
	struct shown s = { .tool = t, .record = r };
	must(kind >= FORMAT_OFFSETS);
	arena_init(&s.arena, SHOWN_ARENA_BYTES);
	int rc = kind <= FORMAT_TXNS ? add_json(&s, kind, out) : add_old(&s, kind, out);
	arena_free(&s.arena);
	return rc;
}
