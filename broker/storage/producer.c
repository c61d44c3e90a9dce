/* producer.c - see producer.h */
#include "broker/storage/producer.h"

#include "broker/base/bytes.h"
#include "broker/base/crc32c.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"

#include <errno.h>
#include <string.h>

#define uthash_fatal(message) must_not_reach(message)
#define uthash_malloc(n) mem_alloc(n)
#define uthash_free(p, n) free(p)
#include <uthash.h>

enum { NO_EPOCH = -1, NO_SEQUENCE = -1, NO_OFFSET = -1, SNAPSHOT_VERSION = 1, SNAPSHOT_CRC_FROM = 6 };

struct stored_batch {
	int64_t last_offset;
	int64_t timestamp;
	int32_t last_sequence;
	int32_t offset_delta;
};

/* A transaction that keeps offsets unstable: `last_offset` is that of its marker, NO_OFFSET while it is
 * open. */
struct producer_txn {
	struct list link;
	unsigned magic;
#define PRODUCER_TXN_MAGIC 0x50545831U
	int64_t producer_id;
	int64_t first_offset, last_offset;
};

struct producer {
	unsigned magic;
#define PRODUCER_MAGIC 0x50524431U
	int16_t epoch;
	uint8_t n_batches;         /* oldest first */
	int32_t coordinator_epoch;
	int64_t id;
	int64_t last_timestamp;
	struct producer_txn *txn;  /* the open one */
	struct stored_batch batches[PRODUCER_BATCHES];
	UT_hash_handle hh;
};

/* Producer ids are the client's to choose: a keyed hash, so that nobody can choose ids that collide. */
static unsigned hash_id(const struct producers *ps, int64_t id)
{
	uint64_t x = ((uint64_t)id ^ ps->seed[0]) * 0x9e3779b97f4a7c15U;
	x = (x ^ (x >> 32) ^ ps->seed[1]) * 0xd6e8feb86659fd93U;
	return (unsigned)(x ^ (x >> 32));
}

struct producers *producers_new(void)
{
	struct producers *ps;
	ALLOC_OBJ(ps, PRODUCERS_MAGIC);
	sys_random(ps->seed, sizeof ps->seed);
	list_init(&ps->txns);
	return ps;
}

static void free_txn(struct producer_txn *txn)
{
	CHECK_OBJ_NOTNULL(txn, PRODUCER_TXN_MAGIC);
	list_remove(&txn->link);
	FREE_OBJ(txn);
}

static void clear(struct producers *ps)
{
	struct producer *p, *next;
	HASH_ITER(hh, ps->table, p, next) {
		HASH_DEL(ps->table, p);
		FREE_OBJ(p);
	}
	while (!list_empty(&ps->txns))
		free_txn(list_entry(ps->txns.next, struct producer_txn, link));
	ps->count = 0;
}

void producers_free(struct producers **ps_p)
{
	struct producers *ps;
	TAKE_OBJ_NOTNULL(ps, ps_p, PRODUCERS_MAGIC);
	clear(ps);
	FREE_OBJ(ps);
}

static struct producer *find(const struct producers *ps, int64_t id)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	struct producer *p;
	HASH_FIND_BYHASHVALUE(hh, ps->table, &id, sizeof id, hash_id(ps, id), p);
	return p;
}

static struct producer *find_or_add(struct producers *ps, int64_t id)
{
	struct producer *p = find(ps, id);
	if (p)
		return p;
	ALLOC_OBJ(p, PRODUCER_MAGIC);
	p->id = id;
	p->epoch = NO_EPOCH;
	p->coordinator_epoch = NO_EPOCH;
	p->last_timestamp = -1;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, ps->table, &p->id, sizeof p->id, hash_id(ps, id), p);
	ps->count++;
	return p;
}

/* ---- the check before an append ---- */

static const struct stored_batch *last_batch(const struct producer *p)
{
	return p && p->n_batches ? &p->batches[p->n_batches - 1] : NULL;
}

static int32_t first_sequence(const struct stored_batch *b)
{
	if (b->last_sequence == NO_SEQUENCE)
		return NO_SEQUENCE;
	return (int32_t)(((uint32_t)b->last_sequence - (uint32_t)b->offset_delta) & INT32_MAX);
}

