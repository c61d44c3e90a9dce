/* legacy.c - elections and reassignments that old tools ask for by znode: /admin/preferred_replica_election
 * is done at once and taken away; of /admin/reassign_partitions each row is taken out when its partition is
 * where it shall be, or cannot go there, and in the end the node. Facts:
 * KafkaController.processReplicaLeaderElection and processZkPartitionReassignment of 3.9; contract: zk_schema
 * rows 13 and 14. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <string.h>

static struct ctl_partition *find(const struct controller *c, const struct znode_partition *named)
{
	struct ctl_topic *t = ctl_topic(&c->ctx, named->topic);
	return t && !t->deleting ? ctl_partition(t, named->partition) : NULL;
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

/* Elects, takes the node away and watches for the next one. 3.9 takes it away even when there is none. */
void ctl_preferred_changed(struct controller *c, struct ctl_event *e)
{
	const char *path = znode_path(ZNODE_PREFERRED_ELECTION);
	struct zk_req req;
	struct arena arena;
	struct znode_partitions asked;
	struct znode_why why;
	must(e != NULL);
	arena_init(&arena, CTL_ARENA_BYTES);
	for (bool next = c->active; next;) {
		zk_req_get(&req, path, false);
		if (zkc_call(c->zkc, &req) == ZK_OK) {
			if (znode_partitions_decode(&arena, req.data, &asked, &why) == 0)
				elect_preferred(c, &asked);
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
	}
	arena_free(&arena);
}

/* ---- reassignments ---- */

static bool ids_equal(const struct ctl_ids *a, const struct znode_ints *b)
{
	return (unsigned)a->n == b->n && memcmp(a->v, b->v, b->n * sizeof *b->v) == 0;
}

/* Adds what the row asks for to the moves, unless the partition is on its way there already. False when it
 * cannot be done. */
static bool add_move(struct controller *c, const struct znode_partition *row, struct ctl_move *moves, int *n)
{
	struct ctl_partition *p = find(c, row);
	const char *problem = p ? ctl_move_problem(p, row->replicas.v, (int)row->replicas.n)
				: "The partition does not exist.";
	if (problem) {
		log_warn(CTL_LOGGER, "[Controller id=%d] Failed reassignment through zk of %s-%d: %s",
			 c->broker_id, row->topic, row->partition, problem);
		return false;
	}
	struct ctl_ids now = ctl_move_target(p);
	if (ctl_partition_is_moving(p) && ids_equal(&now, &row->replicas))
		return true;
	moves[*n] = (struct ctl_move){ .p = p, .target = { .n = (int)row->replicas.n } };
	memcpy(moves[(*n)++].target.v, row->replicas.v, row->replicas.n * sizeof *row->replicas.v);
	return true;
}

/* Writes the rows that are left over the version that was read; without any the node goes. */
static enum zk_err write_asked(struct controller *c, struct arena *arena, const struct znode_partitions *left,
			       int32_t version)
{
	const char *path = znode_path(ZNODE_REASSIGN);
	struct zk_req req;
	struct zk_op op = left->n > 0 ? zk_op_set(path, znode_reassign_encode(arena, left), version)
				      : zk_op_delete(path, version);
	enum zk_err err = ctl_write(c, op, &req);
	zk_req_fini(&req);
	return err;
}

/* Whether the node is there; watched for its coming, or its end. */
static bool look_for_asked(struct controller *c)
{
	struct zk_req req;
	zk_req_exists(&req, znode_path(ZNODE_REASSIGN), true);
	bool there = zkc_call(c->zkc, &req) == ZK_OK;
	zk_req_fini(&req);
	return there;
}

/* Reads the node; false when it is not there. One that cannot be read is taken as empty. */
static bool read_asked(struct controller *c, struct arena *arena, struct znode_partitions *asked,
		       int32_t *version)
{
	struct zk_req req;
	struct znode_why why;
	*asked = (struct znode_partitions){ 0 };
	if (!look_for_asked(c))
		return false;
	zk_req_get(&req, znode_path(ZNODE_REASSIGN), false);
	bool there = zkc_call(c->zkc, &req) == ZK_OK;
	*version = req.stat.version;
	if (there && znode_reassign_decode(arena, req.data, asked, &why) != 0) {
		log_error(CTL_LOGGER, "%s cannot be read: %s.", znode_path(ZNODE_REASSIGN), why.s);
		asked->n = 0;
	}
	zk_req_fini(&req);
	return there;
}

/* Starts what can be done and takes out what cannot. Moves that end at once have taken their rows out
 * themselves. False: the node has changed in between. */
static bool take_asked(struct controller *c, struct arena *arena)
{
	struct znode_partitions asked, left = { 0 };
	int32_t version;
	if (!read_asked(c, arena, &asked, &version))
		return true;
	struct ctl_move *moves = arena_array(arena, asked.n, sizeof *moves);
	left.v = arena_array(arena, asked.n, sizeof *left.v);
	must(moves && left.v);
	int n = 0;
	for (unsigned i = 0; i < asked.n; i++)
		if (add_move(c, &asked.v[i], moves, &n))
			left.v[left.n++] = asked.v[i];
	ctl_move(c, moves, n);
	return !c->active || (left.n == asked.n && asked.n > 0) ||
	       write_asked(c, arena, &left, version) != ZK_BADVERSION;
}

void ctl_reassign_changed(struct controller *c, struct ctl_event *e)
{
	struct arena arena;
	must(e != NULL);
	arena_init(&arena, CTL_ARENA_BYTES);
	while (c->active && !take_asked(c, &arena))
		arena_reset(&arena);
	arena_free(&arena);
}

static int compare_row(const void *row, const void *move)
{
	const struct znode_partition *named = row;
	const struct ctl_partition *p = ((const struct ctl_move *)move)->p;
	int order = strcmp(named->topic, p->topic->name);
	return order ? order : order_of(named->partition, p->index);
}

void ctl_moves_asked_forget(struct controller *c, const struct ctl_move *moves, int n)
{
	struct znode_partitions asked;
	struct arena arena;
	int32_t version;
	enum zk_err err = ZK_OK;
	arena_init(&arena, CTL_ARENA_BYTES);
	do {
		if (!read_asked(c, &arena, &asked, &version))
			break;
		struct znode_partitions left = { asked.v, 0 };
		for (unsigned i = 0; i < asked.n; i++)
			if (!order_find(&asked.v[i], moves, (size_t)n, sizeof *moves, compare_row))
				left.v[left.n++] = asked.v[i];
		if (left.n < asked.n)
			err = write_asked(c, &arena, &left, version);
		arena_reset(&arena);
	} while (err == ZK_BADVERSION && c->active);
	arena_free(&arena);
}
