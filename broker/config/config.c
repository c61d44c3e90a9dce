/* config.c - from text to the snapshot: read, type, check, and one view for each listener. */
#include "broker/config/config.h"

#include "broker/base/must.h"
#include "broker/config/check_priv.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static struct where where_of(const struct property *p)
{
	struct where w;
	if (!p)
		snprintf(w.s, sizeof w.s, "default");
	else if (p->line == 0)
		snprintf(w.s, sizeof w.s, "%s", p->file);
	else
		snprintf(w.s, sizeof w.s, "%s:%u", p->file, p->line);
	return w;
}

struct where where_set(const struct config *c, enum config_key key)
{
	return where_of(c->given[key].property);
}

void value_error(const struct config *c, enum config_key key, struct problems *problems, const char *format,
	...)
{
	char why[LIMIT_WHY_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	const struct property *p = c->given[key].property;
	const char *value = c->given[key].text;
	if (problems->plain) {
		problem_error(problems, "requirement failed: %s", why);
		return;
	}
	if (config_descs[key].type == CONFIG_PASSWORD)
		value = "[hidden]";
	problem_error(problems, "%s: %s=%s: %s", where_of(p).s, p ? p->name : config_descs[key].name,
		value ? value : "null", why);
}

/* ---- one value ---- */

/* A null number or list is zero; what it falls back to is worked out later. */
static void store(struct config *c, const struct config_desc *d, const struct config_value *v)
{
	char *field = (char *)c + d->offset;
	int32_t i = (int32_t)v->i;
	int16_t h = (int16_t)v->i;
	must(d->type != CONFIG_UNKNOWN);
	switch (d->type) {
	case CONFIG_BOOLEAN:
		memcpy(field, &v->b, sizeof v->b);
		break;
	case CONFIG_INT:
		memcpy(field, &i, sizeof i);
		break;
	case CONFIG_SHORT:
		memcpy(field, &h, sizeof h);
		break;
	case CONFIG_LONG:
		memcpy(field, &v->i, sizeof v->i);
		break;
	case CONFIG_DOUBLE:
		memcpy(field, &v->d, sizeof v->d);
		break;
	case CONFIG_LIST:
		memcpy(field, &v->list, sizeof v->list);
		break;
	case CONFIG_STRING:
	case CONFIG_CLASS:
	case CONFIG_PASSWORD:
	case CONFIG_UNKNOWN:
	default:
		memcpy(field, &v->s, sizeof v->s);
		break;
	}
}

struct config_value config_value_of(const struct config *c, enum config_key key)
{
	const char *field = (const char *)c + config_descs[key].offset;
	struct config_value v = { 0 };
	int32_t i;
	int16_t h;
	switch (config_descs[key].type) {
	case CONFIG_BOOLEAN:
		memcpy(&v.b, field, sizeof v.b);
		break;
	case CONFIG_INT:
		memcpy(&i, field, sizeof i);
		v.i = i;
		break;
	case CONFIG_SHORT:
		memcpy(&h, field, sizeof h);
		v.i = h;
		break;
	case CONFIG_LONG:
		memcpy(&v.i, field, sizeof v.i);
		break;
	case CONFIG_DOUBLE:
		memcpy(&v.d, field, sizeof v.d);
		break;
	case CONFIG_LIST:
		memcpy(&v.list, field, sizeof v.list);
		break;
	case CONFIG_STRING:
	case CONFIG_CLASS:
	case CONFIG_PASSWORD:
	case CONFIG_UNKNOWN:
	default:
		memcpy(&v.s, field, sizeof v.s);
		v.null = v.s == NULL;
		break;
	}
	return v;
}

/* "INT [1,...], default 8" */
static const char *allowed(struct arena *a, const struct config_desc *d)
{
	const char *limit = config_limit_text(a, &d->limit);
	return arena_printf(a, "%s%s%s, default %s", config_type_name(d->type), *limit ? " " : "", limit,
		d->default_text ? d->default_text : "null");
}

/* The one value of a key that has only its default, for a person. */
static const char *fixed_words(const struct config_desc *d)
{
	if (!d->default_text)
		return "null";
	return *d->default_text ? d->default_text : "an empty value";
}

/* Gives the field what `p` says, or the default when p is NULL. */
static void assign(struct config *c, enum config_key key, const struct property *p, struct problems *problems)
{
	const struct config_desc *d = &config_descs[key];
	struct config_value v;
	char why[LIMIT_WHY_BYTES];
	const char *text = p ? p->value : d->default_text;
	if (config_value_parse(c->arena, p ? p->name : d->name, d->type, &d->limit, text, &v, why) != 0) {
		must(p); /* defaults are fine: ut_config_desc */
		if (problems->plain)
			problem_error(problems, "%s", why);
		else
			problem_error(problems, "%s: %s; allowed: %s", where_of(p).s, why,
				allowed(c->arena, d));
		return;
	}
	store(c, d, &v);
	c->given[key] = (struct config_given){ p, config_value_text(c->arena, d->type, &v) };
	if (p && !c->is_view && d->status == STATUS_FIXED && d->default_text != c->given[key].text &&
		(!d->default_text || strcmp(d->default_text, c->given[key].text) != 0))
		value_error(c, key, problems, "only %s is possible: %s", fixed_words(d), d->meaning);
}

/* ---- what was set ---- */

static int read_file(struct config *c, const struct config_source *source, struct problems *problems)
{
	uint32_t line = 0;
	if (source->text.n > CONFIG_FILE_BYTES) {
		problem_error(problems, "%s: larger than %d bytes", source->name, CONFIG_FILE_BYTES);
		return -1;
	}
	const char *name = arena_strdup(c->arena, slice_str(source->name));
	enum properties_error e = properties_read(&c->properties, c->arena, name, source->text, &line);
	if (e)
		problem_error(problems, "%s:%u: %s", source->name, line, properties_error_text(e));
	return e ? -1 : 0;
}

static void read_override(struct config *c, const char *text, struct problems *problems)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text) {
		problem_error(problems, "--override %s: write key=value", text);
		return;
	}
	const char *name = arena_strdup(c->arena, slice_of(text, (size_t)(equals - text)));
	properties_add(&c->properties, c->arena, name, equals + 1, "--override", 0);
}

