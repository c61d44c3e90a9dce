/* tls_watch.c - see tls_watch_priv.h. */
#include "broker/net/tls_watch_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>

#define LOGGER "org.apache.kafka.common.security.ssl.SslFactory"

int tls_make(struct tls_made *out, const struct tls_config *config, char error[TLS_ERROR_BYTES])
{
	uint64_t stamp = tls_config_stamp(config);
	struct tlsctx *ctx = tlsctx_server(config, error);
	*out = (struct tls_made){ .ctx = ctx, .stamp = stamp };
	if (ctx)
		out->config = tls_config_copy(config);
	return ctx ? 0 : -EINVAL;
}

void tls_made_fini(struct tls_made *made)
{
	tlsctx_put(made->ctx);
	tls_config_free(made->config);
	*made = (struct tls_made){ 0 };
}

int tls_watch_init(struct tls_watch *w, const struct tls_config *config, const char *name,
		   char error[TLS_ERROR_BYTES])
{
	*w = (struct tls_watch){ .name = name };
	return tls_make(&w->now, config, error);
}

void tls_watch_fini(struct tls_watch *w)
{
	tls_made_fini(&w->now);
	tls_made_fini(&w->next);
	tlsctx_put(w->found);
	w->found = NULL;
}

void tls_watch_put(struct tls_watch *w, struct tls_made *made)
{
	struct tls_made *to = w->busy ? &w->next : &w->now;
	must(made->config && made->ctx);
	tls_made_fini(to);
	*to = *made;
	*made = (struct tls_made){ 0 };
}

static void look(struct job *job)
{
	struct tls_watch *w = container_of(job, struct tls_watch, job);
	w->found_stamp = tls_config_stamp(w->now.config);
	if (w->found_stamp == w->now.stamp && !w->forced)
		return;
	w->found = tlsctx_server(w->now.config, w->error);
	if (w->found && !tlsctx_may_replace(w->now.ctx, w->found, w->now.config, w->error)) {
		tlsctx_put(w->found);
		w->found = NULL;
	}
}

/* New connections get what was found. */
static void take_found(struct tls_watch *w)
{
	if (w->found) {
		tlsctx_put(w->now.ctx);
		w->now.ctx = w->found;
		w->found = NULL;
		log_info(LOGGER, "Listener %s: certificates and keys were loaded anew; connections keep the "
			 "ones they have", w->name);
	} else if (w->error[0]) {
		log_error(LOGGER, "Listener %s: the new certificates or keys cannot be used, the old ones "
			  "stay: %s", w->name, w->error);
	}
	w->now.stamp = w->found_stamp;
}

/* What was found is of a configuration that has gone meanwhile. */
static void take_next(struct tls_watch *w)
{
	struct tls_made next = w->next;
	w->next = (struct tls_made){ 0 };
	tlsctx_put(w->found);
	w->found = NULL;
	tls_watch_put(w, &next);
}

static void looked(struct reactor *here, struct job *job)
{
	struct tls_watch *w = container_of(job, struct tls_watch, job);
	must(w->busy);
	w->busy = false;
	if (w->next.ctx)
		take_next(w);
	else
		take_found(w);
	if (w->idle)
		w->idle(w);
	else if (w->again)
		tls_watch_look(w, here, true);
}

void tls_watch_look(struct tls_watch *w, struct reactor *r, bool must_try)
{
	if (w->busy) {
		w->again |= must_try; /* what it looks at now may be from before the request */
		return;
	}
	w->busy = true;
	w->again = false;
	w->forced = must_try;
	w->error[0] = 0;
	w->job.work = look;
	w->job.done = looked;
	reactor_offload(r, &w->job, "TLS reload");
}
