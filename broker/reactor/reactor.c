/* reactor.c - see reactor.h. */
#include "broker/reactor/reactor_priv.h"

#include "broker/base/must.h"

/* ---- life ---- */

struct reactor *reactor_new(int core, struct sys_helpers *helpers)
{
	struct reactor *r = aligned_alloc(CACHE_LINE_BYTES, sizeof *r);
	must(r != NULL && core >= REACTOR_CONTROL && core < REACTOR_CORES_MAX);
	*r = (struct reactor){ .magic = REACTOR_MAGIC, .core = core, .helpers = helpers };
	atomic_init(&r->thread, sys_thread_self());
	r->poller = sys_poller_new();
	r->now_ns = sys_mono_ns();
	r->wall_ms = sys_wall_ms();
	list_init(&r->deferred);
	wheel_init(&r->wheel, r->now_ns);
	fibers_init(&r->fibers);
	mailbox_init(&r->mailbox);
	return r;
}

void reactor_free(struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	fibers_fini(&r->fibers);
	for (int i = 0; i < r->outboxes_n; i++)
		free(r->outboxes[i]);
	free(r->outboxes);
	sys_poller_free(r->poller);
	FREE_OBJ(r);
}

void reactor_stop(struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	atomic_store(&r->stopping, true);
	sys_poller_wake(r->poller);
}

int reactor_core(const struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	return r->core;
}

void reactor_set_metrics(struct reactor *r, struct metrics_core *metrics)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	r->metrics = metrics;
}

struct metrics_core *reactor_metrics(const struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	return r->metrics;
}

uint64_t reactor_turns(const struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	return atomic_load_explicit(&r->beat, memory_order_relaxed) / 2;
}

int64_t reactor_now_ns(const struct reactor *r)
{
	return r->now_ns;
}

int64_t reactor_wall_ms(const struct reactor *r)
{
	return r->wall_ms;
}

void reactor_must_be_here(const struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	must(atomic_load_explicit(&r->thread, memory_order_relaxed) == sys_thread_self());
}

/* ---- messages ---- */

static struct outbox *outbox_to(struct reactor *from, struct reactor *to)
{
	int slot = to->core + 1;
	if (slot >= from->outboxes_n) {
		from->outboxes = mem_realloc(from->outboxes, (size_t)(slot + 1) * sizeof(struct outbox *));
		while (from->outboxes_n <= slot)
			from->outboxes[from->outboxes_n++] = NULL;
	}
	if (from->outboxes[slot] == NULL) {
		from->outboxes[slot] = mem_zalloc(sizeof(struct outbox));
		msg_chain_init(&from->outboxes[slot]->chain);
	}
	return from->outboxes[slot];
}

void reactor_post(struct reactor *from, struct reactor *to, struct msg *m)
{
	reactor_must_be_here(from);
	CHECK_OBJ_NOTNULL(to, REACTOR_MAGIC);
	struct outbox *o = outbox_to(from, to);
	if (msg_chain_empty(&o->chain)) {
		o->to = to;
		o->next_used = from->used;
		from->used = o;
	}
	must(o->to == to);
	msg_chain_add(&o->chain, m);
}

void reactor_post_foreign(struct reactor *to, struct msg *m)
{
	struct msg_chain c;
	CHECK_OBJ_NOTNULL(to, REACTOR_MAGIC);
	msg_chain_init(&c);
	msg_chain_add(&c, m);
	if (mailbox_push(&to->mailbox, &c))
		sys_poller_wake(to->poller);
}

static void hand_over(struct reactor *r)
{
	while (r->used) {
		struct outbox *o = r->used;
		r->used = o->next_used;
		if (mailbox_push(&o->to->mailbox, &o->chain))
			sys_poller_wake(o->to->poller);
	}
}

static bool run_messages(struct reactor *r)
{
	struct msg *m = mailbox_take(&r->mailbox);
	bool any = m != MSG_NONE;
	while (m != MSG_NONE) {
		struct msg *next = m->next;
		m->next = NULL; /* it may be posted again from its own run, or be gone after it */
		m->run(r, m);
		m = next;
	}
	return any;
}

/* ---- deferred work ---- */

void reactor_defer(struct reactor *r, struct deferred *d)
{
	reactor_must_be_here(r);
	must(d->run != NULL);
	if (!list_linked(&d->link))
		list_push_back(&r->deferred, &d->link);
}

void reactor_undefer(struct reactor *r, struct deferred *d)
{
	reactor_must_be_here(r);
	if (list_linked(&d->link))
		list_remove(&d->link);
}

static bool run_deferred(struct reactor *r)
{
	struct list *l;
	bool any = false;
	while ((l = list_pop_front(&r->deferred)) != NULL) {
		struct deferred *d = list_entry(l, struct deferred, link);
		d->run(r, d);
		any = true;
	}
	return any;
}

/* ---- timers ---- */

void timer_arm(struct reactor *r, struct timer *t, int64_t after_ms)
{
	const int64_t longest_ms = (INT64_MAX - r->now_ns) / WHEEL_TICK_NS - 1;
	reactor_must_be_here(r);
	must(t->fire != NULL && after_ms >= 0);
	timer_cancel(r, t);
	t->due_ns = r->now_ns + min_of(after_ms, longest_ms) * WHEEL_TICK_NS;
	wheel_add(&r->wheel, t);
}

