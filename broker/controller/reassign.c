/* reassign.c - replicas that move (KIP-455).
 *
 * A partition on its way has its target first among its replicas, then those that will go; each replica knows
 * whether it comes (adding) or goes (removing). The topic's znode says the same, so that the next controller
 * goes on with it.
 *
 *	settled --asked--> moving --the target is in sync--> settled, with the target alone
 *	                    |  ^
 *	                    +--+ another target, or the one before: what is wanted no more goes at once
 *
 * Facts: KafkaController.onPartitionReassignment and ReplicaAssignment of 3.9; contract: coordination,
 * section 8. The steps have the names that they have there. Unlike 3.9 a topic's znode is written over the
 * version that was read: partitions that somebody adds meanwhile are not lost.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <string.h>

/* ---- where replicas shall be ---- */

static const struct ctl_replica *find(const struct ctl_replica *v, int n, int32_t broker)
{
	for (int i = 0; i < n; i++)
		if (v[i].broker == broker)
			return &v[i];
	return NULL;
}

/* The replicas of a partition on its way to `target`, into `out` of 2 * CTL_REPLICAS_MAX; how many. */
static int place(const struct ctl_partition *p, const struct ctl_ids *target, struct ctl_replica *out)
{
	int n = 0;
	for (int i = 0; i < target->n; i++, n++) {
		const struct ctl_replica *now = find(p->replicas, p->n_replicas, target->v[i]);
		out[n] = now ? *now : (struct ctl_replica){ .broker = target->v[i], .adding = true };
		out[n].removing = false;
	}
	for (int i = 0; i < p->n_replicas; i++)
		if (!p->replicas[i].adding && !ctl_ids_has(target, p->replicas[i].broker)) {
			out[n] = p->replicas[i];
			out[n++].removing = true;
		}
	return n;
}

struct ctl_ids ctl_move_target(const struct ctl_partition *p)
{
	struct ctl_ids target = { 0 };
	for (int i = 0; i < p->n_replicas; i++)
		if (!p->replicas[i].removing)
			target.v[target.n++] = p->replicas[i].broker;
	return target;
}

struct ctl_ids ctl_move_origin(const struct ctl_partition *p)
{
	struct ctl_ids origin = { 0 };
	for (int i = 0; i < p->n_replicas; i++)
		if (!p->replicas[i].adding)
			origin.v[origin.n++] = p->replicas[i].broker;
	return origin;
}

const char *ctl_move_problem(const struct ctl_partition *p, const int32_t *ids, int n)
{
	if (n == 0)
		return "The list of replicas is empty.";
	for (int i = 0; i < n; i++) {
		if (ids[i] < 0)
			return "The list of replicas has a negative broker id.";
		for (int k = 0; k < i && k <= CTL_REPLICAS_MAX; k++)
			if (ids[i] == ids[k])
				return "The list of replicas names a broker twice.";
		if (i >= CTL_REPLICAS_MAX)
			return "The list of replicas is longer than CTL_REPLICAS_MAX.";
	}
	int together = n;
	for (int i = 0; p && i < p->n_replicas; i++) {
		bool stays = false;
		for (int k = 0; k < n && !stays; k++)
			stays = ids[k] == p->replicas[i].broker;
		together += !stays;
	}
	return together > CTL_REPLICAS_MAX ? "Old and new replicas are more than CTL_REPLICAS_MAX." : NULL;
}

static bool has_arrived(const struct ctl_partition *p)
{
	for (int i = 0; ctl_partition_is_moving(p) && i < p->n_replicas; i++)
		if (!p->replicas[i].removing && !ctl_ids_has(&p->lead.isr, p->replicas[i].broker))
			return false;
	return true;
}

/* ---- topics' znodes ---- */

static bool is_as_placed(const struct ctl_partition *p, const struct ctl_replica *v, int n)
{
	bool same = n == p->n_replicas;
	for (int i = 0; same && i < n; i++)
		same = v[i].broker == p->replicas[i].broker && v[i].adding == p->replicas[i].adding &&
		       v[i].removing == p->replicas[i].removing;
	return same;
}

static void fill_row(struct arena *a, const struct ctl_replica *v, int n, struct znode_replicas *row)
{
	int32_t *ids = arena_array(a, 3 * (size_t)n, sizeof *ids);
	must(ids != NULL);
	row->replicas = (struct znode_ints){ ids, 0 };
	row->adding = (struct znode_ints){ ids + n, 0 };
	row->removing = (struct znode_ints){ ids + 2 * n, 0 };
	for (int i = 0; i < n; i++) {
		row->replicas.v[row->replicas.n++] = v[i].broker;
		if (v[i].adding)
			row->adding.v[row->adding.n++] = v[i].broker;
		if (v[i].removing)
			row->removing.v[row->removing.n++] = v[i].broker;
	}
}

