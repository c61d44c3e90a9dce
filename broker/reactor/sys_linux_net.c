/* sys_linux_net.c - the seam to the kernel: sockets and the poller. */
#include "config.h"

#include "broker/reactor/sys.h"

#include "broker/base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	POLLER_MAGIC = 0x5f1d20c7,
	SEND_IOVS_MAX = 1024,           /* the kernel's UIO_MAXIOV */
	SENDFILE_BYTES_MAX = 1 << 30,   /* of one call; keeps the count far from the kernel's 2 GiB */
	WAIT_EVENTS_MAX = 512,          /* of one sys_poller_wait() */
};

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct sockaddr_storage room;
};

/* ---- addresses ---- */

/* An IPv4 peer of a dual-stack socket is shown, and kept, as what it is. */
static void addr_out(const union any_addr *from, struct sys_addr *to)
{
	*to = (struct sys_addr){ .len = 0 };
	if (from->sa.sa_family == AF_INET) {
		to->len = 4;
		to->port = ntohs(from->in4.sin_port);
		memcpy(to->raw, &from->in4.sin_addr, 4);
	} else if (from->sa.sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&from->in6.sin6_addr);
		to->len = mapped ? 4 : 16;
		to->port = ntohs(from->in6.sin6_port);
		memcpy(to->raw, from->in6.sin6_addr.s6_addr + (mapped ? 12 : 0), to->len);
	} else {
		return;
	}
	inet_ntop(to->len == 4 ? AF_INET : AF_INET6, to->raw, to->text, sizeof to->text);
}

static socklen_t addr_in(const struct sys_addr *from, union any_addr *to)
{
	memset(to, 0, sizeof *to);
	must(from->len == 4 || from->len == 16);
	if (from->len == 4) {
		to->in4.sin_family = AF_INET;
		to->in4.sin_port = htons(from->port);
		memcpy(&to->in4.sin_addr, from->raw, 4);
		return sizeof to->in4;
	}
	to->in6.sin6_family = AF_INET6;
	to->in6.sin6_port = htons(from->port);
	memcpy(&to->in6.sin6_addr, from->raw, 16);
	return sizeof to->in6;
}

static int resolver_errno(int rc)
{
	switch (rc) {
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	case EAI_AGAIN:
		return -EBUSY; /* the name server did not answer; -EAGAIN has its own meaning here */
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -ENOENT;
	}
}

static int lookup(const char *host, uint16_t port, int flags, struct addrinfo **found)
{
	struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	char service[8];
	snprintf(service, sizeof service, "%u", port);
	int rc = getaddrinfo(host, service, &hints, found);
	return rc == 0 ? 0 : resolver_errno(rc);
}

int sys_resolve(const char *host, uint16_t port, struct sys_addr *out, int max)
{
	struct addrinfo *found;
	int n = 0, rc = lookup(host, port, AI_ADDRCONFIG, &found);
	if (rc < 0) /* a machine with only loopback has no configured address, yet may talk to itself */
		rc = lookup(host, port, 0, &found);
	if (rc < 0)
		return rc;
	for (struct addrinfo *a = found; a && n < max; a = a->ai_next) {
		union any_addr any = { .sa = { 0 } };
		memcpy(&any, a->ai_addr, a->ai_addrlen);
		addr_out(&any, &out[n]);
		n += out[n].len != 0;
	}
	freeaddrinfo(found);
	return n;
}

/* ---- listening ---- */

