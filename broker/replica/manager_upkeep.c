/* manager_upkeep.c - what goes on beside serving: checkpoints, retention, flushing, expiry; and closing.
 * Each is a fiber with its own clock, which ends when the manager closes. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/storage/clean.h"

#include <stdio.h>
#include <string.h>

/* ---- checkpoints ---- */

/* What one core adds to the checkpoint files of all directories. */
struct gathering {
	struct manager *m;
	struct replicas *replicas;
	enum logdir_checkpoint kind;
	struct checkpoint *files; /* one for each directory */
};

static int64_t checkpointed(const struct partition *p, enum logdir_checkpoint kind)
{
	switch (kind) {
	case LOGDIR_RECOVERY_POINTS: return log_recovery_point(p->log);
	case LOGDIR_START_OFFSETS: return log_start_offset(p->log);
	case LOGDIR_HIGH_WATERMARKS: return p->high_watermark;
	case LOGDIR_CLEANED: return log_cleaned_offset(p->log);
	case LOGDIR_CHECKPOINTS: break;
	}
	must_not_reach("a kind of checkpoint");
}

/* Not every log has an entry in every file. */
static bool is_listed(const struct partition *p, enum logdir_checkpoint kind)
{
	if (kind == LOGDIR_START_OFFSETS)
		return log_start_offset(p->log) > log_first_base(p->log);
	return kind != LOGDIR_CLEANED || log_cleaned_offset(p->log) >= 0;
}

static void gather_one(void *arg, struct partition *p)
{
	struct gathering *g = arg;
	struct slice topic = slice_of(p->topic, p->topic_bytes);
	int dir = logdirs_of(g->m->c.logdirs, log_dir(p->log));
	if (is_listed(p, g->kind))
		checkpoint_add_offset(&g->files[dir], topic, p->index, checkpointed(p, g->kind));
}

static void gather_on_core(struct reactor *there, struct call *c)
{
	struct gathering *g = c->arg;
	replicas_each(g->replicas, gather_one, g);
	call_done(there, c);
}

struct writing {
	struct manager *m;
	enum logdir_checkpoint kind;
	struct checkpoint *files;
	int *errors; /* beside the directories */
};

static void write_work(void *arg)
{
	struct writing *w = arg;
	struct logdirs *dirs = w->m->c.logdirs;
	for (int i = 0; i < dirs->n; i++) {
		if (!dirs->dirs[i].offline)
			w->errors[i] = logdirs_checkpoint(dirs, i, w->kind, &w->files[i]);
		free(w->files[i].text);
	}
}

/* Copies have nothing but a recovery point of their own. */
static void add_copies(const struct manager *m, struct writing *w)
{
	if (w->kind != LOGDIR_RECOVERY_POINTS)
		return;
	list_for_each(it, &m->moves) {
		const struct move *v = list_entry(it, struct move, link);
		checkpoint_add_offset(&w->files[v->dir], v->topic, v->partition, v->recovery_point);
	}
}

static void write_checkpoint(struct manager *m, enum logdir_checkpoint kind)
{
	int n_dirs = m->c.logdirs->n;
	struct writing w = { m, kind, mem_zalloc((size_t)n_dirs * sizeof *w.files),
			     mem_zalloc((size_t)n_dirs * sizeof *w.errors) };
	for (int i = 0; i < n_dirs; i++)
		checkpoint_begin(&w.files[i]);
	/* One core after the other, because they add to the same texts. */
	for (int core = 0; core < m->c.n_cores; core++) {
		struct call call;
		struct gathering g = { m, m->c.replicas[core], kind, w.files };
		call_run(m->c.control, m->c.reactors[core], &call, gather_on_core, &g);
	}
	add_copies(m, &w);
	fiber_offload(m->c.control, write_work, &w, "checkpoint");
	for (int i = 0; i < n_dirs; i++)
		if (w.errors[i])
			manager_fail_dir(m, i, "a checkpoint cannot be written", w.errors[i]);
	free(w.errors);
	free(w.files);
}

