/* configs.c - settings of topics, brokers, loggers, users, clients and addresses; kafka.admin.ConfigCommand.
 * Quotas and credentials are in configs_quota.c, what is done without brokers in configs_zookeeper.c.
 */
#include "broker/base/must.h"
#include "tools/client_config.h"
#include "tools/cluster.h"
#include "tools/configs_priv.h"
#include "tools/out.h"
#include "tools/settings.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	[ZOOKEEPER] = { "zookeeper", OPT_TEXT, "urls",
		"The servers of ZooKeeper, for what must be set before brokers start: settings of brokers "
		"that are down, their passwords encrypted, and SCRAM credentials of users. For all else ask "
		"brokers." },
	[BOOTSTRAP] = OPT_BOOTSTRAP(""),
	[BOOTSTRAP_CONTROLLER] = { "bootstrap-controller", OPT_TEXT, "controller to connect to",
		"Refused: clusters on ZooKeeper have no controllers of their own." },
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[ALTER] = { "alter", OPT_FLAG, NULL, "Change settings." },
	[DESCRIBE] = { "describe", OPT_FLAG, NULL, "Show settings." },
	[ALL] = { "all", OPT_FLAG, NULL,
		"With --describe, all settings and not only those that were set so." },
	[ENTITY_TYPE] = { "entity-type", OPT_TEXTS, NULL,
		"What it is about: topics, clients, users, brokers, broker-loggers, ips or client-metrics. "
		"users and "
		"clients may be given together." },
	[ENTITY_NAME] = { "entity-name", OPT_TEXTS, NULL,
		"Which one: a topic, a client id, a user, a broker's id, an address." },
	[ENTITY_DEFAULT] = { "entity-default", OPT_FLAG, NULL,
		"The default of users, clients, brokers or ips." },
	[ADD_CONFIG] = { "add-config", OPT_TEXT, NULL,
		"What to set: k1=v1,k2=[v1,v2,v3],k3=v3. Brackets hold a value that has commas in it." },
	[ADD_CONFIG_FILE] = { "add-config-file", OPT_FILE, NULL, "A properties file with what to set." },
	[DELETE_CONFIG] = { "delete-config", OPT_TEXTS, NULL, "What to take back: k1,k2." },
	[FORCE] = { "force", OPT_FLAG, NULL, "Without effect: nothing is asked." },
	[TOPIC] = { "topic", OPT_TEXT, NULL, "A topic's name." },
	[CLIENT] = { "client", OPT_TEXT, NULL, "A client's id." },
	[USER] = { "user", OPT_TEXT, NULL, "A user's principal name." },
	[BROKER] = { "broker", OPT_TEXT, NULL, "A broker's id." },
	[BROKER_LOGGER] = { "broker-logger", OPT_TEXT, NULL, "The id of a broker whose loggers are meant." },
	[IP] = { "ip", OPT_TEXT, NULL, "An address." },
	[CLIENT_DEFAULTS] = { "client-defaults", OPT_FLAG, NULL, "The default of all clients." },
	[USER_DEFAULTS] = { "user-defaults", OPT_FLAG, NULL, "The default of all users." },
	[BROKER_DEFAULTS] = { "broker-defaults", OPT_FLAG, NULL, "The default of all brokers." },
	[IP_DEFAULTS] = { "ip-defaults", OPT_FLAG, NULL, "The default of all addresses." },
	[ZK_TLS_CONFIG_FILE] = { "zk-tls-config-file", OPT_FILE, "ZooKeeper TLS configuration",
		"A properties file, with --zookeeper. One that sets zookeeper.ssl.client.enable=true is "
		"refused: this command speaks no TLS to ZooKeeper." },
	[JSON] = { "json", OPT_FLAG, NULL, "With --describe, print JSON, a line for each.", .own = true },
};

int refuse(struct tool *t, const char *format, ...)
{
	char words[2048];
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	return tool_fail(t, "IllegalArgumentException", "%s", words);
}

/* ---- what it is about ---- */

static const struct {
	unsigned opt;
	const char *type;
} flags[] = {
	{ TOPIC, "topics" },
	{ CLIENT, "clients" },
	{ USER, "users" },
	{ BROKER, "brokers" },
	{ BROKER_LOGGER, "broker-loggers" },
	{ IP, "ips" },
	{ CLIENT_DEFAULTS, "clients" },
	{ USER_DEFAULTS, "users" },
	{ BROKER_DEFAULTS, "brokers" },
	{ IP_DEFAULTS, "ips" },
};

