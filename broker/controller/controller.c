/* controller.c - election, resigning, failover, and brokers that come and go.
 *
 *	(started) -> look at /controller --somebody is there--> watching
 *	                 ^        |nobody
 *	                 |        v
 *	                 |      elect --won--> active: failover, then events
 *	                 +--lost--+              |
 *	                 +--fenced, /controller changed, session expired (resign)--+
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"
#include "zkutil/claim.h"

#include <string.h>

static void reelect(struct controller *c, struct ctl_event *e);

/* ---- events ---- */

struct ctl_event *ctl_event_new(const char *name, void (*run)(struct controller *c, struct ctl_event *e))
{
	struct ctl_event *e = mem_zalloc(sizeof *e);
	e->name = name;
	e->state = ctl_state_of(name);
	e->run = run;
	e->broker = -1;
	return e;
}

static void event_free(struct ctl_event *e)
{
	if (e->ask)
		ctl_ask_answered(e->ask);
	free(e->topic);
	arena_free(&e->arena);
	free(e);
}

void ctl_enqueue(struct controller *c, struct ctl_event *e)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	if (c->stopping) {
		event_free(e);
		return;
	}
	must(c->n_events < CTL_EVENTS_MAX);
	e->queued_ns = sys_mono_ns();
	list_push_back(&c->events, &e->link);
	c->n_events++;
	if (c->worker && c->worker_waits)
		fiber_resume(c->worker);
}

static void drop_events(struct controller *c)
{
	struct list *it;
	while ((it = list_pop_front(&c->events)))
		event_free(list_entry(it, struct ctl_event, link));
	c->n_events = 0;
}

static void worker_run(void *arg)
{
	struct controller *c = arg;
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	while (!c->stopping) {
		struct list *it = list_pop_front(&c->events);
		if (!it) {
			c->worker_waits = true;
			fiber_suspend(c->control);
			c->worker_waits = false;
			continue;
		}
		struct ctl_event *e = list_entry(it, struct ctl_event, link);
		c->n_events--;
		c->state = e->state;
		ctl_event_begins(c, e);
		e->run(c, e);
		if (c->active)
			push_flush(c);
		ctl_event_ended(c, e);
		c->state = 0;
		event_free(e);
	}
	fiber_event_set(&c->stopped);
}

/* ---- watches ---- */

static bool is_queued(struct controller *c, const struct ctl_watch *w)
{
	list_for_each(it, &c->events) {
		const struct ctl_event *e = list_entry(it, struct ctl_event, link);
		bool same_topic = !w->topic || (e->topic && strcmp(w->topic, e->topic) == 0);
		if (e->run == w->run && e->broker == w->broker && same_topic)
			return true;
	}
	return false;
}

static void watch_fired(struct zkc_watch *zw, enum zk_change change)
{
	struct ctl_watch *w = container_of(zw, struct ctl_watch, zkc);
	/* A queued event reads what is there when it runs: one is enough. A deleted broker or topic shows in
	 * the children of its parent. */
	if (is_queued(w->c, w) || (change == ZK_NODE_DELETED && (w->topic || w->broker >= 0)))
		return;
	struct ctl_event *e = ctl_event_new(w->event_name, w->run);
	e->broker = w->broker;
	e->topic = w->topic ? mem_strdup(w->topic) : NULL;
	ctl_enqueue(w->c, e);
}

struct ctl_watch *ctl_watch_new(struct controller *c, const char *path, bool children, const char *event_name,
				void (*run)(struct controller *c, struct ctl_event *e))
{
	struct ctl_watch *w = mem_zalloc(sizeof *w);
	w->c = c;
	w->path = mem_strdup(path);
	w->event_name = event_name;
	w->run = run;
	w->broker = -1;
	w->zkc = (struct zkc_watch){ .path = w->path, .children = children, .changed = watch_fired };
	zkc_watch(c->zkc, &w->zkc);
	return w;
}

void ctl_watch_free(struct controller *c, struct ctl_watch *w)
{
	if (!w)
		return;
	zkc_unwatch(c->zkc, &w->zkc);
	free(w->path);
	free(w->topic);
	free(w);
}

/* ---- fenced writes ---- */

static void resign(struct controller *c);

