/* ut_fiber.c - fibers on one reactor that the test turns itself. */
#include "broker/reactor/fiber.h"
#include "tests/unit/ut.h"

#include <stdatomic.h>
#include <string.h>

enum {
#if defined(__SANITIZE_THREAD__)
	MANY = 200, /* each costs a megabyte there */
#else
	MANY = 3000,
#endif
	ROUNDS = 20,
	DEEP_BYTES = 80 * 1024,
};

static struct sys_helpers *helpers;
static struct reactor *r;
static char story[256];
static int running;

static void tell(const char *what)
{
	strcat(story, what);
}

static void begin(void)
{
	helpers = sys_helpers_start(2);
	r = reactor_new(0, helpers);
	story[0] = 0;
	running = 0;
}

/* Turns until every fiber that the test counts has ended. */
static void turn_until_done(void)
{
	while (running > 0)
		reactor_turn(r, -1);
}

static void end(void)
{
	sys_helpers_stop(helpers);
	reactor_free(r);
}

static struct fiber *start(const char *name, void (*run)(void *arg), void *arg)
{
	running++;
	struct fiber *f = fiber_start(r, name, run, arg);
	CU_ASSERT_PTR_NOT_NULL(f);
	return f;
}

/* ---- start, self, end ---- */

static struct fiber *expected_self;

static void look_at_self(void *arg)
{
	CU_ASSERT_PTR_EQUAL(fiber_self(r), expected_self);
	CU_ASSERT_PTR_EQUAL(arg, story);
	reactor_must_be_here(r);
	running--;
}

static void a_fiber_knows_itself(void)
{
	begin();
	CU_ASSERT_PTR_NULL(fiber_self(r));
	expected_self = start("self", look_at_self, story);
	turn_until_done();
	CU_ASSERT_PTR_NULL(fiber_self(r));
	end();
}

/* ---- suspend and resume, in every order ---- */

static void suspend_twice(void *arg)
{
	(void)arg;
	tell("a");
	fiber_suspend(r);
	tell("b");
	fiber_suspend(r);
	tell("c");
	running--;
}

static void resumed_after_it_is_parked(void)
{
	begin();
	struct fiber *f = start("parked", suspend_twice, NULL);
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "a");
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "a");
	fiber_resume(f);
	fiber_resume(f); /* twice before it runs is once */
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "ab");
	fiber_resume(f);
	turn_until_done();
	CU_ASSERT_STRING_EQUAL(story, "abc");
	end();
}

static void resumed_before_it_began(void)
{
	begin();
	struct fiber *f = start("early", suspend_twice, NULL);
	fiber_resume(f);
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "ab");
	fiber_resume(f);
	turn_until_done();
	end();
}

static void resume_self_then_suspend(void *arg)
{
	(void)arg;
	fiber_resume(fiber_self(r));
	fiber_suspend(r);
	tell("x");
	fiber_sleep(r, 1); /* the resume queued it; that must not cut the sleep short */
	tell("y");
	running--;
}

static void resumed_by_itself(void)
{
	begin();
	int64_t before = sys_mono_ns();
	start("self-resumed", resume_self_then_suspend, NULL);
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "x");
	turn_until_done();
	CU_ASSERT_STRING_EQUAL(story, "xy");
	CU_ASSERT_TRUE(sys_mono_ns() - before >= 1000000);
	end();
}

static void sleep_then_suspend(void *arg)
{
	(void)arg;
	fiber_sleep(r, 2);
	tell("s");
	fiber_suspend(r);
	tell("e");
	running--;
}

static void a_resume_during_a_sleep_is_kept(void)
{
	begin();
	struct fiber *f = start("sleeper", sleep_then_suspend, NULL);
	reactor_turn(r, 0);
	fiber_resume(f);
	reactor_turn(r, 0);
	CU_ASSERT_STRING_EQUAL(story, "");
	turn_until_done();
	CU_ASSERT_STRING_EQUAL(story, "se");
	end();
}

/* ---- many ---- */

static int64_t sum;

static void sleep_a_little(void *arg)
{
	int number = (int)(intptr_t)arg;
	volatile char local[512];
	for (int i = 0; i < ROUNDS; i++) {
		memset((char *)local, number, sizeof local);
		fiber_sleep(r, number % 5);
		for (size_t k = 0; k < sizeof local; k++)
			if (local[k] != (char)number)
				CU_FAIL("somebody wrote to my stack");
	}
	sum += number;
	running--;
}

