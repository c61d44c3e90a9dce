/* conn.h - an accepted connection: frames in, answers out in the order of the frames.
 *
 * A connection lives on one core from its accept to its end; everything here runs on that core. The room
 * above registers struct conn_events with the net object (net.h). Its life:
 *
 *	accepted -> [TLS handshake] -> on_open -> on_frame* -> on_close
 *	-> memory freed when the last slot has closed
 *
 * A frame becomes a request that may be answered at once or much later, from whatever event. It takes its
 * place in the order of answers by opening a slot; answers leave in the order in which slots were opened. All
 * answers of one turn leave together, when the turn's deferred work runs.
 *
 *	on_frame(c, frame, holder)           the frame's bytes are in `holder`; hold it (buf_get) to keep them
 *	  request = ...; request->slot.closed = free_request;
 *	  conn_slot_open(c, &request->slot);
 *	  ...
 *	conn_slot_answer(&request->slot, &response)
 *
 * Back-pressure is the connection's own affair: it stops reading while CONN_IN_FLIGHT_MAX slots are open,
 * while more than CONN_OUT_HIGH_BYTES wait to be sent, while the core's budget for frames is spent, or while
 * it is paused.
 */
#ifndef SAMSA_NET_CONN_H
#define SAMSA_NET_CONN_H

#include "broker/base/buf.h"
#include "broker/base/list.h"
#include "broker/base/slice.h"
#include "broker/reactor/reactor.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CONN_IN_FLIGHT_MAX = 64,            /* slots open at once on one connection; reading stops there */
	CONN_OUT_HIGH_BYTES = 1024 * 1024,  /* reading stops while more than this waits to be sent */
	CONN_ID_BYTES = 160,
};

#define CONN_ANONYMOUS "User:ANONYMOUS"

struct conn;
struct net_listener;
struct x509_st; /* OpenSSL's X509 */

struct conn_events {
	/* The connection is usable: connected, and its TLS handshake is done. Comes before the first
	 * frame. */
	void (*on_open)(struct conn *c);
	/* One request without its size field, contiguous in `holder`, whose hold the callee borrows. The
	 * bytes stay as they are for as long as somebody holds `holder`, and whoever has them may write over
	 * them. */
	void (*on_frame)(struct conn *c, struct slice frame, struct buf *holder);
	/* The last event, for each connection that on_open was called for. Open slots must still be
	 * answered. */
	void (*on_close)(struct conn *c);
};

/* ---- answers ---- */

/* The place of one request in the order of answers; embedded in the request. */
struct conn_slot {
	unsigned magic;
	struct conn *conn;
	struct list link;
	struct chain answer;
	bool answered;
	/* The connection needs the slot no more: every answer before it and its own have been queued for
	 * sending, or the connection is gone. Called once for each opened slot, maybe from within
	 * conn_slot_answer(). The place to free the request, but for memory that the answer's links hold. May
	 * be NULL. */
	void (*closed)(struct conn_slot *slot);
};

/* In on_frame or later; the order of opening is the order of answers. `closed` is set by the caller
 * before. */
void conn_slot_open(struct conn *c, struct conn_slot *slot);
/* Takes all links of `answer` (a whole response with its size field). NULL or an empty chain is no answer
 * (acks=0). After the connection's end the links are dropped. Once for each opened slot, no matter what. */
void conn_slot_answer(struct conn_slot *slot, struct chain *answer);

/* ---- flow ---- */

/* No frame is delivered between pause and resume, not even those that came already; calls are counted. For
 * requests that must be done before the next one is looked at (authentication). May be called in on_frame. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* As pause, until the reactor's monotonic clock says `until_ns`. A later time replaces an earlier one;
 * answers go on. */
void conn_mute_until(struct conn *c, int64_t until_ns);

/* Ends it at once: nothing more is read or sent. `why` is for the log (debug), a literal. on_close is called
 * from within. Harmless when it has ended. */
void conn_close(struct conn *c, const char *why);
/* Reads no more; ends when all open slots are answered and the answers have left. */
void conn_finish(struct conn *c, const char *why);
bool conn_is_open(const struct conn *c);

/* The largest frame it takes from now on. A listener with SASL starts at its before-authentication limit. */
void conn_set_frame_max(struct conn *c, uint32_t bytes);

/* ---- who it is ---- */

struct reactor *conn_reactor(const struct conn *c);
const struct net_listener *conn_listener(const struct conn *c); /* net.h: name, security */
const struct sys_addr *conn_peer(const struct conn *c);
/* Kafka's connection id: "127.0.0.1:9092-127.0.0.1:51230-0"; made anew by each call. */
const char *conn_id(const struct conn *c, char out[CONN_ID_BYTES]);
/* The certificate that the peer has proved to own, or NULL. Borrowed; lives as long as the connection is
 * open. */
struct x509_st *conn_peer_certificate(const struct conn *c);
/* Kafka's principal: "User:" and the certificate's name as ssl.principal.mapping.rules make it, else
 * CONN_ANONYMOUS. Borrowed, for the connection's life. */
const char *conn_principal(const struct conn *c);
/* "TLSv1.3" and "TLS_AES_128_GCM_SHA256"; NULL without TLS. */
const char *conn_tls_version(const struct conn *c);
const char *conn_tls_cipher(const struct conn *c);
/* The upper room's own state. */
void conn_set_user(struct conn *c, void *user);
void *conn_user(const struct conn *c);
/* Requests taken and not yet answered. */
unsigned conn_in_flight(const struct conn *c);

#endif
