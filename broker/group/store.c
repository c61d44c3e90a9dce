/* store.c - see store.h. */
#include "broker/group/store.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "broker/group/group.h"
#include "broker/group/group_log.h"

#define STORE_MAGIC 0x5704e5a1u

enum {
	STORE_BATCH_MAX = 256 * 1024 * 1024, /* before compression; max.message.bytes is after it */
	ACKS_ALL = -1,
	ACKS_LEADER = 1,
};

void store_batch(const struct coordinated *at, struct batch_builder *b)
{
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	settings.codec = (enum codec)at->home->config->offsets_topic_compression_codec;
	batch_builder_init(b, at->home->codecs, &settings, STORE_BATCH_MAX);
}

static void finish(struct store *s, enum kerr error)
{
	CHECK_OBJ_NOTNULL(s, STORE_MAGIC);
	timer_cancel(s->at->home->home, &s->timeout);
	buf_put(s->batch);
	s->batch = NULL;
	s->error = error;
	s->done(s);
}

static void appended(struct partition_append *a)
{
	struct store *s = container_of(a, struct store, append);
	s->base_offset = a->op.base_offset;
	finish(s, a->op.error);
}

static void timed_out(struct reactor *here, struct timer *t)
{
	struct store *s = container_of(t, struct store, timeout);
	must(here == s->at->home->home);
	if (partition_append_abandon(&s->append))
		finish(s, KERR_REQUEST_TIMED_OUT);
}

/* What was refused at once is told later in this turn: who stores need not expect its answer inside. */
static void refused(struct reactor *here, struct deferred *d)
{
	struct store *s = container_of(d, struct store, refused);
	must(here == s->at->home->home);
	finish(s, s->error);
}

static enum kerr submit(struct store *s, int acks)
{
	struct coordinator *co = s->at->home;
	struct partition *p = replicas_find(co->replicas, SLICE_LIT(TOPIC_OFFSETS), s->at->index);
	if (!s->batch)
		return KERR_MESSAGE_TOO_LARGE;
	if (!p || s->at->state != COORDINATED_ACTIVE)
		return KERR_NOT_LEADER_OR_FOLLOWER;
	if (acks < ACKS_ALL || acks > ACKS_LEADER)
		return KERR_INVALID_REQUIRED_ACKS;
	const struct topic_config *topic = p->settings->config;
	if (s->batch->used > (uint32_t)topic->max_message_bytes)
		return KERR_MESSAGE_TOO_LARGE;
	struct batch batch = { s->batch->bytes, s->batch->used };
	s->append = (struct partition_append){ .all = acks == ACKS_ALL, .done = appended };
	s->append.op.bytes = s->batch->bytes;
	s->append.op.n = s->batch->used;
	s->append.op.origin = LOG_FROM_COORDINATOR;
	s->append.op.log_append_time = topic->log_append_time;
	s->append.op.max_timestamp = topic->log_append_time ? reactor_wall_ms(co->home)
							    : batch_max_timestamp(&batch);
	return partition_append(p, &s->append);
}

static void append(struct coordinated *at, struct store *s, struct buf *batch, int acks)
{
	struct coordinator *co = at->home;
	reactor_must_be_here(co->home);
	s->magic = STORE_MAGIC;
	s->at = at;
	s->batch = batch;
	s->base_offset = -1;
	s->timeout = (struct timer){ .fire = timed_out };
	s->refused = (struct deferred){ .run = refused };
	s->error = submit(s, acks);
	if (s->error)
		reactor_defer(co->home, &s->refused);
	else if (acks == ACKS_ALL)
		timer_arm(co->home, &s->timeout, co->config->offsets_commit_timeout_ms);
}

void store_append(struct coordinated *at, struct store *s, struct buf *batch)
{
	append(at, s, batch, at->home->config->offsets_commit_required_acks);
}

void store_append_unconfirmed(struct coordinated *at, struct store *s, struct buf *batch)
{
	append(at, s, batch, ACKS_LEADER);
}

/* ---- what clients are told ---- */

static enum kerr common_error(enum kerr error)
{
	switch (error) {
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
	case KERR_NOT_ENOUGH_REPLICAS:
	case KERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
		return KERR_COORDINATOR_NOT_AVAILABLE;
	case KERR_NOT_LEADER_OR_FOLLOWER:
	case KERR_KAFKA_STORAGE_ERROR:
		return KERR_NOT_COORDINATOR;
	default:
		return error;
	}
}

static bool is_too_large(enum kerr error)
{
	return error == KERR_MESSAGE_TOO_LARGE || error == KERR_RECORD_LIST_TOO_LARGE ||
		error == KERR_INVALID_FETCH_SIZE;
}

/* What a failed append of a group's record means to clients. */
static enum kerr meaning_of(enum kerr error)
{
	if (is_too_large(error))
		return KERR_UNKNOWN_SERVER_ERROR;
	return error == KERR_REQUEST_TIMED_OUT ? KERR_REBALANCE_IN_PROGRESS : common_error(error);
}

enum kerr store_offsets_error(enum kerr error)
{
	return is_too_large(error) ? KERR_INVALID_COMMIT_OFFSET_SIZE : common_error(error);
}

/* ---- a group's record ---- */

static void group_stored(struct store *store)
{
	struct group_store *s = container_of(store, struct group_store, store);
	struct group *g = s->group;
	if (is_too_large(store->error))
		log_error(GROUP_METADATA_LOGGER, "Appending metadata message for group %s generation %d "
			  "failed due to %s, returning UNKNOWN error code to the client",
			  log_safe(g->id).s, s->generation, kerr_name(store->error));
	else if (store->error)
		log_debug(GROUP_METADATA_LOGGER, "Metadata from group %s with generation %d failed when "
			  "appending to log due to %s", log_safe(g->id).s, s->generation,
			  kerr_name(store->error));
	s->done(s, meaning_of(store->error));
	free(s);
	group_drop(g);
}

struct group_store *group_store_new(void (*done)(struct group_store *s, enum kerr error))
{
	struct group_store *s = mem_zalloc(sizeof *s);
	s->store.done = group_stored;
	s->done = done;
	return s;
}

void store_group(struct group *g, struct group_store *s)
{
	struct batch_builder b;
	s->group = group_hold(g);
	s->generation = g->generation;
	store_batch(g->home, &b);
	bool added = group_log_add_group(&b, g, reactor_wall_ms(group_reactor(g)));
	store_append(g->home, &s->store, added ? batch_builder_finish(&b) : NULL);
	batch_builder_free(&b);
}
