/* zk_sim.h - a ZooKeeper ensemble in the simulated world (sim.h), and what a test may do to it.
 *
 * The other implementation of the link of zkutil/zk_link.h: a program that is linked with libsim.a has it
 * instead of the C client library. What ZooKeeper answers, and what a client hears when its connection or
 * its session is lost, is as with the real one: tests/unit/zkutil/zk_cases.c runs over both.
 *
 * The ensemble is one that always agrees with itself: nobody reads from a follower that is behind.
 */
#ifndef SAMSA_TESTS_ZK_SIM_H
#define SAMSA_TESTS_ZK_SIM_H

#include "tests/sim/sim.h"
#include "zkutil/zk.h"

enum { ZK_SIM_TICK_MS = 500 }; /* a session's timeout is between 2 and 20 of them */

/* After sim_new(): an ensemble on `h`, up, with nothing but what a new one has. Clients find it at h's
 * name or address, port ZK_PORT. It remembers across zk_sim_stop(), as a real one does. */
void zk_sim_new(struct sim_host *h);
/* Before sim_free(). */
void zk_sim_free(void);

/* ---- misfortune ---- */

/* All servers end: connections are lost at once. No session expires while there is no server. */
void zk_sim_stop(void);
void zk_sim_start(void);
/* The servers stand still: nobody is told, nobody gets an answer. */
void zk_sim_freeze(bool frozen);
/* The clients of this host lose their connections, and find another server. */
void zk_sim_hang_up(struct sim_host *client);
/* The sessions of this host's clients end at the server, and their ephemerals go. */
void zk_sim_expire(struct sim_host *client);

/* ---- looking ---- */

/* False when there is no such node. `data` lives until the next transaction. */
bool zk_sim_read(const char *path, struct slice *data, struct zk_stat *stat);

#endif