static bool find_duplicate(const struct producer *p, const struct batch *b, struct producer_duplicate *d)
{
	if (!p || p->epoch != batch_producer_epoch(b))
		return false;
	for (int i = 0; i < p->n_batches; i++) {
		const struct stored_batch *s = &p->batches[i];
		if (first_sequence(s) != batch_base_sequence(b) || s->last_sequence != batch_last_sequence(b))
			continue;
		*d = (struct producer_duplicate){ .found = true, .timestamp = s->timestamp,
			.base_offset = s->last_offset - s->offset_delta, .last_offset = s->last_offset };
		return true;
	}
	return false;
}

static bool in_sequence(int32_t last, int32_t next)
{
	return (int64_t)next == (int64_t)last + 1 || (next == 0 && last == INT32_MAX);
}

static enum kerr check_sequence(const struct producer *p, const struct batch *b)
{
	/* Nothing is known of it: all of its records may have been deleted, so it may go on anywhere. */
	if (!p || p->epoch == NO_EPOCH)
		return KERR_NONE;
	int32_t first = batch_base_sequence(b);
	if (batch_producer_epoch(b) != p->epoch)
		return first == 0 ? KERR_NONE : KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
	const struct stored_batch *last = last_batch(p);
	int32_t before = last ? last->last_sequence : NO_SEQUENCE;
	return in_sequence(before, first) ? KERR_NONE : KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

enum kerr producers_check(const struct producers *ps, const struct batch *b,
	const struct producer_marker *marker, enum producer_check how, struct producer_duplicate *duplicate)
{
	must(batch_has_producer_id(b));
	*duplicate = (struct producer_duplicate){ 0 };
	if (how == PRODUCER_CHECK_NONE)
		return KERR_NONE;
	const struct producer *p = find(ps, batch_producer_id(b));
	if (how == PRODUCER_CHECK_ALL && !marker && find_duplicate(p, b, duplicate))
		return KERR_NONE;
	if (p && batch_producer_epoch(b) < p->epoch)
		return KERR_INVALID_PRODUCER_EPOCH;
	if (marker)
		return p && p->coordinator_epoch > marker->coordinator_epoch ?
			KERR_TRANSACTION_COORDINATOR_FENCED : KERR_NONE;
	enum kerr error = how == PRODUCER_CHECK_ALL ? check_sequence(p, b) : KERR_NONE;
	if (!error && p && p->txn && !batch_is_transactional(b))
		error = KERR_INVALID_TXN_STATE;
	return error;
}

bool producer_marker_of(const struct batch *b, struct producer_marker *marker)
{
	if (!batch_is_control(b) || !batch_has_producer_id(b) || batch_codec(b) != CODEC_NONE)
		return false;
	struct records records;
	struct record r;
	records_open(&records, b, NULL, b->n);
	bool is = records_next(&records, &r) &&
		record_end_marker(&r, &marker->type, &marker->coordinator_epoch);
	if (is)
		marker->timestamp = r.timestamp;
	records_close(&records);
	return is;
}

/* ---- after an append ---- */

static void set_epoch(struct producer *p, int16_t epoch)
{
	if (p->epoch == epoch)
		return;
	p->n_batches = 0;
	p->epoch = epoch;
}

static void remember_batch(struct producer *p, const struct stored_batch *b)
{
	if (p->n_batches == PRODUCER_BATCHES) {
		memmove(p->batches, p->batches + 1, (PRODUCER_BATCHES - 1) * sizeof *p->batches);
		p->n_batches--;
	}
	p->batches[p->n_batches++] = *b;
	p->last_timestamp = b->timestamp;
}

/* Transactions begin in the order of offsets; only a snapshot tells them in another. */
static void begin_txn(struct producers *ps, struct producer *p, int64_t first_offset)
{
	must(p->txn == NULL);
	ALLOC_OBJ(p->txn, PRODUCER_TXN_MAGIC);
	p->txn->producer_id = p->id;
	p->txn->first_offset = first_offset;
	p->txn->last_offset = NO_OFFSET;
	struct list *at = ps->txns.prev;
	while (at != &ps->txns && list_entry(at, struct producer_txn, link)->first_offset > first_offset)
		at = at->prev;
	list_insert(at, &p->txn->link);
}

static void append_data(struct producers *ps, struct producer *p, const struct batch *b)
{
	int64_t last = batch_last_offset(b);
	struct stored_batch stored = { .last_offset = last, .timestamp = batch_max_timestamp(b),
		.last_sequence = batch_last_sequence(b), .offset_delta = batch_last_offset_delta(b) };
	set_epoch(p, batch_producer_epoch(b));
	remember_batch(p, &stored);
	if (batch_is_transactional(b) && !p->txn)
		begin_txn(ps, p, batch_base_offset(b));
}

/* The last stable offset when `txn` ends: where the next open transaction begins, else behind the marker. */
static int64_t stable_after(const struct producers *ps, const struct producer_txn *txn)
{
	list_for_each(it, &ps->txns) {
		const struct producer_txn *other = list_entry(it, struct producer_txn, link);
		if (other != txn && other->last_offset == NO_OFFSET)
			return other->first_offset;
	}
	return txn->last_offset + 1;
}

static void append_marker(struct producers *ps, struct producer *p, const struct batch *b,
	const struct producer_marker *marker, struct producer_ended *ended)
{
	set_epoch(p, batch_producer_epoch(b));
	p->coordinator_epoch = marker->coordinator_epoch;
	p->last_timestamp = marker->timestamp;
	struct producer_txn *txn = p->txn;
	/* A marker without data ends nothing that anybody could see. */
	if (!txn)
		return;
	p->txn = NULL;
	txn->last_offset = batch_base_offset(b);
	*ended = (struct producer_ended){ .any = true, .aborted = marker->type == CONTROL_ABORT,
		.producer_id = p->id, .first_offset = txn->first_offset, .last_offset = txn->last_offset,
		.last_stable_offset = stable_after(ps, txn) };
}

void producers_append(struct producers *ps, const struct batch *b, const struct producer_marker *marker,
	struct producer_ended *ended)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	*ended = (struct producer_ended){ 0 };
	if (batch_has_producer_id(b)) {
		struct producer *p = find_or_add(ps, batch_producer_id(b));
		if (marker)
			append_marker(ps, p, b, marker, ended);
		else if (!batch_is_control(b))
			append_data(ps, p, b);
	}
	ps->end = batch_last_offset(b) + 1;
}

