/* group.c - see group.h. */
#include "broker/group/group.h"

#include "broker/base/arena.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/group/coordinator.h"
#include "broker/group/offsets.h"
#include "broker/group/rebalance.h"

#include "consumer_protocol.kmsg.h"

#include <string.h>

#define GROUP_MAGIC 0x96709a11u
#define MEMBER_MAGIC 0x96703e3bu

enum { SUBSCRIPTION_ARENA_BYTES = 16 * 1024 * 1024 }; /* what decoding one member's may take */

/* An id that was given out. */
struct group_pending {
	UT_hash_handle hh;
	struct group *group;
	struct timer timeout;
	struct slice id;
};

/* How many members know a protocol. One that a member names twice counts once: `walk` is the last walk over a
 * list of names that came by. (Kafka counts it twice, and then finds no protocol that all know.) */
struct group_tally {
	UT_hash_handle hh;
	uint64_t walk;
	int32_t members, votes;
	uint32_t bytes;
	uint8_t name[];
};

struct group_topic {
	UT_hash_handle hh;
	uint32_t bytes;
	uint8_t name[];
};

static unsigned hash_of(const struct group *g, struct slice key)
{
	return hash_key(&g->home->home->seed, key.p, key.n);
}

static struct slice own(struct slice s)
{
	/* not of nothing: empty is not null */
	return slice_is_null(s) ? s : slice_of(mem_dup(s.n ? s.p : (const uint8_t *)"", s.n ? s.n : 1), s.n);
}

static void disown(struct slice *s)
{
	free((void *)s->p);
	*s = SLICE_NULL;
}

const char *group_state_name(enum group_state state)
{
	static const char *const names[GROUP_STATES] = { "Empty", "PreparingRebalance", "CompletingRebalance",
							 "Stable", "Dead" };
	must(state < GROUP_STATES);
	return names[state];
}

/* ---- life ---- */

struct reactor *group_reactor(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return g->home->home->home;
}

struct group *group_new(struct coordinated *home, struct slice id)
{
	struct group *g;
	ALLOC_OBJ(g, GROUP_MAGIC);
	g->home = home;
	g->holds = 1;
	g->id = own(id);
	g->state = GROUP_EMPTY;
	g->state_since_ms = reactor_wall_ms(group_reactor(g));
	g->initial_ms = -1;
	rebalance_init(g);
	return g;
}

static void forget_topics(struct group *g)
{
	struct group_topic *t, *next;
	HASH_ITER(hh, g->topics, t, next) {
		HASH_DELETE(hh, g->topics, t);
		free(t);
	}
	g->topics_known = false;
}

void group_drop(struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	must(g->holds > 0);
	if (--g->holds > 0)
		return;
	must(g->state == GROUP_DEAD && !g->members && !g->pending && !timer_armed(&g->clock));
	forget_topics(g);
	offsets_free(g->offsets);
	disown(&g->id);
	disown(&g->protocol_type);
	disown(&g->protocol_name);
	FREE_OBJ(g);
}

void group_set_state(struct group *g, enum group_state state)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	reactor_must_be_here(group_reactor(g));
	must(g->state != GROUP_DEAD || state == GROUP_DEAD);
	g->state = state;
	g->state_since_ms = reactor_wall_ms(group_reactor(g));
}

/* ---- protocols ---- */

static struct group_tally *tally_of(const struct group *g, struct slice name)
{
	struct group_tally *t = NULL;
	HASH_FIND_BYHASHVALUE(hh, g->tallies, name.p, name.n, hash_of(g, name), t);
	return t;
}

static struct group_tally *tally_make(struct group *g, struct slice name)
{
	struct group_tally *t = mem_zalloc(sizeof *t + name.n);
	t->bytes = name.n;
	memcpy(t->name, name.p, name.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->tallies, t->name, t->bytes, hash_of(g, name), t);
	return t;
}

/* Whether this walk sees it for the first time. */
static bool tally_is_new(struct group_tally *t, uint64_t walk)
{
	bool is_new = t->walk != walk;
	t->walk = walk;
	return is_new;
}

static void tallies_add(struct group *g, const struct group_protocols *p)
{
	uint64_t walk = ++g->walks;
	for (int32_t i = 0; i < p->n; i++) {
		struct group_tally *t = tally_of(g, p->v[i].name);
		if (!t)
			t = tally_make(g, p->v[i].name);
		t->members += tally_is_new(t, walk);
	}
}

