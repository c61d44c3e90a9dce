/* manager_moves.c - replicas move between log directories while they serve. Facts: alterReplicaLogDirs of
 * kafka.server.ReplicaManager, ReplicaAlterLogDirsThread, LogManager of 3.9.
 *
 * A copy beside the replica (Kafka's "future" log) follows it, and at last takes its place (storage/move.c).
 * It has no reactor: the fiber that moves it has it, and helpers on its behalf.
 *
 *	WAITING		for its turn, and for a controller to give the replica a role after a start
 *	RUNNING		a fiber has it, piece by piece:
 *			home core	where does the replica stand; the next range of its file
 *			helper		the range is read, checked and written to the copy
 *			... until the copy lacks little; it is flushed; then, in one step,
 *			home core	it is given the rest, the replica's name and its place
 *			helper		its name is durable; the old directory is renamed to be deleted
 *	STALLED		the replica cannot be read, or the copy cannot follow: it stays as it is, and is
 *			shown, until it is called off or the broker starts anew
 *
 * It ends when it has taken the place, or is called off: by naming another directory, by the deletion of the
 * replica, by the failure of its directory. A crash ends nothing: copies are found again at the next start.
 */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/storage/clean.h"
#include "broker/storage/file.h"

#include <errno.h>
#include <string.h>

enum {
	PIECE_BYTES = 1 << 20,  /* as replica.fetch.max.bytes has it */
	BUSY_MS = 100,          /* until a replica is asked again that is being truncated */
	NOT_NOW_MS = 5,         /* or that could not be replaced */
	PACE_LOOK_MS = 500,     /* how soon a change of the throttle is seen */
};

static void happened(struct fiber_event *e)
{
	fiber_event_set(e);
	fiber_event_init(e);
}

/* ---- what is asked of a home core, and what it says ---- */

enum step_result {
	STEP_GONE,     /* there is no such replica, or it is in that directory */
	STEP_UNKNOWN,  /* it has no role */
	STEP_BROKEN,   /* it cannot be read */
	STEP_BUSY,     /* not now */
	STEP_DIVERGED, /* the copy has what the replica has no more */
	STEP_PIECE,    /* the next one */
	STEP_EQUAL,
};

struct step {
	/* in */
	struct manager *m;
	struct move *move;
	bool empty;
	int64_t end;             /* of the copy */
	int32_t epoch;           /* its latest */
	bool found;
	uint32_t max_bytes;
	struct uuid topic_id;
	/* out */
	enum step_result result;
	int64_t start, replica_end; /* of the replica */
	int32_t common_epoch;    /* the replica's latest that is not above the copy's, and where it ends */
	int64_t common_end;
	struct topic_settings *settings;
	struct log_read read;
	struct call *call;
};

static struct reactor *home_of(const struct manager *m, struct slice topic, int32_t partition)
{
	return m->c.reactors[manager_home(m, topic, partition)];
}

/* ---- the moves ---- */

struct move *manager_find_move(const struct manager *m, struct slice topic, int32_t partition)
{
	list_for_each(it, &m->moves) {
		struct move *v = list_entry(it, struct move, link);
		CHECK_OBJ(v, MOVE_MAGIC);
		if (!v->cancelled && v->partition == partition && slice_eq(v->topic, topic))
			return v;
	}
	return NULL;
}

/* What others may know of the copy while a helper has it. */
static void look(struct move *v)
{
	v->end = log_end_offset(v->copy);
	v->size = (int64_t)log_size_bytes(v->copy);
	v->recovery_point = log_recovery_point(v->copy);
}

/* Takes the log and a hold on the settings. */
static struct move *move_new(struct manager *m, struct slice topic, int32_t partition, int dir,
			     struct log *copy, struct topic_settings *settings)
{
	struct move *v;
	ALLOC_OBJ(v, MOVE_MAGIC);
	v->topic = slice_of(mem_dup(topic.p, topic.n), topic.n);
	v->partition = partition;
	v->dir = dir;
	v->copy = copy;
	v->settings = settings;
	v->serial = ++m->move_serial;
	look(v);
	list_push_back(&m->moves, &v->link);
	return v;
}

