/* ut_door.c - who is let in: limits, the spread over cores, shutdown. */
#include "broker/net/ip_table_priv.h"
#include "tests/unit/net/net_ut.h"

static void spreads_evenly(void)
{
	enum { N = 9 };
	struct ut_net u;
	int fds[N];
	ut_init(&u, 3);
	ut_open(&u);
	for (int i = 0; i < N; i++)
		fds[i] = ut_connect(&u);
	UNTIL(&u, u.opened == N);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(u.per_core[i], N / 3);
	for (int i = 0; i < N; i++) {
		ut_send_frame(&u, fds[i], UT_ECHO, 100, 1);
		CU_ASSERT(ut_expect_frame(&u, fds[i], UT_ECHO, 100, 1));
		close(fds[i]);
	}
	UNTIL(&u, u.gone == N);
	ut_close(&u);
	ut_fini(&u);
}

static void per_ip(void)
{
	static const struct net_ip_limit limits[] = { { "127.0.0.3", 3 }, { "127.0.0.4", 0 } };
	struct ut_net u;
	int fds[4];
	ut_init(&u, 1);
	u.config.max_per_ip = 2;
	u.config.ip_limits = limits;
	u.config.n_ip_limits = countof(limits);
	ut_open(&u);
	for (int i = 0; i < 3; i++)
		fds[i] = ut_connect_from(&u, 0, "127.0.0.2");
	UNTIL(&u, ut_is_shut(fds[2]));
	CU_ASSERT(!ut_is_shut(fds[0]) && !ut_is_shut(fds[1]));
	close(fds[0]);
	UNTIL(&u, u.gone == 1);
	ut_turns(&u, 2);
	close(fds[2]);
	fds[0] = ut_connect_from(&u, 0, "127.0.0.2"); /* there is room again */
	UNTIL(&u, u.opened == 3);
	for (int i = 0; i < 3; i++)
		fds[i] = ut_connect_from(&u, 0, "127.0.0.3");
	fds[3] = ut_connect_from(&u, 0, "127.0.0.4");
	UNTIL(&u, u.opened == 6 && ut_is_shut(fds[3]));
	struct net_counters n;
	net_count(u.net, 0, &n);
	CU_ASSERT_EQUAL(n.accepted, 6);
	CU_ASSERT_EQUAL(n.refused, 2);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	ut_close(&u);
	ut_fini(&u);
}

/* At max.connections the next one waits until somebody leaves. */
static void waits_for_a_slot(void)
{
	struct ut_net u;
	int fds[3];
	ut_init(&u, 1);
	u.config.max_connections = 2;
	ut_open(&u);
	for (int i = 0; i < 3; i++)
		fds[i] = ut_connect(&u);
	ut_send_frame(&u, fds[2], UT_ECHO, 10, 1);
	UNTIL(&u, u.opened == 2);
	ut_turns(&u, 10);
	CU_ASSERT_EQUAL(u.opened, 2);
	close(fds[0]);
	CU_ASSERT(ut_expect_frame(&u, fds[2], UT_ECHO, 10, 1));
	close(fds[1]);
	close(fds[2]);
	ut_close(&u);
	ut_fini(&u);
}

static void slots_of_a_listener(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	u.config.n_listeners = 2;
	u.listeners[0].max_connections = 1;
	ut_open(&u);
	int a = ut_connect(&u), b = ut_connect(&u), c = ut_connect_from(&u, 1, "127.0.0.1");
	UNTIL(&u, u.opened == 2);
	ut_turns(&u, 10);
	CU_ASSERT_EQUAL(u.opened, 2);
	close(a);
	UNTIL(&u, u.opened == 3);
	close(b);
	close(c);
	ut_close(&u);
	ut_fini(&u);
}

/* The brokers' listener gets its connection even at max.connections: another listener's oldest goes. */
static void protected_listener(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	u.config.n_listeners = 2;
	u.config.max_connections = 2;
	u.listeners[1].inter_broker = true;
	ut_open(&u);
	int a = ut_connect(&u), b = ut_connect(&u);
	UNTIL(&u, u.opened == 2);
	int broker = ut_connect_from(&u, 1, "127.0.0.1");
	ut_send_frame(&u, broker, UT_ECHO, 10, 1);
	CU_ASSERT(ut_expect_frame(&u, broker, UT_ECHO, 10, 1));
	UNTIL(&u, u.gone == 1);
	CU_ASSERT(ut_is_shut(a) != ut_is_shut(b));
	CU_ASSERT_FALSE(ut_is_shut(broker));
	close(a);
	close(b);
	close(broker);
	ut_close(&u);
	ut_fini(&u);
}

static int64_t blocked_ns(struct ut_net *u)
{
	struct net_listener_counters listeners[NET_LISTENERS_MAX];
	struct arena arena;
	arena_init(&arena, 4096);
	CU_ASSERT_EQUAL_FATAL(net_count_listeners(u->net, listeners, &arena), 1);
	CU_ASSERT_STRING_EQUAL(listeners[0].name, "PLAINTEXT");
	arena_free(&arena);
	return listeners[0].blocked_ns;
}

