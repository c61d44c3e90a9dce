/* sim.h - a world with a seed: hosts with disks, joined by a network, in one process and one thread.
 *
 * A program linked with libsim.a instead of libseam.a runs over this world (sys_sim*.c implement
 * broker/reactor/sys.h). Time is virtual and stands still while code runs, but for a little for each step.
 * All that may come in one order or another is drawn from the seed: which thread goes on, how a stream of
 * bytes is cut and how long each piece takes, when a helper works, whether a read finds its bytes in memory,
 * what a crash leaves on disk. The same seed gives the same run, and sim_trace() is a number that says so:
 * everything that happens is mixed into it.
 *
 * A host's threads (sys_thread_start) have stacks of their own and give way only where they wait, in
 * sys_poller_wait(), sys_thread_join() and sys_exit(). The test itself is on no host until it says which with
 * sim_on(); when it waits, the world goes on.
 *
 *	sim_new(42);
 *	struct sim_host *a = sim_host_new("a", 2), *b = sim_host_new("b", 1);
 *	struct reactor *server = sim_reactor(a, 0, NULL), *client = sim_reactor(b, 0, NULL);
 *	sim_on(a);  ... listen, watch: the test may set a reactor up until the world goes on ...
 *	sim_run_ms(1000);
 *	printf("%016llx\n", (unsigned long long)sim_trace());
 *	sim_free();
 *
 * SIM_LOG=1 in the environment prints the log lines of all hosts with the virtual time.
 */
#ifndef SAMSA_TESTS_SIM_H
#define SAMSA_TESTS_SIM_H

#include "broker/reactor/reactor.h"

enum { SIM_HOSTS_MAX = 16 };

struct sim_host;

/* ---- the world: one at a time ---- */

void sim_new(uint64_t seed);
void sim_free(void);
uint64_t sim_trace(void);
int64_t sim_now_ns(void);
/* A number below `n` from the world's dice: a test's own choices belong to the seed too. */
uint64_t sim_dice(uint64_t n);
bool sim_chance(int percent);

/* ---- time ---- */

/* Lets one thing happen: a thread runs until it waits, bytes arrive, a job is done. False when nothing will
 * ever. */
bool sim_step(void);
void sim_run_ms(int64_t ms);
/* Goes on until `done` says so; false when `ms` went by first. */
bool sim_run_until(bool (*done)(void *arg), void *arg, int64_t ms);
/* Goes on until nothing is under way but time: no thread has work, no bytes travel, no job is queued. False
 * when `ms` went by first. */
bool sim_settle(int64_t ms);
void sim_wall_jump(int64_t ms); /* sys_wall_ms() only */

/* ---- hosts ---- */

/* Its name is one that sys_resolve() knows; its address is 10.0.0.1 for the first, and so on. It is up. */
struct sim_host *sim_host_new(const char *name, int cores);
/* What the test itself calls from now on happens there; NULL: nowhere. */
void sim_on(struct sim_host *h);
/* A reactor there, on a thread of its own that turns it. The caller may use it until the world goes on. */
struct reactor *sim_reactor(struct sim_host *h, int core, struct sys_helpers *helpers);
/* Stops it, lets the world go on until it has, and frees it. Not after its host was killed. */
void sim_reactor_free(struct reactor *r);
void sim_signal(struct sim_host *h, int number); /* comes out of sys_signals_next() */
/* -1 while nobody there has called sys_exit() since it was last up or killed. */
int sim_exit_status(const struct sim_host *h);

/* These end every thread there where it stands and close every descriptor. Memory that the host's code had
 * allocated is lost, which LeakSanitizer is told to overlook in programs that link libsim.a. */
/* kill -9: the kernel lives, so its files stay as they are and its peers see their connections closed. */
void sim_kill(struct sim_host *h);
/* Loss of power: what was not synced stays in part or not at all, and peers hear nothing. Down until
 * sim_boot(). */
void sim_crash(struct sim_host *h);
void sim_boot(struct sim_host *h);

/* ---- misfortune ---- */

/* No packet passes between these two; streams go on when the link is mended. */
void sim_cut(struct sim_host *a, struct sim_host *b, bool cut);
/* How many bytes its files may still grow by before -ENOSPC; -1 as many as they like. */
void sim_disk_room(struct sim_host *h, int64_t bytes);
/* While broken, its reads, writes and syncs fail with -EIO. */
void sim_disk_break(struct sim_host *h, bool broken);

#endif
