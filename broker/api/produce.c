/* produce.c - records in. Facts: KafkaApis.handleProduceRequest and ReplicaManager.appendRecords of 3.9.
 *
 *	accepting core: decode, check each batch where its bytes arrived, group by home core
 *	home core:      one hop: append what the hop carries; done when all of it is written (and, with
 *	                acks=all, below the high watermark)
 *	accepting core: when the last hop is back, the answer
 *
 * A hop to the core itself is a call, to another core a message embedded in the request.
 */
#include "broker/api/api.h"
#include "broker/api/handlers.h"
#include "broker/api/leaders.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "broker/cluster/shard.h"
#include "broker/protocol/batch.h"

#include "produce.kmsg.h"

enum {
	ACKS_ALL = -1,
	ACKS_NONE = 0,
	ACKS_LEADER = 1,
	BATCH_INFLATED_MAX = 512 * 1024 * 1024, /* most bytes that one compressed batch may come to */
	VERSION_TELLS_LEADER = 10,
};

/* One partition of the request, with its result. */
struct part {
	struct part *next;             /* of its hop */
	const struct produce_request_topic *topic;
	const struct produce_request_partition *from;
	struct hop *hop;
	struct batch_checked checked;
	struct partition_append append;
	struct buf *rebuilt;           /* in the topic's codec and format 2; NULL: the frame's own bytes */
	enum kerr error;
	int64_t log_start_offset;
	int64_t log_append_time;
};

/* What goes to one home core. */
struct hop {
	struct msg msg;
	struct timer timeout;
	struct request *req;
	struct api_core *there;
	struct part *first, **last;
	int pending;                   /* appends not yet done */
	bool waits;                    /* with acks=all, until they are committed */
};

struct produce {
	struct produce_request msg;
	struct part *parts;
	int n_parts;
	struct hop *hops;              /* beside the cores */
	int hops_out;
};

/* ---- the answer: accepting core ---- */

static void fill_errors(struct request *req, const struct part *p, struct produce_response_partition *out)
{
	if (p->checked.why)
		out->error_message = slice_str(p->checked.why);
	out->record_errors = arena_array(&req->arena, p->checked.bad_count, sizeof *out->record_errors);
	if (!out->record_errors)
		return;
	out->n_record_errors = (int32_t)p->checked.bad_count;
	for (uint32_t i = 0; i < p->checked.bad_count; i++) {
		out->record_errors[i].batch_index = p->checked.bad[i].index;
		out->record_errors[i].batch_index_error_message = slice_str(p->checked.bad[i].why);
	}
}

static void fill_leader(struct request *req, const struct part *p, struct produce_response_partition *out)
{
	struct told_leader at;
	if (req->version < VERSION_TELLS_LEADER || p->error != KERR_NOT_LEADER_OR_FOLLOWER ||
	    !told_leader(req, p->topic->name, p->from->index, &at))
		return;
	out->current_leader.leader_id = at.id;
	out->current_leader.leader_epoch = at.epoch;
}

static void fill_partition(struct request *req, const struct part *p, struct produce_response_partition *out)
{
	produce_response_partition_defaults(out);
	out->index = p->from->index;
	out->error_code = (int16_t)p->error;
	out->base_offset = -1;
	out->log_start_offset = p->log_start_offset;
	if (p->error) {
		fill_errors(req, p, out);
		fill_leader(req, p, out);
		return;
	}
	out->base_offset = p->append.op.base_offset;
	out->log_append_time_ms = p->log_append_time;
}

/* Where the leaders are that the answer names. */
static void fill_endpoints(struct request *req, const struct produce_response_partition *all, int n,
			   struct produce_response *out)
{
	struct told_endpoints told = { .req = req };
	for (int i = 0; i < n; i++)
		if (all[i].current_leader.leader_id >= 0)
			told_endpoints_add(&told, all[i].current_leader.leader_id);
	out->node_endpoints = arena_array(&req->arena, (size_t)told.n, sizeof *out->node_endpoints);
	for (int i = 0; out->node_endpoints && i < told.n; i++)
		out->node_endpoints[out->n_node_endpoints++] = (struct produce_response_node_endpoint){
			told.v[i].id, told.v[i].host, told.v[i].port, told.v[i].rack };
}

