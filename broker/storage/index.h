/* index.h - the two sparse indexes of a segment: a sorted file of fixed entries, whose newest are still in
 * memory.
 *
 *	offset index (.index), 8 bytes		time index (.timeindex), 12 bytes
 *	0	4	offset - base		0	8	timestamp (ms)
 *	4	4	position in .log	8	4	offset - base
 *
 * Entries gather in a tail in memory and are written to the file INDEX_TAIL_MAX at a time, at roll, close
 * and truncation, so that an append does not write indexes and no descriptor stays open. After a crash
 * what is missing is rebuilt from the log with everything else above the recovery point. A file that
 * another broker left may end in zeros (Kafka allots indexes ahead): they are no entries.
 */
#ifndef SAMSA_STORAGE_INDEX_H
#define SAMSA_STORAGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INDEX_OFFSET_BYTES = 8, /* of an entry, which also tells the two kinds apart */
	INDEX_TIME_BYTES = 12,
	INDEX_ENTRY_MAX = 12,
	INDEX_TAIL_MAX = 128,   /* entries in memory */
};

struct index_entry {
	int64_t key;    /* relative offset, or timestamp */
	int32_t value;  /* position, or relative offset */
};

struct index {
	uint8_t *tail;          /* entries `stored` and on, as in the file */
	uint32_t stored;        /* entries in the file */
	uint16_t tail_n, tail_room;
	uint8_t entry_bytes;
	struct index_entry last; /* when there is any */
};

void index_init(struct index *ix, unsigned entry_bytes);
void index_free(struct index *ix);

static inline uint32_t index_entries(const struct index *ix)
{
	return ix->stored + ix->tail_n;
}

/* Adds at the end, in memory. The tail has room (index_tail_full). */
void index_push(struct index *ix, struct index_entry e);
static inline bool index_tail_full(const struct index *ix)
{
	return ix->tail_n == INDEX_TAIL_MAX;
}

/* Blocks, all of these; 0 or negative errno. */

/* Counts what is in the file; -ENOENT when it is missing. Bytes that make no whole entry do not count. */
int index_load(struct index *ix, const char *path);
/* Writes the tail into the file and cuts off what may stand behind it. */
int index_store(struct index *ix, const char *path);
/* As index_store, but leaves alone what stands behind. */
int index_append_tail(struct index *ix, const char *path);
/* Empties memory and file, which is made when missing. */
int index_reset(struct index *ix, const char *path);
/* Drops entries whose offset (key of an offset index, value of a time index) is not below `relative`. */
int index_truncate(struct index *ix, const char *path, int64_t relative);

/* The greatest entry with key <= `key`: 1 found, 0 there is none. `fd` is the file, needed only when the
 * tail does not hold it (-EAGAIN when it is -1). With `wait` false -EAGAIN where the disk would have to be
 * waited for. */
int index_floor(const struct index *ix, int fd, bool wait, int64_t key, struct index_entry *out);

#endif