static void thousands_sleep(void)
{
	begin();
	sum = 0;
	for (int i = 0; i < MANY; i++)
		start("many", sleep_a_little, (void *)(intptr_t)i);
	turn_until_done();
	CU_ASSERT_EQUAL(sum, (int64_t)MANY * (MANY - 1) / 2);
	end();
}

#if !defined(__SANITIZE_THREAD__)
static void just_end(void *arg)
{
	(void)arg;
	running--;
}

static void no_more_than_the_limit(void)
{
	begin();
	for (int i = 0; i < FIBERS_MAX; i++)
		start("limit", just_end, NULL);
	CU_ASSERT_PTR_NULL(fiber_start(r, "one too many", just_end, NULL));
	turn_until_done();
	CU_ASSERT_PTR_NOT_NULL(start("again", just_end, NULL));
	turn_until_done();
	end();
}
#endif

static void parked_for_ever(void *arg)
{
	(void)arg;
	fiber_suspend(r);
	CU_FAIL("nobody resumed it");
}

static void a_reactor_may_go_with_fibers_parked(void)
{
	begin();
	for (int i = 0; i < 40; i++)
		fiber_start(r, "left", parked_for_ever, NULL);
	reactor_turn(r, 0);
	fiber_start(r, "never run", parked_for_ever, NULL);
	end();
}

/* ---- deep stacks and floating point across a switch ---- */

static int dive(int depth)
{
	volatile char frame[1024];
	memset((char *)frame, depth, sizeof frame);
	if (depth == 0)
		fiber_sleep(r, 1);
	int below = depth == 0 ? 0 : dive(depth - 1);
	return below + (frame[depth % 1024] == (char)depth);
}

static void dive_deep(void *arg)
{
	(void)arg;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const int frames = DEEP_BYTES / 4096; /* their frames are larger */
#else
	const int frames = DEEP_BYTES / 1200;
#endif
	CU_ASSERT_EQUAL(dive(frames), frames + 1);
	running--;
}

static void deep_stacks(void)
{
	begin();
	for (int i = 0; i < 50; i++)
		start("deep", dive_deep, NULL);
	turn_until_done();
	end();
}

static void floating(void *arg)
{
	double x = (double)(intptr_t)arg + 0.25, y = x * 2;
	fiber_sleep(r, 1);
	CU_ASSERT_EQUAL(y - x, (double)(intptr_t)arg + 0.25);
	running--;
}

static void floats_survive(void)
{
	begin();
	for (int i = 0; i < 10; i++)
		start("float", floating, (void *)(intptr_t)i);
	turn_until_done();
	end();
}

/* ---- events ---- */

static struct fiber_event event;

static void wait_for_event(void *arg)
{
	fiber_wait(r, &event);
	tell(arg);
	running--;
}

static void set_own_event_and_end(void *arg)
{
	(void)arg;
	fiber_sleep(r, 1);
	fiber_event_set(&event);
	memset(&event, 0xaa, sizeof event); /* its owner may forget it at once */
	tell("!");
	running--;
}

static void waiters_run_in_order(void)
{
	begin();
	fiber_event_init(&event);
	char one[] = "1", two[] = "2", three[] = "3";
	start("first", wait_for_event, one);
	start("second", wait_for_event, two);
	start("third", wait_for_event, three);
	start("setter", set_own_event_and_end, NULL);
	turn_until_done();
	CU_ASSERT_STRING_EQUAL(story, "!123");
	end();
}

static void wait_for_what_happened(void *arg)
{
	(void)arg;
	fiber_wait(r, &event);
	CU_ASSERT_TRUE(fiber_wait_ms(r, &event, 0));
	running--;
}

static void what_happened_is_not_waited_for(void)
{
	begin();
	fiber_event_init(&event);
	fiber_event_set(&event);
	fiber_event_set(&event);
	start("late", wait_for_what_happened, NULL);
	reactor_turn(r, 0);
	CU_ASSERT_EQUAL(running, 0);
	end();
}

static void wait_too_short(void *arg)
{
	(void)arg;
	CU_ASSERT_FALSE(fiber_wait_ms(r, &event, 2));
	CU_ASSERT_TRUE(list_empty(&event.waiters));
	tell("t");
	CU_ASSERT_TRUE(fiber_wait_ms(r, &event, 60000));
	tell("h");
	running--;
}

