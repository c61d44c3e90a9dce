/* session.c - see session.h.
 *
 *	(none) --make--> session --incremental--> session --evict, close, emptied--> (none)
 *
 * A session's partitions are in a table for finding and in a ring for fairness: one that returned data moves
 * to the end. Sessions are in a ring by last use.
 */
#include "broker/api/session.h"

#include "broker/base/list.h"
#include "broker/base/must.h"

#define SESSIONS_MAGIC 0x5e551045u
#define SESSION_MAGIC 0x5e551071u

enum { ID_TRIES = 16 };

struct part {
	UT_hash_handle hh;
	struct list link; /* session.order */
	bool told; /* was in a response: what follows is what the client knows */
	int64_t told_high_watermark, told_log_start;
	struct fetch_wish wish; /* its topic points to `topic` */
	uint8_t key[];          /* the topic's name or id, then the partition */
};

struct session {
	unsigned magic;
	UT_hash_handle hh;
	struct list link; /* sessions.by_use, least recently used first */
	int32_t id, epoch;
	bool by_topic_id, privileged;
	int64_t made_ms, used_ms;
	struct part *parts;
	struct list order;
	unsigned n_parts;
};

struct sessions {
	unsigned magic;
	int core, cores, slots;
	struct hash_seed seed;
	struct session *by_id;
	struct list by_use;
	int n;
	int64_t n_parts;
	uint64_t evicted;
};

/* ---- partitions of a session ---- */

enum { KEY_MAX_BYTES = 16 + 4 };

static size_t key_bytes(bool by_id, const struct fetch_wish *w)
{
	return (by_id ? sizeof w->topic_id.b : w->topic.n) + sizeof w->partition;
}

static void key_write(uint8_t *key, bool by_id, const struct fetch_wish *w)
{
	size_t n = by_id ? sizeof w->topic_id.b : w->topic.n;
	memcpy(key, by_id ? w->topic_id.b : w->topic.p, n);
	memcpy(key + n, &w->partition, sizeof w->partition);
}

static struct part *part_find(struct sessions *s, struct session *session, const struct fetch_wish *w)
{
	uint8_t small[KEY_MAX_BYTES + 256], *key = small;
	size_t n = key_bytes(session->by_topic_id, w);
	if (n > sizeof small)
		key = mem_alloc(n);
	key_write(key, session->by_topic_id, w);
	unsigned hash = hash_key(&s->seed, key, n);
	struct part *p;
	HASH_FIND_BYHASHVALUE(hh, session->parts, key, n, hash, p);
	if (key != small)
		free(key);
	return p;
}

/* The name is kept behind the key, because a wish by id may carry a name too (found in the metadata). */
static struct part *part_add(struct sessions *s, struct session *session, const struct fetch_wish *w)
{
	size_t n = key_bytes(session->by_topic_id, w);
	struct part *p = mem_zalloc(sizeof *p + n + w->topic.n);
	key_write(p->key, session->by_topic_id, w);
	p->wish = *w;
	if (w->topic.p) {
		memcpy(p->key + n, w->topic.p, w->topic.n);
		p->wish.topic.p = p->key + n;
	}
	unsigned hash = hash_key(&s->seed, p->key, n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, session->parts, p->key, n, hash, p);
	list_push_back(&session->order, &p->link);
	session->n_parts++;
	s->n_parts++;
	return p;
}

static void part_remove(struct sessions *s, struct session *session, struct part *p)
{
	HASH_DELETE(hh, session->parts, p);
	list_remove(&p->link);
	session->n_parts--;
	s->n_parts--;
	free(p);
}

static void part_update(struct part *p, const struct fetch_wish *w)
{
	struct slice topic = p->wish.topic;
	p->wish = *w;
	p->wish.topic = topic;
}

/* ---- sessions ---- */

struct sessions *sessions_new(int core, int cores, int slots, const struct hash_seed *seed)
{
	struct sessions *s;
	must(core >= 0 && core < cores && slots >= 0);
	ALLOC_OBJ(s, SESSIONS_MAGIC);
	s->core = core;
	s->cores = cores;
	s->slots = slots;
	s->seed = *seed;
	list_init(&s->by_use);
	return s;
}

static struct session *session_find(struct sessions *s, int32_t id)
{
	struct session *session;
	HASH_FIND_INT(s->by_id, &id, session);
	return session;
}

static void session_remove(struct sessions *s, struct session *session)
{
	CHECK_OBJ_NOTNULL(session, SESSION_MAGIC);
	struct part *p, *next;
	HASH_ITER(hh, session->parts, p, next)
		part_remove(s, session, p);
	HASH_DELETE(hh, s->by_id, session);
	list_remove(&session->link);
	s->n--;
	FREE_OBJ(session);
}

