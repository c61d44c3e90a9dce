/* replay.c - what the records of a partition of __consumer_offsets say. */
#include "broker/group/replay.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/group/coordinator.h"
#include "broker/group/group_log.h"
#include "broker/group/offsets.h"
#include "broker/protocol/batch.h"

#define REPLAY_MAGIC 0x7e91a5edu

struct replay_txn {
	UT_hash_handle hh;
	int64_t producer_id;
	struct replay_group **groups;
	uint32_t n, room;
};

struct replay *replay_new(const char *name, const struct hash_seed *seed, int64_t start_offset)
{
	struct replay *r;
	ALLOC_OBJ(r, REPLAY_MAGIC);
	r->name = name;
	r->seed = *seed;
	r->codecs = codecs_new();
	r->next_offset = start_offset;
	arena_init(&r->arena, REPLAY_GROUP_MAX);
	return r;
}

static void txn_free(struct replay *r, struct replay_txn *x)
{
	HASH_DEL(r->txns, x);
	free(x->groups);
	free(x);
}

void replay_free(struct replay *r)
{
	CHECK_OBJ_NOTNULL(r, REPLAY_MAGIC);
	struct replay_group *g, *next_group;
	HASH_ITER(hh, r->groups, g, next_group) {
		HASH_DEL(r->groups, g);
		offsets_free(g->offsets);
		free(g->record);
		free(g);
	}
	struct replay_txn *x, *next_txn;
	HASH_ITER(hh, r->txns, x, next_txn)
		txn_free(r, x);
	codecs_free(&r->codecs);
	arena_free(&r->arena);
	FREE_OBJ(r);
}

/* ---- what is passed over: the first of a kind is told in full, load.c tells how many there were ---- */

static void bad_batch(struct replay *r, const struct batch *b, const char *why)
{
	if (r->bad_batches++ == 0)
		log_error(GROUP_METADATA_LOGGER, "The batch at offset %lld of %s cannot be read while "
			  "offsets and group metadata are loaded: %s. Passing it over: what it committed is "
			  "not known.", (long long)batch_base_offset(b), r->name, why);
}

static void bad_record(struct replay *r, const struct record *record, const char *what, const char *why)
{
	if (r->bad_records++ == 0)
		log_error(GROUP_METADATA_LOGGER, "The %s of the record at offset %lld of %s cannot be read "
			  "while offsets and group metadata are loaded: %s. Passing it over.", what,
			  (long long)record->offset, r->name, why);
}

static void unknown_record(struct replay *r, int version)
{
	if (r->unknown_records++ == 0)
		log_warn(GROUP_METADATA_LOGGER, "Unknown message key with version %d while loading offsets "
			 "and group metadata from %s. Ignoring it. It could be a left over from an aborted "
			 "upgrade.", version, r->name);
}

/* ---- groups and transactions ---- */

static struct replay_group *group_of(struct replay *r, struct slice id)
{
	struct replay_group *g;
	unsigned hash = hash_key(&r->seed, id.p, id.n);
	HASH_FIND_BYHASHVALUE(hh, r->groups, id.p, id.n, hash, g);
	if (g)
		return g;
	g = mem_zalloc(sizeof *g + id.n);
	g->id_bytes = id.n;
	if (id.n > 0)
		memcpy(g->id, id.p, id.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, r->groups, g->id, g->id_bytes, hash, g);
	return g;
}

static struct offsets *offsets_of(struct replay_group *g)
{
	if (!g->offsets)
		g->offsets = offsets_new();
	return g->offsets;
}

static struct replay_txn *txn_find(struct replay *r, int64_t producer_id)
{
	struct replay_txn *x;
	HASH_FIND(hh, r->txns, &producer_id, sizeof producer_id, x);
	return x;
}

/* The transaction commits offsets of this group. */
static void txn_touches(struct replay *r, int64_t producer_id, struct replay_group *g)
{
	struct replay_txn *x = txn_find(r, producer_id);
	if (!x) {
		x = mem_zalloc(sizeof *x);
		x->producer_id = producer_id;
		HASH_ADD(hh, r->txns, producer_id, sizeof x->producer_id, x);
	}
	for (uint32_t i = 0; i < x->n; i++)
		if (x->groups[i] == g)
			return;
	if (x->n == x->room) {
		x->room = x->room * 2 + 1;
		x->groups = mem_realloc(x->groups, x->room * sizeof(struct replay_group *));
	}
	x->groups[x->n++] = g;
}

static void txn_end(struct replay *r, int64_t producer_id, bool committed)
{
	struct replay_txn *x = txn_find(r, producer_id);
	if (!x)
		return;
	for (uint32_t i = 0; i < x->n; i++)
		offsets_txn_end(offsets_of(x->groups[i]), producer_id, committed);
	txn_free(r, x);
}

/* ---- records ---- */

/* Where a record stands. */
struct place {
	int64_t batch_offset; /* of the first record of its batch */
	int64_t txn_producer; /* -1: in no transaction */
};

static void no_offset(struct replay *r, const struct group_key *key, const struct place *at)
{
	struct replay_group *g = group_of(r, key->group);
	if (at->txn_producer >= 0)
		offsets_txn_remove(offsets_of(g), at->txn_producer, key->topic, key->partition);
	else if (g->offsets)
		offsets_remove(g->offsets, key->topic, key->partition);
}

