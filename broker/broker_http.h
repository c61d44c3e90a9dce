/* broker_http.h - metrics.port: /metrics, /healthz, /readyz and /startupz.
 *
 * Belongs to the main thread, but for the pages, which libmicrohttpd's thread makes. A page asks the reactors
 * by a message and waits for them some seconds at most; they never wait for it. One asks at a time.
 *
 *	/healthz    200 while every reactor turns, else 503. To restart the process on.
 *	/startupz   503, with how far the logs are loaded, until the broker has started; then 200.
 *	/readyz     200 when clients may come: the broker is running, registered in the ZooKeeper session it
 *	            has, told of the cluster by a controller, and its replicas are in sync. Else 503 and why.
 *	            A lost connection to ZooKeeper is no reason: serving goes on while the session lasts.
 *	/metrics    200, always
 */
#ifndef SAMSA_BROKER_HTTP_H
#define SAMSA_BROKER_HTTP_H

#include "broker/broker.h"

enum { BROKER_HTTP_WAIT_MS = 3000 }; /* for the reactors to answer */

struct broker_http;
struct watchdog;

/* Before the broker starts. NULL after one line in the log: the port is taken. Blocks. */
struct broker_http *broker_http_start(struct broker *b, const struct watchdog *dog, uint16_t port);
/* The reactors turn no more. */
void broker_http_stop(struct broker_http *h);

#endif
