/* handlers.h - one handler for each row of api.tbl; each answers its request, at once or later. */
#ifndef SAMSA_API_HANDLERS_H
#define SAMSA_API_HANDLERS_H

struct request;

#define A(key, name, min, max, where) void handle_##name(struct request *req);
#include "broker/api/api.tbl"
#undef A

/* An ApiVersions request of a version that is not known: answered in version 0 (KIP-511). */
void handle_unknown_api_versions(struct request *req);

#endif