static void offset(struct replay *r, const struct group_key *key, const struct record *record,
		   const struct place *at)
{
	struct offset_commit_value value;
	if (slice_is_null(record->value)) {
		no_offset(r, key, at);
		return;
	}
	int error = group_log_read_offset(record->value, &value);
	if (error) {
		bad_record(r, record, "value", kdec_error_text(error));
		return;
	}
	struct replay_group *g = group_of(r, key->group);
	struct offset_commit c = { value.offset, value.leader_epoch, value.metadata, value.commit_timestamp,
				   value.expire_timestamp };
	if (at->txn_producer < 0) {
		offsets_put(offsets_of(g), key->topic, key->partition, &c, at->batch_offset);
		return;
	}
	txn_touches(r, at->txn_producer, g);
	offsets_txn_put(offsets_of(g), at->txn_producer, key->topic, key->partition, &c, at->batch_offset);
}

/* Whether the members of the record can be those of one group. */
static const char *group_fault(const struct group_metadata_value *v)
{
	if (v->n_members > 0 && slice_is_null(v->protocol))
		return "it has members and no protocol";
	return NULL;
}

static void group(struct replay *r, const struct group_key *key, const struct record *record)
{
	struct replay_group *g = group_of(r, key->group);
	struct group_metadata_value value;
	if (!slice_is_null(record->value)) {
		int error = group_log_read_group(record->value, &r->arena, &value);
		const char *why = error ? kdec_error_text(error) : group_fault(&value);
		arena_reset(&r->arena);
		if (why) {
			bad_record(r, record, "value", why);
			return;
		}
	}
	free(g->record);
	g->record_bytes = record->value.n;
	g->record = slice_is_null(record->value) ? NULL : mem_dup(record->value.p, record->value.n);
}

static void take(struct replay *r, const struct record *record, const struct place *at)
{
	struct group_key key;
	int error = group_log_read_key(record->key, &key);
	if (error) {
		bad_record(r, record, "key", kdec_error_text(error));
		return;
	}
	if (record->offset < 0) {
		bad_record(r, record, "offset", "it is negative");
		return;
	}
	if (key.of == GROUP_RECORD_OFFSET)
		offset(r, &key, record, at);
	else if (key.of == GROUP_RECORD_GROUP)
		group(r, &key, record);
	else
		unknown_record(r, key.version);
}

/* ---- batches ---- */

static void take_records(struct replay *r, const struct batch *b, struct records *records)
{
	struct record record;
	struct place at = { .batch_offset = -1, .txn_producer = -1 };
	if (batch_is_transactional(b))
		at.txn_producer = batch_producer_id(b);
	while (records_next(records, &record)) {
		if (at.batch_offset < 0)
			at.batch_offset = record.offset;
		take(r, &record, &at);
	}
}

static void take_marker(struct replay *r, const struct batch *b, struct records *records)
{
	struct record record;
	enum control_type type;
	int32_t coordinator_epoch;
	if (!records_next(records, &record))
		return;
	bool understood = record_end_marker(&record, &type, &coordinator_epoch);
	txn_end(r, batch_producer_id(b), understood && type == CONTROL_COMMIT);
}

static void take_batch(struct replay *r, const struct batch *b)
{
	struct records records;
	r->next_offset = batch_last_offset(b) + 1;
	records_open(&records, b, r->codecs, REPLAY_INFLATED_MAX);
	if (batch_is_control(b))
		take_marker(r, b, &records);
	else
		take_records(r, b, &records);
	if (records.error)
		bad_batch(r, b, records.why ? records.why : kerr_name(records.error));
	records_close(&records);
}

static void bad_checksum(struct replay *r, const struct batch *b)
{
	bad_batch(r, b, "its checksum is wrong");
}

/* A batch with a wrong checksum may be wrong about its offsets, too: where it ends, the one behind it tells.
 * If none came with it, all are read again from there on; only one that is alone is believed. */
uint32_t replay_add(struct replay *r, struct slice bytes)
{
	CHECK_OBJ_NOTNULL(r, REPLAY_MAGIC);
	struct batch_walk walk;
	struct batch b, bad = { NULL, 0 };
	uint32_t n = 0, good = 0;
	batch_walk_init(&walk, bytes);
	for (; batch_next(&walk, &b); n++) {
		if (bad.p)
			bad_checksum(r, &bad);
		bad.p = NULL;
		if (!batch_crc_is_good(&b)) {
			bad = b;
			continue;
		}
		/* What lies before the start of the log came with the batch that holds it. */
		if (batch_last_offset(&b) >= r->next_offset)
			take_batch(r, &b);
		good++;
	}
	if (bad.p && good == 0) {
		bad_checksum(r, &bad);
		r->next_offset = max_of(r->next_offset, batch_last_offset(&bad)) + 1;
	}
	if (walk.error) {
		r->damaged = true;
		log_error(GROUP_METADATA_LOGGER, "%s cannot be read from offset %lld on while offsets and "
			  "group metadata are loaded: %s. What was committed there is not known.", r->name,
			  (long long)r->next_offset, walk.why);
	}
	return n;
}

bool replay_read_group(struct replay *r, const struct replay_group *g,
		       struct group_metadata_value *ret_value)
{
	CHECK_OBJ_NOTNULL(r, REPLAY_MAGIC);
	if (!g->record)
		return false;
	arena_reset(&r->arena);
	must(group_log_read_group(slice_of(g->record, g->record_bytes), &r->arena, ret_value) == 0);
	return true;
}
