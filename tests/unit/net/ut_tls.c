/* ut_tls.c - the TLS layer over a real socket: handshakes, bytes, client certificates, reload, and those who
 * misbehave. */
#include "tests/unit/net/tls_ut.h"

static struct ut_cert ca, server, client, stranger;
static struct tls_config tls;

static void init(struct ut_net *u)
{
	tls = (struct tls_config){ .keystore_key = server.key_pem, .keystore_chain = server.cert_pem,
				   .truststore_certs = ca.cert_pem };
	ut_init(u, 1);
	u->listeners[0].tls = &tls;
	u->listeners[0].name = "SSL";
}

static void fini(struct ut_net *u)
{
	ut_close(u);
	ut_fini(u);
}

static void bytes_both_ways(int version, const char *name)
{
	static const size_t sizes[] = { 1, 100, 16384, 16385, 70000, 300000, 1, 3 << 20 };
	struct ut_net u;
	struct ut_tls t;
	init(&u);
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, version);
	CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
	for (unsigned i = 0; i < countof(sizes); i++) {
		CU_ASSERT(ut_tls_send(&u, &t, UT_ECHO, sizes[i], i));
		CU_ASSERT(ut_tls_expect(&u, &t, UT_ECHO, sizes[i], i));
	}
	CU_ASSERT_STRING_EQUAL(u.tls_version, name);
	for (unsigned i = 0; i < 50; i++)
		CU_ASSERT(ut_tls_send(&u, &t, UT_ECHO, 200 + i, i));
	for (unsigned i = 0; i < 50; i++)
		CU_ASSERT(ut_tls_expect(&u, &t, UT_ECHO, 200 + i, i));
	CU_ASSERT(ut_frame_memory(&u, 0) <= LANE_ARENA_BYTES + 64 * 1024);
	ut_tls_close(&t);
	UNTIL(&u, u.gone == 1);
	SSL_CTX_free(ctx);
	fini(&u);
}

static void tls12(void)
{
	bytes_both_ways(TLS1_2_VERSION, "TLSv1.2");
}

static void tls13(void)
{
	bytes_both_ways(TLS1_3_VERSION, "TLSv1.3");
}

static void ranges_of_files(void)
{
	enum { FILE_BYTES = 2 << 20 };
	char path[] = "/tmp/ut_tls.XXXXXX";
	struct ut_net u;
	struct ut_tls t;
	init(&u);
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	int file = mkstemp(path);
	uint8_t *bytes = ut_frame('x', FILE_BYTES, 9), *got = mem_alloc(FILE_BYTES);
	must(write(file, bytes, FILE_BYTES) == FILE_BYTES);
	CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
	for (int i = 0; i < 2; i++) {
		struct chain answer;
		CU_ASSERT(ut_tls_send(&u, &t, UT_PARK, 10, 0));
		UNTIL(&u, !list_empty(&u.parked));
		fsync(file);
		posix_fadvise(file, 0, 0, i ? POSIX_FADV_DONTNEED : POSIX_FADV_WILLNEED);
		chain_init(&answer);
		chain_add_mem(&answer, "begin", 5, NULL);
		chain_add_file(&answer, file, 4096, 1 << 20, NULL);
		chain_add_mem(&answer, "end", 3, NULL);
		conn_slot_answer(&list_entry(list_pop_front(&u.parked), struct ut_request, link)->slot,
				 &answer);
		CU_ASSERT(ut_tls_recv(&u, &t, got, 5) && memcmp(got, "begin", 5) == 0);
		CU_ASSERT(ut_tls_recv(&u, &t, got, 1 << 20) && memcmp(got, bytes + 4096, 1 << 20) == 0);
		CU_ASSERT(ut_tls_recv(&u, &t, got, 3) && memcmp(got, "end", 3) == 0);
	}
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	free(bytes);
	free(got);
	close(file);
	unlink(path);
	fini(&u);
}

/* Whether a client with this certificate gets an answer. In TLS 1.3 a client learns of a refusal only
 * then. */