/* One number under two names: whichever is missing is as if it had been set too
 * (KafkaConfig.populateSynonyms). */
static void pair_ids(struct config *c)
{
	const struct property *broker = properties_find(&c->properties, "broker.id");
	const struct property *node = properties_find(&c->properties, "node.id");
	if (!broker == !node)
		return;
	struct property one = broker ? *broker : *node;
	properties_add(&c->properties, c->arena, broker ? "node.id" : "broker.id", one.value, one.file,
		one.line);
}

/* Values that stand elsewhere come here. */
static void resolve(struct config *c, const struct provider_reader *reader, struct problems *problems)
{
	struct arena *a = c->arena;
	c->providers = providers_make(a, &c->properties, reader, problems);
	for (uint32_t i = 0; c->providers && i < c->properties.n; i++) {
		struct property *p = &c->properties.v[i];
		const char *what = arena_printf(a, "%s: %s", where_of(p).s, p->name);
		must(what);
		const char *value = providers_resolve(c->providers, a, what, p->value, problems);
		if (value && !providers_is_setting(p->name))
			p->value = value;
	}
}

/* Names that no row has, and those that mean nothing in a file. */
static void check_name(const struct config *c, const struct property *p, struct problems *problems)
{
	const struct config_desc *d = config_find(p->name);
	const struct property *last = properties_find(&c->properties, p->name);
	if (last != p && strcmp(last->file, p->file) == 0)
		problem_warning(problems, "%s: %s is set again at %s, which wins", where_of(p).s, p->name,
			where_of(last).s);
	else if (d && d->origin == ORIGIN_DYNAMIC)
		problem_warning(problems,
			"%s: %s has no effect in a file: it is set with kafka-configs alone", where_of(p).s,
			p->name);
	else if (!d && !config_find_prefixed(p->name) && !providers_is_setting(p->name))
		problem_warning(problems, "%s: %s is not known and has no effect", where_of(p).s, p->name);
}

