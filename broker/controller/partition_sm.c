/* partition_sm.c - the partition state machine, and its writes to the state znodes.
 *
 *	NonExistent --topic seen--> New --first leader written--> Online <--leader lost, found--> Offline
 *	Offline --deleted--> NonExistent
 *
 * Facts: kafka.controller.ZkPartitionStateMachine of 3.9.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

#include <string.h>

void ctl_partitions_add(struct ctl_partitions *ps, struct ctl_partition *p)
{
	if (ps->n == ps->room) {
		ps->room = ps->room ? ps->room * 2 : 16;
		ps->v = mem_realloc(ps->v, (size_t)ps->room * sizeof *ps->v);
	}
	ps->v[ps->n++] = p;
}

void ctl_partitions_free(struct ctl_partitions *ps)
{
	free(ps->v);
	*ps = (struct ctl_partitions){ 0 };
}

static bool is_legal(enum ctl_partition_state from, enum ctl_partition_state to)
{
	static const bool legal[4][4] = {
		/* to:              NonExistent New    Online Offline */
		[PARTITION_NONEXISTENT] = { false, true, false, false },
		[PARTITION_NEW] = { false, false, true, true },
		[PARTITION_ONLINE] = { false, false, true, true },
		[PARTITION_OFFLINE] = { true, false, true, true },
	};
	return legal[from][to];
}

static bool set_state(struct ctl_partition *p, enum ctl_partition_state to)
{
	if (!is_legal(p->state, to)) {
		log_error(CTL_STATE_LOGGER, "Partition %s-%d cannot go from %s to %s.", p->topic->name,
			  p->index, ctl_partition_state_name(p->state), ctl_partition_state_name(to));
		return false;
	}
	p->state = to;
	return true;
}

void ctl_partitions_set(struct controller *c, const struct ctl_partitions *ps, enum ctl_partition_state to)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	for (int i = 0; i < ps->n; i++)
		set_state(ps->v[i], to);
}

/* ---- state znodes ---- */

static struct slice encode(struct arena *a, const struct ctl_leadership *lead)
{
	struct znode_state state = {
		.leader = lead->leader, .leader_epoch = lead->leader_epoch,
		.controller_epoch = lead->controller_epoch,
		.isr = { (int32_t *)lead->isr.v, (unsigned)lead->isr.n }, .recovering = lead->recovering,
	};
	return znode_state_encode(a, &state);
}

/* The leadership of a partition that has none yet; false when no replica is live. */
static bool first_leadership(struct controller *c, const struct ctl_partition *p, struct ctl_leadership *out)
{
	struct election e = elect_first(&c->ctx, p);
	*out = (struct ctl_leadership){ .leader = e.leader, .controller_epoch = c->epoch, .isr = e.isr };
	if (!e.found)
		log_error(CTL_STATE_LOGGER, "Partition %s-%d stays new: none of its replicas is live.",
			  p->topic->name, p->index);
	return e.found;
}

enum make_step { MAKE_PARENT, MAKE_PARTITION, MAKE_STATE, MAKE_STEPS };

/* One step of making many partitions: a create for each, pipelined. False when one was fenced. */
static bool create_all(struct controller *c, struct zk_req *reqs, size_t n, enum make_step step)
{
	bool going = ctl_write_all(c, reqs, n);
	for (size_t i = 0; going && step != MAKE_STATE && i < n; i++)
		if (reqs[i].err != ZK_OK && reqs[i].err != ZK_NODEEXISTS)
			log_error(CTL_STATE_LOGGER, "A partition's znode could not be made: %s.",
				  zk_err_text(reqs[i].err));
	return going;
}

struct making {
	struct ctl_partition *p;
	struct ctl_leadership lead;
	struct znode_path path;
};

/* Makes the znodes of new partitions in the order of 3.9: the topic's "partitions", each "partitions/p", each
 * state. */
