/* link_priv.h - one connection of a command to one broker, whose calls wait in the command's fiber.
 *
 *	link_new -> [link_open -> link_call ... -> the peer ends it, or a deadline does] as often as need be
 * -> link_free
 */
#ifndef SAMSA_TOOLS_LINK_PRIV_H
#define SAMSA_TOOLS_LINK_PRIV_H

#include "broker/protocol/kapi.h"
#include "broker/reactor/fiber.h"
#include "tools/client_config.h"
#include "api_versions.kmsg.h"

#include <stdint.h>

enum { LINK_WHY_BYTES = 600 };

struct client;

struct link_to_broker {
	unsigned magic;
	struct tool *tool;
	const struct client_settings *settings;
	int32_t id; /* the broker's; below -1 one of the bootstrap list, as Kafka counts them */
	const char *host;
	uint16_t port;
	struct client *client;      /* NULL: not connected */
	bool open;                  /* requests may be sent */
	struct fiber_event settled; /* it is open, or has ended */
	struct api_versions_response served;
	int error; /* why it ended last: negative errno */
	char why[LINK_WHY_BYTES];
};

struct link_to_broker *link_new(
	struct tool *t, const struct client_settings *settings, int32_t id, const char *host, uint16_t port);
void link_free(struct link_to_broker *l);
/* Connects and asks what the broker serves, when it is not connected. 0 or -errno; `why` says it in words. */
int link_open(struct link_to_broker *l, int64_t timeout_ms);
/* The version both know best, or -1; *lowest, *highest what the broker serves (-1: nothing). */
int link_version(const struct link_to_broker *l, const struct kapi *api, int *lowest, int *highest);
/* One request and its answer. 0, -errno when the connection ended or time was up, -EBADMSG for bytes that are
 * none. */
int link_call(struct link_to_broker *l, const struct kapi *api, int version, const void *request,
	void *response, int64_t timeout_ms);

#endif
