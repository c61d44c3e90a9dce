/* fetch.c - records out. Facts: KafkaApis.handleFetchRequest, ReplicaManager.fetchMessages and DelayedFetch
 * of 3.9.
 *
 *	READING ---> enough, an error, or no time left ---> answer
 *	   |  ^
 *	   |  +-- woken by a partition, or by the deadline: another round
 *	   v  |
 *	PARKED at each partition, with a timer for the deadline
 *
 * One round asks each home core that holds a part of the plan (a visit): the core reads, and the visit comes
 * back. When it was too little, a second message parks the visit at its partitions, and a third wakes the
 * accepting core. A round takes the parks of the one before with it; messages between two cores keep their
 * order, so when the visits of a round are back nothing of the rounds before is under way any more, and the
 * request may be answered and freed.
 */
#include "broker/api/api.h"
#include "broker/api/handlers.h"
#include "broker/api/leaders.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/shard.h"

#include "fetch.kmsg.h"

enum {
	VERSION_SIZE_LIMITS = 3,   /* the first version whose first batch may be larger than the limit */
	VERSION_FORMAT_2 = 4,      /* the first version that reads batches of format 2 */
	VERSION_ZSTD = 10,
	VERSION_BY_ID = 13,
	VERSION_REPLICA_STATE = 15,
	VERSION_TELLS_LEADER = 16,
	DEBUGGING_REPLICA = -2,    /* a tool that reads as a follower does */
	/* a longer max_wait_ms is cut: a client that is gone must not be waited for */
	WAIT_MAX_MS = 600 * 1000,
};

struct fetch;

/* One partition of the plan, with what was read. */
struct fetch_part {
	const struct fetch_wish *wish;
	struct slice topic;
	struct visit *visit;        /* to its home core; NULL: its error is known */
	struct fetch_part *next;    /* of the visit */
	enum kerr refused;          /* when there is no visit */
	bool withheld;              /* read, but this version may not have it */
	/* of one round, written by the home core */
	enum kerr error;
	int64_t high_watermark, last_stable, log_start;
	struct log_read read;
	struct partition_wait wait;
	bool diverges;
	int32_t diverging_epoch;
	int64_t diverging_end;
	struct chain records;       /* of the answer */
};

/* What one round asks of one home core. Three messages, for each may be under way while the next is sent. */
struct visit {
	struct msg read, park, wake;
	struct fetch *fetch;
	struct api_core *there;
	struct fetch_part *first, **last;
	int pending;               /* reads that wait for the disk */
	uint64_t bytes;            /* read in this round */
	bool parked, woken;        /* the home core's */
};

struct fetch {
	struct request *req;
	struct fetch_request msg;
	struct session_request session;
	struct session_plan plan;
	struct fetch_part *parts;   /* beside plan.wishes */
	struct visit *visits;       /* beside the cores */
	int visits_out;
	uint64_t budget;            /* bytes that the answer may have */
	uint64_t wanted;            /* it waits for that many */
	enum partition_isolation isolation;
	int32_t replica_id;
	bool reading;               /* a round is under way */
	bool has_deadline;
	struct timer deadline;
	struct deferred again;      /* another round, once this turn's appends are written */
	int64_t deadline_ns;
};

static void round_done(struct fetch *f);

/* ---- home core: reading ---- */

static void visit_back(struct reactor *here, struct msg *m)
{
	struct visit *v = container_of(m, struct visit, read);
	must(here == v->fetch->req->core->reactor && v->fetch->visits_out > 0);
	if (--v->fetch->visits_out == 0)
		round_done(v->fetch);
}

static void visit_done(struct visit *v)
{
	struct reactor *home = v->fetch->req->core->reactor;
	if (v->there->reactor == home) {
		visit_back(home, &v->read);
		return;
	}
	v->read.run = visit_back;
	reactor_post(v->there->reactor, home, &v->read);
}

/* An error tells nothing else of the partition. */
static void settle(struct fetch_part *p, enum kerr error)
{
	p->error = error;
	if (error)
		p->high_watermark = p->last_stable = p->log_start = -1;
}

/* Truncation on fetch (KIP-595): the follower's last epoch ends elsewhere here. True when there is nothing to
 * read. */
