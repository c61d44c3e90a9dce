/* broker.c - see broker.h. The table of contents: what comes up, in which order, and goes down in the other.
 *
 *	log directories locked -> ZooKeeper session -> roots, cluster id, broker id -> logs loaded
 *	-> sockets bound -> registered -> controller -> serving
 *
 * The order is that of 3.9 (contract: coordination, section 1), but that the directories come first, because
 * they hold the session that a killed broker has left behind.
 */
#include "broker/broker.h"

#include "broker/api/producer_ids.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/broker_priv.h"
#include "broker/group/cleanup.h"
#include "broker/group/load.h"
#include "broker/reactor/call.h"

#include "leader_and_isr.kmsg.h"
#include "stop_replica.kmsg.h"
#include "update_metadata.kmsg.h"

#define LOGGER "kafka.server.KafkaServer"

static void set_state(struct broker *b, enum broker_state state)
{
	atomic_store_explicit(&b->state, (int)state, memory_order_release);
}

/* ---- what the controller and the cores ask of the broker ---- */

/* Snapshots on their way to a core. */
struct publication {
	struct msg msg;
	struct api_core *core;
	struct metadata *meta;
};

static void publication_run(struct reactor *here, struct msg *m)
{
	struct publication *p = container_of(m, struct publication, msg);
	must(here == p->core->reactor);
	struct metadata *old = p->core->meta;
	p->core->meta = p->meta;
	coordinator_metadata_changed(p->core->coordinator, old, p->meta);
	meta_put(old);
	free(p);
}

static void publish(void *arg, int core, struct metadata *meta)
{
	struct broker *b = arg;
	struct publication *p = mem_alloc(sizeof *p);
	*p = (struct publication){ .msg.run = publication_run, .core = b->api.cores[core], .meta = meta };
	reactor_post(b->control, b->reactors[core], &p->msg);
}

/* A controller of this build reaches only its own broker. */
static bool reaches(void *arg, int32_t broker)
{
	const struct broker *b = arg;
	return broker == b->id;
}

static int to_leader_and_isr(void *arg, int32_t broker, const struct leader_and_isr_request *req,
			     struct leader_and_isr_response *resp, struct arena *arena)
{
	struct broker *b = arg;
	must(broker == b->id);
	manager_leader_and_isr(b->manager, req, resp, arena);
	return 0;
}

static int to_update_metadata(void *arg, int32_t broker, const struct update_metadata_request *req)
{
	struct broker *b = arg;
	must(broker == b->id);
	enum kerr error = manager_update_metadata(b->manager, req);
	if (error)
		log_warn(LOGGER, "UpdateMetadata of this broker's own controller was refused: %s.",
			 kerr_name(error));
	return 0;
}

static int to_stop_replica(void *arg, int32_t broker, const struct stop_replica_request *req,
			   struct stop_replica_response *resp, struct arena *arena)
{
	struct broker *b = arg;
	must(broker == b->id);
	manager_stop_replica(b->manager, req, resp, arena);
	return 0;
}

/* After its session has expired. Whoever took this broker's id meanwhile keeps it. */
static enum zk_err to_register(void *arg)
{
	struct broker *b = arg;
	enum zk_err err = broker_register(b);
	if (err == ZK_NODEEXISTS && !b->stop_asked) {
		b->status = 1;
		broker_stop(b);
	}
	if (err == ZK_OK) /* settings may have changed in the midst of it */
		broker_renew_registration(b);
	return err;
}

static void all_logs_failed(void *arg)
{
	struct broker *b = arg;
	b->status = 1;
	broker_stop(b);
}

/* ---- up ---- */

static void open_logdirs(void *arg)
{
	struct broker *b = arg;
	b->logdirs = logdirs_open(&b->config->data_dirs, b->why);
}

static void identify_logdirs(void *arg)
{
	struct broker *b = arg;
	b->error = logdirs_identify(b->logdirs, b->id, b->cluster_id, b->why);
}

