/* tlsctx_priv.h - what the TLS layer needs of a context. */
#ifndef SAMSA_NET_TLSCTX_PRIV_H
#define SAMSA_NET_TLSCTX_PRIV_H

#include "broker/net/tlsctx.h"

#include <openssl/bio.h>

/* The layer's own BIO: moves bytes between OpenSSL and the layer's buffers, never calls the kernel. Made once
 * for each context, as OpenSSL wants it made at run time. */
BIO_METHOD *tls_bio_method_new(void);
const BIO_METHOD *tlsctx_bio(const struct tlsctx *t);

/* The oldest error in OpenSSL's queue of this thread, as text; empties the queue. */
const char *tls_openssl_error(char *out, size_t n);

#endif
