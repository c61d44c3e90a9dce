/* zk_sim.c - see zk_sim.h. Sessions, connections, watches; the nodes are zk_tree.c's.
 *
 * A link (a client's end):
 *
 *	APART --attempt--> ATTACHED --lost--> APART
 *	  |                   |
 *	  +-> OVER (expired)  +-> OVER (closed)
 *
 * lost: the server hung up or stopped, another client took the session, or nothing was heard for 2/3 of its
 * timeout.
 *
 * What a link and the server say to each other lies in two channels and arrives in order: requests go up,
 * their answers and what watches tell come down. A request that is under way when the connection is lost
 * may have been served or not.
 *
 * A session at the server lives while a link is attached to it and heard; without one it expires when its
 * timeout has gone by since the last word.
 */
#include "tests/sim/zk_sim.h"

#include "broker/base/must.h"
#include "tests/sim/sys_sim.h"
#include "tests/sim/zk_tree.h"
#include "zkutil/zk_link.h"

#include <string.h>

enum {
	LINK_MAGIC = 0x21c7a95d,
	ATTEMPT_MS = 1000,       /* most between two attempts to connect */
	FIRST_ATTEMPT_MS = 20,
	RETRY_MS = 200,          /* of what does not get through */
	CLOSE_MS = 3000,         /* a close waits for its answer so long, as in the C client library */
	TIMEOUT_TICKS_MIN = 2,
	TIMEOUT_TICKS_MAX = 20,
};

struct session {
	struct list link;
	struct zk_session is;
	struct zk_link *owner;   /* NULL: no connection */
	int64_t heard_ns;
	struct sim_event expiry; /* planned while there is no owner and the ensemble is up */
};

/* At the server and at the client: a watch of a read. */
struct watch_entry {
	enum { WATCH_DATA, WATCH_ABSENT, WATCH_CHILDREN } kind;
	bool armed; /* at the server */
	bool known; /* the client has the read's answer */
	char *path;
};

struct message {
	struct list link;
	int64_t at_ns;
	enum { REQUEST, NOTICE, CLOSE } kind;
	struct zk_req *req;
	enum zk_err err;
	int64_t zxid;          /* of the answer */
	enum zk_change change; /* NOTICE */
	char *path;
};

struct channel {
	struct list messages;
	struct sim_event arrival; /* of the first */
	int64_t last_ns;
};

struct zk_link {
	unsigned magic;
	struct list link;          /* in ensemble.links */
	struct zk *zk;
	struct sim_host *host;
	struct sim_guest guest;
	enum { APART, ATTACHED, OVER } state;
	struct zk_session known;   /* id 0: none yet */
	struct session *session;   /* ATTACHED */
	struct channel up, down;
	struct sim_event attempt;  /* APART */
	struct sim_event beat;     /* ATTACHED: pings */
	struct sim_event leave;    /* the last word */
	bool leaving;
	int64_t heard_ns, seen_zxid;
	struct watch_entry *watches;
	size_t n_watches;
};

static struct {
	bool exists, up, frozen;
	struct sim_host *host;
	struct zk_tree tree;
	struct list links, sessions; /* in the order of their making */
} ensemble;

/* ---- what the owner is told: where its host is ---- */

static void tell_session(struct zk_link *k, enum zk_state state)
{
	struct sim_host *here = sim_enter(k->host);
	sim_note("zk session", (uint64_t)k->host->number, state);
	zk_post_session(k->zk, state, &k->known);
	sim_enter(here);
}

static void tell_request(struct zk_link *k, struct zk_req *r, enum zk_err err)
{
	struct sim_host *here = sim_enter(k->host);
	sim_note("zk answer", r->number, err);
	zk_post_request(r, err);
	sim_enter(here);
}

static void tell_change(struct zk_link *k, enum zk_change change, const char *path)
{
	struct sim_host *here = sim_enter(k->host);
	sim_note_bytes("zk change", change, path, strlen(path));
	zk_post_change(k->zk, change, path);
	sim_enter(here);
}

