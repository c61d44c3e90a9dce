/* consumer_groups.c - consumer groups listed, described, deleted; org.apache.kafka.tools.consumer.group's
 * ConsumerGroupCommand. What changes offsets is in consumer_groups_reset.c.
 *
 * Kafka's command ends with 0 even when it could not do what was asked and says so on standard output; so
 * does this one. Only wrong usage ends with 1.
 */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "tools/cluster.h"
#include "tools/consumer_groups_priv.h"
#include "tools/out.h"
#include "tools/text.h"
#include "zkutil/javamap.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[GROUP] = { "group", OPT_TEXTS, "consumer group", "A group; may be given many times." },
	[ALL_GROUPS] = { "all-groups", OPT_FLAG, NULL, "All groups of consumers." },
	[TOPIC] = { "topic", OPT_TEXTS, "topic",
		"A topic whose offsets are to be reset or deleted, with all partitions or with some: "
		"topic1:0,1,2. May be "
		"given many times." },
	[ALL_TOPICS] = { "all-topics", OPT_FLAG, NULL,
		"With --reset-offsets, all partitions for which the group has an offset." },
	[LIST] = { "list", OPT_FLAG, NULL, "List groups." },
	[DESCRIBE] = { "describe", OPT_FLAG, NULL, "Show groups: offsets and lag, members, or state." },
	[DELETE] = { "delete", OPT_FLAG, NULL, "Delete groups, their offsets included." },
	[RESET_OFFSETS] = { "reset-offsets", OPT_FLAG, NULL,
		"Change the offsets of groups that have no members: to what one of --to-offset, --shift-by, "
		"--to-datetime, "
		"--by-duration, --to-earliest, --to-latest, --to-current and --from-file says, for --topic "
		"or "
		"--all-topics. Nothing is changed without --execute." },
	[DELETE_OFFSETS] = { "delete-offsets", OPT_FLAG, NULL,
		"Delete the offsets of one group for topics." },
	[TIMEOUT] = { "timeout", OPT_LONG, "timeout (ms)", "How long each question to the brokers may take.",
		.fallback = "5000" },
	[DRY_RUN] = { "dry-run", OPT_FLAG, NULL, "With --reset-offsets: only show what would be done." },
	[EXECUTE] = { "execute", OPT_FLAG, NULL, "With --reset-offsets: do it." },
	[EXPORT] = { "export", OPT_FLAG, NULL,
		"With --reset-offsets: print the new offsets as lines that --from-file reads." },
	[TO_OFFSET] = { "to-offset", OPT_LONG, "offset", "Reset to this offset." },
	[FROM_FILE] = { "from-file", OPT_FILE, "path to CSV file",
		"Reset to what the lines of a file say: topic,partition,offset, or "
		"group,topic,partition,offset." },
	[TO_DATETIME] = { "to-datetime", OPT_TEXT, "datetime",
		"Reset to the first record from then on: YYYY-MM-DDTHH:mm:SS.sss, in UTC unless a zone "
		"follows." },
	[BY_DURATION] = { "by-duration", OPT_TEXT, "duration",
		"Reset to the first record that is not older than so much: PnDTnHnMnS." },
	[TO_EARLIEST] = { "to-earliest", OPT_FLAG, NULL, "Reset to the beginning." },
	[TO_LATEST] = { "to-latest", OPT_FLAG, NULL, "Reset to the end." },
	[TO_CURRENT] = { "to-current", OPT_FLAG, NULL,
		"Reset to the offset that the group has; without one to the end." },
	[SHIFT_BY] = { "shift-by", OPT_LONG, "number-of-offsets",
		"Reset to so many offsets on, or back when below zero." },
	[MEMBERS] = { "members", OPT_FLAG, NULL, "With --describe, show the members." },
	[VERBOSE] = { "verbose", OPT_FLAG, NULL,
		"With --describe --members, show what each has been given." },
	[OFFSETS] = { "offsets", OPT_FLAG, NULL,
		"With --describe, show offsets and lag; that is the default." },
	[STATE] = { "state", OPT_TEXT, NULL,
		"With --describe, show the group's state; with --list, show each one's state, or only groups "
		"in these "
		"states, parted by commas.",
		.may_lack_value = true },
	[TYPE] = { "type", OPT_TEXT, NULL,
		"With --list, show each one's type, or only groups of these types (classic, consumer), "
		"parted by commas.",
		.may_lack_value = true },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print JSON, a line for each row, group or partition; what failed as error in its line.",
		.own = true },
};

