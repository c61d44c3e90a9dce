/* describe.c - DescribeConfigs' entries. */
#include "broker/config/describe.h"

#include "broker/base/must.h"

#include <errno.h>

/* names times sources, and the topic's own */
enum { NAMES_MAX = CONFIG_SYNONYMS_MAX, SYNONYMS_MAX = NAMES_MAX * 4 + 1 };

/* One answer in the making. */
struct describer {
	struct arena *arena;
	const struct config_state *state;
	const struct describe_wanted *wanted;
	struct describe_result *out;
};

static bool is_wanted(const struct describer *d, const char *name)
{
	if (!d->wanted || d->wanted->n == 0)
		return true;
	for (size_t i = 0; i < d->wanted->n; i++)
		if (slice_is(d->wanted->v[i], name))
			return true;
	return false;
}

static bool is_sensitive(enum config_type type)
{
	return type == CONFIG_PASSWORD || type == CONFIG_UNKNOWN;
}

/* ---- synonyms ---- */

struct synonyms {
	struct describe_synonym v[SYNONYMS_MAX];
	uint32_t n;
};

/* The row that says what type `name` has, listener prefixes looked through; NULL when unknown. */
static const struct config_desc *row_of(const char *name)
{
	const struct config_desc *row = config_find(name);
	return row ? row : config_find_prefixed(name);
}

/* All names under which `name` may have been set (DynamicBrokerConfig.brokerConfigSynonyms). */
static int names_of(const char *name, const char *out[NAMES_MAX])
{
	const struct config_desc *row = config_find(name);
	enum config_key keys[CONFIG_SYNONYMS_MAX];
	if (!row) {
		const struct config_desc *base = config_find_prefixed(name);
		out[0] = name;
		out[1] = base ? base->name : NULL;
		return base ? 2 : 1;
	}
	int n = config_synonyms((enum config_key)(row - config_descs), keys);
	for (int i = 0; i < n; i++)
		out[i] = config_descs[keys[i]].name;
	return n;
}

/* What the file says of one name; NULL for nothing. */
static const char *said_by_file(const struct describer *d, const char *name)
{
	const struct config_desc *row = config_find(name);
	const struct property *p = row ? d->state->file->given[row - config_descs].property
				       : properties_find(&d->state->file->properties, name);
	return p ? p->value : NULL;
}

static const char *said_by_default(const char *name)
{
	const struct config_desc *row = config_find(name);
	return row && row->origin != ORIGIN_DYNAMIC ? row->default_text : NULL;
}

/* What one source says of one name; NULL for nothing. */
static const char *said_by(const struct describer *d, enum describe_source source, const char *name)
{
	const struct config_layer *layer =
		source == SOURCE_DYNAMIC_BROKER ? &d->state->layers.broker : &d->state->layers.cluster;
	if (source == SOURCE_DEFAULT)
		return said_by_default(name);
	if (source == SOURCE_STATIC_BROKER)
		return said_by_file(d, name);
	const struct config_setting *s = config_setting_find(layer->v, layer->n, name);
	return s ? s->value : NULL;
}

/* In order of precedence; what stands before the name itself is left out, so the list may come out empty. */
static void find_synonyms(const struct describer *d, const char *name, struct synonyms *out)
{
	const char *names[NAMES_MAX];
	int n = names_of(name, names);
	const struct config_desc *row = row_of(name);
	bool sensitive = is_sensitive(row ? row->type : CONFIG_UNKNOWN);
	for (enum describe_source source = SOURCE_DYNAMIC_BROKER; source <= SOURCE_DEFAULT; source++)
		for (int i = 0; i < n; i++) {
			const char *value = said_by(d, source, names[i]);
			if (!value || (out->n == 0 && strcmp(names[i], name) != 0))
				continue;
			must(out->n < SYNONYMS_MAX);
			out->v[out->n++] =
				(struct describe_synonym){ names[i], sensitive ? NULL : value, source };
		}
}

/* ---- entries ---- */

