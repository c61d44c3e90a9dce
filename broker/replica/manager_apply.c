/* manager_apply.c - what a controller says: LeaderAndIsr, UpdateMetadata, StopReplica. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/storage/clean.h"

#include "leader_and_isr.kmsg.h"
#include "stop_replica.kmsg.h"
#include "update_metadata.kmsg.h"

#include <string.h>

#define STATE_LOGGER "state.change.logger"

/* The fences of every request of a controller. */
static enum kerr check_epochs(struct manager *m, int32_t controller_epoch, int64_t broker_epoch,
			      int32_t controller)
{
	if (controller_epoch < m->controller_epoch) {
		log_warn(STATE_LOGGER, "[Broker id=%d] Ignoring a request of controller %d with epoch %d: "
			 "epoch %d is known.", m->c.broker_id, controller, controller_epoch,
			 m->controller_epoch);
		return KERR_STALE_CONTROLLER_EPOCH;
	}
	if (broker_epoch != -1 && broker_epoch < m->broker_epoch)
		return KERR_STALE_BROKER_EPOCH;
	m->controller_epoch = controller_epoch;
	return KERR_NONE;
}

/* ---- LeaderAndIsr ---- */

enum { ROLES_AT_ONCE = 16 }; /* new logs wait for their disk; four times as many as there are helpers */

/* One partition's new role, on its home core. */
struct role_call {
	struct replicas *replicas;
	struct slice topic;
	int32_t index;
	struct uuid topic_id;
	struct partition_role role;
	enum kerr error;
	bool is_new;  /* the controller has just made the partition */
	bool missing; /* there is no such replica yet */
};

static void role_on_core(struct reactor *there, struct call *c)
{
	struct role_call *r = c->arg;
	struct partition *p = replicas_find(r->replicas, r->topic, r->index);
	r->missing = !p;
	if (p)
		r->error = partition_set_role(p, &r->role, &r->topic_id);
	call_done(there, c);
}

static void set_role(struct manager *m, struct role_call *r)
{
	struct call call;
	call_run(m->c.control, m->c.reactors[manager_home(m, r->topic, r->index)], &call, role_on_core, r);
}

/* A replica whose log is being made: whoever wants the same one meanwhile waits for it. */
struct making {
	struct list link; /* manager.makings */
	struct slice topic;
	int32_t index;
	struct fiber_event made;
};

static struct making *find_making(const struct manager *m, const struct role_call *r)
{
	list_for_each(it, &m->makings) {
		struct making *making = list_entry(it, struct making, link);
		if (making->index == r->index && slice_eq(making->topic, r->topic))
			return making;
	}
	return NULL;
}

struct opening {
	struct log_open open;
	int error;
};

static void open_work(void *arg)
{
	struct opening *o = arg;
	o->error = log_open(&o->open);
}

struct log *manager_make_log(struct manager *m, int dir, const char *path, struct slice topic, int32_t index,
			     const struct topic_config *config)
{
	struct opening o = { .open = { .dir = path, .config = config, .stop = LOG_STOP_CLEAN,
				       .now_ms = sys_wall_ms(),
				       .producer_expiration_ms = m->config->producer_id_expiration_ms } };
	m->c.logdirs->dirs[dir].n_logs++; /* at once: the next one chooses before this one is made */
	fiber_offload(m->c.control, open_work, &o, "new log");
	if (o.error) {
		m->c.logdirs->dirs[dir].n_logs--;
		manager_fail_dir(m, dir, path, o.error);
		return NULL;
	}
	if (m->c.logdirs->dirs[dir].offline) { /* it failed meanwhile, and its replicas have been told */
		m->c.logdirs->dirs[dir].n_logs--;
		log_abandon(o.open.log);
		return NULL;
	}
	log_info(MANAGER_LOG_LOGGER, "Created log for partition %.*s-%d in %s", SLICE_ARGS(topic), index,
		 path);
	return o.open.log;
}

/* A log that is not new may lie in a directory that has failed: it must not be begun anew in another one. */
static bool may_be_made(struct manager *m, const struct role_call *r)
{
	for (int i = 0; i < m->c.logdirs->n && !r->is_new; i++)
		if (m->c.logdirs->dirs[i].offline) {
			log_error(MANAGER_LOG_LOGGER, "Can't create log for %.*s-%d because log directory "
				  "%s is offline", SLICE_ARGS(r->topic), r->index,
				  m->c.logdirs->dirs[i].path);
			return false;
		}
	return true;
}