/* ---- channels ---- */

static int64_t ms_below(int64_t ms)
{
	return (int64_t)sim_dice((uint64_t)ms * SIM_MS);
}

static bool reachable(const struct zk_link *k)
{
	return ensemble.exists && ensemble.up && !ensemble.frozen && ensemble.host->up &&
	       !k->host->cut[ensemble.host->number];
}

static void plan_arrival(struct channel *c, void (*run)(struct sim_event *e))
{
	if (list_empty(&c->messages))
		return;
	struct message *first = list_entry(c->messages.next, struct message, link);
	sim_plan(&c->arrival, max_of(first->at_ns - sim_now_ns(), 0), run);
}

static void push(struct channel *c, struct message *m, void (*run)(struct sim_event *e))
{
	bool first = list_empty(&c->messages);
	int64_t at = sim_now_ns() + (int64_t)sim_dice((uint64_t)sim_nature()->latency_ns);
	m->at_ns = c->last_ns = max_of(at, c->last_ns);
	list_push_back(&c->messages, &m->link);
	if (first)
		plan_arrival(c, run);
}

static struct message *pop(struct channel *c)
{
	struct list *l = list_pop_front(&c->messages);
	return l ? list_entry(l, struct message, link) : NULL;
}

static void message_free(struct message *m)
{
	free(m->path);
	free(m);
}

/* ---- watches ---- */

static struct watch_entry *watch_of(struct zk_link *k, int kind, const char *path)
{
	for (size_t i = 0; i < k->n_watches; i++)
		if ((int)k->watches[i].kind == kind && strcmp(k->watches[i].path, path) == 0)
			return &k->watches[i];
	return NULL;
}

static void forget_watches(struct zk_link *k, bool all)
{
	size_t kept = 0;
	for (size_t i = 0; i < k->n_watches; i++) {
		struct watch_entry *w = &k->watches[i];
		if (all || (!w->armed && !w->known))
			free(w->path);
		else
			k->watches[kept++] = *w;
	}
	k->n_watches = kept;
}

/* What a read leaves behind: NONODE leaves a watch only when it was asked whether the node exists. */
static int watch_kind(const struct zk_req *r, enum zk_err err)
{
	if (!r->watch || (err != ZK_OK && !(err == ZK_NONODE && r->kind == ZK_REQ_EXISTS)))
		return -1;
	if (r->kind == ZK_REQ_CHILDREN)
		return WATCH_CHILDREN;
	return err == ZK_OK ? WATCH_DATA : WATCH_ABSENT;
}

static void arm(struct zk_link *k, int kind, const char *path)
{
	struct watch_entry *w = watch_of(k, kind, path);
	if (!w) {
		k->watches = mem_realloc(k->watches, (k->n_watches + 1) * sizeof *k->watches);
		w = &k->watches[k->n_watches++];
		*w = (struct watch_entry){ .path = mem_strdup(path) };
		w->kind = kind;
	}
	w->armed = true;
}

static bool concerns(const struct watch_entry *w, enum zk_change change, const char *path)
{
	bool of_children = w->kind == WATCH_CHILDREN;
	if (strcmp(w->path, path) != 0)
		return false;
	return change == ZK_NODE_DELETED || of_children == (change == ZK_CHILDREN_CHANGED);
}

static void arrive_down(struct sim_event *e);

static void notify(struct zk_link *k, enum zk_change change, const char *path)
{
	struct message *m = mem_zalloc(sizeof *m);
	m->kind = NOTICE;
	m->change = change;
	m->path = mem_strdup(path);
	push(&k->down, m, arrive_down);
}

/* One message for all watches of one client. */
static void notify_watchers(struct zk_news_list *news)
{
	for (size_t n = 0; n < news->n; n++)
		list_for_each(l, &ensemble.links) {
			struct zk_link *k = list_entry(l, struct zk_link, link);
			bool any = false;
			for (size_t i = 0; i < k->n_watches; i++) {
				struct watch_entry *w = &k->watches[i];
				bool fires = w->armed && concerns(w, news->v[n].change, news->v[n].path);
				w->armed = w->armed && !fires;
				any = any || fires;
			}
			if (any)
				notify(k, news->v[n].change, news->v[n].path);
		}
	zk_news_free(news);
}

