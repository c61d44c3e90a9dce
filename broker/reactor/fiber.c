/* fiber.c - see fiber.h.
 *
 * A fiber is always in one of three places: on the core (`running`), in the queue of deferred work (it will
 * run later in this turn), or parked. Every wait is a loop over its own condition around park(), so that it
 * does not matter who else made the fiber run: a resume that was meant for a later fiber_suspend() stays
 * noted until then.
 */
#include "broker/reactor/fiber.h"

#include "broker/base/must.h"
#include "broker/reactor/reactor_priv.h"

#include <string.h>

enum { FIBER_MAGIC = 0x60c2e7f5, FIBER_NAME_BYTES = 32 };

struct fiber {
	unsigned magic;
	struct reactor *home;
	char name[FIBER_NAME_BYTES]; /* for a debugger */
	void (*run)(void *arg);
	void *arg;
	struct list link;            /* in fibers.all */
	struct deferred go;          /* queued: it runs later in this turn */
	bool resumed;                /* by somebody else, and no fiber_suspend() has seen it yet */
	bool ended;
	struct sys_stack *stack;
	struct context context;
};

static void to_loop(struct fiber *f)
{
	struct fibers *fs = &f->home->fibers;
	must(fs->running == f);
	context_switch(&f->context, &fs->loop);
}

static void fiber_main(void *arg)
{
	struct fiber *f = arg;
	CHECK_OBJ_NOTNULL(f, FIBER_MAGIC);
	f->run(f->arg);
	f->ended = true;
	context_end(&f->context, &f->home->fibers.loop);
}

/* ---- life ---- */

void fibers_init(struct fibers *fs)
{
	list_init(&fs->all);
}

static struct sys_stack *stack_get(struct fibers *fs)
{
	return fs->spares_n > 0 ? fs->spares[--fs->spares_n] : sys_stack_new(FIBER_STACK_BYTES);
}

static void stack_put(struct fibers *fs, struct sys_stack *s)
{
	if (fs->spares_n < FIBER_SPARES_MAX)
		fs->spares[fs->spares_n++] = s;
	else
		sys_stack_free(s);
}

static void fiber_free(struct fiber *f)
{
	struct fibers *fs = &f->home->fibers;
	list_remove(&f->link);
	if (list_linked(&f->go.link))
		list_remove(&f->go.link);
	fs->n--;
	context_fini(&f->context);
	stack_put(fs, f->stack);
	FREE_OBJ(f);
}

void fibers_fini(struct fibers *fs)
{
	must(fs->running == NULL);
	while (!list_empty(&fs->all))
		fiber_free(list_entry(fs->all.next, struct fiber, link));
	while (fs->spares_n > 0)
		sys_stack_free(fs->spares[--fs->spares_n]);
}

/* The loop lets a fiber run until it parks or ends. */
static void let_run(struct reactor *here, struct deferred *d)
{
	struct fiber *f = container_of(d, struct fiber, go);
	struct fibers *fs = &here->fibers;
	CHECK_OBJ(f, FIBER_MAGIC);
	must(fs->running == NULL && f->home == here && !f->ended);
	fs->running = f;
	context_switch(&fs->loop, &f->context);
	fs->running = NULL;
	if (f->ended)
		fiber_free(f);
}

struct fiber *fiber_start(struct reactor *r, const char *name, void (*run)(void *arg), void *arg)
{
	struct fibers *fs = &r->fibers;
	struct fiber *f;
	size_t bytes;
	reactor_must_be_here(r);
	must(run != NULL);
	struct sys_stack *stack = fs->n < FIBERS_MAX ? stack_get(fs) : NULL;
	if (!stack)
		return NULL;
	ALLOC_OBJ(f, FIBER_MAGIC);
	f->home = r;
	f->run = run;
	f->arg = arg;
	f->go.run = let_run;
	f->stack = stack;
	strncpy(f->name, name, sizeof f->name - 1);
	void *base = sys_stack_base(stack, &bytes);
	context_init(&f->context, base, bytes, fiber_main, f);
	list_push_back(&fs->all, &f->link);
	fs->n++;
	reactor_defer(r, &f->go);
	return f;
}

struct fiber *fiber_self(struct reactor *r)
{
	reactor_must_be_here(r);
	return r->fibers.running;
}

/* ---- waiting ---- */

