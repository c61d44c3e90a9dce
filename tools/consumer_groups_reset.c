/* consumer_groups_reset.c - samsa-consumer-groups --reset-offsets and --delete-offsets. */
#include "broker/base/kerr.h"
#include "broker/base/order.h"
#include "tools/cluster.h"
#include "tools/consumer_groups_priv.h"
#include "tools/java_time.h"
#include "tools/out.h"

#include <string.h>

enum { QUOTE_FROM = 24 }; /* Jackson's CSV puts quotes around longer words without looking at them */

/* ---- which partitions ---- */

static void add(struct tool *t, struct at_leader **v, unsigned *n, struct slice topic, int32_t partition)
{
	struct at_leader *more = tool_alloc(t, (*n + 1) * sizeof *more);
	if (*n)
		memcpy(more, *v, *n * sizeof *more);
	more[*n] = (struct at_leader){ .topic = topic, .partition = partition };
	*v = more;
	++*n;
}

static int with_partitions(struct tool *t, const char *text, struct at_leader **v, unsigned *n)
{
	unsigned parts, count;
	char **halves = split_text(t, text, ':', &parts);
	if (parts != 2) {
		args_refuse(&t->args, "Invalid topic arg '%s', expected topic name and partitions", text);
		return WRONG_USAGE;
	}
	char **ids = split_text(t, halves[1], ',', &count);
	for (unsigned i = 0; i < count; i++) {
		int32_t id;
		if (parse_int(t, ids[i], &id) < 0) {
			args_refuse(&t->args, "Invalid partition '%s' specified in topic arg '%s''", ids[i],
				text);
			return WRONG_USAGE;
		}
		add(t, v, n, slice_str(halves[0]), id);
	}
	return 0;
}

/* All partitions of one topic. */
static int whole_topic(
	struct tool *t, struct admin *a, struct slice topic, bool missing, struct at_leader **v, unsigned *n)
{
	struct metadata_response m;
	admin_begin(a, "describeTopics", 0);
	if (cluster_describe(a, t, &topic, 1, &m) < 0) {
		if (!missing || !t->failure.code)
			return -1;
		add(t, v, n, topic, -1);
		(*v)[*n - 1].failure = t->failure;
		t->failure = (struct failure){ 0 };
		return 0;
	}
	for (int32_t i = 0; m.n_topics == 1 && i < m.topics[0].n_partitions; i++)
		add(t, v, n, topic, m.topics[0].partitions[i].partition_index);
	return 0;
}

/* "topic:0,1" and "topic": adds the partitions. Topics that do not exist fail all, or with `missing` are
 * added with partition -1 and their own failure. */
