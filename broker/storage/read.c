/* read.c - from offsets to ranges of files, and from times to offsets (see log.h, log_priv.h).
 *
 * At the tail the positions are in memory. Elsewhere the index is asked, without waiting for the disk;
 * where that cannot be, a helper asks with a view of the segment, and what it has opened stays open for
 * the next.
 */
#include "broker/storage/log_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <errno.h>

/* Bytes of a segment that answer a read. */
struct range {
	int64_t from, to;
	int64_t first_offset;
	uint32_t first_n;  /* bytes of the first batch */
};

/* What a helper takes along. */
struct log_search {
	unsigned magic;
#define LOG_SEARCH_MAGIC 0x4c534348U
	struct segment_view view;
	bool has_view;
	uint32_t generation;
	int64_t upper;     /* no batch that reaches it; INT64_MAX: the segment's end */
	int64_t timestamp, from; /* by time */
	struct range range;
	struct segment_record record;
	int rc;
};

static enum kerr read_failed(struct log *log, int error)
{
	if (error == -EBADMSG) {
		log_error(LOGGER_LOG, "A batch of %s that is asked for is damaged", log_name(log));
		return KERR_CORRUPT_MESSAGE;
	}
	log_fail(log, error, "reading");
	return KERR_KAFKA_STORAGE_ERROR;
}

/* Why a read under way cannot be finished. That the log is about to leave its core is no reason: it waits for
 * its reads. */
static enum kerr interrupted(const struct log *log)
{
	if (log->error)
		return KERR_KAFKA_STORAGE_ERROR;
	return log->state == LOG_HOME && list_empty(&log->changes) ? KERR_NONE : KERR_NOT_LEADER_OR_FOLLOWER;
}

/* ---- ranges ---- */

/* 1 found, 0 no batch of the segment is at or above the offset, or negative errno as segment_find(). */
static int find_range(const struct segment_view *v, int64_t offset, int64_t upper, bool wait,
	struct range *out)
{
	struct segment_found first, end;
	int rc = segment_find(v, offset, wait, &first);
	if (rc <= 0)
		return rc;
	*out = (struct range){ .from = first.position, .to = v->size, .first_offset = first.base_offset,
		.first_n = first.n };
	if (upper == INT64_MAX)
		return 1;
	rc = segment_find(v, upper, wait, &end);
	if (rc == 1)
		out->to = max_of(end.position, out->from);
	return rc < 0 ? rc : 1;
}

static bool find_recent(const struct log *log, int64_t offset, int64_t upper, struct range *out)
{
	struct recent first, end;
	if (!log_recent_at(log, offset, &first))
		return false;
	*out = (struct range){ .from = first.position, .to = log_active(log)->size,
		.first_offset = first.base_offset, .first_n = first.n };
	if (upper >= log->end)
		return true;
	if (!log_recent_at(log, upper, &end))
		return false;
	out->to = max_of(end.position, out->from);
	return true;
}

struct aborted_list {
	struct log_read *op;
	uint32_t room;
};

static void add_aborted(void *arg, const struct aborted_txn *txn)
{
	struct aborted_list *list = arg;
	struct log_read *op = list->op;
	if (op->n_aborted == list->room) {
		list->room = list->room ? list->room * 2 : 8;
		op->aborted = mem_realloc(op->aborted, list->room * sizeof *op->aborted);
	}
	op->aborted[op->n_aborted++] = (struct log_aborted){ .producer_id = txn->producer_id,
		.first_offset = txn->first_offset };
}

/* Aborts are listed with the segment of their marker, which may be a later one. */
static void collect_aborted(struct log *log, struct log_read *op, uint32_t i)
{
	struct aborted_list list = { .op = op };
	int64_t upper = min_of(op->upper, log_segment_end(log, i));
	for (bool more = true; more && i < log->n_segments; i++)
		more = txn_index_collect(&log->segments[i]->aborted, op->offset, upper, add_aborted, &list);
}

static void answer(struct log *log, struct log_read *op, uint32_t i, const struct range *range)
{
	struct segment *s = log->segments[i];
	int64_t n = range->to - range->from;
	must(n >= 0);
	if (range->first_n > op->max_bytes)
		n = op->min_one ? min_of(n, (int64_t)range->first_n) : 0;
	n = min_of(n, max_of((int64_t)op->max_bytes, (int64_t)range->first_n));
	if (n == 0)
		return;
	must(s->files != NULL);
	op->slice = (struct log_slice){ .hold = hold_get(&s->files->hold), .fd = s->files->log_fd,
		.position = range->from, .n = (uint32_t)n, .first_offset = range->first_offset };
	s->used = true;
	log_watch_idle(log);
	if (op->want_aborted)
		collect_aborted(log, op, i);
}

