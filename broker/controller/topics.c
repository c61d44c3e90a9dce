/* topics.c - see topics.h. */
#include "broker/controller/topics.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/entities.h"
#include "broker/cluster/names.h"
#include "broker/controller/assign.h"
#include "broker/controller/context.h"
#include "broker/reactor/sys.h"
#include "zkutil/znode.h"

#include <string.h>

#define LOGGER "kafka.zk.AdminZkClient"

/* ---- ZooKeeper ---- */

static enum kerr of_zk(enum zk_err err, const char **why)
{
	if (err == ZK_OK)
		return KERR_NONE;
	/* A client that hears this asks who is controller now, and tries again. */
	if (err == ZK_FENCED || err == ZK_SESSION_EXPIRED || err == ZK_CLOSING) {
		*why = "The controller has changed in between.";
		return KERR_NOT_CONTROLLER;
	}
	*why = zk_err_text(err);
	return KERR_UNKNOWN_SERVER_ERROR;
}

static bool exists(const struct topics *t, const char *path)
{
	struct zk_req req;
	zk_req_exists(&req, path, false);
	bool there = zkc_call(t->zkc, &req) == ZK_OK;
	zk_req_fini(&req);
	return there;
}

/* ---- creation: checks ---- */

static enum kerr check_name(const struct topic_spec *spec, struct arena *arena, const char **why)
{
	const char *problem = name_problem(spec->name);
	if (problem) {
		*why = arena_printf(arena, "Topic name is invalid: %s", problem);
		return KERR_INVALID_TOPIC_EXCEPTION;
	}
	return KERR_NONE;
}

static const char *find_collision(const struct zk_req *topics, struct slice name)
{
	for (unsigned i = 0; i < topics->n_children; i++) {
		struct slice other = slice_str(topics->children[i]);
		if (!slice_eq(other, name) && name_collides(other, name))
			return topics->children[i];
	}
	return NULL;
}

/* Topics made a moment ago are in ZooKeeper and not yet in the metadata. */
static enum kerr check_collision(const struct topics *t, struct slice name, struct arena *arena,
				 const char **why)
{
	struct zk_req req;
	if (!memchr(name.p, '.', name.n) && !memchr(name.p, '_', name.n))
		return KERR_NONE;
	zk_req_children(&req, znode_path(ZNODE_TOPICS), false);
	enum kerr error = of_zk(zkc_call(t->zkc, &req), why);
	const char *other = error ? NULL : find_collision(&req, name);
	if (other) {
		*why = arena_printf(arena, "Topic '%.*s' collides with existing topics: %s", SLICE_ARGS(name),
				    other);
		error = KERR_INVALID_TOPIC_EXCEPTION;
	}
	zk_req_fini(&req);
	return error;
}

static enum kerr check_new(const struct topics *t, struct slice name, struct arena *arena, const char **why)
{
	char *text = arena_strdup(arena, name);
	if (!text)
		return KERR_UNKNOWN_SERVER_ERROR;
	struct znode_path deleted = znode_delete_topic_path(text), topic = znode_topic_path(text);
	if (exists(t, deleted.s)) {
		*why = arena_printf(arena, "Topic '%.*s' is marked for deletion.", SLICE_ARGS(name));
		return KERR_TOPIC_ALREADY_EXISTS;
	}
	if (exists(t, topic.s)) {
		*why = arena_printf(arena, "Topic '%.*s' already exists.", SLICE_ARGS(name));
		return KERR_TOPIC_ALREADY_EXISTS;
	}
	return KERR_NONE;
}

static bool has_twice(const struct topic_assignment *a)
{
	for (int32_t i = 0; i < a->n; i++)
		for (int32_t k = 0; k < i; k++)
			if (a->ids[i] == a->ids[k])
				return true;
	return false;
}

/* Whether the partitions are `first`, `first` + 1, ... in any order. */
static bool are_consecutive(const struct topic_assignment *v, int32_t n, int32_t first, struct arena *arena)
{
	bool *seen = arena_array(arena, (size_t)n, sizeof *seen);
	if (!seen)
		return false;
	memset(seen, 0, (size_t)n * sizeof *seen);
	for (int32_t i = 0; i < n; i++) {
		int64_t at = (int64_t)v[i].partition - first;
		if (at < 0 || at >= n || seen[at])
			return false;
		seen[at] = true;
	}
	return true;
}

