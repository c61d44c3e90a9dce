/* manager.c - the replica manager: loading what is on disk, directories that fail. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/storage/clean.h"
#include "zkutil/znode.h"

#include <errno.h>
#include <string.h>

enum { NOTIFY_ARENA_BYTES = 64 << 10 };

/* ---- failed directories ---- */

/* On its way through the cores, and then to ZooKeeper. */
struct failed_dir {
	struct manager *m;
	int dir, error;
};

static void fail_one(void *arg, struct partition *p)
{
	const struct failed_dir *f = arg;
	if (logdirs_of(f->m->c.logdirs, log_dir(p->log)) == f->dir)
		partition_fail(p, f->error);
}

static void fail_on_core(struct reactor *there, struct call *c)
{
	struct failed_dir *f = c->arg;
	replicas_each(f->m->c.replicas[reactor_core(there)], fail_one, f);
	call_done(there, c);
}

/* The controller asks about all replicas when it sees this. */
static void notify(struct manager *m)
{
	struct zk_req req;
	struct arena arena;
	arena_init(&arena, NOTIFY_ARENA_BYTES);
	zk_req_write(&req, zk_op_create(znode_path(ZNODE_LOG_DIR_EVENT),
					znode_log_dir_event_encode(&arena, m->c.broker_id),
					ZK_PERSISTENT_SEQUENTIAL));
	enum zk_err err = zkc_call(m->c.zkc, &req);
	if (err != ZK_OK)
		log_error(MANAGER_LOGGER, "The controller could not be told of the failed log directory: %s.",
			  zk_err_text(err));
	zk_req_fini(&req);
	arena_free(&arena);
}

static void fail_fiber(void *arg)
{
	struct failed_dir *f = arg;
	struct manager *m = f->m;
	if (!m->closing) {
		log_warn(MANAGER_LOGGER, "Stopping serving replicas in dir %s",
			 m->c.logdirs->dirs[f->dir].path);
		call_run_all(m->c.control, m->c.reactors, m->c.n_cores, fail_on_core, f, 0);
		manager_cancel_moves_to(m, f->dir);
		notify(m);
	}
	free(f);
}

void manager_fail_dir(struct manager *m, int dir, const char *what, int error)
{
	struct logdirs *dirs = m->c.logdirs;
	int good = 0;
	if (!dirs || dirs->dirs[dir].offline)
		return;
	log_error(MANAGER_LOG_LOGGER, "Log directory %s is offline: %s: %s.", dirs->dirs[dir].path, what,
		  strerror(-error));
	dirs->dirs[dir].offline = true;
	for (int i = 0; i < dirs->n; i++)
		good += !dirs->dirs[i].offline;
	if (good == 0) {
		log_fatal(MANAGER_LOG_LOGGER, "Shutdown broker because all log dirs have failed");
		m->c.all_failed(m->c.arg);
		return;
	}
	struct failed_dir *f = mem_zalloc(sizeof *f);
	*f = (struct failed_dir){ m, dir, error };
	must(fiber_start(m->c.control, "failed dir", fail_fiber, f) != NULL);
}

struct failure {
	struct msg msg;
	struct manager *m;
	char *path;
	int error;
};

static void failure_on_control(struct reactor *here, struct msg *msg)
{
	struct failure *f = container_of(msg, struct failure, msg);
	struct manager *m = f->m;
	must(here == m->c.control);
	if (m->c.logdirs)
		manager_fail_dir(m, logdirs_of(m->c.logdirs, f->path), f->path, f->error);
	free(f->path);
	free(f);
}

/* On the home core. */
static void log_has_failed(struct log_owner *owner, struct log *log, int error)
{
	struct manager *m = container_of(owner, struct manager, log_owner);
	struct failure *f = mem_zalloc(sizeof *f);
	*f = (struct failure){ .msg.run = failure_on_control, .m = m, .path = mem_strdup(log_dir(log)),
			       .error = error };
	reactor_post(log_home(log), m->c.control, &f->msg);
}

/* ---- life ---- */