static void respond(struct request *req, struct produce *s)
{
	struct produce_response out;
	produce_response_defaults(&out);
	out.n_responses = s->msg.n_topic_data;
	out.responses = arena_array(&req->arena, (size_t)out.n_responses, sizeof *out.responses);
	struct produce_response_partition *all =
		arena_array(&req->arena, (size_t)s->n_parts, sizeof *all);
	if (!out.responses || !all) {
		request_refuse_large(req);
		return;
	}
	for (int t = 0, i = 0; t < out.n_responses; t++) {
		int32_t n = s->msg.topic_data[t].n_partition_data;
		out.responses[t] = (struct produce_response_topic){ s->msg.topic_data[t].name, all + i, n };
		for (int32_t k = 0; k < n; k++, i++)
			fill_partition(req, &s->parts[i], &all[i]);
	}
	if (req->version >= VERSION_TELLS_LEADER)
		fill_endpoints(req, all, s->n_parts, &out);
	produce_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

/* With acks=0 the only way to tell of an error is to end the connection. */
static void finish_silently(struct request *req, const struct produce *s)
{
	for (int i = 0; i < s->n_parts; i++)
		if (s->parts[i].error) {
			log_info("kafka.server.KafkaApis", "Closing a connection whose produce request with "
				 "acks=0 failed for %s-%d: %s.", log_safe(s->parts[i].topic->name).s,
				 s->parts[i].from->index, kerr_name(s->parts[i].error));
			conn_close(req->conn, "produce with acks=0 failed");
			break;
		}
	response_none(req);
}

/* Not a client that must find the leader, a batch that is counted otherwise or corrupt, or a disk that has a
 * metric of its own. */
static bool is_failure(enum kerr error)
{
	switch (error) {
	case KERR_NONE:
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
	case KERR_NOT_LEADER_OR_FOLLOWER:
	case KERR_MESSAGE_TOO_LARGE:
	case KERR_RECORD_LIST_TOO_LARGE:
	case KERR_CORRUPT_MESSAGE:
	case KERR_KAFKA_STORAGE_ERROR:
	case KERR_INVALID_REQUIRED_ACKS:
		return false;
	default:
		return true;
	}
}

/* As LogValidatorMetricsRecorder and UnifiedLog.analyzeAndValidateRecords, which count all topics only. */
static void count_faults(struct metrics_core *m, struct topic_counts *counts,
			 const struct batch_checked *checked)
{
	static const enum metric by_fault[BATCH_FAULTS] = {
		[BATCH_FAULT_NO_KEY] = METRIC_NO_KEY, [BATCH_FAULT_MAGIC] = METRIC_BAD_MAGIC,
		[BATCH_FAULT_CRC] = METRIC_BAD_CRC, [BATCH_FAULT_OFFSET] = METRIC_BAD_OFFSET };
	for (int i = 0; i < BATCH_FAULTS; i++)
		if (checked->faults[i] > 0)
			metric_add_topic(m, counts, by_fault[i], checked->faults[i]);
}

/* A batch whose time is up before it is committed was appended nevertheless. */
static void count(struct request *req, const struct part *p)
{
	const struct meta_topic *topic = meta_topic(req->core->meta, p->topic->name);
	struct metrics_core *m = req->core->metrics;
	if (!topic)
		return;
	metric_add_topic(m, topic->counts, METRIC_TOTAL_PRODUCE, 1);
	if (is_failure(p->error))
		metric_add_topic(m, topic->counts, METRIC_FAILED_PRODUCE, 1);
	if (p->error == KERR_MESSAGE_TOO_LARGE)
		metric_add_topic(m, topic->counts, METRIC_BYTES_REJECTED, p->from->records.bytes.n);
	if (p->error == KERR_NONE || p->error == KERR_REQUEST_TIMED_OUT) {
		metric_add_topic(m, topic->counts, METRIC_MESSAGES_IN, (uint64_t)p->checked.count);
		metric_add_topic(m, topic->counts, METRIC_BYTES_IN, p->from->records.bytes.n);
		if (p->checked.rebuild)
			metric_add_topic(m, topic->counts, METRIC_PRODUCE_CONVERSIONS,
					 (uint64_t)p->checked.count);
	} else {
		count_faults(m, topic->counts, &p->checked);
	}
}

static void finish(struct request *req)
{
	struct produce *s = req->state;
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		buf_put(p->rebuilt);
		p->rebuilt = NULL;
		count(req, p);
	}
	if (s->msg.acks == ACKS_NONE)
		finish_silently(req, s);
	else
		respond(req, s);
}

