/* ut_tlsctx.c - contexts from Kafka's ssl.* keys: every kind of store, and what is said when one cannot be
 * used. */
#include "broker/net/tls_watch_priv.h"
#include "tests/unit/net/tls_ut.h"

#include <openssl/pkcs12.h>

static struct ut_cert ca, server, other;
static char error[TLS_ERROR_BYTES];

/* NULL when a server can be made of it; else what is said. */
static const char *refusal(const struct tls_config *config)
{
	struct tlsctx *t = tlsctx_server(config, error);
	tlsctx_put(t);
	return t ? NULL : error;
}

static bool says(const struct tls_config *config, const char *word)
{
	const char *said = refusal(config);
	if (!said || !strstr(said, word))
		fprintf(stderr, "expected \"%s\", got \"%s\"\n", word, said ? said : "(nothing)");
	return said && strstr(said, word);
}

static void pem_text(void)
{
	struct tls_config c = { .keystore_key = server.key_pem, .keystore_chain = server.cert_pem };
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.truststore_certs = ca.cert_pem;
	c.keystore_type = c.truststore_type = "PEM";
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.keystore_chain = other.cert_pem;
	CU_ASSERT(says(&c, "ssl.keystore.key: certificate and private key cannot be used together"));
	c.keystore_chain = "nonsense";
	CU_ASSERT(says(&c, "ssl.keystore.certificate.chain: no certificate can be read"));
	c.keystore_chain = NULL;
	CU_ASSERT(says(&c, "go together"));
	c = (struct tls_config){ .keystore_key = "nonsense", .keystore_chain = server.cert_pem };
	CU_ASSERT(says(&c, "ssl.keystore.key: no private key can be read"));
	c = (struct tls_config){ .keystore_key = server.key_pem, .keystore_chain = server.cert_pem,
				 .truststore_certs = "nonsense" };
	CU_ASSERT(says(&c, "ssl.truststore.certificates: no certificate can be read"));
	c = (struct tls_config){ .keystore_type = NULL };
	CU_ASSERT(says(&c, "needs ssl.keystore.location"));
}

/* The certificate first and the key behind it, and the other way round; the chain above it too. */
static void pem_files(void)
{
	char path[] = "/tmp/ut_tlsctx.XXXXXX", trust[] = "/tmp/ut_tlsctx.XXXXXX", text[4 * UT_PEM_BYTES];
	close(mkstemp(path));
	close(mkstemp(trust));
	struct tls_config c = { .keystore_location = path, .truststore_location = trust };
	ut_write_file(trust, ca.cert_pem);
	snprintf(text, sizeof text, "%s%s%s", server.key_pem, server.cert_pem, ca.cert_pem);
	ut_write_file(path, text);
	CU_ASSERT_PTR_NULL(refusal(&c));
	uint64_t stamp = tls_config_stamp(&c);
	CU_ASSERT_EQUAL(stamp, tls_config_stamp(&c));
	snprintf(text, sizeof text, "Bag attributes\n%s%s\n%s", server.cert_pem, ca.cert_pem, server.key_pem);
	ut_write_file(path, text);
	CU_ASSERT_PTR_NULL(refusal(&c));
	CU_ASSERT_NOT_EQUAL(stamp, tls_config_stamp(&c));
	ut_write_file(trust, "");
	CU_ASSERT(says(&c, trust));
	ut_write_file(path, server.cert_pem);
	CU_ASSERT(says(&c, path));
	unlink(path);
	CU_ASSERT(says(&c, "No such file"));
	unlink(trust);
}

static void encrypted_key(void)
{
	char pem[UT_PEM_BYTES];
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PKCS8PrivateKey(bio, server.key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
	ut_pem(bio, pem);
	struct tls_config c = { .keystore_key = pem, .keystore_chain = server.cert_pem,
				.key_password = "secret" };
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.key_password = "wrong";
	CU_ASSERT(says(&c, "ssl.key.password"));
	c.key_password = NULL;
	CU_ASSERT(says(&c, "an encrypted one needs ssl.key.password"));
}

static void pkcs12(void)
{
	char path[] = "/tmp/ut_tlsctx.XXXXXX", trust[] = "/tmp/ut_tlsctx.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w"), *g = fdopen(mkstemp(trust), "w");
	STACK_OF(X509) *above = sk_X509_new_null();
	sk_X509_push(above, ca.x);
	PKCS12 *p = PKCS12_create("secret", "server", server.key, server.x, above, 0, 0, 0, 0, 0);
	i2d_PKCS12_fp(f, p);
	PKCS12_free(p);
	p = PKCS12_create("trusted", NULL, NULL, NULL, above, 0, 0, 0, 0, 0);
	i2d_PKCS12_fp(g, p);
	PKCS12_free(p);
	sk_X509_free(above);
	fclose(f);
	fclose(g);
	/* JKS is the default type of Kafka, and its Java reads PKCS12 under that name. */
	struct tls_config c = { .keystore_type = "JKS", .keystore_location = path,
				.keystore_password = "secret", .truststore_location = trust,
				.truststore_password = "trusted" };
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.keystore_password = "wrong";
	CU_ASSERT(says(&c, "its password is wrong"));
	c.keystore_password = "secret";
	c.truststore_password = NULL;
	CU_ASSERT(says(&c, trust));
	c.truststore_password = "trusted";
	c.keystore_location = trust;
	c.keystore_password = "trusted";
	CU_ASSERT(says(&c, "there is no private key"));
	unlink(path);
	unlink(trust);
}

