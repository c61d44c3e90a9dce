/* bench.h - what the benchmark's client and its floor share: sockets, numbers, a record batch, TLS.
 *
 * The batch is Kafka's (magic 2), as far as one must know it to send one that a broker takes, or to check
 * one as a broker must. The CRC-32C is ISA-L's, as in the broker.
 */
#ifndef SAMSA_TESTS_BENCH_H
#define SAMSA_TESTS_BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <isa-l/crc.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : bench_die(__FILE__, __LINE__, #cond))

enum { KIB = 1024, MIB = 1024 * 1024, TLS_BUFFER = 288 * KIB, PAGE = 4096 };
enum { API_PRODUCE = 0, API_FETCH = 1 };

/* Where the fields of a batch are. */
enum {
	BATCH_LENGTH = 8,
	BATCH_PREFIX = 12, /* what the length does not count */
	BATCH_MAGIC = 16,
	BATCH_CRC = 17,
	BATCH_CHECKED = 21, /* from here on the CRC covers it */
	BATCH_LAST_DELTA = 23,
	BATCH_BASE_TIME = 27,
	BATCH_MAX_TIME = 35,
	BATCH_PRODUCER = 43,
	BATCH_COUNT = 57,
	BATCH_RECORDS = 61,
};

static inline void bench_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s (%s)\n", file, line, what, strerror(errno));
	exit(1);
}

static inline char *buffer(size_t n)
{
	char *p = aligned_alloc(PAGE, (n + PAGE - 1) / PAGE * PAGE);
	MUST(p != NULL);
	memset(p, 0, n);
	return p;
}

/* ---- sockets ---- */

static inline int no_delay(int fd)
{
	MUST(fd >= 0);
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) == 0);
	return fd;
}

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static inline void send_all(int fd, const char *p, size_t n)
{
	for (ssize_t k; n; p += k, n -= (size_t)k)
		MUST((k = send(fd, p, n, MSG_NOSIGNAL)) > 0);
}

/* ---- numbers ---- */

static inline uint32_t get32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return ntohl(v);
}

static inline int64_t get64(const char *p)
{
	return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

static inline char *put16(char *p, int v)
{
	uint16_t be = htons((uint16_t)v);
	return (char *)memcpy(p, &be, sizeof be) + sizeof be;
}

static inline char *put32(char *p, int64_t v)
{
	uint32_t be = htonl((uint32_t)v);
	return (char *)memcpy(p, &be, sizeof be) + sizeof be;
}

static inline char *put64(char *p, int64_t v)
{
	return put32(put32(p, v >> 32), v);
}

static inline char *put_string(char *p, const char *s)
{
	return stpcpy(put16(p, (int)strlen(s)), s);
}

static inline char *put_varint(char *p, int64_t v)
{
	uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
	for (; z > 127; z >>= 7)
		*p++ = (char)(z | 128);
	*p++ = (char)z;
	return p;
}

static inline const char *get_varint(const char *p, const char *end, int64_t *v)
{
	uint64_t z = 0;
	for (int shift = 0; p < end && shift < 64; shift += 7) {
		uint8_t b = (uint8_t)*p++;
		z |= (uint64_t)(b & 127) << shift;
		if (b < 128) {
			*v = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
			return p;
		}
	}
	return NULL;
}

/* ---- batches ---- */

static inline uint32_t batch_crc(const char *b, size_t n)
{
	return ~crc32_iscsi((unsigned char *)(uintptr_t)b + BATCH_CHECKED, (int)n - BATCH_CHECKED, ~0u);
}

static inline size_t batch_bytes(const char *b)
{
	return BATCH_PREFIX + get32(b + BATCH_LENGTH);
}

/* Whether every record lies within the batch, has no headers, and the offset delta it should have. */
static inline bool batch_records_ok(const char *b, size_t n)
{
	const char *p = b + BATCH_RECORDS, *end = b + n;
	for (uint32_t i = 0, count = get32(b + BATCH_COUNT); i < count; i++) {
		int64_t body, time, offset, key, value, headers;
		if (!(p = get_varint(p, end, &body)) || body < 1 || body > end - p)
			return false;
		const char *next = p + body;
		if (!(p = get_varint(p + 1, next, &time)) || !(p = get_varint(p, next, &offset)))
			return false;
		if (offset != i)
			return false;
		if (!(p = get_varint(p, next, &key)) || key > next - p)
			return false;
		p += key > 0 ? key : 0;
		if (!(p = get_varint(p, next, &value)) || value > next - p)
			return false;
		p += value > 0 ? value : 0;
		if (!(p = get_varint(p, next, &headers)) || headers || p != next)
			return false;
	}
	return p == end;
}

/* ---- TLS ---- */

/* TLS 1.3 with AES-128-GCM; many records leave or come in one system call. */
static inline SSL_CTX *tls_context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	MUST(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION));
	MUST(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"));
	return ctx;
}

static inline SSL *tls_over(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	BIO *bio = BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(fd, BIO_NOCLOSE));
	MUST(ssl && BIO_set_buffer_size(bio, TLS_BUFFER));
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

static inline void tls_send_all(SSL *ssl, const char *p, size_t n)
{
	for (int k; n; p += k, n -= (size_t)k)
		MUST((k = SSL_write(ssl, p, (int)n)) > 0);
	MUST(BIO_flush(SSL_get_wbio(ssl)) == 1);
}

#endif
