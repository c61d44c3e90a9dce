/* conn.c - see conn.h. A connection is a stream with its answers in order and its time of last activity. */
#include "broker/net/conn_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/principal_rules.h"
#include "broker/net/door_priv.h"
#include "broker/net/gate_priv.h"
#include "broker/net/stream_priv.h"
#include "broker/net/subject_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONN_MAGIC = 0x40221ec7, SLOT_MAGIC = 0x510770ab, PORT_MAGIC = 0x1047ab1e };
enum { NS_IN_MS = 1000000, LOG_EVERY_MS = 1000 };

#define LOGGER "org.apache.kafka.common.network.Selector"

struct conn {
	unsigned magic;
	struct port *port;
	struct guest *guest;
	struct stream stream;
	struct list link;       /* in the port's `opening` or `conns` */
	int64_t active_ns;
	struct list slots;      /* open, in the order of answers */
	unsigned in_flight;
	unsigned pauses;
	unsigned id;
	bool opened;
	char *principal;        /* NULL: nobody that we know */
	struct timer mute;
	struct sys_addr peer;
	void *user;
};

static struct conn *conn_of(const struct stream *s)
{
	struct conn *c = container_of(s, struct conn, stream);
	CHECK_OBJ(c, CONN_MAGIC);
	return c;
}

/* ---- who it is ---- */

const char *conn_principal(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->principal ? c->principal : CONN_ANONYMOUS;
}

struct reactor *conn_reactor(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->port->lane->reactor;
}

const struct net_listener *conn_listener(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->port->listener;
}

const struct sys_addr *conn_peer(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return &c->peer;
}

const char *conn_id(const struct conn *c, char out[CONN_ID_BYTES])
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	const struct sys_addr *here = c->port->address;
	snprintf(out, CONN_ID_BYTES, "%s:%u-%s:%u-%u", here->text, here->port, c->peer.text, c->peer.port,
		 c->id);
	return out;
}

static const struct filter *tls_of(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->port->tls ? c->stream.top : NULL;
}

struct x509_st *conn_peer_certificate(const struct conn *c)
{
	return tls_of(c) ? filter_tls_certificate(tls_of(c)) : NULL;
}

const char *conn_tls_version(const struct conn *c)
{
	return tls_of(c) ? filter_tls_version(tls_of(c)) : NULL;
}

const char *conn_tls_cipher(const struct conn *c)
{
	return tls_of(c) ? filter_tls_cipher(tls_of(c)) : NULL;
}

void conn_set_user(struct conn *c, void *user)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	c->user = user;
}

void *conn_user(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->user;
}

unsigned conn_in_flight(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return c->in_flight;
}

bool conn_is_open(const struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	return stream_is_open(&c->stream);
}

/* ---- answers ---- */

void conn_slot_open(struct conn *c, struct conn_slot *slot)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	slot->magic = SLOT_MAGIC;
	slot->conn = c;
	slot->answered = false;
	chain_init(&slot->answer);
	list_push_back(&c->slots, &slot->link);
	stream_pin(&c->stream);
	if (++c->in_flight >= CONN_IN_FLIGHT_MAX)
		stream_block(&c->stream, BLOCK_FLIGHT);
}

/* Its turn has come. */
static void slot_close(struct conn *c, struct conn_slot *slot)
{
	CHECK_OBJ(slot, SLOT_MAGIC);
	list_remove(&slot->link);
	stream_send(&c->stream, &slot->answer);
	slot->magic = 0;
	c->in_flight--;
	if (slot->closed)
		slot->closed(slot);
	stream_unpin(&c->stream);
}

/* Searched from the start each time: what slot_close() calls may close others. */
static struct conn_slot *first_answered(struct conn *c)
{
	list_for_each(it, &c->slots) {
		struct conn_slot *slot = list_entry(it, struct conn_slot, link);
		if (slot->answered)
			return slot;
	}
	return NULL;
}

/* Answers at the head of the order leave; behind one that is open they wait. */
static void close_answered(struct conn *c)
{
	while (!list_empty(&c->slots)) {
		struct conn_slot *slot = list_entry(c->slots.next, struct conn_slot, link);
		if (!slot->answered)
			return;
		slot_close(c, slot);
	}
}

void conn_slot_answer(struct conn_slot *slot, struct chain *answer)
{
	must(slot != NULL && slot->magic == SLOT_MAGIC && !slot->answered);
	struct conn *c = slot->conn;
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	reactor_must_be_here(conn_reactor(c));
	slot->answered = true;
	if (answer)
		chain_append(&slot->answer, answer);
	stream_pin(&c->stream);
	if (stream_is_open(&c->stream))
		close_answered(c);
	else
		slot_close(c, slot); /* nobody waits in line any more */
	if (c->in_flight < CONN_IN_FLIGHT_MAX)
		stream_unblock(&c->stream, BLOCK_FLIGHT);
	stream_paid(&c->stream);
	stream_unpin(&c->stream);
}

