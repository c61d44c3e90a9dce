/* ut_change.c - listeners, limits and TLS that change while connections live. */
#include "broker/reactor/fiber.h"
#include "tests/unit/net/tls_ut.h"

static struct ut_cert ca, server, other;

/* ---- a change, in a fiber as it must be ---- */

static struct asked {
	struct ut_net *u;
	const struct net_config *to;
	bool only_prove, over;
	int rc;
} asked;

static void ask(void *arg)
{
	struct asked *a = arg;
	struct ut_net *u = a->u;
	a->rc = (a->only_prove ? net_prove : net_change)(u->net, u->cores[0], a->to, u->error);
	a->over = true;
}

static int run(struct ut_net *u, const struct net_config *to, bool only_prove)
{
	asked = (struct asked){ .u = u, .to = to, .only_prove = only_prove };
	u->error[0] = 0;
	must(fiber_start(u->cores[0], "change", ask, &asked) != NULL);
	UNTIL(u, asked.over);
	return asked.rc;
}

static int change(struct ut_net *u, int n_listeners)
{
	u->config.n_listeners = n_listeners;
	return run(u, &u->config, false);
}

static bool echoes(struct ut_net *u, int fd)
{
	ut_send_frame(u, fd, UT_ECHO, 100, 7);
	return ut_expect_frame(u, fd, UT_ECHO, 100, 7);
}

static bool is_refused(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) < 0;
	close(fd);
	return refused;
}

/* ---- listeners ---- */

static void one_comes_and_goes(void)
{
	struct ut_net u;
	ut_init(&u, 3);
	ut_open(&u);
	int stays = ut_connect(&u);
	CU_ASSERT(echoes(&u, stays));
	for (int round = 0; round < 3; round++) {
		CU_ASSERT_EQUAL(change(&u, 2), 0);
		uint16_t port = net_listener_address(u.net, 1)->port;
		int goes[4];
		for (int i = 0; i < 4; i++) {
			goes[i] = ut_connect_from(&u, 1, "127.0.0.1");
			CU_ASSERT(echoes(&u, goes[i]));
		}
		CU_ASSERT_STRING_EQUAL(conn_listener(u.last)->name, "INTERNAL");
		ut_send_frame(&u, goes[0], UT_PARK, 50, 1);
		UNTIL(&u, !list_empty(&u.parked));
		CU_ASSERT_EQUAL(change(&u, 1), 0);
		UNTIL(&u, u.gone == 4 * round + 3);
		CU_ASSERT(is_refused(port));
		/* What was asked before is answered. */
		ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
		CU_ASSERT(ut_expect_frame(&u, goes[0], UT_PARK, 50, 1));
		UNTIL(&u, u.gone == 4 * round + 4);
		for (int i = 0; i < 4; i++) {
			CU_ASSERT(ut_is_shut(goes[i]));
			close(goes[i]);
		}
		CU_ASSERT(echoes(&u, stays));
	}
	close(stays);
	ut_close(&u);
	ut_fini(&u);
}

