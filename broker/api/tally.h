/* tally.h - what one core counts of the requests that it answers. Belongs to that core.
 *
 * A request's time ends when its answer leaves, at the end of the turn in which it was given to the
 * connection. The clock is read once, then, for all of that turn: reading it for each would cost more than
 * the counting.
 */
#ifndef SAMSA_API_TALLY_H
#define SAMSA_API_TALLY_H

#include "broker/metrics/metrics.h"
#include "broker/reactor/reactor.h"

enum {
	TALLY_MAX = 64, /* answered in one turn before the clock is read */
	/* Kinds of requests beside the APIs, whose kind is their key. */
	TALLY_FETCH_CONSUMER = 96,
	TALLY_FETCH_FOLLOWER,
	TALLY_NONE = -1,
};

/* A request that was answered. */
struct tally_entry {
	int64_t received_ns;
	uint32_t bytes;
	int16_t kind, also; /* `also`: counted as this, too; TALLY_NONE: as nothing else */
	int16_t version;
};

struct tally {
	struct reactor *reactor;
	struct metrics_core *metrics;
	struct deferred settle;
	int n;
	struct tally_entry answered[TALLY_MAX];
};

/* The reactor must count (reactor_set_metrics). */
void tally_init(struct tally *t, struct reactor *reactor);
void tally_answered(struct tally *t, const struct tally_entry *e);

/* Names the kinds of requests. */
void tally_name_requests(struct metrics *m);

#endif
