/* broker_listen.c - from listeners and ssl.* keys to the net object. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/principal_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_BEFORE_AUTH_BYTES = 512 * 1024, /* sasl.server.max.receive.size's default */
	/* Connections leave the other open files to logs: one that cannot be opened fails its disk. */
	CONNECTIONS_SHARES = 3,
	FDS_SHARES = 4,
};

static const char *joined(const struct config_list *list)
{
	if (list->n == 0)
		return NULL;
	size_t n = 1;
	for (uint32_t i = 0; i < list->n; i++)
		n += strlen(list->v[i]) + 1;
	char *text = mem_zalloc(n), *end = text;
	for (uint32_t i = 0; i < list->n; i++)
		end += snprintf(end, n - (size_t)(end - text), "%s%s", i > 0 ? "," : "", list->v[i]);
	return text;
}

static enum tls_client_auth client_auth(const char *text)
{
	if (strcmp(text, "required") == 0)
		return TLS_CLIENT_AUTH_REQUIRED;
	return strcmp(text, "requested") == 0 ? TLS_CLIENT_AUTH_REQUESTED : TLS_CLIENT_AUTH_NONE;
}

static struct tls_config tls_of(const struct config *c)
{
	return (struct tls_config){
		.keystore_type = c->ssl_keystore_type,
		.keystore_location = c->ssl_keystore_location,
		.keystore_password = c->ssl_keystore_password,
		.keystore_key = c->ssl_keystore_key,
		.keystore_chain = c->ssl_keystore_certificate_chain,
		.key_password = c->ssl_key_password,
		.truststore_type = c->ssl_truststore_type,
		.truststore_location = c->ssl_truststore_location,
		.truststore_password = c->ssl_truststore_password,
		.truststore_certs = c->ssl_truststore_certificates,
		.enabled_protocols = joined(&c->ssl_enabled_protocols),
		.cipher_suites = joined(&c->ssl_cipher_suites),
		.client_auth = client_auth(c->ssl_client_auth),
		.allow_dn_changes = c->ssl_allow_dn_changes,
		.allow_san_changes = c->ssl_allow_san_changes,
	};
}

static int64_t limit_of(const struct listener *l, enum config_key key, int64_t value)
{
	/* Only a listener's own key limits the listener; the plain one limits the broker. */
	return config_is_set(l->config, key) && l->config->is_view ? value : -1;
}

static void make_listener(struct broker *b, uint32_t i)
{
	const struct listener *l = &b->config->listening.v[i];
	struct net_listener *out = &b->listeners[i];
	*out = (struct net_listener){
		.name = l->name,
		.host = l->host ? l->host : "",
		.port = l->port,
		.sasl = listener_is_sasl(l),
		.inter_broker = b->config->inter_broker &&
			strcmp(l->name, b->config->inter_broker->name) == 0,
		.max_connections = limit_of(l, CK_max_connections, l->config->max_connections),
		.max_creation_rate = limit_of(l, CK_max_connection_creation_rate,
					      l->config->max_connection_creation_rate),
		.idle_ms = b->config->connections_max_idle_ms,
		.user = &b->api,
	};
	if (listener_is_tls(l)) {
		b->tls[i] = tls_of(l->config);
		out->tls = &b->tls[i];
		out->principals = b->principals[i] =
			principal_rules_parse(l->config->ssl_principal_mapping_rules, b->why);
	}
}

int64_t broker_frames_bytes(const struct broker *b)
{
	int64_t all = b->config->queued_max_request_bytes;
	return all > 0 ? max_of(all / b->n_cores, 1) : -1;
}

int64_t broker_connections_max(const struct broker *b)
{
	struct sys_process process;
	int64_t asked = b->config->max_connections;
	sys_process(&process);
	int64_t share = process.fds_max / FDS_SHARES * CONNECTIONS_SHARES;
	return share > 0 ? min_of(asked, share) : asked;
}

void broker_bind(void *arg)
{
	struct broker *b = arg;
	const struct config *c = b->config;
	uint32_t n = c->listening.n;
	b->listeners = mem_zalloc(n * sizeof *b->listeners);
	b->tls = mem_zalloc(n * sizeof *b->tls);
	b->principals = mem_zalloc(n * sizeof *b->principals);
	b->ip_limits = mem_zalloc((c->ip_limit_hosts.n + 1) * sizeof *b->ip_limits);
	for (uint32_t i = 0; i < n; i++)
		make_listener(b, i);
	for (uint32_t i = 0; i < c->ip_limit_hosts.n; i++)
		b->ip_limits[i] = (struct net_ip_limit){ c->ip_limit_hosts.v[i], c->ip_limit_counts[i] };
	struct net_config net = {
		.listeners = b->listeners,
		.n_listeners = (int)n,
		.backlog = c->socket_listen_backlog_size,
		.send_buffer_bytes = config_is_set(c, CK_socket_send_buffer_bytes)
			? c->socket_send_buffer_bytes : -1,
		.receive_buffer_bytes = config_is_set(c, CK_socket_receive_buffer_bytes)
						? c->socket_receive_buffer_bytes : -1,
		.frame_max_bytes = (uint32_t)c->socket_request_max_bytes,
		.frame_max_before_auth_bytes = FRAME_BEFORE_AUTH_BYTES,
		.frames_max_bytes = broker_frames_bytes(b),
		.max_connections = broker_connections_max(b),
		.max_creation_rate = c->max_connection_creation_rate,
		.max_per_ip = c->max_connections_per_ip,
		.ip_limits = b->ip_limits,
		.n_ip_limits = (int)c->ip_limit_hosts.n,
		.events = &api_conn_events,
	};
	b->net = net_new(&net, b->reactors, b->n_cores, b->why);
	for (uint32_t i = 0; b->net && i < n; i++) {
		const struct sys_addr *at = net_listener_address(b->net, (int)i);
		log_info("kafka.network.DataPlaneAcceptor", "Awaiting socket connections on %s:%u.",
			 b->listeners[i].host[0] ? b->listeners[i].host : "0.0.0.0", at->port);
	}
}

void broker_unbind(struct broker *b)
{
	if (b->net)
		net_free(b->net);
	for (uint32_t i = 0; b->tls && i < b->config->listening.n; i++) {
		free((char *)b->tls[i].enabled_protocols);
		free((char *)b->tls[i].cipher_suites);
		principal_rules_free(&b->principals[i]);
	}
	free(b->tls);
	free(b->principals);
	free(b->listeners);
	free(b->ip_limits);
}
