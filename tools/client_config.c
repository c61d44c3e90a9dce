/* client_config.c - see client_config.h. */
#include "tools/client_config.h"

#include "broker/base/must.h"
#include "broker/net/tlsctx.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

int client_properties(struct tool *t, const char *path, struct properties *out)
{
	struct slice text;
	uint32_t line = 0;
	*out = (struct properties){ 0 };
	if (!path)
		return 0;
	if (tool_read_file(t, path, &text) < 0)
		return -1;
	enum properties_error e = properties_read(out, &t->arena, path, text, &line);
	if (e == PROPERTIES_OK)
		return 0;
	properties_free(out);
	return tool_fail(
		t, "IllegalArgumentException", "%s, line %u: %s", path, line, properties_error_text(e));
}

static const char *text(const struct properties *p, const char *name, const char *fallback)
{
	const struct property *found = properties_find(p, name);
	return found ? found->value : fallback;
}

/* As Kafka's ConfigDef says it. */
static int number(struct tool *t, const struct properties *p, const char *name, int64_t fallback,
	int64_t least, int64_t *out)
{
	const char *s = text(p, name, NULL);
	char *end;
	*out = fallback;
	if (!s)
		return 0;
	errno = 0;
	*out = strtoll(s, &end, 10);
	if (end == s || *end || errno || *out > INT32_MAX)
		return tool_fail(t, "ConfigException",
			"Invalid value %s for configuration %s: Not a number of type INT", s, name);
	if (*out < least)
		return tool_fail(t, "ConfigException",
			"Invalid value %s for configuration %s: Value must be at least %d", s, name,
			(int)least);
	return 0;
}

static int read_tls(struct tool *t, const struct properties *p, struct tlsctx **out)
{
	char error[TLS_ERROR_BYTES];
	const struct tls_config config = {
		.keystore_type = text(p, "ssl.keystore.type", NULL),
		.keystore_location = text(p, "ssl.keystore.location", NULL),
		.keystore_password = text(p, "ssl.keystore.password", NULL),
		.keystore_key = text(p, "ssl.keystore.key", NULL),
		.keystore_chain = text(p, "ssl.keystore.certificate.chain", NULL),
		.key_password = text(p, "ssl.key.password", NULL),
		.truststore_type = text(p, "ssl.truststore.type", NULL),
		.truststore_location = text(p, "ssl.truststore.location", NULL),
		.truststore_password = text(p, "ssl.truststore.password", NULL),
		.truststore_certs = text(p, "ssl.truststore.certificates", NULL),
		.enabled_protocols = text(p, "ssl.enabled.protocols", NULL),
		.cipher_suites = text(p, "ssl.cipher.suites", NULL),
		.check_host = strcasecmp(text(p, "ssl.endpoint.identification.algorithm", "https"),
				      "https") == 0,
	};
	*out = tlsctx_client(&config, error);
	return *out ? 0 : tool_fail(t, "KafkaException", "Failed to create new KafkaAdminClient: %s", error);
}

static int protocol(struct tool *t, const struct properties *p, struct tlsctx **tls)
{
	const char *name = text(p, "security.protocol", "PLAINTEXT");
	*tls = NULL;
	if (strcasecmp(name, "PLAINTEXT") == 0)
		return 0;
	if (strcasecmp(name, "SSL") == 0)
		return read_tls(t, p, tls);
	if (strcasecmp(name, "SASL_PLAINTEXT") == 0 || strcasecmp(name, "SASL_SSL") == 0)
		return tool_fail(t, "ConfigException",
			"security.protocol=%s: the commands of Samsa cannot log in by "
			"SASL; PLAINTEXT and SSL are what they can use",
			name);
	return tool_fail(t, "ConfigException",
		"Invalid value %s for configuration security.protocol: String must be "
		"one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT",
		name);
}

int client_settings(struct tool *t, const struct properties *p, struct client_settings *out)
{
	*out = (struct client_settings){ .client_id = text(p, "client.id", "adminclient-1") };
	if (number(t, p, "request.timeout.ms", 30000, 0, &out->request_timeout_ms) < 0 ||
		number(t, p, "default.api.timeout.ms", 60000, 0, &out->api_timeout_ms) < 0 ||
		number(t, p, "socket.connection.setup.timeout.ms", 10000, 0, &out->connect_timeout_ms) < 0 ||
		number(t, p, "retry.backoff.ms", 100, 0, &out->backoff_ms) < 0 ||
		number(t, p, "retry.backoff.max.ms", 1000, 0, &out->backoff_max_ms) < 0 ||
		number(t, p, "send.buffer.bytes", 131072, -1, &out->send_buffer_bytes) < 0 ||
		number(t, p, "receive.buffer.bytes", 65536, -1, &out->receive_buffer_bytes) < 0)
		return -1;
	if (out->api_timeout_ms < out->request_timeout_ms)
		return tool_fail(t, "ConfigException",
			"The specified value of default.api.timeout.ms must be no smaller than the value of "
			"request.timeout.ms.");
	return protocol(t, p, &out->tls);
}
