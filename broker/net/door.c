/* door.c - see door_priv.h.
 *
 * A gate (one listener) watches its socket while it may accept. It looks the other way while it is paused by
 * its timer (too fast, or no descriptor left), or while there is no slot for one more connection and
 * somebody wants it; then peers wait in the kernel's backlog, as with Kafka. It is blocked from when a peer
 * is seen to wait until it looks again.
 */
#include "broker/net/door_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/net/gate_priv.h"

#include <errno.h>
#include <stdatomic.h>

enum { DOOR_MAGIC = 0x0d00207e, GUEST_MAGIC = 0x064e57aa, EVICT_MAGIC = 0x0e71c7ee };
enum { NS_IN_MS = 1000000, LOG_EVERY_MS = 1000 };
#define NS_IN_S INT64_C(1000000000)

#define LOGGER "kafka.network.DataPlaneAcceptor"

struct door {
	unsigned magic;
	struct reactor *reactor;
	struct reactor **cores;
	int n_cores;
	struct list gates;
	int n_gates;
	struct list down;      /* gates that were taken down, and are still in use */
	bool open;
	int64_t max_connections, max_per_ip;
	int send_buffer_bytes, receive_buffer_bytes;
	int64_t count;
	int64_t *per_core;
	struct pace pace;
	struct ip_table *ips;
	struct ip_maxes ip_maxes;
	struct timer tls_poll;
	struct log_limit log;
	void (*when_empty)(void *arg);
	void *when_empty_arg;
	atomic_ullong accepted, refused;
};

