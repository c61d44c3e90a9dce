/* ut_sim.c - the simulated world: the same seed is the same run, streams are whole, a crash keeps what was
 * synced. */
#include "broker/reactor/fiber.h"
#include "tests/sim/sim.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum {
	SEEDS = 200,
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	RUNS = 2,              /* there it is memory that is looked at, and each takes long */
#else
	RUNS = 50,             /* of each seed: ten thousand worlds */
#endif
	CONNECTIONS = 3,
	ECHO_BYTES = 3000,
	WORLDS = 400,          /* where a property is looked for in many */
	MS = 1000000,
};

/* ---- an echo: two reactors listen on one port, one reactor on another host talks to them ---- */

struct end {
	struct io io;
	uint8_t held[512];
	size_t held_n, sent, got;
	bool done;
};

static struct end listeners[2], servers[CONNECTIONS], clients[CONNECTIONS];
static int accepted, finished;

static void close_end(struct reactor *here, struct end *e)
{
	io_unwatch(here, &e->io);
	sys_close(e->io.fd);
	e->done = true;
}

static void server_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct end *e = container_of(io, struct end, io);
	reactor_must_be_here(here);
	if ((events & SYS_READABLE) && e->held_n == 0) {
		ssize_t n = sys_recv(io->fd, e->held, sizeof e->held);
		if (n <= 0) {
			close_end(here, e);
			return;
		}
		e->held_n = (size_t)n;
	}
	struct iovec v = { e->held, e->held_n };
	ssize_t n = sys_sendv(io->fd, &v, 1, false);
	if (n > 0) {
		memmove(e->held, e->held + n, e->held_n - (size_t)n);
		e->held_n -= (size_t)n;
	}
	io_watch(here, io, e->held_n ? SYS_WRITABLE : SYS_READABLE);
}

static void listener_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct sys_addr peer;
	int fd = sys_accept(io->fd, &peer);
	CU_ASSERT_TRUE(events == SYS_READABLE && fd >= 0);
	CU_ASSERT_STRING_EQUAL(peer.text, "10.0.0.2");
	struct end *e = &servers[accepted++];
	*e = (struct end){ .io = { .fd = fd, .ready = server_ready } };
	io_watch(here, &e->io, SYS_READABLE);
}

static uint8_t pattern(const struct end *e, size_t i)
{
	return (uint8_t)(i * 31 + (size_t)(e - clients) * 7);
}

static void client_send(struct end *e)
{
	uint8_t bytes[700];
	size_t n = min_of(sizeof bytes, ECHO_BYTES - e->sent);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(e, e->sent + i);
	struct iovec v[2] = { { bytes, n / 3 }, { bytes + n / 3, n - n / 3 } };
	ssize_t k = sys_sendv(e->io.fd, v, 2, false);
	CU_ASSERT_TRUE(k > 0 || k == -EAGAIN);
	e->sent += k > 0 ? (size_t)k : 0;
}

static void client_receive(struct end *e)
{
	ssize_t n = sys_recv(e->io.fd, e->held, sizeof e->held);
	for (ssize_t i = 0; i < n; i++)
		if (e->held[i] != pattern(e, e->got + (size_t)i))
			CU_FAIL("the echo differs");
	e->got += n > 0 ? (size_t)n : 0;
}

static void client_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct end *e = container_of(io, struct end, io);
	CU_ASSERT_EQUAL(sys_connected(io->fd), 0);
	if (events & SYS_WRITABLE)
		client_send(e);
	if (events & SYS_READABLE)
		client_receive(e);
	if (e->got < ECHO_BYTES) {
		io_watch(here, io, SYS_READABLE | (e->sent < ECHO_BYTES ? SYS_WRITABLE : 0));
		return;
	}
	close_end(here, e);
	finished++;
}

struct echo {
	struct sim_host *a, *b;
	struct reactor *cores[2], *client;
};

