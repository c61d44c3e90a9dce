/* admin.h - a client of a cluster's brokers, for one command: each call waits in the command's fiber.
 *
 * Everything here belongs to the command's one reactor. What an answer points to lives in the tool's arena,
 * as long as the command. Errors are -1 with the tool's failure set, in the words that Kafka's admin client
 * has for them.
 *
 *	struct admin *a = admin_open(t, "host:9092", NULL);
 *	admin_begin(a, "deleteGroups", 0);
 *	do {
 *		if (admin_call(a, node, KAPI_DELETE_GROUPS, &request, &response) < 0)
 *			return -1;
 *	} while (admin_again(a, response.error_code));
 */
#ifndef SAMSA_TOOLS_ADMIN_H
#define SAMSA_TOOLS_ADMIN_H

#include "broker/protocol/kapi.h"
#include "tools/command.h"

#include <stdint.h>

enum {
	ADMIN_ANY = -1,        /* whichever broker answers */
	ADMIN_CONTROLLER = -2, /* who is the controller now */
	ADMIN_RESPONSE_MAX_BYTES = 256 << 20,
};

struct admin;

struct admin_broker {
	int32_t id;
	const char *host;
	int32_t port;
	const char *rack; /* NULL: none */
};

/* NULL and the failure is set. `config_path` may be NULL. No connection is made yet. */
struct admin *admin_open(struct tool *t, const char *bootstrap, const char *config_path);
void admin_close(struct admin *a); /* NULL: nothing */

/* In place of default.api.timeout.ms. */
void admin_set_timeout(struct admin *a, int64_t timeout_ms);
/* What follows is one piece of work, `call` its name in Kafka's admin client; all of it together may take
 * `timeout_ms`, 0: default.api.timeout.ms. */
void admin_begin(struct admin *a, const char *call, int64_t timeout_ms);
/* Asks `node`, in the newest version that both know. Goes on trying while it cannot be reached and time is
 * left. */
int admin_call(struct admin *a, int32_t node, int key, const void *request, void *response);
/* The version that admin_call() would use; what it lacks must not be set in the request. -1 and the failure
 * when there is none. */
int admin_version(struct admin *a, int32_t node, int key);
/* Whether it serves that API at all; a broker that cannot be reached serves nothing. */
bool admin_serves(struct admin *a, int32_t node, int key);
/* Whether an answer with this error is to be asked for again: it passes, and time is left. Waits a while
 * first and looks at the cluster anew. */
bool admin_again(struct admin *a, int code);
/* The same for work that must not be done twice: only when it was not begun, as the controller is elsewhere.
 */
bool admin_moved(struct admin *a, int code);

/* Who is there, asked for anew: the brokers in the order of the answer. */
int admin_look(struct admin *a);
const struct admin_broker *admin_brokers(const struct admin *a, unsigned *n);
const struct admin_broker *admin_broker_of(const struct admin *a, int32_t id);
const char *admin_cluster_id(const struct admin *a);
/* All that a broker says it serves; NULL and the failure is set. */
struct api_versions_response;
const struct api_versions_response *admin_served(struct admin *a, int32_t node);

#endif
