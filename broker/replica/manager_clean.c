/* manager_clean.c - who is cleaned next (kafka.log.LogCleaner and LogCleanerManager of 3.9).
 *
 * One fiber looks over all compacted logs and begins a cleaning of the dirtiest that is due, as long as
 * there are fewer than log.cleaner.threads; each cleaning has a fiber that waits for its end. The work
 * itself is the logs' (storage/clean.h): their home cores give it to helpers. Settings are those in force
 * at each look.
 */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/storage/clean.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOGGER "kafka.log.LogCleaner"

enum { CLEANER_PAUSE_MS_MIN = 10, TOPIC_NAME_MAX = 249 };

struct cleaner {
	unsigned magic;
#define CLEANER_MAGIC 0xc1ea4e47u
	struct manager *m;
	struct clean_rate rate;
	atomic_bool stop;
	bool rests;                /* one has failed: nothing begins before the next pause is over */
	int active;                /* cleanings */
	struct fiber_event wake;   /* a cleaning has ended, or the broker ends */
	struct fiber_event ended;  /* the last one has, and the broker ends */
	struct manager_cleaner_figures figures;
};

/* ---- which log ---- */

/* What one core has found. */
struct found {
	struct cleaner *c;
	int64_t overdue_ms;
	int cleanable, delayed;
	double dirtiest;      /* of all, due or not */
	double ratio;         /* of the one that is named */
	int32_t index;
	char topic[TOPIC_NAME_MAX + 1]; /* "": none is due */
	struct manager_uncleanable *uncleanable; /* beside the directories */
};

static void look_at(void *arg, struct partition *p)
{
	struct found *f = arg;
	struct log_dirt dirt;
	if (log_is_uncleanable(p->log)) {
		int dir = logdirs_of(f->c->m->c.logdirs, log_dir(p->log));
		f->uncleanable[dir].partitions++;
		f->uncleanable[dir].bytes += log_uncleanable_bytes(p->log);
	}
	if (!log_measure_dirt(p->log, &dirt))
		return;
	double ratio = log_dirt_ratio(&dirt);
	f->dirtiest = max_of(f->dirtiest, ratio);
	f->overdue_ms = max_of(f->overdue_ms, dirt.overdue_ms);
	f->delayed += dirt.overdue_ms > 0;
	if (!log_dirt_is_due(p->log, &dirt))
		return;
	f->cleanable++;
	if (*f->topic && ratio <= f->ratio)
		return;
	f->ratio = ratio;
	f->index = p->index;
	snprintf(f->topic, sizeof f->topic, "%s", p->topic);
}

static void look_on_core(struct reactor *there, struct call *c)
{
	struct found *f = c->arg;
	replicas_each(f->c->m->c.replicas[reactor_core(there)], look_at, f);
	call_done(there, c);
}

/* The figures of all cores, and the dirtiest of what they name. */
static bool take_dirtiest(struct cleaner *c, const struct found *cores, struct found *out)
{
	const struct manager *m = c->m;
	struct manager_cleaner_figures *f = &c->figures;
	*out = (struct found){ .c = c };
	for (int i = 0; i < m->c.n_cores; i++) {
		out->dirtiest = max_of(out->dirtiest, cores[i].dirtiest);
		out->overdue_ms = max_of(out->overdue_ms, cores[i].overdue_ms);
		out->cleanable += cores[i].cleanable;
		out->delayed += cores[i].delayed;
		if (*cores[i].topic && (!*out->topic || cores[i].ratio > out->ratio)) {
			out->ratio = cores[i].ratio;
			out->index = cores[i].index;
			memcpy(out->topic, cores[i].topic, sizeof out->topic);
		}
	}
	for (int dir = 0; dir < m->c.logdirs->n; dir++) {
		f->uncleanable[dir] = (struct manager_uncleanable){ 0 };
		for (int i = 0; i < m->c.n_cores; i++) {
			f->uncleanable[dir].partitions += cores[i].uncleanable[dir].partitions;
			f->uncleanable[dir].bytes += cores[i].uncleanable[dir].bytes;
		}
	}
	f->dirtiest = out->dirtiest;
	f->delay_ms = out->overdue_ms;
	f->looked_ms = reactor_wall_ms(m->c.control);
	return *out->topic != 0;
}

static bool find(struct cleaner *c, struct found *out)
{
	const struct manager *m = c->m;
	int n_cores = m->c.n_cores, n_dirs = m->c.logdirs->n;
	struct found *cores = mem_zalloc((size_t)n_cores * sizeof *cores);
	for (int i = 0; i < n_cores; i++)
		cores[i] = (struct found){ .c = c,
					   .uncleanable = mem_zalloc((size_t)n_dirs *
						sizeof(struct manager_uncleanable)) };
	call_run_all(m->c.control, m->c.reactors, n_cores, look_on_core, cores, sizeof *cores);
	bool any = take_dirtiest(c, cores, out);
	for (int i = 0; i < n_cores; i++)
		free(cores[i].uncleanable);
	free(cores);
	return any;
}

