/* stream.c - see stream_priv.h. */
#include "broker/net/stream_priv.h"

#include "broker/base/must.h"

#include <errno.h>
#include <stdio.h>

enum { STREAM_MAGIC = 0x57ea3b0d };

static void pump(struct stream *s);

void stream_unpin(struct stream *s)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	must(s->pins > 0);
	if (--s->pins > 0)
		return;
	must(s->state == STREAM_CLOSED && !s->again_posted);
	s->magic = 0;
	s->ops->release(s);
}

/* ---- what the poller is asked ---- */

static uint32_t wanted(const struct stream *s)
{
	if (s->state == STREAM_OPENING)
		return s->top->needs;
	return (s->blocks ? 0 : (uint32_t)SYS_READABLE) | (s->want_write ? (uint32_t)SYS_WRITABLE : 0);
}

/* Blocking a stream does not ask the poller for less at once: most blocks are gone before the next byte
 * comes. */
static void ask(struct stream *s)
{
	if (s->state == STREAM_CLOSED)
		return;
	int rc = io_watch(s->lane->reactor, &s->io, wanted(s));
	if (rc < 0)
		stream_close(s, rc, "the kernel cannot watch the socket");
}

/* ---- the end ---- */

void stream_close(struct stream *s, int error, const char *why)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	if (s->state == STREAM_CLOSED)
		return;
	s->state = STREAM_CLOSED;
	io_unwatch(s->lane->reactor, &s->io);
	reactor_undefer(s->lane->reactor, &s->flush);
	lane_wait_cancel(s->lane, &s->memory);
	if (error == 0 && s->top->ops->bye)
		s->top->ops->bye(s->top);
	/* The owner may still ask the layers what they know. */
	s->ops->closed(s, error, why);
	s->top->ops->free(s->top);
	s->top = NULL;
	frames_fini(&s->in);
	chain_clear(&s->out);
	stream_unpin(s);
}

static void end_if_paid(struct stream *s)
{
	if (s->state == STREAM_FINISHING && s->out.bytes == 0 && !s->want_write && !s->ops->owes(s))
		stream_close(s, 0, s->why_finish);
}

void stream_paid(struct stream *s)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	end_if_paid(s);
}

void stream_finish(struct stream *s, const char *why)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	if (s->state == STREAM_OPENING)
		stream_close(s, 0, why);
	if (s->state != STREAM_OPEN)
		return;
	s->state = STREAM_FINISHING;
	s->why_finish = why;
	s->blocks |= BLOCK_END;
	stream_pin(s);
	ask(s);
	end_if_paid(s);
	stream_unpin(s);
}

/* ---- output ---- */

static void flush(struct stream *s)
{
	uint64_t before = s->out.bytes;
	if (s->state != STREAM_OPEN && s->state != STREAM_FINISHING)
		return;
	int rc = s->top->ops->write(s->top, &s->out);
	if (s->out.bytes < before)
		s->ops->active(s);
	if (rc < 0 && rc != -EAGAIN && rc != -EINPROGRESS) {
		stream_close(s, rc, "sending failed");
		return;
	}
	bool want = rc == -EAGAIN;
	if (want != s->want_write) {
		s->want_write = want;
		ask(s);
	}
	if (s->out.bytes <= s->ops->out_high / 2)
		stream_unblock(s, BLOCK_OUT);
	end_if_paid(s);
}

static void flush_deferred(struct reactor *here, struct deferred *d)
{
	struct stream *s = container_of(d, struct stream, flush);
	CHECK_OBJ(s, STREAM_MAGIC);
	reactor_must_be_here(here);
	stream_pin(s);
	flush(s);
	stream_unpin(s);
}

void stream_send(struct stream *s, struct chain *chain)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	if (s->state == STREAM_CLOSED) {
		chain_clear(chain);
		return;
	}
	chain_append(&s->out, chain);
	if (s->out.bytes > s->ops->out_high)
		stream_block(s, BLOCK_OUT);
	/* A stream that waits for room in the socket is told by the poller. */
	if (!s->want_write)
		reactor_defer(s->lane->reactor, &s->flush);
}

/* ---- input ---- */

void stream_block(struct stream *s, unsigned why)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	s->blocks |= why;
}

static void go_on_next_turn(struct stream *s)
{
	if (s->again_posted)
		return;
	s->again_posted = true;
	stream_pin(s);
	reactor_post(s->lane->reactor, s->lane->reactor, &s->again);
}

void stream_unblock(struct stream *s, unsigned why)
{
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	unsigned before = s->blocks;
	s->blocks &= ~why;
	if (before == s->blocks || s->blocks || s->state != STREAM_OPEN)
		return;
	/* Bytes that are here already make no socket readable. */
	if (frames_waiting(&s->in) || s->top->ops->holds(s->top))
		go_on_next_turn(s);
	ask(s);
}

static void again(struct reactor *here, struct msg *m)
{
	struct stream *s = container_of(m, struct stream, again);
	CHECK_OBJ(s, STREAM_MAGIC);
	reactor_must_be_here(here);
	s->again_posted = false;
	pump(s);
	stream_unpin(s);
}

