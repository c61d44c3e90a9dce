/* traffic_priv.h - what one core counts of the connections of one listener. */
#ifndef SAMSA_NET_TRAFFIC_PRIV_H
#define SAMSA_NET_TRAFFIC_PRIV_H

#include <stdatomic.h>
#include <stdint.h>

enum traffic_counter {
	TRAFFIC_ADMITTED,
	TRAFFIC_CLOSED,
	TRAFFIC_FRAMES,
	TRAFFIC_BYTES_IN,
	TRAFFIC_BYTES_OUT,
	TRAFFIC_HANDSHAKES,
	TRAFFIC_HANDSHAKES_FAILED,
	TRAFFIC_COUNTERS,
};

/* One writer, the core; any thread may read. */
struct traffic {
	_Atomic uint64_t n[TRAFFIC_COUNTERS];
};

static inline uint64_t traffic_of(const struct traffic *t, enum traffic_counter which)
{
	return atomic_load_explicit(&t->n[which], memory_order_relaxed);
}

static inline void traffic_add(struct traffic *t, enum traffic_counter which, uint64_t n)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(&t->n[which], traffic_of(t, which) + n, memory_order_relaxed);
}

#endif
