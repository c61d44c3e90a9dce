/* tlsstore.c - see tlsstore_priv.h. */
#include "broker/net/tlsstore_priv.h"

#include "broker/base/must.h"
#include "broker/net/tlsctx_priv.h"
#include "broker/reactor/sys.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

/* One store: where it is, what opens it, and whom to name when it does not. */
struct store {
	const char *label;    /* the file, or the key that holds its text */
	const char *password;
	BIO *bio;             /* over the contents */
	char *bytes;          /* of a file, with a 0 behind; NULL for text */
	size_t n;
};

/* ---- contents ---- */

static bool complain(char error[TLS_ERROR_BYTES], const struct store *s, const char *what)
{
	char why[160];
	bool known = ERR_peek_error() != 0;
	snprintf(error, TLS_ERROR_BYTES, "%s: %s%s%s", s->label, what, known ? ": " : "",
		 known ? tls_openssl_error(why, sizeof why) : "");
	return false;
}

static void store_wipe(struct store *s)
{
	BIO_free(s->bio);
	if (s->bytes)
		OPENSSL_cleanse(s->bytes, s->n);
	free(s->bytes);
	*s = (struct store){ .label = s->label };
}

static int read_whole(const char *path, char **bytes, size_t *n)
{
	struct sys_stat st;
	int fd = sys_open(path, SYS_READ);
	int rc = fd < 0 ? fd : sys_fstat(fd, &st);
	if (rc >= 0 && st.size > TLS_FILE_MAX_BYTES)
		rc = -EFBIG;
	if (rc >= 0) {
		*bytes = mem_zalloc((size_t)st.size + 1);
		ssize_t k = sys_pread(fd, *bytes, (size_t)st.size, 0);
		*n = k < 0 ? 0 : (size_t)k;
		rc = k < 0 ? (int)k : 0;
	}
	if (fd >= 0)
		sys_close(fd);
	return min_of(rc, 0);
}

static bool store_open_file(struct store *s, const char *path, const char *password,
			    char error[TLS_ERROR_BYTES])
{
	*s = (struct store){ .label = path, .password = password };
	int rc = read_whole(path, &s->bytes, &s->n);
	if (rc < 0) {
		snprintf(error, TLS_ERROR_BYTES, "%s: %s", path, strerror(-rc));
		store_wipe(s);
		return false;
	}
	s->bio = BIO_new_mem_buf(s->bytes, (int)s->n);
	must(s->bio != NULL);
	return true;
}

static void store_open_text(struct store *s, const char *key, const char *text, const char *password)
{
	*s = (struct store){ .label = key, .password = password };
	s->bio = BIO_new_mem_buf(text, -1);
	must(s->bio != NULL);
}

static bool is_jks(const struct store *s)
{
	static const unsigned char jks[] = { 0xfe, 0xed, 0xfe, 0xed }, jceks[] = { 0xce, 0xce, 0xce, 0xce };
	return s->n >= sizeof jks && (memcmp(s->bytes, jks, sizeof jks) == 0 ||
				      memcmp(s->bytes, jceks, sizeof jceks) == 0);
}

static bool is_pkcs12(const struct store *s)
{
	return s->n > 0 && s->bytes[0] == 0x30; /* a DER sequence */
}

static bool refuse_jks(const struct store *s, char error[TLS_ERROR_BYTES])
{
	snprintf(error, TLS_ERROR_BYTES,
		 "%s is a JKS store, which only Java reads; make a PKCS12 one of it: keytool -importkeystore "
		 "-srckeystore %s -destkeystore FILE.p12 -deststoretype PKCS12", s->label, s->label);
	return false;
}

/* ---- PEM ---- */

/* Never asks a terminal. */
static int give_password(char *out, int size, int writing, void *arg)
{
	const char *password = arg;
	(void)writing;
	if (!password || strlen(password) > (size_t)size)
		return -1;
	memcpy(out, password, strlen(password));
	return (int)strlen(password);
}

/* Certificates in their order, whatever else is there. */
static STACK_OF(X509) *pem_certificates(struct store *s)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *x;
	must(all != NULL);
	(void)BIO_reset(s->bio);
	while ((x = PEM_read_bio_X509(s->bio, NULL, give_password, NULL)) != NULL)
		sk_X509_push(all, x);
	/* That no further one was found ends it; anything else is an error. */
	if (sk_X509_num(all) > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		ERR_clear_error();
	else
		while ((x = sk_X509_pop(all)) != NULL)
			X509_free(x);
	return all;
}

static bool pem_key(struct store *s, EVP_PKEY **key, char error[TLS_ERROR_BYTES])
{
	(void)BIO_reset(s->bio);
	*key = PEM_read_bio_PrivateKey(s->bio, NULL, give_password, (void *)(uintptr_t)s->password);
	if (*key)
		return true;
	if (s->password)
		return complain(error, s, "no private key can be read with ssl.key.password");
	return complain(error, s, "no private key can be read (an encrypted one needs ssl.key.password)");
}

static bool pem_chain(struct store *s, struct tlsstore_identity *out, char error[TLS_ERROR_BYTES])
{
	out->chain = pem_certificates(s);
	out->certificate = sk_X509_shift(out->chain);
	return out->certificate || complain(error, s, "no certificate can be read");
}

static bool pem_trust(struct store *s, STACK_OF(X509) **out, char error[TLS_ERROR_BYTES])
{
	*out = pem_certificates(s);
	return sk_X509_num(*out) > 0 || complain(error, s, "no certificate can be read");
}

/* ---- PKCS12 ---- */