static void read_entities(const struct args *a, struct entities *e)
{
	*e = (struct entities){ .n_types = 0 };
	for (unsigned i = 0; i < a->n_given; i++) {
		const struct given *g = &a->given[i];
		if (g->opt == ENTITY_TYPE && e->n_types < ENTITIES_MAX / 2)
			e->types[e->n_types++] = g->value;
		if ((g->opt == ENTITY_NAME || g->opt == ENTITY_DEFAULT) && e->n_names < ENTITIES_MAX / 2)
			e->names[e->n_names++] = g->value ? g->value : "";
	}
	for (unsigned i = 0; i < countof(flags); i++)
		if (args_has(a, flags[i].opt)) {
			const char *name = args_text(a, flags[i].opt);
			e->types[e->n_types++] = flags[i].type;
			e->names[e->n_names++] = name ? name : "";
		}
}

static bool has_type(const struct entities *e, const char *type)
{
	for (unsigned i = 0; i < e->n_types; i++)
		if (strcmp(e->types[i], type) == 0)
			return true;
	return false;
}

static const char *joined_types(struct tool *t, const struct entities *e)
{
	const char *all = e->n_types ? e->types[0] : "";
	for (unsigned i = 1; i < e->n_types; i++)
		all = tool_printf(t, "%s,%s", all, e->types[i]);
	return all;
}

static int check_types(struct tool *t, const struct entities *e)
{
	static const char *const allowed[] = { "topics", "clients", "users", "brokers", "ips",
		"broker-loggers", "client-metrics" };
	for (unsigned i = 0; i < e->n_types; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(e->types[i], e->types[k]) == 0)
				return refuse(t, "Duplicate entity type(s) specified: %s", e->types[i]);
	bool by_broker = args_has(&t->args, BOOTSTRAP) || args_has(&t->args, BOOTSTRAP_CONTROLLER);
	for (unsigned i = 0; i < e->n_types; i++) {
		bool known = false;
		for (unsigned k = 0; k < countof(allowed); k++)
			known |= strcmp(e->types[i], allowed[k]) == 0 && (by_broker || k == 2 || k == 3);
		if (!known)
			return refuse(t,
				"Invalid entity type %s, the entity type must be one of %s with a %s "
				"argument",
				e->types[i],
				by_broker ? "topics, clients, users, brokers, ips, broker-loggers, "
					    "client-metrics"
					  : "users, brokers",
				by_broker ? "--bootstrap-server or --bootstrap-controller" : "--zookeeper");
	}
	if (e->n_types == 0)
		return refuse(t, "At least one entity type must be specified");
	if (e->n_types > 1 && !(e->n_types == 2 && has_type(e, "users") && has_type(e, "clients")))
		return refuse(t, "Only 'users' and 'clients' entity types may be specified together");
	return 0;
}

static int check_connection(struct tool *t)
{
	const struct args *args = &t->args;
	unsigned n = args_count(
		args, ARGS_SET(BOOTSTRAP) | ARGS_SET(BOOTSTRAP_CONTROLLER) | ARGS_SET(ZOOKEEPER));
	if (n == 0)
		return refuse(t,
			"One of the required --bootstrap-server, --boostrap-controller, or --zookeeper "
			"arguments "
			"must be specified");
	if (n > 1)
		return refuse(t,
			"Only one of --bootstrap-server, --boostrap-controller, and --zookeeper can be "
			"specified");
	if (args_has(args, ALL) && args_has(args, ZOOKEEPER))
		return refuse(t, "--bootstrap-server must be specified for --all");
	if (args_has(args, ZK_TLS_CONFIG_FILE) && !args_has(args, ZOOKEEPER))
		return refuse(
			t, "Only the --zookeeper option can be used with the --zk-tls-config-file option.");
	if (args_has(args, BOOTSTRAP_CONTROLLER))
		return refuse(t, "This command cannot use --bootstrap-controller: give --bootstrap-server");
	return 0;
}

