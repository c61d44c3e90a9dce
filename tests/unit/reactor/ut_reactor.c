/* ut_reactor.c - one, two and four reactors: messages, the order of a turn, timers, sockets, jobs. */
#include "broker/reactor/reactor.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CORES_MAX = 4, ROUNDS = 2000, BURST = 100, JOBS = 64, ECHO_BYTES = 300000, FLOOD = 10 };

/* ---- several reactors, each on its thread ---- */

static struct sys_helpers *helpers;
static struct reactor *cores[CORES_MAX];
static struct sys_thread *threads[CORES_MAX];
static int n_cores;

static void turn_for_ever(void *arg)
{
	reactor_run(arg);
}

static void make(int n)
{
	helpers = sys_helpers_start(2);
	n_cores = n;
	for (int i = 0; i < n; i++)
		cores[i] = reactor_new(i == 0 ? REACTOR_CONTROL : i, helpers);
}

static void start(void)
{
	for (int i = 0; i < n_cores; i++)
		threads[i] = sys_thread_start("core", -1, turn_for_ever, cores[i]);
}

/* Waits until each has been stopped from inside. */
static void finish(void)
{
	for (int i = 0; i < n_cores; i++)
		sys_thread_join(threads[i]);
	sys_helpers_stop(helpers);
	for (int i = 0; i < n_cores; i++)
		reactor_free(cores[i]);
}

static void stop_all(void)
{
	for (int i = 0; i < n_cores; i++)
		reactor_stop(cores[i]);
}

/* ---- a ball that goes round ---- */

struct ball {
	struct msg msg;
	int hops;
};

static int core_index(const struct reactor *r)
{
	return reactor_core(r) == REACTOR_CONTROL ? 0 : reactor_core(r);
}

static void hop(struct reactor *here, struct msg *m)
{
	struct ball *b = container_of(m, struct ball, msg);
	reactor_must_be_here(here);
	if (++b->hops == ROUNDS)
		stop_all();
	else
		reactor_post(here, cores[(core_index(here) + 1) % n_cores], m);
}

static void go_round(int n)
{
	struct ball ball = { .msg.run = hop };
	make(n);
	start();
	reactor_post_foreign(cores[0], &ball.msg);
	finish();
	CU_ASSERT_EQUAL(ball.hops, ROUNDS);
}

static void a_ball_goes_round_one(void) { go_round(1); }
static void a_ball_goes_round_two(void) { go_round(2); }
static void a_ball_goes_round_four(void) { go_round(4); }

/* ---- every core sends bursts to every other: order of each pair ---- */

struct item {
	struct msg msg;
	int from, number;
};

struct sender {
	struct msg kick;
	struct item items[CORES_MAX][BURST * 10];
	int sent;
};

static struct sender senders[CORES_MAX];
static int seen[CORES_MAX][CORES_MAX]; /* [receiver][sender] */
static atomic_int received;

static void take_item(struct reactor *here, struct msg *m)
{
	struct item *i = container_of(m, struct item, msg);
	int *next = &seen[core_index(here)][i->from];
	CU_ASSERT_EQUAL(i->number, *next);
	*next += 1;
	if (atomic_fetch_add(&received, 1) + 1 == n_cores * n_cores * BURST * 10)
		stop_all();
}

static void send_burst(struct reactor *here, struct msg *m)
{
	struct sender *s = container_of(m, struct sender, kick);
	for (int k = 0; k < BURST; k++, s->sent++) {
		for (int to = 0; to < n_cores; to++) {
			struct item *i = &s->items[to][s->sent];
			*i = (struct item){
				.msg.run = take_item,
				.from = core_index(here),
				.number = s->sent,
			};
			reactor_post(here, cores[to], &i->msg);
		}
	}
	if (s->sent < BURST * 10)
		reactor_post(here, here, m);
}

static void the_order_of_each_pair_is_kept(void)
{
	memset(seen, 0, sizeof seen);
	atomic_store(&received, 0);
	make(4);
	start();
	for (int i = 0; i < n_cores; i++) {
		senders[i] = (struct sender){ .kick.run = send_burst };
		reactor_post_foreign(cores[i], &senders[i].kick);
	}
	finish();
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			CU_ASSERT_EQUAL(seen[a][b], BURST * 10);
}

/* ---- the order of one turn ---- */

static char story[32];

