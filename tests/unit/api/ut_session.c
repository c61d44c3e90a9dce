/* ut_session.c - fetch sessions: made, told only news, evicted by rank. Facts: KIP-227, FetchSession of
 * 3.9. */
#include "broker/api/session.h"
#include "tests/unit/ut.h"

static const struct hash_seed seed = { 1, 2 };

static struct fetch_wish wish(const char *topic, int32_t partition)
{
	return (struct fetch_wish){ .topic = slice_str(topic), .partition = partition,
				    .current_leader_epoch = -1, .last_fetched_epoch = -1, .max_bytes = 1000 };
}

struct client {
	struct sessions *sessions;
	struct arena arena;
	int64_t now_ms;
	uint32_t random;
	enum kerr error;
	struct session_plan plan;
	struct fetch_outcome outcomes[8];
};

static void client_init(struct client *c, int slots)
{
	*c = (struct client){ .sessions = sessions_new(1, 3, slots, &seed), .now_ms = 1000, .random = 4711 };
	arena_init(&c->arena, 1 << 20);
}

static void client_end(struct client *c)
{
	sessions_free(c->sessions);
	arena_free(&c->arena);
}

/* One fetch; partitions of the plan in `with_records` (a bit each) return records. Gives the session id. */
static int32_t fetch(struct client *c, struct session_request req, unsigned with_records,
		     int64_t high_watermark)
{
	c->plan = session_begin(c->sessions, &req, c->now_ms, &c->arena);
	c->error = c->plan.error;
	if (c->plan.error)
		return -1;
	for (size_t i = 0; i < c->plan.n; i++)
		c->outcomes[i] = (struct fetch_outcome){ .has_records = with_records >> i & 1,
							 .high_watermark = high_watermark };
	return session_finish(c->sessions, &c->plan, &req, c->outcomes, c->now_ms, c->random++, &c->error);
}

static int32_t make(struct client *c, const struct fetch_wish *wishes, size_t n, bool privileged)
{
	return fetch(c, (struct session_request){ .wishes = wishes, .n_wishes = n, .privileged = privileged },
		     0, 5);
}

static void remembers_and_tells_only_news(void)
{
	struct client c;
	struct fetch_wish both[] = { wish("a", 0), wish("b", 7) };
	client_init(&c, 10);
	int32_t id = make(&c, both, 2, false);
	CU_ASSERT_EQUAL(id % 3, 1); /* the core is in the id */
	CU_ASSERT_EQUAL(sessions_partitions(c.sessions), 2);
	fetch(&c, (struct session_request){ .id = id, .epoch = 1 }, 0, 5);
	CU_ASSERT_EQUAL(c.plan.n, 2);
	CU_ASSERT_TRUE(c.outcomes[0].omit && c.outcomes[1].omit);
	fetch(&c, (struct session_request){ .id = id, .epoch = 2 }, 0, 6);
	CU_ASSERT_FALSE(c.outcomes[0].omit || c.outcomes[1].omit);
	/* What returned records goes to the end of the order. */
	fetch(&c, (struct session_request){ .id = id, .epoch = 3 }, 1, 6);
	CU_ASSERT_FALSE(c.outcomes[0].omit);
	CU_ASSERT_TRUE(c.outcomes[1].omit);
	fetch(&c, (struct session_request){ .id = id, .epoch = 4 }, 0, 6);
	CU_ASSERT_TRUE(slice_is(c.plan.wishes[0].topic, "b"));
	client_end(&c);
}