/* ---- how it fails ---- */

/* The first of the two wrappings of as_runtime(). */
static int as_execution(struct tool *t)
{
	const char *words = failure_text(t, &t->failure);
	t->failure = (struct failure){ .class = "ExecutionException", .words = words };
	return -1;
}

int as_runtime(struct tool *t)
{
	as_execution(t);
	t->failure.words = tool_printf(t, "java.util.concurrent.ExecutionException: %s", t->failure.words);
	return -1;
}

/* What clients have named so; null where it is null. */
static json_t *json_text(struct slice s)
{
	struct text shown = { 0 };
	if (!s.p)
		return json_null();
	text_utf8(&shown, s);
	json_t *value = json_stringn(shown.n ? shown.s : "", shown.n);
	text_free(&shown);
	return value;
}

void say_group_error(struct tool *t, struct slice group, const char *words)
{
	if (args_has(&t->args, JSON))
		out_json(json_pack("{s:o, s:s}", "group", json_text(group), "error", words));
	else
		say("\nError: %s\n", words);
}

/* ---- JSON ---- */

void say_json_partition(struct slice group, struct slice topic, int32_t partition, const char *name,
	json_t *value, const char *error)
{
	json_t *line = json_pack("{s:o, s:o, s:o}", "group", json_text(group), "topic", json_text(topic),
		"partition", partition >= 0 ? json_integer(partition) : json_null());
	if (name)
		json_object_set_new(line, name, value);
	json_object_set_new(line, "error", error ? json_text(slice_str(error)) : json_null());
	out_json(line);
}

/* ---- which groups ---- */

int groups_named(struct tool *t, struct admin *a, struct slice **out, unsigned *n)
{
	struct group_listing *all;
	if (!args_has(&t->args, ALL_GROUPS)) {
		*n = args_count_of(&t->args, GROUP);
		*out = tool_alloc(t, *n * sizeof **out);
		for (unsigned i = 0; i < *n; i++)
			(*out)[i] = slice_str(args_nth(&t->args, GROUP, i));
		return 0;
	}
	if (groups_list(a, t, NULL, 0, NULL, 0, &all, n) < 0)
		return as_runtime(t);
	*out = tool_alloc(t, *n * sizeof **out);
	for (unsigned i = 0; i < *n; i++)
		(*out)[i] = all[i].id;
	return 0;
}

/* By name and each once, as a TreeMap has them. */
static unsigned sorted(struct slice *v, unsigned n)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++) {
		struct slice x = v[i];
		unsigned at = kept;
		while (at > 0 && slice_compare(v[at - 1], x) > 0)
			at--;
		if (at > 0 && slice_eq(v[at - 1], x))
			continue;
		memmove(&v[at + 1], &v[at], (kept - at) * sizeof *v);
		v[at] = x;
		kept++;
	}
	return kept;
}

/* ---- list ---- */