/* One at a time writes a kind of files. Who comes meanwhile waits for the round after, which serves all that
 * have come by then. */
static void save(struct manager *m, enum logdir_checkpoint kind)
{
	struct manager_saving *s = &m->saving[kind];
	uint64_t mine = s->begun + 1;
	while (s->ended < mine && m->c.logdirs) {
		if (s->begun > s->ended) {
			fiber_wait(m->c.control, &s->round);
			continue;
		}
		s->begun++;
		write_checkpoint(m, kind);
		s->ended = s->begun;
		fiber_event_set(&s->round);
		fiber_event_init(&s->round);
	}
}

void manager_save_start_offsets(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	save(m, LOGDIR_START_OFFSETS);
}

void manager_save_cleaned(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	save(m, LOGDIR_CLEANED);
}

void manager_save_checkpoints(struct manager *m)
{
	for (int kind = 0; kind < LOGDIR_CHECKPOINTS; kind++)
		save(m, kind);
}

/* ---- what each core does with each of its partitions ---- */

struct sweep {
	struct manager *m;
	void (*each)(void *arg, struct partition *p);
	void *arg;
};

static void sweep_on_core(struct reactor *there, struct call *c)
{
	struct sweep *s = c->arg;
	replicas_each(s->m->c.replicas[reactor_core(there)], s->each, s->arg);
	call_done(there, c);
}

void manager_sweep(struct manager *m, void (*each)(void *arg, struct partition *p), void *arg)
{
	struct sweep s = { m, each, arg };
	call_run_all(m->c.control, m->c.reactors, m->c.n_cores, sweep_on_core, &s, 0);
}

/* Of compacted logs the cleaner sees to it, as in Kafka: also that nobody does when it is switched off. */
static void retain(void *arg, struct partition *p)
{
	must(arg != NULL);
	if (!log_failed(p->log) && !p->settings->config->compact)
		log_retain(p->log);
}

static void flush(void *arg, struct partition *p)
{
	must(arg != NULL);
	if (!log_failed(p->log))
		log_flush_if_due(p->log);
}

static void expire(void *arg, struct partition *p)
{
	const int64_t *after_ms = arg;
	if (!log_failed(p->log))
		log_expire_producers(p->log, *after_ms);
}

/* ---- clocks ---- */

static void recovery_points(struct manager *m)
{
	save(m, LOGDIR_RECOVERY_POINTS);
}

static void start_offsets(struct manager *m)
{
	save(m, LOGDIR_START_OFFSETS);
}

static void high_watermarks(struct manager *m)
{
	save(m, LOGDIR_HIGH_WATERMARKS);
}

static void retention(struct manager *m)
{
	manager_sweep(m, retain, m);
}

static void flushes(struct manager *m)
{
	manager_sweep(m, flush, m);
}

static void expiry(struct manager *m)
{
	int64_t after_ms = m->config->producer_id_expiration_ms;
	manager_sweep(m, expire, &after_ms);
}

struct clock {
	struct manager *m;
	int64_t first_ms, every_ms;
	void (*tick)(struct manager *m);
};

static void clock_run(void *arg)
{
	struct clock *clock = arg;
	struct manager *m = clock->m;
	int64_t wait_ms = clock->first_ms;
	while (!fiber_wait_ms(m->c.control, &m->close_begun, wait_ms)) {
		clock->tick(m);
		wait_ms = clock->every_ms;
	}
	free(clock);
	if (--m->clocks == 0)
		fiber_event_set(&m->clocks_stopped);
}

static void start_clock(struct manager *m, int64_t first_ms, int64_t every_ms,
			void (*tick)(struct manager *m))
{
	const int64_t forever_ms = 1000000000000;
	if (every_ms >= forever_ms)
		return; /* 2^63 - 1: never */
	struct clock *clock = mem_zalloc(sizeof *clock);
	*clock = (struct clock){ m, first_ms, max_of(every_ms, 1), tick };
	m->clocks++;
	must(fiber_start(m->c.control, "upkeep", clock_run, clock) != NULL);
}