static void tallies_remove(struct group *g, const struct group_protocols *p)
{
	uint64_t walk = ++g->walks;
	for (int32_t i = 0; i < p->n; i++) {
		struct group_tally *t = tally_of(g, p->v[i].name);
		if (!t || !tally_is_new(t, walk) || --t->members > 0)
			continue;
		HASH_DELETE(hh, g->tallies, t);
		free(t);
	}
}

static bool all_know(const struct group *g, struct slice name)
{
	const struct group_tally *t = tally_of(g, name);
	return (t ? t->members : 0) == group_size(g);
}

bool group_supports(const struct group *g, struct slice protocol_type, const struct group_protocol *protocols,
		    int32_t n)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	if (g->state == GROUP_EMPTY)
		return protocol_type.n > 0 && n > 0;
	if (!slice_eq(g->protocol_type, protocol_type))
		return false;
	for (int32_t i = 0; i < n; i++)
		if (all_know(g, protocols[i].name))
			return true;
	return false;
}

static const struct group_protocol *favourite(const struct member *m)
{
	for (int32_t i = 0; i < m->protocols->n; i++)
		if (all_know(m->group, m->protocols->v[i].name))
			return &m->protocols->v[i];
	return NULL;
}

struct slice group_vote(struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	const struct group_tally *most = NULL;
	uint64_t walk = ++g->walks;
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next) {
		const struct group_protocol *p = favourite(m);
		must(p != NULL); /* who joined had one, and so has who was loaded */
		struct group_tally *t = tally_of(g, p->name);
		if (tally_is_new(t, walk))
			t->votes = 0;
		t->votes++;
		if (!most || t->votes > most->votes)
			most = t;
	}
	must(most != NULL);
	return slice_of(most->name, most->bytes);
}

void group_set_protocol_name(struct group *g, struct slice name)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct slice copy = own(name); /* first: it may be the old one */
	disown(&g->protocol_name);
	g->protocol_name = copy;
}

void group_set_protocol_type(struct group *g, struct slice type)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct slice copy = own(type);
	disown(&g->protocol_type);
	g->protocol_type = copy;
}

bool group_is_consumer(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return slice_is(g->protocol_type, "consumer");
}

/* ---- subscribed topics ---- */

static void add_topic(struct group *g, struct slice name)
{
	struct group_topic *t = NULL;
	unsigned hash = hash_of(g, name);
	HASH_FIND_BYHASHVALUE(hh, g->topics, name.p, name.n, hash, t);
	if (t)
		return;
	t = mem_zalloc(sizeof *t + name.n);
	t->bytes = name.n;
	memcpy(t->name, name.p, name.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->topics, t->name, t->bytes, hash, t);
}

/* Read as version 0, which every version begins with. */
static bool read_subscription(struct member *m, struct arena *arena)
{
	struct consumer_protocol_subscription s;
	struct kdec d;
	kdec_init(&d, member_metadata(m, m->group->protocol_name), arena);
	bool known = kdec_i16(&d) >= 0 && consumer_protocol_subscription_decode(&d, 0, &s) == 0;
	for (int32_t i = 0; known && i < s.n_topics; i++)
		add_topic(m->group, s.topics[i]);
	arena_reset(arena);
	return known;
}

void group_read_topics(struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct arena arena;
	struct member *m, *next;
	forget_topics(g);
	if (!group_is_consumer(g) || (g->members && slice_is_null(g->protocol_name)))
		return;
	g->topics_known = true;
	arena_init(&arena, SUBSCRIPTION_ARENA_BYTES);
	HASH_ITER(hh, g->members, m, next)
		g->topics_known = g->topics_known && read_subscription(m, &arena);
	arena_free(&arena);
	if (!g->topics_known)
		log_warn(GROUP_LOGGER, "Failed to parse Consumer Protocol consumer:%s of group %s. Consumer "
			 "group coordinator is not aware of the subscribed topics.",
			 log_safe(g->protocol_name).s, log_safe(g->id).s);
}

bool group_subscribes(const struct group *g, struct slice topic)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct group_topic *t = NULL;
	HASH_FIND_BYHASHVALUE(hh, g->topics, topic.p, topic.n, hash_of(g, topic), t);
	return !g->topics_known || t;
}

/* ---- members ---- */