/* Kafka's spelling of words that are parted by commas in whatever case. */
static int read_words(struct tool *t, unsigned opt, const char *const *known, const char *what,
	struct slice **out, unsigned *n)
{
	const char *text = args_text(&t->args, opt);
	*n = 0;
	if (!text || !text[0])
		return 0;
	unsigned count;
	char **words = split_text(t, text, ',', &count);
	*out = tool_alloc(t, count * sizeof **out);
	for (unsigned i = 0; i < count; i++) {
		const char *const *k = known;
		while (*k && strcasecmp(*k, trimmed(words[i])) != 0)
			k++;
		if (!*k) {
			const char *all = known[0];
			for (k = known + 1; *k; k++)
				all = tool_printf(t, "%s, %s", all, *k);
			args_refuse(&t->args, "Invalid %s list '%s'. Valid %s are: %s", what, text,
				strcmp(what, "state") == 0 ? "states" : "types", all);
			return WRONG_USAGE;
		}
		(*out)[(*n)++] = slice_str(*k);
	}
	return 0;
}

static struct slice or_unknown(struct slice s)
{
	return s.n ? s : SLICE_LIT("Unknown");
}

/* "classic" as brokers say it; Kafka's command shows it with a capital. */
static struct slice type_shown(struct tool *t, struct slice type)
{
	char *text = tool_text(t, or_unknown(type));
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	return slice_str(text);
}

static void print_listing(struct tool *t, const struct group_listing *v, unsigned n)
{
	bool type = args_has(&t->args, TYPE), state = args_has(&t->args, STATE);
	int width = 15;
	for (unsigned i = 0; i < n; i++)
		width = max_of(width, (int)v[i].id.n);
	width += 10;
	say("%-*s", width, "GROUP");
	if (type)
		say(" %-20s", "TYPE");
	if (state)
		say(" %-20s", "STATE");
	say("\n");
	for (unsigned i = 0; i < n; i++) {
		say("%-*.*s", width, SLICE_ARGS(v[i].id));
		if (type)
			say(" %-20.*s", SLICE_ARGS(type_shown(t, v[i].type)));
		if (state)
			say(" %-20.*s", SLICE_ARGS(or_unknown(v[i].state)));
		say("\n");
	}
}

static int list(struct tool *t, struct admin *a)
{
	static const char *const known_states[] = { "PreparingRebalance", "CompletingRebalance", "Stable",
		"Dead", "Empty", "Assigning", "Reconciling", NULL };
	static const char *const known_types[] = { "Consumer", "Classic", NULL };
	struct slice *states = NULL, *types = NULL;
	unsigned n_states, n_types, n;
	struct group_listing *v;
	bool columns = args_has(&t->args, STATE) || args_has(&t->args, TYPE);
	if (read_words(t, TYPE, known_types, "types", &types, &n_types) ||
		read_words(t, STATE, known_states, "state", &states, &n_states))
		return WRONG_USAGE;
	if (groups_list(a, t, states, n_states, types, n_types, &v, &n) < 0)
		return columns ? as_execution(t) : as_runtime(t);
	for (unsigned i = 0; i < n && args_has(&t->args, JSON); i++)
		out_json(json_pack("{s:o, s:o, s:o}", "group", json_text(v[i].id), "state",
			json_text(or_unknown(v[i].state)), "type", json_text(type_shown(t, v[i].type))));
	if (args_has(&t->args, JSON))
		return 0;
	if (columns)
		print_listing(t, v, n);
	for (unsigned i = 0; i < n && !columns; i++)
		say("%.*s\n", SLICE_ARGS(v[i].id));
	return 0;
}

/* ---- describe ---- */

/* What is said of the state; whether rows follow. */
static bool rows_follow(const struct group_description *g, unsigned rows)
{
	if (slice_is(g->state, "Dead"))
		say("\nError: Consumer group '%.*s' does not exist.\n", SLICE_ARGS(g->id));
	else if (slice_is(g->state, "Empty"))
		complain("\nConsumer group '%.*s' has no active members.\n", SLICE_ARGS(g->id));
	else if (!slice_is(g->state, "Stable"))
		complain("\nWarning: Consumer group '%.*s' is rebalancing.\n", SLICE_ARGS(g->id));
	return !slice_is(g->state, "Dead") && rows > 0;
}