/* Its copy is somebody else's now. */
static void move_free(struct manager *m, struct move *v)
{
	list_remove(&v->link);
	topic_settings_put(v->settings);
	free((void *)v->topic.p);
	FREE_OBJ(v);
	happened(&m->move_ended);
}

void manager_move_figures(const struct manager *m, struct manager_move_figures *out)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	*out = (struct manager_move_figures){ 0 };
	list_for_each(it, &m->moves) {
		const struct move *v = list_entry(it, struct move, link);
		out->lag_max = max_of(out->lag_max, v->replica_end - v->end);
		out->failed += v->state == MOVE_STALLED;
	}
}

/* The replica may be cleaned again: home core. */
static void let_clean(struct reactor *there, struct call *c)
{
	struct step *s = c->arg;
	struct partition *p = replicas_find(s->m->c.replicas[reactor_core(there)], s->move->topic,
					    s->move->partition);
	if (p)
		log_hold_cleaning(p->log, false);
	call_done(there, c);
}

static void release(struct manager *m, struct move *v)
{
	struct call call;
	struct step s = { .m = m, .move = v };
	call_run(m->c.control, home_of(m, v->topic, v->partition), &call, let_clean, &s);
}

/* It is called off: the copy goes. */
static void call_off(struct manager *m, struct move *v)
{
	v->cancelled = true;
	v->state = MOVE_RUNNING; /* nobody else ends it meanwhile */
	release(m, v);
	if (m->c.logdirs->dirs[v->dir].offline) {
		m->c.logdirs->dirs[v->dir].n_logs--;
		log_abandon(v->copy);
	} else {
		manager_discard(m, v->topic, v->partition, v->copy);
	}
	move_free(m, v);
}

/* Whoever has it lets it go soon, or it goes now. */
static void cancel(struct manager *m, struct move *v)
{
	v->cancelled = true;
	happened(&m->move_cancelled);
	if (v->state != MOVE_RUNNING)
		call_off(m, v);
}

void manager_cancel_move(struct manager *m, struct slice topic, int32_t partition)
{
	struct move *v = manager_find_move(m, topic, partition);
	if (v)
		cancel(m, v);
}

static struct move *find_to(const struct manager *m, int dir)
{
	list_for_each(it, &m->moves) {
		struct move *v = list_entry(it, struct move, link);
		if (v->dir == dir && !v->cancelled)
			return v;
	}
	return NULL;
}

void manager_cancel_moves_to(struct manager *m, int dir)
{
	struct move *v;
	while ((v = find_to(m, dir))) /* each waits: others may go meanwhile */
		cancel(m, v);
}

/* ---- pace ---- */

/* What has been copied is owed in bytes, and paid off at the rate of the moment: a throttle that is raised
 * frees at once a move that a lower one holds back. */
static void pay_off(struct manager *m, int64_t rate)
{
	int64_t now_ns = sys_mono_ns();
	double paid = (double)(now_ns - m->moves_paid_ns) * (double)rate / 1e9;
	m->moves_owed = max_of(m->moves_owed - paid, 0.0);
	m->moves_paid_ns = now_ns;
}

static bool may_go_on(const struct manager *m, const struct move *v)
{
	return !m->closing && !v->cancelled;
}

/* Until replica.alter.log.dirs.io.max.bytes.per.second lets another piece go; zero stops all moves. */
static void pace(struct manager *m, const struct move *v)
{
	while (may_go_on(m, v)) {
		int64_t rate = m->config->replica_alter_log_dirs_io_max_bytes_per_second;
		pay_off(m, rate);
		if (rate > 0 && m->moves_owed <= 0)
			return;
		double left_ms = rate > 0 ? m->moves_owed * 1000 / (double)rate + 1 : PACE_LOOK_MS;
		left_ms = min_of(left_ms, (double)PACE_LOOK_MS);
		fiber_wait_ms(m->c.control, &m->move_cancelled, (int64_t)left_ms);
	}
}

/* A throttle that is far lower than a piece is met by smaller ones. */
static uint32_t piece_bytes(const struct manager *m)
{
	int64_t rate = m->config->replica_alter_log_dirs_io_max_bytes_per_second;
	return (uint32_t)max_of(min_of(rate, PIECE_BYTES), 1);
}

/* ---- a look at the replica: home core ---- */