static void echo_begin(struct echo *x, uint64_t seed)
{
	struct sys_addr at;
	sim_new(seed);
	accepted = finished = 0;
	x->a = sim_host_new("a", 2);
	x->b = sim_host_new("b", 1);
	for (int i = 0; i < 2; i++) {
		x->cores[i] = sim_reactor(x->a, i, NULL);
		sim_on(x->a);
		int fd = sys_listen("", 9092, 8, &at);
		listeners[i] = (struct end){ .io = { .fd = fd, .ready = listener_ready } };
		io_watch(x->cores[i], &listeners[i].io, SYS_READABLE);
	}
	x->client = sim_reactor(x->b, 0, NULL);
	sim_on(x->b);
	int n = sys_resolve("a", 9092, &at, 1);
	must(n == 1);
	for (int i = 0; i < CONNECTIONS; i++) {
		clients[i] = (struct end){ .io = { .fd = sys_connect(&at), .ready = client_ready } };
		io_watch(x->client, &clients[i].io, SYS_WRITABLE);
	}
	sim_on(NULL);
}

static bool all_finished(void *arg)
{
	(void)arg;
	return finished == CONNECTIONS;
}

static uint64_t echo_end(struct echo *x)
{
	bool settled = sim_settle(60000);
	uint64_t trace = sim_trace();
	CU_ASSERT_TRUE(settled);
	sim_reactor_free(x->client);
	sim_reactor_free(x->cores[0]);
	sim_reactor_free(x->cores[1]);
	sim_free();
	return trace;
}

static uint64_t echo(uint64_t seed)
{
	struct echo x;
	echo_begin(&x, seed);
	CU_ASSERT_TRUE(sim_run_until(all_finished, NULL, 60000));
	return echo_end(&x);
}

/* The heap is in another order each time, so that a run which depends on addresses would show it. */
static void shuffle_heap(void)
{
	static void *kept[64];
	static unsigned n;
	for (int i = 0; i < 20; i++) {
		n = n * 1103515245 + 12345;
		unsigned k = n >> 16 & 63;
		free(kept[k]);
		kept[k] = mem_alloc(1 + (n >> 8 & 0x3fff));
	}
}

static void the_same_seed_is_the_same_run_ten_thousand_times(void)
{
	static uint64_t traces[SEEDS];
	int differ = 0, alike = 0;
	for (int run = 0; run < RUNS; run++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			shuffle_heap();
			uint64_t trace = echo(seed);
			if (run == 0)
				traces[seed] = trace;
			differ += trace != traces[seed];
		}
	}
	for (int a = 0; a < SEEDS; a++)
		for (int b = 0; b < a; b++)
			alike += traces[a] == traces[b];
	CU_ASSERT_EQUAL(differ, 0);
	CU_ASSERT_EQUAL(alike, 0);
}

static void a_cut_delays_and_loses_nothing(void)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct echo x;
		echo_begin(&x, seed);
		for (int i = 0; i < 5; i++) {
			sim_run_ms((int64_t)sim_dice(3));
			sim_cut(x.a, x.b, true);
			sim_run_ms((int64_t)sim_dice(1000));
			sim_cut(x.a, x.b, false);
		}
		CU_ASSERT_TRUE(sim_run_until(all_finished, NULL, 60000));
		echo_end(&x);
	}
}

/* ---- time ---- */

static int64_t fired_ns;

static void fire(struct reactor *here, struct timer *t)
{
	(void)t;
	fired_ns = reactor_now_ns(here);
}

static void an_hour_passes_at_once(void)
{
	struct timer t = { .fire = fire };
	sim_new(1);
	struct sim_host *h = sim_host_new("h", 1);
	struct reactor *r = sim_reactor(h, 0, NULL);
	fired_ns = 0;
	int64_t begin_ns = sim_now_ns();
	sim_on(h);
	timer_arm(r, &t, 3600 * 1000);
	sim_run_ms(3599 * 1000);
	CU_ASSERT_EQUAL(fired_ns, 0);
	int64_t wall = sys_wall_ms();
	sim_run_ms(2000);
	CU_ASSERT_TRUE(fired_ns - begin_ns >= INT64_C(3600000) * MS);
	CU_ASSERT_TRUE(fired_ns - begin_ns < INT64_C(3600010) * MS);
	CU_ASSERT_TRUE(sys_wall_ms() - wall >= 1999);
	sim_wall_jump(-5000);
	CU_ASSERT_TRUE(sys_wall_ms() < wall);
	CU_ASSERT_FALSE(sim_step());
	sim_reactor_free(r);
	sim_free();
}

