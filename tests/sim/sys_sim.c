/* sys_sim.c - the simulated world: time, dice, the scheduler, threads, helpers, processes, the log. See
 * sim.h. */
#include "tests/sim/sys_sim.h"

#include "broker/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	THREAD_MAGIC = 0x17f3ac48,
	HELPERS_MAGIC = 0x64d09e32,
	STACK_MAGIC = 0x1be57a06,
	SLICE_NS_MIN = 500,      /* what a thread's turn takes, about */
	SLICE_NS_SPREAD = 8000,
	LOOK_AT_CLOCK_NS = 20,   /* so that waiting for the clock ends */
	RSS_BYTES = 32 << 20,
	STOP_MS_MAX = 1000,      /* a reactor that is told to stop does so at once */
	THE_TEST = 1,            /* sys_thread_self() of the test itself */
};

static const int64_t wall_begin_ms = INT64_C(1700000000000);

enum thread_state { THREAD_RUNS, THREAD_POLLS, THREAD_JOINS, THREAD_ENDED };

struct sys_thread {
	unsigned magic;
	struct list link;            /* in world.threads */
	uint64_t id;
	char name[32];
	struct sim_host *host;
	struct context context;
	struct sys_stack *stack;
	void (*main)(void *arg);
	void *arg;
	enum thread_state state;
	struct sys_poller *poller;   /* THREAD_POLLS: what it waits for */
	int64_t deadline_ns;
	struct sys_thread *joins;    /* THREAD_JOINS */
};

static struct {
	bool exists;
	uint64_t dice[2];
	uint64_t trace;
	struct sim_nature nature;
	int64_t now_ns, wall_offset_ms;
	uint64_t next_number;        /* of events */
	struct sim_event **heap;     /* from 1; each is before its children */
	size_t heap_n, heap_room;
	struct sim_host *hosts[SIM_HOSTS_MAX];
	int hosts_n;
	struct sim_host *here;       /* of what runs now */
	uint64_t self;
	struct list threads;         /* in the order of their start */
	struct sys_thread *running;  /* NULL: the test or an event */
	struct context test;
	uint64_t next_id;
	int log_level;
	bool tell;
} world;

/* ---- dice and trace ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t dice_next(void)
{
	uint64_t a = world.dice[0], b = world.dice[1];
	world.dice[0] = b;
	a ^= a << 23;
	world.dice[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
	return world.dice[1] + b;
}

uint64_t sim_dice(uint64_t n)
{
	must(n > 0);
	return dice_next() % n;
}

bool sim_chance(int percent)
{
	return (int)sim_dice(100) < percent;
}

const struct sim_nature *sim_nature(void)
{
	return &world.nature;
}

/* About as often small as large. */
static uint64_t dice_of_any_size(uint64_t max)
{
	return 1 + sim_dice(1 + sim_dice(max));
}

static void draw_nature(void)
{
	world.nature = (struct sim_nature){
		.latency_ns = (int64_t)dice_of_any_size(5 * SIM_MS),
		.job_ns = (int64_t)dice_of_any_size(20 * SIM_MS),
		.piece_bytes = sim_chance(10) ? 1 : (uint32_t)dice_of_any_size(128 * 1024),
		.short_percent = (int)sim_dice(50),
		.cold_percent = sim_chance(50) ? 0 : (int)sim_dice(100),
	};
}

void sim_note(const char *what, uint64_t a, uint64_t b)
{
	for (const char *p = what; *p; p++)
		world.trace = (world.trace ^ (uint8_t)*p) * 0x100000001b3u;
	world.trace = mix(world.trace + a * 0x9e3779b97f4a7c15u);
	world.trace = mix(world.trace + b + (uint64_t)world.now_ns);
}

void sim_note_bytes(const char *what, uint64_t a, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	sim_note(what, a, mix(h + n));
}

uint64_t sim_trace(void)
{
	return world.trace;
}

