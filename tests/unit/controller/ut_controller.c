/* ut_controller.c - the controller over the simulated ZooKeeper: topics that come and go, sessions that
 * expire, epochs that others move, disks that fail, brokers out of reach; in many worlds. */
#include "broker/controller/context.h"
#include "broker/controller/controller.h"

#include "tests/sim/zk_sim.h"
#include "tests/unit/ut.h"
#include "tests/unit/ut_config.h"
#include "zkutil/claim.h"

#include "leader_and_isr.kmsg.h"
#include "stop_replica.kmsg.h"
#include "update_metadata.kmsg.h"

#include <string.h>

enum {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SEEDS = 3,
#else
	SEEDS = 20,
#endif
	BROKER = 1,
	LOOK_MS = 10,
	LIMIT_MS = 600 * 1000, /* virtual; reached by a failure only */
	ARENA_BYTES = 1 << 20,
};

static const char whole[] = "zookeeper.connect=zoo:2181\nbroker.id=1\nlog.dirs=/data\n";
static const char one_partition[] = "{\"version\":1,\"partitions\":{\"0\":[1]}}";

/* ---- a broker that only a controller sees ---- */

static struct {
	struct sim_host *host;
	struct reactor *control;
	struct zkc *zkc;
	struct config *config;
	struct controller *controller;
	void (*script)(void);
	unsigned stopped, new_leaders;
	bool disk_failed, done;
} w;

static bool reaches(void *arg, int32_t broker)
{
	must(arg == NULL);
	return broker == BROKER;
}

static int leader_and_isr(void *arg, int32_t broker, const struct leader_and_isr_request *req,
			  struct leader_and_isr_response *resp, struct arena *arena)
{
	must(arg == NULL && broker == BROKER);
	fiber_sleep(w.control, (int64_t)sim_dice(5));
	resp->topics = arena_array(arena, (size_t)req->n_topic_states, sizeof *resp->topics);
	for (int32_t t = 0; t < req->n_topic_states; t++) {
		const struct leader_and_isr_request_topic *topic = &req->topic_states[t];
		struct leader_and_isr_response_topic *out = &resp->topics[resp->n_topics++];
		out->partition_errors = arena_array(arena, (size_t)topic->n_partition_states,
						    sizeof *out->partition_errors);
		for (int32_t i = 0; i < topic->n_partition_states; i++) {
			w.new_leaders += topic->partition_states[i].is_new;
			out->partition_errors[i] = (struct leader_and_isr_response_partition){
				topic->topic_name, topic->partition_states[i].partition_index,
				w.disk_failed ? KERR_KAFKA_STORAGE_ERROR : KERR_NONE };
			out->n_partition_errors++;
		}
	}
	return 0;
}

static int update_metadata(void *arg, int32_t broker, const struct update_metadata_request *req)
{
	must(arg == NULL && broker == BROKER);
	for (int32_t i = 0; i < req->n_live_brokers; i++)
		CU_ASSERT_EQUAL(req->live_brokers[i].id, BROKER);
	return 0;
}

static int stop_replica(void *arg, int32_t broker, const struct stop_replica_request *req,
			struct stop_replica_response *resp, struct arena *arena)
{
	must(arg == NULL && broker == BROKER);
	int32_t n = 0;
	for (int32_t t = 0; t < req->n_topic_states; t++)
		n += req->topic_states[t].n_partition_states;
	struct stop_replica_response_partition *out = arena_array(arena, (size_t)n, sizeof *out);
	resp->partition_errors = out;
	resp->n_partition_errors = n;
	for (int32_t t = 0; t < req->n_topic_states; t++)
		for (int32_t i = 0; i < req->topic_states[t].n_partition_states; i++)
			*out++ = (struct stop_replica_response_partition){
				req->topic_states[t].topic_name,
				req->topic_states[t].partition_states[i].partition_index, KERR_NONE };
	w.stopped += (unsigned)n;
	return 0;
}

/* As a broker does: an answer that was lost is read back. */
static enum zk_err register_as(int32_t id, enum zk_mode mode)
{
	struct arena arena;
	struct zk_req req;
	struct znode_endpoint at = { "PLAINTEXT", "PLAINTEXT", "h", 9092 };
	struct znode_broker b = { .version = ZNODE_BROKER_VERSION, .jmx_port = -1, .endpoints = &at,
				  .n_endpoints = 1 };
	arena_init(&arena, ARENA_BYTES);
	struct znode_path path = znode_broker_path(id);
	struct zk_op ops[CLAIM_OPS];
	claim_broker(ops, path.s, znode_broker_encode(&arena, &b));
	ops[0].mode = mode;
	zk_req_multi(&req, ops, countof(ops));
	enum zk_err err = zkc_call(w.zkc, &req);
	zk_req_fini(&req);
	arena_free(&arena);
	return err == ZK_NODEEXISTS ? ZK_OK : err;
}

