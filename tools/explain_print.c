/* explain_print.c - what samsa-explain prints for people: tables of what there is, then sentences about each
 * partition.
 */
#include "tools/explain_priv.h"

#include "broker/base/must.h"
#include "tools/out.h"
#include "tools/table.h"

#include <inttypes.h>
#include <string.h>

enum { INDENT = 2, SENTENCE_INDENT = 4 };

/* ---- cells ---- */

static const char *number(struct arena *a, int64_t n)
{
	return n == UNKNOWN ? NULL : human_printf(a, "%" PRId64, n);
}

static const char *bytes(struct arena *a, int64_t n)
{
	return n == UNKNOWN ? NULL : human_bytes(a, n);
}

/* How long ago; -1 is how brokers say that there is no such record. */
static const char *age(struct arena *a, const struct explained *e, int64_t ms)
{
	return ms == UNKNOWN || ms < 0 ? NULL : human_span(a, difference_of(e->now_ms, ms));
}

static int64_t offsets_in(const struct explained_partition *p)
{
	return p->start == UNKNOWN || p->high == UNKNOWN ? UNKNOWN : difference_of(p->high, p->start);
}

static void put(const struct table *table)
{
	struct text text = { 0 };
	table_text(table, INDENT, &text);
	say_bytes(text_slice(&text));
	text_free(&text);
}

/* ---- tables ---- */

/* What the number is in units that people count in; NULL: no more than the number. */
static const char *meant(struct arena *a, const struct explained_setting *s, const struct explained_name *key)
{
	if (s->number == UNKNOWN || s->number <= 0 || s->number == INT64_MAX)
		return NULL;
	return key->unit == MS  ? human_span(a, s->number)
		: key->unit == BYTES ? human_bytes(a, s->number)
				     : NULL;
}

static void print_settings(struct arena *a, const struct explained_topic *t)
{
	static const char *const headings[] = { "SETTING", "VALUE", "FROM", NULL };
	const bool applies[] = { [ANY] = true,
		[DELETE] = explained_policy(t, "delete"),
		[COMPACT] = explained_policy(t, "compact") };
	struct table table;
	table_init(&table, a, headings);
	for (unsigned i = 0; i < KEYS; i++) {
		const struct explained_setting *s = &t->settings[i];
		const char *words = s->value ? meant(a, s, &explained_keys[i]) : NULL;
		const char *cells[] = { explained_keys[i].name,
			words ? human_printf(a, "%s (%s)", s->value, words) : s->value, s->from };
		if (s->value && applies[explained_keys[i].policy])
			table_row(&table, cells);
	}
	say("\n");
	put(&table);
}

static void print_partitions(struct arena *a, const struct explained *e, const struct explained_topic *t)
{
	static const char *const headings[] = { ">PART", ">LEADER", ">EPOCH", "REPLICAS", "ISR", ">SIZE",
		">START", ">END", ">OFFSETS", ">OLDEST", ">NEWEST", ">WRITERS", NULL };
	struct table table;
	table_init(&table, a, headings);
	for (int32_t i = 0; i < t->n_partitions; i++) {
		const struct explained_partition *p = &t->partitions[i];
		const char *cells[] = { number(a, p->id), p->has_leader ? number(a, p->leader) : "none",
			number(a, p->leader_epoch), explained_ids(a, p, is_replica, ","),
			explained_ids(a, p, is_in_sync, ","), bytes(a, explained_size(p)),
			number(a, p->start), number(a, p->high), number(a, offsets_in(p)),
			age(a, e, p->first_ms), age(a, e, p->newest_ms),
			p->producers_known ? number(a, p->n_producers) : NULL };
		table_row(&table, cells);
	}
	say("\n");
	put(&table);
}

static const char *state_of(const struct explained *e, const struct explained_partition *p,
	const struct explained_replica *r)
{
	return !r->alive                                  ? "not alive"
		: is_silent(e, r->broker)                 ? "no answer"
		: r->offline                              ? "offline"
		: p->has_leader && p->leader == r->broker ? "leader"
		: r->in_isr                               ? "in sync"
		: r->adding                               ? "being added"
							  : "behind";
}

static void print_replicas(struct arena *a, const struct explained *e, const struct explained_topic *t)
{
	static const char *const headings[] = { ">PART", ">BROKER", "STATE", ">LOG-END", ">BEHIND", ">SIZE",
		"DIRECTORY", NULL };
	struct table table;
	table_init(&table, a, headings);
	for (int32_t i = 0; i < t->n_partitions; i++)
		for (int32_t k = 0; k < t->partitions[i].n_replicas; k++) {
			const struct explained_partition *p = &t->partitions[i];
			const struct explained_replica *r = &p->replicas[k];
			bool compared = r->end != UNKNOWN && p->end != UNKNOWN;
			int64_t behind =
				compared ? max_of(difference_of(p->end, r->end), (int64_t)0) : UNKNOWN;
			const char *cells[] = { number(a, p->id), number(a, r->broker), state_of(e, p, r),
				number(a, r->end),
				number(a, behind), bytes(a, r->here.size), r->here.dir };
			table_row(&table, cells);
			const char *copy[] = { number(a, p->id), number(a, r->broker), "copy", NULL,
				number(a, r->future.lag), bytes(a, r->future.size), r->future.dir };
			if (r->future.dir)
				table_row(&table, copy);
		}
	say("\n");
	put(&table);
}

