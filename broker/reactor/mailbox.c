/* mailbox.c - see mailbox.h. */
#include "broker/reactor/mailbox.h"

#include "broker/base/must.h"

/* In place of a chain: empty, and the owner sleeps. */
#define ASLEEP ((struct msg *)(uintptr_t)2)

_Static_assert(sizeof(struct mailbox) == CACHE_LINE_BYTES, "a mailbox is one cache line");

void msg_chain_add(struct msg_chain *c, struct msg *m)
{
	must(m->next == NULL && m->run != NULL);
	if (msg_chain_empty(c))
		c->oldest = m;
	m->next = c->newest;
	c->newest = m;
}

void mailbox_init(struct mailbox *b)
{
	atomic_init(&b->newest, MSG_NONE);
}

bool mailbox_push(struct mailbox *b, struct msg_chain *c)
{
	struct msg *before = atomic_load_explicit(&b->newest, memory_order_relaxed);
	must(!msg_chain_empty(c));
	do
		c->oldest->next = before == ASLEEP ? MSG_NONE : before;
	while (!atomic_compare_exchange_weak_explicit(&b->newest, &before, c->newest, memory_order_release,
						      memory_order_relaxed));
	msg_chain_init(c);
	return before == ASLEEP;
}

struct msg *mailbox_take(struct mailbox *b)
{
	struct msg *m, *oldest = MSG_NONE;
	if (atomic_load_explicit(&b->newest, memory_order_relaxed) == MSG_NONE)
		return MSG_NONE;
	m = atomic_exchange_explicit(&b->newest, MSG_NONE, memory_order_acquire);
	if (m == ASLEEP)
		return MSG_NONE;
	while (m != MSG_NONE) {
		struct msg *before = m->next;
		m->next = oldest;
		oldest = m;
		m = before;
	}
	return oldest;
}

bool mailbox_sleep(struct mailbox *b)
{
	struct msg *expected = MSG_NONE;
	return atomic_compare_exchange_strong_explicit(&b->newest, &expected, ASLEEP, memory_order_relaxed,
						       memory_order_relaxed);
}

bool mailbox_empty(struct mailbox *b)
{
	struct msg *m = atomic_load_explicit(&b->newest, memory_order_relaxed);
	return m == MSG_NONE || m == ASLEEP;
}