static void tell(const char *what)
{
	strcat(story, what);
}

static struct deferred first, second;
static struct msg to_self;
static struct timer soon;

static void defer_second(struct reactor *here, struct deferred *d)
{
	(void)d;
	tell("d");
	reactor_defer(here, &second);
	reactor_defer(here, &second);
}

static void run_second(struct reactor *here, struct deferred *d)
{
	(void)here;
	(void)d;
	tell("e");
}

static void message_to_self(struct reactor *here, struct msg *m)
{
	(void)here;
	(void)m;
	tell("m");
}

static void fire(struct reactor *here, struct timer *t)
{
	tell("t");
	CU_ASSERT_FALSE(timer_armed(t));
	reactor_defer(here, &first);
	reactor_post(here, here, &to_self);
}

static void messages_then_timers_then_deferred(void)
{
	struct reactor *r = reactor_new(0, NULL);
	story[0] = 0;
	first = (struct deferred){ .run = defer_second };
	second = (struct deferred){ .run = run_second };
	to_self = (struct msg){ .run = message_to_self };
	soon = (struct timer){ .fire = fire };
	timer_arm(r, &soon, 0);
	CU_ASSERT_TRUE(timer_armed(&soon));
	while (!reactor_turn(r, -1))
		;
	CU_ASSERT_STRING_EQUAL(story, "tde"); /* what is posted to oneself is the next turn's */
	CU_ASSERT_TRUE(reactor_next_ns(r) <= reactor_now_ns(r));
	reactor_turn(r, -1);
	CU_ASSERT_STRING_EQUAL(story, "tdem");
	CU_ASSERT_EQUAL(reactor_next_ns(r), INT64_MAX);
	CU_ASSERT_FALSE(reactor_turn(r, 0));
	reactor_free(r);
}

static void undeferred_work_is_not_done(void)
{
	struct reactor *r = reactor_new(0, NULL);
	story[0] = 0;
	second = (struct deferred){ .run = run_second };
	reactor_defer(r, &second);
	reactor_undefer(r, &second);
	reactor_undefer(r, &second);
	CU_ASSERT_FALSE(reactor_turn(r, 0));
	CU_ASSERT_STRING_EQUAL(story, "");
	reactor_free(r);
}

/* ---- timers ---- */

static struct timer tick_timers[3];
static int64_t armed_at_ns;
static int ticks;

static void tick(struct reactor *here, struct timer *t)
{
	CU_ASSERT_TRUE(reactor_now_ns(here) >= t->due_ns);
	CU_ASSERT_TRUE(reactor_now_ns(here) - armed_at_ns >= 3000000);
	if (++ticks == 1)
		timer_cancel(here, &tick_timers[1]); /* due in this same turn, perhaps: must not fire */
	else
		reactor_stop(here);
}

static void a_timer_is_not_early_and_a_cancelled_one_silent(void)
{
	make(1);
	ticks = 0;
	armed_at_ns = sys_mono_ns();
	for (int i = 0; i < 3; i++) {
		tick_timers[i] = (struct timer){ .fire = tick };
		timer_arm(cores[0], &tick_timers[i], 1000);
		timer_arm(cores[0], &tick_timers[i], 3);
	}
	start();
	finish();
	CU_ASSERT_EQUAL(ticks, 2);
}

/* ---- an echo over loopback, all ends on one reactor ---- */

struct end {
	struct io io;
	uint8_t buffer[4096];
	size_t held;
	size_t sent, got;
};

static struct end listener, server, client;
static struct sys_addr address;

static void close_end(struct reactor *r, struct end *e)
{
	io_unwatch(r, &e->io);
	sys_close(e->io.fd);
}

static void server_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct end *e = container_of(io, struct end, io);
	if ((events & SYS_READABLE) && e->held == 0) {
		ssize_t n = sys_recv(io->fd, e->buffer, sizeof e->buffer);
		if (n == 0) {
			close_end(here, e);
			reactor_stop(here);
			return;
		}
		CU_ASSERT_TRUE(n > 0);
		e->held = n > 0 ? (size_t)n : 0;
	}
	size_t half = e->held / 2;
	struct iovec v[2] = { { e->buffer, half }, { e->buffer + half, e->held - half } };
	ssize_t n = sys_sendv(io->fd, v, 2, false);
	if (n > 0) {
		memmove(e->buffer, e->buffer + n, e->held - (size_t)n);
		e->held -= (size_t)n;
	}
	io_watch(here, io, e->held ? SYS_WRITABLE : SYS_READABLE);
}