static bool find_divergence(struct fetch_part *p, const struct log *log)
{
	int32_t last = p->wish->last_fetched_epoch, found;
	int64_t end;
	if (last < 0)
		return false;
	log_epoch_end_offset(log, last, &found, &end);
	if (found < 0) {
		settle(p, KERR_OFFSET_OUT_OF_RANGE);
		return true;
	}
	p->diverges = found < last || end < p->wish->fetch_offset;
	p->diverging_epoch = found;
	p->diverging_end = end;
	return p->diverges;
}

static enum kerr check_replica(const struct fetch *f, struct partition *at, const struct fetch_part *p)
{
	enum kerr error = partition_check_leader(at, p->wish->current_leader_epoch);
	if (error || f->isolation != READ_AS_FOLLOWER || f->replica_id == DEBUGGING_REPLICA)
		return error;
	return partition_follower_has(at, f->replica_id, p->wish->log_start_offset, p->wish->fetch_offset);
}

static void read_done(struct log_read *read)
{
	struct fetch_part *p = container_of(read, struct fetch_part, read);
	struct visit *v = p->visit;
	settle(p, read->error);
	v->bytes += read->slice.n;
	must(v->pending > 0);
	if (--v->pending == 0)
		visit_done(v);
}

static void read_records(struct visit *v, struct fetch_part *p, struct partition *at)
{
	const struct fetch *f = v->fetch;
	uint64_t room = f->budget > v->bytes ? f->budget - v->bytes : 0;
	p->read = (struct log_read){
		.offset = p->wish->fetch_offset,
		.upper = partition_read_limit(at, f->isolation),
		.max_bytes = (uint32_t)min_of(room, (uint64_t)max_of(p->wish->max_bytes, 0)),
		/* The first batch of an answer comes whole, so that a reader can always go on. */
		.min_one = v->bytes == 0 && f->req->version >= VERSION_SIZE_LIMITS,
		.want_aborted = f->isolation == READ_COMMITTED,
		.done = read_done,
	};
	v->pending++;
	if (!log_read(at->log, &p->read))
		return;
	v->pending--;
	settle(p, p->read.error);
	v->bytes += p->read.slice.n;
}

static void read_part(struct visit *v, struct fetch_part *p)
{
	struct partition *at = replicas_find(v->there->replicas, p->topic, p->wish->partition);
	p->high_watermark = p->last_stable = p->log_start = -1;
	p->diverges = false;
	p->error = at ? check_replica(v->fetch, at, p) : KERR_NOT_LEADER_OR_FOLLOWER;
	if (p->error)
		return;
	p->high_watermark = at->high_watermark;
	p->last_stable = partition_last_stable(at);
	p->log_start = log_start_offset(at->log);
	if (!find_divergence(p, at->log))
		read_records(v, p, at);
}

static void drop_read(struct fetch_part *p)
{
	hold_put(p->read.slice.hold);
	free(p->read.aborted);
	p->read.slice = (struct log_slice){ 0 };
	p->read.aborted = NULL;
	p->read.n_aborted = 0;
}

static void unpark(struct visit *v)
{
	for (struct fetch_part *p = v->first; v->parked && p; p = p->next)
		partition_unwait(&p->wait);
	v->parked = false;
}

static void visit_read(struct reactor *here, struct msg *m)
{
	struct visit *v = container_of(m, struct visit, read);
	must(here == v->there->reactor);
	unpark(v);
	v->bytes = 0;
	v->pending = 1; /* this function itself */
	for (struct fetch_part *p = v->first; p; p = p->next) {
		drop_read(p);
		read_part(v, p);
	}
	if (--v->pending == 0)
		visit_done(v);
}

/* ---- home core: waiting ---- */

static void wake_run(struct reactor *here, struct msg *m)
{
	struct visit *v = container_of(m, struct visit, wake);
	struct fetch *f = v->fetch;
	must(here == f->req->core->reactor);
	if (!f->reading)
		reactor_defer(here, &f->again);
}

static void wake_up(struct visit *v)
{
	struct reactor *home = v->fetch->req->core->reactor;
	if (v->woken)
		return;
	v->woken = true;
	if (v->there->reactor == home) {
		wake_run(home, &v->wake);
		return;
	}
	v->wake.run = wake_run;
	reactor_post(v->there->reactor, home, &v->wake);
}

