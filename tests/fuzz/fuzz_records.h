/* fuzz_records.h - the fuzz entries of record batches and codecs, and how a golden batch becomes their
 * input. */
#ifndef SAMSA_TESTS_FUZZ_RECORDS_H
#define SAMSA_TESTS_FUZZ_RECORDS_H

#include "tests/fuzz/fuzz.h"

enum { FUZZ_HEAD_BYTES = 2 };

/* Writes FUZZ_HEAD_BYTES and what follows them to `out`, which has room for n + FUZZ_HEAD_BYTES. How many
 * bytes; 0 when the batch is nothing for this entry. */
size_t fuzz_input_of(const uint8_t *batch, size_t n, uint8_t *out);

#endif