static bool offload_or_say(struct broker *b, void (*work)(void *arg), const char *reason,
			   bool (*fine)(struct broker *b))
{
	fiber_offload(b->control, work, b, reason);
	if (!fine(b))
		log_fatal(LOGGER, "%s", b->why);
	return fine(b);
}

static bool has_logdirs(struct broker *b)
{
	return b->logdirs != NULL;
}

static bool is_identified(struct broker *b)
{
	return b->error == 0;
}

static bool has_net(struct broker *b)
{
	return b->net != NULL;
}

static bool up_logdirs(struct broker *b)
{
	return offload_or_say(b, open_logdirs, "log directories", has_logdirs);
}

static bool up_zookeeper(struct broker *b)
{
	return broker_open_zookeeper(b);
}

static bool up_identity(struct broker *b)
{
	if (!broker_make_roots(b) || !broker_find_cluster_id(b) || !broker_find_id(b))
		return false;
	log_info(LOGGER, "Cluster ID = %s", b->cluster_id);
	broker_renew_passwords(b);
	broker_read_settings(b);
	broker_banner(b);
	return offload_or_say(b, identify_logdirs, "log directories", is_identified);
}

static bool up_replicas(struct broker *b)
{
	struct manager_config config = {
		.control = b->control, .reactors = b->reactors, .replicas = b->replicas,
		.n_cores = b->n_cores,
		.config = dynamic_now(b->dynamic), .zkc = b->zkc, .logdirs = b->logdirs, .broker_id = b->id,
		.all_failed = all_logs_failed, .arg = b,
	};
	struct hash_seed seed;
	sys_random(&seed, sizeof seed);
	b->api = (struct api){ .config = b->config, .dynamic = b->dynamic, .broker_id = b->id,
			       .cluster_id = b->cluster_id,
			       .n_cores = b->n_cores, .control = b->control };
	api_init(&b->api);
	api_set_config(&b->api, dynamic_now(b->dynamic));
	b->api.cores = mem_zalloc((size_t)b->n_cores * sizeof *b->api.cores);
	b->metastore = config.metastore = metastore_new(b->control, b->n_cores, publish, b);
	b->manager = manager_new(&config);
	for (int i = 0; i < b->n_cores; i++) {
		b->replicas[i] = replicas_new(b->reactors[i], b->id, &seed, manager_log_owner(b->manager));
		b->api.cores[i] = api_core_new(&b->api, i, b->reactors[i], b->replicas[i]);
		b->coordinators[i] = coordinator_new(b->reactors[i], b->replicas[i], b->config, b->id,
						     &load_loader);
		b->api.cores[i]->coordinator = b->coordinators[i];
	}
	set_state(b, BROKER_RECOVERY);
	return manager_load(b->manager);
}

static bool up_net(struct broker *b)
{
	return offload_or_say(b, broker_bind, "listening sockets", has_net);
}

static bool up_registration(struct broker *b)
{
	if (!broker_leads_itself(b))
		return false;
	enum zk_err err = broker_register(b);
	if (err != ZK_OK && !b->stop_asked)
		log_fatal(LOGGER, "[KafkaServer id=%d] This broker cannot be registered: %s.", b->id,
			  zk_err_text(err));
	return err == ZK_OK;
}

static bool up_controller(struct broker *b)
{
	zkc_started(b->zkc);
	struct controller_ports ports = { .arg = b,
					  .metrics = metrics_control(b->metrics),
					  .reaches = reaches,
					  .leader_and_isr = to_leader_and_isr,
					  .update_metadata = to_update_metadata,
					  .stop_replica = to_stop_replica,
					  .register_broker = to_register };
	b->controller = controller_new(b->control, b->zkc, dynamic_now(b->dynamic), b->id, &ports);
	b->producer_ids = producer_ids_new(b->control, b->zkc, b->id);
	b->api.controller = b->controller;
	b->api.manager = b->manager;
	b->api.producer_ids = b->producer_ids;
	b->api.topics = (struct topics){ b->control, b->zkc, b->metastore, b->config, b->dynamic };
	controller_start(b->controller);
	b->controller_up = true;
	return true;
}

