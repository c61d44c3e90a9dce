/* tlsctx.c - see tlsctx.h. Key and trust stores are read in tlsstore.c. */
#include "broker/net/subject_priv.h"
#include "broker/net/tlsctx_priv.h"

#include "broker/base/must.h"
#include "broker/net/tlsstore_priv.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { TLSCTX_MAGIC = 0x7150c7a9 };

struct tlsctx {
	unsigned magic;
	atomic_uint count;
	SSL_CTX *ssl;
	BIO_METHOD *bio;
	X509 *certificate; /* ours; NULL for a client without one */
	bool checks_host;
	bool has_trust;    /* a trust store */
};

/* ---- protocols and suites ---- */

struct word {
	const char *p;
	size_t n;
};

/* The next word of a comma-separated list. */
static bool next_word(const char **list, struct word *w)
{
	const char *p = *list + strspn(*list, " ,\t");
	w->p = p;
	w->n = strcspn(p, " ,\t");
	*list = p + w->n;
	return w->n > 0;
}

static bool word_is(struct word w, const char *s)
{
	return w.n == strlen(s) && memcmp(w.p, s, w.n) == 0;
}

static bool set_protocols(SSL_CTX *ssl, const char *list, char error[TLS_ERROR_BYTES])
{
	int lowest = 0, highest = 0;
	struct word w;
	for (const char *at = list ? list : "TLSv1.2,TLSv1.3"; next_word(&at, &w);) {
		int v = word_is(w, "TLSv1.2") ? TLS1_2_VERSION : word_is(w, "TLSv1.3") ? TLS1_3_VERSION : 0;
		if (!v) {
			snprintf(error, TLS_ERROR_BYTES,
				 "ssl.enabled.protocols: %.*s is not offered; TLSv1.2 and TLSv1.3 are",
				 (int)w.n, w.p);
			return false;
		}
		lowest = lowest ? min_of(lowest, v) : v;
		highest = max_of(highest, v);
	}
	if (!lowest) {
		snprintf(error, TLS_ERROR_BYTES, "ssl.enabled.protocols is empty; TLSv1.2 and TLSv1.3 are "
			 "offered");
		return false;
	}
	return SSL_CTX_set_min_proto_version(ssl, lowest) && SSL_CTX_set_max_proto_version(ssl, highest);
}

/* OpenSSL keeps the suites of TLS 1.3 apart. Each list is as long as the configured one at most, as OpenSSL's
 * own names are shorter than the standard's. */
struct suites {
	char *old, *tls13;
};

static void append(char *list, const char *name, size_t n)
{
	size_t at = strlen(list);
	if (at)
		list[at++] = ':';
	memcpy(list + at, name, n);
	list[at + n] = 0;
}

static bool sort_suite(struct suites *s, struct word w, char error[TLS_ERROR_BYTES])
{
	char name[128];
	snprintf(name, sizeof name, "%.*s", (int)w.n, w.p);
	const char *openssl = OPENSSL_cipher_name(name);
	if (strcmp(openssl, "(NONE)") == 0) {
		snprintf(error, TLS_ERROR_BYTES, "ssl.cipher.suites: OpenSSL does not know %s", name);
		return false;
	}
	bool is_tls13 = strcmp(openssl, name) == 0; /* only there the names are the standard's */
	append(is_tls13 ? s->tls13 : s->old, openssl, strlen(openssl));
	return true;
}

/* A version without a suite is not spoken: OpenSSL would choose it and then fail. */
static bool apply_suites(SSL_CTX *ssl, const struct suites *s)
{
	if (s->old[0] && !SSL_CTX_set_cipher_list(ssl, s->old))
		return false;
	if (s->tls13[0] && !SSL_CTX_set_ciphersuites(ssl, s->tls13))
		return false;
	if (!s->tls13[0])
		return SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION);
	return s->old[0] || SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
}

static bool set_suites(SSL_CTX *ssl, const char *list, char error[TLS_ERROR_BYTES])
{
	struct word w;
	if (!list || !next_word(&(const char *){ list }, &w))
		return true;
	struct suites s = { mem_zalloc(strlen(list) * 2 + 2), mem_zalloc(strlen(list) * 2 + 2) };
	bool ok = true;
	for (const char *at = list; ok && next_word(&at, &w);)
		ok = sort_suite(&s, w, error);
	if (ok && !apply_suites(ssl, &s)) {
		snprintf(error, TLS_ERROR_BYTES, "ssl.cipher.suites: OpenSSL offers none of %s", list);
		ok = false;
	}
	free(s.old);
	free(s.tls13);
	return ok;
}

