/* clean_txn.c - see clean_txn.h */
#include "broker/storage/clean_txn.h"

#include "broker/base/hash.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/producer.h"

/* A producer in the midst of a transaction. */
struct open_txn {
	UT_hash_handle hh;
	int64_t producer_id;
	const struct aborted_txn *aborted; /* NULL: it is not known to be */
	bool has_data;
};

struct clean_txns {
	unsigned magic;
#define CLEAN_TXNS_MAGIC 0x636c5478U
	struct hash_seed seed;
	const struct aborted_txn *aborted;
	uint32_t n, next;
	struct open_txn *open;
};

struct clean_txns *clean_txns_new(const struct aborted_txn *aborted, uint32_t n)
{
	struct clean_txns *t;
	ALLOC_OBJ(t, CLEAN_TXNS_MAGIC);
	t->aborted = aborted;
	t->n = n;
	sys_random(&t->seed, sizeof t->seed);
	return t;
}

static struct open_txn *find(const struct clean_txns *t, int64_t producer_id)
{
	struct open_txn *txn;
	unsigned hash = hash_key(&t->seed, &producer_id, sizeof producer_id);
	HASH_FIND_BYHASHVALUE(hh, t->open, &producer_id, sizeof producer_id, hash, txn);
	return txn;
}

static struct open_txn *find_or_add(struct clean_txns *t, int64_t producer_id)
{
	struct open_txn *txn = find(t, producer_id);
	if (txn)
		return txn;
	txn = mem_zalloc(sizeof *txn);
	txn->producer_id = producer_id;
	unsigned hash = hash_key(&t->seed, &producer_id, sizeof producer_id);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->open, &txn->producer_id, sizeof txn->producer_id, hash, txn);
	return txn;
}

static void drop(struct clean_txns *t, struct open_txn *txn)
{
	HASH_DEL(t->open, txn);
	free(txn);
}

void clean_txns_free(struct clean_txns **t_p)
{
	struct clean_txns *t;
	struct open_txn *txn, *next;
	TAKE_OBJ_NOTNULL(t, t_p, CLEAN_TXNS_MAGIC);
	HASH_ITER(hh, t->open, txn, next)
		drop(t, txn);
	FREE_OBJ(t);
}

/* Aborted transactions begin that have their first record at or below `offset`. */
static void begin_aborted(struct clean_txns *t, int64_t offset)
{
	for (; t->next < t->n && t->aborted[t->next].first_offset <= offset; t->next++) {
		struct open_txn *txn = find_or_add(t, t->aborted[t->next].producer_id);
		if (!txn->aborted) {
			txn->aborted = &t->aborted[t->next];
			txn->has_data = false;
		}
	}
}

bool clean_txns_data(struct clean_txns *t, const struct batch *b)
{
	CHECK_OBJ_NOTNULL(t, CLEAN_TXNS_MAGIC);
	begin_aborted(t, batch_last_offset(b));
	if (!batch_is_transactional(b))
		return false;
	struct open_txn *txn = find_or_add(t, batch_producer_id(b));
	/* What comes behind the marker is not of that transaction, even if the marker is not there. */
	if (txn->aborted && batch_base_offset(b) > txn->aborted->last_offset)
		txn->aborted = NULL;
	txn->has_data = true;
	return txn->aborted != NULL;
}

bool clean_txns_marker(struct clean_txns *t, const struct batch *b, const struct aborted_txn **retained)
{
	struct producer_marker marker;
	CHECK_OBJ_NOTNULL(t, CLEAN_TXNS_MAGIC);
	*retained = NULL;
	begin_aborted(t, batch_last_offset(b));
	if (batch_count(b) == 0)
		return true; /* it was dropped before, and stayed for its producer's sake */
	if (!producer_marker_of(b, &marker))
		return false;
	struct open_txn *txn = find(t, batch_producer_id(b));
	if (!txn)
		return true;
	bool has_data = txn->has_data;
	if (marker.type == CONTROL_ABORT && has_data)
		*retained = txn->aborted;
	drop(t, txn);
	return !has_data;
}