/* The rules for assignments by hand. */
static enum kerr check_assignments(const struct topic_assignment *v, int32_t n, int32_t first,
				   struct arena *arena, const char **why)
{
	*why = are_consecutive(v, n, first, arena)
		? NULL : "partitions should be a consecutive 0-based integer sequence";
	for (int32_t i = 0; i < n && !*why; i++) {
		if (v[i].n == 0)
			*why = "Assigned replica list must not be empty";
		else if (v[i].n != v[0].n)
			*why = "All partitions should have the same number of replicas";
		else if (v[i].n > CTL_REPLICAS_MAX)
			*why = "A partition has more replicas than CTL_REPLICAS_MAX";
		else if (has_twice(&v[i]))
			*why = "Duplicate replica assignment found";
	}
	return *why ? KERR_INVALID_REPLICA_ASSIGNMENT : KERR_NONE;
}

static enum kerr check_counts(int32_t partitions, int replication, int brokers, struct arena *arena,
			      const char **why)
{
	if (partitions <= 0 || partitions > TOPICS_PARTITIONS_MAX) {
		*why = partitions <= 0 ? "Number of partitions must be larger than 0."
				       : "Number of partitions is beyond TOPICS_PARTITIONS_MAX.";
		return KERR_INVALID_PARTITIONS;
	}
	if (replication <= 0) {
		*why = "Replication factor must be larger than 0.";
		return KERR_INVALID_REPLICATION_FACTOR;
	}
	if (replication > brokers) {
		*why = arena_printf(arena, "Replication factor: %d larger than available brokers: %d.",
				    replication, brokers);
		return KERR_INVALID_REPLICATION_FACTOR;
	}
	return KERR_NONE;
}

/* ---- assignment ---- */

/* The live brokers by ascending id, in the arena; NULL: it is full. */
static struct assign_broker *live_brokers(const struct topics *t, struct arena *arena, int *n)
{
	const struct metadata *now = metastore_now(t->metastore);
	*n = meta_brokers(now);
	struct assign_broker *brokers = arena_array(arena, (size_t)*n, sizeof *brokers);
	for (int i = 0; brokers && i < *n; i++) {
		const struct meta_broker *b = meta_broker_at(now, i);
		brokers[i].id = b->id;
		brokers[i].rack = b->rack ? arena_strdup(arena, slice_str(b->rack)) : NULL;
	}
	return arena_overflowed(arena) ? NULL : brokers;
}

static enum kerr assign(struct assign_broker *brokers, int n, int32_t first, int32_t partitions, int replicas,
			const uint32_t start_shift[2], struct arena *arena, struct znode_topic *out,
			const char **why)
{
	int32_t *ids = arena_array(arena, (size_t)partitions * (size_t)replicas, sizeof *ids);
	out->partitions = arena_array(arena, (size_t)partitions, sizeof *out->partitions);
	if (!ids || !out->partitions)
		return KERR_UNKNOWN_SERVER_ERROR;
	if (!assign_replicas(brokers, n, first, partitions, replicas, start_shift[0], start_shift[1], ids)) {
		*why = "Not all brokers have rack information for replica rack aware assignment.";
		return KERR_UNKNOWN_SERVER_ERROR;
	}
	out->n_partitions = (unsigned)partitions;
	for (int32_t i = 0; i < partitions; i++)
		out->partitions[i] = (struct znode_replicas){
			.partition = first + i, .replicas = { ids + i * replicas, (unsigned)replicas } };
	return KERR_NONE;
}

static enum kerr take_assignments(const struct topic_assignment *v, int32_t n, struct arena *arena,
				  struct znode_topic *out)
{
	out->partitions = arena_array(arena, (size_t)n, sizeof *out->partitions);
	if (!out->partitions)
		return KERR_UNKNOWN_SERVER_ERROR;
	out->n_partitions = (unsigned)n;
	for (int32_t i = 0; i < n; i++)
		out->partitions[i] = (struct znode_replicas){
			.partition = v[i].partition, .replicas = { (int32_t *)v[i].ids, (unsigned)v[i].n } };
	return KERR_NONE;
}