static int partitions_named(struct tool *t, struct admin *a, bool missing, struct at_leader **out,
			    unsigned *n)
{
	*out = NULL;
	*n = 0;
	for (unsigned i = 0; i < args_count_of(&t->args, TOPIC); i++) {
		const char *text = args_nth(&t->args, TOPIC, i);
		int rc = strchr(text, ':') ? with_partitions(t, text, out, n)
					   : whole_topic(t, a, slice_str(text), missing, out, n);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- what they are to be reset to ---- */

/* A plan: partitions with their new offset in `offset`. */
struct plan {
	struct slice group;
	struct at_leader *v;
	unsigned n;
};

/* The offsets at a time for all partitions of the plan, into `out`; the first that has none fails. */
static int offsets_at(
	struct tool *t, struct admin *a, const struct plan *p, int64_t when, struct at_leader **out)
{
	struct at_leader *v = *out = tool_alloc(t, p->n * sizeof *v);
	for (unsigned i = 0; i < p->n; i++)
		v[i] = (struct at_leader){
			.topic = p->v[i].topic, .partition = p->v[i].partition, .asked = when
		};
	if (p->n && leaders_list_offsets(a, t, v, p->n) < 0)
		return as_runtime(t);
	for (unsigned i = 0; i < p->n; i++)
		if (v[i].failure.words) {
			t->failure = v[i].failure;
			return as_runtime(t);
		}
	return 0;
}

static int to_special(struct tool *t, struct admin *a, struct plan *p, int64_t when)
{
	struct at_leader *v;
	if (offsets_at(t, a, p, when, &v) < 0)
		return -1;
	p->v = v;
	return 0;
}

/* Partitions without a record from then on get their end. */
static int to_time(struct tool *t, struct admin *a, struct plan *p, int64_t when)
{
	struct at_leader *v, *ends;
	if (offsets_at(t, a, p, when, &v) < 0 || offsets_at(t, a, p, OFFSETS_LATEST, &ends) < 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		if (v[i].offset < 0) {
			remark(args_has(&t->args, JSON),
				"\nWarn: Partition %d from topic %.*s is empty. Falling back to latest known "
				"offset.\n",
				v[i].partition, SLICE_ARGS(v[i].topic));
			v[i].offset = ends[i].offset;
		}
	p->v = v;
	return 0;
}

/* What is asked for, kept within what the log has. */
static int in_range(struct tool *t, struct admin *a, struct plan *p)
{
	struct at_leader *starts, *ends;
	if (offsets_at(t, a, p, OFFSETS_EARLIEST, &starts) < 0 ||
		offsets_at(t, a, p, OFFSETS_LATEST, &ends) < 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++) {
		struct at_leader *x = &p->v[i];
		bool high = x->offset > ends[i].offset;
		if (!high && x->offset >= starts[i].offset)
			continue;
		int64_t set = high ? ends[i].offset : starts[i].offset;
		complain("WARN New offset (%lld) is %s offset for topic partition %.*s-%d. Value will be set "
			 "to %lld\n",
			(long long)x->offset, high ? "higher than latest" : "lower than earliest",
			SLICE_ARGS(x->topic), x->partition, (long long)set);
		x->offset = set;
	}
	return 0;
}

static int to_offset(struct tool *t, struct admin *a, struct plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		p->v[i].offset = args_int(&t->args, TO_OFFSET);
	return in_range(t, a, p);
}

static const struct group_partition *committed(
	const struct group_partition *v, unsigned n, const struct at_leader *x)
{
	const struct group_partition key = { .topic = x->topic, .partition = x->partition };
	return order_find(&key, v, n, sizeof *v, group_partitions_order);
}

static int shift(struct tool *t, struct admin *a, struct plan *p)
{
	struct group_partition *now;
	unsigned n;
	if (groups_offsets(a, t, p->group, &now, &n) < 0)
		return as_runtime(t);
	for (unsigned i = 0; i < p->n; i++) {
		const struct group_partition *c = committed(now, n, &p->v[i]);
		if (!c) {
			args_refuse(&t->args,
				"Cannot shift offset for partition %.*s-%d since there is no current "
				"committed offset",
				SLICE_ARGS(p->v[i].topic), p->v[i].partition);
			return WRONG_USAGE;
		}
		p->v[i].offset = c->offset + args_int(&t->args, SHIFT_BY);
	}
	return in_range(t, a, p);
}

static int to_current(struct tool *t, struct admin *a, struct plan *p)
{
	struct group_partition *now;
	struct at_leader *ends;
	unsigned n;
	if (groups_offsets(a, t, p->group, &now, &n) < 0)
		return as_runtime(t);
	if (offsets_at(t, a, p, OFFSETS_LATEST, &ends) < 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++) {
		const struct group_partition *c = committed(now, n, &p->v[i]);
		p->v[i].offset = c ? c->offset : ends[i].offset;
	}
	return 0;
}

static int to_datetime(struct tool *t, struct admin *a, struct plan *p)
{
	int64_t when;
	const char *text = args_text(&t->args, TO_DATETIME), *words = java_datetime(text, &when);
	if (!words)
		return to_time(t, a, p, when);
	return tool_fail(t, "ParseException",
		strchr(words, '%') ? "java.text.ParseException: Unparseable date: \"%s%s\""
				   : "java.text.ParseException: Error parsing timestamp. It does not contain "
				     "a 'T' according to ISO8601 format",
		text, java_datetime_has_zone(text) ? "" : "Z");
}

static int by_duration(struct tool *t, struct admin *a, struct plan *p)
{
	int64_t ms;
	if (java_duration(args_text(&t->args, BY_DURATION), &ms) < 0)
		return tool_fail(t, "DateTimeParseException", "Text cannot be parsed to a Duration");
	return to_time(t, a, p, sys_wall_ms() - ms);
}

/* ---- plans in a file ---- */

/* A field that may stand in quotes; *line moves on. NULL past the last. */
static char *next_field(char **line)
{
	char *s = *line, *end;
	if (!s)
		return NULL;
	if (*s == '"') {
		end = strchr(++s, '"');
		char *comma = end ? end + 1 : NULL;
		*line = comma && *comma == ',' ? comma + 1 : NULL;
	} else {
		end = strchr(s, ',');
		*line = end ? end + 1 : NULL;
	}
	if (end)
		*end = '\0';
	return s;
}

/* topic,partition,offset with a group before it or not. */
static int read_line(
	struct tool *t, const char *text, bool with_group, struct slice *group, struct at_leader *out)
{
	char *line = tool_text(t, slice_str(text));
	char *name = with_group ? next_field(&line) : NULL;
	char *topic = next_field(&line), *partition = next_field(&line), *offset = next_field(&line);
	*out = (struct at_leader){ .topic = slice_str(topic) };
	if (!topic || !partition || !offset || line || (with_group && !name) ||
		parse_int(t, trimmed(partition), &out->partition) < 0 ||
		parse_long(t, trimmed(offset), &out->offset) < 0) {
		t->failure = (struct failure){ 0 };
		return tool_fail(t, "RuntimeException", "no line of a reset plan: %s", text);
	}
	*group = slice_str(name);
	return 0;
}

static int from_file(struct tool *t, struct admin *a, struct plan *p)
{
	struct slice text, group;
	struct at_leader x;
	unsigned n;
	if (tool_read_file(t, args_text(&t->args, FROM_FILE), &text) < 0)
		return -1;
	char **lines = split_text(t, (const char *)text.p, '\n', &n);
	bool with_group = args_count_of(&t->args, GROUP) != 1 ||
		read_line(t, lines[0], false, &group, &x) < 0;
	t->failure = (struct failure){ 0 };
	p->n = 0;
	p->v = NULL;
	for (unsigned i = 0; i < n; i++) {
		if (read_line(t, trimmed(lines[i]), with_group, &group, &x) < 0)
			return -1;
		if (!with_group || slice_eq(group, p->group)) {
			add(t, &p->v, &p->n, x.topic, x.partition);
			p->v[p->n - 1].offset = x.offset;
		}
	}
	if (p->n == 0)
		say_group_error(t, p->group,
			tool_printf(t, "No reset plan for group %.*s found", SLICE_ARGS(p->group)));
	return in_range(t, a, p);
}

static int work_out(struct tool *t, struct admin *a, struct plan *p)
{
	const struct args *args = &t->args;
	if (args_has(args, TO_OFFSET))
		return to_offset(t, a, p);
	if (args_has(args, TO_EARLIEST) || args_has(args, TO_LATEST))
		return to_special(t, a, p, args_has(args, TO_EARLIEST) ? OFFSETS_EARLIEST : OFFSETS_LATEST);
	if (args_has(args, SHIFT_BY))
		return shift(t, a, p);
	if (args_has(args, TO_DATETIME))
		return to_datetime(t, a, p);
	if (args_has(args, BY_DURATION))
		return by_duration(t, a, p);
	if (args_has(args, FROM_FILE))
		return from_file(t, a, p);
	if (args_has(args, TO_CURRENT))
		return to_current(t, a, p);
	args_refuse(&t->args,
		"Option '[reset-offsets]' requires one of the following scenarios: [[to-offset], "
		"[shift-by], [to-datetime], [by-duration], [to-earliest], [to-latest], [to-current], "
		"[from-file]]");
	return WRONG_USAGE;
}

/* ---- reset ---- */

static int partitions_to_reset(struct tool *t, struct admin *a, struct plan *p)
{
	struct group_partition *now;
	unsigned n;
	if (args_has(&t->args, ALL_TOPICS)) {
		if (groups_offsets(a, t, p->group, &now, &n) < 0)
			return as_runtime(t);
		for (unsigned i = 0; i < n; i++)
			add(t, &p->v, &p->n, now[i].topic, now[i].partition);
		return 0;
	}
	if (args_has(&t->args, TOPIC)) {
		int rc = partitions_named(t, a, false, &p->v, &p->n);
		return rc < 0 ? as_runtime(t) : rc;
	}
	if (args_has(&t->args, FROM_FILE))
		return 0;
	args_refuse(&t->args, "One of the reset scopes should be defined: --all-topics, --topic.");
	return WRONG_USAGE;
}

static int execute(struct tool *t, struct admin *a, const struct plan *p)
{
	struct group_partition *v = tool_alloc(t, p->n * sizeof *v);
	for (unsigned i = 0; i < p->n; i++)
		v[i] = (struct group_partition){
			.topic = p->v[i].topic, .partition = p->v[i].partition, .offset = p->v[i].offset
		};
	return groups_commit(a, t, p->group, v, p->n) < 0 ? as_runtime(t) : 0;
}

static int plan_of(struct tool *t, struct admin *a, struct plan *p)
{
	struct group_description g;
	if (groups_describe(a, t, p->group, &g) < 0)
		return as_runtime(t);
	if (!slice_is(g.state, "Empty") && !slice_is(g.state, "Dead")) {
		say_group_error(t, p->group,
			tool_printf(t,
				"Assignments can only be reset if the group '%.*s' is inactive, but the "
				"current state is %.*s.",
				SLICE_ARGS(p->group), SLICE_ARGS(g.state)));
		return 0;
	}
	int rc = partitions_to_reset(t, a, p);
	if (rc == 0)
		rc = work_out(t, a, p);
	if (rc == 0 && args_has(&t->args, EXECUTE) && !args_has(&t->args, DRY_RUN))
		rc = execute(t, a, p);
	return rc;
}

static void say_csv(struct slice word)
{
	bool quotes = word.n > QUOTE_FROM ||
		(word.n && (memchr(word.p, ',', word.n) || memchr(word.p, '"', word.n)));
	say(quotes ? "\"%.*s\"" : "%.*s", SLICE_ARGS(word));
}

static void print_csv(const struct plan *p, bool with_group)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (with_group) {
			say_csv(p->group);
			say(",");
		}
		say_csv(p->v[i].topic);
		say(",%d,%lld\n", p->v[i].partition, (long long)p->v[i].offset);
	}
}

static void json_plan(const struct plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		say_json_partition(p->group, p->v[i].topic, p->v[i].partition, "offset",
			json_integer(p->v[i].offset), NULL);
}

static void print_plan(const struct plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		say("\n%-30.*s %-30.*s %-10d %-15lld", SLICE_ARGS(p->group), SLICE_ARGS(p->v[i].topic),
			p->v[i].partition, (long long)p->v[i].offset);
}

int groups_reset(struct tool *t, struct admin *a)
{
	struct slice *names;
	unsigned n;
	if (groups_named(t, a, &names, &n) < 0)
		return -1;
	struct plan *plans = tool_alloc(t, n * sizeof *plans);
	for (unsigned i = 0; i < n; i++) {
		plans[i].group = names[i];
		progress("offsets of group %u of %u", i + 1, n);
		int rc = plan_of(t, a, &plans[i]);
		if (rc)
			return rc;
	}
	bool export = args_has(&t->args, EXPORT);
	if (args_has(&t->args, JSON)) {
		for (unsigned i = 0; i < n; i++)
			json_plan(&plans[i]);
		return 0;
	}
	if (!export && n > 0)
		say("\n%-30s %-30s %-10s %-15s", "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
	for (unsigned i = 0; i < n; i++) {
		if (export)
			print_csv(&plans[i], args_count_of(&t->args, GROUP) != 1);
		else
			print_plan(&plans[i]);
	}
	say("\n");
	return 0;
}

/* ---- delete offsets ---- */

static const char *said_of(struct tool *t, int code, const char *group)
{
	switch (code) {
	case KERR_INVALID_GROUP_ID:
		return tool_printf(t, "'%s' is not valid.", group);
	case KERR_GROUP_ID_NOT_FOUND:
		return tool_printf(t, "'%s' does not exist.", group);
	case KERR_GROUP_AUTHORIZATION_FAILED:
		return tool_printf(t, "Access to '%s' is not authorized.", group);
	case KERR_NON_EMPTY_GROUP:
		return tool_printf(t,
			"Deleting offsets of a consumer group '%s' is forbidden if the group is not empty.",
			group);
	case KERR_GROUP_SUBSCRIBED_TO_TOPIC:
	case KERR_TOPIC_AUTHORIZATION_FAILED:
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
		return "Encounter some partition level error, see the follow-up details:";
	default:
		return tool_printf(t, "Encounter some unknown error: %s", kerr_name(code));
	}
}

/* A line of what came of it: sorted by topic and number as one text, as Kafka does. */
struct outcome {
	const char *key;
	struct slice topic;
	int32_t partition;
	const struct failure *failure; /* its words are NULL: it is deleted */
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct outcome *)a)->key, ((const struct outcome *)b)->key);
}

