/* cluster_id.c - samsa-cluster; org.apache.kafka.tools.ClusterTool. */
#include "broker/base/must.h"
#include "tools/cluster.h"
#include "tools/out.h"

#include <jansson.h>
#include <string.h>

enum { BOOTSTRAP, BOOTSTRAP_CONTROLLER, CONFIG, ID, JSON };

static const char *const verbs[] = { "cluster-id", "unregister", NULL };

static const struct opt options[] = {
	[BOOTSTRAP] = { .name = "bootstrap-server",
		.kind = OPT_TEXT,
		.letter = 'b',
		.value = "host:port,...",
		.help = "REQUIRED: The brokers to begin with." },
	[BOOTSTRAP_CONTROLLER] = { .name = "bootstrap-controller",
		.kind = OPT_TEXT,
		.letter = 'C',
		.value = "host:port,...",
		.help = "Refused: clusters on ZooKeeper have no controllers of their own." },
	[CONFIG] = { .name = "config",
		.kind = OPT_FILE,
		.letter = 'c',
		.value = "file",
		.help = "A file with settings of the client." },
	[ID] = { .name = "id",
		.kind = OPT_INT,
		.letter = 'i',
		.value = "broker",
		.help = "With unregister: which broker." },
	[JSON] = { .name = "json",
		.kind = OPT_FLAG,
		.help = "With cluster-id, print JSON.",
		.own = true },
};

static int cluster_id(struct tool *t)
{
	struct admin *a = admin_open(t, args_text(&t->args, BOOTSTRAP), args_text(&t->args, CONFIG));
	if (a)
		admin_begin(a, "describeCluster", 0);
	if (!a || admin_look(a) < 0) {
		admin_close(a);
		return tool_complain(t);
	}
	if (args_has(&t->args, JSON))
		out_json(json_pack("{s:s?}", "cluster_id", admin_cluster_id(a)));
	else if (admin_cluster_id(a))
		say("Cluster ID: %s\n", admin_cluster_id(a));
	else
		say("No cluster ID found. The Kafka version is probably too old.\n");
	admin_close(a);
	return 0;
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	if (args_has(args, BOOTSTRAP_CONTROLLER) || !args_has(args, BOOTSTRAP))
		return tool_usage(t, "one of the arguments --bootstrap-server/-b is required");
	if (args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	if (strcmp(args->verb, "cluster-id") == 0)
		return cluster_id(t);
	if (!args_has(args, ID))
		return tool_usage(t, "argument --id/-i is required");
	/* A broker on ZooKeeper registers itself, and is gone when its session is. */
	say("The target cluster does not support the broker unregistration API.\n");
	return 0;
}

const struct command command_cluster = {
	.about = "The Kafka cluster tool.",
	.more = "cluster-id prints the cluster's id. unregister is for clusters without ZooKeeper, and says "
		"so.",
	.verbs = verbs,
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
