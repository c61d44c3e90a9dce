/* load.c - reading a partition of __consumer_offsets after its election.
 *
 *	load_start -> waits for its turn -> slice by slice: looked up on the core, read and replayed on a
 *	helper -> the groups are made, on the core -> coordinator_load_over
 *
 * One partition of a core at a time, so that the core's loads together take offsets.load.buffer.size (or the
 * largest batch) and what they have replayed. A disk that cannot be read is told of and asked again until the
 * partition is lost: answering from half of the log would be worse than the COORDINATOR_LOAD_IN_PROGRESS that
 * clients get meanwhile. */
#include "broker/group/load.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/cluster/names.h"
#include "broker/group/coordinator.h"
#include "broker/group/group.h"
#include "broker/group/offsets.h"
#include "broker/group/replay.h"
#include "broker/reactor/fiber.h"

#include <errno.h>
#include <stdio.h>

#define LOAD_MAGIC 0x10adf11eu

enum {
	LOAD_RETRY_MS = 1000,  /* between two tries of a disk that cannot be read */
	LOAD_NAME_BYTES = 40,  /* "__consumer_offsets-2147483647" */
	LOAD_GROUPS_A_TURN = 256, /* are made before the core does something else */
};

struct load {
	unsigned magic;
	struct load *next;         /* coordinator.loads_waiting */
	struct coordinated *at;
	int32_t epoch;
	int64_t asked_ns, began_ns;
	struct fiber_event cancelled;
	struct replay *replay;
	/* one slice */
	struct log_read read;
	struct fiber_event looked_up;
	uint8_t *buffer;
	uint32_t room;
	int error;                 /* of the last slice */
	uint32_t batches;          /* in the last slice */
	uint64_t groups, offsets;  /* given to the partition */
	char name[LOAD_NAME_BYTES];
};

static struct reactor *home_of(const struct load *l)
{
	return l->at->home->home;
}

static bool is_cancelled(const struct load *l)
{
	return l->cancelled.happened;
}

/* ---- reading: core, then helper ---- */

static void looked_up(struct log_read *op)
{
	fiber_event_set(&container_of(op, struct load, read)->looked_up);
}

/* On a helper: the bytes of the slice, replayed. */
static void replay_slice(void *arg)
{
	struct load *l = arg;
	const struct log_slice *slice = &l->read.slice;
	if (slice->n > l->room) {
		l->room = slice->n;
		free(l->buffer);
		l->buffer = mem_try(l->room);
	}
	if (!l->buffer) {
		l->room = 0;
		l->error = -ENOMEM;
		return;
	}
	ssize_t n = sys_pread(slice->fd, l->buffer, slice->n, slice->position);
	l->error = n < 0 ? (int)n : 0;
	if (n > 0)
		l->batches = replay_add(l->replay, slice_of(l->buffer, (size_t)n));
}

/* Its length says that it is larger than what is left of the log. */
static void no_whole_batch(struct load *l)
{
	l->replay->damaged = true;
	log_error(GROUP_METADATA_LOGGER, "%s cannot be read from offset %lld on while offsets and group "
		  "metadata are loaded: the batch there is cut off. What was committed there is not known.",
		  l->name, (long long)l->replay->next_offset);
}

/* One slice from l->replay->next_offset on. 0 when the log has no more, 1, or -errno. */
static int next_slice(struct load *l, struct log *log)
{
	struct coordinator *co = l->at->home;
	if (l->replay->next_offset >= log_end_offset(log) || l->replay->damaged)
		return 0;
	l->read = (struct log_read){ .offset = l->replay->next_offset, .upper = log_end_offset(log),
				     .max_bytes = (uint32_t)co->config->offsets_load_buffer_size,
				     .min_one = true, .done = looked_up };
	fiber_event_init(&l->looked_up);
	if (!log_read(log, &l->read))
		fiber_wait(co->home, &l->looked_up);
	if (l->read.error == KERR_OFFSET_OUT_OF_RANGE)
		return -ERANGE;
	if (l->read.error)
		return -EIO;
	if (!l->read.slice.hold)
		return 0;
	l->error = 0;
	l->batches = 0;
	fiber_offload(co->home, replay_slice, l, "loading groups");
	hold_put(l->read.slice.hold);
	if (l->error)
		return l->error;
	if (l->batches == 0 && !l->replay->damaged)
		no_whole_batch(l);
	return l->batches > 0;
}