static int compare_partition(const void *partition, const void *row)
{
	return order_of(*(const int32_t *)partition, ((const struct znode_replicas *)row)->partition);
}

static struct znode_replicas *row_of(struct znode_topic *z, int32_t partition)
{
	return order_find(&partition, z->partitions, z->n_partitions, sizeof *z->partitions,
			  compare_partition);
}

/* Puts the moves of one topic into what its znode says now; whether anything changes. */
static bool fill_topic(struct arena *a, struct ctl_move *moves, int n, struct znode_topic *z)
{
	struct ctl_replica to[2 * CTL_REPLICAS_MAX];
	bool changes = false;
	for (int i = 0; i < n; i++) {
		struct ctl_partition *p = moves[i].p;
		struct znode_replicas *row = row_of(z, p->index);
		int count = place(p, &moves[i].target, to);
		if (!row || (!moves[i].arrived && is_as_placed(p, to, count)))
			continue;
		changes = true;
		if (moves[i].arrived)
			fill_row(a, p->replicas, p->n_replicas, row);
		else
			fill_row(a, to, count, row);
	}
	return changes;
}

/* U1 and B6: the moves of one topic, written over what was read. */
static enum zk_err write_topic(struct controller *c, struct ctl_move *moves, int n)
{
	struct znode_path path = znode_topic_path(moves[0].p->topic->name);
	enum zk_err err;
	do {
		struct arena arena;
		struct zk_req req, set;
		struct znode_topic z;
		struct znode_why why;
		arena_init(&arena, CTL_ARENA_BYTES);
		zk_req_get(&req, path.s, false);
		err = zkc_call(c->zkc, &req);
		if (err == ZK_OK && znode_topic_decode(&arena, req.data, &z, &why) != 0)
			err = ZK_MARSHALLING;
		if (err == ZK_OK && fill_topic(&arena, moves, n, &z)) {
			struct slice json = znode_topic_encode(&arena, &z);
			err = ctl_write(c, zk_op_set(path.s, json, req.stat.version), &set);
			zk_req_fini(&set);
		}
		zk_req_fini(&req);
		arena_free(&arena);
	} while (err == ZK_BADVERSION && c->active);
	return err;
}

static int compare_moves(const void *a, const void *b)
{
	const struct ctl_move *x = a, *y = b;
	int order = strcmp(x->p->topic->name, y->p->topic->name);
	return order ? order : order_of(x->p->index, y->p->index);
}

/* Sorted, and each partition once; how many are left. */
static int sort_moves(struct ctl_move *moves, int n)
{
	int kept = 0;
	order_sort(moves, (size_t)n, sizeof *moves, compare_moves);
	for (int i = 1; i < n; i++)
		if (moves[i].p != moves[kept].p)
			moves[++kept] = moves[i];
	return kept + 1;
}

/* Writes the topics of all moves; what is wrong with a topic is wrong with each of its moves. */
static void write_topics(struct controller *c, struct ctl_move *moves, int n)
{
	for (int at = 0, count; at < n; at += count) {
		count = 1;
		while (at + count < n && moves[at + count].p->topic == moves[at].p->topic)
			count++;
		enum zk_err err = c->active ? write_topic(c, moves + at, count) : ZK_FENCED;
		if (err != ZK_OK)
			log_error(CTL_LOGGER, "[Controller id=%d] Where the replicas of %s shall be could "
				  "not be written: %s.", c->broker_id, moves[at].p->topic->name,
				  zk_err_text(err));
		for (int i = at; i < at + count; i++)
			moves[i].err = err;
	}
}

/* ---- steps of one partition ---- */

static void drop_replicas(struct controller *c, struct ctl_partition *p, const struct ctl_ids *gone)
{
	for (int i = 0; c->active && i < gone->n; i++)
		ctl_replica_drop(c, p, gone->v[i]);
}

/* U2: known to this controller, too; replicas that an earlier target wanted go. */
static void begin(struct controller *c, struct ctl_move *m)
{
	struct ctl_partition *p = m->p;
	struct ctl_replica to[2 * CTL_REPLICAS_MAX];
	struct ctl_ids gone = { 0 };
	int n = place(p, &m->target, to);
	for (int i = 0; i < p->n_replicas; i++)
		if (!find(to, n, p->replicas[i].broker))
			gone.v[gone.n++] = p->replicas[i].broker;
	ctl_partition_place(&c->ctx, p, to, n);
	drop_replicas(c, p, &gone);
}

/* A1, A2: everybody learns of it, and those that come begin to copy. Where nobody has led yet one of them may
 * be the first. */