static bool p12_read(struct store *s, EVP_PKEY **key, X509 **certificate, STACK_OF(X509) **others,
		     char error[TLS_ERROR_BYTES])
{
	PKCS12 *p12 = d2i_PKCS12_bio(s->bio, NULL);
	bool ok = p12 && PKCS12_parse(p12, s->password, key, certificate, others) == 1;
	PKCS12_free(p12);
	return ok || complain(error, s, "the PKCS12 store cannot be read, or its password is wrong");
}

static bool p12_identity(struct store *s, struct tlsstore_identity *out, char error[TLS_ERROR_BYTES])
{
	if (!p12_read(s, &out->key, &out->certificate, &out->chain, error))
		return false;
	return (out->key && out->certificate) || complain(error, s, "there is no private key with its "
							  "certificate in it");
}

static bool p12_trust(struct store *s, STACK_OF(X509) **out, char error[TLS_ERROR_BYTES])
{
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	if (!p12_read(s, &key, &certificate, out, error))
		return false;
	EVP_PKEY_free(key);
	if (!*out)
		*out = sk_X509_new_null();
	if (certificate)
		sk_X509_push(*out, certificate);
	return sk_X509_num(*out) > 0 || complain(error, s, "there is no certificate in it");
}

/* ---- what the keys say ---- */

static bool known_type(const char *key, const char *type, char error[TLS_ERROR_BYTES])
{
	if (!type || !strcasecmp(type, "JKS") || !strcasecmp(type, "PKCS12") || !strcasecmp(type, "PEM"))
		return true;
	snprintf(error, TLS_ERROR_BYTES, "%s: %s is not read; PEM and PKCS12 are", key, type);
	return false;
}

static bool identity_of_text(const struct tls_config *c, struct tlsstore_identity *out,
			     char error[TLS_ERROR_BYTES])
{
	struct store s;
	out->from = "ssl.keystore.key";
	if (!c->keystore_key || !c->keystore_chain) {
		snprintf(error, TLS_ERROR_BYTES, "ssl.keystore.key and ssl.keystore.certificate.chain go "
			 "together");
		return false;
	}
	store_open_text(&s, "ssl.keystore.key", c->keystore_key, c->key_password);
	bool ok = pem_key(&s, &out->key, error);
	store_wipe(&s);
	if (!ok)
		return false;
	store_open_text(&s, "ssl.keystore.certificate.chain", c->keystore_chain, NULL);
	ok = pem_chain(&s, out, error);
	store_wipe(&s);
	return ok;
}

static bool identity_of_file(const struct tls_config *c, struct tlsstore_identity *out,
			     char error[TLS_ERROR_BYTES])
{
	struct store s;
	bool ok;
	out->from = c->keystore_location;
	if (!store_open_file(&s, c->keystore_location, NULL, error))
		return false;
	if (is_jks(&s)) {
		ok = refuse_jks(&s, error);
	} else if (is_pkcs12(&s)) {
		s.password = c->keystore_password;
		ok = p12_identity(&s, out, error);
	} else {
		s.password = c->key_password;
		ok = pem_key(&s, &out->key, error) && pem_chain(&s, out, error);
	}
	store_wipe(&s);
	return ok;
}

bool tlsstore_identity(const struct tls_config *c, struct tlsstore_identity *out, char error[TLS_ERROR_BYTES])
{
	bool ok = true;
	*out = (struct tlsstore_identity){ .certificate = NULL };
	ERR_clear_error();
	if (!known_type("ssl.keystore.type", c->keystore_type, error))
		return false;
	if (c->keystore_key || c->keystore_chain)
		ok = identity_of_text(c, out, error);
	else if (c->keystore_location)
		ok = identity_of_file(c, out, error);
	if (!ok)
		tlsstore_identity_free(out);
	return ok;
}

void tlsstore_identity_free(struct tlsstore_identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
	sk_X509_pop_free(id->chain, X509_free);
	*id = (struct tlsstore_identity){ .certificate = NULL };
}

static bool trust_of_file(const struct tls_config *c, STACK_OF(X509) **out, char error[TLS_ERROR_BYTES])
{
	struct store s;
	bool ok;
	if (!store_open_file(&s, c->truststore_location, c->truststore_password, error))
		return false;
	if (is_jks(&s))
		ok = refuse_jks(&s, error);
	else
		ok = is_pkcs12(&s) ? p12_trust(&s, out, error) : pem_trust(&s, out, error);
	store_wipe(&s);
	return ok;
}

bool tlsstore_trust(const struct tls_config *c, STACK_OF(X509) **out, char error[TLS_ERROR_BYTES])
{
	struct store s;
	bool ok = true;
	*out = NULL;
	ERR_clear_error();
	if (!known_type("ssl.truststore.type", c->truststore_type, error))
		return false;
	if (c->truststore_certs) {
		store_open_text(&s, "ssl.truststore.certificates", c->truststore_certs, NULL);
		ok = pem_trust(&s, out, error);
		store_wipe(&s);
	} else if (c->truststore_location) {
		ok = trust_of_file(c, out, error);
	}
	if (!ok) {
		sk_X509_pop_free(*out, X509_free);
		*out = NULL;
	}
	return ok;
}

static uint64_t file_stamp(const char *path)
{
	struct sys_stat st;
	if (!path || sys_stat(path, &st) < 0)
		return 0;
	return (uint64_t)st.mtime_ms * 31 + (uint64_t)st.size + 1;
}

uint64_t tls_config_stamp(const struct tls_config *config)
{
	return file_stamp(config->keystore_location) * 1000003 + file_stamp(config->truststore_location);
}