/* Where an admin wanted it, or in the directory with the fewest. */
static int choose_dir(struct manager *m, const struct role_call *r)
{
	int dir = manager_take_preference(m, r->topic, r->index);
	return dir >= 0 && !m->c.logdirs->dirs[dir].offline ? dir : logdirs_place(m->c.logdirs);
}

static void make_in(struct manager *m, const struct role_call *r, int dir, struct topic_settings *settings)
{
	char *path = logdirs_path(m->c.logdirs, dir, r->topic, r->index);
	struct log *log = manager_make_log(m, dir, path, r->topic, r->index, settings->config);
	free(path);
	if (!log)
		return;
	/* Those in force by now: a change while it was made reached only the partitions that were there. */
	const struct manager_topic *t = manager_topic_find(m, r->topic);
	struct topic_settings *now = topic_settings_get(t ? t->settings : settings);
	struct manager_adopt a = { .topic = r->topic, .partition = r->index, .log = log, .settings = now };
	log_set_config(log, now->config);
	manager_adopt(m, &a);
	topic_settings_put(now);
}

/* A partition that is not here yet: its directory is made. */
static void make_replica(struct manager *m, const struct role_call *r)
{
	struct making making = { .topic = r->topic, .index = r->index }, *other = find_making(m, r);
	if (other) {
		fiber_wait(m->c.control, &other->made);
		return;
	}
	fiber_event_init(&making.made);
	list_push_back(&m->makings, &making.link);
	struct topic_settings *settings = topic_settings_get(manager_settings(m, r->topic));
	int dir = may_be_made(m, r) ? choose_dir(m, r) : -1;
	if (dir >= 0)
		make_in(m, r, dir, settings);
	topic_settings_put(settings);
	list_remove(&making.link);
	fiber_event_set(&making.made);
}

static bool take_ids(int32_t *to, int32_t *n, const int32_t *from, int32_t count)
{
	if (count > PARTITION_REPLICAS_MAX)
		return false;
	*n = count;
	memcpy(to, from, (size_t)count * sizeof *to);
	return true;
}

static enum kerr apply_role(struct manager *m, struct slice topic, const struct uuid *id,
			    const struct leader_and_isr_request_partition *p)
{
	struct role_call r = { .topic = topic, .index = p->partition_index, .topic_id = *id,
			       .is_new = p->is_new };
	r.replicas = m->c.replicas[manager_home(m, topic, p->partition_index)];
	r.role = (struct partition_role){ .leader = p->leader, .leader_epoch = p->leader_epoch,
					  .controller_epoch = p->controller_epoch,
					  .partition_epoch = p->partition_epoch,
					  .moving = p->n_adding_replicas + p->n_removing_replicas > 0 };
	if (!take_ids(r.role.isr, &r.role.n_isr, p->isr, p->n_isr) ||
	    !take_ids(r.role.replicas, &r.role.n_replicas, p->replicas, p->n_replicas))
		return KERR_INVALID_REQUEST;
	set_role(m, &r);
	if (r.missing) {
		make_replica(m, &r);
		set_role(m, &r);
	}
	if (r.missing)
		return KERR_KAFKA_STORAGE_ERROR;
	/* STALE_CONTROLLER_EPOCH: a controller says again what is known. */
	if (!r.error || r.error == KERR_STALE_CONTROLLER_EPOCH)
		manager_move_may_begin(m, topic, p->partition_index);
	else
		log_info(STATE_LOGGER, "[Broker id=%d] LeaderAndIsr for %.*s-%d with leader %d, epoch %d: "
			 "%s.", m->c.broker_id, SLICE_ARGS(topic), p->partition_index, p->leader,
			 p->leader_epoch, kerr_name(r.error));
	return r.error;
}

/* What a request says of one partition, and the answer. */
struct role_row {
	const struct leader_and_isr_request_topic *topic;
	const struct leader_and_isr_request_partition *partition;
	struct leader_and_isr_response_partition *out;
};

struct applying {
	struct manager *m;
	struct role_row *rows;
	int32_t n;
};

static void apply_row(void *arg, int32_t i)
{
	const struct applying *a = arg;
	const struct role_row *row = &a->rows[i];
	enum kerr error = a->m->refuses ? KERR_BROKER_NOT_AVAILABLE :
		apply_role(a->m, row->topic->topic_name, &row->topic->topic_id, row->partition);
	*row->out = (struct leader_and_isr_response_partition){
		row->topic->topic_name, row->partition->partition_index, (int16_t)error };
}

static int32_t count_rows(const struct leader_and_isr_request *req)
{
	int32_t n = 0;
	for (int32_t i = 0; i < req->n_topic_states; i++)
		n += req->topic_states[i].n_partition_states;
	return n;
}

