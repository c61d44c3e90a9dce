/* ut_watchdog.c - a reactor that is stuck is told of once, with its stack; one that sleeps is not. */
#include "broker/base/log.h"
#include "broker/reactor/reactor.h"
#include "tests/unit/ut.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { STUCK_MS = 60, PATIENCE_MS = 10 * 1000, TEXT_BYTES = 65536 };

static char text[TEXT_BYTES];
static int pipe_ends[2];
static atomic_bool released;

/* Not static: its name is to be found in the backtrace of a program whose symbols are exported. */
void sit_here(struct reactor *here, struct msg *m);

void sit_here(struct reactor *here, struct msg *m)
{
	(void)here;
	(void)m;
	while (!atomic_load(&released))
		;
}

static void turn_for_ever(void *arg)
{
	reactor_run(arg);
}

/* Reads the log until `what` has been said. */
static void read_until(const char *what)
{
	size_t used = strlen(text);
	while (!strstr(text, what)) {
		ssize_t n = read(pipe_ends[0], text + used, sizeof text - 1 - used);
		must(n > 0);
		used += (size_t)n;
		text[used] = 0;
	}
}

static int count(const char *what)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void the_stuck_one_is_told_of_once(void)
{
	struct reactor *both[2] = { reactor_new(0, NULL), reactor_new(REACTOR_CONTROL, NULL) };
	struct msg stuck = { .run = sit_here };
	int rc = pipe(pipe_ends);
	must(rc == 0);
	sys_log_to(pipe_ends[1]);
	struct sys_thread *a = sys_thread_start("core-0", -1, turn_for_ever, both[0]);
	struct sys_thread *b = sys_thread_start("control", -1, turn_for_ever, both[1]);
	struct watchdog *d = watchdog_start(both, 2, STUCK_MS);
	reactor_post_foreign(both[1], &stuck);
	read_until("\tat ");
	usleep(STUCK_MS * 3 * 1000);
	CU_ASSERT_EQUAL(watchdog_stuck(d), 1);
	atomic_store(&released, true);
	for (int i = 0; i < PATIENCE_MS && watchdog_stuck(d) > 0; i++)
		usleep(1000);
	CU_ASSERT_EQUAL(watchdog_stuck(d), 0);
	watchdog_stop(d);
	reactor_stop(both[0]);
	reactor_stop(both[1]);
	sys_thread_join(a);
	sys_thread_join(b);
	sys_log_to(-1);
	close(pipe_ends[1]);
	read_until("ERROR the control reactor has not turned for ");
	CU_ASSERT_EQUAL(count("has not turned"), 1);
	CU_ASSERT_EQUAL(count("reactor 0"), 0);
	CU_ASSERT_TRUE(count("(kafka.server.KafkaServer)\n") > 1);
	reactor_free(both[0]);
	reactor_free(both[1]);
	close(pipe_ends[0]);
}

static const struct ut_case cases[] = { UT(the_stuck_one_is_told_of_once) };

int main(void)
{
	return ut_run("watchdog", cases, countof(cases));
}