static void part_woken(struct partition_wait *w)
{
	wake_up(container_of(w, struct fetch_part, wait)->visit);
}

/* A partition that has changed since it was read, or is gone, wakes at once. */
static void visit_park(struct reactor *here, struct msg *m)
{
	struct visit *v = container_of(m, struct visit, park);
	must(here == v->there->reactor && !v->parked);
	v->parked = true;
	v->woken = false;
	for (struct fetch_part *p = v->first; p; p = p->next) {
		struct partition *at = replicas_find(v->there->replicas, p->topic, p->wish->partition);
		p->wait = (struct partition_wait){ .wake = part_woken };
		if (at && partition_read_limit(at, v->fetch->isolation) == p->read.upper)
			partition_wait(at, &p->wait);
		else
			wake_up(v);
	}
}

/* ---- accepting core: rounds ---- */

static void send_visits(struct fetch *f, void (*run)(struct reactor *here, struct msg *m), size_t msg_offset)
{
	struct api_core *here = f->req->core;
	for (int core = 0; core < here->api->n_cores; core++) {
		struct visit *v = &f->visits[core];
		struct msg *m = (struct msg *)(void *)((char *)v + msg_offset);
		if (!v->fetch)
			continue;
		m->run = run;
		if (v->there == here)
			run(here->reactor, m);
		else
			reactor_post(here->reactor, v->there->reactor, m);
	}
}

static void round_begin(struct fetch *f)
{
	must(!f->reading && f->visits_out == 0);
	f->reading = true;
	f->visits_out = 1; /* this function itself */
	for (int core = 0; core < f->req->core->api->n_cores; core++)
		f->visits_out += f->visits[core].fetch != NULL;
	send_visits(f, visit_read, offsetof(struct visit, read));
	if (--f->visits_out == 0)
		round_done(f);
}

static void again(struct reactor *here, struct deferred *d)
{
	struct fetch *f = container_of(d, struct fetch, again);
	must(here == f->req->core->reactor);
	round_begin(f);
}

static void deadline(struct reactor *here, struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, deadline);
	struct api_waits *waits = &f->req->core->waits;
	if (f->replica_id >= 0)
		waits->follower_expired++;
	else
		waits->consumer_expired++;
	if (!f->reading)
		reactor_defer(here, &f->again);
}

/* Whether the answer may leave as it is. */
static bool is_enough(const struct fetch *f)
{
	uint64_t bytes = 0;
	if (f->msg.max_wait_ms <= 0 || f->plan.n == 0)
		return true;
	for (size_t i = 0; i < f->plan.n; i++) {
		const struct fetch_part *p = &f->parts[i];
		if (!p->visit || p->error || p->diverges)
			return true;
		bytes += p->read.slice.n;
	}
	if (bytes >= f->wanted)
		return true;
	return f->has_deadline && reactor_now_ns(f->req->core->reactor) >= f->deadline_ns;
}

static void respond(struct fetch *f);

static void round_done(struct fetch *f)
{
	struct reactor *here = f->req->core->reactor;
	f->reading = false;
	if (is_enough(f)) {
		timer_cancel(here, &f->deadline);
		f->req->core->waits.fetch -= f->has_deadline;
		reactor_undefer(here, &f->again);
		respond(f);
		return;
	}
	if (!f->has_deadline) {
		int64_t wait_ms = min_of(f->msg.max_wait_ms, WAIT_MAX_MS);
		f->has_deadline = true;
		f->req->core->waits.fetch++;
		f->deadline_ns = reactor_now_ns(here) + wait_ms * 1000000;
		timer_arm(here, &f->deadline, wait_ms);
	}
	send_visits(f, visit_park, offsetof(struct visit, park));
}

/* ---- accepting core: the answer ---- */

/* What a version may not have: zstd, as the topic's setting goes, and batches of format 2 before v4. Those
 * are not turned into older formats here, which 3.9 does unless message.downconversion.enable is false. */
