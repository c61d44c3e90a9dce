/* explain_why.c - what the facts about a partition come to, in sentences: what is wrong, and what waits
 * for what. What will be deleted or compacted is in explain_coming.c. Pure: all that they look at are
 * their arguments.
 *
 * Facts: kafka.cluster.Partition (ISR, high watermark), kafka.controller.Election, kafka.log.UnifiedLog.
 */
#include "tools/explain_priv.h"

#include "broker/base/must.h"
#include "tools/text.h"

#include <inttypes.h>
#include <string.h>

enum { FINDINGS_FIRST = 8, IDLE_NAMED = 4 };

static const struct {
	const char *name;
	enum finding_weight weight;
} kinds[] = {
#define FINDING(symbol, name, weight) { name, weight },
#include "tools/explain.tbl"
#undef FINDING
};

const char *finding_name(enum finding_kind kind)
{
	must(kind < FINDING_KINDS);
	return kinds[kind].name;
}

enum finding_weight finding_weight(enum finding_kind kind)
{
	must(kind < FINDING_KINDS);
	return kinds[kind].weight;
}

void find(struct why *w, enum finding_kind kind, const char *format, ...)
{
	struct findings *f = w->out;
	if (f->n == f->room) {
		unsigned room = max_of(f->room * 2, (unsigned)FINDINGS_FIRST);
		struct finding *more = arena_alloc(w->arena, room * sizeof *more);
		must(more != NULL);
		if (f->n)
			memcpy(more, f->v, f->n * sizeof *more);
		f->v = more;
		f->room = room;
	}
	va_list ap;
	va_start(ap, format);
	f->v[f->n++] = (struct finding){ kind, human_vprintf(w->arena, format, ap) };
	va_end(ap);
}

static bool setting_says(const struct why *w, enum explained_key key, const char *word)
{
	must(key < KEYS);
	const char *value = w->t->settings[key].value;
	return value && strcmp(value, word) == 0;
}

int64_t setting_number(const struct why *w, enum explained_key key)
{
	must(key < KEYS);
	return w->t->settings[key].value ? w->t->settings[key].number : UNKNOWN;
}

static const struct explained_replica *leader_of(const struct explained_partition *p)
{
	for (int32_t i = 0; p->has_leader && i < p->n_replicas; i++)
		if (p->replicas[i].broker == p->leader)
			return &p->replicas[i];
	return NULL;
}

bool is_silent(const struct explained *e, int32_t broker)
{
	const struct explained_broker *b = explained_broker_of(e, broker);
	return b && b->silent;
}

int64_t explained_size(const struct explained_partition *p)
{
	const struct explained_replica *leader = leader_of(p);
	return leader && leader->here.dir ? leader->here.size : UNKNOWN;
}

/* ---- replicas by what they are ---- */

bool is_replica(const struct explained_replica *r)
{
	return r != NULL;
}

bool is_in_sync(const struct explained_replica *r)
{
	return r->in_isr;
}

static bool is_there(const struct explained_replica *r)
{
	return r->alive && !r->offline;
}

static bool could_lead(const struct explained_replica *r)
{
	return r->in_isr && is_there(r);
}

static bool is_added(const struct explained_replica *r)
{
	return r->adding;
}

static bool leaves(const struct explained_replica *r)
{
	return r->leaving;
}

const char *explained_ids(struct arena *a, const struct explained_partition *p,
	bool (*is)(const struct explained_replica *r), const char *separator)
{
	struct text all = { 0 };
	for (int32_t i = 0; i < p->n_replicas; i++)
		if (is(&p->replicas[i]))
			text_add(&all, "%s%" PRId32, all.n ? separator : "", p->replicas[i].broker);
	const char *out = all.n ? human_printf(a, "%s", all.s) : NULL;
	text_free(&all);
	return out;
}

static const char *those(const struct why *w, bool (*is)(const struct explained_replica *r))
{
	const char *all = explained_ids(w->arena, w->p, is, ", ");
	return all ? all : "none";
}

static bool have(const struct why *w, bool (*is)(const struct explained_replica *r))
{
	for (int32_t i = 0; i < w->p->n_replicas; i++)
		if (is(&w->p->replicas[i]))
			return true;
	return false;
}

/* ---- the leader ---- */

