/* settings.c - see settings.h. */
#include "tools/settings.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "zkutil/javamap.h"

int settings_describe(struct admin *a, struct tool *t, int32_t node, enum settings_kind kind,
	const struct slice *names, unsigned n, struct describe_configs_response *out)
{
	struct describe_configs_request request = { .n_resources = (int32_t)n };
	request.resources = tool_alloc(t, n * sizeof *request.resources);
	for (unsigned i = 0; i < n; i++)
		request.resources[i] = (struct describe_configs_request_resource){
			.resource_type = (int8_t)kind, .resource_name = names[i], .n_configuration_keys = -1
		};
	admin_begin(a, "describeConfigs", 0);
	int version = admin_version(a, node, KAPI_DESCRIBE_CONFIGS);
	request.include_synonyms = version >= 1;
	if (version < 0 || admin_call(a, node, KAPI_DESCRIBE_CONFIGS, &request, out) < 0)
		return -1;
	for (int32_t i = 0; i < out->n_results; i++)
		if (out->results[i].error_code)
			return tool_fail_code(t, out->results[i].error_code, out->results[i].error_message);
	return 0;
}

const struct describe_configs_response_result *settings_of(
	const struct describe_configs_response *m, struct slice name)
{
	for (int32_t i = 0; i < m->n_results; i++)
		if (slice_eq(m->results[i].resource_name, name))
			return &m->results[i];
	return NULL;
}

const struct describe_configs_response_config *setting(
	const struct describe_configs_response_result *r, const char *name)
{
	for (int32_t i = 0; r && i < r->n_configs; i++)
		if (slice_is(r->configs[i].name, name))
			return &r->configs[i];
	return NULL;
}

bool setting_is_default(const struct describe_configs_response_config *c)
{
	return c->is_default || c->config_source == SOURCE_DEFAULT;
}

void settings_as_java(struct tool *t, struct describe_configs_response_result *r)
{
	unsigned n = (unsigned)max_of(r->n_configs, 0);
	struct javamap_slot *slots = tool_alloc(t, n * sizeof *slots);
	struct describe_configs_response_config *sorted = tool_alloc(t, n * sizeof *sorted);
	for (unsigned i = 0; i < n; i++)
		slots[i] = (struct javamap_slot){ .key = tool_text(t, r->configs[i].name), .index = i };
	javamap_sort(JAVAMAP_PROPERTIES, slots, n);
	for (unsigned i = 0; i < n; i++)
		sorted[i] = r->configs[slots[i].index];
	r->configs = sorted;
}

static int by_name(const void *a, const void *b)
{
	const struct describe_configs_response_config *x = a, *y = b;
	return slice_compare(x->name, y->name);
}

void settings_by_name(struct describe_configs_response_result *r)
{
	if (r->n_configs > 1)
		order_sort(r->configs, (size_t)r->n_configs, sizeof *r->configs, by_name);
}

int settings_alter(struct admin *a, struct tool *t, int32_t node,
	struct incremental_alter_configs_request_resource *resources, unsigned n)
{
	struct incremental_alter_configs_request request = { .resources = resources,
		.n_resources = (int32_t)n };
	struct incremental_alter_configs_response response;
	struct slice words = SLICE_NULL;
	int code;
	admin_begin(a, "incrementalAlterConfigs", 0);
	do {
		if (admin_call(a, node, KAPI_INCREMENTAL_ALTER_CONFIGS, &request, &response) < 0)
			return -1;
		code = 0;
		for (int32_t i = 0; i < response.n_responses && !code; i++) {
			code = response.responses[i].error_code;
			words = response.responses[i].error_message;
		}
	} while (admin_moved(a, code));
	return code ? tool_fail_code(t, code, words) : 0;
}
