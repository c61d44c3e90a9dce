/* client_info.h - who a connection's client says it is: ApiVersions from version 3 on (KIP-511). Kept by the
 * connection, and counted among the kinds of its core. On that core.
 */
#ifndef SAMSA_API_CLIENT_INFO_H
#define SAMSA_API_CLIENT_INFO_H

#include "broker/api/api.h"

enum { CLIENT_TEXT_BYTES = 128 }; /* a longer name is cut */

/* The connection begins: its client is not known yet, how it speaks TLS is. */
void client_info_open(struct api_core *core, struct conn *conn);
/* Nothing when the connection has ended. */
void client_info_set(struct api_core *core, struct conn *conn, struct slice name, struct slice version);
/* The connection ends. */
void client_info_close(struct api_core *core, struct conn *conn);

/* "unknown" when it was not told, or the connection has ended. */
const char *client_name(const struct conn *conn);
const char *client_version(const struct conn *conn);

/* A request was answered: counts it when its version is deprecated, as all the kinds that it is of. */
void client_info_answered(const struct request *req);

#endif
