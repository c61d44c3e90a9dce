/* partition.c - see partition.h. */
#include "broker/replica/partition.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <string.h>

#define REPLICAS_MAGIC 0x7e911ca5u
#define PARTITION_MAGIC 0x9a7717a0u

enum { DELETE_TO_HIGH_WATERMARK = -1 }; /* in DeleteRecords */

struct replicas {
	unsigned magic;
	struct reactor *home;
	int32_t broker_id;
	struct hash_seed seed;
	struct log_owner *log_owner;
	struct partition *table;
	struct list listeners;
};

/* ---- the table ---- */

struct replicas *replicas_new(struct reactor *home, int32_t broker_id, const struct hash_seed *seed,
			      struct log_owner *log_owner)
{
	struct replicas *r;
	ALLOC_OBJ(r, REPLICAS_MAGIC);
	r->home = home;
	r->broker_id = broker_id;
	r->seed = *seed;
	r->log_owner = log_owner;
	list_init(&r->listeners);
	return r;
}

void replicas_free(struct replicas *r)
{
	CHECK_OBJ_NOTNULL(r, REPLICAS_MAGIC);
	must(r->table == NULL && list_empty(&r->listeners));
	FREE_OBJ(r);
}

/* Topic and index are hashed one after the other, so that finding copies nothing. */
static unsigned hash_of(const struct replicas *r, struct slice topic, int32_t index)
{
	return hash_key(&r->seed, topic.p, topic.n) * 31u + (unsigned)index;
}

struct partition *replicas_find(const struct replicas *r, struct slice topic, int32_t index)
{
	CHECK_OBJ_NOTNULL(r, REPLICAS_MAGIC);
	reactor_must_be_here(r->home);
	struct partition *p;
	/* Found by hash value; the bytes are compared by hand, for the key is in two places. */
	unsigned hash = hash_of(r, topic, index), bucket;
	if (!r->table)
		return NULL;
	HASH_TO_BKT(hash, r->table->hh.tbl->num_buckets, bucket);
	struct UT_hash_handle *hh = r->table->hh.tbl->buckets[bucket].hh_head;
	for (; hh; hh = hh->hh_next) {
		p = ELMT_FROM_HH(r->table->hh.tbl, hh);
		if (hh->hashv == hash && p->index == index && p->topic_bytes == topic.n &&
		    memcmp(p->topic, topic.p, topic.n) == 0)
			return p;
	}
	return NULL;
}

struct partition *replicas_add(struct replicas *r, struct slice topic, int32_t index, struct log *log,
			       struct topic_settings *settings, int64_t high_watermark)
{
	CHECK_OBJ_NOTNULL(r, REPLICAS_MAGIC);
	must(log_home(log) == r->home && !replicas_find(r, topic, index));
	struct partition *p = mem_zalloc(sizeof *p + topic.n + 1);
	p->magic = PARTITION_MAGIC;
	p->home = r;
	p->log = log;
	p->settings = settings;
	p->role = (struct partition_role){ .leader = -1, .leader_epoch = -1, .partition_epoch = -1 };
	p->index = index;
	p->topic_bytes = topic.n;
	memcpy(p->topic, topic.p, topic.n);
	list_init(&p->acks);
	list_init(&p->readers);
	list_init(&p->deleters);
	p->high_watermark = min_of(max_of(high_watermark, log_start_offset(log)), log_end_offset(log));
	log_set_high_watermark(log, p->high_watermark);
	log_topic_id(log, &p->topic_id);
	unsigned hash = hash_of(r, topic, index);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, r->table, p->topic, topic.n, hash, p);
	return p;
}

/* Those that wait now: who is woken may wait again. */
static void wake(struct list *waiting)
{
	struct list now;
	list_init(&now);
	list_splice_back(&now, waiting);
	struct list *it;
	while ((it = list_pop_front(&now))) {
		struct partition_wait *w = list_entry(it, struct partition_wait, link);
		w->wake(w);
	}
}

/* Ends appends that wait for the high watermark, as far as `until`. */
static void finish_acks(struct partition *p, int64_t until, enum kerr error)
{
	while (!list_empty(&p->acks)) {
		struct partition_append *a = list_entry(p->acks.next, struct partition_append, link);
		if (a->op.last_offset >= until)
			return;
		list_remove(&a->link);
		if (error)
			a->op.error = error;
		a->done(a);
	}
}

struct log *replicas_remove(struct partition *p)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	struct replicas *r = p->home;
	struct log *log = p->log;
	partition_drop_role(p);
	HASH_DELETE(hh, r->table, p);
	topic_settings_put(p->settings);
	FREE_OBJ(p);
	return log;
}

void replicas_each(struct replicas *r, void (*each)(void *arg, struct partition *p), void *arg)
{
	CHECK_OBJ_NOTNULL(r, REPLICAS_MAGIC);
	reactor_must_be_here(r->home);
	struct partition *p, *next;
	HASH_ITER(hh, r->table, p, next)
		each(arg, p);
}

