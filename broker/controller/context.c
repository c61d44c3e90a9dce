/* context.c - see context.h. */
#include "broker/controller/context.h"

#include "broker/base/must.h"

#include <string.h>

#define CTL_TOPIC_MAGIC 0xc7170b1cu
#define CTL_BROKER_MAGIC 0xc71b70e7u

const char *ctl_partition_state_name(enum ctl_partition_state s)
{
	static const char *const names[] = { "NonExistentPartition", "NewPartition", "OnlinePartition",
					     "OfflinePartition" };
	must(s < countof(names));
	return names[s];
}

const char *ctl_replica_state_name(enum ctl_replica_state s)
{
	static const char *const names[] = { "NonExistentReplica", "NewReplica", "OnlineReplica",
					     "OfflineReplica", "ReplicaDeletionStarted",
					     "ReplicaDeletionSuccessful", "ReplicaDeletionIneligible" };
	must(s < countof(names));
	return names[s];
}

bool ctl_ids_has(const struct ctl_ids *ids, int32_t id)
{
	for (int i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	return false;
}

void ctl_ids_remove(struct ctl_ids *ids, int32_t id)
{
	int kept = 0;
	for (int i = 0; i < ids->n; i++)
		if (ids->v[i] != id)
			ids->v[kept++] = ids->v[i];
	ids->n = kept;
}

void ctl_context_init(struct ctl_context *ctx)
{
	*ctx = (struct ctl_context){ 0 };
	list_init(&ctx->moving);
}

/* ---- brokers ---- */

struct ctl_broker *ctl_broker(const struct ctl_context *ctx, int32_t id)
{
	struct ctl_broker *b;
	HASH_FIND_INT(ctx->brokers, &id, b);
	return b;
}

bool ctl_is_registered(const struct ctl_context *ctx, int32_t broker)
{
	return ctl_broker(ctx, broker) != NULL;
}

bool ctl_is_live(const struct ctl_context *ctx, int32_t broker)
{
	const struct ctl_broker *b = ctl_broker(ctx, broker);
	return b && b->reached && !b->shutting_down;
}

struct ctl_broker *ctl_broker_add(struct ctl_context *ctx, int32_t id, int64_t epoch, struct arena *arena,
				  const struct znode_broker *info)
{
	struct ctl_broker *b;
	must(!ctl_broker(ctx, id));
	ALLOC_OBJ(b, CTL_BROKER_MAGIC);
	b->id = id;
	b->epoch = epoch;
	b->arena = *arena;
	b->info = *info;
	arena_init(arena, arena->cap);
	HASH_ADD_INT(ctx->brokers, id, b);
	return b;
}

void ctl_broker_remove(struct ctl_context *ctx, struct ctl_broker *b)
{
	CHECK_OBJ_NOTNULL(b, CTL_BROKER_MAGIC);
	must(!b->sender && !b->watch);
	HASH_DEL(ctx->brokers, b);
	arena_free(&b->arena);
	FREE_OBJ(b);
}

/* ---- topics ---- */

struct ctl_topic *ctl_topic_named(const struct ctl_context *ctx, struct slice name)
{
	struct ctl_topic *t;
	unsigned hash = hash_key(&ctx->seed, name.p, name.n);
	HASH_FIND_BYHASHVALUE(hh, ctx->topics, name.p, name.n, hash, t);
	return t;
}

struct ctl_topic *ctl_topic(const struct ctl_context *ctx, const char *name)
{
	return ctl_topic_named(ctx, slice_str(name));
}

struct ctl_topic *ctl_topic_add(struct ctl_context *ctx, const char *name)
{
	struct ctl_topic *t;
	must(!ctl_topic(ctx, name));
	ALLOC_OBJ(t, CTL_TOPIC_MAGIC);
	t->name = mem_strdup(name);
	size_t n = strlen(name);
	unsigned hash = hash_key(&ctx->seed, name, n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, ctx->topics, t->name, n, hash, t);
	return t;
}

void ctl_topic_remove(struct ctl_context *ctx, struct ctl_topic *t)
{
	CHECK_OBJ_NOTNULL(t, CTL_TOPIC_MAGIC);
	must(!t->watch);
	HASH_DEL(ctx->topics, t);
	ctl_each_partition(p, t) {
		if (ctl_partition_is_moving(p))
			list_remove(&p->moving);
		free(p->replicas);
		free(p);
	}
	free(t->partitions);
	free(t->name);
	FREE_OBJ(t);
}

struct ctl_partition *ctl_partition(const struct ctl_topic *t, int32_t index)
{
	CHECK_OBJ_NOTNULL(t, CTL_TOPIC_MAGIC);
	return index >= 0 && index < t->n_partitions ? t->partitions[index] : NULL;
}

struct ctl_partition *ctl_partition_add(struct ctl_topic *t, int32_t index, const struct znode_ints *replicas)
{
	CHECK_OBJ_NOTNULL(t, CTL_TOPIC_MAGIC);
	must(index >= 0 && index < CTL_PARTITIONS_MAX && replicas->n <= CTL_REPLICAS_MAX &&
	     !ctl_partition(t, index));
	if (index >= t->n_partitions) {
		t->partitions = mem_realloc(t->partitions, (size_t)(index + 1) * sizeof *t->partitions);
		for (int i = t->n_partitions; i <= index; i++)
			t->partitions[i] = NULL;
		t->n_partitions = index + 1;
	}
	struct ctl_partition *p = mem_zalloc(sizeof *p);
	p->topic = t;
	p->index = index;
	p->n_replicas = (int)replicas->n;
	p->replicas = mem_zalloc(replicas->n * sizeof *p->replicas);
	for (unsigned i = 0; i < replicas->n; i++)
		p->replicas[i].broker = replicas->v[i];
	t->partitions[index] = p;
	return p;
}

static bool is_moving(const struct ctl_replica *v, int n)
{
	for (int i = 0; i < n; i++)
		if (v[i].adding || v[i].removing)
			return true;
	return false;
}

void ctl_partition_place(struct ctl_context *ctx, struct ctl_partition *p, const struct ctl_replica *v, int n)
{
	must(n > 0 && n <= CTL_REPLICAS_MAX && v != p->replicas);
	p->replicas = mem_realloc(p->replicas, (size_t)n * sizeof *v);
	memcpy(p->replicas, v, (size_t)n * sizeof *v);
	p->n_replicas = n;
	bool moving = is_moving(v, n);
	if (moving == ctl_partition_is_moving(p))
		return;
	p->topic->n_moving += moving ? 1 : -1;
	if (moving)
		list_push_back(&ctx->moving, &p->moving);
	else
		list_remove(&p->moving);
}

struct ctl_replica *ctl_replica(struct ctl_partition *p, int32_t broker)
{
	for (int i = 0; i < p->n_replicas; i++)
		if (p->replicas[i].broker == broker)
			return &p->replicas[i];
	return NULL;
}

bool ctl_replica_is_online(const struct ctl_context *ctx, const struct ctl_replica *r)
{
	return ctl_is_live(ctx, r->broker) && !r->failed_dir;
}

void ctl_context_clear(struct ctl_context *ctx)
{
	struct ctl_topic *t, *next_topic;
	struct ctl_broker *b, *next_broker;
	HASH_ITER(hh, ctx->topics, t, next_topic)
		ctl_topic_remove(ctx, t);
	HASH_ITER(hh, ctx->brokers, b, next_broker)
		ctl_broker_remove(ctx, b);
}
