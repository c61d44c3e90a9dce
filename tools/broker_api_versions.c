/* broker_api_versions.c - the requests that each broker serves; kafka.admin.BrokerApiVersionsCommand. */
#include "api_versions.kmsg.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "tools/admin.h"
#include "tools/out.h"

#include <jansson.h>

enum { BOOTSTRAP, CONFIG, JSON };

static const struct opt options[] = {
	[BOOTSTRAP] = { "bootstrap-server", OPT_TEXT, "server(s) to use for bootstrapping",
		"REQUIRED: The brokers to begin with, host:port,...", .fallback = NULL },
	[CONFIG] = { "command-config", OPT_FILE, "command config property file",
		"A file with settings of the client.", .fallback = NULL },
	[JSON] = { "json", OPT_FLAG, NULL, "Print JSON, a line for each broker.", .own = true },
};

/* APIs of brokers without ZooKeeper, which have no schema here, and their newest version in 3.9. */
static const struct {
	int16_t key, max;
	const char *name;
} others[] = {
	{ 55, 2, "DescribeQuorum" },
	{ 64, 0, "UnregisterBroker" },
	{ 71, 0, "GetTelemetrySubscriptions" },
	{ 72, 0, "PushTelemetry" },
	{ 74, 0, "ListClientMetricsResources" },
	{ 75, 0, "DescribeTopicPartitions" },
	{ 76, 0, "ShareGroupHeartbeat" },
	{ 77, 0, "ShareGroupDescribe" },
	{ 78, 0, "ShareFetch" },
	{ 79, 0, "ShareAcknowledge" },
	{ 80, 0, "AddRaftVoter" },
	{ 81, 0, "RemoveRaftVoter" },
	{ 83, 0, "InitializeShareGroupState" },
	{ 84, 0, "ReadShareGroupState" },
	{ 85, 0, "WriteShareGroupState" },
	{ 86, 0, "DeleteShareGroupState" },
	{ 87, 0, "ReadShareGroupStateSummary" },
};

/* One line of the table: an API that the broker serves, or one that it lacks. */
struct line {
	int16_t key;
	const char *name;   /* NULL: we do not know it */
	int min, max;       /* what the broker serves; -1: nothing */
	int oldest, newest; /* what we know */
};

static void name_it(struct line *l)
{
	const struct kapi *api = kapi_find(l->key);
	if (api) {
		l->name = api->name;
		l->oldest = api->min;
		l->newest = api->max;
	}
	for (size_t i = 0; i < countof(others); i++)
		if (others[i].key == l->key) {
			l->name = others[i].name;
			l->newest = others[i].max;
		}
}

static int by_key(const void *a, const void *b)
{
	return ((const struct line *)a)->key - ((const struct line *)b)->key;
}

static void add(struct line *lines, unsigned *n, int16_t key, int min, int max)
{
	for (unsigned i = 0; i < *n; i++)
		if (lines[i].key == key)
			return;
	lines[*n] = (struct line){ .key = key, .min = min, .max = max };
	name_it(&lines[(*n)++]);
}

static unsigned collect(struct tool *t, const struct api_versions_response *served, struct line **out)
{
	unsigned n = 0;
	size_t room = (size_t)served->n_api_keys + kapis_count + countof(others);
	struct line *lines = *out = tool_alloc(t, room * sizeof *lines);
	for (int32_t i = 0; i < served->n_api_keys; i++)
		add(lines, &n, served->api_keys[i].api_key, served->api_keys[i].min_version,
			served->api_keys[i].max_version);
	for (size_t i = 0; i < kapis_count; i++)
		add(lines, &n, kapis[i].key, -1, -1);
	for (size_t i = 0; i < countof(others); i++)
		add(lines, &n, others[i].key, -1, -1);
	order_sort(lines, n, sizeof *lines, by_key);
	return n;
}

static void print(const struct line *l)
{
	say("\n\t%s(%d): ", l->name ? l->name : "UNKNOWN", l->key);
	if (l->max < 0) {
		say("UNSUPPORTED");
		return;
	}
	say("%d", l->min);
	if (l->min != l->max)
		say(" to %d", l->max);
	if (!l->name)
		return;
	if (l->newest < l->min)
		say(" [unusable: node too new]");
	else if (l->max < l->oldest)
		say(" [unusable: node too old]");
	else
		say(" [usable: %d]", min_of(l->newest, l->max));
}

static void print_table(const struct admin_broker *b, const struct line *lines, unsigned n)
{
	say("%s:%d (id: %d rack: %s) -> (", b->host, b->port, b->id, b->rack ? b->rack : "null");
	for (unsigned i = 0; i < n; i++) {
		print(&lines[i]);
		if (i + 1 < n)
			say(",");
	}
	say("\n)\n");
}

static void print_json(const struct admin_broker *b, const struct line *lines, unsigned n)
{
	json_t *apis = json_array();
	for (unsigned i = 0; i < n; i++)
		if (lines[i].max >= 0)
			json_array_append_new(apis,
				json_pack("{s:i, s:s?, s:i, s:i}", "key", lines[i].key, "name", lines[i].name,
					"min", lines[i].min, "max", lines[i].max));
	out_json(json_pack("{s:i, s:s, s:i, s:s?, s:o}", "id", b->id, "host", b->host, "port", b->port,
		"rack", b->rack, "apis", apis));
}

/* A broker that does not answer is a line of its own, and no failure of the command. */
static void show(struct admin *a, struct tool *t, const struct admin_broker *b)
{
	struct line *lines;
	admin_begin(a, "apiVersions", 0);
	const struct api_versions_response *served = admin_served(a, b->id);
	if (!served) {
		say("%s:%d (id: %d rack: %s) -> ERROR: org.apache.kafka.common.errors.%s: %s\n", b->host,
			b->port, b->id, b->rack ? b->rack : "null", t->failure.class, t->failure.words);
		t->failure = (struct failure){ 0 };
		return;
	}
	unsigned n = collect(t, served, &lines);
	if (args_has(&t->args, JSON))
		print_json(b, lines, n);
	else
		print_table(b, lines, n);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	args_require(args, BOOTSTRAP);
	if (args->refused || args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, CONFIG));
	int rc = a ? admin_look(a) : -1;
	if (rc == 0) {
		unsigned n;
		const struct admin_broker *brokers = admin_brokers(a, &n);
		for (unsigned i = 0; i < n; i++)
			show(a, t, &brokers[i]);
	}
	admin_close(a);
	return rc < 0 ? tool_complain(t) : 0;
}

const struct command command_broker_api_versions = {
	.about = "This tool helps to retrieve broker version information.",
	.more = "For each broker of the cluster it lists the APIs with the versions that the broker serves "
		"and, as "
		"\"usable\", the newest that this command knows too. UNSUPPORTED is what the broker does not "
		"serve.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
