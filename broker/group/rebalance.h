/* rebalance.h - the transitions of a group (group.h has the diagram) and its timers.
 *
 * PREPARING waits until every member has joined anew and nobody is pending, at most for the longest rebalance
 * timeout of its members; a group that was EMPTY waits group.initial.rebalance.delay.ms, and as long again
 * whenever somebody new has come meanwhile, up to that timeout. COMPLETING waits for the leader's assignment;
 * in it and in STABLE, who does not ask for the assignment within the rebalance timeout is removed.
 * Facts: GroupCoordinator (prepareRebalance, onCompleteJoin, ...), DelayedJoin, DelayedSync,
 * DelayedHeartbeat of 3.9.
 */
#ifndef SAMSA_GROUP_REBALANCE_H
#define SAMSA_GROUP_REBALANCE_H

#include "broker/base/log.h"
#include "broker/group/group.h"

/* For group_new() and group_add(). */
void rebalance_init(struct group *g);
void rebalance_init_member(struct member *m);

/* ---- transitions ---- */

/* Any state but DEAD -> PREPARING; and on, when nobody is waited for. The reason is for the log. */
void rebalance_prepare(struct group *g, const char *reason, ...) __attribute__((format(printf, 2, 3)));
/* PREPARING -> COMPLETING or EMPTY, if nobody is waited for any more. */
void rebalance_try_complete(struct group *g);
/* COMPLETING -> STABLE: everybody is told the assignment. */
void rebalance_complete(struct group *g);
/* The assignment could not be stored: everybody is told why, and a rebalance starts. */
void rebalance_assignment_failed(struct group *g, enum kerr error);
/* The member leaves, or has failed; the group goes on without it. */
void rebalance_member_gone(struct member *m, const char *reason);
/* Somebody who was given an id will not join. */
void rebalance_pending_gone(struct group *g, struct slice id);
void rebalance_pending_expired(struct group *g, struct slice id);
/* A group that was loaded: sessions begin. */
void rebalance_loaded(struct group *g);

/* ---- who waits ---- */

/* Until the next generation. An older join of the same member is answered REBALANCE_IN_PROGRESS. */
void member_park_join(struct member *m, struct join *j);
/* Until the assignment is there. */
void member_park_sync(struct member *m, struct sync *s);
/* These answer who is parked, if anybody is. */
void member_answer_join_error(struct member *m, enum kerr error, struct slice member_id);
bool member_answer_sync(struct member *m, enum kerr error); /* NONE: with the assignment */
/* It has asked for its assignment, or need not any more. */
void member_synced(struct member *m);

/* The member's join is somebody else's to answer. */
struct join *member_unpark_join(struct member *m);

/* What a join is told of the group as it is: the members, if it is the leader's. */
void join_tell(struct join *j, const struct member *m);
void join_fail(struct join *j, enum kerr error, struct slice member_id);

/* What a client says of its reasons, for a line of the log. */
const char *reason_text(struct slice reason, struct log_text *room);

#endif
