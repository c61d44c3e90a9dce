/* zk_handle.c - the thread of one session, which does what may block: it looks up the servers' names, opens
 * the library's handle, follows the names while there is no connection, and closes.
 *
 * The library is given addresses and never names. Given names it would look them up before every poll, and
 * when that fails (all servers of a headless service are gone for a moment) it would poll a closed descriptor
 * without a pause.
 */
#include "config.h"

#include "zkutil/zk_lib_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <time.h>

/* Refuses every connection, and no server has it: the library compares addresses without their ports. See
 * vanish(). */
static const char nowhere[] = "127.255.255.254:1";

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- what is logged ----
 * While no server answers, each attempt says so. */

static struct {
	pthread_mutex_t lock;
	struct log_limit limit;
} warned = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void warn(const char *logger, const char *text)
{
	pthread_mutex_lock(&warned.lock);
	uint64_t dropped = warned.limit.dropped;
	bool say = log_limited(&warned.limit, now_ms(), ZK_LOG_EVERY_MS);
	if (say)
		warned.limit.dropped = 0;
	pthread_mutex_unlock(&warned.lock);
	if (say && dropped)
		log_warn(logger, "%s (%llu lines before it are left out)", text, (unsigned long long)dropped);
	else if (say)
		log_warn(logger, "%s", text);
}

/* "2026-01-01 00:00:00,000:123(0x7f...):ZOO_WARN@function@99: text". Its errors are those of one connection,
 * for which the Java client warns. */
static void library_says(const char *message)
{
	const char *text = strstr(message, ":ZOO_");
	text = text ? strstr(text, ": ") : NULL;
	warn("org.apache.zookeeper.ClientCnxn", log_safe(slice_str(text ? text + 2 : message)).s);
}

/* ---- what the library tells, on its thread ---- */

static void set_lost(struct zk *zk, bool lost)
{
	pthread_mutex_lock(&zk->link->shared.lock);
	zk->link->shared.lost = lost;
	pthread_cond_signal(&zk->link->shared.changed);
	pthread_mutex_unlock(&zk->link->shared.lock);
}

static bool state_of(int library, enum zk_state *out)
{
	if (library == ZOO_CONNECTED_STATE)
		*out = ZK_CONNECTED;
	else if (library == ZOO_EXPIRED_SESSION_STATE)
		*out = ZK_EXPIRED;
	else if (library == ZOO_AUTH_FAILED_STATE)
		*out = ZK_AUTH_FAILED;
	else if (library == ZOO_CONNECTING_STATE)
		*out = ZK_DISCONNECTED;
	else
		return false;
	return true;
}

static void session_changed(struct zk *zk, zhandle_t *handle, int library_state)
{
	enum zk_state state;
	struct zk_session session = { 0 };
	if (!state_of(library_state, &state))
		return;
	if (state == ZK_CONNECTED) {
		const clientid_t *id = zoo_client_id(handle);
		session.id = id->client_id;
		memcpy(session.passwd, id->passwd, sizeof session.passwd);
		session.timeout_ms = zoo_recv_timeout(handle);
		if (!zk->link->handle)
			zk->link->handle = handle;
	}
	set_lost(zk, state == ZK_DISCONNECTED);
	zk_post_session(zk, state, &session);
}

static bool change_of(int library, enum zk_change *out)
{
	if (library == ZOO_CREATED_EVENT)
		*out = ZK_NODE_CREATED;
	else if (library == ZOO_DELETED_EVENT)
		*out = ZK_NODE_DELETED;
	else if (library == ZOO_CHANGED_EVENT)
		*out = ZK_NODE_CHANGED;
	else if (library == ZOO_CHILD_EVENT)
		*out = ZK_CHILDREN_CHANGED;
	else
		return false;
	return true;
}

static void watcher(zhandle_t *handle, int type, int state, const char *path, void *context)
{
	struct zk *zk = context;
	enum zk_change change;
	CHECK_OBJ_NOTNULL(zk, ZK_MAGIC);
	if (type == ZOO_SESSION_EVENT)
		session_changed(zk, handle, state);
	else if (change_of(type, &change))
		zk_post_change(zk, change, path);
}

/* ---- the thread ---- */

/* Waits until there is an order to leave, at most `ms` (-1: as long as it takes) and while the connection is
 * as it is. */
static enum zk_order wait_for_order(struct zk *zk, bool lost, int ms)
{
	struct zk_link *k = zk->link;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	int rc = 0;
	pthread_mutex_lock(&k->shared.lock);
	while (k->shared.order == ZK_STAY && k->shared.lost == lost && rc == 0)
		rc = ms < 0 ? pthread_cond_wait(&k->shared.changed, &k->shared.lock)
			    : pthread_cond_timedwait(&k->shared.changed, &k->shared.lock, &until);
	enum zk_order order = k->shared.order;
	pthread_mutex_unlock(&k->shared.lock);
	return order;
}

struct addresses {
	char *v[ZK_ADDRESSES_MAX]; /* "192.0.2.1:2181", "2001:db8::1:2181" as the library wants it */
	unsigned n;
};