static void list_rows(struct applying *a, const struct leader_and_isr_request_topic *t,
		      struct leader_and_isr_response_topic *out, struct arena *arena)
{
	out->topic_id = t->topic_id;
	out->n_partition_errors = t->n_partition_states;
	out->partition_errors = arena_array(arena, (size_t)t->n_partition_states,
					    sizeof *out->partition_errors);
	must(out->partition_errors != NULL);
	for (int32_t i = 0; i < t->n_partition_states; i++)
		a->rows[a->n++] = (struct role_row){ t, &t->partition_states[i], &out->partition_errors[i] };
}

void manager_leader_and_isr(struct manager *m, const struct leader_and_isr_request *req,
			    struct leader_and_isr_response *resp, struct arena *arena)
{
	struct applying a = { .m = m };
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	resp->error_code = (int16_t)check_epochs(m, req->controller_epoch, req->broker_epoch,
						 req->controller_id);
	if (m->closing)
		resp->error_code = KERR_BROKER_NOT_AVAILABLE;
	if (resp->error_code)
		return;
	m->applying++;
	resp->topics = arena_array(arena, (size_t)req->n_topic_states, sizeof *resp->topics);
	must(resp->topics != NULL);
	a.rows = mem_zalloc(((size_t)count_rows(req) + 1) * sizeof *a.rows);
	for (int32_t i = 0; i < req->n_topic_states; i++)
		list_rows(&a, &req->topic_states[i], &resp->topics[resp->n_topics++], arena);
	fiber_each(m->c.control, a.n, ROLES_AT_ONCE, apply_row, &a);
	free(a.rows);
	if (--m->applying == 0 && m->closing)
		fiber_event_set(&m->applied);
}

/* ---- UpdateMetadata ---- */

static struct topic_settings *settings_of(void *arg, struct slice topic)
{
	struct manager_topic *t = manager_topic_find(arg, topic);
	return t ? topic_settings_get(t->settings) : NULL;
}

enum kerr manager_update_metadata(struct manager *m, const struct update_metadata_request *req)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	enum kerr error = check_epochs(m, req->controller_epoch, req->broker_epoch, req->controller_id);
	if (!error)
		metastore_update(m->c.metastore, req, settings_of, m);
	return error;
}

/* ---- StopReplica ---- */

enum {
	EPOCH_DELETED = -2,
	REMOVALS_LOOK_MS = 1000,
};

struct stop_call {
	struct replicas *replicas;
	struct slice topic;
	int32_t index, leader_epoch;
	bool delete_it;
	struct call *call;
	struct partition *partition;
	struct log_wait wait;
	struct log *log;  /* detached; NULL: there was none, or it stays */
	struct topic_settings *settings; /* the log's, for as long as it lives */
	enum kerr error;
};

static void detached(struct log_wait *wait)
{
	struct stop_call *s = container_of(wait, struct stop_call, wait);
	s->settings = topic_settings_get(s->partition->settings);
	s->log = replicas_remove(s->partition);
	call_done(s->call->to, s->call);
}

static void stop_on_core(struct reactor *there, struct call *c)
{
	struct stop_call *s = c->arg;
	struct partition *p = replicas_find(s->replicas, s->topic, s->index);
	s->call = c;
	if (p && s->leader_epoch >= 0 && p->has_role && s->leader_epoch < p->role.leader_epoch)
		s->error = KERR_FENCED_LEADER_EPOCH;
	else if (p)
		partition_drop_role(p);
	if (!p || s->error || !s->delete_it) {
		call_done(there, c);
		return;
	}
	s->partition = p;
	s->wait.done = detached;
	log_detach(p->log, &s->wait);
}

/* A deleted partition's files, until they are removed. */
struct discarding {
	struct list link;
	struct manager *m;
	struct log *log;
	char path[LOG_DIR_NAME_MAX + 4096];
	int error;
	int64_t due_ns;
};

static void discard_work(void *arg)
{
	struct discarding *d = arg;
	d->error = log_discard(d->log, d->path, sizeof d->path);
}

static void remove_work(void *arg)
{
	struct discarding *d = arg;
	d->error = log_remove_dir(d->path);
}

static void remove_files(struct manager *m, struct discarding *d)
{
	fiber_offload(m->c.control, remove_work, d, "deleted log");
	if (d->error)
		log_error(MANAGER_LOG_LOGGER, "%s could not be removed: %s.", d->path, strerror(-d->error));
}

/* Files of deleted partitions stay for file.delete.delay.ms; what is left when the manager closes is removed
 * at the next start. One fiber for all, as long as there are any. */
