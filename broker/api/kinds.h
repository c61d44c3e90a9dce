/* kinds.h - the connections of one core by who their client says it is, or by how they speak TLS.
 *
 * Whoever connects chooses what stands here, so only KINDS_MAX kinds are told apart, as by Kafka's Selector;
 * what comes beyond is one kind more, KIND_REST. A kind whose last connection has gone gives its place away;
 * one of which requests in deprecated versions were counted only when there is no other, and to the rest what
 * was counted.
 * Belongs to its core.
 */
#ifndef SAMSA_API_KINDS_H
#define SAMSA_API_KINDS_H

#include "broker/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	KINDS_MAX = 100,
};

/* No client may call itself so: see api_versions. */
#define KIND_REST "(others)"

struct kind {
	char *listener; /* NULL: the place is free */
	char *first, *second; /* name and version of the client; cipher and protocol */
	uint64_t connections;
	uint64_t *deprecated; /* requests, by deprecated_row(); NULL: none */
};

struct kinds {
	unsigned magic;
	struct kind v[KINDS_MAX + 1]; /* the last one is the rest */
};

void kinds_init(struct kinds *k);
void kinds_fini(struct kinds *k);
/* One connection more, and one less. */
struct kind *kind_enter(struct kinds *k, const char *listener, const char *first, const char *second);
void kind_leave(struct kinds *k, struct kind *kind);
struct kind *kinds_rest(struct kinds *k);

/* What is there, for another thread; what `arena` has no room for is left out. */
struct kinds_copy {
	struct kind *v;
	int n;
};
void kinds_copy(const struct kinds *k, struct arena *arena, struct kinds_copy *out);

/* ---- requests in versions that 3.9 calls deprecated ---- */

/* Among all pairs of a kind of request (tally.h) and a deprecated version; -1: it is not deprecated. */
int deprecated_row(int request, int version);
/* False past the last row. */
bool deprecated_pair(int row, int *request, int *version);
void kind_count_deprecated(struct kind *kind, int row);

#endif