struct manager *manager_new(const struct manager_config *config)
{
	struct manager *m;
	ALLOC_OBJ(m, MANAGER_MAGIC);
	m->c = *config;
	m->log_owner.failed = log_has_failed;
	m->broker_epoch = -1;
	m->config = config_get(config->config);
	sys_random(&m->seed, sizeof m->seed);
	for (int i = 0; i < LOGDIR_CHECKPOINTS; i++)
		fiber_event_init(&m->saving[i].round);
	list_init(&m->removals);
	list_init(&m->makings);
	list_init(&m->moves);
	list_init(&m->preferences);
	fiber_event_init(&m->altered);
	fiber_event_init(&m->move_ended);
	fiber_event_init(&m->move_cancelled);
	fiber_event_init(&m->movers_ended);
	fiber_event_init(&m->removals_ended);
	fiber_event_init(&m->applied);
	fiber_event_init(&m->clocks_stopped);
	fiber_event_init(&m->close_begun);
	return m;
}

void manager_free(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	must(!m->removing && list_empty(&m->moves));
	while (!list_empty(&m->preferences)) {
		const struct preference *p = list_entry(m->preferences.next, struct preference, link);
		manager_take_preference(m, p->topic, p->partition);
	}
	manager_settings_free(m);
	manager_free_cleaner(m);
	config_put(m->config);
	FREE_OBJ(m);
}

struct log_owner *manager_log_owner(struct manager *m)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	return &m->log_owner;
}

int manager_load_percent(const struct manager *m)
{
	return atomic_load_explicit(&m->load_percent, memory_order_relaxed);
}

void manager_set_broker_epoch(struct manager *m, int64_t epoch)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	m->broker_epoch = epoch;
}

/* ---- adopting ---- */

static void adopt_on_core(struct reactor *there, struct call *c)
{
	struct manager_adopt *a = c->arg;
	struct replicas *replicas = a->m->c.replicas[reactor_core(there)];
	log_attach(a->log, there, &a->m->log_owner);
	replicas_add(replicas, a->topic, a->partition, a->log, topic_settings_get(a->settings),
		     a->high_watermark);
	call_done(there, c);
}

void manager_adopt(struct manager *m, struct manager_adopt *a)
{
	struct call call;
	a->m = m;
	call_run(m->c.control, m->c.reactors[manager_home(m, a->topic, a->partition)], &call, adopt_on_core,
		 a);
}

/* ---- loading ---- */

/* One partition on its way: opened on a helper, then adopted in a fiber. */
struct loading {
	struct job job;
	struct list link;         /* load.twins */
	struct load *load;
	struct logdir_found *found;
	struct topic_settings *settings;
	struct log_open open;
	int error;
	bool marked;              /* as a copy, see storage/move.c */
	int64_t begun_ns;
};

struct load {
	struct manager *m;
	struct list found;
	struct list twins;        /* opened, but not adopted */
	int all, done, in_flight, in_flight_max;
	struct fiber_event room; /* set, and begun anew, when a job ends */
	char why[LOGDIRS_WHY_BYTES];
	int error;
};

static void say_progress(void *arg, const char *dir, uint64_t bytes_done, uint64_t bytes_all)
{
	must(arg == NULL);
	log_info(MANAGER_LOG_LOGGER, "Recovering %s: %llu of %llu MiB scanned", dir,
		 (unsigned long long)(bytes_done >> 20), (unsigned long long)(bytes_all >> 20));
}

static void open_work(struct job *job)
{
	struct loading *l = container_of(job, struct loading, job);
	if (l->found->deleted)
		l->error = log_remove_dir(l->found->path);
	else
		l->error = log_open(&l->open);
	if (!l->error && l->found->twin)
		l->marked = log_is_marked_moved(l->found->path);
	else if (!l->error && !l->found->future)
		log_unmark_moved(l->found->path);
}

