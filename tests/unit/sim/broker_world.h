/* broker_world.h - one whole broker, ZooKeeper and a client in a world with a seed, with misfortune, and what
 * must hold of it. */
#ifndef SAMSA_TESTS_BROKER_WORLD_H
#define SAMSA_TESTS_BROKER_WORLD_H

#include <stdbool.h>
#include <stdint.h>

/* Lives through the world of `seed` and returns its trace. What went wrong is told on standard error. */
uint64_t broker_world(uint64_t seed, bool *held);

#endif
