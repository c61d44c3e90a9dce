/* broker_banner.c - one screen that says who starts here, and on what: the first thing a person looks for. */
#include "broker/base/log.h"
#include "broker/broker_priv.h"
#include "broker/net/lane.h"

#include <inttypes.h>

enum { BANNER_ARENA_BYTES = 16 * 1024 };

static const char LOGGER[] = "kafka.Kafka";

static int64_t mib(int64_t bytes)
{
	return bytes / (1024 * 1024);
}

void broker_banner(const struct broker *b)
{
	const struct config *c = dynamic_now(b->dynamic);
	struct arena arena;
	arena_init(&arena, BANNER_ARENA_BYTES);
	log_info(LOGGER, "Samsa " PACKAGE_VERSION ", a Kafka 3.9 broker beside ZooKeeper");
	log_info(LOGGER, "  broker       %d, speaking inter.broker.protocol.version %s", b->id,
		 c->inter_broker_protocol_version);
	log_info(LOGGER, "  cluster      %s, ZooKeeper at %s", b->cluster_id, c->zookeeper_connect);
	for (uint32_t i = 0; i < c->listening.n; i++)
		log_info(LOGGER, "  listener     %s", listener_text(&arena, &c->listening.v[i]));
	for (uint32_t i = 0; i < c->data_dirs.n; i++)
		log_info(LOGGER, "  logs in      %s", c->data_dirs.v[i]);
	log_info(LOGGER, "  cores        %d for data, 1 thread for control, %d helpers", b->n_cores, HELPERS);
	log_info(LOGGER, "  memory       for requests under way %" PRId64 " MiB (queued.max.request.bytes), "
		 "for one %" PRId64 " MiB (socket.request.max.bytes)",
		 mib(lane_budget(broker_frames_bytes(b)) * b->n_cores), mib(c->socket_request_max_bytes));
	log_info(LOGGER, "  connections  at most %" PRId64 " (max.connections, or 3 of 4 files of ulimit -n)",
		 broker_connections_max(b));
	arena_free(&arena);
}
