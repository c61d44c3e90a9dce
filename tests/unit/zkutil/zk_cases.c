/* zk_cases.c - what the ZooKeeper client does, and the server with it: the same against every server. */
#include "tests/unit/zkutil/zk_client.h"

#include "tests/unit/ut.h"
#include "zkutil/claim.h"

#include <errno.h>

enum { MANY = 1000, FEW = 20, BIG_BYTES = 2 * 1024 * 1024 };

static struct client main_client; /* lives through all cases that need no session of their own */

static void create_read_change_delete(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	CU_ASSERT_EQUAL(create(c, "/a", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(create(c, "/a", SLICE_NULL, ZK_PERSISTENT), ZK_NODEEXISTS);
	CU_ASSERT_EQUAL(create(c, "/no/parent", SLICE_NULL, ZK_PERSISTENT), ZK_NONODE);
	CU_ASSERT_EQUAL(create(c, "/a/b", SLICE_LIT("text"), ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(create(c, "/a/c", SLICE_LIT(""), ZK_PERSISTENT), ZK_OK);

	zk_req_get(&j.r, "/a/b", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_TRUE(slice_is(j.r.data, "text"));
	CU_ASSERT_EQUAL(j.r.stat.data_bytes, 4);
	CU_ASSERT_EQUAL(j.r.stat.version, 0);
	CU_ASSERT_EQUAL(j.r.stat.ephemeral_owner, 0);
	CU_ASSERT_EQUAL(j.r.stat.czxid, j.r.stat.mzxid);
	zk_req_fini(&j.r);

	zk_req_write(&j.r, zk_op_set("/a/b", SLICE_LIT("more text"), 0));
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_EQUAL(j.r.stat.version, 1);
	CU_ASSERT_TRUE(j.r.stat.mzxid > j.r.stat.czxid);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(write_one(c, zk_op_set("/a/b", SLICE_NULL, 0)), ZK_BADVERSION);
	CU_ASSERT_EQUAL(write_one(c, zk_op_set("/a/x", SLICE_NULL, ZK_ANY_VERSION)), ZK_NONODE);

	zk_req_exists(&j.r, "/a/b", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_EQUAL(j.r.stat.data_bytes, 9);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(exists(c, "/a/x"), ZK_NONODE);

	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/a", ZK_ANY_VERSION)), ZK_NOTEMPTY);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/a/b", 0)), ZK_BADVERSION);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/a/b", 1)), ZK_OK);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/a/b", 1)), ZK_NONODE);
}

