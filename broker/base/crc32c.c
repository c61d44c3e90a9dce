/* crc32c.c - the two checksums, by ISA-L. */
#include "broker/base/crc32c.h"

#include "broker/base/must.h"

#include <isa-l/crc.h>

enum { CRC_PIECE_BYTES = 1 << 30 }; /* ISA-L counts in int */

uint32_t crc32c_more(uint32_t crc, const void *p, size_t n)
{
	/* The library takes a pointer that is not const, and does not write through it. */
	unsigned char *bytes = (unsigned char *)(uintptr_t)p;
	uint32_t state = ~crc;

	must(p != NULL || n == 0);
	while (n > CRC_PIECE_BYTES) {
		state = crc32_iscsi(bytes, CRC_PIECE_BYTES, state);
		bytes += CRC_PIECE_BYTES;
		n -= CRC_PIECE_BYTES;
	}
	if (n > 0)
		state = crc32_iscsi(bytes, (int)n, state);
	return ~state;
}

uint32_t crc32c(const void *p, size_t n)
{
	return crc32c_more(0, p, n);
}

uint32_t crc32_zlib(const void *p, size_t n)
{
	must(p != NULL || n == 0);
	return n == 0 ? 0 : crc32_gzip_refl(0, p, n);
}
