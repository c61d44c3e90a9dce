/* group_tour.h - a request that asks about several groups: it goes from one home core to the next, whole,
 * each core once, asks there about the groups that live there, and is answered on the last.
 *
 *	accepting core	group_tour_init, group_tour_start
 *	home core	ask(req, i) for each of its groups: what it finds it copies to the request's arena
 *	last core	answer(req)
 *
 * A request may name a million groups: on each core it goes on in another turn after TOUR_STOPS_A_TURN of
 * them, or TOUR_BYTES_A_TURN of what they say, and it ends where its arena is full.
 */
#ifndef SAMSA_API_GROUP_TOUR_H
#define SAMSA_API_GROUP_TOUR_H

#include "broker/api/api.h"

struct group_stop {
	struct slice group;
	int32_t partition; /* of __consumer_offsets */
	int core;
};

enum {
	TOUR_STOPS_A_TURN = 512,
	TOUR_BYTES_A_TURN = 256 * 1024,
};

/* On the home core of the stop with that number. False: there is more, to be asked for in another turn. */
typedef bool group_tour_ask(struct request *req, struct coordinator *here, int32_t i);

/* The first member of the handler's state (request.state). */
struct group_tour {
	struct group_stop *stops;
	int32_t n;
	int core; /* where the tour is, */
	int32_t next; /* and the first stop that it has not looked at there */
	group_tour_ask *ask;
	void (*answer)(struct request *req);
};

/* On the core that has the request; `groups` in their order. False: the request's arena has no room. */
bool group_tour_init(struct request *req, struct group_tour *t, const struct slice *groups, int32_t n);
void group_tour_start(struct request *req, group_tour_ask *ask, void (*answer)(struct request *req));

/* For what groups say that outlives the visit. Null where the arena has no room: it remembers. */
struct slice request_copy(struct request *req, struct slice s);

#endif
