/* ut_client.c - the outbound client against our own listener: calls, deadlines, ends, TLS with the host's
 * name. */
#include "broker/net/client.h"
#include "tests/unit/net/tls_ut.h"

enum { CALLS = 100, BODY = 50 };

struct peer {
	struct client *client;
	int opened, closed, error;
	char why[200];
};

struct call {
	struct client_call call;
	int done, error;
	uint8_t what;
};

static void peer_open(struct client *c, void *arg)
{
	struct peer *p = arg;
	(void)c;
	p->opened++;
}

static void peer_close(struct client *c, void *arg, int error, const char *why)
{
	struct peer *p = arg;
	(void)c;
	p->client = NULL;
	p->closed++;
	p->error = error;
	snprintf(p->why, sizeof p->why, "%s", why);
}

static void call_done(struct client_call *call, int error, struct slice response, struct buf *holder)
{
	struct call *k = container_of(call, struct call, call);
	k->done++;
	k->error = error;
	if (error == 0) {
		CU_ASSERT_PTR_NOT_NULL(holder);
		CU_ASSERT_EQUAL(response.n, BODY);
		CU_ASSERT_EQUAL((int32_t)get_be32(response.p), call->correlation_id);
	}
}

static struct client_config config_to(struct ut_net *u, struct peer *p)
{
	*p = (struct peer){ .client = NULL };
	return (struct client_config){ .host = "127.0.0.1", .port = net_listener_address(u->net, 0)->port,
				       .response_max_bytes = 1 << 20, .send_buffer_bytes = -1,
				       .receive_buffer_bytes = -1, .connect_ms = 5000, .on_open = peer_open,
				       .on_close = peer_close, .arg = p };
}

static void open_to(struct ut_net *u, struct peer *p)
{
	struct client_config config = config_to(u, p);
	p->client = client_open(net_lane(u->net, 0), &config);
	UNTIL(u, p->opened == 1 || p->closed == 1);
	CU_ASSERT_EQUAL(p->opened, 1);
}

/* The test's upper room looks at the first byte, which is the correlation id's highest: so that says what to
 * do. */
static int send_call(struct client *c, struct call *k, uint8_t what, int64_t timeout_ms)
{
	struct chain request;
	struct buf *b = buf_new(BODY + 4);
	*k = (struct call){ .what = what };
	k->call.done = call_done;
	k->call.correlation_id = (what << 24) + client_next_correlation(c);
	put_be32(b->bytes, BODY);
	put_be32(b->bytes + 4, (uint32_t)k->call.correlation_id);
	memset(b->bytes + 8, what, BODY - 4);
	chain_init(&request);
	chain_add_mem(&request, b->bytes, BODY + 4, &b->hold);
	int rc = client_send(c, &k->call, &request, timeout_ms);
	chain_clear(&request);
	return rc;
}

static void calls_and_responses(void)
{
	struct ut_net u;
	struct peer p;
	static struct call calls[CALLS];
	ut_init(&u, 1);
	ut_open(&u);
	open_to(&u, &p);
	for (int i = 0; i < CALLS; i++)
		CU_ASSERT_EQUAL(send_call(p.client, &calls[i], UT_ECHO, 60000), 0);
	CU_ASSERT_EQUAL(client_in_flight(p.client), CALLS);
	UNTIL(&u, calls[CALLS - 1].done);
	for (int i = 0; i < CALLS; i++)
		CU_ASSERT(calls[i].done == 1 && calls[i].error == 0);
	CU_ASSERT_EQUAL(client_in_flight(p.client), 0);
	client_close(p.client);
	CU_ASSERT(p.closed == 1 && p.error == 0);
	ut_close(&u);
	ut_fini(&u);
}

static void too_many(void)
{
	struct ut_net u;
	struct peer p;
	static struct call calls[CLIENT_IN_FLIGHT_MAX + 1];
	ut_init(&u, 1);
	ut_open(&u);
	open_to(&u, &p);
	for (int i = 0; i < CLIENT_IN_FLIGHT_MAX; i++)
		CU_ASSERT_EQUAL(send_call(p.client, &calls[i], UT_ECHO, 60000), 0);
	CU_ASSERT_EQUAL(send_call(p.client, &calls[CLIENT_IN_FLIGHT_MAX], UT_ECHO, 60000), -EAGAIN);
	client_close(p.client);
	for (int i = 0; i < CLIENT_IN_FLIGHT_MAX; i++)
		CU_ASSERT(calls[i].done == 1 && calls[i].error == -ECANCELED);
	CU_ASSERT_EQUAL(calls[CLIENT_IN_FLIGHT_MAX].done, 0);
	ut_close(&u);
	ut_fini(&u);
}

/* One that is answered too late ends the connection, and with it those behind it. */
static void deadline_of_a_call(void)
{
	struct ut_net u;
	struct peer p;
	struct call late, behind;
	ut_init(&u, 1);
	ut_open(&u);
	open_to(&u, &p);
	CU_ASSERT_EQUAL(send_call(p.client, &late, UT_PARK, 50), 0);
	CU_ASSERT_EQUAL(send_call(p.client, &behind, UT_ECHO, 60000), 0);
	UNTIL(&u, p.closed);
	CU_ASSERT_EQUAL(p.error, -ETIMEDOUT);
	CU_ASSERT(late.done == 1 && late.error == -ETIMEDOUT);
	CU_ASSERT(behind.done == 1 && behind.error == -ETIMEDOUT);
	ut_close(&u);
	ut_fini(&u);
}

