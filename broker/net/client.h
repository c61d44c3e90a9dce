/* client.h - an outbound connection: requests go out as they are given, responses come back in their order.
 *
 * Lives on one reactor, that of its lane. Kafka's servers answer one connection in order, so a response is
 * matched with the oldest request; a correlation id that differs ends the connection. Reconnecting is the
 * caller's affair.
 *
 *	client_open() -> [resolve on a helper] -> [connect] -> [TLS] -> on_open -> ...
 *	-> on_close, once, in any case
 */
#ifndef SAMSA_NET_CLIENT_H
#define SAMSA_NET_CLIENT_H

#include "broker/base/buf.h"
#include "broker/base/slice.h"
#include "broker/net/lane.h"
#include "broker/net/tlsctx.h"
#include "broker/reactor/reactor.h"

#include <stdint.h>

enum { CLIENT_IN_FLIGHT_MAX = 256 };

struct client;

/* One request under way; embedded in whatever waits for it. */
struct client_call {
	unsigned magic;
	struct list link;
	int32_t correlation_id;
	int64_t deadline_ns;
	/* `error` 0: `response` begins with the correlation id (response header v0) and lies in `holder`,
	 * borrowed. Else -ETIMEDOUT (the connection is ended too), or why the connection ended. Once for each
	 * accepted call. */
	void (*done)(struct client_call *call, int error, struct slice response, struct buf *holder);
};

struct client_config {
	const char *host;
	uint16_t port;
	struct tlsctx *tls;            /* NULL: plain; a hold is taken */
	uint32_t response_max_bytes;
	int send_buffer_bytes, receive_buffer_bytes; /* -1: the kernel's own sizing */
	int64_t connect_ms;            /* until on_open: resolving, connecting and the handshake together */
	void (*on_open)(struct client *c, void *arg);
	/* `error` negative errno, 0 when the peer or client_close() ended it; `why` one line. The client is
	 * freed after. */
	void (*on_close)(struct client *c, void *arg, int error, const char *why);
	void *arg;
};

struct client *client_open(struct lane *lane, const struct client_config *config);
/* A number for the next request's header. */
int32_t client_next_correlation(struct client *c);
/* Takes all links of `request` (a whole request with its size field). `done` and `correlation_id` are set by
 * the caller. 0, -EAGAIN when CLIENT_IN_FLIGHT_MAX are under way, -ENOTCONN before on_open. */
int client_send(struct client *c, struct client_call *call, struct chain *request, int64_t timeout_ms);
/* Without an answer to come (acks=0). */
int client_send_only(struct client *c, struct chain *request);
/* Ends it: calls fail with -ECANCELED, then on_close, before it returns. */
void client_close(struct client *c);
unsigned client_in_flight(const struct client *c);

#endif
