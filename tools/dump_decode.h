/* dump_decode.h - what keys and values mean: as text, as numbers, or as Kafka's own topics keep them. */
#ifndef SAMSA_TOOLS_DUMP_DECODE_H
#define SAMSA_TOOLS_DUMP_DECODE_H

#include "broker/protocol/batch.h"
#include "tools/text.h"

#include <stdbool.h>

enum decoder_kind {
	DECODER_STRING,
	DECODER_LONG,
	DECODER_INTEGER,
	DECODER_BYTES,   /* hexadecimal: Kafka prints the address of an object */
	DECODER_OFFSETS, /* __consumer_offsets */
	DECODER_TXNS,    /* __transaction_state */
};

/* By the name of Kafka's class, org.apache.kafka.tools.api.LongDecoder or kafka.serializer.LongDecoder.
 * False: there is none of that name here. */
bool decoder_by_class(const char *name, enum decoder_kind *out);

/* What key and value are to be shown as; what is not there is not added, and told so. */
struct decoded {
	bool has_key, has_value;
	struct text key, value;
};

/* False: it cannot be read, and `why` says so. `key_kind` and `value_kind` are the same for Kafka's own
 * topics. */
bool decode_record(struct decoded *out, const struct record *r, enum decoder_kind key_kind,
	enum decoder_kind value_kind, const char **why);
void decoded_free(struct decoded *d);

/* "Ongoing"; NULL for a number that is no state of a transaction. */
const char *decode_txn_state(int status);

#endif