static void memory_is_there(struct lane_waiter *w)
{
	struct stream *s = container_of(w, struct stream, memory);
	stream_pin(s);
	stream_unblock(s, BLOCK_MEMORY);
	stream_unpin(s);
}

/* A frame that keeps memory which others wait for, and does not come. */
static void give_up(struct lane_partial *p)
{
	struct stream *s = container_of(p, struct stream, in.keeps);
	stream_close(s, -ETIMEDOUT, "the request came too slowly while memory for requests was short");
}

static bool may_read(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->blocks == 0;
}

/* Delivers what is here. False when reading must not go on. */
static bool deliver(struct stream *s)
{
	struct slice frame;
	struct buf *holder;
	int rc = 0;
	while (may_read(s) && (rc = frames_next(&s->in, &frame, &holder)) == 1) {
		s->ops->frame(s, frame, holder);
		buf_put(holder);
	}
	if (rc == -EBADMSG) {
		char why[96];
		snprintf(why, sizeof why, "Invalid receive (size = %d larger than %u)",
			 frames_bad_size(&s->in), s->in.max);
		stream_close(s, rc, why);
	}
	if (rc == -ENOBUFS) {
		stream_block(s, BLOCK_MEMORY);
		lane_wait(s->lane, &s->memory);
	}
	return rc == 0 && may_read(s);
}

/* Reads once. The number of bytes, or 0 when this is all for now. */
static size_t take(struct stream *s)
{
	ssize_t k = frames_read(&s->in, s->top);
	if (s->top->dirty)
		reactor_defer(s->lane->reactor, &s->flush);
	if (k > 0)
		return (size_t)k;
	if (k == 0) {
		stream_finish(s, "the peer has closed the connection");
	} else if (k == -ENOBUFS) {
		stream_block(s, BLOCK_MEMORY);
		lane_wait(s->lane, &s->memory);
	} else if (k != -EAGAIN && k != -EINPROGRESS) {
		stream_close(s, (int)k, "receiving failed");
	}
	return 0;
}

static void pump(struct stream *s)
{
	size_t taken = 0;
	bool go_on = deliver(s);
	while (go_on) {
		size_t k = take(s);
		taken += k;
		if (k == 0)
			break;
		go_on = deliver(s) && !s->top->drained && taken < STREAM_TURN_BYTES;
	}
	if (taken > 0 && s->state != STREAM_CLOSED)
		s->ops->active(s);
	if (may_read(s) && taken >= STREAM_TURN_BYTES && s->top->ops->holds(s->top))
		go_on_next_turn(s);
}

/* ---- events ---- */

static void start(struct stream *s)
{
	int rc = s->top->ops->start(s->top);
	if (rc == -EAGAIN || rc == -EINPROGRESS) {
		ask(s);
		return;
	}
	if (rc < 0) {
		stream_close(s, rc, "the connection did not come about");
		return;
	}
	s->state = STREAM_OPEN;
	ask(s);
	if (s->state == STREAM_OPEN)
		s->ops->opened(s);
	/* The first bytes may have come together with the end of a handshake. */
	if (s->state == STREAM_OPEN)
		pump(s);
	if (s->state != STREAM_CLOSED && s->top->dirty)
		reactor_defer(s->lane->reactor, &s->flush);
}

static void ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct stream *s = container_of(io, struct stream, io);
	CHECK_OBJ(s, STREAM_MAGIC);
	reactor_must_be_here(here);
	stream_pin(s);
	if (s->state == STREAM_OPENING && s->top->needs)
		start(s);
	else if (events & SYS_WRITABLE)
		flush(s);
	if (may_read(s) && (events & (SYS_READABLE | SYS_HANGUP)))
		pump(s);
	else if (s->state != STREAM_CLOSED && (events & SYS_HANGUP))
		stream_close(s, -ECONNRESET, "the peer has reset the connection");
	else
		ask(s);
	stream_unpin(s);
}

static void kicked(void *arg)
{
	struct stream *s = arg;
	CHECK_OBJ_NOTNULL(s, STREAM_MAGIC);
	stream_pin(s);
	if (s->state == STREAM_OPENING)
		start(s);
	else
		flush(s);
	stream_unpin(s);
}

void stream_start(struct stream *s, const struct stream_ops *ops, struct lane *lane, struct filter *top,
		  int fd, uint32_t frame_max)
{
	*s = (struct stream){ .magic = STREAM_MAGIC, .ops = ops, .lane = lane, .top = top, .pins = 1 };
	s->io.fd = fd;
	s->io.ready = ready;
	s->flush.run = flush_deferred;
	s->again.run = again;
	s->memory.retry = memory_is_there;
	chain_init(&s->out);
	frames_init(&s->in, lane, frame_max, give_up);
	top->kick = kicked;
	top->kick_arg = s;
	stream_pin(s);
	start(s);
	stream_unpin(s);
}
