/* kerr.h - the error codes that travel to Kafka clients. The table is kerr.tbl. */
#ifndef SAMSA_BASE_KERR_H
#define SAMSA_BASE_KERR_H

#include <stdbool.h>
#include <stdint.h>

enum kerr {
#define X(code, name, retriable, refreshes) KERR_##name = code,
#include "broker/base/kerr.tbl"
#undef X
};

/* "NOT_LEADER_OR_FOLLOWER"; "UNKNOWN" for a code outside the table. */
const char *kerr_name(int code);
bool kerr_is_retriable(int code);

#endif
