/* door.c - see door_priv.h.
 *
 * A gate (one listener) watches its socket while it may accept. It looks the other way while it is paused by
 * its timer (too fast, or no descriptor left), or while there is no slot for one more connection; then peers
 * wait in the kernel's backlog, as with Kafka.
 */
#include "broker/net/door_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/net/tls_watch_priv.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

enum { DOOR_MAGIC = 0x0d00207e, GATE_MAGIC = 0x06a7e11d, GUEST_MAGIC = 0x064e57aa, EVICT_MAGIC = 0x0e71c7ee };
enum { NS_IN_MS = 1000000, LOG_EVERY_MS = 1000 };
#define NS_IN_S INT64_C(1000000000)

#define LOGGER "kafka.network.DataPlaneAcceptor"

/* So many a second, and as many at once after a quiet second. */
struct pace {
	int64_t per_s;    /* -1: no limit */
	int64_t next_ns;  /* when the one after those already let in would be due */
};

struct gate {
	unsigned magic;
	struct door *door;
	const struct net_listener *listener;
	int index;
	struct io io;
	struct sys_addr bound;
	struct timer pause;
	struct list guests;    /* in their order of arrival */
	int64_t count;
	struct pace pace;
	struct tls_watch tls;  /* when the listener has TLS */
};

struct ip_max {
	struct sys_addr addr;
	int64_t max;
};

struct door {
	unsigned magic;
	struct reactor *reactor;
	struct reactor **cores;
	int n_cores;
	struct port *ports;    /* of core i: ports + i * NET_LISTENERS_MAX */
	int n_gates;
	struct gate gates[NET_LISTENERS_MAX];
	bool open;
	int64_t max_connections, max_per_ip;
	int send_buffer_bytes, receive_buffer_bytes;
	int64_t count;
	int64_t *per_core;
	struct pace pace;
	struct ip_table *ips;
	struct ip_max *ip_maxes;
	int n_ip_maxes;
	struct timer tls_poll;
	struct log_limit log;
	void (*when_empty)(void *arg);
	void *when_empty_arg;
	atomic_ullong accepted, refused;
};

static void look_all(struct door *d);

/* ---- limits ---- */

/* How long until one more may come; then it is counted. */
static int64_t pace_wait_ns(const struct pace *p, int64_t now)
{
	if (p->per_s < 0)
		return 0;
	if (p->per_s == 0)
		return NS_IN_S;
	return max_of(p->next_ns - now - NS_IN_S, INT64_C(0));
}

static void pace_count(struct pace *p, int64_t now)
{
	if (p->per_s > 0)
		p->next_ns = max_of(p->next_ns, now) + NS_IN_S / p->per_s;
}

/* Kafka: with several listeners the brokers' own is never short of a slot because of the others. */
static bool is_protected(const struct gate *g)
{
	return g->listener->inter_broker && g->door->n_gates > 1;
}

static bool has_slot(const struct gate *g)
{
	const struct door *d = g->door;
	if (g->listener->max_connections >= 0 && g->count >= g->listener->max_connections)
		return false;
	return is_protected(g) || d->max_connections < 0 || d->count < d->max_connections;
}

static int64_t ip_max(const struct door *d, const struct sys_addr *peer)
{
	for (int i = 0; i < d->n_ip_maxes; i++) {
		const struct sys_addr *a = &d->ip_maxes[i].addr;
		if (a->len == peer->len && memcmp(a->raw, peer->raw, a->len) == 0)
			return d->ip_maxes[i].max;
	}
	return d->max_per_ip;
}

/* ---- guests ---- */

static void guest_forget(struct guest *g)
{
	struct gate *gate = g->gate;
	struct door *d = gate->door;
	list_remove(&g->link);
	gate->count--;
	d->count--;
	d->per_core[g->core]--;
	ip_table_remove(d->ips, g->ip);
	FREE_OBJ(g);
	if (d->count == 0 && d->when_empty) {
		void (*run)(void *arg) = d->when_empty;
		d->when_empty = NULL;
		run(d->when_empty_arg);
	} else {
		look_all(d);
	}
}