void timer_cancel(struct reactor *r, struct timer *t)
{
	reactor_must_be_here(r);
	if (list_linked(&t->link))
		list_remove(&t->link);
}

bool timer_armed(const struct timer *t)
{
	return list_linked(&t->link);
}

static bool run_timers(struct reactor *r)
{
	struct list due, *l;
	bool any = false;
	list_init(&due);
	wheel_advance(&r->wheel, r->now_ns, &due);
	while ((l = list_pop_front(&due)) != NULL) {
		struct timer *t = list_entry(l, struct timer, link);
		t->fire(r, t);
		any = true;
	}
	return any;
}

/* ---- descriptors ---- */

int io_watch(struct reactor *r, struct io *io, uint32_t events)
{
	reactor_must_be_here(r);
	must(io->ready != NULL && io->fd >= 0);
	if (io->watched && io->events == events)
		return 0;
	int rc = sys_poller_set(r->poller, io->fd, events, io);
	if (rc == 0) {
		io->events = events;
		io->watched = true;
	}
	return rc;
}

void io_unwatch(struct reactor *r, struct io *io)
{
	reactor_must_be_here(r);
	if (!io->watched)
		return;
	io->watched = false;
	sys_poller_remove(r->poller, io->fd);
	for (int i = r->ready_at; i < r->ready_n; i++)
		if (r->ready[i].cookie == io)
			r->ready[i].cookie = NULL;
}

static bool run_ready(struct reactor *r)
{
	bool any = r->ready_n > 0;
	for (r->ready_at = 0; r->ready_at < r->ready_n; r->ready_at++) {
		const struct sys_ready *e = &r->ready[r->ready_at];
		struct io *io = e->cookie;
		/* Others' work in this turn may have unwatched it, or changed what it waits for. */
		uint32_t events = io ? e->events & (io->events | SYS_HANGUP) : 0;
		if (events)
			io->ready(r, io, events);
	}
	r->ready_n = 0;
	return any;
}

/* ---- jobs ---- */

static void job_work(struct sys_job *sys)
{
	struct job *job = container_of(sys, struct job, sys);
	job->work(job);
}

static void job_worked(struct sys_job *sys)
{
	struct job *job = container_of(sys, struct job, sys);
	reactor_post_foreign(job->home, &job->msg);
}

static void job_done(struct reactor *here, struct msg *m)
{
	struct job *job = container_of(m, struct job, msg);
	job->done(here, job);
}

void reactor_offload(struct reactor *r, struct job *job, const char *reason)
{
	reactor_must_be_here(r);
	must(r->helpers != NULL && job->work != NULL && job->done != NULL);
	job->home = r;
	job->msg = (struct msg){ .run = job_done };
	job->sys = (struct sys_job){ .work = job_work, .done = job_worked, .reason = reason };
	sys_helpers_submit(r->helpers, &job->sys);
}

/* ---- the loop ---- */

/* Whether there is work already, so that it must not wait. */
static bool has_work(struct reactor *r)
{
	return !mailbox_empty(&r->mailbox) || !list_empty(&r->deferred) || r->used != NULL ||
	       atomic_load_explicit(&r->stopping, memory_order_relaxed);
}

int64_t reactor_next_ns(struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	return has_work(r) ? r->now_ns : wheel_next_ns(&r->wheel);
}

/* How long this turn may wait. Says to the mailbox that it sleeps, if it is going to. */
static int64_t may_wait_ns(struct reactor *r, int64_t wait_ns)
{
	if (wait_ns == 0 || has_work(r))
		return 0;
	int64_t next = wheel_next_ns(&r->wheel);
	if (next != INT64_MAX) {
		int64_t until = max_of(next - sys_mono_ns(), (int64_t)0);
		wait_ns = wait_ns < 0 ? until : min_of(wait_ns, until);
	}
	return wait_ns != 0 && mailbox_sleep(&r->mailbox) ? wait_ns : 0;
}

static void beat(struct reactor *r)
{
	unsigned long n = atomic_load_explicit(&r->beat, memory_order_relaxed);
	atomic_store_explicit(&r->beat, n + 1, memory_order_relaxed);
}

bool reactor_turn(struct reactor *r, int64_t wait_ns)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	atomic_store_explicit(&r->thread, sys_thread_self(), memory_order_relaxed);
	r->ready_n = sys_poller_wait(r->poller, r->ready, READY_MAX, may_wait_ns(r, wait_ns));
	r->ready_at = 0; /* messages that run first may unwatch any of them */
	beat(r);
	r->now_ns = sys_mono_ns();
	r->wall_ms = sys_wall_ms();
	bool any = run_messages(r);
	any |= run_ready(r);
	any |= run_timers(r);
	any |= run_deferred(r);
	hand_over(r);
	beat(r);
	return any;
}

void reactor_run(struct reactor *r)
{
	CHECK_OBJ_NOTNULL(r, REACTOR_MAGIC);
	while (!atomic_load_explicit(&r->stopping, memory_order_relaxed))
		reactor_turn(r, -1);
}
