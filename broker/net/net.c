/* net.c - see net.h. What is told to the net object goes to the door first and from there to the cores,
 * behind the connections that the door has sent before.
 */
#include "broker/net/net.h"

#include "broker/base/must.h"
#include "broker/net/door_priv.h"
#include "broker/net/lane.h"

enum { NET_MAGIC = 0x0e7fab1c, RELOAD_MAGIC = 0x0e10adf2 };

/* One core's part. */
struct side {
	struct lane *lane;
	struct msg finish, close;
	struct net *net;
};

struct net {
	unsigned magic;
	struct net_config config;
	struct net_listener *listeners;
	struct reactor **cores;
	int n_cores;
	struct side *sides;
	struct port *ports;
	struct door *door;
	struct msg open, shut, shut_now;
	struct reactor *closer; /* who waits for `closed` */
	struct msg *closed;
};

/* ---- on each core ---- */

static void each_port(const struct side *s, void (*act)(struct port *p))
{
	struct net *net = s->net;
	ptrdiff_t core = s - net->sides;
	for (int i = 0; i < net->config.n_listeners; i++)
		act(&net->ports[core * NET_LISTENERS_MAX + i]);
}

static void side_finish(struct reactor *here, struct msg *m)
{
	(void)here;
	each_port(container_of(m, struct side, finish), port_finish);
}

static void side_close(struct reactor *here, struct msg *m)
{
	(void)here;
	each_port(container_of(m, struct side, close), port_close);
}

/* ---- on the door's core ---- */

static void run_open(struct reactor *here, struct msg *m)
{
	(void)here;
	door_open(container_of(m, struct net, open)->door);
}

/* Asked for by signals: there may be several under way. */
struct reload {
	unsigned magic;
	struct msg msg;
	struct net *net;
};

static void run_reload(struct reactor *here, struct msg *m)
{
	struct reload *reload = container_of(m, struct reload, msg);
	(void)here;
	CHECK_OBJ(reload, RELOAD_MAGIC);
	door_reload(reload->net->door);
	FREE_OBJ(reload);
}

static void everybody_left(void *arg)
{
	struct net *net = arg;
	reactor_post(net->cores[0], net->closer, net->closed);
}

static void run_shut(struct reactor *here, struct msg *m)
{
	struct net *net = container_of(m, struct net, shut);
	CHECK_OBJ(net, NET_MAGIC);
	door_shut(net->door);
	for (int i = 0; i < net->n_cores; i++)
		reactor_post(here, net->cores[i], &net->sides[i].finish);
	door_when_empty(net->door, everybody_left, net);
}

static void run_shut_now(struct reactor *here, struct msg *m)
{
	struct net *net = container_of(m, struct net, shut_now);
	CHECK_OBJ(net, NET_MAGIC);
	for (int i = 0; i < net->n_cores; i++)
		reactor_post(here, net->cores[i], &net->sides[i].close);
}

/* ---- from anywhere ---- */

static void make_sides(struct net *net)
{
	net->sides = mem_zalloc((size_t)net->n_cores * sizeof *net->sides);
	net->ports = mem_zalloc((size_t)net->n_cores * NET_LISTENERS_MAX * sizeof *net->ports);
	for (int i = 0; i < net->n_cores; i++)
		net->sides[i] = (struct side){
			.lane = lane_new(net->cores[i], net->config.frames_max_bytes),
			.finish.run = side_finish,
			.close.run = side_close,
			.net = net,
		};
}

static void make_ports(struct net *net)
{
	for (int i = 0; i < net->n_cores; i++)
		for (int k = 0; k < net->config.n_listeners; k++)
			port_init(&net->ports[i * NET_LISTENERS_MAX + k], &net->config, &net->listeners[k],
				  door_address(net->door, k), net->sides[i].lane);
}

struct net *net_new(const struct net_config *config, struct reactor **cores, int n_cores,
		    char error[TLS_ERROR_BYTES])
{
	struct net *net;
	size_t listeners_bytes = (size_t)config->n_listeners * sizeof *config->listeners;
	must(n_cores > 0 && config->n_listeners > 0 && config->n_listeners <= NET_LISTENERS_MAX);
	must(config->events && config->events->on_open && config->events->on_frame &&
	     config->events->on_close);
	ALLOC_OBJ(net, NET_MAGIC);
	net->config = *config;
	net->listeners = mem_dup(config->listeners, listeners_bytes);
	net->config.listeners = net->listeners;
	net->cores = mem_dup(cores, (size_t)n_cores * sizeof(struct reactor *));
	net->n_cores = n_cores;
	net->open.run = run_open;
	net->shut.run = run_shut;
	net->shut_now.run = run_shut_now;
	make_sides(net);
	net->door = door_new(&net->config, net->cores, n_cores, net->ports, error);
	if (!net->door) {
		net_free(net);
		return NULL;
	}
	make_ports(net);
	return net;
}

void net_free(struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	if (net->door)
		door_free(net->door);
	for (int i = 0; i < net->n_cores; i++)
		lane_free(net->sides[i].lane);
	free(net->sides);
	free(net->ports);
	free(net->cores);
	free(net->listeners);
	FREE_OBJ(net);
}

const struct sys_addr *net_listener_address(const struct net *net, int i)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return door_address(net->door, i);
}

struct lane *net_lane(const struct net *net, int core)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	must(core >= 0 && core < net->n_cores);
	return net->sides[core].lane;
}

void net_open(struct net *net, struct reactor *from)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	reactor_post(from, net->cores[0], &net->open);
}

void net_reload(struct net *net, struct reactor *from)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	struct reload *reload;
	ALLOC_OBJ(reload, RELOAD_MAGIC);
	reload->msg.run = run_reload;
	reload->net = net;
	reactor_post(from, net->cores[0], &reload->msg);
}

void net_close(struct net *net, struct reactor *from, struct msg *done)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	must(net->closed == NULL && done->run != NULL);
	net->closer = from;
	net->closed = done;
	reactor_post(from, net->cores[0], &net->shut);
}

void net_close_now(struct net *net, struct reactor *from)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	must(net->closed != NULL);
	reactor_post(from, net->cores[0], &net->shut_now);
}

void net_count(const struct net *net, int core, struct net_counters *out)
{
	struct lane_counters lane;
	struct door_counters door = { 0 };
	lane_count(net_lane(net, core), &lane);
	if (core == 0)
		door_count(net->door, &door);
	*out = (struct net_counters){
		.connections = lane.admitted - lane.closed,
		.accepted = door.accepted,
		.refused = door.refused,
		.closed = lane.closed,
		.frames = lane.frames,
		.bytes_in = lane.bytes_in,
		.bytes_out = lane.bytes_out,
		.handshakes = lane.handshakes,
		.handshakes_failed = lane.handshakes_failed,
		.frame_bytes = lane.frame_bytes,
	};
}