/* ---- helpers and fibers ---- */

struct squared {
	struct reactor *r;
	int in, out;
};

static char order[16];

static void square(void *arg)
{
	struct squared *s = arg;
	s->out = s->in * s->in;
}

static void ask_a_helper(void *arg)
{
	struct squared *s = arg;
	char digit[2] = { (char)('0' + s->in), 0 };
	fiber_offload(s->r, square, s, "squares");
	CU_ASSERT_EQUAL(s->out, s->in * s->in);
	strcat(order, digit);
}

static void jobs_end_in_every_order(void)
{
	int first[4] = { 0 };
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct squared s[4];
		sim_new(seed);
		struct sim_host *h = sim_host_new("h", 1);
		sim_on(h);
		struct sys_helpers *helpers = sys_helpers_start(2);
		struct reactor *r = sim_reactor(h, 0, helpers);
		order[0] = 0;
		for (int i = 0; i < 4; i++) {
			s[i] = (struct squared){ .r = r, .in = i };
			CU_ASSERT_PTR_NOT_NULL(fiber_start(r, "asks", ask_a_helper, &s[i]));
		}
		CU_ASSERT_TRUE(sim_settle(1000));
		CU_ASSERT_EQUAL(strlen(order), 4);
		first[order[0] - '0']++;
		sys_helpers_stop(helpers);
		sim_reactor_free(r);
		sim_free();
	}
	for (int i = 0; i < 4; i++)
		CU_ASSERT_TRUE(first[i] > 0);
}

/* ---- disks ---- */

static struct sim_host *host;

static void write_text(int fd, const char *text, int64_t at)
{
	struct iovec v = { (char *)(uintptr_t)text, strlen(text) };
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, at), 0);
}

static void disk_world(uint64_t seed)
{
	sim_new(seed);
	host = sim_host_new("h", 1);
	sim_on(host);
	CU_ASSERT_EQUAL(sys_mkdir("/d/e"), 0);
	CU_ASSERT_EQUAL(sys_sync_dir("/"), 0);
	CU_ASSERT_EQUAL(sys_sync_dir("/d"), 0);
}

static void lose_power(void)
{
	sim_crash(host);
	sim_boot(host);
}

/* What a file says now, or NULL without it. */
static const char *text_of(const char *path)
{
	static char text[4096];
	int fd = sys_open(path, SYS_READ);
	if (fd < 0)
		return NULL;
	ssize_t n = sys_pread(fd, text, sizeof text - 1, 0);
	text[n] = 0;
	sys_close(fd);
	return text;
}

static void what_was_synced_stays(void)
{
	for (uint64_t seed = 0; seed < WORLDS; seed++) {
		disk_world(seed);
		int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
		write_text(fd, "synced", 0);
		CU_ASSERT_EQUAL(sys_datasync(fd), 0);
		CU_ASSERT_EQUAL(sys_sync_dir("/d/e"), 0);
		write_text(fd, " and not", 6);
		lose_power();
		const char *text = text_of("/d/e/f");
		CU_ASSERT_PTR_NOT_NULL(text);
		if (text)
			CU_ASSERT_EQUAL(memcmp(text, "synced", 6), 0);
		sim_free();
	}
}

