/* census_groups.c - consumer groups for one page of metrics: how many, and how far each is behind.
 *
 * Groups are read on their cores, some hundred at a time (walk.h); then each core is asked, for as many at a
 * time, when the records were written that groups have not read. See census.h.
 */
#include "broker/census.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/broker_priv.h"
#include "broker/group/coordinator.h"
#include "broker/group/offsets.h"
#include "broker/group/walk.h"
#include "broker/reactor/call.h"

/* ---- on each core: its groups ---- */

struct look {
	struct broker *b;
	struct census *census;
	struct look_core {
		struct group_walk walk;
		bool began, ended;
	} *cores;
};

struct listing {
	struct census *census;
	struct census_groups *out;
	const char *group;
};

struct wanted {
	struct slice topic;
	int32_t partition;
};

static int compare_wanted(const void *key, const void *partition)
{
	const struct wanted *wanted = key;
	const struct census_partition *p = partition;
	int order = slice_compare(wanted->topic, slice_of(p->topic->name, p->topic->name_bytes));
	return order ? order : order_of(wanted->partition, p->index);
}

/* The partition among the census', -1 when this broker does not lead it. */
static int find_partition(const struct census *c, struct slice topic, int32_t index)
{
	const struct wanted wanted = { topic, index };
	const struct census_partition *found = order_find(&wanted, c->partitions, (size_t)c->n_partitions,
							  sizeof *found, compare_wanted);
	return found && found->leader ? (int)(found - c->partitions) : -1;
}

static void list_commit(void *arg, struct slice topic, int32_t partition, const struct offset_commit *commit)
{
	struct listing *l = arg;
	struct census_groups *out = l->out;
	int at = find_partition(l->census, topic, partition);
	if (at < 0)
		return;
	if (out->n_commits == CENSUS_COMMITS) {
		out->cut = true;
		return;
	}
	if (out->n_commits == out->room) {
		out->room = out->room ? 2 * out->room : 64;
		out->commits = mem_realloc(out->commits, (size_t)out->room * sizeof *out->commits);
	}
	int64_t lag = max_of(l->census->partitions[at].end - commit->offset, INT64_C(0));
	out->commits[out->n_commits++] = (struct census_commit){ l->group, at, commit->offset, lag,
								 lag > 0 ? -1 : 0 };
}

static int list_group(void *arg, struct group *g)
{
	struct listing *l = arg;
	size_t n = offsets_count(g->offsets);
	l->out->groups[g->state]++;
	l->out->offsets += n;
	l->out->sessions += (uint64_t)group_size(g) + (uint64_t)group_pending_count(g);
	l->out->rebalances += timer_armed(&g->clock);
	if (n == 0 || l->out->cut)
		return 1;
	l->group = arena_strdup(&l->out->arena, g->id);
	if (l->group)
		offsets_each(g->offsets, list_commit, l);
	else
		l->out->cut = true;
	return 1 + (int)min_of(n, (size_t)WALK_A_TURN);
}

static void begin(struct look_core *core, struct coordinator *co, struct census_groups *out)
{
	struct load_times loads = coordinator_load_times(co);
	out->loads = loads.n;
	out->loads_sum_ms = loads.sum_ms;
	out->loads_max_ms = loads.max_ms;
	group_walk_begin(&core->walk, co);
	core->began = true;
}

static void groups_run(struct reactor *there, struct call *call)
{
	struct look *look = call->arg;
	int i = reactor_core(there);
	struct look_core *core = &look->cores[i];
	struct listing l = { .census = look->census, .out = &look->census->groups[i] };
	if (!core->began)
		begin(core, look->b->coordinators[i], l.out);
	if (!core->ended)
		core->ended = !group_walk_on(&core->walk, list_group, &l);
	call_done(there, call);
}

static bool have_ended(const struct look_core *cores, int n)
{
	for (int i = 0; i < n; i++)
		if (!cores[i].ended)
			return false;
	return true;
}

/* ---- on each core: when what they have not read was written ---- */

struct dating {
	struct broker *b;
	struct census *census;
	struct census_groups *groups;
	int from, upto;
};

static void date(struct broker *b, const struct census *c, int core, struct census_commit *commit)
{
	const struct census_partition *at = &c->partitions[commit->partition];
	if (at->home != core || commit->lag == 0)
		return;
	struct slice name = slice_of(at->topic->name, at->topic->name_bytes);
	const struct partition *p = replicas_find(b->replicas[core], name, at->index);
	int64_t written_ms = p ? log_timestamp_about(p->log, commit->offset) : -1;
	if (written_ms >= 0)
		commit->behind_ms = max_of(reactor_wall_ms(b->reactors[core]) - written_ms, INT64_C(0));
}

static void dates_run(struct reactor *there, struct call *call)
{
	const struct dating *d = call->arg;
	for (int i = d->from; i < d->upto; i++)
		date(d->b, d->census, reactor_core(there), &d->groups->commits[i]);
	call_done(there, call);
}

static void date_all(struct broker *b, struct census *c, struct census_groups *groups)
{
	struct dating d = { .b = b, .census = c, .groups = groups };
	for (; d.from < groups->n_commits; d.from = d.upto) {
		d.upto = min_of(d.from + CENSUS_ROUND, groups->n_commits);
		call_run_all(b->control, b->reactors, c->n_cores, dates_run, &d, 0);
	}
}

void census_take_groups(struct broker *b, struct census *c)
{
	size_t n = (size_t)c->n_cores;
	struct look look = { .b = b, .census = c, .cores = mem_zalloc(n * sizeof *look.cores) };
	c->groups = mem_zalloc(n * sizeof *c->groups);
	for (size_t i = 0; i < n; i++)
		arena_init(&c->groups[i].arena, CENSUS_NAMES_BYTES);
	while (!have_ended(look.cores, c->n_cores))
		call_run_all(b->control, b->reactors, c->n_cores, groups_run, &look, 0);
	free(look.cores);
	for (size_t i = 0; i < n; i++)
		date_all(b, c, &c->groups[i]);
}
