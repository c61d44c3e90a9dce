/* kapi.h - what messages and APIs there are, as data. The tables are generated. */
#ifndef SAMSA_PROTOCOL_KAPI_H
#define SAMSA_PROTOCOL_KAPI_H

#include "broker/protocol/kmsg.h"
#include "kapi_table.h"

enum kmsg_kind { KMSG_REQUEST, KMSG_RESPONSE, KMSG_HEADER, KMSG_DATA };

/* A message whose type the caller need not know; `m` points to `size` bytes. */
struct kmsg {
	const char *name; /* Kafka's: "FetchResponse" */
	enum kmsg_kind kind;
	int16_t min, max; /* versions */
	size_t size;
	int (*decode)(struct kdec *d, int version, void *m);
	void (*encode)(struct kenc *e, int version, const void *m);
	void (*dump)(struct kdump *k, int version, const void *m);
	void (*defaults)(void *m);
};

struct kapi {
	int16_t key;
	const char *name;        /* Kafka's: "Fetch" */
	int16_t min, max;        /* versions whose bytes are known; api/ decides which are served */
	int16_t first_flexible;  /* INT16_MAX: never */
	int16_t bare_request;    /* the last version with request header v0, or -1 */
	int16_t bare_response;   /* the last version that has response header v0 though flexible, or -1 */
	const struct kmsg *request, *response;
};

extern const struct kmsg kmsgs[];
extern const size_t kmsgs_count;
extern const struct kapi kapis[]; /* by key */
extern const size_t kapis_count;

/* NULL when there is no such API. */
const struct kapi *kapi_find(int key);
/* By Kafka's name; NULL when there is none. */
const struct kmsg *kmsg_find(const char *name);

/* Which header goes before the message; also for versions above `max`, which ApiVersions must answer. */
int kapi_request_header(const struct kapi *api, int version);
int kapi_response_header(const struct kapi *api, int version);

#endif
