/* stream_priv.h - one socket on one core with its layers, cut input, queued output: what a connection that
 * was accepted and one that was made have in common.
 *
 *	         start() of all layers is done              stream_finish(), or the peer's end
 *	OPENING ------------------------------> OPEN --------------------------------------------> FINISHING
 *	    |                                     |                                     nothing is owed |
 *	    +----------------- stream_close(), errors --------------------> CLOSED <-------------------+
 *
 * The memory goes when the last pin goes: the open socket is one, each call into the owner, each message
 * under way, and whatever the owner pins for its own reasons (open slots).
 */
#ifndef SAMSA_NET_STREAM_PRIV_H
#define SAMSA_NET_STREAM_PRIV_H

#include "broker/net/filter_priv.h"
#include "broker/net/frames_priv.h"
#include "broker/net/lane_priv.h"
#include "broker/reactor/reactor.h"

enum stream_state { STREAM_OPENING, STREAM_OPEN, STREAM_FINISHING, STREAM_CLOSED };

/* Why a stream does not read; it reads when none is set. */
enum {
	BLOCK_OWNER = 1,   /* paused */
	BLOCK_MUTE = 2,    /* for some time */
	BLOCK_FLIGHT = 4,  /* too much is under way */
	BLOCK_OUT = 8,     /* too much waits to be sent */
	BLOCK_MEMORY = 16, /* the lane's budget is spent */
	BLOCK_END = 32,    /* it reads no more at all */
};

/* read at once from one connection, before others have their turn */
enum { STREAM_TURN_BYTES = 1024 * 1024 };

struct stream;

struct stream_ops {
	uint64_t out_high; /* bytes waiting to be sent from where it reads no more */
	void (*opened)(struct stream *s);
	void (*frame)(struct stream *s, struct slice frame, struct buf *holder);
	/* Bytes have moved. */
	void (*active)(struct stream *s);
	/* Whether the owner still owes something that must leave before a finishing stream may end. */
	bool (*owes)(const struct stream *s);
	/* The socket is gone. `error` is 0 for an orderly end; `why` is one line. Once. */
	void (*closed)(struct stream *s, int error, const char *why);
	/* The last pin is gone: free it. */
	void (*release)(struct stream *s);
};

struct stream {
	unsigned magic;
	const struct stream_ops *ops;
	struct lane *lane;
	enum stream_state state;
	unsigned blocks;
	unsigned pins;
	bool want_write;
	bool again_posted;
	const char *why_finish;
	struct filter *top;
	struct io io;
	struct frames in;
	struct chain out;
	struct deferred flush;
	struct msg again;         /* goes on reading at the next turn */
	struct lane_waiter memory;
};

/* Takes over the layers; `fd` is the bottom one's. Ends in `opened` or `closed`, maybe before it returns. */
void stream_start(struct stream *s, const struct stream_ops *ops, struct lane *lane, struct filter *top,
		  int fd, uint32_t frame_max);
/* Queues all links; they leave together at the end of the turn. Dropped when it is closed. */
void stream_send(struct stream *s, struct chain *chain);
void stream_block(struct stream *s, unsigned why);
void stream_unblock(struct stream *s, unsigned why);
void stream_close(struct stream *s, int error, const char *why);
/* Reads no more, and ends when all is sent and nothing is owed. */
void stream_finish(struct stream *s, const char *why);
/* What was owed is paid: a finishing stream may end now. */
void stream_paid(struct stream *s);

static inline bool stream_is_open(const struct stream *s)
{
	return s->state != STREAM_CLOSED;
}

static inline void stream_pin(struct stream *s)
{
	s->pins++;
}

void stream_unpin(struct stream *s);

#endif