#define each_gate(g, d) \
	list_for_each_safe(it_##g, &(d)->gates) \
		for (struct gate *g = list_entry(it_##g, struct gate, link); g; g = NULL)

static void look_all(struct door *d);
static void make_room(struct door *d);

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
	return g->listener.inter_broker && g->door->n_gates > 1;
}

static bool has_slot(const struct gate *g)
{
	const struct door *d = g->door;
	if (g->max_connections >= 0 && g->count >= g->max_connections)
		return false;
	return is_protected(g) || d->max_connections < 0 || d->count < d->max_connections;
}

static int64_t ip_max(const struct door *d, const struct sys_addr *peer)
{
	for (int i = 0; i < d->ip_maxes.n; i++) {
		const struct sys_addr *a = &d->ip_maxes.v[i].addr;
		if (a->len == peer->len && memcmp(a->raw, peer->raw, a->len) == 0)
			return d->ip_maxes.v[i].max;
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
	make_room(d);
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

static void guest_arrives(struct reactor *here, struct msg *m)
{
	struct guest *g = container_of(m, struct guest, msg);
	CHECK_OBJ(g, GUEST_MAGIC);
	must(here == g->gate->door->cores[g->core]);
	port_admit(&g->gate->ports[g->core], g);
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
	g->tls = gate->tls.now.ctx ? tlsctx_get(gate->tls.now.ctx) : NULL;
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

/* There are more than max.connections: the limit was lowered, or a protected listener took one above it.
 * Another listener gives one up, the least recently active on the core of its oldest. When that has left,
 * the next one goes. */
static void make_room(struct door *d)
{
	struct gate *from = NULL;
	struct evict *e;
	if (!d->open || d->max_connections < 0 || d->count <= d->max_connections)
		return;
	each_gate(g, d)
		if (!is_protected(g) && g->count > (from ? from->count : 0))
			from = g;
	if (!from)
		return;
	int core = list_entry(from->guests.next, struct guest, link)->core;
	ALLOC_OBJ(e, EVICT_MAGIC);
	e->msg.run = evict;
	e->port = &from->ports[core];
	reactor_post(d->reactor, d->cores[core], &e->msg);
}

/* ---- accepting ---- */

static void out_of_means(struct gate *g, int rc)
{
	struct door *d = g->door;
	if (log_limited(&d->log, reactor_wall_ms(d->reactor), LOG_EVERY_MS))
		log_error(LOGGER, "Listener %s cannot accept connections for now: %s%s", g->listener.name,
			  strerror(-rc), rc == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
	timer_arm(d->reactor, &g->pause, DOOR_PAUSE_MS);
}

/* Somebody waits. Kafka's AcceptorBlockedPercent begins, too, with a connection that is there. */
static void block(struct gate *g)
{
	if (g->blocked_since_ns == 0)
		g->blocked_since_ns = reactor_now_ns(g->door->reactor);
}

static int64_t blocked_ns(const struct gate *g)
{
	int64_t since = g->blocked_since_ns;
	return g->blocked_ns + (since ? reactor_now_ns(g->door->reactor) - since : 0);
}

static void unblock(struct gate *g)
{
	g->blocked_ns = blocked_ns(g);
	g->blocked_since_ns = 0;
}

static void look(struct gate *g)
{
	struct door *d = g->door;
	bool accepts = d->open && !timer_armed(&g->pause) && (has_slot(g) || g->blocked_since_ns == 0);
	if (accepts)
		unblock(g);
	int rc = io_watch(d->reactor, &g->io, accepts ? SYS_READABLE : 0);
	if (rc < 0)
		out_of_means(g, rc);
}

static void look_all(struct door *d)
{
	each_gate(g, d)
		if (d->open)
			look(g);
}

static void paused(struct reactor *here, struct timer *t)
{
	struct gate *g = container_of(t, struct gate, pause);
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
	make_room(d);
}

/* One connection. False when there is none, or none may come now: somebody who `waits` for sure then blocks
 * the gate; of others the poller must tell first. */
static bool accept_one(struct gate *g, bool waits)
{
	struct door *d = g->door;
	struct sys_addr peer;
	int64_t now = reactor_now_ns(d->reactor);
	int64_t wait = max_of(pace_wait_ns(&d->pace, now), pace_wait_ns(&g->pace, now));
	if (!has_slot(g) || wait > 0) {
		if (waits)
			block(g);
		if (waits && wait > 0)
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
	must(here == g->door->reactor);
	(void)events;
	for (int i = 0; i < DOOR_BATCH && accept_one(g, i == 0); i++)
		;
	if (g->door->open)
		look(g);
}

/* ---- certificates ---- */

static void look_at_certificates(struct door *d, bool must_try)
{
	each_gate(g, d)
		if (g->tls.now.ctx)
			tls_watch_look(&g->tls, d->reactor, must_try);
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

static void hang(struct door *d, struct gate *g)
{
	g->door = d;
	g->io.ready = gate_ready;
	g->pause.fire = paused;
	list_push_back(&d->gates, &g->link);
	d->n_gates++;
}

struct door *door_new(const struct net_config *config, struct reactor **cores, int n_cores,
		      struct lane **lanes, char error[TLS_ERROR_BYTES])
{
	struct door *d;
	must(n_cores > 0 && config->n_listeners <= NET_LISTENERS_MAX);
	ALLOC_OBJ(d, DOOR_MAGIC);
	d->reactor = cores[0];
	d->cores = cores;
	d->n_cores = n_cores;
	list_init(&d->gates);
	list_init(&d->down);
	d->max_connections = config->max_connections;
	d->max_per_ip = config->max_per_ip;
	d->send_buffer_bytes = config->send_buffer_bytes;
	d->receive_buffer_bytes = config->receive_buffer_bytes;
	d->pace.per_s = config->max_creation_rate;
	d->per_core = mem_zalloc((size_t)n_cores * sizeof *d->per_core);
	d->ips = ip_table_new();
	d->tls_poll.fire = tls_poll;
	struct gate_plan plan = { config, lanes, n_cores, false };
	int rc = ip_maxes_resolve(&d->ip_maxes, config, error);
	for (int i = 0; i < config->n_listeners && rc == 0; i++) {
		struct gate *g = gate_new(&config->listeners[i], &plan, error);
		if (g)
			hang(d, g);
		else
			rc = -EINVAL;
	}
	if (rc == 0)
		return d;
	door_free(d);
	return NULL;
}

static struct gate *find_gate(struct door *d, const char *name)
{
	each_gate(g, d)
		if (strcmp(g->listener.name, name) == 0)
			return g;
	return NULL;
}

const struct sys_addr *door_address(struct door *d, const char *name)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	const struct gate *g = find_gate(d, name);
	must(g != NULL);
	return &g->bound;
}

static void free_gates(struct list *gates)
{
	for (struct list *it; (it = list_pop_front(gates));)
		gate_free(list_entry(it, struct gate, link));
}

void door_free(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	must(!d->open && d->count == 0);
	free_gates(&d->gates);
	free_gates(&d->down);
	ip_table_free(d->ips);
	free(d->ip_maxes.v);
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
	each_gate(g, d) {
		gate_shut(g, d->reactor);
		for (int i = 0; i < d->n_cores; i++)
			port_finish(&g->ports[i], d->reactor);
	}
}

void door_close_now(struct door *d)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	each_gate(g, d)
		for (int i = 0; i < d->n_cores; i++)
			port_close(&g->ports[i], d->reactor);
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

int door_count_listeners(const struct door *d, struct net_listener_counters out[NET_LISTENERS_MAX],
			 struct arena *arena)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	int n = 0;
	list_for_each(it, &d->gates) {
		const struct gate *g = list_entry(it, struct gate, link);
		must(n < NET_LISTENERS_MAX);
		out[n].name = arena_strdup(arena, slice_str(g->listener.name));
		out[n].cores = arena_array(arena, (size_t)d->n_cores, sizeof *out[n].cores);
		out[n].blocked_ns = blocked_ns(g);
		if (!out[n].name || !out[n].cores)
			break;
		for (int i = 0; i < d->n_cores; i++)
			port_count(&g->ports[i], &out[n].cores[i]);
		n++;
	}
	return n;
}

/* ---- changes ---- */

void door_survey(struct door *d, struct door_change *change)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	for (int i = 0; i < change->to->n_listeners; i++) {
		const struct net_listener *l = &change->to->listeners[i];
		struct door_change_of *c = &change->of[i];
		const struct gate *old = find_gate(d, l->name);
		each_gate(g, d)
			if (g->bound.port == l->port)
				c->shares_port = true;
		c->stays = old && gate_fits(old, l);
		if (!c->stays || !l->tls)
			continue;
		const struct tls_made *tls = old->tls.next.ctx ? &old->tls.next : &old->tls.now;
		c->same_tls = tls_config_same(tls->config, l->tls);
		c->old_tls = tlsctx_get(tls->ctx);
	}
}

static void gate_is_gone(struct gate *g)
{
	list_remove(&g->link);
	gate_free(g);
}

static void take_down(struct door *d, struct gate *g)
{
	list_remove(&g->link);
	d->n_gates--;
	list_push_back(&d->down, &g->link);
	gate_take_down(g, d->reactor, gate_is_gone);
}

static bool stays(const struct door_change *change, const struct gate *g)
{
	for (int i = 0; i < change->to->n_listeners; i++)
		if (change->of[i].stays && strcmp(change->to->listeners[i].name, g->listener.name) == 0)
			return true;
	return false;
}

static void change_gate(struct gate *g, const struct net_listener *l, struct door_change_of *c)
{
	g->max_connections = l->max_connections;
	g->pace.per_s = l->max_creation_rate;
	if (c->tls.ctx)
		tls_watch_put(&g->tls, &c->tls);
}

int door_change(struct door *d, struct door_change *change)
{
	CHECK_OBJ_NOTNULL(d, DOOR_MAGIC);
	reactor_must_be_here(d->reactor);
	if (!d->open)
		return -ESHUTDOWN;
	each_gate(g, d)
		if (!stays(change, g))
			take_down(d, g);
	for (int i = 0; i < change->to->n_listeners; i++) {
		struct door_change_of *c = &change->of[i];
		if (c->fresh)
			hang(d, c->fresh);
		c->fresh = NULL;
		struct gate *g = find_gate(d, change->to->listeners[i].name);
		change_gate(g, &change->to->listeners[i], c);
		c->bound = g->bound;
	}
	d->max_connections = change->to->max_connections;
	d->max_per_ip = change->to->max_per_ip;
	d->pace.per_s = change->to->max_creation_rate;
	free(d->ip_maxes.v);
	d->ip_maxes = change->ip_maxes;
	change->ip_maxes = (struct ip_maxes){ 0 };
	look_all(d);
	make_room(d);
	return 0;
}
