/* net_ut.h - a broker's net on reactors that the test turns itself, an upper room that the test steers, and
 * plain clients on real loopback sockets. Everything is one thread, so a test waits by turning (until).
 */
#ifndef SAMSA_TESTS_NET_UT_H
#define SAMSA_TESTS_NET_UT_H

#include "broker/base/bytes.h"
#include "broker/net/net.h"
#include "tests/unit/ut.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UT_CORES_MAX = 3, UT_PATIENCE_S = 20 };

/* The upper room: each frame begins with one byte that says what to do with it. */
enum {
	UT_ECHO = 'e',     /* answer with the same frame */
	UT_PARK = 'p',     /* answer when the test says so */
	UT_NONE = 'n',     /* no answer, but a slot */
	UT_DISCARD = 'd',  /* not even a slot */
	UT_PAUSE = 'b',    /* pause, then echo */
};

struct ut_request {
	struct conn_slot slot;
	struct buf *holder;
	struct slice frame;
	struct list link; /* in parked */
};

struct ut_net {
	struct sys_helpers *helpers;
	struct reactor *cores[UT_CORES_MAX];
	int n_cores;
	struct net *net;
	struct net_config config;
	struct net_listener listeners[2];
	char error[TLS_ERROR_BYTES];
	bool closed;
	struct msg on_closed;
	struct list parked;
	int opened, gone, frames;
	struct conn *last;      /* opened last */
	int per_core[UT_CORES_MAX];
	uint64_t frame_bytes;
	char certificate[256];  /* subject of the last one's */
	char principal[256];    /* of the last one */
	char tls_version[16];
};

/* One test program has one of these at a time; the events have no argument of their own. */
static struct ut_net *ut_now;

static void ut_free_request(struct conn_slot *slot)
{
	struct ut_request *q = container_of(slot, struct ut_request, slot);
	buf_put(q->holder);
	free(q);
}

static void ut_answer(struct ut_request *q)
{
	struct chain answer;
	uint8_t size[4];
	struct buf *head = buf_new(sizeof size);
	put_be32(head->bytes, q->frame.n);
	chain_init(&answer);
	chain_add_mem(&answer, head->bytes, sizeof size, &head->hold);
	chain_add_mem(&answer, q->frame.p, q->frame.n, &buf_get(q->holder)->hold);
	conn_slot_answer(&q->slot, &answer);
}

static void ut_on_open(struct conn *c)
{
	ut_now->opened++;
	ut_now->per_core[reactor_core(conn_reactor(c))]++;
	ut_now->last = c;
	if (conn_tls_version(c))
		snprintf(ut_now->tls_version, sizeof ut_now->tls_version, "%s", conn_tls_version(c));
	snprintf(ut_now->principal, sizeof ut_now->principal, "%s", conn_principal(c));
	if (conn_peer_certificate(c))
		X509_NAME_oneline(X509_get_subject_name(conn_peer_certificate(c)), ut_now->certificate,
				  sizeof ut_now->certificate);
}

static void ut_on_frame(struct conn *c, struct slice frame, struct buf *holder)
{
	ut_now->frames++;
	ut_now->frame_bytes += frame.n;
	if (frame.n == 0 || frame.p[0] == UT_DISCARD)
		return;
	struct ut_request *q = mem_zalloc(sizeof *q);
	q->holder = buf_get(holder);
	q->frame = frame;
	q->slot.closed = ut_free_request;
	conn_slot_open(c, &q->slot);
	if (frame.p[0] == UT_PARK)
		list_push_back(&ut_now->parked, &q->link);
	else if (frame.p[0] == UT_NONE)
		conn_slot_answer(&q->slot, NULL);
	else {
		if (frame.p[0] == UT_PAUSE)
			conn_pause(c);
		ut_answer(q);
	}
}

static void ut_on_close(struct conn *c)
{
	if (ut_now->last == c)
		ut_now->last = NULL;
	ut_now->gone++;
}

static const struct conn_events ut_events = { ut_on_open, ut_on_frame, ut_on_close };

/* ---- the world ---- */

static inline void ut_turn(struct ut_net *u)
{
	for (int i = 0; i < u->n_cores; i++)
		reactor_turn(u->cores[i], i == 0 ? 500000 : 0);
}

/* Turns until `condition` holds; fails the test when it takes too long. */
#define UNTIL(u, condition)                                                              \
	do {                                                                             \
		int64_t patience = sys_mono_ns() + UT_PATIENCE_S * INT64_C(1000000000);   \
		while (!(condition) && sys_mono_ns() < patience)                         \
			ut_turn(u);                                                      \
		CU_ASSERT(condition);                                                    \
	} while (0)

static inline void ut_turns(struct ut_net *u, int n)
{
	while (n-- > 0)
		ut_turn(u);
}

/* The default configuration: one plain listener on any port of 127.0.0.1, no limits. */
static inline void ut_init(struct ut_net *u, int n_cores)
{
	*u = (struct ut_net){ .n_cores = n_cores };
	list_init(&u->parked);
	u->helpers = sys_helpers_start(2);
	for (int i = 0; i < n_cores; i++)
		u->cores[i] = reactor_new(i, u->helpers);
	u->listeners[0] = (struct net_listener){ .name = "PLAINTEXT", .host = "127.0.0.1",
						 .max_connections = -1, .max_creation_rate = -1,
						 .idle_ms = 600000 };
	u->listeners[1] = u->listeners[0];
	u->listeners[1].name = "INTERNAL";
	u->config = (struct net_config){
		.listeners = u->listeners, .n_listeners = 1, .backlog = 50, .send_buffer_bytes = -1,
		.receive_buffer_bytes = -1, .frame_max_bytes = 100 << 20,
		.frame_max_before_auth_bytes = 65536,
		.frames_max_bytes = -1, .max_connections = -1, .max_creation_rate = -1, .max_per_ip = -1,
		.events = &ut_events };
	ut_now = u;
}

