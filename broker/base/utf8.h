/* utf8.h - where the characters of a UTF-8 text end. */
#ifndef SAMSA_BASE_UTF8_H
#define SAMSA_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, as Java reads what is no character */

/* Bytes of the character at `s`, which has at least one; 0 where there is none. */
static inline unsigned utf8_width(const uint8_t *s, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const uint8_t widths[] = { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4 };
	unsigned width = s[0] < 0xf8 ? widths[s[0] >> 4] : 0;
	if (width == 0 || width > n)
		return 0;
	uint32_t c = width == 1 ? s[0] : s[0] & (0xffu >> (width + 1));
	for (unsigned i = 1; i < width; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least[width] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? width : 0;
}

#endif