static bool up_serving(struct broker *b)
{
	manager_start(b->manager);
	b->manager_up = true;
	net_open(b->net, b->control);
	b->net_up = true;
	broker_follow_settings(b);
	broker_watch_configs(b);
	set_state(b, BROKER_RUNNING);
	log_info("org.apache.kafka.common.utils.AppInfoParser", "Kafka version: 3.9 "
		 "(Samsa " PACKAGE_VERSION ")");
	log_info(LOGGER, "[KafkaServer id=%d] started", b->id);
	return true;
}

static bool (*const up[])(struct broker *b) = { up_logdirs,	  up_zookeeper, up_identity,
						up_replicas,	  up_net,	up_registration,
						up_controller,	  up_serving };

static void down(struct broker *b);

static void start_fiber(void *arg)
{
	struct broker *b = arg;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	set_state(b, BROKER_STARTING);
	log_info(LOGGER, "starting");
	for (size_t i = 0; i < countof(up); i++) {
		if (b->stop_asked || !up[i](b)) {
			b->status |= !b->stop_asked;
			break;
		}
	}
	b->start_over = true;
	if (broker_state(b) != BROKER_RUNNING || b->stop_asked)
		down(b);
}

/* ---- down ---- */

static void net_closed(struct reactor *here, struct msg *m)
{
	struct broker *b = container_of(m, struct broker, net_closed);
	must(here == b->control);
	fiber_event_set(&b->net_is_closed);
}

/* Lets connections finish what they have begun; a second signal, or the limit, ends that. */
static void down_net(struct broker *b)
{
	if (!b->net_up)
		return;
	log_info("kafka.network.SocketServer", "Stopping socket server request processors");
	b->net_closed.run = net_closed;
	net_close(b->net, b->control, &b->net_closed);
	if (b->hurry || !fiber_wait_ms(b->control, &b->net_is_closed, NET_FINISH_MS)) {
		net_close_now(b->net, b->control);
		fiber_wait(b->control, &b->net_is_closed);
	}
}

static void stop_on_core(struct reactor *there, struct call *c)
{
	struct broker *b = c->arg;
	coordinator_stop(b->coordinators[reactor_core(there)], c);
}

/* Members of groups that wait for each other are told to look elsewhere: connections would not end before
 * they are. */
static void down_coordinators(struct broker *b)
{
	if (!b->coordinators[0])
		return;
	log_info("kafka.coordinator.group.GroupCoordinator", "[GroupCoordinator %d]: Shutting down.", b->id);
	call_run_all(b->control, b->reactors, b->n_cores, stop_on_core, b, 0);
}

/* What waits for ZooKeeper goes on waiting only if ZooKeeper is there. */
static void down_control(struct broker *b)
{
	if (b->manager)
		manager_refuse(b->manager);
	if (b->zkc && !zkc_connected(b->zkc))
		zkc_shut(b->zkc);
	if (b->controller_up)
		controller_stop(b->controller);
	bool ended = b->zkc && zkc_close(b->zkc);
	broker_settle_session(b);
	broker_settle_configs(b);
	if (ended)
		broker_forget_session(b);
	if (b->api.control)
		api_drain(&b->api);
}

static void down_data(struct broker *b)
{
	if (b->manager)
		manager_close(b->manager);
	else if (b->logdirs) {
		bool *clean = mem_zalloc((size_t)b->logdirs->n);
		logdirs_close(b->logdirs, clean);
		free(clean);
	}
	b->logdirs = NULL;
}

static void down(struct broker *b)
{
	if (b->going_down)
		return;
	b->going_down = true;
	log_info(LOGGER, "[KafkaServer id=%d] shutting down", b->id);
	set_state(b, BROKER_STOPPING);
	if (b->metastore)
		metastore_end_waits(b->metastore);
	down_coordinators(b);
	down_net(b);
	broker_unwatch_configs(b);
	down_control(b);
	/* The session has ended before the directories are let go: its file lies there. */
	down_data(b);
	set_state(b, BROKER_STOPPED);
	log_info(LOGGER, "[KafkaServer id=%d] shut down completed", b->id);
	b->ended(b->ended_arg, b->status);
}

