/* zk_link.h - zk.h in two halves. The upper one (zk.c, zk_req.c) is the session and its queue as the
 * owner sees them, the same in every world. The lower one, the link, is what speaks to a server:
 * zk_call.c and zk_handle.c over the C client library, or tests/sim/zk_sim.c in the simulated world; a
 * program links one or the other.
 *
 * A request that was handed to the link is the link's until it has posted it; struct zk is the owner's.
 */
#ifndef SAMSA_ZKUTIL_ZK_LINK_H
#define SAMSA_ZKUTIL_ZK_LINK_H

#include "zkutil/connect.h"
#include "zkutil/zk.h"

struct zk_link;

struct zk {
	unsigned magic;
#define ZK_MAGIC 0x7a6b0c11
	struct zk_config config;     /* its connect string is in `connect` */
	struct zk_connect connect;
	enum zk_state state;
	struct zk_session session;
	bool leaving;                /* zk_close() or zk_abandon() was called: no more for the link */

	struct list waiting;         /* requests, by number */
	unsigned n_waiting;
	struct list sent;            /* the link's, or posted already */
	unsigned n_sent;
	uint64_t next_number;

	struct zk_link *link;
	struct zk_event closed;      /* the link's last word; it sets `run` to zk_on_closed and posts it */
};

/* ---- requests (zk_req.c) ---- */

/* Once err and the ops' own errors are in: what the caller of a single, perhaps guarded write sees. */
void zk_req_settle(struct zk_req *r);
/* Of paths and data; what ZK_MAX_BUFFER_BYTES limits. */
uint32_t zk_req_bytes(const struct zk_req *r);

/* ---- the link: called on the owner's thread ---- */

enum zk_order { ZK_STAY, ZK_LEAVE, ZK_VANISH };

/* Makes zk->link, which looks for a server until there is one. 0 or -errno. */
int zk_link_start(struct zk *zk);
/* Tells it to go, with a word to the server or without. It then posts zk->closed, after all else. */
void zk_link_order(struct zk *zk, enum zk_order order);
/* After `closed` was delivered: frees zk->link. */
void zk_link_finish(struct zk *zk);
/* Hands `r` over while there is a connection; it comes back by zk_post_request(). ZK_OK, or why it was
 * not taken. */
enum zk_err zk_call_start(struct zk *zk, struct zk_req *r);

/* ---- what the link tells: any thread; the owner hears of it in the order of these calls ---- */

/* `session` counts when `state` is ZK_CONNECTED. */
void zk_post_session(struct zk *zk, enum zk_state state, const struct zk_session *session);
/* `path` with the chroot. */
void zk_post_change(struct zk *zk, enum zk_change change, const char *path);
/* The answer is in `r`. */
void zk_post_request(struct zk_req *r, enum zk_err err);
/* Runs zk->closed. */
void zk_on_closed(struct zk *zk, struct zk_event *ev);

#endif
