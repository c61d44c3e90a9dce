/* ut_broker_sim.c - whole brokers in many worlds (broker_world.c): what must hold holds in each, and a world
 * that is lived through twice, in two processes whose memory lies and looks different, is the same.
 *
 *	ut_broker_sim [--first SEED] [--seeds N]   that many worlds (SIM_SEEDS in the environment says so too)
 *	ut_broker_sim --world SEED                 one, here; with SIM_LOG=1 it tells what happens
 */
#include "tests/unit/sim/broker_world.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <malloc.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SEEDS = 40,
#else
	SEEDS = 200,
#endif
	CHILD_SEEDS = 50,  /* worlds of one process: what a killed broker held is not given back */
	LIVES = 2,
	FAILURES_MAX = 20, /* after which it ends */
};

extern char **environ;

static uint64_t first_seed = 1, seeds = SEEDS;

/* ---- a child: some worlds, one line each ---- */

static int live(uint64_t first, uint64_t n, int fill)
{
	int failed = 0;
	mallopt(M_PERTURB, fill); /* what is read before it was written differs between the lives */
	for (uint64_t seed = first; seed < first + n; seed++) {
		bool held;
		uint64_t trace = broker_world(seed, &held);
		printf("%llu %016llx %d\n", (unsigned long long)seed, (unsigned long long)trace, held);
		fflush(stdout);
		failed |= !held;
		if (!held)
			break; /* its world was left as it is */
	}
	return failed;
}

struct child {
	pid_t pid;
	FILE *out;
};

static struct child spawn(uint64_t first, uint64_t n, int fill)
{
	char text[3][24];
	char *args[] = { (char *)"ut_broker_sim", (char *)"--live", text[0], text[1], text[2], NULL };
	struct child c;
	int ends[2];
	posix_spawn_file_actions_t actions;
	snprintf(text[0], sizeof text[0], "%llu", (unsigned long long)first);
	snprintf(text[1], sizeof text[1], "%llu", (unsigned long long)n);
	snprintf(text[2], sizeof text[2], "%d", fill);
	must(pipe(ends) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	must(posix_spawn(&c.pid, "/proc/self/exe", &actions, NULL, args, environ) == 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	c.out = fdopen(ends[0], "r");
	must(c.out != NULL);
	return c;
}

/* ---- the parent ---- */

struct outcome {
	unsigned long long seed, trace;
	int held;
};

/* False when the child had no more to say. */
static bool next_outcome(struct child *c, struct outcome *o)
{
	return fscanf(c->out, "%llu %llx %d", &o->seed, &o->trace, &o->held) == 3;
}

static void reap(struct child *c)
{
	fclose(c->out);
	must(waitpid(c->pid, NULL, 0) == c->pid);
}

/* How many worlds from `first` on were lived through; the last of them may have failed. */
static uint64_t live_twice(uint64_t first, uint64_t n, unsigned *failures)
{
	struct child a = spawn(first, n, 0x5a), b = spawn(first, n, 0xc3);
	uint64_t lived = 0;
	bool fine = true;
	while (fine && lived < n) {
		struct outcome one, two;
		unsigned long long seed = first + lived++;
		fine = next_outcome(&a, &one) && next_outcome(&b, &two);
		if (!fine)
			fprintf(stderr, "seed %llu: the world ended\n", seed);
		else if (one.trace != two.trace)
			fprintf(stderr, "seed %llu: %016llx and %016llx\n", seed, one.trace, two.trace);
		fine = fine && one.held && two.held;
		if (!fine || one.trace != two.trace)
			++*failures;
	}
	reap(&a);
	reap(&b);
	return lived;
}

static void the_promise_holds_and_worlds_repeat(void)
{
	unsigned failures = 0;
	uint64_t done = 0;
	while (done < seeds && failures < FAILURES_MAX)
		done += live_twice(first_seed + done, min_of(seeds - done, (uint64_t)CHILD_SEEDS), &failures);
	CU_ASSERT_EQUAL(failures, 0);
	CU_ASSERT_EQUAL(done, seeds);
	printf("%llu worlds ", (unsigned long long)done);
}

static const struct ut_case cases[] = { UT(the_promise_holds_and_worlds_repeat) };

static uint64_t number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno || *end || end == text) {
		fprintf(stderr, "%s: a number is wanted\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	const char *asked = getenv("SIM_SEEDS");
	if (argc == 5 && strcmp(argv[1], "--live") == 0)
		return live(number(argv[2]), number(argv[3]), (int)number(argv[4]));
	if (argc == 3 && strcmp(argv[1], "--world") == 0)
		return live(number(argv[2]), 1, 0);
	if (asked)
		seeds = number(asked);
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seeds") == 0)
			seeds = number(argv[i + 1]);
		else if (strcmp(argv[i], "--first") == 0)
			first_seed = number(argv[i + 1]);
	}
	return ut_run("brokers in simulated worlds", cases, countof(cases));
}
