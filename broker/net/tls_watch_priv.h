/* tls_watch_priv.h - keeps a TLS context as fresh as the files it is made of. One reactor's. */
#ifndef SAMSA_NET_TLS_WATCH_PRIV_H
#define SAMSA_NET_TLS_WATCH_PRIV_H

#include "broker/net/tlsctx.h"
#include "broker/reactor/reactor.h"

#include <stdbool.h>

/* A context, and what it was made of. All NULL: none. */
struct tls_made {
	struct tls_config *config;  /* its own */
	struct tlsctx *ctx;
	uint64_t stamp;             /* of the files as they were when they were last tried */
};

/* Blocks. 0, or -EINVAL and a line, and nothing is held. */
int tls_make(struct tls_made *out, const struct tls_config *config, char error[TLS_ERROR_BYTES]);
void tls_made_fini(struct tls_made *made);

struct tls_watch {
	const char *name;           /* the listener's, for the log */
	struct tls_made now;        /* what new connections get */
	struct job job;
	bool busy, forced, again;
	/* What the helper has found. */
	uint64_t found_stamp;
	struct tlsctx *found;
	char error[TLS_ERROR_BYTES];
	struct tls_made next;       /* put in place while a helper was busy with what is to go */
	void (*idle)(struct tls_watch *w); /* unless NULL: no helper works for it any more */
};

/* Makes the first one; blocks. 0, or -EINVAL and a line. */
int tls_watch_init(struct tls_watch *w, const struct tls_config *config, const char *name,
		   char error[TLS_ERROR_BYTES]);
/* When no helper works for it any more; nothing when it was never made. */
void tls_watch_fini(struct tls_watch *w);
/* New connections get this one from now on; it is taken. */
void tls_watch_put(struct tls_watch *w, struct tls_made *made);
/* Looks at the files on a helper and makes a new context when they changed, or when it must. A new one that
 * cannot be used leaves the old one where it is, and the log says why. */
void tls_watch_look(struct tls_watch *w, struct reactor *r, bool must_try);

#endif
