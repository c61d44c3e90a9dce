/* tls.c - the TLS layer. OpenSSL sees only memory: what came from below lies in `in`, what goes down is
 * gathered in `sealing`, so that many records leave in one call.
 *
 *	          client speaks first, server waits             SSL_do_handshake() is done
 *	WAITING <----------------------------------> STEPPING ----------------------------> OPEN
 *	                                                 | fails                             | fails
 *	                                                 +------------> FAILED <-------------+
 *
 * A step of the handshake takes 0.3 to 1 ms of CPU, as much as hundreds of requests: it is a helper's. While
 * it is under way (STEPPING) everything OpenSSL touches is the helper's; an end of the connection then leaves
 * the memory to the step's return.
 */
#include "broker/base/must.h"
#include "broker/net/filter_priv.h"
#include "broker/net/lane_priv.h"
#include "broker/net/range_priv.h"
#include "broker/net/tlsctx_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum { TLS_MAGIC = 0x715c0de5 };

enum {
	TLS_RECORD_BYTES = 16 * 1024,
	TLS_IN_BYTES = 128 * 1024 + 4 * 1024,     /* 8 records of the largest size */
	TLS_SEALING_BYTES = 256 * 1024 + 8 * 1024, /* 16 of them */
	TLS_SEALING_SMALL_BYTES = 16 * 1024,      /* for handshakes and other talk of TLS itself */
	TLS_RECORD_OVERHEAD_BYTES = 128,          /* of any suite: header, nonce, padding, MAC or tag */
	TLS_LOAD_BYTES = 64 * 1024,               /* of a file, read at once */
	TLS_GATHER_BELOW_BYTES = 4 * 1024,        /* shorter links share a record */
	TLS_WHY_BYTES = 200,
	TLS_BIO_NUMBER = 0xff,
};

enum tls_state { TLS_WAITING, TLS_STEPPING, TLS_OPEN, TLS_FAILED };

struct tls {
	unsigned magic;
	enum tls_state state;
	struct filter filter;
	struct filter *below; /* NULL: freed while a step was under way */
	struct lane *lane;
	struct tlsctx *ctx;
	SSL *ssl;
	struct buf *in;       /* ciphertext: OpenSSL has taken `in_at` of `in->used` bytes */
	uint32_t in_at;
	struct buf *sealing;  /* ciphertext for below, being written */
	struct chain sealed;  /* ciphertext on its way */
	struct range range;
	struct job step;
	int step_want;        /* SSL_ERROR_NONE, _WANT_READ, _WANT_WRITE, or another: it failed */
	char why[TLS_WHY_BYTES];
};

static struct tls *tls_of(const struct filter *f)
{
	struct tls *t = container_of(f, struct tls, filter);
	CHECK_OBJ(t, TLS_MAGIC);
	return t;
}

/* ---- OpenSSL's side ---- */

static int bio_read(BIO *bio, char *p, size_t n, size_t *done)
{
	struct tls *t = BIO_get_data(bio);
	uint32_t here = t->in ? t->in->used - t->in_at : 0;
	BIO_clear_retry_flags(bio);
	*done = min_of(n, here);
	if (*done == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(p, t->in->bytes + t->in_at, *done);
	t->in_at += (uint32_t)*done;
	return 1;
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *done)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	/* A step has got its buffer before, as helpers take no leases. */
	if (!t->sealing && t->state != TLS_STEPPING)
		t->sealing = lease_take_anyway(t->lane->pool, TLS_SEALING_SMALL_BYTES);
	*done = t->sealing ? min_of(n, t->sealing->size - t->sealing->used) : 0;
	if (*done == 0) {
		BIO_set_retry_write(bio);
		return 0;
	}
	memcpy(t->sealing->bytes + t->sealing->used, p, *done);
	t->sealing->used += (uint32_t)*done;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long n, void *p)
{
	(void)bio;
	(void)n;
	(void)p;
	return command == BIO_CTRL_FLUSH; /* nothing is held back here */
}