static void no_leader(struct why *w)
{
	bool allowed = setting_says(w, KEY_UNCLEAN, "true");
	bool forbidden = setting_says(w, KEY_UNCLEAN, "false");
	if (w->p->has_leader)
		return;
	if (!have(w, is_there))
		find(w, FINDING_NO_LEADER,
			"No leader: none of the brokers that have it (%s) is alive. In sync last: %s; it is "
			"back when one of these is.",
			those(w, is_replica), those(w, is_in_sync));
	else if (have(w, could_lead))
		find(w, FINDING_NO_LEADER,
			"No leader, although %s could lead: the controller has not elected one yet, or "
			"cannot.",
			those(w, could_lead));
	else if (allowed)
		find(w, FINDING_NO_LEADER,
			"No leader: none that was in sync (%s) is alive. "
			"unclean.leader.election.enable=true allows %s to lead, and to lose what only the "
			"others have; the controller has not done that yet.",
			those(w, is_in_sync), those(w, is_there));
	else
		find(w, FINDING_NO_LEADER,
			"No leader: none that was in sync (%s) is alive. %s is alive but was not in sync, "
			"and %s: it waits for those that were.",
			those(w, is_in_sync), those(w, is_there),
			forbidden ? "unclean.leader.election.enable=false does not let it lead"
				  : "whether unclean.leader.election.enable lets it lead is not known");
}

static void silent_leader(struct why *w)
{
	if (!w->p->has_leader)
		return;
	if (is_silent(w->e, w->p->leader))
		find(w, FINDING_LEADER_SILENT, "Its leader, broker %" PRId32 ", does not answer here.",
			w->p->leader);
	else if (w->p->why_not)
		find(w, FINDING_LEADER_SILENT, "Its leader, broker %" PRId32 ", answers with an error: %s",
			w->p->leader, human_text(w->arena, slice_str(w->p->why_not)));
}

static void not_preferred(struct why *w)
{
	const struct explained_broker *b = explained_broker_of(w->e, w->p->leader);
	const struct explained_replica *first = w->p->n_replicas > 0 ? &w->p->replicas[0] : NULL;
	if (!w->p->has_leader || !first || first->broker == w->p->leader || w->p->moving)
		return;
	const char *why = !first->alive ? "which is not alive"
		: first->offline        ? "whose log directory is offline"
		: !first->in_isr        ? "which is not in sync"
		: b && b->settings_known && b->rebalances
		? "which is in sync: auto.leader.rebalance.enable will give it back when enough are so"
		: "which is in sync: samsa-leader-election --election-type preferred gives it back";
	find(w, FINDING_NOT_PREFERRED, "Broker %" PRId32 " leads in place of the preferred %" PRId32 ", %s.",
		w->p->leader, first->broker, why);
}

/* ---- replicas ---- */

static const char *why_not_in_sync(const struct why *w, const struct explained_replica *r)
{
	if (!r->alive)
		return "its broker is not alive";
	if (r->offline)
		return "its broker is alive, but its log directory is offline or it has not started it";
	if (is_silent(w->e, r->broker))
		return "its broker is registered as alive but does not answer";
	if (r->end == UNKNOWN || w->p->end == UNKNOWN)
		return "its broker is alive; how far it is is not known";
	int64_t behind = difference_of(w->p->end, r->end);
	if (behind > 0)
		return human_printf(w->arena,
			"its broker is alive and it is %" PRId64 " records behind the leader (at %" PRId64
			" of %" PRId64 ")",
			behind, r->end, w->p->end);
	return "it has all records and the leader has yet to take it in";
}

static void under_replicated(struct why *w)
{
	for (int32_t i = 0; w->p->has_leader && i < w->p->n_replicas; i++) {
		const struct explained_replica *r = &w->p->replicas[i];
		if (!r->in_isr && !r->adding)
			find(w, FINDING_UNDER_REPLICATED,
				"Under-replicated: %" PRId32 " is not in the ISR: %s.", r->broker,
				why_not_in_sync(w, r));
		else if (r->in_isr && r->offline && r->alive)
			find(w, FINDING_DIRECTORY_OFFLINE,
				"The log directory of %" PRId32 " is offline, or it has not started it.",
				r->broker);
	}
}

static void min_isr(struct why *w)
{
	int64_t least = setting_number(w, KEY_MIN_ISR);
	if (least == UNKNOWN || !w->p->has_leader)
		return;
	if (w->p->n_replicas < least)
		find(w, FINDING_MIN_ISR_TOO_HIGH,
			"min.insync.replicas=%" PRId64 " is more than there are replicas (%" PRId32
			"): no producer with acks=all can write.",
			least, w->p->n_replicas);
	else if (w->p->n_isr < least)
		find(w, FINDING_UNDER_MIN_ISR,
			"Fewer in sync (%" PRId32 ") than min.insync.replicas=%" PRId64
			": producers with acks=all are refused (NOT_ENOUGH_REPLICAS).",
			w->p->n_isr, least);
	else if (w->p->n_isr == least && w->p->n_replicas > least)
		find(w, FINDING_AT_MIN_ISR,
			"Just min.insync.replicas=%" PRId64
			" in sync: with one less, producers with acks=all are refused.",
			least);
}