/* A listener without a slot is blocked while somebody wants one, and no longer. */
static void blocked_while_somebody_waits(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	u.config.max_connections = 1;
	ut_open(&u);
	int first = ut_connect(&u);
	UNTIL(&u, u.opened == 1);
	ut_turns(&u, 10);
	CU_ASSERT_EQUAL(blocked_ns(&u), 0);
	int second = ut_connect(&u);
	UNTIL(&u, blocked_ns(&u) > 0);
	int64_t once = blocked_ns(&u);
	UNTIL(&u, blocked_ns(&u) > once);
	close(first);
	UNTIL(&u, u.opened == 2);
	once = blocked_ns(&u);
	ut_turns(&u, 10);
	CU_ASSERT_EQUAL(blocked_ns(&u), once);
	close(second);
	ut_close(&u);
	ut_fini(&u);
}

/* A rate of 20 a second lets a burst of 20 in; ten more take about half a second. */
static void creation_rate(void)
{
	enum { RATE = 20, N = 30 };
	struct ut_net u;
	int fds[N];
	ut_init(&u, 1);
	u.config.max_creation_rate = RATE;
	ut_open(&u);
	int64_t began = sys_mono_ns();
	for (int i = 0; i < N; i++)
		fds[i] = ut_connect(&u);
	UNTIL(&u, u.opened >= RATE);
	UNTIL(&u, blocked_ns(&u) > 0);
	UNTIL(&u, u.opened == N);
	CU_ASSERT(sys_mono_ns() - began >= (N - RATE - 1) * INT64_C(1000000000) / RATE);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	ut_close(&u);
	ut_fini(&u);
}

/* Two brokers on one port: the second is told, though the sockets would share it. */
static void port_in_use(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	struct net_config second = u.config;
	struct net_listener l = u.listeners[0];
	l.port = net_listener_address(u.net, 0)->port;
	second.listeners = &l;
	CU_ASSERT_PTR_NULL(net_new(&second, u.cores, 1, u.error));
	CU_ASSERT(strstr(u.error, "listener PLAINTEXT cannot listen on 127.0.0.1:") != NULL);
	ut_close(&u);
	ut_fini(&u);
}

/* Shutdown: no new ones, the idle end, those in flight finish. */
static void shutdown_in_order(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	ut_open(&u);
	int idle = ut_connect(&u), busy = ut_connect(&u);
	ut_send_frame(&u, busy, UT_PARK, 100000, 1);
	UNTIL(&u, u.opened == 2 && u.frames == 1);
	u.on_closed.run = ut_is_closed;
	net_close(u.net, u.cores[0], &u.on_closed);
	UNTIL(&u, ut_is_shut(idle));
	ut_turns(&u, 5);
	CU_ASSERT_FALSE(ut_is_shut(busy));
	CU_ASSERT_FALSE(u.closed);
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	CU_ASSERT(ut_expect_frame(&u, busy, UT_PARK, 100000, 1));
	UNTIL(&u, u.closed);
	close(idle);
	close(busy);
	ut_fini(&u);
}

static void shutdown_at_once(void)
{
	struct ut_net u;
	ut_init(&u, 2);
	ut_open(&u);
	int busy = ut_connect(&u);
	ut_send_frame(&u, busy, UT_PARK, 100, 1);
	UNTIL(&u, u.frames == 1);
	u.on_closed.run = ut_is_closed;
	net_close(u.net, u.cores[0], &u.on_closed);
	net_close_now(u.net, u.cores[0]);
	UNTIL(&u, u.closed);
	CU_ASSERT(ut_is_shut(busy));
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	close(busy);
	ut_fini(&u);
}

static void ip_table(void)
{
	enum { N = 5000 };
	static struct ip_count *counts[N];
	struct ip_table *t = ip_table_new();
	struct sys_addr a = { .len = 16 };
	for (int i = 0; i < N; i++) {
		a.raw[3] = (uint8_t)i;
		a.raw[9] = (uint8_t)(i >> 8);
		counts[i] = ip_table_add(t, &a, 1);
		CU_ASSERT_PTR_NOT_NULL(counts[i]);
		CU_ASSERT_PTR_NULL(ip_table_add(t, &a, 1));
	}
	CU_ASSERT_PTR_EQUAL(ip_table_add(t, &a, -1), counts[N - 1]);
	ip_table_remove(t, counts[N - 1]);
	struct sys_addr shorter = { .len = 4 };
	memcpy(shorter.raw, a.raw, 4);
	struct ip_count *other = ip_table_add(t, &shorter, 1);
	CU_ASSERT(other && other != counts[N - 1]);
	ip_table_remove(t, other);
	for (int i = 0; i < N; i++)
		ip_table_remove(t, counts[i]);
	ip_table_free(t);
}

static const struct ut_case cases[] = {
	UT(spreads_evenly),
	UT(per_ip),
	UT(waits_for_a_slot),
	UT(slots_of_a_listener),
	UT(protected_listener),
	UT(blocked_while_somebody_waits),
	UT(creation_rate),
	UT(port_in_use),
	UT(shutdown_in_order),
	UT(shutdown_at_once),
	UT(ip_table),
};

int main(void)
{
	return ut_run("door", cases, countof(cases));
}
