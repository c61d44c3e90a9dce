/* kafka_names.h - Java's names of a producer's and a consumer's settings as librdkafka's. */
#ifndef SAMSA_TOOLS_KAFKA_NAMES_H
#define SAMSA_TOOLS_KAFKA_NAMES_H

#include "tools/kafka.h"

/* What is to be set, in order, with librdkafka's names; `own` is for us. */
struct kafka_names {
	struct properties set;
	int64_t max_block_ms;
	/* a PKCS12 file whose certificates are trusted; or NULL */
	const char *truststore, *truststore_password;
};

/* 0, or -1 and the failure is set. Java's defaults first, where librdkafka has others. */
int kafka_names(struct tool *t, enum kafka_kind kind, const struct properties *settings,
	struct kafka_names *out);

#endif
