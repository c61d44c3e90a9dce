/* load.c - the benchmark's client: one connection, few instructions, the same for every broker.
 *
 *	load fill    port= topic= batch= record= bytes=              a topic's worth of records
 *	load produce port= topic= batch= record= in_flight= ms= pid=
 *	load fetch   port= topic= max= ms= pid=                      one fetch in flight, round and round
 *	load ack     port= topic= batch= record=                     tries until one record is acknowledged
 *
 * cert=FILE speaks TLS 1.3 (AES-128-GCM) to whom that CA signed. A batch is built once; a request is
 * written as often as answers allow, all that may leave in one call. Prints "requests bytes wall_s cpu_s",
 * the last being the CPU time of all threads of process `pid` by the scheduler's own account; ack prints
 * the monotonic time of the answer.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <dirent.h>
#include <limits.h>
#include <time.h>

enum {
	PRODUCE_VERSION = 8,  /* the last ones before compact encodings */
	FETCH_VERSION = 11,
	ACK_TIMEOUT_MS = 30000,
	FETCH_WAIT_MS = 500,
	CLIENT_BUFFER = 64 * KIB,
	TOPIC_MAX = 64,
	REQUEST_ROOM = 256,
	WARM_UP_MS = 200,
	RETRY_US = 1000,
	RECORD_HEAD_MAX = 40,
};

struct job {
	int port, in_flight, pid, ms;
	size_t batch, record, max, bytes;
	char topic[TOPIC_MAX], cert[4096];
};

struct wire {
	int fd;
	SSL *ssl;
};

/* ---- words ---- */

static void job_word(struct job *j, const char *word)
{
	const char *value = strchr(word, '=');
	MUST(value != NULL);
	size_t name = (size_t)(value++ - word);
	long long number = atoll(value);
#define IS(what) (name == strlen(what) && strncmp(word, what, name) == 0)
	if (IS("port"))
		j->port = (int)number;
	else if (IS("in_flight"))
		j->in_flight = (int)number;
	else if (IS("pid"))
		j->pid = (int)number;
	else if (IS("ms"))
		j->ms = (int)number;
	else if (IS("batch"))
		j->batch = (size_t)number;
	else if (IS("record"))
		j->record = (size_t)number;
	else if (IS("max"))
		j->max = (size_t)number;
	else if (IS("bytes"))
		j->bytes = (size_t)number;
	else if (IS("topic"))
		snprintf(j->topic, sizeof j->topic, "%s", value);
	else if (IS("cert"))
		snprintf(j->cert, sizeof j->cert, "%s", value);
	else
		MUST(!"a word that load knows");
#undef IS
}

/* ---- the connection ---- */