static void jks(void)
{
	char path[] = "/tmp/ut_tlsctx.XXXXXX";
	close(mkstemp(path));
	ut_write_file(path, "\xfe\xed\xfe\xed\x02rest");
	struct tls_config c = { .keystore_location = path };
	CU_ASSERT(says(&c, "keytool -importkeystore"));
	c.keystore_type = "BCFKS";
	CU_ASSERT(says(&c, "ssl.keystore.type: BCFKS"));
	unlink(path);
}

static void protocols_and_suites(void)
{
	struct tls_config c = { .keystore_key = server.key_pem, .keystore_chain = server.cert_pem };
	c.enabled_protocols = "TLSv1.3, TLSv1.2";
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.enabled_protocols = "TLSv1.2,TLSv1.1";
	CU_ASSERT(says(&c, "ssl.enabled.protocols: TLSv1.1"));
	c.enabled_protocols = "";
	CU_ASSERT(says(&c, "ssl.enabled.protocols is empty"));
	c.enabled_protocols = NULL;
	c.cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384";
	CU_ASSERT_PTR_NULL(refusal(&c));
	c.cipher_suites = "TLS_NONSENSE_WITH_NOTHING";
	CU_ASSERT(says(&c, "ssl.cipher.suites: OpenSSL does not know TLS_NONSENSE_WITH_NOTHING"));
	c.cipher_suites = "";
	CU_ASSERT_PTR_NULL(refusal(&c));
}

/* What a listener speaks with these suites, asked by a client of one version. */
static bool speaks(const char *suites, int version, const char *cipher)
{
	struct ut_net u;
	struct ut_tls t;
	struct tls_config c = { .keystore_key = server.key_pem, .keystore_chain = server.cert_pem,
				.cipher_suites = suites };
	ut_init(&u, 1);
	u.listeners[0].tls = &c;
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, version);
	bool ok = ut_tls_connect(&u, &t, ctx, NULL);
	if (ok) {
		UNTIL(&u, u.opened == 1);
		ok = strcmp(conn_tls_cipher(u.last), cipher) == 0;
	}
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	ut_close(&u);
	ut_fini(&u);
	return ok;
}

static void suites_choose_versions(void)
{
	const char *old = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", *new = "TLS_CHACHA20_POLY1305_SHA256";
	CU_ASSERT(speaks(old, TLS1_2_VERSION, old));
	CU_ASSERT_FALSE(speaks(old, TLS1_3_VERSION, old));
	CU_ASSERT(speaks(new, TLS1_3_VERSION, new));
	CU_ASSERT_FALSE(speaks(new, TLS1_2_VERSION, new));
}

static void replacing(void)
{
	struct ut_cert more, less, renamed;
	ut_cert_make(&more, "server", &ca, "DNS:a.example,DNS:b.example,DNS:c.example");
	ut_cert_make(&less, "server", &ca, "DNS:a.example");
	ut_cert_make(&renamed, "other", &ca, "DNS:a.example");
	const struct ut_cert *all[] = { &less, &more, &renamed };
	struct tlsctx *t[3];
	struct tls_config c = { .keystore_type = NULL };
	for (int i = 0; i < 3; i++) {
		c.keystore_key = all[i]->key_pem;
		c.keystore_chain = all[i]->cert_pem;
		t[i] = tlsctx_server(&c, error);
	}
	CU_ASSERT(tlsctx_may_replace(t[0], t[1], &c, error));
	CU_ASSERT_FALSE(tlsctx_may_replace(t[1], t[0], &c, error));
	CU_ASSERT(strstr(error, "SubjectAltNames does not match") != NULL);
	CU_ASSERT_FALSE(tlsctx_may_replace(t[0], t[2], &c, error));
	CU_ASSERT(strstr(error, "existing={DN=CN=server,O=Samsa}, new={DN=CN=other,O=Samsa}") != NULL);
	c.allow_dn_changes = c.allow_san_changes = true;
	CU_ASSERT(tlsctx_may_replace(t[1], t[0], &c, error));
	CU_ASSERT(tlsctx_may_replace(t[0], t[2], &c, error));
	for (int i = 0; i < 3; i++)
		tlsctx_put(t[i]);
	ut_cert_free(&more);
	ut_cert_free(&less);
	ut_cert_free(&renamed);
}

/* Where brokers meet, those with the old settings and those with the new must trust each other
 * (SslFactory.SslEngineValidator): an authority is replaced by way of a trust store that has both. */