static void add_host(struct addresses *out, const struct zk_host *host)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	char text[INET6_ADDRSTRLEN];
	int rc = getaddrinfo(host->name, NULL, &hints, &found);
	if (rc != 0) {
		char *why = mem_printf("Unable to resolve address: %s:%u (%s)", host->name, host->port,
			gai_strerror(rc));
		warn("org.apache.zookeeper.client.StaticHostProvider", why);
		free(why);
		return;
	}
	for (const struct addrinfo *a = found; a && out->n < ZK_ADDRESSES_MAX; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			out->v[out->n++] = mem_printf("%s:%u", text, host->port);
	freeaddrinfo(found);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All addresses of all hosts, sorted so that two lists compare; NULL when there is none. */
static char *look_up(const struct zk_connect *connect)
{
	struct addresses found = { .n = 0 };
	size_t bytes = 0;
	for (unsigned i = 0; i < connect->n; i++)
		add_host(&found, &connect->hosts[i]);
	order_sort(found.v, found.n, sizeof found.v[0], by_text);
	for (unsigned i = 0; i < found.n; i++)
		bytes += strlen(found.v[i]) + 1;
	char *list = bytes ? mem_zalloc(bytes) : NULL, *at = list;
	for (unsigned i = 0; i < found.n; i++) {
		at = stpcpy(at, found.v[i]);
		if (i + 1 < found.n)
			*at++ = ',';
		free(found.v[i]);
	}
	return list;
}

static zhandle_t *open_at(struct zk *zk, const char *addresses)
{
	clientid_t id = { .client_id = zk->config.resume.id };
	memcpy(id.passwd, zk->config.resume.passwd, sizeof id.passwd);
	zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
	zhandle_t *handle = zookeeper_init2(addresses, watcher, zk->config.session_timeout_ms,
		id.client_id ? &id : NULL, zk, ZOO_NO_LOG_CLIENTENV, library_says);
	if (handle)
		zoo_set_servers_resolution_delay(handle, -1); /* not before every poll */
	else
		warn("org.apache.zookeeper.ClientCnxn", "Unable to start a ZooKeeper client");
	return handle;
}

/* Tries until there is a handle or an order to leave. */
static zhandle_t *open_handle(struct zk *zk, char **addresses)
{
	zhandle_t *handle = NULL;
	do {
		free(*addresses);
		*addresses = look_up(&zk->connect);
		if (*addresses)
			handle = open_at(zk, *addresses);
	} while (!handle && wait_for_order(zk, true, ZK_RETRY_MS) == ZK_STAY);
	return handle;
}

/* Servers that were replaced keep their names but not their addresses. */
static void follow_names(struct zk *zk, zhandle_t *handle, char **addresses)
{
	char *now = look_up(&zk->connect);
	if (!now || strcmp(now, *addresses) == 0) {
		free(now);
		return;
	}
	zoo_set_servers(handle, now);
	free(*addresses);
	*addresses = now;
}

static bool is_lost(struct zk *zk)
{
	pthread_mutex_lock(&zk->link->shared.lock);
	bool lost = zk->link->shared.lost;
	pthread_mutex_unlock(&zk->link->shared.lock);
	return lost;
}

static enum zk_order stay(struct zk *zk, zhandle_t *handle, char **addresses)
{
	enum zk_order order;
	do {
		bool lost = is_lost(zk);
		order = wait_for_order(zk, lost, lost ? ZK_RETRY_MS : -1);
		if (order == ZK_STAY && lost && is_lost(zk))
			follow_names(zk, handle, addresses);
	} while (order == ZK_STAY);
	return order;
}

/* Closing tells the server to end the session, unless there is no connection: the library drops the one it
 * has when its server is no longer among those that it may use. */
static void vanish(zhandle_t *handle)
{
	zoo_set_servers(handle, nowhere);
}

static void *run(void *arg)
{
	struct zk *zk = arg;
	char *addresses = NULL;
	zhandle_t *handle = open_handle(zk, &addresses);
	if (handle) {
		if (stay(zk, handle, &addresses) == ZK_VANISH)
			vanish(handle);
		zookeeper_close(handle); /* its completions run here and before */
	}
	free(addresses);
	zk->config.post(zk->config.ctx, &zk->closed);
	return NULL;
}

static void link_free(struct zk *zk)
{
	pthread_cond_destroy(&zk->link->shared.changed);
	pthread_mutex_destroy(&zk->link->shared.lock);
	FREE_OBJ(zk->link);
}

int zk_link_start(struct zk *zk)
{
	pthread_condattr_t monotonic;
	ALLOC_OBJ(zk->link, ZK_LINK_MAGIC);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&zk->link->shared.lock, NULL);
	pthread_cond_init(&zk->link->shared.changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	zk->link->shared.order = ZK_STAY;
	zk->link->shared.lost = true;
	zk->closed.run = zk_on_closed;
	int rc = pthread_create(&zk->link->thread, NULL, run, zk);
	if (rc != 0)
		link_free(zk);
	return -rc;
}

void zk_link_order(struct zk *zk, enum zk_order order)
{
	pthread_mutex_lock(&zk->link->shared.lock);
	zk->link->shared.order = order;
	pthread_cond_signal(&zk->link->shared.changed);
	pthread_mutex_unlock(&zk->link->shared.lock);
}

void zk_link_finish(struct zk *zk)
{
	pthread_join(zk->link->thread, NULL);
	link_free(zk);
}
