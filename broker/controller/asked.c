/* asked.c - what admins ask the active controller for, by request: elections, and moves of replicas.
 *
 * A request waits in its fiber while the event fiber does the work, in the order of all events; when this
 * controller resigns first, the answer is NOT_CONTROLLER. Facts:
 * KafkaController.processReplicaLeaderElection, processApiPartitionReassignment and
 * processListPartitionReassignments of 3.9; contract: coordination, sections 3 and 8. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

#include <string.h>

#define NO_PARTITION "The partition does not exist."

struct ctl_ask {
	struct controller_asked *v;
	int32_t n;
	struct arena *arena;
	bool unclean;
	struct controller_move *moves; /* those under way */
	int32_t n_moves;
	enum kerr error;               /* of the whole */
	struct fiber_event answered;
};

void ctl_ask_answered(struct ctl_ask *ask)
{
	fiber_event_set(&ask->answered);
}

static enum kerr ask(struct controller *c, struct ctl_ask *ask, const char *name,
		     void (*run)(struct controller *c, struct ctl_event *e))
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	must(fiber_self(c->control));
	ask->error = KERR_NOT_CONTROLLER;
	if (!c->active)
		return ask->error;
	fiber_event_init(&ask->answered);
	struct ctl_event *e = ctl_event_new(name, run);
	e->ask = ask;
	ctl_enqueue(c, e);
	fiber_wait(c->control, &ask->answered);
	return ask->error;
}

static struct ctl_partition *find(const struct controller *c, const struct controller_asked *one)
{
	struct ctl_topic *t = slice_is_null(one->topic) ? NULL : ctl_topic_named(&c->ctx, one->topic);
	return t ? ctl_partition(t, one->partition) : NULL;
}

static void refuse(struct controller_asked *one, enum kerr error, const char *why)
{
	one->error = error;
	one->why = why;
}

/* ---- elections ---- */

static bool is_led(const struct controller *c, const struct ctl_partition *p, bool unclean)
{
	if (!p->has_leadership || p->lead.leader == CTL_NO_LEADER)
		return false;
	return unclean ? ctl_is_registered(&c->ctx, p->lead.leader)
		       : p->n_replicas > 0 && p->lead.leader == p->replicas[0].broker;
}

static void check_election(const struct controller *c, struct ctl_partition *p, bool unclean,
			   struct controller_asked *one, struct ctl_partitions *to_elect)
{
	if (!p)
		refuse(one, KERR_UNKNOWN_TOPIC_OR_PARTITION, NO_PARTITION);
	else if (p->topic->deleting)
		refuse(one, KERR_INVALID_TOPIC_EXCEPTION, "The topic is being deleted");
	else if (is_led(c, p, unclean))
		refuse(one, KERR_ELECTION_NOT_NEEDED, "The partition has the leader that it should have.");
	else
		ctl_partitions_add(to_elect, p);
}

static void run_elections(struct controller *c, struct ctl_event *e)
{
	struct ctl_ask *ask = e->ask;
	struct ctl_partitions to_elect = { 0 };
	if (!c->active)
		return;
	for (int32_t i = 0; i < ask->n; i++)
		check_election(c, find(c, &ask->v[i]), ask->unclean, &ask->v[i], &to_elect);
	ctl_partitions_online(c, &to_elect, ask->unclean ? ELECT_UNCLEAN : ELECT_PREFERRED);
	ctl_partitions_free(&to_elect);
	if (!c->active)
		return;
	for (int32_t i = 0; i < ask->n; i++) {
		struct controller_asked *one = &ask->v[i];
		if (one->error)
			continue;
		const struct ctl_partition *p = find(c, one);
		if (is_led(c, p, ask->unclean))
			one->leader = p->lead.leader;
		else if (ask->unclean)
			refuse(one, KERR_ELIGIBLE_LEADERS_NOT_AVAILABLE, "No replica of it is alive.");
		else
			refuse(one, KERR_PREFERRED_LEADER_NOT_AVAILABLE,
			       "Its first replica is not alive, or not in sync.");
	}
	ask->error = KERR_NONE;
}

enum kerr controller_elect(struct controller *c, bool unclean, struct controller_asked *v, int32_t n)
{
	struct ctl_ask question = { .v = v, .n = n, .unclean = unclean };
	return ask(c, &question, "ReplicaLeaderElection", run_elections);
}

/* ---- moves ---- */

static const char *dead_broker(const struct controller *c, struct ctl_partition *p,
			       const struct controller_asked *one, struct arena *arena)
{
	for (int32_t i = 0; i < one->n_target; i++) {
		struct ctl_replica *now = p ? ctl_replica(p, one->target[i]) : NULL;
		if ((!now || now->adding) && !ctl_is_live(&c->ctx, one->target[i]))
			return arena_printf(arena, "Replica assignment has brokers that are not alive: %d.",
					    one->target[i]);
	}
	return NULL;
}

