/* commit.c - what OffsetCommit does, on the core of the group's partition. */
#include "broker/group/commit.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/group/group.h"
#include "broker/group/group_log.h"

bool commit_metadata_fits(struct slice metadata, int32_t max)
{
	int32_t units = 0;
	for (uint32_t i = 0; i < metadata.n; i++) {
		bool continues = (metadata.p[i] & 0xc0) == 0x80;
		units += continues ? 0 : metadata.p[i] >= 0xf0 ? 2 : 1;
	}
	return units <= max;
}

/* ---- who may commit ---- */

static enum kerr check_member(const struct group *g, const struct commit *c)
{
	if (g->state == GROUP_DEAD)
		return KERR_COORDINATOR_NOT_AVAILABLE;
	if (c->generation < 0 && g->state == GROUP_EMPTY)
		return KERR_NONE;
	if (c->generation < 0 && c->member_id.n == 0 && slice_is_null(c->instance_id))
		return g->state == GROUP_EMPTY ? KERR_NONE : KERR_UNKNOWN_MEMBER_ID;
	enum kerr error = group_check_member(g, c->member_id, c->instance_id, "offset-commit");
	if (error)
		return error;
	return c->generation == g->generation ? KERR_NONE : KERR_ILLEGAL_GENERATION;
}

static enum kerr check(struct coordinator *co, struct commit *c)
{
	struct coordinated *at;
	enum kerr error = coordinator_check(co, c->group_id, c->partition, GROUP_ID_MAY_BE_EMPTY, &at);
	if (error)
		return error;
	struct group *g = coordinator_group(at, c->group_id);
	if (!g && c->generation >= 0)
		return KERR_ILLEGAL_GENERATION;
	if (!g)
		g = coordinator_group_make(at, c->group_id);
	if (!g)
		return KERR_COORDINATOR_NOT_AVAILABLE; /* COORDINATOR_GROUPS_MAX */
	error = check_member(g, c);
	if (error)
		return error;
	if (g->state == GROUP_COMPLETING)
		return KERR_REBALANCE_IN_PROGRESS;
	if (g->state != GROUP_EMPTY)
		member_heard(group_member(g, c->member_id));
	c->group = g;
	return KERR_NONE;
}

/* ---- storing ---- */

static void end(struct commit *c, enum kerr error)
{
	for (int32_t i = 0; i < c->n_parts; i++)
		if (!c->parts[i].error)
			c->parts[i].error = error;
	c->done(c);
}

/* Parts that have an error already are not in the batch. */
static void stored(struct store *store)
{
	struct commit *c = container_of(store, struct commit, store);
	struct group *g = c->group;
	uint64_t n = 0;
	for (int32_t i = 0; i < c->n_parts; i++) {
		const struct commit_part *p = &c->parts[i];
		n += !p->error;
		if (p->error || g->state == GROUP_DEAD)
			continue;
		if (store->error)
			offsets_give_up(g->offsets, c->round, p->topic, p->partition);
		else
			offsets_commit(g->offsets, c->round, p->topic, p->partition, &p->offset,
				       store->base_offset);
	}
	if (!store->error)
		coordinator_count(g->home->home, METRIC_OFFSETS_COMMITTED, n);
	group_drop(g);
	end(c, store_offsets_error(store->error));
}

static bool add(const struct commit *c, struct batch_builder *b, const struct commit_part *p, int64_t now_ms)
{
	const struct offset_commit *o = &p->offset;
	const struct offset_commit_key key = { c->group_id, p->topic, p->partition };
	const struct offset_commit_value value = { o->offset, o->leader_epoch, o->metadata, o->commit_ms,
						   o->expire_ms };
	return group_log_add_offset(b, c->group->home->home->config->ibp, &key, &value, now_ms);
}

/* NULL without memory. */
static struct buf *make_batch(struct coordinator *co, const struct commit *c)
{
	struct batch_builder b;
	int64_t now_ms = reactor_wall_ms(co->home);
	bool added = true;
	store_batch(c->group->home, &b);
	b.settings.base_sequence = 0; /* as 3.9 writes commits, though they have no producer */
	for (int32_t i = 0; i < c->n_parts && added; i++)
		if (!c->parts[i].error)
			added = add(c, &b, &c->parts[i], now_ms);
	struct buf *batch = added ? batch_builder_finish(&b) : NULL;
	batch_builder_free(&b);
	return batch;
}

static void prepare(struct commit *c)
{
	struct group *g = group_hold(c->group);
	if (!g->offsets)
		g->offsets = offsets_new();
	c->round = offsets_begin(g->offsets);
	for (int32_t i = 0; i < c->n_parts; i++)
		if (!c->parts[i].error)
			offsets_prepare(g->offsets, c->round, c->parts[i].topic, c->parts[i].partition);
}

void coordinator_commit(struct coordinator *co, struct commit *c)
{
	reactor_must_be_here(co->home);
	must(c->n_parts > 0);
	int32_t n = 0, longest = co->config->offset_metadata_max_bytes;
	enum kerr error = check(co, c);
	for (int32_t i = 0; i < c->n_parts; i++) {
		struct commit_part *p = &c->parts[i];
		bool fits = commit_metadata_fits(p->offset.metadata, longest);
		p->error = error || fits ? error : KERR_OFFSET_METADATA_TOO_LARGE;
		n += !p->error;
	}
	if (n == 0) {
		end(c, KERR_NONE);
		return;
	}
	prepare(c);
	c->store = (struct store){ .done = stored };
	store_append(c->group->home, &c->store, make_batch(co, c));
}
