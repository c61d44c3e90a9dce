/* group.h - a group as data: its members, what they support, what was assigned to them.
 *
 *	              first join                all joined, or time is up
 *	  EMPTY -----------------> PREPARING ---------------------------> COMPLETING
 *	    ^                       ^ |   ^                                 |    |
 *	    |  nobody is left       | |   |  a member joins anew, leaves,   |    | the leader's assignment
 *	    +-----------------------|-+   +---------------------------------+    | is stored
 *	                            |        fails or does not sync              v
 *	                            +----------------------------------------- STABLE
 *
 *	any state -> DEAD: its partition is led elsewhere, or it was deleted, or its last offset has expired
 *
 * rebalance.c makes the transitions. Owner core: the one of its partition (coordinator.h).
 * Facts: kafka.coordinator.group.GroupMetadata, MemberMetadata of 3.9.
 */
#ifndef SAMSA_GROUP_GROUP_H
#define SAMSA_GROUP_GROUP_H

#include "broker/base/hash.h"
#include "broker/base/kerr.h"
#include "broker/base/slice.h"
#include "broker/reactor/reactor.h"

#include <stdbool.h>
#include <stdint.h>

struct coordinated;
struct group;
struct join;    /* membership.h */
struct offsets; /* offsets.h */
struct sync;    /* membership.h */

enum {
	GROUP_PENDING_MAX = 10 * 1000, /* members of one group that were given an id and have yet to join */
	GROUP_NEW_MEMBER_MS = 5 * 60 * 1000, /* how long a new member may wait for its first generation */
};

enum group_state {
	GROUP_EMPTY,
	GROUP_PREPARING,  /* PreparingRebalance: joins are parked */
	GROUP_COMPLETING, /* CompletingRebalance: syncs are parked until the leader's comes */
	GROUP_STABLE,
	GROUP_DEAD,
	GROUP_STATES
};

/* "PreparingRebalance" and so on. */
const char *group_state_name(enum group_state state);

/* One way to divide the work that a member knows, with what it says to the leader. */
struct group_protocol {
	struct slice name, metadata;
};

/* In the member's order of preference; one allocation with all the bytes. */
struct group_protocols {
	int32_t n;
	struct group_protocol v[];
};

struct member {
	unsigned magic;
	UT_hash_handle hh;          /* group.members */
	UT_hash_handle by_instance; /* group.static_members */
	struct group *group;
	struct slice id;            /* these four are the member's own */
	struct slice instance_id;   /* null: a dynamic member */
	struct slice client_id, client_host;
	int32_t rebalance_timeout_ms, session_timeout_ms;
	struct group_protocols *protocols;
	struct slice assignment;    /* its own; null before there is one */
	bool is_new;                /* has not been in a generation yet */
	bool owes_sync;             /* has got this generation and not asked for its assignment */
	struct join *join;          /* parked, or NULL */
	struct sync *sync;          /* parked, or NULL */
	struct timer session;
};

struct group {
	unsigned magic;
	UT_hash_handle hh;          /* coordinated.groups */
	struct coordinated *home;
	unsigned holds;
	struct slice id;
	enum group_state state;
	int64_t state_since_ms;     /* wall clock; -1: not known (loaded from an old record) */
	int32_t generation;
	struct slice protocol_type; /* null: none yet; the group of a simple consumer never has one */
	struct slice protocol_name; /* chosen by this generation; null: none */
	struct member *leader;
	struct member *members;     /* in the order in which they came */
	struct member *static_members;
	struct group_pending *pending;
	struct group_tally *tallies; /* protocols, and how many members know each */
	uint64_t walks;
	int n_joining;              /* members whose join is parked */
	int n_owing_sync;
	bool is_assigned;           /* COMPLETING: the leader's assignment has come, and is being stored */
	/* The wait of the present state: for joins while PREPARING, for syncs in COMPLETING and STABLE. */
	struct timer clock;
	int32_t initial_ms;         /* PREPARING: the delay that runs, of a group that was EMPTY; -1 none */
	int32_t initial_left_ms;    /* by how much it may be prolonged yet */
	bool new_member_came;       /* while it ran */
	/* Of a group of consumers: what its members subscribe to, as far as they can be understood. */
	bool topics_known;
	struct group_topic *topics;
	struct offsets *offsets;    /* committed; NULL: none ever were */
};

