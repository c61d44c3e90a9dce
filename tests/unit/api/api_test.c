/* api_test.c - see api_test.h. */
#include "tests/unit/api/api_test.h"
#include "tests/unit/ut_config.h"

#include "broker/api/handlers.h"
#include "broker/cluster/shard.h"

#include "headers.kmsg.h"

#include "produce.kmsg.h"

#include <string.h>

enum { PATIENCE_S = 30, REQUEST_MAX_BYTES = 1 << 20, CALL_MS = 20000 };

static const char properties[] = "broker.id=1\n"
				 "zookeeper.connect=localhost:1\n"
				 "log.dirs=/nowhere\n"
				 "listeners=PLAINTEXT://127.0.0.1:0\n"
				 "auto.create.topics.enable=false\n";

static void turn(struct api_test *t)
{
	reactor_turn(t->control, 0);
	for (int i = 0; i < AT_CORES; i++)
		reactor_turn(t->reactors[i], i == 0 ? 200000 : 0);
}

void at_turns(struct api_test *t, int n)
{
	while (n-- > 0)
		turn(t);
}

static void turn_until(struct api_test *t, const bool *done)
{
	int64_t patience = sys_mono_ns() + PATIENCE_S * INT64_C(1000000000);
	while (!*done && sys_mono_ns() < patience)
		turn(t);
	must(*done);
}

/* ---- the client ---- */

static void on_open(struct client *c, void *arg)
{
	struct api_test *t = arg;
	must(c == t->client);
	t->connected = true;
}

static void on_close(struct client *c, void *arg, int error, const char *why)
{
	struct api_test *t = arg;
	must(c == t->client && error <= 0 && why);
	t->client = NULL;
	t->connected = false;
}

static void connect_client(struct api_test *t)
{
	struct client_config config = { .host = "127.0.0.1", .port = net_listener_address(t->net, 0)->port,
					.response_max_bytes = REQUEST_MAX_BYTES, .send_buffer_bytes = -1,
					.receive_buffer_bytes = -1, .connect_ms = CALL_MS, .on_open = on_open,
					.on_close = on_close, .arg = t };
	t->client = client_open(net_lane(t->net, 0), &config);
	turn_until(t, &t->connected);
}

static void called(struct client_call *call, int error, struct slice response, struct buf *holder)
{
	struct api_test *t = container_of(call, struct api_test, call);
	t->answered = true;
	t->error = error;
	if (error)
		return;
	t->holder = buf_get(holder);
	kdec_init(&t->answer, response, &t->arena);
}

static void forget_answer(struct api_test *t)
{
	if (t->holder)
		buf_put(t->holder);
	t->holder = NULL;
	arena_reset(&t->arena);
	t->answered = false;
	t->error = 0;
}

static void send_chain(struct api_test *t, struct chain *request, int32_t correlation_id)
{
	forget_answer(t);
	t->call = (struct client_call){ .correlation_id = correlation_id, .done = called };
	must(client_send(t->client, &t->call, request, CALL_MS) == 0);
}

void at_post(struct api_test *t, int key, int version, at_encode *encode, const void *msg)
{
	struct kenc e;
	struct chain request;
	if (!t->client)
		connect_client(t);
	int32_t correlation_id = client_next_correlation(t->client);
	chain_init(&request);
	kenc_init(&e, &request, REQUEST_MAX_BYTES);
	kenc_frame_begin(&e);
	const struct request_header header = { (int16_t)key, (int16_t)version, correlation_id,
					       slice_str("unit") };
	request_header_encode(&e, kapi_request_header(kapi_find(key), version), &header);
	encode(&e, version, msg);
	kenc_frame_end(&e);
	must(kenc_finish(&e) == 0);
	send_chain(t, &request, correlation_id);
}

bool at_wait(struct api_test *t)
{
	turn_until(t, &t->answered);
	return t->error == 0;
}

bool at_send(struct api_test *t, int key, int version, at_encode *encode, const void *msg)
{
	struct response_header header;
	at_post(t, key, version, encode, msg);
	int header_version = kapi_response_header(kapi_find(key), version);
	return at_wait(t) && response_header_decode(&t->answer, header_version, &header) == 0;
}