void sessions_free(struct sessions *s)
{
	CHECK_OBJ_NOTNULL(s, SESSIONS_MAGIC);
	while (!list_empty(&s->by_use))
		session_remove(s, list_entry(s->by_use.next, struct session, link));
	FREE_OBJ(s);
}

static void session_touch(struct sessions *s, struct session *session, int64_t now_ms)
{
	session->used_ms = now_ms;
	list_remove(&session->link);
	list_push_back(&s->by_use, &session->link);
}

/* Whether `session` gives way to a new one of `n` partitions, when nobody has been idle for long: a
 * follower's stays, and of two alike the larger one. */
static bool gives_way(const struct session *session, bool privileged, size_t n, int64_t now_ms)
{
	bool old = now_ms - session->made_ms > SESSION_EVICTABLE_MS;
	if (!old && !(privileged && !session->privileged))
		return false;
	if (session->privileged != privileged)
		return privileged;
	return session->n_parts <= n;
}

static void session_evict(struct sessions *s, struct session *session)
{
	session_remove(s, session);
	s->evicted++;
}

/* Makes room for one session; false when all that are there rank higher. */
static bool make_room(struct sessions *s, bool privileged, size_t n, int64_t now_ms)
{
	if (s->n < s->slots)
		return true;
	if (s->slots == 0)
		return false;
	struct session *oldest = list_entry(s->by_use.next, struct session, link);
	if (now_ms - oldest->used_ms > SESSION_EVICTABLE_MS) {
		session_evict(s, oldest);
		return true;
	}
	struct session *lowest = NULL;
	list_for_each(it, &s->by_use) {
		struct session *c = list_entry(it, struct session, link);
		if (!gives_way(c, privileged, n, now_ms))
			continue;
		if (!lowest || c->privileged < lowest->privileged ||
		    (c->privileged == lowest->privileged && c->n_parts < lowest->n_parts))
			lowest = c;
	}
	if (lowest)
		session_evict(s, lowest);
	return lowest != NULL;
}

/* A free id of this core: positive, and id mod cores == core. */
static int32_t new_id(struct sessions *s, uint32_t random)
{
	for (int i = 0; i < ID_TRIES; i++, random = random * 1664525u + 1013904223u) {
		uint32_t id = random % (uint32_t)(INT32_MAX / s->cores) * (uint32_t)s->cores +
			(uint32_t)s->core;
		if (id != SESSION_NONE && !session_find(s, (int32_t)id))
			return (int32_t)id;
	}
	return SESSION_NONE;
}

static struct session *session_make(struct sessions *s, const struct session_request *req, size_t n,
				    int64_t now_ms, uint32_t random)
{
	int32_t id = make_room(s, req->privileged, n, now_ms) ? new_id(s, random) : SESSION_NONE;
	if (id == SESSION_NONE)
		return NULL;
	struct session *session;
	ALLOC_OBJ(session, SESSION_MAGIC);
	session->id = id;
	session->epoch = SESSION_EPOCH_INITIAL + 1;
	session->by_topic_id = req->by_topic_id;
	session->privileged = req->privileged;
	session->made_ms = session->used_ms = now_ms;
	list_init(&session->order);
	HASH_ADD_INT(s->by_id, id, session);
	list_push_back(&s->by_use, &session->link);
	s->n++;
	return session;
}

/* ---- one request ---- */

static struct session_plan plan_error(enum kerr error)
{
	return (struct session_plan){ .error = error };
}

/* The plan that reads just what the request names. */
static struct session_plan plan_of_request(const struct session_request *req, struct arena *arena)
{
	struct session_plan plan = { .n = req->n_wishes };
	plan.wishes = arena_array(arena, req->n_wishes, sizeof *plan.wishes);
	if (!plan.wishes && req->n_wishes)
		return plan_error(KERR_UNKNOWN_SERVER_ERROR);
	if (req->n_wishes)
		memcpy(plan.wishes, req->wishes, req->n_wishes * sizeof *plan.wishes);
	return plan;
}

static struct slice arena_slice(struct arena *arena, struct slice s)
{
	return slice_of(arena_strdup(arena, s), s.n);
}

/* The plan that reads all that the session remembers, in its order. */
static struct session_plan plan_of_session(struct session *session, struct arena *arena)
{
	struct session_plan plan = { .incremental = true, .id = session->id, .epoch = session->epoch,
				     .n = session->n_parts };
	plan.wishes = arena_array(arena, plan.n, sizeof *plan.wishes);
	if (!plan.wishes)
		return plan_error(KERR_UNKNOWN_SERVER_ERROR);
	size_t i = 0;
	list_for_each(it, &session->order) {
		struct fetch_wish *w = &plan.wishes[i++];
		*w = list_entry(it, struct part, link)->wish;
		w->topic = arena_slice(arena, w->topic);
	}
	must(i == plan.n);
	return arena_overflowed(arena) ? plan_error(KERR_UNKNOWN_SERVER_ERROR) : plan;
}