void ctl_fenced(struct controller *c)
{
	if (!c->active)
		return;
	log_warn(CTL_LOGGER, "[Controller id=%d] /controller_epoch was changed by somebody else; epoch %d "
		 "is over.", c->broker_id, c->epoch);
	resign(c);
	ctl_enqueue(c, ctl_event_new("Reelect", reelect));
}

bool ctl_write_all(struct controller *c, struct zk_req *reqs, size_t n)
{
	bool fenced = false;
	for (size_t i = 0; i < n; i++)
		zk_req_guard(&reqs[i], znode_path(ZNODE_CONTROLLER_EPOCH), c->epoch_version);
	zkc_call_all(c->zkc, reqs, n);
	for (size_t i = 0; i < n; i++)
		fenced |= reqs[i].err == ZK_FENCED;
	if (fenced)
		ctl_fenced(c);
	return !fenced;
}

enum zk_err ctl_write(struct controller *c, struct zk_op op, struct zk_req *req)
{
	zk_req_write(req, op);
	ctl_write_all(c, req, 1);
	return req->err;
}

/* ---- brokers ---- */

static void broker_changed(struct controller *c, struct ctl_event *e);

/* Reads a broker's znode, and watches it. False when it is gone or cannot be read. */
static bool read_broker(struct controller *c, int32_t id, struct arena *arena, struct znode_broker *out,
			int64_t *epoch)
{
	struct zk_req req;
	struct znode_why why;
	struct znode_path path = znode_broker_path(id);
	zk_req_get(&req, path.s, true);
	bool fine = zkc_call(c->zkc, &req) == ZK_OK;
	if (fine && znode_broker_decode(arena, req.data, out, &why) != 0) {
		log_error(CTL_LOGGER, "Broker %d is ignored: its znode cannot be read: %s.", id, why.s);
		fine = false;
	}
	*epoch = req.stat.czxid;
	zk_req_fini(&req);
	return fine;
}

static struct ctl_broker *add_broker(struct controller *c, int32_t id)
{
	struct arena arena;
	struct znode_broker info;
	int64_t epoch;
	struct ctl_broker *b = NULL;
	arena_init(&arena, CTL_ARENA_BYTES);
	if (read_broker(c, id, &arena, &info, &epoch)) {
		struct znode_path path = znode_broker_path(id);
		b = ctl_broker_add(&c->ctx, id, epoch, &arena, &info);
		b->reached = c->ports.reaches(c->ports.arg, id);
		if (b->reached)
			b->sender = sender_start(c, id, epoch);
		else
			log_error(CTL_LOGGER, "[Controller id=%d] Broker %d is registered, but this build's "
				  "controller serves clusters of one broker: broker %d keeps what it leads, "
				  "is told nothing, and gets no replicas.", c->broker_id, id, id);
		struct ctl_watch *w = ctl_watch_new(c, path.s, false, "BrokerModifications", broker_changed);
		w->broker = id;
		b->watch = w;
	}
	arena_free(&arena);
	return b;
}

static void remove_broker(struct controller *c, struct ctl_broker *b)
{
	if (b->sender)
		sender_stop(b->sender);
	b->sender = NULL;
	ctl_watch_free(c, b->watch);
	b->watch = NULL;
	ctl_broker_remove(&c->ctx, b);
}

struct ctl_partitions ctl_partitions_on(struct controller *c, int32_t broker)
{
	struct ctl_partitions ps = { 0 };
	ctl_each_topic(t, &c->ctx)
		ctl_each_partition(p, t)
			if (ctl_replica(p, broker))
				ctl_partitions_add(&ps, p);
	return ps;
}

/* All that there is, for a broker that knows nothing yet. */
static void push_everything(struct controller *c)
{
	push_brokers(c);
	ctl_each_topic(t, &c->ctx)
		ctl_each_partition(p, t)
			push_metadata(c, p);
}