static bool make_znodes(struct controller *c, struct making *new, int n, struct zk_req *states)
{
	struct zk_req *reqs = mem_zalloc((size_t)n * sizeof *reqs);
	struct arena arena;
	bool going = true;
	arena_init(&arena, CTL_ARENA_BYTES);
	for (enum make_step step = MAKE_PARENT; going && step < MAKE_STEPS; step++) {
		struct zk_req *now = step == MAKE_STATE ? states : reqs;
		size_t k = 0;
		for (int i = 0; i < n; i++) {
			const char *topic = new[i].p->topic->name;
			if (step == MAKE_PARENT && i > 0 && new[i - 1].p->topic == new[i].p->topic)
				continue;
			new[i].path = step == MAKE_PARENT ? znode_partitions_path(topic)
				    : step == MAKE_PARTITION ? znode_partition_path(topic, new[i].p->index)
							     : znode_state_path(topic, new[i].p->index);
			struct slice data = step == MAKE_STATE ? encode(&arena, &new[i].lead) : SLICE_NULL;
			zk_req_write(&now[k++], zk_op_create(new[i].path.s, data, ZK_PERSISTENT));
		}
		going = create_all(c, now, k, step);
		for (size_t i = 0; now == reqs && i < k; i++)
			zk_req_fini(&now[i]);
	}
	arena_free(&arena);
	free(reqs);
	return going;
}

/* After a version clash: what the znode says now. False when a newer controller wrote it. */
static bool reread(struct controller *c, struct ctl_partition *p)
{
	struct znode_path path = znode_state_path(p->topic->name, p->index);
	struct znode_state state;
	struct znode_why why;
	struct zk_req req;
	struct arena arena;
	arena_init(&arena, CTL_ARENA_BYTES);
	zk_req_get(&req, path.s, false);
	bool fine = zkc_call(c->zkc, &req) == ZK_OK && znode_state_decode(&arena, req.data, &state,
		&why) == 0 && state.controller_epoch <= c->epoch && state.isr.n <= CTL_REPLICAS_MAX;
	if (fine) {
		p->lead = (struct ctl_leadership){ state.leader, state.leader_epoch, state.controller_epoch,
						   req.stat.version, state.recovering,
						   { .n = (int)state.isr.n } };
		memcpy(p->lead.isr.v, state.isr.v, state.isr.n * sizeof *state.isr.v);
	}
	zk_req_fini(&req);
	arena_free(&arena);
	return fine;
}

/* A state that is there already may be this controller's own, whose answer was lost with a connection. */
static bool is_made(struct controller *c, struct making *m, enum zk_err err)
{
	if (err == ZK_NODEEXISTS && reread(c, m->p) && m->p->lead.controller_epoch == c->epoch) {
		m->lead = m->p->lead;
		return true;
	}
	if (err != ZK_OK)
		log_error(CTL_STATE_LOGGER, "The state of %s-%d could not be made: %s.", m->p->topic->name,
			  m->p->index, zk_err_text(err));
	return err == ZK_OK;
}

static void came_online(struct controller *c, struct making *m)
{
	struct ctl_partition *p = m->p;
	p->lead = m->lead;
	p->has_leadership = true;
	set_state(p, PARTITION_ONLINE);
	for (int i = 0; i < p->lead.isr.n; i++)
		push_leader_and_isr(c, p->lead.isr.v[i], p, true);
	push_metadata(c, p);
}

static void make_first_leaders(struct controller *c, const struct ctl_partitions *ps)
{
	struct making *new = mem_zalloc((size_t)ps->n * sizeof *new);
	struct zk_req *states = mem_zalloc((size_t)ps->n * sizeof *states);
	int n = 0;
	for (int i = 0; i < ps->n; i++)
		if (ps->v[i]->state == PARTITION_NEW && first_leadership(c, ps->v[i], &new[n].lead))
			new[n++].p = ps->v[i];
	if (n > 0 && make_znodes(c, new, n, states))
		for (int i = 0; i < n; i++)
			if (is_made(c, &new[i], states[i].err))
				came_online(c, &new[i]);
	for (int i = 0; i < n; i++)
		if (states[i].magic == ZK_REQ_MAGIC)
			zk_req_fini(&states[i]);
	free(states);
	free(new);
}

/* ---- elections ---- */

enum zk_err ctl_write_leadership(struct controller *c, struct ctl_partition *p,
				 const struct ctl_leadership *lead)
{
	struct znode_path path = znode_state_path(p->topic->name, p->index);
	struct arena arena;
	struct zk_req req;
	arena_init(&arena, CTL_ARENA_BYTES);
	enum zk_err err = ctl_write(c, zk_op_set(path.s, encode(&arena, lead), p->lead.partition_epoch),
				    &req);
	if (err == ZK_OK) {
		int32_t version = req.stat.version;
		p->lead = *lead;
		p->lead.partition_epoch = version;
	}
	zk_req_fini(&req);
	arena_free(&arena);
	return err;
}