static SSL *tls_to(int fd, const char *ca)
{
	SSL_CTX *ctx = tls_context(TLS_client_method());
	MUST(SSL_CTX_load_verify_locations(ctx, ca, NULL) == 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL *ssl = tls_over(ctx, fd);
	MUST(SSL_connect(ssl) == 1);
	return ssl;
}

static bool wire_open(struct wire *w, const struct job *j)
{
	struct sockaddr_in at = loopback(j->port);
	*w = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
	MUST(w->fd >= 0);
	if (connect(w->fd, (const void *)&at, sizeof at) != 0) {
		close(w->fd);
		return false;
	}
	no_delay(w->fd);
	w->ssl = j->cert[0] ? tls_to(w->fd, j->cert) : NULL;
	return true;
}

static void wire_send(struct wire *w, const char *p, size_t n)
{
	if (w->ssl)
		tls_send_all(w->ssl, p, n);
	else
		send_all(w->fd, p, n);
}

/* 0 when the broker hung up. */
static size_t wire_recv(struct wire *w, char *p, size_t n)
{
	ssize_t k = w->ssl ? SSL_read(w->ssl, p, (int)n) : recv(w->fd, p, n, 0);
	return k > 0 ? (size_t)k : 0;
}

static void wire_recv_all(struct wire *w, char *p, size_t n)
{
	for (size_t k; n; p += k, n -= k)
		MUST((k = wire_recv(w, p, n)) > 0);
}

/* ---- frames ---- */

static void must_be_no_error(const char *code)
{
	if (code[0] == 0 && code[1] == 0)
		return;
	fprintf(stderr, "load: the broker answers with error %d\n", code[0] << 8 | (unsigned char)code[1]);
	exit(1);
}

static char *put_header(char *p, int api, int version)
{
	p = put32(p, 0); /* the size of the frame, later */
	p = put16(put16(p, api), version);
	return put_string(put32(p, 7), "load");
}

/* A record without key and headers; only its head and its end are written, the value is zeros. */
static char *put_record(char *p, uint32_t number, size_t value)
{
	char head[RECORD_HEAD_MAX], *h = head;
	*h++ = 0;
	h = put_varint(put_varint(h, number / 3), number);
	h = put_varint(put_varint(h, -1), (int64_t)value);
	size_t n = (size_t)(h - head);
	p = put_varint(p, (int64_t)(n + value + 1));
	memcpy(p, head, n);
	return p + n + value + 1;
}

/* As many records as fit into `max` bytes, of now, from no idempotent producer. The batch's size. */
static size_t put_batch(char *b, size_t max, size_t value)
{
	enum { PRODUCER_FIELDS = 14 };
	char *p = b + BATCH_RECORDS;
	uint32_t n = 0;
	do
		p = put_record(p, n++, value);
	while (p + RECORD_HEAD_MAX + value <= b + max);
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	put32(b + BATCH_LENGTH, p - b - BATCH_PREFIX);
	b[BATCH_MAGIC] = 2;
	put32(b + BATCH_LAST_DELTA, n - 1);
	put64(b + BATCH_BASE_TIME, now_ms);
	put64(b + BATCH_MAX_TIME, now_ms + (n - 1) / 3);
	memset(b + BATCH_PRODUCER, 0xff, PRODUCER_FIELDS);
	put32(b + BATCH_COUNT, n);
	put32(b + BATCH_CRC, batch_crc(b, (size_t)(p - b)));
	return (size_t)(p - b);
}

static char *produce_frame(const struct job *j, size_t *size, size_t *batch)
{
	char *frame = buffer(REQUEST_ROOM + j->batch + j->record);
	char *p = put_header(frame, API_PRODUCE, PRODUCE_VERSION);
	p = put32(put16(put16(p, -1), 1), ACK_TIMEOUT_MS); /* no transaction, acks=1 */
	p = put32(put_string(put32(p, 1), j->topic), 1);
	p = put32(p, 0);
	char *length = p;
	*batch = put_batch(p + 4, j->batch, j->record);
	put32(length, (int64_t)*batch);
	*size = (size_t)(p + 4 - frame) + *batch;
	put32(frame, (int64_t)*size - 4);
	return frame;
}

/* ---- produce ---- */

/* Of an answer: size, correlation id, one topic, its name, one partition, its index, then the error. */
static size_t answer_error_at(const struct job *j)
{
	return 4 + 4 + 4 + 2 + strlen(j->topic) + 4 + 4;
}

struct answers {
	char bytes[CLIENT_BUFFER];
	size_t have;
};

/* Takes what has come; how many whole answers that were, none of which may be an error. -1: it hung up. */
static int take_answers(struct wire *w, struct answers *a, size_t error_at)
{
	size_t at = 0, k = wire_recv(w, a->bytes + a->have, sizeof a->bytes - a->have);
	int n = 0;
	if (k == 0)
		return -1;
	for (a->have += k; a->have - at >= 4 && a->have - at >= 4 + get32(a->bytes + at); n++) {
		must_be_no_error(a->bytes + at + error_at);
		at += 4 + get32(a->bytes + at);
	}
	a->have -= at;
	memmove(a->bytes, a->bytes + at, a->have);
	return n;
}

/* ---- time ---- */

static double wall_now(void)
{
	struct timespec t;
	MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds that all its threads have run. */
static double cpu_of(int pid)
{
	char path[64 + NAME_MAX];
	double ns = 0;
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *dir = opendir(path);
	MUST(dir != NULL);
	for (struct dirent *e; (e = readdir(dir));) {
		unsigned long long ran = 0;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
		FILE *f = e->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fscanf(f, "%llu", &ran) == 1)
			ns += (double)ran;
		fclose(f);
	}
	closedir(dir);
	return ns * 1e-9;
}

/* What counts begins after the first answer and a warm-up, and ends `ms` later. */
struct watch {
	double begin, cpu;
	uint64_t requests, bytes;
	bool counting;
};


static bool watch_on(struct watch *w, const struct job *j, uint64_t requests, uint64_t bytes)
{
	double now = wall_now();
	w->requests += requests;
	w->bytes += bytes;
	if (w->begin == 0)
		w->begin = now + WARM_UP_MS / 1e3;
	if (!w->counting && now >= w->begin)
		*w = (struct watch){ .begin = now, .cpu = cpu_of(j->pid), .counting = true };
	if (!w->counting || now < w->begin + j->ms / 1e3)
		return true;
	printf("%llu %llu %.6f %.6f\n", (unsigned long long)w->requests, (unsigned long long)w->bytes,
	       now - w->begin, cpu_of(j->pid) - w->cpu);
	return false;
}

/* ---- what it does ---- */

static void produce(const struct job *j)
{
	static struct answers answers;
	struct wire w;
	size_t size, batch;
	char *frame = produce_frame(j, &size, &batch), *burst = buffer((size_t)j->in_flight * size);
	for (int i = 0; i < j->in_flight; i++)
		memcpy(burst + (size_t)i * size, frame, size);
	MUST(wire_open(&w, j));
	struct watch watch = { .counting = false };
	wire_send(&w, burst, (size_t)j->in_flight * size);
	bool on = true;
	for (int owed = j->in_flight; owed > 0;) {
		int n = take_answers(&w, &answers, answer_error_at(j));
		MUST(n >= 0);
		on = on && watch_on(&watch, j, (uint64_t)n, (uint64_t)n * batch);
		if (on && n > 0)
			wire_send(&w, burst, (size_t)n * size);
		else
			owed -= n;
	}
}

static void fill(const struct job *j)
{
	static struct answers answers;
	struct wire w;
	size_t size, batch;
	char *frame = produce_frame(j, &size, &batch);
	MUST(wire_open(&w, j));
	for (size_t sent = 0; sent < j->bytes; sent += batch) {
		wire_send(&w, frame, size);
		for (int n = 0; n == 0;)
			MUST((n = take_answers(&w, &answers, answer_error_at(j))) >= 0);
	}
}

static bool acknowledged(const struct job *j, const char *frame, size_t size)
{
	char answer[CLIENT_BUFFER];
	struct wire w;
	if (!wire_open(&w, j))
		return false;
	bool yes = send(w.fd, frame, size, MSG_NOSIGNAL) == (ssize_t)size &&
		   wire_recv(&w, answer, sizeof answer) > answer_error_at(j) + 1;
	const char *error = answer + answer_error_at(j);
	yes = yes && error[0] == 0 && error[1] == 0;
	close(w.fd);
	return yes;
}

static void ack(const struct job *j)
{
	size_t size, batch;
	char *frame = produce_frame(j, &size, &batch);
	while (!acknowledged(j, frame, size))
		usleep(RETRY_US);
	printf("%.6f\n", wall_now());
}

/* Where the offset stands in a fetch request, to be written anew each time. */
static char *fetch_frame(const struct job *j, char *frame, size_t *size)
{
	char *p = put_header(frame, API_FETCH, FETCH_VERSION);
	p = put32(put32(put32(p, -1), FETCH_WAIT_MS), 1);
	p = put32(p, INT32_MAX);
	*p++ = 0;                                               /* read uncommitted */
	p = put32(put32(p, 0), -1);                         /* no session */
	p = put32(put_string(put32(p, 1), j->topic), 1);
	p = put32(put32(p, 0), -1);
	char *offset = p;
	p = put32(put64(put64(p, 0), -1), (int64_t)j->max);
	p = put_string(put32(p, 0), "");                      /* nothing forgotten, no rack */
	*size = (size_t)(p - frame);
	put32(frame, (int64_t)*size - 4);
	return offset;
}

/* The offset behind the last whole batch, or `at` when there is none. */
static int64_t offset_after(const char *p, size_t n, int64_t at)
{
	while (n > BATCH_RECORDS && n >= batch_bytes(p)) {
		size_t whole = batch_bytes(p);
		at = get64(p) + get32(p + BATCH_LAST_DELTA) + 1;
		p += whole;
		n -= whole;
	}
	return at;
}

static void fetch(const struct job *j)
{
	char request[REQUEST_ROOM];
	size_t head = 4 + 4 + 4 + 2 + 4 + 4 + 2 + strlen(j->topic) + 4 + 4; /* to the partition's error */
	size_t size;
	size_t records_at = head + 2 + 8 + 8 + 8 + 4 + 4;
	char *offset = fetch_frame(j, request, &size), *answer = buffer(2 * j->max + MIB);
	struct wire w;
	int64_t at = 0;
	MUST(wire_open(&w, j));
	for (struct watch watch = { .counting = false };;) {
		put64(offset, at);
		wire_send(&w, request, size);
		wire_recv_all(&w, answer, 4);
		uint32_t n = get32(answer);
		MUST(n < 2 * j->max + MIB - 4 && n + 4 >= records_at + 4);
		wire_recv_all(&w, answer + 4, n);
		must_be_no_error(answer + head);
		/* No transactions: the count of aborted ones is 0 or -1, and takes four bytes either way. */
		uint32_t bytes = get32(answer + records_at);
		MUST(records_at + 4 + bytes == n + 4);
		int64_t next = offset_after(answer + records_at + 4, bytes, at);
		MUST(next > at);
		at = next >= get64(answer + head + 2) ? 0 : next;
		if (!watch_on(&watch, j, 1, bytes))
			return;
	}
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(const struct job *j); } kinds[] = {
		{ "fill", fill }, { "produce", produce }, { "fetch", fetch }, { "ack", ack },
	};
	struct job job = { .in_flight = 1, .ms = 1000 };
	signal(SIGPIPE, SIG_IGN);
	for (int i = 2; i < argc; i++)
		job_word(&job, argv[i]);
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].run(&job);
			return 0;
		}
	fprintf(stderr, "usage: load fill|produce|fetch|ack name=value...\n");
	return 2;
}