enum { NOTHING_IN_COMMON = -1 };

/* By epochs, as a follower finds out; without any by the end alone. What a cleaning has done since the
 * broker's start cannot be seen: then nothing counts. */
static bool has_diverged(struct step *s, const struct log *log, bool compacted)
{
	s->common_epoch = s->epoch;
	s->common_end = log_end_offset(log);
	if (s->empty)
		return false;
	if (s->found && compacted) {
		s->common_end = NOTHING_IN_COMMON;
		return true;
	}
	if (s->epoch >= 0)
		log_epoch_end_offset(log, s->epoch, &s->common_epoch, &s->common_end);
	return s->common_epoch != s->epoch || s->common_end < s->end;
}

static enum step_result result_of(const struct log_read *read)
{
	switch (read->error) {
	case KERR_NONE:
		return read->slice.n > 0 ? STEP_PIECE : STEP_EQUAL;
	case KERR_NOT_LEADER_OR_FOLLOWER:
	case KERR_OFFSET_OUT_OF_RANGE: /* retention or a truncation was quicker */
		return STEP_BUSY;
	default:
		return STEP_BROKEN;
	}
}

static void read_done(struct log_read *read)
{
	struct step *s = container_of(read, struct step, read);
	s->result = result_of(read);
	call_done(s->call->to, s->call);
}

static bool same_id(const struct uuid *a, const struct uuid *b)
{
	return uuid_is_zero(a) || uuid_is_zero(b) || uuid_eq(a, b);
}

/* Whether the replica is one that can be followed; s->result says why not. */
static bool can_follow(struct step *s, const struct partition *p)
{
	s->result = STEP_GONE;
	if (!p || !same_id(&p->topic_id, &s->topic_id) ||
	    logdirs_of(s->m->c.logdirs, log_dir(p->log)) == s->move->dir)
		return false;
	s->result = log_failed(p->log) ? STEP_BROKEN : STEP_UNKNOWN;
	return !log_failed(p->log) && p->has_role;
}

static void step_on_core(struct reactor *there, struct call *c)
{
	struct step *s = c->arg;
	struct partition *p = replicas_find(s->m->c.replicas[reactor_core(there)], s->move->topic,
					    s->move->partition);
	s->call = c;
	if (!can_follow(s, p)) {
		call_done(there, c);
		return;
	}
	s->settings = topic_settings_get(p->settings);
	s->topic_id = p->topic_id;
	s->start = log_start_offset(p->log);
	s->replica_end = log_end_offset(p->log);
	log_hold_cleaning(p->log, true);
	if (log_is_cleaning(p->log)) {
		s->result = STEP_BUSY;
		call_done(there, c);
		return;
	}
	bool diverged = has_diverged(s, p->log, p->settings->config->compact);
	if (diverged || s->end >= s->replica_end) {
		s->result = diverged ? STEP_DIVERGED : STEP_EQUAL;
		call_done(there, c);
		return;
	}
	s->read = (struct log_read){ .offset = max_of(s->end, s->start), .upper = INT64_MAX,
				     .max_bytes = s->max_bytes, .min_one = true, .done = read_done };
	if (log_read(p->log, &s->read))
		read_done(&s->read);
}

static void ask(struct manager *m, struct move *v, struct step *s)
{
	struct call call;
	*s = (struct step){ .m = m, .move = v, .end = log_end_offset(v->copy),
			    .empty = log_end_offset(v->copy) == log_start_offset(v->copy),
			    .epoch = log_latest_epoch(v->copy), .found = v->found,
			    .max_bytes = piece_bytes(m) };
	log_topic_id(v->copy, &s->topic_id);
	call_run(m->c.control, home_of(m, v->topic, v->partition), &call, step_on_core, s);
	if (!s->settings)
		return;
	v->found &= s->result == STEP_BUSY;
	v->replica_end = s->replica_end;
	log_set_config(v->copy, s->settings->config);
	topic_settings_put(v->settings);
	v->settings = s->settings;
	if (!uuid_is_zero(&s->topic_id))
		log_set_topic_id(v->copy, &s->topic_id);
}

/* ---- the copy: helper ---- */

struct piece {
	struct move *move;
	struct step *step;
	uint8_t *bytes;
	int error;        /* of the copy's disk */
	const char *why;  /* the copy cannot go on; a literal */
};