void replicas_listen(struct replicas *r, struct replicas_listener *l)
{
	CHECK_OBJ_NOTNULL(r, REPLICAS_MAGIC);
	must(l->changed != NULL);
	list_push_back(&r->listeners, &l->link);
}

void replicas_unlisten(struct replicas_listener *l)
{
	must(list_linked(&l->link));
	list_remove(&l->link);
}

static void tell_change(struct partition *p)
{
	list_for_each(it, &p->home->listeners) {
		struct replicas_listener *l = list_entry(it, struct replicas_listener, link);
		l->changed(l, p);
	}
}

/* ---- high watermark ---- */

bool partition_is_leader(const struct partition *p)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	return p->has_role && p->role.leader == p->home->broker_id;
}

static bool in_isr(const struct partition *p, int32_t broker)
{
	for (int i = 0; i < p->role.n_isr; i++)
		if (p->role.isr[i] == broker)
			return true;
	return false;
}

/* min.insync.replicas, but never more than there are replicas. */
static int min_isr(const struct partition *p)
{
	return min_of(p->settings->config->min_insync_replicas, p->role.n_replicas);
}

/* The smallest log end among the in-sync replicas; -1 while one of them has not told its own. */
static int64_t isr_end(const struct partition *p)
{
	int64_t end = log_settled_offset(p->log);
	for (int i = 0; i < p->role.n_replicas; i++) {
		int32_t id = p->role.replicas[i];
		if (id != p->home->broker_id && in_isr(p, id))
			end = min_of(end, p->follower_end[i]);
	}
	return end;
}

/* As far as the in-sync replicas allow, and not at all below min.insync.replicas (KIP-966 as far as 3.9 has
 * it). */
static void advance_high_watermark(struct partition *p)
{
	if (!partition_is_leader(p) || p->role.n_isr < min_isr(p))
		return;
	int64_t end = isr_end(p);
	if (end <= p->high_watermark)
		return;
	p->high_watermark = end;
	log_set_high_watermark(p->log, end);
	finish_acks(p, end, KERR_NONE);
	wake(&p->readers);
}

enum kerr partition_follower_has(struct partition *p, int32_t broker_id, int64_t start_offset,
				 int64_t fetch_offset)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	for (int i = 0; i < p->role.n_replicas; i++)
		if (p->role.replicas[i] == broker_id && broker_id != p->home->broker_id) {
			bool deleted = start_offset > p->follower_start[i];
			p->follower_start[i] = start_offset;
			p->follower_end[i] = fetch_offset;
			advance_high_watermark(p);
			if (deleted)
				wake(&p->deleters);
			return KERR_NONE;
		}
	return KERR_NOT_LEADER_OR_FOLLOWER;
}

/* ---- roles ---- */

static bool is_replica(const struct partition_role *role, int32_t broker)
{
	for (int i = 0; i < role->n_replicas; i++)
		if (role->replicas[i] == broker)
			return true;
	return false;
}

static enum kerr take_topic_id(struct partition *p, const struct uuid *id)
{
	if (uuid_is_zero(id))
		return KERR_NONE;
	enum kerr error = log_set_topic_id(p->log, id);
	if (!error)
		p->topic_id = *id;
	return error;
}

static void become_leader(struct partition *p)
{
	p->epoch_start = log_next_offset(p->log);
	for (int i = 0; i < p->role.n_replicas; i++)
		p->follower_end[i] = p->follower_start[i] = -1;
	log_assign_epoch(p->log, p->role.leader_epoch, p->epoch_start);
	advance_high_watermark(p);
}

enum kerr partition_set_role(struct partition *p, const struct partition_role *role,
			     const struct uuid *topic_id)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	must(role->n_replicas <= PARTITION_REPLICAS_MAX && role->n_isr <= PARTITION_REPLICAS_MAX);
	if (log_failed(p->log))
		return KERR_KAFKA_STORAGE_ERROR;
	bool brings_id = !uuid_is_zero(topic_id) && uuid_is_zero(&p->topic_id);
	enum kerr error = take_topic_id(p, topic_id);
	if (error)
		return error;
	if (p->has_role && role->leader_epoch == p->role.leader_epoch && brings_id)
		return KERR_NONE;
	if (p->has_role && role->leader_epoch <= p->role.leader_epoch)
		return KERR_STALE_CONTROLLER_EPOCH;
	if (!is_replica(role, p->home->broker_id))
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	p->role = *role;
	p->has_role = true;
	if (partition_is_leader(p)) {
		become_leader(p);
		tell_change(p);
		return KERR_NONE;
	}
	tell_change(p);
	finish_acks(p, INT64_MAX, KERR_NOT_LEADER_OR_FOLLOWER);
	wake(&p->readers);
	wake(&p->deleters);
	return KERR_NONE;
}

