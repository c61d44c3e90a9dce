/* manager_alter.c - AlterReplicaLogDirs: which replicas are to move where (manager_moves.c moves them).
 * Facts: alterReplicaLogDirs of kafka.server.ReplicaManager of 3.9. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"

enum { PREFERENCES_MAX = 10000 };

/* ---- one at a time ---- */

static void lock(struct manager *m)
{
	while (m->altering)
		fiber_wait(m->c.control, &m->altered);
	m->altering = true;
}

static void unlock(struct manager *m)
{
	m->altering = false;
	fiber_event_set(&m->altered);
	fiber_event_init(&m->altered);
}

/* ---- the request ---- */

/* How the replica stands: home core. */
struct standing {
	struct manager *m;
	struct slice topic;
	int32_t partition;
	bool hosted, failed;
	int dir;
	struct uuid topic_id;
};

static void stand_on_core(struct reactor *there, struct call *c)
{
	struct standing *s = c->arg;
	const struct partition *p = replicas_find(s->m->c.replicas[reactor_core(there)], s->topic,
						  s->partition);
	s->hosted = p && p->has_role;
	s->failed = p && log_failed(p->log);
	s->dir = p ? logdirs_of(s->m->c.logdirs, log_dir(p->log)) : -1;
	if (p)
		s->topic_id = p->topic_id;
	call_done(there, c);
}

/* In the order of their age. */
static void prefer(struct manager *m, const struct standing *s, int dir)
{
	manager_take_preference(m, s->topic, s->partition);
	struct preference *new = mem_zalloc(sizeof *new);
	*new = (struct preference){ .topic = slice_of(mem_dup(s->topic.p, s->topic.n), s->topic.n),
				    .partition = s->partition, .dir = dir };
	list_push_back(&m->preferences, &new->link);
	if (++m->n_preferences > PREFERENCES_MAX) {
		const struct preference *oldest = list_entry(m->preferences.next, struct preference, link);
		manager_take_preference(m, oldest->topic, oldest->partition);
	}
}

int manager_take_preference(struct manager *m, struct slice topic, int32_t partition)
{
	list_for_each_safe(it, &m->preferences) {
		struct preference *p = list_entry(it, struct preference, link);
		int dir = p->dir;
		if (p->partition != partition || !slice_eq(p->topic, topic))
			continue;
		list_remove(it);
		m->n_preferences--;
		free((void *)p->topic.p);
		free(p);
		return dir;
	}
	return -1;
}

static enum kerr make_copy(struct manager *m, const struct standing *s, int dir, const char *path)
{
	struct topic_settings *settings = topic_settings_get(manager_settings(m, s->topic));
	struct log *log = manager_make_log(m, dir, path, s->topic, s->partition, settings->config);
	if (!log) {
		topic_settings_put(settings);
		return KERR_KAFKA_STORAGE_ERROR;
	}
	manager_begin_move(m, s->topic, s->partition, dir, log, settings);
	return KERR_NONE;
}

static bool any_offline(const struct logdirs *dirs)
{
	for (int i = 0; i < dirs->n; i++)
		if (dirs->dirs[i].offline)
			return true;
	return false;
}

static enum kerr alter(struct manager *m, struct standing *s, int dir)
{
	struct call call;
	const struct move *other = manager_find_move(m, s->topic, s->partition);
	if (other && other->dir != dir)
		manager_end_move(m, s->topic, s->partition);
	call_run(m->c.control, m->c.reactors[manager_home(m, s->topic, s->partition)], &call, stand_on_core,
		 s);
	if (s->failed)
		return KERR_KAFKA_STORAGE_ERROR;
	if (!s->hosted) {
		if (s->dir != dir)
			prefer(m, s, dir);
		return meta_partition(metastore_now(m->c.metastore), s->topic, s->partition) ?
			KERR_REPLICA_NOT_AVAILABLE : KERR_UNKNOWN_TOPIC_OR_PARTITION;
	}
	if (s->dir == dir || manager_find_move(m, s->topic, s->partition))
		return KERR_NONE;
	if (any_offline(m->c.logdirs)) /* a copy of before may lie there */
		return KERR_KAFKA_STORAGE_ERROR;
	char *path = logdirs_future_path(m->c.logdirs, dir, s->topic, s->partition);
	must(path != NULL);
	enum kerr error = make_copy(m, s, dir, path);
	free(path);
	return error;
}

enum kerr manager_move(struct manager *m, struct slice topic, int32_t partition, struct slice dir_name)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	struct standing s = { .m = m, .topic = topic, .partition = partition };
	int dir = logdirs_named(m->c.logdirs, dir_name);
	char *path = logdirs_future_path(m->c.logdirs, 0, topic, partition);
	bool too_long = !path;
	free(path);
	if (too_long)
		return KERR_INVALID_TOPIC_EXCEPTION;
	if (dir < 0)
		return KERR_LOG_DIR_NOT_FOUND;
	lock(m);
	enum kerr error = m->c.logdirs->dirs[dir].offline ? KERR_KAFKA_STORAGE_ERROR : alter(m, &s, dir);
	unlock(m);
	return error;
}
