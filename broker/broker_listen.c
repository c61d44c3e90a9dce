/* broker_listen.c - from listeners and ssl.* keys to the net object. */
#include "broker/broker_priv.h"

#include "broker/base/log.h"
#include "broker/base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGGER "kafka.network.SocketServer"

enum {
	PLAN_ARENA_BYTES = 2 * CONFIG_ARENA_BYTES,
	FRAME_BEFORE_AUTH_BYTES = 512 * 1024, /* sasl.server.max.receive.size's default */
	/* Connections leave the other open files to logs: one that cannot be opened fails its disk. */
	CONNECTIONS_SHARES = 3,
	FDS_SHARES = 4,
};

static const char *joined(struct arena *a, const struct config_list *list)
{
	struct config_value v = { .list = *list };
	return list->n > 0 ? config_value_text(a, CONFIG_LIST, &v) : NULL;
}

/* What the net object is told; its text lies in the arena or the configuration. */
struct plan {
	struct arena arena;
	struct net_config net;
	struct net_listener listeners[LISTENERS_MAX];
	struct tls_config tls[LISTENERS_MAX];
};

static enum tls_client_auth client_auth(const char *text)
{
	if (strcmp(text, "required") == 0)
		return TLS_CLIENT_AUTH_REQUIRED;
	return strcmp(text, "requested") == 0 ? TLS_CLIENT_AUTH_REQUESTED : TLS_CLIENT_AUTH_NONE;
}

static struct tls_config tls_of(struct arena *a, const struct config *c, bool of_brokers)
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
		.enabled_protocols = joined(a, &c->ssl_enabled_protocols),
		.cipher_suites = joined(a, &c->ssl_cipher_suites),
		.client_auth = client_auth(c->ssl_client_auth),
		.allow_dn_changes = c->ssl_allow_dn_changes,
		.allow_san_changes = c->ssl_allow_san_changes,
		.of_brokers = of_brokers,
	};
}

static void plan_listener(struct plan *plan, struct broker *b, const struct config *c, uint32_t i)
{
	const struct listener *l = &c->listening.v[i];
	const struct config *own = config_for_listener(c, l);
	bool of_brokers = c->inter_broker && strcmp(l->name, c->inter_broker->name) == 0;
	plan->listeners[i] = (struct net_listener){
		.name = l->name,
		.host = l->host ? l->host : "",
		.port = l->port,
		.sasl = listener_is_sasl(l),
		.inter_broker = of_brokers,
		.max_connections = own->max_connections,
		.max_creation_rate = own->max_connection_creation_rate,
		.idle_ms = c->connections_max_idle_ms,
		.user = &b->api,
	};
	if (!listener_is_tls(l))
		return;
	plan->tls[i] = tls_of(&plan->arena, own, of_brokers);
	plan->listeners[i].tls = &plan->tls[i];
	plan->listeners[i].principal_rules = own->ssl_principal_mapping_rules;
}

int64_t broker_frames_bytes(const struct broker *b)
{
	int64_t all = b->config->queued_max_request_bytes;
	return all > 0 ? max_of(all / b->n_cores, 1) : -1;
}

static int64_t connections_max(const struct config *c)
{
	struct sys_process process;
	int64_t asked = c->max_connections;
	sys_process(&process);
	int64_t share = process.fds_max / FDS_SHARES * CONNECTIONS_SHARES;
	return share > 0 ? min_of(asked, share) : asked;
}

int64_t broker_connections_max(const struct broker *b)
{
	return connections_max(dynamic_now(b->dynamic));
}

static struct net_ip_limit *plan_ip_limits(struct arena *a, const struct config *c)
{
	struct net_ip_limit *v = arena_array(a, c->ip_limit_hosts.n, sizeof *v);
	must(v != NULL);
	for (uint32_t i = 0; i < c->ip_limit_hosts.n; i++)
		v[i] = (struct net_ip_limit){ c->ip_limit_hosts.v[i], c->ip_limit_counts[i] };
	return v;
}

