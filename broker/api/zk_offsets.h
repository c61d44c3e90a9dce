/* zk_offsets.h - offsets that were kept in ZooKeeper before there was a coordinator: version 0 of
 * OffsetCommit and OffsetFetch, which a broker in ZooKeeper mode still serves. Each offset is a node,
 * /consumers/<group>/offsets/<topic>/<partition>. Facts: KafkaApis.commitOffsetsToZookeeper,
 * handleOffsetFetchRequestFromZookeeper of 3.9. */
#ifndef SAMSA_API_ZK_OFFSETS_H
#define SAMSA_API_ZK_OFFSETS_H

struct request;

/* In a fiber of the control reactor; the state is a struct offset_commit_state. */
void zk_offsets_commit(struct request *req);
/* On the accepting core. */
void zk_offsets_fetch(struct request *req);

#endif