static enum zk_err register_broker(void *arg)
{
	must(arg == NULL);
	return register_as(BROKER, ZK_EPHEMERAL);
}

/* ---- scripts run in a fiber beside the controller ---- */

static void run_script(void *arg)
{
	static const struct controller_ports ports = { .reaches = reaches,
						       .leader_and_isr = leader_and_isr,
						       .update_metadata = update_metadata,
						       .stop_replica = stop_replica,
						       .register_broker = register_broker };
	struct zkc_config config = { .connect = "zoo:2181", .session_timeout_ms = 6000, .max_in_flight = 10 };
	must(arg == NULL);
	w.zkc = zkc_open(w.control, &config);
	for (int row = 0; row < ZNODE_CONTAINERS; row++)
		CU_ASSERT_EQUAL(zkc_make_path(w.zkc, znode_path((enum znode)row)), ZK_OK);
	CU_ASSERT_EQUAL(register_broker(NULL), ZK_OK);
	w.controller = controller_new(w.control, w.zkc, w.config, BROKER, &ports);
	controller_start(w.controller);
	w.script();
	controller_stop(w.controller);
	CU_ASSERT_TRUE(zkc_close(w.zkc));
	controller_free(w.controller);
	zkc_free(w.zkc);
	w.done = true;
}

static bool is_done(void *arg)
{
	must(arg == NULL);
	return w.done;
}

static void run_in_worlds(void (*script)(void))
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		sim_new(seed);
		zk_sim_new(sim_host_new("zoo", 1));
		memset(&w, 0, sizeof w);
		w.script = script;
		w.host = sim_host_new("broker", 1);
		sim_on(w.host);
		w.config = ut_config(whole, NULL, 0);
		w.control = sim_reactor(w.host, REACTOR_CONTROL, NULL);
		must(fiber_start(w.control, "script", run_script, NULL));
		CU_ASSERT_TRUE(sim_run_until(is_done, NULL, LIMIT_MS));
		sim_reactor_free(w.control);
		config_free(w.config);
		zk_sim_free();
		sim_free();
	}
}

static bool exists(const char *path)
{
	struct slice data;
	struct zk_stat stat;
	return zk_sim_read(path, &data, &stat);
}

static void create(const char *path, const char *data)
{
	enum zk_err err = zkc_create(w.zkc, path, data ? slice_str(data) : SLICE_NULL);
	CU_ASSERT_TRUE(err == ZK_OK || err == ZK_NODEEXISTS);
}

static void write_one(struct zk_op op)
{
	struct zk_req req;
	zk_req_write(&req, op);
	zkc_call(w.zkc, &req);
	zk_req_fini(&req);
}

static void wait_until(bool (*holds)(void))
{
	for (int64_t waited_ms = 0; !holds(); waited_ms += LOOK_MS) {
		CU_ASSERT_FATAL(waited_ms < LIMIT_MS / 2);
		fiber_sleep(w.control, LOOK_MS);
	}
}

static struct controller_figures figures(void)
{
	struct controller_figures f;
	controller_figures(w.controller, &f);
	return f;
}

/* What the state of a topic's partition 0 says. */
static struct znode_state state_of(const char *topic)
{
	struct slice data;
	struct zk_stat stat;
	struct arena arena;
	struct znode_why why;
	struct znode_state s = { .leader = -2 };
	struct znode_path path = znode_state_path(topic, 0);
	arena_init(&arena, ARENA_BYTES);
	if (zk_sim_read(path.s, &data, &stat))
		CU_ASSERT_EQUAL(znode_state_decode(&arena, data, &s, &why), 0);
	s.isr = (struct znode_ints){ 0 };
	arena_free(&arena);
	return s;
}

static bool t_is_led(void)
{
	return state_of("t").leader == BROKER;
}

static bool t_is_not_led(void)
{
	return state_of("t").leader == -1;
}

static bool t_is_gone(void)
{
	return !exists("/brokers/topics/t") && !exists("/admin/delete_topics/t");
}

static bool is_controller(void)
{
	return controller_is_active(w.controller) && exists("/controller");
}