/* A row of offsets: one partition, of a member or of nobody. */
struct row {
	struct slice topic, member, host, client;
	int32_t partition;
	int64_t offset, end; /* -1: none */
};

struct rows {
	struct row *v;
	unsigned n;
};

static int64_t committed(const struct group_partition *v, unsigned n, const struct group_partition *of)
{
	const struct group_partition *found = order_find(of, v, n, sizeof *v, group_partitions_order);
	return found ? found->offset : -1;
}

static struct rows gather_rows(struct tool *t, const struct group_description *g,
	const struct group_partition *offsets, unsigned n_offsets)
{
	const struct slice none = SLICE_LIT("-");
	struct rows rows = { NULL, 0 };
	size_t room = n_offsets;
	for (unsigned i = 0; i < g->n_members; i++)
		room += g->members[i].n_partitions;
	rows.v = tool_alloc(t, room * sizeof *rows.v);
	for (unsigned i = 0; i < g->n_members; i++)
		for (unsigned k = 0; k < g->members[i].n_partitions; k++) {
			const struct group_partition *p = &g->members[i].partitions[k];
			rows.v[rows.n++] = (struct row){ p->topic, g->members[i].id, g->members[i].host,
				g->members[i].client_id, p->partition, committed(offsets, n_offsets, p), -1 };
		}
	unsigned assigned = rows.n;
	for (unsigned i = 0; i < n_offsets; i++) {
		bool taken = false;
		for (unsigned k = 0; k < assigned && !taken; k++)
			taken = rows.v[k].partition == offsets[i].partition &&
				slice_eq(rows.v[k].topic, offsets[i].topic);
		if (!taken)
			rows.v[rows.n++] = (struct row){ offsets[i].topic, none, none, none,
				offsets[i].partition, offsets[i].offset, -1 };
	}
	return rows;
}

static int ends_of(struct tool *t, struct admin *a, struct rows *rows)
{
	struct at_leader *v = tool_alloc(t, rows->n * sizeof *v);
	for (unsigned i = 0; i < rows->n; i++)
		v[i] = (struct at_leader){
			.topic = rows->v[i].topic, .partition = rows->v[i].partition, .asked = OFFSETS_LATEST
		};
	if (rows->n && leaders_list_offsets(a, t, v, rows->n) < 0)
		return -1;
	for (unsigned i = 0; i < rows->n; i++) {
		if (v[i].failure.words) {
			t->failure = v[i].failure;
			return -1;
		}
		rows->v[i].end = v[i].offset;
	}
	return 0;
}

static const char *or_dash(struct tool *t, bool there, int64_t n)
{
	return there ? tool_printf(t, "%lld", (long long)n) : "-";
}

static void print_offsets(struct tool *t, const struct group_description *g, const struct rows *rows)
{
	int group = max_of(15, (int)g->id.n), topic = 15, member = 15, host = 15;
	for (unsigned i = 0; i < rows->n; i++) {
		topic = max_of(topic, (int)rows->v[i].topic.n);
		member = max_of(member, (int)rows->v[i].member.n);
		host = max_of(host, (int)rows->v[i].host.n);
	}
	say("\n%-*s %-*s %-10s %-15s %-15s %-15s %-*s %-*s %s", group, "GROUP", topic, "TOPIC", "PARTITION",
		"CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", member, "CONSUMER-ID", host, "HOST", "CLIENT-ID");
	for (unsigned i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];
		say("\n%-*.*s %-*.*s %-10d %-15s %-15s %-15s %-*.*s %-*.*s %.*s", group, SLICE_ARGS(g->id),
			topic, SLICE_ARGS(r->topic), r->partition, or_dash(t, r->offset >= 0, r->offset),
			or_dash(t, r->end >= 0, r->end),
			or_dash(t, r->offset >= 0 && r->end >= 0, r->end - r->offset), member,
			SLICE_ARGS(r->member), host, SLICE_ARGS(r->host), SLICE_ARGS(r->client));
	}
}

