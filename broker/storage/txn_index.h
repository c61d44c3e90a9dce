/* txn_index.h - the aborted transactions of a segment (.txnindex), for read_committed consumers.
 *
 * 34 bytes each, by rising last offset:
 *
 *	 0	2	version: 0
 *	 2	8	producer id
 *	10	8	first offset of the transaction
 *	18	8	last offset: of the abort marker
 *	26	8	last stable offset after the abort
 *
 * The file is there only when there is an entry. Aborts are few: all are kept in memory too, so that a
 * fetch does not read the disk for them.
 */
#ifndef SAMSA_STORAGE_TXN_INDEX_H
#define SAMSA_STORAGE_TXN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TXN_INDEX_ENTRY_BYTES = 34,
	TXN_INDEX_FILE_MAX = 1 << 30,
};

struct aborted_txn {
	int64_t producer_id;
	int64_t first_offset, last_offset;
	int64_t last_stable_offset;
};

struct txn_index {
	struct aborted_txn *entries;
	uint32_t n, room;
};

void txn_index_free(struct txn_index *t);
/* Blocks, these four. */
/* -EBADMSG: an entry has an unknown version, ends before `base` or not after the one before it; a missing
 * file is empty. */
int txn_index_load(struct txn_index *t, const char *path, int64_t base);
int txn_index_append(struct txn_index *t, const char *path, const struct aborted_txn *txn);
/* Drops entries that end at or after `offset`. */
int txn_index_truncate(struct txn_index *t, const char *path, int64_t offset);
/* Drops all and the file. */
int txn_index_reset(struct txn_index *t, const char *path);

/* Calls `each` for those that a read of [from, upper) must know of. False: the search ends here; true: the
 * next segment's index may have more. */
bool txn_index_collect(const struct txn_index *t, int64_t from, int64_t upper,
	void (*each)(void *arg, const struct aborted_txn *txn), void *arg);

#endif