/* The move that is asked for; false when it cannot be. */
static bool check_move(const struct controller *c, struct controller_asked *one, struct arena *arena,
		       struct ctl_move *move)
{
	struct ctl_partition *p = find(c, one);
	bool back = one->n_target < 0;
	const char *problem = back ? NULL : ctl_move_problem(p, one->target, one->n_target);
	if (!problem)
		problem = dead_broker(c, p, one, arena);
	if (problem) {
		refuse(one, KERR_INVALID_REPLICA_ASSIGNMENT, problem);
	} else if (back && (!p || !ctl_partition_is_moving(p))) {
		refuse(one, KERR_NO_REASSIGNMENT_IN_PROGRESS, "No reassignment of it is under way.");
	} else if (!p || p->topic->deleting) {
		refuse(one, KERR_UNKNOWN_TOPIC_OR_PARTITION, NO_PARTITION);
	} else {
		*move = (struct ctl_move){ .p = p, .asked = one };
		move->target = ctl_move_origin(p);
		if (!back) {
			move->target.n = one->n_target;
			memcpy(move->target.v, one->target, (size_t)one->n_target * sizeof *one->target);
		}
		return true;
	}
	return false;
}

static void run_moves(struct controller *c, struct ctl_event *e)
{
	struct ctl_ask *ask = e->ask;
	if (!c->active)
		return;
	struct ctl_move *moves = mem_alloc((size_t)ask->n * sizeof *moves);
	int n = 0;
	for (int32_t i = 0; i < ask->n; i++)
		n += check_move(c, &ask->v[i], ask->arena, &moves[n]);
	n = ctl_move(c, moves, n);
	for (int i = 0; i < n; i++)
		if (moves[i].err != ZK_OK)
			refuse(moves[i].asked, KERR_UNKNOWN_SERVER_ERROR, zk_err_text(moves[i].err));
	free(moves);
	if (c->active)
		ask->error = KERR_NONE;
}

enum kerr controller_reassign(struct controller *c, struct controller_asked *v, int32_t n,
			      struct arena *arena)
{
	struct ctl_ask question = { .v = v, .n = n, .arena = arena };
	return ask(c, &question, "ApiPartitionReassignment", run_moves);
}

/* ---- what is under way ---- */

static void tell(struct ctl_ask *ask, const struct ctl_partition *p)
{
	struct controller_move *m = &ask->moves[ask->n_moves];
	int32_t *ids = arena_array(ask->arena, 3 * (size_t)p->n_replicas, sizeof *ids);
	const char *topic = arena_strdup(ask->arena, slice_str(p->topic->name));
	if (!ids || !topic)
		return;
	*m = (struct controller_move){ .topic = topic, .partition = p->index, .replicas = ids,
				       .adding = ids + p->n_replicas, .removing = ids + 2 * p->n_replicas };
	for (int i = 0; i < p->n_replicas; i++) {
		const struct ctl_replica *r = &p->replicas[i];
		m->replicas[m->n_replicas++] = r->broker;
		if (r->adding)
			m->adding[m->n_adding++] = r->broker;
		if (r->removing)
			m->removing[m->n_removing++] = r->broker;
	}
	ask->n_moves++;
}

static void run_list(struct controller *c, struct ctl_event *e)
{
	struct ctl_ask *ask = e->ask;
	size_t all = 0;
	if (!c->active)
		return;
	list_for_each(it, &c->ctx.moving)
		all++;
	ask->moves = arena_array(ask->arena, ask->v ? (size_t)ask->n : all, sizeof *ask->moves);
	ask->error = ask->moves ? KERR_NONE : KERR_UNKNOWN_SERVER_ERROR;
	if (!ask->moves)
		return;
	for (int32_t i = 0; ask->v && i < ask->n; i++) {
		const struct ctl_partition *p = find(c, &ask->v[i]);
		if (p && ctl_partition_is_moving(p))
			tell(ask, p);
	}
	if (!ask->v)
		list_for_each(it, &c->ctx.moving)
			tell(ask, list_entry(it, struct ctl_partition, moving));
}

enum kerr controller_moves(struct controller *c, struct controller_asked *v, int32_t n, struct arena *arena,
			   struct controller_move **out, int32_t *n_out)
{
	struct ctl_ask question = { .v = v, .n = n, .arena = arena };
	enum kerr error = ask(c, &question, "ListPartitionReassignments", run_list);
	*out = question.moves;
	*n_out = question.n_moves;
	return error;
}