/* A client that comes back says what it watches and the last transaction that it has seen. */
static void arm_again(struct zk_link *k)
{
	for (size_t i = 0; i < k->n_watches; i++) {
		struct watch_entry *w = &k->watches[i];
		const struct zk_node *node = zk_tree_find(&ensemble.tree, w->path);
		if (!node && w->kind != WATCH_ABSENT)
			notify(k, ZK_NODE_DELETED, w->path);
		else if (node && w->kind == WATCH_ABSENT)
			notify(k, ZK_NODE_CREATED, w->path);
		else if (w->kind == WATCH_DATA && node->stat.mzxid > k->seen_zxid)
			notify(k, ZK_NODE_CHANGED, w->path);
		else if (w->kind == WATCH_CHILDREN && node->stat.pzxid > k->seen_zxid)
			notify(k, ZK_CHILDREN_CHANGED, w->path);
		else
			w->armed = true;
	}
}

/* ---- serving ---- */

static char *with_chroot(const struct zk *zk, const char *path)
{
	const char *root = zk->connect.chroot;
	return root[0] && strcmp(path, "/") == 0 ? mem_strdup(root) : mem_printf("%s%s", root, path);
}

/* The names in one piece of memory: the pointers first, then the text. They begin anywhere. */
static void give_children(struct zk_req *r, const char *path)
{
	const struct zk_tree *t = &ensemble.tree;
	size_t bytes = 1, skip = strcmp(path, "/") == 0 ? 1 : strlen(path) + 1;
	unsigned n = 0;
	for (const struct zk_node *c = NULL; (c = zk_tree_child(t, path, c)) != NULL; n++)
		bytes += sizeof(char *) + strlen(c->path + skip) + 1;
	r->memory = mem_zalloc(bytes);
	r->children = r->memory;
	r->n_children = n;
	char *text = (char *)(r->children + n);
	unsigned i = n > 0 ? (unsigned)sim_dice(n) : 0;
	for (const struct zk_node *c = NULL; (c = zk_tree_child(t, path, c)) != NULL; i++) {
		r->children[i % n] = text;
		text = stpcpy(text, c->path + skip) + 1;
	}
}

static enum zk_err serve_read(struct zk_link *k, struct zk_req *r)
{
	char *path = with_chroot(k->zk, r->path);
	const struct zk_node *node = zk_tree_find(&ensemble.tree, path);
	enum zk_err err = node ? ZK_OK : ZK_NONODE;
	if (node) {
		r->stat = zk_node_stat(node);
		if (r->kind == ZK_REQ_CHILDREN)
			give_children(r, path);
		if (r->kind == ZK_REQ_GET && !slice_is_null(node->data)) {
			r->memory = mem_alloc(node->data.n + 1);
			memcpy(r->memory, node->data.p, node->data.n);
			r->data = slice_of(r->memory, node->data.n);
		}
	}
	int kind = watch_kind(r, err);
	if (kind >= 0)
		arm(k, kind, path);
	free(path);
	return err;
}

static enum zk_err serve_write(struct zk_link *k, struct zk_req *r)
{
	size_t chroot = strlen(k->zk->connect.chroot);
	struct zk_op *ops = mem_alloc(r->n_ops * sizeof *ops);
	struct zk_news_list news = { .n = 0 };
	for (unsigned i = 0; i < r->n_ops; i++) {
		ops[i] = r->ops[i];
		ops[i].path = with_chroot(k->zk, r->ops[i].path);
	}
	enum zk_err err = zk_tree_apply(&ensemble.tree, ops, r->n_ops, k->known.id, sys_wall_ms(), &news);
	for (unsigned i = 0; i < r->n_ops; i++) {
		/* Those before the one that failed have no error of their own, those after it were not
		 * tried. */
		r->ops[i].err = ops[i].err;
		r->ops[i].stat = ops[i].stat;
		r->ops[i].created = ops[i].created ? mem_strdup(ops[i].created + chroot) : NULL;
		sim_note_bytes("zk op", ops[i].err, ops[i].path, strlen(ops[i].path));
		free(ops[i].created);
		free((void *)(uintptr_t)ops[i].path);
	}
	free(ops);
	notify_watchers(&news);
	return err;
}

