/* sys_sim_fd.c - the simulated world's descriptors, pollers and signals. */
#include "tests/sim/sys_sim.h"

enum {
	POLLER_MAGIC = 0x43d8a6f1,
	SIGNALS_MAX = 16, /* kept for a process that does not look */
};

/* ---- descriptors: the lowest free number, over all hosts ---- */

static struct {
	struct sim_fd **open;
	int n;
} fds;

int sim_fd_new(struct sim_fd *f, const struct sim_fd_kind *kind)
{
	int i = 0;
	while (i < fds.n && fds.open[i])
		i++;
	if (i == fds.n) {
		fds.open = mem_realloc(fds.open, (size_t)(fds.n + 1) * sizeof(struct sim_fd *));
		fds.n++;
	}
	fds.open[i] = f;
	*f = (struct sim_fd){ .kind = kind, .host = sim_here(), .number = SIM_FD_FIRST + i };
	return f->number;
}

static struct sim_fd *fd_any(int fd)
{
	int i = fd - SIM_FD_FIRST;
	must(i >= 0 && i < fds.n && fds.open[i] != NULL);
	must(fds.open[i]->host == sim_here());
	return fds.open[i];
}

struct sim_fd *sim_fd_get(int fd, const struct sim_fd_kind *kind)
{
	struct sim_fd *f = fd_any(fd);
	must(f->kind == kind);
	return f;
}

void sim_fd_close(struct sim_fd *f, bool vanished)
{
	/* io_unwatch() before sys_close(): the kernel would forgive it, and then mix two up. */
	must(f->watchers == 0);
	fds.open[f->number - SIM_FD_FIRST] = NULL;
	f->kind->close(f, vanished);
}

void sim_fds_close(struct sim_host *h, bool vanished)
{
	for (int i = 0; i < fds.n; i++)
		if (fds.open[i] && fds.open[i]->host == h)
			sim_fd_close(fds.open[i], vanished);
}

void sim_fds_free(void)
{
	for (int i = 0; i < fds.n; i++)
		must(fds.open[i] == NULL);
	free(fds.open);
	fds.open = NULL;
	fds.n = 0;
}

void sys_close(int fd)
{
	sim_note("close", (uint64_t)fd, 0);
	sim_fd_close(fd_any(fd), false);
}

/* ---- pollers ---- */

struct watched {
	struct sim_fd *fd;
	uint32_t events;
	void *cookie;
};

struct sys_poller {
	unsigned magic;
	struct list link; /* of the host's */
	struct watched *watched;
	int n;
	bool woken;
};

struct sys_poller *sys_poller_new(void)
{
	struct sys_poller *p;
	ALLOC_OBJ(p, POLLER_MAGIC);
	list_push_back(&sim_here()->pollers, &p->link);
	return p;
}

void sys_poller_free(struct sys_poller *p)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	for (int i = 0; i < p->n; i++)
		p->watched[i].fd->watchers--;
	free(p->watched);
	list_remove(&p->link);
	FREE_OBJ(p);
}

void sim_pollers_free(struct sim_host *h)
{
	while (!list_empty(&h->pollers))
		sys_poller_free(list_entry(h->pollers.next, struct sys_poller, link));
}

static int find_watched(const struct sys_poller *p, const struct sim_fd *f)
{
	int i = 0;
	while (i < p->n && p->watched[i].fd != f)
		i++;
	return i;
}

int sys_poller_set(struct sys_poller *p, int fd, uint32_t events, void *cookie)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	struct sim_fd *f = fd_any(fd);
	int i = find_watched(p, f);
	if (i == p->n) {
		p->watched = mem_realloc(p->watched, (size_t)(p->n + 1) * sizeof(struct watched));
		p->n++;
		f->watchers++;
	}
	p->watched[i] = (struct watched){ f, events, cookie };
	return 0;
}

void sys_poller_remove(struct sys_poller *p, int fd)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	struct sim_fd *f = fd_any(fd);
	int i = find_watched(p, f);
	if (i == p->n)
		return;
	f->watchers--;
	p->watched[i] = p->watched[--p->n];
}

static uint32_t events_of(const struct watched *w)
{
	return w->fd->kind->ready(w->fd) & (w->events | SYS_HANGUP);
}

bool sim_poller_ready(struct sys_poller *p)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	for (int i = 0; i < p->n; i++)
		if (events_of(&p->watched[i]))
			return true;
	return p->woken;
}

/* Begins anywhere, as no order is promised. */
static int collect(struct sys_poller *p, struct sys_ready *ready, int max)
{
	int found = 0, first = p->n > 0 ? (int)sim_dice((uint64_t)p->n) : 0;
	for (int k = 0; k < p->n && found < max; k++) {
		const struct watched *w = &p->watched[(first + k) % p->n];
		uint32_t events = events_of(w);
		if (events)
			ready[found++] = (struct sys_ready){ w->cookie, events };
	}
	return found;
}

int sys_poller_wait(struct sys_poller *p, struct sys_ready *ready, int max, int64_t timeout_ns)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	must(max > 0);
	int64_t deadline = sim_deadline(timeout_ns);
	if (!sim_give_way(p, deadline))
		while (!sim_poller_ready(p) && sim_now_ns() < deadline && sim_step_until(deadline))
			;
	p->woken = false;
	return collect(p, ready, max);
}

void sys_poller_wake(struct sys_poller *p)
{
	CHECK_OBJ_NOTNULL(p, POLLER_MAGIC);
	p->woken = true;
}

/* ---- signals ---- */

struct signals {
	struct sim_fd fd;
	int numbers[SIGNALS_MAX];
	int n;
};

static uint32_t signals_ready(struct sim_fd *f)
{
	struct signals *s = container_of(f, struct signals, fd);
	return s->n > 0 ? SYS_READABLE : 0;
}

static void signals_close(struct sim_fd *f, bool vanished)
{
	struct signals *s = container_of(f, struct signals, fd);
	(void)vanished;
	free(s);
}

static const struct sim_fd_kind signals_kind = { "signals", signals_ready, signals_close };

int sys_signals_open(void)
{
	struct signals *s = mem_zalloc(sizeof *s);
	return sim_fd_new(&s->fd, &signals_kind);
}

int sys_signals_next(int fd)
{
	struct signals *s = container_of(sim_fd_get(fd, &signals_kind), struct signals, fd);
	if (s->n == 0)
		return 0;
	int number = s->numbers[0];
	s->n--;
	for (int i = 0; i < s->n; i++)
		s->numbers[i] = s->numbers[i + 1];
	return number;
}

void sim_signal(struct sim_host *h, int number)
{
	sim_note("signal", (uint64_t)h->number, (uint64_t)number);
	for (int i = 0; i < fds.n; i++) {
		struct sim_fd *f = fds.open[i];
		if (!f || f->host != h || f->kind != &signals_kind)
			continue;
		struct signals *s = container_of(f, struct signals, fd);
		if (s->n < SIGNALS_MAX)
			s->numbers[s->n++] = number;
	}
}
