/* frames_priv.h - the input of one connection, cut into frames: four bytes of size, then that many bytes.
 *
 * Every frame is delivered contiguous in one buffer. Small ones are received many at once into the lane's
 * arena, which all connections share, and are used where they lie. One that does not end there gets a buffer
 * of exactly its size, and the rest is received right into it. A connection that sends large frames is
 * expected to go on so: its next read goes into a buffer of its own, so that nothing has to be moved. Between
 * frames it keeps no memory.
 */
#ifndef SAMSA_NET_FRAMES_PRIV_H
#define SAMSA_NET_FRAMES_PRIV_H

#include "broker/base/buf.h"
#include "broker/base/slice.h"
#include "broker/net/lane_priv.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	FRAMES_SIZE_BYTES = 4,
	FRAMES_LARGE_BYTES = 48 * 1024,       /* from here a frame lets another such be expected */
	FRAMES_EXPECT_MAX_BYTES = 2 * 1024 * 1024,
};

struct filter;

struct frames {
	struct lane *lane;
	struct buf *window;            /* received and not yet cut: bytes at..end */
	uint32_t at, end;
	bool window_is_own;            /* nobody else's bytes are behind `end` */
	/* the frame under way, from its size field on; `used` bytes are here */
	struct buf *partial;
	struct lane_partial keeps;
	uint32_t need;                 /* of the frame under way, with its size field */
	uint32_t max;                  /* the largest frame, without its size field */
	uint32_t expect;               /* as need, of the last frame when it was large; or 0 */
	uint8_t head[FRAMES_SIZE_BYTES]; /* the beginning of a size field, when there is no buffer */
	uint8_t n_head;
};

/* `give_up` is called when the frame under way has kept its memory for too long; it must end in
 * frames_fini(). */
void frames_init(struct frames *f, struct lane *lane, uint32_t max, void (*give_up)(struct lane_partial *));
void frames_fini(struct frames *f);

/* One read from `from`: bytes, 0 at the peer's end, -ENOBUFS without memory within the budget, or as filter
 * read(). Only after frames_next() returned 0. */
ssize_t frames_read(struct frames *f, struct filter *from);
/* The next frame that is here: 1, and *holder with a hold for the caller. 0: more must be read. -EBADMSG: a
 * size below zero or above `max`; frames_bad_size() tells which. -ENOBUFS: as above. */
int frames_next(struct frames *f, struct slice *frame, struct buf **holder);
int32_t frames_bad_size(const struct frames *f);
/* Whether frames_next() has bytes to look at. */
static inline bool frames_waiting(const struct frames *f)
{
	return f->window != NULL || (f->partial != NULL && f->partial->used == f->need);
}
/* Whether a frame has begun and is not all here. */
bool frames_cut_short(const struct frames *f);

#endif