/* The log has moved its start past where we are, or its disk does not answer. */
static void after_error(struct load *l, struct log *log, int error)
{
	if (error == -ERANGE && l->replay->next_offset < log_start_offset(log)) {
		l->replay->next_offset = log_start_offset(log);
		return;
	}
	log_error(GROUP_METADATA_LOGGER, "Error loading offsets from %s at offset %lld: %s. Trying again.",
		  l->name, (long long)l->replay->next_offset, strerror(-error));
	fiber_wait_ms(home_of(l), &l->cancelled, LOAD_RETRY_MS);
}

/* The partition's log, looked for anew whenever the core did something else meanwhile. */
static struct log *log_of(const struct load *l)
{
	struct replicas *all = l->at->home->replicas;
	const struct partition *p = replicas_find(all, SLICE_LIT(TOPIC_OFFSETS), l->at->index);
	return p ? p->log : NULL;
}

static void read_log(struct load *l)
{
	struct log *log = log_of(l);
	must(log != NULL); /* a partition that goes away cancels its load before */
	l->replay = replay_new(l->name, &l->at->home->seed, log_start_offset(log));
	while (!is_cancelled(l)) {
		log = log_of(l);
		must(log != NULL);
		int more = next_slice(l, log);
		if (more == 0)
			return;
		if (more < 0 && !is_cancelled(l))
			after_error(l, log, more);
	}
}

/* ---- giving: core ---- */

static bool add_member(struct group *g, const struct group_metadata_value *v,
		       const struct group_metadata_value_member *m)
{
	const struct group_protocol protocol = { v->protocol, m->subscription };
	const struct member_spec spec = {
		.id = m->member_id,
		.instance_id = m->group_instance_id,
		.client_id = m->client_id,
		.client_host = m->client_host,
		.protocol_type = v->protocol_type,
		.rebalance_timeout_ms = m->rebalance_timeout,
		.session_timeout_ms = m->session_timeout,
		.protocols = &protocol,
		.n_protocols = 1,
	};
	if (group_member(g, m->member_id))
		return false;
	if (!slice_is_null(m->group_instance_id) && group_static_member(g, m->group_instance_id))
		return false;
	struct member *added = group_add(g, &spec);
	return added && member_set_assignment(added, m->assignment);
}

/* False: the record cannot be that of a group, or there is no memory for it. */
static bool restore(struct group *g, const struct group_metadata_value *v)
{
	for (int32_t i = 0; i < v->n_members; i++)
		if (!add_member(g, v, &v->members[i]))
			return false;
	g->generation = v->generation;
	if (v->n_members == 0)
		group_set_protocol_type(g, v->protocol_type.n > 0 ? v->protocol_type : SLICE_NULL);
	group_set_protocol_name(g, v->protocol);
	struct member *leader = slice_is_null(v->leader) ? NULL : group_member(g, v->leader);
	if (leader)
		g->leader = leader;
	group_set_state(g, v->n_members > 0 ? GROUP_STABLE : GROUP_EMPTY);
	g->state_since_ms = v->current_state_timestamp;
	group_read_topics(g);
	return true;
}

/* A group with a record that makes no sense is told of, and is there with its offsets alone. */
static struct group *make_group(struct load *l, const struct replay_group *from)
{
	struct group_metadata_value value;
	struct slice id = replay_group_id(from);
	struct group *g = coordinator_group_make(l->at, id);
	bool has_record = replay_read_group(l->replay, from, &value);
	if (g && has_record && restore(g, &value))
		return g;
	if (g && has_record) {
		log_error(GROUP_METADATA_LOGGER, "The members of group %s in %s make no sense. Loading its "
			  "offsets alone.", log_safe(id).s, l->name);
		coordinator_group_remove(g, KERR_NOT_COORDINATOR);
		g = coordinator_group_make(l->at, id);
	}
	if (g)
		g->state_since_ms = -1;
	return g;
}