/* ---- one cleaning ---- */

struct work {
	struct cleaner *c;
	int id;
	struct found what;
	struct call *call;
	struct log_clean op;
	bool begun;
	char name[TOPIC_NAME_MAX + 16];
	char dir[LOG_DIR_NAME_MAX + 4096];
};

static void clean_done(struct log_clean *op)
{
	struct work *w = container_of(op, struct work, op);
	call_done(w->call->to, w->call);
}

static void clean_on_core(struct reactor *there, struct call *call)
{
	struct work *w = call->arg;
	struct partition *p = replicas_find(w->c->m->c.replicas[reactor_core(there)],
					    slice_str(w->what.topic), w->what.index);
	w->call = call;
	w->op.now_ms = reactor_wall_ms(there);
	w->op.done = clean_done;
	if (p)
		snprintf(w->dir, sizeof w->dir, "%s", log_dir(p->log));
	w->begun = p && log_clean(p->log, &w->op);
	if (!w->begun)
		call_done(there, call);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static double seconds(int64_t ns)
{
	return (double)max_of(ns, INT64_C(1)) / 1e9;
}

static double less(uint64_t after, uint64_t before)
{
	return before ? 100 * (1 - (double)after / (double)before) : 0;
}

/* In Kafka's words, which are looked for in logs; but in lines of their own. */
static void say_cleaned(const struct work *w)
{
	const struct clean_stats *s = &w->op.stats;
	double all_s = seconds(s->took_ns), map_s = seconds(s->map_ns), rest_s = max_of(all_s - map_s, 1e-9);
	double read = mib(s->bytes_read), mapped = mib(s->map_bytes_read);
	log_info(LOGGER, "[kafka-log-cleaner-thread-%d]: Log cleaner thread %d cleaned log %s (dirty "
		 "section = [%lld, %lld]), %.1f MB of log processed in %.1f seconds (%.1f MB/sec).", w->id,
		 w->id, w->name, (long long)w->op.from, (long long)w->op.to, read, all_s, read / all_s);
	log_info(LOGGER, "Indexed %.1f MB in %.1f seconds (%.1f Mb/sec, %.1f%% of total time). Buffer "
		 "utilization: %.1f%%", mapped, map_s, mapped / map_s, 100 * map_s / all_s,
		 100 * s->map_fill);
	log_info(LOGGER, "Cleaned %.1f MB in %.1f seconds (%.1f Mb/sec, %.1f%% of total time)", read, rest_s,
		 read / rest_s, 100 * rest_s / all_s);
	log_info(LOGGER, "Start size: %.1f MB (%llu messages). End size: %.1f MB (%llu messages). %.1f%% "
		 "size reduction (%.1f%% fewer messages)", read, (unsigned long long)s->messages_read,
		 mib(s->bytes_written), (unsigned long long)s->messages_written,
		 less(s->bytes_written, s->bytes_read), less(s->messages_written, s->messages_read));
	if (w->what.delayed > 0)
		log_info(LOGGER, "Cleanable partitions: %d, Delayed partitions: %d, max delay: %lld",
			 w->what.cleanable, w->what.delayed, (long long)w->what.overdue_ms);
	if (s->invalid_messages > 0)
		log_warn(LOGGER, "Found %llu invalid messages during compaction.",
			 (unsigned long long)s->invalid_messages);
}

static void say_failed(const struct work *w)
{
	if (w->op.error == -ECANCELED)
		log_info(LOGGER, "The cleaning of %s was given up.", w->name);
	else if (w->op.uncleanable)
		log_warn(LOGGER, "Unexpected exception thrown when cleaning log %s in %s: %s. Marking its "
			 "partition (%s) as uncleanable", w->name, w->dir, w->op.why, w->name);
	else
		log_warn(LOGGER, "Failed to clean up log for %s in dir %s: %s. It is tried again later.",
			 w->name, w->dir, w->op.why);
}

static void count(struct cleaner *c, const struct work *w)
{
	struct manager_cleaner_figures *f = &c->figures;
	f->last_bytes_read = w->op.stats.bytes_read;
	f->last_bytes_written = w->op.stats.bytes_written;
	f->last_ns = w->op.stats.took_ns;
	f->last_fill = w->op.stats.map_fill;
}

static void clean_one(void *arg)
{
	struct work *w = arg;
	struct cleaner *c = w->c;
	struct manager *m = c->m;
	struct call call;
	int home = manager_home(m, slice_str(w->what.topic), w->what.index);
	call_run(m->c.control, m->c.reactors[home], &call, clean_on_core, w);
	c->figures.io_bytes += w->op.stats.map_bytes_read + w->op.stats.bytes_read +
		w->op.stats.bytes_written;
	if (w->begun && !w->op.error) {
		count(c, w);
		say_cleaned(w);
		manager_save_cleaned(m);
	} else if (w->begun) {
		say_failed(w);
	}
	c->rests |= !w->begun || w->op.error;
	if (!c->rests)
		fiber_event_set(&c->wake);
	if (--c->active == 0 && m->closing)
		fiber_event_set(&c->ended);
	free(w);
}

static void begin(struct cleaner *c, const struct found *what)
{
	const struct config *config = c->m->config;
	int threads = max_of(config->log_cleaner_threads, 1);
	struct work *w = mem_zalloc(sizeof *w);
	w->c = c;
	w->id = c->active++;
	w->what = *what;
	w->op = (struct log_clean){
		.map_bytes = (size_t)max_of(config->log_cleaner_dedupe_buffer_size, INT64_C(0)) /
			(size_t)threads,
		.map_load = config->log_cleaner_io_buffer_load_factor,
		.io_bytes = (size_t)config->log_cleaner_io_buffer_size / (size_t)threads / 2,
		.rate = &c->rate,
		.stop = &c->stop,
	};
	snprintf(w->name, sizeof w->name, "%s-%d", what->topic, what->index);
	if (fiber_start(c->m->c.control, "cleaning", clean_one, w))
		return;
	c->active--;
	c->rests = true;
	free(w);
}

/* ---- the look-out ---- */

static void retain_compacted(void *arg, struct partition *p)
{
	must(arg != NULL);
	if (p->settings->config->compact && !log_failed(p->log) && !log_is_uncleanable(p->log))
		log_retain(p->log);
}

static void set_rate(struct cleaner *c)
{
	double most = c->m->config->log_cleaner_io_max_bytes_per_second;
	int64_t per_s = most >= (double)INT64_MAX ? 0 : max_of((int64_t)most, INT64_C(1));
	clean_rate_set(&c->rate, per_s, sys_mono_ns());
}

static bool may_begin(const struct cleaner *c)
{
	return !c->m->closing && !c->rests && c->active < c->m->config->log_cleaner_threads;
}

static void look_out(void *arg)
{
	struct cleaner *c = arg;
	struct manager *m = c->m;
	struct found what;
	while (!m->closing) {
		set_rate(c);
		c->rests = false;
		while (may_begin(c) && find(c, &what))
			begin(c, &what);
		manager_sweep(m, retain_compacted, m);
		if (fiber_wait_ms(m->c.control, &c->wake,
				  max_of(m->config->log_cleaner_backoff_ms, (int64_t)CLEANER_PAUSE_MS_MIN)))
			fiber_event_init(&c->wake);
	}
	if (c->active > 0)
		fiber_wait(m->c.control, &c->ended);
	log_info(LOGGER, "Shutting down the log cleaner.");
	if (--m->clocks == 0)
		fiber_event_set(&m->clocks_stopped);
}

void manager_start_cleaner(struct manager *m)
{
	struct cleaner *c;
	if (!m->config->log_cleaner_enable)
		return;
	ALLOC_OBJ(c, CLEANER_MAGIC);
	c->m = m;
	fiber_event_init(&c->wake);
	fiber_event_init(&c->ended);
	c->figures.n_dirs = m->c.logdirs->n;
	c->figures.uncleanable = mem_zalloc((size_t)m->c.logdirs->n * sizeof *c->figures.uncleanable);
	c->figures.looked_ms = reactor_wall_ms(m->c.control);
	m->cleaner = c;
	m->clocks++;
	log_info(LOGGER, "Starting the log cleaner");
	must(fiber_start(m->c.control, "cleaner", look_out, c) != NULL);
}

void manager_wake_cleaner(struct manager *m)
{
	if (m->cleaner)
		fiber_event_set(&m->cleaner->wake);
}

void manager_stop_cleaner(struct manager *m)
{
	if (!m->cleaner)
		return;
	CHECK_OBJ(m->cleaner, CLEANER_MAGIC);
	must(m->closing);
	atomic_store_explicit(&m->cleaner->stop, true, memory_order_relaxed);
	fiber_event_set(&m->cleaner->wake);
}

void manager_free_cleaner(struct manager *m)
{
	if (!m->cleaner)
		return;
	must(m->cleaner->active == 0);
	free(m->cleaner->figures.uncleanable);
	FREE_OBJ(m->cleaner);
}

bool manager_cleaner_figures(const struct manager *m, struct manager_cleaner_figures *out)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	if (!m->cleaner)
		return false;
	*out = m->cleaner->figures;
	return true;
}
