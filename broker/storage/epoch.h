/* epoch.h - which leader epoch began at which offset of a log (leader-epoch-checkpoint).
 *
 * Both columns rise. Belongs to its log. In memory; the file is written by the log: on a helper, and
 * before the recovery point passes what a new entry speaks of. (kafka.server.epoch.LeaderEpochFileCache)
 */
#ifndef SAMSA_STORAGE_EPOCH_H
#define SAMSA_STORAGE_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EPOCH_FILE "leader-epoch-checkpoint"

struct epoch_entry {
	int64_t start;
	int32_t epoch;
};

struct epochs {
	struct epoch_entry *entries;
	uint32_t n, room;
	bool dirty;  /* differs from the file */
	bool urgent; /* by more than epochs that were assigned: what batches may not tell */
};

void epochs_free(struct epochs *e);
/* Blocks. A missing file is empty; -EBADMSG a damaged one. */
int epochs_load(struct epochs *e, const char *path);
/* The file's text, to be freed; not dirty afterwards. */
char *epochs_text(struct epochs *e, size_t *n);

/* Drops entries at the end that contradict (epoch >= or start >= the new one), then adds; nothing to do
 * when the last entry has this epoch from an offset that is not later. */
void epochs_assign(struct epochs *e, int32_t epoch, int64_t start);
/* Drops entries that begin at or after `offset`. */
void epochs_truncate_end(struct epochs *e, int64_t offset);
/* The log begins at `offset` now: entries before it go, the one it falls into begins there. */
void epochs_truncate_start(struct epochs *e, int64_t offset);
void epochs_clear(struct epochs *e);

int32_t epochs_latest(const struct epochs *e); /* -1 when none */
/* The epoch that `offset` was written in; -1 when not known. */
int32_t epochs_at(const struct epochs *e, int64_t offset);
/* OffsetForLeaderEpoch. -1, -1 when not known. */
void epochs_end_offset(const struct epochs *e, int32_t epoch, int64_t log_end, int32_t *found, int64_t *end);

#endif
