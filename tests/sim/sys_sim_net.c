/* sys_sim_net.c - the simulated network: streams of bytes that are cut anywhere and take their time.
 *
 * A connection has two ends. What one end sends is cut into pieces; each piece arrives at the other end, in
 * order, by an event. An end that closes sends a last piece that says so (FIN), or a reset when bytes were
 * left unread. A piece that arrives at an end that is closed is answered with a reset. One that would arrive
 * at a host without power is lost; one whose way is cut is tried again later.
 */
#include "tests/sim/sys_sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	WINDOW_BYTES = 128 * 1024,    /* most that is under way or unread in one direction */
	PIECES_MAX = 64,              /* of one send */
	RETRY_NS = 200 * SIM_MS,      /* of a packet that does not get through */
	LOOPBACK_NS = 20000,
	PORTS_FIRST = 32768,
};

struct piece {
	struct list link;
	int64_t at_ns;
	bool last;       /* FIN */
	size_t n;
	uint8_t bytes[];
};

enum end_state {
	END_NONE,        /* the accepting one, before the request to connect has arrived */
	END_CONNECTING,
	END_QUEUED,      /* connected, and in a listener's queue */
	END_OPEN,
	END_CLOSED,      /* its descriptor is gone */
};

struct end {
	struct sim_fd fd;
	struct conn *conn;
	enum end_state state;
	struct sim_host *host;
	struct sys_addr peer;        /* the other's address, as seen from here */
	struct list queued;          /* END_QUEUED: in listener.queue */
	/* What comes in. */
	struct list pieces;          /* under way, in order */
	size_t under_way;            /* their bytes */
	struct sim_event arrival;    /* of the first */
	uint8_t *unread;
	size_t unread_n, window;
	bool end_seen;               /* the peer's last piece is here */
	bool missed;                 /* something came while the host was without power */
	/* What went out. */
	bool end_sent;
	/* Resets. */
	struct sim_event reset;      /* on its way to us */
	int error;                   /* told by the next call, then 0 */
	bool broken;                 /* reset: nothing more goes out */
};

struct conn {
	uint64_t id;
	struct end ends[2];          /* who connected, who accepted */
	struct sim_event request;    /* on its way, or the answer to it */
	struct sys_addr to;
	struct list link;
};

struct listener {
	struct sim_fd fd;
	struct list link;            /* in net.listeners */
	struct sys_addr at;          /* len 0: every address */
	struct list queue;           /* ends, until sys_accept() */
	int queue_n, backlog;
};

static struct {
	uint64_t next_id;
	struct list listeners, conns;
} net;

static const struct sim_fd_kind end_kind, listener_kind;

void sim_net_init(void)
{
	net.next_id = 1;
	list_init(&net.listeners);
	list_init(&net.conns);
}

static struct end *other(struct end *e)
{
	return e == &e->conn->ends[0] ? &e->conn->ends[1] : &e->conn->ends[0];
}

/* ---- addresses ---- */

static const uint8_t loopback[4] = { 127, 0, 0, 1 }, every_address[4] = { 0, 0, 0, 0 };

static void addr_set(struct sys_addr *a, const uint8_t raw[4], uint16_t port)
{
	*a = (struct sys_addr){ .len = 4, .port = port };
	memcpy(a->raw, raw, 4);
	snprintf(a->text, sizeof a->text, "%u.%u.%u.%u", raw[0], raw[1], raw[2], raw[3]);
}

static bool is_loopback(const struct sys_addr *a)
{
	return a->len == 4 && a->raw[0] == 127;
}

/* Numbers, "localhost", or a host's name. */
static int lookup(const char *host, uint16_t port, struct sys_addr *out)
{
	uint8_t b[4];
	char rest;
	if (sscanf(host, "%3hhu.%3hhu.%3hhu.%3hhu%c", &b[0], &b[1], &b[2], &b[3], &rest) == 4) {
		addr_set(out, b, port);
		return 0;
	}
	if (strcmp(host, "localhost") == 0) {
		addr_set(out, loopback, port);
		return 0;
	}
	struct sim_host *h;
	for (int i = 0; (h = sim_host_at(i)) != NULL; i++) {
		if (strcmp(h->name, host) == 0) {
			addr_set(out, h->address, port);
			return 0;
		}
	}
	return -ENOENT;
}

