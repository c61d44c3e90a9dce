/* lease.h - memory for bytes in flight: buffers that a core takes while it needs them and that come back to
 * it.
 *
 * A lease is a struct buf from a pool. The owner core takes; whoever drops the last hold, on any core, gives
 * it back. Buffers that came back are kept for the next one, in size classes, as fresh memory costs a page
 * fault for every 4 KiB. The pool counts what is out and refuses past its budget: that is how memory for
 * frames is bounded.
 */
#ifndef SAMSA_NET_LEASE_H
#define SAMSA_NET_LEASE_H

#include "broker/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LEASE_CLASS_BYTES = 64 * 1024,          /* the smallest class; each next one is twice that */
	/* more than that in each class: a frame is a batch and a little */
	LEASE_SLACK_BYTES = 8 * 1024,
	LEASE_CLASSES = 6,                      /* up to 2 MiB; what is larger is not kept */
	LEASE_SMALL_BYTES = 32 * 1024,          /* up to this it is plain malloc's affair */
	LEASE_KEPT_MAX_BYTES = 4 * 1024 * 1024, /* of buffers that nobody uses, in one pool */
};

struct lease_pool;

struct lease_pool *lease_pool_new(int64_t budget_bytes);
/* Leases that are still out keep it alive. */
void lease_pool_free(struct lease_pool *pool);

/* A buffer of at least `bytes`, with one hold; NULL when the budget is spent or there is no memory. The
 * budget may be overdrawn by one lease. The owner core. */
struct buf *lease_take(struct lease_pool *pool, size_t bytes);
/* Whatever the budget says; NULL only without memory. For what ends something that holds memory. */
struct buf *lease_take_anyway(struct lease_pool *pool, size_t bytes);
/* Any core. */
bool lease_spent(const struct lease_pool *pool);
int64_t lease_out_bytes(const struct lease_pool *pool);
int64_t lease_free_bytes(const struct lease_pool *pool); /* of the budget */

#endif
