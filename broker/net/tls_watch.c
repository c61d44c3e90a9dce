/* tls_watch.c - see tls_watch_priv.h. */
#include "broker/net/tls_watch_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>

#define LOGGER "org.apache.kafka.common.security.ssl.SslFactory"

int tls_watch_init(struct tls_watch *w, const struct tls_config *config, const char *name,
		   char error[TLS_ERROR_BYTES])
{
	*w = (struct tls_watch){ .config = config, .name = name };
	w->stamp = tls_config_stamp(config);
	w->now = tlsctx_server(config, error);
	return w->now ? 0 : -EINVAL;
}

void tls_watch_fini(struct tls_watch *w)
{
	tlsctx_put(w->now);
	tlsctx_put(w->found);
	w->now = w->found = NULL;
}

static void look(struct job *job)
{
	struct tls_watch *w = container_of(job, struct tls_watch, job);
	w->found_stamp = tls_config_stamp(w->config);
	if (w->found_stamp == w->stamp && !w->forced)
		return;
	w->found = tlsctx_server(w->config, w->error);
	if (w->found && !tlsctx_may_replace(w->now, w->found, w->config, w->error)) {
		tlsctx_put(w->found);
		w->found = NULL;
	}
}

static void looked(struct reactor *here, struct job *job)
{
	struct tls_watch *w = container_of(job, struct tls_watch, job);
	must(w->busy);
	w->busy = false;
	if (w->found) {
		tlsctx_put(w->now);
		w->now = w->found;
		w->found = NULL;
		log_info(LOGGER, "Listener %s: certificates and keys were loaded anew; connections keep the "
			 "ones they have", w->name);
	} else if (w->error[0]) {
		log_error(LOGGER, "Listener %s: the new certificates or keys cannot be used, the old ones "
			  "stay: %s", w->name, w->error);
	}
	w->stamp = w->found_stamp;
	if (w->again)
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