static enum kerr plan(const struct topics *t, const struct topic_spec *spec, struct arena *arena,
		      struct znode_topic *out, const char **why)
{
	int n;
	struct assign_broker *brokers = live_brokers(t, arena, &n);
	uint32_t random[2];
	if (!brokers)
		return KERR_UNKNOWN_SERVER_ERROR;
	if (spec->n_assignments > 0) {
		if (spec->partitions != TOPICS_DEFAULT || spec->replication_factor != TOPICS_DEFAULT) {
			*why = "Both numPartitions or replicationFactor and replicasAssignments were set. "
				"Both cannot be used at the same time.";
			return KERR_INVALID_REQUEST;
		}
		return take_assignments(spec->assignments, spec->n_assignments, arena, out);
	}
	int32_t partitions = spec->partitions == TOPICS_DEFAULT ? t->config->num_partitions
		: spec->partitions;
	int replication = spec->replication_factor == TOPICS_DEFAULT ? t->config->default_replication_factor
								     : spec->replication_factor;
	enum kerr error = check_counts(partitions, replication, n, arena, why);
	if (error)
		return error;
	sys_random(random, sizeof random);
	return assign(brokers, n, 0, partitions, replication,
		      (uint32_t[]){ random[0] % (uint32_t)n, random[1] % (uint32_t)n }, arena, out, why);
}

/* ---- creation ---- */

static void new_id(struct znode_topic *z)
{
	uint8_t random[16];
	z->has_id = true;
	do
		sys_random(random, sizeof random);
	while (!uuid_from_random(&z->id, random));
}

static enum kerr write_topic(const struct topics *t, const struct topic_spec *spec, struct arena *arena,
			     struct znode_topic *z, const char **why)
{
	const struct config_layer settings = { spec->settings, spec->n_settings };
	char *name = arena_strdup(arena, spec->name);
	new_id(z);
	struct slice json = znode_topic_encode(arena, z);
	const char *entity = arena_printf(arena, "topics/%s", name);
	if (!name || !entity || slice_is_null(json))
		return KERR_UNKNOWN_SERVER_ERROR;
	log_info(LOGGER, "Creating topic %s with %u partitions", name, z->n_partitions);
	enum zk_err err = entity_write(t->zkc, arena, entity, &settings, NULL);
	if (err == ZK_BADVERSION) /* ours perhaps, whose answer was lost; without its topic it is nothing */
		err = entity_write(t->zkc, arena, entity, &settings, NULL);
	if (err == ZK_OK) {
		struct znode_path path = znode_topic_path(name);
		err = zkc_create(t->zkc, path.s, json);
	}
	if (err == ZK_NODEEXISTS || err == ZK_BADVERSION) { /* somebody was quicker */
		*why = arena_printf(arena, "Topic '%.*s' already exists.", SLICE_ARGS(spec->name));
		return KERR_TOPIC_ALREADY_EXISTS;
	}
	return of_zk(err, why);
}

static enum kerr check_settings(const struct topics *t, const struct topic_spec *spec, struct arena *arena,
				const char **why)
{
	for (size_t i = 0; i < spec->n_settings; i++)
		if (!spec->settings[i].value) {
			*why = arena_printf(arena, "Null value not supported for topic configs: %s",
					    spec->settings[i].name);
			return KERR_INVALID_CONFIG;
		}
	*why = topic_config_check(arena, dynamic_now(t->dynamic), NULL, 0, spec->settings,
				  spec->n_settings);
	return *why ? KERR_INVALID_CONFIG : KERR_NONE;
}

