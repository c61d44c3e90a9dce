/* watchdog.c - tells of a reactor that does not turn.
 *
 * Each turn counts `beat` up at its start and at its end, so an odd number that stays is a turn that does not
 * end; one that waits for work has an even one and may stay as long as it likes. One thread looks at all of
 * them a few times in each `stuck_ms`, and asks the seam where the stuck one is.
 */
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/reactor/reactor_priv.h"

#include <stdio.h>
#include <string.h>

enum { WATCHDOG_MAGIC = 0x0d5a91c6, LOOKS_IN_STUCK_TIME = 4 };

static const char logger[] = "kafka.server.KafkaServer";

struct watched {
	struct reactor *reactor;
	unsigned long beat; /* when last looked at */
	int64_t since_ns;   /* and since when it has been that */
	bool told;
};

struct watchdog {
	unsigned magic;
	struct sys_thread *thread;
	struct sys_poller *sleep; /* woken to end */
	atomic_bool ending;
	atomic_int stuck; /* reactors */
	int64_t stuck_ns;
	int n;
	struct watched watched[];
};

static void tell_frame(void *arg, const char *text)
{
	(void)arg;
	log_error(logger, "\tat %s", text);
}

static void tell(const struct reactor *r, int64_t stuck_ns)
{
	char name[32];
	if (r->core == REACTOR_CONTROL)
		snprintf(name, sizeof name, "the control reactor");
	else
		snprintf(name, sizeof name, "reactor %d", r->core);
	log_error(logger, "%s has not turned for %lld ms; it is", name, (long long)(stuck_ns / 1000000));
	int rc = sys_thread_stack(atomic_load_explicit(&r->thread, memory_order_relaxed), tell_frame, NULL);
	if (rc < 0)
		log_error(logger, "\tnot answering, most likely in the kernel (%s)", strerror(-rc));
}

static void look_at(struct watched *w, int64_t stuck_ns)
{
	int64_t now = sys_mono_ns();
	unsigned long beat = atomic_load_explicit(&w->reactor->beat, memory_order_relaxed);
	if (beat != w->beat) {
		*w = (struct watched){ .reactor = w->reactor, .beat = beat, .since_ns = now };
	} else if (beat % 2 == 1 && !w->told && now - w->since_ns >= stuck_ns) {
		w->told = true;
		tell(w->reactor, now - w->since_ns);
	}
}

static void watch(void *arg)
{
	struct watchdog *d = arg;
	struct sys_ready unused;
	CHECK_OBJ_NOTNULL(d, WATCHDOG_MAGIC);
	while (!atomic_load(&d->ending)) {
		int stuck = 0;
		for (int i = 0; i < d->n; i++) {
			look_at(&d->watched[i], d->stuck_ns);
			stuck += d->watched[i].told;
		}
		atomic_store(&d->stuck, stuck);
		(void)sys_poller_wait(d->sleep, &unused, 1, d->stuck_ns / LOOKS_IN_STUCK_TIME);
	}
}

struct watchdog *watchdog_start(struct reactor **reactors, int n, int64_t stuck_ms)
{
	must(n >= 0 && stuck_ms > 0);
	struct watchdog *d = mem_zalloc(sizeof *d + (size_t)n * sizeof d->watched[0]);
	d->magic = WATCHDOG_MAGIC;
	d->stuck_ns = stuck_ms * 1000000;
	d->n = n;
	d->sleep = sys_poller_new();
	for (int i = 0; i < n; i++)
		d->watched[i] = (struct watched){ .reactor = reactors[i], .since_ns = sys_mono_ns() };
	d->thread = sys_thread_start("watchdog", -1, watch, d);
	return d;
}

int watchdog_stuck(const struct watchdog *d)
{
	CHECK_OBJ_NOTNULL(d, WATCHDOG_MAGIC);
	return atomic_load(&d->stuck);
}

void watchdog_stop(struct watchdog *d)
{
	CHECK_OBJ_NOTNULL(d, WATCHDOG_MAGIC);
	atomic_store(&d->ending, true);
	sys_poller_wake(d->sleep);
	sys_thread_join(d->thread);
	sys_poller_free(d->sleep);
	FREE_OBJ(d);
}