static void json_offsets(const struct group_description *g, const struct rows *rows)
{
	for (unsigned i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];
		json_t *lag = r->offset >= 0 && r->end >= 0 ? json_integer(r->end - r->offset) : json_null();
		out_json(json_pack("{s:o, s:o, s:i, s:o, s:I, s:o, s:o, s:o, s:o}", "group", json_text(g->id),
			"topic", json_text(r->topic), "partition", r->partition, "offset",
			r->offset >= 0 ? json_integer(r->offset) : json_null(), "end", (json_int_t)r->end,
			"lag", lag, "member", json_text(r->member), "host", json_text(r->host), "client",
			json_text(r->client)));
	}
}

static int by_most_partitions(const void *a, const void *b)
{
	const struct group_member *x = a, *y = b;
	if (x->n_partitions != y->n_partitions)
		return order_of(y->n_partitions, x->n_partitions);
	return slice_compare(x->id, y->id);
}

static int describe_offsets(struct tool *t, struct admin *a, struct group_description *g)
{
	struct group_partition *offsets;
	unsigned n;
	if (groups_offsets(a, t, g->id, &offsets, &n) < 0)
		return as_runtime(t);
	order_sort(g->members, g->n_members, sizeof *g->members, by_most_partitions);
	struct rows rows = gather_rows(t, g, offsets, n);
	if (ends_of(t, a, &rows) < 0)
		return as_runtime(t);
	if (args_has(&t->args, JSON))
		json_offsets(g, &rows);
	else if (rows_follow(g, rows.n))
		print_offsets(t, g, &rows);
	return 0;
}

static int as_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "(0,1), (3)": for each topic its partitions, all sorted as text. */
static const char *assignment_of(struct tool *t, const struct group_member *m)
{
	const char **topics = tool_alloc(t, m->n_partitions * sizeof *topics), *all = NULL;
	unsigned n = 0;
	for (unsigned i = 0; i < m->n_partitions;) {
		const char **ids = tool_alloc(t, m->n_partitions * sizeof *ids);
		unsigned k = 0, first = i;
		for (; i < m->n_partitions && slice_eq(m->partitions[i].topic, m->partitions[first].topic);
			i++)
			ids[k++] = tool_printf(t, "%d", m->partitions[i].partition);
		order_sort(ids, k, sizeof *ids, as_text);
		topics[n] = ids[0];
		for (unsigned j = 1; j < k; j++)
			topics[n] = tool_printf(t, "%s,%s", topics[n], ids[j]);
		topics[n] = tool_printf(t, "(%s)", topics[n]);
		n++;
	}
	order_sort(topics, n, sizeof *topics, as_text);
	for (unsigned i = 0; i < n; i++)
		all = all ? tool_printf(t, "%s, %s", all, topics[i]) : topics[i];
	return all ? all : "-";
}

static void json_members(const struct group_description *g)
{
	for (unsigned i = 0; i < g->n_members; i++) {
		const struct group_member *m = &g->members[i];
		json_t *partitions = json_array();
		for (unsigned k = 0; k < m->n_partitions; k++)
			json_array_append_new(partitions,
				json_pack("{s:o, s:i}", "topic", json_text(m->partitions[k].topic),
					"partition", m->partitions[k].partition));
		out_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "group", json_text(g->id), "member",
			json_text(m->id), "instance", json_text(m->instance), "host", json_text(m->host),
			"client", json_text(m->client_id), "partitions", partitions));
	}
}

