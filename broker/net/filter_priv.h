/* filter_priv.h - one layer of a connection. Layers know their neighbours only through this: bytes in, a
 * chain out.
 *
 * Nothing here waits. -EAGAIN: the kernel has nothing or takes nothing now, the poller will tell (`needs`).
 * -EINPROGRESS: a helper is at work, filter_kick() will tell. Other negatives end the connection.
 */
#ifndef SAMSA_NET_FILTER_PRIV_H
#define SAMSA_NET_FILTER_PRIV_H

#include "broker/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct filter;

struct filter_ops {
	const char *name;
	/* Gets ready to carry bytes (connects, shakes hands): 0 when it is. Called again until then. */
	int (*start)(struct filter *f);
	/* At most `n` bytes; 0 is the peer's end. Also -ENOBUFS: no memory within the budget, try again
	 * later. */
	ssize_t (*read)(struct filter *f, void *p, size_t n);
	/* Takes from `out` what it can and consumes it there. 0: all of it, and all that it kept, has
	 * left. */
	int (*write)(struct filter *f, struct chain *out);
	/* Whether read() would give bytes that came already, of which the poller knows nothing. */
	bool (*holds)(const struct filter *f);
	/* Takes leave of the peer in band where it can, before an orderly free. May be NULL. */
	void (*bye)(struct filter *f);
	/* With all layers below; closes the descriptor. */
	void (*free)(struct filter *f);
};

struct filter {
	const struct filter_ops *ops;
	struct filter *above;
	void (*kick)(void *arg); /* of the top one: start, read or write may get on now */
	void *kick_arg;
	uint32_t needs;  /* SYS_READABLE, SYS_WRITABLE, or 0 (a kick comes): what start() waits for */
	bool drained;    /* the last read() has emptied everything below it */
	bool dirty;      /* it has bytes of its own to send: write() is due, if only with an empty chain */
};

static inline void filter_kick(struct filter *f)
{
	while (f->above)
		f = f->above;
	f->kick(f->kick_arg);
}

struct lane;
struct traffic;
struct tlsctx;
struct x509_st;

/* The bottom: a socket. `connecting` until the kernel says the outcome. */
struct filter *filter_tcp_new(struct lane *lane, struct traffic *traffic, int fd, bool connecting);
/* `host` is the name that a client checks and asks for; NULL for a server. Takes a hold on `ctx`, owns
 * `below`. */
struct filter *filter_tls_new(struct lane *lane, struct filter *below, struct tlsctx *ctx, const char *host);

/* What a TLS layer knows; it must be one. */
struct x509_st *filter_tls_certificate(const struct filter *f);
const char *filter_tls_version(const struct filter *f);
const char *filter_tls_cipher(const struct filter *f);
/* Why start() failed, one line; "" when it did not say. */
const char *filter_tls_error(const struct filter *f);

#endif
