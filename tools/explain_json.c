/* explain_json.c - what samsa-explain has found, as one document of JSON. A name in it keeps its meaning;
 * new ones may be added. What is not known is null.
 */
#include "tools/explain_priv.h"

#include "broker/base/must.h"
#include "tools/text.h"

/* Text as it is, but for bytes that are none. */
static json_t *json_text(struct slice s)
{
	struct text text = { 0 };
	if (slice_is_null(s))
		return json_null();
	text_utf8(&text, s);
	json_t *value = json_stringn(text.s ? text.s : "", text.n);
	text_free(&text);
	must(value != NULL);
	return value;
}

static json_t *json_words(const char *s)
{
	return s ? json_text(slice_str(s)) : json_null();
}

static json_t *json_number(int64_t n)
{
	return n == UNKNOWN ? json_null() : json_integer(n);
}

static void put(json_t *object, const char *name, json_t *value)
{
	must(json_object_set_new(object, name, value) == 0);
}

static json_t *json_settings(const struct explained_topic *t)
{
	json_t *all = json_object();
	for (unsigned i = 0; i < KEYS; i++) {
		if (!t->settings[i].value)
			continue;
		json_t *one = json_object();
		put(one, "value", json_words(t->settings[i].value));
		put(one, "from", json_words(t->settings[i].from));
		put(all, explained_keys[i].name, one);
	}
	return all;
}

static json_t *json_copy_of(const struct explained_copy *c)
{
	if (!c->dir)
		return json_null();
	json_t *o = json_object();
	put(o, "directory", json_words(c->dir));
	put(o, "size", json_number(c->size));
	put(o, "lag", json_number(c->lag));
	return o;
}

static json_t *json_replica(const struct explained_replica *r)
{
	json_t *o = json_object();
	put(o, "broker", json_integer(r->broker));
	put(o, "alive", json_boolean(r->alive));
	put(o, "in_sync", json_boolean(r->in_isr));
	put(o, "offline", json_boolean(r->offline));
	put(o, "adding", json_boolean(r->adding));
	put(o, "removing", json_boolean(r->leaving));
	put(o, "log_end", json_number(r->end));
	put(o, "log", json_copy_of(&r->here));
	put(o, "copy", json_copy_of(&r->future));
	return o;
}

static json_t *json_producer(const struct explained_producer *x)
{
	json_t *o = json_object();
	put(o, "id", json_integer(x->id));
	put(o, "epoch", json_integer(x->epoch));
	put(o, "last_ms", json_integer(x->last_ms));
	put(o, "transaction_from", x->txn_start < 0 ? json_null() : json_integer(x->txn_start));
	put(o, "transactional_id", json_words(x->transactional_id));
	put(o, "state", json_words(x->state));
	put(o, "timeout_ms", json_number(x->timeout_ms));
	put(o, "started_ms", json_number(x->started_ms));
	return o;
}

