/* lane.h - what all connections of one reactor share: memory for bytes in flight. */
#ifndef SAMSA_NET_LANE_H
#define SAMSA_NET_LANE_H

#include "broker/reactor/reactor.h"

#include <stdint.h>

enum {
	/* small frames of all connections are received into one such buffer */
	LANE_ARENA_BYTES = 256 * 1024,
	LANE_ARENA_ROOM_MIN_BYTES = 32 * 1024, /* with less room left the next one is begun */
	LANE_STARVED_MS = 2,                   /* how often those who wait for memory look again */
	/* a frame that keeps memory so long while others wait loses its connection */
	LANE_FRAME_STARVED_MS = 10 * 1000,
	LANE_FRAMES_DEFAULT_BYTES = 128 * 1024 * 1024, /* the budget where none is set */
};

struct lane;

/* What is meant by a budget in bytes where -1 is none. */
static inline int64_t lane_budget(int64_t bytes)
{
	return bytes > 0 ? bytes : LANE_FRAMES_DEFAULT_BYTES;
}

/* `budget_bytes` for frames under way and not yet let go of by those who handle them; overdrawn by at most
 * one frame. See lane_budget(). */
struct lane *lane_new(struct reactor *r, int64_t budget_bytes);
/* After its last connection. */
void lane_free(struct lane *lane);

/* One writer, the lane's core; any thread may read. */
struct lane_counters {
	uint64_t frame_bytes;      /* memory out now */
	uint64_t frame_bytes_free; /* that may still go out */
};
void lane_count(const struct lane *lane, struct lane_counters *out);

#endif
