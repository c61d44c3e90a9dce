/* session.h - fetch sessions (KIP-227): what a client fetches is remembered, so that it need not be said each
 * time.
 *
 * A session lives on the core it was made on; its id tells which (id mod cores). A client that comes back on
 * another core is told FETCH_SESSION_ID_NOT_FOUND and makes a new one, as after a restart. Facts:
 * FetchSession of 3.9.
 *
 * One fetch: session_begin() resolves the request to a plan, a copy of the partitions to read in the order to
 * read them; session_finish() notes what was sent and tells which partitions an incremental response leaves
 * out. Nothing of the session is pointed to in between, because another request may change or evict it.
 */
#ifndef SAMSA_API_SESSION_H
#define SAMSA_API_SESSION_H

#include "broker/base/arena.h"
#include "broker/base/hash.h"
#include "broker/base/kerr.h"
#include "broker/base/slice.h"
#include "broker/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SESSION_NONE = 0,          /* the id of no session */
	SESSION_EPOCH_INITIAL = 0, /* make one */
	SESSION_EPOCH_FINAL = -1,  /* none wanted, or close the one named */
	SESSION_EVICTABLE_MS = 120 * 1000,
	SESSION_PARTITIONS_MAX = 1 << 20, /* of one session */
};

/* One partition of a request or of a plan. */
struct fetch_wish {
	struct slice topic;  /* null where only the id is known */
	struct uuid topic_id;
	int32_t partition;
	int32_t current_leader_epoch, last_fetched_epoch;
	int64_t fetch_offset;
	int64_t log_start_offset; /* the follower's */
	int32_t max_bytes;
};

struct session_request {
	int32_t id, epoch;
	bool by_topic_id; /* version 13 and up */
	bool privileged;  /* a follower's */
	const struct fetch_wish *wishes;
	size_t n_wishes;
	const struct fetch_wish *forgotten; /* only topic and partition count */
	size_t n_forgotten;
};

/* What became of one partition of the plan, for session_finish(). */
struct fetch_outcome {
	bool has_records;
	bool must_tell; /* an error, a diverging epoch, a preferred replica */
	int64_t high_watermark, log_start_offset;
	bool omit;      /* out: an incremental response leaves it out */
};

struct session_plan {
	enum kerr error; /* of the whole request; then nothing else counts */
	bool incremental;
	bool make;       /* session_finish() makes a session */
	int32_t id;      /* of the session served */
	int32_t epoch;   /* the one expected while it is served */
	struct fetch_wish *wishes; /* in the request's arena, as is their text */
	size_t n;
};

struct sessions;

/* One core's share of max.incremental.fetch.session.cache.slots. */
struct sessions *sessions_new(int core, int cores, int slots, const struct hash_seed *seed);
void sessions_free(struct sessions *s);
/* `random` gives the bits of new ids. */
struct session_plan session_begin(struct sessions *s, const struct session_request *req, int64_t now_ms,
				  struct arena *arena);
/* `outcomes` lie beside plan->wishes. Sets `omit`; gives the session id for the response, and may turn it
 * into a top error when the session changed meanwhile. */
int32_t session_finish(struct sessions *s, const struct session_plan *plan, const struct session_request *req,
		       struct fetch_outcome *outcomes, int64_t now_ms, uint32_t random, enum kerr *error);

int sessions_count(const struct sessions *s);
int64_t sessions_partitions(const struct sessions *s);
/* Sessions that gave way to others. */
uint64_t sessions_evicted(const struct sessions *s);

#endif
