/* ut_zk_sim.c - the simulated ZooKeeper does what the real one does: the cases of ut_zk.c, in many worlds. */
#include "tests/unit/zkutil/zk_client.h"

#include "tests/sim/zk_sim.h"

enum {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SEEDS = 10,
#else
	SEEDS = 200,
#endif
	WAIT_MS_MAX = 600 * 1000,
};

const char *world_connect(void)
{
	return "zoo:2181";
}

void world_server_start(void)
{
	zk_sim_start();
}

void world_server_freeze(void)
{
	zk_sim_freeze(true);
}

void world_server_kill(void)
{
	zk_sim_stop();
}

void world_lock(void)
{
}

void world_unlock(void)
{
}

void world_wake(void)
{
}

bool world_wait(bool (*until)(void *arg), void *arg)
{
	return sim_run_until(until, arg, WAIT_MS_MAX);
}

int main(void)
{
	int failed = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		sim_new(seed);
		zk_sim_new(sim_host_new("zoo", 1));
		sim_on(sim_host_new("client", 1));
		int now = zk_cases_run("zk in a simulated world");
		if (now)
			fprintf(stderr, "seed %llu failed\n", (unsigned long long)seed);
		failed |= now;
		zk_sim_free();
		sim_free();
	}
	return failed;
}