/* ---- events ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void put(struct sim_event *e, size_t place)
{
	world.heap[place] = e;
	e->place = place;
}

/* Finds the place of `e`, for which `place` is free, upwards and then downwards. */
static void settle_at(struct sim_event *e, size_t place)
{
	while (place > 1 && before(e, world.heap[place / 2])) {
		put(world.heap[place / 2], place);
		place /= 2;
	}
	for (;;) {
		size_t child = place * 2;
		if (child < world.heap_n && before(world.heap[child + 1], world.heap[child]))
			child++;
		if (child > world.heap_n || !before(world.heap[child], e))
			break;
		put(world.heap[child], place);
		place = child;
	}
	put(e, place);
}

bool sim_planned(const struct sim_event *e)
{
	return e->place != 0;
}

void sim_unplan(struct sim_event *e)
{
	size_t place = e->place;
	if (place == 0)
		return;
	must(world.heap[place] == e);
	struct sim_event *last = world.heap[world.heap_n--];
	e->place = 0;
	if (last != e)
		settle_at(last, place);
}

void sim_plan(struct sim_event *e, int64_t after_ns, void (*run)(struct sim_event *e))
{
	must(after_ns >= 0);
	sim_unplan(e);
	if (world.heap_n + 2 > world.heap_room) {
		world.heap_room = 64 + world.heap_room * 2;
		world.heap = mem_realloc(world.heap, world.heap_room * sizeof(struct sim_event *));
	}
	e->at_ns = world.now_ns + after_ns;
	e->number = world.next_number++;
	e->run = run;
	settle_at(e, ++world.heap_n);
}

/* ---- time ---- */

int64_t sim_now_ns(void)
{
	return world.now_ns;
}

int64_t sys_mono_ns(void)
{
	return world.now_ns += LOOK_AT_CLOCK_NS;
}

int64_t sys_wall_ms(void)
{
	return wall_begin_ms + world.wall_offset_ms + world.now_ns / SIM_MS;
}

void sim_wall_jump(int64_t ms)
{
	world.wall_offset_ms += ms;
}

void sys_random(void *bytes, size_t n)
{
	uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)sim_dice(256);
}

int64_t sim_deadline(int64_t timeout_ns)
{
	bool for_ever = timeout_ns < 0 || timeout_ns > INT64_MAX - world.now_ns;
	return for_ever ? INT64_MAX : world.now_ns + timeout_ns;
}

/* ---- the scheduler ---- */

static bool can_run(struct sys_thread *t)
{
	switch (t->state) {
	case THREAD_RUNS:
		return true;
	case THREAD_POLLS:
		return t->deadline_ns <= world.now_ns || sim_poller_ready(t->poller);
	case THREAD_JOINS:
		return t->joins->state == THREAD_ENDED;
	case THREAD_ENDED:
		return false;
	}
	must_not_reach("a thread in no state");
}

/* One of those that can run, by the dice; NULL when none can. */
static struct sys_thread *pick_thread(void)
{
	struct sys_thread *picked = NULL;
	uint64_t n = 0;
	list_for_each(l, &world.threads) {
		struct sys_thread *t = list_entry(l, struct sys_thread, link);
		if (can_run(t) && sim_dice(++n) == 0)
			picked = t;
	}
	return picked;
}

static void end_process(struct sim_host *h, bool vanished);

static void let_run(struct sys_thread *t)
{
	struct sim_host *test_here = world.here;
	world.now_ns += SLICE_NS_MIN + (int64_t)sim_dice(SLICE_NS_SPREAD);
	sim_note("run", t->id, 0);
	world.running = t;
	world.here = t->host;
	world.self = t->id;
	t->state = THREAD_RUNS;
	context_switch(&world.test, &t->context);
	world.running = NULL;
	world.self = THE_TEST;
	world.here = test_here;
	if (t->host->exiting)
		end_process(t->host, false);
}

static void happen(struct sim_event *e)
{
	struct sim_host *test_here = world.here;
	sim_unplan(e);
	world.now_ns = max_of(world.now_ns, e->at_ns);
	e->run(e);
	world.self = THE_TEST;
	world.here = test_here;
}