static void stop_fiber(void *arg)
{
	down(arg);
}

void broker_stop(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	if (b->stop_asked) {
		b->hurry = true;
		if (b->net_up)
			net_close_now(b->net, b->control);
		if (b->zkc)
			zkc_shut(b->zkc);
		return;
	}
	b->stop_asked = true;
	if (b->start_over)
		must(fiber_start(b->control, "stop", stop_fiber, b) != NULL);
	else if (!b->logdirs || !b->zkc)
		b->ended(b->ended_arg, b->status); /* nothing is up that must go down in order */
	else if (!zkc_connected(b->zkc))
		zkc_shut(b->zkc); /* the start waits for it no longer */
}

void broker_reload(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	if (b->net_up)
		net_reload(b->net, b->control);
}

/* ---- life ---- */

struct broker *broker_new(const struct config *config, int cores)
{
	struct broker *b;
	must(cores > 0 && cores <= BROKER_CORES_MAX);
	ALLOC_OBJ(b, BROKER_MAGIC);
	b->config = config;
	b->dynamic = dynamic_new(config);
	b->id = -1;
	b->n_cores = cores;
	b->helpers = sys_helpers_start(HELPERS);
	b->control = reactor_new(REACTOR_CONTROL, b->helpers);
	b->metrics = metrics_new(cores);
	tally_name_requests(b->metrics);
	b->reactors = mem_zalloc((size_t)cores * sizeof *b->reactors);
	b->replicas = mem_zalloc((size_t)cores * sizeof *b->replicas);
	b->coordinators = mem_zalloc((size_t)cores * sizeof *b->coordinators);
	for (int i = 0; i < cores; i++) {
		b->reactors[i] = reactor_new(i, b->helpers);
		reactor_set_metrics(b->reactors[i], metrics_core(b->metrics, i));
	}
	fiber_event_init(&b->net_is_closed);
	fiber_event_init(&b->session_saved);
	fiber_event_init(&b->configs_settled);
	return b;
}

void broker_start(struct broker *b, void (*ended)(void *arg, int status), void *arg)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	b->ended = ended;
	b->ended_arg = arg;
	must(fiber_start(b->control, "start", start_fiber, b) != NULL);
}

void broker_free(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	sys_helpers_stop(b->helpers);
	if (b->net)
		net_free(b->net);
	if (b->controller_up)
		controller_free(b->controller);
	if (b->producer_ids)
		producer_ids_free(b->producer_ids);
	for (int i = 0; i < b->n_cores; i++) {
		if (b->api.cores)
			api_core_free(b->api.cores[i]);
		if (b->coordinators[i])
			coordinator_free(b->coordinators[i]);
		if (b->replicas[i])
			replicas_free(b->replicas[i]);
	}
	if (b->manager)
		manager_free(b->manager);
	if (b->metastore)
		metastore_free(b->metastore);
	if (b->zkc)
		zkc_free(b->zkc);
	for (int i = 0; i < b->n_cores; i++)
		reactor_free(b->reactors[i]);
	reactor_free(b->control);
	metrics_free(b->metrics);
	if (b->registered_as)
		config_put(b->registered_as);
	dynamic_free(b->dynamic);
	free(b->api.cores);
	free(b->reactors);
	free(b->replicas);
	free(b->coordinators);
	free(b->cluster_id);
	FREE_OBJ(b);
}

struct reactor *broker_control(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->control;
}

struct reactor *broker_core(struct broker *b, int core)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	must(core >= 0 && core < b->n_cores);
	return b->reactors[core];
}

int broker_cores(const struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->n_cores;
}

enum broker_state broker_state(const struct broker *b)
{
	return (enum broker_state)atomic_load_explicit(&b->state, memory_order_acquire);
}

int broker_recovery_percent(const struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return broker_state(b) >= BROKER_RECOVERY ? manager_load_percent(b->manager) : 0;
}