int sys_resolve(const char *host, uint16_t port, struct sys_addr *out, int max)
{
	must(max > 0);
	int rc = lookup(host, port, out);
	return rc < 0 ? rc : 1;
}

/* The host that has this address, seen from `from`; NULL when none has. */
static struct sim_host *host_of(const struct sys_addr *a, struct sim_host *from)
{
	struct sim_host *h;
	if (is_loopback(a))
		return from;
	for (int i = 0; (h = sim_host_at(i)) != NULL; i++)
		if (a->len == 4 && memcmp(a->raw, h->address, 4) == 0)
			return h;
	return NULL;
}

/* ---- the way between two hosts ---- */

static int64_t latency(const struct sim_host *a, const struct sim_host *b)
{
	int64_t most = a == b ? LOOPBACK_NS : sim_nature()->latency_ns;
	return most / 10 + (int64_t)sim_dice((uint64_t)most);
}

static bool is_cut(const struct sim_host *a, const struct sim_host *b)
{
	return a != b && a->cut[b->number];
}

/* ---- listening ---- */

static uint32_t listener_ready(struct sim_fd *f)
{
	struct listener *l = container_of(f, struct listener, fd);
	return list_empty(&l->queue) ? 0 : SYS_READABLE;
}

/* Where a listener here listens; at->len stays 0 for every address. */
static int bind_to(const char *host, uint16_t port, struct sys_addr *at)
{
	*at = (struct sys_addr){ .port = port };
	if (!host || !host[0] || strcmp(host, "0.0.0.0") == 0)
		return 0;
	int rc = lookup(host, port, at);
	if (rc < 0)
		return rc;
	return is_loopback(at) || memcmp(at->raw, sim_here()->address, 4) == 0 ? 0 : -EADDRNOTAVAIL;
}

static uint16_t free_port(struct sim_host *h)
{
	if (h->next_port < PORTS_FIRST)
		h->next_port = PORTS_FIRST;
	return h->next_port++;
}

int sys_listen(const char *host, uint16_t port, int backlog, struct sys_addr *bound)
{
	struct sys_addr at;
	int rc = bind_to(host, port ? port : free_port(sim_here()), &at);
	if (rc < 0)
		return rc;
	struct listener *l = mem_zalloc(sizeof *l);
	l->at = at;
	l->backlog = backlog;
	list_init(&l->queue);
	list_push_back(&net.listeners, &l->link);
	*bound = at;
	if (at.len == 0)
		addr_set(bound, every_address, at.port);
	return sim_fd_new(&l->fd, &listener_kind);
}

/* Whether `l` takes connections to `to` on `h`. */
static bool listens(const struct listener *l, const struct sim_host *h, const struct sys_addr *to)
{
	if (l->fd.host != h || l->at.port != to->port)
		return false;
	return l->at.len == 0 || memcmp(l->at.raw, to->raw, 4) == 0;
}

int sys_port_taken(const char *host, uint16_t port)
{
	struct sys_addr at;
	int rc = bind_to(host, port, &at);
	if (rc < 0)
		return rc;
	list_for_each(it, &net.listeners) {
		struct listener *l = list_entry(it, struct listener, link);
		if (l->fd.host == sim_here() && l->at.port == port &&
		    (at.len == 0 || l->at.len == 0 || memcmp(at.raw, l->at.raw, 4) == 0))
			return -EADDRINUSE;
	}
	return 0;
}

/* Of several that share the port the kernel takes any. */
static struct listener *listener_for(const struct sim_host *h, const struct sys_addr *to)
{
	struct listener *picked = NULL;
	uint64_t n = 0;
	list_for_each(it, &net.listeners) {
		struct listener *l = list_entry(it, struct listener, link);
		if (listens(l, h, to) && sim_dice(++n) == 0)
			picked = l;
	}
	return picked;
}

/* ---- resets ---- */

