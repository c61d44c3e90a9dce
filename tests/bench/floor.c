/* floor.c - what the kernel and the CPU allow: a server that does only what a request demands.
 *
 *	floor PORT TLS-PORT KEY-AND-CERTIFICATE FOLDER
 *
 * It is no broker: it serves the frames of load.c, one connection after another. What it does for a produce
 * request: learn that bytes came, bring them to memory, verify the CRC-32C of the batch and walk its
 * records as Kafka does, write the base offset into it, append it to a file, answer. For a fetch: learn
 * that a request came, read it, send a header and the range of the file by sendfile; over TLS read the
 * range and encrypt it. Left out is all that makes a broker: decoding, authorizing, indexes, producer
 * state, many connections, many cores.
 *
 * System calls of one turn: epoll_wait; recv of what is there (of a frame of 64 KiB and more: of the rest
 * of it); one pwritev of every whole batch and one send of their answers; or send (MSG_MORE) and sendfile
 * until all is sent. Over TLS the socket blocks, which stands for epoll_wait.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

enum {
	ARENA = 2 * MIB,
	GREEDY_BELOW = 64 * KIB, /* frames shorter than this are received many at once */
	GREEDY = 256 * KIB,
	BATCHES_MAX = 512,
	ANSWERS_MAX = 64 * KIB,
	TOPIC_MAX = 64,
	TLS_RANGE = 256 * KIB, /* of a file, read and encrypted at once */
	/* In a request of load.c: the API; the end of the client id; what is between that and the topic. */
	AT_API = 4,
	AT_CLIENT_END = 18,
	PRODUCE_BEFORE_TOPIC = 2 + 2 + 4 + 4,
	FETCH_BEFORE_TOPIC = 4 + 4 + 4 + 4 + 1 + 4 + 4 + 4,
};

struct peer {
	int fd, epoll, file;
	SSL *ssl;
	char *folder, *arena, topic[TOPIC_MAX];
	size_t have;
	bool drained;           /* the last recv gave less than there was room for */
	off_t end;              /* of the file */
	int64_t next;           /* offset */
	uint32_t batch_records; /* of each batch in a file that is fetched; they are alike */
	size_t batch_size;
};

/* A frame in the arena. */
struct frame {
	const char *p;
	size_t n;
};

static void wait_for(const struct peer *c, uint32_t what)
{
	struct epoll_event e = { .events = 0 };
	while (!(e.events & what))
		MUST(epoll_wait(c->epoll, &e, 1, -1) == 1);
}

/* ---- the file ---- */

static void open_file(struct peer *c, const char *topic, size_t n, bool produce)
{
	char path[PATH_MAX];
	MUST(n < sizeof c->topic);
	memcpy(c->topic, topic, n);
	snprintf(path, sizeof path, "%s/%s", c->folder, c->topic);
	c->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (produce ? O_TRUNC : 0), 0600);
	MUST(c->file >= 0);
	if (produce)
		return;
	char head[BATCH_RECORDS];
	MUST(pread(c->file, head, sizeof head, 0) == sizeof head);
	c->end = lseek(c->file, 0, SEEK_END);
	c->batch_records = get32(head + BATCH_COUNT);
	c->batch_size = batch_bytes(head);
	c->next = c->end / (off_t)c->batch_size * c->batch_records;
}

/* ---- produce ---- */

static char *batch_of(struct peer *c, const struct frame *f, size_t *size)
{
	const char *topic = f->p + AT_CLIENT_END + PRODUCE_BEFORE_TOPIC;
	size_t name = (size_t)topic[0] << 8 | (uint8_t)topic[1];
	if (c->file < 0)
		open_file(c, topic + 2, name, true);
	const char *batch = topic + 2 + name + 4 + 4 + 4;
	*size = batch_bytes(batch);
	MUST(batch + *size == f->p + f->n);
	MUST(batch_crc(batch, *size) == get32(batch + BATCH_CRC) && batch_records_ok(batch, *size));
	return (char *)(uintptr_t)batch;
}

static char *put_produce_answer(const struct peer *c, char *p, int64_t offset)
{
	char *start = p;
	p = put32(put32(put32(p, 0), 7), 1);
	p = put32(put32(put_string(p, c->topic), 1), 0);
	p = put64(put64(put64(put16(p, 0), offset), -1), 0);
	p = put32(put16(put32(p, 0), -1), 0); /* no errors of records, no message, no throttling */
	put32(start, p - start - 4);
	return p;
}

/* Appends the frames; the size of the answers. */
static size_t produce(struct peer *c, const struct frame *frames, int n, char *answers)
{
	struct iovec iov[BATCHES_MAX];
	ssize_t bytes = 0;
	char *to = answers;
	for (int i = 0; i < n; i++) {
		size_t size;
		char *batch = batch_of(c, &frames[i], &size);
		put64(batch, c->next);
		to = put_produce_answer(c, to, c->next);
		c->next += get32(batch + BATCH_COUNT);
		iov[i] = (struct iovec){ batch, size };
		bytes += (ssize_t)size;
	}
	MUST(pwritev(c->file, iov, n, c->end) == bytes);
	c->end += bytes;
	return (size_t)(to - answers);
}

/* ---- fetch ---- */

static void send_range(struct peer *c, off_t at, size_t n)
{
	static char range[TLS_RANGE];
	while (n) {
		ssize_t k;
		if (c->ssl) {
			k = pread(c->file, range, n < sizeof range ? n : sizeof range, at);
			MUST(k > 0);
			tls_send_all(c->ssl, range, (size_t)k);
			at += k;
		} else {
			k = sendfile(c->fd, c->file, &at, n);
			if (k < 0 && errno == EAGAIN) {
				wait_for(c, EPOLLOUT);
				continue;
			}
			MUST(k > 0);
		}
		n -= (size_t)k;
	}
}