static void serve(struct zk_link *k, struct message *m)
{
	struct zk_req *r = m->req;
	bool write = r->kind == ZK_REQ_WRITE || r->kind == ZK_REQ_MULTI;
	m->err = write ? serve_write(k, r) : serve_read(k, r);
	m->zxid = ensemble.tree.zxid;
}

/* ---- sessions ---- */

static void session_end(struct session *s)
{
	struct zk_news_list news = { .n = 0 };
	sim_note("zk session ends", (uint64_t)s->is.id, 0);
	zk_tree_end_session(&ensemble.tree, s->is.id, &news);
	notify_watchers(&news);
	if (s->owner)
		s->owner->session = NULL;
	sim_unplan(&s->expiry);
	list_remove(&s->link);
	free(s);
}

static void expire(struct sim_event *e)
{
	session_end(container_of(e, struct session, expiry));
}

static void plan_expiry(struct session *s)
{
	int64_t left = s->heard_ns + (int64_t)s->is.timeout_ms * SIM_MS - sim_now_ns();
	if (ensemble.up)
		sim_plan(&s->expiry, max_of(left, 0), expire);
}

static struct session *session_find(const struct zk_session *is)
{
	list_for_each(l, &ensemble.sessions) {
		struct session *s = list_entry(l, struct session, link);
		if (s->is.id == is->id && memcmp(s->is.passwd, is->passwd, sizeof is->passwd) == 0)
			return s;
	}
	return NULL;
}

static struct session *session_new(int asked_ms)
{
	struct session *s = mem_zalloc(sizeof *s);
	s->is.id = 1 + (int64_t)sim_dice(INT64_MAX);
	for (int i = 0; i < ZK_PASSWD_BYTES; i++)
		s->is.passwd[i] = (uint8_t)sim_dice(256);
	s->is.timeout_ms = min_of(max_of(asked_ms, TIMEOUT_TICKS_MIN * ZK_SIM_TICK_MS),
				  TIMEOUT_TICKS_MAX * ZK_SIM_TICK_MS);
	ensemble.tree.zxid++;
	list_push_back(&ensemble.sessions, &s->link);
	return s;
}

/* ---- connections ---- */

static void attempt(struct sim_event *e);
static void arrive_up(struct sim_event *e);

/* The server sees that nobody is there any more; `heard_ns` was the last word. */
static void let_go(struct zk_link *k)
{
	struct session *s = k->session;
	k->session = NULL;
	if (!s)
		return;
	s->owner = NULL;
	plan_expiry(s);
}

static bool is_too_big(const struct message *m)
{
	return m->kind == REQUEST && m->req->bytes > ZK_SERVER_BUFFER_BYTES;
}

/* Of what is under way to the server an arbitrary first part still gets there. */
static void last_words(struct zk_link *k)
{
	list_for_each(l, &k->up.messages) {
		struct message *m = list_entry(l, struct message, link);
		if (!k->session || !reachable(k) || m->kind != REQUEST || is_too_big(m) || sim_chance(50))
			return;
		serve(k, m);
	}
}

static void hush(struct zk_link *k)
{
	sim_unplan(&k->up.arrival);
	sim_unplan(&k->down.arrival);
	sim_unplan(&k->attempt);
	sim_unplan(&k->beat);
	for (size_t i = 0; i < k->n_watches; i++)
		k->watches[i].armed = false;
	forget_watches(k, false);
}

