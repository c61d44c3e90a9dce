/* listeners.h - where the broker listens and what it tells others: listeners, advertised.listeners and
 * listener.security.protocol.map. Facts: SocketServerConfigs, EndPoint, CoreUtils.listenerListToEndPoints
 * of 3.9.
 */
#ifndef SAMSA_CONFIG_LISTENERS_H
#define SAMSA_CONFIG_LISTENERS_H

#include "broker/base/arena.h"
#include "broker/config/problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LISTENERS_MAX = 32,
	LISTENER_NAME_BYTES = 128,
};

/* The numbers are those of UpdateMetadata and the broker's znode (SecurityProtocol.id). */
enum listener_protocol {
	LISTENER_PLAINTEXT,
	LISTENER_SSL,
	LISTENER_SASL_PLAINTEXT,
	LISTENER_SASL_SSL,
	LISTENER_PROTOCOLS,
};

struct config;

struct listener {
	const char *name; /* upper case */
	enum listener_protocol protocol;
	const char *host; /* NULL: every address, or this machine's own name where it is advertised; IPv6 bare
			   */
	uint16_t port;
	const struct config *config; /* the broker's, with this listener's listener.name.<name>. keys over it
				      */
};

struct listeners {
	struct listener v[LISTENERS_MAX];
	uint32_t n;
};

const char *listener_protocol_name(enum listener_protocol p);
static inline bool listener_is_tls(const struct listener *l)
{
	return l->protocol == LISTENER_SSL || l->protocol == LISTENER_SASL_SSL;
}
static inline bool listener_is_sasl(const struct listener *l)
{
	return l->protocol == LISTENER_SASL_PLAINTEXT || l->protocol == LISTENER_SASL_SSL;
}
/* By name, in any case; NULL when there is none. */
const struct listener *listeners_find(const struct listeners *ls, const char *name);
/* "PLAINTEXT://host:9092" */
const char *listener_text(struct arena *a, const struct listener *l);

/* A name and what it speaks, of listener.security.protocol.map. */
struct listener_map {
	struct {
		const char *name;
		enum listener_protocol protocol;
	} v[LISTENERS_MAX];
	uint32_t n;
};

/* Both tell all problems and return 0 or -1. */
int listener_map_parse(struct arena *a, const char *text, struct listener_map *out,
	struct problems *problems);
/* `distinct_ports`: as for listeners; advertised ones may share a port. `.config` is left NULL. */
int listeners_parse(struct arena *a, const char *text, const struct listener_map *map, bool distinct_ports,
	struct listeners *out, struct problems *problems);
/* What the map says of a name; -1 when nothing. */
int listener_map_find(const struct listener_map *map, const char *name);

#endif
