/* zk.h - an asynchronous client of one ZooKeeper session.
 *
 * What lies below it is chosen when a program is linked: the C client library, or a simulated ZooKeeper in
 * tests/sim (zk_link.h is the seam). Everything here belongs to one thread, the owner's (the control reactor
 * in a broker): the owner calls, and every callback runs on it. What happens elsewhere arrives as a struct
 * zk_event through the caller's post(), from any thread; the owner then calls zk_deliver(), which runs the
 * callback.
 *
 * Life of a session: zk_open -> CONNECTED <-> DISCONNECTED ... -> EXPIRED or AUTH_FAILED (or neither) ->
 * zk_close or zk_abandon -> CLOSED, after which the object is gone. A session that has expired is closed and
 * another one opened.
 *
 * Life of a request: zk_req_get() or another zk_req_*() fills it, zk_send() gives it away, done() gives it
 * back exactly once with the answer, zk_req_fini() frees the answer. What the caller passes in (paths, data,
 * the ops of a multi, the request itself) is borrowed until done().
 *
 * Rules of Kafka's client (kafka.zookeeper.ZooKeeperClient): at most max_in_flight requests are on the wire,
 * the rest waits in order; a request that lost its connection is sent again once there is a new one, so a
 * write may find its own success (NODEEXISTS, BADVERSION) and the caller reads back; every other answer is
 * the caller's. Requests outlive a lost connection but not the session: on expiry they end with
 * ZK_SESSION_EXPIRED, on close with ZK_CLOSING.
 */
#ifndef SAMSA_ZKUTIL_ZK_H
#define SAMSA_ZKUTIL_ZK_H

#include "broker/base/list.h"
#include "broker/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	ZK_ANY_VERSION = -1,                 /* set and delete whatever the version */
	ZK_MAX_BUFFER_BYTES = 4 << 20,       /* of a request: jute.maxbuffer, as Kafka sets it */
	ZK_SERVER_BUFFER_BYTES = 0xfffff,    /* jute.maxbuffer of a server by default; it hangs up on more, */
	ZK_BIG_LOSSES_MAX = 3,               /* so a larger request may lose its connection so often */
	ZK_QUEUE_MAX = 262144,               /* requests that wait; more end with ZK_TOO_MANY */
	ZK_MULTI_MAX = 1024,                 /* operations in one transaction */
	ZK_IN_FLIGHT_DEFAULT = 10,           /* zookeeper.max.in.flight.requests */
	ZK_PASSWD_BYTES = 16,
	ZK_PORT = 2181,                      /* where zookeeper.connect names none */
};

enum zk_err {
#define X(name, code, text) ZK_##name,
#include "zkutil/zk_err.tbl"
#undef X
};

const char *zk_err_text(enum zk_err err);

struct zk_stat {
	int64_t czxid;
	int64_t mzxid;
	int64_t pzxid;
	int64_t ctime_ms;
	int64_t mtime_ms;
	int64_t ephemeral_owner; /* session id; 0 for a persistent node */
	int32_t version;
	int32_t cversion;
	int32_t aversion;
	int32_t data_bytes;
	int32_t children;
};

enum zk_mode { ZK_PERSISTENT, ZK_EPHEMERAL, ZK_PERSISTENT_SEQUENTIAL, ZK_EPHEMERAL_SEQUENTIAL };

/* ---- one write, alone or as a part of a multi ---- */

enum zk_op_kind { ZK_OP_CREATE, ZK_OP_SET, ZK_OP_DELETE, ZK_OP_CHECK };

struct zk_op {
	enum zk_op_kind kind;
	const char *path;
	struct slice data; /* create, set; SLICE_NULL is null data, which is not the same as empty */
	int32_t version;   /* set, delete, check: what is expected, or ZK_ANY_VERSION */
	enum zk_mode mode; /* create; for everyone to read and write (OPEN_ACL_UNSAFE) */
	/* the answer */
	enum zk_err err;
	struct zk_stat stat; /* set */
	char *created;       /* create: the path, with its number when sequential */
};

struct zk_op zk_op_create(const char *path, struct slice data, enum zk_mode mode);
struct zk_op zk_op_set(const char *path, struct slice data, int32_t version);
struct zk_op zk_op_delete(const char *path, int32_t version);
struct zk_op zk_op_check(const char *path, int32_t version);

/* ---- requests ---- */

struct zk;
struct zk_req;

/* What has happened elsewhere. `room` is the poster's, to queue it by; a struct msg of the reactor fits. */
struct zk_event {
	void *room[2];
	void (*run)(struct zk *zk, struct zk_event *ev); /* zk_deliver's */
};

enum zk_req_kind { ZK_REQ_GET, ZK_REQ_EXISTS, ZK_REQ_CHILDREN, ZK_REQ_WRITE, ZK_REQ_MULTI };