static void drop_pieces(struct end *e)
{
	struct list *l;
	while ((l = list_pop_front(&e->pieces)) != NULL)
		free(list_entry(l, struct piece, link));
	e->under_way = 0;
	sim_unplan(&e->arrival);
}

static void reset_arrives(struct sim_event *ev)
{
	struct end *e = container_of(ev, struct end, reset);
	struct sim_host *from = other(e)->host;
	if (e->state == END_CLOSED)
		return;
	if (is_cut(e->host, from)) {
		sim_plan(ev, RETRY_NS, reset_arrives);
		return;
	}
	sim_note("reset", e->conn->id, e == e->conn->ends);
	drop_pieces(e);
	e->error = e->state == END_CONNECTING ? ECONNREFUSED : ECONNRESET;
	e->broken = true;
}

static void send_reset(struct end *to)
{
	if (to->state != END_NONE && to->state != END_CLOSED && !to->broken && !sim_planned(&to->reset))
		sim_plan(&to->reset, latency(to->host, other(to)->host), reset_arrives);
}

/* ---- pieces ---- */

static void piece_arrives(struct sim_event *ev);

static void plan_arrival(struct end *e)
{
	if (list_empty(&e->pieces) || sim_planned(&e->arrival))
		return;
	struct piece *p = list_entry(e->pieces.next, struct piece, link);
	sim_plan(&e->arrival, max_of(p->at_ns - sim_now_ns(), (int64_t)0), piece_arrives);
}

static void take_piece(struct end *e, struct piece *p)
{
	if (p->n > 0) {
		e->unread = mem_realloc(e->unread, e->unread_n + p->n);
		memcpy(e->unread + e->unread_n, p->bytes, p->n);
		e->unread_n += p->n;
	}
	e->end_seen |= p->last;
}

static void piece_arrives(struct sim_event *ev)
{
	struct end *e = container_of(ev, struct end, arrival);
	if (is_cut(e->host, other(e)->host)) {
		sim_plan(ev, RETRY_NS, piece_arrives);
		return;
	}
	must(!list_empty(&e->pieces));
	struct piece *p = list_entry(e->pieces.next, struct piece, link);
	list_remove(&p->link);
	e->under_way -= p->n;
	sim_note_bytes("piece", e->conn->id, p->bytes, p->n);
	if (e->state != END_CLOSED)
		take_piece(e, p);
	else if (!e->host->up)
		e->missed = true;
	else if (p->n > 0)
		send_reset(other(e));
	free(p);
	plan_arrival(e);
}

static void send_piece(struct end *to, const uint8_t *bytes, size_t n, bool last)
{
	struct piece *p = mem_alloc(sizeof *p + n);
	int64_t earliest = sim_now_ns() + latency(to->host, other(to)->host);
	if (!list_empty(&to->pieces)) {
		struct piece *before = list_entry(to->pieces.prev, struct piece, link);
		earliest = max_of(earliest, before->at_ns);
	}
	*p = (struct piece){ .at_ns = earliest, .last = last, .n = n };
	if (n > 0)
		memcpy(p->bytes, bytes, n);
	list_push_back(&to->pieces, &p->link);
	to->under_way += n;
	plan_arrival(to);
}

/* ---- closing ---- */

static void end_free(struct end *e)
{
	drop_pieces(e);
	sim_unplan(&e->reset);
	free(e->unread);
	e->unread = NULL;
}

static void conn_free_if_over(struct conn *c)
{
	for (int i = 0; i < 2; i++)
		if (c->ends[i].state != END_CLOSED && c->ends[i].state != END_NONE)
			return;
	sim_unplan(&c->request);
	end_free(&c->ends[0]);
	end_free(&c->ends[1]);
	list_remove(&c->link);
	free(c);
}

static void end_shut(struct end *e)
{
	struct end *peer = other(e);
	if (e->end_sent || e->broken || peer->state == END_NONE)
		return;
	e->end_sent = true;
	send_piece(peer, NULL, 0, true);
}