static void set_flag(int fd, int level, int option, int value)
{
	/* These are wishes: where the kernel has not the option the socket still works. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

static int bound_socket(const struct addrinfo *a, bool share)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (share)
		set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (a->ai_family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	int why = errno;
	close(fd);
	return -why;
}

/* A socket bound to `host`, where "" is every address of both families or, without IPv6, every one of
 * IPv4. */
static int bind_host(const char *host, uint16_t port, bool share)
{
	bool any = host == NULL || host[0] == 0;
	struct addrinfo *found;
	int rc = lookup(any ? "::" : host, port, AI_PASSIVE, &found);
	if (rc == 0) {
		rc = bound_socket(found, share);
		freeaddrinfo(found);
	}
	if (rc >= 0 || !any || rc == -EADDRINUSE || rc == -EACCES)
		return rc;
	return bind_host("0.0.0.0", port, share);
}

int sys_listen(const char *host, uint16_t port, int backlog, struct sys_addr *bound)
{
	union any_addr any;
	socklen_t len = sizeof any;
	int fd = bind_host(host, port, true);
	if (fd < 0)
		return fd;
	if (listen(fd, backlog) == 0 && getsockname(fd, &any.sa, &len) == 0) {
		addr_out(&any, bound);
		return fd;
	}
	int why = errno;
	close(fd);
	return -why;
}

int sys_port_taken(const char *host, uint16_t port)
{
	int fd = bind_host(host, port, false);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* One descriptor held back, so that a connection can be taken and closed when no other is left. -1 while in
 * use. */
static atomic_int reserve_fd = -1;

static void reserve_refill(void)
{
	if (atomic_load_explicit(&reserve_fd, memory_order_relaxed) >= 0)
		return;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1;
	if (fd >= 0 && !atomic_compare_exchange_strong(&reserve_fd, &none, fd))
		close(fd);
}

/* False when nobody was waiting: the kernel looks for a descriptor before it looks for a connection. */
static bool turn_away(int listener)
{
	int spare = atomic_exchange(&reserve_fd, -1);
	if (spare >= 0)
		close(spare);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	bool nobody = fd < 0 && errno == EAGAIN;
	if (fd >= 0)
		close(fd);
	reserve_refill();
	return !nobody;
}

int sys_accept(int listener, struct sys_addr *peer)
{
	union any_addr any;
	socklen_t len = sizeof any;
	int fd;
	reserve_refill();
	do
		fd = accept4(listener, &any.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
	if (fd >= 0) {
		set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		addr_out(&any, peer);
		return fd;
	}
	int why = errno;
	if ((why == EMFILE || why == ENFILE) && !turn_away(listener))
		return -EAGAIN;
	return -why;
}

/* ---- connecting ---- */

int sys_connect(const struct sys_addr *to)
{
	union any_addr any;
	socklen_t len = addr_in(to, &any);
	int fd = socket(any.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, &any.sa, len) == 0 || errno == EINPROGRESS)
		return fd;
	int why = errno;
	close(fd);
	return -why;
}

int sys_connected(int fd)
{
	int why = 0;
	socklen_t len = sizeof why;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		return -errno;
	return -why;
}

void sys_socket_buffers(int fd, int send_bytes, int receive_bytes)
{
	if (send_bytes >= 0)
		set_flag(fd, SOL_SOCKET, SO_SNDBUF, send_bytes);
	if (receive_bytes >= 0)
		set_flag(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes);
}

/* ---- bytes ---- */

ssize_t sys_recv(int fd, void *p, size_t n)
{
	ssize_t k;
	do
		k = recv(fd, p, n, 0);
	while (k < 0 && errno == EINTR);
	return k < 0 ? -errno : k;
}

ssize_t sys_sendv(int fd, const struct iovec *iov, int n, bool more)
{
	bool cut = n > SEND_IOVS_MAX;
	struct msghdr m = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = cut ? SEND_IOVS_MAX : (size_t)n,
	};
	ssize_t k;
	must(n >= 0);
	do
		k = sendmsg(fd, &m, MSG_NOSIGNAL | (more || cut ? MSG_MORE : 0));
	while (k < 0 && errno == EINTR);
	return k < 0 ? -errno : k;
}

ssize_t sys_sendfile(int socket, int file, int64_t offset, size_t n)
{
	ssize_t k;
	off_t at = offset;
	do
		k = sendfile(socket, file, &at, min_of(n, (size_t)SENDFILE_BYTES_MAX));
	while (k < 0 && errno == EINTR);
	return k < 0 ? -errno : k;
}

/* sendfile() has no MSG_NOSIGNAL: no program that links the seam wants to die of a peer that went away. */
__attribute__((constructor)) static void ignore_sigpipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

void sys_shutdown_write(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}

void sys_close(int fd)
{
	must(fd >= 0);
	int rc = close(fd);
	must(rc == 0 || errno != EBADF);
}

/* ---- poller ---- */

struct sys_poller {
	unsigned magic;
	int epoll;
	int wake;
};

struct sys_poller *sys_poller_new(void)
{
	struct sys_poller *p;
	ALLOC_OBJ(p, POLLER_MAGIC);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(p->epoll >= 0 && p->wake >= 0);
	/* Edge-triggered, each write is one event and nobody has to read the counter down. */
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.ptr = p };
	int rc = epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &e);
	must(rc == 0);
	return p;
}

void sys_poller_free(struct sys_poller *p)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	close(p->epoll);
	close(p->wake);
	FREE_OBJ(p);
}

int sys_poller_set(struct sys_poller *p, int fd, uint32_t events, void *cookie)
{
	struct epoll_event e = { .data.ptr = cookie };
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	if (events & SYS_READABLE)
		e.events |= EPOLLIN;
	if (events & SYS_WRITABLE)
		e.events |= EPOLLOUT;
	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e) == 0)
		return 0;
	if (errno == ENOENT && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return 0;
	return -errno;
}

void sys_poller_remove(struct sys_poller *p, int fd)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static uint32_t events_out(uint32_t e)
{
	uint32_t events = 0;
	if (e & EPOLLIN)
		events |= SYS_READABLE;
	if (e & EPOLLOUT)
		events |= SYS_WRITABLE;
	if (e & (EPOLLHUP | EPOLLERR))
		events |= SYS_HANGUP;
	return events;
}

static int timeout_ms(int64_t ns)
{
	enum { MS = 1000000, LONGEST_MS = 1000 * 3600 };
	if (ns < 0)
		return -1;
	return (int)(ns < (int64_t)LONGEST_MS * MS ? (ns + MS - 1) / MS : LONGEST_MS);
}

int sys_poller_wait(struct sys_poller *p, struct sys_ready *ready, int max, int64_t timeout_ns)
{
	struct epoll_event found[WAIT_EVENTS_MAX];
	int n, out = 0;
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	must(max > 0);
	n = epoll_wait(p->epoll, found, min_of(max, (int)WAIT_EVENTS_MAX), timeout_ms(timeout_ns));
	must(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++)
		if (found[i].data.ptr != p)
			ready[out++] = (struct sys_ready){ found[i].data.ptr, events_out(found[i].events) };
	return out;
}

void sys_poller_wake(struct sys_poller *p)
{
	const uint64_t one = 1;
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	ssize_t k = write(p->wake, &one, sizeof one);
	/* A full counter is a wake that has not been seen yet. */
	must(k == (ssize_t)sizeof one || errno == EAGAIN);
}
