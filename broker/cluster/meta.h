/* meta.h - what a broker knows of its cluster: an immutable snapshot that each core holds.
 *
 * A snapshot is built on the control reactor by editing the one before: topics that did not change are shared
 * by counting, so an edit costs the table of pointers and what it changes. It is then posted to each core,
 * which swaps its pointer and drops the old one. Snapshots and their topics are never changed once finished,
 * so any core may read one it has a hold on.
 */
#ifndef SAMSA_CLUSTER_META_H
#define SAMSA_CLUSTER_META_H

#include "broker/base/buf.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"
#include "broker/cluster/settings.h"
#include "broker/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	META_NO_LEADER = -1,
	META_LEADER_DELETED = -2, /* in UpdateMetadata: the partition is going away */
};

struct meta_endpoint {
	char *listener; /* "PLAINTEXT" */
	char *host;
	int32_t port;
	int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
};

struct meta_broker {
	int32_t id;
	char *rack; /* or NULL */
	struct meta_endpoint *endpoints;
	int n_endpoints;
};

struct meta_ids {
	int32_t *ids;
	int n;
};

struct meta_partition {
	int32_t leader; /* or META_NO_LEADER */
	int32_t leader_epoch;
	int32_t controller_epoch;
	int32_t partition_epoch; /* zkVersion of the state znode */
	struct meta_ids isr, replicas, offline;
	bool known; /* false: nothing was heard of it yet */
};

struct meta_topic {
	struct hold hold;
	char *name;
	uint32_t name_bytes;
	struct uuid id; /* all zero: none */
	struct topic_settings *settings; /* NULL: not known here, the broker's own hold */
	struct topic_counts *counts;     /* likewise */
	int n_partitions;
	struct meta_partition *partitions;
};

struct metadata;

/* The empty snapshot. */
struct metadata *meta_empty(void);
struct metadata *meta_get(struct metadata *m);
void meta_put(struct metadata *m);

const struct meta_topic *meta_topic(const struct metadata *m, struct slice name);
const struct meta_topic *meta_topic_by_id(const struct metadata *m, const struct uuid *id);
/* NULL when the topic or the partition is not known. */
const struct meta_partition *meta_topic_partition(const struct meta_topic *t, int32_t index);
const struct meta_partition *meta_partition(const struct metadata *m, struct slice topic, int32_t index);
/* Topics in the order of their names. */
int meta_topics(const struct metadata *m);
const struct meta_topic *meta_topic_at(const struct metadata *m, int i);

int meta_brokers(const struct metadata *m);
const struct meta_broker *meta_broker_at(const struct metadata *m, int i); /* by ascending id */
const struct meta_broker *meta_broker(const struct metadata *m, int32_t id);
const struct meta_endpoint *meta_endpoint(const struct meta_broker *b, const char *listener);
int32_t meta_controller(const struct metadata *m); /* or -1 */

/* ---- editing: control reactor only ---- */

struct meta_edit;

struct meta_edit *meta_edit_begin(struct metadata *from);
void meta_edit_controller(struct meta_edit *e, int32_t broker_id);
/* Replaces all brokers; copies what it is given. */
void meta_edit_brokers(struct meta_edit *e, const struct meta_broker *brokers, int n);
/* Sets one partition; makes the topic, and grows it, as needed. Copies what it is given. */
void meta_edit_partition(struct meta_edit *e, struct slice topic, const struct uuid *id, int32_t index,
			 const struct meta_partition *p);
/* This broker has a replica: the topic gets these settings, and counters for `cores` cores unless it has
 * some. Takes the caller's hold; nothing when the topic is not known. */
void meta_edit_settings(struct meta_edit *e, struct slice topic, struct topic_settings *settings, int cores);
/* The topic goes when its last partition does. */
void meta_edit_remove_partition(struct meta_edit *e, struct slice topic, int32_t index);
/* The new snapshot, with one hold; the edit is freed. The one before is not touched. */
struct metadata *meta_edit_finish(struct meta_edit *e);

#endif
