/* tally.h - what one core counts of the requests that it answers. Belongs to that core.
 *
 * A request's time ends when its answer leaves, at the end of the turn in which it was given to the
 * connection. The clock is read once, then, for all of that turn: reading it for each would cost more than
 * the counting.
 *
 * Its stages are Kafka's (kafka.network.RequestChannel.Request.updateRequestMetrics), as far as a core that
 * reads, serves and answers in one turn has them. One that is answered in the turn it came in is local for
 * all of it, and costs no look at the clock; those that stay behind when a turn ends share one.
 */
#ifndef SAMSA_API_TALLY_H
#define SAMSA_API_TALLY_H

#include "broker/base/list.h"
#include "broker/metrics/metrics.h"
#include "broker/reactor/reactor.h"

enum {
	TALLY_MAX = 64, /* answered in one turn before the clock is read */
	/* Kinds of requests beside the APIs, whose kind is their key. */
	TALLY_FETCH_CONSUMER = 96,
	TALLY_FETCH_FOLLOWER,
	TALLY_NONE = -1,
};

/* A request's moments, by the monotonic clock. Each is written by one core; the request's own reads them. */
struct tally_times {
	struct list fresh;   /* tally.fresh: it came in this turn */
	int64_t received_ns;
	int64_t started_ns;  /* in a fiber of the control reactor; 0: it never was there */
	int64_t left_ns;     /* the turn in which it came was over; INT64_MAX: it is not */
	int64_t made_ns;     /* the answer was made, on another reactor; 0: on its own core */
	int64_t given_ns;    /* the turn had begun in which the answer was given to the connection */
};

enum request_stage { STAGE_QUEUE, STAGE_LOCAL, STAGE_REMOTE, STAGE_ANSWER_QUEUE, STAGE_SEND, STAGES };
/* What each stage took, when the whole ended at `now_ns`: together they are the whole. */
void tally_stages(const struct tally_times *times, int64_t now_ns, int64_t out_ns[STAGES]);

/* What it took to write records of a request again: in the topic's codec, or in format 2. */
struct tally_conversion {
	int64_t ns;
	uint64_t bytes; /* of memory for the new batches */
};

/* A request that was answered. */
struct tally_entry {
	struct tally_times times;
	struct tally_conversion converted;
	uint32_t bytes;
	int16_t kind, also; /* `also`: counted as this, too; TALLY_NONE: as nothing else */
	int16_t version;
};

struct tally {
	struct reactor *reactor;
	struct metrics_core *metrics;
	struct deferred settle;
	struct deferred turn_over;
	bool after_the_rest; /* turn_over has let the turn's other deferred work go first */
	struct list fresh;   /* tally_times of requests that came in this turn and are not answered yet */
	int n;
	struct tally_entry answered[TALLY_MAX];
};

/* The reactor must count (reactor_set_metrics). */
void tally_init(struct tally *t, struct reactor *reactor);
void tally_arrived(struct tally *t, struct tally_times *times);
/* Before the memory of `times` goes. Harmless when it is forgotten already. */
void tally_forget(struct tally_times *times);
void tally_answered(struct tally *t, const struct tally_entry *e);

/* Names the kinds of requests. */
void tally_name_requests(struct metrics *m);

#endif