static void mark(struct piece *p)
{
	if (!p->move->marked)
		p->error = log_mark_moved(log_dir(p->move->copy));
	p->move->marked = !p->error;
}

static void write_piece(struct piece *p)
{
	struct log *copy = p->move->copy;
	const struct log_slice *slice = &p->step->read.slice;
	uint32_t segments = log_segments(copy);
	if (p->step->empty && slice->first_offset != p->step->end)
		p->error = log_cut(copy, slice->first_offset, true);
	if (!p->error && log_extend(copy, p->bytes, slice->n) != KERR_NONE && !log_failed(copy))
		p->why = "its batches do not follow one another";
	log_follow_start(copy, p->step->start);
	/* Not all at the end: a disk is slow to take much at once. */
	if (!p->error && log_segments(copy) > segments)
		p->error = log_flush_now(copy);
	if (!p->error && log_failed(copy))
		p->error = log_flush_now(copy);
}

static void copy_work(void *arg)
{
	struct piece *p = arg;
	const struct log_slice *slice = &p->step->read.slice;
	mark(p);
	p->bytes = mem_alloc(slice->n);
	if (sys_pread(slice->fd, p->bytes, slice->n, slice->position) != (ssize_t)slice->n)
		p->why = "it cannot be read";
	else if (!log_bytes_are_sound(p->bytes, slice->n))
		p->why = "it has a batch that is damaged";
	if (!p->error && !p->why)
		write_piece(p);
	free(p->bytes);
}

/* Down to where both have the same. */
static void cut_work(void *arg)
{
	struct piece *p = arg;
	struct log *copy = p->move->copy;
	int32_t epoch;
	int64_t end = p->step->common_end;
	if (p->step->common_epoch != p->step->epoch && p->step->common_epoch >= 0) {
		int64_t own;
		log_epoch_end_offset(copy, p->step->common_epoch, &epoch, &own);
		end = min_of(end, own);
	}
	if (p->step->common_epoch < 0 && p->step->epoch >= 0)
		end = NOTHING_IN_COMMON;
	bool anew = end <= log_start_offset(copy);
	p->error = log_cut(copy, anew ? p->step->start : end, anew);
}

/* Nothing is there any more between the copy's end and the replica's. */
static void skip_work(void *arg)
{
	struct piece *p = arg;
	p->error = log_skip_to(p->move->copy, p->step->replica_end);
	log_follow_start(p->move->copy, p->step->start);
}

static void flush_work(void *arg)
{
	struct piece *p = arg;
	mark(p);
	if (!p->error)
		p->error = log_flush_now(p->move->copy);
	p->move->flushed = !p->error;
}

/* ---- one move: a fiber of the control reactor ---- */

enum outcome { OUT_DONE, OUT_CANCELLED, OUT_STALLED, OUT_WAITS, OUT_CLOSING };

static bool is_full(int error)
{
	return error == -ENOSPC || error == -EDQUOT;
}

/* Runs `work` on a helper; false when the copy cannot go on. */
static bool on_helper(struct manager *m, struct move *v, struct step *s, void (*work)(void *arg))
{
	struct piece p = { .move = v, .step = s };
	fiber_offload(m->c.control, work, &p, "move");
	look(v);
	if (is_full(p.error)) /* 3.9 takes the whole directory offline */
		p.why = "there is no room for it";
	else if (p.error)
		manager_fail_dir(m, v->dir, log_dir(v->copy), p.error);
	if (p.why)
		log_error(MANAGER_LOGGER, "The replica of %.*s-%d cannot be moved to %s: %s.",
			  SLICE_ARGS(v->topic), v->partition, m->c.logdirs->dirs[v->dir].path, p.why);
	return !p.error && !p.why;
}

struct taking {
	struct manager *m;
	struct move *move;
	const char *path;
	struct call *call;
	int error;
	struct log *old;                 /* without a reactor at the end */
	struct topic_settings *settings; /* of both logs, for as long as they need it */
	struct log_wait flushed, detached;
	int waits;
};

static void one_less(struct taking *t)
{
	if (--t->waits == 0)
		call_done(t->call->to, t->call);
}