static void remove_later(void *arg)
{
	struct manager *m = arg;
	while (!list_empty(&m->removals)) {
		struct discarding *d = list_entry(m->removals.next, struct discarding, link);
		int64_t left_ms = (d->due_ns - sys_mono_ns()) / 1000000;
		if (!m->closing && left_ms > 0) {
			/* Not longer, for one that is due earlier may come. */
			fiber_wait_ms(m->c.control, &m->close_begun, min_of(left_ms, REMOVALS_LOOK_MS));
			continue;
		}
		list_remove(&d->link);
		if (!m->closing)
			remove_files(m, d);
		free(d);
	}
	m->removing = false;
	if (m->closing)
		fiber_event_set(&m->removals_ended);
}

/* In the order in which they are due. */
static void queue_removal(struct manager *m, struct discarding *d)
{
	struct list *after = m->removals.prev;
	while (after != &m->removals && list_entry(after, struct discarding, link)->due_ns > d->due_ns)
		after = after->prev;
	list_insert(after, &d->link);
	if (m->removing)
		return;
	m->removing = true;
	must(fiber_start(m->c.control, "delete", remove_later, m) != NULL);
}

enum kerr manager_discard(struct manager *m, struct slice topic, int32_t index, struct log *log)
{
	struct discarding *d = mem_zalloc(sizeof *d);
	const struct manager_topic *t = manager_topic_find(m, topic);
	d->m = m;
	d->log = log;
	d->due_ns = sys_mono_ns() + (t ? t->settings->config->file_delete_delay_ms : 0) * 1000000;
	int dir = logdirs_of(m->c.logdirs, log_dir(log));
	m->cleaned_is_stale |= log_cleaned_offset(log) >= 0;
	fiber_offload(m->c.control, discard_work, d, "deleted log");
	m->c.logdirs->dirs[dir].n_logs--;
	if (d->error) {
		log_error(MANAGER_LOG_LOGGER, "The log of %.*s-%d could not be deleted: %s.",
			  SLICE_ARGS(topic), index,
			  strerror(-d->error));
		free(d);
		return KERR_KAFKA_STORAGE_ERROR;
	}
	log_info(MANAGER_LOG_LOGGER, "Log for partition %.*s-%d is renamed to %s and is scheduled for "
		 "deletion", SLICE_ARGS(topic), index, d->path);
	queue_removal(m, d);
	return KERR_NONE;
}

static enum kerr stop_one(struct manager *m, struct slice topic,
			  const struct stop_replica_request_partition *p)
{
	struct call call;
	int home = manager_home(m, topic, p->partition_index);
	struct stop_call s = { .replicas = m->c.replicas[home], .topic = topic, .index = p->partition_index,
			       .leader_epoch = p->leader_epoch, .delete_it = p->delete_partition };
	call_run(m->c.control, m->c.reactors[home], &call, stop_on_core, &s);
	if (p->delete_partition && !s.error)
		manager_cancel_move(m, topic, p->partition_index);
	if (s.log)
		s.error = manager_discard(m, topic, p->partition_index, s.log);
	topic_settings_put(s.settings);
	return s.error;
}

void manager_stop_replica(struct manager *m, const struct stop_replica_request *req,
			  struct stop_replica_response *resp, struct arena *arena)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	int32_t n = 0;
	resp->error_code = (int16_t)check_epochs(m, req->controller_epoch, req->broker_epoch,
						 req->controller_id);
	if (resp->error_code)
		return;
	for (int32_t t = 0; t < req->n_topic_states; t++)
		n += req->topic_states[t].n_partition_states;
	resp->partition_errors = arena_array(arena, (size_t)n, sizeof *resp->partition_errors);
	must(resp->partition_errors != NULL);
	for (int32_t t = 0; t < req->n_topic_states; t++) {
		const struct stop_replica_request_topic *topic = &req->topic_states[t];
		bool deleted = false;
		for (int32_t i = 0; i < topic->n_partition_states; i++) {
			const struct stop_replica_request_partition *p = &topic->partition_states[i];
			enum kerr error = m->refuses ? KERR_BROKER_NOT_AVAILABLE :
				stop_one(m, topic->topic_name, p);
			resp->partition_errors[resp->n_partition_errors++] =
				(struct stop_replica_response_partition){
				topic->topic_name, p->partition_index, (int16_t)error };
			deleted |= p->delete_partition && p->leader_epoch == EPOCH_DELETED;
		}
		if (deleted) /* a topic made anew under this name has other settings */
			manager_forget_settings(m, topic->topic_name);
	}
	if (m->cleaned_is_stale) {
		m->cleaned_is_stale = false;
		manager_save_cleaned(m);
	}
}