static void broker_came(struct controller *c, int32_t id)
{
	const struct ctl_broker *b = add_broker(c, id);
	if (!b || !b->reached)
		return;
	log_info(CTL_LOGGER, "[Controller id=%d] New broker startup callback for %d", c->broker_id, id);
	push_everything(c);
	struct ctl_partitions ps = ctl_partitions_on(c, id);
	struct ctl_partitions staying = { 0 };
	for (int i = 0; i < ps.n; i++)
		if (!ps.v[i]->topic->deleting)
			ctl_partitions_add(&staying, ps.v[i]);
	ctl_replicas_to(c, &staying, id, REPLICA_ONLINE);
	ctl_elect_offline(c, NULL);
	ctl_moves_resume(c, id);
	ctl_partitions_free(&ps);
	ctl_partitions_free(&staying);
	ctl_resume_deletions(c);
}

void ctl_replicas_went(struct controller *c, int32_t broker, const struct ctl_partitions *with)
{
	struct ctl_partitions staying = { 0 }, lost = { 0 };
	for (int i = 0; i < with->n; i++) {
		struct ctl_partition *p = with->v[i];
		struct ctl_replica *r = ctl_replica(p, broker);
		if (p->topic->deleting) {
			if (r->state == REPLICA_DELETION_STARTED || r->state == REPLICA_OFFLINE)
				r->state = REPLICA_DELETION_INELIGIBLE;
			continue;
		}
		ctl_partitions_add(&staying, p);
		if (p->has_leadership && p->lead.leader == broker)
			ctl_partitions_add(&lost, p);
	}
	ctl_partitions_set(c, &lost, PARTITION_OFFLINE);
	ctl_partitions_online(c, &lost, ELECT_OFFLINE);
	ctl_replicas_to(c, &staying, broker, REPLICA_OFFLINE);
	ctl_partitions_free(&staying);
	ctl_partitions_free(&lost);
}

static void broker_went(struct controller *c, struct ctl_broker *b)
{
	int32_t id = b->id;
	log_info(CTL_LOGGER, "[Controller id=%d] Broker failure callback for %d", c->broker_id, id);
	remove_broker(c, b);
	struct ctl_partitions with = ctl_partitions_on(c, id);
	ctl_replicas_went(c, id, &with);
	push_brokers(c);
	ctl_partitions_free(&with);
}

static bool parse_id(const char *name, int32_t *id)
{
	char *end;
	long n = strtol(name, &end, 10);
	*id = (int32_t)n;
	return end != name && *end == 0 && n >= 0 && n <= INT32_MAX;
}

static bool is_child(const struct zk_req *req, int32_t id)
{
	int32_t child;
	for (unsigned i = 0; i < req->n_children; i++)
		if (parse_id(req->children[i], &child) && child == id)
			return true;
	return false;
}

/* A broker whose znode was made anew since it was last read has been away. */
static void check_bounced(struct controller *c, int32_t id)
{
	struct ctl_broker *b = ctl_broker(&c->ctx, id);
	struct zk_req req;
	struct znode_path path = znode_broker_path(id);
	zk_req_exists(&req, path.s, false);
	if (b && zkc_call(c->zkc, &req) == ZK_OK && req.stat.czxid > b->epoch)
		broker_went(c, b);
	zk_req_fini(&req);
}

static void brokers_changed(struct controller *c, struct ctl_event *e)
{
	struct zk_req req;
	int32_t id;
	must(e != NULL);
	if (!c->active)
		return;
	zk_req_children(&req, znode_path(ZNODE_BROKER_IDS), true);
	if (zkc_call(c->zkc, &req) == ZK_OK) {
		struct ctl_broker *b, *next;
		HASH_ITER(hh, c->ctx.brokers, b, next)
			if (c->active && !is_child(&req, b->id))
				broker_went(c, b);
		for (unsigned i = 0; c->active && i < req.n_children; i++) {
			if (!parse_id(req.children[i], &id))
				continue;
			check_bounced(c, id);
			if (c->active && !ctl_broker(&c->ctx, id))
				broker_came(c, id);
		}
	}
	zk_req_fini(&req);
}

/* Other endpoints. */
static void broker_changed(struct controller *c, struct ctl_event *e)
{
	struct ctl_broker *b = ctl_broker(&c->ctx, e->broker);
	struct arena arena;
	struct znode_broker info;
	int64_t epoch;
	if (!c->active || !b)
		return;
	arena_init(&arena, CTL_ARENA_BYTES);
	if (read_broker(c, b->id, &arena, &info, &epoch) && epoch == b->epoch) {
		arena_free(&b->arena);
		b->arena = arena;
		b->info = info;
		push_brokers(c);
		return;
	}
	arena_free(&arena);
}