static void changes_and_forgets(void)
{
	struct client c;
	struct fetch_wish both[] = { wish("a", 0), wish("b", 7) }, moved = wish("a", 0), added = wish("c", 1);
	client_init(&c, 10);
	int32_t id = make(&c, both, 2, false);
	moved.fetch_offset = 42;
	fetch(&c, (struct session_request){ .id = id, .epoch = 1, .wishes = &moved, .n_wishes = 1,
					    .forgotten = &both[1], .n_forgotten = 1 }, 0, 5);
	CU_ASSERT_EQUAL(c.plan.n, 1);
	CU_ASSERT_EQUAL(c.plan.wishes[0].fetch_offset, 42);
	fetch(&c, (struct session_request){ .id = id, .epoch = 2, .wishes = &added, .n_wishes = 1 }, 0, 5);
	CU_ASSERT_EQUAL(c.plan.n, 2);
	/* Emptied: the session is gone, and the answer is that of no session. */
	struct fetch_wish rest[] = { wish("a", 0), wish("c", 1) };
	CU_ASSERT_EQUAL(fetch(&c, (struct session_request){ .id = id, .epoch = 3, .forgotten = rest,
							    .n_forgotten = 2 }, 0, 5), SESSION_NONE);
	CU_ASSERT_EQUAL(sessions_count(c.sessions), 0);
	client_end(&c);
}

static void refuses_what_does_not_fit(void)
{
	struct client c;
	struct fetch_wish one = wish("a", 0);
	client_init(&c, 10);
	int32_t id = make(&c, &one, 1, false);
	fetch(&c, (struct session_request){ .id = id + 3, .epoch = 1 }, 0, 5);
	CU_ASSERT_EQUAL(c.error, KERR_FETCH_SESSION_ID_NOT_FOUND);
	fetch(&c, (struct session_request){ .id = id, .epoch = 2 }, 0, 5);
	CU_ASSERT_EQUAL(c.error, KERR_INVALID_FETCH_SESSION_EPOCH);
	fetch(&c, (struct session_request){ .id = id, .epoch = 1, .by_topic_id = true }, 0, 5);
	CU_ASSERT_EQUAL(c.error, KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	/* Final: closed, and answered without a session. */
	CU_ASSERT_EQUAL(fetch(&c, (struct session_request){ .id = id, .epoch = SESSION_EPOCH_FINAL,
							    .wishes = &one, .n_wishes = 1 }, 0, 5),
			SESSION_NONE);
	CU_ASSERT_EQUAL(sessions_count(c.sessions), 0);
	client_end(&c);
}

static void evicts_the_idle_then_the_lowest(void)
{
	struct client c;
	struct fetch_wish two[] = { wish("a", 0), wish("b", 0) };
	client_init(&c, 2);
	int32_t small = make(&c, two, 1, false);
	CU_ASSERT_NOT_EQUAL(make(&c, two, 2, false), SESSION_NONE);
	CU_ASSERT_EQUAL(make(&c, two, 1, false), SESSION_NONE); /* nobody gives way to its like so soon */
	CU_ASSERT_EQUAL(sessions_evicted(c.sessions), 0);
	CU_ASSERT_NOT_EQUAL(make(&c, two, 1, true), SESSION_NONE); /* the smallest gives way to a follower */
	fetch(&c, (struct session_request){ .id = small, .epoch = 1 }, 0, 5);
	CU_ASSERT_EQUAL(c.error, KERR_FETCH_SESSION_ID_NOT_FOUND);
	c.now_ms += SESSION_EVICTABLE_MS + 1;
	CU_ASSERT_NOT_EQUAL(make(&c, two, 1, false), SESSION_NONE); /* and the idle to anybody */
	CU_ASSERT_EQUAL(sessions_count(c.sessions), 2);
	CU_ASSERT_EQUAL(sessions_evicted(c.sessions), 2);
	client_end(&c);
}

static void no_slots_no_sessions(void)
{
	struct client c;
	struct fetch_wish one = wish("a", 0);
	client_init(&c, 0);
	CU_ASSERT_EQUAL(make(&c, &one, 1, false), SESSION_NONE);
	CU_ASSERT_EQUAL(c.error, KERR_NONE);
	client_end(&c);
}

static const struct ut_case cases[] = {
	UT(remembers_and_tells_only_news), UT(changes_and_forgets), UT(refuses_what_does_not_fit),
	UT(evicts_the_idle_then_the_lowest), UT(no_slots_no_sessions),
};

int main(void)
{
	return ut_run("session", cases, countof(cases));
}