static void guest_came_back(struct reactor *here, struct msg *m)
{
	struct guest *g = container_of(m, struct guest, msg);
	CHECK_OBJ(g, GUEST_MAGIC);
	must(here == g->gate->door->reactor);
	guest_forget(g);
}

void guest_leaves(struct guest *g, struct reactor *here)
{
	CHECK_OBJ_NOTNULL(g, GUEST_MAGIC);
	g->msg.run = guest_came_back;
	reactor_post(here, g->gate->door->reactor, &g->msg);
}

static struct port *port_of(const struct door *d, int core, const struct gate *g)
{
	return &d->ports[core * NET_LISTENERS_MAX + g->index];
}

static void guest_arrives(struct reactor *here, struct msg *m)
{
	struct guest *g = container_of(m, struct guest, msg);
	CHECK_OBJ(g, GUEST_MAGIC);
	must(here == g->gate->door->cores[g->core]);
	port_admit(port_of(g->gate->door, g->core, g->gate), g);
}

static int quietest_core(const struct door *d)
{
	int best = 0;
	for (int i = 1; i < d->n_cores; i++)
		if (d->per_core[i] < d->per_core[best])
			best = i;
	return best;
}

static void let_in(struct gate *gate, int fd, const struct sys_addr *peer, struct ip_count *ip)
{
	struct door *d = gate->door;
	struct guest *g;
	ALLOC_OBJ(g, GUEST_MAGIC);
	g->gate = gate;
	g->ip = ip;
	g->fd = fd;
	g->peer = *peer;
	g->core = quietest_core(d);
	g->tls = gate->listener->tls ? tlsctx_get(gate->tls.now) : NULL;
	g->msg.run = guest_arrives;
	list_push_back(&gate->guests, &g->link);
	gate->count++;
	d->count++;
	d->per_core[g->core]++;
	atomic_fetch_add_explicit(&d->accepted, 1, memory_order_relaxed);
	if (d->cores[g->core] == d->reactor)
		guest_arrives(d->reactor, &g->msg);
	else
		reactor_post(d->reactor, d->cores[g->core], &g->msg);
}

/* ---- making room ---- */

struct evict {
	unsigned magic;
	struct msg msg;
	struct port *port;
};

static void evict(struct reactor *here, struct msg *m)
{
	struct evict *e = container_of(m, struct evict, msg);
	CHECK_OBJ(e, EVICT_MAGIC);
	reactor_must_be_here(here);
	port_evict(e->port);
	FREE_OBJ(e);
}

/* A protected listener has taken a connection above max.connections: another listener gives one up, the least
 * recently active on the core of its oldest. */
static void make_room(struct door *d)
{
	struct gate *from = NULL;
	struct evict *e;
	for (int i = 0; i < d->n_gates; i++)
		if (!is_protected(&d->gates[i]) && d->gates[i].count > (from ? from->count : 0))
			from = &d->gates[i];
	if (!from)
		return;
	int core = list_entry(from->guests.next, struct guest, link)->core;
	ALLOC_OBJ(e, EVICT_MAGIC);
	e->msg.run = evict;
	e->port = port_of(d, core, from);
	reactor_post(d->reactor, d->cores[core], &e->msg);
}

/* ---- accepting ---- */