static void the_peer_ends_it(void)
{
	struct ut_net u;
	struct peer p;
	struct call k;
	ut_init(&u, 1);
	ut_open(&u);
	open_to(&u, &p);
	CU_ASSERT_EQUAL(send_call(p.client, &k, UT_PARK, 60000), 0);
	UNTIL(&u, u.frames == 1);
	conn_close(u.last, "test");
	UNTIL(&u, p.closed);
	CU_ASSERT_EQUAL(p.error, 0);
	CU_ASSERT(k.done == 1 && k.error == -ECONNRESET);
	ut_close(&u);
	ut_fini(&u);
}

/* Nothing was asked, or something else: the connection cannot be trusted any more. */
static void wrong_correlation(void)
{
	struct ut_net u;
	struct peer p;
	struct chain request;
	ut_init(&u, 1);
	ut_open(&u);
	open_to(&u, &p);
	uint8_t *bytes = ut_frame(UT_ECHO, 20, 1);
	chain_init(&request);
	chain_add_mem(&request, bytes, 24, NULL);
	CU_ASSERT_EQUAL(client_send_only(p.client, &request), 0);
	UNTIL(&u, p.closed);
	CU_ASSERT_EQUAL(p.error, -EPROTO);
	free(bytes);
	ut_close(&u);
	ut_fini(&u);
}

static void nobody_there(void)
{
	struct ut_net u;
	struct peer p;
	ut_init(&u, 1);
	ut_open(&u);
	struct client_config config = config_to(&u, &p);
	struct sys_addr bound;
	int fd = sys_listen("127.0.0.1", 0, 1, &bound);
	config.port = bound.port;
	sys_close(fd);
	client_open(net_lane(u.net, 0), &config);
	UNTIL(&u, p.closed);
	CU_ASSERT_EQUAL(p.error, -ECONNREFUSED);
	CU_ASSERT_EQUAL(p.opened, 0);
	config.host = "no.such.host.invalid";
	client_open(net_lane(u.net, 0), &config);
	UNTIL(&u, p.closed == 2);
	CU_ASSERT(p.error < 0);
	/* Closed while a helper resolves. */
	client_close(client_open(net_lane(u.net, 0), &config));
	CU_ASSERT_EQUAL(p.closed, 3);
	CU_ASSERT_EQUAL(p.error, 0);
	ut_close(&u);
	ut_turns(&u, 20);
	ut_fini(&u);
}

/* A peer that takes the connection and says nothing: nobody accepts. */
static void deadline_of_connecting(void)
{
	struct ut_net u;
	struct peer p;
	char error[TLS_ERROR_BYTES];
	struct tls_config tls = { .keystore_type = "PEM" };
	struct sockaddr_in silent = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof silent;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(fd, (struct sockaddr *)&silent, bytes) == 0 && listen(fd, 1) == 0);
	must(getsockname(fd, (struct sockaddr *)&silent, &bytes) == 0);
	ut_init(&u, 1);
	ut_open(&u);
	struct client_config config = config_to(&u, &p);
	config.port = ntohs(silent.sin_port);
	config.tls = tlsctx_client(&tls, error);
	config.connect_ms = 50;
	client_open(net_lane(u.net, 0), &config);
	UNTIL(&u, p.closed);
	CU_ASSERT(p.opened == 0 && p.error == -ETIMEDOUT);
	close(fd);
	tlsctx_put(config.tls);
	ut_close(&u);
	ut_fini(&u);
}

static void over_tls(void)
{
	static const struct {
		const char *host, *san;
		bool ok;
	} hosts[] = {
		{ "127.0.0.1", "IP:127.0.0.1", true },
		{ "127.0.0.1", "DNS:localhost", false },
		{ "localhost", "DNS:localhost", true },
		{ "localhost", "DNS:elsewhere", false },
	};
	struct ut_cert ca, server;
	ut_cert_make(&ca, "authority", NULL, NULL);
	for (unsigned i = 0; i < countof(hosts); i++) {
		struct ut_net u;
		struct peer p;
		struct call k;
		char error[TLS_ERROR_BYTES];
		ut_cert_make(&server, "server", &ca, hosts[i].san);
		struct tls_config ours = { .keystore_key = server.key_pem,
					   .keystore_chain = server.cert_pem };
		struct tls_config theirs = { .truststore_certs = ca.cert_pem, .check_host = true };
		ut_init(&u, 1);
		u.listeners[0].tls = &ours;
		ut_open(&u);
		struct client_config config = config_to(&u, &p);
		config.host = hosts[i].host;
		config.tls = tlsctx_client(&theirs, error);
		struct client *c = client_open(net_lane(u.net, 0), &config);
		tlsctx_put(config.tls);
		UNTIL(&u, p.opened || p.closed);
		CU_ASSERT_EQUAL(p.opened, hosts[i].ok);
		if (p.opened) {
			CU_ASSERT_EQUAL(send_call(c, &k, UT_ECHO, 60000), 0);
			UNTIL(&u, k.done);
			CU_ASSERT_EQUAL(k.error, 0);
			client_close(c);
		} else {
			CU_ASSERT(strstr(p.why, "certificate verify failed") != NULL);
			CU_ASSERT(strstr(p.why, "mismatch") != NULL);
		}
		ut_close(&u);
		ut_fini(&u);
		ut_cert_free(&server);
	}
	ut_cert_free(&ca);
}

static const struct ut_case cases[] = {
	UT(calls_and_responses),
	UT(too_many),
	UT(deadline_of_a_call),
	UT(the_peer_ends_it),
	UT(wrong_correlation),
	UT(nobody_there),
	UT(deadline_of_connecting),
	UT(over_tls),
};

int main(void)
{
	return ut_run("client", cases, countof(cases));
}