bool at_raw(struct api_test *t, const void *bytes, size_t n, int32_t correlation_id)
{
	struct chain request;
	if (!t->client)
		connect_client(t);
	struct buf *b = buf_new(n + 4);
	put_be32(b->bytes, (uint32_t)n);
	memcpy(b->bytes + 4, bytes, n);
	chain_init(&request);
	chain_add_mem(&request, b->bytes, n + 4, &b->hold);
	send_chain(t, &request, correlation_id);
	if (!at_wait(t))
		return false;
	kdec_i32(&t->answer); /* the correlation id */
	return true;
}

/* ---- the broker ---- */

static void set_brokers(struct api_test *t, struct meta_edit *e)
{
	struct meta_endpoint at[] = {
		{ (char *)"PLAINTEXT", (char *)"127.0.0.1", net_listener_address(t->net, 0)->port, 0 },
		{ (char *)"PLAINTEXT", (char *)"elsewhere", 9092, 0 } };
	struct meta_broker brokers[] = { { AT_BROKER, NULL, &at[0], 1 },
					 { AT_BROKER + 1, (char *)"r2", &at[1], 1 } };
	meta_edit_brokers(e, brokers, countof(brokers));
	meta_edit_controller(e, AT_BROKER);
}

/* Each core has the same snapshot, as the metastore would give it. */
static void publish(struct api_test *t, struct metadata *m)
{
	for (int i = 0; i < AT_CORES; i++) {
		meta_put(t->cores[i]->meta);
		t->cores[i]->meta = meta_get(m);
	}
	meta_put(m);
}

static void open_net(struct api_test *t)
{
	char error[TLS_ERROR_BYTES];
	t->listener = (struct net_listener){ .name = "PLAINTEXT", .host = "127.0.0.1", .max_connections = -1,
					     .max_creation_rate = -1, .idle_ms = -1, .user = &t->api };
	struct net_config config = { .listeners = &t->listener, .n_listeners = 1, .backlog = 10,
				     .send_buffer_bytes = -1, .receive_buffer_bytes = -1,
				     .frame_max_bytes = REQUEST_MAX_BYTES,
				     .frame_max_before_auth_bytes = REQUEST_MAX_BYTES, .frames_max_bytes = -1,
				     .max_connections = -1, .max_creation_rate = -1, .max_per_ip = -1,
				     .events = &api_conn_events };
	t->net = net_new(&config, t->reactors, AT_CORES, error);
	must(t->net);
	net_open(t->net, t->control);
}

void at_begin(struct api_test *t)
{
	struct hash_seed seed = { 1, 2 };
	*t = (struct api_test){ .config = ut_config(properties, NULL, 0), .metrics = metrics_new(AT_CORES) };
	t->helpers = sys_helpers_start(1);
	t->control = reactor_new(REACTOR_CONTROL, t->helpers);
	t->api = (struct api){ .config = t->config, .dynamic = dynamic_new(t->config),
			       .broker_id = AT_BROKER, .cluster_id = "unit-cluster",
			       .n_cores = AT_CORES, .cores = t->cores, .control = t->control };
	api_init(&t->api);
	for (int i = 0; i < AT_CORES; i++) {
		t->reactors[i] = reactor_new(i, t->helpers);
		reactor_set_metrics(t->reactors[i], metrics_core(t->metrics, i));
		t->replicas[i] = replicas_new(t->reactors[i], AT_BROKER, &seed, NULL);
		t->cores[i] = api_core_new(&t->api, i, t->reactors[i], t->replicas[i]);
	}
	arena_init(&t->arena, 1 << 22);
	open_net(t);
	struct meta_edit *e = meta_edit_begin(t->cores[0]->meta);
	set_brokers(t, e);
	publish(t, meta_edit_finish(e));
}

static void closed(struct reactor *here, struct msg *m)
{
	struct api_test *t = container_of(m, struct api_test, net_closed);
	must(here == t->control);
	t->net_is_closed = true;
}

struct detaching {
	struct log_wait wait;
	bool done;
};

static void detached(struct log_wait *w)
{
	container_of(w, struct detaching, wait)->done = true;
}

static void drop_log(struct api_test *t, const char *topic, int32_t index)
{
	int64_t recovery_point;
	struct replicas *r = t->replicas[shard_home(slice_str(topic), index, AT_CORES)];
	struct log *log = replicas_remove(replicas_find(r, slice_str(topic), index));
	struct detaching w = { .wait.done = detached };
	log_detach(log, &w.wait);
	turn_until(t, &w.done);
	must(log_close(log, &recovery_point) == 0);
}

