/* frames.c - see frames_priv.h. */
#include "broker/net/frames_priv.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/net/filter_priv.h"

#include <errno.h>

void frames_init(struct frames *f, struct lane *lane, uint32_t max, void (*give_up)(struct lane_partial *))
{
	*f = (struct frames){ .lane = lane, .max = max, .keeps = { .give_up = give_up } };
}

static void drop_window(struct frames *f)
{
	buf_put(f->window);
	f->window = NULL;
	f->at = f->end = 0;
}

static void drop_partial(struct frames *f)
{
	lane_partial_end(&f->keeps);
	buf_put(f->partial);
	f->partial = NULL;
	f->need = 0;
}

void frames_fini(struct frames *f)
{
	drop_window(f);
	drop_partial(f);
	f->n_head = 0;
}

/* ---- reading ---- */

static void set_window(struct frames *f, struct buf *b, uint32_t from, uint32_t to, bool own)
{
	must(f->window == NULL && from < to && to <= b->size);
	f->window = buf_get(b);
	f->at = from;
	f->end = to;
	f->window_is_own = own;
}

/* What is left of a size field goes before what comes now. */
static uint32_t put_head(struct frames *f, struct buf *b)
{
	memcpy(b->bytes + b->used, f->head, f->n_head);
	return b->used + f->n_head;
}

static ssize_t read_partial(struct frames *f, struct filter *from)
{
	struct buf *b = f->partial;
	ssize_t k = from->ops->read(from, b->bytes + b->used, f->need - b->used);
	if (k > 0)
		b->used += (uint32_t)k;
	return k;
}

static ssize_t read_arena(struct frames *f, struct filter *from)
{
	struct buf *b = lane_arena(f->lane);
	if (!b)
		return -ENOBUFS;
	uint32_t at = put_head(f, b);
	ssize_t k = from->ops->read(from, b->bytes + at, b->size - at);
	if (k > 0) {
		set_window(f, b, b->used, at + (uint32_t)k, false);
		b->used = f->end;
		f->n_head = 0;
	}
	return k;
}

/* The size of the last frame is the best guess of the next one's. */
static ssize_t read_expected(struct frames *f, struct filter *from)
{
	struct buf *b = lane_partial_begin(f->lane, &f->keeps, f->expect);
	if (!b)
		return -ENOBUFS;
	lane_partial_end(&f->keeps); /* it is one only when a frame begins in it: frames_next() */
	uint32_t at = put_head(f, b);
	ssize_t k = from->ops->read(from, b->bytes + at, f->expect - at);
	if (k > 0) {
		set_window(f, b, 0, at + (uint32_t)k, true);
		f->n_head = 0;
	}
	buf_put(b);
	return k;
}

ssize_t frames_read(struct frames *f, struct filter *from)
{
	must(f->window == NULL);
	if (f->partial)
		return read_partial(f, from);
	return f->expect ? read_expected(f, from) : read_arena(f, from);
}

/* ---- cutting ---- */

static bool size_is_bad(const struct frames *f, uint32_t size)
{
	return size > INT32_MAX || size > f->max;
}

static void expect_next(struct frames *f, uint32_t whole)
{
	f->expect = whole >= FRAMES_LARGE_BYTES && whole <= FRAMES_EXPECT_MAX_BYTES ? whole : 0;
}

/* The window ends within a frame: its beginning moves to a buffer that has room for the rest, or stays where
 * it is when that is such a buffer. */
static int begin_partial(struct frames *f, uint32_t whole)
{
	uint32_t here = f->end - f->at;
	bool stays = f->window_is_own && f->at == 0 && f->window->size >= whole;
	if (stays) {
		f->partial = buf_get(f->window);
		f->keeps.since_ns = reactor_now_ns(f->lane->reactor);
		list_push_back(&f->lane->partials, &f->keeps.link);
	} else {
		f->partial = lane_partial_begin(f->lane, &f->keeps, whole);
		if (!f->partial)
			return -ENOBUFS;
		memcpy(f->partial->bytes, f->window->bytes + f->at, here);
	}
	f->partial->used = here;
	f->need = whole;
	drop_window(f);
	return 0;
}

static int next_of_window(struct frames *f, struct slice *frame, struct buf **holder)
{
	uint32_t here = f->end - f->at;
	const uint8_t *p = f->window->bytes + f->at;
	if (here < FRAMES_SIZE_BYTES) {
		memcpy(f->head, p, here);
		f->n_head = (uint8_t)here;
		drop_window(f);
		return 0;
	}
	uint32_t size = get_be32(p);
	if (size_is_bad(f, size))
		return -EBADMSG;
	if (here - FRAMES_SIZE_BYTES < size)
		return begin_partial(f, FRAMES_SIZE_BYTES + size);
	*frame = slice_of(p + FRAMES_SIZE_BYTES, size);
	*holder = buf_get(f->window);
	f->at += FRAMES_SIZE_BYTES + size;
	expect_next(f, FRAMES_SIZE_BYTES + size);
	if (f->at == f->end)
		drop_window(f);
	return 1;
}

int frames_next(struct frames *f, struct slice *frame, struct buf **holder)
{
	if (f->window)
		return next_of_window(f, frame, holder);
	if (!f->partial || f->partial->used < f->need)
		return 0;
	*frame = slice_of(f->partial->bytes + FRAMES_SIZE_BYTES, f->need - FRAMES_SIZE_BYTES);
	*holder = buf_get(f->partial);
	expect_next(f, f->need);
	drop_partial(f);
	return 1;
}

int32_t frames_bad_size(const struct frames *f)
{
	must(f->window != NULL && f->end - f->at >= FRAMES_SIZE_BYTES);
	return (int32_t)get_be32(f->window->bytes + f->at);
}

bool frames_cut_short(const struct frames *f)
{
	return f->n_head > 0 || f->partial != NULL || f->window != NULL;
}
