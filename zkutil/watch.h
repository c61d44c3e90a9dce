/* watch.h - a node that is read again whenever it changes.
 *
 * ZooKeeper's watches fire once and die with the session. A struct watch reads its node and leaves a watch,
 * reads it again after every event, and again in every new session; each time the answer is handed to
 * changed(), which so sees every state that lasts but not every state there was. A node that does not exist
 * is an answer too (ZK_NONODE).
 *
 * For what is watched for long by name: notifications, /controller, /feature. All belongs to the owner of the
 * zk.
 */
#ifndef SAMSA_ZKUTIL_WATCH_H
#define SAMSA_ZKUTIL_WATCH_H

#include "zkutil/zk.h"

enum watch_kind { WATCH_DATA, WATCH_EXISTS, WATCH_CHILDREN };

enum watch_state {
	WATCH_IDLE,    /* not read yet in this session, or told of an error that no watch comes with */
	WATCH_READING,
	WATCH_STALE,   /* being read, but something has happened since */
	WATCH_ARMED,
};

struct watches {
	unsigned magic;
#define WATCHES_MAGIC 0x77617463
	struct zk *zk; /* NULL: no session */
	struct list all;
};

struct watch {
	unsigned magic;
#define WATCH_MAGIC 0x77617431
	struct watches *home;
	struct list link;
	enum watch_kind kind;
	enum watch_state state;
	bool leaving;
	const char *path; /* the caller's, as long as the watch is */
	struct zk_req req;
	void (*changed)(struct watch *w, const struct zk_req *answer);
	void (*gone)(struct watch *w); /* or NULL; after watch_remove() the memory is the caller's again */
	void *ctx;
};

void watches_init(struct watches *s);
/* A session was established: reads everything. NULL: it is over, or about to be closed. A session that was
 * merely disconnected needs no call. */
void watches_session(struct watches *s, struct zk *zk);
/* From zk_config.on_watch. */
void watches_event(struct watches *s, enum zk_change change, const char *path);

/* Reads at once when there is a session. Fill in kind, path, changed, gone and ctx before. */
void watch_add(struct watches *s, struct watch *w);
/* No changed() after it. gone() may be called before it returns. */
void watch_remove(struct watch *w);

#endif
