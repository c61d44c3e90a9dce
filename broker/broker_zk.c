/* broker_zk.c - what a broker itself has to do with ZooKeeper: its session, the roots, who it is, and
 * its registration. Facts: contract zk_schema sections 2, 3 and 4.1. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "zkutil/claim.h"
#include "zkutil/znode.h"

#include <stdio.h>
#include <string.h>

#define LOGGER "kafka.server.KafkaServer"
#define ZK_LOGGER "kafka.zk.KafkaZkClient"
#define SESSION_FILE ".samsa_zk_session"

enum {
	ZK_ARENA_BYTES = 16 << 20,
	REGISTER_AGAIN_MS = 500,    /* how often a registration that stands in the way is looked at */
};

/* ---- the session, for a start right after kill -9 ---- */

static struct zk_session read_session(struct broker *b)
{
	struct zk_session s = { 0 };
	char *text, connect[1024];
	size_t n;
	unsigned long long id;
	unsigned bytes[ZK_PASSWD_BYTES];
	int timeout_ms, at;
	if (logdirs_read_private(b->logdirs, SESSION_FILE, &text, &n) != 0)
		return s;
	bool fine = sscanf(text, "%1023s %llx %d %n", connect, &id, &timeout_ms, &at) == 3 &&
		    strcmp(connect, b->config->zookeeper_connect) == 0;
	for (int i = 0; fine && i < ZK_PASSWD_BYTES; i++)
		fine = sscanf(text + at + 2 * i, "%2x", &bytes[i]) == 1;
	if (fine) {
		s.id = (int64_t)id;
		s.timeout_ms = timeout_ms;
		for (int i = 0; i < ZK_PASSWD_BYTES; i++)
			s.passwd[i] = (uint8_t)bytes[i];
	}
	free(text);
	return s;
}

struct saving {
	struct broker *b;
	char *text;
	int error;
};

static void save_work(void *arg)
{
	struct saving *s = arg;
	s->error = logdirs_write_private(s->b->logdirs, SESSION_FILE, s->text, strlen(s->text));
}

/* One at a time, so that the newest is the last. */
static void save_fiber(void *arg)
{
	struct broker *b = arg;
	while (b->session_text && b->logdirs && !b->going_down) {
		struct saving s = { .b = b, .text = b->session_text };
		b->session_text = NULL;
		fiber_offload(b->control, save_work, &s, "ZooKeeper session");
		if (s.error)
			log_warn(LOGGER, "The ZooKeeper session could not be saved (%s): a start right after "
				 "a kill will wait for its end.", strerror(-s.error));
		free(s.text);
	}
	free(b->session_text);
	b->session_text = NULL;
	b->saving_session = false;
	fiber_event_set(&b->session_saved);
	fiber_event_init(&b->session_saved);
}

static void keep_session(void *arg, const struct zk_session *session)
{
	struct broker *b = arg;
	char passwd[2 * ZK_PASSWD_BYTES + 1];
	for (int i = 0; i < ZK_PASSWD_BYTES; i++)
		snprintf(passwd + 2 * i, 3, "%02x", session->passwd[i]);
	free(b->session_text);
	b->session_text = mem_printf("%s %llx %d %s\n", b->config->zookeeper_connect,
				     (unsigned long long)session->id, session->timeout_ms, passwd);
	if (b->saving_session)
		return;
	b->saving_session = true;
	must(fiber_start(b->control, "session", save_fiber, b) != NULL);
}

void broker_settle_session(struct broker *b)
{
	while (b->saving_session)
		fiber_wait(b->control, &b->session_saved);
}

void broker_forget_session(struct broker *b)
{
	if (b->logdirs)
		logdirs_write_private(b->logdirs, SESSION_FILE, "", 0);
}

bool broker_open_zookeeper(struct broker *b)
{
	const struct config *c = b->config;
	struct zkc_config config = {
		.connect = c->zookeeper_connect,
		.session_timeout_ms = c->zookeeper_session_timeout_ms,
		.connection_timeout_ms = c->zookeeper_connection_timeout_ms,
		.max_in_flight = (unsigned)c->zookeeper_max_in_flight_requests,
		.left_behind = read_session(b),
		.keep = keep_session,
		.arg = b,
		.metrics = metrics_control(b->metrics),
	};
	log_info(LOGGER, "Connecting to zookeeper on %s", c->zookeeper_connect);
	b->zkc = zkc_open(b->control, &config);
	return b->zkc != NULL;
}