int64_t log_timestamp_about(const struct log *log, int64_t offset)
{
	struct segment_found found;
	log_must_be_home(log);
	if (log->state != LOG_HOME || offset >= log->end)
		return -1;
	const struct segment *s = log->segments[log_segment_at(log, max_of(offset, log->start))];
	struct segment_view v = segment_view(s, log->dir);
	bool known = segment_find(&v, offset, false, &found) == 1 && found.max_timestamp >= 0;
	return known ? found.max_timestamp : s->max_timestamp;
}

/* ---- with the help of a helper ---- */

static bool serve(struct log *log, struct log_read *op, uint32_t i);

static void search_work(struct job *job)
{
	struct log_read *op = container_of(job, struct log_read, job);
	struct log_search *search = op->search;
	CHECK_OBJ_NOTNULL(search, LOG_SEARCH_MAGIC);
	search->rc = segment_view_open(&search->view);
	if (!search->rc)
		search->rc = find_range(&search->view, op->offset, search->upper, true, &search->range);
}

/* The files that a helper has opened stay open for the next read. */
static void keep_open(struct segment *s, struct segment_view *v)
{
	if (!s->files && v->files)
		s->files = container_of(hold_get(&v->files->hold), struct segment_files, hold);
	if (s->files && s->files == v->files && s->files->index_fd < 0)
		s->files->index_fd = v->index_fd;
}

static void drop_search(struct log *log, struct log_search **search)
{
	if ((*search)->has_view)
		segment_view_drop(&(*search)->view);
	FREE_OBJ(*search);
	log->reads--;
	/* Who wants to leave may have waited for it. */
	reactor_defer(log->home, &log->turn);
}

/* The segment that was searched, or n_segments: it went meanwhile, or positions have changed. */
static uint32_t still_there(const struct log *log, const struct log_search *search)
{
	if (search->generation != log->generation || log->state == LOG_CHANGING)
		return log->n_segments;
	uint32_t i = log_segment_at(log, search->view.base);
	return i < log->n_segments && log->segments[i]->base == search->view.base ? i : log->n_segments;
}

/* True: answered. */
static bool take_search(struct log *log, struct log_read *op, uint32_t i, struct log_search *search)
{
	keep_open(log->segments[i], &search->view);
	if (search->rc < 0) {
		op->error = read_failed(log, search->rc);
		return true;
	}
	if (search->rc == 0)
		return serve(log, op, i + 1);
	answer(log, op, i, &search->range);
	return true;
}

static void search_done(struct reactor *here, struct job *job)
{
	struct log_read *op = container_of(job, struct log_read, job);
	struct log_search *search = op->search;
	struct log *log = op->log;
	CHECK_OBJ_NOTNULL(search, LOG_SEARCH_MAGIC);
	log_must_be_home(log);
	must(here == log->home);
	op->search = NULL;
	uint32_t i = interrupted(log) ? log->n_segments : still_there(log, search);
	bool answered = i < log->n_segments && take_search(log, op, i, search);
	if (i >= log->n_segments)
		answered = log_read(log, op);
	drop_search(log, &search);
	if (answered)
		op->done(op);
}

static void search(struct log *log, struct log_read *op, uint32_t i, int64_t upper)
{
	must(op->search == NULL);
	ALLOC_OBJ(op->search, LOG_SEARCH_MAGIC);
	op->search->view = segment_view_keep(log->segments[i], log->dir);
	op->search->has_view = true;
	op->search->generation = log->generation;
	op->search->upper = upper;
	op->log = log;
	op->job = (struct job){ .work = search_work, .done = search_done };
	log->reads++;
	reactor_offload(log->home, &op->job, "cold read");
}

/* Answers from segment `i` on; false when a helper was asked. */
static bool serve(struct log *log, struct log_read *op, uint32_t i)
{
	for (; i < log->n_segments && log->segments[i]->base < op->upper; i++) {
		struct range range;
		bool is_last = i + 1 == log->n_segments;
		int64_t upper = op->upper < log_segment_end(log, i) ? op->upper : INT64_MAX;
		if (is_last && log->segments[i]->files && find_recent(log, op->offset, op->upper, &range)) {
			answer(log, op, i, &range);
			return true;
		}
		struct segment_view v = segment_view(log->segments[i], log->dir);
		int rc = find_range(&v, op->offset, upper, false, &range);
		if (rc == -EAGAIN) {
			search(log, op, i, upper);
			return false;
		}
		if (rc < 0) {
			op->error = read_failed(log, rc);
			return true;
		}
		if (rc == 1) {
			answer(log, op, i, &range);
			return true;
		}
	}
	return true;
}