/* Adds an entry; its source is that of the first synonym. */
static void add(struct describer *d, struct describe_entry entry, const struct synonyms *synonyms)
{
	struct describe_synonym *copy = arena_array(d->arena, synonyms->n, sizeof *copy);
	if (arena_overflowed(d->arena))
		return;
	for (uint32_t i = 0; i < synonyms->n; i++)
		copy[i] = synonyms->v[i];
	entry.synonyms = copy;
	entry.n_synonyms = synonyms->n;
	entry.source = synonyms->n ? synonyms->v[0].source : SOURCE_DEFAULT;
	entry.is_default = entry.source == SOURCE_DEFAULT;
	entry.sensitive = is_sensitive(entry.type);
	if (entry.sensitive)
		entry.value = NULL;
	d->out->v[d->out->n++] = entry;
}

/* Room for every entry that can come: the rows and as many as were set. */
static int begin(struct describer *d, size_t most)
{
	*d->out = (struct describe_result){ .v = arena_array(d->arena, most, sizeof *d->out->v) };
	return d->out->v ? 0 : -ENOMEM;
}

static int end(const struct describer *d)
{
	return arena_overflowed(d->arena) ? -ENOMEM : 0;
}

static void describe_row(struct describer *d, enum config_key key)
{
	const struct config_desc *row = &config_descs[key];
	struct synonyms synonyms = { .n = 0 };
	find_synonyms(d, row->name, &synonyms);
	add(d,
		(struct describe_entry){
			.name = row->name,
			.value = d->state->now->given[key].text,
			.type = row->type,
			.read_only = row->scope == SCOPE_READ_ONLY,
			.documentation = row->doc,
		},
		&synonyms);
}

/* A name that was set and is not a row to list by itself: unknown, with a listener's prefix, or dynamic only.
 * Its value is as it was written. */
static void describe_set(struct describer *d, const char *name, const char *value)
{
	const struct config_desc *row = row_of(name);
	struct synonyms synonyms = { .n = 0 };
	find_synonyms(d, name, &synonyms);
	add(d,
		(struct describe_entry){
			.name = name,
			.value = value,
			.type = row ? row->type : CONFIG_UNKNOWN,
			.read_only = true,
		},
		&synonyms);
}

/* Rows that are listed although nobody set them; Kafka lists its internal ones only when they were set. */
static bool is_listed(const struct describer *d, enum config_key key)
{
	const struct config_desc *row = &config_descs[key];
	if (row->origin == ORIGIN_DYNAMIC || !is_wanted(d, row->name))
		return false;
	return row->origin != ORIGIN_INTERNAL || config_is_set(d->state->file, key);
}

static bool is_ordinary(const char *name)
{
	const struct config_desc *row = config_find(name);
	return row && row->origin != ORIGIN_DYNAMIC;
}

static void describe_file(struct describer *d)
{
	const struct properties *all = &d->state->file->properties;
	for (uint32_t i = 0; i < all->n; i++) {
		const struct property *p = &all->v[i];
		bool counts = properties_find(all, p->name) == p &&
			      !said_by(d, SOURCE_DYNAMIC_BROKER, p->name) &&
			      !said_by(d, SOURCE_DYNAMIC_DEFAULT_BROKER, p->name);
		if (counts && !is_ordinary(p->name) && is_wanted(d, p->name))
			describe_set(d, p->name, p->value);
	}
}

/* The other names of a layer, less those that the layer above it has as well. */
static void describe_layer(struct describer *d, const struct config_layer *layer,
	const struct config_layer *above)
{
	for (size_t i = 0; i < layer->n; i++) {
		const struct config_setting *s = &layer->v[i];
		bool hidden = above && config_setting_find(above->v, above->n, s->name);
		if (!hidden && s->value && !is_ordinary(s->name) && is_wanted(d, s->name))
			describe_set(d, s->name, s->value);
	}
}

static struct describer describer_of(struct arena *a, const struct config_state *state,
	const struct describe_wanted *wanted, struct describe_result *out)
{
	CHECK_OBJ_NOTNULL(state->file, CONFIG_MAGIC);
	CHECK_OBJ_NOTNULL(state->now, CONFIG_MAGIC);
	return (struct describer){ .arena = a, .state = state, .wanted = wanted, .out = out };
}

