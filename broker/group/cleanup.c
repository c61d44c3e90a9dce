/* cleanup.c - what makes offsets and groups go. */
#include "broker/group/cleanup.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/meta.h"
#include "broker/cluster/names.h"
#include "broker/group/group.h"
#include "broker/group/group_log.h"
#include "broker/group/store.h"
#include "broker/group/walk.h"

#define CLEANUP_MAGIC 0xc1ea9096u

enum {
	MS_PER_MINUTE = 60 * 1000,
	CLEANUP_OFFSETS_A_GROUP = 16, /* are looked at in the time that a group takes by itself */
};

/* ---- tombstones ---- */

/* A batch of them on its way. */
struct tombstones {
	struct store store;
	int32_t n;
	char name[]; /* of the group, for the log */
};

static void stored(struct store *s)
{
	struct tombstones *t = container_of(s, struct tombstones, store);
	if (s->error)
		log_error(GROUP_METADATA_LOGGER, "Failed to append %d tombstones to %s-%d for expired/"
			  "deleted offsets and/or metadata for group %s: %s.", t->n, TOPIC_OFFSETS,
			  s->at->index, t->name, kerr_name(s->error));
	free(t);
}

/* What goes of one group. */
struct purge {
	struct group *group;
	bool asked; /* for the end of the group itself */
	int64_t now_ms;
	struct batch_builder batch;
	int32_t n;  /* in the batch */
};

static void purge_begin(struct purge *p, struct group *g)
{
	*p = (struct purge){ .group = group_hold(g), .now_ms = reactor_wall_ms(group_reactor(g)) };
	store_batch(g->home, &p->batch);
}

static void purge_write(struct purge *p)
{
	if (p->n == 0)
		return;
	struct log_text text = log_safe(p->group->id);
	size_t bytes = strlen(text.s) + 1;
	struct tombstones *t = mem_zalloc(sizeof *t + bytes);
	memcpy(t->name, text.s, bytes);
	t->n = p->n;
	t->store.done = stored;
	p->n = 0;
	store_append_unconfirmed(p->group->home, &t->store, batch_builder_finish(&p->batch));
}

/* The batch has room for one more. */
static void purge_room(struct purge *p)
{
	if (p->n == 0 || batch_builder_bytes(&p->batch) < CLEANUP_BATCH_BYTES)
		return;
	purge_write(p);
	batch_builder_free(&p->batch);
	store_batch(p->group->home, &p->batch);
}

static void purge_offset(void *arg, struct slice topic, int32_t partition, const struct offset_commit *commit)
{
	struct purge *p = arg;
	const struct offset_commit_key key = { p->group->id, topic, partition };
	(void)commit;
	purge_room(p);
	p->n += group_log_add_offset_tombstone(&p->batch, &key, p->now_ms);
}

/* A group without members and offsets goes too, unless somebody is about to join it: 3.9 lets it go then, and
 * the join fails. */
static bool purge_takes_group(const struct purge *p)
{
	const struct group *g = p->group;
	bool awaits_nobody = p->asked || group_pending_count(g) == 0;
	return g->state == GROUP_EMPTY && offsets_empty(g->offsets) && awaits_nobody;
}

static void purge_end(struct purge *p)
{
	struct group *g = p->group;
	if (purge_takes_group(p)) {
		log_info(GROUP_METADATA_LOGGER, "Group %s transitioned to Dead in generation %d",
			 log_safe(g->id).s, g->generation);
		if (g->generation > 0) {
			purge_room(p);
			p->n += group_log_add_group_tombstone(&p->batch, g->id, p->now_ms);
		}
		coordinator_group_remove(g, KERR_UNKNOWN_MEMBER_ID);
	}
	purge_write(p);
	batch_builder_free(&p->batch);
	group_drop(g);
}

/* ---- expiry ---- */

static bool is_subscribed(const void *arg, struct slice topic)
{
	return group_subscribes(arg, topic);
}

bool cleanup_expiry(const struct group *g, int64_t now_ms, int64_t retention_ms,
		    struct offsets_expiry *ret_expiry)
{
	*ret_expiry = (struct offsets_expiry){ .now_ms = now_ms, .retention_ms = retention_ms,
					       .since_ms = -1 };
	if (slice_is_null(g->protocol_type))
		return true; /* simple consumers */
	if (g->state == GROUP_EMPTY) {
		ret_expiry->since_ms = g->state_since_ms;
		return true;
	}
	ret_expiry->keeps_topic = is_subscribed;
	ret_expiry->arg = g;
	return g->state == GROUP_STABLE && group_is_consumer(g) && g->topics_known;
}

size_t cleanup_group(struct group *g, int64_t now_ms)
{
	int64_t retention_ms = (int64_t)g->home->home->config->offsets_retention_minutes * MS_PER_MINUTE;
	struct purge p;
	struct offsets_expiry expiry;
	size_t n = 0;
	purge_begin(&p, g);
	if (g->offsets && cleanup_expiry(g, now_ms, retention_ms, &expiry))
		n = offsets_expire(g->offsets, &expiry, purge_offset, &p);
	coordinator_count(g->home->home, METRIC_OFFSETS_EXPIRED, n);
	purge_end(&p);
	return n;
}

/* Looking for what has expired: from the timer on, step by step. */
struct cleanup {
	unsigned magic;
	struct coordinator *home;
	struct timer timer;
	struct group_walk walk;
	bool walks;
	size_t removed;
};

static int visit(void *arg, struct group *g)
{
	struct cleanup *c = arg;
	size_t offsets = offsets_count(g->offsets);
	c->removed += cleanup_group(g, reactor_wall_ms(c->home->home));
	return 1 + (int)min_of(offsets / CLEANUP_OFFSETS_A_GROUP, (size_t)WALK_A_TURN);
}

