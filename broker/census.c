/* census.c - see census.h. */
#include "broker/census.h"

#include "broker/base/must.h"
#include "broker/broker_priv.h"
#include "broker/cluster/shard.h"
#include "broker/reactor/call.h"

#include <stdio.h>

/* The rooms that come up with the logs are there, and not yet on their way out. */
static bool has_rooms(const struct broker *b)
{
	enum broker_state state = broker_state(b);
	return state == BROKER_RECOVERY || state == BROKER_RUNNING;
}

/* ---- on each core: itself ---- */

struct visit {
	struct broker *b;
	struct census *census;
	int from, upto; /* partitions */
};

static void tell_api(const struct api_core *core, struct census_core *out)
{
	out->sessions = sessions_count(core->sessions);
	out->session_partitions = sessions_partitions(core->sessions);
	out->sessions_evicted = sessions_evicted(core->sessions);
	out->waits = core->waits;
	kinds_copy(&core->clients, &out->texts, &out->clients);
	kinds_copy(&core->ciphers, &out->texts, &out->ciphers);
}

static void core_run(struct reactor *there, struct call *call)
{
	const struct visit *v = call->arg;
	int core = reactor_core(there);
	struct census_core *out = &v->census->cores[core];
	out->cpu_ns = sys_thread_cpu_ns();
	out->turns = reactor_turns(there);
	arena_init(&out->texts, CENSUS_KINDS_BYTES);
	if (v->census->has_rooms)
		tell_api(v->b->api.cores[core], out);
	if (v->census->has_net)
		net_count(v->b->net, core, &out->net);
	if (v->census->has_net && core == 0) /* the door */
		v->census->n_listeners = net_count_listeners(v->b->net, v->census->listeners,
							     &out->texts);
	call_done(there, call);
}

/* ---- on each core: its partitions ---- */

static void tell_role(const struct partition *p, struct census_partition *out)
{
	int isr = p->role.n_isr, replicas = p->role.n_replicas;
	int least = min_of(p->settings->config->min_insync_replicas, replicas);
	out->leader = true;
	out->isr = isr;
	out->replicas = replicas;
	out->under_replicated = isr < replicas;
	out->under_min_isr = isr < least;
	out->at_min_isr = isr == least;
	out->moving = p->role.moving;
}

static void tell(const struct partition *p, struct census_partition *out)
{
	out->here = true;
	out->failed = log_failed(p->log);
	out->start = log_start_offset(p->log);
	out->end = log_end_offset(p->log);
	out->size = log_size_bytes(p->log);
	out->segments = log_segments(p->log);
	out->producers = log_producers(p->log);
	out->stable_lag = max_of(p->high_watermark - partition_last_stable(p), (int64_t)0);
	if (partition_is_leader(p))
		tell_role(p, out);
}

/* Each core fills the partitions whose home it is; no two write the same one. */
static void partitions_run(struct reactor *there, struct call *call)
{
	const struct visit *v = call->arg;
	int core = reactor_core(there);
	for (int i = v->from; i < v->upto; i++) {
		struct census_partition *out = &v->census->partitions[i];
		if (out->home != core)
			continue;
		struct slice name = slice_of(out->topic->name, out->topic->name_bytes);
		const struct partition *p = replicas_find(v->b->replicas[core], name, out->index);
		if (p)
			tell(p, out);
	}
	call_done(there, call);
}

static void list_partitions(struct census *c)
{
	for (int i = 0; i < meta_topics(c->meta); i++)
		if (meta_topic_at(c->meta, i)->settings)
			c->n_partitions += meta_topic_at(c->meta, i)->n_partitions;
	struct census_partition *p = c->partitions = mem_zalloc((size_t)c->n_partitions * sizeof *p + 1);
	for (int i = 0; i < meta_topics(c->meta); i++) {
		const struct meta_topic *t = meta_topic_at(c->meta, i);
		for (int32_t k = 0; t->settings && k < t->n_partitions; k++, p++) {
			p->topic = t;
			p->index = k;
			p->home = shard_home(slice_of(t->name, t->name_bytes), k, c->n_cores);
		}
	}
}

static void ask_partitions(struct broker *b, struct census *c)
{
	int round = CENSUS_ROUND * c->n_cores;
	struct visit v = { .b = b, .census = c };
	for (; v.from < c->n_partitions; v.from = v.upto) {
		v.upto = min_of(v.from + round, c->n_partitions);
		call_run_all(b->control, b->reactors, c->n_cores, partitions_run, &v, 0);
	}
}

/* ---- on the control reactor ---- */

