/* logdirs.h - the broker's log directories (log.dirs): who owns them, what they hold, how they are left.
 *
 * The object belongs to the control reactor; functions marked "blocks" run in a job on its behalf (one at a
 * time) or before the reactors turn. What is in a directory beside partitions: README, and contract
 * disk_format section 1.
 *
 * Life: logdirs_open() makes and locks the directories -> logdirs_identify() -> logdirs_scan() finds the
 * partitions, which the caller opens, in parallel -> serving: checkpoints, logdirs_place() for new partitions
 * -> logdirs_close() marks them clean and lets them go.
 */
#ifndef SAMSA_STORAGE_LOGDIRS_H
#define SAMSA_STORAGE_LOGDIRS_H

#include "broker/base/list.h"
#include "broker/base/slice.h"
#include "broker/config/config.h"
#include "broker/storage/checkpoint.h"
#include "broker/storage/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOGDIRS_WHY_BYTES = 512 };

struct logdir {
	const char *path;
	char *name;               /* as clients know it: absolute, without a slash too many */
	bool offline;             /* failed: nothing in it is served */
	int lock;                 /* descriptor of .lock */
	enum log_stop stop;       /* how the broker before has left it */
	int n_logs;               /* partitions in it */
};

struct logdirs {
	unsigned magic;
	struct logdir *dirs;
	int n;
	int32_t broker_id;        /* of meta.properties; -1: none yet */
	char *cluster_id;         /* of meta.properties; NULL: none yet */
};

/* Blocks. NULL, and one line in `why`: a directory cannot be made, or is in use by another process. A
 * directory whose disk fails is offline; at least one must not be. */
struct logdirs *logdirs_open(const struct config_list *paths, char why[LOGDIRS_WHY_BYTES]);
/* Blocks. Writes meta.properties where it lacks something. -EINVAL and `why` when a directory belongs to
 * another broker or cluster. */
int logdirs_identify(struct logdirs *d, int32_t broker_id, const char *cluster_id,
		     char why[LOGDIRS_WHY_BYTES]);

/* One partition directory found. */
struct logdir_found {
	struct list link;
	int dir;                   /* index of its log directory */
	char *path;
	char *topic;
	int32_t partition;
	bool deleted;              /* "-delete": only to be removed */
	bool future;               /* "-future": a copy that was to become the replica */
	/* Another directory of this name: one of the two was being replaced by the other (see move.c). Both
	 * hold the same records; the one that reaches further is kept. */
	struct logdir_found *twin;
	int64_t recovery_point, start_offset, high_watermark; /* of the checkpoints; 0 without */
	int64_t cleaned;           /* the cleaner's; -1 without */
};

/* Blocks. Everything there is, in a list of struct logdir_found; takes the clean marker away, so that a crash
 * from here on is seen as one. -EINVAL and `why` for a directory whose name is no partition, or a partition
 * that is there twice. "-stray" directories are left alone. */
int logdirs_scan(struct logdirs *d, struct list *found, char why[LOGDIRS_WHY_BYTES]);
void logdir_found_free(struct logdir_found *f);

/* The directory for a new partition: the good one with the fewest. -1 when all are offline. */
int logdirs_place(struct logdirs *d);
/* "<path>/<topic>-<partition>", to be freed. */
char *logdirs_path(const struct logdirs *d, int dir, struct slice topic, int32_t partition);
/* "<path>/<topic>-<partition>.<uuid>-future", to be freed. NULL: the name would be too long. */
char *logdirs_future_path(const struct logdirs *d, int dir, struct slice topic, int32_t partition);
/* The directory that clients name so; -1: there is none. */
int logdirs_named(const struct logdirs *d, struct slice name);
/* Which directory a partition's path lies in. */
int logdirs_of(const struct logdirs *d, const char *partition_path);

enum logdir_checkpoint { LOGDIR_RECOVERY_POINTS, LOGDIR_START_OFFSETS, LOGDIR_HIGH_WATERMARKS,
			 LOGDIR_CLEANED, LOGDIR_CHECKPOINTS };

/* Blocks. Replaces one of the directory's checkpoint files; `c` is empty afterwards. The cleaner's is not
 * made before there is an entry for it. */
int logdirs_checkpoint(struct logdirs *d, int dir, enum logdir_checkpoint kind, struct checkpoint *c);

/* Blocks. All logs are closed: `clean` says of each directory whether all of them were closed in order. */
void logdirs_close(struct logdirs *d, const bool *clean);

/* ---- small private files beside meta.properties (mode 600), in the first good directory ---- */

/* Blocks. 0, -ENOENT, ...; `out` is to be freed. */
int logdirs_read_private(struct logdirs *d, const char *name, char **out, size_t *n);
int logdirs_write_private(struct logdirs *d, const char *name, const void *bytes, size_t n);

#endif
