/* ut_sys.c - the seam to Linux: files, directories, locks, sockets, log lines. */
#include "broker/base/log.h"
#include "broker/reactor/sys.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINKS = 150 };

static char dir[256];

static const char *in_dir(const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_text(int fd, const char *text, int64_t at)
{
	struct iovec v = { (char *)(uintptr_t)text, strlen(text) };
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, at), 0);
}

/* ---- files ---- */

static void write_read_truncate(void)
{
	char b[32] = { 0 };
	struct sys_stat st;
	int fd = sys_open(in_dir("a"), SYS_READ | SYS_WRITE | SYS_CREATE);
	CU_ASSERT_TRUE(fd >= 0);
	write_text(fd, "hello, world", 0);
	CU_ASSERT_EQUAL(sys_pread(fd, b, 5, 7), 5);
	CU_ASSERT_STRING_EQUAL(b, "world");
	CU_ASSERT_EQUAL(sys_pread(fd, b, sizeof b, 7), 5);
	CU_ASSERT_EQUAL(sys_pread(fd, b, sizeof b, 100), 0);
	ssize_t n = sys_pread_cached(fd, b, sizeof b, 0);
	CU_ASSERT_TRUE(n == 12 || n == -EAGAIN); /* -EAGAIN: this file system cannot tell */
	CU_ASSERT_EQUAL(sys_truncate(fd, 5), 0);
	CU_ASSERT_EQUAL(sys_preallocate(fd, 65536), 0);
	CU_ASSERT_EQUAL(sys_fstat(fd, &st), 0);
	CU_ASSERT_EQUAL(st.size, 5);
	CU_ASSERT_FALSE(st.is_dir);
	CU_ASSERT_EQUAL(sys_datasync(fd), 0);
	CU_ASSERT_EQUAL(sys_sync(fd), 0);
	CU_ASSERT_EQUAL(sys_chmod_private(fd), 0);
	sys_close(fd);
	CU_ASSERT_EQUAL(sys_open(in_dir("a"), SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE), -EEXIST);
	fd = sys_open(in_dir("a"), SYS_WRITE | SYS_TRUNCATE);
	CU_ASSERT_EQUAL(sys_fstat(fd, &st), 0);
	CU_ASSERT_EQUAL(st.size, 0);
	CU_ASSERT_EQUAL(sys_pread(fd, b, 1, 0), -EBADF);
	sys_close(fd);
	CU_ASSERT_EQUAL(sys_open(in_dir("none"), SYS_READ), -ENOENT);
}

/* More links than one system call takes, empty ones among them. */
static void many_links_in_one_write(void)
{
	struct iovec v[LINKS];
	char bytes[LINKS], back[LINKS + 1];
	size_t total = 0;
	int fd = sys_open(in_dir("links"), SYS_READ | SYS_WRITE | SYS_CREATE);
	for (int i = 0; i < LINKS; i++) {
		bytes[i] = (char)('a' + i % 26);
		v[i] = (struct iovec){ &bytes[i], i % 3 != 0 };
		total += v[i].iov_len;
	}
	CU_ASSERT_EQUAL(sys_pwritev(fd, v, LINKS, 10), 0);
	CU_ASSERT_EQUAL(sys_pread(fd, back, sizeof back, 10), (ssize_t)total);
	for (int i = 0, k = 0; i < LINKS; i++)
		if (i % 3 != 0)
			CU_ASSERT_EQUAL(back[k++], bytes[i]);
	CU_ASSERT_EQUAL(sys_pwritev(fd, v, 0, 0), 0);
	sys_close(fd);
}

static void a_full_disk_is_an_error(void)
{
	struct iovec v = { dir, sizeof dir };
	int fd = sys_open("/dev/full", SYS_WRITE);
	CU_ASSERT_EQUAL(sys_pwritev(fd, &v, 1, 0), -ENOSPC);
	sys_close(fd);
}

/* ---- directories ---- */

