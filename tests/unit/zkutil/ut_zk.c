/* ut_zk.c - the ZooKeeper client against a real ZooKeeper: Debian's, which the test starts in a folder of
 * its own, kills and starts again. The cases are in zk_cases.c. */
#include "tests/unit/zkutil/zk_client.h"

#include "broker/base/must.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ZK_SERVER_SCRIPT "/usr/share/zookeeper/bin/zkServer.sh"

enum { WAIT_SECONDS_MAX = 120, TICK_MS = 500, EXIT_SKIP = 77 };

/* The library prints addresses into a static buffer of its own, for its log only. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:__sprintf_chk\n";
}

/* ---- the server ---- */

static struct {
	char dir[64];
	char connect[32];
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

void world_server_start(void)
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

void world_server_freeze(void)
{
	kill(server.pid, SIGSTOP);
}

void world_server_kill(void)
{
	must(server.pid > 0);
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
	server.pid = 0;
}

const char *world_connect(void)
{
	return server.connect;
}

/* Makes the folder; false where ZooKeeper is not installed. */
static bool server_prepare(void)
{
	char config[128];
	if (access(ZK_SERVER_SCRIPT, X_OK) != 0)
		return false;
	snprintf(server.dir, sizeof server.dir, "/tmp/ut_zk.XXXXXX");
	must(mkdtemp(server.dir));
	server.port = free_port();
	snprintf(server.connect, sizeof server.connect, "127.0.0.1:%d", server.port);
	snprintf(config, sizeof config, "%s/zoo.cfg", server.dir);
	FILE *f = fopen(config, "w");
	must(f);
	fprintf(f, "tickTime=%d\ndataDir=%s/data\nclientPort=%d\n", TICK_MS, server.dir, server.port);
	fprintf(f, "clientPortAddress=127.0.0.1\n");
	fprintf(f, "admin.enableServer=false\nmaxClientCnxns=0\n");
	fclose(f);
	return true;
}

static void server_clean(void)
{
	char command[128];
	if (server.pid)
		world_server_kill();
	snprintf(command, sizeof command, "rm -rf %s", server.dir);
	must(system(command) == 0);
}

/* ---- waiting ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
} waiting = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER };

void world_lock(void)
{
	pthread_mutex_lock(&waiting.lock);
}

void world_unlock(void)
{
	pthread_mutex_unlock(&waiting.lock);
}

void world_wake(void)
{
	pthread_cond_signal(&waiting.more);
}

bool world_wait(bool (*until)(void *arg), void *arg)
{
	struct timespec limit;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += WAIT_SECONDS_MAX;
	while (!until(arg) && rc == 0)
		rc = pthread_cond_timedwait(&waiting.more, &waiting.lock, &limit);
	return until(arg);
}

int main(void)
{
	if (!server_prepare())
		return EXIT_SKIP;
	world_server_start();
	int failed = zk_cases_run("zk");
	server_clean();
	return failed;
}
