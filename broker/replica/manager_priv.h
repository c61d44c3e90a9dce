/* manager_priv.h - inside the replica manager.
 *
 *	manager.c          the object, loading, failed directories
 *	manager_settings.c topics' settings and where they come from
 *	manager_apply.c    LeaderAndIsr, UpdateMetadata, StopReplica
 *	manager_clean.c    which log is cleaned next
 *	manager_dirs.c     what is in the log directories, for clients
 *	manager_moves.c    replicas move between them, as manager_alter.c is asked
 *	manager_upkeep.c   checkpoints, retention, flushing, expiry; closing
 */
#ifndef SAMSA_REPLICA_MANAGER_PRIV_H
#define SAMSA_REPLICA_MANAGER_PRIV_H

#include "broker/base/log.h"
#include "broker/cluster/shard.h"
#include "broker/reactor/call.h"
#include "broker/replica/manager.h"

#include <stdatomic.h>

#define MANAGER_MAGIC 0x3a7a9e70u
#define MANAGER_LOGGER "kafka.server.ReplicaManager"
#define MANAGER_LOG_LOGGER "kafka.log.LogManager"

/* What the control reactor remembers of a topic's settings. */
struct manager_topic {
	UT_hash_handle hh;
	struct topic_settings *settings;
	uint32_t name_bytes;
	char name[];
};

enum move_state { MOVE_WAITING, MOVE_RUNNING, MOVE_STALLED };

/* A replica on its way to another log directory (manager_moves.c). */
struct move {
	unsigned magic;
#define MOVE_MAGIC 0x3a7a40feu
	struct list link;        /* manager.moves, in the order in which they were asked for */
	uint64_t serial;
	struct slice topic;
	int32_t partition;
	int dir;                 /* where to */
	struct log *copy;        /* without a reactor; RUNNING: the fiber's that moves it */
	struct topic_settings *settings;
	enum move_state state;
	bool ready;              /* the replica has a role */
	bool cancelled;
	bool marked, flushed;    /* the copy's directory; the copy, once */
	bool found;              /* of before the start, and not looked at since */
	int64_t end, size, recovery_point; /* of the copy, when a helper let go of it last */
	int64_t replica_end;     /* when it was looked at last */
};

/* Where a replica is to be made that is not here yet. */
struct preference {
	struct list link;
	struct slice topic;
	int32_t partition;
	int dir;
};

/* Of one kind of checkpoint: rounds of writing. */
struct manager_saving {
	uint64_t begun, ended;
	struct fiber_event round; /* set, and begun anew, when one ends */
};

struct manager {
	unsigned magic;
	struct manager_config c;
	struct log_owner log_owner;
	struct hash_seed seed;
	struct manager_topic *topics;
	const struct config *config;  /* in force; a hold */
	int32_t controller_epoch; /* the highest that was heard */
	int64_t broker_epoch;
	atomic_int load_percent;
	bool refuses;             /* what controllers ask */
	bool closing;
	struct manager_saving saving[LOGDIR_CHECKPOINTS];
	struct list makings;      /* logs that are being made, by manager_apply.c */
	struct list moves, preferences;
	int n_preferences;
	uint64_t move_serial;
	int movers;               /* fibers that move */
	double moves_owed;        /* bytes that the throttle has not yet let pass, at moves_paid_ns */
	int64_t moves_paid_ns;
	bool altering;            /* AlterReplicaLogDirs: one at a time */
	/* Set, and begun anew: that is over; a move has ended; one is called off; the last mover ends. */
	struct fiber_event altered, move_ended, move_cancelled, movers_ended;
	struct list removals;     /* files of deleted partitions, by when they are due */
	unsigned applying;          /* LeaderAndIsr requests */
	struct fiber_event applied; /* none is left, while closing */
	bool removing;
	struct fiber_event removals_ended;
	struct cleaner *cleaner;    /* NULL: log.cleaner.enable=false */
	bool cleaned_is_stale;      /* a cleaned log was deleted: its checkpoint must not outlive it */
	int clocks;               /* fibers of upkeep that still run */
	struct fiber_event clocks_stopped;
	struct fiber_event close_begun;
};

/* A log directory has failed: all its logs go offline, the controller is told, and when it was the last one
 * the broker ends. `what` is the path that could not be written or read. On the control reactor. */
void manager_fail_dir(struct manager *m, int dir, const char *what, int error);
/* A new log at `path` in the directory, counted there from now on. NULL: its disk has failed, and the
 * directory with it. In a fiber. */
struct log *manager_make_log(struct manager *m, int dir, const char *path, struct slice topic, int32_t index,
			     const struct topic_config *config);

/* Writes cleaner-offset-checkpoint; waits until what is true now is in it. In a fiber. */
void manager_save_cleaned(struct manager *m);
/* `each` for every partition, on its core. In a fiber. */
void manager_sweep(struct manager *m, void (*each)(void *arg, struct partition *p), void *arg);

/* Its fiber counts among the clocks; it ends when the manager closes. */
void manager_start_cleaner(struct manager *m);
void manager_stop_cleaner(struct manager *m);
/* Settings have changed: it looks again at once. */
void manager_wake_cleaner(struct manager *m);
void manager_free_cleaner(struct manager *m);

/* All checkpoints are written, as of now. In a fiber. */
void manager_save_checkpoints(struct manager *m);
/* A log without a reactor is renamed, and removed file.delete.delay.ms later. In a fiber. */
enum kerr manager_discard(struct manager *m, struct slice topic, int32_t index, struct log *log);

/* ---- moves; in a fiber ---- */
/* The one of this replica that is not called off; NULL. */
struct move *manager_find_move(const struct manager *m, struct slice topic, int32_t partition);
/* Takes the copy and the hold on its settings. */
void manager_begin_move(struct manager *m, struct slice topic, int32_t partition, int dir, struct log *copy,
			struct topic_settings *settings);
/* Calls it off, and returns when it has ended. */
void manager_end_move(struct manager *m, struct slice topic, int32_t partition);
/* A copy found on disk; holds the settings. */
void manager_found_copy(struct manager *m, const struct logdir_found *f, struct log *copy,
			struct topic_settings *settings);
/* The replica has a role: its copy of before a start may follow it. */
void manager_move_may_begin(struct manager *m, struct slice topic, int32_t partition);
/* The replica is deleted; the directory has failed. */
void manager_cancel_move(struct manager *m, struct slice topic, int32_t partition);
void manager_cancel_moves_to(struct manager *m, int dir);
/* The manager closes: returns when no fiber has a copy. */
void manager_stop_moves(struct manager *m);
/* Their copies are closed. */
void manager_forget_moves(struct manager *m);
/* The directory in which the replica is to be made, once; -1: any. */
int manager_take_preference(struct manager *m, struct slice topic, int32_t partition);

/* The settings in force, read from ZooKeeper when they are not known; borrowed. In a fiber. */
struct topic_settings *manager_settings(struct manager *m, struct slice topic);
void manager_settings_free(struct manager *m);
void manager_forget_settings(struct manager *m, struct slice topic);
struct manager_topic *manager_topic_find(const struct manager *m, struct slice topic);

/* Gives an open log to its home core. */
struct manager_adopt {
	struct manager *m;
	struct slice topic;
	int32_t partition;
	struct log *log;
	struct topic_settings *settings;
	int64_t high_watermark;
};
void manager_adopt(struct manager *m, struct manager_adopt *a);

static inline int manager_home(const struct manager *m, struct slice topic, int32_t partition)
{
	return shard_home(topic, partition, m->c.n_cores);
}

#endif