/* ---- failover ---- */

static bool load_brokers(struct controller *c)
{
	struct zk_req req;
	int32_t id;
	zk_req_children(&req, znode_path(ZNODE_BROKER_IDS), true);
	bool fine = zkc_call(c->zkc, &req) == ZK_OK;
	for (unsigned i = 0; fine && i < req.n_children; i++)
		if (parse_id(req.children[i], &id))
			add_broker(c, id);
	zk_req_fini(&req);
	return fine;
}

/* /feature: made when missing. A ZooKeeper-mode broker knows no feature. */
static void make_feature(struct controller *c)
{
	struct arena arena;
	struct znode_features none = { .version = c->config->ibp >= IBP_3_3_IV0 ? 2 : 1,
				       .enabled = c->config->ibp >= IBP_2_7_IV0 };
	arena_init(&arena, CTL_ARENA_BYTES);
	enum zk_err err = zkc_create(c->zkc, znode_path(ZNODE_FEATURE), znode_features_encode(&arena, &none));
	if (err != ZK_OK && err != ZK_NODEEXISTS)
		log_error(CTL_LOGGER, "/feature could not be made: %s.", zk_err_text(err));
	arena_free(&arena);
}

/* What older brokers have left for a controller is taken up by the failover itself. */
static void clear_notifications(struct controller *c, enum znode parent)
{
	struct zk_req req, gone;
	struct arena arena;
	arena_init(&arena, CTL_ARENA_BYTES);
	zk_req_children(&req, znode_path(parent), false);
	enum zk_err err = zkc_call(c->zkc, &req);
	for (unsigned i = 0; err == ZK_OK && c->active && i < req.n_children; i++) {
		const char *path = znode_child_path(&arena, parent, req.children[i]);
		must(path != NULL);
		ctl_write(c, zk_op_delete(path, ZK_ANY_VERSION), &gone);
		zk_req_fini(&gone);
	}
	zk_req_fini(&req);
	arena_free(&arena);
}

static void make_watches(struct controller *c)
{
	c->watch_brokers = ctl_watch_new(c, znode_path(ZNODE_BROKER_IDS), true, "BrokerChange",
					 brokers_changed);
	c->watch_topics = ctl_watch_new(c, znode_path(ZNODE_TOPICS), true, "TopicChange", ctl_topics_changed);
	c->watch_deletions = ctl_watch_new(c, znode_path(ZNODE_DELETE_TOPICS), true, "TopicDeletion",
					   ctl_deletions_changed);
	c->watch_preferred = ctl_watch_new(c, znode_path(ZNODE_PREFERRED_ELECTION), false,
					   "ReplicaLeaderElection", ctl_preferred_changed);
	c->watch_reassign = ctl_watch_new(c, znode_path(ZNODE_REASSIGN), false, "ZkPartitionReassignment",
					  ctl_reassign_changed);
	c->watch_log_dirs = ctl_watch_new(c, znode_path(ZNODE_LOG_DIR_EVENTS), true,
					  "LogDirEventNotification", ctl_log_dirs_changed);
}

/* The states that partitions and replicas start in, from what the znodes say. */
static void start_state_machines(struct controller *c)
{
	struct ctl_partitions online = { 0 };
	push_brokers(c);
	push_flush(c);
	ctl_each_topic(t, &c->ctx)
		ctl_each_partition(p, t) {
			bool led = p->has_leadership && ctl_is_registered(&c->ctx, p->lead.leader);
			p->state = !p->has_leadership ? PARTITION_NEW : led ? PARTITION_ONLINE
				: PARTITION_OFFLINE;
			for (int i = 0; i < p->n_replicas; i++) {
				bool live = ctl_is_live(&c->ctx, p->replicas[i].broker);
				p->replicas[i].state = live ? REPLICA_ONLINE : REPLICA_OFFLINE;
				if (!live && t->deleting)
					p->replicas[i].state = REPLICA_DELETION_INELIGIBLE;
			}
			ctl_partitions_add(&online, p);
		}
	for (int i = 0; i < online.n; i++)
		for (int k = 0; k < online.v[i]->n_replicas; k++)
			if (online.v[i]->replicas[k].state == REPLICA_ONLINE && online.v[i]->has_leadership)
				push_leader_and_isr(c, online.v[i]->replicas[k].broker, online.v[i], false);
	push_everything(c);
	push_flush(c);
	ctl_elect_offline(c, NULL);
	ctl_partitions_free(&online);
}