static bool session_update(struct sessions *s, struct session *session, const struct session_request *req)
{
	for (size_t i = 0; i < req->n_wishes; i++) {
		struct part *p = part_find(s, session, &req->wishes[i]);
		if (p)
			part_update(p, &req->wishes[i]);
		else if (session->n_parts < SESSION_PARTITIONS_MAX)
			part_add(s, session, &req->wishes[i]);
		else
			return false;
	}
	for (size_t i = 0; i < req->n_forgotten; i++) {
		struct part *p = part_find(s, session, &req->forgotten[i]);
		if (p)
			part_remove(s, session, p);
	}
	return true;
}

static int32_t next_epoch(int32_t epoch)
{
	return epoch == INT32_MAX ? 1 : epoch + 1;
}

static struct session_plan begin_full(struct sessions *s, const struct session_request *req,
				      struct arena *arena)
{
	struct session *old = session_find(s, req->id);
	if (old)
		session_remove(s, old);
	struct session_plan plan = plan_of_request(req, arena);
	plan.make = !plan.error && req->epoch == SESSION_EPOCH_INITIAL;
	return plan;
}

struct session_plan session_begin(struct sessions *s, const struct session_request *req, int64_t now_ms,
				  struct arena *arena)
{
	CHECK_OBJ_NOTNULL(s, SESSIONS_MAGIC);
	if (req->epoch == SESSION_EPOCH_INITIAL || req->epoch == SESSION_EPOCH_FINAL)
		return begin_full(s, req, arena);
	struct session *session = session_find(s, req->id);
	if (!session)
		return plan_error(KERR_FETCH_SESSION_ID_NOT_FOUND);
	if (session->epoch != req->epoch)
		return plan_error(KERR_INVALID_FETCH_SESSION_EPOCH);
	if (session->by_topic_id != req->by_topic_id)
		return plan_error(KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	if (!session_update(s, session, req)) {
		session_remove(s, session);
		return plan_error(KERR_UNKNOWN_SERVER_ERROR);
	}
	if (session->n_parts == 0) {
		session_remove(s, session);
		return plan_of_request(req, arena);
	}
	session->epoch = next_epoch(session->epoch);
	session_touch(s, session, now_ms);
	return plan_of_session(session, arena);
}

/* Whether the client must hear of this partition; notes that it did. */
static bool part_news(struct part *p, const struct fetch_outcome *o)
{
	bool news = o->has_records || o->must_tell || !p->told ||
		p->told_high_watermark != o->high_watermark || p->told_log_start != o->log_start_offset;
	p->told = true;
	p->told_high_watermark = o->high_watermark;
	p->told_log_start = o->log_start_offset;
	if (o->must_tell)
		p->told = false; /* tell again even if the next answer looks the same */
	return news;
}

static int32_t finish_incremental(struct sessions *s, const struct session_plan *plan,
				  struct fetch_outcome *outcomes, enum kerr *error)
{
	struct session *session = session_find(s, plan->id);
	if (!session || session->epoch != plan->epoch) {
		*error = session ? KERR_INVALID_FETCH_SESSION_EPOCH : KERR_FETCH_SESSION_ID_NOT_FOUND;
		return SESSION_NONE;
	}
	for (size_t i = 0; i < plan->n; i++) {
		struct part *p = part_find(s, session, &plan->wishes[i]);
		outcomes[i].omit = p && !part_news(p, &outcomes[i]);
		if (p && outcomes[i].has_records) {
			list_remove(&p->link);
			list_push_back(&session->order, &p->link);
		}
	}
	return session->id;
}

int32_t session_finish(struct sessions *s, const struct session_plan *plan, const struct session_request *req,
		       struct fetch_outcome *outcomes, int64_t now_ms, uint32_t random, enum kerr *error)
{
	CHECK_OBJ_NOTNULL(s, SESSIONS_MAGIC);
	must(plan->error == KERR_NONE);
	*error = KERR_NONE;
	if (plan->incremental)
		return finish_incremental(s, plan, outcomes, error);
	struct session *session = NULL;
	if (plan->make && plan->n <= SESSION_PARTITIONS_MAX)
		session = session_make(s, req, plan->n, now_ms, random);
	for (size_t i = 0; session && i < plan->n; i++) {
		struct part *p = part_find(s, session, &plan->wishes[i]);
		if (!p)
			p = part_add(s, session, &plan->wishes[i]);
		part_news(p, &outcomes[i]);
	}
	return session ? session->id : SESSION_NONE;
}

int sessions_count(const struct sessions *s)
{
	return s->n;
}

int64_t sessions_partitions(const struct sessions *s)
{
	return s->n_parts;
}

uint64_t sessions_evicted(const struct sessions *s)
{
	CHECK_OBJ_NOTNULL(s, SESSIONS_MAGIC);
	return s->evicted;
}
