/* clean_priv.h - a cleaning from within.
 *
 *	dirt.c		at home: how dirty, and whether it is time
 *	clean.c		at home: begin, give up, swap, end
 *	clean_map.c	on a helper: the last offset of each key
 *	clean_group.c	on a helper: segments written anew
 *
 *	MAP --------> FILTER <-----------------------------+
 *	                |  group written, flushed          |
 *	                v                                  |
 *	              READY --no other background task--> SWAP --home: in the row--> next group
 *	                                                   |
 *	any --error, given up, no group left--> END -> over
 *
 *	MAP, FILTER	a slice on a helper, or a pause between two
 *	READY		at home, until neither a flush nor a truncation is under way
 *	SWAP		a helper renames .cleaned to .swap and flushes the directory: from then on the group
 *			is what the log is, whatever happens. Truncation waits for it
 *	END		a helper removes what is left and flushes the directory
 *
 * While a helper has a slice in hand all of the cleaning is its own, but `abort`; else it is the home core's.
 */
#ifndef SAMSA_STORAGE_CLEAN_PRIV_H
#define SAMSA_STORAGE_CLEAN_PRIV_H

#include "broker/base/must.h"
#include "broker/storage/clean.h"
#include "broker/storage/clean_txn.h"
#include "broker/storage/filter.h"
#include "broker/storage/key_map.h"
#include "broker/storage/log_priv.h"
#include "broker/storage/scan.h"

enum {
	CLEAN_SLICE_NS = 10000000,      /* how long a helper works before others have their turn */
	CLEAN_SLICE_BYTES_MIN = 65536,  /* of a slice under a limit of bytes a second */
	CLEAN_SLICES_PER_S = 10,
	CLEAN_PAUSE_MS_MAX = 100,       /* then it looks whether it was given up */
	CLEAN_GROUP_SEGMENTS = 256,     /* of one swap: that many files are renamed on the core */
	CLEAN_IO_BYTES_MIN = 4096,
	CLEAN_IO_BYTES_MAX = 64 << 20,
};

/* How long a log waits that could not be cleaned for want of room: others shall have their turn. */
#define CLEAN_RETRY_NS INT64_C(60000000000)

enum clean_phase { CLEAN_MAP, CLEAN_FILTER, CLEAN_READY, CLEAN_SWAP, CLEAN_END, CLEAN_OVER };

/* A segment that is read. */
struct clean_source {
	int64_t base, end;          /* end: where the next begins */
	int64_t size, mtime_ms;
	int64_t index_bytes, time_bytes;
};

/* Where a producer's last data is; its state must be found in the log. */
struct clean_producer {
	int64_t id;
	int64_t last_data_offset;   /* -1: it has only a marker */
	int16_t epoch;
};

struct cleaning {
	unsigned magic;
#define CLEANING_MAGIC 0x434c4e47U
	struct job job;
	struct timer pause;
	struct log *log;
	struct log_clean *op;
	const char *dir;
	enum clean_phase phase;
	bool in_hand;               /* of a helper */
	atomic_bool abort;
	int error;
	const char *why;

	/* From where to where, and by which settings: as it was at the beginning. */
	int64_t from, upper;
	int64_t map_end;            /* the keys are known up to here */
	int64_t now_ms, begun_ns;
	int64_t delete_retention_ms, segment_bytes, segment_index_bytes, index_interval_bytes;
	int64_t legacy_horizon_ms;  /* of tombstones of magic 0 and 1 */
	struct clean_source *sources;
	uint32_t n_sources;
	struct aborted_txn *aborted;
	uint32_t n_aborted;
	struct clean_producer *producers; /* by id; anew for each group */
	uint32_t n_producers;

	struct codecs *codecs;
	struct key_map *map;
	struct clean_txns *txns;

	/* The segment that is read. */
	uint32_t source;
	bool scanning;
	int fd;
	struct scan scan;
	int64_t last_offset;        /* read so far */

	/* The group that is written: sources [first, end). `made`: what it becomes, by base; one segment, but
	 * where a source has more offsets (brokers before 1.1), or what is left more bytes, than one can. */
	uint32_t group_first, group_end;
	struct segment **made;
	uint32_t n_made;
	uint8_t *out;
	size_t out_n, io_bytes;
	int64_t written_offset;     /* the last */
	struct filtered filtered;
	bool discard;               /* the batch's records go */
	bool changed;               /* it is not what the segments are already */
	bool sync_dir;              /* a group was put in place since the directory was flushed */

	/* The slice. */
	int64_t slice_until_ns;
	uint64_t slice_bytes, slice_bytes_max;
	struct clean_stats stats;
};

/* The segment that is written to. */
static inline struct segment *clean_dest(const struct cleaning *c)
{
	must(c->n_made > 0);
	return c->made[c->n_made - 1];
}

/* Removes what was made of the group and is not in place; what a failed SWAP has left is for recovery to
 * judge. */
int clean_drop_made(struct cleaning *c);

/* On a helper. 0 or negative errno; the phase is the next one when its work is done. */
int clean_map_slice(struct cleaning *c);
int clean_group_slice(struct cleaning *c);

/* Opens the source at `position` / closes it. */
int clean_open_source(struct cleaning *c, int64_t position);
void clean_close_source(struct cleaning *c);
/* The next batch of the source, whole: 1; 0 at its end; negative errno. */
int clean_next_batch(struct cleaning *c, struct batch *b);
/* The slice is used up, or the cleaning is given up. */
bool clean_slice_is_over(const struct cleaning *c);

#endif