static void listener_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct sys_addr peer;
	CU_ASSERT_EQUAL(events, SYS_READABLE);
	int fd = sys_accept(io->fd, &peer);
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_STRING_EQUAL(peer.text, "127.0.0.1");
	CU_ASSERT_EQUAL(sys_accept(io->fd, &peer), -EAGAIN);
	server = (struct end){ .io = { .fd = fd, .ready = server_ready } };
	CU_ASSERT_EQUAL(io_watch(here, &server.io, SYS_READABLE), 0);
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 256);
}

static void client_send(struct end *e)
{
	uint8_t bytes[1000];
	size_t n = min_of(sizeof bytes, ECHO_BYTES - e->sent);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(e->sent + i);
	struct iovec v = { bytes, n };
	ssize_t k = sys_sendv(e->io.fd, &v, 1, e->sent + n < ECHO_BYTES);
	CU_ASSERT_TRUE(k > 0 || k == -EAGAIN);
	e->sent += k > 0 ? (size_t)k : 0;
}

static void client_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct end *e = container_of(io, struct end, io);
	if (e->sent == 0)
		CU_ASSERT_EQUAL(sys_connected(io->fd), 0);
	if (events & SYS_WRITABLE)
		client_send(e);
	if (events & SYS_READABLE) {
		ssize_t n = sys_recv(io->fd, e->buffer, sizeof e->buffer);
		for (ssize_t i = 0; i < n; i++)
			if (e->buffer[i] != pattern(e->got + (size_t)i))
				CU_FAIL("the echo differs");
		e->got += n > 0 ? (size_t)n : 0;
	}
	if (e->got == ECHO_BYTES)
		close_end(here, e);
	else
		io_watch(here, io, e->sent < ECHO_BYTES ? SYS_READABLE | SYS_WRITABLE : SYS_READABLE);
}

static void an_echo_over_loopback(void)
{
	make(1);
	int fd = sys_listen("127.0.0.1", 0, 16, &address);
	CU_ASSERT_TRUE(fd >= 0 && address.port != 0);
	listener = (struct end){ .io = { .fd = fd, .ready = listener_ready } };
	CU_ASSERT_EQUAL(io_watch(cores[0], &listener.io, SYS_READABLE), 0);
	client = (struct end){ .io = { .fd = sys_connect(&address), .ready = client_ready } };
	CU_ASSERT_EQUAL(io_watch(cores[0], &client.io, SYS_WRITABLE), 0);
	start();
	finish();
	CU_ASSERT_EQUAL(client.got, ECHO_BYTES);
	sys_close(fd);
}

/* ---- two descriptors ready in one batch; the first to be told takes the other away ---- */

static struct end pair[2];
static int told;

static void take_other_away(struct reactor *here, struct io *io, uint32_t events)
{
	(void)events;
	told++;
	close_end(here, io == &pair[0].io ? &pair[1] : &pair[0]);
}

static void take_first_away(struct reactor *here, struct msg *m)
{
	(void)m;
	close_end(here, &pair[0]);
}

static void count_told(struct reactor *here, struct io *io, uint32_t events)
{
	(void)here;
	(void)events;
	told += io == &pair[0].io ? 100 : 1;
}

/* A message runs before the sockets of its turn: what it unwatches is not told any more, wherever it is in
 * the batch and however many were ready in the turn before. */
static void unwatched_by_a_message_of_the_same_turn(void)
{
	struct reactor *r = reactor_new(0, NULL);
	struct msg m = { .run = take_first_away };
	int ends[2];
	told = 0;
	for (int i = 0; i < 2; i++) {
		int fds[2];
		CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		pair[i] = (struct end){ .io = { .fd = fds[0], .ready = count_told } };
		ends[i] = fds[1];
		CU_ASSERT_EQUAL(write(ends[i], "x", 1), 1);
	}
	for (int i = 0; i < 2; i++)
		io_watch(r, &pair[i].io, SYS_READABLE);
	reactor_turn(r, 0);
	CU_ASSERT_EQUAL(told, 101);
	reactor_post_foreign(r, &m);
	reactor_turn(r, 0);
	CU_ASSERT_EQUAL(told, 102);
	CU_ASSERT_FALSE(pair[0].io.watched);
	close_end(r, &pair[1]);
	for (int i = 0; i < 2; i++)
		sys_close(ends[i]);
	reactor_free(r);
}

