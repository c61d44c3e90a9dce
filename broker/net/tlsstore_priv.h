/* tlsstore_priv.h - key and trust stores as Kafka's ssl.* keys name them: PEM text, PEM files, PKCS12 files.
 *
 * The format is seen from the contents, as Java does between JKS and PKCS12, so ssl.keystore.type may keep
 * its default.
 */
#ifndef SAMSA_NET_TLSSTORE_PRIV_H
#define SAMSA_NET_TLSSTORE_PRIV_H

#include "broker/net/tlsctx.h"

#include <openssl/x509.h>

struct tlsstore_identity {
	EVP_PKEY *key;          /* NULL: none is configured */
	X509 *certificate;
	STACK_OF(X509) *chain;  /* above it; may be NULL */
	const char *from;       /* the key or file, for messages */
};

/* False, and a line, when what is configured cannot be read. */
bool tlsstore_identity(const struct tls_config *config, struct tlsstore_identity *out,
		       char error[TLS_ERROR_BYTES]);
void tlsstore_identity_free(struct tlsstore_identity *id);
/* *out is NULL when no trust store is configured. */
bool tlsstore_trust(const struct tls_config *config, STACK_OF(X509) **out, char error[TLS_ERROR_BYTES]);

#endif