enum kerr topics_create(const struct topics *t, const struct topic_spec *spec, bool validate_only,
			struct arena *arena, struct topic_made *out, const char **why)
{
	struct znode_topic z = { 0 };
	*why = NULL;
	enum kerr error = KERR_NONE;
	if (meta_topic(metastore_now(t->metastore), spec->name)) {
		*why = arena_printf(arena, "Topic '%.*s' already exists.", SLICE_ARGS(spec->name));
		return KERR_TOPIC_ALREADY_EXISTS;
	}
	error = plan(t, spec, arena, &z, why);
	if (!error)
		error = check_name(spec, arena, why);
	if (!error)
		error = check_new(t, spec->name, arena, why);
	if (!error)
		error = check_collision(t, spec->name, arena, why);
	if (!error && spec->n_assignments > 0)
		error = check_assignments(spec->assignments, spec->n_assignments, 0, arena, why);
	if (!error)
		error = check_settings(t, spec, arena, why);
	if (!error && !validate_only)
		error = write_topic(t, spec, arena, &z, why);
	if (!error)
		*out = (struct topic_made){ z.id, (int32_t)z.n_partitions,
					    (int16_t)z.partitions[0].replicas.n };
	return error;
}

/* ---- growth ---- */

static enum kerr read_topic(const struct topics *t, struct slice name, struct arena *arena,
			    struct znode_topic *out, const char **why)
{
	struct zk_req req;
	struct znode_why problem;
	char *text = arena_strdup(arena, name);
	if (!text)
		return KERR_UNKNOWN_SERVER_ERROR;
	struct znode_path path = znode_topic_path(text), deleted = znode_delete_topic_path(text);
	if (exists(t, deleted.s)) {
		*why = "The topic is queued for deletion.";
		return KERR_INVALID_TOPIC_EXCEPTION;
	}
	zk_req_get(&req, path.s, false);
	enum zk_err err = zkc_call(t->zkc, &req);
	enum kerr error = of_zk(err, why);
	if (err == ZK_NONODE) {
		*why = arena_printf(arena, "The topic '%.*s' does not exist.", SLICE_ARGS(name));
		error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	} else if (!error && znode_topic_decode(arena, req.data, out, &problem) != 0) {
		*why = arena_printf(arena, "The topic's znode cannot be read: %s", problem.s);
		error = KERR_UNKNOWN_SERVER_ERROR;
	}
	zk_req_fini(&req);
	return error;
}

static enum kerr check_growth(const struct topics *t, const struct znode_topic *z, struct slice name,
			      int32_t count, const struct topic_assignment *assignments,
			      int32_t n_assignments, struct arena *arena, const char **why)
{
	int32_t so_far = (int32_t)z->n_partitions;
	for (unsigned i = 0; i < z->n_partitions; i++)
		if (z->partitions[i].adding.n > 0 || z->partitions[i].removing.n > 0) {
			*why = arena_printf(arena, "A partition reassignment is in progress for the topic "
					    "'%.*s'.", SLICE_ARGS(name));
			return KERR_REASSIGNMENT_IN_PROGRESS;
		}
	if (count == so_far)
		*why = arena_printf(arena, "Topic already has %d partitions.", so_far);
	else if (count < so_far)
		*why = arena_printf(arena, "Topic currently has %d partitions, which is higher than the "
				    "requested %d.", so_far, count);
	else if (count > TOPICS_PARTITIONS_MAX)
		*why = "Number of partitions is beyond TOPICS_PARTITIONS_MAX.";
	if (*why)
		return KERR_INVALID_PARTITIONS;
	if (!assignments)
		return KERR_NONE;
	if (n_assignments != count - so_far) {
		*why = arena_printf(arena, "Increasing the number of partitions by %d but %d assignments "
				    "provided.", count - so_far, n_assignments);
		return KERR_INVALID_REPLICA_ASSIGNMENT;
	}
	for (int32_t i = 0; i < n_assignments; i++)
		for (int32_t k = 0; k < assignments[i].n; k++)
			if (!meta_broker(metastore_now(t->metastore), assignments[i].ids[k])) {
				*why = arena_printf(arena, "Unknown broker(s) in replica assignment: %d.",
						    assignments[i].ids[k]);
				return KERR_INVALID_REPLICA_ASSIGNMENT;
			}
	return check_assignments(assignments, n_assignments, so_far, arena, why);
}

