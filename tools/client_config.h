/* client_config.h - what a properties file (--command-config) says of how to reach the brokers: the keys of
 * Kafka's AdminClientConfig that mean something here. Others are passed over, as Kafka does with what it does
 * not know. */
#ifndef SAMSA_TOOLS_CLIENT_CONFIG_H
#define SAMSA_TOOLS_CLIENT_CONFIG_H

#include "broker/config/properties.h"
#include "tools/command.h"

#include <stdint.h>

struct tlsctx;

struct client_settings {
	const char *client_id;
	int64_t request_timeout_ms; /* request.timeout.ms: of one request */
	int64_t api_timeout_ms;     /* default.api.timeout.ms: of what a person asked for, retries included */
	int64_t connect_timeout_ms; /* socket.connection.setup.timeout.ms */
	int64_t backoff_ms, backoff_max_ms;
	int64_t send_buffer_bytes, receive_buffer_bytes;
	struct tlsctx *tls; /* NULL: plain; the holder's to put */
};

/* The file's settings, in the tool's arena; an empty list when `path` is NULL. 0, or -1 and the failure is
 * set. */
int client_properties(struct tool *t, const char *path, struct properties *out);
/* 0, or -1 and the failure is set: a value that is none, a certificate that cannot be read, SASL. */
int client_settings(struct tool *t, const struct properties *p, struct client_settings *out);

#endif