static void out_of_means(struct gate *g, int rc)
{
	struct door *d = g->door;
	if (log_limited(&d->log, reactor_wall_ms(d->reactor), LOG_EVERY_MS))
		log_error(LOGGER, "Listener %s cannot accept connections for now: %s%s", g->listener->name,
			  strerror(-rc), rc == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
	timer_arm(d->reactor, &g->pause, DOOR_PAUSE_MS);
}

static void look(struct gate *g)
{
	struct door *d = g->door;
	bool accepts = d->open && has_slot(g) && !timer_armed(&g->pause);
	int rc = io_watch(d->reactor, &g->io, accepts ? SYS_READABLE : 0);
	if (rc < 0)
		out_of_means(g, rc);
}

static void look_all(struct door *d)
{
	for (int i = 0; i < d->n_gates && d->open; i++)
		look(&d->gates[i]);
}

static void paused(struct reactor *here, struct timer *t)
{
	struct gate *g = container_of(t, struct gate, pause);
	CHECK_OBJ(g, GATE_MAGIC);
	reactor_must_be_here(here);
	look(g);
}

static void check_in(struct gate *g, int fd, const struct sys_addr *peer)
{
	struct door *d = g->door;
	int64_t max = ip_max(d, peer);
	struct ip_count *ip = ip_table_add(d->ips, peer, max);
	if (!ip) {
		sys_close(fd);
		atomic_fetch_add_explicit(&d->refused, 1, memory_order_relaxed);
		if (log_limited(&d->log, reactor_wall_ms(d->reactor), LOG_EVERY_MS))
			log_info(LOGGER,
				 "Rejected connection from %s, address already has the configured maximum of "
				 "%lld connections.", peer->text, (long long)max);
		return;
	}
	let_in(g, fd, peer, ip);
	if (d->max_connections >= 0 && d->count > d->max_connections)
		make_room(d);
}

/* One connection. False when there is none, or none may come now. */
static bool accept_one(struct gate *g)
{
	struct door *d = g->door;
	struct sys_addr peer;
	int64_t now = reactor_now_ns(d->reactor);
	int64_t wait = max_of(pace_wait_ns(&d->pace, now), pace_wait_ns(&g->pace, now));
	if (!has_slot(g))
		return false;
	if (wait > 0) {
		timer_arm(d->reactor, &g->pause, (wait + NS_IN_MS - 1) / NS_IN_MS);
		return false;
	}
	int fd = sys_accept(g->io.fd, &peer);
	if (fd < 0) {
		if (fd != -EAGAIN)
			out_of_means(g, fd);
		return false;
	}
	pace_count(&d->pace, now);
	pace_count(&g->pace, now);
	sys_socket_buffers(fd, d->send_buffer_bytes, d->receive_buffer_bytes);
	check_in(g, fd, &peer);
	return true;
}

static void gate_ready(struct reactor *here, struct io *io, uint32_t events)
{
	struct gate *g = container_of(io, struct gate, io);
	CHECK_OBJ(g, GATE_MAGIC);
	must(here == g->door->reactor);
	(void)events;
	for (int i = 0; i < DOOR_BATCH && accept_one(g); i++)
		;
	if (g->door->open)
		look(g);
}

/* ---- certificates ---- */

static void look_at_certificates(struct door *d, bool must_try)
{
	for (int i = 0; i < d->n_gates; i++)
		if (d->gates[i].listener->tls)
			tls_watch_look(&d->gates[i].tls, d->reactor, must_try);
}

static void tls_poll(struct reactor *here, struct timer *t)
{
	struct door *d = container_of(t, struct door, tls_poll);
	CHECK_OBJ(d, DOOR_MAGIC);
	look_at_certificates(d, false);
	timer_arm(here, t, NET_TLS_POLL_MS);
}

void door_reload(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	if (d->open)
		look_at_certificates(d, true);
}

/* ---- life ---- */

static int bind_gate(struct gate *g, int backlog, char error[TLS_ERROR_BYTES])
{
	const struct net_listener *l = g->listener;
	/* Sockets that share their port would let two brokers listen on one without a word. */
	int rc = l->port ? sys_port_taken(l->host, l->port) : 0;
	if (rc == 0)
		rc = sys_listen(l->host, l->port, backlog, &g->bound);
	if (rc < 0)
		snprintf(error, TLS_ERROR_BYTES, "listener %s cannot listen on %s:%u: %s", l->name,
			 l->host && l->host[0] ? l->host : "*", l->port, strerror(-rc));
	else
		g->io.fd = rc;
	return min_of(rc, 0);
}

static int gate_init(struct gate *g, struct door *d, int index, const struct net_config *config,
		     char error[TLS_ERROR_BYTES])
{
	const struct net_listener *l = &config->listeners[index];
	*g = (struct gate){ .magic = GATE_MAGIC, .door = d, .listener = l, .index = index };
	g->io = (struct io){ .fd = -1, .ready = gate_ready };
	g->pause.fire = paused;
	g->pace.per_s = l->max_creation_rate;
	list_init(&g->guests);
	int rc = l->tls ? tls_watch_init(&g->tls, l->tls, l->name, error) : 0;
	return rc < 0 ? rc : bind_gate(g, config->backlog, error);
}

static void gate_fini(struct gate *g)
{
	must(!g->io.watched && list_empty(&g->guests));
	if (g->io.fd >= 0)
		sys_close(g->io.fd);
	if (g->listener->tls)
		tls_watch_fini(&g->tls);
	g->magic = 0;
}

/* A name may have several addresses: the limit is of each. */
static int resolve_ip_maxes(struct door *d, const struct net_config *config, char error[TLS_ERROR_BYTES])
{
	enum { ADDRESSES_MAX = 16 };
	for (int i = 0; i < config->n_ip_limits; i++) {
		const struct net_ip_limit *l = &config->ip_limits[i];
		struct sys_addr found[ADDRESSES_MAX];
		int n = sys_resolve(l->host, 0, found, ADDRESSES_MAX);
		if (n <= 0) {
			snprintf(error, TLS_ERROR_BYTES, "max.connections.per.ip.overrides: %s has no "
				 "address: %s", l->host, strerror(n < 0 ? -n : ENOENT));
			return n < 0 ? n : -ENOENT;
		}
		d->ip_maxes = mem_realloc(d->ip_maxes, (size_t)(d->n_ip_maxes + n) * sizeof *d->ip_maxes);
		for (int k = 0; k < n; k++)
			d->ip_maxes[d->n_ip_maxes++] = (struct ip_max){ found[k], l->max_connections };
	}
	return 0;
}

struct door *door_new(const struct net_config *config, struct reactor **cores, int n_cores,
		      struct port *ports, char error[TLS_ERROR_BYTES])
{
	struct door *d;
	must(n_cores > 0 && config->n_listeners <= NET_LISTENERS_MAX);
	ALLOC_OBJ(d, DOOR_MAGIC);
	d->reactor = cores[0];
	d->cores = cores;
	d->n_cores = n_cores;
	d->ports = ports;
	d->max_connections = config->max_connections;
	d->max_per_ip = config->max_per_ip;
	d->send_buffer_bytes = config->send_buffer_bytes;
	d->receive_buffer_bytes = config->receive_buffer_bytes;
	d->pace.per_s = config->max_creation_rate;
	d->per_core = mem_zalloc((size_t)n_cores * sizeof *d->per_core);
	d->ips = ip_table_new();
	d->tls_poll.fire = tls_poll;
	int rc = resolve_ip_maxes(d, config, error);
	for (int i = 0; i < config->n_listeners && rc == 0; i++)
		rc = gate_init(&d->gates[d->n_gates++], d, i, config, error);
	if (rc == 0)
		return d;
	door_free(d);
	return NULL;
}

const struct sys_addr *door_address(const struct door *d, int listener)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	must(listener >= 0 && listener < d->n_gates);
	return &d->gates[listener].bound;
}