static bool is_id(const char *s)
{
	size_t n = strlen(s);
	const char *digits = s + (s[0] == '-' || s[0] == '+');
	for (const char *p = digits; *p; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	long long id = *digits && n < 12 ? strtoll(s, NULL, 10) : INT64_MAX;
	return id >= INT32_MIN && id <= INT32_MAX;
}

static int check_names(struct tool *t, const struct entities *e)
{
	const struct args *args = &t->args;
	const uint64_t plain = ARGS_SET(ENTITY_NAME) | ARGS_SET(ENTITY_TYPE) | ARGS_SET(ENTITY_DEFAULT);
	uint64_t specific = 0;
	bool named = false, by_default = false;
	for (unsigned i = 0; i < countof(flags); i++)
		specific |= ARGS_SET(flags[i].opt);
	if (args_count(args, plain) && args_count(args, specific))
		return refuse(t,
			"--entity-{type,name,default} should not be used in conjunction with specific entity "
			"flags");
	if (check_connection(t) < 0)
		return -1;
	for (unsigned i = 0; i < e->n_names; i++) {
		named |= e->names[i][0] != '\0';
		by_default |= e->names[i][0] == '\0';
		if (e->names[i][0] && !is_id(e->names[i]) &&
			(has_type(e, "brokers") || has_type(e, "broker-loggers")))
			return refuse(t,
				"The entity name for %s must be a valid integer broker id, but it is: %s",
				e->types[0], e->names[i]);
	}
	if (args_has(args, DESCRIBE) && has_type(e, "broker-loggers") && !named)
		return refuse(
			t, "an entity name must be specified with --describe of %s", joined_types(t, e));
	if (!args_has(args, ALTER))
		return 0;
	bool has_default = has_type(e, "users") || has_type(e, "clients") || has_type(e, "brokers") ||
		has_type(e, "ips");
	if (has_default && !named && !by_default)
		return refuse(t,
			"an entity-name or default entity must be specified with --alter of users, clients, "
			"brokers or ips");
	if (!has_default && !named)
		return refuse(t, "an entity name must be specified with --alter of %s", joined_types(t, e));
	if (args_has(args, ADD_CONFIG) && args_has(args, ADD_CONFIG_FILE))
		return refuse(t, "Only one of --add-config or --add-config-file must be specified");
	if (!args_count(args, ARGS_SET(ADD_CONFIG) | ARGS_SET(ADD_CONFIG_FILE) | ARGS_SET(DELETE_CONFIG)))
		return refuse(t,
			"At least one of --add-config, --add-config-file, or --delete-config must be "
			"specified "
			"with --alter");
	return 0;
}

/* ---- what to change ---- */

/* Whether the text from here on is outside of brackets: the next of them opens, or there is none. */
static bool outside(const char *s)
{
	const char *close = strchr(s, ']'), *open = strchr(s, '[');
	return !close || (open && open < close);
}

/* A value without its brackets. */
static char *bare(char *s)
{
	char *to = s;
	for (const char *from = s; *from; from++)
		if (*from != '[' && *from != ']')
			*to++ = *from;
	*to = '\0';
	return trimmed(s);
}

static void put_pair(struct changes *c, const char *name, const char *value)
{
	unsigned at = 0;
	while (at < c->n_add && strcmp(c->add[at].name, name) != 0)
		at++;
	c->add[at] = (struct pair){ name, value };
	c->n_add = max_of(c->n_add, at + 1);
}

static int read_pair(struct tool *t, struct changes *c, char *text)
{
	char *value = NULL;
	unsigned equals = 0;
	for (char *p = text; *p; p++)
		if (*p == '=' && outside(p + 1)) {
			equals++;
			value = value ? value : p;
		}
	if (equals != 1)
		return refuse(t,
			"requirement failed: Invalid entity config: all configs to be added must be in the "
			"format \"key=val\".");
	*value++ = '\0';
	put_pair(c, trimmed(text), bare(value));
	return 0;
}

static int read_pairs(struct tool *t, struct changes *c, const char *list)
{
	char *text = tool_text(t, slice_str(list));
	c->add = tool_alloc(t, (strlen(text) + 1) * sizeof *c->add);
	for (char *p = text, *begin = text;; p++) {
		bool end = *p == '\0';
		if (!end && !(*p == ',' && outside(p + 1)))
			continue;
		*p = '\0';
		if ((*begin || !end) && read_pair(t, c, begin) < 0)
			return -1;
		if (end)
			return 0;
		begin = p + 1;
	}
}

static int read_pairs_of_file(struct tool *t, struct changes *c)
{
	struct properties p;
	if (client_properties(t, args_text(&t->args, ADD_CONFIG_FILE), &p) < 0)
		return -1;
	c->add = tool_alloc(t, p.n * sizeof *c->add);
	for (uint32_t i = 0; i < p.n; i++)
		put_pair(c, p.v[i].name, p.v[i].value);
	properties_free(&p);
	return 0;
}

int configs_read_changes(struct tool *t, struct changes *c)
{
	const struct args *args = &t->args;
	*c = (struct changes){ .n_add = 0 };
	if (args_has(args, ADD_CONFIG_FILE) && read_pairs_of_file(t, c) < 0)
		return -1;
	if (args_has(args, ADD_CONFIG) && read_pairs(t, c, args_text(args, ADD_CONFIG)) < 0)
		return -1;
	for (unsigned i = 0; i < c->n_add; i++)
		for (const char *p = c->add[i].name; *p; p++)
			if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
				return refuse(
					t, "Invalid character found for config key: %s", c->add[i].name);
	for (unsigned i = 0; i < args_count_of(args, DELETE_CONFIG); i++) {
		unsigned n;
		char **names = split_text(t, args_nth(args, DELETE_CONFIG, i), ',', &n);
		const char **all = tool_alloc(t, (c->n_remove + n) * sizeof *all);
		if (c->n_remove)
			memcpy(all, c->remove, c->n_remove * sizeof *all);
		for (unsigned k = 0; k < n; k++)
			all[c->n_remove++] = trimmed(names[k]);
		c->remove = all;
	}
	return 0;
}

/* ---- resources ---- */

/* One kind of resource: how Kafka's command speaks of it, and which settings are its own. */
struct kind {
	const char *type, *one;
	enum settings_kind kind;
	int own_source; /* -1: all */
};

static const struct kind kinds[] = {
	{ "topics", "topic", SETTINGS_TOPIC, SOURCE_TOPIC },
	{ "brokers", "broker", SETTINGS_BROKER, SOURCE_DYNAMIC_BROKER },
	{ "broker-loggers", "broker-logger", SETTINGS_BROKER_LOGGER, -1 },
	{ "client-metrics", "client-metric", SETTINGS_CLIENT_METRICS, 7 },
};

static const struct kind *kind_of(const char *type)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

/* A broker's own settings are asked of that broker. */
static int32_t asked_of(const struct kind *k, const char *name)
{
	bool of_broker = k->kind == SETTINGS_BROKER || k->kind == SETTINGS_BROKER_LOGGER;
	return of_broker && name[0] ? (int32_t)strtol(name, NULL, 10) : ADMIN_ANY;
}

static bool is_own(const struct kind *k, const char *name, const struct describe_configs_response_config *c)
{
	int own = k->kind == SETTINGS_BROKER && !name[0] ? SOURCE_DYNAMIC_DEFAULT_BROKER : k->own_source;
	return own < 0 || c->config_source == own;
}

/* Its settings by name; with `all`, those too that are not set for it. */
static int fetch(struct tool *t, struct admin *a, const struct kind *k, const char *name, bool all,
	struct describe_configs_response_result *out)
{
	struct describe_configs_response m;
	struct slice names = slice_str(name);
	if (settings_describe(a, t, asked_of(k, name), k->kind, &names, 1, &m) < 0)
		return -1;
	if (m.n_results != 1)
		return tool_fail(
			t, "UnknownServerException", "the broker answered for %d resources", m.n_results);
	*out = m.results[0];
	settings_by_name(out);
	int32_t kept = 0;
	for (int32_t i = 0; i < out->n_configs; i++)
		if (all || is_own(k, name, &out->configs[i]))
			out->configs[kept++] = out->configs[i];
	out->n_configs = kept;
	return 0;
}

static const char *source_name(int source)
{
	static const char *const names[] = { "UNKNOWN", "DYNAMIC_TOPIC_CONFIG", "DYNAMIC_BROKER_CONFIG",
		"DYNAMIC_DEFAULT_BROKER_CONFIG", "STATIC_BROKER_CONFIG", "DEFAULT_CONFIG",
		"DYNAMIC_BROKER_LOGGER_CONFIG", "DYNAMIC_CLIENT_METRICS_CONFIG", "DYNAMIC_GROUP_CONFIG" };
	return source > 0 && source < (int)countof(names) ? names[source] : names[0];
}

static struct slice or_null(struct slice s)
{
	return slice_is_null(s) ? SLICE_LIT("null") : s;
}

static void print_setting(const struct describe_configs_response_config *c)
{
	say("  %.*s=%.*s sensitive=%s synonyms={", SLICE_ARGS(c->name), SLICE_ARGS(or_null(c->value)),
		c->is_sensitive ? "true" : "false");
	for (int32_t i = 0; i < c->n_synonyms; i++)
		say("%s%s:%.*s=%.*s", i ? ", " : "", source_name(c->synonyms[i].source),
			SLICE_ARGS(c->synonyms[i].name), SLICE_ARGS(or_null(c->synonyms[i].value)));
	say("}\n");
}

static json_t *json_value(struct slice s)
{
	return slice_is_null(s) ? json_null() : json_stringn((const char *)s.p, s.n);
}

static void print_json(
	const struct kind *k, const char *name, const struct describe_configs_response_result *r)
{
	json_t *settings = json_array();
	for (int32_t i = 0; i < r->n_configs; i++) {
		const struct describe_configs_response_config *c = &r->configs[i];
		json_array_append_new(settings,
			json_pack("{s:o, s:o, s:s, s:b, s:b}", "name", json_value(c->name), "value",
				json_value(c->value), "source", source_name(c->config_source), "sensitive",
				c->is_sensitive, "read_only", c->read_only));
	}
	out_json(json_pack("{s:s, s:s, s:o}", "type", k->one, "name", name, "settings", settings));
}

static int show(struct tool *t, struct admin *a, const struct kind *k, const char *name)
{
	struct describe_configs_response_result r;
	bool all = args_has(&t->args, ALL), json = args_has(&t->args, JSON);
	if (!json && name[0])
		say("%s configs for %s %s are:\n", all ? "All" : "Dynamic", k->one, name);
	else if (!json)
		say("Default configs for %s in the cluster are:\n", k->type);
	if (fetch(t, a, k, name, all, &r) < 0)
		return -1;
	if (json)
		print_json(k, name, &r);
	for (int32_t i = 0; i < r.n_configs && !json; i++)
		print_setting(&r.configs[i]);
	return 0;
}

static int show_each_topic(struct tool *t, struct admin *a, const struct kind *k)
{
	struct metadata_response m;
	admin_begin(a, "listTopics", 0);
	if (cluster_topics(a, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_topics; i++)
		if (show(t, a, k, tool_text(t, m.topics[i].name)) < 0)
			return -1;
	return 0;
}

static int show_each_broker(struct tool *t, struct admin *a, const struct kind *k)
{
	unsigned n;
	admin_begin(a, "describeCluster", 0);
	if (admin_look(a) < 0)
		return -1;
	const struct admin_broker *brokers = admin_brokers(a, &n);
	for (unsigned i = 0; i < n; i++)
		if (show(t, a, k, tool_printf(t, "%d", brokers[i].id)) < 0)
			return -1;
	return show(t, a, k, "");
}

static int describe(struct tool *t, struct admin *a, const struct entities *e)
{
	const struct kind *k = kind_of(e->types[0]);
	if (!k)
		return quota_describe(t, a, e);
	if (e->n_names > 0)
		return show(t, a, k, e->names[0]);
	if (k->kind == SETTINGS_TOPIC)
		return show_each_topic(t, a, k);
	if (k->kind == SETTINGS_CLIENT_METRICS)
		return tool_fail(t, "UnsupportedVersionException",
			"The node does not support ListClientMetricsResources");
	return show_each_broker(t, a, k);
}

/* ---- alter ---- */

static bool stands(const struct describe_configs_response_result *r, const char *name)
{
	for (int32_t i = 0; i < r->n_configs; i++)
		if (slice_is(r->configs[i].name, name))
			return true;
	return false;
}

/* What is taken back must be set; a logger that is set must be there. */
static int check_changes(struct tool *t, const struct kind *k,
	const struct describe_configs_response_result *now, const struct changes *c)
{
	const char *missing = NULL;
	bool loggers = k->kind == SETTINGS_BROKER_LOGGER;
	for (unsigned i = 0; i < c->n_remove; i++)
		if (!stands(now, c->remove[i]))
			missing = missing ? tool_printf(t, "%s,%s", missing, c->remove[i]) : c->remove[i];
	for (unsigned i = 0; i < c->n_add && loggers; i++)
		if (!stands(now, c->add[i].name))
			missing = missing ? tool_printf(t, "%s,%s", missing, c->add[i].name) : c->add[i].name;
	return missing ? refuse(t, "Invalid %s: %s", loggers ? "broker logger(s)" : "config(s)", missing) : 0;
}

static int alter_resource(
	struct tool *t, struct admin *a, const struct kind *k, const char *name, const struct changes *c)
{
	struct describe_configs_response_result now;
	struct incremental_alter_configs_request_resource r = { .resource_type = (int8_t)k->kind,
		.resource_name = slice_str(name) };
	if (fetch(t, a, k, name, false, &now) < 0 || check_changes(t, k, &now, c) < 0)
		return -1;
	r.configs = tool_alloc(t, (c->n_add + c->n_remove) * sizeof *r.configs);
	for (unsigned i = 0; i < c->n_add; i++)
		r.configs[r.n_configs++] = (struct incremental_alter_configs_request_config){
			slice_str(c->add[i].name), OP_SET, slice_str(c->add[i].value)
		};
	for (unsigned i = 0; i < c->n_remove; i++)
		r.configs[r.n_configs++] = (struct incremental_alter_configs_request_config){
			slice_str(c->remove[i]), OP_DELETE, SLICE_LIT("")
		};
	return settings_alter(a, t, asked_of(k, name), &r, 1);
}

static int alter(struct tool *t, struct admin *a, const struct entities *e)
{
	const struct kind *k = kind_of(e->types[0]);
	struct changes c;
	if (e->n_types != e->n_names)
		return refuse(t, "An entity name must be specified for every entity type");
	if (configs_read_changes(t, &c) < 0 ||
		(k ? alter_resource(t, a, k, e->names[0], &c) : quota_alter(t, a, e, &c)) < 0)
		return -1;
	if (e->names[0][0])
		say("Completed updating config for %.*s %s.\n", (int)strlen(e->types[0]) - 1, e->types[0],
			e->names[0]);
	else
		say("Completed updating default config for %s in the cluster.\n", e->types[0]);
	return 0;
}

/* ---- the command ---- */

/* Kafka's command says what was wrong about the question, and of all else only that it went wrong, with a
 * stack trace; ours says in one line more what it was. */
static int complain_of(struct tool *t)
{
	if (strcmp(t->failure.class, "IllegalArgumentException") == 0) {
		complain("%s\n", t->failure.words);
		return 1;
	}
	complain("Error while executing config command\n");
	return tool_trace(t);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	struct entities e;
	if (args_count(args, ARGS_SET(ALTER) | ARGS_SET(DESCRIBE)) != 1)
		return tool_usage(t, "Command must include exactly one action: --describe, --alter");
	args_exclude(args, DESCRIBE, ARGS_SET(ADD_CONFIG) | ARGS_SET(DELETE_CONFIG));
	if (args->refused)
		return tool_usage(t, "%s", args->refused);
	read_entities(args, &e);
	if (check_types(t, &e) < 0 || check_names(t, &e) < 0)
		return complain_of(t);
	if (args_check_values(args)) {
		complain("%s\n", args->refused);
		return 1;
	}
	if (args_has(args, ZOOKEEPER))
		return configs_in_zookeeper(t, &e) < 0 ? complain_of(t) : 0;
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	if (!a)
		return tool_complain(t);
	int rc = args_has(args, ALTER) ? alter(t, a, &e) : describe(t, a, &e);
	admin_close(a);
	return rc < 0 ? complain_of(t) : 0;
}

const struct command command_configs = {
	.about = "This tool helps to manipulate and describe entity config for a topic, client, user, "
		 "broker, ip or "
		 "client-metrics",
	.more = "Changes are made one by one (IncrementalAlterConfigs), so that passwords need not be given "
		"again when "
		"another setting of the same broker changes. With --zookeeper, passwords of a broker are "
		"stored encrypted: by password.encoder.secret, which is given among the settings to add and "
		"not stored, nor are the other password.encoder settings.",
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
	.terse = "",
};