/* ---- flow ---- */

void conn_pause(struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	c->pauses++;
	stream_block(&c->stream, BLOCK_OWNER);
}

void conn_resume(struct conn *c)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	must(c->pauses > 0);
	if (--c->pauses == 0)
		stream_unblock(&c->stream, BLOCK_OWNER);
}

static void unmute(struct reactor *here, struct timer *t)
{
	struct conn *c = container_of(t, struct conn, mute);
	CHECK_OBJ(c, CONN_MAGIC);
	reactor_must_be_here(here);
	stream_unblock(&c->stream, BLOCK_MUTE);
}

void conn_mute_until(struct conn *c, int64_t until_ns)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	int64_t left_ns = until_ns - reactor_now_ns(conn_reactor(c));
	if (!stream_is_open(&c->stream) || left_ns <= 0 ||
	    (timer_armed(&c->mute) && c->mute.due_ns >= until_ns))
		return;
	stream_block(&c->stream, BLOCK_MUTE);
	timer_arm(conn_reactor(c), &c->mute, (left_ns + NS_IN_MS - 1) / NS_IN_MS);
}

void conn_close(struct conn *c, const char *why)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	stream_close(&c->stream, 0, why);
}

void conn_finish(struct conn *c, const char *why)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	stream_finish(&c->stream, why);
}

void conn_set_frame_max(struct conn *c, uint32_t bytes)
{
	CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
	c->stream.in.max = bytes;
}

/* ---- time ---- */

/* The memory of a connection is a pin, and so is what goes on here. */
static void port_pin(struct port *p)
{
	p->pins++;
}

/* The last one of a port whose gate was taken down tells the door, which frees both: behind all that its
 * connections have told the door, as messages keep their order. */
static void port_unpin(struct port *p)
{
	must(p->pins > 0);
	if (--p->pins > 0 || !p->leaving)
		return;
	p->leaving = false;
	timer_cancel(p->lane->reactor, &p->timer);
	reactor_post(p->lane->reactor, p->door, &p->emptied);
}

static const char why_taken_down[] = "its listener was removed";

static void for_all(struct list *conns, void (*each)(struct conn *c, const char *why), const char *why)
{
	list_for_each_safe(it, conns)
		each(list_entry(it, struct conn, link), why);
}

static void close_all(struct port *p, const char *why)
{
	for_all(&p->opening, conn_close, why);
	for_all(&p->conns, conn_close, why);
}

/* When the oldest connection of a list is due; INT64_MAX for an empty list. */
static int64_t list_due_ns(const struct list *l, int64_t after_ms)
{
	if (list_empty(l) || after_ms < 0)
		return INT64_MAX;
	return list_entry(l->next, struct conn, link)->active_ns + after_ms * NS_IN_MS;
}

static int64_t port_due_ns(const struct port *p)
{
	int64_t handshake = list_due_ns(&p->opening, p->handshake_ms);
	int64_t idle = list_due_ns(&p->conns, p->listener->idle_ms);
	int64_t leave = p->leaving ? p->leave_by_ns : INT64_MAX;
	return min_of(min_of(handshake, idle), leave);
}

/* Activity only moves a connection behind the others; the timer finds out when it fires. */
static void port_arm(struct port *p)
{
	struct reactor *r = p->lane->reactor;
	int64_t due = port_due_ns(p);
	if (due == INT64_MAX)
		timer_cancel(r, &p->timer);
	else if (!timer_armed(&p->timer) || p->timer.due_ns > due)
		timer_arm(r, &p->timer, max_of((due - reactor_now_ns(r)) / NS_IN_MS + 1, (int64_t)0));
}

static void touch(struct conn *c)
{
	c->active_ns = reactor_now_ns(conn_reactor(c));
	if (!c->opened)
		return; /* a handshake has one deadline, whatever trickles in */
	list_remove(&c->link);
	list_push_back(&c->port->conns, &c->link);
}

static void port_fire(struct reactor *here, struct timer *t)
{
	struct port *p = container_of(t, struct port, timer);
	int64_t now = reactor_now_ns(here);
	CHECK_OBJ(p, PORT_MAGIC);
	port_pin(p);
	if (p->leaving && p->leave_by_ns <= now)
		close_all(p, why_taken_down);
	while (list_due_ns(&p->opening, p->handshake_ms) <= now)
		stream_close(&list_entry(p->opening.next, struct conn, link)->stream, -ETIMEDOUT,
			     "the TLS handshake took too long");
	while (list_due_ns(&p->conns, p->listener->idle_ms) <= now) {
		struct conn *c = list_entry(p->conns.next, struct conn, link);
		/* Not idle: we are the one who is waited for. */
		if (c->in_flight > 0)
			touch(c);
		else
			conn_close(c, "idle for longer than connections.max.idle.ms");
	}
	port_arm(p);
	port_unpin(p);
}