/* Eight sectors, each full of its digit; a crash keeps any of them. Counts how the file looked afterwards. */
static void unsynced_sectors(uint64_t seed, int *none, int *all, int *mixed)
{
	char sector[513] = { 0 };
	int kept = 0;
	disk_world(seed);
	int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
	CU_ASSERT_EQUAL(sys_truncate(fd, 8 * 512), 0);
	CU_ASSERT_EQUAL(sys_sync(fd), 0);
	CU_ASSERT_EQUAL(sys_sync_dir("/d/e"), 0);
	for (int i = 0; i < 8; i++) {
		memset(sector, '1' + i, 512);
		write_text(fd, sector, i * 512);
	}
	lose_power();
	fd = sys_open("/d/e/f", SYS_READ);
	for (int i = 0; i < 8; i++) {
		char back[512], zero[512] = { 0 };
		memset(sector, '1' + i, 512);
		CU_ASSERT_EQUAL(sys_pread(fd, back, 512, i * 512), 512);
		bool is_new = memcmp(back, sector, 512) == 0;
		CU_ASSERT_TRUE(is_new || memcmp(back, zero, 512) == 0);
		kept += is_new;
	}
	*none += kept == 0;
	*all += kept == 8;
	*mixed += kept > 0 && kept < 8;
	sys_close(fd);
	sim_free();
}

static void unsynced_sectors_go_in_part(void)
{
	int none = 0, all = 0, mixed = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++)
		unsynced_sectors(seed, &none, &all, &mixed);
	CU_ASSERT_TRUE(none > 0 && all > 0 && mixed > 0);
}

static void a_growing_file_has_any_length(void)
{
	int shortest = 0, longest = 0, between = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++) {
		struct sys_stat st;
		disk_world(seed);
		int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
		write_text(fd, "0123456789", 0);
		sys_sync(fd);
		sys_sync_dir("/d/e");
		write_text(fd, "0123456789", 10);
		lose_power();
		CU_ASSERT_EQUAL(sys_stat("/d/e/f", &st), 0);
		CU_ASSERT_TRUE(st.size >= 10 && st.size <= 20);
		shortest += st.size == 10;
		longest += st.size == 20;
		between += st.size > 10 && st.size < 20;
		sim_free();
	}
	CU_ASSERT_TRUE(shortest > 0 && longest > 0 && between > 0);
}

/* A file is replaced by rename. Without a sync of the directory the old or the new one is there, never
 * none. */
static void replace_by_rename(uint64_t seed, bool sync, int *old, int *new)
{
	disk_world(seed);
	int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
	write_text(fd, "old", 0);
	sys_sync(fd);
	sys_sync_dir("/d/e");
	sys_close(fd);
	fd = sys_open("/d/e/f.tmp", SYS_WRITE | SYS_CREATE);
	write_text(fd, "new", 0);
	sys_sync(fd);
	sys_close(fd);
	CU_ASSERT_EQUAL(sys_rename("/d/e/f.tmp", "/d/e/f"), 0);
	if (sync)
		CU_ASSERT_EQUAL(sys_sync_dir("/d/e"), 0);
	lose_power();
	const char *text = text_of("/d/e/f");
	CU_ASSERT_PTR_NOT_NULL(text);
	*old += text && strcmp(text, "old") == 0;
	*new += text && strcmp(text, "new") == 0;
	CU_ASSERT_FALSE(*new > 0 && text && strcmp(text, "new") == 0 && text_of("/d/e/f.tmp"));
	sim_free();
}

static void a_rename_is_safe_after_a_sync_of_its_directory(void)
{
	int old = 0, new = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++)
		replace_by_rename(seed, false, &old, &new);
	CU_ASSERT_TRUE(old > 0 && new > 0 && old + new == WORLDS);
	old = new = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++)
		replace_by_rename(seed, true, &old, &new);
	CU_ASSERT_TRUE(old == 0 && new == WORLDS);
}

/* Moved from one directory to another: in one of them, whichever of the two was synced last. */
static void a_move_is_whole(void)
{
	int from = 0, to = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++) {
		disk_world(seed);
		sys_close(sys_open("/d/e/f", SYS_WRITE | SYS_CREATE));
		sys_sync_dir("/d/e");
		CU_ASSERT_EQUAL(sys_rename("/d/e/f", "/d/g"), 0);
		if (seed % 2)
			sys_sync_dir("/d/e");
		lose_power();
		bool in_from = text_of("/d/e/f") != NULL, in_to = text_of("/d/g") != NULL;
		CU_ASSERT_NOT_EQUAL(in_from, in_to);
		CU_ASSERT_FALSE(in_from && seed % 2);
		from += in_from;
		to += in_to;
		sim_free();
	}
	CU_ASSERT_TRUE(from > 0 && to > 0);
}