/* False when ZooKeeper could not be read, or this is not the controller any more. */
static bool failover(struct controller *c)
{
	log_info(CTL_LOGGER, "[Controller id=%d] Becoming the controller with epoch %d", c->broker_id,
		 c->epoch);
	make_feature(c);
	make_watches(c);
	clear_notifications(c, ZNODE_ISR_CHANGES);
	clear_notifications(c, ZNODE_LOG_DIR_EVENTS);
	if (!c->active || !load_brokers(c) || !ctl_load_topics(c) || !c->active)
		return false;
	log_info(CTL_LOGGER, "[Controller id=%d] Ready to serve as the new controller with epoch %d",
		 c->broker_id, c->epoch);
	start_state_machines(c);
	ctl_enqueue(c, ctl_event_new("TopicDeletion", ctl_deletions_changed));
	ctl_enqueue(c, ctl_event_new("ReplicaLeaderElection", ctl_preferred_changed));
	ctl_enqueue(c, ctl_event_new("PartitionReassignment", ctl_moves_resumed));
	ctl_enqueue(c, ctl_event_new("ZkPartitionReassignment", ctl_reassign_changed));
	ctl_enqueue(c, ctl_event_new("LogDirEventNotification", ctl_log_dirs_changed));
	return true;
}

static void resign(struct controller *c)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	if (!c->active)
		return;
	c->active = false;
	log_info(CTL_LOGGER, "[Controller id=%d] Resigned", c->broker_id);
	ctl_watch_free(c, c->watch_brokers);
	ctl_watch_free(c, c->watch_topics);
	ctl_watch_free(c, c->watch_deletions);
	ctl_watch_free(c, c->watch_preferred);
	ctl_watch_free(c, c->watch_reassign);
	ctl_watch_free(c, c->watch_log_dirs);
	c->watch_brokers = c->watch_topics = c->watch_deletions = c->watch_preferred = NULL;
	c->watch_reassign = c->watch_log_dirs = NULL;
}

/* ---- election ---- */

/* What was known under an epoch that is over. Not while an event of that epoch is running. */
static void forget(struct controller *c)
{
	struct ctl_broker *b, *next_broker;
	struct ctl_topic *t, *next_topic;
	must(!c->active);
	HASH_ITER(hh, c->ctx.brokers, b, next_broker)
		remove_broker(c, b);
	HASH_ITER(hh, c->ctx.topics, t, next_topic)
		ctl_topic_forget(c, t);
	push_free(c->push);
	c->push = push_new();
}

/* Reads /controller and watches it. ZK_OK: *broker is who, *mine whether this session owns it. ZK_NONODE:
 * nobody. */
static enum zk_err look(struct controller *c, int32_t *broker, bool *mine)
{
	struct zk_req req;
	struct arena arena;
	struct znode_controller z;
	struct znode_why why;
	arena_init(&arena, CTL_ARENA_BYTES);
	zk_req_get(&req, znode_path(ZNODE_CONTROLLER), true);
	enum zk_err err = zkc_call(c->zkc, &req);
	if (err == ZK_OK && znode_controller_decode(&arena, req.data, &z, &why) == 0) {
		*broker = z.broker;
		*mine = z.broker == c->broker_id && req.stat.ephemeral_owner == zkc_session(c->zkc)->id;
	} else if (err == ZK_OK) {
		log_error(CTL_LOGGER, "/controller cannot be read: %s.", why.s);
		*broker = -1;
		*mine = false;
	}
	zk_req_fini(&req);
	arena_free(&arena);
	return err;
}

/* The epoch so far, and its version; made when missing, so that the first controller has epoch 1. Never below
 * what this broker knows: a node that somebody deleted or spoilt must not send the epochs back, for brokers
 * refuse old ones. */
