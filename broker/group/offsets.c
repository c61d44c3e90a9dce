/* offsets.c - the committed offsets of one group. */
#include "broker/group/offsets.h"

#include "broker/base/must.h"

#define OFFSETS_MAGIC 0x0ff5e75bu

/* A partition. It is there as long as something is committed or on its way. */
struct entry {
	int32_t partition;
	int32_t leader_epoch;
	int64_t offset;
	int64_t commit_ms, expire_ms;
	int64_t log_offset;   /* of the batch with its record; OFFSET_NONE: nothing is committed */
	uint32_t on_their_way; /* commits whose append has not ended */
	uint32_t first_round; /* of the first of them: what began before was of an entry that is gone */
	struct note *metadata; /* NULL when empty */
};

struct note {
	uint32_t n;
	uint8_t bytes[];
};

struct topic {
	struct entry *v;      /* by partition */
	uint32_t n, room;
	uint32_t name_bytes;
	uint8_t name[];
};

struct topics {
	struct topic **v;     /* by name */
	uint32_t n, room;
};

/* The commits of a transaction that has not ended. */
struct txn {
	struct txn *next;
	int64_t producer_id;
	struct topics topics;
};

struct offsets {
	unsigned magic;
	uint32_t round;       /* the last one given out */
	struct topics topics;
	struct txn *txns;
	size_t n_committed;
};

/* ---- sorted arrays ---- */

/* Room for one more: half as much again, so that ten partitions do not take the room of sixteen. */
static void *grown(void *v, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return v;
	*room = n + n / 2 + 1;
	return mem_realloc(v, *room * size);
}

static struct slice topic_name(const struct topic *t)
{
	return slice_of(t->name, t->name_bytes);
}

/* Where the topic is, or would be. */
static uint32_t topic_place(const struct topics *all, struct slice name, bool *found)
{
	uint32_t low = 0, high = all->n;
	*found = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = slice_compare(topic_name(all->v[middle]), name);
		if (order == 0)
			*found = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t entry_place(const struct topic *t, int32_t partition, bool *found)
{
	uint32_t low = 0, high = t->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (t->v[middle].partition < partition)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < t->n && t->v[low].partition == partition;
	return low;
}

static struct entry *find(const struct topics *all, struct slice name, int32_t partition)
{
	bool found;
	uint32_t at = topic_place(all, name, &found);
	if (!found)
		return NULL;
	struct topic *t = all->v[at];
	at = entry_place(t, partition, &found);
	return found ? &t->v[at] : NULL;
}

static struct topic *make_topic(struct topics *all, struct slice name)
{
	bool found;
	uint32_t at = topic_place(all, name, &found);
	if (found)
		return all->v[at];
	struct topic *t = mem_zalloc(sizeof *t + name.n);
	t->name_bytes = name.n;
	if (name.n > 0)
		memcpy(t->name, name.p, name.n);
	all->v = grown(all->v, all->n, &all->room, sizeof *all->v);
	memmove(all->v + at + 1, all->v + at, (all->n - at) * sizeof *all->v);
	all->v[at] = t;
	all->n++;
	return t;
}

static struct entry *make(struct topics *all, struct slice name, int32_t partition)
{
	bool found;
	struct topic *t = make_topic(all, name);
	uint32_t at = entry_place(t, partition, &found);
	if (found)
		return &t->v[at];
	t->v = grown(t->v, t->n, &t->room, sizeof *t->v);
	memmove(t->v + at + 1, t->v + at, (t->n - at) * sizeof *t->v);
	t->v[at] = (struct entry){ .partition = partition, .log_offset = OFFSET_NONE };
	t->n++;
	return &t->v[at];
}

static void topic_free(struct topic *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->v[i].metadata);
	free(t->v);
	free(t);
}

static void topics_free(struct topics *all)
{
	for (uint32_t i = 0; i < all->n; i++)
		topic_free(all->v[i]);
	free(all->v);
	*all = (struct topics){ 0 };
}

static void drop_topic_at(struct topics *all, uint32_t at)
{
	topic_free(all->v[at]);
	memmove(all->v + at, all->v + at + 1, (all->n - at - 1) * sizeof *all->v);
	all->n--;
}

/* The entry goes, and its topic with the last one. */
static void drop(struct topics *all, struct slice name, int32_t partition)
{
	bool found;
	uint32_t place = topic_place(all, name, &found);
	must(found);
	struct topic *t = all->v[place];
	uint32_t at = entry_place(t, partition, &found);
	must(found);
	free(t->v[at].metadata);
	memmove(t->v + at, t->v + at + 1, (t->n - at - 1) * sizeof *t->v);
	if (--t->n == 0)
		drop_topic_at(all, place);
}

/* ---- entries ---- */

static bool is_committed(const struct entry *e)
{
	return e->log_offset != OFFSET_NONE;
}

static struct offset_commit commit_of(const struct entry *e)
{
	return (struct offset_commit){
		.offset = e->offset,
		.leader_epoch = e->leader_epoch,
		.metadata = e->metadata ? slice_of(e->metadata->bytes, e->metadata->n) : SLICE_LIT(""),
		.commit_ms = e->commit_ms,
		.expire_ms = e->expire_ms,
	};
}