/* When the first of those that only wait for time will be done waiting. */
static int64_t first_deadline(void)
{
	int64_t first = INT64_MAX;
	list_for_each(l, &world.threads) {
		struct sys_thread *t = list_entry(l, struct sys_thread, link);
		if (t->state == THREAD_POLLS)
			first = min_of(first, t->deadline_ns);
	}
	return first;
}

bool sim_step_until(int64_t limit_ns)
{
	must(world.exists && world.running == NULL);
	struct sim_event *e = world.heap_n > 0 ? world.heap[1] : NULL;
	if (e && e->at_ns <= world.now_ns) {
		happen(e);
		return true;
	}
	struct sys_thread *t = pick_thread();
	if (t) {
		let_run(t);
		return true;
	}
	int64_t deadline = first_deadline(), next = e ? min_of(e->at_ns, deadline) : deadline;
	if (next > limit_ns || next == INT64_MAX) {
		if (limit_ns != INT64_MAX)
			world.now_ns = max_of(world.now_ns, limit_ns);
		return false;
	}
	world.now_ns = next;
	if (e && e->at_ns == next)
		happen(e);
	return true;
}

bool sim_step(void)
{
	return sim_step_until(INT64_MAX);
}

void sim_run_ms(int64_t ms)
{
	int64_t end = world.now_ns + ms * SIM_MS;
	while (world.now_ns < end && sim_step_until(end))
		;
}

bool sim_run_until(bool (*done)(void *arg), void *arg, int64_t ms)
{
	int64_t end = world.now_ns + ms * SIM_MS;
	while (!done(arg))
		if (world.now_ns >= end || !sim_step_until(end))
			return done(arg);
	return true;
}

static bool nothing_under_way(void *arg)
{
	(void)arg;
	if (world.heap_n > 0)
		return false;
	list_for_each(l, &world.threads)
		if (can_run(list_entry(l, struct sys_thread, link)))
			return false;
	return true;
}

bool sim_settle(int64_t ms)
{
	return sim_run_until(nothing_under_way, NULL, ms);
}

bool sim_give_way(struct sys_poller *p, int64_t deadline_ns)
{
	struct sys_thread *t = world.running;
	if (!t)
		return false;
	t->state = THREAD_POLLS;
	t->poller = p;
	t->deadline_ns = deadline_ns;
	context_switch(&t->context, &world.test);
	return true;
}

/* ---- threads ---- */

static void thread_main(void *arg)
{
	struct sys_thread *t = arg;
	t->main(t->arg);
	t->state = THREAD_ENDED;
	context_end(&t->context, &world.test);
}

struct sys_thread *sys_thread_start(const char *name, int cpu, void (*run)(void *arg), void *arg)
{
	struct sys_thread *t;
	size_t bytes;
	(void)cpu;
	ALLOC_OBJ(t, THREAD_MAGIC);
	t->id = world.next_id++;
	snprintf(t->name, sizeof t->name, "%s", name);
	t->host = sim_here();
	t->main = run;
	t->arg = arg;
	t->stack = sys_stack_new(SIM_STACK_BYTES);
	must(t->stack != NULL && t->host->up);
	void *base = sys_stack_base(t->stack, &bytes);
	context_init(&t->context, base, bytes, thread_main, t);
	list_push_back(&world.threads, &t->link);
	sim_note("thread", t->id, (uint64_t)t->host->number);
	return t;
}

static void thread_free(struct sys_thread *t)
{
	list_remove(&t->link);
	context_fini(&t->context);
	sys_stack_free(t->stack);
	FREE_OBJ(t);
}

void sys_thread_join(struct sys_thread *t)
{
	CHECK_OBJ_NOTNULL(t, THREAD_MAGIC);
	struct sys_thread *self = world.running;
	if (self) {
		self->state = THREAD_JOINS;
		self->joins = t;
		context_switch(&self->context, &world.test);
	}
	while (t->state != THREAD_ENDED) {
		bool alive = sim_step();
		must(alive);
	}
	thread_free(t);
}