static void cleanup_due(struct reactor *here, struct timer *t)
{
	struct cleanup *c = container_of(t, struct cleanup, timer);
	struct coordinator *co = c->home;
	CHECK_OBJ(c, CLEANUP_MAGIC);
	must(here == co->home);
	if (!c->walks)
		group_walk_begin(&c->walk, co);
	c->walks = group_walk_on(&c->walk, visit, c);
	if (c->walks) {
		timer_arm(here, t, 0);
		return;
	}
	if (c->removed > 0)
		log_info(GROUP_METADATA_LOGGER, "[GroupMetadataManager brokerId=%d] Removed %zu expired "
			 "offsets.", co->broker_id, c->removed);
	c->removed = 0;
	timer_arm(here, t, co->config->offsets_retention_check_interval_ms);
}

void cleanup_start(struct coordinator *co)
{
	struct cleanup *c;
	if (co->cleanup)
		return;
	ALLOC_OBJ(c, CLEANUP_MAGIC);
	c->home = co;
	c->timer.fire = cleanup_due;
	co->cleanup = c;
	timer_arm(co->home, &c->timer, co->config->offsets_retention_check_interval_ms);
}

void cleanup_stop(struct coordinator *co)
{
	struct cleanup *c = co->cleanup;
	if (!c)
		return;
	co->cleanup = NULL;
	timer_cancel(co->home, &c->timer);
	group_walk_end(&c->walk);
	FREE_OBJ(c);
}

/* ---- admins ---- */

static enum kerr find_group(struct coordinator *co, struct slice group_id, int32_t partition,
			    enum group_id_rule rule, struct group **ret_group)
{
	struct coordinated *at;
	enum kerr error = coordinator_check(co, group_id, partition, rule, &at);
	if (error)
		return error;
	*ret_group = coordinator_group(at, group_id);
	return *ret_group ? KERR_NONE : KERR_GROUP_ID_NOT_FOUND;
}

enum kerr coordinator_delete_group(struct coordinator *co, struct slice group_id, int32_t partition)
{
	struct group *g;
	struct purge p;
	enum kerr error = find_group(co, group_id, partition, GROUP_ID_MAY_BE_EMPTY, &g);
	if (error)
		return error;
	if (g->state != GROUP_EMPTY)
		return KERR_NON_EMPTY_GROUP;
	size_t n = offsets_count(g->offsets);
	purge_begin(&p, g);
	p.asked = true;
	if (g->offsets)
		offsets_remove_all(g->offsets, purge_offset, &p);
	purge_end(&p);
	log_info(GROUP_LOGGER, "The following groups were deleted: %s. A total of %zu offsets were removed.",
		 log_safe(group_id).s, n);
	return KERR_NONE;
}

static enum kerr check_delete_offset(const struct group *g, struct slice topic)
{
	bool is_read = g->state != GROUP_EMPTY && group_subscribes(g, topic);
	return is_read ? KERR_GROUP_SUBSCRIBED_TO_TOPIC : KERR_NONE;
}

enum kerr coordinator_delete_offsets(struct coordinator *co, struct slice group_id, int32_t partition,
				     struct delete_part *parts, int32_t n)
{
	struct group *g;
	struct purge p;
	size_t removed = 0;
	enum kerr error = find_group(co, group_id, partition, GROUP_ID_NOT_EMPTY, &g);
	if (error)
		return error;
	if (g->state != GROUP_EMPTY && !group_is_consumer(g))
		return KERR_NON_EMPTY_GROUP;
	purge_begin(&p, g);
	for (int32_t i = 0; i < n; i++) {
		struct delete_part *part = &parts[i];
		part->error = check_delete_offset(g, part->topic);
		if (part->error || !g->offsets || !offsets_remove(g->offsets, part->topic, part->partition))
			continue;
		purge_offset(&p, part->topic, part->partition, NULL);
		removed++;
	}
	purge_end(&p);
	coordinator_count(co, METRIC_OFFSETS_DELETED, removed);
	if (n > 0)
		log_info(GROUP_LOGGER, "Offsets of the group %s were deleted. A total of %zu offsets were "
			 "removed.", log_safe(group_id).s, removed);
	return KERR_NONE;
}

/* ---- topics that are gone ---- */

struct gone {
	struct slice topic;
	size_t removed;
};

static void drop_topic(void *arg, struct group *g)
{
	struct gone *gone = arg;
	struct purge p;
	if (!offsets_has_topic(g->offsets, gone->topic))
		return;
	purge_begin(&p, g);
	gone->removed += offsets_remove_topic(g->offsets, gone->topic, purge_offset, &p);
	purge_end(&p);
}

static void topic_gone(struct coordinator *co, const struct meta_topic *topic)
{
	struct gone gone = { .topic = slice_of(topic->name, topic->name_bytes) };
	coordinator_groups_each(co, drop_topic, &gone);
	if (gone.removed > 0)
		log_info(GROUP_LOGGER, "Removed %zu offsets associated with deleted partitions of %s.",
			 gone.removed, topic->name);
}

void coordinator_metadata_changed(struct coordinator *co, const struct metadata *before,
				  const struct metadata *now)
{
	int n = meta_topics(now);
	reactor_must_be_here(co->home);
	if (co->n_groups == 0)
		return;
	for (int i = 0, k = 0; i < meta_topics(before); i++) {
		const struct meta_topic *was = meta_topic_at(before, i);
		while (k < n && strcmp(meta_topic_at(now, k)->name, was->name) < 0)
			k++;
		if (k == n || strcmp(meta_topic_at(now, k)->name, was->name) != 0)
			topic_gone(co, was);
	}
}