static void say_loaded(const struct loading *l)
{
	const struct load *load = l->load;
	const struct log_repair *repair = &l->open.repair;
	const struct log *log = l->open.log;
	log_info(MANAGER_LOG_LOGGER, "Completed load of Log(dir=%s, topic=%s, partition=%d, "
		 "highWatermark=%lld, lastStableOffset=%lld, logStartOffset=%lld, logEndOffset=%lld) with %u "
		 "segments in %lldms (%d/%d completed)", l->found->path, l->found->topic, l->found->partition,
		 (long long)l->found->high_watermark, (long long)l->found->high_watermark,
		 (long long)log_start_offset(log), (long long)log_end_offset(log), log_segments(log),
		 (long long)((sys_mono_ns() - l->begun_ns) / 1000000), load->done, load->all);
	if (repair->bytes_cut > 0)
		log_warn(MANAGER_LOG_LOGGER, "%s: a torn tail of %llu bytes was cut off.", l->found->path,
			 (unsigned long long)repair->bytes_cut);
	if (repair->damaged)
		log_error(MANAGER_LOG_LOGGER, "%s: damage inside the log. Offsets %lld to %lld are not "
			  "served; their bytes are kept beside the log as *.corrupt.", l->found->path,
			  (long long)repair->damaged_from, (long long)repair->damaged_to);
}

static void loading_free(struct loading *l)
{
	logdir_found_free(l->found);
	free(l);
}

static void adopt(struct loading *l)
{
	struct manager *m = l->load->m;
	say_loaded(l);
	if (l->found->future) {
		manager_found_copy(m, l->found, l->open.log, l->settings);
		return;
	}
	log_set_cleaned_offset(l->open.log, l->found->cleaned);
	struct manager_adopt a = { .topic = slice_str(l->found->topic),
				   .partition = l->found->partition, .log = l->open.log,
				   .settings = l->settings,
				   .high_watermark = l->found->high_watermark };
	manager_adopt(m, &a);
}

static void adopt_fiber(void *arg)
{
	struct loading *l = arg;
	struct load *load = l->load;
	struct manager *m = load->m;
	load->done++;
	atomic_store_explicit(&m->load_percent, load->done * 100 / load->all, memory_order_relaxed);
	if (!l->error && l->found->twin) {
		list_push_back(&load->twins, &l->link);
	} else {
		if (l->error)
			manager_fail_dir(m, l->found->dir, l->found->path, l->error);
		else if (!l->found->deleted)
			adopt(l);
		loading_free(l);
	}
	load->in_flight--;
	fiber_event_set(&load->room);
	fiber_event_init(&load->room);
}

static void open_done(struct reactor *here, struct job *job)
{
	must(fiber_start(here, "load", adopt_fiber, container_of(job, struct loading, job)) != NULL);
}

static void load_one(struct load *load, struct logdir_found *f)
{
	struct manager *m = load->m;
	struct loading *l = mem_zalloc(sizeof *l);
	l->load = load;
	l->found = f;
	l->begun_ns = sys_mono_ns();
	l->job.work = open_work;
	l->job.done = open_done;
	if (!f->deleted) {
		l->settings = manager_settings(m, slice_str(f->topic));
		l->open = (struct log_open){
			.dir = f->path,
			.config = l->settings->config,
			.stop = m->c.logdirs->dirs[f->dir].stop,
			.recovery_point = f->recovery_point,
			.start_offset = f->start_offset,
			.now_ms = sys_wall_ms(),
			.producer_expiration_ms = m->config->producer_id_expiration_ms,
			.progress = say_progress,
		};
	}
	while (load->in_flight >= load->in_flight_max)
		fiber_wait(m->c.control, &load->room);
	load->in_flight++;
	reactor_offload(m->c.control, &l->job, "log recovery");
}

static void scan_work(void *arg)
{
	struct load *load = arg;
	load->error = logdirs_scan(load->m->c.logdirs, &load->found, load->why);
}

static void say_stops(const struct logdirs *dirs)
{
	for (int i = 0; i < dirs->n; i++) {
		if (dirs->dirs[i].offline)
			continue;
		if (dirs->dirs[i].stop == LOG_STOP_CLEAN)
			log_info(MANAGER_LOG_LOGGER, "Skipping recovery of %d logs from %s since clean "
				 "shutdown file was found", dirs->dirs[i].n_logs, dirs->dirs[i].path);
		else
			log_info(MANAGER_LOG_LOGGER, "Recovering %d logs from %s since no clean shutdown "
				 "file was found", dirs->dirs[i].n_logs, dirs->dirs[i].path);
	}
}

