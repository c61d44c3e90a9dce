/* sys_linux.c - the seam to the kernel: time, randomness, signals, the process. See also sys_linux_net.c
 * (sockets, poller), sys_linux_file.c (disk), sys_linux_thread.c (threads, helpers, stacks) and
 * sys_linux_log.c. */
#include "config.h"

#include "broker/reactor/sys.h"

#include "broker/base/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct timespec clock_read(clockid_t clock)
{
	struct timespec t;
	int rc = clock_gettime(clock, &t);
	must(rc == 0);
	return t;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t = clock_read(clock);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sys_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t sys_wall_ms(void)
{
	struct timespec t = clock_read(CLOCK_REALTIME);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sys_random(void *bytes, size_t n)
{
	uint8_t *p = bytes;
	while (n > 0) {
		ssize_t k = getrandom(p, n, 0);
		must(k > 0 || (k < 0 && errno == EINTR));
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
}

int sys_signals_open(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	int rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (rc != 0)
		return -rc;
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sys_signals_next(int fd)
{
	struct signalfd_siginfo info;
	return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void sys_exit(int status)
{
	fflush(NULL);
	_exit(status);
}

/* The start of a small file of the kernel's, zero-terminated; its length, or -errno. */
static ssize_t read_small(const char *path, char *out, size_t n)
{
	must(n > 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t k = read(fd, out, n - 1);
	int why = errno;
	close(fd);
	if (k < 0)
		return -why;
	out[k] = 0;
	return k;
}

int64_t sys_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t count_fds(void)
{
	int64_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n - 1; /* the directory's own */
}

/* LinuxIoMetricsCollector of 3.9 reads the same. */
static void read_disk_bytes(struct sys_process *out)
{
	char text[512];
	long long read_bytes, written_bytes;
	out->disk_read_bytes = out->disk_written_bytes = -1;
	if (read_small("/proc/self/io", text, sizeof text) <= 0)
		return;
	const char *read_at = strstr(text, "\nread_bytes:"), *written_at = strstr(text, "\nwrite_bytes:");
	if (read_at && written_at && sscanf(read_at, " read_bytes: %lld", &read_bytes) == 1 &&
	    sscanf(written_at, " write_bytes: %lld", &written_bytes) == 1) {
		out->disk_read_bytes = read_bytes;
		out->disk_written_bytes = written_bytes;
	}
}

void sys_process(struct sys_process *out)
{
	char text[128];
	long long total, resident;
	struct rlimit limit;
	*out = (struct sys_process){ .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), .fds = count_fds() };
	if (read_small("/proc/self/statm", text, sizeof text) > 0 &&
	    sscanf(text, "%lld %lld", &total, &resident) == 2) {
		out->resident_bytes = (int64_t)resident * sysconf(_SC_PAGESIZE);
		out->virtual_bytes = (int64_t)total * sysconf(_SC_PAGESIZE);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		out->fds_max = (int64_t)limit.rlim_cur;
	read_disk_bytes(out);
}

void sys_raise_fds(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* where it is refused, the old limit goes on */
}

/* The name that others may reach this machine by: what the resolver calls it, or else what it calls
 * itself. */
const char *sys_env(const char *name)
{
	return getenv(name); /* nobody here changes the environment */
}

int sys_hostname(char *out, size_t n)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM }, *found;
	if (gethostname(out, n) < 0)
		return -errno;
	out[n - 1] = 0;
	if (getaddrinfo(out, NULL, &hints, &found) != 0)
		return 0;
	if (found->ai_canonname && strlen(found->ai_canonname) < n)
		snprintf(out, n, "%s", found->ai_canonname);
	freeaddrinfo(found);
	return 0;
}

void sys_boot_id(char out[64])
{
	if (read_small("/proc/sys/kernel/random/boot_id", out, 64) < 0)
		out[0] = 0;
	out[strcspn(out, "\n")] = 0;
}