static void an_entry_may_go_though_its_file_was_synced(void)
{
	int there = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++) {
		disk_world(seed);
		int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
		write_text(fd, "x", 0);
		sys_sync(fd);
		lose_power();
		there += text_of("/d/e/f") != NULL;
		sim_free();
	}
	CU_ASSERT_TRUE(there > 0 && there < WORLDS);
}

static void a_kill_leaves_files_as_they_are(void)
{
	disk_world(7);
	int fd = sys_open("/d/e/f", SYS_WRITE | SYS_CREATE);
	write_text(fd, "not synced", 0);
	int lock = sys_lock_file("/d/.lock");
	CU_ASSERT_TRUE(lock >= 0);
	CU_ASSERT_EQUAL(sys_lock_file("/d/.lock"), -EWOULDBLOCK);
	sim_kill(host);
	CU_ASSERT_STRING_EQUAL(text_of("/d/e/f"), "not synced");
	lock = sys_lock_file("/d/.lock");
	CU_ASSERT_TRUE(lock >= 0);
	sim_free();
}

static void a_disk_may_be_full_or_broken(void)
{
	struct iovec v = { (char[]){ "0123456789" }, 10 };
	disk_world(8);
	int fd = sys_open("/d/e/f", SYS_READ | SYS_WRITE | SYS_CREATE);
	sim_disk_room(host, 15);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 0), 0);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 10), -ENOSPC);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 5), 0);
	struct sys_space space;
	CU_ASSERT_TRUE(sys_disk_space("/d", &space) == 0 && space.usable == 0);
	CU_ASSERT_EQUAL(sys_truncate(fd, 0), 0);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 0), 0);
	sim_disk_break(host, true);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 0), -EIO);
	CU_ASSERT_EQUAL(sys_sync(fd), -EIO);
	sim_disk_break(host, false);
	CU_ASSERT_EQUAL(sys_sync(fd), 0);
	sim_free();
}

static int count_entry(void *arg, const char *name, bool is_dir)
{
	int *n = arg;
	n[is_dir ? 1 : 0]++;
	CU_ASSERT_TRUE(strcmp(name, "f") == 0 || strcmp(name, "e") == 0 || strcmp(name, "g") == 0);
	return 0;
}

static void files_by_name(void)
{
	struct sys_stat st;
	int n[2] = { 0 };
	disk_world(9);
	sys_close(sys_open("/d/f", SYS_WRITE | SYS_CREATE));
	sys_close(sys_open("d/g", SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE));
	CU_ASSERT_EQUAL(sys_open("/d/g", SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE), -EEXIST);
	CU_ASSERT_EQUAL(sys_open("/x/g", SYS_WRITE | SYS_CREATE), -ENOENT);
	CU_ASSERT_EQUAL(sys_list_dir("/d/", count_entry, n), 0);
	CU_ASSERT_TRUE(n[0] == 2 && n[1] == 1);
	CU_ASSERT_EQUAL(sys_rmdir("/d"), -ENOTEMPTY);
	CU_ASSERT_EQUAL(sys_unlink("/d/e"), -EISDIR);
	CU_ASSERT_EQUAL(sys_rename("/d/e", "/d/f"), -ENOTDIR);
	CU_ASSERT_EQUAL(sys_unlink("/d/f"), 0);
	CU_ASSERT_EQUAL(sys_stat("/d/f", &st), -ENOENT);
	CU_ASSERT_EQUAL(sys_set_mtime("/d/g", 12), 0);
	CU_ASSERT_EQUAL(sys_stat("/d/g", &st), 0);
	CU_ASSERT_EQUAL(st.mtime_ms, 12);
	CU_ASSERT_EQUAL(sys_rmdir("/d/e"), 0);
	sim_free();
}

/* ---- connections and misfortune, by the test's own hand ---- */

static uint32_t wait_ready(struct sys_poller *p, int fd, uint32_t events, int64_t ms)
{
	struct sys_ready ready;
	sys_poller_set(p, fd, events, &ready);
	int n = sys_poller_wait(p, &ready, 1, ms * MS);
	sys_poller_remove(p, fd);
	return n > 0 ? ready.events : 0;
}

