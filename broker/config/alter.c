/* alter.c - see alter.h. */
#include "broker/config/alter.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/config/topic_config.h"

bool alter_key_of_topic(const char *name, struct alter_key *out)
{
	const struct topic_desc *d = topic_find(name);
	if (d)
		*out = (struct alter_key){ d->type, d->default_text };
	return d != NULL;
}

bool alter_key_of_broker(const char *name, struct alter_key *out)
{
	const struct config_desc *d = config_find(name);
	if (!d)
		d = config_find_prefixed(name);
	if (d)
		*out = (struct alter_key){ d->type, d->default_text };
	return d != NULL;
}

/* ---- lists as text ---- */

/* String.split(","): what has no comma is one element, empty ones at the end do not count. */
static int split(struct arena *a, const char *text, struct slice **out)
{
	size_t room = 1, n = 0;
	for (const char *p = text; *p; p++)
		room += *p == ',';
	struct slice *v = arena_array(a, room, sizeof *v);
	if (!v)
		return -1;
	for (const char *p = text, *end = p; n < room; p = ++end) {
		while (*end && *end != ',')
			end++;
		v[n++] = slice_of(p, (uint32_t)(end - p));
	}
	while (room > 1 && n > 0 && v[n - 1].n == 0)
		n--;
	*out = v;
	return (int)n;
}

static const char *join(struct arena *a, const struct slice *v, int n)
{
	size_t bytes = 1;
	for (int i = 0; i < n; i++)
		bytes += v[i].n + 1;
	char *text = arena_alloc(a, bytes), *p = text;
	for (int i = 0; text && i < n; i++) {
		if (i > 0)
			*p++ = ',';
		memcpy(p, v[i].p, v[i].n);
		p += v[i].n;
	}
	return text;
}

static int compare_slices(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Elements to look others up in; `used` counts, at the first of its like, those that were taken off. */
struct bag {
	struct slice *v;
	uint32_t *used;
	int n;
};

static bool bag_fill(struct bag *bag, struct arena *a, const struct slice *v, int n)
{
	*bag = (struct bag){ arena_array(a, (size_t)n, sizeof *bag->v),
		arena_array(a, (size_t)n, sizeof *bag->used), n };
	if (arena_overflowed(a))
		return false;
	for (int i = 0; i < n; i++)
		bag->v[i] = v[i];
	order_sort(bag->v, (size_t)n, sizeof *bag->v, compare_slices);
	return true;
}

/* Where the first element stands that is not below `element`. */
static int bag_find(const struct bag *bag, struct slice element)
{
	int low = 0, high = bag->n;
	while (low < high) {
		int middle = (low + high) / 2;
		if (slice_compare(bag->v[middle], element) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool bag_has(const struct bag *bag, struct slice element)
{
	int at = bag_find(bag, element);
	return at < bag->n && slice_eq(bag->v[at], element);
}

static bool bag_take(struct bag *bag, struct slice element)
{
	int first = bag_find(bag, element);
	if (first == bag->n || !slice_eq(bag->v[first], element))
		return false;
	int next = first + (int)bag->used[first];
	if (next == bag->n || !slice_eq(bag->v[next], element))
		return false;
	bag->used[first]++;
	return true;
}

/* Behind the old elements the new ones that are not among them. */
static const char *append(struct arena *a, const char *old, const char *value)
{
	struct bag bag;
	struct slice *had = NULL, *more;
	int n = old && *old ? split(a, old, &had) : 0, n_more = split(a, value, &more);
	struct slice *all = n < 0 || n_more < 0 ? NULL : arena_array(a, (size_t)(n + n_more), sizeof *all);
	if (!all || !bag_fill(&bag, a, had, n))
		return NULL;
	for (int i = 0; i < n; i++)
		all[i] = had[i];
	int count = n;
	for (int i = 0; i < n_more; i++)
		if (!bag_has(&bag, more[i]))
			all[count++] = more[i];
	return join(a, all, count);
}

/* Each element that is to go takes one of its like with it, the first. */
static const char *subtract(struct arena *a, const char *old, const char *value)
{
	struct bag bag;
	struct slice *had, *less;
	int n = split(a, old ? old : "", &had), n_less = split(a, value, &less), count = 0;
	if (n < 0 || n_less < 0 || !bag_fill(&bag, a, less, n_less))
		return NULL;
	for (int i = 0; i < n; i++)
		if (!bag_take(&bag, had[i]))
			had[count++] = had[i];
	return join(a, had, count);
}

/* ---- steps ---- */

struct altering {
	struct arena *arena;
	alter_key_find *find;
	struct config_setting *v;
	size_t n, room;
};

static enum alter_verdict set(struct altering *x, const char *name, const char *value)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i].name, name) == 0) {
			x->v[i].value = value;
			return ALTER_FINE;
		}
	must(x->n < x->room);
	x->v[x->n++] = (struct config_setting){ name, value };
	return ALTER_FINE;
}

static enum alter_verdict drop(struct altering *x, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i].name, name) != 0)
			x->v[kept++] = x->v[i];
	x->n = kept;
	return ALTER_FINE;
}

static enum alter_verdict change_list(struct altering *x, const struct alter_step *step, const char **why)
{
	struct alter_key key;
	bool adds = step->op == ALTER_APPEND;
	if (!x->find(step->name, &key)) {
		*why = arena_printf(x->arena, "Unknown config name: %s", step->name);
		return ALTER_NOT_POSSIBLE;
	}
	if (key.type != CONFIG_LIST) {
		*why = arena_printf(x->arena, "Config value %s is not allowed for config key: %s",
			adds ? "append" : "subtract", step->name);
		return ALTER_NOT_POSSIBLE;
	}
	const struct config_setting *s = config_setting_find(x->v, x->n, step->name);
	const char *old = s ? s->value : key.default_text;
	const char *text = adds ? append(x->arena, old, step->value) : subtract(x->arena, old, step->value);
	return text ? set(x, step->name, text) : ALTER_TOO_LARGE;
}

static enum alter_verdict take_step(struct altering *x, const struct alter_step *step, const char **why)
{
	must(step->value || step->op == ALTER_DELETE);
	switch (step->op) {
	case ALTER_SET:
		return set(x, step->name, step->value);
	case ALTER_DELETE:
		return drop(x, step->name);
	case ALTER_APPEND:
	case ALTER_SUBTRACT:
		return change_list(x, step, why);
	default:
		*why = arena_printf(x->arena, "Unknown operations type %d", step->op);
		return ALTER_NO_SUCH_OP;
	}
}

enum alter_verdict alter_settings(struct arena *a, alter_key_find *find, const struct alter_step *steps,
	size_t n_steps, struct config_layer *layer, const char **why)
{
	struct altering x = { .arena = a, .find = find, .room = layer->n + n_steps };
	enum alter_verdict verdict = ALTER_FINE;
	*why = NULL;
	x.v = arena_array(a, x.room, sizeof *x.v);
	if (!x.v)
		return ALTER_TOO_LARGE;
	for (size_t i = 0; i < layer->n; i++)
		x.v[x.n++] = layer->v[i];
	for (size_t i = 0; !verdict && i < n_steps; i++)
		verdict = take_step(&x, &steps[i], why);
	if (arena_overflowed(a))
		return ALTER_TOO_LARGE;
	if (!verdict)
		*layer = (struct config_layer){ x.v, x.n };
	return verdict;
}