BIO_METHOD *tls_bio_method_new(void)
{
	/* OpenSSL has 127 numbers to give out for as long as the process lives; nobody looks for this BIO by
	 * number. */
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | TLS_BIO_NUMBER, "samsa");
	must(m != NULL);
	BIO_meth_set_read_ex(m, bio_read);
	BIO_meth_set_write_ex(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

const char *tls_openssl_error(char *out, size_t n)
{
	unsigned long e = ERR_get_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;
	snprintf(out, n, "%s", reason ? reason : e ? "error without a name" : "no reason given");
	ERR_clear_error();
	return out;
}

static void fail(struct tls *t)
{
	long verify = SSL_get_verify_result(t->ssl);
	char reason[TLS_WHY_BYTES / 2];
	tls_openssl_error(reason, sizeof reason);
	if (verify == X509_V_OK)
		snprintf(t->why, sizeof t->why, "SSL handshake failed: %s", reason);
	else
		snprintf(t->why, sizeof t->why, "SSL handshake failed: %s: %s", reason,
			 X509_verify_cert_error_string(verify));
}

/* ---- below ---- */

/* What OpenSSL has written is on its way from now on. */
static void hand_down(struct tls *t)
{
	if (!t->sealing)
		return;
	chain_add_mem(&t->sealed, t->sealing->bytes, t->sealing->used, &t->sealing->hold);
	t->sealing = NULL;
}

/* While the peer takes nothing, what OpenSSL adds gathers in one buffer: a peer that makes it add more than
 * that holds, by asking for new keys without end and reading no answer, loses its connection
 * (read_failed). */
static int send_sealed(struct tls *t)
{
	int rc = 0;
	do {
		if (!t->sealed.first)
			hand_down(t);
		if (t->sealed.first)
			rc = t->below->ops->write(t->below, &t->sealed);
	} while (rc >= 0 && t->sealing);
	t->filter.dirty = t->sealed.first || t->sealing;
	return rc;
}

static void drop_spent_input(struct tls *t)
{
	if (t->in && t->in_at == t->in->used) {
		buf_put(t->in);
		t->in = NULL;
	}
}

/* More ciphertext; only when OpenSSL has taken all there was. The buffer is lent whatever the budget says, as
 * it is what lets a frame under way come to its end, and goes back when it is spent. */
static ssize_t receive(struct tls *t)
{
	must(t->in == NULL);
	struct buf *b = lease_take_anyway(t->lane->pool, TLS_IN_BYTES);
	if (!b)
		return -ENOMEM;
	ssize_t k = t->below->ops->read(t->below, b->bytes, b->size);
	if (k <= 0) {
		buf_put(b);
		return k;
	}
	b->used = (uint32_t)k;
	t->in = b;
	t->in_at = 0;
	return k;
}

/* ---- handshake ---- */

static void step_work(struct job *job)
{
	struct tls *t = container_of(job, struct tls, step);
	must(t->state == TLS_STEPPING);
	ERR_clear_error();
	int rc = SSL_do_handshake(t->ssl);
	t->step_want = SSL_get_error(t->ssl, rc);
	if (t->step_want != SSL_ERROR_NONE && t->step_want != SSL_ERROR_WANT_READ &&
	    t->step_want != SSL_ERROR_WANT_WRITE)
		fail(t); /* OpenSSL's errors are the thread's */
}

static void tls_release(struct tls *t)
{
	SSL_free(t->ssl);
	tlsctx_put(t->ctx);
	buf_put(t->in);
	buf_put(t->sealing);
	chain_clear(&t->sealed);
	range_fini(&t->range);
	FREE_OBJ(t);
}

static void step_done(struct reactor *here, struct job *job)
{
	struct tls *t = container_of(job, struct tls, step);
	CHECK_OBJ(t, TLS_MAGIC);
	reactor_must_be_here(here);
	must(t->state == TLS_STEPPING);
	if (t->step_want == SSL_ERROR_NONE)
		t->state = TLS_OPEN;
	else
		t->state = t->why[0] ? TLS_FAILED : TLS_WAITING;
	if (!t->below) {
		tls_release(t);
		return;
	}
	drop_spent_input(t);
	filter_kick(&t->filter);
}

static int step_start(struct tls *t)
{
	if (!t->sealing)
		t->sealing = lease_take_anyway(t->lane->pool, TLS_SEALING_SMALL_BYTES);
	if (!t->sealing)
		return -ENOMEM;
	t->state = TLS_STEPPING;
	t->filter.needs = 0;
	t->step.work = step_work;
	t->step.done = step_done;
	reactor_offload(t->lane->reactor, &t->step, "TLS handshake");
	return -EINPROGRESS;
}

/* Whether OpenSSL cannot go on before more has come. */
static bool must_receive(const struct tls *t)
{
	return t->in == NULL && t->step_want == SSL_ERROR_WANT_READ;
}

static int tls_start(struct filter *f)
{
	struct tls *t = tls_of(f);
	int rc;
	if (t->state == TLS_STEPPING)
		return -EINPROGRESS;
	rc = t->below->ops->start(t->below);
	f->needs = t->below->needs;
	if (rc < 0)
		return rc;
	rc = send_sealed(t);
	if (t->state == TLS_FAILED)
		return -EPROTO; /* the alert has been sent, or has no room: either will do */
	f->needs = SYS_WRITABLE;
	if (rc < 0)
		return rc;
	if (t->state == TLS_OPEN)
		return 0;
	f->needs = SYS_READABLE;
	if (must_receive(t)) {
		ssize_t k = receive(t);
		if (k <= 0)
			return k == 0 ? -ECONNRESET : (int)k;
	}
	return step_start(t);
}

/* ---- reading ---- */

/* An end or an error that came behind the last bytes is held too, until somebody reads it. */
static bool tls_holds(const struct filter *f)
{
	const struct tls *t = tls_of(f);
	if (t->in != NULL || t->state == TLS_FAILED)
		return true;
	return SSL_pending(t->ssl) > 0 || (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN);
}

static int read_failed(struct tls *t, int want)
{
	if (want == SSL_ERROR_ZERO_RETURN)
		return 0;
	/* We would have to send before we can read, more than there is room for: nobody honest makes us. */
	t->state = TLS_FAILED;
	fail(t);
	(void)send_sealed(t); /* an alert says why; it has room, or the peer does without */
	return -EPROTO;
}

/* 1 when OpenSSL has given something, -EAGAIN when it has nothing left, 0 at the end, or an error. */
static int decrypt(struct tls *t, uint8_t *p, size_t n, size_t *done)
{
	ERR_clear_error();
	*done = 0;
	if (SSL_read_ex(t->ssl, p, n, done) == 1)
		return 1;
	int want = SSL_get_error(t->ssl, 0);
	return want == SSL_ERROR_WANT_READ ? -EAGAIN : read_failed(t, want);
}

static ssize_t tls_read(struct filter *f, void *p, size_t n)
{
	struct tls *t = tls_of(f);
	size_t got = 0, k;
	ssize_t rc = t->state == TLS_OPEN ? 1 : -EPROTO;
	while (rc > 0 && got < n) {
		rc = decrypt(t, (uint8_t *)p + got, n - got, &k);
		got += k;
		if (rc != -EAGAIN)
			continue;
		drop_spent_input(t);
		if (got == 0)
			rc = receive(t);
	}
	drop_spent_input(t);
	f->drained = t->below->drained && !tls_holds(f);
	f->dirty = t->sealing != NULL || t->sealed.first != NULL;
	return got > 0 ? (ssize_t)got : rc;
}

/* ---- writing ---- */

/* How many bytes of plaintext surely fit into what is left of `sealing`. */
static size_t room(const struct tls *t)
{
	size_t left = t->sealing->size - t->sealing->used;
	size_t overhead = (left / TLS_RECORD_BYTES + 1) * TLS_RECORD_OVERHEAD_BYTES;
	return left > overhead ? left - overhead : 0;
}

static size_t lease_for(uint64_t plain)
{
	uint64_t whole = plain + (plain / TLS_RECORD_BYTES + 2) * TLS_RECORD_OVERHEAD_BYTES;
	return (size_t)min_of(whole, (uint64_t)TLS_SEALING_BYTES);
}

/* Short links at the head of the chain, copied together to be one record. */
static size_t gather(const struct chain *out, struct buf *to, size_t max)
{
	for (const struct link *l = out->first; l && l->kind == LINK_MEM && l->n < TLS_GATHER_BELOW_BYTES;
	     l = l->next) {
		if (to->used + l->n > max)
			break;
		memcpy(to->bytes + to->used, l->p, l->n);
		to->used += (uint32_t)l->n;
	}
	return to->used;
}

static bool is_short(const struct link *l)
{
	return l && l->kind == LINK_MEM && l->n < TLS_GATHER_BELOW_BYTES;
}

static int encrypt(struct tls *t, struct chain *out, const void *p, size_t n)
{
	size_t done = 0;
	ERR_clear_error();
	if (SSL_write_ex(t->ssl, p, n, &done) != 1) {
		t->state = TLS_FAILED;
		fail(t);
		return -EPROTO;
	}
	must(done == n);
	chain_consume(out, n);
	return 0;
}

/* Encrypts from the head of the chain: one link, or several short ones together. */
static int seal_some(struct tls *t, struct chain *out, size_t max)
{
	if (out->first->kind == LINK_FILE) {
		int rc = range_load(&t->range, out, &out->first, TLS_LOAD_BYTES);
		if (rc < 0)
			return rc;
	}
	const struct link *l = out->first;
	if (!is_short(l) || !is_short(l->next))
		return encrypt(t, out, l->p, min_of(l->n, max));
	struct buf *together = lease_take_anyway(t->lane->pool, TLS_RECORD_BYTES);
	if (!together)
		return -ENOMEM;
	size_t n = gather(out, together, min_of(max, (size_t)TLS_RECORD_BYTES));
	int rc = encrypt(t, out, together->bytes, n);
	buf_put(together);
	return rc;
}

/* Fills one buffer with records. An error is reported only when nothing was sealed before it. */
static int seal(struct tls *t, struct chain *out)
{
	int rc = 0;
	hand_down(t);
	t->sealing = lease_take_anyway(t->lane->pool, lease_for(out->bytes));
	if (!t->sealing)
		return -ENOMEM;
	while (rc == 0 && out->first) {
		size_t max = room(t);
		if (max < min_of(out->first->n, (uint64_t)TLS_GATHER_BELOW_BYTES))
			break;
		rc = seal_some(t, out, max);
	}
	return t->sealing->used > 0 ? 0 : rc;
}

static int tls_write(struct filter *f, struct chain *out)
{
	struct tls *t = tls_of(f);
	if (t->state != TLS_OPEN)
		return -EPROTO;
	for (;;) {
		int rc = send_sealed(t);
		if (rc < 0 || !out->first)
			return rc;
		rc = seal(t, out);
		if (rc < 0)
			return rc;
	}
}

/* ---- the end ---- */

static void tls_bye(struct filter *f)
{
	struct tls *t = tls_of(f);
	if (t->state != TLS_OPEN || t->sealed.first)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	(void)send_sealed(t); /* it has room, or the peer does without */
	if (t->below->ops->bye)
		t->below->ops->bye(t->below);
}

static void tls_free(struct filter *f)
{
	struct tls *t = tls_of(f);
	t->below->ops->free(t->below);
	t->below = NULL;
	if (t->state != TLS_STEPPING)
		tls_release(t);
}

static const struct filter_ops tls_ops = {
	.name = "tls",
	.start = tls_start,
	.read = tls_read,
	.write = tls_write,
	.holds = tls_holds,
	.bye = tls_bye,
	.free = tls_free,
};

/* ---- the beginning ---- */

static bool is_address(const char *host)
{
	uint8_t raw[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

/* The name a client asks for, and wants to see in the certificate. */
static void expect_host(struct tls *t, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	bool address = is_address(host);
	int rc = address || SSL_set_tlsext_host_name(t->ssl, host);
	must(rc == 1);
	if (!tlsctx_checks_host(t->ctx))
		return;
	rc = address ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
		     : X509_VERIFY_PARAM_set1_host(param, host, 0);
	must(rc == 1);
}

struct filter *filter_tls_new(struct lane *lane, struct filter *below, struct tlsctx *ctx, const char *host)
{
	struct tls *t;
	ALLOC_OBJ(t, TLS_MAGIC);
	t->filter.ops = &tls_ops;
	t->lane = lane;
	t->below = below;
	below->above = &t->filter;
	t->ctx = tlsctx_get(ctx);
	chain_init(&t->sealed);
	range_init(&t->range, lane, &t->filter);
	t->ssl = SSL_new(tlsctx_ssl(ctx));
	BIO *bio = BIO_new(tlsctx_bio(ctx));
	must(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	if (host) {
		SSL_set_connect_state(t->ssl);
		expect_host(t, host);
	} else {
		SSL_set_accept_state(t->ssl);
		t->step_want = SSL_ERROR_WANT_READ; /* a server waits for the first word */
	}
	return &t->filter;
}

struct x509_st *filter_tls_certificate(const struct filter *f)
{
	const struct tls *t = tls_of(f);
	return t->state == TLS_OPEN ? SSL_get0_peer_certificate(t->ssl) : NULL;
}

const char *filter_tls_version(const struct filter *f)
{
	const struct tls *t = tls_of(f);
	return t->state == TLS_OPEN ? SSL_get_version(t->ssl) : NULL;
}

const char *filter_tls_cipher(const struct filter *f)
{
	const struct tls *t = tls_of(f);
	return t->state == TLS_OPEN ? SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl)) : NULL;
}

const char *filter_tls_error(const struct filter *f)
{
	return tls_of(f)->why;
}
