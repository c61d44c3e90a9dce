/* ut_watch.c - watches over a ZooKeeper that answers when the test says so. */
#include "zkutil/watch.h"

#include "tests/unit/ut.h"

/* Stands for two sessions; only its address counts. */
struct zk {
	int session;
};

static struct zk first, second;
static struct zk_req *asked; /* one at a time is all these tests need */
static struct zk *asked_of;
static unsigned n_asked;

void zk_send(struct zk *zk, struct zk_req *r, void (*done)(struct zk_req *req), void *ctx)
{
	must(!asked);
	r->done = done;
	r->ctx = ctx;
	asked = r;
	asked_of = zk;
	n_asked++;
}

static void answer(enum zk_err err)
{
	struct zk_req *r = asked;
	must(r);
	asked = NULL;
	r->err = err;
	r->done(r);
}

static unsigned told, gone;
static enum zk_err told_err;

static void changed(struct watch *w, const struct zk_req *a)
{
	CU_ASSERT_EQUAL(w->magic, WATCH_MAGIC);
	told++;
	told_err = a->err;
}

static void went(struct watch *w)
{
	(void)w;
	gone++;
}

static struct watches set;
static struct watch one;

static void begin(enum watch_kind kind)
{
	asked = NULL;
	n_asked = told = gone = 0;
	watches_init(&set);
	one = (struct watch){ .kind = kind, .path = "/a", .changed = changed, .gone = went };
	watches_session(&set, &first);
	watch_add(&set, &one);
}

static bool is_asked(enum zk_req_kind kind)
{
	return asked && asked->kind == kind && asked->watch && strcmp(asked->path, "/a") == 0;
}

static void reads_again_after_each_event(void)
{
	begin(WATCH_DATA);
	CU_ASSERT_TRUE(is_asked(ZK_REQ_GET));
	answer(ZK_OK);
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_PTR_NULL(asked);
	watches_event(&set, ZK_NODE_CHANGED, "/b");
	watches_event(&set, ZK_CHILDREN_CHANGED, "/a");
	CU_ASSERT_PTR_NULL(asked);
	watches_event(&set, ZK_NODE_CHANGED, "/a");
	CU_ASSERT_TRUE(is_asked(ZK_REQ_GET));
	answer(ZK_OK);
	CU_ASSERT_EQUAL(told, 2);
}

static void waits_for_a_node_that_is_not_there(void)
{
	begin(WATCH_CHILDREN);
	CU_ASSERT_TRUE(is_asked(ZK_REQ_CHILDREN));
	answer(ZK_NONODE);
	CU_ASSERT_EQUAL(told, 0);
	CU_ASSERT_TRUE(is_asked(ZK_REQ_EXISTS));
	answer(ZK_NONODE);
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_EQUAL(told_err, ZK_NONODE);
	watches_event(&set, ZK_NODE_CREATED, "/a");
	CU_ASSERT_TRUE(is_asked(ZK_REQ_CHILDREN));
	/* it came between the two reads */
	answer(ZK_NONODE);
	answer(ZK_OK);
	CU_ASSERT_TRUE(is_asked(ZK_REQ_CHILDREN));
	answer(ZK_OK);
	CU_ASSERT_EQUAL(told, 2);
	CU_ASSERT_EQUAL(told_err, ZK_OK);
}

static void an_event_during_a_read_means_another(void)
{
	begin(WATCH_EXISTS);
	watches_event(&set, ZK_NODE_CREATED, "/a");
	watches_event(&set, ZK_NODE_DELETED, "/a");
	CU_ASSERT_EQUAL(n_asked, 1);
	answer(ZK_OK);
	CU_ASSERT_EQUAL(told, 0);
	CU_ASSERT_EQUAL(n_asked, 2);
	answer(ZK_NONODE);
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_EQUAL(n_asked, 2);
}

static void a_new_session_reads_everything(void)
{
	begin(WATCH_DATA);
	answer(ZK_OK);
	watches_session(&set, NULL);
	watches_event(&set, ZK_NODE_CHANGED, "/a"); /* the old session's last */
	CU_ASSERT_EQUAL(n_asked, 1);
	watches_session(&set, &second);
	CU_ASSERT_TRUE(is_asked(ZK_REQ_GET));
	CU_ASSERT_PTR_EQUAL(asked_of, &second);
	answer(ZK_OK);
	CU_ASSERT_EQUAL(told, 2);
}

static void the_end_of_a_session_is_no_change(void)
{
	begin(WATCH_DATA);
	watches_session(&set, NULL);
	watches_session(&set, &second);
	CU_ASSERT_EQUAL(n_asked, 1);
	answer(ZK_SESSION_EXPIRED); /* the old one's answer */
	CU_ASSERT_EQUAL(told, 0);
	CU_ASSERT_PTR_EQUAL(asked_of, &second);
	answer(ZK_CLOSING);
	CU_ASSERT_EQUAL(told, 0);
	CU_ASSERT_EQUAL(one.state, WATCH_IDLE);
}

static void an_error_is_told(void)
{
	begin(WATCH_DATA);
	answer(ZK_NOAUTH);
	CU_ASSERT_EQUAL(told_err, ZK_NOAUTH);
	CU_ASSERT_EQUAL(one.state, WATCH_IDLE);
}

static void removed_at_rest_and_while_reading(void)
{
	begin(WATCH_DATA);
	watch_remove(&one);
	CU_ASSERT_EQUAL(gone, 0);
	watches_event(&set, ZK_NODE_CHANGED, "/a");
	answer(ZK_OK);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(told, 0);
	begin(WATCH_DATA);
	answer(ZK_OK);
	watch_remove(&one);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_TRUE(list_empty(&set.all));
}

static const struct ut_case cases[] = {
	UT(reads_again_after_each_event),
	UT(waits_for_a_node_that_is_not_there),
	UT(an_event_during_a_read_means_another),
	UT(a_new_session_reads_everything),
	UT(the_end_of_a_session_is_no_change),
	UT(an_error_is_told),
	UT(removed_at_rest_and_while_reading),
};

int main(void)
{
	return ut_run("watch", cases, countof(cases));
}