/* ---- listeners' views ---- */

/* The part of `name` behind "listener.name.<listener>."; NULL when it is another listener's or none's. */
static const char *behind_listener(const char *name, const char *listener)
{
	static const char prefix[] = "listener.name.";
	if (strncmp(name, prefix, sizeof prefix - 1) != 0)
		return NULL;
	name += sizeof prefix - 1;
	for (; *listener; listener++, name++)
		if (*name != tolower((unsigned char)*listener))
			return NULL;
	return *name == '.' ? name + 1 : NULL;
}

static const struct config *make_view(const struct config *c, const struct listener *l,
	struct problems *problems)
{
	struct config *view = arena_alloc(c->arena, sizeof *view);
	must(view);
	*view = *c;
	view->is_view = true;
	for (uint32_t i = 0; i < c->properties.n; i++) {
		const struct property *p = &c->properties.v[i];
		const char *rest = behind_listener(p->name, l->name);
		const struct config_desc *d = rest ? config_find(rest) : NULL;
		if (d && properties_find(&c->properties, p->name) == p)
			assign(view, (enum config_key)(d - config_descs), p, problems);
	}
	config_check_classes(view, problems);
	config_check_principals(view, problems);
	return view;
}

static void make_views(struct config *c, struct problems *problems)
{
	for (uint32_t i = 0; i < c->listening.n; i++)
		c->listening.v[i].config = make_view(c, &c->listening.v[i], problems);
	for (uint32_t i = 0; i < c->advertising.n; i++) {
		const struct listener *l = listeners_find(&c->listening, c->advertising.v[i].name);
		c->advertising.v[i].config = l ? l->config : NULL;
	}
}

/* A prefix that fits no listener is a slip of the pen that would leave a listener with other settings than
 * meant. */
static void check_prefix(const struct config *c, const struct property *p, struct problems *problems)
{
	if (!config_find_prefixed(p->name))
		return;
	for (uint32_t i = 0; i < c->listening.n; i++)
		if (behind_listener(p->name, c->listening.v[i].name))
			return;
	problem_warning(problems,
		"%s: %s has no effect: no listener has that name (it is written in lower case)",
		where_of(p).s, p->name);
}

const struct config *config_for_listener(const struct config *c, const struct listener *l)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	must(l->config);
	CHECK_OBJ(l->config, CONFIG_MAGIC);
	return l->config;
}

/* ---- layers ---- */

const struct config_setting *config_setting_find(const struct config_setting *v, size_t n, const char *name)
{
	for (size_t i = n; i > 0; i--)
		if (strcmp(v[i - 1].name, name) == 0)
			return &v[i - 1];
	return NULL;
}

/* ---- the whole ---- */

static void config_drop(struct hold *h)
{
	struct config *c = container_of(h, struct config, hold);
	CHECK_OBJ(c, CONFIG_MAGIC);
	must(!c->is_view);
	properties_free(&c->properties);
	arena_free(c->arena);
	free(c->arena);
	FREE_OBJ(c);
}

static struct config *config_new(void)
{
	struct config *c;
	ALLOC_OBJ(c, CONFIG_MAGIC);
	atomic_init(&c->hold.count, 1);
	c->hold.drop = config_drop;
	c->arena = mem_zalloc(sizeof *c->arena);
	arena_init(c->arena, CONFIG_ARENA_BYTES);
	return c;
}

/* Gives every field its value, of what was set or its default, and checks them. */
static void fill(struct config *c, struct problems *problems)
{
	for (int key = 0; key < CONFIG_KEYS; key++)
		assign(c, (enum config_key)key, properties_find(&c->properties, config_descs[key].name),
			problems);
	if (problems->errors) /* what is worked out of wrong values would only be noise */
		return;
	config_check(c, problems);
	config_check_classes(c, problems);
	config_check_passwords(c, problems);
	config_check_principals(c, problems);
	make_views(c, problems);
}