/* Answers that come no more; requests that were not answered are the owner's again. */
static void fail_all(struct zk_link *k, struct channel *c, bool tell)
{
	for (struct message *m; (m = pop(c)) != NULL; message_free(m))
		if (m->kind == REQUEST && tell)
			tell_request(k, m->req, ZK_CONNECTION_LOSS);
}

static void go(struct sim_event *e)
{
	struct zk_link *k = container_of(e, struct zk_link, leave);
	struct sim_host *here = sim_enter(k->host);
	let_go(k);
	hush(k);
	fail_all(k, &k->down, false);
	fail_all(k, &k->up, false);
	k->state = OVER;
	k->zk->closed.run = zk_on_closed;
	k->zk->config.post(k->zk->config.ctx, &k->zk->closed);
	sim_enter(here);
}

static void lose(struct zk_link *k)
{
	must(k->state == ATTACHED);
	last_words(k);
	let_go(k);
	hush(k);
	k->state = APART;
	tell_session(k, ZK_DISCONNECTED);
	fail_all(k, &k->down, true); /* older than those above */
	fail_all(k, &k->up, true);
	if (k->leaving)
		sim_plan(&k->leave, ms_below(1), go);
	else
		sim_plan(&k->attempt, ms_below(ATTEMPT_MS), attempt);
}

static void beat(struct sim_event *e)
{
	struct zk_link *k = container_of(e, struct zk_link, beat);
	int64_t third = (int64_t)k->known.timeout_ms * SIM_MS / 3;
	if (reachable(k)) {
		k->heard_ns = sim_now_ns();
		if (k->session)
			k->session->heard_ns = k->heard_ns;
	}
	if (sim_now_ns() - k->heard_ns >= 2 * third)
		lose(k);
	else
		sim_plan(e, third, beat);
}

static void attach(struct zk_link *k)
{
	int asked_ms = k->zk->config.session_timeout_ms;
	struct session *s = k->known.id ? session_find(&k->known) : session_new(asked_ms);
	if (!s) {
		k->state = OVER;
		tell_session(k, ZK_EXPIRED);
		fail_all(k, &k->up, true);
		return;
	}
	if (s->owner)
		lose(s->owner); /* the session has moved */
	sim_unplan(&s->expiry);
	s->owner = k;
	k->session = s;
	k->known = s->is;
	k->state = ATTACHED;
	k->heard_ns = s->heard_ns = sim_now_ns();
	sim_plan(&k->beat, (int64_t)s->is.timeout_ms * SIM_MS / 3, beat);
	tell_session(k, ZK_CONNECTED);
	arm_again(k);
	plan_arrival(&k->up, arrive_up);
}

/* Whether a server of the connect string is one of ours. */
static bool finds_server(struct zk_link *k)
{
	const struct zk_connect *at = &k->zk->connect;
	const struct zk_host *try = &at->hosts[sim_dice(at->n)];
	struct sys_addr address, ours;
	struct sim_host *here = sim_enter(k->host);
	bool found = try->port == ZK_PORT && sys_resolve(try->name, try->port, &address, 1) == 1 &&
		     sys_resolve(ensemble.host->name, ZK_PORT, &ours, 1) == 1 &&
		     memcmp(address.raw, ours.raw, sizeof ours.raw) == 0;
	sim_enter(here);
	return found;
}

static void attempt(struct sim_event *e)
{
	struct zk_link *k = container_of(e, struct zk_link, attempt);
	if (reachable(k) && finds_server(k)) {
		attach(k);
		return;
	}
	fail_all(k, &k->up, true);
	sim_plan(e, ms_below(ATTEMPT_MS), attempt);
}

/* ---- arrivals ---- */

static void arrive_up(struct sim_event *e)
{
	struct zk_link *k = container_of(e, struct zk_link, up.arrival);
	if (!reachable(k)) {
		sim_plan(e, RETRY_MS * SIM_MS, arrive_up);
		return;
	}
	struct message *m = list_entry(k->up.messages.next, struct message, link);
	if (!k->session || is_too_big(m)) {
		lose(k); /* the server hangs up */
		return;
	}
	pop(&k->up);
	if (m->kind == REQUEST)
		serve(k, m);
	else
		session_end(k->session);
	push(&k->down, m, arrive_down);
	plan_arrival(&k->up, arrive_up);
}

