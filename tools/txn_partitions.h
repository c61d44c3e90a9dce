/* txn_partitions.h - the partitions of a transaction in the order in which Kafka's tools show them. */
#ifndef SAMSA_TOOLS_TXN_PARTITIONS_H
#define SAMSA_TOOLS_TXN_PARTITIONS_H

#include "tools/text.h"
#include "transaction_log.kmsg.h"

/* "txn-0,__consumer_offsets-1" */
void txn_partitions_text(struct text *out, const struct transaction_log_value *v, const char *comma);

#endif
