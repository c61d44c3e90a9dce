/* zk_lib_priv.h - zk.h over the C client library: what zk.c, zk_call.c and zk_handle.c share.
 *
 * Threads. The owner calls zk.h (zk.c, zk_call.c's sending half). The library runs its completions and its
 * watcher on a thread of its own; they copy what they get and post it (zk_call.c's other half, zk_handle.c).
 * Each struct zk has one more thread (zk_handle.c) for what blocks: looking up names, opening and closing the
 * library's handle.
 *
 * A request that has been sent is the library's until its completion has posted it; everything else in struct
 * zk but `shared` is the owner's.
 */
#ifndef SAMSA_ZKUTIL_ZK_LIB_PRIV_H
#define SAMSA_ZKUTIL_ZK_LIB_PRIV_H

#include "zkutil/connect.h"
#include "zkutil/zk_priv.h"

#include <pthread.h>
#include <zookeeper/zookeeper.h>

enum {
	ZK_RETRY_MS = 1000,    /* between two attempts to look up names */
	ZK_LOG_EVERY_MS = 1000, /* a line of the library at most so often */
	ZK_ADDRESSES_MAX = 256,
};

/* What the handle's thread is told to do. */
enum zk_order { ZK_STAY, ZK_LEAVE, ZK_VANISH };

struct zk {
	unsigned magic;
#define ZK_MAGIC 0x7a6b0c11
	struct zk_config config;     /* its connect string is in `connect` */
	struct zk_connect connect;
	enum zk_state state;
	struct zk_session session;
	bool leaving;                /* zk_close() or zk_abandon() was called */
	zhandle_t *handle;           /* NULL until connected and when leaving */

	struct list waiting;         /* requests, by number */
	unsigned n_waiting;
	struct list sent;            /* the library's, or posted already */
	unsigned n_sent;
	uint64_t next_number;

	pthread_t thread;
	struct zk_event closed;      /* the thread's last word */
	struct {
		pthread_mutex_t lock;
		pthread_cond_t changed;
		enum zk_order order;
		bool lost;           /* no connection: names may have moved */
	} shared;
};

/* zk_call.c */
/* Hands `r` to the library; it comes back by its event. ZK_OK, or why the library did not take it. */
enum zk_err zk_call_start(struct zk *zk, struct zk_req *r);
enum zk_err zk_call_error(int rc);

/* zk_handle.c */
int zk_handle_start(struct zk *zk);
void zk_handle_order(struct zk *zk, enum zk_order order);
/* After `closed` was delivered. */
void zk_handle_finish(struct zk *zk);

/* zk.c, on the owner's thread. */
void zk_on_request(struct zk *zk, struct zk_event *ev);
void zk_on_session(struct zk *zk, enum zk_state state, zhandle_t *handle, const struct zk_session *session);
void zk_on_change(struct zk *zk, enum zk_change change, const char *path);
void zk_on_closed(struct zk *zk, struct zk_event *ev);

#endif
