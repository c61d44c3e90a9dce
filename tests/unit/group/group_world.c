/* group_world.c - see group_world.h. */
#include "tests/unit/group/group_world.h"
#include "tests/unit/ut_config.h"

#include "broker/cluster/names.h"
#include "broker/storage/log.h"

#include <string.h>

enum { SETTLE_MS = 60 * 1000, CONFIG_BYTES = 2048 };

static const char base[] = "broker.id=1\n"
			   "zookeeper.connect=localhost:1\n"
			   "log.dirs=/nowhere\n"
			   "listeners=PLAINTEXT://127.0.0.1:0\n"
			   "group.initial.rebalance.delay.ms=3000\n";

/* ---- on the core ---- */

struct order {
	struct msg msg;
	struct group_world *w;
	void (*run)(struct group_world *w, void *arg);
	void *arg;
	bool done;
};

static void order_run(struct reactor *here, struct msg *m)
{
	struct order *o = container_of(m, struct order, msg);
	must(here == o->w->core);
	o->run(o->w, o->arg);
	o->done = true;
}

void gw_do(struct group_world *w, void (*run)(struct group_world *w, void *arg), void *arg)
{
	struct order o = { .msg.run = order_run, .w = w, .run = run, .arg = arg };
	reactor_post_foreign(w->core, &o.msg);
	must(sim_settle(SETTLE_MS) && o.done);
}

/* ---- loading ---- */

/* A loader is only functions: there is one world at a time. */
static struct group_world *the_world;

static void load_ends(struct group_world *w, void *arg)
{
	struct coordinated *at = w->loading;
	must(!arg && at);
	w->loading = NULL;
	coordinator_load_over(at, (struct load *)w);
}

static struct deferred ending;

static void end_deferred(struct reactor *here, struct deferred *d)
{
	must(here == the_world->core && d == &ending);
	load_ends(the_world, NULL);
}

static struct load *fake_start(struct coordinated *at)
{
	struct group_world *w = the_world;
	w->loads++;
	w->loading = at;
	ending = (struct deferred){ .run = end_deferred };
	if (!w->holds_loads)
		reactor_defer(w->core, &ending);
	return (struct load *)w;
}

static void fake_cancel(struct load *l)
{
	must(l == (struct load *)the_world);
	the_world->cancelled++;
}

static const struct coordinator_loader fake = { fake_start, fake_cancel };

void gw_load_over(struct group_world *w)
{
	gw_do(w, load_ends, NULL);
}

/* ---- the world ---- */

static struct config *load_config(const char *settings)
{
	char text[CONFIG_BYTES];
	snprintf(text, sizeof text, "%s%s", base, settings);
	return ut_config(text, NULL, 0);
}

static void set_up(struct group_world *w, void *arg)
{
	struct hash_seed seed = { 1, 2 };
	struct log_open op = { .dir = "/" TOPIC_OFFSETS "-0", .config = w->settings->config,
			       .stop = LOG_STOP_CLEAN, .now_ms = reactor_wall_ms(w->core),
			       .producer_expiration_ms = 86400000 };
	must(!arg && log_open(&op) == 0);
	w->log = op.log;
	log_attach(w->log, w->core, NULL);
	w->replicas = replicas_new(w->core, GW_BROKER, &seed, NULL);
	w->partition = replicas_add(w->replicas, SLICE_LIT(TOPIC_OFFSETS), 0, w->log,
				    topic_settings_get(w->settings), 0);
	w->coordinator = coordinator_new(w->core, w->replicas, w->config, GW_BROKER, &fake);
}

void gw_begin(struct group_world *w, const char *settings, const char *topic, const char *topic_value)
{
	const struct config_setting set = { topic, topic_value };
	*w = (struct group_world){ 0 };
	the_world = w;
	sim_new(1);
	w->host = sim_host_new("broker", 1);
	sim_on(w->host);
	w->config = load_config(settings);
	w->settings = topic_settings_new(topic_config_new(w->config, TOPIC_OFFSETS, &set, topic ? 1 : 0));
	w->helpers = sys_helpers_start(2);
	w->core = sim_reactor(w->host, 0, w->helpers);
	gw_do(w, set_up, NULL);
	gw_role(w, true, 0);
}

struct role_order {
	bool leads;
	int others;
};

static void set_role(struct group_world *w, void *arg)
{
	const struct role_order *o = arg;
	struct partition_role role = { .leader = o->leads ? GW_BROKER : GW_BROKER + 1,
				       .leader_epoch = w->epoch++, .controller_epoch = 1,
				       .partition_epoch = w->epoch };
	for (int i = 0; i < 3; i++)
		role.replicas[role.n_replicas++] = GW_BROKER + i;
	for (int i = 0; i <= o->others; i++)
		role.isr[role.n_isr++] = GW_BROKER + i;
	must(partition_set_role(w->partition, &role, &(struct uuid){ { 0 } }) == KERR_NONE);
}