static void hop_back(struct reactor *here, struct msg *m)
{
	struct hop *hop = container_of(m, struct hop, msg);
	struct produce *s = hop->req->state;
	must(here == hop->req->core->reactor && s->hops_out > 0);
	if (--s->hops_out == 0)
		finish(hop->req);
}

/* ---- appending: home core ---- */

static void hop_done(struct hop *hop)
{
	timer_cancel(hop->there->reactor, &hop->timeout);
	hop->there->waits.produce -= hop->waits;
	if (hop->there == hop->req->core) {
		hop_back(hop->there->reactor, &hop->msg);
		return;
	}
	hop->msg.run = hop_back;
	reactor_post(hop->there->reactor, hop->req->core->reactor, &hop->msg);
}

static void appended(struct partition_append *a)
{
	struct part *p = container_of(a, struct part, append);
	const struct partition *at = a->partition;
	p->error = a->op.error;
	p->log_start_offset = log_start_offset(at->log);
	if (a->op.duplicate || at->settings->config->log_append_time)
		p->log_append_time = a->op.timestamp;
	must(p->hop->pending > 0);
	if (--p->hop->pending == 0)
		hop_done(p->hop);
}

static void append(struct part *p, bool all)
{
	struct partition *at = replicas_find(p->hop->there->replicas, p->topic->name, p->from->index);
	if (!at || (p->error && !partition_is_leader(at))) {
		p->error = KERR_NOT_LEADER_OR_FOLLOWER;
		return;
	}
	if (p->error) { /* refused already; it came for the log's start */
		p->log_start_offset = log_start_offset(at->log);
		return;
	}
	struct slice bytes = slice_of(p->checked.batch.p, p->checked.batch.n);
	if (p->rebuilt)
		bytes = slice_of(p->rebuilt->bytes, p->rebuilt->used);
	p->append = (struct partition_append){ .all = all, .done = appended };
	/* the frame is ours to write over: see conn_events.on_frame */
	p->append.op.bytes = (uint8_t *)bytes.p;
	p->append.op.n = bytes.n;
	p->append.op.log_append_time = at->settings->config->log_append_time;
	p->append.op.max_timestamp = p->checked.max_timestamp;
	p->append.op.origin = LOG_FROM_CLIENT;
	p->hop->pending++;
	p->error = partition_append(at, &p->append);
	if (p->error) {
		p->hop->pending--;
		p->log_start_offset = log_start_offset(at->log);
	}
}

static void timed_out(struct reactor *here, struct timer *t)
{
	struct hop *hop = container_of(t, struct hop, timeout);
	must(here == hop->there->reactor);
	int abandoned = 0;
	for (struct part *p = hop->first; p; p = p->next)
		if (!p->error && partition_append_abandon(&p->append)) {
			p->error = KERR_REQUEST_TIMED_OUT;
			abandoned++;
		}
	hop->there->waits.produce_expired += (uint64_t)abandoned;
	hop->pending -= abandoned;
	if (abandoned > 0 && hop->pending == 0)
		hop_done(hop);
}

