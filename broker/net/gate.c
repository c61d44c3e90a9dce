/* gate.c - see gate_priv.h. */
#include "broker/net/gate_priv.h"

#include "broker/base/must.h"
#include "broker/config/principal_rules.h"
#include "broker/net/door_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GATE_MAGIC = 0x06a7e11d };

static int cannot_listen(const struct net_listener *l, int rc, char error[TLS_ERROR_BYTES])
{
	snprintf(error, TLS_ERROR_BYTES, "listener %s cannot listen on %s:%u: %s", l->name,
		 l->host && l->host[0] ? l->host : "*", l->port, strerror(-rc));
	return rc;
}

int gate_prove(const struct net_listener *l, const struct gate_plan *plan, char error[TLS_ERROR_BYTES])
{
	/* Sockets that share their port would let two brokers listen on one without a word. */
	int rc = plan->shares_port ? 0 : sys_port_taken(l->host ? l->host : "", l->port);
	return rc < 0 ? cannot_listen(l, rc, error) : 0;
}

static int bind_gate(struct gate *g, const struct gate_plan *plan, char error[TLS_ERROR_BYTES])
{
	const struct net_listener *l = &g->listener;
	int rc = gate_prove(l, plan, error);
	if (rc < 0)
		return rc;
	rc = sys_listen(l->host, l->port, plan->config->backlog, &g->bound);
	if (rc < 0)
		return cannot_listen(l, rc, error);
	g->io.fd = rc;
	return 0;
}

static int read_rules(struct gate *g, const struct net_listener *l, char error[TLS_ERROR_BYTES])
{
	char why[PRINCIPAL_WHY_BYTES];
	if (!l->principal_rules)
		return 0;
	g->principals = principal_rules_parse(l->principal_rules, why);
	if (!g->principals)
		snprintf(error, TLS_ERROR_BYTES, "listener %s: %s", l->name, why);
	return g->principals ? 0 : -EINVAL;
}

struct gate *gate_new(const struct net_listener *l, const struct gate_plan *plan,
		      char error[TLS_ERROR_BYTES])
{
	struct gate *g = mem_zalloc(sizeof *g + (size_t)plan->n_cores * sizeof g->ports[0]);
	g->magic = GATE_MAGIC;
	g->listener = *l;
	g->listener.name = mem_strdup(l->name);
	g->listener.host = mem_strdup(l->host ? l->host : "");
	g->listener.principal_rules = NULL;
	g->listener.tls = NULL;
	g->io.fd = -1;
	g->max_connections = l->max_connections;
	g->pace.per_s = l->max_creation_rate;
	g->n_ports = plan->n_cores;
	list_init(&g->guests);
	int rc = read_rules(g, l, error);
	if (rc == 0 && l->tls)
		rc = tls_watch_init(&g->tls, l->tls, g->listener.name, error);
	if (rc == 0)
		rc = bind_gate(g, plan, error);
	for (int i = 0; i < plan->n_cores && rc == 0; i++)
		port_init(&g->ports[i], plan->config, g, plan->lanes[i]);
	if (rc == 0)
		return g;
	gate_free(g);
	return NULL;
}

void gate_free(struct gate *g)
{
	CHECK_OBJ_NOTNULL(g, GATE_MAGIC);
	must(!g->io.watched && list_empty(&g->guests));
	if (g->io.fd >= 0)
		sys_close(g->io.fd);
	tls_watch_fini(&g->tls);
	principal_rules_free(&g->principals);
	free((char *)g->listener.name);
	free((char *)g->listener.host);
	FREE_OBJ(g);
}

void gate_shut(struct gate *g, struct reactor *door)
{
	CHECK_OBJ_NOTNULL(g, GATE_MAGIC);
	timer_cancel(door, &g->pause);
	io_unwatch(door, &g->io);
	sys_close(g->io.fd);
	g->io.fd = -1;
}

/* ---- the end of one ---- */

static void gone_if_unused(struct gate *g)
{
	if (g->ports_left > 0 || g->tls.busy)
		return;
	must(list_empty(&g->guests)); /* each came back before its port said that it is empty */
	g->gone(g);
}

static void tls_is_idle(struct tls_watch *w)
{
	gone_if_unused(container_of(w, struct gate, tls));
}

static void port_is_empty(struct reactor *here, struct msg *m)
{
	struct port *p = container_of(m, struct port, emptied);
	struct gate *g = p->gate;
	CHECK_OBJ_NOTNULL(g, GATE_MAGIC);
	reactor_must_be_here(here);
	must(g->ports_left > 0);
	g->ports_left--;
	gone_if_unused(g);
}

void gate_take_down(struct gate *g, struct reactor *door, void (*gone)(struct gate *g))
{
	CHECK_OBJ_NOTNULL(g, GATE_MAGIC);
	gate_shut(g, door);
	g->gone = gone;
	g->tls.idle = tls_is_idle;
	g->ports_left = g->n_ports;
	for (int i = 0; i < g->n_ports; i++)
		port_take_down(&g->ports[i], door, port_is_empty);
}

bool gate_fits(const struct gate *g, const struct net_listener *l)
{
	const struct net_listener *own = &g->listener;
	CHECK_OBJ_NOTNULL(g, GATE_MAGIC);
	return own->port == l->port && strcmp(own->host, l->host ? l->host : "") == 0 &&
	       own->sasl == l->sasl && own->inter_broker == l->inter_broker &&
	       own->idle_ms == l->idle_ms && g->ports[0].tls == (l->tls != NULL);
}