static void unwatched_in_the_same_batch(void)
{
	struct reactor *r = reactor_new(0, NULL);
	struct sys_addr peer;
	int clients[2];
	int fd = sys_listen("127.0.0.1", 0, 16, &address);
	told = 0;
	for (int i = 0; i < 2; i++) {
		clients[i] = sys_connect(&address);
		int accepted;
		while ((accepted = sys_accept(fd, &peer)) == -EAGAIN)
			;
		pair[i] = (struct end){ .io = { .fd = accepted, .ready = take_other_away } };
		char x = 1;
		struct iovec v = { &x, 1 };
		while (sys_sendv(clients[i], &v, 1, false) == -EAGAIN)
			;
	}
	io_watch(r, &pair[0].io, SYS_READABLE);
	io_watch(r, &pair[1].io, SYS_READABLE);
	while (!reactor_turn(r, -1))
		;
	CU_ASSERT_EQUAL(told, 1);
	struct end *left = pair[0].io.watched ? &pair[0] : &pair[1];
	CU_ASSERT_NOT_EQUAL(pair[0].io.watched, pair[1].io.watched);
	close_end(r, left);
	sys_close(clients[0]);
	sys_close(clients[1]);
	sys_close(fd);
	reactor_free(r);
}

/* ---- jobs ---- */

struct sum {
	struct job job;
	int in, out;
};

static struct sum sums[JOBS];
static int jobs_done;

static void square(struct job *job)
{
	struct sum *s = container_of(job, struct sum, job);
	s->out = s->in * s->in;
}

static void squared(struct reactor *here, struct job *job)
{
	struct sum *s = container_of(job, struct sum, job);
	CU_ASSERT_EQUAL(s->out, s->in * s->in);
	if (++jobs_done == JOBS)
		reactor_stop(here);
}

static void offload_all(struct reactor *here, struct msg *m)
{
	(void)m;
	for (int i = 0; i < JOBS; i++) {
		sums[i] = (struct sum){ .job = { .work = square, .done = squared }, .in = i };
		reactor_offload(here, &sums[i].job, "squares");
	}
}

static void jobs_leave_and_come_home(void)
{
	struct msg m = { .run = offload_all };
	jobs_done = 0;
	make(1);
	start();
	reactor_post_foreign(cores[0], &m);
	finish();
	CU_ASSERT_EQUAL(jobs_done, JOBS);
}

/* ---- foreign threads ---- */

static void count_down(struct reactor *here, struct msg *m)
{
	(void)m;
	if (atomic_fetch_add(&received, 1) + 1 == CORES_MAX * FLOOD)
		reactor_stop(here);
}

static void flood(void *arg)
{
	struct msg *m = arg;
	for (int i = 0; i < FLOOD; i++) {
		m[i] = (struct msg){ .run = count_down };
		reactor_post_foreign(cores[0], &m[i]);
	}
}

static void foreign_threads_post(void)
{
	static struct msg m[CORES_MAX][FLOOD];
	struct sys_thread *posters[CORES_MAX];
	atomic_store(&received, 0);
	make(1);
	start();
	for (int i = 0; i < CORES_MAX; i++)
		posters[i] = sys_thread_start("poster", -1, flood, m[i]);
	for (int i = 0; i < CORES_MAX; i++)
		sys_thread_join(posters[i]);
	finish();
	CU_ASSERT_EQUAL(atomic_load(&received), CORES_MAX * FLOOD);
}

static const struct ut_case cases[] = {
	UT(a_ball_goes_round_one),
	UT(a_ball_goes_round_two),
	UT(a_ball_goes_round_four),
	UT(the_order_of_each_pair_is_kept),
	UT(messages_then_timers_then_deferred),
	UT(undeferred_work_is_not_done),
	UT(a_timer_is_not_early_and_a_cancelled_one_silent),
	UT(an_echo_over_loopback),
	UT(unwatched_by_a_message_of_the_same_turn),
	UT(unwatched_in_the_same_batch),
	UT(jobs_leave_and_come_home),
	UT(foreign_threads_post),
};

int main(void)
{
	return ut_run("reactor", cases, countof(cases));
}