static void hop_run(struct reactor *here, struct msg *m)
{
	struct hop *hop = container_of(m, struct hop, msg);
	struct produce *s = hop->req->state;
	must(here == hop->there->reactor);
	hop->pending = 1; /* this function itself */
	for (struct part *p = hop->first; p; p = p->next)
		append(p, s->msg.acks == ACKS_ALL);
	if (s->msg.acks == ACKS_ALL && hop->pending > 1) {
		hop->waits = true;
		hop->there->waits.produce++;
		timer_arm(here, &hop->timeout, max_of(s->msg.timeout_ms, 0));
	}
	if (--hop->pending == 0)
		hop_done(hop);
}

/* ---- checking: accepting core ---- */

static struct batch_rules rules_of(const struct topic_config *c)
{
	int level = CODEC_LEVEL_DEFAULT;
	if (c->compression == COMPRESSION_GZIP)
		level = c->compression_gzip_level;
	else if (c->compression == COMPRESSION_LZ4)
		level = c->compression_lz4_level;
	else if (c->compression == COMPRESSION_ZSTD)
		level = c->compression_zstd_level;
	return (struct batch_rules){
		.codec = c->compression == COMPRESSION_PRODUCER ? BATCH_CODEC_KEEP : (int)c->compression,
		.level = level,
		.log_append_time = c->log_append_time,
		.compacted = c->compact,
		.before_max_ms = c->message_timestamp_before_max_ms,
		.after_max_ms = c->message_timestamp_after_max_ms,
		.max_message_bytes = c->max_message_bytes,
		.inflated_max = BATCH_INFLATED_MAX,
	};
}

/* The only reading of the clock that a request of records costs beyond its turn's, and only here. */
static enum kerr rebuild(struct request *req, struct part *p, const struct batch_rules *rules, int64_t now_ms)
{
	int64_t began_ns = sys_mono_ns();
	enum kerr error = batch_rebuild(req->core->codecs, &p->checked, rules, now_ms, &p->rebuilt,
					&p->checked.why);
	req->converted.ns += max_of(sys_mono_ns() - began_ns, INT64_C(0));
	if (p->rebuilt)
		req->converted.bytes += p->rebuilt->used;
	return error;
}

static enum kerr check_records(struct request *req, struct part *p, const struct topic_config *config)
{
	struct batch_rules rules = rules_of(config);
	int64_t now_ms = reactor_wall_ms(req->core->reactor);
	enum kerr error = batch_check(req->core->codecs, &req->arena, req->version, p->from->records.bytes,
				      &rules, now_ms, &p->checked);
	if (error || p->checked.batch.n == 0)
		return error;
	if (batch_is_transactional(&p->checked.batch)) {
		p->checked.why = "Transactions are not served by this broker.";
		return KERR_INVALID_TXN_STATE;
	}
	if (p->checked.rebuild)
		error = rebuild(req, p, &rules, now_ms);
	return error;
}

/* Topics of the broker's own are written by itself, and by an admin who says so by the client id. */
static bool may_write(const struct request *req, struct slice topic)
{
	return !name_is_internal(topic) || slice_is(req->client_id, "__admin_client");
}

static enum kerr check(struct request *req, struct part *p)
{
	const struct produce *s = req->state;
	const struct meta_topic *topic = meta_topic(req->core->meta, p->topic->name);
	if (!meta_topic_partition(topic, p->from->index))
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (!topic->settings)
		return KERR_NOT_LEADER_OR_FOLLOWER; /* settings are known wherever a replica is */
	enum kerr error = check_records(req, p, topic->settings->config);
	if (error && !p->checked.framed)
		return error;
	bool acks_fit = s->msg.acks >= ACKS_ALL && s->msg.acks <= ACKS_LEADER;
	if (!acks_fit || !may_write(req, p->topic->name)) {
		p->checked = (struct batch_checked){ 0 };
		return acks_fit ? KERR_INVALID_TOPIC_EXCEPTION : KERR_INVALID_REQUIRED_ACKS;
	}
	return error;
}