static void print_members(struct tool *t, const struct group_description *g)
{
	bool verbose = args_has(&t->args, VERBOSE), instances = false;
	int group = 15, member = 15, instance = 17, host = 15, client = 15;
	if (rows_follow(g, g->n_members))
		for (unsigned i = 0; i < g->n_members; i++) {
			const struct group_member *m = &g->members[i];
			group = max_of(group, (int)g->id.n);
			member = max_of(member, (int)m->id.n);
			instance = max_of(instance, (int)m->instance.n);
			host = max_of(host, (int)m->host.n);
			client = max_of(client, (int)m->client_id.n);
			instances |= m->instance.n > 0;
		}
	say("\n%-*s %-*s ", group, "GROUP", member, "CONSUMER-ID");
	if (instances)
		say("%-*s ", instance, "GROUP-INSTANCE-ID");
	say("%-*s %-*s %-15s %s\n", host, "HOST", client, "CLIENT-ID", "#PARTITIONS",
		verbose ? "ASSIGNMENT" : "");
	for (unsigned i = 0; i < g->n_members; i++) {
		const struct group_member *m = &g->members[i];
		say("%-*.*s %-*.*s ", group, SLICE_ARGS(g->id), member, SLICE_ARGS(m->id));
		if (instances)
			say("%-*.*s ", instance, SLICE_ARGS(m->instance));
		say("%-*.*s %-*.*s %-15u %s\n", host, SLICE_ARGS(m->host), client, SLICE_ARGS(m->client_id),
			m->n_partitions, verbose ? assignment_of(t, m) : "");
	}
}

static void print_state(struct tool *t, const struct group_description *g)
{
	const struct admin_broker *c = g->coordinator;
	if (args_has(&t->args, JSON)) {
		out_json(json_pack("{s:o, s:i, s:o, s:o, s:i}", "group", json_text(g->id), "coordinator",
			c ? c->id : -1, "assignor", json_text(g->assignor), "state", json_text(g->state),
			"members", (int)g->n_members));
		return;
	}
	if (!rows_follow(g, 1))
		return;
	const char *coordinator = c ? tool_printf(t, "%s:%d  (%d)", c->host, c->port, c->id) : "-";
	int width = max_of(25, (int)strlen(coordinator));
	say("\n%-*s %-25s %-20s %-15s %s", width, "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE",
		"#MEMBERS");
	say("\n%-*.*s %-25s %-20.*s %-15.*s %u\n", width, SLICE_ARGS(g->id), coordinator,
		SLICE_ARGS(g->assignor), SLICE_ARGS(g->state), g->n_members);
}

static int describe(struct tool *t, struct admin *a)
{
	struct slice *names;
	unsigned n;
	if (groups_named(t, a, &names, &n) < 0)
		return -1;
	n = sorted(names, n);
	struct group_description *groups = tool_alloc(t, n * sizeof *groups);
	for (unsigned i = 0; i < n; i++) {
		progress("describing group %u of %u", i + 1, n);
		if (groups_describe(a, t, names[i], &groups[i]) < 0)
			return as_execution(t);
	}
	for (unsigned i = 0; i < n; i++) {
		if (args_has(&t->args, MEMBERS)) {
			if (args_has(&t->args, JSON))
				json_members(&groups[i]);
			else
				print_members(t, &groups[i]);
		} else if (args_has(&t->args, STATE)) {
			print_state(t, &groups[i]);
		} else if (describe_offsets(t, a, &groups[i]) < 0) {
			return -1;
		}
	}
	return 0;
}

/* ---- delete ---- */

/* In the order of a Java HashMap, which is how Kafka's command names them. */
static void as_hashed(struct tool *t, struct slice *v, unsigned n)
{
	struct javamap_slot *slots = tool_alloc(t, n * sizeof *slots);
	struct slice *copy = tool_alloc(t, n * sizeof *copy);
	for (unsigned i = 0; i < n; i++) {
		copy[i] = v[i];
		slots[i] = (struct javamap_slot){ .key = tool_text(t, v[i]), .index = i };
	}
	javamap_sort(JAVAMAP_PROPERTIES, slots, n);
	for (unsigned i = 0; i < n; i++)
		v[i] = copy[slots[i].index];
}

static void say_joined(const struct slice *v, unsigned n, const char *between)
{
	for (unsigned i = 0; i < n; i++)
		say("%s%.*s", i ? between : "", SLICE_ARGS(v[i]));
}

