/* zkc.h - the broker's ZooKeeper client: one that outlives its sessions, with calls that fibers can wait in.
 *
 * Belongs to the control reactor. Below it lies zkutil/zk.h, where a session ends when it expires; here the
 * next one is opened at once, whoever registered is told, and a call made meanwhile waits for it. Kafka's
 * counterpart is kafka.zookeeper.ZooKeeperClient with its reinitialize().
 *
 * The order at an expiry (contract: zk_schema, section 7): on_expired() of all listeners, a new session,
 * on_session() of all listeners. Watches do not survive: listeners read again what they watch.
 */
#ifndef SAMSA_CLUSTER_ZKC_H
#define SAMSA_CLUSTER_ZKC_H

#include "broker/base/list.h"
#include "broker/metrics/metrics.h"
#include "broker/reactor/fiber.h"
#include "zkutil/zk.h"

#include <stdbool.h>

struct zkc;

struct zkc_listener {
	struct list link;
	void (*on_expired)(struct zkc_listener *l); /* may be NULL */
	void (*on_session)(struct zkc_listener *l); /* a session after the first one; may be NULL */
};

/* Told of a change to `path` that a read with `watch` was sent for. Registered handlers stay; watches are
 * one-shot and are set anew by the next read. */
struct zkc_watch {
	struct list link;
	const char *path;  /* borrowed while registered */
	bool children;     /* ZK_CHILDREN_CHANGED of it and deleted; else created, deleted and changed */
	void (*changed)(struct zkc_watch *w, enum zk_change change);
};

struct zkc_config {
	const char *connect;
	int session_timeout_ms;
	int connection_timeout_ms; /* after it, waiting is told as an error, once */
	unsigned max_in_flight;
	/* A session that this broker left behind when it was killed: ended before the first own one begins,
	 * so that its ephemeral nodes do not stand in the way. id 0: none. */
	struct zk_session left_behind;
	/* Told of each session, for safekeeping. May be NULL. */
	void (*keep)(void *arg, const struct zk_session *session);
	void *arg;
	struct metrics_core *metrics; /* the control reactor's; NULL: nothing is counted */
};

/* Opens the first session; waits, and says so in the log, for as long as it takes. In a fiber. NULL when
 * `connect` cannot be (one line was logged). */
struct zkc *zkc_open(struct reactor *control, const struct zkc_config *config);
/* Begins to end the session: calls that wait, and all that follow, end with ZK_CLOSING. On the control
 * reactor. */
void zkc_shut(struct zkc *z);
/* The same, and waits for its end. In a fiber. False when no server could be told: the session lives there
 * until it expires. */
bool zkc_close(struct zkc *z);
void zkc_free(struct zkc *z);

void zkc_listen(struct zkc *z, struct zkc_listener *l);
void zkc_unlisten(struct zkc *z, struct zkc_listener *l);
void zkc_watch(struct zkc *z, struct zkc_watch *w);
void zkc_unwatch(struct zkc *z, struct zkc_watch *w);

bool zkc_connected(const struct zkc *z);
/* Whether zkc_close() has begun: from then on every call ends with ZK_CLOSING. */
bool zkc_is_closing(const struct zkc *z);
/* Of the session as it is now. */
const struct zk_session *zkc_session(const struct zkc *z);

/* ---- for metrics ---- */
struct zkc_figures {
	const char *state; /* as the Java client names it: "CONNECTED" */
	uint64_t connects, disconnects, expires, auth_failures;
};
void zkc_figures(const struct zkc *z, struct zkc_figures *out);

/* ---- calls: in a fiber; each waits until its requests are answered and gives the (first) error ---- */

/* From the end of zkc_open() until this call a request that ends with its session is sent again over the
 * next one: who starts has nothing yet that another could have taken in between. Afterwards that end is
 * the caller's. */
void zkc_started(struct zkc *z);
enum zk_err zkc_call(struct zkc *z, struct zk_req *req);
/* All at once, pipelined. */
void zkc_call_all(struct zkc *z, struct zk_req *reqs, size_t n);
/* Creates a persistent node with null data, its parents too. OK when it is there already. */
enum zk_err zkc_make_path(struct zkc *z, const char *path);
/* Creates a persistent node with `data`; its parents too, with null data. NODEEXISTS as from ZooKeeper. */
enum zk_err zkc_create(struct zkc *z, const char *path, struct slice data);
/* Deletes the node and all below; OK when there is none. Each delete is guarded (zk_req_guard) when `guard`
 * is set. */
enum zk_err zkc_delete_tree(struct zkc *z, const char *path, const char *guard, int32_t guard_version);

#endif
