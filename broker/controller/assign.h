/* assign.h - which brokers get the replicas of new partitions. Facts: kafka.admin.AdminUtils of 3.9. */
#ifndef SAMSA_CONTROLLER_ASSIGN_H
#define SAMSA_CONTROLLER_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assign_broker {
	int32_t id;
	const char *rack; /* NULL: none */
};

/* Fills `out` with `partitions` rows of `replicas` ids, for the partitions from `first_partition` on. `start`
 * and `shift` are random for a new topic; for a topic that grows the index of its first leader among the
 * brokers, and the number of partitions so far. `brokers` by ascending id; replicas <= n. False when only
 * some brokers have a rack. */
bool assign_replicas(struct assign_broker *brokers, int n, int32_t first_partition, int32_t partitions,
		     int replicas, uint32_t start, uint32_t shift, int32_t *out);

#endif