static int delete_as_json(struct tool *t, struct admin *a, const struct slice *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool failed = groups_delete(a, t, names[i]) < 0;
		out_json(json_pack("{s:o, s:s?}", "group", json_text(names[i]), "error",
			failed ? failure_text(t, &t->failure) : NULL));
		t->failure = (struct failure){ 0 };
	}
	return 0;
}

static int delete_groups(struct tool *t, struct admin *a)
{
	struct slice *names;
	unsigned n, n_deleted = 0, n_failed = 0;
	if (groups_named(t, a, &names, &n) < 0)
		return -1;
	n = sorted(names, n);
	as_hashed(t, names, n);
	if (args_has(&t->args, JSON))
		return delete_as_json(t, a, names, n);
	struct slice *deleted = tool_alloc(t, n * sizeof *deleted);
	const char **failed = tool_alloc(t, n * sizeof *failed);
	for (unsigned i = 0; i < n; i++) {
		progress("deleting group %u of %u", i + 1, n);
		if (groups_delete(a, t, names[i]) == 0) {
			deleted[n_deleted++] = names[i];
			continue;
		}
		failed[n_failed++] = tool_printf(t,
			"* Group '%.*s' could not be deleted due to: "
			"java.util.concurrent.ExecutionException: %s",
			SLICE_ARGS(names[i]), failure_text(t, &t->failure));
		t->failure = (struct failure){ 0 };
	}
	if (n_failed == 0) {
		say("Deletion of requested consumer groups ('");
		say_joined(deleted, n_deleted, ", ");
		say("') was successful.\n");
		return 0;
	}
	say("\nError: Deletion of some consumer groups failed:\n");
	for (unsigned i = 0; i < n_failed; i++)
		say("%s\n", failed[i]);
	if (n_deleted) {
		say("\nThese consumer groups were deleted successfully: '");
		say_joined(deleted, n_deleted, "'");
		say("', '\n");
	}
	return 0;
}

/* ---- the command ---- */

static const uint64_t scenarios = ARGS_SET(TO_OFFSET) | ARGS_SET(FROM_FILE) | ARGS_SET(TO_DATETIME) |
	ARGS_SET(BY_DURATION) | ARGS_SET(TO_EARLIEST) | ARGS_SET(TO_LATEST) | ARGS_SET(TO_CURRENT) |
	ARGS_SET(SHIFT_BY);
static const uint64_t levels = ARGS_SET(LIST) | ARGS_SET(DESCRIBE) | ARGS_SET(DELETE) |
	ARGS_SET(RESET_OFFSETS);
static const uint64_t which = ARGS_SET(GROUP) | ARGS_SET(ALL_GROUPS);

static void check_describe(struct args *args)
{
	if (!args_has(args, DESCRIBE))
		return;
	if (!args_count(args, which))
		args_refuse(args,
			"Option [describe] takes one of these options: [list], [describe], [delete], "
			"[reset-offsets]");
	if (args_count(args, ARGS_SET(MEMBERS) | ARGS_SET(OFFSETS) | ARGS_SET(STATE)) > 1)
		args_refuse(args,
			"Option [describe] takes at most one of these options: [members], [offsets], "
			"[state]");
	if (args_has(args, STATE) && args_text(args, STATE))
		args_refuse(args, "Option [describe] does not take a value for [state]");
}

static void check_reset(struct args *args)
{
	if (!args_has(args, RESET_OFFSETS))
		return;
	if (args_has(args, DRY_RUN) && args_has(args, EXECUTE))
		args_refuse(args, "Option [reset-offsets] only accepts one of [execute] and [dry-run]");
	if (!args->refused && !args_has(args, DRY_RUN) && !args_has(args, EXECUTE))
		complain("WARN: No action will be performed as the --execute option is missing.In a future "
			 "major "
			 "release, the default behavior of this command will be to prompt the user before "
			 "executing "
			 "the reset rather than doing a dry run. You should add the --dry-run option "
			 "explicitly if you "
			 "are scripting this command and want to keep the current default behavior without "
			 "prompting.\n");
	if (!args_count(args, which))
		args_refuse(args, "Option [reset-offsets] takes one of these options: [group], [all-groups]");
	for (unsigned opt = TO_OFFSET; opt <= SHIFT_BY; opt++)
		args_exclude(args, opt, scenarios & ~ARGS_SET(opt));
}