/* ---- whom to trust, and who we are ---- */

static bool use_trust(SSL_CTX *ssl, const struct tls_config *config, bool server, char error[TLS_ERROR_BYTES])
{
	STACK_OF(X509) *trust = NULL;
	if (!tlsstore_trust(config, &trust, error))
		return false;
	if (!trust)
		return SSL_CTX_set_default_verify_paths(ssl) == 1;
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	bool ok = true;
	for (int i = 0; ok && i < sk_X509_num(trust); i++) {
		ok = X509_STORE_add_cert(store, sk_X509_value(trust, i)) == 1;
		if (server)
			ok = ok && SSL_CTX_add_client_CA(ssl, sk_X509_value(trust, i)) == 1;
	}
	/* As in Java, whatever is in the trust store is trusted, an intermediate or the very certificate
	 * too. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	sk_X509_pop_free(trust, X509_free);
	if (!ok)
		snprintf(error, TLS_ERROR_BYTES, "the trust store's certificates cannot be used");
	return ok;
}

static bool use_identity(struct tlsctx *t, const struct tls_config *config, bool needed,
			 char error[TLS_ERROR_BYTES])
{
	struct tlsstore_identity id = { .certificate = NULL };
	char why[160];
	if (!tlsstore_identity(config, &id, error))
		return false;
	if (!id.key) {
		if (needed)
			snprintf(error, TLS_ERROR_BYTES,
				 "a listener with TLS needs ssl.keystore.location, or ssl.keystore.key and "
				 "ssl.keystore.certificate.chain");
		return !needed;
	}
	bool ok = SSL_CTX_use_cert_and_key(t->ssl, id.certificate, id.key, id.chain, 1) == 1;
	if (!ok)
		snprintf(error, TLS_ERROR_BYTES, "%s: certificate and private key cannot be used together: "
			 "%s", id.from, tls_openssl_error(why, sizeof why));
	t->certificate = ok ? id.certificate : NULL;
	if (ok)
		X509_up_ref(id.certificate);
	tlsstore_identity_free(&id);
	return ok;
}

static void set_verification(SSL_CTX *ssl, const struct tls_config *config, bool server)
{
	int mode = SSL_VERIFY_PEER;
	if (server && config->client_auth == TLS_CLIENT_AUTH_NONE)
		mode = SSL_VERIFY_NONE;
	if (server && config->client_auth == TLS_CLIENT_AUTH_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ssl, mode, NULL);
}

static void set_manners(SSL_CTX *ssl)
{
	static const unsigned char session_context[] = "samsa";
	SSL_CTX_set_options(ssl,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_dh_auto(ssl, 1);
	/* Sessions are resumed by tickets alone, so nothing is kept here for a client that may never
	 * return. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 1);
	int rc = SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1);
	must(rc == 1);
}

/* ---- life ---- */

static struct tlsctx *tlsctx_make(const struct tls_config *config, bool server, char error[TLS_ERROR_BYTES])
{
	struct tlsctx *t;
	ALLOC_OBJ(t, TLSCTX_MAGIC);
	atomic_init(&t->count, 1);
	ERR_clear_error();
	error[0] = 0;
	t->bio = tls_bio_method_new();
	t->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	t->checks_host = config->check_host;
	t->has_trust = config->truststore_location || config->truststore_certs;
	must(t->ssl != NULL);
	set_manners(t->ssl);
	set_verification(t->ssl, config, server);
	if (set_protocols(t->ssl, config->enabled_protocols, error) &&
	    set_suites(t->ssl, config->cipher_suites, error) && use_identity(t, config, server, error) &&
	    use_trust(t->ssl, config, server, error))
		return t;
	if (!error[0])
		tls_openssl_error(error, TLS_ERROR_BYTES);
	tlsctx_put(t);
	return NULL;
}

struct tlsctx *tlsctx_server(const struct tls_config *config, char error[TLS_ERROR_BYTES])
{
	return tlsctx_make(config, true, error);
}

struct tlsctx *tlsctx_client(const struct tls_config *config, char error[TLS_ERROR_BYTES])
{
	return tlsctx_make(config, false, error);
}

struct tlsctx *tlsctx_get(struct tlsctx *t)
{
	CHECK_OBJ_NOTNULL(t, TLSCTX_MAGIC);
	atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
	return t;
}

void tlsctx_put(struct tlsctx *t)
{
	if (!t)
		return;
	CHECK_OBJ(t, TLSCTX_MAGIC);
	if (atomic_fetch_sub_explicit(&t->count, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(t->ssl);
	BIO_meth_free(t->bio);
	X509_free(t->certificate);
	FREE_OBJ(t);
}

struct ssl_ctx_st *tlsctx_ssl(const struct tlsctx *t)
{
	CHECK_OBJ_NOTNULL(t, TLSCTX_MAGIC);
	return t->ssl;
}

const BIO_METHOD *tlsctx_bio(const struct tlsctx *t)
{
	CHECK_OBJ_NOTNULL(t, TLSCTX_MAGIC);
	return t->bio;
}

bool tlsctx_checks_host(const struct tlsctx *t)
{
	CHECK_OBJ_NOTNULL(t, TLSCTX_MAGIC);
	return t->checks_host;
}

/* ---- reload ---- */

static bool has_name(const GENERAL_NAMES *names, GENERAL_NAME *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0)
			return true;
	return false;
}

/* Kafka: the fresh certificate may name more than the old one, not less. */
static bool names_all(const X509 *old, const X509 *fresh)
{
	GENERAL_NAMES *had = X509_get_ext_d2i(old, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAMES *has = X509_get_ext_d2i(fresh, NID_subject_alt_name, NULL, NULL);
	bool all = true;
	for (int i = 0; had && i < sk_GENERAL_NAME_num(had); i++)
		all = all && has && has_name(has, sk_GENERAL_NAME_value(had, i));
	GENERAL_NAMES_free(had);
	GENERAL_NAMES_free(has);
	return all;
}

static bool same_names(const struct tlsctx *old, const struct tlsctx *fresh, const struct tls_config *config,
		       char error[TLS_ERROR_BYTES])
{
	if (!config->allow_dn_changes && X509_NAME_cmp(X509_get_subject_name(old->certificate),
						       X509_get_subject_name(fresh->certificate)) != 0) {
		char was[160], is[160];
		subject_text(old->certificate, was, sizeof was);
		subject_text(fresh->certificate, is, sizeof is);
		snprintf(error, TLS_ERROR_BYTES,
			 "Keystore DistinguishedName does not match: existing={DN=%s}, new={DN=%s}; "
			 "ssl.allow.dn.changes=true allows it", was, is);
		return false;
	}
	if (!config->allow_san_changes && !names_all(old->certificate, fresh->certificate)) {
		snprintf(error, TLS_ERROR_BYTES, "Keystore SubjectAltNames does not match: the new "
			 "certificate lacks names of the old one; ssl.allow.san.changes=true allows it");
		return false;
	}
	return true;
}

/* Whether who has one's trust store takes the other's certificate. */
static bool trusts(const struct tlsctx *one, const struct tlsctx *other, char error[TLS_ERROR_BYTES])
{
	STACK_OF(X509) *chain = NULL;
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	SSL_CTX_get0_chain_certs(other->ssl, &chain);
	must(check != NULL);
	X509_STORE *store = SSL_CTX_get_cert_store(one->ssl);
	bool fine = X509_STORE_CTX_init(check, store, other->certificate, chain) == 1 &&
		    X509_STORE_CTX_set_purpose(check, X509_PURPOSE_SSL_SERVER) == 1 &&
		    X509_verify_cert(check) == 1;
	if (!fine)
		snprintf(error, TLS_ERROR_BYTES,
			 "brokers with the old and the new settings would not trust each other: %s",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(check)));
	X509_STORE_CTX_free(check);
	return fine;
}

bool tlsctx_may_replace(const struct tlsctx *old, const struct tlsctx *fresh, const struct tls_config *config,
			char error[TLS_ERROR_BYTES])
{
	CHECK_OBJ_NOTNULL(old, TLSCTX_MAGIC);
	CHECK_OBJ_NOTNULL(fresh, TLSCTX_MAGIC);
	if (!old->has_trust && fresh->has_trust) {
		snprintf(error, TLS_ERROR_BYTES, "Cannot add SSL truststore to an existing listener for "
			 "which no truststore was configured.");
		return false;
	}
	if (!old->certificate || !fresh->certificate) /* a server has one */
		return true;
	if (!same_names(old, fresh, config, error))
		return false;
	return !config->of_brokers || !old->has_trust || !fresh->has_trust ||
	       (trusts(old, fresh, error) && trusts(fresh, old, error));
}