/* ---- roots ---- */

/* A KRaft controller that is moving this cluster away from ZooKeeper must not find a broker that does not
 * know. */
static bool migration_is_over(struct broker *b)
{
	struct zk_req req;
	struct znode_migration m;
	struct znode_why why;
	zk_req_get(&req, znode_path(ZNODE_MIGRATION), false);
	bool moving = zkc_call(b->zkc, &req) == ZK_OK && znode_migration_decode(req.data, &m, &why) == 0 &&
		      m.kraft_controller >= 0;
	zk_req_fini(&req);
	struct zk_req controller;
	struct znode_controller z;
	struct arena arena;
	arena_init(&arena, ZK_ARENA_BYTES);
	zk_req_get(&controller, znode_path(ZNODE_CONTROLLER), false);
	bool kraft = zkc_call(b->zkc, &controller) == ZK_OK &&
		     znode_controller_decode(&arena, controller.data, &z, &why) == 0 && z.kraft_epoch > 0;
	zk_req_fini(&controller);
	arena_free(&arena);
	if (moving && kraft)
		log_fatal(LOGGER, "KRaft controller %d is migrating this cluster away from ZooKeeper "
			  "(/migration): this broker would not take part. Finish or roll back the migration "
			  "first.", m.kraft_controller);
	return !(moving && kraft);
}

bool broker_make_roots(struct broker *b)
{
	if (!migration_is_over(b))
		return false;
	for (int row = 0; row < ZNODE_CONTAINERS; row++) {
		enum zk_err err = zkc_make_path(b->zkc, znode_path((enum znode)row));
		if (err != ZK_OK) {
			log_fatal(LOGGER, "%s cannot be made in ZooKeeper: %s.", znode_path((enum znode)row),
				  zk_err_text(err));
			return false;
		}
	}
	return true;
}

/* ---- who it is ---- */

static enum zk_err read_cluster_id(struct broker *b)
{
	struct zk_req req;
	struct arena arena;
	struct znode_why why;
	const char *id;
	arena_init(&arena, ZK_ARENA_BYTES);
	zk_req_get(&req, znode_path(ZNODE_CLUSTER_ID), false);
	enum zk_err err = zkc_call(b->zkc, &req);
	if (err == ZK_OK && znode_cluster_id_decode(&arena, req.data, &id, &why) == 0)
		b->cluster_id = mem_strdup(id);
	else if (err == ZK_OK)
		log_fatal(LOGGER, "/cluster/id cannot be read: %s.", why.s);
	zk_req_fini(&req);
	arena_free(&arena);
	return err;
}

bool broker_find_cluster_id(struct broker *b)
{
	uint8_t random[16];
	struct uuid id;
	struct arena arena;
	enum zk_err err = read_cluster_id(b);
	if (err == ZK_NONODE) {
		do
			sys_random(random, sizeof random);
		while (!uuid_from_random(&id, random));
		struct uuid_text text = uuid_format(&id);
		arena_init(&arena, ZK_ARENA_BYTES);
		err = zkc_create(b->zkc, znode_path(ZNODE_CLUSTER_ID),
				 znode_cluster_id_encode(&arena, text.s));
		arena_free(&arena);
		if (err == ZK_OK || err == ZK_NODEEXISTS)
			err = read_cluster_id(b);
	}
	if (err != ZK_OK)
		log_fatal(LOGGER, "The cluster's id cannot be had from ZooKeeper: %s.", zk_err_text(err));
	return b->cluster_id != NULL;
}

/* A number that no broker had: the version that /brokers/seqid gets, above the ids that people give. */
static bool generate_id(struct broker *b)
{
	struct zk_req req;
	zk_req_write(&req, zk_op_set(znode_path(ZNODE_BROKER_SEQID), slice_of("", 0), ZK_ANY_VERSION));
	enum zk_err err = zkc_call(b->zkc, &req);
	if (err == ZK_OK)
		b->id = req.stat.version + b->config->reserved_broker_max_id;
	else
		log_fatal(LOGGER, "No broker.id can be generated: %s.", zk_err_text(err));
	zk_req_fini(&req);
	return err == ZK_OK;
}

