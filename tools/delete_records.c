/* delete_records.c - moves the log start of partitions; org.apache.kafka.tools.DeleteRecordsCommand. */
#include "broker/base/must.h"
#include "tools/cluster.h"
#include "tools/json_read.h"
#include "tools/leaders.h"
#include "tools/out.h"

enum { BOOTSTRAP, FILE_OF_OFFSETS, COMMAND_CONFIG, JSON };

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[FILE_OF_OFFSETS] = { "offset-json-file", OPT_FILE, "Offset json file path",
		"REQUIRED: A file with the offset before which records go, for each partition: "
		"{\"partitions\": "
		"[{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}], \"version\": 1}. -1 is the high "
		"watermark." },
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[JSON] = { "json", OPT_FLAG, NULL, "Print JSON.", .own = true },
};

static int read_partition(struct tool *t, json_t *o, struct at_leader *v, unsigned n)
{
	struct at_leader *item = &v[n];
	if (!json_as_object(t, o) || json_read_text(t, o, "topic", &item->topic) < 0 ||
		json_read_int(t, o, "partition", &item->partition) < 0 ||
		json_read_long(t, o, "offset", &item->asked) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (slice_eq(v[i].topic, item->topic) && v[i].partition == item->partition)
			return tool_fail(t, "AdminCommandFailedException",
				"Offset json file contains duplicate topic partitions: %.*s-%d",
				SLICE_ARGS(item->topic), item->partition);
	return 0;
}

static int read_partitions(struct tool *t, json_t *root, struct at_leader **v, unsigned *n)
{
	int32_t version = 1;
	json_t *said, *array, *o;
	size_t i;
	if (!json_as_object(t, root))
		return -1;
	if ((said = json_object_get(root, "version")) && json_as_int(t, said, &version) < 0)
		return -1;
	if (version != 1)
		return tool_fail(
			t, "AdminOperationException", "Not supported version field value %d", version);
	if (!json_object_get(root, "partitions"))
		return tool_fail(t, "AdminOperationException", "Missing partitions field");
	if (!(array = json_as_array(t, json_object_get(root, "partitions"))))
		return -1;
	*v = tool_alloc(t, json_array_size(array) * sizeof **v);
	*n = 0;
	json_array_foreach(array, i, o)
	{
		if (read_partition(t, o, *v, *n) < 0)
			return -1;
		++*n;
	}
	return 0;
}

static int read_offsets(struct tool *t, struct at_leader **v, unsigned *n)
{
	struct slice text;
	if (tool_read_file(t, args_text(&t->args, FILE_OF_OFFSETS), &text) < 0)
		return -1;
	json_t *root = json_read(text);
	if (!root)
		return tool_fail(t, "AdminOperationException", "The input string is not a valid JSON");
	int rc = read_partitions(t, root, v, n);
	json_decref(root);
	return rc;
}

static void show(struct tool *t, const struct at_leader *p)
{
	const char *failure = p->failure.words ? failure_text(t, &p->failure) : NULL;
	if (args_has(&t->args, JSON))
		out_json(json_pack("{s:s%, s:i, s:o, s:s?}", "topic", p->topic.p, (size_t)p->topic.n,
			"partition", p->partition, "low_watermark",
			failure ? json_null() : json_integer(p->offset), "error", failure));
	else if (failure)
		say("partition: %.*s-%d\terror: %s\n", SLICE_ARGS(p->topic), p->partition, failure);
	else
		say("partition: %.*s-%d\tlow_watermark: %lld\n", SLICE_ARGS(p->topic), p->partition,
			(long long)p->offset);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	struct at_leader *v = NULL;
	unsigned n = 0;
	bool plain = !args_has(args, JSON);
	args_require(args, BOOTSTRAP);
	args_require(args, FILE_OF_OFFSETS);
	if (args->refused || args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	if (!a || read_offsets(t, &v, &n) < 0) {
		admin_close(a);
		return tool_complain(t);
	}
	if (plain)
		say("Executing records delete operation\n");
	int rc = leaders_delete_records(a, t, v, n);
	admin_close(a);
	if (rc < 0)
		return tool_complain(t);
	if (plain)
		say("Records delete operation completed:\n");
	for (unsigned i = 0; i < n; i++)
		show(t, &v[i]);
	return 0;
}

const struct command command_delete_records = {
	.about = "This tool helps to delete records of the given partitions down to the specified offset.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