static void reassigning(struct why *w)
{
	if (!w->p->moving)
		return;
	find(w, FINDING_REASSIGNING, "Reassignment under way: adds %s, removes %s.", those(w, is_added),
		those(w, leaves));
	for (int32_t i = 0; i < w->p->n_replicas; i++) {
		const struct explained_replica *r = &w->p->replicas[i];
		if (r->adding && !r->in_isr)
			find(w, FINDING_REASSIGNING, "It waits for %" PRId32 ": %s.", r->broker,
				why_not_in_sync(w, r));
	}
}

static void copying(struct why *w)
{
	for (int32_t i = 0; i < w->p->n_replicas; i++) {
		const struct explained_replica *r = &w->p->replicas[i];
		if (r->future.dir)
			find(w, FINDING_COPYING,
				"Broker %" PRId32 " copies its replica from %s to %s: %s of %s, %" PRId64
				" records to go.",
				r->broker, r->here.dir ? r->here.dir : "a directory that is not told",
				r->future.dir, human_bytes(w->arena, r->future.size),
				r->here.dir ? human_bytes(w->arena, r->here.size) : "?", r->future.lag);
	}
}

/* ---- what readers do not see yet ---- */

/* Of those in sync the one that cannot be asked; else the one that has least. */
static const struct explained_replica *slowest(const struct why *w)
{
	const struct explained_replica *found = NULL;
	for (int32_t i = 0; i < w->p->n_replicas; i++) {
		const struct explained_replica *r = &w->p->replicas[i];
		if (r->in_isr && is_silent(w->e, r->broker))
			return r;
		if (r->in_isr && r->end != UNKNOWN && (!found || r->end < found->end))
			found = r;
	}
	return found;
}

static void uncommitted(struct why *w)
{
	const struct explained_partition *p = w->p;
	int64_t least = setting_number(w, KEY_MIN_ISR), held = difference_of(p->end, p->high);
	const struct explained_replica *r = slowest(w);
	const char *who = "who holds them back is not known (it may be over already)";
	if (p->end == UNKNOWN || p->high == UNKNOWN || held <= 0)
		return;
	if (least != UNKNOWN && p->n_isr < least)
		who = "fewer than min.insync.replicas are in sync, and since 3.7 a broker commits nothing "
		      "then";
	else if (r && is_silent(w->e, r->broker))
		who = human_printf(w->arena,
			"replica %" PRId32 " is in the ISR, and its broker does not answer", r->broker);
	else if (r && r->end < p->end)
		who = human_printf(w->arena,
			"replica %" PRId32 " is in the ISR and has them only to %" PRId64, r->broker, r->end);
	find(w, FINDING_UNCOMMITTED,
		"The last %" PRId64 " records (from %" PRId64 ") are not committed: %s.", held, p->high, who);
}

/* Of the open transactions the one that began first. */
static const struct explained_producer *holder(const struct explained_partition *p)
{
	const struct explained_producer *found = NULL;
	for (int32_t i = 0; i < p->n_producers; i++)
		if (p->producers[i].txn_start >= 0 &&
			(!found || p->producers[i].txn_start < found->txn_start))
			found = &p->producers[i];
	return found;
}

static bool all_have_listed(const struct explained *e)
{
	for (unsigned i = 0; i < e->n_brokers; i++)
		if (!e->brokers[i].listed_transactions)
			return false;
	return e->n_brokers > 0;
}

/* What its coordinator makes of it. */
static const char *outlook(const struct why *w, const struct explained_producer *x)
{
	struct arena *a = w->arena;
	if (!x->state && all_have_listed(w->e))
		return "No broker knows that transaction: it hangs, until somebody aborts it "
		       "(kafka-transactions --abort).";
	if (!x->state)
		return "Its transaction's coordinator has not told of it.";
	const char *text = human_printf(a, "To its coordinator, transactional id '%s' is %s",
		human_text(a, slice_str(x->transactional_id)), x->state);
	if (x->started_ms != UNKNOWN && x->started_ms >= 0 && x->timeout_ms != UNKNOWN)
		text = human_printf(a, "%s since %s, and times out after %s", text,
			human_time(a, x->started_ms), human_span(a, x->timeout_ms));
	return human_printf(a, "%s.", text);
}

