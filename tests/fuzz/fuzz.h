/* fuzz.h - what a fuzz program offers to libFuzzer and to a plain driver. */
#ifndef SAMSA_TESTS_FUZZ_H
#define SAMSA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

#endif
