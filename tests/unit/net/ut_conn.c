/* ut_conn.c - a connection over a real socket: frames, answers in order, back-pressure, ends. */
#include "tests/unit/net/net_ut.h"

static void echoes(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	for (unsigned i = 1; i < 50; i++) {
		ut_send_frame(&u, fd, UT_ECHO, i * 7, i);
		CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, i * 7, i));
	}
	CU_ASSERT_EQUAL(u.opened, 1);
	close(fd);
	UNTIL(&u, u.gone == 1);
	struct net_traffic n = ut_traffic(&u, 0);
	CU_ASSERT(n.frames == 49 && n.closed == 1 && n.connections == 0);
	CU_ASSERT(n.bytes_in == n.bytes_out && n.bytes_in >= 49 * 50 / 2 * 7);
	CU_ASSERT(n.handshakes == 0 && n.handshakes_failed == 0);
	ut_close(&u);
	ut_fini(&u);
}

static void takes_single_bytes(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	uint8_t *p = ut_frame(UT_ECHO, 40, 3);
	for (int i = 0; i < 44; i++) {
		ut_send(&u, fd, p + i, 1);
		ut_turns(&u, 2);
	}
	free(p);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, 40, 3));
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* Frames of every size around the buffers' sizes, one after the other and all at once. */
static void takes_all_sizes(void)
{
	static const size_t sizes[] = { 1, 2, 65535, 65536, 49152, 1, 262140, 262144, 270336, 100, 1048700,
					1048700, 1048650, 3000000, 5, 8 << 20 };
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	for (unsigned i = 0; i < countof(sizes); i++) {
		ut_send_frame(&u, fd, UT_PARK, sizes[i], i);
		UNTIL(&u, u.frames == (int)i + 1);
		ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
		CU_ASSERT(ut_expect_frame(&u, fd, UT_PARK, sizes[i], i));
	}
	ut_turns(&u, 3);
	CU_ASSERT(ut_frame_memory(&u, 0) <= LANE_ARENA_BYTES + 64 * 1024);
	for (unsigned i = 0; i < countof(sizes); i++)
		ut_send_frame(&u, fd, UT_PARK, sizes[i], i);
	UNTIL(&u, u.frames == 2 * (int)countof(sizes));
	for (unsigned i = 0; i < countof(sizes); i++) {
		ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
		CU_ASSERT(ut_expect_frame(&u, fd, UT_PARK, sizes[i], i));
	}
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* Many small frames in one piece, and answers given last first: they leave in the order of the frames. */
static void keeps_order(void)
{
	enum { N = 40 };
	struct ut_net u;
	struct ut_request *parked[N];
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	for (unsigned i = 0; i < N; i++)
		ut_send_frame(&u, fd, i % 5 == 4 ? UT_NONE : i % 3 == 2 ? UT_ECHO : UT_PARK, 100 + i, i);
	UNTIL(&u, u.frames == N);
	int n = 0;
	while (!list_empty(&u.parked))
		parked[n++] = list_entry(list_pop_front(&u.parked), struct ut_request, link);
	CU_ASSERT_EQUAL(conn_in_flight(u.last), N); /* even those that are answered wait for the first */
	while (n > 0)
		ut_answer(parked[--n]);
	for (unsigned i = 0; i < N; i++)
		if (i % 5 != 4)
			CU_ASSERT(ut_expect_frame(&u, fd, i % 3 == 2 ? UT_ECHO : UT_PARK, 100 + i, i));
	CU_ASSERT_EQUAL(conn_in_flight(u.last), 0);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void stops_at_in_flight_max(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	for (unsigned i = 0; i < CONN_IN_FLIGHT_MAX + 10; i++)
		ut_send_frame(&u, fd, UT_PARK, 10, i);
	UNTIL(&u, u.frames == CONN_IN_FLIGHT_MAX);
	ut_turns(&u, 5);
	CU_ASSERT_EQUAL(u.frames, CONN_IN_FLIGHT_MAX);
	for (unsigned i = 0; i < CONN_IN_FLIGHT_MAX + 10; i++) {
		UNTIL(&u, !list_empty(&u.parked));
		ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
		CU_ASSERT(ut_expect_frame(&u, fd, UT_PARK, 10, i));
	}
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* A peer that never reads: the broker stops reading from it, and keeps a bounded number of bytes. */
static void stops_when_nobody_reads(void)
{
	enum { FRAME = 100000, TRIES = 2000 };
	struct ut_net u;
	ut_init(&u, 1);
	u.config.send_buffer_bytes = 65536;
	u.config.receive_buffer_bytes = 65536;
	ut_open(&u);
	int fd = ut_connect(&u), quiet = 0, sent = 0;
	uint8_t *p = ut_frame(UT_ECHO, FRAME, 1);
	size_t at = 0;
	while (quiet < 50 && sent < TRIES) {
		ssize_t k = send(fd, p + at, FRAME + 4 - at, MSG_NOSIGNAL);
		quiet = k > 0 ? 0 : quiet + 1;
		at += k > 0 ? (size_t)k : 0;
		if (at == FRAME + 4) {
			at = 0;
			sent++;
		}
		ut_turn(&u);
	}
	CU_ASSERT(sent < TRIES);
	CU_ASSERT(ut_frame_memory(&u, 0) < CONN_OUT_HIGH_BYTES + (4 << 20));
	int fed = 0;
	for (int64_t end = sys_mono_ns() + INT64_C(1000000000) * UT_PATIENCE_S;
	     fed < sent && sys_mono_ns() < end; fed++)
		CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, FRAME, 1));
	ut_send(&u, fd, p + at, FRAME + 4 - at);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, FRAME, 1));
	free(p);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void refuses_bad_sizes(void)
{
	static const uint32_t sizes[] = { 0xffffffff, 0x80000000, 0x7fffffff, (100 << 20) + 1, 0x47455420 };
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	for (unsigned i = 0; i < countof(sizes); i++) {
		uint8_t bytes[16] = { 0 };
		int fd = ut_connect(&u);
		put_be32(bytes, sizes[i]);
		ut_send(&u, fd, bytes, sizeof bytes);
		UNTIL(&u, u.gone == (int)i + 1);
		CU_ASSERT(ut_is_shut(fd));
		close(fd);
	}
	CU_ASSERT_EQUAL(u.frames, 0);
	/* An empty frame is a frame: what is in it is not this room's affair. */
	int fd = ut_connect(&u);
	ut_send(&u, fd, "\0\0\0\0", 4);
	UNTIL(&u, u.frames == 1);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void frame_max_can_change(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	u.listeners[0].sasl = true;
	u.config.frame_max_before_auth_bytes = 1000;
	ut_open(&u);
	int fd = ut_connect(&u);
	ut_send_frame(&u, fd, UT_ECHO, 1000, 1);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, 1000, 1));
	conn_set_frame_max(u.last, 2000);
	ut_send_frame(&u, fd, UT_ECHO, 2000, 1);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, 2000, 1));
	ut_send_frame(&u, fd, UT_ECHO, 2001, 1);
	UNTIL(&u, u.gone == 1);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* The peer sends its last requests and closes its side: it still gets all answers. */