bool broker_find_id(struct broker *b)
{
	int32_t given = b->config->broker_id;
	if (given >= 0 && b->logdirs->broker_id >= 0 && given != b->logdirs->broker_id) {
		log_fatal(LOGGER, "Configured broker.id %d doesn't match stored broker.id %d in "
			  "meta.properties. If you moved your data, make sure your configured broker.id "
			  "matches. If you intend to create a new broker, you should remove all data in your "
			  "data directories (log.dirs).", given, b->logdirs->broker_id);
		return false;
	}
	b->id = given >= 0 ? given : b->logdirs->broker_id;
	if (b->id >= 0)
		return true;
	if (b->config->broker_id_generation_enable)
		return generate_id(b);
	log_fatal(LOGGER, "broker.id is not set, and broker.id.generation.enable is false.");
	return false;
}

/* ---- registration ---- */

static struct slice describe_self(struct broker *b, struct arena *arena)
{
	const struct config *now = dynamic_now(b->dynamic);
	const struct listeners *at = &now->advertising;
	struct znode_broker z = {
		.version = b->config->ibp >= IBP_2_7_IV0 ? ZNODE_BROKER_VERSION
			: ZNODE_BROKER_VERSION_IBP_0_10_0,
		.jmx_port = -1,
		.timestamp_ms = sys_wall_ms(),
		.rack = b->config->broker_rack,
	};
	char *hostname = arena_alloc(arena, ZNODE_PATH_BYTES);
	z.endpoints = arena_array(arena, at->n, sizeof *z.endpoints);
	must(z.endpoints && hostname);
	sys_hostname(hostname, ZNODE_PATH_BYTES);
	for (uint32_t i = 0; i < at->n; i++) {
		const struct listener *l = &at->v[i];
		/* A port of 0 is known once it is bound. */
		int port = l->port;
		for (int k = 0; port == 0 && k < (int)now->listening.n; k++)
			if (strcmp(now->listening.v[k].name, l->name) == 0)
				port = net_listener_address(b->net, k)->port;
		z.endpoints[z.n_endpoints++] = (struct znode_endpoint){ l->name,
			listener_protocol_name(l->protocol), l->host ? l->host : hostname, port };
	}
	return znode_broker_encode(arena, &z);
}

/* What stands in the znode is of `now`. */
static void remember_registered(struct broker *b, const struct config *now)
{
	if (b->registered_as)
		config_put(b->registered_as);
	b->registered_as = now;
}