static void check(struct args *args)
{
	uint64_t only_list_describe = ARGS_SET(MEMBERS) | ARGS_SET(VERBOSE) | ARGS_SET(OFFSETS);
	if ((args_count(args, only_list_describe) && !args_has(args, DESCRIBE)) ||
		(args_has(args, STATE) && !args_count(args, ARGS_SET(DESCRIBE) | ARGS_SET(LIST))) ||
		(args_has(args, TYPE) && !args_has(args, LIST)))
		args_refuse(args,
			"--members, --verbose and --offsets are for --describe, --state for --describe and "
			"--list, --type for --list");
	args_require(args, BOOTSTRAP);
	check_describe(args);
	if (args_has(args, DELETE) && !args_count(args, which))
		args_refuse(args, "Option [delete] takes one of these options: [group], [all-groups]");
	if (args_has(args, DELETE) && args_has(args, TOPIC))
		args_refuse(args,
			"The consumer does not support topic-specific offset deletion from a consumer "
			"group.");
	if (args_has(args, DELETE_OFFSETS) && (!args_has(args, GROUP) || !args_has(args, TOPIC)))
		args_refuse(
			args, "Option [delete-offsets] takes the following options: [group], [all-groups]");
	check_reset(args);
	args_exclude(args, JSON, ARGS_SET(EXPORT));
	args_exclude(args, GROUP, ARGS_SET(ALL_GROUPS));
	args_exclude(args, GROUP, ARGS_SET(LIST));
	args_exclude(args, TOPIC, ARGS_SET(LIST) | ARGS_SET(DESCRIBE));
	if (args_count(args, levels | ARGS_SET(DELETE_OFFSETS)) != 1)
		args_refuse(args,
			"Command must include exactly one action: --list, --describe, --delete, "
			"--reset-offsets, --delete-offsets");
}

static int act(struct tool *t, struct admin *a)
{
	const struct args *args = &t->args;
	admin_set_timeout(a, args_int(args, TIMEOUT));
	return args_has(args, LIST)             ? list(t, a)
		: args_has(args, DESCRIBE)      ? describe(t, a)
		: args_has(args, DELETE)        ? delete_groups(t, a)
		: args_has(args, RESET_OFFSETS) ? groups_reset(t, a)
						: groups_forget(t, a);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	check(args);
	if (args->refused)
		return tool_usage(t, "%s", args->refused);
	if (args_check_values(args)) {
		say("\nError: Executing consumer group command failed due to %s\n", args->refused);
		return 0;
	}
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	int rc = a ? act(t, a) : -1;
	bool opened = a != NULL;
	admin_close(a);
	if (rc == WRONG_USAGE)
		return tool_usage(t, "%s", args->refused);
	if (rc == 0)
		return 0;
	const char *why = opened ? t->failure.words : "Failed to create new KafkaAdminClient";
	if (args_has(args, JSON))
		out_json(json_pack("{s:o}", "error", json_text(slice_str(why))));
	else
		say("\nError: Executing consumer group command failed due to %s\n", why);
	tool_trace(t);
	return 0;
}

const struct command command_consumer_groups = {
	.about = "This tool helps to list all consumer groups, describe a consumer group, delete consumer "
		 "group info, or "
		 "reset consumer group offsets.",
	.more = "As Kafka's command it ends with 0 also when the brokers refused what was asked, and says so "
		"on standard "
		"output; wrong usage ends with 1.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