static bool has_id(const struct meta_ids *ids, int32_t id)
{
	for (int i = 0; i < ids->n; i++)
		if (ids->ids[i] == id)
			return true;
	return false;
}

/* Replicas here that could be in sync and are not. */
static int count_behind(const struct census *c)
{
	int n = 0;
	for (int i = 0; i < meta_topics(c->meta); i++) {
		const struct meta_topic *t = meta_topic_at(c->meta, i);
		for (int k = 0; t->settings && k < t->n_partitions; k++) {
			const struct meta_partition *p = &t->partitions[k];
			n += p->known && p->leader >= 0 && has_id(&p->replicas, c->broker_id) &&
			     !has_id(&p->offline, c->broker_id) && !has_id(&p->isr, c->broker_id);
		}
	}
	return n;
}

static void judge(struct broker *b, struct census *c)
{
	enum broker_state state = broker_state(b);
	char *why = c->not_ready;
	int behind;
	if (state < BROKER_RUNNING)
		snprintf(why, CENSUS_WHY_BYTES, "it is starting");
	else if (state > BROKER_RUNNING)
		snprintf(why, CENSUS_WHY_BYTES, "it is stopping");
	else if (b->registered == 0 || zkc_session(b->zkc)->id != b->registered)
		snprintf(why, CENSUS_WHY_BYTES, "it is not registered in ZooKeeper");
	else if (!meta_broker(c->meta, b->id))
		snprintf(why, CENSUS_WHY_BYTES, "the controller has not told it of the cluster yet");
	else if ((behind = count_behind(c)) > 0)
		snprintf(why, CENSUS_WHY_BYTES, "%d of its replicas are not in sync", behind);
}

/* Nothing in here waits, so all of it is of one moment, and no room goes away meanwhile. */
static void ask_control(struct broker *b, struct census *c)
{
	c->control.cpu_ns = sys_thread_cpu_ns();
	c->control.turns = reactor_turns(b->control);
	c->has_zk = b->zkc && !b->going_down;
	c->has_controller = b->controller_up && !b->going_down;
	if (c->has_zk)
		zkc_figures(b->zkc, &c->zk);
	if (c->has_controller)
		controller_figures(b->controller, &c->controller);
	if (!c->has_rooms || !b->logdirs)
		return;
	c->requests_in_line = (uint64_t)b->api.n_line;
	c->topics_awaited = (uint64_t)b->api.topics_awaited;
	c->elections_awaited = (uint64_t)b->api.elections_awaited;
	c->dirs = mem_zalloc((size_t)b->logdirs->n * sizeof *c->dirs);
	for (; c->n_dirs < b->logdirs->n; c->n_dirs++)
		c->dirs[c->n_dirs] = (struct census_dir){ b->logdirs->dirs[c->n_dirs].path,
							  b->logdirs->dirs[c->n_dirs].offline, { 0 } };
	if (b->manager)
		manager_move_figures(b->manager, &c->moves);
	if (!b->manager || !manager_cleaner_figures(b->manager, &c->cleaner))
		return;
	for (int i = 0; i < c->n_dirs; i++)
		c->dirs[i].uncleanable = c->cleaner.uncleanable[i];
	c->cleaner.uncleanable = NULL; /* it is the manager's */
}

void census_take(struct broker *b, struct census *c)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	reactor_must_be_here(b->control);
	must(c->meta == NULL && c->cores == NULL);
	c->has_rooms = has_rooms(b);
	c->has_net = b->net_up;
	c->meta = c->has_rooms ? meta_get(metastore_now(b->metastore)) : meta_empty();
	c->broker_id = b->id;
	c->cluster_id = b->cluster_id;
	c->n_cores = b->n_cores;
	judge(b, c);
	if (!c->whole)
		return;
	struct visit v = { .b = b, .census = c };
	c->cores = mem_zalloc((size_t)c->n_cores * sizeof *c->cores);
	call_run_all(b->control, b->reactors, c->n_cores, core_run, &v, 0);
	list_partitions(c);
	ask_partitions(b, c);
	if (c->has_rooms)
		census_take_groups(b, c);
	ask_control(b, c);
}

void census_clear(struct census *c)
{
	meta_put(c->meta);
	for (int i = 0; c->cores && i < c->n_cores; i++)
		arena_free(&c->cores[i].texts);
	free(c->cores);
	free(c->partitions);
	for (int i = 0; c->groups && i < c->n_cores; i++) {
		arena_free(&c->groups[i].arena);
		free(c->groups[i].commits);
	}
	free(c->groups);
	free(c->dirs);
	*c = (struct census){ 0 };
}