/* The partitions to add: as asked for, or beginning where the first partition's leader is (as 3.9 does). */
static enum kerr plan_growth(const struct topics *t, const struct znode_topic *z, int32_t count,
			     const struct topic_assignment *assignments, int32_t n_assignments,
			     struct arena *arena, struct znode_topic *added, const char **why)
{
	int n;
	int32_t so_far = (int32_t)z->n_partitions;
	if (assignments)
		return take_assignments(assignments, n_assignments, arena, added);
	struct assign_broker *brokers = live_brokers(t, arena, &n);
	int replication = (int)z->partitions[0].replicas.n;
	uint32_t start = 0;
	if (!brokers)
		return KERR_UNKNOWN_SERVER_ERROR;
	for (int i = 0; i < n; i++)
		if (brokers[i].id >= z->partitions[0].replicas.v[0]) {
			start = (uint32_t)i;
			break;
		}
	enum kerr error = check_counts(count, replication, n, arena, why);
	if (error)
		return error;
	return assign(brokers, n, so_far, count - so_far, replication,
		      (uint32_t[]){ start, (uint32_t)so_far }, arena, added, why);
}

enum kerr topics_grow(const struct topics *t, struct slice name, int32_t count,
		      const struct topic_assignment *assignments, int32_t n_assignments, bool validate_only,
		      struct arena *arena, const char **why)
{
	struct znode_topic z, added;
	*why = NULL;
	enum kerr error = read_topic(t, name, arena, &z, why);
	if (!error && (z.n_partitions == 0 || z.partitions[0].replicas.n == 0))
		error = KERR_UNKNOWN_SERVER_ERROR;
	if (!error)
		error = check_growth(t, &z, name, count, assignments, n_assignments, arena, why);
	if (!error)
		error = plan_growth(t, &z, count, assignments, n_assignments, arena, &added, why);
	if (error || validate_only)
		return error;
	struct znode_replicas *all = arena_array(arena, (size_t)count, sizeof *all);
	if (!all)
		return KERR_UNKNOWN_SERVER_ERROR;
	memcpy(all, z.partitions, z.n_partitions * sizeof *all);
	memcpy(all + z.n_partitions, added.partitions, added.n_partitions * sizeof *all);
	z.partitions = all;
	z.n_partitions += added.n_partitions;
	struct zk_req req;
	char *text = arena_strdup(arena, name);
	struct slice json = znode_topic_encode(arena, &z);
	if (!text || slice_is_null(json))
		return KERR_UNKNOWN_SERVER_ERROR;
	struct znode_path path = znode_topic_path(text);
	zk_req_write(&req, zk_op_set(path.s, json, ZK_ANY_VERSION));
	error = of_zk(zkc_call(t->zkc, &req), why);
	zk_req_fini(&req);
	return error;
}

/* ---- deletion, waiting ---- */

enum kerr topics_delete(const struct topics *t, struct slice name)
{
	const char *why;
	char *text = mem_printf("%.*s", SLICE_ARGS(name));
	struct znode_path path = znode_delete_topic_path(text);
	enum zk_err err = zkc_create(t->zkc, path.s, SLICE_NULL);
	free(text);
	if (err == ZK_NODEEXISTS) /* queued already: it will go */
		return KERR_NONE;
	return of_zk(err, &why);
}

struct waiting {
	struct slice name;
	int32_t partitions;
};

static bool has_leaders(void *arg, const struct metadata *m)
{
	const struct waiting *w = arg;
	const struct meta_topic *topic = meta_topic(m, w->name);
	if (!topic || topic->n_partitions < w->partitions)
		return false;
	for (int i = 0; i < topic->n_partitions; i++)
		if (!topic->partitions[i].known || topic->partitions[i].leader < 0)
			return false;
	return true;
}

bool topics_wait_leaders(const struct topics *t, struct slice name, int32_t partitions, int64_t timeout_ms)
{
	return metastore_wait(t->metastore, has_leaders, &(struct waiting){ name, partitions }, timeout_ms);
}

static bool is_gone(void *arg, const struct metadata *m)
{
	const struct waiting *w = arg;
	return !meta_topic(m, w->name);
}

bool topics_wait_gone(const struct topics *t, struct slice name, int64_t timeout_ms)
{
	return metastore_wait(t->metastore, is_gone, &(struct waiting){ name, 0 }, timeout_ms);
}