static bool is_served(struct ut_net *u, const struct ut_cert *me, int version)
{
	struct ut_tls t;
	SSL_CTX *ctx = ut_client_ctx(&ca, me, version);
	bool ok = ut_tls_connect(u, &t, ctx, NULL) && ut_tls_send(u, &t, UT_ECHO, 10, 1) &&
		  ut_tls_expect(u, &t, UT_ECHO, 10, 1);
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	return ok;
}

static void client_certificates(void)
{
	static const struct {
		enum tls_client_auth auth;
		bool none, good, bad; /* who is served */
	} modes[] = {
		{ TLS_CLIENT_AUTH_NONE, true, true, true },
		{ TLS_CLIENT_AUTH_REQUESTED, true, true, false },
		{ TLS_CLIENT_AUTH_REQUIRED, false, true, false },
	};
	for (unsigned i = 0; i < countof(modes) * 2; i++) {
		struct ut_net u;
		int version = i % 2 ? TLS1_3_VERSION : TLS1_2_VERSION;
		init(&u);
		tls.client_auth = modes[i / 2].auth;
		ut_open(&u);
		CU_ASSERT_EQUAL(is_served(&u, NULL, version), modes[i / 2].none);
		CU_ASSERT_STRING_EQUAL(u.certificate, "");
		CU_ASSERT_EQUAL(is_served(&u, &stranger, version), modes[i / 2].bad);
		CU_ASSERT_STRING_EQUAL(u.certificate, "");
		CU_ASSERT_EQUAL(is_served(&u, &client, version), modes[i / 2].good);
		CU_ASSERT_STRING_EQUAL(u.certificate, tls.client_auth ? "/O=Samsa/CN=client" : "");
		fini(&u);
	}
}

/* A principal is made of the certificate's name by the rules, or the connection is refused. */
static void principals(void)
{
	static const struct {
		const char *rules, *principal; /* NULL: refused */
	} cases[] = {
		{ "DEFAULT", "User:CN=client,O=Samsa" },
		{ "RULE:^CN=(.*?),O=Samsa$/$1/U", "User:CLIENT" },
		{ "RULE:^CN=server.*$/broker/", NULL },
	};
	for (unsigned i = 0; i < countof(cases); i++) {
		struct ut_net u;
		init(&u);
		tls.client_auth = TLS_CLIENT_AUTH_REQUESTED;
		u.listeners[0].principal_rules = cases[i].rules;
		ut_open(&u);
		CU_ASSERT_EQUAL(is_served(&u, &client, TLS1_3_VERSION), cases[i].principal != NULL);
		CU_ASSERT_STRING_EQUAL(u.principal, cases[i].principal ? cases[i].principal : "");
		CU_ASSERT(is_served(&u, NULL, TLS1_3_VERSION));
		CU_ASSERT_STRING_EQUAL(u.principal, CONN_ANONYMOUS);
		fini(&u);
	}
}

/* A session is taken up again with its certificate, and the handshake is short. */
static void resumption(void)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct ut_net u;
		struct ut_tls t;
		init(&u);
		tls.client_auth = TLS_CLIENT_AUTH_REQUIRED;
		ut_open(&u);
		SSL_CTX *ctx = ut_client_ctx(&ca, &client, version);
		CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
		CU_ASSERT(ut_tls_send(&u, &t, UT_ECHO, 10, 1) && ut_tls_expect(&u, &t, UT_ECHO, 10, 1));
		SSL_SESSION *session = SSL_get1_session(t.ssl);
		ut_tls_close(&t);
		u.certificate[0] = 0;
		CU_ASSERT(ut_tls_connect(&u, &t, ctx, session));
		CU_ASSERT(SSL_session_reused(t.ssl));
		CU_ASSERT(ut_tls_send(&u, &t, UT_ECHO, 10, 1) && ut_tls_expect(&u, &t, UT_ECHO, 10, 1));
		CU_ASSERT_STRING_EQUAL(u.certificate, "/O=Samsa/CN=client");
		ut_tls_close(&t);
		SSL_SESSION_free(session);
		SSL_CTX_free(ctx);
		fini(&u);
	}
}