static void set_out(struct controller *c, struct ctl_partition *p)
{
	struct ctl_partitions one = { &p, 1, 1 };
	log_info(CTL_LOGGER, "[Controller id=%d] Replicas of %s-%d move; the target is not in sync yet.",
		 c->broker_id, p->topic->name, p->index);
	if (p->has_leadership)
		ctl_new_epoch(c, p);
	for (int i = 0; c->active && i < p->n_replicas; i++)
		if (p->replicas[i].adding && p->replicas[i].state == REPLICA_NONEXISTENT)
			ctl_replicas_to(c, &one, p->replicas[i].broker, REPLICA_NEW);
	if (c->active && !p->has_leadership)
		ctl_partitions_online(c, &one, ELECT_OFFLINE);
}

/* B3: the leader is one of those that stay. */
static void settle_leader(struct controller *c, struct ctl_partition *p)
{
	struct ctl_partitions one = { &p, 1, 1 };
	const struct ctl_replica *leader = p->has_leadership ? ctl_replica(p, p->lead.leader) : NULL;
	if (leader && ctl_replica_is_online(&c->ctx, leader))
		ctl_new_epoch(c, p);
	else
		ctl_partitions_online(c, &one, p->has_leadership ? ELECT_MOVED : ELECT_OFFLINE);
}

/* B1 to B5: the target is in sync and is all that stays. */
static void arrive(struct controller *c, struct ctl_move *m)
{
	struct ctl_partition *p = m->p;
	struct ctl_partitions one = { &p, 1, 1 };
	struct ctl_replica stay[CTL_REPLICAS_MAX];
	struct ctl_ids gone = { 0 };
	int n = 0;
	for (int i = 0; c->active && i < p->n_replicas; i++)
		if (p->replicas[i].adding)
			ctl_replicas_to(c, &one, p->replicas[i].broker, REPLICA_ONLINE);
	for (int i = 0; i < p->n_replicas; i++)
		if (p->replicas[i].removing) {
			gone.v[gone.n++] = p->replicas[i].broker;
		} else {
			stay[n] = p->replicas[i];
			stay[n++].adding = false;
		}
	ctl_partition_place(&c->ctx, p, stay, n);
	settle_leader(c, p);
	drop_replicas(c, p, &gone);
	m->arrived = true;
}

/* ---- the whole ---- */

/* B6 to B8. */
static void finish(struct controller *c, struct ctl_move *moves, int n)
{
	struct ctl_move *arrived = mem_alloc((size_t)n * sizeof *arrived);
	int count = 0;
	for (int i = 0; i < n; i++)
		if (moves[i].arrived)
			arrived[count++] = moves[i];
	if (count > 0) {
		write_topics(c, arrived, count);
		ctl_moves_asked_forget(c, arrived, count);
	}
	for (int i = 0; c->active && i < count; i++) {
		log_info(CTL_LOGGER, "[Controller id=%d] The replicas of %s-%d are where they shall be.",
			 c->broker_id, arrived[i].p->topic->name, arrived[i].p->index);
		push_metadata(c, arrived[i].p);
	}
	free(arrived);
	if (count > 0)
		ctl_resume_deletions(c);
}

int ctl_move(struct controller *c, struct ctl_move *moves, int n)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	if (n == 0)
		return 0;
	n = sort_moves(moves, n);
	write_topics(c, moves, n);
	for (int i = 0; c->active && i < n; i++) {
		if (moves[i].err != ZK_OK)
			continue;
		begin(c, &moves[i]);
		if (!has_arrived(moves[i].p))
			set_out(c, moves[i].p);
		if (c->active && has_arrived(moves[i].p))
			arrive(c, &moves[i]);
	}
	if (c->active)
		finish(c, moves, n);
	return n;
}

static bool waits_for(const struct ctl_partition *p, int32_t broker)
{
	struct ctl_ids target = ctl_move_target(p);
	return broker < 0 || ctl_ids_has(&target, broker);
}

/* Those under way that wait for the broker (-1: all); with `arrived`, those that have arrived. */
static void resume(struct controller *c, int32_t broker, bool arrived)
{
	struct ctl_move *moves = NULL;
	int n = 0, room = 0;
	list_for_each(it, &c->ctx.moving) {
		struct ctl_partition *p = list_entry(it, struct ctl_partition, moving);
		if (!waits_for(p, broker) || (arrived && !has_arrived(p)))
			continue;
		if (n == room) {
			room = room ? 2 * room : 16;
			moves = mem_realloc(moves, (size_t)room * sizeof *moves);
		}
		moves[n++] = (struct ctl_move){ .p = p, .target = ctl_move_target(p) };
	}
	ctl_move(c, moves, n);
	free(moves);
}

void ctl_moves_resume(struct controller *c, int32_t broker)
{
	resume(c, broker, false);
}

void ctl_moves_resumed(struct controller *c, struct ctl_event *e)
{
	must(e != NULL);
	if (c->active)
		resume(c, -1, false);
}

void ctl_moves_arrived(struct controller *c, struct ctl_event *e)
{
	must(e != NULL);
	if (c->active)
		resume(c, -1, true);
}
