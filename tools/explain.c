/* explain.c - samsa-explain: why the partitions of topics are as they are. README says which file does
 * what. */
#include "tools/explain.h"

#include "broker/base/must.h"
#include "tools/cluster.h"
#include "tools/explain_priv.h"
#include "tools/out.h"

#include <string.h>

enum { BOOTSTRAP, COMMAND_CONFIG, PARTITIONS, GROUPS, TIMEOUT, JSON };

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[PARTITIONS] = { "partitions", OPT_TEXT, "partition ids",
		"Only these partitions, by their numbers, parted by commas." },
	[GROUPS] = { "groups", OPT_TEXT, "none, all or a number",
		"How many of the groups that read a topic are shown, those furthest behind. With none no "
		"group is asked for.",
		.fallback = "10" },
	[TIMEOUT] = { "timeout", OPT_LONG, "timeout (ms)",
		"How long each question to the brokers may take. A broker that has not answered is not "
		"asked again.",
		.fallback = "10000" },
	[JSON] = { "json", OPT_FLAG, NULL, "Print one document of JSON." },
};

int explain_topics(struct tool *t, struct admin *a, const struct slice *names, unsigned n,
	const struct explain_options *how)
{
	struct explained e = { 0 };
	if (n > 0 && explain_ask(t, a, names, n, how, &e) < 0)
		return -1;
	if (how->json)
		out_json(explain_json(t, &e));
	else
		explain_print(t, &e);
	return 0;
}

/* ---- the command ---- */

static int read_groups(struct tool *t, struct explain_options *how)
{
	const char *text = args_text(&t->args, GROUPS);
	how->groups = strcmp(text, "all") == 0 ? EXPLAIN_ALL_GROUPS : 0;
	if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
		return 0;
	if (parse_int(t, text, &how->groups) == 0 && how->groups >= 0)
		return 0;
	t->failure = (struct failure){ 0 };
	return tool_fail(t, "IllegalArgumentException", "--groups takes none, all or a number, not '%s'",
		text);
}

static int read_partitions(struct tool *t, struct explain_options *how)
{
	unsigned n;
	const char *text = args_text(&t->args, PARTITIONS);
	if (!text)
		return 0;
	char **words = split_text(t, text, ',', &n);
	int32_t *ids = tool_alloc(t, n * sizeof *ids);
	for (unsigned i = 0; i < n; i++)
		if (parse_int(t, trimmed(words[i]), &ids[i]) < 0)
			return -1;
	how->partitions = ids;
	how->n_partitions = n;
	return 0;
}

/* Each topic once, in the order in which Metadata will have them. */
static int find_topics(struct tool *t, struct admin *a, struct slice *names, unsigned *n)
{
	struct metadata_response all;
	admin_begin(a, "listTopics", 0);
	if (cluster_topics(a, &all) < 0)
		return -1;
	*n = 0;
	for (unsigned i = 0; i < t->args.n_operands; i++) {
		struct slice name = slice_str(t->args.operands[i]);
		bool named = false;
		for (unsigned k = 0; k < *n && !named; k++)
			named = slice_eq(names[k], name);
		if (!cluster_topic(&all, name))
			return tool_fail(t, "IllegalArgumentException",
				"Topic '%s' does not exist as expected",
				human_text(&t->arena, name));
		if (!named)
			names[(*n)++] = name;
	}
	return 0;
}

static int explain(struct tool *t, struct admin *a)
{
	struct explain_options how = { .json = args_has(&t->args, JSON) };
	struct slice *names = tool_alloc(t, t->args.n_operands * sizeof *names);
	unsigned n;
	admin_set_timeout(a, args_int(&t->args, TIMEOUT));
	if (read_groups(t, &how) < 0 || read_partitions(t, &how) < 0 || find_topics(t, a, names, &n) < 0)
		return -1;
	return explain_topics(t, a, names, n, &how);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	args_require(args, BOOTSTRAP);
	if (!args->refused && args->n_operands == 0)
		args_refuse(args, "Which topic is to be explained?");
	if (args->refused || args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	int rc = a ? explain(t, a) : -1;
	admin_close(a);
	return rc == 0 ? 0 : tool_complain(t);
}

const struct command command_explain = {
	.about = "Explains why the partitions of topics are as they are.",
	.more = "For each topic: the settings that decide what becomes of it and who has set them; the "
		"partitions, their leaders, offsets, and the age of their oldest and newest record; the "
		"replicas, how far each is and in which directory; the groups that read it, and where they "
		"are behind. Then, in sentences, what is wrong and why (marked with an exclamation mark), "
		"what waits for what, and what will be deleted or compacted next, and when. It asks the "
		"brokers by Kafka's protocol alone, so that any broker of it can be explained. What a "
		"broker does not serve, does not allow or does not answer is listed at the end as not "
		"known; nothing is guessed.\n"
		"Sizes of the partitions are those of their leaders. OFFSETS is how many offsets there are "
		"from the first record to the end of what is committed: fewer records, where some were "
		"compacted away or are marks of transactions. WRITERS are producers with an id (idempotent "
		"or in transactions) that the leader remembers.\n"
		"The same is printed by samsa-topics --explain --topic.",
	.operands = "topic ...",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
