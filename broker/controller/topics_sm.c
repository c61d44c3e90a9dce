/* topics_sm.c - topics that come, grow and go.
 *
 * A topic comes when /brokers/topics has a child that is not known: whoever wrote it, this broker's
 * CreateTopics, another broker's auto-creation or an old tool. It grows when its znode has more partitions.
 * It goes when its name is under /admin/delete_topics: brokers forget it, replicas go Offline, are deleted
 * one by one, and when all are gone the znodes go. Facts: KafkaController.processTopicChange and
 * TopicDeletionManager of 3.9; contract: coordination, section 7.
 */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <string.h>

/* ---- reading ---- */

static bool has(const struct znode_ints *ids, int32_t id)
{
	for (unsigned i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	return false;
}

static struct ctl_partition *add_partition(struct controller *c, struct ctl_topic *t,
					   const struct znode_replicas *r)
{
	struct ctl_partition *p = ctl_partition_add(t, r->partition, &r->replicas);
	struct ctl_replica v[CTL_REPLICAS_MAX] = { 0 };
	int stay = 0;
	for (int i = 0; i < p->n_replicas; i++) {
		v[i] = (struct ctl_replica){ .broker = r->replicas.v[i],
					     .adding = has(&r->adding, r->replicas.v[i]),
					     .removing = has(&r->removing, r->replicas.v[i]) };
		stay += !v[i].removing;
	}
	if (stay > 0)
		ctl_partition_place(&c->ctx, p, v, p->n_replicas);
	else if (p->n_replicas > 0)
		log_error(CTL_LOGGER, "All replicas of %s-%d are to be removed, says its znode: none is.",
			  t->name, p->index);
	return p;
}

/* Adds what `json` has and `t` has not to `added`; false when the content cannot be used. */
static bool take_assignment(struct controller *c, struct ctl_topic *t, struct arena *arena, struct slice json,
			    struct ctl_partitions *added)
{
	struct znode_topic z;
	struct znode_why why;
	if (znode_topic_decode(arena, json, &z, &why) != 0) {
		log_error(CTL_LOGGER, "Topic %s is left alone: its znode cannot be read: %s.", t->name,
			  why.s);
		return false;
	}
	t->id_is_written = z.has_id;
	if (z.has_id)
		t->id = z.id;
	for (unsigned i = 0; i < z.n_partitions; i++) {
		const struct znode_replicas *r = &z.partitions[i];
		if (r->partition < 0 || r->partition >= CTL_PARTITIONS_MAX ||
		    r->replicas.n > CTL_REPLICAS_MAX) {
			log_error(CTL_LOGGER, "Partition %s-%d is left alone: it is beyond this controller's "
				  "limits.", t->name, r->partition);
			continue;
		}
		if (!ctl_partition(t, r->partition))
			ctl_partitions_add(added, add_partition(c, t, r));
	}
	return true;
}

static void take_state(struct ctl_partition *p, struct arena *arena, const struct zk_req *req)
{
	struct znode_state s;
	struct znode_why why;
	if (req->err != ZK_OK)
		return;
	if (znode_state_decode(arena, req->data, &s, &why) != 0 || s.isr.n > CTL_REPLICAS_MAX) {
		log_error(CTL_LOGGER, "The state of %s-%d cannot be read: %s.", p->topic->name, p->index,
			  why.s);
		return;
	}
	p->has_leadership = true;
	p->lead = (struct ctl_leadership){ s.leader, s.leader_epoch, s.controller_epoch, req->stat.version,
					   s.recovering, { .n = (int)s.isr.n } };
	memcpy(p->lead.isr.v, s.isr.v, s.isr.n * sizeof *s.isr.v);
}

/* Reads one znode for each of `n` things, pipelined; the caller frees with free_reads(). */
static struct zk_req *read_all(struct controller *c, char **paths, size_t n, bool watch)
{
	struct zk_req *reqs = mem_zalloc(n * sizeof *reqs);
	for (size_t i = 0; i < n; i++)
		zk_req_get(&reqs[i], paths[i], watch);
	zkc_call_all(c->zkc, reqs, n);
	return reqs;
}

static void free_reads(struct zk_req *reqs, char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		zk_req_fini(&reqs[i]);
		free(paths[i]);
	}
	free(reqs);
	free(paths);
}