static void null_and_empty_data_differ(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	zk_req_get(&j.r, "/a", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_TRUE(slice_is_null(j.r.data));
	zk_req_fini(&j.r);
	zk_req_get(&j.r, "/a/c", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_TRUE(slice_is(j.r.data, ""));
	zk_req_fini(&j.r);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void children_and_sequences(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	CU_ASSERT_EQUAL(create(c, "/s", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	zk_req_children(&j.r, "/s", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_EQUAL(j.r.n_children, 0);
	zk_req_fini(&j.r);
	for (int i = 0; i < 3; i++) {
		char want[32];
		zk_req_write(&j.r, zk_op_create("/s/n_", SLICE_LIT("x"), ZK_PERSISTENT_SEQUENTIAL));
		CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
		snprintf(want, sizeof want, "/s/n_%010d", i);
		CU_ASSERT_STRING_EQUAL(zk_req_created(&j.r), want);
		zk_req_fini(&j.r);
	}
	zk_req_children(&j.r, "/s", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_EQUAL(j.r.n_children, 3);
	CU_ASSERT_EQUAL(j.r.stat.children, 3);
	qsort(j.r.children, j.r.n_children, sizeof *j.r.children, by_name);
	CU_ASSERT_STRING_EQUAL(j.r.children[2], "n_0000000002");
	zk_req_fini(&j.r);
	zk_req_children(&j.r, "/nothing", false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_NONODE);
	zk_req_fini(&j.r);
}

static struct zk_stat stat_of(struct client *c, const char *path)
{
	struct zk_job j;
	zk_req_exists(&j.r, path, false);
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	struct zk_stat stat = j.r.stat;
	zk_req_fini(&j.r);
	return stat;
}

static void what_a_node_counts(void)
{
	struct client *c = &main_client;
	CU_ASSERT_EQUAL(create(c, "/count", SLICE_LIT("abc"), ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(create(c, "/count/a", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(create(c, "/count/b", SLICE_NULL, ZK_EPHEMERAL_SEQUENTIAL), ZK_OK);
	struct zk_stat one = stat_of(c, "/count/a"), two = stat_of(c, "/count/b0000000001");
	struct zk_stat all = stat_of(c, "/count");
	CU_ASSERT_EQUAL(all.children, 2);
	CU_ASSERT_EQUAL(all.cversion, 2);
	CU_ASSERT_EQUAL(all.version, 0);
	CU_ASSERT_EQUAL(all.pzxid, two.czxid);
	CU_ASSERT_EQUAL(two.czxid, one.czxid + 1);
	CU_ASSERT_EQUAL(two.ephemeral_owner, c->session.id);
	/* one that fails is a transaction too; a delete counts as a change of children, a set does not */
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/count/a", 7)), ZK_BADVERSION);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/count/a", 0)), ZK_OK);
	CU_ASSERT_EQUAL(write_one(c, zk_op_set("/count", SLICE_NULL, 0)), ZK_OK);
	all = stat_of(c, "/count");
	CU_ASSERT_EQUAL(all.children, 1);
	CU_ASSERT_EQUAL(all.cversion, 3);
	CU_ASSERT_EQUAL(all.version, 1);
	CU_ASSERT_EQUAL(all.data_bytes, 0);
	CU_ASSERT_EQUAL(all.pzxid, two.czxid + 2);
	CU_ASSERT_EQUAL(all.mzxid, two.czxid + 3);
	/* the number counts creations, not children */
	CU_ASSERT_EQUAL(create(c, "/count/c", SLICE_NULL, ZK_PERSISTENT_SEQUENTIAL), ZK_OK);
	CU_ASSERT_EQUAL(exists(c, "/count/c0000000002"), ZK_OK);
}

static void what_may_not_be(void)
{
	struct client *c = &main_client;
	CU_ASSERT_EQUAL(create(c, "/leaf", SLICE_NULL, ZK_EPHEMERAL), ZK_OK);
	CU_ASSERT_EQUAL(create(c, "/leaf/x", SLICE_NULL, ZK_PERSISTENT), ZK_NO_CHILDREN);
	CU_ASSERT_EQUAL(create(c, "/leaf/x", SLICE_NULL, ZK_EPHEMERAL), ZK_NO_CHILDREN);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/leaf", ZK_ANY_VERSION)), ZK_OK);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/zookeeper", ZK_ANY_VERSION)), ZK_BAD_ARGUMENTS);
	CU_ASSERT_EQUAL(create(c, "/", SLICE_NULL, ZK_PERSISTENT), ZK_NODEEXISTS);
	CU_ASSERT_EQUAL(stat_of(c, "/zookeeper").children, 2);
}

static void a_multi_sees_itself(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	struct zk_op ops[] = { zk_op_create("/own", SLICE_NULL, ZK_PERSISTENT),
		zk_op_create("/own/a", SLICE_NULL, ZK_EPHEMERAL), zk_op_check("/own", 0),
		zk_op_set("/own", SLICE_LIT("x"), 0), zk_op_check("/own", 1), zk_op_delete("/own/a", 0),
		zk_op_delete("/own", 1) };
	zk_req_multi(&j.r, ops, countof(ops));
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_EQUAL(ops[3].stat.version, 1);
	CU_ASSERT_EQUAL(ops[3].stat.children, 1);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(exists(c, "/own"), ZK_NONODE);
}

static void a_multi_is_all(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	struct zk_op ops[CLAIM_OPS + 1];
	claim_broker(ops, "/id", SLICE_LIT("{}"));
	ops[CLAIM_OPS] = zk_op_create("/s/m_", SLICE_NULL, ZK_PERSISTENT_SEQUENTIAL);
	zk_req_multi(&j.r, ops, countof(ops));
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_OK);
	CU_ASSERT_STRING_EQUAL(ops[0].created, "/id");
	CU_ASSERT_EQUAL(ops[1].stat.version, 1);
	CU_ASSERT_EQUAL(ops[1].stat.czxid, ops[1].stat.mzxid);
	CU_ASSERT_EQUAL(ops[1].stat.ephemeral_owner, zk_session(c->zk)->id);
	CU_ASSERT_STRING_EQUAL(ops[2].created, "/s/m_0000000003");
	zk_req_fini(&j.r);
}

static void a_multi_is_nothing(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	struct zk_op ops[] = { zk_op_check("/s", 0), zk_op_create("/t", SLICE_NULL, ZK_PERSISTENT),
		zk_op_set("/s", SLICE_LIT("x"), 7), zk_op_delete("/id", ZK_ANY_VERSION) };
	zk_req_multi(&j.r, ops, countof(ops));
	CU_ASSERT_EQUAL(job_run(c, &j), ZK_BADVERSION);
	CU_ASSERT_EQUAL(ops[0].err, ZK_OK);
	CU_ASSERT_EQUAL(ops[1].err, ZK_OK);
	CU_ASSERT_EQUAL(ops[2].err, ZK_BADVERSION);
	CU_ASSERT_EQUAL(ops[3].err, ZK_ROLLED_BACK);
	CU_ASSERT_PTR_NULL(ops[1].created);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(exists(c, "/t"), ZK_NONODE);
	CU_ASSERT_EQUAL(exists(c, "/id"), ZK_OK);
}

static enum zk_err elect(struct client *c, const char *epoch, int32_t version, struct zk_stat *won)
{
	struct zk_op ops[CLAIM_OPS];
	struct zk_job j;
	claim_controller(ops, SLICE_LIT("{}"), slice_str(epoch), version);
	zk_req_multi(&j.r, ops, CLAIM_OPS);
	enum zk_err err = job_run(c, &j);
	*won = ops[1].stat;
	zk_req_fini(&j.r);
	return err;
}

static void one_wins_an_election(void)
{
	struct client *c = &main_client;
	struct zk_stat won;
	CU_ASSERT_EQUAL(create(c, "/controller_epoch", SLICE_LIT("0"), ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(elect(c, "1", 0, &won), ZK_OK);
	CU_ASSERT_EQUAL(won.version, 1);
	CU_ASSERT_EQUAL(elect(c, "2", 1, &won), ZK_NODEEXISTS);
	CU_ASSERT_EQUAL(write_one(c, zk_op_delete("/controller", ZK_ANY_VERSION)), ZK_OK);
	CU_ASSERT_EQUAL(elect(c, "1", 0, &won), ZK_BADVERSION);
	CU_ASSERT_EQUAL(exists(c, "/controller"), ZK_NONODE);
}

static enum zk_err guarded(struct client *c, const char *guard, int32_t version, struct zk_op op,
	struct zk_job *j)
{
	zk_req_write(&j->r, op);
	zk_req_guard(&j->r, guard, version);
	return job_run(c, j);
}

static void a_guard_fences(void)
{
	struct client *c = &main_client;
	struct zk_job j;
	CU_ASSERT_EQUAL(create(c, "/epoch", SLICE_LIT("1"), ZK_PERSISTENT), ZK_OK);
	struct zk_op make = zk_op_create("/g", SLICE_LIT("x"), ZK_PERSISTENT);
	CU_ASSERT_EQUAL(guarded(c, "/epoch", 0, make, &j), ZK_OK);
	CU_ASSERT_STRING_EQUAL(zk_req_created(&j.r), "/g");
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(guarded(c, "/epoch", 0, zk_op_set("/g", SLICE_LIT("y"), 0), &j), ZK_OK);
	CU_ASSERT_EQUAL(j.r.stat.version, 1);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(guarded(c, "/epoch", 1, zk_op_set("/g", SLICE_LIT("z"), 1), &j), ZK_FENCED);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(guarded(c, "/gone", 1, zk_op_set("/g", SLICE_LIT("z"), 1), &j), ZK_FENCED);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(guarded(c, "/epoch", 0, zk_op_set("/g", SLICE_LIT("z"), 9), &j), ZK_BADVERSION);
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(guarded(c, "/epoch", 0, zk_op_delete("/nothing", ZK_ANY_VERSION), &j), ZK_NONODE);
	zk_req_fini(&j.r);
}

static void read_with_watch(struct client *c, enum zk_req_kind kind, const char *path)
{
	struct zk_job j;
	if (kind == ZK_REQ_GET)
		zk_req_get(&j.r, path, true);
	else if (kind == ZK_REQ_EXISTS)
		zk_req_exists(&j.r, path, true);
	else
		zk_req_children(&j.r, path, true);
	job_run(c, &j);
	zk_req_fini(&j.r);
}

static bool wait_change(struct client *c, enum zk_change change, unsigned before, const char *path)
{
	while (c->changes[change] <= before)
		if (!client_turn(c))
			return false;
	return c->changes[change] == before + 1 && strcmp(c->changed, path) == 0;
}

static void watches_fire_once(void)
{
	struct client *c = &main_client;
	struct client other;
	client_open(&other, NULL);
	read_with_watch(c, ZK_REQ_EXISTS, "/w");
	CU_ASSERT_EQUAL(create(&other, "/w", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_TRUE(wait_change(c, ZK_NODE_CREATED, 0, "/w"));
	read_with_watch(c, ZK_REQ_GET, "/w");
	read_with_watch(c, ZK_REQ_GET, "/w");
	read_with_watch(c, ZK_REQ_EXISTS, "/w");
	read_with_watch(c, ZK_REQ_CHILDREN, "/w");
	CU_ASSERT_EQUAL(write_one(&other, zk_op_set("/w", SLICE_LIT("1"), ZK_ANY_VERSION)), ZK_OK);
	CU_ASSERT_TRUE(wait_change(c, ZK_NODE_CHANGED, 0, "/w"));
	CU_ASSERT_EQUAL(write_one(&other, zk_op_set("/w", SLICE_LIT("2"), ZK_ANY_VERSION)), ZK_OK);
	CU_ASSERT_EQUAL(create(&other, "/w/c", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_TRUE(wait_change(c, ZK_CHILDREN_CHANGED, 0, "/w"));
	read_with_watch(c, ZK_REQ_GET, "/w/c");
	CU_ASSERT_EQUAL(write_one(&other, zk_op_delete("/w/c", 0)), ZK_OK);
	CU_ASSERT_TRUE(wait_change(c, ZK_NODE_DELETED, 0, "/w/c"));
	CU_ASSERT_EQUAL(c->changes[ZK_NODE_CHANGED], 1); /* the second change had no watch */
	CU_ASSERT_EQUAL(c->changes[ZK_CHILDREN_CHANGED], 1);
	client_close(&other);
}

/* A node that goes tells its own watchers once, and those of its parent. */
static void the_end_of_a_session_is_seen(void)
{
	struct client *c = &main_client;
	struct client other;
	unsigned deleted = c->changes[ZK_NODE_DELETED], children = c->changes[ZK_CHILDREN_CHANGED];
	client_open(&other, NULL);
	CU_ASSERT_EQUAL(create(&other, "/w/e1", SLICE_NULL, ZK_EPHEMERAL), ZK_OK);
	CU_ASSERT_EQUAL(create(&other, "/w/e2", SLICE_NULL, ZK_EPHEMERAL), ZK_OK);
	read_with_watch(c, ZK_REQ_GET, "/w/e1");
	read_with_watch(c, ZK_REQ_CHILDREN, "/w/e1");
	read_with_watch(c, ZK_REQ_EXISTS, "/w/e2");
	read_with_watch(c, ZK_REQ_CHILDREN, "/w");
	client_close(&other);
	CU_ASSERT_EQUAL(exists(c, "/w/e1"), ZK_NONODE); /* what it was told came before this answer */
	CU_ASSERT_EQUAL(c->changes[ZK_NODE_DELETED], deleted + 2);
	CU_ASSERT_EQUAL(c->changes[ZK_CHILDREN_CHANGED], children + 1);
}

static void a_chroot_is_never_seen(void)
{
	struct client root, c;
	struct zk_job j;
	char connect[64];
	snprintf(connect, sizeof connect, "%s/ch/root", world_connect());
	client_open_at(&root, connect, NULL, true);
	CU_ASSERT_EQUAL(create(&root, "/ch", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	CU_ASSERT_EQUAL(create(&root, "/ch/root", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	client_open_at(&c, connect, NULL, false);
	CU_ASSERT_EQUAL(exists(&c, "/"), ZK_OK);
	read_with_watch(&c, ZK_REQ_EXISTS, "/x");
	read_with_watch(&c, ZK_REQ_CHILDREN, "/");
	zk_req_write(&j.r, zk_op_create("/x", SLICE_NULL, ZK_PERSISTENT));
	CU_ASSERT_EQUAL(job_run(&c, &j), ZK_OK);
	CU_ASSERT_STRING_EQUAL(zk_req_created(&j.r), "/x");
	zk_req_fini(&j.r);
	while (c.changes[ZK_NODE_CREATED] + c.changes[ZK_CHILDREN_CHANGED] < 2)
		must(client_turn(&c));
	CU_ASSERT_STRING_EQUAL(c.changed, "/");
	struct zk_op ops[] = { zk_op_check("/x", 0),
		zk_op_create("/x/s_", SLICE_NULL, ZK_PERSISTENT_SEQUENTIAL) };
	zk_req_multi(&j.r, ops, countof(ops));
	CU_ASSERT_EQUAL(job_run(&c, &j), ZK_OK);
	CU_ASSERT_STRING_EQUAL(ops[1].created, "/x/s_0000000000");
	zk_req_fini(&j.r);
	CU_ASSERT_EQUAL(exists(&root, "/ch/root/x/s_0000000000"), ZK_OK);
	client_close(&c);
	client_close(&root);
}

static unsigned order_of_end;

static void note_order(struct zk_req *r)
{
	struct zk_job *j = r->ctx;
	j->done = ++order_of_end;
}

static void a_thousand_in_order(void)
{
	struct client *c = &main_client;
	static struct zk_job jobs[MANY];
	order_of_end = 0;
	CU_ASSERT_EQUAL(create(c, "/many", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	for (int i = 0; i < MANY; i++) {
		jobs[i].done = 0;
		zk_req_write(&jobs[i].r, zk_op_set("/many", SLICE_LIT("x"), i));
		zk_send(c->zk, &jobs[i].r, note_order, &jobs[i]);
	}
	while (order_of_end < MANY)
		must(client_turn(c));
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_EQUAL(jobs[i].r.err, ZK_OK);
		CU_ASSERT_EQUAL(jobs[i].done, (unsigned)i + 1);
		CU_ASSERT_EQUAL(jobs[i].r.stat.version, i + 1);
		zk_req_fini(&jobs[i].r);
	}
}

static void what_is_too_big(void)
{
	struct client *c = &main_client;
	uint8_t *bytes = mem_zalloc(ZK_MAX_BUFFER_BYTES + 1);
	struct zk_op whole = zk_op_set("/a", slice_of(bytes, ZK_MAX_BUFFER_BYTES), ZK_ANY_VERSION);
	struct zk_op half = zk_op_set("/a", slice_of(bytes, BIG_BYTES), ZK_ANY_VERSION);
	CU_ASSERT_EQUAL(write_one(c, whole), ZK_TOO_BIG);
	CU_ASSERT_EQUAL(c->states[ZK_DISCONNECTED], 0);
	/* one that the server hangs up on is not sent for ever */
	CU_ASSERT_EQUAL(write_one(c, half), ZK_TOO_BIG);
	CU_ASSERT_TRUE(c->states[ZK_DISCONNECTED] > 0);
	CU_ASSERT_EQUAL(exists(c, "/a"), ZK_OK);
	free(bytes);
}

static void a_bad_path_is_an_answer(void)
{
	CU_ASSERT_EQUAL(exists(&main_client, "no/slash"), ZK_BAD_ARGUMENTS);
	CU_ASSERT_EQUAL(create(&main_client, "/a//b", SLICE_NULL, ZK_PERSISTENT), ZK_BAD_ARGUMENTS);
}

/* Takes a session over and closes it. Its owner takes it back, and the one who is connected when it closes
 * wins. */
static void end_session(const struct zk_session *session, const char *ephemeral)
{
	while (exists(&main_client, ephemeral) == ZK_OK) {
		struct client thief;
		client_open(&thief, session);
		while (!thief.states[ZK_CONNECTED] && !thief.states[ZK_EXPIRED])
			must(client_turn(&thief));
		client_close(&thief);
	}
}

static void expiry_ends_everything_once(void)
{
	struct client c;
	struct zk_job jobs[FEW];
	client_open(&c, NULL);
	CU_ASSERT_EQUAL(create(&c, "/eph", SLICE_NULL, ZK_EPHEMERAL), ZK_OK);
	end_session(&c.session, "/eph");
	for (int i = 0; i < FEW; i++) {
		zk_req_exists(&jobs[i].r, "/a", false);
		job_send(&c, &jobs[i]);
	}
	CU_ASSERT_TRUE(client_wait(&c, ZK_EXPIRED, 0));
	CU_ASSERT_EQUAL(zk_state(c.zk), ZK_EXPIRED);
	for (int i = 0; i < FEW; i++) {
		CU_ASSERT_EQUAL(job_wait(&c, &jobs[i]), ZK_SESSION_EXPIRED);
		zk_req_fini(&jobs[i].r);
	}
	CU_ASSERT_EQUAL(exists(&c, "/a"), ZK_SESSION_EXPIRED);
	client_close(&c);
	for (int i = 0; i < FEW; i++)
		CU_ASSERT_EQUAL(jobs[i].done, 1);
	CU_ASSERT_EQUAL(c.states[ZK_EXPIRED], 1);
}

static void an_abandoned_session_is_taken_back(void)
{
	struct client c, again;
	client_open(&c, NULL);
	CU_ASSERT_TRUE(client_wait(&c, ZK_CONNECTED, 0));
	CU_ASSERT_EQUAL(create(&c, "/mine", SLICE_NULL, ZK_EPHEMERAL), ZK_OK);
	zk_abandon(c.zk);
	client_drain(&c);
	CU_ASSERT_EQUAL(exists(&main_client, "/mine"), ZK_OK);
	client_open(&again, &c.session);
	CU_ASSERT_TRUE(client_wait(&again, ZK_CONNECTED, 0));
	CU_ASSERT_EQUAL(again.session.id, c.session.id);
	CU_ASSERT_EQUAL(exists(&again, "/mine"), ZK_OK);
	client_close(&again);
	CU_ASSERT_EQUAL(exists(&main_client, "/mine"), ZK_NONODE);
	/* and once it is gone, it is gone */
	client_open(&again, &c.session);
	CU_ASSERT_TRUE(client_wait(&again, ZK_EXPIRED, 0));
	CU_ASSERT_EQUAL(again.states[ZK_CONNECTED], 0);
	client_close(&again);
}

static void closing_ends_everything_once(void)
{
	struct client c;
	static struct zk_job jobs[MANY];
	client_open(&c, NULL);
	CU_ASSERT_TRUE(client_wait(&c, ZK_CONNECTED, 0));
	for (int i = 0; i < MANY; i++) {
		zk_req_get(&jobs[i].r, "/a", true);
		job_send(&c, &jobs[i]);
	}
	client_close(&c);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_EQUAL(jobs[i].done, 1);
		CU_ASSERT_TRUE(jobs[i].r.err == ZK_OK || jobs[i].r.err == ZK_CLOSING);
		zk_req_fini(&jobs[i].r);
	}
}

/* Stopped first, so that what is sent is on the wire when the server dies. */
static void requests_outlive_their_server(void)
{
	struct client *c = &main_client;
	struct zk_job jobs[FEW];
	unsigned connected = c->states[ZK_CONNECTED], changed = c->changes[ZK_NODE_CHANGED];
	struct zk_session before = c->session;
	read_with_watch(c, ZK_REQ_GET, "/a");
	world_server_freeze();
	for (int i = 0; i < FEW; i++) {
		zk_req_write(&jobs[i].r, zk_op_set("/many", SLICE_LIT("y"), ZK_ANY_VERSION));
		job_send(c, &jobs[i]);
	}
	world_server_kill();
	CU_ASSERT_TRUE(client_wait(c, ZK_DISCONNECTED, c->states[ZK_DISCONNECTED]));
	world_server_start();
	for (int i = 0; i < FEW; i++) {
		CU_ASSERT_EQUAL(job_wait(c, &jobs[i]), ZK_OK);
		CU_ASSERT_EQUAL(jobs[i].done, 1);
		zk_req_fini(&jobs[i].r);
	}
	CU_ASSERT_EQUAL(c->states[ZK_CONNECTED], connected + 1);
	CU_ASSERT_EQUAL(c->session.id, before.id);
	CU_ASSERT_EQUAL(exists(c, "/id"), ZK_OK);
	/* the watch was set again */
	CU_ASSERT_EQUAL(write_one(c, zk_op_set("/a", SLICE_LIT("z"), ZK_ANY_VERSION)), ZK_OK);
	CU_ASSERT_TRUE(wait_change(c, ZK_NODE_CHANGED, changed, "/a"));
}

/* What happened to a watched node while its watcher was away is told when it comes back. */
static void a_watch_tells_what_was_missed(void)
{
	struct client c, again;
	client_open(&c, NULL);
	CU_ASSERT_TRUE(client_wait(&c, ZK_CONNECTED, 0));
	CU_ASSERT_EQUAL(create(&c, "/missed", SLICE_NULL, ZK_PERSISTENT), ZK_OK);
	read_with_watch(&c, ZK_REQ_GET, "/missed");
	read_with_watch(&c, ZK_REQ_CHILDREN, "/missed");
	read_with_watch(&c, ZK_REQ_EXISTS, "/missed/child");
	unsigned connected = c.states[ZK_CONNECTED];
	client_open(&again, &c.session); /* takes the session away for a moment */
	CU_ASSERT_TRUE(client_wait(&again, ZK_CONNECTED, 0));
	/* the two take the session from each other, so a write may find that it was done before its
	 * answer was lost */
	enum zk_err set = write_one(&again, zk_op_set("/missed", SLICE_LIT("x"), 0));
	enum zk_err made = create(&again, "/missed/child", SLICE_NULL, ZK_PERSISTENT);
	CU_ASSERT_TRUE(set == ZK_OK || set == ZK_BADVERSION);
	CU_ASSERT_TRUE(made == ZK_OK || made == ZK_NODEEXISTS);
	zk_abandon(again.zk);
	client_drain(&again);
	CU_ASSERT_TRUE(client_wait(&c, ZK_CONNECTED, connected));
	while (!c.changes[ZK_NODE_CREATED] || !c.changes[ZK_NODE_CHANGED] || !c.changes[ZK_CHILDREN_CHANGED])
		must(client_turn(&c));
	CU_ASSERT_EQUAL(exists(&c, "/missed"), ZK_OK);
	CU_ASSERT_EQUAL(c.changes[ZK_NODE_CHANGED], 1);
	CU_ASSERT_EQUAL(c.changes[ZK_CHILDREN_CHANGED], 1);
	CU_ASSERT_EQUAL(c.changes[ZK_NODE_CREATED], 1);
	client_close(&c);
}

static void a_client_waits_for_its_server(void)
{
	struct client c;
	struct zk_job j;
	world_server_kill();
	client_open(&c, NULL);
	zk_req_exists(&j.r, "/a", false);
	job_send(&c, &j);
	CU_ASSERT_EQUAL(zk_state(c.zk), ZK_CONNECTING);
	world_server_start();
	CU_ASSERT_EQUAL(job_wait(&c, &j), ZK_OK);
	CU_ASSERT_EQUAL(c.states[ZK_DISCONNECTED], 0);
	zk_req_fini(&j.r);
	client_close(&c);
}

static void closing_without_a_server(void)
{
	static const char *const nowhere[] = { "127.0.0.1:1", "no-such-host.invalid:2181" };
	struct client c;
	struct zk_job j;
	for (size_t i = 0; i < countof(nowhere); i++) {
		client_open_at(&c, nowhere[i], NULL, false);
		zk_req_exists(&j.r, "/a", false);
		job_send(&c, &j);
		client_close(&c);
		CU_ASSERT_EQUAL(j.done, 1);
		CU_ASSERT_EQUAL(j.r.err, ZK_CLOSING);
		zk_req_fini(&j.r);
	}
	/* the last case: the main client loses its server, and closes */
	world_server_kill();
	CU_ASSERT_TRUE(client_wait(&main_client, ZK_DISCONNECTED, main_client.states[ZK_DISCONNECTED]));
	zk_req_exists(&j.r, "/a", false);
	job_send(&main_client, &j);
	client_close(&main_client);
	CU_ASSERT_EQUAL(j.r.err, ZK_CLOSING);
	zk_req_fini(&j.r);
}

static void a_bad_connect_string(void)
{
	struct client c = { .zk = NULL };
	struct zk_config config = { .connect = "h:port", .session_timeout_ms = ZK_CASES_SESSION_MS, .ctx = &c,
		.post = client_post, .on_state = client_state, .on_watch = client_watch };
	struct zk *zk;
	CU_ASSERT_EQUAL(zk_open(&zk, &config), -EINVAL);
	CU_ASSERT_PTR_NULL(zk);
}

static const struct ut_case cases[] = {
	UT(create_read_change_delete),
	UT(null_and_empty_data_differ),
	UT(children_and_sequences),
	UT(what_a_node_counts),
	UT(what_may_not_be),
	UT(a_multi_sees_itself),
	UT(a_multi_is_all),
	UT(a_multi_is_nothing),
	UT(one_wins_an_election),
	UT(a_guard_fences),
	UT(watches_fire_once),
	UT(the_end_of_a_session_is_seen),
	UT(a_chroot_is_never_seen),
	UT(a_thousand_in_order),
	UT(what_is_too_big),
	UT(a_bad_path_is_an_answer),
	UT(expiry_ends_everything_once),
	UT(an_abandoned_session_is_taken_back),
	UT(closing_ends_everything_once),
	UT(requests_outlive_their_server),
	UT(a_watch_tells_what_was_missed),
	UT(a_client_waits_for_its_server),
	UT(a_bad_connect_string),
	UT(closing_without_a_server),
};

int zk_cases_run(const char *suite)
{
	client_open(&main_client, NULL);
	must(client_wait(&main_client, ZK_CONNECTED, 0));
	return ut_run(suite, cases, countof(cases));
}