void partition_drop_role(struct partition *p)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	p->has_role = false;
	tell_change(p);
	finish_acks(p, INT64_MAX, KERR_NOT_LEADER_OR_FOLLOWER);
	wake(&p->readers);
	wake(&p->deleters);
}

void partition_fail(struct partition *p, int error)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	log_give_up(p->log, error);
	tell_change(p);
	finish_acks(p, INT64_MAX, KERR_KAFKA_STORAGE_ERROR);
	wake(&p->readers);
	wake(&p->deleters);
}

void partition_set_settings(struct partition *p, struct topic_settings *settings)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	struct topic_settings *old = p->settings;
	p->settings = settings;
	log_set_config(p->log, settings->config);
	topic_settings_put(old);
	advance_high_watermark(p);
}

enum kerr partition_check_leader(const struct partition *p, int32_t client_epoch)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	if (log_failed(p->log))
		return KERR_KAFKA_STORAGE_ERROR;
	if (!p->has_role)
		return KERR_NOT_LEADER_OR_FOLLOWER;
	if (client_epoch >= 0 && client_epoch < p->role.leader_epoch)
		return KERR_FENCED_LEADER_EPOCH;
	if (client_epoch >= 0 && client_epoch > p->role.leader_epoch)
		return KERR_UNKNOWN_LEADER_EPOCH;
	return partition_is_leader(p) ? KERR_NONE : KERR_NOT_LEADER_OR_FOLLOWER;
}

/* ---- append ---- */

static void appended(struct log_append *op)
{
	struct partition_append *a = container_of(op, struct partition_append, op);
	struct partition *p = a->partition;
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	if (op->error == KERR_NONE)
		advance_high_watermark(p);
	if (op->error || !a->all || op->last_offset < p->high_watermark) {
		a->done(a);
		return;
	}
	if (partition_is_leader(p)) {
		list_push_back(&p->acks, &a->link);
		return;
	}
	op->error = KERR_NOT_LEADER_OR_FOLLOWER;
	a->done(a);
}

enum kerr partition_append(struct partition *p, struct partition_append *a)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	enum kerr error = partition_check_leader(p, -1);
	if (!error && a->all && p->role.n_isr < min_isr(p))
		error = KERR_NOT_ENOUGH_REPLICAS;
	if (error)
		return error;
	a->partition = p;
	a->link = (struct list){ 0 };
	a->op.leader_epoch = p->role.leader_epoch;
	a->op.done = appended;
	return log_append(p->log, &a->op);
}

bool partition_append_abandon(struct partition_append *a)
{
	CHECK_OBJ_NOTNULL(a->partition, PARTITION_MAGIC);
	if (!list_linked(&a->link))
		return false;
	list_remove(&a->link);
	return true;
}

/* ---- read ---- */

int64_t partition_last_stable(const struct partition *p)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	return min_of(p->high_watermark, log_first_unstable_offset(p->log));
}

int64_t partition_read_limit(const struct partition *p, enum partition_isolation isolation)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	if (isolation == READ_AS_FOLLOWER)
		return log_end_offset(p->log);
	return isolation == READ_COMMITTED ? partition_last_stable(p) : p->high_watermark;
}

void partition_wait(struct partition *p, struct partition_wait *w)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	list_push_back(&p->readers, &w->link);
}

void partition_unwait(struct partition_wait *w)
{
	if (list_linked(&w->link))
		list_remove(&w->link);
}

/* ---- to another log directory ---- */

int partition_replace_log(struct partition *p, struct log *copy, const char *dir)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	int error = log_take_over(copy, p->log, dir);
	if (error)
		return error;
	p->log = copy;
	log_set_high_watermark(copy, p->high_watermark);
	return 0;
}

/* ---- deletion by clients ---- */

enum kerr partition_delete_records(struct partition *p, int64_t *offset)
{
	enum kerr error = partition_check_leader(p, -1);
	if (error)
		return error;
	if (!p->settings->config->delete_old)
		return KERR_POLICY_VIOLATION;
	if (*offset == DELETE_TO_HIGH_WATERMARK)
		*offset = p->high_watermark;
	if (*offset < 0)
		return KERR_OFFSET_OUT_OF_RANGE;
	error = log_increase_start(p->log, *offset);
	if (!error)
		wake(&p->deleters);
	return error;
}

int64_t partition_low_watermark(const struct partition *p, const struct metadata *meta)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	int64_t low = log_start_offset(p->log);
	for (int i = 0; i < p->role.n_replicas; i++) {
		int32_t id = p->role.replicas[i];
		if (id != p->home->broker_id && meta_broker(meta, id))
			low = min_of(low, p->follower_start[i]);
	}
	return low;
}

void partition_wait_deletion(struct partition *p, struct partition_wait *w)
{
	CHECK_OBJ_NOTNULL(p, PARTITION_MAGIC);
	reactor_must_be_here(p->home->home);
	list_push_back(&p->deleters, &w->link);
}