static inline void ut_open(struct ut_net *u)
{
	u->net = net_new(&u->config, u->cores, u->n_cores, u->error);
	if (!u->net)
		fprintf(stderr, "%s\n", u->error);
	must(u->net != NULL);
	net_open(u->net, u->cores[0]);
	ut_turns(u, 2);
}

static inline void ut_is_closed(struct reactor *here, struct msg *m)
{
	(void)here;
	container_of(m, struct ut_net, on_closed)->closed = true;
}

static inline void ut_close(struct ut_net *u)
{
	u->on_closed.run = ut_is_closed;
	net_close(u->net, u->cores[0], &u->on_closed);
	ut_turns(u, 2);
	if (!u->closed)
		net_close_now(u->net, u->cores[0]);
	while (!list_empty(&u->parked))
		ut_answer(list_entry(list_pop_front(&u->parked), struct ut_request, link));
	UNTIL(u, u->closed);
	ut_turns(u, 2);
}

static inline void ut_fini(struct ut_net *u)
{
	sys_helpers_stop(u->helpers);
	ut_turns(u, 2);
	net_free(u->net);
	for (int i = 0; i < u->n_cores; i++)
		reactor_free(u->cores[i]);
	ut_now = NULL;
}

static inline uint64_t ut_frame_memory(const struct ut_net *u, int core)
{
	struct net_counters n;
	net_count(u->net, core, &n);
	return n.frame_bytes;
}

/* What listener `i` has had, on all cores. */
static inline struct net_traffic ut_traffic(const struct ut_net *u, int i)
{
	struct net_listener_counters listeners[NET_LISTENERS_MAX];
	struct net_traffic all = { 0 };
	struct arena arena;
	arena_init(&arena, 64 * 1024);
	CU_ASSERT_FATAL(net_count_listeners(u->net, listeners, &arena) > i);
	for (int core = 0; core < u->n_cores; core++) {
		const struct net_traffic *n = &listeners[i].cores[core];
		all.connections += n->connections;
		all.closed += n->closed;
		all.frames += n->frames;
		all.bytes_in += n->bytes_in;
		all.bytes_out += n->bytes_out;
		all.handshakes += n->handshakes;
		all.handshakes_failed += n->handshakes_failed;
	}
	arena_free(&arena);
	return all;
}

/* ---- a client ---- */

static inline int ut_connect_from(struct ut_net *u, int listener, const char *from)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(net_listener_address(u->net, listener)->port) };
	struct sockaddr_in me = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	inet_pton(AF_INET, from, &me.sin_addr);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&me, sizeof me) == 0);
	int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
	must(rc == 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static inline int ut_connect(struct ut_net *u)
{
	return ut_connect_from(u, 0, "127.0.0.1");
}

static inline void ut_send(struct ut_net *u, int fd, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = send(fd, (const uint8_t *)p + at, n - at, MSG_NOSIGNAL);
		if (k < 0 && errno != EAGAIN)
			return; /* the broker has closed */
		at += k > 0 ? (size_t)k : 0;
		if (at < n)
			ut_turn(u);
	}
}

/* A frame of `n` bytes: `what` and then a pattern of `seed`. */
static inline uint8_t *ut_frame(uint8_t what, size_t n, unsigned seed)
{
	uint8_t *p = mem_alloc(n + 4);
	put_be32(p, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		p[4 + i] = (uint8_t)(i * 31 + seed + (i >> 8));
	if (n)
		p[4] = what;
	return p;
}

static inline void ut_send_frame(struct ut_net *u, int fd, uint8_t what, size_t n, unsigned seed)
{
	uint8_t *p = ut_frame(what, n, seed);
	ut_send(u, fd, p, n + 4);
	free(p);
}

/* Reads exactly n bytes; false at the end or an error before. */
static inline bool ut_recv(struct ut_net *u, int fd, void *p, size_t n)
{
	int64_t patience = sys_mono_ns() + UT_PATIENCE_S * INT64_C(1000000000);
	for (size_t at = 0; at < n;) {
		ssize_t k = recv(fd, (uint8_t *)p + at, n - at, 0);
		if (k == 0 || (k < 0 && errno != EAGAIN) || sys_mono_ns() > patience)
			return false;
		at += k > 0 ? (size_t)k : 0;
		if (at < n)
			ut_turn(u);
	}
	return true;
}

/* Reads one frame and compares. */
static inline bool ut_expect_frame(struct ut_net *u, int fd, uint8_t what, size_t n, unsigned seed)
{
	uint8_t *want = ut_frame(what, n, seed), *got = mem_alloc(n + 4);
	bool same = ut_recv(u, fd, got, n + 4) && memcmp(want, got, n + 4) == 0;
	free(want);
	free(got);
	return same;
}

/* Whether the broker has closed: the end of the stream or a reset. */
static inline bool ut_is_shut(int fd)
{
	uint8_t byte;
	ssize_t k = recv(fd, &byte, 1, MSG_PEEK);
	return k == 0 || (k < 0 && errno != EAGAIN);
}

#endif
