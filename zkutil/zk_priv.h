/* zk_priv.h - for the implementations of zk.h. */
#ifndef SAMSA_ZKUTIL_ZK_PRIV_H
#define SAMSA_ZKUTIL_ZK_PRIV_H

#include "zkutil/zk.h"

/* Frees the answer; the request may be sent again. */
void zk_req_forget(struct zk_req *r);
/* Once err and the ops' own errors are in: what the caller of a single, perhaps guarded write sees. */
void zk_req_settle(struct zk_req *r);
/* Of paths and data; what ZK_MAX_BUFFER_BYTES limits. */
uint32_t zk_req_bytes(const struct zk_req *r);

#endif
