/* reassign_plan.c - plans of samsa-reassign-partitions: read, checked, written. */
#include "broker/base/order.h"
#include "tools/json_read.h"
#include "tools/reassign_priv.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

void plan_sort(struct plan *p)
{
	order_sort(p->v, p->n, sizeof *p->v, compare);
}

const struct placed *plan_find(const struct plan *p, struct slice topic, int32_t partition)
{
	const struct placed key = { .topic = topic, .partition = partition };
	return order_find(&key, p->v, p->n, sizeof *p->v, compare);
}

const char *ids_text(struct tool *t, const int32_t *ids, int32_t n)
{
	const char *all = "";
	for (int32_t i = 0; i < n; i++)
		all = tool_printf(t, "%s%s%d", all, i ? "," : "", ids[i]);
	return all;
}

bool ids_hold(const int32_t *ids, int32_t n, int32_t id)
{
	for (int32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

struct slice *plan_topics(struct tool *t, const struct plan *p, unsigned *n)
{
	struct slice *topics = tool_alloc(t, p->n * sizeof *topics);
	*n = 0;
	for (unsigned i = 0; i < p->n; i++)
		if (*n == 0 || !slice_eq(topics[*n - 1], p->v[i].topic))
			topics[(*n)++] = p->v[i].topic;
	return topics;
}

/* ---- reading ---- */

static int read_replicas(struct tool *t, json_t *o, struct placed *out)
{
	json_t *field = json_field(t, o, "replicas"), *array = field ? json_as_array(t, field) : NULL, *x;
	size_t i;
	if (!array)
		return -1;
	out->n = (int32_t)json_array_size(array);
	out->replicas = tool_alloc(t, (size_t)out->n * sizeof *out->replicas);
	out->dirs = tool_alloc(t, (size_t)out->n * sizeof *out->dirs);
	json_array_foreach(array, i, x)
	{
		if (json_as_int(t, x, &out->replicas[i]) < 0)
			return -1;
	}
	return 0;
}

static int read_dirs(struct tool *t, json_t *o, struct placed *out)
{
	json_t *field = json_object_get(o, "log_dirs"), *x;
	size_t i;
	if (!field)
		return 0;
	if (!json_as_array(t, field))
		return -1;
	if ((int32_t)json_array_size(field) != out->n)
		return tool_fail(t, "AdminCommandFailedException",
			"Size of replicas list [%s] is different from size of log dirs list for partition "
			"%.*s-%d",
			ids_text(t, out->replicas, out->n), SLICE_ARGS(out->topic), out->partition);
	json_array_foreach(field, i, x)
	{
		struct slice dir;
		if (json_as_text(t, x, &dir) < 0)
			return -1;
		out->dirs[i] = slice_is(dir, "any") ? NULL : (const char *)dir.p;
	}
	return 0;
}

static int check_version(struct tool *t, json_t *root)
{
	int32_t version = 1;
	json_t *said = json_as_object(t, root) ? json_object_get(root, "version") : NULL;
	if (t->failure.words || (said && json_as_int(t, said, &version) < 0))
		return -1;
	return version == 1
		? 0
		: tool_fail(t, "AdminOperationException", "Not supported version field value %d", version);
}

static int read_partitions(struct tool *t, json_t *root, struct plan *out)
{
	json_t *array = json_object_get(root, "partitions"), *o;
	size_t i;
	*out = (struct plan){ NULL, 0 };
	if (!array)
		return 0;
	if (!json_as_array(t, array))
		return -1;
	out->v = tool_alloc(t, json_array_size(array) * sizeof *out->v);
	json_array_foreach(array, i, o)
	{
		struct placed *p = &out->v[out->n++];
		if (!json_as_object(t, o) || json_read_text(t, o, "topic", &p->topic) < 0 ||
			json_read_int(t, o, "partition", &p->partition) < 0 || read_replicas(t, o, p) < 0 ||
			read_dirs(t, o, p) < 0)
			return -1;
	}
	plan_sort(out);
	return 0;
}

/* The file's JSON, which is an object of version 1; NULL and the failure. */
static json_t *read_root(struct tool *t, const char *path)
{
	struct slice text;
	if (tool_read_file(t, path, &text) < 0)
		return NULL;
	json_t *root = json_read(text);
	if (!root)
		tool_fail(t, "AdminOperationException", "The input string is not a valid JSON");
	if (root && check_version(t, root) < 0) {
		json_decref(root);
		return NULL;
	}
	return root;
}

int plan_read(struct tool *t, const char *path, struct plan *out)
{
	json_t *root = read_root(t, path);
	int rc = root ? read_partitions(t, root, out) : -1;
	json_decref(root);
	return rc;
}

static int read_topics(struct tool *t, json_t *root, struct slice **topics, unsigned *n)
{
	json_t *array = json_object_get(root, "topics"), *o;
	size_t i;
	*n = 0;
	if (!array)
		return 0;
	if (!json_as_array(t, array))
		return -1;
	*topics = tool_alloc(t, json_array_size(array) * sizeof **topics);
	json_array_foreach(array, i, o)
	{
		if (!json_as_object(t, o) || json_read_text(t, o, "topic", &(*topics)[*n]) < 0)
			return -1;
		for (unsigned k = 0; k < *n; k++)
			if (slice_eq((*topics)[k], (*topics)[*n]))
				return tool_fail(t, "AdminCommandFailedException",
					"List of topics to reassign contains duplicate entries: [%.*s]",
					SLICE_ARGS((*topics)[k]));
		++*n;
	}
	return 0;
}

int plan_read_topics(struct tool *t, const char *path, struct slice **topics, unsigned *n)
{
	json_t *root = read_root(t, path);
	int rc = root ? read_topics(t, root, topics, n) : -1;
	json_decref(root);
	return rc;
}

/* ---- checking and writing ---- */

int plan_check(struct tool *t, const struct plan *p)
{
	if (p->n == 0)
		return tool_fail(
			t, "AdminCommandFailedException", "Partition reassignment list cannot be empty");
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i].n == 0)
			return tool_fail(
				t, "AdminCommandFailedException", "Partition replica list cannot be empty");
	for (unsigned i = 1; i < p->n; i++)
		if (compare(&p->v[i - 1], &p->v[i]) == 0)
			return tool_fail(t, "AdminCommandFailedException",
				"Partition reassignment contains duplicate topic partitions: %.*s-%d",
				SLICE_ARGS(p->v[i].topic), p->v[i].partition);
	for (unsigned i = 0; i < p->n; i++)
		for (int32_t k = 1; k < p->v[i].n; k++)
			if (ids_hold(p->v[i].replicas, k, p->v[i].replicas[k]))
				return tool_fail(t, "AdminCommandFailedException",
					"Partition replica lists may not contain duplicate entries: %.*s-%d "
					"contains multiple "
					"entries for %d",
					SLICE_ARGS(p->v[i].topic), p->v[i].partition, p->v[i].replicas[k]);
	return 0;
}

const char *plan_json(struct tool *t, const struct plan *p)
{
	json_t *partitions = json_array();
	for (unsigned i = 0; i < p->n; i++) {
		const struct placed *x = &p->v[i];
		json_t *replicas = json_array(), *dirs = json_array();
		for (int32_t k = 0; k < x->n; k++) {
			json_array_append_new(replicas, json_integer(x->replicas[k]));
			json_array_append_new(dirs, json_string("any"));
		}
		json_array_append_new(partitions,
			json_pack("{s:s%, s:i, s:o, s:o}", "topic", x->topic.p, (size_t)x->topic.n,
				"partition", x->partition, "replicas", replicas, "log_dirs", dirs));
	}
	json_t *root = json_pack("{s:i, s:o}", "version", 1, "partitions", partitions);
	char *text = json_dumps(root, JSON_COMPACT);
	const char *kept = tool_text(t, slice_str(text));
	free(text);
	json_decref(root);
	return kept;
}