/* ---- a replica and the copy that has just replaced it ---- */

static void unmark_work(void *arg)
{
	log_unmark_moved(arg);
}

/* Both hold the same; what was appended after the replacement is in one of them only. */
static void choose(struct loading *a, struct loading *b)
{
	struct manager *m = a->load->m;
	int64_t end = log_end_offset(a->open.log), other = log_end_offset(b->open.log);
	bool first = end > other || (end == other && a->marked);
	struct loading *kept = first ? a : b, *gone = first ? b : a;
	log_info(MANAGER_LOG_LOGGER, "%s was being replaced by a copy when the broker stopped: %s is kept.",
		 gone->found->path, kept->found->path);
	log_follow_start(kept->open.log, log_start_offset(gone->open.log));
	kept->found->high_watermark = max_of(kept->found->high_watermark, gone->found->high_watermark);
	manager_discard(m, slice_str(gone->found->topic), gone->found->partition, gone->open.log);
	fiber_offload(m->c.control, unmark_work, kept->found->path, "move");
	adopt(kept);
	loading_free(gone);
	loading_free(kept);
}

static void settle_twins(struct load *load)
{
	struct list *it;
	while ((it = list_pop_front(&load->twins))) {
		struct loading *l = list_entry(it, struct loading, link), *other = NULL;
		list_for_each(at, &load->twins)
			if (list_entry(at, struct loading, link)->found == l->found->twin)
				other = list_entry(at, struct loading, link);
		if (other) {
			list_remove(&other->link);
			choose(l, other);
		} else { /* the other one's directory has failed */
			adopt(l);
			loading_free(l);
		}
	}
}

static void load_all(struct load *load)
{
	struct manager *m = load->m;
	list_for_each(it, &load->found)
		load->all++;
	load->in_flight_max = max_of(1, m->config->num_recovery_threads_per_data_dir * m->c.logdirs->n);
	struct list *it;
	while ((it = list_pop_front(&load->found))) {
		struct logdir_found *f = list_entry(it, struct logdir_found, link);
		if (m->c.logdirs->dirs[f->dir].offline)
			logdir_found_free(f);
		else
			load_one(load, f);
	}
	while (load->in_flight > 0)
		fiber_wait(m->c.control, &load->room);
	settle_twins(load);
	/* Those that were opened before their directory failed. */
	for (int i = 0; i < m->c.logdirs->n; i++) {
		struct failed_dir f = { m, i, -EIO };
		if (m->c.logdirs->dirs[i].offline)
			call_run_all(m->c.control, m->c.reactors, m->c.n_cores, fail_on_core, &f, 0);
	}
}

bool manager_load(struct manager *m)
{
	struct load load = { .m = m };
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	int64_t begun_ns = sys_mono_ns();
	list_init(&load.found);
	list_init(&load.twins);
	fiber_event_init(&load.room);
	log_info(MANAGER_LOG_LOGGER, "Loading logs from %d log directories, first %s", m->c.logdirs->n,
		 m->c.logdirs->dirs[0].path);
	fiber_offload(m->c.control, scan_work, &load, "log directories");
	if (load.error) {
		log_fatal(MANAGER_LOG_LOGGER, "%s", load.why);
		struct list *it;
		while ((it = list_pop_front(&load.found)))
			logdir_found_free(list_entry(it, struct logdir_found, link));
		return false;
	}
	say_stops(m->c.logdirs);
	load_all(&load);
	atomic_store_explicit(&m->load_percent, 100, memory_order_relaxed);
	log_info(MANAGER_LOG_LOGGER, "Loaded %d logs in %lldms", load.all,
		 (long long)((sys_mono_ns() - begun_ns) / 1000000));
	for (int i = 0; i < m->c.logdirs->n; i++)
		if (!m->c.logdirs->dirs[i].offline)
			return true;
	log_fatal(MANAGER_LOG_LOGGER, "Shutdown broker because all log dirs have failed");
	return false;
}
