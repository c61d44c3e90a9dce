/* ibp.h - the versions that inter.broker.protocol.version and log.message.format.version may name.
 * Fact: org.apache.kafka.server.common.MetadataVersion of 3.9.
 */
#ifndef SAMSA_CONFIG_IBP_H
#define SAMSA_CONFIG_IBP_H

enum ibp {
#define X(symbol, name, release) IBP_##symbol,
#include "broker/config/ibp.tbl"
#undef X
	IBP_COUNT,
	IBP_LATEST = IBP_3_9_IV0, /* those after it are unstable */
};

/* "3.9", "3.9.2" and "3.9-IV0" alike; a release means its last version. -1 when there is none such. */
int ibp_parse(const char *text);
const char *ibp_name(enum ibp v);    /* "3.9-IV0" */
const char *ibp_release(enum ibp v); /* "3.9" */
/* The record format (0, 1, 2) that `v` may write. */
int ibp_record_format(enum ibp v);
/* The first release that may write that record format: "0.10.0". */
const char *ibp_for_record_format(int format);

#endif