struct member *group_member(const struct group *g, struct slice id)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct member *m = NULL;
	HASH_FIND_BYHASHVALUE(hh, g->members, id.p, id.n, hash_of(g, id), m);
	return m;
}

struct member *group_static_member(const struct group *g, struct slice instance_id)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct member *m = NULL;
	HASH_FIND_BYHASHVALUE(by_instance, g->static_members, instance_id.p, instance_id.n,
			      hash_of(g, instance_id), m);
	return m;
}

int32_t group_size(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return (int32_t)HASH_COUNT(g->members);
}

int32_t group_static_size(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return (int32_t)HASH_CNT(by_instance, g->static_members);
}

int32_t group_rebalance_timeout_ms(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	int32_t longest = 0;
	struct member *m, *next;
	HASH_ITER(hh, g->members, m, next)
		longest = max_of(longest, m->rebalance_timeout_ms);
	return longest;
}

static struct slice put(uint8_t **to, struct slice from)
{
	struct slice at = slice_of(*to, from.n);
	if (from.n > 0)
		memcpy(*to, from.p, from.n);
	*to += from.n;
	return at;
}

static struct group_protocols *protocols_new(const struct group_protocol *from, int32_t n)
{
	size_t head = sizeof(struct group_protocols) + (size_t)n * sizeof *from, bytes = 0;
	for (int32_t i = 0; i < n; i++)
		bytes += (size_t)from[i].name.n + from[i].metadata.n;
	struct group_protocols *p = mem_try(head + bytes);
	if (!p)
		return NULL;
	uint8_t *to = (uint8_t *)p + head;
	p->n = n;
	for (int32_t i = 0; i < n; i++) {
		p->v[i].name = put(&to, from[i].name);
		p->v[i].metadata = put(&to, from[i].metadata);
	}
	return p;
}

struct member *group_add(struct group *g, const struct member_spec *spec)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	reactor_must_be_here(group_reactor(g));
	must(!group_member(g, spec->id));
	must(slice_is_null(spec->instance_id) || !group_static_member(g, spec->instance_id));
	struct group_protocols *protocols = protocols_new(spec->protocols, spec->n_protocols);
	if (!protocols)
		return NULL;
	struct member *m;
	ALLOC_OBJ(m, MEMBER_MAGIC);
	m->group = g;
	m->id = own(spec->id);
	m->instance_id = own(spec->instance_id);
	m->client_id = own(spec->client_id);
	m->client_host = own(spec->client_host);
	m->rebalance_timeout_ms = spec->rebalance_timeout_ms;
	m->session_timeout_ms = spec->session_timeout_ms;
	m->protocols = protocols;
	rebalance_init_member(m);
	if (!g->members)
		group_set_protocol_type(g, spec->protocol_type);
	if (!g->leader)
		g->leader = m;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->members, m->id.p, m->id.n, hash_of(g, m->id), m);
	if (member_is_static(m))
		HASH_ADD_KEYPTR_BYHASHVALUE(by_instance, g->static_members, m->instance_id.p,
					    m->instance_id.n, hash_of(g, m->instance_id), m);
	tallies_add(g, protocols);
	return m;
}

void group_remove(struct member *m, enum kerr why)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	struct group *g = m->group;
	member_answer_join_error(m, why, m->id);
	member_answer_sync(m, why);
	member_synced(m);
	timer_cancel(group_reactor(g), &m->session);
	tallies_remove(g, m->protocols);
	HASH_DELETE(hh, g->members, m);
	if (member_is_static(m))
		HASH_DELETE(by_instance, g->static_members, m);
	if (g->leader == m)
		g->leader = g->members;
	disown(&m->id);
	disown(&m->instance_id);
	disown(&m->client_id);
	disown(&m->client_host);
	disown(&m->assignment);
	free(m->protocols);
	FREE_OBJ(m);
}

static struct group_protocols *set_protocols(struct member *m, struct group_protocols *p)
{
	struct group_protocols *old = m->protocols;
	tallies_remove(m->group, old);
	m->protocols = p;
	tallies_add(m->group, p);
	return old;
}

struct group_protocols *group_exchange(struct member *m, const struct group_protocol *protocols, int32_t n)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	struct group_protocols *copy = protocols_new(protocols, n);
	return copy ? set_protocols(m, copy) : NULL;
}

void group_restore(struct member *m, struct group_protocols *protocols)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	free(set_protocols(m, protocols));
}

