/* producer_ids.h - producer ids, given out from blocks that are claimed in ZooKeeper. Control reactor, in
 * fibers. Facts: kafka.coordinator.transaction.ZkProducerIdManager of 3.9; contract: zk_schema, row 17. */
#ifndef SAMSA_API_PRODUCER_IDS_H
#define SAMSA_API_PRODUCER_IDS_H

#include "broker/base/kerr.h"
#include "broker/cluster/zkc.h"

#include <stdint.h>

enum { PRODUCER_IDS_BLOCK = 1000 };

struct producer_ids;

struct producer_ids *producer_ids_new(struct reactor *control, struct zkc *zkc, int32_t broker_id);
void producer_ids_free(struct producer_ids *p);

#endif
