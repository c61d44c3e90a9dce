/* failed_dirs.c - log directories that fail under a living broker.  The broker writes a notification; it is
 * told again what its replicas are, answers KAFKA_STORAGE_ERROR for those whose disk has failed, and these go
 * offline as if it had gone. Facts: KafkaController.processLogDirEventNotification and
 * processLeaderAndIsrResponseReceived of 3.9; contract: zk_schema row 16. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

void ctl_replicas_failed(struct controller *c, struct ctl_event *e)
{
	struct ctl_partitions failed = { 0 };
	for (int i = 0; c->active && i < e->n_answers; i++) {
		struct ctl_topic *t = ctl_topic(&c->ctx, e->answers[i].topic);
		struct ctl_partition *p = t ? ctl_partition(t, e->answers[i].partition) : NULL;
		struct ctl_replica *r = p ? ctl_replica(p, e->broker) : NULL;
		if (!r || r->failed_dir)
			continue;
		r->failed_dir = true;
		ctl_partitions_add(&failed, p);
	}
	if (failed.n > 0)
		log_warn(CTL_LOGGER, "[Controller id=%d] %d replicas of broker %d are offline: their log "
			 "directory has failed.", c->broker_id, failed.n, e->broker);
	ctl_replicas_went(c, e->broker, &failed);
	ctl_partitions_free(&failed);
}

static void ask_replicas(struct controller *c, int32_t broker)
{
	struct ctl_partitions on = ctl_partitions_on(c, broker);
	for (int i = 0; i < on.n && ctl_is_live(&c->ctx, broker); i++)
		if (on.v[i]->has_leadership && ctl_replica(on.v[i], broker)->state == REPLICA_ONLINE)
			push_leader_and_isr(c, broker, on.v[i], false);
	ctl_partitions_free(&on);
}

/* Asks the broker that the notification names, and takes the notification away. */
static void take_notification(struct controller *c, const char *path)
{
	struct zk_req req;
	struct znode_why why;
	int32_t broker;
	zk_req_get(&req, path, false);
	if (zkc_call(c->zkc, &req) == ZK_OK) {
		if (znode_log_dir_event_decode(req.data, &broker, &why) == 0)
			ask_replicas(c, broker);
		else
			log_error(CTL_LOGGER, "%s cannot be read: %s.", path, why.s);
	}
	zk_req_fini(&req);
	ctl_write(c, zk_op_delete(path, ZK_ANY_VERSION), &req);
	zk_req_fini(&req);
}

void ctl_log_dirs_changed(struct controller *c, struct ctl_event *e)
{
	struct zk_req req;
	struct arena arena;
	must(e != NULL);
	if (!c->active)
		return;
	arena_init(&arena, CTL_ARENA_BYTES);
	zk_req_children(&req, znode_path(ZNODE_LOG_DIR_EVENTS), true);
	enum zk_err err = zkc_call(c->zkc, &req);
	for (unsigned i = 0; err == ZK_OK && c->active && i < req.n_children; i++) {
		const char *path = znode_child_path(&arena, ZNODE_LOG_DIR_EVENTS, req.children[i]);
		must(path != NULL);
		take_notification(c, path);
	}
	zk_req_fini(&req);
	arena_free(&arena);
}