static int note_entry(void *arg, const char *name, bool is_dir)
{
	int *seen = arg;
	if (strcmp(name, "b") == 0 && is_dir)
		seen[0]++;
	else if (strcmp(name, "f") == 0 && !is_dir)
		seen[1]++;
	else
		seen[2]++;
	return 0;
}

static int stop_at_once(void *arg, const char *name, bool is_dir)
{
	(void)name;
	(void)is_dir;
	return ++*(int *)arg + 41;
}

static void directories(void)
{
	int seen[3] = { 0 }, calls = 0;
	struct sys_stat st;
	char from[512];
	CU_ASSERT_EQUAL(sys_mkdir(in_dir("d/e//b")), 0);
	CU_ASSERT_EQUAL(sys_mkdir(in_dir("d/e/b")), 0);
	int fd = sys_open(in_dir("d/e/f"), SYS_WRITE | SYS_CREATE);
	sys_close(fd);
	CU_ASSERT_EQUAL(sys_mkdir(in_dir("d/e/f")), -ENOTDIR);
	CU_ASSERT_EQUAL(sys_list_dir(in_dir("d/e"), note_entry, seen), 0);
	CU_ASSERT_TRUE(seen[0] == 1 && seen[1] == 1 && seen[2] == 0);
	CU_ASSERT_EQUAL(sys_list_dir(in_dir("d/e"), stop_at_once, &calls), 42);
	CU_ASSERT_EQUAL(calls, 1);
	CU_ASSERT_EQUAL(sys_list_dir(in_dir("nowhere"), note_entry, seen), -ENOENT);
	CU_ASSERT_EQUAL(sys_stat(in_dir("d"), &st), 0);
	CU_ASSERT_TRUE(st.is_dir);
	CU_ASSERT_EQUAL(sys_rmdir(in_dir("d/e")), -ENOTEMPTY);
	snprintf(from, sizeof from, "%s", in_dir("d/e/f"));
	CU_ASSERT_EQUAL(sys_rename(from, in_dir("d/g")), 0);
	CU_ASSERT_EQUAL(sys_sync_dir(in_dir("d")), 0);
	CU_ASSERT_EQUAL(sys_set_mtime(in_dir("d/g"), 1234567890123), 0);
	CU_ASSERT_EQUAL(sys_stat(in_dir("d/g"), &st), 0);
	CU_ASSERT_EQUAL(st.mtime_ms, 1234567890123);
	CU_ASSERT_EQUAL(sys_unlink(in_dir("d/g")), 0);
	CU_ASSERT_EQUAL(sys_unlink(in_dir("d/g")), -ENOENT);
	struct sys_space space;
	char here[4096];
	CU_ASSERT_EQUAL(sys_disk_space(dir, &space), 0);
	CU_ASSERT_TRUE(space.usable > 0 && space.total >= space.usable);
	CU_ASSERT_EQUAL(sys_disk_space("/no/such/file", &space), -ENOENT);
	CU_ASSERT_TRUE(sys_working_dir(here, sizeof here) == 0 && here[0] == '/');
	CU_ASSERT_EQUAL(sys_working_dir(here, 1), -ERANGE);
}

static void a_lock_is_held_once(void)
{
	int fd = sys_lock_file(in_dir(".lock"));
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_EQUAL(sys_lock_file(in_dir(".lock")), -EWOULDBLOCK);
	sys_close(sys_open(in_dir(".lock"), SYS_READ)); /* closing another descriptor does not let it go */
	CU_ASSERT_EQUAL(sys_lock_file(in_dir(".lock")), -EWOULDBLOCK);
	sys_close(fd);
	fd = sys_lock_file(in_dir(".lock"));
	CU_ASSERT_TRUE(fd >= 0);
	sys_close(fd);
}

/* ---- sockets ---- */

static struct sys_poller *poller;

static uint32_t wait_for(int fd, uint32_t events)
{
	struct sys_ready ready;
	CU_ASSERT_EQUAL(sys_poller_set(poller, fd, events, &ready), 0);
	while (sys_poller_wait(poller, &ready, 1, -1) == 0)
		;
	sys_poller_remove(poller, fd);
	CU_ASSERT_PTR_EQUAL(ready.cookie, &ready);
	return ready.events;
}