static void flushed(struct log_wait *w)
{
	one_less(container_of(w, struct taking, flushed));
}

static void detached(struct log_wait *w)
{
	one_less(container_of(w, struct taking, detached));
}

static void take_on_core(struct reactor *there, struct call *c)
{
	struct taking *t = c->arg;
	struct move *v = t->move;
	struct partition *p = replicas_find(t->m->c.replicas[reactor_core(there)], v->topic, v->partition);
	t->call = c;
	t->error = -EAGAIN;
	if (p && p->has_role) {
		log_set_config(v->copy, p->settings->config);
		t->settings = topic_settings_get(p->settings);
		t->old = p->log;
		t->error = partition_replace_log(p, v->copy, t->path);
	}
	if (t->error) {
		call_done(there, c);
		return;
	}
	t->waits = 2;
	t->flushed.done = flushed;
	t->detached.done = detached;
	log_flush(v->copy, &t->flushed);
	log_detach(t->old, &t->detached);
}

static void name_work(void *arg)
{
	const struct taking *t = arg;
	int error = file_sync_parent(t->path);
	if (error)
		log_error(MANAGER_LOGGER, "%s: its name is not durable yet: %s.", t->path, strerror(-error));
}

static void unmark_work(void *arg)
{
	const struct taking *t = arg;
	log_unmark_moved(t->path); /* where it stays it is looked at again at the next start */
}

/* The copy is the replica. The old directory goes when nothing of the new one can be lost any more. */
static void finish(struct manager *m, struct taking *t)
{
	const struct move *v = t->move;
	int64_t recovery_point;
	log_info(MANAGER_LOG_LOGGER, "The current replica is successfully replaced with the future replica "
		 "for %.*s-%d", SLICE_ARGS(v->topic), v->partition);
	fiber_offload(m->c.control, name_work, t, "move");
	manager_save_checkpoints(m);
	if (t->flushed.error) {
		/* It is whole, and all there is: the next start finds it. */
		m->c.logdirs->dirs[logdirs_of(m->c.logdirs, log_dir(t->old))].n_logs--;
		log_close(t->old, &recovery_point);
		return;
	}
	manager_discard(m, v->topic, v->partition, t->old);
	fiber_offload(m->c.control, unmark_work, t, "move");
}

/* True: it has taken the place, and is gone. */
static bool take_place(struct manager *m, struct move *v)
{
	struct call call;
	char *path = logdirs_path(m->c.logdirs, v->dir, v->topic, v->partition);
	struct taking t = { .m = m, .move = v, .path = path };
	call_run(m->c.control, home_of(m, v->topic, v->partition), &call, take_on_core, &t);
	if (t.error) {
		look(v);
		log_set_config(v->copy, v->settings->config);
		if (t.error != -EAGAIN && !is_full(t.error))
			manager_fail_dir(m, v->dir, log_dir(v->copy), t.error);
	} else {
		finish(m, &t);
		move_free(m, v);
	}
	topic_settings_put(t.settings);
	free(path);
	return !t.error;
}

static void give_back(const struct step *s)
{
	if (s->read.slice.hold)
		hold_put(s->read.slice.hold);
}

/* What a look has found is done; OUT_WAITS: go on. */
static enum outcome act(struct manager *m, struct move *v, struct step *s)
{
	bool little = s->result == STEP_EQUAL ||
		(s->result == STEP_PIECE && s->read.slice.n < LOG_TAKE_OVER_BYTES);
	switch (s->result) {
	case STEP_DIVERGED:
		return on_helper(m, v, s, cut_work) ? OUT_WAITS : OUT_STALLED;
	case STEP_PIECE:
		m->moves_owed += s->read.slice.n;
		if (!on_helper(m, v, s, copy_work))
			return OUT_STALLED;
		break;
	case STEP_EQUAL:
		if (s->end < s->replica_end)
			return on_helper(m, v, s, skip_work) ? OUT_WAITS : OUT_STALLED;
		break;
	case STEP_BUSY:
		fiber_wait_ms(m->c.control, &m->move_cancelled, BUSY_MS);
		return OUT_WAITS;
	default:
		must_not_reach("the other results end the move");
	}
	if (!little)
		return OUT_WAITS;
	if (!v->flushed) /* once: again and again would let it fall behind as often */
		return on_helper(m, v, s, flush_work) ? OUT_WAITS : OUT_STALLED;
	if (may_go_on(m, v) && take_place(m, v))
		return OUT_DONE;
	if (log_failed(v->copy))
		return on_helper(m, v, s, flush_work) ? OUT_WAITS : OUT_STALLED;
	if (s->result == STEP_EQUAL)
		fiber_wait_ms(m->c.control, &m->move_cancelled, NOT_NOW_MS);
	return OUT_WAITS;
}