static void answer(struct zk_link *k, const struct message *m)
{
	int kind = watch_kind(m->req, m->err);
	if (kind >= 0) {
		char *path = with_chroot(k->zk, m->req->path);
		struct watch_entry *w = watch_of(k, kind, path);
		if (w)
			w->known = true;
		free(path);
	}
	k->seen_zxid = max_of(k->seen_zxid, m->zxid);
	tell_request(k, m->req, m->err);
}

static void tell_notice(struct zk_link *k, const struct message *m)
{
	bool any = false;
	for (size_t i = 0; i < k->n_watches; i++) {
		struct watch_entry *w = &k->watches[i];
		if (!w->known || !concerns(w, m->change, m->path))
			continue;
		w->known = false;
		any = true;
	}
	if (any)
		tell_change(k, m->change, m->path);
	forget_watches(k, false);
}

static void arrive_down(struct sim_event *e)
{
	struct zk_link *k = container_of(e, struct zk_link, down.arrival);
	if (!reachable(k)) {
		sim_plan(e, RETRY_MS * SIM_MS, arrive_down);
		return;
	}
	struct message *m = pop(&k->down);
	plan_arrival(&k->down, arrive_down);
	if (m->kind == REQUEST)
		answer(k, m);
	else if (m->kind == NOTICE)
		tell_notice(k, m);
	else
		sim_plan(&k->leave, 0, go);
	message_free(m);
}

/* ---- the link, as zk.c calls it ---- */

static void channel_init(struct channel *c)
{
	*c = (struct channel){ .last_ns = 0 };
	list_init(&c->messages);
}

static void link_free(struct zk_link *k)
{
	sim_unplan(&k->leave);
	hush(k);
	fail_all(k, &k->down, false);
	fail_all(k, &k->up, false);
	forget_watches(k, true);
	free(k->watches);
	if (ensemble.exists)
		list_remove(&k->link);
	list_remove(&k->guest.link);
	FREE_OBJ(k);
}

/* Its process is gone: what it had said may still arrive. */
static void host_ended(struct sim_guest *g, bool vanished)
{
	struct zk_link *k = container_of(g, struct zk_link, guest);
	if (ensemble.exists) {
		last_words(k);
		if (k->session && !vanished && reachable(k))
			k->session->heard_ns = sim_now_ns();
		let_go(k);
	}
	link_free(k);
}

int zk_link_start(struct zk *zk)
{
	struct zk_link *k;
	must(ensemble.exists);
	ALLOC_OBJ(k, LINK_MAGIC);
	k->zk = zk;
	k->host = sim_here();
	k->known = zk->config.resume;
	k->guest.ended = host_ended;
	list_push_back(&k->host->guests, &k->guest.link);
	list_push_back(&ensemble.links, &k->link);
	channel_init(&k->up);
	channel_init(&k->down);
	zk->link = k;
	sim_plan(&k->attempt, ms_below(FIRST_ATTEMPT_MS), attempt);
	return 0;
}

enum zk_err zk_call_start(struct zk *zk, struct zk_req *r)
{
	struct zk_link *k = zk->link;
	CHECK_OBJ_NOTNULL(k, LINK_MAGIC);
	for (unsigned i = 0; i <= r->n_ops; i++) {
		const struct zk_op *op = i < r->n_ops ? &r->ops[i] : NULL;
		bool numbered = op && op->kind == ZK_OP_CREATE &&
				(op->mode == ZK_PERSISTENT_SEQUENTIAL || op->mode == ZK_EPHEMERAL_SEQUENTIAL);
		const char *path = op ? op->path : r->path;
		char *whole = path ? mem_printf("%s%s", path, numbered ? "0" : "") : NULL;
		const char *wrong = whole ? zk_path_check(whole) : NULL;
		free(whole);
		if (wrong)
			return ZK_BAD_ARGUMENTS;
	}
	if (k->state == OVER)
		return ZK_SESSION_EXPIRED;
	struct message *m = mem_zalloc(sizeof *m);
	m->kind = REQUEST;
	m->req = r;
	push(&k->up, m, arrive_up);
	if (k->state != ATTACHED)
		sim_unplan(&k->up.arrival); /* goes once there is a connection */
	return ZK_OK;
}