static struct plan *plan_new(struct broker *b, const struct config *c)
{
	struct plan *plan = mem_zalloc(sizeof *plan);
	arena_init(&plan->arena, PLAN_ARENA_BYTES);
	for (uint32_t i = 0; i < c->listening.n; i++)
		plan_listener(plan, b, c, i);
	plan->net = (struct net_config){
		.listeners = plan->listeners,
		.n_listeners = (int)c->listening.n,
		.backlog = c->socket_listen_backlog_size,
		.send_buffer_bytes = config_is_set(c, CK_socket_send_buffer_bytes)
			? c->socket_send_buffer_bytes : -1,
		.receive_buffer_bytes = config_is_set(c, CK_socket_receive_buffer_bytes)
						? c->socket_receive_buffer_bytes : -1,
		.frame_max_bytes = (uint32_t)c->socket_request_max_bytes,
		.frame_max_before_auth_bytes = FRAME_BEFORE_AUTH_BYTES,
		.frames_max_bytes = broker_frames_bytes(b),
		.max_connections = connections_max(c),
		.max_creation_rate = c->max_connection_creation_rate,
		.max_per_ip = c->max_connections_per_ip,
		.ip_limits = plan_ip_limits(&plan->arena, c),
		.n_ip_limits = (int)c->ip_limit_hosts.n,
		.events = &api_conn_events,
	};
	return plan;
}

static void plan_free(struct plan *plan)
{
	arena_free(&plan->arena);
	free(plan);
}

static void say_where(const struct broker *b, const struct listener *l, int i)
{
	log_info("kafka.network.DataPlaneAcceptor", "Awaiting socket connections on %s:%u.",
		 l->host ? l->host : "0.0.0.0", net_listener_address(b->net, i)->port);
}

void broker_bind(void *arg)
{
	struct broker *b = arg;
	const struct config *c = dynamic_now(b->dynamic);
	struct plan *plan = plan_new(b, c);
	b->net = net_new(&plan->net, b->reactors, b->n_cores, b->why);
	for (uint32_t i = 0; b->net && i < c->listening.n; i++)
		say_where(b, &c->listening.v[i], (int)i);
	plan_free(plan);
}

/* ---- while it runs ---- */

bool broker_may_listen(struct broker *b, const struct config *fresh, char why[TLS_ERROR_BYTES])
{
	struct plan *plan = plan_new(b, fresh);
	int rc = net_prove(b->net, b->control, &plan->net, why);
	plan_free(plan);
	return rc == 0;
}

static bool is_same_place(const struct listener *a, const struct listener *b)
{
	bool same_host = a->host && b->host ? strcmp(a->host, b->host) == 0 : a->host == b->host;
	return a->port == b->port && same_host;
}

/* "INSIDE://host:1,OUTSIDE://host:2", of those of `a` that are not as they are in `b`. */
static const char *others(struct arena *arena, const struct config *a, const struct config *b)
{
	const char *text = "";
	for (uint32_t i = 0; i < a->listening.n; i++) {
		const struct listener *l = &a->listening.v[i];
		const struct listener *same = listeners_find(&b->listening, l->name);
		if (!same || !is_same_place(l, same))
			text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "",
					    listener_text(arena, l));
	}
	return text;
}

static void say_listeners(struct arena *arena, const struct config *old, const struct config *fresh)
{
	const char *removed = others(arena, old, fresh), *added = others(arena, fresh, old);
	if (*removed)
		log_info(LOGGER, "Removing data-plane listeners for endpoints %s", removed);
	if (*added)
		log_info(LOGGER, "Adding data-plane listeners for endpoints %s", added);
}

static void say_limits(const struct config *old, const struct config *fresh)
{
	if (fresh->max_connections_per_ip != old->max_connections_per_ip)
		log_info(LOGGER, "Updating maxConnectionsPerIp: %d", fresh->max_connections_per_ip);
	if (strcmp(fresh->max_connections_per_ip_overrides, old->max_connections_per_ip_overrides) != 0)
		log_info(LOGGER, "Updating maxConnectionsPerIpOverrides: %s",
			 log_safe(slice_str(fresh->max_connections_per_ip_overrides)).s);
	if (fresh->max_connections != old->max_connections)
		log_info(LOGGER, "Updating broker-wide maxConnections: %d", fresh->max_connections);
	if (fresh->max_connection_creation_rate != old->max_connection_creation_rate)
		log_info(LOGGER, "Updating broker-wide maxConnectionCreationRate: %d",
			 fresh->max_connection_creation_rate);
}

bool broker_listen_anew(struct broker *b, const struct config *fresh, char why[TLS_ERROR_BYTES])
{
	const struct config *old = dynamic_now(b->dynamic);
	struct plan *plan = plan_new(b, fresh);
	say_listeners(&plan->arena, old, fresh);
	int rc = net_change(b->net, b->control, &plan->net, why);
	for (uint32_t i = 0; rc == 0 && i < fresh->listening.n; i++) {
		const struct listener *l = &fresh->listening.v[i];
		const struct listener *same = listeners_find(&old->listening, l->name);
		if (!same || !is_same_place(l, same))
			say_where(b, l, (int)i);
	}
	if (rc == 0)
		say_limits(old, fresh);
	plan_free(plan);
	return rc == 0;
}
