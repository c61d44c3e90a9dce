/* walk.h - all groups of a core, some in one turn and more in the next, so that other things come in
 * between: there may be hundreds of thousands.
 *
 * Between two steps groups come and go, and so do whole partitions: who is there all the time is visited
 * once.
 * On the coordinator's core.
 */
#ifndef SAMSA_GROUP_WALK_H
#define SAMSA_GROUP_WALK_H

#include "broker/group/coordinator.h"

enum { WALK_A_TURN = 512 }; /* groups, or what costs as much */

/* Its owner keeps it where it is until the walk has ended. */
struct group_walk {
	struct list link;       /* coordinator.walks */
	struct coordinated *at; /* the partition that it is in, */
	struct group *next;     /* and the group that comes next; NULL: the partition is done */
};

/* How much was done, in groups of the ordinary kind; it may remove the group it is given. */
typedef int group_visit(void *arg, struct group *g);

void group_walk_begin(struct group_walk *w, struct coordinator *co);
/* One step. False: those were the last, and the walk has ended. */
bool group_walk_on(struct group_walk *w, group_visit *visit, void *arg);
/* Ends it where it is; nothing when it has ended. */
void group_walk_end(struct group_walk *w);
/* All end where they are, and no other one begins: the coordinator stops, and who walks may never go on. */
void group_walks_end(struct coordinator *co);
/* The group is about to go: whoever comes to it next will come to the one behind it. */
void group_walks_leave(struct coordinator *co, const struct group *g);

#endif
