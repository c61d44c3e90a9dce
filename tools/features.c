/* features.c - the features that a cluster has agreed upon; org.apache.kafka.tools.FeatureCommand. A cluster
 * on ZooKeeper has none.
 */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/config/ibp.h"
#include "tools/cluster.h"
#include "tools/out.h"
#include "api_versions.kmsg.h"
#include "update_features.kmsg.h"

#include <jansson.h>
#include <string.h>

enum { BOOTSTRAP, BOOTSTRAP_CONTROLLER, COMMAND_CONFIG, METADATA, FEATURE, UNSAFE, DRY_RUN, JSON };

/* org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType */
enum { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

static const char *const verbs[] = { "describe", "upgrade", "downgrade", "disable", NULL };

static const struct opt options[] = {
	[BOOTSTRAP] = OPT_BOOTSTRAP("REQUIRED: "),
	[BOOTSTRAP_CONTROLLER] = { "bootstrap-controller", OPT_TEXT, "host:port,...",
		"Refused: clusters on ZooKeeper have no controllers of their own." },
	[COMMAND_CONFIG] = OPT_COMMAND_CONFIG,
	[METADATA] = { "metadata", OPT_TEXT, "version",
		"With upgrade and downgrade: the release whose metadata.version is meant, such as 3.3-IV3." },
	[FEATURE] = { "feature", OPT_TEXTS, "feature=level",
		"A feature and its level, for disable its name alone; may be given many times." },
	[UNSAFE] = { "unsafe", OPT_FLAG, NULL,
		"With downgrade and disable: also when metadata may be lost." },
	[DRY_RUN] = { "dry-run", OPT_FLAG, NULL, "Only ask whether it could be done." },
	[JSON] = { "json", OPT_FLAG, NULL, "With describe, print JSON, a line for each feature.",
		.own = true },
};

/* ---- describe ---- */

/* The first level of metadata.version is the first release without ZooKeeper. */
static const char *level_text(struct tool *t, struct slice feature, int level)
{
	if (!slice_is(feature, "metadata.version"))
		return tool_printf(t, "%d", level);
	int version = IBP_3_0_IV1 + level - 1;
	return level >= 1 && version < IBP_COUNT ? ibp_name((enum ibp)version)
						 : tool_printf(t, "UNKNOWN %d", level);
}

static int by_name(const void *a, const void *b)
{
	const struct api_versions_response_supported_feature *x = a, *y = b;
	return slice_compare(x->name, y->name);
}

static int finalized(const struct api_versions_response *m, struct slice name)
{
	for (int32_t i = 0; i < m->n_finalized_features; i++)
		if (slice_eq(m->finalized_features[i].name, name))
			return m->finalized_features[i].max_version_level;
	return 0;
}

static int describe(struct tool *t, struct admin *a)
{
	admin_begin(a, "describeFeatures", 0);
	const struct api_versions_response *m = admin_served(a, ADMIN_ANY);
	if (!m)
		return -1;
	if (m->n_supported_features > 1)
		order_sort(m->supported_features, (size_t)m->n_supported_features,
			   sizeof *m->supported_features, by_name);
	for (int32_t i = 0; i < m->n_supported_features; i++) {
		const struct api_versions_response_supported_feature *f = &m->supported_features[i];
		int level = finalized(m, f->name);
		if (args_has(&t->args, JSON))
			out_json(json_pack("{s:s%, s:i, s:i, s:i, s:I}", "feature", f->name.p,
				(size_t)f->name.n, "min", f->min_version, "max", f->max_version, "level",
				level, "epoch", (json_int_t)m->finalized_features_epoch));
		else
			say("Feature: %.*s\tSupportedMinVersion: %s\tSupportedMaxVersion: "
			    "%s\tFinalizedVersionLevel: %s\t"
			    "Epoch: %s\n",
				SLICE_ARGS(f->name), level_text(t, f->name, f->min_version),
				level_text(t, f->name, f->max_version), level_text(t, f->name, level),
				m->finalized_features_epoch < 0
					? "-"
					: tool_printf(t, "%lld", (long long)m->finalized_features_epoch));
	}
	return 0;
}

/* ---- changes ---- */

struct updates {
	struct update_features_request_feature_update *v;
	unsigned n;
};

static int add(struct tool *t, struct updates *u, const char *name, int level, int type)
{
	for (unsigned i = 0; i < u->n; i++)
		if (slice_is(u->v[i].feature, name))
			return tool_fail(
				t, "RuntimeException", "Feature %s was specified more than once.", name);
	u->v[u->n++] = (struct update_features_request_feature_update){
		.feature = slice_str(name), .max_version_level = (int16_t)level, .upgrade_type = (int8_t)type
	};
	return 0;
}

static int add_level(struct tool *t, struct updates *u, const char *text, int type)
{
	char *name = tool_text(t, slice_str(text)), *level = strchr(name, '=');
	int32_t n;
	if (!level)
		return tool_fail(t, "RuntimeException",
			"Can't parse feature=level string %s: equals sign not found.", text);
	*level++ = '\0';
	level = trimmed(level);
	if (parse_int(t, level, &n) < 0 || n != (int16_t)n) {
		t->failure = (struct failure){ 0 };
		return tool_fail(t, "RuntimeException",
			"Can't parse feature=level string %s: unable to parse %s as a short.", text, level);
	}
	return add(t, u, trimmed(name), n, type);
}

/* The stable ones, from the oldest that Kafka's command names (MetadataVersion.MINIMUM_BOOTSTRAP_VERSION). */
static const char *levels_text(struct tool *t)
{
	const char *all = ibp_name(IBP_3_3_IV0);
	for (int version = IBP_3_3_IV0 + 1; version <= IBP_LATEST; version++)
		all = tool_printf(t, "%s, %s", all, ibp_name((enum ibp)version));
	return all;
}

static int read_updates(struct tool *t, struct updates *u, int type, bool disable)
{
	const struct args *args = &t->args;
	const char *metadata = args_text(args, METADATA);
	unsigned n = args_count_of(args, FEATURE);
	*u = (struct updates){ tool_alloc(t, (n + 1) * sizeof *u->v), 0 };
	if (metadata) {
		int version = ibp_parse(metadata);
		if (version < IBP_3_0_IV1)
			return tool_fail(t, "TerseException", "Unsupported metadata.version %s. Supported "
				"metadata.version are %s", metadata, levels_text(t));
		add(t, u, "metadata.version", version - IBP_3_0_IV1 + 1, type);
	}
	for (unsigned i = 0; i < n; i++) {
		const char *text = args_nth(args, FEATURE, i);
		if ((disable ? add(t, u, text, 0, type) : add_level(t, u, text, type)) < 0)
			return -1;
	}
	if (u->n == 0)
		return tool_fail(
			t, "TerseException", "You must specify at least one feature to %s", args->verb);
	return 0;
}

/* What came of one feature: its own error, or that of the whole answer. */
static struct failure outcome_of(
	struct tool *t, const struct update_features_response *m, struct slice feature)
{
	if (m->error_code)
		return failure_of_code(t, m->error_code, m->error_message);
	for (int32_t i = 0; i < m->n_results; i++)
		if (slice_eq(m->results[i].feature, feature) && m->results[i].error_code)
			return failure_of_code(t, m->results[i].error_code, m->results[i].error_message);
	return (struct failure){ 0 };
}

static int by_feature(const void *a, const void *b)
{
	const struct update_features_request_feature_update *x = a, *y = b;
	return slice_compare(x->feature, y->feature);
}

static int show_outcomes(struct tool *t, const struct update_features_response *m, const struct updates *u)
{
	bool dry = args_has(&t->args, DRY_RUN), disable = strcmp(t->args.verb, "disable") == 0;
	unsigned failed = 0;
	for (unsigned i = 0; i < u->n; i++) {
		struct failure f = outcome_of(t, m, u->v[i].feature);
		const char *to = disable ? "" : tool_printf(t, " to %d", u->v[i].max_version_level);
		if (f.words)
			say("%s not %s %.*s%s. %s\n", dry ? "Can" : "Could", t->args.verb,
				SLICE_ARGS(u->v[i].feature), to, f.words);
		else
			say("%.*s %s %sd%s.\n", SLICE_ARGS(u->v[i].feature), dry ? "can be" : "was",
				t->args.verb, to);
		failed += f.words != NULL;
	}
	return failed ? tool_fail(t, "TerseException", "%u out of %u operation(s) failed.", failed, u->n) : 0;
}

static int change(struct tool *t, struct admin *a)
{
	struct update_features_request request;
	struct update_features_response m;
	struct updates u;
	bool disable = strcmp(t->args.verb, "disable") == 0, dry = args_has(&t->args, DRY_RUN);
	int type = strcmp(t->args.verb, "upgrade") == 0 ? UPGRADE
		: args_has(&t->args, UNSAFE)            ? UNSAFE_DOWNGRADE
							: SAFE_DOWNGRADE;
	if (read_updates(t, &u, type, disable) < 0)
		return -1;
	order_sort(u.v, u.n, sizeof *u.v, by_feature);
	update_features_request_defaults(&request);
	request.feature_updates = u.v;
	request.n_feature_updates = (int32_t)u.n;
	admin_begin(a, "updateFeatures", 0);
	int version = admin_version(a, ADMIN_CONTROLLER, KAPI_UPDATE_FEATURES);
	if (version == 0 && (dry || type == UNSAFE_DOWNGRADE))
		return tool_fail(
			t, "UnsupportedVersionException", "The broker does not know --dry-run and --unsafe");
	request.validate_only = dry;
	for (unsigned i = 0; version == 0 && i < u.n; i++) {
		u.v[i].allow_downgrade = type != UPGRADE;
		u.v[i].upgrade_type = UPGRADE;
	}
	do {
		if (version < 0 || admin_call(a, ADMIN_CONTROLLER, KAPI_UPDATE_FEATURES, &request, &m) < 0)
			return -1;
	} while (admin_moved(a, m.error_code));
	return show_outcomes(t, &m, &u);
}

static int run(struct tool *t)
{
	struct args *args = &t->args;
	if (args_has(args, BOOTSTRAP_CONTROLLER) || !args_has(args, BOOTSTRAP))
		return tool_usage(t, "one of the arguments --bootstrap-server is required");
	if (args_check_values(args))
		return tool_usage(t, "%s", args->refused);
	struct admin *a = admin_open(t, args_text(args, BOOTSTRAP), args_text(args, COMMAND_CONFIG));
	int rc = !a ? -1 : strcmp(args->verb, "describe") == 0 ? describe(t, a) : change(t, a);
	admin_close(a);
	if (rc == 0)
		return 0;
	complain("%s\n", t->failure.words);
	return 1;
}

const struct command command_features = {
	.about = "This tool manages feature flags in Kafka.",
	.verbs = verbs,
	.opts = options,
	.n_opts = countof(options),
	.run = run,
	.waits = true,
};
