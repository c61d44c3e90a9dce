/* coordinator.c - see coordinator.h. */
#include "broker/group/coordinator.h"

#include "broker/base/compress.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "broker/group/cleanup.h"
#include "broker/group/group.h"
#include "broker/group/offsets.h"
#include "broker/group/rebalance.h"
#include "broker/group/walk.h"

#define COORDINATOR_MAGIC 0xc00d17a7u
#define COORDINATED_MAGIC 0xc00d9a74u

static const int64_t LOAD_WINDOW_NS = INT64_C(30000000000);

/* ---- life ---- */

static void role_changed(struct replicas_listener *l, struct partition *p);

struct coordinator *coordinator_new(struct reactor *home, struct replicas *replicas,
				    const struct config *config, int32_t broker_id,
				    const struct coordinator_loader *loader)
{
	struct coordinator *co;
	ALLOC_OBJ(co, COORDINATOR_MAGIC);
	co->home = home;
	co->replicas = replicas;
	co->config = config;
	co->loader = loader;
	co->broker_id = broker_id;
	co->codecs = codecs_new();
	list_init(&co->walks);
	sys_random(&co->seed, sizeof co->seed);
	co->listener.changed = role_changed;
	replicas_listen(replicas, &co->listener);
	return co;
}

void coordinator_free(struct coordinator *co)
{
	CHECK_OBJ_NOTNULL(co, COORDINATOR_MAGIC);
	must(co->loads == 0 && co->n_groups == 0 && list_empty(&co->walks));
	struct coordinated *at, *next;
	cleanup_stop(co);
	HASH_ITER(hh, co->partitions, at, next) {
		HASH_DELETE(hh, co->partitions, at);
		FREE_OBJ(at);
	}
	replicas_unlisten(&co->listener);
	codecs_free(&co->codecs);
	FREE_OBJ(co);
}

/* ---- elections ---- */

static struct coordinated *find(struct coordinator *co, int32_t index)
{
	struct coordinated *at;
	HASH_FIND_INT(co->partitions, &index, at);
	return at;
}

static struct coordinated *find_or_make(struct coordinator *co, int32_t index)
{
	struct coordinated *at = find(co, index);
	if (at)
		return at;
	ALLOC_OBJ(at, COORDINATED_MAGIC);
	at->home = co;
	at->index = index;
	at->epoch = -1;
	HASH_ADD_INT(co->partitions, index, at);
	return at;
}

static void elected(struct coordinator *co, int32_t index, int32_t epoch)
{
	struct coordinated *at = find_or_make(co, index);
	at->epoch = epoch;
	if (at->state != COORDINATED_NONE)
		return; /* led here before, too: all is known */
	coordinator_info(co, "Elected as the group coordinator for partition %d in epoch %d", index, epoch);
	cleanup_start(co);
	at->state = COORDINATED_LOADING;
	co->n_loading++;
	co->loads++;
	at->load = co->loader->start(at);
	must(at->load != NULL && at->state == COORDINATED_LOADING);
}

static void resigned(struct coordinated *at)
{
	struct coordinator *co = at->home;
	struct group *g, *next;
	if (at->state == COORDINATED_NONE)
		return;
	coordinator_info(co, "Resigned as the group coordinator for partition %d in epoch %d", at->index,
			 at->epoch);
	if (at->state == COORDINATED_LOADING) {
		co->loader->cancel(at->load);
		at->load = NULL;
		co->n_loading--;
	}
	at->state = COORDINATED_NONE;
	int groups = 0;
	HASH_ITER(hh, at->groups, g, next) {
		coordinator_log(LOG_DEBUG, co, "Unloading group metadata for %s with generation %d",
				log_safe(g->id).s, g->generation);
		coordinator_group_remove(g, KERR_NOT_COORDINATOR);
		groups++;
	}
	log_info(GROUP_METADATA_LOGGER, "Finished unloading %s-%d for coordinator epoch %d. Removed %d "
		 "cached groups.", TOPIC_OFFSETS, at->index, at->epoch, groups);
}

/* A partition's role, or the lack of one, is new. */
static void role_changed(struct replicas_listener *l, struct partition *p)
{
	struct coordinator *co = container_of(l, struct coordinator, listener);
	CHECK_OBJ_NOTNULL(co, COORDINATOR_MAGIC);
	reactor_must_be_here(co->home);
	if (co->stopped || !slice_is(slice_of(p->topic, p->topic_bytes), TOPIC_OFFSETS))
		return;
	struct coordinated *at = find(co, p->index);
	if (partition_is_leader(p) && !log_failed(p->log))
		elected(co, p->index, p->role.leader_epoch);
	else if (at)
		resigned(at);
}

void coordinator_load_over(struct coordinated *at, struct load *load)
{
	CHECK_OBJ_NOTNULL(at, COORDINATED_MAGIC);
	struct coordinator *co = at->home;
	must(co->loads > 0 && load != NULL);
	co->loads--;
	if (at->load == load) {
		struct group *g, *next;
		at->load = NULL;
		at->state = COORDINATED_ACTIVE;
		co->n_loading--;
		HASH_ITER(hh, at->groups, g, next)
			rebalance_loaded(g);
	}
	if (co->stopping && co->loads == 0)
		call_done(co->home, co->stopping);
}

/* ---- what metrics tell ---- */