void gw_role(struct group_world *w, bool leads, int others_in_sync)
{
	struct role_order o = { leads, others_in_sync };
	gw_do(w, set_role, &o);
}

/* ---- the end ---- */

static void detached(struct log_wait *wait)
{
	must(wait->error == 0);
}

static void tear_down(struct group_world *w, void *arg)
{
	partition_drop_role(w->partition);
	log_detach(w->log, arg);
}

static void forget(struct group_world *w, void *arg)
{
	int64_t recovery_point;
	must(!arg && replicas_remove(w->partition) == w->log);
	must(log_close(w->log, &recovery_point) == 0);
	coordinator_free(w->coordinator);
	replicas_free(w->replicas);
}

void gw_end(struct group_world *w)
{
	struct log_wait wait = { .done = detached };
	gw_do(w, tear_down, &wait);
	gw_do(w, forget, NULL);
	sim_reactor_free(w->core);
	sys_helpers_stop(w->helpers);
	topic_settings_put(w->settings);
	config_free(w->config);
	sim_free();
}

/* ---- looking ---- */

struct look {
	const char *id;
	struct group *group;
	int64_t end;
};

static void look(struct group_world *w, void *arg)
{
	struct look *l = arg;
	struct coordinated *at;
	l->end = log_end_offset(w->log);
	if (l->id && !coordinator_check(w->coordinator, slice_str(l->id), 0, GROUP_ID_NOT_EMPTY, &at))
		l->group = coordinator_group(at, slice_str(l->id));
}

struct group *gw_group(struct group_world *w, const char *id)
{
	struct look l = { .id = id };
	gw_do(w, look, &l);
	return l.group;
}

enum group_state gw_state(struct group_world *w, const char *id)
{
	const struct group *g = gw_group(w, id);
	return g ? g->state : GROUP_DEAD;
}

int64_t gw_log_end(struct group_world *w)
{
	struct look l = { 0 };
	gw_do(w, look, &l);
	return l.end;
}

/* ---- requests ---- */

enum { PROTOCOLS_MAX = 4 };

/* A request's memory, gone when it is answered: whoever looks at it later is found out. */
struct gw_request {
	struct gw_client *c;
	union {
		struct join join;
		struct sync sync;
	};
	struct group_protocol protocols[PROTOCOLS_MAX];
	struct sync_assignment assignments[GW_MEMBERS];
	char texts[GW_MEMBERS][GW_TEXT];
	char id[GW_TEXT];
};

static void keep(char *to, struct slice from)
{
	snprintf(to, GW_TEXT, "%.*s", SLICE_ARGS(from));
}

static const char *or(const char *said, const char *otherwise)
{
	return said ? said : otherwise;
}

static void joined(struct join *j)
{
	struct gw_request *r = container_of(j, struct gw_request, join);
	struct gw_client *c = r->c;
	struct member *m, *next;
	c->joined++;
	c->error = j->error;
	c->skip_assignment = j->skip_assignment;
	keep(c->leader, j->leader);
	keep(c->protocol, j->answer_protocol_name);
	keep(c->told_id, j->answer_member_id);
	c->told = 0;
	if (j->tell_members)
		HASH_ITER(hh, j->tell_members->members, m, next)
			c->told++;
	if (j->error == KERR_NONE || j->error == KERR_MEMBER_ID_REQUIRED) {
		keep(c->id, j->answer_member_id);
		c->generation = j->generation;
	}
	if (c->join == j)
		c->join = NULL;
	memset(r, 0xaa, sizeof *r);
	free(r);
}

static void fill_protocols(struct gw_request *r, const struct gw_client *c)
{
	const char *p = or(c->protocols, "range");
	while (*p) {
		size_t n = strcspn(p, ",");
		must(r->join.n_protocols < PROTOCOLS_MAX);
		r->protocols[r->join.n_protocols++] =
			(struct group_protocol){ slice_of(p, n), slice_str(or(c->word, "meta")) };
		p += n + (p[n] == ',');
	}
	r->join.protocols = r->protocols;
}

static void send_join(struct group_world *w, void *arg)
{
	coordinator_join(w->coordinator, arg);
}

