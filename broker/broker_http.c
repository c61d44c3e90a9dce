/* broker_http.c - see broker_http.h. One question to the reactors at a time:
 *
 *	IDLE --ask: message to the control reactor--> ASKED --census taken, in a fiber there--> IDLE
 *
 * While it is ASKED the census belongs to the control reactor. A page whose time is up leaves it there and
 * does without; the next one asks again only when it has come back.
 */
#include "broker/broker_http.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/broker_metrics.h"
#include "broker/broker_priv.h"
#include "broker/metrics/http.h"

#include <stdio.h>
#include <string.h>

#define BROKER_HTTP_MAGIC 0xb4772e5du
#define LOGGER "kafka.server.KafkaServer"

enum { BACKLOG = 64 };

struct broker_http {
	unsigned magic;
	struct broker *b;
	const struct watchdog *dog;
	struct http *http;
	struct broker_metrics *metrics;
	struct sys_poller *wait;  /* woken when the census is back, and at the end */
	atomic_bool asked, ending;
	struct msg msg;
	struct census census;
};

/* ---- asking the reactors ---- */

static void census_fiber(void *arg)
{
	struct broker_http *h = arg;
	census_take(h->b, &h->census);
	atomic_store(&h->asked, false);
	sys_poller_wake(h->wait);
}

static void asked_run(struct reactor *here, struct msg *m)
{
	struct broker_http *h = container_of(m, struct broker_http, msg);
	must(here == h->b->control);
	if (!fiber_start(here, "census", census_fiber, h)) /* FIBERS_MAX at once: later */
		reactor_post(here, here, m);
}

/* The census, or NULL when it did not come in time. */
static const struct census *ask(struct broker_http *h, bool whole)
{
	struct sys_ready unused;
	int64_t left_ns, until_ns = sys_mono_ns() + BROKER_HTTP_WAIT_MS * INT64_C(1000000);
	if (atomic_load(&h->asked))
		return NULL;
	census_clear(&h->census);
	h->census.whole = whole;
	h->msg.run = asked_run;
	atomic_store(&h->asked, true);
	reactor_post_foreign(h->b->control, &h->msg);
	while (atomic_load(&h->asked) && !atomic_load(&h->ending) && (left_ns = until_ns - sys_mono_ns()) > 0)
		sys_poller_wait(h->wait, &unused, 1, left_ns);
	return atomic_load(&h->asked) ? NULL : &h->census;
}

/* ---- pages ---- */

static void metrics_page(struct broker_http *h, struct http_answer *out, struct page *p)
{
	broker_metrics_page(h->metrics, ask(h, true), p);
	out->status = HTTP_OK;
	out->type = "text/plain; version=0.0.4; charset=utf-8";
	if (page_overflowed(p))
		log_warn(LOGGER, "/metrics is cut at %d bytes.", PAGE_MAX_BYTES);
}

static void healthz_page(struct broker_http *h, struct http_answer *out, struct page *p)
{
	int stuck = watchdog_stuck(h->dog);
	out->status = stuck > 0 ? HTTP_UNAVAILABLE : HTTP_OK;
	if (stuck > 0)
		page_printf(p, "%d of the broker's reactors do not turn; see its log\n", stuck);
	else
		page_printf(p, "ok\n");
}

static void readyz_page(struct broker_http *h, struct http_answer *out, struct page *p)
{
	const struct census *c = ask(h, false);
	const char *why = c ? c->not_ready : "its control reactor does not answer";
	out->status = why[0] ? HTTP_UNAVAILABLE : HTTP_OK;
	if (why[0])
		page_printf(p, "the broker is not ready: %s\n", why);
	else
		page_printf(p, "ok\n");
}

static void startupz_page(struct broker_http *h, struct http_answer *out, struct page *p)
{
	enum broker_state state = broker_state(h->b);
	out->status = state >= BROKER_RUNNING ? HTTP_OK : HTTP_UNAVAILABLE;
	if (state >= BROKER_RUNNING)
		page_printf(p, "ok\n");
	else
		page_printf(p, "the broker is starting; %d%% of its logs are loaded\n",
			    broker_recovery_percent(h->b));
}

static const struct {
	const char *path;
	void (*make)(struct broker_http *h, struct http_answer *out, struct page *p);
} pages[] = {
	{ "/metrics", metrics_page },
	{ "/healthz", healthz_page },
	{ "/readyz", readyz_page },
	{ "/startupz", startupz_page },
};

static void answer(void *arg, const char *path, struct http_answer *out)
{
	struct broker_http *h = arg;
	struct page p;
	CHECK_OBJ_NOTNULL(h, BROKER_HTTP_MAGIC);
	page_init(&p);
	*out = (struct http_answer){ .status = HTTP_NOT_FOUND, .type = "text/plain; charset=utf-8" };
	for (size_t i = 0; i < countof(pages); i++)
		if (strcmp(path, pages[i].path) == 0)
			pages[i].make(h, out, &p);
	if (out->status == HTTP_NOT_FOUND)
		page_printf(&p, "/metrics, /healthz, /readyz and /startupz are here\n");
	out->body = p.text;
	out->n = p.n;
}

/* ---- life ---- */

static int listen_on(uint16_t port)
{
	struct sys_addr bound;
	int fd = sys_port_taken("", port);
	if (fd == 0)
		fd = sys_listen("", port, BACKLOG, &bound);
	if (fd < 0)
		log_fatal(LOGGER, "metrics.port=%u cannot be listened on: %s.", port, strerror(-fd));
	else
		log_info(LOGGER, "Serving /metrics, /healthz, /readyz and /startupz on port %u.", bound.port);
	return fd;
}

struct broker_http *broker_http_start(struct broker *b, const struct watchdog *dog, uint16_t port)
{
	struct broker_http *h;
	int listener = listen_on(port);
	if (listener < 0)
		return NULL;
	ALLOC_OBJ(h, BROKER_HTTP_MAGIC);
	h->b = b;
	h->dog = dog;
	h->wait = sys_poller_new();
	h->metrics = broker_metrics_new(b);
	h->http = http_start(listener, answer, h);
	must(h->http != NULL); /* there are threads and descriptors at a process' start */
	return h;
}

void broker_http_stop(struct broker_http *h)
{
	CHECK_OBJ_NOTNULL(h, BROKER_HTTP_MAGIC);
	atomic_store(&h->ending, true);
	sys_poller_wake(h->wait);
	http_stop(h->http);
	census_clear(&h->census);
	broker_metrics_free(h->metrics);
	sys_poller_free(h->wait);
	FREE_OBJ(h);
}