/* Who asks and never reads, or is never answered, does not keep the listener. */
static void none_stays_for_ever(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	ut_open(&u);
	CU_ASSERT_EQUAL(change(&u, 2), 0);
	int fd = ut_connect_from(&u, 1, "127.0.0.1");
	ut_send_frame(&u, fd, UT_PARK, 50, 1);
	UNTIL(&u, !list_empty(&u.parked));
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	UNTIL(&u, u.gone == 1);
	CU_ASSERT(ut_is_shut(fd));
	/* An answer to nobody: until now its connection had to remember its listener. */
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	ut_turns(&u, 3);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* The broker ends while requests of a listener that was removed are still at work. */
static void one_goes_and_the_broker_ends(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	ut_open(&u);
	CU_ASSERT_EQUAL(change(&u, 2), 0);
	int fd = ut_connect_from(&u, 1, "127.0.0.1");
	ut_send_frame(&u, fd, UT_PARK, 50, 1);
	UNTIL(&u, !list_empty(&u.parked));
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	close(fd);
	UNTIL(&u, u.gone == 1);
	ut_close(&u);
	CU_ASSERT_EQUAL(change(&u, 2), -ESHUTDOWN);
	ut_fini(&u);
}

static void one_moves(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	u.config.n_listeners = 2;
	ut_open(&u);
	uint16_t before = net_listener_address(u.net, 1)->port;
	int there = ut_connect_from(&u, 1, "127.0.0.1"), stays = ut_connect(&u);
	CU_ASSERT(echoes(&u, there));
	CU_ASSERT(ut_traffic(&u, 0).frames == 0 && ut_traffic(&u, 1).frames == 1);
	CU_ASSERT(ut_traffic(&u, 1).connections == 1);
	u.listeners[1].host = "127.0.0.2";
	u.listeners[1].port = before; /* the same port, while the old socket still listens */
	CU_ASSERT_EQUAL(change(&u, 2), 0);
	CU_ASSERT_EQUAL(net_listener_address(u.net, 1)->port, before);
	CU_ASSERT_STRING_EQUAL(net_listener_address(u.net, 1)->text, "127.0.0.2");
	UNTIL(&u, ut_is_shut(there));
	CU_ASSERT(is_refused(before));
	CU_ASSERT(echoes(&u, stays));
	CU_ASSERT(ut_traffic(&u, 0).frames == 1 && ut_traffic(&u, 1).frames == 0);
	close(there);
	close(stays);
	ut_close(&u);
	ut_fini(&u);
}

static void all_or_nothing(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int stays = ut_connect(&u);
	struct sys_addr bound;
	int taken = sys_listen("127.0.0.1", 0, 1, &bound);
	must(taken >= 0);
	u.listeners[1].port = bound.port;
	u.config.max_per_ip = 0;
	CU_ASSERT_NOT_EQUAL(change(&u, 2), 0);
	CU_ASSERT(strstr(u.error, "listener INTERNAL cannot listen on 127.0.0.1:") != NULL);
	int more = ut_connect(&u);
	CU_ASSERT(echoes(&u, stays) && echoes(&u, more));
	CU_ASSERT_NOT_EQUAL(run(&u, &u.config, true), 0);
	CU_ASSERT(strstr(u.error, "listener INTERNAL cannot listen on 127.0.0.1:") != NULL);
	sys_close(taken);
	/* To prove it leaves the place free. */
	CU_ASSERT_EQUAL(run(&u, &u.config, true), 0);
	CU_ASSERT_EQUAL(sys_port_taken("127.0.0.1", bound.port), 0);
	static const struct net_ip_limit limit = { "no.such.host.invalid", 1 };
	u.config.ip_limits = &limit;
	u.config.n_ip_limits = 1;
	CU_ASSERT_NOT_EQUAL(change(&u, 1), 0);
	CU_ASSERT(strstr(u.error, "no.such.host.invalid has no address") != NULL);
	CU_ASSERT(echoes(&u, stays));
	close(stays);
	close(more);
	ut_close(&u);
	ut_fini(&u);
}

/* ---- limits ---- */

static void fewer_connections(void)
{
	enum { N = 8, LEFT = 3 };
	struct ut_net u;
	int fds[N], open = 0;
	ut_init(&u, 3);
	ut_open(&u);
	for (int i = 0; i < N; i++) {
		fds[i] = ut_connect(&u);
		CU_ASSERT(echoes(&u, fds[i]));
	}
	u.config.max_connections = LEFT;
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	UNTIL(&u, u.gone >= N - LEFT);
	ut_turns(&u, 10);
	for (int i = 0; i < N; i++)
		open += !ut_is_shut(fds[i]);
	CU_ASSERT_EQUAL(open, LEFT);
	u.config.max_connections = -1;
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	int more = ut_connect(&u);
	CU_ASSERT(echoes(&u, more));
	close(more);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	ut_close(&u);
	ut_fini(&u);
}

static void limits_of_an_address(void)
{
	static const struct net_ip_limit limit = { "127.0.0.5", 2 };
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	u.config.max_per_ip = 1;
	u.config.ip_limits = &limit;
	u.config.n_ip_limits = 1;
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	int a = ut_connect(&u), b = ut_connect(&u);
	UNTIL(&u, ut_is_shut(b));
	int c = ut_connect_from(&u, 0, "127.0.0.5"), d = ut_connect_from(&u, 0, "127.0.0.5");
	CU_ASSERT(echoes(&u, a) && echoes(&u, c) && echoes(&u, d));
	u.config.n_ip_limits = 0;
	u.config.max_per_ip = -1;
	u.listeners[0].max_connections = 3;
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	int waits = ut_connect(&u);
	ut_send_frame(&u, waits, UT_ECHO, 100, 7);
	ut_turns(&u, 10);
	CU_ASSERT_EQUAL(u.opened, 3);
	u.listeners[0].max_connections = -1;
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	CU_ASSERT(ut_expect_frame(&u, waits, UT_ECHO, 100, 7));
	int fds[] = { a, b, c, d, waits };
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	ut_close(&u);
	ut_fini(&u);
}

/* ---- TLS ---- */

static struct tls_config keys_of(const struct ut_cert *p)
{
	return (struct tls_config){ .keystore_key = p->key_pem, .keystore_chain = p->cert_pem };
}

/* Whether a client that trusts our CA gets through, and to which certificate. */
static bool is_given(struct ut_net *u, const struct ut_cert *expected)
{
	struct ut_tls t;
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, 0);
	bool fine = ut_tls_connect(u, &t, ctx, NULL);
	X509 *got = fine ? SSL_get1_peer_certificate(t.ssl) : NULL;
	fine = fine && X509_cmp(got, expected->x) == 0;
	X509_free(got);
	ut_tls_close(&t);
	SSL_CTX_free(ctx);
	return fine;
}

