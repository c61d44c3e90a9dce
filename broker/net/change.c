/* change.c - listeners and limits as they are to be from now on.
 *
 *	what is there is looked at, at the door  ->  a helper binds, reads certificates, resolves names
 *	->  the door changes all at once, or nothing has changed
 */
#include "broker/net/net_priv.h"

#include "broker/base/must.h"
#include "broker/reactor/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
	struct net *net;
	struct door_change at;
	bool only_prove;
	int rc;
	char *error;
};

/* ---- on a helper ---- */

/* SslFactory.createNewSslEngineFactory */
static void say_as_kafka(char error[TLS_ERROR_BYTES])
{
	char why[TLS_ERROR_BYTES];
	memcpy(why, error, sizeof why);
	snprintf(error, TLS_ERROR_BYTES, "Validation of dynamic config update of SSLFactory failed: %.*s",
		 TLS_ERROR_BYTES - 80, why);
}

/* A listener that goes on gets a new context when its keys have changed. */
static int renew_tls(struct change *c, const struct net_listener *l, struct door_change_of *of)
{
	if (!l->tls || of->same_tls)
		return 0;
	if (tls_make(&of->tls, l->tls, c->error) != 0) {
		say_as_kafka(c->error);
		return -EINVAL;
	}
	if (tlsctx_may_replace(of->old_tls, of->tls.ctx, l->tls, c->error))
		return 0;
	say_as_kafka(c->error);
	return -EINVAL;
}

/* A new one is bound, or at least its certificates are read and its place is found free. */
static int make_gate(struct change *c, const struct net_listener *l, struct door_change_of *of)
{
	const struct net *net = c->net;
	struct gate_plan plan = { &net->config, net->lanes, net->n_cores, of->shares_port };
	if (c->only_prove && gate_prove(l, &plan, c->error) != 0)
		return -EINVAL;
	if (c->only_prove)
		return l->tls ? tls_make(&of->tls, l->tls, c->error) : 0;
	of->fresh = gate_new(l, &plan, c->error);
	return of->fresh ? 0 : -EINVAL;
}

static void make_ready(void *arg)
{
	struct change *c = arg;
	const struct net_config *to = c->at.to;
	c->rc = ip_maxes_resolve(&c->at.ip_maxes, to, c->error);
	for (int i = 0; i < to->n_listeners && c->rc == 0; i++) {
		struct door_change_of *of = &c->at.of[i];
		c->rc = of->stays ? renew_tls(c, &to->listeners[i], of) : make_gate(c, &to->listeners[i], of);
	}
}

/* ---- at the door ---- */

static void survey(struct reactor *door, struct call *call)
{
	struct change *c = call->arg;
	door_survey(c->net->door, &c->at);
	call_done(door, call);
}

static void carry_out(struct reactor *door, struct call *call)
{
	struct change *c = call->arg;
	c->rc = door_change(c->net->door, &c->at);
	call_done(door, call);
}

/* ---- in a fiber ---- */

static void fini(struct change *c)
{
	for (int i = 0; i < c->at.to->n_listeners; i++) {
		struct door_change_of *of = &c->at.of[i];
		tlsctx_put(of->old_tls);
		tls_made_fini(&of->tls);
		if (of->fresh)
			gate_free(of->fresh);
	}
	free(c->at.ip_maxes.v);
	free(c);
}

/* One after the other: the place that one has bound and not yet opened is not free to the next. */
static void begin(struct net *net, struct reactor *here)
{
	while (net->changing)
		fiber_wait(here, &net->changed);
	net->changing = true;
}

static void end(struct net *net)
{
	net->changing = false;
	fiber_event_set(&net->changed);
	fiber_event_init(&net->changed);
}

static int run(struct net *net, struct reactor *here, const struct net_config *to, bool only_prove,
	       char error[TLS_ERROR_BYTES])
{
	begin(net, here);
	struct change *c = mem_zalloc(sizeof *c);
	struct call call;
	must(to->n_listeners > 0 && to->n_listeners <= NET_LISTENERS_MAX);
	*c = (struct change){ .net = net, .at.to = to, .only_prove = only_prove, .error = error };
	call_run(here, net->cores[0], &call, survey, c);
	fiber_offload(here, make_ready, c, "listeners");
	if (c->rc == 0 && !only_prove) {
		call_run(here, net->cores[0], &call, carry_out, c);
		if (c->rc != 0)
			snprintf(error, TLS_ERROR_BYTES, "the broker shuts down");
		for (int i = 0; i < to->n_listeners && c->rc == 0; i++)
			net->places[i] = c->at.of[i].bound;
	}
	int rc = c->rc;
	fini(c);
	end(net);
	return rc;
}

int net_prove(struct net *net, struct reactor *here, const struct net_config *to,
	      char error[TLS_ERROR_BYTES])
{
	return run(net, here, to, true, error);
}

int net_change(struct net *net, struct reactor *here, const struct net_config *to,
	       char error[TLS_ERROR_BYTES])
{
	return run(net, here, to, false, error);
}
