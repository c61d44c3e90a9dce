/* buf.c - see buf.h. */
#include "broker/base/buf.h"

#include "broker/base/must.h"

static void buf_drop(struct hold *h)
{
	free(container_of(h, struct buf, hold));
}

struct buf *buf_new(size_t size)
{
	must(size <= UINT32_MAX);
	struct buf *b = mem_try(sizeof *b + size);
	if (!b)
		return NULL;
	atomic_init(&b->hold.count, 1);
	b->hold.drop = buf_drop;
	b->size = (uint32_t)size;
	b->used = 0;
	return b;
}

void chain_init(struct chain *c)
{
	c->first = NULL;
	c->last = &c->first;
	c->bytes = 0;
}

static void chain_add(struct chain *c, struct link link)
{
	if (link.n == 0) {
		hold_put(link.hold);
		return;
	}
	struct link *l = mem_alloc(sizeof *l);
	*l = link;
	l->next = NULL;
	*c->last = l;
	c->last = &l->next;
	c->bytes += link.n;
}

void chain_add_mem(struct chain *c, const void *p, size_t n, struct hold *hold)
{
	chain_add(c, (struct link){ .kind = LINK_MEM, .p = p, .n = n, .hold = hold });
}

void chain_add_file(struct chain *c, int fd, int64_t offset, uint64_t n, struct hold *hold)
{
	must(fd >= 0 && offset >= 0);
	chain_add(c, (struct link){ .kind = LINK_FILE, .fd = fd, .offset = offset, .n = n, .hold = hold });
}

void chain_append(struct chain *to, struct chain *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	to->bytes += from->bytes;
	chain_init(from);
}

static void pop_first(struct chain *c)
{
	struct link *l = c->first;
	c->first = l->next;
	if (!c->first)
		c->last = &c->first;
	c->bytes -= l->n;
	hold_put(l->hold);
	free(l);
}

void chain_consume(struct chain *c, uint64_t n)
{
	must(n <= c->bytes);
	while (n > 0) {
		struct link *l = c->first;
		uint64_t k = min_of(n, l->n);
		n -= k;
		if (k == l->n) {
			pop_first(c);
			continue;
		}
		l->n -= k;
		c->bytes -= k;
		if (l->kind == LINK_MEM)
			l->p += k;
		else
			l->offset += (int64_t)k;
	}
}

void chain_clear(struct chain *c)
{
	while (c->first)
		pop_first(c);
}

void chain_loaded(struct chain *c, struct link **at, size_t n, const void *p, struct hold *hold)
{
	struct link *file = *at;
	must(file->kind == LINK_FILE && n > 0 && n <= file->n);
	if (n == file->n) {
		hold_put(file->hold);
		file->kind = LINK_MEM;
		file->p = p;
		file->hold = hold;
		return;
	}
	struct link *memory = mem_alloc(sizeof *memory);
	*memory = (struct link){ .next = file, .kind = LINK_MEM, .p = p, .n = n, .hold = hold };
	file->n -= n;
	file->offset += (int64_t)n;
	*at = memory;
	must(c->last != at); /* the file link stays behind it */
}