void manager_start(struct manager *m)
{
	const struct config *c = m->config;
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	int64_t first_ms = c->log_initial_task_delay_ms;
	start_clock(m, first_ms, c->log_retention_check_interval_ms, retention);
	start_clock(m, first_ms, c->log_flush_offset_checkpoint_interval_ms, recovery_points);
	start_clock(m, first_ms, c->log_flush_start_offset_checkpoint_interval_ms, start_offsets);
	start_clock(m, c->replica_high_watermark_checkpoint_interval_ms,
		    c->replica_high_watermark_checkpoint_interval_ms, high_watermarks);
	start_clock(m, first_ms, c->log_flush_scheduler_interval_ms, flushes);
	start_clock(m, c->producer_id_expiration_check_interval_ms,
		    c->producer_id_expiration_check_interval_ms, expiry);
	manager_start_cleaner(m);
	log_info(MANAGER_LOG_LOGGER, "Starting log cleanup with a period of %lld ms.",
		 (long long)c->log_retention_check_interval_ms);
}

/* ---- closing ---- */

/* One core's partitions, detached from it. */
struct closed_log {
	struct list link;
	struct log_wait wait;
	struct closing *closing;
	struct partition *partition;
	struct log *log;
	struct topic_settings *settings; /* the log's, for as long as it lives */
	struct slice topic;
	int32_t index;
	int64_t start_offset, first_base, high_watermark, cleaned;
	char path[LOG_DIR_NAME_MAX + 4096];
};

struct closing {
	struct manager *m;
	struct call *call;
	struct list logs;
	int waiting;
};

static void closed_detached(struct log_wait *wait)
{
	struct closed_log *l = container_of(wait, struct closed_log, wait);
	struct closing *closing = l->closing;
	struct partition *p = l->partition;
	l->high_watermark = p->high_watermark;
	l->start_offset = log_start_offset(p->log);
	l->first_base = log_first_base(p->log);
	l->cleaned = log_cleaned_offset(p->log);
	l->settings = topic_settings_get(p->settings);
	l->log = replicas_remove(p);
	if (--closing->waiting == 0)
		call_done(closing->call->to, closing->call);
}

static void detach_one(void *arg, struct partition *p)
{
	struct closing *closing = arg;
	struct closed_log *l = mem_zalloc(sizeof *l);
	l->closing = closing;
	l->partition = p;
	l->topic = slice_of(mem_dup(p->topic, p->topic_bytes), p->topic_bytes);
	l->index = p->index;
	l->wait.done = closed_detached;
	snprintf(l->path, sizeof l->path, "%s", log_dir(p->log));
	list_push_back(&closing->logs, &l->link);
	closing->waiting++;
	partition_drop_role(p);
	log_detach(p->log, &l->wait);
}

static void close_on_core(struct reactor *there, struct call *c)
{
	struct closing *closing = c->arg;
	closing->call = c;
	closing->waiting = 1;
	replicas_each(closing->m->c.replicas[reactor_core(there)], detach_one, closing);
	if (--closing->waiting == 0)
		call_done(there, c);
}

/* Closes the logs of one core, one after the other; cores are done at the same time by different helpers. */
struct close_work {
	struct manager *m;
	struct closing *cores;
	bool *clean;                              /* beside the directories */
	struct checkpoint *files[LOGDIR_CHECKPOINTS];
};