int describe_broker(struct arena *a, const struct config_state *state,
	const struct describe_wanted *wanted, struct describe_result *out)
{
	struct describer d = describer_of(a, state, wanted, out);
	const struct config_layers *layers = &state->layers;
	size_t most = CONFIG_KEYS + state->file->properties.n + layers->broker.n + layers->cluster.n;
	if (begin(&d, most) != 0)
		return -ENOMEM;
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (is_listed(&d, (enum config_key)key))
			describe_row(&d, (enum config_key)key);
	describe_file(&d);
	describe_layer(&d, &layers->broker, NULL);
	describe_layer(&d, &layers->cluster, &layers->broker);
	return end(&d);
}

/* ---- the cluster's defaults ---- */

int describe_cluster_default(struct arena *a, const struct config_state *state,
	const struct describe_wanted *wanted, struct describe_result *out)
{
	struct describer d = describer_of(a, state, wanted, out);
	if (begin(&d, state->layers.cluster.n) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < state->layers.cluster.n; i++) {
		const struct config_setting *s = &state->layers.cluster.v[i];
		const struct config_desc *row = row_of(s->name);
		struct synonyms all = { .n = 0 }, synonyms = { .n = 0 };
		if (!s->value || !is_wanted(&d, s->name))
			continue;
		find_synonyms(&d, s->name, &all);
		for (uint32_t j = 0; j < all.n; j++)
			if (all.v[j].source == SOURCE_DYNAMIC_DEFAULT_BROKER)
				synonyms.v[synonyms.n++] = all.v[j];
		const struct config_desc *self = config_find(s->name);
		add(&d,
			(struct describe_entry){
				.name = s->name,
				.value = s->value,
				.type = row ? row->type : CONFIG_UNKNOWN,
				.read_only = !self || self->origin == ORIGIN_DYNAMIC ||
					     self->scope == SCOPE_READ_ONLY,
				.documentation = self && self->origin != ORIGIN_DYNAMIC ? self->doc : NULL,
			},
			&synonyms);
	}
	return end(&d);
}

/* ---- topics ---- */

static void describe_topic_row(struct describer *d, enum topic_key key, const struct config_setting *v,
	size_t n)
{
	const struct topic_desc *row = &topic_descs[key];
	const struct config_setting *own = config_setting_find(v, n, row->name);
	const char *value = topic_config_text(d->arena, d->state->now, key, v, n);
	struct synonyms synonyms = { .n = 0 };
	if (row->broker_key != CK_NONE)
		find_synonyms(d, config_descs[row->broker_key].name, &synonyms);
	if (own && own->value) {
		must(synonyms.n < SYNONYMS_MAX);
		memmove(synonyms.v + 1, synonyms.v, synonyms.n++ * sizeof synonyms.v[0]);
		synonyms.v[0] = (struct describe_synonym){ row->name, value, SOURCE_TOPIC };
	}
	add(d,
		(struct describe_entry){
			.name = row->name,
			.value = value,
			.type = row->type,
			.documentation = row->doc,
		},
		&synonyms);
}

/* A setting that is none of 3.9's: shown as unknown, without its value. */
static void describe_topic_other(struct describer *d, const char *name)
{
	struct synonyms synonyms = { .n = 1 };
	synonyms.v[0] = (struct describe_synonym){ name, NULL, SOURCE_TOPIC };
	add(d, (struct describe_entry){ .name = name, .type = CONFIG_UNKNOWN }, &synonyms);
}

int describe_topic(struct arena *a, const struct config_state *state,
	const struct config_setting *v, size_t n, const struct describe_wanted *wanted,
	struct describe_result *out)
{
	struct describer d = describer_of(a, state, wanted, out);
	if (begin(&d, TOPIC_KEYS + n) != 0)
		return -ENOMEM;
	for (int key = 0; key < TOPIC_KEYS; key++)
		if (is_wanted(&d, topic_descs[key].name))
			describe_topic_row(&d, (enum topic_key)key, v, n);
	for (size_t i = 0; i < n; i++)
		if (!topic_find(v[i].name) && v[i].value && is_wanted(&d, v[i].name))
			describe_topic_other(&d, v[i].name);
	return end(&d);
}