/* ---- cases ---- */

static void comes_and_goes(void)
{
	create("/brokers/topics/t", "{\"version\":1,\"partitions\":{\"0\":[1],\"1\":[1],\"2\":[7]}}");
	wait_until(t_is_led);
	CU_ASSERT_EQUAL(state_of("t").controller_epoch, 1);
	CU_ASSERT_FALSE(exists("/brokers/topics/t/partitions/2/state"));
	create("/admin/delete_topics/nobody", NULL);
	create("/brokers/topics/u", one_partition);
	create("/admin/delete_topics/u", NULL);
	create("/brokers/topics/t2", one_partition);
	fiber_sleep(w.control, 2000);
	CU_ASSERT_EQUAL(w.new_leaders, 4);
	CU_ASSERT_EQUAL(w.stopped, 1);
	CU_ASSERT_FALSE(exists("/brokers/topics/u") || exists("/admin/delete_topics/nobody"));
	CU_ASSERT_EQUAL(figures().topics, 2);
}

static void a_topic_comes_and_goes(void)
{
	run_in_worlds(comes_and_goes);
}

static void expires(void)
{
	create("/brokers/topics/t", one_partition);
	for (int round = 0; round < 10; round++) {
		int32_t epoch = figures().epoch;
		fiber_sleep(w.control, (int64_t)sim_dice(300));
		if (round % 2)
			zk_sim_hang_up(w.host);
		zk_sim_expire(w.host);
		fiber_sleep(w.control, 10 * 1000);
		wait_until(is_controller);
		CU_ASSERT_TRUE(figures().epoch > epoch);
		CU_ASSERT_TRUE(exists("/brokers/ids/1"));
	}
	create("/admin/delete_topics/t", NULL);
	wait_until(t_is_gone);
}

static void sessions_expire(void)
{
	run_in_worlds(expires);
}

static void loses_its_node(void)
{
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 3; i++) {
			write_one(zk_op_delete("/controller", ZK_ANY_VERSION));
			fiber_sleep(w.control, (int64_t)sim_dice(50));
		}
		wait_until(is_controller);
	}
	create("/brokers/topics/t", one_partition);
	wait_until(t_is_led);
}

static void the_controller_is_deleted(void)
{
	run_in_worlds(loses_its_node);
}

static void is_fenced(void)
{
	write_one(zk_op_set("/controller_epoch", slice_str("50"), ZK_ANY_VERSION));
	create("/brokers/topics/t", one_partition);
	wait_until(t_is_led);
	CU_ASSERT_EQUAL(state_of("t").controller_epoch, 51);
	write_one(zk_op_set("/controller_epoch", slice_str("spoilt"), ZK_ANY_VERSION));
	create("/admin/delete_topics/t", NULL);
	wait_until(t_is_gone);
	CU_ASSERT_EQUAL(figures().epoch, 52);
	write_one(zk_op_delete("/controller_epoch", ZK_ANY_VERSION));
	create("/brokers/topics/t", one_partition);
	wait_until(t_is_led);
	CU_ASSERT_EQUAL(state_of("t").controller_epoch, 53);
}

static void an_epoch_is_moved(void)
{
	run_in_worlds(is_fenced);
}

static void disk_fails(void)
{
	create("/brokers/topics/t", one_partition);
	wait_until(t_is_led);
	w.disk_failed = true;
	write_one(zk_op_create("/log_dir_event_notification/log_dir_event_",
			       slice_str("{\"version\":1,\"broker\":1,\"event\":1}"),
			       ZK_PERSISTENT_SEQUENTIAL));
	wait_until(t_is_not_led);
	CU_ASSERT_EQUAL(figures().offline_partitions, 1);
	CU_ASSERT_FALSE(exists("/log_dir_event_notification/log_dir_event_0000000000"));
}

static void a_disk_fails(void)
{
	run_in_worlds(disk_fails);
}

static void keeps_off(void)
{
	CU_ASSERT_EQUAL(register_as(2, ZK_PERSISTENT), ZK_OK);
	create("/brokers/topics/far", "{\"version\":1,\"partitions\":{\"0\":[2]}}");
	create("/brokers/topics/t", "{\"version\":1,\"partitions\":{\"0\":[2,1]}}");
	wait_until(t_is_led);
	fiber_sleep(w.control, 2000);
	CU_ASSERT_FALSE(exists("/brokers/topics/far/partitions"));
	CU_ASSERT_EQUAL(figures().brokers, 2);
	CU_ASSERT_EQUAL(figures().not_preferred, 1); /* "far" has no leader at all */
	CU_ASSERT_EQUAL(figures().state, 0);
}