/* One try; `*owner` is the session that stands in the way of a NODEEXISTS. */
static enum zk_err register_once(struct broker *b, int64_t *owner)
{
	struct arena arena;
	struct zk_req req, read;
	struct znode_path path = znode_broker_path(b->id);
	const struct config *now = config_get(dynamic_now(b->dynamic));
	arena_init(&arena, ZK_ARENA_BYTES);
	struct zk_op ops[CLAIM_OPS];
	claim_broker(ops, path.s, describe_self(b, &arena));
	zk_req_multi(&req, ops, countof(ops));
	enum zk_err err = zkc_call(b->zkc, &req);
	if (err == ZK_OK || err == ZK_NODEEXISTS) {
		zk_req_exists(&read, path.s, false);
		enum zk_err read_err = zkc_call(b->zkc, &read);
		*owner = read.stat.ephemeral_owner;
		if (read_err == ZK_OK && *owner == zkc_session(b->zkc)->id) {
			err = ZK_OK; /* ours: also when the answer to the multi was lost */
			b->registered = *owner;
			remember_registered(b, config_get(now));
			manager_set_broker_epoch(b->manager, read.stat.czxid);
			log_info(ZK_LOGGER, "Registered broker %d at path %s with addresses: %s, czxid "
				 "(broker epoch): %lld", b->id, path.s,
				 listener_text(&arena, &now->advertising.v[0]),
				 (long long)read.stat.czxid);
		}
		zk_req_fini(&read);
	}
	zk_req_fini(&req);
	arena_free(&arena);
	config_put(now);
	return err;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool advertises_the_same(const struct config *a, const struct config *b)
{
	bool same = a->advertising.n == b->advertising.n;
	for (uint32_t i = 0; same && i < a->advertising.n; i++) {
		const struct listener *l = &a->advertising.v[i], *k = &b->advertising.v[i];
		same = strcmp(l->name, k->name) == 0 && l->protocol == k->protocol && l->port == k->port &&
		       is_same_text(l->host, k->host);
	}
	return same;
}

/* One try. ZK_NONODE: the registration is not ours; when it is made anew, it is made of what is in force
 * then. */
static enum zk_err renew_once(struct broker *b)
{
	struct arena arena;
	struct zk_req read, write;
	struct znode_path path = znode_broker_path(b->id);
	const struct config *now = config_get(dynamic_now(b->dynamic));
	zk_req_exists(&read, path.s, false);
	enum zk_err err = zkc_call(b->zkc, &read);
	if (err == ZK_OK && read.stat.ephemeral_owner != zkc_session(b->zkc)->id)
		err = ZK_NONODE;
	if (err == ZK_OK) {
		arena_init(&arena, ZK_ARENA_BYTES);
		zk_req_write(&write, zk_op_set(path.s, describe_self(b, &arena), read.stat.version));
		err = zkc_call(b->zkc, &write);
		zk_req_fini(&write);
		arena_free(&arena);
	}
	if (err == ZK_OK)
		remember_registered(b, config_get(now));
	config_put(now);
	zk_req_fini(&read);
	return err;
}

void broker_renew_registration(struct broker *b)
{
	enum zk_err err = ZK_OK;
	while (b->registered_as && !advertises_the_same(b->registered_as, dynamic_now(b->dynamic))) {
		err = renew_once(b);
		if (err != ZK_OK && err != ZK_BADVERSION)
			break;
	}
	if (err == ZK_OK || err == ZK_NONODE)
		return;
	log_error(ZK_LOGGER, "/brokers/ids/%d could not be written: %s. It has the new listeners once this "
		  "broker registers again.", b->id, zk_err_text(err));
}

/* Another session's registration is waited for as long as a dead one could last; then a living broker has
 * this id. */
enum zk_err broker_register(struct broker *b)
{
	int64_t owner = 0, waited_ms = 0;
	for (;;) {
		enum zk_err err = register_once(b, &owner);
		if (err != ZK_NODEEXISTS)
			return err;
		if (waited_ms == 0)
			log_warn(ZK_LOGGER, "Error while creating ephemeral at /brokers/ids/%d, node already "
				 "exists and owner '0x%llx' does not match current session '0x%llx'; waiting "
				 "for it to go.", b->id, (unsigned long long)owner,
				 (unsigned long long)zkc_session(b->zkc)->id);
		if (b->stop_asked)
			return err;
		if (waited_ms > b->config->zookeeper_session_timeout_ms + REGISTER_AGAIN_MS) {
			log_fatal(ZK_LOGGER, "Another broker with broker.id %d is alive (session 0x%llx): "
				  "each broker of a cluster needs an id of its own.", b->id,
				  (unsigned long long)owner);
			return err;
		}
		fiber_sleep(b->control, REGISTER_AGAIN_MS);
		waited_ms += REGISTER_AGAIN_MS;
	}
}

/* Who is in /controller; -1: nobody, or nobody that can be read. */
static int32_t read_controller(struct broker *b)
{
	struct zk_req req;
	struct arena arena;
	struct znode_why why;
	struct znode_controller z = { .broker = -1 };
	arena_init(&arena, ZK_ARENA_BYTES);
	zk_req_get(&req, znode_path(ZNODE_CONTROLLER), false);
	if (zkc_call(b->zkc, &req) != ZK_OK || znode_controller_decode(&arena, req.data, &z, &why) != 0)
		z.broker = -1;
	zk_req_fini(&req);
	arena_free(&arena);
	return z.broker;
}

/* Another controller would give this broker replicas to lead and to follow, and never hear that it has them.
 * One that has died is waited for. */
bool broker_leads_itself(struct broker *b)
{
	int64_t waited_ms = 0;
	for (int32_t other; (other = read_controller(b)) >= 0 && other != b->id;) {
		if (waited_ms == 0)
			log_warn(ZK_LOGGER, "Broker %d is the controller of this cluster; waiting for it to "
				 "go.", other);
		if (b->stop_asked)
			return false;
		if (waited_ms > b->config->zookeeper_session_timeout_ms + REGISTER_AGAIN_MS) {
			log_fatal(ZK_LOGGER, "Broker %d is the controller of this cluster. This build serves "
				  "clusters of one broker, under its own controller: it does not join others "
				  "yet.", other);
			return false;
		}
		fiber_sleep(b->control, REGISTER_AGAIN_MS);
		waited_ms += REGISTER_AGAIN_MS;
	}
	return true;
}