static enum kerr check_version(const struct fetch *f, const struct fetch_part *p)
{
	int version = f->req->version;
	if (version >= VERSION_ZSTD || !p->visit || p->diverges)
		return KERR_NONE;
	const struct meta_topic *t = meta_topic(f->req->core->meta, p->topic);
	const struct topic_config *config = t && t->settings ? t->settings->config : NULL;
	if (config && config->compression == COMPRESSION_ZSTD)
		return KERR_UNSUPPORTED_COMPRESSION_TYPE;
	if (version >= VERSION_FORMAT_2)
		return KERR_NONE;
	bool never = f->replica_id < 0 && config && !config->message_downconversion_enable;
	return never || p->read.slice.n > 0 ? KERR_UNSUPPORTED_VERSION : KERR_NONE;
}

/* Moves what was read into the answer, as far as the budget goes over all home cores. */
static void take_records(struct fetch *f, struct fetch_part *p, uint64_t *taken)
{
	struct log_slice *slice = &p->read.slice;
	enum kerr error = check_version(f, p);
	if (error) {
		p->withheld = true;
		settle(p, error);
	}
	/* Each home core reads its first batch whole; only the first of all is owed to the reader. */
	bool within = slice->n <= (uint64_t)max_of(p->wish->max_bytes, 0) && *taken + slice->n <= f->budget;
	bool fits = *taken == 0 || within;
	if (p->error || !fits || slice->n == 0)
		return;
	*taken += slice->n;
	chain_add_file(&p->records, slice->fd, slice->position, slice->n, slice->hold);
	slice->hold = NULL;
}

static void fill_aborted(struct fetch *f, const struct fetch_part *p, struct fetch_response_partition *out)
{
	bool unread = !p->visit || p->withheld; /* not null then, by an accident of 3.9's */
	out->n_aborted_transactions = unread || (f->isolation == READ_COMMITTED && !p->error) ? 0 : -1;
	if (p->error || p->read.n_aborted == 0)
		return;
	out->aborted_transactions = arena_array(&f->req->arena, p->read.n_aborted,
						sizeof *out->aborted_transactions);
	if (!out->aborted_transactions)
		return;
	out->n_aborted_transactions = (int32_t)p->read.n_aborted;
	for (uint32_t i = 0; i < p->read.n_aborted; i++)
		out->aborted_transactions[i] = (struct fetch_response_aborted_transaction){
			p->read.aborted[i].producer_id, p->read.aborted[i].first_offset };
}

static void fill_leader(struct fetch *f, const struct fetch_part *p, struct fetch_response_partition *out)
{
	struct told_leader at;
	bool moved = p->error == KERR_NOT_LEADER_OR_FOLLOWER || p->error == KERR_FENCED_LEADER_EPOCH;
	if (f->req->version < VERSION_TELLS_LEADER || !moved ||
	    !told_leader(f->req, p->topic, p->wish->partition, &at))
		return;
	out->current_leader.leader_id = at.id;
	out->current_leader.leader_epoch = at.epoch;
}

static void fill_partition(struct fetch *f, struct fetch_part *p, struct fetch_response_partition *out)
{
	fetch_response_partition_defaults(out);
	out->partition_index = p->wish->partition;
	out->error_code = (int16_t)p->error;
	out->high_watermark = p->high_watermark;
	out->last_stable_offset = p->last_stable;
	out->log_start_offset = p->log_start;
	fill_aborted(f, p, out);
	if (p->diverges) {
		out->diverging_epoch.epoch = p->diverging_epoch;
		out->diverging_epoch.end_offset = p->diverging_end;
	}
	out->records.bytes = p->withheld ? SLICE_NULL : slice_of("", 0);
	if (p->records.bytes > 0)
		out->records.links = &p->records;
	fill_leader(f, p, out);
}

static bool same_topic(const struct fetch *f, const struct fetch_part *a, const struct fetch_part *b)
{
	if (f->req->version >= VERSION_BY_ID)
		return uuid_eq(&a->wish->topic_id, &b->wish->topic_id);
	return slice_eq(a->topic, b->topic);
}