static void give_group(struct load *l, struct replay_group *from)
{
	if (!from->record && offsets_empty(from->offsets))
		return;
	struct group *g = make_group(l, from);
	if (!g)
		return;
	must(!g->offsets);
	g->offsets = from->offsets;
	from->offsets = NULL;
	l->groups++;
	l->offsets += offsets_count(g->offsets);
}

static void give(struct load *l)
{
	uint32_t n = 0;
	for (struct replay_group *g = l->replay->groups; g && !is_cancelled(l); g = g->hh.next) {
		give_group(l, g);
		if (++n % LOAD_GROUPS_A_TURN == 0)
			fiber_sleep(home_of(l), 0);
	}
}

/* ---- one after the other ---- */

static void tell(const struct load *l)
{
	struct coordinator *co = l->at->home;
	const struct replay *r = l->replay;
	int64_t ms = (reactor_now_ns(co->home) - l->asked_ns) / 1000000;
	coordinator_load_took(co, ms);
	log_info(GROUP_METADATA_LOGGER, "[GroupMetadataManager brokerId=%d] Finished loading offsets and "
		 "group metadata from %s in %lld milliseconds for epoch %d, of which %lld milliseconds was "
		 "spent in the scheduler. %llu groups, %llu offsets.", co->broker_id, l->name,
		 (long long)ms, l->epoch,
		 (long long)((l->began_ns - l->asked_ns) / 1000000), (unsigned long long)l->groups,
		 (unsigned long long)l->offsets);
	if (r->bad_batches + r->bad_records + r->unknown_records > 0)
		log_warn(GROUP_METADATA_LOGGER, "Passed over while loading %s: %llu batches and %llu records "
			 "that cannot be read, %llu records of unknown kinds.", l->name,
			 (unsigned long long)r->bad_batches, (unsigned long long)r->bad_records,
			 (unsigned long long)r->unknown_records);
}

static void run(struct load *l)
{
	l->began_ns = reactor_now_ns(home_of(l));
	if (!is_cancelled(l))
		read_log(l);
	if (!is_cancelled(l))
		give(l);
	if (!is_cancelled(l))
		tell(l);
	coordinator_load_over(l->at, l);
	if (l->replay)
		replay_free(l->replay);
	free(l->buffer);
	FREE_OBJ(l);
}

static void loads_fiber(void *arg)
{
	struct coordinator *co = arg;
	while (co->loads_waiting) {
		struct load *l = co->loads_waiting;
		CHECK_OBJ(l, LOAD_MAGIC);
		co->loads_waiting = l->next;
		run(l);
	}
	co->loads_run = false;
}

static struct load *load_start(struct coordinated *at)
{
	struct coordinator *co = at->home;
	struct load *l, **last = &co->loads_waiting;
	reactor_must_be_here(co->home);
	ALLOC_OBJ(l, LOAD_MAGIC);
	l->at = at;
	l->epoch = at->epoch;
	l->asked_ns = reactor_now_ns(co->home);
	snprintf(l->name, sizeof l->name, "%s-%d", TOPIC_OFFSETS, at->index);
	fiber_event_init(&l->cancelled);
	while (*last)
		last = &(*last)->next;
	*last = l;
	if (!co->loads_run) {
		co->loads_run = true;
		must(fiber_start(co->home, "group loads", loads_fiber, co) != NULL);
	}
	return l;
}

static void load_cancel(struct load *l)
{
	CHECK_OBJ_NOTNULL(l, LOAD_MAGIC);
	if (!is_cancelled(l))
		fiber_event_set(&l->cancelled);
}

const struct coordinator_loader load_loader = { .start = load_start, .cancel = load_cancel };
