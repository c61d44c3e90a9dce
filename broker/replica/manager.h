/* manager.h - the replicas of this broker as a whole, on the control reactor: loads them at start, makes,
 * drops and deletes them as the controller says, keeps checkpoints and retention going, and closes them at
 * the end.
 *
 * Functions that wait run in a fiber. Data stays with the home cores: what the manager wants done there it
 * asks for with call_run() (reactor/call.h). Facts: kafka.server.ReplicaManager and kafka.log.LogManager of
 * 3.9; contract: coordination section 4.
 */
#ifndef SAMSA_REPLICA_MANAGER_H
#define SAMSA_REPLICA_MANAGER_H

#include "broker/cluster/metastore.h"
#include "broker/cluster/zkc.h"
#include "broker/config/config.h"
#include "broker/replica/partition.h"
#include "broker/storage/logdirs.h"

struct manager;
struct leader_and_isr_request;
struct leader_and_isr_response;
struct update_metadata_request;
struct stop_replica_request;
struct stop_replica_response;

struct manager_config {
	struct reactor *control;
	struct reactor **reactors; /* of the cores */
	struct replicas **replicas;
	int n_cores;
	const struct config *config; /* at the start */
	struct zkc *zkc;
	struct logdirs *logdirs;
	struct metastore *metastore;
	int32_t broker_id;
	/* No log directory is left: the broker must end. On the control reactor. */
	void (*all_failed)(void *arg);
	void *arg;
};

struct manager *manager_new(const struct manager_config *config);
void manager_free(struct manager *m);
/* Where the cores' replicas report failed logs; for replicas_new(). Lives as long as the manager. */
struct log_owner *manager_log_owner(struct manager *m);

/* Opens every partition found on disk, in parallel, and gives each to its home core. False, after one line in
 * the log, when the broker must not start. */
bool manager_load(struct manager *m);
/* 0 to 100, for /startupz. Any thread. */
int manager_load_percent(const struct manager *m);
/* Checkpoints, retention, flushes, expiry of producers: begins their clocks. */
void manager_start(struct manager *m);
/* In a fiber: returns when the log start offsets of now are in the checkpoints. */
void manager_save_start_offsets(struct manager *m);
/* What the log cleaner has seen and done; all directories beside `uncleanable`. */
struct manager_uncleanable {
	int partitions;
	uint64_t bytes;           /* that would be cleaned */
};

struct manager_cleaner_figures {
	double dirtiest;          /* share of the dirtiest log, 0 to 1 */
	int64_t delay_ms;         /* by which the most overdue log is over max.compaction.lag.ms */
	int64_t looked_ms;        /* wall clock: when it last looked for work */
	uint64_t last_bytes_read, last_bytes_written; /* of the last cleaning */
	int64_t last_ns;
	double last_fill;         /* of its map of keys, 0 to 1 */
	uint64_t io_bytes;        /* read and written, ever */
	struct manager_uncleanable *uncleanable; /* in each log directory; the manager's, until it is freed */
	int n_dirs;
};
/* False: it is switched off. On the control reactor. */
bool manager_cleaner_figures(const struct manager *m, struct manager_cleaner_figures *out);

/* Replicas on their way to another log directory. */
struct manager_move_figures {
	int64_t lag_max;          /* records that one lacks there */
	int failed;               /* that cannot get on */
};
void manager_move_figures(const struct manager *m, struct manager_move_figures *out);
/* The broker goes down: what controllers ask from now on is refused, also the rest of what is under way. */
void manager_refuse(struct manager *m);
/* Closes every log and leaves the directories marked clean. */
void manager_close(struct manager *m);

/* ---- what a controller says; each answers as a broker would (top-level errors, too) ---- */
void manager_leader_and_isr(struct manager *m, const struct leader_and_isr_request *req,
			    struct leader_and_isr_response *resp, struct arena *arena);
enum kerr manager_update_metadata(struct manager *m, const struct update_metadata_request *req);
void manager_stop_replica(struct manager *m, const struct stop_replica_request *req,
			  struct stop_replica_response *resp, struct arena *arena);
/* The epoch of this broker's registration: requests for an older one are refused. */
void manager_set_broker_epoch(struct manager *m, int64_t epoch);

/* ---- log directories, as clients see them ---- */

struct manager_replica {
	int dir;
	char *topic;
	int32_t partition;
	bool future;        /* a copy that is to become the replica */
	int64_t size, end;  /* bytes; log end */
	int64_t lag;        /* of offsets; -1: not known */
};

struct manager_dir {
	const char *name;
	bool offline;
	struct sys_space space; /* -1: not known */
};

/* `replicas` by directory, topic, partition; free it by manager_dirs_free(). */
struct manager_dirs {
	struct manager_dir *dirs;
	int n_dirs;
	struct manager_replica *replicas;
	size_t n, room;
};

/* In a fiber. */
void manager_describe_dirs(struct manager *m, struct manager_dirs *out);
void manager_dirs_free(struct manager_dirs *d);

/* AlterReplicaLogDirs, of one replica: it moves there, which takes its time; a move to elsewhere is called
 * off. REPLICA_NOT_AVAILABLE: it is not here, and is to be made there when a controller wants it. In a
 * fiber. */
enum kerr manager_move(struct manager *m, struct slice topic, int32_t partition, struct slice dir_name);

/* Topics' settings were changed in ZooKeeper: read and applied, all at once. What cannot be read stays as it
 * was. In a fiber. */
void manager_topics_settings_changed(struct manager *m, const char *const *topics, size_t n);
/* The broker's settings are these from now on; topics that say nothing themselves follow. In a fiber. */
void manager_set_config(struct manager *m, const struct config *now);

#endif
