/* tlsctx.h - what a side of TLS needs to know, made from Kafka's ssl.* keys: an immutable, counted SSL_CTX.
 *
 * One context serves all connections of a listener on all cores: OpenSSL only counts in it once a connection
 * exists, and handshakes run on helpers anyway. A reload makes a new one; connections keep the one they began
 * with. Making one reads files and may be slow: at start or on a helper.
 */
#ifndef SAMSA_NET_TLSCTX_H
#define SAMSA_NET_TLSCTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum tls_client_auth { TLS_CLIENT_AUTH_NONE, TLS_CLIENT_AUTH_REQUESTED, TLS_CLIENT_AUTH_REQUIRED };

enum {
	TLS_FILE_MAX_BYTES = 4 * 1024 * 1024, /* of one key or trust store */
	TLS_ERROR_BYTES = 512,
};

/* The keys of one listener (or of the inter-broker client) as server.properties spells them; NULL is not
 * set. */
struct tls_config {
	const char *keystore_type;          /* ssl.keystore.type: PEM, PKCS12; JKS is refused with advice */
	const char *keystore_location;      /* ssl.keystore.location */
	const char *keystore_password;      /* ssl.keystore.password */
	const char *keystore_key;           /* ssl.keystore.key: PEM text */
	const char *keystore_chain;         /* ssl.keystore.certificate.chain: PEM text */
	const char *key_password;           /* ssl.key.password */
	const char *truststore_type;        /* ssl.truststore.type */
	const char *truststore_location;    /* ssl.truststore.location */
	const char *truststore_password;    /* ssl.truststore.password */
	const char *truststore_certs;       /* ssl.truststore.certificates: PEM text */
	const char *enabled_protocols;      /* ssl.enabled.protocols: "TLSv1.2,TLSv1.3" */
	/* ssl.cipher.suites: Java (IANA) names; NULL or "" for OpenSSL's default */
	const char *cipher_suites;
	enum tls_client_auth client_auth;   /* ssl.client.auth; a server's */
	bool check_host;                    /* ssl.endpoint.identification.algorithm is https; a client's */
	bool allow_dn_changes;              /* ssl.allow.dn.changes: else a reload keeps the subject */
	/* ssl.allow.san.changes: else a reload keeps the alternative names */
	bool allow_san_changes;
	bool of_brokers;                    /* the brokers' own listener: what follows must trust what was */
};

/* With text of its own. */
struct tls_config *tls_config_copy(const struct tls_config *config);
/* NULL is nothing. */
void tls_config_free(struct tls_config *config);
bool tls_config_same(const struct tls_config *a, const struct tls_config *b);

struct tlsctx;

/* NULL, and one line in `error` that names the file or key and the reason. */
struct tlsctx *tlsctx_server(const struct tls_config *config, char error[TLS_ERROR_BYTES]);
struct tlsctx *tlsctx_client(const struct tls_config *config, char error[TLS_ERROR_BYTES]);
/* Counted; any thread. */
struct tlsctx *tlsctx_get(struct tlsctx *t);
void tlsctx_put(struct tlsctx *t);
struct ssl_ctx_st *tlsctx_ssl(const struct tlsctx *t);
bool tlsctx_checks_host(const struct tlsctx *t);
/* Whether `fresh` may follow `old` on a listener: where there was no trust store none comes, the
 * certificate keeps its names but for what `config` allows, and where brokers meet each trusts the other.
 * Says why not in `error`. */
bool tlsctx_may_replace(const struct tlsctx *old, const struct tlsctx *fresh, const struct tls_config *config,
			char error[TLS_ERROR_BYTES]);

/* A number that changes when one of the files changes (time or size); 0 without files. Asks the disk. */
uint64_t tls_config_stamp(const struct tls_config *config);

#endif
