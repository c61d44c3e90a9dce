/* zk_lib_priv.h - the link to ZooKeeper through the C client library: what zk_call.c and zk_handle.c share.
 *
 * Threads. The owner calls the link (zk_link.h). The library runs its completions and its watcher on a
 * thread of its own; they copy what they get and post it. Each link has one more thread (zk_handle.c) for
 * what blocks: looking up names, opening and closing the library's handle.
 */
#ifndef SAMSA_ZKUTIL_ZK_LIB_PRIV_H
#define SAMSA_ZKUTIL_ZK_LIB_PRIV_H

#include "zkutil/zk_link.h"

#include <pthread.h>
#include <zookeeper/zookeeper.h>

enum {
	ZK_RETRY_MS = 1000,    /* between two attempts to look up names */
	ZK_LOG_EVERY_MS = 1000, /* a line of the library at most so often */
	ZK_ADDRESSES_MAX = 256,
};

struct zk_link {
	unsigned magic;
#define ZK_LINK_MAGIC 0x7a6b117e
	zhandle_t *handle;           /* written once, before the first CONNECTED is posted */
	pthread_t thread;
	struct {
		pthread_mutex_t lock;
		pthread_cond_t changed;
		enum zk_order order;
		bool lost;           /* no connection: names may have moved */
	} shared;
};

#endif
