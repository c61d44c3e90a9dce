/* range.c - see range_priv.h. */
#include "broker/net/range_priv.h"

#include "broker/base/must.h"
#include "broker/net/filter_priv.h"
#include "broker/net/lane_priv.h"

#include <errno.h>

enum { COLD_MAGIC = 0x2c01d7ea };

/* A range on its way to memory. Owns itself until the helper is back. */
struct cold_read {
	unsigned magic;
	struct job job;
	struct range *owner; /* NULL: nobody waits any more */
	struct hold *file;   /* keeps the descriptor open */
	int fd;
	int64_t offset;
	size_t n;
	struct buf *to;
	ssize_t rc;
	bool back;
};

void range_init(struct range *r, struct lane *lane, struct filter *filter)
{
	*r = (struct range){ .lane = lane, .filter = filter, .hot_fd = -1 };
}

static void cold_free(struct cold_read *cold)
{
	hold_put(cold->file);
	buf_put(cold->to);
	FREE_OBJ(cold);
}

void range_fini(struct range *r)
{
	if (!r->cold)
		return;
	r->cold->owner = NULL;
	if (r->cold->back)
		cold_free(r->cold);
	r->cold = NULL;
}

static void cold_work(struct job *job)
{
	struct cold_read *cold = container_of(job, struct cold_read, job);
	cold->rc = sys_pread(cold->fd, cold->to->bytes, cold->n, cold->offset);
}

static void cold_done(struct reactor *here, struct job *job)
{
	struct cold_read *cold = container_of(job, struct cold_read, job);
	CHECK_OBJ(cold, COLD_MAGIC);
	reactor_must_be_here(here);
	cold->back = true;
	if (cold->owner)
		filter_kick(cold->owner->filter);
	else
		cold_free(cold);
}

static int cold_start(struct range *r, const struct link *l, size_t n)
{
	struct buf *to = lease_take_anyway(r->lane->pool, n);
	struct cold_read *cold;
	if (!to)
		return -ENOMEM;
	ALLOC_OBJ(cold, COLD_MAGIC);
	cold->owner = r;
	cold->file = l->hold ? hold_get(l->hold) : NULL;
	cold->fd = l->fd;
	cold->offset = l->offset;
	cold->n = n;
	cold->to = to;
	cold->job.work = cold_work;
	cold->job.done = cold_done;
	r->cold = cold;
	reactor_offload(r->lane->reactor, &cold->job, "cold read");
	return -EINPROGRESS;
}

/* The helper is back: what it read takes the place of the range. */
static int cold_take(struct range *r, struct chain *c)
{
	struct cold_read *cold = r->cold;
	struct link *l = c->first;
	int rc = 0;
	if (!cold->back)
		return -EINPROGRESS;
	must(l->kind == LINK_FILE && l->fd == cold->fd && l->offset == cold->offset);
	if (cold->rc != (ssize_t)cold->n)
		rc = cold->rc < 0 ? (int)cold->rc : -EIO;
	else
		chain_loaded(c, &c->first, cold->n, cold->to->bytes, hold_get(&cold->to->hold));
	r->cold = NULL;
	cold_free(cold);
	return rc;
}

int range_load(struct range *r, struct chain *c, struct link **at, size_t max)
{
	struct link *l = *at;
	bool first = at == &c->first;
	must(l->kind == LINK_FILE && max > 0);
	if (r->cold)
		return first ? cold_take(r, c) : -EAGAIN;
	size_t n = min_of(l->n, max);
	struct buf *to = lease_take_anyway(r->lane->pool, n);
	if (!to)
		return -ENOMEM;
	ssize_t k = sys_pread_cached(l->fd, to->bytes, n, l->offset);
	if (k > 0) {
		chain_loaded(c, at, (size_t)k, to->bytes, &to->hold);
		return 0;
	}
	buf_put(to);
	if (k != -EAGAIN)
		return k < 0 ? (int)k : -EIO;
	return first ? cold_start(r, l, min_of(l->n, (uint64_t)RANGE_COLD_BYTES)) : -EAGAIN;
}

static bool resident(const struct link *l, int64_t offset)
{
	uint8_t byte;
	return sys_pread_cached(l->fd, &byte, 1, offset) == 1;
}

int range_probe(struct range *r, struct chain *c, size_t n)
{
	struct link *l = c->first;
	must(l->kind == LINK_FILE && n > 0 && n <= l->n);
	if (r->cold)
		return cold_take(r, c);
	int64_t end = l->offset + (int64_t)n;
	if (r->hot_fd == l->fd && l->offset >= r->hot_from && end <= r->hot_to)
		return 0;
	if (!resident(l, l->offset) || !resident(l, end - 1))
		return cold_start(r, l, min_of(n, (size_t)RANGE_COLD_BYTES));
	r->hot_fd = l->fd;
	r->hot_from = l->offset;
	r->hot_to = end;
	return 0;
}