static struct sim_host *left, *right;
static struct sys_poller *left_poller, *right_poller;
static int left_fd, right_fd;

static void connect_two(uint64_t seed)
{
	struct sys_addr at, peer;
	sim_new(seed);
	left = sim_host_new("left", 1);
	right = sim_host_new("right", 1);
	sim_on(right);
	int listener = sys_listen("", 1, 4, &at);
	right_poller = sys_poller_new();
	sim_on(left);
	left_poller = sys_poller_new();
	sys_resolve("right", 1, &at, 1);
	left_fd = sys_connect(&at);
	CU_ASSERT_TRUE(wait_ready(left_poller, left_fd, SYS_WRITABLE, 1000) & SYS_WRITABLE);
	CU_ASSERT_EQUAL(sys_connected(left_fd), 0);
	sim_on(right);
	right_fd = sys_accept(listener, &peer);
	CU_ASSERT_TRUE(right_fd >= 0);
	sys_close(listener);
}

static ssize_t send_char(int fd)
{
	char c = 'c';
	struct iovec v = { &c, 1 };
	return sys_sendv(fd, &v, 1, false);
}

static void a_killed_peer_is_seen(void)
{
	char b[8];
	connect_two(3);
	CU_ASSERT_EQUAL(send_char(right_fd), 1);
	sim_kill(right);
	sim_on(left);
	CU_ASSERT_TRUE(wait_ready(left_poller, left_fd, SYS_READABLE, 1000) & SYS_READABLE);
	CU_ASSERT_EQUAL(sys_recv(left_fd, b, sizeof b), 1);
	wait_ready(left_poller, left_fd, SYS_READABLE, 1000);
	CU_ASSERT_EQUAL(sys_recv(left_fd, b, sizeof b), 0);
	CU_ASSERT_EQUAL(send_char(left_fd), 1);
	/* Nobody is there to take it. */
	CU_ASSERT_TRUE(wait_ready(left_poller, left_fd, 0, 1000) & SYS_HANGUP);
	CU_ASSERT_EQUAL(send_char(left_fd), -ECONNRESET);
	CU_ASSERT_EQUAL(send_char(left_fd), -EPIPE);
	sim_free();
}

static void a_peer_without_power_is_silent_until_it_is_back(void)
{
	char b[8];
	connect_two(4);
	sim_crash(right);
	sim_on(left);
	CU_ASSERT_EQUAL(send_char(left_fd), 1);
	CU_ASSERT_EQUAL(wait_ready(left_poller, left_fd, SYS_READABLE, 10000), 0);
	sim_boot(right);
	CU_ASSERT_TRUE(wait_ready(left_poller, left_fd, SYS_READABLE, 10000) & SYS_HANGUP);
	CU_ASSERT_EQUAL(sys_recv(left_fd, b, sizeof b), -ECONNRESET);
	sim_free();
}

static void unread_bytes_at_a_close_are_a_reset(void)
{
	char b[8];
	connect_two(5);
	sim_on(left);
	CU_ASSERT_EQUAL(send_char(left_fd), 1);
	sim_settle(1000);
	sim_on(right);
	sys_close(right_fd);
	sim_on(left);
	wait_ready(left_poller, left_fd, SYS_READABLE, 1000);
	CU_ASSERT_EQUAL(sys_recv(left_fd, b, sizeof b), -ECONNRESET);
	CU_ASSERT_EQUAL(sys_recv(left_fd, b, sizeof b), 0);
	sim_free();
}

static void nobody_listens(void)
{
	struct sys_addr at;
	connect_two(6);
	sim_on(right);
	CU_ASSERT_EQUAL(sys_port_taken("", 77), 0);
	int listener = sys_listen("127.0.0.1", 77, 4, &at);
	CU_ASSERT_EQUAL(sys_port_taken("", 77), -EADDRINUSE);
	sim_on(left);
	sys_resolve("right", 77, &at, 1);
	int fd = sys_connect(&at);
	CU_ASSERT_TRUE(wait_ready(left_poller, fd, SYS_WRITABLE, 1000) & SYS_HANGUP);
	CU_ASSERT_EQUAL(sys_connected(fd), -ECONNREFUSED);
	CU_ASSERT_EQUAL(sys_resolve("nowhere", 1, &at, 1), -ENOENT);
	sim_on(right);
	sys_close(listener);
	sim_free();
}