static void print_outcomes(struct tool *t, struct outcome *v, unsigned n)
{
	say("\n%-30s %-15s %-15s", "TOPIC", "PARTITION", "STATUS");
	for (unsigned i = 0; i < n; i++) {
		const char *number = v[i].partition >= 0 ? tool_printf(t, "%d", v[i].partition)
							 : "Not Provided";
		const char *status = v[i].failure->words
			? tool_printf(t, "Error: :%s", failure_text(t, v[i].failure))
			: "Successful";
		say("\n%-30.*s %-15s %-15s", SLICE_ARGS(v[i].topic), number, status);
	}
	say("\n");
}

static void json_outcomes(struct tool *t, const struct outcome *v, unsigned n)
{
	struct slice group = slice_str(args_text(&t->args, GROUP));
	for (unsigned i = 0; i < n; i++)
		say_json_partition(group, v[i].topic, v[i].partition, NULL, NULL,
			v[i].failure->words ? failure_text(t, v[i].failure) : NULL);
}

/* What is said of the whole request. */
static void say_request(struct tool *t, int code, const char *group)
{
	if (code) {
		say("\nError: %s\n", said_of(t, code, group));
		return;
	}
	say("Request succeed for deleting offsets with topic %s", args_nth(&t->args, TOPIC, 0));
	for (unsigned i = 1; i < args_count_of(&t->args, TOPIC); i++)
		say(", %s", args_nth(&t->args, TOPIC, i));
	say(" group %s\n", group);
}