static void read_states(struct controller *c, struct ctl_partitions *ps)
{
	char **paths = mem_zalloc((size_t)ps->n * sizeof *paths);
	for (int i = 0; i < ps->n; i++)
		paths[i] = mem_strdup(znode_state_path(ps->v[i]->topic->name, ps->v[i]->index).s);
	struct zk_req *reqs = read_all(c, paths, (size_t)ps->n, false);
	struct arena arena;
	arena_init(&arena, CTL_ARENA_BYTES);
	for (int i = 0; i < ps->n; i++) {
		take_state(ps->v[i], &arena, &reqs[i]);
		arena_reset(&arena);
	}
	arena_free(&arena);
	free_reads(reqs, paths, (size_t)ps->n);
}

/* Writes the topic's id where its znode lacks it; BADVERSION when somebody else has written first. */
static enum zk_err write_id(struct controller *c, struct ctl_topic *t, struct slice json, int32_t version)
{
	struct arena arena;
	struct znode_topic z;
	struct znode_why why;
	struct zk_req req;
	enum zk_err err = ZK_MARSHALLING;
	arena_init(&arena, CTL_ARENA_BYTES);
	if (znode_topic_decode(&arena, json, &z, &why) == 0 && z.has_id) {
		t->id = z.id;
		t->id_is_written = true;
		err = ZK_OK;
	} else if (znode_topic_decode(&arena, json, &z, &why) == 0) {
		struct znode_path path = znode_topic_path(t->name);
		z.has_id = true;
		z.id = t->id;
		err = ctl_write(c, zk_op_set(path.s, znode_topic_encode(&arena, &z), version), &req);
		t->id_is_written = err == ZK_OK;
		zk_req_fini(&req);
	}
	arena_free(&arena);
	return err;
}

/* A topic without id gets one (3.9 from inter.broker.protocol.version 2.8 on). One that had an id keeps it:
 * an old tool that writes the znode anew drops what it does not know, and the logs on disk have the id. */
static void give_id(struct controller *c, struct ctl_topic *t, struct slice json, int32_t version)
{
	uint8_t random[16];
	if (t->id_is_written)
		return;
	while (uuid_is_zero(&t->id)) {
		sys_random(random, sizeof random);
		if (!uuid_from_random(&t->id, random))
			t->id = (struct uuid){ 0 };
	}
	enum zk_err err = write_id(c, t, json, version);
	while (err == ZK_BADVERSION && c->active) {
		struct zk_req req;
		struct znode_path path = znode_topic_path(t->name);
		zk_req_get(&req, path.s, true);
		err = zkc_call(c->zkc, &req);
		if (err == ZK_OK)
			err = write_id(c, t, req.data, req.stat.version);
		zk_req_fini(&req);
	}
}

static void topic_changed(struct controller *c, struct ctl_event *e);

static void watch_topic(struct controller *c, struct ctl_topic *t)
{
	struct znode_path path = znode_topic_path(t->name);
	struct ctl_watch *w = ctl_watch_new(c, path.s, false, "PartitionModifications", topic_changed);
	w->topic = mem_strdup(t->name);
	t->watch = w;
}

void ctl_topic_forget(struct controller *c, struct ctl_topic *t)
{
	if (t->watch)
		ctl_watch_free(c, t->watch);
	t->watch = NULL;
	if (c->active)
		push_flush(c); /* what was gathered so far may name its partitions */
	ctl_topic_remove(&c->ctx, t);
}