uint64_t sys_thread_self(void)
{
	return world.self;
}

int sys_thread_stack(uint64_t thread, void (*line)(void *arg, const char *text), void *arg)
{
	(void)thread;
	(void)line;
	(void)arg;
	return -ETIMEDOUT; /* as one that never gives way could not be asked */
}

int sys_cpus(int *cpus, int max)
{
	int n = min_of(sim_here()->cores, max);
	for (int i = 0; i < n; i++)
		cpus[i] = i;
	return n;
}

/* ---- stacks ---- */

struct sys_stack {
	unsigned magic;
	struct list link; /* of the host's, so that a crash takes them along */
	char *guard;
	size_t page, bytes;
};

struct sys_stack *sys_stack_new(size_t bytes)
{
	struct sys_stack *s;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bytes = (bytes + page - 1) / page * page;
	char *p = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	int rc = mprotect(p, page, PROT_NONE);
	must(rc == 0);
	ALLOC_OBJ(s, STACK_MAGIC);
	s->guard = p;
	s->page = page;
	s->bytes = bytes;
	list_push_back(&sim_here()->stacks, &s->link);
	return s;
}

void *sys_stack_base(struct sys_stack *s, size_t *bytes)
{
	CHECK_OBJ_NOTNULL(s, STACK_MAGIC);
	*bytes = s->bytes;
	return s->guard + s->page;
}

void sys_stack_free(struct sys_stack *s)
{
	CHECK_OBJ_NOTNULL(s, STACK_MAGIC);
	list_remove(&s->link);
	int rc = munmap(s->guard, s->page + s->bytes);
	must(rc == 0);
	FREE_OBJ(s);
}

/* ---- helpers: a job is two events, its work and some time later its end ---- */

struct sys_helpers {
	unsigned magic;
	struct list link; /* of the host's */
	struct sim_host *host;
	uint64_t id;
	struct list jobs; /* planned, in the order of their submission */
};

struct planned_job {
	struct list link;
	struct sim_event event;
	struct sys_helpers *pool;
	struct sys_job *job;
	bool worked;
};

struct sys_helpers *sys_helpers_start(int threads)
{
	struct sys_helpers *h;
	must(threads > 0);
	ALLOC_OBJ(h, HELPERS_MAGIC);
	h->host = sim_here();
	h->id = world.next_id++;
	list_init(&h->jobs);
	list_push_back(&h->host->helpers, &h->link);
	return h;
}

static void job_happens(struct sim_event *e)
{
	struct planned_job *p = container_of(e, struct planned_job, event);
	sim_note(p->worked ? "job done" : "job", p->pool->id, 0);
	world.here = p->pool->host;
	world.self = p->pool->id;
	if (!p->worked) {
		p->worked = true;
		sim_plan(e, (int64_t)sim_dice((uint64_t)sim_nature()->job_ns), job_happens);
		p->job->work(p->job);
		return;
	}
	struct sys_job *job = p->job;
	list_remove(&p->link);
	free(p);
	job->done(job);
}

void sys_helpers_submit(struct sys_helpers *h, struct sys_job *job)
{
	CHECK_OBJ_NOTNULL(h, HELPERS_MAGIC);
	must(job->work != NULL && job->done != NULL);
	struct planned_job *p = mem_zalloc(sizeof *p);
	p->pool = h;
	p->job = job;
	job->queued_ns = world.now_ns;
	list_push_back(&h->jobs, &p->link);
	sim_plan(&p->event, (int64_t)sim_dice((uint64_t)sim_nature()->job_ns), job_happens);
}

static void helpers_free(struct sys_helpers *h)
{
	struct list *l;
	while ((l = list_pop_front(&h->jobs)) != NULL) {
		struct planned_job *p = list_entry(l, struct planned_job, link);
		sim_unplan(&p->event);
		free(p);
	}
	list_remove(&h->link);
	FREE_OBJ(h);
}