static void a_broker_is_out_of_reach(void)
{
	run_in_worlds(keeps_off);
}

/* The replicas of a topic's partition 0, as its znode has them; how many come and go. */
static struct ctl_ids replicas_of(const char *topic, unsigned *underway)
{
	struct slice data;
	struct zk_stat stat;
	struct arena arena;
	struct znode_topic z;
	struct znode_why why;
	struct ctl_ids ids = { 0 };
	struct znode_path path = znode_topic_path(topic);
	arena_init(&arena, ARENA_BYTES);
	CU_ASSERT_FATAL(zk_sim_read(path.s, &data, &stat) && znode_topic_decode(&arena, data, &z, &why) == 0);
	*underway = z.partitions[0].adding.n + z.partitions[0].removing.n;
	for (unsigned i = 0; i < z.partitions[0].replicas.n; i++)
		ids.v[ids.n++] = z.partitions[0].replicas.v[i];
	arena_free(&arena);
	return ids;
}

static bool t_stays_on_broker_1(void)
{
	unsigned underway;
	struct ctl_ids ids = replicas_of("t", &underway);
	return ids.n == 1 && ids.v[0] == BROKER && underway == 0;
}

static bool t_waits_for_broker_9(void)
{
	unsigned underway;
	struct ctl_ids ids = replicas_of("t", &underway);
	return ids.n == 2 && ids.v[0] == 9 && underway > 0;
}

static bool nothing_is_asked_for(void)
{
	return !exists("/admin/reassign_partitions");
}

/* Asks until an active controller has answered. */
static enum kerr move_t(const int32_t *target, int32_t n)
{
	struct arena arena;
	struct controller_asked one;
	enum kerr error;
	arena_init(&arena, ARENA_BYTES);
	do {
		one = (struct controller_asked){ .topic = slice_str("t"), .target = target, .n_target = n };
		fiber_sleep(w.control, LOOK_MS);
		error = controller_reassign(w.controller, &one, 1, &arena);
	} while (error == KERR_NOT_CONTROLLER || one.error == KERR_UNKNOWN_SERVER_ERROR);
	arena_free(&arena);
	return error ? error : one.error;
}

/* Sessions end while replicas move: what was begun goes on with the next one. */
static void moves(void)
{
	static const int32_t here[] = { BROKER }, away[] = { 9 };
	create("/brokers/topics/t", "{\"version\":1,\"partitions\":{\"0\":[9,1]}}");
	wait_until(t_is_led);
	for (int round = 0; round < 5; round++) {
		create("/admin/reassign_partitions", "{\"version\":1,\"partitions\":["
		       "{\"topic\":\"t\",\"partition\":0,\"replicas\":[9]},"
		       "{\"topic\":\"t\",\"partition\":1,\"replicas\":[1]}]}");
		fiber_sleep(w.control, (int64_t)sim_dice(100));
		zk_sim_expire(w.host);
		wait_until(t_waits_for_broker_9);
		CU_ASSERT_EQUAL(state_of("t").leader, BROKER);
		/* What was there before may stay away; what does not live is no place to go to. */
		CU_ASSERT_EQUAL(move_t(away, 1), round == 0 ? KERR_NONE : KERR_INVALID_REPLICA_ASSIGNMENT);
		CU_ASSERT_EQUAL(move_t(here, 1), KERR_NONE);
		fiber_sleep(w.control, (int64_t)sim_dice(20));
		zk_sim_expire(w.host);
		fiber_sleep(w.control, 10 * 1000);
		wait_until(t_stays_on_broker_1);
		wait_until(nothing_is_asked_for);
		wait_until(t_is_led);
		CU_ASSERT_EQUAL(move_t(NULL, -1), KERR_NO_REASSIGNMENT_IN_PROGRESS);
		CU_ASSERT_EQUAL(move_t(away, 1), KERR_INVALID_REPLICA_ASSIGNMENT);
	}
}

static void replicas_move(void)
{
	run_in_worlds(moves);
}

static const struct ut_case cases[] = {
	UT(a_topic_comes_and_goes), UT(sessions_expire), UT(the_controller_is_deleted),
	UT(an_epoch_is_moved),	    UT(a_disk_fails),	 UT(a_broker_is_out_of_reach),
	UT(replicas_move),
};

int main(void)
{
	return ut_run("controller", cases, countof(cases));
}