static void fetch(struct peer *c, const struct frame *f)
{
	char head[256], *p = head;
	const char *topic = f->p + AT_CLIENT_END + FETCH_BEFORE_TOPIC;
	size_t name = (size_t)topic[0] << 8 | (uint8_t)topic[1];
	if (c->file < 0)
		open_file(c, topic + 2, name, false);
	const char *offset = topic + 2 + name + 4 + 4 + 4;
	off_t at = (off_t)(get64(offset) / c->batch_records) * (off_t)c->batch_size;
	size_t max = get32(offset + 8 + 8), n = (size_t)(c->end - at) < max ? (size_t)(c->end - at) : max;
	p = put32(put16(put32(put32(put32(p, 0), 7), 0), 0), 0);
	p = put32(put32(put_string(put32(p, 1), c->topic), 1), 0);
	p = put64(put64(put64(put16(p, 0), c->next), c->next), 0);
	p = put32(put32(put32(p, -1), -1), (int64_t)n);
	put32(head, p - head - 4 + (ssize_t)n);
	if (c->ssl)
		MUST(SSL_write(c->ssl, head, (int)(p - head)) > 0);
	else
		MUST(send(c->fd, head, (size_t)(p - head), MSG_NOSIGNAL | MSG_MORE) == p - head);
	send_range(c, at, n);
}

/* ---- a connection ---- */

/* How many bytes to ask for: of a large frame the rest, else what is there. */
static size_t wanted(const struct peer *c)
{
	if (c->have < 4)
		return GREEDY - c->have;
	size_t frame = 4 + get32(c->arena);
	return frame >= GREEDY_BELOW ? frame - c->have : GREEDY - c->have;
}

/* False when the client has gone. */
static bool receive(struct peer *c)
{
	size_t n = wanted(c);
	ssize_t k;
	if (c->drained)
		wait_for(c, EPOLLIN);
	if (c->ssl)
		k = SSL_read(c->ssl, c->arena + c->have, (int)n);
	else
		k = recv(c->fd, c->arena + c->have, n, 0);
	bool nothing_yet = k < 0 && !c->ssl && errno == EAGAIN;
	c->drained = !c->ssl && k < (ssize_t)n;
	c->have += k > 0 ? (size_t)k : 0;
	return k > 0 || nothing_yet;
}

static int cut(const struct peer *c, struct frame *frames, size_t *used)
{
	int n = 0;
	*used = 0;
	while (n < BATCHES_MAX && c->have - *used >= 4 && c->have - *used >= 4 + get32(c->arena + *used)) {
		frames[n] = (struct frame){ c->arena + *used, 4 + get32(c->arena + *used) };
		*used += frames[n++].n;
	}
	return n;
}

static void answer(struct peer *c, const struct frame *frames, int n)
{
	static char answers[ANSWERS_MAX];
	if (frames[0].p[AT_API + 1] == API_FETCH) {
		fetch(c, &frames[0]); /* load.c has one in flight */
		return;
	}
	size_t size = produce(c, frames, n, answers);
	if (c->ssl)
		tls_send_all(c->ssl, answers, size);
	else
		send_all(c->fd, answers, size);
}

static void serve(struct peer *c)
{
	struct frame frames[BATCHES_MAX];
	size_t used;
	while (receive(c)) {
		int n = cut(c, frames, &used);
		if (n == 0)
			continue;
		answer(c, frames, n);
		c->have -= used;
		memmove(c->arena, c->arena + used, c->have);
	}
}

static void admit(int listener, SSL_CTX *tls, char *folder, char *arena)
{
	struct peer c = { .folder = folder, .arena = arena, .file = -1 };
	c.fd = no_delay(accept4(listener, NULL, NULL, tls ? 0 : SOCK_NONBLOCK));
	/* Edge-triggered for both directions, so that waiting for room costs no epoll_ctl. */
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	c.epoll = epoll_create1(0);
	MUST(epoll_ctl(c.epoll, EPOLL_CTL_ADD, c.fd, &e) == 0);
	if (tls) {
		c.ssl = tls_over(tls, c.fd);
		MUST(SSL_accept(c.ssl) == 1 && BIO_flush(SSL_get_wbio(c.ssl)) == 1);
	}
	serve(&c);
	SSL_free(c.ssl);
	close(c.epoll);
	close(c.fd);
	if (c.file >= 0)
		close(c.file);
}

static int listen_at(int port, int epoll)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	MUST(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0);
	MUST(bind(fd, (void *)&at, sizeof at) == 0 && listen(fd, 16) == 0);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: floor PORT TLS-PORT KEY-AND-CERTIFICATE FOLDER\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX *tls = tls_context(TLS_server_method());
	MUST(SSL_CTX_use_certificate_chain_file(tls, argv[3]) == 1);
	MUST(SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) == 1);
	int epoll = epoll_create1(0);
	int plain = listen_at(atoi(argv[1]), epoll), sealed = listen_at(atoi(argv[2]), epoll);
	char *arena = buffer(ARENA);
	for (;;) {
		struct epoll_event e;
		MUST(epoll_wait(epoll, &e, 1, -1) == 1);
		admit(e.data.fd, e.data.fd == sealed ? tls : NULL, argv[4], arena);
		MUST(plain != sealed);
	}
}