static void another_authority(void)
{
	struct ut_cert ca2, fresh;
	ut_cert_make(&ca2, "another authority", NULL, NULL);
	ut_cert_make(&fresh, "server", &ca2, NULL);
	char both[2 * UT_PEM_BYTES];
	snprintf(both, sizeof both, "%s%s", ca.cert_pem, ca2.cert_pem);
	struct tls_config c = { .keystore_key = server.key_pem, .keystore_chain = server.cert_pem,
				.truststore_certs = ca.cert_pem, .of_brokers = true };
	struct tlsctx *old = tlsctx_server(&c, error);
	c.truststore_certs = both;
	struct tlsctx *between = tlsctx_server(&c, error);
	c.keystore_key = fresh.key_pem;
	c.keystore_chain = fresh.cert_pem;
	struct tlsctx *new = tlsctx_server(&c, error);
	CU_ASSERT_FALSE(tlsctx_may_replace(old, new, &c, error));
	CU_ASSERT(strstr(error, "would not trust each other") != NULL);
	CU_ASSERT(tlsctx_may_replace(old, between, &c, error));
	CU_ASSERT(tlsctx_may_replace(between, new, &c, error));
	c.of_brokers = false;
	CU_ASSERT(tlsctx_may_replace(old, new, &c, error));
	tlsctx_put(old);
	tlsctx_put(between);
	tlsctx_put(new);
	c.truststore_certs = NULL;
	struct tlsctx *bare = tlsctx_server(&c, error);
	c.truststore_certs = both;
	new = tlsctx_server(&c, error);
	CU_ASSERT_FALSE(tlsctx_may_replace(bare, new, &c, error));
	CU_ASSERT(strstr(error, "Cannot add SSL truststore to an existing listener") != NULL);
	tlsctx_put(bare);
	tlsctx_put(new);
	ut_cert_free(&ca2);
	ut_cert_free(&fresh);
}

static void turn_until_looked(struct reactor *r, const struct tls_watch *w)
{
	int64_t patience = sys_mono_ns() + UT_PATIENCE_S * INT64_C(1000000000);
	while (w->busy && sys_mono_ns() < patience)
		reactor_turn(r, 1000000);
	CU_ASSERT_FALSE(w->busy);
}

/* Looks again only at what has changed, keeps the old one when the new one is no good, and takes it when it
 * is. */
static void watch(void)
{
	char path[] = "/tmp/ut_tlsctx.XXXXXX", good[2 * UT_PEM_BYTES];
	struct sys_helpers *helpers = sys_helpers_start(1);
	struct reactor *r = reactor_new(0, helpers);
	struct tls_config c = { .keystore_location = path };
	struct tls_watch w;
	close(mkstemp(path));
	snprintf(good, sizeof good, "%s%s", server.key_pem, server.cert_pem);
	ut_write_file(path, good);
	CU_ASSERT_EQUAL(tls_watch_init(&w, &c, "SSL", error), 0);
	struct tlsctx *first = w.now.ctx;
	tls_watch_look(&w, r, false);
	turn_until_looked(r, &w);
	CU_ASSERT_PTR_EQUAL(w.now.ctx, first); /* nothing has changed */
	ut_write_file(path, "half a file");
	tls_watch_look(&w, r, false);
	turn_until_looked(r, &w);
	CU_ASSERT_PTR_EQUAL(w.now.ctx, first);
	CU_ASSERT(strstr(w.error, path) != NULL);
	tls_watch_look(&w, r, false);
	turn_until_looked(r, &w);
	CU_ASSERT_STRING_EQUAL(w.error, ""); /* it complains once */
	ut_write_file(path, good);
	tls_watch_look(&w, r, false);
	turn_until_looked(r, &w);
	CU_ASSERT_PTR_NOT_EQUAL(w.now.ctx, first);
	first = tlsctx_get(w.now.ctx); /* kept, so that no other can lie at its address */
	tls_watch_look(&w, r, true);
	tls_watch_look(&w, r, true);
	turn_until_looked(r, &w);
	CU_ASSERT_PTR_NOT_EQUAL(w.now.ctx, first); /* asked for, it does without a change */
	tlsctx_put(first);
	sys_helpers_stop(helpers);
	tls_watch_fini(&w);
	reactor_free(r);
	unlink(path);
}

static const struct ut_case cases[] = {
	UT(another_authority),
	UT(pem_text),
	UT(pem_files),
	UT(encrypted_key),
	UT(pkcs12),
	UT(jks),
	UT(protocols_and_suites),
	UT(suites_choose_versions),
	UT(replacing),
	UT(watch),
};

int main(void)
{
	ut_cert_make(&ca, "authority", NULL, NULL);
	ut_cert_make(&server, "server", &ca, NULL);
	ut_cert_make(&other, "other", &ca, NULL);
	int rc = ut_run("tlsctx", cases, countof(cases));
	ut_cert_free(&ca);
	ut_cert_free(&server);
	ut_cert_free(&other);
	return rc;
}