/* The window that `now` is in, and what is left of the one before. */
static void move_windows(struct load_times w[2], int64_t now_ns)
{
	if (now_ns - w[0].since_ns < LOAD_WINDOW_NS)
		return;
	bool is_next = now_ns - w[0].since_ns < 2 * LOAD_WINDOW_NS;
	w[1] = is_next ? w[0] : (struct load_times){ 0 };
	w[0] = (struct load_times){ .since_ns = now_ns };
}

void coordinator_load_took(struct coordinator *co, int64_t ms)
{
	struct load_times *w = co->load_times;
	move_windows(w, reactor_now_ns(co->home));
	w->n++;
	w->sum_ms += ms;
	w->max_ms = max_of(w->max_ms, ms);
}

struct load_times coordinator_load_times(const struct coordinator *co)
{
	struct load_times w[2] = { co->load_times[0], co->load_times[1] };
	reactor_must_be_here(co->home);
	move_windows(w, reactor_now_ns(co->home));
	return (struct load_times){ w[0].since_ns, w[0].n + w[1].n, w[0].sum_ms + w[1].sum_ms,
				    max_of(w[0].max_ms, w[1].max_ms) };
}

void coordinator_count(const struct coordinator *co, enum metric which, uint64_t n)
{
	struct metrics_core *m = reactor_metrics(co->home);
	if (m)
		metric_add(m, which, n);
}

/* ---- the end ---- */

void coordinator_stop(struct coordinator *co, struct call *done)
{
	struct coordinated *at, *next;
	CHECK_OBJ_NOTNULL(co, COORDINATOR_MAGIC);
	reactor_must_be_here(co->home);
	must(!co->stopped);
	co->stopped = true;
	cleanup_stop(co);
	group_walks_end(co);
	HASH_ITER(hh, co->partitions, at, next)
		resigned(at);
	if (co->loads > 0)
		co->stopping = done;
	else
		call_done(co->home, done);
}

/* ---- where a group is ---- */

/* java.lang.String.hashCode over UTF-16 units. What is no UTF-8 counts byte by byte. */
static uint32_t java_hash(struct slice s)
{
	uint32_t h = 0;
	for (uint32_t i = 0; i < s.n;) {
		uint32_t c = s.p[i];
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		if (more > 0 && i + (uint32_t)more < s.n) {
			c &= 0x3fu >> more;
			for (int k = 1; k <= more; k++)
				c = c << 6 | (s.p[i + (uint32_t)k] & 0x3fu);
		} else {
			more = 0;
		}
		i += 1 + (uint32_t)more;
		if (c >= 0x10000) {
			h = 31 * h + (0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		h = 31 * h + c;
	}
	return h;
}

int32_t coordinator_partition_of(struct slice group, int32_t partitions)
{
	must(partitions > 0);
	uint32_t h = java_hash(group);
	/* Utils.abs of 3.9: the least number has no other sign, and becomes 0. */
	int32_t positive = h == 0x80000000u ? 0 : (int32_t)h < 0 ? -(int32_t)h : (int32_t)h;
	return positive % partitions;
}

enum kerr coordinator_check(struct coordinator *co, struct slice group, int32_t partition,
			    enum group_id_rule rule, struct coordinated **at)
{
	CHECK_OBJ_NOTNULL(co, COORDINATOR_MAGIC);
	reactor_must_be_here(co->home);
	if (group.n == 0 && rule == GROUP_ID_NOT_EMPTY)
		return KERR_INVALID_GROUP_ID;
	if (co->stopped)
		return KERR_COORDINATOR_NOT_AVAILABLE;
	*at = find(co, partition);
	if (*at && (*at)->state == COORDINATED_LOADING)
		return KERR_COORDINATOR_LOAD_IN_PROGRESS;
	return *at && (*at)->state == COORDINATED_ACTIVE ? KERR_NONE : KERR_NOT_COORDINATOR;
}

struct group *coordinator_group(const struct coordinated *at, struct slice id)
{
	CHECK_OBJ_NOTNULL(at, COORDINATED_MAGIC);
	struct group *g = NULL;
	unsigned hash = hash_key(&at->home->seed, id.p, id.n);
	HASH_FIND_BYHASHVALUE(hh, at->groups, id.p, id.n, hash, g);
	return g;
}

struct group *coordinator_group_make(struct coordinated *at, struct slice id)
{
	struct group *g = coordinator_group(at, id);
	struct coordinator *co = at->home;
	if (g || co->n_groups >= COORDINATOR_GROUPS_MAX)
		return g;
	g = group_new(at, id);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, at->groups, g->id.p, g->id.n, hash_key(&co->seed, id.p, id.n), g);
	co->n_groups++;
	return g;
}

void coordinator_group_remove(struct group *g, enum kerr why)
{
	struct coordinated *at = g->home;
	must(g->state != GROUP_DEAD && at->home->n_groups > 0);
	group_set_state(g, GROUP_DEAD);
	timer_cancel(at->home->home, &g->clock);
	group_remove_all(g, why);
	group_walks_leave(at->home, g);
	HASH_DELETE(hh, at->groups, g);
	at->home->n_groups--;
	group_drop(g);
}

static void each_of(struct coordinated *at, void (*each)(void *arg, struct group *g), void *arg)
{
	struct group *g, *next;
	if (at->state == COORDINATED_ACTIVE)
		HASH_ITER(hh, at->groups, g, next)
			each(arg, g);
}

void coordinator_groups_each(struct coordinator *co, void (*each)(void *arg, struct group *g), void *arg)
{
	CHECK_OBJ_NOTNULL(co, COORDINATOR_MAGIC);
	struct coordinated *at, *next;
	HASH_ITER(hh, co->partitions, at, next)
		each_of(at, each, arg);
}