void zk_link_order(struct zk *zk, enum zk_order order)
{
	struct zk_link *k = zk->link;
	CHECK_OBJ_NOTNULL(k, LINK_MAGIC);
	must(order != ZK_STAY && !k->leaving);
	k->leaving = true;
	sim_unplan(&k->attempt);
	if (order == ZK_VANISH || k->state != ATTACHED) {
		sim_plan(&k->leave, ms_below(1), go);
		return;
	}
	struct message *m = mem_zalloc(sizeof *m);
	m->kind = CLOSE;
	push(&k->up, m, arrive_up);
	sim_plan(&k->leave, CLOSE_MS * (int64_t)SIM_MS, go);
}

void zk_link_finish(struct zk *zk)
{
	CHECK_OBJ_NOTNULL(zk->link, LINK_MAGIC);
	link_free(zk->link);
	zk->link = NULL;
}

/* ---- the ensemble, as a test has it ---- */

void zk_sim_new(struct sim_host *h)
{
	must(!ensemble.exists);
	ensemble.exists = ensemble.up = true;
	ensemble.frozen = false;
	ensemble.host = h;
	zk_tree_init(&ensemble.tree, sys_wall_ms());
	list_init(&ensemble.links);
	list_init(&ensemble.sessions);
}

void zk_sim_free(void)
{
	must(ensemble.exists);
	list_for_each_safe(l, &ensemble.sessions) {
		struct session *s = list_entry(l, struct session, link);
		sim_unplan(&s->expiry);
		free(s);
	}
	list_for_each_safe(l, &ensemble.links) {
		struct zk_link *k = list_entry(l, struct zk_link, link);
		sim_unplan(&k->leave);
		hush(k);
		list_remove(l);
	}
	zk_tree_free(&ensemble.tree);
	ensemble.exists = false;
}

void zk_sim_stop(void)
{
	must(ensemble.up);
	list_for_each(l, &ensemble.links) {
		struct zk_link *k = list_entry(l, struct zk_link, link);
		if (k->state == ATTACHED)
			lose(k);
	}
	ensemble.up = false;
	list_for_each(l, &ensemble.sessions)
		sim_unplan(&list_entry(l, struct session, link)->expiry);
}

void zk_sim_start(void)
{
	must(!ensemble.up);
	ensemble.up = true;
	ensemble.frozen = false;
	list_for_each(l, &ensemble.sessions) {
		struct session *s = list_entry(l, struct session, link);
		s->heard_ns = sim_now_ns();
		plan_expiry(s);
	}
}

void zk_sim_freeze(bool frozen)
{
	ensemble.frozen = frozen;
}

void zk_sim_hang_up(struct sim_host *client)
{
	list_for_each(l, &ensemble.links) {
		struct zk_link *k = list_entry(l, struct zk_link, link);
		if (k->host == client && k->state == ATTACHED)
			lose(k);
	}
}

void zk_sim_expire(struct sim_host *client)
{
	list_for_each(l, &ensemble.links) {
		struct zk_link *k = list_entry(l, struct zk_link, link);
		struct session *s = k->host == client ? session_find(&k->known) : NULL;
		if (s)
			session_end(s);
		if (k->host == client && k->state == ATTACHED)
			lose(k);
	}
}

bool zk_sim_read(const char *path, struct slice *data, struct zk_stat *stat)
{
	const struct zk_node *node = zk_tree_find(&ensemble.tree, path);
	if (!node)
		return false;
	*data = node->data;
	*stat = zk_node_stat(node);
	return true;
}
