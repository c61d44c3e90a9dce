/* kclient.h - a Kafka client for tests in the simulated world: one connection, whose calls wait in a fiber.
 * Requests are built and answers taken apart by the generated codec. */
#ifndef SAMSA_TESTS_KCLIENT_H
#define SAMSA_TESTS_KCLIENT_H

#include "broker/base/arena.h"
#include "broker/protocol/kapi.h"
#include "broker/reactor/fiber.h"

enum {
	KCLIENT_FRAME_MAX = 4 << 20,
	KCLIENT_ARENA_BYTES = 16 << 20,
};

struct kclient {
	unsigned magic;
#define KCLIENT_MAGIC 0x5e1d7c42
	struct reactor *reactor;
	const char *host;
	uint16_t port;
	int fd;              /* -1: not connected */
	struct io io;
	struct timer timer;
	struct fiber *waits; /* for what `io` or `timer` tells */
	bool timed_out;
	int32_t correlation; /* of the last request */
	uint8_t *in;         /* what has arrived */
	size_t in_n, in_room;
	struct arena arena;  /* of the last answer */
};

void kclient_init(struct kclient *c, struct reactor *r, const char *host, uint16_t port);
/* Once it is closed. */
void kclient_fini(struct kclient *c);

/* All of these: in a fiber. After an error the connection is closed. 0 or -errno. */
int kclient_connect(struct kclient *c, int64_t timeout_ms);
void kclient_close(struct kclient *c);
/* `*correlation` will be that of the answer. */
int kclient_send(struct kclient *c, enum kapi_key key, int version, const void *request, int32_t *correlation,
	int64_t timeout_ms);
/* The next answer on the connection, which must be that one. What `response` points to lives until the
 * next call. */
int kclient_receive(struct kclient *c, enum kapi_key key, int version, int32_t correlation, void *response,
	int64_t timeout_ms);
int kclient_call(struct kclient *c, enum kapi_key key, int version, const void *request, void *response,
	int64_t timeout_ms);

#endif
