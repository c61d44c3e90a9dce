/* group_test.c - see group_test.h. */
#include "tests/unit/group/group_test.h"
#include "tests/unit/ut_config.h"

#include "broker/cluster/names.h"
#include "broker/group/load.h"
#include "broker/group/offsets.h"

#include <stdarg.h>
#include <string.h>

enum { TURNS_MAX = 100000 };

static struct config *load_config(const char *const *overrides, size_t n)
{
	static const char text[] = "broker.id=1\nzookeeper.connect=localhost:1\nlog.dirs=/nowhere\n";
	return ut_config(text, overrides, n);
}

static void set_role(struct group_test *t, int32_t leader, int32_t epoch)
{
	struct uuid none = { 0 };
	struct partition_role role = { .leader = leader, .leader_epoch = epoch, .n_isr = 1, .n_replicas = 1,
				       .isr = { leader }, .replicas = { GT_BROKER } };
	if (leader != GT_BROKER) {
		role.n_replicas = 2;
		role.replicas[1] = leader;
	}
	must(partition_set_role(t->partition, &role, &none) == KERR_NONE);
}

void gt_lead(struct group_test *t, int32_t epoch)
{
	set_role(t, GT_BROKER, epoch);
}

void gt_follow(struct group_test *t, int32_t epoch)
{
	set_role(t, GT_BROKER + 1, epoch);
}

void gt_turns(struct group_test *t, int n)
{
	while (n-- > 0)
		reactor_turn(t->log.reactor, 1000000);
}

void gt_turn_until(struct group_test *t, const bool *done)
{
	for (int i = 0; i < TURNS_MAX && !*done; i++)
		gt_turns(t, 1);
	must(*done);
}

void gt_wait_active(struct group_test *t)
{
	HASH_FIND_INT(t->coordinator->partitions, &t->partition->index, t->at);
	must(t->at);
	for (int i = 0; i < TURNS_MAX && t->at->state != COORDINATED_ACTIVE; i++)
		gt_turns(t, 1);
	must(t->at->state == COORDINATED_ACTIVE);
}

void gt_begin(struct group_test *t, const char *dir, int32_t index, const char *const *overrides, size_t n)
{
	struct hash_seed seed = { 1, 2 };
	*t = (struct group_test){ .log = { .config = st_config(), .now_ms = ST_GOLDEN_NOW_MS } };
	t->config = load_config(overrides, n);
	must(st_open(&t->log, dir, LOG_STOP_KILLED, 0, 0) == 0);
	t->replicas = replicas_new(t->log.reactor, GT_BROKER, &seed, &t->log.owner);
	t->coordinator = coordinator_new(t->log.reactor, t->replicas, t->config, GT_BROKER, &load_loader);
	struct topic_config *config = mem_dup(&t->log.config, sizeof t->log.config);
	config->max_message_bytes = GT_MESSAGE_MAX;
	t->settings = topic_settings_new(config);
	t->partition = replicas_add(t->replicas, SLICE_LIT(TOPIC_OFFSETS), index, t->log.log, t->settings, 0);
}

struct stop {
	struct call call;
	struct group_test *t;
	bool done;
};

static void stop_here(struct reactor *there, struct call *c)
{
	struct coordinator *co = c->arg;
	must(there == co->home);
	coordinator_stop(co, c);
}

static void stop_fiber(void *arg)
{
	struct stop *s = arg;
	struct reactor *r = s->t->log.reactor;
	call_run(r, r, &s->call, stop_here, s->t->coordinator);
	s->done = true;
}

void gt_end(struct group_test *t)
{
	struct stop s = { .t = t };
	must(fiber_start(t->log.reactor, "stop", stop_fiber, &s));
	gt_turn_until(t, &s.done);
	must(replicas_remove(t->partition) == t->log.log);
	must(st_close(&t->log) >= 0);
	coordinator_free(t->coordinator);
	replicas_free(t->replicas);
	config_free(t->config);
}

/* ---- batches of the test's own ---- */

struct appending {
	struct partition_append append;
	bool done;
};

static void appended(struct partition_append *a)
{
	container_of(a, struct appending, append)->done = true;
}

void gt_append(struct group_test *t, struct buf *batch)
{
	struct appending a = { .append = { .done = appended } };
	struct batch b = { batch->bytes, batch->used };
	a.append.op.bytes = batch->bytes;
	a.append.op.n = batch->used;
	a.append.op.origin = LOG_FROM_COORDINATOR;
	a.append.op.max_timestamp = batch_max_timestamp(&b);
	must(partition_append(t->partition, &a.append) == KERR_NONE);
	gt_turn_until(t, &a.done);
	must(a.append.op.error == KERR_NONE);
	buf_put(batch);
}

/* ---- what there is ---- */

static void add(struct gt_text *room, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct gt_text *room, const char *format, ...)
{
	size_t n = strlen(room->text);
	va_list args;
	va_start(args, format);
	vsnprintf(room->text + n, sizeof room->text - n, format, args);
	va_end(args);
}

static void add_offset(void *arg, struct slice topic, int32_t partition, const struct offset_commit *c)
{
	struct gt_text *room = arg;
	add(room, "  %.*s-%d offset %lld epoch %d metadata '%.*s' at %lld", SLICE_ARGS(topic), partition,
	    (long long)c->offset, c->leader_epoch, SLICE_ARGS(c->metadata), (long long)c->commit_ms);
	if (c->expire_ms != -1)
		add(room, " until %lld", (long long)c->expire_ms);
	add(room, "\n");
}

static int by_id(const struct group *a, const struct group *b)
{
	return slice_compare(a->id, b->id);
}

static void add_member(struct gt_text *room, const struct group *g, const struct member *m)
{
	add(room, "  %s%.*s (%.*s) ", g->leader == m ? "*" : "", SLICE_ARGS(m->id),
	    SLICE_ARGS(m->instance_id));
	add(room, "%.*s%.*s ", SLICE_ARGS(m->client_id), SLICE_ARGS(m->client_host));
	add(room, "%d %d metadata %u assignment %u%s\n", m->session_timeout_ms, m->rebalance_timeout_ms,
	    member_metadata(m, g->protocol_name).n, m->assignment.n,
	    timer_armed(&m->session) ? "" : " NOT WATCHED");
}

const char *gt_dump(struct group_test *t, struct gt_text *room)
{
	room->text[0] = 0;
	HASH_SORT(t->at->groups, by_id);
	for (const struct group *g = t->at->groups; g; g = g->hh.next) {
		add(room, "%.*s: %s, generation %d, ", SLICE_ARGS(g->id), group_state_name(g->state),
		    g->generation);
		add(room, "type %.*s, protocol %.*s, since %lld\n", SLICE_ARGS(g->protocol_type),
		    SLICE_ARGS(g->protocol_name), (long long)g->state_since_ms);
		for (const struct member *m = g->members; m; m = m->hh.next)
			add_member(room, g, m);
		offsets_each(g->offsets, add_offset, room);
	}
	return room->text;
}