enum { GROUP, STATE, MEMBERS, LAG, PARTITION, OFFSET, BEHIND, CLIENT, GROUP_COLUMNS };

/* A group's row is followed by those of the partitions in which it is behind, the worst first. */
static void group_rows(struct arena *a, const struct explained_group *g, struct table *table)
{
	const char *cells[GROUP_COLUMNS] = { [GROUP] = human_text(a, g->id),
		[STATE] = g->state.n ? human_text(a, g->state) : NULL,
		[MEMBERS] = g->described ? number(a, g->n_members) : NULL,
		[LAG] = number(a, g->lag),
		[PARTITION] = "all" };
	bool headed = false;
	for (unsigned i = 0; i < g->n_readers; i++) {
		const struct explained_reader *r = &g->readers[i];
		if (r->lag == 0)
			continue;
		cells[PARTITION] = number(a, r->partition);
		cells[OFFSET] = r->committed ? number(a, r->offset) : NULL;
		cells[BEHIND] = number(a, r->lag);
		cells[CLIENT] = r->member ? human_printf(a, "%s %s", human_text(a, r->member->client_id),
					       human_text(a, r->member->host))
				     : NULL;
		table_row(table, cells);
		cells[GROUP] = cells[STATE] = cells[MEMBERS] = cells[LAG] = "";
		headed = true;
	}
	if (!headed)
		table_row(table, cells);
}

static void print_groups(struct arena *a, const struct explained_topic *t)
{
	static const char *const headings[] = { "GROUP", "STATE", ">MEMBERS", ">LAG", ">PART", ">OFFSET",
		">BEHIND", "CLIENT", NULL };
	struct table table;
	table_init(&table, a, headings);
	for (unsigned i = 0; i < t->n_groups; i++)
		group_rows(a, &t->groups[i], &table);
	say("\n");
	if (t->n_groups > 0)
		put(&table);
	if (t->n_more_groups > 0)
		say("  And %u more groups, not further behind; samsa-explain --groups all shows them.\n",
			t->n_more_groups);
	else if (t->n_groups == 0)
		say("  No group%s reads it.\n", t->groups_partial ? " that is known" : "");
}

/* ---- sentences ---- */

static bool same(const struct findings *x, const struct findings *y)
{
	bool equal = x->n == y->n;
	for (unsigned i = 0; equal && i < x->n; i++)
		equal = strcmp(x->v[i].words, y->v[i].words) == 0;
	return equal;
}

static void print_findings(const char *lead, const struct findings *f)
{
	struct text text = { 0 };
	text_add(&text, "\n  %s\n", lead);
	for (unsigned i = 0; i < f->n; i++)
		table_sentence(&text, finding_weight(f->v[i].kind) == WRONG ? "  ! " : "    ",
			SENTENCE_INDENT, f->v[i].words);
	if (f->n == 0)
		text_add(&text, "    Nothing stands out.\n");
	say_bytes(text_slice(&text));
	text_free(&text);
}

/* Partitions side by side of which the same is to be said are told of once. */
static void print_sentences(struct arena *a, const struct explained *e, const struct explained_topic *t)
{
	struct findings told = { 0 }, next = { 0 };
	int32_t from = 0;
	for (int32_t i = 0; i <= t->n_partitions; i++) {
		next = (struct findings){ 0 };
		if (i < t->n_partitions)
			explain_why(a, e, t, &t->partitions[i], &next);
		if (i > 0 && (i == t->n_partitions || !same(&told, &next))) {
			int32_t first = t->partitions[from].id, last = t->partitions[i - 1].id;
			print_findings(from == i - 1 ? human_printf(a, "Partition %" PRId32 ":", first)
						     : human_printf(a,
							"Partitions %" PRId32 " to %" PRId32 ":", first,
							       last),
				&told);
			from = i;
		}
		told = next;
	}
}

static void print_topic(struct tool *t, const struct explained *e, const struct explained_topic *topic)
{
	struct arena *a = &t->arena;
	say("Topic %s", human_text(a, topic->name));
	if (!uuid_is_zero(&topic->id))
		say("  id %s", uuid_format(&topic->id).s);
	say("  partitions %" PRId32 "%s\n", topic->n_partitions, topic->internal ? "  internal" : "");
	if (topic->settings_known)
		print_settings(a, topic);
	print_partitions(a, e, topic);
	print_replicas(a, e, topic);
	if (topic->groups_known)
		print_groups(a, topic);
	print_sentences(a, e, topic);
}

void explain_print(struct tool *t, const struct explained *e)
{
	struct text text = { 0 };
	for (int32_t i = 0; i < e->n_topics; i++) {
		if (i > 0)
			say("\n");
		print_topic(t, e, &e->topics[i]);
	}
	if (e->n_notes > 0)
		text_add(&text, "\nNot known:\n");
	for (unsigned i = 0; i < e->n_notes; i++)
		table_sentence(&text, "  ", INDENT, e->notes[i]);
	say_bytes(text_slice(&text));
	text_free(&text);
}