static enum zk_err read_epoch(struct controller *c, int32_t *epoch, int32_t *version)
{
	struct zk_req req;
	struct znode_why why;
	struct arena arena;
	const char *path = znode_path(ZNODE_CONTROLLER_EPOCH);
	enum zk_err err;
	arena_init(&arena, CTL_ARENA_BYTES);
	for (;;) {
		zk_req_get(&req, path, false);
		err = zkc_call(c->zkc, &req);
		if (err == ZK_OK && znode_controller_epoch_decode(req.data, epoch, &why) != 0) {
			log_error(CTL_LOGGER, "/controller_epoch cannot be read: %s. It goes on from %d.",
				  why.s, c->epoch);
			*epoch = c->epoch;
		}
		*version = req.stat.version;
		zk_req_fini(&req);
		if (err != ZK_NONODE)
			break;
		err = zkc_create(c->zkc, path, znode_controller_epoch_encode(&arena, c->epoch));
		if (err != ZK_OK && err != ZK_NODEEXISTS)
			break;
	}
	*epoch = max_of(*epoch, c->epoch);
	arena_free(&arena);
	return err;
}

/* The election: /controller and the next epoch in one transaction. A lost answer is found out by reading
 * back. OK also when another broker was quicker. */
static enum zk_err elect_self(struct controller *c)
{
	int32_t epoch, version, broker = -1, epoch_now = 0, version_now;
	bool mine = false;
	enum zk_err err = read_epoch(c, &epoch, &version);
	if (err != ZK_OK)
		return err;
	struct arena arena;
	arena_init(&arena, CTL_ARENA_BYTES);
	struct znode_controller z = { c->broker_id, sys_wall_ms(), -1 };
	struct zk_op ops[CLAIM_OPS];
	claim_controller(ops, znode_controller_encode(&arena, &z),
			 znode_controller_epoch_encode(&arena, epoch + 1), version);
	struct zk_req req;
	zk_req_multi(&req, ops, countof(ops));
	err = zkc_call(c->zkc, &req);
	zk_req_fini(&req);
	arena_free(&arena);
	bool won = err == ZK_OK, lost = err == ZK_NODEEXISTS || err == ZK_BADVERSION;
	if (lost)
		won = look(c, &broker, &mine) == ZK_OK && mine &&
		      read_epoch(c, &epoch_now, &version_now) == ZK_OK && epoch_now == epoch + 1;
	if (!won)
		return lost ? ZK_OK : err;
	c->epoch = epoch + 1;
	c->epoch_version = version + 1;
	c->known = c->broker_id;
	c->active = true;
	log_info(CTL_LOGGER, "[Controller id=%d] %d successfully elected as the controller. Epoch "
		 "incremented to %d and epoch zk version is now %d", c->broker_id, c->broker_id, c->epoch,
		 c->epoch_version);
	return ZK_OK;
}

/* This session's own /controller, of an epoch that is over: it goes, unless it is another's by now. */
static enum zk_err give_up_node(struct controller *c)
{
	int32_t epoch, version;
	struct zk_req req;
	enum zk_err err = read_epoch(c, &epoch, &version);
	if (err != ZK_OK)
		return err;
	zk_req_write(&req, zk_op_delete(znode_path(ZNODE_CONTROLLER), ZK_ANY_VERSION));
	zk_req_guard(&req, znode_path(ZNODE_CONTROLLER_EPOCH), version);
	err = zkc_call(c->zkc, &req);
	zk_req_fini(&req);
	return err == ZK_NONODE || err == ZK_FENCED ? ZK_OK : err;
}

static bool session_is_over(enum zk_err err)
{
	return err == ZK_SESSION_EXPIRED || err == ZK_CLOSING || err == ZK_NOT_AUTHENTICATED;
}

/* Something is wrong that no watch will tell the end of. */
static void try_later(struct controller *c, enum zk_err err)
{
	log_error(CTL_LOGGER, "[Controller id=%d] The election failed: %s. It is tried again.", c->broker_id,
		  zk_err_text(err));
	fiber_sleep(c->control, CTL_ELECT_AGAIN_MS);
}

