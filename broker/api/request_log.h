/* request_log.h - what clients ask and what they get, a line for each request; and those that took long.
 *
 * Both are off unless somebody wants them: the first is kafka.request.logger at DEBUG, as in Kafka, which
 * kafka-configs switches as a broker-logger; the second is slow.request.log.ms. Values of records and what
 * the schemas call secret are never shown. While both are off a request costs two loads.
 *
 * Runs on the core of the request's connection.
 */
#ifndef SAMSA_API_REQUEST_LOG_H
#define SAMSA_API_REQUEST_LOG_H

#include "broker/api/api.h"

#define REQUEST_LOGGER "kafka.request.logger"

enum {
	REQUEST_LOG_MESSAGE_BYTES = 64 * 1024,      /* a message whose text is longer is not shown */
	REQUEST_LOG_ANSWER_BYTES = 4 * 1024 * 1024, /* nor is an answer that is larger */
};

static inline bool request_is_logged(const struct request *req)
{
	return log_enabled(LOG_DEBUG, REQUEST_LOGGER) ||
	       atomic_load_explicit(&req->core->api->slow_ns, memory_order_relaxed) != 0;
}

/* Before its answer, which may be empty, goes to the connection. */
void request_log(const struct request *req);

#endif