static void end_close(struct end *e, bool vanished)
{
	struct end *peer = other(e);
	must(e->state != END_CLOSED && e->state != END_NONE);
	if (!vanished && (e->unread_n > 0 || e->under_way > 0))
		send_reset(peer);
	else if (!vanished)
		end_shut(e);
	e->state = END_CLOSED;
	sim_unplan(&e->reset);
	conn_free_if_over(e->conn);
}

static void end_fd_close(struct sim_fd *f, bool vanished)
{
	end_close(container_of(f, struct end, fd), vanished);
}

static void listener_close(struct sim_fd *f, bool vanished)
{
	struct listener *l = container_of(f, struct listener, fd);
	struct list *it;
	list_remove(&l->link);
	while ((it = list_pop_front(&l->queue)) != NULL) {
		struct end *e = list_entry(it, struct end, queued);
		if (!vanished)
			send_reset(other(e));
		end_close(e, true);
	}
	free(l);
}

/* Those that still believe in a connection to a host that lost its power: what they send again, or send now,
 * is answered by one that knows nothing of it. */
void sim_net_booted(struct sim_host *h)
{
	list_for_each(it, &net.conns) {
		struct conn *c = list_entry(it, struct conn, link);
		for (int i = 0; i < 2; i++)
			if (c->ends[i].host == h && c->ends[i].missed)
				send_reset(&c->ends[1 - i]);
	}
}

/* ---- connecting ---- */

static void end_init(struct end *e, struct conn *c, struct sim_host *h)
{
	*e = (struct end){ .conn = c, .host = h, .window = WINDOW_BYTES };
	list_init(&e->pieces);
}

static void request_granted(struct sim_event *ev)
{
	struct conn *c = container_of(ev, struct conn, request);
	struct end *e = &c->ends[0];
	if (is_cut(e->host, c->ends[1].host)) {
		sim_plan(ev, RETRY_NS, request_granted);
		return;
	}
	sim_note("connected", c->id, 0);
	if (e->state == END_CONNECTING && !e->broken)
		e->state = END_OPEN;
}

static void enqueue(struct listener *l, struct conn *c)
{
	struct end *e = &c->ends[1];
	struct sim_host *from = c->ends[0].host;
	e->state = END_QUEUED;
	addr_set(&e->peer, is_loopback(&c->to) ? loopback : from->address, free_port(from));
	list_push_back(&l->queue, &e->queued);
	l->queue_n++;
	sim_plan(&c->request, latency(e->host, from), request_granted);
}

static void request_arrives(struct sim_event *ev)
{
	struct conn *c = container_of(ev, struct conn, request);
	struct end *from = &c->ends[0];
	struct sim_host *h = c->ends[1].host;
	struct listener *l = h && h->up ? listener_for(h, &c->to) : NULL;
	sim_note("request", c->id, l != NULL);
	if (!h || !h->up || is_cut(h, from->host) || (l && l->queue_n >= l->backlog))
		sim_plan(ev, RETRY_NS, request_arrives); /* nobody answers: the kernel asks again */
	else if (l)
		enqueue(l, c);
	else
		send_reset(from);
}

int sys_connect(const struct sys_addr *to)
{
	struct conn *c = mem_zalloc(sizeof *c);
	struct sim_host *h = host_of(to, sim_here());
	c->id = net.next_id++;
	c->to = *to;
	end_init(&c->ends[0], c, sim_here());
	end_init(&c->ends[1], c, h);
	c->ends[0].state = END_CONNECTING;
	list_push_back(&net.conns, &c->link);
	sim_plan(&c->request, h ? latency(sim_here(), h) : RETRY_NS, request_arrives);
	return sim_fd_new(&c->ends[0].fd, &end_kind);
}

int sys_accept(int listener, struct sys_addr *peer)
{
	struct listener *l = container_of(sim_fd_get(listener, &listener_kind), struct listener, fd);
	struct list *it = list_pop_front(&l->queue);
	if (!it)
		return -EAGAIN;
	struct end *e = list_entry(it, struct end, queued);
	l->queue_n--;
	e->state = END_OPEN;
	*peer = e->peer;
	return sim_fd_new(&e->fd, &end_kind);
}

static struct end *end_get(int fd)
{
	return container_of(sim_fd_get(fd, &end_kind), struct end, fd);
}