/* The window is finite: a sender whose peer does not read must wait. */
static void a_stream_holds_only_so_much(void)
{
	static char much[100000];
	struct iovec v = { much, sizeof much };
	ssize_t n, total = 0;
	connect_two(7);
	sim_on(left);
	while ((n = sys_sendv(left_fd, &v, 1, false)) > 0)
		total += n;
	CU_ASSERT_EQUAL(n, -EAGAIN);
	CU_ASSERT_TRUE(total >= 65536 && total <= 1 << 20);
	CU_ASSERT_EQUAL(wait_ready(left_poller, left_fd, SYS_WRITABLE, 1000), 0);
	sim_on(right);
	CU_ASSERT_TRUE(sys_recv(right_fd, much, sizeof much) > 0);
	sim_on(left);
	CU_ASSERT_EQUAL(wait_ready(left_poller, left_fd, SYS_WRITABLE, 1000), SYS_WRITABLE);
	sim_free();
}

/* ---- processes ---- */

static void serve_until_told(void *arg)
{
	struct sys_poller *p = sys_poller_new();
	struct sys_ready ready;
	int fd = sys_signals_open();
	(void)arg;
	sys_poller_set(p, fd, SYS_READABLE, &ready);
	while (sys_poller_wait(p, &ready, 1, -1) == 0)
		;
	CU_ASSERT_EQUAL(sys_signals_next(fd), SIGTERM);
	CU_ASSERT_EQUAL(sys_signals_next(fd), 0);
	sys_exit(3);
}

static void start_and_join(void *arg)
{
	sys_thread_join(sys_thread_start("inner", -1, serve_until_told, arg));
	CU_FAIL("the process has ended before");
}

static void a_process_ends_with_its_status(void)
{
	char boot[64], again[64];
	sim_new(11);
	host = sim_host_new("h", 3);
	sim_on(host);
	sys_thread_start("outer", -1, start_and_join, NULL);
	CU_ASSERT_TRUE(sim_settle(1000));
	CU_ASSERT_EQUAL(sim_exit_status(host), -1);
	sim_signal(host, SIGTERM);
	CU_ASSERT_TRUE(sim_settle(1000));
	CU_ASSERT_EQUAL(sim_exit_status(host), 3);
	CU_ASSERT_FALSE(sim_step());
	int cpus[4];
	CU_ASSERT_EQUAL(sys_cpus(cpus, 4), 3);
	sys_boot_id(boot);
	sim_kill(host);
	sys_boot_id(again);
	CU_ASSERT_STRING_EQUAL(boot, again);
	lose_power();
	sys_boot_id(again);
	CU_ASSERT_STRING_NOT_EQUAL(boot, again);
	sim_free();
}

static const struct ut_case cases[] = {
	UT(the_same_seed_is_the_same_run_ten_thousand_times),
	UT(a_cut_delays_and_loses_nothing),
	UT(an_hour_passes_at_once),
	UT(jobs_end_in_every_order),
	UT(what_was_synced_stays),
	UT(unsynced_sectors_go_in_part),
	UT(a_growing_file_has_any_length),
	UT(a_rename_is_safe_after_a_sync_of_its_directory),
	UT(a_move_is_whole),
	UT(an_entry_may_go_though_its_file_was_synced),
	UT(a_kill_leaves_files_as_they_are),
	UT(a_disk_may_be_full_or_broken),
	UT(files_by_name),
	UT(a_killed_peer_is_seen),
	UT(a_peer_without_power_is_silent_until_it_is_back),
	UT(unread_bytes_at_a_close_are_a_reset),
	UT(nobody_listens),
	UT(a_stream_holds_only_so_much),
	UT(a_process_ends_with_its_status),
};

int main(void)
{
	return ut_run("sim", cases, countof(cases));
}