static void connected_pair(int *near, int *far)
{
	struct sys_addr at, peer;
	int listener = sys_listen("127.0.0.1", 0, 4, &at);
	CU_ASSERT_TRUE(listener >= 0);
	*near = sys_connect(&at);
	wait_for(*near, SYS_WRITABLE);
	CU_ASSERT_EQUAL(sys_connected(*near), 0);
	wait_for(listener, SYS_READABLE);
	*far = sys_accept(listener, &peer);
	CU_ASSERT_TRUE(*far >= 0 && peer.len == 4 && peer.raw[0] == 127);
	sys_close(listener);
}

static void bytes_go_and_the_end_is_seen(void)
{
	int near, far;
	char b[64];
	struct iovec v[2] = { { (char[]){ "he" }, 2 }, { (char[]){ "llo" }, 3 } };
	poller = sys_poller_new();
	connected_pair(&near, &far);
	CU_ASSERT_EQUAL(sys_recv(far, b, sizeof b), -EAGAIN);
	CU_ASSERT_EQUAL(sys_sendv(near, v, 2, true), 5);
	CU_ASSERT_EQUAL(sys_sendv(near, v, 1, false), 2);
	size_t got = 0;
	while (got < 7) {
		wait_for(far, SYS_READABLE);
		got += (size_t)sys_recv(far, b + got, sizeof b - got);
	}
	CU_ASSERT_EQUAL(memcmp(b, "hellohe", 7), 0);
	sys_shutdown_write(near);
	wait_for(far, SYS_READABLE);
	CU_ASSERT_EQUAL(sys_recv(far, b, sizeof b), 0);
	sys_close(near);
	sys_close(far);
	sys_poller_free(poller);
}

static void a_file_goes_out_and_a_gone_peer_is_no_signal(void)
{
	int near, far;
	char b[64];
	ssize_t n;
	poller = sys_poller_new();
	int fd = sys_open(in_dir("sent"), SYS_READ | SYS_WRITE | SYS_CREATE);
	write_text(fd, "0123456789", 0);
	connected_pair(&near, &far);
	CU_ASSERT_EQUAL(sys_sendfile(near, fd, 2, 5), 5);
	CU_ASSERT_EQUAL(sys_sendfile(near, fd, 8, 5), 2);
	CU_ASSERT_EQUAL(sys_sendfile(near, fd, 10, 5), 0);
	wait_for(far, SYS_READABLE);
	CU_ASSERT_EQUAL(sys_recv(far, b, 4), 4);
	sys_close(far); /* with bytes unread: a reset */
	CU_ASSERT_TRUE(wait_for(near, SYS_READABLE) & SYS_HANGUP);
	while ((n = sys_sendfile(near, fd, 0, 10)) > 0)
		;
	CU_ASSERT_TRUE(n == -EPIPE || n == -ECONNRESET);
	sys_close(near);
	sys_close(fd);
	sys_poller_free(poller);
}

static void a_refused_connection(void)
{
	struct sys_addr at;
	int listener = sys_listen("127.0.0.1", 0, 4, &at);
	CU_ASSERT_EQUAL(sys_port_taken("127.0.0.1", at.port), -EADDRINUSE);
	sys_close(listener);
	CU_ASSERT_EQUAL(sys_port_taken("127.0.0.1", at.port), 0);
	poller = sys_poller_new();
	int fd = sys_connect(&at);
	if (fd >= 0) {
		wait_for(fd, SYS_WRITABLE);
		CU_ASSERT_EQUAL(sys_connected(fd), -ECONNREFUSED);
		sys_close(fd);
	} else {
		CU_ASSERT_EQUAL(fd, -ECONNREFUSED);
	}
	sys_poller_free(poller);
}

