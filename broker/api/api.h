/* api.h - what the API room stands on: the broker as its handlers see it, one core's part of it, and a
 * request.
 *
 * A request lives on the core that accepted its connection. Its handler runs there, asks home cores or the
 * control reactor by messages embedded in the request, and answers once:
 *
 *	on_frame -> request_new -> row->handle(req) -> ... -> response_begin, X_encode, response_send
 *
 * Handlers of the control plane (creating topics, ids, coordinators) run in a fiber of the control reactor;
 * the answer is encoded there and sent by the core.
 */
#ifndef SAMSA_API_API_H
#define SAMSA_API_API_H

#include "broker/api/kinds.h"
#include "broker/api/session.h"
#include "broker/api/tally.h"
#include "broker/base/arena.h"
#include "broker/base/compress.h"
#include "broker/base/log.h"
#include "broker/cluster/meta.h"
#include "broker/config/dynamic.h"
#include "broker/controller/controller.h"
#include "broker/controller/topics.h"
#include "broker/net/conn.h"
#include "broker/protocol/kapi.h"
#include "broker/protocol/kmsg.h"
#include "broker/replica/partition.h"

enum {
	/* what one request may ask for while it is decoded and answered */
	REQUEST_ARENA_BYTES = 64 * 1024 * 1024,
	RESPONSE_MAX_BYTES = 256 * 1024 * 1024, /* of encoded bytes, records aside */
	REQUESTS_SPARE = 256,                   /* kept by each core for reuse */
	API_FIBERS_MAX = 1024,                  /* requests served at once by the control reactor */
	API_KEYS = 96,                          /* a key is smaller */
};

struct api;
struct coordinator; /* group/coordinator.h */
struct manager; /* replica/manager.h */
struct producer_ids;
struct request;

/* One row of api.tbl. */
struct api_row {
	int16_t key, min, max;
	bool on_control;
	void (*handle)(struct request *req);
};

/* What of one core waits for others or for time, and what did so until its time was up: Kafka's purgatories.
 * Of Produce it is the hops to this core, of DeleteRecords the partitions. */
struct api_waits {
	uint64_t produce, fetch, delete_records; /* now */
	uint64_t produce_expired, consumer_expired, follower_expired, delete_expired;
};

/* One core's part: owned by that core. */
struct api_core {
	unsigned magic;
	struct api *api;
	int core;
	struct reactor *reactor;
	struct replicas *replicas;
	struct coordinator *coordinator; /* of groups */
	struct metadata *meta;      /* the snapshot in force here */
	struct sessions *sessions;
	struct codecs *codecs;
	struct list spare;          /* requests */
	int n_spare;
	uint64_t random;            /* state of a cheap generator, seeded by the seam */
	struct log_limit bad_frames;
	struct metrics_core *metrics;
	struct tally tally;
	struct api_waits waits;
	struct kinds clients, ciphers; /* its connections */
};

struct api {
	unsigned magic;
	const struct config *config; /* as the broker has begun: for keys that cannot change */
	struct dynamic *dynamic;     /* what is in force; on the control reactor */
	int32_t broker_id;
	const char *cluster_id;
	int n_cores;
	struct api_core **cores;
	struct reactor *control;
	/* The control plane; on the control reactor. */
	struct controller *controller;
	struct manager *manager;
	struct topics topics;
	struct producer_ids *producer_ids;
	struct list line;           /* requests for which no fiber is free */
	int n_line;
	int topics_awaited;         /* requests that wait for topics to come or go */
	int elections_awaited;
	int fibers;
	bool draining;
	struct fiber_event idle;    /* the last fiber has ended, after api_drain() has begun */
	/* slow.request.log.ms in ns, at least 1; 0: none. Written on the control reactor, read by cores. */
	_Atomic int64_t slow_ns;
};

struct request {
	unsigned magic;
	struct list link;           /* api_core.spare, api.line */
	struct conn_slot slot;
	struct conn *conn;
	struct api_core *core;
	struct buf *holder;         /* the frame's bytes */
	struct arena arena;
	const struct api_row *row;
	int version;
	int32_t correlation_id;
	struct slice client_id;
	struct kdec body;
	struct tally_times times;
	struct tally_conversion converted;
	struct slice frame;         /* in holder */
	int also;                   /* a kind that it is counted as beside its key: see tally.h */
	struct msg msg;             /* to another reactor and back */
	struct reactor *at;         /* where it is: on its own core, or on its way to there or from there */
	void (*next)(struct request *req); /* what to run where the message goes */
	struct kenc response;
	struct kenc_errors errors;  /* that the response tells */
	struct chain answer;
	const char *refused_why;    /* a literal */
	void *state;                /* the handler's, in the arena */
};

void api_init(struct api *api);
/* These settings are in force: what cores read of them at each request. On the control reactor. */
void api_set_config(struct api *api, const struct config *now);
/* In a fiber of the control reactor, when connections and ZooKeeper are closed: waits for the end of all
 * requests. */
void api_drain(struct api *api);
struct api_core *api_core_new(struct api *api, int core, struct reactor *reactor, struct replicas *replicas);
void api_core_free(struct api_core *core);
/* For the net object, whose listeners' `user` is the api. */
extern const struct conn_events api_conn_events;
uint32_t api_random(struct api_core *core);

/* ---- handlers ---- */

/* The handler's own struct, zeroed: request.state from now on. */
void *request_state(struct request *req, size_t bytes);
/* For use as: if (!request_decode_ok(req, X_decode(&req->body, req->version, &msg))) return;
 * A request that cannot be decoded ends its connection, as Kafka does. */
bool request_decode_ok(struct request *req, int decode_error);
/* Writes frame length and header; the caller encodes the body into what it returns. */
struct kenc *response_begin(struct request *req);
/* Sends what was encoded. The request is over when its connection has no more use for it; do not touch it
 * again. */
void response_send(struct request *req);
/* acks=0: no answer. */
void response_none(struct request *req);
/* Ends the connection: the request cannot be answered in its protocol. */
void request_refuse(struct request *req, const char *why);
/* The same, because it or its answer needs more than REQUEST_ARENA_BYTES. */
void request_refuse_large(struct request *req);
/* Goes on with `next` in a fiber of the control reactor; the core does not touch the request meanwhile. */
void request_to_control(struct request *req, void (*next)(struct request *req));
/* Goes on with `next` on another core (on its own: at once), from where it may go on to a third; it is that
 * core's whole, frame and arena included, until it is answered or refused there, at once or later. For
 * requests that wait where what they wait for lives. */
void request_to_home(struct request *req, struct api_core *home, void (*next)(struct request *req));
/* Goes on with `next` where it is, in another turn: what takes long is done in steps. */
void request_again(struct request *req, void (*next)(struct request *req));
/* And back, to go on with `next` on the core. */
void request_to_core(struct request *req, void (*next)(struct request *req));
/* The listener that the request came in by: Metadata tells that listener's endpoints. */
const char *request_listener(const struct request *req);

extern const struct api_row api_rows[];
extern const size_t api_rows_count;
const struct api_row *api_row_find(int key);

#endif