static void set_when_told(void *arg)
{
	(void)arg;
	while (strcmp(story, "t") != 0)
		fiber_sleep(r, 1);
	fiber_event_set(&event);
	running--;
}

static void a_wait_ends_by_time_or_by_event(void)
{
	begin();
	fiber_event_init(&event);
	start("short", wait_too_short, NULL);
	start("setter", set_when_told, NULL);
	turn_until_done();
	CU_ASSERT_STRING_EQUAL(story, "th");
	CU_ASSERT_EQUAL(reactor_next_ns(r), INT64_MAX); /* the long alarm is gone */
	end();
}

/* ---- each ---- */

enum { MANY_THINGS = 50, AT_ONCE = 7 };

static int under_way, most_under_way, seen[MANY_THINGS], last_begun;

static void see(void *arg, int32_t i)
{
	CU_ASSERT_PTR_EQUAL(arg, seen);
	CU_ASSERT_EQUAL(i, last_begun + 1);
	last_begun = i;
	most_under_way = ++under_way > most_under_way ? under_way : most_under_way;
	fiber_sleep(r, i % 5);
	seen[i]++;
	under_way--;
}

static void see_all(void *arg)
{
	(void)arg;
	fiber_each(r, 0, AT_ONCE, see, seen);
	CU_ASSERT_EQUAL(last_begun, -1);
	fiber_each(r, MANY_THINGS, AT_ONCE, see, seen);
	CU_ASSERT_EQUAL(under_way, 0);
	CU_ASSERT_EQUAL(most_under_way, AT_ONCE);
	for (int i = 0; i < MANY_THINGS; i++)
		CU_ASSERT_EQUAL(seen[i], 1);
	running--;
}

static void each_is_done_some_at_a_time(void)
{
	begin();
	last_begun = -1;
	under_way = most_under_way = 0;
	memset(seen, 0, sizeof seen);
	start("each", see_all, NULL);
	turn_until_done();
	end();
}

static struct fiber_event may_end;

static void linger(void *arg, int32_t i)
{
	(void)arg, (void)i;
	fiber_wait(r, &may_end);
}

static void linger_all(void *arg)
{
	(void)arg;
	fiber_each(r, FIBERS_MAX, FIBERS_MAX, linger, NULL);
	running--;
}

static void only_end(void *arg)
{
	(void)arg;
	running--;
}

static void start_one_more(void *arg)
{
	(void)arg;
	fiber_sleep(r, 1);
	CU_ASSERT_PTR_NOT_NULL(start("more", only_end, NULL));
	fiber_event_set(&may_end);
	running--;
}

/* However many there are, some may still be started. */
static void each_leaves_room(void)
{
	begin();
	fiber_event_init(&may_end);
	start("each", linger_all, NULL);
	start("one", start_one_more, NULL);
	turn_until_done();
	end();
}

/* ---- offload ---- */

static atomic_int worked;

static void add_one(void *arg)
{
	int *n = arg;
	*n += 1;
	atomic_fetch_add(&worked, 1);
}

static void offload_often(void *arg)
{
	int mine = 0;
	(void)arg;
	for (int i = 0; i < ROUNDS; i++)
		fiber_offload(r, add_one, &mine, "adding");
	CU_ASSERT_EQUAL(mine, ROUNDS);
	running--;
}

static void work_on_helpers(void)
{
	begin();
	atomic_store(&worked, 0);
	for (int i = 0; i < 30; i++)
		start("offloads", offload_often, NULL);
	turn_until_done();
	CU_ASSERT_EQUAL(atomic_load(&worked), 30 * ROUNDS);
	end();
}

static const struct ut_case cases[] = {
	UT(a_fiber_knows_itself),
	UT(resumed_after_it_is_parked),
	UT(resumed_before_it_began),
	UT(resumed_by_itself),
	UT(a_resume_during_a_sleep_is_kept),
	UT(thousands_sleep),
#if !defined(__SANITIZE_THREAD__)
	UT(no_more_than_the_limit),
#endif
	UT(a_reactor_may_go_with_fibers_parked),
	UT(deep_stacks),
	UT(floats_survive),
	UT(waiters_run_in_order),
	UT(what_happened_is_not_waited_for),
	UT(a_wait_ends_by_time_or_by_event),
	UT(each_is_done_some_at_a_time), UT(each_leaves_room), UT(work_on_helpers),
};

int main(void)
{
	return ut_run("fiber", cases, countof(cases));
}