void door_free(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	must(!d->open && d->count == 0);
	for (int i = 0; i < d->n_gates; i++)
		gate_fini(&d->gates[i]);
	ip_table_free(d->ips);
	free(d->ip_maxes);
	free(d->per_core);
	FREE_OBJ(d);
}

void door_open(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	d->open = true;
	look_all(d);
	timer_arm(d->reactor, &d->tls_poll, NET_TLS_POLL_MS);
}

void door_shut(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	d->open = false;
	timer_cancel(d->reactor, &d->tls_poll);
	for (int i = 0; i < d->n_gates; i++) {
		struct gate *g = &d->gates[i];
		timer_cancel(d->reactor, &g->pause);
		io_unwatch(d->reactor, &g->io);
		sys_close(g->io.fd);
		g->io.fd = -1;
	}
}

void door_when_empty(struct door *d, void (*run)(void *arg), void *arg)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	must(!d->open && d->when_empty == NULL);
	d->when_empty = run;
	d->when_empty_arg = arg;
	if (d->count == 0) {
		d->when_empty = NULL;
		run(arg);
	}
}

void door_count(const struct door *d, struct door_counters *out)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	out->accepted = atomic_load_explicit(&d->accepted, memory_order_relaxed);
	out->refused = atomic_load_explicit(&d->refused, memory_order_relaxed);
}