static void another_certificate(void)
{
	struct ut_net u;
	struct ut_tls old;
	struct tls_config keys = keys_of(&server);
	ut_init(&u, 2);
	u.listeners[0].tls = &keys;
	ut_open(&u);
	CU_ASSERT(is_given(&u, &server));
	SSL_CTX *ctx = ut_client_ctx(&ca, NULL, 0);
	CU_ASSERT(ut_tls_connect(&u, &old, ctx, NULL));
	keys = keys_of(&other);
	CU_ASSERT_NOT_EQUAL(change(&u, 1), 0);
	CU_ASSERT(strstr(u.error, "DistinguishedName does not match") != NULL);
	CU_ASSERT(is_given(&u, &server));
	keys.allow_dn_changes = keys.allow_san_changes = true;
	net_reload(u.net, u.cores[0]); /* a helper may be at work with what goes */
	CU_ASSERT_EQUAL(change(&u, 1), 0);
	UNTIL(&u, is_given(&u, &other));
	CU_ASSERT(ut_tls_send(&u, &old, UT_ECHO, 10, 1) && ut_tls_expect(&u, &old, UT_ECHO, 10, 1));
	keys.client_auth = TLS_CLIENT_AUTH_REQUIRED;
	keys.truststore_certs = ca.cert_pem;
	CU_ASSERT_NOT_EQUAL(change(&u, 1), 0);
	CU_ASSERT(strstr(u.error, "Cannot add SSL truststore to an existing listener") != NULL);
	keys.truststore_certs = NULL;
	keys.keystore_key = "no key";
	CU_ASSERT_NOT_EQUAL(change(&u, 1), 0);
	CU_ASSERT(is_given(&u, &other));
	ut_tls_close(&old);
	SSL_CTX_free(ctx);
	ut_close(&u);
	ut_fini(&u);
}

static const struct ut_case cases[] = {
	UT(one_comes_and_goes),
	UT(none_stays_for_ever),
	UT(one_goes_and_the_broker_ends),
	UT(one_moves),
	UT(all_or_nothing),
	UT(fewer_connections),
	UT(limits_of_an_address),
	UT(another_certificate),
};

int main(void)
{
	ut_cert_make(&ca, "authority", NULL, NULL);
	ut_cert_make(&server, "server", &ca, "DNS:localhost,IP:127.0.0.1");
	ut_cert_make(&other, "other", &ca, "DNS:elsewhere");
	int rc = ut_run("change", cases, countof(cases));
	ut_cert_free(&ca);
	ut_cert_free(&server);
	ut_cert_free(&other);
	return rc;
}