static enum outcome move_one(struct manager *m, struct move *v)
{
	enum outcome out = OUT_WAITS;
	while (out == OUT_WAITS) {
		struct step s;
		pace(m, v);
		if (m->closing)
			return OUT_CLOSING;
		if (v->cancelled)
			return OUT_CANCELLED;
		ask(m, v, &s);
		if (s.result == STEP_GONE)
			return OUT_CANCELLED;
		if (s.result == STEP_BROKEN)
			return OUT_STALLED;
		if (s.result == STEP_UNKNOWN) {
			v->ready = false;
			return OUT_WAITS;
		}
		out = act(m, v, &s);
		give_back(&s);
	}
	return out;
}

static struct move *next_waiting(const struct manager *m)
{
	list_for_each(it, &m->moves) {
		struct move *v = list_entry(it, struct move, link);
		if (v->state == MOVE_WAITING && v->ready)
			return v;
	}
	return NULL;
}

static void mover(void *arg)
{
	struct manager *m = arg;
	struct move *v;
	while (!m->closing && (v = next_waiting(m))) {
		v->state = MOVE_RUNNING;
		enum outcome out = move_one(m, v);
		if (out == OUT_DONE)
			continue;
		/* It goes on after the next start at the earliest, and then with a copy made anew where the
		 * replica is compacted: it need not wait for that, nor grow meanwhile. */
		if (out == OUT_STALLED)
			release(m, v);
		v->state = out == OUT_STALLED ? MOVE_STALLED : MOVE_WAITING;
		if (v->cancelled || out == OUT_CANCELLED)
			call_off(m, v);
	}
	if (--m->movers == 0)
		happened(&m->movers_ended);
}

static void start_movers(struct manager *m)
{
	if (m->closing || !next_waiting(m) || m->movers >= m->config->num_replica_alter_log_dirs_threads)
		return;
	m->movers++;
	must(fiber_start(m->c.control, "move", mover, m) != NULL);
}

void manager_begin_move(struct manager *m, struct slice topic, int32_t partition, int dir, struct log *copy,
			struct topic_settings *settings)
{
	struct move *v = move_new(m, topic, partition, dir, copy, settings);
	v->ready = true;
	start_movers(m);
}

static bool is_there(const struct manager *m, uint64_t serial)
{
	list_for_each(it, &m->moves)
		if (list_entry(it, struct move, link)->serial == serial)
			return true;
	return false;
}

void manager_end_move(struct manager *m, struct slice topic, int32_t partition)
{
	struct move *v = manager_find_move(m, topic, partition);
	uint64_t serial = v ? v->serial : 0;
	if (v)
		cancel(m, v);
	while (is_there(m, serial))
		fiber_wait(m->c.control, &m->move_ended);
}

/* ---- at the start, and at the end ---- */

void manager_found_copy(struct manager *m, const struct logdir_found *f, struct log *copy,
			struct topic_settings *settings)
{
	struct move *v = move_new(m, slice_str(f->topic), f->partition, f->dir, copy,
				  topic_settings_get(settings));
	v->found = true;
}

void manager_move_may_begin(struct manager *m, struct slice topic, int32_t partition)
{
	struct move *v = list_empty(&m->moves) ? NULL : manager_find_move(m, topic, partition);
	if (!v || v->ready)
		return;
	v->ready = true;
	start_movers(m);
}

void manager_stop_moves(struct manager *m)
{
	must(m->closing);
	happened(&m->move_cancelled);
	while (m->movers > 0)
		fiber_wait(m->c.control, &m->movers_ended);
}

void manager_forget_moves(struct manager *m)
{
	list_for_each_safe(it, &m->moves)
		move_free(m, list_entry(it, struct move, link));
}