/* Whether the partition's home must be asked: to append, or, as 3.9 does where the log itself would find the
 * fault, for the start of the log. */
static bool goes_home(const struct part *p)
{
	if (p->checked.batch.n == 0)
		return false;
	return !p->error ||
	       (p->checked.framed && p->error != KERR_MESSAGE_TOO_LARGE && p->error != KERR_CORRUPT_MESSAGE);
}

/* What ends the whole request: a first batch that cannot be framed, or a transaction without its id. */
static enum kerr check_whole(const struct produce *s, const char **why)
{
	bool transactional = false, idempotent;
	for (int i = 0; i < s->n_parts && !transactional; i++) {
		struct slice records = s->parts[i].from->records.bytes;
		enum kerr error = batch_first_flags(records, &transactional, &idempotent, why);
		if (error)
			return error;
	}
	if (!transactional || !slice_is_null(s->msg.transactional_id))
		return KERR_NONE;
	*why = "A batch is transactional, and the request names no transactional id.";
	return KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

static void to_home(struct request *req, struct part *p)
{
	struct produce *s = req->state;
	struct api *api = req->core->api;
	int home = shard_home(p->topic->name, p->from->index, api->n_cores);
	struct hop *hop = &s->hops[home];
	if (!hop->req) {
		*hop = (struct hop){ .req = req, .there = api->cores[home], .last = &hop->first };
		hop->timeout.fire = timed_out;
		s->hops_out++;
	}
	p->hop = hop;
	*hop->last = p;
	hop->last = &p->next;
}

static bool collect(struct request *req, struct produce *s)
{
	for (int32_t t = 0; t < s->msg.n_topic_data; t++)
		s->n_parts += s->msg.topic_data[t].n_partition_data;
	s->parts = arena_array(&req->arena, (size_t)s->n_parts, sizeof *s->parts);
	s->hops = arena_array(&req->arena, (size_t)req->core->api->n_cores, sizeof *s->hops);
	if (!s->parts || !s->hops)
		return false;
	struct part *p = s->parts;
	for (int32_t t = 0; t < s->msg.n_topic_data; t++)
		for (int32_t i = 0; i < s->msg.topic_data[t].n_partition_data; i++, p++)
			*p = (struct part){ .topic = &s->msg.topic_data[t],
					    .from = &s->msg.topic_data[t].partition_data[i],
					    .log_start_offset = -1, .log_append_time = -1 };
	return true;
}

static void send_hops(struct request *req)
{
	struct produce *s = req->state;
	struct api *api = req->core->api;
	s->hops_out++; /* this function itself, so that the last hop to end is not before the last to begin */
	for (int core = 0; core < api->n_cores; core++) {
		struct hop *hop = &s->hops[core];
		if (!hop->req)
			continue;
		if (hop->there == req->core) {
			hop_run(req->core->reactor, &hop->msg);
		} else {
			hop->msg.run = hop_run;
			reactor_post(req->core->reactor, hop->there->reactor, &hop->msg);
		}
	}
	if (--s->hops_out == 0)
		finish(req);
}

void handle_produce(struct request *req)
{
	struct produce *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, produce_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!collect(req, s)) {
		request_refuse_large(req);
		return;
	}
	const char *why = NULL;
	enum kerr whole = check_whole(s, &why);
	for (int i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		p->append.op.base_offset = -1;
		p->checked.why = why;
		p->error = whole ? whole : check(req, p);
		if (!whole && goes_home(p))
			to_home(req, p);
	}
	send_hops(req);
}
