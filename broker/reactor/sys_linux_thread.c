/* sys_linux_thread.c - the seam to the kernel: threads, the helper pool, the CPUs we may use, stacks. */
#include "config.h"

#include "broker/reactor/sys.h"

#include "broker/base/must.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	THREAD_MAGIC = 0x3be0194d,
	HELPERS_MAGIC = 0x71c8e25a,
	STACK_MAGIC = 0x29d46f8e,
	THREAD_NAME_BYTES = 16,        /* the kernel's limit */
	HELPERS_MAX = 256,
};

/* ---- threads ---- */

struct sys_thread {
	unsigned magic;
	pthread_t id;
	char name[THREAD_NAME_BYTES];
	void (*main)(void *arg);
	void *arg;
};

static void *thread_main(void *arg)
{
	struct sys_thread *t = arg;
	CHECK_OBJ_NOTNULL(t, THREAD_MAGIC);
	pthread_setname_np(pthread_self(), t->name);
	t->main(t->arg);
	return NULL;
}

static void pin(pthread_attr_t *attr, int cpu)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)pthread_attr_setaffinity_np(attr, sizeof one, &one);
}

struct sys_thread *sys_thread_start(const char *name, int cpu, void (*run)(void *arg), void *arg)
{
	struct sys_thread *t;
	pthread_attr_t attr;
	ALLOC_OBJ(t, THREAD_MAGIC);
	t->main = run;
	t->arg = arg;
	snprintf(t->name, sizeof t->name, "%s", name);
	pthread_attr_init(&attr);
	if (cpu >= 0)
		pin(&attr, cpu);
	int rc = pthread_create(&t->id, &attr, thread_main, t);
	pthread_attr_destroy(&attr);
	if (rc == EINVAL && cpu >= 0) /* the CPU has been taken from us since we asked */
		rc = pthread_create(&t->id, NULL, thread_main, t);
	must(rc == 0);
	return t;
}

void sys_thread_join(struct sys_thread *t)
{
	CHECK_OBJ_NOTNULL(t, THREAD_MAGIC);
	int rc = pthread_join(t->id, NULL);
	must(rc == 0);
	FREE_OBJ(t);
}

uint64_t sys_thread_self(void)
{
	return (uint64_t)pthread_self();
}

/* ---- where another thread is ---- */

enum { FRAMES_MAX = 48, HANDLER_FRAMES = 2, ANSWER_SECONDS = 2, STACK_SIGNAL = SIGUSR2 };

/* What the interrupted thread leaves for the one that asked. `asked` counts questions, so that an answer that
 * comes after its asker gave up does not pass for the next one's. */
static struct {
	void *frames[FRAMES_MAX];
	int n;
	sem_t answered;
	atomic_uint asked, answering;
	pthread_once_t once;
} stack_probe = { .once = PTHREAD_ONCE_INIT };

static void stack_signal(int number)
{
	int saved = errno;
	(void)number;
	if (atomic_exchange(&stack_probe.answering, 0) == atomic_load(&stack_probe.asked)) {
		stack_probe.n = backtrace(stack_probe.frames, FRAMES_MAX);
		sem_post(&stack_probe.answered);
	}
	errno = saved;
}

static void stack_probe_init(void)
{
	struct sigaction action = { .sa_handler = stack_signal, .sa_flags = SA_RESTART };
	void *frame;
	sem_init(&stack_probe.answered, 0, 0);
	(void)backtrace(&frame, 1); /* its first call loads a library, which a signal handler must not */
	sigaction(STACK_SIGNAL, &action, NULL);
}

static bool stack_await(void)
{
	struct timespec until;
	int rc;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ANSWER_SECONDS;
	do
		rc = sem_timedwait(&stack_probe.answered, &until);
	while (rc < 0 && errno == EINTR);
	return rc == 0;
}

int sys_thread_stack(uint64_t thread, void (*line)(void *arg, const char *text), void *arg)
{
	pthread_once(&stack_probe.once, stack_probe_init);
	unsigned question = atomic_fetch_add(&stack_probe.asked, 1) + 1;
	atomic_store(&stack_probe.answering, question);
	int rc = pthread_kill((pthread_t)thread, STACK_SIGNAL);
	if (rc != 0)
		return -rc;
	if (!stack_await()) {
		/* Taking the question back fails only when the answer is being written at this moment. */
		if (atomic_exchange(&stack_probe.answering, 0) != 0)
			return -ETIMEDOUT;
		while (sem_wait(&stack_probe.answered) < 0)
			must(errno == EINTR);
	}
	char **names = backtrace_symbols(stack_probe.frames, stack_probe.n);
	for (int i = HANDLER_FRAMES; names && i < stack_probe.n; i++)
		line(arg, names[i]);
	free(names);
	return 0;
}

/* ---- the CPUs we may use ---- */

static bool read_line(const char *path, char *out, int n)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(out, n, f);
	if (f)
		fclose(f);
	return ok;
}