void gw_join(struct group_world *w, struct gw_client *c)
{
	struct gw_request *r = mem_zalloc(sizeof *r);
	int version = c->version ? c->version : 9;
	r->c = c;
	snprintf(r->id, sizeof r->id, "%s", c->id);
	r->join = (struct join){
		.group_id = slice_str(or(c->group, "g")), .member_id = slice_str(r->id),
		.instance_id = slice_str(c->instance), .client_id = SLICE_LIT("client"),
		.client_host = SLICE_LIT("/10.0.0.1"), .protocol_type = slice_str(or(c->kind, "consumer")),
		.rebalance_timeout_ms = c->patience_ms ? c->patience_ms : GW_PATIENCE_MS,
		.session_timeout_ms = c->session_ms ? c->session_ms : GW_SESSION_MS,
		.needs_known_id = version >= 4 && !c->instance, .may_skip_assignment = version >= 9,
		.done = joined };
	fill_protocols(r, c);
	c->join = &r->join;
	c->joins++;
	gw_do(w, send_join, &r->join);
}

void gw_enter(struct group_world *w, struct gw_client *c)
{
	gw_join(w, c);
	if (c->error == KERR_MEMBER_ID_REQUIRED && !gw_waits(c))
		gw_join(w, c);
}

bool gw_waits(const struct gw_client *c)
{
	return c->joined < c->joins || c->synced < c->syncs;
}

static void synced(struct sync *s)
{
	struct gw_request *r = container_of(s, struct gw_request, sync);
	struct gw_client *c = r->c;
	c->synced++;
	c->error = s->error;
	keep(c->assignment, s->assignment);
	if (c->sync == s)
		c->sync = NULL;
	memset(r, 0xaa, sizeof *r);
	free(r);
}

static void send_sync(struct group_world *w, void *arg)
{
	coordinator_sync(w->coordinator, arg);
}

void gw_assign(struct group_world *w, struct gw_client *leader, struct gw_client *of, int n)
{
	struct gw_request *r = mem_zalloc(sizeof *r);
	must(n <= GW_MEMBERS);
	r->c = leader;
	snprintf(r->id, sizeof r->id, "%s", leader->id);
	for (int i = 0; i < n; i++) {
		snprintf(r->texts[i], GW_TEXT, "work-%d", i);
		r->assignments[i] = (struct sync_assignment){ slice_str(of[i].id), slice_str(r->texts[i]) };
	}
	r->sync = (struct sync){ .group_id = slice_str(or(leader->group, "g")),
				 .generation = leader->generation, .member_id = slice_str(r->id),
				 .instance_id = slice_str(leader->instance), .assignments = r->assignments,
				 .n_assignments = n, .done = synced };
	leader->sync = &r->sync;
	leader->syncs++;
	gw_do(w, send_sync, &r->sync);
}

void gw_sync(struct group_world *w, struct gw_client *c)
{
	gw_assign(w, c, NULL, 0);
}

struct small {
	struct heartbeat heartbeat;
	struct leaving leaving;
	enum kerr error;
};

static void send_beat(struct group_world *w, void *arg)
{
	struct small *s = arg;
	s->error = coordinator_heartbeat(w->coordinator, &s->heartbeat);
}

enum kerr gw_beat(struct group_world *w, struct gw_client *c)
{
	struct small s = { .heartbeat = { .group_id = slice_str(or(c->group, "g")),
					  .generation = c->generation, .member_id = slice_str(c->id),
					  .instance_id = slice_str(c->instance) } };
	gw_do(w, send_beat, &s);
	return s.error;
}

static void send_leave(struct group_world *w, void *arg)
{
	struct small *s = arg;
	s->error = coordinator_leave(w->coordinator, s->heartbeat.group_id, 0, &s->leaving, 1);
}

enum kerr gw_leave_as(struct group_world *w, const char *group, const char *id, const char *instance)
{
	struct small s = { .heartbeat.group_id = slice_str(or(group, "g")),
			   .leaving = { .member_id = slice_str(id), .instance_id = slice_str(instance) } };
	gw_do(w, send_leave, &s);
	return s.error ? s.error : s.leaving.error;
}

enum kerr gw_leave(struct group_world *w, struct gw_client *c)
{
	return gw_leave_as(w, c->group, c->id, c->instance);
}

void gw_stable(struct group_world *w, struct gw_client *c, int n)
{
	for (int i = 0; i < n; i++)
		gw_enter(w, &c[i]);
	sim_run_ms(2 * GW_DELAY_MS + 1000);
	for (int i = 0; i < n; i++)
		must(!gw_waits(&c[i]) && c[i].error == KERR_NONE);
	gw_assign(w, &c[0], c, n);
	for (int i = 1; i < n; i++)
		gw_sync(w, &c[i]);
	for (int i = 0; i < n; i++)
		must(!gw_waits(&c[i]) && c[i].error == KERR_NONE);
}
