/* explain_groups.c - who reads a topic: all groups of consumers that have committed an offset in it or
 * have a member that was given a partition of it.
 *
 * A cluster may have thousands of groups and no broker knows which read a topic, so that all must be
 * asked; but in few questions, each to the coordinator that listed the group, of hundreds of groups.
 */
#include "tools/explain_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "tools/out.h"

#include <stdlib.h>
#include <string.h>

enum {
	DESCRIBE_AT_ONCE = 200,
	FETCH_AT_ONCE = 500,
	FETCH_ENTRIES_MAX = 50000, /* offsets in one answer */
	/* Beyond it groups are asked for all that they have: with many partitions that is less. */
	FETCH_ALL_ENTRIES_MAX = 2000000,
};

/* One group while it is looked at. */
struct candidate {
	struct group_listing listing;
	struct group_description about; /* no state: not described */
	struct group_offsets offsets;
};

struct candidates {
	bool partial; /* somebody has not told */
	struct candidate *v; /* what one question can be about side by side, there by name */
	unsigned n;
};

/* A group's newer protocol is asked for by another question. */
static bool is_newer(const struct candidate *m)
{
	return slice_is(m->listing.type, "consumer");
}

static bool in_one_question(const struct candidate *x, const struct candidate *y)
{
	return x->listing.coordinator == y->listing.coordinator && is_newer(x) == is_newer(y);
}

static int in_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->listing.coordinator != y->listing.coordinator)
		return x->listing.coordinator < y->listing.coordinator ? -1 : 1;
	if (is_newer(x) != is_newer(y))
		return is_newer(x) ? 1 : -1;
	return slice_compare(x->listing.id, y->listing.id);
}

static bool has_members(const struct candidate *m)
{
	return !slice_is(m->listing.state, "Empty") && !slice_is(m->listing.state, "Dead");
}

static void note_groups(struct tool *t, struct explained *e, struct candidates *all, const char *what)
{
	explained_note(t, e, what);
	all->partial = true;
}

/* ---- members ---- */

/* Up to so many groups from `at` on that one question can be about; where the next begins. */
static unsigned describe_some(struct tool *t, struct admin *a, struct explained *e,
	struct candidates *all, unsigned at)
{
	struct slice *ids = tool_alloc(t, DESCRIBE_AT_ONCE * sizeof *ids);
	unsigned places[DESCRIBE_AT_ONCE], n = 0;
	const struct candidate *first = &all->v[at];
	for (; at < all->n && n < DESCRIBE_AT_ONCE; at++) {
		const struct candidate *m = &all->v[at];
		if (!has_members(m))
			continue;
		if (n == 0)
			first = m;
		if (!in_one_question(m, first))
			break;
		places[n] = at;
		ids[n++] = m->listing.id;
	}
	struct group_description *out = tool_alloc(t, n * sizeof *out);
	if (n > 0 &&
		groups_describe_at(a, t, first->listing.coordinator, is_newer(first), ids, n, out) < 0)
		note_groups(t, e, all,
			tool_printf(t, "members of %u groups at broker %d", n, first->listing.coordinator));
	for (unsigned i = 0; i < n; i++)
		all->v[places[i]].about = out[i];
	return at;
}

/* ---- offsets ---- */

static struct group_topics wanted(struct tool *t, const struct explained *e, size_t *entries)
{
	struct group_topics of = { .n = e->n_topics };
	of.v = tool_alloc(t, (size_t)e->n_topics * sizeof *of.v);
	*entries = 0;
	for (int32_t i = 0; i < e->n_topics; i++) {
		const struct explained_topic *topic = &e->topics[i];
		int32_t *ids = tool_alloc(t, (size_t)topic->n_partitions * sizeof *ids);
		for (int32_t k = 0; k < topic->n_partitions; k++)
			ids[k] = topic->partitions[k].id;
		of.v[i] = (struct offset_fetch_request_group_topic){ topic->name, ids, topic->n_partitions };
		*entries += (size_t)topic->n_partitions;
	}
	return of;
}

/* How many groups one question is about, so that its answer has not too many offsets. */
static unsigned groups_at_once(size_t entries)
{
	size_t n = FETCH_ENTRIES_MAX / max_of(entries, (size_t)1);
	return (unsigned)max_of(min_of(n, (size_t)FETCH_AT_ONCE), (size_t)1);
}

