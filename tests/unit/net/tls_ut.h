/* tls_ut.h - certificates made on the spot, and a TLS client that a test turns together with its broker. */
#ifndef SAMSA_TESTS_TLS_UT_H
#define SAMSA_TESTS_TLS_UT_H

#include "tests/unit/net/net_ut.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

enum { UT_PEM_BYTES = 8192 };

/* A certificate with its key, and both as PEM text. */
struct ut_cert {
	X509 *x;
	EVP_PKEY *key;
	char cert_pem[UT_PEM_BYTES], key_pem[UT_PEM_BYTES];
};

static inline void ut_pem(BIO *bio, char out[UT_PEM_BYTES])
{
	int n = BIO_read(bio, out, UT_PEM_BYTES - 1);
	out[max_of(n, 0)] = 0;
	BIO_free(bio);
}

static inline void ut_extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	must(e != NULL);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* `issuer` NULL signs itself and is an authority. `subject` is "CN". `san` is "DNS:localhost,IP:127.0.0.1" or
 * NULL. */
static inline void ut_cert_make(struct ut_cert *c, const char *cn, const struct ut_cert *issuer,
				const char *san)
{
	static int serial; /* of a test program; unique names are all that is asked for */
	BIO *bio = BIO_new(BIO_s_mem());
	c->key = EVP_EC_gen("P-256");
	c->x = X509_new();
	X509_set_version(c->x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c->x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c->x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c->x), 86400);
	X509_set_pubkey(c->x, c->key);
	X509_NAME *name = X509_get_subject_name(c->x);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Samsa", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(c->x, issuer ? X509_get_subject_name(issuer->x) : name);
	if (!issuer)
		ut_extend(c->x, NID_basic_constraints, "critical,CA:TRUE");
	if (san)
		ut_extend(c->x, NID_subject_alt_name, san);
	int rc = X509_sign(c->x, issuer ? issuer->key : c->key, EVP_sha256());
	must(rc > 0);
	PEM_write_bio_X509(bio, c->x);
	ut_pem(bio, c->cert_pem);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL);
	ut_pem(bio, c->key_pem);
}

static inline void ut_cert_free(struct ut_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
}

static inline void ut_write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	must(f != NULL);
	fputs(text, f);
	fclose(f);
}

/* ---- a client ---- */

struct ut_tls {
	int fd;
	SSL *ssl;
};

static inline SSL_CTX *ut_client_ctx(const struct ut_cert *trust, const struct ut_cert *me, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	must(ctx != NULL);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (trust)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trust->x);
	if (me) {
		int rc = SSL_CTX_use_cert_and_key(ctx, me->x, me->key, NULL, 1);
		must(rc == 1);
	}
	return ctx;
}

/* Does one call until it neither wants to read nor to write. Its result. */
static inline int ut_tls_wait(struct ut_net *u, struct ut_tls *t, int (*call)(SSL *, void *, int), void *p,
			      int n)
{
	int64_t patience = sys_mono_ns() + UT_PATIENCE_S * INT64_C(1000000000);
	for (;;) {
		ERR_clear_error();
		int rc = call(t->ssl, p, n);
		int want = SSL_get_error(t->ssl, rc);
		if ((want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) || sys_mono_ns() > patience)
			return rc;
		ut_turn(u);
	}
}

static inline int ut_tls_handshake(SSL *ssl, void *p, int n)
{
	(void)p;
	(void)n;
	return SSL_do_handshake(ssl);
}

static inline int ut_tls_write1(SSL *ssl, void *p, int n)
{
	return SSL_write(ssl, p, n);
}

static inline bool ut_tls_connect(struct ut_net *u, struct ut_tls *t, SSL_CTX *ctx, SSL_SESSION *session)
{
	t->fd = ut_connect(u);
	t->ssl = SSL_new(ctx);
	SSL_set_fd(t->ssl, t->fd);
	SSL_set_connect_state(t->ssl);
	if (session)
		SSL_set_session(t->ssl, session);
	return ut_tls_wait(u, t, ut_tls_handshake, NULL, 0) == 1;
}

static inline bool ut_tls_send(struct ut_net *u, struct ut_tls *t, uint8_t what, size_t n, unsigned seed)
{
	uint8_t *p = ut_frame(what, n, seed);
	bool ok = true;
	for (size_t at = 0, all = n + 4; ok && at < all; at += 16384)
		ok = ut_tls_wait(u, t, ut_tls_write1, p + at, (int)min_of(all - at, (size_t)16384)) > 0;
	free(p);
	return ok;
}

static inline bool ut_tls_recv(struct ut_net *u, struct ut_tls *t, uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		int k = ut_tls_wait(u, t, SSL_read, p + at, (int)(n - at));
		if (k <= 0)
			return false;
		at += (size_t)k;
	}
	return true;
}

static inline bool ut_tls_expect(struct ut_net *u, struct ut_tls *t, uint8_t what, size_t n, unsigned seed)
{
	uint8_t *want = ut_frame(what, n, seed), *got = mem_alloc(n + 4);
	bool same = ut_tls_recv(u, t, got, n + 4) && memcmp(want, got, n + 4) == 0;
	free(want);
	free(got);
	return same;
}

static inline void ut_tls_close(struct ut_tls *t)
{
	SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	close(t->fd);
}

#endif