static void every_address(void)
{
	struct sys_addr at, found[4], peer;
	poller = sys_poller_new();
	int listener = sys_listen("", 0, 4, &at);
	CU_ASSERT_TRUE(listener >= 0);
	CU_ASSERT_EQUAL(sys_resolve("127.0.0.1", at.port, found, 4), 1);
	CU_ASSERT_STRING_EQUAL(found[0].text, "127.0.0.1");
	CU_ASSERT_EQUAL(found[0].port, at.port);
	int fd = sys_connect(&found[0]);
	wait_for(listener, SYS_READABLE);
	int far = sys_accept(listener, &peer);
	CU_ASSERT_STRING_EQUAL(peer.text, "127.0.0.1"); /* and not ::ffff:127.0.0.1 */
	sys_close(far);
	sys_close(fd);
	sys_close(listener);
	sys_poller_free(poller);
}

/* Without descriptors the waiting connection is taken and closed, not left to make the listener ready for
 * ever. */
static void no_descriptor_left(void)
{
	struct rlimit old, few;
	struct sys_addr at, peer;
	char b[8];
	poller = sys_poller_new();
	int listener = sys_listen("127.0.0.1", 0, 4, &at);
	CU_ASSERT_EQUAL(sys_accept(listener, &peer), -EAGAIN); /* lays the reserve by */
	int fd = sys_connect(&at);
	wait_for(listener, SYS_READABLE);
	int highest = dup(0);
	close(highest);
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ (rlim_t)highest, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	CU_ASSERT_EQUAL(sys_accept(listener, &peer), -EMFILE);
	CU_ASSERT_EQUAL(sys_accept(listener, &peer), -EAGAIN);
	setrlimit(RLIMIT_NOFILE, &old);
	wait_for(fd, SYS_READABLE);
	CU_ASSERT_EQUAL(sys_recv(fd, b, sizeof b), 0);
	sys_close(fd);
	sys_close(listener);
	sys_poller_free(poller);
}

static void a_wake_before_the_wait_ends_it(void)
{
	struct sys_ready ready;
	poller = sys_poller_new();
	sys_poller_wake(poller);
	sys_poller_wake(poller);
	CU_ASSERT_EQUAL(sys_poller_wait(poller, &ready, 1, -1), 0);
	int64_t before = sys_mono_ns();
	CU_ASSERT_EQUAL(sys_poller_wait(poller, &ready, 1, 2000000), 0);
	CU_ASSERT_TRUE(sys_mono_ns() - before >= 2000000);
	sys_poller_free(poller);
}

/* ---- the process ---- */

static void cpus_and_names(void)
{
	int cpus[256];
	char name[256], boot[64], again[64];
	uint8_t a[16] = { 0 }, b[16] = { 0 };
	int n = sys_cpus(cpus, 256);
	CU_ASSERT_TRUE(n >= 1 && n <= 256);
	CU_ASSERT_EQUAL(sys_cpus(cpus, 1), 1);
	CU_ASSERT_EQUAL(sys_hostname(name, sizeof name), 0);
	CU_ASSERT_TRUE(strlen(name) > 0);
	sys_boot_id(boot);
	sys_boot_id(again);
	CU_ASSERT_STRING_EQUAL(boot, again);
	struct sys_process p;
	sys_process(&p);
	CU_ASSERT_TRUE(p.resident_bytes > 100000 && p.virtual_bytes >= p.resident_bytes);
	CU_ASSERT_TRUE(p.fds >= 3 && p.fds <= p.fds_max);
	CU_ASSERT_TRUE(p.disk_read_bytes >= 0 && p.disk_written_bytes >= 0);
	int64_t thread_ns = sys_thread_cpu_ns();
	sys_process(&p);
	CU_ASSERT_TRUE(thread_ns > 0 && thread_ns <= p.cpu_ns);
	sys_random(a, sizeof a);
	sys_random(b, sizeof b);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
	CU_ASSERT_NOT_EQUAL(sys_thread_self(), 0);
}

/* ---- log ---- */