/* Where the leaders are that the answer names: `all` are its partitions. */
static void fill_endpoints(struct request *req, const struct fetch_response_partition *all, size_t n,
			   struct fetch_response *out)
{
	struct told_endpoints told = { .req = req };
	for (size_t i = 0; i < n; i++)
		if (all[i].current_leader.leader_id >= 0)
			told_endpoints_add(&told, all[i].current_leader.leader_id);
	out->node_endpoints = arena_array(&req->arena, (size_t)told.n, sizeof *out->node_endpoints);
	for (int i = 0; out->node_endpoints && i < told.n; i++)
		out->node_endpoints[out->n_node_endpoints++] = (struct fetch_response_node_endpoint){
			told.v[i].id, told.v[i].host, told.v[i].port, told.v[i].rack };
}

/* Partitions that are told, neighbours of one topic together. */
static void fill_topics(struct fetch *f, const struct fetch_outcome *outcomes, struct fetch_response *out,
			struct fetch_response_partition *all)
{
	struct fetch_response_partition *first = all;
	struct fetch_response_topic *topic = NULL;
	const struct fetch_part *before = NULL;
	for (size_t i = 0; i < f->plan.n; i++) {
		struct fetch_part *p = &f->parts[i];
		if (outcomes[i].omit)
			continue;
		if (!before || !same_topic(f, before, p)) {
			topic = &out->responses[out->n_responses++];
			*topic = (struct fetch_response_topic){ p->topic, p->wish->topic_id, all, 0 };
		}
		fill_partition(f, p, all++);
		topic->n_partitions++;
		before = p;
	}
	if (f->req->version >= VERSION_TELLS_LEADER)
		fill_endpoints(f->req, first, (size_t)(all - first), out);
}

/* Also what was to be told and is not. */
static void free_reads(struct fetch *f)
{
	for (size_t i = 0; i < f->plan.n; i++) {
		chain_clear(&f->parts[i].records);
		drop_read(&f->parts[i]);
	}
}

