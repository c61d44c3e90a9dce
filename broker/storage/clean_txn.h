/* clean_txn.h - transactions as compaction comes past them: whose data was aborted, and which markers nobody
 * needs any more (kafka.log.CleanedTransactionMetadata of 3.9).
 *
 * The data of an aborted transaction goes. A marker may go when no data of its transaction was seen before
 * it; the transaction index keeps the aborts whose data has just been dropped, for a reader may still hold
 * it. Belongs to the cleaning that made it.
 */
#ifndef SAMSA_STORAGE_CLEAN_TXN_H
#define SAMSA_STORAGE_CLEAN_TXN_H

#include "broker/protocol/batch.h"
#include "broker/storage/txn_index.h"

#include <stdbool.h>
#include <stdint.h>

struct clean_txns;

/* `aborted` by first offset; they outlive it. */
struct clean_txns *clean_txns_new(const struct aborted_txn *aborted, uint32_t n);
void clean_txns_free(struct clean_txns **t);

/* A batch of data. True: its transaction was aborted. */
bool clean_txns_data(struct clean_txns *t, const struct batch *b);
/* A control batch, whole. True: it may go. *retained is the abort that the transaction index must keep, or
 * NULL. */
bool clean_txns_marker(struct clean_txns *t, const struct batch *b, const struct aborted_txn **retained);

#endif
