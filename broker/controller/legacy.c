/* legacy.c - elections and reassignments that old tools ask for by znode: /admin/preferred_replica_election
 * and /admin/reassign_partitions. Both are done or refused at once, and taken away. Facts:
 * KafkaController.processReplicaLeaderElection and processZkPartitionReassignment of 3.9; contract: zk_schema
 * rows 13 and 14. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

static struct ctl_partition *find(const struct controller *c, const struct znode_partition *named)
{
	struct ctl_topic *t = ctl_topic(&c->ctx, named->topic);
	return t && !t->deleting ? ctl_partition(t, named->partition) : NULL;
}

/* Hands the node's partitions to `each`, takes the node away and watches for the next one. 3.9 takes it away
 * even when there is none. */
static void take_requests(struct controller *c, enum znode row,
			  int (*decode)(struct arena *a, struct slice json, struct znode_partitions *out,
					struct znode_why *why),
			  void (*act)(struct controller *c, const struct znode_partitions *asked))
{
	const char *path = znode_path(row);
	struct zk_req req;
	struct arena arena;
	struct znode_partitions asked;
	struct znode_why why;
	bool next;
	arena_init(&arena, CTL_ARENA_BYTES);
	do {
		zk_req_get(&req, path, false);
		if (zkc_call(c->zkc, &req) == ZK_OK) {
			if (decode(&arena, req.data, &asked, &why) == 0)
				act(c, &asked);
			else
				log_error(CTL_LOGGER, "%s cannot be read: %s.", path, why.s);
		}
		zk_req_fini(&req);
		ctl_write(c, zk_op_delete(path, ZK_ANY_VERSION), &req);
		zk_req_fini(&req);
		zk_req_exists(&req, path, true);
		next = zkc_call(c->zkc, &req) == ZK_OK && c->active; /* written before the watch was set */
		zk_req_fini(&req);
		arena_reset(&arena);
	} while (next);
	arena_free(&arena);
}

/* ---- preferred leaders ---- */

static void elect_preferred(struct controller *c, const struct znode_partitions *asked)
{
	struct ctl_partitions ps = { 0 };
	for (unsigned i = 0; i < asked->n; i++)
		if (find(c, &asked->v[i]))
			ctl_partitions_add(&ps, find(c, &asked->v[i]));
	ctl_partitions_online(c, &ps, ELECT_PREFERRED);
	ctl_partitions_free(&ps);
}

void ctl_preferred_changed(struct controller *c, struct ctl_event *e)
{
	must(e != NULL);
	if (c->active)
		take_requests(c, ZNODE_PREFERRED_ELECTION, znode_partitions_decode, elect_preferred);
}

/* ---- reassignments ---- */

static bool is_as_asked(const struct ctl_partition *p, const struct znode_ints *replicas)
{
	bool same = (unsigned)p->n_replicas == replicas->n;
	for (unsigned i = 0; same && i < replicas->n; i++)
		same = p->replicas[i].broker == replicas->v[i];
	return same;
}

/* Replicas stay where they are: there is no other broker within reach that could take one. */
static void refuse_moves(struct controller *c, const struct znode_partitions *asked)
{
	for (unsigned i = 0; i < asked->n; i++) {
		const struct znode_partition *named = &asked->v[i];
		const struct ctl_partition *p = find(c, named);
		if (!p)
			log_warn(CTL_LOGGER, "[Controller id=%d] Failed reassignment through zk of %s-%d: "
				 "The partition does not exist.", c->broker_id, named->topic,
				 named->partition);
		else if (!is_as_asked(p, &named->replicas))
			log_warn(CTL_LOGGER, "[Controller id=%d] Failed reassignment through zk of %s-%d: "
				 "it names brokers that are not alive, or that this controller does not "
				 "serve.", c->broker_id, named->topic, named->partition);
	}
}

void ctl_reassign_changed(struct controller *c, struct ctl_event *e)
{
	must(e != NULL);
	if (c->active)
		take_requests(c, ZNODE_REASSIGN, znode_reassign_decode, refuse_moves);
}
