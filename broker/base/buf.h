/* buf.h - counted memory and the chain of links that leaves through a socket.
 *
 * A struct buf is one allocation with an atomic count, so that a frame received on one core may be held by
 * another. A chain is a queue of links; a link is borrowed memory or a range of an open file. Each link keeps
 * what it points into alive by a `hold` that is dropped when its last byte has left. Chains belong to one
 * core.
 */
#ifndef SAMSA_BASE_BUF_H
#define SAMSA_BASE_BUF_H

#include "broker/base/slice.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Anything that is kept alive by counting: `drop` runs on the core that let the last hold go. */
struct hold {
	atomic_uint count;
	void (*drop)(struct hold *h);
};

static inline struct hold *hold_get(struct hold *h)
{
	atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
	return h;
}

static inline void hold_put(struct hold *h)
{
	if (h && atomic_fetch_sub_explicit(&h->count, 1, memory_order_acq_rel) == 1)
		h->drop(h);
}

struct buf {
	struct hold hold;
	uint32_t size; /* bytes of room */
	uint32_t used; /* bytes filled, for whoever fills it */
	uint8_t bytes[];
};

/* A buffer with one hold, or NULL without memory. */
struct buf *buf_new(size_t size);

static inline struct buf *buf_get(struct buf *b)
{
	hold_get(&b->hold);
	return b;
}

static inline void buf_put(struct buf *b)
{
	if (b)
		hold_put(&b->hold);
}

/* Whether the caller has the only hold, and so may write over the bytes. */
static inline int buf_is_mine(struct buf *b)
{
	return atomic_load_explicit(&b->hold.count, memory_order_acquire) == 1;
}

enum link_kind { LINK_MEM, LINK_FILE };

struct link {
	struct link *next;
	struct hold *hold; /* may be NULL: static memory */
	enum link_kind kind;
	int fd;            /* LINK_FILE */
	uint64_t n;        /* bytes left */
	union {
		const uint8_t *p; /* LINK_MEM */
		int64_t offset;   /* LINK_FILE */
	};
};

struct chain {
	struct link *first, **last;
	uint64_t bytes; /* sum of n */
};

void chain_init(struct chain *c);
/* Both take over the caller's hold. Empty ranges are dropped at once. */
void chain_add_mem(struct chain *c, const void *p, size_t n, struct hold *hold);
void chain_add_file(struct chain *c, int fd, int64_t offset, uint64_t n, struct hold *hold);
/* Moves all links of `from` behind those of `to`. */
void chain_append(struct chain *to, struct chain *from);
/* The first `n` bytes have left: drops links that are spent. */
void chain_consume(struct chain *c, uint64_t n);
void chain_clear(struct chain *c);
/* The first `n` bytes of the file link at `*at`, a place in the chain, are at `p` in memory too: they become
 * a link of memory that takes over the caller's `hold`. */
void chain_loaded(struct chain *c, struct link **at, size_t n, const void *p, struct hold *hold);

#endif
