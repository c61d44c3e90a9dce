/* dirt.c - how dirty a log is, and whether it is time to clean it (see clean.h; LogCleanerManager of 3.9). */
#include "broker/storage/clean.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/storage/log_priv.h"
#include "broker/storage/scan.h"

#define LOGGER "kafka.log.LogCleaner"

/* ---- first timestamps of segments, which are not known of those that were there at the start ---- */

struct first_times {
	unsigned magic;
#define FIRST_TIMES_MAGIC 0x46545331U
	struct job job;
	struct log *log;
	uint32_t generation, n;
	struct {
		int64_t base, size, timestamp;
	} of[];
};

static int64_t first_timestamp(const char *dir, int64_t base, int64_t size)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned first;
	int64_t timestamp = 0;
	int fd = sys_open(path_of(dir, base, LOG_SUFFIX).s, SYS_READ);
	if (fd < 0)
		return 0;
	scan_headers(&scan, fd, true, 0, size, window);
	if (scan_next(&scan, &first) == 1)
		timestamp = max_of(batch_max_timestamp(&first.b), (int64_t)0);
	sys_close(fd);
	return timestamp;
}

static void times_work(struct job *job)
{
	struct first_times *t = container_of(job, struct first_times, job);
	for (uint32_t i = 0; i < t->n; i++)
		t->of[i].timestamp = first_timestamp(t->log->dir, t->of[i].base, t->of[i].size);
}

static void times_done(struct reactor *here, struct job *job)
{
	struct first_times *t = container_of(job, struct first_times, job);
	struct log *log = t->log;
	CHECK_OBJ(t, FIRST_TIMES_MAGIC);
	log_must_be_home(log);
	bool same = t->generation == log->generation && log->state == LOG_HOME;
	for (uint32_t i = 0; same && i < t->n; i++) {
		uint32_t at = log_segment_at(log, t->of[i].base);
		if (at < log->n_segments && log->segments[at]->base == t->of[i].base)
			log->segments[at]->first_timestamp = t->of[i].timestamp;
	}
	log->reads--;
	log->learns_times = false;
	FREE_OBJ(t);
	reactor_defer(here, &log->turn);
}

/* The next measure knows them. */
static void learn_times(struct log *log, uint32_t from, uint32_t n)
{
	if (log->learns_times)
		return;
	struct first_times *t = mem_zalloc(sizeof *t + n * sizeof t->of[0]);
	t->magic = FIRST_TIMES_MAGIC;
	t->log = log;
	t->generation = log->generation;
	for (uint32_t i = from; i < from + n; i++) {
		const struct segment *s = log->segments[i];
		if (s->first_timestamp >= 0 || s->size == 0)
			continue;
		t->of[t->n].base = s->base;
		t->of[t->n++].size = s->size;
	}
	t->job.work = times_work;
	t->job.done = times_done;
	log->learns_times = true;
	log->reads++;
	reactor_offload(log->home, &t->job, "first timestamps");
}

/* ---- from where to where ---- */

/* What the checkpoint says, unless the log is not there any more. */
static int64_t first_dirty(struct log *log)
{
	int64_t cleaned = log->cleaned >= 0 ? log->cleaned : log->start;
	if (cleaned >= log->start && cleaned <= log->end)
		return cleaned;
	if (cleaned > log->end)
		log_warn(LOGGER, "The last checkpoint dirty offset for partition %s is %lld, which is larger "
			"than the log end offset %lld. Resetting to the log start offset %lld.",
			log_name(log), (long long)cleaned, (long long)log->end, (long long)log->start);
	else if (!log->config->delete_old)
		log_warn(LOGGER, "Resetting first dirty offset of %s to log start offset %lld since the "
			"checkpointed offset %lld is invalid.", log_name(log), (long long)log->start,
			(long long)cleaned);
	log->cleaned = log->start;
	return log->start;
}

/* The first dirty segment that is not cleaned yet; n_segments - 1, the active one, when there is none. */
static uint32_t first_dirty_segment(const struct log *log, int64_t dirty)
{
	uint32_t active = log->n_segments - 1, i = log_segment_at(log, dirty);
	return i > active ? 0 : i;
}

