/* process.c - see process.h. */
#include "broker/process.h"

#include "broker/base/must.h"

#include <signal.h>
#include <stdio.h>

enum { STUCK_MS = 5000 }; /* a reactor that has not turned for so long is reported */

struct process {
	struct broker *broker;
	struct io signals;
	struct reactor *control;
	int status;
};

static void on_signal(struct reactor *here, struct io *io, uint32_t events)
{
	struct process *p = container_of(io, struct process, signals);
	must(here == p->control && events != 0);
	for (int number; (number = sys_signals_next(io->fd)) != 0;)
		if (number == SIGHUP)
			broker_reload(p->broker);
		else
			broker_stop(p->broker);
}

static void ended(void *arg, int status)
{
	struct process *p = arg;
	p->status = status;
	for (int i = 0; i < broker_cores(p->broker); i++)
		reactor_stop(broker_core(p->broker, i));
	reactor_stop(p->control);
}

static void run(void *arg)
{
	reactor_run(arg);
}

int process_serve(const struct config *c, const struct process_http *http)
{
	int cpus[BROKER_CORES_MAX], granted = sys_cpus(cpus, BROKER_CORES_MAX);
	int cores = c->num_cores > 0 ? min_of(c->num_cores, BROKER_CORES_MAX) : granted;
	struct sys_thread *threads[BROKER_CORES_MAX];
	struct reactor *all[BROKER_CORES_MAX + 1];
	struct process p = { .signals = { .fd = sys_signals_open(), .ready = on_signal } };
	must(p.signals.fd >= 0);
	p.broker = broker_new(c, cores);
	p.control = broker_control(p.broker);
	all[cores] = p.control;
	io_watch(p.control, &p.signals, SYS_READABLE);
	for (int i = 0; i < cores; i++) {
		char name[16];
		snprintf(name, sizeof name, "core-%d", i);
		all[i] = broker_core(p.broker, i);
		threads[i] = sys_thread_start(name, cores <= granted ? cpus[i] : -1, run, all[i]);
	}
	struct watchdog *dog = watchdog_start(all, cores + 1, STUCK_MS);
	bool wants_http = http && c->metrics_port;
	void *door = wants_http ? http->start(p.broker, dog, (uint16_t)c->metrics_port) : NULL;
	if (wants_http && !door)
		ended(&p, 1);
	else
		broker_start(p.broker, ended, &p);
	reactor_run(p.control);
	for (int i = 0; i < cores; i++)
		sys_thread_join(threads[i]);
	if (door)
		http->stop(door);
	watchdog_stop(dog);
	io_unwatch(p.control, &p.signals);
	broker_free(p.broker);
	return p.status;
}