static struct note *note_of(struct slice text)
{
	if (text.n == 0)
		return NULL;
	struct note *note = mem_alloc(sizeof *note + text.n);
	note->n = text.n;
	memcpy(note->bytes, text.p, text.n);
	return note;
}

static void set(struct entry *e, const struct offset_commit *c, int64_t log_offset)
{
	must(log_offset >= 0);
	struct note *metadata = note_of(c->metadata);
	free(e->metadata);
	e->metadata = metadata;
	e->offset = c->offset;
	e->leader_epoch = c->leader_epoch;
	e->commit_ms = c->commit_ms;
	e->expire_ms = c->expire_ms;
	e->log_offset = log_offset;
}

/* A committed one. */
static void set_committed(struct offsets *o, struct entry *e, const struct offset_commit *c,
			  int64_t log_offset)
{
	if (!is_committed(e))
		o->n_committed++;
	set(e, c, log_offset);
}

static void txn_free(struct txn **at)
{
	struct txn *x = *at;
	*at = x->next;
	topics_free(&x->topics);
	free(x);
}

struct offsets *offsets_new(void)
{
	struct offsets *o;
	ALLOC_OBJ(o, OFFSETS_MAGIC);
	return o;
}

void offsets_free(struct offsets *o)
{
	if (!o)
		return;
	CHECK_OBJ(o, OFFSETS_MAGIC);
	topics_free(&o->topics);
	while (o->txns)
		txn_free(&o->txns);
	FREE_OBJ(o);
}

/* ---- reading ---- */

bool offsets_get(const struct offsets *o, struct slice topic, int32_t partition,
		 struct offset_commit *ret_commit)
{
	const struct entry *e = o ? find(&o->topics, topic, partition) : NULL;
	if (!e || !is_committed(e))
		return false;
	*ret_commit = commit_of(e);
	return true;
}

bool offsets_is_unstable(const struct offsets *o, struct slice topic, int32_t partition)
{
	if (!o)
		return false;
	CHECK_OBJ(o, OFFSETS_MAGIC);
	const struct entry *e = find(&o->topics, topic, partition);
	if (e && e->on_their_way > 0)
		return true;
	for (const struct txn *x = o->txns; x; x = x->next)
		if (find(&x->topics, topic, partition))
			return true;
	return false;
}

size_t offsets_count(const struct offsets *o)
{
	return o ? o->n_committed : 0;
}

bool offsets_empty(const struct offsets *o)
{
	return !o || (o->topics.n == 0 && !o->txns);
}

static void each_of_topic(const struct topic *t, offsets_visit *visit, void *arg)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (!is_committed(&t->v[i]))
			continue;
		struct offset_commit c = commit_of(&t->v[i]);
		visit(arg, topic_name(t), t->v[i].partition, &c);
	}
}

void offsets_each(const struct offsets *o, offsets_visit *visit, void *arg)
{
	for (uint32_t i = 0; o && i < o->topics.n; i++)
		each_of_topic(o->topics.v[i], visit, arg);
}

/* ---- plain commits ---- */

uint32_t offsets_begin(struct offsets *o)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	return ++o->round;
}

void offsets_prepare(struct offsets *o, uint32_t round, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct entry *e = make(&o->topics, topic, partition);
	if (e->on_their_way++ == 0)
		e->first_round = round;
}

/* The entry that the commit was prepared for, unless it was removed meanwhile; one commit less is on its
 * way. */
static struct entry *arrived(struct offsets *o, uint32_t round, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct entry *e = find(&o->topics, topic, partition);
	if (!e || e->on_their_way == 0 || (int32_t)(round - e->first_round) < 0)
		return NULL;
	e->on_their_way--;
	return e;
}

void offsets_commit(struct offsets *o, uint32_t round, struct slice topic, int32_t partition,
		    const struct offset_commit *commit, int64_t log_offset)
{
	struct entry *e = arrived(o, round, topic, partition);
	if (e && e->log_offset < log_offset)
		set_committed(o, e, commit, log_offset);
}

void offsets_give_up(struct offsets *o, uint32_t round, struct slice topic, int32_t partition)
{
	struct entry *e = arrived(o, round, topic, partition);
	if (e && e->on_their_way == 0 && !is_committed(e))
		drop(&o->topics, topic, partition);
}

void offsets_put(struct offsets *o, struct slice topic, int32_t partition, const struct offset_commit *commit,
		 int64_t log_offset)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	set_committed(o, make(&o->topics, topic, partition), commit, log_offset);
}

/* ---- removal ---- */

static bool txn_drop(struct txn *x, struct slice topic, int32_t partition)
{
	if (find(&x->topics, topic, partition))
		drop(&x->topics, topic, partition);
	return x->topics.n == 0;
}

bool offsets_remove(struct offsets *o, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	for (struct txn **at = &o->txns; *at;)
		if (txn_drop(*at, topic, partition))
			txn_free(at);
		else
			at = &(*at)->next;
	const struct entry *e = find(&o->topics, topic, partition);
	if (!e)
		return false;
	o->n_committed -= is_committed(e);
	drop(&o->topics, topic, partition);
	return true;
}

