/* elect.c - see elect.h. */
#include "broker/controller/elect.h"

#include "broker/base/must.h"

struct election elect_first(const struct ctl_context *ctx, const struct ctl_partition *p)
{
	struct election e = { .leader = CTL_NO_LEADER };
	for (int i = 0; i < p->n_replicas; i++)
		if (ctl_replica_is_online(ctx, &p->replicas[i]))
			e.isr.v[e.isr.n++] = p->replicas[i].broker;
	e.found = e.isr.n > 0;
	if (e.found)
		e.leader = e.isr.v[0];
	return e;
}

static struct ctl_ids live_of(const struct ctl_context *ctx, const struct ctl_partition *p,
			      const struct ctl_ids *ids)
{
	struct ctl_ids live = { 0 };
	for (int i = 0; i < ids->n; i++)
		for (int k = 0; k < p->n_replicas; k++)
			if (p->replicas[k].broker == ids->v[i] && ctl_replica_is_online(ctx, &p->replicas[k]))
				live.v[live.n++] = ids->v[i];
	return live;
}

static struct election elect_offline(const struct ctl_context *ctx, const struct ctl_partition *p,
				     bool unclean_allowed)
{
	struct election e = { .leader = CTL_NO_LEADER, .isr = p->lead.isr };
	for (int clean = 1; clean >= 0 && !e.found; clean--) {
		if (!clean && !unclean_allowed)
			break;
		for (int i = 0; i < p->n_replicas && !e.found; i++) {
			int32_t id = p->replicas[i].broker;
			if (!ctl_replica_is_online(ctx, &p->replicas[i]) ||
			    (clean && !ctl_ids_has(&p->lead.isr, id)))
				continue;
			e.found = true;
			e.unclean = !clean;
			e.leader = id;
		}
	}
	if (e.unclean)
		e.isr = (struct ctl_ids){ 1, { e.leader } };
	else if (e.found)
		e.isr = live_of(ctx, p, &p->lead.isr);
	return e;
}

static struct election elect_preferred(const struct ctl_context *ctx, const struct ctl_partition *p)
{
	struct election e = { .leader = p->lead.leader, .isr = p->lead.isr };
	if (p->n_replicas == 0)
		return e;
	int32_t preferred = p->replicas[0].broker;
	e.found = preferred != p->lead.leader && ctl_replica_is_online(ctx, &p->replicas[0]) &&
		  ctl_ids_has(&p->lead.isr, preferred);
	if (e.found)
		e.leader = preferred;
	return e;
}

static struct election elect_moved(const struct ctl_context *ctx, const struct ctl_partition *p)
{
	struct election e = { .leader = p->lead.leader, .isr = p->lead.isr };
	for (int i = 0; i < p->n_replicas && !e.found; i++) {
		const struct ctl_replica *r = &p->replicas[i];
		e.found = !r->removing && ctl_replica_is_online(ctx, r) &&
			  ctl_ids_has(&p->lead.isr, r->broker);
		if (e.found)
			e.leader = r->broker;
	}
	return e;
}

struct election elect(const struct ctl_context *ctx, const struct ctl_partition *p,
		      enum elect_strategy strategy, bool unclean_allowed)
{
	must(p->has_leadership);
	if (strategy == ELECT_PREFERRED)
		return elect_preferred(ctx, p);
	if (strategy == ELECT_MOVED)
		return elect_moved(ctx, p);
	return elect_offline(ctx, p, unclean_allowed || strategy == ELECT_UNCLEAN);
}
