/* net.c - see net.h. What is told to the net object goes to the door first and from there to the cores,
 * behind the connections that the door has sent before.
 */
#include "broker/net/net_priv.h"

#include "broker/base/must.h"
#include "broker/net/lane.h"

enum { NET_MAGIC = 0x0e7fab1c, RELOAD_MAGIC = 0x0e10adf2 };

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
	reactor_must_be_here(here);
	door_shut(net->door);
	door_when_empty(net->door, everybody_left, net);
}

static void run_shut_now(struct reactor *here, struct msg *m)
{
	struct net *net = container_of(m, struct net, shut_now);
	CHECK_OBJ(net, NET_MAGIC);
	reactor_must_be_here(here);
	door_close_now(net->door);
}

/* ---- from anywhere ---- */

struct net *net_new(const struct net_config *config, struct reactor **cores, int n_cores,
		    char error[TLS_ERROR_BYTES])
{
	struct net *net;
	must(n_cores > 0 && config->n_listeners > 0 && config->n_listeners <= NET_LISTENERS_MAX);
	must(config->events && config->events->on_open && config->events->on_frame &&
	     config->events->on_close);
	ALLOC_OBJ(net, NET_MAGIC);
	net->config = *config;
	net->config.listeners = NULL;
	net->config.ip_limits = NULL;
	net->cores = mem_dup(cores, (size_t)n_cores * sizeof(struct reactor *));
	net->n_cores = n_cores;
	fiber_event_init(&net->changed);
	net->open.run = run_open;
	net->shut.run = run_shut;
	net->shut_now.run = run_shut_now;
	net->lanes = mem_zalloc((size_t)n_cores * sizeof(struct lane *));
	for (int i = 0; i < n_cores; i++)
		net->lanes[i] = lane_new(net->cores[i], config->frames_max_bytes);
	net->door = door_new(config, net->cores, n_cores, net->lanes, error);
	if (!net->door) {
		net_free(net);
		return NULL;
	}
	for (int i = 0; i < config->n_listeners; i++)
		net->places[i] = *door_address(net->door, config->listeners[i].name);
	return net;
}

void net_free(struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	if (net->door)
		door_free(net->door);
	for (int i = 0; i < net->n_cores; i++)
		lane_free(net->lanes[i]);
	free(net->lanes);
	free(net->cores);
	FREE_OBJ(net);
}

const struct sys_addr *net_listener_address(const struct net *net, int i)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	must(i >= 0 && i < NET_LISTENERS_MAX);
	return &net->places[i];
}

struct lane *net_lane(const struct net *net, int core)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	must(core >= 0 && core < net->n_cores);
	return net->lanes[core];
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
		.accepted = door.accepted,
		.refused = door.refused,
		.frame_bytes = lane.frame_bytes,
		.frame_bytes_free = lane.frame_bytes_free,
	};
}

int net_count_listeners(const struct net *net, struct net_listener_counters out[NET_LISTENERS_MAX],
			struct arena *arena)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return door_count_listeners(net->door, out, arena);
}