int groups_forget(struct tool *t, struct admin *a)
{
	const char *group = args_text(&t->args, GROUP);
	struct at_leader *named;
	unsigned n_named, n = 0;
	int code, rc = partitions_named(t, a, true, &named, &n_named);
	if (rc)
		return rc;
	struct group_partition *v = tool_alloc(t, n_named * sizeof *v);
	struct outcome *outcomes = tool_alloc(t, n_named * sizeof *outcomes);
	for (unsigned i = 0; i < n_named; i++)
		if (named[i].partition >= 0)
			v[n++] = (struct group_partition){ .topic = named[i].topic,
				.partition = named[i].partition };
	if (groups_delete_offsets(a, t, slice_str(group), v, n, &code) < 0)
		return as_runtime(t);
	for (unsigned i = 0; !code && i < n; i++)
		code = v[i].failure.code;
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		outcomes[count++] = (struct outcome){ tool_printf(t, "%.*s%d", SLICE_ARGS(v[i].topic),
							      v[i].partition),
			v[i].topic, v[i].partition, &v[i].failure };
	for (unsigned i = 0; i < n_named; i++)
		if (named[i].partition < 0)
			outcomes[count++] = (struct outcome){ tool_printf(t, "%.*s-1",
								      SLICE_ARGS(named[i].topic)),
				named[i].topic, -1, &named[i].failure };
	order_sort(outcomes, count, sizeof *outcomes, by_key);
	if (args_has(&t->args, JSON)) {
		json_outcomes(t, outcomes, count);
		return 0;
	}
	say_request(t, code, group);
	print_outcomes(t, outcomes, count);
	return 0;
}
