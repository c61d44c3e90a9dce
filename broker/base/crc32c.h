/* crc32c.h - the two checksums of Kafka's files: CRC-32C for magic 2, snapshots; CRC-32 for messages of magic
 * 0 and 1.
 *
 * ISA-L chooses the widest instructions of the CPU when it is loaded.
 */
#ifndef SAMSA_BASE_CRC32C_H
#define SAMSA_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli) of `n` bytes. */
uint32_t crc32c(const void *p, size_t n);
/* Goes on: `crc` is that of the bytes before; 0 for none. */
uint32_t crc32c_more(uint32_t crc, const void *p, size_t n);
/* CRC-32 (IEEE 802.3, as zlib and gzip have it). */
uint32_t crc32_zlib(const void *p, size_t n);

#endif
