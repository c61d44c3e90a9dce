/* metastore.h - the snapshot in force, on the control reactor: applies UpdateMetadata, hands snapshots to the
 * cores, and lets fibers wait for what they have asked the controller for.
 */
#ifndef SAMSA_CLUSTER_METASTORE_H
#define SAMSA_CLUSTER_METASTORE_H

#include "broker/cluster/meta.h"
#include "broker/reactor/fiber.h"

#include <stdbool.h>

struct metastore;
struct update_metadata_request;

/* `publish` is called for each core with a hold on the new snapshot, which it takes: it posts it there. */
struct metastore *metastore_new(struct reactor *control, int n_cores,
				void (*publish)(void *arg, int core, struct metadata *m), void *arg);
void metastore_free(struct metastore *s);

/* The snapshot in force; borrowed until the fiber next waits. */
struct metadata *metastore_now(const struct metastore *s);
/* `settings_of` gives a topic's settings with a hold, or NULL when there is no replica of it here. */
void metastore_update(struct metastore *s, const struct update_metadata_request *req,
		      struct topic_settings *(*settings_of)(void *arg, struct slice topic), void *arg);
/* Topics have other settings; the holds stay the caller's. */
void metastore_set_settings(struct metastore *s, const struct topic_new_settings *v, size_t n);

/* In a fiber: waits until `holds` is true of the snapshot in force, at most `timeout_ms`. */
bool metastore_wait(struct metastore *s, bool (*holds)(void *arg, const struct metadata *m), void *arg,
		    int64_t timeout_ms);
/* The broker goes down: whoever waits, or would, is done with it. */
void metastore_end_waits(struct metastore *s);

#endif