struct zk_req {
	unsigned magic;
#define ZK_REQ_MAGIC 0x7a6b5271
	enum zk_req_kind kind;
	const char *path;  /* of a read */
	bool watch;        /* a read leaves a one-shot watch: zk_config.on_watch */
	struct zk_op *ops; /* of a write: own[] or the caller's */
	unsigned n_ops;
	struct zk_op own[2]; /* the guard and the write */
	bool guarded;
	void (*done)(struct zk_req *req);
	void *ctx; /* the caller's */

	/* the answer */
	enum zk_err err;
	struct zk_stat stat;  /* get, exists, children, set */
	struct slice data;    /* get: null data is SLICE_NULL */
	char **children;      /* children: names, in no order */
	unsigned n_children;

	/* the implementation's */
	struct zk *zk;
	struct zk_event event;
	struct list link;
	uint64_t number;  /* in the order of zk_send() */
	unsigned losses;  /* connections that it was lost with */
	uint32_t bytes;   /* of paths and data */
	void *call;
	void *memory;     /* what data and children lie in */
};

/* A path of a request starts with '/' and leaves the chroot aside. Each begins a request in raw memory;
 * finish the one before with zk_req_fini(). */
void zk_req_get(struct zk_req *r, const char *path, bool watch);
/* NONODE is an answer like another, and leaves the watch too. */
void zk_req_exists(struct zk_req *r, const char *path, bool watch);
void zk_req_children(struct zk_req *r, const char *path, bool watch);
/* The answer is in r->err, r->stat (set) and zk_req_created() (create). */
void zk_req_write(struct zk_req *r, struct zk_op op);
/* All or nothing. r->err is ZK_OK or the error of the first operation that failed; ops[i].err tells each. */
void zk_req_multi(struct zk_req *r, struct zk_op *ops, unsigned n);
/* Turns a zk_req_write into multi{check(path, version), write}: r->err is ZK_FENCED when the check failed,
 * else what the write itself ended in. */
void zk_req_guard(struct zk_req *r, const char *path, int32_t version);
const char *zk_req_created(const struct zk_req *r);
/* Frees the answer; the request may be sent again. */
void zk_req_forget(struct zk_req *r);
/* Frees the answer. Not between zk_send() and done(). */
void zk_req_fini(struct zk_req *r);

/* Never calls done() before it returns. */
void zk_send(struct zk *zk, struct zk_req *r, void (*done)(struct zk_req *req), void *ctx);

/* ---- sessions ---- */

struct zk_session {
	int64_t id; /* 0: none */
	uint8_t passwd[ZK_PASSWD_BYTES];
	int32_t timeout_ms; /* as the server granted it */
};

enum zk_state {
	ZK_CONNECTING,   /* never connected yet */
	ZK_CONNECTED,    /* zk_session() tells id and password */
	ZK_DISCONNECTED, /* the session may live on; watches survive if it does */
	ZK_EXPIRED,      /* watches and ephemerals are gone; only zk_close() is of use */
	ZK_AUTH_FAILED,  /* likewise */
	ZK_CLOSED,       /* the last word: every request is done, the zk is gone when on_state() returns */
};

const char *zk_state_name(enum zk_state state);

/* What happened to a node that a read with `watch` was sent for. One event ends the watch. Reads of one path
 * share it: data and exists one, children another; DELETED ends both. */
enum zk_change { ZK_NODE_CREATED, ZK_NODE_DELETED, ZK_NODE_CHANGED, ZK_CHILDREN_CHANGED };

struct zk_config {
	const char *connect;       /* zookeeper.connect: host[:port],host[:port]...[/chroot] */
	bool no_chroot;            /* leave the chroot aside: whoever creates the chroot itself */
	int session_timeout_ms;
	unsigned max_in_flight;    /* 0: ZK_IN_FLIGHT_DEFAULT */
	struct zk_session resume;  /* id 0: a new session. EXPIRED when the server knows it no more */
	void *ctx;
	void (*post)(void *ctx, struct zk_event *ev); /* any thread, the owner's too; order must be kept */
	void (*on_state)(void *ctx, enum zk_state state);
	void (*on_watch)(void *ctx, enum zk_change change, const char *path);
};

/* Begins a session and returns at once: names are resolved and connections made elsewhere, for as long as it
 * takes. `c` and what it points to are copied. -EINVAL for a connect string that cannot be
 * (zk_connect_parse() says why). */
int zk_open(struct zk **zk, const struct zk_config *c);
/* Ends the session at the server when it can be reached (some seconds at most), else it is left to expire.
 * Requests end with ZK_CLOSING. */
void zk_close(struct zk *zk);
/* Leaves without a word: the session lives on at the server until its timeout, and can be resumed. */
void zk_abandon(struct zk *zk);
/* Runs what was posted. Once for each event, in the order of posting. */
void zk_deliver(struct zk *zk, struct zk_event *ev);

enum zk_state zk_state(const struct zk *zk);
/* Of the last CONNECTED; id 0 before the first. */
const struct zk_session *zk_session(const struct zk *zk);

#endif