/* ---- life; coordinator.h makes and removes groups ---- */

struct group *group_new(struct coordinated *home, struct slice id);
/* Stores in flight, and the coordinator's table, keep it. */
static inline struct group *group_hold(struct group *g)
{
	g->holds++;
	return g;
}
void group_drop(struct group *g);
void group_set_state(struct group *g, enum group_state state);
struct reactor *group_reactor(const struct group *g);

/* ---- members ---- */

struct member *group_member(const struct group *g, struct slice id);           /* NULL: none */
struct member *group_static_member(const struct group *g, struct slice instance_id);
int32_t group_size(const struct group *g);
int32_t group_static_size(const struct group *g);

/* What becomes a member; all is copied. */
struct member_spec {
	struct slice id, instance_id, client_id, client_host, protocol_type;
	int32_t rebalance_timeout_ms, session_timeout_ms;
	const struct group_protocol *protocols;
	int32_t n_protocols;
};

/* The first one brings the group's protocol type and is the leader. NULL without memory. No timer runs
 * yet. load.c adds members by this too, with one protocol each, and then sets leader and assignments. */
struct member *group_add(struct group *g, const struct member_spec *spec);
/* Who waits for the member is told `why`; another one becomes leader. */
void group_remove(struct member *m, enum kerr why);
/* Changes what it supports and its time-outs. False without memory: nothing has changed. */
bool group_update(struct member *m, const struct group_protocol *protocols, int32_t n,
		  int32_t rebalance_timeout_ms, int32_t session_timeout_ms);
/* Changes what it supports; returns what it did before, to be freed, or NULL without memory. */
struct group_protocols *group_exchange(struct member *m, const struct group_protocol *protocols, int32_t n);
/* Takes over what group_exchange() returned. */
void group_restore(struct member *m, struct group_protocols *protocols);
void group_rename(struct member *m, struct slice id);
/* All members and all that are pending. */
void group_remove_all(struct group *g, enum kerr why);
/* False without memory, which an empty one needs none of. */
bool member_set_assignment(struct member *m, struct slice assignment);
bool member_matches(const struct member *m, const struct group_protocol *protocols, int32_t n);
/* What it says to the leader under this protocol. */
struct slice member_metadata(const struct member *m, struct slice protocol);

static inline bool member_is_static(const struct member *m)
{
	return !slice_is_null(m->instance_id);
}

/* Whether a request may speak for a member: FENCED_INSTANCE_ID, UNKNOWN_MEMBER_ID. `doing` is for the log. */
enum kerr group_check_member(const struct group *g, struct slice member_id, struct slice instance_id,
			     const char *doing);
/* The longest rebalance timeout of its members. */
int32_t group_rebalance_timeout_ms(const struct group *g);
/* Something was heard of the member: its session begins anew. */
void member_heard(struct member *m);

/* ---- members to be: they have an id and must join with it ---- */

bool group_is_pending(const struct group *g, struct slice id);
bool group_add_pending(struct group *g, struct slice id, int32_t timeout_ms); /* false: GROUP_PENDING_MAX */
void group_remove_pending(struct group *g, struct slice id);
int group_pending_count(const struct group *g);

/* ---- protocols ---- */

/* Whether a member like this one could join: the type is the group's, and one protocol at least is known to
 * all. */
bool group_supports(const struct group *g, struct slice protocol_type, const struct group_protocol *protocols,
		    int32_t n);
/* The vote: each member for the first of its protocols that all know; the most votes win. */
struct slice group_vote(struct group *g);
void group_set_protocol_name(struct group *g, struct slice name); /* null: none */
void group_set_protocol_type(struct group *g, struct slice type);
bool group_is_consumer(const struct group *g);                    /* by its protocol type */
/* Reads the members' subscriptions anew; after the protocol was chosen, or the group loaded. */
void group_read_topics(struct group *g);
/* True when it is not known. */
bool group_subscribes(const struct group *g, struct slice topic);

#endif