/* Those of `seen` before the first that is known. */
static void recall(struct producer *p, const struct producer *seen)
{
	int n = 0;
	while (n < seen->n_batches && seen->batches[n].last_offset != p->batches[0].last_offset)
		n++;
	if (n == seen->n_batches || seen->batches[n].last_sequence != p->batches[0].last_sequence)
		return;
	int more = min_of(n, PRODUCER_BATCHES - p->n_batches);
	memmove(p->batches + more, p->batches, p->n_batches * sizeof *p->batches);
	memcpy(p->batches, seen->batches + n - more, (size_t)more * sizeof *p->batches);
	p->n_batches = (uint8_t)(p->n_batches + more);
}

void producers_recall(struct producers *ps, const struct producers *seen)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	for (struct producer *p = ps->table; p; p = p->hh.next) {
		const struct producer *s = p->n_batches > 0 ? find(seen, p->id) : NULL;
		if (s && s->epoch == p->epoch)
			recall(p, s);
	}
}

void producers_settle(struct producers *ps, int64_t below)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	list_for_each_safe(it, &ps->txns) {
		struct producer_txn *txn = list_entry(it, struct producer_txn, link);
		if (txn->last_offset != NO_OFFSET && txn->last_offset < below)
			free_txn(txn);
	}
}

int64_t producers_first_unstable(const struct producers *ps)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	if (list_empty(&ps->txns))
		return INT64_MAX;
	return list_entry(ps->txns.next, struct producer_txn, link)->first_offset;
}

bool producers_txn_open(const struct producers *ps, int64_t producer_id)
{
	const struct producer *p = find(ps, producer_id);
	return p && p->txn;
}

uint32_t producers_expire(struct producers *ps, int64_t now_ms, int64_t expiration_ms)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	uint32_t gone = 0;
	struct producer *p, *next;
	HASH_ITER(hh, ps->table, p, next) {
		if (p->txn || now_ms - p->last_timestamp < expiration_ms)
			continue;
		HASH_DEL(ps->table, p);
		FREE_OBJ(p);
		gone++;
	}
	ps->count -= gone;
	return gone;
}

static struct producer_view view_of(const struct producer *p)
{
	const struct stored_batch *last = last_batch(p);
	return (struct producer_view){ .epoch = p->epoch, .coordinator_epoch = p->coordinator_epoch,
		.last_sequence = last ? last->last_sequence : NO_SEQUENCE,
		.last_offset = last ? last->last_offset : NO_OFFSET, .last_timestamp = p->last_timestamp,
		.txn_first_offset = p->txn ? p->txn->first_offset : NO_OFFSET, .batches = p->n_batches };
}

