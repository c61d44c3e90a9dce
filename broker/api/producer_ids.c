/* producer_ids.c - InitProducerId for idempotent producers, and the ids it gives out. */
#include "broker/api/producer_ids.h"

#include "broker/api/api.h"
#include "broker/api/handlers.h"
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "zkutil/znode.h"

#include "init_producer_id.kmsg.h"

#define PRODUCER_IDS_MAGIC 0x970d1d5au
#define LOGGER "kafka.coordinator.transaction.ProducerIdManager"

struct producer_ids {
	unsigned magic;
	struct reactor *control;
	struct zkc *zkc;
	int32_t broker_id;
	int64_t next, last;            /* of the block in hand; none: next > last */
	bool claiming;                 /* one fiber at a time */
	struct fiber_event claimed;
};

struct producer_ids *producer_ids_new(struct reactor *control, struct zkc *zkc, int32_t broker_id)
{
	struct producer_ids *p;
	ALLOC_OBJ(p, PRODUCER_IDS_MAGIC);
	p->control = control;
	p->zkc = zkc;
	p->broker_id = broker_id;
	p->last = -1;
	fiber_event_init(&p->claimed);
	return p;
}

void producer_ids_free(struct producer_ids *p)
{
	CHECK_OBJ_NOTNULL(p, PRODUCER_IDS_MAGIC);
	FREE_OBJ(p);
}

/* The block after the one that was given last, by compare and set. A write that clashes, or whose answer was
 * lost, is found out by reading again: ids may be skipped, never given twice. */
static bool claim_once(struct producer_ids *p)
{
	struct zk_req req;
	struct arena arena;
	struct znode_producer_ids block = { .broker = p->broker_id, .first = 0 }, before;
	struct znode_why why;
	const char *path = znode_path(ZNODE_PRODUCER_IDS);
	arena_init(&arena, ARENA_BLOCK_BYTES);
	zk_req_get(&req, path, false);
	bool fine = zkc_call(p->zkc, &req) == ZK_OK;
	int32_t version = req.stat.version;
	if (fine && req.data.n > 0) {
		fine = znode_producer_ids_decode(req.data, &before, &why) == 0 &&
		       before.last < INT64_MAX - PRODUCER_IDS_BLOCK;
		block.first = fine ? before.last + 1 : 0;
	}
	zk_req_fini(&req);
	block.last = block.first + PRODUCER_IDS_BLOCK - 1;
	if (fine) {
		zk_req_write(&req, zk_op_set(path, znode_producer_ids_encode(&arena, &block), version));
		fine = zkc_call(p->zkc, &req) == ZK_OK;
		zk_req_fini(&req);
	}
	if (fine) {
		p->next = block.first;
		p->last = block.last;
		log_info(LOGGER, "Acquired new producerId block ProducerIdsBlock(assignedBrokerId=%d, "
			 "firstProducerId=%lld, size=%d)", p->broker_id, (long long)block.first,
			 PRODUCER_IDS_BLOCK);
	}
	arena_free(&arena);
	return fine;
}

static void claim(struct producer_ids *p)
{
	enum { TRIES = 3 };
	if (p->claiming) {
		fiber_wait(p->control, &p->claimed);
		return;
	}
	p->claiming = true;
	for (int i = 0; i < TRIES && !claim_once(p); i++)
		continue;
	p->claiming = false;
	fiber_event_set(&p->claimed);
	fiber_event_init(&p->claimed);
}

/* The next id; waits for a new block when the one in hand is used up. COORDINATOR_LOAD_IN_PROGRESS when
 * ZooKeeper does not answer as it should: the client tries again. */
static enum kerr next_id(struct producer_ids *p, int64_t *id)
{
	CHECK_OBJ_NOTNULL(p, PRODUCER_IDS_MAGIC);
	if (p->next > p->last)
		claim(p);
	if (p->next > p->last)
		return KERR_COORDINATOR_LOAD_IN_PROGRESS;
	*id = p->next++;
	return KERR_NONE;
}

void handle_init_producer_id(struct request *req)
{
	struct init_producer_id_request msg;
	struct init_producer_id_response out;
	enum kerr error;
	if (!request_decode_ok(req, init_producer_id_request_decode(&req->body, req->version, &msg)))
		return;
	init_producer_id_response_defaults(&out);
	out.producer_epoch = -1;
	bool half = (msg.producer_id == -1) != (msg.producer_epoch == -1);
	bool transactional = !slice_is_null(msg.transactional_id);
	bool in_time = msg.transaction_timeout_ms > 0 &&
		       msg.transaction_timeout_ms <= req->core->api->config->transaction_max_timeout_ms;
	if (half || (transactional && msg.transactional_id.n == 0))
		error = KERR_INVALID_REQUEST;
	else if (transactional)
		/* Transactions are not served: an error that no client takes for a passing one. */
		error = in_time ? KERR_UNSUPPORTED_VERSION : KERR_INVALID_TRANSACTION_TIMEOUT;
	else
		error = next_id(req->core->api->producer_ids, &out.producer_id);
	out.error_code = (int16_t)error;
	if (!error)
		out.producer_epoch = 0;
	init_producer_id_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