/* Groups whose offsets this client may not see, or that have gone to another coordinator meanwhile. */
static void note_refused(struct tool *t, struct explained *e, struct candidates *all,
	const struct group_offsets *v, unsigned n)
{
	unsigned refused = 0;
	int code = 0;
	for (unsigned i = 0; i < n; i++)
		if (v[i].code) {
			code = v[i].code;
			refused++;
		}
	if (refused == 0)
		return;
	tool_fail_code(t, code, SLICE_NULL);
	note_groups(t, e, all, tool_printf(t, "offsets of %u groups", refused));
}

static void ask_offsets(struct tool *t, struct admin *a, struct explained *e, struct candidates *all)
{
	size_t entries;
	struct group_topics of = wanted(t, e, &entries);
	unsigned at_once = groups_at_once(entries);
	if (entries * all->n > FETCH_ALL_ENTRIES_MAX)
		of.n = -1;
	for (unsigned at = 0, n; at < all->n; at += n) {
		progress("offsets of groups, %u of %u", at, all->n);
		const struct candidate *first = &all->v[at];
		struct slice *ids = tool_alloc(t, at_once * sizeof *ids);
		for (n = 0; at + n < all->n && n < at_once && in_one_question(&first[n], first); n++)
			ids[n] = first[n].listing.id;
		struct group_offsets *out = tool_alloc(t, n * sizeof *out);
		if (groups_offsets_at(a, t, first->listing.coordinator, ids, n, &of, out) < 0)
			note_groups(t, e, all, tool_printf(t, "offsets of %u groups at broker %d", n,
						     first->listing.coordinator));
		else
			note_refused(t, e, all, out, n);
		for (unsigned i = 0; i < n; i++)
			all->v[at + i].offsets = out[i];
	}
}

/* ---- one group and one topic ---- */