static void check_names(const struct config *c, struct problems *problems)
{
	for (uint32_t i = 0; i < c->properties.n; i++)
		check_name(c, &c->properties.v[i], problems);
}

static void check_prefixes(const struct config *c, struct problems *problems)
{
	for (uint32_t i = 0; i < c->properties.n; i++)
		check_prefix(c, &c->properties.v[i], problems);
}

/* `c` unless there were errors. */
static struct config *unless_wrong(struct config *c, const struct problems *problems, uint32_t errors_before)
{
	must(!arena_overflowed(c->arena));
	if (problems->errors == errors_before)
		return c;
	config_free(c);
	return NULL;
}

struct config *config_load(const struct config_source *source, const char *const *overrides,
	size_t n_overrides, struct problems *problems)
{
	struct config *c = config_new();
	uint32_t errors_before = problems->errors;
	if (read_file(c, source, problems) == 0) {
		for (size_t i = 0; i < n_overrides; i++)
			read_override(c, overrides[i], problems);
		resolve(c, source->reader, problems);
		pair_ids(c);
		check_names(c, problems);
		fill(c, problems);
		if (problems->errors == errors_before)
			check_prefixes(c, problems);
	}
	return unless_wrong(c, problems, errors_before);
}

void config_free(struct config *c)
{
	if (c)
		config_put(c);
}

const struct config *config_get(const struct config *c)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	must(!c->is_view);
	hold_get((struct hold *)&c->hold); /* the count is all of it that changes */
	return c;
}

void config_put(const struct config *c)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	hold_put((struct hold *)&c->hold);
}

/* ---- settings over it ---- */

/* A setting takes the place of all its synonyms (DynamicBrokerConfig.overrideProps): with log.retention.ms
 * set, log.retention.hours is back at its default. */
static void lay_one(struct config *c, const struct config_setting *s, const char *from)
{
	const struct config_desc *d = config_find(s->name);
	enum config_key names[CONFIG_SYNONYMS_MAX];
	int n = d ? config_synonyms((enum config_key)(d - config_descs), names) : 0;
	for (int i = 0; i < n; i++)
		properties_remove(&c->properties, config_descs[names[i]].name);
	properties_remove(&c->properties, s->name);
	properties_add(&c->properties, c->arena, s->name, s->value, from, 0);
}

static void lay(struct config *c, const struct config_layer *layer, const char *from)
{
	for (size_t i = 0; i < layer->n; i++)
		if (layer->v[i].value)
			lay_one(c, &layer->v[i], from);
}

/* What they take is bounded as a file is. */
static bool is_too_large(const struct config_layer *layer)
{
	size_t bytes = 0;
	for (size_t i = 0; i < layer->n; i++)
		bytes += strlen(layer->v[i].name) + (layer->v[i].value ? strlen(layer->v[i].value) : 0);
	return layer->n > PROPERTIES_MAX || bytes > CONFIG_FILE_BYTES;
}

struct config *config_overlay(const struct config *file, const struct config_layers *layers,
	struct problems *problems)
{
	CHECK_OBJ_NOTNULL(file, CONFIG_MAGIC);
	uint32_t errors_before = problems->errors;
	if (is_too_large(&layers->broker) || is_too_large(&layers->cluster)) {
		problem_error(problems, "The settings are larger than %d bytes", CONFIG_FILE_BYTES);
		return NULL;
	}
	struct config *c = config_new();
	for (uint32_t i = 0; i < file->properties.n; i++) {
		const struct property *p = &file->properties.v[i];
		properties_add(&c->properties, c->arena, p->name, p->value,
			arena_strdup(c->arena, slice_str(p->file)), p->line);
	}
	lay(c, &layers->cluster, "kafka-configs, for all brokers");
	lay(c, &layers->broker, "kafka-configs, for this broker");
	problems->plain = true;
	fill(c, problems);
	return unless_wrong(c, problems, errors_before);
}