static void close_one(struct close_work *w, struct closed_log *l)
{
	int64_t recovery_point;
	int dir = logdirs_of(w->m->c.logdirs, l->path);
	int error = log_close(l->log, &recovery_point);
	if (error) {
		log_error(MANAGER_LOG_LOGGER, "%s could not be closed in order: %s.", l->path,
			  strerror(-error));
		w->clean[dir] = false;
	} else {
		checkpoint_add_offset(&w->files[LOGDIR_RECOVERY_POINTS][dir], l->topic, l->index,
				      recovery_point);
		if (l->start_offset > l->first_base)
			checkpoint_add_offset(&w->files[LOGDIR_START_OFFSETS][dir], l->topic, l->index,
					      l->start_offset);
		checkpoint_add_offset(&w->files[LOGDIR_HIGH_WATERMARKS][dir], l->topic, l->index,
				      l->high_watermark);
	}
	if (l->cleaned >= 0)
		checkpoint_add_offset(&w->files[LOGDIR_CLEANED][dir], l->topic, l->index, l->cleaned);
	topic_settings_put(l->settings);
	free((void *)l->topic.p);
	free(l);
}

static void close_copies(struct close_work *w)
{
	list_for_each_safe(it, &w->m->moves) {
		struct move *v = list_entry(it, struct move, link);
		int64_t recovery_point;
		if (log_close(v->copy, &recovery_point) == 0)
			checkpoint_add_offset(&w->files[LOGDIR_RECOVERY_POINTS][v->dir], v->topic,
					      v->partition, recovery_point);
		else
			w->clean[v->dir] = false;
	}
}

static void close_all_work(void *arg)
{
	struct close_work *w = arg;
	struct logdirs *dirs = w->m->c.logdirs;
	struct list *it;
	for (int core = 0; core < w->m->c.n_cores; core++)
		while ((it = list_pop_front(&w->cores[core].logs)))
			close_one(w, list_entry(it, struct closed_log, link));
	close_copies(w);
	for (int kind = 0; kind < LOGDIR_CHECKPOINTS; kind++)
		for (int i = 0; i < dirs->n; i++) {
			int error = dirs->dirs[i].offline ? 0
				: logdirs_checkpoint(dirs, i, kind, &w->files[kind][i]);
			if (error)
				w->clean[i] = false;
			free(w->files[kind][i].text);
		}
	logdirs_close(dirs, w->clean);
}

void manager_refuse(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	m->refuses = true;
}

void manager_close(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	int n_dirs = m->c.logdirs->n;
	m->closing = true;
	fiber_event_set(&m->close_begun);
	manager_stop_cleaner(m);
	if (m->clocks > 0)
		fiber_wait(m->c.control, &m->clocks_stopped);
	if (m->removing)
		fiber_wait(m->c.control, &m->removals_ended);
	manager_stop_moves(m);
	if (m->applying > 0) /* it makes logs, and what it makes must be closed too */
		fiber_wait(m->c.control, &m->applied);
	struct close_work w = { .m = m, .cores = mem_zalloc((size_t)m->c.n_cores * sizeof *w.cores),
				.clean = mem_zalloc((size_t)n_dirs) };
	for (int core = 0; core < m->c.n_cores; core++) {
		w.cores[core].m = m;
		list_init(&w.cores[core].logs);
	}
	for (int i = 0; i < n_dirs; i++)
		w.clean[i] = !m->c.logdirs->dirs[i].offline;
	for (int kind = 0; kind < LOGDIR_CHECKPOINTS; kind++) {
		w.files[kind] = mem_zalloc((size_t)n_dirs * sizeof *w.files[kind]);
		for (int i = 0; i < n_dirs; i++)
			checkpoint_begin(&w.files[kind][i]);
	}
	call_run_all(m->c.control, m->c.reactors, m->c.n_cores, close_on_core, w.cores, sizeof *w.cores);
	fiber_offload(m->c.control, close_all_work, &w, "closing logs");
	m->c.logdirs = NULL;
	manager_forget_moves(m);
	for (int kind = 0; kind < LOGDIR_CHECKPOINTS; kind++)
		free(w.files[kind]);
	free(w.cores);
	free(w.clean);
	log_info(MANAGER_LOG_LOGGER, "Shutdown complete.");
}