/* ---- the stream's events ---- */

/* Who the certificate says it is. False when no rule makes a principal of its name. */
static bool identify(struct conn *c)
{
	static const char prefix[] = "User:";
	char dn[PRINCIPAL_NAME_BYTES], name[PRINCIPAL_NAME_BYTES];
	const struct x509_st *certificate = conn_peer_certificate(c);
	const struct principal_rules *rules = c->port->principals;
	if (!certificate)
		return true;
	if (!subject_text(certificate, dn, sizeof dn) ||
	    (rules && principal_rules_apply(rules, dn, name) != 0))
		return false;
	c->principal = mem_printf("%s%s", prefix, rules ? name : dn);
	log_debug(LOGGER, "%s has authenticated as %s", c->peer.text, c->principal);
	return true;
}

static void opened(struct stream *s)
{
	struct conn *c = conn_of(s);
	if (!identify(c)) {
		stream_close(s, -EACCES,
			     "no rule of ssl.principal.mapping.rules fits the certificate's name");
		return;
	}
	c->opened = true;
	touch(c);
	port_arm(c->port);
	if (c->port->tls)
		traffic_add(&c->port->traffic, TRAFFIC_HANDSHAKES, 1);
	c->port->events->on_open(c);
}

static void frame(struct stream *s, struct slice bytes, struct buf *holder)
{
	struct conn *c = conn_of(s);
	traffic_add(&c->port->traffic, TRAFFIC_FRAMES, 1);
	c->port->events->on_frame(c, bytes, holder);
}

static void active(struct stream *s)
{
	touch(conn_of(s));
}

static bool owes(const struct stream *s)
{
	return !list_empty(&conn_of(s)->slots);
}

/* What a peer did wrong is said where Kafka says it, at most so often. */
static void say_why(struct conn *c, int error, const char *why)
{
	char id[CONN_ID_BYTES];
	conn_id(c, id);
	bool fault = error == -EBADMSG || (!c->opened && error != 0);
	if (!fault || !log_limited(&c->port->log, reactor_wall_ms(conn_reactor(c)), LOG_EVERY_MS)) {
		log_debug(LOGGER, "Connection with %s (channelId=%s) disconnected: %s", c->peer.text, id,
			  why);
	} else if (c->opened) {
		log_warn(LOGGER, "Unexpected error from %s (channelId=%s); closing connection: %s",
			 c->peer.text, id, why);
	} else {
		const char *tls = tls_of(c) ? filter_tls_error(tls_of(c)) : "";
		log_info(LOGGER, "Failed authentication with %s (channelId=%s) (%s)", c->peer.text, id,
			 tls[0] ? tls : why);
	}
}

static void closed(struct stream *s, int error, const char *why)
{
	struct conn *c = conn_of(s);
	say_why(c, error, why);
	if (!c->opened && c->port->tls)
		traffic_add(&c->port->traffic, TRAFFIC_HANDSHAKES_FAILED, 1);
	timer_cancel(conn_reactor(c), &c->mute);
	list_remove(&c->link);
	port_arm(c->port);
	traffic_add(&c->port->traffic, TRAFFIC_CLOSED, 1);
	guest_leaves(c->guest, conn_reactor(c));
	c->guest = NULL;
	if (c->opened)
		c->port->events->on_close(c);
	/* Answers that wait for an earlier one will have nobody to go to. */
	for (struct conn_slot *slot; (slot = first_answered(c)) != NULL;)
		slot_close(c, slot);
}

static void release(struct stream *s)
{
	struct conn *c = container_of(s, struct conn, stream);
	struct port *p = c->port;
	must(c->magic == CONN_MAGIC && list_empty(&c->slots));
	free(c->principal);
	FREE_OBJ(c);
	port_unpin(p);
}

static const struct stream_ops conn_stream_ops = {
	.out_high = CONN_OUT_HIGH_BYTES,
	.opened = opened,
	.frame = frame,
	.active = active,
	.owes = owes,
	.closed = closed,
	.release = release,
};

/* ---- ports ---- */