static struct fiber *self(struct reactor *r)
{
	struct fiber *f = fiber_self(r);
	CHECK_OBJ_NOTNULL(f, FIBER_MAGIC); /* the loop itself cannot wait */
	return f;
}

/* Until somebody makes it run, for whatever reason: the caller looks at its condition. */
static void park(struct fiber *f)
{
	to_loop(f);
}

static void make_run(struct fiber *f)
{
	CHECK_OBJ_NOTNULL(f, FIBER_MAGIC);
	reactor_defer(f->home, &f->go);
}

void fiber_suspend(struct reactor *r)
{
	struct fiber *f = self(r);
	while (!f->resumed)
		park(f);
	f->resumed = false;
}

void fiber_resume(struct fiber *f)
{
	CHECK_OBJ_NOTNULL(f, FIBER_MAGIC);
	f->resumed = true;
	make_run(f);
}

struct alarm {
	struct timer timer;
	struct fiber *fiber;
	bool rang;
};

static void alarm_rings(struct reactor *here, struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	(void)here;
	a->rang = true;
	make_run(a->fiber);
}

void fiber_sleep(struct reactor *r, int64_t ms)
{
	struct alarm a = { .timer.fire = alarm_rings, .fiber = self(r) };
	timer_arm(r, &a.timer, ms);
	while (!a.rang)
		park(a.fiber);
}

struct waiter {
	struct list link; /* in fiber_event.waiters */
	struct fiber *fiber;
	bool called;
};

void fiber_event_init(struct fiber_event *e)
{
	list_init(&e->waiters);
	e->happened = false;
}

/* Lets go of every waiter, so that the event may be gone when they run. */
void fiber_event_set(struct fiber_event *e)
{
	struct list *l;
	e->happened = true;
	while ((l = list_pop_front(&e->waiters)) != NULL) {
		struct waiter *w = list_entry(l, struct waiter, link);
		w->called = true;
		make_run(w->fiber);
	}
}

void fiber_wait(struct reactor *r, struct fiber_event *e)
{
	struct waiter w = { .fiber = self(r) };
	if (e->happened)
		return;
	list_push_back(&e->waiters, &w.link);
	while (!w.called)
		park(w.fiber);
}

bool fiber_wait_ms(struct reactor *r, struct fiber_event *e, int64_t timeout_ms)
{
	struct waiter w = { .fiber = self(r) };
	struct alarm a = { .timer.fire = alarm_rings, .fiber = w.fiber };
	if (e->happened)
		return true;
	list_push_back(&e->waiters, &w.link);
	timer_arm(r, &a.timer, timeout_ms);
	while (!w.called && !a.rang)
		park(w.fiber);
	timer_cancel(r, &a.timer);
	if (!w.called)
		list_remove(&w.link);
	return w.called;
}

struct each {
	void (*run)(void *arg, int32_t i);
	void *arg;
	int32_t n, next, fibers;
	struct fiber_event done;
};

static void each_run(void *arg)
{
	struct each *e = arg;
	while (e->next < e->n)
		e->run(e->arg, e->next++);
	if (--e->fibers == 0)
		fiber_event_set(&e->done);
}

void fiber_each(struct reactor *r, int32_t n, int32_t at_once, void (*run)(void *arg, int32_t i), void *arg)
{
	struct each e = { .run = run, .arg = arg, .n = n, .fibers = 1 }; /* the caller is one of them */
	fiber_event_init(&e.done);
	while (e.fibers < min_of(n, at_once) && r->fibers.n < FIBERS_EACH_MAX &&
	       fiber_start(r, self(r)->name, each_run, &e))
		e.fibers++;
	each_run(&e);
	fiber_wait(r, &e.done);
}

struct errand {
	struct job job;
	struct fiber *fiber;
	void (*work)(void *arg);
	void *arg;
	bool done;
};

static void errand_work(struct job *job)
{
	struct errand *e = container_of(job, struct errand, job);
	e->work(e->arg);
}

static void errand_done(struct reactor *here, struct job *job)
{
	struct errand *e = container_of(job, struct errand, job);
	(void)here;
	e->done = true;
	make_run(e->fiber);
}

void fiber_offload(struct reactor *r, void (*work)(void *arg), void *arg, const char *reason)
{
	struct errand e = {
		.job = { .work = errand_work, .done = errand_done },
		.fiber = self(r),
		.work = work,
		.arg = arg,
	};
	reactor_offload(r, &e.job, reason);
	while (!e.done)
		park(e.fiber);
}
