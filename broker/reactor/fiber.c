/* fiber.c - see fiber.h.
 *
 * A fiber is always in one of three places: on the core (`running`), in the queue of deferred work (it will run later in
 * this turn), or parked. Every wait is a loop over its own condition around park(), so that it does not matter who
 * else made the fiber run: a resume that was meant for a later fiber_suspend() stays noted until then.
 */
#include "broker/reactor/fiber.h"

#include "broker/base/must.h"
#include "broker/reactor/reactor_priv.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

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
	void *sp;                    /* while it is not running */
	void *sanitizer;             /* what the sanitizer keeps for this stack */
};

/* fiber_switch.S */
void fiber_switch(void **left_sp, void *to_sp);
void fiber_entry(void);

/* ---- the switch, of which the sanitizers are told ---- */

/* Stands in front of fiber_switch() to `f`, or to the loop; `f` ends when it goes to the loop for the last time. */
static void leaving_loop(struct fibers *fs, struct fiber *f)
{
#if defined(FIBER_ASAN)
	size_t bytes;
	const void *base = sys_stack_base(f->stack, &bytes);
	__sanitizer_start_switch_fiber(&fs->loop_sanitizer, base, bytes);
#elif defined(FIBER_TSAN)
	fs->loop_sanitizer = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(f->sanitizer, 0);
#endif
	(void)fs;
	(void)f;
}

static void back_in_loop(struct fibers *fs)
{
#if defined(FIBER_ASAN)
	__sanitizer_finish_switch_fiber(fs->loop_sanitizer, NULL, NULL);
#endif
	(void)fs;
}

static void leaving_fiber(struct fibers *fs, struct fiber *f)
{
#if defined(FIBER_ASAN)
	__sanitizer_start_switch_fiber(f->ended ? NULL : &f->sanitizer, fs->loop_stack, fs->loop_stack_bytes);
#elif defined(FIBER_TSAN)
	__tsan_switch_to_fiber(fs->loop_sanitizer, 0);
#endif
	(void)fs;
	(void)f;
}

static void back_in_fiber(struct fibers *fs, struct fiber *f)
{
#if defined(FIBER_ASAN)
	__sanitizer_finish_switch_fiber(f->sanitizer, &fs->loop_stack, &fs->loop_stack_bytes);
#endif
	(void)fs;
	(void)f;
}

static void sanitizer_born(struct fiber *f)
{
#if defined(FIBER_ASAN)
	size_t bytes;
	void *base = sys_stack_base(f->stack, &bytes);
	__asan_unpoison_memory_region(base, bytes); /* it may have been another fiber's */
#elif defined(FIBER_TSAN)
	f->sanitizer = __tsan_create_fiber(0);
	__tsan_set_fiber_name(f->sanitizer, f->name);
#endif
	(void)f;
}

static void sanitizer_dead(struct fiber *f)
{
#if defined(FIBER_TSAN)
	__tsan_destroy_fiber(f->sanitizer);
#endif
	(void)f;
}

static void to_loop(struct fiber *f)
{
	struct fibers *fs = &f->home->fibers;
	must(fs->running == f);
	leaving_fiber(fs, f);
	fiber_switch(&f->sp, fs->loop_sp);
	back_in_fiber(fs, f);
}

static void fiber_main(void *arg)
{
	struct fiber *f = arg;
	CHECK_OBJ_NOTNULL(f, FIBER_MAGIC);
	back_in_fiber(&f->home->fibers, f);
	f->run(f->arg);
	f->ended = true;
	to_loop(f);
	must_not_reach("an ended fiber was run");
}

/* Fills a new stack with what fiber_switch() pops: it begins in fiber_entry, which calls fiber_main(f). */
static void *fiber_frame(void *base, size_t bytes, struct fiber *f)
{
	void **top = (void **)(void *)((char *)base + bytes);
#if defined(__x86_64__)
	enum { CONTROL, R15, R14, R13, R12, RBX, RBP, RETURN, WORDS };
	const uint64_t default_mxcsr = 0x1f80, default_x87 = 0x037f;
	void **sp = top - WORDS;
	memset(sp, 0, WORDS * sizeof *sp);
	sp[CONTROL] = (void *)(default_x87 << 32 | default_mxcsr);
	sp[R12] = f;
	sp[RBX] = (void *)fiber_main;
	sp[RETURN] = (void *)fiber_entry;
#elif defined(__aarch64__)
	enum { X19, X20, X30 = 11, WORDS = 20 };
	void **sp = top - WORDS;
	memset(sp, 0, WORDS * sizeof *sp);
	sp[X19] = (void *)fiber_main;
	sp[X20] = f;
	sp[X30] = (void *)fiber_entry;
#endif
	must((uintptr_t)top % 16 == 0);
	return sp;
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
	sanitizer_dead(f);
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
	leaving_loop(fs, f);
	fiber_switch(&fs->loop_sp, f->sp);
	back_in_loop(fs);
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
	sanitizer_born(f);
	void *base = sys_stack_base(stack, &bytes);
	f->sp = fiber_frame(base, bytes, f);
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
	struct errand e = { .job = { .work = errand_work, .done = errand_done }, .fiber = self(r), .work = work, .arg = arg };
	reactor_offload(r, &e.job, reason);
	while (!e.done)
		park(e.fiber);
}