bool group_update(struct member *m, const struct group_protocol *protocols, int32_t n,
		  int32_t rebalance_timeout_ms, int32_t session_timeout_ms)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	struct group_protocols *old = group_exchange(m, protocols, n);
	if (!old)
		return false;
	free(old);
	m->rebalance_timeout_ms = rebalance_timeout_ms;
	m->session_timeout_ms = session_timeout_ms;
	return true;
}

void group_rename(struct member *m, struct slice id)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	struct group *g = m->group;
	must(!group_member(g, id));
	HASH_DELETE(hh, g->members, m);
	disown(&m->id);
	m->id = own(id);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->members, m->id.p, m->id.n, hash_of(g, m->id), m);
}

bool member_set_assignment(struct member *m, struct slice assignment)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	uint8_t *copy = assignment.n > 0 ? mem_try(assignment.n) : NULL;
	if (assignment.n > 0 && !copy)
		return false;
	if (copy)
		memcpy(copy, assignment.p, assignment.n);
	disown(&m->assignment);
	m->assignment = slice_of(copy, assignment.n);
	return true;
}

bool member_matches(const struct member *m, const struct group_protocol *protocols, int32_t n)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	bool same = m->protocols->n == n;
	for (int32_t i = 0; same && i < n; i++)
		same = slice_eq(m->protocols->v[i].name, protocols[i].name) &&
			slice_eq(m->protocols->v[i].metadata, protocols[i].metadata);
	return same;
}

struct slice member_metadata(const struct member *m, struct slice protocol)
{
	CHECK_OBJ_NOTNULL(m, MEMBER_MAGIC);
	for (int32_t i = 0; i < m->protocols->n; i++)
		if (slice_eq(m->protocols->v[i].name, protocol))
			return m->protocols->v[i].metadata;
	return slice_of("", 0);
}

enum kerr group_check_member(const struct group *g, struct slice member_id, struct slice instance_id,
			     const char *doing)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	if (slice_is_null(instance_id))
		return group_member(g, member_id) ? KERR_NONE : KERR_UNKNOWN_MEMBER_ID;
	const struct member *m = group_static_member(g, instance_id);
	if (!m)
		return KERR_UNKNOWN_MEMBER_ID;
	if (slice_eq(m->id, member_id))
		return KERR_NONE;
	log_info(GROUP_LOGGER, "[GroupCoordinator %d]: Request memberId=%s for static member with "
		 "groupInstanceId=%s is fenced by current memberId=%s during operation %s",
		 g->home->home->broker_id, log_safe(member_id).s, log_safe(instance_id).s,
		 log_safe(m->id).s, doing);
	return KERR_FENCED_INSTANCE_ID;
}

/* ---- members to be ---- */

static struct group_pending *pending_of(const struct group *g, struct slice id)
{
	struct group_pending *p = NULL;
	HASH_FIND_BYHASHVALUE(hh, g->pending, id.p, id.n, hash_of(g, id), p);
	return p;
}

bool group_is_pending(const struct group *g, struct slice id)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return pending_of(g, id) != NULL;
}

static void pending_timed_out(struct reactor *here, struct timer *t)
{
	struct group_pending *p = container_of(t, struct group_pending, timeout);
	must(here == group_reactor(p->group));
	rebalance_pending_expired(p->group, p->id);
}

bool group_add_pending(struct group *g, struct slice id, int32_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	must(!group_member(g, id) && !pending_of(g, id));
	if (group_pending_count(g) >= GROUP_PENDING_MAX)
		return false;
	struct group_pending *p = mem_zalloc(sizeof *p);
	p->group = g;
	p->id = own(id);
	p->timeout.fire = pending_timed_out;
	timer_arm(group_reactor(g), &p->timeout, max_of(timeout_ms, 0));
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->pending, p->id.p, p->id.n, hash_of(g, p->id), p);
	return true;
}

void group_remove_pending(struct group *g, struct slice id)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	struct group_pending *p = pending_of(g, id);
	if (!p)
		return;
	timer_cancel(group_reactor(g), &p->timeout);
	HASH_DELETE(hh, g->pending, p);
	disown(&p->id);
	free(p);
}

int group_pending_count(const struct group *g)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	return (int)HASH_COUNT(g->pending);
}

void group_remove_all(struct group *g, enum kerr why)
{
	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	while (g->members)
		group_remove(g->members, why);
	while (g->pending)
		group_remove_pending(g, g->pending->id);
}