void port_init(struct port *p, const struct net_config *config, struct gate *gate, struct lane *lane)
{
	*p = (struct port){ .magic = PORT_MAGIC, .gate = gate, .listener = &gate->listener,
			    .address = &gate->bound, .principals = gate->principals, .lane = lane };
	p->events = config->events;
	p->tls = gate->tls.now.ctx != NULL;
	p->frame_max = gate->listener.sasl ? config->frame_max_before_auth_bytes : config->frame_max_bytes;
	p->handshake_ms = config->handshake_ms > 0 ? config->handshake_ms : NET_HANDSHAKE_DEFAULT_MS;
	p->timer.fire = port_fire;
	list_init(&p->opening);
	list_init(&p->conns);
}

void port_admit(struct port *p, struct guest *guest)
{
	struct conn *c;
	CHECK_OBJ_NOTNULL(p, PORT_MAGIC);
	reactor_must_be_here(p->lane->reactor);
	struct filter *top = filter_tcp_new(p->lane, &p->traffic, guest->fd, false);
	if (guest->tls)
		top = filter_tls_new(p->lane, top, guest->tls, NULL);
	tlsctx_put(guest->tls);
	guest->tls = NULL;
	ALLOC_OBJ(c, CONN_MAGIC);
	c->port = p;
	c->guest = guest;
	c->peer = guest->peer;
	c->id = p->next_id++;
	c->mute.fire = unmute;
	c->active_ns = reactor_now_ns(p->lane->reactor);
	list_init(&c->slots);
	port_pin(p);
	traffic_add(&p->traffic, TRAFFIC_ADMITTED, 1);
	list_push_back(&p->opening, &c->link);
	stream_start(&c->stream, &conn_stream_ops, p->lane, top, guest->fd, p->frame_max);
	port_arm(p);
}

static void run_finish(struct reactor *here, struct msg *m)
{
	struct port *p = container_of(m, struct port, finish);
	CHECK_OBJ(p, PORT_MAGIC);
	must(here == p->lane->reactor);
	for_all(&p->opening, conn_close, "the broker shuts down");
	for_all(&p->conns, conn_finish, "the broker shuts down");
}

static void run_close(struct reactor *here, struct msg *m)
{
	struct port *p = container_of(m, struct port, close);
	CHECK_OBJ(p, PORT_MAGIC);
	must(here == p->lane->reactor);
	close_all(p, "the broker shuts down");
}

static void run_take_down(struct reactor *here, struct msg *m)
{
	struct port *p = container_of(m, struct port, taken_down);
	CHECK_OBJ(p, PORT_MAGIC);
	must(here == p->lane->reactor);
	p->leaving = true;
	p->leave_by_ns = reactor_now_ns(here) + (int64_t)PORT_LEAVE_MS * NS_IN_MS;
	port_pin(p);
	for_all(&p->opening, conn_close, why_taken_down);
	for_all(&p->conns, conn_finish, why_taken_down);
	port_arm(p);
	port_unpin(p);
}

static void post_to(struct port *p, struct reactor *door, struct msg *m,
		    void (*run)(struct reactor *here, struct msg *m))
{
	CHECK_OBJ_NOTNULL(p, PORT_MAGIC);
	m->run = run;
	reactor_post(door, p->lane->reactor, m);
}

void port_finish(struct port *p, struct reactor *door)
{
	post_to(p, door, &p->finish, run_finish);
}

void port_close(struct port *p, struct reactor *door)
{
	post_to(p, door, &p->close, run_close);
}

void port_take_down(struct port *p, struct reactor *door,
		    void (*emptied)(struct reactor *here, struct msg *m))
{
	p->emptied.run = emptied;
	p->door = door;
	post_to(p, door, &p->taken_down, run_take_down);
}

void port_count(const struct port *p, struct net_traffic *out)
{
	const struct traffic *t = &p->traffic;
	uint64_t closed = traffic_of(t, TRAFFIC_CLOSED);
	*out = (struct net_traffic){
		/* Closed first: nobody is closed who was not admitted. */
		.connections = traffic_of(t, TRAFFIC_ADMITTED) - closed,
		.closed = closed,
		.frames = traffic_of(t, TRAFFIC_FRAMES),
		.bytes_in = traffic_of(t, TRAFFIC_BYTES_IN),
		.bytes_out = traffic_of(t, TRAFFIC_BYTES_OUT),
		.handshakes = traffic_of(t, TRAFFIC_HANDSHAKES),
		.handshakes_failed = traffic_of(t, TRAFFIC_HANDSHAKES_FAILED),
	};
}

void port_evict(struct port *p)
{
	CHECK_OBJ_NOTNULL(p, PORT_MAGIC);
	struct list *l = list_empty(&p->conns) ? &p->opening : &p->conns;
	if (!list_empty(l))
		conn_close(list_entry(l->next, struct conn, link), "max.connections is reached");
}