bool log_read(struct log *log, struct log_read *op)
{
	log_must_be_home(log);
	must(op->done != NULL);
	op->slice = (struct log_slice){ .fd = -1 };
	op->aborted = NULL;
	op->n_aborted = 0;
	op->search = NULL;
	op->error = log_refuses(log);
	if (op->error)
		return true;
	if (op->offset < log->start || op->offset > log->end) {
		op->error = KERR_OFFSET_OUT_OF_RANGE;
		return true;
	}
	op->upper = min_of(op->upper, log->end);
	if (op->offset >= op->upper)
		return true;
	return serve(log, op, log_segment_at(log, op->offset));
}

/* ---- by time ---- */

static void time_work(struct job *job)
{
	struct log_search *search = container_of(job, struct log_time, job)->search;
	CHECK_OBJ_NOTNULL(search, LOG_SEARCH_MAGIC);
	search->rc = 0;
	if (!search->has_view)
		return;
	search->rc = segment_view_open(&search->view);
	if (!search->rc)
		search->rc = segment_find_time(&search->view, search->timestamp, search->from,
			&search->record);
}

static void start_time(struct log *log, struct log_time *op, uint32_t from_segment);

static void time_done(struct reactor *here, struct job *job)
{
	struct log_time *op = container_of(job, struct log_time, job);
	struct log_search *search = op->search;
	struct log *log = op->log;
	CHECK_OBJ_NOTNULL(search, LOG_SEARCH_MAGIC);
	log_must_be_home(log);
	must(here == log->home);
	op->error = interrupted(log);
	uint32_t i = log->n_segments;
	if (!op->error && search->has_view)
		i = still_there(log, search);
	bool again = !op->error && search->has_view && (i == log->n_segments || search->rc == 0);
	if (i < log->n_segments)
		keep_open(log->segments[i], &search->view);
	if (!op->error && !again && search->rc < 0)
		op->error = read_failed(log, search->rc);
	if (!op->error && !again && search->rc == 1) {
		op->offset = search->record.offset;
		op->found_timestamp = search->record.timestamp;
		op->leader_epoch = search->record.leader_epoch;
	}
	drop_search(log, &search);
	if (again)
		start_time(log, op, i < log->n_segments ? i + 1 : 0);
	else
		op->done(op);
}

static uint32_t with_largest(const struct log *log)
{
	uint32_t largest = 0;
	for (uint32_t i = 1; i < log->n_segments; i++)
		if (log->segments[i]->max_timestamp > log->segments[largest]->max_timestamp)
			largest = i;
	return largest;
}

/* Takes the first segment from `i` on that can have such a record; without one the helper answers "none". */
static void start_time(struct log *log, struct log_time *op, uint32_t i)
{
	struct log_search *s;
	ALLOC_OBJ(s, LOG_SEARCH_MAGIC);
	op->search = s;
	s->generation = log->generation;
	s->timestamp = op->timestamp;
	s->from = log->start;
	if (!interrupted(log)) {
		if (op->timestamp == LOG_TIME_MAX) {
			i = max_of(i, with_largest(log));
			s->timestamp = i < log->n_segments ? log->segments[i]->max_timestamp : 0;
		}
		while (i < log->n_segments && log->segments[i]->max_timestamp < max_of(s->timestamp, 0))
			i++;
		s->has_view = i < log->n_segments;
		if (s->has_view)
			s->view = segment_view_keep(log->segments[i], log->dir);
	}
	op->job = (struct job){ .work = time_work, .done = time_done };
	log->reads++;
	reactor_offload(log->home, &op->job, "offset for time");
}

void log_offset_for_time(struct log *log, struct log_time *op)
{
	log_must_be_home(log);
	must(op->done != NULL);
	must(op->timestamp >= 0 || op->timestamp == LOG_TIME_MAX);
	op->log = log;
	op->offset = op->found_timestamp = -1;
	op->leader_epoch = -1;
	start_time(log, op, 0);
}

/* Rows are the segments by age and, behind them, the end of a log whose active segment is not empty. */
uint32_t log_offsets_by_age(const struct log *log, int64_t timestamp, uint32_t max, int64_t *out)
{
	must(log_is(log));
	uint32_t rows = log->n_segments + (log_active(log)->size > 0), n = 0;
	if (timestamp == LOG_TIME_EARLIEST)
		rows = 1;
	else if (timestamp != LOG_TIME_LATEST && timestamp < reactor_wall_ms(log->home))
		for (rows = log->n_segments; rows > 0 && log->segments[rows - 1]->mtime_ms > timestamp;)
			rows--;
	while (rows > 0 && n < max) {
		rows--;
		out[n++] = rows == log->n_segments ? log->end : max_of(log->segments[rows]->base, log->start);
	}
	return n;
}