static json_t *json_findings(struct arena *a, const struct explained *e, const struct explained_topic *t,
	const struct explained_partition *p)
{
	static const char *const weights[] = { [WRONG] = "wrong", [HELD] = "held", [COMING] = "coming" };
	struct findings f = { 0 };
	json_t *all = json_array();
	explain_why(a, e, t, p, &f);
	for (unsigned i = 0; i < f.n; i++) {
		json_t *one = json_object();
		put(one, "what", json_words(finding_name(f.v[i].kind)));
		put(one, "weight", json_words(weights[finding_weight(f.v[i].kind)]));
		put(one, "words", json_words(f.v[i].words));
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *json_partition(struct arena *a, const struct explained *e, const struct explained_topic *t,
	const struct explained_partition *p)
{
	json_t *o = json_object(), *replicas = json_array(), *producers = json_array();
	for (int32_t i = 0; i < p->n_replicas; i++)
		json_array_append_new(replicas, json_replica(&p->replicas[i]));
	for (int32_t i = 0; i < p->n_producers; i++)
		json_array_append_new(producers, json_producer(&p->producers[i]));
	put(o, "partition", json_integer(p->id));
	put(o, "leader", p->has_leader ? json_integer(p->leader) : json_null());
	put(o, "leader_epoch", json_integer(p->leader_epoch));
	put(o, "reassigning", json_boolean(p->moving));
	put(o, "replicas", replicas);
	put(o, "size", json_number(explained_size(p)));
	put(o, "start", json_number(p->start));
	put(o, "end", json_number(p->high));
	put(o, "last_stable", json_number(p->stable));
	put(o, "log_end", json_number(p->end));
	put(o, "oldest_ms", json_number(p->first_ms));
	put(o, "newest_ms", json_number(p->newest_ms));
	put(o, "producers", p->producers_known ? json_incref(producers) : json_null());
	json_decref(producers);
	put(o, "findings", json_findings(a, e, t, p));
	return o;
}

static json_t *json_reader(const struct explained_reader *r)
{
	const struct group_member nobody = { .id = SLICE_NULL }, *member = r->member ? r->member : &nobody;
	json_t *o = json_object();
	put(o, "partition", json_integer(r->partition));
	put(o, "offset", r->committed ? json_integer(r->offset) : json_null());
	put(o, "lag", json_number(r->lag));
	put(o, "member", json_text(member->id));
	put(o, "client", json_text(member->client_id));
	put(o, "host", json_text(member->host));
	return o;
}

static json_t *json_group(const struct explained_group *g)
{
	json_t *o = json_object(), *partitions = json_array();
	for (unsigned i = 0; i < g->n_readers; i++)
		json_array_append_new(partitions, json_reader(&g->readers[i]));
	put(o, "group", json_text(g->id));
	put(o, "state", json_text(g->state));
	put(o, "members", g->described ? json_integer(g->n_members) : json_null());
	put(o, "lag", json_number(g->lag));
	put(o, "partitions", partitions);
	return o;
}

static json_t *json_topic(struct arena *a, const struct explained *e, const struct explained_topic *t)
{
	json_t *o = json_object(), *partitions = json_array(), *groups = json_array();
	for (int32_t i = 0; i < t->n_partitions; i++)
		json_array_append_new(partitions, json_partition(a, e, t, &t->partitions[i]));
	for (unsigned i = 0; i < t->n_groups; i++)
		json_array_append_new(groups, json_group(&t->groups[i]));
	put(o, "topic", json_text(t->name));
	put(o, "id", json_words(uuid_format(&t->id).s));
	put(o, "internal", json_boolean(t->internal));
	put(o, "settings", t->settings_known ? json_settings(t) : json_null());
	put(o, "partitions", partitions);
	put(o, "groups", t->groups_known ? json_incref(groups) : json_null());
	json_decref(groups);
	put(o, "groups_partial", json_boolean(t->groups_partial));
	put(o, "more_groups", json_integer(t->n_more_groups));
	return o;
}

json_t *explain_json(struct tool *t, const struct explained *e)
{
	json_t *o = json_object(), *topics = json_array(), *notes = json_array(), *brokers = json_array();
	for (unsigned i = 0; i < e->n_brokers; i++) {
		json_t *one = json_object();
		put(one, "broker", json_integer(e->brokers[i].id));
		put(one, "answers", json_boolean(!e->brokers[i].silent));
		json_array_append_new(brokers, one);
	}
	for (int32_t i = 0; i < e->n_topics; i++)
		json_array_append_new(topics, json_topic(&t->arena, e, &e->topics[i]));
	for (unsigned i = 0; i < e->n_notes; i++)
		json_array_append_new(notes, json_words(e->notes[i]));
	put(o, "version", json_integer(1));
	put(o, "now_ms", json_integer(e->now_ms));
	put(o, "brokers", brokers);
	put(o, "topics", topics);
	put(o, "not_known", notes);
	return o;
}