static void open_transaction(struct why *w)
{
	const struct explained_partition *p = w->p;
	const struct explained_producer *x = holder(p);
	int64_t held = difference_of(p->high, p->stable);
	int64_t since = x ? max_of(difference_of(w->e->now_ms, x->last_ms), (int64_t)0) : 0;
	if (p->stable == UNKNOWN || p->high == UNKNOWN || held <= 0)
		return;
	if (!x) {
		find(w, FINDING_OPEN_TRANSACTION,
			"Readers with read_committed stop at %" PRId64 ", %" PRId64
			" before the others: a transaction is open, of whom is not known.",
			p->stable, held);
		return;
	}
	find(w, FINDING_OPEN_TRANSACTION,
		"Readers with read_committed stop at %" PRId64 ", %" PRId64
		" before the others: producer %" PRId64 " (epoch %" PRId32
		") has a transaction open from %" PRId64 " on, and wrote last %s ago. %s",
		p->stable, held, x->id, x->epoch, x->txn_start, human_span(w->arena, since), outlook(w, x));
}

/* ---- who reads ---- */

/* A group that has to catch up here, and no member of it that would. */
static bool nobody_reads(const struct explained_reader *r)
{
	return r->lag != UNKNOWN && r->lag > 0 && r->group->described && !r->member;
}

/* Groups of the past may be many: one sentence names the first, those furthest behind in the topic. */
static void idle_groups(struct why *w)
{
	struct text list = { 0 };
	unsigned n = 0;
	for (unsigned i = 0; i < w->p->n_readers; i++) {
		const struct explained_reader *r = w->p->readers[i];
		if (!nobody_reads(r) || r->group->n_members > 0)
			continue;
		if (n++ < IDLE_NAMED)
			text_add(&list, "%s'%s' by %" PRId64, n > 1 ? ", " : "",
				human_text(w->arena, r->group->id), r->lag);
	}
	if (n > IDLE_NAMED)
		text_add(&list, " and %u more", n - IDLE_NAMED);
	if (n > 0)
		find(w, FINDING_GROUP_IDLE, "Groups without members are behind: %s.", list.s);
	text_free(&list);
}

static void reader(struct why *w, const struct explained_reader *r)
{
	const struct explained_group *g = r->group;
	const char *name = human_text(w->arena, g->id);
	if (r->committed && w->p->start != UNKNOWN && r->offset < w->p->start)
		find(w, FINDING_GROUP_LOST,
			"Group '%s' stands at %" PRId64 ", before the first record there is (%" PRId64
			"): what is between is gone, and it goes on where its auto.offset.reset says.",
			name, r->offset, w->p->start);
	if (r->committed && r->lag != UNKNOWN && r->lag < 0)
		find(w, FINDING_GROUP_BEYOND,
			"Group '%s' stands at %" PRId64 ", past the end (%" PRId64
			"): the topic was made anew or has lost records; it goes on where its "
			"auto.offset.reset says.",
			name, r->offset, w->p->high);
	if (nobody_reads(r) && g->n_members > 0)
		find(w, FINDING_GROUP_UNASSIGNED,
			"Group '%s' is %" PRId64 " records behind, and none of its %u members has this "
			"partition (it is %s).",
			name, r->lag, g->n_members, human_text(w->arena, g->state));
}

/* The worst first; else in the order in which they were found. */
static void by_weight(struct why *w)
{
	struct findings *f = w->out, sorted = { 0 };
	sorted.v = arena_alloc(w->arena, (f->n + 1) * sizeof *sorted.v);
	must(sorted.v != NULL);
	for (enum finding_weight weight = WRONG; weight <= COMING; weight++)
		for (unsigned i = 0; i < f->n; i++)
			if (finding_weight(f->v[i].kind) == weight)
				sorted.v[sorted.n++] = f->v[i];
	must(sorted.n == f->n);
	f->v = sorted.v;
}

void explain_why(struct arena *a, const struct explained *e, const struct explained_topic *t,
	const struct explained_partition *p, struct findings *out)
{
	struct why w = { a, e, t, p, out };
	no_leader(&w);
	silent_leader(&w);
	under_replicated(&w);
	min_isr(&w);
	not_preferred(&w);
	reassigning(&w);
	copying(&w);
	uncommitted(&w);
	open_transaction(&w);
	for (unsigned i = 0; i < p->n_readers; i++)
		reader(&w, p->readers[i]);
	idle_groups(&w);
	explain_coming(&w);
	by_weight(&w);
}