/* A topic's own setting, else the broker's. */
static bool unclean_allowed(struct controller *c, const char *topic)
{
	bool allowed = c->config->unclean_leader_election_enable;
	struct arena arena;
	struct zk_req req;
	struct znode_config own;
	struct znode_why why;
	arena_init(&arena, CTL_ARENA_BYTES);
	char *entity = mem_printf("topics/%s", topic);
	const char *path = znode_config_path(&arena, entity);
	must(path != NULL);
	zk_req_get(&req, path, false);
	if (zkc_call(c->zkc, &req) == ZK_OK && znode_config_decode(&arena, req.data, &own, &why) == 0)
		for (unsigned i = 0; i < own.n; i++)
			if (strcmp(own.entries[i].key, "unclean.leader.election.enable") == 0)
				allowed = strcmp(own.entries[i].value, "true") == 0;
	zk_req_fini(&req);
	free(entity);
	arena_free(&arena);
	return allowed;
}

static struct election run_election(struct controller *c, const struct ctl_partition *p,
				    enum elect_strategy strategy)
{
	struct election e = elect(&c->ctx, p, strategy, false);
	if (!e.found && strategy == ELECT_OFFLINE && unclean_allowed(c, p->topic->name))
		e = elect(&c->ctx, p, strategy, true);
	if (e.unclean)
		log_warn(CTL_STATE_LOGGER, "Partition %s-%d: unclean election of %d, which was not in sync; "
			 "records that only the old in-sync replicas had are lost.", p->topic->name, p->index,
			 e.leader);
	return e;
}

static bool elect_one(struct controller *c, struct ctl_partition *p, enum elect_strategy strategy)
{
	for (;;) {
		struct election e = run_election(c, p, strategy);
		if (!e.found)
			return false;
		struct ctl_leadership lead = p->lead;
		lead.leader = e.leader;
		lead.isr = e.isr;
		lead.leader_epoch++;
		lead.controller_epoch = c->epoch;
		lead.recovering = e.unclean;
		enum zk_err err = ctl_write_leadership(c, p, &lead);
		if (err == ZK_OK) {
			c->unclean_elections += e.unclean;
			return true;
		}
		if (err != ZK_BADVERSION || !reread(c, p)) {
			log_error(CTL_STATE_LOGGER, "Partition %s-%d: the new leader could not be written: "
				  "%s.", p->topic->name, p->index, zk_err_text(err));
			return false;
		}
	}
}

void ctl_new_epoch(struct controller *c, struct ctl_partition *p)
{
	enum zk_err err;
	do {
		struct ctl_leadership lead = p->lead;
		lead.leader_epoch++;
		lead.controller_epoch = c->epoch;
		err = ctl_write_leadership(c, p, &lead);
	} while (err == ZK_BADVERSION && reread(c, p));
	if (err == ZK_OK)
		push_partition(c, p, false);
	else
		log_error(CTL_STATE_LOGGER, "Partition %s-%d: the new epoch could not be written: %s.",
			  p->topic->name, p->index, zk_err_text(err));
}

void ctl_partitions_online(struct controller *c, const struct ctl_partitions *ps,
			   enum elect_strategy strategy)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	struct ctl_partitions new = { 0 }, old = { 0 };
	bool moving = false;
	for (int i = 0; i < ps->n; i++)
		if (ps->v[i]->state == PARTITION_NEW)
			ctl_partitions_add(&new, ps->v[i]);
		else if (ps->v[i]->has_leadership)
			ctl_partitions_add(&old, ps->v[i]);
	make_first_leaders(c, &new);
	for (int i = 0; c->active && i < old.n; i++)
		if (elect_one(c, old.v[i], strategy) && set_state(old.v[i], PARTITION_ONLINE)) {
			push_partition(c, old.v[i], false);
			moving |= ctl_partition_is_moving(old.v[i]);
		}
	if (moving) /* its target may be in sync by this election */
		ctl_enqueue(c, ctl_event_new("PartitionReassignmentIsrChange", ctl_moves_arrived));
	ctl_partitions_free(&new);
	ctl_partitions_free(&old);
}

void ctl_elect_offline(struct controller *c, const char *topic)
{
	struct ctl_partitions ps = { 0 };
	ctl_each_topic(t, &c->ctx) {
		if (t->deleting || (topic && strcmp(t->name, topic) != 0))
			continue;
		ctl_each_partition(p, t)
			if (p->state == PARTITION_NEW || p->state == PARTITION_OFFLINE)
				ctl_partitions_add(&ps, p);
	}
	ctl_partitions_online(c, &ps, ELECT_OFFLINE);
	ctl_partitions_free(&ps);
}
