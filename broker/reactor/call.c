/* call.c - see call.h. */
#include "broker/reactor/call.h"

static void answered(struct reactor *here, struct msg *m)
{
	struct call *c = container_of(m, struct call, msg);
	reactor_must_be_here(here);
	must(*c->left > 0);
	if (--*c->left == 0)
		fiber_event_set(c->all);
}

static void asked(struct reactor *here, struct msg *m)
{
	struct call *c = container_of(m, struct call, msg);
	c->run(here, c);
}

void call_done(struct reactor *there, struct call *c)
{
	must(there == c->to);
	c->msg.run = answered;
	reactor_post(there, c->from, &c->msg);
}

static void post(struct call *c)
{
	c->msg.run = asked;
	reactor_post(c->from, c->to, &c->msg);
}

void call_run(struct reactor *here, struct reactor *there, struct call *c,
	      void (*run)(struct reactor *there, struct call *c), void *arg)
{
	size_t left = 1;
	*c = (struct call){ .from = here, .to = there, .run = run, .arg = arg,
			    .left = &left, .all = &c->answered };
	fiber_event_init(&c->answered);
	post(c);
	fiber_wait(here, &c->answered);
}

void call_run_all(struct reactor *here, struct reactor **there, int n,
		  void (*run)(struct reactor *there, struct call *c), void *arg, size_t stride)
{
	size_t left = (size_t)n;
	struct fiber_event all;
	struct call *calls = mem_zalloc((size_t)n * sizeof *calls);
	fiber_event_init(&all);
	for (int i = 0; i < n; i++) {
		calls[i] = (struct call){ .from = here, .to = there[i], .run = run,
					  .arg = (char *)arg + (size_t)i * stride,
					  .left = &left, .all = &all };
		post(&calls[i]);
	}
	fiber_wait(here, &all);
	free(calls);
}