void producers_each(const struct producers *ps,
		    void (*each)(void *arg, int64_t id, const struct producer_view *view), void *arg)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	for (const struct producer *p = ps->table; p; p = p->hh.next) {
		struct producer_view view = view_of(p);
		each(arg, p->id, &view);
	}
}

bool producers_find(const struct producers *ps, int64_t id, struct producer_view *view)
{
	const struct producer *p = find(ps, id);
	if (!p)
		return false;
	*view = view_of(p);
	return true;
}

/* ---- snapshots ---- */

static void put_entry(uint8_t *e, const struct producer *p)
{
	const struct stored_batch *last = last_batch(p);
	put_be64(e, (uint64_t)p->id);
	put_be16(e + 8, (uint16_t)p->epoch);
	put_be32(e + 10, (uint32_t)(last ? last->last_sequence : NO_SEQUENCE));
	put_be64(e + 14, (uint64_t)(last ? last->last_offset : NO_OFFSET));
	put_be32(e + 22, (uint32_t)(last ? last->offset_delta : 0));
	put_be64(e + 26, (uint64_t)p->last_timestamp);
	put_be32(e + 34, (uint32_t)p->coordinator_epoch);
	put_be64(e + 38, (uint64_t)(p->txn ? p->txn->first_offset : NO_OFFSET));
}

uint8_t *producers_snapshot(const struct producers *ps, size_t *n)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	*n = SNAPSHOT_HEADER_BYTES + (size_t)ps->count * SNAPSHOT_ENTRY_BYTES;
	uint8_t *bytes = mem_alloc(*n), *e = bytes + SNAPSHOT_HEADER_BYTES;
	for (const struct producer *p = ps->table; p; p = p->hh.next, e += SNAPSHOT_ENTRY_BYTES)
		put_entry(e, p);
	must(e == bytes + *n);
	put_be16(bytes, SNAPSHOT_VERSION);
	put_be32(bytes + 6, ps->count);
	put_be32(bytes + 2, crc32c(bytes + SNAPSHOT_CRC_FROM, *n - SNAPSHOT_CRC_FROM));
	return bytes;
}

static void take_entry(struct producers *ps, const uint8_t *e)
{
	struct producer *p = find_or_add(ps, (int64_t)get_be64(e));
	p->epoch = (int16_t)get_be16(e + 8);
	p->coordinator_epoch = (int32_t)get_be32(e + 34);
	struct stored_batch last = { .last_sequence = (int32_t)get_be32(e + 10),
		.last_offset = (int64_t)get_be64(e + 14), .offset_delta = (int32_t)get_be32(e + 22),
		.timestamp = (int64_t)get_be64(e + 26) };
	p->n_batches = 0;
	if (last.last_offset >= 0)
		remember_batch(p, &last);
	p->last_timestamp = last.timestamp;
	int64_t txn_first = (int64_t)get_be64(e + 38);
	if (txn_first >= 0 && !p->txn)
		begin_txn(ps, p, txn_first);
}

int producers_restore(struct producers *ps, const uint8_t *bytes, size_t n, int64_t now_ms,
	int64_t expiration_ms)
{
	CHECK_OBJ_NOTNULL(ps, PRODUCERS_MAGIC);
	if (n < SNAPSHOT_HEADER_BYTES || get_be16(bytes) != SNAPSHOT_VERSION)
		return -EBADMSG;
	if (get_be32(bytes + 2) != crc32c(bytes + SNAPSHOT_CRC_FROM, n - SNAPSHOT_CRC_FROM))
		return -EBADMSG;
	uint64_t count = get_be32(bytes + 6);
	if (n != SNAPSHOT_HEADER_BYTES + count * SNAPSHOT_ENTRY_BYTES)
		return -EBADMSG;
	clear(ps);
	for (const uint8_t *e = bytes + SNAPSHOT_HEADER_BYTES; e < bytes + n; e += SNAPSHOT_ENTRY_BYTES) {
		bool open = (int64_t)get_be64(e + 38) >= 0;
		if (open || now_ms - (int64_t)get_be64(e + 26) < expiration_ms)
			take_entry(ps, e);
	}
	return 0;
}