static size_t tell_gone(struct offsets *o, const struct topic *t, offsets_visit *gone, void *arg)
{
	for (uint32_t i = 0; i < t->n; i++) {
		gone(arg, topic_name(t), t->v[i].partition, NULL);
		o->n_committed -= is_committed(&t->v[i]);
	}
	return t->n;
}

size_t offsets_remove_topic(struct offsets *o, struct slice topic, offsets_visit *gone, void *arg)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	bool found;
	uint32_t place;
	size_t n = 0;
	for (struct txn **at = &o->txns; *at;) {
		place = topic_place(&(*at)->topics, topic, &found);
		if (found)
			drop_topic_at(&(*at)->topics, place);
		if ((*at)->topics.n == 0)
			txn_free(at);
		else
			at = &(*at)->next;
	}
	place = topic_place(&o->topics, topic, &found);
	if (found) {
		n = tell_gone(o, o->topics.v[place], gone, arg);
		drop_topic_at(&o->topics, place);
	}
	return n;
}

size_t offsets_remove_all(struct offsets *o, offsets_visit *gone, void *arg)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	size_t n = 0;
	for (uint32_t i = 0; i < o->topics.n; i++)
		n += tell_gone(o, o->topics.v[i], gone, arg);
	topics_free(&o->topics);
	while (o->txns)
		txn_free(&o->txns);
	must(o->n_committed == 0);
	return n;
}

bool offsets_has_topic(const struct offsets *o, struct slice topic)
{
	bool found = false;
	if (!o)
		return false;
	topic_place(&o->topics, topic, &found);
	for (const struct txn *x = o->txns; x && !found; x = x->next)
		topic_place(&x->topics, topic, &found);
	return found;
}

/* ---- transactions ---- */

static struct txn **txn_of(struct offsets *o, int64_t producer_id)
{
	struct txn **at = &o->txns;
	while (*at && (*at)->producer_id != producer_id)
		at = &(*at)->next;
	return at;
}

void offsets_txn_put(struct offsets *o, int64_t producer_id, struct slice topic, int32_t partition,
		     const struct offset_commit *commit, int64_t log_offset)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct txn **at = txn_of(o, producer_id);
	if (!*at) {
		*at = mem_zalloc(sizeof **at);
		(*at)->producer_id = producer_id;
	}
	set(make(&(*at)->topics, topic, partition), commit, log_offset);
}

void offsets_txn_remove(struct offsets *o, int64_t producer_id, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct txn **at = txn_of(o, producer_id);
	if (*at && txn_drop(*at, topic, partition))
		txn_free(at);
}

static void take_over(struct offsets *o, const struct topic *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct entry *from = &t->v[i];
		struct entry *to = make(&o->topics, topic_name(t), from->partition);
		struct offset_commit c = commit_of(from);
		if (to->log_offset < from->log_offset)
			set_committed(o, to, &c, from->log_offset);
	}
}

void offsets_txn_end(struct offsets *o, int64_t producer_id, bool committed)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct txn **at = txn_of(o, producer_id);
	if (!*at)
		return;
	for (uint32_t i = 0; committed && i < (*at)->topics.n; i++)
		take_over(o, (*at)->topics.v[i]);
	txn_free(at);
}

/* ---- expiry ---- */

bool offset_has_expired(const struct offset_commit *c, const struct offsets_expiry *x)
{
	if (c->expire_ms != -1)
		return x->now_ms >= c->expire_ms;
	int64_t since_ms = x->since_ms != -1 ? x->since_ms : c->commit_ms;
	/* As 3.9: time may run backwards, and clients say what time it is. */
	return (int64_t)((uint64_t)x->now_ms - (uint64_t)since_ms) >= x->retention_ms;
}

/* Removes what has expired of a topic, in one pass. */
static size_t expire_topic(struct topic *t, const struct offsets_expiry *x, offsets_visit *gone, void *arg)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		struct entry *e = &t->v[i];
		struct offset_commit c = commit_of(e);
		if (!is_committed(e) || e->on_their_way > 0 || !offset_has_expired(&c, x)) {
			t->v[kept++] = *e;
			continue;
		}
		gone(arg, topic_name(t), e->partition, &c);
		free(e->metadata);
	}
	size_t n = t->n - kept;
	t->n = kept;
	return n;
}

size_t offsets_expire(struct offsets *o, const struct offsets_expiry *x, offsets_visit *gone, void *arg)
{
	CHECK_OBJ_NOTNULL(o, OFFSETS_MAGIC);
	struct topics *all = &o->topics;
	uint32_t kept = 0;
	size_t n = 0;
	for (uint32_t i = 0; i < all->n; i++) {
		struct topic *t = all->v[i];
		if (!x->keeps_topic || !x->keeps_topic(x->arg, topic_name(t)))
			n += expire_topic(t, x, gone, arg);
		if (t->n > 0)
			all->v[kept++] = t;
		else
			topic_free(t);
	}
	all->n = kept;
	o->n_committed -= n;
	return n;
}