/* Garbage, plain Kafka, HTTP: the connection ends, others do not notice. */
static void garbage(void)
{
	static const struct slice words[] = { SLICE_LIT("GET / HTTP/1.0\r\n\r\n"),
					      SLICE_LIT("\0\0\0\x20\0\x12\0\3hello"),
					      SLICE_LIT("\x16\x03\x01\xff\xff") };
	struct ut_net u;
	init(&u);
	ut_open(&u);
	for (unsigned i = 0; i < countof(words); i++) {
		char bytes[40000] = { 0 };
		memcpy(bytes, words[i].p, words[i].n);
		int fd = ut_connect(&u);
		ut_send(&u, fd, bytes, sizeof bytes);
		char drop[256];
		UNTIL(&u, recv(fd, drop, sizeof drop, 0) == 0 || errno == ECONNRESET || errno == EPIPE);
		close(fd);
	}
	CU_ASSERT_EQUAL(u.opened, 0);
	CU_ASSERT(is_served(&u, NULL, TLS1_3_VERSION));
	fini(&u);
}

/* Records that were tampered with after the handshake. */
static void flipped_bytes(void)
{
	struct ut_net u;
	struct ut_tls t;
	uint8_t record[64] = { 0x17, 3, 3, 0, 59, 1, 2, 3 };
	init(&u);
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
	UNTIL(&u, u.opened == 1);
	ut_send(&u, t.fd, record, sizeof record);
	UNTIL(&u, u.gone == 1);
	CU_ASSERT_EQUAL(u.frames, 0);
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	fini(&u);
}

/* A handshake that trickles has one deadline, however busy it looks. */
static void slow_handshake(void)
{
	struct ut_net u;
	init(&u);
	u.config.handshake_ms = 150;
	ut_open(&u);
	int64_t began = sys_mono_ns();
	int fd = ut_connect(&u), silent = ut_connect(&u);
	uint8_t hello[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
	for (unsigned i = 0; !ut_is_shut(fd) && sys_mono_ns() - began < UT_PATIENCE_S * INT64_C(1000000000);
	     i++) {
		if (i < sizeof hello)
			ut_send(&u, fd, hello + i, 1);
		ut_turns(&u, 5);
	}
	CU_ASSERT(ut_is_shut(fd));
	CU_ASSERT(sys_mono_ns() - began >= 150 * INT64_C(1000000));
	UNTIL(&u, ut_is_shut(silent));
	CU_ASSERT_EQUAL(u.opened, 0);
	close(fd);
	close(silent);
	fini(&u);
}

/* The client goes away in the middle of a helper's step. */
static void gone_during_handshake(void)
{
	struct ut_net u;
	init(&u);
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	for (int i = 0; i < 10; i++) {
		struct ut_tls t = { .fd = ut_connect(&u), .ssl = SSL_new(ctx) };
		SSL_set_fd(t.ssl, t.fd);
		SSL_set_connect_state(t.ssl);
		SSL_do_handshake(t.ssl);
		ut_turns(&u, i % 3);
		struct linger hard = { 1, 0 };
		setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		SSL_free(t.ssl);
		close(t.fd);
	}
	SSL_CTX_free(ctx);
	UNTIL(&u, ut_traffic(&u, 0).closed == 10);
	ut_turns(&u, 20);
	fini(&u);
}

/* The serial of the certificate that a new connection sees. */
static long seen_serial(struct ut_net *u, const struct ut_cert *trust)
{
	struct ut_tls t;
	long serial = -1;
	SSL_CTX *ctx = ut_client_ctx(trust, NULL, TLS1_3_VERSION);
	if (ut_tls_connect(u, &t, ctx, NULL))
		serial = ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(t.ssl)));
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	return serial;
}

static long serial_of(const struct ut_cert *c)
{
	return ASN1_INTEGER_get(X509_get0_serialNumber(c->x));
}