void sys_helpers_stop(struct sys_helpers *h)
{
	CHECK_OBJ_NOTNULL(h, HELPERS_MAGIC);
	struct sim_host *caller_here = world.here;
	uint64_t caller = world.self;
	while (!list_empty(&h->jobs)) {
		struct planned_job *p = list_entry(h->jobs.next, struct planned_job, link);
		sim_unplan(&p->event);
		job_happens(&p->event);
	}
	world.here = caller_here;
	world.self = caller;
	helpers_free(h);
}

/* ---- hosts ---- */

struct sim_host *sim_here(void)
{
	must(world.here != NULL);
	return world.here;
}

struct sim_host *sim_enter(struct sim_host *h)
{
	struct sim_host *before = world.here;
	world.here = h;
	return before;
}

struct sim_host *sim_host_at(int number)
{
	return number >= 0 && number < world.hosts_n ? world.hosts[number] : NULL;
}

void sim_on(struct sim_host *h)
{
	must(world.running == NULL);
	world.here = h;
}

struct sim_host *sim_host_new(const char *name, int cores)
{
	struct sim_host *h;
	must(world.exists && world.hosts_n < SIM_HOSTS_MAX && cores > 0);
	ALLOC_OBJ(h, SIM_HOST_MAGIC);
	h->number = world.hosts_n;
	h->cores = cores;
	h->up = true;
	h->exit_status = -1;
	h->next_port = 32768;
	snprintf(h->name, sizeof h->name, "%s", name);
	memcpy(h->address, (uint8_t[]){ 10, 0, 0, (uint8_t)(world.hosts_n + 1) }, 4);
	list_init(&h->pollers);
	list_init(&h->helpers);
	list_init(&h->stacks);
	list_init(&h->guests);
	h->disk = sim_disk_new();
	world.hosts[world.hosts_n++] = h;
	return h;
}

static void end_process(struct sim_host *h, bool vanished)
{
	must(world.running == NULL);
	sim_note(vanished ? "crash" : "end", (uint64_t)h->number, 0);
	while (!list_empty(&h->guests)) { /* first, as what they borrow may lie on a stack */
		struct sim_guest *g = list_entry(h->guests.next, struct sim_guest, link);
		g->ended(g, vanished);
	}
	list_for_each_safe(l, &world.threads) {
		struct sys_thread *t = list_entry(l, struct sys_thread, link);
		if (t->host == h)
			thread_free(t);
	}
	while (!list_empty(&h->helpers))
		helpers_free(list_entry(h->helpers.next, struct sys_helpers, link));
	while (!list_empty(&h->stacks)) /* those of its fibers */
		sys_stack_free(list_entry(h->stacks.next, struct sys_stack, link));
	sim_pollers_free(h);
	sim_fds_close(h, vanished);
	h->exiting = false;
}

void sim_kill(struct sim_host *h)
{
	CHECK_OBJ_NOTNULL(h, SIM_HOST_MAGIC);
	end_process(h, false);
	h->exit_status = -1;
}

void sim_crash(struct sim_host *h)
{
	CHECK_OBJ_NOTNULL(h, SIM_HOST_MAGIC);
	must(h->up);
	h->up = false;
	end_process(h, true);
	sim_disk_crash(h);
	h->exit_status = -1;
}

void sim_boot(struct sim_host *h)
{
	CHECK_OBJ_NOTNULL(h, SIM_HOST_MAGIC);
	must(!h->up);
	h->up = true;
	h->boots++;
	sim_note("boot", (uint64_t)h->number, h->boots);
	sim_net_booted(h);
}

int sim_exit_status(const struct sim_host *h)
{
	return h->exit_status;
}

void sim_cut(struct sim_host *a, struct sim_host *b, bool cut)
{
	must(a != b);
	a->cut[b->number] = cut;
	b->cut[a->number] = cut;
}

static void turn_for_ever(void *arg)
{
	reactor_run(arg);
}

struct reactor *sim_reactor(struct sim_host *h, int core, struct sys_helpers *helpers)
{
	struct sim_host *test_here = world.here;
	sim_on(h);
	struct reactor *r = reactor_new(core, helpers);
	sys_thread_start("reactor", -1, turn_for_ever, r);
	sim_on(test_here);
	return r;
}