static void send_error(struct request *req, enum kerr error)
{
	struct fetch_response out;
	fetch_response_defaults(&out);
	out.error_code = (int16_t)error;
	fetch_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* The topic of a part that there is something to say of; NULL for the many that have nothing new. */
static const struct meta_topic *find_topic(const struct fetch *f, const struct fetch_part *p)
{
	return p->error || p->read.slice.n > 0 ? meta_topic(f->req->core->meta, p->topic) : NULL;
}

/* Not a client that must find the leader or its offset, or a disk that has a metric of its own. */
static bool is_failure(enum kerr error)
{
	switch (error) {
	case KERR_NONE:
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
	case KERR_UNKNOWN_TOPIC_ID:
	case KERR_INCONSISTENT_TOPIC_ID:
	case KERR_NOT_LEADER_OR_FOLLOWER:
	case KERR_FENCED_LEADER_EPOCH:
	case KERR_UNKNOWN_LEADER_EPOCH:
	case KERR_OFFSET_OUT_OF_RANGE:
	case KERR_KAFKA_STORAGE_ERROR:
		return false;
	default:
		return true;
	}
}

static void count(const struct fetch *f, const struct fetch_part *p, const struct meta_topic *topic)
{
	struct metrics_core *m = f->req->core->metrics;
	struct topic_counts *counts = topic ? topic->counts : NULL;
	if (is_failure(p->error))
		metric_add_topic(m, counts, METRIC_FAILED_FETCH, 1);
	if (f->replica_id >= 0)
		metric_add(m, METRIC_REPLICATION_BYTES_OUT, p->records.bytes);
	else
		metric_add_topic(m, counts, METRIC_BYTES_OUT, p->records.bytes);
}

static void fill_outcomes(struct fetch *f, struct fetch_outcome *outcomes)
{
	uint64_t taken = 0;
	for (size_t i = 0; i < f->plan.n; i++) {
		struct fetch_part *p = &f->parts[i];
		if (!p->visit)
			p->error = p->refused;
		const struct meta_topic *topic = find_topic(f, p);
		take_records(f, p, &taken);
		count(f, p, topic);
		outcomes[i] = (struct fetch_outcome){ .has_records = p->records.bytes > 0,
						      .must_tell = p->error || p->diverges,
						      .high_watermark = p->high_watermark,
						      .log_start_offset = p->log_start };
	}
}

static void refuse_large(struct fetch *f)
{
	free_reads(f);
	request_refuse_large(f->req);
}

static void respond(struct fetch *f)
{
	struct request *req = f->req;
	struct fetch_response out;
	enum kerr error;
	fetch_response_defaults(&out);
	struct fetch_outcome *outcomes = arena_array(&req->arena, f->plan.n, sizeof *outcomes);
	struct fetch_response_partition *all = arena_array(&req->arena, f->plan.n, sizeof *all);
	out.responses = arena_array(&req->arena, f->plan.n, sizeof *out.responses);
	if (!outcomes || !all || !out.responses) {
		refuse_large(f);
		return;
	}
	fill_outcomes(f, outcomes);
	out.session_id = session_finish(req->core->sessions, &f->plan, &f->session, outcomes,
					reactor_now_ns(req->core->reactor) / 1000000, api_random(req->core),
					&error);
	if (error) {
		free_reads(f);
		send_error(req, error);
		return;
	}
	fill_topics(f, outcomes, &out, all);
	if (arena_overflowed(&req->arena)) { /* aborted transactions may be missing in it */
		refuse_large(f);
		return;
	}
	fetch_response_encode(response_begin(req), req->version, &out);
	free_reads(f);
	response_send(req);
}

/* ---- accepting core: the request ---- */

/* The same error for every partition of the request, which versions that know topics by name spell out. */
static void refuse_whole(struct fetch *f, enum kerr error)
{
	struct request *req = f->req;
	struct fetch_response out;
	fetch_response_defaults(&out);
	out.error_code = (int16_t)error;
	out.session_id = f->msg.session_id;
	int32_t n = req->version < VERSION_BY_ID ? f->msg.n_topics : 0;
	out.responses = arena_array(&req->arena, (size_t)n, sizeof *out.responses);
	struct fetch_response_partition *all = arena_array(&req->arena, f->session.n_wishes, sizeof *all);
	for (int32_t t = 0; out.responses && all && t < n; t++) {
		const struct fetch_request_topic *from = &f->msg.topics[t];
		out.responses[out.n_responses++] =
			(struct fetch_response_topic){ from->topic, from->topic_id, all, from->n_partitions };
		for (int32_t i = 0; i < from->n_partitions; i++, all++) {
			fetch_response_partition_defaults(all);
			all->partition_index = from->partitions[i].partition;
			all->error_code = (int16_t)error;
			all->high_watermark = -1;
		}
	}
	fetch_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static void to_home(struct fetch *f, struct fetch_part *p)
{
	struct api *api = f->req->core->api;
	int home = shard_home(p->topic, p->wish->partition, api->n_cores);
	struct visit *v = &f->visits[home];
	if (!v->fetch)
		*v = (struct visit){ .fetch = f, .there = api->cores[home], .last = &v->first };
	p->visit = v;
	*v->last = p;
	v->last = &p->next;
}

static enum kerr resolve(struct fetch *f, struct fetch_part *p)
{
	const struct api_core *here = f->req->core;
	const struct meta_topic *t;
	p->topic = p->wish->topic;
	if (f->req->version < VERSION_BY_ID) {
		t = meta_topic(here->meta, p->topic);
	} else {
		t = meta_topic_by_id(here->meta, &p->wish->topic_id);
		if (!t)
			return KERR_UNKNOWN_TOPIC_ID;
		/* The name is copied, because the snapshot may go while the request is parked. */
		p->topic = slice_of(arena_strdup(&f->req->arena, slice_of(t->name, t->name_bytes)),
				    t->name_bytes);
		if (!p->topic.p)
			return KERR_UNKNOWN_SERVER_ERROR;
	}
	if (!meta_topic_partition(t, p->wish->partition))
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	metric_add_topic(here->metrics, t->counts, METRIC_TOTAL_FETCH, 1);
	return KERR_NONE;
}

static bool make_parts(struct fetch *f)
{
	struct request *req = f->req;
	f->parts = arena_array(&req->arena, f->plan.n, sizeof *f->parts);
	f->visits = arena_array(&req->arena, (size_t)req->core->api->n_cores, sizeof *f->visits);
	if ((!f->parts && f->plan.n) || !f->visits)
		return false;
	for (size_t i = 0; i < f->plan.n; i++) {
		struct fetch_part *p = &f->parts[i];
		*p = (struct fetch_part){ .wish = &f->plan.wishes[i], .high_watermark = -1, .last_stable = -1,
					  .log_start = -1 };
		chain_init(&p->records);
		p->refused = resolve(f, p);
		if (!p->refused)
			to_home(f, p);
	}
	return true;
}

static struct fetch_wish *wishes_of(struct request *req, const struct fetch_request *msg, size_t *n)
{
	*n = 0;
	for (int32_t t = 0; t < msg->n_topics; t++)
		*n += (size_t)msg->topics[t].n_partitions;
	struct fetch_wish *wishes = arena_array(&req->arena, *n, sizeof *wishes), *w = wishes;
	for (int32_t t = 0; wishes && t < msg->n_topics; t++)
		for (int32_t i = 0; i < msg->topics[t].n_partitions; i++) {
			const struct fetch_request_partition *p = &msg->topics[t].partitions[i];
			*w++ = (struct fetch_wish){ msg->topics[t].topic, msg->topics[t].topic_id,
						    p->partition, p->current_leader_epoch,
						    p->last_fetched_epoch, p->fetch_offset,
						    p->log_start_offset, p->partition_max_bytes };
		}
	return wishes;
}

static struct fetch_wish *forgotten_of(struct request *req, const struct fetch_request *msg, size_t *n)
{
	*n = 0;
	for (int32_t t = 0; t < msg->n_forgotten_topics_data; t++)
		*n += (size_t)msg->forgotten_topics_data[t].n_partitions;
	struct fetch_wish *wishes = arena_array(&req->arena, *n, sizeof *wishes), *w = wishes;
	for (int32_t t = 0; wishes && t < msg->n_forgotten_topics_data; t++)
		for (int32_t i = 0; i < msg->forgotten_topics_data[t].n_partitions; i++)
			*w++ = (struct fetch_wish){ .topic = msg->forgotten_topics_data[t].topic,
						    .topic_id = msg->forgotten_topics_data[t].topic_id,
						    .partition =
							    msg->forgotten_topics_data[t].partitions[i] };
	return wishes;
}

static void prepare(struct fetch *f)
{
	struct request *req = f->req;
	struct fetch_request *msg = &f->msg;
	f->replica_id = req->version >= VERSION_REPLICA_STATE ? msg->replica_state.replica_id
		: msg->replica_id;
	req->also = f->replica_id >= 0 ? TALLY_FETCH_FOLLOWER : TALLY_FETCH_CONSUMER;
	f->isolation = msg->isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;
	if (f->replica_id >= 0 || f->replica_id == DEBUGGING_REPLICA)
		f->isolation = READ_AS_FOLLOWER;
	f->budget = (uint64_t)max_of(min_of(msg->max_bytes, req->core->api->config->fetch_max_bytes), 0);
	f->wanted = min_of((uint64_t)max_of(msg->min_bytes, 0), f->budget);
	f->deadline.fire = deadline;
	f->again.run = again;
	f->session = (struct session_request){ .id = msg->session_id, .epoch = msg->session_epoch,
					       .by_topic_id = req->version >= VERSION_BY_ID,
					       .privileged = f->replica_id >= 0 };
	f->session.wishes = wishes_of(req, msg, &f->session.n_wishes);
	f->session.forgotten = forgotten_of(req, msg, &f->session.n_forgotten);
}

void handle_fetch(struct request *req)
{
	struct fetch *f = request_state(req, sizeof *f);
	f->req = req;
	if (!request_decode_ok(req, fetch_request_decode(&req->body, req->version, &f->msg)))
		return;
	prepare(f);
	if (arena_overflowed(&req->arena)) {
		request_refuse_large(req);
		return;
	}
	if (f->isolation != READ_AS_FOLLOWER && f->msg.isolation_level != 0 && f->msg.isolation_level != 1) {
		refuse_whole(f, KERR_UNKNOWN_SERVER_ERROR); /* as 3.9 */
		return;
	}
	f->plan = session_begin(req->core->sessions, &f->session,
				reactor_now_ns(req->core->reactor) / 1000000, &req->arena);
	if (f->plan.error) {
		send_error(req, f->plan.error);
		return;
	}
	if (!make_parts(f)) {
		request_refuse_large(req);
		return;
	}
	round_begin(f);
}