/* One look at /controller and what follows from it. False: look again. */
static bool settle(struct controller *c)
{
	int32_t broker = -1;
	bool mine = false;
	enum zk_err err = look(c, &broker, &mine);
	if (err == ZK_OK && mine && c->active)
		return true;
	resign(c);
	forget(c);
	c->known = err == ZK_OK && !mine ? broker : -1;
	if (err == ZK_OK && !mine) {
		log_info(CTL_LOGGER, "[Controller id=%d] Broker %d has been elected as the controller, so "
			 "stopping the election process.", c->broker_id, broker);
		return true;
	}
	if (err == ZK_OK)
		err = give_up_node(c);
	else if (err == ZK_NONODE)
		err = elect_self(c);
	if (session_is_over(err))
		return true; /* its successor elects again */
	if (err != ZK_OK)
		try_later(c, err);
	else if (c->active && !failover(c) && c->active) {
		resign(c);
		try_later(c, ZK_SYSTEM);
	}
	return false; /* once around: for the watch on the node just made */
}

/* Ends only as the controller, or with a watch on a /controller that was there when the watch was set; or
 * when the session is gone, which brings another event. */
static void reelect(struct controller *c, struct ctl_event *e)
{
	must(e != NULL);
	while (!c->stopping && !settle(c))
		;
	fiber_event_set(&c->first_election);
}

static void on_expired(struct zkc_listener *l)
{
	struct controller *c = container_of(l, struct controller, session);
	drop_events(c);
	resign(c);
	c->known = -1;
}

static void register_and_reelect(struct controller *c, struct ctl_event *e)
{
	enum zk_err err = c->ports.register_broker(c->ports.arg);
	if (err != ZK_OK)
		log_error(CTL_LOGGER, "[Controller id=%d] This broker could not be registered again: %s.",
			  c->broker_id, zk_err_text(err));
	reelect(c, e);
}

static void on_session(struct zkc_listener *l)
{
	struct controller *c = container_of(l, struct controller, session);
	ctl_enqueue(c, ctl_event_new("RegisterBrokerAndReelect", register_and_reelect));
}

/* ---- life ---- */

struct controller *controller_new(struct reactor *control, struct zkc *zkc, const struct config *config,
				  int32_t broker_id, const struct controller_ports *ports)
{
	struct controller *c;
	ALLOC_OBJ(c, CONTROLLER_MAGIC);
	c->control = control;
	c->zkc = zkc;
	c->config = config_get(config);
	c->broker_id = broker_id;
	c->ports = *ports;
	c->known = -1;
	c->push = push_new();
	ctl_context_init(&c->ctx);
	sys_random(&c->ctx.seed, sizeof c->ctx.seed);
	list_init(&c->events);
	fiber_event_init(&c->first_election);
	fiber_event_init(&c->stopped);
	fiber_event_init(&c->senders_ended);
	c->session = (struct zkc_listener){ .on_expired = on_expired, .on_session = on_session };
	return c;
}

void controller_start(struct controller *c)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	must(!c->worker);
	zkc_listen(c->zkc, &c->session);
	c->watch_controller = ctl_watch_new(c, znode_path(ZNODE_CONTROLLER), false, "ControllerChange",
					    reelect);
	ctl_enqueue(c, ctl_event_new("Startup", reelect));
	c->worker = fiber_start(c->control, "controller", worker_run, c);
	must(c->worker != NULL);
	fiber_wait(c->control, &c->first_election);
}

void controller_stop(struct controller *c)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	c->stopping = true;
	drop_events(c);
	if (c->worker && c->worker_waits)
		fiber_resume(c->worker);
	if (c->worker && !fiber_wait_ms(c->control, &c->stopped, CTL_STOP_MS)) {
		/* In the middle of something long: what is left undone is for the next controller. */
		zkc_shut(c->zkc);
		fiber_wait(c->control, &c->stopped);
	}
	resign(c);
	forget(c);
	if (c->senders > 0)
		fiber_wait(c->control, &c->senders_ended);
	zkc_unlisten(c->zkc, &c->session);
	ctl_watch_free(c, c->watch_controller);
	c->watch_controller = NULL;
}

void controller_free(struct controller *c)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	must(!c->active && c->stopping);
	drop_events(c);
	push_free(c->push);
	config_put(c->config);
	FREE_OBJ(c);
}

bool controller_is_active(const struct controller *c)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	return c->active;
}