/* Adds topics by name, with their assignments; partitions go to `added`. */
static void add_topics(struct controller *c, char **names, size_t n, struct ctl_partitions *added)
{
	char **paths = mem_zalloc(n * sizeof *paths);
	struct arena arena;
	for (size_t i = 0; i < n; i++)
		paths[i] = mem_strdup(znode_topic_path(names[i]).s);
	struct zk_req *reqs = read_all(c, paths, n, true);
	arena_init(&arena, CTL_ARENA_BYTES);
	for (size_t i = 0; c->active && i < n; i++) {
		if (reqs[i].err != ZK_OK)
			continue; /* gone again, or the session is: its end is another event */
		struct ctl_topic *t = ctl_topic_add(&c->ctx, names[i]);
		watch_topic(c, t);
		if (take_assignment(c, t, &arena, reqs[i].data, added))
			give_id(c, t, reqs[i].data, reqs[i].stat.version);
		arena_reset(&arena);
	}
	arena_free(&arena);
	free_reads(reqs, paths, n);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Children in order, so that is_child() is quick. */
static enum zk_err read_names(struct controller *c, enum znode parent, struct zk_req *req)
{
	zk_req_children(req, znode_path(parent), true);
	enum zk_err err = zkc_call(c->zkc, req);
	if (err == ZK_OK)
		order_sort(req->children, req->n_children, sizeof *req->children, compare_names);
	return err;
}

static bool is_child(const struct zk_req *req, char *name)
{
	return order_find(&name, req->children, req->n_children, sizeof name, compare_names) != NULL;
}

/* The children that are no topics yet: names borrowed from `req`, array to be freed. */
static char **new_names(struct controller *c, const struct zk_req *req, size_t *n)
{
	char **names = mem_zalloc(((size_t)req->n_children + 1) * sizeof *names);
	*n = 0;
	for (unsigned i = 0; i < req->n_children; i++)
		if (!ctl_topic(&c->ctx, req->children[i]))
			names[(*n)++] = req->children[i];
	return names;
}

bool ctl_load_topics(struct controller *c)
{
	struct zk_req req;
	struct ctl_partitions all = { 0 };
	size_t n;
	bool fine = read_names(c, ZNODE_TOPICS, &req) == ZK_OK;
	if (fine) {
		char **names = new_names(c, &req, &n);
		add_topics(c, names, n, &all);
		read_states(c, &all);
		free(names);
	}
	zk_req_fini(&req);
	ctl_partitions_free(&all);
	return fine;
}

/* ---- coming and growing ---- */

/* New partitions go the whole way: leaders chosen, znodes made, brokers told. */
static void bring_up(struct controller *c, const struct ctl_partitions *ps)
{
	if (ps->n == 0)
		return;
	log_info(CTL_LOGGER, "[Controller id=%d] New partition creation callback for %d partition(s), first "
		 "%s-%d", c->broker_id, ps->n, ps->v[0]->topic->name, ps->v[0]->index);
	ctl_partitions_set(c, ps, PARTITION_NEW);
	ctl_replicas_to(c, ps, -1, REPLICA_NEW);
	ctl_partitions_online(c, ps, ELECT_OFFLINE);
	for (int i = 0; i < ps->n; i++)
		for (int k = 0; k < ps->v[i]->n_replicas; k++)
			if (ps->v[i]->replicas[k].state == REPLICA_NEW)
				ps->v[i]->replicas[k].state = REPLICA_ONLINE;
}

void ctl_topics_changed(struct controller *c, struct ctl_event *e)
{
	struct zk_req req;
	struct ctl_partitions added = { 0 };
	size_t n;
	must(e != NULL);
	if (!c->active)
		return;
	if (read_names(c, ZNODE_TOPICS, &req) == ZK_OK) {
		struct ctl_topic *t, *next;
		HASH_ITER(hh, c->ctx.topics, t, next)
			if (!is_child(&req, t->name))
				ctl_topic_forget(c, t);
		char **names = new_names(c, &req, &n);
		add_topics(c, names, n, &added);
		free(names);
		bring_up(c, &added);
	}
	zk_req_fini(&req);
	ctl_partitions_free(&added);
}

static void topic_changed(struct controller *c, struct ctl_event *e)
{
	struct zk_req req;
	struct arena arena;
	struct ctl_partitions added = { 0 };
	struct ctl_topic *t = ctl_topic(&c->ctx, e->topic);
	if (!c->active || !t)
		return;
	struct znode_path path = znode_topic_path(t->name);
	zk_req_get(&req, path.s, true);
	arena_init(&arena, CTL_ARENA_BYTES);
	/* A topic on its way out grows no more. */
	if (zkc_call(c->zkc, &req) == ZK_OK && !t->deleting &&
	    take_assignment(c, t, &arena, req.data, &added)) {
		give_id(c, t, req.data, req.stat.version);
		bring_up(c, &added);
	}
	arena_free(&arena);
	zk_req_fini(&req);
	ctl_partitions_free(&added);
}

/* ---- going ---- */

static struct ctl_partitions partitions_of(struct ctl_topic *t)
{
	struct ctl_partitions ps = { 0 };
	ctl_each_partition(p, t)
		ctl_partitions_add(&ps, p);
	return ps;
}

/* Replicas of the topic in `state`, those in another one left out. */
static void move_replicas(struct controller *c, struct ctl_topic *t, enum ctl_replica_state from,
			  enum ctl_replica_state to, bool live)
{
	ctl_each_partition(p, t)
		for (int i = 0; i < p->n_replicas; i++) {
			struct ctl_partitions one = { &p, 1, 1 };
			if (p->replicas[i].state == from &&
			    ctl_is_live(&c->ctx, p->replicas[i].broker) == live)
				ctl_replicas_to(c, &one, p->replicas[i].broker, to);
		}
}

static bool all_deleted(struct ctl_topic *t)
{
	ctl_each_partition(p, t)
		for (int i = 0; i < p->n_replicas; i++)
			if (p->replicas[i].state != REPLICA_DELETION_SUCCESSFUL)
				return false;
	return true;
}

static bool is_being_deleted(struct ctl_topic *t)
{
	ctl_each_partition(p, t)
		for (int i = 0; i < p->n_replicas; i++)
			if (p->replicas[i].state == REPLICA_DELETION_STARTED)
				return true;
	return false;
}

/* All replicas are gone: so are the znodes. */
static void finish_deletion(struct controller *c, struct ctl_topic *t)
{
	char *config = mem_printf("%s/%s", znode_path(ZNODE_CONFIG_TOPICS), t->name);
	struct znode_path topic = znode_topic_path(t->name), queued = znode_delete_topic_path(t->name);
	const char *fence = znode_path(ZNODE_CONTROLLER_EPOCH);
	const char *const paths[] = { topic.s, config, queued.s };
	enum zk_err err = ZK_OK;
	for (size_t i = 0; err == ZK_OK && i < countof(paths); i++)
		err = zkc_delete_tree(c->zkc, paths[i], fence, c->epoch_version);
	free(config);
	if (err == ZK_OK) {
		log_info(CTL_LOGGER, "[Controller id=%d] Deletion of topic %s successfully completed",
			 c->broker_id, t->name);
		ctl_topic_forget(c, t);
	} else if (err == ZK_FENCED) {
		ctl_fenced(c);
	} else {
		log_error(CTL_LOGGER, "The znodes of the deleted topic %s could not be removed: %s.", t->name,
			  zk_err_text(err));
	}
}

static void begin_deletion(struct controller *c, struct ctl_topic *t)
{
	struct ctl_partitions ps = partitions_of(t);
	t->deletion_begun = true;
	for (int i = 0; i < ps.n; i++)
		push_metadata(c, ps.v[i]);
	ctl_partitions_set(c, &ps, PARTITION_OFFLINE);
	ctl_partitions_set(c, &ps, PARTITION_NONEXISTENT);
	move_replicas(c, t, REPLICA_ONLINE, REPLICA_OFFLINE, true);
	move_replicas(c, t, REPLICA_OFFLINE, REPLICA_DELETION_INELIGIBLE, false);
	move_replicas(c, t, REPLICA_OFFLINE, REPLICA_DELETION_STARTED, true);
	ctl_partitions_free(&ps);
}

static void resume_deletion(struct controller *c, struct ctl_topic *t)
{
	if (t->n_moving > 0) /* replicas come and go yet */
		return;
	if (all_deleted(t))
		finish_deletion(c, t);
	else if (!t->deletion_begun)
		begin_deletion(c, t);
	else if (!is_being_deleted(t)) {
		/* Brokers that could not delete, or were away, are asked again. */
		move_replicas(c, t, REPLICA_DELETION_INELIGIBLE, REPLICA_OFFLINE, true);
		move_replicas(c, t, REPLICA_OFFLINE, REPLICA_DELETION_STARTED, true);
	}
}

void ctl_resume_deletions(struct controller *c)
{
	struct ctl_topic *t, *next;
	HASH_ITER(hh, c->ctx.topics, t, next)
		if (c->active && t->deleting)
			resume_deletion(c, t);
}

static void take_off_queue(struct controller *c, const char *name)
{
	struct zk_req req;
	struct znode_path path = znode_delete_topic_path(name);
	ctl_write(c, zk_op_delete(path.s, ZK_ANY_VERSION), &req);
	zk_req_fini(&req);
}

void ctl_deletions_changed(struct controller *c, struct ctl_event *e)
{
	struct zk_req req;
	must(e != NULL);
	if (!c->active)
		return;
	zk_req_children(&req, znode_path(ZNODE_DELETE_TOPICS), true);
	enum zk_err err = zkc_call(c->zkc, &req);
	for (unsigned i = 0; err == ZK_OK && c->active && i < req.n_children; i++) {
		struct ctl_topic *t = ctl_topic(&c->ctx, req.children[i]);
		if (!t) {
			log_warn(CTL_LOGGER, "Ignoring request to delete non-existing topic %s",
				 req.children[i]);
			take_off_queue(c, req.children[i]);
			continue;
		}
		if (!c->config->delete_topic_enable) {
			log_info(CTL_LOGGER, "Removing %s since delete topic is disabled", t->name);
			take_off_queue(c, t->name);
			continue;
		}
		if (!t->deleting)
			log_info(CTL_LOGGER, "[Controller id=%d] Starting topic deletion for topic %s",
				 c->broker_id,
				 t->name);
		t->deleting = true;
	}
	zk_req_fini(&req);
	ctl_resume_deletions(c);
}

void ctl_replicas_stopped(struct controller *c, struct ctl_event *e)
{
	struct ctl_topic *last = NULL;
	for (int i = 0; i <= e->n_answers; i++) {
		struct ctl_topic *t = i < e->n_answers ? ctl_topic(&c->ctx, e->answers[i].topic) : NULL;
		if (last && last != t && c->active && all_deleted(last))
			finish_deletion(c, last);
		last = t && t->deleting ? t : NULL;
		struct ctl_partition *p = last ? ctl_partition(t, e->answers[i].partition) : NULL;
		struct ctl_replica *r = p ? ctl_replica(p, e->broker) : NULL;
		struct ctl_partitions one = { &p, 1, 1 };
		if (!r || r->state != REPLICA_DELETION_STARTED)
			continue;
		bool failed = e->answers[i].failed;
		ctl_replicas_to(c, &one, e->broker,
				failed ? REPLICA_DELETION_INELIGIBLE : REPLICA_DELETION_SUCCESSFUL);
	}
}