void at_end(struct api_test *t)
{
	forget_answer(t);
	if (t->client)
		client_close(t->client);
	t->net_closed.run = closed;
	net_close(t->net, t->control, &t->net_closed);
	turn_until(t, &t->net_is_closed);
	for (int i = 0; i < t->n_logs; i++)
		drop_log(t, t->logs[i].topic, t->logs[i].partition);
	sys_helpers_stop(t->helpers);
	net_free(t->net);
	for (int i = 0; i < AT_CORES; i++) {
		api_core_free(t->cores[i]);
		replicas_free(t->replicas[i]);
		reactor_free(t->reactors[i]);
	}
	reactor_free(t->control);
	metrics_free(t->metrics);
	dynamic_free(t->api.dynamic);
	config_free(t->config);
	arena_free(&t->arena);
	st_clean();
}

/* ---- topics ---- */

static void lead(struct api_test *t, const char *name, const struct uuid *id, int32_t partition,
		 struct topic_settings *settings)
{
	struct slice topic = slice_str(name);
	char *dir = mem_printf("%s-%d", name, partition);
	struct log_open op = { .dir = st_dir(dir), .config = settings->config, .now_ms = sys_wall_ms(),
			       .producer_expiration_ms = ST_EXPIRATION_MS };
	struct partition_role role = { .leader = AT_BROKER, .leader_epoch = AT_EPOCH, .n_isr = 1,
				       .n_replicas = 1, .isr = { AT_BROKER }, .replicas = { AT_BROKER } };
	int home = shard_home(topic, partition, AT_CORES);
	must(log_open(&op) == 0 && t->n_logs < AT_LOGS_MAX);
	free(dir);
	log_attach(op.log, t->reactors[home], NULL);
	struct partition *p = replicas_add(t->replicas[home], topic, partition, op.log,
					   topic_settings_get(settings), 0);
	must(partition_set_role(p, &role, id) == KERR_NONE);
	snprintf(t->logs[t->n_logs].topic, sizeof t->logs->topic, "%s", name);
	t->logs[t->n_logs++].partition = partition;
}

static void tell(struct api_test *t, const char *name, const struct uuid *id, int32_t partition,
		 int32_t leader, struct topic_settings *settings)
{
	int32_t replicas[] = { leader };
	struct meta_partition p = { .leader = leader, .leader_epoch = AT_EPOCH, .known = true,
				    .isr = { replicas, 1 }, .replicas = { replicas, 1 } };
	struct meta_edit *e = meta_edit_begin(t->cores[0]->meta);
	meta_edit_partition(e, slice_str(name), id, partition, &p);
	if (settings)
		meta_edit_settings(e, slice_str(name), topic_settings_get(settings), AT_CORES);
	publish(t, meta_edit_finish(e));
}

void at_topic(struct api_test *t, const char *name, const struct uuid *id, int32_t partitions,
	      const struct config_setting *v, size_t n)
{
	struct topic_settings *settings = topic_settings_new(topic_config_new(t->config, name, v, n));
	for (int32_t i = 0; i < partitions; i++) {
		lead(t, name, id, i, settings);
		tell(t, name, id, i, AT_BROKER, settings);
	}
	topic_settings_put(settings);
}

void at_move(struct api_test *t, const char *name, int32_t partition, int32_t leader)
{
	struct slice topic = slice_str(name);
	struct replicas *home = t->replicas[shard_home(topic, partition, AT_CORES)];
	struct partition *p = replicas_find(home, topic, partition);
	struct partition_role role = p->role;
	struct uuid id = p->topic_id;
	role.leader = leader;
	role.leader_epoch++;
	must(partition_set_role(p, &role, &id) == KERR_NONE);
	tell(t, name, &id, partition, leader, NULL);
}

AT_ENCODER(produce)

void at_write(struct api_test *t, const char *topic, int32_t partition, const struct st_batch *batch)
{
	struct buf *b = st_make(batch);
	struct produce_request_partition p = { .index = partition,
					       .records.bytes = slice_of(b->bytes, b->used) };
	struct produce_request_topic to = { slice_str(topic), &p, 1 };
	struct produce_request ask = { .acks = 1, .timeout_ms = 1000, .topic_data = &to, .n_topic_data = 1 };
	struct produce_response got;
	CU_ASSERT_FATAL(AT_ASK(t, produce, PRODUCE, 9, &ask, &got));
	CU_ASSERT_EQUAL(got.responses[0].partition_responses[0].error_code, KERR_NONE);
	buf_put(b);
}