/* Segments with records younger than min.compaction.lag.ms stay out. */
static int64_t too_young_from(const struct log *log, uint32_t i, int64_t now_ms)
{
	int64_t lag_ms = log->config->min_compaction_lag_ms;
	for (; lag_ms > 0 && i + 1 < log->n_segments; i++) {
		const struct segment *s = log->segments[i];
		if ((s->max_timestamp >= 0 ? s->max_timestamp : s->mtime_ms) > now_ms - lag_ms)
			return s->base;
	}
	return INT64_MAX;
}

/* The base of the segment that may not be cleaned whole: Kafka cleans no part of one. */
static int64_t uncleanable_base(const struct log *log, int64_t uncleanable)
{
	uint32_t i = log_segment_at(log, min_of(uncleanable, log_active(log)->base));
	return log->segments[i < log->n_segments ? i : 0]->base;
}

static int64_t overdue_ms(struct log *log, uint32_t first, int64_t now_ms)
{
	int64_t earliest = INT64_MAX, lag_ms = log->config->max_compaction_lag_ms;
	bool all_known = true;
	if (lag_ms >= now_ms)
		return 0;
	for (uint32_t i = first; i + 1 < log->n_segments; i++) {
		const struct segment *s = log->segments[i];
		all_known &= s->first_timestamp >= 0 || s->size == 0;
		if (s->first_timestamp > 0)
			earliest = min_of(earliest, s->first_timestamp);
	}
	if (!all_known)
		learn_times(log, first, log->n_segments - 1 - first);
	return max_of(now_ms - lag_ms - min_of(earliest, now_ms - lag_ms), (int64_t)0);
}

static uint64_t bytes_between(const struct log *log, uint32_t i, int64_t to)
{
	uint64_t bytes = 0;
	for (; i < log->n_segments && log->segments[i]->base < to; i++)
		bytes += (uint64_t)log->segments[i]->size;
	return bytes;
}

static void measure(struct log *log, struct log_dirt *out)
{
	int64_t now_ms = reactor_wall_ms(log->home), dirty = first_dirty(log);
	int64_t stable = min_of(log->first_unstable, log->high_watermark);
	uint32_t first = first_dirty_segment(log, dirty);
	int64_t young = too_young_from(log, first, now_ms);
	int64_t uncleanable = min_of(min_of(stable, log_active(log)->base), young);
	*out = (struct log_dirt){ .first_dirty = dirty,
		.uncleanable = uncleanable_base(log, max_of(dirty, uncleanable)) };
	out->clean_bytes = bytes_between(log, 0, dirty);
	out->cleanable_bytes = dirty < out->uncleanable ? bytes_between(log, first, out->uncleanable) : 0;
	out->overdue_ms = overdue_ms(log, first, now_ms);
}

bool log_measure_dirt(struct log *log, struct log_dirt *out)
{
	log_must_be_home(log);
	if (log_refuses(log) || !log->config->compact || log->cleaning || log->cleaning_held ||
	    log->uncleanable)
		return false;
	measure(log, out);
	return out->clean_bytes + out->cleanable_bytes > 0;
}

uint64_t log_uncleanable_bytes(struct log *log)
{
	struct log_dirt dirt = { 0 };
	log_must_be_home(log);
	if (!log_refuses(log) && log->uncleanable)
		measure(log, &dirt);
	return dirt.cleanable_bytes;
}

double log_dirt_ratio(const struct log_dirt *d)
{
	uint64_t all = d->clean_bytes + d->cleanable_bytes;
	return all ? (double)d->cleanable_bytes / (double)all : 0;
}

bool log_dirt_is_due(const struct log *log, const struct log_dirt *d)
{
	return d->cleanable_bytes > 0 && reactor_now_ns(log->home) >= log->clean_after_ns &&
		(d->overdue_ms > 0 || log_dirt_ratio(d) > log->config->min_cleanable_dirty_ratio);
}

/* ---- what is known of it ---- */

int64_t log_cleaned_offset(const struct log *log)
{
	return log->cleaned;
}

void log_set_cleaned_offset(struct log *log, int64_t offset)
{
	must(log->state == LOG_LOOSE);
	log->cleaned = offset;
}

bool log_is_uncleanable(const struct log *log)
{
	return log->uncleanable;
}
