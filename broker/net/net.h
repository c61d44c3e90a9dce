/* net.h - the net object: listeners, limits on connections, and the part of it that each core owns.
 *
 * One core is the door (doc/adr/0003-one-door.md): it owns the listening sockets and every count that a limit
 * is about, accepts, and hands each connection to the core that has the fewest. A connection stays there and
 * tells the door when it is gone.
 */
#ifndef SAMSA_NET_NET_H
#define SAMSA_NET_NET_H

#include "broker/base/arena.h"
#include "broker/net/conn.h"
#include "broker/net/lane.h"
#include "broker/net/tlsctx.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	NET_LISTENERS_MAX = 32,
	NET_HANDSHAKE_DEFAULT_MS = 10 * 1000,
	NET_TLS_POLL_MS = 5 * 1000,       /* how often key and trust stores are looked at */
};

/* A listener. Text is borrowed for the call only. */
struct net_listener {
	const char *name;            /* "INTERNAL" */
	const char *host;            /* "" is every address */
	uint16_t port;               /* 0: any; net_listener_address() tells which */
	bool sasl;                   /* starts at the before-authentication frame limit */
	/* protected: not refused by max.connections when there are other listeners */
	bool inter_broker;
	const struct tls_config *tls; /* NULL: plain; not told by conn_listener() */
	/* ssl.principal.mapping.rules; NULL: names stay as they are; not told by conn_listener() */
	const char *principal_rules;
	int64_t max_connections;     /* listener.name.X.max.connections; -1: no limit */
	/* listener.name.X.max.connection.creation.rate, a second; -1: no limit */
	int64_t max_creation_rate;
	int64_t idle_ms;             /* connections.max.idle.ms; -1: never */
	void *user;                  /* the upper room's */
};

struct net_ip_limit {
	const char *host;            /* name or address */
	int64_t max_connections;
};

struct net_config {
	const struct net_listener *listeners;
	int n_listeners;
	int backlog;                  /* socket.listen.backlog.size */
	/* socket.send.buffer.bytes; -1: the kernel's own sizing, the best when not set */
	int send_buffer_bytes;
	int receive_buffer_bytes;     /* socket.receive.buffer.bytes; -1 likewise */
	uint32_t frame_max_bytes;     /* socket.request.max.bytes */
	uint32_t frame_max_before_auth_bytes;
	/* queued.max.request.bytes of one core; -1: LANE_FRAMES_DEFAULT_BYTES */
	int64_t frames_max_bytes;
	int64_t max_connections;      /* max.connections; -1: no limit */
	int64_t max_creation_rate;    /* max.connection.creation.rate; -1: no limit */
	int64_t max_per_ip;           /* max.connections.per.ip; -1: no limit */
	const struct net_ip_limit *ip_limits; /* max.connections.per.ip.overrides */
	int n_ip_limits;
	/* from accept to the end of the TLS handshake; 0: NET_HANDSHAKE_DEFAULT_MS */
	int64_t handshake_ms;
	const struct conn_events *events;
};

struct net;

/* Makes contexts, binds the listening sockets. May block (DNS, files): at start. NULL, and one line in
 * `error`. The door is cores[0]. `cores` must outlive the net object. */
struct net *net_new(const struct net_config *config, struct reactor **cores, int n_cores,
		    char error[TLS_ERROR_BYTES]);
/* Where listener `i` of the latest configuration is bound. Whoever changes it may ask. */
const struct sys_addr *net_listener_address(const struct net *net, int i);
/* What connections of a data core share; outbound ones (client.h) may use it too. */
struct lane *net_lane(const struct net *net, int core);
/* From now on the listeners and limits of `to` hold; nothing else of it is looked at. A listener that goes
 * loses its connections; one that is elsewhere, or speaks otherwise, than the one of its name goes and
 * comes. One that stays keeps its connections, whatever becomes of its limits; with other TLS keys new
 * connections get a new context, which must be one that may follow (tlsctx_may_replace). All or nothing:
 * 0, or negative errno with one line in `error`. Waits: in a fiber of `here`, always the same, between
 * net_open() and net_close(). */
int net_change(struct net *net, struct reactor *here, const struct net_config *to,
	       char error[TLS_ERROR_BYTES]);
/* Whether it could, as things are now. Several may ask at a time. */
int net_prove(struct net *net, struct reactor *here, const struct net_config *to,
	      char error[TLS_ERROR_BYTES]);
/* Starts to accept. `from` is the caller's reactor. */
void net_open(struct net *net, struct reactor *from);
/* Stops accepting, ends idle connections and lets the others finish what is in flight; then posts `done` to
 * `from`. */
void net_close(struct net *net, struct reactor *from, struct msg *done);
/* After net_close(), once: ends what it still waits for. */
void net_close_now(struct net *net, struct reactor *from);
/* Looks at the certificates now (SIGHUP). */
void net_reload(struct net *net, struct reactor *from);
/* After `done` of net_close(), when the reactors and helpers no longer run; or when it was never opened. */
void net_free(struct net *net);

/* Of one core; any thread may ask. What the door counts (accepted, refused) is core 0's. */
struct net_counters {
	uint64_t accepted, refused;
	uint64_t frame_bytes;      /* memory in use for frames */
	uint64_t frame_bytes_free; /* left of its budget */
};
void net_count(const struct net *net, int core, struct net_counters *out);

/* Of a listener's connections on one core, since it is there. */
struct net_traffic {
	uint64_t connections; /* open now */
	uint64_t closed;
	uint64_t frames, bytes_in, bytes_out;
	uint64_t handshakes, handshakes_failed;
};
struct net_listener_counters {
	const char *name;
	int64_t blocked_ns; /* how long it kept peers waiting: for a slot (max.connections), or by the rate */
	struct net_traffic *cores;
};
/* Of each listener, in `arena`: those that it has room for. How many there are. On the door's core. */
int net_count_listeners(const struct net *net, struct net_listener_counters out[NET_LISTENERS_MAX],
			struct arena *arena);

#endif
