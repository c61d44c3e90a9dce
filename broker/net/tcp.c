/* tcp.c - the bottom layer: a socket. Memory leaves gathered in one call, long ranges of files by
 * sendfile. */
#include "broker/base/must.h"
#include "broker/net/filter_priv.h"
#include "broker/net/lane_priv.h"
#include "broker/net/traffic_priv.h"
#include "broker/net/range_priv.h"

#include <errno.h>

enum {
	TCP_MAGIC = 0x7c9a4411,
	TCP_IOVS_MAX = 64,
	/* Shorter ranges are read to memory and leave with their header in one call; sendfile costs more
	 * there. */
	TCP_SENDFILE_MIN_BYTES = 32 * 1024,
	TCP_UNREAD_BYTES = 4096,
	TCP_UNREAD_TIMES = 64,
	/* of one call: also the window whose residency is asked at once */
	TCP_SENDFILE_MAX_BYTES = 1024 * 1024,
};

struct tcp {
	unsigned magic;
	struct filter filter;
	struct traffic *traffic; /* of its listener; NULL: outbound */
	int fd;
	bool connecting;
	struct range range;
};

static struct tcp *tcp_of(struct filter *f)
{
	struct tcp *t = container_of(f, struct tcp, filter);
	CHECK_OBJ(t, TCP_MAGIC);
	return t;
}

static int tcp_start(struct filter *f)
{
	struct tcp *t = tcp_of(f);
	if (!t->connecting)
		return 0;
	/* First called before the poller has been asked. */
	if (f->needs == 0) {
		f->needs = SYS_WRITABLE;
		return -EAGAIN;
	}
	int rc = sys_connected(t->fd);
	t->connecting = false;
	return rc;
}

static void count(struct tcp *t, enum traffic_counter which, ssize_t bytes)
{
	if (t->traffic)
		traffic_add(t->traffic, which, (uint64_t)bytes);
}

static ssize_t tcp_read(struct filter *f, void *p, size_t n)
{
	struct tcp *t = tcp_of(f);
	must(n > 0 && !t->connecting);
	ssize_t k = sys_recv(t->fd, p, n);
	f->drained = k < (ssize_t)n;
	if (k > 0)
		count(t, TRAFFIC_BYTES_IN, k);
	return k;
}

static bool is_long_range(const struct link *l)
{
	return l->kind == LINK_FILE && l->n >= TCP_SENDFILE_MIN_BYTES;
}

/* Memory up to the next long range; *more when there is one. Short ranges become memory where the cache has
 * them. */
static int gather(struct tcp *t, struct chain *out, struct iovec *iov, size_t *bytes, bool *more)
{
	int n = 0;
	*bytes = 0;
	for (struct link **at = &out->first; *at && n < TCP_IOVS_MAX; at = &(*at)->next) {
		if (is_long_range(*at)) {
			*more = true;
			break;
		}
		if ((*at)->kind == LINK_FILE) {
			int rc = range_load(&t->range, out, at, TCP_SENDFILE_MIN_BYTES);
			if (rc < 0 && n == 0)
				return rc;
			if (rc < 0)
				break; /* first send what is before it */
		}
		iov[n++] = (struct iovec){ (void *)(uintptr_t)(*at)->p, (*at)->n };
		*bytes += (*at)->n;
	}
	return n;
}

/* How many bytes left; *short_ when the socket takes no more now. */
static ssize_t send_memory(struct tcp *t, struct chain *out, bool *full)
{
	struct iovec iov[TCP_IOVS_MAX];
	size_t bytes;
	bool more = false;
	int n = gather(t, out, iov, &bytes, &more);
	if (n < 0)
		return n;
	ssize_t k = sys_sendv(t->fd, iov, n, more);
	*full = k < (ssize_t)bytes;
	return k;
}

static ssize_t send_range(struct tcp *t, struct chain *out, bool *full)
{
	size_t n = min_of(out->first->n, (uint64_t)TCP_SENDFILE_MAX_BYTES);
	int rc = range_probe(&t->range, out, n);
	if (rc < 0)
		return rc;
	struct link *l = out->first;
	if (l->kind == LINK_MEM)
		return send_memory(t, out, full);
	ssize_t k = sys_sendfile(t->fd, l->fd, l->offset, n);
	*full = k < (ssize_t)n;
	return k == 0 ? -EIO : k; /* the file is shorter than was promised to the peer */
}

static int tcp_write(struct filter *f, struct chain *out)
{
	struct tcp *t = tcp_of(f);
	while (out->first) {
		bool full = false;
		ssize_t k = is_long_range(out->first) ? send_range(t, out, &full)
			: send_memory(t, out, &full);
		if (k < 0)
			return (int)k;
		chain_consume(out, (uint64_t)k);
		count(t, TRAFFIC_BYTES_OUT, k);
		if (full)
			return -EAGAIN;
	}
	return 0;
}

static bool tcp_holds(const struct filter *f)
{
	(void)f;
	return false;
}

/* A close with bytes unread would make the kernel send a reset, which may overtake the last answers. */
static void tcp_bye(struct filter *f)
{
	struct tcp *t = tcp_of(f);
	uint8_t unread[TCP_UNREAD_BYTES];
	for (int i = 0; i < TCP_UNREAD_TIMES && sys_recv(t->fd, unread, sizeof unread) > 0; i++)
		;
}

static void tcp_free(struct filter *f)
{
	struct tcp *t = tcp_of(f);
	range_fini(&t->range);
	sys_close(t->fd);
	FREE_OBJ(t);
}

static const struct filter_ops tcp_ops = {
	.name = "tcp",
	.start = tcp_start,
	.read = tcp_read,
	.write = tcp_write,
	.holds = tcp_holds,
	.bye = tcp_bye,
	.free = tcp_free,
};

struct filter *filter_tcp_new(struct lane *lane, struct traffic *traffic, int fd, bool connecting)
{
	struct tcp *t;
	ALLOC_OBJ(t, TCP_MAGIC);
	must(fd >= 0);
	t->filter.ops = &tcp_ops;
	t->traffic = traffic;
	t->fd = fd;
	t->connecting = connecting;
	range_init(&t->range, lane, &t->filter);
	return &t->filter;
}
