/* explain_priv.h - what samsa-explain knows of a topic, and what it makes of that.
 *
 * explain_ask.c asks the brokers for the facts, and explain_groups.c for who reads; explain_coming.c says
 * what the topic's settings will do next, and explain_why.c makes sentences of all that, without asking
 * anybody; explain_print.c and explain_json.c show both. What nobody told is UNKNOWN, or a null pointer, and
 * is never guessed.
 */
#ifndef SAMSA_TOOLS_EXPLAIN_PRIV_H
#define SAMSA_TOOLS_EXPLAIN_PRIV_H

#include "tools/explain.h"
#include "tools/human.h"

#include <jansson.h>

#define UNKNOWN INT64_MIN

/* ---- the cluster ---- */

struct explained_broker {
	int32_t id;
	bool settings_known;
	bool cleaner_on;          /* log.cleaner.enable */
	bool rebalances;          /* auto.leader.rebalance.enable */
	int64_t check_ms;         /* log.retention.check.interval.ms; or UNKNOWN */
	bool listed_transactions; /* it has said which transactions it knows */
	const char *silent;       /* why it is not asked any more; NULL: it answers */
};

/* ---- settings ---- */

enum explained_key {
#define SETTING(symbol, name, unit, policy) KEY_##symbol,
#include "tools/explain_settings.tbl"
#undef SETTING
	KEYS
};

extern const struct explained_name {
	const char *name;
	enum { WORD, MS, BYTES, COUNT } unit;
	enum { ANY, DELETE, COMPACT } policy;
} explained_keys[KEYS];

struct explained_setting {
	const char *value; /* NULL: not told */
	const char *from;  /* who has set it, in words */
	int64_t number;    /* of a number; or UNKNOWN */
};

/* ---- partitions ---- */

struct explained_copy {
	const char *dir; /* NULL: not told */
	int64_t size, lag;
};

struct explained_replica {
	int32_t broker;
	bool alive, in_isr;
	bool offline; /* the controller counts it as not there: its broker or its directory is gone */
	bool adding, leaving;
	int64_t end; /* its own log end offset */
	struct explained_copy here, future;
};

struct explained_producer {
	int64_t id, last_ms, txn_start; /* txn_start -1: it has no transaction open here */
	int32_t epoch;
	/* Of the transaction's coordinator; NULL and UNKNOWN where none has told. */
	const char *transactional_id, *state;
	int64_t timeout_ms, started_ms;
};

/* What a group has to do with one partition. */
struct explained_reader {
	const struct explained_group *group;
	int32_t partition;
	bool committed;                    /* it has an offset */
	int64_t offset, lag;               /* lag UNKNOWN: it has no offset, or the end is not known */
	const struct group_member *member; /* who has it; NULL: nobody */
};

struct explained_partition {
	int32_t id, leader, leader_epoch;
	bool has_leader;
	struct explained_replica *replicas; /* the preferred leader first */
	int32_t n_replicas, n_isr;
	bool moving;
	int64_t start, end, high, stable; /* of the leader's log; end: UNKNOWN where only `high` is told */
	int64_t first_ms, newest_ms;      /* of the first record, of the newest; -1 where there is none */
	const char *why_not;              /* why the leader has not told its offsets */
	struct explained_producer *producers;
	int32_t n_producers;
	bool producers_known;
	struct explained_reader **readers; /* of the groups that are shown, in their order */
	unsigned n_readers;
};

struct explained_group {
	struct slice id, state;
	unsigned n_members; /* of all topics */
	int64_t lag;        /* in this topic, of the partitions where it has committed */
	bool described;
	struct explained_reader *readers; /* what it has to do with each partition; the worst first */
	unsigned n_readers;
};

struct explained_topic {
	struct slice name;
	struct uuid id;
	bool internal, settings_known;
	struct explained_setting settings[KEYS];
	struct explained_partition *partitions;
	int32_t n_partitions;
	bool groups_known, groups_partial; /* partial: some broker has not told of its groups */
	struct explained_group *groups; /* that are shown; who is furthest behind first */
	unsigned n_groups, n_more_groups;
};

struct explained {
	int64_t now_ms;
	struct explained_broker *brokers;
	unsigned n_brokers;
	struct explained_topic *topics;
	int32_t n_topics;
	const char **notes; /* what could not be asked for, and why */
	unsigned n_notes, notes_room;
};

const struct explained_broker *explained_broker_of(const struct explained *e, int32_t id);
/* Notes what is not known, by the failure that is set, and forgets that. */
void explained_note(struct tool *t, struct explained *e, const char *what);

/* 0, or -1 and the failure: without the topics themselves there is nothing to explain. */
int explain_ask(struct tool *t, struct admin *a, const struct slice *names, unsigned n,
	const struct explain_options *options, struct explained *e);
/* Who reads these topics. What fails is noted. */
void explain_groups(
	struct tool *t, struct admin *a, const struct explain_options *options, struct explained *e);

/* ---- what it comes to ---- */

enum finding_weight { WRONG, HELD, COMING };

enum finding_kind {
#define FINDING(symbol, name, weight) FINDING_##symbol,
#include "tools/explain.tbl"
#undef FINDING
	FINDING_KINDS
};

struct finding {
	enum finding_kind kind;
	const char *words;
};

struct findings {
	struct finding *v;
	unsigned n, room;
};

const char *finding_name(enum finding_kind kind);
enum finding_weight finding_weight(enum finding_kind kind);
/* All that can be said of one partition, the worst first. Pure: it looks only at its arguments. */
void explain_why(struct arena *a, const struct explained *e, const struct explained_topic *t,
	const struct explained_partition *p, struct findings *out);

/* Inside of it: one partition while it is looked at. */
struct why {
	struct arena *arena;
	const struct explained *e;
	const struct explained_topic *t;
	const struct explained_partition *p;
	struct findings *out;
};

void find(struct why *w, enum finding_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* UNKNOWN, when nobody told. */
int64_t setting_number(const struct why *w, enum explained_key key);
/* Whether that broker is alive, as far as the others know, and was asked in vain. */
bool is_silent(const struct explained *e, int32_t broker);
bool is_replica(const struct explained_replica *r);
bool is_in_sync(const struct explained_replica *r);
/* The numbers of those replicas; NULL: none. */
const char *explained_ids(struct arena *a, const struct explained_partition *p,
	bool (*is)(const struct explained_replica *r), const char *separator);
/* Whether cleanup.policy is that, or that among others. */
bool explained_policy(const struct explained_topic *t, const char *word);
/* Of the leader's log; UNKNOWN, when nobody told. */
int64_t explained_size(const struct explained_partition *p);
/* The part that looks ahead: what will be deleted or compacted, and when. */
void explain_coming(struct why *w);

/* ---- what is shown ---- */

void explain_print(struct tool *t, const struct explained *e);
json_t *explain_json(struct tool *t, const struct explained *e);

#endif