static bool has_ended(void *arg)
{
	const struct sys_thread *t = arg;
	return t->state == THREAD_ENDED;
}

void sim_reactor_free(struct reactor *r)
{
	struct sys_thread *turns = NULL;
	list_for_each(l, &world.threads) {
		struct sys_thread *t = list_entry(l, struct sys_thread, link);
		if (t->main == turn_for_ever && t->arg == r)
			turns = t;
	}
	must(turns != NULL && world.running == NULL);
	reactor_stop(r);
	bool ended = sim_run_until(has_ended, turns, STOP_MS_MAX);
	must(ended);
	thread_free(turns);
	reactor_free(r);
}

/* ---- the process ---- */

void sys_exit(int status)
{
	struct sys_thread *self = world.running;
	must(self != NULL); /* a test ends with sim_free(), and a job has no stack to leave */
	self->host->exiting = true;
	self->host->exit_status = status;
	self->state = THREAD_ENDED;
	context_end(&self->context, &world.test);
}

/* Nothing costs CPU time here. */
int64_t sys_thread_cpu_ns(void)
{
	return 0;
}

void sys_process(struct sys_process *out)
{
	*out = (struct sys_process){ .resident_bytes = RSS_BYTES, .virtual_bytes = RSS_BYTES,
				     .disk_read_bytes = -1, .disk_written_bytes = -1 };
}

void sys_raise_fds(void)
{
}

const char *sys_env(const char *name)
{
	(void)name;
	return NULL;
}

int sys_hostname(char *out, size_t n)
{
	return (size_t)snprintf(out, n, "%s", sim_here()->name) < n ? 0 : -ENAMETOOLONG;
}

void sys_boot_id(char out[64])
{
	snprintf(out, 64, "%08x-%04x", sim_here()->number + 1, sim_here()->boots);
}

/* ---- the log ---- */

void sys_log_set_level(const char *logger, int level)
{
	/* One level for all: a trace that depends on which logger speaks would not help anybody. */
	if (!logger)
		world.log_level = level;
}

int sys_log_level(const char *logger)
{
	(void)logger;
	return world.log_level;
}

void sys_log_to(int fd)
{
	(void)fd; /* lines go into the trace */
}

bool log_enabled(enum log_level level, const char *logger)
{
	(void)logger;
	return (int)level >= world.log_level;
}

void log_sink(enum log_level level, const char *logger, const char *message, size_t n)
{
	sim_note_bytes("log", level, message, n);
	if (world.tell)
		fprintf(stderr, "%12.6f %s %s %.*s (%s)\n", (double)world.now_ns / 1e9,
			world.here ? world.here->name : "-", log_level_name(level), (int)n, message, logger);
}

/* ---- the world ---- */

void sim_new(uint64_t seed)
{
	must(!world.exists);
	memset(&world, 0, sizeof world);
	world.exists = true;
	world.dice[0] = mix(seed + 1);
	world.dice[1] = mix(seed + 0x9e3779b97f4a7c15u) | 1;
	world.now_ns = (int64_t)sim_dice(UINT64_C(1) << 40);
	world.self = THE_TEST;
	world.next_id = THE_TEST + 1;
	world.log_level = LOG_INFO;
	world.tell = getenv("SIM_LOG") != NULL;
	list_init(&world.threads);
	draw_nature();
	sim_net_init();
}

void sim_free(void)
{
	must(world.exists && world.running == NULL);
	for (int i = 0; i < world.hosts_n; i++)
		end_process(world.hosts[i], true);
	sim_fds_free();
	for (int i = 0; i < world.hosts_n; i++) {
		sim_disk_free(world.hosts[i]->disk);
		FREE_OBJ(world.hosts[i]);
	}
	must(world.heap_n == 0);
	free(world.heap);
	world.exists = false;
}

/* Threads that are ended where they stand leave what they had allocated. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