/* Where a group's partitions of a topic begin, and how many they are. */
static struct group_offsets part_of(const struct group_partition *v, unsigned n, struct slice topic)
{
	unsigned low = 0, high = n;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (slice_compare(v[middle].topic, topic) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	unsigned end = low;
	while (end < n && slice_eq(v[end].topic, topic))
		end++;
	return (struct group_offsets){ .v = (struct group_partition *)v + low, .n = end - low };
}

static struct explained_partition *partition_of(const struct explained_topic *topic, int32_t id)
{
	int32_t low = 0, high = topic->n_partitions; /* in the order of their numbers */
	while (low < high) {
		int32_t middle = low + (high - low) / 2;
		if (topic->partitions[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < topic->n_partitions && topic->partitions[low].id == id ? &topic->partitions[low] : NULL;
}


static void take_committed(const struct explained_topic *topic, const struct group_offsets *own,
	struct explained_group *g)
{
	for (unsigned i = 0; i < own->n; i++) {
		const struct explained_partition *p = partition_of(topic, own->v[i].partition);
		if (!p || own->v[i].offset < 0)
			continue;
		int64_t offset = own->v[i].offset;
		g->readers[g->n_readers++] = (struct explained_reader){ .partition = p->id,
			.committed = true,
			.offset = offset,
			.lag = p->high == UNKNOWN ? UNKNOWN : difference_of(p->high, offset) };
	}
}

static int by_partition(const void *a, const void *b)
{
	const struct explained_reader *x = a, *y = b;
	return order_of(x->partition, y->partition);
}

static void take_given(const struct explained_topic *topic, const struct group_member *member,
	const struct group_offsets *given, unsigned n_committed, struct explained_group *g)
{
	for (unsigned i = 0; i < given->n; i++) {
		const struct explained_reader key = { .partition = given->v[i].partition };
		if (!partition_of(topic, key.partition))
			continue;
		struct explained_reader *r =
			order_find(&key, g->readers, n_committed, sizeof key, by_partition);
		if (!r || r->member) {
			r = &g->readers[g->n_readers++];
			*r = (struct explained_reader){ .partition = key.partition, .lag = UNKNOWN };
		}
		r->member = member;
	}
}

/* Who is furthest behind first. */
static int by_own_lag(const void *a, const void *b)
{
	const struct explained_reader *x = a, *y = b;
	if (x->lag != y->lag)
		return x->lag > y->lag ? -1 : 1;
	return by_partition(a, b);
}

static int by_lag(const void *a, const void *b)
{
	const struct explained_group *x = a, *y = b;
	if (x->lag != y->lag)
		return x->lag > y->lag ? -1 : 1;
	return slice_compare(x->id, y->id);
}

/* What the group has to do with the topic: no readers, nothing. */
static struct explained_group group_of(struct tool *t, const struct explained_topic *topic,
	const struct candidate *m)
{
	const struct group_offsets own = part_of(m->offsets.v, m->offsets.n, topic->name);
	const struct group_description *about = &m->about;
	struct explained_group g = { .id = m->listing.id,
		.state = about->state.n ? about->state : m->listing.state,
		.n_members = about->n_members,
		.described = about->state.n || !has_members(m) };
	size_t room = own.n;
	for (unsigned i = 0; i < about->n_members; i++)
		room += part_of(about->members[i].partitions, about->members[i].n_partitions, topic->name).n;
	if (room == 0)
		return g;
	g.readers = tool_alloc(t, room * sizeof *g.readers);
	take_committed(topic, &own, &g);
	unsigned n_committed = g.n_readers;
	for (unsigned i = 0; i < about->n_members; i++) {
		const struct group_member *member = &about->members[i];
		const struct group_offsets given = part_of(member->partitions, member->n_partitions,
			topic->name);
		take_given(topic, member, &given, n_committed, &g);
	}
	for (unsigned i = 0; i < n_committed; i++)
		if (g.readers[i].lag != UNKNOWN)
			g.lag = sum_of(g.lag, max_of(g.readers[i].lag, (int64_t)0));
	order_sort(g.readers, g.n_readers, sizeof *g.readers, by_own_lag);
	return g;
}

/* Gives each partition what the groups that are shown have to do with it. */
static void spread(struct tool *t, struct explained_topic *topic)
{
	for (unsigned k = 0; k < topic->n_groups; k++)
		for (unsigned i = 0; i < topic->groups[k].n_readers; i++)
			partition_of(topic, topic->groups[k].readers[i].partition)->n_readers++;
	for (int32_t i = 0; i < topic->n_partitions; i++) {
		struct explained_partition *p = &topic->partitions[i];
		p->readers = tool_alloc(t, p->n_readers * sizeof(struct explained_reader *));
		p->n_readers = 0;
	}
	for (unsigned k = 0; k < topic->n_groups; k++)
		for (unsigned i = 0; i < topic->groups[k].n_readers; i++) {
			struct explained_reader *r = &topic->groups[k].readers[i];
			struct explained_partition *p = partition_of(topic, r->partition);
			r->group = &topic->groups[k];
			p->readers[p->n_readers++] = r;
		}
}

static void take_topic(struct tool *t, struct explained_topic *topic, const struct candidates *all,
	int32_t shown)
{
	unsigned n = 0;
	topic->groups = tool_alloc(t, all->n * sizeof *topic->groups);
	for (unsigned i = 0; i < all->n; i++) {
		topic->groups[n] = group_of(t, topic, &all->v[i]);
		n += topic->groups[n].n_readers > 0;
	}
	order_sort(topic->groups, n, sizeof *topic->groups, by_lag);
	topic->n_groups = shown < 0 ? n : min_of(n, (unsigned)shown);
	topic->n_more_groups = n - topic->n_groups;
	spread(t, topic);
	topic->groups_known = true;
	topic->groups_partial = all->partial;
}

/* All groups that any broker coordinates; false: no broker has told. */
static bool list_all(struct tool *t, struct admin *a, struct explained *e, struct candidates *all)
{
	bool told = false;
	for (unsigned i = 0; i < e->n_brokers; i++) {
		const struct explained_broker *b = &e->brokers[i];
		struct group_listing *listed;
		unsigned n;
		if (b->silent) {
			tool_fail(t, "TimeoutException", "it does not answer");
			note_groups(t, e, all, tool_printf(t, "groups of broker %d", b->id));
			continue;
		}
		if (groups_list_at(a, t, b->id, &listed, &n) < 0) {
			note_groups(t, e, all, tool_printf(t, "groups of broker %d", b->id));
			continue;
		}
		told = true;
		struct candidate *more = tool_alloc(t, ((size_t)all->n + n) * sizeof *more);
		if (all->n)
			memcpy(more, all->v, all->n * sizeof *more);
		all->v = more;
		for (unsigned k = 0; k < n; k++)
			all->v[all->n++] = (struct candidate){ .listing = listed[k] };
	}
	order_sort(all->v, all->n, sizeof *all->v, in_order);
	return told;
}

void explain_groups(
	struct tool *t, struct admin *a, const struct explain_options *options, struct explained *e)
{
	struct candidates all = { 0 };
	if (!list_all(t, a, e, &all))
		return;
	for (unsigned at = 0; at < all.n;) {
		progress("members of groups, %u of %u", at, all.n);
		at = describe_some(t, a, e, &all, at);
	}
	ask_offsets(t, a, e, &all);
	for (int32_t i = 0; i < e->n_topics; i++)
		take_topic(t, &e->topics[i], &all, options->groups);
}
