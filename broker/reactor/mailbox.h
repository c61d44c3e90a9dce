/* mailbox.h - what others have posted to one reactor.
 *
 * One word: the newest message, each pointing to the one before it. Any thread pushes a chain with one
 * compare-and-swap; the owner takes all with one exchange. The same word says whether the owner sleeps, so
 * the one that pushes to a sleeper, and only that one, learns that it must wake it. See
 * doc/adr/0002-mailbox.md.
 */
#ifndef SAMSA_REACTOR_MAILBOX_H
#define SAMSA_REACTOR_MAILBOX_H

#include "broker/reactor/reactor.h"

#include <stdatomic.h>

enum { CACHE_LINE_BYTES = 64 };

struct mailbox {
	_Alignas(CACHE_LINE_BYTES) _Atomic(struct msg *) newest;
	/* Senders write the line; what follows is the owner's. */
	char rest_of_line[CACHE_LINE_BYTES - sizeof(struct msg *)];
};

/* Messages that go together, newest first. Empty when newest is MSG_NONE. */
struct msg_chain {
	struct msg *newest, *oldest;
};

/* Ends every chain: a message that is posted has a `next` that is not NULL. */
#define MSG_NONE ((struct msg *)(uintptr_t)1)

static inline void msg_chain_init(struct msg_chain *c)
{
	c->newest = MSG_NONE;
}

static inline bool msg_chain_empty(const struct msg_chain *c)
{
	return c->newest == MSG_NONE;
}

/* `m` must not be posted anywhere. */
void msg_chain_add(struct msg_chain *c, struct msg *m);

void mailbox_init(struct mailbox *b);
/* Any thread. Empties the chain, which must not be empty. True when the owner sleeps: the caller wakes it. */
bool mailbox_push(struct mailbox *b, struct msg_chain *c);
/* The owner: all there is, the oldest first, ended by MSG_NONE. Ends the sleep. */
struct msg *mailbox_take(struct mailbox *b);
/* The owner: is going to sleep. False when something has come, and the sleep is off. */
bool mailbox_sleep(struct mailbox *b);
bool mailbox_empty(struct mailbox *b);

#endif
