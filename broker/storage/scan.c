/* scan.c - see scan.h */
#include "broker/storage/scan.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"

#include <errno.h>

void scan_headers(struct scan *s, int fd, bool wait, int64_t from, int64_t end, uint8_t *window)
{
	must(fd >= 0);
	must(from >= 0 && from <= end);
	*s = (struct scan){ .fd = fd, .wait = wait, .position = from, .end = end, .window = window,
		.room = SCAN_WINDOW_BYTES };
}

void scan_open_room(struct scan *s, int fd, int64_t from, int64_t end, size_t room)
{
	must(room >= SCAN_WINDOW_BYTES);
	scan_headers(s, fd, true, from, end, mem_alloc(room));
	s->room = room;
	s->owned = true;
}

void scan_open(struct scan *s, int fd, int64_t from, int64_t end)
{
	scan_open_room(s, fd, from, end, SCAN_WHOLE_BYTES);
}

void scan_close(struct scan *s)
{
	must(s->owned);
	free(s->window);
	*s = (struct scan){ .fd = -1 };
}

/* How many bytes from `position` on are in the window. */
static size_t there(const struct scan *s, int64_t position)
{
	if (position < s->at || position >= s->at + (int64_t)s->n)
		return 0;
	return s->n - (size_t)(position - s->at);
}

/* Makes `need` bytes from `position` on be in the window, or all up to the end. */
static int fill(struct scan *s, int64_t position, size_t need)
{
	size_t left = (size_t)(s->end - position);
	need = min_of(need, left);
	if (there(s, position) >= need)
		return 0;
	if (need > s->room) {
		must(s->owned);
		free(s->window);
		s->window = mem_try(need);
		s->room = s->window ? need : 0;
		s->n = 0;
		if (!s->window)
			return -ENOMEM;
	}
	size_t want = min_of(s->room, left);
	s->reads++;
	s->n = 0;
	ssize_t n = s->wait ? sys_pread(s->fd, s->window, want, position) :
		sys_pread_cached(s->fd, s->window, want, position);
	if (n < 0)
		return (int)n;
	s->at = position;
	s->n = (size_t)n;
	/* The file is shorter than we were told: somebody has cut it. */
	return (size_t)n < need ? -EIO : 0;
}

static uint32_t smallest(int magic)
{
	return magic >= 2 ? BATCH_HEADER_BYTES : magic == 1 ? MESSAGE_V1_BYTES_MIN : MESSAGE_V0_BYTES_MIN;
}

int scan_next(struct scan *s, struct scanned *out)
{
	if (s->end - s->position < BATCH_PEEK_BYTES)
		return 0;
	int error = fill(s, s->position, BATCH_HEADER_BYTES);
	if (error)
		return error;
	out->b.p = s->window + (s->position - s->at);
	out->position = s->position;
	if (batch_frame(out->b.p, there(s, s->position), &out->b.n, &s->why) != KERR_NONE)
		return -EBADMSG;
	if (out->b.n < smallest(batch_magic(&out->b))) {
		s->why = "the batch is smaller than its header";
		return -EBADMSG;
	}
	if ((int64_t)out->b.n > s->end - s->position)
		return 0;
	s->position += out->b.n;
	return 1;
}

int scan_whole(struct scan *s, struct scanned *found)
{
	int error = fill(s, found->position, found->b.n);
	if (!error)
		found->b.p = s->window + (found->position - s->at);
	return error;
}