/* How many CPUs' worth of time a group grants, rounded up; 0 when it does not say. */
static int group_quota(const char *dir, bool v2)
{
	char path[640], text[64];
	long long quota = 0, period = 0;
	if (v2) {
		snprintf(path, sizeof path, "%s/cpu.max", dir);
		if (!read_line(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
			return 0;
	} else {
		snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
		if (!read_line(path, text, sizeof text) || sscanf(text, "%lld", &quota) != 1)
			return 0;
		snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
		if (!read_line(path, text, sizeof text) || sscanf(text, "%lld", &period) != 1)
			return 0;
	}
	return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

/* The least quota of a group and of those it lies in. `path` is cut from its end. A container may see its
 * group mounted as the root while /proc names it as the host does: what is not there grants nothing and
 * denies nothing. */
static int least_quota(const char *mount, char *path, bool v2)
{
	int least = 0;
	for (;;) {
		char dir[560];
		snprintf(dir, sizeof dir, "%s%s", mount, path);
		int quota = group_quota(dir, v2);
		if (quota > 0 && (least == 0 || quota < least))
			least = quota;
		char *slash = strrchr(path, '/');
		if (!slash)
			return least;
		*slash = 0;
	}
}

/* Whether `name` is one of the controllers of a line of /proc/self/cgroup such as "cpu,cpuacct". */
static bool has_controller(const char *controllers, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = controllers; *p; p += *p == ',') {
		size_t k = strcspn(p, ",");
		if (k == n && memcmp(p, name, n) == 0)
			return true;
		p += k;
	}
	return false;
}

static int quota_cpus(void)
{
	char line[512];
	int least = 0;
	FILE *f = fopen("/proc/self/cgroup", "re");
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = 0;
		bool v2 = controllers[1] == 0;
		if (!v2 && !has_controller(controllers + 1, "cpu"))
			continue;
		int quota = least_quota(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", path, v2);
		if (quota > 0 && (least == 0 || quota < least))
			least = quota;
	}
	if (f)
		fclose(f);
	return least;
}

int sys_cpus(int *cpus, int max)
{
	cpu_set_t set;
	int n = 0, quota = quota_cpus();
	must(max > 0);
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		CPU_SET(0, &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < max; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	must(n > 0);
	if (quota == 0 || quota >= n)
		return n;
	for (int i = 0; i < quota; i++)
		cpus[i] = -1;
	return quota;
}

/* ---- helpers ---- */

struct sys_helpers {
	unsigned magic;
	pthread_mutex_t lock; /* guards the queue and `ending` */
	pthread_cond_t more;
	struct sys_job *first, **last;
	bool ending;
	int n;
	struct sys_thread *threads[HELPERS_MAX];
};

/* The next job, or NULL when there will be none. */
static struct sys_job *next_job(struct sys_helpers *h)
{
	pthread_mutex_lock(&h->lock);
	while (!h->first && !h->ending)
		pthread_cond_wait(&h->more, &h->lock);
	struct sys_job *job = h->first;
	if (job) {
		h->first = job->next;
		if (!h->first)
			h->last = &h->first;
	}
	pthread_mutex_unlock(&h->lock);
	return job;
}

static void helper_main(void *arg)
{
	struct sys_helpers *h = arg;
	struct sys_job *job;
	CHECK_OBJ_NOTNULL(h, HELPERS_MAGIC);
	while ((job = next_job(h)) != NULL) {
		job->work(job);
		job->done(job);
	}
}

struct sys_helpers *sys_helpers_start(int threads)
{
	struct sys_helpers *h;
	must(threads > 0 && threads <= HELPERS_MAX);
	ALLOC_OBJ(h, HELPERS_MAGIC);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->last = &h->first;
	for (h->n = 0; h->n < threads; h->n++) {
		char name[32];
		snprintf(name, sizeof name, "helper-%d", h->n);
		h->threads[h->n] = sys_thread_start(name, -1, helper_main, h);
	}
	return h;
}

void sys_helpers_submit(struct sys_helpers *h, struct sys_job *job)
{
	CHECK_OBJ_NOTNULL(h, HELPERS_MAGIC);
	must(job->work != NULL && job->done != NULL);
	job->next = NULL;
	job->queued_ns = sys_mono_ns();
	pthread_mutex_lock(&h->lock);
	must(!h->ending);
	*h->last = job;
	h->last = &job->next;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
}

void sys_helpers_stop(struct sys_helpers *h)
{
	CHECK_OBJ_NOTNULL(h, HELPERS_MAGIC);
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (int i = 0; i < h->n; i++)
		sys_thread_join(h->threads[i]);
	must(h->first == NULL);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	FREE_OBJ(h);
}

/* ---- stacks ---- */

struct sys_stack {
	unsigned magic;
	char *guard;      /* one page that faults, then the stack */
	size_t page, bytes;
};

struct sys_stack *sys_stack_new(size_t bytes)
{
	struct sys_stack *s;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	must(bytes > 0);
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
	int rc = munmap(s->guard, s->page + s->bytes);
	must(rc == 0);
	FREE_OBJ(s);
}