static void half_close_is_served(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	for (unsigned i = 0; i < CONN_IN_FLIGHT_MAX + 20; i++)
		ut_send_frame(&u, fd, i == 0 ? UT_PARK : UT_ECHO, 500, i);
	shutdown(fd, SHUT_WR);
	UNTIL(&u, u.frames == CONN_IN_FLIGHT_MAX);
	ut_turns(&u, 3);
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	for (unsigned i = 0; i < CONN_IN_FLIGHT_MAX + 20; i++)
		CU_ASSERT(ut_expect_frame(&u, fd, i == 0 ? UT_PARK : UT_ECHO, 500, i));
	UNTIL(&u, u.gone == 1);
	CU_ASSERT(ut_is_shut(fd));
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* The peer is gone while requests are under way: they finish, their answers go nowhere. */
static void death_with_requests_in_flight(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	ut_send_frame(&u, fd, UT_PARK, 100, 1);
	ut_send_frame(&u, fd, UT_ECHO, 100, 1);
	ut_send_frame(&u, fd, UT_PARK, 100, 1);
	UNTIL(&u, u.frames == 3);
	struct linger hard = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd);
	UNTIL(&u, u.gone == 1);
	for (int i = 0; i < 2; i++) {
		struct ut_request *q = list_entry(list_pop_front(&u.parked), struct ut_request, link);
		CU_ASSERT_FALSE(conn_is_open(q->slot.conn));
		ut_answer(q);
	}
	ut_close(&u);
	ut_fini(&u);
}