/* The file changes: new connections get the new certificate, old ones live on; a bad one changes nothing. */
static void reload(void)
{
	char path[] = "/tmp/ut_tls.XXXXXX", text[2 * UT_PEM_BYTES];
	struct ut_cert next, other_name;
	struct ut_net u;
	struct ut_tls old;
	close(mkstemp(path));
	ut_cert_make(&next, "server", &ca, "DNS:localhost,IP:127.0.0.1,DNS:more");
	ut_cert_make(&other_name, "somebody else", &ca, "DNS:localhost,IP:127.0.0.1");
	snprintf(text, sizeof text, "%s%s", server.key_pem, server.cert_pem);
	ut_write_file(path, text);
	init(&u);
	tls = (struct tls_config){ .keystore_type = "PEM", .keystore_location = path };
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	CU_ASSERT(ut_tls_connect(&u, &old, ctx, NULL));
	CU_ASSERT_EQUAL(seen_serial(&u, &ca), serial_of(&server));
	/* Another subject is refused, as is a key without its certificate. */
	snprintf(text, sizeof text, "%s%s", other_name.key_pem, other_name.cert_pem);
	ut_write_file(path, text);
	net_reload(u.net, u.cores[0]);
	ut_turns(&u, 20);
	CU_ASSERT_EQUAL(seen_serial(&u, &ca), serial_of(&server));
	ut_write_file(path, next.key_pem);
	net_reload(u.net, u.cores[0]);
	net_reload(u.net, u.cores[0]);
	ut_turns(&u, 20);
	CU_ASSERT_EQUAL(seen_serial(&u, &ca), serial_of(&server));
	snprintf(text, sizeof text, "%s%s", next.key_pem, next.cert_pem);
	ut_write_file(path, text);
	net_reload(u.net, u.cores[0]);
	UNTIL(&u, seen_serial(&u, &ca) == serial_of(&next));
	CU_ASSERT(ut_tls_send(&u, &old, UT_ECHO, 10, 1) && ut_tls_expect(&u, &old, UT_ECHO, 10, 1));
	ut_tls_close(&old);
	SSL_CTX_free(ctx);
	ut_cert_free(&next);
	ut_cert_free(&other_name);
	unlink(path);
	fini(&u);
}

/* A peer that asks for new keys without end makes us answer; it does not make us keep more and more. */
static void key_update_flood(void)
{
	struct ut_net u;
	struct ut_tls t;
	init(&u);
	u.config.send_buffer_bytes = 4096;
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
	for (int i = 0; i < 20000 && !u.gone; i++) {
		SSL_key_update(t.ssl, SSL_KEY_UPDATE_REQUESTED);
		ut_tls_wait(&u, &t, ut_tls_handshake, NULL, 0);
		if (i % 64 == 0)
			ut_turn(&u);
	}
	CU_ASSERT(ut_frame_memory(&u, 0) < (1 << 20));
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	fini(&u);
}

/* The client's last words and its close_notify come together. */
static void orderly_end(void)
{
	struct ut_net u;
	struct ut_tls t;
	uint8_t byte;
	init(&u);
	ut_open(&u);
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, TLS1_3_VERSION);
	CU_ASSERT(ut_tls_connect(&u, &t, ctx, NULL));
	CU_ASSERT(ut_tls_send(&u, &t, UT_ECHO, 100, 1));
	SSL_shutdown(t.ssl);
	CU_ASSERT(ut_tls_expect(&u, &t, UT_ECHO, 100, 1));
	UNTIL(&u, u.gone == 1);
	CU_ASSERT(ut_tls_wait(&u, &t, SSL_read, &byte, 1) <= 0);
	CU_ASSERT(SSL_get_shutdown(t.ssl) & SSL_RECEIVED_SHUTDOWN); /* we took leave too */
	SSL_free(t.ssl);
	close(t.fd);
	SSL_CTX_free(ctx);
	fini(&u);
}

static const struct ut_case cases[] = {
	UT(tls12),
	UT(tls13),
	UT(ranges_of_files),
	UT(client_certificates),
	UT(principals),
	UT(resumption),
	UT(garbage),
	UT(flipped_bytes),
	UT(slow_handshake),
	UT(gone_during_handshake),
	UT(reload),
	UT(key_update_flood),
	UT(orderly_end),
};

int main(void)
{
	ut_cert_make(&ca, "authority", NULL, NULL);
	ut_cert_make(&server, "server", &ca, "DNS:localhost,IP:127.0.0.1");
	ut_cert_make(&client, "client", &ca, NULL);
	ut_cert_make(&stranger, "stranger", NULL, NULL);
	int rc = ut_run("tls", cases, countof(cases));
	ut_cert_free(&ca);
	ut_cert_free(&server);
	ut_cert_free(&client);
	ut_cert_free(&stranger);
	return rc;
}