static void levels_are_inherited(void)
{
	CU_ASSERT_TRUE(log_enabled(LOG_INFO, "kafka.server.KafkaServer"));
	CU_ASSERT_FALSE(log_enabled(LOG_DEBUG, "kafka.server.KafkaServer"));
	sys_log_set_level("kafka", LOG_WARN);
	sys_log_set_level("kafka.server", LOG_DEBUG);
	sys_log_set_level("state.change.logger", LOG_TRACE);
	CU_ASSERT_TRUE(log_enabled(LOG_DEBUG, "kafka.server.KafkaServer"));
	CU_ASSERT_TRUE(log_enabled(LOG_DEBUG, "kafka.server"));
	CU_ASSERT_FALSE(log_enabled(LOG_INFO, "kafka.serverless"));
	CU_ASSERT_FALSE(log_enabled(LOG_INFO, "kafka.log.LogManager"));
	CU_ASSERT_TRUE(log_enabled(LOG_TRACE, "state.change.logger"));
	CU_ASSERT_FALSE(log_enabled(LOG_DEBUG, "org.apache"));
	sys_log_set_level("kafka.server", LOG_LEVELS);
	CU_ASSERT_FALSE(log_enabled(LOG_FATAL, "kafka.server.KafkaServer"));
	CU_ASSERT_EQUAL(sys_log_level("kafka.server.KafkaServer"), LOG_LEVELS);
	sys_log_set_level("kafka.server", SYS_LOG_INHERIT);
	CU_ASSERT_EQUAL(sys_log_level("kafka.server.KafkaServer"), LOG_WARN);
	sys_log_set_level("kafka", SYS_LOG_INHERIT);
	CU_ASSERT_EQUAL(sys_log_level("kafka.server.KafkaServer"), LOG_INFO);
	sys_log_set_level(NULL, LOG_ERROR);
	CU_ASSERT_EQUAL(sys_log_level("kafka.server"), LOG_ERROR);
	CU_ASSERT_EQUAL(sys_log_level(NULL), LOG_ERROR);
	CU_ASSERT_FALSE(log_enabled(LOG_WARN, "org.apache"));
	sys_log_set_level(NULL, LOG_INFO);
}

static void a_line_has_kafkas_layout(void)
{
	char line[512] = { 0 }, message[64];
	int ends[2], year, month, day, hour, minute, second, ms;
	int rc = pipe(ends);
	must(rc == 0);
	sys_log_to(ends[1]);
	log_warn("kafka.server.KafkaServer", "%s (%d)", "started", 7);
	sys_log_to(-1);
	CU_ASSERT_TRUE(read(ends[0], line, sizeof line - 1) > 0);
	CU_ASSERT_EQUAL(sscanf(line, "[%4d-%2d-%2d %2d:%2d:%2d,%3d] WARN %31[^\n]", &year, &month, &day,
			       &hour, &minute, &second, &ms, message), 8);
	CU_ASSERT_STRING_EQUAL(message, "started (7) (kafka.server.Kafka");
	CU_ASSERT_STRING_EQUAL(line + strlen(line) - 27, "(kafka.server.KafkaServer)\n");
	close(ends[0]);
	close(ends[1]);
}

static const struct ut_case cases[] = {
	UT(write_read_truncate),
	UT(many_links_in_one_write),
	UT(a_full_disk_is_an_error),
	UT(directories),
	UT(a_lock_is_held_once),
	UT(bytes_go_and_the_end_is_seen),
	UT(a_file_goes_out_and_a_gone_peer_is_no_signal),
	UT(a_refused_connection),
	UT(every_address),
	UT(no_descriptor_left),
	UT(a_wake_before_the_wait_ends_it),
	UT(cpus_and_names),
	UT(levels_are_inherited),
	UT(a_line_has_kafkas_layout),
};

static int remove_entry(void *arg, const char *name, bool is_dir)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
	if (!is_dir)
		return sys_unlink(path);
	int rc = sys_list_dir(path, remove_entry, path);
	return rc < 0 ? rc : sys_rmdir(path);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/ut_sys.XXXXXX", tmp ? tmp : "/tmp");
	const char *made = mkdtemp(dir);
	must(made != NULL);
	int failed = ut_run("sys", cases, countof(cases));
	int rc = sys_list_dir(dir, remove_entry, dir);
	must(rc == 0);
	rc = sys_rmdir(dir);
	must(rc == 0);
	return failed;
}