/* Closing from within on_frame, with more frames in the same buffer. */
static void closing_while_delivering(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	ut_send_frame(&u, fd, UT_PARK, 10, 1);
	ut_send_frame(&u, fd, UT_PAUSE, 10, 2);
	ut_send_frame(&u, fd, UT_ECHO, 10, 3);
	UNTIL(&u, u.frames == 2);
	ut_turns(&u, 3);
	CU_ASSERT_EQUAL(u.frames, 2);
	struct conn *c = u.last;
	conn_close(c, "test");
	CU_ASSERT_EQUAL(u.gone, 1);
	conn_close(c, "again"); /* its slot still holds it */
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	ut_turns(&u, 2);
	CU_ASSERT_EQUAL(u.frames, 2);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void pause_and_resume(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	ut_send_frame(&u, fd, UT_PAUSE, 10, 1);
	ut_send_frame(&u, fd, UT_ECHO, 10, 2);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_PAUSE, 10, 1));
	ut_turns(&u, 5);
	CU_ASSERT_EQUAL(u.frames, 1);
	conn_pause(u.last);
	conn_resume(u.last);
	ut_turns(&u, 5);
	CU_ASSERT_EQUAL(u.frames, 1);
	conn_resume(u.last);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, 10, 2));
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void mute_until(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	UNTIL(&u, u.opened == 1);
	int64_t until = reactor_now_ns(u.cores[0]) + 60 * INT64_C(1000000);
	conn_mute_until(u.last, until);
	conn_mute_until(u.last, until - 50 * INT64_C(1000000)); /* an earlier time changes nothing */
	ut_send_frame(&u, fd, UT_ECHO, 10, 2);
	while (u.frames == 0)
		ut_turn(&u);
	CU_ASSERT(reactor_now_ns(u.cores[0]) >= until);
	CU_ASSERT(ut_expect_frame(&u, fd, UT_ECHO, 10, 2));
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void finish_sends_what_is_owed(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u);
	ut_send_frame(&u, fd, UT_PARK, 1 << 20, 1);
	UNTIL(&u, u.frames == 1);
	conn_finish(u.last, "test");
	ut_send_frame(&u, fd, UT_ECHO, 10, 2);
	ut_turns(&u, 5);
	CU_ASSERT_EQUAL(u.frames, 1);
	CU_ASSERT_EQUAL(u.gone, 0);
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	CU_ASSERT(ut_expect_frame(&u, fd, UT_PARK, 1 << 20, 1));
	UNTIL(&u, u.gone == 1);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static void idle_ones_are_closed(void)
{
	struct ut_net u;
	ut_init(&u, 1);
	u.listeners[0].idle_ms = 300;
	ut_open(&u);
	int idle = ut_connect(&u), busy = ut_connect(&u), waits = ut_connect(&u);
	ut_send_frame(&u, waits, UT_PARK, 10, 1);
	UNTIL(&u, u.opened == 3 && u.frames == 1);
	while (u.gone == 0) {
		ut_send_frame(&u, busy, UT_ECHO, 10, 1);
		CU_ASSERT(ut_expect_frame(&u, busy, UT_ECHO, 10, 1));
	}
	CU_ASSERT(ut_is_shut(idle));
	CU_ASSERT_FALSE(ut_is_shut(busy));
	CU_ASSERT_FALSE(ut_is_shut(waits)); /* it is us who is waited for */
	ut_answer(list_entry(list_pop_front(&u.parked), struct ut_request, link));
	UNTIL(&u, u.gone == 3);
	close(idle);
	close(busy);
	close(waits);
	ut_close(&u);
	ut_fini(&u);
}

/* Ranges of a file between memory, short and long, cached and past the cache's knowledge. */
static void sends_ranges_of_files(void)
{
	enum { FILE_BYTES = 3 << 20 };
	static const size_t lengths[] = { 1, 100, 20000, 40000, 300000, 2 << 20 };
	char path[] = "/tmp/ut_conn.XXXXXX";
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect(&u), file = mkstemp(path);
	uint8_t *bytes = ut_frame('x', FILE_BYTES, 9), *got = mem_alloc(FILE_BYTES);
	must(write(file, bytes, FILE_BYTES) == FILE_BYTES);
	for (unsigned i = 0; i < countof(lengths); i++) {
		struct chain answer;
		ut_send_frame(&u, fd, UT_PARK, 10, i);
		UNTIL(&u, !list_empty(&u.parked));
		fsync(file);
		posix_fadvise(file, 0, 0, i % 2 ? POSIX_FADV_DONTNEED : POSIX_FADV_WILLNEED);
		chain_init(&answer);
		chain_add_mem(&answer, "begin", 5, NULL);
		chain_add_file(&answer, file, 4096 + i, lengths[i], NULL);
		chain_add_mem(&answer, "middle", 6, NULL);
		chain_add_file(&answer, file, 17, 1000, NULL);
		chain_add_mem(&answer, "end", 3, NULL);
		conn_slot_answer(&list_entry(list_pop_front(&u.parked), struct ut_request, link)->slot,
				 &answer);
		CU_ASSERT(ut_recv(&u, fd, got, 5) && memcmp(got, "begin", 5) == 0);
		CU_ASSERT(ut_recv(&u, fd, got, lengths[i]) && memcmp(got, bytes + 4096 + i, lengths[i]) == 0);
		CU_ASSERT(ut_recv(&u, fd, got, 6) && memcmp(got, "middle", 6) == 0);
		CU_ASSERT(ut_recv(&u, fd, got, 1000) && memcmp(got, bytes + 17, 1000) == 0);
		CU_ASSERT(ut_recv(&u, fd, got, 3) && memcmp(got, "end", 3) == 0);
	}
	free(bytes);
	free(got);
	close(file);
	unlink(path);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

/* A file that is shorter than the answer promised: the connection ends, as nothing right can follow. */
static void short_file_ends_it(void)
{
	char path[] = "/tmp/ut_conn.XXXXXX";
	struct ut_net u;
	ut_init(&u, 1);
	ut_open(&u);
	int file = mkstemp(path);
	must(ftruncate(file, 50000) == 0);
	for (int i = 0; i < 2; i++) {
		struct chain answer;
		int fd = ut_connect(&u);
		ut_send_frame(&u, fd, UT_PARK, 10, 1);
		UNTIL(&u, !list_empty(&u.parked));
		chain_init(&answer);
		chain_add_file(&answer, file, i ? 49000 : 0, i ? 2000 : 100000, NULL);
		conn_slot_answer(&list_entry(list_pop_front(&u.parked), struct ut_request, link)->slot,
				 &answer);
		UNTIL(&u, u.gone == i + 1);
		close(fd);
	}
	close(file);
	unlink(path);
	ut_close(&u);
	ut_fini(&u);
}

/* Memory for frames is short: large frames come one after the other, and all come. */
static void memory_budget(void)
{
	enum { N = 6, FRAME = 3 << 20 };
	struct ut_net u;
	int fds[N];
	size_t sent[N] = { 0 };
	int done = 0;
	ut_init(&u, 1);
	u.config.frames_max_bytes = 4 << 20;
	ut_open(&u);
	uint8_t *p = ut_frame(UT_DISCARD, FRAME, 1);
	for (int i = 0; i < N; i++)
		fds[i] = ut_connect(&u);
	uint64_t most = 0;
	while (done < N) {
		for (int i = 0; i < N; i++) {
			ssize_t k = send(fds[i], p + sent[i], FRAME + 4 - sent[i], MSG_NOSIGNAL);
			sent[i] += k > 0 ? (size_t)k : 0;
			done += k > 0 && sent[i] == FRAME + 4;
		}
		ut_turn(&u);
		most = max_of(most, ut_frame_memory(&u, 0));
	}
	UNTIL(&u, u.frames == N);
	CU_ASSERT(most <= (4 << 20) + FRAME + (1 << 20));
	CU_ASSERT_EQUAL(u.frame_bytes, (uint64_t)N * FRAME);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	free(p);
	ut_close(&u);
	ut_fini(&u);
}

static void knows_who_it_is(void)
{
	struct ut_net u;
	char id[CONN_ID_BYTES], want[CONN_ID_BYTES];
	struct sockaddr_in me;
	socklen_t len = sizeof me;
	ut_init(&u, 1);
	ut_open(&u);
	int fd = ut_connect_from(&u, 0, "127.0.0.7");
	UNTIL(&u, u.opened == 1);
	getsockname(fd, (struct sockaddr *)&me, &len);
	snprintf(want, sizeof want, "127.0.0.1:%u-127.0.0.7:%u-0", net_listener_address(u.net, 0)->port,
		 ntohs(me.sin_port));
	CU_ASSERT_STRING_EQUAL(conn_id(u.last, id), want);
	CU_ASSERT_STRING_EQUAL(conn_listener(u.last)->name, "PLAINTEXT");
	CU_ASSERT_PTR_NULL(conn_peer_certificate(u.last));
	CU_ASSERT_PTR_NULL(conn_tls_version(u.last));
	conn_set_user(u.last, &u);
	CU_ASSERT_PTR_EQUAL(conn_user(u.last), &u);
	close(fd);
	ut_close(&u);
	ut_fini(&u);
}

static const struct ut_case cases[] = {
	UT(echoes),
	UT(takes_single_bytes),
	UT(takes_all_sizes),
	UT(keeps_order),
	UT(stops_at_in_flight_max),
	UT(stops_when_nobody_reads),
	UT(refuses_bad_sizes),
	UT(frame_max_can_change),
	UT(half_close_is_served),
	UT(death_with_requests_in_flight),
	UT(closing_while_delivering),
	UT(pause_and_resume),
	UT(mute_until),
	UT(finish_sends_what_is_owed),
	UT(idle_ones_are_closed),
	UT(sends_ranges_of_files),
	UT(short_file_ends_it),
	UT(memory_budget),
	UT(knows_who_it_is),
};

int main(void)
{
	return ut_run("conn", cases, countof(cases));
}
