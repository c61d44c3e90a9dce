/* zk_server.h - Debian's ZooKeeper, started by a test in a folder of its own, and a loop that delivers a
 * client's events. Waits are for events, bounded by a limit that only a failure reaches. */
#ifndef SAMSA_TESTS_ZK_SERVER_H
#define SAMSA_TESTS_ZK_SERVER_H

#include "zkutil/zk.h"

#include "broker/base/must.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ZK_SERVER_SCRIPT "/usr/share/zookeeper/bin/zkServer.sh"

enum { WAIT_SECONDS_MAX = 120, TICK_MS = 500, SESSION_MS = 20 * TICK_MS };

/* The library prints addresses into a static buffer of its own, for its log only. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:__sprintf_chk\n";
}

/* ---- the server ---- */

static struct {
	char dir[64];
	int port;
	pid_t pid;
} server;

static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0);
	must(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	close(fd);
	return ntohs(a.sin_port);
}

static inline void server_start(void)
{
	char config[128];
	must(server.pid == 0);
	snprintf(config, sizeof config, "%s/zoo.cfg", server.dir);
	server.pid = fork();
	must(server.pid >= 0);
	if (server.pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int out = open("/dev/null", O_RDWR);
	dup2(out, 0);
	dup2(out, 1);
	dup2(out, 2);
	setenv("ZOO_LOG_DIR", server.dir, 1);
	setenv("JVMFLAGS", "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1", 1);
	execl(ZK_SERVER_SCRIPT, "zkServer.sh", "start-foreground", config, (char *)NULL);
	_exit(127);
}

static inline void server_kill(int signal)
{
	must(server.pid > 0);
	kill(server.pid, signal);
	if (signal != SIGKILL)
		return;
	waitpid(server.pid, NULL, 0);
	server.pid = 0;
}

/* Makes the folder; false where ZooKeeper is not installed. */
static inline bool server_prepare(void)
{
	char config[128];
	if (access(ZK_SERVER_SCRIPT, X_OK) != 0)
		return false;
	snprintf(server.dir, sizeof server.dir, "/tmp/ut_zk.XXXXXX");
	must(mkdtemp(server.dir));
	server.port = free_port();
	snprintf(config, sizeof config, "%s/zoo.cfg", server.dir);
	FILE *f = fopen(config, "w");
	must(f);
	fprintf(f, "tickTime=%d\ndataDir=%s/data\nclientPort=%d\n", TICK_MS, server.dir, server.port);
	fprintf(f, "clientPortAddress=127.0.0.1\n");
	fprintf(f, "admin.enableServer=false\nmaxClientCnxns=0\n");
	fclose(f);
	return true;
}

static inline void server_clean(void)
{
	char command[128];
	if (server.pid)
		server_kill(SIGKILL);
	snprintf(command, sizeof command, "rm -rf %s", server.dir);
	must(system(command) == 0);
}

/* ---- a client and its loop ---- */

struct queued {
	struct queued *next;
};

struct client {
	struct zk *zk;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queued *first, **last;
	unsigned states[ZK_CLOSED + 1];    /* how often each was told */
	unsigned changes[ZK_CHILDREN_CHANGED + 1];
	char changed[64];                  /* the path of the last */
	struct zk_session session;         /* kept beyond the client */
	void (*on_watch)(void *arg, enum zk_change change, const char *path);
	void *watch_arg;
};

static void client_post(void *ctx, struct zk_event *ev)
{
	struct client *c = ctx;
	struct queued *q = (struct queued *)(void *)ev->room;
	pthread_mutex_lock(&c->lock);
	q->next = NULL;
	*c->last = q;
	c->last = &q->next;
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
}

static void client_state(void *ctx, enum zk_state state)
{
	struct client *c = ctx;
	c->states[state]++;
	if (state == ZK_CONNECTED)
		c->session = *zk_session(c->zk);
	if (state == ZK_CLOSED)
		c->zk = NULL;
}

static void client_watch(void *ctx, enum zk_change change, const char *path)
{
	struct client *c = ctx;
	c->changes[change]++;
	snprintf(c->changed, sizeof c->changed, "%s", path);
	if (c->on_watch)
		c->on_watch(c->watch_arg, change, path);
}

/* Delivers the next event; false when none came in time. */
static inline bool client_turn(struct client *c)
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS_MAX;
	pthread_mutex_lock(&c->lock);
	while (!c->first && rc == 0)
		rc = pthread_cond_timedwait(&c->more, &c->lock, &until);
	struct queued *q = c->first;
	if (q && !(c->first = q->next))
		c->last = &c->first;
	pthread_mutex_unlock(&c->lock);
	if (!q)
		return false;
	zk_deliver(c->zk, container_of((void *)q, struct zk_event, room));
	return true;
}

static inline void client_open_at(struct client *c, const char *connect, const struct zk_session *resume,
	bool no_chroot)
{
	*c = (struct client){ .zk = NULL };
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	c->last = &c->first;
	struct zk_config config = { .connect = connect, .no_chroot = no_chroot,
		.session_timeout_ms = SESSION_MS, .ctx = c, .post = client_post, .on_state = client_state,
		.on_watch = client_watch };
	if (resume)
		config.resume = *resume;
	must(zk_open(&c->zk, &config) == 0);
}

static inline void client_open(struct client *c, const struct zk_session *resume)
{
	char connect[32];
	snprintf(connect, sizeof connect, "127.0.0.1:%d", server.port);
	client_open_at(c, connect, resume, false);
}

/* Until `state` was told once more than `before` times. */
static inline bool client_wait(struct client *c, enum zk_state state, unsigned before)
{
	while (c->states[state] <= before)
		if (!client_turn(c))
			return false;
	return true;
}

static inline void client_drain(struct client *c)
{
	must(client_wait(c, ZK_CLOSED, 0));
	must(!c->first);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->more);
}

static inline void client_close(struct client *c)
{
	zk_close(c->zk);
	client_drain(c);
}

/* ---- a request that counts its own end ---- */

struct job {
	struct zk_req r;
	unsigned done;
};

static void job_done(struct zk_req *r)
{
	struct job *j = r->ctx;
	must(r == &j->r);
	j->done++;
}

static inline void job_send(struct client *c, struct job *j)
{
	j->done = 0;
	zk_send(c->zk, &j->r, job_done, j);
	must(j->done == 0);
}

static inline enum zk_err job_wait(struct client *c, struct job *j)
{
	while (!j->done)
		must(client_turn(c));
	return j->r.err;
}

static inline enum zk_err job_run(struct client *c, struct job *j)
{
	job_send(c, j);
	return job_wait(c, j);
}

/* For those whose answer is their error alone. */
static inline enum zk_err write_one(struct client *c, struct zk_op op)
{
	struct job j;
	zk_req_write(&j.r, op);
	enum zk_err err = job_run(c, &j);
	zk_req_fini(&j.r);
	return err;
}

static inline enum zk_err create(struct client *c, const char *path, struct slice data, enum zk_mode mode)
{
	return write_one(c, zk_op_create(path, data, mode));
}

static inline enum zk_err exists(struct client *c, const char *path)
{
	struct job j;
	zk_req_exists(&j.r, path, false);
	enum zk_err err = job_run(c, &j);
	zk_req_fini(&j.r);
	return err;
}

#endif
