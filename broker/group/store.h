/* store.h - a batch of records on its way into a group's partition of __consumer_offsets.
 *
 *	struct batch_builder b;
 *	store_batch(at, &b);                      codec and limits as the broker's settings say
 *	... batch_builder_add() for each record ...
 *	store_append(at, &s, batch_builder_finish(&b));
 *
 * Facts: GroupMetadataManager.appendForGroup, storeGroup, storeOffsets of 3.9.
 */
#ifndef SAMSA_GROUP_STORE_H
#define SAMSA_GROUP_STORE_H

#include "broker/group/coordinator.h"
#include "broker/protocol/batch.h"

/* Embedded in what it serves; zeroed but for done. */
struct store {
	unsigned magic;
	struct coordinated *at;
	struct buf *batch;
	struct partition_append append;
	struct timer timeout;
	struct deferred refused;
	/* Once, on this core, and never from within store_append(). */
	void (*done)(struct store *s);
	/* out: the log's own error; `done` and store_offsets_error() say it to clients */
	enum kerr error;
	int64_t base_offset;
};

void store_batch(const struct coordinated *at, struct batch_builder *b);
/* Takes over `batch`; NULL, which could not be made because of its size, ends in MESSAGE_TOO_LARGE. Waits as
 * offsets.commit.required.acks and offsets.commit.timeout.ms say. */
void store_append(struct coordinated *at, struct store *s, struct buf *batch);
/* As store_append(), waiting for nothing but the write: tombstones. */
void store_append_unconfirmed(struct coordinated *at, struct store *s, struct buf *batch);

/* A group's record on its way. */
struct group_store {
	struct store store;
	struct group *group;    /* held until done() has returned; it may be DEAD by then */
	int32_t generation;     /* that was stored */
	void *arg;              /* of who asked, freed by done() */
	void (*done)(struct group_store *s, enum kerr error); /* as clients are told */
};

struct group_store *group_store_new(void (*done)(struct group_store *s, enum kerr error));
/* Stores the group as it is now, and takes over `s`. */
void store_group(struct group *g, struct group_store *s);

/* What a failed append of commits means to clients. */
enum kerr store_offsets_error(enum kerr error);

#endif