static int take_error(struct end *e)
{
	int error = e->error;
	e->error = 0;
	return -error;
}

int sys_connected(int fd)
{
	return take_error(end_get(fd));
}

void sys_socket_buffers(int fd, int send_bytes, int receive_bytes)
{
	struct end *e = end_get(fd);
	if (receive_bytes > 0)
		e->window = (size_t)receive_bytes;
	if (send_bytes > 0)
		other(e)->window = min_of(other(e)->window, (size_t)send_bytes);
}

/* ---- bytes ---- */

static size_t room(struct end *e)
{
	struct end *peer = other(e);
	size_t used = peer->under_way + peer->unread_n;
	return used < peer->window ? peer->window - used : 0;
}

static uint32_t end_ready(struct sim_fd *f)
{
	struct end *e = container_of(f, struct end, fd);
	if (e->broken)
		return SYS_READABLE | SYS_WRITABLE | SYS_HANGUP;
	if (e->state == END_CONNECTING)
		return 0;
	uint32_t events = 0;
	if (e->unread_n > 0 || e->end_seen)
		events |= SYS_READABLE;
	if (room(e) > 0 || e->end_sent)
		events |= SYS_WRITABLE;
	if (e->end_seen && e->end_sent)
		events |= SYS_HANGUP;
	return events;
}

static const struct sim_fd_kind end_kind = { "socket", end_ready, end_fd_close };
static const struct sim_fd_kind listener_kind = { "listener", listener_ready, listener_close };

ssize_t sys_recv(int fd, void *p, size_t n)
{
	struct end *e = end_get(fd);
	size_t k = min_of(n, e->unread_n);
	if (k > 0) {
		memcpy(p, e->unread, k);
		memmove(e->unread, e->unread + k, e->unread_n - k);
		e->unread_n -= k;
		return (ssize_t)k;
	}
	if (e->error)
		return take_error(e);
	return e->end_seen || e->broken ? 0 : -EAGAIN;
}

static void send_pieces(struct end *e, const uint8_t *bytes, size_t n)
{
	size_t least = n / PIECES_MAX + 1;
	while (n > 0) {
		size_t k = min_of(n, max_of(least, 1 + (size_t)sim_dice(sim_nature()->piece_bytes)));
		send_piece(other(e), bytes, k, false);
		bytes += k;
		n -= k;
	}
}

static ssize_t send_some(struct end *e, const uint8_t *bytes, size_t n)
{
	if (e->error)
		return take_error(e);
	if (e->broken || e->end_sent)
		return -EPIPE;
	size_t k = min_of(n, room(e));
	if (k == 0 || e->state == END_CONNECTING)
		return n == 0 ? 0 : -EAGAIN;
	if (sim_chance(sim_nature()->short_percent))
		k = 1 + (size_t)sim_dice(k);
	sim_note_bytes("send", e->conn->id, bytes, k);
	send_pieces(e, bytes, k);
	return (ssize_t)k;
}

ssize_t sys_sendv(int fd, const struct iovec *iov, int n, bool more)
{
	struct end *e = end_get(fd);
	size_t total = 0, used = 0;
	(void)more; /* what leaves together need not arrive together */
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	total = min_of(total, (size_t)WINDOW_BYTES);
	uint8_t *all = mem_alloc(total);
	for (int i = 0; i < n && used < total; i++) {
		size_t k = min_of(iov[i].iov_len, total - used);
		memcpy(all + used, iov[i].iov_base, k);
		used += k;
	}
	ssize_t sent = send_some(e, all, total);
	free(all);
	return sent;
}

ssize_t sys_sendfile(int socket, int file, int64_t offset, size_t n)
{
	struct end *e = end_get(socket);
	n = min_of(n, (size_t)WINDOW_BYTES);
	uint8_t *bytes = mem_alloc(n);
	ssize_t k = sys_pread(file, bytes, n, offset);
	if (k > 0)
		k = send_some(e, bytes, (size_t)k);
	free(bytes);
	return k;
}

void sys_shutdown_write(int fd)
{
	end_shut(end_get(fd));
}
